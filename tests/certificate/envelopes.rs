//! Every one-byte change of a real envelope, and everything else that can be done to an envelope without the
//! key.
use expunge::certificate::check::{FindingCode, Level, SignatureState};
use expunge::certificate::dsse::{PAYLOAD_TYPE, Signature, pae};
use expunge::certificate::encoding::to_base64;
use expunge::certificate::keyring::{KeyEntry, KeyStatus, Role};
use expunge::certificate::{CheckStatus, Envelope, ExpectedSigner, Keyring, check, inspect, sign};
use expunge::unit::term::Outcome;
use serde_json::{Value, json};

use crate::support::{
    agent_key, every_kind_of_pass, every_outcome, good_job, inspection, keyring, operator_key, range, signed,
    statement, texts, time,
};

#[test]
fn only_a_certificate_passes_and_other_authentic_records_say_so() {
    let mut outcomes = Vec::new();
    for (outcome, statement) in every_outcome() {
        let report = check(&signed(&statement).to_bytes(), &keyring());
        let expected =
            if outcome == Outcome::Done { CheckStatus::Passes } else { CheckStatus::AuthenticOther };
        assert_eq!(report.status, expected, "{outcome:?}\n{}", texts(&report.findings));
        assert_eq!(report.exit_status, if outcome == Outcome::Done { 0 } else { 4 });
        outcomes.push(outcome);
    }
    let all = [
        Outcome::Done,
        Outcome::Written,
        Outcome::Failed,
        Outcome::Partial,
        Outcome::Failed,
        Outcome::Aborted,
        Outcome::Unknown,
        Outcome::Unsanitizable,
    ];
    assert_eq!(outcomes, all);
    for differing in [&[][..], &[range(7, 3)]] {
        let statement = inspect(inspection(differing)).unwrap();
        let report = check(&signed(&statement).to_bytes(), &keyring());
        assert_eq!(report.status, CheckStatus::AuthenticOther, "{}", texts(&report.findings));
    }
    let report = check(&signed(&statement(every_kind_of_pass())).to_bytes(), &keyring());
    assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
}

/// Each position with each flipped bit and with the characters that base64 and JSON give a meaning to.
#[test]
fn every_one_byte_change_fails_or_changes_nothing_that_was_signed() {
    let genuine = signed(&statement(good_job()));
    let bytes = genuine.to_bytes();
    let keyring = keyring();
    assert_eq!(check(&bytes, &keyring).status, CheckStatus::Passes);
    let (mut changes, mut harmless) = (0, 0);
    for position in 0..bytes.len() {
        let flips = (0..8).map(|bit| bytes[position] ^ (1 << bit));
        let replacements: Vec<u8> = flips.chain(*b" \t\n\"\\=-_A").collect();
        for replacement in replacements {
            if replacement == bytes[position] {
                continue;
            }
            let mut changed = bytes.clone();
            changed[position] = replacement;
            changes += 1;
            let report = check(&changed, &keyring);
            if report.status == CheckStatus::DoesNotVerify {
                let why = report.findings.iter().find(|finding| finding.level == Level::Error);
                assert!(why.is_some_and(|finding| !finding.text.is_empty()), "{position} {replacement:#x}");
            } else {
                harmless += 1;
                assert_eq!(Envelope::parse(&changed), Ok(genuine.clone()), "{position} {replacement:#x}");
                assert!(report.has(FindingCode::EnvelopeNotCanonical), "{position} {replacement:#x}");
            }
        }
    }
    // The line feed at the end may be another white space; nothing else has two forms here but the alphabet.
    assert!(changes > 8 * bytes.len() && harmless >= 2, "{changes} changes, {harmless} harmless");
    for position in 0..bytes.len() {
        let shorter = &bytes[..position];
        let report = check(shorter, &keyring);
        assert!(
            report.status == CheckStatus::DoesNotVerify || position == bytes.len() - 1,
            "cut at {position}"
        );
    }
}

#[test]
fn another_way_to_write_the_same_envelope_is_reported() {
    let genuine = signed(&statement(good_job()));
    let text = String::from_utf8(genuine.to_bytes()).unwrap();
    let signature = to_base64(&genuine.signatures()[0].bytes);
    let url_safe = text.replace(&signature, &signature.replace('+', "-").replace('/', "_"));
    assert_ne!(url_safe, text, "the sample has no character that the alphabets differ in");
    for same in [text.replace("\":", "\": "), format!(" {text}"), text.trim().to_owned(), url_safe] {
        let report = check(same.as_bytes(), &keyring());
        assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
        assert!(report.has(FindingCode::EnvelopeNotCanonical));
        assert_eq!(report.pae_sha256, Some(genuine.pae_digest()));
    }
    let report = check(text.as_bytes(), &keyring());
    assert!(!report.has(FindingCode::EnvelopeNotCanonical));
}

fn with(envelope: &Envelope, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(&envelope.to_bytes()).unwrap();
    change(&mut value);
    serde_json::to_vec(&value).unwrap()
}

#[test]
fn envelopes_that_are_no_envelopes_are_named() {
    let genuine = signed(&statement(good_job()));
    let text = String::from_utf8(genuine.to_bytes()).unwrap();
    for bad in [
        with(&genuine, |value| value["signatures"] = json!([])),
        with(&genuine, |value| value["payloadType"] = json!("application/vnd.in-toto.sanitization+json")),
        with(&genuine, |value| value["note"] = json!("x")),
        with(&genuine, |value| value["signatures"][0]["cert"] = json!("x")),
        with(&genuine, |value| value["payload"] = json!("")),
        text.replacen('{', "{\"payloadType\":\"application/vnd.in-toto+json\",", 1).into_bytes(),
        format!("{text}{text}").into_bytes(),
        text.as_bytes()[..text.len() / 2].to_vec(),
        Vec::new(),
    ] {
        let report = check(&bad, &keyring());
        assert_eq!(report.status, CheckStatus::DoesNotVerify, "{}", String::from_utf8_lossy(&bad));
        assert_eq!(report.exit_status, 5);
        assert!(report.findings.iter().any(|finding| finding.level == Level::Error));
    }
}

/// Two signers expected, and what happens when one of them is not there or counts twice.
#[test]
fn a_stripped_or_repeated_signature_shows() {
    let mut job = good_job();
    let (agent, operator) = (agent_key(), operator_key());
    job.provenance
        .expected_signers
        .push(ExpectedSigner { role: Role::Operator, ..ExpectedSigner::agent(&operator.public()) });
    let statement = statement(job);
    let mut person = KeyEntry::active(operator.public(), "A. Technician");
    person.role = Role::Operator;
    let keys = || vec![KeyEntry::active(agent.public(), "host 7"), person.clone()];
    let keyring = Keyring::from_entries(keys()).unwrap();
    let both = sign(&statement, &[&agent, &operator]).unwrap();
    assert_eq!(check(&both.to_bytes(), &keyring).status, CheckStatus::Passes);
    let one = |index: usize| Envelope::new(both.payload().to_vec(), vec![both.signatures()[index].clone()]);
    for index in [0, 1] {
        let report = check(&one(index).to_bytes(), &keyring);
        assert_eq!(report.status, CheckStatus::DoesNotVerify);
        assert!(report.has(FindingCode::ExpectedSignerMissing));
    }
    let twice = Envelope::new(both.payload().to_vec(), vec![both.signatures()[0].clone(); 2]);
    let report = check(&twice.to_bytes(), &keyring);
    assert_eq!(report.status, CheckStatus::DoesNotVerify);
    assert!(report.has(FindingCode::SignatureRepeated) && report.has(FindingCode::ExpectedSignerMissing));
    // The agent's key under the operator's name, and the other way round.
    let mut swapped = both.signatures().to_vec();
    let id = swapped[0].keyid;
    swapped[0].keyid = swapped[1].keyid;
    swapped[1].keyid = id;
    let report = check(&Envelope::new(both.payload().to_vec(), swapped).to_bytes(), &keyring);
    assert!(report.signatures.iter().all(|signature| signature.state == SignatureState::Bad));
    // A key in the wrong role.
    let all_agents = keys().into_iter().map(|entry| KeyEntry { role: Role::Agent, ..entry }).collect();
    let report = check(&both.to_bytes(), &Keyring::from_entries(all_agents).unwrap());
    assert!(report.status == CheckStatus::DoesNotVerify && report.has(FindingCode::RoleMismatch));
}

#[test]
fn an_unknown_signer_is_unaltered_at_best() {
    let genuine = signed(&statement(good_job()));
    for keyring in [
        Keyring::empty(),
        Keyring::from_entries(vec![KeyEntry::active(operator_key().public(), "other")]).unwrap(),
    ] {
        let report = check(&genuine.to_bytes(), &keyring);
        assert_eq!(report.status, CheckStatus::DoesNotVerify);
        assert_eq!(report.exit_status, 5);
        assert!(report.has(FindingCode::UnalteredSignerUnknown), "{}", texts(&report.findings));
        assert!(report.findings[0].text.starts_with("unaltered, signer unknown"));
    }
    // Changed afterwards: then it is not even unaltered.
    let payload = String::from_utf8(genuine.payload().to_vec()).unwrap().replace("ZZ0001", "ZZ0002");
    let changed = Envelope::new(payload.into_bytes(), genuine.signatures().to_vec());
    let report = check(&changed.to_bytes(), &Keyring::empty());
    assert!(report.has(FindingCode::NothingProven) && !report.has(FindingCode::UnalteredSignerUnknown));
    // A forger who puts in a key of their own and signs with it, under the agent's key id or their own.
    let forger = operator_key();
    let mut job = good_job();
    job.provenance.expected_signers = vec![ExpectedSigner::agent(&forger.public())];
    let forged = statement(job);
    let envelope = sign(&forged, &[&forger]).unwrap();
    let report = check(&envelope.to_bytes(), &keyring());
    assert!(report.status == CheckStatus::DoesNotVerify && report.has(FindingCode::UnalteredSignerUnknown));
    let posing =
        Signature { keyid: agent_key().public().id(), bytes: envelope.signatures()[0].bytes.clone() };
    let report = check(&Envelope::new(forged.payload(), vec![posing]).to_bytes(), &keyring());
    assert!(report.status == CheckStatus::DoesNotVerify && report.has(FindingCode::SignatureInvalid));
}

#[test]
fn a_key_counts_by_its_status_and_its_time() {
    let bytes = signed(&statement(good_job())).to_bytes();
    let agent = KeyEntry::active(agent_key().public(), "host 7");
    let judged = |entry: KeyEntry| check(&bytes, &Keyring::from_entries(vec![entry]).unwrap());
    let retired = judged(KeyEntry { status: KeyStatus::Retired, ..agent.clone() });
    assert!(retired.status == CheckStatus::Passes && retired.has(FindingCode::KeyRetired));
    // Even when the compromise is later than the time the record claims: that time is only a claim.
    let stolen =
        KeyEntry { status: KeyStatus::Compromised, compromised_since: Some(time(100_000)), ..agent.clone() };
    let report = judged(stolen);
    assert!(report.status == CheckStatus::DoesNotVerify && report.has(FindingCode::KeyCompromised));
    for (from, to, passes) in [
        (Some(time(0)), Some(time(100)), true),
        (Some(time(101)), None, false),
        (None, Some(time(99)), false),
    ] {
        let report = judged(KeyEntry { not_before: from, not_after: to, ..agent.clone() });
        assert_eq!(report.status == CheckStatus::Passes, passes, "{}", texts(&report.findings));
        assert_eq!(report.has(FindingCode::KeyOutsideItsTime), !passes);
    }
}

/// A signature over the payload alone, or over another payload type, is none.
#[test]
fn what_is_signed_is_the_encoding_with_its_type() {
    let statement = statement(good_job());
    let agent = agent_key();
    let payload = statement.payload();
    for message in [payload.clone(), pae("application/json", &payload)] {
        let signature = Signature { keyid: agent.public().id(), bytes: agent.sign(&message) };
        let envelope = Envelope::new(payload.clone(), vec![signature]);
        assert!(check(&envelope.to_bytes(), &keyring()).has(FindingCode::SignatureInvalid));
    }
    assert_ne!(PAYLOAD_TYPE, "application/json");
}
