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

/// Unlocks a drive that has the documented password and takes the password away. To erase it instead, run the erase
/// with [`Start::Follow`](super::super::Start::Follow).
pub fn recover(port: &mut dyn ScsiPort, watch: &mut dyn Watch) -> RecoverReport {
    let mut talk = Talk::new(port);
    let recovered = unlock(&mut talk, watch);
    RecoverReport { recovered, exchanges: talk.exchanges }
}

fn unlock(talk: &mut Talk<'_>, watch: &mut dyn Watch) -> Recovered {
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
    let disabled = talk.send(watch, "SECURITY DISABLE PASSWORD", &security::DISABLE_PASSWORD, &block, SHORT);
    match talk.identify(watch).and_then(|identify| identify.security()) {
        Some(words) if !words.enabled && !words.locked => Recovered::Unlocked,
        Some(_) if matches!(disabled, Reply::Aborted { .. }) => Recovered::Not { reason: wrong() },
        Some(_) | None => Recovered::Not { reason: not_answering() },
    }
}

fn wrong() -> Reason {
    Reason::new(
        ReasonCode::WrongCredential,
        "the drive does not accept the password `expunge`: it was locked by something else",
        "unlock it with the password that it was given",
    )
}
