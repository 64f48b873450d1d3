//! Stories of journals written by hand, as the program writes them.
use serde_json::{Value, json};

use super::*;
use crate::job::order::superseded;
use crate::plan::{Decision, Policy, Request, decide};
use crate::unit::{BlockCount, Lba, LbaRange};

const CAPACITY: u64 = 1000;

fn facts() -> Value {
    json!({
        "node": "/tmp/disk", "kernelName": "disk", "device": null, "diskseq": null,
        "identity": {
            "vendor": null, "model": null, "serial": null, "wwn": null, "eui64": null, "nguid": null,
            "firmware": null, "nsid": null,
            "backing": {"path": "/tmp/disk", "filesystem": "8:1", "inode": "7"},
        },
        "kind": "test-object", "transport": "file", "bay": null,
        "reach": {"addressable": {"blockSize": 512, "physicalBlockSize": 512, "capacity": CAPACITY}},
        "queue": {"maxTransferBytes": 0, "optimalTransferBytes": 0, "requests": 0},
        "zoned": "none", "readOnly": false, "removable": false, "otherUnits": [], "otherPaths": [],
        "content": [],
    })
}

fn plan() -> Plan {
    let facts: DriveFacts = serde_json::from_value(facts()).unwrap();
    match decide(&Request::default(), &facts, &Policy::builtin()) {
        Decision::Planned(plan) => *plan,
        other => panic!("{other:?}"),
    }
}

fn at(second: u64) -> String {
    format!("2026-11-27T03:{:02}:{:02}Z", second / 60, second % 60)
}

/// Entries by short names, one a second.
fn journal(names: &[&str]) -> Vec<Vec<u8>> {
    (0..).zip(names).map(|(second, name)| serde_json::to_vec(&entry(name, &at(second))).unwrap()).collect()
}

pub(in crate::job) fn entry(name: &str, at: &str) -> Value {
    let tally = |wrong: Value, matched: u64| {
        json!({"wanted": CAPACITY, "matched": matched, "mismatched": wrong, "unreadable": [],
            "notRead": 0, "wantedDigest": "0".repeat(64)})
    };
    let pass = |written: u64, unreached: Value, settled: &str| {
        let settled = match settled {
            "given-up" => json!({"type": settled, "rule": "silent"}),
            _ => json!({"type": settled}),
        };
        json!({"entry": "pass-ended", "at": at, "settled": settled, "tally": {
            "index": 0, "written": written, "failed": [], "unreached": unreached, "flush": "confirmed"}})
    };
    let wrong = json!([{"first": 5, "count": 2}]);
    let verdict = |outcome: &str, code: &str| {
        let class = if code == "stopped" { "request" } else { "medium" };
        json!({"entry": "verdict", "at": at, "outcome": outcome,
            "reasons": [{"code": code, "class": class, "text": "t", "remedy": "r"}]})
    };
    match name {
        "refused" => json!({"entry": "refused", "at": at, "job": "j", "device": "d", "reasons": []}),
        "intent" => json!({"entry": "intent", "at": at, "job": "j", "facts": facts(), "plan": plan(),
            "planDigest": plan().digest(), "boot": "b1"}),
        "armed" => {
            json!({"entry": "armed", "at": at, "passes": [{"type": "aes-256-ctr", "key": "11".repeat(32)}]})
        }
        "checkpoint" => {
            json!({"entry": "checkpoint", "at": at, "pass": 0, "written": [{"first": 0, "count": 100}]})
        }
        "checkpoint2" => {
            json!({"entry": "checkpoint", "at": at, "pass": 0, "written": [{"first": 100, "count": 50}]})
        }
        "beyond" => {
            json!({"entry": "checkpoint", "at": at, "pass": 0, "written": [{"first": 990, "count": 50}]})
        }
        "pass" => pass(CAPACITY, json!([]), "complete"),
        "stopped" => pass(150, json!([{"first": 150, "count": 850}]), "stopped"),
        "verifying" => json!({"entry": "verifying", "at": at, "seed": null}),
        "verified" => json!({"entry": "verified", "at": at, "tally": tally(json!([]), CAPACITY),
            "settled": {"type": "complete"}, "adapter": "sync", "opened": "anew"}),
        "differs" => json!({"entry": "verified", "at": at, "tally": tally(wrong, CAPACITY - 2),
            "settled": {"type": "complete"}, "adapter": "sync", "opened": "anew"}),
        "partly-differs" => {
            json!({"entry": "verified", "at": at, "tally": tally(json!([{"first": 5, "count": 2}]), 300),
            "settled": {"type": "stopped"}, "adapter": "sync", "opened": "anew"})
        }
        "partly" => json!({"entry": "verified", "at": at, "tally": tally(json!([]), 300),
            "settled": {"type": "stopped"}, "adapter": "sync", "opened": "anew"}),
        "sampling" => json!({"entry": "verifying", "at": at, "seed": "ab".repeat(32)}),
        // As the first version wrote them.
        "old-intent" => json!({"entry": "intent", "at": at, "job": "j", "facts": facts(), "plan": plan(),
            "planDigest": plan().digest()}),
        "old-pass" => {
            let mut entry = pass(CAPACITY, json!([]), "complete");
            entry.as_object_mut().unwrap().remove("settled");
            entry
        }
        "old-stopped" => {
            let mut entry = pass(150, json!([{"first": 150, "count": 850}]), "stopped");
            entry.as_object_mut().unwrap().remove("settled");
            entry
        }
        "old-verified" => json!({"entry": "verified", "at": at, "tally": tally(json!([]), CAPACITY)}),
        "silent-again" => {
            let mut entry = pass(92, json!([{"first": 100, "count": 900}]), "given-up");
            entry["tally"]["failed"] = json!([{"first": 8, "count": 8}]);
            entry
        }
        "silent" => pass(150, json!([{"first": 150, "count": 850}]), "given-up"),
        "repaired" => json!({"entry": "repaired", "at": at, "tally": {"rightAgain": [], "repaired": wrong,
            "stillWrong": [], "notTried": [], "flush": "confirmed"}}),
        "resumed" => json!({"entry": "resumed", "at": at, "node": "/tmp/disk", "diskseq": 3, "boot": "b2"}),
        "there" => json!({"entry": "probed", "at": at, "wentOn": "there",
            "probe": {"read": 66, "wrong": [], "unreadable": []}}),
        "anew" => json!({"entry": "probed", "at": at, "wentOn": "pass-anew",
            "probe": {"read": 66, "wrong": wrong, "unreadable": []}}),
        "done" => json!({"entry": "verdict", "at": at, "outcome": "done", "reasons": []}),
        "aborted" => verdict("aborted", "stopped"),
        "gone" => verdict("failed", "drive-gone"),
        "failed" => verdict("failed", "mismatch"),
        "silence" => verdict("failed", "not-answering"),
        "recorded" => json!({"entry": "recorded", "at": at, "file": "f", "sha256": "0".repeat(64)}),
        other => panic!("{other}"),
    }
}

fn story(names: &[&str]) -> Story {
    replay(&journal(names)).unwrap_or_else(|error| panic!("{names:?}: {error}"))
}

#[test]
fn each_entry_brings_the_job_to_its_state() {
    let all = [
        ("intent", State::Intended),
        ("armed", State::Writing { pass: 0 }),
        ("checkpoint", State::Writing { pass: 0 }),
        ("pass", State::Verifying),
        ("verifying", State::Verifying),
        ("verified", State::Verified),
        ("done", State::Judged),
        ("recorded", State::Recorded),
    ];
    for end in 1..=all.len() {
        let names: Vec<&str> = all[..end].iter().map(|(name, _)| *name).collect();
        let story = story(&names);
        assert_eq!(story.state, all[end - 1].1, "{names:?}");
        assert_eq!(story.resumable().is_ok(), end < all.len(), "{names:?}");
    }
    assert!(story(&["refused"]).resumable().is_err());
}

#[test]
fn checkpoints_add_up_and_a_stopped_pass_goes_on_from_them() {
    let story =
        story(&["intent", "armed", "checkpoint", "checkpoint2", "stopped", "aborted", "recorded", "resumed"]);
    assert_eq!(story.state, State::Writing { pass: 0 });
    assert_eq!((story.course.written.count().0, story.course.passes.len()), (150, 0));
    let gap = &story.interruptions[0];
    assert_eq!((gap.cause, gap.durable.0, gap.pass), (InterruptionCause::Stopped, 150, 0));
    assert_eq!((gap.last_sign.to_string(), gap.resumed.to_string()), (at(6), at(7)));
    assert_eq!((gap.host_restarted, gap.diskseq), (Some(true), Some(3)));
    assert_eq!(story.course.spent, Duration::from_secs(6));
    assert_eq!(story.course.trust, Trust::Interrupted);
}

#[test]
fn a_look_that_finds_something_else_begins_the_pass_anew() {
    let begun = ["intent", "armed", "checkpoint", "resumed"];
    let on = story(&[&begun[..], &["there", "checkpoint2"]].concat());
    assert_eq!((on.course.written.count().0, on.interruptions[0].went_on), (150, WentOn::There));
    let anew = story(&[&begun[..], &["anew", "checkpoint2"]].concat());
    assert_eq!((anew.course.written.count().0, anew.interruptions[0].went_on), (50, WentOn::PassAnew));
    assert_eq!(anew.interruptions[0].cause, InterruptionCause::Crash);
}

/// Nobody held the drive after the interruption: a clean read-back from before it proves nothing any more.
#[test]
fn a_clean_read_back_is_done_again_and_a_failed_one_stays_failed() {
    let clean = story(&["intent", "armed", "pass", "verifying", "verified", "resumed"]);
    assert_eq!((clean.state, clean.course.verification.is_none()), (State::Verifying, true));
    for wrong in [
        &["differs"][..],
        &["differs", "repaired"],
        &["differs", "failed"],
        // Stopped in the middle of the reading, with wrong blocks seen: stopping does not unsee them.
        &["partly-differs", "aborted", "recorded"],
    ] {
        let names = [&["intent", "armed", "pass", "verifying"][..], wrong, &["resumed"]].concat();
        let story = story(&names);
        let kept = story.course.verification.as_ref().unwrap();
        assert_eq!((story.state, kept.tally.mismatched.count().0), (State::Verified, 2), "{names:?}");
    }
}

/// A sample that was begun is read to its end: it is not drawn anew until it misses what is wrong.
#[test]
fn a_sample_keeps_its_seed_until_it_was_read_or_the_drive_written_again() {
    let begun = ["intent", "armed", "pass", "sampling"];
    let seed = Some("ab".repeat(32));
    for interruption in [&["resumed"][..], &["partly", "aborted", "recorded", "resumed"]] {
        let story = story(&[&begun[..], interruption].concat());
        assert_eq!((story.state, &story.course.seed), (State::Verifying, &seed), "{interruption:?}");
    }
    let anew = story(&[&begun[..], &["resumed", "anew"]].concat());
    assert_eq!(anew.course.seed, None);
}

#[test]
fn a_drive_that_fell_silent_goes_on_from_its_checkpoints() {
    let story = story(&["intent", "armed", "checkpoint", "silent", "silence", "recorded", "resumed"]);
    assert_eq!((story.state, story.course.written.count().0), (State::Writing { pass: 0 }, 100));
    assert_eq!((story.course.given_up, story.interruptions[0].cause), (None, InterruptionCause::Lost));
}

/// Entries are added and never renamed: journals of the first version are read as what they were.
#[test]
fn journals_of_the_first_version_are_read() {
    assert_eq!(
        story(&["old-intent", "armed", "old-pass", "verifying", "old-verified", "done"]).state,
        State::Judged
    );
    let stopped = story(&["old-intent", "armed", "old-stopped", "aborted", "recorded"]);
    assert!(stopped.resumable().is_ok());
    assert_eq!(story(&["old-intent", "armed", "old-stopped", "resumed"]).state, State::Writing { pass: 0 });
}

#[test]
fn a_job_whose_drive_was_taken_up_later_is_superseded() {
    let mut old = story(&["intent", "armed", "checkpoint"]);
    let mut later = story(&["intent", "armed", "pass"]);
    later.job = "k".to_owned();
    later.started = old.last;
    assert_eq!(superseded(&old, [&old, &later]), Some("k"));
    assert_eq!(superseded(&later, [&old, &later]), None, "the earlier one does not");
    let mut refused = later.clone();
    refused.armed = false;
    assert_eq!(superseded(&old, [&refused]), None, "nothing was written by that one");
    let mut elsewhere = later.clone();
    elsewhere.facts.as_mut().unwrap().identity.backing.as_mut().unwrap().inode = "8".to_owned();
    assert_eq!(superseded(&old, [&elsewhere]), None, "another drive");
    // The clock of the host was set back in between: the numbers count.
    (old.number, later.number) = (4, 5);
    std::mem::swap(&mut old.started, &mut later.started);
    assert_eq!(superseded(&old, [&old, &later]), Some("k"));
    assert_eq!(superseded(&later, [&old, &later]), None, "the earlier one does not");
}

/// Written, durable, and then tried once more to see whether the drive answers: it did not.
#[test]
fn a_durable_block_whose_last_write_failed_is_written_again() {
    let told = story(&["intent", "armed", "checkpoint", "silent-again", "silence", "recorded"]);
    assert!(told.resumable().is_ok());
    let whole = LbaRange::new(Lba(0), BlockCount(100)).unwrap();
    let failed: RangeSet = LbaRange::new(Lba(8), BlockCount(8)).into_iter().collect();
    assert_eq!(told.course.written, failed.complement(whole));
}

#[test]
fn what_ended_for_good_is_not_gone_on_with_and_what_was_interrupted_is() {
    let ended =
        |verdict: &'static str| story(&["intent", "armed", "checkpoint", "stopped", verdict, "recorded"]);
    for (verdict, resumable) in [("aborted", true), ("gone", true), ("failed", false), ("done", false)] {
        assert_eq!(ended(verdict).resumable().is_ok(), resumable, "{verdict}");
    }
    assert_eq!(ended("gone").state, State::Recorded);
}

/// The record of it was not stored, and the drive may be silent about it by the next sitting.
#[test]
fn growth_that_was_judged_stands_over_every_resume() {
    let grew = json!({"code": "defects-grew", "class": "medium", "text": "five after", "remedy": "r"});
    let verdict =
        |reasons: Value| json!({"entry": "verdict", "at": at(5), "outcome": "partial", "reasons": reasons});
    let mut lines = journal(&["intent", "armed", "pass", "verifying", "verified"]);
    lines.push(serde_json::to_vec(&verdict(json!([grew]))).unwrap());
    for later in [6, 7] {
        lines.push(serde_json::to_vec(&entry("resumed", &at(later))).unwrap());
        let story = replay(&lines).unwrap();
        assert_eq!((story.state, story.verdict), (State::Verifying, None));
        let grown = story.course.grown.expect("it is not forgotten");
        assert_eq!((grown.code, grown.text.as_str()), (ReasonCode::DefectsGrew, "five after"));
    }
    let mut other = journal(&["intent", "armed", "pass", "verifying", "verified"]);
    let stopped = json!({"code": "stopped", "class": "request", "text": "t", "remedy": "r"});
    other.push(serde_json::to_vec(&verdict(json!([stopped]))).unwrap());
    other.push(serde_json::to_vec(&entry("resumed", &at(6))).unwrap());
    assert_eq!(replay(&other).unwrap().course.grown, None);
}

#[test]
fn entries_that_do_not_follow_are_refused() {
    let bad: [&[&str]; 14] = [
        &[],
        &["armed"],
        &["intent", "intent"],
        &["intent", "checkpoint"],
        &["intent", "armed", "armed"],
        &["intent", "armed", "beyond"],
        &["intent", "armed", "verifying"],
        &["intent", "armed", "pass", "checkpoint"],
        &["intent", "armed", "pass", "verified"],
        &["intent", "armed", "pass", "repaired"],
        &["intent", "armed", "recorded"],
        &["intent", "armed", "there"],
        &["intent", "armed", "failed", "recorded", "resumed"],
        &["refused", "armed"],
    ];
    for names in bad {
        assert!(replay(&journal(names)).is_err(), "{names:?}");
    }
    let mut other_plan = journal(&["intent", "armed"]);
    other_plan[0] =
        String::from_utf8(other_plan[0].clone()).unwrap().replace("\"retries\":1", "\"retries\":2").into();
    assert!(replay(&other_plan).unwrap_err().why.contains("digest"), "a changed plan has another digest");
    assert!(replay(&[b"{}".to_vec()]).is_err() && replay(&[b"no json".to_vec()]).is_err());
}
