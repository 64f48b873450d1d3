//! Decoders of what a unit tells about itself other than by INQUIRY: capacity, units, modes, supported commands,
//! reservations, logs, defects.
//!
//! Layouts from memory of SPC and SBC; `tests/readers` compares with what sg3_utils reads in the same bytes.
use super::ask::MODE_CONTROL;
use super::bytes::{Malformed, be16, be32, be64, byte, piece};

/// READ CAPACITY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Blocks, at least 1.
    pub blocks: u64,
    /// Bytes of a block without protection information, as told: 0 and absurd values are possible.
    pub block_bytes: u32,
    /// Type of protection information: 0 none, 1 to 3, 4 to 8 reserved. `None` for READ CAPACITY(10).
    pub protection: Option<u8>,
    /// Logical blocks of a physical one, as a power of two. `None` for READ CAPACITY(10).
    pub physical_exponent: Option<u8>,
}

impl Capacity {
    /// Decodes the answer of READ CAPACITY(10). `Ok(None)` when the unit has more blocks than it can tell there.
    ///
    /// # Errors
    /// [`Malformed::TooShort`].
    pub fn decode_10(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let last = be32(bytes, 0)?;
        let block_bytes = be32(bytes, 4)?;
        let blocks = last.checked_add(1).map(u64::from);
        Ok(blocks.map(|blocks| Self { blocks, block_bytes, protection: None, physical_exponent: None }))
    }

    /// Decodes the answer of READ CAPACITY(16).
    ///
    /// # Errors
    /// [`Malformed`] when it ends before the protection information, or the number of blocks cannot be.
    pub fn decode_16(bytes: &[u8]) -> Result<Self, Malformed> {
        let blocks = be64(bytes, 0)?.checked_add(1).ok_or(Malformed::Impossible)?;
        let kind = byte(bytes, 12)?;
        Ok(Self {
            blocks,
            block_bytes: be32(bytes, 8)?,
            protection: Some(if kind & 1 == 0 { 0 } else { 1 + ((kind >> 1) & 7) }),
            physical_exponent: Some(byte(bytes, 13)? & 0xf),
        })
    }
}

/// Decodes the answer of REPORT LUNS: the numbers of the units as they came, eight bytes each.
///
/// # Errors
/// [`Malformed::TooShort`] without its header.
pub fn units(bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
    let length = be32(bytes, 0)?;
    let list = bytes.get(8..).unwrap_or_default();
    let told = usize::try_from(length).unwrap_or(usize::MAX);
    let list = list.get(..told).unwrap_or(list);
    Ok(list.chunks_exact(8).filter_map(|unit| be64(unit, 0).ok()).collect())
}

/// The header of mode parameters, and of the control page where it came along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// WP.
    pub write_protected: bool,
    /// `D_SENSE` of the control page: sense comes in descriptor format.
    pub descriptor_sense: Option<bool>,
}

impl Mode {
    /// Decodes the answer of MODE SENSE(6).
    ///
    /// # Errors
    /// [`Malformed::TooShort`] without its header.
    pub fn decode_6(bytes: &[u8]) -> Result<Self, Malformed> {
        let pages = 4 + usize::from(byte(bytes, 3)?);
        Ok(Self { write_protected: byte(bytes, 2)? & 0x80 != 0, descriptor_sense: control(bytes, pages) })
    }

    /// Decodes the answer of MODE SENSE(10).
    ///
    /// # Errors
    /// [`Malformed::TooShort`] without its header.
    pub fn decode_10(bytes: &[u8]) -> Result<Self, Malformed> {
        let pages = 8 + usize::from(be16(bytes, 6)?);
        Ok(Self { write_protected: byte(bytes, 3)? & 0x80 != 0, descriptor_sense: control(bytes, pages) })
    }
}

/// `D_SENSE` of the control page among the pages from `offset`.
fn control(bytes: &[u8], offset: usize) -> Option<bool> {
    let mut rest = bytes.get(offset..)?;
    loop {
        let (code, long) = (rest.first()? & 0x3f, rest.first()? & 0x40 != 0);
        if code == MODE_CONTROL && !long {
            return Some(rest.get(2)? & 0x04 != 0);
        }
        let length = if long { 4 + usize::from(be16(rest, 2).ok()?) } else { 2 + usize::from(*rest.get(1)?) };
        rest = rest.get(length..)?;
    }
}

/// Whether a unit has a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supported {
    /// SUPPORT 0: not told now.
    NotTold,
    /// SUPPORT 1.
    No,
    /// SUPPORT 3: as the standard has it.
    Yes,
    /// SUPPORT 5: in a way of its own.
    VendorSpecific,
    /// Reserved.
    Reserved(u8),
}

/// The answer of REPORT SUPPORTED OPERATION CODES about one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Whether the unit has it.
    pub supported: Supported,
    /// Nominal time of the command in seconds, where told and not 0.
    pub nominal_seconds: Option<u32>,
    /// Recommended time to wait in seconds, where told and not 0.
    pub recommended_seconds: Option<u32>,
}

impl Operation {
    /// Decodes it.
    ///
    /// # Errors
    /// [`Malformed::TooShort`] without its header.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let flags = byte(bytes, 1)?;
        let supported = match flags & 7 {
            0 => Supported::NotTold,
            1 => Supported::No,
            3 => Supported::Yes,
            5 => Supported::VendorSpecific,
            other => Supported::Reserved(other),
        };
        let times = 4 + usize::from(be16(bytes, 2)?);
        let time = |offset: usize| {
            let told = be32(bytes, times + offset).ok().filter(|_| flags & 0x80 != 0);
            told.filter(|seconds| *seconds != 0)
        };
        Ok(Self { supported, nominal_seconds: time(4), recommended_seconds: time(8) })
    }
}

/// The answer of PERSISTENT RESERVE IN, READ RESERVATION.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The holder's key.
    pub key: u64,
    /// Its type, 0 to 15: 1 write exclusive, 3 exclusive access, 5 to 8 with registrants.
    pub kind: u8,
}

impl Reservation {
    /// Decodes it; `Ok(None)` when nobody holds one.
    ///
    /// # Errors
    /// [`Malformed::TooShort`] when it ends before what it tells.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        if be32(bytes, 4)? == 0 {
            return Ok(None);
        }
        Ok(Some(Self { key: be64(bytes, 8)?, kind: byte(bytes, 21)? & 0xf }))
    }
}

/// Decodes the answer of PERSISTENT RESERVE IN, READ KEYS.
///
/// # Errors
/// [`Malformed::TooShort`] without its header.
pub fn keys(bytes: &[u8]) -> Result<Vec<u64>, Malformed> {
    let told = usize::try_from(be32(bytes, 4)?).unwrap_or(usize::MAX);
    let list = bytes.get(8..).unwrap_or_default();
    let list = list.get(..told).unwrap_or(list);
    Ok(list.chunks_exact(8).filter_map(|key| be64(key, 0).ok()).collect())
}

/// The data of a parameter of a log page.
///
/// # Errors
/// [`Malformed`] when it is another page or has no such parameter.
pub fn log_parameter(bytes: &[u8], page: u8, parameter: u16) -> Result<&[u8], Malformed> {
    let found = byte(bytes, 0)? & 0x3f;
    if found != page {
        return Err(Malformed::AnotherPage { wanted: page, found });
    }
    let end = 4 + usize::from(be16(bytes, 2)?);
    let bytes = bytes.get(..end).unwrap_or(bytes);
    let mut offset = 4;
    loop {
        let code = be16(bytes, offset)?;
        let length = usize::from(byte(bytes, offset + 3)?);
        if code == parameter {
            return piece(bytes, offset + 4, length);
        }
        offset += 4 + length;
    }
}

/// A counter of a log page, of one to eight bytes.
///
/// # Errors
/// [`Malformed`] when there is none, or a longer one.
pub fn log_counter(bytes: &[u8], page: u8, parameter: u16) -> Result<u64, Malformed> {
    let data = log_parameter(bytes, page, parameter)?;
    if data.is_empty() || data.len() > 8 {
        return Err(Malformed::Impossible);
    }
    Ok(data.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
}

/// Informational exceptions (log page 2Fh, parameter 0): the code and its qualifier, 5Dh for a predicted failure,
/// and the temperature in degrees Celsius.
///
/// # Errors
/// [`Malformed`] when the page does not hold them.
pub fn exceptions(bytes: &[u8]) -> Result<(u8, u8, Option<u8>), Malformed> {
    let data = log_parameter(bytes, super::ask::LOG_EXCEPTIONS, 0)?;
    let temperature = byte(data, 2).ok().filter(|degrees| !matches!(degrees, 0 | 0xff));
    Ok((byte(data, 0)?, byte(data, 1)?, temperature))
}

/// Grown defects by the header of READ DEFECT DATA(12); `Ok(None)` when the grown list was not valid or has entries
/// of an unknown length.
///
/// # Errors
/// [`Malformed::TooShort`] without its header.
pub fn grown_defects(bytes: &[u8]) -> Result<Option<u64>, Malformed> {
    let flags = byte(bytes, 1)?;
    let length = be32(bytes, 4)?;
    let entry = match flags & 7 {
        0 => Some(4),
        3..=5 => Some(8),
        _ => None,
    };
    Ok(entry.filter(|_| flags & 0x08 != 0).map(|entry| u64::from(length / entry)))
}
