//! Cycling the power of a drive's bay, on a made-up shelf: only the slot that says that it holds this drive, only when
//! nothing uses the drive, and never left without power where that can be helped.
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use expunge::device::DriveFacts;
use expunge::device::bay::{BY_HAND, Slot, slot_to_cycle, switch_off, switch_on};
use expunge::device::discover::facts_with_siblings;

use super::*;

const SLOT: &str = "sys/devices/shelf/enclosure/6:0:12:0/Slot 05";

fn attribute(root: &SysRoot) -> PathBuf {
    root.sys.join("devices/shelf/enclosure/6:0:12:0/Slot 05/power_status")
}

fn facts(root: &SysRoot, name: &str) -> DriveFacts {
    facts_with_siblings(root, name).unwrap()
}

fn slot(root: &SysRoot, name: &str) -> Result<Slot, Vec<Reason>> {
    slot_to_cycle(root, &facts(root, name), &[], &StatePaths::default())
}

#[test]
fn the_power_goes_off_and_on_again() {
    let tree = Tree::new("sas-shelf");
    let root = tree.root();
    // The map over both paths of the drive, which is what can be claimed.
    let slot = slot(&root, "dm-0").unwrap();
    assert_eq!(slot.title, "enclosure 6:0:12:0 Slot 05");
    assert_eq!(fs::read_to_string(attribute(&root)).unwrap(), "on\n", "looking switches nothing");
    let mut pauses = 0;
    switch_off(&root, &slot, &mut |_| pauses += 1).unwrap();
    assert_eq!(fs::read_to_string(attribute(&root)).unwrap(), "off\n");
    // A slot that is off already is not cycled by anybody.
    assert_eq!(super::bay::slot(&root, "dm-0").unwrap_err()[0].code, ReasonCode::Frozen);
    switch_on(&root, &slot, &mut |_| pauses += 1).unwrap();
    assert_eq!((fs::read_to_string(attribute(&root)).unwrap().as_str(), pauses), ("on\n", 0));
}

#[test]
fn a_drive_in_use_or_a_slot_with_another_drive_keeps_its_power() {
    let elsewhere = "/sys/devices/pci0000:00/0000:03:00.0/host6/port-6:0/expander-6:0/port-6:0:7/end_device-6:0:7/target6:0:7/6:0:7:0";
    let mounted = |number: &str| format!("proc/1/mountinfo = 60 1 {number} / /data rw - xfs /dev/x rw");
    for (lines, code, said) in [
        (vec![mounted("253:0")], ReasonCode::Mounted, "/data"),
        (vec![mounted("8:16")], ReasonCode::Mounted, "sdb"),
        (vec!["disk dm-7 253:7 8 virtual".into(), "holder dm-7 dm-0".into()], ReasonCode::Holder, "dm-7"),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let tree = Tree::with("sas-shelf", &lines);
        let reasons = slot(&tree.root(), "dm-0").unwrap_err();
        assert_eq!((reasons.len(), reasons[0].code), (1, code), "{reasons:#?}");
        assert!(reasons[0].text.contains(said), "{reasons:#?}");
    }
    let tree = Tree::new("sas-shelf");
    let link = tree.root().sys.join("devices/shelf/enclosure/6:0:12:0/Slot 05/device");
    fs::remove_file(&link).unwrap();
    let empty = slot(&tree.root(), "dm-0").unwrap_err();
    assert_eq!(empty[0].code, ReasonCode::IdentityChanged);
    let other = Tree::with("sas-shelf", &[&format!("{SLOT}/other -> {elsewhere}")]);
    let folder = other.root().sys.join("devices/shelf/enclosure/6:0:12:0/Slot 05");
    fs::rename(folder.join("other"), folder.join("device")).unwrap();
    let reasons = slot(&other.root(), "dm-0").unwrap_err();
    assert_eq!((reasons.len(), reasons[0].code), (1, ReasonCode::IdentityChanged), "{reasons:#?}");
    assert!(reasons[0].text.contains("Slot 05 does not hold"), "{reasons:#?}");
}

/// Another unit of the drive loses its power too.
#[test]
fn a_mounted_unit_beside_it_keeps_the_power_on() {
    let tree =
        Tree::with("nvme-two-namespaces", &["proc/1/mountinfo = 60 1 259:1 / /data rw - xfs /dev/x rw"]);
    let reasons = slot(&tree.root(), "nvme0n1").unwrap_err();
    let codes: Vec<ReasonCode> = reasons.iter().map(|reason| reason.code).collect();
    assert_eq!(codes, [ReasonCode::Frozen, ReasonCode::Mounted], "no bay, and in use: {reasons:#?}");
    assert_eq!(reasons[0].remedy, BY_HAND);
}

#[test]
fn without_a_switch_the_answer_is_what_helps_by_hand() {
    let tree = Tree::new("sas-shelf");
    fs::remove_file(attribute(&tree.root())).unwrap();
    for name in ["dm-0", "sdd"] {
        let reasons = slot(&tree.root(), name).unwrap_err();
        assert_eq!((reasons.len(), reasons[0].code), (1, ReasonCode::Frozen), "{name}: {reasons:#?}");
        assert!(reasons[0].remedy.contains("suspend") && reasons[0].remedy.contains("another port"));
    }
}

#[test]
fn an_enclosure_that_does_not_obey_is_told_to_leave_the_power_on() {
    let tree = Tree::new("sas-shelf");
    let root = tree.root();
    let slot = slot(&root, "dm-0").unwrap();
    // It takes any word and says nothing of what became of it, until it is waited for a second time.
    let path = attribute(&root);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let mut waited = Duration::ZERO;
    let reason = switch_off(&root, &slot, &mut |time| {
        waited += time;
        if waited > Duration::from_secs(10) {
            fs::remove_file(&path).unwrap();
            fs::write(&path, "on\n").unwrap();
        }
    })
    .unwrap_err();
    assert_eq!((reason.code, reason.remedy.as_str()), (ReasonCode::Frozen, BY_HAND));
    let said = "its power was switched off, and it says that it is \"not told\"";
    assert!(reason.text.ends_with(said), "power that is on again is no complaint: {}", reason.text);
    assert_eq!(waited, Duration::from_millis(10_500), "ten seconds for off, and one look for on");
    // One that is gone when the power is to come back: the command to do it by hand is told.
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let gone = switch_on(&root, &slot, &mut |_| {}).unwrap_err();
    assert_eq!(gone.code, ReasonCode::DriveGone);
    assert!(gone.remedy.contains("echo on > ") && gone.remedy.contains("Slot 05/power_status"), "{gone:?}");
}
