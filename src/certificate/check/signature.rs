//! Signatures against the keyring.
use std::collections::BTreeSet;

use serde::Serialize;

use super::finding::{Finding, FindingCode};
use super::statement::Content;
use crate::certificate::dsse::Envelope;
use crate::certificate::key::{KeyId, PublicKey};
use crate::certificate::keyring::{KeyEntry, KeyStatus, Keyring, Role};
use crate::certificate::provenance::ExpectedSigner;
use crate::unit::term::word;

/// What one signature comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureState {
    /// Good, by a key that the keyring knows.
    Good,
    /// Good, but the key already signed.
    Repeated,
    /// Not the signature of the key that it names.
    Bad,
    /// The key is not in the keyring.
    UnknownKey,
    /// Good as numbers go, but the key was compromised.
    Compromised,
}

impl SignatureState {
    /// Whether the signature counts.
    pub const fn counts(self) -> bool {
        match self {
            Self::Good => true,
            Self::Repeated | Self::Bad | Self::UnknownKey | Self::Compromised => false,
        }
    }
}

/// One signature of the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureReport {
    /// The key that it names.
    pub keyid: KeyId,
    /// Whose key that is, by the keyring.
    pub name: Option<String>,
    /// The key's role, by the keyring.
    pub role: Option<Role>,
    /// What it comes to.
    pub state: SignatureState,
}

/// Judges every signature; each key counts once.
pub(super) fn judge(envelope: &Envelope, keyring: &Keyring, out: &mut Vec<Finding>) -> Vec<SignatureReport> {
    let message = envelope.pae();
    let mut seen = BTreeSet::new();
    let mut reports = Vec::new();
    for signature in envelope.signatures() {
        let keyid = signature.keyid;
        let entry = keyring.get(&keyid);
        let state = match entry {
            None => SignatureState::UnknownKey,
            Some(entry) if !entry.verifies(&message, &signature.bytes) => SignatureState::Bad,
            Some(entry) if entry.status == KeyStatus::Compromised => SignatureState::Compromised,
            Some(_) if seen.contains(&keyid) => SignatureState::Repeated,
            Some(_) => SignatureState::Good,
        };
        if state == SignatureState::Good {
            seen.insert(keyid);
        }
        out.extend(finding(keyid, entry, state));
        let (name, role) = entry.map(|entry| (entry.name.clone(), entry.role)).unzip();
        reports.push(SignatureReport { keyid, name, role, state });
    }
    reports
}

fn finding(keyid: KeyId, entry: Option<&KeyEntry>, state: SignatureState) -> Option<Finding> {
    let short = keyid.short();
    match state {
        SignatureState::Good => entry.filter(|entry| entry.status == KeyStatus::Retired).map(|_| {
            let text = format!("the key {short} was retired; what it signed stays valid");
            Finding::notice(FindingCode::KeyRetired, text)
        }),
        SignatureState::Repeated => Some(Finding::warning(
            FindingCode::SignatureRepeated,
            format!("the key {short} signed more than once; it counts once"),
        )),
        SignatureState::Bad => Some(Finding::error(
            FindingCode::SignatureInvalid,
            format!("the signature that names the key {short} is not its signature over this payload"),
        )),
        SignatureState::UnknownKey => Some(Finding::notice(
            FindingCode::SignerUnknown,
            format!("the key {short} is not in the keyring; its signature does not count"),
        )),
        SignatureState::Compromised => Some(Finding::error(
            FindingCode::KeyCompromised,
            format!("the key {short} was compromised; without trusted time its signature proves nothing"),
        )),
    }
}

/// Whether everybody signed whom the record expects, in their role and time.
pub(super) fn expected(
    content: &Content,
    signatures: &[SignatureReport],
    keyring: &Keyring,
    out: &mut Vec<Finding>,
) {
    let provenance = content.provenance();
    if provenance.expected_signers.is_empty() {
        out.push(Finding::error(FindingCode::ExpectedSignerMissing, "the record expects no signer at all"));
    }
    named_keys(&provenance.expected_signers, out);
    let counts = |id: &KeyId| signatures.iter().any(|one| one.keyid == *id && one.state.counts());
    for signer in &provenance.expected_signers {
        let short = signer.keyid.short();
        if !counts(&signer.keyid) {
            let text = format!("no signature that counts of the expected {} {short}", word(signer.role));
            out.push(Finding::error(FindingCode::ExpectedSignerMissing, text));
        } else if keyring.get(&signer.keyid).is_some_and(|entry| entry.role != signer.role) {
            let text = format!("the key {short} signed as {}, which is not its role", word(signer.role));
            out.push(Finding::error(FindingCode::RoleMismatch, text));
        }
    }
    for signature in signatures.iter().filter(|signature| signature.state.counts()) {
        let short = signature.keyid.short();
        if !provenance.expected_signers.iter().any(|signer| signer.keyid == signature.keyid) {
            let text = format!("the key {short} signed, but the record does not expect it");
            out.push(Finding::warning(FindingCode::SignerNotExpected, text));
        }
        if keyring.get(&signature.keyid).is_some_and(|entry| !entry.covers(provenance.ended)) {
            let text =
                format!("the record claims {}, which is outside the time of {short}", provenance.ended);
            out.push(Finding::error(FindingCode::KeyOutsideItsTime, text));
        }
    }
    let text = "all times are those of the signing host's clock; no trusted time stands behind them";
    out.push(Finding::notice(FindingCode::TimeNotTrusted, text));
    if let Some(note) = &provenance.key_note {
        out.push(Finding::notice(FindingCode::KeyNote, format!("the signer says of its key: {note}")));
    }
}

/// Every expected signer is one key, under that key's own name: whoever has no keyring reads it there.
fn named_keys(signers: &[ExpectedSigner], out: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for signer in signers {
        let short = signer.keyid.short();
        if !PublicKey::from_text(&signer.public_key).is_ok_and(|key| key.id() == signer.keyid) {
            let text = format!("the public key that the record shows for {short} is another key, or none");
            out.push(Finding::error(FindingCode::ExpectedSignerMissing, text));
        }
        if !seen.insert(signer.keyid) {
            let text = format!("the record expects the key {short} twice, which is one signer");
            out.push(Finding::error(FindingCode::ExpectedSignerMissing, text));
        }
    }
}

/// Nobody known signed: says whether the record is at least as its unknown signer made it, by the public key
/// that it carries itself.
pub(super) fn unknown_signer(envelope: &Envelope, content: &Content, out: &mut Vec<Finding>) {
    let message = envelope.pae();
    let intact = envelope.signatures().iter().find(|signature| {
        content.provenance().expected_signers.iter().any(|signer| {
            PublicKey::from_text(&signer.public_key)
                .is_ok_and(|key| key.id() == signature.keyid && key.verifies(&message, &signature.bytes))
        })
    });
    out.push(match intact {
        Some(signature) => Finding::error(
            FindingCode::UnalteredSignerUnknown,
            format!(
                "unaltered, signer unknown: it is as the holder of the key {} made it, but that key is not \
                 one that you trust",
                signature.keyid
            ),
        ),
        None => Finding::error(
            FindingCode::NothingProven,
            "no signature of a key that you trust, and none that shows the record to be unaltered",
        ),
    });
}
