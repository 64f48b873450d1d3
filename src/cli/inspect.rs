//! `expunge inspect`: everything known about one drive, and where each fact came from.
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::list::LOOK_WAIT;
use super::table::{Column, render};
use crate::certificate::show::{plain, plain_lines};
use crate::device::capture::{Capture, replay};
use crate::device::claim::{Order, StatePaths};
use crate::device::helper::{self, Seen};
use crate::device::survey::survey;
use crate::device::{DriveFacts, Fact, Helper, SysRoot, resolve, source};
use crate::plan::{Policy, Request, ranked};
use crate::unit::term::Method;
use crate::unit::{Reason, ReasonCode};

/// Schema of `inspect --json`.
pub const INSPECT_SCHEMA: &str = "urn:expunge:inspect:v1";

/// Schema of `inspect --json` for a drive that could not be looked at.
pub const INSPECT_REFUSED_SCHEMA: &str = "urn:expunge:inspect-refused:v1";

/// Options of `inspect`.
#[derive(Clone, Debug, clap::Args)]
pub struct InspectArgs {
    /// A node, /dev/disk/by-*, serial:..., wwn:..., bay:..., or a plain file that stands for a drive.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    pub device: Option<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Write what the drive was asked and answered into a new file, without what names the drive: serial numbers and
    /// world wide names become placeholders of the same length
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub capture: Option<PathBuf>,
    /// Read such a file instead of asking a drive
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

impl InspectArgs {
    /// What is inspected, for messages.
    pub fn subject(&self) -> String {
        match (&self.device, &self.from) {
            (Some(device), _) => device.clone(),
            (None, Some(file)) => file.display().to_string(),
            (None, None) => String::new(),
        }
    }
}

/// Largest capture that is read, in bytes.
const CAPTURE_BYTES_MAX: u64 = 16 << 20;

/// Resolves and looks at the drive; nothing is claimed.
///
/// # Errors
/// Why it cannot be looked at.
pub fn look(
    args: &InspectArgs,
    root: &SysRoot,
    helper: &Helper,
    state: StatePaths,
) -> Result<Seen, Vec<Reason>> {
    if let Some(file) = &args.from {
        return from_file(file).map_err(|reason| vec![reason]);
    }
    let drive = resolve(&args.subject(), root).map_err(|reason| vec![reason])?;
    helper::look(helper, &Order::new(drive, state), LOOK_WAIT)
}

/// What a capture tells, read by the same code as a drive.
fn from_file(file: &Path) -> Result<Seen, Reason> {
    let unreadable = |text: String| {
        let text = format!("{}: {text}", file.display());
        Reason::new(ReasonCode::BadRequest, text, "give a file that `expunge inspect --capture` wrote")
    };
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(CAPTURE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| unreadable(error.to_string()))?;
    let capture = Capture::parse(&text).map_err(|fault| unreadable(fault.to_string()))?;
    let mut facts = capture.drive.clone();
    if !capture.asked.is_empty() {
        facts.capability = Some(Box::new(survey(&mut replay(&capture))?));
    }
    let sources = source::of_capture(&facts);
    let notes = vec!["read from a capture: no drive was asked, and nobody knows who uses it".to_owned()];
    Ok(Seen { facts, sources, blockers: Vec::new(), notes, questions: None, held_back: None })
}

/// Writes the capture of a drive into a new file.
///
/// # Errors
/// When the drive has no commands of its own, when something that names it would be given away, or when the file is
/// there already or cannot be written.
pub fn write_capture(seen: &Seen, file: &Path) -> Result<(), Reason> {
    let no = |text: String, remedy: &str| Err(Reason::new(ReasonCode::BadRequest, text, remedy));
    let Some(questions) = &seen.questions else {
        let text = format!("{} was asked nothing that could be captured", seen.facts.title());
        return no(text, "capture drives that take ATA, SCSI or NVMe commands, as root");
    };
    let capture = match Capture::of(&seen.facts, questions.clone()) {
        Ok(capture) => capture,
        Err(survivor) => {
            return no(format!("no capture was written: {survivor}"), "report this as a defect");
        }
    };
    let written = serde_json::to_vec_pretty(&capture)
        .map_err(io::Error::other)
        .and_then(|text| std::fs::File::create_new(file)?.write_all(&text));
    match written {
        Ok(()) => Ok(()),
        Err(error) => no(format!("{} cannot be written: {error}", file.display()), "name a new file"),
    }
}

/// States of the drive that keep its own commands from working, each with the way out.
fn hindrances(facts: &DriveFacts) -> Vec<Reason> {
    let request = Request { method: Some(Method::Purge), ..Request::default() };
    let mut found: Vec<Reason> = Vec::new();
    for candidate in ranked(&request, facts, &Policy::builtin()) {
        for reason in candidate.obstacles {
            // A scope is a choice, not a state.
            if reason.code != ReasonCode::ScopeNotAccepted && !found.contains(&reason) {
                found.push(reason);
            }
        }
    }
    found
}

/// Facts as a table, then what uses the drive.
///
/// # Errors
/// When the output cannot be written.
pub fn write_text(seen: &Seen, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", plain(&seen.facts.title()))?;
    let columns: [Column<Fact>; 3] = [
        ("FACT", |fact| fact.name.clone()),
        ("VALUE", |fact| fact.value.clone()),
        ("FROM", |fact| fact.source.clone()),
    ];
    render(&columns, &seen.sources, out)?;
    match seen.facts.confirm_text() {
        Some(text) => writeln!(out, "\nConfirm with: {}", plain(&text))?,
        None => writeln!(out, "\nNothing identifies this drive: it will not be written to.")?,
    }
    if seen.blockers.is_empty() {
        writeln!(out, "Nothing was seen to use it.")?;
    }
    for reason in &seen.blockers {
        let (text, remedy) = (plain(&reason.text), plain_lines(&reason.remedy));
        writeln!(out, "In the way: {text}\n  release it: {remedy}")?;
    }
    for reason in hindrances(&seen.facts) {
        let (text, remedy) = (plain(&reason.text), plain_lines(&reason.remedy));
        writeln!(out, "Hinders its own commands: {text}\n  to end it: {remedy}")?;
    }
    for note in &seen.notes {
        writeln!(out, "Note: {}", plain(note))?;
    }
    Ok(())
}

/// Why a drive could not be looked at, as JSON.
pub fn refusal_to_json(device: &str, reasons: &[Reason]) -> Value {
    json!({"schema": INSPECT_REFUSED_SCHEMA, "device": device, "reasons": reasons})
}

/// The same as JSON.
pub fn to_json(seen: &Seen) -> Value {
    json!({
        "schema": INSPECT_SCHEMA,
        "facts": seen.facts,
        "confirm": seen.facts.confirm_text(),
        "sources": seen.sources,
        "use": seen.blockers,
        "hindrances": hindrances(&seen.facts),
        "notes": seen.notes,
    })
}
