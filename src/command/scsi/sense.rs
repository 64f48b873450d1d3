//! Sense data: why a command did not end GOOD, or, asked for by REQUEST SENSE, what the unit is doing.
//!
//! Sources: SPC by way of sg3_utils (second-hand, firmware-purge facts 3.2, standards facts 6.4 and 6.6);
//! `tests/readers` compares with `sg_decode_sense` as an independent reader.

/// NO SENSE.
pub const NO_SENSE: u8 = 0x0;
/// RECOVERED ERROR.
pub const RECOVERED_ERROR: u8 = 0x1;
/// NOT READY.
pub const NOT_READY: u8 = 0x2;
/// MEDIUM ERROR.
pub const MEDIUM_ERROR: u8 = 0x3;
/// HARDWARE ERROR.
pub const HARDWARE_ERROR: u8 = 0x4;
/// ILLEGAL REQUEST.
pub const ILLEGAL_REQUEST: u8 = 0x5;
/// UNIT ATTENTION.
pub const UNIT_ATTENTION: u8 = 0x6;
/// DATA PROTECT.
pub const DATA_PROTECT: u8 = 0x7;

/// Bytes of the ATA Status Return descriptor, with its two bytes of header.
pub const ATA_DESCRIPTOR_BYTES: usize = 14;

const ATA_STATUS_RETURN: u8 = 0x09;
const KEY_SPECIFIC: u8 = 0x02;
const ANOTHER_PROGRESS: u8 = 0x0a;
/// Bytes of descriptor sense before the first descriptor, and of fixed sense up to its length field.
const HEAD: usize = 8;

/// Whose sense it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// To the command that it came with (70h, 72h).
    ToThisCommand,
    /// To an earlier command (71h, 73h): it says nothing about the one it came with.
    ToAnEarlierCommand,
}

/// ATA registers that came with sense, as they lie; the `ata` module knows what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtaBytes {
    /// The ATA Status Return descriptor (09h 0Ch ...) of descriptor sense, header included.
    Descriptor([u8; ATA_DESCRIPTOR_BYTES]),
    /// Bytes 3 to 6 (information) and 8 to 11 (command-specific) of fixed sense, in which a SCSI/ATA translation
    /// layer puts registers; for any other unit they mean something else.
    Fixed {
        /// Bytes 3 to 6.
        information: [u8; 4],
        /// Bytes 8 to 11.
        specific: [u8; 4],
    },
}

/// Decoded sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sense {
    /// Whose it is.
    pub belongs: Belongs,
    /// Sense key, 0 to 15.
    pub key: u8,
    /// Additional sense code and its qualifier; `None` when the data ends before them.
    pub code: Option<(u8, u8)>,
    /// Parts of 65,536 that are done of what the unit is doing; `None` when it does not say.
    pub progress: Option<u16>,
    /// ATA registers, where such bytes came.
    pub ata: Option<AtaBytes>,
}

/// Bytes that are no sense data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSense {
    /// None came.
    Absent,
    /// They end before the sense key.
    TooShort {
        /// How many came.
        bytes: usize,
    },
    /// The response code is none of 70h to 73h.
    UnknownFormat {
        /// The response code.
        code: u8,
    },
}

impl Sense {
    /// Decodes sense data.
    ///
    /// # Errors
    /// [`NoSense`] when the bytes hold no sense key.
    pub fn decode(bytes: &[u8]) -> Result<Self, NoSense> {
        let first = *bytes.first().ok_or(NoSense::Absent)?;
        let code = first & 0x7f;
        let belongs = match code {
            0x70 | 0x72 => Belongs::ToThisCommand,
            0x71 | 0x73 => Belongs::ToAnEarlierCommand,
            _ => return Err(NoSense::UnknownFormat { code }),
        };
        let sense = if code < 0x72 { fixed(bytes, belongs) } else { descriptor(bytes, belongs) };
        sense.ok_or(NoSense::TooShort { bytes: bytes.len() })
    }

    /// Whether the additional sense code and qualifier are these.
    pub fn is(&self, code: u8, qualifier: u8) -> bool {
        self.code == Some((code, qualifier))
    }

    /// Whether it belongs to the command that it came with.
    pub fn is_current(&self) -> bool {
        self.belongs == Belongs::ToThisCommand
    }
}

fn fixed(bytes: &[u8], belongs: Belongs) -> Option<Sense> {
    let key = bytes.get(2)? & 0xf;
    // What lies behind the additional length is left over from something else.
    let told = bytes.get(7).map_or(bytes.len(), |length| HEAD + usize::from(*length));
    let bytes = bytes.get(..told).unwrap_or(bytes);
    let code = bytes.get(12).zip(bytes.get(13)).map(|(code, qualifier)| (*code, *qualifier));
    let progress = bytes.get(15..18).and_then(|specific| progress_in(key, specific));
    let information = bytes.get(3..7).and_then(|part| part.first_chunk::<4>());
    let specific = bytes.get(8..12).and_then(|part| part.first_chunk::<4>());
    let ata = information
        .zip(specific)
        .map(|(information, specific)| AtaBytes::Fixed { information: *information, specific: *specific });
    Some(Sense { belongs, key, code, progress, ata })
}

fn descriptor(bytes: &[u8], belongs: Belongs) -> Option<Sense> {
    let key = bytes.get(1)? & 0xf;
    let code = bytes.get(2).zip(bytes.get(3)).map(|(code, qualifier)| (*code, *qualifier));
    let mut sense = Sense { belongs, key, code, progress: None, ata: None };
    let told = HEAD + usize::from(bytes.get(7).copied().unwrap_or(0));
    let mut rest = bytes.get(..told).unwrap_or(bytes).get(HEAD..).unwrap_or_default();
    while let [kind, length, ..] = rest {
        let whole = 2 + usize::from(*length);
        let Some(item) = rest.get(..whole) else { break };
        match *kind {
            KEY_SPECIFIC => {
                let found = item.get(4..7).and_then(|specific| progress_in(key, specific));
                sense.progress = found.or(sense.progress);
            }
            // Bytes 2 to 4 say again what is in progress; a unit that does several things has several of these.
            ANOTHER_PROGRESS if sense.progress.is_none() => {
                let same = item.get(3).copied().zip(item.get(4).copied()) == code;
                let parts = item.get(6..8).and_then(|part| part.first_chunk::<2>());
                sense.progress = parts.filter(|_| same).map(|parts| u16::from_be_bytes(*parts));
            }
            ATA_STATUS_RETURN if sense.ata.is_none() => {
                sense.ata =
                    item.first_chunk::<ATA_DESCRIPTOR_BYTES>().map(|bytes| AtaBytes::Descriptor(*bytes));
            }
            _ => {}
        }
        rest = rest.get(whole..).unwrap_or_default();
    }
    Some(sense)
}

/// Progress in three sense-key-specific bytes: only NO SENSE and NOT READY have a progress there, other keys a field
/// pointer or a retry count (from memory of SPC).
fn progress_in(key: u8, specific: &[u8]) -> Option<u16> {
    match specific {
        [first, high, low] if first & 0x80 != 0 && matches!(key, NO_SENSE | NOT_READY) => {
            Some(u16::from_be_bytes([*high, *low]))
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "sense_tests.rs"]
mod tests;
