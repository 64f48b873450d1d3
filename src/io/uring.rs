//! The fast adapter: several transfers in flight through one restricted ring.
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::disk::{flush, size_of};
use super::presence::Sentry;
use super::{BlockRead, BlockWrite, Completion, Fault, Presence, Transfer, Tuning, ZoneControl, zone};
use crate::sys::Buffer;
use crate::sys::ring::{Access, Direction, Done, Ring};
use crate::unit::{Geometry, Lba, LbaRange, Zone};

pub(super) struct UringDisk {
    ring: Ring,
    file: OwnedFd,
    geometry: Geometry,
    transfer_bytes: u32,
    buffers: Vec<Buffer>,
    /// Lengths of the transfers in flight, by first block; transfers in flight never overlap.
    in_flight: Vec<LbaRange>,
    reaped: Vec<Done>,
    sentry: Sentry,
}

impl UringDisk {
    pub(super) fn new(file: OwnedFd, geometry: Geometry, tuning: Tuning, access: Access) -> io::Result<Self> {
        let mut buffers: Vec<Buffer> =
            (0..tuning.depth.max(1)).map(|_| Buffer::new(tuning.transfer_bytes as usize)).collect();
        let ring = Ring::new(file.as_fd(), &mut buffers, access)?;
        let sentry = Sentry::new(&file);
        Ok(Self {
            ring,
            file,
            geometry,
            transfer_bytes: tuning.transfer_bytes,
            buffers,
            in_flight: Vec::new(),
            reaped: Vec::new(),
            sentry,
        })
    }

    fn submit(&mut self, direction: Direction, transfer: Transfer) -> Result<(), Transfer> {
        let Transfer { range, buffer } = transfer;
        let length = u32::try_from(self.geometry.byte_length(range.count()))
            .expect("a transfer is at most 16 MiB long");
        let offset = self.geometry.byte_offset(range.first());
        self.ring
            .submit(direction, range.first().0, buffer, length, offset)
            .map_err(|buffer| Transfer { range, buffer })?;
        self.in_flight.push(range);
        Ok(())
    }

    fn completion(&mut self, done: Done) -> Completion {
        let first = Lba(done.tag);
        let place = self.in_flight.iter().position(|range| range.first() == first);
        let range = self.in_flight.swap_remove(place.expect("every completion was submitted, once"));
        let asked = self.geometry.byte_length(range.count());
        let result = match done.moved {
            Ok(moved) if u64::from(moved) == asked => Ok(()),
            Ok(moved) => Err(Fault::short(u64::from(moved))),
            Err(errno) => Err(Fault::from_errno(errno)),
        };
        Completion { transfer: Transfer { range, buffer: done.buffer }, result }
    }
}

impl BlockRead for UringDisk {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(Direction::Read, transfer)
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        let mut reaped = std::mem::take(&mut self.reaped);
        let result = self.ring.reap(&mut reaped);
        for one in reaped.drain(..) {
            let completion = self.completion(one);
            done.push(completion);
        }
        self.reaped = reaped;
        result
    }

    fn take_buffers(&mut self) -> Vec<Buffer> {
        std::mem::take(&mut self.buffers)
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

impl BlockWrite for UringDisk {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(Direction::Write, transfer)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        flush(&self.file)
    }

    fn zones(&mut self) -> Option<&mut dyn ZoneControl> {
        Some(self)
    }
}

impl ZoneControl for UringDisk {
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
