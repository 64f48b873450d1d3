//! Facts out of what the drive itself told, each with the command and the page that it came from.
mod ata;
mod health;
mod nvme;
mod scsi;

use super::{Facts, yes_or_no};
use crate::device::capability::{Capability, Interface, Support, TcgClass, TcgFacts};
use crate::device::elsewhere::Elsewhere;
use crate::device::{DriveFacts, Fact};

/// Everything that a drive told of itself; for storage that is purged by other means, what these are.
pub fn own(facts: &DriveFacts) -> Vec<Fact> {
    let mut list = Facts(Vec::new());
    if let Some(elsewhere) = Elsewhere::of(facts) {
        let value = format!("{}: {}; {}", elsewhere.name(), elsewhere.why_not(), elsewhere.instead());
        list.add("purged elsewhere", value, "transport");
    }
    if let Some(capability) = &facts.capability {
        told(capability, &mut list);
    }
    list.0
}

fn told(capability: &Capability, list: &mut Facts) {
    match &capability.interface {
        Interface::Nvme(facts) => nvme::facts(facts, list),
        Interface::Ata(facts) => ata::facts(facts, list),
        Interface::Scsi(facts) => scsi::facts(facts, list),
    }
    match &capability.tcg {
        Some(facts) => tcg(facts, list),
        None => list.add("TCG", "none told", TCG),
    }
    health::facts(capability, list);
    for gap in &capability.gaps {
        list.add("not told", gap.as_str(), "survey");
    }
}

const TCG: &str = "TCG Level 0 discovery";

fn tcg(facts: &TcgFacts, list: &mut Facts) {
    let class = match facts.class {
        TcgClass::Opal1 => "Opal 1",
        TcgClass::Opal2 => "Opal 2",
        TcgClass::Opalite => "Opalite",
        TcgClass::Ruby => "Ruby",
        TcgClass::Pyrite1 => "Pyrite 1",
        TcgClass::Pyrite2 => "Pyrite 2",
        TcgClass::Enterprise => "Enterprise",
        TcgClass::Other => "some other",
    };
    let codes: Vec<String> = facts.features.iter().map(|code| format!("{code:04X}h")).collect();
    list.add("TCG", format!("{class}, features {}", codes.join(" ")), TCG);
    let source = format!("{TCG}, Locking feature");
    list.add("TCG locking active", said(facts.locking_enabled), source.as_str());
    list.add("TCG locked", said(facts.locked), source.as_str());
    list.add("TCG encrypts the medium", said(facts.media_encryption), source.as_str());
    list.add(
        "TCG shadow MBR",
        format!("enabled: {}, done: {}", said(facts.mbr_enabled), said(facts.mbr_done)),
        source,
    );
    let source = format!("{TCG}, Block SID feature");
    list.add("TCG SID blocked", said(facts.sid_blocked), source.as_str());
    list.add("TCG SID as delivered", said(facts.sid_is_default), source);
    if let Some(kernel) = facts.kernel {
        let (active, locked) = (yes_or_no(kernel.locking_enabled), yes_or_no(kernel.locked));
        let read = if kernel.supported {
            format!("locking active: {active}, locked: {locked}")
        } else {
            "no Opal drive".to_owned()
        };
        list.add("TCG as the kernel reads it", read, "IOC_OPAL_GET_STATUS");
    }
}

/// Yes, no, or not told.
const fn said(support: Support) -> &'static str {
    match support {
        Support::Yes => yes_or_no(true),
        Support::No => yes_or_no(false),
        Support::NotTold => "not told",
    }
}

/// Names of what is there; what is not told is named as such.
fn listed(offers: &[(&str, Support)]) -> String {
    let of = |wanted: Support| {
        let names = offers.iter().filter(move |(_, support)| *support == wanted).map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(", ")
    };
    match (of(Support::Yes), of(Support::NotTold)) {
        (yes, open) if yes.is_empty() && open.is_empty() => "no".to_owned(),
        (yes, open) if open.is_empty() => yes,
        (yes, open) if yes.is_empty() => format!("not told: {open}"),
        (yes, open) => format!("{yes} (not told: {open})"),
    }
}

/// Numbers in a row.
fn numbers<T: ToString>(all: &[T]) -> String {
    if all.is_empty() {
        return "none".to_owned();
    }
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
