//! SHA-256 digests, written as 64 lowercase hexadecimal digits, and the hexadecimal notation itself.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of a value's canonical JSON: sorted keys, no white space. See [`canonical_json`].
    pub fn of_json<T: Serialize>(value: &T) -> Self {
        Self::of(&canonical_json(value))
    }
}

/// One byte string per value: JSON with object keys sorted and no white space. Our payloads hold no floating
/// point numbers and no integers from 2^53 on without a string form, so every JSON reader agrees on them.
///
/// # Panics
/// When the value cannot be written as JSON: a map with keys that are not strings, which no type of ours has.
pub fn canonical_json<T: Serialize>(value: &T) -> Vec<u8> {
    // serde_json's map is ordered by key as long as the feature "preserve_order" is off; a test holds that.
    let sorted = serde_json::to_value(value).expect("our types serialize to JSON");
    serde_json::to_vec(&sorted).expect("a JSON value serializes")
}

/// Lowercase hexadecimal digits of `bytes`.
pub fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// Bytes of hexadecimal digits in either case, or `None` for anything else.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

/// Text that is not a SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADigest;

impl fmt::Display for NotADigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SHA-256 digest is 64 hexadecimal digits")
    }
}

impl std::error::Error for NotADigest {}

impl FromStr for Digest {
    type Err = NotADigest;
    fn from_str(text: &str) -> Result<Self, NotADigest> {
        from_hex(text).and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(NotADigest)
    }
}

impl TryFrom<String> for Digest {
    type Error = NotADigest;
    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_abc_is_the_published_one() {
        // FIPS 180-4 example, as published by NIST.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), expected);
        assert_eq!(expected.parse::<Digest>(), Ok(Digest::of(b"abc")));
    }

    #[test]
    fn canonical_json_sorts_keys_and_has_no_white_space() {
        let value = serde_json::json!({"b": [1, 2], "a": {"z": null, "y": "x"}});
        assert_eq!(canonical_json(&value), br#"{"a":{"y":"x","z":null},"b":[1,2]}"#);
    }

    #[test]
    fn text_that_is_not_64_digits_is_no_digest() {
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66), "é"] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
