//! Whether what a record claims follows from what else it says.
use super::finding::{Finding, FindingCode};
use crate::certificate::provenance::SelfTest;
use crate::certificate::record::{DriveRecord, Record};
use crate::plan::Plan;
use crate::unit::Geometry;
use crate::unit::term::{Disposition, Method, Outcome, Technique, word};

/// Plan, claim, disposition, reasons and self-test against the outcome.
pub(super) fn claim(record: &Record, out: &mut Vec<Finding>) {
    plan_fits(record, out);
    claim_fits(record, out);
    let done = record.outcome == Outcome::Done;
    let destroy_due = record.outcome == Outcome::Unsanitizable;
    if done != (record.disposition == Disposition::Releasable)
        || (destroy_due && record.disposition != Disposition::ToDestroy)
    {
        let text = format!(
            "the outcome is {}, but the drive is called {}",
            word(record.outcome),
            word(record.disposition)
        );
        out.push(Finding::error(FindingCode::Disposition, text));
    }
    let needs_reason = !done && record.outcome != Outcome::Written;
    if needs_reason == record.reasons.is_empty() {
        let text =
            format!("the outcome is {}, with {} reasons why not", word(record.outcome), record.reasons.len());
        out.push(Finding::error(FindingCode::Outcome, text));
    }
    // A self-test in which nothing was tested is none.
    let bad = |test: &SelfTest| !test.failed.is_empty() || test.passed.is_empty();
    let untested = record.provenance.self_test.as_ref().is_none_or(bad);
    if done && untested {
        let text = "the outcome is done, but the self-test failed or was not run";
        out.push(Finding::error(FindingCode::SelfTest, text));
    }
    identity_fits(record, out);
    limits_are_stated(record, out);
}

fn plan_fits(record: &Record, out: &mut Vec<Finding>) {
    let mut wrong = |text: &str| out.push(Finding::error(FindingCode::Plan, text));
    if record.plan_digest != record.plan.as_ref().map(Plan::digest) {
        wrong("the digest of the plan is not the one of the plan in the record");
    }
    let Some(plan) = &record.plan else {
        if !record.passes.is_empty() || record.verification.is_some() {
            wrong("passes without a plan");
        }
        return;
    };
    if plan.identity.stable() != record.drive.identity_before.stable()
        || plan.kind != record.drive.kind
        || !is_planned_for(plan, &record.drive)
    {
        wrong("the plan is for another drive than the one in the record");
    }
}

/// The shape of the plan is that of the drive, with the hidden blocks that are to be restored.
fn is_planned_for(plan: &Plan, drive: &DriveRecord) -> bool {
    let restore = plan.firmware.as_ref().and_then(|firmware| firmware.restore);
    match (restore, drive.geometry) {
        (None, found) => Some(plan.geometry) == found,
        (Some(restore), Some(found)) => {
            let whole = Geometry { capacity: restore.native, ..found };
            found.capacity == restore.presented
                && restore.presented < restore.native
                && plan.geometry == whole
        }
        (Some(_), None) => false,
    }
}

fn claim_fits(record: &Record, out: &mut Vec<Finding>) {
    let mut wrong = |text: String| out.push(Finding::error(FindingCode::Claim, text));
    let Some(claim) = &record.claim else {
        if record.outcome == Outcome::Done {
            wrong("the outcome is done, but nothing is claimed".to_owned());
        }
        return;
    };
    if record.outcome != Outcome::Done {
        wrong(format!("the outcome is {}, and yet something is claimed", word(record.outcome)));
    }
    let Some(plan) = &record.plan else {
        wrong("a claim without a plan".to_owned());
        return;
    };
    if plan.claim.as_ref() != Some(claim)
        || claim.method != plan.method
        || claim.technique != plan.technique
        || claim.standard != plan.policy.standard
        || claim.basis != plan.policy.basis
    {
        wrong("the claim is not the one that the plan and its policy allow".to_owned());
    }
    let reachable = match (claim.technique, claim.method, plan.kind) {
        (Technique::Overwrite, Method::Clear, _) => true,
        (Technique::Overwrite, Method::Purge, _) => false,
        // What the record says of the command itself is checked apart.
        (technique, Method::Clear | Method::Purge, _) => {
            record.firmware.is_some()
                && plan.commands().iter().any(|command| command.technique() == technique)
        }
        (_, Method::Destroy, _) => false,
    };
    if !reachable {
        let (technique, kind, method) = (word(claim.technique), word(plan.kind), word(claim.method));
        wrong(format!(
            "{technique} of a drive of kind {kind} does not reach {method}, or was not carried out"
        ));
    }
}

fn identity_fits(record: &Record, out: &mut Vec<Finding>) {
    let drive = &record.drive;
    let same = drive.identity_after.as_ref().map(|after| after.lasting() == drive.identity_before.lasting());
    // Another path to the drive can call another number of blocks a physical one.
    let blocks = |geometry: &Geometry| (geometry.capacity, geometry.block_size);
    // A change of capacity is the job's own, or nobody knows whose.
    let before = record.shape().as_ref().map(blocks);
    let same_shape = drive.geometry_after.as_ref().map(|after| Some(blocks(after)) == before);
    let done = record.outcome == Outcome::Done;
    let finding = match (same, same_shape) {
        (Some(true), Some(true)) => return,
        (Some(false), _) => "the drive at the end is not the drive at the beginning",
        (_, Some(false)) => "the drive had another size at the end than at the beginning",
        (None, _) | (_, None) => "nobody looked at the end whether it is still the same drive",
    };
    if done {
        out.push(Finding::error(FindingCode::Identity, finding));
    } else {
        out.push(Finding::notice(FindingCode::Identity, finding));
    }
    if done && !drive.identity_before.is_identified() {
        out.push(Finding::error(FindingCode::Identity, "nothing identifies the drive"));
    }
}

fn limits_are_stated(record: &Record, out: &mut Vec<Finding>) {
    let Some(plan) = &record.plan else { return };
    for limit in plan.limits.iter().filter(|limit| !record.limits.contains(limit)) {
        let text = format!("the plan states the limit {}, the record does not", word(limit.code));
        out.push(Finding::error(FindingCode::Limits, text));
    }
}
