//! The stages of a frontier, and what each still has to do.
use std::time::Duration;

use super::pieces;
use super::region::{Grain, Scrape, Trim};
use crate::plan::Rules;
use crate::unit::{LbaRange, RangeSet};

/// What a transfer that goes alone is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// A piece of the sweep, once more after a rest.
    Repeated,
    /// A piece of a stage whose pieces go alone.
    Stage,
    /// The same, once more after a rest.
    StageRepeated,
    /// Whether the drive answers anything.
    Probe,
}

impl Task {
    pub(super) const fn repeated(self) -> Self {
        match self {
            Self::Repeated | Self::Probe => self,
            Self::Stage | Self::StageRepeated => Self::StageRepeated,
        }
    }
}

/// See [`super`].
#[derive(Debug)]
pub(super) enum Stage {
    /// Forwards, several in flight.
    Sweep,
    /// Backwards over what was leapt over, several in flight.
    Return,
    /// Regions, the last one first; those that are done carry what lies between their edges.
    Trim(Trims),
    /// Middles of regions, the last one first.
    Scrape(Vec<Scrape>),
    /// Number of the round and failed blocks, the last one first.
    Retry(u32, Vec<LbaRange>),
    /// Nothing is left.
    Over,
}

/// Regions to be trimmed, and what trimming has left in their middles.
#[derive(Debug, Default)]
pub(super) struct Trims {
    waiting: Vec<Trim>,
    middles: RangeSet,
}

/// Which stage it is, without what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sweep,
    Return,
    Trim,
    Scrape,
    Retry,
    Over,
}

impl Stage {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Sweep => Kind::Sweep,
            Self::Return => Kind::Return,
            Self::Trim(_) => Kind::Trim,
            Self::Scrape(_) => Kind::Scrape,
            Self::Retry(..) => Kind::Retry,
            Self::Over => Kind::Over,
        }
    }

    /// Failed transfers side by side, with what they enclose, are one region.
    pub(super) fn trim(grain: Grain, mut bad: Vec<LbaRange>, enclosed: &RangeSet) -> Self {
        bad.sort_unstable();
        let mut regions: RangeSet = bad.iter().copied().collect();
        regions.extend(enclosed);
        let trim = |region: &LbaRange| {
            let at = bad.partition_point(|range| range.first() < region.first());
            let window = bad.get(at).filter(|range| range.first() == region.first()).copied();
            Trim::new(grain, *region, window)
        };
        let waiting = regions.ranges().iter().rev().map(trim).collect();
        Self::Trim(Trims { waiting, middles: RangeSet::new() })
    }

    pub(super) fn scrape(grain: Grain, trims: Trims) -> Self {
        let Trims { waiting, mut middles } = trims;
        // Where the time for trimming ran out, scraping goes on with what is left of it.
        let left: RangeSet = waiting.iter().filter_map(Trim::remainder).collect();
        middles.extend(&left);
        Self::Scrape(middles.ranges().iter().rev().map(|range| Scrape::new(grain, *range)).collect())
    }

    pub(super) fn retry(grain: Grain, round: u32, rules: &Rules, failed: &RangeSet) -> Self {
        if round >= rules.retries || failed.is_empty() {
            return Self::Over;
        }
        let blocks = failed.ranges().iter().flat_map(|range| pieces(*range, grain.smallest));
        Self::Retry(round, blocks.collect())
    }

    /// What to try next, alone; `None` when there is nothing left or the time of the stage is spent.
    pub(super) fn next_alone(&mut self, spent: Duration, rules: &Rules) -> Option<LbaRange> {
        let within = |seconds: u64| spent <= Duration::from_secs(seconds);
        match self {
            Self::Sweep | Self::Return | Self::Over => None,
            Self::Trim(trims) if within(rules.trim_seconds) => trims.next(),
            Self::Scrape(waiting) if within(rules.scrape_seconds) => loop {
                match waiting.last()?.next() {
                    Some(range) => return Some(range),
                    None => waiting.pop(),
                };
            },
            Self::Retry(_, waiting) if within(rules.retry_seconds) => waiting.last().copied(),
            Self::Trim(_) | Self::Scrape(_) | Self::Retry(..) => None,
        }
    }

    pub(super) fn succeed(&mut self, range: LbaRange) {
        match self {
            Self::Trim(trims) => trims.waiting.last_mut().into_iter().for_each(|trim| trim.succeed(range)),
            Self::Scrape(waiting) => waiting.last_mut().into_iter().for_each(|walk| walk.succeed(range)),
            Self::Retry(_, waiting) => drop(waiting.pop()),
            Self::Sweep | Self::Return | Self::Over => {}
        }
    }

    /// What has failed for good.
    pub(super) fn fail(&mut self, range: LbaRange) -> Option<LbaRange> {
        match self {
            Self::Trim(trims) => trims.waiting.last_mut()?.fail(range),
            Self::Scrape(waiting) => waiting.last_mut()?.fail(range),
            Self::Retry(_, waiting) => waiting.pop(),
            Self::Sweep | Self::Return | Self::Over => None,
        }
    }
}

impl Trims {
    fn next(&mut self) -> Option<LbaRange> {
        loop {
            let trim = self.waiting.last()?;
            if let Some(range) = trim.next() {
                return Some(range);
            }
            let done = self.waiting.pop();
            self.middles.extend(&done.and_then(|trim| trim.remainder()).into_iter().collect());
        }
    }
}
