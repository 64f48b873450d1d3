//! The part of a story in which the drive sanitizes itself.
use super::{State, Story};
use crate::certificate::time::UtcTime;
use crate::command::DriveCommand;
use crate::engine::firmware::{Before, CommandReport, Conclusion};
use crate::job::course::{Marks, StepRun};
use crate::plan::firmware::CanaryKind;
use crate::unit::{Geometry, Pattern, RangeSet};
use crate::verify::{Canaries, Fingerprints, StepTally, UnitCanaries, VerificationTally};

impl Story {
    /// The next command of the drive, or when all are over, the passes.
    pub(super) fn enter_step(&mut self) {
        let step = self.course.steps.len();
        let commands = self.plan.as_ref().map_or(0, |plan| plan.commands().len());
        if step < commands {
            self.state = State::Commanding { step };
        } else {
            self.enter_pass();
        }
    }

    /// The number of the command whose turn it is, checked against the one that an entry names.
    fn step(&self, named: u32) -> Result<usize, String> {
        match self.state {
            State::Commanding { step } if u32::try_from(step) == Ok(named) => Ok(step),
            State::Commanding { step } => Err(format!("command {named}, while it is the turn of {step}")),
            State::Refused
            | State::Intended
            | State::Restoring
            | State::Writing { .. }
            | State::Verifying
            | State::Verified
            | State::Judged
            | State::Recorded => Err(format!("command {named}, while no command has its turn")),
        }
    }

    pub(super) fn planting(
        &mut self,
        at: UtcTime,
        step: u32,
        pattern: Pattern,
        blocks: RangeSet,
    ) -> Result<(), String> {
        // What was planted before an interruption may be gone: it is planted anew, with another key.
        self.course.begun = Some(Box::new(self.canaries_begin(at, step, CanaryKind::Planted, &blocks)?));
        self.planting = Some((pattern, blocks));
        self.planting_unit = None;
        Ok(())
    }

    /// Fingerprints that were taken before an interruption are taken anew, with another key.
    pub(super) fn fingerprinted(
        &mut self,
        at: UtcTime,
        step: u32,
        marks: Marks,
        taken: Fingerprints,
    ) -> Result<(), String> {
        let blocks = marks.blocks();
        let mut begun = self.canaries_begin(at, step, CanaryKind::Fingerprints, &blocks)?;
        begun.tally.canaries = Some(Canaries::fingerprinted(blocks, taken));
        begun.marks = vec![marks];
        self.course.begun = Some(Box::new(begun));
        Ok(())
    }

    /// The step of canaries on these blocks, none of which has been sent yet.
    fn canaries_begin(
        &self,
        at: UtcTime,
        step: u32,
        kind: CanaryKind,
        blocks: &RangeSet,
    ) -> Result<StepRun, String> {
        let step = self.step(step)?;
        self.is_planned(kind)?;
        if self.course.begun.as_ref().is_some_and(|begun| begun.sent.is_some()) {
            return Err("canaries after the command was sent".to_owned());
        }
        let capacity = self.plan.as_ref().map_or(0, |plan| plan.geometry.capacity.0);
        if blocks.last().is_some_and(|last| last.0 >= capacity) {
            return Err("canaries on blocks that the drive does not have".to_owned());
        }
        self.new_step(at, step)
    }

    fn is_planned(&self, kind: CanaryKind) -> Result<(), String> {
        let firmware = self.plan.as_ref().and_then(|plan| plan.firmware.as_ref());
        match firmware {
            Some(firmware) if firmware.canary_kind == kind => Ok(()),
            Some(_) | None => Err("canaries of another kind than was planned".to_owned()),
        }
    }

    pub(super) fn planting_unit(
        &mut self,
        step: u32,
        (unit, geometry): (String, Geometry),
        pattern: Pattern,
        planted: RangeSet,
    ) -> Result<(), String> {
        let (pattern, fingerprints) = (Some(pattern), None);
        let begun = UnitCanaries { unit, geometry, pattern, fingerprints, planted, after: None };
        self.unit_begins(step, CanaryKind::Planted, &begun)?;
        self.planting_unit = Some(begun);
        Ok(())
    }

    pub(super) fn fingerprinted_unit(
        &mut self,
        step: u32,
        geometry: Geometry,
        marks: Marks,
        taken: Fingerprints,
    ) -> Result<(), String> {
        let unit = marks.unit.clone().unwrap_or_default();
        let (planted, fingerprints) = (marks.blocks(), Some(taken));
        let known = UnitCanaries { unit, geometry, pattern: None, fingerprints, planted, after: None };
        self.unit_begins(step, CanaryKind::Fingerprints, &known)?;
        if let Some(begun) = &mut self.course.begun
            && let Some(canaries) = &mut begun.tally.canaries
        {
            canaries.others.push(known);
            begun.marks.push(marks);
        }
        Ok(())
    }

    /// `begun` has the blocks that are to be planted, or that tell by their fingerprints.
    fn unit_begins(&self, step: u32, kind: CanaryKind, begun: &UnitCanaries) -> Result<(), String> {
        self.step(step)?;
        self.is_planned(kind)?;
        let firmware = self.plan.as_ref().and_then(|plan| plan.firmware.as_ref());
        if !firmware.is_some_and(|firmware| firmware.compared_units().contains(&begun.unit)) {
            return Err("canaries in a unit that the plan does not compare".to_owned());
        }
        let before = self.course.begun.as_ref().filter(|step| step.sent.is_none());
        let Some(canaries) = before.and_then(|step| step.tally.canaries.as_ref()) else {
            return Err("canaries in another unit before those in this one, or after the command".to_owned());
        };
        if canaries.others.iter().any(|known| known.unit == begun.unit) {
            return Err("canaries in one unit twice".to_owned());
        }
        if begun.planted.last().is_some_and(|last| last.0 >= begun.geometry.capacity.0) {
            return Err("canaries on blocks that the unit does not have".to_owned());
        }
        Ok(())
    }

    pub(super) fn planted_unit(&mut self, step: u32, unit: &str, planted: RangeSet) -> Result<(), String> {
        self.step(step)?;
        let begun = self.planting_unit.take().filter(|begun| begun.unit == unit);
        let canaries = self.course.begun.as_mut().and_then(|step| step.tally.canaries.as_mut());
        let (Some(begun), Some(canaries)) = (begun, canaries) else {
            return Err("canaries in another unit that were not begun".to_owned());
        };
        let mut foreign = planted.clone();
        foreign.subtract(&begun.planted);
        if !foreign.is_empty() {
            return Err("canaries on other blocks than were begun".to_owned());
        }
        canaries.others.push(UnitCanaries { planted, ..begun });
        Ok(())
    }

    pub(super) fn planted(&mut self, step: u32, planted: RangeSet) -> Result<(), String> {
        self.step(step)?;
        let (Some((pattern, blocks)), Some(begun)) = (self.planting.take(), &mut self.course.begun) else {
            return Err("canaries that were not begun".to_owned());
        };
        let mut foreign = planted.clone();
        foreign.subtract(&blocks);
        if !foreign.is_empty() {
            return Err("canaries on other blocks than were begun".to_owned());
        }
        begun.tally.canaries = Some(Canaries::planted(pattern, planted));
        Ok(())
    }

    pub(super) fn commanding(
        &mut self,
        at: UtcTime,
        step: u32,
        command: DriveCommand,
        bytes: Vec<String>,
        before: Before,
    ) -> Result<(), String> {
        let step = self.step(step)?;
        if self.planting_unit.is_some() {
            return Err("a command while canaries were being written".to_owned());
        }
        let mut begun = match self.course.begun.take() {
            Some(begun) if begun.sent.is_some() => return Err("a command that was sent already".to_owned()),
            Some(begun) => *begun,
            None => self.new_step(at, step)?,
        };
        if begun.tally.command != command {
            return Err("another command than was planned".to_owned());
        }
        begun.tally.before = before;
        begun.bytes = bytes;
        begun.sent = Some(at);
        self.course.begun = Some(Box::new(begun));
        Ok(())
    }

    pub(super) fn accepted(&mut self, at: UtcTime, step: u32) -> Result<(), String> {
        self.step(step)?;
        match self.course.begun.as_mut().filter(|begun| begun.sent.is_some()) {
            Some(begun) if begun.accepted.is_none() => {
                begun.accepted = Some(at);
                Ok(())
            }
            Some(_) => Err("a command that the drive took twice".to_owned()),
            None => Err("a drive that took a command that was not sent".to_owned()),
        }
    }

    pub(super) fn commanded(&mut self, at: UtcTime, step: u32, report: CommandReport) -> Result<(), String> {
        self.step(step)?;
        let Some(begun) = self.course.begun.as_mut().filter(|begun| begun.sent.is_some()) else {
            return Err("the end of a command that was not sent".to_owned());
        };
        let canaries = begun.tally.canaries.as_ref();
        let read = canaries.is_some_and(|canaries| !canaries.are_read());
        let over = match report.conclusion {
            Conclusion::Confirmed | Conclusion::Claimed => !read,
            Conclusion::NotStarted { .. } | Conclusion::Failed { .. } => true,
            // It can be followed once more.
            Conclusion::Unknown { .. } => false,
        };
        begun.tally.report = Some(report);
        if over {
            self.end_step(at);
        }
        Ok(())
    }

    pub(super) fn canaries_read(
        &mut self,
        at: UtcTime,
        step: u32,
        tally: VerificationTally,
    ) -> Result<(), String> {
        self.step(step)?;
        let canaries = self.course.begun.as_mut().and_then(|begun| begun.tally.canaries.as_mut());
        let Some(canaries) = canaries.filter(|canaries| tally.wanted == canaries.planted.count()) else {
            return Err("canaries were read that were not planted".to_owned());
        };
        canaries.after = Some(tally);
        if canaries.are_read() {
            self.end_step(at);
        }
        Ok(())
    }

    pub(super) fn unit_read(
        &mut self,
        at: UtcTime,
        step: u32,
        unit: &str,
        tally: VerificationTally,
    ) -> Result<(), String> {
        self.step(step)?;
        let done = self.course.begun.as_mut().filter(|begun| begun.tally.report.is_some());
        let Some(canaries) = done.and_then(|begun| begun.tally.canaries.as_mut()) else {
            return Err("canaries were read before the command was over".to_owned());
        };
        let known = canaries.others.iter_mut().find(|known| known.unit == unit);
        let Some(known) = known.filter(|known| tally.wanted == known.planted.count()) else {
            return Err("canaries were read that were not planted".to_owned());
        };
        known.after = Some(tally);
        if canaries.are_read() {
            self.end_step(at);
        }
        Ok(())
    }

    /// Only after an interruption, and only where nothing was written over what the commands left.
    pub(super) fn commands_anew(&mut self, from: u32) -> Result<(), String> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let untouched = self.course.passes.is_empty() && self.course.written.is_empty();
        let known = from < self.plan.as_ref().map_or(0, |plan| plan.commands().len());
        if self.interruptions.is_empty() || !untouched || !known || from > self.course.steps.len() {
            return Err("commands anew where they cannot be".to_owned());
        }
        self.course.steps.truncate(from);
        self.course.begun = None;
        self.course.commands_anew = true;
        self.enter_step();
        Ok(())
    }

    fn end_step(&mut self, at: UtcTime) {
        if let Some(mut begun) = self.course.begun.take() {
            begun.ended = Some(at);
            self.course.steps.push(*begun);
        }
        self.course.pass_started = Some(at);
        self.enter_step();
    }

    fn new_step(&self, at: UtcTime, step: usize) -> Result<StepRun, String> {
        let command = self.plan.as_ref().and_then(|plan| plan.commands().get(step)).cloned();
        let command = command.ok_or_else(|| format!("command {step}, which is not planned"))?;
        let tally = StepTally { command, before: Before::default(), report: None, canaries: None };
        let (marks, bytes) = (Vec::new(), Vec::new());
        Ok(StepRun { tally, marks, bytes, started: at, sent: None, accepted: None, ended: None })
    }
}
