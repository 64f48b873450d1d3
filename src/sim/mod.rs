//! Simulated drives with cells, a seeded menu of faults, and the oracle that looks at the cells.
//!
//! Only the drive is simulated: engine and verifier run as they are over [`SimDrive`], which stands behind the
//! same ports as a real device. A [`SimNode`] is the place under `/dev`; what it leads to may change. The
//! [`Oracle`] sees what no command can see: every cell, and which faults really happened.
//!
//! Everything follows from one seed, so a failing run is repeated by its number.

#[cfg(test)]
mod behaviour;
pub mod cells;
pub mod clock;
pub mod controller;
pub mod dice;
pub mod drive;
pub mod fault;
pub mod log;
mod medium;
pub mod oracle;
pub mod spec;
mod state;
pub mod store;
pub mod zoned;

pub use clock::SimClock;
pub use dice::Dice;
pub use drive::{SimDrive, SimNode};
pub use fault::{FaultName, SimFault};
pub use log::{Breach, Direction, Log, Logged};
pub use oracle::{Oracle, Residue, View};
pub use spec::{DriveSpec, SimIdentity, Wear};
pub use store::{SimStore, UnsyncedTail};
