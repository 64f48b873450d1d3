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

/// The mark of one stamped pass: drawn for each drive and pass, so that what an earlier pass or job left behind is
/// not taken for this one. It is no secret: whoever reads one unit knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StampTag(pub [u8; 8]);

impl TryFrom<String> for StampTag {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = from_hex(&text).ok_or("a tag is 16 hexadecimal digits")?;
        bytes.try_into().map(Self).map_err(|_| "a tag is 16 hexadecimal digits")
    }
}

impl From<StampTag> for String {
    fn from(tag: StampTag) -> Self {
        to_hex(&tag.0)
    }
}

/// Bytes that share one stamp. It is the smallest block of any drive, so every block carries at least one, and a
/// larger block that is stored in part shows it.
const STAMP_UNIT: usize = 512;

/// Bytes of a stamp: the number of the unit and the tag.
const STAMP_BYTES: usize = 16;

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
    /// Repeated bytes, but each unit of 512 bytes begins with a stamp: the unit's number (its byte offset divided
    /// by 512) in 8 bytes, big-endian, and the tag. So a block that was never written, or stands where another
    /// belongs, or answers for another, shows.
    Stamped {
        /// One period; what the stamps replace counts along.
        bytes: FixedBytes,
        /// Tag of this drive and pass.
        tag: StampTag,
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
            Self::Stamped { bytes, tag } => {
                fill_repeated(bytes.bytes(), offset, out);
                put_stamps(*tag, offset, out);
            }
        }
    }

    /// Equal values mean that [`Self::fill`] gives equal bytes at both offsets; `None` when offsets differ
    /// always. It lets a prepared buffer be written again without filling it anew.
    pub fn phase(&self, offset: u64) -> Option<u64> {
        match self {
            Self::Fixed { bytes } => Some(offset % bytes.bytes().len() as u64),
            Self::Keyed { .. } | Self::Stamped { .. } => None,
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

/// Puts a stamp, or the part of it that falls within, over the beginning of every unit.
fn put_stamps(tag: StampTag, offset: u64, out: &mut [u8]) {
    let unit_bytes = STAMP_UNIT as u64;
    // A remainder below 512 fits any usize.
    let within = usize::try_from(offset % unit_bytes).unwrap_or(0);
    let first = offset / unit_bytes;
    // What belongs to a unit that began before the buffer does.
    let (begun, whole) = out.split_at_mut(((STAMP_UNIT - within) % STAMP_UNIT).min(out.len()));
    if let Some(rest) = stamp(first, tag).get(within..) {
        for (slot, byte) in begun.iter_mut().zip(rest) {
            *slot = *byte;
        }
    }
    for (unit, out) in (offset.div_ceil(unit_bytes)..).zip(whole.chunks_mut(STAMP_UNIT)) {
        let stamp = stamp(unit, tag);
        match out.first_chunk_mut() {
            Some(place) => *place = stamp,
            None => out.copy_from_slice(&stamp[..out.len()]),
        }
    }
}

fn stamp(unit: u64, tag: StampTag) -> [u8; STAMP_BYTES] {
    let mut stamp = [0; STAMP_BYTES];
    stamp[..8].copy_from_slice(&unit.to_be_bytes());
    stamp[8..].copy_from_slice(&tag.0);
    stamp
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

    /// What a stamped pass over zeroes with the tag `a1..a8` holds, written out by hand.
    #[test]
    fn each_unit_of_a_stamped_pattern_begins_with_its_number_and_the_tag() {
        let tag = StampTag([0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8]);
        let zeroes = Pattern::Stamped { bytes: FixedBytes::byte(0), tag };
        let drive = filled(&zeroes, 0, 4096);
        for (unit, held) in drive.chunks(512).enumerate() {
            let number = u8::try_from(unit).unwrap();
            let stamp = [0, 0, 0, 0, 0, 0, 0, number, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8];
            assert_eq!(held[..16], stamp, "unit {unit}");
            assert_eq!(held[16..], [0; 496], "unit {unit}");
        }
        // 5 TiB = 10,737,418,240 units = 0x2_8000_0000: the number needs more than 32 bits.
        let far = [0, 0, 0, 2, 0x80, 0, 0, 0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0, 0];
        assert_eq!(filled(&zeroes, 5 << 40, 18), far);
        let last = [0, 0, 0, 2, 0x7F, 0xFF, 0xFF, 0xFF, 0xA1, 0xA2];
        assert_eq!(filled(&zeroes, (5 << 40) - 512, 10), last);
    }

    /// The bytes around the stamps run on from the start of the drive, as if there were none.
    #[test]
    fn a_stamped_pattern_can_begin_and_end_anywhere() {
        let bytes = FixedBytes::new(&[0x92, 0x49, 0x24]).unwrap();
        let tag = StampTag(*b"EXPUNGE!");
        let pattern = Pattern::Stamped { bytes, tag };
        // 512 = 3 * 170 + 2 and 528 = 3 * 176: behind the stamp of unit 1 the period begins anew.
        for (offset, expected) in [
            (509, &[0x24, 0x92, 0x49, 0, 0, 0, 0, 0, 0, 0, 1, b'E'][..]),
            (518, &[0, 1, b'E', b'X', b'P', b'U', b'N', b'G', b'E', b'!', 0x92, 0x49, 0x24, 0x92]),
            (519, &[1, b'E', b'X']),
            (527, &[b'!', 0x92]),
            (528, &[0x92, 0x49]),
            (1023, &[0x92, 0, 0, 0, 0, 0, 0, 0, 2, b'E', b'X', b'P', b'U', b'N', b'G', b'E', b'!', 0x24]),
            (700, &[]),
        ] {
            assert_eq!(filled(&pattern, offset, expected.len()), expected, "from byte {offset}");
        }
        // No other start gives the same bytes, so no buffer is used twice.
        assert_eq!((pattern.phase(0), pattern.phase(3)), (None, None));
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
            r#"{"type":"stamped","bytes":"00"}"#,
            r#"{"type":"stamped","bytes":"","tag":"0011223344556677"}"#,
            r#"{"type":"stamped","bytes":"00","tag":"00112233445566"}"#,
            r#"{"type":"stamped","bytes":"00","tag":"001122334455667g"}"#,
            r#"{"type":"random"}"#,
        ] {
            assert!(serde_json::from_str::<Pattern>(bad).is_err(), "{bad}");
        }
        let text = r#"{"type":"stamped","bytes":"924924","tag":"0123456789abcdef"}"#;
        let tag = StampTag([0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF]);
        let stamped = Pattern::Stamped { bytes: FixedBytes::new(&[0x92, 0x49, 0x24]).unwrap(), tag };
        assert_eq!(serde_json::from_str::<Pattern>(text).unwrap(), stamped);
        assert_eq!(serde_json::to_string(&stamped).unwrap(), text);
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
                Pattern::Stamped { bytes: FixedBytes::new(&period).unwrap(), tag: StampTag(*b"any part") },
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
