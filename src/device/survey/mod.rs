//! Asks a drive, by its own commands, what it can do and how it is. What cannot be read is a gap in words, not an
//! error: a policy reads "not told" out of it.

pub mod nvme;

use super::Capability;
use crate::io::{Channel, Route};
use crate::unit::{Reason, ReasonCode};

/// Asks the drive at the end of a way.
///
/// # Errors
/// When it does not answer the first question.
pub fn survey(route: &mut Route) -> Result<Capability, Reason> {
    match (&mut route.channel, route.nsid) {
        (Channel::Nvme(port), Some(nsid)) => nvme::survey(port.as_mut(), nsid),
        (Channel::Nvme(_), None) => Err(Reason::new(
            ReasonCode::FirmwareRefused,
            "the node stands for no namespace of its controller",
            "name the node of a namespace, as expunge list shows it",
        )),
        (Channel::Scsi(_), _) => Err(Reason::new(ReasonCode::FirmwareRefused, "not asked", "ask it")),
    }
}
