//! `expunge list` and `expunge inspect` on this host, with what the records directory knows of each drive.
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::args::StateArgs;
use super::complain;
use super::inspect::{self, InspectArgs};
use super::list::{self, ListArgs};
use super::plan::reasons_text;
use crate::certificate::dsse::Envelope;
use crate::device::{Helper, StatePaths, SysRoot, discover};
use crate::job::Directories;
use crate::unit::Digest;
use crate::unit::term::Exit;

/// How long a drive may take to answer before the list goes on without it.
const LIST_WAIT: Duration = Duration::from_secs(10);

/// Most records that are looked at for "last record": a host has some hundred.
const RECORDS_MAX: usize = 10_000;

/// Largest record that is looked at, in bytes.
const RECORD_BYTES_MAX: u64 = 16 << 20;

/// Shows every drive.
pub fn list(args: &ListArgs, state: &StateArgs, out: &mut dyn Write) -> Exit {
    let mut discovery = discover(&SysRoot::host());
    list::ask_idle(&mut discovery, &Helper::own(), LIST_WAIT);
    if let Ok(directories) = directories(state) {
        let known = last_records(&directories.records);
        for listed in &mut discovery.drives {
            let subject = listed.facts.identity.stable_digest();
            listed.last_record = known.get(&subject).map(|(_, text)| text.clone());
        }
    }
    let written = if args.json {
        writeln!(out, "{}", list::to_json(&discovery))
    } else {
        list::write_text(&discovery, out)
    };
    told(written)
}

/// Shows everything about one drive.
pub fn inspect(args: &InspectArgs, state: &StateArgs, out: &mut dyn Write) -> Exit {
    let paths = directories(state).map(|directories| StatePaths(directories.all())).unwrap_or_default();
    match inspect::look(args, &SysRoot::host(), &Helper::own(), paths) {
        Ok(seen) => {
            if let Some(file) = &args.capture
                && let Err(reason) = inspect::write_capture(&seen, file)
            {
                complain(&reasons_text(&[reason]));
                return Exit::Refused;
            }
            told(if args.json {
                writeln!(out, "{}", inspect::to_json(&seen))
            } else {
                inspect::write_text(&seen, out)
            })
        }
        Err(reasons) => {
            let subject = args.subject();
            complain(&format!("{subject} cannot be inspected\n{}", reasons_text(&reasons)));
            let answer = inspect::refusal_to_json(&subject, &reasons);
            match if args.json { told(writeln!(out, "{answer}")) } else { Exit::Success } {
                Exit::Success => Exit::Refused,
                failed => failed,
            }
        }
    }
}

fn told(written: io::Result<()>) -> Exit {
    match written {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => {
            complain(&format!("the answer could not be written: {error}"));
            Exit::Internal
        }
    }
}

/// The places that the flags name.
///
/// # Errors
/// When neither flags nor environment say where.
pub fn directories(state: &StateArgs) -> io::Result<Directories> {
    Directories::choose(state.state.as_deref(), state.out.as_deref(), state.key.as_deref())
}

/// The newest record of each drive, by the digest of its identity: a hint for people. Signatures are not checked
/// here; `certificate check` does.
fn last_records(directory: &Path) -> BTreeMap<Digest, (String, String)> {
    let mut newest: BTreeMap<Digest, (String, String)> = BTreeMap::new();
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten().take(RECORDS_MAX);
    for file in files {
        let small = file.metadata().is_ok_and(|found| found.is_file() && found.len() <= RECORD_BYTES_MAX);
        let Some((subject, at, text)) = small.then(|| summary(&file.path())).flatten() else { continue };
        let entry = newest.entry(subject).or_insert_with(|| (at.clone(), text.clone()));
        if entry.0 < at {
            *entry = (at, text);
        }
    }
    newest
}

fn summary(path: &Path) -> Option<(Digest, String, String)> {
    let envelope = Envelope::parse(&std::fs::read(path).ok()?).ok()?;
    let statement: serde_json::Value = serde_json::from_slice(envelope.payload()).ok()?;
    let text = |pointer: &str| statement.pointer(pointer).and_then(|value| value.as_str());
    let subject = text("/subject/0/digest/sha256")?.parse().ok()?;
    let ended = text("/predicate/ended")?.to_owned();
    let outcome = text("/predicate/outcome")?;
    let day = ended.get(..16).unwrap_or(&ended).replace('T', " ");
    Some((subject, ended.clone(), format!("{outcome} {day}")))
}
