//! Takes the password away that Expunge left on a drive when it was interrupted.

use serde::{Deserialize, Serialize};

use super::super::talk::{SHORT, Talk};
use super::super::{Exchange, Watch};
use super::{expired, frozen, not_answering};
use crate::command::ata::sat::Reply;
use crate::command::ata::security;
use crate::io::ScsiPort;
use crate::unit::{Reason, ReasonCode};

/// What came of an attempt to take the password away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Recovered {
    /// The drive had our password and has none now. Its data are as they were left.
    Unlocked,
    /// The drive is open and keeps our password, because an erase with it is to follow.
    Opened,
    /// It had none.
    NotNeeded,
    /// It still has one, or its state is not known.
    Not {
        /// Why.
        reason: Reason,
    },
}

/// What came of an attempt to take the password away, with the minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RecoverReport {
    /// How it ended.
    pub recovered: Recovered,
    /// What was sent and what came back, in order.
    pub exchanges: Vec<Exchange>,
}

/// What becomes of the password of a drive that takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// It is taken away.
    Disable,
    /// It stays, for the erase with it that follows: whether it is the right one was tried once, and only once.
    Keep,
}

/// Unlocks a drive that has the documented password, and takes the password away unless it is to stay. To erase the
/// drive then, run the erase with [`Start::Follow`](super::super::Start::Follow).
pub fn recover(port: &mut dyn ScsiPort, then: Then, watch: &mut dyn Watch) -> RecoverReport {
    let mut talk = Talk::new(port);
    let recovered = unlock(&mut talk, then, watch);
    RecoverReport { recovered, exchanges: talk.exchanges }
}

fn unlock(talk: &mut Talk<'_>, then: Then, watch: &mut dyn Watch) -> Recovered {
    let Some(words) = talk.identify(watch).and_then(|identify| identify.security()) else {
        return Recovered::Not { reason: not_answering() };
    };
    if !words.enabled && !words.locked {
        return Recovered::NotNeeded;
    }
    if words.frozen {
        return Recovered::Not { reason: frozen() };
    }
    if words.count_expired {
        return Recovered::Not { reason: expired() };
    }
    let block = security::password_block();
    if words.locked
        && matches!(
            talk.send(watch, "SECURITY UNLOCK", &security::UNLOCK, &block, SHORT),
            Reply::Aborted { .. }
        )
    {
        // Each wrong password counts; asking again would use up the few that are left.
        return Recovered::Not { reason: wrong() };
    }
    if then == Then::Keep {
        return match talk.identify(watch).and_then(|identify| identify.security()) {
            Some(words) if words.enabled && !words.locked => Recovered::Opened,
            Some(_) => Recovered::Not { reason: wrong() },
            None => Recovered::Not { reason: not_answering() },
        };
    }
    let disabled = talk.send(watch, "SECURITY DISABLE PASSWORD", &security::DISABLE_PASSWORD, &block, SHORT);
    match talk.identify(watch).and_then(|identify| identify.security()) {
        Some(words) if !words.enabled && !words.locked => Recovered::Unlocked,
        Some(_) if matches!(disabled, Reply::Aborted { .. }) => Recovered::Not { reason: wrong() },
        Some(_) | None => Recovered::Not { reason: not_answering() },
    }
}

pub(super) fn wrong() -> Reason {
    Reason::new(
        ReasonCode::WrongCredential,
        "the drive does not accept the password `expunge`: it was locked by something else",
        "unlock it with the password that it was given",
    )
}
