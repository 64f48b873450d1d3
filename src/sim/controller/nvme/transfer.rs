//! Reading, writing and deallocating blocks of a namespace.
use super::sanitize::Stand;
use super::state::Nvme;
use crate::sim::controller::core::Core;
use crate::sim::controller::handle::Drive;
use crate::sim::controller::job::Work;
use crate::sim::controller::media::Found;
use crate::sim::controller::quirk::QuirkName;

/// Status fields of I/O commands.
const INVALID_NAMESPACE: u16 = 0x0B;
const LBA_OUT_OF_RANGE: u16 = 0x80;
const FORMAT_IN_PROGRESS: u16 = 0x84;
const RESERVATION_CONFLICT: u16 = 0x83;
const SANITIZE_FAILED: u16 = 0x1C;
const SANITIZE_IN_PROGRESS: u16 = 0x1D;
const WRITE_PROTECTED: u16 = 0x20;
const ACCESS_DENIED: u16 = 0x286;
const UNWRITTEN: u16 = 0x287;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

impl Nvme {
    /// Whether no key for the medium can be had.
    pub(super) fn is_locked_out(&self) -> bool {
        self.core.is_locked() || self.core.has(QuirkName::LockedUnknown)
    }

    /// The first slot of a transfer.
    fn admit(&mut self, nsid: u32, lba: u64, blocks: u64, way: Way) -> Result<u64, u16> {
        self.bring_up_to_date();
        let placed = self.namespace(nsid).filter(|placed| placed.spec.attached).ok_or(INVALID_NAMESPACE)?;
        if placed.lba_format != 1 || lba.checked_add(blocks).is_none_or(|end| end > placed.spec.blocks) {
            return Err(LBA_OUT_OF_RANGE);
        }
        let slot = placed.first + lba;
        let protected = placed.spec.write_protected || self.core.has(QuirkName::WriteProtected);
        match self.status.stand {
            Stand::Running => return Err(SANITIZE_IN_PROGRESS),
            Stand::Failed => return Err(SANITIZE_FAILED),
            Stand::Verifying if way == Way::Write => return Err(SANITIZE_IN_PROGRESS),
            Stand::Verifying | Stand::Never | Stand::Succeeded | Stand::SucceededDeallocated => {}
        }
        if self.core.busy_with() == Some(Work::Format) {
            return Err(FORMAT_IN_PROGRESS);
        }
        if self.core.has(QuirkName::ReservedByOther) {
            return Err(RESERVATION_CONFLICT);
        }
        if self.is_locked_out() {
            return Err(ACCESS_DENIED);
        }
        if way == Way::Write && protected {
            return Err(WRITE_PROTECTED);
        }
        Ok(slot)
    }

    pub(super) fn read_blocks(&mut self, nsid: u32, lba: u64, out: &mut [u8]) -> u16 {
        let block_bytes = self.core.media.block_bytes();
        let first = match self.admit(nsid, lba, (out.len() / block_bytes) as u64, Way::Read) {
            Ok(first) => first,
            Err(field) => return field,
        };
        let reads_fail = self.core.has(QuirkName::WriteRequiredAfter);
        for (slot, block) in (first..).zip(out.chunks_mut(block_bytes)) {
            if self.core.media.read(slot, block) == Found::Unmapped && reads_fail {
                return UNWRITTEN;
            }
        }
        0
    }

    pub(super) fn write_blocks(&mut self, nsid: u32, lba: u64, data: &[u8]) -> u16 {
        let block_bytes = self.core.media.block_bytes();
        let first = match self.admit(nsid, lba, (data.len() / block_bytes) as u64, Way::Write) {
            Ok(first) => first,
            Err(field) => return field,
        };
        self.status.erased = false;
        for (slot, block) in (first..).zip(data.chunks_exact(block_bytes)) {
            self.core.media.write(slot, block);
        }
        0
    }

    pub(super) fn deallocate(&mut self, nsid: u32, lba: u64, blocks: u64) -> u16 {
        match self.admit(nsid, lba, blocks, Way::Write) {
            Ok(first) => {
                (first..first + blocks).for_each(|slot| self.core.media.unmap(slot));
                0
            }
            Err(field) => field,
        }
    }
}

/// The errno that the kernel makes of a status field (from memory: `nvme_error_status`).
fn errno(field: u16) -> Result<(), i32> {
    match field {
        0 => Ok(()),
        RESERVATION_CONFLICT => Err(libc::EBADE),
        LBA_OUT_OF_RANGE => Err(libc::EREMOTEIO),
        ACCESS_DENIED | UNWRITTEN => Err(libc::ENODATA),
        _ => Err(libc::EIO),
    }
}

impl Drive for Nvme {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn settle(&mut self) {
        self.bring_up_to_date();
    }

    fn blocks(&self, unit: u32) -> u64 {
        self.namespace(unit).filter(|placed| placed.spec.attached).map_or(0, |placed| placed.spec.blocks)
    }

    fn read(&mut self, unit: u32, lba: u64, out: &mut [u8]) -> Result<(), i32> {
        errno(self.read_blocks(unit, lba, out))
    }

    fn write(&mut self, unit: u32, lba: u64, data: &[u8]) -> Result<(), i32> {
        errno(self.write_blocks(unit, lba, data))
    }

    fn flush(&mut self, _unit: u32) -> Result<(), i32> {
        Ok(())
    }
}
