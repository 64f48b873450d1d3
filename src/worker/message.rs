//! What parent and worker tell each other.
use serde::{Deserialize, Serialize};

use crate::command::DriveCommand;
use crate::device::Capability;
use crate::device::thermometer::Thermometer;
use crate::engine::firmware::areas::RestoreReport;
use crate::engine::firmware::security::{RecoverReport, Then};
use crate::engine::firmware::{Before, CommandReport, News, Secret, Start};
use crate::engine::{HeatTally, Pace, PassTally, Progress, Settled};
use crate::io::{Adapter, Fault, Tuning};
use crate::plan::{RuleName, Rules};
use crate::unit::{BlockCount, FingerprintKey, Geometry, Pattern, RangeSet, Reason, ZoneMap};
use crate::verify::{Prints, RepairTally, VerificationTally};

/// Longest line either side accepts, in bytes. The longest is a tally of a drive with very many bad areas.
pub const LINE_BYTES_MAX: usize = 64 << 20;

/// From the parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// Write these passes, each followed by a flush.
    Begin(Begin),
    /// Read back and compare. The worker opens the drive anew for it, for reading only.
    Verify(Verify),
    /// Read, write and read once more what a reading found wrong.
    Repair(Repair),
    /// Take the fingerprints of blocks, for reading only.
    Fingerprint(TakePrints),
    /// Have the drive present all of its capacity, and the kernel see it.
    Restore(Restore),
    /// Look at what the drive is like right before this command.
    Look(Look),
    /// Have the drive carry out this command, or follow one that it was given before.
    Command(Box<Command>),
    /// Ask the drive once more what it says about itself.
    Survey,
    /// Unlock an ATA drive with the documented password, without erasing it.
    Unlock {
        /// What to keep to.
        terms: Box<Terms>,
        /// What becomes of the password.
        then: Then,
    },
    /// Keep below so many bytes a second from now on; `None` for no limit.
    Pace {
        /// The limit, at least 1.
        bytes_per_second: Option<u64>,
    },
    /// Come to an end: nothing new is submitted, what is in flight is waited for.
    Stop,
}

/// What all work on a drive is to keep to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Terms {
    /// Shape of the drive.
    pub geometry: Geometry,
    /// How to drive it.
    pub tuning: Tuning,
    /// The rules of the job.
    pub rules: Rules,
    /// What the job took before this order, in milliseconds.
    pub spent_millis: u64,
    /// Where the drive's temperature is to be read.
    pub thermometer: Option<Thermometer>,
    /// The zones of a drive that must be written in sequence; `None` for one that takes writes anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zones: Option<ZoneMap>,
}

/// A job that writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// What to keep to.
    pub terms: Terms,
    /// Bytes of every pass, keys included.
    pub passes: Vec<Pattern>,
    /// Number of the first pass that is still to be written, from 0.
    pub first: u32,
    /// Blocks of that pass that are written and durable already.
    pub written: RangeSet,
}

/// A reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// What to keep to.
    pub terms: Terms,
    /// What every block must hold.
    pub pattern: Pattern,
    /// Blocks to read.
    pub wanted: RangeSet,
}

/// A repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repair {
    /// What to keep to.
    pub terms: Terms,
    /// What every block must hold.
    pub pattern: Pattern,
    /// Blocks that do not.
    pub wrong: RangeSet,
}

/// A reading of fingerprints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakePrints {
    /// What to keep to.
    pub terms: Terms,
    /// The key. It passes between two processes of ours, and is kept in the journal only.
    pub key: FingerprintKey,
    /// Blocks to read.
    pub wanted: RangeSet,
}

/// A change of the drive's capacity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// What to keep to; the geometry is that of the drive with all of its capacity.
    pub terms: Terms,
}

/// A look before a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// What to keep to.
    pub terms: Terms,
    /// The command that is to follow.
    pub command: DriveCommand,
}

/// A command to the drive itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// What to keep to.
    pub terms: Terms,
    /// The command.
    pub command: DriveCommand,
    /// Whether it is sent or followed.
    pub start: Start,
    /// What the drive was like before it was sent.
    pub before: Before,
    /// The credential that it needs, if any. It passes between two processes of ours and is kept nowhere.
    pub secret: Option<Secret>,
}

/// From the worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// The drive is taken over; this adapter drives it.
    Ready {
        /// Adapter in use.
        adapter: Adapter,
        /// The descriptor in use.
        opened: Opened,
    },
    /// Where it stands.
    Progress(Progress),
    /// It waits because it was asked to, and is well: for heat, bandwidth, or a path that failed.
    Waiting,
    /// The drive's temperature was read. It says nothing about whether the drive works.
    Heat {
        /// What it means.
        pace: Pace,
        /// What was read so far.
        tally: HeatTally,
    },
    /// These blocks of a pass are durable now.
    Checkpoint {
        /// Number of the pass, from 0.
        pass: u32,
        /// Blocks, without those of earlier checkpoints.
        written: RangeSet,
    },
    /// A pass has ended, well or badly.
    Pass {
        /// What it came to.
        tally: PassTally,
        /// How it ended.
        settled: Ended,
    },
    /// The reading has ended, well or badly.
    Verified {
        /// What it came to.
        tally: VerificationTally,
        /// How it ended.
        settled: Ended,
    },
    /// The repair has ended, well or badly.
    Repaired {
        /// What it came to.
        tally: RepairTally,
    },
    /// Fingerprints were taken, well or badly.
    Fingerprinted {
        /// What they are.
        prints: Prints,
        /// How the reading ended.
        settled: Ended,
    },
    /// The drive was told to present all of its capacity, well or badly.
    Restored {
        /// What it came to.
        report: Box<RestoreReport>,
        /// Blocks that the kernel sees now; `None` when it was not asked or does not say.
        seen: Option<BlockCount>,
    },
    /// What the drive is like before a command.
    Looked {
        /// The exchanges that asked for it.
        before: Before,
    },
    /// The command must not be sent: what the drive is like forbids it, or could not be found out.
    NotReady {
        /// Why.
        reason: Reason,
    },
    /// Where a command stands.
    News(News),
    /// A command has come to an end, well or badly.
    Commanded {
        /// What it came to.
        report: Box<CommandReport>,
    },
    /// What the drive says about itself now; `None` when it has no commands of its own or did not answer.
    Surveyed {
        /// What it says.
        capability: Option<Box<Capability>>,
    },
    /// The drive was unlocked, or was not.
    Unlocked {
        /// What it came to.
        report: RecoverReport,
    },
    /// The worker cannot go on for a reason that is not the drive's.
    Broken {
        /// What happened.
        text: String,
    },
}

/// Which open file a worker uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opened {
    /// The one that it was handed.
    Before,
    /// One of its own, opened for reading only after the last flush.
    Anew,
}

/// How a sweep over the drive ended, on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ended {
    /// Every block that was wanted was tried.
    Complete,
    /// By an order.
    Stopped,
    /// The drive is not there any more.
    Gone {
        /// What it answered last.
        fault: Fault,
    },
    /// A rule ended it.
    GivenUp {
        /// The rule.
        rule: RuleName,
    },
    /// The drive or its path refuses all further transfers.
    Refused {
        /// What it answered last.
        fault: Fault,
    },
}

impl From<Settled> for Ended {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Complete => Self::Complete,
            Settled::Stopped => Self::Stopped,
            Settled::Gone(fault) => Self::Gone { fault },
            Settled::GivenUp(rule) => Self::GivenUp { rule },
            Settled::Refused(fault) => Self::Refused { fault },
        }
    }
}
