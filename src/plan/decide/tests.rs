use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::device::identity::BackingFile;
use crate::device::{Content, ContentType, Identity, QueueLimits, Reach, Zoned};
use crate::plan::request::Ratio;
use crate::plan::{Limit, LimitCode};
use crate::unit::term::{Basis, DriveKind, Standard};
use crate::unit::{BlockCount, BlockSize};

pub(crate) fn drive(kind: DriveKind) -> DriveFacts {
    let block = BlockSize::new(512).unwrap();
    let capacity = BlockCount(7_814_037_168);
    let backing = BackingFile { path: "/srv/x".into(), filesystem: "8:1".into(), inode: "12".into() };
    let test_object = kind == DriveKind::TestObject;
    DriveFacts {
        node: PathBuf::from("/dev/sdx"),
        kernel_name: "sdx".into(),
        device: None,
        diskseq: None,
        identity: Identity {
            model: Some("Model".into()),
            serial: (!test_object).then(|| "SER123".into()),
            firmware: Some("F1".into()),
            backing: test_object.then_some(backing),
            ..Identity::default()
        },
        kind,
        transport: None,
        bay: None,
        reach: Reach::Addressable(Geometry { block_size: block, physical_block_size: block, capacity }),
        queue: QueueLimits::default(),
        zoned: Zoned::None,
        zones: None,
        read_only: false,
        removable: false,
        other_units: Vec::new(),
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: None,
    }
}

pub(crate) fn content(content_type: ContentType) -> Content {
    Content { content_type, offset: 4096, label: None, partition: None }
}

fn decided(request: &Request, facts: &DriveFacts) -> Decision {
    decide(request, facts, &Policy::builtin())
}

fn planned(request: &Request, facts: &DriveFacts) -> Plan {
    match decided(request, facts) {
        Decision::Planned(plan) => *plan,
        other => panic!("{other:?}"),
    }
}

fn refused(request: &Request, facts: &DriveFacts) -> Vec<Reason> {
    match decided(request, facts) {
        Decision::Refused(reasons) => reasons,
        other => panic!("{other:?}"),
    }
}

fn codes(reasons: &[Reason]) -> Vec<ReasonCode> {
    reasons.iter().map(|reason| reason.code).collect()
}

fn clear() -> Request {
    Request { method: Some(Method::Clear), ..Request::default() }
}

fn limit_codes(plan: &Plan) -> Vec<LimitCode> {
    plan.limits.iter().map(|limit| limit.code).collect()
}

fn limit(plan: &Plan, code: LimitCode) -> &Limit {
    plan.limits.iter().find(|limit| limit.code == code).unwrap()
}

#[test]
fn a_rotating_drive_is_cleared_by_one_keyed_pass_read_back_in_full() {
    let plan = planned(&Request::default(), &drive(DriveKind::Rotating));
    assert_eq!(plan.method, Method::Clear);
    assert_eq!(plan.passes, [PassSpec { pattern: PassPattern::Keyed }]);
    assert_eq!(plan.verification, VerificationPlan::Full { instead_of_sample: None });
    assert_eq!(plan.policy.basis, Basis::Memory);
    assert_eq!(plan.identity.firmware, None);
    let claim = plan.claim.as_ref().unwrap();
    assert_eq!(claim.scope, "the 7814037168 blocks of 512 bytes that the drive presents");
    assert_eq!(
        limit_codes(&plan),
        [
            LimitCode::HiddenAreasNotExamined,
            LimitCode::RemappedBlocksNotReached,
            LimitCode::MappingNotChecked
        ]
    );
    let mapping = &limit(&plan, LimitCode::MappingNotChecked).text;
    let digest = Policy::builtin().digest().to_string();
    for part in ["accepted as clear by policy builtin, digest ", &digest, "IEEE 2883-2022 not checked"] {
        assert!(mapping.contains(part), "{part}: {mapping}");
    }
}

#[test]
fn each_kind_has_its_default_method_or_none() {
    for kind in [DriveKind::Rotating, DriveKind::TestObject, DriveKind::LogicalVolume] {
        assert_eq!(planned(&Request::default(), &drive(kind)).method, Method::Clear);
    }
    for kind in [DriveKind::Flash, DriveKind::Unknown] {
        let reasons = refused(&Request::default(), &drive(kind));
        assert_eq!(codes(&reasons), [ReasonCode::MethodRequired]);
        for part in [
            "expunge sanitize /dev/sdx --method clear --confirm SER123",
            "expunge sanitize /dev/sdx --method purge --confirm SER123",
            "not reachable here by overwrite",
        ] {
            assert!(reasons[0].remedy.contains(part), "{}", reasons[0].remedy);
        }
        assert!(limit_codes(&planned(&clear(), &drive(kind))).contains(&LimitCode::FlashCellsNotReached));
    }
}

#[test]
fn volumes_and_test_objects_never_stand_for_a_drive() {
    for (kind, code) in
        [(DriveKind::TestObject, LimitCode::TestObject), (DriveKind::LogicalVolume, LimitCode::LogicalVolume)]
    {
        let plan = planned(&Request::default(), &drive(kind));
        assert_eq!(limit_codes(&plan), [code, LimitCode::MappingNotChecked]);
        assert!(limit(&plan, code).text.contains("never stands for a drive"));
    }
}

#[test]
fn purge_by_overwrite_is_refused_on_every_medium_with_its_own_reason() {
    let mut texts = BTreeSet::new();
    for kind in [DriveKind::Rotating, DriveKind::Flash, DriveKind::LogicalVolume, DriveKind::TestObject] {
        let technique = Some(Technique::Overwrite);
        let request = Request { method: Some(Method::Purge), technique, ..Request::default() };
        let reasons = refused(&request, &drive(kind));
        assert_eq!(codes(&reasons), [ReasonCode::MethodNotReachable]);
        texts.insert(reasons[0].text.clone());
    }
    assert_eq!(texts.len(), 4);
}

#[test]
fn no_policy_makes_an_overwrite_a_purge_and_a_missing_row_accepts_nothing() {
    let mut policy = Policy::builtin();
    for rule in &mut policy.rules {
        rule.ruling = Ruling::Accepted { passes: PassRule::AnyPattern };
    }
    let purge = Request { method: Some(Method::Purge), ..Request::default() };
    let Decision::Unsanitizable(reasons) = decide(&purge, &drive(DriveKind::Flash), &policy) else {
        panic!()
    };
    assert_eq!(codes(&reasons), [ReasonCode::PurgeUnavailable]);
    let named = Request { technique: Some(Technique::Overwrite), ..purge };
    let Decision::Refused(reasons) = decide(&named, &drive(DriveKind::Flash), &policy) else { panic!() };
    assert_eq!(codes(&reasons), [ReasonCode::MethodNotReachable]);
    policy.rules.clear();
    let Decision::Refused(reasons) = decide(&clear(), &drive(DriveKind::Rotating), &policy) else { panic!() };
    assert_eq!(codes(&reasons), [ReasonCode::MethodNotReachable]);
    assert!(reasons[0].text.contains("no row"));
}

#[test]
fn destroy_empty_passes_and_unknown_schemes_are_bad_requests() {
    let destroy = Request { method: Some(Method::Destroy), ..Request::default() };
    let empty = Request { passes: PassChoice::Listed(Vec::new()), ..Request::default() };
    let scheme = Request { passes: PassChoice::Scheme("dod".into()), ..Request::default() };
    for request in [destroy, empty, scheme] {
        assert_eq!(codes(&refused(&request, &drive(DriveKind::Rotating))), [ReasonCode::BadRequest]);
    }
}

#[test]
fn all_reasons_come_at_once() {
    let mut facts = drive(DriveKind::Flash);
    facts.identity = Identity::default();
    facts.read_only = true;
    facts.zoned = Zoned::HostManaged;
    facts.content = vec![content(ContentType::LinuxRaidMember)];
    let request = Request {
        known_content: [ContentType::Drbd].into(),
        passes: PassChoice::Listed(Vec::new()),
        ..Request::default()
    };
    assert_eq!(
        codes(&refused(&request, &facts)),
        [
            ReasonCode::Unidentified,
            ReasonCode::ReadOnly,
            ReasonCode::Zoned,
            ReasonCode::MemberContent,
            ReasonCode::BadRequest,
            ReasonCode::MethodRequired,
            ReasonCode::BadRequest,
        ]
    );
}

#[test]
fn membership_must_be_repeated_in_full_and_nothing_else_may_be_named() {
    let mut facts = drive(DriveKind::Rotating);
    facts.content =
        [ContentType::LinuxRaidMember, ContentType::Gpt, ContentType::Lvm2Member].map(content).into();
    let known = |types: &[ContentType]| Request {
        known_content: types.iter().copied().collect(),
        ..Request::default()
    };
    let option = "--known-content lvm2-member,linux-raid-member";
    for named in [&[][..], &[ContentType::Lvm2Member]] {
        let reasons = refused(&known(named), &facts);
        assert_eq!(codes(&reasons), [ReasonCode::MemberContent]);
        assert!(reasons[0].remedy.contains(option), "{}", reasons[0].remedy);
    }
    let all = known(&[ContentType::LinuxRaidMember, ContentType::Lvm2Member]);
    let plan = planned(&all, &facts);
    assert_eq!(plan.known_content, [ContentType::Lvm2Member, ContentType::LinuxRaidMember]);
    assert_eq!(plan.content.len(), 3);
    let copied = known(&[ContentType::LinuxRaidMember, ContentType::Lvm2Member, ContentType::ZfsMember]);
    let reasons = refused(&copied, &facts);
    assert_eq!(codes(&reasons), [ReasonCode::BadRequest]);
    assert!(reasons[0].text.contains("zfs-member") && reasons[0].remedy.contains(option));
}

#[test]
fn dead_drives_are_unsanitizable_whatever_else_is_wrong() {
    let dead = Reason::new(ReasonCode::UnsupportedFormat, "blocks of 300 bytes", "destroy it");
    let mut facts = drive(DriveKind::Flash);
    facts.reach = Reach::Dead(dead.clone());
    facts.identity = Identity::default();
    assert_eq!(decided(&Request::default(), &facts), Decision::Unsanitizable(vec![dead]));
    for (capacity, code) in [
        (0, ReasonCode::NoCapacity),
        (1 << 53, ReasonCode::UnsupportedFormat),
        (u64::MAX, ReasonCode::UnsupportedFormat),
    ] {
        let mut facts = drive(DriveKind::Rotating);
        let Reach::Addressable(geometry) = &mut facts.reach else { unreachable!() };
        geometry.capacity = BlockCount(capacity);
        let Decision::Unsanitizable(reasons) = decided(&clear(), &facts) else { panic!() };
        assert_eq!(codes(&reasons), [code]);
    }
}

#[test]
fn a_unit_that_cannot_be_told_from_its_siblings_is_not_identified() {
    let mut facts = drive(DriveKind::Rotating);
    facts.other_units = vec!["sdy".into()];
    assert_eq!(codes(&refused(&clear(), &facts)), [ReasonCode::Unidentified]);
    facts.identity.wwn = Some("naa.5000c500a1b2c3d4".into());
    let plan = planned(&clear(), &facts);
    assert!(limit(&plan, LimitCode::OtherUnitsNotCovered).text.contains("1 other unit "));
}

/// Rev. 1, public excerpt: removable flash takes "two passes at least: a pattern, then its complement".
#[test]
fn removable_flash_under_rev_1_takes_a_pattern_and_its_complement() {
    let mut facts = drive(DriveKind::Flash);
    facts.removable = true;
    let request = Request { standard: Standard::NistR1, ..clear() };
    let plan = planned(&request, &facts);
    let byte = |complement| PassSpec { pattern: PassPattern::JobByte { slot: 0, complement } };
    assert_eq!(plan.passes, [byte(false), byte(true)]);
    assert!(limit_codes(&plan).contains(&LimitCode::FixedPatternNotAddressed));
    let with = |texts: &[&str]| {
        let patterns = texts.iter().map(|text| PassPattern::parse(text).unwrap()).collect();
        Request { passes: PassChoice::Listed(patterns), ..request.clone() }
    };
    for accepted in [&["zero", "ones"][..], &["0x55", "0xaa", "random"], &["random", "ones", "zero"]] {
        planned(&with(accepted), &facts);
    }
    for refusal in [
        &["zero"][..],
        &["random"],
        &["zero", "zero"],
        &["zero", "random", "ones"],
        &["stamped-zero", "stamped-ones"],
    ] {
        let reasons = refused(&with(refusal), &facts);
        assert_eq!(codes(&reasons), [ReasonCode::MethodNotReachable], "{refusal:?}");
    }
    let scheme = |name: &str| Request { passes: PassChoice::Scheme(name.into()), ..request.clone() };
    planned(&scheme("dod-5220.22-m"), &facts);
    assert_eq!(codes(&refused(&scheme("gost-r50739"), &facts)), [ReasonCode::MethodNotReachable]);
    // Under Rev. 2, and on flash that is built in, one keyed pass.
    assert_eq!(planned(&clear(), &facts).passes, [PassSpec { pattern: PassPattern::Keyed }]);
    facts.removable = false;
    // A memory card in a reader on the board, and a stick that says its medium is fixed.
    for transport in ["mmc", "usb"] {
        facts.transport = Some(transport.to_owned());
        assert_eq!(Medium::of(&facts), Medium::RemovableFlash, "{transport}");
    }
    facts.transport = None;
    assert_eq!(planned(&request, &facts).passes, [PassSpec { pattern: PassPattern::Keyed }]);
}

/// What counts is the last pass, which is the one that is read back.
#[test]
fn a_last_pass_without_addresses_is_a_limit_and_one_with_stamps_is_none() {
    for (texts, due) in [
        (&["zero"][..], true),
        (&["stamped-zero", "0x924924"], true),
        (&["stamped-zero"], false),
        (&["zero", "stamped-0x924924"], false),
        (&["random"], false),
    ] {
        let patterns = texts.iter().map(|text| PassPattern::parse(text).unwrap()).collect();
        let request = Request { passes: PassChoice::Listed(patterns), ..clear() };
        let plan = planned(&request, &drive(DriveKind::Rotating));
        assert_eq!(limit_codes(&plan).contains(&LimitCode::FixedPatternNotAddressed), due, "{texts:?}");
    }
}

#[test]
fn without_a_read_back_nothing_is_claimed() {
    let request = Request { verification: VerificationChoice::None, ..Request::default() };
    let plan = planned(&request, &drive(DriveKind::Rotating));
    assert_eq!((plan.claim.as_ref(), &plan.verification), (None, &VerificationPlan::None));
    assert!(limit_codes(&plan).contains(&LimitCode::NotVerified));
}

#[test]
fn samples_that_would_read_everything_become_a_full_reading() {
    let mut facts = drive(DriveKind::Rotating);
    let mut with = |blocks, verification| {
        let Reach::Addressable(geometry) = &mut facts.reach else { unreachable!() };
        geometry.capacity = BlockCount(blocks);
        planned(&Request { verification, ..Request::default() }, &facts)
    };
    let ratio = |text: &str| text.parse::<Ratio>().unwrap();
    let sampled = |confidence, fraction| VerificationChoice::Sampled {
        confidence: ratio(confidence),
        fraction: ratio(fraction),
    };
    for (blocks, choice) in [
        (1, VerificationChoice::SampledR1),
        (1_999, VerificationChoice::SampledR1),
        (2_000, VerificationChoice::SampledR1),
        (10_000, sampled("0.95", "0.0001")),
    ] {
        let plan = with(blocks, choice);
        assert!(
            matches!(plan.verification, VerificationPlan::Full { instead_of_sample: Some(_) }),
            "{blocks}"
        );
        assert!(!limit_codes(&plan).contains(&LimitCode::SampledVerification));
    }
    let expected = VerificationPlan::SampledR1 { subsections: 1000, run_blocks: BlockCount(1) };
    assert_eq!(with(2_001, VerificationChoice::SampledR1).verification, expected);
    // 1 TB in 512-byte blocks: runs of 50 MB, as the survey computes.
    let VerificationPlan::SampledR1 { run_blocks, .. } =
        with(1_953_125_000, VerificationChoice::SampledR1).verification
    else {
        panic!()
    };
    assert_eq!(run_blocks.0, 97_657);
    let plan = with(1_953_125_000, sampled("0.99", "0.001"));
    assert!(matches!(plan.verification, VerificationPlan::Sampled { strata: 4_603, .. }));
    assert!(limit(&plan, LimitCode::SampledVerification).text.contains("4603 blocks"));
}

#[test]
fn the_digest_ignores_what_changes_between_attachments_and_sees_everything_else() {
    let facts = drive(DriveKind::Rotating);
    let digest = |facts: &DriveFacts| planned(&clear(), facts).digest();
    let mut moved = facts.clone();
    moved.node = "/dev/sdq".into();
    moved.kernel_name = "sdq".into();
    moved.diskseq = Some(77);
    moved.identity.firmware = Some("F2".into());
    assert_eq!(digest(&moved), digest(&facts));
    let mut content_changed = facts.clone();
    content_changed.content = vec![content(ContentType::Ext)];
    let mut other = facts.clone();
    other.identity.serial = Some("SER124".into());
    for changed in [&content_changed, &other] {
        assert_ne!(digest(changed), digest(&facts));
    }
    let mut shuffled = content_changed.clone();
    shuffled.content = vec![content(ContentType::Swap), content(ContentType::Ext)];
    let mut sorted = shuffled.clone();
    sorted.content.reverse();
    assert_eq!(digest(&shuffled), digest(&sorted));
}

fn any_content() -> impl Strategy<Value = Vec<Content>> {
    let types = prop::sample::select(vec![
        ContentType::Gpt,
        ContentType::Ext,
        ContentType::Lvm2Member,
        ContentType::ZfsMember,
        ContentType::Unreadable,
    ]);
    prop::collection::vec(types.prop_map(content), 0..3)
}

fn any_facts() -> impl Strategy<Value = DriveFacts> {
    let kinds = prop::sample::select(vec![
        DriveKind::Rotating,
        DriveKind::Flash,
        DriveKind::LogicalVolume,
        DriveKind::TestObject,
        DriveKind::Unknown,
    ]);
    let zones = prop::sample::select(vec![Zoned::None, Zoned::HostAware, Zoned::HostManaged]);
    let capacity = prop_oneof![Just(0), 1u64..5_000, 1u64 << 20..1 << 45, any::<u64>()];
    let flags = (prop::bool::weighted(0.2), any::<bool>(), prop::bool::weighted(0.2), any::<bool>());
    (kinds, zones, capacity, flags, 9u32..=16, 0usize..3, any_content()).prop_map(
        |(kind, zoned, capacity, (read_only, removable, anonymous, bridged), shift, units, content)| {
            let mut facts = drive(kind);
            let block = BlockSize::new(1 << shift).unwrap();
            let capacity = BlockCount(capacity);
            facts.reach =
                Reach::Addressable(Geometry { block_size: block, physical_block_size: block, capacity });
            facts.zoned = zoned;
            facts.read_only = read_only;
            facts.removable = removable;
            facts.identity.bridged = bridged;
            facts.identity.wwn = (units > 0).then(|| "naa.5".into());
            if anonymous {
                facts.identity = Identity::default();
            }
            facts.other_units = (0..units).map(|unit| format!("sd{unit}")).collect();
            facts.content = content;
            facts
        },
    )
}

fn any_request() -> impl Strategy<Value = Request> {
    let methods = prop::sample::select(vec![
        None,
        Some(Method::Clear),
        Some(Method::Clear),
        Some(Method::Purge),
        Some(Method::Destroy),
    ]);
    let standards = prop::sample::select(vec![Standard::NistR1, Standard::NistR2]);
    let texts = prop::sample::select(vec![
        "zero",
        "ones",
        "random",
        "0x55",
        "0xaa",
        "0x924924",
        "stamped-zero",
        "stamped-ones",
    ]);
    let listed = prop::collection::vec(texts.prop_map(|text| PassPattern::parse(text).unwrap()), 0..4);
    let names = prop::sample::select(vec!["dod-5220.22-m", "gutmann", "vsitr", "gost-r50739", "nonsense"]);
    let passes = prop_oneof![
        Just(PassChoice::Default),
        listed.prop_map(PassChoice::Listed),
        names.prop_map(|name| PassChoice::Scheme(name.to_owned())),
    ];
    let ratio = || (1u32..1_000_000_000).prop_map(|billionths| Ratio::from_billionths(billionths).unwrap());
    let verification = prop_oneof![
        Just(VerificationChoice::Full),
        Just(VerificationChoice::SampledR1),
        Just(VerificationChoice::None),
        (ratio(), ratio())
            .prop_map(|(confidence, fraction)| VerificationChoice::Sampled { confidence, fraction }),
    ];
    (methods, standards, passes, verification, any_content()).prop_map(
        |(method, standard, passes, verification, content)| Request {
            method,
            standard,
            passes,
            verification,
            known_content: content.iter().map(|content| content.content_type).collect(),
            ..Request::default()
        },
    )
}

/// Whether anything speaks against the request, said over again in other words than the code under test.
fn refusal_worthy(request: &Request, facts: &DriveFacts) -> bool {
    let flash = matches!(facts.kind, DriveKind::Flash | DriveKind::Unknown);
    let present: BTreeSet<_> = facts.content.iter().map(|content| content.content_type).collect();
    let needed: BTreeSet<_> = present.iter().copied().filter(|kind| kind.needs_repeating()).collect();
    let pairs_needed = flash && facts.removable && request.standard == Standard::NistR1;
    let pair_there = match &request.passes {
        PassChoice::Default => true,
        PassChoice::Scheme(name) => ["dod-5220.22-m", "gutmann", "vsitr"].contains(&name.as_str()),
        PassChoice::Listed(patterns) => {
            let words: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            let pairs = ["zero ones", "ones zero", "0x55 0xaa", "0xaa 0x55"];
            words.windows(2).any(|pair| pairs.contains(&pair.join(" ").as_str()))
        }
    };
    facts.read_only
        || facts.zoned == Zoned::HostManaged
        || facts.identity == Identity::default()
        || !needed.is_subset(&request.known_content)
        || !request.known_content.is_subset(&present)
        || matches!(request.method, Some(Method::Purge | Method::Destroy))
        || (request.method.is_none() && flash)
        || request.passes == PassChoice::Listed(Vec::new())
        || request.passes == PassChoice::Scheme("nonsense".into())
        || (pairs_needed && !pair_there)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn decisions_are_total_and_never_promise_too_much(request in any_request(), facts in any_facts()) {
        let geometry = *facts.geometry().unwrap();
        let dead = geometry.capacity.is_zero()
            || geometry.capacity.0 >= 1 << 53
            || u128::from(geometry.capacity.0) * u128::from(geometry.block_size.bytes()) >= 1 << 63;
        let decision = decided(&request, &facts);
        prop_assert_eq!(&decision, &decided(&request, &facts));
        match decision {
            Decision::Unsanitizable(reasons) => {
                let drive = !matches!(facts.kind, DriveKind::LogicalVolume | DriveKind::TestObject);
                let unavailable = request.method == Some(Method::Purge) && drive;
                prop_assert!((dead || unavailable) && !reasons.is_empty());
            }
            Decision::Refused(reasons) => {
                prop_assert!(!dead && refusal_worthy(&request, &facts) && !reasons.is_empty());
                prop_assert!(reasons.iter().all(|reason| !reason.text.is_empty() && !reason.remedy.is_empty()));
            }
            Decision::Planned(plan) => {
                prop_assert!(!dead && !refusal_worthy(&request, &facts));
                prop_assert_eq!(plan.method, Method::Clear);
                prop_assert!(plan.claim.as_ref().is_none_or(|claim| claim.method == Method::Clear));
                prop_assert_eq!(plan.claim.is_none(), request.verification == VerificationChoice::None);
                prop_assert_eq!(plan.geometry, geometry);
                prop_assert!(!plan.passes.is_empty());
                match plan.verification {
                    VerificationPlan::SampledR1 { subsections, run_blocks } => {
                        prop_assert!(2 * subsections * run_blocks.0 < geometry.capacity.0);
                    }
                    VerificationPlan::Sampled { strata, .. } => prop_assert!(strata < geometry.capacity.0),
                    VerificationPlan::Full { .. } | VerificationPlan::Canaries | VerificationPlan::None => {}
                }
                let json = serde_json::to_string(&plan).unwrap();
                let read: Plan = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(read.digest(), plan.digest());
                prop_assert_eq!(&read, &*plan);
            }
        }
    }

    /// What a refusal prints leads on: with the completed request nothing that options could solve is left.
    #[test]
    fn a_completed_request_is_not_refused_for_its_options(facts in any_facts()) {
        let request = completed(&Request::default(), &facts, Method::Clear);
        if let Decision::Refused(reasons) = decided(&request, &facts) {
            for reason in reasons {
                let known = [ReasonCode::Unidentified, ReasonCode::ReadOnly, ReasonCode::Zoned];
                prop_assert!(known.contains(&reason.code), "{:?}", reason);
            }
        }
    }
}

/// 13.8 million draws on 20 TB: their list would not fit what a worker takes, and the outcome would be unknown
/// after a day of writing.
#[test]
fn a_sample_of_too_many_draws_is_a_full_reading_before_anybody_confirms_it() {
    let size = BlockSize::new(512).unwrap();
    let capacity = BlockCount(39_062_500_000);
    let geometry = Geometry { block_size: size, physical_block_size: size, capacity };
    let choice = |confidence: &str, fraction: &str| VerificationChoice::Sampled {
        confidence: confidence.parse().unwrap(),
        fraction: fraction.parse().unwrap(),
    };
    let VerificationPlan::Full { instead_of_sample: Some(why) } =
        super::verification(choice("0.999999", "0.000001"), &geometry)
    else {
        panic!("planned as a sample")
    };
    assert!(why.contains("1000000"), "{why}");
    // ln(0.01) / ln(1 - 0.000005) is 921,031.7; strata of unequal size take a few more.
    match super::verification(choice("0.99", "0.000005"), &geometry) {
        VerificationPlan::Sampled { strata, .. } => assert!((921_032..922_000).contains(&strata), "{strata}"),
        other => panic!("{other:?}"),
    }
}
