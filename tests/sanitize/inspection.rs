//! `verify DEVICE --expect`: drives that another program overwrote.
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde_json::Value;

use super::Drive;
use crate::common::{Expunge, Record};

const SIZE: u64 = (5 << 20) + 512;
const BLOCKS: u64 = SIZE / 512;

/// Another program's overwrite.
fn fill(drive: &Drive, byte: u8) {
    let mut file = OpenOptions::new().write(true).open(drive.file()).unwrap();
    file.write_all(&vec![byte; usize::try_from(SIZE).unwrap()]).unwrap();
    file.sync_all().unwrap();
}

fn spoil(drive: &Drive, offset: u64) {
    let file = OpenOptions::new().write(true).open(drive.file()).unwrap();
    file.write_all_at(b"?", offset).unwrap();
    file.sync_all().unwrap();
}

/// Runs the inspection twice, for people and for programs; gives the JSON and the record.
#[track_caller]
fn inspect(drive: &Drive, expect: &str, code: i32) -> (Value, Record, String) {
    let expunge = Expunge::new();
    let mut command = expunge.command(["verify", drive.device.arg(), "--expect", expect]);
    command.arg("--out").arg(expunge.out()).arg("--key").arg(expunge.key());
    let people = expunge.finish(&mut command).expect_code(code);
    let ran = expunge.finish(command.arg("--json")).expect_code(code);
    let result = ran.result();
    let record = Record::read(Path::new(result["record"]["path"].as_str().unwrap()));
    assert_eq!(record.statement["predicateType"], "urn:expunge:media-inspection-record:v1");
    let name = record.file_name();
    assert!(name.contains("INSPECTION") && !name.contains("certificate"), "{name}");
    // Authentic, and never a certificate, however well it went.
    expunge.check(&record.path).expect_code(4);
    (result, record, people.stdout)
}

#[test]
fn a_drive_that_holds_what_is_expected_matches_and_gets_no_certificate() {
    let drive = Drive::new(SIZE, 512);
    for (byte, expect) in [(0, "zero"), (0xFF, "ones"), (0xAA, "0xAA")] {
        fill(&drive, byte);
        let (result, record, said) = inspect(&drive, expect, 0);
        assert_eq!(result["outcome"], "matches");
        assert_eq!(record.text("/outcome"), "matches");
        assert_eq!(record.number("/verification/tally/matched"), BLOCKS);
        assert!(said.contains("not a certificate"), "{said}");
    }
}

#[test]
fn first_and_last_block_that_differ_are_named() {
    for (offsets, first, last) in [
        (&[0_u64][..], 0, 0),
        (&[SIZE - 1], BLOCKS - 1, BLOCKS - 1),
        (&[512 * 700 + 17, 512 * 9000], 700, 9000),
    ] {
        let drive = Drive::new(SIZE, 512);
        fill(&drive, 0);
        offsets.iter().for_each(|offset| spoil(&drive, *offset));
        let (result, record, said) = inspect(&drive, "zero", 5);
        assert_eq!((&result["outcome"], &result["exit_status"]), (&"differs".into(), &5.into()));
        assert_eq!(result["first_differing"], first);
        assert_eq!(result["last_differing"], last);
        assert_eq!((record.number("/firstDiffering"), record.number("/lastDiffering")), (first, last));
        let words = format!("first block that differs: LBA {first}; last: LBA {last}");
        assert!(said.contains(&words), "{said}");
    }
}

#[test]
fn another_byte_everywhere_differs_everywhere_and_nothing_is_written() {
    let drive = Drive::new(SIZE, 512);
    let (_, record, _) = inspect(&drive, "ones", 5);
    assert_eq!(record.ranges("/verification/tally/mismatched"), [(0, BLOCKS)]);
    drive.expect_unchanged();
}
