//! A SCSI logical unit made of the facts of a fixture. Layouts are those that sg3-utils reads (see `tests/readers`).
use std::time::Duration;

use expunge::io::{Data, ScsiAnswer, ScsiPort};

use super::fixture::Fixture;

pub(crate) struct Unit {
    fixture: Fixture,
}

impl Unit {
    pub(crate) const fn new(fixture: Fixture) -> Self {
        Self { fixture }
    }

    fn number(&self, name: &str) -> u64 {
        self.fixture.number(name).unwrap_or(0)
    }

    fn byte(&self, name: &str) -> u8 {
        u8::try_from(self.number(name)).unwrap()
    }

    fn inquiry(&self) -> Vec<u8> {
        let mut page = vec![0, 0, 7, 2, 31, 0, 0, 2];
        for (name, length) in [("vendor", 8), ("product", 16), ("revision", 4)] {
            let mut text = self.fixture.text(name).unwrap().as_bytes().to_vec();
            text.resize(length, b' ');
            page.extend(text);
        }
        page
    }

    fn vital(&self, page: u8) -> Option<Vec<u8>> {
        match page {
            0x00 => Some(vec![0, 0, 0, 3, 0x00, 0xb1, 0xb2]),
            0xb1 => {
                let mut bytes = vec![0; 64];
                bytes[1] = 0xb1;
                bytes[3] = 60;
                let rotation = u16::try_from(self.number("rotation")).unwrap();
                bytes[4..6].copy_from_slice(&rotation.to_be_bytes());
                bytes[7] = self.byte("wabereq") << 6 | self.byte("wacereq") << 4;
                Some(bytes)
            }
            0xb2 => Some(vec![0, 0xb2, 0, 4, 0, self.byte("lbprz") << 2, 1, 0]),
            _ => None,
        }
    }

    fn capacity(&self) -> Vec<u8> {
        let mut bytes = (self.number("blocks") - 1).to_be_bytes().to_vec();
        bytes.extend(u32::try_from(self.number("blockBytes")).unwrap().to_be_bytes());
        let protection = self.byte("protection");
        bytes.push(if protection == 0 { 0 } else { (protection - 1) << 1 | 1 });
        bytes.resize(32, 0);
        bytes
    }

    /// REPORT SUPPORTED OPERATION CODES of one: 1 not supported, 3 as in the standard.
    fn operation(&self, block: &[u8]) -> Option<Vec<u8>> {
        let name = match (block[3], block[5]) {
            (0x48, 0x01) => "overwrite",
            (0x48, 0x02) => "blockErase",
            (0x48, 0x03) => "cryptoErase",
            (0x48, 0x1f) => "exitFailure",
            (0x04, _) => "formatUnit",
            _ => return None,
        };
        match self.fixture.text(name) {
            Some("yes") => Some([vec![0, 3, 0, 10, block[3]], vec![0; 9]].concat()),
            Some("no") => Some(vec![0, 1, 0, 0]),
            _ => None,
        }
    }

    fn log(&self, page: u8) -> Option<Vec<u8>> {
        match page {
            0x2f => self.fixture.value("passed").map(|passed| {
                let code = if passed.as_bool().unwrap() { 0 } else { 0x5d };
                vec![0x2f, 0, 0, 8, 0, 0, 3, 4, code, 0, 30, 0]
            }),
            0x15 => self.fixture.number("hours").map(|hours| {
                let mut bytes = vec![0x15, 0, 0, 20, 0, 0, 3, 16];
                bytes.extend(u32::try_from(60 * hours).unwrap().to_be_bytes());
                bytes.resize(24, 0);
                bytes
            }),
            0x11 => self
                .fixture
                .number("used")
                .map(|used| vec![0x11, 0, 0, 8, 0, 1, 3, 4, 0, 0, 0, u8::try_from(used).unwrap()]),
            _ => None,
        }
    }

    fn answer(&self, block: &[u8]) -> Option<Vec<u8>> {
        match block[0] {
            0x12 if block[1] & 1 == 0 => Some(self.inquiry()),
            0x12 => self.vital(block[2]),
            0x9e => Some(self.capacity()),
            0xa3 => self.operation(block),
            0x03 => Some([vec![0x70, 0, 0, 0, 0, 0, 0, 10], vec![0; 10]].concat()),
            0x1a => Some(vec![3, 0, 0, 0]),
            0x5e => Some(vec![0; 8]),
            0x4d => self.log(block[2] & 0x3f),
            0xb7 => self.fixture.number("grownDefects").map(|count| {
                let mut bytes = vec![0, 0x0d, 0, 0];
                bytes.extend(u32::try_from(8 * count).unwrap().to_be_bytes());
                bytes
            }),
            _ => None,
        }
    }
}

impl ScsiPort for Unit {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _: Duration) -> ScsiAnswer {
        match (self.answer(block), data) {
            (Some(bytes), Data::FromDrive(buffer)) => {
                let length = bytes.len().min(buffer.len());
                buffer[..length].copy_from_slice(&bytes[..length]);
                ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: u32::try_from(length).unwrap() }
            }
            _ => ScsiAnswer::Answered { status: 2, sense: vec![0x72, 5, 0x20, 0, 0, 0, 0, 0], moved: 0 },
        }
    }
}
