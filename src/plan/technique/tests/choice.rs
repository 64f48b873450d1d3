//! Which technique is taken, and when none is.
use super::*;

fn r1() -> Request {
    Request { standard: Standard::NistR1, ..purge() }
}

fn or_clear(request: &Request) -> Request {
    Request { fallback: Fallback::Clear, ..request.clone() }
}

fn frozen(kind: DriveKind) -> DriveFacts {
    ata_drive(kind, |facts| facts.sanitize_state = Some(AtaSanitizeState::Frozen))
}

fn opal_without_sanitize(tcg: TcgFacts) -> DriveFacts {
    with_tcg(nvme_drive(|facts| facts.sanitize = None), tcg)
}

#[test]
fn a_hindered_best_is_refused_and_the_next_is_only_named() {
    let disk = frozen(DriveKind::Rotating);
    for request in [r1(), or_clear(&r1())] {
        assert_eq!(refused(&request, &disk), [ReasonCode::Frozen]);
        assert!(refusal(&request, &disk).contains("--technique security-erase-enhanced"));
    }
    let named = Request { technique: Some(Technique::SecurityEraseEnhanced), ..r1() };
    assert_eq!(techniques(&planned(&named, &disk)), [Technique::SecurityEraseEnhanced]);

    let blind = with_tcg(nvme_drive(|facts| facts.status = None), opal());
    let request = Request { crypto: declared(), psid: PsidGiven::Yes, ..purge() };
    assert_eq!(refused(&request, &blind), [ReasonCode::FirmwareRefused]);
    assert!(
        refusal(&Request { psid: PsidGiven::No, ..request.clone() }, &blind).find("--technique").is_none()
    );

    let locked = with_tcg(nvme_drive(|_| {}), TcgFacts { locked: Yes, ..opal() });
    assert_eq!(refused(&request, &locked), [ReasonCode::Locked]);
    assert!(refusal(&request, &locked).contains("can be done now: --technique opal-revert"));
    let named = Request { technique: Some(Technique::OpalRevert), ..request.clone() };
    let steps = [Technique::OpalRevert, Technique::CryptoErase, Technique::BlockErase];
    assert_eq!(techniques(&planned(&named, &locked)), steps);
    // A revert that nobody named, because nothing else is a purge.
    assert_eq!(techniques(&planned(&request, &opal_without_sanitize(opal()))), [Technique::OpalRevert]);
}

#[test]
fn a_named_technique_that_is_no_purge_is_refused_with_those_that_are() {
    let ssd = ata_drive(DriveKind::Flash, |_| {});
    for technique in
        [Technique::SecurityEraseEnhanced, Technique::SecurityErase, Technique::SanitizeOverwrite]
    {
        let named = Request { technique: Some(technique), ..purge() };
        for request in [named.clone(), or_clear(&named)] {
            assert_eq!(refused(&request, &ssd), [ReasonCode::MethodNotReachable], "{technique:?}");
            assert!(refusal(&request, &ssd).contains("what is one here: block-erase"));
        }
    }
    // Also as clear, where an overwrite is one.
    let format = Request { technique: Some(Technique::FormatCrypto), method: Some(Method::Clear), ..purge() };
    assert_eq!(refused(&format, &nvme_drive(|_| {})), [ReasonCode::MethodNotReachable]);
    // With none that is, the drive has no purge, and clear is lower.
    let old = ata_drive(DriveKind::Flash, |facts| facts.sanitize = None);
    let named = Request { technique: Some(Technique::SecurityErase), ..purge() };
    unavailable(&named, &old);
    assert_eq!(planned(&or_clear(&named), &old).method, Method::Clear);
}

#[test]
fn a_change_of_keys_without_a_basis_is_no_reason_to_destroy() {
    let only_keys = nvme_drive(|facts| facts.sanitize.as_mut().unwrap().block_erase = No);
    for facts in [&only_keys, &opal_without_sanitize(opal())] {
        assert_eq!(refused(&purge(), facts), [ReasonCode::MethodNotReachable]);
        let text = refusal(&purge(), facts);
        assert!(text.contains("--crypto-basis") && text.contains("--declare-crypto"), "{text}");
    }
    // Allowed in its place, clear is taken, and the record does not say that there is no purge.
    let plan = planned(&or_clear(&purge()), &only_keys);
    let lower = plan.limits.iter().find(|limit| limit.code == LimitCode::LowerMethod).unwrap();
    assert!(!lower.text.contains("not available"), "{}", lower.text);
    // A maker's statement alone does not say how the drive was used.
    let file = crate::plan::request::StatementFile { path: "s.pdf".into(), sha256: Digest::of(b"s") };
    let vendor = CryptoGiven { statement: Some(file), declaration: None };
    let by_vendor = Request { crypto: Some(vendor.clone()), ..purge() };
    assert_eq!(refused(&by_vendor, &only_keys), [ReasonCode::MethodNotReachable]);
    assert!(refusal(&by_vendor, &only_keys).contains("add --declare-crypto"));
    let both = CryptoGiven { declaration: Some("encrypted from the first day".into()), ..vendor };
    assert_eq!(
        techniques(&planned(&Request { crypto: Some(both), ..purge() }, &only_keys)),
        [Technique::CryptoErase]
    );
}

#[test]
fn no_remedy_offers_what_the_profile_forbids() {
    let old = ata_drive(DriveKind::Flash, |facts| facts.sanitize = None);
    for profile in [Profile::Rma, Profile::Retire] {
        let request = profile.fill_in(&Request::default()).unwrap();
        let Decision::Unsanitizable(reasons) = decided(&request, &old) else { panic!() };
        assert!(!reasons[0].remedy.contains("clear"), "{}", reasons[0].remedy);
        for kind in [DriveKind::Flash, DriveKind::LogicalVolume, DriveKind::TestObject] {
            let only_keys = DriveFacts {
                kind,
                ..ata_drive(kind, |facts| {
                    let sanitize = facts.sanitize.as_mut().unwrap();
                    (sanitize.block_erase, sanitize.overwrite) = (No, No);
                })
            };
            assert!(!refusal(&request, &only_keys).contains("clear"));
        }
    }
}

#[test]
fn a_drive_behind_a_bridge_is_taken_out_and_a_stick_is_destroyed() {
    let usb = |facts: DriveFacts, removable| DriveFacts { transport: Some("usb".into()), removable, ..facts };
    let ssd = usb(ata_drive(DriveKind::Flash, |_| {}), true);
    let silent = usb(drive(DriveKind::Unknown), false);
    let disk = usb(drive(DriveKind::Rotating), false);
    for facts in [&ssd, &silent, &disk] {
        assert_eq!(refused(&purge(), facts), [ReasonCode::MethodNotReachable]);
        assert!(refusal(&purge(), facts).contains("out of its enclosure"));
        assert_eq!(planned(&or_clear(&purge()), facts).method, Method::Clear);
    }
    let card = DriveFacts { transport: Some("mmc".into()), ..drive(DriveKind::Flash) };
    for facts in [usb(drive(DriveKind::Flash), true), card] {
        unavailable(&purge(), &facts);
    }
}

#[test]
fn a_volume_is_never_to_be_destroyed_for_its_members() {
    let volumes = [
        drive(DriveKind::LogicalVolume),
        on(DriveKind::LogicalVolume, Interface::Scsi(Box::new(scsi()))),
        ata_drive(DriveKind::LogicalVolume, |_| {}),
    ];
    for facts in &volumes {
        for technique in [None, Some(Technique::BlockErase), Some(Technique::SanitizeOverwrite)] {
            let request = Request { technique, ..purge() };
            assert_eq!(refused(&request, facts), [ReasonCode::MethodNotReachable]);
            assert!(refusal(&request, facts).contains("HBA mode"));
            let plan = planned(&or_clear(&request), facts);
            assert!(plan.limits.iter().any(|limit| limit.code == LimitCode::LowerMethod));
        }
    }
}

/// On what the two rows agree: typed by hand from the table of the policy.
#[test]
fn a_medium_of_unknown_kind_bears_only_what_platters_and_flash_both_bear() {
    let unknown = ata_drive(DriveKind::Unknown, |_| {});
    assert_eq!(refused(&purge(), &unknown), [ReasonCode::MethodNotReachable]);
    let text = refusal(&purge(), &unknown);
    assert!(text.contains("block-erase on flash; sanitize-overwrite on a rotating drive"), "{text}");
    let by_keys = planned(&Request { crypto: declared(), ..purge() }, &unknown);
    assert_eq!(techniques(&by_keys), [Technique::CryptoErase]);
    for technique in [Technique::BlockErase, Technique::SanitizeOverwrite, Technique::SecurityEraseEnhanced] {
        let named = Request { technique: Some(technique), ..r1() };
        assert_eq!(refused(&named, &unknown), [ReasonCode::MethodNotReachable], "{technique:?}");
    }
}

#[test]
fn a_policy_row_is_found_again_by_the_interface_of_the_commands() {
    let policy = Policy::builtin();
    let drives = [
        (DriveKind::Flash, Interface::Ata(Box::new(ata()))),
        (DriveKind::Rotating, Interface::Ata(Box::new(ata()))),
        (DriveKind::Flash, Interface::Scsi(Box::new(scsi()))),
        (DriveKind::Rotating, Interface::Scsi(Box::new(scsi()))),
    ];
    for standard in [Standard::NistR1, Standard::NistR2, Standard::Ieee2883] {
        for (kind, interface) in &drives {
            for crypto in [None, declared()] {
                let facts = on(*kind, interface.clone());
                let technique = crypto.as_ref().map(|_| Technique::CryptoErase);
                let request = Request { standard, technique, crypto, ..purge() };
                let plan = planned(&request, &facts);
                let case = Case {
                    standard,
                    medium: Medium::of(&facts),
                    interface: InterfaceKind::of_commands(plan.commands()),
                    technique: plan.technique,
                    method: plan.method,
                };
                let rule = policy.quoted(&case, &plan.policy).unwrap();
                assert!(matches!(rule.ruling, Ruling::ByDrive { .. }), "{rule:?}");
            }
        }
    }
}
