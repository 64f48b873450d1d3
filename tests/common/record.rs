//! A record as any other program reads it: the envelope taken apart with nothing of ours.
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

/// Predicate type of a certificate.
pub const SANITIZED: &str = "urn:expunge:media-sanitization:v1";

/// Predicate type of a record of anything else than success.
pub const OTHER: &str = "urn:expunge:media-sanitization-record:v1";

/// A record file and the statement in it.
#[derive(Debug)]
pub struct Record {
    pub path: PathBuf,
    pub statement: Value,
}

impl Record {
    /// Takes an envelope apart.
    ///
    /// # Panics
    /// When the file is no envelope with a statement.
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let envelope: Value = serde_json::from_slice(&bytes).expect("an envelope is JSON");
        assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
        let payload = envelope["payload"].as_str().expect("an envelope has a payload");
        let payload = STANDARD.decode(payload).expect("a payload is base64");
        let statement = serde_json::from_slice(&payload).expect("a payload is JSON");
        Self { path: path.to_owned(), statement }
    }

    /// Every record in a directory; none when the directory is not there.
    #[track_caller]
    pub fn all_in(directory: &Path) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        // A file that was being written when its process was killed has no name yet: it is no record.
        paths.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// The record in a directory that has one.
    #[track_caller]
    pub fn only_in(directory: &Path) -> Self {
        let mut all = Self::all_in(directory);
        assert_eq!(all.len(), 1, "one record in {}", directory.display());
        all.remove(0)
    }

    pub fn file_name(&self) -> String {
        self.path.file_name().expect("a record has a name").to_string_lossy().into_owned()
    }

    /// A value of the predicate, by its JSON pointer.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> &Value {
        let found = self.statement["predicate"].pointer(pointer);
        found.unwrap_or_else(|| panic!("the record has no {pointer}: {:#}", self.statement))
    }

    #[track_caller]
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_else(|| panic!("{pointer} is no text"))
    }

    #[track_caller]
    pub fn number(&self, pointer: &str) -> u64 {
        self.at(pointer).as_u64().unwrap_or_else(|| panic!("{pointer} is no number"))
    }

    /// A time of the predicate.
    #[track_caller]
    pub fn time(&self, pointer: &str) -> Timestamp {
        self.text(pointer).parse().unwrap_or_else(|error| panic!("{pointer}: {error}"))
    }

    /// How long a part took that has `started` and `ended`, such as `/passes/0`.
    #[track_caller]
    pub fn seconds(&self, part: &str) -> f64 {
        let ended = self.time(&format!("{part}/ended"));
        ended.duration_since(self.time(&format!("{part}/started"))).as_secs_f64()
    }

    /// A set of blocks as (first, count).
    #[track_caller]
    pub fn ranges(&self, pointer: &str) -> Vec<(u64, u64)> {
        ranges(self.at(pointer))
    }

    /// All texts of a list of reasons or limits, one a line.
    #[track_caller]
    pub fn texts(&self, pointer: &str) -> String {
        let list = self.at(pointer).as_array().expect("a list");
        let lines: Vec<&str> = list.iter().map(|one| one["text"].as_str().expect("a text")).collect();
        lines.join("\n")
    }

    /// Codes of a list of reasons or limits.
    #[track_caller]
    pub fn codes(&self, pointer: &str) -> Vec<&str> {
        let list = self.at(pointer).as_array().expect("a list");
        list.iter().map(|one| one["code"].as_str().expect("a code")).collect()
    }

    /// The pattern of the last pass.
    #[track_caller]
    pub fn last_pattern(&self) -> &Value {
        let passes = self.at("/passes").as_array().expect("a list of passes");
        &passes.last().expect("at least one pass")["pattern"]
    }

    /// Checks that it is of success, by type, outcome, title and name.
    #[track_caller]
    pub fn expect_certificate(&self) {
        assert_eq!(self.statement["predicateType"], SANITIZED);
        assert_eq!(self.text("/outcome"), "done");
        assert!(self.text("/title").starts_with("Certificate of sanitization"));
        assert!(self.file_name().starts_with("expunge-certificate-"), "{}", self.file_name());
        self.expect_sums();
    }

    /// Checks that it is of something else, by type, outcome, claim and name.
    #[track_caller]
    pub fn expect_other(&self, outcome: &str, title: &str, word: &str) {
        assert_eq!(self.text("/outcome"), outcome, "{:#}", self.statement);
        assert_eq!(self.statement["predicateType"], OTHER);
        assert!(self.at("/claim").is_null());
        assert!(self.text("/title").starts_with(title), "{}", self.text("/title"));
        let name = self.file_name();
        assert!(name.starts_with(&format!("expunge-{word}-")) && !name.contains("certificate"), "{name}");
        self.expect_sums();
    }

    /// P4, added up here: in each pass and in the verification every block of the drive is counted once.
    #[track_caller]
    pub fn expect_sums(&self) {
        let Some(capacity) = self.at("/drive").pointer("/geometry/capacity").and_then(Value::as_u64) else {
            return;
        };
        for pass in self.at("/passes").as_array().expect("a list of passes") {
            let tally = &pass["tally"];
            let written = tally["written"].as_u64().expect("a count");
            assert_eq!(written + blocks(&tally["failed"]) + blocks(&tally["unreached"]), capacity, "{tally}");
        }
        let verification = self.at("/verification");
        if !verification.is_null() {
            let tally = &verification["tally"];
            let counted = tally["matched"].as_u64().expect("a count")
                + tally["notRead"].as_u64().expect("a count")
                + blocks(&tally["mismatched"])
                + blocks(&tally["unreadable"]);
            assert_eq!(counted, capacity, "{tally}");
        }
    }
}

/// A set of blocks of a record as (first, count).
#[track_caller]
pub fn ranges(set: &Value) -> Vec<(u64, u64)> {
    let number = |range: &Value, name: &str| range[name].as_u64().expect("a number");
    let set = set.as_array().expect("a list of ranges");
    set.iter().map(|range| (number(range, "first"), number(range, "count"))).collect()
}

fn blocks(set: &Value) -> u64 {
    ranges(set).iter().map(|(_, count)| count).sum()
}
