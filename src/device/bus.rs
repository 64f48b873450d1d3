//! What a drive shares with others on its way to the host: the controller that it hangs on.
//!
//! ```text
//!       /sys/devices/CONTROLLER           rest of the path
//! SATA  pci0000:00/0000:00:17.0           ata1/host0/target0:0:0/0:0:0:0   all ports of one AHCI function
//! SAS   pci0000:00/0000:03:00.0           host6/port-6:0/...               all drives of one adapter
//! NVMe  pci0000:00/0000:04:00.0           nvme/nvme0                       one drive, as a rule
//! USB   pci0000:00/0000:00:14.0           usb2/2-1/2-1:1.0/host7/...       all root hubs of one controller
//! else  platform/soc/9803f000.sata        ata1/host0/...                   what the ports hang on
//! ```
//!
//! Switches, expanders and hubs between drive and controller are not looked at: where one of them is narrower than
//! the controller, its drives share more than the answer says.
use std::fs;
use std::path::{Path, PathBuf};

use super::multipath;
use super::root::{SysRoot, file_name};

/// The controller that a drive (or the drive of a partition) hangs on, as a path below `/sys/devices`, the same
/// text for all drives on it. `None` for what has none: loop devices, volumes, drives of a network (NVMe over
/// fabrics), and names that the kernel does not have.
///
/// A drive that several NVMe controllers reach is said to hang on the one with the lowest number, although the
/// kernel may send its transfers by any of them.
pub fn bus_of(root: &SysRoot, kernel_name: &str) -> Option<String> {
    let device = device_folder(root, kernel_name)?;
    let folder = nvme_controllers(root, &device).into_iter().next().unwrap_or(device);
    let inside = folder.strip_prefix(fs::canonicalize(&root.sys).ok()?).ok()?.to_str()?;
    let parts: Vec<&str> = inside.split('/').collect();
    let length = controller(&parts)?;
    Some(format!("/sys/{}", parts.get(..length)?.join("/")))
}

/// The `device` folder of a whole drive, links resolved; `None` for what is no drive of its own.
pub(super) fn device_folder(root: &SysRoot, kernel_name: &str) -> Option<PathBuf> {
    let hardware = multipath::hardware(root, &root.whole(kernel_name));
    fs::canonicalize(root.block_folder(&hardware)?.join("device")).ok()
}

/// Folders of the NVMe controllers that reach a drive, by their numbers: the device folder itself, or under
/// native multipath, where that is the subsystem, what the subsystem links to. Empty for other drives.
pub(super) fn nvme_controllers(root: &SysRoot, device: &Path) -> Vec<PathBuf> {
    let number = |name: &str| name.strip_prefix("nvme")?.parse::<u32>().ok();
    if file_name(device).is_some_and(|name| number(&name).is_some()) {
        return vec![device.to_owned()];
    }
    let names = root.names(device).into_iter();
    let mut numbered: Vec<(u32, String)> = names.filter_map(|name| Some((number(&name)?, name))).collect();
    numbered.sort();
    numbered.into_iter().filter_map(|(_, name)| fs::canonicalize(device.join(name)).ok()).collect()
}

/// How many parts of a path, which begins with `devices`, lead to the controller.
fn controller(parts: &[&str]) -> Option<usize> {
    if parts.get(1) == Some(&"virtual") {
        return None;
    }
    // One USB controller has a root hub for each speed; both hang on it.
    if let Some(hub) = parts.iter().position(|part| is_numbered(part, "usb")) {
        return Some(hub);
    }
    // The last one is the controller, those before it are bridges.
    if let Some(function) = parts.iter().rposition(|part| is_pci_function(part)) {
        return Some(function + 1);
    }
    let is_port = |part: &&str| is_numbered(part, "ata") || is_numbered(part, "host") || *part == "mmc_host";
    let port = parts.iter().position(is_port)?;
    // Below the folder of all platform devices the host is itself the controller (iSCSI in software).
    Some(if parts.get(..port)? == ["devices", "platform"] { port + 1 } else { port })
}

fn is_numbered(part: &str, word: &str) -> bool {
    part.strip_prefix(word).is_some_and(|number| number.parse::<u32>().is_ok())
}

/// `DOMAIN:BUS:DEVICE.FUNCTION` in hexadecimal; the domain has four digits, or more behind Intel VMD.
fn is_pci_function(part: &str) -> bool {
    let hex = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let Some((address, function)) = part.split_once('.') else { return false };
    let address: Vec<&str> = address.split(':').collect();
    matches!(address[..], [domain, bus, device] if hex(domain, 4, 8) && hex(bus, 2, 2) && hex(device, 2, 2))
        && hex(function, 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths as they are seen on machines; the controller is marked by what follows the bar.
    #[test]
    fn the_controller_is_the_last_pci_function_or_what_stands_for_it() {
        for path in [
            "devices/pci0000:00/0000:00:17.0|ata1/host0/target0:0:0/0:0:0:0",
            "devices/pci0000:00/0000:00:01.0/0000:03:00.0|host6/port-6:0/expander-6:0/port-6:0:5/end_device-6:0:5",
            "devices/pci0000:80/0000:80:01.4/0000:81:00.0|nvme/nvme0",
            "devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0|nvme/nvme0",
            "devices/pci0000:00/0000:00:14.0|usb2/2-1/2-1:1.0/host7/target7:0:0/7:0:0:0",
            "devices/platform/soc/xhci-hcd.0.auto|usb1/1-1/1-1:1.0/host0/target0:0:0/0:0:0:0",
            "devices/platform/soc/98000000.bus/9803f000.sata|ata1/host0/target0:0:0/0:0:0:0",
            "devices/platform/soc/fe340000.mmc|mmc_host/mmc0/mmc0:0001",
            "devices/platform/host9|session1/target9:0:0/9:0:0:0",
            "devices/pci0000:00/0000:00:02.0|virtio1",
        ] {
            let (wanted, rest) = path.split_once('|').unwrap();
            let whole = format!("{wanted}/{rest}");
            let parts: Vec<&str> = whole.split('/').collect();
            assert_eq!(controller(&parts).map(|length| parts[..length].join("/")).as_deref(), Some(wanted));
        }
        for path in
            ["devices/virtual/nvme-fabrics/ctl/nvme5", "devices/virtual/block", "devices", "devices/vio/30"]
        {
            assert_eq!(controller(&path.split('/').collect::<Vec<_>>()), None, "{path}");
        }
    }

    #[test]
    fn addresses_of_scsi_and_usb_are_no_pci_functions() {
        for part in ["0000:03:00.0", "10000:e1:00.0", "0001:ff:1f.7"] {
            assert!(is_pci_function(part), "{part}");
        }
        for part in ["0:0:0:0", "2-1:1.0", "9803f000.sata", "pci0000:00", "0000:03:00", "0000:03:00.0.1", ""]
        {
            assert!(!is_pci_function(part), "{part}");
        }
    }
}
