//! Sends the command, and tells whether the unit took it.
use std::time::Duration;

use super::talk::{ASK, Talk};
use super::words;
use crate::command::scsi::answer::{Reading, read};
use crate::command::scsi::{AnswerWhen, Sanitize, sense};
use crate::engine::firmware::{News, Stage};
use crate::io::ScsiAnswer;
use crate::unit::{Reason, ReasonCode};

/// How often a command is sent again that the unit did not look at.
const ATTEMPTS: u32 = 10;
/// How long a command may take that is answered when it is finished: longer than any drive takes.
const FINISHED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Whether the unit took the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// GOOD.
    Accepted,
    /// GOOD, before an interruption.
    AcceptedBefore,
    /// It certainly did not.
    NotStarted(Reason),
    /// It ended with the failure of the operation.
    Failed(Reason),
    /// It may have.
    Uncertain(String),
}

/// Sends the command.
pub(super) fn send(talk: &mut Talk<'_>, command: &Sanitize, notes: &mut Vec<String>) -> Sent {
    let list = match command.parameter_list() {
        Ok(list) => list,
        Err(fault) => {
            return Sent::NotStarted(Reason::new(
                ReasonCode::BadRequest,
                format!("SANITIZE cannot carry {} passes", fault.passes),
                "ask for 1 to 31 passes",
            ));
        }
    };
    let timeout = match command.answer {
        AnswerWhen::Accepted => ASK,
        AnswerWhen::Finished => FINISHED,
    };
    if command.answer == AnswerWhen::Finished {
        let text = "the drive sanitizes itself and answers when it is done".to_owned();
        let quiet_seconds = Some(FINISHED.as_secs());
        talk.watch.tell(&News { progress: None, text, quiet_seconds, stage: Stage::Asking });
    }
    let mut last = words::unsupported();
    for _ in 0..ATTEMPTS {
        if talk.watch.should_stop() {
            return Sent::NotStarted(Reason::new(
                ReasonCode::Stopped,
                "somebody asked to stop before the unit took the command",
                "start the job again",
            ));
        }
        let answer = match &list {
            None => talk.plain("sanitize", &command.block(), timeout),
            Some(list) => talk.give("sanitize", &command.block(), list, timeout),
        };
        match take(&answer, notes) {
            Taken::Settled(sent) => {
                if sent == Sent::Accepted {
                    talk.watch.tell(&News::accepted("the drive took SANITIZE"));
                }
                return sent;
            }
            Taken::NotLookedAt(reason) => last = reason,
        }
        talk.watch.rest(Duration::from_secs(1));
    }
    Sent::NotStarted(last)
}

enum Taken {
    Settled(Sent),
    /// The unit did not look at it: it may be sent again.
    NotLookedAt(Reason),
}

fn take(answer: &ScsiAnswer, notes: &mut Vec<String>) -> Taken {
    let uncertain = |text: String| Taken::Settled(Sent::Uncertain(text));
    match read(answer) {
        Reading::Good => Taken::Settled(Sent::Accepted),
        Reading::Reserved => Taken::Settled(Sent::NotStarted(words::reserved())),
        Reading::Busy => Taken::NotLookedAt(Reason::new(
            ReasonCode::FirmwareBusy,
            "the unit answers BUSY or TASK SET FULL to the command",
            "try again when nothing else uses it",
        )),
        Reading::Attention(sense) => {
            notes.push(format!(
                "the command was sent again after a unit attention ({})",
                words::spelled(&sense)
            ));
            Taken::NotLookedAt(Reason::new(
                ReasonCode::FirmwareBusy,
                format!("the unit answers every command with a unit attention ({})", words::spelled(&sense)),
                "find out what happens to it, and try again",
            ))
        }
        // A deferred error says that the command it came with was not carried out (SPC, from memory). That is not
        // trusted: the command is not sent again, and nothing is concluded from it.
        Reading::Deferred(sense) => uncertain(format!(
            "the command was answered with sense of an earlier one ({})",
            words::spelled(&sense)
        )),
        Reading::Check(sense) if sense.is(0x31, 0x03) => Taken::Settled(Sent::Failed(words::failed(&sense))),
        Reading::Check(sense) if sense.key == sense::RECOVERED_ERROR => {
            notes.push(format!("the command was accepted with RECOVERED ERROR ({})", words::spelled(&sense)));
            Taken::Settled(Sent::Accepted)
        }
        Reading::Check(sense) => match words::not_started(&sense) {
            Some(reason) => Taken::Settled(Sent::NotStarted(reason)),
            None => uncertain(format!("the command ended with {}", words::spelled(&sense))),
        },
        Reading::Other { status } => uncertain(format!("the command ended with status {status:02X}h")),
        Reading::Lost => lost(answer),
    }
}

fn lost(answer: &ScsiAnswer) -> Taken {
    let text = match answer {
        // The kernel refuses these before it hands anything to the unit (block/scsi_ioctl.c, from memory).
        ScsiAnswer::NotCompleted { errno } if *errno == libc::EPERM || *errno == libc::ENOTTY => {
            return Taken::Settled(Sent::NotStarted(Reason::new(
                ReasonCode::FirmwareRefused,
                format!("the kernel does not pass the command on (errno {errno})"),
                "run as root (CAP_SYS_RAWIO), with a node that takes SCSI commands and is open for writing",
            )));
        }
        ScsiAnswer::NotCompleted { errno } => {
            format!("the kernel did not complete the command (errno {errno})")
        }
        ScsiAnswer::Transport { host, driver } => {
            format!("the way to the unit failed (host status {host:02X}h, driver status {driver:02X}h)")
        }
        ScsiAnswer::Answered { status, .. } => format!("the command ended with status {status:02X}h"),
    };
    Taken::Settled(Sent::Uncertain(text))
}
