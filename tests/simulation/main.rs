//! The simulation: the real engine, verifier and judge over thousands of simulated drives, each from its seed,
//! with the promises checked after every one, and the same over defects planted on purpose.
//!
//! `EXPUNGE_SIM_SEEDS` and `EXPUNGE_SIM_BASE` choose how many seeds and from where; one failing seed is run
//! again with `EXPUNGE_SIM_SEEDS=1 EXPUNGE_SIM_BASE=<seed>`.

mod ask;
mod check;
mod defect;
mod run;
mod stamped;
mod table;
mod vanish;

use std::collections::BTreeMap;

use check::{Check, Violation};
use defect::Defect;
use run::Run;
use table::Table;

/// Seeds of a normal run, and where they begin.
const SEEDS: u64 = 3000;
const BASE: u64 = 0;

/// From this many seeds on the table must have no empty row.
const SEEDS_FOR_TABLE: u64 = 3000;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}

#[test]
fn the_promises_hold_on_every_simulated_drive() {
    let (base, seeds) = (number("EXPUNGE_SIM_BASE", BASE), number("EXPUNGE_SIM_SEEDS", SEEDS));
    assert!(seeds > 0, "no seeds, no test");
    let mut table = Table::default();
    let (mut failures, mut broken) = (Vec::new(), BTreeMap::new());
    for seed in base..base + seeds {
        let run = Run::carry_out(seed, Defect::None);
        table.count(&run);
        let violations = check::all(&run);
        violations.iter().for_each(|one| *broken.entry(one.check).or_insert(0_u32) += 1);
        if !violations.is_empty() {
            failures.push(report(&run, &violations));
        }
    }
    println!("{table}");
    let shown = failures.iter().take(5).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(failures.is_empty(), "{} of {seeds} seeds failed, {broken:?}:\n{shown}", failures.len());
    if seeds >= SEEDS_FOR_TABLE {
        let gaps = table.gaps();
        assert!(gaps.is_empty(), "the simulation does not show what it claims to:\n{}", gaps.join("\n"));
    } else {
        println!("fewer than {SEEDS_FOR_TABLE} seeds: empty rows of the table were not looked for");
    }
}

fn report(run: &Run, violations: &[Violation]) -> String {
    let lines: Vec<String> =
        violations.iter().map(|one| format!("  {:?}: {}", one.check, one.text)).collect();
    format!(
        "seed {seed}\n{}\n  drive: {:?}\n  plan: {:?}, stops after {:?}\n  fired: {:?}\n  verdict: {:?}\n  again: \
         EXPUNGE_SIM_SEEDS=1 EXPUNGE_SIM_BASE={seed} cargo test --test simulation promises -- --nocapture",
        lines.join("\n"),
        run.spec,
        run.plan.as_ref().map(|plan| (&plan.passes, &plan.verification)),
        run.stops_after,
        run.oracle.fired(),
        run.ended,
        seed = run.seed,
    )
}

/// Each planted defect is found by the check that exists for it, not by a panic or by chance elsewhere. Says by which
/// seed it was killed.
fn is_killed_by(defect: Defect, check: Check) -> String {
    let mut reported = BTreeMap::new();
    for seed in 0..300 {
        for violation in check::all(&Run::carry_out(seed, defect)) {
            if violation.check == check {
                return format!("{defect:?}: {check:?} at seed {seed}");
            }
            *reported.entry(violation.check).or_insert(0) += 1;
        }
    }
    panic!("{defect:?} must be reported by {check:?}; reported: {reported:?}");
}

#[test]
fn defect_tail_never_written() {
    println!("{}", is_killed_by(Defect::TailNeverWritten, Check::P4WrittenWasAsked));
}

#[test]
fn defect_constant_pattern() {
    println!("{}", is_killed_by(Defect::ConstantPattern, Check::P3DoneIsTrue));
}

#[test]
fn defect_stamps_left_out() {
    println!("{}", is_killed_by(Defect::StampsLeftOut, Check::P3DoneIsTrue));
}

#[test]
fn defect_nothing_is_read() {
    println!("{}", is_killed_by(Defect::NothingIsRead, Check::P7MatchedWasRead));
}

#[test]
fn defect_last_block_skipped_by_writer_and_verifier() {
    println!("{}", is_killed_by(Defect::LastBlockSkippedByBoth, Check::P3DoneIsTrue));
}

#[test]
fn defect_completion_trusted_without_reading_back() {
    println!("{}", is_killed_by(Defect::CompletionTrusted, Check::P7MatchedWasRead));
}

#[test]
fn defect_identity_by_path_only() {
    println!("{}", is_killed_by(Defect::IdentityByPath, Check::P1OnlyThePlannedDrive));
}

#[test]
fn defect_flush_left_out() {
    println!("{}", is_killed_by(Defect::FlushLeftOut, Check::P3DoneIsTrue));
}

#[test]
fn defect_write_errors_taken_for_success() {
    println!("{}", is_killed_by(Defect::WriteErrorsTakenForSuccess, Check::P4WrittenWasAsked));
}

#[test]
fn defect_unreadable_filled_in() {
    println!("{}", is_killed_by(Defect::UnreadableFilledIn, Check::P7NoDoneOverUnreadable));
}

#[test]
fn defect_writes_before_comparing() {
    println!("{}", is_killed_by(Defect::WritesBeforeComparing, Check::P2RefusedWroteNothing));
}

#[test]
fn defect_every_drive_fails() {
    println!("{}", is_killed_by(Defect::EveryReadFails, Check::HonestDrivesAreDone));
}

#[test]
fn defect_checkpoint_before_flush() {
    println!("{}", is_killed_by(Defect::CheckpointBeforeFlush, Check::P6CheckpointsAreDurable));
}

#[test]
fn defect_failed_flush_taken_as_good() {
    println!("{}", is_killed_by(Defect::FailedFlushTakenAsGood, Check::P6CheckpointsAreDurable));
}

#[test]
fn defect_retries_side_by_side() {
    println!("{}", is_killed_by(Defect::RetriesSideBySide, Check::OnlyBadBlocksFail));
}

#[test]
fn defect_repair_counted_as_clean() {
    println!("{}", is_killed_by(Defect::RepairCountedAsClean, Check::P3DoneWithoutRepair));
}

#[test]
fn defect_gone_divided_for_ever() {
    println!("{}", is_killed_by(Defect::GoneDividedForEver, Check::P8GoneIsLeftAlone));
}

#[test]
fn defect_repair_invented() {
    println!("{}", is_killed_by(Defect::RepairInvented, Check::P4RepairIsTrue));
}

#[test]
fn defect_hidden_areas_left_out() {
    println!("{}", is_killed_by(Defect::HiddenAreasLeftOut, Check::P3HiddenAreasAreSaid));
}
