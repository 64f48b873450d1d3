//! Drives that leave in the middle of a job and come back, at the same place or another; and another drive that
//! stands where they stood.
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::expected::differing;
use crate::common::running::{Running, wait_for};
use crate::common::{Expunge, LoopDevice, Media, Ran, Record};

const SIZE: u64 = 64 << 20;

/// Slow enough to be caught in the middle, and often enough durable.
const SLOWLY: [&str; 5] = ["--json", "--bandwidth", "16MB/s", "--rule", "checkpoint=200ms"];

/// Nodes that no other test comes to, one for each test that needs its own.
const NODES: [&str; 2] = ["/dev/loop940", "/dev/loop941"];

/// A file as a drive, and what is done to it.
struct Place {
    directory: TempDir,
    expunge: Expunge,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), expunge: Expunge::new() }
    }

    #[track_caller]
    fn file(&self, name: &str) -> PathBuf {
        let path = self.directory.path().canonicalize().unwrap().join(name);
        File::create_new(&path).unwrap().set_len(SIZE).unwrap();
        path
    }

    /// Starts a job and waits until some of it is durable.
    #[track_caller]
    fn begin(&self, device: &LoopDevice, file: &Path) -> Running {
        let running = Running::start(&mut self.expunge.overwrite_command(device.node(), file, &SLOWLY));
        wait_for("some of it is durable", || self.journal().matches("\"entry\":\"checkpoint\"").count() >= 3);
        running
    }

    fn journal(&self) -> String {
        let Ok(entries) = fs::read_dir(self.expunge.state().join("jobs")) else { return String::new() };
        let texts = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
        texts.collect()
    }

    /// Begins a job, stops it, and takes the drive away. Gives the name of the job.
    #[track_caller]
    fn stopped(&self, device: LoopDevice, file: &Path) -> String {
        let running = self.begin(&device, file);
        running.signal(Signal::SIGTERM);
        let result = running.finish().expect_code(6).result();
        let drive = &result["drives"][0];
        assert_eq!((&drive["outcome"], &drive["resumable"]), (&"aborted".into(), &true.into()));
        drop(device);
        drive["job"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn resume(&self, job: &str, code: i32) -> (Ran, Value) {
        let ran = self.expunge.run_with_records(["resume", job, "--json"]).expect_code(code);
        let drive = ran.result()["drives"][0].clone();
        (ran, drive)
    }

    /// The record that a resumed job ended with.
    #[track_caller]
    fn done(&self, job: &str, file: &Path) -> Record {
        let (_, drive) = self.resume(job, 0);
        assert_eq!((&drive["outcome"], &drive["job"]), (&"done".into(), &job.into()), "{drive}");
        let record = Record::read(drive["record"]["path"].as_str().unwrap().as_ref());
        record.expect_certificate();
        assert_eq!(record.at("/interruptions").as_array().unwrap().len(), 1);
        assert_eq!(differing(file, SIZE, record.last_pattern(), 512), []);
        self.expunge.check(&record.path).expect_code(0);
        record
    }
}

/// Stopped, detached, and attached again with another number, while another drive stands at the node that it had.
#[test]
fn a_drive_that_comes_back_at_another_node_is_gone_on_with_there() {
    let place = Place::new();
    let file = place.file("drive");
    let node = Path::new(NODES[0]);
    let device = LoopDevice::attach_at(node, &file, 512);
    let job = place.stopped(device, &file);
    let other = Media::make(&place.directory.path().canonicalize().unwrap(), "other", 1 << 20, 512);
    let stranger = LoopDevice::attach_at(node, other.path(), 512);
    let again = LoopDevice::attach(&file, 512);
    assert_ne!(again.node(), node);
    let record = place.done(&job, &file);
    let gap = |field: &str| record.at(&format!("/interruptions/0/{field}"));
    assert_eq!(gap("cause"), "stopped");
    assert_eq!(gap("wentOn"), "there");
    assert_eq!(gap("node"), again.arg());
    let durable = gap("durable").as_u64().unwrap();
    assert!(durable > 0 && durable < SIZE / 512, "{durable}");
    assert!(record.number("/interruptions/0/probe/read") > 0, "some of it was read again");
    assert_eq!(record.ranges("/interruptions/0/probe/wrong"), []);
    assert!(record.time("/interruptions/0/resumed") > record.time("/interruptions/0/lastSign"));
    assert_eq!(other.first_change(), None, "the stranger at the old node was not touched");
    drop(stranger);
}

/// The drive is not there, and another stands where it stood.
#[test]
fn another_drive_at_the_same_node_is_never_written() {
    let place = Place::new();
    let file = place.file("drive");
    let node = Path::new(NODES[1]);
    let device = LoopDevice::attach_at(node, &file, 512);
    let job = place.stopped(device, &file);
    let other = Media::make(&place.directory.path().canonicalize().unwrap(), "other", SIZE, 512);
    let stranger = LoopDevice::attach_at(node, other.path(), 512);
    let (_, drive) = place.resume(&job, 3);
    assert_eq!((&drive["outcome"], &drive["reason"]["code"]), (&"refused".into(), &"missing".into()));
    assert_eq!(other.first_change(), None, "it was written");
    assert_eq!(place.journal().matches("\"entry\":\"resumed\"").count(), 0);
    drop(stranger);
    // When the drive itself is back, its job goes on.
    let again = LoopDevice::attach(&file, 512);
    place.done(&job, &file);
    drop(again);
}

/// The name of the drive, and not the drive: a file of another size, or with blocks of another size.
#[test]
fn a_drive_of_another_shape_is_another_drive() {
    let place = Place::new();
    let file = place.file("drive");
    let job = place.stopped(LoopDevice::attach(&file, 512), &file);
    for (size, block_size) in [(SIZE + 4096, 512), (SIZE, 4096)] {
        fs::remove_file(&file).unwrap();
        let _gone = fs::remove_file(file.with_extension("original"));
        let other = Media::make(file.parent().unwrap(), "drive", size, block_size);
        let device = LoopDevice::attach(&file, block_size);
        let (_, drive) = place.resume(&job, 3);
        assert_eq!(drive["reason"]["code"], "identity-changed", "{drive}");
        assert_eq!(other.first_change(), None, "it was written");
        drop(device);
    }
}

/// It vanishes while it is written, and with it what was written. When it is back nothing of that is believed.
#[test]
fn a_drive_that_comes_back_empty_is_written_from_the_beginning() {
    let place = Place::new();
    let file = place.file("drive");
    let device = LoopDevice::attach(&file, 512);
    let running = place.begin(&device, &file);
    let resize = |length| {
        OpenOptions::new().write(true).open(&file).unwrap().set_len(length).unwrap();
        device.refresh_size();
    };
    resize(0);
    let result = running.finish().expect_code(4).result();
    let drive = &result["drives"][0];
    assert_eq!((&drive["outcome"], &drive["reason"]["code"]), (&"failed".into(), &"drive-gone".into()));
    assert_eq!(drive["resumable"], true);
    let job = drive["job"].as_str().unwrap();
    let failed = Record::only_in(&place.expunge.out());
    failed.expect_other("failed", "Record of failed sanitization: NOT sanitized", "NOT-SANITIZED");
    // Not there yet: nothing is written, and it can be tried again.
    place.resume(job, 3);
    resize(SIZE);
    let record = place.done(job, &file);
    assert_eq!(record.at("/interruptions/0/cause"), "drive-gone");
    assert_eq!(record.at("/interruptions/0/wentOn"), "pass-anew");
    assert!(!record.ranges("/interruptions/0/probe/wrong").is_empty());
    assert!(failed.path.exists(), "the first record stays");
}
