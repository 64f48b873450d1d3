//! What `--json` prints is what the published schemas say, for the real program on plain files. Our own objects
//! are closed, so a field that is new, lost or of another type fails here until its schema says so.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use common::{Expunge, LoopDevice, Media, Ran};
use serde_json::Value;
use tempfile::TempDir;

const SIZE: u64 = 3 << 20;

/// Files under `docs/schema`, by name.
fn schemas() -> BTreeMap<String, Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
        })
        .collect()
}

#[track_caller]
fn check(name: &str, value: &Value) {
    let schema = &schemas()[name];
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: String = validator
        .iter_errors(value)
        .map(|error| format!("{error} at {:?}\n", error.instance_path().to_string()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors}\n{value:#}");
    let mut open = Vec::new();
    objects(value, "", &mut |pointer| {
        let mut changed = value.clone();
        changed.pointer_mut(pointer).unwrap()["aFieldThatIsNotPublished"] = Value::Null;
        if validator.is_valid(&changed) {
            open.push(pointer.to_owned());
        }
    });
    assert!(open.is_empty(), "{name} lets any field pass at {open:?}");
}

/// Calls `see` with the JSON pointer of every object in `value`.
fn objects(value: &Value, pointer: &str, see: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            see(pointer);
            for (name, field) in fields {
                objects(field, &format!("{pointer}/{name}"), see);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, &format!("{pointer}/{index}"), see);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Events, then the result; gives back the result and the names of the events.
#[track_caller]
fn check_stream(result: &str, ran: &Ran) -> (Value, BTreeSet<String>) {
    let mut lines = ran.json_lines();
    let last = lines.pop().expect("a result");
    for line in &lines {
        check("event-v1.json", line);
    }
    check(result, &last);
    (last, lines.iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect())
}

struct Bed {
    directory: TempDir,
    expunge: Expunge,
}

impl Bed {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), expunge: Expunge::new() }
    }

    fn media(&self, name: &str) -> Media {
        Media::make(self.directory.path(), name, SIZE, 512)
    }

    fn empty(&self) -> PathBuf {
        let path = self.directory.path().join("empty.img");
        fs::write(&path, b"").unwrap();
        path.canonicalize().unwrap()
    }
}

fn text(path: &Path) -> String {
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_schema_is_one_and_shared_definitions_agree() {
    let mut shared: BTreeMap<String, (String, Value)> = BTreeMap::new();
    for (name, schema) in schemas() {
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        assert_eq!(schema["$id"], format!("urn:expunge:schema:{}", name.trim_end_matches(".json")));
        for (word, definition) in schema["$defs"].as_object().into_iter().flatten() {
            let (first, held) =
                shared.entry(word.clone()).or_insert_with(|| (name.clone(), definition.clone()));
            assert_eq!(held, definition, "{word} in {first} and in {name}");
        }
    }
}

#[test]
fn what_list_and_inspect_print() {
    let bed = Bed::new();
    let media = bed.media("a.img");
    let device = LoopDevice::attach(media.path(), 512);
    let listed = bed.expunge.run(["list", "--json"]).expect_code(0).json();
    check("list-v1.json", &listed);
    let nodes: Vec<&Value> =
        listed["drives"].as_array().unwrap().iter().map(|drive| &drive["facts"]["node"]).collect();
    assert!(nodes.iter().any(|node| **node == device.arg()), "{nodes:?}");
    for drive in [device.arg().to_owned(), text(media.path()), text(&bed.empty())] {
        check("inspect-v1.json", &bed.expunge.run(["inspect", &drive, "--json"]).expect_code(0).json());
    }
    let refused = bed.expunge.run(["inspect", "/dev/null", "--json"]).expect_code(3).json();
    check("inspect-v1.json", &refused);
    assert_eq!(refused["reasons"][0]["code"], "not-a-drive");
}

#[test]
fn what_plan_prints() {
    let bed = Bed::new();
    let (media, empty) = (bed.media("a.img"), bed.empty());
    let (drive, empty) = (text(media.path()), text(&empty));
    let command_lines: [(i32, &[&str], &str); 7] = [
        (0, &[], "planned"),
        (0, &["--scheme", "dod-5220.22-m", "--verify", "sampled"], "planned"),
        (0, &["--verify", "sampled=0.99,0.01", "--standard", "nist-800-88r1"], "planned"),
        (0, &["--verify", "none", "--pass", "0x55AA", "--pass", "stamped-ones"], "planned"),
        (3, &["--method", "purge"], "refused"),
        (4, &[&empty], "unsanitizable"),
        (3, &["/dev/null"], "refused"),
    ];
    for (code, more, decision) in command_lines {
        let line = ["plan", &drive, "--json"].into_iter().chain(more.iter().copied());
        let plans = bed.expunge.run(line).expect_code(code).json();
        check("plans-v1.json", &plans);
        let last = plans["plans"].as_array().unwrap().last().unwrap();
        assert_eq!(last["decision"], decision, "{more:?}");
    }
    assert_eq!(media.first_change(), None);
}

#[test]
fn what_sanitize_and_verify_print() {
    let bed = Bed::new();
    let media = bed.media("a.img");
    let drive = text(media.path());
    let empty = text(&bed.empty());
    let ran = bed.expunge.sanitize([&*drive, "--confirm", &drive, "--pass", "ones", "--json"]).expect_code(0);
    let (result, events) = check_stream("sanitize-result-v1.json", &ran);
    assert_eq!(result["drives"][0]["outcome"], "done");
    assert!(events.contains("pass-ended") && events.contains("verified"), "{events:?}");
    let warm = bed.directory.path().join("temperature");
    fs::write(&warm, "41000\n").unwrap();
    let more = ["--temperature-file", warm.to_str().unwrap(), "--bandwidth", "1GB/s", "--json"];
    let ran = bed.expunge.sanitize([&*drive, "--confirm", &drive].into_iter().chain(more)).expect_code(0);
    assert!(check_stream("sanitize-result-v1.json", &ran).1.contains("heat"));
    for (code, line, outcome) in [
        (0, vec![&*drive, "--confirm", &drive, "--verify", "none"], "written"),
        (3, vec![&*drive, "--confirm", "another"], "refused"),
        (3, vec![&*drive, "no-such-drive", "--confirm", &drive], "refused"),
        (3, vec![&*drive, "no-such-drive", "--each", "--confirm", &drive], "done"),
        (4, vec![&*empty], "unsanitizable"),
    ] {
        let line = line.into_iter().chain(["--json"]);
        let ran = bed.expunge.sanitize(line).expect_code(code);
        let (result, _) = check_stream("sanitize-result-v1.json", &ran);
        assert_eq!(result["drives"][0]["outcome"], outcome, "{result:#}");
        assert_eq!(result["exit_status"], code);
    }
    // The job with --each was the last to write: a keyed pass, which is neither zero nor anything fixed.
    for (code, line, outcome) in [
        (5, vec!["verify", &drive, "--expect", "zero"], "differs"),
        (5, vec!["verify", &drive, "--expect", "zero", "--verify", "sampled"], "differs"),
        (3, vec!["verify", "no-such-drive", "--expect", "zero"], "refused"),
    ] {
        let ran = bed.expunge.run(line.into_iter().chain(["--json"])).expect_code(code);
        let (result, _) = check_stream("verify-result-v1.json", &ran);
        assert_eq!(result["outcome"], outcome);
    }
    bed.expunge.sanitize([&*drive, "--confirm", &drive, "--pass", "zero"]).expect_code(0);
    let ran = bed.expunge.run(["verify", &drive, "--expect", "zero", "--json"]).expect_code(0);
    assert_eq!(check_stream("verify-result-v1.json", &ran).0["outcome"], "matches");
}

/// A journal without its last lines is what a crash leaves.
fn cut(journal: &Path, lines: usize) {
    let text = fs::read_to_string(journal).unwrap();
    let kept: String = text.split_inclusive('\n').take(lines).collect();
    assert!(kept.len() < text.len());
    fs::write(journal, kept).unwrap();
}

#[test]
fn what_job_list_and_resume_print() {
    let bed = Bed::new();
    let list = |more: &[&str]| {
        let line = ["job", "list", "--local", "--json"].into_iter().chain(more.iter().copied());
        let listed = bed.expunge.run(line).expect_code(0).json();
        check("job-list-v1.json", &listed);
        listed["jobs"].as_array().unwrap().clone()
    };
    assert_eq!(list(&[]).len(), 0);
    let media = bed.media("a.img");
    let drive = text(media.path());
    bed.expunge.sanitize([&*drive, "--confirm", "another"]).expect_code(3);
    bed.expunge.sanitize([&*drive, "--confirm", &drive]).expect_code(0);
    let jobs = list(&[]);
    let states: Vec<&Value> = jobs.iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["refused", "done"]);
    let name = jobs[1]["job"].as_str().unwrap();
    let journals = bed.expunge.state().join("jobs");
    let journal = journals.join(format!("{name}.journal"));
    // Intent, keys, a checkpoint: the pass has begun and not ended.
    cut(&journal, 3);
    fs::write(journals.join("damaged.journal"), "nothing\n").unwrap();
    let jobs = list(&[]);
    let states: Vec<&Value> = jobs.iter().map(|job| &job["state"]).collect();
    assert_eq!(states, ["refused", "interrupted", "damaged"]);
    assert_eq!((&jobs[1]["percent"], &jobs[1]["resumable"]), (&100.into(), &true.into()));
    assert_eq!(list(&["--unfinished"]).len(), 1);
    let (out, key) = (bed.expunge.out(), bed.expunge.key());
    let places = ["--out", out.to_str().unwrap(), "--key", key.to_str().unwrap(), "--json"];
    let ran = bed.expunge.run(["resume", name].into_iter().chain(places)).expect_code(0);
    let (result, events) = check_stream("sanitize-result-v1.json", &ran);
    assert_eq!(result["drives"][0]["outcome"], "done");
    assert!(events.contains("verified"), "{events:?}");
    let record = result["drives"][0]["record"]["path"].as_str().unwrap();
    let shown = bare(&["certificate", "show", record, "--json"], 5);
    check("show-v1.json", &shown);
    assert_eq!(shown["predicate"]["interruptions"][0]["cause"], "crash");
    for (job, code) in [(name, "not-resumable"), ("damaged", "journal-damaged")] {
        let ran = bed.expunge.run(["resume", job].into_iter().chain(places)).expect_code(3);
        let (result, _) = check_stream("sanitize-result-v1.json", &ran);
        assert_eq!(result["drives"][0]["reason"]["code"], code, "{result:#}");
    }
    let unknown = bed.expunge.run(["resume", name, "none", "--json"]).expect_code(2);
    unknown.expect_text("there is no job none in ");
}

#[test]
fn what_the_other_commands_print() {
    let bed = Bed::new();
    let media = bed.media("a.img");
    let drive = text(media.path());
    let passes = ["--pass", "stamped-zero", "--pass", "random"];
    let line = [&*drive, "--confirm", &drive].into_iter().chain(passes);
    bed.expunge.sanitize(line).expect_code(0);
    let (out, key) = (bed.expunge.out(), bed.expunge.key());
    let (out, key) = (out.to_str().unwrap(), key.to_str().unwrap());
    let line = ["verify", &drive, "--expect", "ones", "--out", out, "--key", key];
    bed.expunge.run(line).expect_code(5);
    check("selftest-v1.json", &bare(&["selftest", "--json"], 0));
    let shown = bare(&["key", "show", "--key", key, "--json"], 0);
    check("key-v1.json", &shown);
    let unfreeze = bed.expunge.run(["unfreeze", &drive, "--json"]).expect_code(3).json();
    check("unfreeze-v1.json", &unfreeze);
    assert_eq!(
        (&unfreeze["outcome"], &unfreeze["reasons"][0]["code"]),
        (&"refused".into(), &"frozen".into())
    );
    let builtin = bare(&["policy", "show", "--json"], 0);
    check("policy-show-v1.json", &builtin);
    assert_eq!(
        (builtin["signedBy"].as_array().unwrap().len(), builtin["overruled"].as_array().unwrap().len()),
        (0, 0)
    );
    let keys = bed.directory.path().join("keys");
    fs::create_dir(&keys).unwrap();
    fs::write(keys.join("bench.pem"), shown["publicKey"].as_str().unwrap()).unwrap();
    let keys = keys.to_str().unwrap();
    let records: Vec<String> =
        fs::read_dir(bed.expunge.out()).unwrap().map(|entry| text(&entry.unwrap().path())).collect();
    assert_eq!(records.len(), 2);
    let broken = bed.directory.path().join("broken.json");
    fs::write(&broken, "{}").unwrap();
    for file in records.iter().map(String::as_str).chain([broken.to_str().unwrap()]) {
        let code = match file {
            certificate if certificate.contains("expunge-certificate-") => 0,
            inspection if inspection.contains("expunge-INSPECTION-") => 4,
            _ => 5,
        };
        for more in [&[][..], &["--complete", "nist-r2"]] {
            let line = ["certificate", "check", file, "--keyring", keys, "--json"];
            let report = bare(&[&line, more].concat(), code);
            check("check-v1.json", &report);
            assert_eq!(report["files"][0]["exitStatus"], code);
        }
        check("show-v1.json", &bare(&["certificate", "show", file, "--keyring", keys, "--json"], code));
    }
}

/// A command without a state directory.
#[track_caller]
fn bare(line: &[&str], code: i32) -> Value {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_expunge"));
    let output = common::process::run_within(command.args(line), std::time::Duration::from_secs(60));
    assert_eq!(output.status.code(), Some(code), "{line:?}\n{}\n{}", output.stdout, output.stderr);
    serde_json::from_str(&output.stdout).unwrap()
}
