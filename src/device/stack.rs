//! What stands on a drive, and what a device stands on: partitions, holders and loop devices, to any depth.
use std::collections::BTreeSet;
use std::path::PathBuf;

use super::DeviceNumber;
use super::root::{SysRoot, file_name};

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

/// A bound loop device and its backing, as sysfs names it.
struct BoundLoop {
    name: String,
    backing: PathBuf,
    /// Devices that the backing is or lies on.
    numbers: Vec<DeviceNumber>,
}

fn bound_loops(root: &SysRoot) -> Vec<BoundLoop> {
    let names = root.names(&root.sys.join("block"));
    let bound = |name: String| {
        let backing = loop_backing(root, &name)?;
        let numbers = numbers_under(root, &backing);
        Some(BoundLoop { name, backing, numbers })
    };
    names.into_iter().filter(|name| name.starts_with("loop")).filter_map(bound).collect()
}

fn loop_backing(root: &SysRoot, name: &str) -> Option<PathBuf> {
    root.text(&root.block_folder(name)?.join("loop/backing_file")).map(PathBuf::from)
}

/// The device that a path is, or those on which its file system stands.
pub fn numbers_under(root: &SysRoot, path: &std::path::Path) -> Vec<DeviceNumber> {
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
pub fn above_file(root: &SysRoot, is_backing: impl Fn(&std::path::Path) -> bool) -> Vec<Layer> {
    let over = bound_loops(root).into_iter().filter(|bound| is_backing(&bound.backing));
    let layer = |bound: BoundLoop| {
        let relation = Relation::Loop { of: bound.backing.display().to_string(), backing: bound.backing };
        Some(Layer { number: root.number_of(&bound.name)?, name: bound.name, relation })
    };
    grow(root, over.filter_map(layer).collect(), 0)
}

/// Adds what stands on the layers from `next` on, until nothing is added.
fn grow(root: &SysRoot, mut layers: Vec<Layer>, mut next: usize) -> Vec<Layer> {
    let loops = bound_loops(root);
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
        for bound in loops.iter().filter(|bound| bound.numbers.contains(&layer.number)) {
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
        if let Some(backing) = loop_backing(root, &name) {
            todo.extend(numbers_under(root, &backing));
            below.files.insert(backing);
        }
    }
    below
}
