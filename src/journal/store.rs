//! Where a journal's bytes go.
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

/// Bytes that can be appended and made durable. A simulated store stands in for it in crash tests.
pub trait Store {
    /// Appends bytes; they may be lost until [`Self::sync`].
    ///
    /// # Errors
    /// When not all of them were taken.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended durable.
    ///
    /// # Errors
    /// When it may not be durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file of its own.
#[derive(Debug)]
pub struct FileStore {
    file: File,
}

impl FileStore {
    /// Creates the file, for its owner only, and makes its directory entry durable.
    ///
    /// # Errors
    /// When it exists already, or the file or its directory cannot be synced.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        // Whoever writes a journal holds it: nobody else may go on with a job that runs.
        hold(&file)?;
        file.sync_all()?;
        sync_directory(path)?;
        Ok(Self { file })
    }

    /// Opens a file that exists, and reads it.
    ///
    /// # Errors
    /// `WouldBlock` when another process writes it; otherwise as `open` and `read`.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<u8>)> {
        let mut file =
            OpenOptions::new().read(true).append(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
        hold(&file)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((Self { file }, bytes))
    }

    /// Cuts the file to its first `length` bytes, durably.
    ///
    /// # Errors
    /// When it may not be durable.
    pub fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }
}

impl Store for FileStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Whether a process holds the file, without taking it even for a moment: a look must not stop a job that is just
/// being started.
///
/// # Errors
/// When it cannot be opened, or its file system has no locks.
pub(super) fn is_held(path: &Path) -> io::Result<bool> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
    let mut lock = whole_file();
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

/// Takes the file for writing. The lock belongs to the open file, and ends with it, however its process ends.
fn hold(file: &File) -> io::Result<()> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file())) {
        Ok(_) => Ok(()),
        Err(Errno::EAGAIN | Errno::EACCES) => Err(io::ErrorKind::WouldBlock.into()),
        Err(errno) => Err(errno.into()),
    }
}

fn whole_file() -> libc::flock {
    let word = |value: libc::c_int| libc::c_short::try_from(value).expect("a constant of fcntl.h");
    libc::flock {
        l_type: word(libc::F_WRLCK),
        l_whence: word(libc::SEEK_SET),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Makes the entry of a file in its directory durable.
///
/// # Errors
/// When the directory cannot be opened or synced.
pub(super) fn sync_directory(file: &Path) -> io::Result<()> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::journal::{Held, Journal, OpenFault, recover};

    #[test]
    fn entries_are_in_the_file_when_append_returns() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(directory.path(), "j1").unwrap();
        journal.append(&serde_json::json!({"b": 1, "a": 2})).unwrap();
        let path = Journal::path(directory.path(), "j1");
        let recovered = recover(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(recovered.entries, [br#"{"a":2,"b":1}"#]);
        assert_eq!(recovered.head, journal.head());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Journal::create(directory.path(), "j1").is_err(), "a journal is never overwritten");
    }

    #[test]
    fn a_journal_that_is_written_is_held_and_a_look_takes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(directory.path(), "j1").unwrap();
        journal.append(&1).unwrap();
        for _ in 0..2 {
            let (lines, held) = Journal::look(directory.path(), "j1").unwrap();
            assert_eq!((lines.len(), held), (1, Held::ByAProcess));
        }
        assert!(matches!(Journal::open(directory.path(), "j1"), Err(OpenFault::Held)));
        journal.append(&2).unwrap();
        drop(journal);
        // Other tests of this process start programs, which have every descriptor between fork and exec.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while Journal::look(directory.path(), "j1").unwrap().1 == Held::ByAProcess {
            assert!(std::time::Instant::now() < end, "the lock ends with the file");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let (mut again, lines) = Journal::open(directory.path(), "j1").unwrap();
        again.append(&3).unwrap();
        assert_eq!(lines, [b"1", b"2"]);
        assert_eq!(Journal::names(directory.path()).unwrap(), ["j1"]);
        assert!(Journal::names(&directory.path().join("absent")).unwrap().is_empty());
    }

    /// A torn line is cut off, and what is appended then stands after the whole lines; damage is refused.
    #[test]
    fn a_torn_end_is_cut_and_damage_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = Journal::path(directory.path(), "j1");
        let mut journal = Journal::create(directory.path(), "j1").unwrap();
        journal.append(&1).unwrap();
        journal.append(&2).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"0123 torn"].concat()).unwrap();
        let (mut journal, lines) = Journal::open(directory.path(), "j1").unwrap();
        assert_eq!(lines.len(), 2);
        journal.append(&3).unwrap();
        drop(journal);
        let found = std::fs::read(&path).unwrap();
        assert!(found.starts_with(&whole) && recover(&found).unwrap().entries.len() == 3);
        let mut damaged = found.clone();
        damaged[70] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        assert!(matches!(Journal::open(directory.path(), "j1"), Err(OpenFault::Damaged(_))));
        assert_eq!(std::fs::read(&path).unwrap(), damaged, "and nothing of it is touched");
    }

    #[test]
    fn after_a_failed_sync_nothing_is_accepted() {
        struct FailsOnce(bool);
        impl Store for FailsOnce {
            fn append(&mut self, _bytes: &[u8]) -> io::Result<()> {
                Ok(())
            }
            fn sync(&mut self) -> io::Result<()> {
                if std::mem::replace(&mut self.0, false) { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
            }
        }
        let mut journal = Journal::over(FailsOnce(true));
        assert!(journal.append(&1).is_err());
        assert!(journal.append(&2).is_err(), "the second sync would succeed and lie");
    }
}
