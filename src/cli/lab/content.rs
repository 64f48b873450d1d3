//! What the lab puts on its drives: pseudo-random bytes, and a line of text that any `grep` finds.
use std::io::{self, BufWriter, Write};

/// The text that stands in every marker line, on every drive of a lab.
pub(super) const MARKER: &str = "EXPUNGE-LAB-PATIENT-RECORD";

/// A marker stands at the start of each stretch of this many bytes, and at the start of the last block.
pub(super) const STRIDE: u64 = 64 * 1024;

/// Blocks that the content is made of, in bytes: the smallest block of any drive.
const BLOCK: usize = 512;

/// How many markers a drive of `bytes` with blocks of `block_size` carries.
pub(super) const fn marker_count(bytes: u64, block_size: u64) -> u64 {
    let last = bytes.saturating_sub(block_size);
    let at_last = if last.is_multiple_of(STRIDE) { 0 } else { 1 };
    bytes.div_ceil(STRIDE) + at_last
}

/// Writes the content of drive number `drive`: `bytes` bytes, a multiple of `block_size`.
///
/// # Errors
/// What the writer answers.
pub(super) fn write_content(out: impl Write, drive: u32, bytes: u64, block_size: u64) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let last = bytes.saturating_sub(block_size);
    let mut state = u64::from(drive);
    let mut offset = 0;
    while offset < bytes {
        let mut block = filling(&mut state);
        if offset.is_multiple_of(STRIDE) || offset == last {
            let line = marker_line(drive, offset);
            block[..line.len()].copy_from_slice(line.as_bytes());
        }
        out.write_all(&block)?;
        offset += BLOCK as u64;
    }
    out.flush()
}

/// A line of its own, so that `grep -c`, which counts lines, counts markers.
fn marker_line(drive: u32, offset: u64) -> String {
    format!("\n{MARKER} drive {drive:03} byte {offset:015}\n")
}

/// Pseudo-random bytes by `SplitMix64` (Steele, Lea, Flood, 2014). Not secret: only unlike any pattern.
fn filling(state: &mut u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for word in block.chunks_exact_mut(8) {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: u64, block_size: u64) -> Vec<u8> {
        let mut out = Vec::new();
        write_content(&mut out, 7, bytes, block_size).unwrap();
        out
    }

    #[test]
    fn markers_stand_where_they_are_promised_and_are_counted() {
        for (bytes, block_size, expected) in [
            (512, 512, vec![0]),
            (131_072, 4096, vec![0, 65_536, 126_976]),
            (66_048, 512, vec![0, 65_536]),
            (69_632, 4096, vec![0, 65_536]),
            (73_728, 4096, vec![0, 65_536, 69_632]),
        ] {
            let content = content(bytes, block_size);
            assert_eq!(content.len() as u64, bytes);
            let line = b"\nEXPUNGE-LAB-PATIENT-RECORD drive 007 byte 0";
            let found: Vec<u64> =
                (0..bytes).filter(|at| content[usize::try_from(*at).unwrap()..].starts_with(line)).collect();
            assert_eq!(found, expected);
            assert_eq!(marker_count(bytes, block_size), expected.len() as u64);
        }
    }

    /// First outputs of the reference implementation for the seed 1234567 (Rosetta Code, "Pseudo-random
    /// numbers/Splitmix64").
    #[test]
    fn the_filling_is_the_published_generator() {
        let block = filling(&mut 1_234_567);
        let words: Vec<u64> =
            block.chunks_exact(8).take(3).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
