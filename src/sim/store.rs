//! A disk of state: the file behind a journal or ledger, with what was written and what would survive.
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dice::Dice;

/// What a crash leaves of bytes that were appended and not yet synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsyncedTail {
    /// Nothing.
    Lost,
    /// The first part of them.
    Torn,
    /// Their length with zeroes instead, as file systems with delayed allocation can.
    Zeroes,
    /// All of them.
    Kept,
}

#[derive(Debug, Default)]
struct File {
    live: Vec<u8>,
    durable_bytes: usize,
    syncs: u64,
    stops_at_sync: Option<u64>,
    stopped: bool,
    appends: u64,
    full_from_append: Option<u64>,
}

/// An append-only file with a live and a durable image. Clones are handles to the same file, so a test keeps
/// one while the code under test holds another.
#[derive(Clone, Debug, Default)]
pub struct SimStore(Arc<Mutex<File>>);

impl SimStore {
    /// An empty file.
    pub fn new() -> Self {
        Self::default()
    }

    /// A file that holds these bytes durably, as found after a crash.
    pub fn with(bytes: Vec<u8>) -> Self {
        let file = File { durable_bytes: bytes.len(), live: bytes, ..File::default() };
        Self(Arc::new(Mutex::new(file)))
    }

    /// Stops the world at the sync of this number, counted from 0: that sync and everything after it fails.
    pub fn stop_at_sync(&self, number: u64) {
        self.file().stops_at_sync = Some(number);
    }

    /// From the append of this number on, counted from 0, the disk takes no more than the first half of what is
    /// appended: it is full. Until [`Self::make_room`].
    pub fn full_from_append(&self, number: u64) {
        self.file().full_from_append = Some(number);
    }

    /// The disk takes everything again.
    pub fn make_room(&self) {
        self.file().full_from_append = None;
    }

    /// Whether the world has stopped.
    pub fn is_stopped(&self) -> bool {
        self.file().stopped
    }

    /// Appends that were asked for so far.
    pub fn appends(&self) -> u64 {
        self.file().appends
    }

    /// Adds bytes at the end. Until the next sync they are not durable.
    ///
    /// # Errors
    /// Once the world has stopped, and while the disk is full.
    pub fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.file();
        let number = file.appends;
        file.appends += 1;
        if file.stopped {
            return Err(stopped());
        }
        if file.full_from_append.is_some_and(|from| number >= from) {
            file.live.extend_from_slice(&bytes[..bytes.len() / 2]);
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        file.live.extend_from_slice(bytes);
        Ok(())
    }

    /// Makes everything appended durable.
    ///
    /// # Errors
    /// At the sync where the world stops, and ever after; then it is not known what is durable.
    pub fn sync(&self) -> io::Result<()> {
        let mut file = self.file();
        let number = file.syncs;
        file.syncs += 1;
        if file.stopped || file.stops_at_sync == Some(number) {
            file.stopped = true;
            return Err(stopped());
        }
        file.durable_bytes = file.live.len();
        Ok(())
    }

    /// Syncs that were asked for so far.
    pub fn syncs(&self) -> u64 {
        self.file().syncs
    }

    /// What a reader of the running system sees.
    pub fn live(&self) -> Vec<u8> {
        self.file().live.clone()
    }

    /// What is certainly there after a crash.
    pub fn durable(&self) -> Vec<u8> {
        let file = self.file();
        file.live[..file.durable_bytes].to_vec()
    }

    /// What is found after a crash now. The durable bytes are always there.
    pub fn crash(&self, tail: UnsyncedTail, dice: &mut Dice) -> Vec<u8> {
        let file = self.file();
        let (durable, unsynced) = file.live.split_at(file.durable_bytes);
        let mut found = durable.to_vec();
        match tail {
            UnsyncedTail::Lost => {}
            UnsyncedTail::Torn => found.extend_from_slice(&unsynced[..dice.index(unsynced.len().max(1))]),
            UnsyncedTail::Zeroes => found.resize(file.live.len(), 0),
            UnsyncedTail::Kept => found.extend_from_slice(unsynced),
        }
        found
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stopped() -> io::Error {
    io::Error::from_raw_os_error(libc::EIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_synced_bytes_are_sure_to_survive() {
        let store = SimStore::new();
        store.append(b"intent").unwrap();
        store.sync().unwrap();
        store.append(b"verdict").unwrap();
        assert_eq!((store.live(), store.durable()), (b"intentverdict".to_vec(), b"intent".to_vec()));
        let mut dice = Dice::new(3);
        assert_eq!(store.crash(UnsyncedTail::Lost, &mut dice), b"intent");
        assert_eq!(store.crash(UnsyncedTail::Kept, &mut dice), b"intentverdict");
        assert_eq!(store.crash(UnsyncedTail::Zeroes, &mut dice), b"intent\0\0\0\0\0\0\0");
        for _ in 0..50 {
            let torn = store.crash(UnsyncedTail::Torn, &mut dice);
            assert!(b"intentverdict".starts_with(&torn[..]) && (6..13).contains(&torn.len()), "{torn:?}");
        }
    }

    #[test]
    fn a_full_disk_takes_half_of_what_is_appended_until_there_is_room() {
        let store = SimStore::new();
        store.full_from_append(1);
        store.append(b"intent").unwrap();
        let full = store.append(b"armed!").unwrap_err();
        assert_eq!((full.raw_os_error(), store.live()), (Some(28), b"intentarm".to_vec()));
        store.make_room();
        store.append(b"x").unwrap();
        store.sync().unwrap();
        assert_eq!((store.durable(), store.appends()), (b"intentarmx".to_vec(), 3));
    }

    #[test]
    fn the_world_stops_at_the_chosen_sync() {
        let store = SimStore::with(b"old".to_vec());
        store.stop_at_sync(1);
        store.append(b"a").unwrap();
        store.sync().unwrap();
        store.append(b"b").unwrap();
        assert!(store.sync().is_err());
        assert!(store.append(b"c").is_err() && store.sync().is_err());
        assert_eq!((store.durable(), store.syncs()), (b"olda".to_vec(), 3));
    }
}
