//! The media keys of a self-encrypting drive, shared between the model of a transport and the TPer behind its
//! security door. A handle of its own, because the TPer is called while the model is busy with a command.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[derive(Debug, Default)]
struct Inner {
    generation: AtomicU64,
    locked: AtomicBool,
}

/// Clones are handles to the same keys.
#[derive(Clone, Debug, Default)]
pub struct MediaKeys(Arc<Inner>);

impl MediaKeys {
    /// Destroys every media key: what the cells hold becomes noise before the next command is answered.
    pub fn destroy(&self) {
        self.0.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Locks or unlocks the user data: while locked, reads and writes of blocks are refused.
    pub fn set_lock(&self, lock: Lock) {
        self.0.locked.store(lock == Lock::Locked, Ordering::SeqCst);
    }

    /// Whether user data can be reached.
    pub fn lock(&self) -> Lock {
        if self.0.locked.load(Ordering::SeqCst) { Lock::Locked } else { Lock::Open }
    }

    /// How often keys were destroyed.
    pub(super) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::SeqCst)
    }
}

/// Whether user data can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It can.
    Open,
    /// Reads and writes of blocks are refused.
    Locked,
}
