//! What a drive can answer instead of success, by the kernel's block status table.
use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of failure an answer is; each has its own treatment ([`FaultKind::treatment`]).
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
    /// The drive says that its capacity or medium is another than it was (SCSI unit attention).
    Changed,
    /// Not allowed or not possible, now or ever (`EROFS`, `EPERM`, `EACCES`, `EOPNOTSUPP`).
    Refused,
    /// The transfer does not fit the drive or its path: too long, or not aligned (`EINVAL`).
    Unfit,
    /// Fewer bytes were moved than asked for.
    Short,
    /// The host was short of something (`ENOMEM`, `EAGAIN`, `EBUSY`), or any other errno.
    Other,
}

/// What the engine does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Treatment {
    /// The range is set aside, later divided down to the blocks that fail, each tried alone.
    Divide,
    /// A pause, then the same range again, alone; after several pauses in vain as [`Self::Divide`].
    BackOff,
    /// The drive is gone, or is another: nothing more is tried.
    Leave,
    /// No further transfer can do better: the job ends.
    EndJob,
}

/// The one table from errno to kind: Linux, `block/blk-core.c`, `blk_errors`, and what stands above it.
const KINDS: &[(i32, FaultKind)] = &[
    (libc::EIO, FaultKind::Medium),
    (libc::ENODATA, FaultKind::Medium),
    (libc::ETIMEDOUT, FaultKind::Transport),
    (libc::ENOLINK, FaultKind::Transport),
    (libc::EREMOTEIO, FaultKind::Target),
    (libc::EILSEQ, FaultKind::Protection),
    (libc::EBADE, FaultKind::Reservation),
    (libc::ENODEV, FaultKind::Gone),
    (libc::ENXIO, FaultKind::Gone),
    (libc::ENOSPC, FaultKind::Gone),
    (libc::EROFS, FaultKind::Refused),
    (libc::EPERM, FaultKind::Refused),
    (libc::EACCES, FaultKind::Refused),
    (libc::EOPNOTSUPP, FaultKind::Refused),
    (libc::EINVAL, FaultKind::Unfit),
];

impl FaultKind {
    /// What is done about it. A rejected command is not waited for: the drive has answered, and will answer the
    /// same again.
    pub const fn treatment(self) -> Treatment {
        match self {
            Self::Medium | Self::Target | Self::Protection | Self::Unfit | Self::Short => Treatment::Divide,
            Self::Transport | Self::Other => Treatment::BackOff,
            Self::Gone | Self::Changed => Treatment::Leave,
            Self::Reservation | Self::Refused => Treatment::EndJob,
        }
    }
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
    /// The fault that an errno stands for; what is not in the table is [`FaultKind::Other`].
    pub const fn from_errno(errno: i32) -> Self {
        let mut row = 0;
        while row < KINDS.len() {
            let (listed, kind) = KINDS[row];
            if listed == errno {
                return Self { kind, errno };
            }
            row += 1;
        }
        Self { kind: FaultKind::Other, errno }
    }

    /// The fault of an I/O error.
    pub fn from_error(error: &std::io::Error) -> Self {
        error.raw_os_error().map_or(Self { kind: FaultKind::Other, errno: 0 }, Self::from_errno)
    }

    /// The drive said that it is another than it was.
    pub const fn changed() -> Self {
        Self { kind: FaultKind::Changed, errno: 0 }
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
            (FaultKind::Changed, _) => f.write_str("its capacity or its medium is another than it was"),
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
            (13, FaultKind::Refused),
            (22, FaultKind::Unfit),
            (12, FaultKind::Other),
            (11, FaultKind::Other),
        ];
        for (errno, kind) in table {
            assert_eq!(Fault::from_errno(errno), Fault { kind, errno });
        }
        assert_eq!(Fault::short(0).kind, FaultKind::Gone);
        assert_eq!(Fault::short(512).kind, FaultKind::Short);
    }

    /// The design's words for each row, by number.
    #[test]
    fn each_kind_has_the_treatment_of_the_design() {
        let rows: [(&[i32], Treatment); 4] = [
            (&[5, 61, 121, 84, 22], Treatment::Divide),
            (&[110, 67, 12], Treatment::BackOff),
            (&[19, 6, 28], Treatment::Leave),
            (&[52, 30, 1, 95], Treatment::EndJob),
        ];
        for (errnos, treatment) in rows {
            for errno in errnos {
                assert_eq!(Fault::from_errno(*errno).kind.treatment(), treatment, "errno {errno}");
            }
        }
        assert_eq!(Fault::short(512).kind.treatment(), Treatment::Divide);
        assert_eq!(Fault::short(0).kind.treatment(), Treatment::Leave);
        assert_eq!(Fault::changed().kind.treatment(), Treatment::Leave);
    }
}
