//! A state directory that is full, read-only or damaged: nothing is written to a drive whose progress cannot be
//! recorded, and what was recorded is gone on with when the directory works again.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::expected::differing;
use common::process::tool;
use common::running::{Running, wait_for};
use common::{Expunge, LoopDevice, Media, Ran, Record};
use nix::mount::{MntFlags, umount2};
use serde_json::Value;
use tempfile::TempDir;

const SIZE: u64 = 24 << 20;

/// Slow enough that a journal fills up in the middle of the pass, and that something can be done meanwhile.
const SLOWLY: [&str; 9] =
    ["--json", "--bandwidth", "8MB/s", "--transfer-kib", "64", "--depth", "1", "--rule", "checkpoint=5ms"];

/// A file system of its own for the journals, unmounted when dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    #[track_caller]
    fn at(place: &Path, kib: u32) -> Self {
        fs::create_dir_all(place).unwrap();
        let path = place.to_str().unwrap();
        tool("mount", &["-t", "tmpfs", "-o", &format!("size={kib}k"), "expunge-test", path]);
        Self(place.to_owned())
    }

    #[track_caller]
    fn remount(&self, options: &str) {
        tool("mount", &["-o", &format!("remount,{options}"), self.0.to_str().unwrap()]);
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let unmounted = umount2(&self.0, MntFlags::empty());
        if !std::thread::panicking() {
            unmounted.unwrap();
        }
    }
}

/// A drive and a place for its job, whose journals lie on a file system of their own.
struct Bed {
    // Dropped in this order: what stands on something goes before it.
    state: Tmpfs,
    device: LoopDevice,
    media: Media,
    expunge: Expunge,
    _directory: TempDir,
}

impl Bed {
    #[track_caller]
    fn new(kib: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let media = Media::make(&directory.path().canonicalize().unwrap(), "medium", SIZE, 512);
        let device = LoopDevice::attach(media.path(), 512);
        let expunge = Expunge::new();
        let state = Tmpfs::at(&expunge.state(), kib);
        Self { state, device, media, expunge, _directory: directory }
    }

    fn begin(&self) -> Command {
        self.expunge.overwrite_command(self.device.node(), self.device.backing(), &SLOWLY)
    }

    #[track_caller]
    fn go_on(&self, code: i32) -> Ran {
        let mut command = self.expunge.command(["resume", "--json"]);
        command.arg("--out").arg(self.expunge.out()).arg("--key").arg(self.expunge.key());
        self.expunge.finish(&mut command).expect_code(code)
    }

    fn journals(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.expunge.state().join("jobs")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn journal(&self) -> PathBuf {
        let mut paths = self.journals();
        assert_eq!(paths.len(), 1, "{paths:?}");
        paths.remove(0)
    }

    fn checkpoints(&self) -> usize {
        let text = self.journals().first().and_then(|path| fs::read_to_string(path).ok());
        text.unwrap_or_default().matches("\"entry\":\"checkpoint\"").count()
    }

    /// The job ended because its journal could not be written, and says so everywhere.
    #[track_caller]
    fn expect_state_failed(&self, ran: &Ran) {
        let drive: Value = ran.result()["drives"][0].clone();
        assert_eq!(
            (&drive["outcome"], &drive["reason"]["code"]),
            (&"unknown".into(), &"state-failed".into())
        );
        assert_eq!((&drive["resumable"], &drive["verified"]), (&true.into(), &false.into()), "{drive}");
        // No record leaves whose verdict is not durable (P6), and the command says that one is missing.
        assert!(Record::all_in(&self.expunge.out()).is_empty());
        assert!(drive["trouble"].as_str().is_some_and(|trouble| trouble.contains("journal")), "{drive}");
        let left = self.media.leftovers();
        assert!(left.blocks > SIZE / 512 / 4, "the writing ended soon after: {left:?}");
    }

    #[track_caller]
    fn expect_done(&self) {
        let record = Record::only_in(&self.expunge.out());
        record.expect_certificate();
        assert_eq!(record.text("/interruptions/0/cause"), "crash", "the journal has no word about it");
        assert!(record.number("/interruptions/0/durable") > 0);
        assert_eq!(differing(self.media.path(), SIZE, record.last_pattern(), 512), []);
        self.expunge.check(&record.path).expect_code(0);
    }
}

#[test]
fn a_journal_that_is_full_ends_the_job_and_with_room_it_goes_on() {
    // Room for a few dozen checkpoints.
    let bed = Bed::new(16);
    let ran = bed.expunge.finish(&mut bed.begin()).expect_code(1);
    bed.expect_state_failed(&ran);
    assert!(bed.checkpoints() > 5);
    bed.state.remount("size=4m");
    bed.go_on(0);
    bed.expect_done();
}

#[test]
fn a_journal_that_becomes_read_only_ends_the_job_and_writable_again_it_goes_on() {
    let bed = Bed::new(1024);
    let running = Running::start(&mut bed.begin());
    wait_for("something is durable", || bed.checkpoints() > 3);
    // A plain remount is refused while a file is open for writing, as on a file system in use; the lazy way of a
    // failing disk is to fill it. What the program sees is the same: it can write no more.
    fs::write(bed.expunge.state().join("filler"), vec![0; 4 << 20]).unwrap_err();
    let ran = running.finish().expect_code(1);
    bed.expect_state_failed(&ran);
    fs::remove_file(bed.expunge.state().join("filler")).unwrap();
    bed.state.remount("ro");
    let refused = bed.go_on(3).result()["drives"][0].clone();
    assert_eq!(refused["reason"]["code"], "state-failed", "{refused}");
    bed.state.remount("rw");
    bed.go_on(0);
    bed.expect_done();
}

/// What has no room for its intent is not begun.
#[test]
fn a_job_without_room_for_its_intent_writes_nothing() {
    let bed = Bed::new(64);
    fs::create_dir(bed.expunge.state().join("jobs")).unwrap();
    fs::write(bed.expunge.state().join("filler"), vec![0; 1 << 20]).unwrap_err();
    let ran = bed.expunge.finish(&mut bed.begin()).expect_code(3);
    assert_eq!(ran.result()["drives"][0]["reason"]["code"], "state-failed");
    assert_eq!(bed.media.first_change(), None);
}

/// A torn last line is cut off; a changed line is refused, and neither journal nor drive is touched.
#[test]
fn a_torn_journal_goes_on_and_a_damaged_one_is_refused() {
    let bed = Bed::new(1024);
    let mut running = Running::start(&mut bed.begin());
    wait_for("something is durable", || bed.checkpoints() > 8);
    running.signal(nix::sys::signal::Signal::SIGKILL);
    let workers = running.workers_now();
    running.wait();
    wait_for("the worker is gone", || workers.iter().all(|worker| !common::running::runs(*worker)));
    let path = bed.journal();
    let whole = fs::read(&path).unwrap();
    let before = fs::read(bed.media.path()).unwrap();
    let middle = whole.len() / 2;
    for damage in [
        // A bit in the middle, a line missing, a line twice, a hole of zeroes.
        [&whole[..middle], &[whole[middle] ^ 4], &whole[middle + 1..]].concat(),
        without_line(&whole, 3),
        [&whole[..], last_line(&whole)].concat(),
        [&whole[..middle], &[0; 64], &whole[middle + 64..]].concat(),
    ] {
        fs::write(&path, &damage).unwrap();
        let job = path.file_stem().unwrap().to_str().unwrap();
        let ran = bed.expunge.run(["resume", job, "--json"]).expect_code(3);
        assert_eq!(ran.result()["drives"][0]["reason"]["code"], "journal-damaged");
        let listed = bed.expunge.run(["job", "list", "--local", "--json"]).expect_code(0).json();
        assert_eq!(
            (&listed["jobs"][0]["state"], &listed["jobs"][0]["resumable"]),
            (&"damaged".into(), &false.into())
        );
        assert_eq!(fs::read(&path).unwrap(), damage, "it is not touched");
        assert!(fs::read(bed.media.path()).unwrap() == before, "nor is the drive");
    }
    // The end of a line that was being written when the power went.
    let cut = whole.len() - 9;
    fs::write(&path, &whole[..cut]).unwrap();
    bed.go_on(0);
    bed.expect_done();
}

fn lines(journal: &[u8]) -> Vec<&[u8]> {
    journal.split_inclusive(|byte| *byte == b'\n').collect()
}

fn last_line(journal: &[u8]) -> &[u8] {
    lines(journal).pop().unwrap()
}

fn without_line(journal: &[u8], number: usize) -> Vec<u8> {
    let mut all = lines(journal);
    all.remove(number);
    all.concat()
}
