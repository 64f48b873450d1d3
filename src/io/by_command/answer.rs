//! What the answer to a read, a write or a flush means. Sense becomes the errno that the kernel's block layer would give
//! (`scsi_result_to_blk_status`, from memory), so that the engine treats both kinds of drives alike; commands and fields
//! that the unit does not have are told apart from other illegal requests. Keys and codes: SPC, from memory.
use crate::io::{Fault, ScsiAnswer};

const GOOD: u8 = 0x00;
const CHECK_CONDITION: u8 = 0x02;
const BUSY: u8 = 0x08;
const RESERVATION_CONFLICT: u8 = 0x18;
const TASK_SET_FULL: u8 = 0x28;

/// Host status of a command that timed out (`DID_TIME_OUT`).
const HOST_TIMED_OUT: u16 = 0x03;

/// Unit attentions that only warn (additional sense codes): of heat and wear (0Bh), of a failure that is predicted (5Dh),
/// of a change of the power condition (5Eh). Whatever is written stays so.
const WARNINGS: [u8; 3] = [0x0b, 0x5d, 0x5e];

/// What an answer means for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    Moved(u32),
    Fault(Fault),
    /// The unit did not look at it.
    Again(Fault),
    /// The unit cannot look at it yet: it is busy, or becomes ready after a reset.
    Later(Fault),
    /// The unit did not look at it: it tells that its capacity, its medium or its identity is another.
    Changed,
}

const LATER: Judged = Judged::Later(Fault::from_errno(libc::EBUSY));

pub(super) fn judge(answer: &ScsiAnswer) -> Judged {
    let fault = |errno| Judged::Fault(Fault::from_errno(errno));
    match answer {
        ScsiAnswer::Answered { status: GOOD, moved, .. } => Judged::Moved(*moved),
        ScsiAnswer::Answered { status: CHECK_CONDITION, sense, moved } => judge_sense(sense, *moved),
        ScsiAnswer::Answered { status: RESERVATION_CONFLICT, .. } => fault(libc::EBADE),
        ScsiAnswer::Answered { status: BUSY | TASK_SET_FULL, .. } => LATER,
        ScsiAnswer::Answered { .. } => fault(libc::EIO),
        ScsiAnswer::Transport { host: HOST_TIMED_OUT, .. } => fault(libc::ETIMEDOUT),
        ScsiAnswer::Transport { .. } => fault(libc::ENOLINK),
        ScsiAnswer::NotCompleted { errno } => fault(*errno),
    }
}

/// Whether what the unit took before and was not flushed may be lost. After a failure of the way to it the kernel may
/// have reset it, and kept what it said of that to itself.
pub(super) fn casts_doubt(answer: &ScsiAnswer) -> bool {
    match answer {
        ScsiAnswer::Answered { status: CHECK_CONDITION, sense, .. } => match Sense::of(sense) {
            // An earlier command came to nothing after all, unless it was recovered (or there is no sense to it).
            Some(Sense { deferred: true, key, .. }) => !matches!(key, 0x0 | 0x1),
            // Unit attention: a reset (29h) takes the cache; the others do not say what became of it.
            Some(Sense { key: 0x6, code, .. }) => !WARNINGS.contains(&code),
            Some(_) => false,
            None => true,
        },
        ScsiAnswer::Answered { .. } | ScsiAnswer::NotCompleted { .. } => false,
        ScsiAnswer::Transport { .. } => true,
    }
}

/// Additional sense codes and qualifiers of unit attentions by which a unit says that it is another: CAPACITY DATA HAS
/// CHANGED, INQUIRY DATA HAS CHANGED; and whatever the qualifier, MEDIUM MAY HAVE CHANGED.
const CHANGES: [(u8, u8); 2] = [(0x2a, 0x09), (0x3f, 0x03)];
const MEDIUM_MAY_HAVE_CHANGED: u8 = 0x28;

/// Key and additional sense code and its qualifier, of fixed (70h, 71h) or descriptor format (72h, 73h). The odd ones are
/// deferred: about an earlier command, while this one was not looked at.
#[derive(Clone, Copy, Debug)]
struct Sense {
    deferred: bool,
    key: u8,
    code: u8,
    qualifier: u8,
}

impl Sense {
    fn of(bytes: &[u8]) -> Option<Self> {
        let format = bytes.first()? & 0x7f;
        let at = |place: usize| bytes.get(place).copied().unwrap_or(0);
        let (key, code, qualifier) = match format {
            0x70 | 0x71 => (*bytes.get(2)?, at(12), at(13)),
            0x72 | 0x73 => (*bytes.get(1)?, at(2), at(3)),
            _ => return None,
        };
        Some(Self { deferred: format & 1 == 1, key: key & 0x0f, code, qualifier })
    }
}

fn judge_sense(bytes: &[u8], moved: u32) -> Judged {
    let again = Judged::Again(Fault::from_errno(libc::EIO));
    let errno = match Sense::of(bytes) {
        // An earlier command's error.
        None | Some(Sense { deferred: true, .. }) => return again,
        // No sense, recovered error.
        Some(Sense { key: 0x0 | 0x1, .. }) => return Judged::Moved(moved),
        // Not ready: in process of becoming ready.
        Some(Sense { key: 0x2, code: 0x04, qualifier: 0x01, .. }) => return LATER,
        // Unit attention.
        Some(Sense { key: 0x6, code, qualifier, .. })
            if code == MEDIUM_MAY_HAVE_CHANGED || CHANGES.contains(&(code, qualifier)) =>
        {
            return Judged::Changed;
        }
        Some(Sense { key: 0x6, .. }) => return again,
        // A command that was aborted: sent again, but not for its protection information.
        Some(Sense { key: 0xb, code: 0x10, .. }) => libc::EILSEQ,
        Some(Sense { key: 0xb, .. }) => return again,
        // Medium error.
        Some(Sense { key: 0x3, .. }) => libc::ENODATA,
        // Illegal request: no such command, which no block of the unit will take; invalid field.
        Some(Sense { key: 0x5, code: 0x20, .. }) => libc::EOPNOTSUPP,
        Some(Sense { key: 0x5, code: 0x24, .. }) => libc::EINVAL,
        // Hardware error, other illegal requests, blank check, volume overflow, miscompare.
        Some(Sense { key: 0x4 | 0x5 | 0x8 | 0xd | 0xe, .. }) => libc::EREMOTEIO,
        // Data protect: write protection, and everything that locks.
        Some(Sense { key: 0x7, code: 0x27, .. }) => libc::EROFS,
        Some(Sense { key: 0x7, .. }) => libc::EACCES,
        Some(_) => libc::EIO,
    };
    Judged::Fault(Fault::from_errno(errno))
}
