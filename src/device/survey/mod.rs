//! Asks a drive what it says about itself.
use super::Capability;
use crate::io::Channel;
use crate::unit::Reason;

/// Asks it.
///
/// # Errors
/// When it does not answer.
pub fn survey(_channel: &mut Channel) -> Result<Capability, Reason> {
    Err(Reason::new(crate::unit::ReasonCode::FirmwareRefused, "not asked", "ask it"))
}
