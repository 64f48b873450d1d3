//! `expunge job list --local`: what the journals of this host tell.
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::args::JobListArgs;
use super::complain;
use super::find::directories;
use super::table::{Column, render};
use crate::job::Directories;
use crate::job::order::superseded;
use crate::job::replay::{State, Story, replay};
use crate::journal::{Held, Journal, OpenFault};
use crate::unit::term::{Exit, word};

/// Schema of `job list --json`.
const SCHEMA: &str = "urn:expunge:job-list:v1";

/// One journal.
pub struct Job {
    /// Name of the job.
    pub name: String,
    /// The job that took up the same drive later.
    superseded: Option<String>,
    story: Result<Story, Unreadable>,
    held: Held,
}

/// Why a journal tells nothing.
enum Unreadable {
    /// It is not as it was written.
    Damaged(String),
    /// It cannot be read by this user, or now.
    Closed(String),
}

impl Unreadable {
    fn text(&self) -> &str {
        match self {
            Self::Damaged(text) | Self::Closed(text) => text,
        }
    }
}

impl Job {
    /// Whether `expunge resume` can go on with it now.
    pub fn can_go_on(&self) -> bool {
        self.superseded.is_none()
            && self.held == Held::ByNobody
            && self.story.as_ref().is_ok_and(|story| story.resumable().is_ok())
    }

    /// Where it keeps its records and its key.
    pub fn places(&self) -> Option<(PathBuf, PathBuf)> {
        self.story.as_ref().ok()?.places.clone()
    }

    fn state(&self) -> String {
        let story = match (&self.story, self.held) {
            (Err(Unreadable::Damaged(_)), _) => return "damaged".to_owned(),
            (Err(Unreadable::Closed(_)), _) => return "unreadable".to_owned(),
            (Ok(_), Held::ByAProcess) => return "running".to_owned(),
            (Ok(story), Held::ByNobody) => story,
        };
        match (story.state, &story.verdict) {
            (State::Refused, _) => "refused".to_owned(),
            _ if self.superseded.is_some() && story.resumable().is_ok() => "superseded".to_owned(),
            // A verdict without its record is nothing that anybody may go by.
            (State::Recorded, Some((outcome, _))) => word(*outcome),
            (
                State::Intended
                | State::Restoring
                | State::Commanding { .. }
                | State::Writing { .. }
                | State::Verifying
                | State::Verified
                | State::Judged
                | State::Recorded,
                _,
            ) => "interrupted".to_owned(),
        }
    }

    /// How far it came, in words.
    fn progress(&self) -> String {
        let Ok(story) = &self.story else { return String::new() };
        match story.state {
            State::Refused | State::Intended => "nothing written".to_owned(),
            State::Recorded if story.resumable().is_err() => "recorded".to_owned(),
            State::Judged => "no record yet".to_owned(),
            State::Restoring => "capacity not restored yet, nothing written".to_owned(),
            State::Commanding { step } => {
                let sent = story.course.begun.as_ref().is_some_and(|begun| begun.sent.is_some());
                let state = if sent { "sent, end not known" } else { "not sent" };
                let planned = story.plan.as_ref().map_or(0, |plan| plan.commands().len());
                format!("command {} of {planned} {state}", step + 1)
            }
            State::Writing { .. } | State::Verifying | State::Verified | State::Recorded => self.far(story),
        }
    }

    /// Where it would go on.
    fn far(&self, story: &Story) -> String {
        let planned = story.plan.as_ref().map_or(0, |plan| plan.passes.len());
        let pass = story.course.passes.len() + 1;
        if story.course.verification.is_some() {
            "read back".to_owned()
        } else if pass > planned {
            "written, not read back".to_owned()
        } else {
            format!("pass {pass} of {planned}, {} % durable", self.percent().unwrap_or(0))
        }
    }

    /// Share of the pass that is durable, in percent.
    fn percent(&self) -> Option<u64> {
        let story = self.story.as_ref().ok()?;
        let capacity = story.plan.as_ref()?.geometry.capacity.0;
        let written = u128::from(story.course.written.count().0) * 100;
        u64::try_from(written / u128::from(capacity.max(1))).ok()
    }

    fn drive(&self) -> String {
        let facts = self.story.as_ref().ok().and_then(|story| story.facts.as_ref());
        facts.map_or_else(String::new, |facts| facts.identity.short())
    }

    fn as_json(&self) -> Value {
        let story = self.story.as_ref().ok();
        let identity = story.and_then(|story| story.facts.as_ref()).map(|facts| &facts.identity);
        json!({
            "job": self.name,
            "state": self.state(),
            "progress": self.progress(),
            "percent": self.percent(),
            "resumable": self.can_go_on(),
            "drive": story.map(|_| self.drive()),
            "serial": identity.and_then(|identity| identity.serial.clone()),
            "wwn": identity.and_then(|identity| identity.wwn.clone()),
            "ticket": story.and_then(|story| story.given.ticket.clone()),
            "asset_tag": story.and_then(|story| story.given.asset_tag.clone()),
            "started": story.map(|story| story.started),
            "last": story.map(|story| story.last),
            "interruptions": story.map(|story| story.interruptions.len()),
            "outcome": story.and_then(|story| story.verdict.as_ref()).map(|(outcome, _)| word(*outcome)),
            "record": story.and_then(|story| story.record.as_ref()).map(|record| record.file.clone()),
            "damage": self.story.as_ref().err().map(Unreadable::text),
        })
    }
}

/// Every journal of this host.
///
/// # Errors
/// In words, when the directory cannot be read. A journal that cannot be read is a damaged one among the others.
pub fn read_all(directories: &Directories) -> Result<Vec<Job>, String> {
    let folder = directories.journals();
    let names = Journal::names(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let read = |name: String| match Journal::look(&folder, &name) {
        Ok((lines, held)) => {
            let story = replay(&lines).map_err(|nonsense| Unreadable::Damaged(nonsense.to_string()));
            Job { name, superseded: None, story, held }
        }
        Err(fault @ OpenFault::Damaged(_)) => Job {
            name,
            superseded: None,
            story: Err(Unreadable::Damaged(fault.to_string())),
            held: Held::ByNobody,
        },
        Err(fault @ (OpenFault::Held | OpenFault::Io(_))) => Job {
            name,
            superseded: None,
            story: Err(Unreadable::Closed(fault.to_string())),
            held: Held::ByNobody,
        },
    };
    let mut jobs: Vec<Job> = names.into_iter().map(read).collect();
    let stories: Vec<&Story> = jobs.iter().filter_map(|job| job.story.as_ref().ok()).collect();
    let later: Vec<Option<String>> = jobs
        .iter()
        .map(|job| superseded(job.story.as_ref().ok()?, stories.iter().copied()).map(str::to_owned))
        .collect();
    for (job, later) in jobs.iter_mut().zip(later) {
        job.superseded = later;
    }
    Ok(jobs)
}

/// Lists them.
pub fn list(args: &JobListArgs, out: &mut dyn Write) -> Exit {
    let all = directories(&args.state)
        .map_err(|error| error.to_string())
        .and_then(|directories| read_all(&directories));
    let mut jobs = match all {
        Ok(jobs) => jobs,
        Err(error) => {
            complain(&error);
            return Exit::Internal;
        }
    };
    if args.unfinished {
        jobs.retain(Job::can_go_on);
    }
    match if args.json { print_json(&jobs, out) } else { print_text(&jobs, out) } {
        Ok(()) => Exit::Success,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
        Err(error) => {
            complain(&format!("the answer could not be written: {error}"));
            Exit::Internal
        }
    }
}

fn print_json(jobs: &[Job], out: &mut dyn Write) -> io::Result<()> {
    let jobs: Vec<Value> = jobs.iter().map(Job::as_json).collect();
    writeln!(out, "{}", json!({"schema": SCHEMA, "jobs": jobs}))
}

fn print_text(jobs: &[Job], out: &mut dyn Write) -> io::Result<()> {
    if jobs.is_empty() {
        return writeln!(out, "no jobs");
    }
    let columns: [Column<Job>; 6] = [
        ("JOB", |job| job.name.clone()),
        ("STATE", Job::state),
        ("PROGRESS", Job::progress),
        ("DRIVE", Job::drive),
        ("LAST SIGN", |job| {
            job.story.as_ref().map_or_else(|_| String::new(), |story| story.last.to_string())
        }),
        ("GO ON", |job| if job.can_go_on() { "yes".to_owned() } else { "no".to_owned() }),
    ];
    render(&columns, jobs, out)?;
    for job in jobs {
        if let Err(damage) = &job.story {
            writeln!(out, "{}: {}", job.name, damage.text())?;
        }
    }
    let open: Vec<&str> = jobs.iter().filter(|job| job.can_go_on()).map(|job| job.name.as_str()).collect();
    if !open.is_empty() {
        writeln!(out, "go on with: expunge resume {}", open.join(" "))?;
    }
    Ok(())
}
