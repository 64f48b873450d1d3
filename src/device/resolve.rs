//! From what a person typed to one whole drive, or the words why not. Resolved once and shown; from then on
//! the opened descriptor is what is judged.
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::generic::{self, Disk};
use super::root::SysRoot;
use super::{DeviceNumber, DriveFacts, discover, multipath, stack};
use crate::unit::{Reason, ReasonCode};

/// One whole drive, or a plain file that stands for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resolved {
    /// A block device.
    Node {
        /// Absolute path without links.
        node: PathBuf,
        /// Kernel name.
        name: String,
        /// Device number.
        number: DeviceNumber,
        /// Number of the attachment, where the kernel has one: another drive at the same node has another.
        diskseq: Option<u64>,
    },
    /// A plain file.
    File {
        /// Absolute path without links.
        path: PathBuf,
    },
}

impl Resolved {
    /// The path to open.
    pub fn node(&self) -> &Path {
        match self {
            Self::Node { node, .. } => node,
            Self::File { path } => path,
        }
    }
}

/// Finds the drive that `text` names: a path (also of the pass-through node of a SCSI disk), `serial:…`, `wwn:…` or `bay:…`.
///
/// # Errors
/// `missing`, `duplicate-identity` or `not-a-drive`, each with what to name instead.
pub fn resolve(text: &str, root: &SysRoot) -> Result<Resolved, Reason> {
    let by = |prefix: &str| text.strip_prefix(prefix);
    if let Some(serial) = by("serial:") {
        return by_fact(root, text, |facts| facts.identity.serial.as_deref() == Some(serial));
    }
    if let Some(wwn) = by("wwn:") {
        let matches = |found: &Option<String>| found.as_deref().is_some_and(|found| is_same_name(found, wwn));
        return by_fact(root, text, |facts| {
            let identity = &facts.identity;
            matches(&identity.wwn) || matches(&identity.nguid) || matches(&identity.eui64)
        });
    }
    if let Some(bay) = by("bay:") {
        return by_fact(root, text, |facts| facts.bay.as_deref() == Some(bay));
    }
    by_path(root, Path::new(text))
}

/// Whether two texts are one world wide name: they are written with and without their kind, in either case.
pub fn is_same_name(found: &str, asked: &str) -> bool {
    let plain = |text: &str| {
        let text = text.to_ascii_lowercase();
        let text =
            ["naa.", "eui.", "uuid.", "0x"].iter().find_map(|kind| text.strip_prefix(kind)).unwrap_or(&text);
        text.replace(['-', ' '], "")
    };
    plain(found) == plain(asked)
}

fn by_fact(root: &SysRoot, text: &str, is: impl Fn(&DriveFacts) -> bool) -> Result<Resolved, Reason> {
    let found: Vec<DriveFacts> =
        discover::discover(root).drives.into_iter().map(|listed| listed.facts).filter(is).collect();
    match found.as_slice() {
        [] => Err(Reason::new(
            ReasonCode::Missing,
            format!("no drive answers to {text}"),
            "see the names of the drives present: expunge list",
        )),
        [one] => by_path(root, &one.node),
        several => {
            let nodes: Vec<String> = several.iter().map(|facts| facts.node.display().to_string()).collect();
            let nodes = nodes.join(", ");
            let text = format!("{text} is the name of several units: {nodes}");
            Err(Reason::new(ReasonCode::DuplicateIdentity, text, format!("name one of them: {nodes}")))
        }
    }
}

fn not_a_drive(text: String, remedy: impl Into<String>) -> Reason {
    Reason::new(ReasonCode::NotADrive, text, remedy)
}

fn by_path(root: &SysRoot, path: &Path) -> Result<Resolved, Reason> {
    let shown = path.display();
    if !root.is_host() {
        // In a fixture a node is a name only.
        let name =
            path.strip_prefix("/dev").ok().and_then(Path::to_str).unwrap_or_default().replace('/', "!");
        return match (root.number_of(&name), generic::named(root, &name)) {
            (Some(number), _) => whole_drive(root, path, path.to_owned(), number),
            (None, Some(unit)) => by_generic(root, path, &unit),
            (None, None) => Err(missing(path, "no such device")),
        };
    }
    let real = fs::canonicalize(path).map_err(|error| missing(path, &error.to_string()))?;
    let found = fs::symlink_metadata(&real).map_err(|error| missing(path, &error.to_string()))?;
    let kind = found.file_type();
    if kind.is_block_device() {
        let number = root.number_of_path(&real).ok_or_else(|| missing(path, "it vanished"))?;
        return whole_drive(root, path, real, number);
    }
    if kind.is_char_device()
        && let Some(unit) = generic::behind(root, &real)
    {
        return by_generic(root, path, &unit);
    }
    let what = leads(path, &real);
    if kind.is_file() {
        return if found.len().is_multiple_of(512) {
            Ok(Resolved::File { path: real })
        } else {
            let text = format!("{shown} is {} bytes long, no whole number of 512-byte blocks", found.len());
            Err(not_a_drive(text, format!("truncate -s %512 {}", real.display())))
        };
    }
    let name = "name a whole drive: expunge list shows them";
    Err(if kind.is_dir() {
        not_a_drive(format!("{shown}{what} is a directory"), name)
    } else if kind.is_char_device() {
        not_a_drive(format!("{shown}{what} is a character device, not a drive"), name)
    } else {
        not_a_drive(format!("{shown}{what} is neither a block device nor a plain file"), name)
    })
}

/// The disk node of the unit that a pass-through node leads to: what claims and guards is that node, and commands go
/// through it as well.
fn by_generic(root: &SysRoot, path: &Path, unit: &Path) -> Result<Resolved, Reason> {
    let shown = path.display();
    match generic::disk_of(root, unit) {
        Disk::Named(name) => {
            let node = PathBuf::from("/dev").join(name.replace('!', "/"));
            let number = root.number_of(&name).ok_or_else(|| missing(&node, "it vanished"))?;
            if root.is_host() && root.number_of_path(&node) != Some(number) {
                return Err(missing(&node, &format!("it is the disk node of {shown}, device {number}")));
            }
            whole_drive(root, path, node, number)
        }
        Disk::None { address } => Err(not_a_drive(
            format!(
                "{shown} leads to a SCSI disk that has no disk node: nothing would show what uses it, and nothing would \
                 hold it"
            ),
            format!(
                "have the kernel's disk driver take it: modprobe sd_mod; echo {address} \
                 >/sys/bus/scsi/drivers/sd/bind. A RAID controller hides the members of its volumes so: have it present \
                 them (HBA or JBOD mode)"
            ),
        )),
        Disk::Other { device_type } => Err(not_a_drive(
            format!("{shown} leads to a SCSI device that is no disk (peripheral device type {device_type})"),
            "name a whole drive: expunge list shows them",
        )),
    }
}

fn missing(path: &Path, why: &str) -> Reason {
    let text = format!("{} is not there: {why}", path.display());
    Reason::new(ReasonCode::Missing, text, "see the drives present: expunge list")
}

fn leads(path: &Path, real: &Path) -> String {
    if path == real { String::new() } else { format!(" (which leads to {})", real.display()) }
}

fn whole_drive(root: &SysRoot, path: &Path, node: PathBuf, number: DeviceNumber) -> Result<Resolved, Reason> {
    let shown = format!("{}{}", path.display(), leads(path, &node));
    let Some(name) = root.name_of(number) else {
        let text = format!("{shown} is a node for {number}, which the kernel does not have");
        return Err(not_a_drive(text, "name a drive that is present: expunge list"));
    };
    let whole = root.whole(&name);
    if whole != name {
        let text = format!("{shown} is a partition; only a whole drive can be sanitized");
        return Err(not_a_drive(text, format!("name the whole drive: /dev/{whole}")));
    }
    let folder = root.block_folder(&name).unwrap_or_default();
    let below = root.names(&folder.join("slaves"));
    if multipath::is_map(root, &name) {
        if let Err(why) = multipath::paths(root, &name) {
            let text = format!("{shown} is {why}, so it is not one drive");
            return Err(not_a_drive(
                text,
                format!("multipath -f of the map, then name a drive: {}", drives(root, &below)),
            ));
        }
    } else if let Some(why) = discover::not_a_drive(&name) {
        let remedy = if below.is_empty() {
            "name a whole drive: expunge list shows them".to_owned()
        } else {
            format!("release it, then name the drives below it: {}", drives(root, &below))
        };
        return Err(not_a_drive(format!("{shown} is {why}, not a drive"), remedy));
    }
    if let Some(below) = stack::bound_loop(root, &name).and_then(|bound| bound.device(root)) {
        return Err(over_device(root, &shown, &name, below));
    }
    let diskseq = root.number(&folder.join("diskseq"));
    Ok(Resolved::Node { node, name, number, diskseq })
}

/// Nodes of the whole devices of some names.
fn drives(root: &SysRoot, names: &[String]) -> String {
    let nodes: Vec<String> = names.iter().map(|name| format!("/dev/{}", root.whole(name))).collect();
    nodes.join(", ")
}

/// A loop device over a block device claims nothing below it: whatever uses the device there would not be seen,
/// and a real drive would pass for a test object.
pub(super) fn over_device(root: &SysRoot, shown: &str, name: &str, below: DeviceNumber) -> Reason {
    let drive = root.name_of(below).map(|below| root.whole(&below));
    let drive = drive.map_or_else(|| format!("block device {below}"), |drive| format!("/dev/{drive}"));
    let text = format!("{shown} is a loop device over {drive}, not over a file");
    not_a_drive(text, format!("losetup -d /dev/{name}, then name the drive itself: {drive}"))
}
