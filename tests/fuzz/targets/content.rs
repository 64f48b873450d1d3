//! The content of a drive is the most foreign of all bytes. The first four bytes place the rest on a drive of
//! zeroes, at its start and before its end, so that superblocks and backup structures are both reached.
#![no_main]
use std::io;

use expunge::device::probe::{ReadAt, probe};
use libfuzzer_sys::fuzz_target;

/// Smallest drive on which every signature has its place.
const DRIVE: usize = 2 << 20;

struct Drive(Vec<u8>);

impl ReadAt for Drive {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, piece: &mut [u8]) -> io::Result<()> {
        // The contract says that the piece lies within the drive; a panic here is a finding.
        let offset = usize::try_from(offset).expect("a drive in memory");
        piece.copy_from_slice(&self.0[offset..offset + piece.len()]);
        Ok(())
    }
}

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
    let found = probe(&Drive(drive)).expect("a drive in memory can be read");
    assert!(found.iter().all(|content| content.offset < DRIVE as u64));
});
