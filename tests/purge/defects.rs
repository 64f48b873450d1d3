//! Defects that are planted around the real code: each must be found by the check that is there for it.
use expunge::sim::controller::QuirkName;
use expunge::sim::{Dice, UnsyncedTail};

use crate::campaign::{Crash, run};
use crate::check::Check;
use crate::honest::kinds;
use crate::link::Defect;
use crate::shape::Shape;

/// Seeds within which a defect must be found.
const SEEDS: u64 = 300;

/// On drives with a quirk.
fn is_killed_on(quirk: QuirkName, defect: Defect, check: Check) {
    let killed = (0..SEEDS).find(|seed| {
        let shape = Shape::with_quirk(quirk, &mut Dice::new(*seed));
        run(&shape, None, *seed, defect).violations.iter().any(|violation| violation.check == check)
    });
    let seed = killed.unwrap_or_else(|| panic!("{defect:?} was not found by {check:?} in {SEEDS} seeds"));
    println!("{defect:?}: killed by {check:?} at seed {seed}");
}

/// On honest drives, where the host dies at an append.
fn is_killed_by_a_crash(tail: UnsyncedTail, defect: Defect, check: Check) {
    for (name, shape, _) in kinds() {
        for sync in 0..24 {
            let crash = Crash { sync, tail, power: None };
            let trail = run(&shape, Some(crash), sync, defect);
            if trail.violations.iter().any(|violation| violation.check == check) {
                println!("{defect:?}: killed by {check:?} at {name}, sync {sync}");
                return;
            }
        }
    }
    panic!("{defect:?} was not found by {check:?} after any crash");
}

#[test]
fn defect_canaries_not_read() {
    is_killed_on(QuirkName::ErasesNothing, Defect::CanariesNotRead, Check::P3DoneIsTrue);
}

#[test]
fn defect_canary_survivors_ignored() {
    is_killed_on(QuirkName::ErasesNothing, Defect::SurvivorsIgnored, Check::P3DoneIsTrue);
}

#[test]
fn defect_fingerprints_invented() {
    is_killed_on(QuirkName::ErasesNothing, Defect::PrintsInvented, Check::P3DoneIsTrue);
}

#[test]
fn defect_full_progress_taken_for_success() {
    let quirk = QuirkName::ProgressFullWhileRunning;
    is_killed_on(quirk, Defect::FullTakenForSuccess, Check::HonestDrivesAreDone);
}

#[test]
fn defect_stale_success_accepted() {
    is_killed_by_a_crash(UnsyncedTail::Kept, Defect::StaleSuccessAccepted, Check::P3OursWasTaken);
}

#[test]
fn defect_journal_after_send() {
    is_killed_on(QuirkName::ZerosAfterCrypto, Defect::JournalAfterSend, Check::P6JournalFirst);
}

#[test]
fn defect_sent_again() {
    is_killed_by_a_crash(UnsyncedTail::Lost, Defect::SentAgain, Check::P6NeverTwice);
}
