//! NVMe Sanitize and Format NVM: sends them, follows them by the drive's own pages, and says what their end proves.
//!
//! A Sanitize command is answered when the operation begins; it then runs in the background, through resets and power
//! cycles, and nothing stops it. Its end is read from the sanitize status log (81h), which keeps the result of the
//! *last* operation for ever: what stands there is ours only if it names our command and something changed since the
//! snapshot that was taken before. A Format is answered when it is finished.

mod events;
mod format;
pub(super) mod refusal;
mod sanitize;
mod talk;

#[cfg(all(test, feature = "sim"))]
mod simulated;
#[cfg(test)]
mod tests;

use super::{Before, CommandReport, Start, Watch};
use crate::command::nvme::{Format, Sanitize, SanitizeMachine, SanitizeStatus};
use crate::io::channel::NvmePort;
use crate::unit::Reason;
use crate::unit::digest::from_hex;
use talk::Talk;

pub(super) use events::{WHOLE as WHOLE_EVENTS, shows_format, shows_sanitize};
pub use sanitize::exit_media_verification;

/// A command that this module carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NvmeCommand {
    /// Sanitize.
    Sanitize(Sanitize),
    /// Format NVM.
    Format(Format),
}

/// What the drive is like right before the command: status log, persistent event log where it has one, and for a
/// Format the shape of every namespace that it reaches.
///
/// # Errors
/// An operation that is not ours runs, or the pages by which the command would be followed cannot be read: then it
/// must not be sent.
pub fn before(
    port: &mut dyn NvmePort,
    command: &NvmeCommand,
    watch: &mut dyn Watch,
) -> Result<Before, Reason> {
    let mut talk = Talk::new(port, watch);
    match command {
        NvmeCommand::Sanitize(_) => sanitize::before(&mut talk)?,
        NvmeCommand::Format(format) => format::before(&mut talk, format)?,
    }
    Ok(Before { exchanges: talk.exchanges })
}

/// Sends the command and follows it to its end, or with [`Start::Follow`] follows one that was sent before. The
/// caller has made `before` and the command durable first.
pub fn run(
    port: &mut dyn NvmePort,
    command: &NvmeCommand,
    start: Start,
    before: &Before,
    watch: &mut dyn Watch,
) -> CommandReport {
    let mut talk = Talk::new(port, watch);
    let (conclusion, proof) = match command {
        NvmeCommand::Sanitize(sanitize) => sanitize::run(&mut talk, sanitize, start, before),
        NvmeCommand::Format(format) => format::run(&mut talk, format, start, before),
    };
    CommandReport { conclusion, proof, exchanges: talk.exchanges, notes: talk.notes }
}

/// Whether the drive stood in the media verification state when it was last asked: reads reach the medium itself until
/// [`exit_media_verification`].
pub fn is_in_media_verification(report: &CommandReport) -> bool {
    let last = report.exchanges.iter().rev().find_map(talk::sanitize_status);
    last.is_some_and(|status: SanitizeStatus| status.machine == SanitizeMachine::MediaVerification)
}

/// The bytes that the drive sent in an exchange.
fn received(exchange: &super::Exchange) -> Option<Vec<u8>> {
    exchange.received.as_deref().and_then(from_hex)
}
