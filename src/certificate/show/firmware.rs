//! What the drive was told to do to itself, for people.
use super::{ABSENT, Text, pattern};
use crate::certificate::record::{FirmwareRecord, RestoreRecord, StepRecord};
use crate::device::Capability;
use crate::device::capability::Health;
use crate::engine::firmware::areas::Restored;
use crate::engine::firmware::{CommandReport, Conclusion};
use crate::plan::firmware::{Expected, FirmwarePlan, Restore, Scope};
use crate::unit::term::word;
use crate::unit::{BlockCount, Pattern};
use crate::verify::{Fingerprints, VerificationTally};

/// The commands, what they reach, what came of them, and the drive's health before and after.
pub(super) fn firmware(plan: Option<&FirmwarePlan>, record: &FirmwareRecord, text: &mut Text) {
    let has_commands = plan.is_some_and(|plan| !plan.steps.is_empty()) || !record.steps.is_empty();
    text.section(if has_commands { "What the drive did by itself" } else { "What the drive said of itself" });
    if let Some(plan) = plan.filter(|_| has_commands) {
        let scope = match plan.reach.scope {
            Scope::Unit => "this unit only",
            Scope::Drive => "the whole drive",
        };
        text.row("reach", format!("{scope}: {}", plan.reach.units.join(", ")));
        if !plan.reach.unproven.is_empty() {
            text.row("not compared", plan.reach.unproven.join(", "));
        }
        if !plan.reach.not_reached.is_empty() {
            text.row("not reached", plan.reach.not_reached.join(", "));
        }
        text.row("left behind", expected(&plan.expected));
        let basis = plan.crypto_basis.as_ref().map_or(&[][..], |basis| basis.conditions());
        for condition in basis {
            text.row("rests on", format!("{}: {}", word(condition.condition), condition.rests_on));
        }
    }
    if let Some(restore) = plan.and_then(|plan| plan.restore) {
        let Restore { presented, native } = restore;
        text.row("to restore", format!("{native} blocks, of which the drive had presented {presented}"));
    }
    for one in &record.restores {
        restored(one, text);
    }
    for (index, one) in record.steps.iter().enumerate() {
        step(index + 1, one, text);
    }
    if record.steps.is_empty() && has_commands {
        text.row("commands", "none was begun");
    }
    health("before", record.before.as_ref().map(|capability| &capability.health), text);
    health("after", record.after.as_ref().map(|capability| &capability.health), text);
    pages("before", record.before.as_deref(), text);
    pages("after", record.after.as_deref(), text);
}

/// What reading must find after the last command.
fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Bytes { bytes } => format!("bytes {} in every block", String::from(bytes.clone())),
        Expected::Blank => "zeros or ones in every block".to_owned(),
        Expected::Changed => {
            "nothing that is known beforehand: only what was there must be gone, as the canaries show"
                .to_owned()
        }
    }
}

/// Which pages are on the record, and what the drive did not tell.
fn pages(when: &str, capability: Option<&Capability>, text: &mut Text) {
    let name = format!("pages {when}");
    let Some(capability) = capability else {
        text.row(&name, ABSENT);
        return;
    };
    let names: Vec<&str> = capability.pages.iter().map(|page| page.name.as_str()).collect();
    text.row(&name, format!("{} on the record: {}", names.len(), names.join(", ")));
    for gap in &capability.gaps {
        text.row("", format!("not told: {gap}"));
    }
}

/// A change of capacity.
fn restored(record: &RestoreRecord, text: &mut Text) {
    let words = match &record.report.restored {
        Restored::NothingHidden => "nothing is hidden (any more)".to_owned(),
        Restored::Full { before, after } => {
            format!("from {} to {} blocks", before.presented.get(), after.presented.get())
        }
        Restored::PowerCycleNeeded { reason, .. } => format!("not yet: {}", reason.text),
        Restored::Refused { reason, .. } => format!("refused: {}", reason.text),
    };
    let seen = record.seen.map_or_else(String::new, |seen| format!("; the kernel saw {seen} blocks then"));
    let exchanges = record.report.exchanges.len();
    text.row("full capacity", format!("{words}{seen}; {exchanges} exchanges on the record"));
}

fn step(number: usize, step: &StepRecord, text: &mut Text) {
    text.row(&format!("command {number}"), word(step.tally.command.technique()));
    for bytes in &step.bytes {
        text.row("", format!("bytes {bytes}"));
    }
    match step.sent {
        Some(sent) => text.row("", format!("sent {sent}")),
        None => text.row("", "not sent"),
    }
    if let Some(ended) = step.ended {
        text.row("", format!("over {ended}"));
    }
    match &step.tally.report {
        Some(report) => conclusion(report, text),
        None => text.row("", "its end is not known"),
    }
    let Some(canaries) = &step.tally.canaries else {
        text.row("", "no canaries");
        return;
    };
    known(canaries.planted.count(), canaries.pattern.as_ref(), canaries.fingerprints.as_ref(), "", text);
    afterwards(canaries.after.as_ref(), text);
    for unit in &canaries.others {
        let place = format!("in {} ", unit.unit);
        known(unit.planted.count(), unit.pattern.as_ref(), unit.fingerprints.as_ref(), &place, text);
        afterwards(unit.after.as_ref(), text);
    }
}

/// How many blocks were known before a command, and how. `place` names another unit, or nothing.
fn known(
    count: BlockCount,
    planted: Option<&Pattern>,
    taken: Option<&Fingerprints>,
    place: &str,
    text: &mut Text,
) {
    if let Some(planted) = planted {
        text.row("", format!("{place}{count} canaries planted, {}", pattern(planted)));
    }
    if let Some(Fingerprints { looked, blank, unreadable, unsteady, left_by_job, .. }) = taken {
        text.row(
            "",
            format!(
                "{place}fingerprints of {count} blocks; of {looked} that were looked at {blank} were blank, {unreadable} \
                 unreadable, {unsteady} did not read the same twice"
            ),
        );
        if *left_by_job {
            text.row(
                "",
                format!("{place}they may be of what this job's commands had left before an interruption"),
            );
        }
    }
}

fn afterwards(after: Option<&VerificationTally>, text: &mut Text) {
    match after {
        Some(after) => text.row(
            "",
            format!(
                "afterwards {} changed, {} survived, {} unreadable",
                after.mismatched.count(),
                after.matched,
                after.unreadable.count()
            ),
        ),
        None => text.row("", "not read afterwards"),
    }
}

fn conclusion(report: &CommandReport, text: &mut Text) {
    let words = match &report.conclusion {
        Conclusion::Confirmed => "the drive says that it is done, and the exchanges show it".to_owned(),
        Conclusion::Claimed => "the drive says that it is done; only the canaries show it".to_owned(),
        Conclusion::NotStarted { reason } => format!("not started: {}", reason.text),
        Conclusion::Failed { reason } => format!("failed: {}", reason.text),
        Conclusion::Unknown { reason } => format!("end not known: {}", reason.text),
    };
    let proof: Vec<String> = report.proof.iter().map(word).collect();
    let proof = if proof.is_empty() { String::new() } else { format!(" ({})", proof.join(", ")) };
    text.row("", format!("{words}{proof}; {} exchanges on the record", report.exchanges.len()));
    for note in &report.notes {
        text.row("", format!("note: {note}"));
    }
}

fn health(when: &str, health: Option<&Health>, text: &mut Text) {
    let Some(health) = health else { return };
    let mut parts = Vec::new();
    if let Some(passed) = health.passed {
        parts.push(if passed { "passed" } else { "FAILING" }.to_owned());
    }
    let counts = [
        ("reallocated", health.reallocated),
        ("pending", health.pending),
        ("uncorrectable", health.uncorrectable),
        ("media errors", health.media_errors),
        ("power-on hours", health.power_on_hours),
    ];
    parts.extend(counts.iter().filter_map(|(name, count)| Some(format!("{name} {}", (*count)?))));
    if !parts.is_empty() {
        text.row(&format!("health {when}"), parts.join(", "));
    }
}
