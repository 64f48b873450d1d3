//! What lies on a drive: partition tables, file systems, members of sets.
use serde::{Deserialize, Serialize};

use crate::unit::term::word;

/// What a signature on the drive says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContentType {
    /// GUID partition table.
    Gpt,
    /// DOS (MBR) partition table.
    Dos,
    /// ext2, ext3 or ext4.
    Ext,
    /// XFS.
    Xfs,
    /// btrfs on one device.
    Btrfs,
    /// FAT12, FAT16 or FAT32.
    Vfat,
    /// exFAT.
    Exfat,
    /// NTFS.
    Ntfs,
    /// ISO 9660 (optical image).
    Iso9660,
    /// SquashFS.
    Squashfs,
    /// F2FS.
    F2fs,
    /// Swap space.
    Swap,
    /// LUKS 1 or 2.
    Luks,
    /// Physical volume of LVM 2.
    Lvm2Member,
    /// Member of a Linux md array.
    LinuxRaidMember,
    /// Member of a ZFS pool.
    ZfsMember,
    /// One of several devices of a btrfs.
    BtrfsMember,
    /// bcache backing or cache device.
    Bcache,
    /// Ceph OSD (`BlueStore`).
    CephBluestore,
    /// DRBD.
    Drbd,
    /// Cluster file system GFS2.
    Gfs2,
    /// Cluster file system OCFS2.
    Ocfs2,
    /// `VMware` VMFS volume.
    VmfsMember,
    /// Stratis pool member.
    StratisMember,
    /// Firmware RAID (Intel, DDF) member.
    FirmwareRaidMember,
    /// Reading stopped at a medium error, or nothing here knows what such a drive carries: there may be anything.
    Unreadable,
}

impl ContentType {
    /// Whether it belongs to a set that may be alive elsewhere, so that the user must repeat it with
    /// `--known-content`.
    pub const fn needs_repeating(self) -> bool {
        match self {
            Self::Lvm2Member
            | Self::LinuxRaidMember
            | Self::ZfsMember
            | Self::BtrfsMember
            | Self::Bcache
            | Self::CephBluestore
            | Self::Drbd
            | Self::Gfs2
            | Self::Ocfs2
            | Self::VmfsMember
            | Self::StratisMember
            | Self::FirmwareRaidMember
            | Self::Unreadable => true,
            Self::Gpt
            | Self::Dos
            | Self::Ext
            | Self::Xfs
            | Self::Btrfs
            | Self::Vfat
            | Self::Exfat
            | Self::Ntfs
            | Self::Iso9660
            | Self::Squashfs
            | Self::F2fs
            | Self::Swap
            | Self::Luks => false,
        }
    }
}

/// One thing found on the drive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Content {
    /// What it says it is.
    pub content_type: ContentType,
    /// Byte offset of the signature on the whole drive.
    pub offset: u64,
    /// Label or UUID of the file system or set, where it has one.
    pub label: Option<String>,
    /// On which partition, by number, or `None` for the whole drive.
    pub partition: Option<u32>,
}

impl Content {
    /// Something that cannot be read, at this byte.
    pub const fn unreadable(offset: u64) -> Self {
        Self { content_type: ContentType::Unreadable, offset, label: None, partition: None }
    }
}

impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&word(self.content_type))?;
        if let Some(label) = &self.label {
            write!(f, " {label:?}")?;
        }
        match self.partition {
            Some(number) => write!(f, " on partition {number}"),
            None => write!(f, " at byte {}", self.offset),
        }
    }
}
