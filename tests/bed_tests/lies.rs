//! Success that is none: bytes that are stored nowhere, wrong, or elsewhere, and reads that do not tell what the
//! medium holds.
use std::fs;
use std::process::Command;
use std::time::Duration;

use super::common::process::{run_within, tool};
use super::{AT, BLOCK, EIO, Fixture, SIZE, fixture};

const MIB: usize = 1 << 20;

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

/// A block of bytes that tells its address.
fn label(lba: u64) -> Vec<u8> {
    lba.to_le_bytes().repeat(BLOCK / 8)
}

/// A drive that says it has 24 MiB and has 6: the four quarters are one and the same.
fn counterfeit() -> (Fixture, u64) {
    let f = fixture();
    let real = SIZE / 4;
    f.bed.rule(&format!("write 0 {SIZE} wrap:{real}\nread 0 {SIZE} wrap:{real}"));
    (f, real)
}

#[test]
fn a_counterfeit_drive_stores_the_last_that_was_written_to_any_of_its_aliases() {
    let (f, real) = counterfeit();
    let node = f.open();
    let beyond = f.stored(real, usize::try_from(SIZE - real).unwrap());
    for lba in (0..SIZE / 4096).step_by(64) {
        assert_eq!(node.write(lba * 4096, &label(lba)), Ok(()));
    }
    assert_eq!(node.flush(), Ok(()));
    let quarter = real / 4096;
    for lba in (0..SIZE / 4096).step_by(64) {
        let last = lba % quarter + 3 * quarter;
        assert_eq!(node.read(lba * 4096, BLOCK), Ok(label(last)), "block {lba}");
        assert_eq!(f.stored(lba % quarter * 4096, BLOCK), label(last), "block {lba}");
    }
    assert!(f.stored(real, beyond.len()) == beyond, "there is no store beyond the real one");
}

/// Capacity checkers and sanitizers alike write in order of address and read back in it.
#[test]
fn a_counterfeit_drive_shows_only_where_addresses_differ() {
    let (f, _) = counterfeit();
    let node = f.open();
    let first_sight = |offset| node.read(offset, BLOCK);
    assert_eq!(first_sight(AT), Ok(f.original(AT % (SIZE / 4), BLOCK)));
    for offset in (0..SIZE).step_by(MIB) {
        assert_eq!(node.write(offset, &vec![0; MIB]), Ok(()));
    }
    for offset in (0..SIZE).step_by(MIB) {
        assert!(node.read(offset, MIB) == Ok(vec![0; MIB]), "zeroes are zeroes everywhere");
    }
}

#[test]
fn a_request_over_the_end_of_the_real_store_is_divided() {
    let (f, real) = counterfeit();
    let node = f.open();
    let data: Vec<u8> = (0..MIB).map(|at| (at / 512 % 251).to_le_bytes()[0]).collect();
    let offset = 2 * real - 4096;
    assert_eq!(node.write(offset, &data), Ok(()));
    assert!(f.stored(real - 4096, BLOCK) == data[..BLOCK], "the end of the store");
    assert!(f.stored(0, MIB - BLOCK) == data[BLOCK..], "the rest begins anew");
    assert!(node.read(offset, MIB) == Ok(data.clone()), "and is read from there");
    assert!(node.read(3 * real - 4096, MIB) == Ok(data), "through the other alias too");
    assert_eq!(f.stored(real, 2 * MIB), f.original(real, 2 * MIB));
}

#[test]
fn a_misdirected_write_succeeds_and_lies_elsewhere() {
    let f = fixture();
    let target = 3 << 20;
    f.bed.rule(&format!("write {AT} {BLOCK} misdirect:{target} 1"));
    let node = f.open();
    let new = vec![0x77; 3 * BLOCK];
    assert_eq!(node.write(AT - 4096, &new), Ok(()));
    assert_eq!(f.stored(AT - 4096, BLOCK), new[..BLOCK]);
    assert_eq!(f.stored(AT, BLOCK), f.original(AT, BLOCK), "the old data is where it was");
    assert_eq!(f.stored(AT + 4096, BLOCK), new[..BLOCK]);
    assert_eq!(f.stored(target, BLOCK), new[..BLOCK], "and the new data is where nobody sent it");
    assert_eq!(node.read(AT, BLOCK), Ok(f.original(AT, BLOCK)));
    for neighbour in [target - 4096, target + 4096] {
        assert_eq!(f.stored(neighbour, BLOCK), f.original(neighbour, BLOCK));
    }
    assert_eq!(node.write(AT, &new[..BLOCK]), Ok(()), "once only");
    assert_eq!(f.stored(AT, BLOCK), new[..BLOCK]);
}

#[test]
fn a_misdirected_read_tells_of_another_place() {
    let f = fixture();
    f.bed.rule(&format!("read {AT} {BLOCK} misdirect:4096 1"));
    let node = f.open();
    assert_eq!(node.read(AT, BLOCK), Ok(f.original(4096, BLOCK)));
    assert_eq!(node.read(AT, BLOCK), Ok(f.original(AT, BLOCK)));
}

#[test]
fn a_stale_read_tells_what_was_there_when_the_rule_was_written() {
    let f = fixture();
    let node = f.open();
    assert_eq!(node.write(AT, &[1; BLOCK]), Ok(()));
    f.bed.rule(&format!("read {AT} {BLOCK} stale"));
    assert_eq!(node.write(AT - 4096, &vec![2; 3 * BLOCK]), Ok(()));
    assert_eq!(f.stored(AT, BLOCK), vec![2; BLOCK], "the medium holds the new data");
    let mut seen = vec![2; 3 * BLOCK];
    seen[BLOCK..2 * BLOCK].fill(1);
    assert_eq!(node.read(AT - 4096, 3 * BLOCK), Ok(seen));
    assert_eq!(node.read(AT + 512, 512), Ok(vec![1; 512]));
    f.bed.clear();
    assert_eq!(node.read(AT, BLOCK), Ok(vec![2; BLOCK]));
}
