//! What the end of a sweep means for the job, in words.
use crate::io::{Fault, FaultKind};
use crate::plan::{RuleName, Rules};
use crate::unit::{Reason, ReasonCode};
use crate::verify::Ending;
use crate::verify::steps::StepWord;

/// The worker process ended, or said what it must not say.
pub(super) fn lost(text: String) -> Ending {
    Ending::Lost(Reason::new(
        ReasonCode::WorkerDied,
        text,
        "treat the drive as not sanitized; resume the job, and report this if it happens again",
    ))
}

/// The worker process has reported everything and does not end, not even when it is killed.
pub(super) fn stays(whereabouts: &str) -> Ending {
    Ending::Lost(Reason::new(
        ReasonCode::NotAnswering,
        format!("{whereabouts} has reported everything and does not end: it holds the drive"),
        "treat the drive as not sanitized; power it off and on, or reboot the host, then resume the job",
    ))
}

/// The journal could not be written: what is not durable must not be acted on (P6).
pub(super) fn state_failed(error: &std::io::Error) -> Ending {
    Ending::Lost(Reason::new(
        ReasonCode::StateFailed,
        format!("the journal could not be written: {error}"),
        "treat the drive as not sanitized; make room or repair the state directory, then resume the job",
    ))
}

/// What a command of the drive came to ends the job, unless it is proven.
pub(super) fn step_ended(word: StepWord) -> Result<(), Ending> {
    match word {
        StepWord::Proven => Ok(()),
        StepWord::NotStarted(reason) => Err(Ending::CommandNotStarted(reason)),
        StepWord::Failed(reason) => Err(Ending::CommandFailed(reason)),
        StepWord::Unknown(reason) => Err(Ending::Lost(reason)),
    }
}

/// The drive vanished, or became another (P1).
pub(super) fn gone(fault: Fault) -> Ending {
    if fault.kind == FaultKind::Changed {
        return Ending::Lost(Reason::new(
            ReasonCode::IdentityChanged,
            format!("the drive told of a change during the job: {fault}"),
            "treat the drive as not sanitized; find out what changed it (another host, sg_format, a mode select), and \
             begin again with: expunge list",
        ));
    }
    Ending::DriveGone(Reason::new(
        ReasonCode::DriveGone,
        format!("the drive vanished during the job ({fault})"),
        "treat the drive as not sanitized; attach it again and resume the job, or destroy the drive",
    ))
}

/// The drive or its path refuses all further transfers.
pub(super) fn refused(fault: Fault) -> Ending {
    let reserved = fault.kind == FaultKind::Reservation;
    Ending::Refused(if reserved {
        Reason::new(
            ReasonCode::Reserved,
            format!("another host has reserved the drive ({fault})"),
            "find the host that uses it; with sg_persist or nvme resv-report",
        )
    } else {
        Reason::new(
            ReasonCode::WriteRefused,
            format!("the drive refuses to go on ({fault})"),
            "see whether it is write-protected or worn out: expunge inspect; if it is, destroy it",
        )
    })
}

/// A rule ended it.
pub(super) fn given_up(rule: RuleName, rules: &Rules) -> Reason {
    let destroy = "destroy the drive, or run the job again with another --rule";
    let (code, text) = match rule {
        RuleName::ErrorsMax => (
            ReasonCode::TooManyErrors,
            format!("given up after {} failed transfers (rule errors-max)", rules.errors_max),
        ),
        RuleName::ErrorsPercent => (
            ReasonCode::ErrorShare,
            format!(
                "given up: more than {} % of 1000 transfers failed (rule errors-percent)",
                rules.errors_percent.unwrap_or_default()
            ),
        ),
        RuleName::Floor => (
            ReasonCode::TooSlow,
            format!(
                "given up: slower than {} kB/s over {} s (rule floor)",
                rules.floor_kb.unwrap_or_default(),
                rules.floor_seconds
            ),
        ),
        RuleName::Time => (
            ReasonCode::TooLong,
            format!("given up after {} s (rule time)", rules.time_seconds.unwrap_or_default()),
        ),
        RuleName::StopCelsius => (
            ReasonCode::TooHot,
            format!("given up: hotter than {} °C (rule stop)", rules.stop_celsius.unwrap_or_default()),
        ),
        RuleName::PauseTime => (
            ReasonCode::TooHot,
            format!(
                "given up: too hot to be driven for {} s, or its sensor was lost while it was (rule pause-time)",
                rules.pause_seconds
            ),
        ),
        RuleName::Silent => (
            ReasonCode::NotAnswering,
            "given up: nothing but failures, and nothing that worked before can be done again".to_owned(),
        ),
        RuleName::FlushesMax => (
            ReasonCode::FlushFailed,
            format!(
                "given up: {} times the drive could not make data durable (rule flushes-max)",
                rules.flushes_max
            ),
        ),
        RuleName::Differences => (
            ReasonCode::Mismatch,
            "the read-back was given up: more ranges differ than a record can list".to_owned(),
        ),
    };
    Reason::new(code, text, destroy)
}

/// Whether it is worth reading back what a pass has written before this rule ended it.
pub(super) const fn is_worth_reading(rule: RuleName) -> bool {
    match rule {
        RuleName::ErrorsMax | RuleName::ErrorsPercent => true,
        RuleName::Floor
        | RuleName::Time
        | RuleName::StopCelsius
        | RuleName::PauseTime
        | RuleName::Silent
        | RuleName::FlushesMax
        | RuleName::Differences => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_that_became_another_is_not_one_that_vanished() {
        let Ending::Lost(reason) = gone(Fault::changed()) else {
            panic!("it is not known whose blocks are written")
        };
        assert_eq!(reason.code, ReasonCode::IdentityChanged);
        assert!(reason.text.contains("its capacity or its medium is another"), "{}", reason.text);
        assert!(matches!(gone(Fault::from_errno(19)), Ending::DriveGone(_)));
    }
}
