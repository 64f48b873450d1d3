//! What a check found: a code for programs, a sentence for people.
use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// To be known.
    Notice,
    /// To be looked at; the record still verifies.
    Warning,
    /// The record does not verify.
    Error,
}

/// Codes of findings. Codes are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingCode {
    /// The file is not exactly a DSSE envelope.
    EnvelopeMalformed,
    /// The envelope is written otherwise than we write it; what was signed is the same.
    EnvelopeNotCanonical,
    /// A signature that names a known key is not its signature over this payload.
    SignatureInvalid,
    /// One key signed more than once; it counts once.
    SignatureRepeated,
    /// The signer is not in the keyring.
    SignerUnknown,
    /// Nobody known signed; the record is as its unknown signer made it.
    UnalteredSignerUnknown,
    /// Nobody known signed, and it cannot be told whether the record is as it was signed.
    NothingProven,
    /// The key was compromised; without trusted time its signature proves nothing.
    KeyCompromised,
    /// The key was retired in good order.
    KeyRetired,
    /// The record claims a time outside the time of the key.
    KeyOutsideItsTime,
    /// The times are those of the signing host; no trusted time stands behind them.
    TimeNotTrusted,
    /// A signature that the record expects is missing or does not count.
    ExpectedSignerMissing,
    /// The record does not name its signer as an expected one.
    SignerNotExpected,
    /// The key's role in the keyring is another than in the record.
    RoleMismatch,
    /// The signer says that its key is self-made, or something else about it.
    KeyNote,
    /// The payload is not unambiguous JSON, or not a record as it is published.
    PayloadMalformed,
    /// The payload is not canonical JSON.
    PayloadNotCanonical,
    /// Not an in-toto Statement, version 1.
    StatementType,
    /// Not a type of record that is known here, or not the one for this outcome.
    PredicateType,
    /// A field that is not known here; it was signed, but nothing is known about it.
    UnknownField,
    /// A value is written in a form that does not count every block once, or in another than the published one.
    ValueForm,
    /// The subject is not the drive of the record.
    Subject,
    /// The plan is not the one that the digest names, or not one for this drive.
    Plan,
    /// The title is not the one for the outcome and the kind of drive.
    Title,
    /// The claim is not borne out.
    Claim,
    /// The outcome contradicts what was counted.
    Outcome,
    /// A pass differs from its plan, or there are too few or too many.
    Passes,
    /// The counts of a pass do not add up to the capacity (P4).
    PassSum,
    /// The counts of the verification do not add up to the capacity (P4).
    VerificationSum,
    /// The verification is not the planned one.
    Verification,
    /// The sample is smaller than what is stated about it needs.
    SampleSize,
    /// What was written is not what the plan asked for.
    Pattern,
    /// What is said of the drive's own commands is not as planned, or does not bear the outcome out.
    Firmware,
    /// The exceptions are not those of the counts.
    Exceptions,
    /// The drive at the end is not the drive at the beginning, or nobody looked.
    Identity,
    /// The disposition contradicts the outcome.
    Disposition,
    /// Times are not in order.
    Times,
    /// What is said of an interruption cannot be, or it was gone on with where it must not be.
    Interruption,
    /// What is said of how the drive was driven cannot be.
    Conduct,
    /// A limit that must be stated is not.
    Limits,
    /// A self-test failed.
    SelfTest,
    /// The record is of a thing that is no drive.
    NotADrive,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// For programs.
    pub code: FindingCode,
    /// For people, one sentence without a full stop.
    pub text: String,
}

impl Finding {
    /// A finding with which the record does not verify.
    pub fn error(code: FindingCode, text: impl Into<String>) -> Self {
        Self { level: Level::Error, code, text: text.into() }
    }

    /// A finding to be looked at.
    pub fn warning(code: FindingCode, text: impl Into<String>) -> Self {
        Self { level: Level::Warning, code, text: text.into() }
    }

    /// A finding to be known.
    pub fn notice(code: FindingCode, text: impl Into<String>) -> Self {
        Self { level: Level::Notice, code, text: text.into() }
    }
}
