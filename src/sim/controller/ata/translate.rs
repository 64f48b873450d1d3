//! SCSI/ATA translation: command blocks to registers, registers to sense data; and which ATA command is which.
use super::After;
use crate::sim::controller::bytes::{byte, low8, low16};
use crate::sim::controller::quirk::QuirkName;
use crate::sim::controller::scsi::sense::{Outcome, Registers, Sense};
use crate::sim::controller::scsi::state::{Trouble, Unit};

/// How data move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    None,
    FromDrive,
    ToDrive,
}

/// Registers as a command sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taskfile {
    pub(super) extend: bool,
    pub(super) feature: u16,
    pub(super) count: u16,
    pub(super) lba: u64,
    pub(super) command: u8,
    pub(super) phase: Phase,
    /// Bytes of the data phase.
    pub(super) bytes: usize,
    asks_registers: bool,
}

/// What a command gives that succeeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) count: u16,
    pub(super) lba: u64,
    pub(super) data: Vec<u8>,
}

impl Reply {
    pub(super) fn with(data: Vec<u8>) -> Self {
        Self { data, ..Self::default() }
    }
}

/// The command was aborted (ABRT), with a reason in LBA 7:0 where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abort(pub(super) u8);

impl Abort {
    pub(super) const PLAIN: Self = Self(0);
}

const READY: u8 = 0x50;
const ABRT: u8 = 0x04;

impl Taskfile {
    /// ATA PASS-THROUGH (16) or (12).
    fn parse(block: &[u8]) -> Result<Self, Sense> {
        let at = |position| u16::from(byte(block, position));
        let address = |position| u64::from(byte(block, position));
        let (flags, control) = (byte(block, 1), byte(block, 2));
        let sixteen = byte(block, 0) == 0x85;
        let extend = sixteen && flags & 1 != 0;
        let (mut feature, mut count, mut lba, command);
        if sixteen {
            (feature, count) = (at(3) << 8 | at(4), at(5) << 8 | at(6));
            lba = address(8) | address(10) << 8 | address(12) << 16;
            lba |= address(7) << 24 | address(9) << 32 | address(11) << 40;
            command = byte(block, 14);
        } else {
            (feature, count) = (at(3), at(4));
            lba = address(5) | address(6) << 8 | address(7) << 16;
            command = byte(block, 9);
        }
        if !extend {
            // A 28-bit command has the lower registers only; bits 27:24 stand in DEVICE.
            feature &= 0xFF;
            count &= 0xFF;
            let device = u64::from(byte(block, if sixteen { 13 } else { 8 }) & 0x0F);
            lba = lba & 0x00FF_FFFF | device << 24;
        }
        let from_drive = control & 0x08 != 0;
        let phase = match ((flags >> 1) & 0x0F, from_drive) {
            (3, _) => Phase::None,
            (4 | 6 | 10, true) => Phase::FromDrive,
            (5 | 6 | 11, false) => Phase::ToDrive,
            _ => return Err(Sense::INVALID_FIELD),
        };
        let length = match control & 3 {
            0 => 0,
            1 => usize::from(feature),
            2 => usize::from(count),
            _ => return Err(Sense::INVALID_FIELD),
        };
        // BYT_BLOK: blocks of 512 bytes (T_TYPE 0) or bytes.
        let bytes = if control & 0x04 == 0 { length } else { length * 512 };
        if (phase == Phase::None) != (bytes == 0) {
            return Err(Sense::INVALID_FIELD);
        }
        let asks_registers = control & 0x20 != 0;
        Ok(Self { extend, feature, count, lba, command, phase, bytes, asks_registers })
    }
}

impl Unit {
    pub(in crate::sim::controller) fn pass_through(
        &mut self,
        block: &[u8],
        sent: &[u8],
    ) -> Result<Outcome, Outcome> {
        if self.traits().is_none() {
            return Err(Sense::INVALID_OPCODE.into());
        }
        let task = Taskfile::parse(block).map_err(Outcome::from)?;
        let sent = sent.get(..task.bytes).unwrap_or(sent);
        if task.phase == Phase::ToDrive && sent.len() < task.bytes {
            return Err(Sense::INVALID_FIELD.into());
        }
        let done = self.ata_command(&task, sent);
        let extend = u8::from(task.extend);
        match done {
            Ok(mut reply) => {
                reply.data.truncate(task.bytes);
                let registers = Registers {
                    extend,
                    count: reply.count,
                    lba: reply.lba,
                    status: READY,
                    ..Registers::default()
                };
                Ok(self.registers_told(&task, registers, reply.data))
            }
            Err(Abort(reason)) => Err(self.aborted(extend, reason)),
        }
    }

    fn registers_told(&mut self, task: &Taskfile, registers: Registers, data: Vec<u8>) -> Outcome {
        if !task.asks_registers || self.core.has(QuirkName::NoRegisters) {
            return Outcome::Good(data);
        }
        let zeroed = self.core.has(QuirkName::ZeroRegisters);
        let keeps = self.traits().is_some_and(|traits| traits.results_log);
        let registers = match (zeroed, keeps) {
            (true, _) => Registers::default(),
            (false, true) => Registers { kept_as: 1, ..registers },
            (false, false) => registers,
        };
        self.ata.results = keeps.then_some(registers);
        let sense = Sense::new(1, 0x00, 0x1D);
        Outcome::Check(Sense { registers: Some(registers), ..sense }, data)
    }

    fn aborted(&self, extend: u8, reason: u8) -> Outcome {
        let registers = Registers {
            extend,
            error: ABRT,
            lba: u64::from(reason),
            status: READY | 1,
            ..Registers::default()
        };
        let zeroed = self.core.has(QuirkName::ZeroRegisters);
        let registers = if zeroed { Registers::default() } else { registers };
        let told = !self.core.has(QuirkName::NoRegisters);
        let sense = Sense::new(0x0B, 0x00, 0x00);
        Sense { registers: told.then_some(registers), ..sense }.into()
    }

    pub(in crate::sim::controller) fn security_erase_failed(&self) -> Outcome {
        self.aborted(0, 0)
    }

    fn ata_command(&mut self, task: &Taskfile, sent: &[u8]) -> Result<Reply, Abort> {
        let mut after = std::mem::replace(&mut self.ata.after, After::Other);
        if self.core.has(QuirkName::Interloper) {
            after = After::Other;
        }
        let phase = match task.command {
            0xEC | 0x2F | 0x47 | 0x5C | 0x5D => Phase::FromDrive,
            0xB0 if matches!(task.feature, 0xD0 | 0xD1) => Phase::FromDrive,
            0xB1 if task.feature == 0xC2 => Phase::FromDrive,
            0xF1 | 0xF2 | 0xF4 | 0xF6 | 0x5E | 0x5F => Phase::ToDrive,
            _ => Phase::None,
        };
        if phase != task.phase {
            return Err(Abort::PLAIN);
        }
        self.ata_may_come_now(task)?;
        match task.command {
            0xEC => Ok(Reply::with(self.identify())),
            0xB4 => self.sanitize_device(task),
            0xF1..=0xF6 => self.password_command(task, sent, after),
            0xF8 | 0x27 | 0xF9 | 0x37 | 0xB1 | 0x78 => self.area_command(task, after),
            0x2F | 0x47 if task.extend => self.read_log(task),
            0xB0 => self.smart(task),
            0x5C..=0x5F => self.trusted(task, sent),
            // Idle, standby, flush, set features: nothing that matters here.
            0xE0 | 0xE1 | 0xE2 | 0xE7 | 0xEA | 0xEF => Ok(Reply::default()),
            0xE5 => Ok(Reply { count: 0xFF, ..Reply::default() }),
            0x0B if task.extend => Ok(Reply::default()),
            _ => Err(Abort::PLAIN),
        }
    }

    /// While a sanitize runs or has failed, most commands abort.
    fn ata_may_come_now(&self, task: &Taskfile) -> Result<(), Abort> {
        let always = matches!(task.command, 0xEC | 0x2F | 0x47 | 0x0B | 0xE5 | 0xB4 | 0xF2)
            || (task.command == 0xB0 && task.feature == 0xDA);
        let busy = self.core.running.is_some() || matches!(self.trouble, Trouble::Failed(_));
        if busy && !always { Err(Abort::PLAIN) } else { Ok(()) }
    }

    /// TRUSTED SEND and RECEIVE: protocol in FEATURE, length in LBA 7:0 and COUNT in blocks of 512 bytes, the
    /// protocol's field in LBA 23:8.
    fn trusted(&mut self, task: &Taskfile, sent: &[u8]) -> Result<Reply, Abort> {
        use crate::sim::controller::scsi::dispatch::Way;
        let (protocol, com_id) = (low8(u64::from(task.feature)), low16(task.lba >> 8));
        let way = if task.phase == Phase::FromDrive { Way::Receive(task.bytes) } else { Way::Send };
        self.security_command(way, protocol, com_id, sent).map(Reply::with).map_err(|_| Abort::PLAIN)
    }
}
