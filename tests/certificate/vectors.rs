//! Vectors made and checked by other programs: OpenSSL 3.0.19 and python3-cryptography signed and verified this
//! statement with these keys; the lengths and digests are theirs.
use expunge::certificate::check::FindingCode;
use expunge::certificate::dsse::{PAYLOAD_TYPE, Signature, pae};
use expunge::certificate::encoding::{from_base64, to_base64};
use expunge::certificate::{CheckStatus, Envelope, Keyring, check};
use expunge::unit::Digest;
use expunge::unit::digest::{canonical_json, from_hex, to_hex};

use crate::support::{agent_key, keyring, operator_key};

const STATEMENT: &[u8] = include_bytes!("../../fixtures/certificate/statement-vector.json");
const AGENT_ID: &str = "a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5";
const OPERATOR_ID: &str = "3532fb2b134488a2a18f2a07cd6db85b4c1b808ddb10972f0ad5526856177bd4";
const AGENT_SIGNATURE: &str =
    "dLntnuJnbM2vhD6l/kMWUl6m+Nkj3+nZqTPv5ynhPz2eQTJv3gBjquYZqb9OtFCIIVDjsYmasqGF47BSeZdGAw==";

#[test]
fn the_signed_bytes_are_those_of_the_vector() {
    assert_eq!(STATEMENT.len(), 645);
    assert_eq!(
        Digest::of(STATEMENT).to_string(),
        "e845b66e3cb32d006b8427fdf85c546247523bc1495ab6161c2dccdfdf85b52a"
    );
    let message = pae(PAYLOAD_TYPE, STATEMENT);
    assert_eq!(message.len(), 688);
    assert!(message.starts_with(b"DSSEv1 28 application/vnd.in-toto+json 645 {"));
    assert_eq!(
        Digest::of(&message).to_string(),
        "a0ff069290c7fdaed027c1097981d6cfab5e0de99b049d4fb3ecc37afa307fc0"
    );
    // The subject's digest of the vector is that of a canonical record.
    let identity = serde_json::json!(
        {"wwn": "5000c500a1b2c3d4", "serial": "ZZ0001", "model": "EXAMPLE HDD 1", "vendor": "EXAMPLE"}
    );
    assert_eq!(
        Digest::of(&canonical_json(&identity)).to_string(),
        "e26fe02b8dbd26c3b267e1fc0ca6181ba1910f75bcd62b2b819b827601e961ec"
    );
}

#[test]
fn keys_and_signatures_are_those_of_the_vector() {
    let agent = agent_key();
    let raw = &agent.public().spki()[12..];
    assert_eq!(to_hex(raw), "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
    assert_eq!(agent.public().id().to_string(), AGENT_ID);
    assert_eq!(operator_key().public().id().to_string(), OPERATOR_ID);
    let message = pae(PAYLOAD_TYPE, STATEMENT);
    assert_eq!(to_base64(&agent.sign(&message)), AGENT_SIGNATURE);
    let signature = from_base64(AGENT_SIGNATURE).unwrap();
    assert!(agent.public().verifies(&message, &signature));
    assert!(!operator_key().public().verifies(&message, &signature));
}

/// The same numbers written in another way must not be a second signature: S + L instead of S (RFC 8032, 5.1.7).
#[test]
fn a_signature_has_one_form() {
    // Order of the base point, little endian.
    const L: [u8; 32] = [
        0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut signature = from_base64(AGENT_SIGNATURE).unwrap();
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(sum & 0xFF).unwrap();
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(!agent_key().public().verifies(&pae(PAYLOAD_TYPE, STATEMENT), &signature));
}

/// Made with python3 from the agent's secret scalar: R is the neutral point, S = H(R, A, M) * a. The loose rules of
/// RFC 8032 take it; the strict ones take no point of small order.
#[test]
fn a_signature_with_a_point_of_small_order_is_none() {
    let signature = "0100000000000000000000000000000000000000000000000000000000000000\
                     e404f4e96e0b12dc6c3ec416ed1d5e91b66a37ca15a8b36c06938736133a2d0c";
    let signature = from_hex(signature).unwrap();
    let loose = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    let key: [u8; 32] = agent_key().public().spki()[12..].try_into().unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
    assert!(ed25519_dalek::Verifier::verify(&key, b"message", &loose).is_ok(), "the vector is wrong");
    assert!(!agent_key().public().verifies(b"message", &signature));
}

/// A statement of somebody else's type is not one of ours, however well it is signed.
#[test]
fn a_genuine_signature_over_another_predicate_type_does_not_verify() {
    let signature =
        Signature { keyid: agent_key().public().id(), bytes: from_base64(AGENT_SIGNATURE).unwrap() };
    let envelope = Envelope::new(STATEMENT.to_vec(), vec![signature]);
    let report = check(&envelope.to_bytes(), &keyring());
    assert_eq!(report.status, CheckStatus::DoesNotVerify);
    assert!(report.has(FindingCode::PredicateType));
    assert_eq!(check(&envelope.to_bytes(), &Keyring::empty()).status, CheckStatus::DoesNotVerify);
}
