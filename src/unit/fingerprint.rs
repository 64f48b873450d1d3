//! Fingerprints of blocks: what a block held can be known again without being kept. HMAC-SHA-256 (RFC 2104, FIPS 198-1)
//! under a key that is drawn for one command and used for nothing else, over the address and the bytes of one block, cut to
//! 128 bits (RFC 2104, section 5: not below half of the digest).
//!
//! Without the key a fingerprint tells nothing. With it, somebody who guesses what a block held can see whether the guess
//! is right: key and fingerprints together are kept in the journal only, and never get onto a record.
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::digest::{from_hex, to_hex};
use super::lba::Lba;

/// Bytes of one block of SHA-256, to which HMAC pads its key.
const HASH_BLOCK: usize = 64;

/// Longest period in bytes at which a block counts as blank. Patterns of the drives' own overwrites have four bytes.
const PERIOD: usize = 4;

/// Bytes at the beginning of a block that are spoiled before it is read.
pub const POISON_BYTES: usize = 8;

/// The throw-away key of the fingerprints of one command in one unit of a drive.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FingerprintKey(pub [u8; 32]);

/// What is kept of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 16]);

/// A block and its fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Print {
    /// The block.
    pub lba: Lba,
    /// Its fingerprint.
    pub mac: Fingerprint,
}

impl FingerprintKey {
    /// The fingerprint of a block at this address. The address is part of it, so that equal blocks do not look alike.
    pub fn fingerprint(&self, lba: Lba, block: &[u8]) -> Fingerprint {
        let whole = hmac_sha256(&self.0, &[b"block", &lba.0.to_be_bytes(), block]);
        let mut cut = [0; 16];
        cut.copy_from_slice(&whole[..16]);
        Fingerprint(cut)
    }

    /// What the beginning of a block is spoiled with before it is read. A block that begins so by chance is one in 2^64,
    /// and nobody who does not know the key can make one.
    pub fn poison(&self, lba: Lba) -> [u8; POISON_BYTES] {
        let whole = hmac_sha256(&self.0, &[b"poison", &lba.0.to_be_bytes()]);
        let mut cut = [0; POISON_BYTES];
        cut.copy_from_slice(&whole[..POISON_BYTES]);
        cut
    }
}

/// Whether a block is the repetition of its first four bytes: zeros, ones, any constant, and whatever a drive's own
/// overwrite leaves. That it changes, or does not, tells nothing.
pub fn is_blank(block: &[u8]) -> bool {
    block.iter().zip(block.iter().skip(PERIOD)).all(|(byte, later)| byte == later)
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut padded = [0; HASH_BLOCK];
    padded[..key.len()].copy_from_slice(key);
    let begin = |byte: u8| Sha256::new().chain_update(padded.map(|one| one ^ byte));
    let mut inner = begin(0x36);
    for part in parts {
        inner.update(part);
    }
    begin(0x5C).chain_update(inner.finalize()).finalize().into()
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(not shown)")
    }
}

impl TryFrom<String> for FingerprintKey {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = from_hex(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("a key of fingerprints is 64 hexadecimal digits")
    }
}

impl From<FingerprintKey> for String {
    fn from(key: FingerprintKey) -> Self {
        to_hex(&key.0)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = from_hex(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("a fingerprint is 32 hexadecimal digits")
    }
}

impl From<Fingerprint> for String {
    fn from(print: Fingerprint) -> Self {
        to_hex(&print.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_the_published_examples() {
        // RFC 4231, 4.2, 4.3 and 4.4: test cases 1 to 3.
        let rows: [(&[u8], &[u8], &str); 3] = [
            (&[0x0B; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xAA; 20], &[0xDD; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        ];
        for (key, data, expected) in rows {
            let (one, two) = data.split_at(3);
            assert_eq!(to_hex(&hmac_sha256(key, &[one, two])), expected);
        }
    }

    #[test]
    fn a_fingerprint_is_of_one_key_one_address_and_all_bytes() {
        let key = FingerprintKey([7; 32]);
        let block = [3; 512];
        let own = key.fingerprint(Lba(9), &block);
        assert_eq!(own, key.fingerprint(Lba(9), &block));
        let mut other = block;
        other[511] ^= 1;
        assert_ne!(own, key.fingerprint(Lba(9), &other));
        assert_ne!(own, key.fingerprint(Lba(8), &block));
        assert_ne!(own, FingerprintKey([8; 32]).fingerprint(Lba(9), &block));
        assert_ne!(key.poison(Lba(9)), key.poison(Lba(8)));
    }

    #[test]
    fn what_repeats_four_bytes_is_blank() {
        let blank = |block: &[u8]| is_blank(block);
        assert!(blank(&[0; 512]) && blank(&[0xFF; 4096]));
        assert!(blank(&[0xDE, 0xAD, 0xBE, 0xEF].repeat(128)) && blank(&[1, 2].repeat(256)));
        let mut label = [0; 512];
        label[510] = 0x55;
        assert!(!blank(&label));
        let mut last = [0; 512];
        last[511] = 1;
        assert!(!blank(&last));
        assert!(!blank(&[1, 2, 3, 4, 5].repeat(103)[..512]));
    }
}
