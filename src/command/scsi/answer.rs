//! What a unit answered to a command, read in the right order: did the way to it work, what is the status, whose is
//! the sense.
use super::sense::{self, Sense};
use crate::io::ScsiAnswer;

/// A reading of a [`ScsiAnswer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// GOOD or CONDITION MET.
    Good,
    /// CHECK CONDITION with sense of this command.
    Check(Sense),
    /// CHECK CONDITION with sense of an earlier command: this one was not answered.
    Deferred(Sense),
    /// UNIT ATTENTION: the unit did not look at the command; it may be sent again.
    Attention(Sense),
    /// RESERVATION CONFLICT.
    Reserved,
    /// BUSY or TASK SET FULL: the unit did not take the command.
    Busy,
    /// Any other status, or CHECK CONDITION without sense that can be read.
    Other {
        /// SCSI status byte.
        status: u8,
    },
    /// The command may or may not have reached the unit.
    Lost,
}

/// Reads an answer.
pub fn read(answer: &ScsiAnswer) -> Reading {
    let (status, bytes) = match answer {
        ScsiAnswer::Answered { status, sense, .. } => (*status, sense),
        ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => return Reading::Lost,
    };
    match status {
        0x00 | 0x04 => Reading::Good,
        0x02 => match Sense::decode(bytes) {
            Ok(sense) if !sense.is_current() => Reading::Deferred(sense),
            Ok(sense) if sense.key == sense::UNIT_ATTENTION => Reading::Attention(sense),
            Ok(sense) => Reading::Check(sense),
            Err(_) => Reading::Other { status },
        },
        0x08 | 0x28 => Reading::Busy,
        0x18 => Reading::Reserved,
        _ => Reading::Other { status },
    }
}
