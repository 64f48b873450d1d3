//! A scripted unit: for each operation code the answers in turn, the last one for ever. Sense bytes are those of
//! the table in firmware-purge facts 3.2; names follow its section 7.
use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::command::scsi::SanitizeAction;
use crate::command::{AfterFailure, DriveOverwrite, Invert};
use crate::engine::firmware::{News, Stage};
use crate::io::{Data, ScsiAnswer};

const AT_WORK: &str = "70 00 02 00 00 00 00 0a 00 00 00 00 04 1b 00 80 40 00";
const AT_WORK_FURTHER: &str = "72 02 04 1b 00 00 00 08 02 06 00 00 80 c0 00 00";
const FULL_AT_WORK: &str = "70 00 00 00 00 00 00 0a 00 00 00 00 04 1b 00 80 ff ff";
const NOTHING: &str = "70 00 00 00 00 00 00 0a 00 00 00 00 00 00 00 00 00 00";
const FAILED: &str = "70 00 03 00 00 00 00 0a 00 00 00 00 31 03 00 00 00 00";
const RESET: &str = "70 00 06 00 00 00 00 0a 00 00 00 00 29 00 00 00 00 00";
const DEFERRED_FAILED: &str = "71 00 03 00 00 00 00 0a 00 00 00 00 31 03 00 00 00 00";
const DEFERRED_DESCRIPTOR: &str = "73 03 11 00 00 00 00 00";
const SMART_TRIP: &str = "70 00 00 00 00 00 00 0a 00 00 00 00 5d 00 00 00 00 00";
const BECOMING_READY: &str = "72 02 04 01 00 00 00 00";

/// What the unit answers.
#[derive(Clone, Debug)]
enum Say {
    /// GOOD, with these data.
    Good(&'static str),
    /// CHECK CONDITION with this sense.
    Check(&'static str),
    Status(u8),
    Transport,
    Errno(i32),
}
use Say::{Check, Errno, Good, Status, Transport};

#[derive(Default)]
struct Unit {
    script: BTreeMap<u8, VecDeque<Say>>,
    sanitizes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Unit {
    /// A unit that is well and takes the command.
    fn well() -> Self {
        Self::default().on(0x00, &[Good("")]).on(0x03, &[Good(NOTHING)]).on(0x48, &[Good("")])
    }

    fn on(mut self, code: u8, says: &[Say]) -> Self {
        self.script.insert(code, says.iter().cloned().collect());
        self
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

impl ScsiPort for Unit {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _timeout: Duration) -> ScsiAnswer {
        if block[0] == 0x48 {
            let sent = if let Data::ToDrive(sent) = &data { sent.to_vec() } else { Vec::new() };
            self.sanitizes.push((block.to_vec(), sent));
        }
        let say = match self.script.get_mut(&block[0]) {
            Some(says) if says.len() > 1 => says.pop_front().unwrap(),
            Some(says) => says.front().unwrap().clone(),
            None => Check("72 05 20 00 00 00 00 00"),
        };
        let answered = |status, sense, moved| ScsiAnswer::Answered { status, sense, moved };
        match say {
            Good(hex) => {
                let told = bytes(hex);
                if let Data::FromDrive(room) = data {
                    room[..told.len()].copy_from_slice(&told);
                }
                answered(0, Vec::new(), u32::try_from(told.len()).unwrap())
            }
            Check(hex) => answered(2, bytes(hex), 0),
            Status(status) => answered(status, Vec::new(), 0),
            Transport => ScsiAnswer::Transport { host: 3, driver: 0 },
            Errno(errno) => ScsiAnswer::NotCompleted { errno },
        }
    }
}

#[derive(Default)]
struct Clock {
    now: Duration,
    stop_at: Option<Duration>,
    /// How long each rest takes, whatever was asked for.
    every: Option<Duration>,
    news: Vec<News>,
}

impl Watch for Clock {
    fn now(&mut self) -> Duration {
        self.now
    }

    fn rest(&mut self, time: Duration) {
        self.now += self.every.unwrap_or(time);
    }

    fn should_stop(&mut self) -> bool {
        self.stop_at.is_some_and(|at| self.now >= at)
    }

    fn tell(&mut self, news: &News) {
        self.news.push(news.clone());
    }
}

const BLOCK_ERASE: Sanitize = Sanitize {
    action: SanitizeAction::BlockErase,
    after_failure: AfterFailure::Restricted,
    answer: AnswerWhen::Accepted,
};

const EMPTY: Before = Before { exchanges: Vec::new() };

fn sent(unit: &mut Unit) -> CommandReport {
    run(unit, &BLOCK_ERASE, Start::Send, &EMPTY, &mut Clock::default())
}

#[track_caller]
fn code(report: &CommandReport) -> (&'static str, ReasonCode) {
    match &report.conclusion {
        Conclusion::Confirmed | Conclusion::Claimed => panic!("{report:?}"),
        Conclusion::NotStarted { reason } => ("not started", reason.code),
        Conclusion::Failed { reason } => ("failed", reason.code),
        Conclusion::Unknown { reason } => ("unknown", reason.code),
    }
}

#[test]
fn accepted_seen_at_work_and_ready_is_confirmed() {
    let mut unit = Unit::well().on(
        0x03,
        &[Good(AT_WORK), Good(AT_WORK_FURTHER), Good(FULL_AT_WORK), Good(FULL_AT_WORK), Good(NOTHING)],
    );
    let report = sent(&mut unit);
    assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:?}");
    assert_eq!(report.proof, [Proof::InProgressSeen]);
    assert_eq!(unit.sanitizes, [(bytes("48 82 00 00 00 00 00 00 00 00"), Vec::new())]);
    let names: Vec<&str> = report.exchanges.iter().map(|exchange| exchange.name.as_str()).collect();
    assert_eq!(names[0], "sanitize");
    assert_eq!(names[names.len() - 3..], ["request sense", "test unit ready", "request sense"]);
}

#[test]
fn the_first_poll_without_sense_is_not_a_success_by_itself() {
    let report = sent(&mut Unit::well());
    assert_eq!((report.conclusion, report.proof), (Conclusion::Claimed, vec![]));

    let mut late = Unit::well().on(0x03, &[Good(NOTHING), Good(NOTHING), Good(AT_WORK), Good(NOTHING)]);
    assert_eq!(sent(&mut late).conclusion, Conclusion::Confirmed, "it began late");
}

#[test]
fn failure_31_03_is_failed_wherever_it_shows() {
    let at_poll = Unit::well().on(0x03, &[Good(AT_WORK), Good(FAILED)]);
    let at_ready = Unit::well().on(0x03, &[Good(AT_WORK), Good(NOTHING)]).on(0x00, &[Check(FAILED)]);
    let at_the_second_look = Unit::well().on(0x03, &[Good(AT_WORK), Good(NOTHING), Good(FAILED)]);
    let at_once = Unit::well().on(0x48, &[Check(FAILED)]);
    for mut unit in [at_poll, at_ready, at_the_second_look, at_once] {
        assert_eq!(code(&sent(&mut unit)), ("failed", ReasonCode::FirmwareFailed));
    }
}

#[test]
fn attention_6_29_then_04_1b_goes_on() {
    let mut unit = Unit::well()
        .on(
            0x48,
            &[Check(RESET), Check("72 06 2a 01 00 00 00 00"), Check("72 06 3f 03 00 00 00 00"), Good("")],
        )
        .on(0x03, &[Good(RESET), Good(AT_WORK), Good(RESET), Good(NOTHING)])
        .on(0x00, &[Check(RESET), Good("")]);
    let report = sent(&mut unit);
    assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:?}");
    assert_eq!(unit.sanitizes.len(), 4);
    assert!(report.notes.iter().any(|note| note.contains("29h/00h")), "{:?}", report.notes);
}

#[test]
fn test_unit_ready_that_never_is_good_is_unknown() {
    for stuck in [Check(BECOMING_READY), Status(0x08), Status(0x18), Check("72 03 31 00 00 00 00 00")] {
        let mut unit = Unit::well().on(0x03, &[Good(AT_WORK), Good(NOTHING)]).on(0x00, &[stuck]);
        assert_eq!(code(&sent(&mut unit)), ("unknown", ReasonCode::FirmwareUnknown));
    }
}

#[test]
fn what_the_unit_refuses_was_not_started() {
    let refusals = [
        (Status(0x18), ReasonCode::Reserved),
        (Status(0x08), ReasonCode::FirmwareBusy),
        (Check("72 05 20 00 00 00 00 00"), ReasonCode::NoSuchCommand),
        (Check("70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 c0 00 01"), ReasonCode::FirmwareRefused),
        (Check("72 05 26 00 00 00 00 00"), ReasonCode::FirmwareRefused),
        (Check("72 07 27 00 00 00 00 00"), ReasonCode::ReadOnly),
        (Check("72 07 20 02 00 00 00 00"), ReasonCode::Locked),
        (Check(AT_WORK), ReasonCode::FirmwareBusy),
        (Check("72 02 04 04 00 00 00 00"), ReasonCode::FirmwareBusy),
        (Check("72 02 04 09 00 00 00 00"), ReasonCode::FirmwareBusy),
        (Check(RESET), ReasonCode::FirmwareBusy),
        (Errno(1), ReasonCode::FirmwareRefused),
    ];
    for (refusal, reason) in refusals {
        // What runs afterwards is somebody else's and must not be taken for ours.
        let mut unit =
            Unit::well().on(0x48, std::slice::from_ref(&refusal)).on(0x03, &[Good(AT_WORK), Good(NOTHING)]);
        let report = sent(&mut unit);
        assert_eq!(code(&report), ("not started", reason), "{refusal:?}");
        let Conclusion::NotStarted { reason } = report.conclusion else { panic!() };
        assert!(!reason.remedy.is_empty(), "{refusal:?}");
        assert!(report.proof.is_empty());
    }
}

#[test]
fn deferred_sense_is_not_the_answer_to_this_command() {
    let mut at_send = Unit::well().on(0x48, &[Check(DEFERRED_DESCRIPTOR)]);
    assert_eq!(code(&sent(&mut at_send)).0, "unknown");
    assert_eq!(at_send.sanitizes.len(), 1, "it may have been taken: it is not sent twice");

    let mut passing = Unit::well().on(0x03, &[Good(AT_WORK), Good(DEFERRED_DESCRIPTOR), Good(NOTHING)]);
    assert_eq!(sent(&mut passing).conclusion, Conclusion::Confirmed);

    let mut failure = Unit::well().on(0x03, &[Good(AT_WORK), Good(DEFERRED_FAILED), Good(NOTHING)]);
    assert_eq!(code(&sent(&mut failure)).0, "unknown", "it may be ours");
    let mut confirmed = Unit::well().on(0x03, &[Good(AT_WORK), Good(DEFERRED_FAILED), Good(FAILED)]);
    assert_eq!(code(&sent(&mut confirmed)).0, "failed");
}

#[test]
fn an_answer_that_was_lost_is_unknown_whatever_follows() {
    let lost =
        [Transport, Errno(5), Errno(4), Errno(19), Status(0x40), Check("72 0b 00 00 00 00 00 00"), Check("")];
    for lost in lost {
        for polls in [vec![Good(NOTHING)], vec![Good(AT_WORK), Good(NOTHING)]] {
            let mut unit = Unit::well().on(0x48, std::slice::from_ref(&lost)).on(0x03, &polls);
            let report = sent(&mut unit);
            assert_eq!(code(&report), ("unknown", ReasonCode::FirmwareUnknown), "{lost:?} {polls:?}");
            let Conclusion::Unknown { reason } = report.conclusion else { panic!() };
            assert_eq!(
                reason.text.contains("was then seen to sanitize itself"),
                polls.len() == 2,
                "{reason:?}"
            );
            assert_eq!(unit.sanitizes.len(), 1);
        }
        let mut failing = Unit::well().on(0x48, &[lost]).on(0x03, &[Good(AT_WORK), Good(FAILED)]);
        assert_eq!(code(&sent(&mut failing)).0, "failed");
    }
}

#[test]
fn a_poll_that_fails_is_no_failure_of_the_drive() {
    let trouble =
        [Transport, Errno(5), Good(""), Status(0x08), Check("72 05 24 00 00 00 00 00"), Good("00 00")];
    for trouble in trouble {
        let polls = [Good(AT_WORK), trouble.clone(), trouble.clone(), Good(AT_WORK), Good(NOTHING)];
        let mut passing = Unit::well().on(0x03, &polls);
        assert_eq!(sent(&mut passing).conclusion, Conclusion::Confirmed, "{trouble:?}");
        let mut lasting = Unit::well().on(0x03, &[Good(AT_WORK), trouble.clone()]);
        assert_eq!(code(&sent(&mut lasting)), ("unknown", ReasonCode::FirmwareUnknown), "{trouble:?}");
    }
}

#[test]
fn a_node_that_vanishes_is_unknown_before_long() {
    let mut unit = Unit::well().on(0x03, &[Good(AT_WORK), Errno(19)]);
    let mut clock = Clock::default();
    let report = run(&mut unit, &BLOCK_ERASE, Start::Send, &EMPTY, &mut clock);
    assert_eq!(code(&report).0, "unknown");
    assert!(clock.now < Duration::from_secs(300), "{:?}", clock.now);
}

#[test]
fn progress_655_for_hours_is_told_and_ends_unknown() {
    let stalled = "70 00 02 00 00 00 00 0a 00 00 00 00 04 1b 00 80 02 8f";
    let slower = "70 00 02 00 00 00 00 0a 00 00 00 00 04 1b 00 80 02 00";
    for polls in [vec![Good(stalled)], vec![Good(slower), Good(stalled)]] {
        let mut clock = Clock::default();
        let report = run(&mut Unit::well().on(0x03, &polls), &BLOCK_ERASE, Start::Send, &EMPTY, &mut clock);
        assert_eq!(code(&report).0, "unknown");
        assert!(clock.now > Duration::from_secs(2 * 3600), "{:?}", clock.now);
        assert!(report.notes.iter().any(|note| note.contains("no progress")), "{:?}", report.notes);
        assert!(report.exchanges.len() < 10, "hours of polls are condensed");
        let polls: u32 = report.exchanges.iter().map(|exchange| exchange.times).sum();
        assert!(polls > 200);
    }
}

#[test]
fn progress_that_goes_back_is_none() {
    let mut says = Vec::new();
    for _ in 0..10_000 {
        says.extend([Good(AT_WORK), Good(AT_WORK_FURTHER)]);
    }
    let report = sent(&mut Unit::well().on(0x03, &says));
    assert_eq!(code(&report).0, "unknown");
    assert!(report.notes.iter().any(|note| note.contains("went back")), "{:?}", report.notes);
}

#[test]
fn progress_that_never_comes_to_an_end_is_not_followed_for_ever() {
    let at_work = |part: u16| {
        format!("70 00 00 00 00 00 00 0a 00 00 00 00 04 1b 00 80 {:02x} {:02x}", part >> 8, part & 0xff)
    };
    let says: Vec<Say> = (1..2000).map(|part| Good(at_work(part).leak())).collect();
    let mut clock = Clock { every: Some(Duration::from_hours(1)), ..Clock::default() };
    let mut unit = Unit::well().on(0x03, &says);
    let report = run(&mut unit, &BLOCK_ERASE, Start::Send, &EMPTY, &mut clock);
    assert_eq!(code(&report), ("unknown", ReasonCode::FirmwareUnknown));
    assert_eq!(clock.now, Duration::from_hours(30 * 24));
}

#[test]
fn each_pass_of_an_overwrite_may_count_from_the_beginning() {
    let low = "70 00 02 00 00 00 00 0a 00 00 00 00 04 1b 00 80 00 10";
    let overwrite = DriveOverwrite { pattern: [0xaa, 0x55, 0, 1], passes: 2, invert: Invert::BetweenPasses };
    let command = Sanitize { action: SanitizeAction::Overwrite(overwrite), ..BLOCK_ERASE };
    let polls = [Good(low), Good(AT_WORK_FURTHER), Good(low), Good(AT_WORK_FURTHER), Good(NOTHING)];
    let mut unit = Unit::well().on(0x03, &polls);
    let report = run(&mut unit, &command, Start::Send, &EMPTY, &mut Clock::default());
    assert_eq!((report.conclusion, report.notes), (Conclusion::Confirmed, vec![]));
    assert_eq!(unit.sanitizes, [(bytes("48 81 00 00 00 00 00 00 08 00"), bytes("82 00 00 04 aa 55 00 01"))]);
}

#[test]
fn a_predicted_failure_is_no_failed_sanitize() {
    let mut unit = Unit::well().on(0x03, &[Good(AT_WORK), Good(SMART_TRIP)]);
    assert_eq!(sent(&mut unit).conclusion, Conclusion::Confirmed);
}

#[test]
fn who_stops_leaves_it_running() {
    let mut clock = Clock { stop_at: Some(Duration::from_secs(5)), ..Clock::default() };
    let mut unit = Unit::well().on(0x03, &[Good(AT_WORK)]);
    let report = run(&mut unit, &BLOCK_ERASE, Start::Send, &EMPTY, &mut clock);
    let Conclusion::Unknown { reason } = report.conclusion else { panic!("{report:?}") };
    assert!(reason.text.contains("left running") && reason.remedy.contains("resume"), "{reason:?}");

    let mut clock = Clock { stop_at: Some(Duration::ZERO), ..Clock::default() };
    let mut unit = Unit::well();
    let report = run(&mut unit, &BLOCK_ERASE, Start::Send, &EMPTY, &mut clock);
    assert_eq!((code(&report), unit.sanitizes.len()), (("not started", ReasonCode::Stopped), 0));
}

#[test]
fn following_never_sends() {
    let follow = |unit: &mut Unit, start| {
        let report = run(unit, &BLOCK_ERASE, start, &EMPTY, &mut Clock::default());
        assert!(unit.sanitizes.is_empty());
        report
    };
    let at_work = || Unit::well().on(0x03, &[Good(RESET), Good(AT_WORK), Good(NOTHING)]);
    let report = follow(&mut at_work(), Start::FollowAccepted);
    assert_eq!((report.conclusion, report.proof), (Conclusion::Confirmed, vec![Proof::InProgressSeen]));
    let report = follow(&mut Unit::well(), Start::FollowAccepted);
    assert_eq!((report.conclusion, report.proof), (Conclusion::Claimed, vec![]));
    let failed = &mut Unit::well().on(0x03, &[Good(FAILED)]);
    assert_eq!(code(&follow(failed, Start::FollowAccepted)).0, "failed");
}

/// Somebody else may have sent what is seen to run, when this command is not known to have been taken.
#[test]
fn what_runs_after_an_interruption_is_ours_only_if_the_unit_took_the_command() {
    let mut clock = Clock::default();
    run(&mut Unit::well(), &BLOCK_ERASE, Start::Send, &EMPTY, &mut clock);
    assert_eq!(clock.news.iter().filter(|news| news.stage == Stage::Accepted).count(), 1);
    let at_work = Unit::well().on(0x03, &[Good(RESET), Good(AT_WORK), Good(NOTHING)]);
    for mut unit in [at_work, Unit::well()] {
        let report = run(&mut unit, &BLOCK_ERASE, Start::Follow, &EMPTY, &mut Clock::default());
        assert_eq!(code(&report), ("unknown", ReasonCode::FirmwareUnknown));
        assert_eq!(report.proof, []);
    }
}

#[test]
fn an_answer_that_comes_when_it_is_done_is_proof() {
    let command = Sanitize { answer: AnswerWhen::Finished, ..BLOCK_ERASE };
    let mut clock = Clock::default();
    let report = run(&mut Unit::well(), &command, Start::Send, &EMPTY, &mut clock);
    assert_eq!((report.conclusion, report.proof), (Conclusion::Confirmed, vec![Proof::AnsweredWhenFinished]));
    assert!(clock.news[0].quiet_seconds.is_some());
    let report = run(&mut Unit::well(), &command, Start::FollowAccepted, &EMPTY, &mut Clock::default());
    assert_eq!(report.conclusion, Conclusion::Claimed, "the answer was not heard");
}

#[test]
fn passes_that_cannot_be_carried_are_not_sent() {
    for passes in [0, 32, 255] {
        let overwrite = DriveOverwrite { pattern: [0; 4], passes, invert: Invert::Never };
        let command = Sanitize { action: SanitizeAction::Overwrite(overwrite), ..BLOCK_ERASE };
        let mut unit = Unit::well();
        let report = run(&mut unit, &command, Start::Send, &EMPTY, &mut Clock::default());
        assert_eq!(code(&report), ("not started", ReasonCode::BadRequest));
        assert!(unit.sanitizes.is_empty());
    }
}

#[test]
fn what_stands_against_it_is_found_before() {
    let ask = |unit: &mut Unit| before(unit, &BLOCK_ERASE, &mut Clock::default());
    assert!(ask(&mut Unit::well().on(0x00, &[Check(RESET), Good("")])).is_ok());
    assert!(
        ask(&mut Unit::well().on(0x00, &[Check(FAILED)]).on(0x03, &[Good(FAILED)])).is_ok(),
        "to be freed"
    );
    let against = [
        (0x03, Good(AT_WORK), ReasonCode::FirmwareBusy),
        (0x00, Check("72 02 04 04 00 00 00 00"), ReasonCode::FirmwareBusy),
        (0x00, Check("72 02 04 09 00 00 00 00"), ReasonCode::FirmwareBusy),
        (0x00, Status(0x18), ReasonCode::Reserved),
        (0x00, Transport, ReasonCode::NotAnswering),
        (0x00, Check(RESET), ReasonCode::NotAnswering),
        (0x03, Transport, ReasonCode::NotAnswering),
        (0x1a, Good("03 00 80 00"), ReasonCode::ReadOnly),
        (
            0x5e,
            Good("00 00 00 01 00 00 00 10 00 00 00 00 00 00 ab cd 00 00 00 00 00 03 00 00"),
            ReasonCode::Reserved,
        ),
        (0xa3, Good("00 01 00 00"), ReasonCode::FirmwareRefused),
    ];
    for (operation, say, reason) in against {
        let mut unit = Unit::well().on(operation, std::slice::from_ref(&say));
        assert_eq!(ask(&mut unit).unwrap_err().code, reason, "{operation:02x} {say:?}");
        assert!(unit.sanitizes.is_empty());
    }
}

#[test]
fn a_sanitize_that_ran_before_is_never_ours() {
    let running = Exchange {
        name: "request sense".to_owned(),
        command: "03000000fc00".to_owned(),
        sent: None,
        answer: "status 00".to_owned(),
        received: Some(AT_WORK.replace(' ', "")),
        at_millis: 0,
        times: 1,
    };
    let before = Before { exchanges: vec![running] };
    let mut unit = Unit::well();
    let report = run(&mut unit, &BLOCK_ERASE, Start::Send, &before, &mut Clock::default());
    assert_eq!(code(&report), ("not started", ReasonCode::FirmwareBusy));
    assert!(unit.sanitizes.is_empty());
}

#[test]
fn the_failure_mode_is_left_or_not() {
    let mut unit = Unit::well().on(0x48, &[Check(RESET), Good("")]);
    assert!(exit_failure_mode(&mut unit, &mut Clock::default()).is_ok());
    assert_eq!(unit.sanitizes[1].0, bytes("48 1f 00 00 00 00 00 00 00 00"));
    let mut refused = Unit::well().on(0x48, &[Check("72 05 24 00 00 00 00 00")]);
    let reason = exit_failure_mode(&mut refused, &mut Clock::default()).unwrap_err();
    assert_eq!(reason.code, ReasonCode::FirmwareRefused);
    let mut kept = Unit::well().on(0x03, &[Good(FAILED)]);
    let reason = exit_failure_mode(&mut kept, &mut Clock::default()).unwrap_err();
    assert_eq!(reason.code, ReasonCode::FirmwareFailed);
}

fn any_say() -> impl Strategy<Value = Say> {
    let good = [
        AT_WORK,
        AT_WORK_FURTHER,
        FULL_AT_WORK,
        NOTHING,
        FAILED,
        RESET,
        DEFERRED_FAILED,
        SMART_TRIP,
        "",
        "72 05 24",
    ];
    prop_oneof![
        8 => proptest::sample::select(good.to_vec()).prop_map(Good),
        4 => proptest::sample::select(good.to_vec()).prop_map(Check),
        1 => any::<u8>().prop_map(Status),
        1 => Just(Transport),
        1 => (1..134_i32).prop_map(Errno),
    ]
}

proptest! {
    /// Whatever a unit says, following ends, a success is never concluded from a last word that is none, and
    /// nothing is sent twice that may have been taken.
    #[test]
    fn every_story_has_an_end(
        sends in proptest::collection::vec(any_say(), 1..4),
        polls in proptest::collection::vec(any_say(), 1..12),
        readies in proptest::collection::vec(any_say(), 1..6),
    ) {
        let mut unit = Unit::well().on(0x48, &sends).on(0x03, &polls).on(0x00, &readies);
        let report = sent(&mut unit);
        if matches!(report.conclusion, Conclusion::Confirmed | Conclusion::Claimed) {
            let last: Vec<&str> = report.exchanges.iter().rev().take(2).map(|last| last.answer.as_str()).collect();
            prop_assert!(last.iter().all(|answer| *answer == "status 00" || *answer == "status 04"), "{:?}", last);
            let confirmed = report.conclusion == Conclusion::Confirmed;
            prop_assert_eq!(confirmed, report.proof == [Proof::InProgressSeen]);
        }
        let taken = |say: &Say| matches!(say, Good(_) | Transport | Errno(_));
        let first = sends.iter().position(taken);
        if let Some(first) = first.filter(|first| *first < unit.sanitizes.len()) {
            prop_assert_eq!(unit.sanitizes.len(), first + 1);
        }
    }
}
