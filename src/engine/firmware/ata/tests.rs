//! Rows of firmware-purge.md section 7, item 2, and the rules of section 2.1.

use super::super::script::{Script, Step, abort, fixed, identify, page, reading, registers, sense};
use super::super::{Exchange, Proof, Stage};
use super::*;
use crate::command::DriveOverwrite;
use crate::command::Invert;
use crate::command::ata::{AtaOverwrite, Ending};
use crate::io::ScsiAnswer;

/// FEATURE and COMMAND of SANITIZE STATUS EXT and of BLOCK ERASE EXT.
const STATUS: (u8, u8) = (0x00, 0xb4);
const ERASE: (u8, u8) = (0x12, 0xb4);

const IDLE: (u16, u64) = (0x0000, 0xffff);
const DONE: (u16, u64) = (0x8000, 0xffff);

const BLOCK_ERASE: Sanitize =
    Sanitize { action: SanitizeAction::BlockErase, after_failure: AfterFailure::Unrestricted };

fn drive() -> [u8; 512] {
    page(b'A', &[(59, 0xf000)])
}

fn status((count, lba): (u16, u64)) -> Step {
    Step::new(STATUS, registers(count, lba))
}

fn running(progress: u64) -> Step {
    status((0x4000, progress))
}

fn asked(answer: ScsiAnswer) -> Step {
    Step::new(STATUS, answer)
}

/// Runs BLOCK ERASE EXT on a drive that answers by this script after IDENTIFY DEVICE.
#[track_caller]
fn erased(steps: Vec<Step>) -> CommandReport {
    carried_out(&BLOCK_ERASE, [vec![identify(drive())], steps].concat())
}

#[track_caller]
fn carried_out(sanitize: &Sanitize, steps: Vec<Step>) -> CommandReport {
    let (mut port, mut watch) = Script::new(steps);
    let before = before(&mut port, &mut watch);
    let report = run(&mut port, sanitize, Start::Send, &before, &mut watch);
    port.is_over();
    report
}

/// The same after an interruption; `steps` come after the ones of `before`.
#[track_caller]
fn followed(start: Start, before_status: (u16, u64), steps: Vec<Step>) -> CommandReport {
    let (mut port, mut watch) = Script::new(vec![identify(drive()), status(before_status)]);
    let before = before(&mut port, &mut watch);
    let kept: Before = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
    let (mut port, mut watch) = Script::new(steps);
    let report = run(&mut port, &BLOCK_ERASE, start, &kept, &mut watch);
    port.is_over();
    report
}

fn code(report: &CommandReport) -> ReasonCode {
    match &report.conclusion {
        Conclusion::NotStarted { reason }
        | Conclusion::Failed { reason }
        | Conclusion::Unknown { reason } => reason.code,
        Conclusion::Confirmed | Conclusion::Claimed => panic!("{:?}", report.conclusion),
    }
}

#[track_caller]
fn is_unknown(report: &CommandReport, expected: ReasonCode) {
    assert!(matches!(report.conclusion, Conclusion::Unknown { .. }), "{:?}", report.conclusion);
    assert_eq!(code(report), expected);
    assert_eq!(report.proof, []);
}

#[track_caller]
fn is_not_started(report: &CommandReport, expected: ReasonCode) {
    assert!(matches!(report.conclusion, Conclusion::NotStarted { .. }), "{:?}", report.conclusion);
    assert_eq!(code(report), expected);
}

#[track_caller]
fn is_confirmed(report: &CommandReport, proof: &[Proof]) {
    assert_eq!(report.conclusion, Conclusion::Confirmed);
    assert_eq!(report.proof, proof);
}

#[test]
fn seen_at_work_and_completed_anew_is_confirmed() {
    let begun = Step::new(ERASE, registers(0x4000, 0));
    let report =
        erased(vec![status(IDLE), begun, running(0x4000), running(0x8000), status(DONE), identify(drive())]);
    is_confirmed(&report, &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
    let sent = &report.exchanges[0];
    // standards.md 6.3, with FAILURE MODE (COUNT bit 4) set.
    assert_eq!(sent.command, "85072000120010427200450".to_owned() + "06b40b400");
    assert_eq!(sent.name, "BLOCK ERASE EXT");
}

#[test]
fn ata_b15_kept_from_before_is_claimed_and_not_confirmed() {
    let steps = [vec![status(DONE), Step::new(ERASE, registers(0, 0xffff))], vec![status(DONE); 5]].concat();
    let report = erased([steps, vec![identify(drive())]].concat());
    assert_eq!(report.conclusion, Conclusion::Claimed);
    assert_eq!(report.proof, []);
}

#[test]
fn ata_b15_kept_from_before_is_ours_when_the_drive_was_seen_at_work() {
    let begun = Step::new(ERASE, registers(0x8000, 0xffff));
    let report = erased(vec![status(DONE), begun, running(1), status(DONE), identify(drive())]);
    is_confirmed(&report, &[Proof::InProgressSeen]);
}

#[test]
fn an_operation_that_ends_before_the_first_question_is_seen_in_the_answer_to_the_command() {
    let begun = Step::new(ERASE, registers(0xc000, 0));
    is_confirmed(
        &erased(vec![status(DONE), begun, status(DONE), identify(drive())]),
        &[Proof::InProgressSeen],
    );
}

#[test]
fn ata_b15_and_b14_both_set_is_running() {
    let begun = Step::new(ERASE, registers(0x8000, 0xffff));
    let report = erased(vec![status(DONE), begun, status((0xc000, 0x1000)), status(DONE), identify(drive())]);
    is_confirmed(&report, &[Proof::InProgressSeen]);
}

#[test]
fn ata_b15_and_b13_both_set_is_frozen_and_no_success() {
    let begun = Step::new(ERASE, registers(0x4000, 0));
    is_unknown(&erased(vec![status(IDLE), begun, status((0xa000, 0xffff))]), ReasonCode::Frozen);
}

#[test]
fn ata_reason_1_is_a_failure_in_words() {
    let begun = Step::new(ERASE, registers(0x4000, 0));
    let report = erased(vec![status(IDLE), begun, running(9), asked(abort(1))]);
    let Conclusion::Failed { reason } = &report.conclusion else { panic!("{:?}", report.conclusion) };
    assert_eq!(reason.code, ReasonCode::FirmwareFailed);
    assert!(reason.text.contains("physical sectors remain"), "{}", reason.text);
    assert_eq!(report.proof, []);
}

#[test]
fn ata_all_zero_registers_are_unknown_and_never_done() {
    let zeros = || asked(registers_of_zeros());
    let begun = Step::new(ERASE, registers_of_zeros());
    let report = {
        let mut steps = vec![status(IDLE), begun];
        // 1 + 2 + 4 + 8 + 16 + 30 ... seconds of rest until three minutes are over.
        steps.extend(std::iter::repeat_with(zeros).take(11));
        erased(steps)
    };
    is_unknown(&report, ReasonCode::FirmwareUnknown);
    assert_eq!(report.exchanges.len(), 2, "the same answers are one exchange");
    assert_eq!(report.exchanges[1].times, 11);
}

fn registers_of_zeros() -> ScsiAnswer {
    sense([vec![0x72, 1, 0, 0x1d, 0, 0, 0, 14, 0x09, 0x0c], vec![0; 12]].concat())
}

#[test]
fn a_drive_that_knows_of_no_operation_after_it_accepted_one_is_unknown() {
    let begun = Step::new(ERASE, registers(0, 0xffff));
    let report = erased([vec![status(IDLE), begun], vec![status(IDLE); 5]].concat());
    is_unknown(&report, ReasonCode::FirmwareUnknown);
}

#[test]
fn what_cannot_be_followed_is_not_started() {
    for answer in [registers_of_zeros(), fixed(0x40, 0xffff), ScsiAnswer::NotCompleted { errno: 5 }] {
        is_not_started(&erased(vec![asked(answer)]), ReasonCode::FirmwareRefused);
    }
}

#[test]
fn ata_fixed_sense_without_an_end_is_asked_again_and_unknown() {
    let begun = Step::new(ERASE, fixed(0x40, 0x0001));
    let steps = vec![asked(fixed(0, 0xffff)), begun, asked(fixed(0x40, 0x8000))];
    let report = erased([steps, vec![asked(fixed(0x40, 0xffff)); 5]].concat());
    is_unknown(&report, ReasonCode::FirmwareUnknown);
}

#[test]
fn ata_fixed_sense_that_becomes_descriptor_sense_is_confirmed() {
    let begun = Step::new(ERASE, fixed(0x40, 0x0001));
    let steps =
        vec![asked(fixed(0, 0xffff)), begun, asked(fixed(0x40, 0xffff)), status(DONE), identify(drive())];
    is_confirmed(&erased(steps), &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
}

#[test]
fn ata_freeze_between_status_and_command_is_not_started() {
    let report = erased(vec![status(IDLE), Step::new(ERASE, abort(3)), status((0x2000, 0xffff))]);
    is_not_started(&report, ReasonCode::Frozen);
}

#[test]
fn what_runs_after_an_abort_is_not_ours() {
    let report = erased(vec![status(IDLE), Step::new(ERASE, abort(2)), running(5)]);
    is_not_started(&report, ReasonCode::FirmwareBusy);
    let report = erased(vec![status(IDLE), Step::new(ERASE, abort(2)), status(IDLE)]);
    is_not_started(&report, ReasonCode::FirmwareRefused);
}

#[test]
fn ata_failure_mode_restricted_rerun() {
    let begun = |count| {
        let mut step = Step::new(ERASE, registers(0x4000, 0));
        step = step.taking(std::time::Duration::from_millis(count));
        step
    };
    let (mut port, mut watch) = Script::new(vec![
        identify(drive()),
        asked(abort(0)),
        begun(1),
        running(1),
        status(DONE),
        identify(drive()),
    ]);
    let (before, report) = rerun(&mut port, &BLOCK_ERASE, &mut watch);
    port.is_over();
    is_confirmed(&report, &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
    assert!(matches!(status_before(&before), Status::Failed { .. }));
    assert_eq!(port.seen[2].0[6], 0, "COUNT 7:0 without FAILURE MODE");
}

/// A drive that is shut after a restricted operation aborts an unrestricted one and its status without a reason, as one
/// does that has no such command (ACS): only the restricted one tells them apart.
#[test]
fn a_drive_that_aborts_everything_is_without_the_command_only_if_it_aborts_a_restricted_one() {
    let aborts = |command| {
        let steps = vec![identify(drive()), asked(abort(0)), Step::new(ERASE, abort(0)), asked(abort(0))];
        carried_out(&command, steps)
    };
    let report = aborts(BLOCK_ERASE);
    is_not_started(&report, ReasonCode::FirmwareRefused);
    let Conclusion::NotStarted { reason } = &report.conclusion else { unreachable!() };
    assert!(reason.remedy.contains("--profile retire"), "{reason:?}");
    let restricted = Sanitize { after_failure: AfterFailure::Restricted, ..BLOCK_ERASE };
    is_not_started(&aborts(restricted), ReasonCode::NoSuchCommand);
}

#[test]
fn a_failure_is_left_only_when_the_drive_says_so() {
    let cleared = |after: Step| {
        let (mut port, mut watch) = Script::new(vec![asked(abort(0)), after]);
        let (cleared, exchanges) = clear_failure(&mut port, &mut watch);
        assert_eq!(port.seen[0].0[6], 1, "COUNT bit 0");
        assert_eq!(exchanges.len(), 2);
        cleared
    };
    assert_eq!(cleared(status(IDLE)), Cleared::Left);
    assert!(matches!(cleared(asked(abort(1))), Cleared::StillFailed { .. }));
    assert!(matches!(cleared(running(3)), Cleared::NotKnown { .. }));
}

#[test]
fn a_drive_that_is_not_ready_for_it_is_sent_nothing() {
    is_not_started(&erased(vec![running(7)]), ReasonCode::FirmwareBusy);
    is_not_started(&erased(vec![status((0x2000, 0xffff))]), ReasonCode::Frozen);
    let without = vec![identify(page(b'A', &[(59, 0x7000)])), status(IDLE)];
    is_not_started(&carried_out(&BLOCK_ERASE, without), ReasonCode::FirmwareRefused);
    let silent = Step::new((0, 0xec), ScsiAnswer::Transport { host: 1, driver: 0 });
    is_not_started(&carried_out(&BLOCK_ERASE, vec![silent, status(IDLE)]), ReasonCode::NotAnswering);
    let overwrite = DriveOverwrite { pattern: [0; 4], passes: 17, invert: Invert::Never };
    let action = SanitizeAction::Overwrite(AtaOverwrite { overwrite, ending: Ending::ByParity });
    let sanitize = Sanitize { action, after_failure: AfterFailure::Restricted };
    is_not_started(&carried_out(&sanitize, vec![identify(drive()), status(IDLE)]), ReasonCode::BadRequest);
}

#[test]
fn a_locked_drive_is_sanitized_only_when_restricted_overrides_the_lock() {
    let locked = page(b'A', &[(59, 0xf000), (128, 0x0007)]);
    let mut log = [0; 512];
    (log[0], log[2], log[7], log[55]) = (1, 6, 0x80, 0x80);
    let plain = log;
    log[48] = 0x80;
    let restricted = Sanitize { after_failure: AfterFailure::Restricted, ..BLOCK_ERASE };
    let start = |log| vec![identify(locked), reading((0, 0x2f), log), status(IDLE)];
    is_not_started(&carried_out(&restricted, start(plain)), ReasonCode::Locked);
    is_not_started(&carried_out(&BLOCK_ERASE, start(log)), ReasonCode::Locked);
    let rest = vec![Step::new(ERASE, registers(0x4000, 0)), status(DONE), identify(locked)];
    let report = carried_out(&restricted, [start(log), rest].concat());
    is_confirmed(&report, &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
}

#[test]
fn refusals_on_the_way_to_the_drive_are_not_started() {
    let illegal = sense(vec![0x72, 5, 0x20, 0, 0, 0, 0, 0]);
    let busy = ScsiAnswer::Answered { status: 0x08, sense: Vec::new(), moved: 0 };
    let reserved = ScsiAnswer::Answered { status: 0x18, sense: Vec::new(), moved: 0 };
    for (answer, code) in [
        (illegal, ReasonCode::FirmwareRefused),
        (busy, ReasonCode::FirmwareRefused),
        (reserved, ReasonCode::Reserved),
    ] {
        is_not_started(&erased(vec![status(IDLE), Step::new(ERASE, answer)]), code);
    }
}

#[test]
fn a_unit_attention_is_asked_over() {
    let attention = || sense(vec![0x72, 6, 0x29, 0, 0, 0, 0, 0]);
    let steps = vec![
        asked(attention()),
        status(IDLE),
        Step::new(ERASE, attention()),
        Step::new(ERASE, registers(0x4000, 0)),
        status(DONE),
        identify(drive()),
    ];
    is_confirmed(&erased(steps), &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
}

#[test]
fn a_lost_answer_to_the_command_is_decided_by_the_status() {
    let lost = || Step::new(ERASE, ScsiAnswer::Transport { host: 3, driver: 0 });
    let steps = vec![status(IDLE), lost(), running(2), status(DONE), identify(drive())];
    is_confirmed(&erased(steps), &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
    let steps = [vec![status(DONE), lost()], vec![status(DONE); 5], vec![identify(drive())]].concat();
    is_unknown(&erased(steps), ReasonCode::FirmwareUnknown);
}

#[test]
fn a_drive_that_vanishes_for_a_minute_is_found_again_and_one_that_stays_away_is_unknown() {
    let gone = || asked(ScsiAnswer::NotCompleted { errno: 19 });
    let begun = || Step::new(ERASE, registers(0x4000, 0));
    let steps = vec![
        status(IDLE),
        begun(),
        running(1),
        gone(),
        gone(),
        gone(),
        running(9),
        status(DONE),
        identify(drive()),
    ];
    is_confirmed(&erased(steps), &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
    let mut steps = vec![status(IDLE), begun(), running(1)];
    steps.extend(std::iter::repeat_with(gone).take(10));
    is_unknown(&erased(steps), ReasonCode::FirmwareUnknown);
}

#[test]
fn another_drive_in_its_place_is_told() {
    let begun = Step::new(ERASE, registers(0x4000, 0));
    let other = identify(page(b'B', &[(59, 0xf000)]));
    is_unknown(&erased(vec![status(IDLE), begun, status(DONE), other]), ReasonCode::IdentityChanged);
}

#[test]
fn progress_that_stands_still_is_told_and_given_up() {
    let begun = Step::new(ERASE, registers(0x4000, 0));
    let mut steps = vec![status(IDLE), begun];
    // 31 s of growing rests, then one question every 30 s for six hours.
    steps.extend(std::iter::repeat_with(|| running(655)).take(5 + 6 * 120));
    let report = erased(steps);
    is_unknown(&report, ReasonCode::FirmwareUnknown);
    assert_eq!(report.notes, ["the progress that the drive told stood still for half an hour"]);
    assert!(report.exchanges.len() <= 3, "{}", report.exchanges.len());
}

#[test]
fn progress_that_goes_back_is_noted_and_the_record_stays_short() {
    let begun = Step::new(ERASE, registers(0x4000, 0));
    let mut steps = vec![status(IDLE), begun];
    steps.extend((1..100).map(|part| running(part * 600)));
    steps.extend([running(10), status(DONE), identify(drive())]);
    let report = erased(steps);
    is_confirmed(&report, &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
    assert_eq!(report.notes, ["the progress that the drive told went back"]);
    let names: Vec<(&str, u32)> =
        report.exchanges.iter().map(|exchange: &Exchange| (exchange.name.as_str(), exchange.times)).collect();
    let expected = [
        ("BLOCK ERASE EXT", 1),
        ("SANITIZE STATUS EXT", 1),
        ("SANITIZE STATUS EXT while the operation runs, the last answer", 99),
        ("SANITIZE STATUS EXT", 1),
        ("IDENTIFY DEVICE", 1),
    ];
    assert_eq!(names, expected);
}

#[test]
fn somebody_who_stops_leaves_the_drive_at_work() {
    let steps = vec![identify(drive()), status(IDLE), Step::new(ERASE, registers(0x4000, 0)), running(1)];
    let (mut port, mut watch) = Script::new(steps);
    watch.stop_at = Some(std::time::Duration::ZERO);
    let before = before(&mut port, &mut watch);
    is_unknown(&run(&mut port, &BLOCK_ERASE, Start::Send, &before, &mut watch), ReasonCode::Stopped);
    let stages: Vec<_> = watch.news.iter().map(|news| (news.stage, news.progress)).collect();
    assert_eq!(stages, [(Stage::Accepted, None), (Stage::Asking, Some(1))]);
}

#[test]
fn a_drive_whose_power_was_cycled_goes_on_by_itself_and_is_followed() {
    let taken = Start::FollowAccepted;
    let report = followed(taken, IDLE, vec![running(0x9000), status(DONE), identify(drive())]);
    is_confirmed(&report, &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
    let report = followed(taken, IDLE, vec![status(DONE), identify(drive())]);
    is_confirmed(&report, &[Proof::CompletedSetAnew]);
    is_unknown(&followed(taken, IDLE, vec![status(IDLE); 5]), ReasonCode::FirmwareUnknown);
    assert!(matches!(followed(taken, IDLE, vec![asked(abort(1))]).conclusion, Conclusion::Failed { .. }));
}

/// SANITIZE STATUS EXT names no command: what ran meanwhile may have been somebody else's.
#[test]
fn what_completed_after_an_interruption_is_ours_only_if_the_drive_took_the_command() {
    for steps in
        [vec![running(0x9000), status(DONE), identify(drive())], vec![status(DONE), identify(drive())]]
    {
        is_unknown(&followed(Start::Follow, IDLE, steps), ReasonCode::FirmwareUnknown);
    }
    let steps = || [vec![status(DONE); 5], vec![identify(drive())]].concat();
    is_unknown(&followed(Start::Follow, DONE, steps()), ReasonCode::FirmwareUnknown);
    assert_eq!(followed(Start::FollowAccepted, DONE, steps()).conclusion, Conclusion::Claimed);
}

/// A failure stays until a success, and reason 0 is also what comes when the question itself was aborted.
#[test]
fn a_failure_from_before_or_of_the_question_is_not_ours_at_once() {
    let begun = || Step::new(ERASE, registers(0x4000, 0));
    let report = erased(vec![status(IDLE), begun(), asked(abort(0)), status(DONE), identify(drive())]);
    is_confirmed(&report, &[Proof::InProgressSeen, Proof::CompletedSetAnew]);
    let old = || vec![asked(abort(1)); 5];
    let lost = Step::new(ERASE, ScsiAnswer::Transport { host: 3, driver: 0 });
    is_unknown(&erased([vec![asked(abort(1)), lost], old()].concat()), ReasonCode::FirmwareUnknown);
    let taken = Step::new(ERASE, ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: 0 });
    let late = [vec![asked(abort(1)), taken.clone(), asked(abort(1))], vec![status(DONE), identify(drive())]];
    is_confirmed(&erased(late.concat()), &[Proof::CompletedSetAnew]);
    let report = erased([vec![asked(abort(1)), taken], old()].concat());
    assert!(matches!(report.conclusion, Conclusion::Failed { .. }), "{:?}", report.conclusion);
}
