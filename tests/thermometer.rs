//! Finding the sensor and the controller of a drive on made-up sysfs trees (`fixtures/sysfs/*.tree`).
#![allow(clippy::unwrap_used, reason = "a failure of the test bed fails the test")]

#[path = "discovery/tree.rs"]
mod tree;

use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use expunge::device::{bus_of, thermometer};
use tree::Tree;

/// One row for each drive of the tree: driver, and reading in millidegrees.
#[test]
fn each_drive_has_the_sensor_that_the_kernel_gives_it() {
    let tree = Tree::new("thermometers");
    let root = tree.root();
    for (name, driver, reading) in [
        ("sda", "drivetemp", 41_000),
        ("sda1", "drivetemp", 41_000),
        ("sdc", "drivetemp", 38_000),
        ("nvme0n1", "nvme", 36_850),
        ("nvme1n1", "nvme", 30_850),
        ("nvme4n1", "nvme", 44_850),
        ("nvme2n1", "nvme", 47_850),
    ] {
        let found = thermometer::find(&root, name).unwrap_or_else(|| panic!("{name} has a sensor"));
        assert_eq!(found.driver.as_deref(), Some(driver), "{name}");
        assert_eq!(found.read().unwrap().millidegrees(), reading, "{name}");
    }
    for name in ["sdb", "sdd", "sde", "sdg", "sdi", "mmcblk0", "nvme5n1", "dm-0", "loop0", "no-such-drive"] {
        assert_eq!(thermometer::find(&root, name), None, "{name}");
    }
    let broken = thermometer::find(&root, "sdj").unwrap();
    let error = broken.read().unwrap_err().to_string();
    assert!(error.contains("hwmon7/temp1_input") && error.contains("-273150 millidegrees"), "{error}");
}

/// The kernel sends an NVMe drive a command when a limit of its sensor is read, and whoever looks for a sensor has nobody
/// who watches: only the name is read. Pipes stand in for a drive that does not answer.
#[test]
fn who_looks_for_a_sensor_does_not_wait_for_the_drive() {
    let tree = Tree::new("thermometers");
    for name in ["sda", "nvme0n1", "nvme1n1"] {
        let before = thermometer::find(&tree.root(), name).unwrap();
        let folder = before.input.parent().unwrap();
        for file in ["temp1_input", "temp1_max", "temp1_crit"].map(|file| folder.join(file)) {
            fs::remove_file(&file).unwrap();
            nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
        let (tell, told) = mpsc::channel();
        let root = tree.root();
        thread::spawn(move || tell.send(thermometer::find(&root, name)));
        let found = told.recv_timeout(Duration::from_secs(10)).expect("it does not wait");
        assert_eq!(found, Some(before), "{name}");
    }
}

#[test]
fn drives_on_one_controller_share_one_text() {
    let tree = Tree::new("thermometers");
    let root = tree.root();
    for (names, bus) in [
        (&["sda", "sda1", "sdb", "sdj"][..], "/sys/devices/pci0000:00/0000:00:17.0"),
        (&["sdc", "sdd"], "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0"),
        (&["sde", "sdf"], "/sys/devices/pci0000:00/0000:00:14.0"),
        (&["sdg", "sdh"], "/sys/devices/platform/soc/98000000.bus/9803f000.sata"),
        (&["sdi"], "/sys/devices/platform/host9"),
        (&["mmcblk0"], "/sys/devices/platform/soc/fe340000.mmc"),
        (&["nvme0n1"], "/sys/devices/pci0000:00/0000:04:00.0"),
        (&["nvme4n1"], "/sys/devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0"),
        (&["nvme2n1"], "/sys/devices/pci0000:00/0000:07:00.0"),
    ] {
        for name in names {
            assert_eq!(bus_of(&root, name).as_deref(), Some(bus), "{name}");
        }
    }
    for name in ["nvme5n1", "dm-0", "loop0", "no-such-drive"] {
        assert_eq!(bus_of(&root, name), None, "{name}");
    }
}

/// The trees that were made for discovery, which know nothing of buses.
#[test]
fn controllers_are_found_on_the_trees_of_discovery() {
    for (tree, name, bus) in [
        ("sas-shelf", "sda", "/sys/devices/pci0000:00/0000:03:00.0"),
        ("sas-shelf", "sdb", "/sys/devices/pci0000:00/0000:03:00.0"),
        ("nvme-two-namespaces", "nvme0n1", "/sys/devices/pci0000:00/0000:04:00.0"),
        ("nvme-two-namespaces", "nvme0n2", "/sys/devices/pci0000:00/0000:04:00.0"),
        ("nvme-two-namespaces", "nvme0c0n1", "/sys/devices/pci0000:00/0000:04:00.0"),
        ("raid-controller", "sda", "/sys/devices/pci0000:00/0000:03:00.0"),
        ("raid-controller", "sdb", "/sys/devices/pci0000:00/0000:05:00.0"),
        ("raid-controller", "vda", "/sys/devices/pci0000:00/0000:00:05.0"),
        ("usb-and-zoned", "sda", "/sys/devices/pci0000:00/0000:00:14.0"),
        ("usb-and-zoned", "sdb", "/sys/devices/pci0000:00/0000:00:1f.2"),
        ("server-root-lvm-md", "sda3", "/sys/devices/pci0000:00/0000:00:1f.2"),
    ] {
        assert_eq!(bus_of(&Tree::new(tree).root(), name).as_deref(), Some(bus), "{tree}: {name}");
    }
    let tree = Tree::new("server-root-lvm-md");
    assert_eq!(bus_of(&tree.root(), "md0"), None, "a volume stands on several drives");
}
