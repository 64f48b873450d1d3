//! The plan: exactly what will be done to one drive, as data with a digest.
use std::fmt;

use serde::{Deserialize, Serialize};

use super::firmware::FirmwarePlan;
use super::request::Ratio;
use super::rules::Rules;
use crate::command::DriveCommand;
use crate::device::{Content, ContentType, Identity};
use crate::unit::digest::{from_hex, to_hex};
use crate::unit::pattern::FixedBytes;
use crate::unit::term::{Basis, DriveKind, Method, Standard, Technique};
use crate::unit::{BlockCount, Digest, Geometry, RangeSet, ZoneMap};

/// Schema name of a plan.
pub const PLAN_SCHEMA: &str = "urn:expunge:plan:v1";

/// What will be done to one drive. Keys, seeds, times and the node's name are not in it, so the digest is the
/// same at approval, at the run and on the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: String,
    /// Stable identity of the drive.
    pub identity: Identity,
    /// What the drive is.
    pub kind: DriveKind,
    /// Its shape.
    pub geometry: Geometry,
    /// Its zones, where they must be written in sequence; `None` for a drive that takes writes anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zones: Option<ZoneMap>,
    /// Method of sanitization that the plan aims at.
    pub method: Method,
    /// How.
    pub technique: Technique,
    /// The row of policy that accepts the technique for the method on this medium.
    pub policy: PolicyRow,
    /// The named scheme whose patterns these are, if any.
    pub scheme: Option<SchemeRef>,
    /// What the drive does by itself, before any pass is written; `None` where it does nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<FirmwarePlan>,
    /// Passes in the order of writing; empty only where the drive sanitizes itself and nothing is written afterwards.
    pub passes: Vec<PassSpec>,
    /// How the last pass is read back.
    pub verification: VerificationPlan,
    /// How hard a bad drive is tried, when it is given up, within which limits it is driven; `None` in plans of the
    /// first version, which had no such rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// What lies on the drive and will be lost.
    pub content: Vec<Content>,
    /// Content whose loss the user accepted by name.
    pub known_content: Vec<ContentType>,
    /// What the record will claim if all goes well; `None` when nothing can be claimed.
    pub claim: Option<Claim>,
    /// What this plan does not reach or show.
    pub limits: Vec<Limit>,
}

impl Plan {
    /// The rules of the job.
    pub fn rules(&self) -> Rules {
        self.rules.clone().unwrap_or_else(|| Rules::of_kind(self.kind))
    }

    /// The commands that the drive carries out by itself.
    pub fn commands(&self) -> &[DriveCommand] {
        self.firmware.as_ref().map_or(&[], |firmware| &firmware.steps)
    }

    /// Addresses without cells, which are neither written nor read.
    pub fn absent(&self) -> RangeSet {
        self.zones.as_ref().map(ZoneMap::absent).unwrap_or_default()
    }

    /// Number of [`Self::absent`].
    pub fn absent_count(&self) -> BlockCount {
        self.zones.as_ref().map(ZoneMap::absent_count).unwrap_or_default()
    }

    /// SHA-256 of the canonical JSON of the plan.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }
}

/// A row of policy: which technique is accepted for which method on which kind of medium, and on what that
/// rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicyRow {
    /// Name of the policy, such as `builtin`.
    pub name: String,
    /// Digest of the whole policy table.
    pub digest: Digest,
    /// Standard under which the row stands.
    pub standard: Standard,
    /// On what the row rests.
    pub basis: Basis,
    /// Where it comes from, in words; no clause number of a text that was not read.
    pub source: String,
}

/// A named legacy scheme: patterns, not a level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SchemeRef {
    /// Name as given on the command line.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// Source of its bytes.
    pub source: String,
}

/// One pass over the whole drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PassSpec {
    /// What it writes.
    pub pattern: PassPattern,
}

/// What a pass writes, before keys and job bytes are drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PassPattern {
    /// Known bytes, repeated.
    Fixed {
        /// One period.
        bytes: FixedBytes,
    },
    /// The keyed stream with a key of its own, drawn at arming.
    Keyed,
    /// Known bytes, repeated, with the address and a tag drawn at arming at the start of each 512 bytes.
    Stamped {
        /// One period.
        bytes: FixedBytes,
    },
    /// One byte drawn at arming and recorded: the "random character" of some schemes.
    JobByte {
        /// Which of the job's bytes; the same slot is the same byte throughout a job.
        slot: u8,
        /// Written as its complement.
        complement: bool,
    },
}

impl PassPattern {
    /// Reads the option `--pass`: `random`, or bytes as `zero`, `ones`, or `0x` and 1 to 64 of them in hexadecimal
    /// digits, with `stamped-` before them or not.
    ///
    /// # Errors
    /// [`NotAPattern`] for any other text.
    pub fn parse(text: &str) -> Result<Self, NotAPattern> {
        match text.strip_prefix("stamped-") {
            Some(bytes) => parse_bytes(bytes).map(|bytes| Self::Stamped { bytes }),
            None if text == "random" => Ok(Self::Keyed),
            None => parse_bytes(text).map(|bytes| Self::Fixed { bytes }),
        }
    }

    /// Whether `next` writes the complement of every byte that this pattern writes. Keyed streams have no
    /// complement: each has a key of its own. Stamped patterns have none either: in each 512 bytes the stamp is
    /// in the same place, and its numbers are equal in both passes instead of complementary.
    pub fn is_complemented_by(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Fixed { bytes }, Self::Fixed { bytes: other }) => {
                is_complement(bytes.bytes(), other.bytes())
            }
            (
                Self::JobByte { slot, complement },
                Self::JobByte { slot: other_slot, complement: other_complement },
            ) => slot == other_slot && complement != other_complement,
            (Self::Fixed { .. } | Self::Keyed | Self::Stamped { .. } | Self::JobByte { .. }, _) => false,
        }
    }
}

fn parse_bytes(text: &str) -> Result<FixedBytes, NotAPattern> {
    match text {
        "zero" => Ok(FixedBytes::byte(0x00)),
        "ones" => Ok(FixedBytes::byte(0xFF)),
        other => other
            .strip_prefix("0x")
            .and_then(from_hex)
            .and_then(|bytes| FixedBytes::new(&bytes))
            .ok_or(NotAPattern),
    }
}

fn bytes_text(bytes: &FixedBytes) -> String {
    match bytes.bytes() {
        [0x00] => "zero".to_owned(),
        [0xFF] => "ones".to_owned(),
        other => format!("0x{}", to_hex(other)),
    }
}

/// Whether two repeated byte strings are complements everywhere, whatever the lengths of their periods.
fn is_complement(one: &[u8], other: &[u8]) -> bool {
    let common = one.len() * other.len();
    one.iter().cycle().zip(other.iter().cycle()).take(common).all(|(one, other)| *one == !*other)
}

/// The form that `--pass` reads; a job's byte, which only schemes have, in words.
impl fmt::Display for PassPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed { bytes } => f.write_str(&bytes_text(bytes)),
            Self::Keyed => f.write_str("random"),
            Self::Stamped { bytes } => write!(f, "stamped-{}", bytes_text(bytes)),
            Self::JobByte { slot, complement: false } => write!(f, "random byte {}", u16::from(*slot) + 1),
            Self::JobByte { slot, complement: true } => {
                write!(f, "complement of random byte {}", u16::from(*slot) + 1)
            }
        }
    }
}

/// Text that is no pattern of `--pass`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPattern;

impl fmt::Display for NotAPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected zero, ones, random, or 0x and 1 to 64 bytes in hexadecimal digits such as 0x55AA; before all \
             but random may stand stamped-, as in stamped-zero",
        )
    }
}

impl std::error::Error for NotAPattern {}

/// How the last pass is read back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum VerificationPlan {
    /// Every block.
    Full {
        /// Why a full reading takes the place of the sample that was asked for, when it does.
        instead_of_sample: Option<String>,
    },
    /// SP 800-88 Rev. 1, 4.7: two non-overlapping runs in each subsection, plus first and last block.
    SampledR1 {
        /// Number of equal subsections, at least 1,000.
        subsections: u64,
        /// Blocks in each run: at least 5 % of the largest subsection.
        run_blocks: BlockCount,
    },
    /// One block drawn in each of `strata` equal strata, plus first and last block.
    Sampled {
        /// Probability asked for of finding the residue.
        confidence: Ratio,
        /// Share of residual blocks that is to be found with it.
        fraction: Ratio,
        /// Number of strata and draws.
        strata: u64,
    },
    /// Only the canaries are compared: what the drive leaves behind after its command is not known beforehand, as
    /// after a cryptographic erase.
    Canaries,
    /// Nothing is read back.
    None,
}

/// What a record may claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Claim {
    /// Level of sanitization.
    pub method: Method,
    /// Technique used.
    pub technique: Technique,
    /// Under which standard.
    pub standard: Standard,
    /// On what the mapping of technique to method rests.
    pub basis: Basis,
    /// For which blocks, in words ("the N blocks the drive presents").
    pub scope: String,
}

/// A limit of what a plan reaches or a record shows: a code for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Limit {
    /// For programs.
    pub code: LimitCode,
    /// For people.
    pub text: String,
}

/// Codes of limits. Added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitCode {
    /// HPA, DCO and accessible maximum address were not examined.
    HiddenAreasNotExamined,
    /// Over-provisioned, retired and cached flash cells are not reached by an overwrite.
    FlashCellsNotReached,
    /// Remapped blocks keep old data that no address reaches.
    RemappedBlocksNotReached,
    /// Other units of the same drive are not covered.
    OtherUnitsNotCovered,
    /// A test object: never stands for a drive.
    TestObject,
    /// A volume of something else: never stands for a drive.
    LogicalVolume,
    /// Verification is by sample and misses small residues.
    SampledVerification,
    /// Nothing was read back.
    NotVerified,
    /// A fixed pattern cannot show dropped or misplaced writes of the same pattern.
    FixedPatternNotAddressed,
    /// The serial number comes through a bridge.
    BridgedIdentity,
    /// The mapping to the standard was not checked against its text.
    MappingNotChecked,
    /// Pass counts and scheme names say nothing about the level.
    SchemeIsNoLevel,
    /// Something could not be seen before the job, or only from memory, and the job went on all the same.
    ObservationLimited,
    /// What the drive did to its medium rests on its word: reading shows what it presents, not its cells.
    DriveTrusted,
    /// Areas of the drive that its command does not reach (RPMB, boot partitions).
    AreasNotReached,
    /// What the command promises less than others do (Format NVM, SECURITY ERASE UNIT).
    CommandMeaning,
    /// The conditions of a cryptographic erase rest on somebody's statement.
    CryptographicBasis,
    /// Only the canaries were compared.
    CanariesOnly,
    /// A higher method was asked for, was not available, and a lower one was allowed.
    LowerMethod,
    /// While the job ran, the drive remapped sectors or gave some up.
    SectorsGivenUp,
    /// Whether defects grew while the job ran is not known: the drive told no counters, or not any more.
    DefectsNotCounted,
    /// The drive hides blocks (HPA, DCO, accessible maximum address), and they stay hidden.
    HiddenAreasLeft,
    /// Units or places that the drive's command reaches or may, of which nothing was compared.
    UnitWithoutEvidence,
    /// Zones are offline or read-only, and what lies in them is not written over.
    ZonesNotReached,
    /// Addresses at the ends of zones have no cells by the drive's word, and are neither written nor compared.
    AddressesWithoutCells,
    /// Too few existing blocks held anything whose disappearance would tell, or too many could not be read: as if there had
    /// been no canaries.
    FewFingerprints,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pass_patterns_are_read_and_printed_in_the_same_form() {
        for text in [
            "zero",
            "ones",
            "random",
            "0x55",
            "0x924924",
            "0xdeadbeef",
            "stamped-zero",
            "stamped-ones",
            "stamped-0x924924",
        ] {
            assert_eq!(PassPattern::parse(text).unwrap().to_string(), text);
        }
        assert_ne!(PassPattern::parse("stamped-zero"), PassPattern::parse("zero"));
        assert_eq!(PassPattern::parse("stamped-0x00"), PassPattern::parse("stamped-zero"));
        assert_eq!(PassPattern::parse("0x00"), PassPattern::parse("zero"));
        assert_eq!(PassPattern::parse("0xFf"), PassPattern::parse("ones"));
        assert!(PassPattern::parse(&format!("0x{}", "5a".repeat(64))).is_ok());
        let too_long = format!("0x{}", "5a".repeat(65));
        for text in ["", "0x", "0x5", "0xGG", "55", "0X55", "Zero", "one", "0x 55", &too_long] {
            assert_eq!(PassPattern::parse(text), Err(NotAPattern), "{text}");
            assert_eq!(PassPattern::parse(&format!("stamped-{text}")), Err(NotAPattern), "{text}");
        }
        for text in ["stamped", "stamped-random", "stamped-stamped-zero", "Stamped-zero", "stampedzero"] {
            assert_eq!(PassPattern::parse(text), Err(NotAPattern), "{text}");
        }
    }

    #[test]
    fn complements_are_told_from_other_pairs() {
        let pattern = |text| PassPattern::parse(text).unwrap();
        for (one, other, expected) in [
            ("zero", "ones", true),
            ("0x55", "0xaa", true),
            ("0x55", "0xaaaaaa", true),
            ("0x55aa", "0xaa55aa55", true),
            ("0x55aa", "0xaa5555aa", false),
            ("zero", "zero", false),
            ("0x924924", "0x6db6db", true),
            ("random", "random", false),
            ("zero", "random", false),
            ("stamped-zero", "stamped-ones", false),
            ("stamped-zero", "ones", false),
            ("zero", "stamped-ones", false),
        ] {
            assert_eq!(pattern(one).is_complemented_by(&pattern(other)), expected, "{one} {other}");
        }
        let byte = |slot, complement| PassPattern::JobByte { slot, complement };
        assert!(byte(0, false).is_complemented_by(&byte(0, true)));
        assert!(!byte(0, false).is_complemented_by(&byte(1, true)));
        assert!(!byte(0, false).is_complemented_by(&byte(0, false)));
    }
}
