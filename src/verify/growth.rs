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

/// What two looks at the counters of a drive show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// None was told before: there is nothing to compare.
    Nothing,
    /// All that were told before were told after, and none is more.
    Same,
    /// Some are more.
    Grew(Growth),
    /// None is more, but one that was told before was not told after, or cannot be the same count.
    NotTold(&'static str),
}

impl Counted {
    /// Compares one look with the other; `None` for a look that came to nothing.
    ///
    /// The count of remapped sectors never falls: where it did, it was reset, or is cut to some bits. The count of those that
    /// wait falls whenever one of them is written.
    pub fn between(before: Option<&Health>, after: Option<&Health>) -> Self {
        let counts =
            |health: Option<&Health>| health.map_or([None; 2], |health| [health.reallocated, health.pending]);
        let [old, new] = [counts(before), counts(after)];
        if old == [None; 2] {
            return Self::Nothing;
        }
        let more = |which: usize| old[which].zip(new[which]).filter(|(old, new)| new > old);
        let growth = Growth { reallocated: more(0), pending: more(1) };
        if growth != Growth::default() {
            return Self::Grew(growth);
        }
        let gone = |which: usize| old[which].is_some() && new[which].is_none();
        if gone(0) || new[0] < old[0] {
            return Self::NotTold("reallocated");
        }
        if gone(1) { Self::NotTold("waiting") } else { Self::Same }
    }
}

impl Growth {
    fn reason(&self) -> Reason {
        Reason::new(
            ReasonCode::DefectsGrew,
            format!(
                "while the job ran the drive remapped sectors or gave some up ({}); what they held may still be there, and no \
                 address reaches it",
                self.words()
            ),
            "destroy the drive, or purge it by a command of its own that reaches them; or accept it with --rule \
             defect-growth=state where the policy allows that",
        )
    }

    fn words(&self) -> String {
        let one = |name: &str, count: Option<(u64, u64)>| {
            count.map(|(before, after)| format!("{name} {before} before and {after} after"))
        };
        let parts = [one("reallocated", self.reallocated), one("waiting", self.pending)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// That a counter is missing with which nothing can be said to have grown or not.
fn not_told(counter: &str) -> Reason {
    Reason::new(
        ReasonCode::DefectsNotTold,
        format!(
            "before the job the drive told how many sectors it has {counter}, and after it not any more, or fewer than there can \
             be: whether it remapped some while the job ran is not known"
        ),
        "look at its counters with expunge inspect and run the job again; or destroy the drive; or accept it with --rule \
         defect-growth=state where the policy allows that",
    )
}

/// Whether a reason is one that the counters of defects give.
pub const fn counts_defects(code: ReasonCode) -> bool {
    matches!(code, ReasonCode::DefectsGrew | ReasonCode::DefectsNotTold)
}

impl Verdict {
    /// The same verdict where nothing grew, or the plan lets it stand with a limit. Else what would have been done is
    /// incomplete: sectors that were remapped took their old data to where no address leads. So it is where a drive that told
    /// its counters does not tell them any more: that is no sign that nothing grew.
    #[must_use]
    pub fn with_growth(self, plan: &Plan, passes: &[PassTally], counted: Counted) -> Self {
        if !self.is_lost_by_growth(plan) {
            return self;
        }
        let reason = match counted {
            Counted::Nothing | Counted::Same => return self,
            Counted::Grew(growth) => growth.reason(),
            Counted::NotTold(counter) => not_told(counter),
        };
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
    fn two_looks_at_the_counters_show_what_they_show() {
        let before = health(Some(3), Some(1));
        for (after, expected) in [
            (health(Some(3), Some(1)), Counted::Same),
            (health(Some(3), Some(0)), Counted::Same),
            (health(Some(2), Some(0)), Counted::NotTold("reallocated")),
            (health(None, Some(1)), Counted::NotTold("reallocated")),
            (health(Some(3), None), Counted::NotTold("waiting")),
            (health(None, None), Counted::NotTold("reallocated")),
            (health(Some(4), None), Counted::Grew(Growth { reallocated: Some((3, 4)), pending: None })),
            (health(Some(3), Some(2)), Counted::Grew(Growth { reallocated: None, pending: Some((1, 2)) })),
        ] {
            assert_eq!(Counted::between(Some(&before), Some(&after)), expected, "{after:?}");
        }
        assert_eq!(Counted::between(Some(&before), None), Counted::NotTold("reallocated"), "it fell silent");
        assert_eq!(Counted::between(Some(&health(None, Some(1))), None), Counted::NotTold("waiting"));
        for silent in [None, Some(&Health::default())] {
            assert_eq!(Counted::between(silent, Some(&before)), Counted::Nothing);
        }
        // Attribute 5 has sixteen bits.
        let full = health(Some(65_535), None);
        let wrapped = Counted::between(Some(&full), Some(&health(Some(3), None)));
        assert_eq!(wrapped, Counted::NotTold("reallocated"));
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
        let grown = Counted::between(Some(&health(Some(3), None)), Some(&health(Some(4), None)));
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
            for nothing in [Counted::Nothing, Counted::Same] {
                assert_eq!(verdict.clone().with_growth(&plan, &passes, nothing), verdict, "nothing grew");
            }
            let silent = verdict.clone().with_growth(&plan, &passes, Counted::NotTold("reallocated"));
            assert_eq!(silent.outcome(), outcome, "{rule:?} {technique:?}");
            let codes: Vec<ReasonCode> = silent.reasons().iter().map(|reason| reason.code).collect();
            assert_eq!(codes, [ReasonCode::DefectsNotTold][..usize::from(outcome == Outcome::Partial)]);
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
        let grown = Counted::between(Some(&health(None, Some(0))), Some(&health(None, Some(1))));
        let (plan, passes, verdict) = done(GrowthRule::Fail);
        let stopped = judge(&plan, &[], &passes, None, None, &Ending::Stopped);
        assert_eq!(stopped.clone().with_growth(&plan, &passes, grown), stopped);
        assert_eq!(verdict.with_growth(&plan, &[], grown).outcome(), Outcome::Failed, "by a command alone");
    }
}
