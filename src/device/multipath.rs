//! Multipath maps of the device mapper: one drive that is reached by several paths. The map claims its paths, so the map
//! is what can be claimed, and it is taken for the drive. Identity and kind come from the paths; a map has none.
//!
//! A command of the drive that is sent to the map (`SG_IO`) is handed by the kernel to one of the paths that work
//! (drivers/md/dm-mpath.c, `multipath_prepare_ioctl`, from memory), so the claim on the map covers the commands too.
//! NVMe drives have a map of their own in the kernel: its paths are hidden and have no nodes.
use super::discover::{is_same_unit, not_a_drive};
use super::root::SysRoot;
use super::{DriveFacts, gather};

/// Whether a device is a multipath map, by the name that multipath-tools give it. Volumes and partitions on one have
/// names that begin otherwise (`LVM-`, `part1-mpath-`).
pub fn is_map(root: &SysRoot, name: &str) -> bool {
    let uuid = || root.text(&root.block_folder(name)?.join("dm/uuid"));
    name.starts_with("dm-") && uuid().is_some_and(|uuid| uuid.starts_with("mpath-"))
}

/// The paths of a map: facts of each, in the order of their names; never empty.
///
/// # Errors
/// Why the map does not stand for one drive, in words that stand after "is".
pub fn paths(root: &SysRoot, map: &str) -> Result<Vec<DriveFacts>, String> {
    let folder = root.block_folder(map).unwrap_or_default();
    let size = root.number(&folder.join("size"));
    let mut paths: Vec<DriveFacts> = Vec::new();
    for name in root.names(&folder.join("slaves")) {
        let part = root.whole(&name) != name;
        if part || not_a_drive(&name).is_some() || name.starts_with("loop") {
            return Err(format!("a multipath map over {name}, which is no whole drive"));
        }
        let Some(facts) = gather::drive_facts(root, &name) else { continue };
        let path = root.block_folder(&name).unwrap_or_default();
        if root.number(&path.join("size")) != size {
            return Err(format!("a multipath map of another size than {name}"));
        }
        if let Some(first) = paths.first().filter(|first| !is_same_unit(&first.identity, &facts.identity)) {
            let first = &first.kernel_name;
            return Err(format!(
                "a multipath map over {first} and {name}, which do not show the same serial number and world wide name"
            ));
        }
        paths.push(facts);
    }
    if paths.is_empty() { Err("a multipath map without paths".to_owned()) } else { Ok(paths) }
}

/// The device in whose place attributes of the hardware are: the first path of a map, else the device itself.
pub fn hardware(root: &SysRoot, name: &str) -> String {
    let first = || paths(root, name).ok()?.into_iter().next();
    let path = if is_map(root, name) { first() } else { None };
    path.map_or_else(|| name.to_owned(), |path| path.kernel_name)
}

/// Whether `holder` is the map `target` itself, which holds its own paths.
pub(super) fn holds_itself(root: &SysRoot, target: &str, holder: &str) -> bool {
    target == holder && is_map(root, target)
}
