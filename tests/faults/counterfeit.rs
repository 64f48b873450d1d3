//! A drive that says it has a gibibyte and has a quarter of it: addresses count modulo 256 MiB.
use super::{Blank, count};

const SIZE: u64 = 1 << 30;
const REAL: u64 = 256 << 20;

/// Blocks whose content was overwritten by the blocks that answer for them.
const LOST: (u64, u64) = (0, (SIZE - REAL) / 512);

#[track_caller]
fn counterfeit() -> Blank {
    let bed = Blank::new(SIZE);
    bed.rule("write", &format!("wrap:{REAL}"));
    bed.rule("read", &format!("wrap:{REAL}"));
    bed
}

#[track_caller]
fn expect_shown(more: &[&str]) {
    let bed = counterfeit();
    let told = bed.sanitize(more, 5);
    told.expect_failed();
    assert_eq!(told.codes(), ["mismatch"], "{more:?}");
    let first_and_last = format!("first LBA 0, last LBA {}", LOST.1 - 1);
    let words = format!("{} blocks hold something else than was written, {first_and_last}", LOST.1);
    assert_eq!(told.drive["reason"]["text"], words);
    assert_eq!(told.record.ranges("/exceptions/mismatched"), [LOST]);
    assert_eq!(
        told.record.number("/verification/tally/matched"),
        REAL / 512,
        "what was written last is there"
    );
    // So many are no stale blocks.
    assert_eq!(told.record.ranges("/verification/repair/notTried"), [LOST]);
    // Nothing but the real quarter was ever touched.
    let wrong = bed.wrong(&told.record);
    assert_eq!(
        (count(&wrong), wrong.len()),
        (SIZE / 512, 1),
        "the real quarter holds the last quarter's bytes"
    );
}

#[test]
fn a_keyed_pass_shows_counterfeit_capacity() {
    expect_shown(&[]);
}

#[test]
fn a_stamped_pass_shows_counterfeit_capacity() {
    expect_shown(&["--pass", "stamped-zero"]);
}

/// The same everywhere: nothing can tell, and the record says that nothing can.
#[test]
fn a_fixed_pass_does_not_show_counterfeit_capacity_and_says_so() {
    let bed = counterfeit();
    let told = bed.sanitize(&["--pass", "ones"], 0);
    told.record.expect_certificate();
    assert!(told.record.codes("/limits").contains(&"fixed-pattern-not-addressed"));
    assert!(told.record.texts("/limits").contains("no counterfeit capacity"));
    let beyond = ((REAL / 512), (SIZE - REAL) / 512);
    assert_eq!(bed.wrong(&told.record), [beyond], "three quarters were never written");
}
