//! Files of random bytes with markers, and a scan that shares no code with the product: what a thief with a
//! hex editor would find.
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The text that can be searched for.
pub const MARKER: &[u8; 32] = b"<<expunge-test-original-data-!!>";

/// A marker stands at each multiple of this many bytes, and at the start of the last block.
pub const STRIDE: u64 = 64 * 1024;

/// Blocks of the scan, in bytes: the smallest block of any drive.
const SCANNED_BLOCK: usize = 512;

/// How much is read at once; a multiple of the stride.
const CHUNK: usize = 1 << 20;

/// A file of known content, and a copy of its content to compare with.
#[derive(Debug)]
pub struct Media {
    path: PathBuf,
    original: PathBuf,
    size: u64,
    markers: u64,
}

/// What is left of the original data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Markers found, at any byte position.
    pub markers: u64,
    /// Blocks of 512 bytes that hold what they held before.
    pub blocks: u64,
    /// First of these, as a byte offset.
    pub first: Option<u64>,
}

impl Media {
    /// Makes a file of `size` bytes in `directory`, its last block of `block_size` bytes marked too.
    ///
    /// # Panics
    /// When the size is not a multiple of the block size, or the file cannot be written.
    #[track_caller]
    pub fn make(directory: &Path, name: &str, size: u64, block_size: u32) -> Self {
        assert!(size > 0 && size.is_multiple_of(u64::from(block_size)), "whole blocks only");
        let path = directory.join(name);
        let original = directory.join(format!("{name}.original"));
        let mut file = File::create_new(&path).expect("a new file for the medium");
        let random = File::open("/dev/urandom").expect("/dev/urandom");
        let copied = std::io::copy(&mut random.take(size), &mut file).expect("random bytes for the medium");
        assert_eq!(copied, size);
        let last = size - u64::from(block_size);
        let offsets: Vec<u64> =
            (0..size).step_by(64 * 1024).chain((!last.is_multiple_of(STRIDE)).then_some(last)).collect();
        for offset in &offsets {
            file.write_all_at(MARKER, *offset).expect("a marker on the medium");
        }
        file.flush().expect("a file is flushed");
        file.sync_all().expect("the medium is on disk");
        fs::copy(&path, &original).expect("a copy of the medium");
        let markers = u64::try_from(offsets.len()).expect("few markers");
        Self { path, original, size, markers }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The copy of the content as it was made.
    pub fn original(&self) -> &Path {
        &self.original
    }

    pub const fn size(&self) -> u64 {
        self.size
    }

    /// How many markers were put down.
    pub const fn markers(&self) -> u64 {
        self.markers
    }

    /// Counts what is left of the original data, by reading the backing file.
    pub fn leftovers(&self) -> Leftovers {
        self.leftovers_in(&self.path)
    }

    /// The same by reading another file or node, such as the loop node over the file.
    pub fn leftovers_in(&self, path: &Path) -> Leftovers {
        let mut found = Leftovers::default();
        let mut carried = Vec::new();
        self.compare(path, |offset, now, before| {
            for (index, (new, old)) in now.chunks(SCANNED_BLOCK).zip(before.chunks(SCANNED_BLOCK)).enumerate()
            {
                if new == old {
                    found.blocks += 1;
                    let at = offset + u64::try_from(index * SCANNED_BLOCK).expect("within a chunk");
                    found.first.get_or_insert(at);
                }
            }
            found.markers += markers_in(&mut carried, now);
        });
        found
    }

    /// Whether the file is byte for byte what it was: the offset of the first byte that differs.
    pub fn first_change(&self) -> Option<u64> {
        let mut first = None;
        self.compare(&self.path, |offset, now, before| {
            let differs = now.iter().zip(before).position(|(new, old)| new != old);
            first = first.or(differs.map(|at| offset + u64::try_from(at).expect("within a chunk")));
        });
        first
    }

    fn compare(&self, path: &Path, mut see: impl FnMut(u64, &[u8], &[u8])) {
        let now = File::open(path).expect("the medium can be opened");
        let before = File::open(&self.original).expect("the copy can be opened");
        let (mut new, mut old) = (vec![0; CHUNK], vec![0; CHUNK]);
        let mut offset = 0;
        while offset < self.size {
            let length = usize::try_from(self.size - offset).map_or(CHUNK, |rest| rest.min(CHUNK));
            now.read_exact_at(&mut new[..length], offset).expect("the medium can be read");
            before.read_exact_at(&mut old[..length], offset).expect("the copy can be read");
            see(offset, &new[..length], &old[..length]);
            offset += u64::try_from(length).expect("a chunk is short");
        }
    }
}

/// Markers that end within `chunk`; the end of the one before is carried over, so that none is cut in two.
fn markers_in(carried: &mut Vec<u8>, chunk: &[u8]) -> u64 {
    carried.extend_from_slice(chunk);
    let first = MARKER[0];
    let starts = carried.iter().enumerate().filter(|(_, byte)| **byte == first);
    let count = starts.filter(|(at, _)| carried[*at..].starts_with(MARKER)).count();
    let keep = carried.len().saturating_sub(MARKER.len() - 1);
    carried.drain(..keep);
    u64::try_from(count).expect("few markers")
}
