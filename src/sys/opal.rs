//! The kernel's own TCG driver (`CONFIG_BLK_SED_OPAL`): revert by PSID, and what it knows of a drive.
//!
//! JUSTIFICATION: as in [`super::ioctl`].
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

mod raw {
    // include/uapi/linux/sed-opal.h; the numbers are asserted in the test below.
    nix::ioctl_write_ptr!(psid_revert_tper, b'p', 232, super::OpalKey);
    nix::ioctl_read!(get_status, b'p', 236, super::Status);
}

/// Longest credential in bytes: its length travels in one byte.
pub const LONGEST_CREDENTIAL: usize = 255;

/// `struct opal_key`. `kind` was filling in older headers; 0 says that the key is in it.
#[repr(C)]
struct OpalKey {
    range: u8,
    length: u8,
    kind: u8,
    filling: [u8; 5],
    key: [u8; 256],
}

const _: () = assert!(size_of::<OpalKey>() == 264);

impl Drop for OpalKey {
    fn drop(&mut self) {
        self.key.fill(0);
        // The compiler must not find that nobody reads the zeros.
        std::hint::black_box(&self.key);
    }
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
    /// The flags as the kernel gives them.
    pub const fn flags(self) -> u32 {
        self.0
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

    /// The shadow MBR is enabled.
    pub const fn mbr_enabled(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// It is done.
    pub const fn mbr_done(self) -> bool {
        self.0 & 0x20 != 0
    }
}

/// How the drive answered a revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpalEnd {
    /// With success.
    Success,
    /// With this status of TCG methods: 1 is `NOT_AUTHORIZED`.
    Status(i32),
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

/// Reverts the drive by its PSID (`IOC_OPAL_PSID_REVERT_TPR`; Linux 5.3, from memory): EVERY MEDIA KEY IS REPLACED. It waits until
/// the drive is done. The copy of the PSID that is made here is overwritten afterwards.
///
/// # Errors
/// `EINVAL` when the credential is empty or longer than [`LONGEST_CREDENTIAL`]; the kernel's errors: `ENOTTY` when it
/// has no driver for this drive, `EOPNOTSUPP` when the drive is no Opal drive, `EACCES`, and errors of transport, after
/// which it is not known whether the drive reverted.
pub fn revert_by_psid(device: BorrowedFd<'_>, psid: &[u8]) -> io::Result<OpalEnd> {
    let length = u8::try_from(psid.len()).ok().filter(|length| *length > 0);
    let length = length.ok_or_else(|| named("IOC_OPAL_PSID_REVERT_TPR", nix::errno::Errno::EINVAL))?;
    let mut key = OpalKey { range: 0, length, kind: 0, filling: [0; 5], key: [0; 256] };
    key.key[..psid.len()].copy_from_slice(psid);
    // SAFETY: IOC_OPAL_PSID_REVERT_TPR reads one opal_key from the pointer; OpalKey has its size, asserted above.
    let result = unsafe { raw::psid_revert_tper(device.as_raw_fd(), &raw const key) };
    match result {
        Ok(0) => Ok(OpalEnd::Success),
        Ok(status) => Ok(OpalEnd::Status(status)),
        Err(errno) => Err(named("IOC_OPAL_PSID_REVERT_TPR", errno)),
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

    /// The numbers that the macros compute, against those compiled from the kernel's headers.
    #[test]
    fn the_numbers_are_those_of_the_kernel_headers() {
        assert_eq!(nix::request_code_write!(b'p', 232, size_of::<OpalKey>()), 0x4108_70E8);
        assert_eq!(nix::request_code_read!(b'p', 236, size_of::<Status>()), 0x8008_70EC);
    }

    #[test]
    fn what_is_no_drive_is_refused_by_name() {
        let file = tempfile::tempfile().unwrap();
        let asked = status(file.as_fd()).unwrap_err().to_string();
        assert!(asked.starts_with("IOC_OPAL_GET_STATUS: "), "{asked}");
        let reverted = revert_by_psid(file.as_fd(), b"X").unwrap_err().to_string();
        assert!(reverted.starts_with("IOC_OPAL_PSID_REVERT_TPR: "), "{reverted}");
    }

    #[test]
    fn a_credential_that_does_not_fit_is_not_handed_over() {
        let file = tempfile::tempfile().unwrap();
        for credential in [vec![], vec![b'A'; 256]] {
            let error = revert_by_psid(file.as_fd(), &credential).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
