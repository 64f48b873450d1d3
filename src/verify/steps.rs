//! What the commands of a drive came to, and whether that bears out a claim: the drive's own word, what shows that it
//! belongs to our command, and the canaries, which no word can replace.
use serde::{Deserialize, Serialize};

use super::VerificationTally;
use crate::command::DriveCommand;
use crate::engine::firmware::{Before, CommandReport, Conclusion};
use crate::plan::Plan;
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
    /// Every one that was planted is readable and holds something else.
    AllChanged,
    /// None survived, but some could not be read.
    NoneSeen,
    /// At least one still holds what was planted.
    Survived,
    /// None was planted, or they were not read.
    Silent,
}

impl Canaries {
    /// What they tell.
    pub fn word(&self) -> CanaryWord {
        let Some(after) = &self.after else { return CanaryWord::Silent };
        let planted = self.planted.count();
        if !after.matched.is_zero() {
            return CanaryWord::Survived;
        }
        if planted.is_zero() || after.wanted != planted {
            return CanaryWord::Silent;
        }
        if after.mismatched == self.planted { CanaryWord::AllChanged } else { CanaryWord::NoneSeen }
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
/// canaries matter: where only they can be compared, there is no proof without them.
pub fn step_word(step: &StepTally, compared: Compared) -> StepWord {
    let Some(report) = &step.report else {
        return StepWord::Unknown(unknown("the end of the drive's command was never reported"));
    };
    let canaries = step.canaries.as_ref().map_or(CanaryWord::Silent, Canaries::word);
    match (&report.conclusion, canaries) {
        (Conclusion::NotStarted { reason }, _) => StepWord::NotStarted(reason.clone()),
        (Conclusion::Failed { reason }, _) => StepWord::Failed(reason.clone()),
        (Conclusion::Unknown { reason }, _) => StepWord::Unknown(reason.clone()),
        (Conclusion::Claimed, CanaryWord::Survived) if !was_sent(step, report) => StepWord::Unknown(unknown(
            "the host was interrupted when it was about to send the command, and blocks that were written before still \
                 hold what they held: the drive did not carry it out, or never got it",
        )),
        (Conclusion::Confirmed | Conclusion::Claimed, CanaryWord::Survived) => StepWord::Failed(lied(step)),
        (Conclusion::Confirmed | Conclusion::Claimed, CanaryWord::AllChanged) => StepWord::Proven,
        (Conclusion::Confirmed, CanaryWord::NoneSeen | CanaryWord::Silent) => match compared {
            Compared::Blocks => StepWord::Proven,
            Compared::CanariesOnly => StepWord::Unknown(unknown(
                "the drive says that it is done, but no canary could be read before and after, and nothing else \
                     is compared after this command",
            )),
        },
        (Conclusion::Claimed, CanaryWord::NoneSeen | CanaryWord::Silent) => StepWord::Unknown(unknown(
            "the drive says that it is done, but nothing shows that it did anything for this command",
        )),
    }
}

/// Whether the command itself is among what is quoted, and was not only followed. Of a revert only the method call is
/// known beforehand, and that is not quoted: what is called claimed was answered.
fn was_sent(step: &StepTally, report: &CommandReport) -> bool {
    let written = step.command.written();
    let mut blocks = written.iter().filter(|bytes| !bytes.starts_with("data ")).peekable();
    blocks.peek().is_none()
        || blocks.any(|bytes| report.exchanges.iter().any(|exchange| exchange.command == *bytes))
}

/// What is compared after the last command, besides the canaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Blocks, all or by sample, with what they must hold.
    Blocks,
    /// Nothing.
    CanariesOnly,
}

/// Whether something was seen of what the commands did before passes were written over it: what is read after a pass shows
/// the pass. Canaries that could not be read any more have not survived either.
pub fn seen_before_passes(plan: &Plan, steps: &[StepTally]) -> bool {
    let word = |step: &StepTally| step.canaries.as_ref().map_or(CanaryWord::Silent, Canaries::word);
    let seen = |step: &StepTally| matches!(word(step), CanaryWord::AllChanged | CanaryWord::NoneSeen);
    plan.passes.is_empty() || steps.is_empty() || steps.iter().any(seen)
}

/// Whether every count of a step fits the drive.
pub fn accounts_for(step: &StepTally, geometry: &Geometry) -> bool {
    step.canaries.as_ref().is_none_or(|canaries| canaries.accounts_for(geometry))
}

pub(super) fn unknown(text: &str) -> Reason {
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
