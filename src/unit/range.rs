//! Ranges of blocks, and sets of them that count every block once.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BlockCount, Lba};

/// One or more consecutive blocks: never empty, never past 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawRange", into = "RawRange")]
pub struct LbaRange {
    first: Lba,
    count: BlockCount,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRange {
    first: Lba,
    count: BlockCount,
}

impl LbaRange {
    /// The `count` blocks from `first` on; `None` when there are none or the end passes 2^64.
    pub fn new(first: Lba, count: BlockCount) -> Option<Self> {
        (!count.is_zero() && first.checked_add(count).is_some()).then_some(Self { first, count })
    }

    /// The single block `lba`, or `None` for the last value of a `u64`, which has no block after it.
    pub fn single(lba: Lba) -> Option<Self> {
        Self::new(lba, BlockCount(1))
    }

    /// The blocks from `first` up to but without `end`.
    pub fn between(first: Lba, end: Lba) -> Option<Self> {
        end.0.checked_sub(first.0).and_then(|count| Self::new(first, BlockCount(count)))
    }

    /// First block.
    pub const fn first(&self) -> Lba {
        self.first
    }

    /// Number of blocks, at least 1.
    pub const fn count(&self) -> BlockCount {
        self.count
    }

    /// Last block.
    pub const fn last(&self) -> Lba {
        Lba(self.first.0 + self.count.0 - 1)
    }

    /// The block after the last one.
    pub const fn end(&self) -> Lba {
        Lba(self.first.0 + self.count.0)
    }

    /// Whether the range holds this block.
    pub fn contains(&self, lba: Lba) -> bool {
        self.first <= lba && lba <= self.last()
    }

    /// The blocks that both ranges hold.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        Self::between(self.first.max(other.first), self.end().min(other.end()))
    }

    /// The range in two halves, the first not smaller, or `None` for a single block.
    pub fn halves(&self) -> Option<(Self, Self)> {
        let left = self.count.0.div_ceil(2);
        let right = self.count.0 - left;
        (right > 0).then(|| {
            (
                Self { first: self.first, count: BlockCount(left) },
                Self { first: Lba(self.first.0 + left), count: BlockCount(right) },
            )
        })
    }
}

impl fmt::Display for LbaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count.0 == 1 {
            write!(f, "LBA {}", self.first)
        } else {
            write!(f, "LBA {}-{} ({} blocks)", self.first, self.last(), self.count)
        }
    }
}

impl TryFrom<RawRange> for LbaRange {
    type Error = &'static str;
    fn try_from(raw: RawRange) -> Result<Self, Self::Error> {
        Self::new(raw.first, raw.count).ok_or("a range of blocks is not empty and ends below 2^64")
    }
}

impl From<LbaRange> for RawRange {
    fn from(range: LbaRange) -> Self {
        Self { first: range.first, count: range.count }
    }
}

/// A set of blocks as sorted ranges that neither overlap nor touch, so each block counts once however often it
/// was inserted (P4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<LbaRange>", into = "Vec<LbaRange>")]
pub struct RangeSet {
    ranges: Vec<LbaRange>,
}

impl RangeSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Adds the blocks of a range; blocks already there stay counted once.
    pub fn insert(&mut self, range: LbaRange) {
        // Everything before `from` ends before the range begins, without touching it.
        let from = self.ranges.partition_point(|held| held.end() < range.first);
        let to = from + self.ranges[from..].partition_point(|held| held.first <= range.end());
        let mut merged = range;
        for held in &self.ranges[from..to] {
            let first = merged.first.min(held.first);
            let end = merged.end().max(held.end());
            merged = Self::spanning(first, end);
        }
        self.ranges.splice(from..to, [merged]);
    }

    /// Takes the blocks of a range out; blocks that are not there stay away.
    pub fn remove(&mut self, range: LbaRange) {
        let from = self.ranges.partition_point(|held| held.end() <= range.first);
        let to = from + self.ranges[from..].partition_point(|held| held.first < range.end());
        let left: Vec<LbaRange> = self.ranges[from..to]
            .iter()
            .flat_map(|held| {
                [
                    LbaRange::between(held.first, held.end().min(range.first)),
                    LbaRange::between(held.first.max(range.end()), held.end()),
                ]
            })
            .flatten()
            .collect();
        self.ranges.splice(from..to, left);
    }

    /// Takes every block of another set out.
    pub fn subtract(&mut self, other: &Self) {
        for range in &other.ranges {
            self.remove(*range);
        }
    }

    /// The blocks that both sets hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut outside = self.clone();
        outside.subtract(other);
        let mut both = self.clone();
        both.subtract(&outside);
        both
    }

    fn spanning(first: Lba, end: Lba) -> LbaRange {
        LbaRange { first, count: BlockCount(end.0 - first.0) }
    }

    /// Adds every block of another set.
    pub fn extend(&mut self, other: &Self) {
        let mut all = std::mem::take(&mut self.ranges);
        all.extend_from_slice(&other.ranges);
        *self = Self::from(all);
    }

    /// The blocks of `whole` that are not in the set.
    #[must_use]
    pub fn complement(&self, whole: LbaRange) -> Self {
        let mut missing = Self::new();
        let mut next = whole.first;
        for held in &self.ranges {
            if let Some(gap) = LbaRange::between(next, held.first.min(whole.end())) {
                missing.ranges.push(gap);
            }
            next = next.max(held.end());
        }
        missing.ranges.extend(LbaRange::between(next, whole.end()));
        missing
    }

    /// Whether the set holds this block.
    pub fn contains(&self, lba: Lba) -> bool {
        let after = self.ranges.partition_point(|held| held.first <= lba);
        after > 0 && self.ranges[after - 1].contains(lba)
    }

    /// Whether the set holds every block of a range.
    pub fn covers(&self, range: LbaRange) -> bool {
        let after = self.ranges.partition_point(|held| held.first <= range.first);
        after > 0 && self.ranges[after - 1].end() >= range.end()
    }

    /// Number of blocks in the set.
    pub fn count(&self) -> BlockCount {
        self.ranges.iter().map(LbaRange::count).sum()
    }

    /// Whether the set holds no block.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges in ascending order.
    pub fn ranges(&self) -> &[LbaRange] {
        &self.ranges
    }

    /// The lowest block.
    pub fn first(&self) -> Option<Lba> {
        self.ranges.first().map(LbaRange::first)
    }

    /// The highest block.
    pub fn last(&self) -> Option<Lba> {
        self.ranges.last().map(LbaRange::last)
    }
}

impl From<Vec<LbaRange>> for RangeSet {
    fn from(mut ranges: Vec<LbaRange>) -> Self {
        // In ascending order every insertion is at the end; a list from outside in descending order would take
        // time with the square of its length.
        ranges.sort_unstable();
        ranges.into_iter().collect()
    }
}

impl From<RangeSet> for Vec<LbaRange> {
    fn from(set: RangeSet) -> Self {
        set.ranges
    }
}

impl FromIterator<LbaRange> for RangeSet {
    fn from_iter<I: IntoIterator<Item = LbaRange>>(ranges: I) -> Self {
        let mut set = Self::new();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range(first: u64, count: u64) -> LbaRange {
        LbaRange::new(Lba(first), BlockCount(count)).unwrap()
    }

    #[test]
    fn empty_and_overflowing_ranges_do_not_exist() {
        assert_eq!(LbaRange::new(Lba(7), BlockCount(0)), None);
        assert_eq!(LbaRange::new(Lba(u64::MAX), BlockCount(1)), None);
        assert_eq!(LbaRange::between(Lba(5), Lba(5)), None);
        assert_eq!(LbaRange::between(Lba(6), Lba(5)), None);
    }

    #[test]
    fn a_range_read_from_json_is_checked() {
        assert!(serde_json::from_str::<LbaRange>(r#"{"first":3,"count":0}"#).is_err());
        assert!(serde_json::from_str::<LbaRange>(r#"{"first":18446744073709551615,"count":2}"#).is_err());
        assert_eq!(serde_json::from_str::<LbaRange>(r#"{"first":3,"count":2}"#).unwrap(), range(3, 2));
    }

    proptest! {
        /// The set behaves as the plain set of its block numbers, and stays sorted, disjoint and not touching.
        #[test]
        fn a_range_set_is_a_set_of_blocks(pairs in prop::collection::vec((0u64..200, 1u64..40), 0..30)) {
            let set: RangeSet = pairs.iter().map(|&(first, count)| range(first, count)).collect();
            let model: BTreeSet<u64> = pairs.iter().flat_map(|&(first, count)| first..first + count).collect();
            prop_assert_eq!(set.count().0, model.len() as u64);
            for lba in 0..250 {
                prop_assert_eq!(set.contains(Lba(lba)), model.contains(&lba));
            }
            for pair in set.ranges().windows(2) {
                prop_assert!(pair[0].end() < pair[1].first());
            }
            let whole = range(10, 150);
            let missing = set.complement(whole);
            for lba in 0..250 {
                prop_assert_eq!(missing.contains(Lba(lba)), whole.contains(Lba(lba)) && !model.contains(&lba));
            }
            for &(first, count) in &pairs {
                let wanted = range(first, count + 3);
                let each = (wanted.first().0..wanted.end().0).all(|lba| model.contains(&lba));
                prop_assert_eq!(set.covers(wanted), each);
                prop_assert!(set.covers(range(first, count)));
            }
            let (one, other) = pairs.split_at(pairs.len() / 2);
            let part = |pairs: &[(u64, u64)]| -> RangeSet { pairs.iter().map(|&(a, n)| range(a, n)).collect() };
            let mut both = part(one);
            both.extend(&part(other));
            prop_assert_eq!(&both, &set);
            prop_assert_eq!(&RangeSet::from(pairs.iter().map(|&(a, n)| range(a, n)).collect::<Vec<_>>()), &set);
            let json = serde_json::to_string(&set).unwrap();
            prop_assert_eq!(serde_json::from_str::<RangeSet>(&json).unwrap(), set);
        }

        /// Taking out and common blocks, against the plain sets of block numbers.
        #[test]
        fn blocks_are_taken_out_as_of_a_set(
            pairs in prop::collection::vec((0u64..200, 1u64..40), 0..20),
            others in prop::collection::vec((0u64..220, 1u64..60), 0..10),
        ) {
            let set = |pairs: &[(u64, u64)]| -> RangeSet { pairs.iter().map(|&(a, n)| range(a, n)).collect() };
            let model = |pairs: &[(u64, u64)]| -> BTreeSet<u64> {
                pairs.iter().flat_map(|&(first, count)| first..first + count).collect()
            };
            let plain = |set: &RangeSet| -> BTreeSet<u64> {
                set.ranges().iter().flat_map(|range| range.first().0..range.end().0).collect()
            };
            let mut less = set(&pairs);
            less.subtract(&set(&others));
            prop_assert_eq!(plain(&less), model(&pairs).difference(&model(&others)).copied().collect());
            for pair in less.ranges().windows(2) {
                prop_assert!(pair[0].end() < pair[1].first());
            }
            let both = set(&pairs).intersection(&set(&others));
            prop_assert_eq!(plain(&both), model(&pairs).intersection(&model(&others)).copied().collect());
        }

        #[test]
        fn halves_cover_the_range(first in 0u64..1000, count in 1u64..1000) {
            let whole = range(first, count);
            match whole.halves() {
                None => prop_assert_eq!(count, 1),
                Some((left, right)) => {
                    prop_assert_eq!(left.first(), whole.first());
                    prop_assert_eq!(left.end(), right.first());
                    prop_assert_eq!(right.end(), whole.end());
                }
            }
        }
    }
}
