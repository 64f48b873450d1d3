//! Memory shared with a driver of the kernel or a device: what a UIO device offers to a program that serves it, and
//! registers.
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// The mapped memory, until it is dropped. Both sides change it; every access here is a copy.
#[derive(Debug)]
pub struct Mapping {
    memory: NonNull<u8>,
    length: usize,
}

impl Mapping {
    /// Maps the first `length` bytes of what the descriptor offers, for reading and writing.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn new(file: BorrowedFd<'_>, length: usize) -> io::Result<Self> {
        Self::with(file, length, libc::PROT_READ | libc::PROT_WRITE)
    }

    fn with(file: BorrowedFd<'_>, length: usize, protection: libc::c_int) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choosing touches no memory that is in use.
        let address = unsafe {
            libc::mmap(std::ptr::null_mut(), length, protection, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(address.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { memory, length })
    }

    /// Address of `count` bytes at `offset`, when they lie inside.
    fn place(&self, offset: usize, count: usize) -> io::Result<*mut u8> {
        let end = offset.checked_add(count).filter(|end| *end <= self.length);
        end.ok_or(io::ErrorKind::InvalidInput)?;
        // SAFETY: the offset lies inside of the mapping, checked above.
        Ok(unsafe { self.memory.as_ptr().add(offset) })
    }

    fn word(&self, offset: usize) -> io::Result<&AtomicU32> {
        if !offset.is_multiple_of(4) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let place = self.place(offset, 4)?.cast();
        // SAFETY: aligned (the mapping begins at a page), inside, alive as long as self; the other side is the
        // kernel, which also accesses such words as a whole.
        Ok(unsafe { AtomicU32::from_ptr(place) })
    }

    /// A 32-bit word, after which everything is seen that the other side wrote before it.
    ///
    /// # Errors
    /// When it is not aligned or lies outside.
    pub fn load(&self, offset: usize) -> io::Result<u32> {
        Ok(self.word(offset)?.load(Ordering::Acquire))
    }

    /// Sets a 32-bit word; who sees it sees everything that was written before it.
    ///
    /// # Errors
    /// When it is not aligned or lies outside.
    pub fn store(&self, offset: usize, value: u32) -> io::Result<()> {
        self.word(offset)?.store(value, Ordering::Release);
        Ok(())
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// When some lie outside.
    pub fn read(&self, offset: usize, out: &mut [u8]) -> io::Result<()> {
        let place = self.place(offset, out.len())?;
        // SAFETY: both ranges are valid for this length, and a borrowed slice is no part of the mapping.
        unsafe { std::ptr::copy_nonoverlapping(place, out.as_mut_ptr(), out.len()) };
        Ok(())
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// When some would lie outside.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let place = self.place(offset, bytes.len())?;
        // SAFETY: as in read.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: address and length are those that mmap gave; nothing borrowed from self lives on.
        let _unmapped = unsafe { libc::munmap(self.memory.as_ptr().cast(), self.length) };
    }
}

/// Registers of a device, to be looked at only.
#[derive(Debug)]
pub struct Registers(Mapping);

impl Registers {
    /// Maps the first `length` bytes of what the descriptor offers (`resource0` of a PCI function).
    ///
    /// # Errors
    /// What the kernel answered: `EINVAL` where it keeps the registers of a bound driver to itself
    /// (`CONFIG_IO_STRICT_DEVMEM` without `iomem=relaxed`), `EPERM` under lockdown.
    pub fn new(file: BorrowedFd<'_>, length: usize) -> io::Result<Self> {
        Mapping::with(file, length, libc::PROT_READ).map(Self)
    }

    /// A 32-bit register; little-endian, as on PCI.
    ///
    /// # Errors
    /// When it is not aligned or lies outside.
    pub fn load(&self, offset: usize) -> io::Result<u32> {
        self.0.load(offset).map(u32::from_le)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn both_sides_see_what_the_other_wrote() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        file.write_all_at(&[0x78, 0x56, 0x34, 0x12], 8).unwrap();
        let mapping = Mapping::new(file.as_fd(), 4096).unwrap();
        assert_eq!(mapping.load(8).unwrap(), 0x1234_5678);
        mapping.store(12, 0xAABB_CCDD).unwrap();
        mapping.write(4093, b"end").unwrap();
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, 12).unwrap();
        assert_eq!(bytes, [0xDD, 0xCC, 0xBB, 0xAA]);
        let mut end = [0; 3];
        mapping.read(4093, &mut end).unwrap();
        assert_eq!(&end, b"end");
    }

    #[test]
    fn registers_are_read_through_a_descriptor_that_cannot_write() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4096).unwrap();
        file.as_file().write_all_at(&[0x78, 0x56, 0x34, 0x12], 8).unwrap();
        let reading = std::fs::File::open(file.path()).unwrap();
        let registers = Registers::new(reading.as_fd(), 4096).unwrap();
        assert_eq!(registers.load(8).unwrap(), 0x1234_5678);
        assert!(registers.load(4096).is_err() && registers.load(2).is_err());
        assert!(Mapping::new(reading.as_fd(), 4096).is_err(), "writing needs a descriptor that can write");
    }

    #[test]
    fn nothing_outside_can_be_reached() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let mapping = Mapping::new(file.as_fd(), 4096).unwrap();
        assert!(mapping.load(4096).is_err() && mapping.load(6).is_err());
        assert!(mapping.read(4095, &mut [0; 2]).is_err() && mapping.write(usize::MAX, &[0]).is_err());
    }
}
