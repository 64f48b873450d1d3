//! Whether the outcome goes with what the drive's counters say of defects that grew, under the rule of the plan.
use super::finding::{Finding, FindingCode};
use super::limits::has_worsened;
use crate::certificate::record::Record;
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
    let blamed = record.reasons.iter().any(|reason| reason.code == ReasonCode::DefectsGrew);
    // A sitting before an interruption may have seen what the drive does not say any more.
    if blamed && !((grew || !record.interruptions.is_empty()) && counts) {
        let text =
            "defects that grew are given as a reason, but the counters or the plan do not bear that out";
        out.push(Finding::error(FindingCode::Outcome, text));
    }
}

/// Whether growth counts against a job of this plan.
fn counts_against(plan: &Plan) -> bool {
    let missed =
        matches!(plan.technique, Technique::Overwrite | Technique::SecurityErase | Technique::Format);
    missed && plan.rules().defect_growth == GrowthRule::Fail
}
