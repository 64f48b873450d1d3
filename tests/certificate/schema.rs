//! The published schema describes every record we make, and nothing less: every field is in it.
use std::collections::BTreeSet;
use std::io::Write as _;

use expunge::certificate::check::Content;
use expunge::certificate::{RecordInput, Statement, inspect};
use expunge::plan::{PassPattern, VerificationPlan};
use expunge::unit::term::{DriveKind, Outcome};
use expunge::unit::{BlockCount, Digest};
use serde_json::{Value, json};

use crate::purges::{every_purge, nvme_formatted, nvme_sanitized, only_asked, unhappy_purges};
use crate::support::{
    eventful_job, every_kind_of_pass, every_outcome, finished, good_job, inspection, interrupted_job, plan,
    range, statement, texts,
};

const SCHEMA: &str = include_str!("../../docs/schema/record-v1.json");

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::validator_for(&schema).unwrap()
}

fn payload(statement: &Statement) -> Value {
    serde_json::from_slice(&statement.payload()).unwrap()
}

fn errors(validator: &jsonschema::Validator, value: &Value) -> String {
    validator.iter_errors(value).map(|error| format!("{error} at {}\n", error.instance_path())).collect()
}

fn samples() -> Vec<Statement> {
    let mut statements: Vec<Statement> =
        every_outcome().into_iter().map(|(_, statement)| statement).collect();
    statements.push(statement(every_kind_of_pass()));
    statements.push(statement(interrupted_job()));
    statements.push(statement(eventful_job()));
    for kind in [DriveKind::Flash, DriveKind::Unknown, DriveKind::LogicalVolume, DriveKind::TestObject] {
        let plans = [
            VerificationPlan::Full { instead_of_sample: Some("too small".into()) },
            VerificationPlan::SampledR1 { subsections: 1000, run_blocks: BlockCount(101) },
        ];
        for verification in plans {
            statements.push(statement(finished(plan(kind, vec![PassPattern::Keyed], verification))));
        }
    }
    let (confidence, fraction) = ("0.99".parse().unwrap(), "0.001".parse().unwrap());
    let draws = VerificationPlan::Sampled { confidence, fraction, strata: 4603 };
    statements.push(statement(finished(plan(DriveKind::Rotating, vec![PassPattern::Keyed], draws))));
    let purges = every_purge().into_iter().chain(unhappy_purges());
    statements.extend(purges.map(|(_, job)| statement(job)));
    statements.push(statement(only_asked()));
    statements.push(inspect(inspection(&[])).unwrap());
    statements.push(inspect(inspection(&[range(5, 5)])).unwrap());
    statements
}

#[test]
fn every_record_fits_the_published_schema() {
    let validator = validator();
    let mut outcomes = BTreeSet::new();
    for statement in samples() {
        let value = payload(&statement);
        assert!(validator.is_valid(&value), "{}", errors(&validator, &value));
        outcomes.insert(value["predicate"]["outcome"].as_str().unwrap().to_owned());
    }
    for outcome in
        ["done", "written", "partial", "failed", "aborted", "unknown", "unsanitizable", "matches", "differs"]
    {
        assert!(outcomes.contains(outcome), "{outcome}");
    }
}

#[test]
fn what_the_schema_must_not_let_through() {
    let validator = validator();
    let genuine = payload(&statement(good_job()));
    let changes: [(&str, Value); 16] = [
        ("/_type", json!("https://in-toto.io/Statement/v0.1")),
        ("/predicateType", json!("urn:expunge:media-sanitization-record:v1")),
        ("/predicateType", json!("urn:expunge:media-inspection-record:v1")),
        ("/predicate/outcome", json!("failed")),
        ("/predicate/claim", Value::Null),
        ("/predicate/disposition", json!("quarantined")),
        ("/predicate/ended", json!("2026-11-22T07:40:00+02:00")),
        ("/predicate/nonce", json!("00")),
        ("/predicate/passes", json!([])),
        ("/predicate/passes/0/tally/written", json!(9_007_199_254_740_992_u64)),
        ("/predicate/passes/0/tally/written", json!(1.5)),
        ("/predicate/passes/0/pattern/key", json!("00")),
        ("/predicate/passes/0/pattern", json!({"type": "stamped", "bytes": "00", "tag": "00"})),
        ("/predicate/passes/0/spec/pattern", json!({"type": "stamped", "bytes": ""})),
        ("/predicate/validation/decision", json!("accepted")),
        ("/predicate/expectedSigners", json!([])),
    ];
    for (pointer, value) in changes {
        let mut changed = genuine.clone();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        assert!(!validator.is_valid(&changed), "{pointer} = {value}");
    }
    let failed = payload(&every_outcome()[2].1);
    assert_eq!(failed["predicate"]["outcome"], serde_json::to_value(Outcome::Failed).unwrap());
    let mut posing = failed;
    posing["predicateType"] = json!("urn:expunge:media-sanitization:v1");
    assert!(!validator.is_valid(&posing));
}

/// Fields that came with version 1.1 or 1.2 and are left out where there is nothing to say.
fn is_optional(pointer: &str, field: &str) -> bool {
    match field {
        "interruptions" | "conduct" | "repair" | "flushFailures" => true,
        "firmware" | "cryptoBasis" | "restore" | "tcg" | "canaryKind" | "defectGrowth" | "firmwareWaits"
        | "kernel" => true,
        "expected" => pointer.ends_with("/verification"),
        "sent" | "received" => pointer.contains("/exchanges/"),
        _ => false,
    }
}

/// No object of a record may have a field that the schema does not know, and none may lack a field.
#[test]
fn every_field_is_required_and_no_other_is_allowed() {
    let validator = validator();
    let mut statements =
        vec![statement(every_kind_of_pass()), statement(eventful_job()), inspect(inspection(&[])).unwrap()];
    let purges = every_purge().into_iter().chain(unhappy_purges());
    statements.extend(purges.map(|(_, job)| statement(short(job))));
    for statement in statements {
        let genuine = payload(&statement);
        assert!(validator.is_valid(&genuine), "{}", errors(&validator, &genuine));
        let mut objects = Vec::new();
        collect_objects(&genuine, String::new(), &mut objects);
        assert!(objects.len() > 25, "{}", objects.len());
        for pointer in objects {
            let fields: Vec<String> =
                genuine.pointer(&pointer).unwrap().as_object().unwrap().keys().cloned().collect();
            let mut more = genuine.clone();
            more.pointer_mut(&pointer).unwrap()["surplus"] = json!(1);
            assert!(!validator.is_valid(&more), "{pointer}/surplus");
            for field in fields.into_iter().filter(|field| !is_optional(&pointer, field)) {
                let mut less = genuine.clone();
                less.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(&field);
                assert!(!validator.is_valid(&less), "without {pointer}/{field}");
            }
        }
    }
}

/// The same with a few pages and exchanges of each list: the others look alike, and there are many.
fn short(mut job: RecordInput) -> RecordInput {
    let firmware = job.firmware.as_mut().unwrap();
    for told in [&mut firmware.before, &mut firmware.after].into_iter().flatten() {
        told.pages.truncate(1);
        told.pages.iter_mut().for_each(|page| {
            page.hex.truncate(0);
            page.sha256 = Digest::of(b"");
        });
    }
    job
}

fn collect_objects(value: &Value, pointer: String, out: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                collect_objects(field, format!("{pointer}/{key}"), out);
            }
            out.push(pointer);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_objects(item, format!("{pointer}/{index}"), out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a file of the fixtures comes to with the keyring beside it.
#[track_caller]
fn checked(file: &str) -> expunge::certificate::CheckReport {
    let read = |file: &str| std::fs::read(format!("{FIXTURES}/{file}")).unwrap();
    let keyring = expunge::certificate::Keyring::parse(&read("keyring.json")).unwrap();
    let report = expunge::certificate::check(&read(file), &keyring);
    let findings: Vec<_> = report.findings.iter().map(|finding| finding.code).collect();
    use expunge::certificate::check::FindingCode::{KeyNote, TimeNotTrusted};
    assert_eq!(findings, [TimeNotTrusted, KeyNote], "{file}: {}", texts(&report.findings));
    let envelope: Value = serde_json::from_slice(&read(file)).unwrap();
    let payload = expunge::certificate::encoding::from_base64(envelope["payload"].as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    let validator = validator();
    assert!(validator.is_valid(&payload), "{file}: {}", errors(&validator, &payload));
    report
}

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/certificate");

/// Every record ever made stays checkable. These are genuine records of each version of the format, as they were
/// written then, with the test key: never made anew, only added to.
#[test]
fn records_of_every_version_still_check_and_fit_the_schema() {
    assert_eq!(checked("sample.dsse.json").exit_status, 0);
    assert_eq!(checked("resumed-1.1.dsse.json").exit_status, 0);
    for purge in ["sanitized-1.2", "formatted-1.2"] {
        assert_eq!(checked(&format!("{purge}.dsse.json")).exit_status, 0);
    }
    let refused = checked("not-started-1.2.dsse.json");
    assert_eq!(refused.exit_status, 4);
    let Some(Content::Job { record, .. }) = refused.content else { panic!("a record of a job") };
    let step = &record.firmware.unwrap().steps[0];
    assert!(step.sent.is_some() && !step.tally.report.as_ref().unwrap().exchanges.is_empty());
    let failed = checked("failed-1.1.dsse.json");
    assert_eq!(failed.exit_status, 4);
    let Some(Content::Job { record, .. }) = failed.content else { panic!("a record of a job") };
    let repair = record.verification.unwrap().repair.unwrap();
    assert_eq!((record.interruptions.len(), repair.repaired.count()), (1, BlockCount(9)));
    assert_eq!(record.conduct.unwrap().heat.unwrap().tally.paused, 1);
    assert_eq!(record.plan.unwrap().rules.unwrap().time_seconds, Some(9 * 86_400));
}

#[test]
#[ignore = "adds fixtures; run by hand after a deliberate change of the format, with names of the new version"]
fn write_fixtures() {
    let [_, (_, not_started), ..] = <[_; 4]>::try_from(unhappy_purges()).unwrap();
    let jobs = [
        ("sanitized-1.2", nvme_sanitized()),
        ("formatted-1.2", nvme_formatted()),
        ("not-started-1.2", not_started),
    ];
    for (file, job) in jobs {
        let path = format!("{FIXTURES}/{file}.dsse.json");
        let mut new = std::fs::File::create_new(path).unwrap();
        new.write_all(&crate::support::signed(&statement(job)).to_bytes()).unwrap();
    }
}
