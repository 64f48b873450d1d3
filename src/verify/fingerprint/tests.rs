use super::*;
use crate::engine::Unobserved;
use crate::io::MemoryDisk;
use crate::unit::BlockSize;
use crate::unit::term::DriveKind;

const KEY: FingerprintKey = FingerprintKey([5; 32]);

/// A drive of 100 blocks that all differ, but for a blank one at 40.
fn disk() -> MemoryDisk {
    let size = BlockSize::new(512).unwrap();
    let geometry = Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(100) };
    let mut disk = MemoryDisk::new(geometry, 1 << 12, 2);
    for (lba, block) in disk.bytes_mut().chunks_mut(512).enumerate() {
        block[..8].copy_from_slice(&(lba as u64).to_be_bytes());
        block[511] = 1;
    }
    disk.bytes_mut()[40 * 512..41 * 512].fill(0xEE);
    disk
}

fn set(blocks: &[u64]) -> RangeSet {
    blocks.iter().filter_map(|lba| LbaRange::single(Lba(*lba))).collect()
}

fn take(port: &mut dyn BlockRead, buffers: &mut Vec<Buffer>, wanted: &RangeSet) -> Prints {
    let rules = Rules::of_kind(DriveKind::TestObject);
    let (prints, settled) = fingerprint(port, buffers, &KEY, wanted, &rules, &mut Unobserved).unwrap();
    assert_eq!(settled, Settled::Complete);
    prints
}

fn changed(before: &Prints, after: &Prints) -> Vec<u64> {
    let pairs = before.prints.iter().zip(&after.prints);
    pairs.filter(|(before, after)| before != after).map(|(before, _)| before.lba.0).collect()
}

#[test]
fn one_changed_byte_changes_the_print_of_its_block_and_of_no_other() {
    let mut disk = disk();
    let mut buffers = disk.take_buffers();
    // Among them neighbours, which are read at once.
    let wanted = set(&[0, 1, 2, 3, 40, 77, 99]);
    let before = take(&mut disk, &mut buffers, &wanted);
    assert_eq!(before.prints.iter().map(|print| print.lba.0).collect::<Vec<_>>(), [0, 1, 2, 3, 40, 77, 99]);
    assert_eq!((&before.blank, &before.unreadable), (&set(&[40]), &RangeSet::new()));
    assert_eq!(take(&mut disk, &mut buffers, &wanted), before, "the same again");
    for lba in [0, 2, 99] {
        for byte in [0, 511] {
            let at = lba * 512 + byte;
            disk.bytes_mut()[at] ^= 0x80;
            assert_eq!(changed(&before, &take(&mut disk, &mut buffers, &wanted)), [lba as u64]);
            disk.bytes_mut()[at] ^= 0x80;
        }
    }
}

/// Answers every read with success and moves nothing, or does so for a while.
struct Idle(MemoryDisk, Vec<Completion>);

impl BlockRead for Idle {
    fn geometry(&self) -> Geometry {
        self.0.geometry()
    }
    fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.1.push(Completion { transfer, result: Ok(()) });
        Ok(())
    }
    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        done.append(&mut self.1);
        Ok(())
    }
    fn take_buffers(&mut self) -> Vec<Buffer> {
        self.0.take_buffers()
    }
    fn transfer_bytes(&self) -> u64 {
        self.0.transfer_bytes()
    }
    fn current_bytes(&mut self) -> io::Result<u64> {
        self.0.current_bytes()
    }
}

#[test]
fn a_read_that_moves_nothing_is_neither_changed_nor_unchanged() {
    let mut idle = Idle(disk(), Vec::new());
    let mut buffers = idle.take_buffers();
    let wanted = set(&[0, 1, 99]);
    let taken = take(&mut idle, &mut buffers, &wanted);
    assert_eq!((taken.prints.len(), taken.unreadable), (0, wanted));
}

/// Fails at one block.
struct Bad(MemoryDisk, Vec<Completion>);

impl BlockRead for Bad {
    fn geometry(&self) -> Geometry {
        self.0.geometry()
    }
    fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        if transfer.range.contains(Lba(1)) {
            let fault = Fault::from_errno(libc::EIO);
            self.1.push(Completion { transfer, result: Err(fault) });
            return Ok(());
        }
        self.0.submit_read(transfer)
    }
    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        done.append(&mut self.1);
        self.0.reap(done)
    }
    fn take_buffers(&mut self) -> Vec<Buffer> {
        self.0.take_buffers()
    }
    fn transfer_bytes(&self) -> u64 {
        self.0.transfer_bytes()
    }
    fn current_bytes(&mut self) -> io::Result<u64> {
        self.0.current_bytes()
    }
}

#[test]
fn a_block_that_cannot_be_read_keeps_its_neighbours_out_of_nothing() {
    let mut bad = Bad(disk(), Vec::new());
    let mut buffers = bad.take_buffers();
    let taken = take(&mut bad, &mut buffers, &set(&[0, 1, 2, 50]));
    assert_eq!(taken.unreadable, set(&[1]));
    assert_eq!(taken.prints.iter().map(|print| print.lba.0).collect::<Vec<_>>(), [0, 2, 50]);
}
