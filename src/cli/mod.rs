//! Flags, rendering, progress, exit codes.
pub mod certificate;
pub mod key;

use std::process::ExitCode;

/// Entry of the command line.
pub fn main() -> ExitCode {
    ExitCode::from(2)
}
