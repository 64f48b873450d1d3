//! Signatures of file systems, swap and LUKS.
use std::io;

use super::reader::Window;
use super::table::le64;
use super::{ContentType, Found};

type Answer = io::Result<Vec<Found>>;

/// A magic number at a place, with a label of `label.1` bytes at `label.0` where the format has one.
fn simple(
    window: &Window<'_>,
    content_type: ContentType,
    magic: (u64, &[u8]),
    label: Option<(u64, usize)>,
) -> Answer {
    if !window.holds(magic.0, magic.1)? {
        return Ok(Vec::new());
    }
    let found = Found::at(content_type, magic.0);
    let bytes = match label {
        Some((offset, length)) => window.piece(offset, length)?,
        None => None,
    };
    Ok(vec![match bytes {
        Some(bytes) => found.labelled(&bytes),
        None => found,
    }])
}

/// ext2, ext3, ext4: superblock at 1024, `s_magic` at 56, `s_volume_name` at 120 (Documentation/filesystems/ext4).
pub(super) fn ext(window: &Window<'_>) -> Answer {
    simple(window, ContentType::Ext, (1080, &[0x53, 0xEF]), Some((1024 + 120, 16)))
}

/// XFS: `sb_magicnum` at 0, `sb_fname` at 108 (XFS Algorithms & Data Structures).
pub(super) fn xfs(window: &Window<'_>) -> Answer {
    simple(window, ContentType::Xfs, (0, b"XFSB"), Some((108, 12)))
}

/// btrfs: superblock at 64 KiB, magic at 64, number of devices at 136, label at 299 (btrfs on-disk format).
pub(super) fn btrfs(window: &Window<'_>) -> Answer {
    const SUPER: u64 = 64 << 10;
    let mut found = simple(window, ContentType::Btrfs, (SUPER + 64, b"_BHRfS_M"), Some((SUPER + 299, 256)))?;
    if let Some(devices) = window.array::<8>(SUPER + 136)?
        && le64(&devices, 0) > 1
    {
        for one in &mut found {
            one.content_type = ContentType::BtrfsMember;
        }
    }
    Ok(found)
}

/// File systems that begin with a PC boot sector: NTFS, exFAT and FAT tell themselves apart by their names.
pub(super) fn boot_sector(window: &Window<'_>) -> Answer {
    let Some(boot) = window.array::<512>(0)? else { return Ok(Vec::new()) };
    let found = |content_type, offset| Ok(vec![Found::at(content_type, offset)]);
    match &boot[3..11] {
        b"NTFS    " => return found(ContentType::Ntfs, 3),
        b"EXFAT   " => return found(ContentType::Exfat, 3),
        _ => {}
    }
    // BPB fields: bytes per sector, sectors per cluster, number of FATs (Microsoft FAT specification).
    let sector = u16::from_le_bytes([boot[11], boot[12]]);
    let plausible = sector.is_power_of_two()
        && (512..=4096).contains(&sector)
        && boot[13].is_power_of_two()
        && (1..=2).contains(&boot[16])
        && (boot[21] == 0xF0 || boot[21] >= 0xF8);
    let named = |at: usize, names: &[&[u8]]| names.iter().any(|name| boot[at..].starts_with(name));
    if named(82, &[b"FAT32"]) || named(54, &[b"FAT12", b"FAT16", b"FAT  "]) || (plausible && boot[0] == 0xEB)
    {
        let label = if named(82, &[b"FAT32"]) { &boot[71..82] } else { &boot[43..54] };
        let label = if label == b"NO NAME    " { &[] } else { label };
        return Ok(vec![Found::at(ContentType::Vfat, 0).labelled(label)]);
    }
    Ok(Vec::new())
}

/// ISO 9660: first volume descriptor at 32 KiB, volume name at 40 (ECMA-119, 8.4).
pub(super) fn iso9660(window: &Window<'_>) -> Answer {
    simple(window, ContentType::Iso9660, (32769, b"CD001"), Some((32768 + 40, 32)))
}

/// SquashFS, in either byte order.
pub(super) fn squashfs(window: &Window<'_>) -> Answer {
    let little = simple(window, ContentType::Squashfs, (0, b"hsqs"), None)?;
    if little.is_empty() { simple(window, ContentType::Squashfs, (0, b"sqsh"), None) } else { Ok(little) }
}

/// F2FS: superblock at 1024, magic F2F52010h.
pub(super) fn f2fs(window: &Window<'_>) -> Answer {
    simple(window, ContentType::F2fs, (1024, &0xF2F5_2010_u32.to_le_bytes()), None)
}

/// Swap: its name ends the first page, whose size is that of the machine that made it; label at 1052.
pub(super) fn swap(window: &Window<'_>) -> Answer {
    for page in [4096_u64, 8192, 16384, 32768, 65536] {
        for magic in [&b"SWAPSPACE2"[..], b"SWAP-SPACE"] {
            let found = simple(window, ContentType::Swap, (page - 10, magic), Some((1052, 16)))?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }
    Ok(Vec::new())
}

/// LUKS 1 and 2, and the second header of LUKS 2 (LUKS2 on-disk format, 2.1: offsets 16 KiB to 4 MiB); label at 24.
pub(super) fn luks(window: &Window<'_>) -> Answer {
    const NAME: [u8; 6] = [b'L', b'U', b'K', b'S', 0xBA, 0xBE];
    const SECOND: [u8; 6] = [b'S', b'K', b'U', b'L', 0xBA, 0xBE];
    if window.holds(0, &NAME)? {
        // Version 1 has the cipher's name where version 2 has a label.
        let two = window.array::<2>(6)? == Some([0, 2]);
        return simple(window, ContentType::Luks, (0, &NAME), two.then_some((24, 48)));
    }
    for offset in (14..=22).map(|power| 1_u64 << power) {
        let found = simple(window, ContentType::Luks, (offset, &SECOND), Some((offset + 24, 48)))?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// GFS2: superblock at 64 KiB, magic 01161970h.
pub(super) fn gfs2(window: &Window<'_>) -> Answer {
    simple(window, ContentType::Gfs2, (64 << 10, &0x0116_1970_u32.to_be_bytes()), None)
}

/// OCFS2: its superblock is the third block of the file system, of 512 to 4096 bytes.
pub(super) fn ocfs2(window: &Window<'_>) -> Answer {
    for offset in [1024, 2048, 4096, 8192] {
        let found = simple(window, ContentType::Ocfs2, (offset, b"OCFSV2"), None)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// VMFS: the volume header at 1 MiB, the file system at 2 MiB. From memory of other programs' readers.
pub(super) fn vmfs(window: &Window<'_>) -> Answer {
    let mut found = simple(window, ContentType::VmfsMember, (1 << 20, &[0x0D, 0xD0, 0x01, 0xC0]), None)?;
    found.extend(simple(window, ContentType::VmfsMember, (2 << 20, &[0x5E, 0xF1, 0xAB, 0x2F]), None)?);
    Ok(found)
}
