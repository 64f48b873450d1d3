//! The choice among the techniques of a drive. The best that is accepted is taken or refused: nothing weaker is taken
//! in its place unless somebody names it.
use super::policy::{Medium, Policy};
use super::profile::Profile;
use super::request::{CryptoGiven, Fallback, Request};
use super::technique::{Candidate, Question, candidate, ranked_for, with_steps};
use crate::device::capability::Interface;
use crate::device::elsewhere::Elsewhere;
use crate::device::{DriveFacts, Reach};
use crate::unit::term::{DriveKind, Method, Technique, word};
use crate::unit::{Reason, ReasonCode};

/// Why no command of the drive is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoChoice {
    /// Something stands in the way that can be ended, or another technique would do: nothing lower is taken instead.
    Hindered(Vec<Reason>),
    /// Nothing is accepted here, but might be elsewhere or with another request: no reason to destroy the drive.
    Lacking(Reason),
    /// There is none.
    Unavailable(Reason),
}

/// A candidate, and the technique under which it can be asked for.
struct Choice {
    named: Technique,
    candidate: Candidate,
}

/// The technique asked for, or the best one that is accepted for the method.
pub(super) fn choose(
    request: &Request,
    facts: &DriveFacts,
    policy: &Policy,
    method: Method,
) -> Result<Candidate, NoChoice> {
    let question = Question::new(request, facts, policy);
    let all = ranked_for(&question);
    let accepted: Vec<Choice> = choices(&question, method, &all)
        .into_iter()
        .filter(|choice| choice.candidate.is_accepted_for(method))
        .collect();
    match accepted.first() {
        Some(best) if best.candidate.is_ready_for(method) => Ok(best.candidate.clone()),
        Some(best) => Err(NoChoice::Hindered(hindered(best, &accepted, method))),
        None => Err(none(&question, policy, method, &all)),
    }
}

/// What else is accepted for a purge of the drive beside what is planned, whether it could be done now or not.
pub(super) fn alternatives(
    request: &Request,
    facts: &DriveFacts,
    policy: &Policy,
    planned: Technique,
) -> Vec<Technique> {
    let open = Request { technique: None, ..request.clone() };
    let question = Question::new(&open, facts, policy);
    let accepted = ranked_for(&question).into_iter().filter(|one| {
        one.technique != planned && !one.steps.is_empty() && one.is_accepted_for(Method::Purge)
    });
    let by_host = (request.fallback == Fallback::Clear).then_some(Technique::Overwrite);
    accepted.map(|one| one.technique).chain(by_host).collect()
}

/// What was asked for, the best first.
fn choices(question: &Question<'_>, method: Method, all: &[Candidate]) -> Vec<Choice> {
    let asked = question.request.technique;
    let wanted = all.iter().filter(|one| match asked {
        None => !one.steps.is_empty(),
        Some(technique) => one.technique == technique,
    });
    let mut found = Vec::new();
    for one in wanted {
        // Without a name only a revert is followed by more: keys that the drive changes are ranked by themselves.
        let candidates = match (one.technique, asked) {
            (Technique::OpalRevert, _) | (Technique::CryptoErase, Some(_)) => {
                key_change(one.technique, question, method, all)
            }
            (
                Technique::CryptoErase
                | Technique::Overwrite
                | Technique::BlockErase
                | Technique::SanitizeOverwrite
                | Technique::SecurityErase
                | Technique::SecurityEraseEnhanced
                | Technique::Format
                | Technique::FormatCrypto,
                _,
            ) => vec![one.clone()],
        };
        found.extend(candidates.into_iter().map(|candidate| Choice { named: one.technique, candidate }));
    }
    found
}

/// What stands in the way of the best, and what could be named instead.
fn hindered(best: &Choice, accepted: &[Choice], method: Method) -> Vec<Reason> {
    let mut reasons = best.candidate.obstacles.clone();
    let next = accepted.iter().find(|one| one.named != best.named && one.candidate.is_ready_for(method));
    if let (Some(next), Some(first)) = (next, reasons.first_mut()) {
        first.remedy.push_str(&format!(
            "; or take what ranks below {} and can be done now: --technique {}",
            word(best.named),
            word(next.named)
        ));
    }
    reasons
}

/// What a change of keys comes to: on its own where its conditions hold, else with a technique after it that needs none
/// of them. After a revert, which opens a locked drive, what can follow does, conditions or not.
fn key_change(
    technique: Technique,
    question: &Question<'_>,
    method: Method,
    all: &[Candidate],
) -> Vec<Candidate> {
    let keys = candidate(technique, question);
    let mut found = Vec::new();
    if keys.not_offered.is_some() {
        return found;
    }
    let alone = technique == Technique::CryptoErase && keys.is_accepted_for(method);
    if !alone {
        let after = [Technique::BlockErase, Technique::SanitizeOverwrite, Technique::CryptoErase];
        for next in all.iter().filter(|one| after.contains(&one.technique) && one.technique != technique) {
            if next.is_accepted_for(method) {
                let mut steps = keys.steps.clone();
                steps.extend(next.steps.iter().filter(|step| !keys.steps.contains(step)).cloned());
                found.push(with_steps(next, steps, question));
            }
        }
    }
    found.push(keys);
    found
}

/// Why nothing that was asked for is accepted.
fn none(question: &Question<'_>, policy: &Policy, method: Method, all: &[Candidate]) -> NoChoice {
    let (request, facts) = (question.request, question.facts);
    let others: Vec<String> =
        all.iter().filter(|one| one.is_accepted_for(method)).map(|one| word(one.technique)).collect();
    let asked = request.technique.and_then(|asked| all.iter().find(|one| one.technique == asked));
    if let (Some(asked), false) = (asked, others.is_empty()) {
        return NoChoice::Hindered(vec![Reason::new(
            ReasonCode::MethodNotReachable,
            format!(
                "{}: {} is no {} here: {}",
                facts.title(),
                word(asked.technique),
                word(method),
                why_not(asked).unwrap_or("it is not accepted")
            ),
            format!("leave --technique out, or name what is one here: {}", others.join(", ")),
        )]);
    }
    let lacking = behind_a_bridge(facts)
        .or_else(|| of_unknown_kind(question, policy, method))
        .or_else(|| without_basis(question, policy, method));
    match lacking {
        Some(reason) => NoChoice::Lacking(reason),
        None => NoChoice::Unavailable(unavailable(request, facts, method, all)),
    }
}

fn why_not(one: &Candidate) -> Option<&str> {
    one.not_offered.as_deref().or(one.why_no_purge.as_deref())
}

/// A drive in an enclosure or dock: what the bridge does not let through says nothing about the drive. A stick or card
/// that says it can be removed is what it seems.
fn behind_a_bridge(facts: &DriveFacts) -> Option<Reason> {
    let ata = facts
        .capability
        .as_deref()
        .is_some_and(|capability| matches!(capability.interface, Interface::Ata(_)));
    let bridged = facts.transport.as_deref() == Some("usb") && (ata || !facts.removable);
    bridged.then(|| {
        Reason::new(
            ReasonCode::MethodNotReachable,
            format!("{}: no purge is reachable through its USB bridge", facts.title()),
            "take the drive out of its enclosure and attach it directly (SATA, SAS or NVMe); a stick that cannot be \
             opened is to be destroyed",
        )
    })
}

/// What would be accepted if the kind of medium were known.
fn of_unknown_kind(question: &Question<'_>, policy: &Policy, method: Method) -> Option<Reason> {
    if question.facts.kind != DriveKind::Unknown {
        return None;
    }
    let on = |kind| {
        let facts = DriveFacts { kind, ..question.facts.clone() };
        accepted_of(&Question::new(question.request, &facts, policy), method)
    };
    let kinds = [(DriveKind::Flash, "flash"), (DriveKind::Rotating, "a rotating drive")];
    let words: Vec<String> = kinds
        .into_iter()
        .map(|(kind, name)| (on(kind), name))
        .filter(|(accepted, _)| !accepted.is_empty())
        .map(|(accepted, name)| format!("{} on {name}", accepted.join(", ")))
        .collect();
    (!words.is_empty()).then(|| {
        Reason::new(
            ReasonCode::MethodNotReachable,
            format!(
                "{}: the kind of its medium is not known, and what would be a {} depends on it: {}",
                question.facts.title(),
                word(method),
                words.join("; ")
            ),
            "attach the drive directly, where the kernel and its own word tell the same kind of medium",
        )
    })
}

/// What would be accepted if somebody answered for the conditions of a cryptographic erase.
fn without_basis(question: &Question<'_>, policy: &Policy, method: Method) -> Option<Reason> {
    let request = question.request;
    if request.crypto.as_ref().is_some_and(|given| given.basis().is_some()) {
        return None;
    }
    let given = CryptoGiven { statement: None, declaration: Some("supposed".to_owned()) };
    let answered = Request { crypto: Some(given), ..request.clone() };
    let accepted = accepted_of(&Question::new(&answered, question.facts, policy), method);
    let remedy = match request.crypto.as_ref().and_then(|given| given.statement.as_ref()) {
        Some(_) => "add --declare-crypto TEXT: how the drive was used its maker cannot know",
        None => {
            "give --declare-crypto TEXT, in which the organization answers for them, and where there is one \
             --crypto-basis FILE with the statement of the maker"
        }
    };
    (!accepted.is_empty()).then(|| {
        Reason::new(
            ReasonCode::MethodNotReachable,
            format!(
                "{}: only a change of keys would be a {} here ({}), and nobody answers for all of its conditions",
                question.facts.title(),
                word(method),
                accepted.join(", ")
            ),
            remedy,
        )
    })
}

/// The commands of the drive that are accepted, by name.
fn accepted_of(question: &Question<'_>, method: Method) -> Vec<String> {
    ranked_for(question)
        .iter()
        .filter(|one| !one.steps.is_empty() && one.is_accepted_for(method))
        .map(|one| word(one.technique))
        .collect()
}

/// That a drive has no purge, and why each technique is none.
fn unavailable(request: &Request, facts: &DriveFacts, method: Method, all: &[Candidate]) -> Reason {
    let mut whys: Vec<String> = Vec::new();
    for one in all.iter().filter(|one| one.not_offered.is_none()) {
        let why = match method {
            Method::Purge | Method::Destroy => one.why_no_purge.clone(),
            Method::Clear => one.reaches.is_none().then(|| one.why_no_purge.clone()).flatten(),
        };
        whys.extend(why.map(|why| format!("{}: {why}", word(one.technique))));
    }
    let asked = request.technique.and_then(|technique| {
        let one = all.iter().find(|one| one.technique == technique)?;
        one.not_offered.as_ref().map(|why| format!("{}: {why}", word(technique)))
    });
    whys.extend(asked);
    let elsewhere = Elsewhere::of(facts).filter(|_| method != Method::Clear);
    if let Some(elsewhere) = elsewhere {
        whys.push(elsewhere.why_not().to_owned());
    } else if facts.capability.is_none() {
        whys.push("the drive was not asked what it can do, or has no commands of its own".to_owned());
    }
    let what = word(method);
    Reason::new(
        ReasonCode::PurgeUnavailable,
        format!(
            "{what} unavailable: {} under {}: {}",
            facts.title(),
            word(request.standard),
            whys.join("; ")
        ),
        match (method, elsewhere) {
            (Method::Purge | Method::Destroy, Some(elsewhere)) => elsewhere.instead().to_owned(),
            (Method::Purge | Method::Destroy, None) => {
                format!("{}{}", without_purge(request), no_purge_by_format(facts))
            }
            (Method::Clear, _) => {
                "leave --technique out: an overwrite clears every block that the drive presents".to_owned()
            }
        },
    )
}

/// People reformat drives of 520 bytes to use them elsewhere, and take that for an erasure.
fn no_purge_by_format(facts: &DriveFacts) -> &'static str {
    if matches!(facts.reach, Reach::ByCommand(_)) {
        ". FORMAT UNIT to blocks of 512 bytes (sg_format --format --size=512) makes it usable elsewhere and is no purge"
    } else {
        ""
    }
}

/// What is left where there is no purge; a profile that asks for one allows nothing lower.
pub(super) const fn without_purge(request: &Request) -> &'static str {
    match request.profile {
        Some(Profile::Rma | Profile::Retire) => {
            "destroy the drive: the profile asks for a purge, and allows nothing lower"
        }
        Some(Profile::Reuse) | None => {
            "destroy the drive; or, if clear is enough for its data, ask for --method clear or add --or-clear"
        }
    }
}

/// Whether a medium stands for drives or nothing at all, of which the way to a purge leads elsewhere.
pub(super) const fn is_no_drive(medium: Medium) -> bool {
    match medium {
        Medium::Rotating | Medium::Flash | Medium::RemovableFlash => false,
        Medium::LogicalVolume | Medium::TestObject => true,
    }
}
