//! Asks a drive, by its own commands, what it can do and how it is. What cannot be read is a gap in words, not an
//! error: a policy reads "not told" out of it.

pub mod ata;
pub mod nvme;
pub mod scsi;
pub mod tcg;

use super::Capability;
use crate::io::{Channel, Route};
use crate::unit::{Reason, ReasonCode};

/// Asks the drive at the end of a way. Nothing that is asked changes it.
///
/// # Errors
/// When it does not answer the first question.
pub fn survey(route: &mut Route) -> Result<Capability, Reason> {
    let mut capability = match (&mut route.channel, route.nsid) {
        (Channel::Nvme(port), Some(nsid)) => nvme::survey(port.as_mut(), nsid)?,
        (Channel::Nvme(_), None) => {
            return Err(Reason::new(
                ReasonCode::FirmwareRefused,
                "the node stands for no namespace of its controller",
                "name the node of a namespace, as expunge list shows it",
            ));
        }
        (Channel::Scsi(port), _) => match scsi::ata_behind(port.as_mut()) {
            Some(translator) => ata::survey(port.as_mut(), Some(translator))?,
            None => scsi::survey(port.as_mut())?,
        },
    };
    if capability.out_of_reach().is_none() {
        let told = tcg::survey(&mut route.channel);
        capability.tcg = told.facts;
        capability.pages.extend(told.pages);
        capability.gaps.extend(told.gaps);
    }
    Ok(capability)
}
