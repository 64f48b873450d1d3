//! Sense data and the answers of a logical unit.
use crate::sim::controller::bytes::put;

/// Registers of an ATA drive after a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim::controller) struct Registers {
    pub(in crate::sim::controller) extend: u8,
    pub(in crate::sim::controller) error: u8,
    pub(in crate::sim::controller) count: u16,
    pub(in crate::sim::controller) lba: u64,
    pub(in crate::sim::controller) device: u8,
    pub(in crate::sim::controller) status: u8,
    /// Place in the translation layer's log of results, from 1, where it keeps them.
    pub(in crate::sim::controller) kept_as: u8,
}

impl Registers {
    /// The ATA Status Return descriptor.
    pub(in crate::sim::controller) fn status_return(&self) -> [u8; 14] {
        let [high, low] = self.count.to_be_bytes();
        let [l0, l1, l2, l3, l4, l5, _, _] = self.lba.to_le_bytes();
        let (extend, error, device, status) = (self.extend & 1, self.error, self.device, self.status);
        [0x09, 0x0C, extend, error, high, low, l3, l0, l4, l1, l5, l2, device, status]
    }
}

/// Sense key, additional sense code, and what comes with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim::controller) struct Sense {
    pub(in crate::sim::controller) key: u8,
    pub(in crate::sim::controller) code: (u8, u8),
    pub(in crate::sim::controller) progress: Option<u16>,
    pub(in crate::sim::controller) registers: Option<Registers>,
}

/// The format of sense data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim::controller) enum SenseFormat {
    Fixed,
    Descriptor,
}

impl Sense {
    pub(in crate::sim::controller) const fn new(key: u8, asc: u8, ascq: u8) -> Self {
        Self { key, code: (asc, ascq), progress: None, registers: None }
    }

    pub(in crate::sim::controller) const INVALID_OPCODE: Self = Self::new(5, 0x20, 0x00);
    pub(in crate::sim::controller) const INVALID_FIELD: Self = Self::new(5, 0x24, 0x00);
    pub(in crate::sim::controller) const INVALID_PARAMETER: Self = Self::new(5, 0x26, 0x00);
    pub(in crate::sim::controller) const OUT_OF_RANGE: Self = Self::new(5, 0x21, 0x00);
    pub(in crate::sim::controller) const WRITE_PROTECTED: Self = Self::new(7, 0x27, 0x00);
    pub(in crate::sim::controller) const NO_ACCESS: Self = Self::new(7, 0x20, 0x02);
    pub(in crate::sim::controller) const SANITIZE_FAILED: Self = Self::new(3, 0x31, 0x03);
    pub(in crate::sim::controller) const FORMAT_CORRUPT: Self = Self::new(3, 0x31, 0x00);
    pub(in crate::sim::controller) const WRITE_REQUIRED: Self = Self::new(3, 0x11, 0x15);

    /// The bytes.
    pub(in crate::sim::controller) fn bytes(&self, format: SenseFormat) -> Vec<u8> {
        match format {
            SenseFormat::Fixed => self.fixed(),
            SenseFormat::Descriptor => self.descriptor(),
        }
    }

    fn fixed(&self) -> Vec<u8> {
        let mut sense = vec![0; 18];
        sense[0] = 0x70;
        sense[2] = self.key;
        sense[7] = 10;
        sense[12] = self.code.0;
        sense[13] = self.code.1;
        if let Some(progress) = self.progress {
            sense[15] = 0x80;
            put(&mut sense, 16, &progress.to_be_bytes());
        }
        if let Some(registers) = self.registers {
            let [_, count_low] = registers.count.to_be_bytes();
            let lba = registers.lba.to_le_bytes();
            put(&mut sense, 3, &[registers.error, registers.status, registers.device, count_low]);
            let mut flags = registers.extend << 7 | registers.kept_as & 0x0F;
            flags |= if registers.count > 0xFF { 0x40 } else { 0 };
            flags |= if lba[3..6] == [0; 3] { 0 } else { 0x20 };
            put(&mut sense, 8, &[flags, lba[0], lba[1], lba[2]]);
        }
        sense
    }

    fn descriptor(&self) -> Vec<u8> {
        let mut sense = vec![0x72, self.key, self.code.0, self.code.1, 0, 0, 0, 0];
        if let Some(progress) = self.progress {
            let [high, low] = progress.to_be_bytes();
            sense.extend([0x02, 0x06, 0, 0, 0x80, high, low, 0]);
        }
        if let Some(registers) = self.registers {
            sense.extend(registers.status_return());
        }
        sense[7] = u8::try_from(sense.len() - 8).unwrap_or(0);
        sense
    }
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sim::controller) enum Outcome {
    /// GOOD, with these data.
    Good(Vec<u8>),
    /// CHECK CONDITION, with these data before it.
    Check(Sense, Vec<u8>),
    /// Another status.
    Status(u8),
}

impl Outcome {
    pub(in crate::sim::controller) const fn good() -> Self {
        Self::Good(Vec::new())
    }
}

impl From<Sense> for Outcome {
    fn from(sense: Sense) -> Self {
        Self::Check(sense, Vec::new())
    }
}
