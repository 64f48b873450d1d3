//! Finds a drive again after an interruption: by identity and size, never by its node.
use std::path::PathBuf;

use super::claimed::same_names;
use super::discover::is_same_unit;
use super::{DriveFacts, Resolved, SysRoot, discover};
use crate::unit::{BlockCount, Reason, ReasonCode};

/// Where the drive is now that was described by `before`.
///
/// # Errors
/// `missing` when it is not attached, `duplicate-identity` when several drives call themselves so.
pub fn find_again(root: &SysRoot, before: &DriveFacts) -> Result<Resolved, Reason> {
    if before.device.is_none() {
        return Ok(Resolved::File { path: before.node.clone() });
    }
    let wanted = same_names(&before.identity);
    let found: Vec<DriveFacts> = discover(root)
        .drives
        .into_iter()
        .map(|listed| listed.facts)
        .filter(|facts| same_names(&facts.identity) == wanted)
        .collect();
    let resolved = |facts: &DriveFacts| {
        let (node, name, diskseq) = (facts.node.clone(), facts.kernel_name.clone(), facts.diskseq);
        facts.device.map(|number| Resolved::Node { node, number, name, diskseq })
    };
    let title = before.identity.short();
    match &found[..] {
        [] => Err(missing(&title)),
        [one] => resolved(one).ok_or_else(|| missing(&title)),
        // Several paths to one unit: the exclusive claim of the first decides.
        [first, rest @ ..] if rest.iter().all(|other| is_same_unit(&first.identity, &other.identity)) => {
            resolved(first).ok_or_else(|| missing(&title))
        }
        several => {
            let nodes: Vec<PathBuf> = several.iter().map(|facts| facts.node.clone()).collect();
            Err(Reason::new(
                ReasonCode::DuplicateIdentity,
                format!("{} drives call themselves {title}: {nodes:?}", several.len()),
                "detach all but the one that the job is about",
            ))
        }
    }
}

fn missing(title: &str) -> Reason {
    Reason::new(
        ReasonCode::Missing,
        format!("the drive {title} is not attached"),
        "attach it, at whatever place, and try again; expunge list shows what is there. A SCSI drive that has no node because \
         it did not answer when the host started: echo '- - -' >/sys/class/scsi_host/hostN/scan",
    )
}

/// Whether a drive that was claimed now is the one that was described before, by everything that stays the same.
///
/// # Errors
/// `identity-changed`, with what differs.
pub fn is_same_drive(before: &DriveFacts, now: &DriveFacts) -> Result<(), Reason> {
    let size = before.geometry().map(|geometry| geometry.capacity);
    is_same_drive_of(before, now, size.as_slice())
}

/// The same for a drive whose capacity a job may have changed: it must have one of these sizes.
///
/// # Errors
/// `identity-changed`, with what differs.
pub fn is_same_drive_of(before: &DriveFacts, now: &DriveFacts, sizes: &[BlockCount]) -> Result<(), Reason> {
    let mut changes = Vec::new();
    if before.identity.lasting() != now.identity.lasting() {
        changes.push("another identity");
    }
    let fits = match (before.geometry(), now.geometry()) {
        (Some(before), Some(now)) => before.block_size == now.block_size && sizes.contains(&now.capacity),
        (None, _) | (_, None) => false,
    };
    if !fits {
        changes.push("another size");
    }
    if before.kind != now.kind {
        changes.push("another kind");
    }
    if changes.is_empty() {
        return Ok(());
    }
    let text = format!("{} is not the drive of the job: {}", now.title(), changes.join(", "));
    Err(Reason::new(ReasonCode::IdentityChanged, text, "find the drive of the job: expunge list"))
}
