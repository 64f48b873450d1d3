//! State of the simulated TPer, and what it does with what it hears.

use super::speech::{self, Item};
use super::{Activation, SecurityRefusal, SidBlock, SimClass, TperQuirk, TperSpec};
use crate::sim::controller::keys::{Lock, MediaKeys};

const NOT_AUTHORIZED: u8 = 0x01;
const INVALID_PARAMETER: u8 = 0x0C;
const LOCKED_OUT: u8 = 0x12;

/// Who a session belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anybody,
    Sid,
    Psid,
}

#[derive(Debug)]
struct Session {
    tper: u32,
    host: u32,
    who: Who,
}

/// What a receive gets next.
#[derive(Debug)]
enum Waiting {
    Nothing,
    Answer(Vec<u8>),
    /// Work that so many receives find unfinished, then the answer.
    AtWork(u32, Vec<u8>),
}

#[derive(Debug)]
pub(super) struct Tper {
    spec: TperSpec,
    keys: MediaKeys,
    session: Option<Session>,
    next_session: u32,
    waiting: Waiting,
    reset_answer: Option<Vec<u8>>,
    wrong_psid: u32,
    wrong_sid: u32,
    stale: bool,
    removing: u32,
    pub(super) keys_destroyed: u32,
    pub(super) credentials_tried: u32,
    pub(super) stack_resets: u32,
    pub(super) reverts: u32,
}

impl Tper {
    pub(super) fn new(spec: TperSpec, keys: MediaKeys) -> Self {
        let stale = spec.quirks.iter().any(|quirk| matches!(quirk, TperQuirk::StaleSession { .. }));
        let mut tper = Self {
            spec,
            keys,
            session: None,
            next_session: 0x1000,
            waiting: Waiting::Nothing,
            reset_answer: None,
            wrong_psid: 0,
            wrong_sid: 0,
            stale,
            removing: 0,
            keys_destroyed: 0,
            credentials_tried: 0,
            stack_resets: 0,
            reverts: 0,
        };
        tper.lock_if_active();
        tper
    }

    fn has(&self, quirk: TperQuirk) -> bool {
        self.spec.quirks.contains(&quirk)
    }

    fn lock_if_active(&mut self) {
        let active = self.spec.activation == Activation::Active;
        self.keys.set_lock(if active { Lock::Locked } else { Lock::Open });
    }

    pub(super) fn power_cycle(&mut self) {
        self.session = None;
        self.waiting = Waiting::Nothing;
        self.reset_answer = None;
        (self.wrong_psid, self.wrong_sid) = (0, 0);
        self.stale = false;
        self.spec.sid_block = SidBlock::Free;
        self.lock_if_active();
    }

    pub(super) fn receive(
        &mut self,
        protocol: u8,
        com_id: u16,
        buffer: &mut [u8],
    ) -> Result<usize, SecurityRefusal> {
        let answer = match (protocol, com_id) {
            (1, 1) => self.discovery(),
            (1, id) if id == self.spec.com_id => match std::mem::replace(&mut self.waiting, Waiting::Nothing)
            {
                Waiting::Nothing => vec![0; 20],
                Waiting::Answer(answer) | Waiting::AtWork(0, answer) => answer,
                Waiting::AtWork(polls, answer) => {
                    self.waiting = Waiting::AtWork(polls - 1, answer);
                    speech::not_yet(com_id)
                }
            },
            (2, id) if id == self.spec.com_id => self.reset_answer.take().unwrap_or_else(|| vec![0; 16]),
            _ => return Err(SecurityRefusal::InvalidField),
        };
        let bytes = answer.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&answer[..bytes]);
        Ok(bytes)
    }

    pub(super) fn send(&mut self, protocol: u8, com_id: u16, data: &[u8]) -> Result<(), SecurityRefusal> {
        if com_id != self.spec.com_id {
            return Err(SecurityRefusal::InvalidField);
        }
        match protocol {
            1 => {
                if !matches!(self.waiting, Waiting::Nothing) {
                    return Err(SecurityRefusal::Sequence);
                }
                let (tper, host, items) = speech::hear(data).ok_or(SecurityRefusal::InvalidField)?;
                self.waiting = self.method(tper, host, &items);
                Ok(())
            }
            2 => {
                self.stack_resets += 1;
                self.session = None;
                self.waiting = Waiting::Nothing;
                self.stale = false;
                let [high, low] = com_id.to_be_bytes();
                self.reset_answer = Some(vec![high, low, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0]);
                Ok(())
            }
            _ => Err(SecurityRefusal::InvalidField),
        }
    }

    fn discovery(&mut self) -> Vec<u8> {
        if self.has(TperQuirk::EmptyDiscovery) {
            return vec![0; 48];
        }
        let active = self.spec.activation == Activation::Active;
        let locked = active && self.keys.lock() == Lock::Locked;
        let encrypts = self.spec.class != SimClass::Pyrite2;
        let bit = |on: bool, place: u8| if on { 1 << place } else { 0 };
        let locking = 1 | bit(active, 1) | bit(locked, 2) | bit(encrypts, 3);
        let sid = bit(self.spec.sid != self.spec.msid, 0) | bit(self.spec.sid_block == SidBlock::Blocked, 1);
        let [high, low] = self.spec.com_id.to_be_bytes();
        let class: [u8; 2] = match self.spec.class {
            SimClass::Opal2 => [2, 3],
            SimClass::Pyrite2 => [3, 3],
            SimClass::Enterprise => [1, 0],
        };
        let mut out = vec![0; 48];
        out[5] = 1;
        let mut feature = |code: [u8; 2], data: [u8; 12]| {
            out.extend(code);
            out.extend([0x10, 12]);
            out.extend(data);
        };
        feature([0, 1], [0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        feature([0, 2], [locking, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        feature(class, [high, low, 0, 1, 0, 0, 4, 0, 8, 0, 0, 0]);
        feature([4, 2], [sid, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        if self.removing > 0 {
            self.removing -= 1;
            feature([4, 4], [0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        out[3] = u8::try_from(out.len() - 4).unwrap_or(u8::MAX);
        if self.has(TperQuirk::LongDiscovery) {
            out[0] = 0x7F;
        }
        out
    }

    fn method(&mut self, tper: u32, host: u32, items: &[Item]) -> Waiting {
        if items == [Item::Mark(0xFA)] {
            self.session = None;
            return self.answer(tper, host, &[0xFA]);
        }
        let [Item::Mark(0xF8), Item::Text(object), Item::Text(method), Item::Mark(0xF0), parameters @ ..] =
            items
        else {
            return Waiting::Nothing;
        };
        match (&object[..], &method[..]) {
            ([0, 0, 0, 0, 0, 0, 0, 0xFF], [0, 0, 0, 0, 0, 0, 0xFF, 1]) => {
                let results = [
                    0xF8, 0xA8, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xA8, 0, 0, 0, 0, 0, 0, 0xFF, 1, 0xF0, 0xF0, 0xF1,
                    0xF1,
                ];
                self.answer(0, 0, &speech::ended(&results, 0))
            }
            ([0, 0, 0, 0, 0, 0, 0, 0xFF], [0, 0, 0, 0, 0, 0, 0xFF, 2]) => self.start_session(parameters),
            _ => self.in_session(tper, host, object, method, parameters),
        }
    }

    fn answer(&self, tper: u32, host: u32, stream: &[u8]) -> Waiting {
        Waiting::Answer(speech::say(self.spec.com_id, tper, host, stream))
    }

    fn start_session(&mut self, parameters: &[Item]) -> Waiting {
        let [Item::Number(host), Item::Text(sp), Item::Number(1), rest @ ..] = parameters else {
            return self.answer(0, 0, &speech::sync(0, 0, INVALID_PARAMETER));
        };
        let host = u32::try_from(*host).unwrap_or(0);
        if sp[..] != [0, 0, 2, 5, 0, 0, 0, 1] {
            return self.answer(0, 0, &speech::sync(host, 0, INVALID_PARAMETER));
        }
        if let Some(status) = self.busy() {
            return self.answer(0, 0, &speech::sync(host, 0, status));
        }
        let (challenge, who) = match rest {
            [Item::Mark(0xF1), ..] => (None, Who::Anybody),
            [
                Item::Mark(0xF2),
                Item::Number(0),
                Item::Text(challenge),
                Item::Mark(0xF3),
                Item::Mark(0xF2),
                Item::Number(3),
                Item::Text(authority),
                Item::Mark(0xF3),
                Item::Mark(0xF1),
                ..,
            ] => match authority[..] {
                [0, 0, 0, 9, 0, 0, 0, 6] => (Some(challenge), Who::Sid),
                [0, 0, 0, 9, 0, 1, 0xFF, 1] => (Some(challenge), Who::Psid),
                _ => return self.answer(0, 0, &speech::sync(host, 0, INVALID_PARAMETER)),
            },
            _ => return self.answer(0, 0, &speech::sync(host, 0, INVALID_PARAMETER)),
        };
        if let Some(status) = challenge.and_then(|challenge| self.refuse(who, challenge)) {
            return self.answer(0, 0, &speech::sync(host, 0, status));
        }
        self.next_session += 1;
        self.session = Some(Session { tper: self.next_session, host, who });
        if who != Who::Anybody && self.has(TperQuirk::LosesSessionAnswer) {
            return Waiting::Nothing;
        }
        self.answer(0, 0, &speech::sync(host, self.next_session, 0))
    }

    fn busy(&self) -> Option<u8> {
        if self.session.is_some() || self.has(TperQuirk::BusyForever) {
            return Some(3);
        }
        self.spec.quirks.iter().filter(|_| self.stale).find_map(|quirk| {
            if let TperQuirk::StaleSession { status } = quirk { Some(*status) } else { None }
        })
    }

    fn refuse(&mut self, who: Who, challenge: &[u8]) -> Option<u8> {
        self.credentials_tried += 1;
        let (right, wrong) = match who {
            Who::Anybody => return None,
            Who::Psid => (&self.spec.psid, &mut self.wrong_psid),
            Who::Sid if self.spec.sid_block == SidBlock::Blocked => return Some(NOT_AUTHORIZED),
            Who::Sid => (&self.spec.sid, &mut self.wrong_sid),
        };
        if *wrong >= self.spec.tries {
            return Some(LOCKED_OUT);
        }
        if challenge == &right[..] {
            *wrong = 0;
            return None;
        }
        *wrong += 1;
        Some(NOT_AUTHORIZED)
    }

    fn in_session(
        &mut self,
        tper: u32,
        host: u32,
        object: &[u8],
        method: &[u8],
        parameters: &[Item],
    ) -> Waiting {
        let Some(session) =
            self.session.as_ref().filter(|session| session.tper == tper && session.host == host)
        else {
            return Waiting::Nothing;
        };
        let who = session.who;
        match (object, method) {
            ([0, 0, 2, 5, 0, 0, 0, 1], [0, 0, 0, 6, 0, 0, 2, 2]) => {
                if who == Who::Anybody || self.spec.class == SimClass::Enterprise {
                    return self.answer(tper, host, &speech::ended(&[], NOT_AUTHORIZED));
                }
                self.revert(tper, host)
            }
            (_, [0, 0, 0, 6, 0, 0, 0, 0x16]) => {
                let [Item::Mark(0xF0), Item::Mark(0xF2), Item::Number(3), Item::Number(column), ..] =
                    parameters
                else {
                    return self.answer(tper, host, &speech::ended(&[], INVALID_PARAMETER));
                };
                let stream = match (object, column) {
                    ([0, 0, 0, 0x0B, 0, 0, 0x84, 2], 3) => speech::cell(3, &speech::text(&self.spec.msid)),
                    ([0, 0, 2, 5, 0, 0, 0, 2], 6) => {
                        let state = if self.spec.activation == Activation::Active { 9 } else { 8 };
                        speech::cell(6, &[state])
                    }
                    _ => speech::ended(&[], NOT_AUTHORIZED),
                };
                self.answer(tper, host, &stream)
            }
            _ => self.answer(tper, host, &speech::ended(&[], INVALID_PARAMETER)),
        }
    }

    fn revert(&mut self, tper: u32, host: u32) -> Waiting {
        self.reverts += 1;
        let failure = self.spec.quirks.iter().find_map(|quirk| {
            if let TperQuirk::RevertFails { status } = quirk { Some(*status) } else { None }
        });
        if let Some(status) = failure {
            return self.answer(tper, host, &speech::ended(&[], status));
        }
        self.session = None;
        if self.has(TperQuirk::RevertDies) {
            return Waiting::Nothing;
        }
        if !self.has(TperQuirk::RevertDoesNothing) {
            self.back_to_the_factory();
        }
        if self.has(TperQuirk::LosesRevertAnswer) {
            return Waiting::Nothing;
        }
        let closes = self.has(TperQuirk::RevertClosesSession);
        let stream = if closes { vec![0xFA] } else { speech::ended(&[], 0) };
        let answer = speech::say(self.spec.com_id, tper, host, &stream);
        let polls =
            self.spec.quirks.iter().find_map(|quirk| {
                if let TperQuirk::RevertTakes { polls } = quirk { Some(*polls) } else { None }
            });
        Waiting::AtWork(polls.unwrap_or(0), answer)
    }

    fn back_to_the_factory(&mut self) {
        let inactive = self.spec.activation == Activation::Inactive;
        let keeps = (inactive && self.has(TperQuirk::KeepsKeysWhenInactive))
            || self.has(TperQuirk::RevertKeepsKeys)
            || self.spec.class == SimClass::Pyrite2;
        if !keeps {
            self.keys.destroy();
            self.keys_destroyed += 1;
        }
        self.removing = self.spec.quirks.iter().find_map(removal).unwrap_or(0);
        self.spec.activation = Activation::Inactive;
        self.keys.set_lock(Lock::Open);
        self.spec.sid = if self.has(TperQuirk::SidUnknownAfterRevert) {
            b"made at random".to_vec()
        } else {
            self.spec.msid.clone()
        };
    }
}

fn removal(quirk: &TperQuirk) -> Option<u32> {
    if let TperQuirk::RemovesData { discoveries } = quirk { Some(*discoveries) } else { None }
}
