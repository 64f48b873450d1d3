//! A genuine signer who writes another plan: every digest is right, and the signature too. What a plan for such a
//! drive must say follows from the drive, the passes and the verification, and is derived again.
use expunge::certificate::check::FindingCode::{self, *};
use expunge::certificate::{CheckStatus, Statement};
use expunge::plan::Plan as JobPlan;
use expunge::plan::{PassPattern, VerificationPlan};
use expunge::unit::pattern::FixedBytes;
use expunge::unit::term::DriveKind;
use serde_json::{Value, json};

use crate::contradictions::{at, finds, resigned};
use crate::support::{FULL, finished, good_job, plan, statement, texts};

/// Makes the digests right again after the plan or the drive was changed.
fn redigested(value: &mut Value) {
    let plan: JobPlan = serde_json::from_value(value["predicate"]["plan"].clone()).unwrap();
    *at(value, "/predicate/planDigest") = json!(plan.digest());
    *at(value, "/predicate/claim") = json!(plan.claim);
}

fn forged(statement: &Statement, code: FindingCode, change: impl FnOnce(&mut Value)) {
    finds(statement, code, |value| {
        change(value);
        redigested(value);
    });
}

fn good(kind: DriveKind) -> Statement {
    statement(finished(plan(kind, vec![PassPattern::Keyed], FULL)))
}

fn without_limit(value: &mut Value, code: &str) {
    let mut found = 0;
    for list in ["/predicate/limits", "/predicate/plan/limits"] {
        at(value, list).as_array_mut().unwrap().retain(|limit| {
            found += usize::from(limit["code"] == code);
            limit["code"] != code
        });
    }
    assert_eq!(found, 2, "{code}");
}

#[test]
fn the_forger_changes_nothing_but_what_he_says_he_changes() {
    let report = resigned(&good(DriveKind::Rotating), redigested);
    assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
    assert!(!report.has(Claim) && !report.has(Plan), "{}", texts(&report.findings));
}

/// The codes are those of DESIGN and docs/policy.md for each kind of drive and job.
#[test]
fn a_limit_cannot_be_left_out_of_plan_and_record() {
    for (kind, codes) in [
        (DriveKind::Rotating, vec!["hidden-areas-not-examined", "remapped-blocks-not-reached"]),
        (DriveKind::Flash, vec!["hidden-areas-not-examined", "flash-cells-not-reached"]),
        (DriveKind::Unknown, vec!["hidden-areas-not-examined", "flash-cells-not-reached"]),
        (DriveKind::LogicalVolume, vec!["logical-volume"]),
        (DriveKind::TestObject, vec!["test-object"]),
    ] {
        for code in codes.into_iter().chain(["mapping-not-checked"]) {
            forged(&good(kind), Limits, |value| without_limit(value, code));
        }
    }
    let fixed = PassPattern::Fixed { bytes: FixedBytes::byte(0) };
    let fixed = statement(finished(plan(DriveKind::Rotating, vec![fixed], FULL)));
    forged(&fixed, Limits, |value| without_limit(value, "fixed-pattern-not-addressed"));
    let sample = VerificationPlan::Sampled {
        confidence: "0.95".parse().unwrap(),
        fraction: "0.01".parse().unwrap(),
        strata: 299,
    };
    let sampled = statement(finished(plan(DriveKind::Rotating, vec![PassPattern::Keyed], sample)));
    forged(&sampled, Limits, |value| without_limit(value, "sampled-verification"));
    let rotating = good(DriveKind::Rotating);
    forged(&rotating, Limits, |value| *at(value, "/predicate/drive/otherUnits") = json!(["sdy"]));
    forged(&rotating, Limits, |value| {
        for place in ["drive/identityBefore", "drive/identityAfter", "plan/identity"] {
            value.pointer_mut(&format!("/predicate/{place}")).unwrap()["bridged"] = json!(true);
        }
    });
}

/// A file that stands for a drive, called a drive everywhere.
#[test]
fn a_test_object_cannot_pass_for_a_drive() {
    let rotating = good(DriveKind::Rotating);
    forged(&rotating, Identity, |value| {
        let backing = json!({"path": "/srv/a.img", "filesystem": "8:1", "inode": "7"});
        for place in ["drive/identityBefore", "drive/identityAfter", "plan/identity"] {
            value.pointer_mut(&format!("/predicate/{place}")).unwrap()["backing"] = backing.clone();
        }
    });
    forged(&rotating, Identity, |value| *at(value, "/predicate/drive/kernelName") = json!("loop3"));
    forged(&rotating, Identity, |value| {
        *at(value, "/predicate/drive/device") = json!({"major": 7, "minor": 3});
    });
}

#[test]
fn a_plan_cannot_say_more_than_the_job_bears_out() {
    let rotating = good(DriveKind::Rotating);
    for scope in ["the whole drive", "the 1 blocks of 512 bytes that the drive presents", ""] {
        forged(&rotating, Claim, |value| *at(value, "/predicate/plan/claim/scope") = json!(scope));
    }
    forged(&rotating, Claim, |value| {
        *at(value, "/predicate/plan/method") = json!("purge");
        *at(value, "/predicate/plan/claim/method") = json!("purge");
    });
    forged(&rotating, Claim, |value| {
        *at(value, "/predicate/plan/policy/basis") = json!("text-read");
        *at(value, "/predicate/plan/claim/basis") = json!("text-read");
    });
    forged(&rotating, Claim, |value| {
        *at(value, "/predicate/plan/policy/source") = json!("IEEE 2883-2022, read and confirmed");
    });
    forged(&rotating, Plan, |value| *at(value, "/predicate/plan/schema") = json!("urn:expunge:plan:v9"));
    forged(&rotating, Plan, |value| {
        *at(value, "/predicate/plan/scheme") =
            json!({"name": "schneier", "title": "Schneier", "source": "a book"});
    });
    // What a policy that is not known here accepts cannot be computed again, and that is said.
    let unknown = resigned(&rotating, |value| {
        *at(value, "/predicate/plan/policy/digest") = json!("ab".repeat(32));
        redigested(value);
    });
    assert_eq!(unknown.status, CheckStatus::Passes, "{}", texts(&unknown.findings));
    assert!(unknown.has(Claim), "{}", texts(&unknown.findings));
}

#[test]
fn content_is_named_exactly_when_it_was_found() {
    let rotating = good(DriveKind::Rotating);
    forged(&rotating, Plan, |value| {
        *at(value, "/predicate/plan/knownContent") = json!(["linux-raid-member"])
    });
    let mut job = good_job();
    let plan = job.plan.as_mut().unwrap();
    plan.content = serde_json::from_value(
        json!([{"contentType": "linux-raid-member", "offset": 4096, "label": null, "partition": null}]),
    )
    .unwrap();
    plan.known_content = serde_json::from_value(json!(["linux-raid-member"])).unwrap();
    let named = statement(job);
    forged(&named, Plan, |value| *at(value, "/predicate/plan/knownContent") = json!([]));
    forged(&named, Plan, |value| *at(value, "/predicate/plan/content") = json!([]));
}

#[test]
fn a_self_test_of_nothing_is_none() {
    finds(&good(DriveKind::Rotating), SelfTest, |value| *at(value, "/predicate/selfTest/passed") = json!([]));
}

#[test]
fn an_expected_signer_is_one_key_under_its_own_name() {
    let rotating = good(DriveKind::Rotating);
    finds(&rotating, ExpectedSignerMissing, |value| {
        let other = crate::support::operator_key().public().to_base64();
        *at(value, "/predicate/expectedSigners/0/publicKey") = json!(other);
    });
    finds(&rotating, ExpectedSignerMissing, |value| {
        let signers = at(value, "/predicate/expectedSigners").as_array_mut().unwrap();
        signers.push(signers[0].clone());
    });
}

/// What is possible and yet unlikely is a warning: setting a clock is not forbidden.
#[test]
fn times_that_no_drive_and_no_clock_would_give_are_named() {
    let rotating = good(DriveKind::Rotating);
    let warned = |change: &dyn Fn(&mut Value)| {
        let report = resigned(&rotating, change);
        assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
        report.has(Times)
    };
    assert!(!warned(&|_| {}));
    // A hundred minutes of work in a second of uptime, in none, and in no number at all.
    for end in ["1001.25", "900.25", "NaN"] {
        assert!(
            warned(&|value| *at(value, "/predicate/environment/clock/boottimeEnd") = json!(end)),
            "{end}"
        );
    }
    // 22 TB in nine minutes, which is 40 GB/s, and in a second.
    let large = |value: &mut Value, ended: &str| {
        let capacity = json!(42_970_000_000_u64);
        for place in ["drive/geometry", "drive/geometryAfter", "plan/geometry"] {
            value.pointer_mut(&format!("/predicate/{place}")).unwrap()["capacity"] = capacity.clone();
        }
        *at(value, "/predicate/plan/claim/scope") =
            json!("the 42970000000 blocks of 512 bytes that the drive presents");
        *at(value, "/predicate/passes/0/tally/written") = capacity.clone();
        for count in ["wanted", "matched"] {
            *at(value, &format!("/predicate/verification/tally/{count}")) = capacity.clone();
        }
        let whole = json!([{"count": 42_970_000_000_u64, "first": 0}]);
        *at(value, "/predicate/verification/tally/wantedDigest") =
            json!(expunge::unit::Digest::of_json(&whole));
        *at(value, "/predicate/passes/0/ended") = json!(ended);
        redigested(value);
    };
    assert!(!warned(&|value| large(value, "2026-11-22T04:10:00Z")));
    assert!(warned(&|value| large(value, "2026-11-22T04:01:01Z")));
}

#[test]
fn a_flood_of_unknown_fields_buries_nothing() {
    let report = resigned(&good(DriveKind::Rotating), |value| {
        for field in 0..5000 {
            value["predicate"][format!("field{field}")] = json!(field);
        }
    });
    assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
    assert!(report.findings.len() < 200, "{}", report.findings.len());
    assert!(report.findings.iter().any(|finding| finding.text.starts_with("4900 more fields")));
}

#[test]
fn an_inspection_reads_something_and_is_of_what_it_says() {
    use crate::support::inspection;
    let found = expunge::certificate::inspect(inspection(&[])).unwrap();
    finds(&found, Verification, |value| {
        *at(value, "/predicate/verification/plan") = json!({"type": "none"});
        *at(value, "/predicate/outcome") = json!("matches");
        let capacity = at(value, "/predicate/drive/geometry/capacity").clone();
        *at(value, "/predicate/verification/tally/notRead") = capacity;
        for count in ["wanted", "matched"] {
            *at(value, &format!("/predicate/verification/tally/{count}")) = json!(0);
        }
    });
    finds(&found, Identity, |value| *at(value, "/predicate/drive/kernelName") = json!("loop0"));
}
