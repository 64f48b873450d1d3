//! Opening a drive, for a look or for a job, and judging what was opened. This runs in the helper process;
//! tests call it directly to take guards away.
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::libc;
use serde::{Deserialize, Serialize};

use super::capture::{Questions, recording};
use super::format::HeldBack;
use super::guard::{FileTarget, Findings, Guard, GuardSet, Scene, Target};
use super::helper::Seen;
use super::identity::BackingFile;
use super::resolve::Resolved;
use super::root::SysRoot;
use super::survey::survey;
use super::{
    Capability, Content, DeviceNumber, DriveFacts, Identity, QueueLimits, Reach, Zoned, classify, format,
    gather, probe, rescan, source,
};
use crate::io::{Fault, FaultKind, channel, zone};
use crate::sys::open::{self, Access, Direct};
use crate::sys::{ioctl, stat};
use crate::unit::term::DriveKind;
use crate::unit::{Geometry, Reason, ReasonCode, ZoneMap};

/// How long a passing opener, such as udev that looks at a new drive, is waited for in all.
pub const PATIENCE: Duration = Duration::from_secs(5);
pub(super) const PATIENCE_STEP: Duration = Duration::from_millis(250);

/// Where records, journal, ledger and key are or will be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatePaths(pub Vec<PathBuf>);

/// What a helper is asked to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The one drive, as resolved.
    pub drive: Resolved,
    /// What must not lie on it.
    pub state: StatePaths,
    /// Its blocks as they were when a job began that is gone on with: while a SCSI drive sanitizes itself, it tells
    /// nobody how many it has.
    #[serde(default)]
    pub shape: Option<Reach>,
}

impl Order {
    /// For a drive of which nothing is known from before.
    pub const fn new(drive: Resolved, state: StatePaths) -> Self {
        Self { drive, state, shape: None }
    }

    /// How messages call the drive before it is known better.
    pub fn title(&self) -> String {
        self.drive.node().display().to_string()
    }
}

/// A drive opened for a job in this process.
#[derive(Debug)]
pub struct ClaimedHere {
    /// The open drive; it carries the exclusive claim and the lock.
    pub file: File,
    /// What was found out on it.
    pub seen: Seen,
}

/// Why a drive was not claimed, and what is known about it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Every blocker.
    pub reasons: Vec<Reason>,
    /// What could be seen without claiming it.
    pub seen: Option<Seen>,
}

/// Opens the drive for a look and tells everything, with what uses it.
///
/// # Errors
/// Why it could not be looked at.
pub fn look_here(root: &SysRoot, order: &Order, own: &[u32]) -> Result<Seen, Vec<Reason>> {
    let opened = open_drive(&order.drive, Access::Look).map_err(|failure| vec![failure.reason(order)])?;
    let mut seen = examine(root, order, &opened)?;
    let target = target(&opened, &order.drive);
    let found = Scene::new(root, &target, own.to_vec(), &order.state).run(&GuardSet::all());
    seen.blockers.extend(found.reasons);
    seen.notes.extend(found.notes);
    Ok(seen)
}

/// Opens the drive for a job: exclusive first, then everything else under that claim (see the guards).
///
/// # Errors
/// Every blocker, and what could be seen without the claim.
pub fn claim_here(
    root: &SysRoot,
    order: &Order,
    own: &[u32],
    set: &GuardSet,
) -> Result<ClaimedHere, Box<Refusal>> {
    let access = if set.has(Guard::Exclusive) { Access::Claim } else { Access::ClaimShared };
    let begin = Instant::now();
    loop {
        let attempt = attempt(root, order, own, set, access);
        match attempt {
            Err(refusal) if begin.elapsed() < patience(&refusal) => std::thread::sleep(PATIENCE_STEP),
            settled => return settled,
        }
    }
}

/// How long such a refusal may still turn out to be a passing opener.
fn patience(refusal: &Refusal) -> Duration {
    let is_passing =
        |reason: &Reason| matches!(reason.code, ReasonCode::ClaimedElsewhere | ReasonCode::OpenElsewhere);
    if refusal.reasons.iter().all(is_passing) {
        PATIENCE
    } else if refusal.reasons.iter().any(is_passing) {
        // It is refused anyway; a passing opener need not be named beside the lasting one.
        Duration::from_secs(1)
    } else {
        Duration::ZERO
    }
}

fn attempt(
    root: &SysRoot,
    order: &Order,
    own: &[u32],
    set: &GuardSet,
    access: Access,
) -> Result<ClaimedHere, Box<Refusal>> {
    let opened = match open_drive(&order.drive, access) {
        Ok(opened) => opened,
        Err(failure) => return Err(Box::new(refused_opening(root, order, own, set, &failure))),
    };
    let mut reasons = Vec::new();
    if let Err(error) = open::lock_exclusive(opened.file.as_fd())
        && set.has(Guard::Exclusive)
    {
        reasons.push(locked(order, &error));
    }
    let mut seen =
        examine(root, order, &opened).map_err(|reasons| Box::new(Refusal { reasons, seen: None }))?;
    let target = target(&opened, &order.drive);
    let Findings { reasons: found, notes } = Scene::new(root, &target, own.to_vec(), &order.state).run(set);
    reasons.append(&mut seen.blockers);
    reasons.extend(found);
    if seen.facts.read_only {
        reasons.push(read_only(order));
    }
    let size = match seen.held_back {
        Some(HeldBack::ByKernel) => seen.facts.geometry().map(Geometry::bytes),
        Some(HeldBack::ByDrive) => None,
        None => format::not_asked_since(&seen.facts),
    };
    if reasons.is_empty()
        && let Some(bytes) = size
    {
        seen = looked_at_again(root, order, &opened, seen, bytes)?;
        reasons.append(&mut seen.blockers);
    }
    // After the last look: what the guards could not see belongs on the record, whichever look it keeps.
    seen.notes.extend(notes);
    if reasons.is_empty() {
        Ok(ClaimedHere { file: opened.file, seen })
    } else {
        Err(Box::new(Refusal { reasons, seen: Some(seen) }))
    }
}

/// Has the kernel ask a drive for its size that could not tell it before, and looks at it once more.
fn looked_at_again(
    root: &SysRoot,
    order: &Order,
    opened: &Opened,
    before: Seen,
    bytes: u64,
) -> Result<Seen, Box<Refusal>> {
    // Whatever comes of it: the size that the kernel tells in the end is what counts.
    drop(rescan::follow(root, opened.file.as_fd(), bytes));
    examine(root, order, opened).map_err(|reasons| Box::new(Refusal { reasons, seen: Some(before) }))
}

/// All guards run although the opening failed, so that every blocker is named at once.
fn refused_opening(root: &SysRoot, order: &Order, own: &[u32], set: &GuardSet, failure: &Failure) -> Refusal {
    let mut reasons = Vec::new();
    if let Some(target) = failure.target(&order.drive) {
        reasons = Scene::new(root, &target, own.to_vec(), &order.state).run(set).reasons;
    }
    let seen = open_drive(&order.drive, Access::Look)
        .map_err(|failure| vec![failure.reason(order)])
        .and_then(|opened| examine(root, order, &opened))
        .ok();
    // The kernel's bare "busy" says nothing more once something was named.
    let busy = failure.errno() == Some(libc::EBUSY);
    if !busy || reasons.is_empty() {
        let mut reason = failure.reason(order);
        let content = seen.iter().flat_map(|seen| &seen.facts.content).map(ToString::to_string);
        let content = content.collect::<Vec<_>>().join(", ");
        if busy && !content.is_empty() {
            // The best hint there is: a pool or file system over several devices claims them silently.
            reason.text = format!("{}; it carries {content}", reason.text);
        }
        reasons.insert(0, reason);
    }
    Refusal { reasons, seen }
}

/// A drive opened, and what was found behind its path.
struct Opened {
    file: File,
    attributes: stat::Attributes,
    direct: Direct,
}

/// Why nothing was opened.
enum Failure {
    Open(std::io::Error),
    /// The path leads to something else than what was resolved.
    Replaced,
}

impl Failure {
    fn errno(&self) -> Option<i32> {
        match self {
            Self::Open(error) => error.raw_os_error(),
            Self::Replaced => None,
        }
    }

    /// What the guards can look at without an open descriptor.
    fn target(&self, drive: &Resolved) -> Option<Target> {
        match (self, drive) {
            (Self::Replaced, _) => None,
            (Self::Open(_), Resolved::Node { name, number, .. }) => {
                Some(Target::Device { name: name.clone(), number: *number })
            }
            (Self::Open(_), Resolved::File { path }) => {
                let found = stat::attributes(path).ok()?;
                let (filesystem, inode) = (found.filesystem, found.inode);
                Some(Target::File(FileTarget { path: path.clone(), filesystem, inode }))
            }
        }
    }

    fn reason(&self, order: &Order) -> Reason {
        let node = order.title();
        let Self::Open(error) = self else {
            let text = format!("{node} is not what it was a moment ago: it leads to another drive or file");
            return Reason::new(ReasonCode::IdentityChanged, text, "look at the drives again: expunge list");
        };
        let (code, text, remedy) = match error.raw_os_error() {
            Some(libc::EBUSY) => (
                ReasonCode::ClaimedElsewhere,
                format!(
                    "the kernel says that {node} is claimed exclusively by something that could not be named"
                ),
                "look for a lazily unmounted file system still in use, a pool or array in use, or a target export; stop it",
            ),
            Some(libc::EROFS) => return read_only(order),
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => (
                ReasonCode::Missing,
                format!("{node} is not there: {error}"),
                "check the drive's seat and look at the drives again: expunge list",
            ),
            Some(libc::ELOOP) => (
                ReasonCode::IdentityChanged,
                format!("{node} became a link after it was resolved"),
                "look at the drives again: expunge list",
            ),
            Some(libc::EACCES | libc::EPERM) => {
                (ReasonCode::GuardBlind, format!("{node} may not be opened: {error}"), "run as root")
            }
            _ => (
                ReasonCode::ProbeFailed,
                format!("{node} could not be opened: {error}"),
                "see the kernel's log for the drive's state",
            ),
        };
        Reason::new(code, text, remedy)
    }
}

fn open_drive(drive: &Resolved, access: Access) -> Result<Opened, Failure> {
    let (file, direct) = match drive {
        Resolved::Node { node, .. } => {
            (open::open_node(node, access).map_err(Failure::Open)?, Direct::Direct)
        }
        Resolved::File { path } => {
            let opened = open::open_plain(path, access).map_err(Failure::Open)?;
            (opened.file, opened.direct)
        }
    };
    open::set_blocking(&file).map_err(Failure::Open)?;
    let descriptor = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)));
    let attributes = stat::attributes(&descriptor).map_err(Failure::Open)?;
    let same = match drive {
        Resolved::Node { number, .. } => {
            attributes.file_type == stat::FileType::Block && attributes.device == (number.major, number.minor)
        }
        Resolved::File { .. } => attributes.file_type == stat::FileType::Plain,
    };
    if same { Ok(Opened { file, attributes, direct }) } else { Err(Failure::Replaced) }
}

fn target(opened: &Opened, drive: &Resolved) -> Target {
    match drive {
        Resolved::Node { name, number, .. } => Target::Device { name: name.clone(), number: *number },
        Resolved::File { path } => Target::File(FileTarget {
            path: path.clone(),
            filesystem: opened.attributes.filesystem,
            inode: opened.attributes.inode,
        }),
    }
}

/// Facts of what was opened: sysfs by the descriptor's own device number, ioctls, and what lies on it.
fn examine(root: &SysRoot, order: &Order, opened: &Opened) -> Result<Seen, Vec<Reason>> {
    let (mut facts, mut sources) = match &order.drive {
        Resolved::Node { node, number, name, diskseq } => {
            node_facts(root, opened, node, *number, name, *diskseq)?
        }
        Resolved::File { path } => file_facts(path, opened),
    };
    let (mut notes, mut questions, mut held_back) = (Vec::new(), None, None);
    match zones_of(&opened.file, &facts) {
        Ok(zones) => facts.zones = zones,
        Err(error) => notes.push(format!("{} does not tell its zones: {error}", order.title())),
    }
    if facts.device.is_some() {
        match ask(&opened.file) {
            Ok(None) => {}
            Ok(Some((capability, asked))) => {
                facts.capability = Some(Box::new(capability));
                questions = Some(asked);
                notes.extend(classify::heed(&mut facts, &mut sources));
                format::heed(&mut facts, &mut sources);
                held_back = format::held_back(&mut facts, order.shape.as_ref());
            }
            Err(text) => notes.push(format!("{} was not asked what it can do: {text}", order.title())),
        }
    }
    let seen = see_content(&order.title(), &opened.file, &mut facts, held_back.is_some(), &mut notes);
    let mut blockers: Vec<Reason> = seen.err().into_iter().collect();
    sources.extend(source::zones(&facts));
    sources.extend(source::own(&facts));
    let capacity_held_back = match &facts.reach {
        Reach::Dead(reason) if reason.code == ReasonCode::NoCapacity => {
            facts.capability.as_ref().and_then(|capability| capability.why_no_capacity())
        }
        Reach::Dead(_) | Reach::Addressable(_) | Reach::ByCommand(_) => None,
    };
    blockers.extend(capacity_held_back);
    sources.extend(source::content(&facts));
    if opened.direct == Direct::Cached {
        let path = order.title();
        notes.push(format!(
            "the file system of {path} has no direct I/O: a read-back may be answered from memory"
        ));
    }
    if held_back.is_some() {
        notes.push(format!(
            "the kernel has no size of {}: it has what it had when the job began",
            order.title()
        ));
    } else if let Some(bytes) = format::not_asked_since(&facts) {
        notes.push(format!(
            "the kernel has no size of {}, which tells {bytes} bytes: a plan or a job has the kernel ask again",
            order.title()
        ));
    }
    Ok(Seen { facts, sources, blockers, notes, questions, held_back })
}

/// Sets what the drive carries: what was found on it, or that it could not be looked at, and says why.
fn see_content(
    title: &str,
    file: &File,
    facts: &mut DriveFacts,
    has_no_size_now: bool,
    notes: &mut Vec<String>,
) -> Result<(), Reason> {
    let out_of_reach = facts.capability.as_ref().and_then(|capability| capability.out_of_reach());
    let (content, why_not) = match (out_of_reach, &facts.reach) {
        // The kernel would try for minutes, and a drive at work on its own command must not be disturbed.
        (Some(why), _) => (vec![Content::unreadable(0)], Some(why.to_string())),
        (None, _) if has_no_size_now => (vec![Content::unreadable(0)], None),
        (None, Reach::ByCommand(geometry)) => {
            let (content, why) = format::content(geometry);
            (content, Some(why))
        }
        (None, Reach::Addressable(geometry)) => {
            let found = probe::probe_file(file, geometry.bytes()).map_err(|error| {
                Reason::new(
                    ReasonCode::ProbeFailed,
                    format!("what {title} carries could not be found out: {error}"),
                    "see the kernel's log; what cannot be read must be taken to be in use",
                )
            })?;
            (found, None)
        }
        (None, Reach::Dead(_)) => return Ok(()),
    };
    facts.content = content;
    notes.extend(why_not.map(|why| format!("what {title} carries was not looked at: {why}")));
    Ok(())
}

/// The zones of a drive that must be written in sequence; `None` for any other.
fn zones_of(file: &File, facts: &DriveFacts) -> std::io::Result<Option<ZoneMap>> {
    let (Zoned::HostManaged, Some(geometry)) = (facts.zoned, facts.geometry()) else { return Ok(None) };
    let zones = zone::report_all(file.as_fd(), geometry)?;
    ZoneMap::of(&zones).map(Some).map_err(std::io::Error::other)
}

/// What the drive says that it can do, and how it was asked; `None` when its driver takes no commands.
fn ask(file: &File) -> Result<Option<(Capability, Questions)>, String> {
    let node = file.try_clone().map_err(|error| error.to_string())?;
    let Some(route) = channel::open(node.into()).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    let nsid = route.nsid;
    let (mut route, recorder) = recording(route);
    let capability = survey(&mut route).map_err(|reason| reason.text)?;
    Ok(Some((capability, Questions { nsid, asked: recorder.take() })))
}

fn node_facts(
    root: &SysRoot,
    opened: &Opened,
    node: &Path,
    number: DeviceNumber,
    name: &str,
    resolved: Option<u64>,
) -> Result<(DriveFacts, Vec<super::Fact>), Vec<Reason>> {
    let gone = || {
        let text = format!("{} has left the kernel's list of devices", node.display());
        vec![Reason::new(ReasonCode::DriveGone, text, "check its seat and look again: expunge list")]
    };
    let named = root.name_of(number).filter(|found| found == name).ok_or_else(gone)?;
    let mut facts = super::discover::facts_with_siblings(root, &named).ok_or_else(gone)?;
    facts.node = node.to_owned();
    let file = opened.file.as_fd();
    let asked = |error: std::io::Error| {
        let text = format!("{} does not tell its shape: {error}", node.display());
        vec![Reason::new(ReasonCode::ProbeFailed, text, "see the kernel's log for the drive's state")]
    };
    let bytes = ioctl::size_bytes(file).map_err(asked)?;
    let logical = ioctl::logical_block_bytes(file).map_err(asked)?;
    let physical = ioctl::physical_block_bytes(file).map_err(asked)?;
    facts.reach = gather::reach(bytes, logical.into(), physical.into());
    facts.read_only |= ioctl::is_read_only(file).map_err(asked)?;
    let before = resolved.or(facts.diskseq);
    match ioctl::diskseq(file) {
        Ok(now) if before.is_some_and(|before| before != now) => {
            let text = format!("{} is another drive than a moment ago (diskseq)", node.display());
            return Err(vec![Reason::new(ReasonCode::IdentityChanged, text, "look again: expunge list")]);
        }
        Ok(now) => facts.diskseq = Some(now),
        // Before Linux 5.15 there is none.
        Err(_) => {}
    }
    if let Some(backing) = &mut facts.identity.backing
        && let Ok(found) = ioctl::loop_backing(file)
    {
        if let Some((major, minor)) = found.device {
            let below = DeviceNumber { major, minor };
            let shown = node.display().to_string();
            return Err(vec![super::resolve::over_device(root, &shown, name, below)]);
        }
        backing.filesystem = format!("{}:{}", found.filesystem.0, found.filesystem.1);
        backing.inode = found.inode.to_string();
    }
    let sources = source::of_node(root, &facts, source::Shape::Opened);
    Ok((facts, sources))
}

/// Block size of a plain file that stands for a drive.
const FILE_BLOCK: u64 = 512;

fn file_facts(path: &Path, opened: &Opened) -> (DriveFacts, Vec<super::Fact>) {
    let found = &opened.attributes;
    let backing = BackingFile {
        path: path.to_owned(),
        filesystem: format!("{}:{}", found.filesystem.0, found.filesystem.1),
        inode: found.inode.to_string(),
    };
    let facts = DriveFacts {
        node: path.to_owned(),
        kernel_name: super::root::file_name(path).unwrap_or_else(|| path.display().to_string()),
        device: None,
        diskseq: None,
        identity: Identity { backing: Some(backing), ..Identity::default() },
        kind: DriveKind::TestObject,
        transport: Some("file".to_owned()),
        bay: None,
        reach: gather::reach(found.bytes, FILE_BLOCK, FILE_BLOCK),
        queue: QueueLimits::default(),
        zoned: Zoned::None,
        zones: None,
        read_only: false,
        removable: false,
        other_units: Vec::new(),
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: None,
    };
    let sources = source::of_file(&facts);
    (facts, sources)
}

fn read_only(order: &Order) -> Reason {
    let node = order.title();
    Reason::new(
        ReasonCode::ReadOnly,
        format!("{node} is read-only"),
        format!("blockdev --setrw {node}; if it comes back, the drive itself is write-protected or worn out"),
    )
}

fn locked(order: &Order, error: &std::io::Error) -> Reason {
    let node = order.title();
    match Fault::from_error(error).kind {
        FaultKind::Other => Reason::new(
            ReasonCode::ClaimedElsewhere,
            format!(
                "{node} is locked (flock) by another program, such as udev, a partitioning tool or Expunge"
            ),
            format!("wait until it has ended: lslocks, fuser {node}"),
        ),
        FaultKind::Medium
        | FaultKind::Transport
        | FaultKind::Target
        | FaultKind::Protection
        | FaultKind::Reservation
        | FaultKind::Gone
        | FaultKind::Changed
        | FaultKind::Refused
        | FaultKind::Unfit
        | FaultKind::Short => Reason::new(
            ReasonCode::ProbeFailed,
            format!("{node} could not be locked: {error}"),
            "see the kernel's log for the drive's state",
        ),
    }
}
