//! Format NVM (80h).
use super::admin::{Refusal, Reply, specific};
use super::state::Nvme;
use crate::sim::controller::bytes::le32;
use crate::sim::controller::job::{Job, Mapping, Reach, Work};
use crate::sim::controller::media::Fill;
use crate::sim::controller::quirk::{FailureMode, QuirkName};

/// Bits of FNA.
const FORMATS_ALL: u8 = 1;
const ERASES_ALL: u8 = 1 << 1;
const CRYPTO: u8 = 1 << 2;
const NO_BROADCAST: u8 = 1 << 3;

impl Nvme {
    pub(super) fn format(&mut self, entry: &[u8]) -> Result<Reply, Refusal> {
        let (nsid, cdw10) = (le32(entry, 4), le32(entry, 40));
        if self.spec.oacs & 2 == 0 {
            return Err(Refusal::INVALID_OPCODE);
        }
        let broadcast = nsid == u32::MAX;
        if broadcast && self.spec.fna & NO_BROADCAST != 0 {
            return Err(Refusal::INVALID_FIELD);
        }
        if !broadcast && self.namespace(nsid).is_none() {
            return Err(Refusal::INVALID_NAMESPACE);
        }
        let erase = (cdw10 >> 9) & 7;
        if erase > 2 || (erase == 2 && self.spec.fna & CRYPTO == 0) {
            return Err(Refusal::INVALID_FIELD);
        }
        let lba_format = (cdw10 & 0xF) | ((cdw10 >> 12) & 3) << 4;
        // Two formats, no metadata, no protection information.
        if lba_format > 1 || cdw10 & 0x1F0 != 0 {
            return Err(specific(0x0A));
        }
        if self.core.has(QuirkName::FirmwarePending) {
            return Err(specific(0x0B));
        }
        let all = broadcast || self.spec.fna & if erase == 0 { FORMATS_ALL } else { ERASES_ALL } != 0;
        let meant = self.namespaces.iter().filter(|placed| all || placed.spec.nsid == nsid);
        if self.core.has(QuirkName::WriteProtected) || meant.clone().any(|placed| placed.spec.write_protected)
        {
            return Err(Refusal::WRITE_PROTECTED);
        }
        if self.is_locked_out() {
            return Err(Refusal::ACCESS_DENIED);
        }
        if self.core.has(QuirkName::FormatDoesNothing) {
            return Ok(Reply::default());
        }
        let windows = meant.map(super::state::Placed::window).collect();
        Ok(self.start_format(nsid, cdw10, Reach::Slots(windows)))
    }

    /// Formats what it is meant for; the cells that no address leads to keep what they hold.
    fn start_format(&mut self, nsid: u32, cdw10: u32, reach: Reach) -> Reply {
        let erase = (cdw10 >> 9) & 7;
        let shape = &self.core.shape;
        let (passes, reach, mapping, duration_ms) = match erase {
            1 => (vec![Fill::Pattern([0xFF; 4])], reach, Mapping::Forget, shape.erase_ms),
            2 => (vec![self.core.noise()], reach, Mapping::Keep, shape.crypto_ms),
            // No erase: nothing is done but to forget the map, as far as it is this namespace's.
            _ => (Vec::new(), reach, Mapping::Forget, 0),
        };
        let mut data = nsid.to_le_bytes().to_vec();
        data.extend([self.spec.fna, 0, 0, 0]);
        data.extend(cdw10.to_le_bytes());
        self.remember(0x07, data);
        self.formatting = Some((cdw10, nsid));
        let failure = FailureMode::Unrestricted;
        self.core.start(Job { work: Work::Format, reach, passes, mapping, duration_ms, failure });
        self.bring_up_to_date();
        let wait_ms = if self.formatting.is_some() { duration_ms } else { 0 };
        Reply { wait_ms: wait_ms.max(self.slow_ms()), ends_format: true, ..Reply::default() }
    }
}
