//! How far a job has come: what is done, and where it goes on.
use std::time::Duration;

use crate::certificate::record::{Conduct, KeySlots, Probe, WentOn};
use crate::certificate::time::UtcTime;
use crate::device::Capability;
use crate::engine::PassTally;
use crate::engine::firmware::areas::RestoreReport;
use crate::io::Adapter;
use crate::plan::RuleName;
use crate::unit::{BlockCount, FingerprintKey, LbaRange, Pattern, Print, RangeSet, Reason};
use crate::verify::{Ending, RepairTally, StepTally, VerificationTally};
use crate::worker::message::Opened;

/// One pass as it was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassRun {
    /// What was written.
    pub pattern: Pattern,
    /// What it came to.
    pub tally: PassTally,
    /// When it began.
    pub started: UtcTime,
    /// When it ended, flush included.
    pub ended: UtcTime,
}

/// One command of the drive as it was carried out, or as far as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRun {
    /// What it came to.
    pub tally: StepTally,
    /// What its canaries are known by where they are fingerprints, in this unit and in others. Kept until they were looked
    /// for, and never on a record.
    pub marks: Vec<Marks>,
    /// Its bytes, as they were to be sent: command descriptor blocks or submission queue entries, in order.
    pub bytes: Vec<String>,
    /// When its canaries were begun, or else when it was.
    pub started: UtcTime,
    /// When it was about to be sent; `None` while nothing was.
    pub sent: Option<UtcTime>,
    /// When the drive was heard to take it; `None` while that is not known.
    pub accepted: Option<UtcTime>,
    /// When it was over, canaries read.
    pub ended: Option<UtcTime>,
}

/// Blocks of one unit and the fingerprints by which they are known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Another unit of the drive; `None` for the one that was named.
    pub unit: Option<String>,
    /// The throw-away key.
    pub key: FingerprintKey,
    /// The blocks.
    pub prints: Vec<Print>,
}

impl Marks {
    /// The blocks.
    pub fn blocks(&self) -> RangeSet {
        self.prints.iter().filter_map(|print| LbaRange::single(print.lba)).collect()
    }
}

impl StepRun {
    /// The fingerprints of a unit; `None` stands for the one that was named.
    pub fn marks_of(&self, unit: Option<&str>) -> Option<&Marks> {
        self.marks.iter().find(|marks| marks.unit.as_deref() == unit)
    }
}

/// One change of the drive's capacity as it was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreRun {
    /// What it came to.
    pub report: RestoreReport,
    /// Blocks that the kernel saw afterwards; `None` when it was not asked or did not say.
    pub seen: Option<BlockCount>,
    /// When the drive was about to be told.
    pub started: UtcTime,
    /// When its answer was there.
    pub ended: UtcTime,
}

impl RestoreRun {
    /// Whether drive and kernel agree on so many blocks.
    pub fn is_whole(&self, capacity: BlockCount) -> bool {
        self.report.is_whole(capacity.0) && self.seen == Some(capacity)
    }
}

/// The verification as it was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationRun {
    /// Seed of the sample, in hexadecimal digits; `None` for a full reading.
    pub seed: Option<String>,
    /// How the reads reached the drive, once known.
    pub adapter: Option<Adapter>,
    /// Over which descriptor, once known.
    pub opened: Option<Opened>,
    /// With what blocks were compared, where that is not the last pass: what a command of the drive leaves behind.
    pub expected: Option<Pattern>,
    /// What it came to.
    pub tally: VerificationTally,
    /// What became of the blocks that were wrong.
    pub repair: Option<RepairTally>,
    /// When it began.
    pub started: UtcTime,
    /// When it ended.
    pub ended: UtcTime,
}

/// What of a job is done before a sitting begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Changes of the drive's capacity, in their order.
    pub restores: Vec<RestoreRun>,
    /// A change that was begun and did not come back.
    pub restoring: Option<UtcTime>,
    /// What became of the places where keys of software encryption lie, if that is over.
    pub key_slots: Option<KeySlots>,
    /// Commands of the drive that are over.
    pub steps: Vec<StepRun>,
    /// The command that was begun and is not over.
    pub begun: Option<Box<StepRun>>,
    /// Whether commands that had been sent are carried out anew: what the drive holds may be what they left.
    pub commands_anew: bool,
    /// Passes that are over.
    pub passes: Vec<PassRun>,
    /// Blocks of the next pass that are written and durable.
    pub written: RangeSet,
    /// When the next pass began, if it did.
    pub pass_started: Option<UtcTime>,
    /// The rule that ended the last of the passes before its end: no further pass is begun.
    pub given_up: Option<RuleName>,
    /// The verification, if it is over.
    pub verification: Option<VerificationRun>,
    /// Seed of a sample whose reading was begun and did not end: the same blocks are read again, or a job could be
    /// stopped and gone on with until a sample misses what is wrong.
    pub seed: Option<String>,
    /// Defects that grew, by a verdict of an earlier sitting: what the drive says of itself later takes none of it back.
    pub grown: Option<Reason>,
    /// Time that earlier sittings took.
    pub spent: Duration,
    /// Whether what was written must be looked at before going on.
    pub trust: Trust,
    /// What the drive told before: one that told of itself is asked again at the end, whatever is done to it.
    pub told: Told,
}

/// What a drive told before a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Nothing, or nobody asked.
    #[default]
    Nothing,
    /// What it can do, and how it is.
    OfItself,
}

/// Whether what was written before can be built on without a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The drive was under our claim all the time.
    #[default]
    Held,
    /// It was not: somebody may have written it, and its cache may have been lost.
    Interrupted,
}

impl Run {
    /// When everything was over that comes before the first pass; `None` where nothing does. What the journal took for
    /// the beginning of a pass, before an interruption, is none if it is earlier.
    pub fn ready_for_passes(&self) -> Option<UtcTime> {
        let restored = self.restores.iter().map(|run| run.ended);
        let commanded = self.steps.iter().filter_map(|step| step.ended);
        let slots = self.key_slots.iter().map(|slots| slots.ended);
        restored.chain(slots).chain(commanded).max()
    }
}

/// All that was carried out on one drive.
#[derive(Clone, Debug)]
pub struct Run {
    /// Changes of the drive's capacity, in their order.
    pub restores: Vec<RestoreRun>,
    /// What became of the places where keys of software encryption lie; `None` where there are none, or nothing did.
    pub key_slots: Option<KeySlots>,
    /// Commands of the drive that were begun.
    pub steps: Vec<StepRun>,
    /// Passes that were begun and reported.
    pub passes: Vec<PassRun>,
    /// The verification, when it was reported.
    pub verification: Option<VerificationRun>,
    /// The look at what had been written, when there was one.
    pub probe: Option<(Probe, WentOn)>,
    /// How it came to its end.
    pub ending: Ending,
    /// What the drive said about itself afterwards, when it had been told to sanitize itself.
    pub capability: Option<Box<Capability>>,
    /// Whether the worker is still at work on a command that cannot be stopped.
    pub left_at_work: LeftAtWork,
    /// How the drive was driven.
    pub conduct: Conduct,
}

/// Whether a worker was left with a command that answers only at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeftAtWork {
    /// No.
    #[default]
    No,
    /// Yes: it is not killed, because a sequence that is cut short can leave a drive locked.
    Yes,
}
