//! `expunge resume`: goes on with jobs that were interrupted.
use super::args::ResumeArgs;
use super::jobs::{Job, read_all};
use super::report::Fate;
use super::sanitize::{Form, finish, style};
use super::setup::{host, wish};
use super::work::{Way, go_on_with};
use super::{complain, selftest};
use crate::job::prepare::{Host, RefusedDrive};
use crate::job::resume::{NotResumed, Resumption, Taken, prepare_to_resume};
use crate::unit::term::Exit;
use crate::unit::{Reason, ReasonCode};

/// Goes on with every job named, or with the only one that can go on.
pub fn run(args: &ResumeArgs) -> Exit {
    let (host, place) = match host(&args.state) {
        Ok(host) => host,
        Err(exit) => return exit,
    };
    let wish = match wish(args.tuning) {
        Ok(wish) => wish,
        Err(exit) => return exit,
    };
    let jobs = match which(args, &host) {
        Ok(jobs) => jobs,
        Err(exit) => return exit,
    };
    if jobs.len() > 1 && args.pace.temperature_file.is_some() {
        complain("--temperature-file belongs to one drive; name one job");
        return Exit::Usage;
    }
    let form = if args.json { Form::Json } else { Form::Text };
    let self_test = selftest::everything();
    let (mut fates, mut given, mut resumptions) = (Vec::new(), Vec::new(), Vec::new());
    for job in &jobs {
        let prepared = match self_test.failed.first() {
            None => prepare_to_resume(&host, job, &args.known_content),
            Some(failed) => Err(Box::new(NotResumed {
                story: None,
                reasons: vec![Reason::new(
                    ReasonCode::SelfTestFailed,
                    format!("a self-test failed: {failed}"),
                    "see all of them with: expunge selftest",
                )],
            })),
        };
        match prepared {
            Ok(Taken::Open(resumption)) => resumptions.push(*resumption),
            Ok(Taken::Ended(finished, said)) => {
                given.push(*said);
                fates.push(Fate::Finished(finished));
            }
            Err(not) => {
                given.push(not.story.as_ref().map(|story| story.given.clone()).unwrap_or_default());
                fates.push(refused(job, *not));
            }
        }
    }
    given.extend(resumptions.iter().map(|one: &Resumption| one.story.given.clone()));
    if !resumptions.is_empty() {
        let way =
            Way { host: &host, place, self_test: &self_test, wish, style: style(form), pace: &args.pace };
        fates.extend(go_on_with(&way, resumptions));
    }
    finish(&fates, &given, form)
}

fn refused(job: &str, not: NotResumed) -> Fate {
    let facts = not.story.and_then(|story| story.facts);
    Fate::Refused(Box::new(RefusedDrive { device: job.to_owned(), facts, reasons: not.reasons }))
}

/// The jobs that are meant. Without a name there must be just one that can go on: which of several is meant, only
/// the user knows.
fn which(args: &ResumeArgs, host: &Host) -> Result<Vec<String>, Exit> {
    let mut jobs = args.jobs.clone();
    jobs.sort();
    jobs.dedup();
    // A name is no path: it must not lead out of the directory of journals.
    if let Some(bad) = jobs.iter().find(|job| job.is_empty() || job.contains('/') || job.starts_with('.')) {
        complain(&format!("{bad:?} is no name of a job; see them with: expunge job list --local"));
        return Err(Exit::Usage);
    }
    if !jobs.is_empty() {
        return Ok(jobs);
    }
    let all = read_all(&host.directories).map_err(|error| {
        complain(&error);
        Exit::Internal
    })?;
    let open: Vec<String> = all.into_iter().filter(Job::can_go_on).map(|job| job.name).collect();
    match &open[..] {
        [only] => Ok(vec![only.clone()]),
        [] => {
            complain("no job of this host can go on; see all with: expunge job list --local");
            Err(Exit::Usage)
        }
        several => {
            complain(&format!(
                "{} jobs can go on: name those that are meant\n{}",
                several.len(),
                several.iter().map(|job| format!("  expunge resume {job}")).collect::<Vec<_>>().join("\n")
            ));
            Err(Exit::Usage)
        }
    }
}
