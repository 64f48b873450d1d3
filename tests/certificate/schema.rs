//! The published schema describes every record we make, and nothing less: every field is in it.
use std::collections::BTreeSet;

use expunge::certificate::{Statement, inspect};
use expunge::plan::{PassPattern, VerificationPlan};
use expunge::unit::BlockCount;
use expunge::unit::term::{DriveKind, Outcome};
use serde_json::{Value, json};

use crate::support::{
    every_kind_of_pass, every_outcome, finished, good_job, inspection, plan, range, statement, texts,
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
    for outcome in ["done", "written", "failed", "aborted", "unknown", "unsanitizable", "matches", "differs"]
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

/// No object of a record may have a field that the schema does not know, and none may lack a field.
#[test]
fn every_field_is_required_and_no_other_is_allowed() {
    let validator = validator();
    for statement in [statement(every_kind_of_pass()), inspect(inspection(&[])).unwrap()] {
        let genuine = payload(&statement);
        let mut objects = Vec::new();
        collect_objects(&genuine, String::new(), &mut objects);
        assert!(objects.len() > 25, "{}", objects.len());
        for pointer in objects {
            let fields: Vec<String> =
                genuine.pointer(&pointer).unwrap().as_object().unwrap().keys().cloned().collect();
            let mut more = genuine.clone();
            more.pointer_mut(&pointer).unwrap()["surplus"] = json!(1);
            assert!(!validator.is_valid(&more), "{pointer}/surplus");
            for field in fields {
                let mut less = genuine.clone();
                less.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(&field);
                assert!(!validator.is_valid(&less), "without {pointer}/{field}");
            }
        }
    }
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

/// The documentation's sample is a genuine record: it checks, and its key is the test key.
#[test]
fn the_sample_in_the_fixtures_still_passes() {
    let bytes = include_bytes!("../../fixtures/certificate/sample.dsse.json");
    let keyring =
        expunge::certificate::Keyring::parse(include_bytes!("../../fixtures/certificate/keyring.json"))
            .unwrap();
    let report = expunge::certificate::check(bytes, &keyring);
    assert_eq!(report.exit_status, 0, "{}", texts(&report.findings));
    let findings: Vec<_> = report.findings.iter().map(|finding| finding.code).collect();
    use expunge::certificate::check::FindingCode::{KeyNote, TimeNotTrusted};
    assert_eq!(findings, [TimeNotTrusted, KeyNote]);
}

#[test]
#[ignore = "writes the fixtures anew; run by hand after a deliberate change of the format"]
fn write_fixtures() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/certificate");
    let sample = crate::support::signed(&statement(good_job()));
    std::fs::write(format!("{directory}/sample.dsse.json"), sample.to_bytes()).unwrap();
    std::fs::write(format!("{directory}/keyring.json"), crate::support::keyring().to_json() + "\n").unwrap();
}
