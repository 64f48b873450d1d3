//! Entries of a job's journal, in the order in which they become durable.
use std::io;

use serde::{Deserialize, Serialize};

use crate::certificate::time::UtcTime;
use crate::device::DriveFacts;
use crate::engine::PassTally;
use crate::journal::{Journal, Store};
use crate::plan::Plan;
use crate::unit::term::Outcome;
use crate::unit::{Digest, Pattern, Reason};
use crate::verify::VerificationTally;

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
        /// The drive.
        facts: Box<DriveFacts>,
        /// The plan; `None` for a drive that cannot be sanitized.
        plan: Option<Box<Plan>>,
        /// Digest of the plan.
        plan_digest: Option<Digest>,
    },
    /// Keys are drawn; from here on the drive may be written.
    Armed {
        /// When.
        at: UtcTime,
        /// Bytes of every pass, keys included.
        passes: Vec<Pattern>,
    },
    /// A pass has ended, flush included.
    PassEnded {
        /// When.
        at: UtcTime,
        /// What it came to.
        tally: PassTally,
    },
    /// Reading back begins.
    Verifying {
        /// When.
        at: UtcTime,
        /// Seed of the sample.
        seed: Option<String>,
    },
    /// Reading back has ended.
    Verified {
        /// When.
        at: UtcTime,
        /// What it came to.
        tally: VerificationTally,
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
