//! From a statement to a signed envelope.
use std::fmt;

use super::dsse::{Envelope, PAYLOAD_TYPE, Signature, pae};
use super::key::{KeyId, SigningKey};
use super::statement::Statement;

/// The statement does not expect a signature of the key that was to sign it, or expects others as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnexpectedSigner(pub KeyId);

impl fmt::Display for UnexpectedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the statement does not name the key {} as a signer", self.0)
    }
}

impl std::error::Error for UnexpectedSigner {}

/// Signs a statement with each of the keys. An envelope that lacks an expected signer is a draft; the checker
/// says so.
///
/// # Errors
/// [`UnexpectedSigner`] for a key that the statement does not expect.
pub fn sign(statement: &Statement, keys: &[&SigningKey]) -> Result<Envelope, UnexpectedSigner> {
    let expected = &statement.provenance().expected_signers;
    let payload = statement.payload();
    let message = pae(PAYLOAD_TYPE, &payload);
    let mut signatures = Vec::with_capacity(keys.len());
    for key in keys {
        let keyid = key.public().id();
        if !expected.iter().any(|signer| signer.keyid == keyid) {
            return Err(UnexpectedSigner(keyid));
        }
        signatures.push(Signature { keyid, bytes: key.sign(&message) });
    }
    Ok(Envelope::new(payload, signatures))
}
