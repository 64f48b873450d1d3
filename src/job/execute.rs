//! The job itself: intent, keys, worker, verdict, record, in this order of durability.
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use uuid::Uuid;

use super::arm::draw_patterns;
use super::carry_out::{Means, carry_out_with};
use super::clock::Clock;
use super::conclude::{
    Circumstances, RecordFault, Signer, firmware_record, pass_records, sign_and_store, verification_record,
};
use super::course::{Course, LeftAtWork, Run, Told};
use super::entry::{Entry, Keeper as _};
use super::identity::{expect_restored, identity_after};
use super::limits;
use super::listen::Listener;
use super::opening::{keep, open_numbered};
use super::prepare::{Dead, Host, Ready};
use super::shares::{Limits, Seat, Shares};
use super::tuning::{Wish, tuning};
use super::units::Crew;
use super::{ending, host};
use crate::certificate::provenance::{Given, SelfTest};
use crate::certificate::record::{Bandwidth, Conduct, DriveRecord, FirmwareRecord, Interruption};
use crate::certificate::statement::{BuildFault, RecordInput, Statement, build};
use crate::certificate::store::StoredRecord;
use crate::certificate::time::UtcTime;
use crate::device::thermometer::{self, Thermometer};
use crate::device::{Capability, Claimed, DriveFacts, bus_of};
use crate::engine::firmware::Secret;
use crate::journal::{Journal, Store};
use crate::plan::{Limit, Plan};
use crate::unit::term::Exit;
use crate::unit::{Digest, Pattern, Reason, ReasonCode};
use crate::verify::{Counted, Ending, Verdict, judge};
use crate::worker::Worker;
use crate::worker::parent::Farewell;

/// How long a worker may take to leave after its last report, before it is killed.
pub(super) const WORKER_PATIENCE: Duration = Duration::from_secs(2);

/// How long a worker that was killed is waited for: on a busy host that takes a while.
pub(super) const WORKER_DYING: Duration = Duration::from_secs(10);

/// The same for one that has not answered before.
const WORKER_GIVEN_UP_DYING: Duration = Duration::from_secs(1);

/// How a job on one drive ended.
#[derive(Debug)]
pub struct Finished {
    /// Name of the job.
    pub job: String,
    /// The drive.
    pub facts: DriveFacts,
    /// The plan; `None` for a drive that cannot be sanitized.
    pub plan: Option<Plan>,
    /// The verdict.
    pub verdict: Verdict,
    /// The record; `None` when it could not be written.
    pub record: Option<StoredRecord>,
    /// What went wrong with the record or the journal after the work, in words.
    pub trouble: Option<String>,
}

impl Finished {
    /// What the shell is told: a job whose record is missing is an internal error, however well it went.
    pub fn exit(&self) -> Exit {
        if self.trouble.is_some() { Exit::Internal.gravest(self.verdict.exit()) } else { self.verdict.exit() }
    }
}

/// A job that was refused between preparation and the first write.
#[derive(Debug)]
pub struct NotBegun {
    /// The drive.
    pub facts: DriveFacts,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Whether a journal says so already.
    pub kept: Kept,
}

/// Where a refusal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the journal of the job that it ended.
    InItsJournal,
    /// Nowhere yet.
    Nowhere,
}

/// What all jobs of one command share.
pub struct Shared<'a> {
    /// This host.
    pub host: &'a Host,
    /// Who signs.
    pub signer: &'a Signer,
    /// The self-test that ran for this command.
    pub self_test: &'a SelfTest,
    /// The credential that the one drive's command needs (a PSID).
    pub secret: Option<&'a Secret>,
    /// Set when somebody wants all jobs to stop.
    pub stop: &'a AtomicBool,
    /// How drives are driven.
    pub wish: Wish,
    /// Who shares which bandwidth.
    pub shares: &'a Shares,
    /// Limits of bandwidth that were asked for.
    pub bandwidth: Limits,
    /// A file with the drive's temperature, instead of the kernel's sensor.
    pub temperature_file: Option<&'a Path>,
}

/// A new name for a job: sorts by time.
pub fn new_job_name() -> String {
    Uuid::now_v7().to_string()
}

/// Sanitizes one prepared drive.
///
/// # Errors
/// [`NotBegun`] when something came between preparation and the first write; then nothing was written.
pub fn execute(
    shared: &Shared<'_>,
    ready: Ready,
    listener: &mut dyn Listener,
) -> Result<Finished, Box<NotBegun>> {
    let clock = Clock::start();
    let started = clock.now();
    let not_begun =
        |reasons, kept| Box::new(NotBegun { facts: ready.claimed.facts().clone(), reasons, kept });
    let (mut journal, number) =
        open_numbered(shared.host, &ready.job).map_err(|reason| not_begun(vec![reason], Kept::Nowhere))?;
    let intent = Entry::Intent {
        at: started,
        job: ready.job.clone(),
        number,
        facts: Box::new(ready.claimed.facts().clone()),
        notes: ready.claimed.notes().to_vec(),
        plan: Some(Box::new(ready.plan.clone())),
        plan_digest: Some(ready.plan.digest()),
        given: Box::new(ready.given.clone()),
        self_test: Some(shared.self_test.clone()),
        boot: host::boot_id(),
        records: Some(shared.host.directories.records.clone()),
        key: Some(shared.host.directories.key.clone()),
    };
    let armed = keep(&mut journal, &intent)
        .map_err(|reason| vec![reason])
        .and_then(|()| arm(shared.host, &ready.claimed, &ready.plan, &clock, &mut journal));
    let patterns = armed.map_err(|reasons| {
        let device = ready.claimed.facts().node.display().to_string();
        let refused =
            Entry::Refused { at: clock.now(), job: ready.job.clone(), device, reasons: reasons.clone() };
        let kept = if keep(&mut journal, &refused).is_ok() { Kept::InItsJournal } else { Kept::Nowhere };
        not_begun(reasons, kept)
    })?;
    let Ready { job, claimed, plan, given } = ready;
    let notes = claimed.notes().to_vec();
    let facts = claimed.facts().clone();
    let sitting = Sitting {
        job,
        facts,
        claimed,
        plan,
        patterns,
        given,
        notes,
        self_test: Some(shared.self_test.clone()),
        started,
        clock,
        course: Course::default(),
        interruptions: Vec::new(),
    };
    Ok(sit(shared, sitting, journal, listener))
}

/// An armed job, at its beginning or after an interruption.
pub(super) struct Sitting {
    /// Name of the job.
    pub job: String,
    /// The drive as it was when the job began.
    pub facts: DriveFacts,
    /// The drive, held.
    pub claimed: Claimed,
    /// What is done.
    pub plan: Plan,
    /// With which bytes.
    pub patterns: Vec<Pattern>,
    /// What people said.
    pub given: Given,
    /// What could not be seen.
    pub notes: Vec<String>,
    /// The self-test before the job.
    pub self_test: Option<SelfTest>,
    /// When the job began.
    pub started: UtcTime,
    /// The clock of this sitting.
    pub clock: Clock,
    /// What earlier sittings did.
    pub course: Course,
    /// Times in which the job did not run.
    pub interruptions: Vec<Interruption>,
}

/// Carries out what is left of a job, and makes its record.
pub(super) fn sit(
    shared: &Shared<'_>,
    mut sitting: Sitting,
    mut journal: Journal,
    listener: &mut dyn Listener,
) -> Finished {
    let told = if sitting.facts.capability.is_some() { Told::OfItself } else { Told::Nothing };
    let course = Course { told, ..std::mem::take(&mut sitting.course) };
    let grown = course.grown.clone();
    let mut run = drive(shared, &sitting, course, &mut journal, listener);
    expect_restored(&mut sitting.claimed, &run);
    let Sitting { job, facts, claimed, plan, given, notes, self_test, started, clock, .. } = sitting;
    let mut interruptions = sitting.interruptions;
    if let (Some((probe, went_on)), Some(gap)) = (&run.probe, interruptions.last_mut()) {
        gap.probe = Some(probe.clone());
        gap.went_on = *went_on;
    }
    run.conduct.bandwidth = bandwidth(&shared.bandwidth);
    let after = identity_after(shared.host, &claimed, &mut run);
    let tallies: Vec<_> = run.passes.iter().map(|pass| pass.tally.clone()).collect();
    let read = run.verification.as_ref();
    let repair = read.and_then(|run| run.repair.as_ref());
    let steps: Vec<_> = run.steps.iter().map(|step| step.tally.clone()).collect();
    let health = |told: Option<&Capability>| told.map(|told| told.health.clone());
    let [before, after_it] = [&facts.capability, &run.capability].map(|told| health(told.as_deref()));
    let counted = Counted::between(before.as_ref(), after_it.as_ref());
    let verdict = judge(&plan, &steps, &tallies, read.map(|run| &run.tally), repair, &run.ending)
        .with_growth(&plan, &tallies, counted)
        .with_growth_of(&plan, &tallies, grown.as_slice());
    let mut limits = limits::of_job(&notes, facts.capability.as_deref(), run.capability.as_deref());
    limits.extend(limits::unheld(&plan, &interruptions));
    limits.extend(limits::not_counted(&plan, verdict.outcome(), before.as_ref(), after_it.as_ref()));
    let work = Work {
        drive: DriveRecord::new(&facts, after),
        plan: Some(&plan),
        capability: facts.capability.clone(),
        run: Some(&run),
        interruptions,
        limits,
    };
    let circumstances = |journal| Circumstances {
        job: &job,
        clock: &clock,
        started,
        signer: shared.signer,
        given: &given,
        self_test: self_test.as_ref(),
        journal,
    };
    let file = |statement: &Statement| sign_and_store(&shared.host.directories, shared.signer, statement);
    let (verdict, record, trouble) = conclude(&mut journal, &work, verdict, &circumstances, &file);
    Finished { job, facts, plan: Some(plan), verdict, record, trouble }
}

/// Has a worker do what is left of a job, from its start to its end.
fn drive(
    shared: &Shared<'_>,
    sitting: &Sitting,
    course: Course,
    journal: &mut Journal,
    listener: &mut dyn Listener,
) -> Run {
    let Sitting { claimed, plan, .. } = sitting;
    let mut worker = match Worker::start(&shared.host.program, claimed.descriptor()) {
        Ok(worker) => worker,
        Err(error) => {
            return run_lost(course, &format!("the worker process could not be started: {error}"));
        }
    };
    let mut crew = match Crew::start(&shared.host.program, &shared.host.root, claimed, plan, shared.wish) {
        Ok(crew) => crew,
        Err(error) => {
            return run_lost(course, &format!("a worker for another unit could not be started: {error}"));
        }
    };
    let means = Means {
        link: &mut worker,
        tuning: tuning(shared.wish, &claimed.facts().reach, &claimed.facts().queue, plan.geometry.block_size),
        thermometer: thermometer(shared, claimed.facts()),
        seat: seat(shared, claimed.facts()),
        secret: shared.secret.cloned(),
        stop: shared.stop,
        clock: &sitting.clock,
        listener,
        keeper: journal,
    };
    let mut run = carry_out_with(plan, &sitting.patterns, course, means, crew.means());
    if run.left_at_work == LeftAtWork::Yes {
        worker.leave();
        return run;
    }
    let dying = if run.conduct.left_behind.is_some() { WORKER_GIVEN_UP_DYING } else { WORKER_DYING };
    match worker.finish(WORKER_PATIENCE, dying) {
        // It could be killed after all, if it was given up.
        Farewell::Left => run.conduct.left_behind = None,
        Farewell::Stuck { whereabouts } => stuck(whereabouts, &mut run),
    }
    crew.finish(WORKER_PATIENCE, dying, &mut run);
    run
}

/// A worker that does not leave has the drive, or a unit of it, open for writing, whatever it reported.
pub(super) fn stuck(whereabouts: String, run: &mut Run) {
    if run.ending == Ending::Completed {
        run.ending = ending::stays(&whereabouts);
    }
    run.conduct.left_behind.get_or_insert(whereabouts);
}

/// A sitting in which nothing could be begun.
fn run_lost(course: Course, text: &str) -> Run {
    Run {
        restores: course.restores,
        key_slots: course.key_slots,
        steps: course.steps,
        passes: course.passes,
        verification: course.verification,
        probe: None,
        ending: ending::lost(text.to_owned()),
        capability: None,
        left_at_work: LeftAtWork::No,
        conduct: Conduct::default(),
    }
}

/// The drive's sensor, or the file that was named instead.
fn thermometer(shared: &Shared<'_>, facts: &DriveFacts) -> Option<Thermometer> {
    match shared.temperature_file {
        Some(file) => Some(Thermometer::from_file(file)),
        None => thermometer::find(&shared.host.root, &facts.kernel_name),
    }
}

/// The drive's place among those that share limits of bandwidth; none where there are no limits.
fn seat(shared: &Shared<'_>, facts: &DriveFacts) -> Option<Seat> {
    let limited = shared.bandwidth != Limits::default();
    limited.then(|| shared.shares.join(bus_of(&shared.host.root, &facts.kernel_name)))
}

/// Limits of bandwidth, for the record.
fn bandwidth(limits: &Limits) -> Option<Bandwidth> {
    let get = |limit: Option<NonZeroU64>| limit.map(NonZeroU64::get);
    let all = Bandwidth { drive: get(limits.drive), bus: get(limits.bus), host: get(limits.host) };
    (all != Bandwidth::default()).then_some(all)
}

/// Last look, keys: the keys durable before the first write (P6). The look comes right before arming, so that
/// whatever ends the job afterwards has a signed record (P9).
pub(super) fn arm(
    host: &Host,
    claimed: &Claimed,
    plan: &Plan,
    clock: &Clock,
    journal: &mut Journal,
) -> Result<Vec<Pattern>, Vec<Reason>> {
    claimed.recheck_before_arming(&host.root)?;
    let patterns = draw_patterns(plan).map_err(|error| {
        let text = format!("the kernel gave no random numbers: {error}");
        vec![Reason::new(ReasonCode::SelfTestFailed, text, "reboot the host and try again")]
    })?;
    let armed = Entry::Armed { at: clock.now(), passes: patterns.clone() };
    keep(journal, &armed).map_err(|reason| vec![reason])?;
    Ok(patterns)
}

/// Writes the record of a drive that cannot be sanitized here.
///
/// # Errors
/// [`NotBegun`] when not even the journal could be opened.
pub fn execute_dead(shared: &Shared<'_>, dead: Dead) -> Result<Finished, Box<NotBegun>> {
    let Dead { job, facts, reasons, given } = dead;
    let clock = Clock::start();
    let started = clock.now();
    let not_begun =
        |reason| Box::new(NotBegun { facts: facts.clone(), reasons: vec![reason], kept: Kept::Nowhere });
    let (mut journal, number) = open_numbered(shared.host, &job).map_err(not_begun)?;
    let intent = Entry::Intent {
        at: started,
        job: job.clone(),
        number,
        facts: Box::new(facts.clone()),
        notes: Vec::new(),
        plan: None,
        plan_digest: None,
        given: Box::new(given.clone()),
        self_test: Some(shared.self_test.clone()),
        boot: host::boot_id(),
        records: Some(shared.host.directories.records.clone()),
        key: Some(shared.host.directories.key.clone()),
    };
    keep(&mut journal, &intent).map_err(not_begun)?;
    let limits = limits::of_dead(facts.kind);
    let drive = DriveRecord::new(&facts, None);
    let capability = facts.capability.clone();
    let work = Work { drive, plan: None, capability, run: None, interruptions: Vec::new(), limits };
    let circumstances = |journal| Circumstances {
        job: &job,
        clock: &clock,
        started,
        signer: shared.signer,
        given: &given,
        self_test: Some(shared.self_test),
        journal,
    };
    let verdict = Verdict::unsanitizable(reasons);
    let file = |statement: &Statement| sign_and_store(&shared.host.directories, shared.signer, statement);
    let (verdict, record, trouble) = conclude(&mut journal, &work, verdict, &circumstances, &file);
    Ok(Finished { job, facts, plan: None, verdict, record, trouble })
}

/// What a record is made of, apart from its circumstances.
pub struct Work<'a> {
    /// The drive before and after.
    pub drive: DriveRecord,
    /// The plan; `None` for a drive that cannot be sanitized.
    pub plan: Option<&'a Plan>,
    /// What the drive said about itself before.
    pub capability: Option<Box<Capability>>,
    /// What was carried out.
    pub run: Option<&'a Run>,
    /// Times in which the job did not run.
    pub interruptions: Vec<Interruption>,
    /// Beyond those of the plan.
    pub limits: Vec<Limit>,
}

impl Work<'_> {
    fn firmware(&self) -> Option<FirmwareRecord> {
        // What the drive said stands on the record even where it was told to do nothing: limits rest on it.
        if self.capability.is_none() && self.plan.is_none_or(|plan| plan.firmware.is_none()) {
            return None;
        }
        let steps = self.run.map(|run| run.steps.as_slice()).unwrap_or_default();
        let restores = self.run.map(|run| run.restores.as_slice()).unwrap_or_default();
        let after = self.run.and_then(|run| run.capability.clone());
        Some(firmware_record(restores, steps, self.capability.clone(), after))
    }

    fn input(&self, circumstances: &Circumstances<'_>) -> Result<RecordInput, RecordFault> {
        let verification = self.plan.zip(self.run).and_then(|(plan, run)| {
            let read = run.verification.as_ref()?;
            Some(verification_record(&plan.verification, read, &plan.geometry))
        });
        let passes = match (self.plan, self.run) {
            (Some(plan), Some(run)) => pass_records(plan, &run.passes),
            (None, _) | (_, None) => Vec::new(),
        };
        let few = self.plan.zip(self.run).and_then(|(plan, run)| limits::few_fingerprints(plan, &run.steps));
        Ok(RecordInput {
            drive: self.drive.clone(),
            plan: self.plan.cloned(),
            firmware: self.firmware(),
            passes,
            verification,
            interruptions: self.interruptions.clone(),
            conduct: self.run.map(|run| run.conduct.clone()),
            limits: self.limits.iter().cloned().chain(few).collect(),
            provenance: circumstances.provenance()?,
        })
    }
}

/// Makes the verdict durable, then the record, which `file` signs and stores. A statement that contradicts the verdict
/// turns it to unknown.
pub fn conclude<'a, S: Store>(
    journal: &mut Journal<S>,
    work: &Work<'_>,
    verdict: Verdict,
    circumstances: &dyn Fn(Option<Digest>) -> Circumstances<'a>,
    file: &dyn Fn(&Statement) -> Result<StoredRecord, RecordFault>,
) -> (Verdict, Option<StoredRecord>, Option<String>) {
    let (verdict, statement) = match statement(work, &verdict, &circumstances(Some(journal.head()))) {
        Err(RecordFault::Build(BuildFault::Inconsistent(findings))) => {
            let verdict =
                inconsistent(work, &findings.iter().map(|one| one.text.as_str()).collect::<Vec<_>>());
            let statement = statement(work, &verdict, &circumstances(Some(journal.head())));
            (verdict, statement)
        }
        statement => (verdict, statement),
    };
    let at = circumstances(None).clock.now();
    let entry = Entry::Verdict { at, outcome: verdict.outcome(), reasons: verdict.reasons().to_vec() };
    if let Err(error) = journal.keep(&entry) {
        // P6: no record leaves before its verdict is durable.
        let trouble = format!("the verdict could not be written to the journal: {error}");
        return (unproven(work, verdict, &trouble), None, Some(trouble));
    }
    match statement.and_then(|statement| file(&statement)) {
        Err(fault) => {
            let trouble = fault.to_string();
            (unproven(work, verdict, &trouble), None, Some(trouble))
        }
        Ok(record) => {
            let name = record.path.file_name().map_or_else(PathBuf::new, PathBuf::from);
            let at = circumstances(None).clock.now();
            let entry = Entry::Recorded { at, file: name.display().to_string(), sha256: record.sha256 };
            let trouble = journal.keep(&entry).err();
            let trouble = trouble.map(|error| format!("the journal could not be closed: {error}"));
            (verdict, Some(record), trouble)
        }
    }
}

/// A success that no durable record bears out is told as unknown: whoever reads only the answer would release
/// the drive, and nobody could ever prove that it was sanitized (P3).
fn unproven(work: &Work<'_>, verdict: Verdict, trouble: &str) -> Verdict {
    match (work.plan, verdict.exit()) {
        (Some(plan), Exit::Success) => {
            let text = format!("the work went well, but there is no record of it: {trouble}");
            let remedy = "make room or repair the directories of state and records, and run the job again";
            judge(
                plan,
                &[],
                &[],
                None,
                None,
                &Ending::Lost(Reason::new(ReasonCode::StateFailed, text, remedy)),
            )
        }
        (_, _) => verdict,
    }
}

fn statement(
    work: &Work<'_>,
    verdict: &Verdict,
    circumstances: &Circumstances<'_>,
) -> Result<Statement, RecordFault> {
    build(work.input(circumstances)?, verdict).map_err(RecordFault::Build)
}

/// The verdict on a job whose own evidence contradicts its success.
fn inconsistent(work: &Work<'_>, findings: &[&str]) -> Verdict {
    let reason = Reason::new(
        ReasonCode::SelfTestFailed,
        format!("the job's evidence contradicts its success: {}", findings.join("; ")),
        "treat the drive as not sanitized and report this as a defect",
    );
    match work.plan {
        Some(plan) => judge(plan, &[], &[], None, None, &Ending::Lost(reason)),
        None => Verdict::unsanitizable(vec![reason]),
    }
}
