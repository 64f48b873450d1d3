//! Whether what was written, and when, is what the plan asked for.
use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, FindingCode, Level};
use super::sample::sample;
use crate::certificate::provenance::Provenance;
use crate::certificate::record::{Interruption, PassRecord, Record, VerificationRecord};
use crate::certificate::time::UtcTime;
use crate::plan::{PassPattern, Plan, VerificationPlan};
use crate::unit::pattern::FixedBytes;
use crate::unit::term::Outcome;
use crate::unit::{Pattern, RangeSet, StampTag};

/// Seconds by which wall clock and uptime of one job may differ.
const CLOCKS_APART_SECONDS: f64 = 60.0;

/// Several times the fastest drives of 2026 (PCIe 6.0 x4 carries about 30 GB/s), in bytes per second.
const FASTEST_BYTES_PER_SECOND: f64 = 100e9;

/// Passes and verification against the plan.
pub(super) fn steps(record: &Record, out: &mut Vec<Finding>) {
    resolved_patterns(&record.passes, out);
    let Some(plan) = &record.plan else { return };
    let (carried_out, planned) = (record.passes.len(), plan.passes.len());
    let complete = match record.outcome {
        Outcome::Done | Outcome::Written => true,
        Outcome::Partial
        | Outcome::Failed
        | Outcome::Unsanitizable
        | Outcome::Refused
        | Outcome::Aborted
        | Outcome::Unknown => false,
    };
    // A drive that sanitized itself need not be written besides.
    let none_needed = !plan.commands().is_empty();
    if carried_out > planned || (complete && (carried_out < planned || (planned == 0 && !none_needed))) {
        let text = format!("{carried_out} passes were carried out, {planned} were planned");
        out.push(Finding::error(FindingCode::Passes, text));
    }
    for (index, (pass, spec)) in record.passes.iter().zip(&plan.passes).enumerate() {
        if pass.spec != *spec {
            let text = format!("pass {} is not the planned one", index + 1);
            out.push(Finding::error(FindingCode::Passes, text));
        }
    }
    if let Some(verification) = &record.verification {
        let reads_back = !matches!(plan.verification, VerificationPlan::None | VerificationPlan::Canaries);
        if verification.plan != plan.verification || !reads_back {
            out.push(Finding::error(FindingCode::Verification, "the verification is not the planned one"));
        }
        if carried_out < planned {
            let text = "a verification although not every pass was carried out";
            out.push(Finding::error(FindingCode::Verification, text));
        }
        let before = out.len();
        sample(verification, &plan.geometry, &unwritten(record), out);
        if record.outcome == Outcome::Unknown {
            // A read-back of other blocks than planned is what makes an outcome unknown: there it is no contradiction.
            out.iter_mut().skip(before).for_each(|finding| finding.level = finding.level.min(Level::Warning));
        }
    }
    if record.outcome == Outcome::Written && plan.verification != VerificationPlan::None {
        let text = "the outcome is written, but a read-back was planned";
        out.push(Finding::error(FindingCode::Verification, text));
    }
}

/// Blocks that the last pass could not write, and addresses without cells: they are not read back. Plans without rules are of the first version,
/// which read them.
fn unwritten(record: &Record) -> RangeSet {
    let mut unwritten = RangeSet::new();
    if record.plan.as_ref().is_some_and(|plan| plan.rules.is_some())
        && let Some(last) = record.passes.last()
    {
        unwritten.extend(&last.tally.failed);
        unwritten.extend(&last.tally.unreached);
    }
    unwritten.extend(&record.plan.as_ref().map(Plan::absent).unwrap_or_default());
    unwritten
}

fn resolved_patterns(passes: &[PassRecord], out: &mut Vec<Finding>) {
    let mut wrong = |index: usize, text: &str| {
        out.push(Finding::error(FindingCode::Pattern, format!("pass {}: {text}", index + 1)));
    };
    let mut job_bytes: BTreeMap<u8, u8> = BTreeMap::new();
    let mut keys: BTreeSet<[u8; 32]> = BTreeSet::new();
    let mut tags: BTreeSet<StampTag> = BTreeSet::new();
    for (index, pass) in passes.iter().enumerate() {
        match (&pass.spec.pattern, &pass.pattern) {
            (PassPattern::Fixed { bytes }, Pattern::Fixed { bytes: written }) => {
                if bytes != written {
                    wrong(index, "other bytes were written than planned");
                }
            }
            (PassPattern::Keyed, Pattern::Keyed { key }) => {
                if !keys.insert(key.0) {
                    wrong(index, "the key of an earlier pass was used again");
                }
            }
            (PassPattern::Stamped { bytes }, Pattern::Stamped { bytes: written, tag }) => {
                if bytes != written {
                    wrong(index, "other bytes were written than planned");
                }
                if !tags.insert(*tag) {
                    wrong(index, "the tag of an earlier pass was used again");
                }
            }
            (PassPattern::JobByte { slot, complement }, Pattern::Fixed { bytes }) => {
                match job_byte(bytes, *complement) {
                    None => wrong(index, "a job byte is one byte"),
                    Some(byte) => {
                        if *job_bytes.entry(*slot).or_insert(byte) != byte {
                            wrong(index, "the job byte is not the one of the other passes");
                        }
                    }
                }
            }
            (
                PassPattern::Fixed { .. } | PassPattern::JobByte { .. },
                Pattern::Keyed { .. } | Pattern::Stamped { .. },
            )
            | (PassPattern::Keyed, Pattern::Fixed { .. } | Pattern::Stamped { .. })
            | (PassPattern::Stamped { .. }, Pattern::Fixed { .. } | Pattern::Keyed { .. }) => {
                wrong(index, "another kind of pattern was written than planned");
            }
        }
    }
}

fn job_byte(written: &FixedBytes, complement: bool) -> Option<u8> {
    match (written.bytes(), complement) {
        ([byte], false) => Some(*byte),
        ([byte], true) => Some(!byte),
        _ => None,
    }
}

/// Times of a job: each step after the one before.
pub(super) fn times(record: &Record, out: &mut Vec<Finding>) {
    let passes = record.passes.iter().flat_map(|pass| [pass.started, pass.ended]);
    let steps = passes.chain(record.verification.iter().flat_map(|read| [read.started, read.ended]));
    in_order(record.provenance.started, steps, record.provenance.ended, out);
    let gaps = record.interruptions.iter().flat_map(|gap| [gap.last_sign, gap.resumed]);
    in_order(record.provenance.started, gaps, record.provenance.ended, out);
}

/// Times of an inspection.
pub(super) fn inspection_times(
    started: UtcTime,
    read: &VerificationRecord,
    ended: UtcTime,
    out: &mut Vec<Finding>,
) {
    in_order(started, [read.started, read.ended].into_iter(), ended, out);
}

/// The host's two clocks against each other. They are read at different moments, so only a gap that no such moment
/// explains is named; it proves nothing alone, since setting a clock is not forbidden.
pub(super) fn clocks(provenance: &Provenance, interruptions: &[Interruption], out: &mut Vec<Finding>) {
    let clock = &provenance.environment.clock;
    let seconds = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
    let (Some(from), Some(to)) = (seconds(&clock.boottime_start), seconds(&clock.boottime_end)) else {
        return;
    };
    // The uptime is that of the last sitting: the host may have been started anew before it.
    let started = interruptions.last().map_or(provenance.started, |gap| gap.resumed);
    let wall = seconds_between(started, provenance.ended);
    // Written so that what is no number is named too.
    let near = (to - from - wall).abs() <= CLOCKS_APART_SECONDS;
    if !near {
        let text =
            format!("the job took {wall:.0} s by its times and {:.0} s by the host's uptime", to - from);
        out.push(Finding::warning(FindingCode::Times, text));
    }
}

/// Whether a drive can have been written in the time stated.
pub(super) fn speed(record: &Record, out: &mut Vec<Finding>) {
    let Some(geometry) = &record.drive.geometry else { return };
    for (index, pass) in record.passes.iter().enumerate() {
        // Rounding to a double changes nothing at such orders of magnitude.
        let bytes = pass.tally.written.0 as f64 * f64::from(geometry.block_size.bytes());
        let second = 1.0;
        if bytes / (seconds_between(pass.started, pass.ended) + second) > FASTEST_BYTES_PER_SECOND {
            let text = format!("pass {} was faster than any drive can be written", index + 1);
            out.push(Finding::warning(FindingCode::Times, text));
        }
    }
}

fn seconds_between(from: UtcTime, to: UtcTime) -> f64 {
    to.millis().saturating_sub(from.millis()) as f64 / 1000.0
}

fn in_order(from: UtcTime, steps: impl Iterator<Item = UtcTime>, to: UtcTime, out: &mut Vec<Finding>) {
    let mut before = from;
    for time in steps.chain([to]) {
        if time < before {
            let text = format!("{time} stands after {before}");
            out.push(Finding::error(FindingCode::Times, text));
            return;
        }
        before = time;
    }
}
