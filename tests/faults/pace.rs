//! Drives of different speed, and limits of bandwidth.
use std::time::Instant;

use serde_json::Value;

use super::Blank;
use crate::common::{Expunge, Record};

/// Drives side by side, each with its answer and its record, in the order in which they were given.
#[track_caller]
fn side_by_side(beds: &[Blank], more: &[&str], code: i32) -> Vec<(Value, Record)> {
    let expunge = Expunge::new();
    let mut command = expunge.sanitize_command(["--json"]);
    for bed in beds {
        command.arg(bed.bed.node()).arg("--confirm").arg(bed.confirm());
    }
    let result = expunge.finish(command.args(more)).expect_code(code).result();
    let drives = result["drives"].as_array().unwrap();
    let of = |bed: &Blank| {
        let node = Value::from(bed.bed.node().to_str().unwrap());
        let drive = drives.iter().find(|drive| drive["node"] == node).unwrap().clone();
        let record = Record::read(drive["record"]["path"].as_str().unwrap().as_ref());
        (drive, record)
    };
    beds.iter().map(of).collect()
}

/// Four drives, the last one with this rate.
#[track_caller]
fn three_and(rate: u64) -> Vec<Blank> {
    let beds: Vec<Blank> = (0..4).map(|_| Blank::new(32 << 20)).collect();
    for bed in &beds[..3] {
        bed.rule("write", "rate:160000000");
    }
    beds[3].rule("write", &format!("rate:{rate}"));
    beds
}

/// The three have their records while the fourth is still written.
#[track_caller]
fn expect_not_held_up(drives: &[(Value, Record)], slow: &Record) {
    for (drive, record) in &drives[..3] {
        assert_eq!((&drive["outcome"], &drive["exit_status"]), (&"done".into(), &0.into()), "{drive}");
        record.expect_certificate();
        assert!(record.time("/ended") < slow.time("/passes/0/ended"), "it waited for the slow one");
    }
}

#[test]
fn a_drive_forty_times_slower_is_waited_for_by_no_other() {
    let beds = three_and(4_000_000);
    let drives = side_by_side(&beds, &[], 0);
    let (drive, slow) = &drives[3];
    assert_eq!(drive["outcome"], "done");
    slow.expect_certificate();
    expect_not_held_up(&drives, slow);
    let seconds = slow.seconds("/passes/0");
    assert!((8.0..20.0).contains(&seconds), "32 MiB at 4 MB/s: {seconds}");
    for (bed, (_, record)) in beds.iter().zip(&drives) {
        assert_eq!(bed.wrong(record), []);
    }
}

#[test]
fn a_drive_below_the_floor_is_given_up_alone() {
    let beds = three_and(1_000_000);
    let drives = side_by_side(&beds, &["--rule", "floor=5MB/s", "--rule", "floor-time=5s"], 4);
    let (drive, slow) = &drives[3];
    assert_eq!((&drive["outcome"], &drive["exit_status"]), (&"partial".into(), &4.into()));
    assert_eq!(drive["reason"]["code"], "too-slow");
    assert_eq!(drive["reason"]["text"], "given up: slower than 5000 kB/s over 5 s (rule floor)");
    slow.expect_other("partial", "Record of incomplete sanitization", "NOT-SANITIZED");
    expect_not_held_up(&drives, slow);
    // What is said to be written is on the medium.
    let unreached = slow.ranges("/passes/0/tally/unreached");
    assert!(!unreached.is_empty());
    assert_eq!(slow.ranges("/exceptions/notWritten"), unreached);
    let written = beds[3].blocks() - super::count(&beds[3].wrong(slow));
    assert!(written >= slow.number("/passes/0/tally/written"), "{written}");
}

/// Tries until a busy machine has let the rates come up to what is allowed. Above it they never are.
const TRIES: u32 = 3;

/// Whether a part of a record was done at nine tenths of a rate, in bytes a second. Never at eleven.
#[track_caller]
fn comes_to(record: &Record, part: &str, bytes: u32, wanted: f64) -> bool {
    let rate = f64::from(bytes) / record.seconds(part);
    println!("{part}: {rate:.0} bytes a second of {wanted:.0}");
    assert!(rate < wanted * 1.1, "{part}: {rate:.0} bytes a second");
    rate > wanted * 0.9
}

#[track_caller]
fn within(attempt: impl Fn() -> bool) {
    assert!((0..TRIES).any(|_| attempt()), "slower than a tenth below the limit, {TRIES} times");
}

const MIB_64: u32 = 64 << 20;

#[test]
fn a_limit_for_each_drive_is_kept_within_a_tenth() {
    let bed = Blank::new(MIB_64.into());
    within(|| {
        let began = Instant::now();
        let told = bed.sanitize(&["--bandwidth", "20MB/s"], 0);
        assert!(began.elapsed().as_secs_f64() >= 6.0, "64 MiB, written and read: {:?}", began.elapsed());
        told.record.expect_certificate();
        assert_eq!(told.record.number("/conduct/bandwidth/drive"), 20_000_000);
        comes_to(&told.record, "/passes/0", MIB_64, 20e6)
            && comes_to(&told.record, "/verification", MIB_64, 20e6)
    });
}

#[test]
fn a_limit_for_the_host_is_shared() {
    let beds: Vec<Blank> = (0..2).map(|_| Blank::new(MIB_64.into())).collect();
    within(|| {
        let began = Instant::now();
        let drives = side_by_side(&beds, &["--bandwidth-host", "40MB/s"], 0);
        assert!(began.elapsed().as_secs_f64() >= 6.0, "four times 64 MiB in all: {:?}", began.elapsed());
        drives.iter().all(|(_, record)| {
            record.expect_certificate();
            assert_eq!(record.number("/conduct/bandwidth/host"), 40_000_000);
            comes_to(record, "/passes/0", MIB_64, 20e6)
        })
    });
}

/// What one of them cannot use is the other's.
#[test]
fn what_a_slow_drive_leaves_of_the_limit_goes_to_the_other() {
    let beds: Vec<Blank> = [128 << 20, 32 << 20].map(Blank::new).into();
    beds[1].rule("write", "rate:4000000");
    within(|| {
        let drives = side_by_side(&beds, &["--bandwidth-host", "40MB/s", "--verify", "none"], 0);
        // 20 MB/s until it is seen that the other needs 4, and 35 from then on: 128 MiB in about 4.5 s, not in 6.7.
        let seconds = drives[0].1.seconds("/passes/0");
        println!("128 MiB beside a slow drive: {seconds:.1} s");
        assert!(seconds > 3.3, "{seconds}");
        seconds < 6.0
    });
}
