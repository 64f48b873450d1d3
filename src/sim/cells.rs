//! Cells: where a simulated drive keeps bytes, whether an address reaches them or not.
//!
//! Cells are sparse: one that was never written still holds its old data, which is computed from its number.
//! So a drive of any capacity costs only the blocks that were written.
use std::collections::{BTreeMap, VecDeque};

use super::spec::Wear;

/// Every unit of 32 bytes of old data begins with these bytes; no pattern of ours contains them.
pub const OLD_MARK: &[u8; 16] = b"OLD DATA OF CELL";

/// Length in bytes of a unit of old data: the mark, the drive's number and the cell's number.
pub const OLD_UNIT: usize = 32;

/// Fills `out` with the old data of a cell.
pub fn old_data(drive: u64, cell: u64, out: &mut [u8]) {
    let mut unit = [0; OLD_UNIT];
    unit[..16].copy_from_slice(OLD_MARK);
    unit[16..24].copy_from_slice(&drive.to_le_bytes());
    unit[24..].copy_from_slice(&cell.to_le_bytes());
    for chunk in out.chunks_mut(OLD_UNIT) {
        chunk.copy_from_slice(&unit[..chunk.len()]);
    }
}

/// Whether any unit of a block is old data, of whichever cell and drive.
pub fn holds_old_data(block: &[u8]) -> bool {
    block.chunks(OLD_UNIT).any(|unit| unit.starts_with(OLD_MARK))
}

/// What a cell holds since it was written.
#[derive(Clone, Debug)]
enum Content {
    /// One byte throughout; keeps passes of a constant cheap.
    Filled(u8),
    Bytes(Box<[u8]>),
}

/// The cells of one medium and which address leads to which.
#[derive(Clone, Debug)]
pub struct Cells {
    drive: u64,
    block_bytes: usize,
    /// Addresses below this have a cell of their own; higher ones wrap (a counterfeit drive).
    slots: u64,
    /// Slots, spare cells and hidden ones together.
    total: u64,
    written: BTreeMap<u64, Content>,
    /// Slots that do not lead to the cell of the same number.
    moved: BTreeMap<u64, u64>,
    /// Cells that no slot leads to and that the drive may use next.
    spare: VecDeque<u64>,
    wear: Wear,
}

impl Cells {
    /// Cells that all hold old data: one per slot and `spare` beyond them, in blocks of `block_bytes`.
    pub fn new(drive: u64, block_bytes: usize, slots: u64, spare: u64, wear: Wear) -> Self {
        let total = slots + spare;
        Self {
            drive,
            block_bytes,
            slots,
            total,
            written: BTreeMap::new(),
            moved: BTreeMap::new(),
            spare: (slots..total).collect(),
            wear,
        }
    }

    /// The same with so many cells more that neither addresses nor the drive itself ever use.
    #[must_use]
    pub fn with_hidden(mut self, hidden: u64) -> Self {
        self.total += hidden;
        self
    }

    /// Number of the drive, as in its old data.
    pub const fn drive(&self) -> u64 {
        self.drive
    }

    /// Number of cells, with those no address reaches.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Number of cells that addresses can lead to at one time.
    pub const fn slots(&self) -> u64 {
        self.slots
    }

    /// The slot of an address: the address itself, except where the capacity is a lie.
    pub const fn slot(&self, lba: u64) -> u64 {
        lba % self.slots
    }

    /// The cell that a slot leads to now.
    pub fn cell_of(&self, slot: u64) -> u64 {
        self.moved.get(&slot).copied().unwrap_or(slot)
    }

    /// Reads a slot.
    pub fn read(&self, slot: u64, out: &mut [u8]) {
        self.read_cell(self.cell_of(slot), out);
    }

    /// Reads a cell, reachable or not.
    pub fn read_cell(&self, cell: u64, out: &mut [u8]) {
        match self.written.get(&cell) {
            None => old_data(self.drive, cell, out),
            Some(Content::Filled(byte)) => out.fill(*byte),
            Some(Content::Bytes(bytes)) => out.copy_from_slice(&bytes[..out.len()]),
        }
    }

    /// Writes a slot where the drive's wear says: in place, or to a fresh cell while the old one keeps its data.
    pub fn write(&mut self, slot: u64, block: &[u8]) {
        match self.wear {
            Wear::InPlace => self.store(self.cell_of(slot), block),
            Wear::Moving => {
                let old = self.cell_of(slot);
                if self.write_elsewhere(slot, block) {
                    self.spare.push_back(old);
                }
            }
        }
    }

    /// Writes a slot to a spare cell for good: the cell it led to keeps its data and is never used again.
    /// Without a spare cell left it writes in place and returns false.
    pub fn write_remapped(&mut self, slot: u64, block: &[u8]) -> bool {
        self.write_elsewhere(slot, block)
    }

    fn write_elsewhere(&mut self, slot: u64, block: &[u8]) -> bool {
        let Some(fresh) = self.spare.pop_front() else {
            self.store(self.cell_of(slot), block);
            return false;
        };
        self.moved.insert(slot, fresh);
        self.store(fresh, block);
        true
    }

    /// Changes one bit of what a slot holds.
    pub fn flip(&mut self, slot: u64, bit: u64) {
        let mut block = vec![0; self.block_bytes];
        self.read(slot, &mut block);
        flip_bit(&mut block, bit);
        self.store(self.cell_of(slot), &block);
    }

    fn store(&mut self, cell: u64, block: &[u8]) {
        assert_eq!(block.len(), self.block_bytes, "a cell holds one block");
        let first = block[0];
        let content = if block.iter().all(|byte| *byte == first) {
            Content::Filled(first)
        } else {
            Content::Bytes(block.into())
        };
        self.written.insert(cell, content);
    }

    /// Cells written since the beginning, in ascending order.
    pub fn written_cells(&self) -> impl Iterator<Item = u64> + '_ {
        self.written.keys().copied()
    }

    /// Slots whose cell was written since the beginning, in ascending order.
    pub fn written_slots(&self) -> Vec<u64> {
        let own =
            self.written.keys().copied().filter(|cell| *cell < self.slots && !self.moved.contains_key(cell));
        let led =
            self.moved.iter().filter(|(_, cell)| self.written.contains_key(cell)).map(|(slot, _)| *slot);
        let mut slots: Vec<u64> = own.chain(led).collect();
        slots.sort_unstable();
        slots
    }
}

/// Changes one bit of some bytes; the position wraps.
pub fn flip_bit(bytes: &mut [u8], bit: u64) {
    let position = bit % (bytes.len() as u64 * 8);
    let byte = usize::try_from(position / 8).unwrap_or(0);
    bytes[byte] ^= 1 << (position % 8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(cells: &Cells, slot: u64) -> Vec<u8> {
        let mut out = vec![0; 512];
        cells.read(slot, &mut out);
        out
    }

    #[test]
    fn old_data_is_recognised_whole_and_in_part_and_nothing_else_is() {
        let mut block = vec![0; 512];
        old_data(7, 9, &mut block);
        assert_eq!(&block[..16], b"OLD DATA OF CELL");
        assert_eq!(block[16..32], [7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        assert!(holds_old_data(&block));
        block[..480].fill(0);
        assert!(holds_old_data(&block), "the last unit alone");
        block.fill(0xFF);
        assert!(!holds_old_data(&block));
    }

    #[test]
    fn in_place_writes_leave_nothing_and_moving_writes_leave_the_old_cell() {
        let mut cells = Cells::new(1, 512, 4, 2, Wear::InPlace);
        cells.write(3, &[5; 512]);
        assert_eq!((cells.cell_of(3), slot(&cells, 3)), (3, vec![5; 512]));
        let mut cells = Cells::new(1, 512, 4, 2, Wear::Moving);
        cells.write(3, &[5; 512]);
        assert_eq!((cells.cell_of(3), slot(&cells, 3)), (4, vec![5; 512]));
        let mut left = vec![0; 512];
        cells.read_cell(3, &mut left);
        assert!(holds_old_data(&left), "no slot leads to cell 3 any more, but its data is there");
        assert_eq!(cells.written_slots(), [3]);
    }

    #[test]
    fn a_remapped_cell_is_never_used_again() {
        let mut cells = Cells::new(1, 512, 4, 1, Wear::InPlace);
        assert!(cells.write_remapped(0, &[1; 512]));
        assert_eq!(cells.cell_of(0), 4);
        assert!(!cells.write_remapped(1, &[2; 512]), "the only spare cell is taken");
        assert_eq!((cells.cell_of(1), slot(&cells, 1)), (1, vec![2; 512]));
        assert_eq!(cells.written_slots(), [0, 1]);
    }

    #[test]
    fn a_counterfeit_drive_wraps() {
        let cells = Cells::new(1, 512, 4, 0, Wear::InPlace);
        assert_eq!([cells.slot(0), cells.slot(4), cells.slot(11)], [0, 0, 3]);
    }
}
