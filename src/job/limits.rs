//! Limits that only a job that ran knows of, beyond those of its plan.
use super::course::StepRun;
use crate::certificate::check::growth::leaves_growth_open;
use crate::certificate::check::limits::{has_worsened, told_little};
use crate::certificate::record::Interruption;
use crate::device::Capability;
use crate::device::capability::Health;
use crate::plan::{Limit, LimitCode, Plan};
use crate::unit::term::{DriveKind, Outcome};
use crate::verify::StepTally;

/// What could not be seen before the job, and what became of the drive while it ran.
pub(super) fn of_job(
    notes: &[String],
    before: Option<&Capability>,
    after: Option<&Capability>,
) -> Vec<Limit> {
    let mut limits: Vec<Limit> = notes.iter().map(|note| observation(note)).collect();
    if let (Some(before), Some(after)) = (before, after)
        && has_worsened(&before.health, &after.health)
    {
        limits.push(given_up(before, after));
    }
    limits
}

/// What somebody wrote while nobody held the drive, after its own command, was written over, not purged.
pub(super) fn unheld(plan: &Plan, interruptions: &[Interruption]) -> Option<Limit> {
    let mut text =
        "the job was interrupted: what was written on the drive meanwhile, after its own command, was \
                    overwritten and not purged"
            .to_owned();
    let firmware = plan.firmware.as_ref()?;
    if !firmware.compared_units().is_empty() {
        let others = firmware.compared_units().join(", ");
        text.push_str(&format!("; what was written in {others} meanwhile was not even overwritten"));
    }
    let concerned = !plan.passes.is_empty() && !interruptions.is_empty();
    concerned.then_some(Limit { code: LimitCode::ObservationLimited, text })
}

/// Existing blocks did not tell enough, and what the drive did is shown by something else, or by nothing.
pub(super) fn few_fingerprints(plan: &Plan, steps: &[StepRun]) -> Option<Limit> {
    let tallies: Vec<StepTally> = steps.iter().map(|step| step.tally.clone()).collect();
    let text = "too few existing blocks held anything whose disappearance would tell, or too many could not be read: what the \
                drive did by its own command is judged as if there had been no canaries";
    told_little(plan, &tallies).then(|| Limit { code: LimitCode::FewFingerprints, text: text.to_owned() })
}

/// Defects may have grown where the technique does not reach them, and nobody knows.
pub(super) fn not_counted(
    plan: &Plan,
    outcome: Outcome,
    before: Option<&Health>,
    after: Option<&Health>,
) -> Option<Limit> {
    let text = "whether the drive remapped sectors while the job ran is not known: it does not count them, or it did before the \
                job and not after it";
    let due = leaves_growth_open(plan, outcome, before, after);
    due.then(|| Limit { code: LimitCode::DefectsNotCounted, text: text.to_owned() })
}

/// What could not be seen belongs on the record: the job went on without it.
fn observation(note: &str) -> Limit {
    Limit { code: LimitCode::ObservationLimited, text: format!("before the job: {note}") }
}

fn given_up(before: &Capability, after: &Capability) -> Limit {
    let count = |count: Option<u64>| count.map_or_else(|| "not told".to_owned(), |count| count.to_string());
    let (old, new) = (&before.health, &after.health);
    let text = format!(
        "while the job ran the drive remapped sectors or gave some up: reallocated {} before and {} after, waiting {} \
         and {}; what they held may still be there, and no address reaches it",
        count(old.reallocated),
        count(new.reallocated),
        count(old.pending),
        count(new.pending)
    );
    Limit { code: LimitCode::SectorsGivenUp, text }
}

/// Limits of a drive that could not be worked on.
pub(super) fn of_dead(kind: DriveKind) -> Vec<Limit> {
    let limit = |code, text: &str| Limit { code, text: text.to_owned() };
    match kind {
        DriveKind::TestObject => vec![limit(
            LimitCode::TestObject,
            "this is a test object: the record says nothing about any drive",
        )],
        DriveKind::LogicalVolume => vec![limit(
            LimitCode::LogicalVolume,
            "this is a logical volume: the record says nothing about the drives beneath it",
        )],
        DriveKind::Rotating | DriveKind::Flash | DriveKind::Unknown => {
            vec![limit(LimitCode::HiddenAreasNotExamined, "hidden areas (HPA, DCO, AMA) were not examined")]
        }
    }
}
