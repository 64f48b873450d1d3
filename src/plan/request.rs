//! What was asked for, parsed but not yet judged.
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PassPattern;
use super::crypto::CryptoBasis;
use super::firmware::Scope;
use super::profile::Profile;
use super::rules::RuleSetting;
use crate::device::ContentType;
use crate::unit::Digest;
use crate::unit::term::{Method, Standard, Technique};

/// A request for one drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method asked for; `None` takes the default of the drive's kind, if it has one.
    pub method: Option<Method>,
    /// Under which standard.
    pub standard: Standard,
    /// What to write.
    pub passes: PassChoice,
    /// How to verify.
    pub verification: VerificationChoice,
    /// Content that the user named and accepts to lose although it may be alive elsewhere.
    pub known_content: BTreeSet<ContentType>,
    /// Rules other than those of the drive's kind, in the order in which they were given.
    pub rules: Vec<RuleSetting>,
    /// Technique asked for; `None` takes overwrite for clear, and the strongest that policy allows for purge.
    pub technique: Option<Technique>,
    /// How far a command of the drive may reach.
    pub scope: Scope,
    /// Whether a lower method will do where the one asked for is not available.
    pub fallback: Fallback,
    /// What is intended with the drive; the request was filled in by it.
    pub profile: Option<Profile>,
    /// Who answers for the conditions of a cryptographic erase.
    pub crypto: Option<CryptoGiven>,
    /// Which blocks must be gone after a command of the drive.
    pub canaries: CanaryChoice,
    /// What follows on a command of the drive.
    pub afterwards: Afterwards,
    /// What is done about capacity that the drive hides.
    pub hidden: HiddenChoice,
    /// Whether the PSID of the drive was given; the PSID itself is no part of a request.
    pub psid: PsidGiven,
    /// The site's own policy, for the command line; the policy itself is given beside the request.
    pub policy: Option<PolicyFile>,
}

/// A policy that was read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// The file.
    pub path: String,
    /// Whose signature on it counts.
    pub keys: String,
}

/// Whether a lower method will do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// No: what is not available ends as unsanitizable.
    #[default]
    None,
    /// Clear will do where no purge is available.
    Clear,
}

/// Which canaries there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CanaryChoice {
    /// Blocks that are written with random data before the drive's own command.
    #[default]
    Planted,
    /// Blocks that the drive holds, known again by their fingerprints: no canaries are written before its command.
    Fingerprints,
    /// None: nothing is written, and nothing is known again.
    None,
}

/// What follows on a command of the drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Afterwards {
    /// Nothing but reading.
    #[default]
    Nothing,
    /// One keyed pass, with every block read back.
    Overwrite,
}

/// What is done about capacity that the drive hides (HPA, DCO, accessible maximum address).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HiddenChoice {
    /// The drive's full capacity is restored first, and stays so.
    #[default]
    Restore,
    /// It stays hidden: what is in it is not overwritten and not read back, and the record says so.
    Leave,
}

/// Whether the credential that is printed on a drive (PSID) was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PsidGiven {
    /// No: a revert that takes it is not planned.
    #[default]
    No,
    /// Yes.
    Yes,
}

/// Who answers for the conditions of a cryptographic erase, as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CryptoGiven {
    /// A statement of the vendor.
    pub statement: Option<StatementFile>,
    /// What the organization declares.
    pub declaration: Option<String>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementFile {
    /// Its name, for the command line.
    pub path: String,
    /// SHA-256 of its content.
    pub sha256: Digest,
}

impl CryptoGiven {
    /// The basis of every condition; `None` when nobody answers.
    pub fn basis(&self) -> Option<CryptoBasis> {
        CryptoBasis::of(self.statement.as_ref().map(|file| file.sha256), self.declaration.as_deref())
    }
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: None,
            standard: Standard::NistR2,
            passes: PassChoice::Default,
            verification: VerificationChoice::Full,
            known_content: BTreeSet::new(),
            rules: Vec::new(),
            technique: None,
            scope: Scope::Unit,
            fallback: Fallback::None,
            profile: None,
            crypto: None,
            canaries: CanaryChoice::Planted,
            afterwards: Afterwards::Nothing,
            hidden: HiddenChoice::Restore,
            psid: PsidGiven::No,
            policy: None,
        }
    }
}

/// Which passes to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassChoice {
    /// One keyed pass, or what the policy asks for on this medium.
    Default,
    /// These patterns, in this order; never empty.
    Listed(Vec<PassPattern>),
    /// A named legacy scheme.
    Scheme(String),
}

/// How to verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerificationChoice {
    /// Every block read back.
    Full,
    /// The representative sample of SP 800-88 Rev. 1, 4.7.
    SampledR1,
    /// A stratified sample that finds a residue of `fraction` of all blocks with `confidence`.
    Sampled {
        /// Probability of finding it, between 0 and 1.
        confidence: Ratio,
        /// Share of residual blocks to be found, between 0 and 1.
        fraction: Ratio,
    },
    /// Nothing is read back, and nothing is claimed.
    None,
}

/// A number strictly between 0 and 1 with nine decimal places: records hold no floating point numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ratio(u32);

const BILLION: u32 = 1_000_000_000;

impl Ratio {
    /// From parts per billion, strictly between 0 and 1,000,000,000.
    pub const fn from_billionths(billionths: u32) -> Option<Self> {
        if billionths > 0 && billionths < BILLION { Some(Self(billionths)) } else { None }
    }

    /// Parts per billion.
    pub const fn billionths(self) -> u32 {
        self.0
    }

    /// For statistics.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(BILLION)
    }
}

/// Text that is not a number strictly between 0 and 1 with at most nine decimal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARatio;

impl fmt::Display for NotARatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a number between 0 and 1 such as 0.99, with at most nine decimal places")
    }
}

impl std::error::Error for NotARatio {}

impl FromStr for Ratio {
    type Err = NotARatio;
    fn from_str(text: &str) -> Result<Self, NotARatio> {
        let digits = text.strip_prefix("0.").or_else(|| text.strip_prefix('.')).ok_or(NotARatio)?;
        if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotARatio);
        }
        let billionths = format!("{digits:0<9}").parse().map_err(|_| NotARatio)?;
        Self::from_billionths(billionths).ok_or(NotARatio)
    }
}

impl TryFrom<String> for Ratio {
    type Error = NotARatio;
    fn try_from(text: String) -> Result<Self, NotARatio> {
        text.parse()
    }
}

impl From<Ratio> for String {
    fn from(ratio: Ratio) -> Self {
        ratio.to_string()
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(format!("0.{:09}", self.0).trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_keep_their_decimal_form() {
        for text in ["0.99", "0.999999999", "0.000000001", "0.1"] {
            assert_eq!(text.parse::<Ratio>().unwrap().to_string(), text);
        }
        for text in ["0", "1", "1.0", "0.", "0.0", "-0.5", "99%", "0.1234567891", "0,5", "0.5x"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
    }
}
