//! What stands on a drive, and what a device stands on: partitions, holders and loop devices, to any depth.
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::DeviceNumber;
use super::root::{SysRoot, file_name};
use crate::sys::ioctl::{self, LoopBacking};
use crate::sys::open;

/// How a layer stands on the one below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The drive itself.
    Whole,
    /// A partition of it.
    Partition,
    /// A device such as md, dm or bcache that the kernel names as holder of the layer `of`.
    Holder {
        /// Kernel name of the layer below.
        of: String,
    },
    /// A loop device over the layer `of`, or over a file on its file system.
    Loop {
        /// Kernel name of the layer below, or the path of the plain file.
        of: String,
        /// What the loop device names as its backing.
        backing: PathBuf,
    },
}

/// One device that stands on the drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Kernel name.
    pub name: String,
    /// Device number.
    pub number: DeviceNumber,
    /// How it stands there.
    pub relation: Relation,
}

/// What the kernel answered when it was asked what a loop device stands on. The path in sysfs alone will not do:
/// it may have been deleted, or mean something else in the mount namespace where it was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Device, file system and inode number of the backing.
    Backing(LoopBacking),
    /// It was not asked: a fixture, or a backing whose server may not answer.
    NotAsked,
    /// It could not be asked.
    Silent,
}

/// A bound loop device and its backing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundLoop {
    /// Kernel name.
    pub name: String,
    /// The backing as sysfs names it.
    pub backing: PathBuf,
    /// The backing as the kernel knows it.
    pub told: Told,
}

impl BoundLoop {
    /// The device that the backing is; `None` for a plain file.
    pub fn device(&self, root: &SysRoot) -> Option<DeviceNumber> {
        match &self.told {
            Told::Backing(found) => found.device.map(|(major, minor)| DeviceNumber { major, minor }),
            Told::NotAsked | Told::Silent => root.number_of_path(&self.backing),
        }
    }

    /// Devices that the backing is or lies on.
    fn numbers(&self, root: &SysRoot) -> Vec<DeviceNumber> {
        if let Some(device) = self.device(root) {
            return vec![device];
        }
        let mut numbers = numbers_under(root, &self.backing);
        if let Told::Backing(LoopBacking { filesystem: (major, minor), .. }) = self.told {
            numbers.push(DeviceNumber { major, minor });
        }
        numbers
    }
}

/// Every bound loop device.
pub fn bound_loops(root: &SysRoot) -> Vec<BoundLoop> {
    let names = root.names(&root.sys.join("block"));
    names.iter().filter(|name| name.starts_with("loop")).filter_map(|name| bound_loop(root, name)).collect()
}

/// The loop device `name`; `None` when it is no loop device, or has no backing.
pub fn bound_loop(root: &SysRoot, name: &str) -> Option<BoundLoop> {
    let backing = loop_backing(root, name)?;
    let told = match (root.is_host() && root.may_be_looked_at(&backing)).then(|| asked(root, name)) {
        None => Told::NotAsked,
        Some(Ok(found)) => Told::Backing(found),
        // It may have been detached meanwhile; then there is nothing left to ask.
        Some(Err(_)) => loop_backing(root, name).map(|_| Told::Silent)?,
    };
    Some(BoundLoop { name: name.to_owned(), backing, told })
}

fn asked(root: &SysRoot, name: &str) -> std::io::Result<LoopBacking> {
    let node = open::open_node(&root.dev.join(name), open::Access::Look)?;
    ioctl::loop_backing(node.as_fd())
}

fn loop_backing(root: &SysRoot, name: &str) -> Option<PathBuf> {
    root.text(&root.block_folder(name)?.join("loop/backing_file")).map(PathBuf::from)
}

/// The device that a path is, or those on which its file system stands.
pub fn numbers_under(root: &SysRoot, path: &Path) -> Vec<DeviceNumber> {
    root.number_of_path(path).map_or_else(
        || root.mount_of(path).map(|mount| root.numbers_of_mount(&mount)).unwrap_or_default(),
        |number| vec![number],
    )
}

/// The whole device `name` and everything that stands on it.
pub fn above(root: &SysRoot, name: &str) -> Vec<Layer> {
    let Some(number) = root.number_of(name) else { return Vec::new() };
    grow(root, vec![Layer { name: name.to_owned(), number, relation: Relation::Whole }], 0)
}

/// Everything that stands on a plain file: loop devices over it, and what stands on them.
pub fn above_file(root: &SysRoot, is_backing: impl Fn(&BoundLoop) -> bool) -> Vec<Layer> {
    let over = bound_loops(root).into_iter().filter(is_backing);
    let layer = |bound: BoundLoop| {
        let relation = Relation::Loop { of: bound.backing.display().to_string(), backing: bound.backing };
        Some(Layer { number: root.number_of(&bound.name)?, name: bound.name, relation })
    };
    grow(root, over.filter_map(layer).collect(), 0)
}

/// Adds what stands on the layers from `next` on, until nothing is added.
fn grow(root: &SysRoot, mut layers: Vec<Layer>, mut next: usize) -> Vec<Layer> {
    let bound = bound_loops(root);
    let loops: Vec<_> = bound.into_iter().map(|bound| (bound.numbers(root), bound)).collect();
    while let Some(layer) = layers.get(next).cloned() {
        next += 1;
        let Some(folder) = root.block_folder(&layer.name) else { continue };
        let mut found: Vec<(String, Relation)> = Vec::new();
        for name in root.names(&folder) {
            if folder.join(&name).join("partition").exists() {
                found.push((name, Relation::Partition));
            }
        }
        for name in root.names(&folder.join("holders")) {
            found.push((name, Relation::Holder { of: layer.name.clone() }));
        }
        for (_, bound) in loops.iter().filter(|(numbers, _)| numbers.contains(&layer.number)) {
            let relation = Relation::Loop { of: layer.name.clone(), backing: bound.backing.clone() };
            found.push((bound.name.clone(), relation));
        }
        for (name, relation) in found {
            let known = layers.iter().any(|layer| layer.name == name);
            if let (false, Some(number)) = (known, root.number_of(&name)) {
                layers.push(Layer { name, number, relation });
            }
        }
    }
    layers
}

/// Everything that some devices stand on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// The devices themselves and all below them.
    pub numbers: BTreeSet<DeviceNumber>,
    /// Backing files of loop devices on the way down.
    pub files: BTreeSet<PathBuf>,
}

/// Follows partitions, slaves and loop backings down from `numbers`.
pub fn below(root: &SysRoot, numbers: &[DeviceNumber]) -> Below {
    let mut below = Below::default();
    let mut todo = numbers.to_vec();
    while let Some(number) = todo.pop() {
        if !below.numbers.insert(number) {
            continue;
        }
        let Some(name) = root.name_of(number) else { continue };
        let Some(folder) = root.block_folder(&name) else { continue };
        if folder.join("partition").exists() {
            todo.extend(folder.parent().and_then(file_name).and_then(|whole| root.number_of(&whole)));
        }
        todo.extend(root.names(&folder.join("slaves")).iter().filter_map(|slave| root.number_of(slave)));
        if let Some(bound) = bound_loop(root, &name) {
            todo.extend(bound.numbers(root));
            below.files.insert(bound.backing);
        }
    }
    below
}
