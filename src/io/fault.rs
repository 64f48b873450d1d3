//! What a drive can answer instead of success, by the kernel's block status table.
use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of failure an answer is; each has its own treatment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The medium could not hold or give the data (`EIO`, `ENODATA`). A vanished drive says `EIO` too.
    Medium,
    /// The path to the drive failed (`ETIMEDOUT`, `ENOLINK`).
    Transport,
    /// The drive rejected the command (`EREMOTEIO`).
    Target,
    /// Protection information did not match (`EILSEQ`).
    Protection,
    /// Another host holds a reservation (`EBADE`).
    Reservation,
    /// The drive is not there any more (`ENODEV`, `ENXIO`, `ENOSPC`, a transfer of no bytes).
    Gone,
    /// Not allowed or not possible (`EROFS`, `EPERM`, `EACCES`, `EOPNOTSUPP`, `EINVAL`).
    Refused,
    /// Fewer bytes were moved than asked for.
    Short,
    /// Any other errno.
    Other,
}

/// A failure that a drive or its path reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its kind.
    pub kind: FaultKind,
    /// The errno, 0 where there was none (a short transfer).
    pub errno: i32,
}

impl Fault {
    /// The fault that an errno stands for (Linux, `block/blk-core.c`, table `blk_errors`).
    pub const fn from_errno(errno: i32) -> Self {
        let kind = match errno {
            libc::EIO | libc::ENODATA => FaultKind::Medium,
            libc::ETIMEDOUT | libc::ENOLINK => FaultKind::Transport,
            libc::EREMOTEIO => FaultKind::Target,
            libc::EILSEQ => FaultKind::Protection,
            libc::EBADE => FaultKind::Reservation,
            libc::ENODEV | libc::ENXIO | libc::ENOSPC => FaultKind::Gone,
            libc::EROFS | libc::EPERM | libc::EACCES | libc::EOPNOTSUPP | libc::EINVAL => FaultKind::Refused,
            _ => FaultKind::Other,
        };
        Self { kind, errno }
    }

    /// The fault of an I/O error.
    pub fn from_error(error: &std::io::Error) -> Self {
        error.raw_os_error().map_or(Self { kind: FaultKind::Other, errno: 0 }, Self::from_errno)
    }

    /// A transfer that moved `moved` bytes instead of all: none at all means that the drive is gone.
    pub const fn short(moved: u64) -> Self {
        Self { kind: if moved == 0 { FaultKind::Gone } else { FaultKind::Short }, errno: 0 }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.errno) {
            (FaultKind::Gone, 0) => f.write_str("no bytes were moved: the drive is gone"),
            (_, 0) => f.write_str("fewer bytes were moved than asked for"),
            (_, errno) => write!(f, "{}", std::io::Error::from_raw_os_error(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of asm-generic/errno.h written out, so that a wrong constant does not agree with itself.
    #[test]
    fn errnos_of_the_block_layer_have_their_kinds() {
        let table = [
            (5, FaultKind::Medium),
            (61, FaultKind::Medium),
            (110, FaultKind::Transport),
            (67, FaultKind::Transport),
            (121, FaultKind::Target),
            (84, FaultKind::Protection),
            (52, FaultKind::Reservation),
            (19, FaultKind::Gone),
            (6, FaultKind::Gone),
            (28, FaultKind::Gone),
            (30, FaultKind::Refused),
            (1, FaultKind::Refused),
            (95, FaultKind::Refused),
            (12, FaultKind::Other),
        ];
        for (errno, kind) in table {
            assert_eq!(Fault::from_errno(errno), Fault { kind, errno });
        }
        assert_eq!(Fault::short(0).kind, FaultKind::Gone);
        assert_eq!(Fault::short(512).kind, FaultKind::Short);
    }
}
