//! Works on the prepared drives of one command, side by side, and gives each its fate.
use std::sync::atomic::AtomicBool;

use super::progress::{Board, Style};
use super::report::{Fate, short};
use super::setup::signer;
use super::signals;
use crate::certificate::provenance::SelfTest;
use crate::certificate::show::plain;
use crate::device::DriveFacts;
use crate::job::conclude::KeyPlace;
use crate::job::execute::{Kept, NotBegun, Shared, execute, execute_dead};
use crate::job::prepare::{Host, Prepared};
use crate::job::tuning::Wish;
use crate::unit::{Reason, ReasonCode};

/// Set when somebody wants all jobs to stop.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// How the drives of one command are worked on.
pub struct Way<'a> {
    /// This host.
    pub host: &'a Host,
    /// Where the key is.
    pub place: KeyPlace,
    /// The self-test that ran for this command.
    pub self_test: &'a SelfTest,
    /// How drives are driven.
    pub wish: Wish,
    /// How progress is shown.
    pub style: Style,
}

/// Works on every drive that can begin. Every drive has a fate, whatever happens to the others.
pub fn work(way: &Way<'_>, prepared: Vec<Prepared>) -> Vec<Fate> {
    if prepared.iter().all(|one| matches!(one, Prepared::Refused(_))) {
        return prepared.into_iter().map(held_back).collect();
    }
    let signer = match signer(way.host, way.place) {
        Ok(signer) => signer,
        Err(reason) => return prepared.into_iter().map(|one| not_begun(one, &reason)).collect(),
    };
    if let Err(error) = signals::watch(&STOP) {
        let reason = Reason::new(
            ReasonCode::StateFailed,
            format!("signals could not be watched: {error}"),
            "report this as a defect",
        );
        return prepared.into_iter().map(|one| not_begun(one, &reason)).collect();
    }
    let Way { host, self_test, wish, style, .. } = *way;
    let shared = Shared { host, signer: &signer, self_test, stop: &STOP, wish };
    let board = Board::new(style);
    std::thread::scope(|scope| {
        let drawing = scope.spawn(|| board.keep_drawing());
        let threads: Vec<_> = prepared
            .into_iter()
            .map(|one| {
                let (board, shared) = (&board, &shared);
                let facts = one.facts().cloned();
                (facts, scope.spawn(move || work_on(board, shared, one)))
            })
            .collect();
        let fates = threads
            .into_iter()
            .map(|(facts, thread)| thread.join().unwrap_or_else(|_| lost(facts)))
            .collect();
        board.finish();
        // The board only shows; what it could not show is in the records.
        drop(drawing.join());
        fates
    })
}

fn work_on(board: &Board, shared: &Shared<'_>, prepared: Prepared) -> Fate {
    let fate = |result: Result<_, _>| match result {
        Ok(finished) => Fate::Finished(Box::new(finished)),
        Err(not_begun) => Fate::NotBegun(not_begun),
    };
    match prepared {
        Prepared::Refused(refused) => Fate::Refused(refused),
        Prepared::Dead(dead) => fate(execute_dead(shared, *dead)),
        Prepared::Ready(ready) => {
            let title = plain(&ready.claimed.facts().title());
            let passes = ready.plan.passes.len();
            let block_size = ready.plan.geometry.block_size;
            let mut listener = board.add(title, ready.job.clone(), passes, block_size);
            let fate = fate(execute(shared, *ready, &mut listener));
            listener.ended(short(&fate));
            fate
        }
    }
}

/// One refusal refuses the whole request: what was ready is let go untouched.
pub fn held_back(prepared: Prepared) -> Fate {
    match prepared {
        Prepared::Refused(refused) => Fate::Refused(refused),
        Prepared::Ready(ready) => Fate::HeldBack(Box::new(ready.claimed.facts().clone())),
        Prepared::Dead(dead) => Fate::HeldBack(Box::new(dead.facts)),
    }
}

fn not_begun(prepared: Prepared, reason: &Reason) -> Fate {
    let begin = |facts| {
        Fate::NotBegun(Box::new(NotBegun { facts, reasons: vec![reason.clone()], kept: Kept::Nowhere }))
    };
    match prepared {
        Prepared::Refused(refused) => Fate::Refused(refused),
        Prepared::Ready(ready) => begin(ready.claimed.facts().clone()),
        Prepared::Dead(dead) => begin(dead.facts),
    }
}

/// A job that ended inside Expunge without an answer: nothing is known of its drive.
fn lost(facts: Option<DriveFacts>) -> Fate {
    let reason = Reason::new(
        ReasonCode::WorkerDied,
        "the job failed inside Expunge",
        "treat the drive as NOT sanitized; its journal tells how far it came; report this as a defect",
    );
    Fate::Lost(facts.map(Box::new), Box::new(reason))
}
