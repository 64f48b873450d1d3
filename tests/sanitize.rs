//! The main job on loop devices as root, with the real program: what is on the medium afterwards, by other
//! programs' reading, and what the record says about it.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

#[path = "sanitize/inspection.rs"]
mod inspection;
#[path = "sanitize/json.rs"]
mod json;
#[path = "sanitize/media.rs"]
mod media;
#[path = "sanitize/newcomer.rs"]
mod newcomer;
#[path = "sanitize/refusal.rs"]
mod refusal;
#[path = "sanitize/text.rs"]
mod text;
#[path = "sanitize/user.rs"]
mod user;
#[path = "sanitize/verification.rs"]
mod verification;

use std::path::Path;

use common::expected::differing;
use common::{LoopDevice, Media, Record};
use tempfile::TempDir;

/// A loop device over a file of random bytes with markers.
struct Drive {
    // Dropped in this order: the device goes before its file.
    device: LoopDevice,
    media: Media,
    block_size: u32,
    _directory: TempDir,
}

impl Drive {
    #[track_caller]
    fn new(size: u64, block_size: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let media = Media::make(&directory.path().canonicalize().unwrap(), "disk", size, block_size);
        let device = LoopDevice::attach(media.path(), block_size);
        Self { device, media, block_size, _directory: directory }
    }

    fn node(&self) -> &Path {
        self.device.node()
    }

    fn file(&self) -> &Path {
        self.media.path()
    }

    /// Nothing of the original is left in the file beneath the drive, and every byte of the drive is what the
    /// record says of its last pass.
    #[track_caller]
    fn expect_holds(&self, record: &Record) {
        let left = self.media.leftovers();
        assert_eq!((left.markers, left.blocks), (0, 0), "original data is left: {left:?}");
        let wrong = differing(self.node(), self.media.size(), record.last_pattern(), self.block_size);
        assert_eq!(wrong, [], "the drive differs from {}", record.last_pattern());
    }

    #[track_caller]
    fn expect_unchanged(&self) {
        assert_eq!(self.media.first_change(), None, "the medium changed");
    }
}
