//! The shape of an addressable drive, and the only conversion between blocks and bytes.
use serde::{Deserialize, Serialize};

use super::{BlockCount, BlockSize, Lba, LbaRange};

/// Logical block size, physical block size and capacity of a drive as it presents itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Geometry {
    /// Size of a logical block: the smallest unit that can be addressed.
    pub block_size: BlockSize,
    /// Size of a physical block: the smallest unit that is written without read-modify-write.
    pub physical_block_size: BlockSize,
    /// Number of logical blocks the drive presents.
    pub capacity: BlockCount,
}

impl Geometry {
    /// Capacity in bytes. Saturates at 2^64 - 1, which no drive reaches.
    pub const fn bytes(&self) -> u64 {
        self.capacity.0.saturating_mul(self.block_size.bytes_u64())
    }

    /// Byte offset of a block from the start of the drive.
    pub const fn byte_offset(&self, lba: Lba) -> u64 {
        lba.0 * self.block_size.bytes_u64()
    }

    /// Length of a range in bytes.
    pub const fn byte_length(&self, count: BlockCount) -> u64 {
        count.0 * self.block_size.bytes_u64()
    }

    /// Every block of the drive, or `None` for a drive without blocks.
    pub fn whole(&self) -> Option<LbaRange> {
        LbaRange::new(Lba(0), self.capacity)
    }

    /// The last block, or `None` for a drive without blocks.
    pub fn last(&self) -> Option<Lba> {
        self.capacity.0.checked_sub(1).map(Lba)
    }

    /// How many whole blocks fit into `bytes`; at least one, so that progress is always possible.
    pub fn blocks_in(&self, bytes: u64) -> BlockCount {
        BlockCount((bytes / self.block_size.bytes_u64()).max(1))
    }
}
