//! One medium behind its volatile cache.
use std::collections::{BTreeMap, VecDeque};

use super::cells::Cells;
use super::spec::SimIdentity;

/// Cells, the cache in front of them, and the drive they belong to.
#[derive(Debug)]
pub(super) struct Medium {
    pub identity: SimIdentity,
    pub cells: Cells,
    /// Blocks that are acknowledged and not yet in cells, by slot.
    cache: BTreeMap<u64, Box<[u8]>>,
    /// Slots in the cache, the oldest first.
    order: VecDeque<u64>,
    cache_blocks: u64,
    /// Blocks stored since the last flush.
    unflushed: u64,
}

impl Medium {
    pub(super) fn new(identity: SimIdentity, cells: Cells, cache_blocks: u64) -> Self {
        Self { identity, cells, cache: BTreeMap::new(), order: VecDeque::new(), cache_blocks, unflushed: 0 }
    }

    /// What a read of this address finds: the cache, else the cell.
    pub(super) fn present(&self, lba: u64, out: &mut [u8]) {
        let slot = self.cells.slot(lba);
        match self.cache.get(&slot) {
            Some(block) => out.copy_from_slice(block),
            None => self.cells.read(slot, out),
        }
    }

    pub(super) fn store(&mut self, lba: u64, block: &[u8]) {
        let slot = self.cells.slot(lba);
        self.unflushed += 1;
        if self.cache_blocks == 0 {
            self.cells.write(slot, block);
            return;
        }
        if self.cache.insert(slot, block.into()).is_none() {
            self.order.push_back(slot);
        }
        while self.order.len() as u64 > self.cache_blocks {
            self.write_back_oldest();
        }
    }

    /// Stores a block in a spare cell for good; false when there is none, and then in place.
    pub(super) fn store_remapped(&mut self, lba: u64, block: &[u8]) -> bool {
        let slot = self.cells.slot(lba);
        self.unflushed += 1;
        self.forget(slot);
        self.cells.write_remapped(slot, block)
    }

    pub(super) fn flush(&mut self) {
        while !self.order.is_empty() {
            self.write_back_oldest();
        }
        self.unflushed = 0;
    }

    /// Loses the cache and says how many blocks that were.
    pub(super) fn lose_cache(&mut self) -> usize {
        self.order.clear();
        std::mem::take(&mut self.cache).len()
    }

    /// Loses the cache except for the blocks that `survives` names, which reach their cells.
    pub(super) fn cut_power(&mut self, mut survives: impl FnMut() -> bool) {
        for slot in std::mem::take(&mut self.order) {
            if let Some(block) = self.cache.remove(&slot)
                && survives()
            {
                self.cells.write(slot, &block);
            }
        }
    }

    /// Whether anything was stored since the last flush.
    pub(super) const fn has_unflushed(&self) -> bool {
        self.unflushed > 0
    }

    /// Slots that hold something else than at the beginning, in the cache or in cells.
    pub(super) fn changed_slots(&self) -> Vec<u64> {
        let mut slots = self.cells.written_slots();
        slots.extend(self.cache.keys());
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn write_back_oldest(&mut self) {
        if let Some(slot) = self.order.pop_front()
            && let Some(block) = self.cache.remove(&slot)
        {
            self.cells.write(slot, &block);
        }
    }

    fn forget(&mut self, slot: u64) {
        self.cache.remove(&slot);
        self.order.retain(|held| *held != slot);
    }
}
