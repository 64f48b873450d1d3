//! Vocabulary: blocks and ranges, patterns, and the standards' words. Pure; depends on nothing in the crate.

pub mod digest;
pub mod fingerprint;
pub mod geometry;
pub mod lba;
pub mod pattern;
pub mod range;
pub mod reason;
pub mod temperature;
pub mod term;
pub mod zone;

pub use digest::Digest;
pub use fingerprint::{Fingerprint, FingerprintKey, Print};
pub use geometry::Geometry;
pub use lba::{BlockCount, BlockSize, Lba};
pub use pattern::{Pattern, PatternKey, StampTag};
pub use range::{LbaRange, RangeSet};
pub use reason::{Reason, ReasonClass, ReasonCode};
pub use temperature::Temperature;
pub use zone::{MappedZone, Zone, ZoneAccess, ZoneCondition, ZoneKind, ZoneMap};
