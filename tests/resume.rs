//! `expunge resume` beside kills: what must not be gone on with, what an interruption must not hide, and what the
//! program says about it.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use common::running::{Running, wait_for};
use common::{Expunge, LoopDevice, Media, Ran, Record};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

const SIZE: u64 = 32 << 20;

/// A drive, and a place for its jobs.
struct Bed {
    // Dropped in this order: the device goes before its file.
    device: LoopDevice,
    media: Media,
    expunge: Expunge,
    _directory: TempDir,
}

impl Bed {
    #[track_caller]
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let media = Media::make(&directory.path().canonicalize().unwrap(), "medium", SIZE, 512);
        let device = LoopDevice::attach(media.path(), 512);
        Self { device, media, expunge: Expunge::new(), _directory: directory }
    }

    fn begin(&self, more: &[&str]) -> Command {
        let arguments = [&["--json", "--transfer-kib", "64", "--rule", "checkpoint=20ms"], more].concat();
        self.expunge.overwrite_command(self.device.node(), self.device.backing(), &arguments)
    }

    /// Without `--out` and `--key`: a job goes on with those that it began with.
    #[track_caller]
    fn go_on(&self, more: &[&str], code: i32) -> Ran {
        self.expunge.run([&["resume", "--json"], more].concat()).expect_code(code)
    }

    /// Stops a job with a signal once its journal has such an entry; gives its name.
    #[track_caller]
    fn stopped_after(&self, entry: &str, more: &[&str]) -> String {
        let before: Vec<PathBuf> = self.journals();
        let running = Running::start(&mut self.begin(more));
        let mut name = None;
        wait_for(entry, || {
            let new = self.journals().into_iter().find(|path| !before.contains(path));
            let text = new.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
            name = new.and_then(|path| Some(path.file_stem()?.to_str()?.to_owned()));
            text.matches(&format!("\"entry\":\"{entry}\"")).count() > 1
                || entry == "verifying" && text.contains(entry)
        });
        if entry == "verifying" {
            std::thread::sleep(Duration::from_millis(700));
        }
        running.signal(Signal::SIGTERM);
        running.finish().expect_code(6);
        name.unwrap()
    }

    fn journals(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.expunge.state().join("jobs")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn listed(&self) -> Vec<Value> {
        let listed = self.expunge.run(["job", "list", "--local", "--json"]).expect_code(0).json();
        listed["jobs"].as_array().unwrap().clone()
    }
}

const SLOWLY: [&str; 2] = ["--bandwidth", "16MB/s"];

/// An old job that was never finished, and a newer one on the same drive that was: what lies on the drive now is not
/// overwritten because somebody types two words.
#[test]
fn an_old_job_is_not_gone_on_with_after_another_took_up_its_drive() {
    let bed = Bed::new();
    let old = bed.stopped_after("checkpoint", &SLOWLY);
    assert_eq!(bed.listed()[0]["resumable"], true);
    bed.expunge.finish(&mut bed.begin(&[])).expect_code(0);
    // In use again, by something that no probe of content knows.
    let file = fs::OpenOptions::new().write(true).open(bed.media.path()).unwrap();
    file.write_all_at(&[0xD8; 1 << 20], 5 << 20).unwrap();
    let before = fs::read(bed.media.path()).unwrap();
    let listed = bed.listed();
    let entry = listed.iter().find(|job| job["job"] == old.as_str()).unwrap();
    assert_eq!((&entry["state"], &entry["resumable"]), (&"superseded".into(), &false.into()), "{entry}");
    bed.go_on(&[], 2).expect_text("no job of this host can go on");
    let drive = bed.go_on(&[&old], 3).result()["drives"][0].clone();
    assert_eq!(drive["reason"]["code"], "not-resumable");
    assert_eq!((&drive["job"], &drive["resumable"]), (&old.as_str().into(), &false.into()), "{drive}");
    assert!(fs::read(bed.media.path()).unwrap() == before, "nothing of it was written");
}

/// A sample that was begun is read to its end: wrong blocks cannot be dodged by stopping and going on.
#[test]
fn a_sample_that_saw_wrong_blocks_is_a_failure_also_when_it_is_stopped() {
    // On a busy machine the whole sample can be read before the drive is spoiled: then nothing was shown.
    assert!((0..8).any(|_| sample_spoiled_in_time()), "every sample was read before the drive was spoiled");
}

/// Whether the drive was spoiled while the sample was being read; then all that follows is held.
fn sample_spoiled_in_time() -> bool {
    let bed = Bed::new();
    let sampled = ["--verify", "sampled=0.99,0.01", "--bandwidth", "3MB/s"];
    let running = Running::start(&mut bed.begin(&sampled));
    let reading = || {
        let journal = bed.journals().first().and_then(|path| fs::read_to_string(path).ok());
        journal.is_some_and(|journal| journal.contains("\"entry\":\"verifying\""))
    };
    let end = Instant::now() + Duration::from_secs(100);
    while !reading() {
        assert!(Instant::now() < end, "it comes to its reading");
        std::thread::sleep(Duration::from_millis(1));
    }
    // Behind the back of the job, everywhere: whatever the sample reads from now on is wrong.
    let file = fs::OpenOptions::new().write(true).open(bed.media.path()).unwrap();
    file.write_all_at(&vec![0x5E; usize::try_from(SIZE).unwrap()], 0).unwrap();
    drop(file);
    running.signal(Signal::SIGTERM);
    let code = running.finish().code;
    if code == Some(0) {
        return false;
    }
    assert!(matches!(code, Some(5 | 6)), "{code:?}");
    if code == Some(6) {
        let ran = bed.go_on(&[], 5);
        assert_eq!(ran.result()["drives"][0]["outcome"], "failed");
    }
    let records = Record::all_in(&bed.expunge.out());
    assert!(records.iter().all(|record| record.text("/outcome") != "done"), "{records:?}");
    true
}

/// A drive that is not attached is no refusal of a drive that was never touched.
#[test]
fn a_job_whose_drive_is_missing_says_so_and_can_go_on_later() {
    let mut bed = Bed::new();
    let job = bed.stopped_after("checkpoint", &SLOWLY);
    bed.device.detach().unwrap();
    let ran = bed.go_on(&[&job], 3);
    let drive = ran.result()["drives"][0].clone();
    assert_eq!((&drive["reason"]["code"], &drive["disposition"]), (&"missing".into(), &"quarantined".into()));
    assert_eq!((&drive["job"], &drive["resumable"]), (&job.as_str().into(), &true.into()), "{drive}");
    let text = bed.expunge.run(["resume", &job]).expect_code(3);
    text.expect_text("NOT GONE ON WITH: the drive may be overwritten in part and is NOT sanitized");
    // The one that was detached must not detach its successor, which may have its number.
    std::mem::forget(std::mem::replace(&mut bed.device, LoopDevice::attach(bed.media.path(), 512)));
    bed.go_on(&[&job], 0);
    let certificate = Record::all_in(&bed.expunge.out());
    let certificate = certificate.iter().find(|record| record.text("/outcome") == "done").unwrap();
    bed.expunge.check(&certificate.path).expect_code(0);
    assert_eq!(bed.media.leftovers().blocks, 0);
}

/// Each pass keeps the same pace: the clock of a worker does not begin anew with it.
#[test]
fn a_limit_holds_over_several_passes_and_none_waits_for_the_one_before() {
    let bed = Bed::new();
    let passes = ["--pass", "zero", "--pass", "ones", "--pass", "random", "--bandwidth", "32MB/s"];
    bed.expunge.finish(&mut bed.begin(&passes)).expect_code(0);
    let record = Record::only_in(&bed.expunge.out());
    let seconds: Vec<f64> = (0..3).map(|pass| record.seconds(&format!("/passes/{pass}"))).collect();
    // 32 MiB at 32 MB/s are 1.05 s.
    assert!(seconds.iter().all(|seconds| (0.9..3.0).contains(seconds)), "{seconds:?}");
}

/// What was interrupted goes on over the default places, with the records and the key that it began with.
#[test]
fn a_job_goes_on_with_the_records_and_the_key_that_it_began_with() {
    let bed = Bed::new();
    bed.stopped_after("checkpoint", &SLOWLY);
    bed.go_on(&[], 0);
    let records = Record::all_in(&bed.expunge.out());
    assert_eq!(records.len(), 2, "both records lie where the first was asked to be");
    let keys: Vec<&str> = records.iter().map(|record| record.text("/expectedSigners/0/keyid")).collect();
    assert_eq!(keys[0], keys[1]);
    assert!(!bed.expunge.state().join("signing-key.pem").exists(), "and no other key was made");
}
