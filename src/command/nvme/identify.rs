//! What Identify gives: 4096 bytes each. Offsets are those of libnvme's header.
use super::field::{byte, le16, le32, le64, le128};

/// Bytes of every Identify data structure.
pub const IDENTIFY_BYTES: usize = 4096;

/// Identify Controller, as far as a sanitization needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifyController {
    /// SN, trimmed; bytes that are not ASCII as `?`.
    pub serial: String,
    /// MN, likewise.
    pub model: String,
    /// FR, likewise.
    pub firmware: String,
    /// CMIC.
    pub multipath: u8,
    /// CNTLID.
    pub controller_id: u16,
    /// VER: major in bits 31:16, minor in 15:8.
    pub version: u32,
    /// OACS.
    pub optional_admin: u16,
    /// LPA.
    pub log_attributes: u8,
    /// TNVMCAP in bytes; zero when not told.
    pub total_bytes: u128,
    /// UNVMCAP in bytes; zero when not told or none.
    pub unallocated_bytes: u128,
    /// RPMBS.
    pub rpmb: u32,
    /// SANICAP.
    pub sanitize: u32,
    /// NN: the highest namespace number.
    pub namespaces: u32,
    /// FNA.
    pub format: u8,
    /// SUBNQN, up to the first zero byte.
    pub subsystem: String,
}

impl IdentifyController {
    /// From the data structure; `None` when bytes are missing.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            serial: text(bytes, 4, 20)?,
            model: text(bytes, 24, 40)?,
            firmware: text(bytes, 64, 8)?,
            multipath: byte(bytes, 76)?,
            controller_id: le16(bytes, 78)?,
            version: le32(bytes, 80)?,
            optional_admin: le16(bytes, 256)?,
            log_attributes: byte(bytes, 261)?,
            total_bytes: le128(bytes, 280)?,
            unallocated_bytes: le128(bytes, 296)?,
            rpmb: le32(bytes, 312)?,
            sanitize: le32(bytes, 328)?,
            namespaces: le32(bytes, 516)?,
            format: byte(bytes, 524)?,
            subsystem: text(bytes, 768, 256)?,
        })
    }

    /// CMIC bit 1: the subsystem may have more controllers.
    pub const fn may_have_siblings(&self) -> bool {
        self.multipath & 0x02 != 0
    }

    /// OACS bit 0: Security Send and Receive.
    pub const fn has_security(&self) -> bool {
        self.optional_admin & 0x01 != 0
    }

    /// OACS bit 1: Format NVM.
    pub const fn has_format(&self) -> bool {
        self.optional_admin & 0x02 != 0
    }

    /// OACS bit 3: namespace management, and with it the lists of what is allocated.
    pub const fn has_namespace_management(&self) -> bool {
        self.optional_admin & 0x08 != 0
    }

    /// LPA bit 4: the persistent event log.
    pub const fn has_persistent_events(&self) -> bool {
        self.log_attributes & 0x10 != 0
    }

    /// SANICAP: any of crypto erase, block erase, overwrite.
    pub const fn has_sanitize(&self) -> bool {
        self.sanitize & 0x07 != 0
    }

    /// FNA bit 1: a secure erase applies to all namespaces.
    pub const fn erases_all(&self) -> bool {
        self.format & 0x02 != 0
    }
}

/// Identify Namespace (NVM command set), as far as a sanitization needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentifyNamespace {
    /// NSZE in blocks; zero when the namespace is not active.
    pub blocks: u64,
    /// NCAP in blocks.
    pub capacity: u64,
    /// FLBAS as it came.
    pub flbas: u8,
    /// Index of the LBA format, 0 to 63.
    pub lba_format: u8,
    /// FLBAS bit 4: metadata at the end of each block.
    pub extended_metadata: bool,
    /// MS of that format.
    pub metadata_bytes: u16,
    /// LBADS of that format: a block has two to the power of this bytes; 0 when the format does not exist.
    pub block_shift: u8,
    /// DPS bits 2:0.
    pub protection: u8,
    /// DPS bit 3.
    pub protection_place: u8,
    /// NMIC bit 0.
    pub shared: bool,
    /// FPI bits 6:0, percent of a format that is left to do; `None` when bit 7 says that it is not told.
    pub format_left_percent: Option<u8>,
    /// DLFEAT bits 2:0.
    pub deallocated_reads: u8,
    /// NSATTR bit 0.
    pub write_protected: bool,
}

impl IdentifyNamespace {
    /// From the data structure; `None` when bytes are missing.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (flbas, protection, progress) = (byte(bytes, 26)?, byte(bytes, 29)?, byte(bytes, 32)?);
        // That bits 6:5 count only where there are more than 16 formats is from memory.
        let upper = if byte(bytes, 25)? > 15 { (flbas >> 5) & 0x03 } else { 0 };
        let lba_format = (flbas & 0x0F) | (upper << 4);
        let place = 128 + 4 * usize::from(lba_format);
        Some(Self {
            blocks: le64(bytes, 0)?,
            capacity: le64(bytes, 8)?,
            flbas,
            lba_format,
            extended_metadata: flbas & 0x10 != 0,
            metadata_bytes: le16(bytes, place)?,
            block_shift: byte(bytes, place + 2)?,
            protection: protection & 0x07,
            protection_place: (protection >> 3) & 0x01,
            shared: byte(bytes, 30)? & 0x01 != 0,
            format_left_percent: (progress & 0x80 != 0).then_some(progress & 0x7F),
            deallocated_reads: byte(bytes, 33)? & 0x07,
            write_protected: byte(bytes, 99)? & 0x01 != 0,
        })
    }
}

/// A list of namespaces (CNS 02h, 10h): at most 1024 numbers, rising, ended by zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceList(pub Vec<u32>);

impl NamespaceList {
    /// Most numbers in one list: when it has so many, more may follow.
    pub const FULL: usize = IDENTIFY_BYTES / 4;

    /// From the data structure; `None` when bytes are missing or the numbers do not rise.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (entries, _) = bytes.get(..IDENTIFY_BYTES)?.as_chunks::<4>();
        let numbers: Vec<u32> =
            entries.iter().map(|entry| u32::from_le_bytes(*entry)).take_while(|nsid| *nsid != 0).collect();
        numbers.is_sorted_by(|one, next| one < next).then_some(Self(numbers))
    }
}

/// A list of controllers (CNS 13h): their number in two bytes, then their identifiers; at most 2047.
pub fn decode_controllers(bytes: &[u8]) -> Option<Vec<u16>> {
    let count = usize::from(le16(bytes, 0)?);
    let (entries, _) = bytes.get(2..IDENTIFY_BYTES)?.as_chunks::<2>();
    Some(entries.get(..count)?.iter().map(|entry| u16::from_le_bytes(*entry)).collect())
}

/// Text of fixed length, up to the first zero byte and without the blanks around it.
fn text(bytes: &[u8], at: usize, length: usize) -> Option<String> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    let shown = field.iter().take_while(|byte| **byte != 0);
    let shown: String = shown
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' })
        .collect();
    Some(shown.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; IDENTIFY_BYTES];
        for (at, field) in fields {
            bytes[*at..at + field.len()].copy_from_slice(field);
        }
        bytes
    }

    /// SANICAP and FNA of a WDC SN730 as its owners published them: block and crypto erase, media not modified.
    #[test]
    fn the_capabilities_of_a_real_drive() {
        let bytes = page(&[
            (4, b"S3CRET              "),
            (24, b"WDC PC SN730                            "),
            (64, b"11170101"),
            (78, &[7, 0]),
            (256, &[0x17, 0]),
            (261, &[0x1E]),
            (312, &[0, 0, 0, 0]),
            (328, &1_610_612_739_u32.to_le_bytes()),
            (516, &[1, 0, 0, 0]),
            (524, &[4]),
        ]);
        let controller = IdentifyController::decode(&bytes).unwrap();
        assert_eq!((controller.serial.as_str(), controller.model.as_str()), ("S3CRET", "WDC PC SN730"));
        assert_eq!((controller.firmware.as_str(), controller.controller_id), ("11170101", 7));
        assert_eq!(controller.sanitize, 0x6000_0003);
        assert!(controller.has_sanitize() && controller.has_format() && controller.has_security());
        assert!(controller.has_persistent_events() && !controller.has_namespace_management());
        assert!(!controller.erases_all() && !controller.may_have_siblings());
    }

    #[test]
    fn a_namespace_with_metadata_and_protection() {
        let bytes = page(&[
            (0, &0x1234_5678_u64.to_le_bytes()),
            (25, &[20]),
            (26, &[0b0011_0010]),
            (29, &[0b1011]),
            (30, &[1]),
            (32, &[0x80 | 42]),
            (33, &[0b0000_1001]),
            (99, &[1]),
            (128 + 4 * 18, &[8, 0, 12, 0]),
        ]);
        let namespace = IdentifyNamespace::decode(&bytes).unwrap();
        assert_eq!((namespace.blocks, namespace.lba_format), (0x1234_5678, 18), "bits 6:5 and 3:0 of FLBAS");
        assert_eq!((namespace.metadata_bytes, namespace.block_shift), (8, 12));
        assert_eq!((namespace.protection, namespace.protection_place), (3, 1));
        assert_eq!((namespace.format_left_percent, namespace.deallocated_reads), (Some(42), 1));
        assert!(namespace.extended_metadata && namespace.shared && namespace.write_protected);
    }

    #[test]
    fn a_format_whose_progress_is_not_told_is_not_finished_by_that() {
        let namespace = IdentifyNamespace::decode(&page(&[(32, &[0])])).unwrap();
        assert_eq!(namespace.format_left_percent, None);
    }

    #[test]
    fn lists_end_at_zero_and_must_rise() {
        let numbers = page(&[(0, &[1, 0, 0, 0, 9, 0, 0, 0])]);
        assert_eq!(NamespaceList::decode(&numbers), Some(NamespaceList(vec![1, 9])));
        assert_eq!(NamespaceList::decode(&page(&[(0, &[9, 0, 0, 0, 1, 0, 0, 0])])), None);
        assert_eq!(NamespaceList::decode(&numbers[..4095]), None);
        let controllers = page(&[(0, &[2, 0, 1, 0, 0x21, 0x43])]);
        assert_eq!(decode_controllers(&controllers), Some(vec![1, 0x4321]));
        assert_eq!(decode_controllers(&page(&[(0, &[0xFF, 0xFF])])), None, "more than there is room for");
    }

    proptest! {
        /// Foreign bytes of any length never panic, and a short page is nothing rather than a default.
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..4200)) {
            let controller = IdentifyController::decode(&bytes);
            prop_assert_eq!(controller.is_some(), bytes.len() >= 1024);
            let namespace = IdentifyNamespace::decode(&bytes);
            prop_assert!(namespace.is_some() || bytes.len() < 384);
            prop_assert!(namespace.is_none_or(|it| it.lba_format < 64 && it.protection < 8));
            let list = NamespaceList::decode(&bytes);
            prop_assert!(list.is_none_or(|list| list.0.len() <= NamespaceList::FULL));
            prop_assert!(decode_controllers(&bytes).is_none_or(|list| list.len() <= 2047));
        }
    }
}
