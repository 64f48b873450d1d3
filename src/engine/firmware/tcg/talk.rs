//! A conversation with a TPer: sends a method call, waits for its answer, and writes down what went over the wire,
//! without the secrets.

use std::time::Duration;

use crate::command::tcg::carry::{Address, Route};
use crate::command::tcg::discovery::Discovery;
use crate::command::tcg::method::{self, LifeCycle, MethodStatus, Reply};
use crate::command::tcg::packet::{
    self, PROTOCOL_COM_ID, PROTOCOL_TCG, Received, SessionNumbers, StackReset, TRANSFER_BYTES,
};
use crate::command::tcg::token::Token;
use crate::device::security::{self, Delivery, DeliveryEnd, NoDiscovery};
use crate::engine::firmware::{Exchange, News, Stage, Watch};
use crate::io::Channel;
use crate::unit::digest::to_hex;

/// Name of the exchange that holds a discovery.
pub(in crate::engine::firmware) const DISCOVERY: &str = "tcg level 0 discovery";

/// How long a method of a session may be at work.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a revert may be at work: minutes on some drives.
pub(super) const REVERT_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Between two looks for an answer: short at first, since most come at once.
const FIRST_REST: Duration = Duration::from_millis(25);
const LONGEST_REST: Duration = Duration::from_secs(2);

/// Looks that may find nothing at all before an answer counts as lost.
const EMPTY_LOOKS: u32 = 5;

/// Which part of an exchange is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privacy {
    /// None.
    Open,
    /// What is sent holds a credential.
    Sent,
    /// What is received holds a credential.
    Received,
}

/// What came of a method call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The method ended.
    Ended {
        /// Its results.
        results: Vec<Token>,
        /// How.
        status: MethodStatus,
    },
    /// The TPer closed the session.
    Closed,
    /// No answer, or none that makes sense; the TPer has the call.
    Lost(String),
    /// Whether the TPer has the call is not known.
    Unsent(String),
    /// The drive did not take the call.
    Refused(String),
    /// Somebody wants to stop, and the TPer is still at work.
    Stopped,
}

/// A conversation.
pub(super) struct Talk<'a> {
    channel: &'a mut Channel,
    watch: &'a mut dyn Watch,
    route: Route,
    com_id: u16,
    exchanges: Vec<Exchange>,
}

impl<'a> Talk<'a> {
    /// A conversation that has not found its route and ComID yet.
    pub(super) fn new(channel: &'a mut Channel, watch: &'a mut dyn Watch) -> Self {
        let route = match channel {
            Channel::Nvme(_) => Route::Nvme,
            Channel::Scsi(_) => Route::Scsi,
        };
        Self { channel, watch, route, com_id: 0, exchanges: Vec::new() }
    }

    pub(super) fn watch(&mut self) -> &mut dyn Watch {
        &mut *self.watch
    }

    pub(super) fn into_exchanges(self) -> Vec<Exchange> {
        self.exchanges
    }

    /// Level 0 discovery; the route that works and the ComID are kept for what follows.
    pub(super) fn discover(&mut self) -> Result<Discovery, NoDiscovery> {
        let at = self.watch.now();
        let discovered = security::discover(self.channel);
        for (delivery, received) in &discovered.deliveries {
            self.note(DISCOVERY.to_owned(), delivery, None, received.as_deref().map(to_hex), at);
        }
        let (route, discovery) = discovered.result?;
        self.route = route;
        if let Some((_, com_id)) = discovery.class() {
            self.com_id = com_id;
        }
        Ok(discovery)
    }

    /// Calls a method and waits for its end.
    pub(super) fn call(
        &mut self,
        name: &str,
        session: SessionNumbers,
        tokens: Vec<Token>,
        privacy: Privacy,
        patience: Duration,
    ) -> Heard {
        let packet = packet::wrap(self.com_id, session, &tokens);
        for token in tokens {
            if let Token::Bytes(bytes) = token {
                overwrite(bytes);
            }
        }
        let Some(packet) = packet else {
            return Heard::Refused("the call does not fit a transfer".to_owned());
        };
        let at = self.watch.now();
        let address = Address { protocol: PROTOCOL_TCG, com_id: self.com_id };
        if patience > PATIENCE {
            let (text, quiet_seconds) = (format!("TCG: {name}"), Some(patience.as_secs()));
            self.watch.tell(&News { progress: None, text, quiet_seconds, stage: Stage::Asking });
        }
        let delivery = security::send(self.channel, self.route, address, &packet, patience);
        let sent = match privacy {
            Privacy::Sent => "left out: it holds a credential".to_owned(),
            Privacy::Open | Privacy::Received => to_hex(&packet),
        };
        overwrite(packet);
        self.note(format!("tcg {name}"), &delivery, Some(sent), None, at);
        match delivery.end {
            DeliveryEnd::Done { .. } => self.listen(name, privacy, patience),
            DeliveryEnd::Refused(_) => Heard::Refused(format!("{}: {}", delivery.name, delivery.answer)),
            DeliveryEnd::Lost => Heard::Unsent(format!("{}: {}", delivery.name, delivery.answer)),
        }
    }

    fn listen(&mut self, name: &str, privacy: Privacy, patience: Duration) -> Heard {
        let from = self.watch.now();
        let mut rest = FIRST_REST;
        let mut empty = 0;
        loop {
            match self.look(name, privacy) {
                Err(lost) => return Heard::Lost(lost),
                Ok(Received::Message { tokens, .. }) => {
                    return match method::reply(&tokens) {
                        Reply::Ended { results, status } => Heard::Ended { results, status },
                        Reply::SessionClosed => Heard::Closed,
                        Reply::Senseless => Heard::Lost(format!("the answer to {name} makes no sense")),
                    };
                }
                Ok(Received::Nothing) => empty += 1,
                Ok(Received::Pending) => empty = 0,
            }
            if empty >= EMPTY_LOOKS {
                return Heard::Lost(format!("no answer to {name} came"));
            }
            let waited = self.watch.now().saturating_sub(from);
            if waited >= patience {
                return Heard::Lost(format!("no answer to {name} came in {} seconds", waited.as_secs()));
            }
            if self.watch.should_stop() {
                return Heard::Stopped;
            }
            let text = format!("TCG: {name}");
            self.watch.tell(&News { progress: None, text, quiet_seconds: None, stage: Stage::Asking });
            self.watch.rest(rest);
            rest = (rest * 2).min(LONGEST_REST);
        }
    }

    /// One look for an answer.
    fn look(&mut self, name: &str, privacy: Privacy) -> Result<Received, String> {
        let at = self.watch.now();
        let address = Address { protocol: PROTOCOL_TCG, com_id: self.com_id };
        let mut buffer = vec![0; TRANSFER_BYTES];
        let delivery = security::receive(self.channel, self.route, address, &mut buffer);
        let done = matches!(delivery.end, DeliveryEnd::Done { .. });
        let received = match privacy {
            Privacy::Received => "left out: it holds a credential".to_owned(),
            Privacy::Open | Privacy::Sent => to_hex(filled(&buffer)),
        };
        let read = packet::read(self.com_id, &buffer);
        overwrite(buffer);
        self.note(format!("tcg answer to {name}"), &delivery, None, done.then_some(received), at);
        if !done {
            return Err(format!("{}: {}", delivery.name, delivery.answer));
        }
        read.map_err(|bad| format!("the answer to {name} cannot be read: {bad}"))
    }

    /// Ends every session of the ComID and forgets its answers; whether the TPer says that it is done.
    pub(super) fn reset_stack(&mut self) -> StackReset {
        let at = self.watch.now();
        let address = Address { protocol: PROTOCOL_COM_ID, com_id: self.com_id };
        let request = packet::stack_reset(self.com_id);
        let delivery = security::send(self.channel, self.route, address, &request, PATIENCE);
        self.note("tcg stack reset".to_owned(), &delivery, Some(to_hex(filled(&request))), None, at);
        if !matches!(delivery.end, DeliveryEnd::Done { .. }) {
            return StackReset::Failed;
        }
        for _ in 0..EMPTY_LOOKS {
            let at = self.watch.now();
            let mut buffer = vec![0; 512];
            let delivery = security::receive(self.channel, self.route, address, &mut buffer);
            let received = Some(to_hex(filled(&buffer)));
            self.note("tcg answer to stack reset".to_owned(), &delivery, None, received, at);
            match packet::stack_reset_answer(self.com_id, &buffer) {
                StackReset::Pending => self.watch.rest(FIRST_REST * 4),
                end @ (StackReset::Done | StackReset::Failed) => return end,
            }
        }
        StackReset::Pending
    }

    /// Get of one column.
    pub(super) fn get(
        &mut self,
        name: &str,
        session: SessionNumbers,
        cell: (method::Uid, u64),
        privacy: Privacy,
    ) -> Option<Token> {
        let (row, column) = cell;
        match self.call(name, session, method::get(row, column), privacy, PATIENCE) {
            Heard::Ended { results, status: MethodStatus::SUCCESS } => {
                method::column(&results, column).cloned()
            }
            Heard::Ended { .. }
            | Heard::Closed
            | Heard::Lost(_)
            | Heard::Unsent(_)
            | Heard::Refused(_)
            | Heard::Stopped => None,
        }
    }

    /// The life cycle of the Locking SP, where anybody may read it.
    pub(super) fn life_cycle(&mut self, session: SessionNumbers) -> Option<LifeCycle> {
        let cell = (method::LOCKING_SP, method::COLUMN_LIFE_CYCLE);
        let value = self.get("life cycle of the Locking SP", session, cell, Privacy::Open)?;
        if let Token::Unsigned(value) = value { Some(LifeCycle::of(value)) } else { None }
    }

    /// The drive's default credential.
    pub(super) fn msid(&mut self, session: SessionNumbers) -> Option<Vec<u8>> {
        let cell = (method::C_PIN_MSID, method::COLUMN_PIN);
        let value = self.get("default credential", session, cell, Privacy::Received)?;
        if let Token::Bytes(bytes) = value { Some(bytes) } else { None }
    }

    /// Ends a session; what comes back changes nothing.
    pub(super) fn end_session(&mut self, session: SessionNumbers) {
        let _heard = self.call("end of session", session, vec![Token::EndOfSession], Privacy::Open, PATIENCE);
    }

    /// Starts a session with this call.
    pub(super) fn start(&mut self, name: &str, tokens: Vec<Token>, privacy: Privacy) -> Heard {
        self.call(name, SessionNumbers::default(), tokens, privacy, PATIENCE)
    }

    /// Tells what the host can do. An answer changes nothing: the smallest transfer that every TPer takes is used.
    pub(super) fn properties(&mut self) {
        let _heard = self.start("properties", method::properties(), Privacy::Open);
    }

    fn note(
        &mut self,
        name: String,
        delivery: &Delivery,
        sent: Option<String>,
        received: Option<String>,
        at: Duration,
    ) {
        let exchange = Exchange {
            name,
            command: to_hex(&delivery.command),
            sent,
            answer: delivery.answer.clone(),
            received,
            at_millis: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            times: 1,
        };
        match self.exchanges.last_mut() {
            Some(last) if is_same(last, &exchange) => last.times = last.times.saturating_add(1),
            Some(_) | None => self.exchanges.push(exchange),
        }
    }
}

fn is_same(one: &Exchange, other: &Exchange) -> bool {
    one.name == other.name
        && one.command == other.command
        && one.sent == other.sent
        && one.answer == other.answer
        && one.received == other.received
}

/// The bytes without the zeros at their end, but at least a ComPacket's header.
fn filled(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end.max(20).min(bytes.len())]
}

/// Leaves nothing of a buffer that held a credential.
pub(super) fn overwrite(mut bytes: Vec<u8>) {
    bytes.fill(0);
    std::hint::black_box(&bytes);
}
