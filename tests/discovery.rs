//! Finding drives on made-up sysfs trees (`fixtures/sysfs/*.tree`): no node is opened, and the
//! machine's own drives play no part.
#![allow(clippy::unwrap_used, reason = "a failure of the test bed fails the test")]

#[path = "discovery/bay.rs"]
mod bay;
#[path = "discovery/multipath.rs"]
mod multipath;
#[path = "discovery/tree.rs"]
mod tree;

use std::path::Path;

use expunge::cli::list;
use expunge::device::claim::{Order, StatePaths, claim_here};
use expunge::device::discover::facts_with_siblings;
use expunge::device::elsewhere::Elsewhere;
use expunge::device::guard::{Guard, GuardSet, Scene, Target, usage};
use expunge::device::units::{are_of_one_drive, other_nodes};
use expunge::device::{Discovery, Listed, Reach, SysRoot, Zoned, discover, resolve, source};
use expunge::plan::{Decision, Policy, Request, decide};
use expunge::unit::term::{DriveKind, Method, Standard, word};
use expunge::unit::{Reason, ReasonCode};
use tree::Tree;

fn drive<'a>(found: &'a Discovery, name: &str) -> &'a Listed {
    found.drives.iter().find(|listed| listed.facts.kernel_name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn left_out<'a>(found: &'a Discovery, name: &str) -> &'a str {
    let found = found.left_out.iter().find(|left| left.name == name);
    found.map_or_else(|| panic!("{name} is not left out"), |left| &left.why)
}

#[test]
fn a_sas_shelf_with_two_paths_shows_each_drive_once_with_its_slot() {
    let tree = Tree::new("sas-shelf");
    let found = discover(&tree.root());
    let names: Vec<&str> = found.drives.iter().map(|listed| listed.facts.kernel_name.as_str()).collect();
    // The multipath map over both paths is what can be claimed, and is the drive.
    assert_eq!(names, ["dm-0", "sdc", "sdd"]);
    let first = drive(&found, "dm-0");
    assert_eq!(first.facts.identity.serial.as_deref(), Some("ZC1ABCDE"));
    assert_eq!(first.facts.identity.wwn.as_deref(), Some("naa.5000c500a1b2c3d4"));
    assert_eq!(first.facts.identity.model.as_deref(), Some("ST4000NM0025"));
    assert_eq!(first.facts.bay.as_deref(), Some("enclosure 6:0:12:0 Slot 05"));
    assert_eq!(first.facts.kind, DriveKind::Rotating);
    assert_eq!(first.facts.transport.as_deref(), Some("sas"));
    assert_eq!(first.facts.other_paths, ["sda", "sdb"]);
    assert_eq!(left_out(&found, "sda"), "another path to dm-0");
    assert_eq!(left_out(&found, "sdb"), "another path to dm-0");
    let geometry = first.facts.geometry().unwrap();
    assert_eq!((geometry.block_size.bytes(), geometry.physical_block_size.bytes()), (512, 4096));
    assert_eq!(geometry.bytes(), 4_000_787_030_016);
    assert_eq!(first.facts.diskseq, Some(17));
    assert_eq!(first.facts.confirm_text().unwrap(), "ZC1ABCDE");
    assert_eq!(first.usage, []);
    // Formatted with 520-byte blocks: the kernel gives it no capacity. It is listed as dead, and told.
    let dead = drive(&found, "sdc");
    assert!(matches!(&dead.facts.reach, Reach::Dead(reason) if reason.code == ReasonCode::NoCapacity));
    assert!(left_out(&found, "sdc").contains("520"));
    assert_eq!(drive(&found, "sdd").state.as_deref(), Some("transport-offline"));
}

#[test]
fn one_world_wide_name_on_two_serial_numbers_is_a_warning_and_no_merge() {
    let tree = Tree::new("same-wwn");
    let found = discover(&tree.root());
    assert_eq!(found.drives.len(), 2);
    assert!(found.drives.iter().all(|listed| listed.facts.other_paths.is_empty()));
    assert_eq!(found.warnings.len(), 1);
    assert!(found.warnings[0].contains("sda and sdb") && found.warnings[0].contains("naa.5001b448b1234567"));
    let root = tree.root();
    let reason = resolve("wwn:5001b448b1234567", &root).unwrap_err();
    assert_eq!(reason.code, ReasonCode::DuplicateIdentity);
    assert!(reason.remedy.contains("/dev/sda") && reason.remedy.contains("/dev/sdb"));
    let by_serial = resolve("serial:190112345678", &root).unwrap();
    assert_eq!(by_serial.node(), Path::new("/dev/sda"));
}

#[test]
fn units_of_one_nvme_drive_belong_together_and_hidden_paths_are_left_out() {
    let tree = Tree::new("nvme-two-namespaces");
    let found = discover(&tree.root());
    let first = drive(&found, "nvme0n1");
    assert_eq!(first.facts.kind, DriveKind::Flash);
    assert_eq!(first.facts.transport.as_deref(), Some("nvme"));
    assert_eq!(first.facts.identity.serial.as_deref(), Some("S64GNE0R123456"));
    assert_eq!(first.facts.identity.firmware.as_deref(), Some("GXA7401Q"));
    assert_eq!(first.facts.identity.nsid, Some(1));
    assert_eq!(first.facts.identity.eui64.as_deref(), Some("0025385b11234567"));
    assert_eq!(first.facts.other_units, ["nvme0n2"]);
    assert_eq!(first.facts.confirm_text().unwrap(), "S64GNE0R123456/nsid=1");
    assert_eq!(drive(&found, "nvme0n2").facts.other_units, ["nvme0n1"]);
    assert_eq!(drive(&found, "nvme0n2").facts.geometry().unwrap().block_size.bytes(), 4096);
    assert!(left_out(&found, "nvme0c0n1").contains("multipath"));
    // Native multipath: the head node is the drive, and commands go over it; its paths have no nodes to send any to.
    let alone = expunge::device::discover::facts_with_siblings(&tree.root(), "nvme0n1").unwrap();
    assert_eq!((alone.other_paths.len(), &alone.other_units[..]), (0, &["nvme0n2".to_owned()][..]));
    assert_eq!(guards(&tree.root(), "nvme0n1", &GuardSet::all(), &StatePaths::default()), []);
    let reason = resolve("serial:S64GNE0R123456", &tree.root()).unwrap_err();
    assert_eq!(reason.code, ReasonCode::DuplicateIdentity);
}

#[test]
fn volumes_of_a_raid_controller_are_no_drives_and_the_hidden_ones_are_told() {
    let tree = Tree::new("raid-controller");
    let found = discover(&tree.root());
    assert_eq!(drive(&found, "sda").facts.kind, DriveKind::LogicalVolume);
    assert_eq!(drive(&found, "sdb").facts.kind, DriveKind::LogicalVolume);
    let why = left_out(&found, "PCI 0000:03:00.0");
    assert!(why.contains("megaraid_sas") && why.contains("hidden"), "{why}");
    assert_eq!(drive(&found, "vda").facts.kind, DriveKind::LogicalVolume);
    assert_eq!(drive(&found, "vda").facts.identity.serial.as_deref(), Some("vol-0abc"));
    assert!(left_out(&found, "sr0").contains("optical"));
    assert!(left_out(&found, "sdz").contains("no medium"));
    assert!(left_out(&found, "loop").starts_with("1 loop devices"));
}

#[test]
fn a_usb_bridge_is_marked_and_its_made_up_serial_number_is_none() {
    let tree = Tree::new("usb-and-zoned");
    let found = discover(&tree.root());
    let stick = &drive(&found, "sda").facts;
    assert!(stick.identity.bridged && stick.removable && stick.read_only);
    assert_eq!(stick.kind, DriveKind::Unknown);
    assert_eq!(stick.identity.serial, None);
    assert!(!stick.identity.is_identified());
    let zoned = &drive(&found, "sdb").facts;
    assert_eq!(zoned.zoned, Zoned::HostManaged);
    assert_eq!(zoned.bay.as_deref(), Some("pci-0000:00:1f.2-ata-1"));
    assert_eq!(resolve("bay:pci-0000:00:1f.2-ata-1", &tree.root()).unwrap().node(), Path::new("/dev/sdb"));
}

fn guards(root: &SysRoot, name: &str, set: &GuardSet, state: &StatePaths) -> Vec<Reason> {
    let target = Target::Device { name: name.to_owned(), number: root.number_of(name).unwrap() };
    Scene::new(root, &target, Vec::new(), state).run(set).reasons
}

/// A server with root on LVM on md on partitions of two drives, /boot on md, the ESP on one, and state on
/// a third drive; all named at once, each with what releases it.
#[test]
fn the_running_system_is_found_through_every_layer_below_it() {
    let tree = Tree::new("server-root-lvm-md");
    let root = tree.root();
    let alone = |name: &str| guards(&root, name, &GuardSet::only(Guard::RootDevice), &StatePaths::default());
    for name in ["sda", "sdb"] {
        let reasons = alone(name);
        assert_eq!(reasons.len(), 1, "{name}");
        assert_eq!(reasons[0].code, ReasonCode::RootDevice);
        assert!(reasons[0].text.contains("(/, /boot"), "{}", reasons[0].text);
    }
    assert!(alone("sda")[0].text.contains("/boot/efi"), "the ESP is on the first drive only");
    assert!(!alone("sdb")[0].text.contains("/boot/efi"));
    assert_eq!(alone("sdc"), []);
    // All guards at once on the first drive.
    let all = guards(&root, "sda", &GuardSet::all(), &StatePaths::default());
    let said = |code: ReasonCode, text: &str, remedy: &str| {
        let found = all.iter().any(|reason| {
            reason.code == code && reason.text.contains(text) && reason.remedy.contains(remedy)
        });
        assert!(found, "{code:?} {text:?} {remedy:?} in {all:#?}");
    };
    said(ReasonCode::Holder, "sda2 is held by md0", "mdadm --stop /dev/md0");
    said(ReasonCode::Holder, "md1 is held by dm-0 (LVM volume vg-root)", "lvchange -an");
    said(ReasonCode::Mounted, "dm-0 on md1 is mounted on /", "umount /");
    said(ReasonCode::Mounted, "sda1 is mounted on /boot/efi", "umount /boot/efi");
    said(ReasonCode::Swap, "dm-1 on md1 is swap space", "swapoff /dev/dm-1");
    // The third drive: mounted in the namespace of another process only, and a loop device over a file on it.
    let third = guards(&root, "sdc", &GuardSet::all(), &StatePaths::default());
    assert!(
        third.iter().any(|reason| reason.code == ReasonCode::Mounted
            && reason.text.contains("sdc1")
            && reason.text.contains("/srv")),
        "{third:#?}"
    );
    assert!(
        third.iter().any(|reason| reason.code == ReasonCode::LoopBacking
            && reason.remedy == "losetup -d /dev/loop0"
            && reason.text.contains("/srv/images/vm.img")),
        "{third:#?}"
    );
    // State below a mount on it, and state on the file system of the loop device over it.
    for state in ["/srv/expunge/records", "/mnt/inner/journal"] {
        let state = StatePaths(vec![state.into()]);
        let reasons = guards(&root, "sdc", &GuardSet::only(Guard::StateDevice), &state);
        assert_eq!(reasons.len(), 1, "{state:?}");
        assert_eq!(reasons[0].code, ReasonCode::StateDevice);
        assert_eq!(guards(&root, "sda", &GuardSet::only(Guard::StateDevice), &state), []);
    }
    let listed = usage(&root, "sda", root.number_of("sda").unwrap());
    assert!(listed.iter().any(|reason| reason.code == ReasonCode::RootDevice));
}

#[test]
fn other_holders_are_named_with_what_releases_them() {
    let tree = Tree::new("holders");
    let root = tree.root();
    let alone = |name: &str| guards(&root, name, &GuardSet::only(Guard::Holders), &StatePaths::default());
    assert_eq!(alone("sda")[0].remedy, "cryptsetup close secret");
    assert_eq!(alone("sdb")[0].remedy, "echo 1 > /sys/block/bcache0/bcache/stop");
    assert_eq!(alone("sdc")[0].remedy, "mdadm --stop /dev/md127");
    assert!(alone("sdc")[0].text.contains("sdc1 is held by md127 (md array, raid5)"), "{:?}", alone("sdc"));
    // A second device of a mounted btrfs has no mount of its own.
    let btrfs = guards(&root, "sde", &GuardSet::only(Guard::Mounts), &StatePaths::default());
    assert_eq!(btrfs[0].code, ReasonCode::Mounted);
    assert!(btrfs[0].text.contains("sde is mounted on /pool"), "{btrfs:?}");
}

/// Claiming one node says nothing about the other: what uses the drive over its second path must refuse too.
#[test]
fn what_uses_a_drive_over_another_path_is_found() {
    let tree = Tree::new("sas-shelf");
    let root = tree.root();
    std::fs::create_dir_all(root.proc.join("1")).unwrap();
    std::fs::write(root.proc.join("1/mountinfo"), "60 1 8:16 / /data rw - xfs /dev/sdb rw\n").unwrap();
    let reasons = guards(&root, "sda", &GuardSet::only(Guard::Mounts), &StatePaths::default());
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!(reasons[0].text, "sdb is mounted on /data");
    assert_eq!(guards(&root, "sdd", &GuardSet::only(Guard::Mounts), &StatePaths::default()), []);
}

/// The kernel's targets open a drive without claiming it, and no process has it open.
#[test]
fn a_drive_that_the_kernel_serves_to_others_is_in_use() {
    let tree = Tree::new("sas-shelf");
    let root = tree.root();
    let holders = |name: &str| {
        let mut found = guards(&root, name, &GuardSet::only(Guard::Holders), &StatePaths::default());
        found.retain(|reason| !reason.text.contains("multipath"));
        found
    };
    assert_eq!(holders("sda"), []);
    for (folder, attribute) in [
        ("nvmet/subsystems/nqn.test/namespaces/1", "device_path"),
        ("target/core/fileio_0/disk", "udev_path"),
    ] {
        let folder = root.sys.join("kernel/config").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(attribute), "/dev/sda\n").unwrap();
        let reasons = holders("sda");
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        assert!(reasons[0].text.starts_with("sda is served to other machines"), "{reasons:?}");
        assert_eq!(holders("sdd"), []);
        std::fs::remove_file(folder.join(attribute)).unwrap();
    }
}

/// The pass-through node of a drive has a number of its own; /dev/null (1:3) stands in for it.
#[test]
fn a_process_with_the_pass_through_node_open_uses_the_drive() {
    let tree = Tree::new("sas-shelf");
    let root = tree.root();
    let folder = root.block_folder("sda").unwrap().join("device/scsi_generic/sg0");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("dev"), "1:3\n").unwrap();
    let descriptors = root.proc.join("812/fd");
    std::fs::create_dir_all(&descriptors).unwrap();
    std::os::unix::fs::symlink("/dev/null", descriptors.join("3")).unwrap();
    let open = |name: &str| guards(&root, name, &GuardSet::only(Guard::OpenFiles), &StatePaths::default());
    let reasons = open("sda");
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].text.contains("pass-through node of sda"), "{reasons:?}");
    assert_eq!(open("sdd"), []);
}

/// The other path to a unit is held with it; the paths of a multipath map are held by the map.
#[test]
fn other_paths_are_nodes_of_the_drive_unless_a_map_holds_them() {
    let tree = Tree::new("sas-shelf");
    let root = tree.root();
    let nodes = |name: &str| other_nodes(&root, &facts_with_siblings(&root, name).unwrap());
    assert_eq!(nodes("sda"), ["sdb"]);
    assert_eq!(nodes("dm-0"), [""; 0]);
}

/// A command that reaches the whole drive is refused for what uses any of its units, over whichever node.
#[test]
fn what_uses_another_unit_of_the_drive_is_found_by_its_guards() {
    let tree = Tree::new("nvme-namespaces-in-use");
    let root = tree.root();
    let facts = facts_with_siblings(&root, "nvme0n1").unwrap();
    // One node of each unit for people and plans, all of them for the guards.
    assert_eq!(facts.other_units, ["nvme0n2", "nvme0n3", "nvme0n4", "nvme0n5", "nvme7n6"]);
    let nodes = other_nodes(&root, &facts);
    assert_eq!(nodes, ["nvme0n2", "nvme0n3", "nvme0n4", "nvme0n5", "nvme1n2", "nvme7n6"]);
    // Nothing is written to what only has the same serial number.
    assert!(nodes[..5].iter().all(|name| are_of_one_drive(&root, "nvme0n1", name)));
    assert!(!are_of_one_drive(&root, "nvme0n1", "nvme7n6") && !are_of_one_drive(&root, "nvme0n1", "dm-0"));
    let descriptors = root.proc.join("812/fd");
    std::fs::create_dir_all(&descriptors).unwrap();
    std::os::unix::fs::symlink("/dev/null", descriptors.join("3")).unwrap();
    let state = StatePaths(vec!["/srv/expunge".into()]);
    let codes = |name: &str| -> Vec<ReasonCode> {
        guards(&root, name, &GuardSet::all(), &state).iter().map(|reason| reason.code).collect()
    };
    assert_eq!(codes("nvme0n1"), [], "it is idle, and alone it would have been taken");
    assert_eq!(codes("nvme0n2"), [ReasonCode::Mounted, ReasonCode::StateDevice]);
    assert_eq!(codes("nvme1n2"), codes("nvme0n2"), "over another controller it is the same namespace");
    assert_eq!(codes("nvme0n3"), [ReasonCode::Swap]);
    assert_eq!(codes("nvme0n4"), [ReasonCode::Holder]);
    assert_eq!(codes("nvme0n5"), [ReasonCode::OpenElsewhere]);
}

#[test]
fn only_whole_drives_resolve() {
    let tree = Tree::new("server-root-lvm-md");
    let root = tree.root();
    let refused = |node: &str| resolve(node, &root).unwrap_err();
    assert_eq!(refused("/dev/sda2").remedy, "name the whole drive: /dev/sda");
    let dm = refused("/dev/dm-0");
    assert_eq!(dm.code, ReasonCode::NotADrive);
    assert!(dm.text.contains("device-mapper"), "{dm:?}");
    assert!(refused("/dev/md0").remedy.contains("/dev/sda, /dev/sdb"), "{:?}", refused("/dev/md0"));
    assert_eq!(refused("/dev/sdq").code, ReasonCode::Missing);
}

/// Nodes of the pass-through drivers: sg beside its disk, bsg by the address, and what is no disk or has no disk node.
#[test]
fn a_pass_through_node_stands_for_the_disk_node_of_its_unit() {
    let port = "sys/devices/pci0000:00/0000:03:00.0/host6/port-6:0";
    let unit = format!("{port}/expander-6:0/port-6:0:6/end_device-6:0:6/target6:0:6/6:0:6:0");
    let lines = [
        format!("{unit}/scsi_generic/sg2/dev = 21:2"),
        format!("{unit}/scsi_generic/sg2/device -> /{unit}"),
        format!("{unit}/bsg/6:0:6:0/device -> /{unit}"),
        format!("sys/class/scsi_generic/sg2 -> /{unit}/scsi_generic/sg2"),
        format!("sys/class/bsg/6:0:6:0 -> /{unit}/bsg/6:0:6:0"),
        // A member that a RAID controller hides: a disk to INQUIRY, and no disk to the kernel.
        format!("{port}/6:0:20:0/type = 0"),
        format!("{port}/6:0:20:0/scsi_generic/sg8/device -> /{port}/6:0:20:0"),
        format!("sys/class/scsi_generic/sg8 -> /{port}/6:0:20:0/scsi_generic/sg8"),
        // The enclosure itself, and the bsg node of a host.
        format!("{port}/6:0:12:9/type = 13"),
        format!("{port}/6:0:12:9/scsi_generic/sg9/device -> /{port}/6:0:12:9"),
        format!("sys/class/scsi_generic/sg9 -> /{port}/6:0:12:9/scsi_generic/sg9"),
        format!("{port}/bsg/sas_host6/device -> /{port}"),
        format!("sys/class/bsg/sas_host6 -> /{port}/bsg/sas_host6"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let tree = Tree::with("sas-shelf", &lines);
    let root = tree.root();
    for name in ["/dev/sg2", "/dev/bsg/6:0:6:0"] {
        let drive = resolve(name, &root).unwrap();
        assert_eq!(drive.node(), Path::new("/dev/sdc"), "{name}");
        assert_eq!(drive, resolve("/dev/sdc", &root).unwrap(), "{name}");
    }
    let hidden = resolve("/dev/sg8", &root).unwrap_err();
    assert_eq!(hidden.code, ReasonCode::NotADrive);
    assert!(hidden.text.contains("has no disk node"), "{hidden:?}");
    assert!(hidden.remedy.contains("echo 6:0:20:0 >/sys/bus/scsi/drivers/sd/bind"), "{hidden:?}");
    let enclosure = resolve("/dev/sg9", &root).unwrap_err();
    assert!(enclosure.text.contains("no disk (peripheral device type 13)"), "{enclosure:?}");
    for name in ["/dev/bsg/sas_host6", "/dev/sg77"] {
        assert_eq!(resolve(name, &root).unwrap_err().code, ReasonCode::Missing, "{name}");
    }
}

#[test]
fn the_list_reads_as_a_table_and_as_json() {
    let tree = Tree::new("sas-shelf");
    let mut found = discover(&tree.root());
    found.drives[0].last_record = Some("2026-11-01 clear".into());
    let mut out = Vec::new();
    list::write_text(&found, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    for words in [
        "BAY",
        "enclosure 6:0:12:0 Slot 05",
        "/dev/dm-0 = sda = sdb",
        "ZC1ABCDE",
        "4 TB",
        "rotating",
        "2026-11-01 clear",
        "kernel: transport-offline",
        "Left out:",
        "sdb: another path to dm-0",
    ] {
        assert!(text.contains(words), "{words:?} is missing in\n{text}");
    }
    let json = list::to_json(&found);
    assert_eq!(json["schema"], "urn:expunge:list:v1");
    assert_eq!(json["drives"][0]["confirm"], "ZC1ABCDE");
    assert_eq!(json["drives"][0]["facts"]["kind"], word(DriveKind::Rotating));
    let left: Vec<_> = json["leftOut"].as_array().unwrap().iter().map(|left| left["name"].clone()).collect();
    assert_eq!(left, ["sdc", "sda", "sdb"]);
}

/// The fixture's nodes do not exist, so claiming one says so and opens nothing of this machine.
#[test]
fn a_fixture_is_never_opened() {
    let tree = Tree::new("sas-shelf");
    let root = tree.root();
    let mut drive = resolve("/dev/sdc", &root).unwrap();
    if let expunge::device::Resolved::Node { node, .. } = &mut drive {
        *node = root.dev.join("sdc");
    }
    let order = Order::new(drive, StatePaths::default());
    let refusal = claim_here(&root, &order, &[], &GuardSet::all()).unwrap_err();
    assert_eq!(refusal.reasons[0].code, ReasonCode::Missing);
}

#[test]
fn storage_that_is_purged_by_other_means_is_named_with_what_to_use_instead() {
    let tree = Tree::new("embedded");
    let found = discover(&tree.root());
    let expected = [
        ("mmcblk0", "emmc", Elsewhere::Emmc, "mmc sanitize"),
        ("mmcblk1", "sd", Elsewhere::SdCard, "destroy the card"),
        ("sda", "ufs", Elsewhere::Ufs, "fPurgeEnable"),
        ("pmem0", "pmem", Elsewhere::Pmem, "ndctl sanitize-dimm"),
        ("pmem1", "cxl", Elsewhere::Cxl, "security/sanitize"),
    ];
    for (name, transport, elsewhere, instead) in expected {
        let facts = &drive(&found, name).facts;
        assert_eq!(facts.transport.as_deref(), Some(transport), "{name}");
        assert_eq!(Elsewhere::of(facts), Some(elsewhere), "{name}");
        let shown = source::own(facts);
        let fact = shown.iter().find(|fact| fact.name == "purged elsewhere").unwrap();
        assert!(fact.value.contains(instead), "{name}: {}", fact.value);
        for standard in [Standard::NistR2, Standard::NistR1, Standard::Ieee2883] {
            let request = Request { method: Some(Method::Purge), standard, ..Request::default() };
            // Persistent memory has no serial number either, which is told beside it.
            let (Decision::Unsanitizable(reasons) | Decision::Refused(reasons)) =
                decide(&request, facts, &Policy::builtin())
            else {
                panic!("{name} can be purged under {standard:?}")
            };
            let told = reasons
                .iter()
                .any(|reason| reason.code == ReasonCode::PurgeUnavailable && reason.remedy.contains(instead));
            assert!(told, "{name}: {reasons:#?}");
        }
    }
    let other = discover(&Tree::new("sas-shelf").root());
    assert!(other.drives.iter().all(|listed| Elsewhere::of(&listed.facts).is_none()));
}
