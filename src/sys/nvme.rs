//! The NVMe driver's pass-through ioctls: one admin command, and the number of a namespace.
//!
//! JUSTIFICATION: the command structure carries the address of a buffer that the kernel reads or writes.
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

mod raw {
    // include/uapi/linux/nvme_ioctl.h; the numbers are asserted in the test below.
    nix::ioctl_none!(id, b'N', 0x40);
    nix::ioctl_readwrite!(admin, b'N', 0x41, super::Passthru);
}

/// `struct nvme_passthru_cmd` of include/uapi/linux/nvme_ioctl.h.
#[repr(C)]
#[derive(Default)]
struct Passthru {
    opcode: u8,
    flags: u8,
    reserved: u16,
    nsid: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    addr: u64,
    metadata_len: u32,
    data_len: u32,
    cdw10: u32,
    cdw11: u32,
    cdw12: u32,
    cdw13: u32,
    cdw14: u32,
    cdw15: u32,
    timeout_ms: u32,
    result: u32,
}

const _: () = assert!(size_of::<Passthru>() == 72);

/// An admin command without its data.
#[derive(Clone, Copy, Debug)]
pub struct AdminCommand {
    /// Opcode. Its lowest bit says that data goes to the drive.
    pub opcode: u8,
    /// Namespace.
    pub nsid: u32,
    /// Command dwords 2 and 3.
    pub early_dwords: [u32; 2],
    /// Command dwords 10 to 15.
    pub dwords: [u32; 6],
    /// How long the driver waits, in milliseconds, before it resets the controller; 0 is its own default (60 s).
    pub timeout_ms: u32,
}

/// Data of an admin command.
#[derive(Debug)]
pub enum AdminData<'a> {
    /// None.
    None,
    /// From the drive.
    In(&'a mut [u8]),
    /// To the drive.
    Out(&'a [u8]),
}

/// How an admin command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminEnd {
    /// The ioctl gave zero: completed with status zero and this dword 0.
    Completed(u32),
    /// It gave a positive number: the status field of the completion.
    Status(u16),
    /// It gave an error.
    Errno(i32),
}

/// Sends one admin command and waits (`NVME_IOCTL_ADMIN_CMD`). A data phase that does not fit the direction in the
/// opcode is EINVAL and nothing is sent: by that bit the kernel decides whether it writes to the buffer.
pub fn admin(device: BorrowedFd<'_>, command: &AdminCommand, data: AdminData<'_>) -> AdminEnd {
    let to_drive = command.opcode & 0x01 != 0;
    let (address, length) = match data {
        AdminData::None => (std::ptr::null::<u8>(), 0),
        AdminData::In(buffer) if !to_drive => (buffer.as_mut_ptr().cast_const(), buffer.len()),
        AdminData::Out(buffer) if to_drive => (buffer.as_ptr(), buffer.len()),
        AdminData::In(_) | AdminData::Out(_) => return AdminEnd::Errno(Errno::EINVAL as i32),
    };
    let Ok(data_len) = u32::try_from(length) else { return AdminEnd::Errno(Errno::EINVAL as i32) };
    let [cdw2, cdw3] = command.early_dwords;
    let [cdw10, cdw11, cdw12, cdw13, cdw14, cdw15] = command.dwords;
    let mut passthru = Passthru {
        opcode: command.opcode,
        nsid: command.nsid,
        cdw2,
        cdw3,
        addr: address.expose_provenance() as u64,
        data_len,
        cdw10,
        cdw11,
        cdw12,
        cdw13,
        cdw14,
        cdw15,
        timeout_ms: command.timeout_ms,
        ..Passthru::default()
    };
    // SAFETY: the ioctl reads and writes one nvme_passthru_cmd, whose size is asserted above. The kernel copies at
    // most data_len bytes from or to addr, which is a borrow of that length that outlives the call; it writes there
    // only when the lowest bit of the opcode is clear, and then the borrow is a mutable one.
    let result = unsafe { raw::admin(device.as_raw_fd(), &raw mut passthru) };
    match result {
        Ok(0) => AdminEnd::Completed(passthru.result),
        // A positive number is a status field of 15 bits.
        Ok(field) => AdminEnd::Status(u16::try_from(field).unwrap_or(u16::MAX)),
        Err(errno) => AdminEnd::Errno(errno as i32),
    }
}

/// Number of the namespace behind a block node (`NVME_IOCTL_ID`): it need not be the one in the node's name.
///
/// # Errors
/// `ENOTTY` when the node is not that of an NVMe namespace.
pub fn namespace_id(device: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: NVME_IOCTL_ID takes no argument.
    let result = unsafe { raw::id(device.as_raw_fd()) };
    match result {
        Ok(number) => Ok(u32::from_ne_bytes(number.to_ne_bytes())),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    const IDENTIFY: AdminCommand = AdminCommand {
        opcode: 0x06,
        nsid: 0,
        early_dwords: [0; 2],
        dwords: [1, 0, 0, 0, 0, 0],
        timeout_ms: 1000,
    };

    /// Numbers and offsets as the C compiler gives them for `linux/nvme_ioctl.h`.
    #[test]
    fn numbers_and_layout_are_those_of_the_kernel_headers() {
        assert_eq!(nix::request_code_readwrite!(b'N', 0x41, size_of::<Passthru>()), 0xC048_4E41);
        assert_eq!(nix::request_code_none!(b'N', 0x40), 0x4E40);
        assert_eq!(std::mem::offset_of!(Passthru, addr), 24);
        assert_eq!(std::mem::offset_of!(Passthru, cdw10), 40);
        assert_eq!(std::mem::offset_of!(Passthru, timeout_ms), 64);
        assert_eq!(std::mem::offset_of!(Passthru, result), 68);
    }

    #[test]
    fn a_file_that_is_no_nvme_device_is_an_errno_and_not_a_status() {
        let file = tempfile::tempfile().unwrap();
        let mut page = [0; 4096];
        let end = admin(file.as_fd(), &IDENTIFY, AdminData::In(&mut page));
        assert_eq!(end, AdminEnd::Errno(25), "ENOTTY");
        assert_eq!(namespace_id(file.as_fd()).unwrap_err().raw_os_error(), Some(25));
    }

    #[test]
    fn data_against_the_direction_of_the_opcode_is_not_sent() {
        let file = tempfile::tempfile().unwrap();
        let end = admin(file.as_fd(), &IDENTIFY, AdminData::Out(&[0; 4096]));
        assert_eq!(end, AdminEnd::Errno(22), "EINVAL");
        let send = AdminCommand { opcode: 0x81, ..IDENTIFY };
        assert_eq!(admin(file.as_fd(), &send, AdminData::In(&mut [0; 512])), AdminEnd::Errno(22));
    }
}
