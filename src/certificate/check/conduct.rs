//! Whether what a record says of interruptions, of heat and of the rule that ended the job can be true.
use super::finding::{Finding, FindingCode};
use crate::certificate::record::{HeatRecord, Interruption, KeySlots, Probe, Record, WentOn};
use crate::certificate::time::UtcTime;
use crate::plan::{Plan, Rules, keys};
use crate::unit::term::{Outcome, word};
use crate::unit::{BlockCount, RangeSet, Temperature};

/// Times in which the job did not run: where it stood before, what was read again, and where it went on.
pub(super) fn interruptions(record: &Record, out: &mut Vec<Finding>) {
    let capacity = record.shape().map_or(0, |geometry| geometry.capacity.0);
    let planned = record.plan.as_ref().map_or(0, |plan| plan.passes.len());
    for (index, gap) in record.interruptions.iter().enumerate() {
        let mut wrong = |text: String| {
            let text = format!("interruption {}: {text}", index + 1);
            out.push(Finding::error(FindingCode::Interruption, text));
        };
        if gap.pass as usize > planned {
            wrong(format!("in pass {}, of {planned} that were planned", u64::from(gap.pass) + 1));
        }
        if gap.durable.0 > capacity {
            wrong(format!("{} blocks were durable, of {capacity}", gap.durable));
        }
        if let Some(probe) = &gap.probe {
            if let Some(why) = impossible_probe(probe, capacity) {
                wrong(why);
            }
            if gap.went_on == WentOn::There && !holds(probe) {
                wrong("it went on there although what had been written was not there any more".to_owned());
            }
        }
        if let Some(step) = steps(record).find(|step| gap.last_sign < *step && *step < gap.resumed) {
            wrong(format!("a pass or the read-back began or ended at {step}, when the job did not run"));
        }
    }
    if record.outcome == Outcome::Done
        && record.interruptions.last().is_some_and(|gap| unlooked(gap, planned))
    {
        let text = "the outcome is done, but nobody looked after the last interruption whether what had been \
                    written was still there";
        out.push(Finding::error(FindingCode::Interruption, text));
    }
}

fn steps(record: &Record) -> impl Iterator<Item = UtcTime> {
    let passes = record.passes.iter().flat_map(|pass| [pass.started, pass.ended]);
    passes.chain(record.verification.iter().flat_map(|read| [read.started, read.ended]))
}

/// Before the last pass is over, something that was written before must be read again; after it, everything is.
fn unlooked(gap: &Interruption, planned: usize) -> bool {
    let written = gap.pass > 0 || gap.durable > BlockCount::ZERO;
    written && (gap.pass as usize) < planned && gap.probe.is_none()
}

fn impossible_probe(probe: &Probe, capacity: u64) -> Option<String> {
    let both = [&probe.wrong, &probe.unreadable];
    let beyond = both.into_iter().filter_map(RangeSet::last).find(|last| last.0 >= capacity);
    if let Some(last) = beyond {
        return Some(format!("what was read again names LBA {last}, which the drive does not have"));
    }
    let mut bad = probe.wrong.clone();
    bad.extend(&probe.unreadable);
    if bad.count() != probe.wrong.count() + probe.unreadable.count() {
        return Some("what was read again counts a block twice".to_owned());
    }
    let more = bad.count() > probe.read || probe.read.0 > capacity;
    more.then(|| {
        format!("{} blocks were read again, {} of them wrong or unreadable", probe.read, bad.count())
    })
}

/// Whether what was read again shows that what was written is there: something right, and nothing wrong.
fn holds(probe: &Probe) -> bool {
    probe.wrong.is_empty() && (probe.unreadable.is_empty() || probe.unreadable.count() < probe.read)
}

/// What is said of the worker and of the heat.
pub(super) fn conduct(record: &Record, out: &mut Vec<Finding>) {
    let Some(conduct) = &record.conduct else { return };
    if record.outcome == Outcome::Done && conduct.left_behind.is_some() {
        let text = "the outcome is done, but its worker was left behind stuck in the kernel";
        out.push(Finding::error(FindingCode::Conduct, text));
    }
    if let Some(why) = conduct.key_slots.as_ref().and_then(|slots| impossible_slots(record, slots)) {
        out.push(Finding::error(FindingCode::Conduct, format!("keys of software encryption: {why}")));
    }
    let rules = record.plan.as_ref().and_then(|plan| plan.rules.as_ref());
    if let Some(why) = conduct.heat.as_ref().and_then(|heat| impossible_heat(heat, rules)) {
        out.push(Finding::error(FindingCode::Conduct, format!("heat: {why}")));
    }
}

/// Keys are overwritten where the plan lists them, and before the first command and the first pass.
fn impossible_slots(record: &Record, slots: &KeySlots) -> Option<&'static str> {
    if record.plan.as_ref().map(keys::key_slots).as_ref() != Some(&slots.blocks) {
        return Some("not in the places that the content of the drive tells of");
    }
    let mut foreign = slots.overwritten.clone();
    foreign.subtract(&slots.blocks);
    if !foreign.is_empty() {
        return Some("more was overwritten than was begun");
    }
    let commands = record.firmware.iter().flat_map(|firmware| &firmware.steps).map(|step| step.started);
    let first = commands.chain(record.passes.iter().map(|pass| pass.started)).min();
    let in_order = record.provenance.started <= slots.started
        && slots.started <= slots.ended
        && slots.ended <= first.unwrap_or(record.provenance.ended);
    (!in_order).then_some("not before everything else")
}

fn impossible_heat(heat: &HeatRecord, rules: Option<&Rules>) -> Option<String> {
    let tally = &heat.tally;
    let read = [tally.first_millidegrees, tally.highest_millidegrees, tally.last_millidegrees];
    if read.iter().any(|one| one.is_some() != (tally.readings > 0)) {
        return Some(format!("{} readings, and temperatures that do not go with them", tally.readings));
    }
    let highest = tally.highest_millidegrees;
    if tally.first_millidegrees.max(tally.last_millidegrees) > highest {
        return Some("the first or the last temperature is above the highest".to_owned());
    }
    let reached = |celsius: i16| highest.is_some_and(|highest| highest >= Temperature::from_degrees(celsius));
    let too_cool = rules.is_some_and(|rules| {
        (tally.slowed > 0 && !reached(rules.slow_celsius))
            || (tally.paused > 0 && !reached(rules.pause_celsius))
    });
    if too_cool {
        return Some(
            "the drive was slowed or paused, and never was as warm as the rules ask for that".to_owned(),
        );
    }
    (tally.paused == 0 && tally.paused_millis > 0).then(|| "a pause without one".to_owned())
}

/// A job that is called incomplete was ended by a rule that its plan has.
pub(super) fn ended_by_a_rule(record: &Record, out: &mut Vec<Finding>) {
    if record.outcome != Outcome::Partial {
        return;
    }
    let rules = record.plan.as_ref().map(Plan::rules);
    let by_rule =
        rules.is_some_and(|rules| record.reasons.iter().any(|reason| rules.ender(reason.code).is_some()));
    if !by_rule {
        let text = "the outcome is partial, but no reason names a rule of the plan that can end a job";
        out.push(Finding::error(FindingCode::Outcome, text));
    }
    if record.passes.iter().all(|pass| pass.tally.written.is_zero()) {
        let text = format!("the outcome is {}, but nothing was written", word(record.outcome));
        out.push(Finding::error(FindingCode::Outcome, text));
    }
}
