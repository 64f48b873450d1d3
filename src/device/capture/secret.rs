//! What names one very drive, in every way that it may be written, and the search for it.
use std::fmt;

use super::super::Identity;

/// Shortest text that is looked for. Anything shorter is found by chance.
const SHORTEST: usize = 4;

/// Something that names the drive and was found in a capture after redaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor {
    /// Where it was found, in words. What was found is not repeated.
    pub place: String,
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "something that names the drive is still in {}", self.place)
    }
}

/// Texts and numbers that name the drive.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    /// Each way of writing them, the longest first.
    written: Vec<Vec<u8>>,
}

impl Secrets {
    /// Of what the kernel knows.
    pub(super) fn of(identity: &Identity) -> Self {
        let mut secrets = Self::default();
        let Identity { serial, wwn, eui64, nguid, vendor: _, model: _, firmware: _, .. } = identity;
        for name in [serial, wwn, eui64, nguid].into_iter().flatten() {
            secrets.add_name(name);
        }
        secrets
    }

    /// A text as a drive or a kernel gives it, such as `naa.5000c500a1b2c3d4` or a serial number.
    pub(super) fn add_name(&mut self, name: &str) {
        let name = name.trim();
        let bare = ["naa.", "eui.", "uuid.", "nvme.", "t10.", "0x"]
            .iter()
            .find_map(|start| name.strip_prefix(start));
        for text in [Some(name), bare].into_iter().flatten() {
            self.add_text(text.as_bytes());
            let digits: String = text.chars().filter(|c| !matches!(c, '-' | ':' | '.' | ' ')).collect();
            if let Some(number) = crate::unit::digest::from_hex(&digits.to_ascii_lowercase()) {
                self.add_number(&number);
            }
        }
    }

    /// A field of a page that holds text; blanks and zero bytes around it do not count.
    pub(super) fn add_text(&mut self, field: &[u8]) {
        let is_blank = |byte: &u8| matches!(byte, 0 | b' ');
        let start = field.iter().position(|byte| !is_blank(byte)).unwrap_or(field.len());
        let end = field.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
        let Some(text) = field.get(start..end).filter(|text| text.len() >= SHORTEST && differs(text)) else {
            return;
        };
        let lower = text.to_ascii_lowercase();
        let upper = text.to_ascii_uppercase();
        for text in [text.to_vec(), lower, upper] {
            self.add(text.iter().flat_map(|byte| [*byte, 0]).collect());
            self.add(crate::unit::digest::to_hex(&text).into_bytes());
            self.add(swapped(&text));
            // One byte later in the words: the pairs are others.
            self.add(swapped(text.get(1..).unwrap_or_default()));
            self.add(text);
        }
    }

    /// A field that holds a number, in bytes of either order and as digits.
    pub(super) fn add_number(&mut self, field: &[u8]) {
        if field.len() < SHORTEST || !differs(field) {
            return;
        }
        let backward: Vec<u8> = field.iter().rev().copied().collect();
        for bytes in [field.to_vec(), backward, swapped(field)] {
            let digits = crate::unit::digest::to_hex(&bytes);
            self.add(digits.to_ascii_uppercase().into_bytes());
            self.add(digits.into_bytes());
            self.add(bytes);
        }
    }

    fn add(&mut self, bytes: Vec<u8>) {
        if bytes.len() >= SHORTEST && differs(&bytes) && !self.written.contains(&bytes) {
            self.written.push(bytes);
            self.written.sort_by_key(|bytes| std::cmp::Reverse(bytes.len()));
        }
    }

    /// Replaces every occurrence by as many `X`.
    pub(super) fn scrub(&self, bytes: &mut [u8]) {
        for secret in &self.written {
            while let Some(at) = find(bytes, secret) {
                if let Some(place) = bytes.get_mut(at..at + secret.len()) {
                    place.fill(PLACEHOLDER);
                }
            }
        }
    }

    /// Whether any of it is in there.
    pub(super) fn are_in(&self, bytes: &[u8]) -> bool {
        self.written.iter().any(|secret| find(bytes, secret).is_some())
    }
}

/// What stands in the place of a character or byte.
pub(super) const PLACEHOLDER: u8 = b'X';

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Not one byte over and over: placeholders, zeros and ones name nothing.
fn differs(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| bytes.iter().any(|byte| byte != first))
}

/// As in ATA words: the bytes of each pair exchanged.
fn swapped(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect()
}
