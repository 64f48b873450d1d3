//! Canaries: blocks whose content is known before a command and must be gone after it. What was written there right before,
//! or what the drive held there, by its fingerprints; and what their reading tells.
use serde::{Deserialize, Serialize};

use super::VerificationTally;
use crate::plan::Plan;
use crate::plan::firmware::CanaryKind;
use crate::unit::{BlockCount, Digest, Geometry, Lba, Pattern, RangeSet, Reason, ReasonCode};

/// Blocks that must be gone after a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Canaries {
    /// What was written: a keyed stream with a key of its own, drawn for this command and used for nothing else. Absent
    /// where fingerprints were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// Where fingerprints were taken instead: how it was found out which blocks tell. Neither key nor fingerprints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprints: Option<Fingerprints>,
    /// Blocks that were written, flushed, and read back as written before the command; or that were read twice with the
    /// same fingerprint, and hold something that tells.
    pub planted: RangeSet,
    /// Their reading after the command: what matches has survived. `None` when they were not read.
    pub after: Option<VerificationTally>,
    /// Those in other units of the drive, where the command is to reach them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<UnitCanaries>,
}

/// Canaries in another unit of the drive. Nothing else is compared there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UnitCanaries {
    /// The unit, by the name that the plan has for it.
    pub unit: String,
    /// Its shape.
    pub geometry: Geometry,
    /// What was written: a keyed stream with a key of its own. Absent where fingerprints were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// Where fingerprints were taken instead: how it was found out which blocks tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprints: Option<Fingerprints>,
    /// Blocks that held what was written, or tell by their fingerprints, right before the command.
    pub planted: RangeSet,
    /// Their reading after the command; `None` when they were not read.
    pub after: Option<VerificationTally>,
}

/// How it was found out which existing blocks tell, in counts of blocks. Those that do are the canaries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fingerprints {
    /// Blocks that were looked at: the first, the last, and random ones, until enough told something.
    pub looked: BlockCount,
    /// Those that repeat four bytes to their end, as after an erase: that they change proves nothing.
    pub blank: BlockCount,
    /// The first and the last block, where they are such: there is nothing in them that could survive.
    #[serde(default, skip_serializing_if = "RangeSet::is_empty")]
    pub blank_ends: RangeSet,
    /// Those that could not be read.
    pub unreadable: BlockCount,
    /// Those that did not read the same twice.
    pub unsteady: BlockCount,
    /// Whether the commands of this job may have left what the blocks hold: they were sent before an interruption, and are
    /// carried out anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_by_job: bool,
}

/// What the canaries tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryWord {
    /// Every one is readable and holds something else, and they were enough.
    AllChanged,
    /// Not one can be read any more, all could right before the command, and they were enough.
    AllUnreadable,
    /// None survived, but some could not be read.
    NoneSeen,
    /// At least one still holds what it held before.
    Survived,
    /// The same, and it may be what the same command left there before: no lie is certain.
    LeftBefore,
    /// Too few to tell anything, or not all were read.
    Silent,
}

/// What the plan asks of the canaries of a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How many were planned.
    pub canaries: u32,
    /// Of which kind.
    pub kind: CanaryKind,
    /// Blocks of the drive.
    pub capacity: BlockCount,
}

impl Demand {
    /// Whether there are so many that a command which spares part of the drive would hardly miss all of them: three
    /// quarters of those that were planned, among them the first block and the last. An end that was read and is blank
    /// needs none, because nothing could survive there. Those of another kind than was planned never are enough.
    ///
    /// Of planted ones at most a quarter can be lost to a drive that fails. The same holds for fingerprints: of the blocks
    /// that were not blank three quarters must tell, or those that do stand for the readable part of the drive alone.
    pub fn is_met_by(&self, planted: &RangeSet, fingerprints: Option<&Fingerprints>) -> bool {
        let wanted = u64::from(self.canaries).min(self.capacity.0);
        let Some(last) = self.capacity.0.checked_sub(1) else { return false };
        let both_ends = match (self.kind, fingerprints) {
            (CanaryKind::Planted, None) => planted.contains(Lba(0)) && planted.contains(Lba(last)),
            (CanaryKind::Fingerprints, Some(taken)) => {
                let known = |lba| planted.contains(lba) || taken.blank_ends.contains(lba);
                known(Lba(0)) && known(Lba(last)) && taken.stand_for_the_rest(planted)
            }
            (CanaryKind::Planted, Some(_)) | (CanaryKind::Fingerprints, None) => false,
        };
        wanted > 0 && both_ends && planted.count().0.saturating_mul(4) >= wanted.saturating_mul(3)
    }
}

/// What a plan asks of canaries.
pub fn demand(plan: &Plan) -> Demand {
    let (canaries, kind) =
        plan.firmware.as_ref().map_or((0, CanaryKind::Planted), |plan| (plan.canaries, plan.canary_kind));
    Demand { canaries, kind, capacity: plan.geometry.capacity }
}

/// Canaries of one unit, this one or another.
struct Of<'a> {
    pattern: Option<&'a Pattern>,
    fingerprints: Option<&'a Fingerprints>,
    planted: &'a RangeSet,
    after: Option<&'a VerificationTally>,
}

impl Canaries {
    /// Blocks that hold a pattern.
    pub const fn planted(pattern: Pattern, planted: RangeSet) -> Self {
        Self { pattern: Some(pattern), fingerprints: None, planted, after: None, others: Vec::new() }
    }

    /// Blocks that are known by their fingerprints.
    pub const fn fingerprinted(telling: RangeSet, taken: Fingerprints) -> Self {
        Self { pattern: None, fingerprints: Some(taken), planted: telling, after: None, others: Vec::new() }
    }

    const fn own(&self) -> Of<'_> {
        Of {
            pattern: self.pattern.as_ref(),
            fingerprints: self.fingerprints.as_ref(),
            planted: &self.planted,
            after: self.after.as_ref(),
        }
    }

    /// What those in this unit tell.
    pub fn word(&self, demand: &Demand) -> CanaryWord {
        self.own().word(demand)
    }

    /// Whether there are as many as are asked for, of the kind that is, in this unit.
    pub fn are_enough(&self, demand: &Demand) -> bool {
        demand.is_met_by(&self.planted, self.fingerprints.as_ref())
    }

    /// Whether they are known by their fingerprints, and every one holds what it held.
    pub fn are_all_fingerprints_unchanged(&self) -> bool {
        let unchanged = |after: &VerificationTally| after.matched == self.planted.count();
        self.fingerprints.is_some() && self.after.as_ref().is_some_and(unchanged)
    }

    /// Whether all were read, in every unit.
    pub fn are_read(&self) -> bool {
        let others = self.others.iter().map(|unit| (&unit.planted, &unit.after));
        others.chain([(&self.planted, &self.after)]).all(|(set, after)| set.is_empty() || after.is_some())
    }

    /// Whether those of every unit are of this kind.
    pub fn are_of_kind(&self, kind: CanaryKind) -> bool {
        self.own().kind() == Some(kind) && self.others.iter().all(|unit| unit.own().kind() == Some(kind))
    }

    /// Whether the counts are of this drive and these blocks.
    pub(super) fn accounts_for(&self, geometry: &Geometry) -> bool {
        let others = self.others.iter().all(|unit| {
            let these = |after: &VerificationTally| after.wanted_digest == Digest::of_json(&unit.planted);
            unit.own().accounts_for(&unit.geometry) && unit.after.as_ref().is_none_or(these)
        });
        others && self.own().accounts_for(geometry)
    }

    /// That the drive lies about those in this unit.
    pub(super) fn lies(&self) -> Reason {
        self.own().lies("")
    }
}

impl UnitCanaries {
    const fn own(&self) -> Of<'_> {
        Of {
            pattern: self.pattern.as_ref(),
            fingerprints: self.fingerprints.as_ref(),
            planted: &self.planted,
            after: self.after.as_ref(),
        }
    }

    /// What they tell: as many as in the unit that was named are asked for.
    pub fn word(&self, demand: &Demand) -> CanaryWord {
        self.own().word(&Demand { capacity: self.geometry.capacity, ..*demand })
    }

    /// Whether there are as many as are asked for, of the kind that is.
    pub fn are_enough(&self, demand: &Demand) -> bool {
        let own = Demand { capacity: self.geometry.capacity, ..*demand };
        own.is_met_by(&self.planted, self.fingerprints.as_ref())
    }

    /// That the drive lies about them.
    pub(super) fn lies(&self) -> Reason {
        self.own().lies(&format!("in {} ", self.unit))
    }
}

impl Of<'_> {
    /// `None` where it is neither or both.
    const fn kind(&self) -> Option<CanaryKind> {
        match (self.pattern, self.fingerprints) {
            (Some(_), None) => Some(CanaryKind::Planted),
            (None, Some(_)) => Some(CanaryKind::Fingerprints),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }

    fn word(&self, demand: &Demand) -> CanaryWord {
        let Some(after) = self.after else { return CanaryWord::Silent };
        if !after.matched.is_zero() {
            let left = self.fingerprints.is_some_and(|taken| taken.left_by_job);
            return if left { CanaryWord::LeftBefore } else { CanaryWord::Survived };
        }
        let read = after.mismatched.count() + after.unreadable.count();
        let enough = demand.is_met_by(self.planted, self.fingerprints);
        if !enough || after.wanted != self.planted.count() || read != after.wanted {
            return CanaryWord::Silent;
        }
        if after.mismatched == *self.planted {
            CanaryWord::AllChanged
        } else if after.unreadable == *self.planted {
            CanaryWord::AllUnreadable
        } else {
            CanaryWord::NoneSeen
        }
    }

    fn accounts_for(&self, geometry: &Geometry) -> bool {
        let whole = geometry.whole();
        let inside = self.planted.last().is_none_or(|last| whole.is_some_and(|whole| whole.contains(last)));
        let looked = self.fingerprints.is_none_or(|taken| taken.accounts_for(self.planted, geometry));
        inside
            && looked
            && self.kind().is_some()
            && self.after.is_none_or(|after| after.accounts_for(geometry))
    }

    /// `place` names another unit (`in namespace 2 `), or nothing.
    fn lies(&self, place: &str) -> Reason {
        let mut still = self.planted.clone();
        if let Some(after) = self.after {
            still.subtract(&after.mismatched);
            still.subtract(&after.unreadable);
        }
        let count = still.count();
        let first = still.first().map_or_else(String::new, |lba| format!(", first LBA {lba}"));
        let done = if self.fingerprints.is_some() { "read" } else { "written" };
        Reason::new(
            ReasonCode::FirmwareLied,
            format!(
                "{place}the drive lies: it says that the command succeeded, and {count} blocks that were {done} right before \
                 it still hold what they held{first}"
            ),
            "destroy the drive: its firmware cannot be trusted to erase anything",
        )
    }
}

impl Fingerprints {
    /// Whether at least three quarters of the blocks that were not blank tell. What a block holds that cannot be read, or
    /// not twice the same, nobody knows.
    fn stand_for_the_rest(&self, telling: &RangeSet) -> bool {
        let [telling, unreadable, unsteady] =
            [telling.count(), self.unreadable, self.unsteady].map(|count| u128::from(count.0));
        telling * 4 >= (telling + unreadable + unsteady) * 3
    }

    /// Whether every block that was looked at is counted once, `telling` among them, and the ends are ends.
    fn accounts_for(&self, telling: &RangeSet, geometry: &Geometry) -> bool {
        let parts =
            [telling.count(), self.blank, self.unreadable, self.unsteady].map(|count| u128::from(count.0));
        let last = geometry.capacity.0.checked_sub(1);
        let is_end = |lba: Lba| lba.0 == 0 || Some(lba.0) == last;
        let ends = self.blank_ends.ranges().iter().flat_map(|range| [range.first(), Lba(range.end().0 - 1)]);
        parts.iter().sum::<u128>() == u128::from(self.looked.0)
            && self.looked <= geometry.capacity
            && self.blank_ends.count() <= self.blank.min(BlockCount(2))
            && ends.into_iter().all(|lba| is_end(lba) && !telling.contains(lba))
    }
}

#[cfg(test)]
mod tests;
