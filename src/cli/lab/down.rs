//! `expunge lab down`: takes away what the manifest lists, if it is still what was made.
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::manifest::{FileIdentity, LabDrive, LoopNumber, Manifest};
use super::{DownArgs, LabError, conclude, directory};
use crate::sys::loopdev;
use crate::unit::term::Exit;

/// How long a passing opener, such as udev, may hold a device.
const PATIENCE: Duration = Duration::from_secs(3);

/// Takes a lab away. What is not what was made stays, and is named: exit 3.
pub fn down(args: &DownArgs, out: &mut dyn Write) -> Exit {
    let result = directory(args.dir.as_ref()).and_then(|directory| take_away(&directory, out));
    conclude(result, out)
}

/// Why something of a lab stays where it is.
enum Left {
    /// Somebody mounts it or has claimed it.
    InUse,
    /// It is held open and goes away when that ends.
    HeldOpen,
    /// Our file was attached anew, by somebody else.
    AnotherDevice,
    /// The name leads to another file now.
    AnotherFile,
    /// The system said no.
    Error(io::Error),
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("it is mounted or claimed; release it and run lab down again"),
            Self::HeldOpen => f.write_str("a process holds it open; end that and run lab down again"),
            Self::AnotherDevice => f.write_str(
                "our file was attached anew, not by this lab; losetup -d it and run lab down again",
            ),
            Self::AnotherFile => f.write_str("it is not the file that this lab made"),
            Self::Error(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for Left {
    fn from(error: io::Error) -> Self {
        Self::Error(error)
    }
}

/// Takes away everything on the manifest in `directory`. What stays remains on the manifest.
pub(super) fn take_away(directory: &Path, out: &mut dyn Write) -> Result<Exit, LabError> {
    let Some(mut manifest) = Manifest::read(directory)? else {
        writeln!(out, "No lab is up in {}.", directory.display())?;
        return Ok(Exit::Success);
    };
    let mut kept = Vec::new();
    for drive in std::mem::take(&mut manifest.drives) {
        let node = drive.node(directory);
        match take_drive(&drive, directory) {
            Ok(()) => writeln!(out, "{} is gone", node.display())?,
            Err(left) => {
                writeln!(out, "{} stays: {left}", node.display())?;
                kept.push(drive);
            }
        }
    }
    if kept.is_empty() {
        Manifest::remove(directory)?;
        return Ok(Exit::Success);
    }
    manifest.drives = kept;
    manifest.write(directory)?;
    Ok(Exit::Refused)
}

fn take_drive(drive: &LabDrive, directory: &Path) -> Result<(), Left> {
    if let Some(device) = drive.device {
        detach(device, &drive.identity)?;
    }
    let path = directory.join(&drive.file);
    match fs::symlink_metadata(&path) {
        Ok(metadata) if FileIdentity::of(&metadata) == drive.identity => Ok(fs::remove_file(&path)?),
        Ok(_) => Err(Left::AnotherFile),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Left::Error(error)),
    }
}

/// Detaches the loop device if our file is behind it. Judged and detached through one descriptor, claimed
/// exclusively, so that neither a mount nor another attachment can come between.
fn detach(device: LoopNumber, identity: &FileIdentity) -> Result<(), Left> {
    let Some(node) = claim(device, identity)? else { return Ok(()) };
    if !is_behind(&node, identity)? {
        return Ok(());
    }
    if !device.is_same_attachment() {
        return Err(Left::AnotherDevice);
    }
    loopdev::detach(&node)?;
    drop(node);
    let end = Instant::now() + PATIENCE;
    while is_ours(device, identity)? {
        if Instant::now() >= end {
            return Err(Left::HeldOpen);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The node of our device, claimed; `None` when another file or none is behind it: ours was detached before,
/// and whatever stands there now is somebody else's and none of our business. A passing claim is waited for.
fn claim(device: LoopNumber, identity: &FileIdentity) -> Result<Option<File>, Left> {
    let end = Instant::now() + PATIENCE;
    while is_ours(device, identity)? {
        match OpenOptions::new().read(true).custom_flags(libc::O_EXCL).open(device.node()) {
            Ok(node) => return Ok(Some(node)),
            Err(error) if error.kind() != io::ErrorKind::ResourceBusy => return Err(Left::Error(error)),
            Err(_) if Instant::now() >= end => return Err(Left::InUse),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
    Ok(None)
}

fn is_ours(device: LoopNumber, identity: &FileIdentity) -> io::Result<bool> {
    match File::open(device.node()) {
        Ok(node) => is_behind(&node, identity),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_behind(node: &File, identity: &FileIdentity) -> io::Result<bool> {
    let backing = loopdev::backing(node)?;
    Ok(backing.is_some_and(|backing| FileIdentity::new(backing.filesystem, backing.inode) == *identity))
}
