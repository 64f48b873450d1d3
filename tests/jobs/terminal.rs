//! On a terminal: what is asked, what is shown, and when Ctrl-C asks first.
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::pty::openpty;
use nix::sys::signal::Signal;

use super::{Drives, Slow};
use crate::common::process::wait_within;
use crate::common::running::{send, wait_for};
use crate::common::{Expunge, Record};

/// A program with a terminal for its input, output and errors.
struct OnTerminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl OnTerminal {
    #[track_caller]
    fn start(mut command: Command) -> Self {
        let pty = openpty(None, None).unwrap();
        let end = || pty.slave.try_clone().unwrap();
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(command);
        drop(pty.slave);
        let keyboard = File::from(pty.master);
        let mut output = keyboard.try_clone().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // EIO is how a terminal says that nobody has it open any more.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, keyboard, screen, reader: Some(reader) }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        wait_for(text, || self.shown().contains(text));
    }

    fn type_line(&mut self, text: &str) {
        writeln!(self.keyboard, "{text}").unwrap();
    }

    /// Waits for the end; gives the exit code and all that was shown.
    #[track_caller]
    fn finish(mut self) -> (Option<i32>, String) {
        let status = wait_within(&mut self.child, Duration::from_secs(100));
        let status = status.unwrap_or_else(|| panic!("it does not end: {}", self.shown()));
        self.reader.take().unwrap().join().unwrap();
        (status.code(), self.shown())
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

const QUESTION: &str = "to confirm: ";

#[test]
fn the_right_answer_runs_and_the_wrong_one_refuses() {
    let drives = Drives::new(1);
    let drive = &drives.drives[0];
    let expunge = Expunge::new();
    for wrong in ["", "yes", "y", "/dev/loop0", &drive.node_text(), &format!("{}x", drive.file_text())] {
        let mut terminal = OnTerminal::start(expunge.sanitize_command([drive.node_text()]));
        terminal.wait_for(QUESTION);
        terminal.type_line(wrong);
        let (code, shown) = terminal.finish();
        assert_eq!(code, Some(3), "{wrong:?}: {shown}");
        assert!(shown.contains("confirmation-mismatch"), "{shown}");
        drive.expect_unchanged();
    }
    let mut terminal = OnTerminal::start(expunge.sanitize_command([drive.node_text()]));
    terminal.wait_for(QUESTION);
    drive.expect_unchanged();
    terminal.type_line(&drive.file_text());
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("DONE"), "{shown}");
    drive.expect_done(&Record::only_in(&expunge.out()));
}

/// A list asks one question: the number of its drives.
#[test]
fn a_list_asks_for_the_number_of_drives() {
    let drives = Drives::new(2);
    let expunge = Expunge::new();
    let list = expunge.home().join("list.csv");
    let nodes: Vec<String> = drives.drives.iter().map(super::Drive::node_text).collect();
    std::fs::write(&list, format!("device\n{}\n", nodes.join("\n"))).unwrap();
    for (answer, expected) in [("3", 3), ("2", 0)] {
        drives.expect_unchanged();
        let mut terminal =
            OnTerminal::start(expunge.sanitize_command(["--manifest".as_ref(), list.as_os_str()]));
        terminal.wait_for("Type the number of drives: ");
        terminal.type_line(answer);
        let (code, shown) = terminal.finish();
        assert_eq!(code, Some(expected), "{shown}");
    }
    assert_eq!(Record::all_in(&expunge.out()).len(), 2);
}

#[test]
fn progress_shows_pass_percent_rates_and_time_left() {
    let (expunge, slow) = (Expunge::new(), Slow::new());
    let command = expunge.overwrite_command(slow.bed.node(), slow.confirm(), &[]);
    let terminal = OnTerminal::start(command);
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    let line = |pass: &str| {
        let lines: Vec<&str> = shown.lines().filter(|line| line.contains(pass)).collect();
        let whole = lines.iter().find(|line| {
            [" % ", "/s now", "/s average", " left", " errors"]
                .iter()
                .all(|part| line.replace("%,", "% ").contains(part))
        });
        assert!(whole.is_some(), "{pass}: {lines:#?}");
    };
    line(": pass 1/1 ");
    let name = slow.bed.node().to_str().unwrap();
    assert!(shown.contains(name) && shown.contains("\x1b["), "{shown}");
    slow.expect_done(&Record::only_in(&expunge.out()));
}

/// The first Ctrl-C asks, a second within five seconds stops.
#[test]
fn the_first_interrupt_asks_and_the_second_stops() {
    let (expunge, slow) = (Expunge::new(), Slow::new());
    let terminal = OnTerminal::start(expunge.overwrite_command(slow.bed.node(), slow.confirm(), &[]));
    slow.wait_until_written();
    send(terminal.child.id(), Signal::SIGINT);
    terminal.wait_for("press Ctrl-C again");
    send(terminal.child.id(), Signal::SIGINT);
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(6), "{shown}");
    assert!(shown.contains("STOPPED: NOT sanitized"), "{shown}");
    let record = Record::only_in(&expunge.out());
    record.expect_other("aborted", "Record of aborted job", "NOT-SANITIZED");
}

#[test]
fn one_interrupt_alone_does_not_stop() {
    let (expunge, slow) = (Expunge::new(), Slow::new());
    let terminal = OnTerminal::start(expunge.overwrite_command(slow.bed.node(), slow.confirm(), &[]));
    slow.wait_until_written();
    send(terminal.child.id(), Signal::SIGINT);
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    slow.expect_done(&Record::only_in(&expunge.out()));
}

/// Without a terminal: whole lines, nothing that draws, and the answer alone on standard output.
#[test]
fn progress_without_a_terminal_is_plain_lines_on_standard_error() {
    let (expunge, slow) = (Expunge::new(), Slow::new());
    let ran = expunge.overwrite(slow.bed.node(), slow.confirm(), &[]).expect_code(0);
    assert!(
        ran.stderr.lines().any(|line| line.contains(": pass 1/1 ") && line.contains(" left, ")),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains('\x1b') && !ran.stdout.contains('\x1b'));
    assert!(!ran.stdout.contains("pass 1/1") && ran.stdout.contains("record: "), "{}", ran.stdout);
}
