//! What must hold besides, for a command of the drive to be what is claimed for it: by the row of policy that is quoted,
//! and whatever the row says. Looked for in the record itself.
use crate::certificate::record::Record;
use crate::command::DriveCommand;
use crate::device::capability::TcgFacts;
use crate::engine::firmware::audit::reports_purge;
use crate::plan::Plan;
use crate::plan::policy::{Medium, Need};
use crate::unit::term::{Method, Outcome, Standard, Technique};

/// The first thing that a success needs and the record does not have, in words.
pub(super) fn unmet(record: &Record, plan: &Plan, medium: Medium, listed: &[Need]) -> Option<&'static str> {
    if record.outcome != Outcome::Done {
        return None;
    }
    if plan.method == Method::Purge && is_never_a_purge(plan, medium) {
        return Some("another standard, or another technique");
    }
    let mut needs = listed.to_vec();
    if plan.method == Method::Purge {
        needs.extend(whatever_a_policy_says(plan));
    }
    needs.into_iter().find(|need| !is_met(*need, record, plan)).map(words)
}

/// Under Rev. 2 and IEEE 2883 Format NVM and SECURITY ERASE UNIT are no purge; under Rev. 1 the latter is one of magnetic
/// drives, in enhanced mode (standards facts, second-hand).
fn is_never_a_purge(plan: &Plan, medium: Medium) -> bool {
    let rev_1 = plan.policy.standard == Standard::NistR1;
    match plan.technique {
        Technique::Overwrite | Technique::SecurityErase => true,
        Technique::SecurityEraseEnhanced => !rev_1 || medium != Medium::Rotating,
        Technique::Format | Technique::FormatCrypto => !rev_1,
        Technique::BlockErase
        | Technique::CryptoErase
        | Technique::SanitizeOverwrite
        | Technique::OpalRevert => false,
    }
}

fn whatever_a_policy_says(plan: &Plan) -> Vec<Need> {
    let mut needs = match plan.technique {
        Technique::CryptoErase | Technique::FormatCrypto => vec![Need::CryptographicBasis],
        Technique::OpalRevert => {
            vec![Need::CryptographicBasis, Need::MediaEncryption, Need::LockingActive]
        }
        Technique::Overwrite
        | Technique::BlockErase
        | Technique::SanitizeOverwrite
        | Technique::SecurityErase
        | Technique::SecurityEraseEnhanced
        | Technique::Format => Vec::new(),
    };
    let is_nvme = |command: &DriveCommand| matches!(command, DriveCommand::NvmeSanitize(_));
    if plan.policy.standard == Standard::Ieee2883 && plan.commands().iter().any(is_nvme) {
        needs.push(Need::PurgeReported);
    }
    needs
}

fn is_met(need: Need, record: &Record, plan: &Plan) -> bool {
    let firmware = record.firmware.as_ref();
    let tcg = firmware.and_then(|told| told.before.as_deref()).and_then(|told| told.tcg.as_ref());
    match need {
        Need::CryptographicBasis => {
            let basis = plan.firmware.as_ref().and_then(|firmware| firmware.crypto_basis.as_ref());
            basis.is_some_and(crate::plan::CryptoBasis::is_complete)
        }
        Need::PurgeReported => {
            let last = firmware.and_then(|told| told.steps.last());
            last.and_then(|step| step.tally.report.as_ref()).is_some_and(reports_purge)
        }
        Need::MediaEncryption => tcg.is_some_and(|tcg: &TcgFacts| tcg.media_encryption.is_yes()),
        Need::LockingActive => tcg.is_some_and(|tcg: &TcgFacts| tcg.locking_enabled.is_yes()),
    }
}

const fn words(need: Need) -> &'static str {
    match need {
        Need::CryptographicBasis => {
            "somebody who answers for each condition of a cryptographic erase, and nobody is named"
        }
        Need::PurgeReported => "a drive that reports the purge (PRGD), and this one is not quoted with it",
        Need::MediaEncryption => {
            "a drive that says that it encrypts its medium, and this one is not quoted with it"
        }
        Need::LockingActive => "TCG locking to have been active, and the drive is not quoted with it",
    }
}
