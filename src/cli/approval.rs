//! The approval of a plan: `--plan DIGEST`. It says that this very plan was looked at, and is asked for where a drive
//! is to be purged and nobody sits at a terminal who would see the plan.
use super::args::SanitizeArgs;
use super::confirm::{is_attended, unit_texts};
use crate::device::DriveFacts;
use crate::job::prepare::Ready;
use crate::plan::command::command_line;
use crate::plan::{Plan, Request};
use crate::unit::term::Method;
use crate::unit::{Digest, Reason, ReasonCode};

/// Who sees the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    /// Somebody at a terminal.
    ByTerminal,
    /// Nobody.
    ByNobody,
}

/// How the drives were named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// On the command line.
    ByName,
    /// By a manifest.
    ByList,
}

/// What the command line says about plans.
#[derive(Clone, Debug)]
pub struct Approval {
    given: Vec<Digest>,
    watched: Watched,
    named: Named,
}

impl Approval {
    /// That of a command line, and of where it was typed.
    pub fn of(args: &SanitizeArgs) -> Self {
        Self {
            given: args.plan.clone(),
            watched: if is_attended() { Watched::ByTerminal } else { Watched::ByNobody },
            named: if args.manifest.is_some() { Named::ByList } else { Named::ByName },
        }
    }

    /// Why the plan of a drive is not approved. Where plans were given, that of every drive must be among them.
    pub fn missing(&self, request: &Request, ready: &Ready) -> Option<Reason> {
        self.judge(request, ready.claimed.facts(), &unit_texts(ready), &ready.plan)
    }

    fn judge(&self, request: &Request, facts: &DriveFacts, units: &[String], plan: &Plan) -> Option<Reason> {
        let today = plan.digest();
        if self.given.contains(&today) {
            return None;
        }
        let title = facts.title();
        if !self.given.is_empty() {
            let given: Vec<String> = self.given.iter().map(Digest::to_string).collect();
            return Some(Reason::new(
                ReasonCode::PlanChanged,
                format!("the plan of {title} is {today} today, not {}", given.join(" or ")),
                "look at today's plan with expunge plan, and give its digest",
            ));
        }
        if self.watched == Watched::ByTerminal || !needs_approval(plan) {
            return None;
        }
        let remedy = match self.named {
            Named::ByName => command_line(request, facts, units, Some(&today)),
            Named::ByList => {
                format!("look at the plan, then add, for this drive beside the others: --plan {today}")
            }
        };
        let text =
            format!("{title} would be purged without a terminal, and nobody gave the digest of its plan");
        Some(Reason::new(ReasonCode::ConfirmationMissing, text, remedy))
    }
}

/// Whether a plan is a purge, or has the drive do something by itself, which nobody can stop once it began: its own
/// commands, or showing its full capacity.
fn needs_approval(plan: &Plan) -> bool {
    plan.method == Method::Purge || plan.firmware.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::request::{Fallback, HiddenChoice};
    use crate::plan::technique::tests::{ata_drive, nvme_drive, planned};
    use crate::unit::term::DriveKind;

    fn approval(given: &[Digest], watched: Watched, named: Named) -> Approval {
        Approval { given: given.to_vec(), watched, named }
    }

    fn code(approval: &Approval, request: &Request, facts: &DriveFacts) -> Option<ReasonCode> {
        approval.judge(request, facts, &[], &planned(request, facts)).map(|reason| reason.code)
    }

    #[test]
    fn a_purge_without_a_terminal_needs_the_digest_of_its_plan() {
        let facts = nvme_drive(|_| {});
        let purge = Request { method: Some(Method::Purge), ..Request::default() };
        let plan = planned(&purge, &facts);
        let alone = approval(&[], Watched::ByNobody, Named::ByName);
        let reason = alone.judge(&purge, &facts, &[], &plan).unwrap();
        assert_eq!(reason.code, ReasonCode::ConfirmationMissing);
        // The remedy is the command line that then works: it confirms the drive and names this plan.
        let end =
            format!("--method purge --confirm {} --plan {}", facts.confirm_text().unwrap(), plan.digest());
        assert!(
            reason.remedy.starts_with("expunge sanitize ") && reason.remedy.ends_with(&end),
            "{}",
            reason.remedy
        );
        // Other units that the command reaches are confirmed by the same line.
        let units = ["S/nsid=2".to_owned()];
        let reason = alone.judge(&purge, &facts, &units, &plan).unwrap();
        let both = format!("--confirm {} --confirm S/nsid=2 --plan", facts.confirm_text().unwrap());
        assert!(reason.remedy.contains(&both), "{}", reason.remedy);
        let listed =
            approval(&[], Watched::ByNobody, Named::ByList).judge(&purge, &facts, &[], &plan).unwrap();
        assert!(listed.remedy.ends_with(&format!("--plan {}", plan.digest())), "{}", listed.remedy);
        let watched = approval(&[], Watched::ByTerminal, Named::ByName);
        assert_eq!(code(&watched, &purge, &facts), None);
        let right = approval(&[plan.digest()], Watched::ByNobody, Named::ByName);
        assert_eq!(code(&right, &purge, &facts), None);
    }

    #[test]
    fn a_command_of_the_drive_needs_it_for_clear_too_and_an_overwrite_does_not() {
        let alone = approval(&[], Watched::ByNobody, Named::ByName);
        let clear = Request { method: Some(Method::Clear), ..Request::default() };
        let facts = ata_drive(DriveKind::Rotating, |_| {});
        assert_eq!(code(&alone, &clear, &facts), None);
        let hidden = ata_drive(DriveKind::Rotating, |facts| {
            facts.areas.native = Some(9_000_000_000);
            facts.areas.factory = Some(9_000_000_000);
        });
        let restoring = Request { hidden: HiddenChoice::Restore, ..clear.clone() };
        assert_eq!(code(&alone, &restoring, &hidden), Some(ReasonCode::ConfirmationMissing));
        // Where no purge is available and clear was allowed, what is carried out is an overwrite.
        let lower = Request { method: Some(Method::Purge), fallback: Fallback::Clear, ..clear };
        let nothing = nvme_drive(|facts| {
            facts.sanitize = None;
            facts.format = None;
        });
        assert_eq!(planned(&lower, &nothing).method, Method::Clear);
        assert_eq!(code(&alone, &lower, &nothing), None);
    }

    #[test]
    fn of_several_drives_each_has_its_own_digest() {
        let purge = Request { method: Some(Method::Purge), ..Request::default() };
        let one = nvme_drive(|_| {});
        let mut two = one.clone();
        two.identity.serial = Some("ANOTHER".to_owned());
        let digests = [planned(&purge, &one).digest(), planned(&purge, &two).digest()];
        assert_ne!(digests[0], digests[1]);
        for watched in [Watched::ByTerminal, Watched::ByNobody] {
            let both = approval(&digests, watched, Named::ByName);
            assert_eq!((code(&both, &purge, &one), code(&both, &purge, &two)), (None, None));
            let first = approval(&digests[..1], watched, Named::ByName);
            assert_eq!(code(&first, &purge, &one), None);
            assert_eq!(code(&first, &purge, &two), Some(ReasonCode::PlanChanged));
        }
    }
}
