//! Sanitize (84h).
use super::entry::{EncodeFault, Entry, entry};
use super::{Allocation, MediaVerification, PurgeRequest, Sanitize, SanitizeAction};
use crate::command::{AfterFailure, DriveOverwrite, Invert};

const SANITIZE: u8 = 0x84;

/// Exit Failure Mode (SANACT 1): leaves the failure of an unrestricted sanitize operation.
pub fn exit_failure() -> Entry {
    entry(SANITIZE, 0, [1, 0, 0, 0, 0, 0])
}

/// Exit Media Verification State (SANACT 5).
pub fn exit_media_verification() -> Entry {
    entry(SANITIZE, 0, [5, 0, 0, 0, 0, 0])
}

impl Sanitize {
    /// The submission queue entry. NSID is zero: the whole NVM subsystem is sanitized, and drives refuse another.
    ///
    /// # Errors
    /// [`EncodeFault::Passes`] unless 1 to 16 passes are asked for.
    pub fn entry(&self) -> Result<Entry, EncodeFault> {
        Ok(entry(SANITIZE, 0, [self.command_dword()?, self.pattern_dword(), 0, 0, 0, 0]))
    }

    /// Command dword 10, by which the drive names the operation in its status log (SCDW10).
    ///
    /// # Errors
    /// [`EncodeFault::Passes`] unless 1 to 16 passes are asked for.
    pub fn command_dword(&self) -> Result<u32, EncodeFault> {
        let action = match self.action {
            SanitizeAction::BlockErase => 2,
            SanitizeAction::Overwrite(overwrite) => 3 | overwrite_bits(overwrite)?,
            SanitizeAction::CryptoErase => 4,
        };
        let unrestricted = match self.after_failure {
            AfterFailure::Restricted => 0,
            AfterFailure::Unrestricted => 1 << 3,
        };
        let allocation = match self.allocation {
            Allocation::MayDeallocate => 0,
            Allocation::Keep => 1 << 9,
        };
        let verification = match self.media_verification {
            MediaVerification::NotAsked => 0,
            MediaVerification::Asked => 1 << 10,
        };
        let purge = match self.purge {
            PurgeRequest::NotAsked => 0,
            PurgeRequest::Asked => 1 << 11,
        };
        Ok(action | unrestricted | allocation | verification | purge)
    }

    /// Command dword 11: the pattern. That its lowest byte comes first on the medium is from memory: NVMe is
    /// little-endian throughout.
    fn pattern_dword(&self) -> u32 {
        match self.action {
            SanitizeAction::Overwrite(overwrite) => u32::from_le_bytes(overwrite.pattern),
            SanitizeAction::BlockErase | SanitizeAction::CryptoErase => 0,
        }
    }
}

/// OWPASS (16 passes are written as 0) and OIPBP.
fn overwrite_bits(overwrite: DriveOverwrite) -> Result<u32, EncodeFault> {
    let passes = match overwrite.passes {
        passes @ 1..=15 => u32::from(passes),
        16 => 0,
        passes @ (0 | 17..) => return Err(EncodeFault::Passes(passes)),
    };
    let invert = match overwrite.invert {
        Invert::Never => 0,
        Invert::BetweenPasses => 1 << 8,
    };
    Ok((passes << 4) | invert)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Sanitize = Sanitize {
        action: SanitizeAction::BlockErase,
        after_failure: AfterFailure::Restricted,
        allocation: Allocation::MayDeallocate,
        media_verification: MediaVerification::NotAsked,
        purge: PurgeRequest::NotAsked,
    };

    fn overwrite(passes: u8, invert: Invert, pattern: [u8; 4]) -> Sanitize {
        Sanitize { action: SanitizeAction::Overwrite(DriveOverwrite { pattern, passes, invert }), ..PLAIN }
    }

    /// Command dwords 10 and 11 as libnvme 1.3 hands them to the ioctl; it knows neither EMVS nor PREQ.
    #[test]
    fn entries_are_those_of_libnvme() {
        let unrestricted = AfterFailure::Unrestricted;
        let rows = [
            (PLAIN, 0x002, 0),
            (Sanitize { after_failure: unrestricted, allocation: Allocation::Keep, ..PLAIN }, 0x20A, 0),
            (Sanitize { action: SanitizeAction::CryptoErase, ..PLAIN }, 0x004, 0),
            (overwrite(1, Invert::Never, [0x44, 0x33, 0x22, 0x11]), 0x013, 0x1122_3344),
            (overwrite(15, Invert::Never, [0; 4]), 0x0F3, 0),
            (
                Sanitize {
                    after_failure: unrestricted,
                    ..overwrite(16, Invert::BetweenPasses, [0xEF, 0xBE, 0xAD, 0xDE])
                },
                0x10B,
                0xDEAD_BEEF,
            ),
        ];
        for (sanitize, dword_10, dword_11) in rows {
            let entry = sanitize.entry().unwrap();
            let dword = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap());
            assert_eq!((entry[0], dword(4)), (0x84, 0), "NSID is zero");
            assert_eq!((dword(40), dword(44)), (dword_10, dword_11), "{sanitize:?}");
            assert!(entry[48..].iter().all(|byte| *byte == 0));
        }
        assert_eq!((exit_failure()[0], exit_failure()[40]), (0x84, 1));
        assert_eq!((exit_media_verification()[0], exit_media_verification()[40]), (0x84, 5));
    }

    /// Bits of the table in the facts (EMVS b10, PREQ b11).
    #[test]
    fn media_verification_and_purge_are_bits_10_and_11() {
        let asked = Sanitize { media_verification: MediaVerification::Asked, ..PLAIN };
        assert_eq!(asked.command_dword(), Ok(0x402));
        assert_eq!(Sanitize { purge: PurgeRequest::Asked, ..PLAIN }.command_dword(), Ok(0x802));
    }

    #[test]
    fn only_1_to_16_passes_can_be_sent() {
        for passes in [0, 17, 31, 255] {
            let fault = Err(EncodeFault::Passes(passes));
            assert_eq!(overwrite(passes, Invert::Never, [0; 4]).entry(), fault);
        }
    }
}
