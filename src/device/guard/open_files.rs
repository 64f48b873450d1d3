//! Descriptors of every process. A plain open claims nothing, so a database or a virtual machine on the raw
//! drive is seen here and nowhere else.
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::{Findings, Scene, Target, is_gone, process_title, processes};
use crate::device::DeviceNumber;
use crate::device::root::SysRoot;
use crate::sys::stat::{self, Attributes, FileType};
use crate::unit::{Reason, ReasonCode};

/// What a scan of all descriptors saw.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Process and what it has open.
    pub(super) found: BTreeSet<(u32, String)>,
    /// Processes whose descriptors could not be examined.
    pub(super) unseen: BTreeSet<u32>,
}

/// Every process that has the drive, a partition, or anything that stands on it open.
pub(super) fn open_files(scene: &Scene<'_>) -> Findings {
    let scan = scan(scene.root, &scene.own, |found| match (scene.target, found.file_type) {
        (_, FileType::Block) => {
            let number = DeviceNumber { major: found.device.0, minor: found.device.1 };
            scene.layer(number).map(super::Layer::place)
        }
        (Target::File(file), FileType::Plain) => {
            ((found.filesystem, found.inode) == (file.filesystem, file.inode)).then(|| scene.title())
        }
        (
            Target::File(_) | Target::Device { .. },
            FileType::Plain | FileType::Character | FileType::Directory | FileType::Other,
        ) => None,
    });
    let mut findings = Findings::default();
    for (process, what) in &scan.found {
        let title = process_title(scene.root, *process);
        let text = format!("process {title} has {what} open");
        let remedy = format!("close it in that process, or stop it: kill {process}");
        findings.reasons.push(Reason::new(ReasonCode::OpenElsewhere, text, remedy));
    }
    if let Some(first) = scan.unseen.first() {
        let text = format!(
            "the open files of {} processes could not be seen, the first is {first}",
            scan.unseen.len()
        );
        if stat::is_root() {
            let remedy =
                "run with CAP_SYS_PTRACE and with all of /proc (no hidepid, no private PID namespace)";
            findings.reasons.push(Reason::new(ReasonCode::GuardBlind, text, remedy));
        } else {
            findings.notes.push(text);
        }
    }
    findings
}

/// Looks at every descriptor of every process but `own`; `what` names those that matter.
pub(super) fn scan(root: &SysRoot, own: &[u32], what: impl Fn(&Attributes) -> Option<String>) -> Scan {
    let mut scan = Scan::default();
    for process in processes(root).into_iter().filter(|process| !own.contains(process)) {
        let folder = root.proc.join(process.to_string());
        match examine(&folder.join("fd"), &what) {
            // A process whose first thread has ended shows no descriptors there; its other threads do.
            Ok(names) if names.is_none() => {
                for thread in root.names(&folder.join("task")) {
                    if let Ok(Some(names)) = examine(&folder.join("task").join(thread).join("fd"), &what) {
                        scan.found.extend(names.into_iter().map(|name| (process, name)));
                    }
                }
            }
            Ok(names) => scan.found.extend(names.into_iter().flatten().map(|name| (process, name))),
            Err(_) => {
                scan.unseen.insert(process);
            }
        }
    }
    scan
}

/// Names found among the descriptors of one folder; `None` when it has none at all.
fn examine(folder: &Path, what: &impl Fn(&Attributes) -> Option<String>) -> io::Result<Option<Vec<String>>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut names = None;
    for entry in entries {
        let path: PathBuf = match entry {
            Ok(entry) => entry.path(),
            Err(error) if is_gone(&error) => break,
            Err(error) => return Err(error),
        };
        let names = names.get_or_insert_with(Vec::new);
        match stat::attributes(&path) {
            Ok(found) => names.extend(what(&found)),
            // Either the kernel denies looking into this process, then it denies reading the link too; or a
            // FUSE file system denies it to root, and such a file is no device node.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                if let Err(denied) = std::fs::read_link(&path)
                    && !is_gone(&denied)
                {
                    return Err(denied);
                }
            }
            // Closed meanwhile.
            Err(_) => {}
        }
    }
    Ok(names)
}
