//! What a drive is, whether anything uses it, and what lies on it.
//!
//! The model ([`facts`], [`identity`], [`content`]) is plain data; the shells that read sysfs, procfs and the
//! opened node fill it in. Whatever opens a node runs in a helper process with a deadline ([`helper`]), since a
//! sick drive hangs its opener beyond the reach of any signal.

pub mod again;
pub mod bay;
pub mod bus;
pub mod capability;
pub mod capture;
pub mod claim;
pub mod claimed;
pub mod classify;
pub mod content;
pub mod discover;
pub mod elsewhere;
pub mod facts;
pub mod format;
pub mod gather;
pub mod generic;
pub mod guard;
pub mod helper;
pub mod identity;
pub mod multipath;
mod own_word;
pub mod probe;
pub mod procfs;
pub mod rescan;
pub mod resolve;
pub mod root;
pub mod security;
pub mod source;
pub mod stack;
pub mod survey;
pub mod sysfs;
pub mod thermometer;
pub mod units;

pub use again::{find_again, is_same_drive, is_same_drive_of};
pub use bus::bus_of;
pub use capability::Capability;
pub use claim::StatePaths;
pub use claimed::{Claimed, claim, duplicate_identities};
pub use content::{Content, ContentType};
pub use discover::{Discovery, Listed, discover};
pub use facts::{DeviceNumber, DriveFacts, Fact, QueueLimits, Reach, Zoned};
pub use guard::{Guard, GuardSet, guard_self_test};
pub use helper::{Helper, HelperMode, helper_main};
pub use identity::Identity;
pub use resolve::{Resolved, resolve};
pub use root::SysRoot;
pub use thermometer::Thermometer;
