//! Checking a record offline: signatures against a keyring, and everything that can be computed again.
//!
//! A signature says who vouches. Arithmetic says whether what they vouch for can be true: counts that do not
//! add up, a plan with another digest or a sample too small are found even when the signer is genuine.

mod claim;
pub mod complete;
mod conduct;
mod counts;
pub mod finding;
mod firmware;
pub mod growth;
pub mod limits;
mod needs;
mod pattern;
mod planned;
mod sample;
mod signature;
mod statement;
mod told;

use serde::Serialize;

use super::dsse::Envelope;
use super::inspection::Inspection;
use super::keyring::Keyring;
use super::record::Record;
use crate::plan::VerificationPlan;
use crate::unit::term::Exit;
use crate::unit::{Digest, RangeSet};

pub use complete::{Form, Gap};
pub use counts::has_canaries_instead;
pub use finding::{Finding, FindingCode, Level};
pub use signature::{SignatureReport, SignatureState};
pub use statement::Content;

/// Schema name of a report.
pub const REPORT_SCHEMA: &str = "urn:expunge:check-report:v1";

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStatus {
    /// A certificate of sanitization, signed by known keys, and nothing in it contradicts itself.
    Passes,
    /// Authentic and free of contradictions, but a record of something else than success.
    AuthenticOther,
    /// It does not verify.
    DoesNotVerify,
}

impl CheckStatus {
    /// The exit code of `certificate check`.
    pub const fn exit(self) -> Exit {
        match self {
            Self::Passes => Exit::Success,
            Self::AuthenticOther => Exit::Failed,
            Self::DoesNotVerify => Exit::Verification,
        }
    }
}

/// What the check of one file found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// [`REPORT_SCHEMA`].
    pub schema: &'static str,
    /// What it comes to.
    pub status: CheckStatus,
    /// The exit code that belongs to it.
    pub exit_status: u8,
    /// SHA-256 of the signed bytes (PAE): names the record however its envelope is written.
    pub pae_sha256: Option<Digest>,
    /// The signatures, in the order of the envelope.
    pub signatures: Vec<SignatureReport>,
    /// The record in a few words; not to be believed unless the status says so.
    pub summary: Option<Summary>,
    /// Everything found, errors first.
    pub findings: Vec<Finding>,
    /// The record itself, where it could be read.
    #[serde(skip)]
    pub content: Option<Content>,
}

/// A record in a few words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Type of the statement.
    pub predicate_type: String,
    /// Its title.
    pub title: String,
    /// How the job ended, or what the inspection found.
    pub outcome: String,
    /// Method claimed, if any.
    pub method: Option<String>,
    /// Serial number of the drive, or another name.
    pub drive: String,
    /// Name of the record.
    pub certificate_id: String,
    /// When the work ended, by the host's clock.
    pub ended: String,
}

/// Checks the bytes of an envelope against the keys one knows. Never panics, whatever the bytes are.
pub fn check(bytes: &[u8], keyring: &Keyring) -> CheckReport {
    let mut report = CheckReport {
        schema: REPORT_SCHEMA,
        status: CheckStatus::DoesNotVerify,
        exit_status: CheckStatus::DoesNotVerify.exit().code(),
        pae_sha256: None,
        signatures: Vec::new(),
        summary: None,
        findings: Vec::new(),
        content: None,
    };
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(fault) => {
            report.findings.push(Finding::error(FindingCode::EnvelopeMalformed, fault.to_string()));
            return report;
        }
    };
    if envelope.to_bytes() != bytes {
        let text = "the envelope is not written as Expunge writes it; what was signed is the same";
        report.findings.push(Finding::warning(FindingCode::EnvelopeNotCanonical, text));
    }
    report.pae_sha256 = Some(envelope.pae_digest());
    report.signatures = signature::judge(&envelope, keyring, &mut report.findings);
    let anyone = report.signatures.iter().any(|signature| signature.state.counts());
    // The payload is parsed from the very buffer whose signatures were judged. Without a good signature it is
    // read only to say whether it is as its unknown signer made it: nothing can pass from there.
    let content = statement::read(envelope.payload(), &mut report.findings);
    if let Some(content) = content {
        if anyone {
            signature::expected(&content, &report.signatures, keyring, &mut report.findings);
        } else {
            signature::unknown_signer(&envelope, &content, &mut report.findings);
        }
        report.findings.extend(recompute_content(&content));
        report.summary = Some(content.summary());
        report.content = Some(content);
    } else if !anyone {
        report.findings.push(Finding::error(
            FindingCode::NothingProven,
            "no signature of a known key, and no record that can be read",
        ));
    }
    report.conclude(anyone);
    report
}

impl CheckReport {
    fn conclude(&mut self, anyone: bool) {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
        let clean = self.findings.iter().all(|finding| finding.level != Level::Error);
        self.status = match &self.content {
            Some(content) if clean && anyone && content.is_success() => CheckStatus::Passes,
            Some(_) if clean && anyone => CheckStatus::AuthenticOther,
            Some(_) | None => CheckStatus::DoesNotVerify,
        };
        self.exit_status = self.status.exit().code();
    }

    /// Whether something with this code was found.
    pub fn has(&self, code: FindingCode) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }
}

fn recompute_content(content: &Content) -> Vec<Finding> {
    match content {
        Content::Job { record, .. } => recompute(record),
        Content::Inspection { inspection } => recompute_inspection(inspection),
    }
}

/// Everything in the record of a job that can be computed again from what else it says.
pub fn recompute(record: &Record) -> Vec<Finding> {
    let mut findings = Vec::new();
    let expected = super::statement::title(record.outcome, record.drive.kind);
    if record.title != expected {
        findings.push(Finding::error(FindingCode::Title, format!("the title must be {expected:?}")));
    }
    claim::claim(record, &mut findings);
    planned::planned(record, &mut findings);
    firmware::firmware(record, &mut findings);
    told::told(record, &mut findings);
    pattern::steps(record, &mut findings);
    counts::counts(record, &mut findings);
    conduct::interruptions(record, &mut findings);
    conduct::conduct(record, &mut findings);
    conduct::ended_by_a_rule(record, &mut findings);
    growth::growth(record, &mut findings);
    pattern::times(record, &mut findings);
    pattern::clocks(&record.provenance, &record.interruptions, &mut findings);
    pattern::speed(record, &mut findings);
    findings
}

/// Everything in the record of an inspection that can be computed again.
pub fn recompute_inspection(inspection: &Inspection) -> Vec<Finding> {
    let mut findings = Vec::new();
    let expected = super::statement::inspection_title(inspection.drive.kind);
    if inspection.title != expected {
        findings.push(Finding::error(FindingCode::Title, format!("the title must be {expected:?}")));
    }
    counts::inspection_counts(inspection, &mut findings);
    planned::kind(&inspection.drive, &mut findings);
    if inspection.verification.repair.is_some() {
        let text = "an inspection that wrote something";
        findings.push(Finding::error(FindingCode::Verification, text));
    }
    if inspection.verification.plan == VerificationPlan::None {
        let text = "an inspection that reads nothing";
        findings.push(Finding::error(FindingCode::Verification, text));
    }
    if let Some(geometry) = &inspection.drive.geometry {
        sample::sample(&inspection.verification, geometry, &RangeSet::new(), &mut findings);
    }
    let (from, to) = (inspection.provenance.started, inspection.provenance.ended);
    pattern::inspection_times(from, &inspection.verification, to, &mut findings);
    findings
}
