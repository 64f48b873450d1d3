//! What a drive is, whether anything uses it, and what lies on it.
//!
//! The model ([`facts`], [`identity`], [`content`]) is plain data; the shells that read sysfs, procfs and the
//! opened node fill it in.

pub mod content;
pub mod facts;
pub mod identity;

pub use content::{Content, ContentType};
pub use facts::{DeviceNumber, DriveFacts, Fact, QueueLimits, Reach, Zoned};
pub use identity::Identity;
