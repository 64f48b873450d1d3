//! Format NVM with secure erase: answered when it is finished, and then the namespaces must be as they were.
use std::time::Duration;

use super::super::{Before, Conclusion, Exchange, Proof, Start};
use super::refusal::refusal;
use super::talk::{NotRead, Talk};
use super::{events, received, sanitize};
use crate::command::nvme::identify::IDENTIFY_BYTES;
use crate::command::nvme::{
    ALL_NAMESPACES, Format, FormatScope, IdentifyController, IdentifyNamespace, MetadataSetting,
    NamespaceList, StatusField, identify_active, identify_namespace,
};
use crate::io::channel::NvmeAnswer;
use crate::unit::digest::from_hex;
use crate::unit::{Reason, ReasonCode};

/// How long a format may take before the kernel gives it up.
const SEND_PATIENCE: Duration = Duration::from_hours(2);

/// Without a change for this long, a format that is still said to run is not waited for any more.
const STALL: Duration = Duration::from_mins(30);

const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

const NAMESPACE: &str = "nvme identify namespace";

type End = (Conclusion, Vec<Proof>);

pub(super) fn before(talk: &mut Talk<'_>, format: &Format) -> Result<(), Reason> {
    let controller = events::controller(talk).map_err(|why| unreadable("the controller", why))?;
    if controller.has_sanitize()
        && let Ok(status) = talk.status()
        && let Some(reason) = sanitize::busy(&status)
    {
        return Err(reason);
    }
    for nsid in reached(talk, format, &controller)? {
        let namespace = identify(talk, nsid).map_err(|why| unreadable(&format!("namespace {nsid}"), why))?;
        if let Some(left @ 1..) = namespace.format_left_percent {
            return Err(Reason::new(
                ReasonCode::FirmwareBusy,
                format!("a format that is not ours runs on namespace {nsid}: {left} percent are left"),
                "wait until it has ended, find out who started it, and run the job again",
            ));
        }
    }
    if controller.has_persistent_events() {
        events::read(talk);
    }
    Ok(())
}

fn unreadable(what: &str, why: NotRead) -> Reason {
    let code = match why {
        NotRead::Status(_) => ReasonCode::FirmwareRefused,
        NotRead::Errno(_) | NotRead::Incomplete => ReasonCode::NotAnswering,
    };
    let text = format!("{what} does not identify itself before the format: {why}");
    Reason::new(code, text, "try the drive on another host or port, or choose another technique")
}

/// The namespaces that lose their data: FNA bit 1 makes it all of them, whichever was named.
fn reached(
    talk: &mut Talk<'_>,
    format: &Format,
    controller: &IdentifyController,
) -> Result<Vec<u32>, Reason> {
    match format.namespace {
        FormatScope::One { nsid } if !controller.erases_all() => Ok(vec![nsid]),
        FormatScope::One { .. } | FormatScope::All => {
            let page = talk.read("nvme active namespaces", &identify_active(0), IDENTIFY_BYTES);
            let list = page.and_then(|page| NamespaceList::decode(&page).ok_or(NotRead::Incomplete));
            list.map(|list| list.0).map_err(|why| unreadable("the list of namespaces", why))
        }
    }
}

fn identify(talk: &mut Talk<'_>, nsid: u32) -> Result<IdentifyNamespace, NotRead> {
    let page = talk.read(&format!("{NAMESPACE} {nsid}"), &identify_namespace(nsid), IDENTIFY_BYTES)?;
    IdentifyNamespace::decode(&page).ok_or(NotRead::Incomplete)
}

/// The namespaces as they were, from the snapshot. The number stands in bytes 4 to 7 of the command.
fn snapshot(before: &Before) -> Vec<(u32, IdentifyNamespace)> {
    let namespaces = before.exchanges.iter().filter(|exchange| exchange.name.starts_with(NAMESPACE));
    let one = |exchange: &Exchange| {
        let entry = from_hex(&exchange.command)?;
        let nsid = u32::from_le_bytes(entry.get(4..8)?.try_into().ok()?);
        Some((nsid, IdentifyNamespace::decode(&received(exchange)?)?))
    };
    namespaces.filter_map(one).collect()
}

pub(super) fn run(talk: &mut Talk<'_>, format: &Format, start: Start, before: &Before) -> End {
    let not_started = |text: String| {
        let reason = Reason::new(ReasonCode::BadRequest, text, "plan the job again");
        (Conclusion::NotStarted { reason }, Vec::new())
    };
    let (entry, dword) = match (format.entry(), format.command_dword()) {
        (Ok(entry), Ok(dword)) => (entry, dword),
        (Err(fault), _) | (_, Err(fault)) => return not_started(fault.to_string()),
    };
    let old = snapshot(before);
    if old.is_empty() && start == Start::Send {
        return not_started("the namespaces were not identified before the format".to_owned());
    }
    if let (Start::Send, Some(text)) = (start, other_format(format, &old)) {
        return not_started(text);
    }
    note_scope(talk, format, &old);
    if start != Start::Send {
        return follow(talk, format, start, dword, &old, before);
    }
    talk.tell_quiet("Format NVM runs; the drive answers when it is finished", SEND_PATIENCE);
    let doubt = match talk.send("nvme format", &entry, SEND_PATIENCE) {
        NvmeAnswer::Completed { .. } => return after_good(talk, &old),
        NvmeAnswer::Status { field } => match refusal(StatusField(field)) {
            Some(reason) => return (Conclusion::NotStarted { reason }, Vec::new()),
            None => StatusField(field).to_string(),
        },
        NvmeAnswer::NotCompleted { errno } => format!("errno {errno}"),
    };
    talk.note(format!("whether the drive carried the format out is not known: {doubt}"));
    follow(talk, format, start, dword, &old, before)
}

/// What a format would change besides the content: it names the format that the namespace has, or is not sent.
fn other_format(format: &Format, old: &[(u32, IdentifyNamespace)]) -> Option<String> {
    let named = |nsid: u32| match format.namespace {
        FormatScope::One { nsid: one } => one == nsid,
        FormatScope::All => true,
    };
    let asked = (format.lba_format, format.metadata, format.protection, format.protection_place);
    let present = |now: &IdentifyNamespace| {
        let metadata =
            if now.extended_metadata { MetadataSetting::Extended } else { MetadataSetting::Separate };
        (now.lba_format, metadata, now.protection, now.protection_place)
    };
    let (nsid, now) = old.iter().find(|(nsid, now)| named(*nsid) && present(now) != asked)?;
    Some(format!(
        "the plan would give namespace {nsid} another format: it names format {}, {:?} metadata and protection type {}, \
         and the namespace has format {}, FLBAS {:02x}h and protection type {}",
        format.lba_format, format.metadata, format.protection, now.lba_format, now.flbas, now.protection
    ))
}

fn note_scope(talk: &mut Talk<'_>, format: &Format, old: &[(u32, IdentifyNamespace)]) {
    if let (FormatScope::One { nsid }, true) = (format.namespace, old.len() > 1) {
        let all: Vec<String> = old.iter().map(|(nsid, _)| nsid.to_string()).collect();
        let all = all.join(", ");
        talk.note(format!(
            "a secure erase of namespace {nsid} reaches all namespaces of this drive (FNA bit 1): {all}"
        ));
    }
}

/// The drive said that the format is finished: no format is running, and size and format are what they were.
fn after_good(talk: &mut Talk<'_>, old: &[(u32, IdentifyNamespace)]) -> End {
    match settle(talk, old) {
        Err(reason) => (Conclusion::Unknown { reason }, Vec::new()),
        Ok(Some(change)) => {
            let remedy =
                "the namespace is not what it was: identify it, and format it again or destroy the drive";
            let reason = Reason::new(ReasonCode::FirmwareFailed, change, remedy);
            (Conclusion::Failed { reason }, Vec::new())
        }
        Ok(None) => (Conclusion::Confirmed, vec![Proof::AnsweredWhenFinished]),
    }
}

/// A format whose completion was not seen: only the drive's own events can show that it was carried out. After an
/// interruption they may be those of another program, which gave the same command.
fn follow(
    talk: &mut Talk<'_>,
    format: &Format,
    start: Start,
    dword: u32,
    old: &[(u32, IdentifyNamespace)],
    before: &Before,
) -> End {
    let reason = match settle(talk, old) {
        Err(reason) => reason,
        Ok(change) => {
            let witnessed = is_in_new_events(talk, format, dword, before);
            match (change, witnessed) {
                (None, true) if start == Start::Follow => sanitize::nobodys(),
                (None, true) => {
                    talk.note("the completion of the command itself was not seen; its events were");
                    return (Conclusion::Confirmed, vec![Proof::PersistentEvent]);
                }
                (change, _) => no_proof(change),
            }
        }
    };
    (Conclusion::Unknown { reason }, Vec::new())
}

fn no_proof(change: Option<String>) -> Reason {
    let text =
        change.unwrap_or_else(|| "nothing shows that the format was carried out to its end".to_owned());
    Reason::new(ReasonCode::FirmwareUnknown, text, "run the job again")
}

fn is_in_new_events(talk: &mut Talk<'_>, format: &Format, dword: u32, before: &Before) -> bool {
    let target = match format.namespace {
        FormatScope::One { nsid } => nsid,
        FormatScope::All => ALL_NAMESPACES,
    };
    events::since(talk, before).is_some_and(|(known, now)| events::shows_format(&known, &now, target, dword))
}

/// Waits until no format is said to run, and compares: `None` when every namespace is as it was, else what is not.
fn settle(talk: &mut Talk<'_>, old: &[(u32, IdentifyNamespace)]) -> Result<Option<String>, Reason> {
    for (nsid, old) in old {
        let new = finished(talk, *nsid)?;
        if (old.blocks, old.flbas) != (new.blocks, new.flbas) {
            return Ok(Some(format!(
                "after the format, namespace {nsid} has {} blocks in format {:02x}h; before it had {} in {:02x}h",
                new.blocks, new.flbas, old.blocks, old.flbas
            )));
        }
    }
    Ok(None)
}

fn finished(talk: &mut Talk<'_>, nsid: u32) -> Result<IdentifyNamespace, Reason> {
    let mut changed = talk.watch.now();
    let mut least = None;
    let mut rest = FIRST_REST;
    loop {
        match identify(talk, nsid) {
            Ok(namespace) => match namespace.format_left_percent {
                None | Some(0) => return Ok(namespace),
                Some(left) => {
                    if least.is_none_or(|least| left < least) {
                        (least, changed) = (Some(left), talk.watch.now());
                        let done = u32::from(100_u8.saturating_sub(left)) * 65_536 / 100;
                        talk.tell(Some(done), format!("Format NVM: {left} percent are left"));
                    }
                }
            },
            Err(why) => talk.note(format!("namespace {nsid} could not be identified: {why}")),
        }
        let reason =
            |code, text: &str, remedy| Err(Reason::new(code, format!("namespace {nsid}: {text}"), remedy));
        if talk.watch.should_stop() {
            let text = "the job was stopped; the drive's format cannot be and runs on";
            return reason(ReasonCode::Stopped, text, "`expunge resume` follows it to its end");
        }
        if talk.watch.now().saturating_sub(changed) >= STALL {
            let text = "no end of the format was told for 30 minutes";
            return reason(
                ReasonCode::FirmwareUnknown,
                text,
                "cycle the drive's power and run the job again",
            );
        }
        talk.watch.rest(rest);
        rest = LONGEST_REST.min(rest * 3 / 2);
    }
}
