//! An ATA drive behind a translation layer, made of the facts of a fixture. Words are those of the project's reference
//! (ACS by openSeaChest, hdparm and smartmontools), where they stand in this table and in the decoder by themselves.
use std::time::Duration;

use expunge::io::{Data, ScsiAnswer, ScsiPort};

use super::fixture::Fixture;

/// Name of a feature, and the bits that say so.
const FEATURES: &[(&str, &[(usize, u16)])] = &[
    ("smart", &[(82, 1), (85, 1)]),
    ("security", &[(82, 1 << 1), (128, 1)]),
    ("48-bit", &[(83, 1 << 10), (86, 1 << 10)]),
    ("logs", &[(84, 1 << 5), (87, 1 << 5)]),
    ("hpa", &[(82, 1 << 10)]),
    ("hpa-security", &[(83, 1 << 8)]),
    ("dco", &[(83, 1 << 11)]),
    ("sanitize", &[(59, 1 << 12)]),
    ("block-erase", &[(59, 1 << 15)]),
    ("overwrite", &[(59, 1 << 14)]),
    ("crypto-scramble", &[(59, 1 << 13)]),
    ("antifreeze", &[(59, 1 << 10)]),
    ("enhanced-erase", &[(128, 1 << 5)]),
    ("encrypts-all", &[(69, 1 << 4)]),
    ("trim", &[(169, 1)]),
    ("same-after-trim", &[(69, 1 << 14)]),
    ("zeros-after-trim", &[(69, 1 << 5)]),
];
const STATES: &[(&str, u16)] = &[("enabled", 1 << 1), ("locked", 1 << 2), ("frozen", 1 << 3)];

pub(crate) struct Drive {
    identify: [u8; 512],
    translator: String,
    status: String,
    native: Option<u64>,
    factory: Option<u64>,
}

fn words(fixture: &Fixture) -> [u16; 256] {
    let mut words = [0; 256];
    words[53] = 0x0006;
    for word in [83, 84, 87] {
        words[word] = 0x4000;
    }
    for name in fixture.lists(&["features", "moreFeatures"]) {
        let (_, bits) = FEATURES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
        for (word, bit) in *bits {
            words[*word] |= bit;
        }
    }
    for name in fixture.lists(&["states"]) {
        let (_, bit) = STATES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
        words[128] |= bit;
    }
    if let Some(rotation) = fixture.number("rotation") {
        words[217] = u16::try_from(rotation).unwrap();
    }
    if let Some(sectors) = fixture.number("sectors") {
        for (index, word) in (100..104).enumerate() {
            words[word] = u16::try_from((sectors >> (16 * index)) & 0xffff).unwrap();
        }
    }
    // Times of more than 254 minutes take the form with bit 15.
    for (name, word) in [("eraseMinutes", 89), ("enhancedMinutes", 90)] {
        if let Some(minutes) = fixture.number(name) {
            let units = u16::try_from(minutes / 2).unwrap();
            words[word] = if units > 254 { units | 0x8000 } else { units };
        }
    }
    words[92] = 0xfffe;
    if let Some(real) = fixture.value("words") {
        for (index, value) in real.as_object().unwrap() {
            words[index.parse::<usize>().unwrap()] = u16::try_from(value.as_u64().unwrap()).unwrap();
        }
    }
    words
}

/// Two characters a word, the first in the high byte.
fn text(page: &mut [u8; 512], words: std::ops::Range<usize>, text: &str) {
    let mut bytes: Vec<u8> = text.bytes().take(2 * words.len()).collect();
    bytes.resize(2 * words.len(), b' ');
    for (word, pair) in words.zip(bytes.chunks(2)) {
        page[2 * word] = pair[1];
        page[2 * word + 1] = pair[0];
    }
}

impl Drive {
    pub(crate) fn new(fixture: &Fixture) -> Self {
        let mut identify = [0; 512];
        for (index, word) in words(fixture).iter().enumerate() {
            identify[2 * index..2 * index + 2].copy_from_slice(&word.to_le_bytes());
        }
        text(&mut identify, 10..20, "MADE-UP");
        text(&mut identify, 27..47, &fixture.drive);
        identify[510] = 0xa5;
        identify[511] = identify[..511].iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
        Self {
            identify,
            translator: fixture.text("translator").unwrap().to_owned(),
            status: fixture.text("sanitizeStatus").unwrap().to_owned(),
            native: fixture.number("native"),
            factory: fixture.number("factory"),
        }
    }

    fn vital(&self, page: u8) -> Option<Vec<u8>> {
        match page {
            0x00 => Some(vec![0, 0, 0, 2, 0x00, 0x89]),
            0x89 => {
                let mut bytes = vec![0; 572];
                bytes[1] = 0x89;
                bytes[2..4].copy_from_slice(&568_u16.to_be_bytes());
                let mut name: Vec<&str> = self.translator.split(' ').collect();
                let revision = name.pop().unwrap();
                let padded = |text: &str, length: usize| {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes.resize(length, b' ');
                    bytes
                };
                bytes[8..16].copy_from_slice(&padded(name[0], 8));
                bytes[16..32].copy_from_slice(&padded(&name[1..].join(" "), 16));
                bytes[32..36].copy_from_slice(&padded(revision, 4));
                bytes[56] = 0xec;
                bytes[60..572].copy_from_slice(&self.identify);
                Some(bytes)
            }
            _ => None,
        }
    }

    fn ata(&self, block: &[u8]) -> Reply {
        match block[14] {
            0xec => Reply::Data(self.identify.to_vec()),
            // SANITIZE STATUS EXT.
            0xb4 => match self.status.as_str() {
                "idle" => Reply::Registers { count: 0, lba: 0 },
                "frozen" => Reply::Registers { count: 1 << 13, lba: 0 },
                "zero-registers" => Reply::Zeros,
                _ => Reply::Aborted,
            },
            0x27 | 0x78 => {
                self.native.map_or(Reply::Aborted, |native| Reply::Registers { count: 0, lba: native - 1 })
            }
            0xb1 => self.factory.map_or(Reply::Aborted, |factory| {
                let mut page = vec![0; 512];
                page[0] = 2;
                page[6..14].copy_from_slice(&(factory - 1).to_le_bytes());
                page[510] = 0xa5;
                page[511] = page.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
                Reply::Data(page)
            }),
            _ => Reply::Aborted,
        }
    }
}

enum Reply {
    Data(Vec<u8>),
    Registers { count: u16, lba: u64 },
    Zeros,
    Aborted,
}

/// Descriptor format with an ATA Status Return descriptor.
fn registers(key: u8, error: u8, count: u16, lba: u64, status: u8) -> Vec<u8> {
    let [count_high, count_low] = count.to_be_bytes();
    let lba = lba.to_le_bytes();
    let mut sense = vec![0x72, key, 0x00, 0x1d, 0, 0, 0, 14, 0x09, 12, 1, error, count_high, count_low];
    sense.extend([lba[3], lba[0], lba[4], lba[1], lba[5], lba[2], 0x40, status]);
    sense
}

impl ScsiPort for Drive {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _: Duration) -> ScsiAnswer {
        let check = |sense: Vec<u8>| ScsiAnswer::Answered { status: 2, sense, moved: 0 };
        let unknown = || check(vec![0x72, 5, 0x20, 0, 0, 0, 0, 0]);
        let reply = match block[0] {
            0x12 if block[1] & 1 == 1 => match self.vital(block[2]) {
                Some(page) => Reply::Data(page),
                None => return unknown(),
            },
            0x85 => self.ata(block),
            _ => return unknown(),
        };
        match (reply, data) {
            (Reply::Data(bytes), Data::FromDrive(buffer)) => {
                let length = bytes.len().min(buffer.len());
                buffer[..length].copy_from_slice(&bytes[..length]);
                ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: u32::try_from(length).unwrap() }
            }
            (Reply::Registers { count, lba }, _) => check(registers(1, 0, count, lba, 0x50)),
            (Reply::Zeros, _) => check(registers(1, 0, 0, 0, 0)),
            _ => check(registers(0x0b, 0x04, 0, 0, 0x51)),
        }
    }
}
