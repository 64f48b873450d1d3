//! The credential that a command of the drive needs. It comes from a file, a pipe or standard input, never from the
//! command line, where every user of the host could read it.
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::complain;
use crate::command::DriveCommand;
use crate::command::tcg::psid::{NotAPsid, normalized};
use crate::command::tcg::{Authority, Revert};
use crate::engine::firmware::Secret;
use crate::job::resume::Resumption;
use crate::plan::Plan;
use crate::unit::term::Exit;
use crate::unit::{Reason, ReasonCode};

/// More than any way of writing 32 characters takes.
const BYTES_MAX: u64 = 4096;

/// What is not a usable PSID. It never says what was read.
#[derive(Debug)]
enum Unusable {
    Io(io::Error),
    TooLong,
    NotAPsid(NotAPsid),
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::TooLong => write!(f, "more than {BYTES_MAX} bytes are no PSID"),
            Self::NotAPsid(why) => write!(f, "{why}"),
        }
    }
}

/// The PSID in a file, or on standard input where the file is `-`; `None` where none was named.
///
/// # Errors
/// A usage error when there is no PSID: before any drive is looked at, and no try of the drive's is used up.
pub fn psid(file: Option<&Path>) -> Result<Option<Secret>, Exit> {
    let Some(file) = file else { return Ok(None) };
    let read = if file == Path::new("-") {
        usable(io::stdin().lock())
    } else {
        File::open(file).map_err(Unusable::Io).and_then(usable)
    };
    read.map(Some).map_err(|why| {
        complain(&format!("--psid-file {}: {why}; nothing was done", file.display()));
        Exit::Usage
    })
}

fn usable(from: impl Read) -> Result<Secret, Unusable> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(Unusable::Io)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Unusable::TooLong);
    }
    normalized(&bytes).map(Secret).map_err(Unusable::NotAPsid)
}

/// Why a plan cannot be carried out without a PSID.
pub fn missing(plan: &Plan, given: Option<&Secret>) -> Option<Reason> {
    missing_for(plan.commands(), given)
}

/// The same for what is left of a job. A revert that may have been sent is followed, and needs none any more.
pub fn missing_for_rest(resumption: &Resumption, given: Option<&Secret>) -> Option<Reason> {
    let course = &resumption.story.course;
    let sent = course.begun.as_ref().is_some_and(|begun| begun.sent.is_some());
    let begun = course.steps.len() + usize::from(sent);
    missing_for(resumption.plan.commands().get(begun..).unwrap_or_default(), given)
}

fn missing_for(commands: &[DriveCommand], given: Option<&Secret>) -> Option<Reason> {
    let needed = commands.iter().any(|command| match command {
        DriveCommand::TcgRevert(Revert { authority: Authority::Psid, .. }) => true,
        DriveCommand::TcgRevert(Revert { authority: Authority::SidByMsid, .. })
        | DriveCommand::NvmeSanitize(_)
        | DriveCommand::NvmeFormat(_)
        | DriveCommand::AtaSanitize(_)
        | DriveCommand::AtaSecurityErase(_)
        | DriveCommand::ScsiSanitize(_) => false,
    });
    (needed && given.is_none()).then(|| {
        Reason::new(
            ReasonCode::BadRequest,
            "the drive is reverted with its PSID, and none was given",
            "put the 32 characters that are printed on the drive into a file, and give --psid-file FILE (- for \
             standard input)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tcg::RevertAim;

    const TYPED: &[u8] = b"abcd-0123-efgh-4567-ijkl-89ab-mnop-cdef\n";

    #[test]
    fn a_psid_is_read_as_it_is_typed_and_what_is_none_is_not_quoted() {
        assert_eq!(usable(TYPED).unwrap(), Secret(b"ABCD0123EFGH4567IJKL89ABMNOPCDEF".to_vec()));
        for no in [&b"SHORT"[..], b"", &[b'A'; 5000], b"ABCD0123EFGH4567IJKL89ABMNOPCDE*"] {
            let why = usable(no).unwrap_err().to_string();
            assert!(!why.contains("SHORT") && !why.contains("ABCD"), "{why}");
        }
    }

    #[test]
    fn only_a_revert_with_the_psid_needs_one() {
        let revert = |authority| DriveCommand::TcgRevert(Revert { authority, aim: RevertAim::NewKeys });
        let given = Secret(vec![b'A'; 32]);
        assert!(missing_for(&[revert(Authority::Psid)], None).is_some());
        assert!(missing_for(&[revert(Authority::Psid)], Some(&given)).is_none());
        assert!(missing_for(&[revert(Authority::SidByMsid)], None).is_none());
        assert!(missing_for(&[], None).is_none());
    }
}
