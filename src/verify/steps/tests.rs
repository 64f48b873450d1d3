use super::*;
use crate::command::ata::{EraseMode, Sanitize, SanitizeAction, SecurityErase};
use crate::command::{AfterFailure, DriveCommand};
use crate::plan::firmware::CanaryKind;
use crate::unit::{BlockCount, Digest, Lba, LbaRange, Pattern, PatternKey, RangeSet};
use crate::verify::{Fingerprints, VerificationTally};

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
    let pattern = Pattern::Keyed { key: PatternKey([1; 32]) };
    Canaries { after: Some(after), ..Canaries::planted(pattern, planted) }
}

/// The same in another unit, beside canaries of this one that all changed.
fn beside(other: Canaries) -> Canaries {
    let Canaries { pattern, fingerprints, planted, after, .. } = other;
    let (unit, geometry) = ("namespace 2".to_owned(), geometry(100));
    let unit = UnitCanaries { unit, geometry, pattern, fingerprints, planted, after };
    Canaries { others: vec![unit], ..all_changed() }
}

fn geometry(blocks: u64) -> Geometry {
    let size = crate::unit::BlockSize::new(512).unwrap();
    Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(blocks) }
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

const DEMAND: Demand = Demand { canaries: 3, kind: CanaryKind::Planted, capacity: BlockCount(100) };

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
        (Conclusion::Confirmed, None, Compared::Later, None),
        (Conclusion::Claimed, None, Compared::Later, Some(ReasonCode::FirmwareUnknown)),
        (Conclusion::Confirmed, Some(one_left()), Compared::Later, Some(ReasonCode::FirmwareLied)),
        (Conclusion::Claimed, None, Compared::Blocks, Some(ReasonCode::FirmwareUnknown)),
        (Conclusion::Claimed, Some(not_read()), Compared::Blocks, Some(ReasonCode::FirmwareUnknown)),
        (Conclusion::Claimed, Some(nothing_planted()), Compared::Blocks, Some(ReasonCode::FirmwareUnknown)),
    ] {
        let step = step(conclusion, canaries);
        assert_eq!(code(&step_word(&step, compared, &DEMAND)), expected, "{step:?}");
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
        assert_eq!(code(&step_word(&step, Compared::Blocks, &DEMAND)), Some(ReasonCode::FirmwareFailed));
    }
    let unreported = StepTally { report: None, ..step(Conclusion::Confirmed, Some(all_changed())) };
    assert_eq!(code(&step_word(&unreported, Compared::Blocks, &DEMAND)), Some(ReasonCode::FirmwareUnknown));
}

#[test]
fn a_survivor_is_named() {
    let step = step(Conclusion::Confirmed, Some(canaries(1, &[(0, 1), (7, 1)], &[])));
    let StepWord::Failed(reason) = step_word(&step, Compared::Blocks, &DEMAND) else { panic!("{step:?}") };
    assert!(reason.text.starts_with("the drive lies: "), "{}", reason.text);
    assert!(reason.text.contains("1 blocks") && reason.text.ends_with("first LBA 99"), "{}", reason.text);
}

#[test]
fn counts_of_another_drive_do_not_fit() {
    let step = step(Conclusion::Confirmed, Some(all_changed()));
    assert!(accounts_for(&step, &geometry(100)));
    assert!(!accounts_for(&step, &geometry(99)), "a canary beyond the end");
    assert!(!accounts_for(&step, &geometry(101)), "a block that was not counted");
}

/// In another unit nothing but canaries is compared, whatever is compared in the one that was named.
#[test]
fn canaries_in_another_unit_have_the_last_word_too() {
    let unread = || Canaries { after: None, ..all_changed() };
    let unplanted = || Canaries { planted: set(&[]), ..unread() };
    for (other, expected) in [
        (all_changed(), None),
        (canaries(1, &[(0, 1), (7, 1)], &[]), Some(ReasonCode::FirmwareLied)),
        (canaries(0, &[(0, 1), (7, 1)], &[(99, 1)]), Some(ReasonCode::FirmwareUnknown)),
        (unread(), Some(ReasonCode::FirmwareUnknown)),
        (unplanted(), Some(ReasonCode::FirmwareUnknown)),
    ] {
        for conclusion in [Conclusion::Confirmed, Conclusion::Claimed] {
            let step = step(conclusion, Some(beside(other.clone())));
            assert_eq!(code(&step_word(&step, Compared::Blocks, &DEMAND)), expected, "{step:?}");
            assert_eq!(code(&step_word(&step, Compared::CanariesOnly, &DEMAND)), expected, "{step:?}");
        }
    }
    // A survivor in the unit that was named is told before a silence in another one.
    let both = Canaries { others: beside(unread()).others, ..canaries(1, &[(0, 1), (7, 1)], &[]) };
    let both = step(Conclusion::Confirmed, Some(both));
    assert_eq!(code(&step_word(&both, Compared::Blocks, &DEMAND)), Some(ReasonCode::FirmwareLied));
    let lied = step(Conclusion::Confirmed, Some(beside(canaries(1, &[(0, 1), (7, 1)], &[]))));
    let StepWord::Failed(reason) = step_word(&lied, Compared::Blocks, &DEMAND) else { panic!("{lied:?}") };
    assert!(reason.text.starts_with("in namespace 2 the drive lies: "), "{}", reason.text);
}

#[test]
fn counts_of_another_unit_must_be_of_its_canaries() {
    let fits =
        |canaries: Canaries| accounts_for(&step(Conclusion::Confirmed, Some(canaries)), &geometry(100));
    assert!(fits(beside(all_changed())));
    let mut elsewhere = beside(all_changed());
    if let Some(after) = &mut elsewhere.others[0].after {
        after.wanted_digest = Digest::of_json(&set(&[(1, 3)]));
    }
    assert!(!fits(elsewhere), "other blocks were read than were planted");
    let mut short = beside(all_changed());
    short.others[0].geometry = geometry(99);
    assert!(!fits(short), "a canary beyond the end of the unit");
}

#[test]
fn a_unit_that_the_plan_claims_must_have_had_canaries() {
    let canaries = beside(all_changed());
    let plan = |units: &[&str]| FirmwarePlan {
        alternatives: None,
        steps: vec![step(Conclusion::Confirmed, None).command],
        canaries: 3,
        canary_kind: CanaryKind::Planted,
        expected: crate::plan::firmware::Expected::Changed,
        reach: crate::plan::firmware::CommandReach {
            scope: crate::plan::firmware::Scope::Drive,
            units: units.iter().map(|unit| (*unit).to_owned()).collect(),
            unproven: Vec::new(),
            not_reached: Vec::new(),
        },
        restore: None,
        crypto_basis: None,
    };
    let step = step(Conclusion::Confirmed, Some(canaries));
    assert_eq!(uncovered(&step, &plan(&["namespace 1", "namespace 2"])), None);
    let reason = uncovered(&step, &plan(&["namespace 1", "namespace 2", "namespace 3"])).unwrap();
    assert!(reason.text.contains("namespace 3"), "{}", reason.text);
    let none = FirmwarePlan { canaries: 0, ..plan(&["namespace 1", "namespace 3"]) };
    assert_eq!(uncovered(&step, &none), None, "what is not compared is not claimed");
}

#[test]
fn what_the_host_wrote_over_proves_nothing() {
    let gone = || canaries(0, &[], &[(0, 1), (7, 1), (99, 1)]);
    let none_seen = || canaries(0, &[(0, 1), (7, 1)], &[(99, 1)]);
    for (canaries, expected) in [
        (None, Some(ReasonCode::FirmwareUnknown)),
        (Some(none_seen()), Some(ReasonCode::FirmwareUnknown)),
        (Some(all_changed()), None),
        // Reads that fail until the block is written are what a drive may announce.
        (Some(gone()), None),
    ] {
        let step = step(Conclusion::Confirmed, canaries);
        assert_eq!(code(&step_word(&step, Compared::Rewritten, &DEMAND)), expected, "{step:?}");
    }
    let claimed = step(Conclusion::Claimed, Some(gone()));
    let word = step_word(&claimed, Compared::Rewritten, &DEMAND);
    assert_eq!(code(&word), Some(ReasonCode::FirmwareUnknown), "unreadable is not gone");
}

#[test]
fn too_few_canaries_tell_nothing() {
    let word = |demand: Demand| all_changed().word(&demand);
    let demand =
        |canaries, capacity| Demand { canaries, kind: CanaryKind::Planted, capacity: BlockCount(capacity) };
    assert_eq!(word(demand(3, 100)), CanaryWord::AllChanged);
    assert_eq!(word(demand(4, 100)), CanaryWord::AllChanged, "three quarters");
    assert_eq!(word(demand(5, 100)), CanaryWord::Silent, "fewer");
    assert_eq!(word(demand(64, 100)), CanaryWord::Silent);
    assert_eq!(word(demand(3, 101)), CanaryWord::Silent, "not the last block");
    assert_eq!(word(demand(0, 100)), CanaryWord::Silent, "none was planned");
    let half_read = canaries(0, &[(0, 1)], &[]);
    assert_eq!(half_read.word(&DEMAND), CanaryWord::Silent, "a reading that did not come to its end");
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

/// Whether the drive was erased so before, or did nothing, looks the same.
#[test]
fn an_unchanged_block_is_a_lie_only_where_nothing_else_can_have_left_it() {
    let by_prints = |left_by_job, canaries: Canaries| {
        let taken = Fingerprints { looked: BlockCount(3), left_by_job, ..Default::default() };
        Canaries { pattern: None, fingerprints: Some(taken), ..canaries }
    };
    let demand = Demand { kind: CanaryKind::Fingerprints, ..DEMAND };
    let none_changed = || canaries(3, &[], &[]);
    let some_changed = || canaries(1, &[(7, 1), (99, 1)], &[]);
    let judged = |mode: Option<EraseMode>, canaries| {
        let mut step = step(Conclusion::Confirmed, Some(canaries));
        if let Some(mode) = mode {
            step.command = DriveCommand::AtaSecurityErase(SecurityErase { mode });
        }
        code(&step_word(&step, Compared::CanariesOnly, &demand))
    };
    let (lied, unknown) = (Some(ReasonCode::FirmwareLied), Some(ReasonCode::FirmwareUnknown));
    assert_eq!(judged(None, by_prints(false, none_changed())), lied);
    assert_eq!(judged(None, by_prints(true, none_changed())), unknown, "this job's own command left them");
    assert_eq!(judged(None, by_prints(true, some_changed())), unknown);
    assert_eq!(judged(None, by_prints(true, all_changed())), None, "what changed has changed");
    let (enhanced, normal) = (Some(EraseMode::Enhanced), Some(EraseMode::Normal));
    assert_eq!(
        judged(enhanced, by_prints(false, none_changed())),
        unknown,
        "a pattern of the maker's choice"
    );
    assert_eq!(judged(enhanced, by_prints(false, some_changed())), lied, "it would be the same everywhere");
    assert_eq!(judged(normal, by_prints(false, none_changed())), lied);
    let beside =
        Canaries { others: beside(by_prints(true, none_changed())).others, ..by_prints(true, all_changed()) };
    assert_eq!(judged(None, beside), unknown, "in another unit too");
}
