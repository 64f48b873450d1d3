//! SANITIZE (48h) and FORMAT UNIT (04h) as bytes.
use super::{AnswerWhen, Sanitize, SanitizeAction};
use crate::command::{AfterFailure, DriveOverwrite, Invert};

/// Operation code of SANITIZE.
pub const SANITIZE: u8 = 0x48;
/// Service action: overwrite.
pub const OVERWRITE: u8 = 0x01;
/// Service action: block erase.
pub const BLOCK_ERASE: u8 = 0x02;
/// Service action: cryptographic erase.
pub const CRYPTO_ERASE: u8 = 0x03;
/// Service action: exit failure mode.
pub const EXIT_FAILURE_MODE: u8 = 0x1f;

/// SANITIZE, exit failure mode: it leaves the state after a failed sanitize that allowed that (AUSE).
pub const EXIT_FAILURE_MODE_BLOCK: [u8; 10] = [SANITIZE, EXIT_FAILURE_MODE, 0, 0, 0, 0, 0, 0, 0, 0];

/// Header and pattern of the overwrite parameter list.
const LIST_BYTES: u8 = 8;

/// A number of passes that the command cannot carry: 1 to 31 are allowed, and zero is reserved and does not mean
/// sixteen as it does for ATA and NVMe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassesOutOfRange {
    /// The number.
    pub passes: u8,
}

impl Sanitize {
    /// The service action.
    pub const fn service_action(&self) -> u8 {
        match self.action {
            SanitizeAction::Overwrite(_) => OVERWRITE,
            SanitizeAction::BlockErase => BLOCK_ERASE,
            SanitizeAction::CryptoErase => CRYPTO_ERASE,
        }
    }

    /// The command block.
    pub const fn block(&self) -> [u8; 10] {
        let immediate = match self.answer {
            AnswerWhen::Accepted => 0x80,
            AnswerWhen::Finished => 0,
        };
        let unrestricted = match self.after_failure {
            AfterFailure::Restricted => 0,
            AfterFailure::Unrestricted => 0x20,
        };
        let length = match self.action {
            SanitizeAction::Overwrite(_) => LIST_BYTES,
            SanitizeAction::BlockErase | SanitizeAction::CryptoErase => 0,
        };
        [SANITIZE, immediate | unrestricted | self.service_action(), 0, 0, 0, 0, 0, 0, length, 0]
    }

    /// The parameter list that goes with the block: `None` where it has none.
    ///
    /// # Errors
    /// [`PassesOutOfRange`] for an overwrite with less than one or more than 31 passes.
    pub const fn parameter_list(&self) -> Result<Option<[u8; 8]>, PassesOutOfRange> {
        match self.action {
            SanitizeAction::BlockErase | SanitizeAction::CryptoErase => Ok(None),
            SanitizeAction::Overwrite(DriveOverwrite { pattern: [a, b, c, d], passes, invert }) => {
                if passes == 0 || passes > 31 {
                    return Err(PassesOutOfRange { passes });
                }
                let invert = match invert {
                    Invert::Never => 0,
                    Invert::BetweenPasses => 0x80,
                };
                Ok(Some([invert | passes, 0, 0, 4, a, b, c, d]))
            }
        }
    }
}

/// Type of protection information, which a format must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// None.
    None,
    /// Type 1.
    Type1,
    /// Type 2.
    Type2,
    /// Type 3.
    Type3,
}

/// Whether a format also writes blocks that were reassigned before (security initialize).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reassigned {
    /// It need not.
    Left,
    /// SI: it tries to.
    Initialized,
}

/// FORMAT UNIT with an initialization pattern: at best a clear, and an interrupted one leaves the unit unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatUnit {
    /// Four bytes, repeated.
    pub pattern: [u8; 4],
    /// The present type of protection information.
    pub protection: Protection,
    /// Reassigned blocks.
    pub reassigned: Reassigned,
    /// IMMED.
    pub answer: AnswerWhen,
}

impl FormatUnit {
    /// The command block: FMTDATA, no complete defect list, FFMT zero (a fast format leaves the data).
    pub const fn block(&self) -> [u8; 6] {
        // FMTPINFO; together with the field below it makes the type (SBC, from memory).
        let information = match self.protection {
            Protection::None => 0,
            Protection::Type1 => 0x80,
            Protection::Type2 | Protection::Type3 => 0xc0,
        };
        [0x04, information | 0x10, 0, 0, 0, 0]
    }

    /// The parameter list: short header without defects, and the pattern descriptor.
    pub const fn parameter_list(&self) -> [u8; 12] {
        let usage = match self.protection {
            Protection::None | Protection::Type1 | Protection::Type2 => 0,
            Protection::Type3 => 1,
        };
        let immediate = match self.answer {
            AnswerWhen::Accepted => 0x02,
            AnswerWhen::Finished => 0,
        };
        let security = match self.reassigned {
            Reassigned::Left => 0,
            Reassigned::Initialized => 0x20,
        };
        let [a, b, c, d] = self.pattern;
        // FOV and IP; pattern type 01h repeats the pattern over the block (SBC, from memory).
        [usage, 0x88 | immediate, 0, 0, security, 0x01, 0, 4, a, b, c, d]
    }
}

/// READ(16) (88h): `count` blocks from `address`, without checking of protection information.
pub const fn read_16(address: u64, count: u32) -> [u8; 16] {
    transfer(0x88, address, count)
}

/// WRITE(16) (8Ah): `count` blocks from `address`, without checking of protection information.
pub const fn write_16(address: u64, count: u32) -> [u8; 16] {
    transfer(0x8a, address, count)
}

const fn transfer(code: u8, address: u64, count: u32) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h] = address.to_be_bytes();
    let [i, j, k, l] = count.to_be_bytes();
    [code, 0, a, b, c, d, e, f, g, h, i, j, k, l, 0, 0]
}
