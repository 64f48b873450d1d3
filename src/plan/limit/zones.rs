//! Limits of a drive whose zones must be written in sequence.
use super::Planned;
use crate::unit::{BlockCount, ZoneAccess, ZoneMap};

/// The zones that the host has to write.
fn zones<'a>(planned: &Planned<'a>) -> Option<&'a ZoneMap> {
    planned.facts.zones.as_ref().filter(|_| !planned.done.passes.is_empty())
}

pub(super) fn not_reached(planned: &Planned<'_>) -> Option<String> {
    let zones = zones(planned)?;
    let counted = |access| Some(zones.with_access(access)).filter(|(zones, _)| *zones > 0);
    let told = |what: &str, (zones, blocks): (u64, BlockCount)| format!("{blocks} blocks in {zones} {what}");
    let offline = counted(ZoneAccess::Offline)
        .map(|count| told("offline zones, which can neither be written nor read", count));
    let read_only =
        counted(ZoneAccess::ReadOnly).map(|count| told("read-only zones, which cannot be written", count));
    let parts: Vec<String> = offline.into_iter().chain(read_only).collect();
    (!parts.is_empty()).then(|| {
        format!(
            "not reached: {}; they may hold old data for good, and the job cannot end as done",
            parts.join(", and ")
        )
    })
}

pub(super) fn without_cells(planned: &Planned<'_>) -> Option<String> {
    let absent = zones(planned)?.absent_count();
    (!absent.is_zero()).then(|| {
        format!(
            "{absent} addresses at the ends of zones have no cells (the capacity of the zones is smaller than their \
             length), by the drive's word: they are neither written nor compared"
        )
    })
}
