//! Whether what a record says of the drive's own commands can be true: the planned commands with their bytes, in
//! order, each proven by what is quoted of the drive's answers and by the canaries.
use super::finding::{Finding, FindingCode};
use crate::certificate::record::{FirmwareRecord, Record, StepRecord};
use crate::engine::firmware;
use crate::plan::firmware::{Expected, FirmwarePlan};
use crate::plan::{Plan, VerificationPlan};
use crate::unit::Pattern;
use crate::unit::pattern::FixedBytes;
use crate::unit::term::Outcome;
use crate::verify::steps::{Compared, StepWord, accounts_for, step_word, uncovered};

/// Everything about the drive's own commands.
pub(super) fn firmware(record: &Record, out: &mut Vec<Finding>) {
    let Some(plan) = &record.plan else {
        if record.firmware.is_some() {
            out.push(wrong("commands of the drive without a plan"));
        }
        return;
    };
    match (&plan.firmware, &record.firmware) {
        (None, None) => {}
        (None, Some(_)) => out.push(wrong("commands of the drive that were not planned")),
        (Some(_), None) => {
            out.push(wrong("the plan has commands of the drive, the record says nothing of them"))
        }
        (Some(planned), Some(done)) => {
            steps(record, plan, planned, done, out);
            expected(record, plan, planned, out);
        }
    }
}

fn wrong(text: impl Into<String>) -> Finding {
    Finding::error(FindingCode::Firmware, text)
}

fn steps(
    record: &Record,
    plan: &Plan,
    planned: &FirmwarePlan,
    done: &FirmwareRecord,
    out: &mut Vec<Finding>,
) {
    if done.steps.len() > planned.steps.len() {
        out.push(wrong("more commands than were planned"));
    }
    let success = record.outcome == Outcome::Done;
    if success && done.steps.len() != planned.steps.len() {
        out.push(wrong("the outcome is done, but not every command was carried out"));
    }
    for (index, (step, command)) in done.steps.iter().zip(&planned.steps).enumerate() {
        let mut say = |text: String| out.push(wrong(format!("command {}: {text}", index + 1)));
        if step.tally.command != *command {
            say("it is not the planned one".to_owned());
        }
        if step.sent.is_some() && step.bytes != step.tally.command.written() {
            say("its bytes are not those of the command".to_owned());
        }
        if !accounts_for(&step.tally, &plan.geometry) {
            say("its canaries are not blocks of the drive, or do not add up".to_owned());
        }
        let canaries = step.tally.canaries.as_ref().map_or(0, |canaries| canaries.planted.count().0);
        if canaries > u64::from(planned.canaries) {
            say(format!("{canaries} canaries, of {} that were planned", planned.canaries));
        }
        if success {
            proven(step, plan, &mut say);
        }
    }
    times(record, done, out);
}

/// A success is proven once more: by the rules of the judge, and by what is quoted of the drive's own answers.
fn proven(step: &StepRecord, plan: &Plan, say: &mut dyn FnMut(String)) {
    let compared = match plan.verification {
        VerificationPlan::Full { .. }
        | VerificationPlan::SampledR1 { .. }
        | VerificationPlan::Sampled { .. } => Compared::Blocks,
        VerificationPlan::Canaries | VerificationPlan::None => Compared::CanariesOnly,
    };
    if let Some(reason) = plan.firmware.as_ref().and_then(|planned| uncovered(&step.tally, planned)) {
        say(format!("the outcome is done, but: {}", reason.text));
    }
    match step_word(&step.tally, compared) {
        StepWord::Proven => {}
        StepWord::NotStarted(reason) | StepWord::Failed(reason) | StepWord::Unknown(reason) => {
            say(format!("the outcome is done, but: {}", reason.text));
        }
    }
    if step.sent.is_none() || step.ended.is_none() {
        say("the outcome is done, but it was not sent, or its end is not known".to_owned());
    }
    if let Some(report) = &step.tally.report
        && let Err(why) = firmware::audit(&step.tally.command, report)
    {
        say(why);
    }
}

/// Canaries, then the command, then its end; one command after the other, and before the first pass.
fn times(record: &Record, done: &FirmwareRecord, out: &mut Vec<Finding>) {
    let mut last = record.provenance.started;
    let mut in_order = true;
    for step in &done.steps {
        let times = [Some(step.started), step.sent, step.ended];
        for time in times.into_iter().flatten() {
            in_order &= last <= time;
            last = time;
        }
    }
    let next = record.passes.first().map(|pass| pass.started);
    let next = next.or(record.verification.as_ref().map(|read| read.started));
    in_order &= next.is_none_or(|next| last <= next) && last <= record.provenance.ended;
    if !in_order {
        out.push(Finding::error(FindingCode::Times, "the times of the drive's commands are not in order"));
    }
}

/// What was read back is compared with what the last command leaves behind, unless passes were written over it.
fn expected(record: &Record, plan: &Plan, planned: &FirmwarePlan, out: &mut Vec<Finding>) {
    let Some(read) = &record.verification else { return };
    let blank = |byte| Pattern::Fixed { bytes: FixedBytes::byte(byte) };
    let fits = match (&read.expected, plan.passes.is_empty(), &planned.expected) {
        (None, false, _) => true,
        (Some(Pattern::Fixed { bytes }), true, Expected::Bytes { bytes: planned }) => bytes == planned,
        (Some(pattern), true, Expected::Blank) => *pattern == blank(0x00) || *pattern == blank(0xFF),
        (None, true, _) | (Some(_), _, _) => false,
    };
    if !fits {
        let text = "the read-back was compared with something else than the last command leaves behind";
        out.push(Finding::error(FindingCode::Verification, text));
    }
}
