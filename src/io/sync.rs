//! The plain adapter: one `pread` or `pwrite` after the other. The reference that the ring is compared with,
//! and the fallback where the kernel has no `io_uring`.
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::uio::{pread, pwrite};

use super::disk::{flush, size_of};
use super::presence::Sentry;
use super::{BlockRead, BlockWrite, Completion, Fault, Presence, Transfer, Tuning, ZoneControl, zone};
use crate::sys::Buffer;
use crate::unit::{Geometry, LbaRange, Zone};

pub(super) struct SyncDisk {
    file: OwnedFd,
    geometry: Geometry,
    transfer_bytes: u32,
    /// What was carried out and not yet reaped.
    done: Vec<Completion>,
    sentry: Sentry,
}

impl SyncDisk {
    pub(super) fn new(file: OwnedFd, geometry: Geometry, tuning: Tuning) -> Self {
        let sentry = Sentry::new(&file);
        Self { file, geometry, transfer_bytes: tuning.transfer_bytes, done: Vec::new(), sentry }
    }

    fn span(&self, transfer: &Transfer) -> (usize, i64) {
        let length = self.geometry.byte_length(transfer.range.count());
        let offset = self.geometry.byte_offset(transfer.range.first());
        let length = usize::try_from(length).expect("a transfer fits its buffer");
        (length, i64::try_from(offset).expect("drives are smaller than 2^63 bytes"))
    }
}

/// Repeats a transfer until it is whole. Its four exits: all bytes, no bytes, an interruption (go on), an error.
fn whole(length: usize, mut step: impl FnMut(usize) -> nix::Result<usize>) -> Result<(), Fault> {
    let mut moved = 0;
    while moved < length {
        match step(moved) {
            Ok(0) => return Err(Fault::short(moved as u64)),
            Ok(more) => moved += more,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Fault::from_errno(errno as i32)),
        }
    }
    Ok(())
}

fn at(offset: i64, moved: usize) -> i64 {
    offset + i64::try_from(moved).expect("a transfer is shorter than 2^63 bytes")
}

impl BlockRead for SyncDisk {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn submit_read(&mut self, mut transfer: Transfer) -> Result<(), Transfer> {
        let (length, offset) = self.span(&transfer);
        let bytes = &mut transfer.buffer.as_mut_slice()[..length];
        let result = whole(length, |moved| pread(&self.file, &mut bytes[moved..], at(offset, moved)));
        self.done.push(Completion { transfer, result });
        Ok(())
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        done.append(&mut self.done);
        Ok(())
    }

    fn take_buffers(&mut self) -> Vec<Buffer> {
        vec![Buffer::new(self.transfer_bytes as usize)]
    }

    fn transfer_bytes(&self) -> u64 {
        u64::from(self.transfer_bytes)
    }

    fn current_bytes(&mut self) -> io::Result<u64> {
        size_of(&self.file)
    }

    fn presence(&mut self) -> Presence {
        self.sentry.presence(&self.file, self.geometry.bytes())
    }
}

impl BlockWrite for SyncDisk {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        let (length, offset) = self.span(&transfer);
        let bytes = &transfer.buffer.as_slice()[..length];
        let result = whole(length, |moved| pwrite(&self.file, &bytes[moved..], at(offset, moved)));
        self.done.push(Completion { transfer, result });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        flush(&self.file)
    }

    fn zones(&mut self) -> Option<&mut dyn ZoneControl> {
        Some(self)
    }
}

impl ZoneControl for SyncDisk {
    fn report(&mut self, range: LbaRange) -> Result<Vec<Zone>, Fault> {
        zone::report(self.file.as_fd(), &self.geometry, range).map_err(|error| Fault::from_error(&error))
    }

    fn reset(&mut self, zone: LbaRange) -> Result<(), Fault> {
        zone::reset(self.file.as_fd(), &self.geometry, zone).map_err(|error| Fault::from_error(&error))
    }

    fn finish(&mut self, zone: LbaRange) -> Result<(), Fault> {
        zone::finish(self.file.as_fd(), &self.geometry, zone).map_err(|error| Fault::from_error(&error))
    }
}
