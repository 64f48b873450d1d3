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

/// Whether what a report quotes of the drive's answers bears out that the command was carried out and was ours.
///
/// # Errors
/// What is missing or contradicts it, in words.
pub fn audit(command: &DriveCommand, report: &CommandReport) -> Result<(), String> {
    if report.conclusion == Conclusion::Confirmed && report.proof.is_empty() {
        return Err("it is called confirmed, and nothing shows that it was ours".to_owned());
    }
    let written = command.written();
    let quoted = |wanted: &String| report.exchanges.iter().any(|exchange| exchange.command == *wanted);
    match command {
        DriveCommand::NvmeSanitize(_)
        | DriveCommand::NvmeFormat(_)
        | DriveCommand::AtaSanitize(_)
        | DriveCommand::ScsiSanitize(_)
        | DriveCommand::AtaSecurityErase(_) => {
            let commands = written.iter().filter(|bytes| !bytes.starts_with("data "));
            match commands.clone().next() {
                None => Err("its parameters cannot be sent to any drive".to_owned()),
                Some(_) if report.exchanges.is_empty() => {
                    Err("nothing is quoted of what the drive answered".to_owned())
                }
                // One that was followed after an interruption was sent in an earlier report.
                Some(_) => Ok(()),
            }
        }
        DriveCommand::TcgRevert(_) => Ok(()),
    }
    .and_then(|()| {
        let said = report.exchanges.iter().any(|exchange| !exchange.answer.is_empty());
        if said || written.iter().any(quoted) { Ok(()) } else { Err("no answer is quoted".to_owned()) }
    })
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
