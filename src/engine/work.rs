//! The one loop, for writing and reading alike: it asks the frontier, does, and tells.
use std::io;
use std::time::Duration;

use super::frontier::{Settled, Step};
use super::observe::{Admission, Observer, Phase, Progress};
use super::tally::FlushState;
use super::watch::Watch;
use crate::io::{Fault, Presence};
use crate::plan::{RuleName, Rules};
use crate::unit::{BlockCount, LbaRange, RangeSet, Zone};

/// A range that came back, and how.
pub type Answer = (LbaRange, Result<(), Fault>);

/// Moves blocks in one direction.
pub trait Mover {
    /// Whether another transfer can be started.
    fn has_room(&self) -> bool;

    /// Starts a transfer; the caller has seen that there is room.
    fn start(&mut self, range: LbaRange);

    /// Makes a zone ready to be written from its beginning, with nothing in flight; what it is then.
    ///
    /// # Errors
    /// What the drive answered; a mover that manages no zones refuses.
    fn ready(&mut self, _zone: LbaRange) -> Result<Zone, Fault> {
        Err(Fault::from_errno(libc::EOPNOTSUPP))
    }

    /// What a zone is, with nothing in flight.
    ///
    /// # Errors
    /// What the drive answered; a mover that manages no zones refuses.
    fn look(&mut self, _zone: LbaRange) -> Result<Zone, Fault> {
        Err(Fault::from_errno(libc::EOPNOTSUPP))
    }

    /// Ends the writing of a zone before its end, with nothing in flight.
    ///
    /// # Errors
    /// What the drive answered; a mover that manages no zones refuses.
    fn finish(&mut self, _zone: LbaRange) -> Result<(), Fault> {
        Err(Fault::from_errno(libc::EOPNOTSUPP))
    }

    /// Waits until at least one transfer has come back.
    ///
    /// # Errors
    /// When the port itself cannot go on.
    fn reap(&mut self, done: &mut Vec<Answer>) -> io::Result<()>;

    /// Whether the drive is still there, asked after a failure.
    fn presence(&mut self) -> Presence;

    /// Makes everything written durable.
    ///
    /// # Errors
    /// What the drive answered.
    fn flush(&mut self) -> Result<(), Fault>;

    /// Bytes of a range.
    fn bytes(&self, range: LbaRange) -> u64;

    /// Blocks that came back and are wrong.
    fn wrong(&self) -> BlockCount;

    /// A reason of the mover's own to end.
    fn ends_by(&self) -> Option<RuleName>;
}

/// What comes next, and what came of it. Time comes from outside, as what has passed since some beginning.
pub trait Scheduler {
    /// What to do next. `now` never goes back.
    fn advance(&mut self, now: Duration) -> Step;

    /// Takes in the answer for a range that [`Self::advance`] gave.
    fn apply(&mut self, range: LbaRange, result: Result<(), Fault>);

    /// Takes in what became of the zone that [`Self::advance`] wanted to be made ready.
    fn readied(&mut self, answer: Result<Zone, Fault>);

    /// Takes in what the zone is that [`Self::advance`] wanted to be looked at.
    fn looked(&mut self, answer: Result<Zone, Fault>);

    /// A range that [`Self::advance`] gave was not started after all.
    fn withdraw(&mut self);

    /// Nothing more, for a reason from outside; what is in flight still counts.
    fn end_with(&mut self, settled: Settled);

    /// The drive is known to be gone, whatever else was thought before.
    fn gone(&mut self, fault: Fault);

    /// Whether there is something that a flush would make durable.
    fn has_fresh(&self) -> bool;

    /// Everything transferred so far is durable now; what a later sitting can build on and could not before.
    fn flushed(&mut self) -> RangeSet;

    /// What was transferred since the last good flush is not known to be durable: it is done again. To be called with
    /// nothing in flight.
    fn flush_failed(&mut self);

    /// Number of blocks transferred so far.
    fn done(&self) -> BlockCount;

    /// Number of blocks that failed so far.
    fn errors(&self) -> BlockCount;

    /// Whether everything healthy is still being taken: rates mean something only then.
    fn is_sweeping(&self) -> bool;

    /// How it ended, once [`Self::advance`] has said so.
    fn end(&self) -> Option<Settled>;
}

/// What a loop is to keep to.
pub struct Duty<'a> {
    /// What it is.
    pub phase: Phase,
    /// Blocks that it wants to transfer.
    pub total: BlockCount,
    /// The rules of the job.
    pub rules: &'a Rules,
    /// Whether what is transferred must be made durable.
    pub durable: Durable,
}

/// Whether there is something to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durable {
    /// A pass of this number: it is flushed at every checkpoint and at its end.
    Pass(u32),
    /// A reading.
    Reading,
}

/// What became of the flushes of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushes {
    /// The last one.
    pub last: FlushState,
    /// Those that failed, and after which what they made doubtful was written again.
    pub failed: u32,
}

/// Carries a schedule to its end.
///
/// # Errors
/// When the port itself cannot go on; a drive that fails is in the schedule, not an error.
pub fn work(
    mover: &mut dyn Mover,
    frontier: &mut dyn Scheduler,
    duty: &Duty<'_>,
    observer: &mut dyn Observer,
) -> io::Result<Flushes> {
    let began = observer.now();
    let watch = Watch::new(duty.rules, began);
    let flushes = Flushes { last: FlushState::NotAsked, failed: 0 };
    let mut state = Loop {
        mover,
        frontier,
        duty,
        observer,
        watch,
        began,
        flushed: began,
        rested: Duration::ZERO,
        held_since: None,
        pending: None,
        moving: 0,
        flushes,
    };
    while state.turn()? == Turn::Again {}
    Ok(state.flushes)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Again,
    Over,
}

/// Why nothing more is started for the moment.
enum Hold {
    /// Room, permission or answers are missing: reap.
    Full,
    /// Let time pass.
    Wait(Duration),
    /// The frontier has ended.
    End,
}

struct Loop<'a, 'd> {
    mover: &'a mut dyn Mover,
    frontier: &'a mut dyn Scheduler,
    duty: &'a Duty<'d>,
    observer: &'a mut dyn Observer,
    watch: Watch,
    began: Duration,
    flushed: Duration,
    /// Time that was waited because somebody asked for it.
    rested: Duration,
    held_since: Option<Duration>,
    /// Chosen and not yet admitted.
    pending: Option<LbaRange>,
    moving: usize,
    flushes: Flushes,
}

impl Loop<'_, '_> {
    fn turn(&mut self) -> io::Result<Turn> {
        if self.observer.should_stop() {
            self.frontier.end_with(Settled::Stopped);
        }
        let hold = self.fill();
        if self.moving > 0 {
            self.reap()?;
        } else {
            match hold {
                Hold::Wait(time) => self.observer.rest(time),
                Hold::End => return Ok(self.finish()),
                // With nothing in flight it is the checkpoint that was waited for.
                Hold::Full => self.checkpoint(),
            }
        }
        self.tell(self.duty.phase);
        self.judge();
        Ok(Turn::Again)
    }

    /// Starts transfers until something holds.
    fn fill(&mut self) -> Hold {
        loop {
            let now = self.observer.now();
            if self.frontier.end().is_some() && self.pending.take().is_some() {
                self.frontier.withdraw();
            }
            if self.pending.is_none() {
                if !self.mover.has_room() || self.is_checkpoint_due(now) {
                    return Hold::Full;
                }
                match self.frontier.advance(now) {
                    Step::Transfer(range) => self.pending = Some(range),
                    Step::Reap => return Hold::Full,
                    Step::Rest(time) => {
                        self.rested += time;
                        return Hold::Wait(time);
                    }
                    Step::Ready(zone) => {
                        self.ready(zone);
                        return Hold::Full;
                    }
                    Step::Look(zone) => {
                        let answer = self.mover.look(zone);
                        self.frontier.looked(answer);
                        self.note(answer);
                        return Hold::Full;
                    }
                    Step::Finish(zone) => {
                        // What cannot be finished shows when too many are open for another to be begun.
                        if let Err(fault) = self.mover.finish(zone) {
                            self.look_for_the_drive(fault);
                        }
                        return Hold::Full;
                    }
                    Step::End => return Hold::End,
                }
            }
            let Some(range) = self.pending else { return Hold::Full };
            match self.observer.admit(self.mover.bytes(range)) {
                Admission::Go => {
                    if let Some(since) = self.held_since.take() {
                        self.rested += now.saturating_sub(since);
                    }
                    self.pending = None;
                    self.moving += 1;
                    self.mover.start(range);
                }
                Admission::Wait(time) => {
                    self.held_since.get_or_insert(now);
                    return Hold::Wait(time);
                }
                Admission::GiveUp(rule) => self.frontier.end_with(Settled::GivenUp(rule)),
            }
        }
    }

    fn ready(&mut self, zone: LbaRange) {
        let answer = self.mover.ready(zone);
        self.frontier.readied(answer);
        self.note(answer);
    }

    /// What a drive answered of a zone shows whether it is still there.
    fn note(&mut self, answer: Result<Zone, Fault>) {
        if let Err(fault) = answer {
            self.watch.bad();
            self.look_for_the_drive(fault);
        }
    }

    /// A vanished drive answers as a bad block does: it is asked after every failure, before any dividing.
    fn look_for_the_drive(&mut self, fault: Fault) {
        match self.mover.presence() {
            Presence::Here => {}
            Presence::Gone | Presence::Another => self.frontier.gone(fault),
        }
    }

    fn reap(&mut self) -> io::Result<()> {
        let mut done = Vec::new();
        self.mover.reap(&mut done)?;
        for (range, result) in done {
            self.moving -= 1;
            match result {
                Ok(()) => self.watch.good(self.mover.bytes(range)),
                Err(_) => self.watch.bad(),
            }
            self.frontier.apply(range, result);
            if let Err(fault) = result {
                self.look_for_the_drive(fault);
            }
        }
        Ok(())
    }

    fn judge(&mut self) {
        if !self.frontier.is_sweeping() {
            self.watch.forget_rates();
        }
        let now = self.observer.now();
        let held = self.held_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let broken = self.watch.judge(now.saturating_sub(self.began), self.rested + held);
        if let Some(rule) = broken.or_else(|| self.mover.ends_by()) {
            self.frontier.end_with(Settled::GivenUp(rule));
        }
    }

    fn is_checkpoint_due(&self, now: Duration) -> bool {
        let every = Duration::from_millis(self.duty.rules.checkpoint_millis);
        matches!(self.duty.durable, Durable::Pass(_))
            && self.frontier.end().is_none()
            && now.saturating_sub(self.flushed) >= every
            && self.frontier.has_fresh()
    }

    fn checkpoint(&mut self) {
        let now = self.observer.now();
        if self.pending.is_none() && self.is_checkpoint_due(now) {
            self.flush();
        }
    }

    /// Flushes, and tells what is durable now, or has it written again.
    fn flush(&mut self) -> FlushState {
        let Durable::Pass(pass) = self.duty.durable else { return FlushState::NotAsked };
        self.tell(Phase::Flushing { pass });
        let answer = self.mover.flush();
        self.flushed = self.observer.now();
        self.flushes.last = match answer {
            Ok(()) => {
                let written = self.frontier.flushed();
                self.observer.checkpoint(pass, written);
                FlushState::Confirmed
            }
            Err(fault) => {
                self.flushes.failed += 1;
                self.frontier.flush_failed();
                match self.mover.presence() {
                    Presence::Here if self.flushes.failed < self.duty.rules.flushes_max => {}
                    Presence::Here => self.frontier.end_with(Settled::GivenUp(RuleName::FlushesMax)),
                    Presence::Gone | Presence::Another => self.frontier.gone(fault),
                }
                FlushState::Failed
            }
        };
        self.flushes.last
    }

    /// The frontier has ended, and nothing is in flight.
    fn finish(&mut self) -> Turn {
        let last = match (self.frontier.end(), self.duty.durable) {
            (_, Durable::Reading) => return Turn::Over,
            (Some(Settled::Gone(_)), Durable::Pass(_)) => {
                self.flushes.last = FlushState::NotAsked;
                return Turn::Over;
            }
            (Some(Settled::GivenUp(RuleName::FlushesMax)), Durable::Pass(_)) => return Turn::Over,
            (_, Durable::Pass(_)) => self.flush(),
        };
        // After a failed flush the frontier may have taken its work up again.
        if last == FlushState::Failed && self.frontier.end().is_none() { Turn::Again } else { Turn::Over }
    }

    fn tell(&mut self, at: Phase) {
        self.observer.progress(Progress {
            at,
            done: self.frontier.done(),
            total: self.duty.total,
            errors: self.frontier.errors() + self.mover.wrong(),
        });
    }
}
