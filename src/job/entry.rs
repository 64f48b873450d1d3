//! Entries of a job's journal, in the order in which they become durable.
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::certificate::provenance::{Given, SelfTest};
use crate::certificate::record::{Probe, WentOn};
use crate::certificate::time::UtcTime;
use crate::command::DriveCommand;
use crate::device::DriveFacts;
use crate::engine::PassTally;
use crate::engine::firmware::areas::RestoreReport;
use crate::engine::firmware::{Before, CommandReport};
use crate::io::Adapter;
use crate::journal::{Journal, Store};
use crate::plan::Plan;
use crate::plan::firmware::Restore;
use crate::unit::term::Outcome;
use crate::unit::{BlockCount, Digest, FingerprintKey, Geometry, Pattern, Print, RangeSet, Reason};
use crate::verify::{Fingerprints, RepairTally, VerificationTally};
use crate::worker::message::{Ended, Opened};

/// One entry. Names and fields are those of the file: entries are added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Entry {
    /// A request that was turned down; nothing was written to the drive (P9).
    Refused {
        /// When.
        at: UtcTime,
        /// Name of the job that never began.
        job: String,
        /// The drive as it was named.
        device: String,
        /// Why, all of it.
        reasons: Vec<Reason>,
    },
    /// What is going to be done.
    Intent {
        /// When.
        at: UtcTime,
        /// Name of the job.
        job: String,
        /// Its number among the jobs of the host: a later job of the same drive has a higher one. Absent in the first
        /// version.
        #[serde(default)]
        number: u64,
        /// The drive.
        facts: Box<DriveFacts>,
        /// What could not be seen, and did not refuse.
        #[serde(default)]
        notes: Vec<String>,
        /// The plan; `None` for a drive that cannot be sanitized.
        plan: Option<Box<Plan>>,
        /// Digest of the plan.
        plan_digest: Option<Digest>,
        /// What people said.
        #[serde(default)]
        given: Box<Given>,
        /// The self-test that ran before.
        #[serde(default)]
        self_test: Option<SelfTest>,
        /// The kernel's name for this boot.
        #[serde(default)]
        boot: Option<String>,
        /// Where its records go.
        #[serde(default)]
        records: Option<PathBuf>,
        /// The key that signs them.
        #[serde(default)]
        key: Option<PathBuf>,
    },
    /// Keys are drawn; from here on the drive may be written.
    Armed {
        /// When.
        at: UtcTime,
        /// Bytes of every pass, keys included.
        passes: Vec<Pattern>,
    },
    /// The drive is about to be told to present all of its capacity: from here on it may have another size.
    Restoring {
        /// When.
        at: UtcTime,
        /// What it presents and what it has, as planned.
        wanted: Restore,
    },
    /// That came to an end, or its end could not be established.
    Restored {
        /// When.
        at: UtcTime,
        /// What it came to.
        report: Box<RestoreReport>,
        /// Blocks that the kernel sees now; absent when it was not asked or does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<BlockCount>,
    },
    /// Blocks in which keys of software encryption may lie are about to be overwritten, before anything else.
    OverwritingKeySlots {
        /// When.
        at: UtcTime,
        /// With what.
        pattern: Pattern,
        /// The blocks.
        blocks: RangeSet,
    },
    /// That was done: written, flushed and read.
    KeySlotsOverwritten {
        /// When.
        at: UtcTime,
        /// Those of the blocks that hold it.
        overwritten: RangeSet,
    },
    /// Blocks with unique data are about to be written, which a command of the drive must make vanish.
    Planting {
        /// When.
        at: UtcTime,
        /// Number of the command, from 0.
        step: u32,
        /// What they will hold.
        pattern: Pattern,
        /// The blocks.
        blocks: RangeSet,
    },
    /// They hold it: written, flushed and read.
    Planted {
        /// When.
        at: UtcTime,
        /// Number of the command, from 0.
        step: u32,
        /// Those of the blocks that do.
        planted: RangeSet,
    },
    /// Blocks are known by their fingerprints, which a command of the drive must make vanish. Nothing was written. Key and
    /// fingerprints stand here because a job that is gone on with has to compare still: whoever reads this entry can see
    /// whether a guess of what such a block held is right.
    Fingerprinted {
        /// When.
        at: UtcTime,
        /// Number of the command, from 0.
        step: u32,
        /// The throw-away key.
        key: FingerprintKey,
        /// The blocks that tell something, and their fingerprints.
        prints: Vec<Print>,
        /// What was looked at.
        taken: Fingerprints,
    },
    /// The same in another unit of the drive, which the command is to reach.
    FingerprintedUnit {
        /// When.
        at: UtcTime,
        /// Number of the command, from 0.
        step: u32,
        /// The unit, by the name that the plan has for it.
        unit: String,
        /// Its shape.
        geometry: Geometry,
        /// The throw-away key.
        key: FingerprintKey,
        /// The blocks that tell something, and their fingerprints.
        prints: Vec<Print>,
        /// What was looked at.
        taken: Fingerprints,
    },
    /// The same as `planting` is about to be done in another unit of the drive, which the command is to reach.
    PlantingUnit {
        /// When.
        at: UtcTime,
        /// Number of the command, from 0.
        step: u32,
        /// The unit, by the name that the plan has for it.
        unit: String,
        /// Its shape.
        geometry: Geometry,
        /// What they will hold.
        pattern: Pattern,
        /// The blocks.
        blocks: RangeSet,
    },
    /// They hold it: written, flushed and read.
    PlantedUnit {
        /// When.
        at: UtcTime,
        /// Number of the command, from 0.
        step: u32,
        /// The unit.
        unit: String,
        /// Those of the blocks that do.
        planted: RangeSet,
    },
    /// A command is about to be sent to the drive: from here on it may be at work.
    Commanding {
        /// When.
        at: UtcTime,
        /// Its number, from 0.
        step: u32,
        /// The command.
        command: DriveCommand,
        /// Its bytes, in order, as hexadecimal digits.
        bytes: Vec<String>,
        /// The password that it sets: published, so that anybody can unlock the drive after a crash.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        /// What the drive was like right before.
        before: Before,
    },
    /// The drive took the command: what it is seen to do from here on is what it was told to do.
    Accepted {
        /// When.
        at: UtcTime,
        /// Its number, from 0.
        step: u32,
    },
    /// The command came to an end, or its end could not be established.
    Commanded {
        /// When.
        at: UtcTime,
        /// Its number, from 0.
        step: u32,
        /// What it came to.
        report: Box<CommandReport>,
    },
    /// The blocks with unique data were read after the command.
    CanariesRead {
        /// When.
        at: UtcTime,
        /// Number of the command, from 0.
        step: u32,
        /// What was found.
        tally: VerificationTally,
    },
    /// The blocks in another unit were read after the command.
    UnitCanariesRead {
        /// When.
        at: UtcTime,
        /// Number of the command, from 0.
        step: u32,
        /// The unit.
        unit: String,
        /// What was found.
        tally: VerificationTally,
    },
    /// Commands that were over before an interruption are carried out anew: nobody held the drive since, and nothing that
    /// the plan reads would show what was written on it meanwhile.
    CommandsAnew {
        /// When.
        at: UtcTime,
        /// Number of the first of them, from 0.
        from: u32,
    },
    /// Blocks of a pass that the drive has made durable since the last such entry.
    Checkpoint {
        /// When.
        at: UtcTime,
        /// Number of the pass, from 0.
        pass: u32,
        /// The blocks.
        written: RangeSet,
    },
    /// A pass has ended, flush included.
    PassEnded {
        /// When.
        at: UtcTime,
        /// What it came to.
        tally: PassTally,
        /// How it ended; absent in the first version.
        #[serde(default)]
        settled: Option<Ended>,
    },
    /// Reading back begins.
    Verifying {
        /// When.
        at: UtcTime,
        /// Seed of the sample.
        seed: Option<String>,
        /// With what blocks are compared, where that is not the last pass.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<Pattern>,
    },
    /// Reading back has ended.
    Verified {
        /// When.
        at: UtcTime,
        /// What it came to.
        tally: VerificationTally,
        /// How it ended; absent in the first version.
        #[serde(default)]
        settled: Option<Ended>,
        /// How the reads reached the drive.
        #[serde(default)]
        adapter: Option<Adapter>,
        /// Over which descriptor.
        #[serde(default)]
        opened: Option<Opened>,
    },
    /// What was wrong was written once more.
    Repaired {
        /// When.
        at: UtcTime,
        /// What it came to.
        tally: RepairTally,
    },
    /// The job goes on after an interruption: the drive was found again, by identity and size, and claimed.
    Resumed {
        /// When.
        at: UtcTime,
        /// Where the drive is now.
        node: PathBuf,
        /// Number of its attachment.
        diskseq: Option<u64>,
        /// The kernel's name for this boot.
        boot: Option<String>,
    },
    /// Some of what had been written was read again.
    Probed {
        /// When.
        at: UtcTime,
        /// What was found.
        probe: Probe,
        /// Where the job goes on.
        went_on: WentOn,
    },
    /// The verdict, before any record of it leaves.
    Verdict {
        /// When.
        at: UtcTime,
        /// How it ended.
        outcome: Outcome,
        /// Why it is not `done`.
        reasons: Vec<Reason>,
    },
    /// The record is on the disk.
    Recorded {
        /// When.
        at: UtcTime,
        /// File name of the record.
        file: String,
        /// Digest of the file.
        sha256: Digest,
    },
}

impl Entry {
    /// When it was written.
    pub const fn at(&self) -> UtcTime {
        match self {
            Self::Refused { at, .. }
            | Self::Intent { at, .. }
            | Self::Armed { at, .. }
            | Self::Restoring { at, .. }
            | Self::Restored { at, .. }
            | Self::OverwritingKeySlots { at, .. }
            | Self::KeySlotsOverwritten { at, .. }
            | Self::Planting { at, .. }
            | Self::Planted { at, .. }
            | Self::Fingerprinted { at, .. }
            | Self::FingerprintedUnit { at, .. }
            | Self::PlantingUnit { at, .. }
            | Self::PlantedUnit { at, .. }
            | Self::UnitCanariesRead { at, .. }
            | Self::Commanding { at, .. }
            | Self::Accepted { at, .. }
            | Self::Commanded { at, .. }
            | Self::CanariesRead { at, .. }
            | Self::CommandsAnew { at, .. }
            | Self::Checkpoint { at, .. }
            | Self::PassEnded { at, .. }
            | Self::Verifying { at, .. }
            | Self::Verified { at, .. }
            | Self::Repaired { at, .. }
            | Self::Resumed { at, .. }
            | Self::Probed { at, .. }
            | Self::Verdict { at, .. }
            | Self::Recorded { at, .. } => *at,
        }
    }
}

/// Keeps entries durably.
pub trait Keeper {
    /// Keeps an entry; it is durable when this returns.
    ///
    /// # Errors
    /// When it may not be durable.
    fn keep(&mut self, entry: &Entry) -> io::Result<()>;
}

impl<S: Store> Keeper for Journal<S> {
    fn keep(&mut self, entry: &Entry) -> io::Result<()> {
        self.append(entry)
    }
}

/// Keeps nothing: for inspections, which change nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotKept;

impl Keeper for NotKept {
    fn keep(&mut self, _entry: &Entry) -> io::Result<()> {
        Ok(())
    }
}
