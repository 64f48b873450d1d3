//! What an NVMe controller, its subsystem and one namespace say.
use serde::{Deserialize, Serialize};

use super::Support;

/// An NVMe drive, seen through one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NvmeFacts {
    /// Controller identifier (CNTLID).
    pub controller_id: u16,
    /// CMIC bit 1: the subsystem may have more controllers.
    pub multi_controller: Support,
    /// Sanitize, if the controller has it.
    pub sanitize: Option<NvmeSanitizeFacts>,
    /// Format NVM, if the controller has it.
    pub format: Option<NvmeFormatFacts>,
    /// OACS bit 0: Security Send and Receive.
    pub security: Support,
    /// This namespace.
    pub namespace: NamespaceFacts,
    /// Namespaces that are active (Identify, CNS 02h).
    pub active: Vec<u32>,
    /// Namespaces that are allocated, attached or not (Identify, CNS 10h); `None` when the controller cannot tell.
    pub allocated: Option<Vec<u32>>,
    /// Controllers of the subsystem (Identify, CNS 13h); `None` when the controller cannot tell.
    pub controllers: Option<Vec<u16>>,
    /// Capacity of the subsystem that belongs to no namespace, in bytes (UNVMCAP), where told.
    pub unallocated_bytes: Option<u64>,
    /// Replay protected memory block units (RPMBS bits 2:0): not reached by Sanitize.
    pub rpmb_units: u8,
    /// CAP bit 45: boot partitions, which Sanitize does not reach. A register: not told where the kernel does not
    /// offer the controller's memory.
    pub boot_partitions: Support,
    /// PMRCTL bit 0: persistent memory region enabled, which prohibits Sanitize. A register, too.
    pub persistent_memory: Support,
    /// Firmware slot log, AFI: an update waits for a reset, which prohibits Sanitize.
    #[serde(default, skip_serializing_if = "Support::is_not_told")]
    pub firmware_waits: Support,
    /// The last state of the Sanitize Status log; `None` when it could not be read.
    pub status: Option<SanitizeStatusFacts>,
}

/// What a controller says about Sanitize (SANICAP and feature 17h).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NvmeSanitizeFacts {
    /// BES.
    pub block_erase: Support,
    /// OWS.
    pub overwrite: Support,
    /// CES.
    pub crypto_erase: Support,
    /// VERS: media verification.
    pub media_verification: Support,
    /// SPRRS (TP4218): a purge can be asked for by name (PREQ) and is reported (PRGD).
    pub purge_reporting: Support,
    /// NDI: no-deallocate is inhibited.
    pub no_deallocate_inhibited: Support,
    /// NODMMAS: 0 undefined, 1 media not modified, 2 media modified after a sanitize.
    pub no_deallocate_modifies: u8,
    /// NODRM of feature 17h: an inhibited no-deallocate is answered with a warning (yes) or an error (no).
    pub no_deallocate_warns: Support,
    /// Estimated seconds for block erase, overwrite with 16 passes, crypto erase; `None` where not told.
    pub block_erase_seconds: Option<u32>,
    /// As above.
    pub overwrite_seconds: Option<u32>,
    /// As above.
    pub crypto_erase_seconds: Option<u32>,
}

/// What a controller says about Format NVM (FNA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NvmeFormatFacts {
    /// FNA bit 0: a format applies to all namespaces.
    pub formats_all: Support,
    /// FNA bit 1: a secure erase applies to all namespaces.
    pub erases_all: Support,
    /// FNA bit 2: cryptographic erase.
    pub crypto_erase: Support,
    /// FNA bit 3 clear: NSID FFFFFFFFh is taken.
    pub broadcast: Support,
}

/// One namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NamespaceFacts {
    /// Its number.
    pub nsid: u32,
    /// NSZE in blocks.
    pub blocks: u64,
    /// Index of its format (FLBAS).
    pub lba_format: u8,
    /// FLBAS bit 4: metadata at the end of each block.
    pub extended_metadata: Support,
    /// Metadata bytes of each block.
    pub metadata_bytes: u16,
    /// DPS bits 2:0: type of protection information.
    pub protection: u8,
    /// DPS bit 3: its place.
    pub protection_place: u8,
    /// DLFEAT bits 2:0: what deallocated blocks read as: 0 not told, 1 zeros, 2 FFh.
    pub deallocated_reads: u8,
    /// NSATTR bit 0.
    pub write_protected: Support,
    /// NMIC bit 0: shared by several controllers.
    pub shared: Support,
    /// FPI bits 6:0: percent of a format that is left to do; `None` when not told.
    pub format_left_percent: Option<u8>,
}

/// The Sanitize Status log as far as planning needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SanitizeStatusFacts {
    /// SSTAT bits 2:0.
    pub state: NvmeSanitizeState,
    /// SCDW10 of the last Sanitize command.
    pub command_dword: u32,
    /// GDE: nothing was written since a sanitize that erased everything.
    pub global_data_erased: Support,
}

/// SSTAT bits 2:0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NvmeSanitizeState {
    /// 0.
    NeverSanitized,
    /// 1.
    Succeeded,
    /// 2.
    InProgress,
    /// 3.
    Failed,
    /// 4: succeeded, but deallocated although that was not wanted.
    SucceededDeallocated,
    /// 5 to 7.
    Reserved(u8),
}
