//! A SCSI logical unit behind an open node, by `SG_IO`.
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use super::{Data, ScsiAnswer, ScsiPort};
use crate::sys::opal::{self, OpalStatus};
use crate::sys::sg::{self, Reply, Transfer};

/// `driver_status` flag: sense data is there. It is set for every sense, also for one that reports success.
const DRIVER_SENSE: u16 = 0x08;

/// Values of `host_status` by which kernels before 6.x repeat what the target said (target, nexus, allocation and
/// medium failure; include/scsi/scsi_status.h, from memory): with a status of the target they are no failure of the
/// way to it.
const HOST_REPEATS_TARGET: std::ops::RangeInclusive<u16> = 0x10..=0x13;

/// A logical unit behind an open block device or SCSI generic node. Commands that change something need a node
/// that is open for writing.
#[derive(Debug)]
pub struct ScsiDevice {
    node: OwnedFd,
}

impl ScsiDevice {
    /// Over an open node.
    pub const fn new(node: OwnedFd) -> Self {
        Self { node }
    }
}

impl ScsiPort for ScsiDevice {
    fn execute(&mut self, block: &[u8], data: Data<'_>, timeout: Duration) -> ScsiAnswer {
        let transfer = match data {
            Data::None => Transfer::None,
            Data::FromDrive(buffer) => Transfer::From(buffer),
            Data::ToDrive(bytes) => Transfer::To(bytes),
        };
        // The kernel reads zero as "its default"; a time that does not fit is as long as can be said.
        let millis = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX - 1).max(1);
        match sg::execute(self.node.as_fd(), block, transfer, millis) {
            Ok(reply) => answer(reply),
            // Every error of an ioctl has a number; one that had none would be an I/O error.
            Err(error) => ScsiAnswer::NotCompleted { errno: error.raw_os_error().unwrap_or(libc::EIO) },
        }
    }

    fn kernel_opal(&self) -> Option<OpalStatus> {
        opal::status(self.node.as_fd()).ok()
    }
}

fn answer(reply: Reply) -> ScsiAnswer {
    let driver = reply.driver & !DRIVER_SENSE;
    let repeats = reply.status != 0 && HOST_REPEATS_TARGET.contains(&reply.host);
    if (reply.host != 0 && !repeats) || driver != 0 {
        return ScsiAnswer::Transport { host: reply.host, driver };
    }
    ScsiAnswer::Answered { status: reply.status, sense: reply.sense, moved: reply.moved }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u8, host: u16, driver: u16) -> Reply {
        Reply { status, host, driver, moved: 0, sense: vec![0x72, 0x01, 0x00, 0x1d] }
    }

    #[test]
    fn sense_is_no_failure_of_the_driver() {
        let told = answer(reply(0x02, 0, 0x08));
        assert_eq!(
            told,
            ScsiAnswer::Answered { status: 0x02, sense: vec![0x72, 0x01, 0x00, 0x1d], moved: 0 }
        );
    }

    #[test]
    fn a_timeout_and_a_driver_error_are_failures_of_the_transport() {
        assert_eq!(answer(reply(0, 0x03, 0)), ScsiAnswer::Transport { host: 3, driver: 0 });
        assert_eq!(answer(reply(2, 0, 0x0e)), ScsiAnswer::Transport { host: 0, driver: 6 });
        assert_eq!(answer(reply(0, 0x11, 0)), ScsiAnswer::Transport { host: 0x11, driver: 0 });
    }

    #[test]
    fn a_host_that_repeats_the_targets_status_does_not_hide_it() {
        let told = answer(reply(0x18, 0x11, 0));
        assert!(matches!(told, ScsiAnswer::Answered { status: 0x18, .. }), "{told:?}");
    }

    #[test]
    fn a_node_without_scsi_says_so() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let mut device = ScsiDevice::new(null.into());
        let told = device.execute(&[0; 6], Data::None, Duration::from_secs(1));
        assert_eq!(told, ScsiAnswer::NotCompleted { errno: 25 });
    }
}
