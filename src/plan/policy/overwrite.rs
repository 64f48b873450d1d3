//! Rows for an overwrite by the host: accepted for clear, never for purge.
use super::{MEDIA, Medium, PassRule, Rule, Ruling};
use crate::unit::term::{Basis, Method, Standard, Technique};

/// The rows of these standards, on every medium.
pub(super) fn rows(standards: &[Standard]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for standard in standards {
        for medium in MEDIA {
            rules.push(clear(*standard, medium));
            rules.push(purge(*standard, medium));
        }
    }
    rules
}

fn clear(standard: Standard, medium: Medium) -> Rule {
    let passes = match (standard, medium) {
        (Standard::NistR1 | Standard::Ieee2883, Medium::RemovableFlash) => PassRule::PatternThenComplement,
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
        interface: None,
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
        (Standard::Ieee2883, Medium::Rotating | Medium::Flash) => (
            Basis::Memory,
            "IEEE 2883-2022, whose text was not read: overwrite as clear there is from memory",
        ),
        (Standard::Ieee2883, Medium::RemovableFlash) => (
            Basis::Memory,
            "IEEE 2883-2022, whose text was not read: a pattern and then its complement as clear there is from memory",
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
        interface: None,
        technique: Technique::Overwrite,
        method: Method::Purge,
        ruling: Ruling::NotReachable { why: why.to_owned() },
        basis,
        source: "NIST SP 800-88, both revisions as far as excerpts and summaries of them were read: pass counts never \
                 make an overwrite by the host a purge"
            .to_owned(),
    }
}
