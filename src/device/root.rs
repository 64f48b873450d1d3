//! Where sysfs, procfs, the nodes and runtime state are: the host's, or a fixture's.
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::procfs::{self, Mount};
use super::{DeviceNumber, sysfs};
use crate::sys::stat::{self, FileType};

/// The four trees that everything here reads, so that it runs on a fixture as on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysRoot {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/proc`.
    pub proc: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
    /// `/run`.
    pub run: PathBuf,
}

impl SysRoot {
    /// This machine.
    pub fn host() -> Self {
        Self { sys: "/sys".into(), proc: "/proc".into(), dev: "/dev".into(), run: "/run".into() }
    }

    /// A tree with the folders `sys`, `proc`, `dev` and `run`.
    pub fn fixture(folder: &Path) -> Self {
        let part = |name: &str| folder.join(name);
        Self { sys: part("sys"), proc: part("proc"), dev: part("dev"), run: part("run") }
    }

    /// Whether nodes and paths named in procfs can be looked at; in a fixture only their names mean anything.
    pub fn is_host(&self) -> bool {
        self.dev == Path::new("/dev")
    }

    /// Folder of a block device or partition, links resolved; `None` when the kernel has no such name.
    pub fn block_folder(&self, name: &str) -> Option<PathBuf> {
        let class = self.sys.join("class/block").join(name);
        fs::canonicalize(class).or_else(|_| fs::canonicalize(self.sys.join("block").join(name))).ok()
    }

    /// Kernel name of a device number.
    pub fn name_of(&self, number: DeviceNumber) -> Option<String> {
        let folder = fs::canonicalize(self.sys.join("dev/block").join(number.to_string())).ok()?;
        file_name(&folder)
    }

    /// Device number of a kernel name.
    pub fn number_of(&self, name: &str) -> Option<DeviceNumber> {
        sysfs::device_number(&self.text(&self.block_folder(name)?.join("dev"))?)
    }

    /// Content of an attribute without white space at its ends; `None` when it is absent, empty or unreadable.
    pub fn text(&self, path: &Path) -> Option<String> {
        let bytes = fs::read(path).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\0');
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// An attribute that is a number.
    pub fn number(&self, path: &Path) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// Names in a folder, sorted; empty when there is none.
    pub fn names(&self, folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Name of the whole drive that `name` is a partition of, or `name` itself.
    pub fn whole(&self, name: &str) -> String {
        let parent = || {
            let folder = self.block_folder(name)?;
            folder.join("partition").exists().then_some(())?;
            file_name(folder.parent()?)
        };
        parent().unwrap_or_else(|| name.to_owned())
    }

    /// Device number behind a path named in procfs or sysfs, when it is a block device.
    pub fn number_of_path(&self, path: &Path) -> Option<DeviceNumber> {
        if self.is_host()
            && self.may_be_looked_at(path)
            && let Ok(found) = stat::attributes(path)
        {
            return (found.file_type == FileType::Block)
                .then_some(DeviceNumber { major: found.device.0, minor: found.device.1 });
        }
        let name = path.strip_prefix("/dev").ok()?.to_str()?;
        self.number_of(&name.replace('/', "!"))
    }

    /// The mounts of this process and of the first one: what the machine itself stands on.
    pub fn own_mounts(&self) -> Vec<Mount> {
        let mut mounts: Vec<Mount> = Vec::new();
        for process in ["self", "1"] {
            if let Ok(text) = fs::read(self.proc.join(process).join("mountinfo")) {
                mounts.extend(procfs::mounts(&String::from_utf8_lossy(&text)));
            }
        }
        mounts
    }

    /// The mount that holds `path`, by its text alone: the last of those with the longest mount point.
    pub fn mount_of(&self, path: &Path) -> Option<Mount> {
        let holds = |mount: &Mount| path.starts_with(&mount.point);
        self.own_mounts().into_iter().filter(holds).max_by_key(|mount| mount.point.components().count())
    }

    /// Device numbers on which a mount stands: its own, or, where that is anonymous, those of its source.
    pub fn numbers_of_mount(&self, mount: &Mount) -> Vec<DeviceNumber> {
        if mount.device.major != 0 {
            return vec![mount.device];
        }
        let Some(first) = self.number_of_path(Path::new(&mount.source)) else { return Vec::new() };
        let mut all = vec![first];
        // A file system over several devices shows one; sysfs knows all of a btrfs.
        if let Some((_, devices)) =
            self.btrfs_sets().into_iter().find(|(_, devices)| devices.contains(&first))
        {
            all.extend(devices);
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Mounted btrfs file systems: UUID and the device numbers of all members.
    pub fn btrfs_sets(&self) -> Vec<(String, Vec<DeviceNumber>)> {
        let folder = self.sys.join("fs/btrfs");
        let members = |uuid: &String| {
            let names = self.names(&folder.join(uuid).join("devices"));
            names.iter().filter_map(|name| self.number_of(name)).collect::<Vec<_>>()
        };
        let sets = self.names(&folder).into_iter().map(|uuid| (uuid.clone(), members(&uuid)));
        sets.filter(|(_, members)| !members.is_empty()).collect()
    }

    /// Whether walking this path cannot wait for a server: not below a network or FUSE mount.
    pub fn may_be_looked_at(&self, path: &Path) -> bool {
        self.mount_of(path).is_none_or(|mount| !procfs::may_hang(&mount.kind))
    }
}

/// Last part of a path as text.
pub(crate) fn file_name(path: &Path) -> Option<String> {
    path.file_name().and_then(OsStr::to_str).map(ToOwned::to_owned)
}
