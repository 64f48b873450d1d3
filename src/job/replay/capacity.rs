//! The part of a story in which the drive is made to present all of its capacity.
use super::{State, Story};
use crate::certificate::time::UtcTime;
use crate::device::capability::Interface;
use crate::engine::firmware::areas::{RestoreReport, Restored};
use crate::job::course::RestoreRun;
use crate::plan::firmware::Restore;
use crate::unit::BlockCount;

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
