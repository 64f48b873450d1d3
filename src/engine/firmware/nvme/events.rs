//! The persistent event log as a witness: what it has afterwards and did not have before.
use super::super::{Before, Exchange};
use super::received;
use super::talk::{NotRead, Talk};
use crate::command::nvme::event::{EventsHeader, HEADER_BYTES};
use crate::command::nvme::identify::IDENTIFY_BYTES;
use crate::command::nvme::{
    Event, Events, IdentifyController, PersistentEventAction, Status, identify_controller,
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

/// Reads the log again, if it was a witness before, and gives what is new.
pub(super) fn new_ones(talk: &mut Talk<'_>, before: &Before) -> Vec<Event> {
    let Some(known) = known(before) else { return Vec::new() };
    let now = read(talk).unwrap_or_default();
    now.into_iter().filter(|event| !known.iter().any(|old| old.raw == event.raw)).collect()
}
