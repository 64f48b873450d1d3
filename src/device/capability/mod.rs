//! What a drive says that it can do to itself, and the state that it is in: plain data, filled in by the survey and
//! read by the policy. Nothing here is believed to be true; it is what the drive says.

pub mod ata;
pub mod nvme;
pub mod scsi;

use serde::{Deserialize, Serialize};

use crate::unit::{Digest, Reason, ReasonCode};

pub use ata::AtaFacts;
pub use nvme::NvmeFacts;
pub use scsi::ScsiFacts;

/// What a drive says about itself beyond its size and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Capability {
    /// By which commands it is reached, and what they told.
    pub interface: Interface,
    /// TCG feature descriptors; `None` when the drive has no TCG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcg: Option<TcgFacts>,
    /// How it is.
    pub health: Health,
    /// The pages that were read, as they came.
    pub pages: Vec<Page>,
    /// What could not be read, and why, in words.
    pub gaps: Vec<String>,
}

impl Capability {
    /// Nominal rotation rate as the drive tells it: 1 for none, `None` when not told.
    pub fn rotation(&self) -> Option<u16> {
        match &self.interface {
            Interface::Nvme(_) => None,
            Interface::Ata(facts) => facts.rotation,
            Interface::Scsi(facts) => facts.rotation,
        }
    }

    /// Why the drive's medium cannot be read now, by its own account; `None` when nothing speaks against it.
    pub fn out_of_reach(&self) -> Option<OutOfReach> {
        let nvme = |facts: &NvmeFacts| match facts.status.map(|status| status.state) {
            Some(nvme::NvmeSanitizeState::InProgress) => Some(OutOfReach::Sanitizing),
            Some(nvme::NvmeSanitizeState::Failed) => Some(OutOfReach::SanitizeFailed),
            Some(
                nvme::NvmeSanitizeState::NeverSanitized
                | nvme::NvmeSanitizeState::Succeeded
                | nvme::NvmeSanitizeState::SucceededDeallocated
                | nvme::NvmeSanitizeState::Reserved(_),
            )
            | None => None,
        };
        let ata = |facts: &AtaFacts| match facts.sanitize_state {
            Some(ata::AtaSanitizeState::InProgress) => Some(OutOfReach::Sanitizing),
            Some(ata::AtaSanitizeState::Failed) => Some(OutOfReach::SanitizeFailed),
            Some(
                ata::AtaSanitizeState::Idle
                | ata::AtaSanitizeState::Completed
                | ata::AtaSanitizeState::Frozen
                | ata::AtaSanitizeState::NotTold,
            )
            | None => facts.security.filter(|security| security.locked.is_yes()).map(|_| OutOfReach::Locked),
        };
        let scsi = |facts: &ScsiFacts| match facts.state {
            scsi::ScsiState::Sanitizing => Some(OutOfReach::Sanitizing),
            scsi::ScsiState::Formatting => Some(OutOfReach::Formatting),
            scsi::ScsiState::SanitizeFailed => Some(OutOfReach::SanitizeFailed),
            scsi::ScsiState::FormatCorrupted => Some(OutOfReach::FormatCorrupted),
            scsi::ScsiState::Ready | scsi::ScsiState::SelfTesting | scsi::ScsiState::Other => None,
        };
        let state = match &self.interface {
            Interface::Nvme(facts) => nvme(facts),
            Interface::Ata(facts) => ata(facts),
            Interface::Scsi(facts) => scsi(facts),
        };
        let locked = self.tcg.as_ref().filter(|tcg| tcg.locked.is_yes());
        state.or(locked.map(|_| OutOfReach::LockedByTcg))
    }

    /// Why the kernel was not told how large the drive is, where that will pass: a SCSI unit that is at work on itself,
    /// or belongs to another host, refuses READ CAPACITY too. Such a drive is not dead.
    pub fn why_no_capacity(&self) -> Option<Reason> {
        let Interface::Scsi(facts) = &self.interface else { return None };
        let again = "then have the kernel look again, such as by: echo 1 >/sys/block/NAME/device/rescan";
        let (code, text, remedy) = match facts.state {
            scsi::ScsiState::Sanitizing => (
                ReasonCode::FirmwareBusy,
                "the drive is sanitizing itself, and tells no capacity meanwhile",
                "wait until it is over",
            ),
            scsi::ScsiState::Formatting => (
                ReasonCode::FirmwareBusy,
                "the drive is being formatted, and tells no capacity meanwhile",
                "wait until it is over",
            ),
            scsi::ScsiState::Ready
            | scsi::ScsiState::SelfTesting
            | scsi::ScsiState::SanitizeFailed
            | scsi::ScsiState::FormatCorrupted
            | scsi::ScsiState::Other => (
                Some(ReasonCode::Reserved).filter(|_| facts.reserved.is_yes())?,
                "another host has reserved the drive, which tells no capacity to this one",
                "make that host let go",
            ),
        };
        Some(Reason::new(code, text, format!("{remedy}; {again}")))
    }
}

/// Why the medium of a drive can be neither read nor written now, by the drive's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfReach {
    /// A sanitize operation runs.
    Sanitizing,
    /// A sanitize operation has failed, and the drive is shut until one succeeds.
    SanitizeFailed,
    /// It is locked by an ATA password.
    Locked,
    /// A range of it is locked by TCG.
    LockedByTcg,
    /// A format runs.
    Formatting,
    /// A format was interrupted.
    FormatCorrupted,
}

impl std::fmt::Display for OutOfReach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sanitizing => "the drive is sanitizing itself",
            Self::SanitizeFailed => "a sanitize operation of the drive has failed",
            Self::Locked => "the drive is locked by a password",
            Self::LockedByTcg => "a range of the drive is locked by TCG",
            Self::Formatting => "the drive is being formatted",
            Self::FormatCorrupted => "a format of the drive was interrupted",
        })
    }
}

/// By which commands a drive is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "facts", rename_all = "kebab-case")]
pub enum Interface {
    /// NVMe.
    Nvme(Box<NvmeFacts>),
    /// ATA, directly or behind a translation layer.
    Ata(Box<AtaFacts>),
    /// SCSI.
    Scsi(Box<ScsiFacts>),
}

/// Yes, no, or not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Support {
    /// The drive says so.
    Yes,
    /// The drive says that it does not.
    No,
    /// It was not told, or could not be asked.
    #[default]
    NotTold,
}

impl Support {
    /// From a bit that the drive set or not.
    pub const fn from_bit(bit: bool) -> Self {
        if bit { Self::Yes } else { Self::No }
    }

    /// Whether the drive says so.
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Whether nothing was told.
    pub const fn is_not_told(&self) -> bool {
        matches!(self, Self::NotTold)
    }
}

/// How the drive is, by its own account. A value that was not told is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Health {
    /// Its own assessment: SMART status, NVMe critical warning zero, no failure prediction.
    pub passed: Option<bool>,
    /// Sectors that were remapped to spare ones (ATA attribute 5, SCSI grown defect list).
    pub reallocated: Option<u64>,
    /// Sectors that wait to be remapped (ATA attribute 197).
    pub pending: Option<u64>,
    /// Sectors that could not be read when the drive looked by itself (ATA attribute 198).
    pub uncorrectable: Option<u64>,
    /// NVMe media and data integrity errors.
    pub media_errors: Option<u64>,
    /// NVMe critical warning bits.
    pub critical_warning: Option<u8>,
    /// NVMe available spare, percent.
    pub spare_percent: Option<u8>,
    /// NVMe percentage used, or the ATA equivalent.
    pub used_percent: Option<u8>,
    /// Hours with power.
    pub power_on_hours: Option<u64>,
    /// Bytes that hosts wrote, where the drive counts them.
    pub written_bytes: Option<u64>,
}

/// A page that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Page {
    /// Which: `nvme identify controller`, `ata identify device`, `scsi vpd b1`, ...
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its bytes as hexadecimal digits.
    pub hex: String,
}

/// What Level 0 discovery told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TcgFacts {
    /// The subsystem class.
    pub class: TcgClass,
    /// Base ComID.
    pub com_id: Option<u16>,
    /// Locking feature: enabled, that is the Locking SP was activated.
    pub locking_enabled: Support,
    /// Some range is locked now.
    pub locked: Support,
    /// The medium is encrypted by the drive.
    pub media_encryption: Support,
    /// The shadow MBR is enabled: low blocks read as something else until it is done.
    pub mbr_enabled: Support,
    /// It is done.
    pub mbr_done: Support,
    /// SID authentication is blocked by the host's firmware until the power is cycled.
    pub sid_blocked: Support,
    /// SID still has its default value (MSID).
    pub sid_is_default: Support,
    /// Raw feature codes, in order.
    pub features: Vec<u16>,
    /// What the kernel's own driver reads of the same drive, where it has one for it: a second reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelTcg>,
}

/// What the kernel's TCG driver (`CONFIG_BLK_SED_OPAL`) reads of a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelTcg {
    /// It takes the drive for an Opal drive.
    pub supported: bool,
    /// The Locking SP was activated.
    pub locking_enabled: bool,
    /// Some range is locked now.
    pub locked: bool,
}

/// TCG security subsystem class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TcgClass {
    /// Opal 1.
    Opal1,
    /// Opal 2.
    Opal2,
    /// Opalite.
    Opalite,
    /// Ruby.
    Ruby,
    /// Pyrite 1: no encryption of the medium.
    Pyrite1,
    /// Pyrite 2: no encryption of the medium.
    Pyrite2,
    /// Enterprise.
    Enterprise,
    /// Some other, or none told.
    Other,
}
