//! What stands in the way of writing to a drive from this host: the same states, and some that only a command of the
//! drive ends.
use super::{busy, format_left, locked, scsi_states, unlock_tcg, write_protected};
use crate::device::DriveFacts;
use crate::device::capability::ata::{AtaFacts, AtaSanitizeState};
use crate::device::capability::nvme::{NvmeFacts, NvmeSanitizeState};
use crate::device::capability::scsi::{ScsiFacts, ScsiState};
use crate::device::capability::{Interface, Support};
use crate::unit::{Reason, ReasonCode};

/// Everything that stands in the way of an overwrite.
pub(in crate::plan) fn of_host(facts: &DriveFacts) -> Vec<Reason> {
    let Some(capability) = facts.capability.as_deref() else { return Vec::new() };
    let mut found = match &capability.interface {
        Interface::Nvme(nvme) => of_nvme(facts, nvme),
        Interface::Ata(ata) => of_ata(facts, ata),
        Interface::Scsi(scsi) => of_scsi(facts, scsi),
    };
    if let Some(tcg) = capability.tcg.as_ref().filter(|tcg| tcg.locked == Support::Yes) {
        found.push(locked(facts, "a range of it is locked by TCG", unlock_tcg(tcg)));
    }
    found
}

fn of_nvme(facts: &DriveFacts, nvme: &NvmeFacts) -> Vec<Reason> {
    let mut found = match nvme.status.map(|status| status.state) {
        Some(NvmeSanitizeState::InProgress) => vec![busy(facts, "a sanitize operation")],
        Some(NvmeSanitizeState::Failed) => vec![shut(facts, "its last sanitize operation failed")],
        Some(
            NvmeSanitizeState::NeverSanitized
            | NvmeSanitizeState::Succeeded
            | NvmeSanitizeState::SucceededDeallocated
            | NvmeSanitizeState::Reserved(_),
        )
        | None => Vec::new(),
    };
    if format_left(nvme) {
        found.push(busy(facts, "a format"));
    }
    if nvme.namespace.write_protected.is_yes() {
        found.push(write_protected(facts, "the namespace"));
    }
    found
}

fn of_ata(facts: &DriveFacts, ata: &AtaFacts) -> Vec<Reason> {
    let mut found = match ata.sanitize_state {
        Some(AtaSanitizeState::InProgress) => vec![busy(facts, "a sanitize operation")],
        Some(AtaSanitizeState::Failed) => vec![shut(facts, "its last sanitize operation failed")],
        Some(
            AtaSanitizeState::Idle
            | AtaSanitizeState::Completed
            | AtaSanitizeState::Frozen
            | AtaSanitizeState::NotTold,
        )
        | None => Vec::new(),
    };
    if ata.security.is_some_and(|security| security.locked.is_yes()) {
        let remedy = "unlock it with its password; of one that Expunge set: expunge recover";
        found.push(locked(facts, "it is locked with a password", remedy));
    }
    found
}

fn of_scsi(facts: &DriveFacts, scsi: &ScsiFacts) -> Vec<Reason> {
    let mut found = scsi_states(facts, scsi);
    match scsi.state {
        ScsiState::SanitizeFailed => found.push(shut(facts, "its last sanitize operation failed")),
        ScsiState::FormatCorrupted => found.push(shut(facts, "a format of it was interrupted")),
        ScsiState::Ready
        | ScsiState::Sanitizing
        | ScsiState::Formatting
        | ScsiState::SelfTesting
        | ScsiState::Other => {}
    }
    found
}

fn shut(facts: &DriveFacts, why: &str) -> Reason {
    Reason::new(
        ReasonCode::FirmwareRefused,
        format!("{}: {why}, and until it sanitizes itself it takes no writes", facts.title()),
        "purge it by a sanitize command of its own (expunge plan shows which it has), or destroy it",
    )
}
