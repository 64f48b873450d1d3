//! What a drive said about itself, as a record can hold it.
use super::encoding::{INTEGER_LIMIT, ambiguous_number};
use crate::device::Capability;
use crate::device::capability::{Health, Interface};

/// The same without numbers that not every JSON reader takes alike (from 2^53 on), such as bytes written in the life of a
/// large drive: a gap says so, and the page that they came from stays. `None` when other numbers are as large, which no
/// drive has: nothing is to keep a record from being made.
pub fn recordable(mut told: Capability) -> Option<Capability> {
    let Health { reallocated, pending, uncorrectable, media_errors, power_on_hours, written_bytes, .. } =
        &mut told.health;
    let counts = [
        ("reallocated sectors", reallocated),
        ("sectors that wait", pending),
        ("uncorrectable sectors", uncorrectable),
        ("media errors", media_errors),
        ("hours with power", power_on_hours),
        ("bytes written", written_bytes),
    ];
    for (name, count) in counts {
        if let Some(number) = count.filter(|number| *number >= INTEGER_LIMIT) {
            told.gaps.push(format!("{name}: {number}, too large for a number of a record"));
            *count = None;
        }
    }
    match &mut told.interface {
        Interface::Scsi(facts) => {
            let (fit, large) = facts.other_units.iter().partition(|unit| **unit < INTEGER_LIMIT);
            let large: Vec<u64> = large;
            facts.other_units = fit;
            told.gaps.extend(large.iter().map(|unit| format!("another logical unit: {unit:016x}h")));
        }
        Interface::Nvme(_) | Interface::Ata(_) => {}
    }
    let value = serde_json::to_value(&told).ok()?;
    ambiguous_number(&value).is_none().then_some(told)
}
