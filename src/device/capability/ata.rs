//! What an ATA drive says.
use serde::{Deserialize, Serialize};

use super::Support;
pub use crate::command::ata::security::EraseTime;

/// An ATA drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AtaFacts {
    /// The SANITIZE feature set (IDENTIFY word 59), if the drive has it.
    pub sanitize: Option<AtaSanitizeFacts>,
    /// State of the sanitize feature set; `None` when it could not be told.
    pub sanitize_state: Option<AtaSanitizeState>,
    /// The Security feature set (words 82, 85, 89, 90, 92, 128), if the drive has it.
    pub security: Option<AtaSecurityFacts>,
    /// How many blocks it has, three ways.
    pub areas: AreaFacts,
    /// All user data is encrypted (word 69 bit 4, log 30h page 06h).
    pub encrypts_all: Support,
    /// TRIM (word 169 bit 0).
    pub trim: Support,
    /// Reads after TRIM are always the same (word 69 bit 14).
    pub deterministic_after_trim: Support,
    /// Reads after TRIM are zeros (word 69 bit 5).
    pub zeros_after_trim: Support,
    /// Nominal rotation rate: 1 for no rotation, `None` when not told.
    pub rotation: Option<u16>,
    /// Reached through a translation layer other than the kernel's (an HBA or a bridge): VPD page 89h names it.
    pub translator: Option<String>,
}

/// The SANITIZE feature set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AtaSanitizeFacts {
    /// Word 59 bit 15.
    pub block_erase: Support,
    /// Word 59 bit 14.
    pub overwrite: Support,
    /// Word 59 bit 13.
    pub crypto_scramble: Support,
    /// Word 59 bit 10.
    pub antifreeze: Support,
    /// Log 30h page 03h: definitive ending pattern.
    pub definitive_ending: Support,
    /// Log 30h page 06h: a restricted sanitize works on a drive that is locked.
    pub overrides_security: Support,
}

/// State of the sanitize feature set, by SANITIZE STATUS EXT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtaSanitizeState {
    /// Never sanitized, or nothing known of it.
    Idle,
    /// The last sanitize operation completed without error; kept over power cycles.
    Completed,
    /// Running.
    InProgress,
    /// The last one failed.
    Failed,
    /// Frozen until the power is cycled.
    Frozen,
    /// The result registers do not tell (fixed sense, all zero).
    NotTold,
}

/// The Security feature set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AtaSecurityFacts {
    /// Word 128 bit 1: a user password is set.
    pub enabled: Support,
    /// Word 128 bit 2.
    pub locked: Support,
    /// Word 128 bit 3.
    pub frozen: Support,
    /// Word 128 bit 4: too many wrong passwords since power-on.
    pub count_expired: Support,
    /// Word 128 bit 5: enhanced erase.
    pub enhanced: Support,
    /// Word 128 bit 8: the master password can only erase.
    pub master_maximum: Support,
    /// Word 89.
    pub normal_time: EraseTime,
    /// Word 90.
    pub enhanced_time: EraseTime,
    /// Word 92.
    pub master_id: Option<u16>,
}

/// How many blocks a drive has, three ways. Each is a number of blocks, not the last address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AreaFacts {
    /// What it presents (IDENTIFY).
    pub presented: u64,
    /// What it has natively, by READ NATIVE MAX ADDRESS EXT or GET NATIVE MAX ADDRESS EXT; `None` when not told.
    pub native: Option<u64>,
    /// What it was made with, by DEVICE CONFIGURATION IDENTIFY; `None` when not told.
    pub factory: Option<u64>,
    /// Host protected area feature set (word 82 bit 10).
    pub hpa: Support,
    /// SET MAX security extension (word 83 bit 8).
    pub hpa_security: Support,
    /// Device configuration overlay (word 83 bit 11).
    pub dco: Support,
    /// Accessible Max Address configuration (word 119 bit 8).
    pub ama: Support,
}
