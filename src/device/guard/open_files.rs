//! Descriptors of every process. A plain open claims nothing, so a database or a virtual machine on the raw
//! drive is seen here and nowhere else.
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::{Findings, SEE_ALL, Scene, Target, is_gone, process_title, processes};
use crate::device::DeviceNumber;
use crate::device::root::SysRoot;
use crate::device::stack::Relation;
use crate::device::{multipath, sysfs};
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
    let generic = generic_nodes(scene);
    let scan = scan(scene.root, &scene.own, |found| match (&scene.file, found.file_type) {
        (_, FileType::Block) => {
            let number = DeviceNumber { major: found.device.0, minor: found.device.1 };
            scene.layer(number).map(super::Layer::place)
        }
        (Some(file), FileType::Plain) if (found.filesystem, found.inode) == (file.filesystem, file.inode) => {
            Some(file.path.display().to_string())
        }
        (_, FileType::Character) if generic.contains(&found.device) => {
            Some(format!("a pass-through node of {}", scene.title()))
        }
        // What keeps a file system alive after it was unmounted lazily: nothing else shows it.
        (_, FileType::Plain | FileType::Directory | FileType::Character | FileType::Other) => {
            let number = DeviceNumber { major: found.filesystem.0, minor: found.filesystem.1 };
            scene.layer(number).map(|layer| format!("a file on {}", layer.place()))
        }
    });
    let mut findings = Findings::default();
    let daemon = watches_paths(scene);
    for (process, what) in &scan.found {
        let title = process_title(scene.root, *process);
        if daemon(*process, what) {
            findings
                .notes
                .push(format!("process {title} watches {what}, a path of the map {}", scene.title()));
            continue;
        }
        let text = format!("process {title} has {what} open");
        let remedy = format!("close it in that process, or stop it: kill {process}");
        findings.reasons.push(Reason::new(ReasonCode::OpenElsewhere, text, remedy));
    }
    judge_unseen(scene, scan.unseen, &mut findings);
    judge_namespace(scene, &mut findings);
    findings
}

/// Whether a process is the daemon that watches the paths of this multipath map, and what it has open is one of them:
/// as long as there is the map, it has them open. Whether it is that daemon is said by a name that root alone can give
/// to a process of root's, and who is root needs no such name. The map itself is nobody's.
fn watches_paths<'a>(scene: &'a Scene<'_>) -> impl Fn(u32, &str) -> bool + use<'a> {
    let paths: Vec<String> = match scene.target {
        Target::Device { name, .. } if multipath::is_map(scene.root, name) => {
            let paths = multipath::paths(scene.root, name).unwrap_or_default();
            paths.into_iter().map(|path| path.kernel_name).collect()
        }
        Target::Device { .. } | Target::File(_) => Vec::new(),
    };
    move |process, what| {
        let folder = scene.root.proc.join(process.to_string());
        paths.iter().any(|path| path == what)
            && scene.root.text(&folder.join("comm")).as_deref() == Some("multipathd")
            && scene.root.text(&folder.join("status")).is_some_and(|status| is_of_root(&status))
    }
}

/// Whether all four user numbers in `/proc/PID/status` are root's.
fn is_of_root(status: &str) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    line.is_some_and(|line| line.split_whitespace().eq(["0"; 4]))
}

/// Device numbers of the character nodes that send commands past the block layer (sg, bsg, ng): a virtual machine
/// that was given the drive has one of these open and not the drive's own node.
fn generic_nodes(scene: &Scene<'_>) -> BTreeSet<(u32, u32)> {
    let root = scene.root;
    let wholes = scene.layers.iter().filter(|layer| layer.relation == Relation::Whole);
    let mut nodes = BTreeSet::new();
    for layer in wholes {
        let mut folders = Vec::new();
        if let Some(folder) = root.block_folder(&layer.name) {
            for kind in ["device/scsi_generic", "device/bsg"] {
                let names = root.names(&folder.join(kind));
                folders.extend(names.iter().map(|name| folder.join(kind).join(name)));
            }
        }
        if let Some(rest) = layer.name.strip_prefix("nvme") {
            folders.push(root.sys.join("class/nvme-generic").join(format!("ng{rest}")));
        }
        let numbers = folders.iter().filter_map(|folder| root.text(&folder.join("dev")));
        let numbers = numbers.filter_map(|text| sysfs::device_number(&text));
        nodes.extend(numbers.map(|number| (number.major, number.minor)));
    }
    nodes
}

/// The first process, which hardened hosts protect even from root.
const INIT: u32 = 1;

/// A process that could not be looked into makes root's guard blind. Only for the first process this is a
/// note: where a host protects it, nothing could ever be sanitized there, and it runs no databases.
fn judge_unseen(scene: &Scene<'_>, mut unseen: BTreeSet<u32>, findings: &mut Findings) {
    if unseen.remove(&INIT) {
        findings
            .notes
            .push("the open files of process 1 are protected on this host and were not seen".to_owned());
    }
    let Some(first) = unseen.first() else { return };
    let text =
        format!("the open files of {} processes could not be seen, the first is {first}", unseen.len());
    findings.blind(scene, text, SEE_ALL);
}

/// Name of the initial PID namespace: its inode number is fixed in the kernel (`PROC_PID_INIT_INO`).
const INITIAL_NAMESPACE: &str = "pid:[4026531836]";

/// In a PID namespace of its own, a container say, this process sees only its like: whoever has a real drive open
/// outside stays unseen, and no self-test can tell. Test objects go on with a note.
fn judge_namespace(scene: &Scene<'_>, findings: &mut Findings) {
    let own = std::fs::read_link(scene.root.proc.join("self/ns/pid"));
    let initial = own.as_ref().is_ok_and(|own| own.as_os_str() == INITIAL_NAMESPACE);
    if initial || !scene.root.is_host() {
        return;
    }
    let text = "processes outside this PID namespace (a container) cannot be seen".to_owned();
    let test_object = match scene.target {
        Target::File(_) => true,
        Target::Device { name, .. } => name.starts_with("loop") || name.starts_with("zram"),
    };
    if test_object {
        findings.notes.push(text);
    } else {
        findings.reasons.push(Reason::new(ReasonCode::GuardBlind, text, SEE_ALL));
    }
}

/// Looks at every descriptor of every process but `own`; `what` names those that matter.
pub(super) fn scan(root: &SysRoot, own: &[u32], what: impl Fn(&Attributes) -> Option<String>) -> Scan {
    let mut scan = Scan::default();
    for process in processes(root).into_iter().filter(|process| !own.contains(process)) {
        let folder = root.proc.join(process.to_string());
        // A working directory keeps a file system alive as an open file does.
        if let Some(name) = stat::attributes(&folder.join("cwd")).ok().as_ref().and_then(&what) {
            scan.found.insert((process, name));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::claim::StatePaths;
    use crate::device::guard::{FileTarget, Target};

    /// Without CAP_SYS_PTRACE every look fails and nothing is found: that must not pass as nothing there. A user
    /// who may write a drive's node (group disk) is no safer a guard than root: others may have it open.
    #[test]
    fn processes_that_cannot_be_seen_refuse_for_drives_and_for_root() {
        let (root, state) = (SysRoot::fixture(Path::new("/no/such/tree")), StatePaths::default());
        let number = DeviceNumber { major: 8, minor: 0 };
        let drive = Target::Device { name: "sda".to_owned(), number };
        let file = FileTarget { path: "/a".into(), filesystem: (8, 1), inode: 2 };
        let judged = |target: &Target, unseen: BTreeSet<u32>| {
            let mut findings = Findings::default();
            judge_unseen(&Scene::new(&root, target, Vec::new(), &state), unseen, &mut findings);
            findings
        };
        let found = judged(&drive, [1].into());
        assert!(found.reasons.is_empty() && found.notes.len() == 1);
        let found = judged(&drive, [1, 70].into());
        assert_eq!(found.reasons[0].code, ReasonCode::GuardBlind);
        assert!(found.reasons[0].text.contains("first is 70"));
        let found = judged(&Target::File(file), [1, 70].into());
        assert_eq!((found.reasons.len(), found.notes.len()), if stat::is_root() { (1, 1) } else { (0, 2) });
    }
}
