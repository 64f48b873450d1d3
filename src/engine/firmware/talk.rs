//! Talks ATA over a SCSI port and keeps the minutes: every command with what came back, runs of the same answer as
//! one exchange.

use std::time::Duration;

use super::{Exchange, Watch};
use crate::command::ata::identify::{IDENTIFY_DEVICE, Identify};
use crate::command::ata::results::{self, Abridged};
use crate::command::ata::sanitize::Status;
use crate::command::ata::sat::{self, AtaCommand, Registers, Reply, SECTOR_BYTES};
use crate::io::{Data, ScsiAnswer, ScsiPort};
use crate::unit::digest::{from_hex, to_hex};

/// Name of the exchange that IDENTIFY DEVICE makes.
pub(super) const IDENTIFY_NAME: &str = "IDENTIFY DEVICE";

/// Name of the exchange that asks the translation layer for the registers that an answer left out.
const RESULTS_NAME: &str = "LOG SENSE, page 16h, ATA PASS-THROUGH results";

/// Wait for a command that a healthy drive answers at once.
pub(super) const SHORT: Duration = Duration::from_secs(30);

/// UNIT ATTENTION: the command was not carried out, and the next one will be.
const UNIT_ATTENTION: u8 = 6;
/// How often a unit attention is answered by asking again: a reset can bring several.
pub(super) const ATTENTIONS: u32 = 4;

/// Talks over one port.
pub(super) struct Talk<'a> {
    port: &'a mut dyn ScsiPort,
    /// The minutes, in order.
    pub(super) exchanges: Vec<Exchange>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(port: &'a mut dyn ScsiPort) -> Self {
        Self { port, exchanges: Vec::new() }
    }

    /// A command without data. A unit attention is asked over.
    pub(super) fn ask(
        &mut self,
        watch: &mut dyn Watch,
        name: &str,
        command: &AtaCommand,
        timeout: Duration,
    ) -> Reply {
        self.over_attentions(|talk| talk.ask_once(watch, name, command, timeout))
    }

    /// A command that sends one sector. A unit attention is asked over.
    pub(super) fn send(
        &mut self,
        watch: &mut dyn Watch,
        name: &str,
        command: &AtaCommand,
        sector: &[u8; SECTOR_BYTES],
        timeout: Duration,
    ) -> Reply {
        self.over_attentions(|talk| talk.send_once(watch, name, command, sector, timeout))
    }

    /// The same once: for the second of two commands that must follow each other. Both are given again after a unit
    /// attention, by whoever gives them.
    pub(super) fn send_once(
        &mut self,
        watch: &mut dyn Watch,
        name: &str,
        command: &AtaCommand,
        sector: &[u8; SECTOR_BYTES],
        timeout: Duration,
    ) -> Reply {
        let at = watch.now();
        let answer = self.port.execute(&command.block(), Data::ToDrive(sector), timeout);
        self.note(at, name, command, Some(to_hex(sector)), &answer, None);
        sat::reply(&answer)
    }

    /// A command without data, once.
    pub(super) fn ask_once(
        &mut self,
        watch: &mut dyn Watch,
        name: &str,
        command: &AtaCommand,
        timeout: Duration,
    ) -> Reply {
        let at = watch.now();
        let answer = self.port.execute(&command.block(), Data::None, timeout);
        self.note(at, name, command, None, &answer, None);
        sat::reply(&answer)
    }

    /// A command that reads one sector, and the sector when it came. A unit attention is asked over.
    pub(super) fn read(
        &mut self,
        watch: &mut dyn Watch,
        name: &str,
        command: &AtaCommand,
    ) -> (Reply, Option<[u8; SECTOR_BYTES]>) {
        let mut sector = [0; SECTOR_BYTES];
        let reply = self.over_attentions(|talk| {
            let at = watch.now();
            let answer = talk.port.execute(&command.block(), Data::FromDrive(&mut sector), SHORT);
            let reply = sat::reply(&answer);
            let received = matches!(reply, Reply::Done { .. }).then(|| to_hex(&sector));
            talk.note(at, name, command, None, &answer, received);
            reply
        });
        (reply, matches!(reply, Reply::Done { .. }).then_some(sector))
    }

    /// The whole registers of the command that was asked last, where its answer left some out and the translation layer
    /// keeps them in its log.
    pub(super) fn whole_registers(&mut self, watch: &mut dyn Watch) -> Option<Registers> {
        let abridged = Abridged::of(&answer_of(self.exchanges.last()?)?)?;
        let (at, block) = (watch.now(), abridged.question());
        let mut page = vec![0; usize::from(results::ROOM)];
        let answer = self.port.execute(&block, Data::FromDrive(&mut page), SHORT);
        let moved = match &answer {
            ScsiAnswer::Answered { status: 0, moved, .. } => usize::try_from(*moved).unwrap_or(0),
            ScsiAnswer::Answered { .. } | ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => 0,
        };
        page.truncate(moved);
        let received = (!page.is_empty()).then(|| to_hex(&page));
        self.keep(Exchange {
            name: RESULTS_NAME.into(),
            command: to_hex(&block),
            sent: None,
            answer: line(&answer),
            received,
            at_millis: millis(at),
            times: 1,
        });
        abridged.whole(&page)
    }

    /// IDENTIFY DEVICE, when it came and is one.
    pub(super) fn identify(&mut self, watch: &mut dyn Watch) -> Option<Identify> {
        let (_reply, sector) = self.read(watch, IDENTIFY_NAME, &IDENTIFY_DEVICE);
        Identify::decode(&sector?).ok()
    }

    fn over_attentions(&mut self, mut once: impl FnMut(&mut Self) -> Reply) -> Reply {
        let mut reply = once(self);
        for _again in 0..ATTENTIONS {
            if !is_attention(reply) {
                break;
            }
            reply = once(self);
        }
        reply
    }

    fn note(
        &mut self,
        at: Duration,
        name: &str,
        command: &AtaCommand,
        sent: Option<String>,
        answer: &ScsiAnswer,
        received: Option<String>,
    ) {
        let exchange = Exchange {
            name: name.into(),
            command: to_hex(&command.block()),
            sent,
            answer: line(answer),
            received,
            at_millis: millis(at),
            times: 1,
        };
        self.keep(exchange);
    }

    fn keep(&mut self, exchange: Exchange) {
        match self.exchanges.last_mut() {
            Some(last) if is_same(last, &exchange) => last.times += 1,
            Some(_) | None => self.exchanges.push(exchange),
        }
    }

    /// Makes one of the last two exchanges when both bear this name: the later answer stays, with their number.
    pub(super) fn fold(&mut self, name: &str) {
        if let [.., before, last] = self.exchanges.as_slice()
            && before.name == name
            && last.name == name
        {
            let times = before.times + last.times;
            let last = self.exchanges.pop();
            if let (Some(place), Some(last)) = (self.exchanges.last_mut(), last) {
                *place = Exchange { times, at_millis: place.at_millis, ..last };
            }
        }
    }
}

/// Whether a unit attention kept a command from being carried out.
pub(super) fn is_attention(reply: Reply) -> bool {
    matches!(reply, Reply::Sense(codes) if codes.key == UNIT_ATTENTION)
}

fn is_same(one: &Exchange, other: &Exchange) -> bool {
    one.name == other.name
        && one.command == other.command
        && one.sent == other.sent
        && one.answer == other.answer
        && one.received == other.received
}

fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

/// An answer in one line.
fn line(answer: &ScsiAnswer) -> String {
    match answer {
        ScsiAnswer::Answered { status, sense, .. } if sense.is_empty() => format!("status {status:02x}"),
        ScsiAnswer::Answered { status, sense, .. } => format!("status {status:02x} sense {}", to_hex(sense)),
        ScsiAnswer::Transport { host, driver } => format!("transport host {host:04x} driver {driver:04x}"),
        ScsiAnswer::NotCompleted { errno } => format!("not completed, errno {errno}"),
    }
}

/// What an exchange that was kept says; a line that tells no answer of the drive is one that was lost.
pub(super) fn reply_of(exchange: &Exchange) -> Reply {
    answer_of(exchange).map_or(Reply::Lost, |answer| sat::reply(&answer))
}

fn answer_of(exchange: &Exchange) -> Option<ScsiAnswer> {
    let mut words = exchange.answer.split(' ');
    let status = (words.next() == Some("status")).then(|| words.next()).flatten();
    let status = status.and_then(|word| u8::from_str_radix(word, 16).ok())?;
    let sense = (words.next() == Some("sense")).then(|| words.next()).flatten();
    let sense = sense.and_then(from_hex).unwrap_or_default();
    Some(ScsiAnswer::Answered { status, sense, moved: 0 })
}

/// The status that the exchange in a place holds; where its registers came without their upper parts, with those that
/// the translation layer's log told in the next exchange.
pub(super) fn status_at(exchanges: &[Exchange], place: usize) -> Status {
    let Some(asked) = exchanges.get(place) else { return Status::NotRead };
    let whole = || {
        let next = exchanges.get(place + 1)?;
        let abridged = Abridged::of(&answer_of(asked)?)?;
        let told = next.command == to_hex(&abridged.question()) && next.answer == "status 00";
        abridged.whole(&from_hex(next.received.as_deref().filter(|_| told)?)?)
    };
    match Status::decode(reply_of(asked)) {
        Status::NotRunning => whole().map_or(Status::NotRunning, Status::of_success),
        status => status,
    }
}

/// The page that an exchange that was kept received.
pub(super) fn identify_of(exchanges: &[Exchange]) -> Option<Identify> {
    let found = exchanges.iter().rfind(|exchange| exchange.name == IDENTIFY_NAME)?;
    Identify::decode(&from_hex(found.received.as_deref()?)?).ok()
}
