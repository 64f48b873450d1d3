//! What a command came to, once more from what is quoted of the drive's answers: for whoever holds a record and not
//! the drive. Nothing is taken from the report but the bytes that went over the wire; its words are what is checked.
//!
//! Each interface says which proofs its exchanges show. A report may claim no other.

mod ata;
mod nvme;
mod scsi;
mod tcg;

use std::fmt;

use super::{Before, CommandReport, Conclusion, Exchange, Proof};
use crate::command::DriveCommand;
use crate::io::ScsiAnswer;
use crate::unit::digest::{from_hex, to_hex};
use crate::unit::term::word;

/// Why a report does not bear out what it concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// The parameters are none that can be sent.
    NoSuchCommand,
    /// An end that is a success, and no exchange with the drive.
    NothingQuoted,
    /// Exchanges that are not in the order of their times, or that took place no times.
    OutOfOrder,
    /// Nothing is quoted of what the drive was like before.
    NoBefore,
    /// Another operation ran, by what is quoted from before.
    BusyBefore,
    /// Confirmed, and nothing is named that shows it.
    NoProof,
    /// Something is named as a proof beside an end that is not confirmed.
    ProofOfNothing,
    /// This is named as a proof, and no exchange shows it.
    NotShown(Proof),
    /// The drive did not take the command, by its quoted answer.
    NotTaken,
    /// What was sent with the command is not what belongs to it.
    OtherParameters,
    /// The last quoted word of the drive is not that it succeeded, or there is none.
    NotTheEnd,
    /// The last quoted word of the drive is about another command.
    AnotherCommand,
    /// The drive is quoted with a failure.
    FailureTold,
    /// Blocks or format are not what they were.
    ShapeChanged,
    /// Another drive answered at the end.
    AnotherDrive,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchCommand => "its parameters cannot be sent to any drive",
            Self::NothingQuoted => "it is called a success, and nothing is quoted of what the drive answered",
            Self::OutOfOrder => "the quoted exchanges are not in the order of their times",
            Self::NoBefore => "nothing is quoted of what the drive was like before",
            Self::BusyBefore => "another operation ran on the drive, by what it said before",
            Self::NoProof => "it is called confirmed, and nothing shows that it was ours",
            Self::ProofOfNothing => "something is named as a proof, but the end is not confirmed",
            Self::NotShown(proof) => {
                return write!(f, "{} is named as a proof, and no quoted exchange shows it", word(proof));
            }
            Self::NotTaken => "the drive did not take the command, by its quoted answer",
            Self::OtherParameters => "what was sent with the command is not what belongs to it",
            Self::NotTheEnd => "the last quoted word of the drive is not that it succeeded",
            Self::AnotherCommand => "the drive reports the end of another command",
            Self::FailureTold => "the drive is quoted with a failure",
            Self::ShapeChanged => "the number of blocks or their format is not what it was before",
            Self::AnotherDrive => "another drive answered at the end than at the beginning",
        })
    }
}

impl std::error::Error for Contradiction {}

/// Whether what a report quotes of the drive's answers bears out what it concludes; `before` is what is quoted from
/// right before the command. Ends that are no success are not doubted: nothing is claimed on them.
///
/// # Errors
/// The first [`Contradiction`].
pub fn audit(command: &DriveCommand, before: &Before, report: &CommandReport) -> Result<(), Contradiction> {
    let is_success = match &report.conclusion {
        Conclusion::Confirmed if report.proof.is_empty() => return Err(Contradiction::NoProof),
        Conclusion::Confirmed => true,
        _ if !report.proof.is_empty() => return Err(Contradiction::ProofOfNothing),
        Conclusion::Claimed => true,
        Conclusion::NotStarted { .. } | Conclusion::Failed { .. } | Conclusion::Unknown { .. } => false,
    };
    in_order(&before.exchanges)?;
    in_order(&report.exchanges)?;
    if !is_success {
        return Ok(());
    }
    if report.exchanges.is_empty() {
        return Err(Contradiction::NothingQuoted);
    }
    let quoted = Quoted { before: &before.exchanges, after: &report.exchanges };
    let shown = match command {
        DriveCommand::NvmeSanitize(sanitize) => nvme::sanitize(sanitize, quoted)?,
        DriveCommand::NvmeFormat(format) => nvme::format(format, quoted)?,
        DriveCommand::AtaSanitize(sanitize) => ata::sanitize(sanitize, quoted)?,
        DriveCommand::AtaSecurityErase(erase) => ata::security_erase(erase, quoted)?,
        DriveCommand::ScsiSanitize(sanitize) => scsi::sanitize(sanitize, quoted)?,
        DriveCommand::TcgRevert(_) => tcg::revert(quoted)?,
    };
    match report.proof.iter().find(|proof| !shown.contains(proof)) {
        Some(proof) => Err(Contradiction::NotShown(*proof)),
        None => Ok(()),
    }
}

/// Whether a report quotes the sending of the command. One that was followed after an interruption does not.
pub fn quotes_sending(command: &DriveCommand, report: &CommandReport) -> bool {
    let written = command.written();
    let is_sending = |exchange: &Exchange| match command {
        DriveCommand::TcgRevert(_) => tcg::is_revert(exchange),
        DriveCommand::AtaSecurityErase(_) => ata::is_erase(exchange),
        DriveCommand::NvmeSanitize(_)
        | DriveCommand::NvmeFormat(_)
        | DriveCommand::AtaSanitize(_)
        | DriveCommand::ScsiSanitize(_) => written.first() == Some(&exchange.command),
    };
    report.exchanges.iter().any(is_sending)
}

/// Whether the last sanitize status log that a report quotes says that the drive purged (PRGD).
pub fn reports_purge(report: &CommandReport) -> bool {
    nvme::reports_purge(&report.exchanges)
}

/// What is quoted: right before the command, and from its sending on.
#[derive(Clone, Copy)]
struct Quoted<'a> {
    before: &'a [Exchange],
    after: &'a [Exchange],
}

impl<'a> Quoted<'a> {
    /// The last exchange that sent these bytes, and those after it; all of them when it was sent before an
    /// interruption.
    fn since(&self, command: &[u8]) -> (Option<&'a Exchange>, &'a [Exchange]) {
        let wanted = to_hex(command);
        match self.after.iter().rposition(|exchange| exchange.command == wanted) {
            None => (None, self.after),
            Some(place) => (self.after.get(place), self.after.get(place + 1..).unwrap_or_default()),
        }
    }
}

fn in_order(exchanges: &[Exchange]) -> Result<(), Contradiction> {
    let sorted = exchanges.is_sorted_by_key(|exchange| exchange.at_millis);
    let counted = exchanges.iter().all(|exchange| exchange.times > 0);
    if sorted && counted { Ok(()) } else { Err(Contradiction::OutOfOrder) }
}

/// The bytes that the drive sent.
fn received(exchange: &Exchange) -> Option<Vec<u8>> {
    from_hex(exchange.received.as_deref()?)
}

/// The answer of a SCSI unit or a translation layer, from its line; `None` when none of the drive came.
fn scsi_answer(exchange: &Exchange) -> Option<ScsiAnswer> {
    let rest = exchange.answer.strip_prefix("status ")?;
    let (status, sense) = rest.split_once(" sense ").unwrap_or((rest, ""));
    let status = u8::from_str_radix(status, 16).ok()?;
    Some(ScsiAnswer::Answered { status, sense: from_hex(sense)?, moved: 0 })
}
