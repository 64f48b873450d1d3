//! The oracle of a simulated controller: what is in every cell, what was asked, and what truly happened.
use super::core::{Asked, Deed};
use super::handle::{SharedDrive, lock};
use crate::sim::oracle::Residue;
use crate::unit::{Lba, LbaRange};

/// Sees all and changes nothing.
pub struct ControllerOracle {
    drive: SharedDrive,
}

impl std::fmt::Debug for ControllerOracle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ControllerOracle")
    }
}

impl ControllerOracle {
    pub(super) const fn new(drive: SharedDrive) -> Self {
        Self { drive }
    }

    /// Old data that is still in a cell. Addresses count over all namespaces, up to the native end; one that is
    /// unmapped counts too when its cell holds old data.
    pub fn residue(&self) -> Residue {
        let mut drive = lock(&self.drive);
        drive.settle();
        let media = &drive.core().media;
        let old = |slot: &u64| media.cell_of(*slot).is_some_and(|cell| media.is_old(cell));
        let addressable = (0..media.slots()).filter(old).filter_map(|slot| LbaRange::single(Lba(slot)));
        Residue {
            addressable: addressable.collect(),
            unaddressable_cells: media.unaddressed().into_iter().filter(|cell| media.is_old(*cell)).count()
                as u64,
        }
    }

    /// Number of cells that hold these bytes somewhere, whether an address leads to them or not.
    pub fn cells_with(&self, wanted: &[u8]) -> u64 {
        let mut drive = lock(&self.drive);
        drive.settle();
        let media = &drive.core().media;
        (0..media.cells()).filter(|cell| media.contains(*cell, wanted)).count() as u64
    }

    /// Every command that arrived, in order.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.drive).core().asked.clone()
    }

    /// Every operation that ended, in order: what truly happened.
    pub fn deeds(&self) -> Vec<Deed> {
        let mut drive = lock(&self.drive);
        drive.settle();
        drive.core().deeds.clone()
    }
}
