//! Whether what a record says of the drive's own commands can be true: the planned commands with their bytes, in
//! order, each proven by what is quoted of the drive's answers and by the canaries.
use std::collections::BTreeSet;

use super::finding::{Finding, FindingCode};
use crate::certificate::record::{FirmwareRecord, Record, RestoreRecord, StepRecord};
use crate::device::capability::{Interface, Support};
use crate::engine::firmware::audit::quotes_sending;
use crate::engine::firmware::{self, Conclusion};
use crate::plan::Plan;
use crate::plan::firmware::{CanaryKind, Expected, FirmwarePlan};
use crate::plan::hidden::{self, Hidden};
use crate::unit::pattern::FixedBytes;
use crate::unit::term::Outcome;
use crate::unit::{Digest, Pattern};
use crate::verify::steps::{Compared, StepWord, accounts_for, demand, step_word, uncovered};

/// Everything about the drive's own commands.
pub(super) fn firmware(record: &Record, out: &mut Vec<Finding>) {
    // What a drive said of itself may stand there without any command.
    let carried_out = record.firmware.as_ref().is_some_and(|done| !done.steps.is_empty());
    let Some(plan) = &record.plan else {
        if carried_out {
            out.push(wrong("commands of the drive without a plan"));
        }
        return;
    };
    match (&plan.firmware, &record.firmware) {
        (None, _) if carried_out => out.push(wrong("commands of the drive that were not planned")),
        (None, _) => {}
        (Some(_), None) => {
            out.push(wrong("the plan has commands of the drive, the record says nothing of them"))
        }
        (Some(planned), Some(done)) => {
            restored(record, planned, done, out);
            steps(record, plan, planned, done, out);
            keys(record, done, out);
            expected(record, plan, planned, out);
            if record.outcome == Outcome::Done {
                steady(plan, planned, done, out);
            }
        }
    }
}

fn wrong(text: impl Into<String>) -> Finding {
    Finding::error(FindingCode::Firmware, text)
}

/// Fingerprints alone show nothing where blocks that were trimmed may change by themselves: for ATA without deterministic
/// reads after TRIM, and for a SCSI unit that does not turn and promises nothing of what it has unmapped (LBPRZ 0).
fn steady(plan: &Plan, planned: &FirmwarePlan, done: &FirmwareRecord, out: &mut Vec<Finding>) {
    let alone = planned.steps.len().checked_sub(1).map(|last| Compared::after(plan, last));
    let compared = matches!(alone, None | Some(Compared::Blocks));
    if planned.canary_kind != CanaryKind::Fingerprints || compared {
        return;
    }
    let unsteady = match done.before.as_deref().map(|before| &before.interface) {
        Some(Interface::Ata(ata)) => ata.trim != Support::No && ata.deterministic_after_trim != Support::Yes,
        Some(Interface::Scsi(scsi)) => scsi.unmapped_reads == 0 && scsi.rotation.is_none_or(|rate| rate <= 1),
        Some(Interface::Nvme(_)) | None => false,
    };
    if unsteady {
        out.push(wrong("fingerprints alone stand for what the command did, and blocks of this drive may change by themselves"));
    }
}

/// Capacity is restored where that is planned, before anything else, and by what is quoted of the drive's own answers.
fn restored(record: &Record, planned: &FirmwarePlan, done: &FirmwareRecord, out: &mut Vec<Finding>) {
    let Some(wanted) = planned.restore else {
        if !done.restores.is_empty() {
            out.push(wrong("a change of capacity that was not planned"));
        }
        return;
    };
    let is_whole = |restore: &RestoreRecord| {
        restore.seen == Some(wanted.native) && restore.report.is_whole(wanted.native.0)
    };
    let whole = done.restores.last().is_some_and(is_whole);
    if !whole && (record.outcome == Outcome::Done || !record.passes.is_empty() || !done.steps.is_empty()) {
        out.push(wrong("the drive was worked on before it presented all of its capacity"));
    }
    if done.restores.iter().rev().skip(1).any(is_whole) {
        out.push(wrong("a change of capacity after all of it had been restored"));
    }
    let interface = done.before.as_deref().map(|before| &before.interface);
    let told = Hidden::Blocks { presented: wanted.presented.0, native: wanted.native.0 };
    if hidden::of_interface(interface) != told {
        out.push(wrong("the capacity that was to be restored is not the one that the drive told of"));
    }
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
        if step.tally.canaries.as_ref().is_some_and(|known| !known.are_of_kind(planned.canary_kind)) {
            say("its canaries are of another kind than was planned".to_owned());
        }
        let canaries = step.tally.canaries.as_ref().map_or(0, |canaries| canaries.planted.count().0);
        if canaries > u64::from(planned.canaries) {
            say(format!("{canaries} canaries, of {} that were planned", planned.canaries));
        }
        if success {
            proven(index, step, plan, &mut say);
            if planned.canaries > 0 && step.tally.canaries.is_none() {
                say("canaries were planned, and none are on the record".to_owned());
            }
        }
        if let Some(canaries) = &step.tally.canaries
            && canaries
                .after
                .as_ref()
                .is_some_and(|after| after.wanted_digest != Digest::of_json(&canaries.planted))
        {
            say("the canaries that were read are not those that were planted".to_owned());
        }
        quoted(record, step, &mut say);
    }
    times(record, done, out);
}

/// A success is proven once more: by the rules of the judge, and by what is quoted of the drive's own answers.
fn proven(index: usize, step: &StepRecord, plan: &Plan, say: &mut dyn FnMut(String)) {
    if let Some(reason) = plan.firmware.as_ref().and_then(|planned| uncovered(&step.tally, planned)) {
        say(format!("the outcome is done, but: {}", reason.text));
    }
    match step_word(&step.tally, Compared::after(plan, index), &demand(plan)) {
        StepWord::Proven => {}
        StepWord::NotStarted(reason) | StepWord::Failed(reason) | StepWord::Unknown(reason) => {
            say(format!("the outcome is done, but: {}", reason.text));
        }
    }
    if step.sent.is_none() || step.ended.is_none() {
        say("the outcome is done, but it was not sent, or its end is not known".to_owned());
    }
}

/// What a step is said to have come to, against what is quoted of the drive's own answers. A command that is not quoted
/// as sent was sent before an interruption, and then there was one.
fn quoted(record: &Record, step: &StepRecord, say: &mut dyn FnMut(String)) {
    let Some(report) = &step.tally.report else { return };
    if let Err(why) = firmware::audit(&step.tally.command, &step.tally.before, report) {
        say(why.to_string());
    }
    let is_success = match report.conclusion {
        Conclusion::Confirmed | Conclusion::Claimed => true,
        Conclusion::NotStarted { .. } | Conclusion::Failed { .. } | Conclusion::Unknown { .. } => false,
    };
    let Some(sent) = step.sent.filter(|_| is_success) else { return };
    let interrupted = record.interruptions.iter().any(|gap| sent <= gap.resumed);
    if !interrupted && !quotes_sending(&step.tally.command, report) {
        say("its sending is not quoted, and no interruption came after it".to_owned());
    }
}

/// What a canary holds must be found nowhere else: each command has a key of its own, which no pass has.
fn keys(record: &Record, done: &FirmwareRecord, out: &mut Vec<Finding>) {
    let key = |pattern: &Pattern| match pattern {
        Pattern::Keyed { key } => Some(key.0),
        Pattern::Fixed { .. } | Pattern::Stamped { .. } => None,
    };
    let mut seen: BTreeSet<[u8; 32]> = record.passes.iter().filter_map(|pass| key(&pass.pattern)).collect();
    let canaries = done.steps.iter().filter_map(|step| step.tally.canaries.as_ref());
    let patterns = canaries.flat_map(|canaries| {
        std::iter::once(&canaries.pattern).chain(canaries.others.iter().map(|unit| &unit.pattern))
    });
    for pattern in patterns.flatten() {
        if !key(pattern).is_some_and(|key| seen.insert(key)) {
            let text = "canaries are not keyed, or have the key of a pass or of other canaries";
            out.push(Finding::error(FindingCode::Pattern, text));
        }
    }
}

/// Canaries, then the command, then its end; one command after the other, and before the first pass.
fn times(record: &Record, done: &FirmwareRecord, out: &mut Vec<Finding>) {
    let mut last = record.provenance.started;
    let mut in_order = true;
    for time in done.restores.iter().flat_map(|restore| [restore.started, restore.ended]) {
        in_order &= last <= time;
        last = time;
    }
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
