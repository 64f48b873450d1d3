//! Real drives, as far as their facts are public: each is made into pages, read by every decoder and the survey, and
//! planned for; the answers are those of the table in `docs/drives.md`, which has the reasons.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod ata;
mod fixture;
mod nvme;
mod scsi;
mod table;

use std::collections::BTreeSet;

use expunge::device::capability::{Capability, Interface as Told};
use expunge::device::capture::{Capture, Questions, recording, replay};
use expunge::device::survey::survey;
use expunge::device::{DriveFacts, source};
use expunge::io::{Channel, Route};
use fixture::{Fixture, Interface, files, name};

/// A way to the drive of a fixture; `None` for drives without commands of their own.
fn route(fixture: Fixture) -> Option<Route> {
    let (channel, nsid) = match fixture.interface {
        Interface::Nvme => (Channel::Nvme(Box::new(nvme::Controller::new(&fixture))), Some(1)),
        Interface::Ata => (Channel::Scsi(Box::new(ata::Drive::new(&fixture))), None),
        Interface::Scsi => (Channel::Scsi(Box::new(scsi::Unit::new(fixture))), None),
        Interface::None => return None,
    };
    Some(Route { channel, nsid })
}

/// What planning knows of a drive.
fn surveyed(file: &std::path::Path) -> DriveFacts {
    let fixture = Fixture::read(file);
    let mut facts = fixture.drive_facts();
    if let Some(mut route) = route(fixture) {
        let capability =
            survey(&mut route).unwrap_or_else(|reason| panic!("{}: {}", name(file), reason.text));
        facts.capability = Some(Box::new(capability));
    }
    facts
}

#[test]
fn there_are_twenty_and_more_and_each_says_where_its_facts_are_from() {
    let files = files();
    assert!(files.len() >= 20, "{}", files.len());
    let mut drives = BTreeSet::new();
    for file in &files {
        let fixture = Fixture::read(file);
        let name = name(file);
        drives.insert(fixture.drive.clone());
        assert!(
            !fixture.sources.is_empty() && fixture.sources.iter().all(|source| source.len() > 10),
            "{name}"
        );
        assert!(!fixture.facts.is_empty(), "{name}");
        let twice: Vec<&String> =
            fixture.facts.keys().filter(|fact| fixture.filled.contains_key(*fact)).collect();
        assert!(twice.is_empty(), "{name}: {twice:?} cannot be a fact and be filled in");
        let text = std::fs::read_to_string(file).unwrap().to_lowercase();
        for word in ["serial", "\"sn\"", "wwn", "eui64", "nguid"] {
            assert!(!text.contains(word), "{name} speaks of {word}");
        }
        assert_eq!(fixture.note.as_deref().map(str::trim), fixture.note.as_deref());
    }
    assert!(drives.len() >= 20);
}

#[test]
fn the_survey_tells_what_the_sources_say() {
    for file in files() {
        let fixture = Fixture::read(&file);
        let facts = surveyed(&file);
        let Some(capability) = &facts.capability else { continue };
        match &capability.interface {
            Told::Nvme(told) => {
                let sanicap = fixture.number("sanicap").unwrap();
                let offers = told.sanitize.as_ref().map(|told| {
                    let bit = |yes: bool, at: u32| if yes { 1 << at } else { 0 };
                    bit(told.crypto_erase.is_yes(), 0)
                        | bit(told.block_erase.is_yes(), 1)
                        | bit(told.overwrite.is_yes(), 2)
                        | bit(told.no_deallocate_inhibited.is_yes(), 29)
                        | (u64::from(told.no_deallocate_modifies) << 30)
                });
                assert_eq!(offers.unwrap_or(0), sanicap, "{}", fixture.drive);
                assert_eq!(told.format.is_some(), fixture.number("oacs").unwrap() & 2 != 0);
                assert_eq!(u64::from(told.controller_id), fixture.number("cntlid").unwrap());
            }
            Told::Ata(told) => {
                assert_eq!(Some(told.areas.presented), fixture.number("sectors").or(told.areas.native));
                let frozen = fixture.lists(&["states"]).contains(&"frozen");
                assert_eq!(told.security.map(|told| told.frozen.is_yes()), Some(frozen), "{}", fixture.drive);
                assert_eq!(told.translator.as_deref(), fixture.text("translator"));
            }
            Told::Scsi(told) => {
                assert_eq!(told.inquiry[1], fixture.text("product").unwrap());
                assert_eq!(Some(told.blocks), fixture.number("blocks"));
                assert_eq!(u64::from(told.protection), fixture.number("protection").unwrap());
                assert_eq!(capability.health.power_on_hours, fixture.number("hours"));
            }
        }
    }
}

/// Facts without the bytes of pages, which are redacted in a capture.
fn told(capability: &Capability) -> (Told, Vec<String>) {
    (capability.interface.clone(), capability.gaps.clone())
}

#[test]
fn a_capture_of_each_drive_tells_the_same() {
    for file in files() {
        let facts = surveyed(&file);
        let Some(way) = route(Fixture::read(&file)) else { continue };
        let nsid = way.nsid;
        let (mut way, recorder) = recording(way);
        let capability = survey(&mut way).unwrap();
        let questions = Questions { nsid, asked: recorder.take() };
        let capture = Capture::of(&facts, questions).unwrap();
        let text = serde_json::to_string_pretty(&capture).unwrap();
        assert!(!text.contains("MADE-UP"));
        let read = Capture::parse(&text).unwrap();
        let again = survey(&mut replay(&read)).unwrap();
        assert_eq!(told(&again), told(&capability), "{}", name(&file));
    }
}

#[test]
fn every_fact_that_is_shown_names_its_source() {
    for file in files() {
        let facts = surveyed(&file);
        let shown = source::own(&facts);
        assert!(!shown.is_empty(), "{}", name(&file));
        for fact in &shown {
            assert!(!fact.source.is_empty() && !fact.value.is_empty() && !fact.name.is_empty(), "{fact:?}");
        }
        if facts.capability.is_some() {
            assert!(shown.iter().any(|fact| fact.name == "sanitize"), "{}", name(&file));
        }
    }
}

/// The program itself, which is all that somebody who contributes a capture has.
#[test]
fn the_program_shows_what_a_capture_holds() {
    let folder = tempfile::tempdir().unwrap();
    for slug in ["wdc-sn730", "wdc-wd30efrx", "seagate-st10000nm0226"] {
        let file = files().into_iter().find(|file| name(file) == slug).unwrap();
        let facts = surveyed(&file);
        let way = route(Fixture::read(&file)).unwrap();
        let nsid = way.nsid;
        let (mut way, recorder) = recording(way);
        survey(&mut way).unwrap();
        let capture = Capture::of(&facts, Questions { nsid, asked: recorder.take() }).unwrap();
        let path = folder.path().join(format!("{slug}.json"));
        std::fs::write(&path, serde_json::to_vec(&capture).unwrap()).unwrap();
        let run = |more: &[&str]| {
            let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_expunge"));
            program.args(["inspect", "--from"]).arg(&path).args(more).output().unwrap()
        };
        let answer = run(&["--json"]);
        assert!(answer.status.success(), "{answer:?}");
        let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
        let capability = facts.capability.as_deref().unwrap();
        let interface = serde_json::to_value(&capability.interface).unwrap();
        assert_eq!(answer.pointer("/facts/capability/interface"), Some(&interface), "{slug}");
        let frozen = answer["hindrances"].as_array().unwrap().iter().any(|reason| reason["code"] == "frozen");
        assert_eq!(frozen, slug == "wdc-wd30efrx", "{answer:#}");
        let text = String::from_utf8(run(&[]).stdout).unwrap();
        assert!(text.contains("sanitize") && text.contains("FROM"), "{text}");
    }
    let torn = folder.path().join("torn.json");
    std::fs::write(&torn, "{").unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_expunge"));
    let answer = program.args(["inspect", "--from"]).arg(&torn).output().unwrap();
    assert_eq!(answer.status.code(), Some(3), "{answer:?}");
}
