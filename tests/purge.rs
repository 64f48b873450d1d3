//! The campaign of the drives' own commands: whole jobs over simulated controllers that behave in every way of the menu.
//! Nothing is claimed that is not true of the cells, nothing is destroyed that was not planned, nothing is sent twice.
//!
//! `EXPUNGE_PURGE_SEEDS` and `EXPUNGE_PURGE_BASE` choose how many seeds and from where; one failing seed is run again
//! with `EXPUNGE_PURGE_SEEDS=1 EXPUNGE_PURGE_BASE=<seed>`.
#![allow(clippy::print_stdout, reason = "the table is worth seeing")]

#[path = "purge/campaign.rs"]
mod campaign;
#[path = "purge/check.rs"]
mod check;
#[path = "purge/commands.rs"]
mod commands;
#[path = "purge/crashes.rs"]
mod crashes;
#[path = "purge/defects.rs"]
mod defects;
#[path = "purge/drive.rs"]
mod drive;
#[path = "purge/foreign.rs"]
mod foreign;
#[path = "purge/formats.rs"]
mod formats;
#[path = "purge/growth.rs"]
mod growth;
#[path = "purge/honest.rs"]
mod honest;
#[path = "purge/ledger.rs"]
mod ledger;
#[path = "purge/lies.rs"]
mod lies;
#[path = "purge/link.rs"]
mod link;
#[path = "purge/shape.rs"]
mod shape;
#[path = "purge/table.rs"]
mod table;
#[path = "purge/told_only.rs"]
mod told_only;
#[path = "purge/world.rs"]
mod world;

use std::collections::BTreeMap;

use campaign::run;
use check::Check;
use drive::Model;
use expunge::sim::controller::{Personality, ScsiSpec};
use link::Defect;
use shape::Shape;
use table::Table;

/// Seeds of a normal run.
const SEEDS: u64 = 2_000;

/// Violations of a check that are printed.
const SHOWN: usize = 6;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

const fn speech(model: &Model) -> &'static str {
    match model {
        Model::Nvme(_) => "nvme",
        Model::Scsi(ScsiSpec { personality: Personality::Scsi(_), .. }) => "scsi",
        Model::Scsi(ScsiSpec { personality: Personality::Ata(_), .. }) => "ata",
    }
}

#[test]
fn no_seed_breaks_a_promise() {
    let (seeds, base) = (number("EXPUNGE_PURGE_SEEDS", SEEDS), number("EXPUNGE_PURGE_BASE", 0));
    let mut failures: BTreeMap<Check, Vec<String>> = BTreeMap::new();
    let mut table = Table::default();
    for seed in base..base + seeds {
        let trail = run(&Shape::draw(seed), None, seed, Defect::None);
        table.count(&trail);
        for violation in &trail.violations {
            let shape = &trail.world.shape;
            let text = format!(
                "seed {seed}, {}, {:?}, {:?}, {:?}\n    {}",
                speech(&shape.drive.model),
                shape.drive.model.quirks(),
                shape.between,
                shape.drive.tper.as_ref().map(|tper| (tper.class, tper.activation, tper.quirks.clone())),
                violation.text,
            );
            let (asked, verified) = (&shape.request, trail.world.plan().map(|plan| &plan.verification));
            let text =
                format!("{text}\n    {:?}, canaries {:?}, {verified:?}", asked.technique, asked.canaries);
            failures.entry(violation.check).or_default().push(text);
        }
    }
    println!("{table}");
    let shown = failures.iter().map(|(check, texts)| {
        let first = texts.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n  ");
        format!("{check:?}: {}\n  {first}", texts.len())
    });
    let shown = shown.collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "broken promises:\n{shown}");
    let gaps = table.gaps();
    assert!(seeds < SEEDS || gaps.is_empty(), "not shown: {gaps:?}");
}
