//! How the one loop tells what it does, and learns that it should stop. Time enters only here, on the other
//! side of the trait.
use serde::{Deserialize, Serialize};

use crate::unit::BlockCount;

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

/// Listens to the loop.
pub trait Observer {
    /// Called after every reaping; it decides by itself how often it tells others.
    fn progress(&mut self, progress: Progress);

    /// Asked before every new transfer. The first "stop" ends the phase once all in flight has come back.
    fn should_stop(&mut self) -> bool;
}

/// Listens to nothing and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn progress(&mut self, _progress: Progress) {}

    fn should_stop(&mut self) -> bool {
        false
    }
}
