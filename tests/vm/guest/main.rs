//! What runs in the lab's machine: the agent that carries out orders of the host, and the servers of SCSI disks
//! whose commands are answered on the host.
#![allow(clippy::print_stderr, reason = "a program of the tests speaks to the person who runs it")]

mod agent;
mod disk;
mod ring;
#[allow(dead_code, reason = "the other side uses the rest")]
#[path = "../wire.rs"]
mod wire;

use std::io;
use std::process::ExitCode;

const USAGE: &str = "usage: vm-guest agent HOST:PORT | vm-guest disk NAME HOST:PORT BYTES BLOCK-BYTES";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["agent", host] => agent::serve(host),
        ["disk", name, host, bytes, block_bytes] => disk::serve(name, host, bytes, block_bytes),
        _ => Err(io::Error::other(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vm-guest {arguments:?}: {error}");
            ExitCode::FAILURE
        }
    }
}
