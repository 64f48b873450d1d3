//! ATA commands inside SCSI ATA PASS-THROUGH (SAT): IDENTIFY DEVICE, SANITIZE DEVICE, Security, HPA, DCO and
//! Accessible Max Address.
//!
//! Sources: ACS and SAT as second-hand in the project's facts (hdparm, openSeaChest, libata, drive manuals); what is
//! from memory says so.

pub mod areas;
pub mod identify;
pub mod log;
pub mod results;
pub mod sanitize;
pub mod sat;
pub mod security;
pub mod smart;

use serde::{Deserialize, Serialize};

use super::{AfterFailure, DriveOverwrite};

/// ATA SANITIZE DEVICE (B4h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sanitize {
    /// What is done.
    pub action: SanitizeAction,
    /// FAILURE MODE (COUNT bit 4).
    pub after_failure: AfterFailure,
}

/// What a SANITIZE DEVICE command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "with", rename_all = "kebab-case")]
pub enum SanitizeAction {
    /// CRYPTO SCRAMBLE EXT (0011h).
    CryptoScramble,
    /// BLOCK ERASE EXT (0012h).
    BlockErase,
    /// OVERWRITE EXT (0014h).
    Overwrite(AtaOverwrite),
}

/// An overwrite by an ATA drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AtaOverwrite {
    /// Pattern and passes, 1 to 16.
    pub overwrite: DriveOverwrite,
    /// COUNT bit 6: whether the last pass writes the pattern itself, whatever the number of passes.
    pub ending: Ending,
}

/// How an overwrite with inverted passes ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// By the number of passes: an even one ends on the complement.
    ByParity,
    /// On the pattern (definitive ending pattern).
    Definitive,
}

/// ATA SECURITY ERASE UNIT (F4h), with the password set before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecurityErase {
    /// Normal or enhanced.
    pub mode: EraseMode,
}

/// Mode of a SECURITY ERASE UNIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EraseMode {
    /// Need not reach reallocated sectors.
    Normal,
    /// Reaches them, as the drive's maker defines it.
    Enhanced,
}
