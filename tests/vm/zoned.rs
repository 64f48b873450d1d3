//! Zones that must be written in sequence, behind the kernel's own drivers: a namespace of zones that qemu emulates, and a
//! SCSI disk with zones of the kernel's `scsi_debug`. What is left is looked for in qemu's file on the host, and by `dd` and
//! `grep`; what the zones are is read by `blkzone` of util-linux.
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bench::{Bench, clear};
use crate::host::machine::{Disk, Emulated};
use crate::support::Ask as _;

const MIB: usize = 1 << 20;

/// Zones of qemu's drive, as `host/machine.rs` asks for them.
const ZONES: usize = 8;
const LENGTH: usize = 4 * MIB;
const CELLS: usize = 3 * MIB;

const OLD: &[u8; 16] = b"OLD DATA OF ZONE";

/// Pieces of old data in each zone of a file, in the part with cells and in the part without.
fn residue(file: &Path) -> Vec<(usize, usize)> {
    let bytes = fs::read(file).unwrap();
    let old = |part: &[u8]| part.chunks(16).filter(|chunk| chunk == OLD).count();
    bytes.chunks(LENGTH).map(|zone| (old(&zone[..CELLS]), old(&zone[CELLS..]))).collect()
}

/// Conditions of all zones of a node, as `blkzone report` prints them: `fu` full, `em` empty, `nw` without a pointer.
#[track_caller]
fn conditions(bench: &mut Bench, node: &str) -> Vec<String> {
    let report = bench.machine().tell(&format!("blkzone report {node}"));
    report
        .lines()
        .map(|line| {
            let after = line.split("zcond:").nth(1).unwrap_or_else(|| panic!("{line}"));
            after.split(['(', ')']).nth(1).unwrap_or_else(|| panic!("{line}")).to_owned()
        })
        .collect()
}

/// The record as it was signed.
#[track_caller]
fn limits(bench: &mut Bench, record: &str) -> Vec<String> {
    let shown = bench.machine().ask(&format!("expunge certificate show {record} --json"));
    let shown: Value =
        serde_json::from_str(shown.stdout.trim()).unwrap_or_else(|error| panic!("{error}: {shown:?}"));
    let limits = shown["predicate"]["limits"].as_array().cloned();
    let limits = limits.unwrap_or_else(|| panic!("no limits in the record"));
    limits.iter().map(|limit| limit["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn zones_that_call_themselves_empty_are_cleared_to_their_last_cell() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("zns");
    fs::write(&file, OLD.repeat(ZONES * LENGTH / OLD.len())).unwrap();
    let mut bench = Bench::new(&[Disk::new(Emulated::Zoned, &file, "ZNS-1")], &[]);
    let node = bench.node("ZNS-1");

    // Both zones that can be open are, from former use.
    for zone in [1, 2] {
        let at =
            format!("dd if=/dev/zero of={node} bs=64k count=1 seek={} oflag=direct", zone * LENGTH / 65536);
        bench.machine().tell(&at);
    }
    // The others say that they are empty, and their cells are full of old data.
    assert_eq!(conditions(&mut bench, &node), ["em", "oi", "oi", "em", "em", "em", "em", "em"]);
    let full = (CELLS / OLD.len(), (LENGTH - CELLS) / OLD.len());
    assert_eq!(residue(&file)[4], full);

    let fate = bench.sanitize(&[clear("ZNS-1", "")]).remove(0);
    fate.expect(0, "done", &[]);
    // qemu itself fills a zone that was open with zeros when it is reset, with the addresses that have no cells.
    let mut expected = [(0, full.1); ZONES];
    (expected[1], expected[2]) = ((0, 0), (0, 0));
    assert_eq!(residue(&file), expected, "nothing is left in cells, and what has none was let alone");
    assert_eq!(conditions(&mut bench, &node), ["fu"; ZONES]);
    let record = fate.record().to_owned();
    assert!(limits(&mut bench, &record).contains(&"addresses-without-cells".to_owned()));
    let (code, text) = bench.check(&record);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("2048 addresses have no cells"), "{text}");
}

/// The program is killed when some zones are durable; what goes on begins with the zone that was at work.
#[test]
fn a_scsi_disk_with_conventional_and_sequential_zones_is_cleared_in_two_sittings() {
    let mut bench = Bench::new(&[], &[]);
    bench
        .machine()
        .tell("modprobe scsi_debug zbc=managed dev_size_mb=32 zone_size_mb=4 zone_nr_conv=2 zone_max_open=2");
    let name = bench.machine().until("grep -l scsi_debug /sys/block/sd*/device/model | cut -d / -f 4");
    let node = format!("/dev/{}", name.trim());
    // Old data everywhere; the last two zones are left open.
    let fill = |more: &str| format!("yes canary | dd of={node} bs=128k iflag=fullblock oflag=direct {more}");
    bench.machine().ask(&fill(""));
    bench.machine().tell(&format!("blkzone reset -o $((6 * 8192)) -c 2 {node}"));
    bench.machine().tell(&fill("count=3 seek=192"));
    bench.machine().tell(&fill("count=3 seek=224"));
    assert_eq!(conditions(&mut bench, &node)[5..], ["fu", "oi", "oi"]);
    let canaries = format!("dd if={node} bs=1M iflag=direct 2>/dev/null | grep -acm 1 '^canary$'");
    assert_ne!(bench.machine().ask(&canaries).stdout.trim(), "0");
    let serial = bench.machine().tell(&format!("sg_inq -p 0x80 --raw {node} | tail -c +5"));

    bench.begin(&[clear(serial.trim(), "--rule checkpoint=20ms")]);
    bench
        .machine()
        .until("[ $(cat /state/jobs/*/* /state/jobs/* 2>/dev/null | grep -c '\"checkpoint\",') -ge 3 ]");
    bench.machine().tell("kill -9 $(pidof expunge)");
    bench.machine().until("! pidof expunge");
    assert_ne!(bench.machine().ask(&canaries).stdout.trim(), "0", "it was killed in the middle");
    let listed = bench.jobs();
    let job = listed[0]["job"].as_str().unwrap().to_owned();
    let resumed = bench.machine().ask(&format!("expunge resume {job} --state /state --json </dev/null"));
    let last = resumed.stdout.lines().last().unwrap_or_default();
    let result: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {resumed:?}"));
    assert_eq!((resumed.code, &result["drives"][0]["outcome"]), (0, &Value::from("done")), "{last}");

    assert_eq!(bench.machine().ask(&canaries).stdout.trim(), "0");
    let found = conditions(&mut bench, &node);
    assert_eq!(
        (&found[..2], &found[2..]),
        (&["nw"; 2].map(String::from)[..], &["fu"; 6].map(String::from)[..])
    );
    let record = result["drives"][0]["record"]["path"].as_str().unwrap().to_owned();
    let (code, text) = bench.check(&record);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("interrupt"), "{text}");
}
