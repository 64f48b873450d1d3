//! Drives that tell of a sanitize command and answer that there is none such: nothing is done in its place. Without another
//! technique that the policy accepts there is no purge, and the drive is to be destroyed; with one it is kept and that is named.
use expunge::plan::request::Fallback;
use expunge::plan::{Profile, Request};
use expunge::sim::Wear;
use expunge::sim::controller::{AtaTraits, NvmeSpec, Personality, ScsiSpec, ScsiTraits};
use expunge::unit::term::{Outcome, Standard, Technique};
use expunge::unit::{Reason, ReasonCode};

use crate::campaign::{Trail, run};
use crate::drive::{DriveSpec, Model};
use crate::link::Defect;
use crate::shape::{Shape, purge, used};

const BLOCKS: u64 = 100;

fn of(model: Model) -> DriveSpec {
    DriveSpec { model, tper: None }
}

fn nvme() -> DriveSpec {
    of(Model::Nvme(NvmeSpec { sanitize_is_told_only: true, ..NvmeSpec::new(used(BLOCKS, Wear::Moving)) }))
}

fn scsi() -> DriveSpec {
    let traits = ScsiTraits { sanitize_is_told_only: true, ..ScsiTraits::default() };
    of(Model::Scsi(ScsiSpec { shape: used(BLOCKS, Wear::InPlace), personality: Personality::Scsi(traits) }))
}

fn ata(traits: AtaTraits) -> DriveSpec {
    let traits = AtaTraits { sanitize_is_told_only: true, ..traits };
    of(Model::Scsi(ScsiSpec::ata(used(BLOCKS, Wear::Moving), traits)))
}

/// Runs the job; its outcome and its one reason. Whatever it comes to, the drive carried out nothing, and the record holds.
#[track_caller]
fn ended(name: &str, drive: DriveSpec, request: Request) -> (Outcome, Reason) {
    let trail: Trail = run(&Shape::of(drive, request), None, 1, Defect::None);
    let texts: Vec<_> = trail.violations.iter().map(|one| format!("{:?}: {}", one.check, one.text)).collect();
    assert!(texts.is_empty(), "{name}: {texts:?}");
    assert!(trail.world.drive.oracle().deeds().is_empty(), "{name}: something was done in its place");
    let over = trail.last.unwrap_or_else(|| panic!("{name}: {:?}", trail.world.decision));
    assert!(over.run.passes.is_empty(), "{name}: an overwrite in its place");
    let filed = over.filed.unwrap_or_else(|| panic!("{name}: no record: {:?}", over.trouble));
    assert_eq!(filed.record.outcome, trail.outcome, "{name}: {}", filed.findings);
    let [reason] = over.verdict.reasons() else { panic!("{name}: {:?}", over.verdict) };
    (trail.outcome, reason.clone())
}

#[test]
fn without_another_technique_the_drive_is_to_be_destroyed() {
    let request = || purge(Standard::NistR2, None);
    // Of an ATA drive a restricted command alone shows it: see below.
    let retired = Profile::Retire.fill_in(&request()).expect("a purge");
    for (name, drive, request) in
        [("nvme", nvme(), request()), ("scsi", scsi(), request()), ("ata", ata(AtaTraits::solid()), retired)]
    {
        let (outcome, reason) = ended(name, drive, request);
        assert_eq!((outcome, reason.code), (Outcome::Unsanitizable, ReasonCode::PurgeUnavailable), "{name}");
        assert!(reason.text.starts_with("purge unavailable: "), "{name}: {reason:?}");
        assert!(reason.remedy.starts_with("destroy the drive"), "{name}: {reason:?}");
    }
}

/// An ATA drive that is shut since a restricted sanitize failed answers an unrestricted one in the same words, but has a purge.
#[test]
fn an_ata_drive_is_not_condemned_by_a_command_that_a_shut_one_aborts_too() {
    let (outcome, reason) = ended("ata", ata(AtaTraits::solid()), purge(Standard::NistR2, None));
    assert_eq!((outcome, reason.code), (Outcome::Failed, ReasonCode::FirmwareRefused));
    assert!(reason.remedy.contains("--profile retire"), "{reason:?}");
    assert!(!reason.remedy.contains("destroy"), "{reason:?}");
}

/// Under Rev. 1 the policy accepts Security Erase of a magnetic drive as well: it is kept, and that is not begun.
#[test]
fn with_another_technique_it_is_kept_and_that_is_named() {
    let request = purge(Standard::NistR1, Some(Technique::SanitizeOverwrite));
    let request = Profile::Retire.fill_in(&request).expect("a purge");
    let (outcome, reason) = ended("ata", ata(AtaTraits::magnetic()), request);
    assert_eq!((outcome, reason.code), (Outcome::Failed, ReasonCode::NoSuchCommand));
    assert!(reason.remedy.contains("--technique security-erase-enhanced"), "{reason:?}");
    assert!(!reason.remedy.contains("sanitize-overwrite"), "that is the same command: {reason:?}");
}

/// A lower method that was allowed is not taken behind anybody's back either: the plan was for a purge.
#[test]
fn a_clear_that_was_allowed_is_named_and_not_done() {
    let request = Request { fallback: Fallback::Clear, ..purge(Standard::NistR2, None) };
    let (outcome, reason) = ended("scsi", scsi(), request);
    assert_eq!((outcome, reason.code), (Outcome::Failed, ReasonCode::NoSuchCommand));
    assert!(reason.remedy.contains("--method clear"), "{reason:?}");
}
