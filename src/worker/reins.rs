//! What holds a worker back: an order to stop, a limit of bandwidth.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::engine::Admission;

/// Shared between the thread that reads orders and the one that works.
#[derive(Debug, Default)]
pub(super) struct Reins {
    stop: AtomicBool,
    /// Bytes a second; 0 for no limit.
    pace: AtomicU64,
}

impl Reins {
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn set_pace(&self, bytes_per_second: Option<u64>) {
        self.pace.store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
    }
}

/// Holds the work back as the reins say.
#[derive(Debug)]
pub(super) struct Rider {
    reins: Arc<Reins>,
}

impl Rider {
    pub(super) const fn new(reins: Arc<Reins>) -> Self {
        Self { reins }
    }

    pub(super) fn reins(&self) -> &Reins {
        &self.reins
    }

    pub(super) fn admit(&mut self, _now: Duration, _bytes: u64) -> Admission {
        Admission::Go
    }
}
