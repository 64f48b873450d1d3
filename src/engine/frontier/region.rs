//! A region in which something failed: from both sides inwards, then through its middle.
//!
//! ```text
//! trim:    [ok ok BAD ? ? ? ? ? ? BAD ok]   the front by halving, then the back by halving
//! scrape:            ? ? ? ? ? ?            from block to block, growing while it goes well
//! ```
//!
//! A single bad block in a long transfer costs as many requests as its length has binary digits, of which about
//! half fail. A failing request may take half a minute on a drive that tries hard, a good one a millisecond.
use crate::unit::{BlockCount, Lba, LbaRange};

/// Smallest and largest piece that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grain {
    /// A failed range of this many blocks is not divided: the physical block of the drive. At least 1.
    pub smallest: BlockCount,
    /// Longest transfer.
    pub transfer: BlockCount,
}

impl Grain {
    /// Divides a range near its middle, at a border of physical blocks; `None` where there is none inside.
    pub(super) fn split(self, range: LbaRange) -> Option<(LbaRange, LbaRange)> {
        let grain = self.smallest.0.max(1);
        let middle = range.first().0 + range.count().0.div_ceil(2);
        let up = middle.next_multiple_of(grain);
        let border = if up < range.end().0 { up } else { middle / grain * grain };
        Some((LbaRange::between(range.first(), Lba(border))?, LbaRange::between(Lba(border), range.end())?))
    }

    /// The part of a range that shows whether the drive answers at all.
    pub(super) fn probe(self, range: LbaRange) -> LbaRange {
        self.front(range, self.smallest.0)
    }

    /// The first blocks of a range, at most `blocks`, ending at a border of physical blocks where one is inside.
    fn front(self, range: LbaRange, blocks: u64) -> LbaRange {
        let grain = self.smallest.0.max(1);
        let wanted = range.first().0.saturating_add(blocks.max(1));
        let border = (wanted / grain * grain).max(range.first().0 / grain * grain + grain);
        LbaRange::between(range.first(), Lba(border.min(range.end().0))).unwrap_or(range)
    }

    /// The last blocks of a range, at most a transfer, beginning at a border of physical blocks.
    fn back(self, range: LbaRange) -> LbaRange {
        let grain = self.smallest.0.max(1);
        let wanted = range.end().0.saturating_sub(self.transfer.0.max(1)).max(range.first().0);
        let border = wanted.next_multiple_of(grain);
        let first = if border < range.end().0 { border.max(range.first().0) } else { range.first().0 };
        LbaRange::between(Lba(first), range.end()).unwrap_or(range)
    }
}

/// The side of a region that is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Front,
    Back,
    /// Both have been found.
    Neither,
}

/// Finds the first and the last bad block of a region.
#[derive(Debug)]
pub(super) struct Trim {
    grain: Grain,
    side: Side,
    /// What is not known yet.
    rest: Option<LbaRange>,
    /// A part at the side in question that holds at least one bad block, as far as that can be deduced.
    window: Option<LbaRange>,
}

impl Trim {
    /// A region; its first transfer, `window`, has failed as a whole, if it is known at all.
    pub(super) const fn new(grain: Grain, region: LbaRange, window: Option<LbaRange>) -> Self {
        Self { grain, side: Side::Front, rest: Some(region), window }
    }

    /// What to try next; `None` when both sides are done.
    pub(super) fn next(&self) -> Option<LbaRange> {
        let rest = self.rest?;
        match (self.side, self.window) {
            (Side::Neither, _) => None,
            (Side::Front, None) => Some(self.grain.front(rest, self.grain.transfer.0)),
            (Side::Back, None) => Some(self.grain.back(rest)),
            (Side::Front, Some(window)) => Some(self.grain.split(window).map_or(window, |(near, _)| near)),
            (Side::Back, Some(window)) => Some(self.grain.split(window).map_or(window, |(_, near)| near)),
        }
    }

    /// The range that was tried went well.
    pub(super) fn succeed(&mut self, range: LbaRange) {
        self.cut(range);
        match self.window.take() {
            // Deduced to be bad, and it was not: the fault has gone.
            Some(window) if window == range => self.turn(),
            Some(window) => self.window = self.without(window, range),
            None => {}
        }
    }

    /// The range that was tried failed; a range that cannot be divided has failed for good and comes back.
    pub(super) fn fail(&mut self, range: LbaRange) -> Option<LbaRange> {
        if self.grain.split(range).is_some() {
            self.window = Some(range);
            return None;
        }
        self.cut(range);
        self.turn();
        Some(range)
    }

    /// What lies between the first and the last bad block.
    pub(super) const fn remainder(&self) -> Option<LbaRange> {
        self.rest
    }

    fn turn(&mut self) {
        self.window = None;
        self.side = match self.side {
            Side::Front => Side::Back,
            Side::Back | Side::Neither => Side::Neither,
        };
    }

    fn cut(&mut self, range: LbaRange) {
        self.rest = self.rest.and_then(|rest| self.without(rest, range));
    }

    /// A range without what lies at the side that is worked on.
    fn without(&self, range: LbaRange, cut: LbaRange) -> Option<LbaRange> {
        match self.side {
            Side::Front => LbaRange::between(cut.end(), range.end()),
            Side::Back | Side::Neither => LbaRange::between(range.first(), cut.first()),
        }
    }
}

/// Goes through the middle of a region: single blocks where it fails, growing pieces where it goes well.
#[derive(Debug)]
pub(super) struct Scrape {
    grain: Grain,
    rest: Option<LbaRange>,
    size: u64,
}

impl Scrape {
    pub(super) fn new(grain: Grain, region: LbaRange) -> Self {
        Self { grain, rest: Some(region), size: grain.smallest.0.max(1) }
    }

    /// What to try next; `None` at the end.
    pub(super) fn next(&self) -> Option<LbaRange> {
        self.rest.map(|rest| self.grain.front(rest, self.size))
    }

    /// The range that was tried went well.
    pub(super) fn succeed(&mut self, range: LbaRange) {
        self.size = self.size.saturating_mul(2).min(self.grain.transfer.0);
        self.cut(range);
    }

    /// The range that was tried failed; a range that cannot be divided has failed for good and comes back.
    pub(super) fn fail(&mut self, range: LbaRange) -> Option<LbaRange> {
        let smallest = self.grain.smallest.0.max(1);
        if let Some((near, _)) = self.grain.split(range) {
            self.size = near.count().0.max(smallest);
            return None;
        }
        self.size = smallest;
        self.cut(range);
        Some(range)
    }

    fn cut(&mut self, range: LbaRange) {
        self.rest = self.rest.and_then(|rest| LbaRange::between(range.end(), rest.end()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(first: u64, count: u64) -> LbaRange {
        LbaRange::new(Lba(first), BlockCount(count)).unwrap()
    }

    fn grain(smallest: u64, transfer: u64) -> Grain {
        Grain { smallest: BlockCount(smallest), transfer: BlockCount(transfer) }
    }

    /// Requests that the trimming of one region takes, and what it found.
    fn trim(grain: Grain, region: LbaRange, bad: &[u64]) -> (u32, Vec<LbaRange>, Option<LbaRange>) {
        let window = grain.front(region, grain.transfer.0);
        let mut trim = Trim::new(grain, region, Some(window));
        let (mut requests, mut failed) = (0, Vec::new());
        while let Some(next) = trim.next() {
            requests += 1;
            if bad.iter().any(|lba| next.contains(Lba(*lba))) {
                failed.extend(trim.fail(next));
            } else {
                trim.succeed(next);
            }
        }
        (requests, failed, trim.remainder())
    }

    #[test]
    fn a_single_bad_block_costs_its_binary_digits_and_one() {
        for bad in [0, 1, 777, 1024, 2047] {
            let (requests, failed, left) = trim(grain(1, 2048), range(0, 2048), &[bad]);
            assert_eq!((failed, left), (vec![range(bad, 1)], None), "block {bad}");
            assert!(requests <= 13, "{requests} requests for block {bad}");
        }
    }

    #[test]
    fn both_edges_of_a_bad_region_are_found_and_its_middle_is_left() {
        let bad: Vec<u64> = (1000..5000).collect();
        let (requests, failed, left) = trim(grain(1, 2048), range(0, 6144), &bad);
        assert_eq!(failed, [range(1000, 1), range(4999, 1)]);
        assert_eq!(left, Some(range(1001, 3998)));
        assert!(requests < 30, "{requests}");
    }

    #[test]
    fn scraping_grows_where_it_goes_well() {
        let mut scrape = Scrape::new(grain(1, 64), range(0, 1000));
        let mut sizes = Vec::new();
        while let Some(next) = scrape.next() {
            sizes.push(next.count().0);
            if next.contains(Lba(100)) {
                let _failed = scrape.fail(next);
            } else {
                scrape.succeed(next);
            }
        }
        assert_eq!(&sizes[..7], [1, 2, 4, 8, 16, 32, 64], "up to the longest transfer");
        assert!(sizes.contains(&1) && sizes.len() < 50, "{sizes:?}");
    }

    proptest! {
        /// Trimming and scraping find exactly the physical blocks with bad blocks, whatever the borders.
        #[test]
        fn exactly_the_bad_physical_blocks_are_found(
            first in 0u64..50, count in 1u64..300, smallest in prop::sample::select(vec![1u64, 4, 8]),
            transfer in 1u64..9, bad in prop::collection::btree_set(0u64..350, 1..12),
        ) {
            let grain = grain(smallest, transfer * smallest);
            let region = range(first, count);
            let bad: Vec<u64> = bad.into_iter().filter(|lba| region.contains(Lba(*lba))).collect();
            let (_, mut failed, left) = trim(grain, region, &bad);
            let mut scrape = left.map(|left| Scrape::new(grain, left));
            while let Some((walk, next)) = scrape.as_mut().and_then(|walk| walk.next().map(|next| (walk, next))) {
                if bad.iter().any(|lba| next.contains(Lba(*lba))) {
                    failed.extend(walk.fail(next));
                } else {
                    walk.succeed(next);
                }
            }
            let expected: std::collections::BTreeSet<u64> = (region.first().0..region.end().0)
                .filter(|lba| bad.iter().any(|other| other / smallest == lba / smallest))
                .collect();
            let found: std::collections::BTreeSet<u64> =
                failed.iter().flat_map(|range| range.first().0..range.end().0).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
