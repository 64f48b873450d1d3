//! Get Log Page (02h).
use super::admin::{Refusal, Reply};
use super::identify::MODEL;
use super::sanitize::Stand;
use super::state::Nvme;
use crate::sim::controller::bytes::{array, byte, index, le16, low32, put, put_text};

impl Nvme {
    pub(super) fn get_log(&mut self, entry: &[u8]) -> Result<Reply, Refusal> {
        let dwords = u64::from(le16(entry, 42)) | (u64::from(le16(entry, 44)) << 16);
        let bytes = index((dwords + 1) * 4);
        let offset = index(u64::from_le_bytes(array(entry, 48)));
        let page = match byte(entry, 40) {
            0x01 => vec![0; 64],
            0x02 => self.health(),
            0x03 => self.firmware(),
            0x0D if self.spec.persistent_log => self.persistent_log(byte(entry, 41) & 0x0F)?,
            0x81 if self.spec.sanicap & 7 != 0 => self.sanitize_status(),
            // Invalid log page, a command-specific status.
            _ => return Err(super::admin::specific(0x09)),
        };
        if offset > page.len() || !offset.is_multiple_of(4) {
            return Err(Refusal::INVALID_FIELD);
        }
        let mut data = page[offset..].to_vec();
        data.truncate(bytes);
        Ok(Reply::with(data))
    }

    fn sanitize_status(&self) -> Vec<u8> {
        let mut page = vec![0; 512];
        let progress = match (self.status.stand, self.core.told_progress()) {
            (Stand::Running, Some(told)) => told,
            _ => u16::MAX,
        };
        put(&mut page, 0, &progress.to_le_bytes());
        put(&mut page, 2, &self.sstat().to_le_bytes());
        put(&mut page, 4, &self.status.scdw10.to_le_bytes());
        let seconds = |millis: u64| low32(millis.div_ceil(1000)).to_le_bytes();
        let shape = &self.core.shape;
        let (block, crypto) = (seconds(shape.erase_ms), seconds(shape.crypto_ms));
        let overwrite = seconds(shape.pass_ms.saturating_mul(16));
        for (at, estimate) in
            [(8, overwrite), (12, block), (16, crypto), (20, overwrite), (24, block), (28, crypto)]
        {
            put(&mut page, at, &estimate);
        }
        page[36] = self.ssi();
        page
    }

    fn health(&self) -> Vec<u8> {
        let mut page = vec![0; 512];
        // 310 K, spare 100 %, threshold 10 %, used 1 %.
        put(&mut page, 1, &310_u16.to_le_bytes());
        page[3] = 100;
        page[4] = 10;
        page[5] = 1;
        put(&mut page, 112, &self.core.power_cycles.to_le_bytes());
        put(&mut page, 128, &(self.core.clock.elapsed_ms() / 3_600_000).to_le_bytes());
        put(&mut page, 144, &(self.core.power_cycles - 1).to_le_bytes());
        page
    }

    fn firmware(&self) -> Vec<u8> {
        use crate::sim::controller::quirk::QuirkName;
        let mut page = vec![0; 512];
        // Slot 1 is active; a pending activation names the slot that is next in bits 6:4.
        page[0] = if self.core.has(QuirkName::FirmwarePending) { 0x21 } else { 0x01 };
        put_text(&mut page, 8, 8, "1.0");
        if self.core.has(QuirkName::FirmwarePending) {
            put_text(&mut page, 16, 8, "1.1");
        }
        page
    }

    /// The persistent event log (layout from libnvme's older structures, second-hand): a head of 512 bytes and one
    /// event after the other. Action 0 reads, 1 opens a context and reads, 2 closes it.
    fn persistent_log(&mut self, action: u8) -> Result<Vec<u8>, Refusal> {
        match (action, self.persistent_context) {
            (0, true) => {}
            (1, false) => self.persistent_context = true,
            (2, _) => {
                self.persistent_context = false;
                return Ok(Vec::new());
            }
            // A second context, or none: command sequence error.
            (0 | 1, _) => return Err(Refusal(0x0C)),
            _ => return Err(Refusal::INVALID_FIELD),
        }
        let mut events = Vec::new();
        // The newest event comes first (from memory).
        for event in self.persistent.iter().rev() {
            let mut head = [0; 24];
            // Type, revision 1, and the length of the rest of the head after these three bytes.
            put(&mut head, 0, &[event.kind, 1, 21]);
            put(&mut head, 4, &self.first_controller().to_le_bytes());
            put(&mut head, 6, &event.at_ms.to_le_bytes());
            put(&mut head, 22, &u16::try_from(event.data.len()).unwrap_or(0).to_le_bytes());
            events.extend(head);
            events.extend(&event.data);
        }
        let mut page = vec![0; 512];
        page[0] = 0x0D;
        put(&mut page, 4, &low32(self.persistent.len() as u64).to_le_bytes());
        put(&mut page, 8, &(512 + events.len() as u64).to_le_bytes());
        // Revision, and the length of the head.
        page[16] = 1;
        put(&mut page, 18, &493_u16.to_le_bytes());
        put(&mut page, 20, &self.core.clock.elapsed_ms().to_le_bytes());
        put(&mut page, 44, &self.core.power_cycles.to_le_bytes());
        put_text(&mut page, 56, 20, &self.serial());
        put_text(&mut page, 76, 40, MODEL);
        // Supported events: format start and completion, sanitize start and completion.
        put(&mut page, 480, &[0x80, 0x07]);
        page.extend(events);
        Ok(page)
    }
}
