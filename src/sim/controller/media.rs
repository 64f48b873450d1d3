//! The medium of a simulated controller: cells, and which addresses lead to them. The difference between clear and
//! purge is the cells that no address leads to: over-provisioned ones, retired ones, and those behind the end that
//! the drive presents.
use std::collections::{BTreeSet, VecDeque};

use super::bytes::index;
use crate::sim::cells::{holds_old_data, old_data};
use crate::sim::dice::Dice;
use crate::sim::spec::Wear;

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// What it held at the beginning, computed from its number.
    Old,
    /// A pattern of four bytes, repeated.
    Pattern([u8; 4]),
    /// Bytes that mean nothing, computed from this seed and the cell's number: old data under a lost key.
    Noise(u64),
    /// What the host wrote.
    Bytes(Box<[u8]>),
}

/// What an operation of the drive leaves in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// A pattern of four bytes.
    Pattern([u8; 4]),
    /// What is left when the media key is gone.
    Noise(u64),
}

/// Where an address leads.
#[derive(Clone, Copy, Debug)]
struct Slot {
    cell: u32,
    mapped: bool,
}

/// What reading a slot gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The content of its cell.
    Cell,
    /// Nothing is mapped there: zeros.
    Unmapped,
}

/// Cells and map. Slots are the addresses up to the native end, over all namespaces.
#[derive(Clone, Debug)]
pub(super) struct Media {
    drive: u64,
    block_bytes: usize,
    cells: Vec<Content>,
    slots: Vec<Slot>,
    spare: VecDeque<u32>,
    dying: BTreeSet<u64>,
    wear: Wear,
}

impl Media {
    /// Cells that all hold old data: one for each slot, `spare` beyond them, and one more that is retired for each
    /// of the slots in `remapped`.
    pub(super) fn new(shape: &super::spec::Shape) -> Self {
        let slots = index(shape.blocks);
        let spare = index(shape.spare);
        let total = slots + spare + shape.remapped.len();
        let number = |cell: usize| u32::try_from(cell).unwrap_or(u32::MAX);
        let mut media = Self {
            drive: shape.drive,
            block_bytes: index(u64::from(shape.block_bytes)),
            cells: vec![Content::Old; total],
            slots: (0..slots).map(|cell| Slot { cell: number(cell), mapped: true }).collect(),
            spare: (slots..slots + spare).map(number).collect(),
            dying: shape.dying.iter().copied().collect(),
            wear: shape.wear,
        };
        for (position, lba) in shape.remapped.iter().enumerate() {
            if let Some(slot) = media.slots.get_mut(index(*lba)) {
                slot.cell = number(slots + spare + position);
            }
        }
        media
    }

    pub(super) const fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    pub(super) fn slots(&self) -> u64 {
        self.slots.len() as u64
    }

    pub(super) fn cells(&self) -> u32 {
        u32::try_from(self.cells.len()).unwrap_or(u32::MAX)
    }

    /// The cell that a slot leads to.
    pub(super) fn cell_of(&self, slot: u64) -> Option<u32> {
        self.slots.get(index(slot)).map(|slot| slot.cell)
    }

    /// Cells that no slot leads to and that are not free either: retired ones.
    pub(super) fn retired(&self) -> Vec<u32> {
        let mut used = vec![false; self.cells.len()];
        for cell in self.slots.iter().map(|slot| slot.cell).chain(self.spare.iter().copied()) {
            used[index(u64::from(cell))] = true;
        }
        (0..self.cells()).filter(|cell| !used[index(u64::from(*cell))]).collect()
    }

    /// Cells that no slot leads to.
    pub(super) fn unaddressed(&self) -> Vec<u32> {
        let mut cells = self.retired();
        cells.extend(&self.spare);
        cells.sort_unstable();
        cells
    }

    /// Reads what an address leads to now.
    pub(super) fn read(&self, slot: u64, out: &mut [u8]) -> Found {
        match self.slots.get(index(slot)) {
            Some(Slot { cell, mapped: true }) => {
                self.read_cell(*cell, out);
                Found::Cell
            }
            Some(Slot { mapped: false, .. }) | None => {
                out.fill(0);
                Found::Unmapped
            }
        }
    }

    /// Reads a cell, whether an address leads to it or not.
    pub(super) fn read_cell(&self, cell: u32, out: &mut [u8]) {
        match self.cells.get(index(u64::from(cell))) {
            None => out.fill(0),
            Some(Content::Old) => old_data(self.drive, u64::from(cell), out),
            Some(Content::Pattern(pattern)) => {
                for (byte, value) in out.iter_mut().zip(pattern.iter().cycle()) {
                    *byte = *value;
                }
            }
            Some(Content::Noise(seed)) => Dice::new(seed ^ (u64::from(cell) << 20)).noise(out),
            Some(Content::Bytes(bytes)) => super::bytes::put(out, 0, bytes),
        }
    }

    /// Writes what an address leads to, by the wear of the drive.
    pub(super) fn write(&mut self, slot: u64, block: &[u8]) {
        let at = index(slot);
        let Some(held) = self.slots.get(at).copied() else { return };
        let mut cell = held.cell;
        if self.dying.remove(&slot)
            && let Some(fresh) = self.spare.pop_front()
        {
            cell = fresh;
        } else if self.wear == Wear::Moving
            && let Some(fresh) = self.spare.pop_front()
        {
            self.spare.push_back(cell);
            cell = fresh;
        }
        self.slots[at] = Slot { cell, mapped: true };
        self.cells[index(u64::from(cell))] = Content::Bytes(block.into());
    }

    /// Takes the mapping of an address away; the cell keeps what it holds.
    pub(super) fn unmap(&mut self, slot: u64) {
        if let Some(slot) = self.slots.get_mut(index(slot)) {
            slot.mapped = false;
        }
    }

    /// Erases a cell.
    pub(super) fn fill(&mut self, cell: u32, fill: Fill) {
        if let Some(content) = self.cells.get_mut(index(u64::from(cell))) {
            *content = match fill {
                Fill::Pattern(pattern) => Content::Pattern(pattern),
                Fill::Noise(seed) => Content::Noise(seed),
            };
        }
    }

    /// Whether a cell holds data from the beginning, or a copy of it.
    pub(super) fn is_old(&self, cell: u32) -> bool {
        match self.cells.get(index(u64::from(cell))) {
            Some(Content::Old) => true,
            Some(Content::Bytes(bytes)) => holds_old_data(bytes),
            Some(Content::Pattern(_) | Content::Noise(_)) | None => false,
        }
    }

    /// Whether a cell holds these bytes somewhere.
    pub(super) fn contains(&self, cell: u32, wanted: &[u8]) -> bool {
        let mut block = vec![0; self.block_bytes];
        self.read_cell(cell, &mut block);
        !wanted.is_empty() && block.windows(wanted.len()).any(|window| window == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::controller::spec::Shape;

    #[test]
    fn a_moving_write_leaves_its_data_behind_and_a_retired_cell_is_never_reached() {
        let shape = Shape { spare: 2, wear: Wear::Moving, remapped: vec![1], ..Shape::small(512, 4) };
        let mut media = Media::new(&shape);
        assert_eq!((media.cells(), media.retired(), media.unaddressed()), (7, vec![1], vec![1, 4, 5]));
        media.write(0, &[7; 512]);
        assert_eq!(media.cell_of(0), Some(4));
        assert_eq!(media.unaddressed(), [0, 1, 5]);
        assert!(media.is_old(0) && !media.is_old(4) && media.is_old(1));
        assert!(media.contains(4, &[7; 16]) && !media.contains(0, &[7; 16]));
    }

    #[test]
    fn a_dying_cell_is_retired_with_what_it_holds_at_the_next_write() {
        let shape = Shape { spare: 1, dying: vec![2, 3], ..Shape::small(512, 4) };
        let mut media = Media::new(&shape);
        assert!(media.retired().is_empty());
        media.write(2, &[7; 512]);
        assert_eq!((media.cell_of(2), media.retired()), (Some(4), vec![2]));
        assert!(media.is_old(2) && !media.is_old(4));
        media.write(2, &[8; 512]);
        media.write(3, &[9; 512]);
        assert_eq!(media.retired(), [2], "once, and only while there are spare ones");
    }

    #[test]
    fn what_is_unmapped_reads_as_zeros_while_its_cell_keeps_the_data() {
        let mut media = Media::new(&Shape::small(512, 4));
        let mut block = [1; 512];
        media.unmap(2);
        assert_eq!(media.read(2, &mut block), Found::Unmapped);
        assert!(block.iter().all(|byte| *byte == 0));
        assert!(media.is_old(2));
        media.fill(2, Fill::Pattern([1, 2, 3, 4]));
        media.write(3, &[9; 512]);
        media.read_cell(2, &mut block);
        assert_eq!(block[508..], [1, 2, 3, 4]);
        assert_eq!(media.read(3, &mut block), Found::Cell);
        assert_eq!(block, [9; 512]);
    }
}
