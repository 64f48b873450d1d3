//! Sanitize (84h) and the state that it leaves.
use super::admin::{Refusal, Reply, specific};
use super::state::Nvme;
use crate::sim::controller::bytes::{le32, low8};
use crate::sim::controller::core::{Core, Ending};
use crate::sim::controller::job::{Invert, Job, Mapping, Reach, Work};
use crate::sim::controller::media::Fill;
use crate::sim::controller::quirk::{FailureMode, Quirk, QuirkName, Stale};

/// Where the subsystem stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Never,
    Succeeded,
    SucceededDeallocated,
    Running,
    /// Processing is over; reads go to the medium until the host leaves the state.
    Verifying,
    Failed,
}

/// What the sanitize status log is made of. It survives the loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) stand: Stand,
    pub(super) failure: FailureMode,
    pub(super) scdw10: u32,
    pub(super) scdw11: u32,
    pub(super) erased: bool,
    pub(super) purged: bool,
    pub(super) passes: u8,
    /// "No deallocate" was asked for and could not be kept.
    deallocates_anyway: bool,
}

const EXIT_FAILURE: u32 = 1;
const BLOCK_ERASE: u32 = 2;
const OVERWRITE: u32 = 3;
const CRYPTO_ERASE: u32 = 4;
const EXIT_VERIFICATION: u32 = 5;

/// Bits of CDW10.
const AUSE: u32 = 1 << 3;
const OIPBP: u32 = 1 << 8;
const NDAS: u32 = 1 << 9;
const EMVS: u32 = 1 << 10;
const PREQ: u32 = 1 << 11;

/// Bits of SANICAP.
const VERS: u32 = 1 << 3;
const SPRRS: u32 = 1 << 5;
const NDI: u32 = 1 << 29;

impl Status {
    pub(super) fn at_first(core: &Core) -> Self {
        let (stand, failure) = match core.quirk(QuirkName::StaleEnd) {
            Some(Quirk::StaleEnd { end: Stale::Success }) => (Stand::Succeeded, FailureMode::Restricted),
            Some(Quirk::StaleEnd { end: Stale::Failure(mode) }) => (Stand::Failed, mode),
            Some(_) | None => (Stand::Never, FailureMode::Restricted),
        };
        // Whoever did that asked for a block erase, as most do.
        let ause = if failure == FailureMode::Unrestricted { AUSE } else { 0 };
        Self {
            stand,
            failure,
            scdw10: if stand == Stand::Never { 0 } else { BLOCK_ERASE | ause },
            scdw11: 0,
            erased: core.has(QuirkName::GlobalErasedBefore),
            purged: false,
            passes: 0,
            deallocates_anyway: false,
        }
    }
}

impl Nvme {
    pub(super) fn start_foreign(&mut self) {
        self.begin(BLOCK_ERASE, 0);
    }

    /// Sanitize.
    pub(super) fn sanitize(&mut self, entry: &[u8]) -> Result<Reply, Refusal> {
        let (nsid, cdw10, cdw11) = (le32(entry, 4), le32(entry, 40), le32(entry, 44));
        if self.spec.sanitize_is_told_only {
            return Err(Refusal::INVALID_OPCODE);
        }
        if nsid != 0 && !self.core.has(QuirkName::AnyNamespaceTaken) {
            return Err(Refusal::INVALID_FIELD);
        }
        self.sanitize_prohibited()?;
        match cdw10 & 7 {
            EXIT_FAILURE => self.exit_failure(),
            EXIT_VERIFICATION if self.status.stand == Stand::Verifying => {
                self.unmap_all();
                self.status.stand = Stand::Succeeded;
                Ok(Reply::default())
            }
            BLOCK_ERASE | OVERWRITE | CRYPTO_ERASE => self.sanitize_action(cdw10, cdw11),
            _ => Err(Refusal::INVALID_FIELD),
        }
    }

    fn sanitize_prohibited(&self) -> Result<(), Refusal> {
        if self.core.has(QuirkName::FirmwarePending) {
            // Firmware activation requires a conventional reset.
            return Err(specific(0x0B));
        }
        if self.core.has(QuirkName::MemoryRegionEnabled) {
            return Err(specific(0x23));
        }
        if self.core.has(QuirkName::WriteProtected)
            || self.namespaces.iter().any(|placed| placed.spec.write_protected)
        {
            return Err(Refusal::WRITE_PROTECTED);
        }
        if self.is_locked_out() {
            return Err(Refusal::ACCESS_DENIED);
        }
        Ok(())
    }

    fn exit_failure(&mut self) -> Result<Reply, Refusal> {
        match (self.status.stand, self.status.failure) {
            (Stand::Failed, FailureMode::Restricted) => Err(Refusal::SANITIZE_FAILED),
            (Stand::Failed, FailureMode::Unrestricted) => {
                // The log goes on telling of the failure until the next sanitize; what it says of the state is the
                // state machine's, which is idle (from memory).
                self.status.stand = Stand::Never;
                Ok(Reply::default())
            }
            (
                Stand::Never
                | Stand::Succeeded
                | Stand::SucceededDeallocated
                | Stand::Running
                | Stand::Verifying,
                _,
            ) => Ok(Reply::default()),
        }
    }

    fn sanitize_action(&mut self, cdw10: u32, cdw11: u32) -> Result<Reply, Refusal> {
        let capability = match cdw10 & 7 {
            BLOCK_ERASE => 1 << 1,
            OVERWRITE => 1 << 2,
            _ => 1,
        };
        let sanicap = self.spec.sanicap;
        let unsupported = sanicap & capability == 0
            || (cdw10 & EMVS != 0 && sanicap & VERS == 0)
            || (cdw10 & PREQ != 0 && sanicap & SPRRS == 0)
            || (cdw10 & NDAS != 0 && sanicap & NDI != 0 && !self.warns);
        if unsupported {
            return Err(Refusal::INVALID_FIELD);
        }
        let restricted = cdw10 & AUSE == 0;
        let stuck = self.status.stand == Stand::Failed
            && self.status.failure == FailureMode::Restricted
            && !restricted;
        if stuck {
            return Err(Refusal::SANITIZE_FAILED);
        }
        self.begin(cdw10, cdw11);
        Ok(Reply { wait_ms: self.slow_ms(), ..Reply::default() })
    }

    fn begin(&mut self, cdw10: u32, cdw11: u32) {
        let failure = if cdw10 & AUSE == 0 { FailureMode::Restricted } else { FailureMode::Unrestricted };
        let inhibited = cdw10 & NDAS != 0 && self.spec.sanicap & NDI != 0;
        self.status = Status {
            stand: Stand::Running,
            failure,
            scdw10: cdw10,
            scdw11: cdw11,
            erased: self.status.erased,
            purged: false,
            passes: 0,
            deallocates_anyway: inhibited,
        };
        let mut data = self.spec.sanicap.to_le_bytes().to_vec();
        data.extend(cdw10.to_le_bytes());
        data.extend(cdw11.to_le_bytes());
        self.remember(0x09, data);
        let job = self.job(cdw10, cdw11, failure);
        self.core.start(job);
        self.bring_up_to_date();
    }

    fn job(&self, cdw10: u32, cdw11: u32, failure: FailureMode) -> Job {
        let count = match low8(u64::from(cdw10 >> 4)) & 0xF {
            0 => 16,
            count => count,
        };
        let shape = &self.core.shape;
        let (work, passes, duration_ms) = match cdw10 & 7 {
            BLOCK_ERASE => (Work::BlockErase, vec![Fill::Pattern([0xFF; 4])], shape.erase_ms),
            OVERWRITE => {
                let invert = if cdw10 & OIPBP == 0 { Invert::Never } else { Invert::EverySecond };
                let passes = Job::overwrite_passes(cdw11.to_le_bytes(), count, invert);
                (Work::Overwrite, passes, shape.pass_ms.saturating_mul(u64::from(count)))
            }
            _ => (Work::CryptoErase, vec![self.core.noise()], shape.crypto_ms),
        };
        let keeps = cdw10 & EMVS != 0 || (cdw10 & NDAS != 0 && self.spec.sanicap & NDI == 0);
        let shows_noise = work == Work::CryptoErase && !self.core.has(QuirkName::ZerosAfterCrypto);
        let must_be_written = work != Work::Overwrite && self.core.has(QuirkName::WriteRequiredAfter);
        let mapping =
            if !must_be_written && (keeps || shows_noise) { Mapping::Keep } else { Mapping::Forget };
        Job { work, reach: Reach::Everything, passes, mapping, duration_ms, failure }
    }

    /// A sanitize operation came to its end.
    pub(super) fn sanitize_ended(&mut self, ending: Ending) {
        let asked = self.status.scdw10;
        self.status.stand = match ending {
            Ending::Failed | Ending::CutOff => Stand::Failed,
            Ending::Succeeded if asked & EMVS != 0 => Stand::Verifying,
            Ending::Succeeded if self.status.deallocates_anyway => Stand::SucceededDeallocated,
            Ending::Succeeded => Stand::Succeeded,
        };
        if ending == Ending::Succeeded {
            self.status.erased = !self.core.has(QuirkName::NeverGlobalErased);
            self.status.purged = asked & PREQ != 0;
            if asked & 7 == OVERWRITE {
                let passes = low8(u64::from(asked >> 4)) & 0xF;
                self.status.passes = if passes == 0 { 16 } else { passes };
            }
        }
        // SPROG, SSTAT, completion information (from memory), reserved.
        let mut data = vec![0xFF, 0xFF];
        data.extend(self.sstat().to_le_bytes());
        data.extend([0; 4]);
        self.remember(0x0A, data);
    }

    fn unmap_all(&mut self) {
        (0..self.core.media.slots()).for_each(|slot| self.core.media.unmap(slot));
    }

    /// SSTAT as the status log has it.
    pub(super) fn sstat(&self) -> u16 {
        let status = &self.status;
        let stand: u16 = match status.stand {
            Stand::Never => 0,
            Stand::Succeeded => 1,
            // Media verification belongs to an operation in progress (from memory).
            Stand::Running | Stand::Verifying => 2,
            Stand::Failed => 3,
            Stand::SucceededDeallocated => 4,
        };
        let passes = match &self.core.running {
            Some(running) if running.job.work == Work::Overwrite => low8(running.passes_done()).min(31),
            Some(_) | None => status.passes,
        };
        stand | (u16::from(passes) << 3) | (u16::from(status.erased) << 8) | (u16::from(status.purged) << 11)
    }

    /// SSI as the status log has it: 0 unless the drive has the verification state.
    pub(super) fn ssi(&self) -> u8 {
        if self.spec.sanicap & VERS == 0 {
            return 0;
        }
        let restricted = self.status.failure == FailureMode::Restricted;
        match self.status.stand {
            Stand::Never | Stand::Succeeded | Stand::SucceededDeallocated => 0,
            Stand::Running => {
                if restricted {
                    1
                } else {
                    3
                }
            }
            Stand::Failed => {
                // The high half says in which state it failed.
                if restricted { 0x12 } else { 0x34 }
            }
            Stand::Verifying => 5,
        }
    }
}
