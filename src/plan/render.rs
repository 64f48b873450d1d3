//! A decision as text for people, on one screen, and as JSON for programs.
mod techniques;

use serde::Serialize;

use super::command::{command_line, completed, default_method};
use super::estimate::{RateSource, VerificationCost, duration_text, size_text};
use super::keys::key_slots;
use super::sampling::describe;
use super::{
    Candidate, Decision, Estimate, LimitCode, PassPattern, PassSpec, Plan, Policy, Rates, Request, Rules,
    VerificationPlan, ranked,
};
use crate::device::{Content, DriveFacts};
use crate::unit::term::{DriveKind, word};
use crate::unit::{Digest, Reason, ReasonCode, ZoneKind};

/// Schema name of the JSON report of a plan.
pub const PLAN_REPORT_SCHEMA: &str = "urn:expunge:plan-report:v1";

/// What `expunge plan --json` says about one drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// [`PLAN_REPORT_SCHEMA`].
    pub schema: String,
    /// The node or file.
    pub node: String,
    /// What `--confirm` must repeat.
    pub confirm: Option<String>,
    /// `planned`, `refused` or `unsanitizable`.
    pub decision: String,
    /// The plan, if there is one.
    pub plan: Option<Plan>,
    /// Digest of the plan, for `--plan`.
    pub digest: Option<Digest>,
    /// What the plan costs.
    pub estimate: Option<Estimate>,
    /// What the verification of the plan reads, and what it can and cannot show.
    pub verification_text: Option<String>,
    /// Everything against it; empty for a plan.
    pub reasons: Vec<Reason>,
    /// What lies on the drive.
    pub content: Vec<Content>,
    /// Every technique, the best first; empty for a drive that was not asked what it can do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<Candidate>,
    /// The command line that does it: for a plan, or where nothing but the options stands in the way.
    pub command: Option<String>,
}

/// The report on a decision. `units` are the texts that confirm other units of the drive which the plan reaches.
pub fn report(
    decision: &Decision,
    request: &Request,
    facts: &DriveFacts,
    units: &[String],
    policy: &Policy,
    rates: Rates,
) -> PlanReport {
    let (name, plan, reasons) = match decision {
        Decision::Planned(plan) => ("planned", Some((**plan).clone()), Vec::new()),
        Decision::Refused(reasons) => ("refused", None, reasons.clone()),
        Decision::Unsanitizable(reasons) => ("unsanitizable", None, reasons.clone()),
    };
    let digest = plan.as_ref().map(Plan::digest);
    PlanReport {
        schema: PLAN_REPORT_SCHEMA.to_owned(),
        node: facts.node.display().to_string(),
        confirm: facts.confirm_text(),
        decision: name.to_owned(),
        estimate: plan.as_ref().map(|plan| Estimate::new(plan, rates)),
        verification_text: plan.as_ref().map(|plan| describe(&plan.verification, &plan.geometry)),
        command: command(digest.as_ref(), &reasons, request, facts, units),
        plan,
        digest,
        reasons,
        content: facts.content.clone(),
        techniques: if facts.capability.is_some() { ranked(request, facts, policy) } else { Vec::new() },
    }
}

/// The command line to show: of a plan with its digest; of a refusal only where an option is all that is missing.
fn command(
    digest: Option<&Digest>,
    reasons: &[Reason],
    request: &Request,
    facts: &DriveFacts,
    units: &[String],
) -> Option<String> {
    if digest.is_some() {
        return Some(command_line(request, facts, units, digest));
    }
    let method = request.method.or(default_method(facts.kind))?;
    let only_to_repeat = reasons.iter().all(|reason| reason.code == ReasonCode::MemberContent);
    (only_to_repeat && !reasons.is_empty()).then(|| {
        let completed = Request { method: request.method, ..completed(request, facts, method) };
        command_line(&completed, facts, units, None)
    })
}

/// The report as text, no line longer than about 100 characters except for digests and commands, which must stay
/// whole to be copied.
pub fn text(report: &PlanReport, facts: &DriveFacts) -> String {
    let mut page = Page::default();
    page.row("drive", &facts.title());
    page.row("", &drive_words(facts));
    if facts.content.is_empty() {
        page.row("content", "no known signature found");
    } else {
        let found: Vec<String> = facts.content.iter().map(Content::to_string).collect();
        page.row("content", &found.join("; "));
    }
    match (&report.plan, &report.estimate) {
        (Some(plan), Some(estimate)) => {
            let chosen = report.techniques.iter().find(|one| one.technique == plan.technique);
            plan_rows(&mut page, plan, estimate, chosen);
        }
        (_, _) => refusal_rows(&mut page, report),
    }
    techniques::rows(&mut page, &report.techniques);
    if let Some(command) = &report.command {
        page.whole("command", command);
    }
    if let Some(digest) = &report.digest {
        page.whole("digest", &digest.to_string());
    }
    page.text
}

fn refusal_rows(page: &mut Page, report: &PlanReport) {
    page.row("decision", &format!("{}: nothing would be written", report.decision));
    for (index, reason) in report.reasons.iter().enumerate() {
        let number = index + 1;
        page.row(&format!("reason {number}"), &format!("{} [{}]", reason.text, word(reason.code)));
        for line in reason.remedy.lines() {
            page.whole("  remedy", line);
        }
    }
}

fn plan_rows(page: &mut Page, plan: &Plan, estimate: &Estimate, chosen: Option<&Candidate>) {
    let policy = &plan.policy;
    page.row("method", &format!("{} by {}", word(plan.method), word(plan.technique)));
    page.row("standard", &format!("{}; policy {}; {}", word(policy.standard), policy.name, policy.source));
    page.row("basis", &word(policy.basis));
    if let Some(scheme) = &plan.scheme {
        page.row("scheme", &format!("{}: {}", scheme.title, scheme.source));
    }
    if let Some(firmware) = &plan.firmware {
        techniques::firmware_rows(page, firmware, chosen);
    }
    let keys = key_slots(plan).count();
    if !keys.is_zero() {
        page.row(
            "keys first",
            &format!("{keys} blocks in which LUKS keys may lie, before anything else (claims nothing)"),
        );
    }
    if !plan.passes.is_empty() {
        page.row(&format!("passes {}", plan.passes.len()), &passes_text(&plan.passes));
    }
    if let Some(zones) = &plan.zones {
        let sequential = zones.of_kind(ZoneKind::SequentialRequired);
        let others = zones.zones().count() as u64 - sequential;
        page.row(
            "zones",
            &format!(
                "{sequential} written in sequence, each reset first and begun anew once after a failure; {others} that take \
                 writes anywhere"
            ),
        );
    }
    page.row("verify", &describe(&plan.verification, &plan.geometry));
    if plan.verification != VerificationPlan::Canaries {
        page.row("  cost", &choices_text(&plan.verification, estimate));
    }
    page.row(
        "bytes",
        &format!(
            "{} written in all ({} in each pass), {} read back",
            size_text(estimate.write_bytes),
            size_text(estimate.bytes_per_pass),
            size_text(estimate.chosen.bytes)
        ),
    );
    page.row("time", &time_text(estimate));
    rule_rows(page, plan);
    page.row("claim", &claim_text(plan));
    // What a sample cannot show stands beside "verify" already.
    for limit in plan.limits.iter().filter(|limit| limit.code != LimitCode::SampledVerification) {
        page.row("limit", &limit.text);
    }
}

fn rule_rows(page: &mut Page, plan: &Plan) {
    if let Some(rules) = &plan.rules {
        page.row("gives up", &enders_text(rules));
        page.row("heat", &heat_text(rules));
        let set = rules.unusual(plan.kind);
        if !set.is_empty() {
            page.row("rules", &format!("unlike the usual ones: {}", set.join(" ")));
        }
    }
}

fn drive_words(facts: &DriveFacts) -> String {
    let kind = match facts.kind {
        DriveKind::Rotating => "rotating drive",
        DriveKind::Flash => "flash drive",
        DriveKind::LogicalVolume => "logical volume",
        DriveKind::TestObject => "test object",
        DriveKind::Unknown => "drive of unknown kind",
    };
    let maker = [&facts.identity.vendor, &facts.identity.model].into_iter().flatten();
    let mut words: Vec<String> = maker.cloned().collect();
    words.push(if facts.removable { format!("removable {kind}") } else { kind.to_owned() });
    if let Some(geometry) = facts.geometry() {
        words.push(format!(
            "{} ({} blocks of {} bytes)",
            size_text(geometry.bytes()),
            geometry.capacity,
            geometry.block_size
        ));
    }
    words.extend(facts.transport.clone());
    words.join(", ")
}

/// The passes in order; equal neighbours are counted.
fn passes_text(passes: &[PassSpec]) -> String {
    let groups = passes.chunk_by(|one, next| one == next).map(|group| {
        let words = pattern_words(&group[0].pattern);
        if group.len() == 1 { words } else { format!("{words} x {}", group.len()) }
    });
    groups.collect::<Vec<_>>().join(", ")
}

fn pattern_words(pattern: &PassPattern) -> String {
    match pattern {
        PassPattern::Keyed => "random (keyed stream, a fresh key for each pass)".to_owned(),
        PassPattern::Stamped { .. } => {
            format!("{pattern} (each 512 bytes begin with their number and a tag, fresh for each pass)")
        }
        PassPattern::Fixed { .. } | PassPattern::JobByte { .. } => pattern.to_string(),
    }
}

/// "full 27 h (chosen), r1 sample 3 h, none".
fn choices_text(chosen: &VerificationPlan, estimate: &Estimate) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut chosen_shown = false;
    for choice in &estimate.choices {
        let is_chosen = choice.choice == estimate.chosen.choice;
        chosen_shown |= is_chosen;
        parts.push(choice_words(choice, is_chosen));
    }
    if let (VerificationPlan::Sampled { .. }, false) = (chosen, chosen_shown) {
        parts.insert(0, choice_words(&estimate.chosen, true));
    }
    parts.join(", ")
}

fn choice_words(cost: &VerificationCost, is_chosen: bool) -> String {
    let name = if cost.choice == "sampled" { "r1 sample" } else { &cost.choice };
    let mark = if is_chosen { " (chosen)" } else { "" };
    let everything = if cost.reads_everything { " (reads everything)" } else { "" };
    if cost.bytes == 0 {
        return format!("{name}{mark}");
    }
    format!("{name} {}{everything}{mark}", duration_text(cost.seconds))
}

fn time_text(estimate: &Estimate) -> String {
    let rates = match estimate.rates.source {
        RateSource::Assumed => "assumed for this kind of drive, not measured",
        RateSource::Measured => "measured",
    };
    format!(
        "about {}: {} writing, {} reading back, at {}/s and {}/s ({rates})",
        duration_text(estimate.total_seconds),
        duration_text(estimate.write_seconds),
        duration_text(estimate.chosen.seconds),
        size_text(estimate.rates.write_bytes_per_second),
        size_text(estimate.rates.read_bytes_per_second),
    )
}

/// When the job ends early: "after 32768 failed transfers, below 500 kB/s over 1 h, at 70 °C".
fn enders_text(rules: &Rules) -> String {
    let mut parts = vec![format!("after {} failed transfers", rules.errors_max)];
    parts.extend(rules.errors_percent.map(|percent| format!("above {percent} % of the last 1000")));
    parts.extend(rules.floor_kb.map(|floor| {
        let rate = size_text(floor.saturating_mul(1000));
        format!("below {rate}/s over {}", duration_text(rules.floor_seconds))
    }));
    parts.extend(rules.time_seconds.map(|time| format!("after {} in all", duration_text(time))));
    parts.push(format!("after {} without an answer", duration_text(rules.silence_seconds)));
    parts.extend(rules.stop_celsius.map(|stop| format!("at {stop} °C")));
    parts.join(", ")
}

fn heat_text(rules: &Rules) -> String {
    let Rules { slow_celsius: slow, pause_celsius: pause, resume_celsius: resume, .. } = rules;
    format!("half speed from {slow} °C, paused from {pause} °C until {resume} °C, where there is a sensor")
}

fn claim_text(plan: &Plan) -> String {
    match &plan.claim {
        Some(claim) => format!(
            "if {}: {} by {} of {}",
            match plan.firmware.as_ref().filter(|firmware| !firmware.steps.is_empty()) {
                None => "every write and every comparison succeeds",
                Some(_) => "the drive confirms its commands and every comparison succeeds",
            },
            word(claim.method),
            word(claim.technique),
            claim.scope
        ),
        None => "nothing: without a read-back the record claims no sanitization".to_owned(),
    }
}

/// Width of the names at the left, and of a whole line.
const NAME_WIDTH: usize = 11;
const LINE_WIDTH: usize = 100;

/// Lines of a name and a text, folded.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn row(&mut self, name: &str, text: &str) {
        let mut line = format!("{name:NAME_WIDTH$}");
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && line.chars().count() + 1 + word.chars().count() > LINE_WIDTH {
                self.push(&line);
                line = " ".repeat(NAME_WIDTH);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.push(&line);
    }

    /// A text that must not be folded, because it is copied.
    fn whole(&mut self, name: &str, text: &str) {
        self.push(&format!("{name:NAME_WIDTH$}{text}"));
    }

    fn push(&mut self, line: &str) {
        // Names and labels come from drives: a control character among them could steer the terminal.
        let shown =
            line.trim_end().chars().map(|c| if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c });
        self.text.extend(shown);
        self.text.push('\n');
    }
}

/// Control characters, and the Unicode marks that reverse or hide text.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
}

#[cfg(test)]
mod tests;
