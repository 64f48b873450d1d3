//! Crash tests at every durable step: the disk of state stops at the nth sync, and what is found afterwards is read
//! back. Nothing that was said to be durable may be missing, and nothing may be guessed; and a whole job that is
//! interrupted so is gone on with and claims nothing that is not true.

#[path = "crash/campaign.rs"]
mod campaign;
#[path = "crash/cases.rs"]
mod cases;
#[path = "crash/shape.rs"]
mod shape;
#[path = "crash/worker.rs"]
mod worker;
#[path = "crash/world.rs"]
mod world;

use campaign::{CRASHES, Histogram, POINTS, Point, run};
use shape::Shape;
use world::{Defect, Disk};

use expunge::journal::{Journal, recover};
use expunge::sim::dice::Dice;
use expunge::sim::store::{SimStore, UnsyncedTail};

const TAILS: [UnsyncedTail; 4] =
    [UnsyncedTail::Lost, UnsyncedTail::Torn, UnsyncedTail::Zeroes, UnsyncedTail::Kept];

/// Appends entries until the disk stops; the number of those that were said to be durable.
fn fill(store: &SimStore, entries: usize) -> usize {
    let mut journal = Journal::over(Disk::of(store.clone()));
    let mut durable = 0;
    for number in 0..entries {
        let entry = serde_json::json!({"entry": "test", "number": number, "text": "x".repeat(number * 7)});
        match journal.append(&entry) {
            Ok(()) => durable += 1,
            Err(_) => assert!(journal.append(&entry).is_err(), "after a failure nothing is accepted"),
        }
    }
    durable
}

#[test]
fn p6_after_a_crash_at_any_sync_the_journal_holds_what_was_said_to_be_durable() {
    const ENTRIES: usize = 12;
    for stop in 0..=ENTRIES {
        for tail in TAILS {
            for seed in 0..40 {
                let store = SimStore::new();
                store.stop_at_sync(u64::try_from(stop).expect("a small number"));
                let durable = fill(&store, ENTRIES);
                assert_eq!(durable, stop.min(ENTRIES), "the disk stops at sync {stop}");
                let found = store.crash(tail, &mut Dice::new(seed));
                let recovered = recover(&found).expect("a crash is a torn end, never damage");
                // One entry more than was confirmed may have reached the disk; none less, and none beyond.
                let held = recovered.entries.len();
                assert!((durable..=durable + 1).contains(&held), "{held} of {durable} after {tail:?}");
                for (number, entry) in recovered.entries.iter().enumerate() {
                    let entry: serde_json::Value = serde_json::from_slice(entry).expect("our own JSON");
                    assert_eq!(entry["number"], number, "entries are whole and in order");
                }
            }
        }
    }
}

/// A disk that lost bytes in the middle is damage, which is told and never skipped.
#[test]
fn a_hole_in_a_journal_is_damage() {
    let store = SimStore::new();
    assert_eq!(fill(&store, 5), 5);
    let whole = store.durable();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for missing in 0..4 {
        let holed: Vec<u8> = lines
            .iter()
            .enumerate()
            .filter(|(number, _)| *number != missing)
            .flat_map(|(_, line)| line.iter().copied())
            .collect();
        assert_eq!(recover(&holed).expect_err("a hole").line, missing + 1);
    }
}

/// Seeds of a normal run.
const SEEDS: u64 = 24;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}

#[test]
fn p6_a_job_that_is_interrupted_at_any_sync_is_gone_on_with_and_claims_nothing_untrue() {
    let (base, seeds) = (number("EXPUNGE_CRASH_BASE", 0), number("EXPUNGE_CRASH_SEEDS", SEEDS));
    let mut histogram = Histogram::default();
    let mut failures = Vec::new();
    for seed in base..base + seeds {
        let shape = Shape::draw(seed);
        for stop in 0.. {
            let mut whole = true;
            for (kind, crash) in (0..).zip(CRASHES) {
                let trail = run(&shape, stop, crash, seed << 16 | stop << 4 | kind, Defect::None);
                whole &= trail.whole;
                histogram.count(&trail);
                for violation in &trail.violations {
                    let where_ = format!("seed {seed}, stop {stop}, {crash:?}, points {:?}", trail.points);
                    failures.push(format!("{where_}\n  {:?}: {}", violation.check, violation.text));
                }
            }
            if whole {
                break;
            }
        }
    }
    println!("{} jobs, {:?}", histogram.jobs, histogram.outcomes);
    for point in POINTS {
        println!("{:14}{:>8}", format!("{point:?}"), histogram.points.get(&point).copied().unwrap_or(0));
    }
    let shown = failures.iter().take(8).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} failures:\n{shown}", failures.len());
    let empty: Vec<Point> =
        POINTS.into_iter().filter(|point| !histogram.points.contains_key(point)).collect();
    assert!(seeds < SEEDS || empty.is_empty(), "no crash in these states: {empty:?}");
}
