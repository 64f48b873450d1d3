//! ATA commands inside SCSI ATA PASS-THROUGH (16), and the registers that come back inside sense data.
//!
//! Sources: hdparm's `sgio.c` for the command block and the descriptor, Linux `libata-scsi.c` for the fixed
//! format, both second-hand in the project's facts (standards.md 6.4, firmware-purge.md 3.1).

use crate::command::scsi::sense::{
    ATA_DESCRIPTOR_BYTES, AtaBytes, ILLEGAL_REQUEST, NO_SENSE, RECOVERED_ERROR, Sense,
};
use crate::io::ScsiAnswer;

/// Bytes of an ATA PASS-THROUGH (16) command block.
pub const PASS_THROUGH_BYTES: usize = 16;
/// Bytes of a logical sector of ATA data structures (IDENTIFY, logs, password blocks).
pub const SECTOR_BYTES: usize = 512;

/// How an ATA command moves data, which a SATL must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// No data (3).
    NonData,
    /// The drive sends COUNT sectors (4).
    PioIn,
    /// The drive receives COUNT sectors (5).
    PioOut,
}

/// Whether a command uses the upper registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 28-bit: 8-bit FEATURE and COUNT.
    Bits28,
    /// 48-bit (EXTEND).
    Bits48,
}

/// Whether the result registers are asked for (CK_COND). Some bridges answer no sense at all when they are, so they
/// are asked for only where they say something (standards.md 6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Only success or failure.
    Outcome,
    /// The registers, by CHECK CONDITION with 00h/1Dh.
    Registers,
}

/// The registers of one ATA command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtaCommand {
    /// FEATURE.
    pub feature: u16,
    /// COUNT.
    pub count: u16,
    /// LBA: 48 bits; what is above is left out.
    pub lba: u64,
    /// DEVICE.
    pub device: u8,
    /// COMMAND.
    pub command: u8,
    /// How data moves.
    pub protocol: Protocol,
    /// 28 or 48 bits.
    pub width: Width,
    /// What is asked for in answer.
    pub wanted: Wanted,
}

impl AtaCommand {
    /// A 28-bit command without data whose outcome is enough.
    pub const fn non_data(command: u8) -> Self {
        Self {
            feature: 0,
            count: 0,
            lba: 0,
            device: 0,
            command,
            protocol: Protocol::NonData,
            width: Width::Bits28,
            wanted: Wanted::Outcome,
        }
    }

    /// The ATA PASS-THROUGH (16) command block.
    pub const fn block(&self) -> [u8; PASS_THROUGH_BYTES] {
        let (protocol, transfer) = match self.protocol {
            Protocol::NonData => (3, 0),
            // T_DIR from the drive, BYT_BLOK, length in COUNT.
            Protocol::PioIn => (4, 0x0e),
            Protocol::PioOut => (5, 0x06),
        };
        let extend = match self.width {
            Width::Bits28 => 0,
            Width::Bits48 => 1,
        };
        let check = match self.wanted {
            Wanted::Outcome => 0,
            Wanted::Registers => 0x20,
        };
        let [feature_high, feature_low] = self.feature.to_be_bytes();
        let [count_high, count_low] = self.count.to_be_bytes();
        let lba = self.lba.to_le_bytes();
        [
            0x85,
            (protocol << 1) | extend,
            check | transfer,
            feature_high,
            feature_low,
            count_high,
            count_low,
            lba[3],
            lba[0],
            lba[4],
            lba[1],
            lba[5],
            lba[2],
            self.device,
            self.command,
            0,
        ]
    }
}

/// The upper part of a result register pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upper<T> {
    /// It came.
    Told(T),
    /// Fixed format: all that is said is that it is not zero.
    NonZero,
    /// A 28-bit answer: nothing is said.
    NotTold,
}

/// Result registers as far as they came. What the sense format leaves out cannot be read from this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// ERROR.
    pub error: u8,
    /// STATUS.
    pub status: u8,
    /// DEVICE.
    pub device: u8,
    /// COUNT 7:0.
    pub count_low: u8,
    /// COUNT 15:8.
    pub count_high: Upper<u8>,
    /// LBA 23:0.
    pub lba_low: u32,
    /// LBA 47:24.
    pub lba_high: Upper<u32>,
}

impl Registers {
    /// COUNT, when all of it came.
    pub const fn count(&self) -> Option<u16> {
        match self.count_high {
            Upper::Told(high) => Some(u16::from_be_bytes([high, self.count_low])),
            Upper::NonZero | Upper::NotTold => None,
        }
    }

    /// LBA of a 48-bit command, when all of it came.
    pub fn lba48(&self) -> Option<u64> {
        match self.lba_high {
            Upper::Told(high) => Some((u64::from(high) << 24) | u64::from(self.lba_low)),
            Upper::NonZero | Upper::NotTold => None,
        }
    }

    /// LBA of a 28-bit command; its bits 27:24 are in DEVICE.
    pub fn lba28(&self) -> u32 {
        (u32::from(self.device & 0x0f) << 24) | self.lba_low
    }

    /// ERR or DF in STATUS.
    pub const fn has_failed(&self) -> bool {
        self.status & 0x21 != 0
    }

    /// ABRT in ERROR.
    pub const fn is_aborted(&self) -> bool {
        self.error & 0x04 != 0
    }

    /// A drive that is there and ready never has STATUS 00h or FFh: such registers were made up on the way.
    const fn is_plausible(&self) -> bool {
        !matches!(self.status, 0x00 | 0xff)
    }
}

/// What a SATL answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The drive completed the command.
    Done {
        /// Result registers, when they came.
        registers: Option<Registers>,
    },
    /// The drive ended the command with an error.
    Aborted {
        /// Result registers, when they came.
        registers: Option<Registers>,
    },
    /// Registers came that no drive has (all zero, STATUS 00h or FFh): nothing is known.
    Unavailable,
    /// The translation layer refused: the drive did not get the command.
    Refused(SenseCodes),
    /// Some other sense: a unit attention, not ready, ...
    Sense(SenseCodes),
    /// A SCSI status without sense: busy, reservation conflict, ...
    Status(u8),
    /// Transport or kernel, or sense of an earlier command: whether the drive got this one is not known.
    Lost,
}

/// Sense key and additional sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenseCodes {
    /// SENSE KEY.
    pub key: u8,
    /// ADDITIONAL SENSE CODE.
    pub asc: u8,
    /// ADDITIONAL SENSE CODE QUALIFIER.
    pub ascq: u8,
}

impl SenseCodes {
    /// ATA PASS-THROUGH INFORMATION AVAILABLE: no error by itself.
    const fn is_information(self) -> bool {
        self.asc == 0x00 && self.ascq == 0x1d
    }
}

const GOOD: u8 = 0x00;
const CHECK_CONDITION: u8 = 0x02;
/// ABORTED COMMAND: Linux makes it of ABRT.
const ABORTED_COMMAND: u8 = 0x0b;

/// What an answer to an ATA PASS-THROUGH says.
pub fn reply(answer: &ScsiAnswer) -> Reply {
    match answer {
        ScsiAnswer::Answered { status, sense, .. } => answered(*status, sense),
        ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => Reply::Lost,
    }
}

fn answered(status: u8, sense: &[u8]) -> Reply {
    if status != GOOD && status != CHECK_CONDITION {
        return Reply::Status(status);
    }
    let Ok(sense) = Sense::decode(sense) else {
        return if status == GOOD { Reply::Done { registers: None } } else { Reply::Status(status) };
    };
    let (asc, ascq) = sense.code.unwrap_or((0, 0));
    let codes = SenseCodes { key: sense.key, asc, ascq };
    if !sense.is_current() {
        // It is about an earlier command. That this one was not carried out (SPC, from memory) is not trusted: what is
        // sent again could be sent twice.
        return Reply::Lost;
    }
    match sense.ata.and_then(|bytes| registers(bytes, codes)) {
        Some(registers) if !registers.is_plausible() => without_registers(codes, Came::Implausible),
        Some(registers) if registers.has_failed() => Reply::Aborted { registers: Some(registers) },
        Some(registers) => match codes {
            _ if codes.is_information() => Reply::Done { registers: Some(registers) },
            SenseCodes { key: NO_SENSE | RECOVERED_ERROR, .. } => Reply::Done { registers: Some(registers) },
            // An error by its sense with registers of a success: neither can be taken for the answer.
            SenseCodes { key: ABORTED_COMMAND, .. } => Reply::Unavailable,
            _ => Reply::Sense(codes),
        },
        None => without_registers(codes, Came::Nothing),
    }
}

/// What stood in the place of registers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    Nothing,
    Implausible,
}

const fn without_registers(codes: SenseCodes, came: Came) -> Reply {
    if codes.is_information() {
        return Reply::Unavailable;
    }
    match codes.key {
        NO_SENSE | RECOVERED_ERROR => match came {
            Came::Nothing => Reply::Done { registers: None },
            Came::Implausible => Reply::Unavailable,
        },
        ILLEGAL_REQUEST => Reply::Refused(codes),
        ABORTED_COMMAND => Reply::Aborted { registers: None },
        _ => Reply::Sense(codes),
    }
}

fn registers(bytes: AtaBytes, codes: SenseCodes) -> Option<Registers> {
    match bytes {
        AtaBytes::Descriptor(descriptor) => Some(status_return(&descriptor)),
        // Refused by the translation layer itself: these bytes are INFORMATION then, not registers. Old kernels put
        // registers elsewhere under such codes (standards.md 6.4).
        AtaBytes::Fixed { .. } if matches!(codes.asc, 0x20..=0x26) => None,
        AtaBytes::Fixed { information, specific } => Some(fixed(information, specific)),
    }
}

/// The registers of a success in fixed format that leaves upper parts out which are not zero, and the number of the
/// result in the translation layer's log, zero for none.
pub(super) fn abridged(answer: &ScsiAnswer) -> Option<(Registers, u8)> {
    let ScsiAnswer::Answered { sense, .. } = answer else { return None };
    let Reply::Done { registers: Some(registers) } = reply(answer) else { return None };
    let Some(AtaBytes::Fixed { specific: [flags, ..], .. }) = Sense::decode(sense).ok()?.ata else {
        return None;
    };
    let left_out =
        matches!(registers.count_high, Upper::NonZero) || matches!(registers.lba_high, Upper::NonZero);
    left_out.then_some((registers, flags & 0x0f))
}

/// The ATA Status Return descriptor.
pub(super) const fn status_return(descriptor: &[u8; ATA_DESCRIPTOR_BYTES]) -> Registers {
    let [_, _, flags, error, count_high, count_low, lba @ .., device, status] = *descriptor;
    let [lba_24, lba_0, lba_32, lba_8, lba_40, lba_16] = lba;
    let (count_high, lba_high) = if flags & 0x01 != 0 {
        (Upper::Told(count_high), Upper::Told(u32::from_be_bytes([0, lba_40, lba_32, lba_24])))
    } else {
        (Upper::NotTold, Upper::NotTold)
    };
    let lba_low = u32::from_be_bytes([0, lba_16, lba_8, lba_0]);
    Registers { error, status, device, count_low, count_high, lba_low, lba_high }
}

/// Registers in fixed format sense: only the lower parts, and whether the upper ones are zero.
const fn fixed(information: [u8; 4], specific: [u8; 4]) -> Registers {
    let [error, status, device, count_low] = information;
    let [flags, lba_0, lba_8, lba_16] = specific;
    let (count_high, lba_high) = if flags & 0x80 == 0 {
        (Upper::NotTold, Upper::NotTold)
    } else {
        (
            if flags & 0x40 == 0 { Upper::Told(0) } else { Upper::NonZero },
            if flags & 0x20 == 0 { Upper::Told(0) } else { Upper::NonZero },
        )
    };
    let lba_low = u32::from_be_bytes([0, lba_16, lba_8, lba_0]);
    Registers { error, status, device, count_low, count_high, lba_low, lba_high }
}

#[cfg(test)]
mod tests;
