//! The ports over which a drive is given commands of its own: an NVMe admin queue, or SCSI command blocks. ATA
//! commands travel inside SCSI ones (SAT), TCG ones inside either. A real device and a simulated controller both
//! stand behind these traits.
//!
//! An answer says what came back and nothing of what it means: that a *status read* went well is not that the
//! drive is well (firmware-purge facts, rule 3), so meaning is given to these bytes by `command` alone.
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{NvmeDevice, ScsiDevice};
use crate::sys::opal::OpalStatus;

/// Bytes of an NVMe submission queue entry.
pub const NVME_ENTRY_BYTES: usize = 64;

/// The data phase of a command.
#[derive(Debug)]
pub enum Data<'a> {
    /// None.
    None,
    /// The drive sends; what it does not fill stays as it was.
    FromDrive(&'a mut [u8]),
    /// The drive receives.
    ToDrive(&'a [u8]),
}

/// What came back for an NVMe admin command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum NvmeAnswer {
    /// Completed with status zero.
    Completed {
        /// Dword 0 of the completion.
        result: u32,
    },
    /// Completed with this status field: SC in bits 7:0, SCT in 10:8, DNR in 14, without the phase tag.
    Status {
        /// The field.
        field: u16,
    },
    /// The kernel did not complete it: whether the drive got it is not known.
    NotCompleted {
        /// Why.
        errno: i32,
    },
}

/// An NVMe admin queue.
pub trait NvmePort: Send {
    /// Sends the command of a submission queue entry (64 bytes as in the NVMe base specification; command
    /// identifier and data pointer are the port's affair) and waits for its completion, at most `timeout`.
    fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, timeout: Duration) -> NvmeAnswer;

    /// What the kernel's TCG driver reads of the drive; `None` where it has none for it.
    fn kernel_opal(&self) -> Option<OpalStatus> {
        None
    }
}

/// What came back for a SCSI command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScsiAnswer {
    /// The target answered.
    Answered {
        /// SCSI status byte (SAM): 00h GOOD, 02h CHECK CONDITION, 08h BUSY, 18h RESERVATION CONFLICT, ...
        status: u8,
        /// Sense data, as many bytes as came; empty when none did.
        sense: Vec<u8>,
        /// Bytes that the data phase moved.
        moved: u32,
    },
    /// The host adapter or its driver failed: whether the drive got it is not known.
    Transport {
        /// `host_status` of `sg_io_hdr`.
        host: u16,
        /// `driver_status` of `sg_io_hdr`, without the flag that sense is present (08h).
        driver: u16,
    },
    /// The kernel did not complete it.
    NotCompleted {
        /// Why.
        errno: i32,
    },
}

/// A way to a SCSI logical unit.
pub trait ScsiPort: Send {
    /// Sends a command block (6, 10, 12 or 16 bytes) and waits for its end, at most `timeout`.
    fn execute(&mut self, block: &[u8], data: Data<'_>, timeout: Duration) -> ScsiAnswer;

    /// Lets time pass before a command is sent again. Simulated units have a time of their own.
    fn rest(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    /// What the kernel's TCG driver reads of the drive; `None` where it has none for it.
    fn kernel_opal(&self) -> Option<OpalStatus> {
        None
    }
}

/// The way to give a drive commands of its own.
pub enum Channel {
    /// To an NVMe controller.
    Nvme(Box<dyn NvmePort>),
    /// To a SCSI logical unit, or an ATA drive behind a translation layer.
    Scsi(Box<dyn ScsiPort>),
}

impl Channel {
    /// What the kernel's TCG driver reads of the drive; `None` where it has none for it.
    pub fn kernel_opal(&self) -> Option<OpalStatus> {
        match self {
            Self::Nvme(port) => port.kernel_opal(),
            Self::Scsi(port) => port.kernel_opal(),
        }
    }
}

/// A way to a drive, and for which namespace of it the node stands.
#[derive(Debug)]
pub struct Route {
    /// The way.
    pub channel: Channel,
    /// Number of the namespace, asked of the kernel: the one in the node's name is another. `None` for SCSI.
    pub nsid: Option<u32>,
}

/// INQUIRY for 36 bytes (SPC): any logical unit answers it, whatever state it is in.
const INQUIRY: [u8; 6] = [0x12, 0, 0, 0, 36, 0];

/// How long an INQUIRY may take.
const INQUIRY_TIMEOUT: Duration = Duration::from_secs(20);

/// The way to the drive behind an open node. What the node is called plays no part: its driver is asked which
/// commands it takes. `None` when it takes none (loop devices, virtual disks).
///
/// # Errors
/// When the driver takes SCSI commands and the unit does not answer the simplest of them.
pub fn open(node: OwnedFd) -> io::Result<Option<Route>> {
    let nvme = NvmeDevice::new(node);
    if let Ok(nsid) = nvme.namespace_id() {
        return Ok(Some(Route { channel: Channel::Nvme(Box::new(nvme)), nsid: Some(nsid) }));
    }
    let mut scsi = ScsiDevice::new(nvme.into_node());
    let mut answer = [0; 36];
    match scsi.execute(&INQUIRY, Data::FromDrive(&mut answer), INQUIRY_TIMEOUT) {
        ScsiAnswer::Answered { .. } => Ok(Some(Route { channel: Channel::Scsi(Box::new(scsi)), nsid: None })),
        ScsiAnswer::NotCompleted { errno: libc::ENOTTY | libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS } => {
            Ok(None)
        }
        ScsiAnswer::NotCompleted { errno } => Err(io::Error::from_raw_os_error(errno)),
        ScsiAnswer::Transport { host, driver } => Err(io::Error::other(format!(
            "INQUIRY failed on the way (host status {host:02x}h, driver status {driver:02x}h)"
        ))),
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nvme(_) => "Channel::Nvme",
            Self::Scsi(_) => "Channel::Scsi",
        })
    }
}
