//! One seed: a drive, a plan, the passes, the read-back and the verdict. The conversation with a worker process
//! is left out; in the order of steps, and in what the end of a step means, this does as a job does.
use std::collections::BTreeSet;

use std::time::Duration;

use expunge::engine::{Admission, Observer, Pass, PassTally, Progress, Settled, write_pass};
use expunge::io::{BlockRead, BlockWrite};
use expunge::plan::{
    Decision, LimitCode, PassSpec, Plan, Policy, Request, RuleName, Rules, VerificationPlan, decide,
};
use expunge::sim::{Dice, DriveSpec, Oracle, SimIdentity, SimNode, View};
use expunge::unit::term::{DriveKind, Exit, Outcome};
use expunge::unit::{Pattern, RangeSet, Reason, ReasonCode};
use expunge::verify::{Ending, RepairTally, Sample, Verdict, VerificationTally, judge, read_back, repair};

use crate::ask;
use crate::defect::{Crooked, Defect};

/// Everything that is known after a seed.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) spec: DriveSpec,
    /// `None` when the planning said no.
    pub(crate) plan: Option<Plan>,
    pub(crate) patterns: Vec<Pattern>,
    /// Blocks the verification was to read; empty when it was never reached.
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
    pub(crate) repair: Option<RepairTally>,
    /// Checkpoints that were told.
    pub(crate) checkpoints: Vec<Checkpoint>,
    /// The rule that ended a pass or the reading.
    pub(crate) given_up: Option<RuleName>,
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

impl Ended {
    /// A job that did not begin. It has no verdict; what the shell is told is in the table of outcomes.
    fn refused(reasons: usize) -> Self {
        Self { outcome: Outcome::Refused, exit: Exit::Refused, evidence: false, reasons }
    }
}

impl From<Verdict> for Ended {
    fn from(verdict: Verdict) -> Self {
        Self {
            outcome: verdict.outcome(),
            exit: verdict.exit(),
            evidence: verdict.evidence().is_some(),
            reasons: verdict.reasons().len(),
        }
    }
}

/// Blocks of a pass that were called durable, and those of them that were not in that moment.
pub(crate) struct Checkpoint {
    pub(crate) pass: u32,
    pub(crate) written: RangeSet,
    pub(crate) not_durable: RangeSet,
}

/// Stops the job after so many rounds of the loop; its clock is the drive's.
struct Watcher<'a> {
    stops_after: Option<u64>,
    node: &'a SimNode,
    oracle: Oracle,
    /// What each pass writes.
    patterns: Vec<Pattern>,
    checkpoints: Vec<Checkpoint>,
}

impl Observer for Watcher<'_> {
    fn progress(&mut self, _progress: Progress) {
        self.stops_after = self.stops_after.map(|rounds| rounds.saturating_sub(1));
    }

    fn should_stop(&mut self) -> bool {
        self.stops_after == Some(0)
    }

    fn now(&mut self) -> Duration {
        Duration::from_millis(self.oracle.elapsed_ms())
    }

    fn rest(&mut self, time: Duration) {
        self.node.pass_time(time);
    }

    fn admit(&mut self, _bytes: u64) -> Admission {
        Admission::Go
    }

    fn checkpoint(&mut self, pass: u32, written: RangeSet) {
        let pattern = &self.patterns[usize::try_from(pass).expect("a small number")];
        let wrong = self.oracle.wrong(View::Durable, &|offset, out| pattern.fill(offset, out));
        let not_durable = wrong.intersection(&written);
        self.checkpoints.push(Checkpoint { pass, written, not_durable });
    }
}

impl Run {
    pub(crate) fn carry_out(seed: u64, defect: Defect) -> Self {
        // What the job does and what the drive does are drawn apart, so that one can change without the other.
        let mut dice = Dice::new(seed ^ 0x4A0B);
        let request = ask::request(&mut dice);
        Self::with(seed, DriveSpec::draw(seed), &request, dice, defect)
    }

    /// The same for a drive and a request that were chosen.
    pub(crate) fn with(
        seed: u64,
        spec: DriveSpec,
        request: &Request,
        mut dice: Dice,
        defect: Defect,
    ) -> Self {
        let node = SimNode::new(spec.clone());
        let planned = node.identify();
        let decision = decide(request, &ask::facts(&spec, &planned, &mut dice), &Policy::builtin());
        let (mut plan, ended) = match decision {
            Decision::Planned(plan) => (Some(*plan), Ended::refused(1)),
            Decision::Refused(reasons) => (None, Ended::refused(reasons.len())),
            Decision::Unsanitizable(reasons) => (None, Verdict::unsanitizable(reasons).into()),
        };
        if let Some(plan) = plan.as_mut().filter(|_| defect == Defect::HiddenAreasLeftOut) {
            plan.limits.retain(|limit| limit.code != LimitCode::HiddenAreasNotExamined);
        }
        let job_bytes = dice.bits().to_le_bytes();
        let specs: &[PassSpec] = plan.as_ref().map_or(&[], |plan| &plan.passes);
        let patterns = specs.iter().map(|pass| ask::arm(&pass.pattern, job_bytes, &mut dice)).collect();
        let mut run = Self {
            seed,
            spec,
            plan: plan.clone(),
            patterns,
            wanted: RangeSet::new(),
            stops_after: dice.chance(1, 20).then(|| dice.below(40)),
            found: planned.clone(),
            planned,
            passes: Vec::new(),
            logged: Vec::new(),
            verification: None,
            repair: None,
            checkpoints: Vec::new(),
            given_up: None,
            ended,
            oracle: node.oracle(),
        };
        if let Some(plan) = plan {
            run.work(&plan, &node, defect, &mut dice);
        }
        run.found = node.identify();
        run
    }

    /// Opens, compares, writes, reads back, compares again and judges, in the order that every job has.
    fn work(&mut self, plan: &Plan, node: &SimNode, defect: Defect, dice: &mut Dice) {
        // That one is in the repair alone.
        let before_repair = if defect == Defect::RepairInvented { Defect::None } else { defect };
        let mut writer = Crooked::over(node.open(), before_repair, self.patterns.last().cloned());
        writer.warm_up();
        if !is_planned(plan, node, defect) {
            self.ended = Ended::refused(1);
            return;
        }
        let mut observer = Watcher {
            stops_after: self.stops_after,
            node,
            oracle: node.oracle(),
            patterns: self.patterns.iter().map(|pattern| defect.pattern(pattern)).collect(),
            checkpoints: Vec::new(),
        };
        let mut settled = self.write(&mut writer, defect, &mut observer);
        let last = self.passes.len() == plan.passes.len();
        let worth_reading = match settled {
            Settled::Complete => true,
            Settled::GivenUp(RuleName::ErrorsMax | RuleName::ErrorsPercent) => last,
            Settled::GivenUp(_) | Settled::Stopped | Settled::Gone(_) | Settled::Refused(_) => false,
        };
        let mut reader = Crooked::over(node.open(), before_repair, self.patterns.last().cloned());
        if worth_reading && plan.verification != VerificationPlan::None {
            let mut seed = [0; 32];
            dice.noise(&mut seed);
            let sample =
                Sample::new(&plan.verification, &plan.geometry, seed).expect("a plan fits its drive");
            self.wanted = sample.to_set();
            if let Some(pass) = self.passes.last() {
                self.wanted.subtract(&pass.failed);
                self.wanted.subtract(&pass.unreached);
            }
            if !self.wanted.is_empty() {
                let read = self.verify(&mut reader, defect, &mut observer);
                settled = if settled == Settled::Complete { read } else { settled };
                if matches!(read, Settled::Complete | Settled::GivenUp(RuleName::Differences)) {
                    let mut again = Crooked::over(node.open(), defect, self.patterns.last().cloned());
                    self.repair(&mut again, defect, &mut observer);
                }
            }
        }
        self.checkpoints = observer.checkpoints;
        if let Settled::GivenUp(rule) = settled {
            self.given_up = Some(rule);
        }
        if defect == Defect::RepairCountedAsClean {
            self.count_repair_as_clean();
        }
        let mut ending = ending(settled);
        let same_size = reader.current_bytes().is_ok_and(|bytes| bytes == plan.geometry.bytes());
        if matches!(ending, Ending::Completed | Ending::Stopped | Ending::GivenUp(_))
            && (!is_planned(plan, node, defect) || !same_size)
        {
            let text = "the drive is not the one that was planned, or not of its size";
            ending = Ending::Lost(Reason::new(ReasonCode::IdentityChanged, text, ""));
        }
        let (read, repair) = (self.verification.as_ref(), self.repair.as_ref());
        self.ended = judge(plan, &[], &self.passes, read, repair, &ending).into();
    }

    /// What a program would tell that takes what it has repaired for right.
    fn count_repair_as_clean(&mut self) {
        let Some((tally, repair)) = self.verification.as_mut().zip(self.repair.take()) else { return };
        for right in [&repair.repaired, &repair.right_again] {
            tally.mismatched.subtract(right);
            tally.matched += right.count();
        }
    }

    /// The rules of the job.
    pub(crate) fn rules(&self) -> Rules {
        self.plan.as_ref().map_or_else(|| Rules::of_kind(DriveKind::Rotating), Plan::rules)
    }

    /// What differed is written once more, as every job does.
    fn repair(&mut self, port: &mut dyn BlockWrite, defect: Defect, observer: &mut Watcher<'_>) {
        let Some(tally) = self.verification.as_ref().filter(|tally| !tally.mismatched.is_empty()) else {
            return;
        };
        let pattern = defect.pattern(self.patterns.last().expect("a plan has a pass"));
        let rules = self.rules();
        let mut buffers = port.take_buffers();
        let repaired = repair(port, &mut buffers, &pattern, &tally.mismatched, &rules, observer);
        self.repair = Some(repaired.expect("a simulated port always goes on"));
    }

    fn write(&mut self, port: &mut dyn BlockWrite, defect: Defect, observer: &mut Watcher<'_>) -> Settled {
        let rules = self.rules();
        let mut buffers = port.take_buffers();
        for (index, pattern) in (0..).zip(&self.patterns) {
            let from = self.oracle.log().entries.len();
            let pattern = defect.pattern(pattern);
            let pass =
                Pass { index, pattern: &pattern, written: &RangeSet::new(), zones: None, rules: &rules };
            let end =
                write_pass(port, &mut buffers, &pass, observer).expect("a simulated port always goes on");
            self.logged.push(from..self.oracle.log().entries.len());
            self.passes.push(end.tally);
            if end.settled != Settled::Complete {
                return end.settled;
            }
        }
        Settled::Complete
    }

    fn verify(&mut self, port: &mut dyn BlockRead, defect: Defect, observer: &mut Watcher<'_>) -> Settled {
        let pattern = self.patterns.last().expect("a plan has a pass");
        let mut buffers = port.take_buffers();
        let from = self.oracle.log().entries.len();
        let rules = self.rules();
        let end = read_back(port, &mut buffers, &defect.pattern(pattern), &self.wanted, &rules, observer)
            .expect("a simulated port always goes on");
        self.logged.push(from..self.oracle.log().entries.len());
        self.verification = Some(end.tally);
        end.settled
    }

    /// Every block of the drive, as a set to count with.
    pub(crate) fn whole(&self) -> BTreeSet<u64> {
        (0..self.spec.geometry.capacity.0).collect()
    }

    /// How the plan verifies; nothing where there is no plan.
    pub(crate) fn verifies(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.verification != VerificationPlan::None)
    }
}

/// P1: whether the drive at the node is the one of the plan, by the digest of its stable record.
fn is_planned(plan: &Plan, node: &SimNode, defect: Defect) -> bool {
    if defect == Defect::IdentityByPath {
        return true;
    }
    let drive = node.identify();
    drive.capacity == plan.geometry.capacity
        && ask::identity(&drive).stable_digest() == plan.identity.stable_digest()
}

/// What the end of a sweep means for the job.
fn ending(settled: Settled) -> Ending {
    let reason = |code, text: &str| Reason::new(code, text, "");
    match settled {
        Settled::Complete | Settled::GivenUp(RuleName::Differences) => Ending::Completed,
        Settled::GivenUp(rule) => {
            let code = match rule {
                RuleName::Silent => ReasonCode::NotAnswering,
                RuleName::FlushesMax => ReasonCode::FlushFailed,
                _ => ReasonCode::TooManyErrors,
            };
            Ending::GivenUp(reason(code, "a rule ended it"))
        }
        Settled::Stopped => Ending::Stopped,
        Settled::Gone(_) => Ending::DriveGone(reason(ReasonCode::DriveGone, "the drive vanished")),
        Settled::Refused(_) => Ending::Refused(reason(ReasonCode::WriteRefused, "the drive refuses")),
    }
}
