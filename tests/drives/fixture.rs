//! The form of `fixtures/drives/*.json`: facts of real drives, retyped from their sources, and what was filled in to
//! complete the pages. See `docs/drives.md`.
use std::fs;
use std::path::{Path, PathBuf};

use expunge::device::{DriveFacts, Identity, QueueLimits, Reach, Zoned};
use expunge::unit::term::DriveKind;
use expunge::unit::{BlockCount, BlockSize, Geometry, Lba, LbaRange, Zone, ZoneCondition, ZoneKind, ZoneMap};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixture {
    /// Its model.
    pub(crate) drive: String,
    pub(crate) interface: Interface,
    /// Where the facts are from.
    pub(crate) sources: Vec<String>,
    pub(crate) kernel: Kernel,
    /// What the sources say.
    pub(crate) facts: Map<String, Value>,
    /// What was filled in.
    pub(crate) filled: Map<String, Value>,
    #[serde(default)]
    pub(crate) note: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Interface {
    Nvme,
    Ata,
    Scsi,
    None,
}

/// What the kernel says of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Kernel {
    name: String,
    kind: DriveKind,
    transport: String,
    block_bytes: u32,
    physical_bytes: u32,
    blocks: u64,
    zoned: Zoned,
    removable: bool,
}

pub(crate) fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/drives");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

pub(crate) fn name(file: &Path) -> String {
    file.file_stem().unwrap().to_str().unwrap().to_owned()
}

impl Kernel {
    /// Zones of 256 MiB (the usual size) that must all be written in sequence: made up, as far as only their kind is known.
    fn zones(&self) -> Option<ZoneMap> {
        let length = (256 << 20) / u64::from(self.block_bytes);
        let zones: Vec<Zone> = (0..self.blocks / length)
            .filter_map(|number| LbaRange::new(Lba(number * length), BlockCount(length)))
            .map(|range| Zone {
                range,
                capacity: range.count(),
                kind: ZoneKind::SequentialRequired,
                condition: ZoneCondition::Full,
            })
            .collect();
        (self.zoned == Zoned::HostManaged).then(|| ZoneMap::of(&zones).unwrap())
    }
}

impl Fixture {
    pub(crate) fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.facts.get(name).or_else(|| self.filled.get(name))
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.value(name).and_then(Value::as_u64)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_str)
    }

    /// Words of a list, in facts and in what was filled in.
    pub(crate) fn lists(&self, names: &[&str]) -> Vec<&str> {
        let values = names.iter().filter_map(|name| self.value(name));
        values.flat_map(|value| value.as_array().unwrap()).map(|word| word.as_str().unwrap()).collect()
    }

    /// Facts of the kernel. The serial number is made up.
    pub(crate) fn drive_facts(&self) -> DriveFacts {
        let kernel = &self.kernel;
        let size = |bytes: u32| BlockSize::new(bytes).unwrap();
        DriveFacts {
            node: format!("/dev/{}", kernel.name).into(),
            kernel_name: kernel.name.clone(),
            device: None,
            diskseq: None,
            identity: Identity {
                model: Some(self.drive.clone()),
                serial: Some("MADE-UP".to_owned()),
                ..Identity::default()
            },
            kind: kernel.kind,
            transport: Some(kernel.transport.clone()),
            bay: None,
            reach: Reach::Addressable(Geometry {
                block_size: size(kernel.block_bytes),
                physical_block_size: size(kernel.physical_bytes),
                capacity: BlockCount(kernel.blocks),
            }),
            queue: QueueLimits::default(),
            zoned: kernel.zoned,
            zones: kernel.zones(),
            read_only: false,
            removable: kernel.removable,
            other_units: Vec::new(),
            other_paths: Vec::new(),
            content: Vec::new(),
            capability: None,
        }
    }
}
