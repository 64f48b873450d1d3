//! The test beds do what their tables say: a bed that injects nothing would let every other test pass.
//!
//! Expected errnos are those of the kernel's block layer (`blk_errors` in block/blk-core.c: what is not in the
//! table becomes EIO), measured with another program before this one was written.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;
#[allow(dead_code, reason = "compiled here for the tests in it")]
#[path = "bed/rules.rs"]
mod rules;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use common::direct::Direct;
use common::process::{run_within, tool};
use common::{FaultBed, LoopDevice, Media};
use tempfile::TempDir;

const SIZE: u64 = 24 << 20;
const BLOCK: usize = 4096;
const AT: u64 = 16 << 20;
const EIO: i32 = 5;

/// No program of the system may take longer.
const LIMIT: Duration = Duration::from_secs(20);

struct Fixture {
    // Dropped before the directory that it stands on.
    bed: FaultBed,
    media: Media,
    _directory: TempDir,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let media = Media::make(directory.path(), "drive", SIZE, 4096);
    let bed = FaultBed::over(media.path(), 512);
    Fixture { bed, media, _directory: directory }
}

impl Fixture {
    fn open(&self) -> Direct {
        Direct::open(self.bed.node())
    }

    /// What the backing file holds, read without the bed.
    fn stored(&self, offset: u64, length: usize) -> Vec<u8> {
        part(self.media.path(), offset, length)
    }

    /// What the drive held when it was made.
    fn original(&self, offset: u64, length: usize) -> Vec<u8> {
        part(self.media.original(), offset, length)
    }
}

fn part(path: &Path, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    File::open(path).unwrap().read_exact_at(&mut bytes, offset).unwrap();
    bytes
}

#[test]
fn a_write_error_hits_exactly_the_requests_that_cover_it() {
    let f = fixture();
    f.bed.rule(&format!("write {AT} {BLOCK} err:5"));
    let node = f.open();
    let new = vec![0xA5; BLOCK];
    assert_eq!(node.write(AT, &new), Err(EIO));
    assert_eq!(node.write(AT - 4096, &new), Ok(()));
    assert_eq!(node.write(AT + 4096, &new), Ok(()));
    assert_eq!(node.write(AT - 4096, &vec![0x5A; 1 << 20]), Err(EIO), "a large write over the block");
    assert_eq!(f.stored(AT, BLOCK), f.original(AT, BLOCK), "the failed block holds the old data");
    assert_eq!(f.bed.seen("hits"), 2);
}

#[test]
fn a_read_error_hits_one_block_and_its_neighbours_can_be_read() {
    let f = fixture();
    f.bed.rule(&format!("read {AT} {BLOCK} err:5"));
    let node = f.open();
    assert_eq!(node.read(AT - (512 << 10), 1 << 20), Err(EIO));
    assert_eq!(node.read(AT, BLOCK), Err(EIO));
    for neighbour in [AT - 4096, AT + 4096] {
        assert_eq!(node.read(neighbour, BLOCK), Ok(f.original(neighbour, BLOCK)));
    }
    f.bed.clear();
    assert_eq!(node.read(AT, BLOCK), Ok(f.original(AT, BLOCK)), "the error was of the bed, not of the file");
}

#[test]
fn the_block_layer_passes_on_its_own_errnos_and_turns_others_into_eio() {
    let f = fixture();
    let node = f.open();
    let passed = [28, 110, 61, 121, 84, 67, 19, 52, 95].map(|errno| (errno, errno));
    for (injected, expected) in passed.into_iter().chain([(2, EIO), (1, EIO)]) {
        f.bed.rule(&format!("write 0 4096 err:{injected} 1"));
        assert_eq!(node.write(0, &[0; BLOCK]), Err(expected), "errno {injected}");
        assert_eq!(node.write(0, &[0; BLOCK]), Ok(()), "once only");
    }
}

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
fn a_misdirected_write_succeeds_and_is_stored_elsewhere() {
    let f = fixture();
    f.bed.rule(&format!("write {} 512 to:{}", AT + 512, AT + (1 << 20)));
    let written: Vec<u8> = (0..=255).cycle().take(BLOCK).map(|byte: u8| byte ^ 0x5A).collect();
    assert_eq!(f.open().write(AT, &written), Ok(()));
    let mut expected = written.clone();
    expected[512..1024].copy_from_slice(&f.original(AT + 512, 512));
    assert_eq!(f.stored(AT, BLOCK), expected, "all but one block is where it belongs");
    assert_eq!(f.stored(AT + (1 << 20), 512), written[512..1024]);
    assert_eq!(f.stored(AT + (1 << 20) + 512, 512), f.original(AT + (1 << 20) + 512, 512));
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
fn latency_delays_its_request_and_no_other() {
    let f = fixture();
    f.bed.rule(&format!("write {AT} {BLOCK} lat:1000"));
    let node = f.open();
    let begin = Instant::now();
    thread::scope(|scope| {
        let slow = scope.spawn(|| {
            assert_eq!(node.write(AT, &[1; BLOCK]), Ok(()));
            begin.elapsed()
        });
        while f.bed.seen("hits") == 0 {
            thread::sleep(Duration::from_millis(5));
        }
        assert!(f.open().read(0, BLOCK).is_ok());
        assert!(!slow.is_finished(), "the other request came back while the slow one was in flight");
        assert!(slow.join().unwrap() >= Duration::from_secs(1));
    });
    assert_eq!(f.stored(AT, BLOCK), vec![1; BLOCK]);
}

#[test]
fn a_failed_flush_is_reported_once() {
    let f = fixture();
    let node = f.open();
    assert_eq!(node.write(0, &[0; BLOCK]), Ok(()));
    f.bed.rule("fsync 0 0 err:5 1");
    assert_eq!(node.flush(), Err(EIO));
    assert_eq!(node.write(0, &[0; BLOCK]), Ok(()));
    assert_eq!(node.flush(), Ok(()));
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
    assert!(discard().status.success());
    assert_eq!(f.media.first_change(), None);
    let second = discard();
    assert!(!second.status.success() && second.stderr.contains("not supported"), "{}", second.stderr);
}

#[test]
fn a_killed_server_is_a_drive_that_is_gone() {
    let mut f = fixture();
    let node = f.open();
    assert_eq!(node.write(0, &[0; BLOCK]), Ok(()));
    f.bed.kill_server();
    assert_eq!(node.read(0, BLOCK), Err(EIO));
    assert_eq!(node.write(0, &[0; BLOCK]), Err(EIO));
    assert_eq!(node.flush(), Err(EIO));
}

#[test]
fn a_hanging_request_ends_with_its_server() {
    let mut f = fixture();
    f.bed.rule(&format!("read {AT} {BLOCK} lat:3600000"));
    let node = f.open();
    let hanging = thread::spawn(move || node.read(AT, BLOCK));
    while f.bed.seen("hits") == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(300));
    assert!(!hanging.is_finished());
    f.bed.kill_server();
    assert_eq!(hanging.join().unwrap(), Err(EIO));
}

/// A test that fails while a request hangs must not hang itself.
#[test]
fn a_bed_is_taken_down_after_a_panic_with_a_request_in_flight() {
    let f = fixture();
    f.bed.rule(&format!("read {AT} {BLOCK} lat:3600000"));
    let (node, pid) = (f.open(), f.bed.server_pid());
    let (device, backing) = (f.bed.device().name(), f.bed.device().backing().to_owned());
    let hanging = thread::spawn(move || node.read(AT, BLOCK));
    while f.bed.seen("hits") == 0 {
        thread::sleep(Duration::from_millis(5));
    }
    let begin = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(move || {
        let _taken_down_with_the_panic = f;
        panic!("as a failing test would");
    }));
    assert!(result.is_err() && begin.elapsed() < Duration::from_secs(30));
    assert_eq!(hanging.join().unwrap(), Err(EIO));
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the server is gone");
    // Another test may have the number by now.
    let behind = fs::read_to_string(format!("/sys/block/{device}/loop/backing_file")).unwrap_or_default();
    assert_ne!(behind.trim_end(), backing.to_str().unwrap(), "{device} is detached");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(backing.parent().unwrap().to_str().unwrap()), "{mounts}");
}

#[test]
fn a_program_is_run_to_its_end_and_no_further() {
    let mut command = Command::new("sh");
    let output = run_within(command.args(["-c", "echo out; echo err >&2; sleep 9 & exit 3"]), LIMIT);
    assert_eq!(output.status.code(), Some(3), "the grandchild that holds the output is not waited for");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
    let endless = catch_unwind(|| run_within(Command::new("sleep").arg("60"), Duration::from_millis(100)));
    let said = endless.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("still ran after 100ms"), "{said}");
}

#[test]
fn a_malformed_rule_is_rejected_and_changes_nothing() {
    let f = fixture();
    for text in ["read", "write 0 4096 err:x", "write 0 4096 err:5\nnonsense", "read 0 0 flip"] {
        assert_eq!(f.bed.try_rule(text).unwrap_err().raw_os_error(), Some(22), "{text}");
    }
    assert_eq!(f.open().write(0, &[0; BLOCK]), Ok(()));
    assert!(!f.bed.status().contains("rule "), "{}", f.bed.status());
}

#[test]
fn a_loop_device_has_its_block_size_and_goes_away_after_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let media = Media::make(directory.path(), "drive", 1 << 20, 4096);
    for block_size in [512, 1024, 2048, 4096] {
        let device = LoopDevice::attach(media.path(), block_size);
        let shown = tool("blockdev", &["--getss", device.arg()]);
        assert_eq!(shown.trim(), block_size.to_string());
    }
    let result = catch_unwind(AssertUnwindSafe(|| {
        let device = LoopDevice::attach(media.path(), 512);
        assert_eq!(device.attached().as_deref(), Some(media.path()));
        panic!("as a failing test would");
    }));
    assert!(result.is_err());
    let still = tool("losetup", &["--associated", media.path().to_str().unwrap()]);
    assert_eq!(still, "");
}

/// The scanner finds the data before it may say that it is gone, and one block that is left afterwards.
#[test]
fn the_scan_finds_everything_nothing_and_one_block() {
    let directory = tempfile::tempdir().unwrap();
    let size = (3 << 20) + 12 * 512;
    let media = Media::make(directory.path(), "drive", size, 512);
    let path = media.path().to_str().unwrap();
    let grep =
        || run_within(Command::new("grep").args(["-c", "-a", "-F", "<<expunge-test-"]).arg(path), LIMIT);
    let before = media.leftovers();
    assert_eq!(before.markers, media.markers());
    assert_eq!(before.markers, 3 * 16 + 1 + 1, "one at each 64 KiB, and one in the last block");
    assert_eq!(before.blocks, size / 512);
    assert!(grep().status.success());

    let output = format!("of={path}");
    tool("dd", &["if=/dev/zero", &output, "bs=512", &format!("count={}", size / 512), "conv=notrunc"]);
    assert_eq!(media.leftovers().markers, 0);
    assert_eq!(media.leftovers().blocks, 0);
    assert_eq!(grep().stdout.trim(), "0");

    let original = format!("if={}", media.original().display());
    let last = size / 512 - 1;
    let (seek, skip) = (format!("seek={last}"), format!("skip={last}"));
    tool("dd", &[&original, &output, "bs=512", "count=1", "conv=notrunc", &seek, &skip]);
    let left = media.leftovers();
    assert_eq!((left.markers, left.blocks, left.first), (1, 1, Some(last * 512)));
    assert_eq!(media.first_change(), Some(0));
}
