//! On what the conditions of a cryptographic erase rest. A drive that changes a key and a drive that only says so look
//! the same from outside, so somebody has to answer for each condition, and the plan names who.
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::unit::Digest;

/// What must be true for a cryptographic erase to be a purge: NIST SP 800-88 Rev. 2 and Rev. 1, appendix D, both
/// second-hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CryptoCondition {
    /// Nothing was ever stored in plain text: encryption was on before the first data came.
    EncryptedFromFirstWrite,
    /// At least 128 bits of strength, and a random number generator with as much entropy as the key is long.
    #[serde(rename = "strength-of-128-bits")]
    StrengthOf128Bits,
    /// The command destroys the key that encrypts the data, and every copy of it on the drive.
    KeysDestroyed,
    /// No copy of the key is kept elsewhere (escrow, backup).
    NoKeyElsewhere,
}

impl CryptoCondition {
    /// Every condition.
    pub const ALL: [Self; 4] =
        [Self::EncryptedFromFirstWrite, Self::StrengthOf128Bits, Self::KeysDestroyed, Self::NoKeyElsewhere];

    /// Whether the drive's maker answers for it rather than its owner: how the drive works, not how it was used.
    const fn is_of_the_drive(self) -> bool {
        match self {
            Self::StrengthOf128Bits | Self::KeysDestroyed => true,
            Self::EncryptedFromFirstWrite | Self::NoKeyElsewhere => false,
        }
    }
}

/// Who answers for a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AnswersFor {
    /// The maker of the drive, in a statement that the organization keeps.
    VendorStatement {
        /// SHA-256 of the statement's file.
        sha256: Digest,
    },
    /// The organization itself.
    Declaration {
        /// Its words.
        text: String,
    },
}

/// One condition, and who answers for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConditionBasis {
    /// Which.
    pub condition: CryptoCondition,
    /// Who.
    pub rests_on: AnswersFor,
}

/// A recorded basis for every condition of a cryptographic erase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CryptoBasis(Vec<ConditionBasis>);

impl CryptoBasis {
    /// From a declaration of the organization, alone or with the digest of a vendor's statement; `None` without one. With
    /// both, the vendor answers for what the drive does and the organization for how it was used, of which no vendor
    /// knows.
    pub fn of(statement: Option<Digest>, declaration: Option<&str>) -> Option<Self> {
        let vendor = statement.map(|sha256| AnswersFor::VendorStatement { sha256 });
        let own = declaration
            .filter(|text| !text.trim().is_empty())
            .map(|text| AnswersFor::Declaration { text: text.trim().to_owned() });
        let of_its_use = own?;
        let of_the_drive = vendor.unwrap_or_else(|| of_its_use.clone());
        let basis = CryptoCondition::ALL.map(|condition| ConditionBasis {
            condition,
            rests_on: if condition.is_of_the_drive() { of_the_drive.clone() } else { of_its_use.clone() },
        });
        Some(Self(basis.to_vec()))
    }

    /// Each condition with its basis.
    pub fn conditions(&self) -> &[ConditionBasis] {
        &self.0
    }

    /// Whether every condition is there, with somebody who can answer for it.
    pub fn is_complete(&self) -> bool {
        let can = |basis: &ConditionBasis| match basis.rests_on {
            AnswersFor::VendorStatement { .. } => basis.condition.is_of_the_drive(),
            AnswersFor::Declaration { .. } => true,
        };
        CryptoCondition::ALL
            .iter()
            .all(|condition| self.0.iter().any(|basis| basis.condition == *condition && can(basis)))
    }
}

impl fmt::Display for AnswersFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VendorStatement { sha256 } => {
                write!(f, "a statement of the vendor with the digest {sha256}")
            }
            Self::Declaration { text } => write!(f, "a declaration of the organization: {text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_has_somebody_who_answers_for_it_or_there_is_no_basis() {
        assert_eq!(CryptoBasis::of(None, None), None);
        assert_eq!(CryptoBasis::of(None, Some("  ")), None);
        let digest = Digest::of(b"statement");
        assert_eq!(CryptoBasis::of(Some(digest), None), None, "its maker does not know how it was used");
        for basis in
            [CryptoBasis::of(None, Some("always on")), CryptoBasis::of(Some(digest), Some("always on"))]
        {
            assert!(basis.unwrap().is_complete());
        }
        let both = CryptoBasis::of(Some(digest), Some("always on")).unwrap();
        let whose = |wanted| {
            let basis = both.conditions().iter().find(|basis| basis.condition == wanted).unwrap();
            matches!(basis.rests_on, AnswersFor::VendorStatement { .. })
        };
        assert!(whose(CryptoCondition::KeysDestroyed) && whose(CryptoCondition::StrengthOf128Bits));
        assert!(!whose(CryptoCondition::NoKeyElsewhere));
        assert!(!whose(CryptoCondition::EncryptedFromFirstWrite));
        let mut by_vendor = both.clone();
        for basis in &mut by_vendor.0 {
            basis.rests_on = AnswersFor::VendorStatement { sha256: digest };
        }
        assert!(!by_vendor.is_complete());
        let json = serde_json::to_string(&both).unwrap();
        assert_eq!(serde_json::from_str::<CryptoBasis>(&json).unwrap(), both);
    }
}
