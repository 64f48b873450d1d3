//! The command line and its manual: every flag is described, and what makes no sense changes nothing.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::CommandFactory as _;
use common::process::{Output, run_within};
use common::{Expunge, Media};
use expunge::cli::args::Cli;
use expunge::plan::Rules;
use expunge::unit::ReasonCode;
use expunge::unit::term::DriveKind;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

fn expunge(line: &[&str]) -> Output {
    run_within(Command::new(env!("CARGO_BIN_EXE_expunge")).args(line), Duration::from_secs(60))
}

/// Every command without further commands, as its words.
fn commands(command: &clap::Command, words: &[String], out: &mut Vec<Vec<String>>) {
    let below: Vec<_> = command.get_subcommands().filter(|one| one.get_name() != "help").collect();
    if below.is_empty() {
        out.push(words.to_vec());
    }
    for one in below {
        commands(one, &[words, &[one.get_name().to_owned()]].concat(), out);
    }
}

/// Long flags in the text that a user sees.
fn flags(help: &str) -> BTreeSet<String> {
    let words = help.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
    words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned).collect()
}

/// The part of the manual on one command: from its heading to the next.
fn section<'a>(manual: &'a str, command: &str) -> &'a str {
    let heading = format!("\n## expunge {command}\n");
    let start = manual.find(&heading).unwrap_or_else(|| panic!("no section on {command}"));
    let rest = &manual[start + heading.len()..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

#[test]
fn every_flag_of_every_command_stands_in_its_section_of_the_manual() {
    let manual = read("docs/commands.md");
    let common = section(&manual, "COMMAND");
    let mut all = Vec::new();
    commands(&Cli::command(), &[], &mut all);
    assert!(all.len() >= 12, "{all:?}");
    let mut missing = Vec::new();
    for words in all {
        let line: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = expunge(&line);
        assert_eq!(help.status.code(), Some(0), "{line:?}");
        let name = words.join(" ");
        let told = flags(section(&manual, &name));
        let shared = flags(common);
        let found = flags(&help.stdout);
        assert!(found.contains("--help"), "{name}: {}", help.stdout);
        let lost = |flag: &&String| !told.contains(*flag) && !shared.contains(*flag);
        missing.extend(found.iter().filter(lost).map(|flag| format!("expunge {name} {flag}")));
        // And nothing that does not exist: flags of other programs are not in the tables.
        let rows = section(&manual, &name).lines().filter(|row| row.starts_with("| `--"));
        for row in rows {
            let flag = flags(row.split('|').nth(1).unwrap()).pop_first().unwrap();
            assert!(found.contains(&flag), "expunge {name} has no {flag}");
        }
    }
    assert!(missing.is_empty(), "not in docs/commands.md: {missing:#?}");
}

/// The manual has each rule with its defaults, in the words that `--rule` takes.
#[test]
fn every_rule_stands_in_the_manual_with_its_defaults() {
    let manual = read("docs/commands.md");
    let section = section(&manual, "plan");
    let rows: Vec<Vec<&str>> = section.lines().map(|row| row.split('|').map(str::trim).collect()).collect();
    let (rotating, flash) = (Rules::of_kind(DriveKind::Rotating), Rules::of_kind(DriveKind::Flash));
    for ((name, one), (_, other)) in rotating.settings().into_iter().zip(flash.settings()) {
        let expected =
            if one == other { format!("`{one}`") } else { format!("`{one}` rotating, `{other}` others") };
        let name = format!("`{name}`");
        let row = rows.iter().find(|row| row.get(1) == Some(&name.as_str()));
        assert_eq!(row.and_then(|row| row.get(2).copied()), Some(expected.as_str()), "{name}");
    }
}

#[test]
fn what_makes_no_sense_is_exit_2_with_a_word_about_it_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let media = Media::make(directory.path(), "a.img", 1 << 20, 512);
    let drive = media.path().canonicalize().unwrap();
    let drive = drive.to_str().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let twice = file("twice.csv", &format!("device\n{drive}\n{drive}\n"));
    let unknown = file("unknown.csv", &format!("device,colour\n{drive},red\n"));
    let nobody = file("nobody.csv", "device\n");
    let both = format!("{drive}.original");
    let cases: [(&[&str], &str); 18] = [
        (&[drive, "--pass", "nope"], "0x and 1 to 64 bytes"),
        (&[drive, "--pass", "0x"], "0x and 1 to 64 bytes"),
        (&[drive, "--scheme", "nope"], "dod-5220.22-m"),
        (&[drive, "--scheme", "vsitr", "--pass", "zero"], "cannot be used with"),
        (&[drive, "--method", "destroy"], "clear, purge"),
        (&[drive, "--standard", "nist"], "nist-800-88r2"),
        (&[drive, "--verify", "half"], "full, sampled"),
        (&[drive, "--verify", "sampled=1,0.1"], "between 0 and 1"),
        (&[drive, "--known-content", "everything"], "everything"),
        (&[drive, "--plan", "12"], "12"),
        (&[drive, "--depth", "0"], "1..=256"),
        (&[drive, "--transfer-kib", "1"], "64..=16384"),
        (&[drive, "--force"], "--force"),
        (&[drive, &both, "--ticket", "T"], "--manifest"),
        (&[drive, "--manifest", &twice], "cannot be used with"),
        (&["--manifest", &twice], "listed twice"),
        (&["--manifest", &unknown], "colour"),
        (&["--manifest", &nobody], "lists no drive"),
    ];
    for (line, word) in cases {
        let expunge = Expunge::new();
        let confirmed = line.iter().copied().chain(["--confirm", drive]);
        let ran = expunge.sanitize(confirmed).expect_code(2).expect_text(word);
        assert_eq!(ran.stdout, "", "{line:?}: the answer is empty");
        assert!(!expunge.state().exists() && !expunge.out().exists(), "{line:?} left something behind");
        assert_eq!(media.first_change(), None, "{line:?}");
    }
}

#[test]
fn other_commands_refuse_nonsense_too() {
    let directory = tempfile::tempdir().unwrap();
    let media = Media::make(directory.path(), "a.img", 1 << 20, 512);
    let drive = media.path().to_str().unwrap();
    let absent = directory.path().join("absent");
    let absent = absent.to_str().unwrap();
    let cases: [(&[&str], &str); 11] = [
        (&[], "Usage"),
        (&["frobnicate", drive], "frobnicate"),
        (&["sanitize"], "DEVICE"),
        (&["plan"], "DEVICE"),
        (&["list", drive], "unexpected argument"),
        (&["verify", drive], "--expect"),
        (&["verify", drive, "--expect", "random"], "only known bytes"),
        (&["verify", drive, "--expect", "zero", "--verify", "none", "--state", absent], "reads"),
        (&["certificate", "check", absent], "No such file"),
        (&["key", "show", "--key", absent], "key"),
        (&["lab", "up", "--size", "7", "--dir", absent], "multiple"),
    ];
    for (line, word) in cases {
        let output = expunge(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}: {}", output.stderr);
        let said = output.stderr + &output.stdout;
        assert!(said.contains(word), "{line:?} does not say {word:?}: {said}");
        assert!(!Path::new(absent).exists(), "{line:?}");
        assert_eq!(media.first_change(), None, "{line:?}");
    }
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            out.push(path);
        }
    }
}

/// `docs/reasons.md` says so: a program that waits for a code that never comes would wait for ever.
#[test]
fn every_reason_code_is_produced_somewhere() {
    let mut files = Vec::new();
    sources(&Path::new(ROOT).join("src"), &mut files);
    let product: String = files
        .iter()
        .filter(|path| !path.ends_with("unit/reason.rs") && !path.ends_with("tests.rs"))
        .filter(|path| !path.starts_with(Path::new(ROOT).join("src/sim")))
        .map(|path| fs::read_to_string(path).unwrap().split("#[cfg(test)]").next().unwrap().to_owned())
        .collect();
    for code in ReasonCode::ALL {
        let name = format!("{code:?}");
        let uses = product.matches(&name).count();
        assert!(uses > 0, "{name} is published and never produced");
    }
}

/// Entries of the journals below a state directory, oldest journal first, each checked by its digest.
fn journals(state: &Path) -> Vec<Vec<serde_json::Value>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(state.join("jobs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        let recovered = expunge::journal::recover(&bytes).unwrap();
        assert_eq!(recovered.length, bytes.len(), "no torn end");
        recovered.entries.iter().map(|entry| serde_json::from_slice(entry).unwrap()).collect()
    };
    paths.iter().map(read).collect()
}

#[test]
fn p9_a_refusal_is_a_line_in_a_journal_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let media = Media::make(directory.path(), "a.img", 1 << 20, 512);
    let drive = media.path().to_str().unwrap();
    let expunge = Expunge::new();
    expunge.sanitize([drive, "--confirm", "another"]).expect_code(3);
    expunge.sanitize([drive, "--method", "purge"]).expect_code(3);
    let journals = journals(&expunge.state());
    let codes: Vec<&serde_json::Value> = journals.iter().map(|one| &one[0]["reasons"][0]["code"]).collect();
    assert_eq!(codes, ["confirmation-mismatch", "method-not-reachable"]);
    for journal in &journals {
        assert_eq!((journal.len(), &journal[0]["entry"]), (1, &"refused".into()));
        assert_eq!(journal[0]["device"], drive);
    }
    assert_eq!(media.first_change(), None);
    assert!(!expunge.key().exists(), "a key is made for a job, not for a refusal");
    let records = fs::read_dir(expunge.out()).unwrap().count();
    assert_eq!(records, 0);
}

#[test]
fn p6_a_journal_has_the_keys_before_the_passes_and_the_verdict_before_the_record() {
    let directory = tempfile::tempdir().unwrap();
    let media = Media::make(directory.path(), "a.img", 1 << 20, 512);
    let drive = media.path().canonicalize().unwrap();
    let drive = drive.to_str().unwrap();
    let expunge = Expunge::new();
    let line = [drive, "--confirm", drive, "--pass", "random", "--pass", "random"];
    expunge.sanitize(line).expect_code(0);
    let journals = journals(&expunge.state());
    let [journal] = &journals[..] else { panic!("one job: {journals:?}") };
    let entries: Vec<&str> = journal.iter().map(|entry| entry["entry"].as_str().unwrap()).collect();
    let expected = [
        "intent",
        "armed",
        "checkpoint",
        "pass-ended",
        "checkpoint",
        "pass-ended",
        "verifying",
        "verified",
        "verdict",
        "recorded",
    ];
    assert_eq!(entries, expected);
    for (at, pass) in [(2, 0), (4, 1)] {
        let whole = serde_json::json!([{"first": 0, "count": (1 << 20) / 512}]);
        assert_eq!((&journal[at]["pass"], &journal[at]["written"]), (&pass.into(), &whole));
    }
    assert_ne!(journal[1]["passes"][0]["key"], journal[1]["passes"][1]["key"]);
    let record = expunge.out().join(journal[9]["file"].as_str().unwrap());
    let summed = run_within(Command::new("sha256sum").arg(&record), Duration::from_secs(20)).stdout;
    assert!(summed.starts_with(journal[9]["sha256"].as_str().unwrap()), "{summed}");
}
