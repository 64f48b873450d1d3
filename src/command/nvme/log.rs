//! Log pages: sanitize status (81h), SMART and health (02h), firmware slots (03h).
use std::fmt;

use super::field::{byte, le16, le32, le128};

/// Bytes of each page.
pub const LOG_BYTES: usize = 512;

/// Time that the drive does not estimate.
const NOT_TOLD: u32 = 0xFFFF_FFFF;

/// The sanitize status log (81h). Whether it can be believed is for others: it is what the drive says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SanitizeStatus {
    /// SPROG, parts of 65,536. FFFFh whenever nothing is in progress, after a failure too: never a success.
    pub progress: u16,
    /// SSTAT bits 2:0.
    pub state: SanitizeState,
    /// SSTAT bits 7:3: completed passes of an overwrite.
    pub completed_passes: u8,
    /// SSTAT bit 8, GDE: nothing was written since a sanitize that erased everything.
    pub global_data_erased: bool,
    /// SSTAT bit 9, MVCNCLD: media verification was cancelled.
    pub media_verification_cancelled: bool,
    /// SSTAT bit 11, PRGD: the drive says that it purged.
    pub purged: bool,
    /// SCDW10: command dword 10 of the Sanitize command that started the most recent operation.
    pub command_dword: u32,
    /// ETO: seconds for an overwrite with 16 passes. In these six, 0 is "done when the command is completed", and
    /// `None` is not told; neither is a limit of time.
    pub overwrite_seconds: Option<u32>,
    /// ETBE.
    pub block_erase_seconds: Option<u32>,
    /// ETCE.
    pub crypto_erase_seconds: Option<u32>,
    /// ETOND: with no-deallocate.
    pub overwrite_kept_seconds: Option<u32>,
    /// ETBEND: with no-deallocate.
    pub block_erase_kept_seconds: Option<u32>,
    /// ETCEND: with no-deallocate.
    pub crypto_erase_kept_seconds: Option<u32>,
    /// ETPVDS: seconds for the deallocation after media verification.
    pub post_verification_seconds: Option<u32>,
    /// SSI bits 3:0: state of the sanitize state machine; zero on drives that do not tell it.
    pub machine: SanitizeMachine,
    /// SSI bits 7:4: the state in which it failed.
    pub failed_in: SanitizeMachine,
}

/// SSTAT bits 2:0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SanitizeState {
    /// 0.
    NeverSanitized,
    /// 1.
    Succeeded,
    /// 2.
    InProgress,
    /// 3.
    Failed,
    /// 4: succeeded, but deallocated although no-deallocate was asked for.
    SucceededDeallocated,
    /// 5 to 7.
    Reserved(u8),
}

/// A state of the sanitize state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SanitizeMachine {
    /// 0.
    Idle,
    /// 1.
    RestrictedProcessing,
    /// 2.
    RestrictedFailure,
    /// 3.
    UnrestrictedProcessing,
    /// 4.
    UnrestrictedFailure,
    /// 5: processing is over; reads reach the medium itself.
    MediaVerification,
    /// 6.
    PostVerificationDeallocation,
    /// 7 to 15.
    Reserved(u8),
}

impl SanitizeStatus {
    /// From the page; `None` when bytes are missing.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (status, machine) = (le16(bytes, 2)?, byte(bytes, 36)?);
        let [low, _] = status.to_le_bytes();
        let seconds = |at| le32(bytes, at).map(|seconds| (seconds != NOT_TOLD).then_some(seconds));
        Some(Self {
            progress: le16(bytes, 0)?,
            state: SanitizeState::from_bits(low & 0x07),
            completed_passes: low >> 3,
            global_data_erased: status & (1 << 8) != 0,
            media_verification_cancelled: status & (1 << 9) != 0,
            purged: status & (1 << 11) != 0,
            command_dword: le32(bytes, 4)?,
            overwrite_seconds: seconds(8)?,
            block_erase_seconds: seconds(12)?,
            crypto_erase_seconds: seconds(16)?,
            overwrite_kept_seconds: seconds(20)?,
            block_erase_kept_seconds: seconds(24)?,
            crypto_erase_kept_seconds: seconds(28)?,
            post_verification_seconds: seconds(32)?,
            machine: SanitizeMachine::from_bits(machine & 0x0F),
            failed_in: SanitizeMachine::from_bits(machine >> 4),
        })
    }
}

impl SanitizeState {
    /// From three bits.
    pub const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::NeverSanitized,
            1 => Self::Succeeded,
            2 => Self::InProgress,
            3 => Self::Failed,
            4 => Self::SucceededDeallocated,
            other => Self::Reserved(other),
        }
    }
}

impl fmt::Display for SanitizeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverSanitized => f.write_str("never sanitized"),
            Self::Succeeded => f.write_str("completed successfully"),
            Self::InProgress => f.write_str("in progress"),
            Self::Failed => f.write_str("failed"),
            Self::SucceededDeallocated => f.write_str("completed successfully, deallocated"),
            Self::Reserved(bits) => write!(f, "reserved value {bits}"),
        }
    }
}

impl SanitizeMachine {
    /// From four bits.
    pub const fn from_bits(bits: u8) -> Self {
        match bits {
            0 => Self::Idle,
            1 => Self::RestrictedProcessing,
            2 => Self::RestrictedFailure,
            3 => Self::UnrestrictedProcessing,
            4 => Self::UnrestrictedFailure,
            5 => Self::MediaVerification,
            6 => Self::PostVerificationDeallocation,
            other => Self::Reserved(other),
        }
    }
}

impl fmt::Display for SanitizeMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("idle"),
            Self::RestrictedProcessing => f.write_str("restricted processing"),
            Self::RestrictedFailure => f.write_str("restricted failure"),
            Self::UnrestrictedProcessing => f.write_str("unrestricted processing"),
            Self::UnrestrictedFailure => f.write_str("unrestricted failure"),
            Self::MediaVerification => f.write_str("media verification"),
            Self::PostVerificationDeallocation => f.write_str("post-verification deallocation"),
            Self::Reserved(bits) => write!(f, "reserved state {bits}"),
        }
    }
}

/// SMART and health information (02h), as far as a record needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmartLog {
    /// Critical warning bits; zero is none.
    pub critical_warning: u8,
    /// Composite temperature in kelvins.
    pub kelvins: u16,
    /// Available spare, percent.
    pub spare_percent: u8,
    /// Percentage used; may exceed 100.
    pub used_percent: u8,
    /// Data units written, each 512,000 bytes.
    pub units_written: u128,
    /// Hours with power.
    pub power_on_hours: u128,
    /// Media and data integrity errors.
    pub media_errors: u128,
}

impl SmartLog {
    /// From the page; `None` when bytes are missing.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            critical_warning: byte(bytes, 0)?,
            kelvins: le16(bytes, 1)?,
            spare_percent: byte(bytes, 3)?,
            used_percent: byte(bytes, 5)?,
            units_written: le128(bytes, 48)?,
            power_on_hours: le128(bytes, 128)?,
            media_errors: le128(bytes, 160)?,
        })
    }
}

/// Whether firmware waits for a reset to be activated: another slot than the active one is the next (firmware slot
/// log, AFI: bits 2:0 the active slot, 6:4 the next; 0 is none). `None` when bytes are missing.
pub fn firmware_waits(bytes: &[u8]) -> Option<bool> {
    let active_firmware = byte(bytes, 0).filter(|_| bytes.len() >= LOG_BYTES)?;
    let (active, next) = (active_firmware & 0x07, (active_firmware >> 4) & 0x07);
    Some(next != 0 && next != active)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; LOG_BYTES];
        for (at, field) in fields {
            bytes[*at..at + field.len()].copy_from_slice(field);
        }
        bytes
    }

    /// 101h, which a comparison of the whole field with 1 takes for something else than success.
    #[test]
    fn success_with_global_data_erased_is_a_success() {
        let status = SanitizeStatus::decode(&page(&[(0, &[0xFF, 0xFF, 0x01, 0x01, 4, 0, 0, 0])])).unwrap();
        assert_eq!((status.state, status.command_dword), (SanitizeState::Succeeded, 4));
        assert!(status.global_data_erased && !status.purged && !status.media_verification_cancelled);
    }

    #[test]
    fn every_field_of_the_status_is_read_from_its_place() {
        let status = SanitizeStatus::decode(&page(&[
            (0, &[0x8F, 0x02]),
            (2, &[0b0001_1010, 0b0000_1010]),
            (4, &[0x0B, 0x01, 0, 0]),
            (8, &[1, 0, 0, 0, 2, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7]),
            (36, &[0x35]),
        ]))
        .unwrap();
        assert_eq!((status.progress, status.state), (655, SanitizeState::InProgress));
        assert_eq!((status.completed_passes, status.command_dword), (3, 0x10B));
        assert!(status.media_verification_cancelled && status.purged && !status.global_data_erased);
        assert_eq!(
            [status.overwrite_seconds, status.block_erase_seconds, status.crypto_erase_seconds],
            [Some(1), Some(2), None]
        );
        assert_eq!((status.overwrite_kept_seconds, status.block_erase_kept_seconds), (Some(4), Some(5)));
        assert_eq!((status.crypto_erase_kept_seconds, status.post_verification_seconds), (Some(6), Some(7)));
        assert_eq!(status.machine, SanitizeMachine::MediaVerification);
        assert_eq!(status.failed_in, SanitizeMachine::UnrestrictedProcessing);
    }

    #[test]
    fn health_is_read_from_its_places() {
        let log = SmartLog::decode(&page(&[
            (0, &[0x04, 0x2C, 0x01, 100, 10, 3]),
            (48, &[0, 1]),
            (128, &[9]),
            (160, &[0, 0, 1]),
        ]))
        .unwrap();
        assert_eq!(
            (log.critical_warning, log.kelvins, log.spare_percent, log.used_percent),
            (4, 300, 100, 3)
        );
        assert_eq!((log.units_written, log.power_on_hours, log.media_errors), (256, 9, 65_536));
    }

    /// AFI as nvme-cli 2 reads it: `afi & 0x7` active, `(afi & 0x70) >> 4` next.
    #[test]
    fn firmware_waits_when_another_slot_is_next() {
        for (active_firmware, waits) in
            [(0x01, false), (0x11, false), (0x21, true), (0x12, true), (0x88, false), (0x00, false)]
        {
            assert_eq!(
                firmware_waits(&page(&[(0, &[active_firmware])])),
                Some(waits),
                "{active_firmware:02X}h"
            );
        }
        assert_eq!(firmware_waits(&[0x21; 511]), None);
    }

    proptest! {
        /// Foreign bytes of any length never panic, and a short page is nothing rather than a default.
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert_eq!(SanitizeStatus::decode(&bytes).is_some(), bytes.len() >= 37);
            prop_assert_eq!(SmartLog::decode(&bytes).is_some(), bytes.len() >= 176);
        }
    }
}
