//! Manifests come from spreadsheets.
#![no_main]
use expunge::cli::manifest::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(rows) = parse(text) {
        assert!(rows.iter().all(|row| row.name().is_some() && row.content().is_ok()));
    }
});
