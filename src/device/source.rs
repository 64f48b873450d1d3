//! Facts one by one with the attribute, ioctl or page each came from, for `inspect`.
mod own;

use super::root::SysRoot;
use super::{DriveFacts, Fact, Reach, Zoned, multipath};
use crate::unit::term::word;
use crate::unit::{Geometry, ZoneMap};

pub use own::own;

/// Runs of zones that are listed one by one.
const ZONE_RUNS_SHOWN: usize = 16;

/// Where the shape of the drive was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// From the opened descriptor.
    Opened,
    /// From sysfs alone.
    Listed,
}

struct Facts(Vec<Fact>);

impl Facts {
    fn add(&mut self, name: &str, value: impl Into<String>, source: impl Into<String>) {
        self.0.push(Fact { name: name.to_owned(), value: value.into(), source: source.into() });
    }

    fn add_known(&mut self, name: &str, value: Option<&String>, source: impl Into<String>) {
        if let Some(value) = value {
            self.add(name, value.as_str(), source);
        }
    }
}

/// Facts of a block device.
pub fn of_node(root: &SysRoot, facts: &DriveFacts, shape: Shape) -> Vec<Fact> {
    let mut list = Facts(Vec::new());
    let sys = format!("/sys/block/{}", facts.kernel_name);
    let at = |attribute: &str| format!("{sys}/{attribute}");
    let hardware = multipath::hardware(root, &facts.kernel_name);
    let at_hardware = |attribute: &str| format!("/sys/block/{hardware}/{attribute}");
    if let Some(device) = facts.device {
        list.add("device number", device.to_string(), at("dev"));
    }
    if let Some(diskseq) = facts.diskseq {
        let source = match shape {
            Shape::Opened => "BLKGETDISKSEQ".to_owned(),
            Shape::Listed => at("diskseq"),
        };
        list.add("attachment", diskseq.to_string(), source);
    }
    identity(root, facts, &hardware, &mut list);
    let kind = "name, transport, queue/rotational, VPD page B1h";
    list.add("kind", word(facts.kind), kind);
    list.add_known("transport", facts.transport.as_ref(), format!("path of {}", at_hardware("device")));
    let by = facts.bay.as_deref().is_some_and(|bay| bay.starts_with("enclosure "));
    let source = if by { at_hardware("device/enclosure_device:*") } else { "/dev/disk/by-path".to_owned() };
    list.add_known("bay", facts.bay.as_ref(), source);
    shape_facts(facts, shape, &mut list, &at);
    let queue = &facts.queue;
    list.add("largest transfer", queue.max_transfer_bytes.to_string(), at("queue/max_sectors_kb"));
    list.add("preferred transfer", queue.optimal_transfer_bytes.to_string(), at("queue/optimal_io_size"));
    list.add("queued requests", queue.requests.to_string(), at("queue/nr_requests"));
    let zoned = match facts.zoned {
        Zoned::HostAware => "host-aware: takes writes anywhere, and is overwritten as any drive".to_owned(),
        Zoned::None | Zoned::HostManaged => word(facts.zoned),
    };
    list.add("zoned", zoned, at("queue/zoned"));
    list.add("removable", yes_or_no(facts.removable), at("removable"));
    for name in &facts.other_paths {
        list.add("other path", name.as_str(), "same serial number and world wide name");
    }
    for name in &facts.other_units {
        list.add("other unit", name.as_str(), "same serial number and model, another unit");
    }
    let state = root.block_folder(&hardware).and_then(|folder| root.text(&folder.join("device/state")));
    list.add_known("state", state.as_ref(), at_hardware("device/state"));
    list.0
}

fn identity(root: &SysRoot, facts: &DriveFacts, hardware: &str, list: &mut Facts) {
    let identity = &facts.identity;
    let at = |attribute: &str| format!("/sys/block/{hardware}/{attribute}");
    let folder = root.block_folder(hardware).unwrap_or_default();
    let first = |attributes: &[&str]| {
        let present = attributes.iter().find(|attribute| folder.join(attribute).exists());
        present.map_or_else(|| at("device"), |attribute| at(attribute))
    };
    list.add_known("vendor", identity.vendor.as_ref(), at("device/vendor"));
    list.add_known("model", identity.model.as_ref(), first(&["device/model", "device/name"]));
    let serial = first(&["device/vpd_pg80", "serial", "device/serial", "wwid", "device/wwid"]);
    let serial = if identity.bridged { format!("{serial}, through a USB bridge") } else { serial };
    list.add_known("serial", identity.serial.as_ref(), serial);
    list.add_known("wwn", identity.wwn.as_ref(), first(&["wwid", "device/wwid"]));
    list.add_known("eui64", identity.eui64.as_ref(), at("eui"));
    list.add_known("nguid", identity.nguid.as_ref(), at("nguid"));
    list.add_known("namespace", identity.nsid.map(|nsid| nsid.to_string()).as_ref(), at("nsid"));
    let firmware = first(&["device/firmware_rev", "device/rev", "device/fwrev"]);
    list.add_known("firmware", identity.firmware.as_ref(), firmware);
    if let Some(backing) = &identity.backing {
        list.add("backing file", backing.path.display().to_string(), at("loop/backing_file"));
        let value = format!("inode {} on {}", backing.inode, backing.filesystem);
        list.add("backing inode", value, "LOOP_GET_STATUS64");
    }
}

fn shape_facts(facts: &DriveFacts, shape: Shape, list: &mut Facts, at: &impl Fn(&str) -> String) {
    let source = |ioctl: &str, attribute: &str| match shape {
        Shape::Opened => ioctl.to_owned(),
        Shape::Listed => at(attribute),
    };
    match &facts.reach {
        Reach::Addressable(geometry) => {
            list.add("size", geometry.bytes().to_string(), source("BLKGETSIZE64", "size"));
            let block = geometry.block_size.to_string();
            list.add("logical block", block, source("BLKSSZGET", "queue/logical_block_size"));
            let physical = geometry.physical_block_size.to_string();
            list.add("physical block", physical, source("BLKPBSZGET", "queue/physical_block_size"));
        }
        Reach::ByCommand(geometry) => {
            by_command(geometry, list);
        }
        Reach::Dead(reason) => list.add("size", reason.text.as_str(), source("BLKGETSIZE64", "size")),
    }
    list.add("read-only", yes_or_no(facts.read_only), source("BLKROGET", "ro"));
}

fn by_command(geometry: &Geometry, list: &mut Facts) {
    let source = "READ CAPACITY(16)";
    list.add("size", geometry.bytes().to_string(), source);
    list.add("logical block", geometry.block_size.to_string(), source);
    let how = "by READ(16) and WRITE(16) alone: the kernel presents none of them";
    list.add("blocks reached", how, "BLKGETSIZE64 and READ CAPACITY(16)");
}

/// Facts of the blocks of a drive that only commands reach; none of any other drive.
pub fn of_command_blocks(facts: &DriveFacts) -> Vec<Fact> {
    let mut list = Facts(Vec::new());
    if let Reach::ByCommand(geometry) = &facts.reach {
        by_command(geometry, &mut list);
    }
    list.0
}

const fn yes_or_no(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

/// The zones, one fact for each run of zones that are alike, so that those which cannot be written stand out.
pub fn zones(facts: &DriveFacts) -> Vec<Fact> {
    let mut list = Facts(Vec::new());
    for run in facts.zones.iter().flat_map(ZoneMap::runs).take(ZONE_RUNS_SHOWN) {
        let cells = if run.capacity < run.length {
            format!(", {} of them with cells", run.capacity)
        } else {
            String::new()
        };
        let value = format!(
            "{} from LBA {}, each of {} blocks{cells}: {}, {}",
            run.zones,
            run.first,
            run.length,
            word(run.kind),
            word(run.access)
        );
        list.add("zones", value, "BLKREPORTZONE");
    }
    let more = facts.zones.as_ref().map_or(0, |zones| zones.runs().len().saturating_sub(ZONE_RUNS_SHOWN));
    if more > 0 {
        list.add("zones", format!("{more} more runs of zones"), "BLKREPORTZONE");
    }
    list.0
}

/// Facts of a plain file.
pub fn of_file(facts: &DriveFacts) -> Vec<Fact> {
    let mut list = Facts(Vec::new());
    list.add("kind", word(facts.kind), "a plain file");
    match &facts.reach {
        Reach::Addressable(geometry) | Reach::ByCommand(geometry) => {
            list.add("size", geometry.bytes().to_string(), "statx");
        }
        Reach::Dead(reason) => list.add("size", reason.text.as_str(), "statx"),
    }
    if let Some(backing) = &facts.identity.backing {
        list.add("inode", format!("{} on {}", backing.inode, backing.filesystem), "statx");
    }
    list.0
}

/// Facts of a drive of which only a capture is here.
pub fn of_capture(facts: &DriveFacts) -> Vec<Fact> {
    let mut list = Facts(Vec::new());
    let identity = &facts.identity;
    list.add_known("vendor", identity.vendor.as_ref(), "capture");
    list.add_known("model", identity.model.as_ref(), "capture");
    list.add_known("firmware", identity.firmware.as_ref(), "capture");
    list.add("kind", word(facts.kind), "capture");
    list.add_known("transport", facts.transport.as_ref(), "capture");
    if let Some(geometry) = facts.geometry() {
        list.add("size", geometry.bytes().to_string(), "capture");
        list.add("logical block", geometry.block_size.to_string(), "capture");
    }
    list.add("zoned", word(facts.zoned), "capture");
    list.0.extend(own(facts));
    list.0
}

/// What lies on it.
pub fn content(facts: &DriveFacts) -> Vec<Fact> {
    let mut list = Facts(Vec::new());
    for content in &facts.content {
        list.add("content", content.to_string(), format!("signature at byte {}", content.offset));
    }
    list.0
}
