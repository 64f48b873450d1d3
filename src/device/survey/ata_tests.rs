//! A simulated drive, which reads the commands by its own code, is asked.
use super::*;
use crate::command::ata::security::EraseTime;
use crate::sim::controller::quirk::{Quirk, Stale};
use crate::sim::controller::{AtaTraits, ScsiSim, ScsiSpec, Shape};

fn told(shape: Shape, traits: AtaTraits) -> (AtaFacts, Capability) {
    let sim = ScsiSim::new(ScsiSpec::ata(shape, traits));
    let capability = survey(&mut sim.port(), None).expect("the drive answers");
    let Interface::Ata(facts) = &capability.interface else { panic!("{:?}", capability.interface) };
    ((**facts).clone(), capability)
}

#[test]
fn a_solid_state_drive_tells_what_it_was_made_with() {
    let (facts, capability) = told(Shape::small(512, 2048), AtaTraits::solid());
    let sanitize = facts.sanitize.unwrap();
    assert!(sanitize.block_erase.is_yes() && sanitize.crypto_scramble.is_yes());
    assert_eq!((sanitize.overwrite, sanitize.antifreeze), (Support::No, Support::No));
    assert_eq!(facts.sanitize_state, Some(AtaSanitizeState::Idle));
    let security = facts.security.unwrap();
    assert_eq!(security.normal_time, EraseTime::Minutes { minutes: 2 });
    assert_eq!((security.enabled, security.enhanced), (Support::No, Support::Yes));
    assert_eq!((facts.areas.presented, facts.areas.native), (2048, Some(2048)));
    assert!(facts.encrypts_all.is_yes() && facts.areas.ama.is_yes());
    assert_eq!(facts.rotation, Some(1));
    assert!(capability.pages.iter().any(|page| page.name == "ata identify device" && page.hex.len() == 1024));
}

#[test]
fn a_magnetic_drive_tells_its_three_capacities() {
    let traits = AtaTraits { presented: Some(1500), native: Some(1800), ..AtaTraits::magnetic() };
    let (facts, _) = told(Shape::small(512, 2048), traits);
    assert_eq!(facts.areas.presented, 1500);
    assert_eq!(facts.areas.native, Some(1800));
    assert_eq!(facts.areas.factory, Some(2048));
    assert!(facts.sanitize.unwrap().definitive_ending.is_yes());
    assert_eq!(facts.rotation, Some(7200));
}

#[test]
fn an_earlier_success_and_registers_of_zeros_are_told_apart() {
    let stale = Shape::small(512, 2048).with(Quirk::StaleEnd { end: Stale::Success });
    assert_eq!(told(stale, AtaTraits::solid()).0.sanitize_state, Some(AtaSanitizeState::Completed));
    let zeros = Shape::small(512, 2048).with(Quirk::ZeroRegisters);
    let (facts, capability) = told(zeros, AtaTraits::solid());
    assert_eq!(facts.sanitize_state, None);
    assert_eq!(facts.areas.native, None);
    assert!(
        capability.gaps.iter().any(|gap| gap.starts_with("ata sanitize status")),
        "{:?}",
        capability.gaps
    );
}

#[test]
fn a_drive_at_work_is_asked_for_nothing_more() {
    let (facts, capability) = told(Shape::small(512, 2048).with(Quirk::ForeignRunning), AtaTraits::solid());
    assert_eq!(facts.sanitize_state, Some(AtaSanitizeState::InProgress));
    assert_eq!(capability.gaps.len(), 1, "{:?}", capability.gaps);
}

#[test]
fn a_frozen_drive_says_so() {
    let (facts, _) = told(Shape::small(512, 2048).with(Quirk::FrozenByFirmware), AtaTraits::solid());
    assert_eq!(facts.sanitize_state, Some(AtaSanitizeState::Frozen));
    assert!(facts.security.unwrap().frozen.is_yes());
}
