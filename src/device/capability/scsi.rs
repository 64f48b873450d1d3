//! What a SCSI logical unit says.
use serde::{Deserialize, Serialize};

use super::Support;

/// A SCSI logical unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScsiFacts {
    /// SANITIZE with each service action (REPORT SUPPORTED OPERATION CODES).
    pub sanitize: ScsiSanitizeFacts,
    /// What the unit is doing, by REQUEST SENSE.
    pub state: ScsiState,
    /// FORMAT UNIT.
    pub format_unit: Support,
    /// WABEREQ of VPD page B1h: 0 not told, 1 reads complete, 2 medium error, 3 write required.
    pub after_block_erase: u8,
    /// WACEREQ of VPD page B1h: the same after cryptographic erase.
    pub after_crypto_erase: u8,
    /// LBPRZ of VPD page B2h (bits 4:2): what unmapped blocks read as: 0 not told, odd: zeros.
    pub unmapped_reads: u8,
    /// Bytes of a logical block (READ CAPACITY 16), without protection information.
    pub block_bytes: u32,
    /// Blocks (READ CAPACITY 16).
    pub blocks: u64,
    /// Type of protection information the unit is formatted with: 0 none, 1 to 3.
    pub protection: u8,
    /// Write protected (mode parameter header).
    pub write_protected: Support,
    /// A persistent reservation is held.
    pub reserved: Support,
    /// Logical units of the target (REPORT LUNS), by number, this one among them; empty when there is only one.
    pub other_units: Vec<u64>,
    /// Whether the target told which logical units it has.
    #[serde(default)]
    pub units_listed: Support,
    /// Nominal rotation rate: 1 for no rotation, `None` when not told.
    pub rotation: Option<u16>,
    /// Zones (VPD B1h bits 5:4): 0 none told, 1 host-aware, 2 device-managed; 3 host-managed, by its device type.
    pub zoned: u8,
    /// Vendor, product and revision of INQUIRY, trimmed.
    pub inquiry: [String; 3],
}

impl ScsiFacts {
    /// Whether the kernel's disk driver presents blocks of this size (drivers/scsi/sd.c, `sd_read_capacity`).
    pub const fn has_common_blocks(&self) -> bool {
        matches!(self.block_bytes, 512 | 1024 | 2048 | 4096)
    }

    /// What is out of the ordinary in how the unit is formatted, in words: blocks that `sd` does not address (520 or
    /// 528 bytes), or protection information. Such a unit is reached by SCSI commands, and its format is kept.
    pub fn unusual_format(&self) -> Option<String> {
        match (self.has_common_blocks(), self.protection) {
            (true, 0) => None,
            (true, kind) => Some(format!("protection information of type {kind}")),
            (false, 0) => Some(format!("blocks of {} bytes", self.block_bytes)),
            (false, kind) => Some(format!(
                "blocks of {} bytes with protection information of type {kind}",
                self.block_bytes
            )),
        }
    }
}

/// SANITIZE of a logical unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScsiSanitizeFacts {
    /// Service action 01h.
    pub overwrite: Support,
    /// Service action 02h.
    pub block_erase: Support,
    /// Service action 03h.
    pub crypto_erase: Support,
    /// Service action 1Fh.
    pub exit_failure: Support,
}

/// What a logical unit is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScsiState {
    /// Nothing out of the ordinary.
    Ready,
    /// A sanitize operation runs (04h/1Bh).
    Sanitizing,
    /// A format runs (04h/04h).
    Formatting,
    /// A self-test runs (04h/09h).
    SelfTesting,
    /// The last sanitize operation failed (31h/03h).
    SanitizeFailed,
    /// The format is corrupted: a FORMAT UNIT was interrupted (31h/00h, 31h/01h).
    FormatCorrupted,
    /// Not ready for another reason, or not told.
    Other,
}
