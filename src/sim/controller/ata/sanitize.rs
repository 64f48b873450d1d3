//! SANITIZE DEVICE (B4h).
use super::translate::{Abort, Reply, Taskfile};
use crate::sim::controller::bytes::{low8, low32};
use crate::sim::controller::job::{Invert, Job, Mapping, Reach, Work};
use crate::sim::controller::quirk::{FailureMode, QuirkName};
use crate::sim::controller::scsi::sanitize::Answered;
use crate::sim::controller::scsi::state::{Trouble, Unit};

const STATUS: u16 = 0x0000;
const CRYPTO_SCRAMBLE: u16 = 0x0011;
const BLOCK_ERASE: u16 = 0x0012;
const OVERWRITE: u16 = 0x0014;
const FREEZE_LOCK: u16 = 0x0020;
const ANTIFREEZE_LOCK: u16 = 0x0040;

/// Reasons in LBA 7:0 of a command that was aborted.
const SECTORS_REMAIN: u8 = 1;
const UNSUPPORTED: Abort = Abort(2);
const FROZEN: Abort = Abort(3);
const ANTIFROZEN: Abort = Abort(4);

impl Unit {
    pub(super) fn sanitize_device(&mut self, task: &Taskfile) -> Result<Reply, Abort> {
        let word = self.traits().map_or(0, |traits| traits.word_59);
        if word & 1 << 12 == 0 || self.traits().is_some_and(|traits| traits.sanitize_is_told_only) {
            return Err(Abort::PLAIN);
        }
        let (key, bit) = match task.feature {
            STATUS => return self.sanitize_status(task),
            CRYPTO_SCRAMBLE => (0x4372_7970, 13),
            BLOCK_ERASE => (0x426B_4572, 15),
            OVERWRITE => (0x4F57_0000_0000 | task.lba & 0xFFFF_FFFF, 14),
            FREEZE_LOCK => (0x4672_4C6B, 12),
            ANTIFREEZE_LOCK => (0x416E_7469, 10),
            _ => return Err(UNSUPPORTED),
        };
        if task.lba != key || word & 1 << bit == 0 || !task.extend {
            return Err(UNSUPPORTED);
        }
        if self.core.running.is_some() {
            return Err(Abort::PLAIN);
        }
        match task.feature {
            FREEZE_LOCK if self.ata.antifreeze => Err(ANTIFROZEN),
            FREEZE_LOCK => {
                self.ata.frozen = true;
                Ok(self.sanitize_reply())
            }
            _ if self.ata.frozen => Err(FROZEN),
            ANTIFREEZE_LOCK => {
                self.ata.antifreeze = true;
                Ok(self.sanitize_reply())
            }
            _ => self.start_sanitize(task),
        }
    }

    fn start_sanitize(&mut self, task: &Taskfile) -> Result<Reply, Abort> {
        let restricted = task.count & 1 << 4 == 0;
        let overrides = restricted && self.traits().is_some_and(|traits| traits.overrides_security);
        let refused = self.core.has(QuirkName::WriteProtected)
            || self.core.has(QuirkName::FirmwarePending)
            || (self.ata.passwords.locked && !overrides);
        if refused {
            return Err(Abort::PLAIN);
        }
        let failure = if restricted { FailureMode::Restricted } else { FailureMode::Unrestricted };
        let job = match task.feature {
            CRYPTO_SCRAMBLE => self.erase_job(Work::CryptoErase, failure),
            BLOCK_ERASE => self.erase_job(Work::BlockErase, failure),
            _ => self.overwrite_job(task, failure)?,
        };
        if self.ata.passwords.locked {
            self.ata.passwords.disable();
        }
        self.ata.completed = false;
        self.trouble = Trouble::None;
        self.ata.reason = if self.core.has(QuirkName::PhysicalSectorsRemain) { SECTORS_REMAIN } else { 0 };
        self.start_and_answer(job, Answered::Accepted);
        Ok(self.sanitize_reply())
    }

    fn overwrite_job(&self, task: &Taskfile, failure: FailureMode) -> Result<Job, Abort> {
        let definitive = task.count & 1 << 6 != 0;
        if definitive && !self.traits().is_some_and(|traits| traits.definitive_ending) {
            return Err(UNSUPPORTED);
        }
        let invert = match (task.count & 1 << 7 != 0, definitive) {
            (false, _) => Invert::Never,
            (true, false) => Invert::EverySecond,
            (true, true) => Invert::EndingPlain,
        };
        let count = match low8(u64::from(task.count & 0x0F)) {
            0 => 16,
            count => count,
        };
        // The pattern is a number of 32 bits; it is laid down with its lowest byte first (from memory).
        let pattern = low32(task.lba).to_le_bytes();
        Ok(Job {
            work: Work::Overwrite,
            reach: Reach::Everything,
            passes: Job::overwrite_passes(pattern, count, invert),
            mapping: Mapping::Keep,
            duration_ms: self.core.shape.pass_ms.saturating_mul(u64::from(count)),
            failure,
        })
    }

    fn sanitize_status(&mut self, task: &Taskfile) -> Result<Reply, Abort> {
        if let Trouble::Failed(mode) = self.trouble {
            let clears = task.count & 1 != 0 && mode == FailureMode::Unrestricted;
            if !clears {
                return Err(Abort(self.ata.reason));
            }
            self.trouble = Trouble::None;
        }
        Ok(self.sanitize_reply())
    }

    fn sanitize_reply(&self) -> Reply {
        let bit = |set: bool, place: u32| u16::from(set) << place;
        let progress = self.core.told_progress();
        let count = bit(self.ata.completed, 15)
            | bit(progress.is_some(), 14)
            | bit(self.ata.frozen, 13)
            | bit(self.ata.antifreeze, 12);
        Reply { count, lba: u64::from(progress.unwrap_or(u16::MAX)), data: Vec::new() }
    }
}
