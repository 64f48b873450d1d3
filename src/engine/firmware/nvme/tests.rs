//! A controller that answers by table, and a clock that moves only when the engine rests.
use std::time::Duration;

use super::super::{Before, CommandReport, Conclusion, Exchange, News, Proof, Start, Watch};
use super::{NvmeCommand, before, exit_media_verification, is_in_media_verification, run};
use crate::command::nvme::{Allocation, MediaVerification, PurgeRequest, Sanitize, SanitizeAction};
use crate::command::{AfterFailure, DriveOverwrite, Invert};
use crate::io::channel::{Data, NVME_ENTRY_BYTES, NvmeAnswer, NvmePort};
use crate::unit::ReasonCode;

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

const GOOD: NvmeAnswer = NvmeAnswer::Completed { result: 0 };

type Page = Result<Vec<u8>, NvmeAnswer>;

/// A controller. Each list gives its answers in turn and repeats its last one.
#[derive(Clone)]
struct Drive {
    send: NvmeAnswer,
    status: Vec<Page>,
    namespaces: Vec<Page>,
    active: Vec<u32>,
    /// Persistent event logs, one for each time that it is read; none: the drive has no such log.
    logs: Vec<Vec<u8>>,
    format: u8,
    sent: Vec<[u8; NVME_ENTRY_BYTES]>,
}

fn turn<T: Clone>(list: &mut Vec<T>) -> Option<T> {
    if list.len() > 1 { Some(list.remove(0)) } else { list.first().cloned() }
}

fn page(bytes: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut page = vec![0; bytes];
    for (at, field) in fields {
        page[*at..at + field.len()].copy_from_slice(field);
    }
    page
}

impl Drive {
    fn new(status: Vec<Page>) -> Self {
        let (namespaces, logs, sent) = (vec![Ok(namespace(1000, 1, 0x80))], Vec::new(), Vec::new());
        Self { send: GOOD, status, namespaces, active: vec![1], logs, format: 0, sent }
    }

    fn page(&mut self, entry: &[u8; NVME_ENTRY_BYTES]) -> Page {
        match (entry[0], entry[40], entry[41]) {
            (0x02, 0x81, _) => {
                assert_eq!(entry[4..8], [0xFF; 4], "NSID of the status log");
                turn(&mut self.status).unwrap()
            }
            (0x06, 0x01, _) => {
                let events = if self.logs.is_empty() { 0 } else { 0x10 };
                Ok(page(4096, &[(261, &[events]), (328, &[7]), (524, &[self.format])]))
            }
            (0x06, 0x00, _) => turn(&mut self.namespaces).unwrap(),
            (0x06, 0x02, _) => {
                let numbers: Vec<u8> = self.active.iter().flat_map(|nsid| nsid.to_le_bytes()).collect();
                Ok(page(4096, &[(0, &numbers)]))
            }
            (0x02, 0x0D, specific) => {
                let log = if specific == 2 { turn(&mut self.logs).unwrap() } else { self.logs[0].clone() };
                let offset = usize::from(u16::from_le_bytes([entry[48], entry[49]]));
                Ok(log[offset.min(log.len())..].to_vec())
            }
            other => panic!("{other:x?} is not expected"),
        }
    }
}

impl NvmePort for Drive {
    fn admin(&mut self, entry: &[u8; NVME_ENTRY_BYTES], data: Data<'_>, timeout: Duration) -> NvmeAnswer {
        let Data::FromDrive(buffer) = data else {
            let least = if entry[0] == 0x80 { Duration::from_hours(2) } else { Duration::from_mins(1) };
            assert!(timeout >= least, "{timeout:?}");
            self.sent.push(*entry);
            return self.send;
        };
        match self.page(entry) {
            Err(answer) => answer,
            Ok(page) => {
                let length = buffer.len().min(page.len());
                buffer[..length].copy_from_slice(&page[..length]);
                GOOD
            }
        }
    }
}

/// SPROG, SSTAT, SCDW10 and SSI at the places of the facts; every estimate is FFFFFFFFh, not told.
fn log(progress: u16, status: u16, dword: u32, machine: u8) -> Page {
    let dword = dword.to_le_bytes();
    let fields: [(usize, &[u8]); 5] = [
        (0, &progress.to_le_bytes()),
        (2, &status.to_le_bytes()),
        (4, &dword),
        (8, &[0xFF; 28]),
        (36, &[machine]),
    ];
    Ok(page(512, &fields))
}

fn namespace(blocks: u64, flbas: u8, progress: u8) -> Vec<u8> {
    page(4096, &[(0, &blocks.to_le_bytes()), (26, &[flbas]), (32, &[progress])])
}

/// Block erase, restricted: command dword 10 is 2.
const BLOCK: Sanitize = Sanitize {
    action: SanitizeAction::BlockErase,
    after_failure: AfterFailure::Restricted,
    allocation: Allocation::MayDeallocate,
    media_verification: MediaVerification::NotAsked,
    purge: PurgeRequest::NotAsked,
};

fn never() -> Page {
    log(0xFFFF, 0, 0, 0)
}

/// The command on a drive that told `old` before, answers `send` and then tells `polls`.
fn told(
    sanitize: Sanitize,
    start: Start,
    old: Page,
    send: NvmeAnswer,
    polls: Vec<Page>,
) -> (CommandReport, Drive, Clock) {
    let mut clock = Clock::default();
    let command = NvmeCommand::Sanitize(sanitize);
    let mut drive = Drive { send, ..Drive::new(vec![old]) };
    let before = before(&mut drive, &command, &mut clock).unwrap();
    drive.status = polls;
    let report = run(&mut drive, &command, start, &before, &mut clock);
    (report, drive, clock)
}

fn sent(old: Page, polls: Vec<Page>) -> CommandReport {
    let (report, drive, _) = told(BLOCK, Start::Send, old, GOOD, polls);
    assert_eq!((drive.sent.len(), drive.sent[0][0], drive.sent[0][40]), (1, 0x84, 2));
    report
}

#[track_caller]
fn is_unknown(report: &CommandReport, code: ReasonCode, words: &str) {
    let Conclusion::Unknown { reason } = &report.conclusion else { panic!("{:?}", report.conclusion) };
    assert_eq!(reason.code, code, "{reason:?}");
    assert!(reason.text.contains(words), "{reason:?}");
    assert!(report.proof.is_empty());
}

#[track_caller]
fn is_confirmed(report: &CommandReport, proof: &[Proof]) {
    assert_eq!(report.conclusion, Conclusion::Confirmed, "{report:?}");
    assert_eq!(report.proof, proof);
}

fn notes(report: &CommandReport) -> String {
    report.notes.join("; ")
}

#[test]
fn s7_1_progress_ffff_with_state_failed_is_failed() {
    let report = sent(never(), vec![log(0x1000, 2, 2, 1), log(0xFFFF, 3, 2, 0x12)]);
    let Conclusion::Failed { reason } = report.conclusion else { panic!("{:?}", report.conclusion) };
    assert_eq!(reason.code, ReasonCode::FirmwareFailed);
    assert!(reason.text.contains("restricted processing"), "{reason:?}");
}

#[test]
fn s7_1_status_101_is_confirmed() {
    let report = sent(log(0xFFFF, 1, 4, 0), vec![log(0xFFFF, 0x101, 2, 0)]);
    is_confirmed(&report, &[Proof::GlobalDataErasedSetAnew]);
    let report = sent(never(), vec![log(5, 2, 2, 1), log(0x8000, 2, 2, 1), log(0xFFFF, 0x101, 2, 0)]);
    is_confirmed(&report, &[Proof::InProgressSeen, Proof::GlobalDataErasedSetAnew]);
}

#[test]
fn s7_1_never_sanitized_after_the_command_is_unknown() {
    is_unknown(&sent(never(), vec![never()]), ReasonCode::FirmwareUnknown, "did not run");
}

#[test]
fn s7_1_success_with_deallocation_although_not_wanted_is_confirmed_with_a_note() {
    let kept = Sanitize { allocation: Allocation::Keep, ..BLOCK };
    let polls = vec![log(7, 2, 0x202, 1), log(0xFFFF, 4, 0x202, 0)];
    let (report, _, _) = told(kept, Start::Send, never(), GOOD, polls);
    is_confirmed(&report, &[Proof::InProgressSeen]);
    assert!(notes(&report).contains("deallocated its blocks although"));
}

#[test]
fn s7_1_a_stale_command_dword_is_not_ours() {
    let stale = log(0xFFFF, 0x101, 4, 0);
    is_unknown(&sent(stale.clone(), vec![stale]), ReasonCode::FirmwareUnknown, "another command");
    let failed = log(0xFFFF, 3, 4, 2);
    is_unknown(&sent(failed.clone(), vec![failed]), ReasonCode::FirmwareUnknown, "another command");
}

#[test]
fn s7_1_progress_655_for_hours_is_a_stall() {
    let (report, _, clock) = told(BLOCK, Start::Send, never(), GOOD, vec![log(655, 2, 2, 1)]);
    is_unknown(&report, ReasonCode::FirmwareUnknown, "655 of 65536");
    assert!(clock.now >= Duration::from_mins(30) && clock.now < Duration::from_mins(32), "{:?}", clock.now);
    let polls: Vec<&Exchange> =
        report.exchanges.iter().filter(|one| one.name.contains("status log")).collect();
    assert!(polls.len() == 1 && polls[0].times > 50, "equal answers are one exchange: {}", polls.len());
}

/// ETBE at byte 12: ten times the estimate, when that is longer than half an hour. 0 and FFFFFFFFh are no times.
#[test]
fn the_stall_rule_waits_ten_times_the_estimate() {
    for (seconds, least, most) in [(600_u32, 100, 102), (0, 30, 32), (u32::MAX, 30, 32)] {
        let with_estimate = |page: Page| {
            let mut page = page.unwrap();
            page[12..16].copy_from_slice(&seconds.to_le_bytes());
            Ok(page)
        };
        let (old, stuck) = (with_estimate(never()), with_estimate(log(9, 2, 2, 1)));
        let (report, _, clock) = told(BLOCK, Start::Send, old, GOOD, vec![stuck]);
        is_unknown(&report, ReasonCode::FirmwareUnknown, "nothing changed");
        let minutes = clock.now.as_secs() / 60;
        assert!((least..=most).contains(&minutes), "{seconds} s: {minutes} min");
    }
}

/// A drive that counts up and down for ever makes no headway.
#[test]
fn progress_that_goes_back_is_noted_and_stalls() {
    let polls: Vec<Page> = (0..400).map(|n| log(if n % 2 == 0 { 900 } else { 800 }, 2, 2, 1)).collect();
    let report = sent(never(), polls);
    is_unknown(&report, ReasonCode::FirmwareUnknown, "900 of 65536");
    assert!(notes(&report).contains("went back from 900 to 800"));
}

/// Nor does one whose log goes back and forth between two operations.
#[test]
fn a_log_that_alternates_stalls_and_one_that_always_tells_something_new_is_left_after_thirty_days() {
    let polls: Vec<Page> = (0..2000).map(|n| log(9, 2, if n % 2 == 0 { 2 } else { 4 }, 1)).collect();
    let (report, _, clock) = told(BLOCK, Start::Send, never(), GOOD, polls);
    is_unknown(&report, ReasonCode::FirmwareUnknown, "nothing changed");
    assert!(clock.now < Duration::from_mins(32), "{:?}", clock.now);
    let mut clock = Clock { every: Some(Duration::from_mins(20)), ..Clock::default() };
    let command = NvmeCommand::Sanitize(BLOCK);
    let mut drive = Drive::new(vec![never()]);
    let before = before(&mut drive, &command, &mut clock).unwrap();
    drive.status = (0..3000).map(|n| log(9, 2, n, 1)).collect();
    let report = run(&mut drive, &command, Start::Send, &before, &mut clock);
    is_unknown(&report, ReasonCode::FirmwareUnknown, "thirty days");
    assert_eq!(clock.now, Duration::from_hours(30 * 24));
}

/// A drive stays in its failure: what stood there before is ours only if it took the command, and still says so later.
#[test]
fn a_failure_that_stood_in_the_log_before_is_not_ours_at_once() {
    let failed = log(0xFFFF, 3, 2, 0x12);
    let lost = NvmeAnswer::NotCompleted { errno: 110 };
    for (start, answer) in [(Start::Send, lost), (Start::Follow, GOOD)] {
        let (report, _, _) = told(BLOCK, start, failed.clone(), answer, vec![failed.clone()]);
        is_unknown(&report, ReasonCode::FirmwareUnknown, "same as before");
    }
    let polls = vec![failed.clone(), log(9, 2, 2, 1), log(0xFFFF, 1, 2, 0)];
    is_confirmed(&sent(failed.clone(), polls), &[Proof::InProgressSeen]);
    let (report, _, clock) = told(BLOCK, Start::Send, failed.clone(), GOOD, vec![failed]);
    assert!(matches!(report.conclusion, Conclusion::Failed { .. }), "{report:?}");
    assert!(clock.now >= Duration::from_secs(30));
}

#[test]
fn success_without_any_proof_is_only_claimed() {
    let report = sent(never(), vec![log(0xFFFF, 1, 2, 0)]);
    assert_eq!((&report.conclusion, report.proof.len()), (&Conclusion::Claimed, 0));
    // The same success of last month, with everything that it had set.
    let old = log(0xFFFF, 0x901, 2, 0);
    assert_eq!(sent(old.clone(), vec![old]).conclusion, Conclusion::Claimed);
}

/// A log that still shows the last operation when ours was just accepted.
#[test]
fn a_log_that_lags_behind_is_waited_for() {
    let old = log(0xFFFF, 0x101, 2, 0);
    let report = sent(old.clone(), vec![old, log(40, 2, 2, 1), log(0xFFFF, 0x101, 2, 0)]);
    is_confirmed(&report, &[Proof::InProgressSeen]);
}

#[test]
fn a_purge_that_is_reported_anew_is_a_proof_and_a_missing_one_is_a_failure() {
    let purge = Sanitize { purge: PurgeRequest::Asked, ..BLOCK };
    let (report, _, _) = told(purge, Start::Send, never(), GOOD, vec![log(0xFFFF, 0x801, 0x802, 0)]);
    is_confirmed(&report, &[Proof::PurgeReported]);
    let polls = vec![log(1, 2, 0x802, 1), log(0xFFFF, 1, 0x802, 0)];
    let (report, _, _) = told(purge, Start::Send, never(), GOOD, polls);
    let Conclusion::Failed { reason } = &report.conclusion else { panic!("{:?}", report.conclusion) };
    assert!(reason.code == ReasonCode::FirmwareFailed && reason.text.contains("not purged"), "{reason:?}");
    assert!(report.proof.is_empty());
}

#[test]
fn passes_that_were_not_completed_are_noted() {
    let overwrite = DriveOverwrite { pattern: [0; 4], passes: 3, invert: Invert::Never };
    let overwrite = Sanitize { action: SanitizeAction::Overwrite(overwrite), ..BLOCK };
    for (passes, noted) in [(2_u16, true), (3, false)] {
        let polls = vec![log(1, 2, 0x33, 1), log(0xFFFF, 1 | (passes << 3), 0x33, 0)];
        let (report, _, _) = told(overwrite, Start::Send, never(), GOOD, polls);
        is_confirmed(&report, &[Proof::InProgressSeen]);
        assert_eq!(notes(&report).contains("3 passes were asked for"), noted);
    }
}

/// Statuses of the facts, 2.4 and 3.3, and what each of them makes of the job.
#[test]
fn s7_7_each_refusal_is_not_started_and_names_its_remedy() {
    let rows = [
        (0x0001, ReasonCode::NoSuchCommand, "another technique"),
        (0x4002, ReasonCode::FirmwareRefused, "no-deallocate"),
        (0x0015, ReasonCode::Locked, "PSID"),
        (0x001D, ReasonCode::FirmwareBusy, "not ours"),
        (0x0020, ReasonCode::FirmwareRefused, "write protection"),
        (0x0083, ReasonCode::Reserved, "resv-report"),
        (0x010B, ReasonCode::FirmwareRefused, "power"),
        (0x0110, ReasonCode::FirmwareRefused, "subsystem"),
        (0x0111, ReasonCode::FirmwareRefused, "reset the controller"),
        (0x0112, ReasonCode::FirmwareRefused, "activation"),
        (0x011D, ReasonCode::FirmwareRefused, "self-test"),
        (0x0123, ReasonCode::FirmwareRefused, "persistent memory"),
        (0x4286, ReasonCode::Locked, "PSID"),
    ];
    for (field, code, remedy) in rows {
        let send = NvmeAnswer::Status { field };
        let (report, _, _) = told(BLOCK, Start::Send, never(), send, vec![never()]);
        let Conclusion::NotStarted { reason } = report.conclusion else { panic!("{field:x}") };
        assert_eq!(reason.code, code, "{field:x}");
        assert!(reason.remedy.contains(remedy), "{field:x}: {}", reason.remedy);
    }
    let (report, _, _) = told(BLOCK, Start::Send, never(), NvmeAnswer::Status { field: 0x1C }, vec![never()]);
    assert!(matches!(report.conclusion, Conclusion::Failed { .. }), "sanitize failed");
}

/// An errno, a status of the path, an internal error: the drive may have the command, so nothing else may be sent.
#[test]
fn s7_7_a_command_that_did_not_complete_is_unknown_unless_its_operation_is_seen() {
    let doubtful = [
        NvmeAnswer::NotCompleted { errno: 4 },
        NvmeAnswer::NotCompleted { errno: 110 },
        NvmeAnswer::Status { field: 0x0371 },
        NvmeAnswer::Status { field: 0x0006 },
    ];
    for send in doubtful {
        let (report, _, _) = told(BLOCK, Start::Send, never(), send, vec![never()]);
        is_unknown(&report, ReasonCode::FirmwareUnknown, "did not run");
        let old = log(0xFFFF, 0x101, 2, 0);
        let (report, _, _) = told(BLOCK, Start::Send, old.clone(), send, vec![old]);
        is_unknown(&report, ReasonCode::FirmwareUnknown, "same as before");
        let polls = vec![log(9, 2, 2, 1), log(0xFFFF, 1, 2, 0)];
        let (report, _, _) = told(BLOCK, Start::Send, never(), send, polls);
        is_confirmed(&report, &[Proof::InProgressSeen]);
        assert!(notes(&report).contains("completion of the command itself was not seen"));
    }
}

#[test]
fn s7_7_poll_errors_are_no_failure_of_the_drive() {
    let errors = [NvmeAnswer::NotCompleted { errno: 4 }, NvmeAnswer::Status { field: 0x1D }].map(Err);
    let mut polls = vec![log(1, 2, 2, 1)];
    polls.extend(errors.iter().cloned().cycle().take(20));
    polls.push(log(0xFFFF, 0x101, 2, 0));
    is_confirmed(&sent(never(), polls), &[Proof::InProgressSeen, Proof::GlobalDataErasedSetAnew]);
    let (report, _, clock) = told(BLOCK, Start::Send, never(), GOOD, vec![errors[0].clone()]);
    is_unknown(&report, ReasonCode::FirmwareUnknown, "could not be read for 30 minutes");
    assert!(clock.now >= Duration::from_mins(30));
}

#[test]
fn a_node_that_disappears_is_unknown_and_said_to_be_gone() {
    let polls = vec![log(1, 2, 2, 1), Err(NvmeAnswer::NotCompleted { errno: 19 })];
    let (report, _, clock) = told(BLOCK, Start::Send, never(), GOOD, polls);
    is_unknown(&report, ReasonCode::DriveGone, "leads nowhere");
    assert!(clock.now < Duration::from_mins(3));
}

#[test]
fn a_stop_leaves_the_operation_running() {
    let mut clock = Clock { stop_at: Some(Duration::from_secs(5)), ..Clock::default() };
    let mut drive = Drive::new(vec![never()]);
    let command = NvmeCommand::Sanitize(BLOCK);
    let before = before(&mut drive, &command, &mut clock).unwrap();
    drive.status = vec![log(3, 2, 2, 1)];
    let report = run(&mut drive, &command, Start::Send, &before, &mut clock);
    is_unknown(&report, ReasonCode::Stopped, "runs on");
    assert_eq!(drive.sent.len(), 1, "nothing was sent to end it");
}

#[test]
fn a_sanitize_that_runs_already_is_foreign() {
    for running in [log(9, 2, 2, 1), log(0xFFFF, 2, 2, 5), log(0xFFFF, 1, 2, 5)] {
        let mut drive = Drive::new(vec![running]);
        let reason = before(&mut drive, &NvmeCommand::Sanitize(BLOCK), &mut Clock::default()).unwrap_err();
        assert_eq!(reason.code, ReasonCode::FirmwareBusy);
        assert!(drive.sent.is_empty());
    }
    let mut drive = Drive::new(vec![Err(NvmeAnswer::Status { field: 0x4109 })]);
    let reason = before(&mut drive, &NvmeCommand::Sanitize(BLOCK), &mut Clock::default()).unwrap_err();
    assert_eq!(reason.code, ReasonCode::FirmwareRefused, "no status log, no proof");
}

/// After an interruption nothing is sent, and the log is compared with the snapshot of before.
#[test]
fn a_followed_command_is_never_sent_again() {
    let done = log(0xFFFF, 0x101, 2, 0);
    let rows = [
        (never(), vec![log(9, 2, 2, 1), log(0xFFFF, 1, 2, 0)], Some(vec![Proof::InProgressSeen])),
        (never(), vec![done.clone()], Some(vec![Proof::GlobalDataErasedSetAnew])),
        (done.clone(), vec![done.clone()], None),
        (never(), vec![never()], None),
        (never(), vec![log(0xFFFF, 0x101, 4, 0)], None),
    ];
    for (old, polls, proof) in rows {
        let (report, drive, _) = told(BLOCK, Start::FollowAccepted, old.clone(), GOOD, polls.clone());
        assert!(drive.sent.is_empty());
        match &proof {
            Some(proof) => is_confirmed(&report, proof),
            // The drive took it, and says that it was done; what it left has to show that.
            None if old == done => assert_eq!(report.conclusion, Conclusion::Claimed, "{report:?}"),
            None => assert!(matches!(report.conclusion, Conclusion::Unknown { .. }), "{report:?}"),
        }
        // Where it is not known to have taken it, the same command of somebody else looks the same.
        let (report, drive, _) = told(BLOCK, Start::Follow, old, GOOD, polls);
        assert!(drive.sent.is_empty() && report.proof.is_empty());
        is_unknown(&report, ReasonCode::FirmwareUnknown, if proof.is_some() { "whose it was" } else { "" });
    }
    let changed = vec![log(0xFFFF, 1, 2, 0)];
    let (report, _, _) = told(BLOCK, Start::FollowAccepted, never(), GOOD, changed.clone());
    assert_eq!(report.conclusion, Conclusion::Claimed, "the log changed, but nothing more");
    let (report, _, _) = told(BLOCK, Start::Follow, never(), GOOD, changed);
    is_unknown(&report, ReasonCode::FirmwareUnknown, "whose it was");
}

#[test]
fn without_a_snapshot_nothing_is_sent_or_claimed() {
    let nothing = Before { exchanges: Vec::new() };
    let mut drive = Drive::new(vec![log(0xFFFF, 0x101, 2, 0)]);
    let command = NvmeCommand::Sanitize(BLOCK);
    let report = run(&mut drive, &command, Start::Send, &nothing, &mut Clock::default());
    assert!(matches!(report.conclusion, Conclusion::NotStarted { .. }) && drive.sent.is_empty());
    let report = run(&mut drive, &command, Start::Follow, &nothing, &mut Clock::default());
    is_unknown(&report, ReasonCode::FirmwareUnknown, "compare");
}

#[test]
fn media_verification_is_an_end_from_which_the_caller_reads() {
    let verified = Sanitize { media_verification: MediaVerification::Asked, ..BLOCK };
    let polls = vec![log(9, 2, 0x402, 1), log(0xFFFF, 2, 0x402, 5)];
    let (report, mut drive, mut clock) = told(verified, Start::Send, never(), GOOD, polls);
    is_confirmed(&report, &[Proof::InProgressSeen]);
    assert!(is_in_media_verification(&report));
    drive.status = vec![log(0xFFFF, 2, 0x402, 5), log(0xFFFF, 2, 0x402, 6), log(0xFFFF, 0x101, 0x402, 0)];
    let report = exit_media_verification(&mut drive, &mut clock);
    assert_eq!((report.conclusion.clone(), drive.sent[1][40]), (Conclusion::Confirmed, 5));
    assert!(!is_in_media_verification(&report));
    let polls = vec![log(9, 2, 0x402, 1), log(0xFFFF, 0x201, 0x402, 0)];
    let (report, _, _) = told(verified, Start::Send, never(), GOOD, polls);
    assert!(notes(&report).contains("cancelled") && notes(&report).contains("not in that state"));
}

/// One event with the offsets of libnvme's header.
fn event(kind: u8, time: u8, data: &[u8]) -> Vec<u8> {
    let mut raw = vec![kind, 1, 21, 0, 0, 0, time];
    raw.extend([0; 15]);
    raw.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
    raw.extend(data);
    raw
}

fn event_log(events: &[Vec<u8>]) -> Vec<u8> {
    let events = events.concat();
    let bytes = u64::try_from(512 + events.len()).unwrap();
    let mut log = page(512, &[(0, &[0x0D]), (8, &bytes.to_le_bytes())]);
    log.extend(events);
    log
}

/// Events that were there before prove nothing, whatever time they have now; one more start and end do.
#[test]
fn a_new_persistent_event_is_a_proof() {
    let start = |time| event(0x09, time, &[7, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    let end = |time| event(0x0A, time, &[0xFF, 0xFF, 1, 0, 0, 0, 0, 0]);
    let other = event(0x01, 1, &[0; 5000]);
    let log_of = |events: &[Vec<u8>]| event_log(&[std::slice::from_ref(&other), events].concat());
    let old = log_of(&[end(3), start(2)]);
    let rows = [
        (log_of(&[end(10), start(9), end(3), start(2)]), vec![Proof::PersistentEvent]),
        (log_of(&[start(9), end(3), start(2)]), Vec::new()),
        (log_of(&[end(10), end(3), start(2)]), Vec::new()),
        (log_of(&[end(7), start(6)]), Vec::new()),
        (old.clone(), Vec::new()),
    ];
    for (after, proof) in rows {
        let mut clock = Clock::default();
        let command = NvmeCommand::Sanitize(BLOCK);
        let mut drive = Drive::new(vec![never()]);
        drive.logs = vec![old.clone(), after];
        let before = before(&mut drive, &command, &mut clock).unwrap();
        drive.status = vec![log(0xFFFF, 1, 2, 0)];
        let report = run(&mut drive, &command, Start::Send, &before, &mut clock);
        assert_eq!(report.proof, proof, "{:?}", report.notes);
        assert_eq!(report.conclusion == Conclusion::Confirmed, !proof.is_empty());
    }
}

/// A long operation leaves the first and the last of each stretch, not thousands of pages.
#[test]
fn polls_are_condensed() {
    let mut polls: Vec<Page> = (0..2000).map(|n| log(n * 32, 2, 2, 1)).collect();
    polls.push(log(0xFFFF, 0x101, 2, 0));
    let report = sent(never(), polls);
    let kept = report.exchanges.iter().filter(|one| one.name.contains("status log")).count();
    assert!((17..=34).contains(&kept), "{kept}");
    let last = report.exchanges.last().unwrap().received.as_ref().unwrap();
    assert!(last.starts_with("ffff010102000000"), "{last}");
}

mod format;
