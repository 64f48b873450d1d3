//! Reading of big-endian fields from bytes that may end anywhere.

/// Data that is not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It ends too early.
    TooShort {
        /// How many bytes came.
        bytes: usize,
        /// How many it takes for the field that is missing.
        needed: usize,
    },
    /// It is another page.
    AnotherPage {
        /// The page that was asked for.
        wanted: u8,
        /// The page that came.
        found: u8,
    },
    /// A number in it cannot be.
    Impossible,
}

/// `length` bytes from `offset`.
pub(super) fn piece(bytes: &[u8], offset: usize, length: usize) -> Result<&[u8], Malformed> {
    let needed = offset.saturating_add(length);
    bytes.get(offset..needed).ok_or(Malformed::TooShort { bytes: bytes.len(), needed })
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], Malformed> {
    let short = Malformed::TooShort { bytes: bytes.len(), needed: offset.saturating_add(N) };
    piece(bytes, offset, N)?.first_chunk::<N>().copied().ok_or(short)
}

/// The byte at `offset`.
pub(super) fn byte(bytes: &[u8], offset: usize) -> Result<u8, Malformed> {
    array::<1>(bytes, offset).map(|[byte]| byte)
}

/// Two bytes from `offset`.
pub(super) fn be16(bytes: &[u8], offset: usize) -> Result<u16, Malformed> {
    array(bytes, offset).map(u16::from_be_bytes)
}

/// Four bytes from `offset`.
pub(super) fn be32(bytes: &[u8], offset: usize) -> Result<u32, Malformed> {
    array(bytes, offset).map(u32::from_be_bytes)
}

/// Eight bytes from `offset`.
pub(super) fn be64(bytes: &[u8], offset: usize) -> Result<u64, Malformed> {
    array(bytes, offset).map(u64::from_be_bytes)
}

/// Printable ASCII without spaces and NULs around it; anything else in it becomes a question mark.
pub(super) fn text(bytes: &[u8]) -> String {
    let ends = |byte: &u8| *byte == b' ' || *byte == 0;
    let first = bytes.iter().position(|byte| !ends(byte)).unwrap_or(bytes.len());
    let last = bytes.iter().rposition(|byte| !ends(byte)).map_or(first, |last| last + 1);
    let inner = bytes.get(first..last).unwrap_or_default();
    inner.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '?' }).collect()
}
