//! Everything known about one drive, and where each fact came from.
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Capability, Content, Identity};
use crate::unit::term::DriveKind;
use crate::unit::{Geometry, Reason, ZoneMap};

/// Major and minor number of a device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceNumber {
    /// Major number: the driver.
    pub major: u32,
    /// Minor number: the device or partition.
    pub minor: u32,
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// Whether and how a drive is divided into zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Zoned {
    /// No zones, or zones that the drive hides.
    None,
    /// Zones that may be written anywhere (host-aware).
    HostAware,
    /// Zones that must be written in sequence (host-managed).
    HostManaged,
}

/// Limits of the block layer's queue for this drive. Zero means not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct QueueLimits {
    /// Largest request the kernel sends to the drive, in bytes.
    pub max_transfer_bytes: u64,
    /// The drive's preferred transfer size, in bytes.
    pub optimal_transfer_bytes: u64,
    /// Requests the kernel queues for it.
    pub requests: u32,
}

/// Whether the drive's blocks can be addressed at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// It has blocks that can be read and written.
    Addressable(Geometry),
    /// It has blocks that the kernel does not present (520 or 528 bytes): they are read and written by SCSI commands
    /// through its node.
    ByCommand(Geometry),
    /// Dead: no capacity, or a format that cannot be addressed here. It is unsanitizable, not refused.
    Dead(Reason),
}

/// One fact as shown by `inspect`: what it is called, its value, and where it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// Name of the fact, in plain words.
    pub name: String,
    /// Its value as text.
    pub value: String,
    /// The sysfs attribute, ioctl or page it came from.
    pub source: String,
}

/// Everything that planning needs to know about one drive. Serializable, because the plan's digest and the
/// record cover it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DriveFacts {
    /// The node or file, as an absolute path without links.
    pub node: PathBuf,
    /// The kernel's name (`sda`, `nvme0n1`, `loop3`); the file name for a plain file.
    pub kernel_name: String,
    /// Device number; `None` for a plain file.
    pub device: Option<DeviceNumber>,
    /// Number of this attachment, which no other drive at the same node has; `None` where the kernel has none.
    pub diskseq: Option<u64>,
    /// Who it is.
    pub identity: Identity,
    /// What it is.
    pub kind: DriveKind,
    /// How it is attached (`sata`, `sas`, `nvme`, `usb`, `loop`, `file`, ...), where known.
    pub transport: Option<String>,
    /// Enclosure slot, else the path by which it is attached.
    pub bay: Option<String>,
    /// Its blocks, or why it has none.
    pub reach: Reach,
    /// Limits of its queue.
    pub queue: QueueLimits,
    /// Whether it has zones, as the kernel says.
    pub zoned: Zoned,
    /// Its zones, where they must be written in sequence; `None` where there are none, or the drive was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zones: Option<ZoneMap>,
    /// Read-only by the drive or by its node.
    pub read_only: bool,
    /// Removable medium, such as a USB stick or a memory card.
    pub removable: bool,
    /// Kernel names of other units (namespaces, logical units) of the same drive.
    pub other_units: Vec<String>,
    /// Kernel names of other nodes that lead to this very unit (multipath), all of which are one drive.
    pub other_paths: Vec<String>,
    /// What lies on it; empty when it was not looked at.
    pub content: Vec<Content>,
    /// What it says that it can do to itself; `None` when it was not asked or has no such commands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<Box<Capability>>,
}

impl DriveFacts {
    /// Shape of the drive when it can be addressed.
    pub const fn geometry(&self) -> Option<&Geometry> {
        match &self.reach {
            Reach::Addressable(geometry) | Reach::ByCommand(geometry) => Some(geometry),
            Reach::Dead(_) => None,
        }
    }

    /// What `--confirm` must repeat; `None` when nothing identifies the drive.
    pub fn confirm_text(&self) -> Option<String> {
        self.identity.confirm_text(!self.other_units.is_empty())
    }

    /// How messages call this drive: node and serial number, or the file.
    pub fn title(&self) -> String {
        let node = self.node.display();
        match &self.identity.backing {
            Some(backing) if backing.path == self.node => format!("{node}"),
            Some(backing) => format!("{node} (backed by {})", backing.path.display()),
            None => format!("{node} (serial {})", self.identity.short()),
        }
    }
}
