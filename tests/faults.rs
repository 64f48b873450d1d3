//! Drives that lie, fail or vanish, on the real kernel path (a loop device over the FUSE fault bed): what the
//! program says about them, and that it never says more than was true.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

#[path = "faults/lies.rs"]
mod lies;
#[path = "faults/medium.rs"]
mod medium;
#[path = "faults/vanish.rs"]
mod vanish;

use std::path::Path;

use common::expected::differing;
use common::{Expunge, FaultBed, Media, Record};
use serde_json::Value;
use tempfile::TempDir;

/// The fault bed over a file of random bytes with markers.
struct Bed {
    // Dropped in this order: the bed goes before its file.
    bed: FaultBed,
    media: Media,
    block_size: u32,
    _directory: TempDir,
}

/// One job on a bed: what the shell, programs and the record are told.
struct Told {
    /// The one object about the drive.
    drive: Value,
    record: Record,
    expunge: Expunge,
}

impl Bed {
    #[track_caller]
    fn new(size: u64, block_size: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let media = Media::make(&directory.path().canonicalize().unwrap(), "medium", size, block_size);
        let bed = FaultBed::over(media.path(), block_size);
        Self { bed, media, block_size, _directory: directory }
    }

    fn blocks(&self) -> u64 {
        self.media.size() / u64::from(self.block_size)
    }

    /// A rule for `count` blocks from `lba` on.
    #[track_caller]
    fn rule(&self, operation: &str, lba: u64, count: u64, action: &str) {
        let size = u64::from(self.block_size);
        self.bed.rule(&format!("{operation} {} {} {action}", lba * size, count * size));
    }

    /// What the kernel names as the backing file.
    fn confirm(&self) -> &Path {
        self.bed.device().backing()
    }

    /// A job that must end with this exit code.
    #[track_caller]
    fn sanitize(&self, more: &[&str], code: i32) -> Told {
        let expunge = Expunge::new();
        let arguments = [&["--json"], more].concat();
        let ran = expunge.overwrite(self.bed.node(), self.confirm(), &arguments).expect_code(code);
        let drive = ran.result()["drives"][0].clone();
        assert_eq!(drive["exit_status"], code);
        let record = Record::only_in(&expunge.out());
        assert_eq!(drive["outcome"], record.text("/outcome"));
        assert_eq!(drive["record"]["path"], record.path.to_str().unwrap());
        Told { drive, record, expunge }
    }

    /// Blocks that do not hold the last pass of the record: what the "drive" really stores, past all rules.
    #[track_caller]
    fn wrong(&self, record: &Record) -> Vec<(u64, u64)> {
        differing(self.media.path(), self.media.size(), record.last_pattern(), self.block_size)
    }
}

impl Told {
    #[track_caller]
    fn expect_failed(&self) {
        self.record.expect_other("failed", "Record of failed sanitization: NOT sanitized", "NOT-SANITIZED");
        assert_eq!((&self.drive["outcome"], &self.drive["verified"]), (&"failed".into(), &false.into()));
        assert!(self.drive["claim"].is_null());
        assert_eq!(self.drive["disposition"], "to-destroy");
        let checked = self.expunge.check(&self.record.path).expect_code(4);
        assert!(checked.stdout.contains("AUTHENTIC, but NOT a certificate"), "{}", checked.stdout);
    }

    fn codes(&self) -> Vec<&str> {
        self.record.codes("/reasons")
    }
}
