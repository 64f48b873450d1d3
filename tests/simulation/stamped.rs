//! Stamped passes on drives that lie about where things are, beside plain ones, which cannot see it.
use std::collections::BTreeMap;

use expunge::engine::{Pass, Unobserved, write_pass};
use expunge::io::{BlockRead, MemoryDisk};
use expunge::plan::{PassChoice, PassPattern, Request, Rules};
use expunge::sim::fault::Times;
use expunge::sim::{Dice, DriveSpec, SimFault, SimNode};
use expunge::sys::Buffer;
use expunge::unit::pattern::FixedBytes;
use expunge::unit::term::{DriveKind, Method, Outcome, word};
use expunge::unit::{BlockCount, BlockSize, Geometry, Lba, LbaRange, Pattern, RangeSet, StampTag};
use expunge::verify::read_back;

use crate::check;
use crate::defect::{Crooked, Defect};
use crate::run::Run;

const SEEDS: u64 = 300;

fn rules() -> Rules {
    Rules::of_kind(DriveKind::TestObject)
}

fn write(disk: &mut MemoryDisk, buffers: &mut Vec<Buffer>, index: u32, pattern: &Pattern) {
    let rules = rules();
    let pass = Pass { index, pattern, written: &RangeSet::new(), zones: None, rules: &rules };
    write_pass(disk, buffers, &pass, &mut Unobserved).expect("memory");
}

/// A job with these passes on the drive of a seed, which has one fault and no other; `None` where the drive is too
/// small for it.
fn job(seed: u64, passes: &[&str], fault: impl FnOnce(u64, &mut Dice) -> SimFault) -> Option<Run> {
    let mut dice = Dice::new(seed ^ 0x57A3);
    let mut spec = DriveSpec::draw(seed);
    let capacity = spec.geometry.capacity.0;
    if capacity == 1 {
        return None;
    }
    spec.faults = vec![fault(capacity, &mut dice)];
    let passes = passes.iter().map(|text| PassPattern::parse(text).expect("a pattern")).collect();
    let request =
        Request { method: Some(Method::Clear), passes: PassChoice::Listed(passes), ..Request::default() };
    Some(Run::with(seed, spec, &request, dice, Defect::None))
}

/// What jobs came to that were not refused and not stopped, by their number, after the promises were checked.
fn outcomes(passes: &[&str], fault: impl Fn(u64, &mut Dice) -> SimFault) -> BTreeMap<String, u32> {
    let mut outcomes = BTreeMap::new();
    for run in (0..SEEDS).filter_map(|seed| job(seed, passes, &fault)) {
        let violations = check::all(&run);
        assert!(violations.is_empty(), "seed {}, {:?}: {violations:?}", run.seed, run.spec.faults);
        if run.plan.is_some() && run.stops_after.is_none() {
            *outcomes.entry(word(run.ended.outcome)).or_default() += 1;
        }
    }
    assert!(outcomes.values().sum::<u32>() > 200, "{outcomes:?}");
    outcomes
}

/// Every block of such a drive can be written and read, and most are one another's.
#[test]
fn a_counterfeit_drive_passes_for_whole_with_plain_bytes_and_fails_with_stamped_ones() {
    let counterfeit =
        |capacity, dice: &mut Dice| SimFault::Counterfeit { cells: dice.between(1, capacity - 1) };
    let only = |outcome: Outcome| vec![word(outcome)];
    for (passes, expected) in [
        (&["zero"][..], Outcome::Done),
        (&["stamped-zero"], Outcome::Failed),
        (&["stamped-0x924924"], Outcome::Failed),
        (&["ones", "stamped-ones"], Outcome::Failed),
    ] {
        let found = outcomes(passes, counterfeit);
        assert_eq!(found.keys().cloned().collect::<Vec<_>>(), only(expected), "{passes:?}: {found:?}");
    }
}

/// Stored at another address once or always, in the only pass or before the last: done only where nothing is wrong.
#[test]
fn misdirected_writes_under_stamps_are_never_done_with_wrong_blocks() {
    for times in [Times::Once, Times::Always] {
        let misdirected = |capacity, dice: &mut Dice| {
            let lba = dice.below(capacity);
            SimFault::WriteMisdirected { lba, to: (lba + dice.between(1, capacity - 1)) % capacity, times }
        };
        for passes in
            [&["stamped-zero"][..], &["stamped-0x924924", "stamped-0x924924"], &["zero", "stamped-zero"]]
        {
            let found = outcomes(passes, misdirected);
            // A write that went astray in the first of two passes is made good by the second.
            let made_good = times == Times::Once && passes.len() == 2;
            assert_eq!(found.contains_key(&word(Outcome::Done)), made_good, "{passes:?}: {found:?}");
        }
    }
}

fn stamped(bytes: &[u8], tag: u8) -> Pattern {
    Pattern::Stamped { bytes: FixedBytes::new(bytes).expect("1 to 64 bytes"), tag: StampTag([tag; 8]) }
}

/// What an earlier pass of the same bytes left, and what stands in another block's place, is found in its block.
#[test]
fn blocks_of_an_earlier_pass_and_of_another_place_are_found() {
    for block_size in [512, 4096] {
        let size = BlockSize::new(block_size).expect("a block size");
        let geometry = Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(37) };
        let length = size.bytes() as usize;
        for (earlier, last, shows) in [
            (Pattern::byte(0), Pattern::byte(0), false),
            (stamped(&[0], 1), stamped(&[0], 2), true),
            (stamped(&[0x92, 0x49, 0x24], 1), stamped(&[0x92, 0x49, 0x24], 2), true),
        ] {
            let mut disk = MemoryDisk::new(geometry, 8192, 2);
            let mut buffers = disk.take_buffers();
            write(&mut disk, &mut buffers, 0, &earlier);
            let before = disk.bytes().to_vec();
            write(&mut disk, &mut buffers, 1, &last);
            let kept = 7 * length..8 * length;
            disk.bytes_mut()[kept.clone()].copy_from_slice(&before[kept]);
            disk.bytes_mut().copy_within(30 * length..31 * length, 20 * length);
            let wanted = geometry.whole().into_iter().collect();
            let end = read_back(&mut disk, &mut buffers, &last, &wanted, &rules(), &mut Unobserved)
                .expect("memory");
            let wrong: RangeSet = [7, 20].into_iter().filter_map(|lba| LbaRange::single(Lba(lba))).collect();
            let expected = if shows { wrong } else { RangeSet::new() };
            assert_eq!(end.tally.mismatched, expected, "{last:?} in blocks of {block_size}");
        }
    }
}

/// The buffer holds just what is expected, and the drive says that it was read.
#[test]
fn a_read_that_moves_nothing_never_matches_a_stamped_pattern() {
    for (block_size, capacity) in [(512, 8), (4096, 1)] {
        for pattern in [stamped(&[0], 0xA5), stamped(&[0xFF], 0xFF), stamped(&[0x92, 0x49, 0x24], 0)] {
            let node = SimNode::new(DriveSpec::honest(block_size, capacity));
            let mut port = Crooked::over(node.open(), Defect::NothingIsRead, None);
            let mut buffers = port.take_buffers();
            for buffer in &mut buffers {
                pattern.fill(0, buffer.as_mut_slice());
            }
            let wanted = port.geometry().whole().into_iter().collect();
            let end = read_back(&mut port, &mut buffers, &pattern, &wanted, &rules(), &mut Unobserved)
                .expect("simulated");
            assert_eq!(end.tally.mismatched.count(), BlockCount(capacity), "{pattern:?}");
        }
    }
}
