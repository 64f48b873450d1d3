//! What speaks against a drive whatever is to be done to it.
use super::super::command::{completed, content_to_repeat, known_content_option};
use super::super::request::Request;
use crate::device::capability::OutOfReach;
use crate::device::{Content, DriveFacts, Reach, Zoned};
use crate::unit::term::{Method, word};
use crate::unit::{Geometry, Reason, ReasonCode};

/// Largest capacity in bytes and blocks that can be addressed: offsets of patterns stay below 2^63, and numbers
/// in records below 2^53, where every JSON reader agrees on them. No drive comes near.
const BYTES_END: u64 = 1 << 63;
pub(super) const BLOCKS_END: u64 = 1 << 53;

pub(super) fn addressable(facts: &DriveFacts) -> Result<Geometry, Reason> {
    match &facts.reach {
        Reach::Dead(reason) => Err(reason.clone()),
        Reach::Addressable(geometry) if geometry.capacity.is_zero() => Err(Reason::new(
            ReasonCode::NoCapacity,
            format!("{} reports no capacity", facts.title()),
            "destroy the drive: it cannot be sanitized here",
        )),
        Reach::Addressable(geometry) => {
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

pub(super) fn capability_reasons(facts: &DriveFacts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if facts.read_only {
        reasons.push(Reason::new(
            ReasonCode::ReadOnly,
            format!("{} is read-only", facts.title()),
            format!(
                "release the drive's write protection; if only the node is set so: blockdev --setrw {}",
                facts.node.display()
            ),
        ));
    }
    match facts.zoned {
        Zoned::None | Zoned::HostAware => {}
        Zoned::HostManaged => reasons.push(Reason::new(
            ReasonCode::Zoned,
            format!("{} has zones that must be written in sequence (host-managed)", facts.title()),
            "this version cannot write such a drive: use its own sanitize command, or destroy it",
        )),
    }
    reasons
}

/// Why the host cannot write to the drive now, by the drive's own account.
pub(super) fn out_of_reach_reason(facts: &DriveFacts) -> Option<Reason> {
    let state = facts.capability.as_ref()?.out_of_reach()?;
    let (code, remedy) = match state {
        OutOfReach::Sanitizing | OutOfReach::Formatting => (
            ReasonCode::FirmwareBusy,
            "wait until it is over, and look at the drive again with expunge inspect",
        ),
        OutOfReach::Locked => {
            (ReasonCode::Locked, "unlock it with its password; of one that Expunge set: expunge recover")
        }
        OutOfReach::LockedByTcg => (
            ReasonCode::Locked,
            "unlock it, or choose --method purge --technique opal-revert, with the PSID that is printed on the drive",
        ),
        OutOfReach::SanitizeFailed => (
            ReasonCode::FirmwareFailed,
            "have the drive sanitize itself once more with --method purge, or destroy it",
        ),
        OutOfReach::FormatCorrupted => {
            (ReasonCode::FirmwareFailed, "format it anew with its maker's tool or sg_format, or destroy it")
        }
    };
    Some(Reason::new(code, format!("{} cannot be written: {state}", facts.title()), remedy))
}

pub(super) fn content_reasons(request: &Request, facts: &DriveFacts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let needed = content_to_repeat(facts);
    let unnamed: Vec<String> = facts
        .content
        .iter()
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
