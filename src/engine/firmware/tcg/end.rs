//! What a revert came to, by its answer and by what discovery says afterwards.

use std::time::Duration;

use super::talk::{Heard, REVERT_PATIENCE};
use super::{Authority, Conclusion, Discovery, Job, Known, Locking, MethodStatus, Proof, method, reason};
use crate::command::tcg::method::LifeCycle;

/// Note on a drive that does not encrypt its medium.
pub(super) const ONLY_ACCESS: &str = "the drive does not say that it encrypts its medium: this revert resets access \
     control only, is no cryptographic erase, and leaves the data";

/// Note on a drive whose Locking SP was never activated.
pub(super) const NEVER_ACTIVATED: &str = "a Locking SP that was never activated is no purge by itself";

/// How long discovery may show the state from before, when the revert was answered with success.
const AFTER_SUCCESS: Duration = Duration::from_secs(10);

/// The same, when no answer came.
const AFTER_SILENCE: Duration = Duration::from_secs(5 * 60);

/// Between two discoveries.
const REST: Duration = Duration::from_secs(2);

/// How a revert was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// With success.
    Success,
    /// By the end of the session: the TPer ends it when it reverts.
    Closed,
    /// Not, and why.
    Not(String),
}

/// What discovery says afterwards.
enum After {
    /// Nothing is locked, and locking is off.
    Open,
    /// Still as before, or something else stands in the way.
    Closed,
    /// It cannot be told.
    NotTold(String),
    /// Somebody wants to stop.
    Stopped,
}

impl Job<'_> {
    /// The end of a revert that was given.
    pub(super) fn settle(&mut self, known: Known, answered: &Answered) -> Conclusion {
        let patience = match answered {
            Answered::Success | Answered::Closed => AFTER_SUCCESS,
            Answered::Not(why) => {
                self.notes.push(format!("the revert was not answered ({why}); discovery decides"));
                AFTER_SILENCE
            }
        };
        match (self.after(patience), answered) {
            (After::Stopped, _) => reason::stopped_after(),
            (After::NotTold(why), _) => reason::unknown_after(&why),
            (After::Closed, Answered::Success | Answered::Closed) => reason::still_closed(),
            (After::Closed, Answered::Not(_)) => reason::as_before(),
            (After::Open, Answered::Success | Answered::Closed) => self.open_now(known),
            (After::Open, Answered::Not(_)) if known.was_active() => self.open_now(known),
            (After::Open, Answered::Not(_)) => {
                self.notes.push(NEVER_ACTIVATED.to_owned());
                reason::unanswered_and_unchanged()
            }
        }
    }

    /// The end of a revert that was given before an interruption.
    pub(super) fn follow(&mut self, was: Option<Locking>) -> Conclusion {
        match self.after(AFTER_SILENCE) {
            After::Stopped => reason::stopped_after(),
            After::NotTold(why) => reason::unknown_after(&why),
            After::Closed => reason::as_before(),
            After::Open if was.is_some_and(Locking::enabled) => {
                self.notes.push(
                    "locking is off and was on before the interruption; nothing shows that the credential was accepted"
                        .to_owned(),
                );
                Conclusion::Claimed
            }
            After::Open => {
                self.notes.push(NEVER_ACTIVATED.to_owned());
                reason::unanswered_and_unchanged()
            }
        }
    }

    /// Discovery until it shows an open drive or the patience is over.
    fn after(&mut self, patience: Duration) -> After {
        let from = self.talk.watch().now();
        let mut patience = patience;
        loop {
            let discovered = self.talk.discover();
            if discovered.as_ref().is_ok_and(Discovery::is_removing) {
                patience = REVERT_PATIENCE;
            }
            let seen = match discovered.map(|discovery| (discovery.is_removing(), discovery.locking())) {
                Ok((true, _)) => After::NotTold("it says that it is still removing data".to_owned()),
                Ok((false, Some(locking))) if locking.is_open() => return After::Open,
                Ok((false, Some(_))) => After::Closed,
                Ok((false, None)) => After::NotTold("discovery has no Locking feature any more".to_owned()),
                Err(no) => After::NotTold(no.to_string()),
            };
            if self.talk.watch().now().saturating_sub(from) >= patience {
                return seen;
            }
            if self.talk.watch().should_stop() {
                return After::Stopped;
            }
            self.talk.watch().rest(REST);
        }
    }

    /// The drive is open: was that our revert, and what does it mean?
    fn open_now(&mut self, known: Known) -> Conclusion {
        self.look_at_credentials(known);
        if known.was_active() {
            self.proof.push(Proof::LockingDisabledAnew);
            return Conclusion::Confirmed;
        }
        self.notes.push(NEVER_ACTIVATED.to_owned());
        Conclusion::Claimed
    }

    /// Notes on what a revert leaves when it went well: the Locking SP inactive, and SID with the default credential.
    /// Neither decides: some drives show the one to nobody, and some have another SID after a revert.
    fn look_at_credentials(&mut self, known: Known) {
        let Some(session) = self.open_as_anybody() else { return };
        let life_cycle = self.talk.life_cycle(session);
        let msid = if known.sid_blocked { None } else { self.talk.msid(session) };
        self.talk.end_session(session);
        match life_cycle {
            Some(LifeCycle::ManufacturedInactive) => {
                self.notes.push("the Locking SP is Manufactured-Inactive after the revert".to_owned());
            }
            Some(LifeCycle::Manufactured | LifeCycle::Other(_)) => {
                self.notes.push("the Locking SP is not Manufactured-Inactive after the revert".to_owned());
            }
            None => {}
        }
        if let Some(msid) = msid {
            self.try_default(msid);
        }
    }

    /// One try of SID with the default credential; a wrong one is forgotten at the next power cycle.
    fn try_default(&mut self, msid: Vec<u8>) {
        let call = method::start_session(Authority::SidByMsid, &msid);
        super::overwrite(msid);
        let heard = self.talk.start("start of a session as SID", call, super::Privacy::Sent);
        let accepted = match heard {
            Heard::Ended { results, status: MethodStatus::SUCCESS } => method::sync_session(&results),
            Heard::Ended { .. }
            | Heard::Closed
            | Heard::Lost(_)
            | Heard::Unsent(_)
            | Heard::Refused(_)
            | Heard::Stopped => None,
        };
        match accepted {
            Some(session) => {
                self.talk.end_session(session);
                self.notes.push("SID has the default credential after the revert".to_owned());
            }
            None => self.notes.push("SID does not have the default credential after the revert".to_owned()),
        }
    }
}
