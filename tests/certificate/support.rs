//! A finished job as plain data, to be changed by tests, and keys that are for tests only.
use expunge::certificate::check::Finding;
use expunge::certificate::keyring::KeyEntry;
use expunge::certificate::record::{
    Bandwidth, Conduct, HeatRecord, Interruption, InterruptionCause, Probe, WentOn,
};
use expunge::certificate::{
    Authorisation, Clock, DriveRecord, Envelope, Environment, ExpectedSigner, Given, InspectionInput,
    KEY_SELF_MADE, Keyring, Observed, PassRecord, Person, Provenance, RecordInput, SelfTest, SigningKey,
    Statement, Tool, UtcTime, VerificationRecord, build, sign,
};
use expunge::device::{DriveFacts, Identity, QueueLimits, Reach, Zoned};
use expunge::engine::{FlushState, HeatTally, PassTally};
use expunge::plan::{
    Claim, Limit, LimitCode, PassPattern, PassSpec, Plan, Policy, RuleSetting, Rules, VerificationPlan,
    policy::Medium, step::PLAN_SCHEMA,
};
use expunge::unit::pattern::FixedBytes;
use expunge::unit::term::{DriveKind, Method, Outcome, Standard, Technique};
use expunge::unit::{
    BlockCount, BlockSize, Digest, Geometry, Lba, LbaRange, Pattern, PatternKey, RangeSet, Reason,
    ReasonCode, StampTag, Temperature,
};
use expunge::verify::{Ending, RepairTally, Verdict, VerificationTally, sample::Sample, verdict::judge};

/// Blocks of the sample drive: an odd number, so that halves and tails differ.
pub(crate) const CAPACITY: u64 = 2_000_003;

/// The agent's key of the published vectors. Test only.
pub(crate) fn agent_key() -> SigningKey {
    SigningKey::from_seed(&std::array::from_fn(|index| u8::try_from(index).unwrap()))
}

/// The operator's key of the published vectors. Test only.
pub(crate) fn operator_key() -> SigningKey {
    SigningKey::from_seed(&[0x33; 32])
}

pub(crate) fn keyring() -> Keyring {
    Keyring::from_entries(vec![KeyEntry::active(agent_key().public(), "host 7")]).unwrap()
}

pub(crate) fn geometry() -> Geometry {
    Geometry {
        block_size: BlockSize::new(512).unwrap(),
        physical_block_size: BlockSize::new(4096).unwrap(),
        capacity: BlockCount(CAPACITY),
    }
}

pub(crate) fn range(first: u64, count: u64) -> LbaRange {
    LbaRange::new(Lba(first), BlockCount(count)).unwrap()
}

pub(crate) fn identity() -> Identity {
    Identity {
        vendor: Some("EXAMPLE".into()),
        model: Some("HDD 1".into()),
        serial: Some("ZZ0001".into()),
        wwn: Some("naa.5000c500a1b2c3d4".into()),
        firmware: Some("0001".into()),
        ..Identity::default()
    }
}

pub(crate) fn facts(kind: DriveKind) -> DriveFacts {
    DriveFacts {
        node: "/dev/sdx".into(),
        kernel_name: "sdx".into(),
        device: None,
        diskseq: Some(17),
        identity: identity(),
        kind,
        transport: Some("sas".into()),
        bay: Some("slot 4".into()),
        reach: Reach::Addressable(geometry()),
        queue: QueueLimits::default(),
        zoned: Zoned::None,
        zones: None,
        read_only: false,
        removable: false,
        other_units: Vec::new(),
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: None,
    }
}

fn limits(kind: DriveKind, passes: &[PassPattern], verification: &VerificationPlan) -> Vec<Limit> {
    let codes: &[LimitCode] = match kind {
        DriveKind::Rotating => &[LimitCode::HiddenAreasNotExamined, LimitCode::RemappedBlocksNotReached],
        DriveKind::Flash | DriveKind::Unknown => {
            &[LimitCode::HiddenAreasNotExamined, LimitCode::FlashCellsNotReached]
        }
        DriveKind::LogicalVolume => &[LimitCode::LogicalVolume],
        DriveKind::TestObject => &[LimitCode::TestObject],
    };
    let limit = |code: &LimitCode| Limit { code: *code, text: format!("limit {code:?}") };
    let mut codes = codes.to_vec();
    codes.extend([LimitCode::MappingNotChecked, LimitCode::SampledVerification]);
    if *verification == VerificationPlan::None {
        codes.push(LimitCode::NotVerified);
    }
    let same_everywhere = |last: &PassPattern| match last {
        PassPattern::Fixed { .. } | PassPattern::JobByte { .. } => true,
        PassPattern::Keyed | PassPattern::Stamped { .. } => false,
    };
    if passes.last().is_some_and(same_everywhere) {
        codes.push(LimitCode::FixedPatternNotAddressed);
    }
    codes.iter().map(limit).collect()
}

pub(crate) fn plan(kind: DriveKind, passes: Vec<PassPattern>, verification: VerificationPlan) -> Plan {
    let limits = limits(kind, &passes, &verification);
    let policy = Policy::builtin();
    let medium = Medium::of_kind(kind, false, None);
    let rule = policy.rule(Standard::NistR2, medium, Technique::Overwrite, Method::Clear).unwrap();
    let claim = Claim {
        method: Method::Clear,
        technique: Technique::Overwrite,
        standard: Standard::NistR2,
        basis: rule.basis,
        scope: format!("the {CAPACITY} blocks of 512 bytes that the drive presents"),
    };
    Plan {
        schema: PLAN_SCHEMA.into(),
        identity: identity().stable(),
        kind,
        geometry: geometry(),
        zones: None,
        method: Method::Clear,
        technique: Technique::Overwrite,
        policy: policy.reference(rule),
        scheme: None,
        firmware: None,
        passes: passes.into_iter().map(|pattern| PassSpec { pattern }).collect(),
        content: Vec::new(),
        known_content: Vec::new(),
        claim: (verification != VerificationPlan::None).then_some(claim),
        verification,
        rules: Some(Rules::of_kind(kind)),
        limits,
    }
}

pub(crate) fn time(minute: i64) -> UtcTime {
    UtcTime::from_millis(1_795_320_000_000 + minute * 60_000).unwrap()
}

pub(crate) fn provenance() -> Provenance {
    Provenance {
        certificate_id: "0192f3a4-0000-7000-8000-000000000001".parse().unwrap(),
        job_id: "0192f3a4-0000-7000-8000-00000000000f".into(),
        nonce: "000102030405060708090a0b0c0d0e0f".into(),
        started: time(0),
        ended: time(100),
        tool: Tool::this(Some(Digest::of(b"binary"))),
        environment: Environment {
            kernel_release: "6.1.0-30-amd64".into(),
            hostname: Some("bench-3".into()),
            boot_id: Some("5c4b1e0e-0b53-4d63-8a55-0d1d2b1c9a11".into()),
            clock: Clock {
                boottime_start: Some("1000.25".into()),
                boottime_end: Some("7000.25".into()),
                synchronized: None,
            },
        },
        self_test: Some(SelfTest { passed: vec!["aes-256-ctr".into()], failed: Vec::new() }),
        given: Given {
            operator: Person { name: Some("A. Technician".into()), ..Person::default() },
            ticket: Some("T-1".into()),
            ..Given::default()
        },
        observed: Observed { uid: Some(0), loginuid: Some(1000), ..Observed::default() },
        authorisation: Authorisation::LocalRoot,
        journal_digest: Some(Digest::of(b"journal")),
        expected_signers: vec![ExpectedSigner::agent(&agent_key().public())],
        key_note: Some(KEY_SELF_MADE.into()),
    }
}

pub(crate) fn pass_tally(index: u32) -> PassTally {
    PassTally {
        index,
        written: BlockCount(CAPACITY),
        failed: RangeSet::new(),
        unreached: RangeSet::new(),
        flush: FlushState::Confirmed,
        absent: BlockCount::ZERO,
        flush_failures: 0,
    }
}

pub(crate) fn read_tally(wanted: u64) -> VerificationTally {
    VerificationTally {
        wanted: BlockCount(wanted),
        matched: BlockCount(wanted),
        mismatched: RangeSet::new(),
        unreadable: RangeSet::new(),
        not_read: BlockCount(CAPACITY - wanted),
        wanted_digest: Digest::of(b"ranges"),
    }
}

pub(crate) fn pattern_of(spec: &PassPattern, index: usize) -> Pattern {
    match spec {
        PassPattern::Fixed { bytes } => Pattern::Fixed { bytes: bytes.clone() },
        PassPattern::Keyed => Pattern::Keyed { key: PatternKey([u8::try_from(index).unwrap(); 32]) },
        PassPattern::Stamped { bytes } => {
            Pattern::Stamped { bytes: bytes.clone(), tag: StampTag([u8::try_from(index).unwrap(); 8]) }
        }
        PassPattern::JobByte { complement, .. } => Pattern::byte(if *complement { !0x5A } else { 0x5A }),
    }
}

/// A job that did everything it was to do, under any plan.
pub(crate) fn finished(plan: Plan) -> RecordInput {
    let passes = plan.passes.iter().enumerate().map(|(index, spec)| PassRecord {
        spec: spec.clone(),
        pattern: pattern_of(&spec.pattern, index),
        tally: pass_tally(u32::try_from(index).unwrap()),
        started: time(1 + 8 * i64::try_from(index).unwrap()),
        ended: time(8 + 8 * i64::try_from(index).unwrap()),
    });
    let wanted = match &plan.verification {
        VerificationPlan::Full { .. } => Some(CAPACITY),
        VerificationPlan::SampledR1 { subsections, run_blocks } => Some(subsections * 2 * run_blocks.0),
        VerificationPlan::Sampled { strata, .. } => Some(*strata),
        VerificationPlan::Canaries | VerificationPlan::None => None,
    };
    let sample = Sample::new(&plan.verification, &geometry(), [0xAB; 32]).ok();
    // A plan that nobody could have made has no list; what it says of itself is all there is.
    let drawn = |wanted| sample.as_ref().map_or(wanted, |sample| sample.wanted().0);
    let digest = sample.as_ref().map_or(Digest::of(b"ranges"), Sample::digest);
    let verification = wanted.map(drawn).map(|wanted| VerificationRecord {
        expected: None,
        plan: plan.verification.clone(),
        seed: (wanted < CAPACITY).then(|| "ab".repeat(32)),
        order: "ascending".into(),
        tally: VerificationTally { wanted_digest: digest, ..read_tally(wanted) },
        repair: None,
        started: time(60),
        ended: time(90),
    });
    RecordInput {
        firmware: None,
        drive: DriveRecord::new(&facts(plan.kind), Some((identity(), geometry()))),
        passes: passes.collect(),
        verification,
        interruptions: Vec::new(),
        conduct: None,
        limits: Vec::new(),
        provenance: provenance(),
        plan: Some(plan),
    }
}

pub(crate) const FULL: VerificationPlan = VerificationPlan::Full { instead_of_sample: None };

/// One keyed pass on a rotating drive, every block read back.
pub(crate) fn good_job() -> RecordInput {
    finished(plan(DriveKind::Rotating, vec![PassPattern::Keyed], FULL))
}

/// Passes of every kind, every block read back.
pub(crate) fn every_kind_of_pass() -> RecordInput {
    let passes = vec![
        PassPattern::Fixed { bytes: FixedBytes::new(&[0x92, 0x49, 0x24]).unwrap() },
        PassPattern::JobByte { slot: 0, complement: false },
        PassPattern::JobByte { slot: 0, complement: true },
        PassPattern::Keyed,
        PassPattern::Keyed,
        PassPattern::Stamped { bytes: FixedBytes::new(&[0x92, 0x49, 0x24]).unwrap() },
        PassPattern::Stamped { bytes: FixedBytes::byte(0) },
    ];
    finished(plan(DriveKind::Rotating, passes, FULL))
}

pub(crate) fn verdict(job: &RecordInput, ending: &Ending) -> Verdict {
    let Some(plan) = &job.plan else {
        return Verdict::unsanitizable(vec![Reason::new(ReasonCode::NoCapacity, "size 0", "destroy")]);
    };
    let tallies: Vec<PassTally> = job.passes.iter().map(|pass| pass.tally.clone()).collect();
    let read = job.verification.as_ref();
    let repair = read.and_then(|read| read.repair.as_ref());
    let steps = job.firmware.iter().flat_map(|firmware| &firmware.steps);
    let steps: Vec<_> = steps.map(|step| step.tally.clone()).collect();
    judge(plan, &steps, &tallies, read.map(|read| &read.tally), repair, ending)
}

pub(crate) fn statement(job: RecordInput) -> Statement {
    let verdict = verdict(&job, &Ending::Completed);
    build(job, &verdict).unwrap()
}

pub(crate) fn signed(statement: &Statement) -> Envelope {
    sign(statement, &[&agent_key()]).unwrap()
}

/// The last pass of a job could not write these blocks. What could not be written is not read back.
pub(crate) fn fail_to_write(job: &mut RecordInput, failed: RangeSet) {
    let read = failed.complement(range(0, CAPACITY));
    let written = BlockCount(CAPACITY - failed.count().0);
    let verification = job.verification.as_mut().unwrap();
    verification.tally = VerificationTally {
        wanted: written,
        matched: written,
        not_read: failed.count(),
        wanted_digest: Digest::of_json(&read),
        ..read_tally(CAPACITY)
    };
    let pass = &mut job.passes.last_mut().unwrap().tally;
    pass.written = written;
    pass.failed = failed;
}

pub(crate) fn set(ranges: &[(u64, u64)]) -> RangeSet {
    ranges.iter().map(|&(first, count)| range(first, count)).collect()
}

/// A job that did everything, in two sittings on a warm day and within a limit of bandwidth.
pub(crate) fn interrupted_job() -> RecordInput {
    let mut plan = plan(DriveKind::Rotating, vec![PassPattern::Keyed, PassPattern::Keyed], FULL);
    let settings = ["floor=2MB/s", "time=9d", "stop=65C", "defect-growth=fail"]
        .map(|rule| rule.parse::<RuleSetting>().unwrap());
    plan.rules = Some(Rules::with(DriveKind::Rotating, &settings).unwrap());
    let mut job = finished(plan);
    job.limits.push(Limit { code: LimitCode::DefectsNotCounted, text: "it does not count them".into() });
    job.passes[1].tally.flush_failures = 1;
    job.interruptions = vec![Interruption {
        last_sign: time(10),
        cause: InterruptionCause::Crash,
        resumed: time(13),
        host_restarted: Some(true),
        node: "/dev/sdy".into(),
        diskseq: Some(23),
        pass: 1,
        durable: BlockCount(123_456),
        probe: Some(Probe { read: BlockCount(66), ..Probe::default() }),
        went_on: WentOn::There,
    }];
    let degrees = |degrees| Some(Temperature::from_degrees(degrees));
    job.conduct = Some(Conduct {
        key_slots: None,
        longest_silence_millis: 4500,
        left_behind: None,
        heat: Some(HeatRecord {
            sensor: Some("drivetemp".into()),
            tally: HeatTally {
                first_millidegrees: degrees(34),
                highest_millidegrees: degrees(61),
                last_millidegrees: degrees(48),
                slowed: 2,
                paused: 1,
                paused_millis: 754_000,
                readings: 520,
                unreadable: 3,
            },
        }),
        bandwidth: Some(Bandwidth { drive: Some(100_000_000), bus: None, host: Some(400_000_000) }),
    });
    job.provenance.environment.clock.boottime_start = Some("1780.25".into());
    job
}

/// The same on a drive that does not keep what it acknowledges, cannot write everything, and cannot read
/// everything back.
pub(crate) fn eventful_job() -> RecordInput {
    let mut job = interrupted_job();
    fail_to_write(&mut job, set(&[(100, 7), (5000, 1)]));
    let read = job.verification.as_mut().unwrap();
    read.tally.mismatched = set(&[(40, 2), (64, 8), (900, 1), (1000, 1), (1100, 1), (1200, 1)]);
    read.tally.unreadable = set(&[(2000, 16)]);
    read.tally.matched = BlockCount(CAPACITY - 8 - 14 - 16);
    read.repair = Some(RepairTally {
        right_again: set(&[(40, 2)]),
        repaired: set(&[(64, 8), (900, 1)]),
        still_wrong: set(&[(1000, 1), (1100, 1)]),
        not_tried: set(&[(1200, 1)]),
        flush: Some(FlushState::Confirmed),
    });
    job
}

/// A record of every outcome that has one, as the judge gives them.
pub(crate) fn every_outcome() -> Vec<(Outcome, Statement)> {
    let gone = Reason::new(ReasonCode::DriveGone, "the drive vanished", "destroy the drive");
    let lost = Reason::new(ReasonCode::WorkerDied, "the worker died", "run the job again");
    let mut jobs = vec![(good_job(), Ending::Completed)];
    jobs.push((
        finished(plan(DriveKind::Rotating, vec![PassPattern::Keyed], VerificationPlan::None)),
        Ending::Completed,
    ));
    let mut failed = good_job();
    fail_to_write(&mut failed, [range(100, 7)].into_iter().collect());
    jobs.push((failed.clone(), Ending::Completed));
    let rule = Reason::new(ReasonCode::TooManyErrors, "given up (rule errors-max)", "destroy the drive");
    jobs.push((failed, Ending::GivenUp(rule)));
    let mut vanished = good_job();
    vanished.drive.identity_after = None;
    vanished.drive.geometry_after = None;
    vanished.verification = None;
    vanished.passes[0].tally.written = BlockCount(1000);
    vanished.passes[0].tally.unreached.insert(range(1000, CAPACITY - 1000));
    vanished.passes[0].tally.flush = FlushState::NotAsked;
    jobs.push((vanished.clone(), Ending::DriveGone(gone)));
    jobs.push((vanished.clone(), Ending::Stopped));
    jobs.push((vanished, Ending::Lost(lost)));
    let mut dead = good_job();
    dead.plan = None;
    dead.passes = Vec::new();
    dead.verification = None;
    dead.drive.geometry = None;
    dead.drive.geometry_after = None;
    jobs.push((dead, Ending::Completed));
    let outcome = |(job, ending): (RecordInput, Ending)| {
        let verdict = verdict(&job, &ending);
        (verdict.outcome(), build(job, &verdict).unwrap())
    };
    jobs.into_iter().map(outcome).collect()
}

pub(crate) fn inspection(mismatched: &[LbaRange]) -> InspectionInput {
    let whole: RangeSet = [range(0, CAPACITY)].into_iter().collect();
    let mut tally = VerificationTally { wanted_digest: Digest::of_json(&whole), ..read_tally(CAPACITY) };
    tally.mismatched = mismatched.iter().copied().collect();
    tally.matched = BlockCount(CAPACITY - tally.mismatched.count().0);
    InspectionInput {
        drive: DriveRecord::new(&facts(DriveKind::Rotating), Some((identity(), geometry()))),
        expected: Pattern::byte(0),
        verification: VerificationRecord {
            expected: None,
            plan: FULL,
            seed: None,
            order: "ascending".into(),
            tally,
            repair: None,
            started: time(1),
            ended: time(90),
        },
        reasons: Vec::new(),
        limits: limits(DriveKind::Rotating, &[], &FULL),
        provenance: provenance(),
    }
}

pub(crate) fn texts(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("{:?} {:?} {}\n", finding.level, finding.code, finding.text))
        .collect()
}
