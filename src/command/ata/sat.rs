//! ATA commands inside SCSI ATA PASS-THROUGH (16), and the registers that come back inside sense data.
//!
//! Sources: hdparm's `sgio.c` for the command block and the descriptor, Linux `libata-scsi.c` for the fixed
//! format, both second-hand in the project's facts (standards.md 6.4, firmware-purge.md 3.1).

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
    /// Transport or kernel: whether the drive got the command is not known.
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
    let Some(codes) = codes(sense) else {
        return if status == GOOD { Reply::Done { registers: None } } else { Reply::Status(status) };
    };
    if sense.first().is_some_and(|first| matches!(first & 0x7f, 0x71 | 0x73)) {
        // Deferred: it is about an earlier command, and this one was not carried out.
        return Reply::Sense(codes);
    }
    match registers(sense, codes) {
        Some(registers) if !registers.is_plausible() => without_registers(codes, Came::Implausible),
        Some(registers) if registers.has_failed() => Reply::Aborted { registers: Some(registers) },
        Some(registers) => match codes {
            _ if codes.is_information() => Reply::Done { registers: Some(registers) },
            SenseCodes { key: 0 | 1, .. } => Reply::Done { registers: Some(registers) },
            // An error by its sense with registers of a success: neither can be taken for the answer.
            SenseCodes { key: 0x0b, .. } => Reply::Unavailable,
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
        // No sense and recovered error.
        0 | 1 => match came {
            Came::Nothing => Reply::Done { registers: None },
            Came::Implausible => Reply::Unavailable,
        },
        5 => Reply::Refused(codes),
        0x0b => Reply::Aborted { registers: None },
        _ => Reply::Sense(codes),
    }
}

fn codes(sense: &[u8]) -> Option<SenseCodes> {
    match sense.first()? & 0x7f {
        0x70 | 0x71 => Some(SenseCodes {
            key: sense.get(2)? & 0x0f,
            asc: sense.get(12).copied().unwrap_or(0),
            ascq: sense.get(13).copied().unwrap_or(0),
        }),
        0x72 | 0x73 => {
            Some(SenseCodes { key: sense.get(1)? & 0x0f, asc: *sense.get(2)?, ascq: *sense.get(3)? })
        }
        _ => None,
    }
}

fn registers(sense: &[u8], codes: SenseCodes) -> Option<Registers> {
    match sense.first()? & 0x7f {
        0x70 => fixed(sense, codes),
        0x72 => descriptor(sense),
        _ => None,
    }
}

/// The ATA Status Return descriptor (09h, length 0Ch).
fn descriptor(sense: &[u8]) -> Option<Registers> {
    let length = usize::from(*sense.get(7)?);
    let mut rest = sense.get(8..)?;
    rest = &rest[..length.min(rest.len())];
    while let [kind, additional, ..] = *rest {
        let bytes = usize::from(additional) + 2;
        if kind == 0x09 && additional == 0x0c {
            return rest.get(..14).map(status_return);
        }
        rest = rest.get(bytes..)?;
    }
    None
}

fn status_return(descriptor: &[u8]) -> Registers {
    let at = |index: usize| descriptor.get(index).copied().unwrap_or(0);
    let extended = at(2) & 0x01 != 0;
    let (count_high, lba_high) = if extended {
        (Upper::Told(at(4)), Upper::Told(u32::from_be_bytes([0, at(10), at(8), at(6)])))
    } else {
        (Upper::NotTold, Upper::NotTold)
    };
    Registers {
        error: at(3),
        status: at(13),
        device: at(12),
        count_low: at(5),
        count_high,
        lba_low: u32::from_be_bytes([0, at(11), at(9), at(7)]),
        lba_high,
    }
}

/// Registers in fixed format sense: only the lower parts, and whether the upper ones are zero.
fn fixed(sense: &[u8], codes: SenseCodes) -> Option<Registers> {
    // Refused by the translation layer itself: these bytes are INFORMATION then, not registers. Old kernels put
    // registers elsewhere under such codes (standards.md 6.4).
    if matches!(codes, SenseCodes { asc: 0x20..=0x26, .. }) {
        return None;
    }
    let at = |index: usize| sense.get(index).copied();
    let flags = at(8)?;
    let upper = |bit: u8| flags & bit != 0;
    let extended = upper(0x80);
    Some(Registers {
        error: at(3)?,
        status: at(4)?,
        device: at(5)?,
        count_low: at(6)?,
        count_high: match (extended, upper(0x40)) {
            (true, true) => Upper::NonZero,
            (true, false) => Upper::Told(0),
            (false, _) => Upper::NotTold,
        },
        lba_low: u32::from_be_bytes([0, at(11)?, at(10)?, at(9)?]),
        lba_high: match (extended, upper(0x20)) {
            (true, true) => Upper::NonZero,
            (true, false) => Upper::Told(0),
            (false, _) => Upper::NotTold,
        },
    })
}

#[cfg(test)]
mod tests;
