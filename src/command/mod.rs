//! The drives' own commands as bytes, both ways: encoders and decoders for NVMe, ATA, SCSI and TCG. Pure: no I/O,
//! no clock. A decoder takes foreign bytes of any length and never panics; what is missing or does not add up is
//! an answer of its own type, never a default.
//!
//! [`DriveCommand`] is what a plan holds: the command, or fixed sequence of commands, by which a drive sanitizes
//! itself.

pub mod ata;
pub mod nvme;
pub mod scsi;
pub mod tcg;
mod written;

use serde::{Deserialize, Serialize};

use crate::unit::term::Technique;

/// One command, or one fixed sequence of commands, by which a drive sanitizes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "with", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DriveCommand {
    /// NVMe Sanitize (84h): the whole NVM subsystem.
    NvmeSanitize(nvme::Sanitize),
    /// NVMe Format NVM (80h) with secure erase; never without.
    NvmeFormat(nvme::Format),
    /// ATA SANITIZE DEVICE (B4h).
    AtaSanitize(ata::Sanitize),
    /// ATA SECURITY SET PASSWORD, ERASE PREPARE, ERASE UNIT (F1h, F3h, F4h).
    AtaSecurityErase(ata::SecurityErase),
    /// SCSI SANITIZE (48h): the logical unit.
    ScsiSanitize(scsi::Sanitize),
    /// TCG Revert of the Admin SP.
    TcgRevert(tcg::Revert),
}

/// What an overwrite by the drive itself writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DriveOverwrite {
    /// Four bytes, repeated, in the order in which they lie on the medium.
    pub pattern: [u8; 4],
    /// Number of passes: 1 to 16 for NVMe and ATA, 1 to 31 for SCSI.
    pub passes: u8,
    /// Whether every second pass writes the complement.
    pub invert: Invert,
}

/// Whether every second pass of an overwrite writes the complement of its pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Invert {
    /// Every pass writes the same.
    Never,
    /// Passes alternate.
    BetweenPasses,
}

/// Whether a failed sanitize operation can be left without a sanitize operation that succeeds (NVMe AUSE, SCSI AUSE,
/// ATA FAILURE MODE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterFailure {
    /// Only a sanitize operation that succeeds ends the failure: nothing on the drive can be reached meanwhile.
    Restricted,
    /// The failure can be left, and old data may be readable then.
    Unrestricted,
}

impl DriveCommand {
    /// The technique that the command carries out.
    pub const fn technique(&self) -> Technique {
        match self {
            Self::NvmeSanitize(sanitize) => match sanitize.action {
                nvme::SanitizeAction::BlockErase => Technique::BlockErase,
                nvme::SanitizeAction::CryptoErase => Technique::CryptoErase,
                nvme::SanitizeAction::Overwrite(_) => Technique::SanitizeOverwrite,
            },
            Self::NvmeFormat(format) => match format.erase {
                nvme::SecureErase::UserData => Technique::Format,
                nvme::SecureErase::Cryptographic => Technique::FormatCrypto,
            },
            Self::AtaSanitize(sanitize) => match sanitize.action {
                ata::SanitizeAction::BlockErase => Technique::BlockErase,
                ata::SanitizeAction::CryptoScramble => Technique::CryptoErase,
                ata::SanitizeAction::Overwrite(_) => Technique::SanitizeOverwrite,
            },
            Self::AtaSecurityErase(erase) => match erase.mode {
                ata::EraseMode::Normal => Technique::SecurityErase,
                ata::EraseMode::Enhanced => Technique::SecurityEraseEnhanced,
            },
            Self::ScsiSanitize(sanitize) => match sanitize.action {
                scsi::SanitizeAction::BlockErase => Technique::BlockErase,
                scsi::SanitizeAction::CryptoErase => Technique::CryptoErase,
                scsi::SanitizeAction::Overwrite(_) => Technique::SanitizeOverwrite,
            },
            Self::TcgRevert(_) => Technique::OpalRevert,
        }
    }
}
