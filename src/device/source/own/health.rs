//! How a drive says that it is.
use super::super::{Facts, yes_or_no};
use crate::device::capability::{Capability, Interface};

/// Adds what was told; what was not is left out.
pub(super) fn facts(capability: &Capability, list: &mut Facts) {
    let health = &capability.health;
    let (whole, counters, hours) = match &capability.interface {
        Interface::Nvme(_) => {
            let log = "log page 02h (SMART)";
            (log, log, log)
        }
        Interface::Ata(_) => ("SMART RETURN STATUS", "SMART READ DATA", "SMART READ DATA"),
        Interface::Scsi(_) => ("log page 2Fh", "READ DEFECT DATA, log pages 02h and 11h", "log page 15h"),
    };
    let mut add = |name: &str, value: Option<String>, source: &str| {
        if let Some(value) = value {
            list.add(name, value, source);
        }
    };
    add("healthy by its own account", health.passed.map(|passed| yes_or_no(passed).to_owned()), whole);
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    add("sectors reallocated", number(health.reallocated), counters);
    add("sectors pending", number(health.pending), counters);
    add("sectors uncorrectable", number(health.uncorrectable), counters);
    add("media errors", number(health.media_errors), counters);
    let warning = health.critical_warning.filter(|bits| *bits != 0);
    add("critical warning", warning.map(|bits| format!("{bits:02X}h")), counters);
    add("spare", health.spare_percent.map(|percent| format!("{percent} %")), counters);
    add("used", health.used_percent.map(|percent| format!("{percent} %")), counters);
    add("hours with power", number(health.power_on_hours), hours);
    add("bytes written by hosts", number(health.written_bytes), counters);
}
