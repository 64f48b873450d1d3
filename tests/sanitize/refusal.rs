//! Drives that cannot be written: dead ones get a record, read-only ones a refusal.
use std::fs;

use super::Drive;
use crate::common::process::tool;
use crate::common::{Expunge, Record};

#[test]
fn a_drive_without_capacity_cannot_be_sanitized_and_gets_a_record_that_says_destroy() {
    let drive = Drive::new(1 << 20, 512);
    fs::OpenOptions::new().write(true).open(drive.file()).unwrap().set_len(0).unwrap();
    drive.device.refresh_size();
    assert_eq!(tool("blockdev", &["--getsize64", drive.device.arg()]).trim(), "0");
    let expunge = Expunge::new();
    let ran = expunge.overwrite(drive.node(), drive.file(), &["--json"]).expect_code(4);
    let one = &ran.result()["drives"][0];
    assert_eq!((&one["outcome"], &one["disposition"]), (&"unsanitizable".into(), &"to-destroy".into()));
    assert_eq!(one["reason"]["code"], "no-capacity");
    let record = Record::only_in(&expunge.out());
    record.expect_other("unsanitizable", "Record: cannot be sanitized here, destroy", "NOT-SANITIZED");
    assert_eq!(record.at("/passes").as_array().unwrap().len(), 0);
    expunge.check(&record.path).expect_code(4);
}

#[test]
fn a_read_only_drive_is_refused_with_what_releases_it() {
    let drive = Drive::new(1 << 20, 512);
    tool("blockdev", &["--setro", drive.device.arg()]);
    let expunge = Expunge::new();
    let ran = expunge.overwrite(drive.node(), drive.file(), &["--json"]).expect_code(3);
    let reason = &ran.result()["drives"][0]["reason"];
    assert_eq!(reason["code"], "read-only");
    assert!(!reason["remedy"].as_str().unwrap().is_empty());
    tool("blockdev", &["--setrw", drive.device.arg()]);
    drive.expect_unchanged();
    assert!(Record::all_in(&expunge.out()).is_empty());
    // What was refused is in a journal, with its reason (P9).
    let journals = fs::read_dir(expunge.state().join("jobs")).unwrap();
    let text: String = journals.map(|one| fs::read_to_string(one.unwrap().path()).unwrap()).collect();
    assert!(text.contains("\"entry\":\"refused\"") && text.contains("read-only"), "{text}");
    expunge.overwrite(drive.node(), drive.file(), &[]).expect_code(0);
}

#[test]
fn nobody_confirming_is_a_refusal_that_names_the_option() {
    let drive = Drive::new(1 << 20, 512);
    let expunge = Expunge::new();
    let ran = expunge.sanitize([drive.device.arg()]).expect_code(3);
    let option = format!("--confirm {}", drive.file().display());
    assert!(ran.stdout.contains(&option) && ran.stdout.contains("confirmation-missing"), "{}", ran.stdout);
    drive.expect_unchanged();
}

#[test]
fn the_digest_of_the_plan_is_held_against_todays_plan() {
    let drive = Drive::new(1 << 20, 512);
    let expunge = Expunge::new();
    let plan = expunge.run(["plan", drive.device.arg(), "--json"]).expect_code(0).json();
    let digest = plan["plans"][0]["digest"].as_str().unwrap().to_owned();
    let wrong = "0".repeat(64);
    for arguments in [&["--plan", &wrong][..], &["--plan", &digest, "--pass", "zero"]] {
        let ran = expunge.overwrite(drive.node(), drive.file(), arguments).expect_code(3);
        assert!(ran.stdout.contains("plan-changed"), "{}", ran.stdout);
        drive.expect_unchanged();
    }
    expunge.overwrite(drive.node(), drive.file(), &["--plan", "xyz"]).expect_code(2);
    drive.expect_unchanged();
    expunge.overwrite(drive.node(), drive.file(), &["--plan", &digest]).expect_code(0);
    let record = Record::only_in(&expunge.out());
    record.expect_certificate();
    assert_eq!(record.text("/planDigest"), digest);
    drive.expect_holds(&record);
}
