//! Hosts that die at every append to the journal and at every rest of the engine, with and without the power of the
//! drive: what is left is gone on with, until it ends.
use std::collections::BTreeMap;

use expunge::plan::Request;
use expunge::plan::request::CanaryChoice;
use expunge::sim::UnsyncedTail;
use expunge::sim::controller::quirk::Return;
use expunge::sim::controller::{Personality, Quirk};
use expunge::unit::term::{Outcome, Technique, word};

use crate::campaign::{Crash, Trail, run};
use crate::check;
use crate::drive::{DriveSpec, Model};
use crate::honest::{kinds, magnetic};
use crate::ledger::Said;
use crate::link::{Between, Defect};
use crate::shape::{Shape, Speaks};

/// Every kind of job, each with canaries of one sort.
fn jobs(canaries: CanaryChoice) -> impl Iterator<Item = (&'static str, Shape, Vec<Technique>)> {
    kinds().into_iter().map(move |(name, shape, steps)| {
        let request = Request { canaries, ..shape.request.clone() };
        (name, Shape { request, ..shape }, steps)
    })
}

/// Ends of jobs by their kind.
type Ends = BTreeMap<String, BTreeMap<String, u32>>;

/// Whether commands of this technique remember their end, or are seen by their canaries: only then is an end always
/// found again that was reached while nobody looked.
const fn remembers(technique: Technique) -> bool {
    matches!(technique, Technique::BlockErase | Technique::CryptoErase | Technique::SanitizeOverwrite)
}

/// What an honest drive must come to after a crash: done; or unknown, where the journal says that a command was about
/// to be sent and the drive cannot say what became of it.
fn is_right(trail: &Trail, steps: &[Technique], returns: Option<Return>) -> Result<(), String> {
    let texts: Vec<_> = trail.violations.iter().map(|one| format!("{:?}: {}", one.check, one.text)).collect();
    if !texts.is_empty() {
        return Err(texts.join("\n    "));
    }
    let reasons = trail.last.as_ref().map(|over| over.verdict.reasons().to_vec());
    let taken = trail.world.ledger.sent().iter().filter(|sent| sent.said == Said::Taken).count();
    let begun = trail
        .last
        .as_ref()
        .map_or(0, |over| over.run.steps.iter().filter(|step| step.sent.is_some()).count());
    let heard = trail
        .last
        .as_ref()
        .is_none_or(|over| over.run.steps.iter().all(|step| step.sent.is_none() || step.accepted.is_some()));
    match trail.outcome {
        Outcome::Done => Ok(()),
        // Announced, and the host died before it went out.
        Outcome::Unknown if taken < begun => Ok(()),
        // The host died before it knew that the drive had taken the command: what the drive did may be another's work.
        Outcome::Unknown if !heard => Ok(()),
        // Its firmware froze it, or a password that nobody knows came with the power.
        Outcome::Unknown | Outcome::Failed if matches!(returns, Some(Return::Frozen | Return::Locked)) => {
            Ok(())
        }
        Outcome::Unknown if !steps.iter().copied().all(remembers) => Ok(()),
        // An ATA drive remembers that an operation completed, and not which: the second one looks like the first.
        Outcome::Unknown if personality(trail) == Some(Speaks::Ata) && steps.len() > 1 => Ok(()),
        // A SCSI unit remembers no success at all.
        Outcome::Unknown if personality(trail) == Some(Speaks::Scsi) => Ok(()),
        // What was over before the interruption is carried out anew, and there is nothing left to take fingerprints of.
        Outcome::Failed if trail.sittings > 1 && check::tells_too_little(&reasons.unwrap_or_default()) => {
            Ok(())
        }
        // Blocks that a password keeps shut cannot be read back.
        Outcome::Failed if returns == Some(Return::Locked) => Ok(()),
        outcome => Err(format!(
            "{outcome:?} after {taken} commands: {:?}",
            trail.last.as_ref().map(|over| over.verdict.reasons())
        )),
    }
}

fn personality(trail: &Trail) -> Option<Speaks> {
    match &trail.world.shape.drive.model {
        Model::Nvme(_) => None,
        Model::Scsi(spec) => Some(match spec.personality {
            Personality::Ata(_) => Speaks::Ata,
            Personality::Scsi(_) => Speaks::Scsi,
        }),
    }
}

fn count(ends: &mut Ends, name: &str, trail: &Trail) {
    let outcome = if trail.last.is_none() { "not begun".to_owned() } else { word(trail.outcome) };
    *ends.entry(name.to_owned()).or_default().entry(outcome).or_default() += 1;
}

fn shown(ends: &Ends, failures: &[String]) {
    for (name, row) in ends {
        println!("{name:24}{row:?}");
    }
    let first = failures.iter().take(8).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} failures:\n{first}", failures.len());
}

#[test]
fn a_host_that_dies_at_any_append_leaves_a_job_that_comes_to_its_right_end() {
    dies_at_any_append(CanaryChoice::Planted);
}

#[test]
fn the_same_with_fingerprints_which_are_compared_after_the_interruption() {
    dies_at_any_append(CanaryChoice::Fingerprints);
}

fn dies_at_any_append(canaries: CanaryChoice) {
    let powers = [None, Some(Return::Same), Some(Return::Frozen), Some(Return::Locked)];
    let (mut failures, mut ends) = (Vec::new(), Ends::new());
    for (name, shape, steps) in jobs(canaries) {
        for power in powers {
            let only_ata = matches!(power, Some(Return::Frozen | Return::Locked));
            if only_ata && !name.starts_with("ata") {
                continue;
            }
            for tail in [UnsyncedTail::Lost, UnsyncedTail::Kept] {
                for sync in 0.. {
                    let trail = run(&shape, Some(Crash { sync, tail, power }), sync, Defect::None);
                    if trail.whole {
                        break;
                    }
                    count(&mut ends, name, &trail);
                    if trail.last.is_none() && sync < 1 {
                        continue;
                    }
                    if let Err(why) = is_right(&trail, &steps, power) {
                        failures.push(format!("{name}, sync {sync}, {tail:?}, power {power:?}\n    {why}"));
                    }
                }
            }
        }
    }
    shown(&ends, &failures);
}

/// Rests of the engine at which a host dies.
const RESTS: [u64; 8] = [0, 1, 2, 3, 5, 8, 12, 17];

#[test]
fn a_host_that_dies_while_a_command_runs_finds_its_end() {
    let (mut failures, mut ends) = (Vec::new(), Ends::new());
    for (name, shape, steps) in jobs(CanaryChoice::Planted).chain(jobs(CanaryChoice::Fingerprints)) {
        for at in RESTS {
            for between in [Between::HostDies(at), Between::PowerFails(at), Between::Stop(at)] {
                let shape = Shape { between, ..shape.clone() };
                let trail = run(&shape, None, at, Defect::None);
                count(&mut ends, name, &trail);
                if let Err(why) = is_right(&trail, &steps, None) {
                    failures.push(format!("{name}, {between:?}\n    {why}"));
                }
            }
        }
    }
    shown(&ends, &failures);
}

pub(crate) fn with_quirk(drive: DriveSpec, quirk: Quirk) -> DriveSpec {
    let model = match drive.model {
        Model::Nvme(mut spec) => {
            spec.shape = spec.shape.with(quirk);
            Model::Nvme(spec)
        }
        Model::Scsi(mut spec) => {
            spec.shape = spec.shape.with(quirk);
            Model::Scsi(spec)
        }
    };
    DriveSpec { model, ..drive }
}

/// Host and drive lose their power in the middle of the drive's work.
#[test]
fn power_that_fails_in_the_middle_of_the_work_is_no_loss() {
    let (mut failures, mut ends) = (Vec::new(), Ends::new());
    for (name, shape, steps) in kinds() {
        for at in [1, 20_000, 60_000] {
            let quirk = Quirk::PowerFails { at, back_ms: 30_000, returns: Return::Same };
            let drive = with_quirk(shape.drive.clone(), quirk);
            let shape = Shape { drive, between: Between::HostDiesWithDrive, ..shape.clone() };
            let trail = run(&shape, None, u64::from(at), Defect::None);
            count(&mut ends, name, &trail);
            if let Err(why) = is_right(&trail, &steps, None) {
                failures.push(format!("{name}, at {at}\n    {why}"));
            }
        }
    }
    shown(&ends, &failures);
}

/// A drive that the host left locked in the middle of a security erase is erased by the job that goes on.
#[test]
fn a_drive_that_was_left_locked_is_erased_by_the_job_that_goes_on() {
    let kind = kinds().into_iter().find(|(name, _, _)| *name == "ata security erase").expect("a kind");
    let quirk = Quirk::PowerFails { at: 30_000, back_ms: 30_000, returns: Return::Same };
    let drive = with_quirk(magnetic(), quirk);
    let shape = Shape { drive, between: Between::HostDiesWithDrive, ..kind.1 };
    let trail = run(&shape, None, 0, Defect::None);
    assert!(trail.violations.is_empty(), "{:?}", trail.violations);
    assert_eq!((trail.outcome, trail.sittings), (Outcome::Done, 2));
    let sent = trail.world.ledger.sent();
    assert_eq!(sent.iter().map(|sent| sent.sitting).collect::<Vec<_>>(), [0, 1], "once before, once after");
}

/// Kinds of jobs whose only command is a cryptographic erase.
fn cryptographic() -> impl Iterator<Item = (&'static str, Shape)> {
    let names = ["nvme crypto erase", "ata crypto scramble", "scsi crypto erase"];
    kinds().into_iter().filter(move |(name, ..)| names.contains(name)).map(|(name, shape, _)| (name, shape))
}

/// SANITIZE STATUS EXT names no command, and the status log of NVMe only what it asks for: what completed while nobody
/// looked is ours only where the journal says that the drive had taken it.
#[test]
fn an_end_that_nobody_saw_is_ours_only_where_the_journal_says_that_the_drive_took_the_command() {
    for (name, shape) in cryptographic().filter(|(name, _)| !name.starts_with("scsi")) {
        let mut ends = std::collections::BTreeSet::new();
        for sync in 0.. {
            let crash = Crash { sync, tail: UnsyncedTail::Lost, power: None };
            let trail = run(&shape, Some(crash), sync, Defect::None);
            if trail.whole {
                break;
            }
            let taken =
                trail.world.ledger.sent().iter().any(|sent| sent.said == Said::Taken && sent.sitting == 0);
            let heard = trail.last.as_ref().and_then(|over| Some(over.run.steps.first()?.accepted.is_some()));
            if let (true, Some(heard)) = (taken, heard) {
                ends.insert((heard, word(trail.outcome)));
            }
        }
        let expected = [(false, "unknown"), (true, "done")].map(|(heard, end)| (heard, end.to_owned()));
        assert_eq!(ends, expected.into(), "{name}");
    }
}

/// The host dies with its command announced and not sent, and another program gives the very same one.
#[test]
fn what_another_program_did_while_the_host_was_dead_is_never_ours() {
    for (name, shape) in cryptographic() {
        let shape = Shape { between: Between::ForeignWhileDead, ..shape };
        let mut unknown = 0;
        for sync in 0.. {
            for tail in [UnsyncedTail::Lost, UnsyncedTail::Kept] {
                let trail = run(&shape, Some(Crash { sync, tail, power: None }), sync, Defect::None);
                let texts: Vec<_> = trail.violations.iter().map(|one| (one.check, &one.text)).collect();
                assert!(texts.is_empty(), "{name}, sync {sync}, {tail:?}: {texts:?}");
                let sent = trail.world.ledger.sent().len();
                unknown += u32::from(trail.outcome == Outcome::Unknown && trail.last.is_some() && sent == 0);
            }
            if run(&shape, Some(Crash { sync, tail: UnsyncedTail::Lost, power: None }), sync, Defect::None)
                .whole
            {
                break;
            }
        }
        assert!(unknown > 0, "{name}: no host died between the journal and the drive");
    }
}
