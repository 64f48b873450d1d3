//! A run that goes on while the test looks at it.
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::expunge::Ran;
use super::process::wait_within;

/// How long anything may take until it is seen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A started program; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    said: TempDir,
    line: String,
}

impl Running {
    /// Starts a command; what it says goes to files.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let said = tempfile::tempdir().expect("a temporary directory");
        let file = |name| File::create(said.path().join(name)).expect("a file for output");
        let child = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
        Self { child, said, line: format!("{command:?}") }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far, standard output and standard error.
    pub fn said(&self) -> (String, String) {
        let text = |name| fs::read_to_string(self.said.path().join(name)).unwrap_or_default();
        (text("out"), text("err"))
    }

    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// Its worker processes, once there are `count` of them.
    #[track_caller]
    pub fn workers(&mut self, count: usize) -> Vec<u32> {
        let id = self.id();
        let mut found = Vec::new();
        wait_for("the workers run", || {
            found = workers_of(id);
            assert!(self.child.try_wait().expect("a child").is_none(), "it ended early: {:?}", self.said());
            found.len() == count
        });
        found
    }

    /// Its worker processes at this moment.
    pub fn workers_now(&self) -> Vec<u32> {
        workers_of(self.id())
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Waits for the end of a process that was killed.
    pub fn wait(&mut self) {
        let _status = self.child.wait().expect("a child can be waited for");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finish(mut self) -> Ran {
        let status = wait_within(&mut self.child, PATIENCE * 2);
        let (stdout, stderr) = self.said();
        let status = status.unwrap_or_else(|| panic!("{} does not end:\n{stdout}\n{stderr}", self.line));
        Ran::new(status.code(), stdout, stderr, self.line.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Sends a signal to a process that the test has started, or a child of it.
#[track_caller]
pub fn send(process: u32, signal: Signal) {
    let process = Pid::from_raw(i32::try_from(process).expect("a process id"));
    kill(process, signal).expect("a process can be signalled");
}

/// Waits until something holds.
///
/// # Panics
/// When it does not within a minute.
#[track_caller]
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process still runs; one that has ended and was not waited for does not.
pub fn runs(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Children of a process that work on a drive.
pub fn workers_of(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc");
    let processes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    processes.filter(|process| is_worker_of(*process, parent)).collect()
}

fn is_worker_of(process: u32, parent: u32) -> bool {
    let read = |name: &str| fs::read_to_string(PathBuf::from(format!("/proc/{process}/{name}"))).ok();
    let (Some(stat), Some(line)) = (read("stat"), read("cmdline")) else { return false };
    let above = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
    above == Some(parent) && line.contains("__worker")
}
