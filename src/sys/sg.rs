//! `SG_IO`: one SCSI command to a block device or SCSI generic node, and its end. `sg_io_hdr` of
//! include/scsi/sg.h, interface version 3.
//!
//! JUSTIFICATION: the header points to memory that the kernel reads and writes.
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

/// Longest sense data that is taken, in bytes: SPC allows 252, and the field is one byte.
pub const SENSE_BYTES: usize = 252;

const SG_IO: libc::Ioctl = 0x2285;
const SG_DXFER_NONE: i32 = -1;
const SG_DXFER_TO_DEV: i32 = -2;
const SG_DXFER_FROM_DEV: i32 = -3;

/// `struct sg_io_hdr`.
#[repr(C)]
struct Header {
    interface_id: i32,
    direction: i32,
    block_length: u8,
    sense_room: u8,
    pieces: u16,
    data_length: u32,
    data: *mut libc::c_void,
    block: *const u8,
    sense: *mut u8,
    timeout_millis: u32,
    flags: u32,
    pack_id: i32,
    user: *mut libc::c_void,
    status: u8,
    masked_status: u8,
    message_status: u8,
    sense_written: u8,
    host_status: u16,
    driver_status: u16,
    residual: i32,
    duration_millis: u32,
    info: u32,
}

const _: () = assert!(size_of::<*const u8>() != 8 || size_of::<Header>() == 88);

/// The data phase of a command.
#[derive(Debug)]
pub enum Transfer<'a> {
    /// None.
    None,
    /// From the device.
    From(&'a mut [u8]),
    /// To the device.
    To(&'a [u8]),
}

/// What the kernel said of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// SCSI status byte.
    pub status: u8,
    /// `host_status`: what the host adapter's driver says.
    pub host: u16,
    /// `driver_status`, with every flag.
    pub driver: u16,
    /// Bytes of the data phase that were moved.
    pub moved: u32,
    /// Sense data that came.
    pub sense: Vec<u8>,
}

/// Sends a command block and waits for its end, at most `timeout_millis`. A call that a signal interrupts is not
/// repeated: the device may have the command already.
///
/// # Errors
/// What the kernel answers, `EINVAL` also for a block or a data phase that the header cannot describe; whether the
/// device got the command is not known then.
pub fn execute(
    device: BorrowedFd<'_>,
    block: &[u8],
    transfer: Transfer<'_>,
    timeout_millis: u32,
) -> io::Result<Reply> {
    let invalid = |_| io::Error::from_raw_os_error(libc::EINVAL);
    let (direction, data, length) = match transfer {
        Transfer::None => (SG_DXFER_NONE, std::ptr::null_mut(), 0),
        Transfer::From(buffer) => (SG_DXFER_FROM_DEV, buffer.as_mut_ptr(), buffer.len()),
        Transfer::To(bytes) => (SG_DXFER_TO_DEV, bytes.as_ptr().cast_mut(), bytes.len()),
    };
    let mut sense = [0_u8; SENSE_BYTES];
    let mut header = Header {
        interface_id: i32::from(b'S'),
        direction,
        block_length: u8::try_from(block.len()).map_err(invalid)?,
        sense_room: u8::try_from(SENSE_BYTES).map_err(invalid)?,
        pieces: 0,
        data_length: u32::try_from(length).map_err(invalid)?,
        data: data.cast(),
        block: block.as_ptr(),
        sense: sense.as_mut_ptr(),
        timeout_millis,
        flags: 0,
        pack_id: 0,
        user: std::ptr::null_mut(),
        status: 0,
        masked_status: 0,
        message_status: 0,
        sense_written: 0,
        host_status: 0,
        driver_status: 0,
        residual: 0,
        duration_millis: 0,
        info: 0,
    };
    // SAFETY: SG_IO reads and writes one sg_io_hdr, and `header` is one. What it points to lives until the call
    // returns, is as long as it says, and is written only where it was borrowed to be written: the sense buffer
    // always, the data only for a command from the device. Without SG_FLAG_DIRECT_IO a command that outlives an
    // interrupted call ends in the kernel's own memory.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), SG_IO, &raw mut header) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let left = u32::try_from(header.residual).unwrap_or(0);
    let written = usize::from(header.sense_written).min(SENSE_BYTES);
    Ok(Reply {
        status: header.status,
        host: header.host_status,
        driver: header.driver_status,
        moved: header.data_length.saturating_sub(left),
        sense: sense[..written].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::mem::offset_of;
    use std::os::fd::AsFd as _;

    use super::*;

    /// Size and offsets as the C compiler gives them for scsi/sg.h on a 64-bit machine.
    #[test]
    fn the_header_has_the_kernels_layout() {
        assert_eq!(size_of::<Header>(), 88);
        let offsets = [
            offset_of!(Header, data),
            offset_of!(Header, block),
            offset_of!(Header, sense),
            offset_of!(Header, timeout_millis),
            offset_of!(Header, status),
            offset_of!(Header, host_status),
            offset_of!(Header, residual),
            offset_of!(Header, info),
        ];
        assert_eq!(offsets, [16, 24, 32, 40, 64, 68, 72, 80]);
    }

    #[test]
    fn a_node_without_scsi_is_an_error() {
        let null = File::open("/dev/null").unwrap();
        let error = execute(null.as_fd(), &[0; 6], Transfer::None, 1000).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(25), "ENOTTY");
    }

    #[test]
    fn a_block_that_the_header_cannot_describe_is_not_sent() {
        let null = File::open("/dev/null").unwrap();
        let error = execute(null.as_fd(), &[0; 256], Transfer::None, 1000).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(22), "EINVAL");
    }
}
