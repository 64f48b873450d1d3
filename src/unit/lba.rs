//! Addresses and counts of logical blocks. An address, a count and a size are three types: mixing them up is
//! how tails stay unwritten.
use std::fmt;

use serde::{Deserialize, Serialize};

/// Address of one logical block, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lba(pub u64);

/// A number of logical blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockCount(pub u64);

/// Size of a block in bytes: a power of two from 512 to 65,536, or one of the sizes of SCSI drives that keep more than
/// data in a block, a multiple of 4 from 520 to 65,536 (520, 524, 528, 4104, 4160, 4224). The kernel's block layer
/// presents the powers of two only ([`Self::is_power_of_two`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct BlockSize(u32);

/// A block size that no drive has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedBlockSize(pub u32);

impl fmt::Display for UnsupportedBlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block size of {} bytes is neither 512 nor a multiple of 4 from 520 to 65536", self.0)
    }
}

impl std::error::Error for UnsupportedBlockSize {}

impl BlockSize {
    /// Accepts 512 bytes, and multiples of 4 from 520 to 65,536: smaller ones could not hold a whole stamp of a
    /// stamped pattern each.
    pub const fn new(bytes: u32) -> Result<Self, UnsupportedBlockSize> {
        let extended = bytes >= 520 && bytes <= 65_536 && bytes.is_multiple_of(4);
        if bytes == 512 || extended { Ok(Self(bytes)) } else { Err(UnsupportedBlockSize(bytes)) }
    }

    /// Whether the kernel's block layer can address blocks of this size.
    pub const fn is_power_of_two(self) -> bool {
        self.0.is_power_of_two()
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u32 {
        self.0
    }

    /// The size in bytes, for arithmetic on byte offsets.
    pub const fn bytes_u64(self) -> u64 {
        self.0 as u64
    }
}

impl TryFrom<u32> for BlockSize {
    type Error = UnsupportedBlockSize;
    fn try_from(bytes: u32) -> Result<Self, Self::Error> {
        Self::new(bytes)
    }
}

impl From<BlockSize> for u32 {
    fn from(size: BlockSize) -> Self {
        size.0
    }
}

impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Lba {
    /// The block `count` after this one, or `None` past 2^64.
    pub fn checked_add(self, count: BlockCount) -> Option<Self> {
        self.0.checked_add(count.0).map(Self)
    }
}

impl BlockCount {
    /// No blocks.
    pub const ZERO: Self = Self(0);

    /// True for no blocks at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The difference, or zero where `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::Add for BlockCount {
    type Output = Self;
    /// Counts come from workers, journals and records of strangers, too: a sum that does not fit is the largest
    /// count, which no drive has.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::AddAssign for BlockCount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for BlockCount {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::ZERO, std::ops::Add::add)
    }
}

impl fmt::Display for Lba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BlockCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sizes_that_no_drive_has_are_refused() {
        for bytes in [0, 1, 256, 511, 513, 516, 522, 4095, 65_540, 131_072] {
            assert_eq!(BlockSize::new(bytes), Err(UnsupportedBlockSize(bytes)));
        }
        for bytes in [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536] {
            assert!(BlockSize::new(bytes).unwrap().is_power_of_two());
        }
        // The sizes of sg_format(8) and of the makers' manuals.
        for bytes in [520, 524, 528, 4104, 4160, 4224] {
            let size = BlockSize::new(bytes).unwrap();
            assert!(size.bytes() == bytes && !size.is_power_of_two());
        }
    }
}
