//! Several drives in one command: all guards before any effect, and one refusal refuses all.
use std::fs::File;
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::{Drive, Drives, journals};
use crate::common::{Expunge, Ran, Record, require};

fn outcomes(ran: &Ran) -> Vec<String> {
    let drives = ran.result()["drives"].as_array().unwrap().clone();
    drives.iter().map(|drive| drive["outcome"].as_str().unwrap().to_owned()).collect()
}

fn reasons(ran: &Ran) -> Vec<Value> {
    let drives = ran.result()["drives"].as_array().unwrap().clone();
    drives.iter().map(|drive| drive["reason"]["code"].clone()).collect()
}

#[test]
fn all_are_done_each_with_its_own_key_and_record() {
    let drives = Drives::new(3);
    let expunge = Expunge::new();
    let ran = expunge.sanitize(drives.arguments()).expect_code(0).expect_text("3 of 3 drives done");
    let records = Record::all_in(&expunge.out());
    assert_eq!(records.len(), 3);
    for drive in &drives.drives {
        let record = records.iter().find(|record| record.text("/drive/node") == drive.device.arg()).unwrap();
        drive.expect_done(record);
        assert!(ran.stdout.contains(record.path.to_str().unwrap()), "{}", ran.stdout);
    }
    let mut keys: Vec<String> = records.iter().map(|record| record.last_pattern().to_string()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

#[test]
fn a_wrong_confirmation_refuses_all_and_writes_nothing() {
    let drives = Drives::new(3);
    let expunge = Expunge::new();
    let mut arguments = drives.arguments();
    *arguments.last_mut().unwrap() = "/some/other/file".to_owned();
    arguments.push("--json".to_owned());
    let ran = expunge.sanitize(arguments).expect_code(3);
    assert_eq!(outcomes(&ran), ["refused"; 3]);
    assert!(reasons(&ran).contains(&"confirmation-mismatch".into()), "{:?}", reasons(&ran));
    drives.expect_unchanged();
    assert!(Record::all_in(&expunge.out()).is_empty());
    assert!(!journals(&expunge).is_empty(), "the refusal is kept");
}

#[test]
fn a_missing_confirmation_refuses_all_and_writes_nothing() {
    let drives = Drives::new(2);
    let expunge = Expunge::new();
    let mut arguments = drives.arguments();
    arguments.truncate(4);
    arguments.push("--json".to_owned());
    let ran = expunge.sanitize(arguments).expect_code(3);
    assert_eq!(outcomes(&ran), ["refused"; 2]);
    drives.expect_unchanged();
}

/// One is held open by another process: with `--each` the others run, without it none does.
#[test]
fn a_drive_in_use_refuses_all_unless_each_is_given() {
    let drives = Drives::new(3);
    let expunge = Expunge::new();
    let holder = File::open(drives.drives[1].device.node()).unwrap();
    let arguments: Vec<String> = drives.arguments().into_iter().chain(["--json".to_owned()]).collect();
    let ran = expunge.sanitize(arguments.clone()).expect_code(3);
    assert_eq!(outcomes(&ran), ["refused"; 3]);
    assert_eq!(reasons(&ran)[1], "open-elsewhere");
    drives.expect_unchanged();
    let ran = expunge.sanitize(arguments.into_iter().chain(["--each".to_owned()])).expect_code(3);
    assert_eq!(outcomes(&ran), ["done", "refused", "done"]);
    drives.drives[1].expect_unchanged();
    drop(holder);
    let records = Record::all_in(&expunge.out());
    assert_eq!(records.len(), 2);
    for (drive, record) in [0, 2].map(|index| &drives.drives[index]).iter().zip([0, 2].map(|index| {
        let node = drives.drives[index].device.arg();
        records.iter().find(|record| record.text("/drive/node") == node).unwrap()
    })) {
        drive.expect_done(record);
    }
}

#[test]
fn a_mounted_drive_refuses_all_with_the_command_that_releases_it() {
    require::tool("mkfs.ext4", "e2fsprogs");
    let drives = Drives::new(2);
    let node = drives.drives[0].node_text();
    crate::common::process::tool("mkfs.ext4", &["-q", &node]);
    let point = tempfile::tempdir().unwrap();
    let mount = Mounted::new(&node, point.path().to_str().unwrap());
    let expunge = Expunge::new();
    let ran = expunge.sanitize(drives.arguments()).expect_code(3);
    assert!(ran.stdout.contains(&format!("umount {}", mount.0)), "{}", ran.stdout);
    drives.drives[1].expect_unchanged();
    drop(mount);
    let ran = expunge.sanitize(drives.arguments()).expect_code(0);
    assert!(ran.stdout.contains("2 of 2"), "{}", ran.stdout);
}

struct Mounted(String);

impl Mounted {
    fn new(node: &str, point: &str) -> Self {
        crate::common::process::tool("mount", &[node, point]);
        Self(point.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        crate::common::process::tool("umount", &[&self.0]);
    }
}

#[test]
fn two_names_of_one_drive_are_refused() {
    let drives = Drives::new(2);
    let link = tempfile::tempdir().unwrap();
    let name = link.path().join("the-same");
    symlink(drives.drives[0].device.node(), &name).unwrap();
    for second in [drives.drives[0].node_text(), name.to_str().unwrap().to_owned()] {
        let expunge = Expunge::new();
        let mut arguments = drives.arguments();
        arguments.push(second);
        let ran = expunge.sanitize(arguments.clone()).expect_code(3);
        assert!(ran.stdout.contains("REFUSED"), "{}", ran.stdout);
        drives.expect_unchanged();
        arguments.push("--json".to_owned());
        let ran = expunge.sanitize(arguments).expect_code(3);
        assert_eq!(outcomes(&ran), ["refused"; 3]);
        drives.expect_unchanged();
    }
}

#[test]
fn what_belongs_to_one_drive_is_a_usage_error_for_several() {
    let drives = Drives::new(2);
    let expunge = Expunge::new();
    let digest = "0".repeat(64);
    let plans = ["--plan", digest.as_str()].repeat(drives.drives.len() + 1);
    for more in [&plans[..], &["--asset-tag", "7"], &["--ticket", "T"]] {
        let more = more.iter().copied().map(str::to_owned);
        expunge.sanitize(drives.arguments().into_iter().chain(more)).expect_code(2);
    }
    drives.expect_unchanged();
}

#[test]
fn each_of_several_drives_has_its_own_plan() {
    let drives = Drives::new(2);
    let expunge = Expunge::new();
    let digest = |drive: &Drive| {
        let plan = expunge.run(["plan", drive.device.arg(), "--json"]).expect_code(0).json();
        plan["plans"][0]["digest"].as_str().unwrap().to_owned()
    };
    let digests: Vec<String> = drives.drives.iter().map(digest).collect();
    let with = |plans: &[&String]| {
        let plans = plans.iter().flat_map(|plan| ["--plan".to_owned(), plan.to_string()]);
        drives.arguments().into_iter().chain(plans).collect::<Vec<_>>()
    };
    expunge.sanitize(with(&[&digests[1]])).expect_code(3).expect_text("plan-changed");
    drives.expect_unchanged();
    expunge.sanitize(with(&[&digests[1], &digests[0]])).expect_code(0);
}
