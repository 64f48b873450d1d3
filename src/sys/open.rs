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

/// Opens what a descriptor leads to once more, for reading only: a new open file that can write nothing. The name
/// under `/dev` plays no part in it.
///
/// # Errors
/// As `open(2)`.
pub fn reopen_to_read(file: BorrowedFd<'_>) -> io::Result<File> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let held = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
    let direct = (held & OFlag::O_DIRECT).bits();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    OpenOptions::new().read(true).custom_flags(direct | libc::O_CLOEXEC).open(path)
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
    fn a_descriptor_opened_anew_reads_the_same_file_and_cannot_write() {
        use std::io::{Read as _, Write as _};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let mut first = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        first.write_all(b"content").unwrap();
        // Another file at the same path is not what is opened.
        std::fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        std::fs::write(&path, b"another").unwrap();
        let mut again = reopen_to_read(first.as_fd()).unwrap();
        let mut read = String::new();
        again.read_to_string(&mut read).unwrap();
        assert_eq!(read, "content");
        assert!(again.write(b"x").is_err());
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
