//! Every technique that the policy plans on each interface, on honest drives that were used: done, and nothing left.
use expunge::plan::Request;
use expunge::plan::request::{Afterwards, CanaryChoice};
use expunge::sim::Wear;
use expunge::sim::controller::opal::{Activation, TperSpec};
use expunge::sim::controller::{AtaTraits, NvmeSpec, Personality, ScsiSpec, ScsiTraits};
use expunge::unit::term::{Outcome, Standard, Technique};

use crate::campaign::{Trail, run};
use crate::check;
use crate::drive::{DriveSpec, Model};
use crate::link::Defect;
use crate::shape::{Shape, purge, used};

/// Blocks of a drive here.
const BLOCKS: u64 = 100;

fn of(model: Model) -> DriveSpec {
    DriveSpec { model, tper: None }
}

pub(crate) fn nvme() -> DriveSpec {
    of(Model::Nvme(NvmeSpec::new(used(BLOCKS, Wear::Moving))))
}

pub(crate) fn solid() -> DriveSpec {
    of(Model::Scsi(ScsiSpec::ata(used(BLOCKS, Wear::Moving), AtaTraits::solid())))
}

pub(crate) fn magnetic() -> DriveSpec {
    of(Model::Scsi(ScsiSpec::ata(used(BLOCKS, Wear::InPlace), AtaTraits::magnetic())))
}

pub(crate) fn scsi(rotation: u16) -> DriveSpec {
    let traits = ScsiTraits { rotation, ..ScsiTraits::default() };
    let shape = used(BLOCKS, Wear::InPlace);
    of(Model::Scsi(ScsiSpec { shape, personality: Personality::Scsi(traits) }))
}

fn opal(drive: DriveSpec, activation: Activation) -> DriveSpec {
    DriveSpec { tper: Some(TperSpec { activation, ..TperSpec::default() }), ..drive }
}

/// Every kind of job: a name, the drive, the request, and the techniques of the commands that are planned for it.
pub(crate) fn kinds() -> Vec<(&'static str, Shape, Vec<Technique>)> {
    use Technique::{
        BlockErase, CryptoErase, Format, FormatCrypto, OpalRevert, SanitizeOverwrite, SecurityEraseEnhanced,
    };
    let (r1, r2) = (Standard::NistR1, Standard::NistR2);
    let one = |name, drive, standard, technique, steps: &[Technique]| {
        (name, Shape::of(drive, purge(standard, technique)), steps.to_vec())
    };
    let keys_first = &[CryptoErase, BlockErase][..];
    vec![
        one("nvme default", nvme(), r2, None, keys_first),
        one("nvme block erase", nvme(), r2, Some(BlockErase), keys_first),
        one("nvme crypto erase", nvme(), r2, Some(CryptoErase), &[CryptoErase]),
        one("nvme overwrite", nvme(), r2, Some(SanitizeOverwrite), &[SanitizeOverwrite]),
        one("nvme format", nvme(), r1, Some(Format), &[Format]),
        one("nvme format crypto", nvme(), r1, Some(FormatCrypto), &[FormatCrypto]),
        one("ata default", solid(), r2, None, keys_first),
        one("ata crypto scramble", solid(), r2, Some(CryptoErase), &[CryptoErase]),
        one("ata overwrite", magnetic(), r2, Some(SanitizeOverwrite), &[SanitizeOverwrite]),
        one("ata security erase", magnetic(), r1, Some(SecurityEraseEnhanced), &[SecurityEraseEnhanced]),
        one("scsi default", scsi(1), r2, None, keys_first),
        one("scsi crypto erase", scsi(1), r2, Some(CryptoErase), &[CryptoErase]),
        one("scsi overwrite", scsi(10_000), r2, Some(SanitizeOverwrite), &[SanitizeOverwrite]),
        one(
            "opal on nvme",
            opal(nvme(), Activation::Active),
            r2,
            Some(OpalRevert),
            &[OpalRevert, CryptoErase, BlockErase],
        ),
        one(
            "opal on ata",
            opal(solid(), Activation::Active),
            r2,
            Some(OpalRevert),
            &[OpalRevert, CryptoErase, BlockErase],
        ),
        one(
            "opal on scsi",
            opal(scsi(1), Activation::Active),
            r2,
            Some(OpalRevert),
            &[OpalRevert, CryptoErase, BlockErase],
        ),
    ]
}

fn assert_done(name: &str, trail: &Trail) {
    let texts: Vec<_> = trail.violations.iter().map(|one| format!("{:?}: {}", one.check, one.text)).collect();
    assert!(texts.is_empty(), "{name}: {texts:?}");
    let reasons = trail.last.as_ref().map(|over| over.verdict.reasons().to_vec());
    assert_eq!(trail.outcome, Outcome::Done, "{name}: {:?} {reasons:?}", trail.world.decision);
}

#[test]
fn every_technique_on_every_interface_leaves_nothing_behind() {
    for (name, shape, steps) in kinds() {
        let trail = run(&shape, None, 1, Defect::None);
        let plan = trail.world.plan().unwrap_or_else(|| panic!("{name}: {:?}", trail.world.decision));
        let planned: Vec<Technique> = plan.commands().iter().map(|step| step.technique()).collect();
        assert_eq!(planned, steps, "{name}");
        assert_done(name, &trail);
        let left = check::residue(&trail.world, plan);
        // Format is not meant to reach cells that no address leads to: a purge by the letter of Rev. 1 alone.
        let narrow = matches!(steps[..], [Technique::Format | Technique::FormatCrypto]);
        assert_eq!((left.visible + left.unmapped, left.beyond > 0), (0, narrow), "{name}: {left:?}");
    }
}

/// Drives that hold something everywhere need no canary that is written.
#[test]
fn fingerprints_are_as_good_on_an_honest_drive_that_holds_something() {
    for (name, shape, _) in kinds() {
        let request = Request { canaries: CanaryChoice::Fingerprints, ..shape.request.clone() };
        let trail = run(&Shape { request, ..shape }, None, 4, Defect::None);
        assert_done(name, &trail);
        let steps = &trail.last.as_ref().expect("it was done").run.steps;
        let known = steps[0].tally.canaries.as_ref().expect("canaries");
        let locked = steps[0].tally.command.technique() == Technique::OpalRevert;
        // What a lock keeps from being read tells nothing; the commands after the revert are proven by themselves.
        assert_eq!(known.planted.count().0, if locked { 0 } else { 64 }, "{name}: {known:?}");
        let record = trail.last.as_ref().and_then(|over| over.filed.as_ref()).expect("a record");
        let text = serde_json::to_string(&record.record).expect("JSON");
        for marks in steps.iter().flat_map(|step| &step.marks) {
            assert!(!text.contains(&String::from(marks.key.clone())), "{name}: the key is on the record");
            let prints = marks.prints.iter().map(|print| String::from(print.mac));
            assert!(prints.into_iter().all(|mac| !text.contains(&mac)), "{name}: a fingerprint is");
        }
    }
}

#[test]
fn a_pass_afterwards_and_no_canaries_are_as_good_on_an_honest_drive() {
    for (name, shape, _) in kinds() {
        let request = Request { afterwards: Afterwards::Overwrite, ..shape.request.clone() };
        assert_done(name, &run(&Shape { request, ..shape.clone() }, None, 2, Defect::None));
        let request = Request { canaries: CanaryChoice::None, ..shape.request.clone() };
        let trail = run(&Shape { request, ..shape }, None, 3, Defect::None);
        assert!(trail.violations.is_empty(), "{name}: {:?}", trail.violations);
        let claims = trail.world.plan().is_some_and(|plan| plan.claim.is_some());
        let outcome = trail.outcome;
        assert_eq!(outcome == Outcome::Done, claims, "{name}: {outcome:?}");
    }
}
