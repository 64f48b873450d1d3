//! All rules but the order of layers. Each takes text and gives what is wrong with it.
use std::collections::BTreeSet;
use std::fmt;

use super::layers::module_of;
use super::source::{Source, is_word, line_of, words};

/// Longest file, in lines.
const FILE_BUDGET: usize = 600;

/// Longest function, in lines: what fits on a screen.
const FUNCTION_BUDGET: usize = 70;

/// Modules that decide and do nothing: no clock, no randomness, no file.
const PURE: [&str; 5] = ["unit", "command", "plan", "engine", "verify"];

/// What a pure module must not name.
const IMPURE: [&str; 9] =
    ["std::fs", "std::net", "std::process", "std::env", "Instant", "SystemTime", "getrandom", "jiff", "File"];

/// Marks of unfinished work.
const UNFINISHED: [&str; 5] = ["todo!", "unimplemented!", "FIXME", "XXX", "HACK"];

/// Macros that print past the caller.
const PRINTING: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];

/// Beginnings of words that we do not use for what we do.
const NOT_OUR_VERBS: [&str; 7] = ["wipe", "wiping", "shred", "nuke", "nuking", "nuked", "wiped"];

/// Other programs, which are called what they are called.
const OTHER_TOOLS: [&str; 4] = ["nwipe", "wipefs", "shredos", "shred -n1"];

/// One thing that is not as it should be.
#[derive(Debug)]
pub(crate) struct Violation(String);

impl Violation {
    pub(crate) fn new(source: &Source, line: usize, what: impl fmt::Display) -> Self {
        Self(format!("{}:{line}: {what}", source.path))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn in_module(source: &Source, modules: &[&str]) -> bool {
    module_of(&source.path).is_some_and(|module| modules.contains(&module))
}

/// Every place of a word in a text that has the lines of the source.
fn found<'a>(source: &'a Source, text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let whole = words(text, word.trim_end_matches('!'));
    whole.filter(move |at| text[*at..].starts_with(word)).map(|at| line_of(&source.text, at))
}

/// `unsafe` outside of `src/sys`.
pub(crate) fn unsafe_only_in_sys(source: &Source) -> Vec<Violation> {
    if in_module(source, &["sys"]) {
        return Vec::new();
    }
    found(source, &source.code, "unsafe")
        .map(|line| Violation::new(source, line, "unsafe code stands only in src/sys"))
        .collect()
}

/// Clocks, randomness, files, processes and sockets in modules that only decide.
pub(crate) fn pure_layers(source: &Source) -> Vec<Violation> {
    if !in_module(source, &PURE) {
        return Vec::new();
    }
    let code = source.product_code();
    let braced = std_in_braces(&code);
    let named = IMPURE.iter().flat_map(|name| found(source, &code, name).map(move |line| (line, *name)));
    named
        .chain(braced)
        .map(|(line, name)| Violation::new(source, line, format!("a pure module names {name}")))
        .collect()
}

/// `use std::{fs, ...}`, which hides the path.
fn std_in_braces(code: &str) -> Vec<(usize, &'static str)> {
    let mut hidden = Vec::new();
    for (at, opening) in code.match_indices("std::{") {
        let inside = code[at + opening.len()..].split('}').next().unwrap_or_default();
        for name in IMPURE.iter().filter_map(|name| Some((*name, name.strip_prefix("std::")?))) {
            if words(inside, name.1).next().is_some() {
                hidden.push((line_of(code, at), name.0));
            }
        }
    }
    hidden
}

/// Print macros outside of the command line.
pub(crate) fn printing_only_in_cli(source: &Source) -> Vec<Violation> {
    if !source.path.starts_with("src/") || source.path == "src/main.rs" || in_module(source, &["cli"]) {
        return Vec::new();
    }
    let code = source.product_code();
    let places = PRINTING.iter().flat_map(|name| found(source, &code, name).map(move |line| (line, *name)));
    places
        .map(|(line, name)| Violation::new(source, line, format!("{name} outside of the command line")))
        .collect()
}

/// Files and functions that are too long to be read at once.
pub(crate) fn budgets(source: &Source) -> Vec<Violation> {
    let lines = source.text.lines().count();
    let long_file = (lines > FILE_BUDGET)
        .then(|| Violation::new(source, 1, format!("{lines} lines; a file has at most {FILE_BUDGET}")));
    let long = source.functions().into_iter().filter(|function| function.lines > FUNCTION_BUDGET);
    let long = long.map(|function| {
        let what = format!(
            "fn {} has {} lines; a function has at most {FUNCTION_BUDGET}",
            function.name, function.lines
        );
        Violation::new(source, function.first_line, what)
    });
    long_file.into_iter().chain(long).collect()
}

/// `#[ignore]` without a reason.
pub(crate) fn ignored_with_reason(source: &Source) -> Vec<Violation> {
    let bare = source.code.match_indices("#[ignore]").map(|(at, _)| at);
    let spaced = source.uncommented.match_indices("#[ignore =").map(|(at, found)| (at, at + found.len()));
    let empty = spaced.filter(|(_, end)| source.uncommented[*end..].trim_start().starts_with("\"\""));
    bare.chain(empty.map(|(at, _)| at))
        .map(|at| Violation::new(source, line_of(&source.code, at), "#[ignore] needs a reason"))
        .collect()
}

/// Unfinished work, in code or comments.
pub(crate) fn finished(source: &Source) -> Vec<Violation> {
    let places =
        UNFINISHED.iter().flat_map(|mark| found(source, &source.text, mark).map(move |line| (line, *mark)));
    places.map(|(line, mark)| Violation::new(source, line, format!("unfinished work: {mark}"))).collect()
}

/// Words that others use for what we call sanitizing, in names and strings.
pub(crate) fn our_words(source: &Source) -> Vec<Violation> {
    let mut text = source.uncommented.to_lowercase();
    for tool in OTHER_TOOLS {
        text = text.replace(tool, &" ".repeat(tool.len()));
    }
    let mut violations = Vec::new();
    for verb in NOT_OUR_VERBS {
        // A part of a name begins after anything that is no letter.
        let begins = |at: &usize| !text[..*at].chars().next_back().is_some_and(char::is_alphabetic);
        for at in text.match_indices(verb).map(|(at, _)| at).filter(begins) {
            let word: String = text[at..].chars().take_while(|c| is_word(*c)).collect();
            violations.push(Violation::new(source, line_of(&text, at), format!("not our word: {word}")));
        }
    }
    violations
}

/// Paths of a machine on which this was written, in any tracked text.
pub(crate) fn no_machine_paths(source: &Source) -> Vec<Violation> {
    // Put together here, so that this file does not contain them.
    let places = [["/work", "/"], ["/tmp/", "wt"], ["/home/", "user"]].map(|parts| parts.concat());
    let hits = places.iter().flat_map(|place| source.text.match_indices(place.as_str()));
    hits.map(|(at, place)| {
        Violation::new(source, line_of(&source.text, at), format!("{place} is a path of one machine"))
    })
    .collect()
}

/// Reason codes without a row in the documentation, and rows without a code. `listed` has codes and classes.
pub(crate) fn reasons_documented(document: &Source, listed: &[(String, String)]) -> Vec<Violation> {
    let rows: BTreeSet<(String, String)> = document.text.lines().filter_map(reason_row).collect();
    let listed: BTreeSet<(String, String)> = listed.iter().cloned().collect();
    let missing = listed.difference(&rows).map(|row| format!("no row for {} of class {}", row.0, row.1));
    let unknown = rows.difference(&listed).map(|row| format!("no code {} of class {}", row.0, row.1));
    missing.chain(unknown).map(|what| Violation::new(document, 1, what)).collect()
}

/// Code and class of a row ``| `code` | class | meaning | what to do |``; all four must be filled.
fn reason_row(line: &str) -> Option<(String, String)> {
    let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
    let [code, class, meaning, remedy, ""] = cells[..] else { return None };
    let filled = !meaning.is_empty() && !remedy.is_empty();
    filled.then(|| (code.trim_end_matches('`').to_owned(), class.to_owned()))
}

/// Names of the tests of a file, as `PATH::NAME`.
pub(crate) fn tests_of(source: &Source) -> BTreeSet<String> {
    let behind = source.code.split("#[test]").skip(1);
    let name = |text: &str| text.split("fn ").nth(1)?.split('(').next().map(str::to_owned);
    behind.filter_map(name).map(|name| format!("{}::{name}", source.path)).collect()
}

/// Tests that a document names, as ``PATH.rs::NAME`` in backquotes, and that are not among `known`.
pub(crate) fn named_tests_exist(document: &Source, known: &BTreeSet<String>) -> Vec<Violation> {
    let lines = document.text.lines().zip(1..);
    let named = lines.flat_map(|(line, number)| named_tests(line).map(move |name| (number, name)));
    let missing = named.filter(|(_, name)| !known.contains(*name));
    missing.map(|(line, name)| Violation::new(document, line, format!("no test {name}"))).collect()
}

/// Tests that a line of a document names.
pub(crate) fn named_tests(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|word| word.contains(".rs::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One planted violation for each text, none for the others.
    fn check(rule: fn(&Source) -> Vec<Violation>, path: &str, bad: &[&str], good: &[&str]) {
        for text in bad {
            assert_eq!(rule(&Source::new(path, text)).len(), 1, "{text}");
        }
        for text in good {
            let violations = rule(&Source::new(path, text));
            assert!(violations.is_empty(), "{text}: {violations:?}");
        }
    }

    #[test]
    fn planted_unsafe_is_found() {
        let good = ["#[forbid(unsafe_code)]", "// unsafe", "f(\"unsafe\")"];
        check(unsafe_only_in_sys, "src/io/mod.rs", &["unsafe { f() }", "unsafe impl Send for X {}"], &good);
        check(unsafe_only_in_sys, "src/sys/ring.rs", &[], &["unsafe { f() }"]);
    }

    #[test]
    fn planted_clocks_and_files_are_found() {
        let bad = [
            "use std::fs::read;",
            "use std::time::Instant;",
            "let now = std::time::SystemTime::now();",
            "getrandom::fill(&mut key);",
            "use std::{fmt, net};",
            "std::process::exit(1)",
            "f: &File,",
        ];
        let good = [
            "use std::time::Duration;",
            "use std::{fmt, io};",
            "#[cfg(test)]\nmod tests { use std::fs; }",
            "// std::fs",
            "BackingFile",
        ];
        for module in PURE {
            check(pure_layers, &format!("src/{module}/x.rs"), &bad, &good);
        }
        check(pure_layers, "src/device/x.rs", &[], &bad);
    }

    #[test]
    fn planted_printing_is_found() {
        let bad = ["fn f() { println!() }", "dbg!(x)", "eprint!(\"\")"];
        check(
            printing_only_in_cli,
            "src/job/mod.rs",
            &bad,
            &["writeln!(out)", "// println!", "fn print() {}"],
        );
        check(printing_only_in_cli, "src/cli/lab/mod.rs", &[], &bad);
        check(printing_only_in_cli, "src/main.rs", &[], &bad);
    }

    #[test]
    fn planted_length_is_found() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(100));
        let (long, short) = (function(71), function(70));
        check(
            budgets,
            "src/job/mod.rs",
            &[&long, &"\n".repeat(601)],
            &[&short, &in_tests, &"\n".repeat(600)],
        );
    }

    #[test]
    fn planted_ignored_tests_are_found() {
        let bad = ["#[ignore]\nfn f() {}", "#[ignore = \"\"]\nfn f() {}"];
        check(ignored_with_reason, "tests/x.rs", &bad, &["#[ignore = \"takes an hour\"]", "// #[ignore]"]);
    }

    #[test]
    fn planted_unfinished_work_is_found() {
        let bad =
            [["to", "do!()"], ["unimple", "mented!()"], ["// FIX", "ME"], ["// X", "XX"], ["// HA", "CK: x"]];
        let bad = bad.map(|parts| parts.concat());
        let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
        check(finished, "src/x.rs", &bad, &["fn todo() {}", "// a HACKER"]);
    }

    #[test]
    fn planted_words_are_found() {
        let bad =
            ["fn wipe() {}", "let disk_wiped = 1;", "\"Shredding sda\"", "enum E { Nuke }", "x(\"nuked\")"];
        let good = ["// wipe", "run(\"wipefs\")", "run(\"shred -n1\")", "fn swipe() {}", "NWIPE"];
        for text in bad {
            assert!(!our_words(&Source::new("src/x.rs", text)).is_empty(), "{text}");
        }
        check(our_words, "src/x.rs", &[], &good);
    }

    #[test]
    fn planted_paths_are_found() {
        let planted = ["cd /work", "/x"].concat();
        check(no_machine_paths, "docs/x.md", &[&planted], &["/workbench", "network/x"]);
    }

    #[test]
    fn planted_gaps_in_the_documentation_are_found() {
        let listed = [("mounted".to_owned(), "in-use".to_owned()), ("swap".to_owned(), "in-use".to_owned())];
        let gaps = |text: &str| reasons_documented(&Source::new("docs/reasons.md", text), &listed).len();
        let mounted = "| `mounted` | in-use | It is mounted | umount it |\n";
        assert_eq!(gaps(&format!("{mounted}| `swap` | in-use | It is swap | swapoff |")), 0);
        assert_eq!(gaps(mounted), 1, "a code without a row");
        assert_eq!(gaps(&format!("{mounted}| `swap` | in-use | | swapoff |")), 1, "a row without a meaning");
        assert_eq!(gaps(&format!("{mounted}| `swap` | policy | It is swap | swapoff |")), 2, "a wrong class");
        assert_eq!(gaps(&format!("{mounted}| `swap` | in-use | a | b |\n| `gone` | medium | a | b |")), 1);
    }

    #[test]
    fn planted_names_of_tests_that_are_gone_are_found() {
        let file = Source::new(
            "tests/x.rs",
            "#[test]\n/// It is.\nfn it_is() {}\nfn help() {}\n// #[test]\nfn no() {}",
        );
        let known = tests_of(&file);
        let gone = |text: &str| named_tests_exist(&Source::new("docs/testing.md", text), &known).len();
        assert_eq!(gone("| `kill -9` | a word | `tests/x.rs::it_is`, `x::no` |"), 0);
        for name in ["tests/x.rs::help", "tests/x.rs::no", "tests/y.rs::it_is", "tests/x.rs::it_is_not"] {
            assert_eq!(gone(&format!("a row\n| `tests/x.rs::it_is`, `{name}` |")), 1, "{name}");
        }
    }
}
