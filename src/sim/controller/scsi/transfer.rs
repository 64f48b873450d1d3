//! READ, WRITE and UNMAP.
use super::Personality;
use super::sense::{Outcome, Sense};
use super::state::{Trouble, Unit};
use crate::sim::controller::bytes::{be16, be32, be64, byte, index};
use crate::sim::controller::media::Found;
use crate::sim::controller::quirk::QuirkName;

type Answer = Result<Outcome, Outcome>;

impl Unit {
    /// Whether the medium can be reached now.
    pub(super) fn media_ready(&self) -> Result<(), Outcome> {
        if self.core.has(QuirkName::ReservedByOther) {
            return Err(Outcome::Status(0x18));
        }
        if let Personality::Ata(_) = &self.spec.personality {
            // An ATA drive aborts.
            let aborts = self.core.running.is_some()
                || matches!(self.trouble, Trouble::Failed(_))
                || self.ata.is_locked()
                || self.core.is_locked();
            return if aborts { Err(Sense::new(0x0B, 0, 0).into()) } else { Ok(()) };
        }
        if let Some(sense) = self.busy_sense() {
            return Err(sense.into());
        }
        match self.trouble {
            Trouble::Failed(_) => return Err(Sense::SANITIZE_FAILED.into()),
            Trouble::FormatCorrupt => return Err(Sense::FORMAT_CORRUPT.into()),
            Trouble::None => {}
        }
        if self.core.is_locked() || self.core.has(QuirkName::LockedUnknown) {
            return Err(Sense::NO_ACCESS.into());
        }
        Ok(())
    }

    fn fits(&self, lba: u64, blocks: u64) -> Result<(), Outcome> {
        let end = lba.checked_add(blocks).filter(|end| *end <= self.core.presented);
        end.map(drop).ok_or_else(|| Sense::OUT_OF_RANGE.into())
    }

    pub(super) fn read_blocks(&self, lba: u64, out: &mut [u8]) -> Result<(), Outcome> {
        let block_bytes = self.core.media.block_bytes();
        self.fits(lba, (out.len() / block_bytes) as u64)?;
        let must_be_written = self.core.has(QuirkName::WriteRequiredAfter);
        for (slot, block) in (lba..).zip(out.chunks_mut(block_bytes)) {
            if self.core.media.read(slot, block) == Found::Unmapped && must_be_written {
                return Err(Sense::WRITE_REQUIRED.into());
            }
        }
        Ok(())
    }

    pub(super) fn write_blocks(&mut self, lba: u64, data: &[u8]) -> Result<(), Outcome> {
        let block_bytes = self.core.media.block_bytes();
        self.fits(lba, (data.len() / block_bytes) as u64)?;
        if self.core.has(QuirkName::WriteProtected) {
            return Err(Sense::WRITE_PROTECTED.into());
        }
        for (slot, block) in (lba..).zip(data.chunks_exact(block_bytes)) {
            self.core.media.write(slot, block);
        }
        Ok(())
    }

    /// Address and number of blocks of READ and WRITE (10) and (16).
    fn place(block: &[u8]) -> (u64, u64) {
        if byte(block, 0) & 0x80 == 0 {
            (u64::from(be32(block, 2)), u64::from(be16(block, 7)))
        } else {
            (be64(block, 2), u64::from(be32(block, 10)))
        }
    }

    pub(super) fn read_command(&self, block: &[u8], room: usize) -> Answer {
        self.media_ready()?;
        let (lba, blocks) = Self::place(block);
        self.fits(lba, blocks)?;
        let mut data = vec![0; index(blocks) * self.core.media.block_bytes()];
        if data.len() > room {
            return Err(Sense::INVALID_FIELD.into());
        }
        self.read_blocks(lba, &mut data)?;
        Ok(Outcome::Good(data))
    }

    pub(super) fn write_command(&mut self, block: &[u8], sent: &[u8]) -> Answer {
        self.media_ready()?;
        let (lba, blocks) = Self::place(block);
        self.fits(lba, blocks)?;
        let data = sent.get(..index(blocks) * self.core.media.block_bytes());
        self.write_blocks(lba, data.ok_or_else(|| Outcome::from(Sense::INVALID_FIELD))?)?;
        Ok(Outcome::good())
    }

    /// UNMAP: descriptors of 16 bytes after a head of eight; nothing where the drive ignores it.
    pub(super) fn unmap(&mut self, sent: &[u8]) -> Answer {
        self.media_ready()?;
        if !matches!(&self.spec.personality, Personality::Scsi(traits) if traits.unmaps) {
            return Ok(Outcome::good());
        }
        for descriptor in sent.get(8..).unwrap_or_default().chunks_exact(16) {
            let (lba, blocks) = (be64(descriptor, 0), u64::from(be32(descriptor, 8)));
            self.fits(lba, blocks)?;
            (lba..lba + blocks).for_each(|slot| self.core.media.unmap(slot));
        }
        Ok(Outcome::good())
    }
}
