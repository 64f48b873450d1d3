//! The inside of a simulated unit.
use std::time::Duration;

use super::sense::{Outcome, Sense, SenseFormat};
use super::{Personality, ScsiSpec};
use crate::io::{Data, ScsiAnswer};
use crate::sim::controller::ata::AtaState;
use crate::sim::controller::core::{Core, Ending, Event};
use crate::sim::controller::handle::Drive;
use crate::sim::controller::job::Work;
use crate::sim::controller::quirk::{FailureMode, Quirk, QuirkName, Return, Stale};
use crate::sim::controller::security::SecurityProtocol;

/// Why a unit cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim::controller) enum Trouble {
    None,
    /// A sanitize failed.
    Failed(FailureMode),
    /// A format was interrupted.
    FormatCorrupt,
}

/// See the module.
pub(in crate::sim::controller) struct Unit {
    pub(in crate::sim::controller) core: Core,
    pub(in crate::sim::controller) spec: ScsiSpec,
    pub(in crate::sim::controller) trouble: Trouble,
    pub(in crate::sim::controller) mode: FailureMode,
    pub(in crate::sim::controller) attention: Option<Sense>,
    pub(in crate::sim::controller) security: Option<Box<dyn SecurityProtocol>>,
    pub(in crate::sim::controller) ata: AtaState,
    /// Virtual milliseconds until the command that is being carried out is answered.
    pub(in crate::sim::controller) wait_ms: u64,
    /// Number of the deed that it waits for.
    pub(in crate::sim::controller) awaited: Option<usize>,
}

impl std::fmt::Debug for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unit")
    }
}

/// `host_status` of a command that timed out.
const TIMED_OUT: u16 = 3;

impl Unit {
    pub(super) fn new(spec: ScsiSpec) -> Self {
        let mut core = Core::new(&spec.shape);
        let ata = AtaState::new(&spec, &mut core);
        let trouble = match core.quirk(QuirkName::StaleEnd) {
            Some(Quirk::StaleEnd { end: Stale::Failure(mode) }) => Trouble::Failed(mode),
            Some(_) | None => Trouble::None,
        };
        let mode = FailureMode::Restricted;
        let mut unit = Self {
            core,
            spec,
            trouble,
            mode,
            attention: None,
            security: None,
            ata,
            wait_ms: 0,
            awaited: None,
        };
        if unit.core.has(QuirkName::ForeignRunning) {
            unit.start_block_erase();
        }
        unit
    }

    /// Brings everything up to the present time.
    pub(in crate::sim::controller) fn bring_up_to_date(&mut self) {
        self.core.settle();
        for event in std::mem::take(&mut self.core.events) {
            match event {
                Event::Ended(Work::SecurityErase, ending) => self.security_erase_ended(ending),
                Event::Ended(Work::Format, ending) => {
                    let corrupt = ending != Ending::Succeeded;
                    self.trouble = if corrupt { Trouble::FormatCorrupt } else { Trouble::None };
                }
                Event::Ended(Work::BlockErase | Work::CryptoErase | Work::Overwrite, ending) => {
                    let failed = ending != Ending::Succeeded;
                    self.trouble = if failed { Trouble::Failed(self.mode) } else { Trouble::None };
                    self.ata.sanitize_ended(ending);
                }
                Event::PowerLost => {}
                Event::PowerReturned(returns) => self.power_returned(returns),
            }
        }
    }

    fn power_returned(&mut self, returns: Return) {
        self.attention = Some(Sense::new(6, 0x29, 0x01));
        if let Some(security) = &mut self.security {
            security.power_cycle();
        }
        if let Personality::Ata(_) = &self.spec.personality {
            self.ata_power_on(returns);
        }
    }

    pub(super) fn sense_format(&self) -> SenseFormat {
        let fixed = self.core.has(QuirkName::FixedSense);
        if fixed { SenseFormat::Fixed } else { SenseFormat::Descriptor }
    }

    pub(super) fn execute(
        &mut self,
        attachment: u64,
        block: &[u8],
        data: Data<'_>,
        timeout: Duration,
    ) -> ScsiAnswer {
        let gone = ScsiAnswer::NotCompleted { errno: libc::ENODEV };
        self.bring_up_to_date();
        if !self.core.answers(attachment) {
            return gone;
        }
        let sent: &[u8] = if let Data::ToDrive(sent) = &data { sent } else { &[] };
        let room = if let Data::FromDrive(out) = &data { out.len() } else { 0 };
        self.core.ask(block, sent);
        self.bring_up_to_date();
        if !self.core.answers(attachment) {
            return gone;
        }
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        if self.core.busy_with() == Some(Work::SecurityErase) {
            // The drive is busy and does not answer.
            self.core.clock.advance_ms(timeout_ms);
            self.bring_up_to_date();
            return ScsiAnswer::Transport { host: TIMED_OUT, driver: 0 };
        }
        self.wait_ms = 0;
        self.awaited = None;
        let outcome = self.carry_out(block, sent, room);
        let outcome = match self.wait(timeout_ms, attachment) {
            Ok(()) => self.after_waiting(block, outcome),
            Err(answer) => return answer,
        };
        self.answer(outcome, data)
    }

    /// Lets the time of a command that blocks pass.
    fn wait(&mut self, timeout_ms: u64, attachment: u64) -> Result<(), ScsiAnswer> {
        self.core.clock.advance_ms(self.wait_ms.min(timeout_ms));
        self.bring_up_to_date();
        if !self.core.answers(attachment) {
            return Err(ScsiAnswer::NotCompleted { errno: libc::ENODEV });
        }
        if self.wait_ms > timeout_ms {
            return Err(ScsiAnswer::Transport { host: TIMED_OUT, driver: 0 });
        }
        Ok(())
    }

    fn answer(&self, outcome: Outcome, data: Data<'_>) -> ScsiAnswer {
        let sent = if let Data::ToDrive(sent) = &data { sent.len() } else { 0 };
        let (status, sense, bytes) = match outcome {
            Outcome::Good(bytes) => (0, Vec::new(), bytes),
            Outcome::Check(sense, bytes) => (0x02, sense.bytes(self.sense_format()), bytes),
            Outcome::Status(status) => (status, Vec::new(), Vec::new()),
        };
        let mut moved = if status == 0 { sent } else { 0 };
        if let Data::FromDrive(out) = data {
            moved = out.len().min(bytes.len());
            out[..moved].copy_from_slice(&bytes[..moved]);
        }
        ScsiAnswer::Answered { status, sense, moved: u32::try_from(moved).unwrap_or(u32::MAX) }
    }
}

impl Drive for Unit {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn settle(&mut self) {
        self.bring_up_to_date();
    }

    fn blocks(&self, _unit: u32) -> u64 {
        self.core.presented
    }

    fn read(&mut self, _unit: u32, lba: u64, out: &mut [u8]) -> Result<(), i32> {
        self.bring_up_to_date();
        self.media_ready().and_then(|()| self.read_blocks(lba, out)).map_err(|outcome| errno(&outcome))
    }

    fn write(&mut self, _unit: u32, lba: u64, data: &[u8]) -> Result<(), i32> {
        self.bring_up_to_date();
        self.media_ready().and_then(|()| self.write_blocks(lba, data)).map_err(|outcome| errno(&outcome))
    }

    fn flush(&mut self, _unit: u32) -> Result<(), i32> {
        Ok(())
    }
}

/// The errno that the kernel makes of an answer (from memory: `scsi_result_to_blk_status`, `scsi_io_completion`).
fn errno(outcome: &Outcome) -> i32 {
    match outcome {
        Outcome::Status(0x18) => libc::EBADE,
        Outcome::Check(Sense { key: 3, .. }, _) => libc::ENODATA,
        Outcome::Check(Sense { key: 5, .. }, _) => libc::EREMOTEIO,
        Outcome::Check(..) | Outcome::Good(_) | Outcome::Status(_) => libc::EIO,
    }
}
