//! The revert against a simulated TPer that reads the bytes by its own code, over each of the three transports.
use std::time::Duration;

use super::*;
use crate::engine::firmware::{CommandReport, News};
use crate::io::{Data, NvmeAnswer, NvmePort, ScsiAnswer, ScsiPort};
use crate::sim::controller::keys::{Lock, MediaKeys};
use crate::sim::controller::opal::{Activation, SidBlock, SimClass, SimTper, TperQuirk, TperSpec};
use crate::sim::controller::security::{SecurityProtocol, SecurityRefusal};
use crate::sim::controller::{NvmeSim, NvmeSpec, Shape};
use crate::unit::digest::to_hex;
use crate::unit::reason::{Reason, ReasonCode};

const PSID: &[u8] = b"PSID0PSID1PSID2PSID3PSID4PSID5AB";
const OTHER_PSID: &[u8] = b"WRONGWRONGWRONGWRONGWRONGWRONG12";

#[derive(Default)]
struct TestWatch {
    now: Duration,
    stop_after: Option<u32>,
    told: Vec<News>,
}

impl Watch for TestWatch {
    fn now(&mut self) -> Duration {
        self.now
    }

    fn rest(&mut self, time: Duration) {
        self.now += time;
    }

    fn should_stop(&mut self) -> bool {
        match &mut self.stop_after {
            None => false,
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }

    fn tell(&mut self, news: &News) {
        self.told.push(news.clone());
    }
}

/// What stands between the host and the TPer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Nvme,
    Scsi,
    /// An ATA drive whose translation layer knows no SECURITY PROTOCOL.
    Ata,
    /// The same under a kernel that keeps TRUSTED commands back.
    AtaKept,
    /// A drive that knows no security commands.
    NoTcg,
}

struct Door {
    tper: SimTper,
    way: Way,
}

enum Crossed {
    Done(u32),
    Refused(SecurityRefusal),
}

impl Door {
    fn cross(&mut self, protocol: u8, com_id: u16, data: Data<'_>) -> Crossed {
        let result = match data {
            Data::FromDrive(buffer) => {
                buffer.fill(0);
                self.tper.receive(protocol, com_id, buffer).map(|_| buffer.len())
            }
            Data::ToDrive(data) => self.tper.send(protocol, com_id, data).map(|()| data.len()),
            Data::None => panic!("a security command has data"),
        };
        match result {
            Ok(bytes) => Crossed::Done(u32::try_from(bytes).unwrap_or(u32::MAX)),
            Err(refusal) => Crossed::Refused(refusal),
        }
    }
}

impl NvmePort for Door {
    fn admin(&mut self, entry: &[u8; 64], data: Data<'_>, _: Duration) -> NvmeAnswer {
        if self.way == Way::NoTcg {
            return NvmeAnswer::Status { field: 0x4001 };
        }
        let receives = matches!(data, Data::FromDrive(_));
        assert_eq!(entry[0], if receives { 0x82 } else { 0x81 });
        match self.cross(entry[43], u16::from_le_bytes([entry[41], entry[42]]), data) {
            Crossed::Done(_) => NvmeAnswer::Completed { result: 0 },
            Crossed::Refused(SecurityRefusal::InvalidField) => NvmeAnswer::Status { field: 0x4002 },
            Crossed::Refused(SecurityRefusal::Sequence) => NvmeAnswer::Status { field: 0x400C },
        }
    }
}

fn check(sense: [u8; 3]) -> ScsiAnswer {
    let [key, code, qualifier] = sense;
    ScsiAnswer::Answered { status: 2, sense: vec![0x72, key, code, qualifier, 0, 0, 0, 0], moved: 0 }
}

impl ScsiPort for Door {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _: Duration) -> ScsiAnswer {
        let (protocol, com_id) = match (self.way, block[0]) {
            (Way::Scsi, 0xA2 | 0xB5) => (block[1], u16::from_be_bytes([block[2], block[3]])),
            (Way::Ata, 0x85) => {
                assert!(matches!(block[14], 0x5C | 0x5E));
                (block[4], u16::from_be_bytes([block[12], block[10]]))
            }
            (Way::AtaKept, 0x85) => return check([5, 0x24, 0]),
            _ => return check([5, 0x20, 0]),
        };
        match self.cross(protocol, com_id, data) {
            Crossed::Done(moved) => ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved },
            Crossed::Refused(SecurityRefusal::InvalidField) => check([5, 0x24, 0]),
            Crossed::Refused(SecurityRefusal::Sequence) => check([5, 0x2C, 0]),
        }
    }
}

struct Bench {
    tper: SimTper,
    keys: MediaKeys,
    channel: Channel,
    watch: TestWatch,
}

impl Bench {
    fn over(way: Way, spec: TperSpec) -> Self {
        let keys = MediaKeys::default();
        let tper = SimTper::new(spec, keys.clone());
        let door = Box::new(Door { tper: tper.clone(), way });
        let channel = match way {
            Way::Nvme | Way::NoTcg => Channel::Nvme(door),
            Way::Scsi | Way::Ata | Way::AtaKept => Channel::Scsi(door),
        };
        Self { tper, keys, channel, watch: TestWatch::default() }
    }

    fn new(spec: TperSpec) -> Self {
        Self::over(Way::Nvme, spec)
    }

    fn with(quirks: &[TperQuirk]) -> Self {
        Self::new(TperSpec { quirks: quirks.to_vec(), ..TperSpec::default() })
    }

    fn run(&mut self, revert: Revert, psid: &[u8], start: Start) -> CommandReport {
        let was = before(&mut self.channel, &mut self.watch);
        self.run_after(&was, revert, psid, start)
    }

    fn run_after(&mut self, was: &Before, revert: Revert, psid: &[u8], start: Start) -> CommandReport {
        let secret = Secret(psid.to_vec());
        run(&mut self.channel, &revert, Some(&secret), start, was, &mut self.watch)
    }

    fn psid(&mut self) -> CommandReport {
        self.run(AS_PSID, PSID, Start::Send)
    }
}

const AS_PSID: Revert = Revert { authority: Authority::Psid, aim: RevertAim::NewKeys };
const AS_SID: Revert = Revert { authority: Authority::SidByMsid, aim: RevertAim::NewKeys };

fn not_started(report: &CommandReport) -> &Reason {
    match &report.conclusion {
        Conclusion::NotStarted { reason } => reason,
        other => panic!("{other:?}"),
    }
}

fn unknown(report: &CommandReport) -> ReasonCode {
    match &report.conclusion {
        Conclusion::Unknown { reason } => reason.code,
        other => panic!("{other:?}"),
    }
}

fn noted(report: &CommandReport, note: &str) -> bool {
    report.notes.iter().any(|text| text.contains(note))
}

#[test]
fn a_revert_as_psid_is_confirmed_over_every_transport() {
    for way in [Way::Nvme, Way::Scsi, Way::Ata] {
        let mut bench = Bench::over(way, TperSpec::default());
        assert_eq!(bench.keys.lock(), Lock::Locked);
        let report = bench.psid();
        assert_eq!(report.conclusion, Conclusion::Confirmed, "{way:?}");
        assert_eq!(report.proof, [Proof::LockingDisabledAnew]);
        assert_eq!((bench.tper.keys_destroyed(), bench.tper.reverts()), (1, 1));
        assert_eq!(bench.keys.lock(), Lock::Open);
        assert!(noted(&report, "Locking SP is Manufactured-Inactive"), "{:?}", report.notes);
        assert!(noted(&report, "SID has the default credential"));
    }
}

#[test]
fn five_wrong_psids_are_five_tries_and_then_the_drive_looks_at_none() {
    let mut bench = Bench::new(TperSpec::default());
    for tries in 1..=5 {
        let report = bench.run(AS_PSID, OTHER_PSID, Start::Send);
        let reason = not_started(&report);
        assert_eq!(reason.code, ReasonCode::WrongCredential);
        assert!(
            reason.text.contains("NOT_AUTHORIZED (01h)") && reason.text.contains("allow 5"),
            "{}",
            reason.text
        );
        assert!(reason.remedy.contains("power cycle"));
        assert_eq!(bench.tper.credentials_tried(), tries, "one run is one try");
    }
    let report = bench.psid();
    assert_eq!(not_started(&report).code, ReasonCode::Frozen, "locked out, though the PSID is right");
    assert!(not_started(&report).text.contains("AUTHORITY_LOCKED_OUT (12h)"));
    assert_eq!(bench.tper.reverts(), 0);
    bench.tper.clone().power_cycle();
    assert_eq!(bench.psid().conclusion, Conclusion::Confirmed);
}

#[test]
fn a_locking_sp_that_was_never_activated_is_claimed_at_most() {
    for quirks in [vec![], vec![TperQuirk::KeepsKeysWhenInactive]] {
        let kept = !quirks.is_empty();
        let spec = TperSpec { activation: Activation::Inactive, quirks, ..TperSpec::default() };
        let mut bench = Bench::new(spec);
        let report = bench.psid();
        assert_eq!(report.conclusion, Conclusion::Claimed);
        assert!(report.proof.is_empty());
        assert!(noted(&report, "a Locking SP that was never activated is no purge by itself"));
        assert_eq!(bench.tper.keys_destroyed(), u32::from(!kept), "only the drive knows");
    }
}

#[test]
fn a_discovery_that_is_empty_or_too_long_is_no_tcg() {
    for quirk in [TperQuirk::EmptyDiscovery, TperQuirk::LongDiscovery] {
        let mut bench = Bench::with(&[quirk]);
        let report = bench.psid();
        assert!(not_started(&report).text.starts_with("TCG is not usable"), "{report:?}");
        assert_eq!(bench.tper.credentials_tried(), 0);
    }
}

#[test]
fn a_lost_answer_to_the_session_is_not_tried_again() {
    let mut bench = Bench::with(&[TperQuirk::LosesSessionAnswer]);
    let report = bench.psid();
    assert_eq!(not_started(&report).code, ReasonCode::FirmwareRefused);
    assert_eq!((bench.tper.credentials_tried(), bench.tper.reverts()), (1, 0));
    assert_eq!(bench.tper.stack_resets(), 1, "the session that may be open is dropped");
}

#[test]
fn a_lost_answer_to_the_revert_is_decided_by_discovery() {
    for quirk in [TperQuirk::LosesRevertAnswer, TperQuirk::RevertClosesSession] {
        let mut bench = Bench::with(&[quirk]);
        assert_eq!(bench.psid().conclusion, Conclusion::Confirmed, "{quirk:?}");
    }
    let quirks = vec![TperQuirk::LosesRevertAnswer];
    let spec = TperSpec { activation: Activation::Inactive, quirks, ..TperSpec::default() };
    assert_eq!(unknown(&Bench::new(spec).psid()), ReasonCode::FirmwareUnknown, "nothing can be seen");
    let mut bench = Bench::with(&[TperQuirk::RevertDies]);
    assert_eq!(unknown(&bench.psid()), ReasonCode::FirmwareUnknown);
    assert_eq!(bench.tper.reverts(), 1, "it is not sent again");
}

#[test]
fn a_drive_that_says_reverted_and_did_nothing_failed() {
    let mut bench = Bench::with(&[TperQuirk::RevertDoesNothing]);
    let report = bench.psid();
    let Conclusion::Failed { reason } = &report.conclusion else { panic!("{report:?}") };
    assert_eq!(reason.code, ReasonCode::FirmwareFailed);
    assert!(report.proof.is_empty());
}

/// Nothing that a TPer says tells this lie: it is for the canaries.
#[test]
fn a_drive_that_turns_locking_off_and_keeps_its_keys_cannot_be_told_by_tcg() {
    let mut bench = Bench::with(&[TperQuirk::RevertKeepsKeys]);
    assert_eq!(bench.psid().conclusion, Conclusion::Confirmed);
    assert_eq!(bench.tper.keys_destroyed(), 0);
}

#[test]
fn a_stale_session_is_reset_once() {
    for status in [3, 7] {
        let mut bench = Bench::with(&[TperQuirk::StaleSession { status }]);
        let report = bench.psid();
        assert_eq!(report.conclusion, Conclusion::Confirmed);
        assert!(noted(&report, "reset of the stack"));
        assert_eq!(bench.tper.stack_resets(), 1);
    }
    let mut bench = Bench::with(&[TperQuirk::BusyForever]);
    assert_eq!(not_started(&bench.psid()).code, ReasonCode::FirmwareBusy);
    assert_eq!((bench.tper.stack_resets(), bench.tper.credentials_tried()), (1, 0));
}

#[test]
fn a_revert_at_work_is_waited_for_and_can_be_left() {
    let mut bench = Bench::with(&[TperQuirk::RevertTakes { polls: 100 }]);
    assert_eq!(bench.psid().conclusion, Conclusion::Confirmed);
    assert!(bench.watch.now > Duration::from_secs(100));
    let quiet = Some(15 * 60);
    assert!(bench.watch.told.iter().any(|news| news.text.contains("revert") && news.quiet_seconds == quiet));

    let mut bench = Bench::with(&[TperQuirk::RevertTakes { polls: 100 }]);
    bench.watch.stop_after = Some(30);
    assert_eq!(unknown(&bench.psid()), ReasonCode::FirmwareUnknown);
    assert_eq!(bench.tper.reverts(), 1);

    let mut bench = Bench::with(&[]);
    bench.watch.stop_after = Some(0);
    assert_eq!(not_started(&bench.psid()).code, ReasonCode::Stopped);
    assert_eq!(bench.tper.reverts(), 0);
}

#[test]
fn a_revert_that_takes_for_ever_ends_unknown() {
    let mut bench = Bench::with(&[TperQuirk::RevertTakes { polls: u32::MAX }, TperQuirk::RevertDoesNothing]);
    assert_eq!(unknown(&bench.psid()), ReasonCode::FirmwareUnknown);
    assert!(bench.watch.now < Duration::from_secs(30 * 60));
}

#[test]
fn a_drive_that_is_still_removing_data_is_not_done() {
    let mut bench = Bench::with(&[TperQuirk::RemovesData { discoveries: 60 }]);
    assert_eq!(bench.psid().conclusion, Conclusion::Confirmed);
    assert!(bench.watch.now >= Duration::from_secs(120));
    let mut bench = Bench::with(&[TperQuirk::RemovesData { discoveries: u32::MAX }]);
    let report = bench.psid();
    assert_eq!(unknown(&report), ReasonCode::FirmwareUnknown);
}

#[test]
fn a_status_of_the_revert_is_told() {
    let mut bench = Bench::with(&[TperQuirk::RevertFails { status: 0x3F }]);
    let report = bench.psid();
    let Conclusion::Failed { reason } = &report.conclusion else { panic!("{report:?}") };
    assert!(reason.text.contains("FAIL (3Fh)"));
    let mut bench = Bench::with(&[TperQuirk::RevertFails { status: 0x01 }]);
    assert_eq!(not_started(&bench.psid()).code, ReasonCode::FirmwareRefused);
}

#[test]
fn following_a_revert_sends_nothing_and_claims_no_more_than_it_sees() {
    let mut bench = Bench::with(&[TperQuirk::LosesRevertAnswer]);
    let was = before(&mut bench.channel, &mut bench.watch);
    assert_eq!(bench.run_after(&was, AS_PSID, PSID, Start::Send).conclusion, Conclusion::Confirmed);
    let tried = bench.tper.credentials_tried();
    let report = bench.run_after(&was, AS_PSID, PSID, Start::Follow);
    assert_eq!(report.conclusion, Conclusion::Claimed);
    assert!(report.exchanges.iter().all(|exchange| exchange.sent.is_none()));
    assert_eq!((bench.tper.reverts(), bench.tper.credentials_tried()), (1, tried));

    let mut bench = Bench::new(TperSpec::default());
    assert_eq!(
        unknown(&bench.run(AS_PSID, PSID, Start::Follow)),
        ReasonCode::FirmwareUnknown,
        "still locked"
    );
    let mut bench = Bench::new(TperSpec { activation: Activation::Inactive, ..TperSpec::default() });
    assert_eq!(unknown(&bench.run(AS_PSID, PSID, Start::Follow)), ReasonCode::FirmwareUnknown);
}

#[test]
fn a_drive_that_does_not_encrypt_is_not_erased_by_new_keys() {
    let spec = TperSpec { class: SimClass::Pyrite2, ..TperSpec::default() };
    let mut bench = Bench::new(spec.clone());
    assert!(not_started(&bench.psid()).text.contains("destroys no media key"));
    assert_eq!(bench.tper.credentials_tried(), 0);
    let unlock = Revert { authority: Authority::Psid, aim: RevertAim::Unlock };
    let report = Bench::new(spec).run(unlock, PSID, Start::Send);
    assert_eq!(report.conclusion, Conclusion::Confirmed);
    assert!(noted(&report, "no cryptographic erase"));
}

#[test]
fn what_cannot_be_reverted_here_is_told_plainly() {
    let mut bench = Bench::new(TperSpec { class: SimClass::Enterprise, ..TperSpec::default() });
    assert!(not_started(&bench.psid()).text.contains("Enterprise"));
    let mut bench = Bench::over(Way::AtaKept, TperSpec::default());
    assert!(not_started(&bench.psid()).remedy.contains("libata.allow_tpm=1"));
    let mut bench = Bench::over(Way::NoTcg, TperSpec::default());
    assert!(not_started(&bench.psid()).text.contains("does not know security commands"));
}

#[test]
fn sid_with_the_default_credential_works_on_drives_that_nobody_owns() {
    let fresh = TperSpec { sid: TperSpec::default().msid, ..TperSpec::default() };
    let mut bench = Bench::new(fresh.clone());
    assert_eq!(bench.run(AS_SID, b"", Start::Send).conclusion, Conclusion::Confirmed);
    let stale = vec![TperQuirk::StaleSession { status: 3 }];
    let mut bench = Bench::new(TperSpec { quirks: stale, ..fresh.clone() });
    assert_eq!(bench.run(AS_SID, b"", Start::Send).conclusion, Conclusion::Confirmed);
    let mut bench = Bench::new(TperSpec::default());
    let report = bench.run(AS_SID, b"", Start::Send);
    assert_eq!(not_started(&report).code, ReasonCode::WrongCredential, "owned");
    let mut bench = Bench::new(TperSpec { sid_block: SidBlock::Blocked, ..fresh });
    assert_eq!(not_started(&bench.run(AS_SID, b"", Start::Send)).code, ReasonCode::Frozen);
    assert_eq!(bench.tper.credentials_tried(), 0);
    assert_eq!(bench.psid().conclusion, Conclusion::Confirmed, "PSID works while SID is blocked");
}

#[test]
fn a_sid_that_is_not_the_default_after_a_revert_is_noted() {
    let mut bench = Bench::with(&[TperQuirk::SidUnknownAfterRevert]);
    let report = bench.psid();
    assert_eq!(report.conclusion, Conclusion::Confirmed);
    assert!(noted(&report, "SID does not have the default credential"));
}

#[test]
fn credentials_are_not_in_the_record() {
    let fresh = TperSpec { sid: TperSpec::default().msid, ..TperSpec::default() };
    for revert in [AS_PSID, AS_SID] {
        let report = Bench::new(fresh.clone()).run(revert, PSID, Start::Send);
        assert_eq!(report.conclusion, Conclusion::Confirmed);
        assert!(
            report
                .exchanges
                .iter()
                .any(|exchange| { exchange.sent.as_deref().is_some_and(|sent| sent.contains("left out")) })
        );
        let record = serde_json::to_string(&report).unwrap();
        for secret in [PSID, &fresh.msid] {
            assert!(!record.contains(&to_hex(secret)), "{revert:?}");
            assert!(!record.contains(std::str::from_utf8(secret).unwrap()));
        }
    }
}

#[test]
fn a_psid_is_taken_as_people_type_it_and_nonsense_costs_no_try() {
    let mut bench = Bench::new(TperSpec::default());
    let typed = b"psid0-PSID1-psid2-PSID3 psid4 PSID5 ab\n";
    assert_eq!(bench.run(AS_PSID, typed, Start::Send).conclusion, Conclusion::Confirmed);
    let mut bench = Bench::new(TperSpec::default());
    let report = bench.run(AS_PSID, b"PSID0", Start::Send);
    assert_eq!(not_started(&report).code, ReasonCode::WrongCredential);
    assert!(report.exchanges.is_empty(), "nothing was sent");
    assert_eq!(bench.tper.credentials_tried(), 0);
}

/// Through the simulated NVMe subsystem, where the keys stand before real cells: what the oracle finds afterwards.
fn residue_after(quirks: Vec<TperQuirk>, activation: Activation) -> (Conclusion, bool) {
    let shape = Shape { command_ms: 0, ..Shape::small(512, 64).used() };
    let sim = NvmeSim::new(NvmeSpec::new(shape));
    let tper = SimTper::new(TperSpec { quirks, activation, ..TperSpec::default() }, sim.keys());
    sim.set_security(Box::new(tper));
    let mut channel = Channel::Nvme(Box::new(sim.port()));
    let mut watch = TestWatch::default();
    let was = before(&mut channel, &mut watch);
    let secret = Secret(PSID.to_vec());
    let report = run(&mut channel, &AS_PSID, Some(&secret), Start::Send, &was, &mut watch);
    let residue = sim.oracle().residue();
    (report.conclusion, residue.addressable.is_empty() && residue.unaddressable_cells == 0)
}

#[test]
fn what_is_left_in_the_cells_is_what_the_conclusion_allows_for() {
    let active = Activation::Active;
    assert_eq!(residue_after(vec![], active), (Conclusion::Confirmed, true));
    let (conclusion, clean) = residue_after(vec![TperQuirk::RevertDoesNothing], active);
    assert!(matches!(conclusion, Conclusion::Failed { .. }) && !clean);
    let kept = vec![TperQuirk::KeepsKeysWhenInactive];
    assert_eq!(residue_after(kept, Activation::Inactive), (Conclusion::Claimed, false), "no purge by itself");
}

#[test]
fn the_survey_tells_what_the_drive_is_before_and_after() {
    use crate::device::capability::{Support, TcgClass};
    use crate::device::survey::tcg::survey;

    let mut bench = Bench::over(Way::Ata, TperSpec::default());
    let told = survey(&mut bench.channel);
    let facts = told.facts.unwrap();
    assert_eq!((facts.class, facts.com_id), (TcgClass::Opal2, Some(0x07FE)));
    assert_eq!(
        (facts.locking_enabled, facts.locked, facts.media_encryption),
        (Support::Yes, Support::Yes, Support::Yes)
    );
    assert_eq!(
        (facts.mbr_enabled, facts.sid_blocked, facts.sid_is_default),
        (Support::No, Support::No, Support::No)
    );
    assert_eq!(facts.features, [0x0001, 0x0002, 0x0203, 0x0402]);
    assert_eq!((told.pages.len(), told.gaps.len()), (1, 0));
    assert_eq!(bench.psid().conclusion, Conclusion::Confirmed);
    let facts = survey(&mut bench.channel).facts.unwrap();
    assert_eq!(
        (facts.locking_enabled, facts.locked, facts.sid_is_default),
        (Support::No, Support::No, Support::Yes)
    );

    let told = survey(&mut Bench::with(&[TperQuirk::EmptyDiscovery]).channel);
    assert!(told.facts.is_none() && told.gaps[0].starts_with("TCG is not usable"), "{:?}", told.gaps);
    let told = survey(&mut Bench::over(Way::NoTcg, TperSpec::default()).channel);
    assert!(told.facts.is_none() && told.gaps.is_empty(), "no TCG is no gap");
    let told = survey(&mut Bench::over(Way::AtaKept, TperSpec::default()).channel);
    assert!(told.gaps[0].contains("libata.allow_tpm=1"));
}
