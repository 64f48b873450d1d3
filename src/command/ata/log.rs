//! READ LOG EXT, and two pages of the IDENTIFY DEVICE DATA log (30h).
//!
//! Sources: openSeaChest, second-hand in the project's facts (standards.md 6.1, firmware-purge.md 2.1); the bit of
//! the definitive ending pattern was read in opensea-operations; the places of log address and page number are from
//! memory.

use super::sat::{AtaCommand, Protocol, Wanted, Width};

/// Address of the IDENTIFY DEVICE DATA log.
pub const IDENTIFY_DEVICE_DATA: u8 = 0x30;
/// Page "supported capabilities" of it.
pub const CAPABILITIES_PAGE: u8 = 0x03;
/// Page "security" of it.
pub const SECURITY_PAGE: u8 = 0x06;

/// READ LOG EXT of one page.
pub fn read(log: u8, page: u8) -> AtaCommand {
    AtaCommand {
        feature: 0,
        count: 1,
        lba: (u64::from(page) << 8) | u64::from(log),
        device: 0,
        command: 0x2f,
        protocol: Protocol::PioIn,
        width: Width::Bits48,
        wanted: Wanted::Outcome,
    }
}

/// The quadword at byte `at` of a page of log 30h, when the page is the one asked for and the quadword says that it
/// is valid (bit 63).
fn quadword(data: &[u8], page: u8, at: usize) -> Option<u64> {
    let get = |at: usize| data.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    let header = get(0)?;
    let is_page = header >> 63 == 1 && header.to_le_bytes()[2] == page && header & 0xffff != 0;
    get(at).filter(|quadword| is_page && quadword >> 63 == 1)
}

/// Whether an overwrite can end on its pattern whatever the number of passes (page 03h, bytes 8 to 15, bit 51);
/// `None` when the page does not tell.
pub fn definitive_ending(page: &[u8]) -> Option<bool> {
    quadword(page, CAPABILITIES_PAGE, 8).map(|quadword| quadword & (1 << 51) != 0)
}

/// What page 06h tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityPage {
    /// A restricted sanitize works on a drive that is locked (bit 7).
    pub overrides_security: bool,
    /// Everything that users write is encrypted (bit 0).
    pub encrypts_all: bool,
}

/// The security capabilities of page 06h (bytes 48 to 55); `None` when the page does not tell.
pub fn security(page: &[u8]) -> Option<SecurityPage> {
    quadword(page, SECURITY_PAGE, 48).map(|quadword| SecurityPage {
        overrides_security: quadword & (1 << 7) != 0,
        encrypts_all: quadword & 1 != 0,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(number: u8, at: usize, bytes: [u8; 8]) -> [u8; 512] {
        let mut page = [0; 512];
        page[0] = 1;
        page[2] = number;
        page[7] = 0x80;
        page[at..at + 8].copy_from_slice(&bytes);
        page
    }

    #[test]
    fn a_log_page_is_asked_for_by_address_and_number() {
        let expected = [0x85, 0x09, 0x0e, 0, 0, 0, 1, 0, 0x30, 0, 0x06, 0, 0, 0, 0x2f, 0];
        assert_eq!(read(IDENTIFY_DEVICE_DATA, SECURITY_PAGE).block(), expected);
    }

    #[test]
    fn capabilities_are_read_only_where_they_are_valid() {
        // Bit 51 is bit 3 of the seventh byte, bit 63 bit 7 of the eighth.
        assert_eq!(definitive_ending(&page(3, 8, [0, 0, 0, 0, 0, 0, 0x08, 0x80])), Some(true));
        assert_eq!(definitive_ending(&page(3, 8, [0xff, 0, 0, 0, 0, 0, 0xf7, 0x80])), Some(false));
        assert_eq!(definitive_ending(&page(3, 8, [0, 0, 0, 0, 0, 0, 0x08, 0])), None);
        assert_eq!(definitive_ending(&page(4, 8, [0, 0, 0, 0, 0, 0, 0x08, 0x80])), None, "another page");
    }

    #[test]
    fn security_capabilities_are_at_byte_48() {
        let expected =
            |overrides_security, encrypts_all| Some(SecurityPage { overrides_security, encrypts_all });
        assert_eq!(security(&page(6, 48, [0x80, 0, 0, 0, 0, 0, 0, 0x80])), expected(true, false));
        assert_eq!(security(&page(6, 48, [0x01, 0, 0, 0, 0, 0, 0, 0x80])), expected(false, true));
        assert_eq!(security(&page(6, 48, [0x81, 0, 0, 0, 0, 0, 0, 0])), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(data in prop::collection::vec(any::<u8>(), 0..600)) {
            let _both = (definitive_ending(&data), security(&data));
        }
    }
}
