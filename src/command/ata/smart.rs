//! SMART RETURN STATUS and the attributes of SMART READ DATA.
//!
//! From memory, as smartmontools reads them; this layout is no part of a current standard.

use super::sat::{AtaCommand, Protocol, Registers, SECTOR_BYTES, Wanted, Width};

const fn smart(feature: u16, protocol: Protocol, count: u16, wanted: Wanted) -> AtaCommand {
    AtaCommand {
        feature,
        count,
        // The key of every SMART command: LBA 15:8 = 4Fh, 23:16 = C2h.
        lba: 0xc2_4f00,
        device: 0,
        command: 0xb0,
        protocol,
        width: Width::Bits28,
        wanted,
    }
}

/// SMART RETURN STATUS: [`passed`] reads its registers.
pub const RETURN_STATUS: AtaCommand = smart(0xda, Protocol::NonData, 0, Wanted::Registers);
/// SMART READ DATA: [`Attributes::decode`] reads its data.
pub const READ_DATA: AtaCommand = smart(0xd0, Protocol::PioIn, 1, Wanted::Outcome);

/// The drive's own assessment: the key came back as it was sent (well) or as F4h, 2Ch (a threshold was exceeded).
/// `None` for anything else.
pub const fn passed(registers: &Registers) -> Option<bool> {
    match registers.lba_low >> 8 {
        0xc24f => Some(true),
        0x2cf4 => Some(false),
        _ => None,
    }
}

/// Raw values of the attributes that Expunge records; `None` where the drive does not have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// 5: reallocated sectors. Makers use the upper words for other things, so it is the lowest word.
    pub reallocated: Option<u64>,
    /// 9: hours with power (the lowest 24 bits).
    pub power_on_hours: Option<u64>,
    /// 197: sectors that wait to be reallocated.
    pub pending: Option<u64>,
    /// 198: sectors that the drive could not read when it looked by itself.
    pub uncorrectable: Option<u64>,
    /// 241: what hosts wrote, in a unit that differs between makers (512-byte sectors, 32 MiB, GiB).
    pub written: Option<u64>,
}

const FIRST_ATTRIBUTE: usize = 2;
const ATTRIBUTE_BYTES: usize = 12;
const ATTRIBUTES: usize = 30;

impl Attributes {
    /// From the data of SMART READ DATA; `None` when they are too short or their sum is not zero.
    pub fn decode(data: &[u8]) -> Option<Self> {
        let data: &[u8; SECTOR_BYTES] = data.get(..SECTOR_BYTES)?.try_into().ok()?;
        if super::identify::sum(data) != 0 || data.iter().all(|byte| *byte == 0) {
            return None;
        }
        let mut attributes = Self::default();
        let table = &data[FIRST_ATTRIBUTE..FIRST_ATTRIBUTE + ATTRIBUTES * ATTRIBUTE_BYTES];
        for entry in table.chunks_exact(ATTRIBUTE_BYTES) {
            let raw = entry[5..11].iter().rev().fold(0, |raw, byte| (raw << 8) | u64::from(*byte));
            match entry[0] {
                5 => attributes.reallocated = Some(raw & 0xffff),
                9 => attributes.power_on_hours = Some(raw & 0xff_ffff),
                197 => attributes.pending = Some(raw),
                198 => attributes.uncorrectable = Some(raw),
                241 => attributes.written = Some(raw),
                _ => {}
            }
        }
        Some(attributes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sat::Upper;
    use super::*;

    /// SMART data with these attributes (number, raw bytes from the lowest) and a right sum.
    fn data(attributes: &[(u8, [u8; 6])]) -> [u8; 512] {
        let mut data = [0; 512];
        data[0] = 0x10;
        for (index, (number, raw)) in attributes.iter().enumerate() {
            let at = 2 + 12 * index;
            data[at] = *number;
            data[at + 3] = 100;
            data[at + 4] = 100;
            data[at + 5..at + 11].copy_from_slice(raw);
        }
        let sum = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        data[511] = sum.wrapping_neg();
        data
    }

    #[test]
    fn attributes_are_read_where_they_are() {
        let mut bytes = data(&[
            (1, [1, 2, 3, 4, 5, 6]),
            (5, [0x08, 0x01, 0x77, 0, 0, 0]),
            (9, [0x10, 0x27, 0, 0x99, 0, 0]),
            (198, [2, 0, 0, 0, 0, 0]),
            (241, [0, 0, 0, 0, 0, 1]),
        ]);
        let expected = Attributes {
            reallocated: Some(264),
            power_on_hours: Some(10_000),
            pending: None,
            uncorrectable: Some(2),
            written: Some(1 << 40),
        };
        assert_eq!(Attributes::decode(&bytes), Some(expected));
        bytes[7] ^= 1;
        assert_eq!(Attributes::decode(&bytes), None, "a sum that is not zero");
        assert_eq!(Attributes::decode(&[0; 512]), None, "nothing at all");
    }

    #[test]
    fn the_assessment_is_in_the_key_that_comes_back() {
        let with = |lba_low| Registers {
            error: 0,
            status: 0x50,
            device: 0,
            count_low: 0,
            count_high: Upper::NotTold,
            lba_low,
            lba_high: Upper::NotTold,
        };
        assert_eq!(passed(&with(0xc2_4f00)), Some(true));
        assert_eq!(passed(&with(0x2c_f400)), Some(false));
        assert_eq!(passed(&with(0)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(data in prop::collection::vec(any::<u8>(), 0..600)) {
            let _attributes = Attributes::decode(&data);
        }
    }
}
