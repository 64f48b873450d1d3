//! What an overwrite writes: a pure function of (kind, key, byte offset), so that any block can be written,
//! written again and checked alone, in any order, years later, by another program.
use std::fmt;

use aes::Aes256;
use ctr::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use serde::{Deserialize, Serialize};

use super::digest::{from_hex, to_hex};

/// AES-256 in counter mode over the whole drive: the initial counter block is zero, and the block of 16 bytes
/// at byte offset `n` is the encryption of the 128-bit big-endian number `n / 16` (NIST SP 800-38A, 6.5).
///
/// So `head -c SIZE /dev/zero | openssl enc -aes-256-ctr -K KEY -iv 00000000000000000000000000000000` prints
/// what the drive must hold. `docs/performance.md` has the measurements that chose it over `ChaCha` and BLAKE3.
type KeyStream = ctr::Ctr128BE<Aes256>;

/// The key of one keyed pass: drawn for each drive and pass, never used twice. It is no secret once the pass
/// is over (it goes on the record), but before that a drive's firmware must not know it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PatternKey(pub [u8; 32]);

impl fmt::Debug for PatternKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PatternKey(not shown)")
    }
}

impl TryFrom<String> for PatternKey {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = from_hex(&text).ok_or("a pattern key is 64 hexadecimal digits")?;
        bytes.try_into().map(Self).map_err(|_| "a pattern key is 64 hexadecimal digits")
    }
}

impl From<PatternKey> for String {
    fn from(key: PatternKey) -> Self {
        to_hex(&key.0)
    }
}

/// 1 to 64 bytes, repeated over the whole drive without a break at block borders: the byte at offset `n` is
/// `bytes[n % len]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FixedBytes(Vec<u8>);

/// Longest fixed pattern, in bytes. The longest in use are the three bytes of Gutmann's passes.
pub const FIXED_BYTES_MAX: usize = 64;

impl FixedBytes {
    /// Accepts 1 to [`FIXED_BYTES_MAX`] bytes.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (1..=FIXED_BYTES_MAX).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// One byte repeated.
    pub fn byte(byte: u8) -> Self {
        Self(vec![byte])
    }

    /// The bytes of one period.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for FixedBytes {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        from_hex(&text)
            .and_then(|bytes| Self::new(&bytes))
            .ok_or("a fixed pattern is 1 to 64 bytes in hexadecimal digits")
    }
}

impl From<FixedBytes> for String {
    fn from(fixed: FixedBytes) -> Self {
        to_hex(&fixed.0)
    }
}

/// The bytes of one pass, all of them known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Pattern {
    /// Repeated bytes.
    Fixed {
        /// One period.
        bytes: FixedBytes,
    },
    /// The keyed stream: AES-256-CTR addressed by byte offset.
    #[serde(rename = "aes-256-ctr")]
    Keyed {
        /// Key of this drive and pass.
        key: PatternKey,
    },
}

impl Pattern {
    /// One byte over the whole drive.
    pub fn byte(byte: u8) -> Self {
        Self::Fixed { bytes: FixedBytes::byte(byte) }
    }

    /// Writes into `out` the bytes that belong at byte offset `offset` of the drive.
    ///
    /// `offset` is below 2^63: no drive is larger, and the counter of the keyed stream cannot wrap there.
    pub fn fill(&self, offset: u64, out: &mut [u8]) {
        match self {
            Self::Fixed { bytes } => fill_repeated(bytes.bytes(), offset, out),
            Self::Keyed { key } => {
                let mut stream = KeyStream::new(&key.0.into(), &[0; 16].into());
                stream.seek(offset);
                stream.write_keystream(out);
            }
        }
    }

    /// Equal values mean that [`Self::fill`] gives equal bytes at both offsets; `None` when offsets differ
    /// always. It lets a prepared buffer be written again without filling it anew.
    pub fn phase(&self, offset: u64) -> Option<u64> {
        match self {
            Self::Fixed { bytes } => Some(offset % bytes.bytes().len() as u64),
            Self::Keyed { .. } => None,
        }
    }
}

/// Bytes that are made one by one before the rest of a buffer is copied from them: few enough to stay in the
/// first-level cache, many enough that each copy is worth its call.
const COPIED_BYTES: usize = 4096;

fn fill_repeated(period: &[u8], offset: u64, out: &mut [u8]) {
    if let [byte] = period {
        out.fill(*byte);
        return;
    }
    // The remainder is below 64, so it fits any usize.
    let start = usize::try_from(offset % period.len() as u64).unwrap_or(0);
    // Whole periods, so that every copy begins where the head does.
    let whole = COPIED_BYTES.next_multiple_of(period.len()).min(out.len());
    let (head, rest) = out.split_at_mut(whole);
    for (slot, byte) in head.iter_mut().zip(period.iter().cycle().skip(start)) {
        *slot = *byte;
    }
    for part in rest.chunks_mut(whole.max(1)) {
        part.copy_from_slice(&head[..part.len()]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(pattern: &Pattern, offset: u64, length: usize) -> Vec<u8> {
        let mut out = vec![0xEE; length];
        pattern.fill(offset, &mut out);
        out
    }

    /// NIST SP 800-38A, F.5.5 (CTR-AES256.Encrypt): our stream at the offset whose counter is the vector's
    /// initial counter block gives ciphertext XOR plaintext. The counter f0f1...ff is reached by seeking only
    /// where the offset fits 64 bits, so the first test uses the zero counter and another program's output.
    #[test]
    fn keyed_stream_is_what_openssl_prints() {
        // openssl enc -aes-256-ctr -K 000102..1f -iv 0 -nosalt < 48 zero bytes (OpenSSL 3.0.19).
        let key: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let pattern = Pattern::Keyed { key: PatternKey(key) };
        let expected = include_str!("../../fixtures/pattern/aes-256-ctr.hex").trim();
        assert_eq!(to_hex(&filled(&pattern, 0, 48)), expected);
        // And unaligned, from the middle of a cipher block.
        assert_eq!(to_hex(&filled(&pattern, 5, 40)), expected[10..90]);
    }

    #[test]
    fn keyed_stream_counts_past_32_bits_as_openssl_does() {
        // Counter block 2^32 (offset 2^36 = 64 GiB): openssl enc with -iv 00000000000000000000000100000000.
        let key: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let pattern = Pattern::Keyed { key: PatternKey(key) };
        let expected = include_str!("../../fixtures/pattern/aes-256-ctr-64gib.hex").trim();
        assert_eq!(to_hex(&filled(&pattern, (1 << 36) - 16, 48)), expected);
    }

    #[test]
    fn three_byte_patterns_run_on_across_blocks() {
        let pattern = Pattern::Fixed { bytes: FixedBytes::new(&[0x92, 0x49, 0x24]).unwrap() };
        // 512 = 3 * 170 + 2: block 1 begins with the third byte.
        assert_eq!(filled(&pattern, 512, 4), [0x24, 0x92, 0x49, 0x24]);
        // Long after what is copied from: the last of 64 KiB from block 1 on are bytes 66,046 = 3 * 22,015 + 1 and
        // 66,047 of the drive.
        assert_eq!(filled(&pattern, 512, 65_536)[65_534..], [0x49, 0x24]);
    }

    #[test]
    fn debug_output_never_shows_a_key() {
        let pattern = Pattern::Keyed { key: PatternKey([0xAB; 32]) };
        assert!(!format!("{pattern:?}").to_lowercase().contains("abab"));
    }

    #[test]
    fn patterns_read_from_json_are_checked() {
        for bad in [
            r#"{"type":"fixed","bytes":""}"#,
            r#"{"type":"fixed","bytes":"0"}"#,
            r#"{"type":"aes-256-ctr","key":"00"}"#,
            r#"{"type":"random"}"#,
        ] {
            assert!(serde_json::from_str::<Pattern>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_part_can_be_made_alone(
            seed in any::<[u8; 32]>(),
            period in prop::collection::vec(any::<u8>(), 1..8),
            offset in 0u64..1 << 50,
            // Longer than what is copied from, more than once.
            (length, cut) in (2usize..10_000).prop_flat_map(|length| (Just(length), 1..length)),
        ) {
            for pattern in [
                Pattern::Keyed { key: PatternKey(seed) },
                Pattern::Fixed { bytes: FixedBytes::new(&period).unwrap() },
            ] {
                let whole = filled(&pattern, offset, length);
                let mut parts = filled(&pattern, offset, cut);
                parts.extend(filled(&pattern, offset + cut as u64, length - cut));
                prop_assert!(whole == parts);
                if let Some(phase) = pattern.phase(offset) {
                    prop_assert!(whole == filled(&pattern, phase, length));
                }
            }
        }
    }
}
