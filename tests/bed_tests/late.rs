//! Answers that come late or never, and drives that are slow.
//!
//! Only the least time is held exactly: on a machine that others use too, everything may take longer.
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::common::process::wait_within;
use super::{AT, BLOCK, EIO, Fixture, LIMIT, SIZE, fixture};

/// Much longer than a request that nothing delays takes here, and shorter than the delays of these tests.
const AT_ONCE: Duration = Duration::from_millis(400);

fn timed<T>(request: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = request();
    (result, begin.elapsed())
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
        f.bed.until_waiting(1);
        assert!(f.open().read(0, BLOCK).is_ok());
        assert!(!slow.is_finished(), "the other request came back while the slow one was in flight");
        assert!(slow.join().unwrap() >= Duration::from_secs(1));
    });
    assert_eq!(f.stored(AT, BLOCK), vec![1; BLOCK]);
}

#[test]
fn a_hanging_request_ends_with_its_server() {
    let mut f = fixture();
    f.bed.rule(&format!("read {AT} {BLOCK} hang"));
    let node = f.open();
    let hanging = thread::spawn(move || node.read(AT, BLOCK));
    f.bed.until_waiting(1);
    thread::sleep(Duration::from_millis(300));
    assert!(!hanging.is_finished());
    f.bed.kill_server();
    assert_eq!(hanging.join().unwrap(), Err(EIO));
}

/// A test that fails while a request hangs must not hang itself.
#[test]
fn a_bed_is_taken_down_after_a_panic_with_a_request_in_flight() {
    for rule in [
        format!("read {AT} {BLOCK} lat:3600000"),
        format!("read {AT} {BLOCK} hang 1"),
        format!("read {AT} {BLOCK} seek:18446744073709551615"),
        format!("read {AT} {BLOCK} rate:1"),
    ] {
        let f = fixture();
        f.bed.rule(&rule);
        taken_down_after_a_panic(f);
    }
}

fn taken_down_after_a_panic(f: Fixture) {
    let (node, pid) = (f.open(), f.bed.server_pid());
    let (device, backing) = (f.bed.device().name(), f.bed.device().backing().to_owned());
    let hanging = thread::spawn(move || node.read(AT, BLOCK));
    f.bed.until_waiting(1);
    // The rules alone do not tell that a request hangs.
    f.bed.clear();
    let begin = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(move || {
        let _taken_down_with_the_panic = f;
        panic!("as a failing test would");
    }));
    assert!(result.is_err() && begin.elapsed() < Duration::from_secs(15));
    assert_eq!(hanging.join().unwrap(), Err(EIO));
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "the server is gone");
    // Another test may have the number by now.
    let behind = fs::read_to_string(format!("/sys/block/{device}/loop/backing_file")).unwrap_or_default();
    assert_ne!(behind.trim_end(), backing.to_str().unwrap(), "{device} is detached");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(backing.parent().unwrap().to_str().unwrap()), "{mounts}");
}

#[test]
fn a_request_hangs_until_it_is_released_and_no_other_does() {
    let f = fixture();
    f.bed.rule(&format!("write {AT} {BLOCK} hang"));
    let (node, other) = (f.open(), f.open());
    let writer = thread::spawn(move || node.write(AT, &[7; BLOCK]));
    f.bed.until_waiting(1);
    assert!(other.read(0, BLOCK).is_ok() && other.write(4096, &[0; BLOCK]).is_ok());
    f.bed.clear();
    thread::sleep(Duration::from_millis(200));
    assert!(!writer.is_finished(), "the end of the rule is not the end of the wait");
    assert_eq!(f.stored(AT, BLOCK), f.original(AT, BLOCK), "nothing is stored yet");
    f.bed.release();
    assert_eq!(writer.join().unwrap(), Ok(()));
    assert_eq!(f.stored(AT, BLOCK), vec![7; BLOCK]);
    assert_eq!(f.bed.seen("waiting"), 0);
}

#[test]
fn a_hanging_read_has_its_other_faults_when_it_is_released() {
    let f = fixture();
    f.bed.rule(&format!("read {AT} {BLOCK} hang 1\nread {AT} {BLOCK} err:61 1"));
    let node = f.open();
    let reader = thread::spawn(move || node.read(AT, BLOCK));
    f.bed.until_waiting(1);
    f.bed.release();
    assert_eq!(reader.join().unwrap(), Err(61));
    assert_eq!(f.open().read(AT, BLOCK), Ok(f.original(AT, BLOCK)), "once only");
}

/// What a fast drive has in flight may hang in one place without holding up the rest.
#[test]
fn dozens_of_requests_hang_and_another_goes_on() {
    let f = fixture();
    let many = 64;
    f.bed.rule(&format!("read {AT} {SIZE} hang"));
    let hang = |at| {
        let node = f.open();
        thread::spawn(move || node.read(AT + at * 4096, BLOCK))
    };
    let hanging: Vec<_> = (0..many).map(hang).collect();
    f.bed.until_waiting(many);
    let (other, took) = timed(|| f.open().read(0, BLOCK));
    assert!(other.is_ok() && took < AT_ONCE, "{took:?}");
    assert!(hanging.iter().all(|thread| !thread.is_finished()));
    f.bed.release();
    assert!(hanging.into_iter().all(|thread| thread.join().unwrap().is_ok()));
}

#[test]
fn a_flush_hangs_until_it_is_released() {
    let f = fixture();
    f.bed.rule("fsync 0 0 hang 1");
    let node = f.open();
    let flusher = thread::spawn(move || node.flush());
    f.bed.until_waiting(1);
    thread::sleep(Duration::from_millis(200));
    assert!(!flusher.is_finished());
    f.bed.release();
    assert_eq!(flusher.join().unwrap(), Ok(()));
    assert_eq!(f.open().flush(), Ok(()), "once only");
}

/// Letter of the state in /proc/PID/stat: `D` is a sleep that no signal ends.
fn state(process: &Child) -> char {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

#[test]
fn who_writes_to_a_drive_that_hangs_cannot_be_killed_until_the_drive_is_gone() {
    let mut f = fixture();
    f.bed.rule(&format!("write {AT} {BLOCK} hang"));
    let mut writer = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096", "count=1", "oflag=direct,seek_bytes", "conv=notrunc"])
        .args([format!("of={}", f.bed.node().display()), format!("seek={AT}")])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    f.bed.until_waiting(1);
    writer.kill().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert_eq!((writer.try_wait().unwrap(), state(&writer)), (None, 'D'));
    f.bed.kill_server();
    assert!(wait_within(&mut writer, LIMIT).is_some(), "the request ends with the server");
}

#[test]
fn a_seek_takes_as_long_as_it_is_far() {
    let f = fixture();
    let node = f.open();
    assert!(node.read(0, BLOCK).is_ok());
    f.bed.rule(&format!("read 0 {SIZE} seek:1200000\nwrite 0 {SIZE} seek:1200000"));
    let last = SIZE - 4096;
    // From the block behind the last request, in blocks of the drive's 6,144.
    for (write, offset, least) in
        [(false, 4096, 0), (true, 8192, 0), (false, last, 1190), (true, SIZE / 2, 590), (false, 4096, 590)]
    {
        let (result, took) = timed(|| match write {
            true => node.write(offset, &[0; BLOCK]),
            false => node.read(offset, BLOCK).map(|_| ()),
        });
        assert_eq!(result, Ok(()));
        let least = Duration::from_millis(least);
        assert!(took >= least && took < least + AT_ONCE, "at {offset}: {took:?}, not {least:?}");
    }
}

#[test]
fn a_slow_drive_serves_one_after_another_at_its_rate_and_the_rest_at_once() {
    let f = fixture();
    let slow = 8 << 20;
    // A quarter of a MiB each, from two threads: one second and a half in all.
    f.bed.rule(&format!("write {AT} {slow} rate:1048576"));
    let (took_others, took) = timed(|| {
        thread::scope(|scope| {
            for first in [0, 1] {
                let f = &f;
                scope.spawn(move || {
                    for number in [first, first + 2, first + 4] {
                        assert_eq!(f.open().write(AT + number * (256 << 10), &vec![9; 256 << 10]), Ok(()));
                    }
                });
            }
            f.bed.until_waiting(2);
            let node = f.open();
            let others = [
                timed(|| node.read(AT, BLOCK).map(|_| ())),
                timed(|| node.write(0, &[0; BLOCK])),
                timed(|| node.flush()),
            ];
            others.map(|(result, took)| {
                assert_eq!(result, Ok(()));
                took
            })
        })
    });
    assert!(took >= Duration::from_millis(1500) && took < Duration::from_secs(3), "{took:?}");
    assert!(took_others.iter().all(|took| *took < AT_ONCE), "{took_others:?}");
    assert!(f.stored(AT, 1536 << 10).iter().all(|byte| *byte == 9));
}

#[test]
fn only_the_bytes_in_the_slow_range_are_slow() {
    let f = fixture();
    f.bed.rule(&format!("read {AT} {BLOCK} rate:8192"));
    let node = f.open();
    let (result, took) = timed(|| node.read(AT - (512 << 10), 1 << 20));
    assert!(result == Ok(f.original(AT - (512 << 10), 1 << 20)));
    assert!(took >= Duration::from_millis(500) && took < Duration::from_millis(1500), "{took:?}");
}
