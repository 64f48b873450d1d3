//! One job from its plan to its end, over all its interruptions, held against the promises after each sitting.
use std::sync::atomic::Ordering;

use expunge::job::replay::can_go_on;
use expunge::sim::controller::quirk::Return;
use expunge::sim::{Dice, UnsyncedTail};
use expunge::unit::term::Outcome;

use crate::check::{self, Violation};
use crate::foreign;
use crate::link::{Between, Defect};
use crate::shape::Shape;
use crate::world::{Found, Over, Sat, World};

/// Where and how the host dies at an append to its journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    /// Number of the sync that fails, from 0.
    pub(crate) sync: u64,
    /// What is found of bytes that were not synced.
    pub(crate) tail: UnsyncedTail,
    /// The drive loses its power too, and comes back so; `None`: it keeps it.
    pub(crate) power: Option<Return>,
}

/// What one job came to.
pub(crate) struct Trail {
    pub(crate) world: World,
    /// Its end; `None` for a job that was not begun, or not gone on with.
    pub(crate) last: Option<Box<Over>>,
    pub(crate) outcome: Outcome,
    /// Whether the first sitting came to its end without the crash.
    pub(crate) whole: bool,
    pub(crate) sittings: usize,
    pub(crate) violations: Vec<Violation>,
}

/// Sittings after which a job that still does not come to its end is left.
const SITTINGS_MAX: usize = 4;

/// Runs a job to its end.
pub(crate) fn run(shape: &Shape, crash: Option<Crash>, seed: u64, defect: Defect) -> Trail {
    let mut dice = Dice::new(seed ^ 0x00C0_FFEE);
    let mut world = World::new(shape);
    world.defect = defect;
    if let Some(crash) = crash {
        world.store.stop_at_sync(crash.sync);
        world.power_goes = crash.power.is_some();
        world.returns = crash.power.unwrap_or(Return::Same);
    }
    let mut violations = Vec::new();
    if world.plan().is_none() {
        let outcome = check::not_begun(&world, &mut violations);
        return Trail { world, last: None, outcome, whole: true, sittings: 0, violations };
    }
    let mut sat = world.begin();
    let whole = matches!(sat, Sat::Over(_));
    let (mut last, mut outcome, mut sittings) = (None, Outcome::Unknown, 1);
    loop {
        let bytes = match sat {
            Sat::Over(over) => {
                check::over(&world, &over, &mut violations);
                outcome = over.verdict.outcome();
                let goes_on = can_go_on(outcome, over.verdict.reasons());
                last = Some(over);
                let left = matches!(shape.between, Between::StopForGood(_)) && outcome == Outcome::Aborted;
                if left || !goes_on {
                    break;
                }
                world.store.durable()
            }
            Sat::Stopped => {
                world.hooks.dead.store(false, Ordering::SeqCst);
                if shape.between == Between::ForeignWhileDead {
                    foreign::crypto_erase(&mut world.drive.route().channel);
                }
                let tail = crash.map_or(UnsyncedTail::Kept, |crash| crash.tail);
                world.store.crash(tail, &mut dice)
            }
        };
        if sittings == SITTINGS_MAX {
            break;
        }
        let story = match World::read(&bytes) {
            Found::Resumable(story) => *story,
            Found::Nothing => break,
            Found::Nonsense(text) => {
                violations.push(Violation::nonsense(text));
                break;
            }
            Found::NotResumable(story) => {
                check::left(&story, &mut violations);
                outcome = story.verdict.map_or(outcome, |(outcome, _)| outcome);
                if outcome == Outcome::Done {
                    check::truth(&world, None, &mut violations);
                }
                break;
            }
        };
        // A drive that has left for good, or became another one, is not gone on with.
        let Ok(next) = world.go_on(story, &bytes) else { break };
        sittings += 1;
        sat = next;
    }
    Trail { world, last, outcome, whole, sittings, violations }
}
