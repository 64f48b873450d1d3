//! How far a job had come when it was killed: read from its journal with nothing of ours.
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The last whole line of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// There is no journal yet.
    Nothing,
    Intent,
    Armed,
    Checkpoint,
    PassEnded,
    Verifying,
    Verified,
    Verdict,
    /// The record is on the disk and in the journal.
    Recorded,
    Resumed,
    Probed,
}

/// Every state that must be hit.
pub(crate) const LAST: [State; 11] = [
    State::Nothing,
    State::Intent,
    State::Armed,
    State::Checkpoint,
    State::PassEnded,
    State::Verifying,
    State::Verified,
    State::Verdict,
    State::Recorded,
    State::Resumed,
    State::Probed,
];

impl State {
    /// Whether it only exists after an interruption.
    pub(crate) const fn follows_an_interruption(self) -> bool {
        matches!(self, Self::Resumed | Self::Probed)
    }

    fn of(entry: &str) -> Self {
        match entry {
            "intent" => Self::Intent,
            "armed" => Self::Armed,
            "checkpoint" => Self::Checkpoint,
            "pass-ended" => Self::PassEnded,
            "verifying" => Self::Verifying,
            "verified" => Self::Verified,
            "verdict" => Self::Verdict,
            "recorded" => Self::Recorded,
            "resumed" => Self::Resumed,
            "probed" => Self::Probed,
            other => panic!("a journal of such a job has no {other}"),
        }
    }
}

/// The journal in a state directory; there is never more than one job in it.
#[track_caller]
pub(crate) fn path(state: &Path) -> Option<PathBuf> {
    let entries: Vec<PathBuf> =
        fs::read_dir(state.join("jobs")).ok()?.map(|entry| entry.unwrap().path()).collect();
    assert!(entries.len() <= 1, "{entries:?}");
    entries.into_iter().next()
}

/// The whole lines of the journal, without their digests.
pub(crate) fn entries(state: &Path) -> Vec<Value> {
    let Some(bytes) = path(state).and_then(|path| fs::read(path).ok()) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(&line[65..]).expect("a line of a journal is JSON")).collect()
}

/// The last entry.
pub(crate) fn state(directory: &Path) -> State {
    entries(directory)
        .last()
        .map_or(State::Nothing, |entry| State::of(entry["entry"].as_str().expect("an entry has a name")))
}

/// Whether the last line is of this kind, without taking it apart: it is asked very often.
pub(crate) fn stands_at(directory: &Path, wanted: State) -> bool {
    let Some(bytes) = path(directory).and_then(|path| fs::read(path).ok()) else {
        return wanted == State::Nothing;
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let last = text.lines().last().unwrap_or_default();
    let name = format!("{wanted:?}");
    let word: String = name
        .char_indices()
        .map(|(at, letter)| {
            let dash = if at > 0 && letter.is_uppercase() { "-" } else { "" };
            format!("{dash}{}", letter.to_lowercase())
        })
        .collect();
    last.contains(&format!("\"entry\":\"{word}\""))
}
