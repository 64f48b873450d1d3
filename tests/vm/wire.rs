//! What programs in the lab's machine and on the host say to each other: messages of some fields of bytes.
use std::io::{self, Read, Write};

/// A longer field or more of them are a sign that the two do not understand each other.
const FIELD_BYTES_MAX: usize = 256 << 20;
const FIELDS_MAX: usize = 16;

/// Sends a message.
pub(crate) fn send(stream: &mut impl Write, fields: &[&[u8]]) -> io::Result<()> {
    let mut message = length(fields.len())?.to_vec();
    for field in fields {
        message.extend(length(field.len())?);
        message.extend_from_slice(field);
    }
    stream.write_all(&message)?;
    stream.flush()
}

/// Receives a message of exactly `N` fields.
pub(crate) fn receive<const N: usize>(stream: &mut impl Read) -> io::Result<[Vec<u8>; N]> {
    let count = number(stream)?;
    if count > FIELDS_MAX {
        return Err(nonsense());
    }
    let mut fields = Vec::new();
    for _ in 0..count {
        let length = number(stream)?;
        if length > FIELD_BYTES_MAX {
            return Err(nonsense());
        }
        let mut field = vec![0; length];
        stream.read_exact(&mut field)?;
        fields.push(field);
    }
    fields.try_into().map_err(|_| nonsense())
}

fn length(length: usize) -> io::Result<[u8; 4]> {
    u32::try_from(length).map(u32::to_le_bytes).map_err(|_| nonsense())
}

fn number(stream: &mut impl Read) -> io::Result<usize> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| nonsense())
}

fn nonsense() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// Which way the data of a SCSI command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    None,
    FromDrive,
    ToDrive,
}

impl Way {
    /// TCMU tells how many bytes a command moves, but not which way: that is in its operation code. The list of
    /// those that send data to the drive is from SPC, SBC and SAT as sg3_utils has them (`sg_lib_data.c`); ATA
    /// PASS-THROUGH says it itself (PROTOCOL 3: no data; T_DIR 0: to the drive).
    pub(crate) fn of(block: &[u8], bytes: usize) -> Self {
        if bytes == 0 {
            return Self::None;
        }
        let byte = |at: usize| block.get(at).copied().unwrap_or_default();
        match byte(0) {
            0x85 | 0xA1 if byte(1) >> 1 & 0xF == 3 => Self::None,
            0x85 | 0xA1 if byte(2) & 0x08 == 0 => Self::ToDrive,
            // FORMAT UNIT, REASSIGN BLOCKS, WRITE(6, 10, 12, 16), MODE SELECT, SEND DIAGNOSTIC, WRITE AND VERIFY,
            // VERIFY with data, WRITE BUFFER, WRITE SAME, UNMAP, SANITIZE, LOG SELECT, PERSISTENT RESERVE OUT,
            // COMPARE AND WRITE, MAINTENANCE OUT, SECURITY PROTOCOL OUT.
            0x04 | 0x07 | 0x0A | 0x15 | 0x1D | 0x2A | 0x2E | 0x2F | 0x3B | 0x41 | 0x42 | 0x48 | 0x4C
            | 0x55 | 0x5F | 0x89 | 0x8A | 0x8E | 0x8F | 0x93 | 0xA4 | 0xAA | 0xAE | 0xB5 => Self::ToDrive,
            _ => Self::FromDrive,
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::FromDrive => 1,
            Self::ToDrive => 2,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::FromDrive),
            2 => Some(Self::ToDrive),
            _ => None,
        }
    }
}
