//! What a plan does not reach or show, in words that stand on the record.
mod own;
mod zones;

use super::firmware::{FirmwarePlan, Scope};
use super::hidden::{Hidden, hidden, may_hide_more};
use super::policy::Medium;
use super::request::PassChoice;
use super::sampling::describe;
use super::technique::reach::{Elsewhere, elsewhere};
use super::{Limit, LimitCode, PassPattern, PassSpec, PolicyRow, Request, VerificationPlan};
use crate::device::DriveFacts;
use crate::unit::term::{Basis, DriveKind, Method, Standard, Technique, word};
use crate::unit::{Geometry, Reason};

/// The parts of a plan from which its limits follow.
pub(super) struct Planned<'a> {
    pub(super) request: &'a Request,
    pub(super) facts: &'a DriveFacts,
    pub(super) geometry: &'a Geometry,
    pub(super) done: &'a PlannedWork<'a>,
}

/// What is done.
pub(super) struct PlannedWork<'a> {
    pub(super) method: Method,
    pub(super) technique: Technique,
    pub(super) policy: &'a PolicyRow,
    pub(super) firmware: Option<&'a FirmwarePlan>,
    pub(super) passes: &'a [PassSpec],
    pub(super) verification: &'a VerificationPlan,
    pub(super) instead: Option<&'a Reason>,
}

/// Every limit of a plan, in the order of their codes.
pub(super) fn limits(planned: &Planned<'_>) -> Vec<Limit> {
    let done = planned.done;
    let texts = [
        (LimitCode::HiddenAreasNotExamined, hidden_areas(planned)),
        (LimitCode::FlashCellsNotReached, flash_cells(planned)),
        (LimitCode::RemappedBlocksNotReached, remapped_blocks(planned)),
        (LimitCode::OtherUnitsNotCovered, other_units(planned)),
        (LimitCode::TestObject, test_object(planned.facts)),
        (LimitCode::LogicalVolume, logical_volume(planned.facts)),
        (LimitCode::SampledVerification, sampled(planned)),
        (LimitCode::NotVerified, not_verified(done.verification)),
        (LimitCode::FixedPatternNotAddressed, not_addressed(done.passes)),
        (LimitCode::BridgedIdentity, bridged(planned.facts)),
        (LimitCode::MappingNotChecked, mapping(done)),
        (LimitCode::SchemeIsNoLevel, scheme(planned.request)),
        (LimitCode::DriveTrusted, own::trusted(done)),
        (LimitCode::AreasNotReached, own::areas(done)),
        (LimitCode::CommandMeaning, own::meaning(done)),
        (LimitCode::CryptographicBasis, own::keys(done)),
        (LimitCode::CanariesOnly, own::canaries(done)),
        (LimitCode::LowerMethod, own::lower(done)),
        (LimitCode::HiddenAreasLeft, hidden_areas_left(planned)),
        (LimitCode::UnitWithoutEvidence, own::unproven(done)),
        (LimitCode::ZonesNotReached, zones::not_reached(planned)),
        (LimitCode::AddressesWithoutCells, zones::without_cells(planned)),
    ];
    texts.into_iter().filter_map(|(code, text)| text.map(|text| Limit { code, text })).collect()
}

fn hidden_areas(planned: &Planned<'_>) -> Option<String> {
    match planned.facts.kind {
        DriveKind::Rotating | DriveKind::Flash | DriveKind::Unknown => {}
        DriveKind::LogicalVolume | DriveKind::TestObject => return None,
    }
    may_hide_more(planned.facts).then(|| {
        "hidden areas not examined: blocks beyond the capacity that the drive presents (HPA, DCO, accessible \
         maximum address) may exist and were not overwritten"
            .to_owned()
    })
}

/// Hidden blocks that nobody restores. What is known of how far commands reach beyond the end that a drive presents is
/// from the makers of other tools, second-hand.
fn hidden_areas_left(planned: &Planned<'_>) -> Option<String> {
    let restored = planned.done.firmware.is_some_and(|firmware| firmware.restore.is_some());
    let Hidden::Blocks { presented, native } = hidden(planned.facts) else { return None };
    if restored {
        return None;
    }
    let reached = match planned.done.technique {
        Technique::Overwrite => "an overwrite does not reach them, and old data may remain in them",
        Technique::SecurityErase => {
            "SECURITY ERASE UNIT in normal mode need not reach them, and they cannot be read back"
        }
        Technique::BlockErase
        | Technique::CryptoErase
        | Technique::SanitizeOverwrite
        | Technique::SecurityEraseEnhanced
        | Technique::Format
        | Technique::FormatCrypto
        | Technique::OpalRevert => {
            "the drive's own command is said to reach them, but they cannot be read back"
        }
    };
    Some(format!(
        "{} blocks beyond the {presented} that the drive presents are hidden (HPA, DCO, accessible maximum address) and \
         stay so: {reached}",
        native.saturating_sub(presented)
    ))
}

fn flash_cells(planned: &Planned<'_>) -> Option<String> {
    if planned.done.technique != Technique::Overwrite {
        return None;
    }
    let reached = "an overwrite does not reach over-provisioned, retired and cached flash cells, where old data may \
                   remain";
    match planned.facts.kind {
        DriveKind::Flash => Some(reached.to_owned()),
        DriveKind::Unknown => Some(format!("the kind of medium is not known and counts as flash: {reached}")),
        DriveKind::Rotating | DriveKind::LogicalVolume | DriveKind::TestObject => None,
    }
}

fn remapped_blocks(planned: &Planned<'_>) -> Option<String> {
    match planned.done.technique {
        Technique::Overwrite | Technique::SecurityErase => {}
        Technique::BlockErase
        | Technique::CryptoErase
        | Technique::SanitizeOverwrite
        | Technique::SecurityEraseEnhanced
        | Technique::Format
        | Technique::FormatCrypto
        | Technique::OpalRevert => return None,
    }
    match planned.facts.kind {
        DriveKind::Rotating => {}
        DriveKind::Flash | DriveKind::Unknown | DriveKind::LogicalVolume | DriveKind::TestObject => {
            return None;
        }
    }
    let health = planned.facts.capability.as_deref().map(|capability| &capability.health);
    let places = "keep their old data at places that no address reaches any more";
    Some(match health.and_then(|health| health.reallocated) {
        None => format!("blocks that the drive remapped {places}; how many there are was not examined"),
        Some(count) => {
            let pending = health.and_then(|health| health.pending).filter(|pending| *pending > 0);
            let more =
                pending.map_or_else(String::new, |pending| format!(", and {pending} more wait for it"));
            format!(
                "{count} remapped sectors not reached: by its own account the drive remapped so many{more}; they {places}"
            )
        }
    })
}

fn other_units(planned: &Planned<'_>) -> Option<String> {
    let reach = planned.done.firmware.filter(|firmware| !firmware.steps.is_empty());
    if reach.is_some_and(|firmware| firmware.reach.scope == Scope::Drive) {
        return None;
    }
    let Elsewhere { known, unknown } = elsewhere(planned.facts);
    let mut parts = Vec::new();
    if !known.is_empty() {
        parts.push(format!("{} of the same drive are not covered", known.join(" and ")));
    }
    if !unknown.is_empty() {
        parts.push(format!("not covered are {}", unknown.join(" and ")));
    }
    (!parts.is_empty())
        .then(|| format!("{}: the drive is sanitized only when all its units are", parts.join("; ")))
}

fn test_object(facts: &DriveFacts) -> Option<String> {
    match facts.kind {
        DriveKind::TestObject => {
            Some("test object (loop device, file or simulated drive): never stands for a drive".to_owned())
        }
        DriveKind::Rotating | DriveKind::Flash | DriveKind::Unknown | DriveKind::LogicalVolume => None,
    }
}

fn logical_volume(facts: &DriveFacts) -> Option<String> {
    match facts.kind {
        DriveKind::LogicalVolume => Some(
            "logical volume (RAID, virtual or cloud): never stands for a drive; the drives below it, their spares \
             and snapshots are not covered"
                .to_owned(),
        ),
        DriveKind::Rotating | DriveKind::Flash | DriveKind::Unknown | DriveKind::TestObject => None,
    }
}

fn sampled(planned: &Planned<'_>) -> Option<String> {
    let verification = planned.done.verification;
    match verification {
        VerificationPlan::SampledR1 { .. } | VerificationPlan::Sampled { .. } => {
            Some(describe(verification, planned.geometry))
        }
        VerificationPlan::Full { .. } | VerificationPlan::Canaries | VerificationPlan::None => None,
    }
}

fn not_verified(verification: &VerificationPlan) -> Option<String> {
    match verification {
        VerificationPlan::None => {
            Some("nothing is read back: whether the drive kept what was written is not known".to_owned())
        }
        VerificationPlan::Full { .. }
        | VerificationPlan::SampledR1 { .. }
        | VerificationPlan::Sampled { .. }
        | VerificationPlan::Canaries => None,
    }
}

fn not_addressed(passes: &[PassSpec]) -> Option<String> {
    match passes.last()?.pattern {
        PassPattern::Keyed | PassPattern::Stamped { .. } => None,
        PassPattern::Fixed { .. } | PassPattern::JobByte { .. } => Some(
            "the last pass is the same everywhere: the read-back cannot show blocks that answer for one another, \
             and so no counterfeit capacity, nor what an earlier pass of the same pattern left"
                .to_owned(),
        ),
    }
}

fn bridged(facts: &DriveFacts) -> Option<String> {
    facts.identity.bridged.then(|| {
        "the serial number comes through a bridge, which may have made it up or hide parts of the drive"
            .to_owned()
    })
}

fn mapping(done: &PlannedWork<'_>) -> Option<String> {
    let policy = done.policy;
    let text = match (policy.basis, policy.standard) {
        (Basis::TextRead, Standard::NistR1 | Standard::NistR2 | Standard::Ieee2883) => return None,
        (Basis::SecondHand | Basis::Memory, Standard::NistR2 | Standard::Ieee2883) => {
            "mapping to IEEE 2883-2022 not checked against its text"
        }
        (Basis::SecondHand | Basis::Memory, Standard::NistR1) => {
            "mapping to NIST SP 800-88 Rev. 1 not checked against its full text"
        }
    };
    Some(format!(
        "accepted as {} by policy {}, digest {}; {text}",
        word(done.method),
        policy.name,
        policy.digest
    ))
}

fn scheme(request: &Request) -> Option<String> {
    let several = "the number of passes and the name of a scheme say nothing about the level: an overwrite stays what \
                   the policy accepts it for";
    match &request.passes {
        PassChoice::Scheme(_) => Some(several.to_owned()),
        PassChoice::Listed(patterns) => (patterns.len() > 1).then(|| several.to_owned()),
        PassChoice::Default => None,
    }
}

/// How messages call a medium.
pub(super) const fn medium_words(medium: Medium) -> &'static str {
    match medium {
        Medium::Rotating => "a rotating drive",
        Medium::Flash => "flash (or a medium of unknown kind)",
        Medium::RemovableFlash => "removable flash (or a removable medium of unknown kind)",
        Medium::LogicalVolume => "a logical volume",
        Medium::TestObject => "a test object",
    }
}
