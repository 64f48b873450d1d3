//! A simulated drive with commands of its own: one handle, whatever it speaks.
use std::path::PathBuf;
use std::time::Duration;

use expunge::device::capability::Interface;
use expunge::device::survey::survey;
use expunge::device::{DriveFacts, Identity, QueueLimits, Reach, Zoned, format, gather};
use expunge::io::{BlockRead as _, BlockWrite, Channel, CommandDisk, Route};
use expunge::sim::SimIdentity;
use expunge::sim::controller::opal::{SimTper, TperSpec};
use expunge::sim::controller::quirk::Return;
use expunge::sim::controller::{
    ControllerOracle, NvmeSim, NvmeSpec, Personality, Quirk, ScsiSim, ScsiSpec, Shape, SimBlockPort,
};
use expunge::unit::Reason;
use expunge::unit::ReasonCode;
use expunge::unit::term::DriveKind;

/// What a drive speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    Nvme(NvmeSpec),
    Scsi(ScsiSpec),
}

impl Model {
    pub(crate) fn shape(&self) -> &Shape {
        match self {
            Self::Nvme(spec) => &spec.shape,
            Self::Scsi(spec) => &spec.shape,
        }
    }

    /// Whether it tells of a sanitize command that it does not have.
    pub(crate) const fn tells_only(&self) -> bool {
        match self {
            Self::Nvme(spec) => spec.sanitize_is_told_only,
            Self::Scsi(spec) => match &spec.personality {
                Personality::Scsi(traits) => traits.sanitize_is_told_only,
                Personality::Ata(traits) => traits.sanitize_is_told_only,
            },
        }
    }

    pub(crate) fn quirks(&self) -> &[Quirk] {
        &self.shape().quirks
    }

    pub(crate) fn kind(&self) -> DriveKind {
        let rotation = match self {
            Self::Nvme(_) => 1,
            Self::Scsi(spec) => match &spec.personality {
                Personality::Scsi(traits) => traits.rotation,
                Personality::Ata(traits) => traits.rotation,
            },
        };
        if rotation == 1 { DriveKind::Flash } else { DriveKind::Rotating }
    }
}

/// A drive as it is when it is switched on.
#[derive(Clone, Debug)]
pub(crate) struct DriveSpec {
    pub(crate) model: Model,
    pub(crate) tper: Option<TperSpec>,
}

#[derive(Clone, Debug)]
enum Sim {
    Nvme(NvmeSim),
    Scsi(ScsiSim),
}

/// A handle to a drive. Clones are handles to the same.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    sim: Sim,
    kind: DriveKind,
    number: u64,
    others: Vec<String>,
}

/// The namespace whose node the job is given.
pub(crate) const NSID: u32 = 1;

impl Drive {
    pub(crate) fn new(spec: &DriveSpec) -> Self {
        let (kind, number) = (spec.model.kind(), spec.model.shape().drive);
        let (sim, keys) = match &spec.model {
            Model::Nvme(model) => {
                let sim = NvmeSim::new(model.clone());
                let keys = sim.keys();
                (Sim::Nvme(sim), keys)
            }
            Model::Scsi(model) => {
                let sim = ScsiSim::new(model.clone());
                let keys = sim.keys();
                (Sim::Scsi(sim), keys)
            }
        };
        let tper = spec.tper.clone().map(|tper| SimTper::new(tper, keys));
        if let Some(tper) = tper {
            match &sim {
                Sim::Nvme(sim) => sim.set_security(Box::new(tper)),
                Sim::Scsi(sim) => sim.set_security(Box::new(tper)),
            }
        }
        let others = match &spec.model {
            Model::Nvme(model) => {
                let others = model.namespaces.iter().filter(|one| one.nsid != NSID && one.attached);
                others.map(|one| format!("sim0n{}", one.nsid)).collect()
            }
            Model::Scsi(_) => Vec::new(),
        };
        Self { sim, kind, number, others }
    }

    /// A way to it, for as long as it stays attached.
    pub(crate) fn route(&self) -> Route {
        match &self.sim {
            Sim::Nvme(sim) => Route { channel: Channel::Nvme(Box::new(sim.port())), nsid: Some(NSID) },
            Sim::Scsi(sim) => Route { channel: Channel::Scsi(Box::new(sim.port())), nsid: None },
        }
    }

    /// Its node, opened; `None` while it is away.
    pub(crate) fn open(&self) -> Option<SimBlockPort> {
        match &self.sim {
            Sim::Nvme(sim) => sim.block_port(NSID),
            Sim::Scsi(sim) => sim.block_port(),
        }
    }

    /// Its node as a port that moves blocks: by SCSI commands where the kernel presents none.
    pub(crate) fn open_to_move(&self) -> Option<Box<dyn BlockWrite>> {
        let port = self.open()?;
        match (&self.sim, port.geometry().block_size.is_power_of_two()) {
            (Sim::Scsi(sim), false) => {
                Some(Box::new(CommandDisk::new(sim.port(), port.geometry(), 16 * 1024)))
            }
            (Sim::Scsi(_) | Sim::Nvme(_), _) => Some(Box::new(port)),
        }
    }

    pub(crate) fn oracle(&self) -> ControllerOracle {
        match &self.sim {
            Sim::Nvme(sim) => sim.oracle(),
            Sim::Scsi(sim) => sim.oracle(),
        }
    }

    pub(crate) fn time(&self) -> Duration {
        let clock = match &self.sim {
            Sim::Nvme(sim) => sim.clock(),
            Sim::Scsi(sim) => sim.clock(),
        };
        Duration::from_millis(clock.elapsed_ms())
    }

    pub(crate) fn pass_time(&self, time: Duration) {
        match &self.sim {
            Sim::Nvme(sim) => sim.pass_time(time),
            Sim::Scsi(sim) => sim.pass_time(time),
        }
    }

    pub(crate) fn power_cut(&self) {
        match &self.sim {
            Sim::Nvme(sim) => sim.power_cut(),
            Sim::Scsi(sim) => sim.power_cut(),
        }
    }

    pub(crate) fn power_on(&self, returns: Return) {
        match &self.sim {
            Sim::Nvme(sim) => sim.power_on(),
            Sim::Scsi(sim) => sim.power_on_as(returns),
        }
    }

    pub(crate) fn is_here(&self) -> bool {
        match &self.sim {
            Sim::Nvme(sim) => sim.is_here(),
            Sim::Scsi(sim) => sim.is_here(),
        }
    }

    /// What the claim would find after the host has started again: a SCSI drive at work on itself tells the kernel no
    /// capacity, and the job that goes on knows what it was.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn facts_again(&self, before: &Reach) -> Result<DriveFacts, Reason> {
        let mut facts = self.facts()?;
        let silent = facts
            .capability
            .as_ref()
            .is_some_and(|told| matches!(&told.interface, Interface::Scsi(told) if told.blocks == 0));
        if silent {
            facts.reach = gather::reach(0, 512, 512);
        }
        format::held_back(&mut facts, Some(before));
        Ok(facts)
    }

    /// What the claim would find: the shape of the node, and what the drive says of itself.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn facts(&self) -> Result<DriveFacts, Reason> {
        let away = || Reason::new(ReasonCode::Missing, "it is not attached", "attach it");
        let geometry = self.open().ok_or_else(away)?.geometry();
        let name = SimIdentity::numbered(self.number, geometry.capacity);
        let capability = survey(&mut self.route()).ok().map(Box::new);
        // The kernel's disk driver gives a unit with other blocks no capacity.
        let kernel_presents = geometry.block_size.is_power_of_two();
        let mut facts = DriveFacts {
            node: PathBuf::from("/dev/sim0"),
            kernel_name: "sim0".to_owned(),
            device: None,
            diskseq: Some(1),
            identity: Identity {
                model: Some(name.model),
                serial: Some(name.serial),
                wwn: Some(name.wwn),
                ..Identity::default()
            },
            kind: self.kind,
            transport: None,
            bay: None,
            reach: match kernel_presents {
                true => Reach::Addressable(geometry),
                false => gather::reach(0, 512, 512),
            },
            queue: QueueLimits::default(),
            zoned: Zoned::None,
            zones: None,
            read_only: false,
            removable: false,
            other_units: self.others.clone(),
            other_paths: Vec::new(),
            content: Vec::new(),
            capability,
        };
        format::heed(&mut facts, &mut Vec::new());
        if let Reach::ByCommand(geometry) = &facts.reach {
            facts.content = format::content(geometry).0;
        }
        Ok(facts)
    }
}
