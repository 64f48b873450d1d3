use std::collections::VecDeque;

use super::*;
use crate::io::{FaultKind, ScsiAnswer};
use crate::unit::{BlockCount, BlockSize, Lba, LbaRange};

/// Answers as it was told, and keeps what it was asked.
struct Scripted {
    answers: VecDeque<ScsiAnswer>,
    asked: Vec<Vec<u8>>,
    sends: Vec<u8>,
    /// Last address and bytes of a block, for READ CAPACITY(16) as the first command; `None` leaves it to the answers.
    first_told: Option<(u64, u32)>,
    rested: Duration,
}

impl ScsiPort for Scripted {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _timeout: Duration) -> ScsiAnswer {
        if let (0x9e, Some((last, bytes))) = (block[0], self.first_told.take()) {
            let Data::FromDrive(out) = data else { panic!("it brings data") };
            out[..8].copy_from_slice(&last.to_be_bytes());
            out[8..12].copy_from_slice(&bytes.to_be_bytes());
            return good(32);
        }
        self.asked.push(block.to_vec());
        if let Data::FromDrive(out) = data {
            for (slot, byte) in out.iter_mut().zip(self.sends.iter().chain(std::iter::repeat(&0x5a))) {
                *slot = *byte;
            }
        }
        self.answers.pop_front().unwrap_or(ScsiAnswer::NotCompleted { errno: libc::ENODEV })
    }

    fn rest(&mut self, time: Duration) {
        self.rested += time;
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
    let first_told = Some((999, 520));
    let port = Scripted {
        answers: answers.into(),
        asked: Vec::new(),
        sends: Vec::new(),
        first_told,
        rested: Duration::ZERO,
    };
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
        (check(5, 0x26), FaultKind::Target),
        (check(5, 0x20), FaultKind::Refused),
        (check(5, 0x24), FaultKind::Unfit),
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
fn a_unit_that_was_formatted_anew_or_has_another_size_is_another() {
    for (last, block, presence) in [
        (999_u64, 520_u32, Presence::Here),
        (998, 520, Presence::Another),
        (1000, 520, Presence::Another),
        (999, 528, Presence::Another),
        (4095, 512, Presence::Another),
    ] {
        let mut disk = disk(vec![good(32)]);
        disk.port.first_told = None;
        disk.port.sends = [&last.to_be_bytes()[..], &block.to_be_bytes()[..]].concat();
        assert_eq!(disk.presence(), presence, "{last} {block}");
        assert_eq!(disk.port.asked[0], [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]);
    }
    let mut silent = disk(vec![good(4)]);
    silent.port.first_told = None;
    assert_eq!(silent.presence(), Presence::Gone, "no answer is no size");
}

/// Sense with this response code: 70h and 71h (deferred) have the key in byte 2 and the code in byte 12, 72h and 73h
/// (deferred) in bytes 1 and 2 (SPC).
fn sense(response: u8, key: u8, code: u8) -> ScsiAnswer {
    let mut sense = vec![0; 18];
    sense[0] = response;
    let (key_at, code_at) = if response < 0x72 { (2, 12) } else { (1, 2) };
    (sense[key_at], sense[code_at]) = (key, code);
    ScsiAnswer::Answered { status: 2, sense, moved: 0 }
}

fn write(disk: &mut CommandDisk<Scripted>) -> Result<(), Fault> {
    let buffer = Buffer::new(520);
    let range = LbaRange::new(Lba(0), BlockCount(1)).unwrap();
    disk.submit_write(Transfer { range, buffer }).unwrap();
    let mut done = Vec::new();
    disk.reap(&mut done).unwrap();
    done.remove(0).result
}

#[test]
fn a_flush_fails_once_after_the_unit_has_said_that_its_cache_may_be_lost() {
    for (answer, flushed) in [
        // Power on or reset; mode parameters changed; microcode changed; commands cleared by another initiator.
        (sense(0x70, 6, 0x29), false),
        (sense(0x72, 6, 0x29), false),
        (sense(0x70, 6, 0x2a), false),
        (sense(0x70, 6, 0x3f), false),
        (sense(0x72, 6, 0x2f), false),
        (sense(0x70, 6, 0x2f), false),
        // Deferred: write error, hardware error, one that was recovered.
        (sense(0x71, 3, 0x0c), false),
        (sense(0x73, 4, 0x44), false),
        (sense(0x71, 1, 0x0c), true),
        // Warnings: temperature, a failure that is predicted.
        (sense(0x70, 6, 0x0b), true),
        (sense(0x70, 6, 0x5d), true),
        // Aborted, and recovered: of this command alone.
        (sense(0x70, 0xb, 0x47), true),
    ] {
        let name = format!("{answer:?}");
        // At a write, at a read, and at the flush itself.
        let mut disk = disk(vec![good(520), answer.clone(), good(520), good(0), good(0)]);
        assert_eq!((write(&mut disk), write(&mut disk)), (Ok(()), Ok(())), "{name}");
        assert_eq!(disk.flush().is_ok(), flushed, "{name}");
        assert_eq!(disk.flush(), Ok(()), "{name}: once");
        assert_eq!(disk.port.asked.len(), 5, "{name}: the command was sent again");
        let mut disk = self::disk(vec![good(520), answer.clone(), good(520), good(0)]);
        assert_eq!((write(&mut disk), read(&mut disk, 0, 1).result), (Ok(()), Ok(())), "{name}");
        assert_eq!(disk.flush().is_ok(), flushed, "{name}");
        let mut disk = self::disk(vec![good(520), answer.clone(), good(0)]);
        assert_eq!(write(&mut disk), Ok(()), "{name}");
        assert_eq!((disk.flush().is_ok(), disk.port.asked.len()), (flushed, 3), "{name}");
        // With nothing written since the last flush nothing can be lost.
        let mut disk = self::disk(vec![good(520), good(0), answer, good(520), good(0)]);
        assert_eq!((write(&mut disk), disk.flush()), (Ok(()), Ok(())), "{name}");
        assert_eq!((write(&mut disk), disk.flush()), (Ok(()), Ok(())), "{name}");
    }
}

/// After a failure of the way the kernel resets the unit, and takes the attention that tells of it (`scsi_eh_tur`).
#[test]
fn a_flush_fails_after_the_way_to_the_unit_has_failed() {
    let lost = ScsiAnswer::Transport { host: 3, driver: 0 };
    let mut disk = disk(vec![good(520), lost, good(520), good(0), good(0)]);
    assert_eq!(write(&mut disk), Ok(()));
    assert_eq!(write(&mut disk).unwrap_err().kind, FaultKind::Transport);
    assert_eq!(write(&mut disk), Ok(()));
    assert!(disk.flush().is_err());
    assert_eq!(disk.flush(), Ok(()));
}

/// The same with a qualifier, in byte 13 or 3.
fn qualified(response: u8, key: u8, code: u8, qualifier: u8) -> ScsiAnswer {
    let mut answer = sense(response, key, code);
    let ScsiAnswer::Answered { sense, .. } = &mut answer else { unreachable!() };
    sense[if response < 0x72 { 13 } else { 3 }] = qualifier;
    answer
}

#[test]
fn a_unit_that_says_that_it_is_another_gets_nothing_more() {
    // Capacity data has changed; medium may have changed; inquiry data has changed (SPC, annex of additional sense codes).
    for [code, qualifier] in [[0x2a, 0x09], [0x28, 0x00], [0x28, 0x03], [0x3f, 0x03]] {
        for response in [0x70, 0x72] {
            let changed = qualified(response, 6, code, qualifier);
            let name = format!("{changed:?}");
            let mut writing = disk(vec![good(520), changed.clone(), good(520), good(0)]);
            assert_eq!((write(&mut writing), write(&mut writing)), (Ok(()), Err(Fault::changed())), "{name}");
            assert_eq!(
                (write(&mut writing), writing.flush()),
                (Err(Fault::changed()), Err(Fault::changed()))
            );
            assert_eq!(writing.port.asked.len(), 2, "{name}");
            let mut flushed = disk(vec![good(520), changed.clone(), good(0)]);
            assert_eq!((write(&mut flushed), flushed.flush()), (Ok(()), Err(Fault::changed())), "{name}");
            let mut asked = disk(vec![good(520), changed.clone(), good(32)]);
            assert_eq!(write(&mut asked), Ok(()), "{name}");
            assert_eq!(asked.presence(), Presence::Another, "{name}");
            // What waited before the first transfer is of what was done before: the unit is asked what it is.
            let mut fresh = disk(vec![changed, good(32), good(520)]);
            fresh.port.first_told = None;
            fresh.port.sends = [&999_u64.to_be_bytes()[..], &520_u32.to_be_bytes()[..]].concat();
            assert_eq!(write(&mut fresh), Ok(()), "{name}");
            assert_eq!(fresh.port.asked.len(), 3, "{name}");
        }
    }
    // Others of the same codes.
    for [code, qualifier] in [[0x2a, 0x01], [0x3f, 0x01]] {
        let mut disk = disk(vec![good(520), qualified(0x70, 6, code, qualifier), good(520)]);
        assert_eq!((write(&mut disk), write(&mut disk)), (Ok(()), Ok(())), "{code:02x} {qualifier:02x}");
    }
}

#[test]
fn nothing_is_moved_on_a_unit_of_another_shape() {
    for told in [(1000, 520), (998, 520), (999, 528)] {
        let mut disk = disk(vec![good(520); 2]);
        disk.port.first_told = Some(told);
        assert_eq!(write(&mut disk), Err(Fault::changed()), "{told:?}");
        assert_eq!(read(&mut disk, 0, 1).result, Err(Fault::changed()), "{told:?}");
        assert!(disk.port.asked.is_empty(), "{told:?}");
    }
}

/// BUSY (08h), TASK SET FULL (28h), and NOT READY, in process of becoming ready (SAM, SPC).
#[test]
fn a_unit_that_is_busy_or_becomes_ready_is_waited_for_but_not_for_ever() {
    let status = |status| ScsiAnswer::Answered { status, sense: Vec::new(), moved: 0 };
    for answer in [status(0x08), status(0x28), qualified(0x70, 2, 4, 1), qualified(0x72, 2, 4, 1)] {
        let mut later = disk([vec![answer.clone(); 8], vec![good(520)]].concat());
        assert_eq!(write(&mut later), Ok(()), "{answer:?}");
        // 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5 and 5 seconds.
        assert_eq!(later.port.rested, Duration::from_millis(16_300), "{answer:?}");
        let mut asked = disk([vec![answer.clone(); 8], vec![good(32)]].concat());
        asked.port.first_told = None;
        asked.port.sends = [&999_u64.to_be_bytes()[..], &520_u32.to_be_bytes()[..]].concat();
        assert_eq!(asked.presence(), Presence::Here, "{answer:?}");
        let mut never = disk(vec![answer.clone(); 1000]);
        assert_eq!(write(&mut never).unwrap_err().kind, FaultKind::Other, "{answer:?}: a rest, then again");
        let rested = never.port.rested;
        assert!(rested >= Duration::from_mins(1) && rested < Duration::from_secs(66), "{rested:?}");
    }
    // It needs to be started, or is at work on itself: nobody knows how long.
    for qualifier in [0x02, 0x04, 0x1b] {
        let mut disk = disk(vec![qualified(0x70, 2, 4, qualifier); 2]);
        assert!(write(&mut disk).is_err());
        assert_eq!((disk.port.asked.len(), disk.port.rested), (1, Duration::ZERO), "{qualifier:02x}");
    }
}

/// MODE SENSE(6) answers with a header of 4 bytes (the last is the length of the block descriptors), them, and the page:
/// 08h, 12h, and WCE in bit 2 (SPC, SBC).
#[test]
fn a_unit_without_flush_is_believed_only_if_it_says_that_it_has_no_write_cache() {
    let no_such_command = || check(5, 0x20);
    let page = |descriptors: u8, code: u8, flags: u8| {
        let mut told = vec![0x17, 0, 0, descriptors];
        told.resize(4 + usize::from(descriptors), 0xff);
        told.extend([code, 0x12, flags]);
        told.resize(24 + usize::from(descriptors), 0);
        told
    };
    let flushed = |told: Vec<u8>, answer: ScsiAnswer| {
        let mut disk = disk(vec![good(520), no_such_command(), answer]);
        assert_eq!(write(&mut disk), Ok(()));
        disk.port.sends = told;
        let flush = disk.flush();
        assert_eq!(disk.port.asked[2], [0x1a, 0x08, 0x08, 0, 252, 0]);
        flush
    };
    // Off: alone, saveable (PS), behind a block descriptor, with read cache disabled (RCD); or no such page.
    for told in [page(0, 0x08, 0), page(0, 0x88, 0), page(8, 0x08, 0), page(0, 0x08, 0x01)] {
        assert_eq!(flushed(told.clone(), good(24)), Ok(()), "{told:02x?}");
    }
    assert_eq!(flushed(Vec::new(), check(5, 0x24)), Ok(()));
    // On; another page; too little of an answer; no answer.
    for told in [page(0, 0x08, 0x04), page(8, 0x88, 0x04), page(0, 0x0a, 0), page(0, 0x48, 0)] {
        assert_eq!(flushed(told.clone(), good(24)).unwrap_err().kind, FaultKind::Refused, "{told:02x?}");
    }
    assert!(flushed(page(0, 0x08, 0), good(6)).is_err());
    assert!(flushed(page(200, 0x08, 0), good(24)).is_err());
    for answer in [check(5, 0x20), check(2, 0x3a), ScsiAnswer::Transport { host: 3, driver: 0 }] {
        assert!(flushed(page(0, 0x08, 0), answer.clone()).is_err(), "{answer:?}");
    }
    // Whatever else a flush is answered with is its answer.
    let mut disk = disk(vec![good(520), check(5, 0x24), good(24)]);
    assert_eq!(write(&mut disk), Ok(()));
    assert!(disk.flush().is_err());
    assert_eq!(disk.port.asked.len(), 2);
}
