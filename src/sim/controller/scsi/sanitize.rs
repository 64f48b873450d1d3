//! SANITIZE (48h) and FORMAT UNIT (04h).
use super::Personality;
use super::sense::{Outcome, Sense};
use super::state::{Trouble, Unit};
use crate::sim::controller::bytes::{be16, byte};
use crate::sim::controller::job::{Invert, Job, Mapping, Reach, Work};
use crate::sim::controller::media::Fill;
use crate::sim::controller::quirk::{FailureMode, Quirk, QuirkName};

type Answer = Result<Outcome, Outcome>;

const OVERWRITE: u8 = 1;
const BLOCK_ERASE: u8 = 2;
const CRYPTO_ERASE: u8 = 3;
const EXIT_FAILURE: u8 = 0x1F;

impl Unit {
    /// Whether the command that starts an operation may do so.
    fn may_sanitize(&self) -> Result<(), Outcome> {
        if self.core.has(QuirkName::WriteProtected) {
            return Err(Sense::WRITE_PROTECTED.into());
        }
        if self.core.is_locked() || self.core.has(QuirkName::LockedUnknown) {
            return Err(Sense::NO_ACCESS.into());
        }
        if self.core.has(QuirkName::FirmwarePending) {
            // Not ready, microcode activation required (from memory).
            return Err(Sense::new(2, 0x04, 0x11).into());
        }
        Ok(())
    }

    pub(super) fn sanitize(&mut self, block: &[u8], sent: &[u8]) -> Answer {
        let Personality::Scsi(traits) = &self.spec.personality else {
            return Err(Sense::INVALID_OPCODE.into());
        };
        let flags = byte(block, 1);
        let action = flags & 0x1F;
        if traits.sanitize.is_empty() || traits.sanitize_is_told_only {
            return Err(Sense::INVALID_OPCODE.into());
        }
        let list_length = usize::from(be16(block, 7));
        let list_fits = (action == OVERWRITE) == (list_length > 0);
        if !traits.sanitize.contains(&action) || !list_fits {
            return Err(Sense::INVALID_FIELD.into());
        }
        self.may_sanitize()?;
        let unrestricted = flags & 0x20 != 0;
        let mode = if unrestricted { FailureMode::Unrestricted } else { FailureMode::Restricted };
        let restricted_failure = self.trouble == Trouble::Failed(FailureMode::Restricted);
        if action == EXIT_FAILURE {
            if restricted_failure {
                return Err(Sense::SANITIZE_FAILED.into());
            }
            if self.trouble == Trouble::Failed(FailureMode::Unrestricted) {
                self.trouble = Trouble::None;
            }
            return Ok(Outcome::good());
        }
        if restricted_failure && unrestricted {
            return Err(Sense::SANITIZE_FAILED.into());
        }
        let job = self.sanitize_job(action, mode, sent.get(..list_length).unwrap_or(sent))?;
        let immediate = flags & 0x80 != 0;
        let answer = if immediate { Answered::Accepted } else { Answered::Ended };
        self.start_and_answer(job, answer);
        Ok(Outcome::good())
    }

    /// Starts an operation, and has the command wait for as long as it should.
    pub(in crate::sim::controller) fn start_and_answer(&mut self, job: Job, answer: Answered) {
        let duration_ms = job.duration_ms;
        let number = self.core.deeds.len();
        self.start(job);
        self.wait_ms = match answer {
            Answered::Accepted => self.slow_ms(),
            Answered::Ended => {
                self.awaited = Some(number);
                // A drive that hangs never answers.
                let hangs = self.core.has(QuirkName::NeverEnds);
                if hangs { u64::MAX } else { duration_ms }
            }
        };
    }

    fn slow_ms(&self) -> u64 {
        match self.core.quirk(QuirkName::SlowAdmin) {
            Some(Quirk::SlowAdmin { millis }) => millis,
            Some(_) | None => 0,
        }
    }

    pub(in crate::sim::controller) fn start(&mut self, job: Job) {
        self.mode = job.failure;
        self.core.start(job);
        self.bring_up_to_date();
    }

    pub(super) fn start_block_erase(&mut self) {
        let job = self.erase_job(Work::BlockErase, FailureMode::Restricted);
        self.start(job);
    }

    /// A block or cryptographic erase of every cell.
    pub(in crate::sim::controller) fn erase_job(&self, work: Work, failure: FailureMode) -> Job {
        let crypto = work == Work::CryptoErase;
        let shape = &self.core.shape;
        let (fill, duration_ms) = if crypto {
            (self.core.noise(), shape.crypto_ms)
        } else {
            (Fill::Pattern([0xFF; 4]), shape.erase_ms)
        };
        let shows_noise = crypto
            && !self.core.has(QuirkName::ZerosAfterCrypto)
            && !self.core.has(QuirkName::WriteRequiredAfter);
        let mapping = if shows_noise { Mapping::Keep } else { Mapping::Forget };
        Job { work, reach: Reach::Everything, passes: vec![fill], mapping, duration_ms, failure }
    }

    fn sanitize_job(&self, action: u8, failure: FailureMode, list: &[u8]) -> Result<Job, Outcome> {
        match action {
            BLOCK_ERASE => return Ok(self.erase_job(Work::BlockErase, failure)),
            CRYPTO_ERASE => return Ok(self.erase_job(Work::CryptoErase, failure)),
            _ => {}
        }
        if list.len() < 5 {
            // Parameter list length error.
            return Err(Sense::new(5, 0x1A, 0x00).into());
        }
        let count = list[0] & 0x1F;
        let length = usize::from(be16(list, 2));
        let pattern = list.get(4..4 + length).unwrap_or_default();
        let fits = count > 0 && list[1] == 0 && !pattern.is_empty() && list.len() == 4 + length;
        if !fits || length > self.core.media.block_bytes() || list[0] & 0x60 != 0 {
            return Err(Sense::INVALID_PARAMETER.into());
        }
        // The cells of this model hold patterns of four bytes: others are repeated into that.
        if length != 1 && length != 2 && length != 4 {
            return Err(Sense::INVALID_PARAMETER.into());
        }
        let four = std::array::from_fn(|at| pattern[at % length]);
        let invert = if list[0] & 0x80 == 0 { Invert::Never } else { Invert::EverySecond };
        Ok(Job {
            work: Work::Overwrite,
            reach: Reach::Everything,
            passes: Job::overwrite_passes(four, count, invert),
            mapping: Mapping::Keep,
            duration_ms: self.core.shape.pass_ms.saturating_mul(u64::from(count)),
            failure,
        })
    }

    /// FORMAT UNIT: zeros in the cells that addresses lead to; nothing at all with a fast format.
    pub(super) fn format_unit(&mut self, block: &[u8], sent: &[u8]) -> Answer {
        if matches!(self.spec.personality, Personality::Ata(_)) {
            return Err(Sense::INVALID_OPCODE.into());
        }
        self.may_sanitize()?;
        if matches!(self.trouble, Trouble::Failed(FailureMode::Restricted)) {
            return Err(Sense::SANITIZE_FAILED.into());
        }
        let has_list = byte(block, 1) & 0x10 != 0;
        if has_list && sent.len() < 4 {
            return Err(Sense::new(5, 0x1A, 0x00).into());
        }
        let immediate = has_list && byte(sent, 1) & 0x02 != 0;
        if self.core.has(QuirkName::FormatDoesNothing) || byte(block, 4) & 3 != 0 {
            return Ok(Outcome::good());
        }
        let job = Job {
            work: Work::Format,
            reach: Reach::Slots(vec![0..self.core.presented]),
            passes: vec![Fill::Pattern([0; 4])],
            mapping: Mapping::Keep,
            duration_ms: self.core.shape.erase_ms,
            failure: FailureMode::Unrestricted,
        };
        let answer = if immediate { Answered::Accepted } else { Answered::Ended };
        self.start_and_answer(job, answer);
        Ok(Outcome::good())
    }
}

/// When a command that starts an operation is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim::controller) enum Answered {
    Accepted,
    Ended,
}
