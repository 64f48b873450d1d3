//! A durable, append-only record of one job: what was meant is on the disk before the first effect, and what
//! was found before it is told (P6).
//!
//! The journal knows nothing of what its entries mean; [`frame`] has their form, [`Journal`] their durability.

pub mod frame;
mod store;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use frame::{Damage, Recovered, recover};
pub use store::{FileStore, Store};

use crate::unit::Digest;
use crate::unit::digest::canonical_json;

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

    /// Where the journal of that name lies.
    pub fn path(directory: &Path, name: &str) -> PathBuf {
        directory.join(format!("{name}.journal"))
    }
}

impl<S: Store> Journal<S> {
    /// A new journal over an empty store.
    pub const fn over(store: S) -> Self {
        Self { store, head: frame::START, failed: false }
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
