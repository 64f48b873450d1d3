//! TCG Storage: Level 0 discovery, sessions, and the methods that revert a drive.
//!
//! Sources: second-hand in the project's facts (sedutil, Linux `sed-opal.h`); what is from memory says so.
//!
//! Sessions are those of Opal, Opalite, Ruby and Pyrite. The Enterprise class is told and not served: its sessions
//! are authenticated in another way, and it erases band by band.

pub mod carry;
pub mod discovery;
pub mod method;
pub mod packet;
pub mod psid;
pub mod token;

use serde::{Deserialize, Serialize};

/// Revert of the Admin SP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Revert {
    /// Who asks for it.
    pub authority: Authority,
    /// What for.
    pub aim: RevertAim,
}

/// What a revert is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevertAim {
    /// New keys of the medium: a drive that does not encrypt it is not reverted.
    NewKeys,
    /// Only that nothing is locked any more, so that another technique reaches everything: nothing is claimed.
    Unlock,
}

/// The authority of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// PSID: the 32 characters printed on the drive. Never on a command line, in a log or on a record.
    Psid,
    /// SID with the drive's default credential (MSID), which anybody can read from it.
    SidByMsid,
}
