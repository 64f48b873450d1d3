//! Capacity that a drive can hide: host protected area (HPA), device configuration overlay (DCO) and accessible max
//! address (AMA).
//!
//! Commands speak of the last address, people of the number of sectors; the two differ by one, so they are two
//! types. Sources: hdparm and openSeaChest, second-hand in the project's facts (standards.md 6.5).

use serde::{Deserialize, Serialize};

use super::sat::{AtaCommand, Protocol, Reply, SECTOR_BYTES, Wanted, Width};

/// Largest address of 48 bits.
const MAX_ADDRESS: u64 = (1 << 48) - 1;

/// The address of the last sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastAddress(u64);

/// A number of sectors: 1 to 2^48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Capacity(u64);

/// A number of sectors that no ATA drive has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACapacity;

impl std::fmt::Display for NotACapacity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected a number of sectors from 1 to 2^48")
    }
}

impl std::error::Error for NotACapacity {}

impl TryFrom<u64> for Capacity {
    type Error = NotACapacity;

    fn try_from(sectors: u64) -> Result<Self, NotACapacity> {
        Self::new(sectors).ok_or(NotACapacity)
    }
}

impl From<Capacity> for u64 {
    fn from(capacity: Capacity) -> Self {
        capacity.0
    }
}

impl LastAddress {
    /// From a register or a field; `None` when it has more than 48 bits.
    pub const fn new(address: u64) -> Option<Self> {
        if address <= MAX_ADDRESS { Some(Self(address)) } else { None }
    }

    /// The address.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of sectors up to and with this one.
    pub const fn capacity(self) -> Capacity {
        Capacity(self.0 + 1)
    }
}

impl Capacity {
    /// `None` for zero and for more than 48 bits can address.
    pub const fn new(sectors: u64) -> Option<Self> {
        if sectors >= 1 && sectors <= MAX_ADDRESS + 1 { Some(Self(sectors)) } else { None }
    }

    /// The number of sectors.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The address of the last of them.
    pub const fn last(self) -> LastAddress {
        LastAddress(self.0 - 1)
    }
}

/// Whether SET MAX ADDRESS outlasts a power cycle (COUNT bit 0; its name in the standard says the opposite of what it
/// does).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// Until the next power-on or hardware reset.
    UntilReset,
    /// Over power cycles.
    Persistent,
}

const fn extended(command: u8, feature: u16, count: u16, lba: u64) -> AtaCommand {
    AtaCommand {
        feature,
        count,
        lba,
        device: 0x40,
        command,
        protocol: Protocol::NonData,
        width: Width::Bits48,
        wanted: Wanted::Registers,
    }
}

/// READ NATIVE MAX ADDRESS EXT: [`address`] reads its answer.
pub const READ_NATIVE_MAX: AtaCommand = extended(0x27, 0, 0, 0);

/// GET NATIVE MAX ADDRESS EXT (AMA): [`address`] reads its answer.
pub const GET_NATIVE_MAX: AtaCommand = extended(0x78, 0x0000, 0, 0);

/// DEVICE CONFIGURATION IDENTIFY: [`configured`] reads its data.
pub const DCO_IDENTIFY: AtaCommand = AtaCommand {
    feature: 0xc2,
    count: 1,
    lba: 0,
    device: 0,
    command: 0xb1,
    protocol: Protocol::PioIn,
    width: Width::Bits28,
    wanted: Wanted::Outcome,
};

/// DEVICE CONFIGURATION RESTORE: the drive is as it was made, without an overlay.
pub const DCO_RESTORE: AtaCommand = AtaCommand {
    feature: 0xc0,
    count: 0,
    lba: 0,
    device: 0,
    command: 0xb1,
    protocol: Protocol::NonData,
    width: Width::Bits28,
    wanted: Wanted::Outcome,
};

/// SET MAX ADDRESS EXT; [`READ_NATIVE_MAX`] must be the command right before it.
pub const fn set_max(capacity: Capacity, lasting: Lasting) -> AtaCommand {
    let count = match lasting {
        Lasting::UntilReset => 0,
        Lasting::Persistent => 1,
    };
    extended(0x37, 0, count, capacity.last().get())
}

/// SET ACCESSIBLE MAX ADDRESS EXT (AMA): lasts over power cycles.
pub const fn set_accessible_max(capacity: Capacity) -> AtaCommand {
    extended(0x78, 0x0001, 0, capacity.last().get())
}

/// The address that READ NATIVE MAX or GET NATIVE MAX came back with; `None` when it did not come whole, or is
/// none that a drive can have.
pub fn address(reply: Reply) -> Option<LastAddress> {
    match reply {
        Reply::Done { registers: Some(registers) } => {
            registers.lba48().filter(|address| *address != 0).and_then(LastAddress::new)
        }
        Reply::Done { registers: None }
        | Reply::Aborted { .. }
        | Reply::Unavailable
        | Reply::Refused(_)
        | Reply::Sense(_)
        | Reply::Status(_)
        | Reply::Lost => None,
    }
}

/// The last address that the drive was made with, from the data of DEVICE CONFIGURATION IDENTIFY: bytes 6 to 13,
/// when the checksum holds and the number can be one. Implausible ones do occur (standards.md 6.5).
pub fn configured(data: &[u8]) -> Option<LastAddress> {
    let data: &[u8; SECTOR_BYTES] = data.get(..SECTOR_BYTES)?.try_into().ok()?;
    if data[510] != super::identify::CHECKSUM_SIGNATURE || super::identify::sum(data) != 0 {
        return None;
    }
    let address = u64::from_le_bytes(*data[6..].first_chunk::<8>()?);
    if address == 0 { None } else { LastAddress::new(address) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sat::{Registers, Upper};
    use super::*;

    #[test]
    fn command_blocks_carry_the_codes_of_the_facts() {
        // standards.md 6.5 and the register places of 6.4. 30AABBCCDDEEh = last of 30AABBCCDDEFh sectors.
        let capacity = Capacity::new(0x30aa_bbcc_ddef).unwrap();
        let cases = [
            (READ_NATIVE_MAX, "85 07 20 00 00 00 00 00 00 00 00 00 00 40 27 00"),
            (set_max(capacity, Lasting::Persistent), "85 07 20 00 00 00 01 bb ee aa dd 30 cc 40 37 00"),
            (set_max(capacity, Lasting::UntilReset), "85 07 20 00 00 00 00 bb ee aa dd 30 cc 40 37 00"),
            (GET_NATIVE_MAX, "85 07 20 00 00 00 00 00 00 00 00 00 00 40 78 00"),
            (set_accessible_max(capacity), "85 07 20 00 01 00 00 bb ee aa dd 30 cc 40 78 00"),
            (DCO_IDENTIFY, "85 08 0e 00 c2 00 01 00 00 00 00 00 00 00 b1 00"),
            (DCO_RESTORE, "85 06 00 00 c0 00 00 00 00 00 00 00 00 00 b1 00"),
        ];
        for (command, expected) in cases {
            let bytes: Vec<String> = command.block().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(bytes.join(" "), expected);
        }
    }

    #[test]
    fn a_drive_of_n_sectors_ends_at_n_minus_one() {
        // A 500 GB drive (IDEMA): 976,773,168 sectors, native max 976,773,167.
        let capacity = Capacity::new(976_773_168).unwrap();
        assert_eq!(capacity.last().get(), 976_773_167);
        assert_eq!(LastAddress::new(976_773_167).unwrap().capacity(), capacity);
        assert_eq!(Capacity::new(0), None);
        assert_eq!(Capacity::new((1 << 48) + 1), None);
        assert_eq!(LastAddress::new(1 << 48), None);
    }

    #[test]
    fn an_address_that_did_not_come_whole_is_none() {
        let whole = Registers {
            error: 0,
            status: 0x50,
            device: 0x40,
            count_low: 0,
            count_high: Upper::Told(0),
            lba_low: 0x38_602f,
            lba_high: Upper::Told(0x3a),
        };
        let read = |registers| address(Reply::Done { registers: Some(registers) }).map(LastAddress::get);
        assert_eq!(read(whole), Some(0x3a38_602f));
        assert_eq!(read(Registers { lba_high: Upper::NonZero, ..whole }), None);
        assert_eq!(read(Registers { lba_high: Upper::NotTold, ..whole }), None);
        assert_eq!(read(Registers { lba_low: 0, lba_high: Upper::Told(0), ..whole }), None);
        assert_eq!(address(Reply::Unavailable), None);
    }

    #[test]
    fn configuration_data_counts_only_with_its_checksum() {
        let mut data = [0_u8; 512];
        data[0] = 2;
        // 976,773,167 = 3A38602Fh, lowest byte first.
        data[6..10].copy_from_slice(&[0x2f, 0x60, 0x38, 0x3a]);
        data[510] = 0xa5;
        let sum = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        data[511] = sum.wrapping_neg();
        assert_eq!(configured(&data).map(|last| last.capacity().get()), Some(976_773_168));
        data[6] ^= 1;
        assert_eq!(configured(&data), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(data in prop::collection::vec(any::<u8>(), 0..600)) {
            let _last = configured(&data);
        }
    }
}
