//! From what was carried out to a durable, signed record.
use std::fmt;
use std::io;

use uuid::Uuid;

use super::clock::Clock;
use super::course::{PassRun, RestoreRun, StepRun, VerificationRun};
use super::dirs::Directories;
use super::host;
use crate::certificate::key::{KeyFault, SigningKey};
use crate::certificate::provenance::{ExpectedSigner, Given, KEY_SELF_MADE, Provenance, SelfTest, new_nonce};
use crate::certificate::record::{FirmwareRecord, PassRecord, RestoreRecord, StepRecord, VerificationRecord};
use crate::certificate::recordable;
use crate::certificate::sign::{UnexpectedSigner, sign};
use crate::certificate::statement::{BuildFault, Statement};
use crate::certificate::store::{StoredRecord, store};
use crate::certificate::time::UtcTime;
use crate::device::Capability;
use crate::io::Adapter;
use crate::plan::{Plan, VerificationPlan};
use crate::unit::{Digest, Geometry};
use crate::verify::read_back::first_read;
use crate::worker::message::Opened;

/// The order of reading, in the words of the record.
pub fn reading_order(adapter: Option<Adapter>, opened: Option<Opened>, geometry: &Geometry) -> String {
    let flight = match adapter {
        Some(Adapter::IoUring) => "several reads in flight (io_uring)",
        Some(Adapter::Sync) => "one read at a time (pread)",
        Some(Adapter::ScsiCommands) => "one read at a time (READ(16) over SG_IO)",
        None => "by an adapter that was not told",
    };
    let descriptor = match opened {
        Some(Opened::Anew) => "through a descriptor opened for reading after the last flush",
        Some(Opened::Before) | None => "through the descriptor that wrote",
    };
    let middle = first_read(geometry);
    format!("ascending from LBA {middle} to the last block, then from the first, {flight}, {descriptor}")
}

/// The key that signs this host's records.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    /// The key was made by Expunge itself, in this run or an earlier one; nobody enrolled it.
    pub self_made: SelfMade,
}

/// Whether a key was made by Expunge without anybody asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfMade {
    /// Just now: its fingerprint is to be shown.
    Now,
    /// Earlier, at the default place.
    Earlier,
    /// No: the key was named by the user.
    No,
}

/// Whether the user named the key or the default place is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// `--key FILE`.
    Named,
    /// Below the state directory.
    Default,
}

impl Signer {
    /// Loads the key, or makes one where there is none.
    ///
    /// # Errors
    /// When the file cannot be used as it is, or a new one cannot be made durable.
    pub fn load_or_make(directories: &Directories, place: KeyPlace) -> Result<Self, KeyFault> {
        let path = &directories.key;
        if path.exists() {
            let self_made = match place {
                KeyPlace::Named => SelfMade::No,
                KeyPlace::Default => SelfMade::Earlier,
            };
            return Ok(Self { key: SigningKey::load(path)?, self_made });
        }
        let key = SigningKey::generate()
            .map_err(|error| KeyFault::Io(path.clone(), io::Error::other(error.to_string())))?;
        match key.save(path) {
            Ok(()) => Ok(Self { key, self_made: SelfMade::Now }),
            // Another process made one in the same moment: its key is as good.
            Err(KeyFault::Io(_, error)) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(Self { key: SigningKey::load(path)?, self_made: SelfMade::Earlier })
            }
            Err(fault) => Err(fault),
        }
    }

    /// Fingerprint: the key id of its signatures.
    pub fn fingerprint(&self) -> String {
        self.key.public().id().to_string()
    }
}

/// Why a record is not on the disk.
#[derive(Debug)]
pub enum RecordFault {
    /// The statement could not be made.
    Build(BuildFault),
    /// It could not be signed.
    Sign(UnexpectedSigner),
    /// It could not be written durably.
    Io(io::Error),
    /// The kernel gave no random numbers.
    Random(getrandom::Error),
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(fault) => fault.fmt(f),
            Self::Sign(fault) => fault.fmt(f),
            Self::Io(error) => write!(f, "the record could not be written: {error}"),
            Self::Random(error) => write!(f, "the kernel gave no random numbers: {error}"),
        }
    }
}

impl std::error::Error for RecordFault {}

/// What the provenance of a record is made of.
pub struct Circumstances<'a> {
    /// Name of the job.
    pub job: &'a str,
    /// The job's clock, started with the job.
    pub clock: &'a Clock,
    /// When the job began.
    pub started: UtcTime,
    /// Who signs.
    pub signer: &'a Signer,
    /// What people said.
    pub given: &'a Given,
    /// The self-test that ran before arming.
    pub self_test: Option<&'a SelfTest>,
    /// Digest of the journal up to the verdict.
    pub journal: Option<Digest>,
}

impl Circumstances<'_> {
    /// Who says so, with what, when and on whose behalf.
    ///
    /// # Errors
    /// When the kernel gives no random numbers.
    pub fn provenance(&self) -> Result<Provenance, RecordFault> {
        let note = match self.signer.self_made {
            SelfMade::Now | SelfMade::Earlier => Some(KEY_SELF_MADE.to_owned()),
            SelfMade::No => None,
        };
        Ok(Provenance {
            certificate_id: Uuid::now_v7(),
            job_id: self.job.to_owned(),
            nonce: new_nonce().map_err(RecordFault::Random)?,
            started: self.started,
            ended: self.clock.now(),
            tool: host::tool(),
            environment: host::environment(self.clock).map_err(RecordFault::Io)?,
            self_test: self.self_test.cloned(),
            given: self.given.clone(),
            observed: host::observed(),
            authorisation: host::authorisation(),
            journal_digest: self.journal,
            expected_signers: vec![ExpectedSigner::agent(&self.signer.key.public())],
            key_note: note,
        })
    }
}

/// Signs a statement and writes it durably.
///
/// # Errors
/// [`RecordFault`].
pub fn sign_and_store(
    directories: &Directories,
    signer: &Signer,
    statement: &Statement,
) -> Result<StoredRecord, RecordFault> {
    let envelope = sign(statement, &[&signer.key]).map_err(RecordFault::Sign)?;
    store(&directories.records, statement, &envelope).map_err(RecordFault::Io)
}

/// The passes as the record has them.
pub fn pass_records(plan: &Plan, passes: &[PassRun]) -> Vec<PassRecord> {
    plan.passes
        .iter()
        .zip(passes)
        .map(|(spec, run)| PassRecord {
            spec: spec.clone(),
            pattern: run.pattern.clone(),
            tally: run.tally.clone(),
            started: run.started,
            ended: run.ended,
        })
        .collect()
}

/// What the drive was told to do to itself, as the record has it.
pub fn firmware_record(
    restores: &[RestoreRun],
    steps: &[StepRun],
    before: Option<Box<Capability>>,
    after: Option<Box<Capability>>,
) -> FirmwareRecord {
    let steps = steps
        .iter()
        .map(|step| StepRecord {
            bytes: step.bytes.clone(),
            tally: step.tally.clone(),
            started: step.started,
            sent: step.sent,
            ended: step.ended,
        })
        .collect();
    let restores = restores
        .iter()
        .map(|run| RestoreRecord {
            report: run.report.clone(),
            seen: run.seen,
            started: run.started,
            ended: run.ended,
        })
        .collect();
    let fitting = |told: Option<Box<Capability>>| told.and_then(|told| recordable(*told)).map(Box::new);
    FirmwareRecord { restores, steps, before: fitting(before), after: fitting(after) }
}

/// The verification as the record has it.
pub fn verification_record(
    plan: &VerificationPlan,
    run: &VerificationRun,
    geometry: &Geometry,
) -> VerificationRecord {
    VerificationRecord {
        plan: plan.clone(),
        seed: run.seed.clone(),
        expected: run.expected.clone(),
        order: reading_order(run.adapter, run.opened, geometry),
        tally: run.tally.clone(),
        repair: run.repair.clone(),
        started: run.started,
        ended: run.ended,
    }
}
