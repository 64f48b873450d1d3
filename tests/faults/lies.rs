//! One byte or block changed between writing and verification: the drive said that all went well.
use super::Bed;

const BLOCKS: u64 = 4103;

/// First, middle and last block: of the drive, of a transfer, and the odd tail.
const PLACES: [u64; 5] = [0, 1, 2048, 2051, BLOCKS - 1];

#[track_caller]
fn expect_mismatch(bed: &Bed, lba: u64, more: &[&str]) {
    let told = bed.sanitize(more, 5);
    told.expect_failed();
    assert_eq!(told.codes(), ["mismatch"]);
    let words = format!("1 blocks hold something else than was written, first LBA {lba}, last LBA {lba}");
    assert_eq!(told.drive["reason"]["text"], words);
    assert_eq!(told.record.texts("/reasons"), words);
    assert_eq!(told.record.ranges("/exceptions/mismatched"), [(lba, 1)]);
    assert_eq!(told.record.ranges("/exceptions/notWritten"), []);
    assert_eq!(told.record.number("/verification/tally/matched"), bed.blocks() - 1);
    // Tried once more, in vain: it lies always.
    assert_eq!(told.record.ranges("/verification/repair/stillWrong"), [(lba, 1)]);
    assert_eq!(told.record.ranges("/verification/repair/repaired"), []);
}

/// The write is acknowledged and the old content stays.
#[test]
fn a_dropped_write_is_found_wherever_it_is() {
    for (block_size, more) in [(512, &[][..]), (4096, &["--pass", "zero"]), (512, &["--adapter", "sync"])] {
        for lba in PLACES {
            let bed = Bed::new(BLOCKS * u64::from(block_size), block_size);
            bed.rule("write", lba, 1, "drop");
            expect_mismatch(&bed, lba, more);
            let left = bed.media.leftovers();
            assert_eq!(left.blocks, u64::from(block_size) / 512, "the rule held: {left:?}");
        }
    }
}

/// One bit of one byte is stored wrong: the medium really holds something else.
#[test]
fn a_flipped_bit_in_a_write_is_found_wherever_it_is() {
    for lba in PLACES {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.bed.rule(&format!("write {} 1 flip", lba * 512 + 511));
        let told = bed.sanitize(&[], 5);
        told.expect_failed();
        assert_eq!(told.record.ranges("/exceptions/mismatched"), [(lba, 1)]);
        assert_eq!(bed.wrong(&told.record), [(lba, 1)], "and no other block is wrong");
    }
}

/// The medium is right and the read is not: nothing can tell the two apart, and the drive is not trusted.
#[test]
fn a_flipped_bit_in_a_read_is_found_wherever_it_is() {
    for lba in PLACES {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.bed.rule(&format!("read {} 1 flip", lba * 512));
        expect_mismatch(&bed, lba, &[]);
    }
}

#[test]
fn several_lies_are_listed_each_as_it_is() {
    let bed = Bed::new(BLOCKS * 512, 512);
    for (lba, count) in [(0, 3), (100, 1), (102, 1), (BLOCKS - 9, 9)] {
        bed.rule("write", lba, count, "drop");
    }
    let told = bed.sanitize(&["--pass", "ones"], 5);
    told.expect_failed();
    let expected = [(0, 3), (100, 1), (102, 1), (BLOCKS - 9, 9)];
    assert_eq!(told.record.ranges("/exceptions/mismatched"), expected);
    assert_eq!(bed.wrong(&told.record), expected);
    let text = told.record.texts("/reasons");
    assert!(text.contains("14 blocks") && text.contains("first LBA 0, last LBA 4102"), "{text}");
}

/// Dropped in the first pass only, and made good by the last one: what counts is what is on the medium.
#[test]
fn a_write_dropped_in_an_earlier_pass_leaves_nothing_behind() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.bed.rule("write 4096 512 drop 1");
    let told = bed.sanitize(&["--pass", "zero", "--pass", "random"], 0);
    told.record.expect_certificate();
    assert_eq!(bed.wrong(&told.record), []);
    assert_eq!(bed.bed.seen("hits"), 1, "the rule acted");
}

/// The second pass over a drive that an earlier job has overwritten with the same bytes: what the drive did not
/// store, or stored elsewhere, cannot be told from what lay there, and the record says so. Stamps tell it.
#[test]
fn a_write_that_is_lost_over_the_same_bytes_of_an_earlier_job_shows_where_there_are_stamps() {
    for (block_size, lba, action) in [
        (512_u32, 2051, "drop".to_owned()),
        (512, BLOCKS - 1, "drop".to_owned()),
        (4096, 0, "drop".to_owned()),
        (512, 2051, format!("misdirect:{}", 100 * 512)),
        (4096, BLOCKS - 1, format!("misdirect:{}", 3 * 4096)),
    ] {
        for (pass, shows) in [("zero", false), ("stamped-zero", true)] {
            let bed = Bed::new(BLOCKS * u64::from(block_size), block_size);
            bed.sanitize(&["--pass", pass], 0).record.expect_certificate();
            bed.rule("write", lba, 1, &action);
            let told = bed.sanitize(&["--pass", pass], if shows { 5 } else { 0 });
            // What was found wrong is written once more, and lost once more.
            assert_eq!(bed.bed.seen("hits"), if shows { 2 } else { 1 }, "the rule acted");
            let limited = told.record.codes("/limits").contains(&"fixed-pattern-not-addressed");
            assert_eq!(limited, !shows, "{pass}");
            let wrong = bed.wrong(&told.record);
            if shows {
                told.expect_failed();
                assert_eq!(told.codes(), ["mismatch"]);
                assert!(wrong.contains(&(lba, 1)), "{action}: {wrong:?}");
                assert_eq!(told.record.ranges("/exceptions/mismatched"), wrong, "{action}");
            } else {
                told.record.expect_certificate();
                assert_eq!(wrong, [], "old zeroes are zeroes");
            }
        }
    }
}

/// A sample does not see what it does not read, and does not claim to.
#[test]
fn a_dropped_write_outside_a_sample_is_not_claimed_as_seen() {
    let bed = Bed::new(64 << 20, 512);
    // One block of 131,072; a sample of 14,000 misses it nine times in ten, and finds it else. Both are right
    // when the record says what was read.
    bed.rule("write", 77_777, 1, "drop");
    let expunge = crate::common::Expunge::new();
    let ran = expunge.overwrite(bed.bed.node(), bed.confirm(), &["--verify", "sampled", "--json"]);
    let record = crate::common::Record::only_in(&expunge.out());
    let found = record.ranges("/exceptions/mismatched");
    match ran.code {
        Some(0) => assert_eq!(found, []),
        Some(5) => assert_eq!(found, [(77_777, 1)]),
        other => panic!("exit {other:?}: {}", ran.stdout),
    }
    assert_eq!(bed.wrong(&record), [(77_777, 1)], "the rule held");
    record.expect_sums();
    assert!(record.number("/verification/tally/notRead") > 110_000);
    let limits = record.at("/limits").as_array().unwrap();
    let limit = limits.iter().find(|limit| limit["code"] == "sampled-verification").unwrap();
    let text = limit["text"].as_str().unwrap();
    assert!(text.contains("14000 of 131072 blocks"), "{text}");
    assert!(text.contains("a single residual block is most likely missed"), "{text}");
    for bad in ["100 %", "every block"] {
        assert!(!text.contains(bad), "{text}");
    }
}
