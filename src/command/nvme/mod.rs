//! NVMe admin commands: Identify, Sanitize, Format NVM, log pages, features, Security Send and Receive.
//!
//! Sources: NVMe base specification as second-hand in the project's facts (libnvme headers, nvme-cli); what is from
//! memory says so. The tests compare with the entries that libnvme 1.3 builds and the offsets in its headers.

mod entry;
pub mod event;
mod field;
mod format;
pub mod identify;
pub mod log;
pub mod property;
mod sanitize;
pub mod status;

pub use entry::{
    ALL_NAMESPACES, EncodeFault, PersistentEventAction, firmware_slot_log, get_sanitize_config,
    identify_active, identify_allocated, identify_controller, identify_controllers, identify_namespace,
    persistent_event_log, property_get, sanitize_status_log, security_receive, security_send, smart_log,
};
pub use event::{Event, EventKind, Events};
pub use identify::{IdentifyController, IdentifyNamespace, NamespaceList};
pub use log::{SanitizeMachine, SanitizeState, SanitizeStatus, SmartLog};
pub use sanitize::{exit_failure, exit_media_verification};
pub use status::{Status, StatusField};

use serde::{Deserialize, Serialize};

use super::{AfterFailure, DriveOverwrite};

/// NVMe Sanitize (84h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sanitize {
    /// What is done.
    pub action: SanitizeAction,
    /// AUSE.
    pub after_failure: AfterFailure,
    /// NDAS: whether the blocks are to stay allocated, so that reading shows the medium.
    pub allocation: Allocation,
    /// EMVS: whether the drive stays in the media verification state afterwards.
    pub media_verification: MediaVerification,
    /// PREQ (TP4218): whether the drive is to purge as IEEE 2883 defines it, or fail.
    pub purge: PurgeRequest,
}

/// What a Sanitize command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "with", rename_all = "kebab-case")]
pub enum SanitizeAction {
    /// SANACT 2.
    BlockErase,
    /// SANACT 3.
    Overwrite(DriveOverwrite),
    /// SANACT 4.
    CryptoErase,
}

/// Whether a Sanitize command deallocates what it erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allocation {
    /// The drive may deallocate: reading then shows its map, not its medium.
    MayDeallocate,
    /// No deallocation is asked for (NDAS).
    Keep,
}

/// Whether a Sanitize command enters the media verification state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaVerification {
    /// No.
    NotAsked,
    /// EMVS.
    Asked,
}

/// Whether a Sanitize command asks for a purge by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurgeRequest {
    /// No: success says that the command was carried out.
    NotAsked,
    /// PREQ.
    Asked,
}

/// NVMe Format NVM (80h) with secure erase. There is no value for "no secure erase": it cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Format {
    /// SES.
    pub erase: SecureErase,
    /// Which namespaces.
    pub namespace: FormatScope,
    /// The namespace's present format, which is kept: LBAF index 0 to 63 (bits 3:0 and 13:12 of the command).
    pub lba_format: u8,
    /// MSET of the present format.
    pub metadata: MetadataSetting,
    /// PI of the present format: 0 to 7 (bits 7:5).
    pub protection: u8,
    /// PIL of the present format: 0 or 1 (bit 8).
    pub protection_place: u8,
}

/// What a Format NVM erases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecureErase {
    /// SES 1: content afterwards is indeterminate, and the drive may do it by changing a key.
    UserData,
    /// SES 2.
    Cryptographic,
}

/// Which namespaces a Format NVM reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FormatScope {
    /// This one.
    One {
        /// Its number, from 1.
        nsid: u32,
    },
    /// NSID FFFFFFFFh: all that are attached.
    All,
}

/// Where metadata travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetadataSetting {
    /// In a buffer of its own, or there is none.
    Separate,
    /// At the end of each block.
    Extended,
}
