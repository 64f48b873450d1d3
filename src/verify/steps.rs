//! What the commands of a drive came to, and whether that bears out a claim: the drive's own word, what shows that it
//! belongs to our command, and the canaries, which no word can replace.
use serde::{Deserialize, Serialize};

pub use super::canaries::{Canaries, CanaryWord, Demand, UnitCanaries, demand};
use crate::command::DriveCommand;
use crate::engine::firmware::{Before, CommandReport, Conclusion};
use crate::plan::firmware::FirmwarePlan;
use crate::plan::{Plan, VerificationPlan};
use crate::unit::term::Technique;
use crate::unit::{Geometry, Reason, ReasonCode};

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
    let canaries = step.canaries.as_ref();
    let word = canaries.map_or(CanaryWord::Silent, |canaries| canaries.word(demand));
    match (&report.conclusion, word) {
        (Conclusion::NotStarted { reason }, _) => StepWord::NotStarted(reason.clone()),
        (Conclusion::Failed { reason }, _) => StepWord::Failed(reason.clone()),
        (Conclusion::Unknown { reason }, _) => StepWord::Unknown(reason.clone()),
        (Conclusion::Confirmed | Conclusion::Claimed, CanaryWord::Survived)
            if step.command.technique() == Technique::SecurityEraseEnhanced
                && canaries.is_some_and(Canaries::are_all_fingerprints_unchanged) =>
        {
            StepWord::Unknown(unknown(MAKERS_PATTERN))
        }
        (Conclusion::Confirmed | Conclusion::Claimed, CanaryWord::Survived) => canaries
            .map_or_else(|| StepWord::Unknown(unknown(NOTHING_SEEN)), |one| StepWord::Failed(one.lies())),
        (Conclusion::Confirmed | Conclusion::Claimed, CanaryWord::LeftBefore) => {
            StepWord::Unknown(unknown(LEFT_BEFORE))
        }
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
        return Some(StepWord::Failed(unit.lies()));
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

const MAKERS_PATTERN: &str = "the drive says that it is done, and all blocks hold what they held right before; this command writes a pattern of \
                              the maker's choice, and a drive that was erased so before holds just that: nothing shows whether the \
                              drive did anything";

const LEFT_BEFORE: &str = "the drive says that it is done, and blocks still hold what they held right before; but this job had sent its \
                           commands before an interruption, and what they leave may be the same each time: nothing shows whether \
                           the drive did anything";

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

#[cfg(test)]
mod tests;
