//! Simulated drives as the tests of whole jobs have them: small, used, and with operations that take some seconds.
use std::time::Duration;

use expunge::sim::controller::quirk::Return;
use expunge::sim::controller::security::SecurityProtocol;
use expunge::sim::controller::{
    AtaTraits, ControllerOracle, MediaKeys, NvmeSim, NvmeSpec, Personality, Quirk, ScsiSim, ScsiSpec,
    ScsiTraits, Shape, Work,
};

use crate::gate::{Gate, Gated, Stop};
use crate::host::nvme_tcp::NvmeServer;
use crate::host::scsi::ScsiServer;

/// Blocks of 512 bytes.
const BLOCKS: u64 = 2_048;

/// Real milliseconds of each operation: whoever looks once a second sees it in progress.
const OPERATION_MS: u64 = 2_500;

/// A used drive of this number.
pub(crate) fn shape(drive: u64) -> Shape {
    taking(drive, OPERATION_MS)
}

/// The same with operations that take so many milliseconds.
pub(crate) fn taking(drive: u64, millis: u64) -> Shape {
    let times = Shape { erase_ms: millis, crypto_ms: millis, pass_ms: millis, ..Shape::small(512, BLOCKS) };
    Shape { drive, seed: drive, ..times.used() }
}

/// A drive on which a command that blocks dies with the drive's power at its middle.
pub(crate) fn dying(number: u64) -> Shape {
    shape(number).with(Quirk::PowerFails { at: 30_000, back_ms: 1 << 40, returns: Return::Same })
}

/// An NVMe drive that has no Sanitize command, only Format.
pub(crate) fn format_only(shape: Shape) -> NvmeSpec {
    NvmeSpec { sanicap: 0, ..NvmeSpec::new(shape) }
}

/// A magnetic ATA drive without the SANITIZE feature set.
pub(crate) fn security_only(shape: Shape) -> ScsiSpec {
    ScsiSpec::ata(shape, AtaTraits { word_59: 0, ..AtaTraits::magnetic() })
}

/// A magnetic SCSI drive that can do everything.
pub(crate) fn spinning(shape: Shape) -> ScsiSpec {
    let traits = ScsiTraits { rotation: 7_200, ..ScsiTraits::default() };
    ScsiSpec { shape, personality: Personality::Scsi(traits) }
}

/// A simulated drive and the server that it is reached through.
#[derive(Debug)]
pub(crate) struct Drive {
    sim: Sim,
    pub(crate) serial: String,
    pub(crate) attach: String,
    pub(crate) gate: Gate,
    _server: Server,
}

#[derive(Debug)]
enum Sim {
    Nvme(NvmeSim),
    Scsi(ScsiSim),
}

#[derive(Debug)]
#[allow(dead_code, reason = "a server ends when it is dropped")]
enum Server {
    Nvme(NvmeServer),
    Scsi(ScsiServer),
}

impl Drive {
    #[track_caller]
    pub(crate) fn nvme(spec: NvmeSpec) -> Self {
        Self::nvme_that_stops(spec, Stop::Never)
    }

    #[track_caller]
    pub(crate) fn nvme_that_stops(spec: NvmeSpec, stop: Stop) -> Self {
        let number = spec.shape.drive;
        let (sim, gate) = (NvmeSim::new(spec), Gate::new(stop));
        let gated = Gated { sim: sim.clone(), gate: gate.clone() };
        let server = NvmeServer::start(&format!("drive-{number}"), gated).unwrap();
        let (attach, serial) = (server.attach_command(), serial(number));
        Self { sim: Sim::Nvme(sim), serial, attach, gate, _server: Server::Nvme(server) }
    }

    #[track_caller]
    pub(crate) fn scsi(spec: ScsiSpec) -> Self {
        Self::scsi_that_stops(spec, Stop::Never)
    }

    #[track_caller]
    pub(crate) fn scsi_that_stops(spec: ScsiSpec, stop: Stop) -> Self {
        let Shape { drive: number, blocks, block_bytes, .. } = spec.shape;
        let (sim, gate) = (ScsiSim::new(spec), Gate::new(stop));
        let gated = Gated { sim: sim.clone(), gate: gate.clone() };
        let bytes = blocks * u64::from(block_bytes);
        let server = ScsiServer::start(&format!("drive-{number}"), bytes, block_bytes, gated).unwrap();
        let (attach, serial) = (server.attach_command(), serial(number));
        Self { sim: Sim::Scsi(sim), serial, attach, gate, _server: Server::Scsi(server) }
    }

    pub(crate) fn oracle(&self) -> ControllerOracle {
        match &self.sim {
            Sim::Nvme(sim) => sim.oracle(),
            Sim::Scsi(sim) => sim.oracle(),
        }
    }

    pub(crate) fn keys(&self) -> MediaKeys {
        match &self.sim {
            Sim::Nvme(sim) => sim.keys(),
            Sim::Scsi(sim) => sim.keys(),
        }
    }

    pub(crate) fn set_security(&self, security: Box<dyn SecurityProtocol>) {
        match &self.sim {
            Sim::Nvme(sim) => sim.set_security(security),
            Sim::Scsi(sim) => sim.set_security(security),
        }
    }

    /// Lets the drive's time pass, beyond what passes really.
    pub(crate) fn pass_time(&self, time: Duration) {
        match &self.sim {
            Sim::Nvme(sim) => sim.pass_time(time),
            Sim::Scsi(sim) => sim.pass_time(time),
        }
    }

    /// Takes the drive's power away and gives it back.
    pub(crate) fn power_cycle(&self) {
        match &self.sim {
            Sim::Nvme(sim) => {
                sim.power_cut();
                sim.power_on();
            }
            Sim::Scsi(sim) => {
                sim.power_cut();
                sim.power_on();
            }
        }
    }

    /// What the drive truly did, in order.
    pub(crate) fn works(&self) -> Vec<Work> {
        self.oracle().deeds().iter().map(|deed| deed.work).collect()
    }

    /// Reads and writes of blocks that reached a SCSI or ATA drive while it sanitized itself: nobody may send any. (The
    /// kernel tries those again until the drive is ready, so that whoever sent them hangs.)
    pub(crate) fn disturbed(&self) -> usize {
        let asked = self.oracle().asked();
        let sanitizes = |command: &[u8]| match command {
            [0x48, ..] => true,
            // SANITIZE DEVICE with a feature other than the request for status, in ATA PASS-THROUGH(16).
            [0x85, _, _, _, feature, .., 0xB4, _control] => *feature != 0,
            _ => false,
        };
        let moves = |command: &[u8]| matches!(command, [0x28 | 0x2A | 0x88 | 0x8A, ..]);
        let starts = asked.iter().filter(|asked| sanitizes(&asked.command)).map(|asked| asked.at_ms);
        let busy: Vec<_> = starts.map(|start| start + 1..start + OPERATION_MS).collect();
        assert!(!busy.is_empty(), "{} was never told to sanitize itself", self.serial);
        let during = |at: u64| busy.iter().any(|busy| busy.contains(&at));
        asked.iter().filter(|asked| moves(&asked.command) && during(asked.at_ms)).count()
    }

    #[track_caller]
    pub(crate) fn expect_no_residue(&self) {
        let residue = self.oracle().residue();
        let serial = &self.serial;
        assert!(residue.addressable.is_empty() && residue.unaddressable_cells == 0, "{serial}: {residue:?}");
    }

    /// Whether any address leads to old data.
    pub(crate) fn reads_old_data(&self) -> bool {
        !self.oracle().residue().addressable.is_empty()
    }

    pub(crate) fn has_residue(&self) -> bool {
        let residue = self.oracle().residue();
        !residue.addressable.is_empty() || residue.unaddressable_cells > 0
    }
}

/// The serial number of the simulated drive of this number.
fn serial(number: u64) -> String {
    format!("SIM{number:012}")
}
