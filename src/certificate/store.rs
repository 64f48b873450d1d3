//! Records as files: durable, under a name that says what they are, never over another file.
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::dsse::Envelope;
use super::durable::write_new;
use super::statement::{PredicateType, Statement};
use crate::unit::Digest;
use crate::unit::term::Outcome;

/// Longest part of a file name that comes from the drive.
const DRIVE_NAME_MAX: usize = 40;

/// A record on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

/// Writes a signed statement into `directory`, with mode 0644, durably.
///
/// # Errors
/// When the file cannot be written or made durable, or the name is taken (a name holds 48 random bits).
pub fn store(directory: &Path, statement: &Statement, envelope: &Envelope) -> io::Result<StoredRecord> {
    let path = directory.join(file_name(statement));
    let bytes = envelope.to_bytes();
    write_new(&path, &bytes, 0o644)?;
    Ok(StoredRecord { path, sha256: Digest::of(&bytes) })
}

/// What a job that was interrupted has left in a directory of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// The record of its journal as it stood before the verdict: whole, and only not yet told in the journal.
    pub record: Option<StoredRecord>,
    /// Files that never got their name: they were never records.
    pub temporary: Vec<PathBuf>,
}

/// Looks for what a job has left behind. Files that are no records of it are passed over, whatever they are.
///
/// # Errors
/// When the directory cannot be read.
pub fn left_behind(directory: &Path, job: &str, journal: Digest) -> io::Result<LeftBehind> {
    let mut left = LeftBehind::default();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let hidden = name.starts_with(".expunge-") && name.ends_with(".new");
        if !hidden && !name.ends_with(".dsse.json") {
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let Some((of, head)) = job_of(&bytes) else { continue };
        if of != job {
            continue;
        }
        if hidden {
            left.temporary.push(path);
        } else if head == Some(journal) {
            left.record = Some(StoredRecord { path, sha256: Digest::of(&bytes) });
        }
    }
    Ok(left)
}

/// The job that a record is of, and the digest of its journal.
fn job_of(bytes: &[u8]) -> Option<(String, Option<Digest>)> {
    let envelope: Value = serde_json::from_slice(bytes).ok()?;
    let payload = STANDARD.decode(envelope.get("payload")?.as_str()?).ok()?;
    let statement: Value = serde_json::from_slice(&payload).ok()?;
    let predicate = statement.get("predicate")?;
    let job = predicate.get("jobId")?.as_str()?.to_owned();
    let journal = predicate.get("journalDigest").and_then(|head| serde_json::from_value(head.clone()).ok());
    Some((job, journal))
}

/// `expunge-WORD-DRIVE-TIME-ID.dsse.json`; only a record of success has `certificate` in it.
pub fn file_name(statement: &Statement) -> String {
    let provenance = statement.provenance();
    let id = provenance.certificate_id.simple().to_string();
    // The head of a UUID version 7 is its time, which is in the name already; the tail is random.
    let short = id.get(20..).unwrap_or(&id);
    format!(
        "expunge-{}-{}-{}-{short}.dsse.json",
        file_word(statement),
        drive_name(statement),
        provenance.ended.compact()
    )
}

fn file_word(statement: &Statement) -> &'static str {
    match statement.predicate_type() {
        PredicateType::Sanitization => "certificate",
        PredicateType::Inspection => "INSPECTION",
        PredicateType::SanitizationRecord => match statement.record().map(|record| record.outcome) {
            Some(Outcome::Written) => "NOT-VERIFIED",
            Some(
                Outcome::Done
                | Outcome::Partial
                | Outcome::Failed
                | Outcome::Unsanitizable
                | Outcome::Refused
                | Outcome::Aborted
                | Outcome::Unknown,
            )
            | None => "NOT-SANITIZED",
        },
    }
}

/// Serial number, else another name, with everything but ASCII letters, digits, dot and underscore as `_`; a
/// drive may call itself anything, also `../../etc/passwd`.
fn drive_name(statement: &Statement) -> String {
    let drive = statement.drive();
    let identity = &drive.identity_before;
    let name = match &identity.backing {
        Some(backing) => {
            backing.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        }
        None => identity.serial.clone().unwrap_or_else(|| identity.short()),
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '_' };
    let name: String = name.chars().take(DRIVE_NAME_MAX).map(plain).collect();
    if name.is_empty() { drive.kernel_name.chars().map(plain).collect() } else { name }
}
