//! What is compared after a command, and that something is.
use super::*;
use crate::unit::{Lba, LbaRange, Zone, ZoneCondition, ZoneKind, ZoneMap};

fn bare(request: &Request) -> Request {
    Request { canaries: CanaryChoice::None, ..request.clone() }
}

fn known(request: &Request) -> Request {
    Request { canaries: CanaryChoice::Fingerprints, ..request.clone() }
}

/// Where nothing is to be written, and nothing else can be compared, what the drive holds is what must be gone.
#[test]
fn fingerprints_are_canaries_that_nobody_writes() {
    let keys = Request { technique: Some(Technique::CryptoErase), crypto: declared(), ..purge() };
    let ssd = ata_drive(DriveKind::Flash, |_| {});
    let (planted, print) = (planned(&keys, &ssd), planned(&known(&keys), &ssd));
    assert_eq!(print.verification, VerificationPlan::Canaries);
    let firmware = print.firmware.as_ref().unwrap();
    assert_eq!((firmware.canaries, firmware.canary_kind), (64, CanaryKind::Fingerprints));
    assert_ne!(planted.digest(), print.digest());
    let json = |plan: &Plan| serde_json::to_string(plan).unwrap();
    assert!(json(&print).contains(r#""canaryKind":"fingerprints""#));
    assert!(!json(&planted).contains("canaryKind"), "plans of before keep their digests");
    let line = |request: &Request| crate::plan::command_line(request, &ssd, &[], None);
    assert!(line(&known(&keys)).contains(" --canaries fingerprints"));
    assert!(!line(&keys).contains("canaries"));
}

#[test]
fn without_canaries_something_that_the_command_leaves_is_compared() {
    let clear = |technique| Request { method: Some(Method::Clear), technique: Some(technique), ..purge() };
    let keys = Request { technique: Some(Technique::CryptoErase), crypto: declared(), ..purge() };
    let disk = ata_drive(DriveKind::Rotating, |_| {});
    let ssd = ata_drive(DriveKind::Flash, |_| {});
    let after = |request: Request| Request { afterwards: Afterwards::Overwrite, ..request };
    let unread =
        |request: Request| Request { verification: crate::plan::VerificationChoice::None, ..request };
    for (request, facts) in [
        (keys.clone(), &ssd),
        (after(keys.clone()), &ssd),
        (after(purge()), &ssd),
        (unread(purge()), &ssd),
        (clear(Technique::SecurityErase), &ssd),
        (clear(Technique::SecurityEraseEnhanced), &disk),
        (clear(Technique::Format), &nvme_drive(|_| {})),
        (Request { standard: Standard::NistR1, ..purge() }, &nvme_drive(|_| {})),
        (purge(), &nvme_drive(|facts| facts.namespace.deallocated_reads = 0)),
    ] {
        planned(&request, facts);
        assert_eq!(refused(&bare(&request), facts), [ReasonCode::BadRequest], "{request:?}");
        assert!(refusal(&bare(&request), facts).contains("leave --no-canaries out"));
    }
    for facts in [&disk, &ssd, &nvme_drive(|_| {})] {
        assert_eq!(planned(&bare(&purge()), facts).firmware.unwrap().canaries, 0);
    }
}

/// Stale data reads now, and zeros after the drive has tidied up: a drive that did nothing would look as if it had.
#[test]
fn fingerprints_alone_carry_no_plan_where_trimmed_blocks_change_by_themselves() {
    let keys = Request { technique: Some(Technique::CryptoErase), crypto: declared(), ..purge() };
    let after = Request { afterwards: Afterwards::Overwrite, ..purge() };
    let scsi_drive = |change: fn(&mut ScsiFacts)| {
        let mut facts = scsi();
        change(&mut facts);
        on(DriveKind::Flash, Interface::Scsi(Box::new(facts)))
    };
    let unsteady = ata_drive(DriveKind::Flash, |facts| facts.deterministic_after_trim = No);
    let not_told = ata_drive(DriveKind::Flash, |facts| facts.deterministic_after_trim = NotTold);
    let thin = scsi_drive(|facts| facts.unmapped_reads = 0);
    for (request, facts) in [
        (&keys, &unsteady),
        (&purge(), &unsteady),
        (&after, &unsteady),
        (&keys, &not_told),
        (&keys, &thin),
        (&purge(), &thin),
    ] {
        planned(request, facts);
        assert_eq!(refused(&known(request), facts), [ReasonCode::BadRequest], "{request:?}");
        assert!(refusal(&known(request), facts).contains("may change by themselves"));
    }
    // What the drive overwrites itself is read back; and what unmaps nothing, or always reads the same, holds still.
    let overwrite = Request { technique: Some(Technique::SanitizeOverwrite), ..purge() };
    let shingled = ata_drive(DriveKind::Rotating, |facts| facts.deterministic_after_trim = No);
    assert!(planned(&known(&overwrite), &shingled).verification != VerificationPlan::Canaries);
    let no_trim = ata_drive(DriveKind::Flash, |facts| {
        (facts.trim, facts.deterministic_after_trim) = (No, No);
    });
    let turning = scsi_drive(|facts| (facts.unmapped_reads, facts.rotation) = (0, Some(7200)));
    for facts in [&no_trim, &turning, &scsi_drive(|facts| facts.unmapped_reads = 2), &scsi_drive(|_| {})] {
        assert_eq!(planned(&known(&keys), facts).verification, VerificationPlan::Canaries);
    }
}

/// DLFEAT 1 and 2: zeros and ones; WABEREQ 1 with LBPRZ 1: reads complete, zeros.
#[test]
fn a_block_erase_must_read_as_zeros_or_ones_only_where_the_drive_promises_it() {
    let scsi_drive = |change: fn(&mut ScsiFacts)| {
        let mut facts = scsi();
        change(&mut facts);
        on(DriveKind::Flash, Interface::Scsi(Box::new(facts)))
    };
    for (facts, expected) in [
        (nvme_drive(|facts| facts.namespace.deallocated_reads = 1), Expected::Blank),
        (nvme_drive(|facts| facts.namespace.deallocated_reads = 2), Expected::Blank),
        (nvme_drive(|facts| facts.namespace.deallocated_reads = 0), Expected::Changed),
        (nvme_drive(|facts| facts.namespace.deallocated_reads = 3), Expected::Changed),
        (ata_drive(DriveKind::Flash, |_| {}), Expected::Blank),
        (ata_drive(DriveKind::Flash, |facts| facts.zeros_after_trim = No), Expected::Changed),
        (ata_drive(DriveKind::Flash, |facts| facts.deterministic_after_trim = NotTold), Expected::Changed),
        (scsi_drive(|_| {}), Expected::Blank),
        (scsi_drive(|facts| facts.after_block_erase = 0), Expected::Changed),
        (scsi_drive(|facts| facts.unmapped_reads = 0), Expected::Changed),
        (scsi_drive(|facts| facts.unmapped_reads = 2), Expected::Changed),
    ] {
        let plan = planned(&purge(), &facts);
        assert_eq!(plan.technique, Technique::BlockErase);
        let by_canaries = plan.verification == VerificationPlan::Canaries;
        assert_eq!(by_canaries, expected == Expected::Changed, "{facts:?}");
        assert_eq!(plan.firmware.unwrap().expected, expected, "{facts:?}");
    }
    // What may fail the check of its protection information is written before it is read.
    let protected = nvme_drive(|facts| facts.namespace.protection = 1);
    assert_eq!(planned(&purge(), &protected).passes.len(), 1);
}

#[test]
fn zones_matter_only_to_what_this_host_writes() {
    let zoned = |facts: DriveFacts| DriveFacts { zoned: crate::device::Zoned::HostManaged, ..facts };
    let disk = zoned(ata_drive(DriveKind::Rotating, |_| {}));
    let clear = Request { method: Some(Method::Clear), ..Request::default() };
    for request in [clear, purge(), Request { afterwards: Afterwards::Overwrite, ..purge() }] {
        assert_eq!(refused(&request, &disk), [ReasonCode::Zoned]);
    }
    assert_eq!(techniques(&planned(&bare(&purge()), &disk)), [Technique::SanitizeOverwrite]);
    assert_eq!(techniques(&planned(&known(&purge()), &disk)), [Technique::SanitizeOverwrite]);
    let rewritten = Request { afterwards: Afterwards::Overwrite, ..known(&purge()) };
    assert_eq!(refused(&rewritten, &disk), [ReasonCode::Zoned]);
    unavailable(&purge(), &zoned(ata_drive(DriveKind::Rotating, |facts| facts.sanitize = None)));
    // Where the zones are known, what is written whole goes; canaries do not.
    let capacity = disk.geometry().unwrap().capacity;
    let zone = Zone {
        range: LbaRange::new(Lba(0), capacity).unwrap(),
        capacity,
        kind: ZoneKind::SequentialRequired,
        condition: ZoneCondition::Full,
    };
    let known = DriveFacts { zones: Some(ZoneMap::of(&[zone]).unwrap()), ..disk };
    let clear = Request { method: Some(Method::Clear), ..Request::default() };
    assert!(planned(&clear, &known).zones.is_some());
    assert_eq!(refused(&purge(), &known), [ReasonCode::Zoned]);
    // A drive that does all by itself has other zones afterwards, or none: the plan names them only for what is written.
    assert!(planned(&bare(&purge()), &known).zones.is_none());
}
