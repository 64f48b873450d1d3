//! Shows that the guard on open files is not blind: without the right to look at other processes it finds
//! nothing and reports no error either.
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::open_files;
use crate::device::helper::{Helper, HelperMode};
use crate::device::root::SysRoot;
use crate::sys::passing;
use crate::sys::stat::{self, FileType};
use crate::unit::{Reason, ReasonCode};

/// How long a child may take to say that it is there.
const READY: Duration = Duration::from_secs(10);

/// Lets a child hold a file of ours open and looks for it as the guard does.
///
/// # Errors
/// `guard-blind` when it is not found, or when the child could not be started.
pub fn guard_self_test(root: &SysRoot, helper: &Helper) -> Result<(), Reason> {
    let blind = |what: String| {
        Reason::new(
            ReasonCode::GuardBlind,
            format!("the guard on open files could not be tested: {what}"),
            super::SEE_ALL,
        )
    };
    let file = memfd_create(c"expunge-guard-self-test", MFdFlags::MFD_CLOEXEC)
        .map_err(|errno| blind(format!("memfd: {errno}")))?;
    let own = std::process::id();
    let marked = stat::attributes(&root.proc.join("self/fd").join(number(&file)))
        .map_err(|error| blind(format!("/proc/self/fd: {error}")))?;
    let child = helper
        .start(HelperMode::Hold, "", Some(file))
        .map_err(|error| blind(format!("the child could not be started: {error}")))?;
    let ready = passing::receive_some(child.socket.as_fd(), Instant::now() + READY);
    let scan = open_files::scan(root, &[own], |found| {
        let same = (found.file_type, found.filesystem, found.inode)
            == (FileType::Plain, marked.filesystem, marked.inode);
        same.then(String::new)
    });
    let process = child.process.id();
    child.abandon();
    ready.map_err(|error| blind(format!("the child did not answer: {error}")))?;
    if scan.found.iter().any(|(found, _)| *found == process) {
        return Ok(());
    }
    Err(blind("it did not see a file that another process of ours holds open".to_owned()))
}

fn number(file: &OwnedFd) -> String {
    use std::os::fd::AsRawFd;
    file.as_raw_fd().to_string()
}

/// The child's part: says that it is there and holds what it was given until the other end closes.
pub fn hold(mut socket: File) -> std::io::Result<()> {
    socket.write_all(b"holding")?;
    socket.flush()?;
    let mut rest = [0; 1];
    // The parent never writes: this returns when it closes its end or dies.
    socket.read(&mut rest).map(|_| ())
}
