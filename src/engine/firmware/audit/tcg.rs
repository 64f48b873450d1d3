//! TCG: the discovery before and after, and the answer to the revert, as they are quoted.
use super::super::tcg::DISCOVERY;
use super::{Contradiction, Exchange, Proof, Quoted, received};
use crate::command::tcg::discovery::{Discovery, Locking};
use crate::command::tcg::method::{self, MethodStatus, Reply};
use crate::command::tcg::packet::{self, Received};
use crate::command::tcg::token;
use crate::unit::digest::to_hex;

pub(super) fn revert(quoted: Quoted<'_>) -> Result<Vec<Proof>, Contradiction> {
    let place = quoted.after.iter().rposition(is_revert);
    let (until, since) = quoted.after.split_at(place.map_or(0, |place| place + 1));
    // Right before the revert; for one that was followed after an interruption, what was asked before that.
    let known = discoveries(until).last().or_else(|| discoveries(quoted.before).last());
    let known = known.ok_or(Contradiction::NoBefore)?;
    // Up to the next discovery, what came back is the answer to the revert.
    let own = since.iter().position(|exchange| exchange.name == DISCOVERY).unwrap_or(since.len());
    let is_refused = answers(since.get(..own).unwrap_or_default(), &known).any(|reply| is_refusal(&reply));
    if place.is_some() && is_refused {
        return Err(Contradiction::NotTaken);
    }
    let last = discoveries(since).last().ok_or(Contradiction::NotTheEnd)?;
    let locking = last.locking().ok_or(Contradiction::NotTheEnd)?;
    if !locking.is_open() || last.is_removing() {
        return Err(Contradiction::NotTheEnd);
    }
    let was_on = known.locking().is_some_and(Locking::enabled);
    Ok(was_on.then_some(Proof::LockingDisabledAnew).into_iter().collect())
}

fn is_refusal(reply: &Reply) -> bool {
    match reply {
        Reply::Ended { status, .. } => *status != MethodStatus::SUCCESS,
        Reply::SessionClosed | Reply::Senseless => false,
    }
}

/// Whether an exchange sent the revert: the method call in whatever session.
pub(super) fn is_revert(exchange: &Exchange) -> bool {
    let call = token::encode(&method::revert()).map(|bytes| to_hex(&bytes));
    exchange.sent.as_deref().zip(call).is_some_and(|(sent, call)| sent.contains(&call))
}

fn discoveries(exchanges: &[Exchange]) -> impl DoubleEndedIterator<Item = Discovery> + '_ {
    let found = exchanges.iter().filter(|exchange| exchange.name == DISCOVERY);
    found.filter_map(|exchange| Discovery::decode(&received(exchange)?).ok())
}

/// Replies to method calls, in order.
fn answers<'a>(exchanges: &'a [Exchange], known: &Discovery) -> impl Iterator<Item = Reply> + 'a {
    let com_id = known.class().map_or(0, |(_, com_id)| com_id);
    exchanges.iter().filter_map(move |exchange| {
        // Zeros at the end were not kept.
        let mut bytes = received(exchange)?;
        bytes.resize(bytes.len().max(packet::TRANSFER_BYTES), 0);
        match packet::read(com_id, &bytes) {
            Ok(Received::Message { tokens, .. }) => Some(method::reply(&tokens)),
            Ok(Received::Nothing | Received::Pending) | Err(_) => None,
        }
    })
}
