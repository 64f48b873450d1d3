//! `expunge inspect`: everything known about one drive, and where each fact came from.
use std::io::{self, Write};

use serde_json::{Value, json};

use super::list::LOOK_WAIT;
use super::table::{Column, render};
use crate::certificate::show::{plain, plain_lines};
use crate::device::claim::{Order, StatePaths};
use crate::device::helper::{self, Seen};
use crate::device::{Fact, Helper, SysRoot, resolve};
use crate::unit::Reason;

/// Schema of `inspect --json`.
pub const INSPECT_SCHEMA: &str = "urn:expunge:inspect:v1";

/// Schema of `inspect --json` for a drive that could not be looked at.
pub const INSPECT_REFUSED_SCHEMA: &str = "urn:expunge:inspect-refused:v1";

/// Options of `inspect`.
#[derive(Clone, Debug, clap::Args)]
pub struct InspectArgs {
    /// A node, /dev/disk/by-*, serial:..., wwn:..., bay:..., or a plain file that stands for a drive.
    pub device: String,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

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
    let drive = resolve(&args.device, root).map_err(|reason| vec![reason])?;
    helper::look(helper, &Order { drive, state }, LOOK_WAIT)
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
        "notes": seen.notes,
    })
}
