//! What the drive was told to do to itself, for people.
use super::{Text, pattern};
use crate::certificate::record::{FirmwareRecord, StepRecord};
use crate::device::capability::Health;
use crate::engine::firmware::{CommandReport, Conclusion};
use crate::plan::firmware::{FirmwarePlan, Scope};
use crate::unit::term::word;
use crate::verify::VerificationTally;

/// The commands, what they reach, what came of them, and the drive's health before and after.
pub(super) fn firmware(plan: Option<&FirmwarePlan>, record: &FirmwareRecord, text: &mut Text) {
    text.section("What the drive did by itself");
    if let Some(plan) = plan {
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
    }
    for (index, one) in record.steps.iter().enumerate() {
        step(index + 1, one, text);
    }
    if record.steps.is_empty() {
        text.row("commands", "none was begun");
    }
    health("before", record.before.as_ref().map(|capability| &capability.health), text);
    health("after", record.after.as_ref().map(|capability| &capability.health), text);
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
    match &step.tally.report {
        Some(report) => conclusion(report, text),
        None => text.row("", "its end is not known"),
    }
    let Some(canaries) = &step.tally.canaries else {
        text.row("", "no canaries");
        return;
    };
    text.row("", format!("{} canaries planted, {}", canaries.planted.count(), pattern(&canaries.pattern)));
    afterwards(canaries.after.as_ref(), text);
    for unit in &canaries.others {
        let (count, what) = (unit.planted.count(), pattern(&unit.pattern));
        text.row("", format!("in {} {count} canaries planted, {what}", unit.unit));
        afterwards(unit.after.as_ref(), text);
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
        Conclusion::Confirmed => "confirmed".to_owned(),
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
