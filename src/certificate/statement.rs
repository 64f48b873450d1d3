//! The statement that is signed, and the only ways to make one.
//!
//! [`Statement`] has no public constructor and is not read back from JSON: [`build`] makes one of a finished
//! job and claims something only on [`crate::verify::Evidence`], which only the judge of tallies makes; so a
//! certificate of sanitization cannot be built from anything else (P3). [`inspect`] makes a record of another
//! type that claims nothing.
use std::fmt;

use serde_json::{Value, json};

use super::check::{Finding, Level, recompute};
use super::encoding::ambiguous_number;
use super::inspection::{Inspection, InspectionInput};
use super::provenance::Provenance;
use super::record::{
    Conduct, DriveRecord, Exceptions, FirmwareRecord, Interruption, PassRecord, Record, SCHEMA_VERSION,
    Validation, VerificationRecord,
};
use crate::device::Identity;
use crate::plan::{Limit, Plan};
use crate::unit::Reason;
use crate::unit::digest::canonical_json;
use crate::unit::term::{DriveKind, Outcome};
use crate::verify::Verdict;

/// Type of every statement (in-toto Attestation Framework, Statement v1).
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What kind of statement it is. Only the first can be a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredicateType {
    /// A drive was sanitized: outcome `done` only.
    Sanitization,
    /// A job ended in any other way.
    SanitizationRecord,
    /// A drive was read and compared.
    Inspection,
}

impl PredicateType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Sanitization, Self::SanitizationRecord, Self::Inspection];

    /// The name that stands in statements.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Sanitization => "urn:expunge:media-sanitization:v1",
            Self::SanitizationRecord => "urn:expunge:media-sanitization-record:v1",
            Self::Inspection => "urn:expunge:media-inspection-record:v1",
        }
    }

    /// The type of the record of a job with this outcome; `None` for a refusal, which has no record.
    pub const fn of_outcome(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Done => Some(Self::Sanitization),
            Outcome::Written
            | Outcome::Partial
            | Outcome::Failed
            | Outcome::Unsanitizable
            | Outcome::Aborted
            | Outcome::Unknown => Some(Self::SanitizationRecord),
            Outcome::Refused => None,
        }
    }
}

/// Title of a record: the outcome in words, and that a thing which is no drive is none.
pub fn title(outcome: Outcome, kind: DriveKind) -> String {
    let words = match outcome {
        Outcome::Done => "Certificate of sanitization",
        Outcome::Written => "Record of overwrite, not read back",
        Outcome::Partial => "Record of incomplete sanitization: NOT sanitized",
        Outcome::Failed => "Record of failed sanitization: NOT sanitized",
        Outcome::Unsanitizable => "Record: cannot be sanitized here, destroy",
        Outcome::Refused => "Refused: nothing was written",
        Outcome::Aborted => "Record of aborted job",
        Outcome::Unknown => "Record: outcome unknown, treat as NOT sanitized",
    };
    format!("{words}{}", kind_note(kind))
}

/// Title of an inspection record.
pub fn inspection_title(kind: DriveKind) -> String {
    format!("Inspection record{}", kind_note(kind))
}

const fn kind_note(kind: DriveKind) -> &'static str {
    match kind {
        DriveKind::TestObject => " (TEST OBJECT, not a drive)",
        DriveKind::LogicalVolume => " (LOGICAL VOLUME, not a drive)",
        DriveKind::Rotating | DriveKind::Flash | DriveKind::Unknown => "",
    }
}

/// Name of the drive as subject of a statement. What counts is the digest beside it.
pub fn subject_name(identity: &Identity) -> String {
    let named = [
        ("urn:expunge:wwn:", &identity.wwn),
        ("urn:expunge:nguid:", &identity.nguid),
        ("urn:expunge:eui64:", &identity.eui64),
        ("urn:expunge:serial:", &identity.serial),
    ];
    if let Some(backing) = &identity.backing {
        return format!("urn:expunge:file:{}", backing.path.display());
    }
    let name = named.iter().find_map(|(scheme, name)| name.as_ref().map(|name| format!("{scheme}{name}")));
    name.unwrap_or_else(|| "urn:expunge:unidentified".to_owned())
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    Sanitization(Box<Record>),
    Other(Box<Record>),
    Inspection(Box<Inspection>),
}

/// A statement that may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement(Body);

/// What a finished job hands over.
#[derive(Clone, Debug)]
pub struct RecordInput {
    /// The drive before and after.
    pub drive: DriveRecord,
    /// The plan; `None` for a drive that could not be planned for (dead, unsupported format).
    pub plan: Option<Plan>,
    /// What the drive was told to do to itself.
    pub firmware: Option<FirmwareRecord>,
    /// The passes that were begun.
    pub passes: Vec<PassRecord>,
    /// The verification, when it was begun.
    pub verification: Option<VerificationRecord>,
    /// Times in which the job did not run.
    pub interruptions: Vec<Interruption>,
    /// How the drive was driven.
    pub conduct: Option<Conduct>,
    /// Limits beyond those of the plan; for a drive without plan all of them.
    pub limits: Vec<Limit>,
    /// Who says so, how, when and with what.
    pub provenance: Provenance,
}

/// Why no statement can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildFault {
    /// A refusal is a line in the journal, not a record.
    Refused,
    /// The verdict claims success, but the input does not bear it out. To be recorded as outcome unknown.
    Inconsistent(Vec<Finding>),
    /// A number that not every JSON reader takes alike, at this place.
    Number(String),
}

impl fmt::Display for BuildFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("a refusal has no record"),
            Self::Inconsistent(findings) => {
                f.write_str("the job's evidence contradicts its verdict")?;
                findings.iter().try_for_each(|finding| write!(f, "; {}", finding.text))
            }
            Self::Number(path) => write!(f, "the number at {path} does not fit a record"),
        }
    }
}

impl std::error::Error for BuildFault {}

/// Makes the statement of a finished job. Its outcome, reasons, disposition and claim are those of the verdict.
///
/// # Errors
/// [`BuildFault::Inconsistent`] when the verdict is success and what the input says contradicts it (another
/// drive, other patterns, counts that do not add up, times out of order). A record of anything else than
/// success is made even then: what went wrong must be recordable (P9).
pub fn build(input: RecordInput, verdict: &Verdict) -> Result<Statement, BuildFault> {
    let evidence = verdict.evidence();
    if verdict.outcome() == Outcome::Refused {
        return Err(BuildFault::Refused);
    }
    let mut limits = input.plan.as_ref().map(|plan| plan.limits.clone()).unwrap_or_default();
    limits.extend(input.limits);
    let record = Record {
        schema_version: SCHEMA_VERSION.to_owned(),
        title: title(verdict.outcome(), input.drive.kind),
        outcome: verdict.outcome(),
        claim: evidence.map(|evidence| evidence.claim().clone()),
        disposition: verdict.disposition(),
        reasons: verdict.reasons().to_vec(),
        limits,
        plan_digest: input.plan.as_ref().map(Plan::digest),
        plan: input.plan,
        exceptions: Exceptions::of(&input.passes, input.verification.as_ref()),
        drive: input.drive,
        firmware: input.firmware,
        passes: input.passes,
        verification: input.verification,
        interruptions: input.interruptions,
        conduct: input.conduct,
        validation: Validation::default(),
        provenance: input.provenance,
    };
    let body = if evidence.is_some() {
        let wrong: Vec<Finding> =
            recompute(&record).into_iter().filter(|finding| finding.level == Level::Error).collect();
        if !wrong.is_empty() {
            return Err(BuildFault::Inconsistent(wrong));
        }
        Body::Sanitization(Box::new(record))
    } else {
        Body::Other(Box::new(record))
    };
    Statement(body).checked()
}

/// Makes the statement of an inspection. Its outcome follows from the counts.
///
/// # Errors
/// [`BuildFault::Number`].
pub fn inspect(input: InspectionInput) -> Result<Statement, BuildFault> {
    let tally = &input.verification.tally;
    let inspection = Inspection {
        schema_version: SCHEMA_VERSION.to_owned(),
        title: inspection_title(input.drive.kind),
        outcome: Inspection::outcome_of(&input.verification),
        reasons: input.reasons,
        limits: input.limits,
        drive: input.drive,
        expected: input.expected,
        first_differing: tally.mismatched.first(),
        last_differing: tally.mismatched.last(),
        verification: input.verification,
        provenance: input.provenance,
    };
    Statement(Body::Inspection(Box::new(inspection))).checked()
}

impl Statement {
    fn checked(self) -> Result<Self, BuildFault> {
        match ambiguous_number(&self.to_value()) {
            Some(path) => Err(BuildFault::Number(path)),
            None => Ok(self),
        }
    }

    /// Its type.
    pub const fn predicate_type(&self) -> PredicateType {
        match &self.0 {
            Body::Sanitization(_) => PredicateType::Sanitization,
            Body::Other(_) => PredicateType::SanitizationRecord,
            Body::Inspection(_) => PredicateType::Inspection,
        }
    }

    /// The record of a job; `None` for an inspection.
    pub const fn record(&self) -> Option<&Record> {
        match &self.0 {
            Body::Sanitization(record) | Body::Other(record) => Some(record),
            Body::Inspection(_) => None,
        }
    }

    /// The record of an inspection; `None` for a job.
    pub const fn inspection(&self) -> Option<&Inspection> {
        match &self.0 {
            Body::Inspection(inspection) => Some(inspection),
            Body::Sanitization(_) | Body::Other(_) => None,
        }
    }

    /// Who says so, how, when and with what.
    pub const fn provenance(&self) -> &Provenance {
        match &self.0 {
            Body::Sanitization(record) | Body::Other(record) => &record.provenance,
            Body::Inspection(inspection) => &inspection.provenance,
        }
    }

    /// The drive.
    pub const fn drive(&self) -> &DriveRecord {
        match &self.0 {
            Body::Sanitization(record) | Body::Other(record) => &record.drive,
            Body::Inspection(inspection) => &inspection.drive,
        }
    }

    /// Why it is not what one hoped for.
    pub fn reasons(&self) -> &[Reason] {
        match &self.0 {
            Body::Sanitization(record) | Body::Other(record) => &record.reasons,
            Body::Inspection(inspection) => &inspection.reasons,
        }
    }

    /// The bytes that are signed as payload: canonical JSON.
    pub fn payload(&self) -> Vec<u8> {
        canonical_json(&self.to_value())
    }

    fn to_value(&self) -> Value {
        let predicate = match &self.0 {
            Body::Sanitization(record) | Body::Other(record) => serde_json::to_value(record),
            Body::Inspection(inspection) => serde_json::to_value(inspection),
        };
        let identity = &self.drive().identity_before;
        json!({
            "_type": STATEMENT_TYPE,
            "subject": [{
                "name": subject_name(identity),
                "digest": {"sha256": identity.stable_digest()},
            }],
            "predicateType": self.predicate_type().uri(),
            "predicate": predicate.expect("our types serialize to JSON"),
        })
    }
}
