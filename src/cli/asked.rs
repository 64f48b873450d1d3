//! Flags that say what is to be done to a drive.
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::args::{MethodArg, StandardArg, parse_content, parse_pass, parse_scheme, parse_verification};
use crate::device::ContentType;
use crate::plan::firmware::Scope;
use crate::plan::request::{
    Afterwards, CanaryChoice, CryptoGiven, Fallback, HiddenChoice, PolicyFile, PsidGiven, StatementFile,
};
use crate::plan::{PassChoice, PassPattern, Profile, Request, RuleSetting, VerificationChoice};
use crate::unit::Digest;
use crate::unit::term::{Method, Technique};

/// What to do to a drive.
#[derive(Args, Clone, Debug, Default)]
pub struct RequestArgs {
    /// Level of sanitization [default: clear, except on flash, which has no default]
    #[arg(long, value_enum)]
    pub method: Option<MethodArg>,
    /// What is intended with the drive; fills in the other flags: reuse (clear, all read back), rma (purge, then a full
    /// keyed overwrite read back), retire (purge or destroy)
    #[arg(long, value_enum)]
    pub profile: Option<ProfileArg>,
    /// Standard under which it is claimed
    #[arg(long, value_enum, default_value_t)]
    pub standard: StandardArg,
    /// A site's own table of techniques, signed (with --policy-keys)
    #[arg(long, value_name = "FILE", requires = "policy_keys")]
    pub policy: Option<PathBuf>,
    /// Whose signature on the policy counts: keyring.json or a directory of public keys as PEM files
    #[arg(long, value_name = "PATH", requires = "policy")]
    pub policy_keys: Option<PathBuf>,
    /// How [default: overwrite for clear; for purge the strongest that the policy allows]
    #[arg(long, value_enum)]
    pub technique: Option<TechniqueArg>,
    /// How far the drive's own command may reach: this unit, or the whole drive with all its units
    #[arg(long, value_enum, default_value_t)]
    pub scope: ScopeArg,
    /// Clear the drive where no purge is available, instead of giving it up
    #[arg(long)]
    pub or_clear: bool,
    /// After the drive's own command write one keyed pass and read every block back
    #[arg(long)]
    pub overwrite_after: bool,
    /// Blocks that must be gone after the drive's own command: planted (random data is written before it), fingerprints (of
    /// what the drive holds; no canaries are written) or none (refused where nothing else would be compared)
    /// [default: planted]
    #[arg(long, value_enum, value_name = "KIND")]
    pub canaries: Option<CanariesArg>,
    /// The same as --canaries none
    #[arg(long, conflicts_with = "canaries")]
    pub no_canaries: bool,
    /// What to do about capacity that the drive hides (HPA, DCO, accessible maximum address): restore it first, for good,
    /// or leave it hidden and say so on the record
    #[arg(long, value_enum, value_name = "CHOICE", default_value_t)]
    pub hidden_areas: HiddenAreasArg,
    /// The vendor's statement about cryptographic erase, beside --declare-crypto; its digest goes onto plan and record
    #[arg(long, value_name = "FILE")]
    pub crypto_basis: Option<PathBuf>,
    /// What the organization declares about the conditions of a cryptographic erase; goes onto plan and record
    #[arg(long, value_name = "TEXT")]
    pub declare_crypto: Option<String>,
    /// A pass: zero, ones, random or 0xHH..., or stamped-zero, stamped-ones or stamped-0xHH..., in which each 512
    /// bytes carry their address; may be repeated [default: one keyed random pass]
    #[arg(long = "pass", value_name = "PATTERN", value_parser = parse_pass, conflicts_with = "scheme")]
    pub passes: Vec<PassPattern>,
    /// A legacy scheme of passes (a pattern, not a level): dod-5220.22-m, dod-ece, vsitr, hmg-is5-baseline,
    /// hmg-is5-enhanced, gost-r50739, rcmp-ops-ii, schneier, gutmann
    #[arg(long, value_name = "NAME", value_parser = parse_scheme)]
    pub scheme: Option<String>,
    /// Verification: full, sampled (SP 800-88 Rev. 1), sampled=CONFIDENCE,FRACTION or none [default: full]
    #[arg(long = "verify", value_name = "CHOICE", value_parser = parse_verification)]
    pub verification: Option<VerificationChoice>,
    /// Content that may be alive elsewhere and is accepted to be lost; the plan prints the exact option
    #[arg(long, value_name = "TYPE,...", value_delimiter = ',', value_parser = parse_content)]
    pub known_content: Vec<ContentType>,
    /// A rule of the job, NAME=VALUE: how hard a bad drive is tried, when it is given up; may be repeated
    #[arg(long = "rule", value_name = "NAME=VALUE")]
    pub rules: Vec<RuleSetting>,
}

impl RequestArgs {
    /// The request for one drive.
    ///
    /// # Errors
    /// What contradicts itself, or a file that cannot be read, in words.
    pub fn request(&self) -> Result<Request, String> {
        let request = self.without_profile()?;
        match self.profile() {
            None => Ok(request),
            Some(profile) => profile.fill_in(&request).map_err(|wrong| wrong.to_string()),
        }
    }

    /// What is intended with the drives.
    pub fn profile(&self) -> Option<Profile> {
        self.profile.map(Profile::from)
    }

    /// The request before the profile fills it in.
    ///
    /// # Errors
    /// A file that cannot be read, in words.
    pub fn without_profile(&self) -> Result<Request, String> {
        let passes = match (&self.scheme, self.passes.is_empty()) {
            (Some(scheme), _) => PassChoice::Scheme(scheme.clone()),
            (None, false) => PassChoice::Listed(self.passes.clone()),
            (None, true) => PassChoice::Default,
        };
        Ok(Request {
            method: self.method.map(Method::from),
            standard: self.standard.into(),
            passes,
            verification: self.verification.unwrap_or(VerificationChoice::Full),
            known_content: self.known_content.iter().copied().collect(),
            rules: self.rules.clone(),
            technique: self.technique.map(Technique::from),
            scope: self.scope.into(),
            fallback: if self.or_clear { Fallback::Clear } else { Fallback::None },
            profile: None,
            crypto: self.crypto()?,
            canaries: self.canaries(),
            afterwards: if self.overwrite_after { Afterwards::Overwrite } else { Afterwards::Nothing },
            hidden: self.hidden_areas.into(),
            // Whether it was given is asked where it is needed: a plan can be made without it.
            psid: PsidGiven::Yes,
            policy: self.policy_file(),
        })
    }

    const fn canaries(&self) -> CanaryChoice {
        match self.canaries {
            _ if self.no_canaries => CanaryChoice::None,
            Some(CanariesArg::Planted) | None => CanaryChoice::Planted,
            Some(CanariesArg::Fingerprints) => CanaryChoice::Fingerprints,
            Some(CanariesArg::None) => CanaryChoice::None,
        }
    }

    fn policy_file(&self) -> Option<PolicyFile> {
        let name = |path: &PathBuf| path.display().to_string();
        Some(PolicyFile { path: name(self.policy.as_ref()?), keys: name(self.policy_keys.as_ref()?) })
    }

    fn crypto(&self) -> Result<Option<CryptoGiven>, String> {
        if self.declare_crypto.as_ref().is_some_and(|text| text.trim().is_empty()) {
            return Err("--declare-crypto needs words that stand on the record".to_owned());
        }
        let statement = self.crypto_basis.as_deref().map(statement).transpose()?;
        if statement.is_none() && self.declare_crypto.is_none() {
            return Ok(None);
        }
        Ok(Some(CryptoGiven { statement, declaration: self.declare_crypto.clone() }))
    }
}

/// The vendor's statement: only its digest is kept.
fn statement(path: &Path) -> Result<StatementFile, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if bytes.is_empty() {
        return Err(format!("{}: an empty file states nothing", path.display()));
    }
    Ok(StatementFile { path: path.display().to_string(), sha256: Digest::of(&bytes) })
}

/// `--profile`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileArg {
    /// Clear, every block read back
    Reuse,
    /// Purge, then a full keyed overwrite read back
    Rma,
    /// Purge or destroy
    Retire,
}

impl From<ProfileArg> for Profile {
    fn from(profile: ProfileArg) -> Self {
        match profile {
            ProfileArg::Reuse => Self::Reuse,
            ProfileArg::Rma => Self::Rma,
            ProfileArg::Retire => Self::Retire,
        }
    }
}

/// `--scope`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ScopeArg {
    /// One namespace or logical unit
    #[default]
    Unit,
    /// All of them, and capacity that belongs to none
    Drive,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Unit => Self::Unit,
            ScopeArg::Drive => Self::Drive,
        }
    }
}

/// `--canaries`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CanariesArg {
    /// Random data is written before the drive's own command, and must be gone after it
    Planted,
    /// What the drive holds is fingerprinted before its own command, and must be gone after it; no canaries are written
    Fingerprints,
    /// There are none
    None,
}

/// What is done about capacity that a drive hides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HiddenAreasArg {
    /// It is restored first, and stays so.
    #[default]
    Restore,
    /// It stays hidden, and is not sanitized by an overwrite.
    Leave,
}

impl From<HiddenAreasArg> for HiddenChoice {
    fn from(choice: HiddenAreasArg) -> Self {
        match choice {
            HiddenAreasArg::Restore => Self::Restore,
            HiddenAreasArg::Leave => Self::Leave,
        }
    }
}

/// `--technique`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TechniqueArg {
    /// Ordinary writing, to every block that the drive presents
    Overwrite,
    /// The drive's sanitize command: block erase
    BlockErase,
    /// The drive's sanitize command: cryptographic erase
    CryptoErase,
    /// The drive's sanitize command: overwrite by the drive
    SanitizeOverwrite,
    /// ATA SECURITY ERASE UNIT
    SecurityErase,
    /// ATA SECURITY ERASE UNIT in enhanced mode
    SecurityEraseEnhanced,
    /// NVMe Format with user data erase
    Format,
    /// NVMe Format with cryptographic erase
    FormatCrypto,
    /// TCG Opal revert
    OpalRevert,
}

impl From<TechniqueArg> for Technique {
    fn from(technique: TechniqueArg) -> Self {
        match technique {
            TechniqueArg::Overwrite => Self::Overwrite,
            TechniqueArg::BlockErase => Self::BlockErase,
            TechniqueArg::CryptoErase => Self::CryptoErase,
            TechniqueArg::SanitizeOverwrite => Self::SanitizeOverwrite,
            TechniqueArg::SecurityErase => Self::SecurityErase,
            TechniqueArg::SecurityEraseEnhanced => Self::SecurityEraseEnhanced,
            TechniqueArg::Format => Self::Format,
            TechniqueArg::FormatCrypto => Self::FormatCrypto,
            TechniqueArg::OpalRevert => Self::OpalRevert,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::term::word;

    #[test]
    fn flags_use_the_words_of_records() {
        for arg in TechniqueArg::value_variants() {
            let name = arg.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(word(Technique::from(*arg)), name);
        }
        assert_eq!(TechniqueArg::value_variants().len(), Technique::ALL.len());
        for arg in ProfileArg::value_variants() {
            assert_eq!(word(Profile::from(*arg)), arg.to_possible_value().unwrap().get_name());
        }
    }

    #[test]
    fn a_statement_is_kept_by_its_digest_and_a_profile_bears_no_contradiction() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("statement.pdf");
        let with =
            |basis: &Path| RequestArgs { crypto_basis: Some(basis.to_owned()), ..RequestArgs::default() };
        assert!(with(&path).request().unwrap_err().contains("statement.pdf"));
        std::fs::write(&path, "").unwrap();
        assert!(with(&path).request().is_err());
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-4, the example of one block.
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let given = with(&path).request().unwrap().crypto.unwrap();
        assert_eq!(given.statement.unwrap().sha256.to_string(), digest);
        let rma = RequestArgs { profile: Some(ProfileArg::Rma), ..RequestArgs::default() };
        assert_eq!(rma.request().unwrap().method, Some(Method::Purge));
        let wrong = RequestArgs { or_clear: true, ..rma };
        assert_eq!(wrong.request(), Err("--profile rma does not go with --or-clear".to_owned()));
    }
}
