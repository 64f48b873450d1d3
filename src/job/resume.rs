//! Goes on with a job after an interruption: reads its journal, finds its drive by identity, claims it, looks
//! whether it is the same and carries nothing new, and works on.
use super::clock::Clock;
use super::entry::Entry;
use super::execute::{Finished, Shared, Sitting, arm, sit};
use super::host;
use super::listen::Listener;
use super::opening::keep;
use super::order::superseded;
use super::prepare::{CLAIM_WAIT, Host, hold_other_units};
use super::replay::{State, Story, replay};
use crate::certificate::provenance::Given;
use crate::certificate::store::left_behind;
use crate::device::claim::Order as ClaimOrder;
use crate::device::{Claimed, ContentType, StatePaths, claim, find_again, is_same_drive_of};
use crate::journal::{Journal, OpenFault, head_of};
use crate::plan::Plan;
use crate::unit::{Reason, ReasonCode};
use crate::verify::{Ending, judge};

/// A job that can go on: its journal and its drive are held.
#[derive(Debug)]
pub struct Resumption {
    /// What its journal tells.
    pub story: Story,
    /// Its drive.
    pub claimed: Claimed,
    /// Its plan.
    pub plan: Plan,
    journal: Journal,
}

/// A job that was taken up again.
#[derive(Debug)]
pub enum Taken {
    /// It goes on.
    Open(Box<Resumption>),
    /// Its record was on the disk already, and only the journal did not say so.
    Ended(Box<Finished>, Box<Given>),
}

/// A job that does not go on, with every reason. Nothing was written to its drive.
#[derive(Debug)]
pub struct NotResumed {
    /// What its journal tells, if it could be read.
    pub story: Option<Box<Story>>,
    /// Why not.
    pub reasons: Vec<Reason>,
}

/// Prepares to go on with a job. `known` is content that the user named: it was not there when the job began.
///
/// # Errors
/// Every reason why it does not go on.
pub fn prepare_to_resume(host: &Host, job: &str, known: &[ContentType]) -> Result<Taken, Box<NotResumed>> {
    let stay = |story: Option<Story>, reasons| Box::new(NotResumed { story: story.map(Box::new), reasons });
    let (mut journal, lines) = Journal::open(&host.directories.journals(), job)
        .map_err(|fault| stay(None, vec![unreadable(job, &fault)]))?;
    let story = replay(&lines).map_err(|nonsense| {
        let text = format!("the journal of job {job}: {nonsense}");
        stay(None, vec![Reason::new(ReasonCode::JournalDamaged, text, BEGIN_ANEW)])
    })?;
    if let Err(reason) = story.resumable() {
        return Err(stay(Some(story), vec![reason]));
    }
    let later = match superseding(host, &story) {
        Ok(later) => later,
        Err(error) => return Err(stay(Some(story), vec![unreadable(job, &OpenFault::Io(error))])),
    };
    if let Some(later) = later {
        let text = format!("job {later} has taken up the drive of job {job} since");
        let remedy =
            "what is on the drive now is that job's: begin a new job, if it is to be sanitized again";
        return Err(stay(Some(story), vec![Reason::new(ReasonCode::NotResumable, text, remedy)]));
    }
    if let Some(finished) =
        adopt(host, &story, &lines, &mut journal).map_err(|reason| stay(None, vec![reason]))?
    {
        return Ok(Taken::Ended(Box::new(finished), Box::new(story.given)));
    }
    match take_drive(host, &story, known) {
        Ok((claimed, plan)) => Ok(Taken::Open(Box::new(Resumption { story, claimed, plan, journal }))),
        Err(reasons) => Err(stay(Some(story), reasons)),
    }
}

/// The job of this host that has taken up the same drive later.
fn superseding(host: &Host, story: &Story) -> std::io::Result<Option<String>> {
    let folder = host.directories.journals();
    let names = Journal::names(&folder)?;
    // One that cannot be read tells nothing; its drive is guarded by what lies on it.
    let read = |name: &String| replay(&Journal::look(&folder, name).ok()?.0).ok();
    let others: Vec<Story> = names.iter().filter(|name| **name != story.job).filter_map(read).collect();
    Ok(superseded(story, &others).map(str::to_owned))
}

/// Takes over the record that a job had stored when it was interrupted, so that it gets no second one. What never got
/// its name as a record is removed: the next one would stand beside it.
fn adopt(
    host: &Host,
    story: &Story,
    lines: &[Vec<u8>],
    journal: &mut Journal,
) -> Result<Option<Finished>, Reason> {
    let (State::Judged, Some((outcome, reasons)), Some(plan), Some(facts)) =
        (story.state, &story.verdict, &story.plan, &story.facts)
    else {
        return Ok(None);
    };
    let failed = |error: std::io::Error| {
        let text = format!("the records in {} cannot be read: {error}", host.directories.records.display());
        Reason::new(ReasonCode::StateFailed, text, "repair the directory or name it with --out DIR")
    };
    let before = lines.get(..story.verdict_at).unwrap_or_default();
    let left = left_behind(&host.directories.records, &story.job, head_of(before)).map_err(failed)?;
    for litter in &left.temporary {
        std::fs::remove_file(litter).map_err(failed)?;
    }
    let steps: Vec<_> = story.course.steps.iter().map(|step| step.tally.clone()).collect();
    let tallies: Vec<_> = story.course.passes.iter().map(|pass| pass.tally.clone()).collect();
    let read = story.course.verification.as_ref();
    let repair = read.and_then(|run| run.repair.as_ref());
    let ending = story
        .course
        .given_up
        .map_or(Ending::Completed, |rule| Ending::GivenUp(super::ending::given_up(rule, &plan.rules())));
    let verdict = judge(plan, &steps, &tallies, read.map(|run| &run.tally), repair, &ending)
        .with_growth_of(plan, &tallies, reasons);
    let Some(record) = left.record.filter(|_| verdict.outcome() == *outcome) else { return Ok(None) };
    // The name of the record may be only in memory yet: the program may have been killed before it was durable.
    std::fs::File::open(&host.directories.records).and_then(|folder| folder.sync_all()).map_err(failed)?;
    let file = record.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let at = Clock::resume(story.last).now();
    keep(journal, &Entry::Recorded { at, file, sha256: record.sha256 })?;
    Ok(Some(Finished {
        job: story.job.clone(),
        facts: facts.clone(),
        plan: Some(plan.clone()),
        verdict,
        record: Some(record),
        trouble: None,
    }))
}

const BEGIN_ANEW: &str = "keep the file, report this as a defect, and begin a new job: expunge sanitize";

fn unreadable(job: &str, fault: &OpenFault) -> Reason {
    let text = format!("the journal of job {job}: {fault}");
    match fault {
        OpenFault::Held => Reason::new(ReasonCode::NotResumable, text, "wait for it, or stop it first"),
        OpenFault::Damaged(_) => Reason::new(ReasonCode::JournalDamaged, text, BEGIN_ANEW),
        OpenFault::Io(_) => Reason::new(
            ReasonCode::StateFailed,
            text,
            "see the jobs of this host with: expunge job list --local",
        ),
    }
}

/// The drive of the story, found by identity, claimed under all guards, and the same as before.
fn take_drive(host: &Host, story: &Story, known: &[ContentType]) -> Result<(Claimed, Plan), Vec<Reason>> {
    let (Some(before), Some(plan)) = (&story.facts, &story.plan) else {
        let text = format!("job {} has no drive or no plan", story.job);
        return Err(vec![Reason::new(ReasonCode::NotResumable, text, "begin a new job: expunge sanitize")]);
    };
    let drive = find_again(&host.root, before).map_err(|reason| vec![reason])?;
    let state = StatePaths(host.directories.all());
    let order = ClaimOrder { shape: Some(before.reach.clone()), ..ClaimOrder::new(drive, state) };
    let mut claimed = claim(&host.helper, &order, CLAIM_WAIT).map_err(|refusal| refusal.reasons)?;
    let now = claimed.facts();
    is_same_drive_of(before, now, &story.sizes()).map_err(|reason| vec![reason])?;
    let foreign: Vec<&crate::device::Content> = now
        .content
        .iter()
        // A drive that became worse is no drive that somebody has used.
        .filter(|content| content.content_type != ContentType::Unreadable)
        .filter(|content| !plan.content.contains(content) && !known.contains(&content.content_type))
        .collect();
    if foreign.is_empty() {
        let known = plan.known_content.iter().chain(known).copied().collect();
        hold_other_units(host, &mut claimed, plan, &known)?;
        return Ok((claimed, plan.clone()));
    }
    let listed = foreign.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let text = format!("{} carries what was not there when the job began: {listed}", now.title());
    let remedy = "somebody has used the drive since: begin a new job, or name its type with --known-content";
    Err(vec![Reason::new(ReasonCode::ContentChanged, text, remedy)])
}

/// Goes on with a job.
///
/// # Errors
/// When the journal cannot be written, or something has come between; nothing was written to the drive then.
pub fn go_on(
    shared: &Shared<'_>,
    resumption: Resumption,
    listener: &mut dyn Listener,
) -> Result<Finished, Box<NotResumed>> {
    let Resumption { story, claimed, plan, mut journal } = resumption;
    let clock = Clock::resume(story.last);
    let resumed = Entry::Resumed {
        at: clock.now(),
        node: claimed.facts().node.clone(),
        diskseq: claimed.facts().diskseq,
        boot: host::boot_id(),
    };
    // Looked at first: what is refused has left no mark.
    let mut lines = Vec::new();
    let looked = claimed.recheck_before_arming(&shared.host.root);
    let kept = looked.and_then(|()| keep(&mut journal, &resumed).map_err(|reason| vec![reason]));
    let patterns = kept.and_then(|()| {
        lines.push(resumed);
        if !story.armed {
            return arm(shared.host, &claimed, &plan, &clock, &mut journal);
        }
        Ok(story.patterns.clone())
    });
    let patterns = match patterns {
        Ok(patterns) => patterns,
        Err(reasons) => return Err(Box::new(NotResumed { story: Some(Box::new(story)), reasons })),
    };
    let notes = claimed.notes().to_vec();
    let story = story.after(lines).map_err(|nonsense| {
        let reason = Reason::new(ReasonCode::JournalDamaged, nonsense.to_string(), BEGIN_ANEW);
        Box::new(NotResumed { story: None, reasons: vec![reason] })
    })?;
    let sitting = Sitting {
        job: story.job,
        facts: story.facts.unwrap_or_else(|| claimed.facts().clone()),
        claimed,
        plan,
        patterns,
        given: story.given,
        notes: with(story.notes, notes),
        self_test: story.self_test,
        started: story.started,
        clock,
        course: story.course,
        interruptions: story.interruptions,
    };
    Ok(sit(shared, sitting, journal, listener))
}

/// What could not be seen in the beginning, and what could not be seen now.
fn with(mut notes: Vec<String>, now: Vec<String>) -> Vec<String> {
    for note in now {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}
