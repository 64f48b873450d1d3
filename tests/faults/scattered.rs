//! The drive of the comparison with other tools (`scripts/compare-bad-media`): 37 bad blocks here and there and one
//! bad region of 8 MiB on 1 GiB.
use std::collections::BTreeSet;
use std::time::Instant;

use super::{Blank, count};

const SIZE: u64 = 1 << 30;
const BLOCKS: u64 = SIZE / 512;
const MIB: u64 = 2048;
const REGION: (u64, u64) = (600 * MIB, 8 * MIB);

/// Bad blocks, in their order, the first and the last MiB kept good: content is looked for there before a job.
fn bad() -> Vec<(u64, u64)> {
    let mut bad = BTreeSet::from([REGION]);
    let mut random: u64 = 20_260_101;
    while bad.len() < 38 {
        random = (random * 1_103_515_245 + 12_345) % (1 << 31);
        let block = MIB + random / 16 % (BLOCKS - 2 * MIB);
        if !(REGION.0 - 1..=REGION.0 + REGION.1).contains(&block) {
            bad.insert((block, 1));
        }
    }
    bad.into_iter().collect()
}

#[track_caller]
fn all_but_the_bad_blocks_are_written(depth: &str) {
    let bed = Blank::new(SIZE);
    let bad = bad();
    let rule = |(first, count): &(u64, u64)| {
        let range = format!("{} {}", first * 512, count * 512);
        format!("write {range} err:5\nread {range} err:5\n")
    };
    bed.bed.rule(&bad.iter().map(rule).collect::<String>());
    let began = Instant::now();
    let told = bed.sanitize(&["--depth", depth], 4);
    let seconds = began.elapsed().as_secs_f64();
    told.expect_failed();
    let record = &told.record;
    let repaired = count(&record.ranges("/exceptions/mismatched"));
    println!(
        "depth {depth}: {seconds:.1} s, writing {:.1} s, reading back {:.1} s, {} requests written, {repaired} blocks \
         stale and repaired",
        record.seconds("/passes/0"),
        record.seconds("/verification"),
        bed.bed.seen("writes")
    );
    assert_eq!(told.codes()[0], "write-errors");
    assert_eq!(record.ranges("/exceptions/notWritten"), bad, "depth {depth}");
    assert_eq!(record.ranges("/exceptions/unreadable"), [], "what could not be written is not read");
    told.expect_all_others_right(BLOCKS - count(&bad));
    assert_eq!(bed.wrong(record), bad, "depth {depth}: everything else holds the pattern");
    assert!(seconds < 120.0, "depth {depth}: {seconds} s");
}

#[test]
fn one_transfer_at_a_time_finds_exactly_the_bad_blocks() {
    all_but_the_bad_blocks_are_written("1");
}

#[test]
fn eight_transfers_at_once_find_exactly_the_bad_blocks() {
    all_but_the_bad_blocks_are_written("8");
}

#[test]
fn thirty_two_transfers_at_once_find_exactly_the_bad_blocks() {
    all_but_the_bad_blocks_are_written("32");
}
