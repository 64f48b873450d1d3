//! `expunge recover`: an ATA drive that an interrupted erase left locked.
use std::io::{self, Write as _};

use super::args::RecoverArgs;
use super::confirm::{quoted, this_drive};
use super::plan::reasons_text;
use super::setup::host;
use super::{complain, selftest};
use crate::certificate::show::plain;
use crate::command::ata::EraseMode;
use crate::engine::firmware::security::Recovered;
use crate::engine::firmware::{Conclusion, News};
use crate::job::recover::{Aim, End, Locked, prepare_recovery, recover};
use crate::unit::term::Exit;
use crate::unit::{Reason, ReasonCode};

/// Recovers one drive.
pub fn run(args: &RecoverArgs) -> Exit {
    let host = match host(&args.state) {
        Ok((host, _)) => host,
        Err(exit) => return exit,
    };
    if let Some(failed) = selftest::everything().failed.first() {
        complain(&format!("a self-test failed: {failed}; nothing was done"));
        return Exit::Refused;
    }
    let locked = match prepare_recovery(&host, &args.device) {
        Ok(locked) => locked,
        Err(reasons) => return refused(&args.device, &reasons),
    };
    if let (Some(job), false) = (&locked.job, args.unlock_only) {
        let place = host.directories.option();
        let reason = Reason::new(
            ReasonCode::BadRequest,
            format!("job {job} of this host can finish the erase of {}", locked.facts().title()),
            format!(
                "expunge resume {job}{place} finishes it, verifies it and makes the record; to take the password away \
                 without erasing: --unlock-only"
            ),
        );
        return refused(&args.device, &[reason]);
    }
    let aim = aim(args, &locked);
    if let Err(reason) = confirmed(args, &locked, aim) {
        return refused(&args.device, &[reason]);
    }
    match recover(&host, &locked, aim, &mut tell) {
        Ok(end) => told(&locked, &end),
        Err(reasons) => refused(&args.device, &reasons),
    }
}

/// The mode that an earlier job chose, unless another was asked for.
fn aim(args: &RecoverArgs, locked: &Locked) -> Aim {
    if args.unlock_only {
        return Aim::Unlock;
    }
    let mode = if args.enhanced { Some(EraseMode::Enhanced) } else { locked.mode };
    Aim::Erase { mode: mode.unwrap_or(EraseMode::Normal) }
}

fn confirmed(args: &RecoverArgs, locked: &Locked, aim: Aim) -> Result<(), Reason> {
    let facts = locked.facts();
    let title = facts.title();
    let Some(text) = facts.confirm_text() else {
        let what = format!("{title}: nothing identifies this drive");
        return Err(Reason::new(
            ReasonCode::Unidentified,
            what,
            "attach it where it tells its serial number",
        ));
    };
    let what = match aim {
        Aim::Erase { .. } => format!("{title} will be ERASED"),
        Aim::Unlock => format!("the password of {title} will be taken away; its data stay"),
    };
    this_drive(&what, &text, &args.confirm).map_or(Ok(()), |reason| {
        Err(Reason { remedy: format!("{}: --confirm {}", reason.remedy, quoted(&text)), ..reason })
    })
}

fn tell(news: &News) {
    let quiet = news.quiet_seconds.map_or_else(String::new, |seconds| {
        format!(" (nothing will be heard for up to {} min)", seconds.div_ceil(60))
    });
    let _unseen = writeln!(io::stderr(), "{}{quiet}", plain(&news.text));
}

fn refused(device: &str, reasons: &[Reason]) -> Exit {
    complain(&format!("{device} was not recovered; nothing was sent to it\n{}", reasons_text(reasons)));
    Exit::Refused
}

/// Says what it came to. It is no sanitization: nothing was verified, and no record is made.
fn told(locked: &Locked, end: &End) -> Exit {
    let title = plain(&locked.facts().title());
    let again = "no record was made; to have it sanitized and recorded: expunge sanitize";
    let (line, exit) = match end {
        End::Erased { report } => match &report.conclusion {
            Conclusion::Confirmed => {
                (format!("{title}: erased, and its password is gone; {again}"), Exit::Success)
            }
            Conclusion::Claimed => {
                (format!("{title}: it says that it is erased, and nothing shows it; {again}"), Exit::Unknown)
            }
            Conclusion::NotStarted { reason } => (with(&title, "not erased", reason), Exit::Failed),
            Conclusion::Failed { reason } => (with(&title, "NOT erased", reason), Exit::Failed),
            Conclusion::Unknown { reason } => {
                (with(&title, "not known whether it is erased", reason), Exit::Unknown)
            }
        },
        End::Unlocked { report } => match &report.recovered {
            Recovered::Unlocked => (
                format!("{title}: its password is gone, its data are as they were left; {again}"),
                Exit::Success,
            ),
            Recovered::Opened => {
                (format!("{title}: it took the password, and the erase did not follow"), Exit::Unknown)
            }
            Recovered::NotNeeded => (format!("{title}: it has no password"), Exit::Success),
            Recovered::Not { reason } => (with(&title, "not unlocked", reason), Exit::Failed),
        },
        End::Lost { reason } => (with(&title, "not known what happened", reason), Exit::Unknown),
    };
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(_) => exit.gravest(Exit::Internal),
    }
}

fn with(title: &str, what: &str, reason: &Reason) -> String {
    format!("{title}: {what}\n{}", reasons_text(std::slice::from_ref(reason)).trim_end())
}
