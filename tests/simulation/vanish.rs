//! A drive of 20 TB that vanishes after the first hundredth: it is told within a few hundred requests, whether it still
//! tells its size or not. A request to a dying drive may take half a minute.
use std::time::Duration;

use expunge::engine::{Admission, Observer, Pass, Progress, Settled, write_pass};
use expunge::io::BlockRead as _;
use expunge::plan::{RuleName, Rules};
use expunge::sim::fault::GoneManner;
use expunge::sim::{DriveSpec, Logged, SimFault, SimNode};
use expunge::unit::term::DriveKind;
use expunge::unit::{BlockCount, Lba, LbaRange, Pattern, PatternKey, RangeSet};
use expunge::verify::{read_back, repair};

/// 20 TB in blocks of 512 bytes, as it stands on the label.
const CAPACITY: u64 = 39_063_650_304;

/// Requests that are few.
const FEW: usize = 400;

/// Waits in virtual time.
struct Patient<'a>(&'a SimNode);

impl Observer for Patient<'_> {
    fn progress(&mut self, _progress: Progress) {}
    fn should_stop(&mut self) -> bool {
        false
    }
    fn now(&mut self) -> Duration {
        Duration::from_millis(self.0.oracle().elapsed_ms())
    }
    fn rest(&mut self, time: Duration) {
        self.0.pass_time(time);
    }
    fn admit(&mut self, _bytes: u64) -> Admission {
        Admission::Go
    }
    fn checkpoint(&mut self, _pass: u32, _written: RangeSet) {}
}

fn node(fault: SimFault) -> SimNode {
    SimNode::new(
        DriveSpec { depth: 8, transfer_bytes: 1 << 20, ..DriveSpec::honest(512, CAPACITY) }.with(fault),
    )
}

fn first(blocks: u64) -> RangeSet {
    LbaRange::new(Lba(0), BlockCount(blocks)).into_iter().collect()
}

fn requests(node: &SimNode) -> usize {
    node.oracle().log().entries.iter().filter(|entry| matches!(entry, Logged::Transfer { .. })).count()
}

/// Every way to vanish, at once and after some transfers that go well.
fn vanishing() -> Vec<SimFault> {
    let mut all = Vec::new();
    for transfer in [0, 100] {
        for manner in [GoneManner::Eio, GoneManner::Enodev, GoneManner::NoBytes] {
            all.push(SimFault::Gone { transfer, manner });
        }
        for errno in [libc::EIO, libc::ETIMEDOUT] {
            all.push(SimFault::Mute { transfer, errno });
        }
    }
    all
}

fn is_told(fault: SimFault, settled: Settled) -> bool {
    match fault {
        SimFault::Gone { .. } => matches!(settled, Settled::Gone(_)),
        _ => settled == Settled::GivenUp(RuleName::Silent),
    }
}

#[test]
fn a_drive_of_20_tb_that_vanishes_at_one_hundredth_is_told_within_a_few_hundred_requests() {
    let rules = Rules::of_kind(DriveKind::Rotating);
    let pattern = Pattern::Keyed { key: PatternKey([7; 32]) };
    let written = first(CAPACITY / 100);
    for fault in vanishing() {
        let node = node(fault);
        let mut port = node.open();
        let mut buffers = port.take_buffers();
        let pass = Pass { index: 0, pattern: &pattern, written: &written, zones: None, rules: &rules };
        let end = write_pass(&mut port, &mut buffers, &pass, &mut Patient(&node)).expect("simulated");
        assert!(is_told(fault, end.settled), "{fault:?}: {:?}", end.settled);
        assert!(requests(&node) < 100 + FEW, "{} requests, {fault:?}", requests(&node));
        assert!(end.tally.accounts_for(&port.geometry()) && !end.tally.is_complete());
        assert!(end.tally.unreached.count().0 > CAPACITY / 2, "{fault:?}");
    }
}

#[test]
fn the_same_when_it_is_read_back() {
    let rules = Rules::of_kind(DriveKind::Rotating);
    let pattern = Pattern::byte(0);
    for fault in vanishing() {
        let node = node(fault);
        let mut port = node.open();
        let mut buffers = port.take_buffers();
        let end = read_back(&mut port, &mut buffers, &pattern, &first(CAPACITY), &rules, &mut Patient(&node))
            .expect("simulated");
        assert!(is_told(fault, end.settled), "{fault:?}: {:?}", end.settled);
        assert!(requests(&node) < 100 + FEW, "{} requests, {fault:?}", requests(&node));
        assert!(!end.tally.is_clean() && end.tally.accounts_for(&port.geometry()));
    }
}

/// As many wrong blocks as are repaired at all, and a drive that answers nothing any more.
#[test]
fn a_drive_that_answers_nothing_is_not_repaired_block_by_block() {
    let rules = Rules::of_kind(DriveKind::Rotating);
    for fault in vanishing() {
        let node = node(fault);
        let mut port = node.open();
        let mut buffers = port.take_buffers();
        let wrong: RangeSet =
            (0..rules.repair_blocks).filter_map(|lba| LbaRange::single(Lba(lba * 7))).collect();
        let pattern = Pattern::byte(0);
        let tally = repair(&mut port, &mut buffers, &pattern, &wrong, &rules, &mut Patient(&node))
            .expect("simulated");
        assert!(requests(&node) < 100 + FEW, "{} requests, {fault:?}", requests(&node));
        assert!(tally.repaired.is_empty() && tally.right_again.is_empty(), "{fault:?}");
    }
}
