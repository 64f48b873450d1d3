//! ATA SECURITY ERASE UNIT: sets the documented password, erases, and says what the end proves (firmware-purge
//! facts 2.2).
//!
//! The drive tells nothing while it erases, and keeps no memory of a success: "no password" is also what it says
//! when nothing was ever done. So an end counts only when a password was seen before and is gone after. When the
//! sequence is interrupted the drive is left locked with our password; the way out is always the same: PREPARE and
//! ERASE UNIT again with it.

mod recover;

use std::time::Duration;

use super::talk::{ATTENTIONS, SHORT, Talk, is_attention};
use super::{Before, CommandReport, Conclusion, News, Proof, Stage, Start, Watch};
use crate::command::ata::identify::SecurityWords;
use crate::command::ata::sat::Reply;
use crate::command::ata::security::{self, EraseTime};
use crate::command::ata::{EraseMode, SecurityErase};
use crate::io::ScsiPort;
use crate::unit::{Reason, ReasonCode};

pub use recover::{RecoverReport, Recovered, Then, recover};

/// How often PREPARE and ERASE UNIT are sent: once more when another program's command came between them, or when
/// the link was lost. Only once with a password that may not be ours: wrong ones are counted.
const ATTEMPTS: u32 = 2;
/// An erase that ends with an error within this time never began.
const AT_ONCE: Duration = Duration::from_secs(10);
/// How long a drive may be out of reach after an erase before its state is given up.
const OUT_OF_REACH: Duration = Duration::from_secs(5 * 60);
/// First rest between two looks at a drive that does not answer; each further one is twice as long, up to the longest:
/// questions into an erase that goes on can make the kernel reset the link.
const REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(5 * 60);

/// What the drive is like right before the command: IDENTIFY DEVICE.
pub fn before(port: &mut dyn ScsiPort, watch: &mut dyn Watch) -> Before {
    let mut talk = Talk::new(port);
    let _identify = talk.identify(watch);
    Before { exchanges: talk.exchanges }
}

/// Erases the drive, or finishes an erase that was interrupted.
///
/// With [`Start::Follow`] a drive that has a password (ours, set before the interruption) is erased with it: that
/// is the recovery. Where nobody saw the drive take our password, it is tried only once. A drive without one says nothing: it may have been erased, or never been told to.
pub fn run(
    port: &mut dyn ScsiPort,
    erase: &SecurityErase,
    start: Start,
    watch: &mut dyn Watch,
) -> CommandReport {
    let owner = if start == Start::Follow { Owner::Perhaps } else { Owner::Us };
    let mut erasing = Erasing { talk: Talk::new(port), mode: erase.mode, owner, notes: Vec::new() };
    let (conclusion, proof) = match start {
        Start::Send => erasing.begin(watch),
        Start::Follow | Start::FollowAccepted => erasing.resume(watch),
    };
    CommandReport { conclusion, proof, exchanges: erasing.talk.exchanges, notes: erasing.notes }
}

type End = (Conclusion, Vec<Proof>);

const fn not_started(reason: Reason) -> End {
    (Conclusion::NotStarted { reason }, Vec::new())
}

const fn unknown(reason: Reason) -> End {
    (Conclusion::Unknown { reason }, Vec::new())
}

/// What the security words say of the password.
enum Password {
    Set(SecurityWords),
    NotSet(SecurityWords),
    /// IDENTIFY DEVICE was not answered, or says that there is no Security feature set.
    NotTold,
}

/// How an attempt to erase ended.
enum Attempt {
    /// GOOD.
    Answered,
    /// The drive said no, or failed, after this time.
    Refused(Duration),
    /// No answer of the drive came.
    Lost,
    /// PREPARE was not taken: nothing was erased.
    NotPrepared,
}

/// Whose password the drive has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Ours: it was seen to take it.
    Us,
    /// Ours, or one that somebody set before we could or meanwhile.
    Perhaps,
}

/// What is left of our password.
enum Left {
    Nothing,
    Perhaps,
}

struct Erasing<'a> {
    talk: Talk<'a>,
    mode: EraseMode,
    owner: Owner,
    notes: Vec<String>,
}

impl Erasing<'_> {
    fn begin(&mut self, watch: &mut dyn Watch) -> End {
        let Some(identify) = self.talk.identify(watch) else { return not_started(not_answering()) };
        let Some(words) = identify.security() else {
            return not_started(refused("the drive does not have the Security feature set"));
        };
        if let Some(reason) = obstacle(&words, self.mode) {
            return not_started(reason);
        }
        let block = security::set_password_block();
        let reply = self.talk.send(watch, "SECURITY SET PASSWORD", &security::SET_PASSWORD, &block, SHORT);
        match (reply, self.password(watch)) {
            (_, Password::Set(words)) => {
                watch.tell(&News::accepted("the drive has the password `expunge`"));
                self.erase(&words, watch)
            }
            (_, Password::NotSet(words)) if words.frozen => not_started(frozen()),
            (Reply::Done { .. }, Password::NotSet(_)) => {
                not_started(refused("the drive said that it set a password, and has none"))
            }
            (_, Password::NotSet(_)) => not_started(refused("the drive did not accept a password")),
            (_, Password::NotTold) => self.back_out(not_answering(), watch),
        }
    }

    /// Nothing was erased, which is "not started" only on a drive that is seen to have no password: another command
    /// would meet a locked drive.
    fn back_out(&mut self, reason: Reason, watch: &mut dyn Watch) -> End {
        match self.give_back(watch) {
            Left::Nothing => not_started(reason),
            Left::Perhaps => {
                let text = format!("{}; the password `expunge` may be set", reason.text);
                unknown(Reason { code: reason.code, ..unclear(&text) })
            }
        }
    }

    fn resume(&mut self, watch: &mut dyn Watch) -> End {
        match self.password_after(OUT_OF_REACH, watch) {
            Password::Set(words) if words.frozen => unknown(frozen()),
            Password::Set(words) if words.count_expired => unknown(expired()),
            Password::Set(words) => match self.open_and_erase(&words, watch) {
                // What was done before the interruption is not known, so "not started" cannot be said any more.
                (Conclusion::NotStarted { reason }, _) => unknown(reason),
                end => end,
            },
            Password::NotSet(_) => unknown(Reason::new(
                ReasonCode::FirmwareUnknown,
                "the drive has no password now: it was erased before the interruption, or never told to",
                "erase it again",
            )),
            Password::NotTold => unknown(not_answering()),
        }
    }

    /// A locked drive shows whether the password is ours: it is tried once, and a wrong one is not tried again.
    fn open_and_erase(&mut self, words: &SecurityWords, watch: &mut dyn Watch) -> End {
        if !words.locked {
            return self.erase(words, watch);
        }
        let block = security::password_block();
        let reply = self.talk.send(watch, "SECURITY UNLOCK", &security::UNLOCK, &block, SHORT);
        match (reply, self.password(watch)) {
            (Reply::Aborted { .. }, _) => unknown(recover::wrong()),
            (_, Password::Set(words)) if !words.locked => {
                self.owner = Owner::Us;
                self.erase(&words, watch)
            }
            (_, Password::Set(_) | Password::NotSet(_)) => {
                unknown(unclear("the drive did not say that it opens with our password"))
            }
            (_, Password::NotTold) => unknown(not_answering()),
        }
    }

    /// PREPARE and ERASE UNIT, at most twice. The drive was seen with a password.
    fn erase(&mut self, words: &SecurityWords, watch: &mut dyn Watch) -> End {
        let time = match self.mode {
            EraseMode::Normal => words.normal_time,
            EraseMode::Enhanced => words.enhanced_time,
        };
        let mut was_lost = false;
        let attempts = if self.owner == Owner::Us { ATTEMPTS } else { 1 };
        for attempt in 1..=attempts {
            let is_last = attempt == attempts;
            let began = watch.now();
            let result = self.attempt(time, watch);
            was_lost |= matches!(result, Attempt::Lost);
            let patience = if matches!(result, Attempt::Lost) { time.wait() } else { OUT_OF_REACH };
            let until = began + time.told().unwrap_or(OUT_OF_REACH);
            if matches!(result, Attempt::Lost) {
                wait_out(until, watch);
            }
            match (result, self.password_after(patience, watch)) {
                (Attempt::Answered, Password::NotSet(_)) => {
                    let proof = vec![Proof::AnsweredWhenFinished, Proof::SecurityDisabledAnew];
                    return (Conclusion::Confirmed, proof);
                }
                // The kernel gave up waiting, the drive did not: the password that was there is gone.
                (Attempt::Lost, Password::NotSet(_)) => {
                    self.notes.push("the answer to SECURITY ERASE UNIT was lost on its way".into());
                    return (Conclusion::Confirmed, vec![Proof::SecurityDisabledAnew]);
                }
                (Attempt::Refused(_) | Attempt::NotPrepared, Password::NotSet(_)) => {
                    return unknown(unclear("the drive reported an error, and has no password any more"));
                }
                (Attempt::Answered, Password::Set(_)) => {
                    let _left = self.give_back(watch);
                    return failed("it said that it was erased, and still has its password");
                }
                (Attempt::Refused(after), Password::Set(_)) if after > AT_ONCE => {
                    let _left = self.give_back(watch);
                    return failed("it ended the erase with an error");
                }
                (Attempt::Refused(_), Password::Set(_)) if self.owner == Owner::Perhaps => {
                    return unknown(recover::wrong());
                }
                (Attempt::NotPrepared, Password::Set(_)) if self.owner == Owner::Perhaps => {
                    return unknown(refused("the drive did not accept SECURITY ERASE PREPARE"));
                }
                (Attempt::Refused(_) | Attempt::NotPrepared, Password::Set(_)) if is_last && !was_lost => {
                    return self.back_out(refused("the drive did not accept SECURITY ERASE UNIT"), watch);
                }
                (_, Password::Set(_)) if is_last => {
                    return unknown(unclear(
                        "the erase was interrupted, and the drive still has our password",
                    ));
                }
                // Somebody wants to stop, and it may still be at work.
                (Attempt::Lost, Password::Set(words)) if !words.locked && watch.now() < until => {
                    return unknown(unclear("the drive was left alone before the time that its erase takes"));
                }
                (Attempt::Refused(_) | Attempt::NotPrepared | Attempt::Lost, Password::Set(_)) => {}
                (_, Password::NotTold) => return unknown(not_answering()),
            }
        }
        unknown(unclear("the erase did not come to an end"))
    }

    fn attempt(&mut self, time: EraseTime, watch: &mut dyn Watch) -> Attempt {
        let wait = time.wait();
        let name = match self.mode {
            EraseMode::Normal => "SECURITY ERASE UNIT",
            EraseMode::Enhanced => "SECURITY ERASE UNIT, enhanced",
        };
        let block = security::erase_block(self.mode);
        // Before PREPARE: nothing may come between it and ERASE UNIT, and nothing is heard until the end.
        let quiet_seconds = Some(wait.as_secs());
        watch.tell(&News { progress: None, text: name.into(), quiet_seconds, stage: Stage::Asking });
        let mut began = watch.now();
        let mut reply = Reply::Lost;
        for _again in 0..=ATTENTIONS {
            match self.talk.ask(watch, "SECURITY ERASE PREPARE", &security::ERASE_PREPARE, SHORT) {
                Reply::Done { .. } => {}
                Reply::Aborted { .. }
                | Reply::Unavailable
                | Reply::Refused(_)
                | Reply::Sense(_)
                | Reply::Status(_)
                | Reply::Lost => return Attempt::NotPrepared,
            }
            began = watch.now();
            reply = self.talk.send_once(watch, name, &security::ERASE_UNIT, &block, wait);
            if !is_attention(reply) {
                break;
            }
        }
        match reply {
            Reply::Done { .. } => Attempt::Answered,
            Reply::Aborted { registers: Some(_) }
            | Reply::Refused(_)
            | Reply::Sense(_)
            | Reply::Status(_) => Attempt::Refused(watch.now().saturating_sub(began)),
            // An error at once is the drive's; a late one without registers may be a time-out of the kernel.
            Reply::Aborted { registers: None } => match watch.now().saturating_sub(began) {
                took if took <= AT_ONCE => Attempt::Refused(took),
                _ => Attempt::Lost,
            },
            Reply::Unavailable | Reply::Lost => Attempt::Lost,
        }
    }

    fn password(&mut self, watch: &mut dyn Watch) -> Password {
        match self.talk.identify(watch).and_then(|identify| identify.security()) {
            Some(words) if words.enabled || words.locked => Password::Set(words),
            Some(words) => Password::NotSet(words),
            None => Password::NotTold,
        }
    }

    /// Asks until the drive answers: it may be behind a link that is being reset, or still at work.
    fn password_after(&mut self, patience: Duration, watch: &mut dyn Watch) -> Password {
        let since = watch.now();
        let mut rest = REST;
        loop {
            match self.password(watch) {
                Password::NotTold if watch.now().saturating_sub(since) < patience && !watch.should_stop() => {
                    watch.rest(rest);
                    rest = (rest * 2).min(LONGEST_REST);
                }
                told => return told,
            }
        }
    }

    /// Takes our password away again, so that the drive is not left locked.
    fn give_back(&mut self, watch: &mut dyn Watch) -> Left {
        let block = security::password_block();
        let mut words = match self.password(watch) {
            Password::Set(words) => Some(words),
            Password::NotSet(_) => return Left::Nothing,
            Password::NotTold => None,
        };
        if words.is_some_and(|words| words.locked) {
            let _told = self.talk.send(watch, "SECURITY UNLOCK", &security::UNLOCK, &block, SHORT);
        }
        let name = "SECURITY DISABLE PASSWORD";
        let _told = self.talk.send(watch, name, &security::DISABLE_PASSWORD, &block, SHORT);
        words = match self.password(watch) {
            Password::Set(words) => Some(words),
            Password::NotSet(_) => return Left::Nothing,
            Password::NotTold => None,
        };
        let text = if words.is_some() {
            "the drive still has the password `expunge`: `expunge recover` takes it away"
        } else {
            "the drive may still have the password `expunge`: `expunge recover` takes it away"
        };
        self.notes.push(text.into());
        Left::Perhaps
    }
}

/// Leaves a drive alone that may still erase itself, for as long as it said that it takes: only then is a second erase
/// no disturbance of the first.
fn wait_out(until: Duration, watch: &mut dyn Watch) {
    let left = until.saturating_sub(watch.now());
    if left.is_zero() {
        return;
    }
    let text =
        "SECURITY ERASE UNIT was not answered; the drive is left alone for the time that it needs".to_owned();
    let quiet_seconds = Some((left + OUT_OF_REACH).as_secs());
    watch.tell(&News { progress: None, text, quiet_seconds, stage: Stage::Asking });
    while watch.now() < until && !watch.should_stop() {
        let left = until.saturating_sub(watch.now());
        watch.rest(left.min(LONGEST_REST));
    }
}

/// Why nothing is sent at all.
fn obstacle(words: &SecurityWords, mode: EraseMode) -> Option<Reason> {
    if mode == EraseMode::Enhanced && !words.enhanced {
        return Some(refused("the drive does not have the enhanced erase"));
    }
    if words.count_expired {
        return Some(expired());
    }
    if words.locked || words.enabled {
        let text =
            if words.locked { "the drive is locked with a password" } else { "the drive has a password" };
        let remedy = "take it away, or with `expunge recover` when Expunge set it";
        return Some(Reason::new(ReasonCode::Locked, text, remedy));
    }
    words.frozen.then(frozen)
}

fn frozen() -> Reason {
    Reason::new(
        ReasonCode::Frozen,
        "the Security feature set of the drive is frozen",
        "suspend and resume the host, or plug the drive in again while the host runs",
    )
}

fn expired() -> Reason {
    let text = "the drive takes no password any more, because too many wrong ones were tried";
    Reason::new(ReasonCode::Locked, text, "cycle the power of the drive")
}

fn not_answering() -> Reason {
    let text = "the drive did not answer IDENTIFY DEVICE with its security state";
    let remedy =
        "cycle its power and connect it to a SATA port; `expunge recover` takes a left password away";
    Reason::new(ReasonCode::NotAnswering, text, remedy)
}

fn refused(text: &str) -> Reason {
    Reason::new(ReasonCode::FirmwareRefused, text, "use another technique")
}

fn unclear(text: &str) -> Reason {
    let remedy = "cycle the power of the drive, then `expunge resume` erases it again with the same password";
    Reason::new(ReasonCode::FirmwareUnknown, text, remedy)
}

fn failed(text: &str) -> End {
    let text = format!("the drive failed to erase itself: {text}");
    let reason = Reason::new(ReasonCode::FirmwareFailed, text, "try once more, or destroy the drive");
    (Conclusion::Failed { reason }, Vec::new())
}

#[cfg(test)]
mod tests;
