//! Block devices that stand on the drive: holders that the kernel names, and loop devices, which it does not.
use super::{Findings, Scene};
use crate::device::root::SysRoot;
use crate::device::stack::{self, Relation, Told};
use crate::unit::{Reason, ReasonCode};

/// Holders of the drive and of its partitions, to any depth.
pub(super) fn holders(scene: &Scene<'_>) -> Findings {
    let mut reasons = Vec::new();
    for layer in &scene.layers {
        if let Relation::Holder { of } = &layer.relation {
            let (kind, remedy) = kind_and_remedy(scene.root, &layer.name);
            let text = format!("{of} is held by {} ({kind})", layer.name);
            reasons.push(Reason::new(ReasonCode::Holder, text, remedy));
        }
    }
    reasons.into()
}

/// Loop devices over the drive, a partition, or a file on one of its file systems.
pub(super) fn loops(scene: &Scene<'_>) -> Findings {
    let mut reasons = Vec::new();
    for layer in &scene.layers {
        if let Relation::Loop { of, backing } = &layer.relation {
            let backing = backing.display();
            let text = if backing.to_string() == *of {
                format!("loop device {} stands on {of}", layer.name)
            } else {
                format!("loop device {} stands on {of}, through {backing}", layer.name)
            };
            let remedy = format!("losetup -d /dev/{}", layer.name);
            reasons.push(Reason::new(ReasonCode::LoopBacking, text, remedy));
        }
    }
    let mut findings = Findings::from(reasons);
    let bound = stack::bound_loops(scene.root);
    let silent = bound.iter().filter(|bound| bound.told == Told::Silent).map(|bound| bound.name.clone());
    let silent = silent.collect::<Vec<_>>().join(", ");
    if !silent.is_empty() {
        let text = format!("what these loop devices stand on could not be found out: {silent}");
        findings.blind(scene, text, "run as root, with all nodes of loop devices");
    }
    findings
}

fn kind_and_remedy(root: &SysRoot, name: &str) -> (String, String) {
    let text = |attribute: &str| {
        root.block_folder(name).and_then(|folder| root.text(&folder.join(attribute))).unwrap_or_default()
    };
    if name.starts_with("md") {
        return (format!("md array, {}", text("md/level")), format!("mdadm --stop /dev/{name}"));
    }
    if name.starts_with("bcache") {
        return ("bcache".to_owned(), format!("echo 1 > /sys/block/{name}/bcache/stop"));
    }
    if name.starts_with("drbd") {
        return ("DRBD".to_owned(), format!("drbdsetup down of the resource that has /dev/{name}"));
    }
    if name.starts_with("dm-") {
        let (mapped, uuid) = (text("dm/name"), text("dm/uuid"));
        return match uuid.split('-').next().unwrap_or_default() {
            "LVM" => (format!("LVM volume {mapped}"), format!("lvchange -an /dev/mapper/{mapped}")),
            "CRYPT" => (format!("dm-crypt {mapped}"), format!("cryptsetup close {mapped}")),
            "mpath" => (
                format!("multipath map {mapped}"),
                format!(
                    "name the map, which is the whole drive: /dev/{name}; or release it: multipath -f {mapped}"
                ),
            ),
            _ => (format!("device-mapper {mapped}"), format!("dmsetup remove {mapped}")),
        };
    }
    ("a device of a kind not known here".to_owned(), format!("release /dev/{name}"))
}
