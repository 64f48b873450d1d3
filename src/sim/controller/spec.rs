//! What every simulated controller has: cells, times, and the ways in which it misbehaves.
use super::quirk::Quirk;
use crate::sim::spec::Wear;

/// Cells and times of a drive, and its quirks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Seed of what crypto erase leaves behind.
    pub seed: u64,
    /// Number of the drive; its old data and its names carry it.
    pub drive: u64,
    /// Bytes of a block: 512 or 4096; of a SCSI drive also 520, 528, 4104 and the like.
    pub block_bytes: u32,
    /// Addresses up to the native end, at least 1.
    pub blocks: u64,
    /// Over-provisioned cells, with old data in them.
    pub spare: u64,
    /// Addresses whose first cell was retired, with old data in it.
    pub remapped: Vec<u64>,
    /// Addresses whose cell is retired at the next write, with what it holds: a spare one takes its place.
    pub dying: Vec<u64>,
    /// Where writes land.
    pub wear: Wear,
    /// Virtual milliseconds that each command takes.
    pub command_ms: u64,
    /// Virtual milliseconds of a block erase, or of a format or security erase.
    pub erase_ms: u64,
    /// Virtual milliseconds of a cryptographic erase.
    pub crypto_ms: u64,
    /// Virtual milliseconds of one pass of an overwrite.
    pub pass_ms: u64,
    /// What is wrong with it.
    pub quirks: Vec<Quirk>,
}

impl Shape {
    /// An honest drive of so many blocks, without cells beyond them: commands take a millisecond, a block erase two
    /// minutes, a cryptographic erase two seconds, a pass of an overwrite ten minutes.
    pub fn small(block_bytes: u32, blocks: u64) -> Self {
        Self {
            seed: 1,
            drive: 1,
            block_bytes,
            blocks: blocks.max(1),
            spare: 0,
            remapped: Vec::new(),
            dying: Vec::new(),
            wear: Wear::InPlace,
            command_ms: 1,
            erase_ms: 120_000,
            crypto_ms: 2_000,
            pass_ms: 600_000,
            quirks: Vec::new(),
        }
    }

    /// The same with over-provisioned and retired cells that hold old data, as any drive has that was used.
    #[must_use]
    pub fn used(mut self) -> Self {
        self.spare = (self.blocks / 8).max(2);
        self.remapped = vec![self.blocks / 3, self.blocks - 1];
        self.remapped.dedup();
        self
    }

    /// The same with one more quirk.
    #[must_use]
    pub fn with(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }
}
