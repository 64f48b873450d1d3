//! The table quirk x outcome: what the campaign has shown, and where it has shown nothing.
use std::collections::BTreeMap;
use std::fmt;

use expunge::sim::controller::QuirkName;
use expunge::unit::term::{Outcome, word};

use crate::campaign::Trail;
use crate::check::{self, Unseen};

/// Seeds in which a quirk must have been on a drive, of 2,000.
const SEEDS_MIN: u32 = 20;

/// The outcomes that a job can come to, in the order of the columns.
const OUTCOMES: [Outcome; 8] = [
    Outcome::Done,
    Outcome::Written,
    Outcome::Partial,
    Outcome::Failed,
    Outcome::Unsanitizable,
    Outcome::Refused,
    Outcome::Aborted,
    Outcome::Unknown,
];

/// Every lie that nothing visible shows.
const UNSEEN: [Unseen; 5] =
    [Unseen::Spare, Unseen::Hidden, Unseen::Unmapped, Unseen::OtherNamespace, Unseen::NotMeant];

#[derive(Debug, Default)]
struct Row {
    outcomes: BTreeMap<String, u32>,
    /// Done although old data is left that nothing visible shows.
    unseen: u32,
}

impl Row {
    fn total(&self) -> u32 {
        self.outcomes.values().sum()
    }
}

/// Counts of seeds by quirk, or by what was done, and by outcome.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<String, Row>,
    unseen: BTreeMap<Unseen, u32>,
    seeds: u32,
}

impl Table {
    pub(crate) fn count(&mut self, trail: &Trail) {
        self.seeds += 1;
        let outcome = word(trail.outcome);
        let quirks = trail.world.shape.drive.model.quirks();
        let unseen = unseen(trail);
        if let Some(unseen) = unseen {
            *self.unseen.entry(unseen).or_default() += 1;
        }
        let mut names: Vec<String> = quirks.iter().map(|quirk| word(quirk.name())).collect();
        if quirks.is_empty() {
            names.push("(no quirks)".to_owned());
        }
        for step in trail.world.plan().iter().flat_map(|plan| plan.commands()) {
            let name = format!("({})", word(step.technique()));
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in names {
            let row = self.rows.entry(name).or_default();
            *row.outcomes.entry(outcome.clone()).or_default() += 1;
            row.unseen += u32::from(unseen.is_some());
        }
    }

    /// What a reader of the table would take for shown, and is not.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        let none = Row::default();
        for name in QuirkName::ALL {
            let row = self.rows.get(&word(name)).unwrap_or(&none);
            if row.total() < SEEDS_MIN {
                gaps.push(format!("{}: in {} seeds only", word(name), row.total()));
            }
        }
        for technique in expunge::unit::term::Technique::ALL.into_iter().skip(1) {
            let row = self.rows.get(&format!("({})", word(technique))).unwrap_or(&none);
            if !row.outcomes.contains_key("done") {
                gaps.push(format!("{}: never done", word(technique)));
            }
        }
        for outcome in OUTCOMES.map(word) {
            if outcome != "partial" && self.rows.values().all(|row| !row.outcomes.contains_key(&outcome)) {
                gaps.push(format!("no seed came to {outcome}"));
            }
        }
        for unseen in UNSEEN {
            if !self.unseen.contains_key(&unseen) {
                gaps.push(format!("no seed shows that {unseen:?} is not seen"));
            }
        }
        gaps
    }
}

/// Why the old data that is left after a success was not seen.
fn unseen(trail: &Trail) -> Option<Unseen> {
    let plan = trail.world.plan().filter(|_| trail.outcome == Outcome::Done)?;
    let left = check::residue(&trail.world, plan);
    (!left.is_nothing()).then(|| check::unseen(&trail.world, plan, left)).flatten()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} seeds", self.seeds)?;
        write!(f, "| |")?;
        OUTCOMES.iter().try_for_each(|outcome| write!(f, " {} |", word(outcome)))?;
        writeln!(f, " done, and not seen |")?;
        writeln!(f, "|{}", "---|".repeat(OUTCOMES.len() + 2))?;
        for (name, row) in &self.rows {
            write!(f, "| {name} |")?;
            for outcome in OUTCOMES.map(word) {
                write!(f, " {} |", row.outcomes.get(&outcome).copied().unwrap_or(0))?;
            }
            writeln!(f, " {} |", row.unseen)?;
        }
        write!(f, "{:?}", self.unseen)
    }
}
