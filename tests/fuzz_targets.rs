//! The targets of `scripts/fuzz`, compiled with every test run and tried for a second each on the fixtures, on pieces of
//! them with changed bytes, and on noise. The fuzzer itself, which is led by coverage, needs the nightly compiler; a
//! target that does not compile any more, or an assertion of it that is wrong, shows here.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "in tests a panic is the answer")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use expunge::sim::Dice;

// What the targets use of the crate `libfuzzer_sys`.
extern crate self as libfuzzer_sys;

macro_rules! targets {
    ($($name:ident $file:literal,)*) => {
        $(
            #[allow(unused_attributes, reason = "a target is the root of a program of its own")]
            #[path = $file]
            mod $name;
        )*

        /// Every target with its name.
        const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::run),)*];
    };
}

targets! {
    ata "fuzz/targets/ata.rs",
    capture "fuzz/targets/capture.rs",
    content "fuzz/targets/content.rs",
    envelope "fuzz/targets/envelope.rs",
    journal "fuzz/targets/journal.rs",
    keyring "fuzz/targets/keyring.rs",
    manifest "fuzz/targets/manifest.rs",
    message "fuzz/targets/message.rs",
    nvme "fuzz/targets/nvme.rs",
    policy "fuzz/targets/policy.rs",
    procfs "fuzz/targets/procfs.rs",
    scsi "fuzz/targets/scsi.rs",
    story "fuzz/targets/story.rs",
    sysfs "fuzz/targets/sysfs.rs",
    tcg "fuzz/targets/tcg.rs",
}

/// Makes a function of a target. It stands below the targets, which import it by its path.
#[macro_export]
macro_rules! fuzz_target {
    (|$bytes:ident: &[u8]| $body:block) => {
        pub(crate) fn run($bytes: &[u8]) $body
    };
    (|$text:ident: &str| $body:block) => {
        pub(crate) fn run(bytes: &[u8]) {
            if let Ok($text) = std::str::from_utf8(bytes) $body
        }
    };
}

/// How long each target is tried.
const EACH: Duration = Duration::from_secs(1);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixtures() -> Vec<Vec<u8>> {
    let folders = ["fixtures/certificate", "fixtures/journal"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap());
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Noise, or a fixture, whole, cut off or with some bytes changed.
fn input(dice: &mut Dice, fixtures: &[Vec<u8>]) -> Vec<u8> {
    let byte = |dice: &mut Dice| u8::try_from(dice.below(256)).unwrap();
    if dice.chance(1, 2) {
        let most = 1 << dice.below(10);
        let length = dice.below(most);
        return (0..length).map(|_| byte(dice)).collect();
    }
    let mut bytes = fixtures[dice.index(fixtures.len())].clone();
    for _ in 0..dice.below(4) {
        let at = dice.index(bytes.len());
        bytes[at] = byte(dice);
    }
    if dice.chance(1, 4) {
        bytes.truncate(dice.index(bytes.len()));
    }
    bytes
}

#[test]
fn every_target_bears_fixtures_changes_and_noise() {
    let fixtures = fixtures();
    assert!(fixtures.len() > 5, "the fixtures were not found");
    for (name, target) in TARGETS {
        target(&[]);
        fixtures.iter().for_each(|fixture| target(fixture));
        let (begin, mut dice, mut runs) = (Instant::now(), Dice::new(0x00F0_22ED), 0_u32);
        while begin.elapsed() < EACH {
            target(&input(&mut dice, &fixtures));
            runs += 1;
        }
        println!("{name}: {runs} inputs");
        assert!(runs > 0);
    }
}

/// What the fuzzer builds is what is tried here.
#[test]
fn every_target_is_built_and_tried() {
    let listed = std::fs::read_to_string(root().join("tests/fuzz/Cargo.toml")).unwrap();
    let document = std::fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let mut found = 0;
    for entry in std::fs::read_dir(root().join("tests/fuzz/targets")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.strip_suffix(".rs").unwrap();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name} is not tried here");
        assert!(listed.contains(&format!("path = \"targets/{file}\"")), "{name} is not built");
        assert!(document.contains(&format!("| `{name}` |")), "{name} is not in docs/testing.md");
        found += 1;
    }
    assert_eq!(found, TARGETS.len());
}
