//! READ LOG EXT (2Fh, 47h) and SMART (B0h).
use super::translate::{Abort, Reply, Taskfile};
use crate::sim::controller::bytes::{index, low16, put};
use crate::sim::controller::scsi::state::Unit;

/// Bit 63 of a field says that it is valid.
const VALID: u64 = 1 << 63;

/// Pages of the IDENTIFY DEVICE DATA log that the drive has.
const PAGES: [u8; 4] = [0x00, 0x01, 0x03, 0x06];

impl Unit {
    pub(super) fn read_log(&self, task: &Taskfile) -> Result<Reply, Abort> {
        let [address, page_low, _, _, page_high, ..] = task.lba.to_le_bytes();
        let first = u16::from_le_bytes([page_low, page_high]);
        let mut data = Vec::new();
        for page in (u32::from(first)..).take(index(u64::from(task.count)).max(1)) {
            data.extend(self.log_page(address, page)?);
        }
        Ok(Reply::with(data))
    }

    fn log_page(&self, address: u8, page: u32) -> Result<Vec<u8>, Abort> {
        let mut data = vec![0; 512];
        match (address, page) {
            (0x00, 0) => {
                put(&mut data, 0, &1_u16.to_le_bytes());
                put(&mut data, 0x30 * 2, &9_u16.to_le_bytes());
            }
            (0x30, 0..=8) => self.identify_page(page, &mut data),
            _ => return Err(Abort::PLAIN),
        }
        Ok(data)
    }

    fn identify_page(&self, page: u32, data: &mut [u8]) {
        let Some(traits) = self.traits() else { return };
        let mut field = |at: usize, value: u64| put(data, at, &value.to_le_bytes());
        let bit = |set: bool, place: u32| u64::from(set) << place;
        match page {
            0 => {
                field(0, VALID | 1);
                put(data, 8, &[4]);
                put(data, 9, &PAGES);
            }
            1 => put(data, 0, &self.identify()),
            3 => {
                field(0, VALID | 3 << 16 | 1);
                // Supported capabilities: definitive ending pattern is bit 51 (openSeaChest).
                field(8, VALID | bit(traits.definitive_ending, 51));
            }
            6 => {
                field(0, VALID | 6 << 16 | 1);
                field(48, VALID | bit(traits.overrides_security, 7) | bit(traits.encrypts_all, 0));
            }
            _ => {}
        }
    }

    /// SMART: read data (D0h), read thresholds (D1h), enable (D8h), return status (DAh); each with 4Fh and C2h in
    /// LBA 15:8 and 23:16.
    pub(super) fn smart(&self, task: &Taskfile) -> Result<Reply, Abort> {
        if low16(task.lba >> 8) != 0xC24F {
            return Err(Abort::PLAIN);
        }
        match task.feature {
            0xD0 => {
                let mut data = vec![0; 512];
                put(&mut data, 0, &[0x10, 0x00]);
                // Reallocated, pending and uncorrectable sectors, power-on hours.
                let retired = low16(self.core.media.retired().len() as u64).to_le_bytes();
                for (at, attribute) in [(2, 5), (14, 197), (26, 198), (38, 9)] {
                    put(&mut data, at, &[attribute, 0x33, 0, 100, 100]);
                }
                put(&mut data, 7, &retired);
                let sum = data[..511].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
                data[511] = sum.wrapping_neg();
                Ok(Reply::with(data))
            }
            0xD1 => Ok(Reply::with(vec![0; 512])),
            0xD8 => Ok(Reply::default()),
            0xDA => Ok(Reply { lba: 0x00C2_4F00, ..Reply::default() }),
            _ => Err(Abort::PLAIN),
        }
    }
}
