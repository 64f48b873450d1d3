//! From the pass-through node of a SCSI device (`/dev/sgN`, `/dev/bsg/H:C:T:L`) to its disk node.
use std::fs;
use std::path::{Path, PathBuf};

use super::root::{SysRoot, file_name};
use crate::sys::stat::{self, FileType};

/// What a SCSI device is to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    /// A disk with a node of this kernel name.
    Named(String),
    /// A disk without one.
    None {
        /// Host, channel, target and logical unit, as the kernel writes them: `0:0:1:0`.
        address: String,
    },
    /// Something else.
    Other {
        /// Its peripheral device type, as the kernel tells it.
        device_type: String,
    },
}

/// Peripheral device types of disks: block device, simplified one, and one with zones that the host manages, as the
/// attribute `type` has them (SPC, from memory).
const DISKS: [&str; 3] = ["0", "14", "20"];

/// Folder in sysfs of the SCSI device that a pass-through node leads to, by the number of the node and not by its name;
/// `None` when it is no such node.
pub(super) fn behind(root: &SysRoot, node: &Path) -> Option<PathBuf> {
    let found = stat::attributes(node).ok().filter(|found| found.file_type == FileType::Character)?;
    let (major, minor) = found.device;
    let folder = fs::canonicalize(root.sys.join("dev/char").join(format!("{major}:{minor}"))).ok()?;
    let class = fs::canonicalize(folder.join("subsystem")).ok()?;
    let class = file_name(&class)?;
    unit_of(&folder).filter(|_| matches!(class.as_str(), "scsi_generic" | "bsg"))
}

/// The same by the name of a node below `/dev`, for trees without nodes.
pub(super) fn named(root: &SysRoot, name: &str) -> Option<PathBuf> {
    let class = match name.strip_prefix("bsg!") {
        Some(address) => root.sys.join("class/bsg").join(address),
        None => root.sys.join("class/scsi_generic").join(name),
    };
    unit_of(&fs::canonicalize(class).ok()?)
}

/// The SCSI device of a pass-through node: other things have bsg nodes, too (hosts, expanders).
fn unit_of(folder: &Path) -> Option<PathBuf> {
    let unit = fs::canonicalize(folder.join("device")).ok()?;
    let address = file_name(&unit)?;
    let parts = address.split(':').filter(|part| part.parse::<u64>().is_ok()).count();
    (parts == 4 && address.split(':').count() == 4).then_some(unit)
}

/// What the SCSI device in this folder is.
pub(super) fn disk_of(root: &SysRoot, unit: &Path) -> Disk {
    if let [name] = &root.names(&unit.join("block"))[..] {
        return Disk::Named(name.clone());
    }
    let device_type = root.text(&unit.join("type")).unwrap_or_else(|| "not told".to_owned());
    if DISKS.contains(&device_type.as_str()) {
        Disk::None { address: file_name(unit).unwrap_or_default() }
    } else {
        Disk::Other { device_type }
    }
}
