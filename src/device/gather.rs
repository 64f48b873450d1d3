//! Facts about one device from sysfs alone: nothing is opened, and no attribute read here asks the drive.
use std::fs;
use std::path::{Path, PathBuf};

use super::classify::{self, Attachment, Signs};
use super::identity::BackingFile;
use super::root::{SysRoot, file_name};
use super::{DriveFacts, Identity, QueueLimits, Reach, multipath, sysfs};
use crate::sys::stat;
use crate::unit::{BlockCount, BlockSize, Geometry, Reason, ReasonCode};

/// Unit of `size` in sysfs, whatever the block size of the drive is (Documentation/ABI/stable/sysfs-block).
const SIZE_UNIT: u64 = 512;

/// Facts of the whole device `name`; `None` when the kernel does not have it (any more). Those of a multipath map are
/// the map's own about the node, and its paths' about the drive; a map that does not stand for one drive has no identity.
pub fn drive_facts(root: &SysRoot, name: &str) -> Option<DriveFacts> {
    let own = device_facts(root, name)?;
    if !multipath::is_map(root, name) {
        return Some(own);
    }
    let Ok(paths) = multipath::paths(root, name) else { return Some(own) };
    let bay = paths.iter().find_map(|path| path.bay.clone());
    let first = paths.into_iter().next()?;
    Some(DriveFacts {
        identity: first.identity,
        kind: first.kind,
        transport: first.transport,
        removable: first.removable,
        bay,
        read_only: own.read_only || first.read_only,
        ..own
    })
}

fn device_facts(root: &SysRoot, name: &str) -> Option<DriveFacts> {
    let folder = root.block_folder(name)?;
    let device = fs::canonicalize(folder.join("device")).unwrap_or_else(|_| folder.join("device"));
    let nvme = nvme_controller_text(root, &device, "transport");
    let card = root.text(&device.join("type"));
    let host = host_driver(root, &device);
    let attachment = Attachment { nvme: nvme.as_deref(), card: card.as_deref(), host: host.as_deref() };
    let transport = classify::transport(name, &device.to_string_lossy(), attachment);
    let mut identity = identity(root, name, &folder, &device);
    identity.bridged = transport.as_deref() == Some("usb");
    let raid_level = root.text(&device.join("raid_level"));
    let kind = classify::kind(&Signs {
        name,
        vendor: identity.vendor.as_deref().unwrap_or_default(),
        model: identity.model.as_deref().unwrap_or_default(),
        transport: transport.as_deref(),
        rotational: root.number(&folder.join("queue/rotational")),
        rotation: sysfs::rotation(&fs::read(device.join("vpd_pgb1")).unwrap_or_default()),
        raid_level: raid_level.as_deref(),
    });
    let queue = |attribute: &str| root.number(&folder.join("queue").join(attribute)).unwrap_or(0);
    Some(DriveFacts {
        node: PathBuf::from("/dev").join(name.replace('!', "/")),
        kernel_name: name.to_owned(),
        device: root.number_of(name),
        diskseq: root.number(&folder.join("diskseq")),
        identity,
        kind,
        transport,
        bay: bay(root, name, &device),
        reach: reach(
            root.number(&folder.join("size")).unwrap_or(0).saturating_mul(SIZE_UNIT),
            queue("logical_block_size"),
            queue("physical_block_size"),
        ),
        queue: QueueLimits {
            max_transfer_bytes: queue("max_sectors_kb").saturating_mul(1024),
            optimal_transfer_bytes: queue("optimal_io_size"),
            requests: u32::try_from(queue("nr_requests")).unwrap_or(u32::MAX),
        },
        zoned: sysfs::zoned(root.text(&folder.join("queue/zoned")).as_deref()),
        zones: None,
        read_only: root.number(&folder.join("ro")) == Some(1),
        removable: root.number(&folder.join("removable")) == Some(1),
        other_units: Vec::new(),
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: None,
    })
}

/// Blocks from a size and block sizes in bytes, or why there are none.
pub fn reach(bytes: u64, logical: u64, physical: u64) -> Reach {
    if bytes == 0 {
        return Reach::Dead(Reason::new(
            ReasonCode::NoCapacity,
            "the kernel shows no capacity: the drive is dead, has no medium, or has blocks of 520 or 528 bytes",
            "Ask the drive itself: expunge inspect. Blocks of 520 or 528 bytes are reached by SCSI commands; a drive that              tells no capacity of its own either is to be reseated, or destroyed",
        ));
    }
    let size = |bytes: u64| {
        let size = u32::try_from(bytes).ok().and_then(|bytes| BlockSize::new(bytes).ok());
        size.filter(|size| size.is_power_of_two())
    };
    match size(logical) {
        Some(block_size) if bytes.is_multiple_of(block_size.bytes_u64()) => Reach::Addressable(Geometry {
            block_size,
            // A drive that gives no physical size, or nonsense, is taken to have none larger.
            physical_block_size: size(physical).map_or(block_size, |physical| physical.max(block_size)),
            capacity: BlockCount(bytes / block_size.bytes_u64()),
        }),
        _ => Reach::Dead(Reason::new(
            ReasonCode::UnsupportedFormat,
            format!("the drive has blocks of {logical} bytes, which cannot be addressed here"),
            "Reformat it to 512 or 4096 bytes if it is healthy (sg_format), else destroy it",
        )),
    }
}

fn identity(root: &SysRoot, name: &str, folder: &Path, device: &Path) -> Identity {
    let text = |path: PathBuf| root.text(&path);
    let nvme = name.starts_with("nvme");
    let wwid = text(folder.join("wwid")).or_else(|| text(device.join("wwid")));
    let serial = if nvme {
        nvme_controller_text(root, device, "serial")
    } else {
        let page = fs::read(device.join("vpd_pg80")).unwrap_or_default();
        sysfs::unit_serial(&page)
            .or_else(|| text(folder.join("serial")))
            .or_else(|| text(device.join("serial")))
            .or_else(|| wwid.as_deref().and_then(sysfs::serial_of_t10))
    };
    let firmware = ["firmware_rev", "rev", "fwrev"].iter().find_map(|attribute| text(device.join(attribute)));
    Identity {
        vendor: text(device.join("vendor")).filter(|vendor| !vendor.starts_with("0x")),
        model: text(device.join("model"))
            .or_else(|| text(device.join("name")).filter(|_| name.starts_with("mmc"))),
        serial: serial.filter(|serial| !sysfs::is_placeholder(serial)),
        wwn: wwid.filter(|wwid| !wwid.ends_with("0000000000000000")),
        // The kernel writes this one with spaces between the bytes.
        eui64: text(folder.join("eui"))
            .map(|eui| eui.replace(' ', ""))
            .filter(|eui| !sysfs::is_placeholder(eui)),
        nguid: text(folder.join("nguid")).filter(|nguid| !sysfs::is_placeholder(&nguid.replace('-', ""))),
        firmware,
        nsid: root.number(&folder.join("nsid")).and_then(|nsid| u32::try_from(nsid).ok()).filter(|_| nvme),
        backing: backing(root, &folder.join("loop/backing_file")),
        bridged: false,
    }
}

/// An attribute of an NVMe controller; with multipath the namespace hangs below the subsystem, which has the
/// identity, while the transport is known to its controllers only.
fn nvme_controller_text(root: &SysRoot, device: &Path, attribute: &str) -> Option<String> {
    root.text(&device.join(attribute)).or_else(|| {
        let names = root.names(device);
        let controllers = names.iter().filter(|name| name.starts_with("nvme"));
        controllers.map(|name| device.join(name).join(attribute)).find_map(|path| root.text(&path))
    })
}

/// The driver of the SCSI host that a device hangs on.
fn host_driver(root: &SysRoot, device: &Path) -> Option<String> {
    let is_host = |name: &str| name.strip_prefix("host").is_some_and(|number| number.parse::<u32>().is_ok());
    let host = device.ancestors().find(|folder| file_name(folder).is_some_and(|name| is_host(&name)))?;
    root.text(&host.join("scsi_host").join(host.file_name()?).join("proc_name"))
}

fn backing(root: &SysRoot, attribute: &Path) -> Option<BackingFile> {
    let path = PathBuf::from(root.text(attribute)?);
    let unknown = || "unknown".to_owned();
    let looked = root.is_host() && root.may_be_looked_at(&path);
    let found = looked.then(|| stat::attributes(&path).ok()).flatten();
    Some(BackingFile {
        filesystem: found
            .map_or_else(unknown, |found| format!("{}:{}", found.filesystem.0, found.filesystem.1)),
        inode: found.map_or_else(unknown, |found| found.inode.to_string()),
        path,
    })
}

/// Enclosure slot by SES, else the path that udev names.
fn bay(root: &SysRoot, name: &str, device: &Path) -> Option<String> {
    let slot = root.names(device).into_iter().find_map(|link| {
        let slot = link.strip_prefix("enclosure_device:")?.to_owned();
        let target = fs::canonicalize(device.join(&link)).ok()?;
        Some(format!("enclosure {} {slot}", file_name(target.parent()?)?))
    });
    slot.or_else(|| {
        let folder = root.dev.join("disk/by-path");
        root.names(&folder).into_iter().find(|link| {
            fs::read_link(folder.join(link)).ok().and_then(|to| file_name(&to)).as_deref() == Some(name)
        })
    })
}
