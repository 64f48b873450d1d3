//! What lies on a drive, by its signatures: partition tables, file systems, members of sets. Own readers, so
//! that nothing is trusted that another program remembered. Offsets and magic numbers are those of the formats'
//! own documentation and headers; tests compare with the tools that make them and with `blkid`.

mod filesystem;
mod member;
mod reader;
mod table;

use std::fs::File;
use std::io;

use super::{Content, ContentType};
use crate::io::{Fault, FaultKind};

use reader::Window;
pub use reader::{DirectReader, ReadAt};

/// A signature found, relative to the window it was looked for in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    content_type: ContentType,
    offset: u64,
    label: Option<String>,
}

impl Found {
    fn at(content_type: ContentType, offset: u64) -> Self {
        Self { content_type, offset, label: None }
    }

    fn labelled(mut self, bytes: &[u8]) -> Self {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).trim().to_owned();
        self.label = (!text.is_empty()).then_some(text);
        self
    }
}

/// One reader of one family of signatures.
type Detector = fn(&Window<'_>) -> io::Result<Vec<Found>>;

const DETECTORS: [Detector; 22] = [
    filesystem::ext,
    filesystem::xfs,
    filesystem::btrfs,
    filesystem::boot_sector,
    filesystem::iso9660,
    filesystem::squashfs,
    filesystem::f2fs,
    filesystem::swap,
    filesystem::luks,
    filesystem::gfs2,
    filesystem::ocfs2,
    filesystem::vmfs,
    member::lvm2,
    member::md_start,
    member::md_end,
    member::zfs,
    member::bcache,
    member::bluestore,
    member::drbd,
    member::stratis,
    member::intel_raid,
    member::ddf,
];

/// Looks at an opened drive or file of `bytes`.
///
/// # Errors
/// When reading fails otherwise than at the medium: then nothing is known.
pub fn probe_file(file: &File, bytes: u64) -> io::Result<Vec<Content>> {
    probe(&DirectReader::new(file, bytes))
}

/// Looks at the whole drive and into every partition of its tables. Medium errors end as
/// [`ContentType::Unreadable`] at the place where reading stopped.
///
/// # Errors
/// When reading fails otherwise: then nothing is known.
pub fn probe(reader: &dyn ReadAt) -> io::Result<Vec<Content>> {
    let mut content = Vec::new();
    let whole = Window::new(reader, 0, reader.bytes());
    scan(&whole, None, &mut content)?;
    let tables = match table::tables(&whole) {
        Ok(tables) => tables,
        Err(error) => {
            unreadable(&error, 0, None).map(|place| content.push(place)).ok_or(error)?;
            table::Tables::default()
        }
    };
    for found in tables.found {
        content.push(placed(found, 0, None));
    }
    for partition in tables.partitions {
        let window = Window::new(reader, partition.offset, partition.bytes);
        scan(&window, Some(partition.number), &mut content)?;
    }
    content.sort();
    content.dedup();
    Ok(content)
}

fn scan(window: &Window<'_>, partition: Option<u32>, content: &mut Vec<Content>) -> io::Result<()> {
    for detector in DETECTORS {
        match detector(window) {
            Ok(found) => {
                content.extend(found.into_iter().map(|found| placed(found, window.start(), partition)));
            }
            Err(error) => {
                let place = unreadable(&error, window.start(), partition).ok_or(error)?;
                content.push(place);
            }
        }
    }
    Ok(())
}

fn placed(found: Found, start: u64, partition: Option<u32>) -> Content {
    let Found { content_type, offset, label } = found;
    Content { content_type, offset: start + offset, label, partition }
}

/// Content of unknown kind, when an error is the medium's own.
fn unreadable(error: &io::Error, offset: u64, partition: Option<u32>) -> Option<Content> {
    (Fault::from_error(error).kind == FaultKind::Medium).then_some(Content {
        content_type: ContentType::Unreadable,
        offset,
        label: None,
        partition,
    })
}
