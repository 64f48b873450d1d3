//! `expunge list`: every drive, what uses it, and what was left out.
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::table::{Column, human_bytes, render};
use crate::certificate::show::plain;
use crate::device::claim::{Order, StatePaths};
use crate::device::helper::look_at_all;
use crate::device::{Discovery, Helper, Listed, Resolved};
use crate::unit::term::word;
use crate::unit::{Reason, ReasonCode};

/// Schema of `list --json`.
pub const LIST_SCHEMA: &str = "urn:expunge:list:v1";

/// How long a drive may take to answer `list` and `inspect`.
pub const LOOK_WAIT: Duration = Duration::from_secs(10);

/// Options of `list`.
#[derive(Clone, Debug, clap::Args)]
pub struct ListArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Asks every drive that nothing uses whether it answers, side by side; one in use answers to its user.
pub fn ask_idle(discovery: &mut Discovery, helper: &Helper, wait: Duration) {
    let idle = |listed: &&mut Listed| listed.usage.is_empty() && listed.facts.geometry().is_some();
    let mut idle: Vec<&mut Listed> = discovery.drives.iter_mut().filter(idle).collect();
    let order = |listed: &&mut Listed| {
        let facts = &listed.facts;
        let (node, name) = (facts.node.clone(), facts.kernel_name.clone());
        let drive = Resolved::Node { node, name, number: facts.device?, diskseq: facts.diskseq };
        Some(Order::new(drive, StatePaths::default()))
    };
    let orders: Vec<Order> = idle.iter().filter_map(order).collect();
    let answers = look_at_all(helper, &orders, wait);
    for (order, answer) in orders.iter().zip(answers) {
        let listed = idle.iter_mut().find(|listed| listed.facts.node == order.drive.node());
        let Some(listed) = listed else { continue };
        match answer {
            Ok(seen) => {
                listed.facts.read_only |= seen.facts.read_only;
                listed.facts.content = seen.facts.content;
                listed.usage = seen.blockers;
            }
            Err(reasons) => {
                let silent = |reason: &Reason| reason.code == ReasonCode::NotAnswering;
                listed.silence = reasons.iter().find(|reason| silent(reason)).cloned();
                // One that could not be looked at is not idle, as far as anybody knows.
                listed.usage = reasons.into_iter().filter(|reason| !silent(reason)).collect();
            }
        }
    }
}

/// In a few words, what uses a drive or lies on it.
fn usage(listed: &Listed) -> String {
    if let Some(silence) = &listed.silence {
        return silence.text.clone();
    }
    let mut words: Vec<String> = listed.usage.iter().map(|reason| reason.text.clone()).collect();
    if words.is_empty() {
        words = listed.facts.content.iter().map(|content| word(content.content_type)).collect();
        words.dedup();
    }
    if let Some(state) = listed.state.as_deref().filter(|state| !matches!(*state, "running" | "live")) {
        words.insert(0, format!("kernel: {state}"));
    }
    if listed.facts.read_only {
        words.push("read-only".to_owned());
    }
    match words.as_slice() {
        [] => "idle".to_owned(),
        [one] => one.clone(),
        // One line for each drive: the rest is for `inspect` and `plan`.
        [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
    }
}

fn size(listed: &Listed) -> String {
    listed.facts.geometry().map_or_else(|| "none".to_owned(), |geometry| human_bytes(geometry.bytes()))
}

fn name(listed: &Listed) -> String {
    let mut names = vec![listed.facts.node.display().to_string()];
    names.extend(listed.facts.other_paths.iter().map(|path| format!("= {path}")));
    names.extend(listed.facts.other_units.iter().map(|unit| format!("+ unit {unit}")));
    names.join(" ")
}

fn serial(listed: &Listed) -> String {
    let identity = &listed.facts.identity;
    let mark = if identity.bridged { " (by USB bridge)" } else { "" };
    format!("{}{mark}", identity.short())
}

/// The table, its warnings, and the footer with what was left out.
///
/// # Errors
/// When the output cannot be written.
pub fn write_text(discovery: &Discovery, out: &mut dyn Write) -> io::Result<()> {
    let columns: [Column<Listed>; 8] = [
        ("BAY", |listed| listed.facts.bay.clone().unwrap_or_else(|| "-".to_owned())),
        ("NODE", name),
        ("MODEL", |listed| listed.facts.identity.model.clone().unwrap_or_else(|| "-".to_owned())),
        ("SERIAL", serial),
        ("SIZE", size),
        ("KIND", |listed| word(listed.facts.kind)),
        ("USE", usage),
        ("LAST RECORD", |listed| listed.last_record.clone().unwrap_or_else(|| "-".to_owned())),
    ];
    if discovery.drives.is_empty() {
        writeln!(out, "No drives found.")?;
    } else {
        render(&columns, &discovery.drives, out)?;
    }
    for warning in &discovery.warnings {
        writeln!(out, "Warning: {}.", plain(warning))?;
    }
    if !discovery.left_out.is_empty() {
        writeln!(out, "\nLeft out:")?;
    }
    for left in &discovery.left_out {
        writeln!(out, "  {}: {}", plain(&left.name), plain(&left.why))?;
    }
    Ok(())
}

/// The same as JSON.
pub fn to_json(discovery: &Discovery) -> Value {
    let drive = |listed: &Listed| {
        json!({
            "facts": listed.facts,
            "confirm": listed.facts.confirm_text(),
            "bytes": listed.facts.geometry().map(crate::unit::Geometry::bytes),
            "state": listed.state,
            "use": listed.usage,
            "notAnswering": listed.silence,
            "lastRecord": listed.last_record,
        })
    };
    let left = |left: &crate::device::discover::LeftOut| json!({"name": left.name, "why": left.why});
    json!({
        "schema": LIST_SCHEMA,
        "drives": discovery.drives.iter().map(drive).collect::<Vec<_>>(),
        "leftOut": discovery.left_out.iter().map(left).collect::<Vec<_>>(),
        "warnings": discovery.warnings,
    })
}
