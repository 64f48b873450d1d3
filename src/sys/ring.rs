//! An `io_uring` over one file that owns every buffer from submission to completion.
//!
//! The ring is created disabled, restricted to reads (and writes, where asked for) on the one registered
//! file, and only then enabled: code that got hold of it can do nothing else with it (a seccomp filter would
//! not see what a ring does).
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::register::Restriction;
use io_uring::squeue::Flags;
use io_uring::{IoUring, opcode, types};

use super::Buffer;

/// What a ring may do with its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only; a write is refused by the kernel.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

/// Direction of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the drive into the buffer.
    Read,
    /// From the buffer to the drive.
    Write,
}

/// An operation that came back.
#[derive(Debug)]
pub struct Done {
    /// The caller's number of the operation.
    pub tag: u64,
    /// Its buffer.
    pub buffer: Buffer,
    /// Bytes moved, or the (positive) errno.
    pub moved: Result<u32, i32>,
}

struct Pending {
    tag: u64,
    buffer: Buffer,
    direction: Direction,
}

/// See the module. Dropping it waits for everything in flight.
pub struct Ring {
    ring: IoUring,
    /// One place for each operation that may be in flight; the place's index is the operation's user data.
    pending: Vec<Option<Pending>>,
    in_flight: usize,
}

const FILE: types::Fixed = types::Fixed(0);

impl Ring {
    /// A ring for `buffers.len()` operations in flight on `file`. The buffers are registered where the limit
    /// on locked memory allows it, and stay usable when it does not.
    ///
    /// # Errors
    /// When the kernel has no `io_uring`, forbids it, or lacks restrictions (before Linux 5.10).
    pub fn new(file: BorrowedFd<'_>, buffers: &mut [Buffer], access: Access) -> io::Result<Self> {
        let entries = u32::try_from(buffers.len().max(1)).map_err(|_| io::ErrorKind::InvalidInput)?;
        let ring = IoUring::builder().setup_r_disabled().dontfork().build(entries)?;
        let submitter = ring.submitter();
        let mut allowed = vec![
            Restriction::sqe_op(opcode::Read::CODE),
            Restriction::sqe_op(opcode::ReadFixed::CODE),
            Restriction::sqe_flags_required(Flags::FIXED_FILE.bits()),
        ];
        if access == Access::ReadWrite {
            allowed.push(Restriction::sqe_op(opcode::Write::CODE));
            allowed.push(Restriction::sqe_op(opcode::WriteFixed::CODE));
        }
        submitter.register_files(&[file.as_raw_fd()])?;
        register_buffers(&submitter, buffers);
        submitter.register_restrictions(&mut allowed)?;
        submitter.register_enable_rings()?;
        let pending = buffers.iter().map(|_| None).collect();
        Ok(Self { ring, pending, in_flight: 0 })
    }

    /// Number of operations in flight.
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Starts one operation on the first `length` bytes of the buffer, at byte `offset` of the file.
    ///
    /// # Errors
    /// The buffer itself when as many operations as the ring was made for are in flight.
    ///
    /// # Panics
    /// When `length` is longer than the buffer: the kernel would be handed memory that is not ours.
    pub fn submit(
        &mut self,
        direction: Direction,
        tag: u64,
        buffer: Buffer,
        length: u32,
        offset: u64,
    ) -> Result<(), Buffer> {
        assert!(length as usize <= buffer.len(), "an operation is not longer than its buffer");
        let Some(place) = self.pending.iter().position(Option::is_none) else { return Err(buffer) };
        let memory = buffer.pointer();
        let entry = match (direction, buffer.registered) {
            (Direction::Read, Some(index)) => {
                opcode::ReadFixed::new(FILE, memory, length, index).offset(offset).build()
            }
            (Direction::Read, None) => opcode::Read::new(FILE, memory, length).offset(offset).build(),
            (Direction::Write, Some(index)) => {
                opcode::WriteFixed::new(FILE, memory, length, index).offset(offset).build()
            }
            (Direction::Write, None) => opcode::Write::new(FILE, memory, length).offset(offset).build(),
        };
        let entry = entry.user_data(place as u64);
        // SAFETY: the entry points into `buffer`, which moves into `pending` below and stays there, unmoved on
        // the heap, until its completion is seen; Drop waits for the completion or leaks the buffer.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        if pushed.is_err() {
            return Err(buffer);
        }
        self.pending[place] = Some(Pending { tag, buffer, direction });
        self.in_flight += 1;
        // A failure to enter the kernel here is seen again, and reported, by the wait that follows.
        let _entered = self.ring.submit();
        Ok(())
    }

    /// Waits until at least one operation has come back, unless none is in flight, and appends all that have.
    ///
    /// # Errors
    /// When the kernel does not let the ring wait; the operations stay in flight.
    pub fn reap(&mut self, done: &mut Vec<Done>) -> io::Result<()> {
        if self.in_flight == 0 {
            return Ok(());
        }
        loop {
            match self.ring.submit_and_wait(1) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        for completion in self.ring.completion() {
            let place = usize::try_from(completion.user_data()).ok();
            let pending = place.and_then(|place| self.pending.get_mut(place)).and_then(Option::take);
            // The kernel returns only numbers that it was given, each once.
            let Some(Pending { tag, mut buffer, direction }) = pending else { continue };
            self.in_flight -= 1;
            if direction == Direction::Read {
                buffer.set_stamp(0);
            }
            let moved = u32::try_from(completion.result()).map_err(|_| -completion.result());
            done.push(Done { tag, buffer, moved });
        }
        Ok(())
    }
}

/// Registers the buffers and numbers them; without it (too little locked memory allowed) they are mapped for
/// each operation, which is slower and otherwise the same.
fn register_buffers(submitter: &io_uring::Submitter<'_>, buffers: &mut [Buffer]) {
    let vectors: Vec<libc::iovec> = buffers
        .iter()
        .map(|buffer| libc::iovec { iov_base: buffer.pointer().cast(), iov_len: buffer.len() })
        .collect();
    // SAFETY: the vectors describe live memory. The kernel pins its pages, and touches them only for an
    // operation, which owns the buffer; a buffer freed earlier leaves only the pin behind.
    if unsafe { submitter.register_buffers(&vectors) }.is_ok() {
        for (index, buffer) in buffers.iter_mut().enumerate() {
            buffer.registered = u16::try_from(index).ok();
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let mut done = Vec::new();
        while self.in_flight > 0 {
            if self.reap(&mut done).is_err() {
                // The kernel may still write to these buffers: leaking them is the only safe thing left.
                self.pending.drain(..).flatten().for_each(std::mem::forget);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsFd as _;

    use super::*;

    fn reap_all(ring: &mut Ring) -> Vec<Done> {
        let mut done = Vec::new();
        while ring.in_flight() > 0 {
            ring.reap(&mut done).unwrap();
        }
        done
    }

    #[test]
    fn reads_what_was_written_and_refuses_more_than_its_depth() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(16_384).unwrap();
        let mut buffers = vec![Buffer::new(4096), Buffer::new(4096)];
        let mut ring = Ring::new(file.as_fd(), &mut buffers, Access::ReadWrite).unwrap();
        for (tag, mut buffer) in (0u8..).zip(buffers) {
            buffer.as_mut_slice().fill(tag + 1);
            ring.submit(Direction::Write, u64::from(tag), buffer, 4096, u64::from(tag) * 4096).unwrap();
        }
        assert!(ring.submit(Direction::Write, 9, Buffer::new(4096), 4096, 0).is_err());
        let done = reap_all(&mut ring);
        assert!(done.iter().all(|done| done.moved == Ok(4096)));
        for Done { tag, buffer, .. } in done {
            ring.submit(Direction::Read, tag, buffer, 4096, tag * 4096).unwrap();
        }
        for Done { tag, buffer, moved } in reap_all(&mut ring) {
            assert_eq!(moved, Ok(4096));
            assert!(buffer.as_slice().iter().all(|byte| u64::from(*byte) == tag + 1));
        }
    }

    #[test]
    fn a_read_only_ring_cannot_write() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 4096]).unwrap();
        let mut buffers = vec![Buffer::new(4096)];
        let mut ring = Ring::new(file.as_fd(), &mut buffers, Access::ReadOnly).unwrap();
        let buffer = buffers.pop().unwrap();
        ring.submit(Direction::Write, 0, buffer, 4096, 0).unwrap();
        let done = reap_all(&mut ring).pop().unwrap();
        assert_eq!(done.moved, Err(13), "EACCES: the kernel holds the restriction");
        ring.submit(Direction::Read, 0, done.buffer, 4096, 0).unwrap();
        let done = reap_all(&mut ring).pop().unwrap();
        assert!(done.buffer.as_slice().iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_failed_operation_tells_its_positive_errno() {
        // /dev/full answers every write with ENOSPC, 28.
        let file = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut buffers = vec![Buffer::new(4096)];
        let mut ring = Ring::new(file.as_fd(), &mut buffers, Access::ReadWrite).unwrap();
        ring.submit(Direction::Write, 0, buffers.pop().unwrap(), 4096, 0).unwrap();
        assert_eq!(reap_all(&mut ring).pop().unwrap().moved, Err(28));
    }
}
