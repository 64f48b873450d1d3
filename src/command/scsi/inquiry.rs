//! Decoders of INQUIRY data and of the pages of vital product data.
//!
//! Layouts: standards facts 6.6, firmware-purge facts 3.2; the rest from memory of SPC and SBC.
use super::ask::{
    VPD_ATA, VPD_CHARACTERISTICS, VPD_IDENTIFICATION, VPD_LIMITS, VPD_PROVISIONING, VPD_SERIAL, VPD_SUPPORTED,
};
use super::bytes::{Malformed, be16, be32, be64, byte, piece, text};

/// Standard INQUIRY data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Peripheral qualifier, 0 when a unit is there.
    pub qualifier: u8,
    /// Peripheral device type: 0 block device, 14h zoned block device.
    pub device_type: u8,
    /// PROTECT: the unit can have protection information.
    pub protect: bool,
    /// Vendor, trimmed.
    pub vendor: String,
    /// Product, trimmed.
    pub product: String,
    /// Revision, trimmed.
    pub revision: String,
}

impl Inquiry {
    /// Decodes it.
    ///
    /// # Errors
    /// [`Malformed::TooShort`] when it ends before the revision.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Ok(Self {
            qualifier: byte(bytes, 0)? >> 5,
            device_type: byte(bytes, 0)? & 0x1f,
            protect: byte(bytes, 5)? & 1 != 0,
            vendor: text(piece(bytes, 8, 8)?),
            product: text(piece(bytes, 16, 16)?),
            revision: text(piece(bytes, 32, 4)?),
        })
    }
}

/// What lies between the header of a page and its end, as the page or the bytes tell, whichever is less.
fn page(bytes: &[u8], wanted: u8) -> Result<&[u8], Malformed> {
    let found = byte(bytes, 1)?;
    if found != wanted {
        return Err(Malformed::AnotherPage { wanted, found });
    }
    let end = 4 + usize::from(be16(bytes, 2)?);
    Ok(bytes.get(..end).unwrap_or(bytes))
}

/// Page 00h: the pages there are.
///
/// # Errors
/// [`Malformed`] when it is another page or has no header.
pub fn supported_pages(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    Ok(page(bytes, VPD_SUPPORTED)?.iter().skip(4).copied().collect())
}

/// Page 80h: the serial number, trimmed; empty when the unit has none.
///
/// # Errors
/// [`Malformed`] when it is another page or has no header.
pub fn serial(bytes: &[u8]) -> Result<String, Malformed> {
    Ok(text(page(bytes, VPD_SERIAL)?.get(4..).unwrap_or_default()))
}

/// A name of page 83h.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Designator {
    /// 0 the logical unit, 1 the target port, 2 the target device.
    pub association: u8,
    /// 1 T10 vendor, 2 EUI-64, 3 NAA, 8 SCSI name, ...
    pub kind: u8,
    /// 1 binary, 2 ASCII, 3 UTF-8.
    pub code_set: u8,
    /// The name.
    pub bytes: Vec<u8>,
}

/// Page 83h: the unit's names; what follows a name that does not fit is left out.
///
/// # Errors
/// [`Malformed`] when it is another page or has no header.
pub fn designators(bytes: &[u8]) -> Result<Vec<Designator>, Malformed> {
    let mut rest = page(bytes, VPD_IDENTIFICATION)?.get(4..).unwrap_or_default();
    let mut found = Vec::new();
    while let [first, second, _, length, tail @ ..] = rest {
        let Some((name, after)) = tail.split_at_checked(usize::from(*length)) else { break };
        found.push(Designator {
            association: (second >> 4) & 3,
            kind: second & 0xf,
            code_set: first & 0xf,
            bytes: name.to_vec(),
        });
        rest = after;
    }
    Ok(found)
}

/// Page 89h: the translation layer and the IDENTIFY data of the ATA drive behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtaInformation {
    /// Vendor, product and revision of the translation layer, trimmed: `linux`, `libata` is the kernel's own.
    pub translator: [String; 3],
    /// IDENTIFY (PACKET) DEVICE data; `None` when the page ends before it does.
    pub identify: Option<[u8; 512]>,
}

impl AtaInformation {
    /// Decodes page 89h.
    ///
    /// # Errors
    /// [`Malformed`] when it is another page or ends within the names.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = page(bytes, VPD_ATA)?;
        let names = [text(piece(bytes, 8, 8)?), text(piece(bytes, 16, 16)?), text(piece(bytes, 32, 4)?)];
        let identify = piece(bytes, 60, 512).ok().and_then(|data| data.first_chunk::<512>()).copied();
        Ok(Self { translator: names, identify })
    }
}

/// Page B0h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest transfer in blocks, 0 for no limit told.
    pub transfer_blocks: u32,
    /// Longest UNMAP in blocks.
    pub unmap_blocks: u32,
    /// Optimal UNMAP granularity in blocks.
    pub unmap_granularity: u32,
    /// Longest WRITE SAME in blocks; 0 where the page ends before it.
    pub write_same_blocks: u64,
}

impl Limits {
    /// Decodes page B0h.
    ///
    /// # Errors
    /// [`Malformed`] when it is another page or ends before the UNMAP granularity.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = page(bytes, VPD_LIMITS)?;
        Ok(Self {
            transfer_blocks: be32(bytes, 8)?,
            unmap_blocks: be32(bytes, 20)?,
            unmap_granularity: be32(bytes, 28)?,
            write_same_blocks: be64(bytes, 36).unwrap_or(0),
        })
    }
}

/// Page B1h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Characteristics {
    /// Medium rotation rate: 0 not told, 1 none, otherwise per minute.
    pub rotation: u16,
    /// WABEREQ, 0 to 3.
    pub after_block_erase: u8,
    /// WACEREQ, 0 to 3.
    pub after_crypto_erase: u8,
    /// ZONED, 0 to 3.
    pub zoned: u8,
}

impl Characteristics {
    /// Decodes page B1h.
    ///
    /// # Errors
    /// [`Malformed`] when it is another page or ends before ZONED.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = page(bytes, VPD_CHARACTERISTICS)?;
        let after = byte(bytes, 7)?;
        Ok(Self {
            rotation: be16(bytes, 4)?,
            after_block_erase: after >> 6,
            after_crypto_erase: (after >> 4) & 3,
            zoned: (byte(bytes, 8)? >> 4) & 3,
        })
    }
}

/// Page B2h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provisioning {
    /// LBPU: UNMAP is there.
    pub unmap: bool,
    /// LBPRZ, 0 to 7: what unmapped blocks read as: 0 not told, odd: zeros.
    pub unmapped_reads: u8,
    /// Provisioning type: 0 not told, 1 resource, 2 thin.
    pub kind: u8,
}

impl Provisioning {
    /// Decodes page B2h.
    ///
    /// # Errors
    /// [`Malformed`] when it is another page or ends before the provisioning type.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = page(bytes, VPD_PROVISIONING)?;
        let flags = byte(bytes, 5)?;
        Ok(Self { unmap: flags & 0x80 != 0, unmapped_reads: (flags >> 2) & 7, kind: byte(bytes, 6)? & 7 })
    }
}
