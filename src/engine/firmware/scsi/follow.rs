//! Follows a sanitize operation to its end by REQUEST SENSE. SCSI keeps no memory of a success: what was seen on
//! the way is all that there will ever be.
use std::time::Duration;

use super::talk::{ASK, Polled, Talk, Trouble};
use super::words::{self, Says, says};
use crate::command::scsi::answer::{Reading, read};
use crate::command::scsi::ask::TEST_UNIT_READY;
use crate::engine::firmware::{News, Stage};
use crate::io::ScsiAnswer;
use crate::unit::Reason;

/// First time between two polls, and the longest.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How long a unit that was never seen at work is watched before its silence counts: it may begin late.
const SETTLE: Duration = Duration::from_secs(15);
/// How long polls may bring nothing.
const TROUBLE: Duration = Duration::from_secs(30 * 60);
/// How long a node may be gone.
const GONE: Duration = Duration::from_secs(60);
/// How long a unit may be neither at work nor ready.
const STUCK: Duration = Duration::from_secs(30 * 60);
/// After how long without progress that is told.
const STALL_TOLD: Duration = Duration::from_secs(30 * 60);
/// After how long without progress patience ends, at least; slower units have ten times their slowest step.
const STALL_END: Duration = Duration::from_secs(2 * 60 * 60);
/// The same while no step was seen yet: one percent of a long overwrite takes hours.
const FIRST_STEP: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a unit may be at work without telling any progress.
const UNTOLD: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// How long an operation may take at all, whatever progress it tells: the largest drives take days for many passes.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How following ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Not at work, ready, and no failure.
    Quiet,
    /// The unit says that it failed.
    Failed(Reason),
    /// No end could be established.
    Unknown(Reason),
}

/// What was seen on the way.
#[derive(Debug)]
pub(super) struct Follower {
    /// Passes of the command: progress may begin anew for each.
    passes: u8,
    /// Whether the unit said that it was at work.
    pub running_seen: bool,
    pub notes: Vec<String>,
    deferred_failure: bool,
    quiet_since: Option<Duration>,
    trouble_since: Option<Duration>,
    stuck_since: Option<Duration>,
    pace: Pace,
    began: Duration,
    rest: Duration,
}

/// How progress goes.
#[derive(Debug, Default)]
struct Pace {
    highest: Option<u16>,
    last: Option<u16>,
    changed: Duration,
    slowest: Option<Duration>,
    restarts: u8,
}

/// What a look at the unit came to.
enum Look {
    GoOn,
    End(End),
}

impl Follower {
    pub(super) fn new(passes: u8, began: Duration) -> Self {
        Self {
            passes,
            running_seen: false,
            notes: Vec::new(),
            deferred_failure: false,
            quiet_since: None,
            trouble_since: None,
            stuck_since: None,
            pace: Pace { changed: began, ..Pace::default() },
            began,
            rest: REST.0,
        }
    }

    /// Polls until there is an end. The first poll comes at once, so that short work is seen.
    pub(super) fn follow(&mut self, talk: &mut Talk<'_>) -> End {
        loop {
            if let Look::End(end) = self.look(talk) {
                return end;
            }
            if talk.watch.should_stop() {
                return End::Unknown(words::unknown(
                    "somebody asked to stop; a sanitize operation cannot be stopped, and was left running",
                ));
            }
            talk.watch.rest(self.rest);
            self.rest = (self.rest + self.rest / 2).min(REST.1);
        }
    }

    fn look(&mut self, talk: &mut Talk<'_>) -> Look {
        let polled = talk.poll();
        let now = talk.watch.now();
        let sense = match polled {
            Polled::Now(sense) => sense,
            Polled::Earlier(sense) => {
                // It is about an earlier command, which may be ours: too much to ignore, too little to conclude.
                self.deferred_failure |= matches!(says(&sense), Says::Failed);
                return self.patience(StuckOn::Polls, now);
            }
            Polled::Nothing(trouble) => return self.trouble(trouble, now),
        };
        match says(&sense) {
            Says::Sanitizing { progress } => self.at_work(progress, talk, now),
            Says::Failed => Look::End(End::Failed(words::failed(&sense))),
            Says::Attention => {
                self.note(&format!(
                    "the unit reported that something happened to it ({})",
                    words::spelled(&sense)
                ));
                self.patience(StuckOn::Polls, now)
            }
            Says::Nothing => self.quiet(talk, now),
            Says::NotReady | Says::Other => {
                self.quiet_since = None;
                self.note(&format!("the unit reported {}", words::spelled(&sense)));
                self.patience(StuckOn::Polls, now)
            }
        }
    }

    /// The unit has nothing to report: that is an end only if it is also ready, and still has nothing to report.
    fn quiet(&mut self, talk: &mut Talk<'_>, now: Duration) -> Look {
        let ready = talk.plain("test unit ready", &TEST_UNIT_READY, ASK);
        let sense = match read(&ready) {
            Reading::Good => return self.ready(talk, now),
            Reading::Check(sense) => sense,
            Reading::Deferred(sense) => {
                self.deferred_failure |= matches!(says(&sense), Says::Failed);
                return self.patience(StuckOn::Ready, now);
            }
            Reading::Attention(_) | Reading::Busy | Reading::Reserved | Reading::Other { .. } => {
                return self.patience(StuckOn::Ready, now);
            }
            Reading::Lost => return self.trouble(way(&ready), now),
        };
        match says(&sense) {
            Says::Sanitizing { progress } => self.at_work(progress, talk, now),
            Says::Failed => Look::End(End::Failed(words::failed(&sense))),
            Says::NotReady | Says::Attention | Says::Nothing | Says::Other => {
                self.note(&format!("TEST UNIT READY ended with {}", words::spelled(&sense)));
                self.patience(StuckOn::Ready, now)
            }
        }
    }

    fn ready(&mut self, talk: &mut Talk<'_>, now: Duration) -> Look {
        let since = *self.quiet_since.get_or_insert(now);
        if !self.running_seen && now.saturating_sub(since) < SETTLE {
            return Look::GoOn;
        }
        match talk.poll() {
            Polled::Now(sense) => match says(&sense) {
                Says::Nothing if self.deferred_failure => Look::End(End::Unknown(words::unknown(
                    "the unit reported a failed sanitize operation for an earlier command, and nothing since",
                ))),
                Says::Nothing => Look::End(End::Quiet),
                Says::Failed => Look::End(End::Failed(words::failed(&sense))),
                Says::Sanitizing { progress } => self.at_work(progress, talk, now),
                Says::NotReady | Says::Attention | Says::Other => self.patience(StuckOn::Polls, now),
            },
            Polled::Earlier(sense) => {
                self.deferred_failure |= matches!(says(&sense), Says::Failed);
                self.patience(StuckOn::Polls, now)
            }
            Polled::Nothing(trouble) => self.trouble(trouble, now),
        }
    }

    fn at_work(&mut self, progress: Option<u16>, talk: &mut Talk<'_>, now: Duration) -> Look {
        self.running_seen = true;
        self.quiet_since = None;
        // Only this ends a trouble: one good answer between bad ones is no end of them.
        self.stuck_since = None;
        self.trouble_since = None;
        if now.saturating_sub(self.began) >= LONGEST {
            return Look::End(End::Unknown(words::unknown(
                "the unit says that it is at work, and has not ended in thirty days; it was left running",
            )));
        }
        let stalled = self.pace.step(progress, now, self.passes, &mut self.notes);
        let text = match stalled {
            Stall::No => "the drive sanitizes itself".to_owned(),
            Stall::Told => "the drive sanitizes itself, without progress for a long time".to_owned(),
            Stall::End => return Look::End(End::Unknown(stalled_reason())),
        };
        let progress = progress.map(u32::from);
        talk.watch.tell(&News { progress, text, quiet_seconds: None, stage: Stage::Asking });
        Look::GoOn
    }

    fn trouble(&mut self, trouble: Trouble, now: Duration) -> Look {
        let since = *self.trouble_since.get_or_insert(now);
        self.quiet_since = None;
        let (patience, text) = match trouble {
            Trouble::Gone => (GONE, "the node of the unit vanished"),
            Trouble::Way => (TROUBLE, "the unit could not be asked any more"),
        };
        if now.saturating_sub(since) < patience {
            return Look::GoOn;
        }
        let seen = if self.running_seen { "while it sanitized itself" } else { "after the command was sent" };
        Look::End(End::Unknown(words::unknown(format!("{text} {seen}; that is no failure of the drive"))))
    }

    fn patience(&mut self, on: StuckOn, now: Duration) -> Look {
        let since = *self.stuck_since.get_or_insert(now);
        if now.saturating_sub(since) < STUCK {
            return Look::GoOn;
        }
        Look::End(End::Unknown(words::unknown(match on {
            StuckOn::Ready => "the unit is not at work any more and does not become ready",
            StuckOn::Polls => "the unit reports neither that it is at work nor that it is done",
        })))
    }

    fn note(&mut self, text: &str) {
        note(&mut self.notes, text);
    }
}

/// What a unit is stuck on.
#[derive(Clone, Copy)]
enum StuckOn {
    Ready,
    Polls,
}

enum Stall {
    No,
    Told,
    End,
}

impl Pace {
    /// Takes a reading of the progress. Only a higher one than ever before is progress.
    fn step(&mut self, progress: Option<u16>, now: Duration, passes: u8, notes: &mut Vec<String>) -> Stall {
        if progress.is_some_and(|parts| self.is_progress(parts, passes, notes)) {
            if self.highest.is_some() {
                let step = now.saturating_sub(self.changed);
                self.slowest = Some(self.slowest.map_or(step, |slowest| slowest.max(step)));
            }
            self.highest = progress;
            self.changed = now;
            return Stall::No;
        }
        if self.highest.is_none() {
            return if now.saturating_sub(self.changed) > UNTOLD { Stall::End } else { Stall::No };
        }
        let idle = now.saturating_sub(self.changed);
        let limit = self.slowest.map_or(FIRST_STEP, |slowest| STALL_END.max(slowest.saturating_mul(10)));
        if idle > limit {
            return Stall::End;
        }
        if idle <= STALL_TOLD {
            return Stall::No;
        }
        note(notes, STALLED);
        Stall::Told
    }

    fn is_progress(&mut self, parts: u16, passes: u8, notes: &mut Vec<String>) -> bool {
        let before = self.last.replace(parts);
        let fell = before.is_some_and(|before| parts < before);
        // Some units count each pass of an overwrite from the beginning.
        if fell && before.is_some_and(|before| parts < before / 2) && self.restarts.saturating_add(1) < passes
        {
            self.restarts += 1;
            return true;
        }
        if fell {
            note(notes, WENT_BACK);
        }
        self.highest.is_none_or(|highest| parts > highest)
    }
}

fn note(notes: &mut Vec<String>, text: &str) {
    if !notes.iter().any(|note| note == text) {
        notes.push(text.to_owned());
    }
}

const WENT_BACK: &str = "the progress that the unit tells went back";
const STALLED: &str = "the unit told no progress for more than half an hour";

fn stalled_reason() -> Reason {
    words::unknown("the unit says that it is at work and makes no progress; it was left running")
}

fn way(answer: &ScsiAnswer) -> Trouble {
    match answer {
        ScsiAnswer::NotCompleted { errno } if *errno == libc::ENODEV || *errno == libc::ENXIO => {
            Trouble::Gone
        }
        ScsiAnswer::Answered { .. } | ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => {
            Trouble::Way
        }
    }
}
