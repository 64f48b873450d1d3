//! Drives that lie, fail or vanish, on the real kernel path (a loop device over the FUSE fault bed): what the
//! program says about them, and that it never says more than was true.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]
#![allow(clippy::print_stdout, reason = "what was measured is worth seeing")]

mod common;

#[path = "faults/come_back.rs"]
mod come_back;
#[path = "faults/counterfeit.rs"]
mod counterfeit;
#[path = "faults/errnos.rs"]
mod errnos;
#[path = "faults/flush.rs"]
mod flush;
#[path = "faults/give_up.rs"]
mod give_up;
#[path = "faults/hang.rs"]
mod hang;
#[path = "faults/heat.rs"]
mod heat;
#[path = "faults/lies.rs"]
mod lies;
#[path = "faults/medium.rs"]
mod medium;
#[path = "faults/once.rs"]
mod once;
#[path = "faults/pace.rs"]
mod pace;
#[path = "faults/scattered.rs"]
mod scattered;
#[path = "faults/vanish.rs"]
mod vanish;

use std::fs::File;
use std::path::{Path, PathBuf};

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
        Told::of(&self.bed, more, code)
    }

    /// Blocks that do not hold the last pass of the record: what the "drive" really stores, past all rules.
    #[track_caller]
    fn wrong(&self, record: &Record) -> Vec<(u64, u64)> {
        differing(self.media.path(), self.media.size(), record.last_pattern(), self.block_size)
    }
}

/// The fault bed over a file of nothing: what it does not take up costs neither time nor space, and against a
/// keyed pass a block that was not written shows all the same.
struct Blank {
    // Dropped in this order: the bed goes before its file.
    bed: FaultBed,
    path: PathBuf,
    size: u64,
    _directory: TempDir,
}

impl Blank {
    #[track_caller]
    fn new(size: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("medium");
        File::create_new(&path).unwrap().set_len(size).unwrap();
        let bed = FaultBed::over(&path, 512);
        Self { bed, path, size, _directory: directory }
    }

    const fn blocks(&self) -> u64 {
        self.size / 512
    }

    /// A rule for the whole drive.
    #[track_caller]
    fn rule(&self, operation: &str, action: &str) {
        self.bed.rule(&format!("{operation} 0 {} {action}", self.size));
    }

    /// A job that must end with this exit code.
    #[track_caller]
    fn sanitize(&self, more: &[&str], code: i32) -> Told {
        Told::of(&self.bed, more, code)
    }

    /// What the kernel names as the backing file.
    fn confirm(&self) -> &Path {
        self.bed.device().backing()
    }

    /// Blocks that do not hold the last pass of the record: what the "drive" really stores, past all rules.
    #[track_caller]
    fn wrong(&self, record: &Record) -> Vec<(u64, u64)> {
        differing(&self.path, self.size, record.last_pattern(), 512)
    }
}

/// The number of blocks in ranges.
fn count(ranges: &[(u64, u64)]) -> u64 {
    ranges.iter().map(|(_, count)| count).sum()
}

impl Told {
    /// A job on a bed that must end with this exit code.
    #[track_caller]
    fn of(bed: &FaultBed, more: &[&str], code: i32) -> Self {
        let expunge = Expunge::new();
        let arguments = [&["--json"], more].concat();
        let confirm = bed.device().backing();
        let ran = expunge.overwrite(bed.node(), confirm, &arguments).expect_code(code);
        let drive = ran.result()["drives"][0].clone();
        assert_eq!(drive["exit_status"], code);
        let record = Record::only_in(&expunge.out());
        assert_eq!(drive["outcome"], record.text("/outcome"));
        assert_eq!(drive["record"]["path"], record.path.to_str().unwrap());
        Self { drive, record, expunge }
    }

    #[track_caller]
    fn expect_partial(&self) {
        self.record.expect_other("partial", "Record of incomplete sanitization", "NOT-SANITIZED");
        assert_eq!((&self.drive["outcome"], &self.drive["verified"]), (&"partial".into(), &false.into()));
        assert!(self.drive["claim"].is_null());
        assert_eq!(self.drive["disposition"], "to-destroy");
        self.expunge.check(&self.record.path).expect_code(4);
    }

    /// Of the blocks that were written, all are right in the end. A loop device may report a long write that stopped
    /// at a bad block as whole; what it left out then was found, written again, and is on the record.
    #[track_caller]
    fn expect_all_others_right(&self, written: u64) {
        let mismatched = self.record.ranges("/exceptions/mismatched");
        assert_eq!(self.record.number("/verification/tally/matched"), written - count(&mismatched));
        if mismatched.is_empty() {
            assert!(!self.codes().contains(&"mismatch"), "{:?}", self.codes());
        } else {
            assert_eq!(self.record.ranges("/verification/repair/repaired"), mismatched);
            assert!(self.codes().contains(&"stale-repaired"), "{:?}", self.codes());
        }
    }

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
