//! Has the kernel look again at how large a drive is, after the drive was told to present more of itself.
//!
//! The kernel reads the capacity of a SCSI disk when it finds it, and again when the attribute `rescan` is written. A disk
//! behind libata answers that from what it said at its last reset, so its port has to be reset first, as writing the attribute
//! `scan` of its host does. Where the native end has changed too (DCO), libata takes the drive for another one and attaches it
//! anew: the descriptor is dead then, and the job goes on with the new node when it is resumed. All of this is from memory
//! (drivers/scsi/scsi_sysfs.c, drivers/scsi/sd.c, drivers/ata/libata-scsi.c and libata-core.c), so nothing is built on it: what
//! counts is the size that the kernel tells in the end.
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::DeviceNumber;
use super::root::{SysRoot, file_name};
use crate::sys::{ioctl, stat};

/// How long the kernel may take after each attribute was written: a reset waits for the drive to spin up.
const PATIENCE: Duration = Duration::from_secs(40);
const STEP: Duration = Duration::from_millis(200);

/// An attribute, and what is written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Knock {
    attribute: PathBuf,
    text: String,
}

/// Has the kernel look until it sees `wanted` bytes, or nothing helps; the bytes that it sees in the end.
///
/// # Errors
/// When the descriptor tells no size: the drive has left, or was attached anew.
pub fn follow(root: &SysRoot, node: BorrowedFd<'_>, wanted: u64) -> io::Result<u64> {
    let mut bytes = ioctl::size_bytes(node)?;
    if bytes == wanted {
        return Ok(bytes);
    }
    let found = stat::attributes(&PathBuf::from(format!("/proc/self/fd/{}", node.as_raw_fd())))?;
    let number = DeviceNumber { major: found.device.0, minor: found.device.1 };
    for knock in knocks(root, number) {
        let written = OpenOptions::new()
            .write(true)
            .open(&knock.attribute)
            .and_then(|mut attribute| attribute.write_all(knock.text.as_bytes()));
        // An attribute that is not there is no failure: the size decides.
        let end = Instant::now() + if written.is_ok() { PATIENCE } else { Duration::ZERO };
        loop {
            bytes = ioctl::size_bytes(node)?;
            if bytes == wanted {
                return Ok(bytes);
            }
            if Instant::now() >= end {
                break;
            }
            std::thread::sleep(STEP);
        }
    }
    Ok(bytes)
}

/// What to write, in this order.
fn knocks(root: &SysRoot, number: DeviceNumber) -> Vec<Knock> {
    let unit = fs::canonicalize(root.sys.join("dev/block").join(number.to_string()).join("device"));
    let Ok(unit) = unit else { return Vec::new() };
    let mut knocks = Vec::new();
    let address = file_name(&unit).unwrap_or_default();
    if let [host, channel, target, lun] = address.split(':').collect::<Vec<_>>()[..]
        && is_behind_libata(&unit)
    {
        let attribute = root.sys.join("class/scsi_host").join(format!("host{host}")).join("scan");
        knocks.push(Knock { attribute, text: format!("{channel} {target} {lun}") });
    }
    knocks.push(Knock { attribute: unit.join("rescan"), text: "1".to_owned() });
    knocks
}

/// Whether the path has a folder such as `ata3`.
fn is_behind_libata(unit: &std::path::Path) -> bool {
    unit.components().any(|part| {
        let part = part.as_os_str().to_str().unwrap_or_default();
        let port = part.strip_prefix("ata").unwrap_or_default();
        !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree(port: &str) -> (tempfile::TempDir, SysRoot) {
        let folder = tempfile::tempdir().unwrap();
        let root = SysRoot::fixture(folder.path());
        let unit = root.sys.join("devices/pci0000:00").join(port).join("host3/target3:0:1/3:0:1:0");
        fs::create_dir_all(unit.join("block/sdb")).unwrap();
        fs::create_dir_all(root.sys.join("dev/block")).unwrap();
        symlink(&unit, unit.join("block/sdb/device")).unwrap();
        symlink(unit.join("block/sdb"), root.sys.join("dev/block/8:16")).unwrap();
        (folder, root)
    }

    #[test]
    fn a_port_of_libata_is_reset_before_the_disk_is_asked() {
        let number = DeviceNumber { major: 8, minor: 16 };
        let (_folder, root) = tree("ata4");
        let asked = |root: &SysRoot| {
            let name = |knock: &Knock| {
                let end = knock.attribute.components().rev().take(2).map(|part| part.as_os_str().to_owned());
                (end.collect::<Vec<_>>(), knock.text.clone())
            };
            knocks(root, number).iter().map(name).collect::<Vec<_>>()
        };
        let rescan = (vec!["rescan".into(), "3:0:1:0".into()], "1".to_owned());
        assert_eq!(asked(&root), [(vec!["scan".into(), "host3".into()], "0 1 0".to_owned()), rescan.clone()]);
        let (_folder, root) = tree("sas-expander");
        assert_eq!(asked(&root), [rescan]);
        assert_eq!(knocks(&root, DeviceNumber { major: 8, minor: 0 }), []);
    }

    #[test]
    fn what_is_no_block_device_is_an_error_and_not_a_size() {
        let (_folder, root) = tree("ata4");
        let file = tempfile::tempfile().unwrap();
        assert!(follow(&root, file.as_fd(), 512).is_err());
    }
}
