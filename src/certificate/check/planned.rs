//! Whether the plan on a record says what a plan for such a drive must say. The digest binds a plan to its
//! record, but whoever signs can write another plan under another digest; so limits, scope, content and policy
//! are derived here again from drive, passes and verification, not by the code that makes plans.
use super::finding::{Finding, FindingCode};
use super::limits::due_limits;
use super::needs;
use crate::certificate::record::{DriveRecord, Record};
use crate::command::DriveCommand;
use crate::device::Zoned;
use crate::plan::firmware::CommandReach;
use crate::plan::policy::{Case, InterfaceKind, Medium, PassRule, Ruling};
use crate::plan::scheme::Scheme;
use crate::plan::step::PLAN_SCHEMA;
use crate::plan::{Plan, Policy, Rules, VerificationPlan};
use crate::unit::ZoneMap;
use crate::unit::term::{DriveKind, word};

/// Kernel names of drivers that only make things which are no drives, and the major number of loop devices.
const TEST_NAMES: [&str; 4] = ["loop", "zram", "ram", "nullb"];
const LOOP_MAJOR: u32 = 7;

/// Everything about the plan that follows from what else the record says.
pub(super) fn planned(record: &Record, out: &mut Vec<Finding>) {
    kind(&record.drive, out);
    let Some(plan) = &record.plan else { return };
    if plan.schema != PLAN_SCHEMA {
        let text = format!("plans of the schema {:?} are not known here", plan.schema);
        out.push(Finding::error(FindingCode::Plan, text));
    }
    if let Some(Err(why)) = plan.rules.clone().map(Rules::checked) {
        out.push(Finding::error(FindingCode::Plan, why.to_string()));
    }
    if plan.zones.is_some() && record.drive.zoned != Some(Zoned::HostManaged) {
        let text = "the plan has zones that must be written in sequence, and the drive has none";
        out.push(Finding::error(FindingCode::Plan, text));
    }
    scope(plan, out);
    content(plan, out);
    scheme(plan, out);
    let medium = Medium::of_kind(plan.kind, record.drive.removable, record.drive.transport.as_deref());
    policy(record, plan, medium, out);
    for code in due_limits(record, plan) {
        if record.limits.iter().all(|limit| limit.code != code) {
            let text = format!("a record of such a job must state the limit {}", word(code));
            out.push(Finding::error(FindingCode::Limits, text));
        }
    }
}

/// A file that stands for a drive must not pass for one.
pub(super) fn kind(drive: &DriveRecord, out: &mut Vec<Finding>) {
    let named = TEST_NAMES.iter().any(|name| {
        let rest = drive.kernel_name.strip_prefix(name);
        rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let looped = drive.device.is_some_and(|device| device.major == LOOP_MAJOR);
    let no_drive = drive.identity_before.backing.is_some() || looped || named;
    if no_drive && drive.kind != DriveKind::TestObject {
        let text = format!("a file, a loop device or memory is called {}", word(drive.kind));
        out.push(Finding::error(FindingCode::Identity, text));
    }
}

fn scope(plan: &Plan, out: &mut Vec<Finding>) {
    let geometry = &plan.geometry;
    let mut expected =
        format!("the {} blocks of {} bytes that the drive presents", geometry.capacity, geometry.block_size);
    let runs = plan.zones.iter().flat_map(ZoneMap::runs);
    let absent: u64 = runs.map(|run| run.zones * (run.length.0 - run.capacity.0)).sum();
    if absent > 0 {
        expected += &format!(", without the {absent} addresses that have no cells");
    }
    if plan.zones.as_ref().is_some_and(|zones| !zones.covers(geometry)) {
        let text = "the zones of the plan are not those of its drive";
        out.push(Finding::error(FindingCode::Plan, text));
    }
    if let Some(firmware) = plan.firmware.as_ref().filter(|firmware| !firmware.steps.is_empty()) {
        let CommandReach { units, not_reached, .. } = &firmware.reach;
        expected += ", and the other places of the same data that the drive's own command reaches, in: ";
        expected += &units.join(", ");
        if !not_reached.is_empty() {
            expected += &format!("; not {}", not_reached.join(", "));
        }
    }
    let read_back = plan.verification != VerificationPlan::None;
    if plan.claim.is_some() != read_back {
        let text = "a plan claims something exactly when it reads back";
        out.push(Finding::error(FindingCode::Claim, text));
    }
    if plan.claim.as_ref().is_some_and(|claim| claim.scope != expected) {
        out.push(Finding::error(FindingCode::Claim, format!("the scope must be {expected:?}")));
    }
}

/// What may be alive elsewhere is overwritten only when it was named, and only what was found can be named.
fn content(plan: &Plan, out: &mut Vec<Finding>) {
    let found = |named| plan.content.iter().any(|content| content.content_type == named);
    let unnamed = plan
        .content
        .iter()
        .map(|content| content.content_type)
        .find(|found| found.needs_repeating() && !plan.known_content.contains(found));
    if let Some(unnamed) = unnamed {
        let text = format!("{} was found, and nobody accepted its loss by name", word(unnamed));
        out.push(Finding::error(FindingCode::Plan, text));
    }
    if let Some(absent) = plan.known_content.iter().copied().find(|named| !found(*named)) {
        let text = format!("{} was named, but is not among the content found", word(absent));
        out.push(Finding::error(FindingCode::Plan, text));
    }
}

/// The name of a scheme stands for its passes.
fn scheme(plan: &Plan, out: &mut Vec<Finding>) {
    let Some(named) = &plan.scheme else { return };
    match Scheme::named(&named.name) {
        Some(scheme) if scheme.passes() == plan.passes => {}
        Some(scheme) => {
            let text = format!("the passes are not those of the scheme {}", scheme.name);
            out.push(Finding::error(FindingCode::Plan, text));
        }
        None => {
            let text =
                format!("the scheme {:?} is not known here; its passes stand for themselves", named.name);
            out.push(Finding::warning(FindingCode::Plan, text));
        }
    }
}

/// Policies that came with this program are known row by row; of another one a record has no more than its digest.
fn policy(record: &Record, plan: &Plan, medium: Medium, out: &mut Vec<Finding>) {
    let Some(policy) = Policy::known(&plan.policy.digest) else {
        let text = format!(
            "the policy {:?} with the digest {} is not known here: whether it accepts this cannot be computed again",
            plan.policy.name, plan.policy.digest
        );
        out.push(Finding::warning(FindingCode::Claim, text));
        // What no table can change holds under that one too.
        if let Some(need) = needs::unmet(record, plan, medium, &[]) {
            let text = format!("{} by {} needs {need}", word(plan.method), word(plan.technique));
            out.push(Finding::error(FindingCode::Claim, text));
        }
        return;
    };
    let case = Case {
        standard: plan.policy.standard,
        medium,
        interface: InterfaceKind::of_commands(plan.commands()),
        technique: plan.technique,
        method: plan.method,
    };
    let fits = match policy.quoted(&case, &plan.policy).map(|rule| &rule.ruling) {
        Some(Ruling::Accepted { passes: PassRule::AnyPattern }) => !plan.passes.is_empty(),
        Some(Ruling::Accepted { passes: PassRule::PatternThenComplement }) => {
            plan.passes.windows(2).any(|pair| pair[0].pattern.is_complemented_by(&pair[1].pattern))
        }
        Some(Ruling::ByDrive { needs }) => {
            if let Some(need) = needs::unmet(record, plan, medium, needs) {
                let text = format!("{} by {} needs {need}", word(plan.method), word(plan.technique));
                out.push(Finding::error(FindingCode::Claim, text));
            }
            plan.commands().iter().map(DriveCommand::technique).any(|technique| technique == plan.technique)
        }
        Some(Ruling::NotReachable { .. }) | None => false,
    };
    if !fits {
        let text = format!(
            "the policy {} does not accept this as {} of this drive, or not by the row that is quoted",
            policy.name,
            word(plan.method)
        );
        out.push(Finding::error(FindingCode::Claim, text));
    }
}
