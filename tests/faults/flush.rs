//! Flushes that fail. A later flush would say yes and prove nothing: what the failed one made doubtful is written
//! again, and a drive that fails again and again is given up.
use super::{Bed, Blank};

const BLOCKS: u64 = 8195;

/// Blocks in one transfer.
const TRANSFER: u64 = 2048;

/// The pass has nine transfers, all of them doubtful after the flush at its end. All are written twice.
#[test]
fn what_a_failed_flush_made_doubtful_is_written_again() {
    for (more, passes) in
        [(&[][..], 1), (&["--adapter", "sync"], 1), (&["--pass", "zero", "--pass", "ones"], 2)]
    {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.bed.rule("fsync 0 0 err:5 1");
        let told = bed.sanitize(more, 0);
        told.record.expect_certificate();
        assert_eq!(bed.bed.seen("hits"), 1, "the rule acted");
        assert_eq!(told.record.text("/passes/0/tally/flush"), "confirmed");
        assert_eq!(told.record.number("/passes/0/tally/flushFailures"), 1, "{more:?}");
        assert_eq!(bed.wrong(&told.record), []);
        let written = bed.bed.seen("write-bytes");
        assert_eq!(written, (passes + 1) * BLOCKS * 512, "every block of the first pass twice: {more:?}");
        assert!(bed.bed.seen("fsyncs") > passes);
    }
}

/// The drive loses what it had acknowledged, and says so with the flush. Nothing is read back, so nothing else can
/// tell.
#[test]
fn what_was_lost_with_a_failed_flush_is_made_good_without_a_read_back_too() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.rule("write", 4000, 64, "drop 1");
    bed.bed.rule("fsync 0 0 err:5 1");
    let told = bed.sanitize(&["--verify", "none"], 0);
    assert_eq!(bed.bed.seen("hits"), 2, "both rules acted");
    assert_eq!(told.drive["outcome"], "written");
    assert_eq!(told.record.number("/passes/0/tally/flushFailures"), 1);
    assert_eq!(bed.wrong(&told.record), []);
}

#[test]
fn a_flush_that_fails_always_is_never_done() {
    for (more, failures) in [
        (&[][..], 3),
        (&["--verify", "none"], 3),
        (&["--adapter", "sync"], 3),
        (&["--pass", "zero", "--pass", "ones", "--rule", "flushes-max=1"], 1),
    ] {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.bed.rule("fsync 0 0 err:5");
        let told = bed.sanitize(more, 4);
        told.expect_failed();
        assert_eq!(told.codes()[0], "flush-failed", "{more:?}");
        let text = told.record.texts("/reasons");
        assert!(text.contains(&format!("given up: {failures} times the drive could not")), "{text}");
        assert_eq!(told.record.text("/passes/0/tally/flush"), "failed");
        assert_eq!(told.record.number("/passes/0/tally/flushFailures"), failures);
        assert_eq!(bed.bed.seen("hits"), failures, "{more:?}");
        assert_eq!(told.record.at("/passes").as_array().unwrap().len(), 1, "no further pass was begun");
        // Nothing is known to be durable.
        assert_eq!(told.record.number("/passes/0/tally/written"), 0, "{more:?}");
        assert_eq!(told.record.ranges("/exceptions/notWritten"), [(0, BLOCKS)]);
        assert!(told.record.at("/verification").is_null());
    }
}

/// As often as the rule allows, and once less: two failures out of three are no failure.
#[test]
fn flushes_may_fail_less_often_than_the_rule_says() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.bed.rule("fsync 0 0 err:5 2");
    let told = bed.sanitize(&["--rule", "flushes-max=3"], 0);
    told.record.expect_certificate();
    assert_eq!(told.record.number("/passes/0/tally/flushFailures"), 2);
    assert_eq!(bed.wrong(&told.record), []);
}

/// At a checkpoint in the middle of a pass: only what was written since the checkpoint before is doubtful.
#[test]
fn a_flush_that_fails_in_the_middle_costs_what_was_written_since_the_last_good_one() {
    let bed = Blank::new(64 << 20);
    bed.rule("write", "rate:32000000");
    let (all, told) = std::thread::scope(|scope| {
        let job = scope.spawn(|| bed.sanitize(&["--rule", "checkpoint=200ms"], 0));
        crate::common::running::wait_for("three checkpoints", || bed.bed.seen("fsyncs") >= 3);
        bed.bed.rule("fsync 0 0 err:5 1");
        let told = job.join().unwrap();
        (bed.bed.seen("write-bytes"), told)
    });
    told.record.expect_certificate();
    assert_eq!(told.record.number("/passes/0/tally/flushFailures"), 1);
    assert_eq!(bed.wrong(&told.record), []);
    let again = all - bed.size;
    assert!(again > 0, "what was doubtful was written again");
    // A checkpoint comes every 200 ms, and 32 MB/s are written: 6 MB, and what was in flight. Never the 20 MB before.
    assert!(again < 16 << 20, "{again} bytes were written again");
    assert_eq!(again % (TRANSFER * 512), 0);
}
