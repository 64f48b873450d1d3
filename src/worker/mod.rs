//! One process per drive around engine and verifier.
//!
//! The worker gets the opened drive as descriptor 0 and one end of a socket as descriptor 1, and nothing
//! else of the caller's. Orders go in and events come out as lines of JSON. It decides nothing about identity,
//! keys or records; a worker that hangs in the kernel holds up nobody else (P8), and when the parent is gone
//! it stops.

pub mod child;
pub mod message;
pub mod parent;
mod reins;
pub mod serve;
mod warmth;

pub use message::{Begin, Event, Order, Repair, Terms, Verify};
pub use parent::{Link, Report, Worker};
