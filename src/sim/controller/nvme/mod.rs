//! A simulated NVMe subsystem: controllers, namespaces, Sanitize, Format NVM, log pages.
//!
//! Layouts are those of firmware-purge 3.3 and standards 6.7; fields that are named in neither are from memory.
mod admin;
mod format;
mod identify;
mod logs;
mod sanitize;
mod state;
#[cfg(test)]
mod tests;
mod transfer;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::state::Nvme;
use super::handle::{Drive, SharedDrive, SimBlockPort, lock};
use super::keys::MediaKeys;
use super::oracle::ControllerOracle;
use super::quirk::Return;
use super::security::SecurityProtocol;
use super::spec::Shape;
use crate::io::channel::NVME_ENTRY_BYTES;
use crate::io::{Data, NvmeAnswer, NvmePort};
use crate::sim::clock::SimClock;

/// One namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its identifier, from 1.
    pub nsid: u32,
    /// Its blocks.
    pub blocks: u64,
    /// Whether a controller has it: one that is allocated and not attached holds data that no host reaches.
    pub attached: bool,
    /// Whether it is write-protected.
    pub write_protected: bool,
}

/// What an NVMe subsystem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NvmeSpec {
    /// Cells, times and quirks.
    pub shape: Shape,
    /// Namespaces, side by side in the shape's addresses; what they leave is unallocated.
    pub namespaces: Vec<Namespace>,
    /// Controller identifiers, at least one.
    pub controllers: Vec<u16>,
    /// SANICAP.
    pub sanicap: u32,
    /// FNA.
    pub fna: u8,
    /// OACS: bit 0 security, bit 1 format, bit 3 namespace management.
    pub oacs: u16,
    /// DLFEAT.
    pub dlfeat: u8,
    /// NODRM: whether "no deallocate" that is inhibited is a warning (else it is an error).
    pub no_deallocate_warns: bool,
    /// Whether there is a persistent event log.
    pub persistent_log: bool,
    /// Replay protected memory blocks: targets, which sanitize does not reach.
    pub rpmb_units: u8,
    /// Whether Sanitize is told of and answered as no command.
    pub sanitize_is_told_only: bool,
}

impl NvmeSpec {
    /// One controller and one namespace over all addresses, with block erase, overwrite and cryptographic erase,
    /// Format with cryptographic erase, security commands, and a persistent event log.
    pub fn new(shape: Shape) -> Self {
        let only = Namespace { nsid: 1, blocks: shape.blocks, attached: true, write_protected: false };
        Self {
            shape,
            namespaces: vec![only],
            controllers: vec![1],
            sanicap: 0x4000_0007,
            fna: 0b100,
            oacs: 0b11,
            dlfeat: 1,
            no_deallocate_warns: false,
            persistent_log: true,
            rpmb_units: 0,
            sanitize_is_told_only: false,
        }
    }

    /// The same with these namespaces.
    #[must_use]
    pub fn namespaces(mut self, namespaces: &[Namespace]) -> Self {
        self.namespaces = namespaces.to_vec();
        self
    }
}

/// A handle to a simulated NVMe subsystem. Clones are handles to the same.
#[derive(Clone)]
pub struct NvmeSim(Arc<Mutex<Nvme>>);

impl std::fmt::Debug for NvmeSim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NvmeSim")
    }
}

impl NvmeSim {
    /// Switches the subsystem of a specification on.
    pub fn new(spec: NvmeSpec) -> Self {
        Self(Arc::new(Mutex::new(Nvme::new(spec))))
    }

    /// The admin queue of the first controller, for as long as it stays attached.
    pub fn port(&self) -> NvmeSimPort {
        let controller = lock(&self.0).first_controller();
        self.port_of(controller)
    }

    /// The admin queue of a controller.
    pub fn port_of(&self, controller: u16) -> NvmeSimPort {
        let mut inner = lock(&self.0);
        inner.settle();
        let attachment = inner.core().attachment();
        drop(inner);
        NvmeSimPort { sim: self.clone(), controller, attachment }
    }

    /// The block device of a namespace; `None` when it is not there, or the drive is not.
    pub fn block_port(&self, nsid: u32) -> Option<SimBlockPort> {
        SimBlockPort::new(self.shared(), nsid)
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
        let mut inner = lock(&self.0);
        inner.core().power_on(Return::Same);
        inner.settle();
    }

    /// Whether the node is there.
    pub fn is_here(&self) -> bool {
        let mut inner = lock(&self.0);
        inner.settle();
        inner.core().is_here()
    }

    /// Reads blocks as an I/O queue would: the status field, 0 for success.
    pub fn read_blocks(&self, nsid: u32, lba: u64, out: &mut [u8]) -> u16 {
        lock(&self.0).read_blocks(nsid, lba, out)
    }

    /// Writes blocks as an I/O queue would: the status field, 0 for success.
    pub fn write_blocks(&self, nsid: u32, lba: u64, data: &[u8]) -> u16 {
        lock(&self.0).write_blocks(nsid, lba, data)
    }

    /// Deallocates blocks (Dataset Management) as an I/O queue would: the status field, 0 for success.
    pub fn deallocate(&self, nsid: u32, lba: u64, blocks: u64) -> u16 {
        lock(&self.0).deallocate(nsid, lba, blocks)
    }

    fn shared(&self) -> SharedDrive {
        let shared: SharedDrive = self.0.clone();
        shared
    }
}

/// An admin queue of a simulated controller. It belongs to the attachment under which it was opened: when the drive
/// left, it stays dead and another one is opened.
#[derive(Clone, Debug)]
pub struct NvmeSimPort {
    sim: NvmeSim,
    controller: u16,
    attachment: u64,
}

impl NvmePort for NvmeSimPort {
    fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, timeout: Duration) -> NvmeAnswer {
        lock(&self.sim.0).admin(self.controller, self.attachment, entry, data, timeout)
    }
}
