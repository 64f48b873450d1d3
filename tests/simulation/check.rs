//! The promises, as checks with names. None of them counts with the code under test: blocks are counted here
//! one by one, and what is on the drive is asked of the oracle.
use std::collections::BTreeSet;

use expunge::engine::{FlushState, PassTally};
use expunge::plan::{LimitCode, RuleName};
use expunge::sim::{Direction, FaultName, Logged, SimFault, View};
use expunge::unit::pattern::FixedBytes;
use expunge::unit::term::{Exit, Outcome};
use expunge::unit::{Pattern, RangeSet};

use crate::run::Run;
use crate::table::{is_borne, is_harmless};

/// The name of a check; the letter and number are those of the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    /// Only the drive of the plan changes, unless another took its place behind an open descriptor, and then
    /// nothing is claimed.
    P1OnlyThePlannedDrive,
    /// A refused job wrote nothing.
    P2RefusedWroteNothing,
    /// Done only if every address that was to be read durably holds what was asked for, and, when all were to
    /// be read, every address does.
    P3DoneIsTrue,
    /// Done only after a reading in which everything was right at once: what was repaired was not kept.
    P3DoneWithoutRepair,
    /// Where cells are left that no address reaches, a record of success says so.
    P3HiddenAreasAreSaid,
    /// Written + failed + unreached = capacity, each block once.
    P4PassAddsUp,
    /// What is counted as written was asked of the drive in that pass, and the drive said yes.
    P4WrittenWasAsked,
    /// Matched + mismatched + unreadable + not read = capacity, each block once.
    P4VerificationAddsUp,
    /// What a repair calls right is right on the cells, and what it calls wrong is not.
    P4RepairIsTrue,
    /// The outcome is one of the table, with its exit, its evidence and its reasons.
    P5OutcomeOfTheTable,
    /// What a checkpoint calls durable is on the cells in that moment, and each block is told once.
    P6CheckpointsAreDurable,
    /// What is counted as matched was read from the drive, and the drive said yes.
    P7MatchedWasRead,
    /// Nothing is done where a block that was to be read cannot be.
    P7NoDoneOverUnreadable,
    /// A drive that has left, or answers nothing any more, is left alone after a bounded number of transfers.
    P8GoneIsLeftAlone,
    /// Blocks that fail are exactly the bad ones: healthy neighbours of a bad block are not blamed.
    OnlyBadBlocksFail,
    /// A drive on which nothing went wrong is done: refusing everything is no way to keep the promises.
    HonestDrivesAreDone,
    /// The port was used as its contract says.
    PortContract,
}

/// A check that failed.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) check: Check,
    pub(crate) text: String,
}

/// Every promise that this run broke.
pub(crate) fn all(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut report = |check, text: String| found.push(Violation { check, text });
    identity(run, &mut report);
    truth(run, &mut report);
    sums(run, &mut report);
    evidence(run, &mut report);
    table(run, &mut report);
    exactness(run, &mut report);
    durable(run, &mut report);
    repaired(run, &mut report);
    left_alone(run, &mut report);
    let breaches = run.oracle.log().breaches;
    if !breaches.is_empty() {
        report(Check::PortContract, format!("{breaches:?}"));
    }
    found
}

fn identity(run: &Run, report: &mut dyn FnMut(Check, String)) {
    let changed = run.oracle.changed_drives();
    let fired = run.oracle.fired();
    let others = changed.iter().filter(|drive| **drive != run.planned).count();
    if others > 0 && !fired.contains_key(&FaultName::ReplacedInUse) {
        report(Check::P1OnlyThePlannedDrive, format!("changed: {changed:?}"));
    }
    if run.ended.outcome == Outcome::Done && (run.found != run.planned || others > 0) {
        report(Check::P1OnlyThePlannedDrive, format!("done, and at the node stands {:?}", run.found));
    }
    if run.ended.outcome == Outcome::Refused && !run.oracle.is_untouched() {
        report(Check::P2RefusedWroteNothing, format!("{} writes", run.oracle.log().writes()));
    }
}

fn truth(run: &Run, report: &mut dyn FnMut(Check, String)) {
    if run.ended.outcome != Outcome::Done {
        return;
    }
    let wrong = blocks(&run.oracle.wrong(View::Durable, &|offset, out| expected(run, offset, out)));
    let wanted: BTreeSet<u64> =
        blocks(&run.wanted).into_iter().filter(|lba| !is_out_of_sight(run, *lba)).collect();
    let residue = blocks(&run.oracle.residue(View::Durable).addressable);
    let broken: Vec<_> = wrong.union(&residue).filter(|lba| wanted.contains(lba)).collect();
    if !broken.is_empty() {
        report(Check::P3DoneIsTrue, format!("done, but these blocks are wrong: {broken:?}"));
    }
    if written_after_last_read(run) {
        report(Check::P3DoneWithoutRepair, "the drive was written after it was read back".into());
    }
    let hidden = run.oracle.residue(View::Durable).unaddressable_cells > 0;
    let limits = run.plan.iter().flat_map(|plan| &plan.limits);
    if hidden && !limits.into_iter().any(|limit| limit.code == LimitCode::HiddenAreasNotExamined) {
        report(Check::P3HiddenAreasAreSaid, "cells out of reach, and no word of it".into());
    }
    let unreadable = blocks(&run.oracle.unreadable());
    if !wanted.is_disjoint(&unreadable) {
        report(Check::P7NoDoneOverUnreadable, format!("done, but these cannot be read: {unreadable:?}"));
    }
}

/// Whether the last of reading and writing was not reading alone: something was put right after the read-back.
fn written_after_last_read(run: &Run) -> bool {
    let Some(read) = run.logged.last().filter(|_| run.verification.is_some()) else { return false };
    run.oracle.log().entries[read.end..]
        .iter()
        .any(|entry| matches!(entry, Logged::Transfer { direction: Direction::Write, .. }))
}

/// Where every read of a block returns another block, a fixed pattern, being the same everywhere, cannot show
/// what the block itself holds. No program can; records of fixed patterns carry that limit.
fn is_out_of_sight(run: &Run, block: u64) -> bool {
    let fixed = matches!(run.patterns.last(), Some(Pattern::Fixed { .. }));
    let elsewhere =
        |fault: &SimFault| matches!(fault, SimFault::ReadMisdirected { lba, .. } if *lba == block);
    fixed && run.spec.faults.iter().any(elsewhere)
}

/// What the last pass should have written, of the plan and not of a defect.
fn expected(run: &Run, offset: u64, out: &mut [u8]) {
    match run.patterns.last().expect("a plan has a pass") {
        Pattern::Fixed { bytes } => {
            for (position, byte) in (offset..).zip(out) {
                *byte = repeated(bytes, position);
            }
        }
        // Said over again byte by byte: 8 of the unit's number from the highest on, 8 of the tag, then the others.
        Pattern::Stamped { bytes, tag } => {
            for (position, byte) in (offset..).zip(out) {
                *byte = match position % 512 {
                    at @ 0..8 => u8::try_from(((position / 512) >> (8 * (7 - at))) & 0xFF).expect("one byte"),
                    at @ 8..16 => tag.0[usize::try_from(at - 8).expect("below 8")],
                    _ => repeated(bytes, position),
                };
            }
        }
        // The stream itself is held against another program's output in its own test.
        keyed @ Pattern::Keyed { .. } => keyed.fill(offset, out),
    }
}

fn repeated(bytes: &FixedBytes, position: u64) -> u8 {
    let period = bytes.bytes();
    period[usize::try_from(position % period.len() as u64).expect("below 64")]
}

fn sums(run: &Run, report: &mut dyn FnMut(Check, String)) {
    let capacity = run.spec.geometry.capacity.0;
    for pass in &run.passes {
        let (failed, unreached) = (blocks(&pass.failed), blocks(&pass.unreached));
        let total = pass.written.0 + failed.len() as u64 + unreached.len() as u64;
        let outside = failed.iter().chain(&unreached).any(|lba| *lba >= capacity);
        if total != capacity || outside || !failed.is_disjoint(&unreached) {
            report(Check::P4PassAddsUp, format!("{pass:?}"));
        }
    }
    if let Some(tally) = &run.verification {
        let (wrong, unreadable) = (blocks(&tally.mismatched), blocks(&tally.unreadable));
        let read = tally.matched.0 + wrong.len() as u64 + unreadable.len() as u64;
        let inside = wrong.union(&unreadable).all(|lba| run.wanted.contains(expunge::unit::Lba(*lba)));
        let adds_up = read + tally.not_read.0 == capacity && tally.wanted == run.wanted.count();
        if !adds_up || !inside || !wrong.is_disjoint(&unreadable) {
            report(Check::P4VerificationAddsUp, format!("{tally:?}"));
        }
    }
}

/// Completions of the drive behind what is counted.
fn evidence(run: &Run, report: &mut dyn FnMut(Check, String)) {
    let log = run.oracle.log();
    let moved = |part: usize, wanted: Direction| -> BTreeSet<u64> {
        let part = run.logged.get(part).map_or(&[][..], |part| &log.entries[part.clone()]);
        part.iter().flat_map(|entry| transferred(entry, wanted)).collect()
    };
    for (part, pass) in run.passes.iter().enumerate() {
        let asked = moved(part, Direction::Write);
        let claimed = written(run, pass);
        if !claimed.is_subset(&asked) {
            let never: Vec<_> = claimed.difference(&asked).collect();
            report(Check::P4WrittenWasAsked, format!("pass {}: {never:?}", pass.index));
        }
    }
    if let Some(tally) = &run.verification {
        let read = moved(run.passes.len(), Direction::Read).len() as u64;
        if tally.matched.0 + tally.mismatched.count().0 > read {
            report(Check::P7MatchedWasRead, format!("{} matched, {read} read", tally.matched));
        }
    }
}

fn transferred(entry: &Logged, wanted: Direction) -> std::ops::Range<u64> {
    match entry {
        Logged::Transfer { direction, range, answer: Ok(()) } if *direction == wanted => {
            range.first().0..range.end().0
        }
        Logged::Transfer { .. } | Logged::Flush { .. } | Logged::Opened => 0..0,
    }
}

fn written(run: &Run, pass: &PassTally) -> BTreeSet<u64> {
    let (failed, unreached) = (blocks(&pass.failed), blocks(&pass.unreached));
    run.whole().into_iter().filter(|lba| !failed.contains(lba) && !unreached.contains(lba)).collect()
}

fn table(run: &Run, report: &mut dyn FnMut(Check, String)) {
    let ended = run.ended;
    // The table of the design, with what this simulation can come to.
    let fits = match ended.outcome {
        Outcome::Done => ended.exit == Exit::Success && ended.evidence && ended.reasons == 0,
        Outcome::Written => ended.exit == Exit::Success && !run.verifies() && !ended.evidence,
        Outcome::Failed => {
            let complete = run.passes.iter().all(|pass| pass.failed.is_empty() && pass.unreached.is_empty());
            let only_reading = ended.exit == Exit::Verification && complete;
            (ended.exit == Exit::Failed || only_reading) && ended.reasons > 0 && !ended.evidence
        }
        Outcome::Refused => ended.exit == Exit::Refused && ended.reasons > 0 && !ended.evidence,
        Outcome::Aborted => ended.exit == Exit::Aborted && run.stops_after.is_some() && !ended.evidence,
        // Known only as: another drive, or another size, at the end.
        Outcome::Unknown => {
            let fired = run.oracle.fired();
            let other = [FaultName::ReplacedInUse, FaultName::Shrinks, FaultName::Gone, FaultName::Returns];
            ended.exit == Exit::Unknown
                && other.iter().any(|name| fired.contains_key(name))
                && !ended.evidence
        }
        Outcome::Unsanitizable => ended.exit == Exit::Failed && ended.reasons > 0 && run.plan.is_none(),
        Outcome::Partial => {
            let written = run.passes.iter().any(|pass| pass.written.0 > 0);
            let by_rule =
                run.given_up == Some(RuleName::ErrorsMax) && failed_transfers(run) >= run.rules().errors_max;
            ended.exit == Exit::Failed && ended.reasons > 0 && !ended.evidence && by_rule && written
        }
    };
    if !fits {
        report(Check::P5OutcomeOfTheTable, format!("{ended:?}"));
    }
    let rules = run.rules();
    let harmless = run.oracle.fired().keys().all(|name| is_harmless(*name) && is_borne(*name, &rules));
    if run.plan.is_some() && harmless && run.stops_after.is_none() && !has_merging(run) {
        let due = if run.verifies() { Outcome::Done } else { Outcome::Written };
        if ended.outcome != due {
            report(Check::HonestDrivesAreDone, format!("{ended:?} instead of {due:?}"));
        }
    }
}

/// A bad block that could have spoilt its neighbours is bad even where it found none.
fn has_merging(run: &Run) -> bool {
    let merging = [FaultName::MergedError, FaultName::MergedSuccess];
    run.spec.faults.iter().any(|fault| merging.contains(&fault.name()))
}

fn exactness(run: &Run, report: &mut dyn FnMut(Check, String)) {
    // A job that ended early counts what it had no time to try again as failed, good blocks among it.
    if run.stops_after.is_some() || run.given_up.is_some() {
        return;
    }
    let fails = |fault: &SimFault, bad: &[FaultName]| bad.contains(&fault.name());
    let faults = &run.spec.faults;
    // Nothing else is on the menu that changes how a write, or a read, is answered.
    let only = |bad: &[FaultName], bystanders: &[FaultName]| {
        faults.iter().any(|fault| fails(fault, bad))
            && faults.iter().all(|fault| fails(fault, bad) || fails(fault, bystanders))
    };
    let unwritable = [FaultName::WriteErrorHard, FaultName::MergedError, FaultName::BadRegion];
    if only(&unwritable, &NOT_OF_WRITES) {
        let bad = faults.iter().filter(|fault| fails(fault, &unwritable));
        let places: BTreeSet<u64> = bad.flat_map(crate::table::places).collect();
        for pass in &run.passes {
            let failed = blocks(&pass.failed);
            if pass.unreached.is_empty() && failed != places {
                report(Check::OnlyBadBlocksFail, format!("bad: {places:?}, failed: {failed:?}"));
            }
        }
    }
    if only(&[FaultName::ReadErrorHard, FaultName::BadRegion], &NOT_OF_READS)
        && let Some(tally) = &run.verification
    {
        let bad: BTreeSet<u64> =
            blocks(&run.oracle.unreadable()).intersection(&blocks(&run.wanted)).copied().collect();
        let failed = blocks(&tally.unreadable);
        if failed != bad {
            report(Check::OnlyBadBlocksFail, format!("bad: {bad:?}, unreadable: {failed:?}"));
        }
    }
}

/// Faults that no write is answered differently for.
const NOT_OF_WRITES: [FaultName; 12] = [
    FaultName::ReadErrorHard,
    FaultName::ReadErrorClearing,
    FaultName::ReadStale,
    FaultName::ReadFlip,
    FaultName::ReadMisdirected,
    FaultName::ReadTooLong,
    FaultName::CellRot,
    FaultName::FlushLies,
    FaultName::CacheLost,
    FaultName::Counterfeit,
    FaultName::HiddenArea,
    FaultName::Slow,
];

/// Faults that no read is answered differently for.
const NOT_OF_READS: [FaultName; 10] = [
    FaultName::WriteErrorHard,
    FaultName::WriteDropped,
    FaultName::WriteMisdirected,
    FaultName::CellRot,
    FaultName::FlushLies,
    FaultName::CacheLost,
    FaultName::Counterfeit,
    FaultName::Remapped,
    FaultName::HiddenArea,
    FaultName::Slow,
];

/// Failed transfers of the whole job, as the drive has them.
fn failed_transfers(run: &Run) -> u32 {
    let log = run.oracle.log();
    let failed = log.entries.iter().filter(|entry| matches!(entry, Logged::Transfer { answer: Err(_), .. }));
    u32::try_from(failed.count()).unwrap_or(u32::MAX)
}

/// Faults with which a drive breaks its word: what it called stored or durable is not, or not for long.
const LIES: [FaultName; 9] = [
    FaultName::WriteDropped,
    FaultName::WriteMisdirected,
    FaultName::WriteTorn,
    FaultName::MergedSuccess,
    FaultName::CellRot,
    FaultName::FlushLies,
    FaultName::CacheLost,
    FaultName::Counterfeit,
    FaultName::ReplacedInUse,
];

/// Faults with which a drive shows something else than it holds.
const FALSE_READS: [FaultName; 5] = [
    FaultName::ReadStale,
    FaultName::ReadFlip,
    FaultName::ReadMisdirected,
    FaultName::ReadErrorClearing,
    FaultName::ReadTooLong,
];

fn durable(run: &Run, report: &mut dyn FnMut(Check, String)) {
    let mut told: BTreeSet<(u32, u64)> = BTreeSet::new();
    for checkpoint in &run.checkpoints {
        for lba in blocks(&checkpoint.written) {
            if !told.insert((checkpoint.pass, lba)) {
                report(Check::P6CheckpointsAreDurable, format!("block {lba} was told twice"));
            }
        }
        let fired = run.oracle.fired();
        if !checkpoint.not_durable.is_empty() && !LIES.iter().any(|name| fired.contains_key(name)) {
            let text = format!("pass {}: {:?}", checkpoint.pass, checkpoint.not_durable);
            report(Check::P6CheckpointsAreDurable, text);
        }
    }
}

fn repaired(run: &Run, report: &mut dyn FnMut(Check, String)) {
    let Some(repair) = &run.repair else { return };
    let fired = run.oracle.fired();
    let has = |names: &[FaultName]| names.iter().any(|name| fired.contains_key(name));
    let wrong = |view| run.oracle.wrong(view, &|offset, out| expected(run, offset, out));
    // Only these break what was written, flushed and read again.
    let broken = [
        FaultName::FlushLies,
        FaultName::CacheLost,
        FaultName::ReplacedInUse,
        FaultName::ReadMisdirected,
        FaultName::WriteMisdirected,
        FaultName::Counterfeit,
    ];
    let mut called_right = repair.repaired.clone();
    // What was right without being written can rot at the flush of the others.
    if !has(&[FaultName::CellRot]) {
        called_right.extend(&repair.right_again);
    }
    let lost = wrong(View::Durable).intersection(&called_right);
    if !lost.is_empty() && !has(&broken) {
        report(Check::P4RepairIsTrue, format!("called right and wrong: {lost:?}"));
    }
    let mut right = repair.still_wrong.clone();
    right.subtract(&wrong(View::Presented));
    right.subtract(&run.oracle.unreadable());
    let went_to_its_end = repair.flush == Some(FlushState::Confirmed) && run.stops_after.is_none();
    // The oracle speaks of the drive that was there first, and what does not answer is called wrong.
    let left = [
        FaultName::Gone,
        FaultName::Mute,
        FaultName::Returns,
        FaultName::Shrinks,
        FaultName::Refuses,
        FaultName::Outage,
        FaultName::ReplacedInUse,
    ];
    if !right.is_empty() && went_to_its_end && !has(&FALSE_READS) && !has(&left) {
        report(Check::P4RepairIsTrue, format!("called wrong and right: {right:?}"));
    }
}

/// Transfers that a drive may be asked for after it has left: those that were in flight, and for a drive that still
/// tells its size those that show that nothing works any more, in the reading and in the repair.
fn left_alone(run: &Run, report: &mut dyn FnMut(Check, String)) {
    let flying = run.spec.depth as u64;
    for fault in &run.spec.faults {
        let (from, most) = match fault {
            SimFault::Gone { transfer, .. } => (*transfer, 2 * flying),
            SimFault::Mute { transfer, .. } => (*transfer, 2 * (256 + 2 * flying)),
            _ => continue,
        };
        let log = run.oracle.log();
        let transfers =
            log.entries.iter().filter(|entry| matches!(entry, Logged::Transfer { .. })).count() as u64;
        let after = transfers.saturating_sub(from);
        if after > most {
            report(Check::P8GoneIsLeftAlone, format!("{after} transfers after {fault:?}"));
        }
    }
}

fn blocks(set: &RangeSet) -> BTreeSet<u64> {
    set.ranges().iter().flat_map(|range| range.first().0..range.end().0).collect()
}
