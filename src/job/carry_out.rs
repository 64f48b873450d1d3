//! Carries a plan out through a worker: the conversation, from the first order to the last report.
//!
//! ```text
//! (commands of the drive, see commanding.rs) ─▶ (look at what was written) ─▶ Begin ─▶ Ready ─▶ ((Progress | Checkpoint)* Pass){n} ─▶ draw the seed
//!   ─▶ Verify ─▶ Ready ─▶ Progress* Verified ─▶ (Repair ─▶ Ready ─▶ Repaired)
//!      at any place: stop, gone, given up, silence ─▶ the end
//! ```
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::commanding::random;
use super::course::{Course, LeftAtWork, PassRun, Run, Trust, VerificationRun};
use super::ending::{given_up, gone, is_worth_reading, lost, refused, state_failed};
use super::entry::{Entry, Keeper};
use super::key_slots::still_there;
use super::listen::{Happening, Listener};
use super::probe;
use super::shares::Seat;
use super::speed::Speedometer;
use super::units::UnitMeans;
use crate::certificate::record::{Conduct, HeatRecord, WentOn};
use crate::certificate::time::UtcTime;
use crate::device::thermometer::Thermometer;
use crate::engine::firmware::Secret;
use crate::engine::{HeatTally, Pace, PassTally, Progress};
use crate::io::Tuning;
use crate::plan::{Plan, RuleName, Rules, VerificationPlan};
use crate::unit::digest::{from_hex, to_hex};
use crate::unit::{Digest, Geometry, Pattern, RangeSet, ZoneMap};
use crate::verify::sample::Sample;
use crate::verify::{Ending, RepairTally};
use crate::worker::message::Ended;
use crate::worker::{Begin, Event, Link, Order, Repair, Report, Terms, Verify};

/// How often the stop flag is looked at while a worker is silent.
const LISTEN: Duration = Duration::from_millis(250);

/// What carrying out needs.
pub struct Means<'a> {
    /// The worker.
    pub link: &'a mut dyn Link,
    /// How to drive the drive.
    pub tuning: Tuning,
    /// Where the drive's temperature is to be read.
    pub thermometer: Option<Thermometer>,
    /// The drive's place among those that share limits of bandwidth.
    pub seat: Option<Seat>,
    /// The credential that a command of the drive needs.
    pub secret: Option<Secret>,
    /// Set when somebody wants the job to stop.
    pub stop: &'a AtomicBool,
    /// The job's clock.
    pub clock: &'a Clock,
    /// Who is told what happens.
    pub listener: &'a mut dyn Listener,
    /// Who keeps it durably.
    pub keeper: &'a mut dyn Keeper,
}

/// Why the conversation cannot go on.
pub(super) struct Broken(pub(super) Ending);

/// Writes what is left of all passes of a plan and verifies the last. Total: whatever happens has an ending.
pub fn carry_out(plan: &Plan, patterns: &[Pattern], course: Course, means: Means<'_>) -> Run {
    carry_out_with(plan, patterns, course, means, Vec::new())
}

/// The same, with those who work on the other units of the drive that its commands reach.
pub fn carry_out_with<'a>(
    plan: &Plan,
    patterns: &[Pattern],
    course: Course,
    means: Means<'a>,
    units: Vec<UnitMeans<'a>>,
) -> Run {
    let mut talk = Talk::new(plan.geometry, plan.rules(), course.spent, means);
    talk.units = units;
    talk.zones.clone_from(&plan.zones);
    talk.commands_anew = course.commands_anew;
    let slots = still_there(plan, &course);
    let mut run = Run {
        restores: course.restores,
        key_slots: course.key_slots,
        steps: course.steps,
        passes: course.passes,
        verification: course.verification,
        probe: None,
        ending: Ending::Completed,
        capability: None,
        left_at_work: LeftAtWork::No,
        conduct: Conduct::default(),
    };
    // A command that ends only in this sitting ends after the time that the journal has for the first pass.
    let commanded = run.steps.len() == plan.commands().len();
    let rest = Rest { written: course.written, started: course.pass_started.filter(|_| commanded) };
    let result = talk
        .restore(plan, &mut run)
        .and_then(|()| talk.key_slots(slots, &mut run))
        .and_then(|()| talk.purge(plan, course.begun, course.trust, &mut run))
        .and_then(|()| talk.take_up(plan, course.given_up, &mut run))
        .and_then(|()| talk.look(plan, patterns, course.trust, rest, &mut run))
        .and_then(|rest| talk.write(plan, patterns, rest, &mut run))
        .and_then(|()| talk.verify(plan, patterns, course.seed.as_deref(), &mut run))
        .and_then(|()| talk.repair(patterns, &mut run));
    if let Err(Broken(ending)) = result {
        run.ending = ending;
    }
    talk.look_after(plan, course.told, &mut run);
    run.left_at_work = talk.left_at_work;
    run.conduct = Conduct { key_slots: run.key_slots.clone(), ..talk.conduct };
    run
}

/// Reads a drive and compares it with `pattern`, without a job: for inspections.
pub fn inspect(
    geometry: Geometry,
    pattern: &Pattern,
    wanted: RangeSet,
    rules: Rules,
    means: Means<'_>,
) -> (Option<VerificationRun>, Ending) {
    let mut talk = Talk::new(geometry, rules, Duration::ZERO, means);
    match talk.read(pattern, wanted, None) {
        Ok((run, settled)) => match talk.settled(settled) {
            Ok(()) => (Some(run), Ending::Completed),
            Err(Broken(ending)) => (Some(run), ending),
        },
        Err(Broken(ending)) => (None, ending),
    }
}

/// What of the next pass is done.
struct Rest {
    written: RangeSet,
    started: Option<UtcTime>,
}

pub(super) struct Talk<'a> {
    geometry: Geometry,
    pub(super) rules: Rules,
    /// The zones of the drive, where they must be written in sequence.
    zones: Option<ZoneMap>,
    /// Whether what the drive holds may be what this job's commands left: they are carried out anew.
    pub(super) commands_anew: bool,
    spent: Duration,
    began: Instant,
    pub(super) means: Means<'a>,
    /// Those who work on other units of the drive.
    pub(super) units: Vec<UnitMeans<'a>>,
    pub(super) stop_sent: Option<Instant>,
    pub(super) heard: Instant,
    /// Until when nothing need be heard: the drive is at work on a command that answers when it is done.
    pub(super) quiet: Option<Instant>,
    pub(super) left_at_work: LeftAtWork,
    pub(super) conduct: Conduct,
    speed: Speedometer,
    /// The last pace that was ordered.
    pace: Option<NonZeroU64>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(geometry: Geometry, rules: Rules, spent: Duration, means: Means<'a>) -> Self {
        let now = Instant::now();
        Self {
            geometry,
            rules,
            zones: None,
            commands_anew: false,
            spent,
            began: now,
            means,
            units: Vec::new(),
            stop_sent: None,
            heard: now,
            quiet: None,
            left_at_work: LeftAtWork::No,
            conduct: Conduct::default(),
            speed: Speedometer::new(now),
            pace: None,
        }
    }
}

impl Talk<'_> {
    pub(super) const fn geometry(&self) -> Geometry {
        self.geometry
    }

    pub(super) fn now(&self) -> UtcTime {
        self.means.clock.now()
    }

    pub(super) const fn stop_was_asked(&self) -> bool {
        self.stop_sent.is_some()
    }

    pub(super) fn secret(&self) -> Option<Secret> {
        self.means.secret.clone()
    }

    pub(super) fn tell(&mut self, happening: &Happening<'_>) {
        self.means.listener.hear(happening);
    }

    /// A command that answers only when it is done: for so long, silence is no sign of anything.
    pub(super) fn expect_quiet(&mut self, seconds: Option<u64>) {
        let until = seconds.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
        self.quiet = until.or(self.quiet);
    }

    pub(super) const fn end_quiet(&mut self) {
        self.quiet = None;
    }

    pub(super) fn terms(&self) -> Terms {
        let spent = self.spent + self.began.elapsed();
        Terms {
            geometry: self.geometry,
            tuning: self.means.tuning,
            rules: self.rules.clone(),
            spent_millis: u64::try_from(spent.as_millis()).unwrap_or(u64::MAX),
            thermometer: self.means.thermometer.clone(),
            zones: self.zones.clone(),
        }
    }

    /// Before going on after an interruption: some of what was written is read again. Where it is not there any
    /// more, the pass or the job begins anew.
    fn look(
        &mut self,
        plan: &Plan,
        patterns: &[Pattern],
        trust: Trust,
        rest: Rest,
        run: &mut Run,
    ) -> Result<Rest, Broken> {
        let next = run.passes.len();
        let rest = Rest { started: rest.started.filter(|at| Some(*at) >= run.ready_for_passes()), ..rest };
        // A full reading sees everything anyway; a sample does not see what came in while nobody held the drive.
        let full = matches!(plan.verification, VerificationPlan::Full { .. });
        let needless = next == patterns.len() && (full || run.verification.is_some());
        if trust == Trust::Held || needless {
            return Ok(rest);
        }
        let last_whole = run.passes.last().map(|pass| {
            let whole: RangeSet = self.geometry.whole().into_iter().collect();
            let mut written = whole;
            written.subtract(&pass.tally.failed);
            written.subtract(&pass.tally.unreached);
            written.subtract(&plan.absent());
            written
        });
        // A pass whose beginning is not durable may have reset zones all the same.
        let cut_off = self.zones.as_ref().filter(|_| next < patterns.len());
        let (written_last, held, reset, anew) = match (rest.written.is_empty(), last_whole) {
            (false, _) => (next, rest.written.clone(), RangeSet::new(), WentOn::PassAnew),
            (true, Some(written)) => {
                let reset = cut_off.map(|zones| zones.writable(true)).unwrap_or_default();
                (next - 1, written, reset, WentOn::JobAnew)
            }
            (true, None) => return Ok(rest),
        };
        let mut seed = [0; 32];
        random(&mut seed)?;
        let found = self.probe(patterns, written_last, probe::choose(&held, &seed), &reset)?;
        let went_on = probe::judge(&found, anew);
        let at = self.means.clock.now();
        self.keep(&Entry::Probed { at, probe: found.clone(), went_on })?;
        run.probe = Some((found, went_on));
        Ok(match went_on {
            WentOn::There => rest,
            WentOn::PassAnew => Rest { written: RangeSet::new(), started: Some(at) },
            WentOn::JobAnew => {
                run.passes.clear();
                // The rule that ended a pass has nothing to do with those that come now.
                run.ending = Ending::Completed;
                Rest { written: RangeSet::new(), started: Some(at) }
            }
        })
    }

    fn write(&mut self, plan: &Plan, patterns: &[Pattern], rest: Rest, run: &mut Run) -> Result<(), Broken> {
        if run.passes.len() >= patterns.len() {
            return Ok(());
        }
        let order = Begin {
            terms: self.terms(),
            passes: patterns.to_vec(),
            first: u32::try_from(run.passes.len()).unwrap_or(u32::MAX),
            written: rest.written,
        };
        self.order(&Order::Begin(order))?;
        let mut started = rest.started.unwrap_or_else(|| self.means.clock.now());
        while let Some(pattern) = patterns.get(run.passes.len()) {
            let (tally, settled) = self.pass()?;
            let in_order = usize::try_from(tally.index).is_ok_and(|index| index == run.passes.len());
            if !in_order {
                return Err(Broken(lost("the worker process reported its passes out of order".into())));
            }
            let ended = self.means.clock.now();
            self.keep(&Entry::PassEnded { at: ended, tally: tally.clone(), settled: Some(settled) })?;
            self.means.listener.hear(&Happening::PassEnded { tally: &tally });
            run.passes.push(PassRun { pattern: pattern.clone(), tally, started, ended });
            started = ended;
            match settled {
                Ended::GivenUp { rule } => return self.take_up(plan, Some(rule), run),
                Ended::Complete | Ended::Stopped | Ended::Gone { .. } | Ended::Refused { .. } => {
                    self.settled(settled)?;
                }
            }
        }
        Ok(())
    }

    /// After a rule has ended a pass, what was written of the last one is read back, or nothing more is done.
    fn take_up(&self, plan: &Plan, ended_by: Option<RuleName>, run: &mut Run) -> Result<(), Broken> {
        let Some(rule) = ended_by else { return Ok(()) };
        let ending = Ending::GivenUp(given_up(rule, &self.rules));
        if is_worth_reading(rule) && run.passes.len() == plan.passes.len() {
            run.ending = ending;
            return Ok(());
        }
        Err(Broken(ending))
    }

    fn pass(&mut self) -> Result<(PassTally, Ended), Broken> {
        loop {
            match self.hear()? {
                Event::Ready { .. } | Event::Waiting | Event::Heat { .. } => {}
                Event::Progress(progress) => self.progress(progress),
                Event::Checkpoint { pass, written } => {
                    let at = self.means.clock.now();
                    self.keep(&Entry::Checkpoint { at, pass, written })?;
                }
                Event::Pass { tally, settled } => return Ok((tally, settled)),
                Event::Broken { text } => return Err(Broken(lost(text))),
                Event::Verified { .. }
                | Event::Repaired { .. }
                | Event::Fingerprinted { .. }
                | Event::Restored { .. }
                | Event::Looked { .. }
                | Event::NotReady { .. }
                | Event::News(_)
                | Event::Commanded { .. }
                | Event::Surveyed { .. }
                | Event::Unlocked { .. } => {
                    return Err(Broken(lost("the worker process did something else than write".into())));
                }
            }
        }
    }

    fn verify(
        &mut self,
        plan: &Plan,
        patterns: &[Pattern],
        begun: Option<&str>,
        run: &mut Run,
    ) -> Result<(), Broken> {
        let nothing = matches!(plan.verification, VerificationPlan::None | VerificationPlan::Canaries);
        if nothing || run.verification.is_some() {
            return Ok(());
        }
        let (pattern, expected) = match (patterns.last(), &plan.firmware) {
            (Some(pattern), _) => (pattern.clone(), None),
            (None, Some(firmware)) => match self.left_behind(firmware)? {
                Some(pattern) => (pattern.clone(), Some(pattern)),
                None => return Ok(()),
            },
            (None, None) => return Err(Broken(lost("a plan without passes cannot be verified".into()))),
        };
        // Drawn only now, after the last flush: nobody knew before where the tool would look. A reading that was begun
        // before an interruption keeps its seed: it must not be tried until a sample misses what is wrong.
        let mut seed = [0; 32];
        let rewritten = run.probe.as_ref().is_some_and(|(_, went_on)| *went_on != WentOn::There);
        match begun.filter(|_| !rewritten).and_then(from_hex).and_then(|bytes| bytes.try_into().ok()) {
            Some(begun) => seed = begun,
            None => random(&mut seed)?,
        }
        let sample = Sample::new(&plan.verification, &plan.geometry, seed)
            .map_err(|error| Broken(lost(format!("the planned sample does not fit the drive: {error}"))))?;
        let seed_text = match plan.verification {
            VerificationPlan::Full { .. } | VerificationPlan::Canaries | VerificationPlan::None => None,
            VerificationPlan::SampledR1 { .. } | VerificationPlan::Sampled { .. } => Some(to_hex(&seed)),
        };
        let mut wanted = sample.to_set();
        wanted.subtract(&plan.absent());
        // What could not be written is known not to hold the pattern, and a dying drive is not asked for it again.
        if let Some(last) = run.passes.last() {
            wanted.subtract(&last.tally.failed);
            wanted.subtract(&last.tally.unreached);
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let at = self.means.clock.now();
        self.keep(&Entry::Verifying { at, seed: seed_text.clone(), expected: expected.clone() })?;
        let (mut verification, settled) = self.read(&pattern, wanted, seed_text)?;
        verification.expected = expected;
        self.keep(&Entry::Verified {
            at: verification.ended,
            tally: verification.tally.clone(),
            settled: Some(settled),
            adapter: verification.adapter,
            opened: verification.opened,
        })?;
        self.means.listener.hear(&Happening::Verified { tally: &verification.tally });
        run.verification = Some(verification);
        self.settled(settled)
    }

    pub(super) fn read(
        &mut self,
        pattern: &Pattern,
        wanted: RangeSet,
        seed: Option<String>,
    ) -> Result<(VerificationRun, Ended), Broken> {
        let started = self.means.clock.now();
        let asked = (wanted.count(), Digest::of_json(&wanted));
        self.order(&Order::Verify(Verify { terms: self.terms(), pattern: pattern.clone(), wanted }))?;
        let mut in_use = None;
        loop {
            match self.hear()? {
                Event::Ready { adapter, opened } => in_use = Some((adapter, opened)),
                Event::Waiting | Event::Heat { .. } => {}
                Event::Progress(progress) => self.progress(progress),
                Event::Verified { tally, settled } => {
                    // A clean count of fewer or of other blocks proves nothing about those that were asked for.
                    if (tally.wanted, tally.wanted_digest) != asked {
                        let text = "the worker process read other blocks back than it was told to";
                        return Err(Broken(lost(text.into())));
                    }
                    let ended = self.means.clock.now();
                    let (adapter, opened) = in_use.unzip();
                    let (expected, repair) = (None, None);
                    let run =
                        VerificationRun { seed, adapter, opened, expected, tally, repair, started, ended };
                    return Ok((run, settled));
                }
                Event::Broken { text } => return Err(Broken(lost(text))),
                Event::Pass { .. }
                | Event::Checkpoint { .. }
                | Event::Repaired { .. }
                | Event::Fingerprinted { .. }
                | Event::Restored { .. }
                | Event::Looked { .. }
                | Event::NotReady { .. }
                | Event::News(_)
                | Event::Commanded { .. }
                | Event::Surveyed { .. }
                | Event::Unlocked { .. } => {
                    return Err(Broken(lost("the worker process did something else than read".into())));
                }
            }
        }
    }

    /// What the read-back found wrong is written once more. The outcome is a failure whatever comes of it.
    fn repair(&mut self, patterns: &[Pattern], run: &mut Run) -> Result<(), Broken> {
        let Some(verification) = &mut run.verification else { return Ok(()) };
        let wrong = verification.tally.mismatched.clone();
        let Some(pattern) = patterns.last().filter(|_| !wrong.is_empty() && verification.repair.is_none())
        else {
            return Ok(());
        };
        let terms = self.terms();
        self.order(&Order::Repair(Repair { terms, pattern: pattern.clone(), wrong }))?;
        let tally = self.repaired()?;
        if !tally.accounts_for(&verification.tally) {
            return Err(Broken(lost("the worker process repaired other blocks than it was told to".into())));
        }
        verification.ended = self.means.clock.now();
        self.keep(&Entry::Repaired { at: verification.ended, tally: tally.clone() })?;
        verification.repair = Some(tally);
        // Stopped or gone in the middle: the repair says so with what it did not try.
        if self.stop_sent.is_some() { Err(Broken(Ending::Stopped)) } else { Ok(()) }
    }

    pub(super) fn repaired(&mut self) -> Result<RepairTally, Broken> {
        loop {
            match self.hear()? {
                Event::Ready { .. } | Event::Waiting | Event::Heat { .. } => {}
                Event::Progress(progress) => self.progress(progress),
                Event::Repaired { tally } => return Ok(tally),
                Event::Broken { text } => return Err(Broken(lost(text))),
                Event::Pass { .. }
                | Event::Checkpoint { .. }
                | Event::Verified { .. }
                | Event::Fingerprinted { .. }
                | Event::Restored { .. }
                | Event::Looked { .. }
                | Event::NotReady { .. }
                | Event::News(_)
                | Event::Commanded { .. }
                | Event::Surveyed { .. }
                | Event::Unlocked { .. } => {
                    return Err(Broken(lost("the worker process did not repair when it was to".into())));
                }
            }
        }
    }

    /// What the end of a sweep means for the job.
    pub(super) fn settled(&self, settled: Ended) -> Result<(), Broken> {
        match settled {
            // That is in the counts of the read-back.
            Ended::Complete | Ended::GivenUp { rule: RuleName::Differences } => Ok(()),
            Ended::GivenUp { rule } => Err(Broken(Ending::GivenUp(given_up(rule, &self.rules)))),
            Ended::Gone { fault } => Err(Broken(gone(fault))),
            Ended::Refused { fault } => Err(Broken(refused(fault))),
            Ended::Stopped if self.stop_sent.is_some() => Err(Broken(Ending::Stopped)),
            Ended::Stopped => Err(Broken(lost("the worker process stopped by itself".into()))),
        }
    }

    pub(super) fn order(&mut self, order: &Order) -> Result<(), Broken> {
        self.heard = Instant::now();
        self.means
            .link
            .order(order)
            .map_err(|error| Broken(lost(format!("the worker process takes no orders: {error}"))))
    }

    /// An entry that cannot be kept ends the job: what is not durable must not be acted on (P6).
    pub(super) fn keep(&mut self, entry: &Entry) -> Result<(), Broken> {
        self.means.keeper.keep(entry).map_err(|error| Broken(state_failed(&error)))
    }

    /// The next event, however long it takes within reason; passes a wish to stop on.
    pub(super) fn hear(&mut self) -> Result<Event, Broken> {
        loop {
            if self.means.stop.load(Ordering::Relaxed) && self.stop_sent.is_none() {
                self.stop_sent = Some(Instant::now());
                self.order(&Order::Stop)?;
            }
            self.share()?;
            match self.means.link.next(LISTEN) {
                // That the sensor answers does not show that the drive does.
                Report::Event(Event::Heat { pace, tally }) => self.heat(pace, tally),
                Report::Event(event) => {
                    self.heard = Instant::now();
                    return Ok(event);
                }
                Report::End(text) => return Err(Broken(lost(text))),
                Report::Silence => self.silence()?,
            }
        }
    }

    pub(super) fn progress(&mut self, progress: Progress) {
        let bytes = self.geometry.byte_length(progress.done);
        if let (Some(rate), Some(seat)) =
            (self.speed.take(Instant::now(), progress.at, bytes), &self.means.seat)
        {
            seat.report(rate);
        }
        self.means.listener.hear(&Happening::Progress(progress));
    }

    fn heat(&mut self, pace: Pace, tally: HeatTally) {
        self.means.listener.hear(&Happening::Heat { pace, tally: &tally });
        let sensor = self.means.thermometer.as_ref().and_then(|sensor| sensor.driver.clone());
        self.conduct.heat = Some(HeatRecord { sensor, tally });
    }

    /// Passes a new share of the bandwidth on.
    fn share(&mut self) -> Result<(), Broken> {
        let allowance = self.means.seat.as_ref().and_then(Seat::allowance);
        if allowance == self.pace {
            return Ok(());
        }
        self.pace = allowance;
        let heard = self.heard;
        let order = Order::Pace { bytes_per_second: allowance.map(NonZeroU64::get) };
        self.order(&order)?;
        // An order of ours is no sign of the drive.
        self.heard = heard;
        Ok(())
    }
}
