//! An NVMe controller behind an open node: `/dev/nvme0`, `/dev/nvme0n1` or `/dev/ng0n1`.
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use super::channel::{Data, NVME_ENTRY_BYTES, NvmeAnswer, NvmePort};
use crate::sys::nvme::{AdminCommand, AdminData, AdminEnd, admin, namespace_id};
use crate::sys::opal::{self, OpalStatus};

/// An NVMe admin queue through the kernel.
#[derive(Debug)]
pub struct NvmeDevice {
    node: OwnedFd,
}

impl NvmeDevice {
    /// Over an open node. The kernel asks for `CAP_SYS_ADMIN`, and for a node opened for writing where a command
    /// changes something.
    pub const fn new(node: OwnedFd) -> Self {
        Self { node }
    }

    /// The node, for somebody else.
    pub fn into_node(self) -> OwnedFd {
        self.node
    }

    /// Number of the namespace behind the node. It is not the one in the node's name.
    ///
    /// # Errors
    /// `ENOTTY` when the node is that of a controller, or of no NVMe device.
    pub fn namespace_id(&self) -> io::Result<u32> {
        namespace_id(self.node.as_fd())
    }
}

impl NvmePort for NvmeDevice {
    fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, timeout: Duration) -> NvmeAnswer {
        if let Some(answer) = super::property::answer(self.node.as_fd(), entry) {
            return answer;
        }
        let data = match data {
            Data::None => AdminData::None,
            Data::FromDrive(buffer) => AdminData::In(buffer),
            Data::ToDrive(buffer) => AdminData::Out(buffer),
        };
        match admin(self.node.as_fd(), &command(entry, timeout), data) {
            AdminEnd::Completed(result) => NvmeAnswer::Completed { result },
            AdminEnd::Status(field) => NvmeAnswer::Status { field },
            AdminEnd::Errno(errno) => NvmeAnswer::NotCompleted { errno },
        }
    }

    fn kernel_opal(&self) -> Option<OpalStatus> {
        opal::status(self.node.as_fd()).ok()
    }
}

/// What the ioctl takes of an entry. The time is always given: the kernel's default of 60 s ends in a reset of the
/// controller, in the middle of a format.
fn command(entry: &[u8; NVME_ENTRY_BYTES], timeout: Duration) -> AdminCommand {
    let (dwords, _) = entry.as_chunks::<4>();
    let dword = |at: usize| dwords.get(at).copied().map(u32::from_le_bytes).unwrap_or_default();
    AdminCommand {
        opcode: entry[0],
        nsid: dword(1),
        early_dwords: [dword(2), dword(3)],
        dwords: [10, 11, 12, 13, 14, 15].map(dword),
        timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dword_of_an_entry_reaches_its_place() {
        let mut entry = [0; NVME_ENTRY_BYTES];
        for (at, slot) in entry.chunks_exact_mut(4).enumerate() {
            slot[0] = u8::try_from(at).unwrap();
        }
        entry[0] = 0x84;
        let command = command(&entry, Duration::from_millis(90_500));
        assert_eq!((command.opcode, command.nsid, command.early_dwords), (0x84, 1, [2, 3]));
        assert_eq!((command.dwords, command.timeout_ms), ([10, 11, 12, 13, 14, 15], 90_500));
    }

    #[test]
    fn a_time_is_always_given() {
        let entry = [0; NVME_ENTRY_BYTES];
        assert_eq!(command(&entry, Duration::ZERO).timeout_ms, 1, "0 would be the kernel's own");
        assert_eq!(command(&entry, Duration::from_secs(u64::MAX)).timeout_ms, u32::MAX);
    }

    #[test]
    fn a_node_that_is_no_nvme_device_did_not_complete() {
        let mut device = NvmeDevice::new(tempfile::tempfile().unwrap().into());
        let answer = device.admin(&[0; NVME_ENTRY_BYTES], Data::None, Duration::from_secs(1));
        assert_eq!(answer, NvmeAnswer::NotCompleted { errno: 25 });
        assert!(device.namespace_id().is_err());
    }
}
