//! Which job on which drive: everything that a seed decides before the first line of the journal.
use std::path::PathBuf;

use expunge::device::{DriveFacts, Identity, QueueLimits, Reach, Zoned};
use expunge::plan::request::Ratio;
use expunge::plan::{
    Decision, PassChoice, PassPattern, Plan, Policy, Request, VerificationChoice, VerificationPlan, decide,
};
use expunge::sim::{Dice, DriveSpec, FaultName, SimIdentity};
use expunge::unit::Geometry;
use expunge::unit::term::{DriveKind, Method};

/// A job and its drive.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) spec: DriveSpec,
    pub(crate) facts: DriveFacts,
    pub(crate) plan: Plan,
    /// Steps that the worker may be ahead of its parent.
    pub(crate) ahead: u64,
}

/// Faults that change who stands at the node, or its size: the job is not gone on with then. `cases.rs` has them.
const NOT_HERE: [FaultName; 3] =
    [FaultName::ReplacedBeforeOpening, FaultName::ReplacedInUse, FaultName::Shrinks];

/// Faults that break what a drive has said: what it called durable is not, or not for long.
const LIES: [FaultName; 8] = [
    FaultName::WriteDropped,
    FaultName::WriteMisdirected,
    FaultName::WriteTorn,
    FaultName::MergedSuccess,
    FaultName::CellRot,
    FaultName::FlushLies,
    FaultName::CacheLost,
    FaultName::Counterfeit,
];

impl Shape {
    /// The job of a seed. Every third drive is honest and has a volatile cache.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0xC2A5);
        let mut spec = DriveSpec::draw(seed);
        spec.faults.retain(|fault| !NOT_HERE.contains(&fault.name()));
        if seed.is_multiple_of(3) {
            spec.faults.clear();
            spec.cache_blocks = spec.cache_blocks.max(spec.geometry.capacity.0 / 2);
        }
        let choices =
            [&["random"][..], &["zero"], &["ones", "random"], &["zero", "stamped-0x924924", "random"]];
        let request =
            Request { verification: verification(&mut dice), ..request(choices[dice.index(4)], &spec) };
        Self { ahead: if dice.chance(1, 3) { 0 } else { dice.between(1, 12) }, ..Self::of(spec, &request) }
    }

    /// The job of a request on a drive.
    pub(crate) fn of(spec: DriveSpec, request: &Request) -> Self {
        let facts = facts(&SimIdentity::numbered(spec.drive, spec.geometry.capacity), &spec.geometry);
        let plan = match decide(request, &facts, &Policy::builtin()) {
            Decision::Planned(plan) => *plan,
            other => panic!("a plan for {request:?}: {other:?}"),
        };
        Self { spec, facts, plan, ahead: 0 }
    }

    /// Whether the drive does what it says.
    pub(crate) fn is_truthful(&self) -> bool {
        !self.spec.faults.iter().any(|fault| LIES.contains(&fault.name()))
    }

    /// Whether nothing is wrong with the drive at all.
    pub(crate) fn is_honest(&self) -> bool {
        self.spec.faults.is_empty()
    }

    pub(crate) fn verifies(&self) -> bool {
        self.plan.verification != VerificationPlan::None
    }
}

/// A request for these passes, with about three checkpoints in each of them.
pub(crate) fn request(passes: &[&str], spec: &DriveSpec) -> Request {
    let transfers = spec.geometry.capacity.0.div_ceil(spec.transfer_blocks());
    let every = format!("checkpoint={}ms", (transfers / 4).max(1));
    Request {
        method: Some(Method::Clear),
        passes: PassChoice::Listed(
            passes.iter().map(|text| PassPattern::parse(text).expect("a pattern")).collect(),
        ),
        rules: vec![every.parse().expect("a rule")],
        ..Request::default()
    }
}

fn verification(dice: &mut Dice) -> VerificationChoice {
    let ratio = |billionths| Ratio::from_billionths(billionths).expect("between 0 and 1");
    match dice.below(8) {
        0 => VerificationChoice::None,
        1 | 2 => VerificationChoice::Sampled { confidence: ratio(900_000_000), fraction: ratio(300_000_000) },
        _ => VerificationChoice::Full,
    }
}

/// What is known about a drive.
pub(crate) fn facts(drive: &SimIdentity, geometry: &Geometry) -> DriveFacts {
    DriveFacts {
        node: PathBuf::from("/dev/sim0"),
        kernel_name: "sim0".to_owned(),
        device: None,
        diskseq: Some(1),
        identity: Identity {
            model: Some(drive.model.clone()),
            serial: Some(drive.serial.clone()),
            wwn: Some(drive.wwn.clone()),
            ..Identity::default()
        },
        kind: DriveKind::Rotating,
        transport: None,
        bay: None,
        reach: Reach::Addressable(Geometry { capacity: drive.capacity, ..*geometry }),
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
