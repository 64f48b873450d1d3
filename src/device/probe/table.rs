//! Partition tables: GPT (both copies) and DOS, with the partitions they list. The kernel's own view is not
//! asked: it may have no parser, or have looked at another time.
use std::io;

use super::reader::Window;
use super::{ContentType, Found};

/// A partition that a table lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) number: u32,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// What the tables say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) found: Vec<Found>,
    pub(super) partitions: Vec<Partition>,
}

/// Entries looked at at most: the usual table has 128.
const ENTRIES_MAX: u32 = 1024;
/// Logical partitions looked at at most.
const LOGICAL_MAX: u32 = 64;

/// Tables on the whole drive. Both block sizes are tried: a drive may have moved between hosts that present
/// it differently.
pub(super) fn tables(drive: &Window<'_>) -> io::Result<Tables> {
    let mut tables = Tables::default();
    for block in [512, 4096] {
        let last = drive.bytes().checked_sub(block);
        for header in [Some(block), last].into_iter().flatten() {
            gpt(drive, header, block, &mut tables)?;
        }
    }
    let protective = dos(drive, &mut tables)?;
    if protective && !tables.found.iter().any(|found| found.content_type == ContentType::Gpt) {
        tables.found.push(Found::at(ContentType::Dos, 0));
    }
    tables.partitions.sort_by_key(|partition| (partition.number, partition.offset));
    tables.partitions.dedup();
    Ok(tables)
}

/// One copy of a GPT: UEFI specification, 5.3.2 and 5.3.3.
fn gpt(drive: &Window<'_>, header: u64, block: u64, tables: &mut Tables) -> io::Result<()> {
    let Some(bytes) = drive.array::<92>(header)? else { return Ok(()) };
    if !bytes.starts_with(b"EFI PART") {
        return Ok(());
    }
    tables.found.push(Found::at(ContentType::Gpt, header));
    let (entries, count, size) = (le64(&bytes, 72), le32(&bytes, 80), le32(&bytes, 84));
    if !(128..=4096).contains(&size) {
        return Ok(());
    }
    for index in 0..count.min(ENTRIES_MAX) {
        let offset = entries.saturating_mul(block).saturating_add(u64::from(index) * u64::from(size));
        let Some(entry) = drive.array::<56>(offset)? else { break };
        let (first, last) = (le64(&entry, 32), le64(&entry, 40));
        if entry[..16] != [0; 16] && first > 0 && last >= first {
            let bytes = (last - first + 1).saturating_mul(block);
            let offset = first.saturating_mul(block);
            tables.partitions.push(Partition { number: index + 1, offset, bytes });
        }
    }
    Ok(())
}

/// A DOS table, unless it is the boot sector of a file system. True when it only protects a GPT.
fn dos(drive: &Window<'_>, tables: &mut Tables) -> io::Result<bool> {
    let Some(boot) = drive.array::<512>(0)? else { return Ok(false) };
    if boot[510..] != [0x55, 0xAA] || !super::filesystem::boot_sector(drive)?.is_empty() {
        return Ok(false);
    }
    let entries: Vec<&[u8]> = boot[446..510].chunks_exact(16).collect();
    if entries.iter().any(|entry| entry[0] & 0x7F != 0) {
        return Ok(false);
    }
    if entries.iter().any(|entry| entry[4] == 0xEE) {
        return Ok(true);
    }
    tables.found.push(Found::at(ContentType::Dos, 0));
    for (number, entry) in (1..).zip(&entries) {
        let (first, count) = (u64::from(le32(entry, 8)), u64::from(le32(entry, 12)));
        if entry[4] == 0 || count == 0 {
            continue;
        }
        tables.partitions.push(Partition { number, offset: first * 512, bytes: count * 512 });
        if matches!(entry[4], 0x05 | 0x0F | 0x85) {
            logical(drive, first, tables)?;
        }
    }
    Ok(false)
}

/// The chain of logical partitions in an extended one: each link names its partition and the next link.
fn logical(drive: &Window<'_>, extended: u64, tables: &mut Tables) -> io::Result<()> {
    let mut link = extended;
    for number in (5..).take(LOGICAL_MAX as usize) {
        let Some(record) = drive.array::<512>(link * 512)? else { break };
        if record[510..] != [0x55, 0xAA] {
            break;
        }
        let (first, count) = (u64::from(le32(&record, 446 + 8)), u64::from(le32(&record, 446 + 12)));
        if count > 0 {
            tables.partitions.push(Partition { number, offset: (link + first) * 512, bytes: count * 512 });
        }
        match u64::from(le32(&record, 462 + 8)) {
            0 => break,
            next => link = extended + next,
        }
    }
    Ok(())
}

pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |field| u32::from_le_bytes([field[0], field[1], field[2], field[3]]))
}

pub(super) fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at + 4)) << 32
}
