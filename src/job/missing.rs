//! A drive that told of a command and answered it with "no such command": whether it has any purge left.
use crate::command::DriveCommand;
use crate::plan::firmware::FirmwarePlan;
use crate::unit::term::{Technique, word};
use crate::unit::{Reason, ReasonCode};

/// Why the job ends that a command of a plan was not there for. Nothing is done in its place, least of all something lower:
/// where the policy accepts another technique on the drive, that is named and the drive is kept, else it has no purge.
pub(super) fn without_command(plan: &FirmwarePlan, command: &DriveCommand, reason: &Reason) -> Reason {
    let (ReasonCode::NoSuchCommand, Some(alternatives)) = (reason.code, &plan.alternatives) else {
        return reason.clone();
    };
    let gone = Family::of(command.technique());
    let left = || alternatives.iter().filter(|technique| Family::of(**technique) != gone);
    let named: Vec<String> = left()
        .filter(|one| **one != Technique::Overwrite)
        .map(|one| format!("--technique {}", word(one)))
        .collect();
    let by_host = left().any(|one| *one == Technique::Overwrite);
    match (named.is_empty(), by_host) {
        (true, false) => Reason::new(
            ReasonCode::PurgeUnavailable,
            format!(
                "purge unavailable: {}, although it told of it, and nothing else is accepted here",
                reason.text
            ),
            "destroy the drive; or, if clear is enough for its data, ask for --method clear. An adapter or the host's \
             firmware may hold the command back: where that is possible, attach the drive to another host first",
        ),
        (true, true) => Reason {
            remedy:
                "clear was allowed in place of a purge: ask for it with --method clear, or destroy the drive"
                    .to_owned(),
            ..reason.clone()
        },
        (false, _) => Reason {
            remedy: format!("ask for another technique that is accepted here: {}", named.join(", ")),
            ..reason.clone()
        },
    }
}

/// Techniques that one command of the drive carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Sanitize,
    Format,
    SecurityErase,
    Revert,
    Host,
}

impl Family {
    const fn of(technique: Technique) -> Self {
        match technique {
            Technique::BlockErase | Technique::CryptoErase | Technique::SanitizeOverwrite => Self::Sanitize,
            Technique::Format | Technique::FormatCrypto => Self::Format,
            Technique::SecurityErase | Technique::SecurityEraseEnhanced => Self::SecurityErase,
            Technique::OpalRevert => Self::Revert,
            Technique::Overwrite => Self::Host,
        }
    }
}
