//! Evidence from the other units of a drive that a command reaches: canaries in each, written and read by a worker of its
//! own. A drive that spares one of them lies, whatever it does to the one that was named.
use std::io;
use std::time::Duration;

use super::carry_out::{Broken, Means, Talk};
use super::commanding::{demand_of, draw};
use super::course::{Marks, Run, StepRun};
use super::entry::{Entry, NotKept};
use super::listen::Deaf;
use super::tuning::{Wish, tuning};
use crate::device::units::are_of_one_drive;
use crate::device::{Claimed, DriveFacts, SysRoot};
use crate::engine::firmware::Conclusion;
use crate::io::Tuning;
use crate::plan::Plan;
use crate::plan::firmware::{CanaryKind, FirmwarePlan};
use crate::unit::{Geometry, Reason, ReasonCode};
use crate::verify::{Ending, UnitCanaries};
use crate::worker::parent::{Farewell, Program};
use crate::worker::{Link, Worker};

/// Another unit of the drive, and who works on it.
pub struct UnitMeans<'a> {
    /// The unit, by the name that the plan has for it.
    pub unit: String,
    /// Its shape.
    pub geometry: Geometry,
    /// Its worker.
    pub link: &'a mut dyn Link,
    /// How to drive it.
    pub tuning: Tuning,
}

impl Talk<'_> {
    /// Plants canaries in every other unit that the plan compares.
    pub(super) fn plant_others(
        &mut self,
        plan: &FirmwarePlan,
        number: u32,
        step: &mut StepRun,
    ) -> Result<(), Broken> {
        let absent = |name: &&String| self.units.iter().all(|means| means.unit != **name);
        if let Some(absent) = plan.compared_units().iter().find(absent) {
            return Err(Broken(Ending::CommandNotStarted(unprovable(absent, plan.canary_kind))));
        }
        let mut units = std::mem::take(&mut self.units);
        let compared = units.iter_mut().filter(|means| plan.compared_units().contains(&means.unit));
        let mut result = Ok(());
        for means in compared {
            result = self.know_other(plan, number, step, means);
            if result.is_err() {
                break;
            }
        }
        self.units = units;
        result
    }

    /// Canaries in one other unit, of the kind that is planned; enough of them, or the command is not begun.
    fn know_other(
        &mut self,
        plan: &FirmwarePlan,
        number: u32,
        step: &mut StepRun,
        means: &mut UnitMeans<'_>,
    ) -> Result<(), Broken> {
        let unit = match plan.canary_kind {
            CanaryKind::Planted => self.plant_other(plan, number, means)?,
            CanaryKind::Fingerprints => self.fingerprint_other(plan, number, step, means)?,
        };
        if !unit.are_enough(&demand_of(plan, means.geometry.capacity)) {
            return Err(Broken(Ending::CommandNotStarted(unprovable(&unit.unit, plan.canary_kind))));
        }
        if let Some(canaries) = &mut step.tally.canaries {
            canaries.others.push(unit);
        }
        Ok(())
    }

    fn fingerprint_other(
        &mut self,
        plan: &FirmwarePlan,
        number: u32,
        step: &mut StepRun,
        means: &mut UnitMeans<'_>,
    ) -> Result<UnitCanaries, Broken> {
        let (unit, geometry) = (means.unit.clone(), means.geometry);
        let (marks, taken) = self.with(means, |talk| {
            let known = talk.fingerprint(Some(unit.clone()), plan.canaries)?;
            if talk.stop_was_asked() { Err(Broken(Ending::Stopped)) } else { Ok(known) }
        })?;
        self.keep(&Entry::FingerprintedUnit {
            at: self.now(),
            step: number,
            unit: unit.clone(),
            geometry,
            key: marks.key.clone(),
            prints: marks.prints.clone(),
            taken: taken.clone(),
        })?;
        let planted = marks.blocks();
        step.marks.push(marks);
        Ok(UnitCanaries { unit, geometry, pattern: None, fingerprints: Some(taken), planted, after: None })
    }

    fn plant_other(
        &mut self,
        plan: &FirmwarePlan,
        number: u32,
        means: &mut UnitMeans<'_>,
    ) -> Result<UnitCanaries, Broken> {
        let (pattern, blocks) = draw(means.geometry.capacity, plan.canaries)?;
        let (unit, geometry) = (means.unit.clone(), means.geometry);
        self.keep(&Entry::PlantingUnit {
            at: self.now(),
            step: number,
            unit: unit.clone(),
            geometry,
            pattern: pattern.clone(),
            blocks: blocks.clone(),
        })?;
        let planted = self.with(means, |talk| {
            let planted = talk.write_canaries(&pattern, &blocks)?;
            if talk.stop_was_asked() { Err(Broken(Ending::Stopped)) } else { Ok(planted) }
        })?;
        let entry =
            Entry::PlantedUnit { at: self.now(), step: number, unit: unit.clone(), planted: planted.clone() };
        self.keep(&entry)?;
        let pattern = Some(pattern);
        Ok(UnitCanaries { unit, geometry, pattern, fingerprints: None, planted, after: None })
    }

    /// Reads the canaries in the other units, if the command may have done something to them.
    pub(super) fn read_others(&mut self, number: u32, step: &mut StepRun) -> Result<(), Broken> {
        let done = matches!(
            step.tally.report.as_ref().map(|report| &report.conclusion),
            Some(Conclusion::Confirmed | Conclusion::Claimed)
        );
        let Some(canaries) = step.tally.canaries.as_mut().filter(|_| done) else { return Ok(()) };
        let mut units = std::mem::take(&mut self.units);
        let mut result = Ok(());
        let unread = |canaries: &&mut UnitCanaries| canaries.after.is_none() && !canaries.planted.is_empty();
        for canaries in canaries.others.iter_mut().filter(unread) {
            // One that is not there any more stays unread, and nothing is shown for it.
            let means =
                units.iter_mut().find(|one| one.unit == canaries.unit && one.geometry == canaries.geometry);
            if let Some(means) = means {
                let marks = step.marks.iter().find(|marks| marks.unit.as_ref() == Some(&canaries.unit));
                result = self.read_other(number, canaries, marks, means);
            }
            if result.is_err() {
                break;
            }
        }
        self.units = units;
        result
    }

    fn read_other(
        &mut self,
        number: u32,
        canaries: &mut UnitCanaries,
        marks: Option<&Marks>,
        means: &mut UnitMeans<'_>,
    ) -> Result<(), Broken> {
        let (tally, at, settled) =
            self.with(means, |talk| talk.look_for(canaries.pattern.as_ref(), marks, &canaries.planted))?;
        // A reading that did not come to its end is done again; but a survivor is a survivor.
        if tally.matched.is_zero() {
            self.with(means, |talk| talk.settled(settled))?;
        }
        canaries.after = Some(tally.clone());
        let unit = canaries.unit.clone();
        self.keep(&Entry::UnitCanariesRead { at, step: number, unit, tally })?;
        self.with(means, |talk| talk.settled(settled))
    }

    /// Talks with the worker of another unit under the rules of the job.
    fn with<T>(
        &mut self,
        means: &mut UnitMeans<'_>,
        work: impl FnOnce(&mut Talk<'_>) -> Result<T, Broken>,
    ) -> Result<T, Broken> {
        let whole = self.terms();
        let spent = Duration::from_millis(whole.spent_millis);
        let own = Means {
            link: &mut *means.link,
            tuning: means.tuning,
            thermometer: None,
            seat: None,
            secret: None,
            stop: self.means.stop,
            clock: self.means.clock,
            listener: &mut Deaf,
            keeper: &mut NotKept,
        };
        let mut talk = Talk::new(means.geometry, whole.rules, spent, own);
        talk.commands_anew = self.commands_anew;
        let result = work(&mut talk);
        if let Some(who) = talk.conduct.left_behind {
            self.conduct.left_behind.get_or_insert(who);
        }
        result
    }
}

/// A command whose end nothing could prove in a unit is not begun.
fn unprovable(unit: &str, kind: CanaryKind) -> Reason {
    let (code, what, instead) = match kind {
        CanaryKind::Planted => (
            ReasonCode::WriteErrors,
            "canaries could not be written, or too few, or not the first and last block",
            "plan with --canaries fingerprints, which writes nothing",
        ),
        CanaryKind::Fingerprints => (
            ReasonCode::FirmwareUnknown,
            "too few blocks hold something whose disappearance would tell anything, or too many of them, or the first or last \
             block, cannot be read, or not twice the same",
            "plan with --canaries planted, which writes blocks that tell",
        ),
    };
    Reason::new(
        code,
        format!("in {unit} {what}: nothing could show there that the drive's command did what it says"),
        format!(
            "{instead}; or without canaries, and without a claim for other units: --no-canaries; or destroy the drive"
        ),
    )
}

/// The workers of the other units that a plan compares.
pub(super) struct Crew(Vec<(UnitMeansOf, Worker)>);

struct UnitMeansOf {
    unit: String,
    geometry: Geometry,
    tuning: Tuning,
}

/// The name that a plan has for a unit; `None` where it has none.
fn plan_name(facts: &DriveFacts) -> Option<String> {
    facts.identity.nsid.map(|nsid| format!("namespace {nsid}"))
}

/// Names of the units that the plan compares and that are not held with addressable blocks.
pub(super) fn not_held(root: &SysRoot, claimed: &Claimed, plan: &Plan) -> Vec<String> {
    let compared = plan.firmware.as_ref().map(FirmwarePlan::compared_units).unwrap_or_default();
    let held: Vec<String> = members(root, claimed).filter_map(|(name, _, _)| name).collect();
    compared.iter().filter(|name| !held.contains(name)).cloned().collect()
}

/// Held units that the kernel shows as parts of this very drive. A serial number alone never lets anything be written.
fn members<'a>(
    root: &'a SysRoot,
    claimed: &'a Claimed,
) -> impl Iterator<Item = (Option<String>, &'a Claimed, Geometry)> {
    let own = &claimed.facts().kernel_name;
    claimed.units().iter().filter_map(move |unit| {
        let geometry = unit.facts().geometry()?;
        let member = are_of_one_drive(root, own, &unit.facts().kernel_name);
        member.then(|| (plan_name(unit.facts()), unit, *geometry))
    })
}

impl Crew {
    /// Starts a worker for each other unit that the plan compares.
    ///
    /// # Errors
    /// When one cannot be started.
    pub(super) fn start(
        program: &Program,
        root: &SysRoot,
        claimed: &Claimed,
        plan: &Plan,
        wish: Wish,
    ) -> io::Result<Self> {
        let compared = plan.firmware.as_ref().map(FirmwarePlan::compared_units).unwrap_or_default();
        let mut crew: Vec<(UnitMeansOf, Worker)> = Vec::new();
        for (name, claimed, geometry) in members(root, claimed) {
            let Some(unit) = name.filter(|name| compared.contains(name)) else { continue };
            // Two nodes may lead to one unit; one of them is enough.
            if crew.iter().any(|(known, _)| known.unit == unit) {
                continue;
            }
            let tuning = tuning(wish, &claimed.facts().reach, &claimed.facts().queue, geometry.block_size);
            let worker = Worker::start(program, claimed.descriptor())?;
            crew.push((UnitMeansOf { unit, geometry, tuning }, worker));
        }
        Ok(Self(crew))
    }

    /// What carrying out needs of them.
    pub(super) fn means(&mut self) -> Vec<UnitMeans<'_>> {
        let means = self.0.iter_mut().map(|(of, worker)| UnitMeans {
            unit: of.unit.clone(),
            geometry: of.geometry,
            link: worker,
            tuning: of.tuning,
        });
        means.collect()
    }

    /// Has all of them leave. One that is stuck holds a part of the drive, whatever it reported.
    pub(super) fn finish(self, patience: Duration, dying: Duration, run: &mut Run) {
        for (_, worker) in self.0 {
            if let Farewell::Stuck { whereabouts } = worker.finish(patience, dying) {
                super::execute::stuck(whereabouts, run);
            }
        }
    }
}
