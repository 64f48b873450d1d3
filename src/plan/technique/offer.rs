//! Which commands a technique takes on a drive, by what the drive says of itself.
use super::super::firmware::Scope;
use super::super::request::Request;
use crate::command::tcg::{Authority, Revert, RevertAim};
use crate::command::{AfterFailure, DriveCommand, DriveOverwrite, Invert, ata, nvme, scsi};
use crate::device::DriveFacts;
use crate::device::capability::ata::AtaFacts;
use crate::device::capability::nvme::NvmeFacts;
use crate::device::capability::scsi::ScsiFacts;
use crate::device::capability::{Capability, Interface, Support, TcgClass, TcgFacts};
use crate::plan::profile::Profile;
use crate::unit::term::{Standard, Technique};

/// The command of a technique.
///
/// # Errors
/// Why the drive does not offer it, in words that stand after "because".
pub(super) fn command(
    technique: Technique,
    request: &Request,
    facts: &DriveFacts,
) -> Result<DriveCommand, String> {
    let Some(capability) = facts.capability.as_deref() else {
        return Err("the drive was not asked what it can do, or has no commands for it".to_owned());
    };
    if technique == Technique::OpalRevert {
        return revert(capability);
    }
    let command = match &capability.interface {
        Interface::Nvme(facts) => nvme_command(technique, request, facts)?,
        Interface::Ata(facts) => ata_command(technique, request, facts)?,
        Interface::Scsi(facts) => scsi_command(technique, request, facts)?,
    };
    command.ok_or_else(|| "there is no such command on this interface".to_owned())
}

/// What the drive says, as a permission.
fn offered(support: Support) -> Result<(), String> {
    match support {
        Support::Yes => Ok(()),
        Support::No => Err("the drive says that it does not have it".to_owned()),
        Support::NotTold => Err("the drive does not tell whether it has it".to_owned()),
    }
}

/// One pass of zeros: Rev. 1 asks for one pass of a fixed pattern (public excerpt), and what it leaves can be compared.
const ZEROS: DriveOverwrite = DriveOverwrite { pattern: [0; 4], passes: 1, invert: Invert::Never };

/// A drive that is given up anyway stays shut when its command fails; others can be tried again.
const fn after_failure(request: &Request) -> AfterFailure {
    match request.profile {
        Some(Profile::Retire) => AfterFailure::Restricted,
        Some(Profile::Reuse | Profile::Rma) | None => AfterFailure::Unrestricted,
    }
}

fn nvme_command(
    technique: Technique,
    request: &Request,
    facts: &NvmeFacts,
) -> Result<Option<DriveCommand>, String> {
    let action = match technique {
        Technique::BlockErase => nvme::SanitizeAction::BlockErase,
        Technique::CryptoErase => nvme::SanitizeAction::CryptoErase,
        Technique::SanitizeOverwrite => nvme::SanitizeAction::Overwrite(ZEROS),
        Technique::Format => return nvme_format(nvme::SecureErase::UserData, request, facts).map(Some),
        Technique::FormatCrypto => {
            return nvme_format(nvme::SecureErase::Cryptographic, request, facts).map(Some);
        }
        Technique::Overwrite
        | Technique::SecurityErase
        | Technique::SecurityEraseEnhanced
        | Technique::OpalRevert => return Ok(None),
    };
    let sanitize = facts.sanitize.as_ref().ok_or("the controller has no Sanitize command")?;
    offered(match action {
        nvme::SanitizeAction::BlockErase => sanitize.block_erase,
        nvme::SanitizeAction::CryptoErase => sanitize.crypto_erase,
        nvme::SanitizeAction::Overwrite(_) => sanitize.overwrite,
    })?;
    // No deallocation is asked for only where the drive may follow, and only where reading can then show something.
    let allocation = match (action, sanitize.no_deallocate_inhibited) {
        (nvme::SanitizeAction::Overwrite(_), Support::No) => nvme::Allocation::Keep,
        (nvme::SanitizeAction::Overwrite(_), Support::Yes | Support::NotTold)
        | (nvme::SanitizeAction::BlockErase | nvme::SanitizeAction::CryptoErase, _) => {
            nvme::Allocation::MayDeallocate
        }
    };
    let purge = match (request.standard, sanitize.purge_reporting) {
        (Standard::Ieee2883, Support::Yes) => nvme::PurgeRequest::Asked,
        (Standard::Ieee2883, Support::No | Support::NotTold) | (Standard::NistR1 | Standard::NistR2, _) => {
            nvme::PurgeRequest::NotAsked
        }
    };
    Ok(Some(DriveCommand::NvmeSanitize(nvme::Sanitize {
        action,
        after_failure: after_failure(request),
        allocation,
        media_verification: nvme::MediaVerification::NotAsked,
        purge,
    })))
}

fn nvme_format(
    erase: nvme::SecureErase,
    request: &Request,
    facts: &NvmeFacts,
) -> Result<DriveCommand, String> {
    let format = facts.format.as_ref().ok_or("the controller has no Format NVM command")?;
    if erase == nvme::SecureErase::Cryptographic {
        offered(format.crypto_erase)?;
    }
    let namespace = &facts.namespace;
    let all = request.scope == Scope::Drive && format.broadcast.is_yes();
    Ok(DriveCommand::NvmeFormat(nvme::Format {
        erase,
        namespace: if all { nvme::FormatScope::All } else { nvme::FormatScope::One { nsid: namespace.nsid } },
        lba_format: namespace.lba_format,
        metadata: if namespace.extended_metadata.is_yes() {
            nvme::MetadataSetting::Extended
        } else {
            nvme::MetadataSetting::Separate
        },
        protection: namespace.protection,
        protection_place: namespace.protection_place,
    }))
}

/// Whether a format of one namespace reaches the others; what was not told counts as yes.
pub(super) fn reaches_all(facts: &NvmeFacts) -> bool {
    let no = |support| support == Support::No;
    facts.format.as_ref().is_some_and(|format| !no(format.formats_all) || !no(format.erases_all))
}

fn ata_command(
    technique: Technique,
    request: &Request,
    facts: &AtaFacts,
) -> Result<Option<DriveCommand>, String> {
    let sanitize = || facts.sanitize.ok_or_else(|| "the drive has no SANITIZE feature set".to_owned());
    let security = || facts.security.ok_or_else(|| "the drive has no Security feature set".to_owned());
    let action = match technique {
        Technique::BlockErase => {
            offered(sanitize()?.block_erase)?;
            ata::SanitizeAction::BlockErase
        }
        Technique::CryptoErase => {
            offered(sanitize()?.crypto_scramble)?;
            ata::SanitizeAction::CryptoScramble
        }
        Technique::SanitizeOverwrite => {
            let sanitize = sanitize()?;
            offered(sanitize.overwrite)?;
            let ending = match sanitize.definitive_ending {
                Support::Yes => ata::Ending::Definitive,
                Support::No | Support::NotTold => ata::Ending::ByParity,
            };
            ata::SanitizeAction::Overwrite(ata::AtaOverwrite { overwrite: ZEROS, ending })
        }
        Technique::SecurityErase => {
            security()?;
            let mode = ata::EraseMode::Normal;
            return Ok(Some(DriveCommand::AtaSecurityErase(ata::SecurityErase { mode })));
        }
        Technique::SecurityEraseEnhanced => {
            offered(security()?.enhanced)?;
            let mode = ata::EraseMode::Enhanced;
            return Ok(Some(DriveCommand::AtaSecurityErase(ata::SecurityErase { mode })));
        }
        Technique::Overwrite | Technique::Format | Technique::FormatCrypto | Technique::OpalRevert => {
            return Ok(None);
        }
    };
    let after_failure = after_failure(request);
    Ok(Some(DriveCommand::AtaSanitize(ata::Sanitize { action, after_failure })))
}

fn scsi_command(
    technique: Technique,
    request: &Request,
    facts: &ScsiFacts,
) -> Result<Option<DriveCommand>, String> {
    let (action, support) = match technique {
        Technique::BlockErase => (scsi::SanitizeAction::BlockErase, facts.sanitize.block_erase),
        Technique::CryptoErase => (scsi::SanitizeAction::CryptoErase, facts.sanitize.crypto_erase),
        Technique::SanitizeOverwrite => (scsi::SanitizeAction::Overwrite(ZEROS), facts.sanitize.overwrite),
        Technique::Overwrite
        | Technique::SecurityErase
        | Technique::SecurityEraseEnhanced
        | Technique::Format
        | Technique::FormatCrypto
        | Technique::OpalRevert => return Ok(None),
    };
    offered(support)?;
    Ok(Some(DriveCommand::ScsiSanitize(scsi::Sanitize {
        action,
        after_failure: after_failure(request),
        answer: scsi::AnswerWhen::Accepted,
    })))
}

fn revert(capability: &Capability) -> Result<DriveCommand, String> {
    let tcg = capability.tcg.as_ref().ok_or("the drive has no TCG feature")?;
    match tcg.class {
        TcgClass::Opal1 | TcgClass::Opal2 | TcgClass::Opalite | TcgClass::Ruby => {}
        TcgClass::Pyrite1 | TcgClass::Pyrite2 => {
            return Err("Pyrite does not encrypt the medium: a revert leaves the data as it is".to_owned());
        }
        TcgClass::Enterprise => {
            return Err("drives of the Enterprise class have no such revert, or another one".to_owned());
        }
        TcgClass::Other => return Err("the TCG class of the drive is not known".to_owned()),
    }
    Ok(DriveCommand::TcgRevert(Revert { authority: authority(tcg), aim: RevertAim::NewKeys }))
}

/// Whoever can read the default credential of the drive can revert it, as long as nobody changed it.
fn authority(tcg: &TcgFacts) -> Authority {
    match (tcg.sid_is_default, tcg.sid_blocked) {
        (Support::Yes, Support::No) => Authority::SidByMsid,
        (Support::Yes, Support::Yes | Support::NotTold) | (Support::No | Support::NotTold, _) => {
            Authority::Psid
        }
    }
}

/// Whether the drive can be asked to purge by name, and says whether it did.
pub(super) fn reports_purge(facts: &DriveFacts) -> bool {
    match facts.capability.as_deref().map(|capability| &capability.interface) {
        Some(Interface::Nvme(nvme)) => {
            nvme.sanitize.as_ref().is_some_and(|sanitize| sanitize.purge_reporting.is_yes())
        }
        Some(Interface::Ata(_) | Interface::Scsi(_)) | None => false,
    }
}
