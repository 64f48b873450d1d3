//! What this host says about itself, for the records of jobs. None of it is proof; all of it helps.
use std::io;
use std::sync::OnceLock;

use super::clock::Clock;
use crate::certificate::host as facts;
pub use crate::certificate::host::{authorisation, observed};
use crate::certificate::provenance::{Clock as ClockFacts, Environment, Tool};
use crate::sys::clock::synchronized;
use crate::unit::Digest;

/// This program, with the digest of the running file. The file is read once.
pub fn tool() -> Tool {
    static BINARY: OnceLock<Option<Digest>> = OnceLock::new();
    Tool::this(*BINARY.get_or_init(|| facts::binary_digest().ok()))
}

/// The host and its clock, at the end of a job.
///
/// # Errors
/// When the kernel does not tell its release.
pub fn environment(clock: &Clock) -> io::Result<Environment> {
    let clock = ClockFacts {
        boottime_start: Some(clock.boottime_at_start()),
        boottime_end: Some(Clock::boottime_now()),
        synchronized: synchronized(),
    };
    Ok(Environment { clock, ..facts::environment(None)? })
}

/// The kernel's name for this boot.
pub fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}
