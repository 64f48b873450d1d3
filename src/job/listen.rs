//! What a job tells while it runs.
use std::time::Duration;

use crate::engine::firmware::News;
use crate::engine::firmware::areas::RestoreReport;
use crate::engine::{HeatTally, Pace, PassTally, Progress};
use crate::plan::firmware::Restore;
use crate::verify::VerificationTally;

/// Something that happened to one job.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'a> {
    /// Counters moved.
    Progress(Progress),
    /// A command of the drive is at work.
    Command {
        /// Its number, from 0.
        step: u32,
        /// Where it stands.
        news: &'a News,
    },
    /// The drive was told to present all of its capacity.
    Restored {
        /// What it came to.
        report: &'a RestoreReport,
        /// What was wanted.
        wanted: &'a Restore,
    },
    /// A pass ended.
    PassEnded {
        /// What it came to.
        tally: &'a PassTally,
    },
    /// The reading back ended.
    Verified {
        /// What it came to.
        tally: &'a VerificationTally,
    },
    /// The drive's temperature was read.
    Heat {
        /// What it means.
        pace: Pace,
        /// What was read so far.
        tally: &'a HeatTally,
    },
    /// Nothing was heard from the worker.
    Silence {
        /// For how long.
        silent: Duration,
        /// What the worker is seen to be doing, once it is worth a look.
        whereabouts: Option<&'a str>,
    },
}

/// Hears what happens to one job.
pub trait Listener {
    /// Called from the job's own thread.
    fn hear(&mut self, happening: &Happening<'_>);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deaf;

impl Listener for Deaf {
    fn hear(&mut self, _happening: &Happening<'_>) {}
}
