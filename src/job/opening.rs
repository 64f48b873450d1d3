//! Journals of new jobs, and refusals, which are kept as journals of their own.
use super::clock::Clock;
use super::entry::{Entry, Keeper as _};
use super::execute::new_job_name;
use super::order::next_number;
use super::prepare::Host;
use crate::journal::Journal;
use crate::unit::{Reason, ReasonCode};

/// A new journal, and the number of its job, without which nobody could tell later which of two jobs came first.
pub(super) fn open_numbered(host: &Host, job: &str) -> Result<(Journal, u64), Reason> {
    let journal = open_journal(host, job)?;
    let number = next_number(&host.directories.journals()).map_err(|error| state_failed(host, &error))?;
    Ok((journal, number))
}

fn open_journal(host: &Host, job: &str) -> Result<Journal, Reason> {
    let open = || {
        host.directories.create()?;
        Journal::create(&host.directories.journals(), job)
    };
    open().map_err(|error| state_failed(host, &error))
}

pub(super) fn keep(journal: &mut Journal, entry: &Entry) -> Result<(), Reason> {
    journal.keep(entry).map_err(|error| {
        Reason::new(
            ReasonCode::StateFailed,
            format!("the journal could not be written: {error}"),
            "repair or choose the state directory with --state DIR",
        )
    })
}

fn state_failed(host: &Host, error: &std::io::Error) -> Reason {
    Reason::new(
        ReasonCode::StateFailed,
        format!("the journal below {} could not be opened: {error}", host.directories.state.display()),
        "repair the directory or choose another with --state DIR",
    )
}

/// Keeps a refusal as a journal of its own: what failed is recorded as loudly as what worked (P9).
///
/// # Errors
/// With the reason why it could not be kept.
pub fn keep_refusal(host: &Host, device: &str, reasons: &[Reason]) -> Result<String, Reason> {
    let job = new_job_name();
    let mut journal = open_journal(host, &job)?;
    let at = Clock::start().now();
    let entry = Entry::Refused { at, job: job.clone(), device: device.to_owned(), reasons: reasons.to_vec() };
    keep(&mut journal, &entry)?;
    Ok(job)
}
