//! Where a journal's bytes go.
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::sys::open::lock_exclusive;

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
        lock_exclusive(file.as_fd())?;
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
        lock_exclusive(file.as_fd())?;
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
    use crate::journal::{Journal, recover};

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
