//! The block layer's ioctls that only ask. Each takes a borrowed descriptor and none does I/O to the medium.
//!
//! JUSTIFICATION: ioctls pass pointers whose meaning only the request number tells.
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

mod raw {
    use nix::libc;
    // include/uapi/linux/fs.h; the numbers are asserted in the test below.
    nix::ioctl_read!(size64, 0x12, 114, u64);
    nix::ioctl_read!(diskseq, 0x12, 128, u64);
    nix::ioctl_read_bad!(logical_block_size, 0x1268, libc::c_int);
    nix::ioctl_read_bad!(physical_block_size, 0x127B, libc::c_uint);
    nix::ioctl_read_bad!(read_only, 0x125E, libc::c_int);
    nix::ioctl_read_bad!(loop_status, 0x4C05, super::LoopInfo);
}

/// `struct loop_info64` of include/uapi/linux/loop.h.
#[repr(C)]
struct LoopInfo {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

const _: () = assert!(size_of::<LoopInfo>() == 232);

/// What a loop device stands on, as the kernel knows it: no path is involved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopBacking {
    /// Major and minor number of the file system that holds the file.
    pub filesystem: (u32, u32),
    /// Inode number of the file.
    pub inode: u64,
    /// Major and minor number of the device, when the backing is a device node.
    pub device: Option<(u32, u32)>,
}

fn answer<T>(call: &str, result: nix::Result<libc::c_int>, value: T) -> io::Result<T> {
    match result {
        Ok(_) => Ok(value),
        // The errno stays the kind; the text names the call, since one descriptor gets several.
        Err(errno) => {
            let error = io::Error::from(errno);
            Err(io::Error::new(error.kind(), format!("{call}: {error}")))
        }
    }
}

/// Size of the device in bytes (BLKGETSIZE64).
///
/// # Errors
/// `ENOTTY` when the descriptor is not a block device.
pub fn size_bytes(device: BorrowedFd<'_>) -> io::Result<u64> {
    let mut bytes = 0;
    // SAFETY: BLKGETSIZE64 writes one u64 to the pointer, which is valid for the call.
    let result = unsafe { raw::size64(device.as_raw_fd(), &raw mut bytes) };
    answer("BLKGETSIZE64", result, bytes)
}

/// Size of a logical block in bytes (BLKSSZGET).
///
/// # Errors
/// `ENOTTY` when the descriptor is not a block device; a negative size is invalid data.
pub fn logical_block_bytes(device: BorrowedFd<'_>) -> io::Result<u32> {
    let mut bytes = 0;
    // SAFETY: BLKSSZGET writes one int to the pointer, which is valid for the call.
    let result = unsafe { raw::logical_block_size(device.as_raw_fd(), &raw mut bytes) };
    let bytes = answer("BLKSSZGET", result, bytes)?;
    u32::try_from(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "BLKSSZGET: negative size"))
}

/// Size of a physical block in bytes (BLKPBSZGET).
///
/// # Errors
/// `ENOTTY` when the descriptor is not a block device.
pub fn physical_block_bytes(device: BorrowedFd<'_>) -> io::Result<u32> {
    let mut bytes = 0;
    // SAFETY: BLKPBSZGET writes one unsigned int to the pointer, which is valid for the call.
    let result = unsafe { raw::physical_block_size(device.as_raw_fd(), &raw mut bytes) };
    answer("BLKPBSZGET", result, bytes)
}

/// Whether the device or its node is set to read-only (BLKROGET).
///
/// # Errors
/// `ENOTTY` when the descriptor is not a block device.
pub fn is_read_only(device: BorrowedFd<'_>) -> io::Result<bool> {
    let mut flag = 0;
    // SAFETY: BLKROGET writes one int to the pointer, which is valid for the call.
    let result = unsafe { raw::read_only(device.as_raw_fd(), &raw mut flag) };
    answer("BLKROGET", result, flag).map(|flag| flag != 0)
}

/// Number of this attachment (BLKGETDISKSEQ, Linux 5.15).
///
/// # Errors
/// `ENOTTY` when the descriptor is not a block device or the kernel has no such number.
pub fn diskseq(device: BorrowedFd<'_>) -> io::Result<u64> {
    let mut number = 0;
    // SAFETY: BLKGETDISKSEQ writes one u64 to the pointer, which is valid for the call.
    let result = unsafe { raw::diskseq(device.as_raw_fd(), &raw mut number) };
    answer("BLKGETDISKSEQ", result, number)
}

/// What a loop device stands on (LOOP_GET_STATUS64). It asks the backing file system, so it can hang with it.
///
/// # Errors
/// `ENXIO` when the loop device has no backing; `ENOTTY` when it is no loop device.
pub fn loop_backing(device: BorrowedFd<'_>) -> io::Result<LoopBacking> {
    let mut info = LoopInfo {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        size_limit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: 0,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
    // SAFETY: LOOP_GET_STATUS64 writes one loop_info64 to the pointer; LoopInfo has its size, asserted above.
    let result = unsafe { raw::loop_status(device.as_raw_fd(), &raw mut info) };
    let info = answer("LOOP_GET_STATUS64", result, info)?;
    let numbers = |device: u64| (libc::major(device), libc::minor(device));
    Ok(LoopBacking {
        filesystem: numbers(info.device),
        inode: info.inode,
        device: (info.rdevice != 0).then(|| numbers(info.rdevice)),
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// A wrong request number on a block device would not be refused, only answer something else; on a plain
    /// file each says "not a block device" and names itself.
    #[test]
    fn each_call_names_itself_on_what_is_no_block_device() {
        let file = tempfile::tempfile().unwrap();
        let file = file.as_fd();
        let text = |result: io::Result<u64>| result.unwrap_err().to_string();
        let tail = ": ENOTTY: Not a typewriter";
        let says = |name: &str, got: String| assert!(got.starts_with(&format!("{name}: ")), "{got} {tail}");
        says("BLKGETSIZE64", text(size_bytes(file)));
        says("BLKSSZGET", text(logical_block_bytes(file).map(u64::from)));
        says("BLKPBSZGET", text(physical_block_bytes(file).map(u64::from)));
        says("BLKROGET", text(is_read_only(file).map(u64::from)));
        says("BLKGETDISKSEQ", text(diskseq(file)));
        says("LOOP_GET_STATUS64", text(loop_backing(file).map(|backing| backing.inode)));
        assert_eq!(
            size_bytes(file).unwrap_err().to_string(),
            "BLKGETSIZE64: Inappropriate ioctl for device (os error 25)"
        );
    }

    /// The numbers that the macros compute, against those compiled from the kernel's headers.
    #[test]
    fn the_numbers_are_those_of_the_kernel_headers() {
        assert_eq!(nix::request_code_read!(0x12, 114, size_of::<u64>()), 0x8008_1272);
        assert_eq!(nix::request_code_read!(0x12, 128, size_of::<u64>()), 0x8008_1280);
    }
}
