//! What stands in the way of a command that a drive offers: states that somebody can end.
mod host;

use super::super::firmware::Scope;
use super::super::hidden::{Hidden, hidden, restore};
use super::super::request::{HiddenChoice, PsidGiven, Request};
use super::reach::{Elsewhere, Extent, elsewhere};
use crate::command::tcg::Authority;
use crate::command::{AfterFailure, DriveCommand};
use crate::device::DriveFacts;
use crate::device::capability::ata::{AtaFacts, AtaSanitizeState, AtaSecurityFacts};
use crate::device::capability::nvme::{NvmeFacts, NvmeSanitizeState};
use crate::device::capability::scsi::{ScsiFacts, ScsiState};
use crate::device::capability::{Interface, Support, TcgClass, TcgFacts};
use crate::unit::term::Standard;
use crate::unit::{Reason, ReasonCode};

pub(in crate::plan) use host::of_host;

/// Everything that stands in the way of these commands, each once.
pub(super) fn obstacles(
    steps: &[DriveCommand],
    extent: &Extent,
    request: &Request,
    facts: &DriveFacts,
) -> Vec<Reason> {
    let mut found = Vec::new();
    for step in steps {
        for reason in of_step(step, request, facts) {
            if !found.contains(&reason) {
                found.push(reason);
            }
        }
    }
    // A revert is what opens a drive that TCG locked.
    if matches!(steps.first(), Some(DriveCommand::TcgRevert(_))) {
        found.retain(|reason| reason.code != ReasonCode::Locked);
    }
    found.extend(one_of_several(steps, extent, request, facts));
    // Rev. 1 resets HPA and DCO before it lets a technique count.
    if let Some(reason) = hidden_left(request, facts).filter(|reason| !found.contains(reason)) {
        found.push(reason);
    }
    if request.scope == Scope::Unit && !extent.beyond.is_empty() {
        found.push(Reason::new(
            ReasonCode::ScopeNotAccepted,
            format!("{}: the command also reaches {}", facts.title(), extent.beyond.join(", ")),
            "make sure that nothing needs what is on them, then add: --scope drive",
        ));
    }
    found
}

/// Why capacity that stays hidden forbids the plan: it is to be left, or cannot be restored through what stands between
/// the drive and this host.
pub(in crate::plan) fn hidden_left(request: &Request, facts: &DriveFacts) -> Option<Reason> {
    let stays = request.hidden == HiddenChoice::Leave || restore(facts).is_none();
    let left = stays && matches!(hidden(facts), Hidden::Blocks { .. });
    (left && request.standard == Standard::NistR1).then(|| {
        Reason::new(
            ReasonCode::HiddenArea,
            format!(
                "{} hides a part of its capacity, and Rev. 1 wants it back before a technique counts",
                facts.title()
            ),
            match request.hidden {
                HiddenChoice::Leave => "leave --hidden-areas out, so that the full capacity is restored first",
                HiddenChoice::Restore => {
                    "attach the drive where the kernel shows as many blocks as the drive itself presents, so that its full \
                     capacity can be restored first"
                }
            },
        )
    })
}

/// A format that reaches one namespace where the whole drive was asked for.
fn one_of_several(
    steps: &[DriveCommand],
    extent: &Extent,
    request: &Request,
    facts: &DriveFacts,
) -> Option<Reason> {
    let formats = steps.iter().any(|step| matches!(step, DriveCommand::NvmeFormat(_)));
    if !formats || (request.scope, extent.reach.scope) != (Scope::Drive, Scope::Unit) {
        return None;
    }
    let Elsewhere { known, unknown } = elsewhere(facts);
    let missed: Vec<String> = known.into_iter().chain(unknown).collect();
    (!missed.is_empty()).then(|| {
        Reason::new(
            ReasonCode::BadRequest,
            format!(
                "{}: the whole drive was asked for, and its Format NVM takes one namespace at a time; missed would be {}",
                facts.title(),
                missed.join(" and ")
            ),
            "choose a technique of the Sanitize command, or leave --scope drive out and format each namespace",
        )
    })
}

fn of_step(step: &DriveCommand, request: &Request, facts: &DriveFacts) -> Vec<Reason> {
    let Some(capability) = facts.capability.as_deref() else { return Vec::new() };
    let mut found = match &capability.interface {
        Interface::Nvme(nvme) => nvme_states(step, facts, nvme),
        Interface::Ata(ata) => ata_states(step, facts, ata),
        Interface::Scsi(scsi) => scsi_states(facts, scsi),
    };
    if let Some(tcg) = &capability.tcg {
        found.extend(tcg_states(step, request, facts, tcg));
    }
    found
}

fn busy(facts: &DriveFacts, what: &str) -> Reason {
    Reason::new(
        ReasonCode::FirmwareBusy,
        format!("{}: {what} runs already, and it is not this job's", facts.title()),
        "wait until it is over, and look at the drive again with expunge inspect",
    )
}

fn nvme_states(step: &DriveCommand, facts: &DriveFacts, nvme: &NvmeFacts) -> Vec<Reason> {
    let mut found = Vec::new();
    if nvme.status.is_some_and(|status| status.state == NvmeSanitizeState::InProgress) {
        found.push(busy(facts, "a sanitize operation"));
    }
    if format_left(nvme) {
        found.push(busy(facts, "a format"));
    }
    if nvme.namespace.write_protected.is_yes() {
        found.push(write_protected(facts, "the namespace"));
    }
    let failed = nvme.status.is_some_and(|status| status.state == NvmeSanitizeState::Failed);
    match step {
        DriveCommand::NvmeSanitize(_) if nvme.persistent_memory.is_yes() => found.push(Reason::new(
            ReasonCode::FirmwareRefused,
            format!("{}: its persistent memory region is enabled, which prohibits Sanitize", facts.title()),
            "disable the persistent memory region (PMRCTL) with the maker's tool or by a controller reset",
        )),
        DriveCommand::NvmeSanitize(_) if nvme.firmware_waits.is_yes() => found.push(Reason::new(
            ReasonCode::FirmwareRefused,
            format!("{}: a firmware update waits for a reset, which prohibits Sanitize", facts.title()),
            "power the drive off and on, so that the update is activated, then run the job again",
        )),
        DriveCommand::NvmeSanitize(_) if nvme.status.is_none() => found.push(Reason::new(
            ReasonCode::FirmwareRefused,
            format!(
                "{}: its Sanitize Status log cannot be read, so the end would not be known",
                facts.title()
            ),
            "attach the drive where this log can be read, or destroy it",
        )),
        DriveCommand::NvmeFormat(_) if failed => found.push(Reason::new(
            ReasonCode::FirmwareRefused,
            format!(
                "{}: its last sanitize operation failed, and until one succeeds it takes no format",
                facts.title()
            ),
            "choose a technique of the Sanitize command, or destroy the drive",
        )),
        DriveCommand::NvmeSanitize(_)
        | DriveCommand::NvmeFormat(_)
        | DriveCommand::AtaSanitize(_)
        | DriveCommand::AtaSecurityErase(_)
        | DriveCommand::ScsiSanitize(_)
        | DriveCommand::TcgRevert(_) => {}
    }
    found
}

fn format_left(nvme: &NvmeFacts) -> bool {
    nvme.namespace.format_left_percent.is_some_and(|left| left > 0)
}

fn write_protected(facts: &DriveFacts, what: &str) -> Reason {
    Reason::new(
        ReasonCode::ReadOnly,
        format!("{}: {what} is write-protected by the drive", facts.title()),
        "release the write protection",
    )
}

fn frozen(facts: &DriveFacts, what: &str) -> Reason {
    Reason::new(
        ReasonCode::Frozen,
        format!("{}: {what} is frozen until its power is cycled", facts.title()),
        format!(
            "cycle the power of the drive: expunge unfreeze {} where its enclosure can, else pull and insert it, or \
             suspend the host and wake it, with a controller whose firmware does not freeze it again",
            facts.node.display()
        ),
    )
}

fn locked(facts: &DriveFacts, why: &str, remedy: &str) -> Reason {
    Reason::new(ReasonCode::Locked, format!("{}: {why}", facts.title()), remedy)
}

fn ata_states(step: &DriveCommand, facts: &DriveFacts, ata: &AtaFacts) -> Vec<Reason> {
    let mut found = Vec::new();
    if ata.sanitize_state == Some(AtaSanitizeState::InProgress) {
        found.push(busy(facts, "a sanitize operation"));
    }
    match step {
        DriveCommand::AtaSanitize(sanitize) => {
            let overrides = sanitize.after_failure == AfterFailure::Restricted
                && ata.sanitize.is_some_and(|sanitize| sanitize.overrides_security.is_yes());
            if ata.security.is_some_and(|security| security.locked.is_yes()) && !overrides {
                let remedy = "unlock it with its password; of one that Expunge set: expunge recover";
                found.push(locked(facts, "it is locked with a password", remedy));
            }
            match ata.sanitize_state {
                Some(AtaSanitizeState::Frozen) => found.push(frozen(facts, "its SANITIZE feature set")),
                Some(AtaSanitizeState::NotTold) | None => found.push(Reason::new(
                    ReasonCode::FirmwareRefused,
                    format!(
                        "{}: the state of its sanitize operation cannot be read here, so the end would not be known",
                        facts.title()
                    ),
                    "attach the drive directly to a SATA port or another controller",
                )),
                Some(
                    AtaSanitizeState::Idle
                    | AtaSanitizeState::Completed
                    | AtaSanitizeState::Failed
                    | AtaSanitizeState::InProgress,
                ) => {}
            }
        }
        DriveCommand::AtaSecurityErase(_) => {
            found.extend(ata.security.iter().flat_map(|security| security_states(facts, security)));
        }
        DriveCommand::NvmeSanitize(_)
        | DriveCommand::NvmeFormat(_)
        | DriveCommand::ScsiSanitize(_)
        | DriveCommand::TcgRevert(_) => {}
    }
    found
}

fn security_states(facts: &DriveFacts, security: &AtaSecurityFacts) -> Vec<Reason> {
    let mut found = Vec::new();
    if security.frozen.is_yes() {
        found.push(frozen(facts, "its Security feature set"));
    }
    if security.locked.is_yes() {
        let remedy = "unlock it with its password; of one that Expunge set: expunge recover";
        found.push(locked(facts, "it is locked with a password", remedy));
    } else if security.enabled.is_yes() {
        let remedy = "disable its password first; of one that Expunge set: expunge recover";
        found.push(locked(facts, "somebody set a password", remedy));
    }
    if security.count_expired.is_yes() {
        let remedy = "cycle the power of the drive";
        found.push(locked(facts, "too many wrong passwords were tried since power-on", remedy));
    }
    found
}

fn scsi_states(facts: &DriveFacts, scsi: &ScsiFacts) -> Vec<Reason> {
    let mut found = Vec::new();
    match scsi.state {
        ScsiState::Sanitizing => found.push(busy(facts, "a sanitize operation")),
        ScsiState::Formatting => found.push(busy(facts, "a format")),
        ScsiState::SelfTesting => found.push(busy(facts, "a self-test")),
        ScsiState::Ready | ScsiState::SanitizeFailed | ScsiState::FormatCorrupted | ScsiState::Other => {}
    }
    if scsi.write_protected.is_yes() {
        found.push(write_protected(facts, "the logical unit"));
    }
    if scsi.reserved.is_yes() {
        found.push(Reason::new(
            ReasonCode::Reserved,
            format!("{}: another host holds a reservation", facts.title()),
            "let that host release it",
        ));
    }
    found
}

/// How a drive that TCG locked is opened. Not every class has a revert that destroys what it locks.
const fn unlock_tcg(tcg: &TcgFacts) -> &'static str {
    match tcg.class {
        TcgClass::Opal1 | TcgClass::Opal2 | TcgClass::Opalite | TcgClass::Ruby => {
            "unlock it, or choose --technique opal-revert, with the PSID that is printed on the drive"
        }
        TcgClass::Pyrite1 | TcgClass::Pyrite2 | TcgClass::Enterprise | TcgClass::Other => {
            "unlock it with the software that locked it; drives of this class are not reverted here"
        }
    }
}

fn tcg_states(step: &DriveCommand, request: &Request, facts: &DriveFacts, tcg: &TcgFacts) -> Vec<Reason> {
    let mut found = Vec::new();
    match step {
        DriveCommand::TcgRevert(revert) => {
            if (revert.authority, request.psid) == (Authority::Psid, PsidGiven::No) {
                found.push(Reason::new(
                    ReasonCode::BadRequest,
                    format!("{}: a revert of it takes its PSID, and none was given", facts.title()),
                    "give the PSID that is printed on the drive with --psid-file FILE",
                ));
            }
        }
        DriveCommand::AtaSecurityErase(_) if tcg.locking_enabled.is_yes() => {
            let remedy = unlock_tcg(tcg);
            found.push(locked(facts, "TCG locking is active, and excludes ATA passwords", remedy));
        }
        DriveCommand::NvmeSanitize(_)
        | DriveCommand::NvmeFormat(_)
        | DriveCommand::AtaSanitize(_)
        | DriveCommand::ScsiSanitize(_)
        | DriveCommand::AtaSecurityErase(_) => {
            if tcg.locked == Support::Yes {
                found.push(locked(facts, "a range of it is locked by TCG", unlock_tcg(tcg)));
            }
        }
    }
    found
}
