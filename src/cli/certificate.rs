//! `expunge certificate check|show`: records checked and read offline, without privileges.
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::certificate::check::{CheckReport, CheckStatus, Content, Form, Gap, Level, check as check_bytes};
use crate::certificate::check::{complete, finding::Finding};
use crate::certificate::dsse::ENVELOPE_BYTES_MAX;
use crate::certificate::keyring::Keyring;
use crate::certificate::show::{plain, show as show_content};
use crate::unit::term::{Exit, word};

/// Schema of `certificate check --json`.
pub const CHECK_SCHEMA: &str = "urn:expunge:check:v1";

/// Schema of `certificate show --json`.
pub const SHOW_SCHEMA: &str = "urn:expunge:show:v1";

/// Flags of `certificate check`.
#[derive(Args, Clone, Debug)]
pub struct CheckOptions {
    /// Records to be checked
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The keys you trust: a keyring.json, or a directory of public keys (*.pem); without it nobody is known
    #[arg(long, value_name = "PATH")]
    pub keyring: Option<PathBuf>,
    /// List the fields of this form that the record does not fill
    #[arg(long, value_name = "FORM")]
    pub complete: Option<FormChoice>,
    /// Print the reports as JSON
    #[arg(long)]
    pub json: bool,
}

/// Flags of `certificate show`.
#[derive(Args, Clone, Debug)]
pub struct ShowOptions {
    /// Record to be shown
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The keys you trust: a keyring.json, or a directory of public keys (*.pem)
    #[arg(long, value_name = "PATH")]
    pub keyring: Option<PathBuf>,
    /// Print the check and the record as JSON
    #[arg(long)]
    pub json: bool,
}

/// A form whose fields can be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormChoice {
    /// NIST SP 800-88 Rev. 1, 4.8 and appendix G
    NistR1,
    /// NIST SP 800-88 Rev. 2, 4.6 and appendix C
    NistR2,
}

impl From<FormChoice> for Form {
    fn from(choice: FormChoice) -> Self {
        match choice {
            FormChoice::NistR1 => Self::NistR1,
            FormChoice::NistR2 => Self::NistR2,
        }
    }
}

/// Checks records. The answer goes to `out`, what went wrong on the way to `err`.
///
/// The exit is the gravest of all files: 0 all pass, 4 an authentic record of something else than success, 5
/// something does not verify, 2 a file or the keyring cannot be read.
pub fn check(options: &CheckOptions, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    told(try_check(options, out, err), err)
}

fn try_check(options: &CheckOptions, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let Some(keyring) = load_keyring(options.keyring.as_deref(), err)? else { return Ok(Exit::Usage) };
    let mut exit = Exit::Success;
    let mut reports = Vec::new();
    for file in &options.files {
        let bytes = match read_envelope(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                writeln!(err, "expunge: {}: {error}", shown(file))?;
                exit = exit.gravest(Exit::Usage);
                continue;
            }
        };
        let report = check_bytes(&bytes, &keyring);
        let gaps = options.complete.map(|form| gaps(&report, form.into()));
        exit = exit.gravest(report.status.exit());
        if options.json {
            reports.push(report_json(file, &report, gaps.as_deref()));
        } else {
            print_report(out, file, &report, gaps.as_deref())?;
        }
    }
    if options.json {
        writeln!(out, "{:#}", json!({"schema": CHECK_SCHEMA, "files": reports}))?;
    }
    Ok(exit)
}

/// Shows a record in words, headed by what its check came to; the exit is that of the check.
pub fn show(options: &ShowOptions, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    told(try_show(options, out, err), err)
}

fn try_show(options: &ShowOptions, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let Some(keyring) = load_keyring(options.keyring.as_deref(), err)? else { return Ok(Exit::Usage) };
    let bytes = match read_envelope(&options.file) {
        Ok(bytes) => bytes,
        Err(error) => {
            writeln!(err, "expunge: {}: {error}", shown(&options.file))?;
            return Ok(Exit::Usage);
        }
    };
    let report = check_bytes(&bytes, &keyring);
    match (&report.content, options.json) {
        (content, true) => writeln!(out, "{:#}", show_json(&options.file, &report, content.as_ref()))?,
        (None, false) => print_report(out, &options.file, &report, None)?,
        (Some(content), false) => {
            out.write_all(show_content(content).as_bytes())?;
            writeln!(out, "\nThis text is a rendering; only the file counts. Its check:")?;
            print_report(out, &options.file, &report, None)?;
        }
    }
    Ok(report.status.exit())
}

/// The check comes with the record, so that a program does not take an altered file for a record.
fn show_json(file: &Path, report: &CheckReport, content: Option<&Content>) -> Value {
    let predicate = match content {
        None => Value::Null,
        Some(Content::Job { record, .. }) => json!(record),
        Some(Content::Inspection { inspection }) => json!(inspection),
    };
    json!({"schema": SHOW_SCHEMA, "check": report_json(file, report, None), "predicate": predicate})
}

/// A pipe that was closed is nobody's mistake, but the answer was not given.
pub(super) fn told(result: io::Result<Exit>, err: &mut dyn Write) -> Exit {
    result.unwrap_or_else(|error| {
        // Nothing more can be done when the complaint cannot be written either.
        match writeln!(err, "expunge: output: {error}") {
            Ok(()) | Err(_) => Exit::Internal,
        }
    })
}

fn load_keyring(path: Option<&Path>, err: &mut dyn Write) -> io::Result<Option<Keyring>> {
    let Some(path) = path else { return Ok(Some(Keyring::empty())) };
    match Keyring::load(path) {
        Ok(keyring) => Ok(Some(keyring)),
        Err(fault) => {
            writeln!(err, "expunge: keyring {}: {}", shown(path), plain(&fault.to_string()))?;
            Ok(None)
        }
    }
}

/// One byte more than an envelope may have is enough to see that it is too long.
fn read_envelope(path: &Path) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(ENVELOPE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file may be called anything, also by whoever sends it.
fn shown(path: &Path) -> String {
    plain(&path.display().to_string())
}

fn gaps(report: &CheckReport, form: Form) -> Vec<Gap> {
    match &report.content {
        Some(Content::Job { record, .. }) => complete::gaps(record, form),
        Some(Content::Inspection { .. }) | None => Vec::new(),
    }
}

fn report_json(file: &Path, report: &CheckReport, gaps: Option<&[Gap]>) -> Value {
    let mut value = json!(report);
    value["file"] = json!(file);
    if let Some(gaps) = gaps {
        value["gaps"] = json!(gaps);
    }
    value
}

fn print_report(
    out: &mut dyn Write,
    file: &Path,
    report: &CheckReport,
    gaps: Option<&[Gap]>,
) -> io::Result<()> {
    let verdict = match report.status {
        CheckStatus::Passes => "PASSES: a certificate of sanitization by a key you trust",
        CheckStatus::AuthenticOther => "AUTHENTIC, but NOT a certificate of sanitization",
        CheckStatus::DoesNotVerify => "DOES NOT VERIFY",
    };
    writeln!(out, "{}: {verdict}", shown(file))?;
    if let Some(summary) = &report.summary {
        let (title, drive) = (plain(&summary.title), plain(&summary.drive));
        writeln!(out, "  it says: {title}; drive {drive}; outcome {}", summary.outcome)?;
    }
    for signature in &report.signatures {
        let name = plain(signature.name.as_deref().unwrap_or("unknown"));
        writeln!(out, "  signed by {} ({name}): {}", signature.keyid.short(), word(signature.state))?;
    }
    for finding in &report.findings {
        print_finding(out, finding)?;
    }
    if let Some(gaps) = gaps {
        for gap in gaps {
            writeln!(out, "  not recorded: {} ({}; {})", gap.field, word(gap.need), gap.place)?;
        }
        writeln!(out, "  {} fields of the form are not recorded", gaps.len())?;
    }
    Ok(())
}

fn print_finding(out: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Notice => "notice",
    };
    writeln!(out, "  {level}: {} [{}]", plain(&finding.text), word(finding.code))
}
