//! A drive that says where it fails: the ranges are on the record to the block, and everything else is done.
use super::Bed;
use crate::common::Expunge;

const BLOCKS: u64 = 8195;

/// EIO and ENODATA: what the kernel gives for media that cannot be written or read.
#[test]
fn blocks_that_cannot_be_written_are_listed_and_all_others_hold_the_pattern() {
    for (errno, adapter) in [(5, "io-uring"), (61, "io-uring"), (5, "sync")] {
        let bed = Bed::new(BLOCKS * 512, 512);
        let bad = [(0, 1), (2047, 2), (5000, 7), (BLOCKS - 1, 1)];
        for (lba, count) in bad {
            bed.rule("write", lba, count, &format!("err:{errno}"));
        }
        let told = bed.sanitize(&["--adapter", adapter], 4);
        told.expect_failed();
        assert_eq!(told.codes()[0], "write-errors");
        assert_eq!(told.record.ranges("/exceptions/notWritten"), bad, "errno {errno}, {adapter}");
        assert_eq!(told.record.ranges("/passes/0/tally/failed"), bad);
        assert_eq!(told.record.number("/passes/0/tally/written"), BLOCKS - 11);
        assert_eq!(bed.wrong(&told.record), bad, "and nothing else is wrong on the medium");
        // What could not be written is not asked for again, and nothing is said of what it holds.
        assert_eq!(told.record.number("/verification/tally/wanted"), BLOCKS - 11);
        told.expect_all_others_right(BLOCKS - 11);
        let text = told.record.texts("/reasons");
        assert!(text.contains("pass 1: 11 blocks could not be written"), "{text}");
    }
}

/// A block of 4096 bytes is the smallest that can be written: nothing less is tried.
#[test]
fn a_drive_with_large_blocks_lists_large_blocks() {
    let bed = Bed::new(1027 * 4096, 4096);
    bed.bed.rule(&format!("write {} 512 err:5", 700 * 4096 + 1024));
    let told = bed.sanitize(&["--pass", "0x924924"], 4);
    told.expect_failed();
    assert_eq!(told.record.ranges("/exceptions/notWritten"), [(700, 1)]);
    assert_eq!(bed.wrong(&told.record), [(700, 1)]);
}

#[test]
fn blocks_that_cannot_be_read_back_are_listed_and_nothing_is_made_up_for_them() {
    const LARGE: u64 = 32_771;
    for (errno, adapter) in [(5, "io-uring"), (61, "sync")] {
        let bed = Bed::new(LARGE * 512, 512);
        // In the middle: at both ends, content is looked for before the job.
        let bad = [(12_000, 1), (12_287, 2), (16_001, 3)];
        for (lba, count) in bad {
            bed.rule("read", lba, count, &format!("err:{errno}"));
        }
        let told = bed.sanitize(&["--adapter", adapter], 5);
        told.expect_failed();
        assert_eq!(told.codes(), ["unreadable"]);
        assert_eq!(told.record.ranges("/exceptions/unreadable"), bad, "errno {errno}, {adapter}");
        assert_eq!(told.record.ranges("/exceptions/mismatched"), []);
        assert_eq!(told.record.ranges("/exceptions/notWritten"), []);
        assert_eq!(told.record.number("/verification/tally/matched"), LARGE - 6);
        // Every block was written: the medium is right, and still nothing is claimed about these.
        assert_eq!(bed.wrong(&told.record), []);
    }
}

/// Where content is looked for and cannot be read, anything may be: it must be named, and then it is written.
#[test]
fn content_that_cannot_be_read_must_be_named() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.rule("read", 8, 1, "err:5");
    let expunge = Expunge::new();
    let plan = expunge.run(["plan", bed.bed.device().arg()]).expect_code(3);
    assert!(plan.stdout.contains("--known-content unreadable"), "{}", plan.stdout);
    assert_eq!(bed.media.first_change(), None);
    let told = bed.sanitize(&["--known-content", "unreadable"], 5);
    told.expect_failed();
    assert_eq!(told.record.ranges("/exceptions/unreadable"), [(8, 1)]);
    assert_eq!(bed.wrong(&told.record), []);
}

/// An error that goes away when tried again leaves no trace on the drive, and none on the outcome.
#[test]
fn an_error_that_goes_away_is_no_failure() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.bed.rule("write 1048576 512 err:5 1");
    let told = bed.sanitize(&[], 0);
    told.record.expect_certificate();
    assert_eq!(bed.wrong(&told.record), []);
    assert_eq!(bed.bed.seen("hits"), 1);
}

/// With a pass that failed there is no success, whatever the passes after it did.
#[test]
fn a_failure_in_an_earlier_pass_stays_a_failure() {
    // How often the block is tried in one pass, seen on another bed: a whole transfer, its halves, and so on.
    let tries = {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.rule("write", 4000, 1, "err:5");
        bed.sanitize(&["--pass", "zero", "--adapter", "sync"], 4).expect_failed();
        bed.bed.seen("hits")
    };
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.rule("write", 4000, 1, &format!("err:5 {tries}"));
    let told = bed.sanitize(&["--pass", "zero", "--pass", "random", "--adapter", "sync"], 4);
    told.expect_failed();
    assert_eq!(told.record.ranges("/passes/0/tally/failed"), [(4000, 1)]);
    assert_eq!(told.record.ranges("/passes/1/tally/failed"), []);
    assert_eq!(told.record.ranges("/exceptions/notWritten"), [(4000, 1)]);
    assert_eq!(bed.wrong(&told.record), [], "the last pass wrote it");
    assert_eq!(told.codes(), ["write-errors"]);
}

/// A drive that answers nothing but errors is given up, not tried for ever.
#[test]
fn a_drive_that_fails_everywhere_is_given_up() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.rule("write", 0, BLOCKS, "err:5");
    let told = bed.sanitize(&[], 4);
    told.expect_failed();
    let blocks: u64 = told.record.ranges("/exceptions/notWritten").iter().map(|(_, count)| count).sum();
    assert_eq!(blocks, BLOCKS);
    assert_eq!(bed.media.leftovers().blocks, BLOCKS, "the rule held");
}
