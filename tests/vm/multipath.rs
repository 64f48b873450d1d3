//! A multipath map as the target: one simulated drive on two paths of the kernel's own SCSI driver, put together by
//! device mapper. Commands of the drive go through the map, and the kernel chooses the path.
use expunge::sim::controller::{ScsiSim, ScsiSpec, Shape, Work};
use serde_json::Value;

use crate::host::machine::{Console, Machine};
use crate::host::scsi::ScsiServer;
use crate::support::{Ask as _, image};

const BLOCKS: u64 = 8_192;
const MAP: &str = "/dev/mapper/mpatha";

fn drive(number: u64) -> (ScsiSim, String) {
    let times =
        Shape { drive: number, erase_ms: 2_000, crypto_ms: 1_000, ..Shape::small(512, BLOCKS).used() };
    (ScsiSim::new(ScsiSpec::scsi(times)), format!("SIM{number:012}"))
}

/// Makes a disk of a drive in the machine, and tells all nodes of that drive that are there then.
#[track_caller]
fn attach(
    machine: &mut Machine,
    name: &str,
    (sim, serial): &(ScsiSim, String),
    paths: usize,
) -> (ScsiServer, Vec<String>) {
    let server = ScsiServer::start(name, BLOCKS * 512, 512, sim.clone()).unwrap();
    machine.tell(&server.attach_command());
    let found = machine.until(&format!(
        "found=$(for disk in /sys/block/sd*; do node=/dev/$(basename $disk)
         sg_inq -p 0x80 $node 2>/dev/null | grep -q {serial} && echo $node; done)
         [ $(echo $found | wc -w) = {paths} ] && echo $found"
    ));
    (server, found.split_whitespace().map(str::to_owned).collect())
}

/// Makes a map, as multipath-tools would name it, with the link that udev would make.
#[track_caller]
fn map(machine: &mut Machine, name: &str, [one, other]: [&str; 2]) {
    let table = format!("0 {BLOCKS} multipath 0 0 1 1 round-robin 0 2 1 {one} 1000 {other} 1000");
    machine.tell(&format!(
        "dmsetup --noudevsync create {name} --uuid mpath-{name} --table '{table}'
         mkdir -p /dev/mapper
         for map in /sys/block/dm-*; do
             grep -qx {name} $map/dm/name && ln -sf ../$(basename $map) /dev/mapper/{name} && exit 0
         done; exit 1"
    ));
}

#[track_caller]
fn report(machine: &mut Machine, node: &str, code: i32) -> Value {
    let ran = machine.ask(&format!("expunge plan {node} --method purge --json"));
    assert_eq!(ran.code, code, "{node}: {ran:?}");
    serde_json::from_str::<Value>(ran.stdout.trim()).unwrap()["plans"][0].clone()
}

fn codes(report: &Value) -> Vec<&str> {
    report["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

#[test]
fn a_drive_on_two_paths_is_purged_through_its_map() {
    let (target, other) = (drive(51), drive(52));
    let mut machine = Machine::boot(image(), &[], Console::Kept).unwrap();
    let (_first, _) = attach(&mut machine, "path-a", &target, 1);
    let (_second, paths) = attach(&mut machine, "path-b", &target, 2);
    let (_third, stranger) = attach(&mut machine, "other", &other, 1);
    let paths = [paths[0].as_str(), paths[1].as_str()];
    machine.tell("modprobe dm-multipath && modprobe dm-round-robin");

    // Two drives in one map are no drive.
    map(&mut machine, "mixed", [paths[0], &stranger[0]]);
    let mixed = report(&mut machine, "/dev/mapper/mixed", 3);
    assert_eq!(codes(&mixed), ["not-a-drive"], "{mixed:#}");
    machine.tell("dmsetup --noudevsync remove mixed");

    map(&mut machine, "mpatha", paths);
    let listed = machine.tell("expunge list --json");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let drives = listed["drives"].as_array().unwrap();
    let with_serial = |drive: &&Value| drive["confirm"] == target.1.as_str();
    let nodes: Vec<&Value> = drives.iter().filter(with_serial).map(|drive| &drive["facts"]["node"]).collect();
    assert_eq!(nodes.len(), 1, "{listed:#}");
    assert!(nodes[0].as_str().unwrap().starts_with("/dev/dm-"), "{listed:#}");
    // A path alone is held, and so is the other one.
    let held = report(&mut machine, paths[0], 3);
    assert_eq!(codes(&held), ["holder"; 2], "{held:#}");

    // What stands on the map refuses it.
    machine.tell(&format!("dmsetup --noudevsync create upper --table '0 8 linear {MAP} 0'"));
    assert_eq!(codes(&report(&mut machine, MAP, 3)), ["holder"]);
    machine.tell("dmsetup --noudevsync remove upper");

    let plan = report(&mut machine, MAP, 0);
    assert_eq!(plan["plan"]["identity"]["serial"], target.1.as_str());
    let digest = plan["digest"].as_str().unwrap();
    let line = format!("expunge sanitize {MAP} --method purge --confirm {} --state /run/state", target.1);
    // Without a terminal the plan must be named, and the refusal says how.
    let refused = machine.ask(&line);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stdout.contains(&format!("--plan {digest}")), "{refused:?}");
    assert_eq!(target.0.oracle().deeds().len(), 0, "nothing was sent");
    let ran = machine.ask(&format!("{line} --plan {digest} 2>&1"));
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    let record = machine.ask("expunge certificate show /run/state/records/*.json").stdout;
    assert_eq!(record.matches("64 changed, 0 survived, 0 unreadable").count(), 2, "{record}");
    assert!(record.contains("8192 blocks right, 0 other content"), "{record}");
    let works: Vec<Work> = target.0.oracle().deeds().iter().map(|deed| deed.work).collect();
    assert_eq!(works, [Work::CryptoErase, Work::BlockErase]);
    let residue = target.0.oracle().residue();
    assert!(residue.addressable.is_empty() && residue.unaddressable_cells == 0, "{residue:?}");
    assert_eq!(other.0.oracle().deeds().len(), 0, "the other drive got no command");
}
