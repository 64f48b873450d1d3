//! Which range comes next, for writing and for reading alike.
//!
//! ```text
//! sweep: every range once, several in flight ──failed──▶ retry list
//! drain: nothing in flight
//! retry: one range at a time, alone; failed and divisible ──▶ its halves; else ──▶ failed for good
//! ```
//!
//! Retries go alone with the queue drained: retries side by side merge in the kernel and fail healthy
//! neighbours (measured on Linux 6.18, loop over a file with bad blocks).
use crate::io::{Fault, FaultKind};
use crate::unit::{BlockCount, LbaRange, RangeSet};

/// Retries that one sweep may spend before what is left on the list counts as failed. It bounds the time on
/// a drive with large bad areas: at 10 s for each failing command, a day.
const RETRIES_MAX: u32 = 8192;

/// Failures in a row in the sweep, without one success between them, after which the drive is given up: not a
/// drive with bad blocks but one that answers nothing. Retries fail in a row in any bad area and do not count.
const FAILURES_IN_A_ROW_MAX: u32 = 256;

/// Failures in one sweep after which the drive is given up, successes between them or not. Each may become a
/// range of its own: without a limit a drive that fails here and there all over makes counts that fill the
/// memory and that no worker could tell and no record hold.
const FAILURES_MAX: u32 = 1 << 15;

/// How a frontier came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Every range was tried.
    Complete,
    /// Asked to stop; some ranges were not tried.
    Stopped,
    /// The drive is not there any more.
    Gone(Fault),
    /// Nothing but failures; some ranges were not tried.
    GivenUp(Fault),
}

/// The state of a sweep with its retries. [`Self::advance`] chooses, [`Self::apply`] takes the answer in.
pub struct Frontier<I> {
    sweep: I,
    retry: Vec<LbaRange>,
    retries_left: u32,
    failures_in_a_row: u32,
    failures: u32,
    in_flight: usize,
    /// A failed range of this many blocks is not divided: the physical block of the drive.
    smallest: BlockCount,
    succeeded: RangeSet,
    failed: RangeSet,
    /// Blocks of `succeeded`, and of `failed` and `retry` together: counted along, because they are asked for
    /// after every transfer and the sets can be long.
    done: BlockCount,
    errors: BlockCount,
    end: Option<Settled>,
}

impl<I: Iterator<Item = LbaRange>> Frontier<I> {
    /// A sweep over the ranges that `sweep` yields, which do not overlap.
    pub const fn new(sweep: I, smallest: BlockCount) -> Self {
        Self {
            sweep,
            retry: Vec::new(),
            retries_left: RETRIES_MAX,
            failures_in_a_row: 0,
            failures: 0,
            in_flight: 0,
            smallest,
            succeeded: RangeSet::new(),
            failed: RangeSet::new(),
            done: BlockCount::ZERO,
            errors: BlockCount::ZERO,
            end: None,
        }
    }

    /// The next range to transfer; `None` while the queue has to drain first, and when all is done.
    pub fn advance(&mut self) -> Option<LbaRange> {
        if self.end.is_some() {
            return None;
        }
        if let Some(range) = self.sweep.next() {
            self.in_flight += 1;
            return Some(range);
        }
        if self.in_flight > 0 {
            return None;
        }
        while let Some(range) = self.retry.pop() {
            if self.retries_left > 0 {
                self.retries_left -= 1;
                self.in_flight += 1;
                self.errors = self.errors.saturating_sub(range.count());
                return Some(range);
            }
            self.failed.insert(range);
        }
        self.end = Some(Settled::Complete);
        None
    }

    /// Takes in the answer for a range that [`Self::advance`] gave.
    pub fn apply(&mut self, range: LbaRange, result: Result<(), Fault>, sweeping: Sweeping) {
        self.in_flight -= 1;
        let fault = match result {
            Ok(()) => {
                self.failures_in_a_row = 0;
                self.done += range.count();
                self.succeeded.insert(range);
                return;
            }
            Err(fault) => fault,
        };
        self.errors += range.count();
        match sweeping {
            Sweeping::First => {
                self.failures_in_a_row += 1;
                self.failures += 1;
                self.retry.push(range);
            }
            Sweeping::Again => match range.halves() {
                Some((left, right)) if range.count() > self.smallest => self.retry.extend([right, left]),
                Some(_) | None => self.failed.insert(range),
            },
        }
        if self.end.is_none() {
            if fault.kind == FaultKind::Gone {
                self.end = Some(Settled::Gone(fault));
            } else if self.failures_in_a_row >= FAILURES_IN_A_ROW_MAX || self.failures >= FAILURES_MAX {
                self.end = Some(Settled::GivenUp(fault));
            }
        }
    }

    /// Whether the range that [`Self::advance`] gave last belongs to the sweep or to the retries.
    pub const fn sweeping(&self) -> Sweeping {
        // Retries are given out only with nothing else in flight, and only while the allowance shrinks.
        if self.retries_left < RETRIES_MAX { Sweeping::Again } else { Sweeping::First }
    }

    /// Number of blocks transferred so far.
    pub const fn done(&self) -> BlockCount {
        self.done
    }

    /// Number of blocks that failed so far and are not being tried again just now.
    pub const fn errors(&self) -> BlockCount {
        self.errors
    }

    /// The answers make it pointless to go on; what is in flight still counts.
    pub fn give_up(&mut self, fault: Fault) {
        self.end.get_or_insert(Settled::GivenUp(fault));
    }

    /// No more ranges; what is in flight still counts.
    pub fn stop(&mut self) {
        self.end.get_or_insert(Settled::Stopped);
    }

    /// The drive is known to be gone.
    pub fn gone(&mut self, fault: Fault) {
        self.end = Some(Settled::Gone(fault));
    }

    /// Number of transfers in flight.
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Blocks transferred so far.
    pub fn succeeded(&self) -> &RangeSet {
        &self.succeeded
    }

    /// Blocks that failed for good, and those that failed and have not been tried again.
    pub fn failed(&self) -> RangeSet {
        let mut failed = self.failed.clone();
        for range in &self.retry {
            failed.insert(*range);
        }
        failed
    }

    /// How it ended, once [`Self::advance`] has returned `None` with nothing in flight.
    pub const fn end(&self) -> Option<Settled> {
        self.end
    }
}

/// Whether a range is tried for the first time or again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweeping {
    /// In the sweep, with others in flight.
    First,
    /// Alone, with the queue drained.
    Again,
}

/// Divides a range into consecutive pieces of `blocks` blocks, the last one shorter where it does not divide.
pub fn pieces(whole: LbaRange, blocks: BlockCount) -> impl Iterator<Item = LbaRange> {
    let mut next = Some(whole.first());
    std::iter::from_fn(move || {
        let first = next?;
        let left = BlockCount(whole.end().0 - first.0);
        let piece = LbaRange::new(first, left.min(blocks))?;
        next = (piece.end() < whole.end()).then(|| piece.end());
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Lba;

    const MEDIUM: Fault = Fault::from_errno(5);

    fn range(first: u64, count: u64) -> LbaRange {
        LbaRange::new(Lba(first), BlockCount(count)).unwrap()
    }

    /// Runs a frontier against a drive on which exactly `bad` fails, with as many in flight as `depth`.
    fn run(blocks: u64, bad: &[u64], depth: usize, smallest: u64) -> (RangeSet, RangeSet, Settled) {
        let sweep = pieces(range(0, blocks), BlockCount(8));
        let mut frontier = Frontier::new(sweep, BlockCount(smallest));
        let mut flying = Vec::new();
        loop {
            while flying.len() < depth
                && let Some(next) = frontier.advance()
            {
                flying.push((next, frontier.sweeping()));
            }
            let Some((next, sweeping)) = flying.pop() else { break };
            if sweeping == Sweeping::Again {
                assert!(flying.is_empty(), "retries go alone");
            }
            let hit = bad.iter().any(|lba| next.contains(Lba(*lba)));
            frontier.apply(next, if hit { Err(MEDIUM) } else { Ok(()) }, sweeping);
        }
        assert_eq!(frontier.done(), frontier.succeeded().count());
        assert_eq!(frontier.errors(), frontier.failed().count());
        (frontier.succeeded().clone(), frontier.failed(), frontier.end().unwrap())
    }

    #[test]
    fn exactly_the_bad_blocks_fail() {
        let bad = [0, 17, 18, 63, 99];
        let expected: RangeSet = bad.iter().map(|lba| range(*lba, 1)).collect();
        for depth in [1, 3, 16] {
            let (succeeded, failed, end) = run(100, &bad, depth, 1);
            assert_eq!((&failed, end), (&expected, Settled::Complete));
            assert_eq!(succeeded, expected.complement(range(0, 100)));
        }
    }

    #[test]
    fn division_ends_at_the_physical_block() {
        let (_, failed, _) = run(64, &[17], 4, 4);
        assert_eq!(failed.ranges(), [range(16, 4)]);
    }

    #[test]
    fn a_drive_that_fails_everything_is_given_up() {
        let all: Vec<u64> = (0..80_000).collect();
        let (succeeded, failed, end) = run(80_000, &all, 8, 1);
        assert_eq!(end, Settled::GivenUp(MEDIUM));
        assert!(succeeded.is_empty());
        assert!(failed.count().0 < 80_000, "the rest was never tried");
    }

    #[test]
    fn a_drive_that_fails_here_and_there_all_over_is_given_up() {
        // Every second transfer of eight blocks fails.
        let bad: Vec<u64> = (0..70_000).map(|number| number * 16).collect();
        let sweep = pieces(range(0, 70_000 * 16), BlockCount(8));
        let mut frontier = Frontier::new(sweep, BlockCount(1));
        while let Some(next) = frontier.advance() {
            let hit = bad.binary_search(&next.first().0).is_ok();
            frontier.apply(next, if hit { Err(MEDIUM) } else { Ok(()) }, frontier.sweeping());
        }
        assert_eq!(frontier.end(), Some(Settled::GivenUp(MEDIUM)));
        assert_eq!(frontier.failed().ranges().len(), 1 << 15);
    }

    #[test]
    fn pieces_cover_the_range_with_an_odd_tail() {
        let all: Vec<_> = pieces(range(5, 21), BlockCount(8)).collect();
        assert_eq!(all, [range(5, 8), range(13, 8), range(21, 5)]);
    }
}
