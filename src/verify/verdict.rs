//! From tallies to an outcome. [`Evidence`] has no public constructor: the only way to one is [`judge`], and
//! a record of success can be built from nothing else.
use serde::Serialize;

use super::steps::{self, Compared, StepTally, StepWord, demand, step_word};
use super::{RepairTally, VerificationTally};
use crate::engine::firmware::Conclusion;
use crate::engine::{FlushState, PassTally};
use crate::plan::{Claim, Plan, VerificationPlan};
use crate::unit::term::{Disposition, Exit, Outcome};
use crate::unit::{RangeSet, Reason, ReasonCode};

/// How the work on the drive came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every step of the plan was carried out, well or badly.
    Completed,
    /// Somebody stopped it.
    Stopped,
    /// The power of the drive has to be cycled before it goes on; nothing was written yet.
    PowerCycle(Reason),
    /// The drive vanished.
    DriveGone(Reason),
    /// A rule ended it: too many failures, too slow, too long, too hot.
    GivenUp(Reason),
    /// The drive or its path refuses to go on.
    Refused(Reason),
    /// The drive did not begin a command of its own that the plan needs: nothing was destroyed by it.
    CommandNotStarted(Reason),
    /// A command of the drive failed, or the drive lied about it.
    CommandFailed(Reason),
    /// It is not known what happened since the last report.
    Lost(Reason),
}

/// Proof that one drive was written and read back as its plan asked. Made by [`judge`] only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    claim: Claim,
}

impl Evidence {
    /// What may be claimed on this evidence.
    pub const fn claim(&self) -> &Claim {
        &self.claim
    }
}

/// The outcome of a job on one drive, with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    outcome: Outcome,
    reasons: Vec<Reason>,
    evidence: Option<Evidence>,
    disposition: Disposition,
    exit: Exit,
}

impl Verdict {
    /// How it ended.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why it is not `done`; empty only for `done` and `written`.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The proof, for `done` only.
    pub const fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_ref()
    }

    /// What should happen to the drive.
    pub const fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// What the shell is told.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// A drive that cannot be sanitized here: dead, or in a format that cannot be addressed.
    pub fn unsanitizable(reasons: Vec<Reason>) -> Self {
        Self::without_evidence(Outcome::Unsanitizable, reasons, Disposition::ToDestroy, Exit::Failed)
    }

    /// A job that a rule of its plan ended, or that one calls incomplete after its end.
    pub(super) fn incomplete(passes: &[PassTally], reason: Reason) -> Self {
        let written = passes.iter().any(|pass| !pass.written.is_zero());
        let outcome = if written { Outcome::Partial } else { Outcome::Failed };
        Self::without_evidence(outcome, vec![reason], Disposition::ToDestroy, Exit::Failed)
    }

    fn without_evidence(
        outcome: Outcome,
        reasons: Vec<Reason>,
        disposition: Disposition,
        exit: Exit,
    ) -> Self {
        Self { outcome, reasons, evidence: None, disposition, exit }
    }
}

/// Judges a job on one drive by what was counted. Total: every combination has one outcome, and only the one
/// where everything asked for was written, made durable and read back right is `done` (P3, P5).
pub fn judge(
    plan: &Plan,
    steps: &[StepTally],
    passes: &[PassTally],
    verification: Option<&VerificationTally>,
    repair: Option<&RepairTally>,
    ending: &Ending,
) -> Verdict {
    match ending {
        Ending::Lost(reason) => Verdict::without_evidence(
            Outcome::Unknown,
            vec![reason.clone()],
            Disposition::Quarantined,
            Exit::Unknown,
        ),
        Ending::Stopped => Verdict::without_evidence(
            Outcome::Aborted,
            vec![Reason::new(
                ReasonCode::Stopped,
                "the job was stopped before its end",
                "resume the job, or treat the drive as not sanitized",
            )],
            Disposition::Quarantined,
            Exit::Aborted,
        ),
        Ending::PowerCycle(reason) => Verdict::without_evidence(
            Outcome::Aborted,
            vec![reason.clone()],
            Disposition::Quarantined,
            Exit::Aborted,
        ),
        Ending::DriveGone(reason) => Verdict::without_evidence(
            Outcome::Failed,
            vec![reason.clone()],
            Disposition::ToDestroy,
            Exit::Failed,
        ),
        Ending::GivenUp(reason) => {
            let written = passes.iter().any(|pass| !pass.written.is_zero());
            // What the drive itself did is a failure; what only a limit ended is incomplete.
            let by_drive = matches!(reason.code, ReasonCode::NotAnswering | ReasonCode::FlushFailed);
            let outcome = if written && !by_drive { Outcome::Partial } else { Outcome::Failed };
            let mut reasons = vec![reason.clone()];
            reasons.extend(write_reasons(passes));
            reasons.extend(verification.map(|tally| read_reasons(tally, repair)).unwrap_or_default());
            Verdict::without_evidence(outcome, reasons, Disposition::ToDestroy, Exit::Failed)
        }
        Ending::Refused(reason) => {
            let mut reasons = vec![reason.clone()];
            reasons.extend(write_reasons(passes));
            Verdict::without_evidence(Outcome::Failed, reasons, Disposition::Quarantined, Exit::Failed)
        }
        Ending::CommandNotStarted(reason) => not_started(steps, reason),
        Ending::CommandFailed(reason) => Verdict::without_evidence(
            Outcome::Failed,
            vec![reason.clone()],
            Disposition::ToDestroy,
            Exit::Failed,
        ),
        Ending::Completed => match steps_fault(plan, steps) {
            Some(verdict) => verdict,
            None => judge_completed(plan, passes, verification, repair),
        },
    }
}

/// A command that the drive did not begin. Most causes pass (a self-test, new firmware that waits, a lock, another
/// operation), and what came before has begun to destroy the data: the drive is kept for a job to come. Only where
/// nothing was begun and the reason itself says that there is no purge on this drive is it given up.
fn not_started(steps: &[StepTally], reason: &Reason) -> Verdict {
    let begun = steps.iter().filter_map(|step| step.report.as_ref()).any(|report| match report.conclusion {
        Conclusion::NotStarted { .. } => false,
        Conclusion::Confirmed
        | Conclusion::Claimed
        | Conclusion::Failed { .. }
        | Conclusion::Unknown { .. } => true,
    });
    if reason.code == ReasonCode::PurgeUnavailable && !begun {
        return Verdict::unsanitizable(vec![reason.clone()]);
    }
    Verdict::without_evidence(Outcome::Failed, vec![reason.clone()], Disposition::Quarantined, Exit::Failed)
}

/// What the commands of the drive came to, when that is not what the plan needs. Every step that was planned must be
/// there, as planned and in its order, and be proven.
fn steps_fault(plan: &Plan, steps: &[StepTally]) -> Option<Verdict> {
    let planned = plan.firmware.as_ref().map_or(&[][..], |firmware| &firmware.steps);
    let as_planned = steps.len() == planned.len()
        && steps.iter().zip(planned).all(|(step, planned)| step.command == *planned)
        && steps.iter().all(|step| steps::accounts_for(step, &plan.geometry));
    if !as_planned {
        return Some(unknown(
            "the commands that were reported are not those of the plan, or their counts do not fit the drive",
        ));
    }
    let demand = demand(plan);
    let not_known = |reason| {
        let reasons = vec![reason];
        Verdict::without_evidence(Outcome::Unknown, reasons, Disposition::Quarantined, Exit::Unknown)
    };
    let uncovered = |step| plan.firmware.as_ref().and_then(|firmware| steps::uncovered(step, firmware));
    steps.iter().enumerate().find_map(|(index, step)| {
        match step_word(step, Compared::after(plan, index), &demand) {
            StepWord::Proven => uncovered(step).map(not_known),
            StepWord::NotStarted(reason) => Some(not_started(steps, &reason)),
            StepWord::Failed(reason) => Some(Verdict::without_evidence(
                Outcome::Failed,
                vec![reason],
                Disposition::ToDestroy,
                Exit::Failed,
            )),
            StepWord::Unknown(reason) => Some(not_known(reason)),
        }
    })
}

fn unknown(text: &str) -> Verdict {
    Verdict::without_evidence(
        Outcome::Unknown,
        vec![Reason::new(
            ReasonCode::WorkerDied,
            text,
            "treat the drive as not sanitized and report this as a defect",
        )],
        Disposition::Quarantined,
        Exit::Unknown,
    )
}

fn judge_completed(
    plan: &Plan,
    passes: &[PassTally],
    verification: Option<&VerificationTally>,
    repair: Option<&RepairTally>,
) -> Verdict {
    let accounted = passes.len() == plan.passes.len()
        && passes.iter().all(|pass| pass.accounts_for(&plan.geometry))
        && passes.iter().all(|pass| absent_as_planned(plan, pass))
        && verification.is_none_or(|tally| tally.accounts_for(&plan.geometry))
        && repair.is_none_or(|repair| verification.is_some_and(|tally| repair.accounts_for(tally)));
    // A tally is clean when all it wanted is right, so what it wanted has to be what the plan asks for.
    let as_planned = verification.is_none_or(|tally| wants_what_was_planned(plan, passes, tally));
    if accounted && !as_planned {
        return unknown("the read-back that was reported covers other blocks than the plan asks for");
    }
    if !accounted {
        return unknown("the counts of the job do not add up to the capacity of the drive");
    }
    let writing = write_reasons(passes);
    let reading = verification.map(|tally| read_reasons(tally, repair)).unwrap_or_default();
    if !writing.is_empty() {
        let reasons = writing.into_iter().chain(reading).collect();
        return Verdict::without_evidence(Outcome::Failed, reasons, Disposition::ToDestroy, Exit::Failed);
    }
    match (&plan.verification, verification) {
        (VerificationPlan::None, None) => {
            Verdict::without_evidence(Outcome::Written, Vec::new(), Disposition::Quarantined, Exit::Success)
        }
        // Every step was proven by its canaries before it came to this.
        (VerificationPlan::Canaries, None) if plan.firmware.is_some() && plan.passes.is_empty() => {
            done(plan).unwrap_or_else(|| unknown("a plan without a claim was carried out"))
        }
        (VerificationPlan::None | VerificationPlan::Canaries, Some(_)) | (_, None) => {
            unknown("the verification that was reported is not the one that was planned")
        }
        (_, Some(tally)) => judge_read_back(plan, tally, reading),
    }
}

/// Whether a pass calls those addresses absent that by the zones of the plan have no cells; a drive that is not divided so has
/// cells behind every address. Where a zone had more than the drive had said, fewer are, and the others were not reached.
fn absent_as_planned(plan: &Plan, pass: &PassTally) -> bool {
    let planned = plan.absent_count();
    pass.absent <= planned && pass.absent + pass.unreached.count() >= planned
}

/// Whether a read-back was of as many blocks as its plan asks for: all for a full one; for a sample those drawn,
/// with the first and the last block where they were not drawn. Blocks that could not be written are left out:
/// that they do not hold the pattern is known. Which blocks a sample drew follows from its seed, which the record
/// holds and its check draws again.
fn wants_what_was_planned(plan: &Plan, passes: &[PassTally], tally: &VerificationTally) -> bool {
    let capacity = u128::from(plan.geometry.capacity.0);
    let drawn = match plan.verification {
        VerificationPlan::None | VerificationPlan::Canaries => return true,
        VerificationPlan::Full { .. } => capacity,
        VerificationPlan::SampledR1 { subsections, run_blocks } => {
            u128::from(subsections) * 2 * u128::from(run_blocks.0)
        }
        VerificationPlan::Sampled { strata, .. } => u128::from(strata),
    };
    let unwritten = passes
        .last()
        .map_or(plan.absent_count(), |pass| pass.failed.count() + pass.unreached.count() + pass.absent)
        .0;
    let ends = if matches!(plan.verification, VerificationPlan::Full { .. }) { 0 } else { 2 };
    let wanted = u128::from(tally.wanted.0);
    drawn > 0 && wanted <= drawn + ends && wanted + u128::from(unwritten) >= drawn
}

/// Success, with what the plan claims; the only place that makes [`Evidence`].
fn done(plan: &Plan) -> Option<Verdict> {
    let claim = plan.claim.clone()?;
    Some(Verdict {
        outcome: Outcome::Done,
        reasons: Vec::new(),
        evidence: Some(Evidence { claim }),
        disposition: Disposition::Releasable,
        exit: Exit::Success,
    })
}

fn judge_read_back(plan: &Plan, tally: &VerificationTally, reading: Vec<Reason>) -> Verdict {
    if reading.is_empty()
        && tally.is_clean()
        && let Some(verdict) = done(plan)
    {
        return verdict;
    }
    let reasons = if reading.is_empty() {
        vec![Reason::new(
            ReasonCode::Unreadable,
            "the read-back ended before everything that was asked for was read",
            "run the job again; if it happens again, destroy the drive",
        )]
    } else {
        reading
    };
    Verdict::without_evidence(Outcome::Failed, reasons, Disposition::ToDestroy, Exit::Verification)
}

fn write_reasons(passes: &[PassTally]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for pass in passes {
        let number = pass.index + 1;
        if let Some(first) = pass.failed.ranges().first() {
            reasons.push(Reason::new(
                ReasonCode::WriteErrors,
                format!("pass {number}: {} blocks could not be written, first {first}", pass.failed.count()),
                "destroy the drive, or try again if the cause was the cable or the power",
            ));
        }
        if let Some(first) = pass.unreached.ranges().first() {
            reasons.push(Reason::new(
                ReasonCode::WriteErrors,
                format!("pass {number}: {} blocks were never reached, from {first}", pass.unreached.count()),
                "destroy the drive, or try again if the cause was the cable or the power",
            ));
        }
        if pass.flush == FlushState::Failed {
            reasons.push(Reason::new(
                ReasonCode::FlushFailed,
                format!("pass {number}: the drive did not confirm that the data is durable"),
                "destroy the drive, or try again if the cause was the cable or the power",
            ));
        }
        if pass.flush == FlushState::NotAsked && pass.unreached.is_empty() {
            reasons.push(Reason::new(
                ReasonCode::FlushFailed,
                format!("pass {number}: the data was never made durable"),
                "run the job again",
            ));
        }
    }
    reasons
}

fn read_reasons(tally: &VerificationTally, repair: Option<&RepairTally>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut wrong = tally.mismatched.clone();
    if let Some(repair) = repair {
        wrong.subtract(&repair.repaired);
    }
    if let (Some(first), Some(last)) = (wrong.first(), wrong.last()) {
        reasons.push(Reason::new(
            ReasonCode::Mismatch,
            format!(
                "{} blocks hold something else than was written, first LBA {first}, last LBA {last}",
                wrong.count()
            ),
            "destroy the drive: it acknowledged writes that it did not keep",
        ));
    }
    let repaired = repair.map(|repair| &repair.repaired);
    if let Some((first, last)) = repaired.and_then(|set| Some((set.first()?, set.last()?))) {
        let count = repaired.map(RangeSet::count).unwrap_or_default();
        reasons.push(Reason::new(
            ReasonCode::StaleRepaired,
            format!(
                "{count} blocks were acknowledged and held something else, and hold the pattern since they were written \
                 once more (stale, repaired), first LBA {first}, last LBA {last}"
            ),
            "do not trust the drive or its path: find the cause and run the job again, or destroy the drive",
        ));
    }
    if let Some(first) = tally.unreadable.ranges().first() {
        reasons.push(Reason::new(
            ReasonCode::Unreadable,
            format!("{} blocks could not be read back, first {first}", tally.unreadable.count()),
            "destroy the drive",
        ));
    }
    reasons
}
