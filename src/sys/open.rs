//! Opening nodes and files so that nothing is followed, created or inherited by accident.
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;

/// How a drive's node is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To look at it only. It does not wait for a medium.
    Look,
    /// For a job: read and write, and no other exclusive opener while it is held.
    Claim,
    /// For a job, without exclusion: only tests that take one guard away use it.
    ClaimShared,
}

/// Opens a block device by its node: direct I/O, no links followed, nothing created.
///
/// # Errors
/// `EBUSY` when another holder has claimed it, `ELOOP` when the last part of the path is a link.
pub fn open_node(node: &Path, access: Access) -> io::Result<File> {
    let always = libc::O_DIRECT | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    let mut options = OpenOptions::new();
    match access {
        Access::Look => options.read(true).custom_flags(always | libc::O_NONBLOCK),
        Access::Claim => options.read(true).write(true).custom_flags(always | libc::O_EXCL),
        Access::ClaimShared => options.read(true).write(true).custom_flags(always),
    };
    options.open(node)
}

/// A plain file opened to stand for a drive.
#[derive(Debug)]
pub struct OpenedFile {
    /// The file, read and write.
    pub file: File,
    /// Whether its file system took direct I/O.
    pub direct: Direct,
}

/// Whether reads and writes pass by the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direct {
    /// They do.
    Direct,
    /// The file system refused `O_DIRECT`: a read-back may be answered from memory.
    Cached,
}

/// Opens a plain file that stands for a drive, direct where its file system allows it.
///
/// # Errors
/// As `open(2)`; `ELOOP` when the last part of the path is a link.
pub fn open_plain(path: &Path, access: Access) -> io::Result<OpenedFile> {
    let write = match access {
        Access::Look => false,
        Access::Claim | Access::ClaimShared => true,
    };
    let open = |direct: libc::c_int| {
        let flags = direct | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        OpenOptions::new().read(true).write(write).custom_flags(flags).open(path)
    };
    match open(libc::O_DIRECT) {
        Ok(file) => Ok(OpenedFile { file, direct: Direct::Direct }),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            Ok(OpenedFile { file: open(0)?, direct: Direct::Cached })
        }
        Err(error) => Err(error),
    }
}

/// Takes away the flag that makes I/O return early; the flag was there so that the opening does not wait.
///
/// # Errors
/// As `fcntl(2)`.
pub fn set_blocking(file: &File) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(file.as_fd(), FcntlArg::F_GETFL)?);
    fcntl(file.as_fd(), FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Takes the advisory lock that udev and other well-behaved tools respect. It belongs to the open file, so
/// it stays with every descriptor that was passed on.
///
/// # Errors
/// `EWOULDBLOCK` when somebody else holds it.
pub fn lock_exclusive(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: flock takes no pointer; the descriptor is open as long as it is borrowed.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Closes every descriptor above standard error: what a caller of our caller left open by mistake. To be the
/// first thing that a helper process does, before anything of its own is open.
///
/// # Errors
/// As `close_range(2)`; `ENOSYS` before Linux 5.9.
pub fn close_inherited() -> io::Result<()> {
    // SAFETY: the call takes no pointer. Nothing in this process owns a descriptor above 2 yet; the contract
    // above says so, and a process that broke it would get EBADF from its own descriptors, not memory errors.
    let result = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_link_is_not_followed_and_a_missing_file_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("disk"), folder.path().join("link"));
        std::fs::write(&file, [0; 512]).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(open_plain(&link, Access::Claim).unwrap_err().raw_os_error(), Some(40)); // ELOOP
        let missing = folder.path().join("missing");
        assert_eq!(open_plain(&missing, Access::Claim).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!missing.exists());
    }

    #[test]
    fn the_lock_excludes_another_opening_of_the_same_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let first = open_plain(file.path(), Access::Claim).unwrap();
        let second = open_plain(file.path(), Access::Claim).unwrap();
        lock_exclusive(first.file.as_fd()).unwrap();
        assert_eq!(lock_exclusive(second.file.as_fd()).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}
