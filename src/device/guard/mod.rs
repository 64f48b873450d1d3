//! The guards: each looks for one way in which a drive can be in use and names what releases it. No single
//! one is enough (each misses what others see), so all run, and all blockers are told at once. Nothing is
//! ever released here.

mod exports;
mod holders;
mod mounts;
mod open_files;
mod selftest;
mod swaps;
mod system;

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::claim::StatePaths;
use super::root::SysRoot;
use super::stack::{self, BoundLoop, Layer, Relation, Told};
use super::{DeviceNumber, discover, multipath, procfs};
use crate::sys::stat;
use crate::unit::{Reason, ReasonCode};

pub use selftest::{guard_self_test, hold};

/// What gives sight back to the guards that look at other processes.
const SEE_ALL: &str = "run with CAP_SYS_PTRACE and with all of /proc (no hidepid, no private PID namespace)";

/// One guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// The exclusive open: the kernel refuses while anything else claims the drive.
    Exclusive,
    /// Block devices that stand on the drive or on a partition of it, and exports of it by the kernel.
    Holders,
    /// Loop devices over the drive, or over a file on it.
    LoopBacking,
    /// Mounts of every process, by device number.
    Mounts,
    /// Swap areas in use.
    Swaps,
    /// Descriptors of every process.
    OpenFiles,
    /// What this system runs from.
    RootDevice,
    /// What carries records, journal and key.
    StateDevice,
}

impl Guard {
    /// Every guard.
    pub const ALL: [Self; 8] = [
        Self::Exclusive,
        Self::Holders,
        Self::LoopBacking,
        Self::Mounts,
        Self::Swaps,
        Self::OpenFiles,
        Self::RootDevice,
        Self::StateDevice,
    ];
}

/// Which guards run. All of them in the program; tests take some away to show what each does alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardSet(BTreeSet<Guard>);

impl GuardSet {
    /// All guards.
    pub fn all() -> Self {
        Self(Guard::ALL.into())
    }

    /// One guard alone.
    pub fn only(guard: Guard) -> Self {
        Self([guard].into())
    }

    /// All but one.
    pub fn without(guard: Guard) -> Self {
        Self(Guard::ALL.into_iter().filter(|other| *other != guard).collect())
    }

    /// Those that may be asked again while the drive is held: the exclusive open and the descriptors are our
    /// own by then.
    pub fn while_held() -> Self {
        let own = [Guard::Exclusive, Guard::OpenFiles];
        Self(Guard::ALL.into_iter().filter(|guard| !own.contains(guard)).collect())
    }

    /// Whether the guard runs.
    pub fn has(&self, guard: Guard) -> bool {
        self.0.contains(&guard)
    }
}

/// The plain file that stands for a drive, as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTarget {
    /// Absolute path without links.
    pub path: PathBuf,
    /// Major and minor number of its file system.
    pub filesystem: (u32, u32),
    /// Inode number.
    pub inode: u64,
}

/// What is guarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A whole block device.
    Device {
        /// Kernel name.
        name: String,
        /// Device number.
        number: DeviceNumber,
    },
    /// A plain file.
    File(FileTarget),
}

/// Everything the guards look at.
#[derive(Debug)]
pub struct Scene<'a> {
    root: &'a SysRoot,
    target: &'a Target,
    layers: Vec<Layer>,
    /// Processes of this very claim.
    own: Vec<u32>,
    state: &'a StatePaths,
    /// The plain file behind the target: itself, or the backing of a loop device.
    file: Option<FileTarget>,
}

/// What guards found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Each blocker, with what releases it.
    pub reasons: Vec<Reason>,
    /// What could not be seen but does not refuse.
    pub notes: Vec<String>,
}

impl<'a> Scene<'a> {
    /// Looks at what stands on the target now. `own` are processes that may have it open.
    pub fn new(root: &'a SysRoot, target: &'a Target, own: Vec<u32>, state: &'a StatePaths) -> Self {
        let file;
        let layers = match target {
            // Another path to the same drive is the same drive, and the claim on this node does not cover it.
            Target::Device { name, .. } => {
                let mut layers = stack::above(root, name);
                for path in discover::other_paths(root, name) {
                    let known = |layer: &Layer| {
                        layers.contains(layer) || multipath::holds_itself(root, name, &layer.name)
                    };
                    let more: Vec<Layer> =
                        stack::above(root, &path).into_iter().filter(|layer| !known(layer)).collect();
                    layers.extend(more);
                }
                file = stack::bound_loop(root, name).and_then(|bound| backing_file(root, &bound));
                if let Some(file) = &file {
                    // What else uses the file would be overwritten through this loop device all the same.
                    let over = |bound: &BoundLoop| bound.name != *name && is_backing(root, file, bound);
                    layers.extend(stack::above_file(root, over));
                }
                layers
            }
            Target::File(plain) => {
                file = Some(plain.clone());
                stack::above_file(root, |bound| is_backing(root, plain, bound))
            }
        };
        Self { root, target, layers, own, state, file }
    }

    /// Runs the guards of `set` once, but for the exclusive open, which is the opener's.
    pub fn run(&self, set: &GuardSet) -> Findings {
        let mut findings = Findings::default();
        for guard in Guard::ALL.into_iter().filter(|guard| set.has(*guard)) {
            let found = match guard {
                Guard::Exclusive => Findings::default(),
                Guard::Holders => holders::holders(self).and(exports::exports(self)),
                Guard::LoopBacking => holders::loops(self),
                Guard::Mounts => mounts::mounts(self),
                Guard::Swaps => swaps::swaps(self),
                Guard::OpenFiles => open_files::open_files(self),
                Guard::RootDevice => system::root_device(self),
                Guard::StateDevice => system::state_device(self),
            };
            findings = findings.and(found);
        }
        findings
    }

    /// Name of the layer with this device number.
    fn layer(&self, number: DeviceNumber) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.number == number)
    }

    /// How messages call the target.
    fn title(&self) -> String {
        match self.target {
            Target::Device { name, .. } => name.clone(),
            Target::File(file) => file.path.display().to_string(),
        }
    }
}

impl Findings {
    fn and(mut self, more: Self) -> Self {
        self.reasons.extend(more.reasons);
        self.notes.extend(more.notes);
        self
    }

    /// Adds what could not be seen. A drive is refused for it; so is anything root asks for, who must see all. A
    /// user who plays with a plain file need not: no other user can have it in use without the right to read it.
    fn blind(&mut self, scene: &Scene<'_>, text: String, remedy: &str) {
        match scene.target {
            Target::File(_) if !stat::is_root() => self.notes.push(text),
            Target::File(_) | Target::Device { .. } => {
                self.reasons.push(Reason::new(ReasonCode::GuardBlind, text, remedy));
            }
        }
    }
}

impl From<Vec<Reason>> for Findings {
    fn from(reasons: Vec<Reason>) -> Self {
        Self { reasons, notes: Vec::new() }
    }
}

impl Layer {
    /// Where in the drive this is, for messages: `sda2`, `dm-0 on sda2`.
    fn place(&self) -> String {
        match &self.relation {
            Relation::Whole | Relation::Partition => self.name.clone(),
            Relation::Holder { of } | Relation::Loop { of, .. } => format!("{} on {of}", self.name),
        }
    }
}

/// Whether a path named by the kernel is this plain file: by inode where it can be looked at, else by text.
fn is_file(root: &SysRoot, file: &FileTarget, path: &std::path::Path) -> bool {
    if root.is_host()
        && root.may_be_looked_at(path)
        && let Ok(found) = stat::attributes(path)
    {
        return (found.filesystem, found.inode) == (file.filesystem, file.inode);
    }
    path == file.path
}

/// Whether a loop device stands on this plain file.
fn is_backing(root: &SysRoot, file: &FileTarget, bound: &BoundLoop) -> bool {
    match &bound.told {
        Told::Backing(found) => (found.filesystem, found.inode) == (file.filesystem, file.inode),
        Told::NotAsked | Told::Silent => is_file(root, file, &bound.backing),
    }
}

/// The plain file on which a loop device stands, as far as it can be told.
fn backing_file(root: &SysRoot, bound: &BoundLoop) -> Option<FileTarget> {
    let path = bound.backing.clone();
    match &bound.told {
        Told::Backing(found) => {
            let (filesystem, inode) = (found.filesystem, found.inode);
            found.device.is_none().then_some(FileTarget { path, filesystem, inode })
        }
        Told::NotAsked | Told::Silent => {
            let looked = root.is_host() && root.may_be_looked_at(&path);
            let found = looked.then(|| stat::attributes(&path).ok()).flatten()?;
            let (filesystem, inode) = (found.filesystem, found.inode);
            (found.file_type == stat::FileType::Plain).then_some(FileTarget { path, filesystem, inode })
        }
    }
}

/// Numbers of all processes in procfs.
fn processes(root: &SysRoot) -> Vec<u32> {
    let names = root.names(&root.proc);
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// `812 (postgres)`.
fn process_title(root: &SysRoot, process: u32) -> String {
    match root.text(&root.proc.join(process.to_string()).join("comm")) {
        Some(command) => format!("{process} ({command})"),
        None => process.to_string(),
    }
}

/// Whether an error says that the process is gone, or never had what was asked for (kernel threads, zombies).
fn is_gone(error: &std::io::Error) -> bool {
    use nix::libc::{EINVAL, ENOENT, ESRCH};
    matches!(error.raw_os_error(), Some(ENOENT | ESRCH | EINVAL))
}

/// Summary for lists: what uses the device, without looking at other processes' descriptors.
pub fn usage(root: &SysRoot, name: &str, number: DeviceNumber) -> Vec<Reason> {
    let target = Target::Device { name: name.to_owned(), number };
    let state = StatePaths::default();
    Scene::new(root, &target, Vec::new(), &state).run(&GuardSet::while_held()).reasons
}

/// Mount tables of all mount namespaces: one process of each, and its mounts; and the processes whose table could
/// not be read or understood.
fn mount_tables(root: &SysRoot) -> (Vec<(u32, Vec<procfs::Mount>)>, Vec<u32>) {
    let (mut tables, mut unseen) = (Vec::new(), Vec::new());
    let mut known = BTreeSet::new();
    for process in processes(root) {
        let folder = root.proc.join(process.to_string());
        // A process whose root was changed sees only the mounts below it, so one of each root is asked.
        let space = std::fs::read_link(folder.join("ns/mnt"));
        let top = stat::attributes(&folder.join("root")).map(|found| (found.filesystem, found.inode));
        let view = space.ok().zip(top.ok());
        if view.as_ref().is_some_and(|view| known.contains(view)) {
            continue;
        }
        match std::fs::read(folder.join("mountinfo")) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                if !procfs::is_complete(&text) {
                    unseen.push(process);
                }
                known.extend(view);
                tables.push((process, procfs::mounts(&text)));
            }
            Err(error) if is_gone(&error) => {}
            Err(_) => unseen.push(process),
        }
    }
    (tables, unseen)
}
