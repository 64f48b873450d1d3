//! The standards' words and ours, each once. The text forms are frozen by a test: records hold them for years.
use serde::{Deserialize, Serialize};

/// How thorough a sanitization is: NIST SP 800-88 Rev. 2, 3.1.1 to 3.1.3 (second-hand); IEEE 2883 says
/// "destruct" for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Logical techniques on all storage locations that a user can address.
    Clear,
    /// Techniques that make recovery infeasible even in a laboratory.
    Purge,
    /// Recovery infeasible, and the medium can no longer store data.
    Destroy,
}

/// How a method is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technique {
    /// New values written by ordinary write commands to every block the drive presents.
    Overwrite,
    /// The drive's sanitize command with block erase (NVMe, ATA, SCSI).
    BlockErase,
    /// The drive's sanitize command with cryptographic erase (NVMe, ATA, SCSI).
    CryptoErase,
    /// The drive's sanitize command with an overwrite by the drive itself (NVMe, ATA, SCSI).
    SanitizeOverwrite,
    /// ATA SECURITY ERASE UNIT in normal mode.
    SecurityErase,
    /// ATA SECURITY ERASE UNIT in enhanced mode.
    SecurityEraseEnhanced,
    /// NVMe Format NVM with user data erase (SES 1).
    Format,
    /// NVMe Format NVM with cryptographic erase (SES 2).
    FormatCrypto,
    /// TCG Revert: new media encryption keys.
    OpalRevert,
}

impl Technique {
    /// Every technique.
    pub const ALL: [Self; 9] = [
        Self::Overwrite,
        Self::BlockErase,
        Self::CryptoErase,
        Self::SanitizeOverwrite,
        Self::SecurityErase,
        Self::SecurityEraseEnhanced,
        Self::Format,
        Self::FormatCrypto,
        Self::OpalRevert,
    ];
}

/// Under which standard a method is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standard {
    /// NIST SP 800-88 Rev. 2 (September 2025).
    #[serde(rename = "nist-800-88r2")]
    NistR2,
    /// NIST SP 800-88 Rev. 1 (December 2014, withdrawn September 2025).
    #[serde(rename = "nist-800-88r1")]
    NistR1,
    /// IEEE 2883-2022. Its text was not read; rows rest on memory and summaries.
    #[serde(rename = "ieee-2883-2022")]
    Ieee2883,
}

/// What a drive is, as far as it changes which technique reaches which cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriveKind {
    /// Magnetic platters: an overwrite reaches every block that was not remapped.
    Rotating,
    /// Flash: an overwrite cannot reach over-provisioned and retired cells.
    Flash,
    /// RAID, virtual or cloud volume: no drive of its own.
    LogicalVolume,
    /// Loop device, plain file or simulated drive: for trying out and for tests; never stands for a drive.
    TestObject,
    /// Not known; treated as flash.
    Unknown,
}

/// How a job ended (DESIGN: P5). It starts as unknown and only evidence changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Written and read back as asked: the only one that is a certificate.
    Done,
    /// Written as asked with `--verify none`; nothing is claimed.
    Written,
    /// Ended early by a rule or a limit; some of it done.
    Partial,
    /// Some block was not written, not read or not right.
    Failed,
    /// This drive cannot be sanitized here.
    Unsanitizable,
    /// Not begun: a guard or the policy said no. Nothing was written.
    Refused,
    /// Stopped by a person or by the end of the process.
    Aborted,
    /// Not known; to be treated as not sanitized.
    Unknown,
}

/// What should happen to the drive next, as far as this job can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// May be released at the level claimed.
    Releasable,
    /// To be kept until somebody decides: the job can be run again.
    Quarantined,
    /// To be destroyed: it cannot be sanitized here.
    ToDestroy,
    /// As before: nothing was done.
    Unchanged,
}

/// On what a row of policy rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The text of the standard was read.
    TextRead,
    /// Read in somebody else's quotation of it.
    SecondHand,
    /// From memory; not checked against any text.
    Memory,
}

/// The text form that serde gives a unit variant; the same in records, JSON output and messages.
pub fn word<T: Serialize>(term: T) -> String {
    match serde_json::to_value(term) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(error) => format!("({error})"),
    }
}

/// Exit codes of the command line (DESIGN, table of outcomes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done, and verified where verification was asked for.
    Success = 0,
    /// An error inside Expunge or its environment.
    Internal = 1,
    /// The request made no sense.
    Usage = 2,
    /// A guard or the policy refused; nothing was written.
    Refused = 3,
    /// Not sanitized: writing failed, or the drive cannot be sanitized here.
    Failed = 4,
    /// Written, but the read-back found something else.
    Verification = 5,
    /// Stopped before the end.
    Aborted = 6,
    /// Not known what happened; treat as not sanitized.
    Unknown = 7,
}

impl Exit {
    /// Gravest first: 1, 7, 4, 5, 6, 3, 0; a usage error ends a command before any drive has an exit.
    const fn gravity(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Refused => 1,
            Self::Aborted => 2,
            Self::Verification => 3,
            Self::Failed => 4,
            Self::Unknown => 5,
            Self::Internal => 6,
            Self::Usage => 7,
        }
    }

    /// The graver of two: over several drives the gravest exit wins.
    #[must_use]
    pub const fn gravest(self, other: Self) -> Self {
        if other.gravity() > self.gravity() { other } else { self }
    }

    /// The number a shell sees.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_in_records_do_not_change() {
        assert_eq!(word(Method::Clear), "clear");
        assert_eq!(word(Method::Purge), "purge");
        assert_eq!(word(Method::Destroy), "destroy");
        assert_eq!(word(Technique::Overwrite), "overwrite");
        assert_eq!(word(Standard::NistR2), "nist-800-88r2");
        assert_eq!(word(Standard::NistR1), "nist-800-88r1");
        assert_eq!(word(DriveKind::LogicalVolume), "logical-volume");
        assert_eq!(word(DriveKind::TestObject), "test-object");
        assert_eq!(word(Outcome::Done), "done");
        assert_eq!(word(Outcome::Unsanitizable), "unsanitizable");
        assert_eq!(word(Disposition::ToDestroy), "to-destroy");
        assert_eq!(word(Basis::SecondHand), "second-hand");
    }

    #[test]
    fn the_gravest_exit_wins_in_the_order_of_the_design() {
        let order = [1, 7, 4, 5, 6, 3, 0];
        let exits = [
            Exit::Internal,
            Exit::Unknown,
            Exit::Failed,
            Exit::Verification,
            Exit::Aborted,
            Exit::Refused,
            Exit::Success,
        ];
        assert_eq!(exits.map(Exit::code), order);
        for (graver, exit) in exits.iter().enumerate() {
            for lesser in &exits[graver..] {
                assert_eq!(exit.gravest(*lesser), *exit);
                assert_eq!(lesser.gravest(*exit), *exit);
            }
        }
    }
}
