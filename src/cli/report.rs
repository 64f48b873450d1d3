//! The end of a command over several drives: a table for people, one JSON object for programs.
use serde_json::{Value, json};

use crate::certificate::provenance::Given;
use crate::certificate::show::plain;
use crate::device::DriveFacts;
use crate::job::execute::{Finished, NotBegun};
use crate::job::prepare::RefusedDrive;
use crate::job::replay::can_go_on;
use crate::plan::Plan;
use crate::unit::Reason;
use crate::unit::term::{Disposition, Exit, Outcome, word};

/// Schema name of the final JSON object.
const RESULT_SCHEMA: &str = "urn:expunge:sanitize-result:v1";

/// What became of one drive of the command.
#[derive(Debug)]
pub enum Fate {
    /// It was worked on, or found to be past working on.
    Finished(Box<Finished>),
    /// It was refused before anything was written.
    Refused(Box<RefusedDrive>),
    /// Something came up between preparation and the first write.
    NotBegun(Box<NotBegun>),
    /// It was ready, but another drive of the request was refused.
    HeldBack(Box<DriveFacts>),
    /// A job that was to go on, and did not: its drive is as the interruption has left it.
    NotResumed(Box<NotGoneOn>),
    /// Its job ended inside Expunge without an answer.
    Lost(Option<Box<DriveFacts>>, Box<Reason>),
}

/// A job that did not go on.
#[derive(Debug)]
pub struct NotGoneOn {
    /// Name of the job.
    pub job: String,
    /// Its drive, as far as its journal could be read.
    pub facts: Option<DriveFacts>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Whether it can go on when the reasons are gone.
    pub later: Later,
}

/// Whether a job can go on later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Later {
    /// When what stands in the way is gone.
    Possible,
    /// Never.
    Never,
}

impl Fate {
    /// What the shell is told about this drive.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Finished(finished) => finished.exit(),
            Self::Refused(_) | Self::NotBegun(_) | Self::HeldBack(_) | Self::NotResumed(_) => Exit::Refused,
            Self::Lost(..) => Exit::Internal,
        }
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Finished(finished) => finished.verdict.outcome(),
            Self::Refused(_) | Self::NotBegun(_) | Self::HeldBack(_) | Self::NotResumed(_) => {
                Outcome::Refused
            }
            Self::Lost(..) => Outcome::Unknown,
        }
    }

    fn facts(&self) -> Option<&DriveFacts> {
        match self {
            Self::Finished(finished) => Some(&finished.facts),
            Self::Refused(refused) => refused.facts.as_ref(),
            Self::NotBegun(not_begun) => Some(&not_begun.facts),
            Self::HeldBack(facts) => Some(facts),
            Self::NotResumed(not) => not.facts.as_ref(),
            Self::Lost(facts, _) => facts.as_deref(),
        }
    }

    /// Why it is not done.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Finished(finished) => finished.verdict.reasons(),
            Self::Refused(refused) => &refused.reasons,
            Self::NotBegun(not_begun) => &not_begun.reasons,
            Self::HeldBack(_) => &[],
            Self::NotResumed(not) => &not.reasons,
            Self::Lost(_, reason) => std::slice::from_ref(reason.as_ref()),
        }
    }

    /// Whether `expunge resume` can go on with it.
    pub fn is_resumable(&self) -> bool {
        match self {
            Self::Finished(finished) => {
                finished.plan.is_some() && can_go_on(finished.verdict.outcome(), finished.verdict.reasons())
            }
            // Whatever happened, its journal tells.
            Self::Lost(..) => true,
            Self::NotResumed(not) => not.later == Later::Possible,
            Self::Refused(_) | Self::NotBegun(_) | Self::HeldBack(_) => false,
        }
    }

    /// Name of the drive for people.
    pub fn title(&self) -> String {
        match (self.facts(), self) {
            (Some(facts), _) => facts.title(),
            (None, Self::Refused(refused)) => refused.device.clone(),
            (None, Self::NotResumed(not)) => format!("job {}", not.job),
            (None, Self::Finished(_) | Self::NotBegun(_) | Self::HeldBack(_) | Self::Lost(..)) => {
                String::new()
            }
        }
    }
}

/// One drive as JSON, with every field of the published list. What was given stands on refusals, too: a list
/// must say whose drive was not done.
fn as_json(fate: &Fate, given: &Given) -> Value {
    let facts = fate.facts();
    let identity = facts.map(|facts| &facts.identity);
    let finished = match fate {
        Fate::Finished(finished) => Some(finished.as_ref()),
        Fate::Refused(_) | Fate::NotBegun(_) | Fate::HeldBack(_) | Fate::NotResumed(_) | Fate::Lost(..) => {
            None
        }
    };
    let job = match fate {
        Fate::NotResumed(not) => Some(&not.job),
        _ => finished.map(|finished| &finished.job),
    };
    let disposition = match fate {
        // It may be overwritten in part, and it is not sanitized.
        Fate::NotResumed(_) => Disposition::Quarantined,
        _ => finished.map_or(Disposition::Unchanged, |finished| finished.verdict.disposition()),
    };
    let plan: Option<&Plan> = finished.and_then(|finished| finished.plan.as_ref());
    let evidence = finished.and_then(|finished| finished.verdict.evidence());
    let claim = evidence.map(|evidence| evidence.claim()).map(|claim| {
        json!({
            "method": claim.method,
            "technique": claim.technique,
            "policy": plan.map(|plan| &plan.policy.name),
            "standard": claim.standard,
            "basis": claim.basis,
        })
    });
    let held_back = matches!(fate, Fate::HeldBack(_));
    let mut reasons = json!(fate.reasons());
    if held_back {
        reasons = json!([{
            "code": "bad-request", "class": "request",
            "text": "another drive of the same request was refused, so nothing was written to this one",
            "remedy": "leave the refused drive out, or give --each",
        }]);
    }
    json!({
        "job": job,
        "node": facts.map(|facts| facts.node.display().to_string()),
        "device": match fate { Fate::Refused(refused) => Some(&refused.device), _ => None },
        "serial": identity.and_then(|identity| identity.serial.as_ref()),
        "wwn": identity.and_then(|identity| identity.wwn.as_ref()),
        "model": identity.and_then(|identity| identity.model.as_ref()),
        "bytes": facts.and_then(DriveFacts::geometry).map(crate::unit::Geometry::bytes),
        "units": facts.map(|facts| facts.other_units.len() + 1),
        "confirm": facts.and_then(DriveFacts::confirm_text),
        "profile": given.profile,
        "asset_tag": given.asset_tag,
        "ticket": given.ticket,
        "outcome": fate.outcome(),
        "claim": claim,
        "verified": evidence.is_some(),
        "disposition": disposition,
        "reason": reasons.get(0).cloned(),
        "reasons": reasons,
        "resumable": fate.is_resumable(),
        "exit_status": fate.exit().code(),
        "record": finished.and_then(|finished| finished.record.as_ref()).map(|record| json!({
            "path": record.path.display().to_string(),
            "sha256": record.sha256,
        })),
        "trouble": finished.and_then(|finished| finished.trouble.as_ref()),
    })
}

/// The final JSON object; `given` is what people said of `fates`, in the same order.
pub fn json_result(fates: &[Fate], given: &[Given], exit: Exit) -> Value {
    let drives: Vec<Value> = fates.iter().zip(given).map(|(fate, given)| as_json(fate, given)).collect();
    json!({"schema": RESULT_SCHEMA, "event": "result", "drives": drives, "exit_status": exit.code()})
}

/// One line for the board when a drive has ended.
pub fn short(fate: &Fate) -> String {
    let reason = fate.reasons().first().map(|reason| format!(": {}", reason.text)).unwrap_or_default();
    format!("{}{reason}", headline(fate))
}

fn headline(fate: &Fate) -> String {
    match fate.outcome() {
        Outcome::Done => "DONE, every check passed".to_owned(),
        Outcome::Written => "WRITTEN, not read back: nothing is claimed".to_owned(),
        Outcome::Partial => "INCOMPLETE: NOT sanitized".to_owned(),
        Outcome::Failed => "FAILED: NOT sanitized".to_owned(),
        Outcome::Unsanitizable => "CANNOT BE SANITIZED HERE: destroy".to_owned(),
        Outcome::Refused => match fate {
            Fate::HeldBack(_) => "NOT BEGUN: another drive was refused".to_owned(),
            Fate::NotResumed(_) => {
                "NOT GONE ON WITH: the drive may be overwritten in part and is NOT sanitized".to_owned()
            }
            Fate::Finished(_) | Fate::Refused(_) | Fate::NotBegun(_) | Fate::Lost(..) => {
                "REFUSED, nothing was written".to_owned()
            }
        },
        Outcome::Aborted => "STOPPED: NOT sanitized".to_owned(),
        Outcome::Unknown => "UNKNOWN: treat as NOT sanitized".to_owned(),
    }
}

/// The summary for people. `places` is what `expunge resume` must be given to find the job again.
pub fn table(fates: &[Fate], places: &str) -> String {
    let mut text = String::new();
    for fate in fates {
        text.push_str(&format!("{}: {}\n", plain(&fate.title()), headline(fate)));
        text.push_str(&super::plan::reasons_text(fate.reasons()));
        if let Fate::Finished(finished) = fate {
            if let Some(evidence) = finished.verdict.evidence() {
                let claim = evidence.claim();
                text.push_str(&format!(
                    "  claim: {} by {} under {}, {}\n",
                    word(claim.method),
                    word(claim.technique),
                    word(claim.standard),
                    claim.scope
                ));
            }
            if let Some(record) = &finished.record {
                text.push_str(&format!("  record: {}\n", record.path.display()));
            }
            if fate.is_resumable() {
                text.push_str(&format!("  go on with it: expunge resume {}{places}\n", finished.job));
            }
            if let Some(trouble) = &finished.trouble {
                text.push_str(&format!("  TROUBLE: {trouble}\n"));
            }
        }
    }
    if fates.len() > 1 {
        let count = |outcome| fates.iter().filter(|fate| fate.outcome() == outcome).count();
        let done = count(Outcome::Done);
        text.push_str(&format!("{done} of {} drives done\n", fates.len()));
    }
    text
}
