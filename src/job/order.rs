//! Which of the jobs of a host came later, whatever its clock says: a host that lost its power may wake up in the past.
use std::io;
use std::path::Path;

use super::entry::Entry;
use super::replay::Story;
use crate::device::is_same_drive_of;
use crate::journal::Journal;

/// The number of a job that begins now: above those of all jobs whose journals lie in this directory. To be taken while
/// its drive is claimed: then of two jobs of one drive the later has the higher number. A journal that cannot be read
/// has none.
///
/// # Errors
/// When the directory cannot be read.
pub fn next_number(journals: &Path) -> io::Result<u64> {
    let names = Journal::names(journals)?;
    let numbers = names.iter().filter_map(|name| {
        let first = Journal::first(journals, name).ok()??;
        match serde_json::from_slice(&first) {
            Ok(Entry::Intent { number, .. }) => Some(number),
            Ok(_) | Err(_) => None,
        }
    });
    Ok(numbers.max().unwrap_or(0).saturating_add(1))
}

/// The job that took up the drive of this one later: what that one left on it is not to be overwritten because an old
/// job was never finished.
pub fn superseded<'a>(story: &Story, all: impl IntoIterator<Item = &'a Story>) -> Option<&'a str> {
    let facts = story.facts.as_ref()?;
    // One that came later found the drive as this one had left it.
    let mut sizes = story.sizes();
    sizes.extend(facts.geometry().map(|geometry| geometry.capacity));
    let later = |other: &&Story| {
        let same = other.facts.as_ref().is_some_and(|other| is_same_drive_of(facts, other, &sizes).is_ok());
        same && other.job != story.job && other.armed && is_later(other, story)
    };
    all.into_iter().find(later).map(|other| other.job.as_str())
}

/// Jobs of the first version have no number; those that have one came later.
fn is_later(one: &Story, other: &Story) -> bool {
    if one.number == other.number { one.started > other.started } else { one.number > other.number }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::replay::tests::entry;
    use super::*;

    #[test]
    fn a_new_job_has_a_number_above_all_that_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(next_number(&folder.path().join("none")).unwrap(), 1);
        assert_eq!(next_number(folder.path()).unwrap(), 1);
        let begin = |name: &str, first: &str, number: u64| {
            let mut intent = entry(first, "2026-11-27T03:00:00Z");
            intent["number"] = json!(number);
            let mut journal = Journal::create(folder.path(), name).unwrap();
            journal.append(&intent).unwrap();
            journal.append(&entry("armed", "2026-11-27T03:00:01Z")).unwrap();
        };
        begin("a", "intent", 7);
        begin("b", "intent", 3);
        begin("no-intent", "resumed", 9);
        std::fs::write(Journal::path(folder.path(), "torn"), b"0123").unwrap();
        std::fs::write(Journal::path(folder.path(), "empty"), b"").unwrap();
        assert_eq!(next_number(folder.path()).unwrap(), 8);
        assert!(
            next_number(&Journal::path(folder.path(), "torn")).is_err(),
            "no directory that could be read"
        );
    }
}
