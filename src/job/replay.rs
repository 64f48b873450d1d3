//! Reads a job's journal back: what was meant, how far it came, and whether it can be gone on with. Pure: it is
//! told by its entries alone, and what makes no sense is refused, never guessed.
mod capacity;
mod steps;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::course::{Course, Marks, PassRun, Trust, VerificationRun};
use super::entry::Entry;
use crate::certificate::provenance::{Given, SelfTest};
use crate::certificate::record::{Interruption, InterruptionCause, WentOn};
use crate::certificate::time::UtcTime;
use crate::device::DriveFacts;
use crate::engine::PassTally;
use crate::plan::{Plan, RuleName};
use crate::unit::term::{Outcome, word};
use crate::unit::{BlockCount, Digest, Pattern, RangeSet, Reason, ReasonCode};
use crate::verify::growth::counts_defects;
use crate::verify::{RepairTally, UnitCanaries};
use crate::worker::message::Ended;

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was refused, or ended before anything was written.
    Refused,
    /// It was meant; nothing was written.
    Intended,
    /// Keys are drawn, the drive is to present all of its capacity first; nothing was written.
    Restoring,
    /// Keys are drawn, the drive is being sanitized by commands of its own.
    Commanding {
        /// Number of the command, from 0.
        step: usize,
    },
    /// Keys are drawn, a pass is being written.
    Writing {
        /// Number of the pass, from 0.
        pass: usize,
    },
    /// All passes are written.
    Verifying,
    /// The read-back is over.
    Verified,
    /// The verdict is there, the record not yet.
    Judged,
    /// The record is on the disk.
    Recorded,
}

/// A record that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its file name.
    pub file: String,
    /// Digest of the file.
    pub sha256: Digest,
}

/// What a journal tells.
#[derive(Clone, Debug)]
pub struct Story {
    /// Name of the job.
    pub job: String,
    /// Its number among the jobs of the host; 0 where it has none.
    pub number: u64,
    /// The drive as it was when the job began; `None` for a refusal.
    pub facts: Option<DriveFacts>,
    /// What could not be seen then.
    pub notes: Vec<String>,
    /// The plan.
    pub plan: Option<Plan>,
    /// Bytes of every pass.
    pub patterns: Vec<Pattern>,
    /// What people said.
    pub given: Given,
    /// The self-test before the job.
    pub self_test: Option<SelfTest>,
    /// Where its records go, and the key that signs them.
    pub places: Option<(PathBuf, PathBuf)>,
    /// Its first line.
    pub started: UtcTime,
    /// Its last line.
    pub last: UtcTime,
    /// What is done.
    pub course: Course,
    /// Blocks whose read-back is over are in the course; how it ended is here.
    pub read_settled: Option<Ended>,
    /// Times in which it did not run.
    pub interruptions: Vec<Interruption>,
    /// How far it has come.
    pub state: State,
    /// The last verdict.
    pub verdict: Option<(Outcome, Vec<Reason>)>,
    /// Number of the last verdict's entry, from 0.
    pub verdict_at: usize,
    /// The last record.
    pub record: Option<Stored>,
    /// Whether its keys were drawn: from then on the drive may have been written or commanded.
    pub armed: bool,
    boot: Option<String>,
    sitting_began: UtcTime,
    verifying: Option<(UtcTime, Option<String>, Option<Pattern>)>,
    /// Blocks with keys whose overwriting was begun.
    key_slots: Option<(UtcTime, RangeSet)>,
    /// Blocks whose planting was begun.
    planting: Option<(Pattern, RangeSet)>,
    /// The same in another unit.
    planting_unit: Option<UnitCanaries>,
}

/// Entries that no job of ours writes in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonsense {
    /// Number of the entry, from 1.
    pub entry: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} of the journal makes no sense: {}", self.entry, self.why)
    }
}

impl std::error::Error for Nonsense {}

/// Tells the story of a journal's lines.
///
/// # Errors
/// [`Nonsense`] for lines that are no entries, or stand where they cannot stand.
pub fn replay(lines: &[Vec<u8>]) -> Result<Story, Nonsense> {
    let mut story: Option<Story> = None;
    for (index, line) in lines.iter().enumerate() {
        let wrong = |why: String| Nonsense { entry: index + 1, why };
        let entry: Entry = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        match &mut story {
            None => story = Some(Story::begin(entry).map_err(wrong)?),
            Some(story) => {
                let at = entry.at();
                let is_verdict = matches!(entry, Entry::Verdict { .. });
                story.take(entry).map_err(wrong)?;
                story.last = story.last.max(at);
                if is_verdict {
                    story.verdict_at = index;
                }
            }
        }
    }
    story.ok_or_else(|| Nonsense { entry: 1, why: "there is none".to_owned() })
}

impl Story {
    fn begin(entry: Entry) -> Result<Self, String> {
        let at = entry.at();
        let mut story = Self {
            job: String::new(),
            number: 0,
            facts: None,
            notes: Vec::new(),
            plan: None,
            patterns: Vec::new(),
            given: Given::default(),
            self_test: None,
            places: None,
            started: at,
            last: at,
            course: Course::default(),
            read_settled: None,
            interruptions: Vec::new(),
            state: State::Refused,
            verdict: None,
            verdict_at: 0,
            record: None,
            boot: None,
            armed: false,
            sitting_began: at,
            verifying: None,
            key_slots: None,
            planting: None,
            planting_unit: None,
        };
        match entry {
            Entry::Refused { job, reasons, .. } => {
                story.job = job;
                story.verdict = Some((Outcome::Refused, reasons));
            }
            Entry::Intent {
                job,
                number,
                facts,
                notes,
                plan,
                plan_digest,
                given,
                self_test,
                boot,
                records,
                key,
                ..
            } => {
                if plan.as_ref().map(|plan| plan.digest()) != plan_digest {
                    return Err("the digest of the plan is not the plan's".to_owned());
                }
                story.state = State::Intended;
                story.job = job;
                story.number = number;
                story.facts = Some(*facts);
                story.notes = notes;
                story.plan = plan.map(|plan| *plan);
                story.given = *given;
                story.self_test = self_test;
                story.boot = boot;
                story.places = records.zip(key);
            }
            other => return Err(format!("a journal does not begin with {}", name(&other))),
        }
        Ok(story)
    }

    fn take(&mut self, entry: Entry) -> Result<(), String> {
        match entry {
            Entry::Refused { reasons, .. } if self.state == State::Intended => {
                self.state = State::Refused;
                self.verdict = Some((Outcome::Refused, reasons));
                Ok(())
            }
            Entry::Armed { at, passes } if self.state == State::Intended => self.arm(at, passes),
            Entry::Restoring { at, wanted } => self.restoring(at, wanted),
            Entry::Restored { at, report, seen } => self.restored(at, *report, seen),
            Entry::OverwritingKeySlots { at, blocks, .. } => self.overwriting_key_slots(at, blocks),
            Entry::KeySlotsOverwritten { at, overwritten } => self.key_slots_overwritten(at, overwritten),
            Entry::Planting { at, step, pattern, blocks } => self.planting(at, step, pattern, blocks),
            Entry::Planted { step, planted, .. } => self.planted(step, planted),
            Entry::PlantingUnit { step, unit, geometry, pattern, blocks, .. } => {
                self.planting_unit(step, (unit, geometry), pattern, blocks)
            }
            Entry::Fingerprinted { at, step, key, prints, taken } => {
                self.fingerprinted(at, step, Marks { unit: None, key, prints }, taken)
            }
            Entry::FingerprintedUnit { step, unit, geometry, key, prints, taken, .. } => {
                self.fingerprinted_unit(step, geometry, Marks { unit: Some(unit), key, prints }, taken)
            }
            Entry::PlantedUnit { step, unit, planted, .. } => self.planted_unit(step, &unit, planted),
            Entry::UnitCanariesRead { at, step, unit, tally } => self.unit_read(at, step, &unit, tally),
            Entry::Commanding { at, step, command, bytes, before, .. } => {
                self.commanding(at, step, command, bytes, before)
            }
            Entry::Accepted { at, step } => self.accepted(at, step),
            Entry::Commanded { at, step, report } => self.commanded(at, step, *report),
            Entry::CanariesRead { at, step, tally } => self.canaries_read(at, step, tally),
            Entry::CommandsAnew { from, .. } => self.commands_anew(from),
            Entry::Checkpoint { pass, written, .. } => self.checkpoint(pass, &written),
            Entry::PassEnded { at, tally, settled } => self.end_pass(at, tally, settled),
            Entry::Verifying { at, seed, expected } if self.state == State::Verifying => {
                self.course.seed.clone_from(&seed);
                self.verifying = Some((at, seed, expected));
                Ok(())
            }
            Entry::Verified { at, tally, settled, adapter, opened } => {
                let Some((started, seed, expected)) = self.verifying.take() else {
                    return Err("a read-back ended that was not begun".to_owned());
                };
                let (repair, ended) = (None, at);
                let run = VerificationRun { seed, adapter, opened, expected, tally, repair, started, ended };
                self.end_reading(run, settled);
                Ok(())
            }
            Entry::Repaired { at, tally } => self.repaired(at, tally),
            Entry::Verdict { outcome, reasons, .. } if self.state != State::Refused => {
                self.verdict = Some((outcome, reasons));
                self.state = State::Judged;
                Ok(())
            }
            Entry::Recorded { file, sha256, .. } if self.state == State::Judged => {
                self.record = Some(Stored { file, sha256 });
                self.state = State::Recorded;
                Ok(())
            }
            Entry::Resumed { at, node, diskseq, boot } => self.resume(at, node, diskseq, boot),
            Entry::Probed { at, probe, went_on } => self.probed(at, probe, went_on),
            other @ (Entry::Refused { .. }
            | Entry::Intent { .. }
            | Entry::Armed { .. }
            | Entry::Verifying { .. }
            | Entry::Verdict { .. }
            | Entry::Recorded { .. }) => Err(format!("{} does not stand here", name(&other))),
        }
    }

    fn repaired(&mut self, at: UtcTime, tally: RepairTally) -> Result<(), String> {
        match &mut self.course.verification {
            Some(run) if tally.accounts_for(&run.tally) => {
                run.repair = Some(tally);
                run.ended = at;
                Ok(())
            }
            Some(_) | None => Err("a repair of what was not found wrong".to_owned()),
        }
    }

    /// The story with these entries after it.
    ///
    /// # Errors
    /// As for [`replay`].
    pub fn after(mut self, entries: Vec<Entry>) -> Result<Self, Nonsense> {
        for (index, entry) in entries.into_iter().enumerate() {
            let at = entry.at();
            self.take(entry).map_err(|why| Nonsense { entry: index + 1, why })?;
            self.last = self.last.max(at);
        }
        Ok(self)
    }

    fn arm(&mut self, at: UtcTime, patterns: Vec<Pattern>) -> Result<(), String> {
        let planned = self.plan.as_ref().map_or(0, |plan| plan.passes.len());
        let commands = self.plan.as_ref().map_or(0, |plan| plan.commands().len());
        if patterns.len() != planned || patterns.len() + commands == 0 {
            return Err(format!("{} passes were armed, {planned} were planned", patterns.len()));
        }
        self.patterns = patterns;
        self.course.pass_started = Some(at);
        self.armed = true;
        self.enter_work();
        Ok(())
    }

    /// Only a whole pass is over: one that was stopped is gone on with from its checkpoints.
    fn end_pass(&mut self, at: UtcTime, tally: PassTally, settled: Option<Ended>) -> Result<(), String> {
        let Some(pattern) = self.writing().and_then(|pass| self.patterns.get(pass)).cloned() else {
            return Err("a pass ended that was not begun".to_owned());
        };
        let started = self.course.pass_started.unwrap_or(at);
        let settled = settled.unwrap_or(if tally.is_complete() { Ended::Complete } else { Ended::Stopped });
        if is_over(settled) {
            self.course.passes.push(PassRun { pattern, tally, started, ended: at });
            self.course.given_up = given_up(settled);
            self.course.written = RangeSet::new();
            self.course.pass_started = Some(at);
            self.enter_pass();
        } else {
            // Durable once, and then a write of it failed: nobody knows what is there now.
            self.course.written.subtract(&tally.failed);
        }
        Ok(())
    }

    /// Blocks that were found wrong are a failure whatever follows: they must not be forgotten because somebody
    /// stopped the reading.
    fn end_reading(&mut self, run: VerificationRun, settled: Option<Ended>) {
        let tally = &run.tally;
        let whole = tally.matched + tally.mismatched.count() + tally.unreadable.count() == tally.wanted;
        let settled = settled.unwrap_or(if whole { Ended::Complete } else { Ended::Stopped });
        if is_over(settled) || !tally.mismatched.is_empty() {
            self.course.verification = Some(run);
            self.read_settled = Some(settled);
            self.state = State::Verified;
        }
    }

    fn enter_pass(&mut self) {
        let pass = self.course.passes.len();
        self.state = if pass < self.patterns.len() { State::Writing { pass } } else { State::Verifying };
    }

    const fn writing(&self) -> Option<usize> {
        match self.state {
            State::Writing { pass } => Some(pass),
            State::Refused
            | State::Intended
            | State::Restoring
            | State::Commanding { .. }
            | State::Verifying
            | State::Verified
            | State::Judged
            | State::Recorded => None,
        }
    }

    fn checkpoint(&mut self, pass: u32, written: &RangeSet) -> Result<(), String> {
        let capacity = self.plan.as_ref().map_or(BlockCount::ZERO, |plan| plan.geometry.capacity);
        if self.writing().is_none_or(|writing| u32::try_from(writing) != Ok(pass)) {
            return Err(format!("a checkpoint of pass {pass}, which was not being written"));
        }
        if written.last().is_some_and(|last| last.0 >= capacity.0) {
            return Err("a checkpoint of blocks that the drive does not have".to_owned());
        }
        self.course.written.extend(written);
        Ok(())
    }

    fn resume(
        &mut self,
        at: UtcTime,
        node: PathBuf,
        diskseq: Option<u64>,
        boot: Option<String>,
    ) -> Result<(), String> {
        if let Err(reason) = self.resumable() {
            return Err(format!("the job was gone on with, and {}", reason.text));
        }
        let host_restarted = self.boot.as_ref().zip(boot.as_ref()).map(|(before, now)| before != now);
        self.course.spent += between(self.sitting_began, self.last);
        let pass = self.course.passes.len();
        self.interruptions.push(Interruption {
            last_sign: self.last,
            cause: self.cause(),
            resumed: at,
            host_restarted,
            node,
            diskseq,
            pass: u32::try_from(pass).unwrap_or(u32::MAX),
            durable: self.course.written.count(),
            probe: None,
            went_on: WentOn::There,
        });
        self.boot = boot;
        self.sitting_began = at;
        self.course.trust = Trust::Interrupted;
        self.verifying = None;
        self.planting = None;
        self.planting_unit = None;
        self.key_slots = None;
        if let Some((_, reasons)) = self.verdict.take() {
            // Like blocks that were found wrong, it stays found.
            let grown = reasons.into_iter().find(|reason| counts_defects(reason.code));
            self.course.grown = self.course.grown.take().or(grown);
        }
        self.record = None;
        if !self.armed {
            self.state = State::Intended;
        } else if self.course.verification.as_ref().is_some_and(|run| !run.tally.is_clean()) {
            // What was found wrong stays found, whatever a second reading would say: a repair that the journal does
            // not know of would make a success of it.
            self.state = State::Verified;
        } else {
            // Nobody held the drive meanwhile: that it was right before shows nothing about it now.
            self.course.verification = None;
            self.read_settled = None;
            self.enter_work();
        }
        Ok(())
    }

    fn cause(&self) -> InterruptionCause {
        match &self.verdict {
            None => InterruptionCause::Crash,
            Some((Outcome::Aborted, reasons)) if has(reasons, ReasonCode::HiddenArea) => {
                InterruptionCause::PowerCycle
            }
            Some((Outcome::Aborted, _)) => InterruptionCause::Stopped,
            Some((_, reasons)) if has(reasons, ReasonCode::DriveGone) => InterruptionCause::DriveGone,
            Some((Outcome::Unknown, _)) => InterruptionCause::Lost,
            Some((_, reasons)) if has(reasons, ReasonCode::NotAnswering) => InterruptionCause::Lost,
            // The verdict was there and its record not.
            Some(_) => InterruptionCause::Crash,
        }
    }

    fn probed(
        &mut self,
        at: UtcTime,
        probe: crate::certificate::record::Probe,
        went_on: WentOn,
    ) -> Result<(), String> {
        let Some(gap) = self.interruptions.last_mut() else {
            return Err("a look at what was written, without an interruption".to_owned());
        };
        gap.probe = Some(probe);
        gap.went_on = went_on;
        match went_on {
            WentOn::There => return Ok(()),
            WentOn::PassAnew => {}
            WentOn::JobAnew => self.course.passes.clear(),
        }
        self.course.seed = None;
        self.course.given_up = None;
        self.course.written = RangeSet::new();
        self.course.pass_started = Some(at);
        self.enter_pass();
        Ok(())
    }

    /// Whether the job can be gone on with.
    ///
    /// # Errors
    /// Why there is nothing to go on with.
    pub fn resumable(&self) -> Result<(), Reason> {
        let no = |text: String, remedy: &str| Err(Reason::new(ReasonCode::NotResumable, text, remedy));
        let begin = "begin a new job: expunge sanitize";
        if self.plan.is_none() {
            return no(format!("job {} has no plan", self.job), begin);
        }
        match (self.state, &self.verdict) {
            (State::Refused, _) => no(format!("job {} was refused: nothing was written", self.job), begin),
            (State::Judged | State::Recorded, Some((outcome, reasons))) => {
                // A verdict without its record is judged again; the rest of the work is done.
                if can_go_on(*outcome, reasons) || self.state == State::Judged {
                    return Ok(());
                }
                no(format!("job {} has ended: {}", self.job, word(*outcome)), begin)
            }
            (
                State::Intended
                | State::Restoring
                | State::Commanding { .. }
                | State::Writing { .. }
                | State::Verifying
                | State::Verified
                | State::Judged
                | State::Recorded,
                _,
            ) => Ok(()),
        }
    }
}

/// Whether a job that came to this can be gone on with: what ended it was not what its drive answered.
pub fn can_go_on(outcome: Outcome, reasons: &[Reason]) -> bool {
    match outcome {
        Outcome::Aborted | Outcome::Unknown => true,
        // One that fell silent may be back after a power cycle: its medium has decided nothing.
        Outcome::Failed => has(reasons, ReasonCode::DriveGone) || has(reasons, ReasonCode::NotAnswering),
        Outcome::Done | Outcome::Written | Outcome::Partial | Outcome::Unsanitizable | Outcome::Refused => {
            false
        }
    }
}

/// Whether a pass or reading that ended so is done: gone on with, it would come to nothing else.
const fn is_over(settled: Ended) -> bool {
    match settled {
        Ended::GivenUp { rule: RuleName::Silent } => false,
        Ended::Complete | Ended::GivenUp { .. } => true,
        Ended::Stopped | Ended::Gone { .. } | Ended::Refused { .. } => false,
    }
}

/// The rule that ended a pass before its end.
const fn given_up(settled: Ended) -> Option<RuleName> {
    match settled {
        Ended::GivenUp { rule: RuleName::Silent } => None,
        Ended::GivenUp { rule } => Some(rule),
        Ended::Complete | Ended::Stopped | Ended::Gone { .. } | Ended::Refused { .. } => None,
    }
}

fn has(reasons: &[Reason], code: ReasonCode) -> bool {
    reasons.iter().any(|reason| reason.code == code)
}

fn between(from: UtcTime, to: UtcTime) -> Duration {
    Duration::from_millis(u64::try_from(to.millis().saturating_sub(from.millis())).unwrap_or(0))
}

/// The word of an entry in the file.
fn name(entry: &Entry) -> String {
    let value = serde_json::to_value(entry).unwrap_or_default();
    value["entry"].as_str().unwrap_or("something unknown").to_owned()
}

#[cfg(test)]
pub(super) mod tests;
