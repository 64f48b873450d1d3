//! What a verification came to: every block of the drive counted once (P4).
use serde::{Deserialize, Serialize};

use crate::unit::{BlockCount, Geometry, RangeSet};

/// Result of reading a drive back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VerificationTally {
    /// Blocks that were to be read: the whole drive, or the sample.
    pub wanted: BlockCount,
    /// Blocks that hold what was expected.
    pub matched: BlockCount,
    /// Blocks that hold something else.
    pub mismatched: RangeSet,
    /// Blocks that could not be read.
    pub unreadable: RangeSet,
    /// Blocks that were not read: outside the sample, or the reading ended early.
    pub not_read: BlockCount,
    /// Digest of the list of ranges that were to be read (canonical JSON), so that a sample can be recomputed.
    pub wanted_digest: crate::unit::Digest,
}

impl VerificationTally {
    /// Whether everything that was to be read was read and is right.
    pub fn is_clean(&self) -> bool {
        self.mismatched.is_empty() && self.unreadable.is_empty() && self.matched == self.wanted
    }

    /// P4: matched + mismatched + unreadable + not read = capacity, each block once.
    pub fn accounts_for(&self, geometry: &Geometry) -> bool {
        let Some(whole) = geometry.whole() else { return false };
        let inside = |set: &RangeSet| set.last().is_none_or(|last| whole.contains(last));
        let disjoint = {
            let mut both = self.mismatched.clone();
            both.extend(&self.unreadable);
            both.count() == self.mismatched.count() + self.unreadable.count()
        };
        let read = self.matched + self.mismatched.count() + self.unreadable.count();
        inside(&self.mismatched)
            && inside(&self.unreadable)
            && disjoint
            && read <= self.wanted
            && read + self.not_read == geometry.capacity
    }
}
