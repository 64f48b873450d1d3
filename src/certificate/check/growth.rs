//! Whether the outcome goes with what the drive's counters say of defects that grew, under the rule of the plan.
use super::finding::{Finding, FindingCode};
use super::limits::has_worsened;
use crate::certificate::record::Record;
use crate::device::capability::Health;
use crate::plan::Plan;
use crate::plan::growth::GrowthRule;
use crate::unit::ReasonCode;
use crate::unit::term::{Outcome, Technique, word};

/// Growth keeps a job from being done where the rule says so and the technique need not reach what was remapped; and nothing
/// is blamed on growth that the counters do not show.
pub(super) fn growth(record: &Record, out: &mut Vec<Finding>) {
    let Some(plan) = &record.plan else { return };
    let told = record.firmware.as_ref();
    let counted = told.and_then(|told| told.before.as_ref().zip(told.after.as_ref()));
    let grew = counted.is_some_and(|(before, after)| has_worsened(&before.health, &after.health));
    let counts = counts_against(plan);
    if grew && counts && matches!(record.outcome, Outcome::Done | Outcome::Written) {
        let text = format!(
            "the outcome is {}, but defects grew while the job ran, and the plan says defect-growth=fail",
            word(record.outcome)
        );
        out.push(Finding::error(FindingCode::Outcome, text));
    }
    let [before, after] = told.map_or([None, None], |told| {
        [&told.before, &told.after].map(|told| told.as_ref().map(|told| &told.health))
    });
    let lost = is_lost(before, after);
    if lost && !grew && counts && matches!(record.outcome, Outcome::Done | Outcome::Written) {
        let text = format!(
            "the outcome is {}, but the drive counted its defects before and not after, and the plan says defect-growth=fail",
            word(record.outcome)
        );
        out.push(Finding::error(FindingCode::Outcome, text));
    }
    let interrupted = !record.interruptions.is_empty();
    let untold = record.reasons.iter().any(|reason| reason.code == ReasonCode::DefectsNotTold);
    if untold && !((lost || interrupted) && counts) {
        let text = "a counter of defects that is missing is given as a reason, but the answers or the plan do not bear that out";
        out.push(Finding::error(FindingCode::Outcome, text));
    }
    let blamed = record.reasons.iter().any(|reason| reason.code == ReasonCode::DefectsGrew);
    // A sitting before an interruption may have seen what the drive does not say any more.
    if blamed && !((grew || interrupted) && counts) {
        let text =
            "defects that grew are given as a reason, but the counters or the plan do not bear that out";
        out.push(Finding::error(FindingCode::Outcome, text));
    }
}

/// Whether a counter that was told before is missing after, or is one that fell and cannot. Sectors that wait are fewer once
/// they are written; those that were remapped never are.
fn is_lost(before: Option<&Health>, after: Option<&Health>) -> bool {
    let Some(before) = before else { return false };
    let reallocated = after.and_then(|after| after.reallocated);
    let pending = after.and_then(|after| after.pending);
    let fell = before.reallocated.is_some_and(|count| reallocated.is_none_or(|now| now < count));
    fell || (before.pending.is_some() && pending.is_none())
}

/// Whether a success must say that defects may have grown unseen: where the technique misses them, and a counter is gone; or
/// where the plan does not let growth pass and there was never one.
pub fn leaves_growth_open(
    plan: &Plan,
    outcome: Outcome,
    before: Option<&Health>,
    after: Option<&Health>,
) -> bool {
    let counts = |health: &Health| health.reallocated.is_some() || health.pending.is_some();
    let never = !before.is_some_and(counts);
    let open = is_lost(before, after) || (never && counts_against(plan));
    open && misses_remapped(plan) && matches!(outcome, Outcome::Done | Outcome::Written)
}

/// Whether growth counts against a job of this plan.
fn counts_against(plan: &Plan) -> bool {
    misses_remapped(plan) && plan.rules().defect_growth == GrowthRule::Fail
}

const fn misses_remapped(plan: &Plan) -> bool {
    matches!(plan.technique, Technique::Overwrite | Technique::SecurityErase | Technique::Format)
}
