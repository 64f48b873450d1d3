//! Storage that is purged by other means than Expunge has: memory cards, embedded flash, persistent memory. It is
//! named, and so is what purges it; an overwrite of it can be a clear.
//!
//! Sources: Linux headers and drivers, ndctl and the CXL ABI, second-hand in the project's facts (standards.md 6.10,
//! 6.11); what is from memory there is from memory here.
use super::DriveFacts;

/// A kind of storage that Expunge does not purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// Embedded MMC.
    Emmc,
    /// An SD card.
    SdCard,
    /// MMC of a kind that the kernel does not tell.
    Mmc,
    /// Universal Flash Storage.
    Ufs,
    /// Persistent memory on an NVDIMM.
    Pmem,
    /// Persistent memory behind CXL.
    Cxl,
}

impl Elsewhere {
    /// What a drive is by the way that it is attached; `None` for drives that are purged by ATA, SCSI or NVMe commands.
    pub fn of(facts: &DriveFacts) -> Option<Self> {
        match facts.transport.as_deref()? {
            "emmc" => Some(Self::Emmc),
            "sd" => Some(Self::SdCard),
            "mmc" => Some(Self::Mmc),
            "ufs" => Some(Self::Ufs),
            "pmem" => Some(Self::Pmem),
            "cxl" => Some(Self::Cxl),
            _ => None,
        }
    }

    /// What it is, in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emmc => "eMMC",
            Self::SdCard => "an SD card",
            Self::Mmc => "an MMC or SD card",
            Self::Ufs => "UFS",
            Self::Pmem => "persistent memory (NVDIMM)",
            Self::Cxl => "CXL memory",
        }
    }

    /// Why it is not purged here, in words that stand after "because".
    pub const fn why_not(self) -> &'static str {
        match self {
            Self::Emmc => {
                "eMMC is purged by erasing and then SANITIZE_START of EXT_CSD, which Expunge does not send"
            }
            Self::SdCard => "SD cards have no command that sanitizes them",
            Self::Mmc => "the kernel does not tell what kind of card it is",
            Self::Ufs => "UFS is purged by its flag fPurgeEnable, which Expunge does not set",
            Self::Pmem => "an NVDIMM is purged by its own security commands, which Expunge does not send",
            Self::Cxl => "a CXL device is purged by its own sanitize command, which Expunge does not send",
        }
    }

    /// What to use instead.
    pub const fn instead(self) -> &'static str {
        match self {
            Self::Emmc => {
                "erase the whole user area and then start its sanitize operation with `mmc sanitize` of mmc-utils; its \
                 boot areas, general purpose partitions and RPMB are apart from it, and RPMB cannot be erased without \
                 its key; else destroy it"
            }
            Self::SdCard => "a clear by overwriting is what can be had; for more, destroy the card",
            Self::Mmc => {
                "look at /sys/block/NAME/device/type; for more than a clear by overwriting, destroy the card"
            }
            Self::Ufs => {
                "unmap every logical unit, then set fPurgeEnable and wait for bPurgeStatus 3 with ufs-utils; else destroy \
                 it"
            }
            Self::Pmem => {
                "disable its regions, then `ndctl sanitize-dimm --overwrite` and `ndctl wait-overwrite` (a cryptographic \
                 erase leaves the labels); else destroy it"
            }
            Self::Cxl => {
                "disable the memory device, then write 1 to its security/sanitize in /sys/bus/cxl/devices and wait with \
                 `cxl wait-sanitize`; where that file is missing, destroy it"
            }
        }
    }
}
