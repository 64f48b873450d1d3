//! The table fault x outcome: what the simulation has shown, and where it has shown nothing.
use std::collections::BTreeMap;
use std::fmt;

use expunge::plan::Rules;
use expunge::sim::{DriveSpec, FaultName, SimFault, Wear};
use expunge::unit::term::{DriveKind, Outcome, word};

use crate::run::Run;

/// Seeds in which a fault must have struck, of 3,000.
const STRUCK_MIN: u32 = 20;

/// The outcomes that a simulated job can come to, in the order of the columns.
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

#[derive(Debug, Default)]
struct Row {
    outcomes: BTreeMap<String, u32>,
    /// Seeds in which nothing else was on the menu, and those of them that were not done or written.
    alone: u32,
    alone_harmful: u32,
}

impl Row {
    fn total(&self) -> u32 {
        self.outcomes.values().sum()
    }
}

/// Counts of seeds by what struck, or by the shape of the drive, and by outcome.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<String, Row>,
    seeds: u32,
}

impl Table {
    pub(crate) fn count(&mut self, run: &Run) {
        self.seeds += 1;
        let outcome = word(run.ended.outcome);
        let fired = run.oracle.fired();
        for name in fired.keys() {
            let row = self.rows.entry(word(name)).or_default();
            *row.outcomes.entry(outcome.clone()).or_default() += 1;
            if run.spec.faults.iter().all(|fault| fault.name() == *name) && run.stops_after.is_none() {
                row.alone += 1;
                let harmful = !matches!(run.ended.outcome, Outcome::Done | Outcome::Written);
                // What only the rules of this job made harmful is not the fault's.
                row.alone_harmful +=
                    u32::from(harmful && (!is_harmless(*name) || is_borne(*name, &run.rules())));
            }
        }
        let clean = run.spec.faults.is_empty().then_some("(no faults)");
        for shape in shapes(&run.spec).into_iter().chain(clean) {
            let row = self.rows.entry(shape.to_owned()).or_default();
            *row.outcomes.entry(outcome.clone()).or_default() += 1;
        }
    }

    /// What a reader of the table would take for shown, and is not.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        let none = Row::default();
        for name in FaultName::ALL {
            let row = self.rows.get(&word(name)).unwrap_or(&none);
            if row.total() < STRUCK_MIN {
                gaps.push(format!("{}: struck in {} seeds only", word(name), row.total()));
            }
            if row.alone == 0 {
                gaps.push(format!("{}: never struck alone", word(name)));
            }
            if is_harmless(*name) != (row.alone_harmful == 0) {
                gaps.push(format!("{}: changed the outcome in {} seeds", word(name), row.alone_harmful));
            }
        }
        for shape in SHAPES {
            let done = self.rows.get(shape).and_then(|row| row.outcomes.get("done")).copied().unwrap_or(0);
            if done < STRUCK_MIN {
                gaps.push(format!("{shape}: done in {done} seeds only"));
            }
        }
        for outcome in OUTCOMES.map(word) {
            if self.rows.values().all(|row| !row.outcomes.contains_key(&outcome)) {
                gaps.push(format!("no seed came to {outcome}"));
            }
        }
        gaps
    }
}

/// Whether a job must be done although this struck: lost time, cells that no address reaches, reads that have to be
/// asked for in smaller pieces, a path that comes back, and a flush that failed once, after which everything was
/// written again.
pub(crate) const fn is_harmless(name: FaultName) -> bool {
    matches!(
        name,
        FaultName::Slow
            | FaultName::Remapped
            | FaultName::ReadTooLong
            | FaultName::FlushFails
            | FaultName::Outage
            | FaultName::HiddenArea
    )
}

/// Whether rules are so lenient that a harmless fault is borne.
pub(crate) fn is_borne(name: FaultName, rules: &Rules) -> bool {
    let kind = Rules::of_kind(DriveKind::Rotating);
    match name {
        FaultName::ReadTooLong => rules.errors_max == kind.errors_max,
        FaultName::FlushFails => rules.flushes_max == kind.flushes_max,
        FaultName::Outage => rules.flushes_max == kind.flushes_max && rules.back_offs == kind.back_offs,
        _ => true,
    }
}

const SHAPES: [&str; 5] = ["(one block)", "(odd tail)", "(4096-byte blocks)", "(flash)", "(volatile cache)"];

fn shapes(spec: &DriveSpec) -> Vec<&'static str> {
    let capacity = spec.geometry.capacity.0;
    let has = [
        capacity == 1,
        !capacity.is_multiple_of(spec.transfer_blocks()),
        spec.geometry.block_size.bytes() == 4096,
        spec.wear == Wear::Moving && spec.spare_cells > 0,
        spec.cache_blocks > 0,
    ];
    SHAPES.into_iter().zip(has).filter(|(_, has)| *has).map(|(shape, _)| shape).collect()
}

/// The blocks that a fault makes bad.
pub(crate) fn places(fault: &SimFault) -> std::ops::Range<u64> {
    match fault {
        SimFault::WriteErrorHard { lba, .. }
        | SimFault::ReadErrorHard { lba, .. }
        | SimFault::MergedError { lba }
        | SimFault::MergedSuccess { lba } => *lba..lba + 1,
        SimFault::BadRegion { first, blocks, .. } => *first..first + blocks,
        _ => 0..0,
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} seeds; a row counts the seeds in which its fault struck", self.seeds)?;
        write!(f, "{:26}", "fault or shape")?;
        for outcome in OUTCOMES {
            write!(f, "{:>14}", word(outcome))?;
        }
        writeln!(f, "{:>9}{:>9}", "alone", "harmful")?;
        for (name, row) in &self.rows {
            write!(f, "{name:26}")?;
            for outcome in OUTCOMES {
                match row.outcomes.get(&word(outcome)) {
                    Some(count) => write!(f, "{count:>14}")?,
                    None => write!(f, "{:>14}", "-")?,
                }
            }
            writeln!(f, "{:>9}{:>9}", row.alone, row.alone_harmful)?;
        }
        Ok(())
    }
}
