//! Works on the prepared drives of one command, side by side, and gives each its fate.
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::args::PaceArgs;
use super::progress::{Board, Style};
use super::report::{Fate, Later, NotGoneOn, short};
use super::setup::signer;
use super::signals;
use crate::certificate::provenance::SelfTest;
use crate::certificate::show::plain;
use crate::device::DriveFacts;
use crate::engine::firmware::Secret;
use crate::job::conclude::KeyPlace;
use crate::job::execute::{Kept, NotBegun, Shared, execute, execute_dead};
use crate::job::prepare::{Host, Prepared};
use crate::job::resume::{Resumption, go_on};
use crate::job::shares::{Limits, Shares};
use crate::job::tuning::Wish;
use crate::plan::Plan;
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
    /// How fast and how warm drives may be.
    pub pace: &'a PaceArgs,
    /// The credential that the one drive's command needs.
    pub secret: Option<&'a Secret>,
}

/// What is to be done to one drive.
enum Task {
    Begin(Prepared),
    GoOn(Box<Resumption>),
}

impl Task {
    fn facts(&self) -> Option<&DriveFacts> {
        match self {
            Self::Begin(prepared) => prepared.facts(),
            Self::GoOn(resumption) => Some(resumption.claimed.facts()),
        }
    }

    /// What becomes of it when nothing can begin.
    fn not_begun(self, reason: &Reason) -> Fate {
        match self {
            Self::Begin(prepared) => not_begun(prepared, reason),
            Self::GoOn(resumption) => Fate::NotResumed(Box::new(NotGoneOn {
                job: resumption.story.job.clone(),
                facts: Some(resumption.claimed.facts().clone()),
                reasons: vec![reason.clone()],
                later: Later::Possible,
            })),
        }
    }
}

/// Works on every drive that can begin. Every drive has a fate, whatever happens to the others.
pub fn work(way: &Way<'_>, prepared: Vec<Prepared>) -> Vec<Fate> {
    if prepared.iter().all(|one| matches!(one, Prepared::Refused(_))) {
        return prepared.into_iter().map(held_back).collect();
    }
    side_by_side(way, prepared.into_iter().map(Task::Begin).collect())
}

/// Goes on with every job that was taken up again.
pub fn go_on_with(way: &Way<'_>, resumptions: Vec<Resumption>) -> Vec<Fate> {
    side_by_side(way, resumptions.into_iter().map(Box::new).map(Task::GoOn).collect())
}

fn side_by_side(way: &Way<'_>, tasks: Vec<Task>) -> Vec<Fate> {
    let signer = match signer(way.host, way.place) {
        Ok(signer) => signer,
        Err(reason) => return tasks.into_iter().map(|task| task.not_begun(&reason)).collect(),
    };
    if let Err(error) = signals::watch(&STOP) {
        let reason = Reason::new(
            ReasonCode::StateFailed,
            format!("signals could not be watched: {error}"),
            "report this as a defect",
        );
        return tasks.into_iter().map(|task| task.not_begun(&reason)).collect();
    }
    let Way { host, self_test, wish, style, pace, .. } = *way;
    let bandwidth = Limits { host: pace.bandwidth_host, bus: pace.bandwidth_bus, drive: pace.bandwidth };
    // A worker reads it, and works elsewhere than where the command was started.
    let absolute = |file: &PathBuf| std::path::absolute(file).unwrap_or_else(|_| file.clone());
    let temperature_file = pace.temperature_file.as_ref().map(absolute);
    let shared = Shared {
        secret: way.secret,
        host,
        signer: &signer,
        self_test,
        stop: &STOP,
        wish,
        shares: &Shares::new(bandwidth),
        bandwidth,
        temperature_file: temperature_file.as_deref(),
    };
    let board = Board::new(style);
    std::thread::scope(|scope| {
        let drawing = scope.spawn(|| board.keep_drawing());
        let threads: Vec<_> = tasks
            .into_iter()
            .map(|task| {
                let (board, shared) = (&board, &shared);
                let facts = task.facts().cloned();
                (facts, scope.spawn(move || work_on(board, shared, task)))
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

fn work_on(board: &Board, shared: &Shared<'_>, task: Task) -> Fate {
    let fate = |result: Result<_, _>| match result {
        Ok(finished) => Fate::Finished(Box::new(finished)),
        Err(not_begun) => Fate::NotBegun(not_begun),
    };
    let listener = |facts: &DriveFacts, job: &str, plan: &Plan| {
        let title = plain(&facts.title());
        board.add(title, job.to_owned(), plan.passes.len(), plan.geometry.block_size)
    };
    match task {
        Task::Begin(Prepared::Refused(refused)) => Fate::Refused(refused),
        Task::Begin(Prepared::Dead(dead)) => fate(execute_dead(shared, *dead)),
        Task::Begin(Prepared::Ready(ready)) => {
            let mut listener = listener(ready.claimed.facts(), &ready.job, &ready.plan);
            let fate = fate(execute(shared, *ready, &mut listener));
            listener.ended(short(&fate));
            fate
        }
        Task::GoOn(resumption) => {
            let (job, facts) = (resumption.story.job.clone(), resumption.claimed.facts().clone());
            let mut listener = listener(&facts, &job, &resumption.plan);
            let fate = match go_on(shared, *resumption, &mut listener) {
                Ok(finished) => Fate::Finished(Box::new(finished)),
                Err(not) => {
                    let (facts, reasons, later) = (Some(facts), not.reasons, Later::Possible);
                    Fate::NotResumed(Box::new(NotGoneOn { job, facts, reasons, later }))
                }
            };
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
