//! A capture: all that a drive was asked in a survey and all that it answered, without what names the very drive.
//! People can give it away, and it is read by the same decoders as the drive itself. The form is described in
//! `docs/captures.md`.

mod record;
mod redact;
mod replay;
mod secret;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::DriveFacts;
use crate::io::{NvmeAnswer, ScsiAnswer};
use crate::unit::digest::{from_hex, to_hex};

pub use record::{Recorder, recording};
pub use redact::redacted;
pub use replay::replay;
pub use secret::Survivor;

/// Schema of a capture.
pub const CAPTURE_SCHEMA: &str = "urn:expunge:capture:v1";

/// Bytes of a row.
const ROW: usize = 16;

/// Longest answer that a capture may hold, in bytes: the longest that a survey asks for is far below.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Capture {
    /// [`CAPTURE_SCHEMA`].
    pub schema: String,
    /// What the kernel says of the drive, with placeholders for what names it, and without `capability`: that is read
    /// out of the answers anew.
    pub drive: DriveFacts,
    /// Number of the namespace; `None` for SCSI and ATA.
    pub nsid: Option<u32>,
    /// What was asked and answered, in order.
    pub asked: Vec<Asked>,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Asked {
    /// The submission queue entry (64 bytes) or command block, as hexadecimal digits.
    pub command: String,
    /// What came back.
    pub answer: Answer,
    /// What the drive sent; `None` for a command without data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Received>,
}

/// What a survey asked and was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Questions {
    /// Number of the namespace; `None` for SCSI and ATA.
    pub nsid: Option<u32>,
    /// Questions and answers, in order, with everything that names the drive.
    pub asked: Vec<Asked>,
}

/// What came back, by the kind of port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "port", content = "told", rename_all = "kebab-case")]
pub enum Answer {
    /// Of an NVMe admin queue.
    Nvme(NvmeAnswer),
    /// Of a SCSI logical unit.
    Scsi(ScsiAnswer),
}

/// Bytes that a drive sent, in rows that people can look through. Rows of zeros are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Received {
    /// How many bytes.
    pub bytes: usize,
    /// Rows `OFFSET: DIGITS`: the offset of the first byte in hexadecimal, a multiple of 16, then up to 16 bytes.
    pub rows: Vec<String>,
}

impl Received {
    /// From bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let rows = (0..).step_by(ROW).zip(bytes.chunks(ROW));
        let rows = rows.filter(|(_, row)| row.iter().any(|byte| *byte != 0));
        let rows = rows.map(|(offset, row): (usize, _)| format!("{offset:04x}: {}", to_hex(row))).collect();
        Self { bytes: bytes.len(), rows }
    }

    /// The bytes; `None` when the rows are not as described.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        if self.bytes > ANSWER_BYTES_MAX {
            return None;
        }
        let mut bytes = vec![0; self.bytes];
        for row in &self.rows {
            let (offset, digits) = row.split_once(": ")?;
            let (offset, digits) = (usize::from_str_radix(offset, 16).ok()?, from_hex(digits)?);
            if !offset.is_multiple_of(ROW) || digits.len() > ROW {
                return None;
            }
            bytes.get_mut(offset..offset.checked_add(digits.len())?)?.copy_from_slice(&digits);
        }
        Some(bytes)
    }
}

impl Capture {
    /// Puts a capture together, redacted.
    ///
    /// # Errors
    /// When something that names the drive was still found in it: then nothing may be given away.
    pub fn of(drive: &DriveFacts, questions: Questions) -> Result<Self, Survivor> {
        let Questions { nsid, asked } = questions;
        redacted(Self { schema: CAPTURE_SCHEMA.to_owned(), drive: drive.clone(), nsid, asked })
    }

    /// From the text of a file.
    ///
    /// # Errors
    /// When it is no capture that can be read.
    pub fn parse(text: &str) -> Result<Self, NotACapture> {
        let capture: Self =
            serde_json::from_str(text).map_err(|error| NotACapture::Form { text: error.to_string() })?;
        if capture.schema != CAPTURE_SCHEMA {
            return Err(NotACapture::Schema { schema: capture.schema });
        }
        for (index, asked) in capture.asked.iter().enumerate() {
            let received = asked.received.as_ref().is_none_or(|received| received.bytes().is_some());
            if from_hex(&asked.command).is_none() || !received {
                return Err(NotACapture::Bytes { index });
            }
        }
        if let Some(geometry) = capture.drive.geometry()
            && geometry.capacity.0 == 0
        {
            return Err(NotACapture::Form { text: "the drive has no blocks".to_owned() });
        }
        Ok(capture)
    }
}

/// Why a file is no capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotACapture {
    /// It is no JSON of the form.
    Form {
        /// What is wrong.
        text: String,
    },
    /// It is of another form or version.
    Schema {
        /// What it says that it is.
        schema: String,
    },
    /// The bytes of a question or an answer cannot be read.
    Bytes {
        /// Its number in `asked`, from 0.
        index: usize,
    },
}

impl fmt::Display for NotACapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form { text } => write!(f, "it does not have the form of a capture: {text}"),
            Self::Schema { schema } => write!(f, "it says that it is {schema:?}, not {CAPTURE_SCHEMA:?}"),
            Self::Bytes { index } => write!(f, "the bytes of entry {index} of \"asked\" cannot be read"),
        }
    }
}

#[cfg(all(test, feature = "sim"))]
mod tests;
