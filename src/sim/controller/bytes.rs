//! Numbers in foreign bytes, for the models alone: what lies outside the bytes reads as zero and is not written.

/// Bytes from a position on; those that are not there are zero.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    let there = bytes.get(at..).unwrap_or_default();
    let length = there.len().min(N);
    out[..length].copy_from_slice(&there[..length]);
    out
}

/// One byte.
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// Little-endian, 32 bits.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

/// Little-endian, 16 bits.
pub(super) fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

/// Big-endian, 16 bits.
pub(super) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(array(bytes, at))
}

/// Big-endian, 32 bits.
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(bytes, at))
}

/// Big-endian, 64 bits.
pub(super) fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}

/// Writes bytes at a position, as far as there is room.
pub(super) fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..) {
        let length = place.len().min(bytes.len());
        place[..length].copy_from_slice(&bytes[..length]);
    }
}

/// Text in a field of `length` bytes, filled with spaces.
pub(super) fn put_text(out: &mut [u8], at: usize, length: usize, text: &str) {
    let mut field = vec![b' '; length];
    put(&mut field, 0, text.as_bytes());
    put(out, at, &field);
}

/// The low eight bits.
pub(super) const fn low8(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

/// The low sixteen bits.
pub(super) const fn low16(value: u64) -> u16 {
    let bytes = value.to_le_bytes();
    u16::from_le_bytes([bytes[0], bytes[1]])
}

/// The low 32 bits.
pub(super) const fn low32(value: u64) -> u32 {
    let bytes = value.to_le_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// A count as an index: simulated drives fit the memory.
pub(super) fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
