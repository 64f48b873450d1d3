//! Flags, rendering, progress, exit codes.
pub mod inspect;
pub mod list;
pub mod table;

use std::process::ExitCode;

use crate::device::{HelperMode, helper_main};

/// Entry of the command line.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, argument] = arguments.as_slice()
        && let Some(mode) = HelperMode::ALL.into_iter().find(|known| known.subcommand() == mode)
    {
        return helper_main(mode, argument);
    }
    ExitCode::from(2)
}
