//! What the read-back found wrong is read once more, written once more and read again, each range alone. It
//! saves no certificate: the drive did not keep what it had acknowledged. It takes the old data off all the same,
//! and tells a block that was merely not written from one that cannot hold anything.
//!
//! The only place in this layer that writes.
use std::io;

use serde::{Deserialize, Serialize};

use crate::engine::FlushState;
use crate::engine::frontier::pieces;
use crate::engine::observe::{Admission, Observer, Phase, Progress};
use crate::engine::pass::grain;
use crate::io::{BlockWrite, Completion, Fault, Presence, Transfer};
use crate::plan::Rules;
use crate::sys::Buffer;
use crate::unit::{BlockCount, Geometry, LbaRange, Pattern, RangeSet};

use super::VerificationTally;
use super::read_back::Comparison;

/// Failures in a row after which a drive that still tells its size is left alone: it answers nothing any more.
const FAILURES_IN_A_ROW_MAX: u32 = 256;

/// What became of the blocks that were wrong, each counted once: together they are the mismatched blocks of the
/// verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RepairTally {
    /// Right at the second reading, without having been written again.
    pub right_again: RangeSet,
    /// *Stale, repaired*: wrong twice, right after they were written once more and flushed.
    pub repaired: RangeSet,
    /// Wrong, unreadable or unwritable to the end.
    pub still_wrong: RangeSet,
    /// Not tried: there were more than the rules allow, the job was stopped, or the drive answered nothing.
    pub not_tried: RangeSet,
    /// The flush after the writing.
    pub flush: Option<FlushState>,
}

impl RepairTally {
    /// Nothing was tried.
    pub fn not_tried(wrong: &RangeSet) -> Self {
        Self { not_tried: wrong.clone(), ..Self::default() }
    }

    /// Whether every mismatched block of a verification is in exactly one of the sets.
    pub fn accounts_for(&self, verification: &VerificationTally) -> bool {
        let parts = [&self.right_again, &self.repaired, &self.still_wrong, &self.not_tried];
        let mut all = RangeSet::new();
        parts.iter().for_each(|part| all.extend(part));
        let counted: BlockCount = parts.iter().map(|part| part.count()).sum();
        all == verification.mismatched && counted == all.count()
    }
}

/// Tries to make `wrong` blocks right. `buffers` are the port's own, at least one.
///
/// # Errors
/// When the port itself cannot go on; a drive that fails is in the tally.
pub fn repair(
    port: &mut dyn BlockWrite,
    buffers: &mut Vec<Buffer>,
    pattern: &Pattern,
    wrong: &RangeSet,
    rules: &Rules,
    observer: &mut dyn Observer,
) -> io::Result<RepairTally> {
    if wrong.count().0 > rules.repair_blocks {
        return Ok(RepairTally::not_tried(wrong));
    }
    let geometry = port.geometry();
    let total = wrong.count();
    let mut alone = Alone { port, buffers, pattern, geometry, observer, total, failures: 0 };
    let mut tally = RepairTally::default();
    let Some(again) = alone.read(wrong)? else { return Ok(RepairTally::not_tried(wrong)) };
    tally.right_again = wrong.clone();
    tally.right_again.subtract(&again);
    if again.is_empty() {
        return Ok(tally);
    }
    if !alone.write(&again)? {
        tally.still_wrong = again;
        return Ok(tally);
    }
    let flush = alone.port.flush();
    tally.flush = Some(if flush.is_ok() { FlushState::Confirmed } else { FlushState::Failed });
    tally.still_wrong = match flush {
        Ok(()) => alone.read(&again)?.unwrap_or_else(|| again.clone()),
        Err(_) => again.clone(),
    };
    tally.repaired = again;
    tally.repaired.subtract(&tally.still_wrong);
    Ok(tally)
}

/// One transfer at a time, with nothing else in flight.
struct Alone<'a> {
    port: &'a mut dyn BlockWrite,
    buffers: &'a mut Vec<Buffer>,
    pattern: &'a Pattern,
    geometry: Geometry,
    observer: &'a mut dyn Observer,
    total: BlockCount,
    /// Failures in a row.
    failures: u32,
}

impl Alone<'_> {
    /// Blocks of a set that cannot be read or hold something else; `None` when the job is to end.
    fn read(&mut self, set: &RangeSet) -> io::Result<Option<RangeSet>> {
        let pattern = self.pattern;
        let mut comparison = Comparison::new(pattern, self.geometry);
        let mut unreadable = RangeSet::new();
        let mut waiting = self.pieces(set);
        while let Some(range) = waiting.pop() {
            if !self.may_go_on(range) {
                return Ok(None);
            }
            let Some(mut buffer) = self.buffers.pop() else { return Ok(None) };
            comparison.poison(range, &mut buffer);
            let transfer = Transfer { range, buffer };
            let submitted = self.port.submit_read(transfer);
            let result = self.take_back(submitted, |range, bytes| comparison.compare(range, bytes))?;
            match (result, range.halves()) {
                (Ok(()), _) => {}
                (Err(_), Some((left, right))) => waiting.extend([right, left]),
                (Err(_), None) => unreadable.insert(range),
            }
            self.tell();
        }
        let mut wrong = comparison.mismatched;
        wrong.extend(&unreadable);
        Ok(Some(wrong))
    }

    /// Writes a set; `false` when the job is to end. What cannot be written shows at the next reading.
    fn write(&mut self, set: &RangeSet) -> io::Result<bool> {
        for range in self.pieces(set).into_iter().rev() {
            if !self.may_go_on(range) {
                return Ok(false);
            }
            let Some(mut buffer) = self.buffers.pop() else { return Ok(false) };
            let length = usize::try_from(self.geometry.byte_length(range.count())).unwrap_or(usize::MAX);
            self.pattern.fill(self.geometry.byte_offset(range.first()), &mut buffer.as_mut_slice()[..length]);
            buffer.set_stamp(0);
            let submitted = self.port.submit_write(Transfer { range, buffer });
            let _shows_at_the_next_reading = self.take_back(submitted, |_, _| {})?;
            self.tell();
        }
        Ok(true)
    }

    /// Waits until a transfer may begin: a drive that is too hot is not worn out by repairs. `false` when the job is
    /// to end, a rule ends it, or the drive is gone or answers nothing.
    fn may_go_on(&mut self, range: LbaRange) -> bool {
        if self.failures >= FAILURES_IN_A_ROW_MAX {
            return false;
        }
        let bytes = self.geometry.byte_length(range.count());
        loop {
            if self.observer.should_stop() || self.port.presence() != Presence::Here {
                return false;
            }
            match self.observer.admit(bytes) {
                Admission::Go => return true,
                Admission::Wait(time) => self.observer.rest(time),
                Admission::GiveUp(_) => return false,
            }
        }
    }

    /// Pieces no longer than a transfer, the last one first.
    fn pieces(&self, set: &RangeSet) -> Vec<LbaRange> {
        let transfer = grain(&self.geometry, self.port.transfer_bytes()).transfer;
        let mut all: Vec<LbaRange> = set.ranges().iter().flat_map(|range| pieces(*range, transfer)).collect();
        all.reverse();
        all
    }

    fn take_back(
        &mut self,
        submitted: Result<(), Transfer>,
        mut good: impl FnMut(LbaRange, &[u8]),
    ) -> io::Result<Result<(), Fault>> {
        if submitted.is_err() {
            unreachable!("a port takes as many transfers as it has buffers");
        }
        let mut done = Vec::new();
        while done.is_empty() {
            self.port.reap(&mut done)?;
        }
        let mut answer = Ok(());
        for Completion { transfer, result } in done {
            if result.is_ok() {
                good(transfer.range, transfer.buffer.as_slice());
            }
            answer = answer.and(result);
            self.buffers.push(transfer.buffer);
        }
        self.failures = if answer.is_ok() { 0 } else { self.failures + 1 };
        Ok(answer)
    }

    fn tell(&mut self) {
        self.observer.progress(Progress {
            at: Phase::Repairing,
            done: BlockCount::ZERO,
            total: self.total,
            errors: BlockCount::ZERO,
        });
    }
}
