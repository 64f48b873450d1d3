//! Defects that grew while a job ran, by the drive's own counters before and after.
use super::Verdict;
use crate::device::capability::Health;
use crate::engine::PassTally;
use crate::plan::Plan;
use crate::plan::growth::forbids_growth;
use crate::unit::term::Outcome;
use crate::unit::{Reason, ReasonCode};

/// What grew: counters of sectors before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Remapped sectors (ATA attribute 5, SCSI grown defect list), where there are more.
    pub reallocated: Option<(u64, u64)>,
    /// Sectors that wait to be remapped (ATA attribute 197), where there are more.
    pub pending: Option<(u64, u64)>,
}

impl Growth {
    /// What grew from one look to the other; `None` when nothing did. A counter that was not told both times tells nothing.
    pub fn between(before: &Health, after: &Health) -> Option<Self> {
        let more = |before: Option<u64>, after: Option<u64>| before.zip(after).filter(|(old, new)| new > old);
        let growth = Self {
            reallocated: more(before.reallocated, after.reallocated),
            pending: more(before.pending, after.pending),
        };
        (growth != Self::default()).then_some(growth)
    }

    fn words(&self) -> String {
        let one = |name: &str, count: Option<(u64, u64)>| {
            count.map(|(before, after)| format!("{name} {before} before and {after} after"))
        };
        let parts = [one("reallocated", self.reallocated), one("waiting", self.pending)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Whether a reason is one that the counters of defects give.
pub fn counts_defects(code: ReasonCode) -> bool {
    code == ReasonCode::DefectsGrew
}

impl Verdict {
    /// The same verdict where nothing grew, or the plan lets it stand with a limit. Else what would have been done is
    /// incomplete: sectors that were remapped took their old data to where no address leads.
    #[must_use]
    pub fn with_growth(self, plan: &Plan, passes: &[PassTally], growth: Option<Growth>) -> Self {
        let Some(growth) = growth.filter(|_| self.is_lost_by_growth(plan)) else { return self };
        let reason = Reason::new(
            ReasonCode::DefectsGrew,
            format!(
                "while the job ran the drive remapped sectors or gave some up ({}); what they held may still be there, and no \
                 address reaches it",
                growth.words()
            ),
            "destroy the drive, or purge it by a command of its own that reaches them; or accept it with --rule \
             defect-growth=state where the policy allows that",
        );
        Self::incomplete(passes, reason)
    }

    /// The same after an interruption: the journal has the reasons of the verdict, and not what the drive said of itself. What
    /// was judged stands, whatever the drive says later.
    #[must_use]
    pub fn with_growth_of(self, plan: &Plan, passes: &[PassTally], reasons: &[Reason]) -> Self {
        let grown = reasons.iter().find(|reason| counts_defects(reason.code));
        match grown.filter(|_| self.is_lost_by_growth(plan)) {
            Some(reason) => Self::incomplete(passes, reason.clone()),
            None => self,
        }
    }

    fn is_lost_by_growth(&self, plan: &Plan) -> bool {
        matches!(self.outcome(), Outcome::Done | Outcome::Written) && forbids_growth(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::FlushState;
    use crate::plan::growth::GrowthRule;
    use crate::plan::{Decision, Policy, Request, decide};
    use crate::unit::term::{Disposition, DriveKind, Exit, Technique};
    use crate::unit::{BlockCount, Digest, RangeSet};
    use crate::verify::{Ending, VerificationTally, judge};

    fn health(reallocated: Option<u64>, pending: Option<u64>) -> Health {
        Health { reallocated, pending, ..Health::default() }
    }

    #[test]
    fn only_what_was_told_twice_and_is_more_has_grown() {
        let before = health(Some(3), Some(1));
        for (after, expected) in [
            (health(Some(3), Some(1)), None),
            (health(Some(2), Some(0)), None),
            (health(None, None), None),
            (health(Some(4), Some(0)), Some(Growth { reallocated: Some((3, 4)), pending: None })),
            (health(Some(3), Some(2)), Some(Growth { reallocated: None, pending: Some((1, 2)) })),
        ] {
            assert_eq!(Growth::between(&before, &after), expected, "{after:?}");
        }
        assert_eq!(Growth::between(&health(None, None), &health(Some(9), Some(9))), None);
    }

    /// An overwrite of a disk that was read back in full.
    fn done(rule: GrowthRule) -> (Plan, Vec<PassTally>, Verdict) {
        let facts = crate::plan::decide::tests::drive(DriveKind::Rotating);
        let rules = vec![format!("defect-growth={}", rule.word()).parse().unwrap()];
        let request = Request { rules, ..Request::default() };
        let Decision::Planned(plan) = decide(&request, &facts, &Policy::builtin()) else { panic!() };
        let capacity = plan.geometry.capacity;
        let (failed, unreached) = (RangeSet::new(), RangeSet::new());
        let flush = FlushState::Confirmed;
        let pass = PassTally {
            index: 0,
            written: capacity,
            failed,
            unreached,
            flush,
            flush_failures: 0,
            absent: BlockCount::ZERO,
        };
        let whole: RangeSet = plan.geometry.whole().into_iter().collect();
        let read = VerificationTally {
            wanted: capacity,
            matched: capacity,
            mismatched: RangeSet::new(),
            unreadable: RangeSet::new(),
            not_read: BlockCount::ZERO,
            wanted_digest: Digest::of_json(&whole),
        };
        let passes = vec![pass];
        let verdict = judge(&plan, &[], &passes, Some(&read), None, &Ending::Completed);
        assert_eq!(verdict.outcome(), Outcome::Done);
        (*plan, passes, verdict)
    }

    #[test]
    fn growth_takes_a_success_away_only_where_the_rule_says_so_and_the_technique_misses_it() {
        let grown = Growth::between(&health(Some(3), None), &health(Some(4), None));
        for (rule, technique, outcome) in [
            (GrowthRule::State, Technique::Overwrite, Outcome::Done),
            (GrowthRule::Fail, Technique::Overwrite, Outcome::Partial),
            (GrowthRule::Fail, Technique::SecurityErase, Outcome::Partial),
            (GrowthRule::Fail, Technique::Format, Outcome::Partial),
            (GrowthRule::Fail, Technique::BlockErase, Outcome::Done),
            (GrowthRule::Fail, Technique::SecurityEraseEnhanced, Outcome::Done),
        ] {
            let (plan, passes, verdict) = done(rule);
            let plan = Plan { technique, ..plan };
            assert_eq!(verdict.clone().with_growth(&plan, &passes, None), verdict, "nothing grew");
            let judged = verdict.with_growth(&plan, &passes, grown);
            assert_eq!(judged.outcome(), outcome, "{rule:?} {technique:?}");
            assert_eq!(judged.evidence().is_some(), outcome == Outcome::Done);
            if outcome == Outcome::Partial {
                assert_eq!((judged.disposition(), judged.exit()), (Disposition::ToDestroy, Exit::Failed));
                let [reason] = judged.reasons() else { panic!("{:?}", judged.reasons()) };
                assert_eq!(reason.code, ReasonCode::DefectsGrew);
                assert!(reason.text.contains("reallocated 3 before and 4 after"), "{}", reason.text);
                let (_, _, anew) = done(rule);
                assert_eq!(
                    anew.with_growth_of(&plan, &passes, judged.reasons()),
                    judged,
                    "after an interruption"
                );
            }
        }
    }

    #[test]
    fn what_failed_otherwise_stays_what_it_is_and_without_a_write_nothing_is_partial() {
        let grown = Growth::between(&health(None, Some(0)), &health(None, Some(1)));
        let (plan, passes, verdict) = done(GrowthRule::Fail);
        let stopped = judge(&plan, &[], &passes, None, None, &Ending::Stopped);
        assert_eq!(stopped.clone().with_growth(&plan, &passes, grown), stopped);
        assert_eq!(verdict.with_growth(&plan, &[], grown).outcome(), Outcome::Failed, "by a command alone");
    }
}
