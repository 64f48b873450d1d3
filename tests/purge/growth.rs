//! Drives that remap sectors while they are worked on: what those held stays where no address leads, unless the technique
//! reaches it.
use expunge::certificate::CheckStatus;
use expunge::plan::request::CanaryChoice;
use expunge::plan::{LimitCode, Profile, Request};
use expunge::sim::Wear;
use expunge::sim::controller::{AtaTraits, ScsiSpec};
use expunge::unit::ReasonCode;
use expunge::unit::term::{Method, Outcome, Standard, Technique};

use crate::campaign::{Trail, run};
use crate::drive::{DriveSpec, Model};
use crate::link::Defect;
use crate::shape::{Shape, purge, used};

/// A disk whose sectors 0 and 77 die at their next write.
fn dying() -> DriveSpec {
    let mut shape = used(100, Wear::InPlace);
    shape.dying = vec![0, 77];
    DriveSpec { model: Model::Scsi(ScsiSpec::ata(shape, AtaTraits::magnetic())), tper: None }
}

fn clear(rules: &[&str]) -> Request {
    let rules = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
    Request { method: Some(Method::Clear), rules, ..Request::default() }
}

/// Addresses that read as old data, and cells beyond them that hold it.
fn left(trail: &Trail) -> (u64, u64) {
    let residue = trail.world.drive.oracle().residue();
    (residue.addressable.count().0, residue.unaddressable_cells)
}

fn went(request: Request) -> Trail {
    let trail = run(&Shape::of(dying(), request), None, 1, Defect::None);
    let texts: Vec<_> = trail.violations.iter().map(|one| format!("{:?}: {}", one.check, one.text)).collect();
    assert!(texts.is_empty(), "{texts:?}");
    trail
}

fn reallocated(trail: &Trail) -> [Option<u64>; 2] {
    let filed = trail.last.as_ref().and_then(|over| over.filed.as_ref()).expect("a record");
    let told = filed.record.firmware.as_ref().expect("what the drive said");
    [&told.before, &told.after].map(|told| told.as_ref().and_then(|told| told.health.reallocated))
}

fn limits(trail: &Trail) -> Vec<LimitCode> {
    let filed = trail.last.as_ref().and_then(|over| over.filed.as_ref()).expect("a record");
    filed.record.limits.iter().map(|limit| limit.code).collect()
}

#[test]
fn an_overwrite_during_which_sectors_were_remapped_is_done_with_a_limit_or_incomplete() {
    for (rules, outcome, status) in [
        (&[][..], Outcome::Done, CheckStatus::Passes),
        (&["defect-growth=state"][..], Outcome::Done, CheckStatus::Passes),
        (&["defect-growth=fail"][..], Outcome::Partial, CheckStatus::AuthenticOther),
    ] {
        let trail = went(clear(rules));
        assert_eq!(trail.outcome, outcome, "{rules:?}");
        let over = trail.last.as_ref().expect("an end");
        assert_eq!(over.filed.as_ref().expect("a record").status, status, "{rules:?}");
        assert_eq!(reallocated(&trail), [Some(2), Some(4)], "by attribute 5, two more than before");
        assert!(limits(&trail).contains(&LimitCode::SectorsGivenUp));
        // Twelve spare cells, of which two took the place of the dying ones, two that were retired before, and those two.
        assert_eq!(left(&trail), (0, 14), "what the two held is still there");
        let codes: Vec<ReasonCode> = over.verdict.reasons().iter().map(|reason| reason.code).collect();
        assert_eq!(codes, [ReasonCode::DefectsGrew][..usize::from(outcome == Outcome::Partial)]);
    }
}

/// What overlooks the growth gets no certificate: the record's own check finds it.
#[test]
fn a_judge_that_overlooks_growth_signs_nothing() {
    let shape = Shape::of(dying(), clear(&["defect-growth=fail"]));
    let trail = run(&shape, None, 1, Defect::GrowthOverlooked);
    assert_eq!(trail.outcome, Outcome::Unknown);
    let reasons = trail.last.as_ref().expect("an end").verdict.reasons().to_vec();
    assert!(
        reasons.iter().any(|reason| reason.text.contains("defects grew while the job ran")),
        "{reasons:?}"
    );
}

/// The same disk sanitizes itself: the canary on the first sector makes it grow a defect, and the command reaches that.
#[test]
fn a_command_that_reaches_remapped_sectors_is_done_whatever_grew() {
    let request = purge(Standard::NistR2, Some(Technique::SanitizeOverwrite));
    let rules = vec!["defect-growth=fail".parse().expect("a rule")];
    let trail = went(Request { rules, ..request });
    assert_eq!(trail.outcome, Outcome::Done);
    let [Some(before), Some(after)] = reallocated(&trail) else { panic!("both looks tell") };
    assert!(after > before, "{after} after, {before} before");
    assert!(limits(&trail).contains(&LimitCode::SectorsGivenUp), "the record says so all the same");
    assert_eq!(left(&trail), (0, 0), "and nothing is left of it");
    // Fingerprints write nothing, so that nothing grows.
    let request = purge(Standard::NistR2, Some(Technique::SanitizeOverwrite));
    let trail = went(Request { canaries: CanaryChoice::Fingerprints, ..request });
    assert_eq!((trail.outcome, reallocated(&trail)), (Outcome::Done, [Some(2); 2]));
}

/// A drive that leaves the house is purged by a command, and its profile is strict about what that would not reach.
#[test]
fn a_profile_for_a_drive_that_leaves_the_house_is_strict() {
    for (profile, word) in [(Profile::Rma, Some("fail")), (Profile::Retire, Some("fail"))] {
        let request = profile.fill_in(&purge(Standard::NistR2, None)).expect("no contradiction");
        let trail = went(request);
        let plan = trail.world.plan().expect("a plan");
        assert_eq!(Some(plan.rules().defect_growth.word()), word, "{profile:?}");
        assert_eq!(trail.outcome, Outcome::Done, "its command reaches what grew: {:?}", plan.technique);
    }
    let reuse = Profile::Reuse.fill_in(&Request::default()).expect("no contradiction");
    let trail = went(reuse);
    assert_eq!(trail.world.plan().expect("a plan").rules().defect_growth.word(), "state");
}
