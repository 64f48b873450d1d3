//! Reads the source as text and holds the rules that the compiler does not know. Each rule is proved by planted
//! violations beside it.

#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use expunge::unit::ReasonCode;
use expunge::unit::term::word;
use rules::Violation;
use source::Source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files under a directory, without those that a build or git made.
fn files_under(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory of the repository") {
        let path = entry.expect("an entry of a directory").path();
        let name = path.file_name().expect("an entry has a name").to_owned();
        let is_link = path.is_symlink();
        if path.is_dir() && !is_link && name != "target" && name != ".git" {
            files_under(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// Files that git knows or would take; everything in the directory where this is no git work tree.
fn tracked() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    match listed {
        Ok(output) if output.status.success() => {
            let names = String::from_utf8(output.stdout).expect("names of files are UTF-8");
            let paths = names.split('\0').filter(|name| !name.is_empty()).map(|name| root().join(name));
            paths.filter(|path| path.is_file()).collect()
        }
        _ => {
            let mut found = Vec::new();
            files_under(root(), &mut found);
            found
        }
    }
}

fn read(path: &Path) -> Option<Source> {
    let name = path.strip_prefix(root()).expect("a file of the repository").to_str()?;
    Some(Source::new(name, &fs::read_to_string(path).ok()?))
}

/// Rust source of the product, and of tests and benches.
fn rust(parts: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for part in parts.iter().map(|part| root().join(part)).filter(|part| part.is_dir()) {
        files_under(&part, &mut found);
    }
    found.sort();
    let rust = found.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| read(path).expect("source is text")).collect()
}

#[track_caller]
fn none(violations: impl Iterator<Item = Violation>) {
    let list: Vec<String> = violations.map(|violation| violation.to_string()).collect();
    assert!(list.is_empty(), "{} violations:\n{}", list.len(), list.join("\n"));
}

#[track_caller]
fn holds(parts: &[&str], rule: fn(&Source) -> Vec<Violation>) {
    let sources = rust(parts);
    assert!(sources.len() > 10, "the source was not found");
    none(sources.iter().flat_map(rule));
}

#[test]
fn a_module_names_only_modules_below_it() {
    holds(&["src"], layers::layer_order);
}

#[test]
fn unsafe_code_stands_only_in_sys() {
    holds(&["src", "tests", "benches"], rules::unsafe_only_in_sys);
}

#[test]
fn pure_modules_know_no_clock_no_randomness_and_no_file() {
    holds(&["src"], rules::pure_layers);
}

#[test]
fn only_the_command_line_prints() {
    holds(&["src"], rules::printing_only_in_cli);
}

#[test]
fn files_and_functions_can_be_read_at_once() {
    holds(&["src"], rules::budgets);
    none(
        rust(&["tests/bed", "tests/bed_tests", "tests/common", "tests/tidy"]).iter().flat_map(rules::budgets),
    );
}

#[test]
fn every_test_that_is_not_run_says_why() {
    holds(&["src", "tests"], rules::ignored_with_reason);
}

#[test]
fn nothing_is_left_unfinished() {
    let sources = rust(&["src", "tests", "benches"]);
    let product = sources.iter().filter(|source| source.path != "tests/tidy/rules.rs");
    none(product.flat_map(rules::finished));
}

#[test]
fn we_sanitize_and_do_nothing_else() {
    holds(&["src"], rules::our_words);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let sources: Vec<Source> = tracked().iter().filter_map(|path| read(path)).collect();
    assert!(sources.len() > 20, "the tracked files were not found");
    none(sources.iter().flat_map(rules::no_machine_paths));
}

#[test]
fn every_reason_code_is_documented() {
    let document = read(&root().join("docs/reasons.md")).expect("docs/reasons.md can be read");
    let listed: Vec<(String, String)> =
        ReasonCode::ALL.iter().map(|code| (word(code), word(code.class()))).collect();
    none(rules::reasons_documented(&document, &listed).into_iter());
}

#[test]
fn every_test_that_the_documentation_names_exists() {
    let document = read(&root().join("docs/testing.md")).expect("docs/testing.md can be read");
    let named = document.text.lines().flat_map(rules::named_tests).count();
    assert!(named > 40, "the table of failures and their tests was not found");
    let known = rust(&["src", "tests"]).iter().flat_map(rules::tests_of).collect();
    none(rules::named_tests_exist(&document, &known).into_iter());
}
