//! What happened to a job on its way, in words: blocks that are not right, interruptions, heat, limits, rules.
use std::time::Duration;

use super::{ABSENT, Text};
use crate::certificate::record::{
    Bandwidth, Conduct, HeatRecord, Interruption, InterruptionCause, Probe, Record, WentOn,
};
use crate::plan::Plan;
use crate::plan::estimate::{duration_text, size_text};
use crate::unit::term::{Disposition, word};
use crate::unit::{BlockCount, RangeSet};
use crate::verify::RepairTally;

/// Ranges that are printed before the rest is only counted.
const RANGES_SHOWN: usize = 60;

/// Ranges on one line.
const RANGES_A_LINE: usize = 3;

/// What to do with the drive, as far as the job can say.
pub(super) fn disposition(disposition: Disposition, text: &mut Text) {
    let words = match disposition {
        Disposition::Releasable => "may be released at the level claimed",
        Disposition::Quarantined => "keep the drive until somebody has decided; it is not to be released",
        Disposition::ToDestroy => "destroy the drive, or do what the reasons name and sanitize it anew",
        Disposition::Unchanged => "nothing was done to the drive",
    };
    text.row("disposition", format!("{}: {words}", word(disposition)));
}

/// The rules of the plan that are not the usual ones, and the one that ended the job. Plans of the first version
/// had none.
pub(super) fn rules(record: &Record, plan: &Plan, text: &mut Text) {
    let Some(rules) = &plan.rules else { return };
    let set = rules.unusual(plan.kind);
    if !set.is_empty() {
        text.row("rules", format!("{}; others as usual for this kind of drive", set.join(" ")));
    }
    for ender in record.reasons.iter().filter_map(|reason| rules.ender(reason.code)) {
        text.row("ended by rule", ender);
    }
}

/// Every block that was not written, not read or not right, and what became of it.
pub(super) fn exceptions(record: &Record, text: &mut Text) {
    ranges("not written", &record.exceptions.not_written, text);
    ranges("other content", &record.exceptions.mismatched, text);
    if let Some(repair) = record.verification.as_ref().and_then(|read| read.repair.as_ref()) {
        repaired(repair, text);
    }
    ranges("not readable", &record.exceptions.unreadable, text);
}

fn repaired(repair: &RepairTally, text: &mut Text) {
    text.row("", "of these, after they were found:");
    for (name, what, set) in [
        ("  right again", "right when they were read once more, without being written", &repair.right_again),
        (
            "  repaired",
            "stale, repaired: acknowledged and not there, right since they were written once more",
            &repair.repaired,
        ),
        ("  still wrong", "wrong, unreadable or unwritable to the end", &repair.still_wrong),
        ("  not tried", "not written once more", &repair.not_tried),
    ] {
        if !set.is_empty() {
            ranges(name, set, text);
            text.row("", format!("({what})"));
        }
    }
}

/// The ranges of a set, several on a line; those beyond a limit are counted.
pub(super) fn ranges(name: &str, set: &RangeSet, text: &mut Text) {
    let all = set.ranges();
    let lines: Vec<String> = all[..all.len().min(RANGES_SHOWN)]
        .chunks(RANGES_A_LINE)
        .map(|chunk| chunk.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        .collect();
    let count = blocks(set.count());
    match &lines[..] {
        [] => {}
        [only] if all.len() <= RANGES_A_LINE => text.row(name, format!("{count}: {only}")),
        lines => {
            text.row(name, format!("{count} in {} ranges:", all.len()));
            lines.iter().for_each(|line| text.row("", line));
        }
    }
    if all.len() > RANGES_SHOWN {
        text.row("", format!("and {} more ranges; --json shows them all", all.len() - RANGES_SHOWN));
    }
}

fn blocks(count: BlockCount) -> String {
    if count.0 == 1 { "1 block".to_owned() } else { format!("{count} blocks") }
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// When the job did not run, and how it was gone on with.
pub(super) fn interruptions(record: &Record, text: &mut Text) {
    if record.interruptions.is_empty() {
        return;
    }
    text.section("Interruptions");
    let planned = record.plan.as_ref().map_or(0, |plan| plan.passes.len());
    for gap in &record.interruptions {
        interruption(gap, planned, text);
    }
}

fn interruption(gap: &Interruption, planned: usize, text: &mut Text) {
    let cause = match gap.cause {
        InterruptionCause::Crash => "crash: without a word",
        InterruptionCause::Stopped => "somebody stopped it",
        InterruptionCause::DriveGone => "the drive vanished",
        InterruptionCause::PowerCycle => "the power of the drive had to be cycled",
        InterruptionCause::Lost => "the worker, the drive's answer or the journal was lost",
    };
    text.row("interrupted", format!("{} ({cause})", gap.last_sign));
    let restarted = match gap.host_restarted {
        Some(true) => "after the host was started anew",
        Some(false) => "without a restart of the host",
        None => "restart of the host not recorded",
    };
    text.row("gone on with", format!("{}, {restarted}, drive at {}", gap.resumed, gap.node.display()));
    let stood = if gap.pass as usize >= planned {
        "all passes were written".to_owned()
    } else {
        format!("pass {} of {planned}, {} of it durable", u64::from(gap.pass) + 1, blocks(gap.durable))
    };
    text.row("", format!("{stood}{}", gap.probe.as_ref().map_or_else(String::new, probe)));
    if let Some(probe) = &gap.probe {
        ranges("  wrong", &probe.wrong, text);
        ranges("  not readable", &probe.unreadable, text);
    }
    let went_on = match gap.went_on {
        WentOn::There => "it went on where it had stopped",
        WentOn::PassAnew => "the pass was begun ANEW: what had been written was not there any more",
        WentOn::JobAnew => "ALL passes were begun ANEW: what had been written was not there any more",
    };
    text.row("", went_on);
}

/// ", 66 of them read again: all right".
fn probe(probe: &Probe) -> String {
    let (wrong, lost) = (probe.wrong.count().0, probe.unreadable.count().0);
    let found = match (wrong, lost) {
        (0, 0) => "all right".to_owned(),
        (wrong, lost) => format!("{wrong} WRONG, {lost} not readable"),
    };
    format!("; {} written before read again: {found}", blocks(probe.read))
}

/// How the drive was driven.
pub(super) fn conduct(conduct: Option<&Conduct>, text: &mut Text) {
    let Some(conduct) = conduct else { return };
    text.section("How the drive was driven");
    match &conduct.heat {
        Some(heat) => warmth(heat, text),
        None => text.row("temperature", format!("{ABSENT}: no sensor that could be read")),
    }
    if let Some(bandwidth) = &conduct.bandwidth {
        text.row("held to", held_to(bandwidth));
    }
    let silence = Duration::from_millis(conduct.longest_silence_millis).as_secs();
    text.row("longest silence", duration_text(silence));
    if let Some(slots) = &conduct.key_slots {
        let (done, all) = (slots.overwritten.count(), slots.blocks.count());
        let text_of =
            format!("{done} of {all} blocks in which keys may lie were overwritten first (claims nothing)");
        text.row("LUKS keys", text_of);
    }
    if let Some(who) = &conduct.left_behind {
        text.row("LEFT BEHIND", format!("{who}, stuck in the kernel with the drive"));
    }
}

fn warmth(heat: &HeatRecord, text: &mut Text) {
    let tally = &heat.tally;
    let sensor = heat.sensor.as_deref().unwrap_or("a file that somebody else writes");
    let degrees = [tally.first_millidegrees, tally.highest_millidegrees, tally.last_millidegrees];
    match degrees {
        [Some(first), Some(highest), Some(last)] => text.row(
            "temperature",
            format!("{highest} at most, {first} at first, {last} at last (last sitting; {sensor})"),
        ),
        _ => text.row("temperature", format!("never read ({sensor})")),
    }
    let silent = format!("read {}, no answer {}", times(tally.readings), times(tally.unreadable));
    text.row("", silent);
    let paused = duration_text(tally.paused_millis / 1000);
    match (tally.slowed, tally.paused) {
        (0, 0) => text.row("", "never slowed, never paused for heat"),
        (slowed, 0) => text.row("", format!("slowed {}, never paused for heat", times(slowed))),
        (slowed, count) => {
            text.row(
                "",
                format!("slowed {}, paused {} for heat ({paused} in all)", times(slowed), times(count)),
            );
        }
    }
}

fn held_to(bandwidth: &Bandwidth) -> String {
    let named = [
        (bandwidth.drive, "for this drive"),
        (bandwidth.bus, "for all drives on its controller"),
        (bandwidth.host, "for all drives of the command"),
    ];
    let parts = named.into_iter().filter_map(|(rate, whom)| Some(format!("{}/s {whom}", size_text(rate?))));
    parts.collect::<Vec<_>>().join(", ")
}
