//! One sanitization, from request to record.
//!
//! ```text
//! order ─resolve, claim, guards─▶ Claimed ─decide─▶ Ready ─intent, keys durable─▶ worker ─▶ verdict ─▶ record
//!                 │                          │         │
//!                 └──▶ Refused (a journal) ◀─┘         └─▶ Dead ─▶ record "cannot be sanitized here"
//! ```
//!
//! All drives of a request are prepared before the first of them is written.

pub mod arm;
pub mod awaiting;
pub mod carry_out;
pub mod clock;
mod commanding;
pub mod conclude;
pub mod course;
pub mod dirs;
mod ending;
pub mod entry;
pub mod execute;
mod fingerprinting;
pub mod host;
mod identity;
pub mod inspect;
mod key_slots;
mod limits;
pub mod listen;
mod missing;
pub mod opening;
pub mod order;
pub mod prepare;
mod probe;
pub mod recover;
pub mod replay;
mod restoring;
pub mod resume;
pub mod selftest;
pub mod shares;
mod silence;
mod speed;
pub mod tuning;
pub mod units;

pub use conclude::Signer;
pub use dirs::Directories;
pub use shares::{Limits, Member, Seat, Shares, allot};
