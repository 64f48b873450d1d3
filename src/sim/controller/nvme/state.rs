//! The inside of a simulated NVMe subsystem.
use std::ops::Range;

use super::sanitize::Status;
use super::{Namespace, NvmeSpec};
use crate::sim::controller::core::{Core, Ending, Event};
use crate::sim::controller::job::Work;
use crate::sim::controller::quirk::QuirkName;
use crate::sim::controller::security::SecurityProtocol;

/// A namespace with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) spec: Namespace,
    /// Its first address in the medium.
    pub(super) first: u64,
    /// Index of its LBA format: 0 or 1; the drive's block size is that of 1.
    pub(super) lba_format: u8,
}

impl Placed {
    pub(super) const fn window(&self) -> Range<u64> {
        self.first..self.first + self.spec.blocks
    }
}

/// An entry of the persistent event log.
#[derive(Clone, Debug)]
pub(super) struct Persistent {
    pub(super) kind: u8,
    pub(super) at_ms: u64,
    pub(super) data: Vec<u8>,
}

/// See the module.
pub(super) struct Nvme {
    pub(super) core: Core,
    pub(super) spec: NvmeSpec,
    pub(super) namespaces: Vec<Placed>,
    pub(super) status: Status,
    pub(super) warns: bool,
    pub(super) persistent: Vec<Persistent>,
    pub(super) persistent_context: bool,
    pub(super) security: Option<Box<dyn SecurityProtocol>>,
    /// Present format operation: its CDW10 and namespace.
    pub(super) formatting: Option<(u32, u32)>,
}

impl std::fmt::Debug for Nvme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nvme")
    }
}

impl Nvme {
    pub(super) fn new(spec: NvmeSpec) -> Self {
        let mut core = Core::new(&spec.shape);
        let mut first = 0;
        let mut namespaces = Vec::new();
        for namespace in &spec.namespaces {
            // A namespace has no more blocks than the medium has left.
            let blocks = namespace.blocks.min(spec.shape.blocks - first);
            let placed = Placed { spec: Namespace { blocks, ..*namespace }, first, lba_format: 1 };
            first += blocks;
            core.windows.push((namespace.nsid, placed.window()));
            namespaces.push(placed);
        }
        let mut nvme = Self {
            status: Status::at_first(&core),
            core,
            warns: spec.no_deallocate_warns,
            namespaces,
            persistent: Vec::new(),
            persistent_context: false,
            security: None,
            formatting: None,
            spec,
        };
        if nvme.core.has(QuirkName::ForeignRunning) {
            nvme.start_foreign();
        }
        nvme
    }

    pub(super) fn first_controller(&self) -> u16 {
        self.spec.controllers.first().copied().unwrap_or(1)
    }

    pub(super) fn namespace(&self, nsid: u32) -> Option<&Placed> {
        self.namespaces.iter().find(|placed| placed.spec.nsid == nsid)
    }

    /// Adds to the persistent event log.
    pub(super) fn remember(&mut self, kind: u8, data: Vec<u8>) {
        let at_ms = self.core.clock.elapsed_ms();
        self.persistent.push(Persistent { kind, at_ms, data });
    }

    /// Brings everything up to the present time.
    pub(super) fn bring_up_to_date(&mut self) {
        self.core.settle();
        for event in std::mem::take(&mut self.core.events) {
            match event {
                Event::Ended(Work::Format, ending) => self.format_ended(ending),
                Event::Ended(Work::SecurityErase, _) => {}
                Event::Ended(Work::BlockErase | Work::CryptoErase | Work::Overwrite, ending) => {
                    self.sanitize_ended(ending);
                }
                Event::PowerLost => self.persistent_context = false,
                Event::PowerReturned(_) => {
                    if let Some(security) = &mut self.security {
                        security.power_cycle();
                    }
                }
            }
        }
    }

    fn format_ended(&mut self, ending: Ending) {
        let Some((cdw10, nsid)) = self.formatting.take() else { return };
        if ending == Ending::Succeeded {
            let format = u8::try_from(cdw10 & 0xF).unwrap_or(0);
            let all = nsid == u32::MAX || self.spec.fna & 1 != 0;
            for placed in self.namespaces.iter_mut().filter(|placed| all || placed.spec.nsid == nsid) {
                placed.lba_format = format;
            }
        }
        let mut data = nsid.to_le_bytes().to_vec();
        let failed = u32::from(ending != Ending::Succeeded);
        data.extend([0, u8::from(failed != 0), 0, 0]);
        data.extend(failed.to_le_bytes());
        self.remember(0x08, data);
    }
}
