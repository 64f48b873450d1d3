//! A drive held for a job, seen from the process that asked for it.
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::claim::{Order, PATIENCE, PATIENCE_STEP, Refusal, StatePaths};
use super::format::HeldBack;
use super::guard::{FileTarget, Guard, GuardSet, Scene, Target};
use super::helper::{self, Answer, Helper, HelperMode};
use super::own_word::{self, OwnWord};
use super::resolve::Resolved;
use super::root::SysRoot;
use super::{DeviceNumber, DriveFacts, Fact, Identity, Reach, gather};
use crate::sys::{ioctl, stat};
use crate::unit::{BlockCount, Reason, ReasonCode};

/// A drive that nothing else uses: claimed exclusively, identified, every guard passed. The claim lasts as
/// long as the descriptor, also when that was passed on to a worker.
#[derive(Debug)]
pub struct Claimed {
    file: File,
    facts: DriveFacts,
    sources: Vec<Fact>,
    notes: Vec<String>,
    state: StatePaths,
    target: Target,
    /// Whether the kernel had no size of it when it was claimed.
    held_back: Option<HeldBack>,
    /// Other units of the drive, where a command concerns them: held and looked at with it.
    units: Vec<Self>,
}

/// Opens and claims a drive in a helper process and takes over its descriptor.
///
/// # Errors
/// Every blocker, each with what releases it, and what could be seen nevertheless; `not-answering` when it
/// took longer than `wait`.
pub fn claim(helper: &Helper, order: &Order, wait: Duration) -> Result<Claimed, Box<Refusal>> {
    let refuse = |reason: Reason| Box::new(Refusal { reasons: vec![reason], seen: None });
    let (answer, descriptor) = helper::ask(helper, HelperMode::Claim, order, wait).map_err(refuse)?;
    let seen = match answer {
        Answer::Claimed(seen) => *seen,
        Answer::Refused { reasons, seen } => {
            return Err(Box::new(Refusal { reasons, seen: seen.map(|seen| *seen) }));
        }
        Answer::Seen(_) => return Err(refuse(mixed_up(order))),
    };
    let file = File::from(descriptor.ok_or_else(|| refuse(mixed_up(order)))?);
    let found = attributes(&file).map_err(|_| refuse(mixed_up(order)))?;
    let (same, target) = match &order.drive {
        Resolved::Node { name, number, .. } => (
            found.file_type == stat::FileType::Block && found.device == (number.major, number.minor),
            Target::Device { name: name.clone(), number: *number },
        ),
        Resolved::File { path } => {
            let (filesystem, inode) = (found.filesystem, found.inode);
            let target = Target::File(FileTarget { path: path.clone(), filesystem, inode });
            (found.file_type == stat::FileType::Plain, target)
        }
    };
    if !same {
        return Err(refuse(mixed_up(order)));
    }
    let state = order.state.clone();
    Ok(Claimed {
        file,
        facts: seen.facts,
        sources: seen.sources,
        notes: seen.notes,
        held_back: seen.held_back,
        state,
        target,
        units: Vec::new(),
    })
}

fn mixed_up(order: &Order) -> Reason {
    let text = format!("the helper for {} did not hand over that drive", order.title());
    Reason::new(ReasonCode::WorkerDied, text, "try again, and report this as a bug")
}

fn attributes(file: &File) -> std::io::Result<stat::Attributes> {
    stat::attributes(&PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())))
}

impl Claimed {
    /// Complete facts, with content.
    pub const fn facts(&self) -> &DriveFacts {
        &self.facts
    }

    /// Facts one by one with their sources.
    pub fn sources(&self) -> &[Fact] {
        &self.sources
    }

    /// What could not be seen, but did not refuse.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The open drive.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Holds these other units of the drive too: every further look is at them as well.
    pub fn hold_units(&mut self, units: Vec<Self>) {
        self.units = units;
    }

    /// The other units of the drive that are held.
    pub fn units(&self) -> &[Self] {
        &self.units
    }

    /// Gives up the guarding and hands over the open drive with its facts.
    pub fn into_parts(self) -> (File, DriveFacts) {
        (self.file, self.facts)
    }

    /// The last look before the first write: everything that [`Self::recheck`] sees, and the descriptors of all
    /// processes. The claim keeps out only those who claim; while a person read the plan, a database may have
    /// opened the raw drive. A passing opener, such as udev, is waited for.
    ///
    /// # Errors
    /// As for [`Self::recheck`], and what has the drive open.
    pub fn recheck_before_arming(&self, root: &SysRoot) -> Result<(), Vec<Reason>> {
        let begin = Instant::now();
        loop {
            let found = self.look_again(root, &GuardSet::without(Guard::Exclusive));
            let passing = |reason: &Reason| reason.code == ReasonCode::OpenElsewhere;
            match found {
                Err(reasons) if reasons.iter().all(passing) && begin.elapsed() < PATIENCE => {
                    std::thread::sleep(PATIENCE_STEP);
                }
                settled => return settled,
            }
        }
    }

    /// Checks again, before signing, that this is still the drive that was claimed and that nothing has come to
    /// use it. No node is opened and the medium is not asked; a drive whose blocks only commands reach is asked for its
    /// capacity. Who merely has it open is not asked either: the
    /// worker has, and a passing reader after the last comparison takes nothing away from the evidence.
    ///
    /// # Errors
    /// `identity-changed`, `drive-gone`, `not-answering`, or what uses the drive now.
    pub fn recheck(&self, root: &SysRoot) -> Result<(), Vec<Reason>> {
        self.look_again(root, &GuardSet::while_held())
    }

    /// From here on the drive has so many blocks: its holder has changed its capacity, and every further look expects that.
    pub fn expect_capacity(&mut self, capacity: BlockCount) {
        if let Reach::Addressable(geometry) | Reach::ByCommand(geometry) = &mut self.facts.reach {
            geometry.capacity = capacity;
        }
    }

    fn look_again(&self, root: &SysRoot, guards: &GuardSet) -> Result<(), Vec<Reason>> {
        let mut reasons = match &self.target {
            Target::Device { number, .. } => self.device_changes(root, *number),
            Target::File(file) => self.file_changes(file),
        };
        let own = vec![std::process::id()];
        reasons.extend(Scene::new(root, &self.target, own, &self.state).run(guards).reasons);
        let units = self.units.iter().map(|unit| unit.look_again(root, guards));
        reasons.extend(units.filter_map(Result::err).flatten());
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    fn device_changes(&self, root: &SysRoot, number: DeviceNumber) -> Vec<Reason> {
        let title = self.facts.title();
        let gone = || {
            let text = format!("{title} has left the kernel's list of devices");
            vec![Reason::new(ReasonCode::DriveGone, text, "check its seat; begin again with: expunge list")]
        };
        let Some(now) = root.name_of(number).and_then(|name| gather::drive_facts(root, &name)) else {
            return gone();
        };
        // Of blocks that only commands reach the kernel sees none, and must go on seeing none.
        let expected = match &self.facts.reach {
            Reach::Addressable(geometry) => geometry.bytes(),
            Reach::ByCommand(_) | Reach::Dead(_) => 0,
        };
        let bytes = match ioctl::size_bytes(self.file.as_fd()) {
            // Until the kernel looks again, it has no size of a drive that could not tell it.
            Ok(0) if self.held_back.is_some() => expected,
            Ok(0) if expected > 0 => return gone(),
            Err(_) => return gone(),
            Ok(bytes) => bytes,
        };
        let diskseq = ioctl::diskseq(self.file.as_fd()).ok().or(now.diskseq);
        let mut changes = Vec::new();
        if diskseq != self.facts.diskseq || now.diskseq != self.facts.diskseq {
            changes.push("another attachment (diskseq)");
        }
        if bytes != expected {
            changes.push("another size");
        }
        if let Reach::ByCommand(geometry) = &self.facts.reach {
            match own_word::of_node(self.file.as_fd(), geometry, self.held_back) {
                Ok(OwnWord::Same) => {}
                Ok(OwnWord::Another) => changes.push("another capacity or block size, by its own word"),
                Err(text) => return vec![own_word::silent(&title, &text)],
            }
        }
        if same_names(&now.identity) != same_names(&self.facts.identity) {
            changes.push("another identity");
        }
        changed(&title, &changes)
    }

    fn file_changes(&self, file: &FileTarget) -> Vec<Reason> {
        let title = self.facts.title();
        let mut changes = Vec::new();
        match attributes(&self.file) {
            Ok(now) if self.facts.geometry().is_some_and(|geometry| geometry.bytes() == now.bytes) => {}
            Ok(_) | Err(_) => changes.push("another size"),
        }
        match stat::attributes(&file.path) {
            Ok(now) if (now.filesystem, now.inode) == (file.filesystem, file.inode) => {}
            Ok(_) | Err(_) => changes.push("another file at its path"),
        }
        changed(&title, &changes)
    }
}

/// The stable facts; of a backing file the path only, since sysfs knows no more.
pub(super) fn same_names(identity: &Identity) -> Identity {
    let mut names = identity.stable();
    if let Some(backing) = &mut names.backing {
        backing.filesystem.clear();
        backing.inode.clear();
    }
    names
}

fn changed(title: &str, changes: &[&str]) -> Vec<Reason> {
    if changes.is_empty() {
        return Vec::new();
    }
    let text = format!("{title} is not the drive that was claimed: {}", changes.join(", "));
    let remedy = "find out which drive is in that place: expunge list; then begin again";
    vec![Reason::new(ReasonCode::IdentityChanged, text, remedy)]
}

/// Drives of one request that are one drive: the same node or unit, one of its paths, or the same file.
pub fn duplicate_identities(drives: &[DriveFacts]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (index, one) in drives.iter().enumerate() {
        for other in drives.get(index + 1..).unwrap_or_default() {
            if let Some(why) = sameness(one, other) {
                let (one, other) = (one.node.display(), other.node.display());
                let text = format!("{one} and {other} are one drive: {why}");
                let remedy = format!("name it once: {one}");
                reasons.push(Reason::new(ReasonCode::DuplicateIdentity, text, remedy));
            }
        }
    }
    reasons
}

/// Why two descriptions are of one drive (unit); the same WWN alone is not enough, makers repeat it.
fn sameness(one: &DriveFacts, other: &DriveFacts) -> Option<&'static str> {
    let (a, b) = (&one.identity, &other.identity);
    let file = |identity: &Identity| {
        let backing = identity.backing.as_ref()?;
        Some((backing.filesystem.clone(), backing.inode.clone())).filter(|(_, inode)| inode != "unknown")
    };
    if one.node == other.node || (one.device.is_some() && one.device == other.device) {
        Some("the same node")
    } else if file(a).is_some() && file(a) == file(b) {
        Some("the same backing file")
    } else if super::discover::is_same_unit(a, b) {
        Some("the same serial number and world wide name")
    } else {
        None
    }
}
