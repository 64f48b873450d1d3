//! Why not: a reason that a program can match on and a person can act on.
use serde::{Deserialize, Serialize};

/// What kind of obstacle a reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonClass {
    /// Something on this host uses the drive.
    InUse,
    /// It is not certain which drive this is, or it is not the one that was confirmed.
    Identity,
    /// The request contradicts itself or names something impossible.
    Request,
    /// The policy does not allow it.
    Policy,
    /// The medium answered with errors or wrong data.
    Medium,
    /// The drive, the kernel or this version cannot do it.
    Capability,
}

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident => $class:ident,)*) => {
        /// The published list of reason codes. Codes are added, never renamed: automation matches on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum ReasonCode {
            $($(#[$doc])* $name,)*
        }

        impl ReasonCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The class of obstacle the code belongs to.
            pub const fn class(self) -> ReasonClass {
                match self { $(Self::$name => ReasonClass::$class,)* }
            }
        }
    };
}

reason_codes! {
    /// The kernel says another holder has claimed the drive exclusively, and no guard could name it.
    ClaimedElsewhere => InUse,
    /// The drive or a partition of it is mounted, in some mount namespace.
    Mounted => InUse,
    /// The drive or a partition of it is swap space in use.
    Swap => InUse,
    /// Another block device (md, dm, bcache, ...) stands on the drive.
    Holder => InUse,
    /// A loop device is backed by the drive, or by a file whose name leads to it.
    LoopBacking => InUse,
    /// A process holds the drive or a partition of it open.
    OpenElsewhere => InUse,
    /// The drive carries the root file system, or something that it stands on.
    RootDevice => InUse,
    /// The drive carries the records, the journal or the key of this job.
    StateDevice => InUse,
    /// The drive carries a member of a set that may be alive elsewhere, not named with --known-content.
    MemberContent => InUse,
    /// What the drive carries could not be found out.
    ProbeFailed => InUse,
    /// A guard could not see what it must see (for example without the right to look at other processes).
    GuardBlind => Capability,
    /// The drive has no serial number and no world wide name.
    Unidentified => Identity,
    /// The confirmation is not the text of this drive.
    ConfirmationMismatch => Identity,
    /// No confirmation was given and there is no terminal to ask on.
    ConfirmationMissing => Identity,
    /// The drive is not the one that was planned or opened before.
    IdentityChanged => Identity,
    /// Two drives answer with the same identity, or two names lead to one drive.
    DuplicateIdentity => Identity,
    /// The drive is listed but not present.
    Missing => Identity,
    /// Not one whole drive: a partition, a dm or md node, a directory, a character device.
    NotADrive => Request,
    /// The options contradict each other or this drive.
    BadRequest => Request,
    /// Today's plan has another digest than the one given.
    PlanChanged => Request,
    /// A choice that has no default on this kind of drive was not made.
    MethodRequired => Policy,
    /// The policy does not accept the technique for the method on this medium.
    MethodNotReachable => Policy,
    /// The drive or its node is set to read-only.
    ReadOnly => Capability,
    /// A zoned drive that must be written in sequence.
    Zoned => Capability,
    /// The drive answers, but reports no capacity.
    NoCapacity => Capability,
    /// The drive is formatted with blocks that cannot be addressed here: neither 512 bytes nor a multiple of 4 from
    /// 520 to 65,536.
    UnsupportedFormat => Capability,
    /// The drive did not answer within its time.
    NotAnswering => Medium,
    /// Some blocks could not be written.
    WriteErrors => Medium,
    /// The drive could not make written data durable.
    FlushFailed => Medium,
    /// Some blocks could not be read back.
    Unreadable => Medium,
    /// Some blocks hold something else than was written.
    Mismatch => Medium,
    /// Some blocks held something else, and hold the pattern since they were written once more: stale, repaired.
    StaleRepaired => Medium,
    /// The drive vanished, or its size became zero.
    DriveGone => Medium,
    /// Too many transfers failed (rule errors-max).
    TooManyErrors => Medium,
    /// Too large a share of the transfers failed (rule errors-percent).
    ErrorShare => Medium,
    /// The drive was slower than the floor (rule floor).
    TooSlow => Medium,
    /// The job took longer than it may (rule time).
    TooLong => Medium,
    /// The drive became hotter than it may (rule stop).
    TooHot => Medium,
    /// The drive remapped sectors, or more began to wait for it, while the job ran (rule defect-growth).
    DefectsGrew => Medium,
    /// The drive counted its defects before the job and does not tell the same counters after it (rule defect-growth).
    DefectsNotTold => Medium,
    /// The drive, its node or its path refuses to be written.
    WriteRefused => Capability,
    /// Another host has reserved the drive.
    Reserved => InUse,
    /// Somebody stopped the job.
    Stopped => Request,
    /// The worker process of the drive ended without an answer.
    WorkerDied => Capability,
    /// A self-test of Expunge failed.
    SelfTestFailed => Capability,
    /// The journal or the record could not be written.
    StateFailed => Capability,
    /// The journal of a job is not as it was written.
    JournalDamaged => Capability,
    /// The job has ended, or never began, or runs: there is nothing to go on with.
    NotResumable => Request,
    /// The drive carries something that was not there when the job began.
    ContentChanged => InUse,
    /// The drive did not accept a command of its own, and nothing was started.
    FirmwareRefused => Capability,
    /// The drive advertises a command of its own, and answers that there is none such.
    NoSuchCommand => Capability,
    /// A sanitize operation or a format that is not ours runs on the drive.
    FirmwareBusy => InUse,
    /// The drive says that its own command failed.
    FirmwareFailed => Medium,
    /// The drive's own command was started, or may have been, and its end is not known.
    FirmwareUnknown => Medium,
    /// The drive said that its own command was done, and blocks that must be gone are still there.
    FirmwareLied => Medium,
    /// The drive is frozen: it takes no security or sanitize command until its power is cycled.
    Frozen => Capability,
    /// The drive is locked with a password or by TCG.
    Locked => Capability,
    /// A part of the drive's capacity is hidden from reading and writing.
    HiddenArea => Capability,
    /// No technique that would be a purge can be carried out on this drive: it is to be destroyed.
    PurgeUnavailable => Capability,
    /// The command reaches more than the drive that was named, and that was not accepted.
    ScopeNotAccepted => Policy,
    /// The drive did not accept the credential (PSID, password) that was given.
    WrongCredential => Request,
}

/// One reason: a code to match on, and sentences that name the drive, the obstacle and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// From the published list.
    pub code: ReasonCode,
    /// Class of the code, repeated for readers that know only classes.
    pub class: ReasonClass,
    /// What is the matter, in one sentence without a full stop.
    pub text: String,
    /// What releases it or what to do next; empty only where nothing can be done.
    pub remedy: String,
}

impl Reason {
    /// A reason; its class follows from the code.
    pub fn new(code: ReasonCode, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, class: code.class(), text: text.into(), remedy: remedy.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::unit::term::word;

    #[test]
    fn codes_are_distinct_and_readable() {
        let words: BTreeSet<String> = ReasonCode::ALL.iter().map(word).collect();
        assert_eq!(words.len(), ReasonCode::ALL.len());
        assert!(words.contains("loop-backing") && words.contains("confirmation-mismatch"));
    }
}
