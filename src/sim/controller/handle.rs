//! What holds a simulated controller: the trait by which oracle and block port see it, and the block port itself.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bytes::index;
use super::core::Core;
use crate::io::{BlockRead, BlockWrite, Completion, Fault, Transfer};
use crate::sys::Buffer;
use crate::unit::{BlockCount, BlockSize, Geometry};

/// A simulated controller, as oracle and block port see it.
pub(super) trait Drive: Send {
    /// What all of them have.
    fn core(&mut self) -> &mut Core;

    /// Brings everything up to the present time.
    fn settle(&mut self);

    /// Blocks of a unit (a namespace, or the only one); 0 when it is not there.
    fn blocks(&self, unit: u32) -> u64;

    /// Reads whole blocks of a unit.
    ///
    /// # Errors
    /// The errno that the kernel makes of what the drive answers.
    fn read(&mut self, unit: u32, lba: u64, out: &mut [u8]) -> Result<(), i32>;

    /// Writes whole blocks of a unit.
    ///
    /// # Errors
    /// The errno that the kernel makes of what the drive answers.
    fn write(&mut self, unit: u32, lba: u64, data: &[u8]) -> Result<(), i32>;

    /// Makes writes durable.
    ///
    /// # Errors
    /// The errno that the kernel makes of what the drive answers.
    fn flush(&mut self, unit: u32) -> Result<(), i32>;
}

/// A drive, shared. A test that failed while holding it must not hide the failure.
pub(super) type SharedDrive = Arc<Mutex<dyn Drive>>;

pub(super) fn lock<T: ?Sized>(shared: &Arc<Mutex<T>>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Transfers in flight.
const DEPTH: usize = 4;

/// Bytes of the longest transfer.
const TRANSFER_BYTES: u64 = 64 * 1024;

/// The block device of a unit of a simulated controller. Like an open file it belongs to the attachment under which
/// it was opened: when the drive left, it stays dead.
pub struct SimBlockPort {
    drive: SharedDrive,
    unit: u32,
    attachment: u64,
    geometry: Geometry,
    done: Vec<Completion>,
    buffers_taken: bool,
}

impl std::fmt::Debug for SimBlockPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimBlockPort(unit {})", self.unit)
    }
}

impl SimBlockPort {
    /// Opens a unit.
    pub(super) fn new(drive: SharedDrive, unit: u32) -> Option<Self> {
        let mut inner = lock(&drive);
        inner.settle();
        let capacity = BlockCount(inner.blocks(unit));
        let block_size = BlockSize::new(inner.core().shape.block_bytes).ok()?;
        let attachment = inner.core().attachment();
        let here = inner.core().is_here();
        drop(inner);
        let geometry = Geometry { block_size, physical_block_size: block_size, capacity };
        let port = Self { drive, unit, attachment, geometry, done: Vec::new(), buffers_taken: false };
        (here && !capacity.is_zero()).then_some(port)
    }

    fn carry_out(&mut self, transfer: &mut Transfer, way: Way) -> Result<(), i32> {
        let range = transfer.range;
        let bytes = index(self.geometry.byte_length(range.count()));
        if range.end().0 > self.geometry.capacity.0 || bytes > transfer.buffer.len() {
            return Err(libc::EINVAL);
        }
        let mut drive = lock(&self.drive);
        drive.settle();
        if !drive.core().answers(self.attachment) {
            return Err(libc::ENODEV);
        }
        match way {
            Way::Read => drive.read(self.unit, range.first().0, &mut transfer.buffer.as_mut_slice()[..bytes]),
            Way::Write => drive.write(self.unit, range.first().0, &transfer.buffer.as_slice()[..bytes]),
        }
    }

    fn submit(&mut self, mut transfer: Transfer, way: Way) -> Result<(), Transfer> {
        if self.done.len() >= DEPTH {
            return Err(transfer);
        }
        let result = self.carry_out(&mut transfer, way).map_err(Fault::from_errno);
        self.done.push(Completion { transfer, result });
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Read,
    Write,
}

impl BlockRead for SimBlockPort {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(transfer, Way::Read)
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> std::io::Result<()> {
        // Last in, first out: nobody may rely on an order.
        done.extend(self.done.drain(..).rev());
        Ok(())
    }

    fn take_buffers(&mut self) -> Vec<Buffer> {
        let count = if self.buffers_taken { 0 } else { DEPTH };
        self.buffers_taken = true;
        (0..count).map(|_| Buffer::new(index(TRANSFER_BYTES))).collect()
    }

    fn transfer_bytes(&self) -> u64 {
        TRANSFER_BYTES
    }

    fn current_bytes(&mut self) -> std::io::Result<u64> {
        let mut drive = lock(&self.drive);
        drive.settle();
        if !drive.core().answers(self.attachment) {
            return Err(std::io::Error::from_raw_os_error(libc::ENODEV));
        }
        Ok(drive.blocks(self.unit) * self.geometry.block_size.bytes_u64())
    }
}

impl BlockWrite for SimBlockPort {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(transfer, Way::Write)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        let mut drive = lock(&self.drive);
        drive.settle();
        if !drive.core().answers(self.attachment) {
            return Err(Fault::from_errno(libc::ENODEV));
        }
        drive.flush(self.unit).map_err(Fault::from_errno)
    }
}
