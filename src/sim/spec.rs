//! What a simulated drive is: identity, shape, cells, cache, queue and faults.
use super::dice::Dice;
use super::fault::{self, FaultName, Place, SimFault};
use crate::unit::{BlockCount, BlockSize, Geometry};

/// How a simulated drive names itself. The layers above translate it into their own identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimIdentity {
    /// Model.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// World wide name.
    pub wwn: String,
    /// Capacity in blocks.
    pub capacity: BlockCount,
}

impl SimIdentity {
    /// The identity of the simulated drive of this number.
    pub fn numbered(drive: u64, capacity: BlockCount) -> Self {
        Self {
            model: "Expunge Simulated Drive".to_owned(),
            serial: format!("SIM{drive:012}"),
            wwn: format!("naa.5{drive:015x}"),
            capacity,
        }
    }
}

/// Where a write lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wear {
    /// In the cell that the address led to before: magnetic media.
    InPlace,
    /// In a spare cell, and the old one becomes spare with its data: flash.
    Moving,
}

/// Everything that makes a simulated drive what it is. The same specification behaves the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveSpec {
    /// Seed of the order of completions and of what failed transfers leave behind.
    pub seed: u64,
    /// Number of the drive; old data carries it.
    pub drive: u64,
    /// Shape.
    pub geometry: Geometry,
    /// Cells beyond the addressable ones.
    pub spare_cells: u64,
    /// Where writes land.
    pub wear: Wear,
    /// Blocks that the volatile cache holds; 0 for none.
    pub cache_blocks: u64,
    /// Transfers in flight, at least 1.
    pub depth: usize,
    /// Longest transfer, in bytes: a multiple of 4,096 and of the block size.
    pub transfer_bytes: u64,
    /// What goes wrong.
    pub faults: Vec<SimFault>,
}

impl DriveSpec {
    /// An honest drive without cache or spare cells, two transfers of 4 KiB (at least one block) in flight.
    ///
    /// # Panics
    /// When `block_bytes` is no supported block size; tests choose it.
    pub fn honest(block_bytes: u32, capacity: u64) -> Self {
        let block_size = BlockSize::new(block_bytes).expect("tests name supported block sizes");
        Self {
            seed: 1,
            drive: 1,
            geometry: Geometry {
                block_size,
                physical_block_size: block_size,
                capacity: BlockCount(capacity),
            },
            spare_cells: 0,
            wear: Wear::InPlace,
            cache_blocks: 0,
            depth: 2,
            transfer_bytes: block_size.bytes_u64().max(4096),
            faults: Vec::new(),
        }
    }

    /// The same drive with one more fault.
    #[must_use]
    pub fn with(mut self, fault: SimFault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The drive of a seed, with its faults.
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut spec = Self::draw_shape(seed, &mut dice);
        let place = Place {
            capacity: spec.geometry.capacity.0,
            block_bytes: spec.geometry.block_size.bytes_u64(),
            transfer_blocks: spec.transfer_blocks(),
        };
        spec.faults = fault::draw_menu(&place, &mut dice);
        // A drive that is said to remap has somewhere to remap to, one that loses its cache has one, and one that
        // merges transfers has more than one in flight.
        let has = |wanted: &[FaultName]| spec.faults.iter().any(|fault| wanted.contains(&fault.name()));
        let (remaps, caches, merges) = (
            has(&[FaultName::Remapped]),
            has(&[FaultName::FlushFails, FaultName::FlushLies, FaultName::CacheLost]),
            has(&[FaultName::MergedError, FaultName::MergedSuccess]),
        );
        spec.spare_cells = spec.spare_cells.max(if remaps { 4 } else { 0 });
        spec.cache_blocks = spec.cache_blocks.max(if caches { 8 } else { 0 });
        spec.depth = spec.depth.max(if merges { 4 } else { 1 });
        spec
    }

    fn draw_shape(seed: u64, dice: &mut Dice) -> Self {
        let block_bytes = if dice.chance(1, 3) { 4096 } else { 512 };
        let transfer_bytes = 4096 * dice.between(1, 4);
        let transfer_blocks = transfer_bytes / block_bytes;
        // One drive in 24 is so long that a run of failures can be told from a few bad blocks.
        if dice.chance(1, 24) {
            let capacity = dice.between(280, 400);
            let long = Self { seed, drive: 1 + dice.below(1_000_000), ..Self::honest(4096, capacity) };
            return Self { depth: dice.index(8) + 1, ..long };
        }
        // About half of the capacities are no multiple of the transfer; one in twelve is a single block.
        let capacity = match dice.below(12) {
            0 => 1,
            1 | 2 => dice.between(1, transfer_blocks),
            3..=6 => transfer_blocks * dice.between(1, 12),
            _ => transfer_blocks * dice.between(1, 12) + dice.between(0, transfer_blocks - 1),
        };
        Self {
            seed,
            drive: 1 + dice.below(1_000_000),
            spare_cells: if dice.chance(1, 3) { 0 } else { dice.between(1, 1 + capacity / 4) },
            wear: if dice.chance(1, 3) { Wear::Moving } else { Wear::InPlace },
            cache_blocks: if dice.chance(1, 2) { 0 } else { dice.between(1, 1 + capacity) },
            depth: dice.index(8) + 1,
            transfer_bytes,
            ..Self::honest(if block_bytes == 512 { 512 } else { 4096 }, capacity)
        }
    }

    /// Blocks of the longest transfer.
    pub fn transfer_blocks(&self) -> u64 {
        self.geometry.blocks_in(self.transfer_bytes).0
    }

    /// Cells of a hidden area.
    pub(super) fn hidden_cells(&self) -> u64 {
        let cells =
            |fault: &SimFault| if let SimFault::HiddenArea { cells } = fault { Some(*cells) } else { None };
        self.faults.iter().find_map(cells).unwrap_or(0)
    }

    /// Cells that addresses lead to: the capacity, unless that is a lie.
    pub(super) fn slots(&self) -> u64 {
        let claimed = self.geometry.capacity.0;
        let lie = self
            .faults
            .iter()
            .find_map(|fault| if let SimFault::Counterfeit { cells } = fault { Some(*cells) } else { None });
        lie.unwrap_or(claimed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_drives_have_every_shape_that_matters() {
        let drives: Vec<_> = (0..1000).map(DriveSpec::draw).collect();
        let count = |test: &dyn Fn(&DriveSpec) -> bool| drives.iter().filter(|drive| test(drive)).count();
        assert!(count(&|drive| drive.geometry.capacity.0 == 1) > 30);
        assert!(count(&|drive| drive.geometry.block_size.bytes() == 4096) > 200);
        assert!(count(&|drive| !drive.geometry.capacity.0.is_multiple_of(drive.transfer_blocks())) > 200);
        assert!(count(&|drive| drive.wear == Wear::Moving && drive.spare_cells > 0) > 100);
        assert!(count(&|drive| drive.depth == 1) > 50);
        assert!(count(&|drive| drive.geometry.capacity.0 / drive.transfer_blocks() > 256) > 20);
        assert!(drives.iter().all(|drive| drive.transfer_bytes.is_multiple_of(4096)));
    }
}
