//! Which blocks a verification reads: a pure function of (plan, geometry, seed), so that anybody can compute the
//! list again from the record.
//!
//! The algorithm, in full, for another program:
//!
//! 1. The stream is `ChaCha20` with the 32 bytes of the seed as key, a 64-bit block counter from 0 and a nonce of
//!    zero: `head -c SIZE /dev/zero | openssl enc -chacha20 -K SEED -iv 00000000000000000000000000000000`.
//! 2. A *number* is the next 8 bytes of the stream, little-endian.
//! 3. A *draw* below `n` takes numbers until one is below `2^64 - (2^64 mod n)`, and is that number modulo `n`.
//!    It takes a number for `n = 1` too.
//! 4. Part `i` of `p` equal parts of `N` blocks reaches from block `floor(i * N / p)` up to but without block
//!    `floor((i + 1) * N / p)`.
//! 5. *Sampled*: for each stratum in ascending order, with `m` blocks, the block at draw(`m`) in it.
//! 6. *Representative sample of Rev. 1*: for each subsection in ascending order, with `m` blocks and runs of `r`:
//!    let `f = m - 2r`, `u` = draw(`f + 2`), `v` = draw(`f + 1`), and add 1 to `v` if it is not below `u`. With
//!    `low` and `high` the smaller and the larger of both, the runs begin at `low` and at `high - 1 + r`. Every
//!    placement of two runs that do not overlap has the same probability.
//! 7. Block 0 and block `N - 1` are added. The list is the set of all these blocks as ascending ranges that
//!    neither overlap nor touch. Its digest is the SHA-256 of the canonical JSON of that list:
//!    `[{"count":1,"first":0},{"count":8,"first":93}]`.
use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest as _, Sha256};

use crate::plan::VerificationPlan;
use crate::plan::sampling::{R1_SUBSECTIONS, part};
pub use crate::plan::sampling::{describe, is_large_enough, sample_size};
use crate::unit::{BlockCount, Digest, Geometry, Lba, LbaRange, RangeSet};

/// The seed of a sample: drawn after the last flush, recorded, used once.
pub type Seed = [u8; 32];

/// The blocks that one verification reads. Costs no memory whatever the size of the drive: the ranges are
/// computed anew each time they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    draws: Draws,
    capacity: BlockCount,
    seed: Seed,
}

/// How many ranges are drawn in how many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Draws {
    Nothing,
    Everything,
    OneBlockIn { strata: u64 },
    TwoRunsIn { subsections: u64, run: u64 },
}

/// A verification plan that cannot be carried out on a drive of this shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoesNotFit {
    /// The drive has no blocks.
    NoBlocks,
    /// More strata than blocks, or none.
    Strata,
    /// Fewer than 1,000 subsections.
    Subsections,
    /// Runs shorter than 5 % of the largest subsection, or two that do not fit into the smallest.
    Runs,
}

impl fmt::Display for DoesNotFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBlocks => "a drive without blocks cannot be read back",
            Self::Strata => "the number of strata is zero or larger than the number of blocks",
            Self::Subsections => "a representative sample needs at least 1,000 subsections",
            Self::Runs => {
                "a run of the representative sample is shorter than 5 % of a subsection, or two do not fit"
            }
        })
    }
}

impl std::error::Error for DoesNotFit {}

impl Sample {
    /// The blocks that `plan` reads of a drive of this shape. The seed matters to samples only.
    ///
    /// # Errors
    /// When the plan is none that could have been made for this shape: records are read by strangers.
    pub fn new(plan: &VerificationPlan, geometry: &Geometry, seed: Seed) -> Result<Self, DoesNotFit> {
        let capacity = geometry.capacity;
        if geometry.whole().is_none() {
            return Err(DoesNotFit::NoBlocks);
        }
        let draws = match *plan {
            VerificationPlan::Canaries | VerificationPlan::None => Draws::Nothing,
            VerificationPlan::Full { .. } => Draws::Everything,
            VerificationPlan::Sampled { strata, .. } => {
                if !(1..=capacity.0).contains(&strata) {
                    return Err(DoesNotFit::Strata);
                }
                Draws::OneBlockIn { strata }
            }
            VerificationPlan::SampledR1 { subsections, run_blocks } => {
                if subsections < R1_SUBSECTIONS {
                    return Err(DoesNotFit::Subsections);
                }
                let (run, smallest) = (run_blocks.0, capacity.0 / subsections);
                let long_enough = u128::from(run) * 20 >= u128::from(capacity.0.div_ceil(subsections));
                if !long_enough || run == 0 || smallest / 2 < run {
                    return Err(DoesNotFit::Runs);
                }
                Draws::TwoRunsIn { subsections, run }
            }
        };
        Ok(Self { draws, capacity, seed })
    }

    /// The ranges in ascending order, neither overlapping nor touching: every block once.
    pub fn ranges(&self) -> Ranges {
        Ranges { raw: Raw::new(self), pending: None }
    }

    /// Number of blocks to be read, each counted once.
    pub fn wanted(&self) -> BlockCount {
        self.ranges().map(|range| range.count()).sum()
    }

    /// The whole list as a set, for samples known to be small.
    pub fn to_set(&self) -> RangeSet {
        self.ranges().collect()
    }

    /// SHA-256 of the canonical JSON of the list, as [`Digest::of_json`] gives for [`Self::to_set`], without
    /// holding the list.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        hash.update(b"[");
        for (index, range) in self.ranges().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            hash.update(format!(r#"{comma}{{"count":{},"first":{}}}"#, range.count(), range.first()));
        }
        hash.update(b"]");
        Digest(hash.finalize().into())
    }
}

/// Iterator over the ranges of a [`Sample`].
#[derive(Clone, Debug)]
pub struct Ranges {
    raw: Raw,
    pending: Option<LbaRange>,
}

impl Iterator for Ranges {
    type Item = LbaRange;

    fn next(&mut self) -> Option<LbaRange> {
        for range in self.raw.by_ref() {
            let Some(held) = self.pending else {
                self.pending = Some(range);
                continue;
            };
            if range.first() > held.end() {
                self.pending = Some(range);
                return Some(held);
            }
            self.pending = LbaRange::between(held.first(), held.end().max(range.end()));
        }
        self.pending.take()
    }
}

/// The ranges as drawn, ascending by their first block; the first and the last block may lie in a drawn range.
#[derive(Clone, Debug)]
struct Raw {
    draws: Draws,
    capacity: BlockCount,
    random: ChaCha20Rng,
    next: Step,
    second_run: Option<LbaRange>,
}

/// Where the drawing stands.
#[derive(Clone, Copy, Debug)]
enum Step {
    FirstBlock,
    Part(u64),
    LastBlock,
    Over,
}

impl Raw {
    fn new(sample: &Sample) -> Self {
        let next = match sample.draws {
            Draws::Nothing => Step::Over,
            Draws::Everything | Draws::OneBlockIn { .. } | Draws::TwoRunsIn { .. } => Step::FirstBlock,
        };
        Self {
            draws: sample.draws,
            capacity: sample.capacity,
            random: ChaCha20Rng::from_seed(sample.seed),
            next,
            second_run: None,
        }
    }

    fn draw_in_part(&mut self, index: u64) -> Option<LbaRange> {
        match self.draws {
            Draws::Nothing => None,
            Draws::Everything => part(index, 1, self.capacity),
            Draws::OneBlockIn { strata } => {
                let stratum = part(index, strata, self.capacity)?;
                let offset = draw(&mut self.random, stratum.count().0);
                LbaRange::single(Lba(stratum.first().0 + offset))
            }
            Draws::TwoRunsIn { subsections, run } => {
                let section = part(index, subsections, self.capacity)?;
                let starts = two_runs(&mut self.random, section.count().0, run);
                let at = |start: u64| LbaRange::new(Lba(section.first().0 + start), BlockCount(run));
                self.second_run = at(starts.1);
                at(starts.0)
            }
        }
    }
}

impl Iterator for Raw {
    type Item = LbaRange;

    fn next(&mut self) -> Option<LbaRange> {
        if let Some(run) = self.second_run.take() {
            return Some(run);
        }
        match self.next {
            Step::FirstBlock => {
                self.next = Step::Part(0);
                LbaRange::single(Lba(0))
            }
            Step::Part(index) => {
                if let Some(range) = self.draw_in_part(index) {
                    self.next = Step::Part(index + 1);
                    return Some(range);
                }
                self.next = Step::LastBlock;
                self.next()
            }
            Step::LastBlock => {
                self.next = Step::Over;
                self.capacity.0.checked_sub(1).and_then(|last| LbaRange::single(Lba(last)))
            }
            Step::Over => None,
        }
    }
}

/// A number below `bound` (at least 1), every one with the same probability.
fn draw(random: &mut impl Rng, bound: u64) -> u64 {
    // 2^64 mod bound, in 64 bits; numbers in the incomplete last stretch of `bound` are taken again.
    let remainder = (u64::MAX % bound + 1) % bound;
    loop {
        let mut bytes = [0; 8];
        random.fill_bytes(&mut bytes);
        let number = u64::from_le_bytes(bytes);
        if number <= u64::MAX - remainder {
            return number % bound;
        }
    }
}

/// Where two runs of `run` blocks begin that do not overlap within `blocks` blocks, of which there are at least
/// `2 * run`: every placement with the same probability.
fn two_runs(random: &mut impl Rng, blocks: u64, run: u64) -> (u64, u64) {
    let free = blocks - 2 * run;
    let first = draw(random, free + 2);
    let mut second = draw(random, free + 1);
    if second >= first {
        second += 1;
    }
    (first.min(second), first.max(second) - 1 + run)
}

#[cfg(test)]
mod tests;
