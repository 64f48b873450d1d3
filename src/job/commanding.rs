//! Has the drive sanitize itself, as part of carrying a plan out: canaries, a look, the command and its end, the
//! canaries again. What may have been sent is in the journal before it is.
//!
//! ```text
//! Planting ─▶ Planted ─▶ (look) ─▶ Commanding ─▶ Accepted ─▶ News* ─▶ Commanded ─▶ CanariesRead ─▶ next command
//! (or Fingerprinted)                   │ after an interruption: followed, never sent anew
//! ```
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::carry_out::{Broken, Talk};
use super::course::{Run, StepRun, Told, Trust};
use super::ending::{lost, step_ended};
use super::entry::Entry;
use super::listen::Happening;
use super::missing::without_command;
use crate::command::DriveCommand;
use crate::engine::firmware::{Before, CommandReport, Conclusion, News, Stage, Start};
use crate::plan::firmware::{CanaryKind, Expected, FirmwarePlan};
use crate::plan::{Plan, Rules, VerificationPlan};
use crate::unit::{BlockCount, Lba, LbaRange, Pattern, PatternKey, RangeSet, Reason, ReasonCode};
use crate::verify::steps::{Compared, Demand, demand, step_word};
use crate::verify::{Canaries, Ending, StepTally};
use crate::worker::message::{Command, Look};
use crate::worker::{Event, Order, Repair};

impl Talk<'_> {
    /// Carries out the commands of a plan that are not over, each until it is proven.
    pub(super) fn purge(
        &mut self,
        plan: &Plan,
        begun: Option<Box<StepRun>>,
        trust: Trust,
        run: &mut Run,
    ) -> Result<(), Broken> {
        let Some(firmware) = &plan.firmware else { return Ok(()) };
        let begun = self.anew(plan, begun, trust, run)?;
        let demand = demand(plan);
        // What ended the job before an interruption ends it again.
        for (index, step) in run.steps.iter().enumerate() {
            step_ended(step_word(&step.tally, Compared::after(plan, index), &demand)).map_err(Broken)?;
        }
        let mut begun = begun.map(|step| *step);
        while let Some(command) = firmware.steps.get(run.steps.len()) {
            let mut step = begun.take().unwrap_or_else(|| self.new_step(command));
            let index = run.steps.len();
            let compared = Compared::after(plan, index);
            let result = self.step(firmware, index, compared, &mut step);
            let word = step_word(&step.tally, compared, &demand);
            run.steps.push(step);
            result?;
            step_ended(word).map_err(Broken)?;
        }
        Ok(())
    }

    /// What was over before an interruption counts only where what was written on the drive meanwhile would be seen: where
    /// every block is read, or written over. Canaries that were not read yet prove nothing any more.
    fn anew(
        &mut self,
        plan: &Plan,
        begun: Option<Box<StepRun>>,
        trust: Trust,
        run: &mut Run,
    ) -> Result<Option<Box<StepRun>>, Broken> {
        let failed = |step: &StepRun| {
            let report = step.tally.report.as_ref().map(|report| &report.conclusion);
            !matches!(report, Some(Conclusion::Confirmed | Conclusion::Claimed))
        };
        if trust == Trust::Held || run.steps.iter().any(failed) {
            return Ok(begun);
        }
        let alone = plan.firmware.as_ref().is_none_or(|firmware| firmware.compared_units().is_empty());
        // In other units nothing is read afterwards. Before passes that may have begun it is for the record to say so.
        let read = alone && matches!(plan.verification, VerificationPlan::Full { .. });
        let seen = !plan.passes.is_empty() || read;
        let from = if seen { run.steps.len() } else { 0 };
        let ended = begun.as_ref().is_some_and(|step| !failed(step));
        if from == run.steps.len() && !ended {
            return Ok(begun);
        }
        let number = u32::try_from(from).unwrap_or(u32::MAX);
        self.keep(&Entry::CommandsAnew { at: self.now(), from: number })?;
        self.commands_anew = true;
        run.steps.truncate(from);
        Ok(None)
    }

    fn new_step(&self, command: &DriveCommand) -> StepRun {
        let tally =
            StepTally { command: command.clone(), before: Before::default(), report: None, canaries: None };
        let (marks, bytes) = (Vec::new(), Vec::new());
        StepRun { tally, marks, bytes, started: self.now(), sent: None, accepted: None, ended: None }
    }

    fn step(
        &mut self,
        plan: &FirmwarePlan,
        number: usize,
        compared: Compared,
        step: &mut StepRun,
    ) -> Result<(), Broken> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let start = match (step.sent, step.accepted) {
            (None, _) => Start::Send,
            (Some(_), None) => Start::Follow,
            (Some(_), Some(_)) => Start::FollowAccepted,
        };
        if start == Start::Send {
            self.plant(plan, number, step)?;
            self.plant_others(plan, number, step)?;
            self.is_provable(plan, compared, step)?;
            self.look_before(number, step)?;
        }
        if step.tally.report.as_ref().is_none_or(|report| is_open(&report.conclusion)) {
            let mut report = self.command(number, step, start)?;
            if let Conclusion::NotStarted { reason } = &mut report.conclusion {
                *reason = without_command(plan, &step.tally.command, reason);
            }
            let vouched = match start {
                Start::Send => true,
                // The drive took it, and all that it must have left is compared afterwards.
                Start::FollowAccepted => compared == Compared::Blocks,
                Start::Follow => false,
            };
            if !vouched && report.conclusion == Conclusion::Claimed {
                // Canaries can be gone for other reasons after a time in which nobody held the drive.
                report.conclusion = Conclusion::Unknown { reason: unheld() };
                report.proof.clear();
            }
            if self.stop_was_asked() && (is_open(&report.conclusion) || was_stopped(&report.conclusion)) {
                // It goes on by itself, or was never begun. Nothing is kept of it, so that whoever resumes the job
                // follows it.
                return Err(Broken(Ending::Stopped));
            }
            self.keep(&Entry::Commanded { at: self.now(), step: number, report: Box::new(report.clone()) })?;
            step.tally.report = Some(report);
        }
        self.read_others(number, step)?;
        self.read_canaries(number, step)?;
        step.ended = Some(self.now());
        Ok(())
    }

    /// Writes the canaries and reads them, or takes the fingerprints of what is there: only what is seen to be there can be
    /// seen to have gone.
    fn plant(&mut self, plan: &FirmwarePlan, number: u32, step: &mut StepRun) -> Result<(), Broken> {
        if plan.canaries == 0 {
            return Ok(());
        }
        match plan.canary_kind {
            CanaryKind::Planted => self.plant_here(plan, number, step)?,
            CanaryKind::Fingerprints => self.fingerprint_here(plan, number, step)?,
        }
        if self.stop_was_asked() { Err(Broken(Ending::Stopped)) } else { Ok(()) }
    }

    fn fingerprint_here(
        &mut self,
        plan: &FirmwarePlan,
        number: u32,
        step: &mut StepRun,
    ) -> Result<(), Broken> {
        let (marks, taken) = self.fingerprint(None, plan.canaries)?;
        let (at, key, prints) = (self.now(), marks.key.clone(), marks.prints.clone());
        self.keep(&Entry::Fingerprinted { at, step: number, key, prints, taken: taken.clone() })?;
        step.tally.canaries = Some(Canaries::fingerprinted(marks.blocks(), taken));
        // A key that a sitting before this one drew is not used any more.
        step.marks = vec![marks];
        Ok(())
    }

    fn plant_here(&mut self, plan: &FirmwarePlan, number: u32, step: &mut StepRun) -> Result<(), Broken> {
        let (pattern, blocks) = draw(self.geometry().capacity, plan.canaries)?;
        let at = self.now();
        self.keep(&Entry::Planting { at, step: number, pattern: pattern.clone(), blocks: blocks.clone() })?;
        let planted = self.write_canaries(&pattern, &blocks)?;
        self.keep(&Entry::Planted { at: self.now(), step: number, planted: planted.clone() })?;
        step.tally.canaries = Some(Canaries::planted(pattern, planted));
        Ok(())
    }

    /// Writes blocks and reads them; which of them hold the pattern then.
    pub(super) fn write_canaries(
        &mut self,
        pattern: &Pattern,
        blocks: &RangeSet,
    ) -> Result<RangeSet, Broken> {
        let mut terms = self.terms();
        terms.rules = Rules { repair_blocks: terms.rules.repair_blocks.max(blocks.count().0), ..terms.rules };
        self.order(&Order::Repair(Repair { terms, pattern: pattern.clone(), wrong: blocks.clone() }))?;
        let tally = self.repaired()?;
        let mut planted = tally.right_again;
        planted.extend(&tally.repaired);
        let mut foreign = planted.clone();
        foreign.subtract(blocks);
        if !foreign.is_empty() {
            return Err(Broken(lost("the worker process wrote other blocks than it was told to".into())));
        }
        Ok(planted)
    }

    /// A command whose end nothing could prove is not begun: it would destroy everything and come to nothing.
    fn is_provable(&self, plan: &FirmwarePlan, compared: Compared, step: &StepRun) -> Result<(), Broken> {
        let demand = demand_of(plan, self.geometry().capacity);
        let canaries = step.tally.canaries.as_ref();
        let enough = canaries.is_some_and(|canaries| canaries.are_enough(&demand));
        match compared {
            Compared::Blocks | Compared::Later => Ok(()),
            Compared::Rewritten | Compared::CanariesOnly if enough || plan.canaries == 0 => Ok(()),
            Compared::Rewritten | Compared::CanariesOnly => {
                let count = canaries.map_or(0, |canaries| canaries.planted.count().0);
                Err(Broken(Ending::CommandNotStarted(too_few(plan, count))))
            }
        }
    }

    /// Looks at the drive, and makes the intent durable.
    fn look_before(&mut self, number: u32, step: &mut StepRun) -> Result<(), Broken> {
        let command = step.tally.command.clone();
        self.order(&Order::Look(Look { terms: self.terms(), command: command.clone() }))?;
        let before = loop {
            match self.hear()? {
                Event::Looked { before } => break before,
                Event::NotReady { .. } if self.stop_was_asked() => return Err(Broken(Ending::Stopped)),
                Event::NotReady { reason } => return Err(Broken(Ending::CommandNotStarted(reason))),
                Event::News(news) => self.news(number, &news),
                other => self.unexpected(other)?,
            }
        };
        if self.stop_was_asked() {
            return Err(Broken(Ending::Stopped));
        }
        step.bytes = command.written();
        step.tally.before = before.clone();
        let at = self.now();
        let password = command.password();
        let bytes = step.bytes.clone();
        self.keep(&Entry::Commanding { at, step: number, command, bytes, password, before })?;
        step.sent = Some(at);
        Ok(())
    }

    fn command(&mut self, number: u32, step: &mut StepRun, start: Start) -> Result<CommandReport, Broken> {
        let order = Command {
            terms: self.terms(),
            command: step.tally.command.clone(),
            start,
            before: step.tally.before.clone(),
            secret: self.secret(),
        };
        self.order(&Order::Command(Box::new(order)))?;
        let report = loop {
            match self.hear()? {
                Event::Commanded { report } => break *report,
                Event::News(news) => {
                    if news.stage == Stage::Accepted && step.accepted.is_none() {
                        let at = self.now();
                        self.keep(&Entry::Accepted { at, step: number })?;
                        step.accepted = Some(at);
                    }
                    self.news(number, &news);
                }
                other => self.unexpected(other)?,
            }
        };
        self.end_quiet();
        Ok(report)
    }

    fn news(&mut self, step: u32, news: &News) {
        self.expect_quiet(news.quiet_seconds);
        self.tell(&Happening::Command { step, news });
    }

    /// What may come at any time; anything else is not what was ordered.
    pub(super) fn unexpected(&mut self, event: Event) -> Result<(), Broken> {
        match event {
            Event::Ready { .. } | Event::Waiting | Event::Heat { .. } => Ok(()),
            Event::Progress(progress) => {
                self.progress(progress);
                Ok(())
            }
            Event::Broken { text } => Err(Broken(lost(text))),
            Event::Pass { .. }
            | Event::Checkpoint { .. }
            | Event::Verified { .. }
            | Event::Repaired { .. }
            | Event::Fingerprinted { .. }
            | Event::Restored { .. }
            | Event::Looked { .. }
            | Event::NotReady { .. }
            | Event::News(_)
            | Event::Commanded { .. }
            | Event::Surveyed { .. }
            | Event::Unlocked { .. } => {
                Err(Broken(lost("the worker process did something else than it was told to".into())))
            }
        }
    }

    /// Reads the canaries, if the command may have done something to them.
    fn read_canaries(&mut self, number: u32, step: &mut StepRun) -> Result<(), Broken> {
        let done = matches!(
            step.tally.report.as_ref().map(|report| &report.conclusion),
            Some(Conclusion::Confirmed | Conclusion::Claimed)
        );
        let unread = |canaries: &&Canaries| canaries.after.is_none() && !canaries.planted.is_empty();
        let Some(canaries) = step.tally.canaries.as_ref().filter(|_| done).filter(unread).cloned() else {
            return Ok(());
        };
        let pattern = canaries.pattern.as_ref();
        let (tally, at, settled) = self.look_for(pattern, step.marks_of(None), &canaries.planted)?;
        // A reading that did not come to its end is done again; but a survivor is a survivor.
        if tally.matched.is_zero() {
            self.settled(settled)?;
        }
        let entry = Entry::CanariesRead { at, step: number, tally: tally.clone() };
        if let Some(canaries) = step.tally.canaries.as_mut() {
            canaries.after = Some(tally);
        }
        self.keep(&entry)?;
        self.settled(settled)
    }

    /// Asks the drive once more what it says about itself, for the record, and for what the plan says of defects that grew.
    pub(super) fn look_after(&mut self, plan: &Plan, told: Told, run: &mut Run) {
        let answers = match run.ending {
            Ending::Completed | Ending::CommandNotStarted(_) | Ending::CommandFailed(_) => true,
            Ending::Stopped
            | Ending::PowerCycle(_)
            | Ending::DriveGone(_)
            | Ending::GivenUp(_)
            | Ending::Refused(_)
            | Ending::Lost(_) => false,
        };
        let asked = match told {
            Told::OfItself => true,
            Told::Nothing => plan.firmware.is_some(),
        };
        if !asked || !answers || self.order(&Order::Survey).is_err() {
            return;
        }
        while let Ok(event) = self.hear() {
            match event {
                Event::Surveyed { capability } => {
                    run.capability = capability;
                    return;
                }
                other => {
                    if self.unexpected(other).is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// What reading must find after the last command; `None` when only the canaries can be compared.
    pub(super) fn left_behind(&mut self, plan: &FirmwarePlan) -> Result<Option<Pattern>, Broken> {
        match &plan.expected {
            Expected::Bytes { bytes } => Ok(Some(Pattern::Fixed { bytes: bytes.clone() })),
            Expected::Changed => Ok(None),
            Expected::Blank => self.blank().map(Some),
        }
    }

    /// Zeros or ones, whichever the first block holds; zeros where it holds neither, and then nothing will match.
    fn blank(&mut self) -> Result<Pattern, Broken> {
        let first: RangeSet = LbaRange::single(Lba(0)).into_iter().collect();
        for byte in [0x00, 0xFF] {
            let (read, settled) = self.read(&Pattern::byte(byte), first.clone(), None)?;
            self.settled(settled)?;
            if read.tally.is_clean() {
                return Ok(Pattern::byte(byte));
            }
        }
        Ok(Pattern::byte(0x00))
    }
}

/// Whether the end of a command is still to be found out.
const fn is_open(conclusion: &Conclusion) -> bool {
    match conclusion {
        Conclusion::Unknown { .. } => true,
        Conclusion::Confirmed
        | Conclusion::Claimed
        | Conclusion::NotStarted { .. }
        | Conclusion::Failed { .. } => false,
    }
}

/// A key that nothing else has, and the blocks that get it.
pub(super) fn draw(capacity: BlockCount, wanted: u32) -> Result<(Pattern, RangeSet), Broken> {
    let mut key = [0; 32];
    random(&mut key)?;
    let blocks = choose(capacity, wanted, &key);
    random(&mut key)?;
    Ok((Pattern::Keyed { key: PatternKey(key) }, blocks))
}

/// What a plan asks of the canaries of a unit.
pub(super) const fn demand_of(plan: &FirmwarePlan, capacity: BlockCount) -> Demand {
    Demand { canaries: plan.canaries, kind: plan.canary_kind, capacity }
}

/// Why a command is not begun of which only `count` canaries could tell.
fn too_few(plan: &FirmwarePlan, count: u64) -> Reason {
    let wanted = plan.canaries;
    match plan.canary_kind {
        CanaryKind::Planted => Reason::new(
            ReasonCode::WriteErrors,
            format!(
                "only {count} of {wanted} canaries could be written, or not the first and the last block: what the drive says \
                 of its command could not be shown to be true"
            ),
            "choose a --technique whose end can be read back (block-erase, sanitize-overwrite), or plan with --canaries \
             fingerprints, which writes nothing, or destroy the drive",
        ),
        CanaryKind::Fingerprints => Reason::new(
            ReasonCode::FirmwareUnknown,
            format!(
                "only {count} of {wanted} blocks hold something whose disappearance would tell anything, or more than a \
                 quarter of those that are not blank, or the first or the last block, cannot be read, or not twice the same: \
                 what the drive says of its command could not be shown to be true"
            ),
            "plan with --canaries planted, which writes blocks that tell; or choose a --technique whose end can be read back \
             (block-erase, sanitize-overwrite)",
        ),
    }
}

fn unheld() -> Reason {
    Reason::new(
        ReasonCode::FirmwareUnknown,
        "the drive says that it is done, but nobody held it meanwhile, and nothing shows that it was by our command",
        "sanitize the drive again with a new job",
    )
}

/// Whether a command was not sent because somebody wanted to stop.
fn was_stopped(conclusion: &Conclusion) -> bool {
    matches!(conclusion, Conclusion::NotStarted { reason } if reason.code == ReasonCode::Stopped)
}

/// Random bytes of the kernel.
pub(super) fn random(seed: &mut [u8]) -> Result<(), Broken> {
    getrandom::fill(seed).map_err(|error| Broken(lost(format!("the kernel gave no random numbers: {error}"))))
}

/// The first block, the last, and random ones between; all of a drive that has no more.
fn choose(capacity: BlockCount, wanted: u32, seed: &[u8; 32]) -> RangeSet {
    let single = |lba: u64| LbaRange::single(Lba(lba)).into_iter().collect::<RangeSet>();
    let mut chosen = RangeSet::new();
    let Some(last) = capacity.0.checked_sub(1) else { return chosen };
    chosen.extend(&single(0));
    chosen.extend(&single(last));
    let mut random = ChaCha20Rng::from_seed(*seed);
    let wanted = u64::from(wanted).min(capacity.0);
    while chosen.count().0 < wanted {
        chosen.extend(&single(random.next_u64() % capacity.0));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canaries_are_at_both_ends_and_as_many_as_wanted() {
        for (capacity, wanted) in [(1, 8), (2, 8), (7, 8), (8, 8), (100, 8), (1 << 40, 64)] {
            let chosen = choose(BlockCount(capacity), wanted, &[3; 32]);
            assert_eq!(chosen.count().0, u64::from(wanted).min(capacity));
            assert_eq!((chosen.first(), chosen.last()), (Some(Lba(0)), Some(Lba(capacity - 1))));
        }
        assert!(choose(BlockCount(0), 8, &[3; 32]).is_empty());
        let far = BlockCount(1 << 40);
        assert_ne!(choose(far, 64, &[3; 32]), choose(far, 64, &[4; 32]));
    }
}
