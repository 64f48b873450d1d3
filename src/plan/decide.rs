//! The decision: from a request, the facts of a drive and a policy to a plan, or to every reason against it at
//! once. Pure and total.
pub(super) mod against;

use against::{
    BLOCKS_END, Sight, Writing, addressable, content_reasons, identity_reason, read_only_reason, zoned_reason,
};

use super::choose::{self, NoChoice, choose};
use super::command::{command_line, completed, default_method, verification_words};
use super::firmware::{CanaryKind, CommandReach, Expected, FirmwarePlan, Scope};
use super::growth::GrowthRule;
use super::hidden;
use super::limit::{Planned, PlannedWork, limits, medium_words};
use super::policy::{Medium, PassRule, Policy, Rule, Ruling};
use super::profile::Profile;
use super::purge;
use super::request::{
    Afterwards, CanaryChoice, Fallback, HiddenChoice, PassChoice, Request, VerificationChoice,
};
use super::sampling::{SAMPLE_DRAWS_MAX, r1_sample, sample_size};
use super::scheme::{SCHEMES, Scheme};
use super::step::PLAN_SCHEMA;
use super::technique::hinder;
use super::{Candidate, Claim, PassPattern, PassSpec, Plan, PolicyRow, Rules, SchemeRef, VerificationPlan};
use crate::device::DriveFacts;
use crate::unit::term::{Basis, Method, Technique, word};
use crate::unit::{Geometry, Reason, ReasonCode, ZoneMap};

/// What came of a request for one drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It can be done, like this.
    Planned(Box<Plan>),
    /// It will not be done, for all of these reasons; never empty.
    Refused(Vec<Reason>),
    /// The drive cannot be sanitized here at all; never empty.
    Unsanitizable(Vec<Reason>),
}

/// Decides what to do with one drive. All reasons against it come at once, so that nobody has to ask twice.
/// Whether the drive is in use is not decided here: the guards do that under an exclusive claim.
pub fn decide(request: &Request, facts: &DriveFacts, policy: &Policy) -> Decision {
    let geometry = match addressable(facts) {
        Ok(geometry) => whole(geometry, request, facts),
        Err(reason) => return Decision::Unsanitizable(vec![reason]),
    };
    let way = way(request, facts, policy);
    let mut reasons = Vec::new();
    reasons.extend(identity_reason(facts));
    reasons.extend(read_only_reason(facts));
    reasons.extend(zoned_reason(facts, &geometry, writing(&way, request, facts)));
    reasons.extend(content_reasons(request, facts, sight(&way, facts)));
    if let Ok(Way::Drive { candidate, .. }) = &way {
        reasons.extend(purge::unproven(candidate, request, facts));
    }
    // Without a way the passes are judged as for clear: purge by overwrite has no passes that would do.
    let medium = Medium::of(facts);
    let rule = policy.rule(request.standard, medium, Technique::Overwrite, Method::Clear);
    let passes = match &way {
        Ok(Way::Drive { .. }) => no_passes(request),
        Ok(Way::Overwrite { .. }) | Err(_) => passes(request, medium, rule),
    };
    let mut unavailable = None;
    let way = match way {
        Ok(way) => Some(way),
        Err(NoWay::Refused(more)) => {
            reasons.extend(more);
            None
        }
        Err(NoWay::Unavailable(reason)) => {
            unavailable = Some(reason);
            None
        }
    };
    let passes = passes.map_err(|reason| reasons.push(reason));
    let defect_growth = GrowthRule::usual(policy.defect_growth, request.profile);
    let usual = Rules { defect_growth, ..Rules::of_kind(facts.kind) };
    let rules = usual.and(&request.rules).map_err(|fault| {
        reasons.push(Reason::new(
            ReasonCode::BadRequest,
            fault.to_string(),
            "give rules that agree with each other; expunge plan shows those of the drive",
        ));
    });
    reasons.extend(rules.as_ref().ok().and_then(|rules| loosened(rules, policy)));
    // What can be mended comes first: only then is a drive to be given up.
    match (way, passes, rules, unavailable) {
        (Some(way), Ok(passes), Ok(rules), None) if reasons.is_empty() => {
            let parts = Parts { geometry, way, passes, rules };
            Decision::Planned(Box::new(plan(request, facts, policy, parts)))
        }
        (_, _, _, Some(reason)) if reasons.is_empty() => Decision::Unsanitizable(vec![reason]),
        (_, _, _, unavailable) => {
            reasons.extend(unavailable);
            Decision::Refused(reasons)
        }
    }
}

/// A request may be stricter than the policy about defects that grow, and never looser.
fn loosened(rules: &Rules, policy: &Policy) -> Option<Reason> {
    let loose = policy.defect_growth == Some(GrowthRule::Fail) && rules.defect_growth == GrowthRule::State;
    loose.then(|| {
        Reason::new(
            ReasonCode::BadRequest,
            format!("policy {} does not allow --rule defect-growth=state", policy.name),
            "leave that rule out, or ask whoever signs the policy",
        )
    })
}

/// What this host writes to the drive on this way.
fn writing(way: &Result<Way<'_>, NoWay>, request: &Request, facts: &DriveFacts) -> Writing {
    match way {
        Ok(Way::Overwrite { .. }) => Writing::Passes,
        Ok(Way::Drive { candidate, .. }) => purge::writing(candidate, request, facts),
        Err(NoWay::Unavailable(_)) => Writing::Nothing,
        Err(NoWay::Refused(_)) => match (request.method, request.canaries, request.afterwards) {
            (Some(Method::Purge), CanaryChoice::Planted, _) => Writing::Canaries,
            (Some(Method::Purge), CanaryChoice::Fingerprints | CanaryChoice::None, Afterwards::Nothing) => {
                Writing::Nothing
            }
            (_, _, _) => Writing::Passes,
        },
    }
}

/// Whether somebody could look at the drive and find no more than that it cannot be read.
fn sight(way: &Result<Way<'_>, NoWay>, facts: &DriveFacts) -> Sight {
    let closed = facts.capability.as_ref().is_some_and(|capability| capability.out_of_reach().is_some());
    let mended = match way {
        Ok(_) | Err(NoWay::Unavailable(_)) => false,
        Err(NoWay::Refused(reasons)) => reasons.iter().any(|reason| {
            matches!(reason.code, ReasonCode::FirmwareBusy | ReasonCode::Locked | ReasonCode::FirmwareRefused)
        }),
    };
    if closed && mended { Sight::Later } else { Sight::Now }
}

/// The shape of the drive as it will be: with the capacity that is restored first.
fn whole(geometry: Geometry, request: &Request, facts: &DriveFacts) -> Geometry {
    match (request.hidden, hidden::restore(facts)) {
        (HiddenChoice::Restore, Some(restore)) if restore.native.0 < BLOCKS_END => {
            Geometry { capacity: restore.native, ..geometry }
        }
        (HiddenChoice::Restore | HiddenChoice::Leave, _) => geometry,
    }
}

/// How the drive is sanitized.
enum Way<'a> {
    /// By writing to it.
    Overwrite { rule: &'a Rule, instead: Option<Reason> },
    /// By its own commands.
    Drive { method: Method, candidate: Box<Candidate> },
}

/// Why there is no way.
enum NoWay {
    /// It could be mended.
    Refused(Vec<Reason>),
    /// It could not.
    Unavailable(Reason),
}

/// What was decided on the way to a plan.
struct Parts<'a> {
    geometry: Geometry,
    way: Way<'a>,
    passes: Passes,
    rules: Rules,
}

struct Passes {
    specs: Vec<PassSpec>,
    scheme: Option<SchemeRef>,
}

/// What a plan does, whichever way.
struct Done {
    method: Method,
    technique: Technique,
    row: PolicyRow,
    firmware: Option<FirmwarePlan>,
    passes: Vec<PassSpec>,
    verification: VerificationPlan,
    instead: Option<Reason>,
}

fn plan(request: &Request, facts: &DriveFacts, policy: &Policy, parts: Parts<'_>) -> Plan {
    let Parts { geometry, way, passes, rules } = parts;
    let scheme = passes.scheme.clone();
    let done = match way {
        Way::Overwrite { rule, instead } => Done {
            method: Method::Clear,
            technique: Technique::Overwrite,
            row: policy.reference(rule),
            firmware: only_restoring(request, facts),
            passes: passes.specs,
            verification: verification(request.verification, &geometry),
            instead,
        },
        Way::Drive { method, candidate } => {
            let technique = candidate.technique;
            let row = candidate.policy.clone().unwrap_or_else(|| no_row(request, policy));
            let mut parts = purge::parts(*candidate, request, facts, &geometry);
            parts.firmware.alternatives =
                (method == Method::Purge).then(|| choose::alternatives(request, facts, policy, technique));
            Done {
                method,
                technique,
                row,
                firmware: Some(parts.firmware),
                passes: parts.passes,
                verification: parts.verification,
                instead: None,
            }
        }
    };
    let limits = limits(&Planned { request, facts, geometry: &geometry, done: &done.as_planned() });
    // A drive that does everything by itself needs no zones, and they may be others afterwards.
    let zones = facts.zones.as_ref().filter(|_| !done.passes.is_empty());
    let mut content = facts.content.clone();
    content.sort();
    content.dedup();
    Plan {
        schema: PLAN_SCHEMA.to_owned(),
        identity: facts.identity.stable(),
        kind: facts.kind,
        geometry,
        zones: zones.cloned(),
        method: done.method,
        technique: done.technique,
        claim: claim(&done, &geometry, zones),
        policy: done.row,
        scheme,
        firmware: done.firmware,
        passes: done.passes,
        verification: done.verification,
        rules: Some(rules),
        content,
        known_content: request.known_content.iter().copied().collect(),
        limits,
    }
}

impl Done {
    const fn as_planned(&self) -> PlannedWork<'_> {
        PlannedWork {
            method: self.method,
            technique: self.technique,
            policy: &self.row,
            firmware: self.firmware.as_ref(),
            passes: self.passes.as_slice(),
            verification: &self.verification,
            instead: self.instead.as_ref(),
        }
    }
}

/// Capacity is restored even where everything else is written by the host.
fn only_restoring(request: &Request, facts: &DriveFacts) -> Option<FirmwarePlan> {
    let restore = match request.hidden {
        HiddenChoice::Restore => hidden::restore(facts)?,
        HiddenChoice::Leave => return None,
    };
    Some(FirmwarePlan {
        steps: Vec::new(),
        canaries: 0,
        canary_kind: CanaryKind::Planted,
        expected: Expected::Changed,
        reach: CommandReach {
            scope: Scope::Drive,
            units: vec!["the drive".to_owned()],
            unproven: Vec::new(),
            not_reached: Vec::new(),
        },
        restore: Some(restore),
        crypto_basis: None,
        alternatives: None,
    })
}

/// A candidate that is accepted has a row; without one the plan quotes the policy alone.
fn no_row(request: &Request, policy: &Policy) -> PolicyRow {
    PolicyRow {
        name: policy.name.clone(),
        digest: policy.digest(),
        standard: request.standard,
        basis: Basis::Memory,
        source: "no row".to_owned(),
    }
}

fn claim(done: &Done, geometry: &Geometry, zones: Option<&ZoneMap>) -> Option<Claim> {
    match done.verification {
        VerificationPlan::None => None,
        VerificationPlan::Full { .. }
        | VerificationPlan::SampledR1 { .. }
        | VerificationPlan::Sampled { .. }
        | VerificationPlan::Canaries => Some(Claim {
            method: done.method,
            technique: done.technique,
            standard: done.row.standard,
            basis: done.row.basis,
            scope: claim_scope(geometry, zones, done.firmware.as_ref()),
        }),
    }
}

/// For what a claim stands: the blocks that the drive presents, and what commands of its own reached besides.
pub fn claim_scope(geometry: &Geometry, zones: Option<&ZoneMap>, firmware: Option<&FirmwarePlan>) -> String {
    let mut blocks =
        format!("the {} blocks of {} bytes that the drive presents", geometry.capacity, geometry.block_size);
    let absent = zones.map(ZoneMap::absent_count).unwrap_or_default();
    if !absent.is_zero() {
        blocks += &format!(", without the {absent} addresses that have no cells");
    }
    match firmware.filter(|firmware| !firmware.steps.is_empty()) {
        None => blocks,
        Some(firmware) => {
            let reach = &firmware.reach;
            let kept = if reach.not_reached.is_empty() {
                String::new()
            } else {
                format!("; not {}", reach.not_reached.join(", "))
            };
            format!(
                "{blocks}, and the other places of the same data that the drive's own command reaches, in: {}{kept}",
                reach.units.join(", ")
            )
        }
    }
}

/// How the drive is sanitized, or why it is not.
fn way<'a>(request: &Request, facts: &DriveFacts, policy: &'a Policy) -> Result<Way<'a>, NoWay> {
    let medium = Medium::of(facts);
    let refused = |reason| Err(NoWay::Refused(vec![reason]));
    let Some(method) = request.method.or(default_method(facts.kind)) else {
        return refused(method_required(request, facts, policy));
    };
    match (method, request.technique) {
        (Method::Destroy, _) => refused(Reason::new(
            ReasonCode::BadRequest,
            "destroy is not something that a program can do to a drive",
            "destroy it with a machine made for that, or ask for --method clear or purge",
        )),
        (Method::Clear, None | Some(Technique::Overwrite)) => {
            by_overwrite(request, facts, policy, None).map_err(NoWay::Refused)
        }
        (Method::Purge, Some(Technique::Overwrite)) => {
            refused(not_reachable(request, medium, policy, method))
        }
        (Method::Purge | Method::Clear, _) => match chosen(request, facts, policy, method) {
            Ok(candidate) => Ok(Way::Drive { method, candidate: Box::new(candidate) }),
            Err(NoChoice::Hindered(reasons)) => Err(NoWay::Refused(reasons)),
            Err(NoChoice::Lacking(reason) | NoChoice::Unavailable(reason))
                if (method, request.fallback) == (Method::Purge, Fallback::Clear) =>
            {
                by_overwrite(request, facts, policy, Some(reason)).map_err(NoWay::Refused)
            }
            Err(NoChoice::Lacking(reason)) => refused(reason),
            Err(NoChoice::Unavailable(reason)) => match method {
                Method::Purge => Err(NoWay::Unavailable(reason)),
                Method::Clear | Method::Destroy => refused(reason),
            },
        },
    }
}

/// The technique of the drive. What is no drive is never to be destroyed for having none: a purge of it is one of the
/// drives below.
fn chosen(
    request: &Request,
    facts: &DriveFacts,
    policy: &Policy,
    method: Method,
) -> Result<Candidate, NoChoice> {
    choose(request, facts, policy, method).map_err(|why| {
        let medium = Medium::of(facts);
        match why {
            NoChoice::Lacking(_) | NoChoice::Unavailable(_)
                if method == Method::Purge && choose::is_no_drive(medium) =>
            {
                NoChoice::Lacking(not_reachable(request, medium, policy, method))
            }
            NoChoice::Lacking(_) | NoChoice::Unavailable(_) | NoChoice::Hindered(_) => why,
        }
    })
}

/// Clear by an overwrite, for itself or instead of a purge that is not available.
fn by_overwrite<'a>(
    request: &Request,
    facts: &DriveFacts,
    policy: &'a Policy,
    instead: Option<Reason>,
) -> Result<Way<'a>, Vec<Reason>> {
    let medium = Medium::of(facts);
    let obstacles: Vec<Reason> =
        hinder::of_host(facts).into_iter().chain(hinder::hidden_left(request, facts)).collect();
    if !obstacles.is_empty() {
        return Err(obstacles);
    }
    match policy.rule(request.standard, medium, Technique::Overwrite, Method::Clear) {
        Some(rule) if matches!(rule.ruling, Ruling::Accepted { .. }) => Ok(Way::Overwrite { rule, instead }),
        Some(_) | None => Err(vec![not_reachable(request, medium, policy, Method::Clear)]),
    }
}

/// With commands of the drive the only pass is the keyed one that may follow them.
fn no_passes(request: &Request) -> Result<Passes, Reason> {
    match request.passes {
        PassChoice::Default => Ok(Passes { specs: Vec::new(), scheme: None }),
        PassChoice::Listed(_) | PassChoice::Scheme(_) => Err(Reason::new(
            ReasonCode::BadRequest,
            "--pass and --scheme belong to an overwrite, and the drive's own command was chosen",
            "leave them out; to write one keyed pass after the command, add --overwrite-after",
        )),
    }
}

/// Purge is never reached by an overwrite, whatever a policy says: no pass count turns one into the other.
fn not_reachable(request: &Request, medium: Medium, policy: &Policy, method: Method) -> Reason {
    let remedy = match (method, medium) {
        (Method::Clear, _) => "choose another --standard or --policy, or destroy the drive",
        (Method::Purge | Method::Destroy, Medium::LogicalVolume) => {
            "purge the member drives themselves: set the controller to HBA mode, or attach them directly"
        }
        (Method::Purge | Method::Destroy, Medium::TestObject) => match request.profile {
            Some(Profile::Rma | Profile::Retire) => "name a drive: a test object has no purge",
            Some(Profile::Reuse) | None => "name a drive, or clear the test object: --method clear",
        },
        (Method::Purge | Method::Destroy, Medium::Rotating | Medium::Flash | Medium::RemovableFlash) => {
            "purge takes a command of the drive itself: leave --technique overwrite out where it has one, destroy the \
             drive, or ask for --method clear if that is enough for its data"
        }
    };
    Reason::new(
        ReasonCode::MethodNotReachable,
        format!(
            "{} is not reachable on {} by overwrite: {}",
            word(method),
            medium_words(medium),
            why_not(request, medium, policy, method)
        ),
        remedy,
    )
}

fn why_not(request: &Request, medium: Medium, policy: &Policy, method: Method) -> String {
    match policy.rule(request.standard, medium, Technique::Overwrite, method).map(|rule| &rule.ruling) {
        Some(Ruling::NotReachable { why }) => why.clone(),
        Some(Ruling::Accepted { .. } | Ruling::ByDrive { .. }) => {
            "pass counts never turn an overwrite by the host into a purge".to_owned()
        }
        None => format!("policy {} has no row for it under {}", policy.name, word(request.standard)),
    }
}

fn method_required(request: &Request, facts: &DriveFacts, policy: &Policy) -> Reason {
    let medium = Medium::of(facts);
    let line = |request: &Request, method| command_line(&completed(request, facts, method), facts, &[], None);
    // The line for a purge is shown as it would have to be, with the scope that its command takes.
    let wide = Request { scope: Scope::Drive, ..request.clone() };
    let purge = match choose(&wide, facts, policy, Method::Purge) {
        Ok(candidate) => {
            let narrow = choose(request, facts, policy, Method::Purge).is_ok();
            let request = if narrow { request } else { &wide };
            format!("to purge by {}: {}", word(candidate.technique), line(request, Method::Purge))
        }
        Err(NoChoice::Hindered(reasons)) => {
            let first = reasons.first().map_or("something", |reason| reason.text.as_str());
            format!("to purge: {} (in the way: {first})", line(request, Method::Purge))
        }
        Err(NoChoice::Lacking(reason)) => {
            format!("to purge: {} (in the way: {})", line(request, Method::Purge), reason.text)
        }
        Err(NoChoice::Unavailable(_)) => format!(
            "to purge: {} (not reachable here by overwrite: {})",
            line(request, Method::Purge),
            why_not(request, medium, policy, Method::Purge)
        ),
    };
    Reason::new(
        ReasonCode::MethodRequired,
        format!("no method was chosen, and {} has no default", medium_words(medium)),
        format!("to clear every block that the drive presents: {}\n{purge}", line(request, Method::Clear)),
    )
}

/// The passes asked for, or those that the rule needs.
fn passes(request: &Request, medium: Medium, rule: Option<&Rule>) -> Result<Passes, Reason> {
    let passes = match &request.passes {
        PassChoice::Default => Passes { specs: default_passes(rule), scheme: None },
        PassChoice::Listed(patterns) if patterns.is_empty() => {
            return Err(Reason::new(
                ReasonCode::BadRequest,
                "a list of passes without any pass was given",
                "name at least one --pass, or leave the option out for one keyed random pass",
            ));
        }
        PassChoice::Listed(patterns) => Passes {
            specs: patterns.iter().map(|pattern| PassSpec { pattern: pattern.clone() }).collect(),
            scheme: None,
        },
        PassChoice::Scheme(name) => {
            let scheme = Scheme::named(name).ok_or_else(|| unknown_scheme(name))?;
            Passes { specs: scheme.passes(), scheme: Some(scheme.reference()) }
        }
    };
    if wants_complement(rule) && !has_complement(&passes.specs) {
        return Err(Reason::new(
            ReasonCode::MethodNotReachable,
            format!(
                "clear of {} under {} takes a pattern and then its complement, which these passes do not contain",
                medium_words(medium),
                word(request.standard)
            ),
            "leave --pass and --scheme out, or name such a pair, for example: --pass 0x55 --pass 0xaa",
        ));
    }
    Ok(passes)
}

fn wants_complement(rule: Option<&Rule>) -> bool {
    rule.is_some_and(|rule| {
        matches!(rule.ruling, Ruling::Accepted { passes: PassRule::PatternThenComplement })
    })
}

fn has_complement(passes: &[PassSpec]) -> bool {
    passes.windows(2).any(|pair| pair[0].pattern.is_complemented_by(&pair[1].pattern))
}

/// One keyed pass, because only that can be checked again later and shows misplaced blocks. Where a pattern and
/// its complement are needed, both come from one byte drawn for the job, which no firmware knows beforehand: the
/// keyed stream of another key is no complement.
fn default_passes(rule: Option<&Rule>) -> Vec<PassSpec> {
    let patterns = if wants_complement(rule) {
        vec![
            PassPattern::JobByte { slot: 0, complement: false },
            PassPattern::JobByte { slot: 0, complement: true },
        ]
    } else {
        vec![PassPattern::Keyed]
    };
    patterns.into_iter().map(|pattern| PassSpec { pattern }).collect()
}

fn unknown_scheme(name: &str) -> Reason {
    let names: Vec<&str> = SCHEMES.iter().map(|scheme| scheme.name).collect();
    Reason::new(
        ReasonCode::BadRequest,
        format!("there is no scheme named {name:?}"),
        format!("choose one of: {}", names.join(", ")),
    )
}

/// The verification for a drive of this shape: a sample that would read everything becomes a full reading.
pub fn verification(choice: VerificationChoice, geometry: &Geometry) -> VerificationPlan {
    let blocks = geometry.capacity;
    match choice {
        VerificationChoice::Full => VerificationPlan::Full { instead_of_sample: None },
        VerificationChoice::None => VerificationPlan::None,
        VerificationChoice::SampledR1 => r1_sample(blocks).unwrap_or_else(|| VerificationPlan::Full {
            instead_of_sample: Some(format!(
                "{blocks} blocks are too few for 1000 subsections with two separate runs of 5 % in each"
            )),
        }),
        VerificationChoice::Sampled { confidence, fraction } => {
            let strata = sample_size(confidence, fraction, blocks);
            if strata < blocks.0 && strata > SAMPLE_DRAWS_MAX {
                return VerificationPlan::Full {
                    instead_of_sample: Some(format!(
                        "the sample that was asked for ({}) takes {strata} single reads, and more than \
                         {SAMPLE_DRAWS_MAX} are not made",
                        verification_words(choice)
                    )),
                };
            }
            if strata < blocks.0 {
                return VerificationPlan::Sampled { confidence, fraction, strata };
            }
            VerificationPlan::Full {
                instead_of_sample: Some(format!(
                    "the sample that was asked for ({}) takes all {blocks} blocks",
                    verification_words(choice)
                )),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
