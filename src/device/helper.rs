//! The helper process: whatever opens a node runs in it, because a sick drive hangs its opener beyond the
//! reach of any signal. The caller waits for a time and then leaves it behind.
//!
//! ```text
//! caller                                helper (our own program, its own process group)
//!   start ---------------------------->   stdin: nothing (or a file to hold), stdout: socket, stderr: nothing
//!   receive, at most until deadline <--   one JSON answer, for a claim with the open descriptor; end
//!   abandon: kill, do not wait
//! ```
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::capture::Questions;
use super::claim::{self, Order};
use super::format::HeldBack;
use super::root::SysRoot;
use super::{DriveFacts, Fact, GuardSet, guard};
use crate::sys::{passing, process};
use crate::unit::{Reason, ReasonCode};

/// What a helper is started for; the word is its subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelperMode {
    /// Open to look, and tell.
    Probe,
    /// Open for a job, judge, and hand over the descriptor.
    Claim,
    /// Hold a file open, for the self-test of a guard.
    Hold,
}

impl HelperMode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::Probe, Self::Claim, Self::Hold];

    /// Name of the hidden subcommand.
    pub const fn subcommand(self) -> &'static str {
        match self {
            Self::Probe => "__probe",
            Self::Claim => "__claim",
            Self::Hold => "__hold",
        }
    }
}

/// How to start our own program as a helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// The program.
    pub program: PathBuf,
    /// Arguments before the subcommand.
    pub arguments: Vec<OsString>,
}

/// A helper that runs.
#[derive(Debug)]
pub struct Running {
    /// Our end of its output.
    pub socket: UnixStream,
    /// The process.
    pub process: Child,
}

/// What a helper answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The facts, and what uses the drive.
    Seen(Box<Seen>),
    /// Claimed; the descriptor comes with the message.
    Claimed(Box<Seen>),
    /// Not claimed; `seen` is what could be found out nevertheless.
    Refused { reasons: Vec<Reason>, seen: Option<Box<Seen>> },
}

/// What is known about a drive that answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Complete facts, with content.
    pub facts: DriveFacts,
    /// Facts one by one, with their sources.
    pub sources: Vec<Fact>,
    /// What uses it (for a look only), or why it could not be examined.
    pub blockers: Vec<Reason>,
    /// What could not be seen, but does not refuse.
    pub notes: Vec<String>,
    /// Who keeps the size of the drive back that is known from before; `None` where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back: Option<HeldBack>,
    /// What it was asked by its own commands, and what it answered; `None` when it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub questions: Option<Questions>,
}

impl Helper {
    /// This very program.
    pub fn own() -> Self {
        Self { program: "/proc/self/exe".into(), arguments: Vec::new() }
    }

    /// Starts the program with the subcommand of `mode`; `held` becomes its standard input.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(&self, mode: HelperMode, argument: &str, held: Option<OwnedFd>) -> io::Result<Running> {
        let (socket, theirs) = UnixStream::pair()?;
        let process = Command::new(&self.program)
            .args(&self.arguments)
            .arg(mode.subcommand())
            .arg(argument)
            .env_clear()
            .stdin(held.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Running { socket, process })
    }
}

impl Running {
    /// Kills the helper and does not wait: in the depths of a sick drive it does not die. What is left of it
    /// is collected by a thread that nobody waits for.
    pub fn abandon(mut self) {
        // A helper that has ended by itself cannot be killed; that is no failure.
        drop(self.process.kill());
        drop(std::thread::spawn(move || self.process.wait()));
    }
}

/// Starts a helper and waits for its answer.
pub(super) fn ask(
    helper: &Helper,
    mode: HelperMode,
    order: &Order,
    wait: Duration,
) -> Result<(Answer, Option<OwnedFd>), Reason> {
    let asked = jiff::Timestamp::now();
    let node = order.title();
    let failed = |what: String| {
        let remedy = "try again; if it stays so, start expunge from its installed place";
        Reason::new(ReasonCode::WorkerDied, format!("the helper for {node} failed: {what}"), remedy)
    };
    let argument = serde_json::to_string(order).map_err(|error| failed(error.to_string()))?;
    let running = helper.start(mode, &argument, None).map_err(|error| failed(error.to_string()))?;
    let received = passing::receive(running.socket.as_fd(), Instant::now() + wait);
    running.abandon();
    let mut received = match received {
        Ok(received) => received,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            return Err(Reason::new(
                ReasonCode::NotAnswering,
                format!("{node} is not answering since {asked:.0} (waited {} s)", wait.as_secs()),
                "check its seat, cable and power; a drive that does not answer cannot be sanitized here",
            ));
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    let answer = serde_json::from_slice(&received.message).map_err(|error| failed(error.to_string()))?;
    Ok((answer, received.descriptors.pop()))
}

/// Opens a drive to look at it, in a helper, and tells all that can be found out without claiming it.
///
/// # Errors
/// Why it could not be looked at; `not-answering` when it took longer than `wait`.
pub fn look(helper: &Helper, order: &Order, wait: Duration) -> Result<Seen, Vec<Reason>> {
    match ask(helper, HelperMode::Probe, order, wait) {
        Ok((Answer::Seen(seen) | Answer::Claimed(seen), _)) => Ok(*seen),
        Ok((Answer::Refused { reasons, .. }, _)) => Err(reasons),
        Err(reason) => Err(vec![reason]),
    }
}

/// Looks at several drives side by side, so that a sick one delays no other; answers in the order asked.
pub fn look_at_all(helper: &Helper, orders: &[Order], wait: Duration) -> Vec<Result<Seen, Vec<Reason>>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            orders.iter().map(|order| scope.spawn(move || look(helper, order, wait))).collect();
        let died = |_| {
            let text = "the thread that waited for the helper ended without an answer";
            Err(vec![Reason::new(ReasonCode::WorkerDied, text, "try again, and report this as a bug")])
        };
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(died)).collect()
    })
}

/// Entry of the hidden subcommands, with the one argument they get. Standard output is the socket.
pub fn helper_main(mode: HelperMode, argument: &str) -> ExitCode {
    if process::close_inherited().is_err() {
        return ExitCode::FAILURE;
    }
    let Ok(socket) = io::stdout().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let done = match mode {
        HelperMode::Hold => guard::hold(File::from(socket)),
        HelperMode::Probe | HelperMode::Claim => serve(mode, argument, &socket),
    };
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(mode: HelperMode, argument: &str, socket: &OwnedFd) -> io::Result<()> {
    let order: Order = serde_json::from_str(argument)?;
    let root = SysRoot::host();
    // The caller may have this drive open from an earlier step of the same job.
    let own = vec![std::process::id(), std::os::unix::process::parent_id()];
    let (answer, file) = match mode {
        HelperMode::Probe => match claim::look_here(&root, &order, &own) {
            Ok(seen) => (Answer::Seen(Box::new(seen)), None),
            Err(reasons) => (Answer::Refused { reasons, seen: None }, None),
        },
        HelperMode::Claim | HelperMode::Hold => {
            match claim::claim_here(&root, &order, &own, &GuardSet::all()) {
                Ok(claimed) => (Answer::Claimed(Box::new(claimed.seen)), Some(claimed.file)),
                Err(refusal) => {
                    (Answer::Refused { reasons: refusal.reasons, seen: refusal.seen.map(Box::new) }, None)
                }
            }
        }
    };
    let message = serde_json::to_vec(&answer)?;
    passing::send(socket.as_fd(), &message, file.as_ref().map(File::as_fd))
}
