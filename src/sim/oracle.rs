//! The oracle: sees every cell of a simulated drive and knows which faults really happened.
use std::collections::BTreeMap;

use super::cells::holds_old_data;
use super::dice::Dice;
use super::drive::{Shared, lock};
use super::fault::FaultName;
use super::log::Log;
use super::medium::Medium;
use super::spec::SimIdentity;
use crate::unit::{BlockCount, Lba, LbaRange, RangeSet};

/// Where the oracle looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What a faultless read would find now: the cache, else the cell.
    Presented,
    /// What a loss of power would leave: cells alone.
    Durable,
}

/// Old data that is still somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residue {
    /// Addresses that lead to old data, whole or in part: the difference between clear and nothing.
    pub addressable: RangeSet,
    /// Number of cells with old data that no address leads to: the difference between purge and clear.
    pub unaddressable_cells: u64,
}

/// Sees all and changes nothing, except for [`Self::cut_power`]. It speaks about the drive that was there at
/// the beginning, whichever stands at the node now.
#[derive(Debug)]
pub struct Oracle {
    shared: Shared,
}

/// What must be on a drive: fills the slice with the bytes that belong at a byte offset.
pub type Expected<'a> = &'a dyn Fn(u64, &mut [u8]);

impl Oracle {
    pub(super) const fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// Old data that is still there.
    pub fn residue(&self, view: View) -> Residue {
        let state = lock(&self.shared);
        let medium = state.original();
        let clean = addresses(medium, state.geometry.capacity, view, state.block_bytes(), |_, block| {
            !holds_old_data(block)
        });
        let whole = state.geometry.whole();
        Residue {
            addressable: whole.map(|whole| clean.complement(whole)).unwrap_or_default(),
            unaddressable_cells: unaddressable(medium, state.block_bytes()),
        }
    }

    /// Addresses that do not lead to exactly the expected bytes.
    pub fn wrong(&self, view: View, expected: Expected<'_>) -> RangeSet {
        let state = lock(&self.shared);
        let bytes = state.block_bytes();
        let mut wanted = vec![0; bytes];
        let right = addresses(state.original(), state.geometry.capacity, view, bytes, |lba, block| {
            expected(state.geometry.byte_offset(Lba(lba)), &mut wanted);
            block == wanted
        });
        state.geometry.whole().map(|whole| right.complement(whole)).unwrap_or_default()
    }

    /// Whether no write was ever asked for and no cell of any drive changed (P2).
    pub fn is_untouched(&self) -> bool {
        lock(&self.shared).log.writes() == 0 && self.changed_drives().is_empty()
    }

    /// The drives whose content changed (P1).
    pub fn changed_drives(&self) -> Vec<SimIdentity> {
        let state = lock(&self.shared);
        let changed = state.media.iter().filter(|medium| !medium.changed_slots().is_empty());
        changed.map(|medium| medium.identity.clone()).collect()
    }

    /// Which kinds of faults struck, and how often. A fault that is on the menu and never struck is not there.
    pub fn fired(&self) -> BTreeMap<FaultName, u32> {
        let mut counts = BTreeMap::new();
        for (name, times) in lock(&self.shared).fired() {
            *counts.entry(name).or_insert(0) += times;
        }
        counts
    }

    /// Addresses that no attempt can read.
    pub fn unreadable(&self) -> RangeSet {
        lock(&self.shared).unreadable().filter_map(|lba| LbaRange::single(Lba(lba))).collect()
    }

    /// Everything the drive was asked.
    pub fn log(&self) -> Log {
        lock(&self.shared).log.clone()
    }

    /// Virtual milliseconds since the drive was switched on.
    pub fn elapsed_ms(&self) -> u64 {
        lock(&self.shared).clock.elapsed_ms()
    }

    /// Takes the power away for a moment: of the blocks in the cache, those that the seed names reach their
    /// cells, about one in four.
    pub fn cut_power(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        lock(&self.shared).medium().cut_power(|| dice.chance(1, 4));
    }
}

/// The addresses whose content passes a test. Only slots that changed are looked at: the others hold old data,
/// which passes none of the tests here; so drives may be as large as they like.
fn addresses(
    medium: &Medium,
    capacity: BlockCount,
    view: View,
    block_bytes: usize,
    mut passes: impl FnMut(u64, &[u8]) -> bool,
) -> RangeSet {
    let mut found = Vec::new();
    let mut block = vec![0; block_bytes];
    for slot in medium.changed_slots() {
        match view {
            View::Presented => medium.present(slot, &mut block),
            View::Durable => medium.cells.read(slot, &mut block),
        }
        let mut lba = slot;
        while lba < capacity.0 {
            if passes(lba, &block) {
                found.extend(LbaRange::single(Lba(lba)));
            }
            lba += medium.cells.slots();
        }
    }
    found.sort_unstable();
    found.into_iter().collect()
}

/// Cells with old data that no address leads to.
fn unaddressable(medium: &Medium, block_bytes: usize) -> u64 {
    let cells = &medium.cells;
    let mut block = vec![0; block_bytes];
    let reachable: std::collections::BTreeSet<u64> =
        cells.written_slots().into_iter().map(|slot| cells.cell_of(slot)).collect();
    let cleaned = cells.written_cells().filter(|cell| {
        cells.read_cell(*cell, &mut block);
        !reachable.contains(cell) && !holds_old_data(&block)
    });
    // Each slot leads to one cell and no two slots to the same, so all cells but that many are out of reach.
    cells.total() - cells.slots() - cleaned.count() as u64
}
