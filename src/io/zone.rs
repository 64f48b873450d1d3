//! The port to the zones of a drive, and how the kernel's words for them are read.
use std::io;
use std::os::fd::BorrowedFd;

use super::Fault;
use crate::sys::zone::{self as calls, RawZone, SECTOR_BYTES};
use crate::unit::{BlockCount, Geometry, Lba, LbaRange, Zone, ZoneCondition, ZoneKind};

/// A drive whose zones the host manages. To be called with nothing in flight in the zones that are named.
pub trait ZoneControl {
    /// The zones that begin in a range, in ascending order.
    ///
    /// # Errors
    /// What the drive answered.
    fn report(&mut self, range: LbaRange) -> Result<Vec<Zone>, Fault>;

    /// Takes the write pointer of one zone back to its beginning. It erases nothing: what was there can come back
    /// until it is written over.
    ///
    /// # Errors
    /// What the drive answered.
    fn reset(&mut self, zone: LbaRange) -> Result<(), Fault>;

    /// Ends the writing of one zone before its end: what was written stays, and the drive holds it open no longer.
    ///
    /// # Errors
    /// What the drive answered.
    fn finish(&mut self, zone: LbaRange) -> Result<(), Fault>;
}

/// All zones of a block device.
///
/// # Errors
/// `EOPNOTSUPP` when it has none; `InvalidData` when what it reports are no zones, or not as many as it says; what the drive
/// answered.
pub fn report_all(device: BorrowedFd<'_>, geometry: &Geometry) -> io::Result<Vec<Zone>> {
    if calls::zone_sectors(device)? == 0 {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    let whole = geometry.whole().ok_or(io::ErrorKind::InvalidData)?;
    let zones = report(device, geometry, whole)?;
    let told = u64::from(calls::zone_count(device)?);
    if zones.len() as u64 == told {
        Ok(zones)
    } else {
        Err(invalid(format!("{} zones were reported, and there are said to be {told}", zones.len())))
    }
}

/// The zones of a block device that begin in a range.
pub(super) fn report(device: BorrowedFd<'_>, geometry: &Geometry, range: LbaRange) -> io::Result<Vec<Zone>> {
    let (mut zones, mut next) = (Vec::<Zone>::new(), range.first());
    while next < range.end() {
        let told = calls::report(device, geometry.byte_offset(next) / SECTOR_BYTES)?;
        let before = next;
        for raw in &told {
            let zone = read(raw, geometry)?;
            if zone.range.first() >= next && zone.range.first() < range.end() {
                zones.push(zone);
            }
            next = next.max(zone.range.end());
        }
        if next == before {
            break;
        }
    }
    Ok(zones)
}

pub(super) fn reset(device: BorrowedFd<'_>, geometry: &Geometry, zone: LbaRange) -> io::Result<()> {
    let (first, count) = sectors(geometry, zone);
    calls::reset(device, first, count)
}

pub(super) fn finish(device: BorrowedFd<'_>, geometry: &Geometry, zone: LbaRange) -> io::Result<()> {
    let (first, count) = sectors(geometry, zone);
    calls::finish(device, first, count)
}

const fn sectors(geometry: &Geometry, zone: LbaRange) -> (u64, u64) {
    (geometry.byte_offset(zone.first()) / SECTOR_BYTES, geometry.byte_length(zone.count()) / SECTOR_BYTES)
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// A zone as the kernel tells it, in blocks.
fn read(raw: &RawZone, geometry: &Geometry) -> io::Result<Zone> {
    let block = geometry.block_size.bytes_u64();
    let blocks = |sectors: u64| -> io::Result<u64> {
        let bytes = sectors.checked_mul(SECTOR_BYTES).filter(|bytes| bytes.is_multiple_of(block));
        bytes
            .map(|bytes| bytes / block)
            .ok_or_else(|| invalid(format!("{sectors} sectors are no whole blocks")))
    };
    let range = LbaRange::new(Lba(blocks(raw.start)?), BlockCount(blocks(raw.length)?))
        .ok_or_else(|| invalid("a zone without addresses".to_owned()))?;
    let capacity = BlockCount(blocks(raw.capacity)?);
    if capacity > range.count() {
        return Err(invalid(format!("the zone at {range} has {capacity} blocks with cells")));
    }
    // enum blk_zone_type and enum blk_zone_cond of linux/blkzoned.h.
    let kind = match raw.kind {
        1 => ZoneKind::Conventional,
        2 => ZoneKind::SequentialRequired,
        3 => ZoneKind::SequentialPreferred,
        other => return Err(invalid(format!("the zone at {range} is of the unknown type {other}"))),
    };
    let condition = match raw.condition {
        0 => ZoneCondition::NoPointer,
        1 => ZoneCondition::Empty,
        2 | 3 => ZoneCondition::Open,
        4 => ZoneCondition::Closed,
        0xD => ZoneCondition::ReadOnly,
        0xE => ZoneCondition::Full,
        0xF => ZoneCondition::Offline,
        other => return Err(invalid(format!("the zone at {range} is in the unknown condition {other}"))),
    };
    Ok(Zone { range, capacity, kind, condition })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::BlockSize;

    fn raw(start: u64, length: u64, capacity: u64, kind: u8, condition: u8) -> RawZone {
        RawZone { start, length, capacity, kind, condition, ..RawZone::default() }
    }

    fn geometry() -> Geometry {
        let size = BlockSize::new(4096).unwrap();
        Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(1 << 20) }
    }

    /// The lines that `blkzone report` prints of a zone of 8 MiB with 6 MiB of cells, against its fields.
    #[test]
    fn sectors_become_blocks_and_numbers_words() {
        let zone = read(&raw(0x4000, 0x4000, 0x3000, 2, 4), &geometry()).unwrap();
        assert_eq!((zone.range.first(), zone.range.count()), (Lba(2048), BlockCount(2048)));
        assert_eq!((zone.capacity, zone.kind), (BlockCount(1536), ZoneKind::SequentialRequired));
        assert_eq!(zone.condition, ZoneCondition::Closed);
        let conditions = [0, 1, 2, 3, 4, 0xD, 0xE, 0xF]
            .map(|number| read(&raw(0, 8, 8, 1, number), &geometry()).unwrap().condition);
        use ZoneCondition::{Closed, Empty, Full, NoPointer, Offline, Open, ReadOnly};
        assert_eq!(conditions, [NoPointer, Empty, Open, Open, Closed, ReadOnly, Full, Offline]);
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for (broken, why) in [
            (raw(0, 8, 16, 2, 1), "more cells than addresses"),
            (raw(4, 8, 8, 2, 1), "begins inside a block"),
            (raw(0, 0, 0, 2, 1), "no addresses"),
            (raw(0, 8, 8, 5, 1), "a type of later standards"),
            (raw(0, 8, 8, 2, 5), "a condition that is not defined"),
            (raw(u64::MAX, 8, 8, 2, 1), "beyond 2^64"),
        ] {
            let error = read(&broken, &geometry()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{why}");
        }
    }
}
