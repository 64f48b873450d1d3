//! The kernel's own TCG driver (`CONFIG_BLK_SED_OPAL`): what it reads of a drive. Its ioctl for a revert is not used: it
//! shows nothing of what was sent and answered, and where its driver can reach a drive, our own commands can.
//!
//! JUSTIFICATION: as in [`super::ioctl`].
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

mod raw {
    // include/uapi/linux/sed-opal.h; the number is asserted in the test below.
    nix::ioctl_read!(get_status, b'p', 236, super::Status);
}

/// `struct opal_status`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Status {
    flags: u32,
    reserved: u32,
}

const _: () = assert!(size_of::<Status>() == 8);

/// What the kernel knows of a drive (`OPAL_FL_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpalStatus(u32);

impl OpalStatus {
    /// From the flags as the kernel gives them.
    pub const fn from_flags(flags: u32) -> Self {
        Self(flags)
    }

    /// The drive is an Opal drive.
    pub const fn supported(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// The Locking SP was activated.
    pub const fn locking_enabled(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// Some range is locked.
    pub const fn locked(self) -> bool {
        self.0 & 0x08 != 0
    }
}

/// What the kernel knows of a drive (`IOC_OPAL_GET_STATUS`; Linux 6.1, from memory). It asks for discovery and changes nothing.
///
/// # Errors
/// `ENOTTY` when the kernel has no driver for this drive; `EACCES` without the right to administer the system.
pub fn status(device: BorrowedFd<'_>) -> io::Result<OpalStatus> {
    let mut status = Status::default();
    // SAFETY: IOC_OPAL_GET_STATUS writes one opal_status to the pointer; Status has its size, asserted above.
    let result = unsafe { raw::get_status(device.as_raw_fd(), &raw mut status) };
    match result {
        Ok(_) => Ok(OpalStatus(status.flags)),
        Err(errno) => Err(named("IOC_OPAL_GET_STATUS", errno)),
    }
}

fn named(call: &str, errno: nix::errno::Errno) -> io::Error {
    let error = io::Error::from(errno);
    io::Error::new(error.kind(), format!("{call}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// The number that the macro computes, against the one compiled from the kernel's headers.
    #[test]
    fn the_number_is_that_of_the_kernel_headers() {
        assert_eq!(nix::request_code_read!(b'p', 236, size_of::<Status>()), 0x8008_70EC);
    }

    #[test]
    fn what_is_no_drive_is_refused_by_name() {
        let file = tempfile::tempfile().unwrap();
        let asked = status(file.as_fd()).unwrap_err().to_string();
        assert!(asked.starts_with("IOC_OPAL_GET_STATUS: "), "{asked}");
    }

    /// `OPAL_FL_SUPPORTED`, `_LOCKING_SUPPORTED`, `_LOCKING_ENABLED`, `_LOCKED` of include/uapi/linux/sed-opal.h.
    #[test]
    fn flags_are_those_of_the_kernel_headers() {
        let told = |flags| {
            let status = OpalStatus::from_flags(flags);
            (status.supported(), status.locking_enabled(), status.locked())
        };
        assert_eq!(told(0x01), (true, false, false));
        assert_eq!(told(0x03), (true, false, false));
        assert_eq!(told(0x07), (true, true, false));
        assert_eq!(told(0x0F), (true, true, true));
        assert_eq!(told(0x30), (false, false, false));
    }
}
