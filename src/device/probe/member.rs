//! Signatures of members of sets, which may be alive elsewhere without this host knowing.
use std::io;

use super::reader::Window;
use super::table::le32;
use super::{ContentType, Found};

type Answer = io::Result<Vec<Found>>;

fn at(
    window: &Window<'_>,
    content_type: ContentType,
    offset: u64,
    magic: &[u8],
) -> io::Result<Option<Found>> {
    Ok(window.holds(offset, magic)?.then(|| Found::at(content_type, offset)))
}

/// LVM 2: a label in one of the first four 512-byte sectors, its type at 24, the volume's UUID at 32.
pub(super) fn lvm2(window: &Window<'_>) -> Answer {
    for offset in [0, 512, 1024, 1536] {
        if window.holds(offset, b"LABELONE")? && window.holds(offset + 24, b"LVM2 001")? {
            let uuid = window.piece(offset + 32, 32)?.unwrap_or_default();
            return Ok(vec![Found::at(ContentType::Lvm2Member, offset).labelled(&uuid)]);
        }
    }
    Ok(Vec::new())
}

/// `MD_SB_MAGIC` of include/uapi/linux/raid/md_p.h.
const MD_MAGIC: u32 = 0xA92B_4EFC;

/// md 1.1 (at the start) and 1.2 (at 4 KiB); the set's name at 32.
pub(super) fn md_start(window: &Window<'_>) -> Answer {
    let mut found = Vec::new();
    for offset in [0, 4096] {
        found.extend(md_one(window, offset)?);
    }
    Ok(found)
}

/// md 1.0 (8 to 12 KiB before the end, aligned to 4 KiB) and 0.90 (64 to 128 KiB before it, aligned to 64 KiB).
pub(super) fn md_end(window: &Window<'_>) -> Answer {
    let mut found = Vec::new();
    if let Some(offset) = window.before_end(8 << 10) {
        found.extend(md_one(window, offset / 4096 * 4096)?);
    }
    if let Some(offset) = (window.bytes() / (64 << 10) * (64 << 10)).checked_sub(64 << 10) {
        // Version 0.90 is in the byte order of the machine that made it.
        for magic in [MD_MAGIC.to_le_bytes(), MD_MAGIC.to_be_bytes()] {
            found.extend(at(window, ContentType::LinuxRaidMember, offset, &magic)?);
        }
    }
    Ok(found)
}

fn md_one(window: &Window<'_>, offset: u64) -> io::Result<Option<Found>> {
    let Some(head) = window.array::<64>(offset)? else { return Ok(None) };
    let is = le32(&head, 0) == MD_MAGIC && le32(&head, 4) == 1;
    Ok(is.then(|| Found::at(ContentType::LinuxRaidMember, offset).labelled(&head[32..])))
}

/// ZFS: four labels of 256 KiB, two at each end; uberblocks fill the second half of each (ZFS on-disk format).
pub(super) fn zfs(window: &Window<'_>) -> Answer {
    const LABEL: u64 = 256 << 10;
    const UBERBLOCK: u64 = 0x00BA_B10C;
    let end = window.bytes() / LABEL * LABEL;
    let labels = [Some(0), Some(LABEL), end.checked_sub(2 * LABEL), end.checked_sub(LABEL)];
    let mut found = Vec::new();
    for label in labels.into_iter().flatten() {
        let Some(ring) = window.piece(label + (128 << 10), 128 << 10)? else { continue };
        // The slots of the ring are a power of two long, at least 1 KiB.
        let uberblock = |slot: &[u8]| {
            slot.starts_with(&UBERBLOCK.to_le_bytes()) || slot.starts_with(&UBERBLOCK.to_be_bytes())
        };
        let nvlist = window.piece(label + (16 << 10), 4096)?.unwrap_or_default();
        let named = nvlist.windows(9).any(|name| name == b"pool_guid");
        if named || ring.chunks_exact(1024).any(uberblock) {
            let one = Found::at(ContentType::ZfsMember, label);
            found.push(if named { one.labelled(pool_name(&nvlist)) } else { one });
        }
    }
    found.dedup_by_key(|one| one.offset);
    Ok(found)
}

/// Name of the pool in an XDR-encoded nvlist: pair `name` of type string; empty where it is not found.
fn pool_name(nvlist: &[u8]) -> &[u8] {
    let key = b"\0\0\0\x04name\0\0\0\x09\0\0\0\x01";
    let value = nvlist.windows(key.len()).position(|bytes| bytes == key).map(|place| place + key.len());
    let field = value.and_then(|place| nvlist.get(place..)).unwrap_or_default();
    let [a, b, c, d, text @ ..] = field else { return &[] };
    let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(0);
    text.get(..length).unwrap_or_default()
}

/// bcache, and bcachefs at the same place: superblock at 4 KiB, magic at 24.
pub(super) fn bcache(window: &Window<'_>) -> Answer {
    const BCACHE: u128 = 0xC685_73F6_4E1A_45CA_8265_F57F_48BA_6D81;
    const BCACHEFS: u128 = 0xC685_73F6_66CE_90A9_D96A_60CF_803D_F7EF;
    let mut found = Vec::new();
    for magic in [BCACHE, BCACHEFS] {
        found.extend(at(window, ContentType::Bcache, 4096 + 24, &magic.to_be_bytes())?);
    }
    Ok(found)
}

/// Ceph BlueStore: its label begins with words.
pub(super) fn bluestore(window: &Window<'_>) -> Answer {
    Ok(at(window, ContentType::CephBluestore, 0, b"bluestore block device")?.into_iter().collect())
}

/// DRBD with internal metadata: its block is the last of 4 KiB, magic at 60. From memory of drbd's headers.
pub(super) fn drbd(window: &Window<'_>) -> Answer {
    let block = (window.bytes() / 4096 * 4096).checked_sub(4096);
    let Some(magic) = block.map(|block| window.array::<4>(block + 60)).transpose()?.flatten() else {
        return Ok(Vec::new());
    };
    // Versions 0.7, 0.8, 8.4 unclean and 9.
    let is = (0x8374_026A..=0x8374_026D).contains(&u32::from_be_bytes(magic));
    Ok(is.then(|| Found::at(ContentType::Drbd, block.unwrap_or_default())).into_iter().collect())
}

/// Stratis: two copies of its header in the second and tenth 512-byte sector, magic after a checksum.
pub(super) fn stratis(window: &Window<'_>) -> Answer {
    let mut found = Vec::new();
    for offset in [512 + 4, 9 * 512 + 4] {
        found.extend(at(window, ContentType::StratisMember, offset, b"!Stra0tis\x86\xFF\x02^\x41rh")?);
    }
    Ok(found)
}

/// Intel RAID: its table is in the last block but one.
pub(super) fn intel_raid(window: &Window<'_>) -> Answer {
    let mut found = Vec::new();
    for block in [512, 4096] {
        if let Some(offset) = window.before_end(2 * block) {
            found.extend(at(window, ContentType::FirmwareRaidMember, offset, b"Intel Raid ISM Cfg Sig. ")?);
        }
    }
    Ok(found)
}

/// SNIA DDF: the anchor is in the last block; some firmware puts it 257 blocks before the end.
pub(super) fn ddf(window: &Window<'_>) -> Answer {
    let mut found = Vec::new();
    for distance in [512, 257 * 512, 4096] {
        if let Some(offset) = window.before_end(distance) {
            found.extend(at(
                window,
                ContentType::FirmwareRaidMember,
                offset,
                &0xDE11_DE11_u32.to_be_bytes(),
            )?);
        }
    }
    Ok(found)
}
