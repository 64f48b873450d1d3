//! What a drive does to its own cells: which, with what, how long, and how far it tells that it is.
use std::ops::Range;

use super::bytes::{index, low16};
use super::media::{Fill, Media};
use super::quirk::{FailureMode, Quirk};

/// What kind of operation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Sanitize: block erase.
    BlockErase,
    /// Sanitize: cryptographic erase.
    CryptoErase,
    /// Sanitize: overwrite.
    Overwrite,
    /// Format NVM, FORMAT UNIT.
    Format,
    /// ATA Security Erase.
    SecurityErase,
}

impl Work {
    /// Whether it goes on after a loss of power.
    pub(super) const fn survives_power(self) -> bool {
        match self {
            Self::BlockErase | Self::CryptoErase | Self::Overwrite => true,
            Self::Format | Self::SecurityErase => false,
        }
    }
}

/// Which cells an operation is meant to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// All, whether an address leads to them or not.
    Everything,
    /// Those that these addresses lead to.
    Slots(Vec<Range<u64>>),
}

/// What becomes of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// It stays.
    Keep,
    /// Addresses lead nowhere afterwards.
    Forget,
}

/// An operation as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) reach: Reach,
    /// What each pass leaves, in order; at least one.
    pub(super) passes: Vec<Fill>,
    pub(super) mapping: Mapping,
    pub(super) duration_ms: u64,
    pub(super) failure: FailureMode,
}

impl Job {
    /// The passes of an overwrite: the pattern, inverted in every second pass where that is asked for.
    pub(super) fn overwrite_passes(pattern: [u8; 4], count: u8, invert: Invert) -> Vec<Fill> {
        let inverted = pattern.map(|byte| !byte);
        let turned = |pass: u8| match invert {
            Invert::Never => false,
            Invert::EverySecond => pass % 2 == 1,
            // The last pass is the pattern itself, whatever the number of passes.
            Invert::EndingPlain => (count - 1 - pass) % 2 == 1,
        };
        (0..count).map(|pass| Fill::Pattern(if turned(pass) { inverted } else { pattern })).collect()
    }
}

/// How an overwrite inverts its pattern between passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invert {
    Never,
    EverySecond,
    EndingPlain,
}

/// An operation that is running.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) job: Job,
    /// Cells that it will really reach.
    cells: Vec<u32>,
    /// Cells done, over all passes.
    done: u64,
    pub(super) spent_ms: u64,
}

/// A progress of 65,536 as time of a duration.
pub(super) fn at_ms(at: u16, duration_ms: u64) -> u64 {
    scaled(u64::from(at), duration_ms, 65_536)
}

fn scaled(value: u64, times: u64, of: u64) -> u64 {
    let exact = u128::from(value) * u128::from(times) / u128::from(of.max(1));
    u64::try_from(exact).unwrap_or(u64::MAX)
}

impl Running {
    pub(super) fn new(job: Job, cells: Vec<u32>) -> Self {
        Self { job, cells, done: 0, spent_ms: 0 }
    }

    /// Passes that are complete.
    pub(super) fn passes_done(&self) -> u64 {
        self.done / (self.cells.len() as u64).max(1)
    }

    /// Erases what the time that was spent is enough for, but no further than a drive that hangs comes.
    pub(super) fn apply(&mut self, media: &mut Media, hangs_at: Option<u16>) {
        let cells = self.cells.len() as u64;
        let total = cells * self.job.passes.len() as u64;
        let duration = self.job.duration_ms;
        let spent = hangs_at.map_or(self.spent_ms, |at| self.spent_ms.min(at_ms(at, duration)));
        // The key is destroyed first.
        let target = if self.job.work == Work::CryptoErase || duration == 0 {
            total
        } else {
            scaled(total, spent.min(duration), duration)
        };
        while self.done < target {
            let cell = self.cells[index(self.done % cells)];
            media.fill(cell, self.job.passes[index(self.done / cells)]);
            self.done += 1;
        }
    }

    /// True progress, at most 65,534.
    fn true_progress(&self) -> u16 {
        low16(scaled(self.spent_ms, 65_536, self.job.duration_ms).min(65_534))
    }

    /// The progress that the drive tells.
    pub(super) fn told_progress(&self, quirks: &[Quirk]) -> u16 {
        let mut told = self.true_progress();
        for quirk in quirks {
            match *quirk {
                Quirk::ProgressFreezes { at } | Quirk::NeverEnds { at } => told = told.min(at),
                Quirk::ProgressJumps { at, to } if told >= at => told = told.max(to),
                Quirk::ProgressFullWhileRunning => told = u16::MAX,
                Quirk::ProgressStepsBack { at } if told >= at => told /= 2,
                _ => {}
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverted_passes_end_on_the_pattern_only_when_that_is_asked_for() {
        let plain = Fill::Pattern([0x0F, 0, 0xFF, 1]);
        let inverted = Fill::Pattern([0xF0, 0xFF, 0, 0xFE]);
        let passes = |count, invert| Job::overwrite_passes([0x0F, 0, 0xFF, 1], count, invert);
        assert_eq!(passes(3, Invert::Never), [plain, plain, plain]);
        assert_eq!(passes(2, Invert::EverySecond), [plain, inverted]);
        assert_eq!(passes(2, Invert::EndingPlain), [inverted, plain]);
        assert_eq!(passes(3, Invert::EndingPlain), [plain, inverted, plain]);
    }
}
