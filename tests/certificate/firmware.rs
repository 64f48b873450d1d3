//! Records of a drive's own commands: genuine ones pass, their limits and keys are as they must be, and they read well.
use expunge::certificate::check::FindingCode;
use expunge::certificate::record::Interruption;
use expunge::certificate::{BuildFault, CheckStatus, RecordInput, build, recordable, show};
use expunge::command::{DriveCommand, ata};
use expunge::device::capability::{Interface, Support};
use expunge::engine::firmware::audit::Contradiction;
use expunge::engine::firmware::{Conclusion, Proof, audit};
use expunge::plan::growth::GrowthRule;
use expunge::plan::{Limit, LimitCode, Rules};
use expunge::sim::controller::AtaTraits;
use expunge::sim::controller::quirk::draw_menu;
use expunge::sim::dice::Dice;
use expunge::unit::term::{DriveKind, Outcome};
use expunge::unit::{BlockCount, RangeSet, Reason, ReasonCode};
use expunge::verify::{Counted, Ending};
use serde_json::{Value, json};

use crate::contradictions::resigned;
use crate::purges::{
    ATA_BLOCK, Bench, NVME_BLOCK, NVME_FORMAT, SCSI_BLOCK, ata_sanitized, by_fingerprints, every_purge,
    nvme_formatted, nvme_sanitized, only_asked, reverted, scsi_sanitized, unhappy_purges,
};
use crate::support::{interrupted_job, statement, texts, time, verdict};

#[test]
fn genuine_purges_pass_over_every_interface() {
    for (name, job) in every_purge() {
        let built = build(job.clone(), &verdict(&job, &Ending::Completed));
        let report = resigned(&built.unwrap_or_else(|why| panic!("{name}: {why}")), |_| {});
        assert_eq!(report.status, CheckStatus::Passes, "{name}: {}", texts(&report.findings));
    }
    for (name, job) in unhappy_purges() {
        let report = resigned(&statement(job), |_| {});
        assert_eq!(report.status, CheckStatus::AuthenticOther, "{name}: {}", texts(&report.findings));
    }
    let report = resigned(&statement(only_asked()), |_| {});
    assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
}

#[test]
fn fingerprints_alone_are_no_evidence_where_blocks_change_by_themselves() {
    let said = |change: fn(&mut Interface)| {
        let ata = *ata_sanitized().firmware.unwrap().before.unwrap();
        let mut job = by_fingerprints(reverted());
        let told = job.firmware.as_mut().unwrap().before.as_mut().unwrap();
        told.interface = ata.interface;
        change(&mut told.interface);
        refused(&job).contains("may change by themselves")
    };
    assert!(!said(|interface| {
        let Interface::Ata(ata) = interface else { panic!() };
        (ata.trim, ata.deterministic_after_trim) = (Support::Yes, Support::Yes);
    }));
    assert!(said(|interface| {
        let Interface::Ata(ata) = interface else { panic!() };
        (ata.trim, ata.deterministic_after_trim) = (Support::Yes, Support::No);
    }));
    assert!(!said(|interface| {
        let Interface::Ata(ata) = interface else { panic!() };
        (ata.trim, ata.deterministic_after_trim) = (Support::No, Support::No);
    }));
    let scsi = |reads: u8, rotation: Option<u16>| {
        let mut job = by_fingerprints(reverted());
        let mut told = *scsi_sanitized().firmware.unwrap().before.unwrap();
        let Interface::Scsi(facts) = &mut told.interface else { panic!() };
        (facts.unmapped_reads, facts.rotation) = (reads, rotation);
        job.firmware.as_mut().unwrap().before.as_mut().unwrap().interface = told.interface;
        refused(&job).contains("may change by themselves")
    };
    assert!(scsi(0, Some(1)) && scsi(0, None));
    assert!(!scsi(0, Some(7200)) && !scsi(1, Some(1)) && !scsi(2, None));
}

/// Whatever a drawn drive does, the engine's report bears out what it concludes, by a second reading.
#[test]
fn whatever_the_engine_concludes_is_borne_out() {
    let security = ata::SecurityErase { mode: ata::EraseMode::Enhanced };
    let mut successes = std::collections::BTreeMap::new();
    for seed in 0..150 {
        let quirks = draw_menu(&mut Dice::new(seed));
        let solid = || Bench::ata(AtaTraits::solid(), &quirks);
        let runs = [
            ("nvme", Bench::nvme(&quirks), DriveCommand::NvmeSanitize(NVME_BLOCK)),
            ("format", Bench::nvme(&quirks), DriveCommand::NvmeFormat(NVME_FORMAT)),
            ("ata", solid(), DriveCommand::AtaSanitize(ATA_BLOCK)),
            ("security", solid(), DriveCommand::AtaSecurityErase(security)),
            ("scsi", Bench::scsi(&quirks), DriveCommand::ScsiSanitize(SCSI_BLOCK)),
        ];
        for (name, bench, command) in runs {
            let Ok((before, report)) = bench.carry_out(&command) else { continue };
            let borne_out = audit(&command, &before, &report);
            assert_eq!(borne_out, Ok(()), "{name} {seed} {quirks:?} {report:#?}");
            if matches!(report.conclusion, Conclusion::Confirmed | Conclusion::Claimed) {
                *successes.entry(name).or_insert(0) += 1;
            }
        }
    }
    assert!(successes.len() == 5 && successes.values().all(|count| *count > 40), "{successes:?}");
}

/// A command that was sent before an interruption is not quoted as sent; without an interruption it must be.
#[test]
fn a_command_that_was_followed_has_an_interruption_before_its_end() {
    let gap = interrupted_job().interruptions.remove(0);
    let gap = Interruption { pass: 0, durable: BlockCount::ZERO, probe: None, ..gap };
    let mut job = nvme_sanitized();
    let report = job.firmware.as_mut().unwrap().steps[0].tally.report.as_mut().unwrap();
    report.exchanges.retain(|one| one.name != "nvme sanitize");
    assert!(refused(&job).contains("its sending is not quoted"));
    job.interruptions = vec![gap.clone()];
    assert!(build(job.clone(), &verdict(&job, &Ending::Completed)).is_ok(), "{}", refused(&job));
    // One that was over before the command was sent explains nothing.
    job.firmware.as_mut().unwrap().steps[0].sent = Some(time(20));
    assert!(refused(&job).contains("its sending is not quoted"));
}

fn refused(job: &RecordInput) -> String {
    match build(job.clone(), &verdict(job, &Ending::Completed)) {
        Err(BuildFault::Inconsistent(findings)) => texts(&findings),
        other => format!("{other:?}"),
    }
}

#[test]
fn limits_that_a_purge_must_state() {
    for code in [LimitCode::DriveTrusted, LimitCode::AreasNotReached, LimitCode::MappingNotChecked] {
        let mut job = nvme_sanitized();
        job.plan.as_mut().unwrap().limits.retain(|limit| limit.code != code);
        assert!(refused(&job).contains("must state the limit"), "{code:?}");
    }
    for code in [LimitCode::CommandMeaning, LimitCode::CanariesOnly, LimitCode::CryptographicBasis] {
        let mut job = nvme_formatted();
        job.plan.as_mut().unwrap().limits.retain(|limit| limit.code != code);
        assert!(refused(&job).contains("must state the limit"), "{code:?}");
    }
    // A namespace hides nothing, so nobody has to say that it was not examined; a unit that tells nothing may.
    let mut job = scsi_sanitized();
    job.plan.as_mut().unwrap().limits.retain(|limit| limit.code != LimitCode::HiddenAreasNotExamined);
    assert!(refused(&job).contains("hidden-areas-not-examined"));
    let mut job = nvme_sanitized();
    job.plan.as_mut().unwrap().limits.retain(|limit| limit.code != LimitCode::HiddenAreasNotExamined);
    assert!(build(job.clone(), &verdict(&job, &Ending::Completed)).is_ok());
}

#[test]
fn sectors_that_were_given_up_meanwhile_are_a_limit() {
    for grown in ["reallocated", "pending"] {
        let mut job = ata_sanitized();
        let told = job.firmware.as_mut().unwrap();
        let (before, after) = (told.before.as_mut().unwrap(), told.after.as_mut().unwrap());
        (before.health.reallocated, before.health.pending) = (Some(3), Some(0));
        (after.health.reallocated, after.health.pending) = (Some(3), Some(0));
        assert!(build(job.clone(), &verdict(&job, &Ending::Completed)).is_ok(), "{}", refused(&job));
        let after = job.firmware.as_mut().unwrap().after.as_mut().unwrap();
        match grown {
            "reallocated" => after.health.reallocated = Some(4),
            _ => after.health.pending = Some(1),
        }
        assert!(refused(&job).contains("sectors-given-up"), "{grown}");
        job.limits.push(Limit { code: LimitCode::SectorsGivenUp, text: "four now".into() });
        assert!(build(job.clone(), &verdict(&job, &Ending::Completed)).is_ok(), "{grown}");
    }
}

/// An overwrite of a drive that told of more remapped sectors afterwards, under this rule.
fn grown(rule: GrowthRule) -> RecordInput {
    let mut job = only_asked();
    job.plan.as_mut().unwrap().rules =
        Some(Rules { defect_growth: rule, ..Rules::of_kind(DriveKind::Rotating) });
    let told = job.firmware.as_mut().unwrap();
    told.before.as_mut().unwrap().health.reallocated = Some(3);
    told.after.as_mut().unwrap().health.reallocated = Some(5);
    job.limits.push(Limit { code: LimitCode::SectorsGivenUp, text: "two more".into() });
    job
}

/// `judge` and the check of the record come to the same end, each by itself.
#[test]
fn growth_is_a_limit_or_the_end_of_a_success_as_the_rule_says() {
    let stated = grown(GrowthRule::State);
    assert!(build(stated.clone(), &verdict(&stated, &Ending::Completed)).is_ok(), "{}", refused(&stated));
    let job = grown(GrowthRule::Fail);
    assert!(refused(&job).contains("the plan says defect-growth=fail"), "{}", refused(&job));
    let told = job.firmware.as_ref().unwrap();
    let (before, after) = told.before.as_ref().zip(told.after.as_ref()).unwrap();
    let growth = Counted::between(Some(&before.health), Some(&after.health));
    let passes: Vec<_> = job.passes.iter().map(|pass| pass.tally.clone()).collect();
    let judged = verdict(&job, &Ending::Completed).with_growth(job.plan.as_ref().unwrap(), &passes, growth);
    assert_eq!(judged.outcome(), Outcome::Partial);
    let statement = build(job, &judged).unwrap();
    let report = resigned(&statement, |_| {});
    assert_eq!(report.status, CheckStatus::AuthenticOther, "{}", texts(&report.findings));
    let text = show::show(report.content.as_ref().unwrap());
    assert!(
        text.contains("defect-growth=fail") && text.contains("reallocated 3 before and 5 after"),
        "{text}"
    );
    // The reason is borne out by the counters and by the rule, or it is none.
    for (name, lie) in [
        ("nothing grew", (|p| p["firmware"]["after"]["health"]["reallocated"] = json!(3)) as fn(&mut Value)),
        ("another rule", |p| {
            p["plan"]["rules"].as_object_mut().unwrap().remove("defectGrowth");
        }),
    ] {
        let report = resigned(&statement, |value| lie(&mut value["predicate"]));
        let text = texts(&report.findings);
        assert!(text.contains("do not bear that out"), "{name}: {text}");
    }
}

/// A drive that counts its defects before the job and is silent after it has not shown that none grew.
#[test]
fn a_counter_that_is_gone_is_a_limit_or_the_end_of_a_success_as_the_rule_says() {
    for name in ["not told", "fell", "no answer at all"] {
        let of = |rule| {
            let mut job = grown(rule);
            job.limits.retain(|limit| limit.code != LimitCode::SectorsGivenUp);
            let after = &mut job.firmware.as_mut().unwrap().after;
            match name {
                "not told" => after.as_mut().unwrap().health.reallocated = None,
                "fell" => after.as_mut().unwrap().health.reallocated = Some(2),
                _ => *after = None,
            }
            job
        };
        let mut stated = of(GrowthRule::State);
        assert!(refused(&stated).contains("defects-not-counted"), "{name}: {}", refused(&stated));
        stated.limits.push(Limit { code: LimitCode::DefectsNotCounted, text: "silent".into() });
        assert!(build(stated.clone(), &verdict(&stated, &Ending::Completed)).is_ok(), "{}", refused(&stated));
        let mut job = of(GrowthRule::Fail);
        job.limits.push(Limit { code: LimitCode::DefectsNotCounted, text: "silent".into() });
        assert!(refused(&job).contains("before and not after"), "{name}: {}", refused(&job));
        let told = job.firmware.as_ref().unwrap();
        let [before, after] = [&told.before, &told.after].map(|told| told.as_ref().map(|told| &told.health));
        let passes: Vec<_> = job.passes.iter().map(|pass| pass.tally.clone()).collect();
        let counted = Counted::between(before, after);
        let judged =
            verdict(&job, &Ending::Completed).with_growth(job.plan.as_ref().unwrap(), &passes, counted);
        assert_eq!(judged.outcome(), Outcome::Partial, "{name}");
        let statement = build(job, &judged).unwrap();
        let report = resigned(&statement, |_| {});
        assert_eq!(report.status, CheckStatus::AuthenticOther, "{name}: {}", texts(&report.findings));
        let report = resigned(&statement, |value| {
            value["predicate"]["firmware"]["after"] = value["predicate"]["firmware"]["before"].clone();
        });
        assert!(texts(&report.findings).contains("do not bear that out"), "{name}");
    }
    // One that never told a counter has nothing to compare, and the record says so where the rule is strict.
    let mut never = grown(GrowthRule::Fail);
    never.limits.retain(|limit| limit.code != LimitCode::SectorsGivenUp);
    let told = never.firmware.as_mut().unwrap();
    for told in [&mut told.before, &mut told.after] {
        let health = &mut told.as_mut().unwrap().health;
        (health.reallocated, health.pending) = (None, None);
    }
    assert!(refused(&never).contains("defects-not-counted"), "{}", refused(&never));
    never.limits.push(Limit { code: LimitCode::DefectsNotCounted, text: "it does not count".into() });
    assert!(build(never.clone(), &verdict(&never, &Ending::Completed)).is_ok(), "{}", refused(&never));
}

/// A sitting before an interruption judged so, and the drive does not say it any more.
#[test]
fn growth_that_an_earlier_sitting_saw_is_believed_against_the_job() {
    let mut job = grown(GrowthRule::Fail);
    job.firmware.as_mut().unwrap().after.as_mut().unwrap().health.reallocated = None;
    job.limits.retain(|limit| limit.code != LimitCode::SectorsGivenUp);
    let passes: Vec<_> = job.passes.iter().map(|pass| pass.tally.clone()).collect();
    let plan = job.plan.clone().unwrap();
    let reason = Reason::new(ReasonCode::DefectsGrew, "five after", "destroy it");
    let judged = verdict(&job, &Ending::Completed).with_growth_of(&plan, &passes, &[reason]);
    assert_eq!(judged.outcome(), Outcome::Partial);
    let borne_out = |job: &RecordInput| {
        let text = match build(job.clone(), &judged) {
            Ok(statement) => texts(&resigned(&statement, |_| {}).findings),
            Err(fault) => fault.to_string(),
        };
        !text.contains("do not bear that out")
    };
    assert!(!borne_out(&job), "nothing came between");
    job.interruptions = vec![interrupted_job().interruptions.remove(0)];
    assert!(borne_out(&job));
}

/// A drive that holds too little: what it says is believed where its blocks are read, and the record says what was missing.
#[test]
fn too_few_fingerprints_are_a_limit_where_blocks_are_compared_and_no_proof_elsewhere() {
    let few = |job: RecordInput| {
        let mut job = by_fingerprints(job);
        let canaries = job.firmware.as_mut().unwrap().steps[0].tally.canaries.as_mut().unwrap();
        (canaries.planted, canaries.after) = (RangeSet::new(), None);
        canaries.fingerprints.as_mut().unwrap().blank = BlockCount(8);
        job
    };
    let mut read = few(nvme_sanitized());
    assert!(refused(&read).contains("few-fingerprints"), "{}", refused(&read));
    read.limits.push(Limit { code: LimitCode::FewFingerprints, text: "nothing told".into() });
    assert!(build(read.clone(), &verdict(&read, &Ending::Completed)).is_ok(), "{}", refused(&read));
    let mut unread = few(reverted());
    unread.limits.push(Limit { code: LimitCode::FewFingerprints, text: "nothing told".into() });
    assert_eq!(verdict(&unread, &Ending::Completed).outcome(), Outcome::Unknown);
    assert_eq!(verdict(&by_fingerprints(reverted()), &Ending::Completed).outcome(), Outcome::Done);
}

/// A record must be made of whatever a drive says of itself.
#[test]
fn numbers_that_no_record_can_hold_are_gaps() {
    let told = |job: RecordInput| *job.firmware.unwrap().before.unwrap();
    let mut nvme = told(nvme_sanitized());
    assert_eq!(recordable(nvme.clone()), Some(nvme.clone()), "what fits stays as it is");
    nvme.health.written_bytes = Some(1 << 53);
    let fitting = recordable(nvme.clone()).unwrap();
    assert_eq!((fitting.health.written_bytes, fitting.gaps.len()), (None, nvme.gaps.len() + 1));
    nvme.health.written_bytes = Some((1 << 53) - 1);
    assert_eq!(recordable(nvme.clone()), Some(nvme.clone()));
    let Interface::Nvme(facts) = &mut nvme.interface else { panic!("an NVMe drive") };
    facts.namespace.blocks = u64::MAX;
    assert_eq!(recordable(nvme), None);
    let mut scsi = told(scsi_sanitized());
    let Interface::Scsi(facts) = &mut scsi.interface else { panic!("a SCSI unit") };
    facts.other_units = vec![0, 0x4001_0000_0000_0000];
    let fitting = recordable(scsi).unwrap();
    let Interface::Scsi(facts) = &fitting.interface else { panic!("a SCSI unit") };
    assert_eq!(facts.other_units, [0]);
    assert!(fitting.gaps.iter().any(|gap| gap.contains("4001000000000000h")), "{:?}", fitting.gaps);
}

/// Canaries have the key of a pass: what a pass writes could then be taken for a canary that survived, or the other way.
#[test]
fn keys_of_canaries_are_their_own() {
    let mut job = nvme_sanitized();
    let tally = job.firmware.as_ref().unwrap().steps[0].clone();
    job.firmware.as_mut().unwrap().steps.push(tally.clone());
    job.plan.as_mut().unwrap().firmware.as_mut().unwrap().steps.push(tally.tally.command);
    let found = refused(&job);
    assert!(found.contains("the key of a pass or of other canaries"), "{found}");
}

#[test]
fn contradictions_have_words_of_their_own() {
    use Contradiction::*;
    let all = [
        NoSuchCommand,
        NothingQuoted,
        OutOfOrder,
        NoBefore,
        BusyBefore,
        NoProof,
        ProofOfNothing,
        NotShown(Proof::InProgressSeen),
        NotTaken,
        OtherParameters,
        NotTheEnd,
        AnotherCommand,
        FailureTold,
        ShapeChanged,
        AnotherDrive,
    ];
    let words: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), all.len());
}

/// Everything that a person needs, and what is not claimed.
#[test]
fn a_purge_in_words() {
    let shown = |job: RecordInput| {
        let report = resigned(&statement(job), |_| {});
        assert!(!report.has(FindingCode::Firmware));
        show::show(report.content.as_ref().unwrap())
    };
    let text = shown(nvme_sanitized());
    for part in [
        "purge by block-erase",
        "the whole drive: namespace 1",
        "not reached     replay protected memory blocks",
        "zeros or ones in every block",
        "bytes 84000000",
        "the exchanges show it (in-progress-seen, global-data-erased-set-anew, persistent-event)",
        "5 canaries planted",
        "5 changed, 0 survived, 0 unreadable",
        "pages before    ",
        "nvme identify controller",
        "none by this host",
        "What this record does not show",
        "limit DriveTrusted",
    ] {
        assert!(text.contains(part), "{part:?} not in\n{text}");
    }
    let text = shown(reverted());
    for part in [
        "the canaries of the drive's command only; no other block was read",
        "only what was there must be gone",
        "keys-destroyed: a declaration of the organization",
        "limit CanariesOnly",
    ] {
        assert!(text.contains(part), "{part:?} not in\n{text}");
    }
    let text = shown(by_fingerprints(reverted()));
    for part in ["fingerprints of 5 blocks; of 9 that were looked at 3 were blank", "5 changed, 0 survived"] {
        assert!(text.contains(part), "{part:?} not in\n{text}");
    }
    let text = shown(only_asked());
    assert!(text.contains("What the drive said of itself") && !text.contains("command 1"), "{text}");
    // No secret is on any record.
    let psid = expunge::unit::digest::to_hex(b"PSID0PSID1PSID2PSID3PSID4PSID5AB");
    let payload = String::from_utf8(statement(reverted()).payload()).unwrap();
    assert!(!payload.contains(&psid) && !payload.contains("PSID0PSID1"));
}
