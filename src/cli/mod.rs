//! Flags, rendering, progress, exit codes. stdout is the answer, stderr the talk.
#![allow(clippy::print_stdout, clippy::print_stderr)]

pub mod approval;
pub mod args;
pub mod asked;
pub mod certificate;
pub mod confirm;
pub mod find;
pub mod inspect;
pub mod jobs;
pub mod key;
pub mod lab;
pub mod list;
pub mod manifest;
pub mod orders;
pub mod plan;
pub mod policy;
pub mod policy_file;
pub mod progress;
pub mod recover;
pub mod report;
pub mod resume;
pub mod sanitize;
pub mod secret;
pub mod selftest;
pub mod setup;
pub mod signals;
pub mod table;
pub mod unfreeze;
pub mod verify;
mod waiting;
pub mod work;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::certificate::show::plain_lines;
use crate::device::{HelperMode, helper_main};
use crate::sys::process::keep_descriptors_from_children;
use crate::unit::term::Exit;
use crate::worker;
use args::{CertificateCommand, Cli, Command, JobCommand, KeyCommand, StateArgs};
use lab::LabCommand;

/// Entry of the command line.
pub fn main() -> ExitCode {
    if let Some(internal) = internal() {
        return internal;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and are no error.
            let _unseen = error.print();
            return exit_code(if error.use_stderr() { Exit::Usage } else { Exit::Success });
        }
    };
    if let Err(error) = keep_descriptors_from_children() {
        eprintln!("expunge: open files could not be kept from worker processes: {error}");
        return exit_code(Exit::Internal);
    }
    exit_code(run(cli.command))
}

/// The program as worker or helper of another of its processes; these have no flags and no help.
fn internal() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let word = arguments.next()?;
    if word == "__worker" {
        return Some(worker::child::main());
    }
    let mode = HelperMode::ALL.into_iter().find(|mode| mode.subcommand() == word)?;
    Some(helper_main(mode, &arguments.next().unwrap_or_default()))
}

fn run(command: Command) -> Exit {
    let mut out = io::stdout().lock();
    let exit = match command {
        Command::List { args, state } => find::list(&args, &state, &mut out),
        Command::Inspect { args, state } => find::inspect(&args, &state, &mut out),
        Command::Plan(args) => plan::run(&args, &mut out),
        Command::Sanitize(args) => {
            drop(out);
            return sanitize::run(&args);
        }
        Command::Resume(args) => {
            drop(out);
            return resume::run(&args);
        }
        Command::Recover(args) => {
            drop(out);
            return recover::run(&args);
        }
        Command::Job(JobCommand::List(args)) => jobs::list(&args, &mut out),
        Command::Verify(args) => {
            drop(out);
            return verify::run(&args);
        }
        Command::Certificate(CertificateCommand::Check(args)) => {
            certificate::check(&args, &mut out, &mut io::stderr())
        }
        Command::Certificate(CertificateCommand::Show(args)) => {
            certificate::show(&args, &mut out, &mut io::stderr())
        }
        Command::Key(command) => run_key(&command, &mut out),
        Command::Policy(command) => policy::run(&command, &mut out, &mut io::stderr()),
        Command::Selftest(args) => selftest::run(&args, &mut out),
        Command::Unfreeze(args) => unfreeze::run(&args, &mut out),
        Command::Lab(LabCommand::Up(args)) => lab::up(&args, &mut out),
        Command::Lab(LabCommand::Down(args)) => lab::down(&args, &mut out),
        Command::Lab(LabCommand::Demo(args)) => lab::demo(&args, &mut out),
    };
    // An answer that nobody could read is no answer; a reader that went away early got what it wanted.
    match out.flush() {
        Ok(()) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            eprintln!("expunge: the answer could not be written: {error}");
            exit.gravest(Exit::Internal)
        }
    }
}

fn run_key(command: &KeyCommand, out: &mut dyn io::Write) -> Exit {
    let (KeyCommand::Generate(args) | KeyCommand::Show(args)) = command;
    let state = StateArgs { state: args.state.clone(), ..StateArgs::default() };
    let default = match find::directories(&state) {
        Ok(directories) => directories.key,
        Err(error) => {
            complain(&error.to_string());
            return Exit::Internal;
        }
    };
    match command {
        KeyCommand::Generate(args) => key::generate(&args.options, &default, out, &mut io::stderr()),
        KeyCommand::Show(args) => key::show(&args.options, &default, out, &mut io::stderr()),
    }
}

fn exit_code(exit: Exit) -> ExitCode {
    ExitCode::from(exit.code())
}

/// Says something about the command itself on stderr.
pub(crate) fn complain(text: &str) {
    let _unseen = writeln!(io::stderr(), "expunge: {}", plain_lines(text));
}
