//! What the commands of a drive reach: units that lose their data, areas that keep it.
use super::super::firmware::{CommandReach, Scope};
use super::offer::reaches_all;
use crate::command::{DriveCommand, nvme};
use crate::device::DriveFacts;
use crate::device::capability::Interface;
use crate::device::capability::Support;
use crate::device::capability::nvme::NvmeFacts;
use crate::device::capability::scsi::ScsiFacts;

/// What a command reaches, and how many units or hosts other than this one it concerns.
pub(super) struct Extent {
    pub(super) reach: CommandReach,
    /// Why the whole drive must be named with `--scope drive`; empty when this unit is all there is.
    pub(super) beyond: Vec<String>,
}

/// How far these commands reach together: as far as the one that reaches farthest.
pub(super) fn extent(steps: &[DriveCommand], facts: &DriveFacts) -> Extent {
    let interface = facts.capability.as_deref().map(|capability| &capability.interface);
    match interface {
        Some(Interface::Nvme(nvme)) => nvme_extent(steps, facts, nvme),
        Some(Interface::Scsi(scsi)) => scsi_extent(steps, facts, scsi),
        Some(Interface::Ata(_)) | None => {
            // An ATA drive has one unit: what looks like another one may be another drive behind the same bridge.
            let beyond = others(facts);
            let units = vec!["the drive".to_owned()];
            let (unproven, not_reached) = (beyond.clone(), Vec::new());
            Extent { reach: CommandReach { scope: Scope::Drive, units, unproven, not_reached }, beyond }
        }
    }
}

/// Other units that only the kernel tells of; their names change from one attachment to the next.
fn others(facts: &DriveFacts) -> Vec<String> {
    match facts.other_units.len() {
        0 => Vec::new(),
        1 => vec!["1 other unit that the kernel shows".to_owned()],
        count => vec![format!("{count} other units that the kernel shows")],
    }
}

fn whole_drive(command: &DriveCommand, nvme: &NvmeFacts) -> bool {
    match command {
        DriveCommand::NvmeSanitize(_) | DriveCommand::TcgRevert(_) => true,
        DriveCommand::NvmeFormat(format) => match format.namespace {
            nvme::FormatScope::All => true,
            nvme::FormatScope::One { .. } => reaches_all(nvme),
        },
        DriveCommand::AtaSanitize(_) | DriveCommand::AtaSecurityErase(_) | DriveCommand::ScsiSanitize(_) => {
            false
        }
    }
}

/// Numbers of all namespaces that the controller lists, but for this one.
fn other_namespaces(nvme: &NvmeFacts) -> Vec<u32> {
    let own = nvme.namespace.nsid;
    let allocated = nvme.allocated.iter().flatten();
    let mut numbers: Vec<u32> =
        nvme.active.iter().chain(allocated).copied().filter(|nsid| *nsid != own).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Namespaces of which the controller does not tell whether there are any. A list of active ones without this one was
/// not read.
fn unlisted_namespaces(nvme: &NvmeFacts) -> Vec<String> {
    let mut words = Vec::new();
    if !nvme.active.contains(&nvme.namespace.nsid) {
        words.push("other active namespaces, if there are any (the drive does not list them)".to_owned());
    }
    if nvme.allocated.is_none() {
        words.push(
            "namespaces that are not attached, if there are any (the drive does not list them)".to_owned(),
        );
    }
    words
}

fn unlisted_units(scsi: &ScsiFacts) -> Option<String> {
    (scsi.units_listed != Support::Yes)
        .then(|| "other logical units, if there are any (the drive does not list them)".to_owned())
}

/// What else there is on the drive, beside the blocks of this unit.
pub(in crate::plan) struct Elsewhere {
    /// What there is. The kernel's names are left out: they change from one attachment to the next.
    pub(in crate::plan) known: Vec<String>,
    /// What there may be.
    pub(in crate::plan) unknown: Vec<String>,
}

/// What else there is, or may be, on the drive.
pub(in crate::plan) fn elsewhere(facts: &DriveFacts) -> Elsewhere {
    let interface = facts.capability.as_deref().map(|capability| &capability.interface);
    let (listed, unknown, bytes) = match interface {
        Some(Interface::Nvme(nvme)) => {
            (other_namespaces(nvme).len(), unlisted_namespaces(nvme), nvme.unallocated_bytes.unwrap_or(0))
        }
        // The list of logical units has this one in it.
        Some(Interface::Scsi(scsi)) => {
            (scsi.other_units.len().saturating_sub(1), unlisted_units(scsi).into_iter().collect(), 0)
        }
        Some(Interface::Ata(_)) | None => (0, Vec::new(), 0),
    };
    let mut known = match listed.max(facts.other_units.len()) {
        0 => Vec::new(),
        1 => vec!["1 other unit".to_owned()],
        count => vec![format!("{count} other units")],
    };
    if bytes > 0 {
        known.push(format!("{bytes} bytes that belong to no namespace"));
    }
    Elsewhere { known, unknown }
}

fn nvme_extent(steps: &[DriveCommand], facts: &DriveFacts, nvme: &NvmeFacts) -> Extent {
    let own = nvme.namespace.nsid;
    let mut units = vec![format!("namespace {own}")];
    let mut not_reached = Vec::new();
    if nvme.rpmb_units > 0 {
        not_reached.push(format!("{} replay protected memory block units (RPMB)", nvme.rpmb_units));
    }
    match nvme.boot_partitions {
        Support::Yes => not_reached.push("boot partitions".to_owned()),
        Support::NotTold => {
            not_reached.push("boot partitions, if there are any (the drive does not tell)".to_owned());
        }
        Support::No => {}
    }
    if !steps.iter().any(|step| whole_drive(step, nvme)) {
        let reach = CommandReach { scope: Scope::Unit, units, unproven: Vec::new(), not_reached };
        return Extent { reach, beyond: Vec::new() };
    }
    let numbers = other_namespaces(nvme);
    let mut beyond: Vec<String> = numbers.iter().map(|nsid| format!("namespace {nsid}")).collect();
    if numbers.len() < facts.other_units.len() {
        beyond.extend(others(facts));
    }
    let (shown, mut unproven) = presented(nvme, &numbers, facts.other_units.len());
    units.extend(shown);
    if beyond.len() > numbers.len() {
        unproven.extend(others(facts));
    }
    let unlisted: Vec<String> = unlisted_namespaces(nvme).into_iter().collect();
    beyond.extend(unlisted.clone());
    unproven.extend(unlisted);
    if nvme.unallocated_bytes.is_some_and(|bytes| bytes > 0) {
        unproven.push("capacity that belongs to no namespace".to_owned());
    }
    let several = nvme.controllers.as_ref().is_some_and(|controllers| controllers.len() > 1);
    if several || (nvme.controllers.is_none() && nvme.multi_controller.is_yes()) {
        beyond.push("other controllers, through which other hosts may use the drive".to_owned());
    }
    Extent { reach: CommandReach { scope: Scope::Drive, units, unproven, not_reached }, beyond }
}

/// Which of the other namespaces the kernel presents, so that canaries can be written to them, and which it does not.
/// Only their number is known here; where it does not tell which they are, none of them is claimed. That those that
/// are claimed had canaries is judged afterwards.
fn presented(nvme: &NvmeFacts, others: &[u32], shown: usize) -> (Vec<String>, Vec<String>) {
    let name = |nsid: &u32| format!("namespace {nsid}");
    let is_active = |nsid: &&u32| nvme.active.contains(nsid);
    let active = others.iter().filter(is_active).count();
    let one_controller = !nvme.multi_controller.is_yes();
    if shown >= others.len() {
        (others.iter().map(name).collect(), Vec::new())
    } else if shown == active && one_controller {
        let (active, hidden): (Vec<&u32>, Vec<&u32>) = others.iter().partition(is_active);
        (active.into_iter().map(name).collect(), hidden.into_iter().map(name).collect())
    } else {
        (Vec::new(), others.iter().map(name).collect())
    }
}

/// SANITIZE is a command to one logical unit, but drives with two actuators are known to show two, of which one
/// command may reach both.
fn scsi_extent(steps: &[DriveCommand], facts: &DriveFacts, scsi: &ScsiFacts) -> Extent {
    let mut beyond: Vec<String> =
        scsi.other_units.iter().map(|unit| format!("logical unit {unit}, which may be reached")).collect();
    if beyond.len() < facts.other_units.len() {
        beyond.extend(others(facts));
    }
    beyond.extend(unlisted_units(scsi));
    let whole = steps.iter().any(|step| matches!(step, DriveCommand::TcgRevert(_)));
    let scope = if whole { Scope::Drive } else { Scope::Unit };
    let units = vec!["this logical unit".to_owned()];
    // A logical unit that keeps its data is no lie of the drive, so nothing is compared in the others.
    let (unproven, not_reached) = (beyond.clone(), Vec::new());
    Extent { reach: CommandReach { scope, units, unproven, not_reached }, beyond }
}
