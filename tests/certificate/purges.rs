//! Jobs in which a simulated drive sanitized itself: commands, exchanges and pages are those of the engine and the survey
//! on the simulated controllers, which read and answer bytes by code of their own.
use std::time::Duration;

use expunge::certificate::RecordInput;
use expunge::certificate::record::{FirmwareRecord, StepRecord};
use expunge::command::{AfterFailure, DriveCommand, DriveOverwrite, Invert, ata, nvme, scsi, tcg};
use expunge::device::{Capability, Identity, survey};
use expunge::engine::firmware::{self, Before, CommandReport, News, Secret, Start, Watch};
use expunge::io::{Channel, Route};
use expunge::plan::crypto::CryptoBasis;
use expunge::plan::firmware::{CanaryKind, CommandReach, Expected, FirmwarePlan, Scope};
use expunge::plan::policy::{Case, InterfaceKind, Medium};
use expunge::plan::{Claim, Limit, LimitCode, Plan, Policy, VerificationPlan};
use expunge::sim::controller::opal::{SimTper, TperSpec};
use expunge::sim::controller::{AtaTraits, NvmeSim, NvmeSpec, Quirk, ScsiSim, ScsiSpec, Shape};
use expunge::unit::pattern::FixedBytes;
use expunge::unit::term::{DriveKind, Method, Standard};
use expunge::unit::{BlockCount, Digest, Pattern, PatternKey, Reason};
use expunge::verify::{Canaries, Fingerprints, StepTally, VerificationTally};

use crate::support::{CAPACITY, FULL, finished, plan, set, time};

/// A simulated drive with its clock.
pub(crate) enum Bench {
    Nvme(NvmeSim),
    Scsi(ScsiSim),
}

impl Bench {
    pub(crate) fn nvme(quirks: &[Quirk]) -> Self {
        let shape = quirks.iter().fold(Shape::small(512, 64).used(), |shape, quirk| shape.with(*quirk));
        Self::Nvme(NvmeSim::new(NvmeSpec::new(shape)))
    }

    /// With a TPer whose Locking SP is active.
    fn opal() -> Self {
        let sim = NvmeSim::new(NvmeSpec::new(Shape::small(512, 64).used()));
        sim.set_security(Box::new(SimTper::new(TperSpec::default(), sim.keys())));
        Self::Nvme(sim)
    }

    pub(crate) fn scsi(quirks: &[Quirk]) -> Self {
        let shape = quirks.iter().fold(Shape::small(512, 64).used(), |shape, quirk| shape.with(*quirk));
        Self::Scsi(ScsiSim::new(ScsiSpec::scsi(shape)))
    }

    pub(crate) fn ata(traits: AtaTraits, quirks: &[Quirk]) -> Self {
        let shape = quirks.iter().fold(Shape::small(512, 2048).used(), |shape, quirk| shape.with(*quirk));
        Self::Scsi(ScsiSim::new(ScsiSpec::ata(shape, traits)))
    }

    pub(crate) fn channel(&self) -> Channel {
        match self {
            Self::Nvme(sim) => Channel::Nvme(Box::new(sim.port())),
            Self::Scsi(sim) => Channel::Scsi(Box::new(sim.port())),
        }
    }

    fn survey(&self) -> Capability {
        let nsid = match self {
            Self::Nvme(_) => Some(1),
            Self::Scsi(_) => None,
        };
        survey::survey(&mut Route { channel: self.channel(), nsid }).unwrap()
    }

    /// Looks at the drive, sends the command, and follows it to its end.
    pub(crate) fn carry_out(&self, command: &DriveCommand) -> Result<(Before, CommandReport), Reason> {
        let (mut channel, mut watch) = (self.channel(), Virtual(self));
        let before = firmware::before(&mut channel, command, &mut watch)?;
        let secret = Secret(TperSpec::default().psid);
        let report = firmware::run(&mut channel, command, Some(&secret), Start::Send, &before, &mut watch);
        Ok((before, report))
    }
}

/// Time is the drive's own.
pub(crate) struct Virtual<'a>(pub(crate) &'a Bench);

impl Watch for Virtual<'_> {
    fn now(&mut self) -> Duration {
        let clock = match self.0 {
            Bench::Nvme(sim) => sim.clock(),
            Bench::Scsi(sim) => sim.clock(),
        };
        Duration::from_millis(clock.elapsed_ms())
    }

    fn rest(&mut self, time: Duration) {
        match self.0 {
            Bench::Nvme(sim) => sim.pass_time(time),
            Bench::Scsi(sim) => sim.pass_time(time),
        }
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn tell(&mut self, _: &News) {}
}

const OVERWRITE: DriveOverwrite = DriveOverwrite { pattern: [0; 4], passes: 1, invert: Invert::Never };

pub(crate) const NVME_BLOCK: nvme::Sanitize = nvme::Sanitize {
    action: nvme::SanitizeAction::BlockErase,
    after_failure: AfterFailure::Restricted,
    allocation: nvme::Allocation::MayDeallocate,
    media_verification: nvme::MediaVerification::NotAsked,
    purge: nvme::PurgeRequest::NotAsked,
};

pub(crate) const NVME_FORMAT: nvme::Format = nvme::Format {
    erase: nvme::SecureErase::UserData,
    namespace: nvme::FormatScope::One { nsid: 1 },
    lba_format: 1,
    metadata: nvme::MetadataSetting::Separate,
    protection: 0,
    protection_place: 0,
};

pub(crate) const SCSI_BLOCK: scsi::Sanitize = scsi::Sanitize {
    action: scsi::SanitizeAction::BlockErase,
    after_failure: AfterFailure::Restricted,
    answer: scsi::AnswerWhen::Accepted,
};

pub(crate) const ATA_BLOCK: ata::Sanitize =
    ata::Sanitize { action: ata::SanitizeAction::BlockErase, after_failure: AfterFailure::Restricted };

pub(crate) const REVERT: tcg::Revert =
    tcg::Revert { authority: tcg::Authority::Psid, aim: tcg::RevertAim::NewKeys };

/// A finished job by one command, under a standard that accepts it as a purge.
struct Purge {
    bench: Bench,
    command: DriveCommand,
    kind: DriveKind,
    standard: Standard,
    expected: Expected,
}

fn blank() -> Expected {
    Expected::Blank
}

fn zeros() -> Expected {
    Expected::Bytes { bytes: FixedBytes::new(&[0; 4]).unwrap() }
}

impl Purge {
    fn new(bench: Bench, command: DriveCommand, expected: Expected) -> Self {
        Self { bench, command, kind: DriveKind::Flash, standard: Standard::NistR2, expected }
    }

    fn under_rev_1(self, kind: DriveKind) -> Self {
        Self { kind, standard: Standard::NistR1, ..self }
    }

    fn job(self) -> RecordInput {
        let told = self.bench.survey();
        let (before, report) = self.bench.carry_out(&self.command).unwrap();
        let after = self.bench.survey();
        let plan = self.plan(&told);
        let expected = match &self.expected {
            Expected::Bytes { bytes } => Some(Pattern::Fixed { bytes: bytes.clone() }),
            Expected::Blank => Some(Pattern::byte(0)),
            Expected::Changed => None,
        };
        let mut job = finished(plan.clone());
        job.drive.identity_before = identity(&told);
        job.drive.identity_after = Some(identity(&after));
        if let Some(read) = &mut job.verification {
            read.expected = expected;
        }
        job.firmware = Some(FirmwareRecord {
            restores: Vec::new(),
            steps: vec![step(self.command, before, report)],
            before: Some(Box::new(told)),
            after: Some(Box::new(after)),
        });
        job
    }

    fn plan(&self, told: &Capability) -> Plan {
        let verification = match &self.expected {
            Expected::Changed => VerificationPlan::Canaries,
            Expected::Bytes { .. } | Expected::Blank => FULL,
        };
        let technique = self.command.technique();
        let policy = Policy::builtin();
        let interface = match (&self.bench, &self.command) {
            (Bench::Nvme(_), _) => InterfaceKind::Nvme,
            (Bench::Scsi(_), DriveCommand::ScsiSanitize(_)) => InterfaceKind::Scsi,
            (Bench::Scsi(_), _) => InterfaceKind::Ata,
        };
        let medium = Medium::of_kind(self.kind, false, None);
        let (standard, method) = (self.standard, Method::Purge);
        let case = Case { standard, medium, interface: Some(interface), technique, method };
        let rule = policy.rule_on(&case).unwrap_or_else(|| panic!("{case:?}"));
        let firmware = FirmwarePlan {
            alternatives: None,
            steps: vec![self.command.clone()],
            canaries: 6,
            canary_kind: CanaryKind::Planted,
            expected: self.expected.clone(),
            reach: CommandReach {
                unproven: Vec::new(),
                scope: Scope::Drive,
                units: vec!["namespace 1".into()],
                not_reached: vec!["replay protected memory blocks".into()],
            },
            restore: None,
            crypto_basis: CryptoBasis::of(None, Some("encrypted since it was bought")),
        };
        let scope = format!(
            "the {CAPACITY} blocks of 512 bytes that the drive presents, and the other places of the same data that \
             the drive's own command reaches, in: namespace 1; not replay protected memory blocks"
        );
        let mut plan = plan(self.kind, Vec::new(), verification);
        plan.identity = identity(told).stable();
        (plan.method, plan.technique, plan.policy) = (method, technique, policy.reference(rule));
        plan.claim = Some(Claim { method, technique, standard, basis: rule.basis, scope });
        plan.firmware = Some(firmware);
        let codes = [
            LimitCode::DriveTrusted,
            LimitCode::AreasNotReached,
            LimitCode::CommandMeaning,
            LimitCode::CryptographicBasis,
            LimitCode::CanariesOnly,
        ];
        plan.limits.extend(codes.map(|code| Limit { code, text: format!("limit {code:?}") }));
        plan
    }
}

/// What the drive calls itself, on its own page.
fn identity(told: &Capability) -> Identity {
    let page = |name: &str| {
        let page = told.pages.iter().find(|page| page.name == name)?;
        expunge::unit::digest::from_hex(&page.hex)
    };
    let serial = page("nvme identify controller")
        .map(|page| page[4..24].to_vec())
        .or_else(|| page("ata identify device").map(|page| swapped(&page[20..40])))
        .or_else(|| page("scsi vpd 80").map(|page| page[4..].to_vec()))
        .unwrap();
    let serial = String::from_utf8(serial).unwrap().trim().to_owned();
    Identity { serial: Some(serial), wwn: None, ..crate::support::identity() }
}

/// Bytes of ATA strings are swapped in each word.
fn swapped(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect()
}

pub(crate) fn step(command: DriveCommand, before: Before, report: CommandReport) -> StepRecord {
    let planted = set(&[(0, 1), (4711, 1), (77_777, 2), (CAPACITY - 1, 1)]);
    let after = VerificationTally {
        wanted: planted.count(),
        matched: BlockCount::ZERO,
        mismatched: planted.clone(),
        unreadable: set(&[]),
        not_read: BlockCount(CAPACITY - planted.count().0),
        wanted_digest: Digest::of_json(&planted),
    };
    let pattern = Pattern::Keyed { key: PatternKey([0xCA; 32]) };
    StepRecord {
        bytes: command.written(),
        tally: StepTally {
            command,
            before,
            report: Some(report),
            canaries: Some(Canaries { after: Some(after), ..Canaries::planted(pattern, planted) }),
        },
        started: time(1),
        sent: Some(time(2)),
        ended: Some(time(50)),
    }
}

/// NVMe Sanitize, block erase, every block read back.
pub(crate) fn nvme_sanitized() -> RecordInput {
    Purge::new(Bench::nvme(&[]), DriveCommand::NvmeSanitize(NVME_BLOCK), blank()).job()
}

/// NVMe Format with user data erase, under Rev. 1.
pub(crate) fn nvme_formatted() -> RecordInput {
    let command = DriveCommand::NvmeFormat(NVME_FORMAT);
    Purge::new(Bench::nvme(&[]), command, Expected::Changed).under_rev_1(DriveKind::Flash).job()
}

/// ATA SANITIZE DEVICE, block erase.
pub(crate) fn ata_sanitized() -> RecordInput {
    Purge::new(Bench::ata(AtaTraits::solid(), &[]), DriveCommand::AtaSanitize(ATA_BLOCK), blank()).job()
}

/// ATA SECURITY ERASE UNIT in enhanced mode of a magnetic drive, under Rev. 1.
pub(crate) fn security_erased() -> RecordInput {
    let command = DriveCommand::AtaSecurityErase(ata::SecurityErase { mode: ata::EraseMode::Enhanced });
    let bench = Bench::ata(AtaTraits::magnetic(), &[]);
    Purge::new(bench, command, Expected::Changed).under_rev_1(DriveKind::Rotating).job()
}

/// SCSI SANITIZE, block erase.
pub(crate) fn scsi_sanitized() -> RecordInput {
    Purge::new(Bench::scsi(&[]), DriveCommand::ScsiSanitize(SCSI_BLOCK), blank()).job()
}

/// TCG Revert, only the canaries compared.
pub(crate) fn reverted() -> RecordInput {
    Purge::new(Bench::opal(), DriveCommand::TcgRevert(REVERT), Expected::Changed).job()
}

/// The same job where nothing was written before the command: the same blocks are known by their fingerprints, among nine that
/// were looked at.
pub(crate) fn by_fingerprints(mut job: RecordInput) -> RecordInput {
    let plan = job.plan.as_mut().unwrap().firmware.as_mut().unwrap();
    plan.canary_kind = CanaryKind::Fingerprints;
    let canaries = job.firmware.as_mut().unwrap().steps[0].tally.canaries.as_mut().unwrap();
    canaries.pattern = None;
    canaries.fingerprints = Some(Fingerprints {
        looked: BlockCount(9),
        blank: BlockCount(3),
        blank_ends: set(&[]),
        unreadable: BlockCount(0),
        unsteady: BlockCount(1),
        left_by_job: false,
    });
    job
}

/// A purge by each interface and each kind of action, all of them done.
pub(crate) fn every_purge() -> Vec<(&'static str, RecordInput)> {
    let nvme = |action| DriveCommand::NvmeSanitize(nvme::Sanitize { action, ..NVME_BLOCK });
    let kept = |action| {
        DriveCommand::NvmeSanitize(nvme::Sanitize {
            action,
            allocation: nvme::Allocation::Keep,
            ..NVME_BLOCK
        })
    };
    let scsi = |action, answer| DriveCommand::ScsiSanitize(scsi::Sanitize { action, answer, ..SCSI_BLOCK });
    let ata = |action| DriveCommand::AtaSanitize(ata::Sanitize { action, ..ATA_BLOCK });
    let ending = ata::Ending::Definitive;
    let ata_overwrite = ata::SanitizeAction::Overwrite(ata::AtaOverwrite { overwrite: OVERWRITE, ending });
    let finished = scsi::AnswerWhen::Finished;
    let changed = || Expected::Changed;
    let solid = || Bench::ata(AtaTraits::solid(), &[]);
    let magnetic = || Bench::ata(AtaTraits::magnetic(), &[]);
    let scsi_overwrite = scsi(scsi::SanitizeAction::Overwrite(OVERWRITE), finished);
    let scsi_overwrite = Purge::new(Bench::scsi(&[]), scsi_overwrite, zeros());
    let more = vec![
        ("nvme crypto", Purge::new(Bench::nvme(&[]), nvme(nvme::SanitizeAction::CryptoErase), changed())),
        (
            "nvme overwrite",
            Purge::new(Bench::nvme(&[]), kept(nvme::SanitizeAction::Overwrite(OVERWRITE)), zeros()),
        ),
        ("ata crypto", Purge::new(solid(), ata(ata::SanitizeAction::CryptoScramble), changed())),
        (
            "ata overwrite",
            Purge { kind: DriveKind::Rotating, ..Purge::new(magnetic(), ata(ata_overwrite), zeros()) },
        ),
        (
            "scsi crypto",
            Purge::new(Bench::scsi(&[]), scsi(scsi::SanitizeAction::CryptoErase, finished), changed()),
        ),
        ("scsi overwrite", Purge { kind: DriveKind::Rotating, ..scsi_overwrite }),
    ];
    let mut jobs = vec![
        ("nvme", nvme_sanitized()),
        ("nvme format", nvme_formatted()),
        ("ata", ata_sanitized()),
        ("ata security", security_erased()),
        ("scsi", scsi_sanitized()),
        ("tcg", reverted()),
        ("fingerprints", by_fingerprints(reverted())),
    ];
    jobs.extend(more.into_iter().map(|(name, purge)| (name, purge.job())));
    jobs
}

/// The same command on drives that fail, refuse, or leave: with what became of it, by the engine.
pub(crate) fn unhappy_purges() -> Vec<(&'static str, RecordInput)> {
    let with = |quirks: &[Quirk]| {
        let mut job = nvme_sanitized();
        let command = DriveCommand::NvmeSanitize(NVME_BLOCK);
        let (before, report) = Bench::nvme(quirks).carry_out(&command).unwrap();
        let firmware = job.firmware.as_mut().unwrap();
        firmware.steps = vec![step(command, before, report)];
        firmware.steps[0].tally.canaries.as_mut().unwrap().after = None;
        firmware.after = None;
        job.verification = None;
        job
    };
    let mut begun = with(&[]);
    let first = &mut begun.firmware.as_mut().unwrap().steps[0];
    (first.tally.report, first.ended) = (None, None);
    vec![
        ("failed", with(&[Quirk::Fails { at: 9, times: 1 }])),
        ("not-started", with(&[Quirk::WriteProtected])),
        ("unknown", with(&[Quirk::NeverEnds { at: 655 }])),
        ("not reported", begun),
    ]
}

/// An overwrite by the host of a drive that was asked what it can do, and told to do nothing.
pub(crate) fn only_asked() -> RecordInput {
    let mut job = crate::support::good_job();
    let told = ata_sanitized().firmware.unwrap();
    let name = identity(told.before.as_ref().unwrap());
    job.plan.as_mut().unwrap().identity = name.stable();
    (job.drive.identity_before, job.drive.identity_after) = (name.clone(), Some(name));
    job.firmware = Some(FirmwareRecord { steps: Vec::new(), ..told });
    job
}
