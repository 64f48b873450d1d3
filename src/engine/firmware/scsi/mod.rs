//! SANITIZE of a SCSI logical unit.
//!
//! A unit remembers that a sanitize operation failed, but not that one succeeded (firmware-purge facts 2.7). So the
//! evidence of a success is: the command was accepted, the unit said that it was at work or answered only when it
//! was done, and then it was ready twice over without a failure. Without having seen it at work there is a claim,
//! and the canaries decide.

mod follow;
mod send;
#[cfg(all(test, feature = "sim"))]
mod sim_tests;
mod talk;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use self::follow::{End, Follower};
use self::send::{Sent, send};
use self::talk::{ASK, Polled, Talk};
use self::words::{Says, says};
use super::{Before, CommandReport, Conclusion, Exchange, Proof, Start, Watch};
use crate::command::scsi::answer::{Reading, read};
use crate::command::scsi::ask::{
    MODE_ALL, ReserveIn, TEST_UNIT_READY, mode_sense_6, persistent_reserve_in, supported_operation,
};
use crate::command::scsi::sanitize::{EXIT_FAILURE_MODE_BLOCK, SANITIZE};
use crate::command::scsi::told::{Mode, Operation, Reservation, Supported};
use crate::command::scsi::{AnswerWhen, Sanitize, SanitizeAction, Sense};
use crate::io::ScsiPort;
use crate::unit::digest::from_hex;
use crate::unit::{Reason, ReasonCode};

/// How often a unit that reports attentions is asked again.
const ATTENTIONS: u32 = 10;

/// Looks whether the unit can take the command now. Changes nothing.
///
/// # Errors
/// What stands against it: something runs on the unit, it is write-protected or reserved, it does not have the
/// command, or it cannot be asked.
pub fn before(port: &mut dyn ScsiPort, command: &Sanitize, watch: &mut dyn Watch) -> Result<Before, Reason> {
    let mut talk = Talk::new(port, watch);
    ready(&mut talk)?;
    state(&mut talk)?;
    let (answer, bytes) = talk.take("mode sense", &mode_sense_6(MODE_ALL, 252), 252);
    // A unit that does not tell is asked by the command itself.
    if read(&answer) == Reading::Good && Mode::decode_6(&bytes).is_ok_and(|mode| mode.write_protected) {
        return Err(words::write_protected());
    }
    let block = persistent_reserve_in(ReserveIn::ReadReservation, 24);
    let (answer, bytes) = talk.take("persistent reserve in", &block, 24);
    match read(&answer) {
        Reading::Reserved => return Err(words::reserved()),
        Reading::Good => {
            if let Ok(Some(found)) = Reservation::decode(&bytes) {
                return Err(held(&found));
            }
        }
        Reading::Check(_)
        | Reading::Deferred(_)
        | Reading::Attention(_)
        | Reading::Busy
        | Reading::Other { .. }
        | Reading::Lost => {}
    }
    let block = supported_operation(SANITIZE, Some(u16::from(command.service_action())), 64);
    let (answer, bytes) = talk.take("report supported operation codes", &block, 64);
    let unsupported = |operation: Operation| operation.supported == Supported::No;
    if read(&answer) == Reading::Good && Operation::decode(&bytes).is_ok_and(unsupported) {
        return Err(words::unsupported());
    }
    Ok(Before { exchanges: talk.exchanges })
}

fn held(found: &Reservation) -> Reason {
    Reason::new(
        ReasonCode::Reserved,
        format!("a persistent reservation of type {:X}h is held with key {:016X}h", found.kind, found.key),
        "have the holder release it, or clear it with PERSISTENT RESERVE OUT",
    )
}

/// TEST UNIT READY, through the attentions that stand before the answer. A unit whose last sanitize operation
/// failed, or whose format is corrupted, is not ready and may be sanitized all the same.
fn ready(talk: &mut Talk<'_>) -> Result<(), Reason> {
    for _ in 0..ATTENTIONS {
        let answer = talk.plain("test unit ready", &TEST_UNIT_READY, ASK);
        match read(&answer) {
            Reading::Good => return Ok(()),
            Reading::Reserved => return Err(words::reserved()),
            Reading::Check(sense) => return admitted(&sense),
            Reading::Attention(_) | Reading::Deferred(_) | Reading::Busy => {}
            Reading::Other { .. } | Reading::Lost => return Err(unanswered()),
        }
        talk.watch.rest(Duration::from_secs(1));
    }
    Err(unanswered())
}

/// REQUEST SENSE, likewise.
fn state(talk: &mut Talk<'_>) -> Result<(), Reason> {
    for _ in 0..ATTENTIONS {
        match talk.poll() {
            Polled::Now(sense) if says(&sense) != Says::Attention => return admitted(&sense),
            Polled::Now(_) | Polled::Earlier(_) | Polled::Nothing(_) => {}
        }
        talk.watch.rest(Duration::from_secs(1));
    }
    Err(unanswered())
}

fn admitted(sense: &Sense) -> Result<(), Reason> {
    match says(sense) {
        Says::Sanitizing { .. } => Err(words::busy_sanitizing()),
        Says::NotReady if sense.code.is_some_and(|(code, _)| code == 0x31) => Ok(()),
        Says::NotReady => Err(words::not_ready(sense)),
        Says::Failed | Says::Nothing | Says::Attention => Ok(()),
        // What is wrong may be what the sanitize is for: the unit decides when it gets the command.
        Says::Other => words::not_started(sense).map_or(Ok(()), Err),
    }
}

fn unanswered() -> Reason {
    Reason::new(
        ReasonCode::NotAnswering,
        "the unit does not answer what it is asked before it is sanitized",
        "check its cable, power and host adapter, and try again",
    )
}

/// Sends the command, unless it is only to be followed, and follows it to its end.
///
/// `before` is what [`before`] gave right before the command was sent, also after an interruption.
pub fn run(
    port: &mut dyn ScsiPort,
    command: &Sanitize,
    start: Start,
    before: &Before,
    watch: &mut dyn Watch,
) -> CommandReport {
    let mut talk = Talk::new(port, watch);
    let mut notes = Vec::new();
    let earlier = sense_before(before);
    let failed_before = earlier.is_some_and(|sense| says(&sense) == Says::Failed);
    if failed_before {
        notes.push("the unit was in the state after an earlier sanitize operation that failed".to_owned());
    }
    let sent = match start {
        Start::FollowAccepted => Sent::AcceptedBefore,
        Start::Follow => Sent::Uncertain(
            "the job was interrupted before the unit was known to have taken the command".to_owned(),
        ),
        Start::Send if earlier.is_some_and(|sense| matches!(says(&sense), Says::Sanitizing { .. })) => {
            Sent::NotStarted(words::busy_sanitizing())
        }
        Start::Send => send(&mut talk, command, &mut notes),
    };
    match sent {
        Sent::NotStarted(reason) => {
            return report(Conclusion::NotStarted { reason }, Vec::new(), talk.exchanges, notes);
        }
        Sent::Failed(reason) => {
            return report(Conclusion::Failed { reason }, Vec::new(), talk.exchanges, notes);
        }
        Sent::Accepted | Sent::AcceptedBefore | Sent::Uncertain(_) => {}
    }
    let passes = match command.action {
        SanitizeAction::Overwrite(overwrite) => overwrite.passes,
        SanitizeAction::BlockErase | SanitizeAction::CryptoErase => 1,
    };
    let mut follower = Follower::new(passes, talk.watch.now());
    let end = follower.follow(&mut talk);
    notes.append(&mut follower.notes);
    let end = match end {
        // The failure may be the earlier one, if this command never arrived.
        End::Failed(_) if failed_before && !follower.running_seen && matches!(sent, Sent::Uncertain(_)) => {
            End::Unknown(words::unknown(
                "the unit is in the state after a failed sanitize operation, as it was before this command, which \
                 it is not known to have got",
            ))
        }
        End::Quiet | End::Failed(_) | End::Unknown(_) => end,
    };
    let (conclusion, proof) = conclude(&sent, command, &end, follower.running_seen, &mut notes);
    report(conclusion, proof, talk.exchanges, notes)
}

fn report(
    conclusion: Conclusion,
    proof: Vec<Proof>,
    exchanges: Vec<Exchange>,
    notes: Vec<String>,
) -> CommandReport {
    CommandReport { conclusion, proof, exchanges, notes }
}

/// What following came to, with what is known of the sending.
fn conclude(
    sent: &Sent,
    command: &Sanitize,
    end: &End,
    running_seen: bool,
    notes: &mut Vec<String>,
) -> (Conclusion, Vec<Proof>) {
    let unknown = |reason: &Reason| (Conclusion::Unknown { reason: reason.clone() }, Vec::new());
    if let Sent::Uncertain(text) = sent {
        return match end {
            End::Failed(reason) => (Conclusion::Failed { reason: reason.clone() }, Vec::new()),
            End::Quiet if running_seen => unknown(&words::unknown(format!(
                "{text}; the unit was then seen to sanitize itself and ended without a failure, but it is not \
                 known to have accepted this command"
            ))),
            End::Quiet => unknown(&words::unknown(format!(
                "{text}; the unit was not seen to sanitize itself, and may still begin"
            ))),
            End::Unknown(reason) => {
                notes.push(text.clone());
                unknown(reason)
            }
        };
    }
    match end {
        End::Failed(reason) => (Conclusion::Failed { reason: reason.clone() }, Vec::new()),
        End::Unknown(reason) => unknown(reason),
        End::Quiet => {
            let mut proof = Vec::new();
            if running_seen {
                proof.push(Proof::InProgressSeen);
            }
            if *sent == Sent::Accepted && command.answer == AnswerWhen::Finished {
                proof.push(Proof::AnsweredWhenFinished);
            }
            if !proof.is_empty() {
                return (Conclusion::Confirmed, proof);
            }
            notes.push("the unit accepted the command and was never seen at work".to_owned());
            (Conclusion::Claimed, proof)
        }
    }
}

/// The last sense that the unit gave when it was asked before.
fn sense_before(before: &Before) -> Option<Sense> {
    let polls = before.exchanges.iter().rev().filter(|exchange| exchange.name == "request sense");
    polls
        .filter_map(|exchange| exchange.received.as_deref())
        .find_map(|hex| Sense::decode(&from_hex(hex)?).ok())
}

/// Leaves the state after a failed sanitize operation that allowed that (AUSE). Old data may be readable then.
///
/// # Errors
/// Why the unit stays in it, or is not known to have left it.
pub fn exit_failure_mode(port: &mut dyn ScsiPort, watch: &mut dyn Watch) -> Result<Vec<Exchange>, Reason> {
    let mut talk = Talk::new(port, watch);
    for _ in 0..ATTENTIONS {
        let answer = talk.plain("sanitize, exit failure mode", &EXIT_FAILURE_MODE_BLOCK, ASK);
        match read(&answer) {
            Reading::Good => {
                ready(&mut talk)?;
                return match talk.poll() {
                    Polled::Now(sense) if says(&sense) == Says::Nothing => Ok(talk.exchanges),
                    Polled::Now(sense) => Err(words::failed(&sense)),
                    Polled::Earlier(_) | Polled::Nothing(_) => Err(unanswered()),
                };
            }
            Reading::Reserved => return Err(words::reserved()),
            Reading::Check(sense) => {
                return Err(words::not_started(&sense).unwrap_or_else(|| words::failed(&sense)));
            }
            Reading::Attention(_) | Reading::Deferred(_) | Reading::Busy => {}
            Reading::Other { .. } | Reading::Lost => return Err(unanswered()),
        }
        talk.watch.rest(Duration::from_secs(1));
    }
    Err(unanswered())
}
