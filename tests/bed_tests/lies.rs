//! Success that is none: bytes that are stored nowhere, wrong, or elsewhere, and reads that do not tell what the
//! medium holds.
use std::fs;
use std::process::Command;
use std::time::Duration;

use super::common::process::{run_within, tool};
use super::{AT, BLOCK, EIO, Fixture, SIZE, fixture};

#[test]
fn a_dropped_write_succeeds_and_stores_nothing() {
    let f = fixture();
    let last = SIZE - 512;
    f.bed.rule(&format!("write 0 512 drop\nwrite {AT} 1 drop\nwrite {last} 512 drop"));
    let node = f.open();
    for offset in (0..SIZE).step_by(1 << 20) {
        assert_eq!(node.write(offset, &vec![0; 1 << 20]), Ok(()));
    }
    assert_eq!(node.flush(), Ok(()));
    let mut expected = vec![0; usize::try_from(SIZE).unwrap()];
    for (offset, length) in [(0, 512), (AT, 1), (last, 512)] {
        let at = usize::try_from(offset).unwrap();
        expected[at..at + length].copy_from_slice(&f.original(offset, length));
    }
    assert!(fs::read(f.media.path()).unwrap() == expected, "exactly the dropped bytes are the old ones");
}

#[test]
fn a_flipped_read_is_wrong_once_in_one_bit() {
    let f = fixture();
    f.bed.rule(&format!("read {} 1 flip 1", AT + 700));
    let node = f.open();
    let mut wrong = f.original(AT, BLOCK);
    wrong[700] ^= 1;
    assert_eq!(node.read(AT, BLOCK), Ok(wrong));
    assert_eq!(node.read(AT, BLOCK), Ok(f.original(AT, BLOCK)));
}

#[test]
fn a_flipped_write_is_stored_wrong() {
    let f = fixture();
    f.bed.rule(&format!("write {} 1 flip 1", AT + 9));
    let node = f.open();
    assert_eq!(node.write(AT, &[0; BLOCK]), Ok(()));
    let mut wrong = vec![0; BLOCK];
    wrong[9] = 1;
    assert_eq!(f.stored(AT, BLOCK), wrong);
    assert_eq!(node.read(AT, BLOCK), Ok(wrong));
}

#[test]
fn a_torn_write_fails_with_its_first_bytes_stored() {
    let f = fixture();
    f.bed.rule(&format!("write {AT} {BLOCK} torn:3000 1"));
    assert_eq!(f.open().write(AT, &[0xEE; BLOCK]), Err(EIO));
    let mut expected = vec![0xEE; 3000];
    expected.extend(f.original(AT + 3000, BLOCK - 3000));
    assert_eq!(f.stored(AT, BLOCK), expected);
}

#[test]
fn a_lying_discard_succeeds_with_all_data_in_place() {
    let f = fixture();
    f.bed.rule(&format!("discard 0 {SIZE} drop"));
    tool("blkdiscard", &["--force", f.bed.device().arg()]);
    assert!(f.bed.seen("discards") > 0, "the kernel must have asked: {}", f.bed.status());
    assert_eq!(f.media.first_change(), None);
}

#[test]
fn an_honest_discard_reads_back_zero() {
    let f = fixture();
    tool("blkdiscard", &["--force", f.bed.device().arg()]);
    assert_eq!(f.open().read(AT, BLOCK), Ok(vec![0; BLOCK]));
    assert_eq!(f.media.leftovers().blocks, 0);
}

/// The kernel hides the first "not supported" from the caller, and believes it from then on.
#[test]
fn an_unsupported_discard_succeeds_the_first_time_and_does_nothing() {
    let f = fixture();
    f.bed.rule(&format!("discard 0 {SIZE} err:95"));
    let discard = || {
        let mut command = Command::new("blkdiscard");
        run_within(command.arg("--force").arg(f.bed.node()), Duration::from_secs(20))
    };
    assert!(f.limit("discard_max_bytes") > 0);
    assert!(discard().status.success());
    assert_eq!(f.media.first_change(), None);
    assert_eq!(f.limit("discard_max_bytes"), 0);
    let second = discard();
    assert!(!second.status.success() && second.stderr.contains("not supported"), "{}", second.stderr);
}

/// The same answer to BLKZEROOUT is no lie: the kernel writes zeroes itself then.
#[test]
fn unsupported_zeroing_is_done_by_writes() {
    let f = fixture();
    f.bed.rule(&format!("discard 0 {SIZE} err:95"));
    tool("blkdiscard", &["--force", "--zeroout", f.bed.device().arg()]);
    assert_eq!(f.limit("write_zeroes_max_bytes"), 0);
    assert!(f.bed.seen("writes") > 0);
    assert_eq!(f.media.leftovers().blocks, 0);
}

impl Fixture {
    /// What the kernel believes that the drive can do in one request, in bytes.
    fn limit(&self, name: &str) -> u64 {
        let attribute = format!("/sys/block/{}/queue/{name}", self.bed.device().name());
        fs::read_to_string(attribute).unwrap().trim().parse().unwrap()
    }
}
