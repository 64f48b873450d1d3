//! The part of a plan that the drive carries out itself.
use super::decide::against::Writing;
use super::firmware::{CanaryKind, Expected, FirmwarePlan, Scope};
use super::hidden::restore;
use super::request::{Afterwards, CanaryChoice, HiddenChoice, Request, VerificationChoice};
use super::technique::Candidate;
use super::{PassPattern, PassSpec, VerificationPlan};
use crate::command::{DriveCommand, ata, nvme, scsi};
use crate::device::DriveFacts;
use crate::device::capability::{Interface, Support};
use crate::unit::pattern::FixedBytes;
use crate::unit::term::{Technique, word};
use crate::unit::{Geometry, Reason, ReasonCode};

/// Canaries: at the first block, the last, and some between. So many that a drive that spares a quarter of itself
/// has no chance worth naming (0.75 to the 62nd) to spare none of them, and few enough to be written in a second.
const CANARIES: u32 = 64;

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
    let overwrite = is_overwritten(&steps, request, facts);
    let (canaries, canary_kind) = match request.canaries {
        CanaryChoice::Planted => (CANARIES, CanaryKind::Planted),
        CanaryChoice::Fingerprints => (CANARIES, CanaryKind::Fingerprints),
        CanaryChoice::None => (0, CanaryKind::Planted),
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
        canary_kind,
        expected,
        reach,
        restore: match request.hidden {
            HiddenChoice::Restore => restore(facts),
            HiddenChoice::Leave => None,
        },
        crypto_basis: basis.filter(|_| rests_on_keys),
        alternatives: None,
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
            (nvme::SanitizeAction::Overwrite(_), nvme::Allocation::MayDeallocate)
            | (nvme::SanitizeAction::BlockErase, _) => erased(facts),
            (nvme::SanitizeAction::CryptoErase, _) => Expected::Changed,
        },
        DriveCommand::AtaSanitize(sanitize) => match sanitize.action {
            ata::SanitizeAction::Overwrite(overwrite) => bytes(match overwrite.ending {
                ata::Ending::Definitive => overwrite.overwrite.pattern,
                ata::Ending::ByParity => final_pattern(overwrite.overwrite),
            }),
            ata::SanitizeAction::BlockErase => erased(facts),
            ata::SanitizeAction::CryptoScramble => Expected::Changed,
        },
        DriveCommand::ScsiSanitize(sanitize) => match sanitize.action {
            scsi::SanitizeAction::Overwrite(overwrite) => bytes(final_pattern(overwrite)),
            scsi::SanitizeAction::BlockErase => erased(facts),
            scsi::SanitizeAction::CryptoErase => Expected::Changed,
        },
        // A Format with user data erase and a SECURITY ERASE UNIT may be a change of keys inside.
        DriveCommand::NvmeFormat(_) | DriveCommand::AtaSecurityErase(_) | DriveCommand::TcgRevert(_) => {
            Expected::Changed
        }
    }
}

/// What blocks without data read as. Only where the drive promises zeros or ones (DLFEAT; reads after TRIM; WABEREQ and
/// LBPRZ) is anything else its fault: what an erase leaves is else up to the maker.
fn erased(facts: &DriveFacts) -> Expected {
    let promised = match facts.capability.as_deref().map(|capability| &capability.interface) {
        Some(Interface::Nvme(nvme)) => matches!(nvme.namespace.deallocated_reads, 1 | 2),
        Some(Interface::Ata(ata)) => ata.deterministic_after_trim.is_yes() && ata.zeros_after_trim.is_yes(),
        Some(Interface::Scsi(scsi)) => scsi.after_block_erase == 1 && !scsi.unmapped_reads.is_multiple_of(2),
        None => false,
    };
    if promised { Expected::Blank } else { Expected::Changed }
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

/// Whether one keyed pass follows on these commands: asked for, or because nothing can be read before it is written.
fn is_overwritten(steps: &[DriveCommand], request: &Request, facts: &DriveFacts) -> bool {
    let readable = steps.last().is_none_or(|last| reads_without_writing(last, facts));
    request.afterwards == Afterwards::Overwrite || !readable
}

/// What this host writes beside the commands of a candidate.
pub(super) fn writing(candidate: &Candidate, request: &Request, facts: &DriveFacts) -> Writing {
    match request.canaries {
        CanaryChoice::Planted => Writing::Canaries,
        CanaryChoice::Fingerprints | CanaryChoice::None
            if is_overwritten(&candidate.steps, request, facts) =>
        {
            Writing::Passes
        }
        CanaryChoice::Fingerprints | CanaryChoice::None => Writing::Nothing,
    }
}

/// Why the job could show nothing: without canaries something that the command itself leaves must be compared. A
/// reading of our own pass after it says nothing about the command. Fingerprints are none where blocks change by themselves.
pub(super) fn unproven(candidate: &Candidate, request: &Request, facts: &DriveFacts) -> Option<Reason> {
    let last = candidate.steps.last()?;
    let compared = expected(last, facts) != Expected::Changed
        && !is_overwritten(&candidate.steps, request, facts)
        && request.verification != VerificationChoice::None;
    if compared {
        return None;
    }
    let technique = word(last.technique());
    match request.canaries {
        CanaryChoice::Planted => None,
        CanaryChoice::Fingerprints if !changes_by_itself(facts) => None,
        CanaryChoice::Fingerprints => Some(Reason::new(
            ReasonCode::BadRequest,
            format!(
                "--canaries fingerprints with {technique}: the drive does not promise that trimmed blocks always read the same, \
                 so that they may change by themselves, and nothing else that this command leaves would be compared"
            ),
            "leave --canaries out, so that canaries are planted; or choose a --technique whose end can be read back",
        )),
        CanaryChoice::None => Some(Reason::new(
            ReasonCode::BadRequest,
            format!(
                "--canaries none with {technique}: nothing that this command leaves would be compared, so nothing would show \
                 that the drive did it"
            ),
            "leave --no-canaries out; where nothing is to be written before the command: --canaries fingerprints",
        )),
    }
}

/// Whether blocks that were trimmed may read as their old data now and as something else later, without any command: what has
/// changed then shows nothing. ATA has two bits for it (words 69 and 169); a SCSI unit that can unmap says LBPRZ 0 where it
/// promises nothing, and a disk that turns unmaps nothing. Of NVMe the reads are always the same until a write, whatever
/// DLFEAT says (NVM Command Set, deallocated logical blocks; from memory).
fn changes_by_itself(facts: &DriveFacts) -> bool {
    match facts.capability.as_deref().map(|capability| &capability.interface) {
        Some(Interface::Ata(ata)) => ata.trim != Support::No && !ata.deterministic_after_trim.is_yes(),
        Some(Interface::Scsi(scsi)) => scsi.unmapped_reads == 0 && scsi.rotation.is_none_or(|rate| rate < 2),
        Some(Interface::Nvme(_)) | None => false,
    }
}

/// Whether the blocks can be read after this command before they are written: SCSI says so (WABEREQ, WACEREQ: 2 and 3
/// end in an error), and blocks with protection information may fail their check.
fn reads_without_writing(command: &DriveCommand, facts: &DriveFacts) -> bool {
    match (facts.capability.as_deref().map(|capability| &capability.interface), command) {
        (Some(Interface::Scsi(scsi)), DriveCommand::ScsiSanitize(sanitize)) => {
            let answer = match sanitize.action {
                scsi::SanitizeAction::BlockErase => scsi.after_block_erase,
                scsi::SanitizeAction::CryptoErase => scsi.after_crypto_erase,
                scsi::SanitizeAction::Overwrite(_) => 0,
            };
            answer < 2 && scsi.protection == 0
        }
        (Some(Interface::Scsi(scsi)), _) => scsi.protection == 0,
        (Some(Interface::Nvme(nvme)), _) => nvme.namespace.protection == 0,
        (Some(Interface::Ata(_)) | None, _) => true,
    }
}
