//! The content of a drive is the most foreign of all bytes. The first four bytes place the rest on a drive of
//! zeroes, at its start and before its end, so that superblocks and backup structures are both reached.
#![no_main]
use expunge::device::probe::probe;
use libfuzzer_sys::fuzz_target;

/// Smallest drive on which every signature has its place.
const DRIVE: usize = 2 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some((place, rest)) = bytes.split_first_chunk::<4>() else { return };
    let mut drive = vec![0; DRIVE];
    let room = DRIVE - rest.len().min(DRIVE);
    let offset = (u32::from_le_bytes(*place) as usize * 512).min(room);
    for (slot, byte) in drive[offset..].iter_mut().zip(rest) {
        *slot = *byte;
    }
    for (slot, byte) in drive[room..].iter_mut().zip(rest) {
        *slot |= *byte;
    }
    let found = probe(&drive[..]).expect("a drive in memory can be read");
    assert!(found.iter().all(|content| content.offset < DRIVE as u64));
});
