//! What it means when a drive remaps sectors, or more of them come to wait for it, while its data is being destroyed.
//!
//! What such a sector held may still be there, and no address leads to it any more. A technique that reaches remapped sectors
//! destroys that too; one that only writes to addresses, or need not go further, does not.
use serde::{Deserialize, Serialize};

use super::{Plan, Profile};
use crate::unit::term::Technique;

/// What becomes of a job during which defects grew, where the technique does not reach them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrowthRule {
    /// It is not done: incomplete.
    Fail,
    /// It is done, and the record states the limit.
    #[default]
    State,
}

impl GrowthRule {
    /// Whether it is the usual one, which plans leave out.
    pub const fn is_state(&self) -> bool {
        match self {
            Self::State => true,
            Self::Fail => false,
        }
    }

    /// As the rule `defect-growth` has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::State => "state",
        }
    }

    /// Where nobody gave the rule: what a policy says, or else what goes with the profile. A drive that leaves the house is
    /// not to carry sectors that nothing reached.
    pub const fn usual(policy: Option<Self>, profile: Option<Profile>) -> Self {
        match (policy, profile) {
            (Some(rule), _) => rule,
            (None, Some(Profile::Rma | Profile::Retire)) => Self::Fail,
            (None, Some(Profile::Reuse) | None) => Self::State,
        }
    }
}

/// Whether a technique is meant to reach sectors that the drive remapped. SECURITY ERASE UNIT in enhanced mode is (ATA8-ACS,
/// second-hand), in normal mode it need not; what Format NVM with user data erase does to them is not said. A change of keys
/// takes what they held with it.
pub const fn reaches_remapped(technique: Technique) -> bool {
    match technique {
        Technique::Overwrite | Technique::SecurityErase | Technique::Format => false,
        Technique::BlockErase
        | Technique::CryptoErase
        | Technique::SanitizeOverwrite
        | Technique::SecurityEraseEnhanced
        | Technique::FormatCrypto
        | Technique::OpalRevert => true,
    }
}

/// Whether growth keeps a job of this plan from being done.
pub fn forbids_growth(plan: &Plan) -> bool {
    plan.rules().defect_growth == GrowthRule::Fail && !reaches_remapped(plan.technique)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::decide::tests::drive;
    use crate::plan::{Decision, Policy, Request, decide};
    use crate::unit::ReasonCode;
    use crate::unit::term::DriveKind;

    fn decided(policy: Option<GrowthRule>, rule: Option<&str>) -> Decision {
        let policy = Policy { name: "acme".into(), defect_growth: policy, ..Policy::builtin() };
        let rules = rule.map(|rule| rule.parse().unwrap()).into_iter().collect();
        decide(&Request { rules, ..Request::default() }, &drive(DriveKind::Rotating), &policy)
    }

    #[test]
    fn a_request_may_be_stricter_than_a_policy_and_never_looser() {
        use GrowthRule::{Fail, State};
        for (policy, rule, expected) in [
            (None, None, State),
            (None, Some("defect-growth=fail"), Fail),
            (Some(State), None, State),
            (Some(State), Some("defect-growth=fail"), Fail),
            (Some(Fail), None, Fail),
            (Some(Fail), Some("defect-growth=fail"), Fail),
        ] {
            let Decision::Planned(plan) = decided(policy, rule) else { panic!("{policy:?} {rule:?}") };
            assert_eq!(plan.rules().defect_growth, expected, "{policy:?} {rule:?}");
            // Plans of before keep their digests.
            let text = serde_json::to_string(&plan).unwrap();
            assert_eq!(text.contains("defectGrowth"), expected == Fail);
        }
        let Decision::Refused(reasons) = decided(Some(Fail), Some("defect-growth=state")) else { panic!() };
        assert_eq!(reasons[0].code, ReasonCode::BadRequest);
        assert!(reasons[0].text.contains("policy acme does not allow"), "{}", reasons[0].text);
    }

    #[test]
    fn a_policy_goes_before_a_profile_and_both_before_what_is_usual() {
        use GrowthRule::{Fail, State};
        for (policy, profile, expected) in [
            (None, None, State),
            (None, Some(Profile::Reuse), State),
            (None, Some(Profile::Rma), Fail),
            (None, Some(Profile::Retire), Fail),
            (Some(State), Some(Profile::Rma), State),
            (Some(Fail), None, Fail),
            (Some(Fail), Some(Profile::Reuse), Fail),
        ] {
            assert_eq!(GrowthRule::usual(policy, profile), expected, "{policy:?} {profile:?}");
        }
    }
}
