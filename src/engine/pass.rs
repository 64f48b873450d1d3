//! One overwrite pass: every block of the drive once, made durable at checkpoints and at its end.
use std::io;

use super::frontier::{Frontier, Grain, Settled, pieces};
use super::observe::{Observer, Phase};
use super::tally::{FlushState, PassTally};
use super::work::{Answer, Durable, Duty, Mover, work};
use crate::io::{BlockWrite, Completion, Fault, Presence, Transfer};
use crate::plan::{RuleName, Rules};
use crate::sys::Buffer;
use crate::unit::{BlockCount, Geometry, LbaRange, Pattern, RangeSet, Zone, ZoneMap};

/// A pass to be written.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// Number of the pass, from 0.
    pub index: u32,
    /// What it writes.
    pub pattern: &'a Pattern,
    /// Blocks that an interrupted earlier sitting has written and made durable.
    pub written: &'a RangeSet,
    /// The zones of a drive that must be written in sequence; `None` for one that takes writes anywhere.
    pub zones: Option<&'a ZoneMap>,
    /// The rules of the job.
    pub rules: &'a Rules,
}

/// A pass and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassEnd {
    /// Every block, counted once.
    pub tally: PassTally,
    /// How the sweep ended.
    pub settled: Settled,
}

/// Writes the pass to every block of the drive that is not written yet, and flushes. `buffers` are the port's own,
/// at least one.
///
/// # Errors
/// When the port itself cannot go on; a drive that fails is a [`PassTally`], not an error.
pub fn write_pass(
    port: &mut dyn BlockWrite,
    buffers: &mut Vec<Buffer>,
    pass: &Pass<'_>,
    observer: &mut dyn Observer,
) -> io::Result<PassEnd> {
    if let Some(zones) = pass.zones {
        return super::zones::write_pass(port, buffers, pass, zones, observer);
    }
    let geometry = port.geometry();
    let missing = geometry.whole().map(|whole| pass.written.complement(whole)).unwrap_or_default();
    let written = Written::before(pass.written.clone());
    let mut writer = Writer::new(port, buffers, pass);
    write_anywhere(&mut writer, &missing, written, pass, geometry.capacity, observer)
        .map(|written| written.end(pass.index, &geometry, &RangeSet::new()))
}

/// Writes blocks of a drive that takes them in any order, and flushes. `total` is what the pass as a whole is to write.
pub(super) fn write_anywhere(
    writer: &mut Writer<'_>,
    missing: &RangeSet,
    before: Written,
    pass: &Pass<'_>,
    total: BlockCount,
    observer: &mut dyn Observer,
) -> io::Result<Written> {
    let grain = grain(&writer.geometry, writer.port.transfer_bytes());
    let sweep = missing.ranges().iter().flat_map(|range| pieces(*range, grain.transfer));
    let leap = leap(&writer.geometry, pass.rules);
    let mut frontier = Frontier::new(sweep, grain, leap, pass.rules, before.written);
    let flushes = work(writer, &mut frontier, &duty(pass, total), observer)?;
    Ok(Written {
        written: frontier.succeeded(),
        failed: frontier.failed(),
        flush: flushes.last,
        flush_failures: flushes.failed,
        settled: frontier.end().unwrap_or(Settled::Stopped),
    })
}

/// What the loop is to keep to in a pass.
pub(super) const fn duty<'a>(pass: &Pass<'a>, total: BlockCount) -> Duty<'a> {
    Duty {
        phase: Phase::Writing { pass: pass.index },
        total,
        rules: pass.rules,
        durable: Durable::Pass(pass.index),
    }
}

/// What of a pass is done, and how far.
pub(super) struct Written {
    pub(super) written: RangeSet,
    pub(super) failed: RangeSet,
    pub(super) flush: FlushState,
    pub(super) flush_failures: u32,
    pub(super) settled: Settled,
}

impl Written {
    /// What an earlier sitting has left.
    pub(super) const fn before(written: RangeSet) -> Self {
        Self {
            written,
            failed: RangeSet::new(),
            flush: FlushState::NotAsked,
            flush_failures: 0,
            settled: Settled::Complete,
        }
    }

    /// Every block counted once. `absent` are addresses without cells.
    pub(super) fn end(self, index: u32, geometry: &Geometry, absent: &RangeSet) -> PassEnd {
        let mut known = self.written.clone();
        known.extend(&self.failed);
        known.extend(absent);
        let tally = PassTally {
            index,
            written: self.written.count(),
            failed: self.failed,
            unreached: geometry.whole().map(|whole| known.complement(whole)).unwrap_or_default(),
            absent: absent.count(),
            flush: self.flush,
            flush_failures: self.flush_failures,
        };
        PassEnd { tally, settled: self.settled }
    }
}

pub(super) struct Writer<'a> {
    pub(super) port: &'a mut dyn BlockWrite,
    buffers: &'a mut Vec<Buffer>,
    index: u32,
    pattern: &'a Pattern,
    pub(super) geometry: Geometry,
}

impl<'a> Writer<'a> {
    pub(super) fn new(port: &'a mut dyn BlockWrite, buffers: &'a mut Vec<Buffer>, pass: &Pass<'a>) -> Self {
        let geometry = port.geometry();
        Self { port, buffers, index: pass.index, pattern: pass.pattern, geometry }
    }
}

impl Mover for Writer<'_> {
    fn has_room(&self) -> bool {
        !self.buffers.is_empty()
    }

    fn start(&mut self, range: LbaRange) {
        let mut buffer = self.buffers.pop().expect("the caller has seen that there is room");
        prepare(&mut buffer, self.index, self.pattern, &self.geometry, range);
        if self.port.submit_write(Transfer { range, buffer }).is_err() {
            unreachable!("a port takes as many transfers as it has buffers");
        }
    }

    fn ready(&mut self, zone: LbaRange) -> Result<Zone, Fault> {
        super::zones::ready(self.port, zone)
    }

    fn look(&mut self, zone: LbaRange) -> Result<Zone, Fault> {
        super::zones::look(self.port, zone)
    }

    fn finish(&mut self, zone: LbaRange) -> Result<(), Fault> {
        self.port.zones().ok_or(Fault::from_errno(libc::EOPNOTSUPP))?.finish(zone)
    }

    fn reap(&mut self, done: &mut Vec<Answer>) -> io::Result<()> {
        let mut completions = Vec::new();
        self.port.reap(&mut completions)?;
        for Completion { transfer, result } in completions {
            self.buffers.push(transfer.buffer);
            done.push((transfer.range, result));
        }
        Ok(())
    }

    fn presence(&mut self) -> Presence {
        self.port.presence()
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.port.flush()
    }

    fn bytes(&self, range: LbaRange) -> u64 {
        self.geometry.byte_length(range.count())
    }

    fn wrong(&self) -> BlockCount {
        BlockCount::ZERO
    }

    fn ends_by(&self) -> Option<RuleName> {
        None
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

/// The pieces of a drive: no longer than a buffer, and not divided below a physical block. Below it, a drive would
/// have to read what it cannot read in order to write.
pub(crate) fn grain(geometry: &Geometry, transfer_bytes: u64) -> Grain {
    let ratio = u64::from(geometry.physical_block_size.bytes() / geometry.block_size.bytes());
    let transfer = geometry.blocks_in(transfer_bytes);
    // A volume can call its stripe a block, and that may be longer than a buffer.
    Grain { smallest: BlockCount(ratio.clamp(1, transfer.0.max(1))), transfer }
}

/// The longest leap over a bad area, in blocks.
pub(crate) fn leap(geometry: &Geometry, rules: &Rules) -> BlockCount {
    geometry.blocks_in(rules.leap_mib.saturating_mul(1 << 20))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::Unobserved;
    use crate::engine::observe::{Admission, Progress};
    use crate::io::{BlockRead, MemoryDisk};
    use crate::unit::term::DriveKind;
    use crate::unit::{BlockSize, PatternKey, pattern::FixedBytes};

    fn geometry(blocks: u64, block_size: u32) -> Geometry {
        let size = BlockSize::new(block_size).unwrap();
        Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(blocks) }
    }

    fn write(disk: &mut MemoryDisk, index: u32, pattern: &Pattern, buffers: &mut Vec<Buffer>) {
        let rules = Rules::of_kind(DriveKind::TestObject);
        let pass = Pass { index, pattern, written: &RangeSet::new(), zones: None, rules: &rules };
        let end = write_pass(disk, buffers, &pass, &mut Unobserved).unwrap();
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
            fn now(&mut self) -> Duration {
                Duration::ZERO
            }
            fn rest(&mut self, _time: Duration) {}
            fn admit(&mut self, _bytes: u64) -> Admission {
                Admission::Go
            }
            fn checkpoint(&mut self, _pass: u32, _written: RangeSet) {}
        }
        let mut disk = MemoryDisk::new(geometry(100, 512), 4096, 2);
        let mut buffers = disk.take_buffers();
        let rules = Rules::of_kind(DriveKind::TestObject);
        let pass = Pass {
            index: 0,
            pattern: &Pattern::byte(0),
            written: &RangeSet::new(),
            zones: None,
            rules: &rules,
        };
        let end = write_pass(&mut disk, &mut buffers, &pass, &mut StopAfter(2));
        let PassEnd { tally, settled } = end.unwrap();
        assert_eq!(settled, Settled::Stopped);
        assert_eq!(tally.written, BlockCount(32), "two rounds of two transfers of eight blocks");
        assert_eq!(tally.unreached.count(), BlockCount(68));
        assert!(tally.accounts_for(&disk.geometry()) && !tally.is_complete());
    }
}
