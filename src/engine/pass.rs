//! One overwrite pass: every block of the drive once, then a flush.
use std::io;

use super::frontier::{Frontier, Settled, pieces};
use super::observe::{Observer, Phase, Progress};
use super::tally::{FlushState, PassTally};
use crate::io::{BlockWrite, Completion, Fault, FaultKind, Transfer};
use crate::sys::Buffer;
use crate::unit::{BlockCount, Geometry, LbaRange, Pattern, RangeSet};

/// A pass and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassEnd {
    /// Every block, counted once.
    pub tally: PassTally,
    /// How the sweep ended.
    pub settled: Settled,
}

/// Writes `pattern` to every block of the drive and flushes. `buffers` are the port's own, at least one.
///
/// The loop only asks, does and tells; what comes next is decided by [`Frontier`].
///
/// # Errors
/// When the port itself cannot go on; a drive that fails is a [`PassTally`], not an error.
pub fn write_pass(
    port: &mut dyn BlockWrite,
    buffers: &mut Vec<Buffer>,
    index: u32,
    pattern: &Pattern,
    observer: &mut dyn Observer,
) -> io::Result<PassEnd> {
    let geometry = port.geometry();
    let transfer_blocks = geometry.blocks_in(port.transfer_bytes());
    let sweep = geometry.whole().into_iter().flat_map(|whole| pieces(whole, transfer_blocks));
    let mut frontier = Frontier::new(sweep, smallest_piece(&geometry));
    let mut done = Vec::new();
    loop {
        if observer.should_stop() {
            frontier.stop();
        }
        while !buffers.is_empty()
            && let Some(range) = frontier.advance()
        {
            submit(port, buffers, index, pattern, range);
        }
        if frontier.in_flight() == 0 {
            break;
        }
        let sweeping = frontier.sweeping();
        port.reap(&mut done)?;
        for Completion { transfer, result } in done.drain(..) {
            frontier.apply(transfer.range, result, sweeping);
            buffers.push(transfer.buffer);
            if let Err(fault) = result
                && is_gone(port, fault)
            {
                frontier.gone(fault);
            }
        }
        observer.progress(Progress {
            at: Phase::Writing { pass: index },
            done: frontier.done(),
            total: geometry.capacity,
            errors: frontier.errors(),
        });
    }
    let settled = frontier.end().unwrap_or(Settled::Stopped);
    observer.progress(Progress {
        at: Phase::Flushing { pass: index },
        done: frontier.done(),
        total: geometry.capacity,
        errors: frontier.errors(),
    });
    let flush = flush(port, settled);
    let tally = tally(index, &geometry, frontier.succeeded(), frontier.failed(), flush);
    Ok(PassEnd { tally, settled })
}

/// Prepares and starts one write; the caller has seen that there is a buffer.
fn submit(
    port: &mut dyn BlockWrite,
    buffers: &mut Vec<Buffer>,
    index: u32,
    pattern: &Pattern,
    range: LbaRange,
) {
    let geometry = port.geometry();
    let mut buffer = buffers.pop().expect("the caller has seen that there is a buffer");
    prepare(&mut buffer, index, pattern, &geometry, range);
    if port.submit_write(Transfer { range, buffer }).is_err() {
        unreachable!("a port takes as many transfers as it has buffers");
    }
}

/// Fills the buffer with what belongs to the range, unless it still holds just that: a fixed pattern is made
/// once for each buffer and phase, a keyed one for every transfer.
fn prepare(buffer: &mut Buffer, index: u32, pattern: &Pattern, geometry: &Geometry, range: LbaRange) {
    let offset = geometry.byte_offset(range.first());
    let stamp = pattern.phase(offset).map(|phase| (u64::from(index) + 1) << 32 | (phase + 1));
    if stamp.is_some_and(|stamp| stamp == buffer.stamp()) {
        return;
    }
    let length = match stamp {
        // A stamped buffer serves transfers of any length, so all of it is filled.
        Some(_) => buffer.len(),
        None => usize::try_from(geometry.byte_length(range.count())).unwrap_or(usize::MAX),
    };
    pattern.fill(offset, &mut buffer.as_mut_slice()[..length]);
    buffer.set_stamp(stamp.unwrap_or(0));
}

/// Smallest piece to divide a failed transfer into: a physical block. Below it, a drive would have to read
/// what it cannot read in order to write.
pub(crate) fn smallest_piece(geometry: &Geometry) -> BlockCount {
    let ratio = geometry.physical_block_size.bytes() / geometry.block_size.bytes();
    BlockCount(u64::from(ratio.max(1)))
}

/// A vanished drive answers `EIO` as a bad block does; its size tells them apart.
pub(crate) fn is_gone<P: crate::io::BlockRead + ?Sized>(port: &mut P, fault: Fault) -> bool {
    match fault.kind {
        FaultKind::Gone => true,
        FaultKind::Medium | FaultKind::Transport | FaultKind::Short | FaultKind::Other => {
            !matches!(port.current_bytes(), Ok(bytes) if bytes >= port.geometry().bytes())
        }
        FaultKind::Target | FaultKind::Protection | FaultKind::Reservation | FaultKind::Refused => false,
    }
}

fn flush(port: &mut dyn BlockWrite, settled: Settled) -> FlushState {
    match settled {
        Settled::Gone(_) => FlushState::NotAsked,
        Settled::Complete | Settled::Stopped | Settled::GivenUp(_) => {
            if port.flush().is_ok() {
                FlushState::Confirmed
            } else {
                FlushState::Failed
            }
        }
    }
}

fn tally(
    index: u32,
    geometry: &Geometry,
    written: &RangeSet,
    failed: RangeSet,
    flush: FlushState,
) -> PassTally {
    let mut tried = written.clone();
    tried.extend(&failed);
    let unreached = geometry.whole().map(|whole| tried.complement(whole)).unwrap_or_default();
    PassTally { index, written: written.count(), failed, unreached, flush }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Unobserved;
    use crate::io::{BlockRead, MemoryDisk};
    use crate::unit::{BlockSize, PatternKey, pattern::FixedBytes};

    fn geometry(blocks: u64, block_size: u32) -> Geometry {
        let size = BlockSize::new(block_size).unwrap();
        Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(blocks) }
    }

    fn write(disk: &mut MemoryDisk, index: u32, pattern: &Pattern, buffers: &mut Vec<Buffer>) {
        let end = write_pass(disk, buffers, index, pattern, &mut Unobserved).unwrap();
        assert_eq!(end.settled, Settled::Complete);
        assert!(end.tally.is_complete());
        assert!(end.tally.accounts_for(&disk.geometry()));
    }

    /// Odd capacities, both block sizes, several passes over the same buffers: the drive holds the last
    /// pattern, byte for byte, as the pattern made in one piece says.
    #[test]
    fn the_drive_holds_the_last_pattern_to_its_last_byte() {
        let three = Pattern::Fixed { bytes: FixedBytes::new(&[1, 2, 3]).unwrap() };
        let keyed = Pattern::Keyed { key: PatternKey([9; 32]) };
        for (blocks, block_size) in [(1, 512), (7, 512), (16, 512), (37, 512), (1, 4096), (13, 4096)] {
            let mut disk = MemoryDisk::new(geometry(blocks, block_size), 8192, 3);
            let mut buffers = disk.take_buffers();
            let passes = [Pattern::byte(0xFF), three.clone(), Pattern::byte(0), three.clone(), keyed.clone()];
            for (index, pattern) in (0u32..).zip(&passes) {
                write(&mut disk, index, pattern, &mut buffers);
                let mut expected = vec![0xAA; disk.bytes().len()];
                pattern.fill(0, &mut expected);
                assert!(disk.bytes() == expected, "{blocks} blocks of {block_size}, pass {index}");
            }
            assert_eq!(buffers.len(), 3, "every buffer comes back");
        }
    }

    #[test]
    fn a_stopped_pass_counts_what_it_did_not_reach() {
        struct StopAfter(u32);
        impl Observer for StopAfter {
            fn progress(&mut self, _progress: Progress) {
                self.0 = self.0.saturating_sub(1);
            }
            fn should_stop(&mut self) -> bool {
                self.0 == 0
            }
        }
        let mut disk = MemoryDisk::new(geometry(100, 512), 4096, 2);
        let mut buffers = disk.take_buffers();
        let end = write_pass(&mut disk, &mut buffers, 0, &Pattern::byte(0), &mut StopAfter(2));
        let PassEnd { tally, settled } = end.unwrap();
        assert_eq!(settled, Settled::Stopped);
        assert_eq!(tally.written, BlockCount(32), "two rounds of two transfers of eight blocks");
        assert_eq!(tally.unreached.count(), BlockCount(68));
        assert!(tally.accounts_for(&disk.geometry()) && !tally.is_complete());
    }
}
