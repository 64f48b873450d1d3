//! The policy: which technique is accepted for which method on which medium, under which standard, and on what
//! that rests. It is data with a digest; records print both.
mod drive;
mod overwrite;

use serde::{Deserialize, Serialize};

use super::PolicyRow;
use super::growth::GrowthRule;
use crate::command::DriveCommand;
use crate::device::DriveFacts;
use crate::device::capability::Interface;
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
        let plugged = matches!(transport, Some("usb" | "mmc" | "emmc" | "sd"));
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

/// By which commands a drive is reached, as far as a policy tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterfaceKind {
    /// NVMe.
    Nvme,
    /// ATA.
    Ata,
    /// SCSI.
    Scsi,
}

impl InterfaceKind {
    /// The interface of a drive that told what it can do.
    pub fn of(facts: &DriveFacts) -> Option<Self> {
        facts.capability.as_ref().map(|capability| match &capability.interface {
            Interface::Nvme(_) => Self::Nvme,
            Interface::Ata(_) => Self::Ata,
            Interface::Scsi(_) => Self::Scsi,
        })
    }

    /// The interface of these commands, where one of them tells it: a TCG revert goes over any.
    pub fn of_commands(commands: &[DriveCommand]) -> Option<Self> {
        commands.iter().find_map(|command| match command {
            DriveCommand::NvmeSanitize(_) | DriveCommand::NvmeFormat(_) => Some(Self::Nvme),
            DriveCommand::AtaSanitize(_) | DriveCommand::AtaSecurityErase(_) => Some(Self::Ata),
            DriveCommand::ScsiSanitize(_) => Some(Self::Scsi),
            DriveCommand::TcgRevert(_) => None,
        })
    }
}

/// What must hold besides, for a command of the drive to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Each condition of a cryptographic erase has a recorded basis.
    CryptographicBasis,
    /// The drive is asked to purge as IEEE 2883 defines it, and reports that it did (TP4218: PREQ, PRGD).
    PurgeReported,
    /// The drive says that it encrypts its medium.
    MediaEncryption,
    /// The Locking SP was activated: only then are its keys those that a revert destroys.
    LockingActive,
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
    /// A command of the drive itself is accepted for the method on this medium.
    ByDrive {
        /// What must hold besides; empty when nothing must.
        needs: Vec<Need>,
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
    /// Only on drives with this interface; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<InterfaceKind>,
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

/// What a policy is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Under which standard.
    pub standard: Standard,
    /// On which medium.
    pub medium: Medium,
    /// By which commands the drive is reached, where known.
    pub interface: Option<InterfaceKind>,
    /// How.
    pub technique: Technique,
    /// To which method.
    pub method: Method,
}

/// A whole policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// [`POLICY_SCHEMA`].
    pub schema: String,
    /// Name of the policy, printed on records.
    pub name: String,
    /// What it says of defects that grow while a job runs; `None` leaves that to profile and request. *Fail* cannot be
    /// loosened by a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect_growth: Option<GrowthRule>,
    /// Its rows; of several for the same case the first holds.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// The policy that Expunge brings along, named `builtin`.
    pub fn builtin() -> Self {
        let mut rules = overwrite::rows(&[Standard::NistR2, Standard::NistR1, Standard::Ieee2883]);
        rules.extend(drive::rows());
        Self::named_builtin(rules)
    }

    /// The policy of the versions before 1.2, which knew only overwriting. Their records name its digest.
    pub fn builtin_1() -> Self {
        let rules = overwrite::rows(&[Standard::NistR2, Standard::NistR1]);
        Self::named_builtin(rules)
    }

    fn named_builtin(rules: Vec<Rule>) -> Self {
        let (schema, name) = (POLICY_SCHEMA.to_owned(), "builtin".to_owned());
        Self { schema, name, defect_growth: None, rules }
    }

    /// The policy with this digest, if it is one that Expunge brings or brought along.
    pub fn known(digest: &Digest) -> Option<Self> {
        [Self::builtin(), Self::builtin_1()].into_iter().find(|policy| policy.digest() == *digest)
    }

    /// SHA-256 of the canonical JSON of the policy.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }

    /// The row for a case on a drive whose interface is not known, if the policy has one. A case without a row is
    /// not accepted.
    pub fn rule(
        &self,
        standard: Standard,
        medium: Medium,
        technique: Technique,
        method: Method,
    ) -> Option<&Rule> {
        self.rule_on(&Case { standard, medium, interface: None, technique, method })
    }

    /// The row for a case, if the policy has one.
    pub fn rule_on(&self, case: &Case) -> Option<&Rule> {
        self.rules.iter().find(|rule| {
            (rule.standard, rule.medium, rule.technique, rule.method)
                == (case.standard, case.medium, case.technique, case.method)
                && (rule.interface.is_none() || rule.interface == case.interface)
        })
    }

    /// The row of this policy that a plan quotes for a case: the one for the interface, where that is known. Rows for
    /// different interfaces may be told apart by nothing else, and say the opposite.
    pub fn quoted(&self, case: &Case, row: &PolicyRow) -> Option<&Rule> {
        let digest = self.digest();
        self.rules.iter().find(|rule| {
            (rule.standard, rule.medium, rule.technique, rule.method)
                == (case.standard, case.medium, case.technique, case.method)
                && (rule.interface.is_none() || case.interface.is_none() || rule.interface == case.interface)
                && self.reference_by(rule, digest) == *row
        })
    }

    /// How a plan refers to a row of this policy.
    pub fn reference(&self, rule: &Rule) -> PolicyRow {
        self.reference_by(rule, self.digest())
    }

    /// The same with the digest of this policy, which takes as long as all the rest, worked out before.
    pub fn reference_by(&self, rule: &Rule, digest: Digest) -> PolicyRow {
        PolicyRow {
            name: self.name.clone(),
            digest,
            standard: rule.standard,
            basis: rule.basis,
            source: rule.source.clone(),
        }
    }
}

/// Every medium.
pub(crate) const MEDIA: [Medium; 5] =
    [Medium::Rotating, Medium::Flash, Medium::RemovableFlash, Medium::LogicalVolume, Medium::TestObject];

#[cfg(test)]
mod tests;
