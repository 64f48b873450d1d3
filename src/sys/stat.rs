//! File attributes without asking a server that may not answer.
//!
//! JUSTIFICATION: `statx` has no wrapper in std or nix that takes `AT_STATX_DONT_SYNC`.
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::libc;

/// What a path or a `/proc/PID/fd` entry leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Kind of file.
    pub file_type: FileType,
    /// Major and minor number of the file system.
    pub filesystem: (u32, u32),
    /// Inode number.
    pub inode: u64,
    /// Major and minor number of the device a node stands for; zeroes otherwise.
    pub device: (u32, u32),
    /// Length in bytes; of a plain file only.
    pub bytes: u64,
}

/// Kind of file, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A plain file.
    Plain,
    /// A block device node.
    Block,
    /// A character device node.
    Character,
    /// A directory.
    Directory,
    /// A pipe, socket or something else.
    Other,
}

/// Attributes of `path`, links followed. Network and FUSE file systems answer from what they remember, so the
/// call itself does not wait for a server; the walk along the path still may.
///
/// # Errors
/// As `statx(2)`.
pub fn attributes(path: &Path) -> io::Result<Attributes> {
    let path =
        CString::new(path.as_os_str().as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let mut answer = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path ends with NUL and the buffer is one statx, both valid for the call.
    let result = unsafe {
        libc::statx(
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_STATX_DONT_SYNC,
            libc::STATX_BASIC_STATS,
            answer.as_mut_ptr(),
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all zeroes is a valid statx, and the kernel has filled it in.
    let answer = unsafe { answer.assume_init() };
    Ok(Attributes {
        file_type: match u32::from(answer.stx_mode) & libc::S_IFMT {
            libc::S_IFREG => FileType::Plain,
            libc::S_IFBLK => FileType::Block,
            libc::S_IFCHR => FileType::Character,
            libc::S_IFDIR => FileType::Directory,
            _ => FileType::Other,
        },
        filesystem: (answer.stx_dev_major, answer.stx_dev_minor),
        inode: answer.stx_ino,
        device: (answer.stx_rdev_major, answer.stx_rdev_minor),
        bytes: answer.stx_size,
    })
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_numbers_are_those_of_the_kernel() {
        // Documentation/admin-guide/devices.txt: /dev/null is character device 1:3.
        let null = attributes(Path::new("/dev/null")).unwrap();
        assert_eq!((null.file_type, null.device), (FileType::Character, (1, 3)));
        assert_eq!(attributes(Path::new("/")).unwrap().file_type, FileType::Directory);
        let missing = attributes(Path::new("/no/such/file")).unwrap_err();
        assert_eq!(missing.to_string(), "No such file or directory (os error 2)");
    }
}
