//! A durable, append-only record of one job: what was meant is on the disk before the first effect, and what
//! was found before it is told (P6).
//!
//! The journal knows nothing of what its entries mean; [`frame`] has their form, [`Journal`] their durability.

pub mod frame;
mod store;

use std::io::{self, BufRead as _, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use frame::{Damage, Recovered, head_of, recover};
pub use store::{FileStore, Store};

use crate::unit::Digest;
use crate::unit::digest::canonical_json;

/// Longest first line that is looked for, in bytes: facts, a plan, and what people said.
const FIRST_BYTES_MAX: u64 = 1 << 20;

/// An open journal. After one failure nothing more is accepted: what follows a lost entry would lie.
#[derive(Debug)]
pub struct Journal<S = FileStore> {
    store: S,
    head: Digest,
    failed: bool,
}

impl Journal<FileStore> {
    /// Creates `NAME.journal` in a directory, readable by its owner only (it holds keys of passes that are not
    /// over yet), and makes the directory entry durable.
    ///
    /// # Errors
    /// When the file exists already or cannot be made durable.
    pub fn create(directory: &Path, name: &str) -> io::Result<Self> {
        Ok(Self::over(FileStore::create(&Self::path(directory, name))?))
    }

    /// Opens the journal of that name to go on with it: the whole lines that it holds, as they were written. A torn
    /// last line, which a crash can leave, is cut off.
    ///
    /// # Errors
    /// [`OpenFault`]: it is held by another process, damaged, or cannot be read.
    pub fn open(directory: &Path, name: &str) -> Result<(Self, Vec<Vec<u8>>), OpenFault> {
        let (mut store, bytes) = FileStore::open(&Self::path(directory, name)).map_err(OpenFault::from_io)?;
        let recovered = recover(&bytes).map_err(OpenFault::Damaged)?;
        if recovered.length < bytes.len() {
            store.cut(recovered.length as u64).map_err(OpenFault::from_io)?;
        }
        Ok((Self { store, head: recovered.head, failed: false }, recovered.entries))
    }

    /// The whole lines of the journal of that name, without touching it, and whether a process writes it now.
    ///
    /// # Errors
    /// As for [`Self::open`], but for being held.
    pub fn look(directory: &Path, name: &str) -> Result<(Vec<Vec<u8>>, Held), OpenFault> {
        let path = Self::path(directory, name);
        let held = match store::is_held(&path).map_err(OpenFault::Io)? {
            true => Held::ByAProcess,
            false => Held::ByNobody,
        };
        let bytes = std::fs::read(&path).map_err(OpenFault::Io)?;
        Ok((recover(&bytes).map_err(OpenFault::Damaged)?.entries, held))
    }

    /// The first whole line of the journal of that name; `None` when it has none yet, or one that is not as it was written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn first(directory: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = std::fs::File::open(Self::path(directory, name))?;
        let mut line = Vec::new();
        io::BufReader::new(file.take(FIRST_BYTES_MAX)).read_until(b'\n', &mut line)?;
        Ok(recover(&line).ok().and_then(|recovered| recovered.entries.into_iter().next()))
    }

    /// Names of all journals in a directory, in the order of their names; none when the directory is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(directory: &Path) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".journal")).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Where the journal of that name lies.
    pub fn path(directory: &Path, name: &str) -> PathBuf {
        directory.join(format!("{name}.journal"))
    }
}

/// Whether a process writes a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// None.
    ByNobody,
    /// One does: its job runs.
    ByAProcess,
}

/// Why a journal is not gone on with.
#[derive(Debug)]
pub enum OpenFault {
    /// Another process writes it: its job runs.
    Held,
    /// A line of it is not as it was written.
    Damaged(Damage),
    /// It cannot be read or cut.
    Io(io::Error),
}

impl OpenFault {
    fn from_io(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::WouldBlock { Self::Held } else { Self::Io(error) }
    }
}

impl std::fmt::Display for OpenFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held => f.write_str("another process writes it: the job runs"),
            Self::Damaged(damage) => write!(f, "{damage}; it is not guessed what stood there"),
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

impl std::error::Error for OpenFault {}

impl<S: Store> Journal<S> {
    /// A new journal over an empty store.
    pub const fn over(store: S) -> Self {
        Self { store, head: frame::START, failed: false }
    }

    /// A journal over a store that holds just the lines that were recovered.
    pub const fn after(store: S, recovered: &Recovered) -> Self {
        Self { store, head: recovered.head, failed: false }
    }

    /// Appends an entry; it is durable when this returns.
    ///
    /// # Errors
    /// When the entry may not be durable, now and ever after: a failed `fsync` is not asked again, because
    /// Linux reports such an error once and may have dropped the data.
    pub fn append<T: Serialize>(&mut self, entry: &T) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier entry of this journal could not be made durable"));
        }
        let (line, head) = frame::line(self.head, &canonical_json(entry));
        let result = self.store.append(&line).and_then(|()| self.store.sync());
        match result {
            Ok(()) => self.head = head,
            Err(_) => self.failed = true,
        }
        result
    }

    /// Digest of the chain up to the last entry.
    pub const fn head(&self) -> Digest {
        self.head
    }
}
