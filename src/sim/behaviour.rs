//! Tests of the simulated drive through its port alone: each fault does what it says, and the oracle sees it.
use super::*;
use crate::io::{BlockRead, BlockWrite, Completion, Fault, FaultKind, Transfer};
use crate::sys::Buffer;
use crate::unit::{BlockCount, Lba, LbaRange, RangeSet};
use fault::{GoneManner, Times};

/// What the tests write: every unit of eight bytes is its own number on the drive.
fn expected(offset: u64, out: &mut [u8]) {
    for (unit, place) in (offset / 8..).zip(out.chunks_mut(8)) {
        place.copy_from_slice(&(unit | 1 << 63).to_be_bytes());
    }
}

fn transfer(drive: &SimDrive, first: u64, count: u64) -> Transfer {
    let geometry = drive.geometry();
    let range = LbaRange::new(Lba(first), BlockCount(count)).unwrap();
    let mut buffer = Buffer::new(usize::try_from(geometry.byte_length(range.count())).unwrap());
    expected(geometry.byte_offset(range.first()), buffer.as_mut_slice());
    Transfer { range, buffer }
}

fn reap_all(drive: &mut SimDrive) -> Vec<Completion> {
    let mut done = Vec::new();
    loop {
        let before = done.len();
        drive.reap(&mut done).unwrap();
        if done.len() == before {
            return done;
        }
    }
}

/// Writes the blocks as one transfer, alone.
fn write(drive: &mut SimDrive, first: u64, count: u64) -> Result<(), Fault> {
    let transfer = transfer(drive, first, count);
    drive.submit_write(transfer).unwrap();
    reap_all(drive).remove(0).result
}

/// Reads the blocks as one transfer, alone: the blocks that are not as expected, or the fault.
fn read(drive: &mut SimDrive, first: u64, count: u64) -> Result<Vec<u64>, Fault> {
    let mut wanted = transfer(drive, first, count);
    let block = usize::try_from(drive.geometry().block_size.bytes()).unwrap();
    let right = wanted.buffer.as_slice().to_vec();
    wanted.buffer.as_mut_slice().fill(0xEE);
    drive.submit_read(wanted).unwrap();
    let done = reap_all(drive).remove(0);
    done.result?;
    let found = done.transfer.buffer.as_slice().chunks(block).zip(right.chunks(block));
    Ok((first..)
        .zip(found)
        .take(usize::try_from(count).unwrap())
        .filter(|(_, (a, b))| a != b)
        .map(|(lba, _)| lba)
        .collect())
}

fn opened(spec: DriveSpec) -> (SimNode, SimDrive, Oracle) {
    let node = SimNode::new(spec);
    let (drive, oracle) = (node.open(), node.oracle());
    (node, drive, oracle)
}

fn wrong(oracle: &Oracle) -> Vec<u64> {
    blocks(&oracle.wrong(View::Presented, &expected))
}

fn blocks(set: &RangeSet) -> Vec<u64> {
    set.ranges().iter().flat_map(|range| range.first().0..range.end().0).collect()
}

fn fired(oracle: &Oracle) -> Vec<(FaultName, u32)> {
    oracle.fired().into_iter().collect()
}

const EIO: Fault = Fault { kind: FaultKind::Medium, errno: 5 };

#[test]
fn an_honest_drive_keeps_what_is_written_and_the_oracle_sees_the_rest() {
    let (_, mut drive, oracle) = opened(DriveSpec::honest(512, 10));
    assert!(oracle.is_untouched());
    assert_eq!(oracle.residue(View::Durable).addressable.count(), BlockCount(10));
    assert_eq!(read(&mut drive, 0, 2), Ok(vec![0, 1]));
    assert!(oracle.is_untouched(), "reading changes nothing");
    assert_eq!(write(&mut drive, 1, 8), Ok(()));
    assert_eq!(read(&mut drive, 1, 8), Ok(vec![]));
    assert_eq!(wrong(&oracle), [0, 9]);
    assert_eq!(blocks(&oracle.residue(View::Durable).addressable), [0, 9]);
    assert!(!oracle.is_untouched());
    assert_eq!((oracle.log().reads(), oracle.log().writes(), oracle.log().flushes()), (2, 1, 0));
    assert_eq!((fired(&oracle), oracle.log().breaches), (vec![], vec![]));
}

#[test]
fn a_drive_of_a_terabyte_costs_only_what_is_written() {
    let capacity = 2_000_000_001;
    let (_, mut drive, oracle) = opened(DriveSpec::honest(512, capacity));
    assert_eq!(write(&mut drive, capacity - 1, 1), Ok(()));
    assert_eq!(write(&mut drive, 5, 1), Ok(()));
    let residue = oracle.residue(View::Presented).addressable;
    assert_eq!(residue.count(), BlockCount(capacity - 2));
    assert!(!residue.contains(Lba(5)) && !residue.contains(Lba(capacity - 1)) && residue.contains(Lba(4)));
}

#[test]
fn completions_come_back_once_each_in_an_order_of_the_seed() {
    let order = |seed| {
        let (_, mut drive, _) = opened(DriveSpec { seed, depth: 6, ..DriveSpec::honest(512, 100) });
        for first in 0..6 {
            let transfer = transfer(&drive, first, 1);
            drive.submit_write(transfer).unwrap();
        }
        let seventh = transfer(&drive, 6, 1);
        assert_eq!(drive.submit_write(seventh).unwrap_err().range.first(), Lba(6), "the queue is full");
        reap_all(&mut drive).iter().map(|done| done.transfer.range.first().0).collect::<Vec<_>>()
    };
    let orders: Vec<_> = (0..20).map(order).collect();
    for one in &orders {
        let mut sorted = one.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
    }
    assert!(orders.iter().any(|one| *one != [0, 1, 2, 3, 4, 5]));
    assert_eq!(order(3), orders[3]);
}

#[test]
fn buffers_are_handed_out_once_as_many_as_fit_the_queue() {
    let (_, mut drive, _) = opened(DriveSpec { depth: 3, transfer_bytes: 8192, ..DriveSpec::honest(512, 9) });
    let buffers = drive.take_buffers();
    assert_eq!((buffers.len(), buffers[0].len(), drive.transfer_bytes()), (3, 8192, 8192));
    assert!(drive.take_buffers().is_empty());
    assert_eq!(drive.current_bytes().unwrap(), 9 * 512);
}

#[test]
fn breaches_of_the_contract_are_written_down() {
    let (_, mut drive, oracle) = opened(DriveSpec { depth: 4, ..DriveSpec::honest(512, 10) });
    assert_eq!(write(&mut drive, 9, 2).unwrap_err().errno, libc::EINVAL);
    let mut long = transfer(&drive, 0, 9);
    long.buffer = Buffer::new(4096);
    drive.submit_write(long).unwrap();
    assert!(reap_all(&mut drive)[0].result.is_err());
    for first in [2, 3] {
        let both = transfer(&drive, first, 2);
        drive.submit_write(both).unwrap();
    }
    drive.flush().unwrap();
    assert_eq!(
        oracle.log().breaches,
        [Breach::OutsideDrive, Breach::LongerThanBuffer, Breach::Overlapping, Breach::FlushInFlight]
    );
}

#[test]
fn flash_keeps_old_data_in_cells_that_no_address_reaches() {
    let spec = DriveSpec { wear: Wear::Moving, spare_cells: 3, ..DriveSpec::honest(4096, 4) };
    let (_, mut drive, oracle) = opened(spec);
    assert_eq!(oracle.residue(View::Durable).unaddressable_cells, 3);
    for lba in 0..4 {
        assert_eq!(write(&mut drive, lba, 1), Ok(()));
    }
    let residue = oracle.residue(View::Durable);
    assert!(residue.addressable.is_empty(), "clear reaches every address");
    assert_eq!(residue.unaddressable_cells, 3, "and purge is something else");
    for lba in 0..4 {
        assert_eq!(write(&mut drive, lba, 1), Ok(()));
    }
    assert_eq!(oracle.residue(View::Durable).unaddressable_cells, 0, "the second round reused the old cells");
}

#[test]
fn a_remapped_block_reads_right_and_its_old_cell_stays() {
    let spec = DriveSpec { spare_cells: 1, ..DriveSpec::honest(512, 4) }.with(SimFault::Remapped { lba: 2 });
    let (_, mut drive, oracle) = opened(spec);
    for _ in 0..2 {
        assert_eq!(write(&mut drive, 0, 4), Ok(()));
    }
    assert_eq!(read(&mut drive, 0, 4), Ok(vec![]));
    let residue = oracle.residue(View::Durable);
    assert_eq!((residue.addressable.count().0, residue.unaddressable_cells), (0, 1));
    assert_eq!(fired(&oracle), [(FaultName::Remapped, 1)]);
}

#[test]
fn the_cache_answers_reads_and_is_lost_with_the_power() {
    let spec = DriveSpec { cache_blocks: 3, ..DriveSpec::honest(512, 8) };
    let (_, mut drive, oracle) = opened(spec);
    assert_eq!(write(&mut drive, 0, 8), Ok(()));
    assert_eq!(read(&mut drive, 0, 8), Ok(vec![]));
    assert_eq!(
        blocks(&oracle.wrong(View::Durable, &expected)),
        [5, 6, 7],
        "only the last three are in the cache"
    );
    drive.flush().unwrap();
    assert!(oracle.wrong(View::Durable, &expected).is_empty());
    let (_, mut drive, oracle) = opened(DriveSpec { cache_blocks: 100, ..DriveSpec::honest(512, 100) });
    for first in (0..96).step_by(8) {
        assert_eq!(write(&mut drive, first, 8), Ok(()));
    }
    oracle.cut_power(1);
    let lost = wrong(&oracle).len();
    assert!((60..96).contains(&lost), "{lost} of 96 lost");
}

#[test]
fn write_errors_leave_old_data_and_clearing_ones_clear() {
    let (_, mut drive, oracle) =
        opened(DriveSpec::honest(512, 8).with(SimFault::WriteErrorHard { lba: 3, errno: 5 }));
    for _ in 0..3 {
        assert_eq!(write(&mut drive, 3, 1), Err(EIO));
    }
    assert_eq!(write(&mut drive, 4, 4), Ok(()));
    assert_eq!(wrong(&oracle), [0, 1, 2, 3]);
    assert_eq!(fired(&oracle), [(FaultName::WriteErrorHard, 3)]);
    let clearing = SimFault::WriteErrorClearing { lba: 3, errno: 61, tries: 2 };
    let (_, mut drive, oracle) = opened(DriveSpec::honest(512, 8).with(clearing));
    let answers = [(); 3].map(|()| write(&mut drive, 0, 8).map_err(|fault| fault.errno));
    assert_eq!(answers, [Err(61), Err(61), Ok(())]);
    assert!(wrong(&oracle).is_empty());
}

#[test]
fn read_errors_harm_no_cell_and_clearing_ones_clear() {
    let hard = SimFault::ReadErrorHard { lba: 7, errno: 61 };
    let clearing = SimFault::ReadErrorClearing { lba: 0, errno: 5, tries: 1 };
    let (_, mut drive, oracle) = opened(DriveSpec::honest(512, 8).with(hard).with(clearing));
    assert_eq!(write(&mut drive, 0, 8), Ok(()));
    assert_eq!(read(&mut drive, 0, 7), Err(EIO));
    assert_eq!(read(&mut drive, 0, 7), Ok(vec![]));
    assert_eq!(read(&mut drive, 6, 2).unwrap_err().errno, 61);
    assert_eq!(read(&mut drive, 7, 1).unwrap_err().errno, 61);
    assert!(wrong(&oracle).is_empty());
    assert_eq!(blocks(&oracle.unreadable()), [7]);
    assert_eq!(fired(&oracle), [(FaultName::ReadErrorHard, 2), (FaultName::ReadErrorClearing, 1)]);
}

/// What one write of the whole drive with one fault comes to: its answer, the blocks that read wrong, and the
/// blocks that are wrong by the oracle.
fn once(fault: SimFault) -> (Result<(), Fault>, Vec<u64>, Vec<u64>) {
    let (_, mut drive, oracle) = opened(DriveSpec::honest(512, 8).with(fault));
    let answer = write(&mut drive, 0, 8);
    drive.flush().unwrap();
    let read = read(&mut drive, 0, 8).unwrap();
    assert_eq!(fired(&oracle), [(fault.name(), 1)]);
    (answer, read, wrong(&oracle))
}

#[test]
fn lies_about_writes_are_seen_in_the_cells() {
    let (ok, once_only) = (Ok(()), Times::Once);
    assert_eq!(once(SimFault::WriteDropped { lba: 7, times: once_only }), (ok, vec![7], vec![7]));
    // The misdirected block overwrote another, and was itself overwritten later in the same transfer.
    assert_eq!(once(SimFault::WriteMisdirected { lba: 2, to: 5, times: once_only }), (ok, vec![2], vec![2]));
    assert_eq!(
        once(SimFault::WriteMisdirected { lba: 5, to: 2, times: once_only }),
        (ok, vec![2, 5], vec![2, 5])
    );
    assert_eq!(once(SimFault::WriteTorn { lba: 6, kept: 0 }), (ok, vec![6, 7], vec![6, 7]));
    let short = Err(Fault { kind: FaultKind::Short, errno: 0 });
    assert_eq!(
        once(SimFault::WriteShort { lba: 5, times: once_only }),
        (short, vec![5, 6, 7], vec![5, 6, 7])
    );
    let all: Vec<u64> = (0..8).collect();
    assert_eq!(once(SimFault::WriteShort { lba: 0, times: once_only }), (short, all.clone(), all));
    assert_eq!(once(SimFault::CellRot { lba: 0, bit: 9 }), (ok, vec![0], vec![0]));
}

#[test]
fn lies_about_reads_leave_the_cells_right() {
    let (ok, times) = (Ok(()), Times::Once);
    assert_eq!(once(SimFault::ReadStale { lba: 4, times }), (ok, vec![4], vec![]));
    assert_eq!(once(SimFault::ReadFlip { lba: 7, bit: 4095, times }), (ok, vec![7], vec![]));
    assert_eq!(once(SimFault::ReadMisdirected { lba: 0, from: 1, times }), (ok, vec![0], vec![]));
}

#[test]
fn what_happens_once_does_not_happen_twice() {
    for (times, second) in [(Times::Once, vec![]), (Times::Always, vec![1])] {
        let (_, mut drive, _) =
            opened(DriveSpec::honest(512, 8).with(SimFault::ReadFlip { lba: 1, bit: 0, times }));
        assert_eq!(write(&mut drive, 0, 8), Ok(()));
        assert_eq!(read(&mut drive, 0, 8), Ok(vec![1]));
        assert_eq!(read(&mut drive, 0, 8), Ok(second));
    }
    for (times, left) in [(Times::Once, vec![]), (Times::Always, vec![1])] {
        let fault = SimFault::WriteDropped { lba: 1, times };
        let (_, mut drive, oracle) = opened(DriveSpec::honest(512, 8).with(fault));
        assert_eq!([write(&mut drive, 0, 8), write(&mut drive, 0, 8)], [Ok(()), Ok(())]);
        assert_eq!(wrong(&oracle), left);
    }
}

#[test]
fn a_torn_block_is_half_new_and_half_old() {
    let (_, mut drive, oracle) =
        opened(DriveSpec::honest(4096, 2).with(SimFault::WriteTorn { lba: 1, kept: 3584 }));
    assert_eq!(write(&mut drive, 0, 2), Ok(()));
    assert_eq!(blocks(&oracle.residue(View::Durable).addressable), [1], "512 old bytes are old data");
}

#[test]
fn long_reads_are_refused_where_the_drive_says_so() {
    let (_, mut drive, oracle) = opened(DriveSpec::honest(512, 8).with(SimFault::ReadTooLong { blocks: 2 }));
    assert_eq!(write(&mut drive, 0, 8), Ok(()));
    assert_eq!(read(&mut drive, 0, 3).unwrap_err().errno, libc::EINVAL);
    assert_eq!(read(&mut drive, 0, 2), Ok(vec![]));
    assert_eq!(fired(&oracle), [(FaultName::ReadTooLong, 1)]);
}

#[test]
fn a_flush_that_fails_fails_once_and_loses_data() {
    let spec = DriveSpec { cache_blocks: 8, ..DriveSpec::honest(512, 8) };
    let (_, mut drive, oracle) = opened(spec.with(SimFault::FlushFails));
    assert_eq!(write(&mut drive, 0, 8), Ok(()));
    assert_eq!(drive.flush(), Err(EIO));
    assert_eq!(drive.flush(), Ok(()), "a second success proves nothing");
    assert_eq!(wrong(&oracle).len(), 8);
}

#[test]
fn a_flush_that_lies_and_a_cache_that_is_lost_are_seen_by_reading_back() {
    let spec = DriveSpec { cache_blocks: 4, ..DriveSpec::honest(512, 8) };
    let (_, mut drive, oracle) = opened(spec.clone().with(SimFault::FlushLies));
    assert_eq!(write(&mut drive, 0, 8), Ok(()));
    assert_eq!(drive.flush(), Ok(()));
    assert_eq!(read(&mut drive, 0, 8), Ok(vec![4, 5, 6, 7]));
    assert_eq!(fired(&oracle), [(FaultName::FlushLies, 1)]);
    let (_, mut drive, oracle) = opened(spec.with(SimFault::CacheLost { transfer: 1 }));
    assert_eq!([write(&mut drive, 0, 4), write(&mut drive, 4, 4)], [Ok(()), Ok(())]);
    assert_eq!(drive.flush(), Ok(()));
    assert_eq!(
        (read(&mut drive, 0, 8), fired(&oracle)),
        (Ok(vec![0, 1, 2, 3]), vec![(FaultName::CacheLost, 1)])
    );
}

#[test]
fn a_counterfeit_drive_shows_only_its_last_writes() {
    let (_, mut drive, oracle) = opened(DriveSpec::honest(512, 8).with(SimFault::Counterfeit { cells: 3 }));
    assert_eq!(write(&mut drive, 0, 8), Ok(()));
    // Blocks 6, 7 and 5 were the last to reach cells 0, 1 and 2.
    assert_eq!(read(&mut drive, 0, 8), Ok(vec![0, 1, 2, 3, 4]));
    assert_eq!(wrong(&oracle), [0, 1, 2, 3, 4]);
    assert!(oracle.residue(View::Durable).addressable.is_empty(), "no old data, but not the pattern either");
    let constant = |_: u64, out: &mut [u8]| out.fill(0);
    assert_eq!(oracle.wrong(View::Durable, &constant).count(), BlockCount(8));
}

#[test]
fn a_drive_that_is_gone_answers_in_its_manner() {
    let manners = [
        (GoneManner::Eio, EIO, Some(0)),
        (GoneManner::Enodev, Fault { kind: FaultKind::Gone, errno: 19 }, None),
        (GoneManner::NoBytes, Fault { kind: FaultKind::Gone, errno: 0 }, Some(0)),
    ];
    for (manner, answer, size) in manners {
        let (_, mut drive, oracle) =
            opened(DriveSpec::honest(512, 8).with(SimFault::Gone { transfer: 1, manner }));
        assert_eq!(write(&mut drive, 0, 4), Ok(()));
        assert_eq!(drive.current_bytes().unwrap(), 4096);
        assert_eq!(write(&mut drive, 4, 4), Err(answer));
        assert_eq!(read(&mut drive, 0, 1), Err(answer));
        assert_eq!(drive.current_bytes().ok(), size);
        assert!(drive.flush().is_err());
        assert_eq!(wrong(&oracle), [4, 5, 6, 7]);
    }
}

#[test]
fn a_mute_drive_fails_everything_and_tells_its_size() {
    let (_, mut drive, oracle) =
        opened(DriveSpec::honest(512, 8).with(SimFault::Mute { transfer: 1, errno: 110 }));
    assert_eq!(write(&mut drive, 0, 4), Ok(()));
    assert_eq!(write(&mut drive, 4, 4).unwrap_err().errno, 110);
    assert_eq!(read(&mut drive, 0, 1).unwrap_err().errno, 110);
    assert_eq!((drive.flush().unwrap_err().errno, drive.current_bytes().unwrap()), (110, 4096));
    assert_eq!((wrong(&oracle), fired(&oracle)), (vec![4, 5, 6, 7], vec![(FaultName::Mute, 2)]));
}

#[test]
fn a_drive_that_shrinks_refuses_what_it_lost() {
    let fault = SimFault::Shrinks { transfer: 1, blocks: 5 };
    let (_, mut drive, _) = opened(DriveSpec::honest(512, 8).with(fault));
    assert_eq!(write(&mut drive, 7, 1), Ok(()));
    assert_eq!(write(&mut drive, 4, 2).unwrap_err().errno, libc::ENOSPC);
    assert_eq!((write(&mut drive, 4, 1), drive.current_bytes().unwrap()), (Ok(()), 5 * 512));
}

#[test]
fn another_drive_at_the_node_has_another_identity_and_is_the_one_that_changes() {
    let (node, mut drive, oracle) =
        opened(DriveSpec::honest(512, 8).with(SimFault::ReplacedInUse { transfer: 1 }));
    let planned = node.identify();
    assert_eq!([write(&mut drive, 0, 4), write(&mut drive, 4, 4)], [Ok(()), Ok(())]);
    assert_ne!(node.identify(), planned);
    assert_eq!(oracle.changed_drives(), [planned.clone(), node.identify()]);
    assert_eq!(wrong(&oracle), [4, 5, 6, 7], "the first drive still has old data there");
    let node = SimNode::new(DriveSpec::honest(512, 8).with(SimFault::ReplacedBeforeOpening));
    assert_eq!(node.identify(), planned);
    let mut drive = node.open();
    assert_ne!(node.identify(), planned);
    assert_eq!(write(&mut drive, 0, 8), Ok(()));
    assert_eq!(node.oracle().changed_drives(), [node.identify()]);
}

/// Writes blocks 0 to 7 as eight transfers in flight at once, and gives the answers by block.
fn side_by_side(spec: DriveSpec) -> (Vec<Result<(), Fault>>, Oracle) {
    let (_, mut drive, oracle) = opened(DriveSpec { depth: 8, ..spec });
    for first in 0..8 {
        let transfer = transfer(&drive, first, 1);
        drive.submit_write(transfer).unwrap();
    }
    let mut done = reap_all(&mut drive);
    done.sort_by_key(|done| done.transfer.range.first());
    (done.iter().map(|done| done.result).collect(), oracle)
}

#[test]
fn a_bad_block_fails_the_neighbours_it_is_merged_with() {
    let (answers, oracle) = side_by_side(DriveSpec::honest(512, 8).with(SimFault::MergedError { lba: 3 }));
    assert_eq!(answers, [Err(EIO); 8]);
    assert_eq!((wrong(&oracle).len(), fired(&oracle)), (8, vec![(FaultName::MergedError, 1)]));
}

#[test]
fn a_merged_request_that_ends_early_claims_success_for_what_it_did_not_store() {
    let (answers, oracle) = side_by_side(DriveSpec::honest(512, 8).with(SimFault::MergedSuccess { lba: 3 }));
    assert_eq!(answers, [Ok(()); 8]);
    assert_eq!((wrong(&oracle), fired(&oracle)), (vec![3, 4, 5, 6, 7], vec![(FaultName::MergedSuccess, 1)]));
}

#[test]
fn alone_a_bad_block_spoils_nobody_and_counts_as_not_fired() {
    for fault in [SimFault::MergedError { lba: 3 }, SimFault::MergedSuccess { lba: 3 }] {
        let (_, mut drive, oracle) = opened(DriveSpec::honest(512, 8).with(fault));
        assert_eq!([write(&mut drive, 2, 1), write(&mut drive, 3, 1)], [Ok(()), Err(EIO)]);
        assert_eq!(fired(&oracle), []);
    }
}

#[test]
fn slow_blocks_take_virtual_time_only() {
    let (_, mut drive, oracle) = opened(DriveSpec::honest(512, 8).with(SimFault::Slow { lba: 0 }));
    assert_eq!([write(&mut drive, 0, 1), write(&mut drive, 1, 1)], [Ok(()), Ok(())]);
    assert_eq!(oracle.elapsed_ms(), 30_002);
}

#[test]
fn a_drive_that_returns_is_the_same_and_what_was_opened_before_stays_dead() {
    let fault = SimFault::Returns { transfer: 1, manner: GoneManner::Eio, asks: 2 };
    let spec = DriveSpec { cache_blocks: 4, ..DriveSpec::honest(512, 8) };
    let (node, mut drive, oracle) = opened(spec.with(fault));
    assert_eq!(write(&mut drive, 0, 4), Ok(()));
    assert_eq!(write(&mut drive, 4, 4), Err(EIO));
    assert_eq!(drive.current_bytes().unwrap(), 0);
    assert_eq!(node.current_bytes().unwrap(), 0);
    assert_eq!(node.current_bytes().unwrap(), 4096, "asked often enough");
    assert_eq!(write(&mut drive, 4, 4).unwrap_err().errno, libc::ENODEV);
    assert!(drive.current_bytes().is_err() && drive.flush().is_err());
    let mut again = node.open();
    assert_eq!([write(&mut again, 4, 4), again.flush()], [Ok(()), Ok(())]);
    assert_eq!((wrong(&oracle), fired(&oracle)), (vec![0, 1, 2, 3], vec![(FaultName::Returns, 1)]));
}

#[test]
fn an_outage_is_over_after_its_time_and_harms_nothing() {
    let fault = SimFault::Outage { transfer: 1, millis: 3000, errno: 110 };
    let (node, mut drive, oracle) = opened(DriveSpec::honest(512, 8).with(fault));
    assert_eq!(write(&mut drive, 0, 4), Ok(()));
    assert_eq!(write(&mut drive, 4, 4).unwrap_err().errno, 110);
    assert_eq!((drive.flush().unwrap_err().errno, drive.current_bytes().unwrap()), (110, 4096));
    node.pass_time(std::time::Duration::from_secs(3));
    assert_eq!([write(&mut drive, 4, 4), drive.flush()], [Ok(()), Ok(())]);
    assert!(wrong(&oracle).is_empty());
}

#[test]
fn a_reservation_stops_everything_and_write_protection_stops_writes() {
    let spec = |errno| DriveSpec::honest(512, 8).with(SimFault::Refuses { transfer: 1, errno });
    let (_, mut drive, _) = opened(spec(libc::EBADE));
    assert_eq!(write(&mut drive, 0, 4), Ok(()));
    assert_eq!(read(&mut drive, 0, 1).unwrap_err().kind, FaultKind::Reservation);
    assert_eq!(drive.flush().unwrap_err().kind, FaultKind::Reservation);
    let (_, mut drive, _) = opened(spec(libc::EROFS));
    assert_eq!(write(&mut drive, 0, 4), Ok(()));
    assert_eq!((read(&mut drive, 0, 1), drive.flush()), (Ok(vec![]), Ok(())));
    assert_eq!(write(&mut drive, 4, 4).unwrap_err().kind, FaultKind::Refused);
}

#[test]
fn a_bad_region_is_neither_written_nor_read() {
    let (_, mut drive, oracle) =
        opened(DriveSpec::honest(512, 8).with(SimFault::BadRegion { first: 2, blocks: 3, errno: 5 }));
    let answers: Vec<_> = (0..8).map(|lba| write(&mut drive, lba, 1).is_ok()).collect();
    assert_eq!(answers, [true, true, false, false, false, true, true, true]);
    assert_eq!((read(&mut drive, 0, 2), read(&mut drive, 4, 1)), (Ok(vec![]), Err(EIO)));
    assert_eq!((wrong(&oracle), blocks(&oracle.unreadable())), (vec![2, 3, 4], vec![2, 3, 4]));
}

#[test]
fn a_hidden_area_keeps_its_data_and_nobody_reaches_it() {
    let spec = DriveSpec { wear: Wear::Moving, spare_cells: 2, ..DriveSpec::honest(512, 4) };
    let (_, mut drive, oracle) = opened(spec.with(SimFault::HiddenArea { cells: 5 }));
    for _ in 0..4 {
        assert_eq!(write(&mut drive, 0, 4), Ok(()));
    }
    let residue = oracle.residue(View::Durable);
    assert_eq!((residue.addressable.count().0, residue.unaddressable_cells), (0, 5));
    assert_eq!(fired(&oracle), [(FaultName::HiddenArea, 1)]);
}
