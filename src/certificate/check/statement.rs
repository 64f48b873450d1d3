//! From the payload's bytes to a record, with everything about its form that is worth saying.
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Summary;
use super::finding::{Finding, FindingCode};
use crate::certificate::encoding::{difference, parse_json};
use crate::certificate::inspection::Inspection;
use crate::certificate::provenance::Provenance;
use crate::certificate::record::{DriveRecord, Record, SCHEMA_VERSION};
use crate::certificate::statement::{PredicateType, STATEMENT_TYPE, subject_name};
use crate::unit::Digest;
use crate::unit::digest::canonical_json;
use crate::unit::term::{DriveKind, Outcome, word};

/// Unknown fields that are listed one by one; more would bury what else was found.
const UNKNOWN_LISTED: usize = 100;

/// A record as it was read: what somebody signed, or perhaps nobody.
#[derive(Clone, Debug)]
pub enum Content {
    /// Of a job.
    Job {
        /// Type of the statement.
        predicate_type: PredicateType,
        /// The record.
        record: Box<Record>,
    },
    /// Of an inspection.
    Inspection {
        /// The record.
        inspection: Box<Inspection>,
    },
}

impl Content {
    /// Who says so, how, when and with what.
    pub const fn provenance(&self) -> &Provenance {
        match self {
            Self::Job { record, .. } => &record.provenance,
            Self::Inspection { inspection } => &inspection.provenance,
        }
    }

    /// The drive.
    pub const fn drive(&self) -> &DriveRecord {
        match self {
            Self::Job { record, .. } => &record.drive,
            Self::Inspection { inspection } => &inspection.drive,
        }
    }

    /// Whether it says that the drive was sanitized.
    pub fn is_success(&self) -> bool {
        match self {
            Self::Job { predicate_type, record } => {
                *predicate_type == PredicateType::Sanitization && record.outcome == Outcome::Done
            }
            Self::Inspection { .. } => false,
        }
    }

    /// The record in a few words.
    pub fn summary(&self) -> Summary {
        let provenance = self.provenance();
        let (predicate_type, title, outcome, method) = match self {
            Self::Job { predicate_type, record } => (
                *predicate_type,
                record.title.clone(),
                word(record.outcome),
                record.claim.as_ref().map(|claim| word(claim.method)),
            ),
            Self::Inspection { inspection } => {
                (PredicateType::Inspection, inspection.title.clone(), word(inspection.outcome), None)
            }
        };
        Summary {
            predicate_type: predicate_type.uri().to_owned(),
            title,
            outcome,
            method,
            drive: self.drive().identity_before.short(),
            certificate_id: provenance.certificate_id.to_string(),
            ended: provenance.ended.to_string(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawStatement {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<RawSubject>,
    predicate_type: String,
    predicate: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubject {
    name: String,
    digest: RawDigest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDigest {
    sha256: Digest,
}

/// Reads a payload. `None` when there is no record in it that we know; the findings say why.
pub(super) fn read(payload: &[u8], out: &mut Vec<Finding>) -> Option<Content> {
    let malformed = |text: String| Finding::error(FindingCode::PayloadMalformed, text);
    let value = parse_json(payload).map_err(|fault| out.push(malformed(format!("payload: {fault}")))).ok()?;
    if canonical_json(&value) != payload {
        let text = "the payload is not canonical JSON; it was signed as it is";
        out.push(Finding::notice(FindingCode::PayloadNotCanonical, text));
    }
    let statement: RawStatement = serde_json::from_value(value)
        .map_err(|error| out.push(malformed(format!("statement: {error}"))))
        .ok()?;
    if statement.statement_type != STATEMENT_TYPE {
        let text = format!("the statement is of type {:?}", statement.statement_type);
        out.push(Finding::error(FindingCode::StatementType, text));
        return None;
    }
    let known = PredicateType::ALL.into_iter().find(|known| known.uri() == statement.predicate_type);
    let Some(predicate_type) = known else {
        let text = format!("records of type {:?} are not known here", statement.predicate_type);
        out.push(Finding::error(FindingCode::PredicateType, text));
        return None;
    };
    let content = match predicate_type {
        PredicateType::Sanitization | PredicateType::SanitizationRecord => {
            let record: Record = typed(&statement.predicate, out)?;
            version(&record.schema_version, out);
            type_fits(predicate_type, record.outcome, out);
            Content::Job { predicate_type, record: Box::new(record) }
        }
        PredicateType::Inspection => {
            let inspection: Inspection = typed(&statement.predicate, out)?;
            version(&inspection.schema_version, out);
            Content::Inspection { inspection: Box::new(inspection) }
        }
    };
    subject(&statement.subject, &content, out);
    not_a_drive(&content, out);
    Some(content)
}

fn typed<T: DeserializeOwned + serde::Serialize>(predicate: &Value, out: &mut Vec<Finding>) -> Option<T> {
    let parsed: T = match serde_json::from_value(predicate.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            out.push(Finding::error(FindingCode::PayloadMalformed, format!("predicate: {error}")));
            return None;
        }
    };
    let difference = difference(predicate, &parsed);
    let more = difference.unknown.len().saturating_sub(UNKNOWN_LISTED);
    for path in difference.unknown.into_iter().take(UNKNOWN_LISTED) {
        let text = format!("the field {path} is not known here; nothing can be said about it");
        out.push(Finding::notice(FindingCode::UnknownField, text));
    }
    if more > 0 {
        let text = format!("{more} more fields are not known here");
        out.push(Finding::warning(FindingCode::UnknownField, text));
    }
    for path in difference.reformed {
        let text = format!("the value at {path} is not in the published form");
        out.push(Finding::error(FindingCode::ValueForm, text));
    }
    Some(parsed)
}

/// Later minor versions may add fields; another major version means something else.
fn version(found: &str, out: &mut Vec<Finding>) {
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if major(found) != major(SCHEMA_VERSION) {
        let text = format!("schema version {found:?} is not known here (known: {SCHEMA_VERSION})");
        out.push(Finding::error(FindingCode::PayloadMalformed, text));
    }
}

fn type_fits(found: PredicateType, outcome: Outcome, out: &mut Vec<Finding>) {
    if PredicateType::of_outcome(outcome) != Some(found) {
        let text = format!("a record with the outcome {} is not of type {}", word(outcome), found.uri());
        out.push(Finding::error(FindingCode::PredicateType, text));
    }
}

fn subject(subjects: &[RawSubject], content: &Content, out: &mut Vec<Finding>) {
    let identity = &content.drive().identity_before;
    let fits = match subjects {
        [one] => one.digest.sha256 == identity.stable_digest() && one.name == subject_name(identity),
        _ => false,
    };
    if !fits {
        let text = "the subject is not the drive whose identity is in the record";
        out.push(Finding::error(FindingCode::Subject, text));
    }
}

fn not_a_drive(content: &Content, out: &mut Vec<Finding>) {
    let what = match content.drive().kind {
        DriveKind::TestObject => "a test object",
        DriveKind::LogicalVolume => "a logical volume",
        DriveKind::Rotating | DriveKind::Flash | DriveKind::Unknown => return,
    };
    let text = format!("the record is of {what} and never stands for a drive");
    out.push(Finding::warning(FindingCode::NotADrive, text));
}
