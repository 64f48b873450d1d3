//! `expunge plan`: exactly what would be done, or everything against it at once. Changes nothing.
use std::io::Write;

use serde_json::{Value, json};

use super::args::PlanArgs;
use super::complain;
use super::confirm::unit_texts;
use super::setup::under_policy;
use crate::certificate::provenance::Given;
use crate::certificate::show::{plain, plain_lines};
use crate::device::DriveFacts;
use crate::job::Directories;
use crate::job::prepare::{Host, Order, Prepared, RefusedDrive, prepare};
use crate::plan::render::{PLAN_REPORT_SCHEMA, PlanReport, report, text};
use crate::plan::{Decision, Policy, Rates, Request};
use crate::unit::Reason;
use crate::unit::term::Exit;

/// Plans for every drive named.
pub fn run(args: &PlanArgs, out: &mut dyn Write) -> Exit {
    let state = &args.state;
    let directories =
        match Directories::choose(state.state.as_deref(), state.out.as_deref(), state.key.as_deref()) {
            Ok(directories) => directories,
            Err(error) => {
                complain(&error.to_string());
                return Exit::Internal;
            }
        };
    let host = match under_policy(Host::own(directories), &args.request) {
        Ok(host) => host,
        Err(exit) => return exit,
    };
    let request = match args.request.request() {
        Ok(request) => request,
        Err(text) => {
            complain(&text);
            return Exit::Usage;
        }
    };
    let orders: Vec<Order> = args
        .devices
        .iter()
        .map(|device| Order { device: device.clone(), request: request.clone(), given: Given::default() })
        .collect();
    let prepared = prepare(&host, &orders, args.waiting.wait());
    let exit = prepared.iter().map(exit_of).fold(Exit::Success, Exit::gravest);
    let written = if args.json {
        let plans: Vec<Value> = prepared.iter().map(|one| as_json(one, &request, &host.policy)).collect();
        writeln!(out, "{}", json!({"schema": "urn:expunge:plans:v1", "plans": plans}))
    } else {
        prepared
            .iter()
            .try_for_each(|one| writeln!(out, "{}", plain_lines(&as_text(one, &request, &host.policy))))
    };
    if let Err(error) = written {
        complain(&format!("the plan could not be written: {error}"));
        return Exit::Internal;
    }
    exit
}

fn exit_of(prepared: &Prepared) -> Exit {
    match prepared {
        Prepared::Ready(_) => Exit::Success,
        Prepared::Dead(_) => Exit::Failed,
        Prepared::Refused(_) => Exit::Refused,
    }
}

/// The report on one prepared drive; `None` when nothing is known about it but why it was refused.
pub fn report_of(
    prepared: &Prepared,
    request: &Request,
    policy: &Policy,
) -> Option<(PlanReport, DriveFacts)> {
    let facts = prepared.facts()?.clone();
    let (decision, units) = match prepared {
        Prepared::Ready(ready) => (Decision::Planned(Box::new(ready.plan.clone())), unit_texts(ready)),
        Prepared::Dead(dead) => (Decision::Unsanitizable(dead.reasons.clone()), Vec::new()),
        Prepared::Refused(refused) => (Decision::Refused(refused.reasons.clone()), Vec::new()),
    };
    let report = report(&decision, request, &facts, &units, policy, Rates::assumed(facts.kind));
    Some((report, facts))
}

/// A prepared drive as text: its plan, or every reason against it.
pub fn as_text(prepared: &Prepared, request: &Request, policy: &Policy) -> String {
    match report_of(prepared, request, policy) {
        Some((report, facts)) => text(&report, &facts),
        None => match prepared {
            Prepared::Refused(refused) => refusal_text(refused),
            Prepared::Ready(_) | Prepared::Dead(_) => String::new(),
        },
    }
}

fn as_json(prepared: &Prepared, request: &Request, policy: &Policy) -> Value {
    match report_of(prepared, request, policy) {
        Some((report, _)) => json!(report),
        None => match prepared {
            Prepared::Refused(refused) => json!(report_without_facts(refused)),
            Prepared::Ready(_) | Prepared::Dead(_) => Value::Null,
        },
    }
}

/// The report on a drive of which nothing is known but why it was refused; its node is what the user named.
fn report_without_facts(refused: &RefusedDrive) -> PlanReport {
    PlanReport {
        schema: PLAN_REPORT_SCHEMA.to_owned(),
        node: refused.device.clone(),
        confirm: None,
        decision: "refused".to_owned(),
        plan: None,
        digest: None,
        estimate: None,
        verification_text: None,
        reasons: refused.reasons.clone(),
        content: Vec::new(),
        techniques: Vec::new(),
        command: None,
    }
}

/// A refusal without facts.
pub fn refusal_text(refused: &RefusedDrive) -> String {
    let mut text = format!("{}: REFUSED, nothing was written\n", plain(&refused.device));
    text.push_str(&reasons_text(&refused.reasons));
    text
}

/// Reasons with their remedies, one below the other.
pub fn reasons_text(reasons: &[Reason]) -> String {
    use crate::unit::term::word;
    let mut text = String::new();
    for reason in reasons {
        text.push_str(&format!("  - {} [{}]\n", plain(&reason.text), word(reason.code)));
        for (index, line) in reason.remedy.lines().enumerate() {
            let begin = if index == 0 { "to go on:" } else { "         " };
            text.push_str(&format!("    {begin} {}\n", plain(line)));
        }
    }
    text
}
