//! The table of `docs/drives.md` against the program.
use std::collections::BTreeMap;
use std::path::Path;

use expunge::command::DriveCommand;
use expunge::command::{ata, nvme, scsi};
use expunge::device::DriveFacts;
use expunge::plan::{Decision, Policy, Request, decide};
use expunge::unit::term::{Method, Standard, word};

use super::fixture::{files, name};
use super::surveyed;

/// What is asked, in the order of the table's columns.
const QUESTIONS: [(Method, Standard); 4] = [
    (Method::Purge, Standard::NistR2),
    (Method::Purge, Standard::NistR1),
    (Method::Purge, Standard::Ieee2883),
    (Method::Clear, Standard::NistR2),
];

/// Rows by the name of the fixture: the four answers.
fn rows() -> BTreeMap<String, [String; 4]> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/drives.md");
    let text = std::fs::read_to_string(file).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [drive, _can, answers @ .., why] = cells.as_slice() else { panic!("{line}") };
        let answers: [String; 4] =
            answers.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>().try_into().unwrap();
        assert!(why.len() > 20, "{drive} has no reason");
        assert!(
            rows.insert(drive.trim_matches('`').to_owned(), answers).is_none(),
            "{drive} stands there twice"
        );
    }
    rows
}

const fn step(command: &DriveCommand) -> &'static str {
    match command {
        DriveCommand::NvmeSanitize(sanitize) => match sanitize.action {
            nvme::SanitizeAction::BlockErase => "block erase",
            nvme::SanitizeAction::Overwrite(_) => "sanitize overwrite",
            nvme::SanitizeAction::CryptoErase => "crypto erase",
        },
        DriveCommand::AtaSanitize(sanitize) => match sanitize.action {
            ata::SanitizeAction::BlockErase => "block erase",
            ata::SanitizeAction::Overwrite(_) => "sanitize overwrite",
            ata::SanitizeAction::CryptoScramble => "crypto erase",
        },
        DriveCommand::ScsiSanitize(sanitize) => match sanitize.action {
            scsi::SanitizeAction::BlockErase => "block erase",
            scsi::SanitizeAction::Overwrite(_) => "sanitize overwrite",
            scsi::SanitizeAction::CryptoErase => "crypto erase",
        },
        DriveCommand::NvmeFormat(format) => match format.erase {
            nvme::SecureErase::UserData => "format",
            nvme::SecureErase::Cryptographic => "format crypto",
        },
        DriveCommand::AtaSecurityErase(erase) => match erase.mode {
            ata::EraseMode::Normal => "security erase",
            ata::EraseMode::Enhanced => "enhanced security erase",
        },
        DriveCommand::TcgRevert(_) => "revert",
    }
}

/// The program's answer in the words of the table.
fn answer(facts: &DriveFacts, (method, standard): (Method, Standard)) -> String {
    let request = Request { method: Some(method), standard, ..Request::default() };
    let codes = |reasons: &[expunge::unit::Reason]| {
        let mut codes: Vec<String> = reasons.iter().map(|reason| word(reason.code)).collect();
        codes.dedup();
        codes.join(", ")
    };
    match decide(&request, facts, &Policy::builtin()) {
        Decision::Planned(plan) => {
            let mut steps: Vec<&str> = plan.firmware.iter().flat_map(|plan| &plan.steps).map(step).collect();
            if !plan.passes.is_empty() {
                steps.push("overwrite");
            }
            steps.join(" + ")
        }
        Decision::Refused(reasons) => format!("not now: {}", codes(&reasons)),
        Decision::Unsanitizable(reasons) if codes(&reasons) == "purge-unavailable" => "destroy".to_owned(),
        Decision::Unsanitizable(reasons) => format!("never: {}", codes(&reasons)),
    }
}

#[test]
fn the_program_answers_as_the_table_says() {
    let mut rows = rows();
    let mut wrong = Vec::new();
    for file in files() {
        let facts = surveyed(&file);
        let given = QUESTIONS.map(|question| answer(&facts, question));
        match rows.remove(&name(&file)) {
            Some(expected) if expected == given => {}
            expected => wrong.push(format!("{}\n  table   {expected:?}\n  program {given:?}", name(&file))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.is_empty(), "the table has drives without a fixture: {:?}", rows.keys());
}
