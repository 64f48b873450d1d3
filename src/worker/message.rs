//! What parent and worker tell each other.
use serde::{Deserialize, Serialize};

use crate::engine::{PassTally, Progress};
use crate::io::{Adapter, Fault, Tuning};
use crate::unit::{Geometry, Pattern, RangeSet};
use crate::verify::VerificationTally;

/// Longest line either side accepts, in bytes. The longest is a tally of a drive with very many bad areas.
pub const LINE_BYTES_MAX: usize = 64 << 20;

/// From the parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// Write these passes, each followed by a flush. Given once, first, for a job that writes.
    Begin(Begin),
    /// Read back and compare. The worker gets a read-only view of the drive for it.
    Verify(Verify),
    /// Come to an end: nothing new is submitted, what is in flight is waited for.
    Stop,
}

/// A job that writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// Shape of the drive.
    pub geometry: Geometry,
    /// How to drive it.
    pub tuning: Tuning,
    /// Bytes of every pass, keys included.
    pub passes: Vec<Pattern>,
}

/// A reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Shape of the drive.
    pub geometry: Geometry,
    /// How to drive it.
    pub tuning: Tuning,
    /// What every block must hold.
    pub pattern: Pattern,
    /// Blocks to read.
    pub wanted: RangeSet,
}

/// From the worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// The drive is taken over; this adapter drives it.
    Ready {
        /// Adapter in use.
        adapter: Adapter,
    },
    /// Where it stands.
    Progress(Progress),
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
    /// The worker cannot go on for a reason that is not the drive's.
    Broken {
        /// What happened.
        text: String,
    },
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
    /// The drive answered nothing but failures.
    GivenUp {
        /// What it answered last.
        fault: Fault,
    },
}
