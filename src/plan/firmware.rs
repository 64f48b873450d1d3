//! The part of a plan that the drive carries out by itself: which commands, in which order, on which scope, and what
//! can be read afterwards.
use serde::{Deserialize, Serialize};

use super::crypto::CryptoBasis;
use crate::command::DriveCommand;
use crate::unit::BlockCount;
use crate::unit::pattern::FixedBytes;
use crate::unit::term::Technique;

/// What a drive is told to do to itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FirmwarePlan {
    /// The commands, in their order; empty only where capacity is restored and nothing else is done. The first that
    /// does not end confirmed ends the job.
    pub steps: Vec<DriveCommand>,
    /// Blocks whose content is known before each command and must be gone after it.
    pub canaries: u32,
    /// How their content is known; left out of the plan where they are planted.
    #[serde(default, skip_serializing_if = "CanaryKind::is_planted")]
    pub canary_kind: CanaryKind,
    /// What reading shows after the last command.
    pub expected: Expected,
    /// What the commands reach.
    pub reach: CommandReach,
    /// The capacity that is restored before anything else; `None` when nothing is hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
    /// Who answers for the conditions of a cryptographic erase, where the claim rests on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crypto_basis: Option<CryptoBasis>,
    /// What else would be accepted for a purge of this drive, as it was asked for: an overwrite where clear was allowed in
    /// its place. Nothing of it is done by itself; where the drive turns out not to have the commands above, it decides
    /// whether there is a purge at all. `None` where that was not worked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternatives: Option<Vec<Technique>>,
}

impl FirmwarePlan {
    /// Whether units of the drive other than this one lose their data, or may: then all of them must be nobody's.
    pub fn concerns_other_units(&self) -> bool {
        let reach = &self.reach;
        let beyond = reach.scope == Scope::Drive || reach.units.len() > 1 || !reach.unproven.is_empty();
        beyond && !self.steps.is_empty()
    }

    /// Units besides this one in which canaries must vanish, by the names of [`CommandReach::units`].
    pub fn compared_units(&self) -> &[String] {
        let planted = self.canaries > 0 && !self.steps.is_empty();
        self.reach.units.get(1..).filter(|_| planted).unwrap_or_default()
    }
}

/// How the content of a block is known that must be gone after a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CanaryKind {
    /// It is unique random data that was written right before.
    #[default]
    Planted,
    /// It is what the drive held, of which a fingerprint under a throw-away key was taken right before. Nothing is
    /// written.
    Fingerprints,
}

impl CanaryKind {
    /// Whether blocks are written.
    pub const fn is_planted(&self) -> bool {
        match self {
            Self::Planted => true,
            Self::Fingerprints => false,
        }
    }
}

/// What reading shows after a command that sanitized a drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Expected {
    /// These bytes, repeated: every block is compared.
    Bytes {
        /// One period.
        bytes: FixedBytes,
    },
    /// All zeros or all ones, whichever the first block shows: every block is compared with that.
    Blank,
    /// Anything but what was there: only the canaries can be compared.
    Changed,
}

/// How far commands reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CommandReach {
    /// One unit or the whole drive.
    pub scope: Scope,
    /// What loses its data and is shown to have lost it, by name, this unit first: namespaces, logical units.
    pub units: Vec<String>,
    /// What loses its data, or may, and of which nothing is compared: units that the kernel does not present, units that
    /// only may be reached, capacity without an address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<String>,
    /// What keeps its data (RPMB, boot partitions), by name.
    pub not_reached: Vec<String>,
}

/// One unit of a drive, or the whole drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One namespace or logical unit.
    Unit,
    /// All of them, and capacity that belongs to none.
    Drive,
}

/// Hidden capacity that is made addressable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Restore {
    /// What the drive presents now.
    pub presented: BlockCount,
    /// What it has.
    pub native: BlockCount,
}
