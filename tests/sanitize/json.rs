//! What programs read: events as JSON lines, and one object at the end.
use std::collections::BTreeSet;

use serde_json::Value;

use super::Drive;
use crate::common::{Expunge, Record};

/// The list of the published command line, in its order.
const FIELDS: [&str; 19] = [
    "job",
    "node",
    "serial",
    "wwn",
    "model",
    "bytes",
    "units",
    "confirm",
    "profile",
    "asset_tag",
    "ticket",
    "outcome",
    "claim",
    "verified",
    "disposition",
    "reason",
    "exit_status",
    "record",
    "resumable",
];

fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn expect_fields(drive: &Value) {
    let missing: Vec<_> = FIELDS.iter().filter(|field| !names(drive).contains(**field)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in {drive}");
}

#[test]
fn every_line_is_json_with_a_schema_and_the_last_has_every_field() {
    let drive = Drive::new((3 << 20) + 512, 512);
    let expunge = Expunge::new();
    let more = ["--json", "--ticket", "T-1", "--asset-tag", "A 7"];
    let ran = expunge.overwrite(drive.node(), drive.file(), &more).expect_code(0);
    let lines = ran.json_lines();
    let events: BTreeSet<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, BTreeSet::from(["pass-ended", "progress", "result", "verified"]));
    let (result, events) = lines.split_last().unwrap();
    for event in events {
        assert_eq!(event["schema"], "urn:expunge:event:v1", "{event}");
        assert!(event["job"].is_string() && event["drive"].is_string(), "{event}");
    }
    assert_eq!(result["schema"], "urn:expunge:sanitize-result:v1");
    let one = &result["drives"][0];
    expect_fields(one);
    let record = Record::only_in(&expunge.out());
    assert_eq!(one["job"], record.text("/jobId"));
    assert_eq!(one["node"], drive.device.arg());
    assert_eq!(one["confirm"], drive.file().to_str().unwrap());
    assert_eq!(one["bytes"], (3 << 20) + 512);
    assert_eq!((&one["ticket"], &one["asset_tag"]), (&"T-1".into(), &"A 7".into()));
    assert_eq!((&one["outcome"], &one["verified"]), (&"done".into(), &true.into()));
    assert_eq!((&one["exit_status"], &result["exit_status"]), (&0.into(), &0.into()));
    assert!(one["reason"].is_null());
    assert_eq!(names(&one["claim"]), BTreeSet::from(["basis", "method", "policy", "standard", "technique"]));
    let path = one["record"]["path"].as_str().unwrap();
    assert_eq!(path, record.path.to_str().unwrap());
    let sum = crate::common::process::tool("sha256sum", &[path]);
    assert_eq!(sum.split_whitespace().next(), one["record"]["sha256"].as_str());
}

#[test]
fn a_refusal_is_the_same_object_with_its_reason() {
    let drive = Drive::new(1 << 20, 512);
    let expunge = Expunge::new();
    let ran = expunge.sanitize([drive.device.arg(), "--confirm", "another drive", "--json"]).expect_code(3);
    let lines = ran.json_lines();
    assert_eq!(lines.len(), 1);
    let one = &lines[0]["drives"][0];
    expect_fields(one);
    assert_eq!(one["outcome"], "refused");
    assert_eq!(names(&one["reason"]), BTreeSet::from(["class", "code", "remedy", "text"]));
    assert_eq!(one["reason"]["code"], "confirmation-mismatch");
    assert_eq!(one["reason"]["class"], "identity");
    assert!(one["record"].is_null());
    drive.expect_unchanged();
}

/// Every command that has `--json` prints one object with a schema and nothing else.
#[test]
fn the_other_commands_print_one_object_each() {
    let drive = Drive::new(1 << 20, 512);
    let expunge = Expunge::new();
    let node = drive.device.arg();
    for arguments in [&["list", "--json"][..], &["inspect", node, "--json"], &["plan", node, "--json"]] {
        let answer = expunge.run(arguments.iter().copied()).expect_code(0).json();
        let schema = answer["schema"].as_str().unwrap_or_default();
        assert!(schema.starts_with("urn:expunge:"), "{arguments:?}: {schema:?}");
    }
    drive.expect_unchanged();
}
