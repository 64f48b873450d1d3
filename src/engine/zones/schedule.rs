//! In which order the zones of a drive are written that take writes only at their write pointer. It decides and does
//! nothing.
//!
//! ```text
//! zone by zone:  ready (reset) ─▶ write ─▶ write ─▶ … ─▶ look: full ─▶ whole
//!                  ▲               │ failed for the first time, or not full
//!                  └───────────────┘
//!                  │ read-only or offline, or failed for the second time ─▶ the rest is left (finish), next zone
//! ```
//!
//! One transfer is in flight at any time: a zone takes them in one order only, and no layer below has to keep it. There is
//! no going back into a zone: what a failure leaves behind it cannot be skipped, so there is no trimming and no scraping.
use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::frontier::{Settled, Step};
use crate::engine::work::Scheduler;
use crate::io::{Fault, Treatment};
use crate::plan::{RuleName, Rules};
use crate::unit::{BlockCount, Lba, LbaRange, RangeSet, Zone, ZoneAccess, ZoneCondition};

/// How often a zone is begun: it is reset and written anew once after a failure.
const ATTEMPTS: u32 = 2;

/// Failures in a row, without one success between them, after which the drive is taken to answer nothing any more.
const FAILURES_IN_A_ROW: u32 = 256;

/// First rest after a failure of the path; each further one is twice as long, up to the longest.
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_LONGEST: Duration = Duration::from_mins(1);

/// A zone to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    /// All of its addresses.
    pub zone: LbaRange,
    /// Those with cells.
    pub cells: LbaRange,
}

impl Work {
    /// Whether a zone as it is reported can be written from its beginning to the end that was planned.
    fn is_ready(&self, zone: &Zone) -> bool {
        zone.range == self.zone
            && zone.capacity == self.cells.count()
            && zone.condition == ZoneCondition::Empty
    }

    /// Whether a zone as it is reported after its last cell was written has no more: its write pointer is at the end. One
    /// that has become read-only tells no pointer, so there must be no addresses left that could have cells.
    fn is_whole(&self, zone: &Zone) -> bool {
        let full = zone.condition == ZoneCondition::Full;
        zone.range == self.zone && (full || self.hole().is_none() && zone.access() == ZoneAccess::ReadOnly)
    }

    /// Addresses that are said to have no cells.
    fn hole(&self) -> Option<LbaRange> {
        LbaRange::between(self.cells.end(), self.zone.end())
    }
}

/// The zone that is being written.
#[derive(Clone, Copy, Debug)]
struct Current {
    work: Work,
    /// What is written next; everything before it was, in this attempt.
    next: Lba,
    /// Attempts that failed.
    failed: u32,
    ready: bool,
}

impl Current {
    fn written(&self) -> Option<LbaRange> {
        LbaRange::between(self.work.cells.first(), self.next)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct ZoneSchedule {
    transfer: BlockCount,
    rules: Rules,
    waiting: VecDeque<Work>,
    current: Option<Current>,
    in_flight: Option<LbaRange>,
    /// A zone that was left before its end, and that the drive still holds open.
    unfinished: Option<LbaRange>,
    /// Zones that were settled since the last good flush.
    unflushed: Vec<Work>,
    /// Whole zones that are known to be durable, and what was so before.
    durable: RangeSet,
    /// Whole zones since the last good flush.
    fresh: RangeSet,
    /// What was written of zones that were left before their end. Nobody can build on it: such a zone is begun anew.
    parts: RangeSet,
    failed: RangeSet,
    /// Addresses that were said to have no cells, in zones that were not full when all cells had been written, or of which
    /// the drive has told another capacity since.
    doubted: RangeSet,
    /// Blocks of `durable`, `fresh` and `parts` together, counted along.
    settled: BlockCount,
    failures: u32,
    failures_in_a_row: u32,
    patience: u32,
    rest_due: bool,
    end: Option<Settled>,
}

impl ZoneSchedule {
    /// A schedule of `zones` in ascending order, in transfers of at most `transfer` blocks. `durable` was written before and
    /// holds nothing of them.
    pub(super) fn new(zones: VecDeque<Work>, transfer: BlockCount, rules: &Rules, durable: RangeSet) -> Self {
        Self {
            transfer,
            rules: rules.clone(),
            waiting: zones,
            current: None,
            in_flight: None,
            unfinished: None,
            unflushed: Vec::new(),
            settled: durable.count(),
            durable,
            fresh: RangeSet::new(),
            parts: RangeSet::new(),
            failed: RangeSet::new(),
            doubted: RangeSet::new(),
            failures: 0,
            failures_in_a_row: 0,
            patience: rules.back_offs,
            rest_due: false,
            end: None,
        }
    }

    /// Blocks written so far, with those of before.
    pub(super) fn succeeded(&self) -> RangeSet {
        let mut all = self.durable.clone();
        all.extend(&self.fresh);
        all.extend(&self.parts);
        // A zone that was not looked at when it was written may have more cells than that.
        let part = self.current.filter(|current| current.next < current.work.cells.end());
        part.and_then(|current| current.written()).into_iter().for_each(|range| all.insert(range));
        all
    }

    /// Blocks whose write failed, the zone begun anew in vain.
    pub(super) fn failed(&self) -> &RangeSet {
        &self.failed
    }

    /// Addresses that may have cells although the plan says that they have none.
    pub(super) fn doubted(&self) -> &RangeSet {
        &self.doubted
    }

    fn finish(&mut self, settled: Settled) {
        self.end.get_or_insert(settled);
    }

    /// The current zone is done with, for better or worse.
    fn leave(&mut self) {
        let Some(Current { work, next, .. }) = self.current.take() else { return };
        let Some(written) = LbaRange::between(work.cells.first(), next) else { return };
        self.settled += written.count();
        self.unflushed.push(work);
        if written == work.cells {
            self.fresh.insert(written);
        } else {
            self.parts.insert(written);
        }
    }

    /// A transfer or the reset of the current zone has failed.
    fn fail(&mut self, fault: Fault, range: Option<LbaRange>) {
        self.failures_in_a_row += 1;
        match fault.kind.treatment() {
            Treatment::Leave => return self.finish(Settled::Gone(fault)),
            Treatment::EndJob => return self.finish(Settled::Refused(fault)),
            Treatment::BackOff if self.patience > 0 => {
                self.patience -= 1;
                self.rest_due = true;
                // What the drive has taken of it is not known: the zone is begun anew.
                return self.begin_anew(0);
            }
            Treatment::BackOff | Treatment::Divide => {}
        }
        self.failures += 1;
        self.begin_anew(1);
        if self.failures >= self.rules.errors_max {
            self.finish(Settled::GivenUp(RuleName::ErrorsMax));
        } else if self.failures_in_a_row >= FAILURES_IN_A_ROW {
            self.finish(Settled::GivenUp(RuleName::Silent));
        }
        if self.current.is_some_and(|current| current.failed >= ATTEMPTS) {
            range.into_iter().for_each(|range| self.failed.insert(range));
            self.unfinished = self.current.map(|current| current.work.zone);
            self.leave();
        }
    }

    /// What the plan has of the current zone is not so.
    fn doubt(&mut self) {
        let hole = self.current.and_then(|current| current.work.hole());
        hole.into_iter().for_each(|hole| self.doubted.insert(hole));
    }

    /// The current zone could not be reset, or is not what it should be: what is left of what was written is not known.
    fn not_ready(&mut self, fault: Fault) {
        self.rewind();
        self.fail(fault, None);
    }

    /// Nothing that was written of the current zone counts.
    fn rewind(&mut self) {
        if let Some(current) = &mut self.current {
            current.next = current.work.cells.first();
        }
    }

    /// The current zone is to be made ready once more, after so many further failed attempts.
    fn begin_anew(&mut self, failed: u32) {
        if let Some(current) = &mut self.current {
            current.ready = false;
            current.failed += failed;
        }
    }
}

impl Scheduler for ZoneSchedule {
    fn advance(&mut self, _now: Duration) -> Step {
        if self.in_flight.is_some() {
            return Step::Reap;
        }
        if self.end.is_some() {
            return Step::End;
        }
        if let Some(zone) = self.unfinished.take() {
            return Step::Finish(zone);
        }
        if std::mem::take(&mut self.rest_due) {
            let used = self.rules.back_offs.saturating_sub(self.patience).saturating_sub(1);
            return Step::Rest(REST_FIRST.saturating_mul(1 << used.min(16)).min(REST_LONGEST));
        }
        let current = match self.current {
            Some(current) => current,
            None => match self.waiting.pop_front() {
                Some(work) => Current { work, next: work.cells.first(), failed: 0, ready: false },
                None => {
                    self.finish(Settled::Complete);
                    return Step::End;
                }
            },
        };
        self.current = Some(current);
        if !current.ready {
            return Step::Ready(current.work.zone);
        }
        let left = BlockCount(current.work.cells.end().0.saturating_sub(current.next.0));
        if left.is_zero() {
            return Step::Look(current.work.zone);
        }
        self.in_flight = LbaRange::new(current.next, left.min(self.transfer));
        self.in_flight.map_or(Step::End, Step::Transfer)
    }

    fn apply(&mut self, range: LbaRange, result: Result<(), Fault>) {
        self.in_flight = None;
        if let Err(fault) = result {
            return self.fail(fault, Some(range));
        }
        self.failures_in_a_row = 0;
        self.patience = self.rules.back_offs;
        let Some(current) = &mut self.current else { return };
        current.next = range.end();
    }

    fn readied(&mut self, answer: Result<Zone, Fault>) {
        let Some(current) = &mut self.current else { return };
        let work = current.work;
        match answer.map(|zone| (zone.access(), work.is_ready(&zone))) {
            Ok((ZoneAccess::Writable, true)) => {
                current.ready = true;
                current.next = work.cells.first();
            }
            // A reset that changed nothing, or that changed how much of the zone can be written.
            Ok((ZoneAccess::Writable, false)) => {
                if answer.is_ok_and(|zone| zone.capacity != work.cells.count()) {
                    self.doubt();
                }
                self.not_ready(Fault::from_errno(libc::EINVAL));
            }
            // What was written before it became so is still there.
            Ok((ZoneAccess::ReadOnly, _)) => self.leave(),
            Ok((ZoneAccess::Offline, _)) => {
                current.next = work.cells.first();
                self.leave();
            }
            Err(fault) => self.not_ready(fault),
        }
    }

    fn looked(&mut self, answer: Result<Zone, Fault>) {
        let Some(work) = self.current.map(|current| current.work) else { return };
        match answer {
            Ok(zone) if work.is_whole(&zone) => {
                work.hole().into_iter().for_each(|hole| self.doubted.remove(hole));
                self.leave();
            }
            // There is more of it than was said, or its last blocks are not there: nothing of it is believed.
            Ok(zone) => {
                self.doubt();
                match zone.access() {
                    ZoneAccess::Writable => self.not_ready(Fault::from_errno(libc::EINVAL)),
                    ZoneAccess::ReadOnly | ZoneAccess::Offline => {
                        self.rewind();
                        self.leave();
                    }
                }
            }
            Err(fault) => self.not_ready(fault),
        }
    }

    fn withdraw(&mut self) {
        self.in_flight = None;
    }

    fn end_with(&mut self, settled: Settled) {
        self.finish(settled);
    }

    fn gone(&mut self, fault: Fault) {
        self.end = Some(Settled::Gone(fault));
    }

    fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Whole zones only: of a zone that is cut off in the middle nothing stays, because it is reset first.
    fn flushed(&mut self) -> RangeSet {
        self.unflushed.clear();
        let fresh = std::mem::take(&mut self.fresh);
        self.durable.extend(&fresh);
        fresh
    }

    fn flush_failed(&mut self) {
        let doubtful = std::mem::take(&mut self.unflushed);
        for work in &doubtful {
            for set in [&mut self.fresh, &mut self.parts, &mut self.failed] {
                set.remove(work.cells);
            }
        }
        if let Some(current) = self.current.take() {
            self.waiting.push_front(current.work);
        }
        doubtful.into_iter().rev().for_each(|work| self.waiting.push_front(work));
        self.settled = self.durable.count() + self.fresh.count() + self.parts.count();
        if self.end == Some(Settled::Complete) {
            self.end = None;
        }
    }

    fn done(&self) -> BlockCount {
        let written = self.current.and_then(|current| current.written());
        self.settled + written.map_or(BlockCount::ZERO, |range| range.count())
    }

    fn errors(&self) -> BlockCount {
        self.failed.count()
    }

    fn is_sweeping(&self) -> bool {
        true
    }

    fn end(&self) -> Option<Settled> {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::ZoneKind;
    use crate::unit::term::DriveKind;

    const MEDIUM: Fault = Fault::from_errno(libc::EIO);

    fn range(first: u64, count: u64) -> LbaRange {
        LbaRange::new(Lba(first), BlockCount(count)).unwrap()
    }

    /// Two zones of ten blocks, eight of them with cells, in transfers of five.
    fn schedule() -> ZoneSchedule {
        let work = |first| Work { zone: range(first, 10), cells: range(first, 8) };
        let rules = Rules::of_kind(DriveKind::TestObject);
        ZoneSchedule::new([work(0), work(10)].into(), BlockCount(5), &rules, RangeSet::new())
    }

    fn zone(range: LbaRange, condition: ZoneCondition) -> Zone {
        Zone { range, capacity: BlockCount(8), kind: ZoneKind::SequentialRequired, condition }
    }

    fn ready(schedule: &mut ZoneSchedule, range: LbaRange) {
        assert_eq!(schedule.advance(Duration::ZERO), Step::Ready(range));
        schedule.readied(Ok(zone(range, ZoneCondition::Empty)));
    }

    /// All cells of a zone were written; it is in this condition then.
    fn look(schedule: &mut ZoneSchedule, range: LbaRange, condition: ZoneCondition) {
        assert_eq!(schedule.advance(Duration::ZERO), Step::Look(range));
        schedule.looked(Ok(zone(range, condition)));
    }

    fn answer(schedule: &mut ZoneSchedule, expected: LbaRange, result: Result<(), Fault>) {
        assert_eq!(schedule.advance(Duration::ZERO), Step::Transfer(expected));
        assert_eq!(schedule.advance(Duration::ZERO), Step::Reap, "one at a time");
        schedule.apply(expected, result);
    }

    fn set(ranges: &[LbaRange]) -> RangeSet {
        ranges.iter().copied().collect()
    }

    /// A zone that is not whole is begun anew by a later sitting, so nothing of it is told as durable.
    #[test]
    fn only_whole_zones_are_told_as_durable() {
        let mut schedule = schedule();
        for _ in 0..ATTEMPTS {
            ready(&mut schedule, range(0, 10));
            answer(&mut schedule, range(0, 5), Ok(()));
            answer(&mut schedule, range(5, 3), Err(MEDIUM));
        }
        assert!(!schedule.has_fresh());
        assert_eq!(schedule.advance(Duration::ZERO), Step::Finish(range(0, 10)), "it is held open no longer");
        ready(&mut schedule, range(10, 10));
        answer(&mut schedule, range(10, 5), Ok(()));
        assert!(schedule.flushed().is_empty(), "one part was left, the other is being written");
        answer(&mut schedule, range(15, 3), Ok(()));
        look(&mut schedule, range(10, 10), ZoneCondition::Full);
        assert_eq!(schedule.flushed(), set(&[range(10, 8)]));
        assert_eq!(schedule.advance(Duration::ZERO), Step::End);
        assert_eq!((schedule.end(), schedule.done()), (Some(Settled::Complete), BlockCount(13)));
        assert_eq!(schedule.succeeded(), set(&[range(0, 5), range(10, 8)]));
        assert_eq!(schedule.failed(), &set(&[range(5, 3)]));
    }

    /// What was settled since the last good flush, whole or in part, and the zone at work are begun anew.
    #[test]
    fn after_a_flush_that_failed_zones_are_begun_anew() {
        let mut schedule = schedule();
        ready(&mut schedule, range(0, 10));
        answer(&mut schedule, range(0, 5), Ok(()));
        answer(&mut schedule, range(5, 3), Ok(()));
        look(&mut schedule, range(0, 10), ZoneCondition::Full);
        ready(&mut schedule, range(10, 10));
        answer(&mut schedule, range(10, 5), Ok(()));
        schedule.flush_failed();
        assert_eq!((schedule.done(), schedule.has_fresh()), (BlockCount::ZERO, false));
        for first in [0, 10] {
            ready(&mut schedule, range(first, 10));
            answer(&mut schedule, range(first, 5), Ok(()));
            answer(&mut schedule, range(first + 5, 3), Ok(()));
            look(&mut schedule, range(first, 10), ZoneCondition::Full);
        }
        assert_eq!(schedule.flushed(), set(&[range(0, 8), range(10, 8)]));
        schedule.flush_failed();
        assert_eq!(schedule.done(), BlockCount(16), "nothing was in doubt");
    }

    /// One that is not has more cells than was said, or lacks what was written: nothing of it counts, and its end is in doubt.
    #[test]
    fn a_zone_is_whole_when_it_is_full_after_its_last_cell() {
        for condition in [ZoneCondition::Open, ZoneCondition::Offline, ZoneCondition::ReadOnly] {
            let mut schedule = schedule();
            let attempts = if condition == ZoneCondition::Open { ATTEMPTS } else { 1 };
            for _ in 0..attempts {
                ready(&mut schedule, range(0, 10));
                answer(&mut schedule, range(0, 5), Ok(()));
                answer(&mut schedule, range(5, 3), Ok(()));
                assert!(schedule.succeeded().is_empty(), "it was not looked at yet");
                look(&mut schedule, range(0, 10), condition);
            }
            assert_eq!(
                (schedule.succeeded(), schedule.has_fresh()),
                (RangeSet::new(), false),
                "{condition:?}"
            );
            assert_eq!(schedule.doubted(), &set(&[range(8, 2)]), "{condition:?}");
        }
    }

    /// A doubt is over when the zone is full at the second attempt.
    #[test]
    fn a_zone_that_was_not_full_is_begun_anew_once() {
        let mut schedule = schedule();
        for condition in [ZoneCondition::Open, ZoneCondition::Full] {
            ready(&mut schedule, range(0, 10));
            answer(&mut schedule, range(0, 5), Ok(()));
            answer(&mut schedule, range(5, 3), Ok(()));
            look(&mut schedule, range(0, 10), condition);
        }
        assert_eq!((schedule.succeeded(), schedule.doubted()), (set(&[range(0, 8)]), &RangeSet::new()));
    }

    /// A path that failed is waited for, and does not count against the zone.
    #[test]
    fn after_a_failure_of_the_path_a_zone_is_begun_anew_when_it_has_rested() {
        let mut schedule = schedule();
        for _ in 0..ATTEMPTS + 1 {
            ready(&mut schedule, range(0, 10));
            answer(&mut schedule, range(0, 5), Err(Fault::from_errno(libc::ETIMEDOUT)));
            assert!(matches!(schedule.advance(Duration::ZERO), Step::Rest(_)));
        }
        ready(&mut schedule, range(0, 10));
        answer(&mut schedule, range(0, 5), Ok(()));
        assert!(schedule.failed().is_empty());
    }
}
