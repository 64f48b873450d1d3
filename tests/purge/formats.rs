//! Drives with blocks that the kernel presents none of (520 or 528 bytes): purged by their own commands, with canaries
//! and a read-back by READ(16) and WRITE(16).
use expunge::device::format::{self, HeldBack};
use expunge::device::{ContentType, Reach};
use expunge::plan::request::Afterwards;
use expunge::plan::{Decision, Request};
use expunge::sim::Wear;
use expunge::sim::controller::{Personality, Quirk, ScsiSpec, ScsiTraits, Shape as Cells};
use expunge::unit::term::{Method, Outcome, Standard, Technique};
use expunge::unit::{Reason, ReasonCode};

use crate::campaign::{Trail, run};
use crate::check;
use crate::drive::{Drive, DriveSpec, Model};
use crate::foreign;
use crate::link::Defect;
use crate::shape::{Shape, purge};
use crate::world::World;

/// Sizes that sg_format(8) and the manuals of makers name.
const SIZES: [u32; 6] = [520, 524, 528, 4104, 4160, 4224];

fn drive(block_bytes: u32, traits: ScsiTraits, quirks: &[Quirk]) -> DriveSpec {
    let cells = Cells { wear: Wear::InPlace, ..Cells::small(block_bytes, 100).used() };
    let shape = quirks.iter().fold(cells, |cells, quirk| cells.with(*quirk));
    let model = Model::Scsi(ScsiSpec { shape, personality: Personality::Scsi(traits) });
    DriveSpec { model, tper: None }
}

fn request(technique: Option<Technique>) -> Request {
    let mut request = purge(Standard::NistR2, technique);
    request.known_content.insert(ContentType::Unreadable);
    request
}

fn job(block_bytes: u32, rotation: u16, technique: Option<Technique>, quirks: &[Quirk]) -> Trail {
    let traits = ScsiTraits { rotation, ..ScsiTraits::default() };
    let shape = Shape::of(drive(block_bytes, traits, quirks), request(technique));
    run(&shape, None, 1, Defect::None)
}

fn assert_kept_promises(name: &str, trail: &Trail) {
    let texts: Vec<_> = trail.violations.iter().map(|one| format!("{:?}: {}", one.check, one.text)).collect();
    assert!(texts.is_empty(), "{name}: {texts:?}");
}

fn reasons(trail: &Trail) -> Vec<(ReasonCode, String)> {
    let reasons = trail.last.iter().flat_map(|over| over.verdict.reasons());
    reasons.map(|reason| (reason.code, reason.text.clone())).collect()
}

#[test]
fn an_honest_drive_of_any_block_size_is_purged_and_nothing_is_left() {
    for size in SIZES {
        for (rotation, technique) in [(1, None), (1, Some(Technique::CryptoErase)), (10_000, None)] {
            let name = format!("{size} {rotation} {technique:?}");
            let trail = job(size, rotation, technique, &[]);
            assert!(matches!(trail.world.facts.reach, Reach::ByCommand(_)), "{name}");
            assert_kept_promises(&name, &trail);
            assert_eq!(
                trail.outcome,
                Outcome::Done,
                "{name}: {:?} {:?}",
                trail.world.decision,
                reasons(&trail)
            );
            let plan = trail.world.plan().expect("a plan");
            assert_eq!(plan.geometry.block_size.bytes(), size);
            assert!(plan.firmware.as_ref().is_some_and(|firmware| firmware.canaries > 0), "{name}");
            assert!(plan.claim.as_ref().is_some_and(|claim| claim.scope.contains(&format!("{size} bytes"))));
            let left = check::residue(&trail.world, plan);
            assert_eq!((left.visible, left.unmapped, left.beyond), (0, 0, 0), "{name}: {left:?}");
        }
    }
}

#[test]
fn a_drive_that_says_done_and_erases_nothing_is_a_liar() {
    let techniques =
        [(1, Technique::BlockErase), (1, Technique::CryptoErase), (10_000, Technique::SanitizeOverwrite)];
    for (rotation, technique) in techniques {
        for quirks in [&[Quirk::ErasesNothing][..], &[Quirk::ErasesNothing, Quirk::NeverShown]] {
            let name = format!("{technique:?} {quirks:?}");
            let trail = job(520, rotation, Some(technique), quirks);
            assert_kept_promises(&name, &trail);
            assert_eq!(trail.outcome, Outcome::Failed, "{name}: {:?}", reasons(&trail));
            assert!(
                reasons(&trail).iter().any(|(_, text)| text.contains("the drive lies")),
                "{name}: {:?}",
                reasons(&trail)
            );
        }
    }
}

#[test]
fn a_drive_that_spares_its_last_block_is_found_out() {
    let trail = job(528, 1, Some(Technique::BlockErase), &[Quirk::SkipsLastBlock]);
    assert_kept_promises("short", &trail);
    assert_eq!(trail.outcome, Outcome::Failed, "{:?}", reasons(&trail));
}

#[test]
fn a_pass_over_blocks_of_520_bytes_after_a_purge_is_written_and_read_back_whole() {
    let traits = ScsiTraits::default();
    let request = Request { afterwards: Afterwards::Overwrite, ..request(Some(Technique::BlockErase)) };
    let trail = run(&Shape::of(drive(520, traits.clone(), &[]), request), None, 1, Defect::None);
    assert_kept_promises("afterwards", &trail);
    assert_eq!(trail.outcome, Outcome::Done, "{:?}", reasons(&trail));
    let over = trail.last.expect("it came to its end");
    assert_eq!(over.run.passes.len(), 1);
    let read = over.run.verification.expect("it was read back");
    assert_eq!((read.tally.matched.0, read.tally.mismatched.count().0), (100, 0));
}

#[test]
fn a_drive_without_sanitize_is_unsanitizable_and_its_format_is_named() {
    let traits = ScsiTraits { sanitize: Vec::new(), ..ScsiTraits::default() };
    let world = World::new(&Shape::of(drive(520, traits, &[]), request(None)));
    let Decision::Unsanitizable(reasons) = &world.decision else { panic!("{:?}", world.decision) };
    assert_eq!(reasons[0].code, ReasonCode::PurgeUnavailable);
    assert!(reasons[0].text.contains("purge unavailable"), "{reasons:?}");
    assert!(reasons[0].remedy.starts_with("destroy the drive"), "{reasons:?}");
    assert!(reasons[0].remedy.contains("FORMAT UNIT"), "{reasons:?}");
}

#[test]
fn what_such_a_drive_carries_is_not_known_and_has_to_be_named() {
    let request = Request { method: Some(Method::Purge), ..purge(Standard::NistR2, None) };
    let world = World::new(&Shape::of(drive(520, ScsiTraits::default(), &[]), request));
    let Decision::Refused(reasons) = &world.decision else { panic!("{:?}", world.decision) };
    assert_eq!(reasons[0].code, ReasonCode::MemberContent);
    assert!(reasons[0].remedy.contains("--known-content unreadable"), "{reasons:?}");
}

/// The kernel gives a SCSI drive that sanitizes itself no capacity: only a job that knows the drive takes it up so, and only
/// while that explains it.
#[test]
fn a_size_that_is_held_back_is_known_to_its_job_alone() {
    for size in [512, 520] {
        let drive = Drive::new(&drive(size, ScsiTraits::default(), &[]));
        let before = drive.facts().expect("it is there").reach;
        let none = Reach::Dead(Reason::new(ReasonCode::NoCapacity, "no capacity", "look again"));
        let found = |known: Option<&Reach>| {
            let mut facts = drive.facts().expect("it is there");
            facts.reach = none.clone();
            let held_back = format::held_back(&mut facts, known);
            (held_back, facts.reach)
        };
        // Ready, and of the same size: the kernel did not ask again.
        assert_eq!(found(Some(&before)), (Some(HeldBack::ByKernel), before.clone()), "{size}");
        assert_eq!(found(None), (None, none.clone()), "{size}: a new job knows nothing");
        let mut other = before.clone();
        let (Reach::Addressable(geometry) | Reach::ByCommand(geometry)) = &mut other else { unreachable!() };
        geometry.capacity.0 += 1;
        assert_eq!(found(Some(&other)), (None, none.clone()), "{size}: of another size");
        foreign::sanitize(&mut drive.route().channel);
        assert_eq!(found(Some(&before)), (Some(HeldBack::ByDrive), before.clone()), "{size}");
        assert_eq!(found(None), (None, none.clone()), "{size}");
        // A drive that has a size is what it says, whatever is known.
        let mut facts = drive.facts().expect("it is there");
        facts.reach = other.clone();
        assert_eq!(format::held_back(&mut facts, Some(&before)), None);
        assert_eq!(facts.reach, other);
    }
}
