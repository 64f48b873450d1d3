//! ATA SANITIZE DEVICE: starts an operation, follows it by SANITIZE STATUS EXT, and says what its end proves
//! (firmware-purge facts 2.1).
//!
//! "Completed without error" is kept by a drive for ever. It counts for this command only when it was not set
//! before, or when the drive was seen at work after the command was sent.

mod follow;

use self::follow::Sent;
use super::talk::{self, SHORT, Talk};
use super::{Before, CommandReport, Conclusion, Exchange, News, Start, Watch};
use crate::command::ata::identify::Identify;
use crate::command::ata::sanitize::{AbortReason, ClearFailure, Status};
use crate::command::ata::sat::Reply;
use crate::command::ata::{Sanitize, SanitizeAction, log, sanitize};
use crate::command::{AfterFailure, ata};
use crate::io::ScsiPort;
use crate::unit::{Reason, ReasonCode};

const STATUS_NAME: &str = "SANITIZE STATUS EXT";
const SECURITY_PAGE_NAME: &str = "READ LOG EXT, log 30h page 06h";
const RESERVATION_CONFLICT: u8 = 0x18;
/// BUSY and TASK SET FULL: the command was not taken.
const NOT_TAKEN: [u8; 2] = [0x08, 0x28];

/// What the drive is like right before the command: IDENTIFY DEVICE, SANITIZE STATUS EXT, and on a locked drive
/// whether sanitizing overrides the lock.
pub fn before(port: &mut dyn ScsiPort, watch: &mut dyn Watch) -> Before {
    let mut talk = Talk::new(port);
    let identify = talk.identify(watch);
    if identify.and_then(|identify| identify.security()).is_some_and(|security| security.locked) {
        let page = log::read(log::IDENTIFY_DEVICE_DATA, log::SECURITY_PAGE);
        let _told = talk.read(watch, SECURITY_PAGE_NAME, &page);
    }
    let _status = ask_status(&mut talk, watch);
    Before { exchanges: talk.exchanges }
}

fn ask_status(talk: &mut Talk<'_>, watch: &mut dyn Watch) -> Status {
    match Status::decode(talk.ask(watch, STATUS_NAME, &sanitize::status(ClearFailure::No), SHORT)) {
        // Fixed format sense: the translation layer may know what did not fit into it.
        Status::NotRunning => talk.whole_registers(watch).map_or(Status::NotRunning, Status::of_success),
        status => status,
    }
}

/// The status that was read before the command.
fn status_before(before: &Before) -> Status {
    let asked = before.exchanges.iter().rposition(|exchange| exchange.name == STATUS_NAME);
    asked.map_or(Status::NotRead, |place| talk::status_at(&before.exchanges, place))
}

/// Whether a restricted sanitize works although the drive is locked, by the page that was read before the command.
fn overrides_lock(before: &Before) -> bool {
    let asked = before.exchanges.iter().rfind(|exchange| exchange.name == SECURITY_PAGE_NAME);
    let page = asked.and_then(|exchange| crate::unit::digest::from_hex(exchange.received.as_deref()?));
    page.and_then(|page| log::security(&page)).is_some_and(|page| page.overrides_security)
}

/// Carries the command out, or follows one that was sent before an interruption.
///
/// With [`Start::Send`], `before` is what [`before`] said right before; otherwise what it said before the command was
/// sent the first time.
pub fn run(
    port: &mut dyn ScsiPort,
    sanitize: &Sanitize,
    start: Start,
    before: &Before,
    watch: &mut dyn Watch,
) -> CommandReport {
    let mut talk = Talk::new(port);
    match start {
        Start::Follow => follow::follow(talk, sanitize, Sent::MayBeBefore, before, watch),
        Start::FollowAccepted => follow::follow(talk, sanitize, Sent::AcceptedBefore, before, watch),
        Start::Send => {
            if let Some(reason) = obstacle(sanitize, before) {
                return report(talk, Conclusion::NotStarted { reason });
            }
            match send(&mut talk, sanitize, before, watch) {
                Sending::Begun(sent) => {
                    if sent != Sent::MayBe {
                        watch.tell(&News::accepted(format!("the drive took {}", name(sanitize))));
                    }
                    follow::follow(talk, sanitize, sent, before, watch)
                }
                Sending::Ended(conclusion) => report(talk, conclusion),
            }
        }
    }
}

/// Runs an operation that failed once more, restricted: the drive then leaves the failure only by a success. The last
/// road when an unrestricted one failed, and the only one after a restricted one.
pub fn rerun(port: &mut dyn ScsiPort, sanitize: &Sanitize, watch: &mut dyn Watch) -> (Before, CommandReport) {
    let restricted = Sanitize { after_failure: AfterFailure::Restricted, ..*sanitize };
    let before = before(port, watch);
    let report = run(port, &restricted, Start::Send, &before, watch);
    (before, report)
}

/// What came of leaving a failure behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// The drive is out of its failure. Old data may be readable.
    Left,
    /// It is not.
    StillFailed {
        /// Why.
        reason: Reason,
    },
    /// It cannot be told.
    NotKnown {
        /// Why.
        reason: Reason,
    },
}

/// Leaves a failed operation without a success (SANITIZE STATUS EXT with CLEAR). Drives let it happen only after an
/// unrestricted operation.
pub fn clear_failure(port: &mut dyn ScsiPort, watch: &mut dyn Watch) -> (Cleared, Vec<Exchange>) {
    let mut talk = Talk::new(port);
    let name = "SANITIZE STATUS EXT, clearing the failure";
    let _told = talk.ask(watch, name, &sanitize::status(ClearFailure::Yes), SHORT);
    let cleared = match ask_status(&mut talk, watch) {
        Status::Idle | Status::Completed | Status::NotRunning => Cleared::Left,
        Status::Failed { reason } => Cleared::StillFailed { reason: failed(reason) },
        status @ (Status::Running { .. } | Status::Frozen | Status::NotRead | Status::Unavailable) => {
            let text = format!("whether the drive left its failure is not known: {}", words(status));
            let remedy = "cycle the power of the drive and look at it again";
            Cleared::NotKnown { reason: Reason::new(ReasonCode::FirmwareUnknown, text, remedy) }
        }
    };
    (cleared, talk.exchanges)
}

fn report(talk: Talk<'_>, conclusion: Conclusion) -> CommandReport {
    CommandReport { conclusion, proof: Vec::new(), exchanges: talk.exchanges, notes: Vec::new() }
}

/// Why the command is not sent at all.
fn obstacle(sanitize: &Sanitize, before: &Before) -> Option<Reason> {
    let Some(identify) = talk::identify_of(&before.exchanges) else {
        return Some(Reason::new(
            ReasonCode::NotAnswering,
            "the drive did not answer IDENTIFY DEVICE",
            "connect it to a SATA port or another adapter",
        ));
    };
    if !has(&identify, sanitize) {
        return Some(refused("the drive does not have this SANITIZE DEVICE function"));
    }
    let security = identify.security();
    let is_restricted = sanitize.after_failure == AfterFailure::Restricted;
    if security.is_some_and(|security| security.locked) && !(is_restricted && overrides_lock(before)) {
        let remedy = "unlock it with its password, or with `expunge recover` when Expunge set it";
        return Some(Reason::new(ReasonCode::Locked, "the drive is locked with a password", remedy));
    }
    match status_before(before) {
        Status::Idle | Status::Completed | Status::Failed { .. } => None,
        Status::Frozen => Some(frozen()),
        Status::Running { .. } => Some(busy()),
        status @ (Status::NotRunning | Status::NotRead | Status::Unavailable) => Some(Reason::new(
            ReasonCode::FirmwareRefused,
            format!("an operation could not be followed to its end: {}", words(status)),
            "connect the drive to a SATA port or an adapter that returns ATA registers",
        )),
    }
}

fn has(identify: &Identify, sanitize: &Sanitize) -> bool {
    identify.sanitize().is_some_and(|word| match sanitize.action {
        SanitizeAction::CryptoScramble => word.crypto_scramble,
        SanitizeAction::BlockErase => word.block_erase,
        SanitizeAction::Overwrite(_) => word.overwrite,
    })
}

/// What became of the attempt to start.
enum Sending {
    /// The command is with the drive, or perhaps: the status tells.
    Begun(Sent),
    /// That is the end.
    Ended(Conclusion),
}

const fn name(sanitize: &Sanitize) -> &'static str {
    match sanitize.action {
        SanitizeAction::CryptoScramble => "CRYPTO SCRAMBLE EXT",
        SanitizeAction::BlockErase => "BLOCK ERASE EXT",
        SanitizeAction::Overwrite(_) => "OVERWRITE EXT",
    }
}

fn send(talk: &mut Talk<'_>, sanitize: &Sanitize, before: &Before, watch: &mut dyn Watch) -> Sending {
    let not_started = |reason| Sending::Ended(Conclusion::NotStarted { reason });
    let command = match ata::sanitize::start(sanitize) {
        Ok(command) => command,
        Err(invalid) => {
            let text = format!("the drive cannot be told to write {} passes", invalid.0);
            return not_started(Reason::new(ReasonCode::BadRequest, text, "ask for 1 to 16 passes"));
        }
    };
    match talk.ask(watch, name(sanitize), &command, SHORT) {
        reply @ Reply::Done { .. } if Status::decode(reply).shows_running() => Sending::Begun(Sent::Running),
        Reply::Done { .. } => Sending::Begun(Sent::Accepted),
        Reply::Refused(_) => {
            not_started(refused("the translation layer between host and drive refused the command"))
        }
        Reply::Status(RESERVATION_CONFLICT) => {
            let remedy = "release the reservation";
            not_started(Reason::new(ReasonCode::Reserved, "another host has reserved the drive", remedy))
        }
        Reply::Status(status) if NOT_TAKEN.contains(&status) => {
            not_started(refused("the drive was busy and did not take the command"))
        }
        Reply::Aborted { registers: Some(registers) } if registers.is_aborted() => {
            let refusal = Status::decode(Reply::Aborted { registers: Some(registers) });
            aborted(talk, sanitize.after_failure, refusal, before, watch)
        }
        Reply::Aborted { .. } | Reply::Unavailable | Reply::Sense(_) | Reply::Status(_) | Reply::Lost => {
            Sending::Begun(Sent::MayBe)
        }
    }
}

/// The drive aborted the command. That nothing runs is believed only when the status says so.
fn aborted(
    talk: &mut Talk<'_>,
    mode: AfterFailure,
    refusal: Status,
    before: &Before,
    watch: &mut dyn Watch,
) -> Sending {
    let reason = match refusal {
        Status::Frozen => frozen(),
        Status::Failed { reason } => refused(&format!("the drive aborted the command: {}", reason.text())),
        Status::NotRead
        | Status::Unavailable
        | Status::Running { .. }
        | Status::Completed
        | Status::Idle
        | Status::NotRunning => refused("the drive aborted the command"),
    };
    let bare = |status| matches!(status, Status::Failed { reason: AbortReason::NotTold });
    match ask_status(talk, watch) {
        now @ Status::Failed { .. } if bare(refusal) && bare(now) && bare(status_before(before)) => {
            Sending::Ended(Conclusion::NotStarted { reason: nothing_but_aborts(mode) })
        }
        Status::Failed { reason: now } if !matches!(status_before(before), Status::Failed { .. }) => {
            Sending::Ended(Conclusion::Failed { reason: failed(now) })
        }
        Status::Idle | Status::Completed | Status::Frozen | Status::NotRunning | Status::Failed { .. } => {
            Sending::Ended(Conclusion::NotStarted { reason })
        }
        // Ours was turned down, so what runs is somebody else's: followed, its end would be taken for ours.
        Status::Running { .. } => Sending::Ended(Conclusion::NotStarted { reason: busy() }),
        status @ (Status::NotRead | Status::Unavailable) => Sending::Ended(Conclusion::Unknown {
            reason: unknown(&format!("the drive aborted the command, but then {}", words(status))),
        }),
    }
}

fn busy() -> Reason {
    Reason::new(
        ReasonCode::FirmwareBusy,
        "a sanitize operation that is not ours runs on the drive",
        "wait for its end",
    )
}

/// A status in words that go on a sentence.
fn words(status: Status) -> &'static str {
    match status {
        Status::NotRead => "the status could not be read",
        Status::Unavailable => "the status came without registers that could be believed",
        Status::Running { .. } => "an operation runs",
        Status::Failed { .. } => "the last operation failed",
        Status::Frozen => "the sanitize feature set is frozen",
        Status::Completed => "the last operation completed",
        Status::Idle => "the drive knows of no operation",
        Status::NotRunning => {
            "nothing runs, but the sense format that came cannot tell a completed operation from a frozen drive"
        }
    }
}

fn refused(text: &str) -> Reason {
    Reason::new(ReasonCode::FirmwareRefused, text, "use another technique")
}

/// A drive aborts a command that it does not have without a reason. One whose last operation failed answers the status
/// in the same way, and while it is shut after a restricted one every sanitize that is not restricted, too. It takes a
/// restricted one: only a drive that aborts that has none.
fn nothing_but_aborts(mode: AfterFailure) -> Reason {
    match mode {
        AfterFailure::Restricted => Reason::new(
            ReasonCode::NoSuchCommand,
            "the drive aborts every SANITIZE DEVICE command without a reason, its status too, as one that has none",
            "use another technique",
        ),
        AfterFailure::Unrestricted => Reason::new(
            ReasonCode::FirmwareRefused,
            "the drive aborts the command without a reason, and its status too: it has no such command, or it is shut \
             since an operation failed and takes a restricted one only",
            "try a restricted one, which a shut drive takes: --profile retire; or use another technique",
        ),
    }
}

fn frozen() -> Reason {
    Reason::new(
        ReasonCode::Frozen,
        "the sanitize feature set of the drive is frozen",
        "cycle its power: plug it in again while the host runs, or suspend and resume the host",
    )
}

fn failed(reason: AbortReason) -> Reason {
    Reason::new(
        ReasonCode::FirmwareFailed,
        format!("the drive says that its sanitize operation failed: {}", reason.text()),
        "run it again, restricted; when it fails again the drive is to be destroyed",
    )
}

fn unknown(text: &str) -> Reason {
    Reason::new(ReasonCode::FirmwareUnknown, text, "follow it again with `expunge resume`")
}

#[cfg(test)]
mod tests;
