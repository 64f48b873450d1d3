//! SANITIZE DEVICE (B4h): its commands, and what its status says.
//!
//! Sources: openSeaChest and nwipe (command values), drive manuals (state machine), second-hand in the project's
//! facts (standards.md 6.3, firmware-purge.md 2.1 and 3.1).

use super::sat::{AtaCommand, Protocol, Registers, Reply, Wanted, Width};
use super::{AtaOverwrite, Ending, Sanitize, SanitizeAction};
use crate::command::{AfterFailure, Invert};

/// COMMAND of every sanitize function.
pub const SANITIZE_DEVICE: u8 = 0xb4;
/// Progress of an operation that does not run.
const NO_PROGRESS: u16 = 0xffff;

/// A number of passes that OVERWRITE EXT cannot carry: it takes 1 to 16 (COUNT 3:0, where 0 stands for 16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPasses(pub u8);

const fn function(feature: u16, lba: u64, count: u16) -> AtaCommand {
    AtaCommand {
        feature,
        count,
        lba,
        device: 0x40,
        command: SANITIZE_DEVICE,
        protocol: Protocol::NonData,
        width: Width::Bits48,
        wanted: Wanted::Registers,
    }
}

/// Whether SANITIZE STATUS EXT is also to leave a failure behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClearFailure {
    /// Only ask.
    No,
    /// CLEAR SANITIZE OPERATION FAILED: works only when the operation that failed had FAILURE MODE set.
    Yes,
}

/// SANITIZE STATUS EXT.
pub const fn status(clear: ClearFailure) -> AtaCommand {
    match clear {
        ClearFailure::No => function(0x0000, 0, 0),
        ClearFailure::Yes => function(0x0000, 0, 1),
    }
}

/// SANITIZE FREEZE LOCK EXT: until the power is cycled or the link is reset in hardware.
pub const fn freeze() -> AtaCommand {
    function(0x0020, 0x4672_4c6b, 0)
}

/// SANITIZE ANTIFREEZE LOCK EXT: until the power is cycled.
pub const fn antifreeze() -> AtaCommand {
    function(0x0040, 0x416e_7469, 0)
}

/// The command that starts a sanitize operation. ZONE NO RESET is never set: zones are to be reset.
///
/// # Errors
/// When the number of passes cannot be told to the drive.
pub fn start(sanitize: &Sanitize) -> Result<AtaCommand, InvalidPasses> {
    let failure_mode = match sanitize.after_failure {
        AfterFailure::Restricted => 0,
        AfterFailure::Unrestricted => 1 << 4,
    };
    match sanitize.action {
        SanitizeAction::CryptoScramble => Ok(function(0x0011, 0x4372_7970, failure_mode)),
        SanitizeAction::BlockErase => Ok(function(0x0012, 0x426b_4572, failure_mode)),
        SanitizeAction::Overwrite(AtaOverwrite { overwrite, ending }) => {
            let passes = match overwrite.passes {
                16 => 0,
                passes @ 1..=15 => u16::from(passes),
                passes => return Err(InvalidPasses(passes)),
            };
            let invert = match overwrite.invert {
                Invert::Never => 0,
                Invert::BetweenPasses => 1 << 7,
            };
            let ending = match ending {
                Ending::ByParity => 0,
                Ending::Definitive => 1 << 6,
            };
            let lba = (0x4f57 << 32) | u64::from(pattern_register(overwrite.pattern));
            Ok(function(0x0014, lba, invert | ending | failure_mode | passes))
        }
    }
}

/// LBA 31:0 for a pattern: ATA numbers are little-endian, so the byte that lies first on the medium is LBA 7:0
/// (from memory; a pattern whose bytes are all the same does not depend on it).
const fn pattern_register(pattern: [u8; 4]) -> u32 {
    u32::from_le_bytes(pattern)
}

/// The four bytes, repeated, that are on the medium after the last pass: the pattern, or its complement when an even
/// number of passes alternated without a definitive ending.
pub fn final_bytes(overwrite: &AtaOverwrite) -> [u8; 4] {
    let AtaOverwrite { overwrite, ending } = overwrite;
    match (overwrite.invert, ending) {
        (Invert::BetweenPasses, Ending::ByParity) if overwrite.passes.is_multiple_of(2) => {
            overwrite.pattern.map(|byte| !byte)
        }
        (Invert::BetweenPasses, Ending::ByParity | Ending::Definitive) | (Invert::Never, _) => {
            overwrite.pattern
        }
    }
}

/// Why a drive says that a sanitize operation failed or was not accepted: LBA 7:0 with ABRT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortReason {
    /// 0: not told, or the operation failed.
    NotTold,
    /// 1: the operation ended without success: physical sectors remain that were not sanitized.
    SectorsRemain,
    /// 2: a value is not supported.
    Unsupported,
    /// 3: the sanitize feature set is frozen.
    Frozen,
    /// 4: freezing is locked out.
    AntiFreeze,
    /// Some other value.
    Other(u8),
}

impl AbortReason {
    const fn decode(registers: &Registers) -> Self {
        match registers.lba_low.to_be_bytes()[3] {
            0 => Self::NotTold,
            1 => Self::SectorsRemain,
            2 => Self::Unsupported,
            3 => Self::Frozen,
            4 => Self::AntiFreeze,
            value => Self::Other(value),
        }
    }

    /// The reason in words.
    pub fn text(self) -> String {
        match self {
            Self::NotTold => "it gives no reason".into(),
            Self::SectorsRemain => "physical sectors remain that were not sanitized".into(),
            Self::Unsupported => "a value of the command is not supported".into(),
            Self::Frozen => "the sanitize feature set is frozen".into(),
            Self::AntiFreeze => "freezing is locked out".into(),
            Self::Other(value) => format!("its reason {value} is not known"),
        }
    }
}

/// What shows that an operation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunningBy {
    /// COUNT bit 14.
    Bit,
    /// Fixed format: a progress that is not FFFFh beside an upper COUNT that is not zero.
    Progress,
}

/// What SANITIZE STATUS EXT says, decoded in this order: did the read work, are the registers real, error, running,
/// frozen, completed (firmware-purge.md 2.1, 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The question did not get to the drive, or its answer not back.
    NotRead,
    /// An answer came without registers that could be believed.
    Unavailable,
    /// An operation runs.
    Running {
        /// Parts of 65,536 that are done.
        progress: u16,
        /// How it is known.
        by: RunningBy,
    },
    /// The last operation failed, or the question was refused.
    Failed {
        /// Why.
        reason: AbortReason,
    },
    /// The sanitize feature set is frozen. Bit 15 of an earlier success may be set beside it and says nothing.
    Frozen,
    /// The last operation completed without error. Kept over power cycles: by itself no news.
    Completed,
    /// No bit is set: never sanitized.
    Idle,
    /// Fixed format: nothing runs, and "completed" cannot be told from "frozen".
    NotRunning,
}

impl Status {
    /// Whether this shows that an operation runs. Progress zero alone does not: fixed format cannot tell it from a
    /// register that nobody filled.
    pub const fn shows_running(self) -> bool {
        match self {
            Self::Running { by: RunningBy::Bit, .. } => true,
            Self::Running { by: RunningBy::Progress, progress } => progress != 0,
            Self::NotRead
            | Self::Unavailable
            | Self::Failed { .. }
            | Self::Frozen
            | Self::Completed
            | Self::Idle
            | Self::NotRunning => false,
        }
    }

    /// The status that an answer to SANITIZE STATUS EXT, or to a command that starts an operation, holds.
    pub const fn decode(reply: Reply) -> Self {
        match reply {
            Reply::Lost | Reply::Status(_) | Reply::Sense(_) | Reply::Refused(_) => Self::NotRead,
            Reply::Unavailable | Reply::Done { registers: None } | Reply::Aborted { registers: None } => {
                Self::Unavailable
            }
            Reply::Aborted { registers: Some(registers) } => {
                if !registers.is_aborted() {
                    return Self::Unavailable;
                }
                match AbortReason::decode(&registers) {
                    AbortReason::Frozen => Self::Frozen,
                    reason @ (AbortReason::NotTold
                    | AbortReason::SectorsRemain
                    | AbortReason::Unsupported
                    | AbortReason::AntiFreeze
                    | AbortReason::Other(_)) => Self::Failed { reason },
                }
            }
            Reply::Done { registers: Some(registers) } => Self::of_registers(&registers),
        }
    }

    /// The status in the result registers of a question that was answered.
    pub const fn of_success(registers: Registers) -> Self {
        Self::decode(Reply::Done { registers: Some(registers) })
    }

    const fn of_registers(registers: &Registers) -> Self {
        let [_, _, high, low] = registers.lba_low.to_be_bytes();
        let progress = u16::from_be_bytes([high, low]);
        let Some(count) = registers.count() else { return Self::without_count(registers, progress) };
        if count & (1 << 14) != 0 {
            Self::Running { progress, by: RunningBy::Bit }
        } else if count & (1 << 13) != 0 {
            Self::Frozen
        } else if count & (1 << 15) != 0 {
            Self::Completed
        } else if matches!(progress, 0 | NO_PROGRESS) {
            Self::Idle
        } else {
            // Progress of something that does not run: registers that were made up on the way.
            Self::Unavailable
        }
    }

    /// Bits 15 to 13 did not come. Only "upper part not zero" and the progress are left.
    const fn without_count(registers: &Registers, progress: u16) -> Self {
        match registers.count_high {
            super::sat::Upper::NonZero => match progress {
                NO_PROGRESS => Self::NotRunning,
                progress => Self::Running { progress, by: RunningBy::Progress },
            },
            super::sat::Upper::NotTold | super::sat::Upper::Told(_) => Self::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests;
