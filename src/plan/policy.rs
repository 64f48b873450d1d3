//! The policy: which technique is accepted for which method on which medium, under which standard, and on what
//! that rests. It is data with a digest; records print both.
use serde::{Deserialize, Serialize};

use super::PolicyRow;
use crate::device::DriveFacts;
use crate::unit::Digest;
use crate::unit::term::{Basis, DriveKind, Method, Standard, Technique};

/// Schema name of a policy.
pub const POLICY_SCHEMA: &str = "urn:expunge:policy:v1";

/// What a policy tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// Magnetic platters.
    Rotating,
    /// Flash built in, or not known to be anything else.
    Flash,
    /// USB sticks and memory cards, or removable and not known to be anything else.
    RemovableFlash,
    /// RAID, virtual or cloud volume.
    LogicalVolume,
    /// Loop device, plain file, simulated drive.
    TestObject,
}

impl Medium {
    /// What the policy takes a drive for. What is not known is taken for flash, and what is plugged in by USB or sits
    /// in a card slot for removable flash: there the kernel's flag tells whether the medium leaves the reader, which
    /// memory cards and many sticks deny.
    pub fn of(facts: &DriveFacts) -> Self {
        Self::of_kind(facts.kind, facts.removable, facts.transport.as_deref())
    }

    /// The same for a drive of which only a record is left.
    pub fn of_kind(kind: DriveKind, removable: bool, transport: Option<&str>) -> Self {
        let plugged = matches!(transport, Some("usb" | "mmc"));
        match (kind, removable || plugged) {
            (DriveKind::Rotating, _) => Self::Rotating,
            (DriveKind::Flash | DriveKind::Unknown, false) => Self::Flash,
            (DriveKind::Flash | DriveKind::Unknown, true) => Self::RemovableFlash,
            (DriveKind::LogicalVolume, _) => Self::LogicalVolume,
            (DriveKind::TestObject, _) => Self::TestObject,
        }
    }
}

/// Which passes a row asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassRule {
    /// At least one pass, of any pattern.
    AnyPattern,
    /// Somewhere one pass directly followed by its complement.
    PatternThenComplement,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ruling {
    /// The technique is accepted for the method on this medium.
    Accepted {
        /// With which passes.
        passes: PassRule,
    },
    /// It is not, for the reason given.
    NotReachable {
        /// Why, in words that stand after "because".
        why: String,
    },
}

/// One row of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// Under which standard.
    pub standard: Standard,
    /// On which medium.
    pub medium: Medium,
    /// How.
    pub technique: Technique,
    /// To which method.
    pub method: Method,
    /// Accepted or not.
    pub ruling: Ruling,
    /// On what the row rests.
    pub basis: Basis,
    /// Where it comes from, in words.
    pub source: String,
}

/// A whole policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// [`POLICY_SCHEMA`].
    pub schema: String,
    /// Name of the policy, printed on records.
    pub name: String,
    /// Its rows; of several for the same case the first holds.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// The policy that Expunge brings along, named `builtin`.
    pub fn builtin() -> Self {
        Self { schema: POLICY_SCHEMA.to_owned(), name: "builtin".to_owned(), rules: builtin_rules() }
    }

    /// SHA-256 of the canonical JSON of the policy.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }

    /// The row for a case, if the policy has one. A case without a row is not accepted.
    pub fn rule(
        &self,
        standard: Standard,
        medium: Medium,
        technique: Technique,
        method: Method,
    ) -> Option<&Rule> {
        self.rules.iter().find(|rule| {
            (rule.standard, rule.medium, rule.technique, rule.method) == (standard, medium, technique, method)
        })
    }

    /// How a plan refers to a row of this policy.
    pub fn reference(&self, rule: &Rule) -> PolicyRow {
        PolicyRow {
            name: self.name.clone(),
            digest: self.digest(),
            standard: rule.standard,
            basis: rule.basis,
            source: rule.source.clone(),
        }
    }
}

/// Every medium.
const MEDIA: [Medium; 5] =
    [Medium::Rotating, Medium::Flash, Medium::RemovableFlash, Medium::LogicalVolume, Medium::TestObject];

fn builtin_rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for standard in [Standard::NistR2, Standard::NistR1] {
        for medium in MEDIA {
            rules.push(clear(standard, medium));
            rules.push(purge(standard, medium));
        }
    }
    rules
}

fn clear(standard: Standard, medium: Medium) -> Rule {
    let passes = match (standard, medium) {
        (Standard::NistR1, Medium::RemovableFlash) => PassRule::PatternThenComplement,
        (
            Standard::NistR1 | Standard::NistR2 | Standard::Ieee2883,
            Medium::Rotating
            | Medium::Flash
            | Medium::RemovableFlash
            | Medium::LogicalVolume
            | Medium::TestObject,
        ) => PassRule::AnyPattern,
    };
    let (basis, source) = clear_source(standard, medium);
    Rule {
        standard,
        medium,
        technique: Technique::Overwrite,
        method: Method::Clear,
        ruling: Ruling::Accepted { passes },
        basis,
        source: source.to_owned(),
    }
}

const fn clear_source(standard: Standard, medium: Medium) -> (Basis, &'static str) {
    match (standard, medium) {
        (Standard::NistR1, Medium::Rotating | Medium::Flash) => (
            Basis::SecondHand,
            "NIST SP 800-88 Rev. 1, public excerpt of its technique tables: overwrite with one pass at least \
             (withdrawn in September 2025)",
        ),
        (Standard::NistR1, Medium::RemovableFlash) => (
            Basis::SecondHand,
            "NIST SP 800-88 Rev. 1, public excerpt of its technique tables: two passes at least, a pattern and then \
             its complement (withdrawn in September 2025)",
        ),
        (Standard::Ieee2883, Medium::Rotating | Medium::Flash | Medium::RemovableFlash) => (
            Basis::Memory,
            "IEEE 2883-2022, whose text was not read: overwrite as clear there is from memory",
        ),
        (Standard::NistR2, Medium::Rotating) => (
            Basis::Memory,
            "NIST SP 800-88 Rev. 2 leaves techniques to IEEE 2883 (second-hand); overwrite as clear there: from \
             memory",
        ),
        (Standard::NistR2, Medium::Flash) => (
            Basis::Memory,
            "NIST SP 800-88 Rev. 2 leaves techniques to IEEE 2883 and warns of over-provisioning (second-hand); \
             overwrite as clear there: from memory",
        ),
        (Standard::NistR2, Medium::RemovableFlash) => (
            Basis::Memory,
            "NIST SP 800-88 Rev. 2 leaves techniques to IEEE 2883 (second-hand); overwrite as clear there: from \
             memory, where it may ask for a pattern and its complement",
        ),
        (Standard::NistR1 | Standard::NistR2 | Standard::Ieee2883, Medium::LogicalVolume) => (
            Basis::Memory,
            "no technique for volumes was read in the standard; overwrite of all addressable locations follows the \
             definition of clear",
        ),
        (Standard::NistR1 | Standard::NistR2 | Standard::Ieee2883, Medium::TestObject) => (
            Basis::Memory,
            "no standard speaks of test objects; overwrite of all addressable locations follows the definition of \
             clear",
        ),
    }
}

fn purge(standard: Standard, medium: Medium) -> Rule {
    let (basis, why) = match medium {
        Medium::Rotating => (
            Basis::SecondHand,
            "an overwrite by the host does not reach remapped blocks and hidden areas; purge takes a sanitize \
             command of the drive, whatever the number of passes",
        ),
        Medium::Flash => (
            Basis::SecondHand,
            "an overwrite by the host does not reach over-provisioned and retired cells; purge takes a block erase \
             or a cryptographic erase by the drive itself, whatever the number of passes",
        ),
        Medium::RemovableFlash => (
            Basis::SecondHand,
            "an overwrite by the host does not reach over-provisioned and retired cells, and no purge is \
             standardized for most removable flash: where purge is needed, destroy it",
        ),
        Medium::LogicalVolume => (
            Basis::Memory,
            "an overwrite of a volume says nothing about the drives below it; purge those drives themselves",
        ),
        Medium::TestObject => (
            Basis::Memory,
            "a test object is no drive: an overwrite reaches what it presents and nothing below it",
        ),
    };
    Rule {
        standard,
        medium,
        technique: Technique::Overwrite,
        method: Method::Purge,
        ruling: Ruling::NotReachable { why: why.to_owned() },
        basis,
        source: "NIST SP 800-88, both revisions as far as excerpts and summaries of them were read: pass counts never \
                 make an overwrite by the host a purge"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_policy_has_one_row_for_every_case_and_no_purge_by_overwrite() {
        let policy = Policy::builtin();
        for standard in [Standard::NistR1, Standard::NistR2] {
            for medium in MEDIA {
                for method in [Method::Clear, Method::Purge] {
                    let rows = policy.rules.iter().filter(|rule| {
                        (rule.standard, rule.medium, rule.method) == (standard, medium, method)
                    });
                    assert_eq!(rows.count(), 1, "{standard:?} {medium:?} {method:?}");
                }
                let purge = policy.rule(standard, medium, Technique::Overwrite, Method::Purge).unwrap();
                assert!(matches!(purge.ruling, Ruling::NotReachable { .. }));
                assert_eq!(policy.rule(standard, medium, Technique::Overwrite, Method::Destroy), None);
            }
        }
        assert_eq!(policy.rules.len(), 20);
    }

    #[test]
    fn only_removable_flash_under_rev_1_asks_for_a_complement() {
        for rule in &Policy::builtin().rules {
            let complement = rule.ruling == Ruling::Accepted { passes: PassRule::PatternThenComplement };
            let expected = (rule.standard, rule.medium, rule.method)
                == (Standard::NistR1, Medium::RemovableFlash, Method::Clear);
            assert_eq!(complement, expected, "{rule:?}");
        }
    }

    #[test]
    fn no_row_claims_that_a_text_was_read_or_names_a_clause() {
        for rule in &Policy::builtin().rules {
            assert_ne!(rule.basis, Basis::TextRead);
            assert!(!rule.source.contains('§') && !rule.source.contains("Sec."), "{}", rule.source);
        }
    }

    #[test]
    fn the_digest_covers_every_row_and_survives_a_file() {
        let policy = Policy::builtin();
        let text = serde_json::to_string(&policy).unwrap();
        let read: Policy = serde_json::from_str(&text).unwrap();
        assert_eq!(read.digest(), policy.digest());
        for index in 0..policy.rules.len() {
            let mut other = policy.clone();
            other.rules[index].source.push('.');
            assert_ne!(other.digest(), policy.digest());
        }
    }
}
