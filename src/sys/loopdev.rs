//! Loop devices: a file as a block device. Numbers and structures are those of linux/loop.h.
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;

/// Attempts to attach: another process may take the free number between finding and using it.
const ATTEMPTS: u32 = 20;

const LOOP_CLR_FD: libc::Ioctl = 0x4C01;
const LOOP_GET_STATUS64: libc::Ioctl = 0x4C05;
const LOOP_CONFIGURE: libc::Ioctl = 0x4C0A;
const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4C82;
const LO_FLAGS_DIRECT_IO: u32 = 16;

/// `struct loop_info64`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

const EMPTY: Info = Info {
    device: 0,
    inode: 0,
    rdevice: 0,
    offset: 0,
    sizelimit: 0,
    number: 0,
    encrypt_type: 0,
    encrypt_key_size: 0,
    flags: 0,
    file_name: [0; 64],
    crypt_name: [0; 64],
    encrypt_key: [0; 32],
    init: [0; 2],
};

/// What stands behind a loop device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backing {
    /// Device number of the backing file's file system, encoded as in `st_dev`.
    pub filesystem: u64,
    /// Inode number of the backing file.
    pub inode: u64,
    /// Whether the loop device reads and writes the file past the page cache.
    pub direct: bool,
}

/// Attaches an open file to a free loop device with logical blocks of `block_size` bytes, with direct I/O to
/// the file where its file system allows it. Gives the node.
///
/// # Errors
/// Without the right to do so, without the loop driver, or when the kernel does not accept the block size.
pub fn attach(file: &File, block_size: u32) -> io::Result<PathBuf> {
    let control = OpenOptions::new().read(true).write(true).open("/dev/loop-control")?;
    let mut last = io::Error::from_raw_os_error(libc::EBUSY);
    for _ in 0..ATTEMPTS {
        let number = free_number(&control)?;
        let node = PathBuf::from(format!("/dev/loop{number}"));
        let device = OpenOptions::new().read(true).write(true).open(&node)?;
        match configure(&device, file, block_size) {
            Ok(()) => return Ok(node),
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Detaches the loop device behind an open node. While others hold it open it stays until they close it.
///
/// # Errors
/// What the kernel answers; `ENXIO` when nothing is attached.
pub fn detach(device: &File) -> io::Result<()> {
    // SAFETY: LOOP_CLR_FD takes no argument; the descriptor is open for the length of the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CLR_FD, 0) };
    checked(result).map(drop)
}

/// What stands behind an open loop node; `None` when nothing is attached.
///
/// # Errors
/// What the kernel answers, for example that the node is no loop device.
pub fn backing(device: &File) -> io::Result<Option<Backing>> {
    let mut info = EMPTY;
    // SAFETY: LOOP_GET_STATUS64 writes one loop_info64, and `info` is one, alive during the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_GET_STATUS64, &raw mut info) };
    match checked(result) {
        Ok(_) => Ok(Some(Backing {
            filesystem: info.device,
            inode: info.inode,
            direct: info.flags & LO_FLAGS_DIRECT_IO != 0,
        })),
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => Ok(None),
        Err(error) => Err(error),
    }
}

fn free_number(control: &File) -> io::Result<RawFd> {
    // SAFETY: LOOP_CTL_GET_FREE takes no argument; the descriptor is open for the length of the call.
    let result = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
    checked(result)
}

fn configure(device: &File, file: &File, block_size: u32) -> io::Result<()> {
    let fd = u32::try_from(file.as_raw_fd()).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    let info = Info { flags: LO_FLAGS_DIRECT_IO, ..EMPTY };
    let config = Config { fd, block_size, info, reserved: [0; 8] };
    // SAFETY: LOOP_CONFIGURE reads one loop_config, and `config` is one, alive during the call; the kernel takes
    // its own reference to the backing file.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &raw const config) };
    checked(result).map(drop)
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes and offsets as the C compiler gives them for linux/loop.h on a 64-bit machine.
    #[test]
    fn structures_have_the_kernels_layout() {
        assert_eq!(size_of::<Info>(), 232);
        assert_eq!(size_of::<Config>(), 304);
        assert_eq!(std::mem::offset_of!(Info, flags), 52);
        assert_eq!(std::mem::offset_of!(Config, info), 8);
    }

    #[test]
    fn a_node_that_is_no_loop_device_is_an_error() {
        let null = File::open("/dev/null").unwrap();
        assert_eq!(backing(&null).unwrap_err().raw_os_error(), Some(25), "ENOTTY");
        assert!(detach(&null).is_err());
    }
}
