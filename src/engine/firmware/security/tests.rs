//! Rows of firmware-purge.md section 7, item 4, and the rules of section 2.2.

use std::time::Duration;

use super::super::script::{Script, Step, abort, good, identify, page, sense};
use super::*;
use crate::io::ScsiAnswer;

const SET: (u8, u8) = (0, 0xf1);
const UNLOCK: (u8, u8) = (0, 0xf2);
const PREPARE: (u8, u8) = (0, 0xf3);
const ERASE: (u8, u8) = (0, 0xf4);
const DISABLE: (u8, u8) = (0, 0xf6);

/// Word 128 besides bit 0: enabled, locked, frozen, count expired, enhanced.
const ENABLED: u16 = 1 << 1;
const LOCKED: u16 = 1 << 2;
const FROZEN: u16 = 1 << 3;
const EXPIRED: u16 = 1 << 4;
const ENHANCED: u16 = 1 << 5;

/// IDENTIFY DEVICE of a drive in this state; its erase takes 120 minutes, the enhanced one two.
fn says(bits: u16) -> Step {
    identify(page(b'A', &[(89, 60), (90, 1), (128, 1 | bits)]))
}

fn ok(command: (u8, u8)) -> Step {
    Step::new(command, good())
}

fn aborts(command: (u8, u8)) -> Step {
    Step::new(command, abort(0))
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[track_caller]
fn ran(mode: EraseMode, start: Start, steps: Vec<Step>) -> (CommandReport, Script) {
    let (mut port, mut watch) = Script::new(steps);
    let report = run(&mut port, &SecurityErase { mode }, start, &mut watch);
    port.is_over();
    (report, port)
}

#[track_caller]
fn erased(steps: Vec<Step>) -> CommandReport {
    ran(EraseMode::Normal, Start::Send, steps).0
}

#[track_caller]
fn resumed(steps: Vec<Step>) -> CommandReport {
    ran(EraseMode::Normal, Start::Follow, steps).0
}

#[track_caller]
fn is_not_started(report: &CommandReport, expected: ReasonCode) {
    let Conclusion::NotStarted { reason } = &report.conclusion else { panic!("{:?}", report.conclusion) };
    assert_eq!(reason.code, expected);
}

#[track_caller]
fn is_unknown(report: &CommandReport, expected: ReasonCode) {
    let Conclusion::Unknown { reason } = &report.conclusion else { panic!("{:?}", report.conclusion) };
    assert_eq!(reason.code, expected);
    assert_eq!(report.proof, []);
}

const FINISHED: [Proof; 2] = [Proof::AnsweredWhenFinished, Proof::SecurityDisabledAnew];

#[track_caller]
fn is_confirmed(report: &CommandReport, proof: &[Proof]) {
    assert_eq!(report.conclusion, Conclusion::Confirmed);
    assert_eq!(report.proof, proof);
}

#[test]
fn a_password_that_was_there_and_is_gone_confirms_the_erase() {
    let steps = vec![says(0), ok(SET), says(ENABLED), ok(PREPARE), ok(ERASE).taking(hours(2)), says(0)];
    let (report, port) = ran(EraseMode::Normal, Start::Send, steps);
    is_confirmed(&report, &FINISHED);
    // 2 x 120 minutes and an hour.
    assert_eq!(port.seen[4].2, hours(5));
    assert_eq!(&port.seen[1].1[..10], b"\0\0expunge\0");
    assert_eq!(&port.seen[4].1[..10], b"\0\0expunge\0");
}

#[test]
fn nothing_comes_between_prepare_and_erase_and_the_silence_is_told_before() {
    let steps =
        vec![says(ENHANCED), ok(SET), says(ENABLED | ENHANCED), ok(PREPARE), ok(ERASE), says(ENHANCED)];
    let (mut port, mut watch) = Script::new(steps);
    let report = run(&mut port, &SecurityErase { mode: EraseMode::Enhanced }, Start::Send, &mut watch);
    is_confirmed(&report, &FINISHED);
    assert_eq!(port.seen[4].1[0], 0b10, "enhanced");
    // 2 x 2 minutes and an hour.
    assert_eq!(watch.news.iter().map(|news| news.quiet_seconds).collect::<Vec<_>>(), [None, Some(64 * 60)]);
}

#[test]
fn ata_security_frozen_or_count_expired_or_locked_is_sent_nothing() {
    is_not_started(&erased(vec![says(FROZEN)]), ReasonCode::Frozen);
    is_not_started(&erased(vec![says(EXPIRED)]), ReasonCode::Locked);
    is_not_started(&erased(vec![says(ENABLED | LOCKED)]), ReasonCode::Locked);
    is_not_started(&erased(vec![says(ENABLED)]), ReasonCode::Locked);
    let none = identify(page(b'A', &[(128, 0)]));
    is_not_started(&erased(vec![none]), ReasonCode::FirmwareRefused);
    let (report, _) = ran(EraseMode::Enhanced, Start::Send, vec![says(0)]);
    is_not_started(&report, ReasonCode::FirmwareRefused);
}

#[test]
fn a_drive_that_takes_no_password_is_not_started() {
    is_not_started(&erased(vec![says(0), aborts(SET), says(FROZEN)]), ReasonCode::Frozen);
    is_not_started(&erased(vec![says(0), aborts(SET), says(0)]), ReasonCode::FirmwareRefused);
    is_not_started(&erased(vec![says(0), ok(SET), says(0)]), ReasonCode::FirmwareRefused);
}

#[test]
fn ata_security_smartd_between_prepare_and_erase_is_tried_once_more() {
    let begin = vec![says(0), ok(SET), says(ENABLED), ok(PREPARE), aborts(ERASE), says(ENABLED)];
    let again = vec![ok(PREPARE), ok(ERASE), says(0)];
    is_confirmed(&erased([begin.clone(), again].concat()), &FINISHED);
    let refused = vec![ok(PREPARE), aborts(ERASE), says(ENABLED), says(ENABLED), ok(DISABLE), says(0)];
    let report = erased([begin, refused].concat());
    is_not_started(&report, ReasonCode::FirmwareRefused);
    assert!(report.notes.is_empty(), "the password is gone: {:?}", report.notes);
}

#[test]
fn a_drive_that_keeps_the_password_is_told() {
    let steps = vec![says(0), ok(SET), says(ENABLED), aborts(PREPARE), says(ENABLED), aborts(PREPARE)];
    let rest = vec![says(ENABLED), says(ENABLED), aborts(DISABLE), says(ENABLED)];
    let report = erased([steps, rest].concat());
    is_unknown(&report, ReasonCode::FirmwareRefused);
    let Conclusion::Unknown { reason } = &report.conclusion else { panic!("{:?}", report.conclusion) };
    assert!(reason.text.contains("the password `expunge` may be set"), "{reason:?}");
    assert!(report.notes[0].contains("expunge recover"), "{:?}", report.notes);
}

#[test]
fn an_erase_that_fails_after_a_while_failed() {
    let steps = vec![says(0), ok(SET), says(ENABLED), ok(PREPARE), aborts(ERASE).taking(hours(1))];
    let rest = vec![says(ENABLED), says(ENABLED | LOCKED), ok(UNLOCK), ok(DISABLE), says(0)];
    let report = erased([steps, rest].concat());
    assert!(matches!(report.conclusion, Conclusion::Failed { .. }), "{:?}", report.conclusion);
    let steps = vec![says(0), ok(SET), says(ENABLED), ok(PREPARE), ok(ERASE), says(ENABLED)];
    let report = erased([steps, vec![says(ENABLED), ok(DISABLE), says(0)]].concat());
    assert!(matches!(report.conclusion, Conclusion::Failed { .. }), "said done, kept its password");
}

#[test]
fn ata_security_enabled_0_after_a_link_reset_counts_because_it_was_1_before() {
    let lost = Step::new(ERASE, ScsiAnswer::Transport { host: 3, driver: 0 }).taking(hours(5));
    let steps = vec![says(0), ok(SET), says(ENABLED), ok(PREPARE), lost, says(0)];
    let report = erased(steps);
    is_confirmed(&report, &[Proof::SecurityDisabledAnew]);
    assert_eq!(report.notes.len(), 1);
    // Without a password seen before, the same answer proves nothing.
    is_unknown(&resumed(vec![says(0)]), ReasonCode::FirmwareUnknown);
}

#[test]
fn a_link_reset_that_leaves_the_drive_locked_is_erased_again() {
    let lost = || Step::new(ERASE, ScsiAnswer::Transport { host: 3, driver: 0 }).taking(hours(5));
    let silent = Step::new((0, 0xec), ScsiAnswer::Transport { host: 1, driver: 0 });
    let steps = vec![
        says(0),
        ok(SET),
        says(ENABLED),
        ok(PREPARE),
        lost(),
        silent,
        says(ENABLED | LOCKED),
        ok(PREPARE),
    ];
    is_confirmed(&erased([steps.clone(), vec![ok(ERASE), says(0)]].concat()), &FINISHED);
    let report = erased([steps, vec![lost(), says(ENABLED | LOCKED)]].concat());
    is_unknown(&report, ReasonCode::FirmwareUnknown);
}

#[test]
fn an_error_of_the_drive_that_leaves_no_password_is_unknown() {
    let steps = vec![says(0), ok(SET), says(ENABLED), ok(PREPARE), aborts(ERASE).taking(hours(1)), says(0)];
    is_unknown(&erased(steps), ReasonCode::FirmwareUnknown);
}

#[test]
fn ata_security_power_cut_after_set_password_or_in_erase_is_finished_with_the_same_password() {
    let erase = vec![says(ENABLED), ok(PREPARE), ok(ERASE), says(0)];
    let locked = vec![says(ENABLED | LOCKED), ok(UNLOCK)];
    for (begin, at) in [(Vec::new(), 2), (locked, 4)] {
        let (report, port) = ran(EraseMode::Normal, Start::Follow, [begin, erase.clone()].concat());
        is_confirmed(&report, &FINISHED);
        assert_eq!(&port.seen[at].1[..10], b"\0\0expunge\0");
    }
}

#[test]
fn ata_security_power_cut_after_erase_is_unknown() {
    is_unknown(&resumed(vec![says(0)]), ReasonCode::FirmwareUnknown);
}

#[test]
fn a_drive_that_comes_back_frozen_or_with_another_password_is_unknown() {
    is_unknown(&resumed(vec![says(ENABLED | LOCKED | FROZEN)]), ReasonCode::Frozen);
    is_unknown(&resumed(vec![says(ENABLED | LOCKED | EXPIRED)]), ReasonCode::Locked);
    let state = ENABLED | LOCKED;
    is_unknown(&resumed(vec![says(state), aborts(UNLOCK), says(state)]), ReasonCode::WrongCredential);
}

/// Each wrong password is counted, and after five the drive takes none.
#[test]
fn a_password_that_nobody_saw_the_drive_take_is_tried_once() {
    let once = vec![says(ENABLED), ok(PREPARE), aborts(ERASE), says(ENABLED)];
    is_unknown(&resumed(once.clone()), ReasonCode::WrongCredential);
    let again = vec![ok(PREPARE), ok(ERASE), says(0)];
    let (report, _) = ran(EraseMode::Normal, Start::FollowAccepted, [once, again].concat());
    is_confirmed(&report, &FINISHED);
}

#[test]
fn a_drive_that_may_have_our_password_is_unknown() {
    let silent = || Step::new((0, 0xec), ScsiAnswer::Transport { host: 1, driver: 0 });
    let begin = vec![says(0), ok(SET), silent(), silent(), ok(DISABLE)];
    let report = erased([begin.clone(), vec![silent()]].concat());
    is_unknown(&report, ReasonCode::NotAnswering);
    let Conclusion::Unknown { reason } = &report.conclusion else { panic!("{:?}", report.conclusion) };
    assert!(reason.text.contains("the password `expunge` may be set"), "{reason:?}");
    is_not_started(&erased([begin, vec![says(0)]].concat()), ReasonCode::NotAnswering);
}

/// What is asked of a drive that may still be at work can make the kernel reset the link.
#[test]
fn a_drive_whose_answer_was_lost_is_left_alone_for_its_time_and_then_asked_seldom() {
    let lost = Step::new(ERASE, ScsiAnswer::Transport { host: 3, driver: 0 });
    let begin = vec![says(0), ok(SET), says(ENABLED), ok(PREPARE), lost];
    let (mut port, mut watch) = Script::new([begin.clone(), vec![says(0)]].concat());
    let erase = SecurityErase { mode: EraseMode::Normal };
    is_confirmed(&run(&mut port, &erase, Start::Send, &mut watch), &[Proof::SecurityDisabledAnew]);
    assert!(watch.time.now() >= hours(2), "{:?}", watch.time.now());
    // Who stops does not begin a second one in the middle of the first.
    let (mut port, mut watch) = Script::new([begin.clone(), vec![says(ENABLED)]].concat());
    watch.stop_at = Some(hours(1));
    is_unknown(&run(&mut port, &erase, Start::Send, &mut watch), ReasonCode::FirmwareUnknown);
    let silent = Step::new((0, 0xec), ScsiAnswer::Transport { host: 1, driver: 0 });
    let (mut port, mut watch) = Script::new([begin, vec![silent; 4000]].concat());
    is_unknown(&run(&mut port, &erase, Start::Send, &mut watch), ReasonCode::NotAnswering);
    assert!(port.seen.len() < 100, "{}", port.seen.len());
}

/// ERASE UNIT counts only right behind PREPARE: both are sent again, or none.
#[test]
fn an_erase_that_met_an_attention_is_prepared_again() {
    let attention = |format| sense(vec![format, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0, 0, 0, 0, 0]);
    let begin = vec![says(0), ok(SET), says(ENABLED), ok(PREPARE)];
    let again = vec![Step::new(ERASE, attention(0x70)), ok(PREPARE), ok(ERASE), says(0)];
    is_confirmed(&erased([begin.clone(), again].concat()), &FINISHED);
    // Of an earlier command: whether this one was carried out is not known.
    let deferred = vec![Step::new(ERASE, attention(0x71)), says(0)];
    is_confirmed(&erased([begin, deferred].concat()), &[Proof::SecurityDisabledAnew]);
}

#[test]
fn recover_takes_our_password_away_and_no_other() {
    let recovered = |steps: Vec<Step>| {
        let (mut port, mut watch) = Script::new(steps);
        let report = recover(&mut port, Then::Disable, &mut watch);
        port.is_over();
        report.recovered
    };
    let code = |recovered: Recovered| match recovered {
        Recovered::Not { reason } => reason.code,
        Recovered::Unlocked | Recovered::Opened | Recovered::NotNeeded => panic!("{recovered:?}"),
    };
    let locked = ENABLED | LOCKED;
    assert_eq!(recovered(vec![says(0)]), Recovered::NotNeeded);
    assert_eq!(recovered(vec![says(locked), ok(UNLOCK), ok(DISABLE), says(0)]), Recovered::Unlocked);
    assert_eq!(recovered(vec![says(ENABLED), ok(DISABLE), says(0)]), Recovered::Unlocked);
    assert_eq!(code(recovered(vec![says(locked), aborts(UNLOCK)])), ReasonCode::WrongCredential);
    let kept = vec![says(ENABLED), aborts(DISABLE), says(ENABLED)];
    assert_eq!(code(recovered(kept)), ReasonCode::WrongCredential);
    assert_eq!(code(recovered(vec![says(locked | FROZEN)])), ReasonCode::Frozen);
    assert_eq!(code(recovered(vec![says(locked | EXPIRED)])), ReasonCode::Locked);
}

#[test]
fn before_an_erase_a_locked_drive_is_opened_and_a_wrong_password_is_tried_once() {
    let opened = |steps: Vec<Step>| {
        let (mut port, mut watch) = Script::new(steps);
        let report = recover(&mut port, Then::Keep, &mut watch);
        port.is_over();
        report.recovered
    };
    let locked = ENABLED | LOCKED;
    assert_eq!(opened(vec![says(locked), ok(UNLOCK), says(ENABLED)]), Recovered::Opened);
    let Recovered::Not { reason } = opened(vec![says(locked), aborts(UNLOCK)]) else { panic!("it is open") };
    assert_eq!(reason.code, ReasonCode::WrongCredential);
    let Recovered::Not { .. } = opened(vec![says(locked), ok(UNLOCK), says(locked)]) else {
        panic!("it is locked")
    };
}
