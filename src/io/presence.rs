//! Whether the drive behind a descriptor is still the one that was opened. Nothing here touches its medium, so
//! nothing here can hang with it.
use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::PathBuf;

use super::Presence;
use super::disk::size_of;
use crate::sys::{ioctl, stat};

/// States in which the kernel sends nothing more to a drive: SCSI (`scsi_device_state`: also while it is being
/// removed) and NVMe controllers.
const DEAD_STATES: [&str; 6] =
    ["offline", "transport-offline", "deleting", "cancel", "dead", "deleting (no IO)"];

/// What was known of the attachment when the drive was opened.
#[derive(Debug)]
pub(super) struct Sentry {
    /// Folder of the device in sysfs; `None` for a plain file.
    folder: Option<PathBuf>,
    diskseq: Option<u64>,
}

impl Sentry {
    pub(super) fn new(file: &OwnedFd) -> Self {
        let device = stat::attributes(&PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))).ok();
        let folder = device
            .filter(|found| found.file_type == stat::FileType::Block)
            .map(|found| PathBuf::from(format!("/sys/dev/block/{}:{}", found.device.0, found.device.1)));
        Self { folder, diskseq: ioctl::diskseq(file.as_fd()).ok() }
    }

    /// See [`super::BlockRead::presence`].
    pub(super) fn presence(&self, file: &OwnedFd, bytes: u64) -> Presence {
        if !size_of(file).is_ok_and(|now| now >= bytes) {
            return Presence::Gone;
        }
        let Some(folder) = &self.folder else { return Presence::Here };
        // The ioctl asks the open device itself; a new attachment of the same node has another number.
        let now = ioctl::diskseq(file.as_fd()).ok();
        if self.diskseq.is_some() && now != self.diskseq {
            return Presence::Another;
        }
        if folder.read_link().is_err() {
            return Presence::Gone;
        }
        let state = fs::read_to_string(folder.join("device/state")).unwrap_or_default();
        if DEAD_STATES.contains(&state.trim()) { Presence::Gone } else { Presence::Here }
    }
}
