//! The other units of a drive: namespaces, logical units, and other nodes of the same ones. A command that reaches the
//! whole drive destroys them too, so they are guarded and held like the drive that was named.
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::claim::{Order, StatePaths};
use super::claimed::{Claimed, claim};
use super::discover::not_a_drive;
use super::resolve::{Resolved, resolve};
use super::root::{SysRoot, file_name};
use super::{ContentType, DriveFacts, Helper};
use crate::unit::{Reason, ReasonCode};

/// Kernel names of all other nodes of the drive that a device belongs to: those known by identity, other paths included,
/// and those that the kernel shows on the same NVMe subsystem or SCSI target. Hidden paths, which have no node, are
/// left out: they lead to what has one.
pub fn other_nodes(root: &SysRoot, facts: &DriveFacts) -> Vec<String> {
    let own = &facts.kernel_name;
    // The paths of a multipath map are claimed by the map.
    let paths = root.block_folder(own).map(|folder| root.names(&folder.join("slaves"))).unwrap_or_default();
    let is_here = |name: &str| paths.iter().chain([own]).any(|own| are_of_one_drive(root, own, name));
    let mut found: BTreeSet<String> = facts.other_units.iter().chain(&facts.other_paths).cloned().collect();
    for name in root.names(&root.sys.join("block")) {
        if not_a_drive(&name).is_none() && is_here(&name) {
            found.insert(name);
        }
    }
    let is_hidden = |name: &String| {
        root.block_folder(name).is_some_and(|folder| root.number(&folder.join("hidden")) == Some(1))
    };
    found.into_iter().filter(|name| name != own && !paths.contains(name) && !is_hidden(name)).collect()
}

/// Whether the kernel shows two block devices on one NVMe subsystem or one SCSI target. Serial numbers are not asked:
/// makers repeat them.
pub fn are_of_one_drive(root: &SysRoot, one: &str, other: &str) -> bool {
    let device = |name: &str| std::fs::canonicalize(root.block_folder(name)?.join("device")).ok();
    let (Some(one), Some(other)) = (device(one), device(other)) else { return false };
    if is_nvme(&one) || is_nvme(&other) {
        // The link leads to the controller, or with the kernel's multipath to the subsystem.
        let subsystem = |folder: &PathBuf| root.text(&folder.join("subsysnqn"));
        return one == other || (subsystem(&one).is_some() && subsystem(&one) == subsystem(&other));
    }
    let target = |folder: &PathBuf| {
        let target = folder.parent()?;
        file_name(target)?.starts_with("target").then(|| target.to_owned())
    };
    target(&one).is_some() && target(&one) == target(&other)
}

fn is_nvme(device: &std::path::Path) -> bool {
    file_name(device).is_some_and(|name| name.starts_with("nvme"))
}

/// Claims all other nodes of a claimed drive under every guard, and keeps them with it. `known` is content whose loss was
/// accepted by name.
///
/// # Errors
/// Every blocker of every unit, each with the name of the unit; then none of them is held.
pub fn claim_others(
    helper: &Helper,
    root: &SysRoot,
    claimed: &mut Claimed,
    state: &StatePaths,
    known: &BTreeSet<ContentType>,
    wait: Duration,
) -> Result<(), Vec<Reason>> {
    let title = claimed.facts().title();
    let (mut held, mut reasons) = (Vec::new(), Vec::new());
    for name in other_nodes(root, claimed.facts()) {
        let node = root.dev.join(name.replace('!', "/"));
        let found = resolve(&node.display().to_string(), root).map_err(|reason| vec![reason]);
        let of_this =
            |drive: &Resolved| matches!(drive, Resolved::Node { name: found, .. } if *found == name);
        let unit = found.and_then(|drive| {
            if !of_this(&drive) {
                return Err(vec![replaced(&name)]);
            }
            let order = Order::new(drive, state.clone());
            claim(helper, &order, wait).map_err(|refusal| refusal.reasons)
        });
        match unit {
            Ok(unit) => {
                reasons.extend(content(unit.facts(), known).map(|reason| named(&name, &title, reason)));
                held.push(unit);
            }
            Err(blockers) => {
                reasons.extend(blockers.into_iter().map(|reason| named(&name, &title, reason)));
            }
        }
    }
    if reasons.is_empty() {
        claimed.hold_units(held);
        Ok(())
    } else {
        Err(reasons)
    }
}

fn replaced(name: &str) -> Reason {
    let text = format!("the node of {name} leads to something else");
    Reason::new(ReasonCode::IdentityChanged, text, "look at the drives again: expunge list")
}

/// A blocker of another unit, which says so.
fn named(unit: &str, title: &str, reason: Reason) -> Reason {
    let text = format!("{unit}, another unit that the command for {title} reaches: {}", reason.text);
    Reason { text, ..reason }
}

/// Content of another unit that may be alive elsewhere and that nobody named.
fn content(facts: &DriveFacts, known: &BTreeSet<ContentType>) -> Option<Reason> {
    let unnamed: Vec<String> = facts
        .content
        .iter()
        .filter(|content| content.content_type.needs_repeating() && !known.contains(&content.content_type))
        .map(ToString::to_string)
        .collect();
    (!unnamed.is_empty()).then(|| {
        let node = facts.node.display();
        Reason::new(
            ReasonCode::MemberContent,
            format!("it carries {}: it may belong to something that is alive elsewhere", unnamed.join("; ")),
            format!(
                "make sure that nothing needs it any more, then sanitize {node} by itself first: --method clear"
            ),
        )
    })
}
