//! Every kind of job on drives that say done and leave something: a drive that did nothing, and one whose loop ends one
//! block too early, which is the fault that a verifier of the same hand would share.
use expunge::sim::controller::Quirk;
use expunge::unit::ReasonCode;
use expunge::unit::term::{Outcome, Technique};

use crate::campaign::{Trail, run};
use crate::crashes::with_quirk;
use crate::honest::kinds;
use crate::link::Defect;
use crate::shape::Shape;

/// Jobs of every kind on drives with this quirk, each with its name.
fn ends(quirk: Quirk) -> Vec<(&'static str, Trail)> {
    let one = |(name, shape, _): (&'static str, Shape, Vec<Technique>)| {
        let drive = with_quirk(shape.drive.clone(), quirk);
        (name, run(&Shape { drive, ..shape }, None, 1, Defect::None))
    };
    kinds().into_iter().map(one).collect()
}

#[track_caller]
fn assert_found(name: &str, trail: &Trail) {
    assert!(trail.violations.is_empty(), "{name}: {:?}", trail.violations);
    let reasons = trail.last.iter().flat_map(|over| over.verdict.reasons());
    let codes: Vec<ReasonCode> = reasons.map(|reason| reason.code).collect();
    assert_eq!((trail.outcome, codes), (Outcome::Failed, vec![ReasonCode::FirmwareLied]), "{name}");
}

#[test]
fn a_command_that_did_nothing_is_found_on_every_interface() {
    for (name, trail) in ends(Quirk::ErasesNothing) {
        assert_found(name, &trail);
    }
}

#[test]
fn an_eraser_that_ends_one_block_too_early_is_found_on_every_interface() {
    let mut found = 0;
    for (name, trail) in ends(Quirk::SkipsLastBlock) {
        // Format with user data erase writes zeros on the model, which this quirk does not cut short.
        if name == "nvme format" {
            assert_eq!(trail.outcome, Outcome::Done, "{name}");
        } else {
            assert_found(name, &trail);
            found += 1;
        }
    }
    assert_eq!(found, kinds().len() - 1);
}
