//! The campaign of the drives' own commands: whole jobs over simulated controllers that behave in every way of the menu.
//! Nothing is claimed that is not true of the cells, nothing is destroyed that was not planned, nothing is sent twice.

#[path = "purge/campaign.rs"]
mod campaign;
#[path = "purge/check.rs"]
mod check;
#[path = "purge/drive.rs"]
mod drive;
#[path = "purge/foreign.rs"]
mod foreign;
#[path = "purge/honest.rs"]
mod honest;
#[path = "purge/ledger.rs"]
mod ledger;
#[path = "purge/link.rs"]
mod link;
#[path = "purge/shape.rs"]
mod shape;
#[path = "purge/world.rs"]
mod world;

use campaign::run;
use link::Defect;
use shape::Shape;

/// Seeds of a normal run.
const SEEDS: u64 = 2_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn no_seed_breaks_a_promise() {
    let (seeds, base) = (number("EXPUNGE_PURGE_SEEDS", SEEDS), number("EXPUNGE_PURGE_BASE", 0));
    let mut failures = Vec::new();
    for seed in base..base + seeds {
        let trail = run(&Shape::draw(seed), None, seed, Defect::None);
        for violation in &trail.violations {
            let quirks = trail.world.shape.drive.model.quirks();
            failures.push(format!(
                "seed {seed}, {quirks:?}, {:?}\n  {:?}: {}",
                trail.world.shape.between, violation.check, violation.text
            ));
        }
    }
    let shown = failures.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} failures:\n{shown}", failures.len());
}
