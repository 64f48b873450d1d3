//! Reading small pieces at any offset of a drive that takes only aligned reads.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::sys::Buffer;

/// Something with bytes at offsets.
pub trait ReadAt {
    /// Its length in bytes.
    fn bytes(&self) -> u64;

    /// Fills `piece` from `offset`; the piece lies within [`Self::bytes`].
    ///
    /// # Errors
    /// What the medium answered; also when fewer bytes came than asked for.
    fn read_exact_at(&self, offset: u64, piece: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for [u8] {
    fn bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, offset: u64, piece: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let source = self.get(start..start + piece.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        piece.copy_from_slice(source);
        Ok(())
    }
}

/// One aligned read; a divisor of every alignment that a probe could need.
const CHUNK: u64 = 64 << 10;
/// Chunks kept; a probe of one window touches about a dozen.
const CHUNKS_MAX: usize = 64;

/// Reads a descriptor that was opened for direct I/O, through a few remembered chunks.
#[derive(Debug)]
pub struct DirectReader<'a> {
    file: &'a File,
    bytes: u64,
    chunks: RefCell<BTreeMap<u64, Vec<u8>>>,
}

impl<'a> DirectReader<'a> {
    /// A reader of the first `bytes` of `file`.
    pub fn new(file: &'a File, bytes: u64) -> Self {
        Self { file, bytes, chunks: RefCell::default() }
    }

    /// Aligned bytes around `offset`: a whole chunk, or, where that fails, as little as may be read.
    fn around(&self, offset: u64, bytes: u64) -> io::Result<(u64, Vec<u8>)> {
        let start = offset / CHUNK * CHUNK;
        if let Some(chunk) = self.chunks.borrow().get(&start) {
            return Ok((start, chunk.clone()));
        }
        match self.aligned(start, CHUNK.min(self.bytes - start)) {
            Ok(chunk) => {
                let mut chunks = self.chunks.borrow_mut();
                if chunks.len() >= CHUNKS_MAX {
                    chunks.clear();
                }
                chunks.insert(start, chunk.clone());
                Ok((start, chunk))
            }
            // Another block of the chunk may be the bad one.
            Err(first) => {
                let page = offset / 4096 * 4096;
                let end = (offset + bytes).next_multiple_of(4096).min(self.bytes);
                match self.aligned(page, end - page) {
                    // Blocks larger than a page cannot be read by pages: the first answer stands.
                    Err(second) if second.kind() == io::ErrorKind::InvalidInput => Err(first),
                    bytes => Ok((page, bytes?)),
                }
            }
        }
    }

    fn aligned(&self, start: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut buffer = Buffer::new(length);
        let mut filled = 0;
        while filled < length {
            let rest = &mut buffer.as_mut_slice()[filled..length];
            match self.file.read_at(rest, start + filled as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(buffer.as_slice()[..length].to_vec())
    }
}

impl ReadAt for DirectReader<'_> {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, mut offset: u64, mut piece: &mut [u8]) -> io::Result<()> {
        while !piece.is_empty() {
            let left_in_chunk = CHUNK - offset % CHUNK;
            let take = usize::try_from(left_in_chunk).unwrap_or(usize::MAX).min(piece.len());
            let (start, bytes) = self.around(offset, take as u64)?;
            let from = usize::try_from(offset - start).map_err(|_| io::ErrorKind::InvalidInput)?;
            let source = bytes.get(from..from + take).ok_or(io::ErrorKind::UnexpectedEof)?;
            let (head, tail) = piece.split_at_mut(take);
            head.copy_from_slice(source);
            piece = tail;
            offset += take as u64;
        }
        Ok(())
    }
}

/// A part of a drive: the whole, or a partition.
pub(super) struct Window<'a> {
    reader: &'a dyn ReadAt,
    start: u64,
    bytes: u64,
}

impl<'a> Window<'a> {
    /// `bytes` from `start`, cut off at the end of the drive.
    pub(super) fn new(reader: &'a dyn ReadAt, start: u64, bytes: u64) -> Self {
        let start = start.min(reader.bytes());
        Self { reader, start, bytes: bytes.min(reader.bytes() - start) }
    }

    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `N` bytes at `offset`, or `None` where the window is too short.
    pub(super) fn array<const N: usize>(&self, offset: u64) -> io::Result<Option<[u8; N]>> {
        let mut piece = [0; N];
        Ok(self.fill(offset, &mut piece)?.then_some(piece))
    }

    /// `length` bytes at `offset`, or `None` where the window is too short.
    pub(super) fn piece(&self, offset: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
        let mut piece = vec![0; length];
        Ok(self.fill(offset, &mut piece)?.then_some(piece))
    }

    /// Whether `magic` stands at `offset`.
    pub(super) fn holds(&self, offset: u64, magic: &[u8]) -> io::Result<bool> {
        Ok(self.piece(offset, magic.len())?.is_some_and(|piece| piece == magic))
    }

    /// Offset of `distance` bytes before the end.
    pub(super) const fn before_end(&self, distance: u64) -> Option<u64> {
        self.bytes.checked_sub(distance)
    }

    fn fill(&self, offset: u64, piece: &mut [u8]) -> io::Result<bool> {
        match offset.checked_add(piece.len() as u64) {
            Some(end) if end <= self.bytes => {
                self.reader.read_exact_at(self.start + offset, piece)?;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        }
    }
}
