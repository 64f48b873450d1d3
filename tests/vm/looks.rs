//! What a person does before a job: looks at drives, gives a capture away, finds a drive at work for somebody else, or
//! frozen.
use std::fs::File;
use std::time::Duration;

use expunge::sim::controller::{AtaTraits, NvmeSpec, Quirk, ScsiSpec, Shape, Work};
use serde_json::Value;

use crate::bench::{Bench, purge};
use crate::drives::{Drive, shape, taking};
use crate::host::machine::{Disk, Emulated};
use crate::support::Ask as _;

const HOUR: Duration = Duration::from_secs(3_600);

/// Every byte of a capture: the text, and what its rows stand for.
fn all_bytes(text: &str) -> Vec<u8> {
    let capture: Value = serde_json::from_str(text).unwrap();
    let mut all = text.as_bytes().to_vec();
    for asked in capture["asked"].as_array().unwrap() {
        for row in asked["received"]["rows"].as_array().into_iter().flatten() {
            let digits = row.as_str().unwrap().split_once(": ").unwrap().1;
            let pairs = digits.as_bytes().chunks_exact(2);
            all.extend(pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()));
        }
    }
    all
}

#[track_caller]
fn expect_nothing_of(serial: &str, all: &[u8]) {
    let swapped: Vec<u8> = serial.as_bytes().chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect();
    for name in [serial.as_bytes().to_vec(), swapped] {
        let found = all.windows(name.len()).any(|window| window.eq_ignore_ascii_case(&name));
        assert!(!found, "{serial} is in its capture");
    }
}

/// What does not hang on bytes that were redacted: what the drive can do, its health, and what stands in the way.
fn told(inspected: &str) -> Value {
    let mut told: Value = serde_json::from_str(inspected.trim()).unwrap();
    let capability = told["facts"]["capability"].take();
    serde_json::json!({
        "interface": capability["interface"],
        "health": capability["health"],
        "gaps": capability["gaps"],
        "hindrances": told["hindrances"].take(),
        "kind": told["facts"]["kind"].take(),
        "reach": told["facts"]["reach"].take(),
        "model": told["facts"]["identity"]["model"].take(),
    })
}

#[test]
fn captures_tell_the_same_and_foreign_or_frozen_drives_are_told_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let kinds = [
        (Emulated::Nvme, "QNVM-4711-0815"),
        (Emulated::Ata, "QATA-4711-0815"),
        (Emulated::Scsi, "QSCS-4711-0815"),
    ];
    let disks = kinds.map(|(kind, serial)| {
        let file = directory.path().join(serial);
        File::create(&file).unwrap().set_len(8 << 20).unwrap();
        Disk::new(kind, &file, serial)
    });
    let slow = |number| Shape { crypto_ms: 300, ..taking(number, 3_600_000) };
    let nvme = Drive::nvme(NvmeSpec::new(slow(51)));
    let sas = Drive::scsi(ScsiSpec::scsi(slow(52)));
    let frozen = Drive::scsi(ScsiSpec::ata(shape(53).with(Quirk::FrozenByFirmware), AtaTraits::solid()));
    let drives = [&nvme, &sas, &frozen];
    let mut bench = Bench::new(&disks, &drives);

    // A capture tells what the drive told, and not which one it was.
    let serials = kinds.iter().map(|(_, serial)| *serial).chain(drives.map(|drive| drive.serial.as_str()));
    for (number, serial) in serials.enumerate() {
        let asked = bench.machine().ask(&format!(
            "cd /tmp && expunge inspect serial:{serial} --capture {number}.capture --json >{number}.seen"
        ));
        assert_eq!(asked.code, 0, "{serial}: {asked:?}");
        let (seen, again) = (
            bench.machine().tell(&format!("cat /tmp/{number}.seen")),
            bench.machine().tell(&format!("expunge inspect --from /tmp/{number}.capture --json")),
        );
        assert_eq!(told(&seen.replace(serial, &"X".repeat(serial.len()))), told(&again), "{serial}");
        let capture = String::from_utf8(bench.machine().pull(&format!("/tmp/{number}.capture")).unwrap());
        expect_nothing_of(serial, &all_bytes(&capture.unwrap()));
        assert!(seen.contains(serial), "and it was there");
    }

    // A frozen drive in no enclosure: nothing can be switched, and what helps is said.
    let said = bench.machine().ask(&format!("expunge unfreeze serial:{0} --confirm {0}", frozen.serial));
    assert_eq!(said.code, 3, "{said:?}");
    for words in
        ["its power was not touched", "[frozen]", "in no bay", "pull the drive out", "suspend the host"]
    {
        assert!(said.stdout.contains(words), "{words:?} is missing: {said:?}");
    }
    let refused = bench.machine().ask(&format!("expunge unfreeze serial:{} --json", frozen.serial)).stdout;
    let refused: Value = serde_json::from_str(refused.trim()).unwrap();
    assert_eq!((&refused["outcome"], &refused["slot"]), (&"refused".into(), &Value::Null), "{refused}");

    // Drives that other programs have told to sanitize themselves: nothing more is sent, and nothing is claimed.
    let (controller, unit) = (bench.node(&nvme.serial), bench.node(&sas.serial));
    bench.machine().tell(&format!("nvme sanitize {} -a 2", controller.trim_end_matches("n1")));
    bench.machine().tell(&format!("sg_sanitize --block --quick --early {unit}"));
    for fate in bench.sanitize(&[purge(&nvme, ""), purge(&sas, "")]) {
        fate.expect(3, "refused", &["firmware-busy"]);
        fate.expect_words("it is not this job's");
        assert_eq!(
            (fate.drive["record"].is_null(), fate.drive["job"].is_null()),
            (true, true),
            "{}",
            fate.said
        );
    }
    for (drive, sanitize) in [(&nvme, 0x84), (&sas, 0x48)] {
        let asked = drive.oracle().asked();
        let sent = asked.iter().filter(|asked| asked.command.first() == Some(&sanitize)).count();
        assert_eq!(
            (sent, drive.works()),
            (1, vec![]),
            "the other program's, which is at work: {}",
            drive.serial
        );
    }

    // Asked to wait, plans and jobs begin when that is over, and claim nothing of it.
    let both = [&nvme, &sas];
    bench.begin(&both.map(|drive| purge(drive, "--await-running 60")));
    bench.machine().until("[ $(grep -l '^waiting since 0 min: ' /tmp/fates/*.plan | wc -l) = 2 ]");
    both.iter().for_each(|drive| drive.pass_time(HOUR));
    bench.await_progress("[01].out", 1, 2);
    both.iter().for_each(|drive| drive.pass_time(HOUR));
    for (drive, fate) in both.iter().zip(bench.await_fates(2)) {
        fate.expect(0, "done", &[]);
        drive.expect_no_residue();
        assert_eq!(
            drive.works(),
            [Work::BlockErase, Work::CryptoErase, Work::BlockErase],
            "theirs, then ours"
        );
        let (code, text) = bench.check(fate.record());
        assert_eq!(code, 0, "{text}");
    }
}
