//! ATA: SANITIZE STATUS EXT and the security words of IDENTIFY DEVICE, as they are quoted.
use super::super::talk::{reply_of, status_at};
use super::{Contradiction, Exchange, Proof, Quoted, received};
use crate::command::ata::identify::{IDENTIFY_DEVICE, Identify};
use crate::command::ata::sanitize::{AbortReason, ClearFailure, Status};
use crate::command::ata::sat::Reply;
use crate::command::ata::{Sanitize, SecurityErase, sanitize as command, security};
use crate::unit::digest::to_hex;

pub(super) fn sanitize(sanitize: &Sanitize, quoted: Quoted<'_>) -> Result<Vec<Proof>, Contradiction> {
    let block = command::start(sanitize).map_err(|_| Contradiction::NoSuchCommand)?.block();
    let (sent, since) = quoted.since(&block);
    sent.map_or(Ok(()), taken)?;
    let (before, after) = (last_status(quoted.before), last_status(since));
    let before = before.ok_or(Contradiction::NoBefore)?;
    match before {
        Status::Idle | Status::Completed | Status::Failed { .. } => {}
        Status::Running { .. } => return Err(Contradiction::BusyBefore),
        Status::NotRead | Status::Unavailable | Status::Frozen | Status::NotRunning => {
            return Err(Contradiction::NoBefore);
        }
    }
    match after.ok_or(Contradiction::NotTheEnd)? {
        Status::Completed => {}
        Status::Failed { reason: AbortReason::NotTold | AbortReason::SectorsRemain } => {
            return Err(Contradiction::FailureTold);
        }
        Status::Failed { .. }
        | Status::NotRead
        | Status::Unavailable
        | Status::Running { .. }
        | Status::Frozen
        | Status::Idle
        | Status::NotRunning => return Err(Contradiction::NotTheEnd),
    }
    same_drive(quoted)?;
    let running = |exchange: &Exchange| Status::decode(reply_of(exchange)).shows_running();
    let seen = sent.is_some_and(running) || since.iter().filter(|exchange| is_status(exchange)).any(running);
    let anew = matches!(before, Status::Idle | Status::Failed { .. });
    let shown = [(Proof::InProgressSeen, seen), (Proof::CompletedSetAnew, anew)];
    Ok(shown.into_iter().filter_map(|(proof, is_shown)| is_shown.then_some(proof)).collect())
}

/// A command that the translation layer refused, or the drive aborted, was not carried out.
fn taken(sent: &Exchange) -> Result<(), Contradiction> {
    match reply_of(sent) {
        Reply::Refused(_) => Err(Contradiction::NotTaken),
        Reply::Aborted { registers: Some(registers) } if registers.is_aborted() => {
            Err(Contradiction::NotTaken)
        }
        Reply::Aborted { .. }
        | Reply::Done { .. }
        | Reply::Unavailable
        | Reply::Sense(_)
        | Reply::Status(_)
        | Reply::Lost => Ok(()),
    }
}

fn is_status(exchange: &Exchange) -> bool {
    exchange.command == to_hex(&command::status(ClearFailure::No).block())
}

fn last_status(exchanges: &[Exchange]) -> Option<Status> {
    let asked = exchanges.iter().rposition(is_status)?;
    Some(status_at(exchanges, asked))
}

pub(super) fn is_erase(exchange: &Exchange) -> bool {
    exchange.command == to_hex(&security::ERASE_UNIT.block())
}

pub(super) fn security_erase(erase: &SecurityErase, quoted: Quoted<'_>) -> Result<Vec<Proof>, Contradiction> {
    let (sent, since) = quoted.since(&security::ERASE_UNIT.block());
    let sent = sent.ok_or(Contradiction::NotTaken)?;
    if sent.sent.as_deref() != Some(to_hex(&security::erase_block(erase.mode)).as_str()) {
        return Err(Contradiction::OtherParameters);
    }
    let until = quoted.after.len() - since.len() - 1;
    let before = quoted.after.get(..until).unwrap_or_default();
    let prepare = to_hex(&security::ERASE_PREPARE.block());
    let prepared = before.iter().rfind(|exchange| !is_erase(exchange));
    let is_prepared =
        prepared.is_some_and(|last| last.command == prepare && matches!(reply_of(last), Reply::Done { .. }));
    if !is_prepared {
        return Err(Contradiction::NotTaken);
    }
    let words = |identify: Identify| identify.security();
    let was_set = identifies(before).last().and_then(words).ok_or(Contradiction::NoBefore)?;
    if !(was_set.enabled || was_set.locked) {
        return Err(Contradiction::NoBefore);
    }
    let now = identifies(since).last().and_then(words).ok_or(Contradiction::NotTheEnd)?;
    if now.enabled || now.locked {
        return Err(Contradiction::FailureTold);
    }
    same_drive(quoted)?;
    match reply_of(sent) {
        Reply::Done { .. } => Ok(vec![Proof::AnsweredWhenFinished, Proof::SecurityDisabledAnew]),
        Reply::Lost | Reply::Unavailable | Reply::Aborted { registers: None } => {
            Ok(vec![Proof::SecurityDisabledAnew])
        }
        Reply::Aborted { registers: Some(_) } | Reply::Refused(_) | Reply::Sense(_) | Reply::Status(_) => {
            Err(Contradiction::NotTaken)
        }
    }
}

fn identifies(exchanges: &[Exchange]) -> impl DoubleEndedIterator<Item = Identify> + '_ {
    let asked = to_hex(&IDENTIFY_DEVICE.block());
    exchanges
        .iter()
        .filter(move |exchange| exchange.command == asked)
        .filter_map(|exchange| Identify::decode(&received(exchange)?).ok())
}

/// The drive that answers at the end, where one did, has serial number and model of the first that answered.
fn same_drive(quoted: Quoted<'_>) -> Result<(), Contradiction> {
    let first = identifies(quoted.before).chain(identifies(quoted.after)).next();
    let before = first.ok_or(Contradiction::NoBefore)?;
    match identifies(quoted.after).next_back() {
        Some(after) if (before.serial(), before.model()) != (after.serial(), after.model()) => {
            Err(Contradiction::AnotherDrive)
        }
        Some(_) | None => Ok(()),
    }
}
