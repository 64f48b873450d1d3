//! SCSI: the sense of a unit on the way and at the end, as it is quoted. There is no memory of a success to look up, so
//! the way is all there is.
use super::{Contradiction, Exchange, Proof, Quoted, received, scsi_answer};
use crate::command::scsi::answer::{Reading, read};
use crate::command::scsi::ask::TEST_UNIT_READY;
use crate::command::scsi::sense::{NO_SENSE, NOT_READY, RECOVERED_ERROR};
use crate::command::scsi::{AnswerWhen, Sanitize, Sense};
use crate::io::ScsiAnswer;
use crate::unit::digest::to_hex;

/// Operation code of REQUEST SENSE, as it stands in a quoted block.
const REQUEST_SENSE: &str = "03";

pub(super) fn sanitize(command: &Sanitize, quoted: Quoted<'_>) -> Result<Vec<Proof>, Contradiction> {
    let list = command.parameter_list().map_err(|_| Contradiction::NoSuchCommand)?;
    let (sent, since) = quoted.since(&command.block());
    if let Some(sent) = sent {
        if sent.sent != list.map(|list| to_hex(&list)) {
            return Err(Contradiction::OtherParameters);
        }
        taken(sent)?;
    }
    if quoted.before.is_empty() {
        return Err(Contradiction::NoBefore);
    }
    if quoted.before.iter().filter_map(sense).any(|sense| is_running(&sense)) {
        return Err(Contradiction::BusyBefore);
    }
    // Of an earlier command or of this one: a failure is nothing that a success could be concluded beside.
    if since.iter().filter_map(sense).any(|sense| sense.is(0x31, 0x03)) {
        return Err(Contradiction::FailureTold);
    }
    let running = since.iter().rposition(|exchange| sense(exchange).is_some_and(|sense| is_running(&sense)));
    let ready = to_hex(&TEST_UNIT_READY);
    let last = |wanted: &dyn Fn(&Exchange) -> bool| since.iter().rposition(wanted);
    let ready = last(&|exchange| exchange.command == ready).ok_or(Contradiction::NotTheEnd)?;
    let polled = last(&is_poll).ok_or(Contradiction::NotTheEnd)?;
    let is_ready =
        since.get(ready).and_then(scsi_answer).is_some_and(|answer| read(&answer) == Reading::Good);
    let is_quiet = since.get(polled).and_then(sense).is_some_and(|sense| says_nothing(&sense));
    if !is_ready || !is_quiet || polled < ready || running.is_some_and(|running| ready < running) {
        return Err(Contradiction::NotTheEnd);
    }
    let shown = [
        (Proof::InProgressSeen, running.is_some()),
        (Proof::AnsweredWhenFinished, sent.is_some() && command.answer == AnswerWhen::Finished),
    ];
    Ok(shown.into_iter().filter_map(|(proof, is_shown)| is_shown.then_some(proof)).collect())
}

/// Only a unit that said GOOD, or that it recovered from an error, took the command.
fn taken(sent: &Exchange) -> Result<(), Contradiction> {
    let answer = scsi_answer(sent).ok_or(Contradiction::NotTaken)?;
    match read(&answer) {
        Reading::Good => Ok(()),
        Reading::Check(sense) if sense.is(0x31, 0x03) => Err(Contradiction::FailureTold),
        Reading::Check(sense) if sense.key == RECOVERED_ERROR => Ok(()),
        Reading::Check(_)
        | Reading::Deferred(_)
        | Reading::Attention(_)
        | Reading::Reserved
        | Reading::Busy
        | Reading::Other { .. }
        | Reading::Lost => Err(Contradiction::NotTaken),
    }
}

fn is_poll(exchange: &Exchange) -> bool {
    exchange.command.starts_with(REQUEST_SENSE)
}

/// The sense of an exchange: asked for by REQUEST SENSE it comes as data, else with the status.
fn sense(exchange: &Exchange) -> Option<Sense> {
    let ScsiAnswer::Answered { status, sense, .. } = scsi_answer(exchange)? else { return None };
    match (is_poll(exchange), status) {
        (true, 0) => Sense::decode(&received(exchange)?).ok(),
        // Some translation layers answer the question itself with what was asked for; other keys than these are about
        // the question.
        (true, _) => {
            Sense::decode(&sense).ok().filter(|sense| sense.key == NOT_READY || sense.is(0x31, 0x03))
        }
        (false, _) => Sense::decode(&sense).ok(),
    }
}

/// A sanitize operation runs (04h/1Bh).
fn is_running(sense: &Sense) -> bool {
    sense.is_current() && sense.is(0x04, 0x1b) && matches!(sense.key, NO_SENSE | NOT_READY)
}

/// Nothing out of the ordinary: no sense; or a warning (0Bh), a predicted failure (5Dh) or a power condition (5Eh).
fn says_nothing(sense: &Sense) -> bool {
    let is_harmless = matches!(sense.code, None | Some((0x00, 0x00) | (0x0b | 0x5d | 0x5e, _)));
    sense.is_current() && matches!(sense.key, NO_SENSE | RECOVERED_ERROR) && is_harmless
}
