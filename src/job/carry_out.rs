//! Carries a plan out through a worker: the conversation, from the first order to the last report.
//!
//! ```text
//! Begin ─▶ Ready ─▶ (Progress* Pass){n} ─▶ draw the seed ─▶ Verify ─▶ Ready ─▶ Progress* Verified
//!                          │ stop, gone, given up                          │
//!                          └────────────────────▶ the end ◀────────────────┘
//! ```
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::entry::{Entry, Keeper};
use super::listen::{Happening, Listener};
use crate::certificate::time::UtcTime;
use crate::engine::PassTally;
use crate::io::{Adapter, Tuning};
use crate::plan::{Plan, VerificationPlan};
use crate::unit::digest::to_hex;
use crate::unit::{Digest, Pattern, Reason, ReasonCode};
use crate::verify::sample::Sample;
use crate::verify::{Ending, VerificationTally};
use crate::worker::message::Ended;
use crate::worker::parent::{Program, Report};
use crate::worker::{Begin, Event, Order, Verify, Worker};

/// How often the stop flag is looked at while a worker is silent.
const LISTEN: Duration = Duration::from_millis(250);

/// After so long without a sign the drive is given up and its worker left behind. The kernel itself retries
/// a command for minutes, and a flush of a large cache is one command.
const SILENCE_MAX: Duration = Duration::from_mins(30);

/// How long a worker may take to come to an end after it was asked to stop.
const STOP_PATIENCE: Duration = Duration::from_mins(2);

/// One pass as it was carried out.
#[derive(Clone, Debug)]
pub struct PassRun {
    /// What was written.
    pub pattern: Pattern,
    /// What it came to.
    pub tally: PassTally,
    /// When it began.
    pub started: UtcTime,
    /// When it ended, flush included.
    pub ended: UtcTime,
}

/// The verification as it was carried out.
#[derive(Clone, Debug)]
pub struct VerificationRun {
    /// Seed of the sample, in hexadecimal digits; `None` for a full reading.
    pub seed: Option<String>,
    /// How the reads reached the drive, once known.
    pub adapter: Option<Adapter>,
    /// What it came to.
    pub tally: VerificationTally,
    /// When it began.
    pub started: UtcTime,
    /// When it ended.
    pub ended: UtcTime,
}

/// All that was carried out on one drive.
#[derive(Clone, Debug)]
pub struct Run {
    /// Passes that were begun and reported.
    pub passes: Vec<PassRun>,
    /// The verification, when it was reported.
    pub verification: Option<VerificationRun>,
    /// How it came to its end.
    pub ending: Ending,
}

/// What carrying out needs.
pub struct Means<'a> {
    /// The worker's program.
    pub program: &'a Program,
    /// The drive, claimed and armed.
    pub drive: BorrowedFd<'a>,
    /// How to drive it.
    pub tuning: Tuning,
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
struct Broken(Ending);

/// Writes all passes of a plan and verifies the last. Total: whatever happens has an ending.
pub fn carry_out(plan: &Plan, patterns: &[Pattern], means: Means<'_>) -> Run {
    let mut run = Run { passes: Vec::new(), verification: None, ending: Ending::Completed };
    let worker = match Worker::start(means.program, means.drive) {
        Ok(worker) => worker,
        Err(error) => {
            run.ending = lost(format!("the worker process could not be started: {error}"));
            return run;
        }
    };
    let mut talk = Talk { worker, means, stop_sent: None, heard: Instant::now() };
    let result = talk.write(plan, patterns, &mut run).and_then(|()| talk.verify(plan, patterns, &mut run));
    if let Err(Broken(ending)) = result {
        run.ending = ending;
    }
    talk.worker.finish(Duration::from_secs(2));
    run
}

/// Reads a drive and compares it with `pattern`, without a job: for inspections.
pub fn inspect(
    geometry: crate::unit::Geometry,
    pattern: &Pattern,
    wanted: crate::unit::RangeSet,
    means: Means<'_>,
) -> (Option<VerificationRun>, Ending) {
    let worker = match Worker::start(means.program, means.drive) {
        Ok(worker) => worker,
        Err(error) => return (None, lost(format!("the worker process could not be started: {error}"))),
    };
    let mut talk = Talk { worker, means, stop_sent: None, heard: Instant::now() };
    let order = Verify { geometry, tuning: talk.means.tuning, pattern: pattern.clone(), wanted };
    let result = talk.read(order, None);
    talk.worker.finish(Duration::from_secs(2));
    match result {
        Ok((run, ending)) => (Some(run), ending),
        Err(Broken(ending)) => (None, ending),
    }
}

fn lost(text: String) -> Ending {
    Ending::Lost(Reason::new(
        ReasonCode::WorkerDied,
        text,
        "treat the drive as not sanitized; run the job again, and report this if it happens again",
    ))
}

fn gone(fault: crate::io::Fault) -> Ending {
    Ending::DriveGone(Reason::new(
        ReasonCode::DriveGone,
        format!("the drive vanished during the job ({fault})"),
        "treat the drive as not sanitized; attach it again and run the job again, or destroy it",
    ))
}

struct Talk<'a> {
    worker: Worker,
    means: Means<'a>,
    stop_sent: Option<Instant>,
    heard: Instant,
}

impl Talk<'_> {
    fn write(&mut self, plan: &Plan, patterns: &[Pattern], run: &mut Run) -> Result<(), Broken> {
        let order = Begin { geometry: plan.geometry, tuning: self.means.tuning, passes: patterns.to_vec() };
        self.order(&Order::Begin(order))?;
        let mut started = self.means.clock.now();
        for pattern in patterns {
            let (tally, settled) = self.pass()?;
            let in_order = usize::try_from(tally.index).is_ok_and(|index| index == run.passes.len());
            if !in_order {
                return Err(Broken(lost("the worker process reported its passes out of order".into())));
            }
            let ended = self.means.clock.now();
            self.keep(&Entry::PassEnded { at: ended, tally: tally.clone() })?;
            self.means.listener.hear(&Happening::PassEnded { tally: &tally });
            run.passes.push(PassRun { pattern: pattern.clone(), tally, started, ended });
            started = ended;
            self.settled(settled)?;
            if settled != Ended::Complete {
                // Given up: there is nothing to read back on a drive that answers nothing.
                return Err(Broken(Ending::Completed));
            }
        }
        Ok(())
    }

    fn pass(&mut self) -> Result<(PassTally, Ended), Broken> {
        loop {
            match self.hear()? {
                Event::Ready { .. } => {}
                Event::Progress(progress) => self.means.listener.hear(&Happening::Progress(progress)),
                Event::Pass { tally, settled } => return Ok((tally, settled)),
                Event::Broken { text } => return Err(Broken(lost(text))),
                Event::Verified { .. } => {
                    return Err(Broken(lost("the worker process verified what was not written".into())));
                }
            }
        }
    }

    fn verify(&mut self, plan: &Plan, patterns: &[Pattern], run: &mut Run) -> Result<(), Broken> {
        if plan.verification == VerificationPlan::None {
            return Ok(());
        }
        let Some(pattern) = patterns.last() else {
            return Err(Broken(lost("a plan without passes cannot be verified".into())));
        };
        // Drawn only now, after the last flush: nobody knew before where the tool would look.
        let mut seed = [0; 32];
        if let Err(error) = getrandom::fill(&mut seed) {
            return Err(Broken(lost(format!("the kernel gave no random numbers: {error}"))));
        }
        let sample = Sample::new(&plan.verification, &plan.geometry, seed)
            .map_err(|error| Broken(lost(format!("the planned sample does not fit the drive: {error}"))))?;
        let seed_text = match plan.verification {
            VerificationPlan::Full { .. } | VerificationPlan::None => None,
            VerificationPlan::SampledR1 { .. } | VerificationPlan::Sampled { .. } => Some(to_hex(&seed)),
        };
        self.keep(&Entry::Verifying { at: self.means.clock.now(), seed: seed_text.clone() })?;
        let order = Verify {
            geometry: plan.geometry,
            tuning: self.means.tuning,
            pattern: pattern.clone(),
            wanted: sample.to_set(),
        };
        let (verification, ending) = self.read(order, seed_text)?;
        self.keep(&Entry::Verified { at: verification.ended, tally: verification.tally.clone() })?;
        run.verification = Some(verification);
        run.ending = ending;
        Ok(())
    }

    fn read(&mut self, order: Verify, seed: Option<String>) -> Result<(VerificationRun, Ending), Broken> {
        let started = self.means.clock.now();
        let wanted = (order.wanted.count(), Digest::of_json(&order.wanted));
        self.order(&Order::Verify(order))?;
        let mut in_use = None;
        loop {
            match self.hear()? {
                Event::Ready { adapter } => in_use = Some(adapter),
                Event::Progress(progress) => self.means.listener.hear(&Happening::Progress(progress)),
                Event::Verified { tally, settled } => {
                    // A clean count of fewer or of other blocks proves nothing about those that were asked for.
                    if (tally.wanted, tally.wanted_digest) != wanted {
                        let text = "the worker process read other blocks back than it was told to";
                        return Err(Broken(lost(text.into())));
                    }
                    let ended = self.means.clock.now();
                    self.means.listener.hear(&Happening::Verified { tally: &tally });
                    let ending = match self.settled(settled) {
                        Ok(()) => Ending::Completed,
                        Err(Broken(ending)) => ending,
                    };
                    return Ok((VerificationRun { seed, adapter: in_use, tally, started, ended }, ending));
                }
                Event::Broken { text } => return Err(Broken(lost(text))),
                Event::Pass { .. } => {
                    return Err(Broken(lost("the worker process wrote when it was to read".into())));
                }
            }
        }
    }

    /// What the end of a sweep means for the job.
    fn settled(&self, settled: Ended) -> Result<(), Broken> {
        match settled {
            Ended::Complete | Ended::GivenUp { .. } => Ok(()),
            Ended::Gone { fault } => Err(Broken(gone(fault))),
            Ended::Stopped if self.stop_sent.is_some() => Err(Broken(Ending::Stopped)),
            Ended::Stopped => Err(Broken(lost("the worker process stopped by itself".into()))),
        }
    }

    fn order(&mut self, order: &Order) -> Result<(), Broken> {
        self.heard = Instant::now();
        self.worker
            .order(order)
            .map_err(|error| Broken(lost(format!("the worker process takes no orders: {error}"))))
    }

    /// An entry that cannot be kept ends the job: what is not durable must not be acted on (P6).
    fn keep(&mut self, entry: &Entry) -> Result<(), Broken> {
        self.means.keeper.keep(entry).map_err(|error| {
            Broken(Ending::Lost(Reason::new(
                ReasonCode::StateFailed,
                format!("the journal could not be written: {error}"),
                "treat the drive as not sanitized; repair the state directory and run the job again",
            )))
        })
    }

    /// The next event, however long it takes within reason; passes a wish to stop on.
    fn hear(&mut self) -> Result<Event, Broken> {
        loop {
            if self.means.stop.load(Ordering::Relaxed) && self.stop_sent.is_none() {
                self.stop_sent = Some(Instant::now());
                self.order(&Order::Stop)?;
            }
            match self.worker.next(LISTEN) {
                Report::Event(event) => {
                    self.heard = Instant::now();
                    return Ok(event);
                }
                Report::End(text) => return Err(Broken(lost(text))),
                Report::Silence => self.silence()?,
            }
        }
    }

    fn silence(&mut self) -> Result<(), Broken> {
        let silent = self.heard.elapsed();
        self.means.listener.hear(&Happening::Silence { silent });
        let since_stop = self.stop_sent.map(|sent| sent.elapsed());
        if silent > SILENCE_MAX || since_stop.is_some_and(|since| since > STOP_PATIENCE) {
            return Err(Broken(Ending::Lost(Reason::new(
                ReasonCode::NotAnswering,
                format!(
                    "the drive has not answered for {} seconds; its worker process {} is left behind",
                    silent.as_secs(),
                    self.worker.id()
                ),
                "treat the drive as not sanitized; power it off and on, or destroy it",
            ))));
        }
        Ok(())
    }
}
