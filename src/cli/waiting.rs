//! `--await-running`: waiting for drives that are at work on themselves.
use std::io::{self, Write as _};
use std::time::Duration;

use clap::Args;

use crate::job::awaiting::Wait;

/// Between two lines that say that a drive is waited for, in seconds.
const TOLD_EVERY: u64 = 600;

/// What `plan` and `sanitize` do with a drive that is busy with itself.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct WaitArgs {
    /// Where a sanitize operation or a format that is not ours runs on a drive, wait for its end, at most so many minutes,
    /// instead of refusing; it is never claimed, and the job begins after it
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=43_200))]
    pub await_running: Option<u32>,
}

impl WaitArgs {
    /// How long is waited; said on standard error.
    pub fn wait(self) -> Wait<'static> {
        let minutes = u64::from(self.await_running.unwrap_or(0));
        Wait {
            patience: Duration::from_secs(minutes * 60),
            tell: &|why, waited| {
                if waited.as_secs().is_multiple_of(TOLD_EVERY) {
                    let _unseen =
                        writeln!(io::stderr(), "waiting since {} min: {why}", waited.as_secs() / 60);
                }
            },
        }
    }
}
