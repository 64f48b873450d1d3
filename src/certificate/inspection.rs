//! What a record of an inspection says: a drive that somebody else is said to have overwritten, read and
//! compared with what was expected. It is never a certificate: nobody knows what was on the drive before, or
//! what lies where no address reaches.
use serde::{Deserialize, Serialize};

use super::provenance::Provenance;
use super::record::{DriveRecord, VerificationRecord};
use crate::plan::Limit;
use crate::unit::{Lba, Pattern, Reason};

/// The record of an inspection. Fields that are `None` were not recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// [`super::record::SCHEMA_VERSION`].
    pub schema_version: String,
    /// Title for people.
    pub title: String,
    /// What was found.
    pub outcome: InspectionOutcome,
    /// Why it is not `matches`, where there is more to say than the counts do.
    pub reasons: Vec<Reason>,
    /// What an inspection does not show.
    pub limits: Vec<Limit>,
    /// The drive.
    pub drive: DriveRecord,
    /// The bytes that were expected everywhere.
    pub expected: Pattern,
    /// What was read, and how it compared.
    pub verification: VerificationRecord,
    /// First block that holds something else.
    pub first_differing: Option<Lba>,
    /// Last block that holds something else.
    pub last_differing: Option<Lba>,
    /// Who says so, how, when and with what.
    #[serde(flatten)]
    pub provenance: Provenance,
}

/// What an inspection found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InspectionOutcome {
    /// Every block that was to be read holds what was expected.
    Matches,
    /// At least one block holds something else.
    Differs,
    /// Nothing else was found, but not everything that was to be read could be.
    Unreadable,
}

/// The facts of an inspection, from which [`super::inspect`] makes a statement.
#[derive(Clone, Debug)]
pub struct InspectionInput {
    /// The drive.
    pub drive: DriveRecord,
    /// The bytes that were expected everywhere.
    pub expected: Pattern,
    /// What was read, and how it compared.
    pub verification: VerificationRecord,
    /// Why something could not be read, where there is more to say.
    pub reasons: Vec<Reason>,
    /// What the inspection does not show.
    pub limits: Vec<Limit>,
    /// Who says so, how, when and with what.
    pub provenance: Provenance,
}

impl Inspection {
    /// What the counts of a verification come to.
    pub fn outcome_of(verification: &VerificationRecord) -> InspectionOutcome {
        let tally = &verification.tally;
        if !tally.mismatched.is_empty() {
            InspectionOutcome::Differs
        } else if !tally.unreadable.is_empty() || tally.matched != tally.wanted {
            InspectionOutcome::Unreadable
        } else {
            InspectionOutcome::Matches
        }
    }
}
