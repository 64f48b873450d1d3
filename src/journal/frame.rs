//! Form of a journal: lines of `DIGEST JSON`, where the digest is SHA-256 over the digest of the line before
//! (32 zero bytes for the first) and the JSON. A changed, missing or moved line breaks the chain.
//!
//! A crash can leave only the last line incomplete; it is cut off. Anything else wrong is damage and is
//! refused: a journal is never guessed.
use std::fmt;

use crate::unit::Digest;

/// Digest before the first line.
pub const START: Digest = Digest([0; 32]);

/// What a journal's bytes hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The JSON of each whole entry.
    pub entries: Vec<Vec<u8>>,
    /// Digest after the last whole entry.
    pub head: Digest,
    /// Bytes of the whole entries; what follows is torn and to be cut off.
    pub length: usize,
}

/// A journal that is not a prefix of what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Number of the first bad line, from 1.
    pub line: usize,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the journal does not belong there", self.line)
    }
}

impl std::error::Error for Damage {}

fn chained(head: Digest, json: &[u8]) -> Digest {
    let mut bytes = head.0.to_vec();
    bytes.extend_from_slice(json);
    Digest::of(&bytes)
}

/// The line for an entry after `head`, and the new head. The JSON holds no line feed: ours never does.
pub fn line(head: Digest, json: &[u8]) -> (Vec<u8>, Digest) {
    let head = chained(head, json);
    let mut line = format!("{head} ").into_bytes();
    line.extend_from_slice(json);
    line.push(b'\n');
    (line, head)
}

/// Digest of the chain over these entries, from the first.
pub fn head_of(entries: &[Vec<u8>]) -> Digest {
    entries.iter().fold(START, |head, json| chained(head, json))
}

/// Reads a journal back.
///
/// # Errors
/// [`Damage`] when a line other than an incomplete last one does not fit the chain.
pub fn recover(bytes: &[u8]) -> Result<Recovered, Damage> {
    let mut recovered = Recovered { entries: Vec::new(), head: START, length: 0 };
    for (number, whole) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(text) = whole.strip_suffix(b"\n") else { break };
        let damage = Damage { line: number + 1 };
        let (digest, json) = text.split_at_checked(64).ok_or(damage)?;
        let json = json.strip_prefix(b" ").ok_or(damage)?;
        let expected = chained(recovered.head, json);
        if digest != expected.to_string().as_bytes() {
            return Err(damage);
        }
        recovered.entries.push(json.to_vec());
        recovered.head = expected;
        recovered.length += whole.len();
    }
    Ok(recovered)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn journal(entries: &[&str]) -> Vec<u8> {
        let mut head = START;
        let mut bytes = Vec::new();
        for entry in entries {
            let (line, next) = line(head, entry.as_bytes());
            bytes.extend(line);
            head = next;
        }
        bytes
    }

    #[test]
    fn the_chain_is_what_sha256sum_says() {
        // { head -c 32 /dev/zero; printf '{"a":1}'; } | sha256sum
        let bytes = journal(&[r#"{"a":1}"#]);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text, include_str!("../../fixtures/journal/one-entry.journal"));
    }

    #[test]
    fn every_torn_end_recovers_the_whole_lines() {
        let bytes = journal(&[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#]);
        for cut in 0..=bytes.len() {
            let recovered = recover(&bytes[..cut]).unwrap();
            let lines = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(recovered.entries.len(), lines);
            assert!(recovered.length <= cut);
        }
    }

    #[test]
    fn a_changed_byte_is_damage_or_a_torn_end() {
        let bytes = journal(&[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#]);
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[position] ^= 1 << bit;
                match recover(&changed) {
                    Err(_) => {}
                    // Only the very last line feed can change and leave a valid prefix.
                    Ok(recovered) => assert!(position == bytes.len() - 1 && recovered.entries.len() == 2),
                }
            }
        }
    }

    #[test]
    fn a_missing_or_doubled_line_is_damage() {
        let bytes = journal(&[r#"{"a":1}"#, r#"{"b":2}"#]);
        let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        assert_eq!(recover(&bytes[first..]), Err(Damage { line: 1 }));
        let doubled = [&bytes[..first], &bytes[..]].concat();
        assert_eq!(recover(&doubled), Err(Damage { line: 2 }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _answer = recover(&bytes);
        }
    }
}
