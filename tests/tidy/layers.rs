//! A module may name only modules below it.
use super::rules::Violation;
use super::source::{Source, is_word, line_of, words};

/// The modules of the crate, from the bottom.
pub(crate) const LAYERS: [&str; 14] = [
    "unit",
    "sys",
    "io",
    "sim",
    "command",
    "device",
    "plan",
    "journal",
    "engine",
    "verify",
    "worker",
    "certificate",
    "job",
    "cli",
];

/// The top-level module that a file under `src/` belongs to; `None` for the roots of the crate.
pub(crate) fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let module = inside.split('/').next()?;
    let module = module.strip_suffix(".rs").unwrap_or(module);
    (module != "lib" && module != "main").then_some(module)
}

/// Names of modules that stand above the file's own.
pub(crate) fn layer_order(source: &Source) -> Vec<Violation> {
    let Some(module) = module_of(&source.path) else { return Vec::new() };
    let Some(own) = LAYERS.iter().position(|layer| *layer == module) else {
        return vec![Violation::new(source, 1, format!("module {module} has no place in the layers"))];
    };
    let mut violations = Vec::new();
    for (at, named) in named_modules(source) {
        let layer = LAYERS.iter().position(|layer| *layer == named);
        if layer.is_some_and(|layer| layer > own) {
            let line = line_of(&source.code, at);
            violations.push(Violation::new(
                source,
                line,
                format!("{module} names {named}, which is above it"),
            ));
        }
    }
    violations
}

/// Every top-level module named through `crate::` or through enough `super::`, also in braces.
fn named_modules(source: &Source) -> Vec<(usize, String)> {
    let code = &source.code;
    let mut named = Vec::new();
    for at in words(code, "crate").filter(|at| !code[..*at].ends_with('(')) {
        named.extend(heads(&code[at + "crate".len()..]).into_iter().map(|head| (at, head)));
    }
    // The first file of a module is one level deep, every other at least two.
    let depth = source.path.trim_start_matches("src/").trim_end_matches("/mod.rs").split('/').count();
    for at in words(code, "super").filter(|at| !code[..*at].trim_end().ends_with("super::")) {
        let mut rest = &code[at..];
        let mut levels = 0;
        while let Some(tail) = rest.strip_prefix("super") {
            levels += 1;
            rest = tail.strip_prefix("::").unwrap_or_default();
        }
        if levels >= depth {
            named.extend(heads(&format!("::{rest}")).into_iter().map(|head| (at, head)));
        }
    }
    named
}

/// First words of a path, or of each path in braces: `::a::b` gives `a`, `::{a::b, c}` gives `a` and `c`.
fn heads(path: &str) -> Vec<String> {
    let Some(path) = path.strip_prefix("::") else { return Vec::new() };
    let Some(inside) = path.strip_prefix('{') else {
        return vec![path.chars().take_while(|c| is_word(*c)).collect()];
    };
    let mut heads = vec![String::new()];
    let (mut depth, mut reading) = (0_usize, true);
    for c in inside.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.push(String::new());
                reading = true;
            }
            c if reading && is_word(c) => heads.last_mut().expect("one at least").push(c),
            c if reading && depth == 0 && !c.is_whitespace() => reading = false,
            _ => {}
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        layer_order(&Source::new(path, text)).len()
    }

    #[test]
    fn a_planted_name_from_above_is_found() {
        for text in [
            "use crate::engine::Pass;",
            "fn f() { crate::verify::look() }",
            "use crate::{unit::Lba, job, cli::lab};",
            "use crate::{\n    unit::{Lba, range::{self}},\n    engine::{Pass},\n};",
            "mod tests { use super::super::super::worker::Run; }",
        ] {
            assert!(count("src/plan/step.rs", text) > 0, "{text}");
        }
        assert_eq!(count("src/plan/mod.rs", "use super::job;"), 1);
        assert_eq!(count("src/plan/step.rs", "use crate::{unit::Lba, job, cli::lab};"), 2);
        assert_eq!(count("src/plan.rs", "use super::job;"), 1);
        assert_eq!(count("src/fleet/mod.rs", ""), 1, "a module that has no place");
    }

    #[test]
    fn names_from_below_comments_and_strings_are_no_violations() {
        for text in [
            "use crate::unit::Lba; use crate::device::{self, Identity};",
            "// crate::engine\nfn f() { g(\"crate::engine\") }",
            "use super::engine::Pass;",
            "pub(crate) fn f(engine: u8) {}",
            "use crate::plan::verify;",
            "use crate::{unit::{engine, job}, plan::cli};",
        ] {
            assert_eq!(count("src/plan/step.rs", text), 0, "{text}");
        }
        assert_eq!(count("src/lib.rs", "pub mod cli; use crate::cli;"), 0);
    }
}
