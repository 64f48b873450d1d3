use std::collections::VecDeque;

use super::*;
use crate::io::FaultKind;
use crate::unit::{BlockCount, BlockSize, Lba, LbaRange};

/// Answers as it was told, and keeps what it was asked.
struct Scripted {
    answers: VecDeque<ScsiAnswer>,
    asked: Vec<Vec<u8>>,
    sends: Vec<u8>,
}

impl ScsiPort for Scripted {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _timeout: Duration) -> ScsiAnswer {
        self.asked.push(block.to_vec());
        if let Data::FromDrive(out) = data {
            for (slot, byte) in out.iter_mut().zip(self.sends.iter().chain(std::iter::repeat(&0x5a))) {
                *slot = *byte;
            }
        }
        self.answers.pop_front().unwrap_or(ScsiAnswer::NotCompleted { errno: libc::ENODEV })
    }
}

fn good(moved: u32) -> ScsiAnswer {
    ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved }
}

/// CHECK CONDITION with fixed sense: byte 2 is the key, byte 12 the additional sense code (SPC).
fn check(key: u8, code: u8) -> ScsiAnswer {
    let mut sense = vec![0; 18];
    (sense[0], sense[2], sense[12]) = (0x70, key, code);
    ScsiAnswer::Answered { status: 2, sense, moved: 0 }
}

fn disk(answers: Vec<ScsiAnswer>) -> CommandDisk<Scripted> {
    let size = BlockSize::new(520).unwrap();
    let geometry = Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(1000) };
    let port = Scripted { answers: answers.into(), asked: Vec::new(), sends: Vec::new() };
    CommandDisk::new(port, geometry, 8 * 520 + 100)
}

fn read(disk: &mut CommandDisk<Scripted>, first: u64, count: u64) -> Completion {
    let buffer = disk.take_buffers().remove(0);
    let range = LbaRange::new(Lba(first), BlockCount(count)).unwrap();
    disk.submit_read(Transfer { range, buffer }).unwrap();
    let mut done = Vec::new();
    disk.reap(&mut done).unwrap();
    done.remove(0)
}

/// The bytes that `sg_raw` needs for the same (SBC: operation code, LBA in bytes 2 to 9, number of blocks in 10 to 13).
#[test]
fn blocks_of_520_bytes_are_moved_by_address_and_count() {
    let mut disk = disk(vec![good(3 * 520), good(3 * 520), good(0)]);
    assert_eq!(disk.transfer_bytes(), 8 * 520, "whole blocks");
    let done = read(&mut disk, 0x0102_0304, 3);
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.transfer.buffer.as_slice()[..1560], [0x5a; 1560]);
    disk.submit_write(done.transfer).unwrap();
    disk.flush().unwrap();
    let asked: Vec<String> = disk.port.asked.iter().map(|block| crate::unit::digest::to_hex(block)).collect();
    assert_eq!(
        asked,
        ["88000000000001020304000000030000", "8a000000000001020304000000030000", "35000000000000000000",]
    );
}

#[test]
fn what_the_unit_did_not_look_at_is_sent_again_and_what_it_refused_is_not() {
    let mut patient = disk(vec![check(6, 0x29), check(0xb, 0x47), good(520)]);
    assert_eq!(read(&mut patient, 0, 1).result, Ok(()));
    assert_eq!(patient.port.asked.len(), 3);
    for (answer, kind) in [
        (check(3, 0x11), FaultKind::Medium),
        (check(5, 0x21), FaultKind::Target),
        (check(7, 0x27), FaultKind::Refused),
        (check(7, 0x20), FaultKind::Refused),
        (check(0xb, 0x10), FaultKind::Protection),
        (ScsiAnswer::Answered { status: 0x18, sense: Vec::new(), moved: 0 }, FaultKind::Reservation),
        (ScsiAnswer::Transport { host: 3, driver: 0 }, FaultKind::Transport),
        (ScsiAnswer::NotCompleted { errno: libc::ENODEV }, FaultKind::Gone),
        (good(519), FaultKind::Short),
        (good(0), FaultKind::Gone),
    ] {
        let mut disk = disk(vec![answer.clone(), good(520)]);
        assert_eq!(read(&mut disk, 0, 1).result.unwrap_err().kind, kind, "{answer:?}");
        assert_eq!(disk.port.asked.len(), 1, "{answer:?}");
    }
    let mut restless = disk(vec![check(6, 0x29); 9]);
    assert_eq!(read(&mut restless, 0, 1).result.unwrap_err().kind, FaultKind::Medium);
    assert_eq!(restless.port.asked.len(), 5);
}

/// READ CAPACITY(16): the last address in bytes 0 to 7, the block length in bytes 8 to 11.
#[test]
fn a_unit_that_was_formatted_anew_or_is_smaller_is_gone() {
    for (last, block, presence) in
        [(999_u64, 520_u32, Presence::Here), (998, 520, Presence::Gone), (4095, 512, Presence::Gone)]
    {
        let mut disk = disk(vec![good(32)]);
        disk.port.sends = [&last.to_be_bytes()[..], &block.to_be_bytes()[..]].concat();
        assert_eq!(disk.presence(), presence, "{last} {block}");
        assert_eq!(disk.port.asked[0], [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]);
    }
    assert_eq!(disk(vec![good(4)]).presence(), Presence::Gone, "no answer is no size");
}
