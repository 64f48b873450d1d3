//! Takes the fingerprints of blocks: the same reading before a command and after it. Nothing here can write, and no content
//! leaves it.
use std::io;

use serde::{Deserialize, Serialize};

use crate::engine::frontier::{Frontier, Settled, pieces};
use crate::engine::observe::{Observer, Phase};
use crate::engine::pass::{grain, leap};
use crate::engine::work::{Answer, Durable, Duty, Mover, work};
use crate::io::{BlockRead, Completion, Fault, Presence, Transfer};
use crate::plan::{RuleName, Rules};
use crate::sys::Buffer;
use crate::unit::fingerprint::{POISON_BYTES, is_blank};
use crate::unit::{BlockCount, FingerprintKey, Geometry, Lba, LbaRange, Print, RangeSet};

/// What a reading of fingerprints came to. A block that was asked for is in `prints` or in `unreadable`, or was not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prints {
    /// The blocks that were read, by their addresses.
    pub prints: Vec<Print>,
    /// Those of them that repeat four bytes to their end.
    pub blank: RangeSet,
    /// Blocks that could not be read.
    pub unreadable: RangeSet,
}

/// Takes the fingerprints of `wanted` under `key`. `buffers` are the port's own.
///
/// # Errors
/// When the port itself cannot go on; a drive that fails is in the [`Prints`], not an error.
pub fn fingerprint(
    port: &mut dyn BlockRead,
    buffers: &mut Vec<Buffer>,
    key: &FingerprintKey,
    wanted: &RangeSet,
    rules: &Rules,
    observer: &mut dyn Observer,
) -> io::Result<(Prints, Settled)> {
    let geometry = port.geometry();
    let grain = grain(&geometry, port.transfer_bytes());
    let sweep = wanted.ranges().iter().flat_map(|range| pieces(*range, grain.transfer));
    let mut frontier = Frontier::new(sweep, grain, leap(&geometry, rules), rules, RangeSet::new());
    let duty = Duty { phase: Phase::Verifying, total: wanted.count(), rules, durable: Durable::Reading };
    let mut taker =
        Taker { port, buffers, key, geometry, taken: Prints::default(), unmoved: RangeSet::new() };
    work(&mut taker, &mut frontier, &duty, observer)?;
    let Taker { mut taken, unmoved, .. } = taker;
    taken.unreadable = frontier.failed();
    taken.unreadable.extend(&unmoved);
    // A block that was read and then could not be any more counts once.
    taken.prints.retain(|print| !taken.unreadable.contains(print.lba));
    taken.prints.sort_by_key(|print| print.lba);
    taken.prints.dedup_by_key(|print| print.lba);
    taken.blank.subtract(&taken.unreadable);
    Ok((taken, frontier.end().unwrap_or(Settled::Stopped)))
}

struct Taker<'a> {
    port: &'a mut dyn BlockRead,
    buffers: &'a mut Vec<Buffer>,
    key: &'a FingerprintKey,
    geometry: Geometry,
    taken: Prints,
    /// Blocks of which the drive said that they were read, and moved nothing (P7): they must not pass for changed.
    unmoved: RangeSet,
}

impl Taker<'_> {
    const fn block_bytes(&self) -> usize {
        self.geometry.block_size.bytes() as usize
    }

    fn take(&mut self, range: LbaRange, bytes: &[u8]) {
        for (lba, block) in (range.first().0..range.end().0).zip(bytes.chunks(self.block_bytes())) {
            let lba = Lba(lba);
            let Some(single) = LbaRange::single(lba) else { continue };
            if block.starts_with(&self.key.poison(lba)) {
                self.unmoved.insert(single);
                continue;
            }
            self.taken.prints.push(Print { lba, mac: self.key.fingerprint(lba, block) });
            if is_blank(block) {
                self.taken.blank.insert(single);
            }
        }
    }
}

impl Mover for Taker<'_> {
    fn has_room(&self) -> bool {
        !self.buffers.is_empty()
    }

    fn start(&mut self, range: LbaRange) {
        let mut buffer = self.buffers.pop().expect("the caller has seen that there is room");
        let blocks = buffer.as_mut_slice().chunks_mut(self.block_bytes());
        for (lba, block) in (range.first().0..range.end().0).zip(blocks) {
            block[..POISON_BYTES].copy_from_slice(&self.key.poison(Lba(lba)));
        }
        if self.port.submit_read(Transfer { range, buffer }).is_err() {
            unreachable!("a port takes as many transfers as it has buffers");
        }
    }

    fn reap(&mut self, done: &mut Vec<Answer>) -> io::Result<()> {
        let mut completions = Vec::new();
        self.port.reap(&mut completions)?;
        for Completion { transfer, result } in completions {
            if result.is_ok() {
                self.take(transfer.range, transfer.buffer.as_slice());
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
        self.geometry.byte_length(range.count())
    }

    fn wrong(&self) -> BlockCount {
        BlockCount::ZERO
    }

    fn ends_by(&self) -> Option<RuleName> {
        None
    }
}

#[cfg(test)]
mod tests;
