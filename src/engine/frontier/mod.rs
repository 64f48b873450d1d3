//! Which range comes next, for writing and for reading alike. It decides and does nothing.
//!
//! ```text
//! sweep ──▶ return ──▶ trim ──▶ scrape ──▶ retry ──▶ complete
//!   │         │          └─────────┴─────────┴── one at a time, alone, each with a time budget
//!   └─────────┴── several in flight; what fails is set aside
//!
//! any stage: path failed ─▶ drain, rest, the same range alone   gone, refused ─▶ the end
//!            256 failures in a row ─▶ something that worked before, alone; fails ─▶ given up
//! ```
//!
//! First everything healthy, leaping over areas that fail; then these from their far side; then each failed
//! region from both sides inwards, its middle block by block; then the failed blocks once more (the order of
//! ddrescue). Retries go alone with the queue drained: side by side they merge in the kernel and fail healthy
//! neighbours (measured on Linux 6.18, loop over a file with bad blocks).
mod region;
mod stage;
mod sweep;

use std::time::Duration;

pub use region::Grain;
use stage::{Stage, Task};
use sweep::Sweep;

use super::work::Scheduler;
use crate::io::{Fault, Treatment};
use crate::plan::Rules;
use crate::plan::rules::RuleName;
use crate::unit::{BlockCount, LbaRange, RangeSet, Zone};

/// Failures in a row, without one success between them, after which it is asked whether the drive answers
/// anything at all: a range that worked before is tried again.
const FAILURES_IN_A_ROW: u32 = 256;

/// Ranges of failed blocks after which the drive is given up: one failed transfer can come to a range for every
/// other block, and a record must hold them all, for each pass.
const RANGES_MAX: usize = 20_000;

/// First rest after a failure of the path; each further one is twice as long, up to the longest.
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_LONGEST: Duration = Duration::from_mins(1);

/// How a frontier came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Every range was tried, or set aside as failed.
    Complete,
    /// Asked to stop; some ranges were not tried.
    Stopped,
    /// The drive is not there any more.
    Gone(Fault),
    /// A rule ended it; some ranges were not tried.
    GivenUp(RuleName),
    /// The drive or its path refuses all further transfers.
    Refused(Fault),
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start this transfer.
    Transfer(LbaRange),
    /// Nothing may be started before something has come back.
    Reap,
    /// Let time pass, then ask again; nothing is in flight.
    Rest(Duration),
    /// Make this zone ready to be written from its beginning; nothing is in flight. Only the scheduler of zones says so.
    Ready(LbaRange),
    /// Look at this zone, of which all cells were written; nothing is in flight. Only the scheduler of zones says so.
    Look(LbaRange),
    /// Let the drive hold this zone open no longer; nothing is in flight. Only the scheduler of zones says so.
    Finish(LbaRange),
    /// The end is reached, and nothing is in flight.
    End,
}

/// The state of a sweep with everything that follows from failures. [`Self::advance`] chooses, [`Self::apply`]
/// takes the answer in. Time comes from outside, as what has passed since some beginning.
#[derive(Debug)]
pub struct Frontier<I> {
    grain: Grain,
    rules: Rules,
    sweep: Sweep<I>,
    stage: Stage,
    /// When the stage began.
    since: Duration,
    in_flight: usize,
    /// What is under way alone.
    alone: Option<Task>,
    /// To be tried again, alone, after a rest.
    again: Vec<(LbaRange, Task)>,
    rest_due: bool,
    /// Rests that are left.
    patience: u32,
    failures_in_a_row: u32,
    failures: u32,
    probe_due: bool,
    last_good: Option<LbaRange>,
    /// Transferred, and known to be durable; for reading, empty.
    durable: RangeSet,
    /// Transferred since the last flush that was confirmed.
    fresh: RangeSet,
    /// Transfers of the sweep that failed, and what of them is not settled.
    attempted: RangeSet,
    bad: Vec<LbaRange>,
    /// Areas between failures that were leapt over.
    enclosed: RangeSet,
    failed: RangeSet,
    /// Blocks of `durable` and `fresh` together, counted along, because they are asked for after every transfer.
    done: BlockCount,
    /// Blocks that failed and are not settled, and that failed for good.
    errors: BlockCount,
    end: Option<Settled>,
}

impl<I: Iterator<Item = LbaRange>> Frontier<I> {
    /// A sweep over the ranges that `pieces` yields, which do not overlap and are no longer than a transfer; in ascending
    /// order, or from the middle to the end and then from the beginning to the middle. `durable` was transferred before and is not among them.
    pub fn new(pieces: I, grain: Grain, leap: BlockCount, rules: &Rules, durable: RangeSet) -> Self {
        Self {
            grain,
            rules: rules.clone(),
            sweep: Sweep::new(pieces, grain.transfer, leap),
            stage: Stage::Sweep,
            since: Duration::ZERO,
            in_flight: 0,
            alone: None,
            again: Vec::new(),
            rest_due: false,
            patience: rules.back_offs,
            failures_in_a_row: 0,
            failures: 0,
            probe_due: false,
            // What an earlier sitting has written is something that worked before.
            last_good: durable.ranges().last().map(|range| grain.probe(*range)),
            done: durable.count(),
            durable,
            fresh: RangeSet::new(),
            attempted: RangeSet::new(),
            bad: Vec::new(),
            enclosed: RangeSet::new(),
            failed: RangeSet::new(),
            errors: BlockCount::ZERO,
            end: None,
        }
    }

    /// What to do next. `now` never goes back.
    pub fn advance(&mut self, now: Duration) -> Step {
        loop {
            if self.alone.is_some() {
                return Step::Reap;
            }
            if self.end.is_some() {
                return if self.in_flight > 0 { Step::Reap } else { Step::End };
            }
            if self.probe_due || !self.again.is_empty() {
                return if self.in_flight > 0 { Step::Reap } else { self.exception() };
            }
            match self.next_of_stage(now) {
                Some(step) => return step,
                None if self.in_flight > 0 => return Step::Reap,
                None => self.turn_stage(now),
            }
        }
    }

    /// A probe, a rest, or a range that is tried again: all of them alone.
    fn exception(&mut self) -> Step {
        if !self.rest_due && std::mem::take(&mut self.probe_due) {
            let Some(probe) = self.last_good else {
                self.end.get_or_insert(Settled::GivenUp(RuleName::Silent));
                return Step::End;
            };
            return self.start_alone(probe, Task::Probe);
        }
        if std::mem::take(&mut self.rest_due) {
            let used = self.rules.back_offs.saturating_sub(self.patience).saturating_sub(1);
            return Step::Rest(REST_FIRST.saturating_mul(1 << used.min(16)).min(REST_LONGEST));
        }
        match self.again.pop() {
            Some((range, task)) => self.start_alone(range, task.repeated()),
            None => Step::Reap,
        }
    }

    fn start_alone(&mut self, range: LbaRange, task: Task) -> Step {
        self.alone = Some(task);
        self.in_flight += 1;
        Step::Transfer(range)
    }

    fn next_of_stage(&mut self, now: Duration) -> Option<Step> {
        let side_by_side = match &self.stage {
            Stage::Sweep => self.sweep.forwards(),
            Stage::Return => self.sweep.backwards(),
            Stage::Trim(_) | Stage::Scrape(_) | Stage::Retry(..) | Stage::Over => {
                if self.in_flight > 0 {
                    return Some(Step::Reap);
                }
                let spent = now.saturating_sub(self.since);
                let range = self.stage.next_alone(spent, &self.rules)?;
                return Some(self.start_alone(range, Task::Stage));
            }
        };
        let range = side_by_side?;
        self.in_flight += 1;
        Some(Step::Transfer(range))
    }

    /// The stage has nothing left and nothing is in flight.
    fn turn_stage(&mut self, now: Duration) {
        let next = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Sweep => Stage::Return,
            Stage::Return => Stage::trim(self.grain, std::mem::take(&mut self.bad), &self.enclosed),
            Stage::Trim(trims) => Stage::scrape(self.grain, trims),
            Stage::Scrape(_) => Stage::retry(self.grain, 0, &self.rules, &self.failed),
            Stage::Retry(round, _) => Stage::retry(self.grain, round + 1, &self.rules, &self.failed),
            Stage::Over => {
                self.end = Some(Settled::Complete);
                Stage::Over
            }
        };
        if next.kind() != self.stage.kind() {
            self.since = now;
        }
        self.stage = next;
    }

    /// Takes in the answer for a range that [`Self::advance`] gave.
    pub fn apply(&mut self, range: LbaRange, result: Result<(), Fault>) {
        self.in_flight -= 1;
        let task = self.alone.take();
        match result {
            Ok(()) => self.succeed(range, task),
            Err(fault) => self.fail(range, task, fault),
        }
    }

    fn succeed(&mut self, range: LbaRange, task: Option<Task>) {
        self.failures_in_a_row = 0;
        if task == Some(Task::Probe) {
            return;
        }
        self.last_good = Some(self.grain.probe(range));
        self.done += range.count();
        self.fresh.insert(range);
        match task {
            None => self.sweep.hit(),
            Some(Task::Repeated) => self.patience = self.rules.back_offs,
            Some(Task::Stage | Task::StageRepeated) => {
                self.errors = self.errors.saturating_sub(range.count());
                self.failed.remove(range);
                self.stage.succeed(range);
                if task == Some(Task::StageRepeated) {
                    self.patience = self.rules.back_offs;
                }
            }
            Some(Task::Probe) => {}
        }
    }

    fn fail(&mut self, range: LbaRange, task: Option<Task>, fault: Fault) {
        if task == Some(Task::Probe) {
            self.probe_failed(range, fault);
            return;
        }
        self.failures_in_a_row += 1;
        if self.failures_in_a_row.is_multiple_of(FAILURES_IN_A_ROW) {
            self.probe_due = true;
        }
        match fault.kind.treatment() {
            Treatment::Leave => self.finish(Settled::Gone(fault)),
            Treatment::EndJob => self.finish(Settled::Refused(fault)),
            Treatment::BackOff if self.patience > 0 => {
                // Failures of one moment are one: all that was in flight failed together.
                if !self.rest_due {
                    self.rest_due = true;
                    self.patience -= 1;
                }
                if !matches!(task, Some(Task::Stage | Task::StageRepeated)) {
                    self.attempted.insert(range);
                }
                self.again.push((range, task.unwrap_or(Task::Repeated)));
                return;
            }
            Treatment::BackOff | Treatment::Divide => {}
        }
        match task {
            None | Some(Task::Repeated) => self.set_aside(range),
            Some(Task::Stage | Task::StageRepeated) => {
                if let Some(settled) = self.stage.fail(range) {
                    self.failed.insert(settled);
                    if self.failed.ranges().len() > RANGES_MAX {
                        self.finish(Settled::GivenUp(RuleName::ErrorsMax));
                    }
                }
            }
            Some(Task::Probe) => {}
        }
    }

    /// A transfer of the sweep has failed: it waits until everything healthy is done.
    fn set_aside(&mut self, range: LbaRange) {
        self.failures += 1;
        self.errors += range.count();
        self.attempted.insert(range);
        self.bad.push(range);
        self.sweep.miss();
        if matches!(self.stage, Stage::Return)
            && let Some(enclosed) = self.sweep.enclosed(range)
        {
            self.errors += enclosed.count();
            self.enclosed.insert(enclosed);
        }
        // Each may become a range of its own: without a limit a drive that fails here and there all over makes
        // counts that fill the memory and that no record could hold.
        if self.failures >= self.rules.errors_max {
            self.finish(Settled::GivenUp(RuleName::ErrorsMax));
        }
    }

    /// What worked before does not work any more: this is no bad area.
    fn probe_failed(&mut self, range: LbaRange, fault: Fault) {
        if fault.kind.treatment() == Treatment::BackOff && self.patience > 0 {
            self.patience -= 1;
            self.rest_due = true;
            self.probe_due = true;
            return;
        }
        self.fresh.remove(range);
        self.durable.remove(range);
        self.done = self.durable.count() + self.fresh.count();
        self.failed.insert(range);
        self.errors += range.count();
        self.finish(match fault.kind.treatment() {
            Treatment::Leave => Settled::Gone(fault),
            Treatment::EndJob => Settled::Refused(fault),
            Treatment::BackOff | Treatment::Divide => Settled::GivenUp(RuleName::Silent),
        });
    }

    fn finish(&mut self, settled: Settled) {
        self.end.get_or_insert(settled);
    }

    /// No more ranges, for a reason from outside; what is in flight still counts.
    pub fn end_with(&mut self, settled: Settled) {
        self.finish(settled);
    }

    /// The drive is known to be gone, whatever else was thought before.
    pub fn gone(&mut self, fault: Fault) {
        self.end = Some(Settled::Gone(fault));
    }

    /// A range that [`Self::advance`] gave was not started after all.
    pub const fn withdraw(&mut self) {
        self.in_flight -= 1;
        self.alone = None;
    }

    /// Whether something was transferred since the last good flush.
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Everything transferred so far is durable now; what is new since the last time.
    pub fn flushed(&mut self) -> RangeSet {
        let fresh = std::mem::take(&mut self.fresh);
        self.durable.extend(&fresh);
        fresh
    }

    /// What was transferred since the last good flush is not known to be durable: it is done again. To be called
    /// with nothing in flight. Number of blocks.
    pub fn flush_failed(&mut self) -> BlockCount {
        let fresh = std::mem::take(&mut self.fresh);
        self.done = self.durable.count();
        self.attempted.subtract(&fresh);
        self.sweep.queue(fresh.ranges());
        if !self.is_sweeping() {
            // The stages begin anew with what they had not settled, what waits to be tried again among it.
            self.again.clear();
            self.rest_due = false;
            // What was leapt over stays so until it was tried: another flush may fail before that.
            self.enclosed.subtract(&self.durable);
            self.enclosed.subtract(&fresh);
            let mut open = self.enclosed.clone();
            open.extend(&self.failed());
            self.failed = RangeSet::new();
            // Their region is tried from the beginning, and they with it.
            self.again.clear();
            self.rest_due = false;
            self.errors = open.count();
            self.bad = open.ranges().iter().flat_map(|range| pieces(*range, self.grain.transfer)).collect();
        }
        self.stage = Stage::Sweep;
        if self.end == Some(Settled::Complete) {
            self.end = None;
        }
        fresh.count()
    }

    /// Number of blocks transferred so far.
    pub const fn done(&self) -> BlockCount {
        self.done
    }

    /// Number of blocks that failed so far.
    pub const fn errors(&self) -> BlockCount {
        self.errors
    }

    /// Number of transfers of the sweep that failed.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether everything healthy is still being taken: rates mean something only then.
    pub const fn is_sweeping(&self) -> bool {
        matches!(self.stage, Stage::Sweep | Stage::Return)
    }

    /// Number of transfers in flight.
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Blocks transferred so far.
    pub fn succeeded(&self) -> RangeSet {
        let mut all = self.durable.clone();
        all.extend(&self.fresh);
        all
    }

    /// Blocks that failed for good, and those of failed transfers that no smaller one has settled.
    pub fn failed(&self) -> RangeSet {
        let mut failed = self.attempted.clone();
        failed.extend(&self.failed);
        failed.subtract(&self.durable);
        failed.subtract(&self.fresh);
        failed
    }

    /// How it ended, once [`Self::advance`] has said so.
    pub const fn end(&self) -> Option<Settled> {
        self.end
    }
}

impl<I: Iterator<Item = LbaRange>> Scheduler for Frontier<I> {
    fn advance(&mut self, now: Duration) -> Step {
        Frontier::advance(self, now)
    }

    fn apply(&mut self, range: LbaRange, result: Result<(), Fault>) {
        Frontier::apply(self, range, result);
    }

    fn readied(&mut self, answer: Result<Zone, Fault>) {
        unreachable!("a frontier has no zones made ready: {answer:?}");
    }

    fn looked(&mut self, answer: Result<Zone, Fault>) {
        unreachable!("a frontier looks at no zones: {answer:?}");
    }

    fn withdraw(&mut self) {
        Frontier::withdraw(self);
    }

    fn end_with(&mut self, settled: Settled) {
        Frontier::end_with(self, settled);
    }

    fn gone(&mut self, fault: Fault) {
        Frontier::gone(self, fault);
    }

    fn has_fresh(&self) -> bool {
        Frontier::has_fresh(self)
    }

    fn flushed(&mut self) -> RangeSet {
        Frontier::flushed(self)
    }

    fn flush_failed(&mut self) {
        Frontier::flush_failed(self);
    }

    fn done(&self) -> BlockCount {
        self.done
    }

    fn errors(&self) -> BlockCount {
        self.errors
    }

    fn is_sweeping(&self) -> bool {
        Frontier::is_sweeping(self)
    }

    fn end(&self) -> Option<Settled> {
        self.end
    }
}

/// Divides a range into consecutive pieces of `blocks` blocks, the last one shorter where it does not divide.
pub fn pieces(whole: LbaRange, blocks: BlockCount) -> impl Iterator<Item = LbaRange> {
    let mut next = Some(whole.first());
    std::iter::from_fn(move || {
        let first = next?;
        let left = BlockCount(whole.end().0 - first.0);
        let piece = LbaRange::new(first, left.min(blocks))?;
        next = (piece.end() < whole.end()).then(|| piece.end());
        Some(piece)
    })
}

#[cfg(test)]
mod tests;
