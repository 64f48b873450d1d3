//! Limits of what a drive did to itself.
use super::PlannedWork;
use crate::plan::VerificationPlan;
use crate::plan::firmware::FirmwarePlan;
use crate::unit::ReasonCode;
use crate::unit::term::{Technique, word};

/// The commands of the drive, where there are any.
fn commands<'a>(done: &PlannedWork<'a>) -> Option<&'a FirmwarePlan> {
    done.firmware.filter(|firmware| !firmware.steps.is_empty())
}

pub(super) fn trusted(done: &PlannedWork<'_>) -> Option<String> {
    commands(done).map(|_| {
        "what the drive did to cells that no address reaches rests on its own word: reading shows what it presents"
            .to_owned()
    })
}

pub(super) fn areas(done: &PlannedWork<'_>) -> Option<String> {
    let kept = &commands(done)?.reach.not_reached;
    (!kept.is_empty()).then(|| format!("not reached by the drive's own command: {}", kept.join(", ")))
}

/// What is lost, or may be, and nothing shows it.
pub(super) fn unproven(done: &PlannedWork<'_>) -> Option<String> {
    let unproven = &commands(done)?.reach.unproven;
    (!unproven.is_empty()).then(|| {
        format!(
            "the drive's own command reaches them or may, and nothing of them was compared, so that they are not claimed: {}",
            unproven.join(", ")
        )
    })
}

/// What commands promise less than the sanitize commands do.
pub(super) fn meaning(done: &PlannedWork<'_>) -> Option<String> {
    let text = match done.technique {
        Technique::SecurityErase => {
            "SECURITY ERASE UNIT in normal mode need not reach reallocated sectors, and may be a change of keys"
        }
        Technique::SecurityEraseEnhanced => {
            "what SECURITY ERASE UNIT in enhanced mode does is the maker's own definition, and may be a change of keys \
             alone; Rev. 1, under which it is a purge of magnetic drives, was withdrawn in September 2025"
        }
        Technique::Format => {
            "what Format NVM leaves is indeterminate, and it may be a change of keys alone; Rev. 1, which lists it as a \
             purge, was withdrawn in September 2025"
        }
        Technique::FormatCrypto => {
            "Format NVM with cryptographic erase only changes keys; Rev. 1, which lists it as a purge, was withdrawn in \
             September 2025"
        }
        Technique::Overwrite
        | Technique::BlockErase
        | Technique::CryptoErase
        | Technique::SanitizeOverwrite
        | Technique::OpalRevert => return None,
    };
    Some(text.to_owned())
}

pub(super) fn keys(done: &PlannedWork<'_>) -> Option<String> {
    let basis = commands(done)?.crypto_basis.as_ref()?;
    let parts: Vec<String> = basis
        .conditions()
        .iter()
        .map(|basis| format!("{}: {}", word(basis.condition), basis.rests_on))
        .collect();
    Some(format!(
        "the conditions of the cryptographic erase were not examined, but rest on: {}",
        parts.join("; ")
    ))
}

pub(super) fn canaries(done: &PlannedWork<'_>) -> Option<String> {
    match done.verification {
        VerificationPlan::Canaries => Some(
            "only blocks whose content was known before are compared: they must have changed; of all others nothing is \
             known but what the drive says"
                .to_owned(),
        ),
        VerificationPlan::Full { .. }
        | VerificationPlan::SampledR1 { .. }
        | VerificationPlan::Sampled { .. }
        | VerificationPlan::None => None,
    }
}

pub(super) fn lower(done: &PlannedWork<'_>) -> Option<String> {
    // The node's name, with which the reason begins to speak of the drive, changes from one attachment to the next.
    done.instead.map(|reason| {
        let why = if reason.code == ReasonCode::PurgeUnavailable {
            "is not available on this drive"
        } else {
            "was not reachable as it was asked for and as the drive was attached"
        };
        format!("purge was asked for and {why}; {} was allowed in its place", word(done.method))
    })
}
