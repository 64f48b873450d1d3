//! A multipath map as the drive: accepted when it is the only holder of paths that lead to one drive.
use std::path::Path;

use expunge::device::bus_of;
use expunge::device::discover::facts_with_siblings;

use super::*;

fn all(root: &SysRoot, name: &str) -> Vec<Reason> {
    guards(root, name, &GuardSet::all(), &StatePaths::default())
}

fn text_of(reasons: &[Reason]) -> String {
    reasons.iter().map(|reason| format!("{} -> {}\n", reason.text, reason.remedy)).collect()
}

#[test]
fn a_map_that_alone_holds_the_paths_of_one_drive_is_the_drive() {
    let tree = Tree::new("sas-shelf");
    let root = tree.root();
    for name in ["/dev/dm-0", "serial:ZC1ABCDE", "wwn:5000c500a1b2c3d4", "bay:enclosure 6:0:12:0 Slot 05"] {
        assert_eq!(resolve(name, &root).unwrap().node(), Path::new("/dev/dm-0"), "{name}");
    }
    let facts = facts_with_siblings(&root, "dm-0").unwrap();
    assert_eq!(facts.identity.model.as_deref(), Some("ST4000NM0025"));
    assert_eq!((facts.kind, facts.transport.as_deref()), (DriveKind::Rotating, Some("sas")));
    assert_eq!(facts.other_paths, ["sda", "sdb"]);
    assert_eq!((facts.diskseq, facts.device), (Some(17), root.number_of("dm-0")));
    assert_eq!(facts.confirm_text().unwrap(), "ZC1ABCDE");
    assert_eq!(all(&root, "dm-0"), []);
    // What the drive shares with others is what its path shares.
    assert_eq!(bus_of(&root, "dm-0"), bus_of(&root, "sda"));
    assert!(bus_of(&root, "dm-0").is_some());
    // A path alone is held, and the reason names the map.
    let held = guards(&root, "sda", &GuardSet::only(Guard::Holders), &StatePaths::default());
    assert_eq!(held.len(), 2, "both paths are: {held:#?}");
    assert!(held[0].text.contains("sda is held by dm-0 (multipath map mpatha)"), "{held:#?}");
    assert!(held[0].remedy.contains("/dev/dm-0"), "{held:#?}");
}

#[test]
fn whatever_else_stands_on_the_map_or_on_a_path_refuses_the_map() {
    let volume = ["disk dm-7 253:7 7814037168 virtual", "./dm/name = vg-data", "./dm/uuid = LVM-abc"];
    for (holder, said) in [
        ("holder dm-7 dm-0", "dm-0 is held by dm-7 (LVM volume vg-data)"),
        ("holder dm-7 sdb", "sdb is held by dm-7 (LVM volume vg-data)"),
    ] {
        let tree = Tree::with("sas-shelf", &[&volume[..], &[holder]].concat());
        let reasons = all(&tree.root(), "dm-0");
        assert_eq!(reasons.len(), 1, "{reasons:#?}");
        assert_eq!((reasons[0].code, reasons[0].text.as_str()), (ReasonCode::Holder, said));
    }
    // Partitions of a map are maps of their own, and no drives.
    let part =
        ["disk dm-1 253:1 2048 virtual", "./dm/name = mpatha1", "./dm/uuid = part1-mpath-35000c500a1b2c3d4"];
    let tree = Tree::with("sas-shelf", &[&part[..], &["holder dm-1 dm-0"]].concat());
    let reasons = all(&tree.root(), "dm-0");
    assert!(text_of(&reasons).contains("dm-0 is held by dm-1"), "{reasons:#?}");
    assert_eq!(resolve("/dev/dm-1", &tree.root()).unwrap_err().code, ReasonCode::NotADrive);
    for (number, said) in [("253:0", "dm-0 is mounted on /data"), ("8:16", "sdb is mounted on /data")] {
        let line = format!("proc/1/mountinfo = 60 1 {number} / /data rw - xfs /dev/x rw");
        let tree = Tree::with("sas-shelf", &[&line]);
        let reasons = all(&tree.root(), "dm-0");
        assert!(reasons.iter().any(|reason| reason.text == said), "{reasons:#?}");
    }
}

#[test]
fn a_map_over_what_is_not_one_drive_is_none() {
    let partition =
        ["disk sdq 65:0 7814037170 pci0000:00/x/host9/target9:0:0/9:0:0:0", "part sdq1 65:1 7814037168 1"];
    let cases: [(&[&str], &str); 4] = [
        (&["holder dm-0 sdd"], "do not show the same serial number and world wide name"),
        (&[&partition[..], &["holder dm-0 sdq1"]].concat(), "sdq1, which is no whole drive"),
        (&["sys/class/block/dm-0/size = 7814037160"], "of another size than sda"),
        (&["sys/class/block/dm-0/dm/uuid = other-35000c500a1b2c3d4"], "a device-mapper volume"),
    ];
    for (lines, said) in cases {
        let tree = Tree::with("sas-shelf", lines);
        let reason = resolve("/dev/dm-0", &tree.root()).unwrap_err();
        assert_eq!(reason.code, ReasonCode::NotADrive);
        assert!(reason.text.contains(said), "{reason:?}");
        assert!(reason.remedy.contains("/dev/sda"), "{reason:?}");
        let found = discover(&tree.root());
        assert!(found.drives.iter().all(|listed| listed.facts.kernel_name != "dm-0"), "{said}");
        assert!(left_out(&found, "dm-0").contains(said), "{}", left_out(&found, "dm-0"));
        // Paths of what is no map are drives, which the holder uses.
        assert!(text_of(&drive(&found, "sda").usage).contains("sda is held by dm-0"));
    }
    let tree = Tree::with("sas-shelf", &["disk dm-9 253:9 2048 virtual", "./dm/uuid = mpath-1"]);
    assert!(resolve("/dev/dm-9", &tree.root()).unwrap_err().text.contains("without paths"));
}

/// multipathd has every path of a map open as long as there is the map; whoever else has one open uses the drive, and
/// nobody has the map itself open without using it.
#[test]
fn the_daemon_of_the_paths_is_a_note_and_any_other_process_a_refusal() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root, to make nodes that are never opened");
    let roots = "Name:\tmultipathd\\nUid:\t0\t0\t0\t0";
    let users = "Name:\tmultipathd\\nUid:\t1000\t0\t0\t0";
    for (command, status, node, refuses) in [
        ("multipathd", roots, (8, 0), false),
        ("multipathd", roots, (8, 16), false),
        ("multipathd", roots, (253, 0), true),
        ("multipathd", users, (8, 0), true),
        ("postgres", roots, (8, 0), true),
    ] {
        let lines = [
            format!("proc/812/comm = {command}"),
            format!("proc/812/status = {status}"),
            "proc/812/fd/x = x".to_owned(),
        ];
        let tree = Tree::with("sas-shelf", &lines.each_ref().map(String::as_str));
        let root = tree.root();
        let (major, minor) = node;
        let made = std::process::Command::new("mknod")
            .arg(root.proc.join("812/fd/5"))
            .args(["b", &format!("{major}"), &format!("{minor}")])
            .status();
        assert!(made.unwrap().success());
        let target = Target::Device { name: "dm-0".to_owned(), number: root.number_of("dm-0").unwrap() };
        let state = StatePaths::default();
        let found = Scene::new(&root, &target, Vec::new(), &state).run(&GuardSet::only(Guard::OpenFiles));
        let case = format!("{command} {node:?}: {found:#?}");
        assert_eq!(
            found.reasons.iter().any(|reason| reason.code == ReasonCode::OpenElsewhere),
            refuses,
            "{case}"
        );
        assert_eq!(
            found.notes.iter().any(|note| note.contains("a path of the map dm-0")),
            !refuses,
            "{case}"
        );
    }
}
