//! From a command to the state machine that carries it out.
use super::nvme::NvmeCommand;
use super::{Before, CommandReport, Conclusion, Secret, Start, Watch, ata, nvme, scsi, security, tcg};
use crate::command::DriveCommand;
use crate::io::Channel;
use crate::unit::{Reason, ReasonCode};

/// Looks at the drive right before a command.
///
/// # Errors
/// Why the command must not be sent.
pub fn before(
    channel: &mut Channel,
    command: &DriveCommand,
    watch: &mut dyn Watch,
) -> Result<Before, Reason> {
    match (command, channel) {
        (DriveCommand::NvmeSanitize(sanitize), Channel::Nvme(port)) => {
            nvme::before(port.as_mut(), &NvmeCommand::Sanitize(*sanitize), watch)
        }
        (DriveCommand::NvmeFormat(format), Channel::Nvme(port)) => {
            nvme::before(port.as_mut(), &NvmeCommand::Format(*format), watch)
        }
        (DriveCommand::AtaSanitize(_), Channel::Scsi(port)) => Ok(ata::before(port.as_mut(), watch)),
        (DriveCommand::AtaSecurityErase(_), Channel::Scsi(port)) => {
            Ok(security::before(port.as_mut(), watch))
        }
        (DriveCommand::ScsiSanitize(sanitize), Channel::Scsi(port)) => {
            scsi::before(port.as_mut(), sanitize, watch)
        }
        (DriveCommand::TcgRevert(_), channel) => Ok(tcg::before(channel, watch)),
        (DriveCommand::NvmeSanitize(_) | DriveCommand::NvmeFormat(_), Channel::Scsi(_))
        | (
            DriveCommand::AtaSanitize(_) | DriveCommand::AtaSecurityErase(_) | DriveCommand::ScsiSanitize(_),
            Channel::Nvme(_),
        ) => Err(mismatch()),
    }
}

/// Sends a command, or follows one, to its end.
pub fn run(
    channel: &mut Channel,
    command: &DriveCommand,
    secret: Option<&Secret>,
    start: Start,
    before: &Before,
    watch: &mut dyn Watch,
) -> CommandReport {
    match (command, channel) {
        (DriveCommand::NvmeSanitize(sanitize), Channel::Nvme(port)) => {
            nvme::run(port.as_mut(), &NvmeCommand::Sanitize(*sanitize), start, before, watch)
        }
        (DriveCommand::NvmeFormat(format), Channel::Nvme(port)) => {
            nvme::run(port.as_mut(), &NvmeCommand::Format(*format), start, before, watch)
        }
        (DriveCommand::AtaSanitize(sanitize), Channel::Scsi(port)) => {
            ata::run(port.as_mut(), sanitize, start, before, watch)
        }
        (DriveCommand::AtaSecurityErase(erase), Channel::Scsi(port)) => {
            security::run(port.as_mut(), erase, start, watch)
        }
        (DriveCommand::ScsiSanitize(sanitize), Channel::Scsi(port)) => {
            scsi::run(port.as_mut(), sanitize, start, before, watch)
        }
        (DriveCommand::TcgRevert(revert), channel) => tcg::run(channel, revert, secret, start, before, watch),
        (DriveCommand::NvmeSanitize(_) | DriveCommand::NvmeFormat(_), Channel::Scsi(_))
        | (
            DriveCommand::AtaSanitize(_) | DriveCommand::AtaSecurityErase(_) | DriveCommand::ScsiSanitize(_),
            Channel::Nvme(_),
        ) => no_way(start, mismatch()),
    }
}

/// The end of a command for which there is no way to the drive: one that was never sent was not started, of one that
/// was nothing is known.
pub fn no_way(start: Start, reason: Reason) -> CommandReport {
    let conclusion = match start {
        Start::Send => Conclusion::NotStarted { reason },
        Start::Follow | Start::FollowAccepted => Conclusion::Unknown { reason },
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
