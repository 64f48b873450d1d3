//! An inspection: reads a drive that somebody else is said to have overwritten. It writes nothing to it.
use std::sync::atomic::AtomicBool;

use super::carry_out::{Means, inspect as read_drive};
use super::clock::Clock;
use super::conclude::{Circumstances, RecordFault, Signer, sign_and_store, verification_record};
use super::course::VerificationRun;
use super::entry::NotKept;
use super::execute::{WORKER_DYING, WORKER_PATIENCE, new_job_name};
use super::listen::Listener;
use super::prepare::Host;
use super::tuning::{Wish, tuning};
use crate::certificate::inspection::{InspectionInput, InspectionOutcome};
use crate::certificate::provenance::{Given, SelfTest};
use crate::certificate::record::DriveRecord;
use crate::certificate::statement::inspect;
use crate::certificate::store::StoredRecord;
use crate::device::Claimed;
use crate::plan::{Limit, LimitCode, Rules, VerificationPlan};
use crate::unit::digest::to_hex;
use crate::unit::term::{DriveKind, Exit};
use crate::unit::{Geometry, Pattern, Reason, ReasonCode};
use crate::verify::{Ending, Sample, VerificationTally};
use crate::worker::Worker;

/// What was asked for.
pub struct Inspection {
    /// The drive.
    pub claimed: Claimed,
    /// Its shape.
    pub geometry: Geometry,
    /// What every block is expected to hold.
    pub expected: Pattern,
    /// How much to read.
    pub verification: VerificationPlan,
    /// What people said.
    pub given: Given,
}

/// What an inspection came to.
#[derive(Debug)]
pub struct Inspected {
    /// What was found; `None` when the reading did not come to an end.
    pub outcome: Option<InspectionOutcome>,
    /// Counts.
    pub tally: Option<VerificationTally>,
    /// Why it did not come to an end.
    pub reasons: Vec<Reason>,
    /// The record.
    pub record: Option<Result<StoredRecord, RecordFault>>,
    /// What the shell is told.
    pub exit: Exit,
}

/// Reads the drive and writes the record. A reading that did not come to an end has no record: nothing was
/// changed, and nothing is known.
pub fn run(
    host: &Host,
    signer: &Signer,
    self_test: &SelfTest,
    inspection: &Inspection,
    wish: Wish,
    stop: &AtomicBool,
    listener: &mut dyn Listener,
) -> Inspected {
    let clock = Clock::start();
    let started = clock.now();
    let ended_early = |reasons, exit| Inspected { outcome: None, tally: None, reasons, record: None, exit };
    let (wanted, seed) = match sample(inspection) {
        Ok(drawn) => drawn,
        Err(reason) => return ended_early(vec![reason], Exit::Internal),
    };
    let facts = inspection.claimed.facts();
    let mut worker = match Worker::start(&host.program, inspection.claimed.descriptor()) {
        Ok(worker) => worker,
        Err(error) => {
            let text = format!("the worker process could not be started: {error}");
            return ended_early(vec![Reason::new(ReasonCode::WorkerDied, text, "try again")], Exit::Internal);
        }
    };
    let means = Means {
        secret: None,
        link: &mut worker,
        tuning: tuning(wish, &facts.reach, &facts.queue, inspection.geometry.block_size),
        thermometer: crate::device::thermometer::find(&host.root, &facts.kernel_name),
        seat: None,
        stop,
        clock: &clock,
        listener,
        keeper: &mut NotKept,
    };
    let rules = Rules::of_kind(facts.kind);
    let (run, ending) = read_drive(inspection.geometry, &inspection.expected, wanted, rules, means);
    // Whether it went or is stuck: nothing waits for it.
    let _farewell = worker.finish(WORKER_PATIENCE, WORKER_DYING);
    match (run, ending) {
        (Some(run), Ending::Completed) => {
            let run = VerificationRun { seed, ..run };
            finish(host, signer, self_test, inspection, &clock, started, run)
        }
        (_, Ending::Stopped) => ended_early(Vec::new(), Exit::Aborted),
        (
            _,
            Ending::DriveGone(reason)
            | Ending::GivenUp(reason)
            | Ending::Refused(reason)
            | Ending::PowerCycle(reason)
            | Ending::CommandNotStarted(reason)
            | Ending::CommandFailed(reason),
        ) => ended_early(vec![reason], Exit::Failed),
        (_, Ending::Lost(reason)) => ended_early(vec![reason], Exit::Unknown),
        (None, Ending::Completed) => ended_early(Vec::new(), Exit::Unknown),
    }
}

fn sample(inspection: &Inspection) -> Result<(crate::unit::RangeSet, Option<String>), Reason> {
    use crate::unit::ReasonCode::{BadRequest, SelfTestFailed};
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        Reason::new(SelfTestFailed, format!("the kernel gave no random numbers: {error}"), "reboot the host")
    })?;
    let sample = Sample::new(&inspection.verification, &inspection.geometry, seed)
        .map_err(|error| Reason::new(BadRequest, error.to_string(), "choose --verify full"))?;
    let seed = match inspection.verification {
        VerificationPlan::Full { .. } | VerificationPlan::Canaries | VerificationPlan::None => None,
        VerificationPlan::SampledR1 { .. } | VerificationPlan::Sampled { .. } => Some(to_hex(&seed)),
    };
    Ok((sample.to_set(), seed))
}

fn finish(
    host: &Host,
    signer: &Signer,
    self_test: &SelfTest,
    inspection: &Inspection,
    clock: &Clock,
    started: crate::certificate::time::UtcTime,
    run: VerificationRun,
) -> Inspected {
    let facts = inspection.claimed.facts();
    if let Err(reasons) = inspection.claimed.recheck(&host.root) {
        // It is not known whose blocks were read: there is nothing to sign.
        return Inspected {
            outcome: None,
            tally: Some(run.tally),
            reasons,
            record: None,
            exit: Exit::Unknown,
        };
    }
    let after = Some((facts.identity.clone(), inspection.geometry));
    let job = new_job_name();
    let circumstances = Circumstances {
        job: &job,
        clock,
        started,
        signer,
        given: &inspection.given,
        self_test: Some(self_test),
        journal: None,
    };
    let verification = verification_record(&inspection.verification, &run, &inspection.geometry);
    let outcome = crate::certificate::inspection::Inspection::outcome_of(&verification);
    let record = circumstances.provenance().and_then(|provenance| {
        let statement = inspect(InspectionInput {
            drive: DriveRecord::new(facts, after),
            expected: inspection.expected.clone(),
            verification,
            reasons: Vec::new(),
            limits: limits(facts.kind),
            provenance,
        })
        .map_err(RecordFault::Build)?;
        sign_and_store(&host.directories, signer, &statement)
    });
    let exit = match (&record, outcome) {
        (Err(_), _) => Exit::Internal,
        (Ok(_), InspectionOutcome::Matches) => Exit::Success,
        (Ok(_), InspectionOutcome::Differs | InspectionOutcome::Unreadable) => Exit::Verification,
    };
    Inspected {
        outcome: Some(outcome),
        tally: Some(run.tally),
        reasons: Vec::new(),
        record: Some(record),
        exit,
    }
}

fn limits(kind: DriveKind) -> Vec<Limit> {
    let limit = |code, text: &str| Limit { code, text: text.to_owned() };
    let mut limits = vec![limit(
        LimitCode::FixedPatternNotAddressed,
        "an inspection shows what the drive answers today: nobody knows what it held before, how the expected \
         bytes came there, or what lies where no address reaches",
    )];
    match kind {
        DriveKind::TestObject => limits.push(limit(
            LimitCode::TestObject,
            "this is a test object: the record says nothing about any drive",
        )),
        DriveKind::LogicalVolume => limits.push(limit(
            LimitCode::LogicalVolume,
            "this is a logical volume: the record says nothing about the drives beneath it",
        )),
        DriveKind::Flash | DriveKind::Unknown => limits.push(limit(
            LimitCode::FlashCellsNotReached,
            "flash may answer zeros for blocks that were only unmapped, while their cells keep the data",
        )),
        DriveKind::Rotating => {}
    }
    if matches!(kind, DriveKind::Rotating | DriveKind::Flash | DriveKind::Unknown) {
        limits
            .push(limit(LimitCode::HiddenAreasNotExamined, "hidden areas (HPA, DCO, AMA) were not examined"));
    }
    limits
}
