//! The bytes of the simulated TPer: what it reads and what it says.

/// A piece of a token stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A number.
    Number(u64),
    /// Bytes.
    Text(Vec<u8>),
    /// A token of one byte, F0h and up.
    Mark(u8),
}

/// Session numbers (TPer's, host's) and tokens of what a host sent; `None` when it makes no sense.
pub(super) fn hear(data: &[u8]) -> Option<(u32, u32, Vec<Item>)> {
    let word = |at: usize| Some(u32::from_be_bytes(*data.get(at..)?.first_chunk::<4>()?));
    // ComPacket 20 bytes (length in the last four), Packet 24, SubPacket 12.
    let (whole, packet, sub) = (word(16)?, word(40)?, word(52)?);
    if whole.checked_sub(24)? != packet || packet.checked_sub(12)?.checked_sub(sub)? > 3 {
        return None;
    }
    let stream = data.get(56..)?.get(..usize::try_from(sub).ok()?)?;
    Some((word(20)?, word(24)?, items(stream)?))
}

fn items(mut rest: &[u8]) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    while let Some((first, tail)) = rest.split_first() {
        if *first >= 0xF0 {
            items.push(Item::Mark(*first));
            rest = tail;
            continue;
        }
        if *first < 0x40 {
            items.push(Item::Number(u64::from(*first)));
            rest = tail;
            continue;
        }
        let (is_text, head, length) = match first {
            0x80..=0x8F => (false, 1, usize::from(first & 0xF)),
            0xA0..=0xAF => (true, 1, usize::from(first & 0xF)),
            0xD0..=0xD7 => (true, 2, usize::from(first & 7) << 8 | usize::from(*rest.get(1)?)),
            _ => return None,
        };
        let body = rest.get(head..head + length)?;
        items.push(if is_text {
            Item::Text(body.to_vec())
        } else {
            Item::Number(
                body.iter().try_fold(0_u64, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()))?,
            )
        });
        rest = rest.get(head + length..)?;
    }
    Some(items)
}

/// A ComPacket around a stream.
pub(super) fn say(com_id: u16, tper: u32, host: u32, stream: &[u8]) -> Vec<u8> {
    let mut body = stream.to_vec();
    body.resize(body.len().div_ceil(4) * 4, 0);
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = vec![0; 56];
    out[4..6].copy_from_slice(&com_id.to_be_bytes());
    out[16..20].copy_from_slice(&size(body.len() + 36));
    out[20..24].copy_from_slice(&tper.to_be_bytes());
    out[24..28].copy_from_slice(&host.to_be_bytes());
    out[40..44].copy_from_slice(&size(body.len() + 12));
    out[52..56].copy_from_slice(&size(stream.len()));
    out.extend(body);
    out
}

/// A ComPacket that says "not yet": outstanding data, no content.
pub(super) fn not_yet(com_id: u16) -> Vec<u8> {
    let mut out = vec![0; 20];
    out[4..6].copy_from_slice(&com_id.to_be_bytes());
    out[11] = 1;
    out
}

/// Results and a status list.
pub(super) fn ended(results: &[u8], status: u8) -> Vec<u8> {
    let mut out = results.to_vec();
    // Statuses below 64 are tiny atoms.
    out.extend([0xF9, 0xF0, status & 0x3F, 0, 0, 0xF1]);
    out
}

/// SyncSession with its numbers.
pub(super) fn sync(host: u32, tper: u32, status: u8) -> Vec<u8> {
    let mut out = vec![0xF8, 0xA8, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xA8, 0, 0, 0, 0, 0, 0, 0xFF, 3, 0xF0];
    for number in [host, tper] {
        out.push(0x84);
        out.extend(number.to_be_bytes());
    }
    out.push(0xF1);
    ended(&out, status)
}

/// One column of a row.
pub(super) fn cell(column: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![0xF0, 0xF0, 0xF2, column];
    out.extend(value);
    out.extend([0xF3, 0xF1, 0xF1]);
    ended(&out, 0)
}

/// Bytes of at most 15 as an atom, or at most 255 as a longer one.
pub(super) fn text(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    let mut out = if length < 16 { vec![0xA0 | length] } else { vec![0xD0, length] };
    out.extend(bytes);
    out
}
