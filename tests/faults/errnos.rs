//! Every errno of the kernel's block status table, on writes and on reads, and what each is taken for.
//!
//! A loop device over FUSE passes these on as they are: 5, 19, 28, 52, 61, 67, 84, 95, 110, 121. Any other comes up
//! as EIO, and so a drive that says `EROFS` (30) or `EPERM` (1) cannot be had here; the table's own test has them.
use super::Bed;

const BLOCKS: u64 = 8195;

/// Bad blocks, in the middle: at both ends, content is looked for before the job.
const BAD: (u64, u64) = (5000, 3);

/// The medium, the drive, its protection information, and what the kernel has no word for.
const DIVIDED: [i32; 6] = [5, 61, 121, 84, 30, 1];

#[test]
fn errors_of_the_medium_are_divided_down_to_the_blocks() {
    for errno in DIVIDED {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.rule("write", BAD.0, BAD.1, &format!("err:{errno}"));
        let told = bed.sanitize(&[], 4);
        told.expect_failed();
        assert_eq!(told.codes()[0], "write-errors", "errno {errno}");
        assert_eq!(told.record.ranges("/exceptions/notWritten"), [BAD], "errno {errno}");
        assert_eq!(bed.wrong(&told.record), [BAD], "errno {errno}");
        told.expect_all_others_right(BLOCKS - BAD.1);
        let left = bed.media.leftovers();
        assert_eq!((left.blocks, left.first), (BAD.1, Some(BAD.0 * 512)), "errno {errno}");

        let bed = Bed::new(BLOCKS * 512, 512);
        bed.rule("read", BAD.0, BAD.1, &format!("err:{errno}"));
        let told = bed.sanitize(&[], 5);
        told.expect_failed();
        assert_eq!(told.codes(), ["unreadable"], "errno {errno}");
        assert_eq!(told.record.ranges("/exceptions/unreadable"), [BAD], "errno {errno}");
        assert_eq!(told.record.number("/verification/tally/matched"), BLOCKS - BAD.1);
        assert_eq!(bed.wrong(&told.record), [], "every block was written");
    }
}

/// The path: a rest, then the same transfer again. It has cleared then, and nothing is left of it.
#[test]
fn errors_of_the_path_are_waited_for() {
    for (errno, operation) in [(110, "write"), (67, "write"), (110, "read"), (67, "read")] {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.rule(operation, BAD.0, BAD.1, &format!("err:{errno} 1"));
        let told = bed.sanitize(&[], 0);
        told.record.expect_certificate();
        assert_eq!(bed.bed.seen("hits"), 1, "the rule acted");
        assert_eq!(bed.wrong(&told.record), []);
        let part = if operation == "write" { "/passes/0" } else { "/verification" };
        let seconds = told.record.seconds(part);
        assert!((1.0..30.0).contains(&seconds), "errno {errno}: the first rest is a second: {seconds}");
    }
}

/// A path that stays bad for a few blocks is a bad block after the rests that the rule grants.
#[test]
fn a_path_that_does_not_clear_is_divided_after_the_rests() {
    for (operation, code, reason, exceptions) in [
        ("write", 4, "write-errors", "/exceptions/notWritten"),
        ("read", 5, "unreadable", "/exceptions/unreadable"),
    ] {
        let bed = Bed::new(BLOCKS * 512, 512);
        bed.rule(operation, BAD.0, BAD.1, "err:110");
        let told = bed.sanitize(&["--rule", "back-offs=2"], code);
        told.expect_failed();
        assert_eq!(told.codes()[0], reason);
        assert_eq!(told.record.ranges(exceptions), [BAD]);
        assert_eq!(told.record.number("/plan/rules/backOffs"), 2, "the rule is on record");
        let part = if operation == "write" { "/passes/0" } else { "/verification" };
        let seconds = told.record.seconds(part);
        assert!((3.0..60.0).contains(&seconds), "a second, then two: {seconds}");
        let expected: &[(u64, u64)] = if operation == "write" { &[BAD] } else { &[] };
        assert_eq!(bed.wrong(&told.record), expected);
    }
}

/// Another host's reservation, a command that is refused, and a drive that is gone: nothing more is tried.
#[test]
fn what_no_further_transfer_can_better_ends_the_job_at_once() {
    for (errno, adapter, reason, disposition) in [
        (52, "io-uring", "reserved", "quarantined"),
        (95, "sync", "write-refused", "quarantined"),
        (19, "io-uring", "drive-gone", "to-destroy"),
        (28, "io-uring", "drive-gone", "to-destroy"),
    ] {
        for operation in ["write", "read"] {
            // Sixteen transfers, of which at most eight are in flight: the job ends at the first.
            const LONG: u64 = 32_768 + 3;
            let bed = Bed::new(LONG * 512, 512);
            // Reads at both ends come before the job, and the reading begins in the middle.
            let first = if operation == "write" { 0 } else { LONG / 2 };
            bed.rule(operation, first, 1, &format!("err:{errno}"));
            let told = bed.sanitize(&["--depth", "2", "--adapter", adapter], 4);
            let record = &told.record;
            record.expect_other("failed", "Record of failed sanitization: NOT sanitized", "NOT-SANITIZED");
            assert_eq!(told.codes()[0], reason, "errno {errno}, {operation}");
            assert_eq!(told.drive["disposition"], disposition);
            assert_eq!(bed.bed.seen("hits"), 1, "errno {errno}, {operation}: it was not tried again");
            assert!(record.at("/claim").is_null());
            let not_written = record.ranges("/exceptions/notWritten");
            if operation == "write" {
                assert!(bed.bed.seen("writes") <= 4, "{}", bed.bed.status());
                assert!(record.at("/verification").is_null(), "nothing is read back");
                // What is not known to be written is listed, all that is wrong on the medium among it.
                let wrong = super::count(&bed.wrong(record));
                assert!(super::count(&not_written) >= wrong && wrong > LONG / 2, "{not_written:?}");
                assert_eq!(not_written.last().map(|(first, count)| first + count), Some(LONG));
            } else {
                assert_eq!(not_written, []);
                assert_eq!(bed.wrong(record), [], "all was written");
                assert!(record.number("/verification/tally/matched") < LONG);
            }
        }
    }
}

/// The kernel takes `EOPNOTSUPP` from below a ring for a request to try again, and does so for ever (seen on Linux
/// 6.18: 25,000 times in 20 seconds): no answer comes up. Then it is a drive that does not answer, and the job
/// ends all the same.
#[test]
fn what_the_kernel_repeats_for_ever_is_a_silent_drive() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.rule("write", BAD.0, 1, "err:95");
    let expunge = crate::common::Expunge::new();
    let more = ["--json", "--adapter", "io-uring", "--rule", "silence=2s"];
    let ran = expunge.overwrite(bed.bed.node(), bed.confirm(), &more);
    let record = crate::common::Record::only_in(&expunge.out());
    let reason = record.codes("/reasons")[0];
    match ran.code {
        Some(7) => assert_eq!((record.text("/outcome"), reason), ("unknown", "not-answering")),
        // A kernel that passes it on.
        Some(4) => assert_eq!((record.text("/outcome"), reason), ("failed", "write-refused")),
        other => panic!("exit {other:?}: {}", ran.stdout),
    }
}

/// We never discard: whether a drive honours discards, lies about them or refuses them is nothing to a job.
#[test]
fn a_job_sends_no_discard() {
    let bed = Bed::new(BLOCKS * 512, 512);
    bed.bed.rule(&format!("discard 0 {} drop", BLOCKS * 512));
    bed.sanitize(&[], 0).record.expect_certificate();
    assert_eq!((bed.bed.seen("discards"), bed.bed.seen("hits")), (0, 0));
    assert_eq!(bed.media.leftovers().blocks, 0);
}
