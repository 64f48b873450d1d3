//! The choice among the techniques of a drive, and the part of a plan that the drive carries out itself.
use super::firmware::{Expected, FirmwarePlan, Scope};
use super::hidden::restore;
use super::policy::{Medium, Policy};
use super::request::{Afterwards, CanaryChoice, HiddenChoice, Request, VerificationChoice};
use super::technique::{Candidate, Question, candidate, needs_scope, ranked_for, with_steps};
use super::{PassPattern, PassSpec, VerificationPlan};
use crate::command::{DriveCommand, ata, nvme, scsi};
use crate::device::DriveFacts;
use crate::device::capability::Interface;
use crate::device::elsewhere::Elsewhere;
use crate::unit::pattern::FixedBytes;
use crate::unit::term::{Method, Technique, word};
use crate::unit::{Geometry, Reason, ReasonCode};

/// Blocks with canaries: the first, the last, and some between. So many that a drive that spares a quarter of itself
/// has no chance worth naming (0.75 to the 62nd) to spare none of them, and few enough to be written in a second.
const CANARIES: u32 = 64;

/// Why no command of the drive is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoChoice {
    /// Something stands in the way that can be ended.
    Hindered(Vec<Reason>),
    /// There is none.
    Unavailable(Reason),
}

/// The technique asked for, or the best one that is accepted for the method.
pub(super) fn choose(
    request: &Request,
    facts: &DriveFacts,
    policy: &Policy,
    method: Method,
) -> Result<Candidate, NoChoice> {
    let question = Question::new(request, facts, policy);
    let all = ranked_for(&question);
    let wanted: Vec<Candidate> = match request.technique {
        None => all.iter().filter(|one| !one.steps.is_empty()).cloned().collect(),
        Some(Technique::CryptoErase | Technique::OpalRevert) => key_change(&question, method, &all),
        Some(technique) => all.iter().filter(|one| one.technique == technique).cloned().collect(),
    };
    let accepted: Vec<&Candidate> = wanted.iter().filter(|one| one.is_accepted_for(method)).collect();
    // A scope that was not accepted is asked about, never gone around by something weaker.
    let strongest = accepted.first().filter(|one| one.obstacles.iter().all(is_scope) && needs_scope(one));
    if let Some(strongest) = strongest {
        return Err(NoChoice::Hindered(strongest.obstacles.clone()));
    }
    if let Some(ready) = accepted.iter().find(|one| one.is_ready_for(method)) {
        return Ok((*ready).clone());
    }
    let mut obstacles: Vec<Reason> = Vec::new();
    for reason in accepted.iter().flat_map(|one| &one.obstacles) {
        if !obstacles.contains(reason) {
            obstacles.push(reason.clone());
        }
    }
    if obstacles.is_empty() {
        Err(NoChoice::Unavailable(unavailable(request, facts, method, &all)))
    } else {
        Err(NoChoice::Hindered(obstacles))
    }
}

fn is_scope(reason: &Reason) -> bool {
    reason.code == ReasonCode::ScopeNotAccepted
}

/// What a change of keys comes to: on its own where its conditions hold, else with a technique after it that needs none
/// of them. After a revert, which opens a locked drive, what can follow does, conditions or not.
fn key_change(question: &Question<'_>, method: Method, all: &[Candidate]) -> Vec<Candidate> {
    let technique = question.request.technique.unwrap_or(Technique::CryptoErase);
    let keys = candidate(technique, question);
    let mut found = Vec::new();
    if keys.not_offered.is_some() {
        return found;
    }
    let alone = technique == Technique::CryptoErase && keys.is_accepted_for(method);
    if !alone {
        let after = [Technique::BlockErase, Technique::SanitizeOverwrite, Technique::CryptoErase];
        for next in all.iter().filter(|one| after.contains(&one.technique) && one.technique != technique) {
            if next.is_accepted_for(method) {
                let mut steps = keys.steps.clone();
                steps.extend(next.steps.iter().filter(|step| !keys.steps.contains(step)).cloned());
                found.push(with_steps(next, steps, question));
            }
        }
    }
    found.push(keys);
    found
}

/// That a drive has no purge, and why each technique is none.
fn unavailable(request: &Request, facts: &DriveFacts, method: Method, all: &[Candidate]) -> Reason {
    let mut whys: Vec<String> = Vec::new();
    for one in all.iter().filter(|one| one.not_offered.is_none()) {
        let why = match method {
            Method::Purge | Method::Destroy => one.why_no_purge.clone(),
            Method::Clear => one.reaches.is_none().then(|| one.why_no_purge.clone()).flatten(),
        };
        whys.extend(why.map(|why| format!("{}: {why}", word(one.technique))));
    }
    let asked = request.technique.and_then(|technique| {
        let one = all.iter().find(|one| one.technique == technique)?;
        one.not_offered.as_ref().map(|why| format!("{}: {why}", word(technique)))
    });
    whys.extend(asked);
    let elsewhere = Elsewhere::of(facts).filter(|_| method != Method::Clear);
    if let Some(elsewhere) = elsewhere {
        whys.push(elsewhere.why_not().to_owned());
    } else if facts.capability.is_none() {
        whys.push("the drive was not asked what it can do, or has no commands of its own".to_owned());
    }
    let what = word(method);
    Reason::new(
        ReasonCode::PurgeUnavailable,
        format!(
            "{what} unavailable: {} under {}: {}",
            facts.title(),
            word(request.standard),
            whys.join("; ")
        ),
        match (method, elsewhere) {
            (Method::Purge | Method::Destroy, Some(elsewhere)) => elsewhere.instead(),
            (Method::Purge | Method::Destroy, None) => {
                "destroy the drive; or, if clear is enough for its data, ask for --method clear or add --or-clear"
            }
            (Method::Clear, _) => {
                "leave --technique out: an overwrite clears every block that the drive presents"
            }
        },
    )
}

/// What a plan with commands of the drive consists of.
pub(super) struct Parts {
    pub(super) firmware: FirmwarePlan,
    pub(super) passes: Vec<PassSpec>,
    pub(super) verification: VerificationPlan,
}

/// The commands of a candidate, with what is compared afterwards.
pub(super) fn parts(
    candidate: Candidate,
    request: &Request,
    facts: &DriveFacts,
    geometry: &Geometry,
) -> Parts {
    let Candidate { steps, reach, technique, .. } = candidate;
    let expected = steps.last().map_or(Expected::Changed, |last| expected(last, facts));
    let readable = steps.last().is_none_or(|last| reads_without_writing(last, facts));
    let overwrite = request.afterwards == Afterwards::Overwrite || !readable;
    let canaries = match request.canaries {
        CanaryChoice::Write => CANARIES,
        CanaryChoice::None => 0,
    };
    let verification = if overwrite {
        VerificationPlan::Full { instead_of_sample: None }
    } else {
        read_back(&expected, request.verification, canaries, geometry)
    };
    let rests_on_keys =
        matches!(technique, Technique::CryptoErase | Technique::FormatCrypto | Technique::OpalRevert);
    let basis = request.crypto.as_ref().and_then(|given| given.basis());
    let mut reach = reach.unwrap_or_else(|| super::firmware::CommandReach {
        scope: Scope::Unit,
        units: Vec::new(),
        unproven: Vec::new(),
        not_reached: Vec::new(),
    });
    if canaries == 0 && reach.units.len() > 1 {
        // In other units nothing but canaries is compared.
        let others = reach.units.split_off(1);
        reach.unproven.splice(0..0, others);
    }
    let firmware = FirmwarePlan {
        steps,
        canaries,
        expected,
        reach,
        restore: match request.hidden {
            HiddenChoice::Restore => restore(facts),
            HiddenChoice::Leave => None,
        },
        crypto_basis: basis.filter(|_| rests_on_keys),
    };
    let passes = if overwrite { vec![PassSpec { pattern: PassPattern::Keyed }] } else { Vec::new() };
    Parts { firmware, passes, verification }
}

fn read_back(
    expected: &Expected,
    choice: VerificationChoice,
    canaries: u32,
    geometry: &Geometry,
) -> VerificationPlan {
    match (expected, choice) {
        (_, VerificationChoice::None) => VerificationPlan::None,
        (Expected::Bytes { .. } | Expected::Blank, choice) => super::decide::verification(choice, geometry),
        (Expected::Changed, _) if canaries > 0 => VerificationPlan::Canaries,
        (Expected::Changed, _) => VerificationPlan::None,
    }
}

/// What reading shows after this command.
fn expected(command: &DriveCommand, facts: &DriveFacts) -> Expected {
    let capability = facts.capability.as_deref().map(|capability| &capability.interface);
    let bytes = |pattern: [u8; 4]| match FixedBytes::new(&pattern) {
        Some(bytes) => Expected::Bytes { bytes },
        None => Expected::Changed,
    };
    match command {
        DriveCommand::NvmeSanitize(sanitize) => match (sanitize.action, sanitize.allocation) {
            (nvme::SanitizeAction::Overwrite(overwrite), nvme::Allocation::Keep) => {
                bytes(final_pattern(overwrite))
            }
            // What is deallocated reads as the drive says, whatever was written.
            (nvme::SanitizeAction::Overwrite(_), nvme::Allocation::MayDeallocate) => match capability {
                Some(Interface::Nvme(nvme)) if matches!(nvme.namespace.deallocated_reads, 1 | 2) => {
                    Expected::Blank
                }
                Some(Interface::Nvme(_) | Interface::Ata(_) | Interface::Scsi(_)) | None => Expected::Changed,
            },
            (nvme::SanitizeAction::BlockErase, _) => Expected::Blank,
            (nvme::SanitizeAction::CryptoErase, _) => Expected::Changed,
        },
        DriveCommand::AtaSanitize(sanitize) => match sanitize.action {
            ata::SanitizeAction::Overwrite(overwrite) => bytes(match overwrite.ending {
                ata::Ending::Definitive => overwrite.overwrite.pattern,
                ata::Ending::ByParity => final_pattern(overwrite.overwrite),
            }),
            ata::SanitizeAction::BlockErase => Expected::Blank,
            ata::SanitizeAction::CryptoScramble => Expected::Changed,
        },
        DriveCommand::ScsiSanitize(sanitize) => match sanitize.action {
            scsi::SanitizeAction::Overwrite(overwrite) => bytes(final_pattern(overwrite)),
            scsi::SanitizeAction::BlockErase => Expected::Blank,
            scsi::SanitizeAction::CryptoErase => Expected::Changed,
        },
        // A Format with user data erase and a SECURITY ERASE UNIT may be a change of keys inside.
        DriveCommand::NvmeFormat(_) | DriveCommand::AtaSecurityErase(_) | DriveCommand::TcgRevert(_) => {
            Expected::Changed
        }
    }
}

/// What the last pass of an overwrite writes. From memory: with inversion the first pass writes the pattern itself, so
/// an even number of passes ends on the complement; one pass ends on the pattern in either case.
fn final_pattern(overwrite: crate::command::DriveOverwrite) -> [u8; 4] {
    match overwrite.invert {
        crate::command::Invert::BetweenPasses if overwrite.passes.is_multiple_of(2) => {
            overwrite.pattern.map(|byte| !byte)
        }
        crate::command::Invert::BetweenPasses | crate::command::Invert::Never => overwrite.pattern,
    }
}

/// Whether the blocks can be read after this command before they are written: SCSI says so (WABEREQ, WACEREQ: 2 and 3
/// end in an error), and blocks with protection information may fail their check.
fn reads_without_writing(command: &DriveCommand, facts: &DriveFacts) -> bool {
    let interface = facts.capability.as_deref().map(|capability| &capability.interface);
    match (command, interface) {
        (DriveCommand::ScsiSanitize(sanitize), Some(Interface::Scsi(scsi))) => match sanitize.action {
            scsi::SanitizeAction::BlockErase => scsi.after_block_erase < 2 && scsi.protection == 0,
            scsi::SanitizeAction::CryptoErase => scsi.after_crypto_erase < 2 && scsi.protection == 0,
            scsi::SanitizeAction::Overwrite(_) => scsi.protection == 0,
        },
        (
            DriveCommand::ScsiSanitize(_)
            | DriveCommand::NvmeSanitize(_)
            | DriveCommand::NvmeFormat(_)
            | DriveCommand::AtaSanitize(_)
            | DriveCommand::AtaSecurityErase(_)
            | DriveCommand::TcgRevert(_),
            Some(Interface::Scsi(_) | Interface::Nvme(_) | Interface::Ata(_)) | None,
        ) => true,
    }
}

/// Whether a drive of this medium has commands of its own to speak of.
pub(super) fn is_a_drive(facts: &DriveFacts) -> bool {
    match Medium::of(facts) {
        Medium::Rotating | Medium::Flash | Medium::RemovableFlash => true,
        Medium::LogicalVolume | Medium::TestObject => facts.capability.is_some(),
    }
}
