//! What speaks against a drive whatever is to be done to it.
use super::super::command::{completed, content_to_repeat, known_content_option};
use super::super::request::Request;
use crate::device::{Content, ContentType, DriveFacts, Reach, Zoned};
use crate::unit::term::{Method, word};
use crate::unit::{Geometry, Reason, ReasonCode};

/// Largest capacity in bytes and blocks that can be addressed: offsets of patterns stay below 2^63, and numbers
/// in records below 2^53, where every JSON reader agrees on them. No drive comes near.
const BYTES_END: u64 = 1 << 63;
pub(super) const BLOCKS_END: u64 = 1 << 53;

pub(super) fn addressable(facts: &DriveFacts) -> Result<Geometry, Reason> {
    match &facts.reach {
        Reach::Dead(reason) => Err(reason.clone()),
        Reach::Addressable(geometry) | Reach::ByCommand(geometry) if geometry.capacity.is_zero() => {
            Err(Reason::new(
                ReasonCode::NoCapacity,
                format!("{} reports no capacity", facts.title()),
                "destroy the drive: it cannot be sanitized here",
            ))
        }
        Reach::Addressable(geometry) | Reach::ByCommand(geometry) => {
            if geometry.bytes() < BYTES_END && geometry.capacity.0 < BLOCKS_END {
                Ok(*geometry)
            } else {
                Err(Reason::new(
                    ReasonCode::UnsupportedFormat,
                    format!(
                        "{} reports {} blocks of {} bytes, more than any drive has",
                        facts.title(),
                        geometry.capacity,
                        geometry.block_size
                    ),
                    "destroy the drive: what it reports cannot be believed",
                ))
            }
        }
    }
}

pub(super) fn identity_reason(facts: &DriveFacts) -> Option<Reason> {
    if !facts.identity.is_identified() {
        return Some(Reason::new(
            ReasonCode::Unidentified,
            format!("{} has neither a serial number nor a world wide name", facts.title()),
            "attach it directly instead of through a bridge or adapter; if it still has none, destroy it",
        ));
    }
    facts.confirm_text().is_none().then(|| {
        Reason::new(
            ReasonCode::Unidentified,
            format!(
                "{} is one of {} units of its drive, and nothing tells it from the others",
                facts.title(),
                facts.other_units.len() + 1
            ),
            "attach the drive where its units show a world wide name or a namespace number",
        )
    })
}

pub(super) fn read_only_reason(facts: &DriveFacts) -> Option<Reason> {
    facts.read_only.then(|| {
        Reason::new(
            ReasonCode::ReadOnly,
            format!("{} is read-only", facts.title()),
            format!(
                "release the drive's write protection; if only the node is set so: blockdev --setrw {}",
                facts.node.display()
            ),
        )
    })
}

/// What this host writes to a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Writing {
    /// Nothing.
    Nothing,
    /// Every block of it.
    Passes,
    /// Single blocks here and there, and maybe every block afterwards.
    Canaries,
}

/// Only what this host writes has to keep to the zones: a drive that sanitizes itself needs no sequence.
pub(super) fn zoned_reason(facts: &DriveFacts, geometry: &Geometry, writing: Writing) -> Option<Reason> {
    match facts.zoned {
        Zoned::None | Zoned::HostAware => return None,
        Zoned::HostManaged => {}
    }
    let title = facts.title();
    let reason = |text: String, remedy: &str| Some(Reason::new(ReasonCode::Zoned, text, remedy));
    match (writing, &facts.zones) {
        (Writing::Nothing, _) => None,
        (Writing::Canaries, _) => reason(
            format!("canaries cannot be planted in the zones of {title}, which must be written in sequence"),
            "use its own sanitize command with --canaries fingerprints, or --canaries none where that leaves something to \
             compare; or --method clear",
        ),
        (Writing::Passes, None) => reason(
            format!(
                "{title} has zones that must be written in sequence (host-managed), and does not tell which"
            ),
            "see with expunge inspect why it does not; use its own sanitize command with --method purge and \
             --canaries fingerprints, or destroy it",
        ),
        (Writing::Passes, Some(zones)) if !zones.covers(geometry) => reason(
            format!("the zones that {title} reports are not those of its {} blocks", geometry.capacity),
            "if hidden capacity was to be restored, leave it with --hidden-areas leave; else look at the kernel's log",
        ),
        (Writing::Passes, Some(_)) => None,
    }
}

/// Whether what the drive carries can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It was.
    Now,
    /// It cannot be yet, and a reason that is given besides says what has to be ended first.
    Later,
}

pub(super) fn content_reasons(request: &Request, facts: &DriveFacts, sight: Sight) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let needed = content_to_repeat(facts);
    // What becomes readable is not named as unreadable before.
    let due = |content: &&Content| content.content_type != ContentType::Unreadable || sight == Sight::Now;
    let unnamed: Vec<String> = facts
        .content
        .iter()
        .filter(due)
        .filter(|content| {
            content.content_type.needs_repeating() && !request.known_content.contains(&content.content_type)
        })
        .map(Content::to_string)
        .collect();
    if !unnamed.is_empty() {
        reasons.push(Reason::new(
            ReasonCode::MemberContent,
            format!(
                "{} carries {}: it may belong to something that is alive elsewhere, or hold anything",
                facts.title(),
                unnamed.join("; ")
            ),
            format!(
                "make sure that nothing needs it any more, then add: {}",
                known_content_option(&completed(request, facts, Method::Clear).known_content)
            ),
        ));
    }
    let absent: Vec<String> = request
        .known_content
        .iter()
        .filter(|named| facts.content.iter().all(|content| content.content_type != **named))
        .map(word)
        .collect();
    if !absent.is_empty() {
        let remedy = if needed.is_empty() {
            "leave --known-content out: is this the drive that you mean?".to_owned()
        } else {
            format!("is this the drive that you mean? It needs: {}", known_content_option(&needed))
        };
        let text =
            format!("--known-content names {}, which {} does not carry", absent.join(", "), facts.title());
        reasons.push(Reason::new(ReasonCode::BadRequest, text, remedy));
    }
    reasons
}
