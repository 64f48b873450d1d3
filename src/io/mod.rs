//! The ports to a drive, and their real adapters. The engine and the verifier know only these traits; a real
//! device and a simulated drive both stand behind them.

pub mod by_command;
pub mod channel;
pub mod disk;
pub mod fault;
pub mod memory;
pub mod nvme;
mod presence;
mod property;
pub mod scsi;
mod sync;
mod uring;
pub mod zone;

use crate::sys::Buffer;
use crate::unit::{Geometry, LbaRange};

pub use by_command::CommandDisk;
pub use channel::{Channel, Data, NvmeAnswer, NvmePort, Route, ScsiAnswer, ScsiPort};
pub use disk::{Adapter, Tuning, reader, writer};
pub use fault::{Fault, FaultKind, Treatment};
pub use memory::MemoryDisk;
pub use nvme::NvmeDevice;
pub use scsi::ScsiDevice;
pub use zone::ZoneControl;

/// One read or write of consecutive blocks. It owns its buffer from submission to completion.
#[derive(Debug)]
pub struct Transfer {
    /// The blocks.
    pub range: LbaRange,
    /// The data: the first bytes of it, as many as the range is long.
    pub buffer: Buffer,
}

/// A transfer that came back. For a write, success is a claim of the drive, not a proof (P7).
#[derive(Debug)]
pub struct Completion {
    /// The transfer, with its buffer; after a failed read the buffer's content means nothing.
    pub transfer: Transfer,
    /// What the drive answered. A transfer that moved fewer bytes than asked is a failure.
    pub result: Result<(), Fault>,
}

/// A drive that can be read.
///
/// Contract: like a disk, there is no order between transfers in flight; every accepted transfer comes back
/// from [`Self::reap`] exactly once; a transfer outside the drive or longer than its buffer is a mistake of
/// the caller and may panic.
pub trait BlockRead {
    /// Shape of the drive when it was opened.
    fn geometry(&self) -> Geometry;

    /// Starts a read. A full queue gives the transfer back.
    ///
    /// # Errors
    /// The transfer itself, when the queue is full: reap first.
    fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer>;

    /// Waits until at least one transfer has come back (unless none is in flight) and appends all that have.
    ///
    /// # Errors
    /// Only when the port itself cannot go on; a failed transfer is a [`Completion`], not an error.
    fn reap(&mut self, done: &mut Vec<Completion>) -> std::io::Result<()>;

    /// Takes the port's buffers, at most once: as many as may be in flight, each of [`Self::transfer_bytes`].
    fn take_buffers(&mut self) -> Vec<Buffer>;

    /// Length of a buffer in bytes: the longest transfer.
    fn transfer_bytes(&self) -> u64;

    /// Size of the drive in bytes as it says now; zero or an error means that it is gone.
    ///
    /// # Errors
    /// When the drive does not tell its size any more.
    fn current_bytes(&mut self) -> std::io::Result<u64>;

    /// Whether the drive that was opened still answers here, as far as can be told without touching its medium:
    /// by its size, and where there are such things by its state and attachment.
    fn presence(&mut self) -> Presence {
        match self.current_bytes() {
            Ok(bytes) if bytes >= self.geometry().bytes() => Presence::Here,
            Ok(_) | Err(_) => Presence::Gone,
        }
    }
}

/// Whether the drive that was opened is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nothing speaks against it.
    Here,
    /// It has no size, is smaller than it was, or is called offline.
    Gone,
    /// Something else is attached in its place.
    Another,
}

/// A drive that can be written.
pub trait BlockWrite: BlockRead {
    /// Starts a write. A full queue gives the transfer back.
    ///
    /// # Errors
    /// The transfer itself, when the queue is full: reap first.
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer>;

    /// Makes everything that was written durable. To be called with nothing in flight.
    ///
    /// # Errors
    /// What the drive answered. After an error nothing written since the last good flush is known to be
    /// durable, even when a second flush succeeds (Linux reports such an error once).
    fn flush(&mut self) -> Result<(), Fault>;

    /// The way to its zones; `None` where it has none that a host could manage.
    fn zones(&mut self) -> Option<&mut dyn ZoneControl> {
        None
    }
}
