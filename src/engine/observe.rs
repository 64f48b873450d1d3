//! How the one loop tells what it does, and learns when to stop, to wait and to make its work durable. Time
//! enters only here, on the other side of the trait.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::RuleName;
use crate::unit::{BlockCount, RangeSet};

/// What a job is doing with its drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "phase")]
pub enum Phase {
    /// Writing a pass.
    Writing {
        /// Number of the pass, from 0.
        pass: u32,
    },
    /// Waiting for the drive to make the data durable.
    Flushing {
        /// Number of the pass, from 0.
        pass: u32,
    },
    /// Reading back.
    Verifying,
    /// Reading once more what differed, writing it once more, and reading it again.
    Repairing,
}

/// Where a job stands: counters as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// What it is doing.
    pub at: Phase,
    /// Blocks transferred in this phase.
    pub done: BlockCount,
    /// Blocks that this phase wants to transfer.
    pub total: BlockCount,
    /// Blocks that failed, were wrong or could not be read in this phase, so far.
    pub errors: BlockCount,
}

/// Whether a transfer may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Now.
    Go,
    /// Not yet: ask again after so long. The drive is too hot, or its share of the bandwidth is used.
    Wait(Duration),
    /// Never: this rule ends the work.
    GiveUp(RuleName),
}

/// Listens to the loop and holds its clock.
pub trait Observer {
    /// Called after every reaping and every wait; it decides by itself how often it tells others.
    fn progress(&mut self, progress: Progress);

    /// Asked before every new transfer. The first "stop" ends the phase once all in flight has come back.
    fn should_stop(&mut self) -> bool;

    /// Time since the work began, never going back.
    fn now(&mut self) -> Duration;

    /// Lets time pass: so long, or less when there is a reason to look up.
    fn rest(&mut self, time: Duration);

    /// Asked before every transfer of so many bytes; "go" counts them.
    fn admit(&mut self, bytes: u64) -> Admission;

    /// These blocks of a pass are durable now, and were not at the last checkpoint.
    fn checkpoint(&mut self, pass: u32, written: RangeSet);
}

/// Listens to nothing, never stops, and has no time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn progress(&mut self, _progress: Progress) {}

    fn should_stop(&mut self) -> bool {
        false
    }

    fn now(&mut self) -> Duration {
        Duration::ZERO
    }

    fn rest(&mut self, _time: Duration) {}

    fn admit(&mut self, _bytes: u64) -> Admission {
        Admission::Go
    }

    fn checkpoint(&mut self, _pass: u32, _written: RangeSet) {}
}
