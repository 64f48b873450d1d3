//! Flags, rendering, progress, exit codes.
use std::process::ExitCode;

/// Entry of the command line.
pub fn main() -> ExitCode {
    ExitCode::from(2)
}
