//! ATA commands carried out on the simulated drive, which reads them by its own code.
use std::time::Duration;

use super::*;
use crate::command::AfterFailure;
use crate::command::ata::{EraseMode, Sanitize, SanitizeAction, SecurityErase};
use crate::sim::controller::quirk::{Quirk, Return, Stale};
use crate::sim::controller::{AtaTraits, ScsiSim, ScsiSpec, Shape};

/// Virtual time of a simulated drive.
struct SimWatch(ScsiSim);

impl Watch for SimWatch {
    fn now(&mut self) -> Duration {
        Duration::from_millis(self.0.clock().elapsed_ms())
    }

    fn rest(&mut self, time: Duration) {
        self.0.pass_time(time);
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn tell(&mut self, _news: &News) {}
}

fn solid(quirks: &[Quirk]) -> ScsiSim {
    let shape = quirks.iter().fold(Shape::small(512, 2048).used(), |shape, quirk| shape.with(*quirk));
    ScsiSim::new(ScsiSpec::ata(shape, AtaTraits::solid()))
}

const BLOCK_ERASE: Sanitize =
    Sanitize { action: SanitizeAction::BlockErase, after_failure: AfterFailure::Unrestricted };

fn sanitized(sim: &ScsiSim) -> CommandReport {
    let mut watch = SimWatch(sim.clone());
    let before = ata::before(&mut sim.port(), &mut watch);
    ata::run(&mut sim.port(), &BLOCK_ERASE, Start::Send, &before, &mut watch)
}

fn code(report: &CommandReport) -> crate::unit::ReasonCode {
    match &report.conclusion {
        Conclusion::NotStarted { reason }
        | Conclusion::Failed { reason }
        | Conclusion::Unknown { reason } => reason.code,
        Conclusion::Confirmed | Conclusion::Claimed => panic!("{:?}", report.conclusion),
    }
}

#[test]
fn an_honest_drive_is_confirmed() {
    let report = sanitized(&solid(&[]));
    assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:#?}");
    assert_eq!(report.proof, [Proof::InProgressSeen, Proof::CompletedSetAnew]);
}

#[test]
fn a_success_of_long_ago_needs_the_drive_to_be_seen_at_work() {
    let stale = Quirk::StaleEnd { end: Stale::Success };
    let report = sanitized(&solid(&[stale]));
    assert_eq!((report.conclusion, report.proof), (Conclusion::Confirmed, vec![Proof::InProgressSeen]));
    let report = sanitized(&solid(&[stale, Quirk::NeverShown]));
    assert_eq!((report.conclusion, report.proof), (Conclusion::Claimed, vec![]));
}

#[test]
fn registers_that_tell_nothing_and_frozen_drives_are_sent_nothing() {
    for (quirk, expected) in [
        (Quirk::ZeroRegisters, crate::unit::ReasonCode::FirmwareRefused),
        (Quirk::NoRegisters, crate::unit::ReasonCode::FirmwareRefused),
        (Quirk::FrozenByFirmware, crate::unit::ReasonCode::Frozen),
        (Quirk::ForeignRunning, crate::unit::ReasonCode::FirmwareBusy),
    ] {
        let report = sanitized(&solid(&[quirk]));
        assert!(matches!(report.conclusion, Conclusion::NotStarted { .. }), "{quirk:?}: {report:#?}");
        assert_eq!(code(&report), expected, "{quirk:?}");
    }
}

/// Fixed format sense alone cannot tell a completed operation from a frozen drive; the translation layer's log can.
#[test]
fn fixed_sense_with_a_log_of_results_is_confirmed_and_audited() {
    for (quirks, proof) in [
        (&[Quirk::FixedSense][..], &[Proof::InProgressSeen, Proof::CompletedSetAnew][..]),
        (&[Quirk::FixedSense, Quirk::StaleEnd { end: Stale::Success }], &[Proof::InProgressSeen]),
    ] {
        let shape = quirks.iter().fold(Shape::small(512, 2048).used(), |shape, quirk| shape.with(*quirk));
        let sim = ScsiSim::new(ScsiSpec::ata(shape, AtaTraits { results_log: true, ..AtaTraits::solid() }));
        let mut watch = SimWatch(sim.clone());
        let before = ata::before(&mut sim.port(), &mut watch);
        let report = ata::run(&mut sim.port(), &BLOCK_ERASE, Start::Send, &before, &mut watch);
        assert_eq!(report.conclusion, Conclusion::Confirmed, "{quirks:?}: {report:#?}");
        assert_eq!(report.proof, proof, "{quirks:?}");
        let command = crate::command::DriveCommand::AtaSanitize(BLOCK_ERASE);
        assert_eq!(audit(&command, &before, &report), Ok(()), "{quirks:?}");
        // Without what the log told, nobody comes to this end.
        let mut silent = report;
        silent.exchanges.retain(|exchange| !exchange.name.starts_with("LOG SENSE"));
        assert!(audit(&command, &before, &silent).is_err(), "{quirks:?}");
    }
}

#[test]
fn fixed_sense_ends_unknown() {
    let report = sanitized(&solid(&[Quirk::FixedSense]));
    assert!(matches!(report.conclusion, Conclusion::Unknown { .. }), "{report:#?}");
}

#[test]
fn failures_are_failures_in_their_words() {
    let report = sanitized(&solid(&[Quirk::PhysicalSectorsRemain]));
    let Conclusion::Failed { reason } = &report.conclusion else { panic!("{report:#?}") };
    assert!(reason.text.contains("physical sectors remain"), "{}", reason.text);
}

#[test]
fn an_operation_that_goes_on_after_a_power_cut_is_followed_over_a_new_way() {
    let sim = solid(&[Quirk::PowerFails { at: 20_000, back_ms: 1000, returns: Return::Same }]);
    let mut watch = SimWatch(sim.clone());
    let before = ata::before(&mut sim.port(), &mut watch);
    let report = ata::run(&mut sim.port(), &BLOCK_ERASE, Start::Send, &before, &mut watch);
    assert!(matches!(report.conclusion, Conclusion::Unknown { .. }), "the node is gone: {report:#?}");
    let report = ata::run(&mut sim.port(), &BLOCK_ERASE, Start::FollowAccepted, &before, &mut watch);
    assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:#?}");
}

#[test]
fn a_security_erase_is_confirmed_and_one_that_keeps_its_password_is_not() {
    for mode in [EraseMode::Normal, EraseMode::Enhanced] {
        let sim = solid(&[]);
        let mut watch = SimWatch(sim.clone());
        let report = security::run(&mut sim.port(), &SecurityErase { mode }, Start::Send, &mut watch);
        assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:#?}");
        let sim = solid(&[Quirk::SecurityStays]);
        let mut watch = SimWatch(sim.clone());
        let report = security::run(&mut sim.port(), &SecurityErase { mode }, Start::Send, &mut watch);
        assert!(matches!(report.conclusion, Conclusion::Failed { .. }), "{report:#?}");
    }
}

#[test]
fn a_drive_that_was_left_locked_is_erased_with_the_same_password() {
    let sim = solid(&[Quirk::PowerFails { at: 20_000, back_ms: 1000, returns: Return::Same }]);
    let mut watch = SimWatch(sim.clone());
    let erase = SecurityErase { mode: EraseMode::Normal };
    let first = security::run(&mut sim.port(), &erase, Start::Send, &mut watch);
    assert!(matches!(first.conclusion, Conclusion::Unknown { .. }), "{first:#?}");
    let report = security::run(&mut sim.port(), &erase, Start::Follow, &mut watch);
    assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:#?}");
}

#[test]
fn a_drive_that_was_left_locked_can_be_opened_then_erased_or_be_left_with_its_data() {
    let locked = || {
        let sim = solid(&[Quirk::PowerFails { at: 20_000, back_ms: 1000, returns: Return::Same }]);
        let mut watch = SimWatch(sim.clone());
        let erase = SecurityErase { mode: EraseMode::Normal };
        let first = security::run(&mut sim.port(), &erase, Start::Send, &mut watch);
        assert!(matches!(first.conclusion, Conclusion::Unknown { .. }), "{first:#?}");
        (sim, watch, erase)
    };
    let (sim, mut watch, erase) = locked();
    let opened = security::recover(&mut sim.port(), security::Then::Keep, &mut watch);
    assert_eq!(opened.recovered, security::Recovered::Opened, "{opened:#?}");
    let report = security::run(&mut sim.port(), &erase, Start::Follow, &mut watch);
    assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:#?}");
    let (sim, mut watch, _) = locked();
    let unlocked = security::recover(&mut sim.port(), security::Then::Disable, &mut watch);
    assert_eq!(unlocked.recovered, security::Recovered::Unlocked, "{unlocked:#?}");
    let again = security::recover(&mut sim.port(), security::Then::Disable, &mut watch);
    assert_eq!(again.recovered, security::Recovered::NotNeeded);
}

#[test]
fn a_quarter_that_is_hidden_is_given_back() {
    let traits = AtaTraits { presented: Some(1536), ..AtaTraits::magnetic() };
    let sim = ScsiSim::new(ScsiSpec::ata(Shape::small(512, 2048), traits));
    let mut watch = SimWatch(sim.clone());
    let report = areas::restore(&mut sim.port(), &mut watch);
    assert!(matches!(report.restored, areas::Restored::Full { .. }), "{report:#?}");
    let (now, _) = areas::read(&mut sim.port(), &mut watch);
    assert!(now.is_some_and(|now| now.presented.get() == 2048 && !now.hides()));
}
