//! From a command to the state machine that carries it out.
use super::{Before, CommandReport, Conclusion, Secret, Start, Watch};
use crate::command::DriveCommand;
use crate::io::Channel;
use crate::unit::{Reason, ReasonCode};

/// Looks at the drive right before a command.
///
/// # Errors
/// Why the command must not be sent.
pub fn before(
    _channel: &mut Channel,
    _command: &DriveCommand,
    _watch: &mut dyn Watch,
) -> Result<Before, Reason> {
    Err(mismatch())
}

/// Sends a command, or follows one, to its end.
pub fn run(
    _channel: &mut Channel,
    _command: &DriveCommand,
    _secret: Option<&Secret>,
    start: Start,
    _before: &Before,
    _watch: &mut dyn Watch,
) -> CommandReport {
    no_way(start, mismatch())
}

/// The bytes of a command, in the order in which they are sent, as hexadecimal digits.
pub fn bytes(_command: &DriveCommand) -> Vec<String> {
    Vec::new()
}

/// The password that a command sets on the drive, if it does.
pub fn password(_command: &DriveCommand) -> Option<String> {
    None
}

/// The end of a command for which there is no way to the drive: one that was never sent was not started, of one that
/// was nothing is known.
pub fn no_way(start: Start, reason: Reason) -> CommandReport {
    let conclusion = match start {
        Start::Send => Conclusion::NotStarted { reason },
        Start::Follow => Conclusion::Unknown { reason },
    };
    CommandReport { conclusion, proof: Vec::new(), exchanges: Vec::new(), notes: Vec::new() }
}

fn mismatch() -> Reason {
    Reason::new(
        ReasonCode::FirmwareRefused,
        "the drive is reached by other commands than the plan holds",
        "look at the drive with expunge inspect and make a new plan",
    )
}
