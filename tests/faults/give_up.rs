//! The rules that give a drive up, each by its name: the job is incomplete, says why, and says what is left.
use std::time::Instant;

use super::{Bed, Blank, Told, count};

/// A bad block in every so many MiB, from a MiB on to a MiB before the end: the last word counts the good ones.
#[track_caller]
fn bad_every(bed: &Blank, bytes: u64) -> Vec<u64> {
    let bad: Vec<u64> = (1 << 20..bed.size - (1 << 20)).step_by(usize::try_from(bytes).unwrap()).collect();
    let rules: String = bad.iter().map(|offset| format!("write {offset} 512 err:5\n")).collect();
    bed.bed.rule(&rules);
    bad.into_iter().map(|offset| offset / 512).collect()
}

#[track_caller]
fn expect_given_up(told: &Told, code: &str, words: &[&str]) {
    told.expect_partial();
    assert_eq!(told.codes()[0], code, "{}", told.record.texts("/reasons"));
    let text = told.drive["reason"]["text"].as_str().unwrap();
    for word in words {
        assert!(text.contains(word), "{text}");
    }
    let written = told.record.number("/passes/0/tally/written");
    assert!(written > 0, "something was written");
    assert!(count(&told.record.ranges("/passes/0/tally/unreached")) > 0, "something was not");
}

/// What was written before the drive was given up is read back, and is right.
#[test]
fn too_many_errors() {
    let bed = Blank::new(64 << 20);
    let bad = bad_every(&bed, 4 << 20);
    let told = bed.sanitize(&["--depth", "1", "--rule", "errors-max=5"], 4);
    expect_given_up(&told, "too-many-errors", &["given up after 5 failed transfers (rule errors-max)"]);
    assert_eq!(told.codes()[1], "write-errors");
    // Transfers of 1 MiB: the fifth bad block lies in the eighteenth. What failed is not divided any more.
    let failed: Vec<(u64, u64)> = bad[..5].iter().map(|block| (block / 2048 * 2048, 2048)).collect();
    assert_eq!(told.record.ranges("/passes/0/tally/failed"), failed);
    assert_eq!(told.record.ranges("/passes/0/tally/unreached"), [(18 * 2048, bed.blocks() - 18 * 2048)]);
    assert_eq!(told.record.number("/passes/0/tally/written"), 13 * 2048);
    told.expect_all_others_right(13 * 2048);
    let wrong = bed.wrong(&told.record);
    let listed = told.record.ranges("/exceptions/notWritten");
    let inside = |(first, blocks): &(u64, u64)| {
        listed.iter().any(|(start, long)| start <= first && first + blocks <= start + long)
    };
    assert!(wrong.iter().all(inside), "{wrong:?} in {listed:?}");
}

/// More than a fifth of a thousand transfers, and not before a thousand were seen.
#[test]
fn too_large_a_share_of_errors() {
    let bed = Blank::new(80 << 20);
    bad_every(&bed, 256 << 10);
    let told = bed.sanitize(&["--transfer-kib", "64", "--rule", "errors-percent=20%"], 4);
    expect_given_up(&told, "error-share", &["more than 20 % of 1000 transfers failed (rule errors-percent)"]);
    let tried = bed.blocks() - count(&told.record.ranges("/passes/0/tally/unreached"));
    assert!((1000..1050).contains(&(tried / 128)), "{} transfers", tried / 128);
}

/// The same drive, and nobody set a share: it is worked on to its end.
#[test]
fn a_share_that_nobody_limited_is_no_reason() {
    let bed = Blank::new(80 << 20);
    let bad: Vec<(u64, u64)> = bad_every(&bed, 256 << 10).into_iter().map(|block| (block, 1)).collect();
    let told = bed.sanitize(&["--transfer-kib", "64"], 4);
    told.expect_failed();
    assert_eq!(told.record.ranges("/exceptions/notWritten"), bad);
    assert_eq!(bed.wrong(&told.record), bad);
}

#[test]
fn too_long() {
    let bed = Blank::new(64 << 20);
    bed.rule("write", "rate:8000000");
    let began = Instant::now();
    let told = bed.sanitize(&["--rule", "time=2s"], 4);
    let seconds = began.elapsed().as_secs_f64();
    expect_given_up(&told, "too-long", &["given up after 2 s (rule time)"]);
    assert!((2.0..15.0).contains(&seconds), "{seconds}");
    assert!(told.record.at("/verification").is_null(), "there is no time left to read back");
    // The pass is flushed all the same: what is on record as written is durable.
    assert_eq!(told.record.text("/passes/0/tally/flush"), "confirmed");
}

#[test]
fn too_slow() {
    let bed = Blank::new(64 << 20);
    bed.rule("write", "rate:2000000");
    let told = bed.sanitize(&["--rule", "floor=5MB/s", "--rule", "floor-time=2s"], 4);
    expect_given_up(&told, "too-slow", &["slower than 5000 kB/s over 2 s (rule floor)"]);
}

/// Slow because somebody asked for it is not too slow.
#[test]
fn a_drive_that_is_held_back_is_not_too_slow() {
    let bed = Blank::new(24 << 20);
    let floor = ["--rule", "floor=50MB/s", "--rule", "floor-time=1s"];
    let told = bed.sanitize(&[&floor[..], &["--bandwidth", "8MB/s", "--verify", "none"]].concat(), 0);
    assert_eq!(told.drive["outcome"], "written");
    assert_eq!(bed.wrong(&told.record), []);
}

/// Rules that end nothing where nothing is wrong.
#[test]
fn strict_rules_are_nothing_to_a_healthy_drive() {
    let bed = Bed::new(8195 * 512, 512);
    let rules =
        ["errors-max=1", "errors-percent=1%", "time=10min", "flushes-max=1", "repair=0", "back-offs=0"];
    let more: Vec<&str> = rules.iter().flat_map(|rule| ["--rule", rule]).collect();
    bed.sanitize(&more, 0).record.expect_certificate();
}
