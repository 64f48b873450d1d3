//! What a status on a Sanitize or Format command says about whether anything was started, and what helps.
use crate::command::nvme::status::FirmwareWaitsFor;
use crate::command::nvme::{Status, StatusField};
use crate::unit::{Reason, ReasonCode};

/// The reason of a status with which a drive refuses a command before it does anything; `None` for a status that does
/// not tell whether something was started.
pub(in crate::engine::firmware) fn refusal(field: StatusField) -> Option<Reason> {
    let (code, remedy) = remedy(field.status())?;
    Some(Reason::new(code, format!("the drive does not accept the command: {field}"), remedy))
}

fn remedy(status: Status) -> Option<(ReasonCode, &'static str)> {
    let refused = |remedy| Some((ReasonCode::FirmwareRefused, remedy));
    match status {
        Status::InvalidOpcode => Some((
            ReasonCode::NoSuchCommand,
            "the drive does not have this command, or the host's firmware has blocked it at start: try another \
             technique, or attach the drive to another host",
        )),
        Status::InvalidField => refused(
            "the drive does not have this action, or no-deallocate is inhibited: try another action or technique",
        ),
        Status::InvalidNamespace => refused("list the drive's namespaces again: this one does not exist"),
        Status::InvalidFormat => {
            refused("the present format of the namespace cannot be formatted to again: sanitize")
        }
        Status::CommandSequence => {
            refused("end what else is going on with this drive, then run the job again")
        }
        Status::NamespaceWriteProtected => refused(
            "end the write protection of every namespace (feature 84h) or cycle the power, then run it again",
        ),
        Status::MediaNotReady | Status::NamespaceNotReady => {
            refused("wait until the drive is ready, then run the job again")
        }
        Status::PersistentMemoryEnabled => {
            refused("disable the persistent memory region of the controller, then run the job again")
        }
        Status::SelfTestRunning => {
            refused("wait until the drive's self-test ends, or abort it, then run it again")
        }
        Status::TooManyNamespaceSanitizes => {
            refused("wait until other namespaces are sanitized, then run it again")
        }
        Status::FirmwarePending(waits) => refused(activation(waits)),
        Status::SanitizeFailed => refused(
            "the last sanitize operation failed, and the drive takes nothing but another one: run a sanitize, \
             restricted if that one was",
        ),
        Status::OperationDenied | Status::AccessDenied => Some((
            ReasonCode::Locked,
            "the drive is locked: unlock it, or revert it with the PSID on its label, then run the job again",
        )),
        Status::ReservationConflict => Some((
            ReasonCode::Reserved,
            "find the host that holds the reservation with `nvme resv-report`, and make it let go",
        )),
        Status::SanitizeInProgress | Status::FormatInProgress => Some((
            ReasonCode::FirmwareBusy,
            "an operation that is not ours runs: wait until it has ended, then run the job again",
        )),
        Status::Success | Status::InvalidLogPage | Status::Path(_) | Status::Other { .. } => None,
    }
}

const fn activation(waits: FirmwareWaitsFor) -> &'static str {
    match waits {
        FirmwareWaitsFor::ConventionalReset => {
            "new firmware waits to be activated: cycle the drive's power (a conventional reset), then run it again"
        }
        FirmwareWaitsFor::SubsystemReset => {
            "new firmware waits to be activated: reset the NVM subsystem (`nvme subsystem-reset`) or cycle its power"
        }
        FirmwareWaitsFor::ControllerReset => {
            "new firmware waits to be activated: reset the controller (`nvme reset`), then run the job again"
        }
        FirmwareWaitsFor::MoreTime => {
            "new firmware waits to be activated and needs more time for it: finish the activation, then run it again"
        }
    }
}
