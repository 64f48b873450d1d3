//! Identify (06h).
use super::admin::{Refusal, Reply};
use super::state::{Nvme, Placed};
use crate::sim::controller::bytes::{byte, le16, le32, low16, put, put_text};
use crate::sim::controller::job::{Work, at_ms};

/// Bytes of every answer.
const PAGE: usize = 4096;

/// Model of every simulated subsystem.
pub(super) const MODEL: &str = "Expunge Simulated NVMe";

impl Nvme {
    pub(super) fn serial(&self) -> String {
        format!("SIM{:012}", self.core.shape.drive)
    }

    pub(super) fn identify(&mut self, controller: u16, entry: &[u8]) -> Result<Reply, Refusal> {
        let (cns, nsid) = (byte(entry, 40), le32(entry, 4));
        let page = match cns {
            0x00 if nsid == u32::MAX => self.namespace_page(None),
            0x00 | 0x11 => {
                let placed = self.namespaces.iter().find(|placed| placed.spec.nsid == nsid);
                let seen = placed.filter(|placed| cns == 0x11 || placed.spec.attached);
                if nsid == 0 || (placed.is_none() && !self.is_valid(nsid)) {
                    return Err(Refusal::INVALID_NAMESPACE);
                }
                // An inactive namespace is a page of zeros.
                seen.map_or_else(|| vec![0; PAGE], |placed| self.namespace_page(Some(placed)))
            }
            0x01 => self.controller_page(controller),
            0x02 => self.list(nsid, Which::Active),
            0x10 => self.list(nsid, Which::Allocated),
            0x03 => self.descriptors(nsid)?,
            0x06 => vec![0; PAGE],
            0x12 | 0x13 => self.controller_list(le16(entry, 42)),
            _ => return Err(Refusal::INVALID_FIELD),
        };
        Ok(Reply::with(page))
    }

    /// Whether an identifier is within NN.
    fn is_valid(&self, nsid: u32) -> bool {
        nsid != 0 && nsid <= self.highest()
    }

    fn highest(&self) -> u32 {
        self.namespaces.iter().map(|placed| placed.spec.nsid).max().unwrap_or(1)
    }

    fn controller_page(&self, controller: u16) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        put_text(&mut page, 4, 20, &self.serial());
        put_text(&mut page, 24, 40, MODEL);
        put_text(&mut page, 64, 8, "1.0");
        // CMIC bit 1: more than one controller in the subsystem.
        page[76] = if self.spec.controllers.len() > 1 { 0b10 } else { 0 };
        put(&mut page, 78, &controller.to_le_bytes());
        put(&mut page, 80, &0x0002_0100_u32.to_le_bytes());
        // An I/O controller.
        page[111] = 1;
        put(&mut page, 256, &self.spec.oacs.to_le_bytes());
        // One firmware slot, read-only.
        page[260] = 0x03;
        // Log attributes: bit 2 extended data for Get Log Page, bit 4 persistent event log.
        page[261] = if self.spec.persistent_log { 0x14 } else { 0x04 };
        let bytes = u64::from(self.core.shape.block_bytes);
        let used: u64 = self.namespaces.iter().map(|placed| placed.spec.blocks).sum();
        put(&mut page, 280, &(self.core.shape.blocks * bytes).to_le_bytes());
        put(&mut page, 296, &((self.core.shape.blocks - used) * bytes).to_le_bytes());
        put(&mut page, 312, &u32::from(self.spec.rpmb_units & 7).to_le_bytes());
        put(&mut page, 328, &self.spec.sanicap.to_le_bytes());
        // Queue entry sizes of 64 and 16 bytes.
        page[512] = 0x66;
        page[513] = 0x44;
        put(&mut page, 516, &self.highest().to_le_bytes());
        // Dataset Management.
        put(&mut page, 520, &0x0004_u16.to_le_bytes());
        page[524] = self.spec.fna;
        let name = format!("nqn.2026-01.example.expunge:sim:{}", self.serial());
        put(&mut page, 768, name.as_bytes());
        page
    }

    fn namespace_page(&self, placed: Option<&Placed>) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        let block_bytes = self.core.shape.block_bytes;
        let other_bytes = if block_bytes == 512 { 4096 } else { 512 };
        // What is common to all namespaces is told for the broadcast identifier.
        page[25] = 1;
        page[33] = self.spec.dlfeat;
        for (format, bytes) in [(0, other_bytes), (1, block_bytes)] {
            page[128 + 4 * format + 2] = u8::try_from(bytes.trailing_zeros()).unwrap_or(0);
        }
        let Some(placed) = placed else { return page };
        let blocks = if placed.lba_format == 1 {
            placed.spec.blocks
        } else {
            placed.spec.blocks * u64::from(block_bytes) / u64::from(other_bytes)
        };
        for at in [0, 8, 16] {
            put(&mut page, at, &blocks.to_le_bytes());
        }
        page[26] = placed.lba_format;
        page[30] = u8::from(self.spec.controllers.len() > 1);
        page[32] = 0x80 | self.format_left();
        let total = placed.spec.blocks * u64::from(block_bytes);
        put(&mut page, 48, &total.to_le_bytes());
        page[99] = u8::from(placed.spec.write_protected);
        put(&mut page, 104, &self.nguid(placed.spec.nsid));
        put(&mut page, 120, &self.nguid(placed.spec.nsid)[8..]);
        page
    }

    /// Percent that a format has left.
    fn format_left(&self) -> u8 {
        let Some(running) = self.core.running.as_ref().filter(|running| running.job.work == Work::Format)
        else {
            return 0;
        };
        let left = (1..=100_u8).find(|percent| {
            let part = low16(u64::from(100 - percent) * 65_535 / 100);
            running.spent_ms >= at_ms(part, running.job.duration_ms)
        });
        left.unwrap_or(100)
    }

    /// A globally unique identifier of a namespace; its second half serves as EUI-64.
    fn nguid(&self, nsid: u32) -> [u8; 16] {
        let mut id = [0x5E; 16];
        put(&mut id, 0, &self.core.shape.drive.to_be_bytes());
        put(&mut id, 12, &nsid.to_be_bytes());
        put(&mut id, 8, &self.core.shape.drive.to_be_bytes()[4..]);
        id
    }

    fn list(&self, after: u32, which: Which) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        let listed =
            self.namespaces.iter().filter(|placed| which == Which::Allocated || placed.spec.attached);
        let mut numbers: Vec<u32> =
            listed.map(|placed| placed.spec.nsid).filter(|nsid| *nsid > after).collect();
        numbers.sort_unstable();
        for (position, nsid) in numbers.iter().enumerate() {
            put(&mut page, position * 4, &nsid.to_le_bytes());
        }
        page
    }

    fn descriptors(&self, nsid: u32) -> Result<Vec<u8>, Refusal> {
        let placed = self.namespace(nsid).filter(|placed| placed.spec.attached);
        let placed = placed.ok_or(Refusal::INVALID_NAMESPACE)?;
        let mut page = vec![0; PAGE];
        let nguid = self.nguid(placed.spec.nsid);
        put(&mut page, 0, &[1, 8, 0, 0]);
        put(&mut page, 4, &nguid[8..]);
        put(&mut page, 12, &[2, 16, 0, 0]);
        put(&mut page, 16, &nguid);
        Ok(page)
    }

    fn controller_list(&self, from: u16) -> Vec<u8> {
        let mut page = vec![0; PAGE];
        let mut numbers: Vec<u16> =
            self.spec.controllers.iter().copied().filter(|number| *number >= from).collect();
        numbers.sort_unstable();
        put(&mut page, 0, &low16(numbers.len() as u64).to_le_bytes());
        for (position, number) in numbers.iter().enumerate() {
            put(&mut page, 2 + position * 2, &number.to_le_bytes());
        }
        page
    }
}

/// Which namespaces a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Active,
    Allocated,
}
