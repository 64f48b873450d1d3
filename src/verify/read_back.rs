//! Reads blocks back and compares them with the pattern made again. Nothing here can write.
use std::io;

use crate::engine::frontier::{Frontier, Settled, pieces};
use crate::engine::observe::{Observer, Phase};
use crate::engine::pass::{grain, leap};
use crate::engine::work::{Answer, Durable, Duty, Mover, work};
use crate::io::{BlockRead, Completion, Fault, Presence, Transfer};
use crate::plan::{RuleName, Rules};
use crate::sys::Buffer;
use crate::unit::{BlockCount, Digest, Geometry, Lba, LbaRange, Pattern, RangeSet};

use super::VerificationTally;

/// Bytes compared at a time: what is expected is made in a piece that stays in the second-level cache.
const COMPARE_BYTES: usize = 64 << 10;

/// Ranges of blocks that differ after which the reading is given up: the drive has failed long before, and a
/// drive that differs in every second block would fill the memory with ranges that no record could hold.
const MISMATCHED_RANGES_MAX: usize = 50_000;

/// What spoils the beginning of a block before it is read, where a keyed stream is expected.
const KEYED_POISON: u8 = 0xA5;

/// How many bytes of it.
const POISON_BYTES: usize = 8;

/// A verification and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBackEnd {
    /// Every block, counted once.
    pub tally: VerificationTally,
    /// How the reading ended.
    pub settled: Settled,
}

/// The block at which a reading begins; from the end of the drive it goes on at the first block. Passes begin at
/// the first block and end at the last, so neither their first nor their last blocks, which a cache may still
/// hold, are asked for first.
pub fn first_read(geometry: &Geometry) -> Lba {
    Lba(geometry.capacity.0 / 2)
}

/// Reads the blocks of `wanted` and compares them with `pattern`. `buffers` are the port's own.
///
/// # Errors
/// When the port itself cannot go on; a drive that fails is a [`VerificationTally`], not an error.
pub fn read_back(
    port: &mut dyn BlockRead,
    buffers: &mut Vec<Buffer>,
    pattern: &Pattern,
    wanted: &RangeSet,
    rules: &Rules,
    observer: &mut dyn Observer,
) -> io::Result<ReadBackEnd> {
    let geometry = port.geometry();
    let grain = grain(&geometry, port.transfer_bytes());
    let order = from_the_middle(wanted, first_read(&geometry));
    let sweep = order.iter().flat_map(|range| pieces(*range, grain.transfer));
    let mut frontier = Frontier::new(sweep, grain, leap(&geometry, rules), rules, RangeSet::new());
    let duty = Duty { phase: Phase::Verifying, total: wanted.count(), rules, durable: Durable::Reading };
    let comparison = Comparison::new(pattern, geometry);
    let mut reader = Reader { port, buffers, comparison };
    work(&mut reader, &mut frontier, &duty, observer)?;
    let settled = frontier.end().unwrap_or(Settled::Stopped);
    let mut unreadable = frontier.failed();
    let Comparison { mut mismatched, mut unmoved, .. } = reader.comparison;
    // A block that differed and then could not be read any more counts once.
    unmoved.subtract(&unreadable);
    mismatched.subtract(&unreadable);
    mismatched.subtract(&unmoved);
    let matched = frontier.succeeded().count().saturating_sub(mismatched.count() + unmoved.count());
    unreadable.extend(&unmoved);
    let read = matched + mismatched.count() + unreadable.count();
    let tally = VerificationTally {
        wanted: wanted.count(),
        matched,
        mismatched,
        unreadable,
        not_read: geometry.capacity.saturating_sub(read),
        wanted_digest: Digest::of_json(wanted),
    };
    Ok(ReadBackEnd { tally, settled })
}

/// The ranges from a block on, and then those before it.
fn from_the_middle(wanted: &RangeSet, middle: Lba) -> Vec<LbaRange> {
    let after =
        wanted.ranges().iter().filter_map(|range| LbaRange::between(range.first().max(middle), range.end()));
    let before =
        wanted.ranges().iter().filter_map(|range| LbaRange::between(range.first(), range.end().min(middle)));
    after.chain(before).collect()
}

struct Reader<'a, 'p> {
    port: &'a mut dyn BlockRead,
    buffers: &'a mut Vec<Buffer>,
    comparison: Comparison<'p>,
}

impl Mover for Reader<'_, '_> {
    fn has_room(&self) -> bool {
        !self.buffers.is_empty()
    }

    fn start(&mut self, range: LbaRange) {
        let mut buffer = self.buffers.pop().expect("the caller has seen that there is room");
        self.comparison.poison(range, &mut buffer);
        if self.port.submit_read(Transfer { range, buffer }).is_err() {
            unreachable!("a port takes as many transfers as it has buffers");
        }
    }

    fn reap(&mut self, done: &mut Vec<Answer>) -> io::Result<()> {
        let mut completions = Vec::new();
        self.port.reap(&mut completions)?;
        for Completion { transfer, result } in completions {
            if result.is_ok() {
                self.comparison.compare(transfer.range, transfer.buffer.as_slice());
            }
            self.buffers.push(transfer.buffer);
            done.push((transfer.range, result));
        }
        Ok(())
    }

    fn presence(&mut self) -> Presence {
        self.port.presence()
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn bytes(&self, range: LbaRange) -> u64 {
        self.comparison.geometry.byte_length(range.count())
    }

    fn wrong(&self) -> BlockCount {
        self.comparison.differing
    }

    fn ends_by(&self) -> Option<RuleName> {
        let ranges = self.comparison.mismatched.ranges().len();
        (ranges >= MISMATCHED_RANGES_MAX).then_some(RuleName::Differences)
    }
}

/// Compares what was read with what is expected.
pub(super) struct Comparison<'p> {
    pattern: &'p Pattern,
    geometry: Geometry,
    expected: Vec<u8>,
    /// What `expected` holds, when it is a fixed pattern: its phase. It need not be made again then.
    prepared: Option<u64>,
    pub(super) mismatched: RangeSet,
    /// Blocks of which the drive said that they were read, and moved nothing: they are as good as unreadable. Where
    /// something else than what was planted is the good news, they must not pass for it.
    unmoved: RangeSet,
    /// Blocks of `mismatched`, counted along: they are asked for after every transfer.
    differing: BlockCount,
}

impl<'p> Comparison<'p> {
    pub(super) fn new(pattern: &'p Pattern, geometry: Geometry) -> Self {
        let block = geometry.block_size.bytes() as usize;
        let expected = vec![0; COMPARE_BYTES.max(block)];
        Self {
            pattern,
            geometry,
            expected,
            prepared: None,
            mismatched: RangeSet::new(),
            unmoved: RangeSet::new(),
            differing: BlockCount::ZERO,
        }
    }

    /// Whether a block still begins as it was spoiled before the read. Told of keyed streams only: there nothing that
    /// a drive may hold begins so by chance, which old data under a fixed pattern may.
    fn is_unmoved(&self, found: &[u8]) -> bool {
        matches!(self.pattern, Pattern::Keyed { .. }) && found.starts_with(&[KEYED_POISON; POISON_BYTES])
    }

    /// Spoils the first eight bytes of every block before it is read: a buffer still holds what it held before, which
    /// may be just what is expected, and a read that says "done" and moves nothing must not pass (P7).
    pub(super) fn poison(&self, range: LbaRange, buffer: &mut Buffer) {
        let poison = match self.pattern {
            Pattern::Fixed { bytes } => {
                (0..=u8::MAX).find(|byte| !bytes.bytes().contains(byte)).expect("64 bytes are not all 256")
            }
            // Eight such bytes in a row are in the stream of one block in 2^64.
            Pattern::Keyed { .. } => KEYED_POISON,
            // A block begins with the number of a unit, and no drive has a unit 2^64 - 1.
            Pattern::Stamped { .. } => 0xFF,
        };
        let block = self.geometry.block_size.bytes() as usize;
        let blocks = usize::try_from(range.count().0).unwrap_or(usize::MAX);
        for block in buffer.as_mut_slice().chunks_mut(block).take(blocks) {
            block[..POISON_BYTES].fill(poison);
        }
    }

    pub(super) fn compare(&mut self, range: LbaRange, bytes: &[u8]) {
        let blocks = self.geometry.blocks_in(self.expected.len() as u64);
        let mut bytes = bytes;
        for piece in pieces(range, blocks) {
            let length = usize::try_from(self.geometry.byte_length(piece.count())).unwrap_or(usize::MAX);
            let (found, rest) = bytes.split_at(length);
            bytes = rest;
            self.expect(self.geometry.byte_offset(piece.first()), length);
            if found != &self.expected[..length] {
                self.locate(piece, found);
            }
        }
    }

    fn expect(&mut self, offset: u64, length: usize) {
        let phase = self.pattern.phase(offset);
        if phase.is_some() && phase == self.prepared {
            return;
        }
        // A fixed pattern fills all of it, to serve pieces of any length.
        let length = if phase.is_some() { self.expected.len() } else { length };
        self.pattern.fill(offset, &mut self.expected[..length]);
        self.prepared = phase;
    }

    /// Finds out which blocks of a piece differ.
    fn locate(&mut self, piece: LbaRange, found: &[u8]) {
        let block = self.geometry.block_size.bytes() as usize;
        let pairs = found.chunks(block).zip(self.expected.chunks(block));
        for (lba, (found, expected)) in (piece.first().0..).zip(pairs) {
            if found != expected
                && !self.mismatched.contains(Lba(lba))
                && let Some(single) = LbaRange::new(Lba(lba), BlockCount(1))
            {
                if self.is_unmoved(found) {
                    self.unmoved.insert(single);
                }
                self.mismatched.insert(single);
                self.differing += single.count();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Pass, Unobserved, write_pass};
    use crate::io::MemoryDisk;
    use crate::unit::term::DriveKind;
    use crate::unit::{BlockSize, PatternKey, pattern::FixedBytes};

    fn rules() -> Rules {
        Rules::of_kind(DriveKind::TestObject)
    }

    fn written(blocks: u64, block_size: u32, pattern: &Pattern) -> MemoryDisk {
        let size = BlockSize::new(block_size).unwrap();
        let geometry = Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(blocks) };
        let mut disk = MemoryDisk::new(geometry, 1 << 18, 2);
        let mut buffers = disk.take_buffers();
        let rules = rules();
        let pass = Pass { index: 0, pattern, written: &RangeSet::new(), zones: None, rules: &rules };
        write_pass(&mut disk, &mut buffers, &pass, &mut Unobserved).unwrap();
        disk
    }

    fn verify(disk: &mut MemoryDisk, pattern: &Pattern, wanted: &RangeSet) -> VerificationTally {
        let mut buffers = disk.take_buffers();
        let end = read_back(disk, &mut buffers, pattern, wanted, &rules(), &mut Unobserved).unwrap();
        assert_eq!(end.settled, Settled::Complete);
        assert!(end.tally.accounts_for(&disk.geometry()));
        end.tally
    }

    fn patterns() -> [Pattern; 3] {
        [
            Pattern::byte(0),
            Pattern::Fixed { bytes: FixedBytes::new(&[0x92, 0x49, 0x24]).unwrap() },
            Pattern::Keyed { key: PatternKey([3; 32]) },
        ]
    }

    /// One changed bit anywhere is found, and only its block is named. Positions: first, last and the middle
    /// byte of the drive, and both sides of a border between compared pieces and between transfers.
    #[test]
    fn one_changed_bit_is_found_in_its_block() {
        for (blocks, block_size) in [(1u64, 512u32), (1100, 512), (140, 4096)] {
            let length = blocks * u64::from(block_size);
            let borders = [0, length / 2, length - 1, (64 << 10) - 1, 64 << 10, (1 << 18) - 1, 1 << 18];
            for pattern in patterns() {
                for byte in borders.into_iter().filter(|byte| *byte < length) {
                    let mut disk = written(blocks, block_size, &pattern);
                    let whole = disk.geometry().whole().unwrap();
                    disk.bytes_mut()[usize::try_from(byte).unwrap()] ^= 0x10;
                    let tally = verify(&mut disk, &pattern, &[whole].into_iter().collect());
                    let lba = Lba(byte / u64::from(block_size));
                    assert_eq!(tally.mismatched.ranges(), [LbaRange::single(lba).unwrap()]);
                    assert_eq!(tally.matched, BlockCount(blocks - 1));
                    assert!(!tally.is_clean());
                }
            }
        }
    }

    /// Every second block differs: found, bounded, and never called clean.
    #[test]
    fn a_drive_that_differs_everywhere_is_given_up_with_its_counts_right() {
        let pattern = Pattern::byte(0);
        let blocks = 200_000;
        let mut disk = written(blocks, 512, &pattern);
        disk.bytes_mut().chunks_mut(1024).for_each(|pair| pair[0] = 1);
        let whole = disk.geometry().whole().unwrap();
        let mut buffers = disk.take_buffers();
        let wanted = [whole].into_iter().collect();
        let end = read_back(&mut disk, &mut buffers, &pattern, &wanted, &rules(), &mut Unobserved).unwrap();
        assert!(matches!(end.settled, Settled::GivenUp(_)), "{:?}", end.settled);
        assert!(end.tally.accounts_for(&disk.geometry()) && !end.tally.is_clean());
        let ranges = end.tally.mismatched.ranges().len();
        // What was in flight when the limit was reached still counts: two transfers of 256 KiB.
        assert!((50_000..50_600).contains(&ranges), "{ranges}");
        assert!(end.tally.not_read > BlockCount::ZERO);
    }

    /// A drive that answers reads with success and moves nothing.
    struct Idle(MemoryDisk, Vec<Completion>);

    impl BlockRead for Idle {
        fn geometry(&self) -> Geometry {
            self.0.geometry()
        }
        fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer> {
            self.1.push(Completion { transfer, result: Ok(()) });
            Ok(())
        }
        fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
            done.append(&mut self.1);
            Ok(())
        }
        fn take_buffers(&mut self) -> Vec<Buffer> {
            self.0.take_buffers()
        }
        fn transfer_bytes(&self) -> u64 {
            self.0.transfer_bytes()
        }
        fn current_bytes(&mut self) -> io::Result<u64> {
            self.0.current_bytes()
        }
    }

    #[test]
    fn a_read_that_moves_nothing_never_matches_what_the_buffer_held_before() {
        for pattern in patterns() {
            let disk = written(1000, 512, &pattern);
            let whole = disk.geometry().whole().unwrap();
            let mut idle = Idle(disk, Vec::new());
            let mut buffers = idle.take_buffers();
            for buffer in &mut buffers {
                pattern.fill(0, buffer.as_mut_slice());
            }
            let wanted = [whole].into_iter().collect();
            let end =
                read_back(&mut idle, &mut buffers, &pattern, &wanted, &rules(), &mut Unobserved).unwrap();
            assert_eq!(end.tally.matched, BlockCount::ZERO, "{pattern:?}");
        }
    }

    #[test]
    fn what_is_right_is_clean_and_what_was_not_asked_is_not_read() {
        for pattern in patterns() {
            let mut disk = written(1000, 512, &pattern);
            let wanted: RangeSet = [(0, 1), (300, 77), (999, 1)]
                .map(|(first, count)| (Lba(first), BlockCount(count)))
                .into_iter()
                .filter_map(|(first, count)| LbaRange::new(first, count))
                .collect();
            disk.bytes_mut()[512 * 500] ^= 1;
            let tally = verify(&mut disk, &pattern, &wanted);
            assert!(tally.is_clean(), "block 500 is outside the sample");
            assert_eq!((tally.matched, tally.not_read), (BlockCount(79), BlockCount(921)));
        }
    }
}
