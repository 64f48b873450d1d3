//! TCG Revert of the Admin SP, as PSID or as SID with the drive's default credential.
//!
//! The order is: discovery, what anybody may read, one session with the credential, Revert, discovery. Until the
//! revert is sent nothing is destroyed. After it the TPer closes the session by itself and may do so before it
//! answers, so a missing answer is no error: what discovery says then decides.
//!
//! A revert destroys media keys when the Locking SP was active. Where it never was, keys may stay (firmware-purge
//! facts, 2.6), so the end is at most *claimed*.

mod end;
mod reason;
mod talk;
#[cfg(all(test, feature = "sim"))]
mod tests;

use super::{Before, CommandReport, Conclusion, Proof, Secret, Start, Watch};
use crate::command::tcg::discovery::{Class, Discovery, Locking};
use crate::command::tcg::method::{self, LifeCycle, MethodStatus};
use crate::command::tcg::packet::{SessionNumbers, StackReset};
use crate::command::tcg::psid;
use crate::command::tcg::{Authority, Revert, RevertAim};
use crate::io::Channel;
use crate::unit::digest::from_hex;
use end::Answered;
use talk::{Heard, Privacy, Talk, overwrite};

pub(super) use talk::DISCOVERY;

/// What a drive was like before: its discovery.
pub fn before(channel: &mut Channel, watch: &mut dyn Watch) -> Before {
    let mut talk = Talk::new(channel, watch);
    // What went wrong, if anything did, is in the exchange.
    let _discovery = talk.discover();
    Before { exchanges: talk.into_exchanges() }
}

/// Reverts a drive, or follows a revert that was sent before an interruption: then only discovery is asked.
///
/// `secret` is the PSID as it was typed; it is not needed for [`Authority::SidByMsid`].
pub fn run(
    channel: &mut Channel,
    revert: &Revert,
    secret: Option<&Secret>,
    start: Start,
    before: &Before,
    watch: &mut dyn Watch,
) -> CommandReport {
    let mut job = Job {
        talk: Talk::new(channel, watch),
        revert: *revert,
        notes: Vec::new(),
        proof: Vec::new(),
        resets: 0,
    };
    let result = match start {
        Start::Send => job.send(secret),
        Start::Follow | Start::FollowAccepted => Ok(job.follow(locking_in(before))),
    };
    let conclusion = match result {
        Ok(conclusion) | Err(conclusion) => conclusion,
    };
    let proof = if conclusion == Conclusion::Confirmed { job.proof } else { Vec::new() };
    CommandReport { conclusion, proof, exchanges: job.talk.into_exchanges(), notes: job.notes }
}

/// The locking state that the last usable discovery among these exchanges told.
fn locking_in(before: &Before) -> Option<Locking> {
    let discoveries = before.exchanges.iter().rev().filter(|exchange| exchange.name == talk::DISCOVERY);
    let bytes = discoveries.filter_map(|exchange| from_hex(exchange.received.as_deref()?));
    bytes.filter_map(|bytes| Discovery::decode(&bytes).ok()?.locking()).next()
}

/// What is known of a drive right before its revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    locking: Option<Locking>,
    life_cycle: Option<LifeCycle>,
    sid_blocked: bool,
}

impl Known {
    /// Whether the Locking SP was active, by everything that was told.
    fn was_active(&self) -> bool {
        self.locking.is_some_and(Locking::enabled) && self.life_cycle != Some(LifeCycle::ManufacturedInactive)
    }
}

/// One revert. Functions that end it early give the conclusion as their error.
struct Job<'a> {
    talk: Talk<'a>,
    revert: Revert,
    notes: Vec<String>,
    proof: Vec<Proof>,
    resets: u32,
}

impl Job<'_> {
    fn send(&mut self, secret: Option<&Secret>) -> Result<Conclusion, Conclusion> {
        let psid = self.psid(secret)?;
        let mut known = self.look()?;
        self.talk.properties();
        let msid = self.ask_as_anybody(&mut known);
        let credential = match (self.revert.authority, psid, msid) {
            (Authority::Psid, Some(psid), _) => psid,
            (Authority::Psid, None, _) => return Err(reason::no_psid()),
            (Authority::SidByMsid, _, Some(msid)) => msid,
            (Authority::SidByMsid, _, None) => return Err(reason::no_msid()),
        };
        let session = self.open(credential)?;
        if self.talk.watch().should_stop() {
            self.talk.end_session(session);
            return Err(reason::stopped_before());
        }
        let answered = self.give(session)?;
        Ok(self.settle(known, &answered))
    }

    /// The PSID, brought into the drive's form before anything is sent: a text that cannot be one costs no try.
    fn psid(&self, secret: Option<&Secret>) -> Result<Option<Vec<u8>>, Conclusion> {
        match (self.revert.authority, secret) {
            (Authority::SidByMsid, _) => Ok(None),
            (Authority::Psid, None) => Err(reason::no_psid()),
            (Authority::Psid, Some(secret)) => {
                psid::normalized(&secret.0).map(Some).map_err(reason::not_a_psid)
            }
        }
    }

    /// Discovery, and whether a revert makes sense on this drive.
    fn look(&mut self) -> Result<Known, Conclusion> {
        let discovery = self.talk.discover().map_err(reason::no_discovery)?;
        match discovery.class() {
            None => return Err(reason::no_class()),
            Some((Class::Enterprise, _)) => return Err(reason::enterprise()),
            Some((
                Class::Opal1 | Class::Opal2 | Class::Opalite | Class::Ruby | Class::Pyrite1 | Class::Pyrite2,
                _,
            )) => {}
        }
        let locking = discovery.locking();
        if !locking.is_some_and(Locking::media_encryption) {
            match self.revert.aim {
                RevertAim::NewKeys => return Err(reason::no_media_encryption()),
                RevertAim::Unlock => self.notes.push(end::ONLY_ACCESS.to_owned()),
            }
        }
        let sid_blocked = discovery.block_sid().is_some_and(|sid| sid.is_blocked());
        if sid_blocked && self.revert.authority == Authority::SidByMsid {
            return Err(reason::sid_blocked());
        }
        Ok(Known { locking, life_cycle: None, sid_blocked })
    }

    /// What anybody may read: the life cycle of the Locking SP, and the default credential where it is needed. A
    /// drive that shows neither is not refused for it.
    fn ask_as_anybody(&mut self, known: &mut Known) -> Option<Vec<u8>> {
        let session = self.open_as_anybody()?;
        known.life_cycle = self.talk.life_cycle(session);
        let msid = match self.revert.authority {
            Authority::SidByMsid => self.talk.msid(session),
            Authority::Psid => None,
        };
        self.talk.end_session(session);
        msid
    }

    fn open_as_anybody(&mut self) -> Option<SessionNumbers> {
        match self.begin(None) {
            Heard::Ended { results, status: MethodStatus::SUCCESS } => method::sync_session(&results),
            Heard::Ended { .. }
            | Heard::Closed
            | Heard::Lost(_)
            | Heard::Unsent(_)
            | Heard::Refused(_)
            | Heard::Stopped => None,
        }
    }

    /// The session with the credential, which is never tried again when it was not accepted.
    fn open(&mut self, credential: Vec<u8>) -> Result<SessionNumbers, Conclusion> {
        let heard = self.begin(Some(&credential));
        overwrite(credential);
        match heard {
            Heard::Ended { results, status: MethodStatus::SUCCESS } => {
                method::sync_session(&results).ok_or_else(|| self.drop_session("the answer names no session"))
            }
            Heard::Ended { status, .. } => Err(reason::no_session(status, self.revert.authority)),
            Heard::Closed => Err(self.drop_session("the drive closed the session at once")),
            Heard::Lost(why) | Heard::Unsent(why) | Heard::Refused(why) => Err(self.drop_session(&why)),
            Heard::Stopped => {
                let _reset = self.talk.reset_stack();
                Err(reason::stopped_before())
            }
        }
    }

    /// Starts a session. One that somebody left open is ended by a reset of the stack, once for each revert.
    fn begin(&mut self, credential: Option<&[u8]>) -> Heard {
        let heard = self.start(credential);
        match heard {
            Heard::Ended { status: MethodStatus::SP_BUSY | MethodStatus::NO_SESSIONS_AVAILABLE, .. }
                if self.resets == 0 => {}
            other => return other,
        }
        self.resets += 1;
        self.notes.push(match self.talk.reset_stack() {
            StackReset::Done => "a session that was left open was ended by a reset of the stack".to_owned(),
            StackReset::Pending | StackReset::Failed => {
                "the drive did not confirm a reset of the stack".to_owned()
            }
        });
        self.start(credential)
    }

    fn start(&mut self, credential: Option<&[u8]>) -> Heard {
        let authority = self.revert.authority;
        let (name, call, privacy) = match (credential, authority) {
            (None, _) => ("start of a session as anybody", method::start_session_as_anybody(), Privacy::Open),
            (Some(secret), Authority::Psid) => {
                ("start of a session as PSID", method::start_session(authority, secret), Privacy::Sent)
            }
            (Some(secret), Authority::SidByMsid) => {
                ("start of a session as SID", method::start_session(authority, secret), Privacy::Sent)
            }
        };
        self.talk.start(name, call, privacy)
    }

    /// A session may be open of which the number is not known: it must not stay.
    fn drop_session(&mut self, why: &str) -> Conclusion {
        let _reset = self.talk.reset_stack();
        reason::session_lost(why)
    }

    /// Gives the revert itself. From here on only an answer of the drive can say that nothing was started.
    fn give(&mut self, session: SessionNumbers) -> Result<Answered, Conclusion> {
        let heard = self.talk.call("revert", session, method::revert(), Privacy::Open, talk::REVERT_PATIENCE);
        match heard {
            Heard::Ended { status: MethodStatus::SUCCESS, .. } => Ok(Answered::Success),
            Heard::Closed => Ok(Answered::Closed),
            Heard::Ended { status, .. } => {
                self.talk.end_session(session);
                Err(reason::revert_refused(status))
            }
            Heard::Refused(why) => {
                self.talk.end_session(session);
                Err(reason::revert_not_taken(&why))
            }
            Heard::Lost(why) | Heard::Unsent(why) => Ok(Answered::Not(why)),
            Heard::Stopped => Err(reason::stopped_after()),
        }
    }
}
