//! Telling a story: each command is shown, run, and its answer shown.
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::{LabError, while_doing};

/// Where the story goes, and the program that it is about.
pub(super) struct Story<'a> {
    pub(super) out: &'a mut dyn Write,
    /// Our own executable.
    pub(super) program: &'a Path,
}

/// What a program answered.
pub(super) struct Answer {
    /// Exit code; `None` when a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
}

impl Story<'_> {
    pub(super) fn heading(&mut self, text: &str) -> Result<(), LabError> {
        Ok(writeln!(self.out, "\n== {text}")?)
    }

    pub(super) fn say(&mut self, text: &str) -> Result<(), LabError> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Runs our own program; it must succeed.
    pub(super) fn expunge(&mut self, arguments: &[&OsStr]) -> Result<Answer, LabError> {
        let answer = self.run("expunge", Command::new(self.program).args(arguments))?;
        match answer.code {
            Some(0) => Ok(answer),
            code => Err(LabError::NotAsItShouldBe(format!("that command exits with {}", named(code)))),
        }
    }

    /// Runs another program, whatever its exit code is.
    pub(super) fn tool(&mut self, name: &str, arguments: &[&OsStr]) -> Result<Answer, LabError> {
        let mut command = Command::new(name);
        // Their messages must not depend on where the demo runs.
        command.args(arguments).env("LC_ALL", "C");
        self.run(name, &mut command)
    }

    /// Whether the other program can be started, whatever it answers.
    pub(super) fn has(name: &str) -> bool {
        let mut command = Command::new(name);
        command.arg("version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok()
    }

    fn run(&mut self, name: &str, command: &mut Command) -> Result<Answer, LabError> {
        let words: Vec<String> = command.get_args().map(quoted).collect();
        writeln!(self.out, "$ {name} {}", words.join(" "))?;
        self.out.flush()?;
        let Output { status, stdout, stderr } = while_doing(command.stdin(Stdio::null()).output(), name)?;
        for text in [&stdout, &stderr] {
            for line in String::from_utf8_lossy(text).lines() {
                writeln!(self.out, "  {line}")?;
            }
        }
        Ok(Answer { code: status.code(), stdout })
    }
}

/// An exit code in words.
pub(super) fn named(code: Option<i32>) -> String {
    code.map_or_else(|| "a signal".to_owned(), |code| code.to_string())
}

/// A word as a shell would take it.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_needs_them() {
        let table = [("--confirm", "--confirm"), ("a b", "'a b'"), ("", "''"), ("it's", r"'it'\''s'")];
        for (word, expected) in table {
            assert_eq!(quoted(OsStr::new(word)), expected);
        }
    }
}
