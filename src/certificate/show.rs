//! A record in words, on one screen. It says what is claimed and what is not, and it invents nothing: a field
//! that is absent is "not recorded". What is printed here is a rendering; only the envelope counts.
mod conduct;
mod firmware;

use std::fmt::{self, Display, Write as _};

use super::check::{Content, has_canaries_instead};
use super::inspection::Inspection;
use super::provenance::{Person, Provenance};
use super::record::{DriveRecord, PassRecord, Record, VerificationRecord};
use crate::plan::firmware::Scope;
use crate::plan::{Limit, Plan, VerificationPlan};
use crate::unit::term::word;
use crate::unit::{Geometry, Pattern, Reason};

const ABSENT: &str = "not recorded";

/// The record as plain text, ending with a line feed.
pub fn show(content: &Content) -> String {
    let mut text = Text(String::new());
    match content {
        Content::Job { record, .. } => job(record, &mut text),
        Content::Inspection { inspection } => inspected(inspection, &mut text),
    }
    text.0
}

/// Text as it grows. Control characters of the record (a drive may call itself anything) are made visible, so
/// that nothing in it can move the cursor or colour a terminal.
struct Text(String);

impl Text {
    fn section(&mut self, title: &str) {
        self.line(format_args!("\n{title}"));
    }

    fn row(&mut self, name: &str, value: impl Display) {
        self.line(format_args!("  {name:<15} {}", plain(&value.to_string())));
    }

    fn optional<T: Display>(&mut self, name: &str, value: Option<T>) {
        match value {
            Some(value) => self.row(name, value),
            None => self.row(name, ABSENT),
        }
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("writing to a string cannot fail");
    }
}

/// Control characters, and the Unicode marks that reverse or hide text, made visible.
pub fn plain(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
            || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
            || matches!(c, '\u{E0000}'..='\u{E007F}')
    };
    text.chars().map(|c| if hidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same for a text of several lines, which stay lines.
pub fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

fn job(record: &Record, text: &mut Text) {
    text.line(format_args!("{}", plain(&record.title)));
    text.row("outcome", word(record.outcome));
    match &record.claim {
        Some(claim) => {
            let basis = word(claim.basis);
            let standard = word(claim.standard);
            text.row("claim", format!("{} by {}", word(claim.method), word(claim.technique)));
            text.row("under", format!("{standard} (mapping: {basis})"));
            text.row("scope", &claim.scope);
        }
        None => text.row("claim", "nothing is claimed"),
    }
    conduct::disposition(record.disposition, text);
    reasons(&record.reasons, text);
    drive(&record.drive, reached(record), text);
    if let Some(plan) = &record.plan {
        contents(plan, text);
    }
    text.section("What was done");
    let planned = record.plan.as_ref().map_or(0, |plan| plan.passes.len());
    if let Some(scheme) = record.plan.as_ref().and_then(|plan| plan.scheme.as_ref()) {
        text.row("scheme", format!("{} (patterns, not a level)", scheme.title));
    }
    if let Some(plan) = &record.plan {
        conduct::rules(record, plan, text);
    }
    if let Some(done) = &record.firmware {
        let plan = record.plan.as_ref().and_then(|plan| plan.firmware.as_ref());
        firmware::firmware(plan, done, text);
    }
    for (index, one) in record.passes.iter().enumerate() {
        pass(index + 1, planned, one, text);
    }
    if record.passes.is_empty() {
        text.row("passes", "none by this host");
    }
    match &record.verification {
        Some(read) => verification(read, text),
        None if has_canaries_instead(record) => {
            text.row("read back", "the canaries of the drive's command only; no other block was read");
        }
        None => text.row("read back", "nothing was read back"),
    }
    conduct::exceptions(record, text);
    text.optional("plan digest", record.plan_digest);
    conduct::interruptions(record, text);
    conduct::conduct(record.conduct.as_ref(), text);
    limits(&record.limits, text);
    provenance(&record.provenance, text);
    text.row("validation", "pending: the organization accepts the outcome, a tool cannot");
}

fn inspected(inspection: &Inspection, text: &mut Text) {
    text.line(format_args!("{}", plain(&inspection.title)));
    text.row("outcome", word(inspection.outcome));
    text.row("claim", "nothing is claimed: this is not a certificate of sanitization");
    reasons(&inspection.reasons, text);
    drive(&inspection.drive, None, text);
    text.section("What was found");
    text.row("expected", pattern(&inspection.expected));
    verification(&inspection.verification, text);
    text.optional("first differing", inspection.first_differing.map(|lba| format!("LBA {lba}")));
    text.optional("last differing", inspection.last_differing.map(|lba| format!("LBA {lba}")));
    let tally = &inspection.verification.tally;
    conduct::ranges("other content", &tally.mismatched, text);
    conduct::ranges("not readable", &tally.unreadable, text);
    limits(&inspection.limits, text);
    provenance(&inspection.provenance, text);
}

fn reasons(reasons: &[Reason], text: &mut Text) {
    for reason in reasons {
        text.row("reason", format!("{} ({})", reason.text, word(reason.code)));
        if !reason.remedy.is_empty() {
            text.row("", format!("-> {}", reason.remedy));
        }
    }
}

/// How far the commands reached that were sent to the drive.
fn reached(record: &Record) -> Option<Scope> {
    let sent = record.firmware.as_ref()?.steps.iter().any(|step| step.sent.is_some());
    let firmware = record.plan.as_ref()?.firmware.as_ref()?;
    sent.then_some(firmware.reach.scope)
}

fn drive(drive: &DriveRecord, reach: Option<Scope>, text: &mut Text) {
    let identity = &drive.identity_before;
    text.section("Drive");
    text.row("kind", word(drive.kind));
    text.optional("manufacturer", identity.vendor.as_ref());
    text.optional("model", identity.model.as_ref());
    let bridged = if identity.bridged { " (through a bridge, which may have made it up)" } else { "" };
    text.optional("serial", identity.serial.as_ref().map(|serial| format!("{serial}{bridged}")));
    let name = identity.wwn.as_ref().or(identity.nguid.as_ref()).or(identity.eui64.as_ref());
    text.optional("world wide name", name);
    text.optional("firmware", identity.firmware.as_ref());
    if let Some(backing) = &identity.backing {
        text.row("file", backing.path.display());
    }
    text.optional("size", drive.geometry.as_ref().map(size));
    let after = drive.geometry_after.filter(|after| Some(*after) != drive.geometry);
    if let Some(after) = &after {
        text.row("size afterwards", size(after));
    }
    let bay = drive.bay.as_deref().unwrap_or("bay not recorded");
    let transport = drive.transport.as_deref().unwrap_or("transport not recorded");
    text.row("at the time", format!("{}, {transport}, {bay}", drive.node.display()));
    let same = drive.identity_after.as_ref().map(|after| after.stable() == identity.stable());
    text.row(
        "at the end",
        match same {
            Some(true) => "the same drive",
            Some(false) => "ANOTHER DRIVE answered",
            None => ABSENT,
        },
    );
    if !drive.other_units.is_empty() {
        let name = match reach {
            Some(Scope::Drive) => "also reached",
            Some(Scope::Unit) | None => "not covered",
        };
        text.row(name, format!("other units: {}", drive.other_units.join(", ")));
    }
}

/// What lay on the drive when it was planned for, and which of it the user named.
fn contents(plan: &Plan, text: &mut Text) {
    let found: Vec<String> = plan.content.iter().map(ToString::to_string).collect();
    text.row("content found", if found.is_empty() { "none recognized".to_owned() } else { found.join("; ") });
    if !plan.known_content.is_empty() {
        let named: Vec<String> = plan.known_content.iter().map(word).collect();
        text.row("content named", named.join(", "));
    }
}

fn size(geometry: &Geometry) -> String {
    format!("{} blocks of {} bytes = {} bytes", geometry.capacity, geometry.block_size, geometry.bytes())
}

fn pass(number: usize, planned: usize, pass: &PassRecord, text: &mut Text) {
    let tally = &pass.tally;
    let what = pattern(&pass.pattern);
    text.row(&format!("pass {number} of {planned}"), what);
    let lost = format!("{} failed, {} unreached", tally.failed.count(), tally.unreached.count());
    let flush = word(tally.flush);
    text.row("", format!("{} blocks written, {lost}; flush {flush}", tally.written));
    if !tally.absent.is_zero() {
        text.row("", format!("{} addresses have no cells", tally.absent));
    }
    if tally.flush_failures > 0 {
        let count = tally.flush_failures;
        text.row("", format!("{count} flushes failed; what each made doubtful was written again"));
    }
    text.row("", format!("{} to {}", pass.started, pass.ended));
}

fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Fixed { bytes } => format!("bytes {}", String::from(bytes.clone())),
        Pattern::Keyed { key } => format!("aes-256-ctr, key {}", String::from(key.clone())),
        Pattern::Stamped { bytes, tag } => {
            let (bytes, tag) = (String::from(bytes.clone()), String::from(*tag));
            format!("bytes {bytes}, each 512 of them stamped with their number and the tag {tag}")
        }
    }
}

fn verification(read: &VerificationRecord, text: &mut Text) {
    let what = match &read.plan {
        VerificationPlan::Full { instead_of_sample: None } => "every block".to_owned(),
        VerificationPlan::Full { instead_of_sample: Some(why) } => format!("every block ({why})"),
        VerificationPlan::SampledR1 { subsections, run_blocks } => format!(
            "a sample: two runs of {run_blocks} blocks in each of {subsections} subsections, and both ends"
        ),
        VerificationPlan::Sampled { confidence, fraction, strata } => format!(
            "a sample: {strata} single blocks and both ends; had {fraction} of all blocks kept old content, \
             it would have been found with probability {confidence}"
        ),
        VerificationPlan::Canaries => "the canaries only".to_owned(),
        VerificationPlan::None => "nothing".to_owned(),
    };
    let tally = &read.tally;
    text.row("read back", what);
    let bad = format!("{} other content, {} unreadable", tally.mismatched.count(), tally.unreadable.count());
    text.row("", format!("{} blocks right, {bad}, {} not read", tally.matched, tally.not_read));
    text.row("", format!("{} to {}, {}", read.started, read.ended, read.order));
    if let Some(seed) = &read.seed {
        text.row("", format!("seed {seed}"));
    }
}

fn limits(limits: &[Limit], text: &mut Text) {
    text.section("What this record does not show");
    for limit in limits {
        text.line(format_args!("  - {}", plain(&limit.text)));
    }
    if limits.is_empty() {
        text.line(format_args!("  - {ABSENT}"));
    }
}

fn provenance(provenance: &Provenance, text: &mut Text) {
    let given = &provenance.given;
    text.section("Given by people, not checked");
    text.row("operator", person(&given.operator));
    text.row("verifier", person(&given.verifier));
    if given.validator != Person::default() {
        text.row("validator", person(&given.validator));
    }
    text.optional("ticket", given.ticket.as_ref());
    text.optional("asset tag", given.asset_tag.as_ref());
    text.optional("location", given.location.as_ref());
    text.optional("source", given.source.as_ref());
    let details = given.destination_details.as_ref().map_or_else(String::new, |more| format!("; {more}"));
    text.optional("destination", given.destination.as_ref().map(|place| format!("{place}{details}")));
    text.optional("organization", given.organization.as_ref());
    let before = given.classification_before.as_deref().unwrap_or(ABSENT);
    let after = given.classification_after.as_deref().unwrap_or(ABSENT);
    text.row("categorization", format!("before: {before}; after: {after}"));
    let backed_up = given.data_backed_up.as_deref().unwrap_or(ABSENT);
    let place = given.backup_location.as_deref().unwrap_or(ABSENT);
    text.row("backup", format!("{backed_up}; where: {place}"));
    if let Some(notes) = &given.notes {
        text.row("notes", notes);
    }
    text.section("Observed by the host");
    let observed = &provenance.observed;
    let uid = observed.uid.map_or_else(|| ABSENT.to_owned(), |uid| uid.to_string());
    let login = observed.loginuid.map_or_else(|| ABSENT.to_owned(), |uid| uid.to_string());
    let sudo = observed.sudo_user.as_deref().unwrap_or(ABSENT);
    text.row("user", format!("uid {uid}, login uid {login}, sudo user {sudo}"));
    text.row("authorisation", word(provenance.authorisation));
    let tool = &provenance.tool;
    text.row("tool", format!("{} {} (build {})", tool.name, tool.version, tool.build));
    text.optional("tool digest", tool.binary_sha256);
    let environment = &provenance.environment;
    let host = environment.hostname.as_deref().unwrap_or("host not recorded");
    text.row("host", format!("{host}, kernel {}", environment.kernel_release));
    let clock = match environment.clock.synchronized {
        Some(true) => "synchronized, says the kernel",
        Some(false) => "NOT synchronized",
        None => "synchronization not recorded",
    };
    text.row("time", format!("{} to {} (host clock, {clock})", provenance.started, provenance.ended));
    let test = provenance.self_test.as_ref().map(|test| {
        if test.failed.is_empty() {
            format!("{} checks passed", test.passed.len())
        } else {
            format!("FAILED: {}", test.failed.join(", "))
        }
    });
    text.optional("self-test", test);
    text.row("record", provenance.certificate_id);
    text.row("job", &provenance.job_id);
    for signer in &provenance.expected_signers {
        text.row("to be signed by", format!("{} {}", word(signer.role), signer.keyid));
    }
    if let Some(note) = &provenance.key_note {
        text.row("key", note);
    }
}

fn person(person: &Person) -> String {
    let parts = [&person.name, &person.title, &person.organization, &person.location, &person.contact];
    let known: Vec<&str> = parts.into_iter().filter_map(|part| part.as_deref()).collect();
    if known.is_empty() { ABSENT.to_owned() } else { known.join(", ") }
}
