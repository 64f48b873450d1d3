//! What a unit says of itself: INQUIRY and its pages, capacity, mode, supported commands, reservations.
use super::Personality;
use super::sense::{Outcome, Sense};
use super::state::Unit;
use crate::sim::controller::bytes::{be16, be32, byte, index, low16, low32, put, put_text};
use crate::sim::controller::quirk::QuirkName;

/// Operation codes that stand for several commands, told apart by a service action.
const HAVE_ACTIONS: [u8; 4] = [0x48, 0x5E, 0x9E, 0xA3];

type Answer = Result<Outcome, Outcome>;

fn cut(mut data: Vec<u8>, allocation: u64) -> Outcome {
    data.truncate(index(allocation));
    Outcome::Good(data)
}

impl Unit {
    fn names(&self) -> (&'static str, &'static str) {
        match self.spec.personality {
            Personality::Scsi(_) => ("EXPUNGE", "Simulated SCSI"),
            Personality::Ata(_) => ("ATA", "Expunge Sim ATA"),
        }
    }

    /// Serial number, the same for both personalities.
    pub(in crate::sim::controller) fn serial(&self) -> String {
        format!("SIM{:012}", self.core.shape.drive)
    }

    /// World wide name: NAA 5.
    pub(in crate::sim::controller) fn world_wide_name(&self) -> [u8; 8] {
        (0x5000_0000_0000_0000 | (self.core.shape.drive & 0x0FFF_FFFF_FFFF_FFFF)).to_be_bytes()
    }

    pub(super) fn inquiry(&self, block: &[u8]) -> Answer {
        let allocation = u64::from(be16(block, 3));
        if byte(block, 1) & 1 != 0 {
            return self.page(byte(block, 2)).map(|page| cut(page, allocation));
        }
        if byte(block, 2) != 0 {
            return Err(Sense::INVALID_FIELD.into());
        }
        let (vendor, product) = self.names();
        let mut data = vec![0; 96];
        // SPC-4, response data format 2, additional length, command queueing.
        put(&mut data, 2, &[0x06, 0x02, 91, 0, 0, 0x02]);
        put_text(&mut data, 8, 8, vendor);
        put_text(&mut data, 16, 16, product);
        put_text(&mut data, 32, 4, "1.0");
        Ok(cut(data, allocation))
    }

    fn page(&self, code: u8) -> Result<Vec<u8>, Outcome> {
        let is_ata = matches!(self.spec.personality, Personality::Ata(_));
        let body = match code {
            0x00 if is_ata => vec![0x00, 0x80, 0x83, 0x89, 0xB0, 0xB1, 0xB2],
            0x00 => vec![0x00, 0x80, 0x83, 0xB0, 0xB1, 0xB2],
            0x80 => self.serial().into_bytes(),
            0x83 => {
                let mut body = vec![0x01, 0x03, 0, 8];
                body.extend(self.world_wide_name());
                body
            }
            0x89 if is_ata => self.ata_information(),
            0xB0 => self.block_limits(),
            0xB1 => self.characteristics(),
            0xB2 => self.provisioning(),
            _ => return Err(Sense::INVALID_FIELD.into()),
        };
        let mut page = vec![0, code];
        page.extend(low16(body.len() as u64).to_be_bytes());
        page.extend(body);
        Ok(page)
    }

    fn block_limits(&self) -> Vec<u8> {
        let mut body = vec![0; 60];
        // The longest transfer in blocks, the longest and most numerous unmap.
        put(&mut body, 4, &(65_536 / self.core.shape.block_bytes).to_be_bytes());
        if self.unmaps() {
            put(&mut body, 16, &u32::MAX.to_be_bytes());
            put(&mut body, 20, &64_u32.to_be_bytes());
        }
        body
    }

    fn characteristics(&self) -> Vec<u8> {
        let mut body = vec![0; 60];
        put(&mut body, 0, &self.rotation().to_be_bytes());
        // WABEREQ and WACEREQ: 3 when blocks must be written first, else 1.
        let requirement = if self.core.has(QuirkName::WriteRequiredAfter) { 3 } else { 1 };
        if matches!(self.spec.personality, Personality::Scsi(_)) {
            body[3] = requirement << 6 | requirement << 4;
        }
        body
    }

    fn provisioning(&self) -> Vec<u8> {
        // LBPU, and LBPRZ: zeros.
        let bits = if self.unmaps() { 0x80 | 1 << 2 } else { 0 };
        vec![0, bits, if self.unmaps() { 2 } else { 0 }, 0]
    }

    fn unmaps(&self) -> bool {
        match &self.spec.personality {
            Personality::Scsi(traits) => traits.unmaps,
            Personality::Ata(traits) => traits.rotation == 1,
        }
    }

    fn rotation(&self) -> u16 {
        match &self.spec.personality {
            Personality::Scsi(traits) => traits.rotation,
            Personality::Ata(traits) => traits.rotation,
        }
    }

    /// READ CAPACITY (10) and (16).
    pub(super) fn capacity(&self, block: &[u8]) -> Answer {
        let last = self.core.presented - 1;
        let block_bytes = self.core.shape.block_bytes.to_be_bytes();
        if byte(block, 0) == 0x25 {
            let mut data = u32::try_from(last).unwrap_or(u32::MAX).to_be_bytes().to_vec();
            data.extend(block_bytes);
            return Ok(Outcome::Good(data));
        }
        if byte(block, 1) & 0x1F != 0x10 {
            return Err(Sense::INVALID_FIELD.into());
        }
        let mut data = vec![0; 32];
        put(&mut data, 0, &last.to_be_bytes());
        put(&mut data, 8, &block_bytes);
        if self.unmaps() {
            // LBPME and LBPRZ.
            data[14] = 0xC0;
        }
        Ok(cut(data, u64::from(be32(block, 10))))
    }

    pub(super) fn report_luns(&self, block: &[u8]) -> Outcome {
        let others = match &self.spec.personality {
            Personality::Scsi(traits) => traits.other_units.clone(),
            Personality::Ata(_) => Vec::new(),
        };
        let mut data = vec![0; 8];
        for unit in std::iter::once(0).chain(others) {
            data.extend([0, unit, 0, 0, 0, 0, 0, 0]);
        }
        let length = low32(data.len() as u64 - 8);
        put(&mut data, 0, &length.to_be_bytes());
        cut(data, u64::from(be32(block, 6)))
    }

    /// MODE SENSE (6) and (10): a header, whose device-specific parameter tells of write protection, and the Control
    /// mode page (0Ah), whose `D_SENSE` tells of the sense format.
    pub(super) fn mode_sense(&self, block: &[u8]) -> Outcome {
        let protected = if self.core.has(QuirkName::WriteProtected) { 0x80 } else { 0 };
        let mut page = Vec::new();
        if matches!(byte(block, 2) & 0x3F, 0x0A | 0x3F) {
            page = vec![0; 12];
            put(&mut page, 0, &[0x0A, 0x0A]);
            page[2] = if self.core.has(QuirkName::FixedSense) { 0 } else { 0x04 };
        }
        if byte(block, 0) == 0x1A {
            let mut data = vec![u8::try_from(page.len() + 3).unwrap_or(0), 0, protected, 0];
            data.extend(page);
            return cut(data, u64::from(byte(block, 4)));
        }
        let mut data = vec![0; 8];
        put(&mut data, 0, &low16(page.len() as u64 + 6).to_be_bytes());
        data[3] = protected;
        data.extend(page);
        cut(data, u64::from(be16(block, 7)))
    }

    /// REPORT SUPPORTED OPERATION CODES, all commands (option 0) or one (1 to 3), with the timeouts descriptor when
    /// RCTD asks.
    pub(super) fn supported_codes(&self, block: &[u8]) -> Answer {
        let Personality::Scsi(traits) = &self.spec.personality else {
            return Err(Sense::INVALID_OPCODE.into());
        };
        if !traits.reports_codes || byte(block, 1) & 0x1F != 0x0C {
            return Err(Sense::INVALID_OPCODE.into());
        }
        let (options, code, action) = (byte(block, 2), byte(block, 3), be16(block, 4));
        match options & 7 {
            0 => {
                let all = self.all_codes(options & 0x80 != 0);
                return Ok(cut(all, u64::from(be32(block, 6))));
            }
            1 if HAVE_ACTIONS.contains(&code) => return Err(Sense::INVALID_FIELD.into()),
            2 if !HAVE_ACTIONS.contains(&code) => return Err(Sense::INVALID_FIELD.into()),
            1..=3 => {}
            _ => return Err(Sense::INVALID_FIELD.into()),
        }
        let length = self.code_length(code, action);
        // Supported as the standard says (3), or not at all (1).
        let support = if length == 0 { 1 } else { 3 };
        let with_times = options & 0x80 != 0 && length > 0;
        let mut data = vec![0, support | if with_times { 0x80 } else { 0 }, 0, length];
        data.extend((0..length).map(|at| if at == 0 { code } else { 0xFF }));
        if with_times {
            data.extend(self.timeouts());
        }
        Ok(cut(data, u64::from(be32(block, 6))))
    }

    /// Length of a command that is supported; 0 for one that is not.
    fn code_length(&self, code: u8, action: u16) -> u8 {
        let Personality::Scsi(traits) = &self.spec.personality else { return 0 };
        match code {
            0x00 | 0x03 | 0x04 | 0x12 | 0x1A => 6,
            0x25 | 0x28 | 0x2A | 0x35 | 0x42 | 0x4D | 0x5A => 10,
            0x48 if traits.sanitize.iter().any(|known| u16::from(*known) == action) => 10,
            0x5E if action == 0 => 10,
            0x88 | 0x8A | 0x91 => 16,
            0x9E if action == 0x10 => 16,
            0xA0 => 12,
            0xA3 if action == 0x0C => 12,
            0xA2 | 0xB5 if self.security.is_some() => 12,
            _ => 0,
        }
    }

    /// All that are supported: eight bytes each, byte 5 with SERVACTV (bit 0) and CTDP (bit 1), as `sg_opcodes` has
    /// them.
    fn all_codes(&self, with_times: bool) -> Vec<u8> {
        let mut list = Vec::new();
        for code in 0..=u8::MAX {
            let actions = if HAVE_ACTIONS.contains(&code) { 0x1F } else { 0 };
            for action in 0..=actions {
                let length = self.code_length(code, action);
                if length == 0 {
                    continue;
                }
                let flags = u8::from(actions > 0) | u8::from(with_times) << 1;
                let [high, low] = action.to_be_bytes();
                list.extend([code, 0, high, low, 0, flags, 0, length]);
                if with_times {
                    list.extend(self.timeouts());
                }
            }
        }
        let mut data = low32(list.len() as u64).to_be_bytes().to_vec();
        data.append(&mut list);
        data
    }

    /// The timeouts descriptor: no nominal time, and a recommended one as long as an erase.
    fn timeouts(&self) -> [u8; 12] {
        let seconds = low32(self.core.shape.erase_ms.div_ceil(1000)).to_be_bytes();
        let mut descriptor = [0; 12];
        descriptor[1] = 10;
        descriptor[8..].copy_from_slice(&seconds);
        descriptor
    }

    /// LOG SENSE: the list of pages, informational exceptions (2Fh), and no others.
    pub(super) fn log_sense(&self, block: &[u8]) -> Answer {
        let data = match byte(block, 2) & 0x3F {
            0x00 => vec![0, 0, 0, 2, 0x00, 0x2F],
            // Parameter 0: no exception, 37 degrees.
            0x2F => vec![0x2F, 0, 0, 8, 0, 0, 0x03, 4, 0, 0, 37, 0],
            // Results of ATA PASS-THROUGH: the last one, as parameter 0.
            0x16 if be16(block, 5) == 0 => {
                let kept = self.ata.results.ok_or_else(|| Outcome::from(Sense::INVALID_FIELD))?;
                let mut page = vec![0x16, 0, 0, 18, 0, 0, 0x03, 14];
                page.extend(kept.status_return());
                page
            }
            _ => return Err(Sense::INVALID_FIELD.into()),
        };
        Ok(cut(data, u64::from(be16(block, 7))))
    }

    /// PERSISTENT RESERVE IN: keys (0) and reservation (1).
    pub(super) fn reservations(&self, block: &[u8]) -> Answer {
        let reserved = self.core.has(QuirkName::ReservedByOther);
        let mut data = vec![0, 0, 0, 1, 0, 0, 0, 0];
        match (byte(block, 1) & 0x1F, reserved) {
            (0 | 1, false) => {}
            (0, true) => {
                data[7] = 8;
                data.extend(*b"OTHRHOST");
            }
            (1, true) => {
                data[7] = 16;
                data.extend(*b"OTHRHOST");
                // Scope of the unit, exclusive access for registrants.
                data.extend([0, 0, 0, 0, 0, 0x06, 0, 0]);
            }
            _ => return Err(Sense::INVALID_FIELD.into()),
        }
        Ok(cut(data, u64::from(be16(block, 7))))
    }
}
