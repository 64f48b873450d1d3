//! Overwrite passes as state machines that decide what next but do nothing, and the one loop that does.

pub mod tally;

pub use tally::{FlushState, PassTally};
