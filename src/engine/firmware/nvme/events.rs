//! The persistent event log as a witness: what it has afterwards and did not have before.
use super::super::{Before, Exchange};
use super::received;
use super::talk::{NotRead, Talk};
use crate::command::nvme::event::{EventsHeader, HEADER_BYTES};
use crate::command::nvme::identify::IDENTIFY_BYTES;
use crate::command::nvme::{
    Event, EventKind, Events, IdentifyController, PersistentEventAction, Status, identify_controller,
    persistent_event_log,
};

const HEADER: &str = "nvme persistent event log, header";
/// Name of the exchange that holds what was picked from a log that was read whole.
pub(in crate::engine::firmware) const WHOLE: &str =
    "nvme persistent event log, its events of sanitize and format";
const PART: &str = "nvme persistent event log, events of sanitize and format in the part that was read";

/// Most bytes of the log that are read. A longer one is no witness: what comes into view may be old.
const MOST_BYTES: u64 = 1 << 18;

/// Bytes of one piece.
const PIECE: u64 = 4096;

/// Identify Controller, kept.
pub(super) fn controller(talk: &mut Talk<'_>) -> Result<IdentifyController, NotRead> {
    let page = talk.read("nvme identify controller", &identify_controller(), IDENTIFY_BYTES)?;
    IdentifyController::decode(&page).ok_or(NotRead::Incomplete)
}

/// Reads the log and keeps its events of sanitize and format. Gives them only if the whole log was read.
pub(super) fn read(talk: &mut Talk<'_>) -> Option<Vec<Event>> {
    match attempt(talk) {
        Ok(events) => events,
        Err(why) => {
            talk.note(format!("the persistent event log could not be read: {why}"));
            None
        }
    }
}

fn attempt(talk: &mut Talk<'_>) -> Result<Option<Vec<Event>>, NotRead> {
    let header = establish(talk)?;
    let bytes = header.bytes.min(MOST_BYTES);
    let first = entry(PersistentEventAction::Read, HEADER_BYTES as u64, PIECE)?;
    let mut log = Vec::new();
    let mut offset = HEADER_BYTES as u64;
    while offset < bytes {
        let length = (bytes - offset).min(PIECE).next_multiple_of(4);
        let piece = entry(PersistentEventAction::Read, offset, length)?;
        let read = usize::try_from(length).map_err(|_| NotRead::Incomplete)?;
        log.extend(talk.read_piece(&piece, read)?);
        offset += length;
    }
    release(talk)?;
    // The last piece may be longer than the log by up to three bytes.
    let excess = usize::try_from(offset.saturating_sub(bytes.max(HEADER_BYTES as u64))).unwrap_or_default();
    log.truncate(log.len().saturating_sub(excess));
    let events = Events::decode(&log);
    let whole = events.whole && header.bytes <= MOST_BYTES;
    let picked: Vec<Event> = events.list.into_iter().filter(Event::is_about_erasing).collect();
    let gist: Vec<u8> = picked.iter().flat_map(|event| event.raw.clone()).collect();
    let answer = format!("{bytes} of {} bytes read, {} events", header.bytes, header.count);
    talk.keep_gist(if whole { WHOLE } else { PART }, &first, &answer, &gist);
    Ok(whole.then_some(picked))
}

/// Has the drive take a snapshot of the log. One that another reader left behind is given back first.
fn establish(talk: &mut Talk<'_>) -> Result<EventsHeader, NotRead> {
    let first = entry(PersistentEventAction::EstablishAndRead, 0, HEADER_BYTES as u64)?;
    let page = match talk.read(HEADER, &first, HEADER_BYTES) {
        Err(NotRead::Status(field)) if field.status() == Status::CommandSequence => {
            release(talk)?;
            talk.read(HEADER, &first, HEADER_BYTES)?
        }
        other => other?,
    };
    EventsHeader::decode(&page).ok_or(NotRead::Incomplete)
}

fn release(talk: &mut Talk<'_>) -> Result<(), NotRead> {
    talk.read_piece(&entry(PersistentEventAction::Release, 0, HEADER_BYTES as u64)?, HEADER_BYTES).map(drop)
}

fn entry(action: PersistentEventAction, offset: u64, bytes: u64) -> Result<[u8; 64], NotRead> {
    persistent_event_log(action, offset, bytes).map_err(|_| NotRead::Incomplete)
}

/// The events before, if the whole log was read then.
pub(super) fn known(before: &Before) -> Option<Vec<Event>> {
    let whole = |exchange: &&Exchange| exchange.name == WHOLE;
    let bytes = before.exchanges.iter().rev().find(whole).and_then(received)?;
    Some(Events::decode(&bytes).list)
}

/// Reads the log again, if it was a witness before, and gives its events from before and from now.
pub(super) fn since(talk: &mut Talk<'_>, before: &Before) -> Option<(Vec<Event>, Vec<Event>)> {
    let known = known(before)?;
    Some((known, read(talk)?))
}

/// Whether there is a start with this dword more than before, and a successful completion. Drives differ in what time
/// they give an event and may give it anew, so that only their number is compared. Nothing ran when the log was first
/// read: a completion that is new belongs to a start that is.
pub(in crate::engine::firmware) fn shows_sanitize(known: &[Event], now: &[Event], dword: u32) -> bool {
    let is_start = |kind: &EventKind| matches!(kind, EventKind::SanitizeStart { command_dword, .. } if *command_dword == dword);
    let is_end = |kind: &EventKind| matches!(kind, EventKind::SanitizeCompletion { status, .. } if matches!(status & 0x07, 1 | 4));
    has_more(known, now, is_start) && has_more(known, now, is_end)
}

/// The same for a format of this namespace.
pub(in crate::engine::firmware) fn shows_format(
    known: &[Event],
    now: &[Event],
    target: u32,
    dword: u32,
) -> bool {
    let is_start = |kind: &EventKind| matches!(kind, EventKind::FormatStart { nsid, command_dword } if *nsid == target && *command_dword == dword);
    let is_end = |kind: &EventKind| matches!(kind, EventKind::FormatCompletion { nsid, status: 0, field: 0 } if *nsid == target);
    has_more(known, now, is_start) && has_more(known, now, is_end)
}

fn has_more(known: &[Event], now: &[Event], wanted: impl Fn(&EventKind) -> bool) -> bool {
    let count = |events: &[Event]| events.iter().filter(|event| wanted(&event.kind)).count();
    count(now) > count(known)
}
