//! A file with faults: mounts a FUSE file system whose file `disk` obeys rules written to its file `ctl`.
//!
//! `faultfs MOUNTPOINT BACKING [--until-stdin-closes]`. With a loop device over `disk`, the real block layer
//! sees real errors. Killing this process is the fault "the drive disappears": everything in flight and
//! everything later ends with EIO, also what hangs by rule.
#![allow(clippy::print_stderr, reason = "a program of the tests speaks to the person who runs it")]

mod effects;
mod filesystem;
mod mechanics;
mod rules;
mod waiting;

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::process::{ExitCode, exit};
use std::thread;

use fuser::MountOption;

const USAGE: &str = "usage: faultfs MOUNTPOINT BACKING [--until-stdin-closes]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [mountpoint, backing] => serve(mountpoint, backing),
        [mountpoint, backing, "--until-stdin-closes"] => {
            end_with_stdin();
            serve(mountpoint, backing)
        }
        _ => Err(io::Error::other(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("faultfs: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the file system is unmounted.
fn serve(mountpoint: &str, backing: &str) -> io::Result<()> {
    let backing = OpenOptions::new().read(true).write(true).open(backing)?;
    let filesystem = filesystem::FaultFs::new(backing)?;
    fuser::mount2(filesystem, mountpoint, &[MountOption::FSName("faultfs".into()), MountOption::RW])
}

/// The tests hold the other end of our standard input: it closes when they die, however they die, and a server
/// that nobody can stop any more must not stay behind.
#[expect(clippy::exit, reason = "the session loop of the main thread has no other way out")]
fn end_with_stdin() {
    thread::spawn(|| {
        // Both an end and an error mean that nobody is there.
        let _end = io::stdin().read_to_end(&mut Vec::new());
        exit(0);
    });
}
