//! Every technique for one drive: what it would take, what it is accepted for on this medium under this standard, what
//! stands in its way, what it does not reach, how long it takes. Pure; ranked by assurance, then by speed.
pub(super) mod hinder;
mod offer;
pub(super) mod reach;
mod time;

use serde::Serialize;

use super::PolicyRow;
use super::firmware::{CommandReach, Scope};
use super::policy::{Case, InterfaceKind, Medium, Need, Policy, Rule, Ruling};
use super::request::Request;
use crate::command::DriveCommand;
use crate::device::DriveFacts;
use crate::unit::term::{DriveKind, Method, Standard, Technique, word};
use crate::unit::{Digest, Reason};

pub use time::{TimeSource, TimeTold};

/// One technique on one drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The technique that a claim would name.
    pub technique: Technique,
    /// The commands of the drive, in their order; empty for an overwrite by the host and for what is not offered.
    pub steps: Vec<DriveCommand>,
    /// The highest method that it is accepted for here; `None` for neither clear nor purge.
    pub reaches: Option<Method>,
    /// The row of policy that says so, or that says no.
    pub policy: Option<PolicyRow>,
    /// Why it is no purge here; `None` when it is.
    pub why_no_purge: Option<String>,
    /// Why the drive does not offer it; `None` when it does.
    pub not_offered: Option<String>,
    /// What stands in the way and can be ended; empty when nothing does.
    pub obstacles: Vec<Reason>,
    /// What it reaches; `None` when it is not offered.
    pub reach: Option<CommandReach>,
    /// How long it takes, where that can be said.
    pub time: Option<TimeTold>,
}

impl Candidate {
    /// Whether it is offered and accepted for this method.
    pub fn is_accepted_for(&self, method: Method) -> bool {
        self.not_offered.is_none() && self.reaches.is_some_and(|reached| reached >= method)
    }

    /// Whether it can be carried out now, and is accepted for this method.
    pub fn is_ready_for(&self, method: Method) -> bool {
        self.is_accepted_for(method) && self.obstacles.is_empty()
    }
}

/// Every technique for this drive, the best first: what reaches more before what reaches less, what shows more before
/// what rests on a word, the faster before the slower. That something is in the way of the best makes nothing weaker
/// better.
pub fn ranked(request: &Request, facts: &DriveFacts, policy: &Policy) -> Vec<Candidate> {
    ranked_for(&Question::new(request, facts, policy))
}

/// What is asked, with the digest of the policy.
pub(super) struct Question<'a> {
    pub(super) request: &'a Request,
    pub(super) facts: &'a DriveFacts,
    policy: &'a Policy,
    digest: Digest,
}

impl<'a> Question<'a> {
    pub(super) fn new(request: &'a Request, facts: &'a DriveFacts, policy: &'a Policy) -> Self {
        Self { request, facts, policy, digest: policy.digest() }
    }

    fn row(&self, rule: &Rule) -> PolicyRow {
        self.policy.reference_by(rule, self.digest)
    }

    fn case(&self, technique: Technique, method: Method) -> Case {
        Case {
            standard: self.request.standard,
            medium: Medium::of(self.facts),
            interface: InterfaceKind::of(self.facts),
            technique,
            method,
        }
    }
}

/// The same as [`ranked`].
pub(super) fn ranked_for(question: &Question<'_>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> =
        Technique::ALL.into_iter().map(|technique| candidate(technique, question)).collect();
    all.sort_by_key(|one| {
        (
            one.not_offered.is_some(),
            std::cmp::Reverse(one.reaches),
            assurance(one.technique),
            one.time.map_or(u64::MAX, |time| time.seconds),
        )
    });
    all
}

/// Lower is better. What removes the data from the cells stands before what only makes it unreadable, and commands that
/// were made for sanitizing before those that were not.
const fn assurance(technique: Technique) -> u8 {
    match technique {
        Technique::BlockErase => 0,
        Technique::SanitizeOverwrite => 1,
        Technique::CryptoErase => 2,
        Technique::Format => 3,
        Technique::SecurityEraseEnhanced => 4,
        Technique::OpalRevert => 5,
        Technique::FormatCrypto => 6,
        Technique::SecurityErase => 7,
        Technique::Overwrite => 8,
    }
}

/// One technique for this drive.
pub(super) fn candidate(technique: Technique, question: &Question<'_>) -> Candidate {
    let (request, facts) = (question.request, question.facts);
    if technique == Technique::Overwrite {
        return by_host(question);
    }
    match offer::command(technique, request, facts) {
        Ok(command) => {
            let mut steps = vec![command];
            // Where both exist the keys go first: what a block erase might miss cannot be read any more.
            if technique == Technique::BlockErase {
                steps.splice(0..0, offer::command(Technique::CryptoErase, request, facts).ok());
            }
            by_drive(technique, steps, question)
        }
        Err(why) => Candidate {
            not_offered: Some(why),
            steps: Vec::new(),
            reach: None,
            time: None,
            ..by_drive(technique, Vec::new(), question)
        },
    }
}

/// A candidate with these commands instead of its own: another technique before it.
pub(super) fn with_steps(
    candidate: &Candidate,
    steps: Vec<DriveCommand>,
    question: &Question<'_>,
) -> Candidate {
    by_drive(candidate.technique, steps, question)
}

fn by_drive(technique: Technique, steps: Vec<DriveCommand>, question: &Question<'_>) -> Candidate {
    let (request, facts) = (question.request, question.facts);
    let purge = accepted(technique, Method::Purge, question);
    let clear = accepted(technique, Method::Clear, question);
    let (reaches, row, why_no_purge) = match (purge, clear) {
        (Ok(row), _) => (Some(Method::Purge), Some(row), None),
        (Err((_, why)), Ok(row)) => (Some(Method::Clear), Some(row), Some(why)),
        (Err((row, why)), Err(_)) => (None, row, Some(why)),
    };
    let extent = reach::extent(&steps, facts);
    Candidate {
        technique,
        reaches,
        policy: row,
        why_no_purge,
        not_offered: None,
        obstacles: if steps.is_empty() {
            Vec::new()
        } else {
            hinder::obstacles(&steps, &extent, request, facts)
        },
        time: time::of_steps(&steps, facts),
        reach: Some(extent.reach),
        steps,
    }
}

fn by_host(question: &Question<'_>) -> Candidate {
    let (facts, policy) = (question.facts, question.policy);
    let case = |method| question.case(Technique::Overwrite, method);
    let clear = policy.rule_on(&case(Method::Clear));
    let accepted = clear.filter(|rule| matches!(rule.ruling, Ruling::Accepted { .. }));
    let why = match policy.rule_on(&case(Method::Purge)).map(|rule| &rule.ruling) {
        Some(Ruling::NotReachable { why }) => why.clone(),
        Some(Ruling::Accepted { .. } | Ruling::ByDrive { .. }) | None => HOST_NEVER.to_owned(),
    };
    Candidate {
        technique: Technique::Overwrite,
        steps: Vec::new(),
        reaches: accepted.map(|_| Method::Clear),
        policy: clear.map(|rule| question.row(rule)),
        why_no_purge: Some(why),
        not_offered: None,
        obstacles: hinder::of_host(facts),
        reach: Some(CommandReach {
            scope: Scope::Unit,
            units: vec!["the blocks that the drive presents".to_owned()],
            unproven: Vec::new(),
            not_reached: Vec::new(),
        }),
        time: time::of_overwrite(facts),
    }
}

const HOST_NEVER: &str = "pass counts never turn an overwrite by the host into a purge";

/// What no policy can change: which needs a technique has as purge whatever a table says, or why it is never one.
fn floor(case: &Case) -> Result<Vec<Need>, &'static str> {
    let rev_1 = case.standard == Standard::NistR1;
    let mut needs = match case.technique {
        Technique::Overwrite => return Err(HOST_NEVER),
        Technique::SecurityErase => {
            return Err("SECURITY ERASE UNIT in normal mode is no purge on any medium");
        }
        Technique::SecurityEraseEnhanced if !rev_1 || case.medium != Medium::Rotating => {
            return Err("SECURITY ERASE UNIT is a purge on magnetic drives under Rev. 1 only");
        }
        Technique::Format | Technique::FormatCrypto if !rev_1 => {
            return Err("Format NVM is a purge under Rev. 1 only");
        }
        Technique::CryptoErase | Technique::FormatCrypto => vec![Need::CryptographicBasis],
        Technique::OpalRevert => {
            vec![Need::CryptographicBasis, Need::MediaEncryption, Need::LockingActive]
        }
        Technique::BlockErase
        | Technique::SanitizeOverwrite
        | Technique::SecurityEraseEnhanced
        | Technique::Format => Vec::new(),
    };
    let sanitize = matches!(
        case.technique,
        Technique::BlockErase | Technique::SanitizeOverwrite | Technique::CryptoErase
    );
    if case.standard == Standard::Ieee2883 && case.interface == Some(InterfaceKind::Nvme) && sanitize {
        needs.push(Need::PurgeReported);
    }
    Ok(needs)
}

/// Why a row of a policy that accepts a technique is never followed, whatever the drive; `None` where it may be.
pub fn overruled(rule: &Rule) -> Option<&'static str> {
    let Rule { standard, medium, interface, technique, method, .. } = *rule;
    match (&rule.ruling, method) {
        (Ruling::NotReachable { .. }, _) => None,
        (Ruling::Accepted { .. } | Ruling::ByDrive { .. }, Method::Purge) => {
            floor(&Case { standard, medium, interface, technique, method }).err()
        }
        (Ruling::Accepted { .. }, Method::Clear | Method::Destroy) if technique != Technique::Overwrite => {
            Some(NO_PASSES)
        }
        (Ruling::Accepted { .. } | Ruling::ByDrive { .. }, Method::Clear | Method::Destroy) => None,
    }
}

const NO_PASSES: &str = "its row of policy speaks of passes, which it has not";

type Denied = (Option<PolicyRow>, String);

/// The row that accepts a technique for a method on this drive, or the one that does not, with the reason. Where nobody
/// knows whether there is flash or are platters in it, what only one of them bears is not accepted.
fn accepted(technique: Technique, method: Method, question: &Question<'_>) -> Result<PolicyRow, Denied> {
    let case = question.case(technique, method);
    let row = accepted_in(&case, question)?;
    if (question.facts.kind, case.medium) == (DriveKind::Unknown, Medium::Flash) {
        let platters = Case { medium: Medium::Rotating, ..case };
        if let Err((_, why)) = accepted_in(&platters, question) {
            let why =
                format!("the kind of its medium is not known, and were it a rotating drive, then: {why}");
            return Err((Some(row), why));
        }
    }
    Ok(row)
}

fn accepted_in(case: &Case, question: &Question<'_>) -> Result<PolicyRow, Denied> {
    let Question { request, facts, policy, .. } = *question;
    let Some(rule) = policy.rule_on(case) else {
        let why = format!("policy {} has no row for it under {}", policy.name, word(request.standard));
        return Err((None, why));
    };
    let row = question.row(rule);
    let denied = |why: &str| Err((Some(row.clone()), why.to_owned()));
    let listed = match &rule.ruling {
        Ruling::ByDrive { needs } => needs.clone(),
        Ruling::NotReachable { why } => return denied(why),
        Ruling::Accepted { .. } => return denied(NO_PASSES),
    };
    let least = match case.method {
        Method::Purge => match floor(case) {
            Ok(needs) => needs,
            Err(why) => return denied(why),
        },
        Method::Clear | Method::Destroy => Vec::new(),
    };
    let unmet: Vec<&str> = least
        .iter()
        .chain(&listed)
        .filter(|need| !is_met(**need, request, facts))
        .map(|need| need_words(*need, request))
        .collect();
    let mut distinct: Vec<&str> = Vec::new();
    for words in unmet {
        if !distinct.contains(&words) {
            distinct.push(words);
        }
    }
    if distinct.is_empty() { Ok(row) } else { denied(&distinct.join("; ")) }
}

fn is_met(need: Need, request: &Request, facts: &DriveFacts) -> bool {
    let tcg = facts.capability.as_deref().and_then(|capability| capability.tcg.as_ref());
    match need {
        Need::CryptographicBasis => request.crypto.as_ref().is_some_and(|given| given.basis().is_some()),
        Need::PurgeReported => offer::reports_purge(facts),
        Need::MediaEncryption => tcg.is_some_and(|tcg| tcg.media_encryption.is_yes()),
        Need::LockingActive => tcg.is_some_and(|tcg| tcg.locking_enabled.is_yes()),
    }
}

fn need_words(need: Need, request: &Request) -> &'static str {
    match need {
        Need::CryptographicBasis if request.crypto.is_some() => {
            "nobody answers for how the drive was used, of which its maker cannot know: add --declare-crypto"
        }
        Need::CryptographicBasis => {
            "nobody answers for the conditions of a cryptographic erase: give --declare-crypto, beside it --crypto-basis"
        }
        Need::PurgeReported => {
            "the drive cannot say that it purged as IEEE 2883 defines it (TP4218), so success may mean a clear"
        }
        Need::MediaEncryption => "the drive does not say that it encrypts its medium",
        Need::LockingActive => "TCG locking was never activated, so a revert may leave the keys as they are",
    }
}

#[cfg(test)]
pub(crate) mod tests;
