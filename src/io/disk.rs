//! A real drive behind the ports: one of three adapters over the opened descriptor, chosen when it is made.
use std::io;
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use super::by_command::CommandDisk;
use super::sync::SyncDisk;
use super::uring::UringDisk;
use super::{BlockRead, BlockWrite, Fault};
use crate::sys::ring::Access;
use crate::unit::Geometry;

/// How transfers reach the drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adapter {
    /// Several in flight through `io_uring`.
    IoUring,
    /// One after the other by `pread` and `pwrite`: the reference, and the fallback.
    Sync,
    /// One after the other by READ(16) and WRITE(16) to a SCSI unit whose blocks the kernel does not present.
    ScsiCommands,
}

/// How many transfers of which size are in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tuning {
    /// Transfers in flight, 1 to 256.
    pub depth: u16,
    /// Bytes of one transfer: a multiple of the block size, at most 16 MiB.
    pub transfer_bytes: u32,
    /// Adapter to use; `None` takes `io_uring` where the kernel allows it.
    pub adapter: Option<Adapter>,
}

/// Most bytes of one transfer.
pub const TRANSFER_BYTES_MAX: u32 = 16 << 20;

/// A real drive to be written, from its opened descriptor.
///
/// # Errors
/// When `io_uring` was asked for by name and is not to be had, or the descriptor cannot be duplicated.
pub fn writer(
    file: OwnedFd,
    geometry: Geometry,
    tuning: Tuning,
) -> io::Result<(Box<dyn BlockWrite>, Adapter)> {
    if tuning.adapter == Some(Adapter::ScsiCommands) {
        return Ok((Box::new(CommandDisk::over(file, geometry, tuning)?), Adapter::ScsiCommands));
    }
    Ok(match uring(&file, geometry, tuning, Access::ReadWrite)? {
        Some(disk) => (Box::new(disk), Adapter::IoUring),
        None => (Box::new(SyncDisk::new(file, geometry, tuning)), Adapter::Sync),
    })
}

/// A real drive to be read only: the type has no way to write, and its ring, or the kernel for a descriptor that was
/// opened to read, refuses writes.
///
/// # Errors
/// As for [`writer`].
pub fn reader(
    file: OwnedFd,
    geometry: Geometry,
    tuning: Tuning,
) -> io::Result<(Box<dyn BlockRead>, Adapter)> {
    if tuning.adapter == Some(Adapter::ScsiCommands) {
        return Ok((Box::new(CommandDisk::over(file, geometry, tuning)?), Adapter::ScsiCommands));
    }
    Ok(match uring(&file, geometry, tuning, Access::ReadOnly)? {
        Some(disk) => (Box::new(disk), Adapter::IoUring),
        None => (Box::new(SyncDisk::new(file, geometry, tuning)), Adapter::Sync),
    })
}

/// The fast adapter, or `None` where the plain one is to be taken.
fn uring(
    file: &OwnedFd,
    geometry: Geometry,
    tuning: Tuning,
    access: Access,
) -> io::Result<Option<UringDisk>> {
    if tuning.adapter == Some(Adapter::Sync) {
        return Ok(None);
    }
    match UringDisk::new(file.try_clone()?, geometry, tuning, access) {
        Ok(disk) => Ok(Some(disk)),
        Err(error) if tuning.adapter == Some(Adapter::IoUring) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Size of a drive or file in bytes as the kernel says now. Works for both without an ioctl.
pub(super) fn size_of(file: &OwnedFd) -> io::Result<u64> {
    let end = nix::unistd::lseek(file, 0, nix::unistd::Whence::SeekEnd)?;
    u64::try_from(end).map_err(io::Error::other)
}

/// `fdatasync`: makes the data durable, with a flush of the drive's cache for block devices.
pub(super) fn flush(file: &OwnedFd) -> Result<(), Fault> {
    nix::unistd::fdatasync(file).map_err(|errno| Fault::from_errno(errno as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Transfer;
    use crate::unit::{BlockCount, BlockSize, Lba, LbaRange};

    fn disk(adapter: Adapter, blocks: u64) -> (Box<dyn BlockWrite>, std::fs::File) {
        let file = tempfile::tempfile().unwrap();
        file.set_len(blocks * 512).unwrap();
        let size = BlockSize::new(512).unwrap();
        let geometry = Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(blocks) };
        let tuning = Tuning { depth: 4, transfer_bytes: 8192, adapter: Some(adapter) };
        let (disk, taken) = writer(file.try_clone().unwrap().into(), geometry, tuning).unwrap();
        assert_eq!(taken, adapter);
        (disk, file)
    }

    /// Both adapters answer the same: data, a short read past the end as "gone", and the number of buffers.
    #[test]
    fn both_adapters_move_the_same_bytes_and_call_a_missing_end_gone() {
        for adapter in [Adapter::IoUring, Adapter::Sync] {
            let (mut disk, file) = disk(adapter, 20);
            let mut buffers = disk.take_buffers();
            let mut buffer = buffers.pop().unwrap();
            buffer.as_mut_slice().fill(0x5A);
            let range = LbaRange::new(Lba(4), BlockCount(16)).unwrap();
            disk.submit_write(Transfer { range, buffer }).unwrap();
            let mut done = Vec::new();
            disk.reap(&mut done).unwrap();
            let write = done.pop().unwrap();
            assert_eq!(write.result, Ok(()));
            disk.flush().unwrap();
            file.set_len(4 * 512).unwrap();
            assert_eq!(disk.current_bytes().unwrap(), 2048);
            disk.submit_read(Transfer { range, buffer: write.transfer.buffer }).unwrap();
            disk.reap(&mut done).unwrap();
            let read = done.pop().unwrap();
            assert_eq!(read.result, Err(Fault::short(0)), "{adapter:?}");
        }
    }
}
