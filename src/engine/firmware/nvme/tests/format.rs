//! Format NVM on the same controller.
use super::*;
use crate::command::nvme::{Format, FormatScope, MetadataSetting, SecureErase};

const FORMAT: Format = Format {
    erase: SecureErase::UserData,
    namespace: FormatScope::One { nsid: 1 },
    lba_format: 1,
    metadata: MetadataSetting::Separate,
    protection: 0,
    protection_place: 0,
};

fn formatted(start: Start, mut drive: Drive, after: Vec<Page>) -> (CommandReport, Drive) {
    let mut clock = Clock::default();
    let command = NvmeCommand::Format(FORMAT);
    let before = before(&mut drive, &command, &mut clock).unwrap();
    drive.namespaces = after;
    let report = run(&mut drive, &command, start, &before, &mut clock);
    (report, drive)
}

#[test]
fn s7_5_a_format_that_leaves_the_namespace_as_it_was_is_confirmed() {
    let after = vec![Ok(namespace(1000, 1, 0x80 | 30)), Ok(namespace(1000, 1, 0x80))];
    let (report, drive) = formatted(Start::Send, Drive::new(vec![never()]), after);
    is_confirmed(&report, &[Proof::AnsweredWhenFinished]);
    assert_eq!((drive.sent[0][0], drive.sent[0][4], &drive.sent[0][40..42]), (0x80, 1, &[0x01, 0x02][..]));
}

/// A plan that names another format than the namespace has would change it: it is not sent.
#[test]
fn a_format_that_would_change_the_format_is_not_sent() {
    let protected = page(4096, &[(0, &1000_u64.to_le_bytes()), (26, &[1]), (29, &[1]), (32, &[0x80])]);
    for present in [namespace(1000, 0, 0x80), namespace(1000, 0x11, 0x80), protected] {
        let mut drive = Drive::new(vec![never()]);
        drive.namespaces = vec![Ok(present.clone())];
        let (report, drive) = formatted(Start::Send, drive, vec![Ok(present)]);
        let Conclusion::NotStarted { reason } = &report.conclusion else { panic!("{report:?}") };
        assert!(reason.text.contains("another format"), "{reason:?}");
        assert!(drive.sent.is_empty());
    }
}

#[test]
fn s7_5_a_format_that_changes_size_or_format_is_failed() {
    for after in [namespace(999, 1, 0x80), namespace(1000, 0, 0x80), namespace(0, 0, 0)] {
        let (report, _) = formatted(Start::Send, Drive::new(vec![never()]), vec![Ok(after)]);
        assert!(matches!(report.conclusion, Conclusion::Failed { .. }), "{report:?}");
    }
}

#[test]
fn s7_5_a_secure_erase_of_all_namespaces_is_told_and_compared() {
    let mut drive = Drive::new(vec![never()]);
    (drive.format, drive.active) = (0x02, vec![1, 2, 7]);
    let (report, _) = formatted(Start::Send, drive, vec![Ok(namespace(1000, 1, 0x80))]);
    is_confirmed(&report, &[Proof::AnsweredWhenFinished]);
    assert!(notes(&report).contains("reaches all namespaces of this drive (FNA bit 1): 1, 2, 7"));
}

#[test]
fn a_format_without_its_completion_is_unknown_unless_its_events_are_there() {
    let same = || vec![Ok(namespace(1000, 1, 0x80))];
    let (report, drive) = formatted(Start::Follow, Drive::new(vec![never()]), same());
    is_unknown(&report, ReasonCode::FirmwareUnknown, "nothing shows");
    assert!(drive.sent.is_empty());
    let drive = Drive { send: NvmeAnswer::NotCompleted { errno: 110 }, ..Drive::new(vec![never()]) };
    is_unknown(&formatted(Start::Send, drive, same()).0, ReasonCode::FirmwareUnknown, "nothing shows");
    let began = event(0x07, 3, &[1, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x02, 0, 0]);
    let ended = event(0x08, 4, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (events, confirmed) in [(vec![began.clone(), ended], true), (vec![began], false)] {
        let mut drive = Drive { send: NvmeAnswer::NotCompleted { errno: 110 }, ..Drive::new(vec![never()]) };
        drive.logs = vec![event_log(&[]), event_log(&events)];
        let (report, _) = formatted(Start::Send, drive.clone(), same());
        assert_eq!(report.conclusion == Conclusion::Confirmed, confirmed, "{report:?}");
        // After an interruption they may be those of somebody else's format.
        let (report, _) = formatted(Start::Follow, drive, same());
        let why = if confirmed { "whose it was" } else { "nothing shows" };
        is_unknown(&report, ReasonCode::FirmwareUnknown, why);
    }
}

#[test]
fn a_format_that_is_refused_is_not_started_and_one_that_runs_is_foreign() {
    for (field, code) in [(0x0001, ReasonCode::NoSuchCommand), (0x001C, ReasonCode::FirmwareRefused)] {
        let drive = Drive { send: NvmeAnswer::Status { field }, ..Drive::new(vec![never()]) };
        let (report, _) = formatted(Start::Send, drive, vec![Ok(namespace(1000, 1, 0x80))]);
        let Conclusion::NotStarted { reason } = report.conclusion else { panic!("{field:x}") };
        assert_eq!(reason.code, code);
    }
    let mut drive = Drive::new(vec![never()]);
    drive.namespaces = vec![Ok(namespace(1000, 1, 0x80 | 55))];
    let reason = before(&mut drive, &NvmeCommand::Format(FORMAT), &mut Clock::default()).unwrap_err();
    assert_eq!(reason.code, ReasonCode::FirmwareBusy);
}
