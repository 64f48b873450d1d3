//! Jobs as processes: several drives at once, lists of drives, signals, terminals, and what workers may hold.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

#[path = "jobs/manifest.rs"]
mod manifest;
#[path = "jobs/several.rs"]
mod several;
#[path = "jobs/signals.rs"]
mod signals;
#[path = "jobs/terminal.rs"]
mod terminal;
#[path = "jobs/worker.rs"]
mod worker;

use std::fs;
use std::path::{Path, PathBuf};

use common::expected::differing;
use common::running::wait_for;
use common::{Expunge, FaultBed, LoopDevice, Media, Record};
use tempfile::TempDir;

const SIZE: u64 = (2 << 20) + 512;

/// Several loop devices over files with markers, in one directory.
struct Drives {
    // Dropped in this order: devices go before their files.
    drives: Vec<Drive>,
    _directory: TempDir,
}

struct Drive {
    device: LoopDevice,
    media: Media,
}

impl Drives {
    #[track_caller]
    fn new(count: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().canonicalize().unwrap();
        let drive = |number| {
            let media = Media::make(&place, &format!("disk{number}"), SIZE, 512);
            Drive { device: LoopDevice::attach(media.path(), 512), media }
        };
        Self { drives: (0..count).map(drive).collect(), _directory: directory }
    }

    /// `NODE --confirm FILE` of each.
    fn arguments(&self) -> Vec<String> {
        let one = |drive: &Drive| [drive.node_text(), "--confirm".to_owned(), drive.file_text()];
        self.drives.iter().flat_map(one).collect()
    }

    #[track_caller]
    fn expect_unchanged(&self) {
        self.drives.iter().for_each(Drive::expect_unchanged);
    }
}

impl Drive {
    fn node_text(&self) -> String {
        self.device.arg().to_owned()
    }

    fn file_text(&self) -> String {
        self.media.path().to_str().unwrap().to_owned()
    }

    #[track_caller]
    fn expect_unchanged(&self) {
        assert_eq!(self.media.first_change(), None, "{} was written", self.device.arg());
    }

    #[track_caller]
    fn expect_done(&self, record: &Record) {
        record.expect_certificate();
        assert_eq!(record.text("/drive/node"), self.device.arg());
        let left = self.media.leftovers();
        assert_eq!((left.markers, left.blocks), (0, 0));
        assert_eq!(differing(self.device.node(), SIZE, record.last_pattern(), 512), []);
    }
}

/// A drive that takes its time: each transfer answers late until the rule is cleared.
struct Slow {
    bed: FaultBed,
    media: Media,
    _directory: TempDir,
}

impl Slow {
    /// Sixty-four transfers of 1 MiB, at most eight at once, each later by a quarter of a second: two seconds and
    /// more for a pass, and no single answer that keeps a stop waiting.
    #[track_caller]
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let size = 64 << 20;
        let media = Media::make(&directory.path().canonicalize().unwrap(), "slow", size, 512);
        let bed = FaultBed::over(media.path(), 512);
        bed.rule(&format!("write 0 {size} lat:250"));
        Self { bed, media, _directory: directory }
    }

    fn confirm(&self) -> &Path {
        self.bed.device().backing()
    }

    /// Waits until some of it is written.
    #[track_caller]
    fn wait_until_written(&self) {
        wait_for("the drive is written", || self.bed.seen("writes") >= 8);
    }

    #[track_caller]
    fn expect_done(&self, record: &Record) {
        record.expect_certificate();
        assert_eq!(differing(self.media.path(), self.media.size(), record.last_pattern(), 512), []);
    }
}

/// The texts of all journals of a place.
fn journals(expunge: &Expunge) -> Vec<String> {
    let Ok(entries) = fs::read_dir(expunge.state().join("jobs")) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}
