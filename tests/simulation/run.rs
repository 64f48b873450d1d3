//! One seed: a drive, a plan, the passes, the read-back and the verdict.
use std::collections::BTreeSet;

use expunge::device::Identity;
use expunge::engine::{Observer, PassTally, Progress, Settled, write_pass};
use expunge::io::{BlockRead, BlockWrite, Fault};
use expunge::plan::request::Ratio;
use expunge::plan::step::PLAN_SCHEMA;
use expunge::plan::{Claim, PassPattern, PassSpec, Plan, PolicyRow, VerificationPlan};
use expunge::sim::{Dice, DriveSpec, Oracle, SimIdentity, SimNode};
use expunge::unit::pattern::FixedBytes;
use expunge::unit::term::{Basis, DriveKind, Exit, Method, Outcome, Standard, Technique};
use expunge::unit::{
    BlockCount, Digest, Geometry, Lba, LbaRange, Pattern, PatternKey, RangeSet, Reason, ReasonCode,
};
use expunge::verify::verdict::judge;
use expunge::verify::{Ending, VerificationTally, read_back};

use crate::defect::{Crooked, Defect};

/// Everything that is known after a seed.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) spec: DriveSpec,
    pub(crate) plan: Plan,
    pub(crate) patterns: Vec<Pattern>,
    /// Blocks the verification was to read.
    pub(crate) wanted: RangeSet,
    /// Rounds of the loop after which somebody stops the job.
    pub(crate) stops_after: Option<u64>,
    pub(crate) planned: SimIdentity,
    /// Who stood at the node at the end.
    pub(crate) found: SimIdentity,
    pub(crate) passes: Vec<PassTally>,
    /// For each pass and then the verification: where its part of the drive's log begins and ends.
    pub(crate) logged: Vec<std::ops::Range<usize>>,
    pub(crate) verification: Option<VerificationTally>,
    pub(crate) ended: Ended,
    pub(crate) oracle: Oracle,
}

/// What the job came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) exit: Exit,
    pub(crate) evidence: bool,
    pub(crate) reasons: usize,
}

/// Stops the job after so many rounds of the loop.
struct StopAfter(Option<u64>);

impl Observer for StopAfter {
    fn progress(&mut self, _progress: Progress) {
        self.0 = self.0.map(|rounds| rounds.saturating_sub(1));
    }

    fn should_stop(&mut self) -> bool {
        self.0 == Some(0)
    }
}

impl Run {
    pub(crate) fn carry_out(seed: u64, defect: Defect) -> Self {
        // What the job does and what the drive does are drawn apart, so that one can change without the other.
        let mut dice = Dice::new(seed ^ 0x4A0B);
        let spec = DriveSpec::draw(seed);
        let node = SimNode::new(spec.clone());
        let planned = node.identify();
        let plan = draw_plan(&spec, &planned, &mut dice);
        let patterns = plan.passes.iter().map(|pass| armed(&pass.pattern, &mut dice)).collect();
        let stops_after = dice.chance(1, 20).then(|| dice.below(40));
        let wanted = draw_wanted(&plan, &mut dice);
        let refused = Ended { outcome: Outcome::Refused, exit: Exit::Refused, evidence: false, reasons: 1 };
        let mut run = Self {
            seed,
            spec,
            plan,
            patterns,
            wanted,
            stops_after,
            found: planned.clone(),
            planned,
            passes: Vec::new(),
            logged: Vec::new(),
            verification: None,
            ended: refused,
            oracle: node.oracle(),
        };
        run.work(&node, defect);
        run.found = node.identify();
        run
    }

    /// Opens, compares, writes, reads back, compares again and judges, in the order that every job has.
    fn work(&mut self, node: &SimNode, defect: Defect) {
        let mut writer = Crooked::writer(node.open(), defect, self.patterns.last().cloned());
        if !self.is_planned(node, defect) {
            return;
        }
        let mut observer = StopAfter(self.stops_after);
        let settled = self.write(&mut writer, defect, &mut observer);
        let mut reader = Crooked::reader(node.open(), defect, self.patterns.last().cloned());
        let settled = match settled {
            Settled::Complete if self.plan.verification != VerificationPlan::None => {
                self.verify(&mut reader, defect, &mut observer)
            }
            Settled::Complete | Settled::Stopped | Settled::Gone(_) | Settled::GivenUp(_) => settled,
        };
        let mut ending = ending(settled);
        let size = reader.current_bytes().unwrap_or(0);
        if ending == Ending::Completed
            && (!self.is_planned(node, defect) || size != self.plan.geometry.bytes())
        {
            let text = "the drive is not the one that was planned, or not of its size";
            ending = Ending::DriveGone(Reason::new(ReasonCode::IdentityChanged, text, ""));
        }
        let verdict = judge(&self.plan, &self.passes, self.verification.as_ref(), &ending);
        self.ended = Ended {
            outcome: verdict.outcome(),
            exit: verdict.exit(),
            evidence: verdict.evidence().is_some(),
            reasons: verdict.reasons().len(),
        };
    }

    fn write(&mut self, port: &mut dyn BlockWrite, defect: Defect, observer: &mut StopAfter) -> Settled {
        let mut buffers = port.take_buffers();
        for (index, pattern) in (0..).zip(&self.patterns) {
            let from = self.oracle.log().entries.len();
            let end = write_pass(port, &mut buffers, index, &defect.pattern(pattern), observer)
                .expect("a simulated port always goes on");
            self.logged.push(from..self.oracle.log().entries.len());
            self.passes.push(end.tally);
            if end.settled != Settled::Complete {
                return end.settled;
            }
        }
        Settled::Complete
    }

    fn verify(&mut self, port: &mut dyn BlockRead, defect: Defect, observer: &mut StopAfter) -> Settled {
        let pattern = self.patterns.last().expect("a plan has a pass");
        let mut buffers = port.take_buffers();
        let from = self.oracle.log().entries.len();
        let end = read_back(port, &mut buffers, &defect.pattern(pattern), &self.wanted, observer)
            .expect("a simulated port always goes on");
        self.logged.push(from..self.oracle.log().entries.len());
        self.verification = Some(end.tally);
        end.settled
    }

    /// P1: whether the drive at the node is the one of the plan, by the digest of its stable record.
    fn is_planned(&self, node: &SimNode, defect: Defect) -> bool {
        match defect {
            Defect::IdentityByPath => true,
            _ => {
                let identity = node.identify();
                identity.capacity == self.plan.geometry.capacity
                    && device_identity(&identity).stable_digest() == self.plan.identity.stable_digest()
            }
        }
    }

    /// Every block of the drive, as a set to count with.
    pub(crate) fn whole(&self) -> BTreeSet<u64> {
        (0..self.spec.geometry.capacity.0).collect()
    }
}

/// What the end of a sweep means for the job.
fn ending(settled: Settled) -> Ending {
    match settled {
        Settled::Complete => Ending::Completed,
        Settled::GivenUp(_) => {
            Ending::DriveGone(Reason::new(ReasonCode::NotAnswering, "the drive fails everything", ""))
        }
        Settled::Stopped => Ending::Stopped,
        Settled::Gone(Fault { .. }) => {
            Ending::DriveGone(Reason::new(ReasonCode::DriveGone, "the drive vanished", ""))
        }
    }
}

fn device_identity(drive: &SimIdentity) -> Identity {
    Identity {
        model: Some(drive.model.clone()),
        serial: Some(drive.serial.clone()),
        wwn: Some(drive.wwn.clone()),
        ..Identity::default()
    }
}

fn draw_plan(spec: &DriveSpec, drive: &SimIdentity, dice: &mut Dice) -> Plan {
    let fixed = |bytes: &[u8]| PassPattern::Fixed { bytes: FixedBytes::new(bytes).expect("1 to 64 bytes") };
    let choices = [
        PassPattern::Keyed,
        fixed(&[0]),
        fixed(&[0xFF]),
        fixed(&[0x92, 0x49, 0x24]),
        PassPattern::JobByte { slot: 0, complement: true },
    ];
    // Half of the jobs are one keyed pass, which is the default; the others are anything.
    let passes = if dice.chance(1, 2) {
        vec![PassSpec { pattern: PassPattern::Keyed }]
    } else {
        let count = dice.between(1, 3);
        (0..count).map(|_| PassSpec { pattern: choices[dice.index(choices.len())].clone() }).collect()
    };
    let ratio = Ratio::from_billionths(900_000_000).expect("between 0 and 1");
    let verification = match dice.below(10) {
        0 => VerificationPlan::None,
        1 => VerificationPlan::Sampled { confidence: ratio, fraction: ratio, strata: dice.between(1, 10) },
        _ => VerificationPlan::Full { instead_of_sample: None },
    };
    let claim = Claim {
        method: Method::Clear,
        technique: Technique::Overwrite,
        standard: Standard::NistR2,
        basis: Basis::SecondHand,
        scope: format!("the {} blocks the drive presents", spec.geometry.capacity),
    };
    Plan {
        schema: PLAN_SCHEMA.to_owned(),
        identity: device_identity(drive),
        kind: DriveKind::TestObject,
        geometry: spec.geometry,
        method: Method::Clear,
        technique: Technique::Overwrite,
        policy: PolicyRow {
            name: "simulation".to_owned(),
            digest: Digest::of(b"simulation"),
            standard: Standard::NistR2,
            basis: Basis::SecondHand,
            source: "none".to_owned(),
        },
        scheme: None,
        passes,
        claim: (verification != VerificationPlan::None).then_some(claim),
        verification,
        content: Vec::new(),
        known_content: Vec::new(),
        limits: Vec::new(),
    }
}

fn armed(pattern: &PassPattern, dice: &mut Dice) -> Pattern {
    match pattern {
        PassPattern::Fixed { bytes } => Pattern::Fixed { bytes: bytes.clone() },
        PassPattern::Keyed => {
            let mut key = [0; 32];
            dice.noise(&mut key);
            Pattern::Keyed { key: PatternKey(key) }
        }
        PassPattern::JobByte { .. } => Pattern::byte(dice.bits().to_le_bytes()[0]),
    }
}

/// All blocks, or first, last and one of each stratum.
fn draw_wanted(plan: &Plan, dice: &mut Dice) -> RangeSet {
    let Geometry { capacity, .. } = plan.geometry;
    match plan.verification {
        VerificationPlan::Full { .. } => plan.geometry.whole().into_iter().collect(),
        VerificationPlan::None => RangeSet::new(),
        VerificationPlan::SampledR1 { subsections: strata, .. }
        | VerificationPlan::Sampled { strata, .. } => {
            let length = capacity.0.div_ceil(strata);
            let drawn =
                (0..strata).map(|stratum| (stratum * length + dice.below(length)).min(capacity.0 - 1));
            let all: Vec<u64> = drawn.chain([0, capacity.0 - 1]).collect();
            all.into_iter().filter_map(|lba| LbaRange::new(Lba(lba), BlockCount(1))).collect()
        }
    }
}
