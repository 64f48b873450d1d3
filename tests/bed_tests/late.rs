//! Answers that come late or never.
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{AT, BLOCK, EIO, fixture};

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
