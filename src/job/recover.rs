//! Brings back an ATA drive that an interrupted SECURITY ERASE UNIT left with the documented password: finishes the
//! erase, or takes the password away. What is going to be done is durable before the first command is sent, in a journal
//! below `recoveries`; no record comes of it, because nothing is verified.
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::execute::new_job_name;
use super::prepare::{CLAIM_WAIT, Host};
use super::replay::{Story, replay};
use super::tuning::{Wish, tuning};
use crate::certificate::time::UtcTime;
use crate::command::DriveCommand;
use crate::command::ata::security::PASSWORD;
use crate::command::ata::{EraseMode, SecurityErase};
use crate::device::capability::ata::AtaSecurityFacts;
use crate::device::capability::{Interface, Support};
use crate::device::claim::Order as ClaimOrder;
use crate::device::{Claimed, DriveFacts, StatePaths, claim, is_same_drive, resolve};
use crate::engine::firmware::security::{RecoverReport, Recovered, Then};
use crate::engine::firmware::{Before, CommandReport, News, Start};
use crate::journal::Journal;
use crate::plan::Rules;
use crate::unit::{Geometry, Reason, ReasonCode};
use crate::worker::message::{Command, Terms};
use crate::worker::parent::{Link, Report, Worker};
use crate::worker::{Event, Order};

/// How long nothing may be heard beyond what the drive announced.
const SILENCE: Duration = Duration::from_secs(30 * 60);
/// How long one listening lasts.
const LISTEN: Duration = Duration::from_secs(5);

/// What is to become of the drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Aim {
    /// The erase is finished: everything on the drive is lost.
    Erase {
        /// How.
        mode: EraseMode,
    },
    /// The password is taken away; the data are as they were left.
    Unlock,
}

/// Lines of the journal of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum RecoveryEntry {
    /// What is going to be done.
    Recovering {
        /// When.
        at: UtcTime,
        /// The drive.
        facts: Box<DriveFacts>,
        /// What is to become of it.
        aim: Aim,
        /// The password that is used, which is published.
        password: String,
    },
    /// What it came to.
    Recovered {
        /// When.
        at: UtcTime,
        /// What it came to.
        end: Box<End>,
    },
}

/// What a recovery came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum End {
    /// The erase.
    Erased {
        /// What it came to.
        report: CommandReport,
    },
    /// The unlocking.
    Unlocked {
        /// What it came to.
        report: RecoverReport,
    },
    /// The worker was lost, and with it the end.
    Lost {
        /// Why.
        reason: Reason,
    },
}

/// A drive that can be recovered.
#[derive(Debug)]
pub struct Locked {
    claimed: Claimed,
    geometry: Geometry,
    /// What it says of its password.
    pub security: AtaSecurityFacts,
    /// The job of this host that can go on with it, if any.
    pub job: Option<String>,
    /// How that job, or an earlier one, was erasing it.
    pub mode: Option<EraseMode>,
}

impl Locked {
    /// What is known about the drive.
    pub const fn facts(&self) -> &DriveFacts {
        self.claimed.facts()
    }
}

/// Claims a drive under all guards, and looks whether it has a password that can be taken away.
///
/// # Errors
/// What uses it, that it has no password, or that none can be taken away from it.
pub fn prepare_recovery(host: &Host, device: &str) -> Result<Locked, Vec<Reason>> {
    let drive = resolve(device, &host.root).map_err(|reason| vec![reason])?;
    let order = ClaimOrder::new(drive, StatePaths(host.directories.all()));
    let claimed = claim(&host.helper, &order, CLAIM_WAIT).map_err(|refusal| refusal.reasons)?;
    let (security, geometry) = locked(claimed.facts()).map_err(|reason| vec![reason])?;
    let stories = stories(host, claimed.facts());
    let job = stories.iter().find(|story| story.resumable().is_ok()).map(|story| story.job.clone());
    let mode = stories.iter().rev().find_map(mode_of);
    Ok(Locked { claimed, geometry, security, job, mode })
}

/// What a drive says of its password, when it can be recovered.
fn locked(facts: &DriveFacts) -> Result<(AtaSecurityFacts, Geometry), Reason> {
    let title = facts.title();
    let no = |code, text: &str, remedy: &str| Err(Reason::new(code, format!("{title}: {text}"), remedy));
    let interface = facts.capability.as_deref().map(|capability| &capability.interface);
    let Some(Interface::Ata(ata)) = interface else {
        return no(
            ReasonCode::BadRequest,
            "it is no ATA drive, or does not answer as one",
            "see expunge inspect",
        );
    };
    let Some(security) = ata.security else {
        return no(ReasonCode::BadRequest, "it has no Security feature set", "nothing has to be recovered");
    };
    if !security.enabled.is_yes() && !security.locked.is_yes() {
        return no(ReasonCode::BadRequest, "it has no password", "nothing has to be recovered");
    }
    if security.frozen.is_yes() {
        let remedy = "cycle its power, or suspend the host and wake it, then try again";
        return no(ReasonCode::Frozen, "its Security feature set is frozen", remedy);
    }
    if security.count_expired.is_yes() {
        return no(
            ReasonCode::Locked,
            "too many wrong passwords were tried",
            "cycle its power, then try again",
        );
    }
    match facts.geometry() {
        Some(geometry) => Ok((security, *geometry)),
        None => no(ReasonCode::NoCapacity, "it reports no capacity", "cycle its power, then try again"),
    }
}

/// What the journals of this host tell of the drive, the earlier first.
fn stories(host: &Host, facts: &DriveFacts) -> Vec<Story> {
    let folder = host.directories.journals();
    let names = Journal::names(&folder).unwrap_or_default();
    let story = |name: &String| replay(&Journal::look(&folder, name).ok()?.0).ok();
    let same = |story: &Story| story.facts.as_ref().is_some_and(|other| is_same_drive(other, facts).is_ok());
    names.iter().filter_map(story).filter(same).collect()
}

fn mode_of(story: &Story) -> Option<EraseMode> {
    story.plan.as_ref()?.commands().iter().rev().find_map(|command| match command {
        DriveCommand::AtaSecurityErase(erase) => Some(erase.mode),
        DriveCommand::NvmeSanitize(_)
        | DriveCommand::NvmeFormat(_)
        | DriveCommand::AtaSanitize(_)
        | DriveCommand::ScsiSanitize(_)
        | DriveCommand::TcgRevert(_) => None,
    })
}

/// Where the journals of recoveries are.
pub fn recoveries(host: &Host) -> PathBuf {
    host.directories.state.join("recoveries")
}

/// Recovers the drive. `tell` hears where it stands.
///
/// # Errors
/// When nothing was sent: the journal could not be kept, or something has come to use the drive.
pub fn recover(
    host: &Host,
    locked: &Locked,
    aim: Aim,
    tell: &mut dyn FnMut(&News),
) -> Result<End, Vec<Reason>> {
    let clock = Clock::start();
    let failed = |error: io::Error| {
        let text = format!("the journal below {} cannot be written: {error}", recoveries(host).display());
        vec![Reason::new(ReasonCode::StateFailed, text, "repair it or choose another with --state DIR")]
    };
    let mut journal = begin_journal(host).map_err(failed)?;
    let password: String =
        PASSWORD.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
    let facts = Box::new(locked.facts().clone());
    journal.append(&RecoveryEntry::Recovering { at: clock.now(), facts, aim, password }).map_err(failed)?;
    locked.claimed.recheck_before_arming(&host.root)?;
    let end = Box::new(work(host, locked, aim, tell));
    journal.append(&RecoveryEntry::Recovered { at: clock.now(), end: end.clone() }).map_err(failed)?;
    Ok(*end)
}

fn begin_journal(host: &Host) -> io::Result<Journal> {
    host.directories.create()?;
    let folder = recoveries(host);
    if !folder.is_dir() {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
    }
    Journal::create(&folder, &new_job_name())
}

/// Has a worker do it, and waits for its word.
fn work(host: &Host, locked: &Locked, aim: Aim, tell: &mut dyn FnMut(&News)) -> End {
    let mut worker = match Worker::start(&host.program, locked.claimed.descriptor()) {
        Ok(worker) => worker,
        Err(error) => return lost(format!("the worker process could not be started: {error}")),
    };
    let end = converse(&mut worker, orders(locked, aim), tell);
    let _left = worker.finish(Duration::from_secs(10), Duration::from_secs(1));
    end
}

fn lost(text: String) -> End {
    let remedy = "look at the drive with expunge inspect, and run expunge recover again";
    End::Lost { reason: Reason::new(ReasonCode::FirmwareUnknown, text, remedy) }
}

/// Gives one order after the other, as long as the one before opened the drive for the next.
fn converse(link: &mut dyn Link, orders: Vec<Order>, tell: &mut dyn FnMut(&News)) -> End {
    let mut end = lost("nothing was ordered".to_owned());
    for order in orders {
        if let Err(error) = link.order(&order) {
            return lost(format!("the worker process took no order: {error}"));
        }
        end = listen(link, tell);
        let opened = matches!(&end, End::Unlocked { report } if report.recovered == Recovered::Opened);
        if !opened {
            return end;
        }
    }
    end
}

/// Waits for the end of one order.
fn listen(link: &mut dyn Link, tell: &mut dyn FnMut(&News)) -> End {
    let (mut heard, mut patience) = (Instant::now(), SILENCE);
    loop {
        match link.next(LISTEN) {
            Report::Event(Event::Commanded { report }) => return End::Erased { report: *report },
            Report::Event(Event::Unlocked { report }) => return End::Unlocked { report },
            Report::Event(Event::News(news)) => {
                patience = SILENCE + Duration::from_secs(news.quiet_seconds.unwrap_or(0));
                heard = Instant::now();
                tell(&news);
            }
            Report::Event(Event::Broken { text }) | Report::End(text) => return lost(text),
            Report::Event(_) => heard = Instant::now(),
            Report::Silence if heard.elapsed() < patience => {}
            Report::Silence => return lost(format!("{} is silent", link.whereabouts())),
        }
    }
}

/// A locked drive is opened first: a wrong password is then tried once, and each try counts.
fn orders(locked: &Locked, aim: Aim) -> Vec<Order> {
    let facts = locked.facts();
    let terms = Terms {
        geometry: locked.geometry,
        tuning: tuning(Wish::default(), &facts.reach, &facts.queue, locked.geometry.block_size),
        rules: Rules::of_kind(facts.kind),
        spent_millis: 0,
        thermometer: None,
        zones: None,
    };
    orders_of(&terms, aim, locked.security.locked)
}

fn orders_of(terms: &Terms, aim: Aim, locked: Support) -> Vec<Order> {
    let unlock = |then| Order::Unlock { terms: Box::new(terms.clone()), then };
    let mode = match aim {
        Aim::Unlock => return vec![unlock(Then::Disable)],
        Aim::Erase { mode } => mode,
    };
    // A drive that opened with the password has it.
    let start = if locked.is_yes() { Start::FollowAccepted } else { Start::Follow };
    let erase = Order::Command(Box::new(Command {
        terms: terms.clone(),
        command: DriveCommand::AtaSecurityErase(SecurityErase { mode }),
        start,
        before: Before::default(),
        secret: None,
    }));
    if locked.is_yes() { vec![unlock(Then::Keep), erase] } else { vec![erase] }
}

#[cfg(all(test, feature = "sim"))]
#[path = "recover_tests.rs"]
mod tests;
