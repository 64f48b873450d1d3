//! The block layer's ioctls for zones. Numbers and structures are those of linux/blkzoned.h; sectors have 512 bytes,
//! whatever the block size of the drive.
//!
//! JUSTIFICATION: ioctls pass pointers whose meaning only the request number tells.
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

const BLKREPORTZONE: libc::Ioctl = 0xC010_1282;
const BLKRESETZONE: libc::Ioctl = 0x4010_1283;
const BLKGETZONESZ: libc::Ioctl = 0x8004_1284;
const BLKGETNRZONES: libc::Ioctl = 0x8004_1285;
const BLKFINISHZONE: libc::Ioctl = 0x4010_1288;

/// Length of a sector in bytes.
pub const SECTOR_BYTES: u64 = 512;

/// `BLK_ZONE_REP_CAPACITY`: the kernel has filled in how much of each zone can be written (Linux 5.9).
const REP_CAPACITY: u32 = 1;

/// Zones asked for in one call: 16 KiB of answer.
const ZONES_AT_ONCE: usize = 256;

/// `struct blk_zone`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawZone {
    /// First sector.
    pub start: u64,
    /// Sectors.
    pub length: u64,
    /// Sector of the write pointer.
    pub pointer: u64,
    /// `enum blk_zone_type`.
    pub kind: u8,
    /// `enum blk_zone_cond`.
    pub condition: u8,
    /// Resources for writes out of sequence are in use, and a reset is recommended, then nothing.
    pub flags: [u8; 6],
    /// Sectors that can be written; filled in by [`report`] where the kernel does not tell.
    pub capacity: u64,
    /// Nothing.
    pub reserved: [u8; 24],
}

/// `struct blk_zone_report` with room for zones.
#[repr(C)]
struct Report {
    sector: u64,
    zones: u32,
    flags: u32,
    zone: [RawZone; ZONES_AT_ONCE],
}

/// `struct blk_zone_range`.
#[repr(C)]
struct Range {
    sector: u64,
    sectors: u64,
}

const _: () = assert!(size_of::<RawZone>() == 64 && size_of::<Range>() == 16);
const _: () = assert!(size_of::<Report>() == 16 + 64 * ZONES_AT_ONCE);

/// The errno stays as it is: it decides what is done about the failure.
fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sectors of each zone but the last; 0 where the device has no zones (BLKGETZONESZ).
///
/// # Errors
/// `ENOTTY` when the descriptor is not a block device.
pub fn zone_sectors(device: BorrowedFd<'_>) -> io::Result<u32> {
    let mut sectors = 0u32;
    // SAFETY: BLKGETZONESZ writes one u32 to the pointer, which is valid for the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), BLKGETZONESZ, &raw mut sectors) };
    check(result).map(|()| sectors)
}

/// Number of zones; 0 where the device has none (BLKGETNRZONES).
///
/// # Errors
/// `ENOTTY` when the descriptor is not a block device.
pub fn zone_count(device: BorrowedFd<'_>) -> io::Result<u32> {
    let mut zones = 0u32;
    // SAFETY: BLKGETNRZONES writes one u32 to the pointer, which is valid for the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), BLKGETNRZONES, &raw mut zones) };
    check(result).map(|()| zones)
}

/// The zones from the one that holds `sector` on, as many as one call answers; none beyond the end of the device
/// (BLKREPORTZONE).
///
/// # Errors
/// `ENOTTY` when the descriptor is not a block device, `EOPNOTSUPP` when the device has no zones; what the drive answered.
pub fn report(device: BorrowedFd<'_>, sector: u64) -> io::Result<Vec<RawZone>> {
    let empty = RawZone::default();
    let zones = u32::try_from(ZONES_AT_ONCE).unwrap_or(u32::MAX);
    let mut report = Box::new(Report { sector, zones, flags: 0, zone: [empty; ZONES_AT_ONCE] });
    // SAFETY: BLKREPORTZONE reads and writes one blk_zone_report and writes at most as many blk_zone behind it as the
    // report asks for; Report has that layout and room for them, asserted above.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), BLKREPORTZONE, &raw mut *report) };
    check(result)?;
    let told = usize::try_from(report.zones).unwrap_or(usize::MAX).min(ZONES_AT_ONCE);
    let mut zones = report.zone[..told].to_vec();
    if report.flags & REP_CAPACITY == 0 {
        zones.iter_mut().for_each(|zone| zone.capacity = zone.length);
    }
    Ok(zones)
}

/// Takes the write pointers of the zones of these sectors back to their beginnings (BLKRESETZONE). It erases nothing.
///
/// # Errors
/// `EBADF` when the descriptor cannot write, `EINVAL` when these are not whole zones; what the drive answered.
pub fn reset(device: BorrowedFd<'_>, sector: u64, sectors: u64) -> io::Result<()> {
    let range = Range { sector, sectors };
    // SAFETY: BLKRESETZONE reads one blk_zone_range from the pointer, which is valid for the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), BLKRESETZONE, &raw const range) };
    check(result)
}

/// Takes the write pointers of the zones of these sectors to their ends, as if they were full (BLKFINISHZONE, Linux 5.5): the
/// drive holds them open no longer.
///
/// # Errors
/// As for [`reset`].
pub fn finish(device: BorrowedFd<'_>, sector: u64, sectors: u64) -> io::Result<()> {
    let range = Range { sector, sectors };
    // SAFETY: BLKFINISHZONE reads one blk_zone_range from the pointer, which is valid for the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), BLKFINISHZONE, &raw const range) };
    check(result)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// What a C program prints that includes linux/blkzoned.h: sizes, offsets and request numbers.
    #[test]
    fn the_abi_is_that_of_the_kernel_headers() {
        assert_eq!(
            [size_of::<RawZone>(), size_of::<Report>() - 64 * ZONES_AT_ONCE, size_of::<Range>()],
            [64, 16, 16]
        );
        let offsets = [
            std::mem::offset_of!(RawZone, pointer),
            std::mem::offset_of!(RawZone, kind),
            std::mem::offset_of!(RawZone, condition),
            std::mem::offset_of!(RawZone, capacity),
        ];
        assert_eq!(offsets, [16, 24, 25, 32]);
        // _IOWR(0x12, 130, 16 bytes), _IOW(0x12, 131 and 136, 16 bytes), _IOR(0x12, 132 and 133, 4 bytes), by nix' own macros.
        assert_eq!(nix::request_code_readwrite!(0x12, 130, 16), BLKREPORTZONE);
        assert_eq!(nix::request_code_write!(0x12, 131, 16), BLKRESETZONE);
        assert_eq!(nix::request_code_write!(0x12, 136, 16), BLKFINISHZONE);
        assert_eq!(nix::request_code_read!(0x12, 132, 4), BLKGETZONESZ);
        assert_eq!(nix::request_code_read!(0x12, 133, 4), BLKGETNRZONES);
    }

    #[test]
    fn what_is_no_block_device_has_no_zones_to_tell_of() {
        let file = tempfile::tempfile().unwrap();
        let file = file.as_fd();
        let errno = |error: io::Error| error.raw_os_error();
        assert_eq!(zone_sectors(file).map_err(errno), Err(Some(libc::ENOTTY)));
        assert_eq!(zone_count(file).map_err(errno), Err(Some(libc::ENOTTY)));
        assert_eq!(report(file, 0).map_err(errno), Err(Some(libc::ENOTTY)));
        assert_eq!(reset(file, 0, 8).map_err(errno), Err(Some(libc::ENOTTY)));
        assert_eq!(finish(file, 0, 8).map_err(errno), Err(Some(libc::ENOTTY)));
    }
}
