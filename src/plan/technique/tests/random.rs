use proptest::prelude::*;

use super::*;

fn support() -> impl Strategy<Value = Support> {
    prop::sample::select(vec![Yes, Yes, No, NotTold])
}

fn any_nvme() -> impl Strategy<Value = NvmeFacts> {
    let supports = prop::collection::vec(support(), 10);
    (supports, any::<bool>(), any::<bool>(), 0u8..4, prop::collection::vec(1u32..5, 0..4)).prop_map(
        |(supports, sanitizes, formats, reads, numbers)| {
            let mut facts = nvme();
            let sanitize = facts.sanitize.as_mut().unwrap();
            sanitize.block_erase = supports[0];
            sanitize.overwrite = supports[1];
            sanitize.crypto_erase = supports[2];
            sanitize.purge_reporting = supports[3];
            sanitize.no_deallocate_inhibited = supports[4];
            let format = facts.format.as_mut().unwrap();
            format.erases_all = supports[5];
            format.crypto_erase = supports[6];
            facts.persistent_memory = supports[7];
            facts.namespace.write_protected = if supports[8] == Yes { No } else { supports[8] };
            facts.boot_partitions = supports[9];
            facts.namespace.deallocated_reads = reads;
            facts.active = numbers;
            facts.allocated = None;
            facts.sanitize = facts.sanitize.filter(|_| sanitizes);
            facts.format = facts.format.filter(|_| formats);
            facts
        },
    )
}

fn any_ata() -> impl Strategy<Value = AtaFacts> {
    let states = prop::sample::select(vec![
        None,
        Some(AtaSanitizeState::Idle),
        Some(AtaSanitizeState::Completed),
        Some(AtaSanitizeState::Failed),
        Some(AtaSanitizeState::InProgress),
        Some(AtaSanitizeState::Frozen),
        Some(AtaSanitizeState::NotTold),
    ]);
    let native = prop::option::of(prop::sample::select(vec![7_814_037_168u64, 7_900_000_000, u64::MAX, 0]));
    (prop::collection::vec(support(), 8), states, native, any::<bool>(), any::<bool>()).prop_map(
        |(supports, state, native, sanitizes, secures)| {
            let mut facts = ata();
            let sanitize = facts.sanitize.as_mut().unwrap();
            sanitize.block_erase = supports[0];
            sanitize.overwrite = supports[1];
            sanitize.crypto_scramble = supports[2];
            sanitize.definitive_ending = supports[3];
            let security = facts.security.as_mut().unwrap();
            security.enhanced = supports[4];
            security.frozen = supports[5];
            security.locked = supports[6];
            security.enabled = supports[7];
            facts.sanitize_state = state;
            facts.areas.native = native;
            facts.sanitize = facts.sanitize.filter(|_| sanitizes);
            facts.security = facts.security.filter(|_| secures);
            facts
        },
    )
}

fn any_scsi() -> impl Strategy<Value = ScsiFacts> {
    (prop::collection::vec(support(), 4), 0u8..4, 0u8..4, prop::collection::vec(any::<u64>(), 0..3)).prop_map(
        |(supports, after, protection, other_units)| ScsiFacts {
            sanitize: ScsiSanitizeFacts {
                overwrite: supports[0],
                block_erase: supports[1],
                crypto_erase: supports[2],
                exit_failure: supports[3],
            },
            after_block_erase: after,
            after_crypto_erase: 3 - after,
            protection,
            other_units,
            ..scsi()
        },
    )
}

fn any_drive() -> impl Strategy<Value = DriveFacts> {
    let interfaces = prop_oneof![
        any_nvme().prop_map(|facts| Interface::Nvme(Box::new(facts))),
        any_ata().prop_map(|facts| Interface::Ata(Box::new(facts))),
        any_scsi().prop_map(|facts| Interface::Scsi(Box::new(facts))),
    ];
    let kinds = prop::sample::select(vec![
        DriveKind::Rotating,
        DriveKind::Flash,
        DriveKind::Flash,
        DriveKind::Unknown,
        DriveKind::LogicalVolume,
        DriveKind::TestObject,
    ]);
    let classes = prop::sample::select(vec![TcgClass::Opal2, TcgClass::Pyrite1, TcgClass::Enterprise]);
    let tcg = prop::option::of((classes, support(), support(), support()));
    (interfaces, kinds, tcg, any::<bool>()).prop_map(|(interface, kind, tcg, removable)| {
        let mut facts = on(kind, interface);
        facts.removable = removable;
        if let Some((class, locked, locking_enabled, media_encryption)) = tcg {
            facts = with_tcg(facts, TcgFacts { class, locked, locking_enabled, media_encryption, ..opal() });
        }
        facts
    })
}

fn any_purge() -> impl Strategy<Value = Request> {
    let standards = prop::sample::select(vec![Standard::NistR1, Standard::NistR2, Standard::Ieee2883]);
    let methods =
        prop::sample::select(vec![None, Some(Method::Clear), Some(Method::Purge), Some(Method::Purge)]);
    let techniques = prop::option::of(prop::sample::select(Technique::ALL.to_vec()));
    (standards, methods, techniques, any::<[bool; 8]>()).prop_map(|(standard, method, technique, flags)| {
        Request {
            method,
            standard,
            technique,
            scope: if flags[0] { Scope::Drive } else { Scope::Unit },
            fallback: if flags[1] { Fallback::Clear } else { Fallback::None },
            crypto: if flags[2] { declared() } else { None },
            afterwards: if flags[3] { Afterwards::Overwrite } else { Afterwards::Nothing },
            hidden: if flags[4] { HiddenChoice::Restore } else { HiddenChoice::Leave },
            psid: if flags[5] { PsidGiven::Yes } else { PsidGiven::No },
            canaries: match (flags[6], flags[7]) {
                (true, true) => CanaryChoice::Planted,
                (true, false) => CanaryChoice::Fingerprints,
                (false, _) => CanaryChoice::None,
            },
            ..Request::default()
        }
    })
}

/// A policy that accepts everything, as a site might write it: what no table can change must hold all the same.
fn reckless() -> Policy {
    let mut policy = Policy::builtin();
    for rule in &mut policy.rules {
        rule.interface = None;
        rule.ruling = match rule.technique {
            Technique::Overwrite => Ruling::Accepted { passes: crate::plan::policy::PassRule::AnyPattern },
            _ => Ruling::ByDrive { needs: Vec::new() },
        };
    }
    policy
}

static POLICIES: std::sync::OnceLock<[Policy; 2]> = std::sync::OnceLock::new();

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_purge_rests_on_the_host_alone_or_on_less_than_the_standards_ask(
        request in any_purge(),
        facts in any_drive(),
        site in any::<bool>(),
    ) {
        let policies = POLICIES.get_or_init(|| [Policy::builtin(), reckless()]);
        let policy = if site { &policies[1] } else { &policies[0] };
        let decision = decide(&request, &facts, policy);
        let plan = match decision {
            Decision::Planned(plan) => *plan,
            Decision::Refused(reasons) => {
                prop_assert!(!reasons.is_empty());
                prop_assert!(reasons.iter().all(|reason| !reason.text.is_empty() && !reason.remedy.is_empty()));
                return Ok(());
            }
            Decision::Unsanitizable(reasons) => {
                prop_assert!(!reasons.is_empty());
                // No drive is given up that has a purge under another option.
                let other = Request { technique: None, crypto: declared(), ..request };
                let all = ranked(&other, &facts, policy);
                prop_assert!(all.iter().all(|one| !one.is_accepted_for(Method::Purge)));
                return Ok(());
            }
        };
        let read: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        prop_assert_eq!(read.digest(), plan.digest());
        if plan.method == Method::Clear {
            prop_assert!(request.method != Some(Method::Purge) || request.fallback == Fallback::Clear);
            prop_assert!(plan.claim.is_none_or(|claim| claim.method == Method::Clear));
            // A purge that is there is not gone around.
            let all = ranked(&Request { technique: None, ..request.clone() }, &facts, policy);
            let purges = all.iter().any(|one| one.is_accepted_for(Method::Purge));
            prop_assert!(request.method != Some(Method::Purge) || !purges);
            return Ok(());
        }
        let firmware = plan.firmware.as_ref().unwrap();
        let steps = techniques(&plan);
        prop_assert!(plan.technique != Technique::Overwrite && steps.last() == Some(&plan.technique));
        let reports = firmware.steps.iter().all(|step| match step {
            DriveCommand::NvmeSanitize(sanitize) => sanitize.purge == nvme_command::PurgeRequest::Asked,
            _ => true,
        });
        prop_assert!(request.standard != Standard::Ieee2883 || reports);
        match plan.technique {
            Technique::Format | Technique::FormatCrypto => prop_assert_eq!(request.standard, Standard::NistR1),
            Technique::SecurityErase | Technique::Overwrite => prop_assert!(false, "{:?}", plan.technique),
            Technique::SecurityEraseEnhanced => {
                prop_assert_eq!((request.standard, facts.kind), (Standard::NistR1, DriveKind::Rotating));
            }
            Technique::BlockErase
            | Technique::SanitizeOverwrite
            | Technique::CryptoErase
            | Technique::OpalRevert => {}
        }
        let by_keys = [Technique::CryptoErase, Technique::FormatCrypto, Technique::OpalRevert];
        prop_assert_eq!(firmware.crypto_basis.is_some(), by_keys.contains(&plan.technique));
        let beyond = firmware.reach.units.iter().skip(1).chain(&firmware.reach.unproven);
        let others = beyond.into_iter().any(|unit| unit.starts_with("namespace"));
        prop_assert!(!others || request.scope == Scope::Drive);
        // What cannot be compared with anything is at least compared with what was there.
        let blind = plan.passes.is_empty() && firmware.expected == Expected::Changed;
        prop_assert_eq!(plan.verification == VerificationPlan::Canaries, blind);
        prop_assert!(firmware.canaries > 0 || (plan.passes.is_empty() && !blind));
        let known = request.canaries == CanaryChoice::Fingerprints;
        prop_assert_eq!(firmware.canary_kind == CanaryKind::Fingerprints, known);
        // Nothing weaker than the best was taken unasked.
        if request.technique.is_none() {
            let all = ranked(&request, &facts, policy);
            let best = all.iter().find(|one| one.is_accepted_for(Method::Purge)).unwrap();
            prop_assert_eq!(best.technique, plan.technique);
        }
    }
}
