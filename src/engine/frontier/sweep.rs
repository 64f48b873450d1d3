//! The first way over the drive: everything healthy, at full depth, leaping over what fails in a row; then the
//! leapt-over areas from their far side.
use crate::unit::{BlockCount, Lba, LbaRange};

use super::pieces;

/// The sweep over what is wanted, and the areas that it leapt over.
#[derive(Debug)]
pub(super) struct Sweep<I> {
    pieces: I,
    /// To be done before anything else, the last one first: what a failed flush made doubtful.
    queued: Vec<LbaRange>,
    /// Areas that were leapt over, in the order of the sweep.
    areas: Vec<Area>,
    /// Number of areas, from the first, that are not used up on the way back.
    open: Option<usize>,
    /// Failures in a row, as they were told.
    misses: u32,
    /// Blocks still to be leapt over.
    leap: u64,
    longest_leap: u64,
    transfer: u64,
}

/// An area that was leapt over: all of it, and what of it was not tried on the way back.
#[derive(Clone, Copy, Debug)]
struct Area {
    whole: LbaRange,
    left: Option<LbaRange>,
}

/// Failures in a row after which the sweep begins to leap: one or two bad blocks are no bad area.
const MISSES_BEFORE_LEAPING: u32 = 2;

impl<I: Iterator<Item = LbaRange>> Sweep<I> {
    pub(super) const fn new(pieces: I, transfer: BlockCount, longest_leap: BlockCount) -> Self {
        Self {
            pieces,
            queued: Vec::new(),
            areas: Vec::new(),
            open: None,
            misses: 0,
            leap: 0,
            longest_leap: longest_leap.0,
            transfer: transfer.0,
        }
    }

    /// The next piece forwards.
    pub(super) fn forwards(&mut self) -> Option<LbaRange> {
        if let Some(range) = self.queued.pop() {
            return Some(range);
        }
        while self.leap > 0 {
            let range = self.pieces.next()?;
            self.leap = self.leap.saturating_sub(range.count().0);
            match self.areas.last_mut() {
                Some(area) if area.whole.end() == range.first() => {
                    let whole = LbaRange::between(area.whole.first(), range.end()).unwrap_or(range);
                    *area = Area { whole, left: Some(whole) };
                }
                Some(_) | None => self.areas.push(Area { whole: range, left: Some(range) }),
            }
        }
        self.pieces.next()
    }

    /// The next piece backwards through the areas that were leapt over.
    pub(super) fn backwards(&mut self) -> Option<LbaRange> {
        let open = self.open.get_or_insert(self.areas.len());
        loop {
            let area = self.areas.get_mut(open.checked_sub(1)?)?;
            let Some(left) = area.left else {
                *open -= 1;
                continue;
            };
            let first = left.end().0.saturating_sub(self.transfer.max(1)).max(left.first().0);
            area.left = LbaRange::between(left.first(), Lba(first));
            return LbaRange::between(Lba(first), left.end());
        }
    }

    pub(super) const fn hit(&mut self) {
        self.misses = 0;
    }

    /// A piece has failed; each failure in a row doubles what is leapt over.
    pub(super) fn miss(&mut self) {
        self.misses += 1;
        if self.misses > MISSES_BEFORE_LEAPING {
            let doublings = (self.misses - MISSES_BEFORE_LEAPING - 1).min(40);
            let leap = self.transfer.saturating_mul(1 << doublings);
            self.leap = self.leap.max(leap.min(self.longest_leap));
        }
    }

    /// A piece of an area failed on the way back: what is left of that area lies between two failures.
    pub(super) fn enclosed(&mut self, failed: LbaRange) -> Option<LbaRange> {
        let area = self.areas.iter_mut().find(|area| area.whole.contains(failed.first()))?;
        area.left.take()
    }

    /// Puts ranges in front of everything else.
    pub(super) fn queue(&mut self, ranges: &[LbaRange]) {
        let transfer = BlockCount(self.transfer.max(1));
        let mut all: Vec<LbaRange> = ranges.iter().flat_map(|range| pieces(*range, transfer)).collect();
        all.reverse();
        self.queued.extend(all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, count: u64) -> LbaRange {
        LbaRange::new(Lba(first), BlockCount(count)).unwrap()
    }

    #[test]
    fn a_bad_area_is_leapt_over_with_doubling_leaps_and_taken_from_its_far_side() {
        let all = pieces(range(0, 1000), BlockCount(10));
        let mut sweep = Sweep::new(all, BlockCount(10), BlockCount(40));
        let mut tried = Vec::new();
        while let Some(piece) = sweep.forwards() {
            tried.push(piece.first().0);
            if (200..800).contains(&piece.first().0) { sweep.miss() } else { sweep.hit() }
        }
        assert!(tried.starts_with(&(0..=22).map(|piece| piece * 10).collect::<Vec<_>>()), "{tried:?}");
        // The third failure leaps one transfer, then two, then four, which is the longest.
        assert_eq!(&tried[23..27], [240, 270, 320, 370]);
        let mut back = Vec::new();
        while let Some(piece) = sweep.backwards() {
            assert!(tried.iter().all(|first| *first != piece.first().0), "nothing twice");
            back.push(piece.first().0);
        }
        assert!(back.is_sorted_by(|one, other| one > other), "{back:?}");
        assert_eq!(tried.len() + back.len(), 100, "every piece once");
    }

    #[test]
    fn an_area_that_fails_on_the_way_back_is_not_hammered() {
        let mut sweep = Sweep::new(pieces(range(0, 200), BlockCount(10)), BlockCount(10), BlockCount(80));
        while let Some(piece) = sweep.forwards() {
            if piece.first().0 < 150 { sweep.miss() } else { sweep.hit() }
        }
        let last = sweep.backwards().unwrap();
        let before = sweep.backwards().unwrap();
        assert_eq!(before.end(), last.first());
        // The one that was in flight beside it comes back later, and changes nothing more.
        let left = sweep.enclosed(last).unwrap();
        assert_eq!((left.end(), sweep.enclosed(before)), (before.first(), None));
        assert!(sweep.backwards().is_none_or(|next| next.end() <= left.first()));
    }

    #[test]
    fn scattered_failures_leap_over_nothing() {
        let mut sweep = Sweep::new(pieces(range(0, 100), BlockCount(10)), BlockCount(10), BlockCount(1000));
        let mut count = 0;
        while sweep.forwards().is_some() {
            count += 1;
            if count % 3 == 0 { sweep.hit() } else { sweep.miss() }
        }
        assert_eq!((count, sweep.backwards()), (10, None));
    }
}
