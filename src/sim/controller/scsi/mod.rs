//! A simulated SCSI logical unit, or an ATA drive behind a SCSI/ATA translation layer.
//!
//! Layouts are those of firmware-purge 3.1 and 3.2 and standards 6.3 to 6.6; what stands in neither is from memory.
pub(super) mod dispatch;
mod inquiry;
pub(super) mod sanitize;
pub(super) mod sense;
pub(super) mod state;
#[cfg(test)]
mod tests;
mod transfer;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::state::Unit;
use super::ata::AtaTraits;
use super::handle::{Drive, SharedDrive, SimBlockPort, lock};
use super::keys::MediaKeys;
use super::oracle::ControllerOracle;
use super::quirk::Return;
use super::security::SecurityProtocol;
use super::spec::Shape;
use crate::io::{Data, ScsiAnswer, ScsiPort};
use crate::sim::clock::SimClock;

/// What a SCSI drive can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScsiTraits {
    /// Service actions of SANITIZE that it knows: 1 overwrite, 2 block erase, 3 cryptographic erase, 1Fh exit failure
    /// mode.
    pub sanitize: Vec<u8>,
    /// Whether REPORT SUPPORTED OPERATION CODES is there.
    pub reports_codes: bool,
    /// Whether UNMAP does anything.
    pub unmaps: bool,
    /// Medium rotation rate: 1 for none.
    pub rotation: u16,
    /// Other logical units of the target (a second actuator).
    pub other_units: Vec<u8>,
    /// Whether SANITIZE is told of and answered as no command.
    pub sanitize_is_told_only: bool,
}

impl Default for ScsiTraits {
    /// A drive without rotation that knows all service actions.
    fn default() -> Self {
        let sanitize = vec![1, 2, 3, 0x1F];
        Self {
            sanitize,
            reports_codes: true,
            unmaps: true,
            rotation: 1,
            other_units: Vec::new(),
            sanitize_is_told_only: false,
        }
    }
}

/// What stands behind the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Personality {
    /// A SCSI drive.
    Scsi(ScsiTraits),
    /// An ATA drive behind a translation layer.
    Ata(AtaTraits),
}

/// What a simulated unit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScsiSpec {
    /// Cells, times and quirks.
    pub shape: Shape,
    /// What stands behind the port.
    pub personality: Personality,
}

impl ScsiSpec {
    /// A SCSI drive that can do everything.
    pub fn scsi(shape: Shape) -> Self {
        Self { shape, personality: Personality::Scsi(ScsiTraits::default()) }
    }

    /// An ATA drive.
    pub const fn ata(shape: Shape, traits: AtaTraits) -> Self {
        Self { shape, personality: Personality::Ata(traits) }
    }
}

/// A handle to a simulated unit. Clones are handles to the same.
#[derive(Clone)]
pub struct ScsiSim(Arc<Mutex<Unit>>);

impl std::fmt::Debug for ScsiSim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScsiSim")
    }
}

impl ScsiSim {
    /// Switches the unit of a specification on.
    pub fn new(spec: ScsiSpec) -> Self {
        Self(Arc::new(Mutex::new(Unit::new(spec))))
    }

    /// The way to the unit, for as long as it stays attached.
    pub fn port(&self) -> ScsiSimPort {
        let mut inner = lock(&self.0);
        inner.settle();
        let attachment = inner.core().attachment();
        drop(inner);
        ScsiSimPort { sim: self.clone(), attachment }
    }

    /// The block device; `None` when the drive is not there.
    pub fn block_port(&self) -> Option<SimBlockPort> {
        SimBlockPort::new(self.shared(), 0)
    }

    /// The one who sees all.
    pub fn oracle(&self) -> ControllerOracle {
        ControllerOracle::new(self.shared())
    }

    /// Puts a TPer behind the security commands.
    pub fn set_security(&self, security: Box<dyn SecurityProtocol>) {
        lock(&self.0).security = Some(security);
    }

    /// The media keys, for the TPer.
    pub fn keys(&self) -> MediaKeys {
        lock(&self.0).core().keys.clone()
    }

    /// Virtual time.
    pub fn clock(&self) -> SimClock {
        lock(&self.0).core().clock
    }

    /// Lets virtual time pass.
    pub fn pass_time(&self, time: Duration) {
        let mut inner = lock(&self.0);
        inner.core().clock.advance_ms(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        inner.settle();
    }

    /// Sets virtual time, for front ends that run on real time; it does not go back.
    pub fn set_time(&self, since_start: Duration) {
        let now = self.clock().elapsed_ms();
        let wanted = u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX);
        self.pass_time(Duration::from_millis(wanted.saturating_sub(now)));
    }

    /// Takes the power away.
    pub fn power_cut(&self) {
        let mut inner = lock(&self.0);
        inner.core().power_cut();
        inner.settle();
    }

    /// Switches it on again.
    pub fn power_on(&self) {
        self.power_on_as(Return::Same);
    }

    /// Switches it on again, frozen or locked by whatever was there first.
    pub fn power_on_as(&self, returns: Return) {
        let mut inner = lock(&self.0);
        inner.core().power_on(returns);
        inner.settle();
    }

    /// Whether the node is there.
    pub fn is_here(&self) -> bool {
        let mut inner = lock(&self.0);
        inner.settle();
        inner.core().is_here()
    }

    fn shared(&self) -> SharedDrive {
        let shared: SharedDrive = self.0.clone();
        shared
    }
}

/// A way to a simulated unit. It belongs to the attachment under which it was opened: when the drive left, it stays
/// dead and another one is opened.
#[derive(Clone, Debug)]
pub struct ScsiSimPort {
    sim: ScsiSim,
    attachment: u64,
}

impl ScsiPort for ScsiSimPort {
    fn execute(&mut self, block: &[u8], data: Data<'_>, timeout: Duration) -> ScsiAnswer {
        lock(&self.sim.0).execute(self.attachment, block, data, timeout)
    }

    fn rest(&mut self, time: Duration) {
        self.sim.pass_time(time);
    }
}
