//! TCG Storage: Level 0 discovery, sessions, and the methods that revert a drive.
//!
//! Sources: second-hand in the project's facts (sedutil, Linux `sed-opal.h`); what is from memory says so.

use serde::{Deserialize, Serialize};

/// Revert of the Admin SP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Revert {
    /// Who asks for it.
    pub authority: Authority,
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
