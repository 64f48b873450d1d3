//! Has a drive sanitize itself: sends one [`DriveCommand`](crate::command::DriveCommand), follows it to its end, and
//! says what that end proves. State machines over a [`Channel`](crate::io::Channel); time and patience come from a
//! [`Watch`].
//!
//! A command has one of the ends of [`Conclusion`] and no other. Only *confirmed* can become a claim, and only *not
//! started* allows another command in its place. What a status read says is decoded in this order: did the read
//! itself work, are its fields valid, is something running, did it fail, did it succeed, and was that ours.

pub mod areas;
pub mod ata;
#[cfg(all(test, feature = "sim"))]
mod ata_on_sim;
pub mod audit;
mod dispatch;
pub mod nvme;
#[cfg(test)]
mod script;
pub mod scsi;
pub mod security;
mod talk;
pub mod tcg;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::unit::Reason;

pub use audit::audit;
pub use dispatch::{before, no_way, run};

/// Time, patience and an ear for a command that takes hours.
pub trait Watch {
    /// Time since the job began on this drive; never goes back.
    fn now(&mut self) -> Duration;

    /// Rests; comes back early when it should stop.
    fn rest(&mut self, time: Duration);

    /// Whether somebody wants to stop. A command that was started cannot be stopped: it is left running, and the
    /// end is *unknown*.
    fn should_stop(&mut self) -> bool;

    /// Tells where a command stands.
    fn tell(&mut self, news: &News);
}

/// Where a command stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct News {
    /// Parts of 65,536 that are done, as the drive says; `None` when it does not say.
    pub progress: Option<u32>,
    /// What is going on, in words.
    pub text: String,
    /// How long nothing further may be heard, in seconds: a command that blocks.
    pub quiet_seconds: Option<u64>,
    /// What is known of whether the drive took the command.
    #[serde(default)]
    pub stage: Stage,
}

impl News {
    /// The drive took the command: from here on what it is seen to do is what it was told to do.
    pub fn accepted(text: impl Into<String>) -> Self {
        Self { progress: None, text: text.into(), quiet_seconds: None, stage: Stage::Accepted }
    }
}

/// What is known of whether a drive took a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// These news say nothing about it.
    #[default]
    Asking,
    /// The drive answered that it takes it; of a security erase, that it has our password.
    Accepted,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Conclusion {
    /// The drive says that it is done, and something shows that it did it for this command.
    Confirmed,
    /// The drive says that it is done, but nothing shows that it did anything: the canaries decide.
    Claimed,
    /// Nothing destructive was accepted by the drive; another command may be tried.
    NotStarted {
        /// Why.
        reason: Reason,
    },
    /// The drive says that it failed.
    Failed {
        /// What it says.
        reason: Reason,
    },
    /// It was started, or may have been, and its end cannot be established.
    Unknown {
        /// Why.
        reason: Reason,
    },
}

/// Something that shows that the drive carried out this very command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The drive said that it was at work, after the command was sent.
    InProgressSeen,
    /// NVMe: Global Data Erased was not set before, and is now.
    GlobalDataErasedSetAnew,
    /// NVMe: the persistent event log has a start or completion that it did not have before.
    PersistentEvent,
    /// NVMe: PRGD: the drive says that it purged.
    PurgeReported,
    /// ATA: "completed without error" was not set before, and is now.
    CompletedSetAnew,
    /// SCSI, NVMe Format, ATA Security: the command itself was answered only when it was finished, with success.
    AnsweredWhenFinished,
    /// ATA Security: a password was set before, and is not any more.
    SecurityDisabledAnew,
    /// TCG: a session with the credential succeeded before, and locking is off now although it was on.
    LockingDisabledAnew,
}

/// One command that was sent, with what came back. Runs of the same answer to the same command are one exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Exchange {
    /// What it was, in words.
    pub name: String,
    /// The bytes of the command: CDB or submission queue entry, as hexadecimal digits.
    pub command: String,
    /// What was sent with it, as hexadecimal digits; secrets are left out and say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// Status, sense or completion, in one line: `status 02 sense 72...`, `completed result 00000000`.
    pub answer: String,
    /// What the drive sent, as hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<String>,
    /// When it was sent, in milliseconds on the watch.
    pub at_millis: u64,
    /// How many times in a row, from 1.
    pub times: u32,
}

/// What a drive was like right before a command, so that what is there afterwards can be told from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Before {
    /// The exchanges that asked for it.
    pub exchanges: Vec<Exchange>,
}

/// All that a command came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CommandReport {
    /// How it ended.
    pub conclusion: Conclusion,
    /// What shows that it was ours, in order; empty unless confirmed.
    pub proof: Vec<Proof>,
    /// What was sent and what came back, in order.
    pub exchanges: Vec<Exchange>,
    /// What else is worth knowing, in words.
    pub notes: Vec<String>,
}

/// Whether a command is sent, or one that was sent before an interruption is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// It is sent now.
    Send,
    /// It was sent, or may have been, before an interruption: nothing destructive is sent, unless the sequence of the
    /// command needs it to finish (a locked ATA drive). What is seen to run or to have ended may be the work of
    /// somebody else.
    Follow,
    /// Likewise, and the drive is known to have taken it ([`Stage::Accepted`]).
    FollowAccepted,
}

/// A credential that a command needs, such as a PSID. It is never printed, and serialized only into an order to a
/// worker, never into a journal or a record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(...)")
    }
}
