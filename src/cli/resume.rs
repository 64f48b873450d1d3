//! `expunge resume`: goes on with jobs that were interrupted.
use std::path::{Path, PathBuf};

use super::args::{ResumeArgs, StateArgs};
use super::jobs::{Job, read_all};
use super::report::{Fate, Later, NotGoneOn};
use super::sanitize::{Form, finish, style};
use super::setup::{host, wish};
use super::work::{Way, go_on_with};
use super::{complain, secret, selftest};
use crate::certificate::provenance::SelfTest;
use crate::job::conclude::KeyPlace;
use crate::job::prepare::Host;
use crate::job::resume::{NotResumed, Taken, prepare_to_resume};
use crate::journal::Journal;
use crate::unit::term::Exit;
use crate::unit::{Reason, ReasonCode};

/// Goes on with every job named, or with the only one that can go on.
pub fn run(args: &ResumeArgs) -> Exit {
    match prepared(args) {
        Ok((host, place, jobs)) => go_on(args, &host, place, &jobs),
        Err(exit) => exit,
    }
}

/// The host with the places of the jobs, and the names of these.
fn prepared(args: &ResumeArgs) -> Result<(Host, KeyPlace, Vec<String>), Exit> {
    let (first, _) = host(&args.state)?;
    let jobs = which(args, &first)?;
    if jobs.len() > 1 && args.pace.temperature_file.is_some() {
        complain("--temperature-file belongs to one drive; name one job");
        return Err(Exit::Usage);
    }
    if jobs.len() > 1 && args.psid_file.is_some() {
        complain("--psid-file belongs to one drive; name one job");
        return Err(Exit::Usage);
    }
    // Records and key are those that the job began with, unless others are named.
    let places = places(&first, &jobs)?;
    let named = |given: &Option<PathBuf>, kept: Option<&PathBuf>, default: &Path| {
        given.clone().or_else(|| kept.filter(|kept| *kept != default).cloned())
    };
    let default = host(&StateArgs { state: args.state.state.clone(), ..StateArgs::default() })?.0.directories;
    let state = StateArgs {
        state: args.state.state.clone(),
        out: named(&args.state.out, places.as_ref().map(|(records, _)| records), &default.records),
        key: named(&args.state.key, places.as_ref().map(|(_, key)| key), &default.key),
    };
    let (host, place) = host(&state)?;
    Ok((host, place, jobs))
}

/// Where the jobs keep their records and key; all of one command at the same place.
fn places(host: &Host, jobs: &[String]) -> Result<Option<(PathBuf, PathBuf)>, Exit> {
    let all = read_all(&host.directories).map_err(|error| {
        complain(&error);
        Exit::Internal
    })?;
    let mut places: Vec<(PathBuf, PathBuf)> =
        all.iter().filter(|job| jobs.contains(&job.name)).filter_map(Job::places).collect();
    places.sort();
    places.dedup();
    if places.len() > 1 {
        complain("these jobs keep their records or keys at different places: go on with them one by one");
        return Err(Exit::Usage);
    }
    Ok(places.pop())
}

fn go_on(args: &ResumeArgs, host: &Host, place: KeyPlace, jobs: &[String]) -> Exit {
    let wish = match wish(args.tuning) {
        Ok(wish) => wish,
        Err(exit) => return exit,
    };
    let psid = match secret::psid(args.psid_file.as_deref()) {
        Ok(psid) => psid,
        Err(exit) => return exit,
    };
    let form = if args.json { Form::Json } else { Form::Text };
    let self_test = selftest::everything();
    let (mut fates, mut given, mut resumptions) = (Vec::new(), Vec::new(), Vec::new());
    for (job, taken) in jobs.iter().zip(take_up(args, host, &self_test, jobs)) {
        match taken {
            Ok(Taken::Open(resumption)) => match secret::missing_for_rest(&resumption, psid.as_ref()) {
                None => resumptions.push(*resumption),
                Some(reason) => {
                    given.push(resumption.story.given.clone());
                    let not = NotResumed { story: Some(Box::new(resumption.story)), reasons: vec![reason] };
                    fates.push(not_resumed(job, not));
                }
            },
            Ok(Taken::Ended(finished, said)) => {
                given.push(*said);
                fates.push(Fate::Finished(finished));
            }
            Err(not) => {
                given.push(not.story.as_ref().map(|story| story.given.clone()).unwrap_or_default());
                fates.push(not_resumed(job, *not));
            }
        }
    }
    given.extend(resumptions.iter().map(|one| one.story.given.clone()));
    if !resumptions.is_empty() {
        let style = style(form);
        let secret = psid.as_ref();
        let way = Way { host, place, self_test: &self_test, wish, style, pace: &args.pace, secret };
        fates.extend(go_on_with(&way, resumptions));
    }
    finish(&fates, &given, form, &host.directories)
}

/// Takes all jobs up again, side by side: a drive that does not answer holds up no other (P8).
fn take_up(
    args: &ResumeArgs,
    host: &Host,
    self_test: &SelfTest,
    jobs: &[String],
) -> Vec<Result<Taken, Box<NotResumed>>> {
    let refused = |code, text: String, remedy: &str| {
        Err(Box::new(NotResumed { story: None, reasons: vec![Reason::new(code, text, remedy)] }))
    };
    if let Some(failed) = self_test.failed.first() {
        let text = format!("a self-test failed: {failed}");
        let refused =
            || refused(ReasonCode::SelfTestFailed, text.clone(), "see all of them: expunge selftest");
        return jobs.iter().map(|_| refused()).collect();
    }
    let known = &args.known_content;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            jobs.iter().map(|job| scope.spawn(move || prepare_to_resume(host, job, known))).collect();
        let lost = || {
            let text = "taking the job up failed inside Expunge".to_owned();
            refused(ReasonCode::WorkerDied, text, "report this as a defect")
        };
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    })
}

fn not_resumed(job: &str, not: NotResumed) -> Fate {
    let can = not.story.as_ref().is_some_and(|story| story.resumable().is_ok());
    let ended = not.reasons.iter().any(|reason| reason.code == ReasonCode::NotResumable);
    let later = if can && !ended { Later::Possible } else { Later::Never };
    let facts = not.story.and_then(|story| story.facts);
    Fate::NotResumed(Box::new(NotGoneOn { job: job.to_owned(), facts, reasons: not.reasons, later }))
}

/// The same jobs, if all of them are there: where one is not, none is begun.
fn all_there(jobs: Vec<String>, host: &Host) -> Result<Vec<String>, Exit> {
    let folder = host.directories.journals();
    let names = Journal::names(&folder).map_err(|error| {
        complain(&format!("{}: {error}", folder.display()));
        Exit::Internal
    })?;
    match jobs.iter().find(|job| !names.contains(job)) {
        None => Ok(jobs),
        Some(unknown) => {
            complain(&format!(
                "there is no job {unknown} in {}; see all with: expunge job list --local{}",
                folder.display(),
                host.directories.option()
            ));
            Err(Exit::Usage)
        }
    }
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
        return all_there(jobs, host);
    }
    let all = read_all(&host.directories).map_err(|error| {
        complain(&error);
        Exit::Internal
    })?;
    let open: Vec<String> = all.into_iter().filter(Job::can_go_on).map(|job| job.name).collect();
    match &open[..] {
        [only] => Ok(vec![only.clone()]),
        [] => {
            let place = host.directories.option();
            complain(&format!(
                "no job of this host can go on; see all with: expunge job list --local{place}"
            ));
            Err(Exit::Usage)
        }
        several => {
            let place = host.directories.option();
            complain(&format!(
                "{} jobs can go on: name those that are meant\n{}",
                several.len(),
                several
                    .iter()
                    .map(|job| format!("  expunge resume {job}{place}"))
                    .collect::<Vec<_>>()
                    .join("\n")
            ));
            Err(Exit::Usage)
        }
    }
}
