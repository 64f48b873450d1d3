//! `kill -9` at any point of a job on a loop device, and `expunge resume` afterwards, again and again: no job is
//! lost, no certificate claims more than was true, and in the end the medium holds what the record says.
//!
//! `EXPUNGE_KILLS` sets the number of jobs, `EXPUNGE_KILLS_BASE` where their seeds begin; `scripts/soak` runs a
//! thousand and more.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

mod common;

#[path = "kills/job.rs"]
mod job;
#[path = "kills/journal.rs"]
mod journal;

use std::collections::BTreeMap;

use job::{Bed, Killed, When};
use journal::{LAST, State};

/// Jobs of a normal run, beside those that are killed on purpose in each state.
const JOBS: u64 = 30;

/// Tries to hit a state that passes in milliseconds.
const TRIES: u64 = 40;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")),
        Err(_) => default,
    }
}

/// Where kills hit, by the last line that the journal had then.
#[derive(Default)]
struct Histogram(BTreeMap<State, u64>);

impl Histogram {
    fn count(&mut self, killed: &Killed) {
        for state in &killed.states {
            *self.0.entry(*state).or_default() += 1;
        }
    }

    fn hits(&self, state: State) -> u64 {
        self.0.get(&state).copied().unwrap_or(0)
    }
}

#[test]
fn p6_a_killed_job_is_gone_on_with_and_never_says_more_than_was_true() {
    let (jobs, base) = (number("EXPUNGE_KILLS", JOBS), number("EXPUNGE_KILLS_BASE", 0));
    let bed = Bed::new();
    let full = bed.time_of_a_job();
    println!("a job that nobody kills takes {} ms", full.as_millis());
    let mut histogram = Histogram::default();
    for seed in base..base + jobs {
        histogram.count(&bed.kill_and_resume(seed, When::AtRandom(full)));
    }
    // Every state is hit, also those that a random moment would meet once in a thousand jobs.
    for state in LAST {
        let mut tries = 0;
        while histogram.hits(state) == 0 {
            assert!(tries < TRIES, "no kill hit the state {state:?} in {TRIES} tries");
            histogram.count(&bed.kill_and_resume(base + 1_000_000 + tries, When::After(state)));
            tries += 1;
        }
    }
    println!("kills by the last entry of the journal:");
    for state in LAST {
        println!("  {state:?}: {}", histogram.hits(state));
    }
}

/// The worker alone dies: the command says so, and the job goes on later.
#[test]
fn a_worker_that_is_killed_is_reported_and_its_job_goes_on_later() {
    let bed = Bed::new();
    for seed in 0..4 {
        bed.kill_worker_and_resume(seed);
    }
}
