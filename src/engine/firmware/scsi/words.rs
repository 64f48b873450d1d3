//! Reasons, each with what releases it.
use crate::command::scsi::Sense;
use crate::command::scsi::sense::{
    DATA_PROTECT, ILLEGAL_REQUEST, MEDIUM_ERROR, NO_SENSE, NOT_READY, RECOVERED_ERROR, UNIT_ATTENTION,
};
use crate::unit::{Reason, ReasonCode};

/// What a unit says of itself, as far as this engine distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// A sanitize operation runs (04h/1Bh).
    Sanitizing {
        /// Parts of 65,536, where told.
        progress: Option<u16>,
    },
    /// The last sanitize operation failed (31h/03h).
    Failed,
    /// Something else runs or is wanted first: a format, a self-test, spinning up, ...
    NotReady,
    /// Something happened to it (UNIT ATTENTION), which says nothing of how it is.
    Attention,
    /// Nothing out of the ordinary: no sense, or a warning of a predicted failure.
    Nothing,
    /// Anything else.
    Other,
}

pub(super) fn says(sense: &Sense) -> Says {
    if sense.is(0x04, 0x1b) && matches!(sense.key, NO_SENSE | NOT_READY) {
        return Says::Sanitizing { progress: sense.progress };
    }
    if sense.is(0x31, 0x03) {
        return Says::Failed;
    }
    match (sense.key, sense.code) {
        (UNIT_ATTENTION, _) => Says::Attention,
        (NOT_READY, _) | (NO_SENSE, Some((0x04, _))) => Says::NotReady,
        (NO_SENSE | RECOVERED_ERROR, None | Some((0x00, 0x00))) => Says::Nothing,
        // Warnings (0Bh), predicted failures (5Dh) and power conditions (5Eh) are no news of a sanitize operation.
        (NO_SENSE | RECOVERED_ERROR, Some((0x0b | 0x5d | 0x5e, _))) => Says::Nothing,
        _ => Says::Other,
    }
}

/// Sense in words and digits.
pub(super) fn spelled(sense: &Sense) -> String {
    let (code, qualifier) = sense.code.unwrap_or((0, 0));
    format!("sense key {:X}h, {code:02X}h/{qualifier:02X}h", sense.key)
}

pub(super) fn busy_sanitizing() -> Reason {
    Reason::new(
        ReasonCode::FirmwareBusy,
        "a sanitize operation that is not ours runs on the unit",
        "wait until it has ended, then try again",
    )
}

pub(super) fn reserved() -> Reason {
    Reason::new(
        ReasonCode::Reserved,
        "the unit answers RESERVATION CONFLICT: another host has reserved it",
        "have the holder release its reservation, or clear it with PERSISTENT RESERVE OUT",
    )
}

pub(super) fn write_protected() -> Reason {
    Reason::new(
        ReasonCode::ReadOnly,
        "the unit is write-protected (DATA PROTECT, 27h)",
        "remove the write protection: a switch, a jumper, or the mode page that sets it",
    )
}

/// By REPORT SUPPORTED OPERATION CODES.
pub(super) fn unsupported() -> Reason {
    Reason::new(
        ReasonCode::FirmwareRefused,
        "the unit does not have this SANITIZE service action",
        "choose another technique",
    )
}

/// By the answer to the command itself.
fn no_such_command(sense: &Sense) -> Reason {
    Reason::new(
        ReasonCode::NoSuchCommand,
        format!("the unit answers that it has no SANITIZE command ({})", spelled(sense)),
        "choose another technique; an adapter that holds the command back would answer the same",
    )
}

/// Why a unit that ended a command with this sense did not start it; `None` when it may have.
pub(super) fn not_started(sense: &Sense) -> Option<Reason> {
    let code = sense.code.unwrap_or((0, 0));
    match (sense.key, code) {
        (NO_SENSE | NOT_READY, (0x04, 0x1b)) => Some(busy_sanitizing()),
        (NOT_READY, _) => Some(not_ready(sense)),
        (ILLEGAL_REQUEST | DATA_PROTECT, (0x20, 0x02)) => Some(Reason::new(
            ReasonCode::Locked,
            "the unit gives this host no access rights (20h/02h)",
            "unlock it, or enrol this host, and try again",
        )),
        (DATA_PROTECT, (0x27, _)) => Some(write_protected()),
        (DATA_PROTECT, _) => Some(Reason::new(
            ReasonCode::Locked,
            format!("the unit protects its data ({})", spelled(sense)),
            "unlock it, and try again",
        )),
        (ILLEGAL_REQUEST, (0x20, 0x00)) => Some(no_such_command(sense)),
        (ILLEGAL_REQUEST, (0x20, _)) => Some(refused("the command", sense)),
        (ILLEGAL_REQUEST, (0x24, _)) => Some(refused("a field of the command", sense)),
        (ILLEGAL_REQUEST, (0x26 | 0x1a, _)) => Some(refused("the parameter list", sense)),
        (ILLEGAL_REQUEST, _) => Some(refused("the command", sense)),
        _ => None,
    }
}

fn refused(what: &str, sense: &Sense) -> Reason {
    Reason::new(
        ReasonCode::FirmwareRefused,
        format!("the unit does not accept {what} ({})", spelled(sense)),
        "choose another technique or other parameters",
    )
}

/// Why a unit that is not ready does not take the command.
pub(super) fn not_ready(sense: &Sense) -> Reason {
    let (text, remedy) = match sense.code {
        Some((0x04, 0x04)) => ("a format runs on the unit", "wait until it has ended, then try again"),
        Some((0x04, 0x09)) => (
            "a self-test runs on the unit",
            "wait until it has ended, or abort it with SEND DIAGNOSTIC, then try again",
        ),
        Some((0x04, 0x02 | 0x11)) => ("the unit is stopped", "start it with START STOP UNIT, then try again"),
        _ => ("the unit is not ready", "see what its sense data says, and try again"),
    };
    Reason::new(ReasonCode::FirmwareBusy, format!("{text} ({})", spelled(sense)), remedy)
}

pub(super) fn failed(sense: &Sense) -> Reason {
    let key = if sense.key == MEDIUM_ERROR { "MEDIUM ERROR" } else { "an error" };
    Reason::new(
        ReasonCode::FirmwareFailed,
        format!("the unit says that its sanitize operation failed ({key}, {})", spelled(sense)),
        "sanitize it again, or destroy it; exit failure mode frees it only after a sanitize that allowed that, and \
         old data may be readable then",
    )
}

pub(super) fn unknown(text: impl Into<String>) -> Reason {
    Reason::new(
        ReasonCode::FirmwareUnknown,
        text,
        "look again with resume, which sends nothing destructive; without a known end destroy the drive",
    )
}
