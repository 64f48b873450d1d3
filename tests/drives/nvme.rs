//! An NVMe controller made of the facts of a fixture. Offsets are those of libnvme's `nvme/types.h`.
use std::time::Duration;

use expunge::io::{Data, NvmeAnswer, NvmePort};

use super::fixture::Fixture;

/// Name of a fact, its offset and its length.
type Field = (&'static str, usize, usize);

const CONTROLLER: &[Field] = &[
    ("cmic", 76, 1),
    ("cntlid", 78, 2),
    ("oacs", 256, 2),
    ("lpa", 261, 1),
    ("tnvmcap", 280, 16),
    ("unvmcap", 296, 16),
    ("rpmbs", 312, 4),
    ("sanicap", 328, 4),
    ("nn", 516, 4),
    ("fna", 524, 1),
];
const NAMESPACE: &[Field] = &[
    ("nsze", 0, 8),
    ("nsze", 8, 8),
    ("flbas", 26, 1),
    ("nmic", 30, 1),
    ("dlfeat", 33, 1),
    ("lbads", 130, 1),
];
const STATUS: &[Field] =
    &[("sprog", 0, 2), ("sstat", 2, 2), ("scdw10", 4, 4), ("eto", 8, 4), ("etbe", 12, 4), ("etce", 16, 4)];
const SMART: &[Field] = &[
    ("critical_warning", 0, 1),
    ("available_spare", 3, 1),
    ("percentage_used", 5, 1),
    ("data_units_written", 48, 16),
    ("power_on_hours", 128, 16),
    ("media_errors", 160, 16),
];

pub(crate) struct Controller {
    controller: Vec<u8>,
    namespace: Vec<u8>,
    status: Option<Vec<u8>>,
    smart: Option<Vec<u8>>,
    allocated: Option<Vec<u64>>,
    controllers: Option<Vec<u64>>,
}

fn page(fixture: &Fixture, fields: &[Field], bytes: usize) -> Vec<u8> {
    let mut page = vec![0; bytes];
    for (name, at, length) in fields {
        let value = fixture.number(name).unwrap_or(0);
        let value = u128::from(value).to_le_bytes();
        page[*at..at + length].copy_from_slice(&value[..*length]);
    }
    page
}

impl Controller {
    pub(crate) fn new(fixture: &Fixture) -> Self {
        let mut controller = page(fixture, CONTROLLER, 4096);
        let mut model = fixture.drive.clone().into_bytes();
        model.resize(40, b' ');
        controller[24..64].copy_from_slice(&model);
        controller[4..24].copy_from_slice(b"MADE-UP             ");
        let list = |name: &str| {
            let list = fixture.value(name)?.as_array().unwrap();
            Some(list.iter().map(|number| number.as_u64().unwrap()).collect())
        };
        Self {
            controller,
            namespace: page(fixture, NAMESPACE, 4096),
            status: fixture.value("sstat").map(|_| page(fixture, STATUS, 512)),
            smart: fixture.value("power_on_hours").map(|_| page(fixture, SMART, 512)),
            allocated: list("allocated"),
            controllers: list("controllers"),
        }
    }

    fn answer(&self, entry: &[u8; 64]) -> Option<Vec<u8>> {
        let numbers = |list: &[u64], width: usize| -> Vec<u8> {
            list.iter().flat_map(|number| number.to_le_bytes()[..width].to_vec()).collect()
        };
        match (entry[0], entry[40]) {
            (0x06, 0x01) => Some(self.controller.clone()),
            (0x06, 0x00) => Some(self.namespace.clone()),
            (0x06, 0x02) => Some(numbers(&[1], 4)),
            (0x06, 0x10) => self.allocated.as_ref().map(|list| numbers(list, 4)),
            (0x06, 0x13) => self.controllers.as_ref().map(|list| {
                let mut bytes = u16::try_from(list.len()).unwrap().to_le_bytes().to_vec();
                bytes.extend(numbers(list, 2));
                bytes
            }),
            (0x02, 0x81) => self.status.clone(),
            (0x02, 0x02) => self.smart.clone(),
            _ => None,
        }
    }
}

impl NvmePort for Controller {
    fn admin(&mut self, entry: &[u8; 64], data: Data<'_>, _: Duration) -> NvmeAnswer {
        match (self.answer(entry), data) {
            (Some(bytes), Data::FromDrive(buffer)) => {
                buffer.fill(0);
                buffer[..bytes.len()].copy_from_slice(&bytes);
                NvmeAnswer::Completed { result: 0 }
            }
            // Invalid field in command, do not retry.
            _ => NvmeAnswer::Status { field: 0x4002 },
        }
    }
}
