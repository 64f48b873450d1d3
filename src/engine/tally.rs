//! What a pass came to: every block of the drive counted once (P4).
use serde::{Deserialize, Serialize};

use crate::unit::{BlockCount, Geometry, RangeSet};

/// Result of one overwrite pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PassTally {
    /// Number of the pass, from 0.
    pub index: u32,
    /// Blocks whose write the drive acknowledged.
    pub written: BlockCount,
    /// Blocks whose write failed.
    pub failed: RangeSet,
    /// Blocks that were never tried because the pass ended early, and all of a zone that has not borne out its capacity.
    pub unreached: RangeSet,
    /// Addresses without cells (the end of a zone whose capacity is smaller than its length): they hold nothing and are
    /// neither written nor read. Those of a zone that was not full after its last cell are unreached instead.
    #[serde(default, skip_serializing_if = "are_none")]
    pub absent: BlockCount,
    /// Whether the drive confirmed after the pass that the data is durable.
    pub flush: FlushState,
    /// Flushes that failed; what each of them made doubtful was written again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flush_failures: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
const fn are_none(count: &BlockCount) -> bool {
    count.is_zero()
}

/// Whether the data of a pass is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlushState {
    /// Not asked for: the pass ended early.
    NotAsked,
    /// The drive confirmed it. What it had failed to make durable before was written again first.
    Confirmed,
    /// The drive or the kernel reported an error. A later success would prove nothing.
    Failed,
}

impl PassTally {
    /// Whether every block was written and is durable.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.unreached.is_empty() && self.flush == FlushState::Confirmed
    }

    /// P4: written + failed + unreached + absent = capacity, each block once, none outside the drive.
    pub fn accounts_for(&self, geometry: &Geometry) -> bool {
        let Some(whole) = geometry.whole() else { return false };
        let inside = |set: &RangeSet| set.last().is_none_or(|last| whole.contains(last));
        let disjoint = {
            let mut both = self.failed.clone();
            both.extend(&self.unreached);
            both.count() == self.failed.count() + self.unreached.count()
        };
        inside(&self.failed)
            && inside(&self.unreached)
            && disjoint
            && self.written + self.failed.count() + self.unreached.count() + self.absent == geometry.capacity
    }
}
