//! A drive in memory that does exactly what it is told: for the self-test before every arming and for tests
//! of the engine. It has no faults; the simulated drive has.
use std::io;

use super::{BlockRead, BlockWrite, Completion, Fault, Transfer};
use crate::sys::Buffer;
use crate::unit::{Geometry, LbaRange};

/// See the module.
#[derive(Debug)]
pub struct MemoryDisk {
    geometry: Geometry,
    bytes: Vec<u8>,
    transfer_bytes: u32,
    depth: usize,
    done: Vec<Completion>,
}

impl MemoryDisk {
    /// A drive that holds `0xEE` everywhere.
    ///
    /// # Panics
    /// When the drive does not fit the address space.
    pub fn new(geometry: Geometry, transfer_bytes: u32, depth: usize) -> Self {
        let length = usize::try_from(geometry.bytes()).expect("a drive in memory fits the address space");
        Self { geometry, bytes: vec![0xEE; length], transfer_bytes, depth, done: Vec::new() }
    }

    /// What the drive holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the drive holds, to be changed behind the back of whoever writes and verifies.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn span(&self, range: LbaRange) -> std::ops::Range<usize> {
        let start = self.geometry.byte_offset(range.first());
        let end = start + self.geometry.byte_length(range.count());
        let fits = |offset: u64| usize::try_from(offset).expect("a drive in memory fits the address space");
        fits(start)..fits(end)
    }
}

impl BlockRead for MemoryDisk {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn submit_read(&mut self, mut transfer: Transfer) -> Result<(), Transfer> {
        if self.done.len() >= self.depth {
            return Err(transfer);
        }
        let source = &self.bytes[self.span(transfer.range)];
        transfer.buffer.as_mut_slice()[..source.len()].copy_from_slice(source);
        self.done.push(Completion { transfer, result: Ok(()) });
        Ok(())
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        // Last in, first out: nobody may rely on an order.
        done.extend(self.done.drain(..).rev());
        Ok(())
    }

    fn take_buffers(&mut self) -> Vec<Buffer> {
        (0..self.depth).map(|_| Buffer::new(self.transfer_bytes as usize)).collect()
    }

    fn transfer_bytes(&self) -> u64 {
        u64::from(self.transfer_bytes)
    }

    fn current_bytes(&mut self) -> io::Result<u64> {
        Ok(self.geometry.bytes())
    }
}

impl BlockWrite for MemoryDisk {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        if self.done.len() >= self.depth {
            return Err(transfer);
        }
        let span = self.span(transfer.range);
        let length = span.len();
        self.bytes[span].copy_from_slice(&transfer.buffer.as_slice()[..length]);
        self.done.push(Completion { transfer, result: Ok(()) });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}
