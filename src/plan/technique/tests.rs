mod choice;
mod random;
mod shows;
mod states;

use super::*;
use crate::command::{ata as ata_command, nvme as nvme_command};
use crate::device::Capability;
use crate::device::capability::ata::{
    AreaFacts, AtaFacts, AtaSanitizeFacts, AtaSanitizeState, AtaSecurityFacts, EraseTime,
};
use crate::device::capability::nvme::{
    NamespaceFacts, NvmeFacts, NvmeFormatFacts, NvmeSanitizeFacts, NvmeSanitizeState, SanitizeStatusFacts,
};
use crate::device::capability::scsi::{ScsiFacts, ScsiSanitizeFacts, ScsiState};
use crate::device::capability::{Health, Interface, Support, TcgClass, TcgFacts};
use crate::plan::decide::tests::drive;
use crate::plan::firmware::{CanaryKind, Expected};
use crate::plan::request::{Afterwards, CanaryChoice, CryptoGiven, Fallback, HiddenChoice, PsidGiven};
use crate::plan::{Decision, LimitCode, PassPattern, Plan, Profile, VerificationPlan, decide};
use crate::unit::ReasonCode;

use Support::{No, NotTold, Yes};

fn capability(interface: Interface) -> Option<Box<Capability>> {
    let health = Health::default();
    Some(Box::new(Capability { interface, tcg: None, health, pages: Vec::new(), gaps: Vec::new() }))
}

/// An NVMe drive with one namespace, block and cryptographic erase, Format with both.
fn nvme() -> NvmeFacts {
    NvmeFacts {
        controller_id: 1,
        multi_controller: No,
        sanitize: Some(NvmeSanitizeFacts {
            block_erase: Yes,
            overwrite: No,
            crypto_erase: Yes,
            media_verification: No,
            purge_reporting: No,
            no_deallocate_inhibited: No,
            no_deallocate_modifies: 1,
            no_deallocate_warns: NotTold,
            block_erase_seconds: Some(120),
            overwrite_seconds: Some(3_200),
            crypto_erase_seconds: Some(5),
        }),
        format: Some(NvmeFormatFacts { formats_all: No, erases_all: No, crypto_erase: Yes, broadcast: Yes }),
        security: No,
        namespace: NamespaceFacts {
            nsid: 1,
            blocks: 1_000,
            lba_format: 1,
            extended_metadata: No,
            metadata_bytes: 0,
            protection: 0,
            protection_place: 0,
            deallocated_reads: 1,
            write_protected: No,
            shared: No,
            format_left_percent: None,
        },
        active: vec![1],
        allocated: Some(vec![1]),
        controllers: Some(vec![1]),
        unallocated_bytes: Some(0),
        rpmb_units: 0,
        boot_partitions: No,
        persistent_memory: No,
        firmware_waits: No,
        status: Some(SanitizeStatusFacts {
            state: NvmeSanitizeState::NeverSanitized,
            command_dword: 0,
            global_data_erased: No,
        }),
    }
}

/// An ATA drive with everything, nothing frozen or locked, nothing hidden.
fn ata() -> AtaFacts {
    AtaFacts {
        sanitize: Some(AtaSanitizeFacts {
            block_erase: Yes,
            overwrite: Yes,
            crypto_scramble: Yes,
            antifreeze: No,
            definitive_ending: Yes,
            overrides_security: No,
        }),
        sanitize_state: Some(AtaSanitizeState::Idle),
        security: Some(AtaSecurityFacts {
            enabled: No,
            locked: No,
            frozen: No,
            count_expired: No,
            enhanced: Yes,
            master_maximum: No,
            normal_time: EraseTime::Minutes { minutes: 10 },
            enhanced_time: EraseTime::MoreThan { minutes: 508 },
            master_id: None,
        }),
        areas: AreaFacts {
            presented: 7_814_037_168,
            native: Some(7_814_037_168),
            factory: Some(7_814_037_168),
            hpa: Yes,
            hpa_security: No,
            dco: Yes,
            ama: No,
        },
        encrypts_all: No,
        trim: Yes,
        deterministic_after_trim: Yes,
        zeros_after_trim: Yes,
        rotation: None,
        translator: None,
    }
}

pub(crate) fn scsi() -> ScsiFacts {
    ScsiFacts {
        sanitize: ScsiSanitizeFacts {
            overwrite: Yes,
            block_erase: Yes,
            crypto_erase: Yes,
            exit_failure: Yes,
        },
        state: ScsiState::Ready,
        format_unit: Yes,
        after_block_erase: 1,
        after_crypto_erase: 1,
        unmapped_reads: 1,
        block_bytes: 512,
        blocks: 1_000,
        protection: 0,
        write_protected: No,
        reserved: No,
        other_units: Vec::new(),
        units_listed: Yes,
        rotation: None,
        zoned: 0,
        inquiry: [String::new(), String::new(), String::new()],
    }
}

fn opal() -> TcgFacts {
    TcgFacts {
        kernel: None,
        class: TcgClass::Opal2,
        com_id: Some(1),
        locking_enabled: Yes,
        locked: No,
        media_encryption: Yes,
        mbr_enabled: No,
        mbr_done: No,
        sid_blocked: No,
        sid_is_default: No,
        features: vec![3],
    }
}

pub(crate) fn on(kind: DriveKind, interface: Interface) -> DriveFacts {
    DriveFacts { capability: capability(interface), ..drive(kind) }
}

pub(crate) fn nvme_drive(change: impl FnOnce(&mut NvmeFacts)) -> DriveFacts {
    let mut facts = nvme();
    change(&mut facts);
    on(DriveKind::Flash, Interface::Nvme(Box::new(facts)))
}

pub(crate) fn ata_drive(kind: DriveKind, change: impl FnOnce(&mut AtaFacts)) -> DriveFacts {
    let mut facts = ata();
    change(&mut facts);
    on(kind, Interface::Ata(Box::new(facts)))
}

fn with_tcg(mut facts: DriveFacts, tcg: TcgFacts) -> DriveFacts {
    if let Some(capability) = &mut facts.capability {
        capability.tcg = Some(tcg);
    }
    facts
}

pub(crate) fn purge() -> Request {
    Request { method: Some(Method::Purge), ..Request::default() }
}

pub(crate) fn declared() -> Option<CryptoGiven> {
    Some(CryptoGiven { statement: None, declaration: Some("always encrypted, no key elsewhere".into()) })
}

fn decided(request: &Request, facts: &DriveFacts) -> Decision {
    decide(request, facts, &Policy::builtin())
}

#[track_caller]
pub(crate) fn planned(request: &Request, facts: &DriveFacts) -> Plan {
    match decided(request, facts) {
        Decision::Planned(plan) => *plan,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(request: &Request, facts: &DriveFacts) -> Vec<ReasonCode> {
    match decided(request, facts) {
        Decision::Refused(reasons) => reasons.iter().map(|reason| reason.code).collect(),
        other => panic!("{other:?}"),
    }
}

/// Reasons of a refusal, as one text of texts and remedies.
#[track_caller]
fn refusal(request: &Request, facts: &DriveFacts) -> String {
    match decided(request, facts) {
        Decision::Refused(reasons) => {
            let texts = reasons.iter().map(|reason| format!("{} -> {}", reason.text, reason.remedy));
            texts.collect::<Vec<_>>().join("\n")
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn unavailable(request: &Request, facts: &DriveFacts) -> String {
    match decided(request, facts) {
        Decision::Unsanitizable(reasons) => {
            assert_eq!(reasons[0].code, ReasonCode::PurgeUnavailable);
            assert!(reasons[0].remedy.contains("destroy"), "{}", reasons[0].remedy);
            reasons[0].text.clone()
        }
        other => panic!("{other:?}"),
    }
}

fn techniques(plan: &Plan) -> Vec<Technique> {
    plan.firmware.iter().flat_map(|firmware| &firmware.steps).map(DriveCommand::technique).collect()
}

#[test]
fn flash_with_both_is_purged_by_cryptographic_erase_and_then_block_erase() {
    let full = VerificationPlan::Full { instead_of_sample: None };
    for facts in [
        nvme_drive(|_| {}),
        ata_drive(DriveKind::Flash, |_| {}),
        on(DriveKind::Flash, Interface::Scsi(Box::new(scsi()))),
    ] {
        let plan = planned(&purge(), &facts);
        assert_eq!((plan.method, plan.technique), (Method::Purge, Technique::BlockErase));
        assert_eq!(techniques(&plan), [Technique::CryptoErase, Technique::BlockErase]);
        let firmware = plan.firmware.as_ref().unwrap();
        assert_eq!((&firmware.expected, firmware.canaries), (&Expected::Blank, 64));
        assert_eq!((plan.passes.len(), &plan.verification), (0, &full));
        assert_eq!(plan.claim.as_ref().unwrap().technique, Technique::BlockErase);
    }
}

#[test]
fn platters_are_purged_by_an_overwrite_of_the_drive_that_is_read_back() {
    for facts in
        [ata_drive(DriveKind::Rotating, |_| {}), on(DriveKind::Rotating, Interface::Scsi(Box::new(scsi())))]
    {
        let plan = planned(&purge(), &facts);
        assert_eq!(techniques(&plan), [Technique::SanitizeOverwrite]);
        let zeros = crate::unit::pattern::FixedBytes::new(&[0; 4]).unwrap();
        assert_eq!(plan.firmware.unwrap().expected, Expected::Bytes { bytes: zeros });
    }
}

#[test]
fn cryptographic_erase_alone_is_a_purge_only_with_somebody_who_answers_for_it() {
    let only_keys = |facts: &mut NvmeFacts| {
        facts.sanitize.as_mut().unwrap().block_erase = No;
    };
    let facts = nvme_drive(only_keys);
    assert_eq!(refused(&purge(), &facts), [ReasonCode::MethodNotReachable]);
    let request = Request { crypto: declared(), ..purge() };
    let plan = planned(&request, &facts);
    assert_eq!(
        (plan.technique, plan.verification.clone()),
        (Technique::CryptoErase, VerificationPlan::Canaries)
    );
    assert!(plan.firmware.as_ref().unwrap().crypto_basis.as_ref().unwrap().is_complete());
    for code in [LimitCode::CryptographicBasis, LimitCode::CanariesOnly, LimitCode::DriveTrusted] {
        assert!(plan.limits.iter().any(|limit| limit.code == code), "{code:?}");
    }
    // Named without a basis, where a block erase can follow: that is what is claimed.
    let named = Request { technique: Some(Technique::CryptoErase), ..purge() };
    let plan = planned(&named, &nvme_drive(|_| {}));
    assert_eq!((plan.technique, techniques(&plan).len()), (Technique::BlockErase, 2));
    assert_eq!(plan.firmware.unwrap().crypto_basis, None);
    let with_basis = Request { crypto: declared(), ..named };
    assert_eq!(techniques(&planned(&with_basis, &nvme_drive(|_| {}))), [Technique::CryptoErase]);
}

#[test]
fn format_and_enhanced_erase_are_purges_under_rev_1_only() {
    let format = nvme_drive(|facts| facts.sanitize = None);
    let erase = ata_drive(DriveKind::Rotating, |facts| facts.sanitize = None);
    for facts in [&format, &erase] {
        unavailable(&purge(), facts);
        unavailable(&Request { standard: Standard::Ieee2883, ..purge() }, facts);
    }
    let r1 = Request { standard: Standard::NistR1, ..purge() };
    assert_eq!(techniques(&planned(&r1, &format)), [Technique::Format]);
    assert_eq!(techniques(&planned(&r1, &erase)), [Technique::SecurityEraseEnhanced]);
    assert!(planned(&r1, &erase).limits.iter().any(|limit| limit.code == LimitCode::CommandMeaning));
    // On flash it is clear, enhanced or not, and as clear it can be asked for.
    let flash = ata_drive(DriveKind::Flash, |facts| facts.sanitize = None);
    unavailable(&r1, &flash);
    let clear = Request {
        method: Some(Method::Clear),
        technique: Some(Technique::SecurityErase),
        ..Request::default()
    };
    let plan = planned(&clear, &flash);
    assert_eq!((plan.method, techniques(&plan)), (Method::Clear, vec![Technique::SecurityErase]));
}

#[test]
fn nvme_sanitize_is_a_purge_of_ieee_2883_only_when_the_drive_reports_it() {
    let request = Request { standard: Standard::Ieee2883, ..purge() };
    assert!(unavailable(&request, &nvme_drive(|_| {})).contains("TP4218"));
    let facts = nvme_drive(|facts| facts.sanitize.as_mut().unwrap().purge_reporting = Yes);
    let plan = planned(&request, &facts);
    for step in &plan.firmware.as_ref().unwrap().steps {
        let DriveCommand::NvmeSanitize(sanitize) = step else { panic!("{step:?}") };
        assert_eq!(sanitize.purge, nvme_command::PurgeRequest::Asked);
    }
    assert!(planned(&purge(), &nvme_drive(|_| {})).policy.source.contains("not a purge of IEEE 2883"));
}

#[test]
fn a_command_that_reaches_other_units_takes_their_names() {
    let facts = nvme_drive(|facts| {
        facts.active = vec![1, 2];
        facts.allocated = Some(vec![1, 2, 7]);
        facts.rpmb_units = 3;
        facts.boot_partitions = Yes;
        facts.unallocated_bytes = Some(1 << 30);
    });
    assert_eq!(refused(&purge(), &facts), [ReasonCode::ScopeNotAccepted]);
    let plan = planned(&Request { scope: Scope::Drive, ..purge() }, &facts);
    let reach = plan.firmware.as_ref().unwrap().reach.clone();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!((reach.scope, reach.units), (Scope::Drive, names(&["namespace 1"])), "none is presented");
    let nowhere = "capacity that belongs to no namespace";
    assert_eq!(reach.unproven, names(&["namespace 2", "namespace 7", nowhere]));
    // What the kernel presents gets canaries, and only that is claimed.
    let mut presented = facts.clone();
    presented.other_units = vec!["nvme0n2".into()];
    presented.identity.nsid = Some(1);
    let plan = planned(&Request { scope: Scope::Drive, ..purge() }, &presented);
    let firmware = plan.firmware.as_ref().unwrap();
    assert_eq!(firmware.compared_units(), names(&["namespace 2"]));
    assert_eq!(firmware.reach.unproven, names(&["namespace 7", nowhere]));
    let scope = &plan.claim.as_ref().unwrap().scope;
    assert!(scope.contains("namespace 1, namespace 2") && !scope.contains("namespace 7"), "{scope}");
    assert!(!scope.contains(nowhere), "{scope}");
    let limit = plan.limits.iter().find(|limit| limit.code == LimitCode::UnitWithoutEvidence).unwrap();
    assert!(limit.text.contains("namespace 7") && limit.text.contains(nowhere), "{limit:?}");
    let bare = Request { scope: Scope::Drive, canaries: CanaryChoice::None, ..purge() };
    let bare = planned(&bare, &presented);
    assert!(bare.firmware.as_ref().unwrap().compared_units().is_empty());
    assert!(bare.firmware.as_ref().unwrap().concerns_other_units());
    assert!(!bare.claim.as_ref().is_some_and(|claim| claim.scope.contains("namespace 2")));
    assert_eq!(reach.not_reached.len(), 2);
    assert!(plan.limits.iter().any(|limit| limit.code == LimitCode::AreasNotReached));
    // A scope that was not accepted is not gone around by a command that reaches less.
    let r1 = Request { standard: Standard::NistR1, ..purge() };
    assert_eq!(techniques(&planned(&r1, &facts)), [Technique::Format]);
    let shared = nvme_drive(|facts| facts.controllers = Some(vec![1, 2]));
    assert_eq!(refused(&purge(), &shared), [ReasonCode::ScopeNotAccepted]);
    let all = nvme_drive(|facts| {
        facts.active = vec![1, 2];
        facts.format.as_mut().unwrap().erases_all = Yes;
    });
    assert_eq!(refused(&r1, &all), [ReasonCode::ScopeNotAccepted]);
}

#[test]
fn what_can_be_mended_is_refused_with_its_remedy_and_never_gone_around() {
    let security = |change: fn(&mut AtaSecurityFacts)| {
        ata_drive(DriveKind::Rotating, |facts| {
            facts.sanitize = None;
            change(facts.security.as_mut().unwrap());
        })
    };
    let r1 = Request { standard: Standard::NistR1, ..purge() };
    for (request, facts, code) in [
        (&r1, security(|security| security.frozen = Yes), ReasonCode::Frozen),
        (&r1, security(|security| security.locked = Yes), ReasonCode::Locked),
        (&r1, security(|security| security.enabled = Yes), ReasonCode::Locked),
        (&r1, security(|security| security.count_expired = Yes), ReasonCode::Locked),
        (
            &purge(),
            ata_drive(DriveKind::Flash, |facts| facts.sanitize_state = Some(AtaSanitizeState::Frozen)),
            ReasonCode::Frozen,
        ),
        (
            &purge(),
            ata_drive(DriveKind::Flash, |facts| facts.sanitize_state = Some(AtaSanitizeState::InProgress)),
            ReasonCode::FirmwareBusy,
        ),
        (
            &purge(),
            ata_drive(DriveKind::Flash, |facts| facts.sanitize_state = Some(AtaSanitizeState::NotTold)),
            ReasonCode::FirmwareRefused,
        ),
        (
            &purge(),
            ata_drive(DriveKind::Flash, |facts| facts.security.as_mut().unwrap().locked = Yes),
            ReasonCode::Locked,
        ),
        (&purge(), nvme_drive(|facts| facts.persistent_memory = Yes), ReasonCode::FirmwareRefused),
        (&purge(), nvme_drive(|facts| facts.firmware_waits = Yes), ReasonCode::FirmwareRefused),
        (&purge(), nvme_drive(|facts| facts.namespace.write_protected = Yes), ReasonCode::ReadOnly),
        (&purge(), nvme_drive(|facts| facts.status = None), ReasonCode::FirmwareRefused),
        (
            &purge(),
            nvme_drive(|facts| facts.status.as_mut().unwrap().state = NvmeSanitizeState::InProgress),
            ReasonCode::FirmwareBusy,
        ),
        (
            &purge(),
            on(DriveKind::Flash, Interface::Scsi(Box::new(ScsiFacts { reserved: Yes, ..scsi() }))),
            ReasonCode::Reserved,
        ),
        (
            &purge(),
            on(
                DriveKind::Flash,
                Interface::Scsi(Box::new(ScsiFacts { state: ScsiState::Sanitizing, ..scsi() })),
            ),
            ReasonCode::FirmwareBusy,
        ),
    ] {
        let lower = Request { fallback: Fallback::Clear, ..request.clone() };
        assert_eq!(refused(&lower, &facts), [code]);
    }
}

#[test]
fn a_lower_method_is_taken_only_when_it_was_allowed_and_the_plan_says_so() {
    let facts = ata_drive(DriveKind::Flash, |facts| facts.sanitize = None);
    unavailable(&purge(), &facts);
    let plan = planned(&Request { fallback: Fallback::Clear, ..purge() }, &facts);
    assert_eq!((plan.method, plan.technique), (Method::Clear, Technique::Overwrite));
    assert_eq!(plan.claim.as_ref().unwrap().method, Method::Clear);
    assert!(plan.limits.iter().any(|limit| limit.code == LimitCode::LowerMethod));
    assert!(unavailable(&purge(), &drive(DriveKind::Flash)).contains("not asked what it can do"));
}

#[test]
fn a_revert_is_followed_by_what_needs_no_trust_in_keys() {
    let revert = Request { technique: Some(Technique::OpalRevert), psid: PsidGiven::Yes, ..purge() };
    let tcg = with_tcg(nvme_drive(|_| {}), TcgFacts { locked: Yes, ..opal() });
    assert_eq!(refused(&purge(), &tcg), [ReasonCode::Locked]);
    let plan = planned(&revert, &tcg);
    assert_eq!(techniques(&plan), [Technique::OpalRevert, Technique::CryptoErase, Technique::BlockErase]);
    assert_eq!(plan.technique, Technique::BlockErase);
    // With nothing that could follow, only with a basis, encryption, and locking that was active.
    let bare = |tcg| with_tcg(nvme_drive(|facts| facts.sanitize = None), tcg);
    let answered = Request { crypto: declared(), ..revert.clone() };
    assert_eq!(techniques(&planned(&answered, &bare(opal()))), [Technique::OpalRevert]);
    assert_eq!(refused(&revert, &bare(opal())), [ReasonCode::MethodNotReachable]);
    for (tcg, why) in [
        (TcgFacts { locking_enabled: No, ..opal() }, "never activated"),
        (TcgFacts { media_encryption: NotTold, ..opal() }, "encrypts its medium"),
        (TcgFacts { class: TcgClass::Pyrite2, ..opal() }, "Pyrite"),
    ] {
        let text = unavailable(&answered, &bare(tcg));
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn profiles_and_reads_that_fail_until_written_add_a_keyed_pass() {
    let rma = Profile::Rma.fill_in(&Request::default()).unwrap();
    let plan = planned(&rma, &nvme_drive(|_| {}));
    let full = VerificationPlan::Full { instead_of_sample: None };
    assert_eq!((plan.passes.len(), &plan.verification), (1, &full));
    assert_eq!(plan.passes[0].pattern, PassPattern::Keyed);
    assert_eq!(rma.afterwards, Afterwards::Overwrite);
    // WABEREQ 3: medium error until written.
    let needs = ScsiFacts { after_block_erase: 3, ..scsi() };
    let plan = planned(&purge(), &on(DriveKind::Flash, Interface::Scsi(Box::new(needs))));
    assert_eq!((plan.passes.len(), &plan.verification), (1, &full));
}

#[test]
fn hidden_capacity_is_told_and_restored_unless_it_is_to_be_left() {
    let facts = ata_drive(DriveKind::Rotating, |facts| facts.areas.native = Some(9_000_000_000));
    let clear = Request { method: Some(Method::Clear), ..Request::default() };
    let plan = planned(&clear, &facts);
    assert_eq!(plan.geometry.capacity.0, 9_000_000_000);
    let restore = plan.firmware.as_ref().unwrap().restore.unwrap();
    assert_eq!((restore.presented.0, restore.native.0), (7_814_037_168, 9_000_000_000));
    let states = |plan: &Plan, code| plan.limits.iter().any(|limit| limit.code == code);
    let unknown = |plan: &Plan| states(plan, LimitCode::HiddenAreasNotExamined);
    let left = |plan: &Plan| states(plan, LimitCode::HiddenAreasLeft);
    assert!(!unknown(&plan) && !left(&plan));
    let leave = |request: &Request| Request { hidden: HiddenChoice::Leave, ..request.clone() };
    for request in [clear.clone(), purge()] {
        let restored = planned(&request, &facts);
        assert!(restored.commands().len() <= 1 && !left(&restored));
        assert!(restored.firmware.as_ref().unwrap().restore.is_some());
        let plan = planned(&leave(&request), &facts);
        assert!(left(&plan) && !unknown(&plan));
        assert_eq!(plan.geometry.capacity.0, 7_814_037_168);
        assert!(plan.firmware.is_none_or(|firmware| firmware.restore.is_none()));
    }
    let whole = planned(&clear, &ata_drive(DriveKind::Rotating, |_| {}));
    assert!(!unknown(&whole) && !left(&whole) && whole.firmware.is_none());
    let untold = ata_drive(DriveKind::Rotating, |facts| facts.areas.factory = None);
    assert!(unknown(&planned(&clear, &untold)));
    // A bridge that shows one block less than the drive presents would not follow.
    let bridge = ata_drive(DriveKind::Rotating, |facts| {
        facts.areas = AreaFacts { presented: 7_814_037_169, native: Some(9_000_000_000), ..facts.areas };
    });
    assert!(left(&planned(&clear, &bridge)));
}

#[test]
fn times_are_the_drives_own_where_it_gives_some() {
    let policy = Policy::builtin();
    let time = |technique, facts: &DriveFacts| {
        candidate(technique, &Question::new(&purge(), facts, &policy))
            .time
            .map(|time| (time.seconds, time.source))
    };
    // 120 s and 5 s; 3,200 s are for sixteen passes.
    let facts = nvme_drive(|facts| facts.sanitize.as_mut().unwrap().overwrite = Yes);
    assert_eq!(time(Technique::BlockErase, &facts), Some((125, TimeSource::Drive)));
    assert_eq!(time(Technique::SanitizeOverwrite, &facts), Some((200, TimeSource::Drive)));
    let facts = ata_drive(DriveKind::Rotating, |_| {});
    assert_eq!(time(Technique::SecurityErase, &facts), Some((600, TimeSource::Drive)));
    assert_eq!(time(Technique::SecurityEraseEnhanced, &facts), Some((508 * 60, TimeSource::DriveAtLeast)));
    assert_eq!(time(Technique::BlockErase, &facts), None);
}

#[test]
fn a_drive_that_is_given_up_stays_shut_after_a_failure() {
    let facts = ata_drive(DriveKind::Flash, |_| {});
    let retire = Profile::Retire.fill_in(&Request::default()).unwrap();
    for (request, after) in [
        (retire, crate::command::AfterFailure::Restricted),
        (purge(), crate::command::AfterFailure::Unrestricted),
    ] {
        for step in planned(&request, &facts).firmware.unwrap().steps {
            let DriveCommand::AtaSanitize(ata_command::Sanitize { after_failure, .. }) = step else {
                panic!()
            };
            assert_eq!(after_failure, after);
        }
    }
}
