//! NVMe: the sanitize status log, the namespaces and the persistent event log, as they are quoted.
use std::collections::BTreeMap;

use super::super::nvme::{WHOLE_EVENTS, refusal::refusal, shows_format, shows_sanitize};
use super::{Contradiction, Exchange, Proof, Quoted, received};
use crate::command::nvme::{
    ALL_NAMESPACES, Event, Events, Format, FormatScope, IdentifyNamespace, Sanitize, SanitizeMachine,
    SanitizeState, SanitizeStatus, StatusField, identify_namespace, sanitize_status_log,
};
use crate::unit::digest::{from_hex, to_hex};

pub(super) fn sanitize(command: &Sanitize, quoted: Quoted<'_>) -> Result<Vec<Proof>, Contradiction> {
    let entry = command.entry().map_err(|_| Contradiction::NoSuchCommand)?;
    let dword = command.command_dword().map_err(|_| Contradiction::NoSuchCommand)?;
    let (sent, since) = quoted.since(&entry);
    sent.map_or(Ok(()), taken)?;
    let snapshot = statuses(quoted.before).last().ok_or(Contradiction::NoBefore)?;
    if snapshot.state == SanitizeState::InProgress || snapshot.machine == SanitizeMachine::MediaVerification {
        return Err(Contradiction::BusyBefore);
    }
    let log = to_hex(&sanitize_status_log());
    let asked_last = since.iter().rfind(|exchange| exchange.command == log);
    let last = asked_last.and_then(status).ok_or(Contradiction::NotTheEnd)?;
    if last.command_dword != dword {
        return Err(Contradiction::AnotherCommand);
    }
    let is_over = match last.state {
        SanitizeState::Succeeded | SanitizeState::SucceededDeallocated => true,
        SanitizeState::InProgress => last.machine == SanitizeMachine::MediaVerification,
        SanitizeState::Failed => return Err(Contradiction::FailureTold),
        SanitizeState::NeverSanitized | SanitizeState::Reserved(_) => false,
    };
    if !is_over {
        return Err(Contradiction::NotTheEnd);
    }
    let ours =
        |status: &SanitizeStatus| status.state == SanitizeState::InProgress && status.command_dword == dword;
    let erased_anew = last.global_data_erased && !snapshot.global_data_erased;
    let shown = [
        (Proof::InProgressSeen, statuses(since).any(|status| ours(&status))),
        (Proof::GlobalDataErasedSetAnew, erased_anew),
        (Proof::PurgeReported, last.purged && !snapshot.purged),
        (
            Proof::PersistentEvent,
            events(quoted.before, since).is_some_and(|(known, now)| shows_sanitize(&known, &now, dword)),
        ),
    ];
    Ok(shown.into_iter().filter_map(|(proof, is_shown)| is_shown.then_some(proof)).collect())
}

pub(super) fn format(command: &Format, quoted: Quoted<'_>) -> Result<Vec<Proof>, Contradiction> {
    let entry = command.entry().map_err(|_| Contradiction::NoSuchCommand)?;
    let dword = command.command_dword().map_err(|_| Contradiction::NoSuchCommand)?;
    let (sent, since) = quoted.since(&entry);
    sent.map_or(Ok(()), taken)?;
    let old: BTreeMap<u32, IdentifyNamespace> = namespaces(quoted.before).collect();
    let target = match command.namespace {
        FormatScope::One { nsid } => nsid,
        FormatScope::All => ALL_NAMESPACES,
    };
    if old.is_empty() || (target != ALL_NAMESPACES && !old.contains_key(&target)) {
        return Err(Contradiction::NoBefore);
    }
    let new: BTreeMap<u32, IdentifyNamespace> = namespaces(since).collect();
    for (nsid, old) in &old {
        let new = new.get(nsid).ok_or(Contradiction::NotTheEnd)?;
        if new.format_left_percent.unwrap_or_default() > 0 {
            return Err(Contradiction::NotTheEnd);
        }
        if (old.blocks, old.flbas) != (new.blocks, new.flbas) {
            return Err(Contradiction::ShapeChanged);
        }
    }
    let shown = [
        (Proof::AnsweredWhenFinished, sent.is_some_and(|sent| matches!(answer(sent), Answer::Completed))),
        (
            Proof::PersistentEvent,
            events(quoted.before, since)
                .is_some_and(|(known, now)| shows_format(&known, &now, target, dword)),
        ),
    ];
    Ok(shown.into_iter().filter_map(|(proof, is_shown)| is_shown.then_some(proof)).collect())
}

pub(super) fn reports_purge(exchanges: &[Exchange]) -> bool {
    statuses(exchanges).last().is_some_and(|status| status.purged)
}

enum Answer {
    Completed,
    Status(StatusField),
    /// None of the drive came.
    Lost,
}

fn answer(exchange: &Exchange) -> Answer {
    let mut words = exchange.answer.split(' ');
    match (words.next(), words.next()) {
        (Some("completed"), _) => Answer::Completed,
        (Some("status"), Some(field)) => {
            u16::from_str_radix(field, 16).map_or(Answer::Lost, |field| Answer::Status(StatusField(field)))
        }
        _ => Answer::Lost,
    }
}

/// A status with which drives refuse a command before they do anything leaves nothing that could have succeeded.
fn taken(sent: &Exchange) -> Result<(), Contradiction> {
    match answer(sent) {
        Answer::Status(field) if refusal(field).is_some() => Err(Contradiction::NotTaken),
        Answer::Status(_) | Answer::Completed | Answer::Lost => Ok(()),
    }
}

fn status(exchange: &Exchange) -> Option<SanitizeStatus> {
    matches!(answer(exchange), Answer::Completed)
        .then(|| received(exchange))?
        .and_then(|page| SanitizeStatus::decode(&page))
}

fn statuses(exchanges: &[Exchange]) -> impl Iterator<Item = SanitizeStatus> + '_ {
    let log = to_hex(&sanitize_status_log());
    exchanges.iter().filter(move |exchange| exchange.command == log).filter_map(status)
}

/// Namespaces as they identified themselves, in order. The number stands in bytes 4 to 7 of the command.
fn namespaces(exchanges: &[Exchange]) -> impl Iterator<Item = (u32, IdentifyNamespace)> + '_ {
    exchanges.iter().filter_map(|exchange| {
        let entry = from_hex(&exchange.command)?;
        let nsid = u32::from_le_bytes(entry.get(4..8)?.try_into().ok()?);
        let is_identify = entry == identify_namespace(nsid) && matches!(answer(exchange), Answer::Completed);
        is_identify
            .then(|| received(exchange))?
            .and_then(|page| Some((nsid, IdentifyNamespace::decode(&page)?)))
    })
}

/// Events of a log that was read whole before and after.
fn events(before: &[Exchange], since: &[Exchange]) -> Option<(Vec<Event>, Vec<Event>)> {
    let whole = |exchanges: &[Exchange]| {
        let read = exchanges.iter().rfind(|exchange| exchange.name == WHOLE_EVENTS)?;
        Some(Events::decode(&received(read)?).list)
    };
    Some((whole(before)?, whole(since)?))
}
