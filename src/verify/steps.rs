//! What the commands of a drive came to, and whether that bears out a claim: the drive's own word, what shows that it
//! belongs to our command, and the canaries, which no word can replace.
use serde::{Deserialize, Serialize};

use super::VerificationTally;
use crate::command::DriveCommand;
use crate::engine::firmware::{Before, CommandReport, Conclusion};
use crate::plan::{Plan, VerificationPlan};
use crate::unit::{BlockCount, Geometry, Pattern, RangeSet, Reason, ReasonCode};

/// Blocks with unique data that must be gone after a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Canaries {
    /// What they held: a keyed stream with a key of its own, drawn for this command and used for nothing else.
    pub pattern: Pattern,
    /// Blocks that were written, flushed, and read back as written before the command.
    pub planted: RangeSet,
    /// Their reading after the command against the same pattern: what matches has survived. `None` when they were not
    /// read.
    pub after: Option<VerificationTally>,
}

/// One command as it was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StepTally {
    /// The command.
    pub command: DriveCommand,
    /// What the drive was like right before it.
    pub before: Before,
    /// What it came to; `None` when that was never reported.
    pub report: Option<CommandReport>,
    /// The canaries; `None` when none were planned.
    pub canaries: Option<Canaries>,
}

/// What the canaries tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryWord {
    /// Every one that was planted is readable and holds something else, and they were enough.
    AllChanged,
    /// Not one can be read any more, all could right before the command, and they were enough.
    AllUnreadable,
    /// None survived, but some could not be read.
    NoneSeen,
    /// At least one still holds what was planted.
    Survived,
    /// Too few were planted to tell anything, or not all were read.
    Silent,
}

/// What the plan asks of the canaries of a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How many were planned.
    pub canaries: u32,
    /// Blocks of the drive.
    pub capacity: BlockCount,
}

impl Demand {
    /// Whether so many blocks were planted that a command which spares part of the drive would hardly miss all of them:
    /// the first block, the last, and three quarters of those that were planned.
    pub fn is_met_by(&self, planted: &RangeSet) -> bool {
        let wanted = u64::from(self.canaries).min(self.capacity.0);
        let both_ends = planted.first().map(|lba| lba.0) == Some(0)
            && planted.last().map(|lba| lba.0) == self.capacity.0.checked_sub(1);
        wanted > 0 && both_ends && planted.count().0.saturating_mul(4) >= wanted.saturating_mul(3)
    }
}

impl Canaries {
    /// What they tell.
    pub fn word(&self, demand: &Demand) -> CanaryWord {
        let Some(after) = &self.after else { return CanaryWord::Silent };
        if !after.matched.is_zero() {
            return CanaryWord::Survived;
        }
        let read = after.mismatched.count() + after.unreadable.count();
        if !demand.is_met_by(&self.planted) || after.wanted != self.planted.count() || read != after.wanted {
            return CanaryWord::Silent;
        }
        if after.mismatched == self.planted {
            CanaryWord::AllChanged
        } else if after.unreadable == self.planted {
            CanaryWord::AllUnreadable
        } else {
            CanaryWord::NoneSeen
        }
    }

    /// Whether the counts are of this drive and these blocks.
    fn accounts_for(&self, geometry: &Geometry) -> bool {
        let whole = geometry.whole();
        let inside =
            |set: &RangeSet| set.last().is_none_or(|last| whole.is_some_and(|whole| whole.contains(last)));
        inside(&self.planted) && self.after.as_ref().is_none_or(|after| after.accounts_for(geometry))
    }
}

/// What one step proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepWord {
    /// It was carried out: the drive says so, it was ours, and no canary survived.
    Proven,
    /// The drive did not begin it; nothing was destroyed by it.
    NotStarted(Reason),
    /// The drive failed, or lied.
    Failed(Reason),
    /// Nobody knows.
    Unknown(Reason),
}

/// What a step proves, by the drive's word and the canaries. What else is compared afterwards decides whether missing
/// canaries matter: where only they can be compared, there is no proof without them. What the host wrote over the
/// drive afterwards proves nothing about the command before it.
pub fn step_word(step: &StepTally, compared: Compared, demand: &Demand) -> StepWord {
    let Some(report) = &step.report else {
        return StepWord::Unknown(unknown("the end of the drive's command was never reported"));
    };
    let canaries = step.canaries.as_ref().map_or(CanaryWord::Silent, |canaries| canaries.word(demand));
    match (&report.conclusion, canaries) {
        (Conclusion::NotStarted { reason }, _) => StepWord::NotStarted(reason.clone()),
        (Conclusion::Failed { reason }, _) => StepWord::Failed(reason.clone()),
        (Conclusion::Unknown { reason }, _) => StepWord::Unknown(reason.clone()),
        (Conclusion::Confirmed | Conclusion::Claimed, CanaryWord::Survived) => StepWord::Failed(lied(step)),
        (Conclusion::Confirmed | Conclusion::Claimed, CanaryWord::AllChanged) => StepWord::Proven,
        (Conclusion::Confirmed, CanaryWord::AllUnreadable) => match compared {
            // Reads that fail until written are what some drives announce after an erase.
            Compared::Blocks | Compared::Rewritten => StepWord::Proven,
            Compared::CanariesOnly => StepWord::Unknown(unknown(NOTHING_SEEN)),
        },
        (Conclusion::Confirmed, CanaryWord::NoneSeen | CanaryWord::Silent) => match compared {
            Compared::Blocks => StepWord::Proven,
            Compared::Rewritten | Compared::CanariesOnly => StepWord::Unknown(unknown(NOTHING_SEEN)),
        },
        (Conclusion::Claimed, CanaryWord::AllUnreadable | CanaryWord::NoneSeen | CanaryWord::Silent) => {
            StepWord::Unknown(unknown(
                "the drive says that it is done, but nothing shows that it did anything for this command",
            ))
        }
    }
}

const NOTHING_SEEN: &str = "the drive says that it is done, but its canaries could not be compared before and after, \
                            and nothing else that the command left behind is compared";

/// What is compared after a command, besides its canaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Blocks, all or by sample, with what the command must have left in them.
    Blocks,
    /// Blocks, with what the host wrote over them.
    Rewritten,
    /// Nothing.
    CanariesOnly,
}

impl Compared {
    /// What is compared after the command of this number, from 0, of a plan: only the last leaves anything that is read.
    pub fn after(plan: &Plan, step: usize) -> Self {
        let reads = match plan.verification {
            VerificationPlan::Full { .. }
            | VerificationPlan::SampledR1 { .. }
            | VerificationPlan::Sampled { .. } => true,
            VerificationPlan::Canaries | VerificationPlan::None => false,
        };
        let last = step + 1 == plan.commands().len();
        match (reads, plan.passes.is_empty(), last) {
            (true, true, true) => Self::Blocks,
            (true, false, true) => Self::Rewritten,
            (false, _, _) | (true, _, false) => Self::CanariesOnly,
        }
    }
}

/// What a plan asks of canaries.
pub fn demand(plan: &Plan) -> Demand {
    let canaries = plan.firmware.as_ref().map_or(0, |firmware| firmware.canaries);
    Demand { canaries, capacity: plan.geometry.capacity }
}

/// Whether every count of a step fits the drive.
pub fn accounts_for(step: &StepTally, geometry: &Geometry) -> bool {
    step.canaries.as_ref().is_none_or(|canaries| canaries.accounts_for(geometry))
}

fn unknown(text: &str) -> Reason {
    Reason::new(
        ReasonCode::FirmwareUnknown,
        text,
        "treat the drive as not sanitized; look at its state with expunge inspect, then sanitize it again or destroy it",
    )
}

fn lied(step: &StepTally) -> Reason {
    let survived = |canaries: &Canaries| {
        let mut still = canaries.planted.clone();
        if let Some(after) = &canaries.after {
            still.subtract(&after.mismatched);
            still.subtract(&after.unreadable);
        }
        (still.count(), still.first())
    };
    let (count, first) = step.canaries.as_ref().map_or((BlockCount::ZERO, None), survived);
    let first = first.map_or_else(String::new, |lba| format!(", first LBA {lba}"));
    Reason::new(
        ReasonCode::FirmwareLied,
        format!(
            "the drive lies: it says that the command succeeded, and {count} blocks that were written right before it \
             still hold what they held{first}"
        ),
        "destroy the drive: its firmware cannot be trusted to erase anything",
    )
}

#[cfg(test)]
mod tests;
