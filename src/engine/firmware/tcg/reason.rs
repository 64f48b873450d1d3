//! The sentences of a revert that did not end well.

use super::{Authority, Conclusion, MethodStatus};
use crate::command::tcg::psid::NotAPsid;
use crate::device::security::NoDiscovery;
use crate::unit::Reason;
use crate::unit::reason::ReasonCode;

const OTHER_TECHNIQUE: &str = "use the drive's sanitize command, or another technique";
const POWER_CYCLE: &str = "cycle the drive's power and run it again";

fn not_started(code: ReasonCode, text: impl Into<String>, remedy: impl Into<String>) -> Conclusion {
    Conclusion::NotStarted { reason: Reason::new(code, text, remedy) }
}

fn unknown(code: ReasonCode, text: impl Into<String>, remedy: impl Into<String>) -> Conclusion {
    Conclusion::Unknown { reason: Reason::new(code, text, remedy) }
}

pub(super) fn no_psid() -> Conclusion {
    not_started(
        ReasonCode::BadRequest,
        "a revert as PSID needs the PSID",
        "give the 32 characters printed on the drive",
    )
}

pub(super) fn not_a_psid(why: NotAPsid) -> Conclusion {
    not_started(
        ReasonCode::WrongCredential,
        format!("{why}; nothing was sent, and no try is used up"),
        "read the label again: 32 characters, and 0 is not O",
    )
}

pub(super) fn no_msid() -> Conclusion {
    not_started(
        ReasonCode::FirmwareRefused,
        "the drive does not show its default credential",
        "revert it with the PSID on its label",
    )
}

pub(super) fn no_discovery(no: NoDiscovery) -> Conclusion {
    not_started(ReasonCode::FirmwareRefused, no.to_string(), no.remedy())
}

pub(super) fn no_class() -> Conclusion {
    not_started(
        ReasonCode::FirmwareRefused,
        "TCG is not usable: the drive names no security subsystem class that is known here",
        OTHER_TECHNIQUE,
    )
}

pub(super) fn enterprise() -> Conclusion {
    not_started(
        ReasonCode::FirmwareRefused,
        "a drive of the TCG Enterprise class is not reverted here: its sessions are others, and it erases band by \
         band",
        "use the drive's sanitize command, or its maker's tool",
    )
}

pub(super) fn no_media_encryption() -> Conclusion {
    not_started(
        ReasonCode::FirmwareRefused,
        "the drive does not say that it encrypts its medium, so a revert destroys no media key",
        OTHER_TECHNIQUE,
    )
}

pub(super) fn sid_blocked() -> Conclusion {
    not_started(
        ReasonCode::Frozen,
        "the host's firmware blocked the authority SID until the power is cycled",
        "cycle the power of the drive alone, switch the blocking off in the firmware, or use the PSID",
    )
}

pub(super) fn stopped_before() -> Conclusion {
    not_started(ReasonCode::Stopped, "stopped before the revert was sent", "run it again")
}

/// A session was refused with this status.
pub(super) fn no_session(status: MethodStatus, authority: Authority) -> Conclusion {
    let credential = match authority {
        Authority::Psid => "the PSID",
        Authority::SidByMsid => "SID with the default credential",
    };
    match status {
        MethodStatus::NOT_AUTHORIZED => not_started(
            ReasonCode::WrongCredential,
            format!(
                "the drive did not accept {credential}: {status}; this was one try, and drives typically allow 5"
            ),
            match authority {
                Authority::Psid => {
                    "compare with the label, 0 is not O; a power cycle gives all tries back; it is not tried again \
                     by itself"
                }
                Authority::SidByMsid => "somebody owns this drive: revert it with the PSID on its label",
            },
        ),
        MethodStatus::AUTHORITY_LOCKED_OUT => not_started(
            ReasonCode::Frozen,
            format!("the drive looks at no credential any more after too many wrong ones: {status}"),
            "cycle the drive's power, then compare the PSID with the label before the next try",
        ),
        MethodStatus::SP_BUSY | MethodStatus::NO_SESSIONS_AVAILABLE => not_started(
            ReasonCode::FirmwareBusy,
            format!("another session holds the drive, also after a reset of its stack: {status}"),
            "stop what else talks TCG to the drive, or cycle its power",
        ),
        MethodStatus(_) => not_started(
            ReasonCode::FirmwareRefused,
            format!("the drive opened no session: {status}"),
            POWER_CYCLE,
        ),
    }
}

pub(super) fn session_lost(why: &str) -> Conclusion {
    not_started(
        ReasonCode::FirmwareRefused,
        format!("no session came to be, and the try may have been counted: {why}"),
        POWER_CYCLE,
    )
}

/// The revert was answered with this status.
pub(super) fn revert_refused(status: MethodStatus) -> Conclusion {
    match status.0 {
        // The session may not, the SP cannot now, or the call is not known: refused before anything was done.
        0x01 | 0x03 | 0x05 | 0x06 | 0x0B | 0x0C => not_started(
            ReasonCode::FirmwareRefused,
            format!("the drive refused the revert: {status}"),
            OTHER_TECHNIQUE,
        ),
        _ => Conclusion::Failed {
            reason: Reason::new(
                ReasonCode::FirmwareFailed,
                format!("the drive says that the revert failed: {status}"),
                POWER_CYCLE,
            ),
        },
    }
}

pub(super) fn revert_not_taken(why: &str) -> Conclusion {
    not_started(ReasonCode::FirmwareRefused, format!("the drive did not take the revert: {why}"), POWER_CYCLE)
}

pub(super) fn stopped_after() -> Conclusion {
    unknown(
        ReasonCode::FirmwareUnknown,
        "stopped after the revert was sent, before its end was seen",
        "resume the job: it asks the drive where it stands",
    )
}

pub(super) fn unknown_after(why: &str) -> Conclusion {
    unknown(
        ReasonCode::FirmwareUnknown,
        format!("the revert was sent, and the drive does not say where it stands: {why}"),
        "cycle the drive's power and resume the job",
    )
}

pub(super) fn still_closed() -> Conclusion {
    Conclusion::Failed {
        reason: Reason::new(
            ReasonCode::FirmwareFailed,
            "the drive said that it reverted, and locking is still on, something is locked, or a shadow MBR is enabled",
            "cycle the drive's power and run it again; if that changes nothing, destroy the drive",
        ),
    }
}

pub(super) fn as_before() -> Conclusion {
    unknown(
        ReasonCode::FirmwareUnknown,
        "the revert was not answered, and the drive is locked or set up for locking as before",
        "cycle the drive's power and run the revert again",
    )
}

pub(super) fn unanswered_and_unchanged() -> Conclusion {
    unknown(
        ReasonCode::FirmwareUnknown,
        "the revert was not answered, and a drive whose locking was not on looks the same before and after",
        "cycle the drive's power and run the revert again",
    )
}
