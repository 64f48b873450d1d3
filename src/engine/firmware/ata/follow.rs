//! Follows a sanitize operation to its end.

use std::time::Duration;

use super::super::talk::{self, Talk};
use super::super::{Before, CommandReport, Conclusion, News, Proof, Stage, Watch};
use super::{STATUS_NAME, ask_status, failed, frozen, name, status_before, unknown, words};
use crate::command::ata::Sanitize;
use crate::command::ata::sanitize::{AbortReason, Status};
use crate::unit::{Reason, ReasonCode};

/// Name of the exchanges between the first and the last answer of an operation that runs.
const RUNNING_NAME: &str = "SANITIZE STATUS EXT while the operation runs, the last answer";

/// First rest between two questions; each further one is twice as long, up to the longest.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);
/// How often an answer that says neither "running" nor an end is asked over before it is believed.
const DOUBTS: u32 = 5;
/// How long a drive may be out of reach: a reset of the link takes less than a minute.
const OUT_OF_REACH: Duration = Duration::from_secs(3 * 60);
/// How long progress may stand still before it is told, and before it is given up.
const STILL_TOLD: Duration = Duration::from_secs(30 * 60);
const STILL_GIVEN_UP: Duration = Duration::from_secs(6 * 3600);
/// How long an operation may take at all: the largest drives take days for many passes.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Whether the command got to the drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The drive accepted it in this run.
    Accepted,
    /// The drive accepted it in this run, and its answer says that the operation runs.
    Running,
    /// The drive accepted it before an interruption.
    AcceptedBefore,
    /// Perhaps: its answer was lost.
    MayBe,
    /// Perhaps, before an interruption in which somebody else may have sent one: SANITIZE STATUS EXT names no command.
    MayBeBefore,
}

struct Following<'a, 'b> {
    talk: Talk<'a>,
    sent: Sent,
    before: &'b Before,
    began: Duration,
    /// The drive was seen at work.
    seen_running: bool,
    /// Last progress, and since when.
    progress: Option<(u16, Duration)>,
    still_told: bool,
    went_back: bool,
    /// Since when no status could be read.
    out_of_reach: Option<Duration>,
    doubts: u32,
    notes: Vec<String>,
}

pub(super) fn follow(
    talk: Talk<'_>,
    sanitize: &Sanitize,
    sent: Sent,
    before: &Before,
    watch: &mut dyn Watch,
) -> CommandReport {
    let began = watch.now();
    let mut following = Following {
        talk,
        sent,
        before,
        began,
        seen_running: sent == Sent::Running,
        progress: None,
        still_told: false,
        went_back: false,
        out_of_reach: None,
        doubts: 0,
        notes: Vec::new(),
    };
    let mut rest = FIRST_REST;
    let (conclusion, proof) = loop {
        let status = ask_status(&mut following.talk, watch);
        if let Some(end) = following.take(status, name(sanitize), watch) {
            break end;
        }
        if watch.should_stop() {
            let text = "the drive was left alone before the end of its operation, which goes on";
            let reason = Reason::new(ReasonCode::Stopped, text, "follow it again with `expunge resume`");
            break (Conclusion::Unknown { reason }, Vec::new());
        }
        watch.rest(rest);
        rest = (rest * 2).min(LONGEST_REST);
    };
    CommandReport { conclusion, proof, exchanges: following.talk.exchanges, notes: following.notes }
}

type End = (Conclusion, Vec<Proof>);

fn end_unknown(text: &str) -> Option<End> {
    Some((Conclusion::Unknown { reason: unknown(text) }, Vec::new()))
}

impl Following<'_, '_> {
    /// Takes a status in; an end, when it is one.
    fn take(&mut self, status: Status, what: &str, watch: &mut dyn Watch) -> Option<End> {
        if !matches!(status, Status::NotRead | Status::Unavailable) {
            self.out_of_reach = None;
        }
        match status {
            Status::Running { progress, .. } => {
                self.seen_running |= status.shows_running();
                self.doubts = 0;
                self.running(progress, what, watch)
            }
            Status::Failed { reason: reason @ (AbortReason::NotTold | AbortReason::SectorsRemain) } => {
                self.failure(reason)
            }
            Status::Frozen => Some((Conclusion::Unknown { reason: frozen() }, Vec::new())),
            Status::Completed => self.completed(watch),
            // The question itself was refused.
            Status::Failed {
                reason:
                    AbortReason::Unsupported
                    | AbortReason::Frozen
                    | AbortReason::AntiFreeze
                    | AbortReason::Other(_),
            }
            | Status::Idle
            | Status::NotRunning => self.doubt().then(|| end_unknown(words(status))).flatten(),
            Status::NotRead | Status::Unavailable => {
                let since = *self.out_of_reach.get_or_insert_with(|| watch.now());
                (watch.now().saturating_sub(since) >= OUT_OF_REACH)
                    .then(|| end_unknown(words(status)))
                    .flatten()
            }
        }
    }

    /// "Failed". A drive stays so until a success, so it may be an older failure; and a reason of 0 is also what comes
    /// when the question itself was aborted.
    fn failure(&mut self, reason: AbortReason) -> Option<End> {
        let is_old = !self.seen_running && matches!(status_before(self.before), Status::Failed { .. });
        let is_plain = reason != AbortReason::NotTold && !is_old;
        if !is_plain && !self.doubt() {
            return None;
        }
        match self.sent {
            Sent::MayBe | Sent::MayBeBefore if is_old => end_unknown(
                "the drive says that an operation failed, but it said so before, and whether it got the command is \
                 not known",
            ),
            Sent::Accepted | Sent::Running | Sent::AcceptedBefore | Sent::MayBe | Sent::MayBeBefore => {
                Some((Conclusion::Failed { reason: failed(reason) }, Vec::new()))
            }
        }
    }

    /// Whether an answer in doubt was given often enough to be believed.
    const fn doubt(&mut self) -> bool {
        self.doubts += 1;
        self.doubts >= DOUBTS
    }

    fn running(&mut self, progress: u16, what: &str, watch: &mut dyn Watch) -> Option<End> {
        self.keep_short();
        let now = watch.now();
        let since = match self.progress {
            Some((last, since)) if last == progress => since,
            last => {
                if last.is_some_and(|(last, _)| progress < last) && !self.went_back {
                    self.went_back = true;
                    self.notes.push("the progress that the drive told went back".into());
                }
                self.progress = Some((progress, now));
                now
            }
        };
        let (progress_told, text) = (Some(progress.into()), what.into());
        watch.tell(&News { progress: progress_told, text, quiet_seconds: None, stage: Stage::Asking });
        let still = now.saturating_sub(since);
        if still >= STILL_TOLD && !self.still_told {
            self.still_told = true;
            self.notes.push("the progress that the drive told stood still for half an hour".into());
        }
        if still >= STILL_GIVEN_UP {
            return end_unknown(
                "the drive says that its operation runs, but tells no progress for six hours",
            );
        }
        let took = now.saturating_sub(self.began);
        (took >= LONGEST).then(|| end_unknown("the operation has not ended in thirty days")).flatten()
    }

    /// Keeps the first answer of an operation that runs and the last, instead of one for each step of progress.
    fn keep_short(&mut self) {
        if let [.., before, last] = self.talk.exchanges.as_mut_slice()
            && (before.name == STATUS_NAME || before.name == RUNNING_NAME)
            && matches!(Status::decode(talk::reply_of(before)), Status::Running { .. })
        {
            last.name = RUNNING_NAME.into();
        }
        self.talk.fold(RUNNING_NAME);
    }

    /// "Completed without error": ours when it is new, or the drive was seen at work.
    fn completed(&mut self, watch: &mut dyn Watch) -> Option<End> {
        let is_new = matches!(status_before(self.before), Status::Idle | Status::Failed { .. });
        let proof: Vec<Proof> =
            [self.seen_running.then_some(Proof::InProgressSeen), is_new.then_some(Proof::CompletedSetAnew)]
                .into_iter()
                .flatten()
                .collect();
        if proof.is_empty() && !self.doubt() {
            return None;
        }
        if let Some(reason) = self.changed(watch) {
            return Some((Conclusion::Unknown { reason }, Vec::new()));
        }
        match (proof.is_empty(), self.sent) {
            (false, Sent::MayBeBefore) => end_unknown(
                "the drive says that an operation completed, but the job was interrupted before it was known to have \
                 accepted this command, and it does not say whose operation that was",
            ),
            (false, Sent::Accepted | Sent::Running | Sent::AcceptedBefore | Sent::MayBe) => {
                Some((Conclusion::Confirmed, proof))
            }
            (true, Sent::Accepted | Sent::Running | Sent::AcceptedBefore) => {
                Some((Conclusion::Claimed, proof))
            }
            // Perhaps it was never sent: then blocks that are still there would be no lie of the drive.
            (true, Sent::MayBe | Sent::MayBeBefore) => end_unknown(
                "the drive says that its last operation completed, but it said so before, and whether it got the \
                 command is not known",
            ),
        }
    }

    /// Whether another drive answers now, by the serial number.
    fn changed(&mut self, watch: &mut dyn Watch) -> Option<Reason> {
        let Some(after) = self.talk.identify(watch) else {
            self.notes.push("the drive did not answer IDENTIFY DEVICE after its operation".into());
            return None;
        };
        let before = talk::identify_of(&self.before.exchanges)?;
        (before.serial() != after.serial() || before.model() != after.model()).then(|| {
            Reason::new(
                ReasonCode::IdentityChanged,
                "another drive answers than the one that was given the command",
                "find the drive by its serial number",
            )
        })
    }
}
