//! Faults that strike once or a few times: what is made good is on record all the same, and makes no certificate
//! where the drive has lied.
use super::Bed;

const BLOCKS: u64 = 8195;
const BAD: (u64, u64) = (5000, 3);

/// Acknowledged and lost, stored wrong, or stored elsewhere, once: the read-back finds it, the second write works.
#[test]
fn a_write_that_was_lost_once_is_made_good_and_makes_no_certificate() {
    for (block_size, adapter) in [(512_u32, "io-uring"), (4096, "sync")] {
        let elsewhere = format!("misdirect:{}", 100 * u64::from(block_size));
        for (action, wrong) in
            [("drop", vec![BAD]), ("flip", vec![(BAD.0, 1)]), (&elsewhere, vec![(100, BAD.1), BAD])]
        {
            let bed = Bed::new(BLOCKS * u64::from(block_size), block_size);
            bed.rule("write", BAD.0, BAD.1, &format!("{action} 1"));
            let told = bed.sanitize(&["--adapter", adapter], 5);
            told.expect_failed();
            assert_eq!(told.codes(), ["stale-repaired"], "{action}");
            assert_eq!(told.record.ranges("/exceptions/mismatched"), wrong, "{action}");
            assert_eq!(told.record.ranges("/verification/repair/repaired"), wrong);
            assert_eq!(told.record.ranges("/verification/repair/stillWrong"), []);
            assert_eq!(told.record.text("/verification/repair/flush"), "confirmed");
            assert_eq!(told.record.ranges("/exceptions/notWritten"), []);
            assert_eq!(bed.wrong(&told.record), [], "{action}: the medium is right in the end");
            assert_eq!(bed.media.leftovers().blocks, 0, "{action}");
            let (first, last) = (wrong[0].0, BAD.0 + wrong[wrong.len() - 1].1 - 1);
            let text = format!(
                "{} blocks were acknowledged and held something else, and hold the pattern since they were written \
                 once more (stale, repaired), first LBA {first}, last LBA {last}",
                super::count(&wrong)
            );
            assert_eq!(told.drive["reason"]["text"], text);
        }
    }
}

/// Part of what is wrong can be made right, part cannot: each is on record as what it is.
#[test]
fn what_cannot_be_made_good_stays_a_mismatch_beside_what_can() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.rule("write", 1000, 2, "drop 1");
    bed.rule("write", BAD.0, BAD.1, "drop");
    let told = bed.sanitize(&[], 5);
    told.expect_failed();
    assert_eq!(told.codes(), ["mismatch", "stale-repaired"]);
    assert_eq!(told.record.ranges("/exceptions/mismatched"), [(1000, 2), BAD]);
    assert_eq!(told.record.ranges("/verification/repair/repaired"), [(1000, 2)]);
    assert_eq!(told.record.ranges("/verification/repair/stillWrong"), [BAD]);
    assert_eq!(bed.wrong(&told.record), [BAD]);
    let left = bed.media.leftovers();
    assert_eq!((left.blocks, left.first), (BAD.1, Some(BAD.0 * 512)));
}

/// More than the rule allows: nothing is tried, and all of it is told.
#[test]
fn more_wrong_blocks_than_the_rule_allows_are_left_as_they_are() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.rule("write", BAD.0, BAD.1, "drop 1");
    let told = bed.sanitize(&["--rule", "repair=2"], 5);
    told.expect_failed();
    assert_eq!(told.codes(), ["mismatch"]);
    assert_eq!(told.record.ranges("/verification/repair/notTried"), [BAD]);
    assert_eq!(bed.wrong(&told.record), [BAD]);
}

/// Reads that were wrong once: the medium was right all the time, nothing is written again, and the drive is not
/// trusted.
#[test]
fn a_read_that_was_wrong_once_is_right_again_and_makes_no_certificate() {
    for action in ["flip 1", "misdirect:51200 1", "stale 1"] {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.rule("read", BAD.0, BAD.1, action);
        let told = bed.sanitize(&[], 5);
        told.expect_failed();
        assert_eq!(told.codes(), ["mismatch"], "{action}");
        let wrong = if action == "flip 1" { (BAD.0, 1) } else { BAD };
        assert_eq!(told.record.ranges("/exceptions/mismatched"), [wrong], "{action}");
        assert_eq!(told.record.ranges("/verification/repair/rightAgain"), [wrong]);
        assert!(told.record.at("/verification/repair/flush").is_null(), "nothing was written");
        assert_eq!(bed.wrong(&told.record), []);
    }
}

/// Torn writes say so, with EIO: only part of the request is on the medium.
#[test]
fn a_torn_write_is_written_again_whole() {
    for adapter in ["io-uring", "sync"] {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.rule("write", BAD.0, BAD.1, "torn:3000 1");
        let told = bed.sanitize(&["--adapter", adapter], 0);
        told.record.expect_certificate();
        assert_eq!(bed.bed.seen("hits"), 1);
        assert_eq!(bed.wrong(&told.record), []);
        assert_eq!(bed.media.leftovers().blocks, 0);
    }
}

/// Always torn: the blocks that could never be written whole are named, half new and half old.
#[test]
fn a_write_that_is_always_torn_is_a_bad_block() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.rule("write", BAD.0, BAD.1, "torn:100");
    let told = bed.sanitize(&[], 4);
    told.expect_failed();
    assert_eq!(told.codes()[0], "write-errors");
    assert_eq!(told.record.ranges("/exceptions/notWritten"), [BAD]);
    assert_eq!(bed.wrong(&told.record), [BAD]);
    told.expect_all_others_right(BLOCKS - BAD.1);
}

/// Late answers, slow arms and requests that are let go after all change nothing but the time.
#[test]
fn a_late_answer_is_an_answer() {
    for (rule, least) in [
        ("write 2560000 1536 lat:1200", 1.2),
        ("write 0 4195840 seek:300000", 0.0),
        ("write 0 4195840 rate:4000000", 1.0),
        ("write 2560000 1536 hang", 1.5),
    ] {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.bed.rule(rule);
        let told = std::thread::scope(|scope| {
            if rule.ends_with("hang") {
                scope.spawn(|| {
                    bed.bed.until_waiting(1);
                    std::thread::sleep(std::time::Duration::from_millis(1500));
                    bed.bed.clear();
                    bed.bed.release();
                });
            }
            bed.sanitize(&[], 0)
        });
        told.record.expect_certificate();
        assert_eq!(bed.wrong(&told.record), [], "{rule}");
        let seconds = told.record.seconds("/passes/0");
        assert!((least..30.0).contains(&seconds), "{rule}: {seconds}");
        let silence = told.record.number("/conduct/longestSilenceMillis");
        assert!(!rule.ends_with("hang") || silence >= 1000, "{rule}: {silence} ms");
    }
}
