//! The campaign: the disk of state stops at every sync of a whole job, the drive loses its power, and the job is gone
//! on with from what is left, perhaps to be interrupted again.
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use expunge::certificate::record::WentOn;
use expunge::job::entry::Entry;
use expunge::job::replay::{State, Story, can_go_on};
use expunge::journal::recover;
use expunge::plan::VerificationPlan;
use expunge::sim::store::{SimStore, UnsyncedTail};
use expunge::sim::{Dice, View};
use expunge::unit::digest::from_hex;
use expunge::unit::term::Outcome;
use expunge::unit::{Pattern, RangeSet, Reason, ReasonCode};
use expunge::verify::sample::Sample;
use expunge::verify::{Ending, VerificationTally, judge};

use crate::shape::Shape;
use crate::worker::End;
use crate::world::{Defect, Found, Over, Sat, World};

/// The name of a check; the letter and number are those of the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    /// A verdict or record of success is true on the cells, at the end and at every crash.
    P3DoneIsTrue,
    /// What the worker saw: intent and keys before the first write, checkpoints only of what is durable, the
    /// verdict before its record.
    P6Order,
    /// What the journal calls durable is on the cells after the power was cut.
    P6DurableIsDurable,
    /// Nothing was written where the journal does not say so.
    P6NoWriteBeforeArming,
    /// After every interruption the job can be gone on with, or has ended with its record.
    P6NoJobIsLost,
    /// A job that builds on what was written before an interruption has looked at it.
    P6ResumeLooks,
    /// On an honest drive that nobody touched an interrupted job is done in the end, and loses no pass.
    HonestDrivesAreDone,
    /// Nothing is unknown as long as the disk of state works.
    NothingIsUnknown,
}

#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) check: Check,
    pub(crate) text: String,
}

/// Where a job was when the world stopped, by the last line that is left of its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    Nothing,
    Intended,
    Armed,
    Writing,
    Checkpointed,
    PassEnded,
    Verifying,
    Verified,
    Repaired,
    Verdict,
    Recorded,
    Resumed,
}

pub(crate) const POINTS: [Point; 12] = [
    Point::Nothing,
    Point::Intended,
    Point::Armed,
    Point::Writing,
    Point::Checkpointed,
    Point::PassEnded,
    Point::Verifying,
    Point::Verified,
    Point::Repaired,
    Point::Verdict,
    Point::Recorded,
    Point::Resumed,
];

/// A crash: what it leaves of unsynced bytes, and what it does to the worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) tail: UnsyncedTail,
    pub(crate) end: End,
}

/// Power that fails, with everything that a file system may make of it; and a process that is killed, whose bytes the
/// kernel still holds.
pub(crate) const CRASHES: [Crash; 5] = [
    Crash { tail: UnsyncedTail::Lost, end: End::Power },
    Crash { tail: UnsyncedTail::Torn, end: End::Power },
    Crash { tail: UnsyncedTail::Zeroes, end: End::Power },
    Crash { tail: UnsyncedTail::Kept, end: End::Power },
    Crash { tail: UnsyncedTail::Kept, end: End::Parent },
];

/// What one job with its crashes came to.
#[derive(Default)]
pub(crate) struct Trail {
    pub(crate) points: Vec<Point>,
    /// Whether the first sitting came to its end without the crash.
    pub(crate) whole: bool,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) violations: Vec<Violation>,
}

/// Counts of crashes by where they struck.
#[derive(Default)]
pub(crate) struct Histogram {
    pub(crate) points: BTreeMap<Point, u32>,
    pub(crate) outcomes: BTreeMap<String, u32>,
    pub(crate) jobs: u32,
}

impl Histogram {
    pub(crate) fn count(&mut self, trail: &Trail) {
        self.jobs += 1;
        for point in &trail.points {
            *self.points.entry(*point).or_default() += 1;
        }
        let outcome = trail.outcome.map_or("not gone on with".into(), |outcome| format!("{outcome:?}"));
        *self.outcomes.entry(outcome).or_default() += 1;
    }
}

/// Sittings after which a job that still does not come to its end is taken for lost.
const SITTINGS_MAX: usize = 8;

/// Runs a job whose world stops at a sync, and again while it is gone on with where the dice say so.
pub(crate) fn run(shape: &Shape, stop: u64, crash: Crash, seed: u64, defect: Defect) -> Trail {
    let mut dice = Dice::new(seed);
    let mut world = World::new(shape, dice.bits(), crash.end);
    world.defect = defect;
    world.store.stop_at_sync(stop);
    let mut trail = Trail::default();
    let mut sat = world.begin();
    trail.whole = matches!(sat, Sat::Over(_));
    for sitting in 1.. {
        let mut look = Look { world: &world, violations: &mut trail.violations };
        look.order();
        let bytes = match &sat {
            Sat::Over(over) => {
                look.over(over, sitting);
                trail.outcome = Some(over.verdict.outcome());
                // A drive that has left may have come back; a job that was stopped is gone on with.
                if !can_go_on(over.verdict.outcome(), over.verdict.reasons()) {
                    break;
                }
                world.store.durable()
            }
            Sat::Stopped => {
                let bytes = world.store.crash(crash.tail, &mut dice);
                trail.points.push(look.at_crash(&bytes));
                bytes
            }
        };
        if sitting == SITTINGS_MAX {
            // A drive that is silent or away each time is told so each time; people end that.
            let says_why =
                |reason: &Reason| matches!(reason.code, ReasonCode::NotAnswering | ReasonCode::DriveGone);
            let told = matches!(&sat, Sat::Over(over) if over.verdict.reasons().iter().any(says_why));
            if !told {
                let text = "it never ends".into();
                trail.violations.push(Violation { check: Check::P6NoJobIsLost, text });
            }
            break;
        }
        let Found::Resumable(story) = World::read(&bytes) else { break };
        let kept = recover(&bytes).expect("recovered before").length;
        world.store = SimStore::with(bytes[..kept].to_vec());
        if sitting < 3 && dice.chance(1, 2) {
            world.store.stop_at_sync(dice.below(stop.max(4)));
        }
        match world.go_on(*story, &bytes) {
            Ok(next) => sat = next,
            // The drive is not there any more.
            Err(_) => break,
        }
    }
    trail
}

/// Holds a world against the promises.
pub(crate) struct Look<'a> {
    pub(crate) world: &'a World,
    pub(crate) violations: &'a mut Vec<Violation>,
}

impl Look<'_> {
    fn report(&mut self, check: Check, text: impl Into<String>) {
        self.violations.push(Violation { check, text: text.into() });
    }

    pub(crate) fn order(&mut self) {
        for text in self.world.witness.seen() {
            self.report(Check::P6Order, text);
        }
        let records = self.world.records.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if records.contains(&Outcome::Unknown) {
            self.report(Check::NothingIsUnknown, "a record of an unknown outcome");
        }
    }

    /// The sitting came to its own end.
    pub(crate) fn over(&mut self, over: &Over, sitting: usize) {
        let outcome = over.verdict.outcome();
        if outcome == Outcome::Unknown {
            self.report(Check::NothingIsUnknown, format!("{:?}", over.verdict.reasons()));
        }
        if over.record.is_none() || over.trouble.is_some() {
            self.report(Check::P6NoJobIsLost, format!("no record: {:?}", over.trouble));
        }
        let pattern = over.run.passes.last().map(|pass| pass.pattern.clone());
        if outcome == Outcome::Done {
            let read = over.run.verification.as_ref();
            let seed = read.and_then(|read| read.seed.clone());
            self.is_true(pattern.as_ref(), seed.as_deref());
            if read.is_none_or(|read| read.repair.is_some()) {
                self.report(Check::P3DoneIsTrue, "done without a clean first reading");
            }
        }
        let shape = &self.world.shape;
        let due = if shape.verifies() { Outcome::Done } else { Outcome::Written };
        if shape.is_honest() && outcome != due {
            self.report(Check::HonestDrivesAreDone, format!("{outcome:?}: {:?}", over.verdict.reasons()));
        }
        if self.world.must_look && over.run.probe.is_none() && outcome != Outcome::Failed {
            self.report(
                Check::P6ResumeLooks,
                format!("sitting {sitting} builds on what it has not looked at"),
            );
        }
        if let Some((probe, went_on)) = &over.run.probe
            && shape.is_honest()
            && (*went_on != WentOn::There || !probe.wrong.is_empty())
        {
            self.report(
                Check::HonestDrivesAreDone,
                format!("sitting {sitting} went on {went_on:?}: {probe:?}"),
            );
        }
    }

    /// What is left after the world stopped; where the job was.
    pub(crate) fn at_crash(&mut self, bytes: &[u8]) -> Point {
        let entries = recover(bytes).expect("a crash is a torn end, never damage").entries;
        let entries: Vec<Entry> =
            entries.iter().map(|line| serde_json::from_slice(line).expect("an entry")).collect();
        let untouched = self.world.oracle().is_untouched();
        if !untouched && !entries.iter().any(|entry| matches!(entry, Entry::Armed { .. })) {
            self.report(Check::P6NoWriteBeforeArming, "the drive was written, and the journal is not armed");
        }
        match World::read(bytes) {
            Found::Nothing => {}
            Found::Nonsense(text) => self.report(Check::P6NoJobIsLost, text),
            Found::Resumable(story) => self.story(&story),
            Found::NotResumable(story, reason) => {
                if story.state != State::Recorded {
                    self.report(Check::P6NoJobIsLost, format!("{:?}: {}", story.state, reason.text));
                }
                self.story(&story);
            }
        }
        match entries.last() {
            None => Point::Nothing,
            Some(Entry::Intent { .. } | Entry::Refused { .. }) => Point::Intended,
            Some(Entry::Armed { .. }) if untouched => Point::Armed,
            Some(Entry::Armed { .. }) => Point::Writing,
            Some(
                Entry::OverwritingKeySlots { .. }
                | Entry::KeySlotsOverwritten { .. }
                | Entry::Restoring { .. }
                | Entry::Restored { .. }
                | Entry::Planting { .. }
                | Entry::Planted { .. }
                | Entry::Fingerprinted { .. }
                | Entry::FingerprintedUnit { .. }
                | Entry::Commanding { .. }
                | Entry::Accepted { .. }
                | Entry::Commanded { .. }
                | Entry::CanariesRead { .. }
                | Entry::PlantingUnit { .. }
                | Entry::PlantedUnit { .. }
                | Entry::UnitCanariesRead { .. }
                | Entry::CommandsAnew { .. },
            ) => panic!("these drives take no commands of their own"),
            Some(Entry::Checkpoint { .. }) => Point::Checkpointed,
            Some(Entry::PassEnded { .. }) => Point::PassEnded,
            Some(Entry::Verifying { .. }) => Point::Verifying,
            Some(Entry::Verified { .. }) => Point::Verified,
            Some(Entry::Repaired { .. }) => Point::Repaired,
            Some(Entry::Verdict { .. }) => Point::Verdict,
            Some(Entry::Recorded { .. }) => Point::Recorded,
            Some(Entry::Resumed { .. } | Entry::Probed { .. }) => Point::Resumed,
        }
    }

    /// What a story claims must be so.
    fn story(&mut self, story: &Story) {
        let (world, course) = (self.world, &story.course);
        let pass = course.passes.len();
        if let Some(pattern) = story.patterns.get(pass).filter(|_| world.shape.is_truthful()) {
            let lost = wrong(world, pattern).intersection(&course.written);
            // The worker may have been in a later pass already: then the block was durable, and is something newer.
            let lost = story.patterns[pass + 1..]
                .iter()
                .fold(lost, |lost, later| wrong(world, later).intersection(&lost));
            if !lost.is_empty() {
                self.report(Check::P6DurableIsDurable, format!("checkpoints of pass {pass} name {lost:?}"));
            }
        }
        let tallies: Vec<_> = course.passes.iter().map(|pass| pass.tally.clone()).collect();
        let read = course.verification.as_ref();
        let repair = read.and_then(|read| read.repair.as_ref());
        let tally: Option<&VerificationTally> = read.map(|read| &read.tally);
        let verdict = judge(&world.shape.plan, &[], &tallies, tally, repair, &Ending::Completed);
        let told = story.verdict.as_ref().is_some_and(|(outcome, _)| *outcome == Outcome::Done);
        if verdict.outcome() == Outcome::Done || told {
            let seed = read.and_then(|read| read.seed.clone());
            self.is_true(story.patterns.last(), seed.as_deref());
        }
    }

    /// Done is true: what was to be read holds the last pattern, on the cells.
    fn is_true(&mut self, pattern: Option<&Pattern>, seed: Option<&str>) {
        let plan = &self.world.shape.plan;
        let seed = seed.and_then(from_hex).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; 32]);
        let wanted = match plan.verification {
            VerificationPlan::Canaries | VerificationPlan::None => RangeSet::new(),
            VerificationPlan::Full { .. }
            | VerificationPlan::Sampled { .. }
            | VerificationPlan::SampledR1 { .. } => {
                Sample::new(&plan.verification, &plan.geometry, seed).expect("a plan fits its drive").to_set()
            }
        };
        let Some(pattern) = pattern else { return self.report(Check::P3DoneIsTrue, "done without a pass") };
        let wrong = wrong(self.world, pattern).intersection(&wanted);
        if !wrong.is_empty() && !out_of_sight(self.world, pattern, &wrong) {
            self.report(Check::P3DoneIsTrue, format!("done, but these blocks are wrong: {wrong:?}"));
        }
    }
}

/// Blocks that do not hold a pattern, on the cells.
pub(crate) fn wrong(world: &World, pattern: &Pattern) -> RangeSet {
    world.oracle().wrong(View::Durable, &|offset, out| pattern.fill(offset, out))
}

/// Where every read returns another block, a fixed pattern cannot show what the block itself holds.
fn out_of_sight(world: &World, pattern: &Pattern, wrong: &RangeSet) -> bool {
    use expunge::sim::SimFault::ReadMisdirected;
    let elsewhere = |lba| {
        let mut faults = world.shape.spec.faults.iter();
        faults.any(|fault| matches!(fault, ReadMisdirected { lba: meant, .. } if *meant == lba))
    };
    matches!(pattern, Pattern::Fixed { .. })
        && wrong.ranges().iter().flat_map(|range| range.first().0..range.end().0).all(elsewhere)
}

/// The node of the job's drive, to do something to it that no job did.
pub(crate) fn node(world: &World) -> Arc<expunge::sim::SimNode> {
    let (_, node) =
        world.bays.iter().find(|(_, node)| node.spec().drive == world.shape.spec.drive).expect("it is there");
    Arc::clone(node)
}
