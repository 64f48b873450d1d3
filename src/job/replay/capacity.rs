//! The parts of a story that come before everything else: the drive is made to present all of its capacity, and keys of
//! software encryption are overwritten.
use super::{State, Story};
use crate::certificate::record::KeySlots;
use crate::certificate::time::UtcTime;
use crate::device::capability::Interface;
use crate::engine::firmware::areas::{RestoreReport, Restored};
use crate::job::course::RestoreRun;
use crate::plan::firmware::Restore;
use crate::plan::keys;
use crate::unit::{BlockCount, RangeSet};

impl Story {
    /// First the capacity, then the commands of the drive, then the passes.
    pub(super) fn enter_work(&mut self) {
        match self.to_restore() {
            Some(wanted) if !self.is_restored(wanted) => self.state = State::Restoring,
            Some(_) | None => self.enter_step(),
        }
    }

    fn to_restore(&self) -> Option<Restore> {
        self.plan.as_ref()?.firmware.as_ref()?.restore
    }

    fn is_restored(&self, wanted: Restore) -> bool {
        self.course.restores.last().is_some_and(|last| last.is_whole(wanted.native))
    }

    pub(super) fn restoring(&mut self, at: UtcTime, wanted: Restore) -> Result<(), String> {
        if self.state != State::Restoring || self.to_restore() != Some(wanted) {
            return Err("a change of capacity that is not planned, or not now".to_owned());
        }
        self.course.restoring = Some(at);
        Ok(())
    }

    pub(super) fn restored(
        &mut self,
        at: UtcTime,
        report: RestoreReport,
        seen: Option<BlockCount>,
    ) -> Result<(), String> {
        let Some(started) = self.course.restoring.take() else {
            return Err("the end of a change of capacity that was not begun".to_owned());
        };
        self.course.restores.push(RestoreRun { report, seen, started, ended: at });
        self.course.pass_started = Some(at);
        self.enter_work();
        Ok(())
    }

    pub(super) fn overwriting_key_slots(&mut self, at: UtcTime, blocks: RangeSet) -> Result<(), String> {
        let course = &self.course;
        let begun = course.begun.as_ref().is_some_and(|begun| begun.sent.is_some());
        let first = matches!(self.state, State::Commanding { step: 0 } | State::Writing { pass: 0 });
        if !first || begun || !course.written.is_empty() || course.key_slots.is_some() {
            return Err("keys are overwritten before anything else, or not at all".to_owned());
        }
        if self.plan.as_ref().map(keys::key_slots).as_ref() != Some(&blocks) {
            return Err("keys in other places than those that the plan lists".to_owned());
        }
        self.key_slots = Some((at, blocks));
        Ok(())
    }

    pub(super) fn key_slots_overwritten(&mut self, at: UtcTime, overwritten: RangeSet) -> Result<(), String> {
        let Some((started, blocks)) = self.key_slots.take() else {
            return Err("keys were overwritten without having been begun".to_owned());
        };
        let mut foreign = overwritten.clone();
        foreign.subtract(&blocks);
        if !foreign.is_empty() {
            return Err("other blocks were overwritten than were begun".to_owned());
        }
        self.course.key_slots = Some(KeySlots { blocks, overwritten, started, ended: at });
        self.course.pass_started = Some(at);
        Ok(())
    }

    /// The sizes that the drive may have now: the one that it had, as long as this job has not restored it; those that it
    /// may have taken on since this job began to; in the end only the whole.
    pub fn sizes(&self) -> Vec<BlockCount> {
        let before = self.facts.as_ref().and_then(|facts| facts.geometry()).map(|shape| shape.capacity);
        let mut sizes: Vec<BlockCount> = before.into_iter().collect();
        let Some(wanted) = self.to_restore() else { return sizes };
        if self.is_restored(wanted) {
            return vec![wanted.native];
        }
        if self.course.restoring.is_none() && self.course.restores.is_empty() {
            return sizes;
        }
        sizes.push(wanted.native);
        let capability = self.facts.as_ref().and_then(|facts| facts.capability.as_deref());
        if let Some(Interface::Ata(ata)) = capability.map(|capability| &capability.interface) {
            // Between the protected area and the overlay it has the native size of before.
            sizes.extend(ata.areas.native.map(BlockCount));
        }
        for restored in self.course.restores.iter().map(|run| &run.report.restored) {
            match restored {
                Restored::Full { after, .. } => sizes.push(BlockCount(after.presented.get())),
                Restored::NothingHidden | Restored::PowerCycleNeeded { .. } | Restored::Refused { .. } => {}
            }
        }
        sizes
    }
}
