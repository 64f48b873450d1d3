//! Running other programs with a time limit.
use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// Waits for a child for at most `limit`; `None` when it still runs then.
pub fn wait_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a program to its end. What it says goes to files, not pipes: a grandchild that lives on would keep a
/// pipe open and the test waiting.
///
/// # Panics
/// When it cannot be started, or still runs after `limit`; it is killed then.
#[track_caller]
pub fn run_within(command: &mut Command, limit: Duration) -> Output {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [out, err] = ["out", "err"].map(|name| directory.path().join(name));
    let [out_file, err_file] =
        [&out, &err].map(|path| File::create(path).expect("a file in a temporary directory"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out_file)
        .stderr(err_file)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    let status = wait_within(&mut child, limit);
    if status.is_none() {
        child.kill().expect("a child can be killed");
        child.wait().expect("a killed child can be waited for");
    }
    let text = |path| String::from_utf8_lossy(&fs::read(path).expect("what a child said")).into_owned();
    let (stdout, stderr) = (text(&out), text(&err));
    let Some(status) = status else {
        panic!("{command:?} still ran after {limit:?}; it said:\n{stdout}\n{stderr}");
    };
    Output { status, stdout, stderr }
}

/// Runs a tool of the system that must succeed; gives what it printed.
///
/// # Panics
/// When it fails.
#[track_caller]
pub fn tool(program: &str, arguments: &[&str]) -> String {
    let output = run_within(Command::new(program).args(arguments), Duration::from_secs(60));
    assert!(output.status.success(), "{program} {arguments:?}: {}: {}", output.status, output.stderr);
    output.stdout
}
