//! Sends command blocks and writes down what was said.
use std::time::Duration;

use crate::command::scsi::ask::{SenseFormat, request_sense};
use crate::command::scsi::{Sense, sense};
use crate::engine::firmware::{Exchange, Watch};
use crate::io::{Data, ScsiAnswer, ScsiPort};
use crate::unit::digest::{from_hex, to_hex};

/// How long a command that only asks may take.
pub(super) const ASK: Duration = Duration::from_secs(60);

/// A port with a memory.
pub(super) struct Talk<'a> {
    pub port: &'a mut dyn ScsiPort,
    pub watch: &'a mut dyn Watch,
    pub exchanges: Vec<Exchange>,
}

/// What a REQUEST SENSE brought.
#[derive(Clone, Copy, Debug)]
pub(super) enum Polled {
    /// Sense that says how the unit is now.
    Now(Sense),
    /// Sense of an earlier command: it does not say how the unit is.
    Earlier(Sense),
    /// Nothing that can be read, and why.
    Nothing(Trouble),
}

/// Why a poll brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The node is gone (`ENODEV`, `ENXIO`).
    Gone,
    /// The way to the unit failed, or the answer cannot be read.
    Way,
}

impl<'a> Talk<'a> {
    pub(super) fn new(port: &'a mut dyn ScsiPort, watch: &'a mut dyn Watch) -> Self {
        Self { port, watch, exchanges: Vec::new() }
    }

    /// A command without data.
    pub(super) fn plain(&mut self, name: &str, block: &[u8], timeout: Duration) -> ScsiAnswer {
        let at = self.watch.now();
        let answer = self.port.execute(block, Data::None, timeout);
        self.keep(name, block, &answer, None, None, at);
        answer
    }

    /// A command with data for the unit.
    pub(super) fn give(&mut self, name: &str, block: &[u8], bytes: &[u8], timeout: Duration) -> ScsiAnswer {
        let at = self.watch.now();
        let answer = self.port.execute(block, Data::ToDrive(bytes), timeout);
        self.keep(name, block, &answer, Some(to_hex(bytes)), None, at);
        answer
    }

    /// A command with data from the unit, of which as much is given as came.
    pub(super) fn take(&mut self, name: &str, block: &[u8], room: usize) -> (ScsiAnswer, Vec<u8>) {
        let at = self.watch.now();
        let mut buffer = vec![0; room];
        let answer = self.port.execute(block, Data::FromDrive(&mut buffer), ASK);
        let moved = match &answer {
            ScsiAnswer::Answered { moved, .. } => usize::try_from(*moved).unwrap_or(room),
            ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => 0,
        };
        buffer.truncate(moved);
        let received = (!buffer.is_empty()).then(|| to_hex(&buffer));
        self.keep(name, block, &answer, None, received, at);
        (answer, buffer)
    }

    /// REQUEST SENSE. That it ended well says nothing of the unit; what it brought does.
    pub(super) fn poll(&mut self) -> Polled {
        let (answer, bytes) = self.take("request sense", &request_sense(SenseFormat::Fixed, 252), 252);
        match answer {
            ScsiAnswer::NotCompleted { errno } if errno == libc::ENODEV || errno == libc::ENXIO => {
                Polled::Nothing(Trouble::Gone)
            }
            ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => Polled::Nothing(Trouble::Way),
            ScsiAnswer::Answered { status: 0, .. } => polled(&bytes),
            // Some translation layers answer the question itself with what was asked for.
            ScsiAnswer::Answered { status: 2, sense, .. } => match polled(&sense) {
                Polled::Now(sense) if tells_a_state(&sense) => Polled::Now(sense),
                Polled::Earlier(sense) => Polled::Earlier(sense),
                Polled::Now(_) | Polled::Nothing(_) => Polled::Nothing(Trouble::Way),
            },
            ScsiAnswer::Answered { .. } => Polled::Nothing(Trouble::Way),
        }
    }

    fn keep(
        &mut self,
        name: &str,
        block: &[u8],
        answer: &ScsiAnswer,
        sent: Option<String>,
        received: Option<String>,
        at: Duration,
    ) {
        let new = Exchange {
            name: name.to_owned(),
            command: to_hex(block),
            sent,
            answer: line(answer),
            received,
            at_millis: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            times: 1,
        };
        push(&mut self.exchanges, new);
    }
}

fn polled(bytes: &[u8]) -> Polled {
    match Sense::decode(bytes) {
        Ok(sense) if sense.is_current() => Polled::Now(sense),
        Ok(sense) => Polled::Earlier(sense),
        Err(_) => Polled::Nothing(Trouble::Way),
    }
}

/// Whether sense that ended a REQUEST SENSE can be about the unit and not about that command.
fn tells_a_state(found: &Sense) -> bool {
    matches!(found.key, sense::NOT_READY | sense::UNIT_ATTENTION) || found.is(0x31, 0x03)
}

/// An answer in one line.
fn line(answer: &ScsiAnswer) -> String {
    match answer {
        ScsiAnswer::Answered { status, sense, .. } if sense.is_empty() => format!("status {status:02x}"),
        ScsiAnswer::Answered { status, sense, .. } => {
            format!("status {status:02x} sense {}", to_hex(sense))
        }
        ScsiAnswer::Transport { host, driver } => format!("transport host {host:04x} driver {driver:04x}"),
        ScsiAnswer::NotCompleted { errno } => format!("not completed errno {errno}"),
    }
}

/// Adds an exchange. A command that is repeated for hours leaves its first answer and its last: what lies between
/// them and differs from the last in its progress alone is counted and not kept.
fn push(exchanges: &mut Vec<Exchange>, new: Exchange) {
    let same = |old: &Exchange| {
        old.name == new.name && old.command == new.command && old.sent == new.sent && gist(old) == gist(&new)
    };
    let identical = |old: &Exchange| same(old) && old.answer == new.answer && old.received == new.received;
    if let [.., last] = exchanges.as_mut_slice()
        && identical(last)
    {
        last.times = last.times.saturating_add(1);
        return;
    }
    if let [.., first, last] = exchanges.as_mut_slice()
        && same(first)
        && same(last)
    {
        *last = Exchange { times: last.times.saturating_add(1), ..new };
        return;
    }
    exchanges.push(new);
}

/// What two answers have in common that differ in their progress alone: the unit's state.
#[derive(PartialEq, Eq)]
struct Gist {
    status: String,
    key: Option<u8>,
    code: Option<(u8, u8)>,
}

fn gist(exchange: &Exchange) -> Gist {
    let mut words = exchange.answer.split(" sense ");
    let status = words.next().unwrap_or_default().to_owned();
    // Sense asked for comes as data, any other with the status.
    let digits = exchange.received.as_deref().or(words.next());
    let sense = digits.and_then(from_hex).and_then(|bytes| Sense::decode(&bytes).ok());
    Gist { status, key: sense.map(|sense| sense.key), code: sense.and_then(|sense| sense.code) }
}
