//! The command line `expunge`.
use std::process::ExitCode;

fn main() -> ExitCode {
    expunge::cli::main()
}
