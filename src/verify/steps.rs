//! What the commands of a drive came to, and whether that bears out a claim: the drive's own word, what shows that it
//! belongs to our command, and the canaries, which no word can replace.
use serde::{Deserialize, Serialize};

use super::VerificationTally;
use crate::command::DriveCommand;
use crate::engine::firmware::{Before, CommandReport, Conclusion};
use crate::plan::firmware::FirmwarePlan;
use crate::plan::{Plan, VerificationPlan};
use crate::unit::{BlockCount, Digest, Geometry, Pattern, RangeSet, Reason, ReasonCode};

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
    /// Those in other units of the drive, where the command is to reach them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<UnitCanaries>,
}

/// Canaries in another unit of the drive. Nothing else is compared there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UnitCanaries {
    /// The unit, by the name that the plan has for it.
    pub unit: String,
    /// Its shape.
    pub geometry: Geometry,
    /// What they held: a keyed stream with a key of its own.
    pub pattern: Pattern,
    /// Blocks that were written, flushed, and read back as written before the command.
    pub planted: RangeSet,
    /// Their reading after the command; `None` when they were not read.
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
    /// What those in this unit tell.
    pub fn word(&self, demand: &Demand) -> CanaryWord {
        word(&self.planted, self.after.as_ref(), demand)
    }

    /// Whether all that were planted were read, in every unit.
    pub fn are_read(&self) -> bool {
        let others = self.others.iter().map(|unit| (&unit.planted, &unit.after));
        others.chain([(&self.planted, &self.after)]).all(|(set, after)| set.is_empty() || after.is_some())
    }

    /// Whether the counts are of this drive and these blocks.
    fn accounts_for(&self, geometry: &Geometry) -> bool {
        let others = self.others.iter().all(|unit| {
            let these = |after: &VerificationTally| after.wanted_digest == Digest::of_json(&unit.planted);
            account_for(&unit.planted, unit.after.as_ref(), &unit.geometry)
                && unit.after.as_ref().is_none_or(these)
        });
        others && account_for(&self.planted, self.after.as_ref(), geometry)
    }
}

impl UnitCanaries {
    /// What they tell: as many as in the unit that was named are asked for.
    pub fn word(&self, demand: &Demand) -> CanaryWord {
        let own = Demand { capacity: self.geometry.capacity, ..*demand };
        word(&self.planted, self.after.as_ref(), &own)
    }
}

fn word(planted: &RangeSet, after: Option<&VerificationTally>, demand: &Demand) -> CanaryWord {
    let Some(after) = after else { return CanaryWord::Silent };
    if !after.matched.is_zero() {
        return CanaryWord::Survived;
    }
    let read = after.mismatched.count() + after.unreadable.count();
    if !demand.is_met_by(planted) || after.wanted != planted.count() || read != after.wanted {
        return CanaryWord::Silent;
    }
    if after.mismatched == *planted {
        CanaryWord::AllChanged
    } else if after.unreadable == *planted {
        CanaryWord::AllUnreadable
    } else {
        CanaryWord::NoneSeen
    }
}

fn account_for(planted: &RangeSet, after: Option<&VerificationTally>, geometry: &Geometry) -> bool {
    let whole = geometry.whole();
    let inside = planted.last().is_none_or(|last| whole.is_some_and(|whole| whole.contains(last)));
    inside && after.is_none_or(|after| after.accounts_for(geometry))
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
    if matches!(report.conclusion, Conclusion::Confirmed | Conclusion::Claimed)
        && let Some(word) = others_word(step, demand)
    {
        return word;
    }
    let canaries = step.canaries.as_ref().map_or(CanaryWord::Silent, |canaries| canaries.word(demand));
    match (&report.conclusion, canaries) {
        (Conclusion::NotStarted { reason }, _) => StepWord::NotStarted(reason.clone()),
        (Conclusion::Failed { reason }, _) => StepWord::Failed(reason.clone()),
        (Conclusion::Unknown { reason }, _) => StepWord::Unknown(reason.clone()),
        (Conclusion::Confirmed | Conclusion::Claimed, CanaryWord::Survived) => StepWord::Failed(lied(step)),
        (Conclusion::Confirmed | Conclusion::Claimed, CanaryWord::AllChanged) => StepWord::Proven,
        (Conclusion::Confirmed, CanaryWord::AllUnreadable) => match compared {
            // Reads that fail until written are what some drives announce after an erase.
            Compared::Blocks | Compared::Rewritten | Compared::Later => StepWord::Proven,
            Compared::CanariesOnly => StepWord::Unknown(unknown(NOTHING_SEEN)),
        },
        (Conclusion::Confirmed, CanaryWord::NoneSeen | CanaryWord::Silent) => match compared {
            Compared::Blocks | Compared::Later => StepWord::Proven,
            Compared::Rewritten | Compared::CanariesOnly => StepWord::Unknown(unknown(NOTHING_SEEN)),
        },
        (Conclusion::Claimed, CanaryWord::AllUnreadable | CanaryWord::NoneSeen | CanaryWord::Silent) => {
            StepWord::Unknown(unknown(
                "the drive says that it is done, but nothing shows that it did anything for this command",
            ))
        }
    }
}

/// What the canaries in other units say against a step that is said to be done; `None` when nothing. Only they are compared
/// there, so that one that cannot be read is missing.
fn others_word(step: &StepTally, demand: &Demand) -> Option<StepWord> {
    let canaries = step.canaries.as_ref()?;
    let words = || canaries.others.iter().map(|unit| (unit, unit.word(demand)));
    if let Some((unit, _)) = words().find(|(_, word)| *word == CanaryWord::Survived) {
        return Some(StepWord::Failed(lies(
            &unit.planted,
            unit.after.as_ref(),
            &format!("in {} ", unit.unit),
        )));
    }
    if canaries.word(demand) == CanaryWord::Survived {
        return None;
    }
    let (unit, _) = words().find(|(_, word)| *word != CanaryWord::AllChanged)?;
    let text = format!("the drive says that it is done, but nothing shows it for {}", unit.unit);
    Some(StepWord::Unknown(unknown(&text)))
}

/// Why a step that was carried out does not show what the plan claims: a unit in which it had no canaries.
pub fn uncovered(step: &StepTally, plan: &FirmwarePlan) -> Option<Reason> {
    let others = step.canaries.as_ref().map(|canaries| canaries.others.as_slice()).unwrap_or_default();
    let has = |name: &String| others.iter().any(|unit| unit.unit == *name);
    let missing = plan.compared_units().iter().find(|name| !has(name))?;
    Some(unknown(&format!(
        "the drive says that it is done, but {missing} had no canaries that could show it"
    )))
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
    /// Nothing here: another command follows, whose effect is what is claimed. The drive's word with its proof is enough for
    /// one that prepares it, such as the revert of a locked drive on which no canary can be written.
    Later,
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
        let claimed = plan.commands().last().map(DriveCommand::technique) == Some(plan.technique);
        if !last && claimed {
            return Self::Later;
        }
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
    match &step.canaries {
        Some(canaries) => lies(&canaries.planted, canaries.after.as_ref(), ""),
        None => lies(&RangeSet::new(), None, ""),
    }
}

/// `place` names another unit (`in namespace 2 `), or nothing.
fn lies(planted: &RangeSet, after: Option<&VerificationTally>, place: &str) -> Reason {
    let mut still = planted.clone();
    if let Some(after) = after {
        still.subtract(&after.mismatched);
        still.subtract(&after.unreadable);
    }
    let count = still.count();
    let first = still.first().map_or_else(String::new, |lba| format!(", first LBA {lba}"));
    Reason::new(
        ReasonCode::FirmwareLied,
        format!(
            "{place}the drive lies: it says that the command succeeded, and {count} blocks that were written right before it \
             still hold what they held{first}"
        ),
        "destroy the drive: its firmware cannot be trusted to erase anything",
    )
}

#[cfg(test)]
mod tests;
