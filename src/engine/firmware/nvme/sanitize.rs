//! Sanitize: sent, and followed by the status log to an end that is ours or is not claimed.
use std::time::Duration;

use super::super::{Before, CommandReport, Conclusion, Proof, Start, Watch};
use super::events;
use super::refusal::refusal;
use super::talk::{self, NotRead, Talk};
use crate::command::nvme::{
    self as command, Allocation, MediaVerification, PurgeRequest, Sanitize, SanitizeAction, SanitizeMachine,
    SanitizeState, SanitizeStatus, Status, StatusField,
};
use crate::io::channel::{NvmeAnswer, NvmePort};
use crate::unit::{Reason, ReasonCode};

/// How long the command itself may take: a drive whose estimate is 0 answers when everything is done.
const SEND_PATIENCE: Duration = Duration::from_mins(10);

/// Without a change for this long, and for ten times the drive's estimate, a drive is not waited for any more.
const STALL: Duration = Duration::from_mins(30);

/// How long an operation may take at all, whatever it tells: the largest drives take days for many passes.
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// How long what does not prove anything must stand in the log before it is the result: a log may lag behind.
const SETTLED: Duration = Duration::from_secs(30);

/// How long a node may lead nowhere before it is gone.
const GONE: Duration = Duration::from_mins(1);

const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Attempts to read the status log before anything is sent.
const ATTEMPTS: u32 = 5;

type End = (Conclusion, Vec<Proof>);

pub(super) fn before(talk: &mut Talk<'_>) -> Result<(), Reason> {
    let status = patient_status(talk)?;
    if let Some(reason) = busy(&status) {
        return Err(reason);
    }
    if events::controller(talk).is_ok_and(|controller| controller.has_persistent_events()) {
        events::read(talk);
    }
    Ok(())
}

/// An operation that runs already is not ours, whoever started it.
pub(super) fn busy(status: &SanitizeStatus) -> Option<Reason> {
    let (text, remedy) = match (status.state, status.machine) {
        (_, SanitizeMachine::MediaVerification) => (
            "a sanitize operation that is not ours stands in the media verification state".to_owned(),
            "find out who reads the medium; leave the state with SANACT 5 (exit media verification)",
        ),
        (SanitizeState::InProgress, _) => (
            format!(
                "a sanitize operation that is not ours runs (command dword 10 {:08x}h, {} of 65536 done)",
                status.command_dword, status.progress
            ),
            "wait until it has ended, find out who started it, and run the job again",
        ),
        (
            SanitizeState::NeverSanitized
            | SanitizeState::Succeeded
            | SanitizeState::Failed
            | SanitizeState::SucceededDeallocated
            | SanitizeState::Reserved(_),
            _,
        ) => return None,
    };
    Some(Reason::new(ReasonCode::FirmwareBusy, text, remedy))
}

/// Reads the status log before anything was sent; a refusal is final, anything else is tried again.
fn patient_status(talk: &mut Talk<'_>) -> Result<SanitizeStatus, Reason> {
    let mut rest = FIRST_REST;
    for _ in 1..ATTEMPTS {
        match talk.status() {
            Ok(status) => return Ok(status),
            Err(NotRead::Status(field)) => {
                return Err(no_log(ReasonCode::FirmwareRefused, NotRead::Status(field)));
            }
            Err(NotRead::Errno(_) | NotRead::Incomplete) => talk.watch.rest(rest),
        }
        rest *= 2;
    }
    talk.status().map_err(|why| no_log(ReasonCode::NotAnswering, why))
}

fn no_log(code: ReasonCode, why: NotRead) -> Reason {
    Reason::new(
        code,
        format!("the sanitize status log cannot be read, so that no end could be proven: {why}"),
        "try the drive on another host or port, or choose another technique",
    )
}

pub(super) fn run(talk: &mut Talk<'_>, sanitize: &Sanitize, start: Start, before: &Before) -> End {
    let (entry, dword) = match (sanitize.entry(), sanitize.command_dword()) {
        (Ok(entry), Ok(dword)) => (entry, dword),
        (Err(fault), _) | (_, Err(fault)) => {
            let reason = Reason::new(ReasonCode::BadRequest, fault.to_string(), "plan the job again");
            return (Conclusion::NotStarted { reason }, Vec::new());
        }
    };
    let Some(snapshot) = before.exchanges.iter().rev().find_map(talk::sanitize_status) else {
        return (no_snapshot(start), Vec::new());
    };
    let accepted = match start {
        Start::Follow => Accepted::NotKnown,
        Start::FollowAccepted => Accepted::Good,
        Start::Send => match send(talk, &entry) {
            Ok(accepted) => accepted,
            Err(conclusion) => return (conclusion, Vec::new()),
        },
    };
    let patience = patience(sanitize, &snapshot);
    let seen = Seen::Nothing;
    Following { talk, sanitize, dword, before, snapshot, accepted, seen, patience }.follow()
}

/// Without a snapshot an old result could not be told from ours.
fn no_snapshot(start: Start) -> Conclusion {
    let text = "there is no sanitize status from before the command to compare with";
    match start {
        Start::Send => {
            Conclusion::NotStarted { reason: Reason::new(ReasonCode::BadRequest, text, "plan the job again") }
        }
        Start::Follow | Start::FollowAccepted => Conclusion::Unknown {
            reason: Reason::new(ReasonCode::FirmwareUnknown, text, "run the job again"),
        },
    }
}

/// Whether our own command was seen to complete well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accepted {
    Good,
    /// It was sent just now, and its completion did not come.
    NotSeen,
    /// It was announced before an interruption, and whether the drive got it is not known. Since then nobody held the
    /// drive: the same operation may be that of another program, whose command dword 10 is the same.
    NotKnown,
}

/// Whether the drive said, after our command, that it works on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    InProgress,
}

fn send(talk: &mut Talk<'_>, entry: &[u8; 64]) -> Result<Accepted, Conclusion> {
    talk.tell_quiet("Sanitize is sent", SEND_PATIENCE);
    let doubt = match talk.send("nvme sanitize", entry, SEND_PATIENCE) {
        NvmeAnswer::Completed { .. } => {
            talk.tell_accepted("the drive took the Sanitize command");
            return Ok(Accepted::Good);
        }
        NvmeAnswer::Status { field } if StatusField(field).status() == Status::SanitizeFailed => {
            let remedy = "run a restricted sanitize; if it fails too, destroy the drive";
            let text = "the drive says that sanitize failed, and stays in that state";
            let reason = Reason::new(ReasonCode::FirmwareFailed, text, remedy);
            return Err(Conclusion::Failed { reason });
        }
        NvmeAnswer::Status { field } => match refusal(StatusField(field)) {
            Some(reason) => return Err(Conclusion::NotStarted { reason }),
            None => StatusField(field).to_string(),
        },
        NvmeAnswer::NotCompleted { errno } => format!("errno {errno}"),
    };
    talk.note(format!("whether the drive took the command is not known: {doubt}"));
    Ok(Accepted::NotSeen)
}

/// Ten times the drive's estimate for this action, and never less than [`STALL`]. Estimates of 0 and FFFFFFFFh are no
/// times.
fn patience(sanitize: &Sanitize, status: &SanitizeStatus) -> Duration {
    let (plain, kept) = match sanitize.action {
        SanitizeAction::BlockErase => (status.block_erase_seconds, status.block_erase_kept_seconds),
        SanitizeAction::Overwrite(_) => (status.overwrite_seconds, status.overwrite_kept_seconds),
        SanitizeAction::CryptoErase => (status.crypto_erase_seconds, status.crypto_erase_kept_seconds),
    };
    let seconds = match sanitize.allocation {
        Allocation::MayDeallocate => plain,
        Allocation::Keep => plain.max(kept),
    };
    STALL.max(Duration::from_secs(u64::from(seconds.unwrap_or_default()) * 10))
}

/// What one look at the status log comes to.
enum Look {
    /// It goes on.
    Going,
    /// It is over, in a way that can be told at once.
    Over(Conclusion),
    /// Success under our command, with something that shows that it is ours.
    Shown,
    /// An end that may be an older one, or a log that lags behind.
    Doubtful,
}

/// A sanitize operation that is followed.
struct Following<'a, 'b> {
    talk: &'a mut Talk<'b>,
    sanitize: &'a Sanitize,
    dword: u32,
    before: &'a Before,
    snapshot: SanitizeStatus,
    accepted: Accepted,
    seen: Seen,
    patience: Duration,
}

/// What changes when a drive makes headway.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Headway {
    state: SanitizeState,
    machine: SanitizeMachine,
    command_dword: u32,
    passes: u8,
    progress: u16,
}

impl Following<'_, '_> {
    fn follow(&mut self) -> End {
        let began = self.talk.watch.now();
        let (mut changed, mut headway) = (began, Vec::new());
        let (mut doubtful, mut gone): (Option<Duration>, Option<Duration>) = (None, None);
        let mut rest = FIRST_REST;
        loop {
            let read = self.talk.status();
            let now = self.talk.watch.now();
            match read {
                Ok(status) => {
                    gone = None;
                    if self.has_moved(&mut headway, &status) {
                        changed = now;
                        self.tell(&status);
                    }
                    doubtful = match self.look(&status) {
                        Look::Going => None,
                        Look::Over(conclusion) => return (conclusion, Vec::new()),
                        Look::Shown => return self.conclude(&status),
                        Look::Doubtful => Some(doubtful.unwrap_or(now)),
                    };
                    if doubtful.is_some_and(|since| now.saturating_sub(since) >= SETTLED) {
                        return self.conclude(&status);
                    }
                }
                Err(why) => {
                    self.talk
                        .note(format!("a status read failed, which is no failure of the operation: {why}"));
                    gone = why.is_gone().then(|| gone.unwrap_or(now));
                    if gone.is_some_and(|since| now.saturating_sub(since) >= GONE) {
                        return (Conclusion::Unknown { reason: vanished() }, Vec::new());
                    }
                }
            }
            if self.talk.watch.should_stop() {
                return (Conclusion::Unknown { reason: stopped() }, Vec::new());
            }
            if now.saturating_sub(changed) >= self.patience {
                return (Conclusion::Unknown { reason: stalled(self.patience, headway.last()) }, Vec::new());
            }
            if now.saturating_sub(began) >= LONGEST {
                return (Conclusion::Unknown { reason: endless() }, Vec::new());
            }
            self.talk.watch.rest(rest);
            rest = LONGEST_REST.min(rest * 3 / 2);
        }
    }

    /// Whether the drive made headway: only forward counts, and only further than ever in the same stage, so that a
    /// drive stalls that counts up and down or goes back and forth between stages. The latest headway comes last.
    fn has_moved(&mut self, seen: &mut Vec<Headway>, status: &SanitizeStatus) -> bool {
        let now = Headway {
            state: status.state,
            machine: status.machine,
            command_dword: status.command_dword,
            passes: status.completed_passes,
            progress: status.progress,
        };
        let same_stage = |before: &Headway| Headway { progress: before.progress, ..now } == *before;
        if let Some(place) = seen.iter().position(same_stage) {
            let before = seen[place];
            if now.progress < before.progress {
                self.talk.note(format!(
                    "progress went back from {} to {} of 65536",
                    before.progress, now.progress
                ));
            }
            if now.progress <= before.progress {
                return false;
            }
            seen.remove(place);
        }
        seen.push(now);
        true
    }

    fn tell(&mut self, status: &SanitizeStatus) {
        let progress = (status.state == SanitizeState::InProgress).then_some(u32::from(status.progress));
        self.talk.tell(progress, format!("Sanitize: the drive says: {}", status.state));
    }

    /// Decodes in this order: is something running, did it fail, did it succeed, and was that ours.
    fn look(&mut self, status: &SanitizeStatus) -> Look {
        let ours = status.command_dword == self.dword;
        match status.state {
            SanitizeState::InProgress if ours => {
                self.seen = Seen::InProgress;
                match status.machine {
                    SanitizeMachine::MediaVerification => Look::Shown,
                    SanitizeMachine::Idle
                    | SanitizeMachine::RestrictedProcessing
                    | SanitizeMachine::RestrictedFailure
                    | SanitizeMachine::UnrestrictedProcessing
                    | SanitizeMachine::UnrestrictedFailure
                    | SanitizeMachine::PostVerificationDeallocation
                    | SanitizeMachine::Reserved(_) => Look::Going,
                }
            }
            SanitizeState::InProgress => {
                let dword = status.command_dword;
                self.talk
                    .note(format!("an operation of another command (dword 10 {dword:08x}h) was in progress"));
                Look::Going
            }
            // A drive stays in its failure until a success: one that was there before may not be about our command.
            SanitizeState::Failed if ours && (self.seen == Seen::InProgress || self.has_changed(status)) => {
                Look::Over(Conclusion::Failed { reason: failed(status) })
            }
            SanitizeState::Succeeded | SanitizeState::SucceededDeallocated if ours => {
                if self.shown_by(status).is_empty() { Look::Doubtful } else { Look::Shown }
            }
            SanitizeState::NeverSanitized
            | SanitizeState::Failed
            | SanitizeState::Succeeded
            | SanitizeState::SucceededDeallocated
            | SanitizeState::Reserved(_) => Look::Doubtful,
        }
    }

    /// What the log itself shows for our command. A bit that was set before shows nothing.
    fn shown_by(&self, status: &SanitizeStatus) -> Vec<Proof> {
        let anew = |bit: fn(&SanitizeStatus) -> bool| bit(status) && !bit(&self.snapshot);
        let mut proof = Vec::new();
        proof.extend((self.seen == Seen::InProgress).then_some(Proof::InProgressSeen));
        proof.extend(anew(|status| status.global_data_erased).then_some(Proof::GlobalDataErasedSetAnew));
        proof.extend(anew(|status| status.purged).then_some(Proof::PurgeReported));
        proof
    }

    /// Whether another result stands in the log than before. GDE goes by any write, such as that of canaries: it tells
    /// nothing about a new operation when it is gone.
    fn has_changed(&self, status: &SanitizeStatus) -> bool {
        let result = |status: &SanitizeStatus| {
            (status.state, status.command_dword, status.completed_passes, status.failed_in)
        };
        result(&self.snapshot) != result(status)
    }

    /// Gives the end that the log has settled on.
    fn conclude(&mut self, status: &SanitizeStatus) -> End {
        let ours = status.command_dword == self.dword;
        let succeeded =
            matches!(status.state, SanitizeState::Succeeded | SanitizeState::SucceededDeallocated);
        let verifying = status.machine == SanitizeMachine::MediaVerification;
        if ours && status.state == SanitizeState::Failed {
            let conclusion = match self.accepted {
                Accepted::Good => Conclusion::Failed { reason: failed(status) },
                Accepted::NotSeen | Accepted::NotKnown => Conclusion::Unknown { reason: unchanged() },
            };
            return (conclusion, Vec::new());
        }
        if !ours || !(succeeded || verifying) {
            return (Conclusion::Unknown { reason: self.not_ours(status) }, Vec::new());
        }
        let mut proof = self.shown_by(status);
        proof.extend(self.is_in_new_events().then_some(Proof::PersistentEvent));
        proof.sort_unstable();
        self.note_the_end(status);
        let changed = self.has_changed(status);
        if self.accepted == Accepted::NotKnown {
            let reason = if proof.is_empty() && !changed { unchanged() } else { nobodys() };
            return (Conclusion::Unknown { reason }, Vec::new());
        }
        let conclusion = match (proof.is_empty(), self.accepted) {
            (true, Accepted::NotSeen) if !changed => Conclusion::Unknown { reason: unchanged() },
            _ if succeeded && self.sanitize.purge == PurgeRequest::Asked && !status.purged => {
                return (Conclusion::Failed { reason: only_cleared() }, Vec::new());
            }
            (false, _) => Conclusion::Confirmed,
            (true, Accepted::Good | Accepted::NotSeen | Accepted::NotKnown) => Conclusion::Claimed,
        };
        (conclusion, proof)
    }

    /// Whether the persistent event log has a start of our command and a successful completion more than before.
    fn is_in_new_events(&mut self) -> bool {
        let dword = self.dword;
        events::since(self.talk, self.before)
            .is_some_and(|(known, now)| events::shows_sanitize(&known, &now, dword))
    }

    fn note_the_end(&mut self, status: &SanitizeStatus) {
        if self.accepted != Accepted::Good {
            self.talk.note("the completion of the command itself was not seen; its operation was");
        }
        if status.state == SanitizeState::SucceededDeallocated {
            self.talk.note("the drive deallocated its blocks although no-deallocate was asked for");
        }
        if status.media_verification_cancelled {
            self.talk.note("the drive says that media verification was cancelled");
        }
        if status.machine == SanitizeMachine::MediaVerification {
            self.talk.note("the drive stands in the media verification state: reads reach the medium itself");
        } else if self.sanitize.media_verification == MediaVerification::Asked {
            self.talk.note("media verification was asked for, and the drive is not in that state");
        }
        if let SanitizeAction::Overwrite(overwrite) = self.sanitize.action
            && overwrite.passes != status.completed_passes
        {
            let (asked, told) = (overwrite.passes, status.completed_passes);
            self.talk.note(format!("{asked} passes were asked for; the drive reports {told} completed"));
        }
    }

    /// Why an end is not that of our command.
    fn not_ours(&self, status: &SanitizeStatus) -> Reason {
        let text = match status.state {
            SanitizeState::NeverSanitized => {
                "the drive says that it was never sanitized: our command did not run".to_owned()
            }
            SanitizeState::Reserved(bits) => {
                format!("the drive reports the sanitize state {bits}, which means nothing")
            }
            SanitizeState::Succeeded
            | SanitizeState::SucceededDeallocated
            | SanitizeState::Failed
            | SanitizeState::InProgress => format!(
                "the drive reports the end of another command (dword 10 {:08x}h, ours is {:08x}h): {}",
                status.command_dword, self.dword, status.state
            ),
        };
        let remedy =
            "do not use the drive as sanitized; run the job again, and if it ends so again, destroy it";
        Reason::new(ReasonCode::FirmwareUnknown, text, remedy)
    }
}

fn failed(status: &SanitizeStatus) -> Reason {
    let text = format!("the drive says that sanitize failed (in state: {})", status.failed_in);
    let remedy = "run the same command again, restricted; if it fails again, destroy the drive";
    Reason::new(ReasonCode::FirmwareFailed, text, remedy)
}

/// A purge was asked for by name (PREQ), and the drive says that what it did was none (PRGD).
fn only_cleared() -> Reason {
    Reason::new(
        ReasonCode::FirmwareFailed,
        "the drive was cleared, not purged as IEEE 2883 defines it: a purge was asked for, and it reports none",
        "use another technique; if none purges the drive, destroy it",
    )
}

fn endless() -> Reason {
    Reason::new(
        ReasonCode::FirmwareUnknown,
        "the sanitize operation has not ended in thirty days, although the drive says that it goes on",
        "leave its power on and `expunge resume` later; if it never ends, destroy the drive",
    )
}

fn vanished() -> Reason {
    Reason::new(
        ReasonCode::DriveGone,
        "the drive's node leads nowhere any more while its sanitize operation may run",
        "attach it again; `expunge resume` finds it by its identity and follows the operation",
    )
}

fn stopped() -> Reason {
    Reason::new(
        ReasonCode::Stopped,
        "the job was stopped; the drive's sanitize operation cannot be and runs on",
        "`expunge resume` follows it to its end",
    )
}

fn unchanged() -> Reason {
    Reason::new(
        ReasonCode::FirmwareUnknown,
        "the drive's status is the same as before the command: nothing shows that it ever took it",
        "run the job again",
    )
}

/// What was done is what was asked for, and by whom nobody knows.
pub(super) fn nobodys() -> Reason {
    Reason::new(
        ReasonCode::FirmwareUnknown,
        "the drive carried out such a command, but the job was interrupted before it was known to have taken this one, and \
         it does not say whose it was",
        "sanitize the drive again with a new job",
    )
}

fn stalled(patience: Duration, headway: Option<&Headway>) -> Reason {
    let minutes = patience.as_secs() / 60;
    let text = match headway {
        Some(last) => format!(
            "nothing changed for {minutes} minutes: the drive says {}, {} of 65536",
            last.state, last.progress
        ),
        None => format!("the sanitize status log could not be read for {minutes} minutes"),
    };
    let remedy =
        "leave its power on and `expunge resume` later; do not reset it; if it never ends, destroy the drive";
    Reason::new(ReasonCode::FirmwareUnknown, text, remedy)
}

/// Leaves the media verification state (SANACT 5) and waits until the drive has deallocated and is idle.
pub fn exit_media_verification(port: &mut dyn NvmePort, watch: &mut dyn Watch) -> CommandReport {
    let mut talk = Talk::new(port, watch);
    let answer =
        talk.send("nvme exit media verification", &command::exit_media_verification(), SEND_PATIENCE);
    let refused = match answer {
        NvmeAnswer::Completed { .. } | NvmeAnswer::NotCompleted { .. } => None,
        NvmeAnswer::Status { field } => refusal(StatusField(field)),
    };
    let conclusion = match refused {
        Some(reason) => Conclusion::NotStarted { reason },
        None => until_idle(&mut talk),
    };
    let proof = match (&conclusion, answer) {
        (Conclusion::Confirmed, NvmeAnswer::Completed { .. }) => vec![Proof::AnsweredWhenFinished],
        (Conclusion::Confirmed, NvmeAnswer::Status { .. } | NvmeAnswer::NotCompleted { .. })
        | (
            Conclusion::Claimed
            | Conclusion::NotStarted { .. }
            | Conclusion::Failed { .. }
            | Conclusion::Unknown { .. },
            _,
        ) => Vec::new(),
    };
    CommandReport { conclusion, proof, exchanges: talk.exchanges, notes: talk.notes }
}

fn until_idle(talk: &mut Talk<'_>) -> Conclusion {
    let began = talk.watch.now();
    let mut rest = FIRST_REST;
    loop {
        match talk.status() {
            Ok(status) => match (status.machine, status.state) {
                (SanitizeMachine::Idle, SanitizeState::Succeeded | SanitizeState::SucceededDeallocated) => {
                    return Conclusion::Confirmed;
                }
                (_, SanitizeState::Failed) => return Conclusion::Failed { reason: failed(&status) },
                (
                    _,
                    SanitizeState::NeverSanitized
                    | SanitizeState::Succeeded
                    | SanitizeState::SucceededDeallocated
                    | SanitizeState::InProgress
                    | SanitizeState::Reserved(_),
                ) => {}
            },
            Err(why) => {
                talk.note(format!("a status read failed, which is no failure of the operation: {why}"))
            }
        }
        if talk.watch.should_stop() {
            return Conclusion::Unknown { reason: stopped() };
        }
        if talk.watch.now().saturating_sub(began) >= STALL {
            let text = "the drive did not become idle within 30 minutes after media verification";
            let remedy = "ask for its sanitize status again later; if it never ends, destroy the drive";
            return Conclusion::Unknown { reason: Reason::new(ReasonCode::FirmwareUnknown, text, remedy) };
        }
        talk.watch.rest(rest);
        rest = LONGEST_REST.min(rest * 3 / 2);
    }
}
