//! What a record of a job on one drive says (predicate of the in-toto Statement).
//!
//! These are plain data: anyone may read or fill them. What may be *signed* is a [`super::Statement`], which
//! only [`super::build`] makes.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::provenance::Provenance;
use super::time::UtcTime;
use crate::device::facts::DeviceNumber;
use crate::device::{Capability, DriveFacts, Identity, Zoned};
use crate::engine::firmware::areas::RestoreReport;
use crate::engine::{HeatTally, PassTally};
use crate::plan::{Claim, Limit, PassSpec, Plan, VerificationPlan};
use crate::unit::term::{Disposition, DriveKind, Outcome};
use crate::unit::{BlockCount, Digest, Geometry, Pattern, RangeSet, Reason};
use crate::verify::{RepairTally, StepTally, VerificationTally};

/// Version of the records' content, major and minor.
pub const SCHEMA_VERSION: &str = "1.2";

/// The record of a job on one drive. Fields that are `None` were not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`SCHEMA_VERSION`].
    pub schema_version: String,
    /// Title for people; follows from outcome and kind of drive.
    pub title: String,
    /// How the job ended.
    pub outcome: Outcome,
    /// What is claimed; only for outcome `done`.
    pub claim: Option<Claim>,
    /// What should happen to the drive.
    pub disposition: Disposition,
    /// Why it is not `done`.
    pub reasons: Vec<Reason>,
    /// What the job did not reach and the record does not show.
    pub limits: Vec<Limit>,
    /// The drive.
    pub drive: DriveRecord,
    /// The whole plan; `None` for a drive that could not be planned for.
    pub plan: Option<Plan>,
    /// Digest of the plan.
    pub plan_digest: Option<Digest>,
    /// What the drive was told to do to itself, when it was. Since version 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<FirmwareRecord>,
    /// The passes that were begun, in their order.
    pub passes: Vec<PassRecord>,
    /// The verification, when it was begun.
    pub verification: Option<VerificationRecord>,
    /// Every block that was not written, not read or not right.
    pub exceptions: Exceptions,
    /// Times in which the job did not run: it was interrupted and gone on with. Since version 1.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interruptions: Vec<Interruption>,
    /// How the drive was driven. Since version 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduct: Option<Conduct>,
    /// What the organization decided; always pending here, since a tool cannot decide it.
    pub validation: Validation,
    /// Who says so, how, when and with what.
    #[serde(flatten)]
    pub provenance: Provenance,
}

impl Record {
    /// The shape in which the drive was worked on: with the capacity that the job restored, as its plan says and as the
    /// record shows.
    pub fn shape(&self) -> Option<Geometry> {
        let found = self.drive.geometry?;
        let wanted = self.plan.as_ref().and_then(|plan| plan.firmware.as_ref()).and_then(|plan| plan.restore);
        let last = self.firmware.as_ref().and_then(|firmware| firmware.restores.last());
        match (wanted, last) {
            (Some(wanted), Some(last))
                if wanted.presented == found.capacity
                    && last.seen == Some(wanted.native)
                    && last.report.is_whole(wanted.native.0) =>
            {
                Some(Geometry { capacity: wanted.native, ..found })
            }
            (Some(_) | None, _) => Some(found),
        }
    }
}

/// The drive as it was found and as it was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriveRecord {
    /// What it is.
    pub kind: DriveKind,
    /// Who it was when it was opened.
    pub identity_before: Identity,
    /// Who it was after the last step; `None` when it did not answer any more.
    pub identity_after: Option<Identity>,
    /// Its shape when it was opened; `None` for a drive without addressable blocks.
    pub geometry: Option<Geometry>,
    /// Its shape after the last step; with more blocks where the job restored hidden ones.
    pub geometry_after: Option<Geometry>,
    /// Its node at the time; another drive may have it tomorrow.
    pub node: PathBuf,
    /// The kernel's name at the time.
    pub kernel_name: String,
    /// Device number at the time.
    pub device: Option<DeviceNumber>,
    /// How it was attached.
    pub transport: Option<String>,
    /// Enclosure slot or path.
    pub bay: Option<String>,
    /// Removable medium.
    pub removable: bool,
    /// How it is divided into zones; `None` for one that is not, or that hides them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zoned: Option<Zoned>,
    /// Other units of the same drive, which this record does not cover.
    pub other_units: Vec<String>,
    /// Other nodes of this very unit.
    pub other_paths: Vec<String>,
}

impl DriveRecord {
    /// The facts as they were when the drive was opened; `after` is what it answered at the end.
    pub fn new(before: &DriveFacts, after: Option<(Identity, Geometry)>) -> Self {
        let (identity_after, geometry_after) = after.unzip();
        Self {
            kind: before.kind,
            identity_before: before.identity.clone(),
            identity_after,
            geometry: before.geometry().copied(),
            geometry_after,
            node: before.node.clone(),
            kernel_name: before.kernel_name.clone(),
            device: before.device,
            transport: before.transport.clone(),
            bay: before.bay.clone(),
            removable: before.removable,
            zoned: Some(before.zoned).filter(|zoned| *zoned != Zoned::None),
            other_units: before.other_units.clone(),
            other_paths: before.other_paths.clone(),
        }
    }
}

/// What a drive was told to do to itself, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirmwareRecord {
    /// Changes of its capacity, in their order, before anything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restores: Vec<RestoreRecord>,
    /// The commands that were begun, in their order.
    pub steps: Vec<StepRecord>,
    /// What the drive said about itself before, pages included.
    pub before: Option<Box<Capability>>,
    /// What it said afterwards; `None` when it was not asked or did not answer.
    pub after: Option<Box<Capability>>,
}

/// One change of a drive's capacity: it was told to present all that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRecord {
    /// What it came to.
    pub report: RestoreReport,
    /// Blocks that the kernel saw afterwards; `None` when it was not asked or did not say.
    pub seen: Option<BlockCount>,
    /// When the drive was about to be told.
    pub started: UtcTime,
    /// When its answer was there.
    pub ended: UtcTime,
}

/// One command of a drive as it was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// Its bytes as they were to be sent: command descriptor blocks or submission queue entries, in order, in
    /// hexadecimal digits.
    pub bytes: Vec<String>,
    /// The command, what it came to, and the canaries.
    pub tally: StepTally,
    /// When its canaries were begun, or else it.
    pub started: UtcTime,
    /// When it was about to be sent; `None` when it never was.
    pub sent: Option<UtcTime>,
    /// When it was over; `None` when that was never known.
    pub ended: Option<UtcTime>,
}

/// One pass as it was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PassRecord {
    /// What the plan asked for.
    pub spec: PassSpec,
    /// The bytes that were written, with their key: every block can be checked again.
    pub pattern: Pattern,
    /// What the pass came to.
    pub tally: PassTally,
    /// When it began. From one reading of the wall clock plus `CLOCK_BOOTTIME`, so that a clock that is set
    /// during the job does not turn the order around.
    pub started: UtcTime,
    /// When it ended, flush included.
    pub ended: UtcTime,
}

/// The verification as it was carried out, against the pattern of the last pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationRecord {
    /// What was read.
    pub plan: VerificationPlan,
    /// Seed of the sample, in hexadecimal digits, drawn after the last flush; `None` for a full reading.
    pub seed: Option<String>,
    /// With what blocks were compared, where that is not the last pass: what a command of the drive leaves behind.
    /// Since version 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Pattern>,
    /// In which order blocks were read, in words.
    pub order: String,
    /// What the verification came to.
    pub tally: VerificationTally,
    /// What became of the blocks that were wrong; `None` when there were none, or nothing was tried. Since version
    /// 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairTally>,
    /// When it began.
    pub started: UtcTime,
    /// When it ended.
    pub ended: UtcTime,
}

/// A time in which a job did not run, and how it was gone on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interruption {
    /// Last line of the journal before it.
    pub last_sign: UtcTime,
    /// Why it was interrupted.
    pub cause: InterruptionCause,
    /// When the drive was claimed again, by its identity and size.
    pub resumed: UtcTime,
    /// Whether the host was started anew in between; `None` where that could not be told.
    pub host_restarted: Option<bool>,
    /// Where the drive was found again.
    pub node: PathBuf,
    /// Number of the new attachment.
    pub diskseq: Option<u64>,
    /// Pass that was interrupted, from 0; the number of passes when all were written.
    pub pass: u32,
    /// Blocks of it that were durable before.
    pub durable: BlockCount,
    /// Reading of some of them before going on.
    pub probe: Option<Probe>,
    /// Where the job went on.
    pub went_on: WentOn,
}

/// Why a job was interrupted, as its journal tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterruptionCause {
    /// Without a word: the process was killed, or the host lost its power.
    Crash,
    /// Somebody stopped it.
    Stopped,
    /// The drive vanished.
    DriveGone,
    /// The worker died, the drive did not answer, or the journal could not be written.
    Lost,
    /// The job ended because the power of its drive had to be cycled. Since version 1.2.
    PowerCycle,
}

/// A reading of blocks that were written before an interruption.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Blocks that were read, without blank ones in zones that the pass which was cut off may have reset: they tell nothing.
    pub read: BlockCount,
    /// Those that do not hold what was written.
    pub wrong: RangeSet,
    /// Those that could not be read; the verification will tell.
    pub unreadable: RangeSet,
}

/// Where a job went on after an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WentOn {
    /// Where it had stopped.
    There,
    /// At the beginning of the pass: what was written was not there any more.
    PassAnew,
    /// At the beginning of the first pass.
    JobAnew,
}

/// How the drive was driven, as far as it is worth knowing years later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conduct {
    /// Longest time without an answer of the drive, in milliseconds.
    pub longest_silence_millis: u64,
    /// Whether the worker process was stuck in the kernel at the end, and was left behind.
    pub left_behind: Option<String>,
    /// Heat of the drive in the last sitting; `None` when it has no sensor that could be read.
    pub heat: Option<HeatRecord>,
    /// Limits of bandwidth that were asked for; `None` when there were none.
    pub bandwidth: Option<Bandwidth>,
    /// Places with keys of software encryption that were overwritten before anything else; `None` when there were none.
    /// Nothing is claimed for it. Since version 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_slots: Option<KeySlots>,
}

/// Places with keys of software encryption (LUKS) that were overwritten first, flushed and read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySlots {
    /// The blocks in which keys may lie, by what was found on the drive.
    pub blocks: RangeSet,
    /// Those of them that held what was written, when they were read.
    pub overwritten: RangeSet,
    /// When it began.
    pub started: UtcTime,
    /// When it was over.
    pub ended: UtcTime,
}

/// How warm a drive was, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeatRecord {
    /// Driver of the sensor; `None` for a file that somebody else writes.
    pub sensor: Option<String>,
    /// What was read and done.
    pub tally: HeatTally,
}

/// Limits of bandwidth, in bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bandwidth {
    /// For this drive.
    pub drive: Option<u64>,
    /// For all drives on its bus.
    pub bus: Option<u64>,
    /// For all drives of the command.
    pub host: Option<u64>,
}

/// Blocks of which something cannot be said, each once in its set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exceptions {
    /// Not written in at least one of the passes that were begun.
    pub not_written: RangeSet,
    /// Read back as something else than was written.
    pub mismatched: RangeSet,
    /// Not readable.
    pub unreadable: RangeSet,
}

impl Exceptions {
    /// What the tallies list.
    pub fn of(passes: &[PassRecord], verification: Option<&VerificationRecord>) -> Self {
        let mut not_written = RangeSet::new();
        for pass in passes {
            not_written.extend(&pass.tally.failed);
            not_written.extend(&pass.tally.unreached);
        }
        let read = verification.map(|verification| &verification.tally);
        Self {
            not_written,
            mismatched: read.map(|tally| tally.mismatched.clone()).unwrap_or_default(),
            unreadable: read.map(|tally| tally.unreadable.clone()).unwrap_or_default(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.not_written.is_empty() && self.mismatched.is_empty() && self.unreadable.is_empty()
    }

    /// Blocks in all three sets, a block in two of them counted twice.
    pub fn count(&self) -> BlockCount {
        self.not_written.count() + self.mismatched.count() + self.unreadable.count()
    }
}

/// Validation in the sense of SP 800-88 Rev. 2, 4.5.2: the organization weighs the evidence and accepts it, or
/// not. That is a separate statement by a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    /// Always pending.
    pub decision: ValidationDecision,
}

/// The only thing that a tool can say about validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationDecision {
    /// Nobody has decided.
    #[default]
    Pending,
}
