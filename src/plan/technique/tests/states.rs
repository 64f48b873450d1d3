//! What a drive is in, what it does not tell, and what else is on it.
use super::*;
use crate::device::Reach;
use crate::device::format::not_asked_since;
use crate::unit::Reason;

fn clear() -> Request {
    Request { method: Some(Method::Clear), ..Request::default() }
}

fn scsi_in(state: ScsiState) -> DriveFacts {
    on(DriveKind::Flash, Interface::Scsi(Box::new(ScsiFacts { state, ..scsi() })))
}

fn nvme_in(state: NvmeSanitizeState) -> DriveFacts {
    nvme_drive(|facts| facts.status.as_mut().unwrap().state = state)
}

#[test]
fn what_keeps_this_host_from_writing_is_in_the_way_of_an_overwrite() {
    let ata_in = |state| ata_drive(DriveKind::Rotating, |facts| facts.sanitize_state = Some(state));
    let locked = ata_drive(DriveKind::Rotating, |facts| facts.security.as_mut().unwrap().locked = Yes);
    let by_tcg = |class| with_tcg(nvme_drive(|_| {}), TcgFacts { locked: Yes, class, ..opal() });
    let held = ScsiFacts { reserved: Yes, ..scsi() };
    let shut = ScsiFacts { write_protected: Yes, ..scsi() };
    for (facts, code) in [
        (nvme_in(NvmeSanitizeState::InProgress), ReasonCode::FirmwareBusy),
        (nvme_in(NvmeSanitizeState::Failed), ReasonCode::FirmwareRefused),
        (nvme_drive(|facts| facts.namespace.format_left_percent = Some(9)), ReasonCode::FirmwareBusy),
        (nvme_drive(|facts| facts.namespace.write_protected = Yes), ReasonCode::ReadOnly),
        (ata_in(AtaSanitizeState::InProgress), ReasonCode::FirmwareBusy),
        (ata_in(AtaSanitizeState::Failed), ReasonCode::FirmwareRefused),
        (locked.clone(), ReasonCode::Locked),
        (by_tcg(TcgClass::Opal2), ReasonCode::Locked),
        (scsi_in(ScsiState::Sanitizing), ReasonCode::FirmwareBusy),
        (scsi_in(ScsiState::Formatting), ReasonCode::FirmwareBusy),
        (scsi_in(ScsiState::SanitizeFailed), ReasonCode::FirmwareRefused),
        (scsi_in(ScsiState::FormatCorrupted), ReasonCode::FirmwareRefused),
        (on(DriveKind::Flash, Interface::Scsi(Box::new(held))), ReasonCode::Reserved),
        (on(DriveKind::Flash, Interface::Scsi(Box::new(shut))), ReasonCode::ReadOnly),
    ] {
        assert_eq!(refused(&clear(), &facts), [code], "{facts:?}");
        // What could not be looked at for that is not to be named as well.
        let content = vec![crate::device::Content::unreadable(0)];
        let closed = facts.capability.as_ref().unwrap().out_of_reach().is_some();
        if closed {
            assert_eq!(refused(&clear(), &DriveFacts { content, ..facts }), [code]);
        }
    }
    planned(&clear(), &ata_in(AtaSanitizeState::Frozen));
}

#[test]
fn a_locked_drive_is_told_only_what_its_class_can_do() {
    for (class, reverts) in [
        (TcgClass::Opal1, true),
        (TcgClass::Opal2, true),
        (TcgClass::Ruby, true),
        (TcgClass::Pyrite1, false),
        (TcgClass::Pyrite2, false),
        (TcgClass::Enterprise, false),
        (TcgClass::Other, false),
    ] {
        let tcg = || TcgFacts { locked: Yes, class, ..opal() };
        let erase = Request { technique: Some(Technique::SecurityErase), ..clear() };
        for (request, facts) in [
            (purge(), with_tcg(nvme_drive(|_| {}), tcg())),
            (clear(), with_tcg(nvme_drive(|_| {}), tcg())),
            (erase, with_tcg(ata_drive(DriveKind::Flash, |_| {}), tcg())),
        ] {
            assert_eq!(refused(&request, &facts), [ReasonCode::Locked]);
            assert_eq!(refusal(&request, &facts).contains("--technique opal-revert"), reverts, "{class:?}");
        }
    }
}

#[test]
fn a_revert_by_psid_takes_one() {
    let facts = with_tcg(nvme_drive(|_| {}), opal());
    let revert = Request { technique: Some(Technique::OpalRevert), ..purge() };
    assert_eq!(refused(&revert, &facts), [ReasonCode::BadRequest]);
    assert!(refusal(&revert, &facts).contains("--psid-file"));
    planned(&Request { psid: PsidGiven::Yes, ..revert.clone() }, &facts);
    // Its owner never changed the default credential, which the drive tells.
    planned(&revert, &with_tcg(nvme_drive(|_| {}), TcgFacts { sid_is_default: Yes, ..opal() }));
}

#[test]
fn what_the_drive_does_not_list_may_be_there() {
    let unlisted = nvme_drive(|facts| facts.allocated = None);
    let silent = nvme_drive(|facts| facts.active = Vec::new());
    let unit = on(DriveKind::Flash, Interface::Scsi(Box::new(ScsiFacts { units_listed: NotTold, ..scsi() })));
    for facts in [&unlisted, &silent, &unit] {
        assert_eq!(refused(&purge(), facts), [ReasonCode::ScopeNotAccepted]);
        let plan = planned(&Request { scope: Scope::Drive, ..purge() }, facts);
        let unproven = plan.firmware.unwrap().reach.unproven;
        assert!(unproven.iter().any(|unit| unit.contains("if there are any")), "{unproven:?}");
    }
    let not_covered = |facts: &DriveFacts| {
        let plan = planned(&clear(), facts);
        let limit = plan.limits.iter().find(|limit| limit.code == LimitCode::OtherUnitsNotCovered);
        limit.map(|limit| limit.text.clone())
    };
    for facts in [&unlisted, &silent, &unit] {
        assert!(not_covered(facts).unwrap().contains("does not list them"));
    }
    // Namespaces that the kernel does not show, and capacity in none.
    let detached = nvme_drive(|facts| facts.allocated = Some(vec![1, 2, 3]));
    assert!(not_covered(&detached).unwrap().starts_with("2 other units of the same drive"));
    let spare = nvme_drive(|facts| facts.unallocated_bytes = Some(4_096));
    assert!(not_covered(&spare).unwrap().starts_with("4096 bytes that belong to no namespace"));
    for facts in [nvme_drive(|_| {}), on(DriveKind::Flash, Interface::Scsi(Box::new(scsi())))] {
        assert_eq!(not_covered(&facts), None);
    }
}

#[test]
fn a_format_reaches_the_whole_drive_when_that_was_asked_for_or_is_refused() {
    let wide = Request { standard: Standard::NistR1, scope: Scope::Drive, ..purge() };
    let two = |broadcast, erases_all| {
        nvme_drive(|facts| {
            (facts.active, facts.allocated) = (vec![1, 2], Some(vec![1, 2]));
            let format = facts.format.as_mut().unwrap();
            (format.broadcast, format.erases_all) = (broadcast, erases_all);
        })
    };
    let scope_of = |facts: &DriveFacts| {
        let firmware = planned(&wide, facts).firmware.unwrap();
        let DriveCommand::NvmeFormat(format) = firmware.steps[0].clone() else { panic!("{firmware:?}") };
        assert_eq!(firmware.reach.scope, Scope::Drive);
        format.namespace
    };
    assert_eq!(scope_of(&two(Yes, No)), nvme_command::FormatScope::All);
    assert_eq!(scope_of(&two(Yes, Yes)), nvme_command::FormatScope::All);
    assert_eq!(scope_of(&two(No, Yes)), nvme_command::FormatScope::One { nsid: 1 });
    assert_eq!(refused(&wide, &two(No, No)), [ReasonCode::BadRequest]);
    // Alone on its drive a namespace is all there is.
    planned(&wide, &nvme_drive(|facts| facts.format.as_mut().unwrap().broadcast = No));
}

#[test]
fn under_rev_1_no_hidden_blocks_are_left() {
    let short = |facts: &mut AtaFacts| facts.areas.native = Some(9_000_000_000);
    let disk = ata_drive(DriveKind::Rotating, short);
    for technique in [None, Some(Technique::SecurityEraseEnhanced)] {
        let request = Request { standard: Standard::NistR1, technique, ..purge() };
        let leave = Request { hidden: HiddenChoice::Leave, ..request.clone() };
        let plan = planned(&Request { hidden: HiddenChoice::Restore, ..request.clone() }, &disk);
        assert_eq!(plan.firmware.unwrap().restore.unwrap().native.0, 9_000_000_000);
        // A bridge that shows one block less than the drive presents would not follow.
        let bridge = ata_drive(DriveKind::Rotating, |facts| {
            facts.areas.presented = 7_814_037_169;
            short(facts);
        });
        for (request, facts) in [(&leave, &disk), (&request, &bridge)] {
            assert_eq!(refused(request, facts), [ReasonCode::HiddenArea], "{technique:?}");
        }
        planned(&Request { standard: Standard::NistR2, technique: None, ..leave }, &disk);
    }
}

/// A SATA SSD of which the kernel shows nothing and whose word 217 says that nothing turns.
#[test]
fn the_drives_own_word_on_its_medium_is_heard_before_it_is_planned_for() {
    let heeded = |kind, rotation| {
        let mut facts = ata_drive(kind, |facts| facts.rotation = rotation);
        let shown = word(kind);
        let mut sources =
            vec![crate::device::Fact { name: "kind".into(), value: shown, source: "name".into() }];
        let note = crate::device::classify::heed(&mut facts, &mut sources);
        assert_eq!(sources[0].value, word(facts.kind));
        assert_eq!(note.is_some(), facts.kind != kind);
        facts
    };
    let contradicted = heeded(DriveKind::Rotating, Some(1));
    assert_eq!(contradicted.kind, DriveKind::Unknown);
    assert_eq!(refused(&purge(), &contradicted), [ReasonCode::MethodNotReachable]);
    let told = heeded(DriveKind::Unknown, Some(1));
    assert_eq!(planned(&purge(), &told).technique, Technique::BlockErase);
    assert_eq!(heeded(DriveKind::Rotating, Some(7_200)).kind, DriveKind::Rotating);
    assert_eq!(heeded(DriveKind::Rotating, None).kind, DriveKind::Rotating);
}

/// A unit of this size that the kernel calls dead for this reason.
fn called_dead(blocks: u64, block_bytes: u32, code: ReasonCode) -> DriveFacts {
    let told = ScsiFacts { blocks, block_bytes, ..scsi() };
    let mut facts = on(DriveKind::Rotating, Interface::Scsi(Box::new(told)));
    facts.reach = Reach::Dead(Reason::new(code, "no size", "none"));
    facts
}

/// Only the kernel's lack of a size is made good, and only by what the unit tells now.
#[test]
fn a_unit_that_tells_its_size_is_not_dead_because_the_kernel_has_none() {
    use ReasonCode::{NoCapacity, UnsupportedFormat};
    let asked = |blocks, bytes, code| not_asked_since(&called_dead(blocks, bytes, code));
    assert_eq!(asked(1_000, 512, NoCapacity), Some(512_000));
    assert_eq!(asked(1_000, 4096, NoCapacity), Some(4_096_000));
    assert_eq!(asked(0, 512, NoCapacity), None, "it tells none");
    assert_eq!(asked(1_000, 520, NoCapacity), None, "the kernel would give it none");
    assert_eq!(asked(1_000, 512, UnsupportedFormat), None);
    assert_eq!(asked(u64::MAX, 512, NoCapacity), None);
    let alive = on(DriveKind::Rotating, Interface::Scsi(Box::new(scsi())));
    assert_eq!(not_asked_since(&alive), None);
}
