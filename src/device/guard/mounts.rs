//! Mounts of the drive in every mount namespace, by device number: names lie in containers.
use std::collections::BTreeSet;
use std::path::Path;

use super::{Findings, SEE_ALL, Scene, mount_tables, process_title};
use crate::device::DeviceNumber;
use crate::device::procfs::{self, Mount};
use crate::unit::{Reason, ReasonCode};

/// Every mount of the drive, a partition or anything that stands on it.
pub(super) fn mounts(scene: &Scene<'_>) -> Findings {
    let root = scene.root;
    let (tables, unseen) = mount_tables(root);
    // A mount of our own namespace is told once, as ours, in whoever's table it was seen: the kernel may not
    // let us ask for another process's namespace, but a mount has one number everywhere.
    let own: Option<BTreeSet<u64>> = std::fs::read(root.proc.join("self/mountinfo"))
        .map(|text| procfs::mounts(&String::from_utf8_lossy(&text)).iter().map(|mount| mount.id).collect())
        .ok();
    let sets = root.btrfs_sets();
    let mut findings = Findings::default();
    let mut told = BTreeSet::new();
    for (process, mounts) in &tables {
        for mount in mounts {
            let elsewhere = own.as_ref().is_some_and(|own| !own.contains(&mount.id));
            for number in standing_on(scene, &sets, mount) {
                let Some(layer) = scene.layer(number) else { continue };
                if told.insert((elsewhere.then_some(*process), layer.name.clone(), mount.point.clone())) {
                    findings.reasons.push(reason(
                        scene,
                        &layer.place(),
                        mount,
                        elsewhere.then_some(*process),
                    ));
                }
            }
        }
    }
    for (uuid, members) in &sets {
        for layer in members.iter().filter_map(|member| scene.layer(*member)) {
            if !told.iter().any(|(_, name, _)| *name == layer.name) {
                findings.reasons.push(Reason::new(
                    ReasonCode::Mounted,
                    format!("{} is part of the btrfs {uuid}, which is mounted somewhere", layer.place()),
                    "find and unmount it: findmnt -t btrfs, also in containers",
                ));
            }
        }
    }
    if !unseen.is_empty() {
        let text =
            format!("the mounts of {} processes could not be seen, the first is {}", unseen.len(), unseen[0]);
        findings.blind(scene, text, SEE_ALL);
    }
    findings
}

/// Device numbers that a mount stands on, in any namespace. An anonymous number says nothing, its source may.
fn standing_on(scene: &Scene<'_>, sets: &[(String, Vec<DeviceNumber>)], mount: &Mount) -> Vec<DeviceNumber> {
    if mount.device.major != 0 {
        return vec![mount.device];
    }
    let Some(first) = scene.root.number_of_path(Path::new(&mount.source)) else { return Vec::new() };
    match sets.iter().find(|(_, members)| members.contains(&first)) {
        Some((_, members)) => members.clone(),
        None => vec![first],
    }
}

fn reason(scene: &Scene<'_>, place: &str, mount: &Mount, elsewhere: Option<u32>) -> Reason {
    let point = mount.point.display();
    let (text, remedy) = match elsewhere {
        None => (format!("{place} is mounted on {point}"), format!("umount {point}")),
        Some(process) => (
            format!(
                "{place} is mounted on {point} in the mount namespace of pid {}",
                process_title(scene.root, process)
            ),
            format!("nsenter --target {process} --mount umount {point}, or stop that container"),
        ),
    };
    Reason::new(ReasonCode::Mounted, text, remedy)
}
