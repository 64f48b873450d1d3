//! Whether the drive is still the one that was claimed, with the size that the job has given it.
use super::course::Run;
use super::prepare::Host;
use crate::device::{Claimed, Identity};
use crate::unit::{Geometry, Reason, ReasonCode};
use crate::verify::Ending;

/// A change of size is accepted only where this job has caused it: what the kernel saw right after the drive was told to.
pub(super) fn expect_restored(claimed: &mut Claimed, run: &Run) {
    if let Some(seen) = run.restores.last().and_then(|last| last.seen) {
        claimed.expect_capacity(seen);
    }
}

/// Who the drive is after the last step (P1). One that is not the drive any more, or cannot be asked, leaves
/// the outcome unknown; a drive that vanished has said so already.
pub(super) fn identity_after(host: &Host, claimed: &Claimed, run: &mut Run) -> Option<(Identity, Geometry)> {
    match claimed.recheck(&host.root) {
        Ok(()) => {
            let facts = claimed.facts();
            facts.geometry().map(|geometry| (facts.identity.clone(), *geometry))
        }
        Err(reasons) => {
            // A drive that was left at work on a command does not tell its capacity meanwhile.
            let at_work = |reason: &Reason| {
                matches!(run.ending, Ending::Stopped) && reason.code == ReasonCode::NotAnswering
            };
            if matches!(run.ending, Ending::Completed | Ending::Stopped | Ending::GivenUp(_))
                && let Some(reason) = reasons.into_iter().find(|reason| !at_work(reason))
            {
                run.ending = match reason.code {
                    ReasonCode::DriveGone | ReasonCode::NoCapacity => Ending::DriveGone(reason),
                    _ => Ending::Lost(reason),
                };
            }
            None
        }
    }
}
