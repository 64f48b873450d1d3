//! Running our own program with state, records and key of its own.
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::process::run_within;

/// No command of a test may take longer than this, unless it says so.
const LIMIT: Duration = Duration::from_secs(120);

/// A place for one technician's work: state, records and key.
#[derive(Debug)]
pub struct Expunge {
    home: TempDir,
    limit: Duration,
}

/// One run: how it ended and what it said.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    line: String,
}

impl Expunge {
    #[track_caller]
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a directory for state"), limit: LIMIT }
    }

    /// The same with another time limit for each command.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn state(&self) -> PathBuf {
        self.home.path().join("state")
    }

    pub fn out(&self) -> PathBuf {
        self.home.path().join("records")
    }

    pub fn key(&self) -> PathBuf {
        self.home.path().join("key.pem")
    }

    /// The command line, not yet started: `ARGUMENTS --state DIR`.
    pub fn command<I: IntoIterator<Item = S>, S: Into<OsString>>(&self, arguments: I) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_expunge"));
        command.args(arguments.into_iter().map(Into::into)).arg("--state").arg(self.state());
        command
    }

    /// `expunge ARGUMENTS --state DIR`.
    #[track_caller]
    pub fn run<I: IntoIterator<Item = S>, S: Into<OsString>>(&self, arguments: I) -> Ran {
        self.finish(&mut self.command(arguments))
    }

    /// `expunge sanitize ARGUMENTS --state DIR --out DIR --key FILE`.
    #[track_caller]
    pub fn sanitize<I: IntoIterator<Item = S>, S: Into<OsString>>(&self, arguments: I) -> Ran {
        self.finish(&mut self.sanitize_command(arguments))
    }

    /// `expunge ARGUMENTS --state DIR --out DIR --key FILE`, for the other commands that write records.
    #[track_caller]
    pub fn run_with_records<I: IntoIterator<Item = S>, S: Into<OsString>>(&self, arguments: I) -> Ran {
        let mut command = self.command(arguments);
        self.finish(command.arg("--out").arg(self.out()).arg("--key").arg(self.key()))
    }

    /// The command line of [`Self::sanitize`], not yet started.
    pub fn sanitize_command<I: IntoIterator<Item = S>, S: Into<OsString>>(&self, arguments: I) -> Command {
        let all = std::iter::once("sanitize".into()).chain(arguments.into_iter().map(Into::into));
        let mut command = self.command::<_, OsString>(all);
        command.arg("--out").arg(self.out()).arg("--key").arg(self.key());
        command
    }

    /// `expunge certificate check FILE` with the key of this place as the only one that is trusted.
    #[track_caller]
    pub fn check(&self, record: &Path) -> Ran {
        let keyring = self.home().join("keyring");
        if !keyring.exists() {
            let shown = self.run(["key".into(), "show".into(), "--key".into(), self.key().into_os_string()]);
            assert_eq!(shown.code, Some(0), "{}", shown.stderr);
            std::fs::create_dir(&keyring).expect("a directory for the keyring");
            std::fs::write(keyring.join("ours.pem"), &shown.stdout).expect("a public key");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_expunge"));
        command.args(["certificate", "check"]).arg(record).arg("--keyring").arg(keyring);
        self.finish(&mut command)
    }

    /// `expunge sanitize NODE --confirm FILE ARGUMENTS` on a loop device over FILE, or on FILE itself.
    #[track_caller]
    pub fn overwrite(&self, node: &Path, file: &Path, arguments: &[&str]) -> Ran {
        self.finish(&mut self.overwrite_command(node, file, arguments))
    }

    /// The command line of [`Self::overwrite`], not yet started.
    pub fn overwrite_command(&self, node: &Path, file: &Path, arguments: &[&str]) -> Command {
        let mut command = self.sanitize_command([node]);
        command.arg("--confirm").arg(file).args(arguments);
        command
    }

    /// Runs a command line to its end.
    #[track_caller]
    pub fn finish(&self, command: &mut Command) -> Ran {
        let output = run_within(command, self.limit);
        let line = format!("{command:?}");
        Ran { code: output.status.code(), stdout: output.stdout, stderr: output.stderr, line }
    }
}

impl Default for Expunge {
    fn default() -> Self {
        Self::new()
    }
}

impl Ran {
    pub const fn new(code: Option<i32>, stdout: String, stderr: String, line: String) -> Self {
        Self { code, stdout, stderr, line }
    }

    /// The last line of standard output: the one object that a command with `--json` ends with.
    #[track_caller]
    pub fn result(&self) -> Value {
        self.json_lines().pop().unwrap_or_else(|| panic!("{} said nothing: {}", self.line, self.stderr))
    }

    /// Checks the exit code, and shows everything when it is another.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        let Self { stdout, stderr, line, .. } = &self;
        assert_eq!(self.code, Some(code), "{line}\nstdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// Checks that something was said, on either stream.
    #[track_caller]
    pub fn expect_text(self, text: &str) -> Self {
        let Self { stdout, stderr, line, .. } = &self;
        let said = stdout.contains(text) || stderr.contains(text);
        assert!(said, "{line} does not say {text:?}\nstdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// Standard output as lines of JSON.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}
