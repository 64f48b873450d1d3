//! Format NVM (80h).
use super::entry::{ALL_NAMESPACES, EncodeFault, Entry, entry, one_namespace};
use super::{Format, FormatScope, MetadataSetting, SecureErase};

const FORMAT: u8 = 0x80;

impl Format {
    /// The submission queue entry. SES is 1 or 2: a format without secure erase cannot be written down.
    ///
    /// # Errors
    /// An [`EncodeFault`] for a field out of its range.
    pub fn entry(&self) -> Result<Entry, EncodeFault> {
        Ok(entry(FORMAT, self.nsid()?, [self.command_dword()?, 0, 0, 0, 0, 0]))
    }

    /// Command dword 10.
    ///
    /// # Errors
    /// An [`EncodeFault`] for a field out of its range.
    pub fn command_dword(&self) -> Result<u32, EncodeFault> {
        let within = |value: u8, most: u8, fault: EncodeFault| {
            if value <= most { Ok(u32::from(value)) } else { Err(fault) }
        };
        let index = within(self.lba_format, 63, EncodeFault::LbaFormat(self.lba_format))?;
        let protection = within(self.protection, 7, EncodeFault::Protection(self.protection))?;
        let place = within(self.protection_place, 1, EncodeFault::ProtectionPlace(self.protection_place))?;
        let metadata = match self.metadata {
            MetadataSetting::Separate => 0,
            MetadataSetting::Extended => 1 << 4,
        };
        let erase = match self.erase {
            SecureErase::UserData => 1 << 9,
            SecureErase::Cryptographic => 2 << 9,
        };
        let format = (index & 0xF) | ((index >> 4) << 12);
        Ok(format | metadata | (protection << 5) | (place << 8) | erase)
    }

    fn nsid(&self) -> Result<u32, EncodeFault> {
        match self.namespace {
            FormatScope::One { nsid } => one_namespace(nsid),
            FormatScope::All => Ok(ALL_NAMESPACES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Format = Format {
        erase: SecureErase::UserData,
        namespace: FormatScope::One { nsid: 1 },
        lba_format: 3,
        metadata: MetadataSetting::Separate,
        protection: 0,
        protection_place: 0,
    };

    /// NSID and command dword 10 as libnvme 1.3 hands them to the ioctl.
    #[test]
    fn entries_are_those_of_libnvme() {
        let crypto = SecureErase::Cryptographic;
        let rows = [
            (PLAIN, 1, 0x0203),
            (
                Format { erase: crypto, namespace: FormatScope::All, lba_format: 0, ..PLAIN },
                0xFFFF_FFFF,
                0x0400,
            ),
            (
                Format {
                    namespace: FormatScope::One { nsid: 7 },
                    lba_format: 5 + (2 << 4),
                    metadata: MetadataSetting::Extended,
                    protection: 3,
                    protection_place: 1,
                    ..PLAIN
                },
                7,
                0x2375,
            ),
        ];
        for (format, nsid, dword_10) in rows {
            let entry = format.entry().unwrap();
            let dword = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap());
            assert_eq!((entry[0], dword(4), dword(40)), (0x80, nsid, dword_10), "{format:?}");
            assert!(entry[44..].iter().all(|byte| *byte == 0));
        }
    }

    /// Section 7 item 5 of the facts: whatever a format says, SES (bits 11:9) is 1 or 2.
    #[test]
    fn a_format_without_secure_erase_cannot_be_sent() {
        let mut seen = std::collections::BTreeSet::new();
        for erase in [SecureErase::UserData, SecureErase::Cryptographic] {
            for lba_format in 0..64 {
                let dword = Format { erase, lba_format, protection: 7, ..PLAIN }.command_dword().unwrap();
                seen.insert((dword >> 9) & 0x7);
            }
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 2]);
        assert!(serde_json::from_str::<SecureErase>("\"none\"").is_err(), "no plan can ask for it");
    }

    #[test]
    fn fields_out_of_range_are_refused() {
        let fault = |format: Format| format.entry().unwrap_err();
        assert_eq!(fault(Format { lba_format: 64, ..PLAIN }), EncodeFault::LbaFormat(64));
        assert_eq!(fault(Format { protection: 8, ..PLAIN }), EncodeFault::Protection(8));
        assert_eq!(fault(Format { protection_place: 2, ..PLAIN }), EncodeFault::ProtectionPlace(2));
        for nsid in [0, 0xFFFF_FFFF] {
            let namespace = FormatScope::One { nsid };
            assert_eq!(fault(Format { namespace, ..PLAIN }), EncodeFault::Namespace(nsid));
        }
    }
}
