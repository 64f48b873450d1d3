//! Counting again: each block of the drive once in every pass and in the verification (P4). The sums are made
//! here anew, not by the code that filled the counts in.
use super::finding::{Finding, FindingCode, Level};
use crate::certificate::inspection::Inspection;
use crate::certificate::record::{Exceptions, Record};
use crate::engine::FlushState;
use crate::plan::VerificationPlan;
use crate::unit::term::Outcome;
use crate::unit::{RangeSet, term::word};
use crate::verify::{RepairTally, VerificationTally};

/// Counts of all passes and of the verification.
pub(super) fn counts(record: &Record, out: &mut Vec<Finding>) {
    let Some(geometry) = record.shape() else {
        if !record.passes.is_empty() || record.verification.is_some() {
            out.push(Finding::error(FindingCode::Passes, "passes on a drive without addressable blocks"));
        }
        return;
    };
    let capacity = geometry.capacity.0;
    // Counts that do not add up are what makes an outcome unknown: there they are no contradiction.
    let level = if record.outcome == Outcome::Unknown { Level::Warning } else { Level::Error };
    for (index, pass) in record.passes.iter().enumerate() {
        let tally = &pass.tally;
        if u64::from(tally.index) != index as u64 {
            let text = format!("pass {} calls itself pass {}", index + 1, u64::from(tally.index) + 1);
            out.push(Finding { level, code: FindingCode::Passes, text });
        }
        let (written, absent) = (tally.written.0, tally.absent.0);
        if let Some(why) = not_the_whole(written, absent, &tally.failed, &tally.unreached, capacity) {
            let text = format!("pass {}: written, failed and unreached {why}", index + 1);
            out.push(Finding { level, code: FindingCode::PassSum, text });
        }
        // Where a zone had more cells than the drive had said, fewer are, and the others were not reached.
        let planned = without_cells(record);
        if absent > planned || sum(&[absent, tally.unreached.count().0]) < u128::from(planned) {
            let text = format!(
                "pass {}: {absent} addresses are called absent, and by the zones of the plan {planned} are",
                index + 1
            );
            out.push(Finding { level, code: FindingCode::PassSum, text });
        }
    }
    if let Some(verification) = &record.verification {
        verification_counts(&verification.tally, capacity, level, out);
        if let Some(why) =
            verification.repair.as_ref().and_then(|repair| not_repaired(repair, &verification.tally))
        {
            out.push(Finding { level, code: FindingCode::Exceptions, text: why.to_owned() });
        }
    }
    if record.exceptions != Exceptions::of(&record.passes, record.verification.as_ref()) {
        out.push(Finding::error(
            FindingCode::Exceptions,
            "the exceptions are not those that the counts list",
        ));
    }
    outcome_fits(record, capacity, out);
}

/// Addresses behind which there are no cells, by the zones of the plan.
fn without_cells(record: &Record) -> u64 {
    record.plan.as_ref().map_or(0, |plan| plan.absent_count().0)
}

/// Counts of an inspection.
pub(super) fn inspection_counts(inspection: &Inspection, out: &mut Vec<Finding>) {
    let Some(geometry) = &inspection.drive.geometry else {
        out.push(Finding::error(FindingCode::Verification, "an inspection of a drive without blocks"));
        return;
    };
    let tally = &inspection.verification.tally;
    verification_counts(tally, geometry.capacity.0, Level::Error, out);
    if (inspection.first_differing, inspection.last_differing)
        != (tally.mismatched.first(), tally.mismatched.last())
    {
        let text = "the first and last differing blocks are not those that the counts list";
        out.push(Finding::error(FindingCode::Exceptions, text));
    }
    if inspection.outcome != Inspection::outcome_of(&inspection.verification) {
        out.push(Finding::error(FindingCode::Outcome, "the outcome contradicts what was counted"));
    }
}

fn verification_counts(tally: &VerificationTally, capacity: u64, level: Level, out: &mut Vec<Finding>) {
    let (bad, lost) = (&tally.mismatched, &tally.unreadable);
    if let Some(why) = not_the_whole(tally.matched.0, tally.not_read.0, bad, lost, capacity) {
        let text = format!("verification: matched, mismatched, unreadable and not read {why}");
        out.push(Finding { level, code: FindingCode::VerificationSum, text });
    }
    let read = sum(&[tally.matched.0, bad.count().0, lost.count().0]);
    if read > u128::from(tally.wanted.0) || tally.wanted.0 > capacity {
        let text = "verification: more blocks were read than were to be read, or than there are".to_owned();
        out.push(Finding { level, code: FindingCode::VerificationSum, text });
    }
}

/// Why counts and two sets do not make up the whole drive, each block once.
fn not_the_whole(good: u64, rest: u64, one: &RangeSet, other: &RangeSet, capacity: u64) -> Option<String> {
    let beyond = one.last().max(other.last()).filter(|last| last.0 >= capacity);
    if let Some(last) = beyond {
        return Some(format!("name LBA {last}, which the drive does not have"));
    }
    let mut union = one.clone();
    union.extend(other);
    if union.count().0 != one.count().0 + other.count().0 {
        return Some("count a block twice".to_owned());
    }
    let total = sum(&[good, rest, union.count().0]);
    (total != u128::from(capacity)).then(|| format!("add up to {total} blocks of {capacity}"))
}

/// Why a repair cannot have been so.
fn not_repaired(repair: &RepairTally, tally: &VerificationTally) -> Option<&'static str> {
    if !repair.accounts_for(tally) {
        return Some("the blocks that were to be repaired are not those that were wrong, each once");
    }
    let durable = repair.flush == Some(FlushState::Confirmed);
    (!repair.repaired.is_empty() && !durable)
        .then_some("blocks are called repaired that were never made durable")
}

fn sum(counts: &[u64]) -> u128 {
    counts.iter().map(|count| u128::from(*count)).sum()
}

fn outcome_fits(record: &Record, capacity: u64, out: &mut Vec<Finding>) {
    let claims_writing = match record.outcome {
        Outcome::Done | Outcome::Written => true,
        Outcome::Partial
        | Outcome::Failed
        | Outcome::Unsanitizable
        | Outcome::Refused
        | Outcome::Aborted
        | Outcome::Unknown => false,
    };
    if claims_writing {
        for (index, pass) in record.passes.iter().enumerate() {
            let whole = capacity.saturating_sub(without_cells(record));
            if pass.tally.written.0 != whole || pass.tally.flush != FlushState::Confirmed {
                let text = format!(
                    "the outcome is {}, but pass {} wrote {} of {capacity} blocks, made durable: {}",
                    word(record.outcome),
                    index + 1,
                    pass.tally.written,
                    word(pass.tally.flush)
                );
                out.push(Finding::error(FindingCode::Outcome, text));
            }
        }
    }
    if record.outcome == Outcome::Done {
        let only_canaries = record.verification.is_none() && has_canaries_instead(record);
        let clean = record.verification.as_ref().is_some_and(|verification| {
            let tally = &verification.tally;
            tally.matched == tally.wanted
                && tally.wanted.0 > 0
                && tally.mismatched.is_empty()
                && tally.unreadable.is_empty()
        });
        if !clean && !only_canaries {
            let text = "the outcome is done, but the read-back did not find everything right";
            out.push(Finding::error(FindingCode::Outcome, text));
        }
    }
    if record.outcome == Outcome::Written && record.verification.is_some() {
        out.push(Finding::error(FindingCode::Outcome, "the outcome is written, but there was a read-back"));
    }
}

/// Whether the plan compares canaries and nothing else. What they came to is checked with the drive's commands.
pub fn has_canaries_instead(record: &Record) -> bool {
    let plan = record.plan.as_ref();
    plan.is_some_and(|plan| plan.verification == VerificationPlan::Canaries && !plan.commands().is_empty())
}
