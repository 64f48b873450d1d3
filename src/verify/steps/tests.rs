use super::*;
use crate::command::ata::{Sanitize, SanitizeAction};
use crate::command::{AfterFailure, DriveCommand};
use crate::unit::{Digest, Lba, LbaRange, PatternKey};

fn set(ranges: &[(u64, u64)]) -> RangeSet {
    ranges.iter().filter_map(|&(first, count)| LbaRange::new(Lba(first), BlockCount(count))).collect()
}

/// Canaries on blocks 0, 7 and 99 of 100, of which so many matched, differed and could not be read.
fn canaries(matched: u64, mismatched: &[(u64, u64)], unreadable: &[(u64, u64)]) -> Canaries {
    let planted = set(&[(0, 1), (7, 1), (99, 1)]);
    let after = VerificationTally {
        wanted: BlockCount(3),
        matched: BlockCount(matched),
        mismatched: set(mismatched),
        unreadable: set(unreadable),
        not_read: BlockCount(97),
        wanted_digest: Digest::of_json(&planted),
    };
    Canaries { pattern: Pattern::Keyed { key: PatternKey([1; 32]) }, planted, after: Some(after) }
}

fn all_changed() -> Canaries {
    canaries(0, &[(0, 1), (7, 1), (99, 1)], &[])
}

fn step(conclusion: Conclusion, canaries: Option<Canaries>) -> StepTally {
    let action = SanitizeAction::BlockErase;
    let command = DriveCommand::AtaSanitize(Sanitize { action, after_failure: AfterFailure::Restricted });
    let report = CommandReport { conclusion, proof: Vec::new(), exchanges: Vec::new(), notes: Vec::new() };
    StepTally { command, before: Before::default(), report: Some(report), canaries }
}

fn code(word: &StepWord) -> Option<ReasonCode> {
    match word {
        StepWord::Proven => None,
        StepWord::NotStarted(reason) | StepWord::Failed(reason) | StepWord::Unknown(reason) => {
            Some(reason.code)
        }
    }
}

#[test]
fn canaries_have_the_last_word() {
    let none_seen = || canaries(0, &[(0, 1), (7, 1)], &[(99, 1)]);
    let one_left = || canaries(1, &[(0, 1), (7, 1)], &[]);
    let not_read = || Canaries { after: None, ..all_changed() };
    let nothing_planted = || Canaries { planted: set(&[]), after: None, ..all_changed() };
    for (conclusion, canaries, compared, expected) in [
        (Conclusion::Confirmed, Some(all_changed()), Compared::CanariesOnly, None),
        (Conclusion::Claimed, Some(all_changed()), Compared::CanariesOnly, None),
        (Conclusion::Confirmed, Some(one_left()), Compared::Blocks, Some(ReasonCode::FirmwareLied)),
        (Conclusion::Claimed, Some(one_left()), Compared::Blocks, Some(ReasonCode::FirmwareLied)),
        (Conclusion::Confirmed, Some(none_seen()), Compared::Blocks, None),
        (Conclusion::Confirmed, Some(none_seen()), Compared::CanariesOnly, Some(ReasonCode::FirmwareUnknown)),
        (Conclusion::Claimed, Some(none_seen()), Compared::Blocks, Some(ReasonCode::FirmwareUnknown)),
        (Conclusion::Confirmed, None, Compared::Blocks, None),
        (Conclusion::Confirmed, None, Compared::CanariesOnly, Some(ReasonCode::FirmwareUnknown)),
        (Conclusion::Claimed, None, Compared::Blocks, Some(ReasonCode::FirmwareUnknown)),
        (Conclusion::Claimed, Some(not_read()), Compared::Blocks, Some(ReasonCode::FirmwareUnknown)),
        (Conclusion::Claimed, Some(nothing_planted()), Compared::Blocks, Some(ReasonCode::FirmwareUnknown)),
    ] {
        let step = step(conclusion, canaries);
        assert_eq!(code(&step_word(&step, compared)), expected, "{step:?}");
    }
}

#[test]
fn no_canary_makes_a_success_of_what_the_drive_calls_a_failure() {
    let reason = || Reason::new(ReasonCode::FirmwareFailed, "it failed", "destroy it");
    for conclusion in [
        Conclusion::Failed { reason: reason() },
        Conclusion::NotStarted { reason: reason() },
        Conclusion::Unknown { reason: reason() },
    ] {
        let step = step(conclusion, Some(all_changed()));
        assert_eq!(code(&step_word(&step, Compared::Blocks)), Some(ReasonCode::FirmwareFailed));
    }
    let unreported = StepTally { report: None, ..step(Conclusion::Confirmed, Some(all_changed())) };
    assert_eq!(code(&step_word(&unreported, Compared::Blocks)), Some(ReasonCode::FirmwareUnknown));
}

#[test]
fn a_survivor_is_named() {
    let step = step(Conclusion::Confirmed, Some(canaries(1, &[(0, 1), (7, 1)], &[])));
    let StepWord::Failed(reason) = step_word(&step, Compared::Blocks) else { panic!("{step:?}") };
    assert!(reason.text.starts_with("the drive lies: "), "{}", reason.text);
    assert!(reason.text.contains("1 blocks") && reason.text.ends_with("first LBA 99"), "{}", reason.text);
}

#[test]
fn counts_of_another_drive_do_not_fit() {
    let size = crate::unit::BlockSize::new(512).unwrap();
    let geometry =
        |blocks| Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(blocks) };
    let step = step(Conclusion::Confirmed, Some(all_changed()));
    assert!(accounts_for(&step, &geometry(100)));
    assert!(!accounts_for(&step, &geometry(99)), "a canary beyond the end");
    assert!(!accounts_for(&step, &geometry(101)), "a block that was not counted");
}

/// A drive that did not begin for a cause that passes is kept for a job to come, and never called one to destroy.
#[test]
fn a_command_that_was_not_begun_condemns_no_drive() {
    use crate::plan::decide::tests::drive;
    use crate::plan::{Decision, Policy, Request, decide};
    use crate::unit::term::{Disposition, DriveKind, Exit, Outcome};
    use crate::verify::verdict::{Ending, judge};

    let request = Request::default();
    let Decision::Planned(plan) = decide(&request, &drive(DriveKind::Rotating), &Policy::builtin()) else {
        panic!()
    };
    let not_started =
        |reason: &Reason| step(Conclusion::NotStarted { reason: reason.clone() }, Some(all_changed()));
    let done = || step(Conclusion::Confirmed, Some(all_changed()));
    for (code, first, outcome) in [
        (ReasonCode::FirmwareRefused, false, Outcome::Failed),
        (ReasonCode::FirmwareBusy, false, Outcome::Failed),
        (ReasonCode::Frozen, false, Outcome::Failed),
        (ReasonCode::Locked, false, Outcome::Failed),
        (ReasonCode::Reserved, false, Outcome::Failed),
        (ReasonCode::PurgeUnavailable, false, Outcome::Unsanitizable),
        (ReasonCode::PurgeUnavailable, true, Outcome::Failed),
    ] {
        let reason = Reason::new(code, "it did not begin", "wait");
        let steps = if first { vec![done(), not_started(&reason)] } else { vec![not_started(&reason)] };
        let verdict = judge(&plan, &steps, &[], None, None, &Ending::CommandNotStarted(reason));
        let disposition = match outcome {
            Outcome::Unsanitizable => Disposition::ToDestroy,
            _ => Disposition::Quarantined,
        };
        assert_eq!((verdict.outcome(), verdict.disposition()), (outcome, disposition), "{code:?}");
        assert_eq!(verdict.exit(), Exit::Failed);
        assert!(verdict.evidence().is_none() && !verdict.reasons().is_empty());
    }
}
