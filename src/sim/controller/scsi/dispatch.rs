//! Which command is which, and which may come when.
use super::Personality;
use super::sense::{Outcome, Sense};
use super::state::{Trouble, Unit};
use crate::sim::controller::bytes::{be16, be32, byte, index};
use crate::sim::controller::core::{Deed, Ending};
use crate::sim::controller::job::Work;
use crate::sim::controller::quirk::QuirkName;
use crate::sim::controller::security::SecurityRefusal;

const TEST_UNIT_READY: u8 = 0x00;
const REQUEST_SENSE: u8 = 0x03;
const FORMAT_UNIT: u8 = 0x04;
const INQUIRY: u8 = 0x12;
const SANITIZE: u8 = 0x48;
const REPORT_LUNS: u8 = 0xA0;
const MAINTENANCE_IN: u8 = 0xA3;
const PASS_THROUGH_16: u8 = 0x85;
const PASS_THROUGH_12: u8 = 0xA1;

impl Unit {
    pub(super) fn carry_out(&mut self, block: &[u8], sent: &[u8], room: usize) -> Outcome {
        let opcode = byte(block, 0);
        if !matches!(opcode, INQUIRY | REPORT_LUNS | PASS_THROUGH_12 | PASS_THROUGH_16) {
            self.ata.interrupt();
        }
        if !block_is_whole(block) {
            return Sense::INVALID_FIELD.into();
        }
        if let Some(outcome) = self.attention(opcode) {
            return outcome;
        }
        if let Err(outcome) = self.may_come_now(opcode) {
            return outcome;
        }
        let done = match opcode {
            TEST_UNIT_READY | 0x35 | 0x91 | 0x1B => Ok(Outcome::good()),
            REQUEST_SENSE => Ok(self.request_sense(block)),
            INQUIRY => self.inquiry(block),
            0x25 | 0x9E => self.capacity(block),
            REPORT_LUNS => Ok(self.report_luns(block)),
            0x1A | 0x5A => Ok(self.mode_sense(block)),
            MAINTENANCE_IN => self.supported_codes(block),
            0x4D => self.log_sense(block),
            0x5E => self.reservations(block),
            0x28 | 0x88 => self.read_command(block, room),
            0x2A | 0x8A => self.write_command(block, sent),
            0x42 => self.unmap(sent),
            SANITIZE => self.sanitize(block, sent),
            FORMAT_UNIT => self.format_unit(block, sent),
            0xA2 | 0xB5 => self.security_protocol(block, sent),
            PASS_THROUGH_16 | PASS_THROUGH_12 => self.pass_through(block, sent),
            _ => Err(Sense::INVALID_OPCODE.into()),
        };
        done.unwrap_or_else(|outcome| outcome)
    }

    /// Unit attentions come before anything but INQUIRY, REPORT LUNS and REQUEST SENSE.
    fn attention(&mut self, opcode: u8) -> Option<Outcome> {
        if matches!(opcode, INQUIRY | REPORT_LUNS | REQUEST_SENSE) {
            return None;
        }
        if self.core.attention_due() {
            self.attention = Some(Sense::new(6, 0x2A, 0x01));
        }
        self.attention.take().map(Outcome::from)
    }

    fn may_come_now(&self, opcode: u8) -> Result<(), Outcome> {
        let always = matches!(opcode, INQUIRY | REPORT_LUNS | REQUEST_SENSE | MAINTENANCE_IN | 0x4D | 0x5E);
        let reserved = self.core.has(QuirkName::ReservedByOther);
        if always || matches!(opcode, PASS_THROUGH_12 | PASS_THROUGH_16 if !reserved) {
            return Ok(());
        }
        if reserved && opcode != TEST_UNIT_READY {
            return Err(Outcome::Status(0x18));
        }
        if matches!(self.spec.personality, Personality::Ata(_)) {
            return Ok(());
        }
        if let Some(sense) = self.busy_sense() {
            return Err(sense.into());
        }
        match self.trouble {
            Trouble::Failed(_) if opcode != SANITIZE => Err(Sense::SANITIZE_FAILED.into()),
            Trouble::FormatCorrupt if !matches!(opcode, SANITIZE | FORMAT_UNIT) => {
                Err(Sense::FORMAT_CORRUPT.into())
            }
            Trouble::Failed(_) | Trouble::FormatCorrupt | Trouble::None => Ok(()),
        }
    }

    /// What a unit says that is busy with itself.
    pub(super) fn busy_sense(&self) -> Option<Sense> {
        let progress = self.core.told_progress();
        let sense = |ascq| Sense { progress, ..Sense::new(2, 0x04, ascq) };
        match self.core.busy_with()? {
            Work::BlockErase | Work::CryptoErase | Work::Overwrite => Some(sense(0x1B)),
            Work::Format => Some(sense(0x04)),
            Work::SecurityErase => None,
        }
    }

    /// REQUEST SENSE: GOOD, with the sense data as data.
    fn request_sense(&mut self, block: &[u8]) -> Outcome {
        let is_scsi = matches!(self.spec.personality, Personality::Scsi(_));
        let trouble = match self.trouble {
            Trouble::Failed(_) if is_scsi => Some(Sense::SANITIZE_FAILED),
            Trouble::FormatCorrupt if is_scsi => Some(Sense::FORMAT_CORRUPT),
            Trouble::Failed(_) | Trouble::FormatCorrupt | Trouble::None => None,
        };
        let busy = self.busy_sense().filter(|_| is_scsi);
        let sense = busy.or_else(|| self.attention.take()).or(trouble).unwrap_or_default();
        // DESC asks for the descriptor format.
        let format =
            if byte(block, 1) & 1 == 0 { super::sense::SenseFormat::Fixed } else { self.sense_format() };
        let mut data = sense.bytes(format);
        data.truncate(usize::from(byte(block, 4)));
        Outcome::Good(data)
    }

    /// What becomes of the answer of a command that blocked until its operation ended.
    pub(super) fn after_waiting(&mut self, block: &[u8], outcome: Outcome) -> Outcome {
        let Some(awaited) = self.awaited.take() else { return outcome };
        let failed =
            matches!(self.core.deeds.get(awaited), Some(Deed { ending, .. }) if *ending != Ending::Succeeded);
        match byte(block, 0) {
            SANITIZE if failed => Sense::SANITIZE_FAILED.into(),
            FORMAT_UNIT if failed => Sense::new(3, 0x31, 0x01).into(),
            PASS_THROUGH_12 | PASS_THROUGH_16 if failed => self.security_erase_failed(),
            _ => outcome,
        }
    }

    /// SECURITY PROTOCOL IN and OUT: protocol, its field, 512-byte increments (INC_512), length.
    fn security_protocol(&mut self, block: &[u8], sent: &[u8]) -> Result<Outcome, Outcome> {
        let (protocol, com_id) = (byte(block, 1), be16(block, 2));
        let unit: u64 = if byte(block, 4) & 0x80 == 0 { 1 } else { 512 };
        let length = index(u64::from(be32(block, 6)) * unit).min(1 << 20);
        let way = if byte(block, 0) == 0xA2 { Way::Receive(length) } else { Way::Send };
        self.security_command(way, protocol, com_id, &sent[..length.min(sent.len())])
            .map(Outcome::Good)
            .map_err(|refusal| match refusal {
                None => Sense::INVALID_OPCODE.into(),
                Some(SecurityRefusal::InvalidField) => Sense::INVALID_FIELD.into(),
                Some(SecurityRefusal::Sequence) => Sense::new(5, 0x2C, 0x00).into(),
            })
    }

    /// A security command of whichever transport; the refusal is `None` when there is no TPer.
    pub(in crate::sim::controller) fn security_command(
        &mut self,
        way: Way,
        protocol: u8,
        com_id: u16,
        sent: &[u8],
    ) -> Result<Vec<u8>, Option<SecurityRefusal>> {
        let security = self.security.as_mut().ok_or(None)?;
        let done = match way {
            Way::Send => security.send(protocol, com_id, sent).map(|()| Vec::new()),
            Way::Receive(length) => {
                let mut data = vec![0; length];
                security.receive(protocol, com_id, &mut data).map(|_| data)
            }
        };
        self.bring_up_to_date();
        done.map_err(Some)
    }
}

/// Which way a security command goes; for the way from the drive, how many bytes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim::controller) enum Way {
    Receive(usize),
    Send,
}

/// The length of a command block follows from its operation code.
fn block_is_whole(block: &[u8]) -> bool {
    let wanted = match byte(block, 0) >> 5 {
        0 => 6,
        1 | 2 => 10,
        4 => 16,
        5 => 12,
        _ => return false,
    };
    block.len() == wanted
}
