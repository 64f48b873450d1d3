//! SCSI commands: INQUIRY and its pages, capacity, supported operation codes, SANITIZE, FORMAT UNIT, sense data.
//!
//! Sources: SPC and SBC as second-hand in the project's facts (sg3_utils, openSeaChest, drive manuals); what is from
//! memory says so.

pub mod answer;
pub mod ask;
pub mod bytes;
pub mod inquiry;
pub mod sanitize;
pub mod sense;
pub mod told;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use bytes::Malformed;
pub use sense::Sense;

use super::{AfterFailure, DriveOverwrite};

/// SCSI SANITIZE (48h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sanitize {
    /// What is done.
    pub action: SanitizeAction,
    /// AUSE.
    pub after_failure: AfterFailure,
    /// IMMED.
    pub answer: AnswerWhen,
}

/// What a SANITIZE command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "with", rename_all = "kebab-case")]
pub enum SanitizeAction {
    /// Service action 01h, 1 to 31 passes.
    Overwrite(DriveOverwrite),
    /// Service action 02h.
    BlockErase,
    /// Service action 03h.
    CryptoErase,
}

/// When a command is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerWhen {
    /// When it was accepted (IMMED = 1): the drive is polled.
    Accepted,
    /// When it is finished.
    Finished,
}
