//! Plain pread and pwrite past the page cache, for one block or a few.
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// What every device here accepts as the alignment of memory.
const ALIGNMENT: usize = 4096;

/// A node opened with `O_DIRECT`.
#[derive(Debug)]
pub struct Direct(File);

/// Aligned memory: a longer vector, and where in it the aligned part begins.
struct Aligned {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let memory = vec![0; length + ALIGNMENT];
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        Self { memory, start, length }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

impl Direct {
    #[track_caller]
    pub fn open(node: &Path) -> Self {
        let opened = OpenOptions::new().read(true).write(true).custom_flags(libc::O_DIRECT).open(node);
        Self(opened.unwrap_or_else(|error| panic!("{}: {error}", node.display())))
    }

    /// Reads `length` bytes, or the errno. A read that moves fewer bytes gives only those.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, i32> {
        let mut memory = Aligned::new(length);
        let moved = self.0.read_at(memory.bytes(), offset).map_err(|error| errno(&error))?;
        Ok(memory.bytes()[..moved].to_vec())
    }

    /// Writes all bytes, or gives the errno.
    #[track_caller]
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), i32> {
        let mut memory = Aligned::new(bytes.len());
        memory.bytes().copy_from_slice(bytes);
        let moved = self.0.write_at(memory.bytes(), offset).map_err(|error| errno(&error))?;
        assert_eq!(moved, bytes.len(), "a short write");
        Ok(())
    }

    /// `fdatasync`, or the errno.
    pub fn flush(&self) -> Result<(), i32> {
        self.0.sync_data().map_err(|error| errno(&error))
    }
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().expect("an error of the system")
}
