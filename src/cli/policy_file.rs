//! A site's own policy: a file that is used only with a good signature by a key that the user names.
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::certificate::dsse::pae;
use crate::certificate::encoding::{JsonFault, from_base64, parse_json, to_base64};
use crate::certificate::key::{KeyId, SigningKey};
use crate::certificate::keyring::{KeyStatus, Keyring, KeyringFault};
use crate::plan::Policy;
use crate::plan::policy::POLICY_SCHEMA;
use crate::unit::digest::canonical_json;

/// Payload type of a signed policy. Another one than that of records: neither can be taken for the other.
pub const POLICY_PAYLOAD_TYPE: &str = "application/vnd.expunge.policy+json";

/// Longest file that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// Most signatures that are looked at.
const SIGNATURES_MAX: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// Why a policy is not used.
#[derive(Debug)]
pub enum PolicyFault {
    /// The file could not be read.
    Io(io::Error),
    /// Longer than a policy may be.
    TooLong,
    /// Not a signed envelope: a bare policy, for example.
    NotSigned(JsonFault),
    /// An envelope around something else.
    PayloadType(String),
    /// Payload, signature or key id are not written as they must be, or there are too many signatures.
    Encoding,
    /// The keyring cannot be used.
    Keyring(KeyringFault),
    /// No signature is a good one by an active key of the keyring.
    WronglySigned,
    /// What is or would be signed is not a policy that is known here.
    Content(JsonFault),
    /// Another schema than [`POLICY_SCHEMA`].
    Schema(String),
    /// A name that could be taken for the policy that Expunge brings along, or none.
    Name(String),
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::TooLong => f.write_str("too long for a policy"),
            Self::NotSigned(fault) => write!(f, "not a policy in a signed (DSSE) envelope: {fault}"),
            Self::PayloadType(found) => {
                write!(f, "the payload type is {found:?} instead of {POLICY_PAYLOAD_TYPE:?}")
            }
            Self::Encoding => f.write_str("payload, key id or signature of the envelope are not well-formed"),
            Self::Keyring(fault) => write!(f, "the keys of --policy-keys: {fault}"),
            Self::WronglySigned => {
                f.write_str("no signature on the policy is a good one by an active key of --policy-keys")
            }
            Self::Content(fault) => write!(f, "not a policy: {fault}"),
            Self::Schema(found) => write!(f, "policies of the schema {found:?} are not known here"),
            Self::Name(found) => write!(f, "a policy must have a name of its own, not {found:?}"),
        }
    }
}

impl std::error::Error for PolicyFault {}

/// A policy, and who answers for it.
#[derive(Debug)]
pub struct SignedPolicy {
    /// What was signed.
    pub policy: Policy,
    /// Active keys of the keyring with a good signature on it; never empty.
    pub signers: Vec<Signer>,
}

/// Whose signature is a good one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// Name of the key.
    pub keyid: KeyId,
    /// Whose it is, by the keyring.
    pub name: String,
}

/// Reads a policy that is signed by an active key of a keyring.
///
/// # Errors
/// [`PolicyFault`] for anything else.
pub fn load(path: &Path, keys: &Path) -> Result<SignedPolicy, PolicyFault> {
    read(&bytes_of(path)?, &Keyring::load(keys).map_err(PolicyFault::Keyring)?)
}

/// Reads a policy that nobody signed yet.
///
/// # Errors
/// [`PolicyFault`] for what could not be used if it were signed.
pub fn load_unsigned(path: &Path) -> Result<Policy, PolicyFault> {
    policy_of(&bytes_of(path)?)
}

/// The signed envelope of a policy. The payload is its canonical JSON, so the digest of the policy is that of the payload.
pub fn seal(policy: &Policy, key: &SigningKey) -> Vec<u8> {
    let payload = canonical_json(policy);
    let signature = to_base64(&key.sign(&pae(POLICY_PAYLOAD_TYPE, &payload)));
    let mut bytes = canonical_json(&Envelope {
        payload_type: POLICY_PAYLOAD_TYPE.to_owned(),
        payload: to_base64(&payload),
        signatures: vec![Signature { keyid: key.public().id().to_string(), sig: signature }],
    });
    bytes.push(b'\n');
    bytes
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, PolicyFault> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(PolicyFault::Io)?;
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(PolicyFault::Io)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(PolicyFault::TooLong);
    }
    Ok(bytes)
}

/// Reads a policy from the bytes of a signed envelope.
///
/// # Errors
/// [`PolicyFault`] for anything that no active key of the keyring signed, or that is no policy.
pub fn read(bytes: &[u8], keyring: &Keyring) -> Result<SignedPolicy, PolicyFault> {
    let value = parse_json(bytes).map_err(PolicyFault::NotSigned)?;
    let envelope: Envelope =
        serde_json::from_value(value).map_err(|error| PolicyFault::NotSigned(error.into()))?;
    if envelope.payload_type != POLICY_PAYLOAD_TYPE {
        return Err(PolicyFault::PayloadType(envelope.payload_type));
    }
    let payload = from_base64(&envelope.payload).ok_or(PolicyFault::Encoding)?;
    if envelope.signatures.len() > SIGNATURES_MAX {
        return Err(PolicyFault::Encoding);
    }
    let message = pae(POLICY_PAYLOAD_TYPE, &payload);
    let mut signers = Vec::new();
    for signature in &envelope.signatures {
        let keyid = KeyId::parse(&signature.keyid).ok_or(PolicyFault::Encoding)?;
        let bytes = from_base64(&signature.sig).ok_or(PolicyFault::Encoding)?;
        let good = keyring
            .get(&keyid)
            .filter(|entry| entry.status == KeyStatus::Active && entry.verifies(&message, &bytes));
        signers.extend(good.map(|entry| Signer { keyid, name: entry.name.clone() }));
    }
    if signers.is_empty() {
        return Err(PolicyFault::WronglySigned);
    }
    // Only what was signed is parsed.
    Ok(SignedPolicy { policy: policy_of(&payload)?, signers })
}

/// Reads a policy from its own bytes, which nobody has to have signed.
///
/// # Errors
/// [`PolicyFault`] for what could not be used if it were signed.
pub fn policy_of(bytes: &[u8]) -> Result<Policy, PolicyFault> {
    let value = parse_json(bytes).map_err(PolicyFault::Content)?;
    let policy: Policy = serde_json::from_value(value).map_err(|error| PolicyFault::Content(error.into()))?;
    if policy.schema != POLICY_SCHEMA {
        return Err(PolicyFault::Schema(policy.schema));
    }
    if policy.name.trim().is_empty() || policy.name == Policy::builtin().name {
        return Err(PolicyFault::Name(policy.name));
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::keyring::KeyEntry;

    fn own() -> Policy {
        Policy { name: "acme-2026".to_owned(), ..Policy::builtin() }
    }

    fn sealed(policy: &impl Serialize, payload_type: &str, seed: u8) -> Vec<u8> {
        let payload = serde_json::to_vec(policy).unwrap();
        let key = SigningKey::from_seed(&[seed; 32]);
        let signature = Signature {
            keyid: key.public().id().to_string(),
            sig: to_base64(&key.sign(&pae(payload_type, &payload))),
        };
        let envelope = Envelope {
            payload_type: payload_type.to_owned(),
            payload: to_base64(&payload),
            signatures: vec![signature],
        };
        serde_json::to_vec(&envelope).unwrap()
    }

    fn keyring(seed: u8, status: KeyStatus) -> Keyring {
        let entry =
            KeyEntry { status, ..KeyEntry::active(SigningKey::from_seed(&[seed; 32]).public(), "ciso") };
        Keyring::from_entries(vec![entry]).unwrap()
    }

    #[test]
    fn only_a_policy_that_an_active_key_signed_is_used() {
        let active = keyring(1, KeyStatus::Active);
        let good = sealed(&own(), POLICY_PAYLOAD_TYPE, 1);
        assert_eq!(read(&good, &active).unwrap().policy.digest(), own().digest());
        let bare = serde_json::to_vec(&own()).unwrap();
        assert!(matches!(read(&bare, &active), Err(PolicyFault::NotSigned(_))));
        let other = sealed(&own(), POLICY_PAYLOAD_TYPE, 2);
        assert!(matches!(read(&other, &active), Err(PolicyFault::WronglySigned)));
        for status in [KeyStatus::Retired, KeyStatus::Compromised] {
            assert!(matches!(read(&good, &keyring(1, status)), Err(PolicyFault::WronglySigned)));
        }
        let record = sealed(&own(), "application/vnd.in-toto+json", 1);
        assert!(matches!(read(&record, &active), Err(PolicyFault::PayloadType(_))));
        let mut unsigned: Envelope = serde_json::from_slice(&good).unwrap();
        unsigned.signatures.clear();
        let unsigned = serde_json::to_vec(&unsigned).unwrap();
        assert!(matches!(read(&unsigned, &active), Err(PolicyFault::WronglySigned)));
        let mut changed: Envelope = serde_json::from_slice(&good).unwrap();
        changed.payload = to_base64(&serde_json::to_vec(&Policy { name: "x".into(), ..own() }).unwrap());
        let changed = serde_json::to_vec(&changed).unwrap();
        assert!(matches!(read(&changed, &active), Err(PolicyFault::WronglySigned)));
    }

    #[test]
    fn a_signed_file_that_is_no_policy_of_its_own_is_not_used() {
        let active = keyring(1, KeyStatus::Active);
        let builtin = sealed(&Policy::builtin(), POLICY_PAYLOAD_TYPE, 1);
        assert!(matches!(read(&builtin, &active), Err(PolicyFault::Name(_))));
        let schema = Policy { schema: "urn:expunge:policy:v9".into(), ..own() };
        let newer = sealed(&schema, POLICY_PAYLOAD_TYPE, 1);
        assert!(matches!(read(&newer, &active), Err(PolicyFault::Schema(_))));
        let nothing = sealed(&serde_json::json!({}), POLICY_PAYLOAD_TYPE, 1);
        assert!(matches!(read(&nothing, &active), Err(PolicyFault::Content(_))));
    }
}
