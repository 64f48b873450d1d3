//! A genuine signer who lies: what arithmetic finds under a good signature. Each test changes one thing in a
//! genuine record, signs it again with the genuine key, and asks for the finding with the right code.
use expunge::certificate::check::FindingCode::{self, *};
use expunge::certificate::dsse::{PAYLOAD_TYPE, Signature, pae};
use expunge::certificate::{
    BuildFault, CheckReport, CheckStatus, Envelope, RecordInput, Statement, build, check, inspect,
};
use expunge::plan::request::Ratio;
use expunge::plan::{PassPattern, VerificationPlan};
use expunge::unit::term::{DriveKind, Method, Outcome as Ended};
use expunge::unit::{BlockCount, Digest};
use expunge::verify::Ending;
use serde_json::{Value, json};

use crate::support::{
    CAPACITY, FULL, agent_key, eventful_job, every_kind_of_pass, every_outcome, fail_to_write, finished,
    good_job, inspection, interrupted_job, keyring, plan, range, read_tally, statement, texts, time, verdict,
};

/// Signs what somebody made of a statement, as a lying holder of the genuine key would.
pub(crate) fn resigned(statement: &Statement, change: impl FnOnce(&mut Value)) -> CheckReport {
    let mut value: Value = serde_json::from_slice(&statement.payload()).unwrap();
    change(&mut value);
    let payload = serde_json::to_vec(&value).unwrap();
    resigned_bytes(payload)
}

fn resigned_bytes(payload: Vec<u8>) -> CheckReport {
    let agent = agent_key();
    let signature = Signature { keyid: agent.public().id(), bytes: agent.sign(&pae(PAYLOAD_TYPE, &payload)) };
    check(&Envelope::new(payload, vec![signature]).to_bytes(), &keyring())
}

pub(crate) fn finds(statement: &Statement, code: FindingCode, change: impl FnOnce(&mut Value)) {
    let report = resigned(statement, change);
    assert_eq!(report.status, CheckStatus::DoesNotVerify, "{code:?}");
    let found: Vec<FindingCode> = report
        .findings
        .iter()
        .filter(|finding| finding.level == expunge::certificate::check::Level::Error)
        .map(|finding| finding.code)
        .collect();
    assert!(found.contains(&code), "{code:?} not in\n{}", texts(&report.findings));
}

#[test]
fn a_statement_that_was_not_changed_passes_this_way_too() {
    let report = resigned(&statement(good_job()), |_| {});
    assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
}

#[test]
fn counts_that_do_not_add_up() {
    let good = statement(good_job());
    let tally = "/predicate/passes/0/tally";
    finds(&good, PassSum, |value| *at(value, &format!("{tally}/written")) = json!(CAPACITY - 1));
    finds(&good, PassSum, |value| *at(value, &format!("{tally}/written")) = json!(CAPACITY + 1));
    finds(&good, PassSum, |value| {
        *at(value, &format!("{tally}/written")) = json!(CAPACITY - 1);
        *at(value, &format!("{tally}/failed")) = json!([{"first": CAPACITY, "count": 1}]);
    });
    // One block in both sets: each sum alone comes out right for one way of counting it.
    for written in [CAPACITY - 1, CAPACITY - 2] {
        finds(&good, PassSum, |value| {
            *at(value, &format!("{tally}/written")) = json!(written);
            *at(value, &format!("{tally}/failed")) = json!([{"first": 5, "count": 1}]);
            *at(value, &format!("{tally}/unreached")) = json!([{"first": 5, "count": 1}]);
        });
    }
    finds(&good, PassSum, |value| {
        *at(value, &format!("{tally}/written")) = json!(CAPACITY - 2);
        *at(value, &format!("{tally}/failed")) = json!([{"first": 5, "count": 1}]);
        *at(value, &format!("{tally}/unreached")) = json!([{"first": 5, "count": 1}]);
    });
    finds(&good, Outcome, |value| {
        *at(value, &format!("{tally}/written")) = json!(CAPACITY - 1);
        *at(value, &format!("{tally}/failed")) = json!([{"first": 5, "count": 1}]);
    });
    finds(&good, Outcome, |value| *at(value, &format!("{tally}/flush")) = json!("failed"));
    finds(&good, Passes, |value| *at(value, &format!("{tally}/index")) = json!(1));
    let read = "/predicate/verification/tally";
    finds(&good, VerificationSum, |value| *at(value, &format!("{read}/notRead")) = json!(1));
    finds(&good, VerificationSum, |value| *at(value, &format!("{read}/wanted")) = json!(CAPACITY - 1));
    finds(&good, Outcome, |value| {
        *at(value, &format!("{read}/matched")) = json!(CAPACITY - 1);
        *at(value, &format!("{read}/mismatched")) = json!([{"first": 5, "count": 1}]);
        *at(value, "/predicate/exceptions/mismatched") = json!([{"first": 5, "count": 1}]);
    });
    finds(&good, Exceptions, |value| {
        *at(value, "/predicate/exceptions/unreadable") = json!([{"first": 5, "count": 1}]);
    });
    // Overlapping ranges would count a block twice without any sum showing it.
    finds(&good, ValueForm, |value| {
        *at(value, &format!("{tally}/failed")) = json!([{"first": 5, "count": 2}, {"first": 6, "count": 2}]);
    });
}

pub(crate) fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
}

#[test]
fn plans_and_passes_that_do_not_belong_together() {
    let good = statement(every_kind_of_pass());
    finds(&good, Plan, |value| *at(value, "/predicate/planDigest") = json!(Digest::of(b"another plan")));
    finds(&good, Plan, |value| *at(value, "/predicate/plan/policy/name") = json!("another"));
    finds(&good, Plan, |value| *at(value, "/predicate/drive/kind") = json!("flash"));
    finds(&good, Passes, |value| {
        at(value, "/predicate/passes").as_array_mut().unwrap().pop();
    });
    finds(&good, Passes, |value| {
        let passes = at(value, "/predicate/passes").as_array_mut().unwrap();
        passes.push(passes[0].clone());
    });
    finds(&good, Passes, |value| *at(value, "/predicate/passes/0/spec/pattern/bytes") = json!("00"));
    finds(&good, Pattern, |value| *at(value, "/predicate/passes/0/pattern/bytes") = json!("924925"));
    finds(&good, Pattern, |value| *at(value, "/predicate/passes/2/pattern/bytes") = json!("5a"));
    finds(&good, Pattern, |value| *at(value, "/predicate/passes/1/pattern/bytes") = json!("5a5a"));
    finds(&good, Pattern, |value| {
        *at(value, "/predicate/passes/3/pattern") = json!({"type": "fixed", "bytes": "00"});
    });
    finds(&good, Pattern, |value| {
        let key = at(value, "/predicate/passes/3/pattern/key").clone();
        *at(value, "/predicate/passes/4/pattern/key") = key;
    });
    finds(&good, Pattern, |value| *at(value, "/predicate/passes/5/pattern/bytes") = json!("924925"));
    finds(&good, Pattern, |value| {
        let tag = at(value, "/predicate/passes/5/pattern/tag").clone();
        *at(value, "/predicate/passes/6/pattern/tag") = tag;
    });
    // Neither a plain pass for a stamped one, nor a stamped for a plain or a keyed one.
    finds(&good, Pattern, |value| {
        *at(value, "/predicate/passes/6/pattern") = json!({"type": "fixed", "bytes": "00"});
    });
    for (pass, bytes) in [(0, "924924"), (1, "5a"), (3, "00")] {
        finds(&good, Pattern, |value| {
            *at(value, &format!("/predicate/passes/{pass}/pattern")) =
                json!({"type": "stamped", "bytes": bytes, "tag": "0011223344556677"});
        });
    }
    finds(&good, Verification, |value| {
        *at(value, "/predicate/verification/plan/insteadOfSample") = json!("too small");
    });
    finds(&good, Outcome, |value| *at(value, "/predicate/verification") = Value::Null);
}

#[test]
fn claims_that_nothing_bears_out() {
    let good = statement(good_job());
    finds(&good, Claim, |value| *at(value, "/predicate/claim/method") = json!("purge"));
    finds(&good, Claim, |value| *at(value, "/predicate/claim") = Value::Null);
    finds(&good, Claim, |value| *at(value, "/predicate/claim/scope") = json!("every cell"));
    finds(&good, Title, |value| *at(value, "/predicate/title") = json!("NIST certified"));
    finds(&good, Disposition, |value| *at(value, "/predicate/disposition") = json!("quarantined"));
    finds(&good, SelfTest, |value| *at(value, "/predicate/selfTest") = Value::Null);
    finds(&good, SelfTest, |value| *at(value, "/predicate/selfTest/failed") = json!(["sha-256"]));
    finds(&good, Limits, |value| *at(value, "/predicate/limits") = json!([]));
    finds(&good, Subject, |value| *at(value, "/subject/0/digest/sha256") = json!(Digest::of(b"x")));
    finds(&good, Subject, |value| *at(value, "/subject/0/name") = json!("urn:expunge:serial:OTHER"));
    finds(&good, Subject, |value| {
        let one = at(value, "/subject/0").clone();
        at(value, "/subject").as_array_mut().unwrap().push(one);
    });
    finds(&good, Identity, |value| *at(value, "/predicate/drive/identityAfter/serial") = json!("OTHER"));
    finds(&good, Identity, |value| *at(value, "/predicate/drive/identityAfter") = Value::Null);
    finds(&good, Identity, |value| *at(value, "/predicate/drive/geometryAfter/capacity") = json!(7));
    finds(&good, Times, |value| *at(value, "/predicate/ended") = json!("2026-11-22T04:01:00Z"));
    finds(&good, Times, |value| *at(value, "/predicate/passes/0/started") = json!("2020-01-01T00:00:00Z"));
    finds(&good, ExpectedSignerMissing, |value| *at(value, "/predicate/expectedSigners") = json!([]));
}

/// The type of the statement follows from the outcome, both ways.
#[test]
fn a_failure_cannot_be_turned_into_a_certificate() {
    let certificate = json!("urn:expunge:media-sanitization:v1");
    for (outcome, statement) in every_outcome().into_iter().skip(1) {
        finds(&statement, PredicateType, |value| *at(value, "/predicateType") = certificate.clone());
        finds(&statement, Outcome, |value| {
            *at(value, "/predicateType") = certificate.clone();
            *at(value, "/predicate/outcome") = json!("done");
            *at(value, "/predicate/title") = json!("Certificate of sanitization");
            *at(value, "/predicate/disposition") = json!("releasable");
            *at(value, "/predicate/claim") = value_or_null(value, "/predicate/plan/claim");
        });
        assert_ne!(outcome, expunge::unit::term::Outcome::Done);
    }
    let good = statement(good_job());
    let record = json!("urn:expunge:media-sanitization-record:v1");
    finds(&good, PredicateType, |value| *at(value, "/predicateType") = record);
    finds(&good, PredicateType, |value| {
        *at(value, "/predicateType") = json!("https://slsa.dev/provenance/v1")
    });
    finds(&good, StatementType, |value| *at(value, "/_type") = json!("https://in-toto.io/Statement/v0.1"));
}

fn value_or_null(value: &Value, pointer: &str) -> Value {
    value.pointer(pointer).cloned().unwrap_or(Value::Null)
}

#[test]
fn payloads_that_readers_understand_differently() {
    let text = String::from_utf8(statement(good_job()).payload()).unwrap();
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        resigned_bytes(text.replacen(from, to, 1).into_bytes())
    };
    let twice = replaced("\"outcome\":\"done\"", "\"outcome\":\"failed\",\"outcome\":\"done\"");
    assert!(twice.status == CheckStatus::DoesNotVerify && twice.has(PayloadMalformed));
    let fraction = replaced(&format!(":{CAPACITY}"), &format!(":{CAPACITY}.0"));
    assert!(fraction.status == CheckStatus::DoesNotVerify && fraction.has(PayloadMalformed));
    let offset = replaced("2026-11-22T05:40:00Z", "2026-11-22T07:40:00+02:00");
    assert!(offset.status == CheckStatus::DoesNotVerify && offset.has(PayloadMalformed));
    let version = replaced("\"schemaVersion\":\"1.2\"", "\"schemaVersion\":\"2.0\"");
    assert!(version.status == CheckStatus::DoesNotVerify && version.has(PayloadMalformed));
    // White space in the payload was signed; it changes nothing but is said.
    let spaced = resigned_bytes(text.replacen(':', ": ", 1).into_bytes());
    assert!(spaced.status == CheckStatus::Passes && spaced.has(PayloadNotCanonical));
    // A field of a later minor version is listed, and the rest stands.
    let later = resigned(&statement(good_job()), |value| {
        *at(value, "/predicate/schemaVersion") = json!("1.3");
        value["predicate"]["drive"]["temperature"] = json!(31);
    });
    assert_eq!(later.status, CheckStatus::Passes, "{}", texts(&later.findings));
    assert!(later.findings.iter().any(|finding| finding.text.contains("/drive/temperature")));
    // In a part where every field decides, an unknown one is not skipped.
    finds(&statement(good_job()), PayloadMalformed, |value| {
        value["predicate"]["plan"]["passes"][0]["skip"] = json!(true);
    });
}

fn sampled(verification: VerificationPlan) -> RecordInput {
    finished(plan(DriveKind::Rotating, vec![PassPattern::Keyed], verification))
}

fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

fn sample(confidence: &str, fraction: &str, strata: u64) -> VerificationPlan {
    VerificationPlan::Sampled { confidence: ratio(confidence), fraction: ratio(fraction), strata }
}

/// Sizes of standards' tables: 4,603 draws for 0.1 % with 99 %, 299 for 1 % with 95 %.
#[test]
fn samples_smaller_than_their_words() {
    for (good, small) in [
        (sample("0.99", "0.001", 4603), sample("0.99", "0.001", 4602)),
        (sample("0.95", "0.01", 299), sample("0.95", "0.01", 298)),
        (
            VerificationPlan::SampledR1 { subsections: 1000, run_blocks: BlockCount(101) },
            VerificationPlan::SampledR1 { subsections: 1000, run_blocks: BlockCount(100) },
        ),
        (
            VerificationPlan::SampledR1 { subsections: 1000, run_blocks: BlockCount(101) },
            VerificationPlan::SampledR1 { subsections: 999, run_blocks: BlockCount(102) },
        ),
    ] {
        let job = sampled(good);
        let statement = statement(job);
        let report = resigned(&statement, |_| {});
        assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
        finds(&statement, SampleSize, |value| *at(value, "/predicate/verification/seed") = Value::Null);
        finds(&statement, SampleSize, |value| {
            *at(value, "/predicate/verification/tally/wanted") = json!(10);
            *at(value, "/predicate/verification/tally/matched") = json!(10);
            *at(value, "/predicate/verification/tally/notRead") = json!(CAPACITY - 10);
        });
        // Another seed, and other blocks: a sample is what its seed draws.
        finds(&statement, SampleSize, |value| {
            *at(value, "/predicate/verification/seed") = json!("ac".repeat(32));
        });
        finds(&statement, SampleSize, |value| {
            *at(value, "/predicate/verification/tally/wantedDigest") = json!("00".repeat(32));
        });
        let job = sampled(small);
        let verdict = verdict(&job, &Ending::Completed);
        let Err(BuildFault::Inconsistent(findings)) = build(job, &verdict) else { panic!("was built") };
        assert!(findings.iter().all(|finding| finding.code == SampleSize), "{}", texts(&findings));
    }
    let statement = statement(good_job());
    finds(&statement, SampleSize, |value| {
        *at(value, "/predicate/verification/tally/wanted") = json!(CAPACITY - 1);
        *at(value, "/predicate/verification/tally/matched") = json!(CAPACITY - 1);
        *at(value, "/predicate/verification/tally/notRead") = json!(1);
    });
}

/// P3: the judge compares what was read with what the plan asks for: a tally that is clean because it wanted
/// little is no evidence.
#[test]
fn a_read_back_of_fewer_blocks_than_planned_is_no_evidence() {
    let plans = [
        FULL,
        sample("0.99", "0.001", 4603),
        VerificationPlan::SampledR1 { subsections: 1000, run_blocks: BlockCount(101) },
    ];
    for plan in plans {
        let good = sampled(plan);
        assert_eq!(verdict(&good, &Ending::Completed).outcome(), Ended::Done);
        let planned = good.verification.as_ref().unwrap().tally.wanted.0;
        for wanted in [0, 1, planned / 2, planned - 3] {
            let mut short = good.clone();
            short.verification.as_mut().unwrap().tally = read_tally(wanted);
            let verdict = verdict(&short, &Ending::Completed);
            assert_eq!(verdict.outcome(), Ended::Unknown, "{wanted} of {planned}");
            assert!(verdict.evidence().is_none());
            // And the record of it is authentic: what went wrong must be recordable (P9).
            let report = resigned(&build(short, &verdict).unwrap(), |_| {});
            assert_eq!(report.status, CheckStatus::AuthenticOther, "{}", texts(&report.findings));
        }
    }
}

/// P3, second line: a verdict of success does not carry an input that contradicts it into a statement.
#[test]
fn evidence_of_one_job_does_not_certify_another() {
    let verdict = verdict(&good_job(), &Ending::Completed);
    assert!(verdict.evidence().is_some());
    let mut other_drive = good_job();
    other_drive.drive.identity_after.as_mut().unwrap().serial = Some("OTHER".into());
    let mut unread = good_job();
    unread.verification = None;
    let mut short = good_job();
    short.passes[0].tally.written = BlockCount(1);
    let mut purge = good_job();
    let plan = purge.plan.as_mut().unwrap();
    plan.method = Method::Purge;
    for (job, code) in [(other_drive, Identity), (unread, Outcome), (short, PassSum), (purge, Claim)] {
        let Err(BuildFault::Inconsistent(findings)) = build(job, &verdict) else { panic!("{code:?} built") };
        assert!(findings.iter().any(|finding| finding.code == code), "{}", texts(&findings));
    }
}

#[test]
fn an_overwrite_of_flash_is_no_purge_whatever_the_plan_says() {
    for kind in [DriveKind::Flash, DriveKind::Unknown] {
        let mut plan = plan(kind, vec![PassPattern::Keyed], crate::support::FULL);
        plan.method = Method::Purge;
        plan.claim.as_mut().unwrap().method = Method::Purge;
        let job = finished(plan);
        let verdict = verdict(&job, &Ending::Completed);
        let Err(BuildFault::Inconsistent(findings)) = build(job, &verdict) else { panic!("was built") };
        assert!(findings.iter().all(|finding| finding.code == Claim), "{}", texts(&findings));
    }
}

#[test]
fn inspections_count_too() {
    let differs = inspect(inspection(&[range(7, 3), range(CAPACITY - 1, 1)])).unwrap();
    let value: Value = serde_json::from_slice(&differs.payload()).unwrap();
    assert_eq!(value["predicate"]["firstDiffering"], 7);
    assert_eq!(value["predicate"]["lastDiffering"], CAPACITY - 1);
    finds(&differs, Outcome, |value| *at(value, "/predicate/outcome") = json!("matches"));
    finds(&differs, Exceptions, |value| *at(value, "/predicate/firstDiffering") = json!(8));
    finds(&differs, VerificationSum, |value| *at(value, "/predicate/verification/tally/matched") = json!(8));
    finds(&differs, PayloadMalformed, |value| {
        *at(value, "/predicateType") = json!("urn:expunge:media-sanitization:v1");
    });
}

/// A drive with very many bad spots still gets a record that checks, and a list from outside that is written to
/// waste time is refused without wasting it (each list is 3 MiB of ranges in descending order, interleaved).
#[test]
fn long_lists_of_ranges_are_no_obstacle() {
    let mut job = good_job();
    let spots = 60_000;
    let failed: Vec<_> = (0..spots).map(|spot| range(spot * 4, 1)).collect();
    fail_to_write(&mut job, failed.into());
    let failed = statement(job);
    let started = computed();
    let report = resigned(&failed, |_| {});
    assert_eq!(report.status, CheckStatus::AuthenticOther, "{}", texts(&report.findings));
    let list = |offset: u64| -> Value {
        (0..100_000).rev().map(|spot| json!({"first": spot * 4 + offset, "count": 1})).collect()
    };
    finds(&failed, ValueForm, |value| {
        *at(value, "/predicate/passes/0/tally/failed") = list(0);
        *at(value, "/predicate/passes/0/tally/unreached") = list(2);
    });
    // Without a load on the machine it is a second or two; what grows with the square of the list takes minutes.
    let spent = computed() - started;
    assert!(spent.as_secs() < 30, "{spent:?}");
}

/// Time that this thread was computing: what else runs on the machine does not count.
fn computed() -> std::time::Duration {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    std::time::Duration::from(now)
}

/// Both are genuine: what is changed in them below is all that is wrong.
#[test]
fn eventful_jobs_check_as_they_are() {
    for (job, status) in
        [(interrupted_job(), CheckStatus::Passes), (eventful_job(), CheckStatus::AuthenticOther)]
    {
        let report = resigned(&statement(job), |_| {});
        assert_eq!(report.status, status, "{}", texts(&report.findings));
        let warned =
            report.findings.iter().any(|finding| finding.level > expunge::certificate::check::Level::Notice);
        assert!(!warned, "{}", texts(&report.findings));
    }
}

#[test]
fn repairs_of_other_blocks_than_were_wrong() {
    let failed = statement(eventful_job());
    let repair = "/predicate/verification/repair";
    let none = || json!([]);
    finds(&failed, Exceptions, |value| *at(value, &format!("{repair}/stillWrong")) = none());
    finds(&failed, Exceptions, |value| {
        *at(value, &format!("{repair}/notTried")) =
            json!([{"first": 1200, "count": 1}, {"first": 1300, "count": 1}]);
    });
    // A block in two sets.
    finds(&failed, Exceptions, |value| {
        *at(value, &format!("{repair}/repaired")) = json!([{"first": 40, "count": 2}, {"first": 64, "count": 8},
            {"first": 900, "count": 1}]);
    });
    // What was never made durable is not repaired.
    for flush in [Value::Null, json!("failed"), json!("not-asked")] {
        finds(&failed, Exceptions, |value| *at(value, &format!("{repair}/flush")) = flush);
    }
    // An inspection writes nothing.
    let differs = inspect(inspection(&[range(7, 3)])).unwrap();
    finds(&differs, Verification, |value| {
        value["predicate"]["verification"]["repair"] = json!({"rightAgain": none(), "repaired": none(),
            "stillWrong": [{"first": 7, "count": 3}], "notTried": none(), "flush": "confirmed"});
    });
}

/// P3: a repair saves no certificate, whatever else the record says.
#[test]
fn a_repair_saves_no_certificate() {
    let mut job = good_job();
    let read = job.verification.as_mut().unwrap();
    read.tally.mismatched.insert(range(64, 8));
    read.tally.matched = BlockCount(CAPACITY - 8);
    read.repair = Some(expunge::verify::RepairTally {
        repaired: read.tally.mismatched.clone(),
        flush: Some(expunge::engine::FlushState::Confirmed),
        ..Default::default()
    });
    let verdict = verdict(&job, &Ending::Completed);
    assert!(verdict.evidence().is_none());
    let codes: Vec<_> = verdict.reasons().iter().map(|reason| reason.code).collect();
    assert_eq!(codes, [expunge::unit::ReasonCode::StaleRepaired]);
    let failed = build(job, &verdict).unwrap();
    assert_eq!(resigned(&failed, |_| {}).status, CheckStatus::AuthenticOther);
    finds(&failed, Outcome, |value| *at(value, "/predicate/outcome") = json!("done"));
}

fn gap(field: &str) -> String {
    format!("/predicate/interruptions/0/{field}")
}

#[test]
fn interruptions_out_of_order_or_outside_of_the_job() {
    let good = statement(interrupted_job());
    finds(&good, Times, |value| *at(value, &gap("lastSign")) = json!(time(14)));
    finds(&good, Times, |value| *at(value, &gap("lastSign")) = json!(time(-1)));
    finds(&good, Times, |value| *at(value, &gap("resumed")) = json!(time(101)));
    finds(&good, Times, |value| {
        let gaps = at(value, "/predicate/interruptions").as_array_mut().unwrap();
        gaps.push(gaps[0].clone());
    });
    // A pass that ended, and a reading that began, while nothing ran.
    finds(&good, Interruption, |value| *at(value, "/predicate/passes/1/ended") = json!(time(12)));
    finds(&good, Interruption, |value| {
        *at(value, &gap("lastSign")) = json!(time(55));
        *at(value, &gap("resumed")) = json!(time(65));
    });
}

#[test]
fn interruptions_of_passes_and_blocks_that_are_not_there() {
    let good = statement(interrupted_job());
    finds(&good, Interruption, |value| *at(value, &gap("pass")) = json!(3));
    finds(&good, Interruption, |value| *at(value, &gap("durable")) = json!(CAPACITY + 1));
    finds(&good, Interruption, |value| {
        *at(value, &gap("wentOn")) = json!("pass-anew");
        *at(value, &gap("probe/wrong")) = json!([{"first": CAPACITY, "count": 1}]);
    });
    finds(&good, Interruption, |value| {
        *at(value, &gap("probe/unreadable")) = json!([{"first": CAPACITY, "count": 1}]);
    });
    finds(&good, Interruption, |value| *at(value, &gap("probe/read")) = json!(CAPACITY + 1));
    // More bad blocks than were read, and one that is bad twice.
    finds(&good, Interruption, |value| {
        *at(value, &gap("wentOn")) = json!("pass-anew");
        *at(value, &gap("probe/wrong")) = json!([{"first": 0, "count": 67}]);
    });
    finds(&good, Interruption, |value| {
        *at(value, &gap("wentOn")) = json!("pass-anew");
        *at(value, &gap("probe/wrong")) = json!([{"first": 5, "count": 1}]);
        *at(value, &gap("probe/unreadable")) = json!([{"first": 5, "count": 1}]);
    });
}

/// P3: what was written before an interruption counts only when some of it was read again and was right.
#[test]
fn going_on_where_nothing_is_left_of_what_was_written() {
    let good = statement(interrupted_job());
    finds(&good, Interruption, |value| {
        *at(value, &gap("probe/wrong")) = json!([{"first": 5, "count": 1}]);
    });
    finds(&good, Interruption, |value| {
        *at(value, &gap("probe/unreadable")) = json!([{"first": 0, "count": 66}]);
    });
    finds(&good, Interruption, |value| *at(value, &gap("probe")) = Value::Null);
    let fine = |change: &dyn Fn(&mut Value)| {
        let report = resigned(&good, |value| change(value));
        assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
    };
    // One that cannot be read tells nothing about the others; with a wrong one the pass begins anew.
    fine(&|value| *at(value, &gap("probe/unreadable")) = json!([{"first": 0, "count": 65}]));
    fine(&|value| {
        *at(value, &gap("probe/wrong")) = json!([{"first": 5, "count": 1}]);
        *at(value, &gap("wentOn")) = json!("pass-anew");
    });
    // Nothing was written yet, or everything: then there is nothing to look at, or all is read back.
    fine(&|value| {
        *at(value, &gap("probe")) = Value::Null;
        *at(value, &gap("pass")) = json!(0);
        *at(value, &gap("durable")) = json!(0);
    });
    fine(&|value| {
        *at(value, &gap("probe")) = Value::Null;
        *at(value, &gap("pass")) = json!(2);
        *at(value, &gap("durable")) = json!(0);
    });
}

#[test]
fn a_job_that_is_done_left_no_worker_behind() {
    finds(&statement(interrupted_job()), Conduct, |value| {
        *at(value, "/predicate/conduct/leftBehind") = json!("worker process 4711");
    });
}

#[test]
fn heat_that_no_drive_had() {
    let good = statement(interrupted_job());
    let tally = |field: &str| format!("/predicate/conduct/heat/tally/{field}");
    for (field, value) in [
        ("firstMillidegrees", json!(61_001)),
        ("lastMillidegrees", json!(61_001)),
        ("highestMillidegrees", json!(47_000)),
        ("highestMillidegrees", Value::Null),
        ("firstMillidegrees", Value::Null),
        ("readings", json!(0)),
        // The plan pauses at 60 degrees: without having been there, no pause.
        ("highestMillidegrees", json!(59_999)),
        ("paused", json!(0)),
    ] {
        finds(&good, Conduct, |record| *at(record, &tally(field)) = value);
    }
    finds(&good, Conduct, |record| {
        *at(record, &tally("highestMillidegrees")) = json!(54_999);
        *at(record, &tally("paused")) = json!(0);
        *at(record, &tally("pausedMillis")) = json!(0);
    });
}

#[test]
fn an_incomplete_job_names_a_rule_of_its_plan() {
    let (_, partial) = every_outcome()
        .into_iter()
        .find(|(outcome, _)| *outcome == Ended::Partial)
        .expect("one of the outcomes");
    assert_eq!(resigned(&partial, |_| {}).status, CheckStatus::AuthenticOther);
    // Its second reason is of the class of the first, and is no rule.
    finds(&partial, Outcome, |value| {
        at(value, "/predicate/reasons").as_array_mut().unwrap().remove(0);
    });
    // No time was set, and no share of errors.
    for code in ["too-long", "error-share", "mismatch", "not-answering"] {
        finds(&partial, Outcome, |value| *at(value, "/predicate/reasons/0/code") = json!(code));
    }
    for code in ["too-slow", "too-hot"] {
        let report = resigned(&partial, |value| *at(value, "/predicate/reasons/0/code") = json!(code));
        assert_eq!(report.status, CheckStatus::AuthenticOther, "{}", texts(&report.findings));
    }
    finds(&partial, Outcome, |value| {
        let tally = at(value, "/predicate/passes/0/tally");
        tally["written"] = json!(0);
        tally["failed"] = json!([{"first": 0, "count": CAPACITY}]);
    });
}

#[test]
fn rules_whose_temperatures_contradict_each_other() {
    let good = statement(good_job());
    for (field, celsius) in [("resume", 55), ("slow", 60), ("pause", 70), ("stop", 60)] {
        finds(&good, Plan, |value| {
            *at(value, &format!("/predicate/plan/rules/{field}Celsius")) = json!(celsius);
            let plan = at(value, "/predicate/plan").clone();
            *at(value, "/predicate/planDigest") = json!(Digest::of_json(&plan));
        });
    }
}
