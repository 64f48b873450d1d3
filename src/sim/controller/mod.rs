//! Simulated controllers: they read the bytes of commands by their own code, so that a misreading in an encoder
//! cannot be shared by the drive that it is tried on.
//!
//! A drive is a [`Shape`] (cells, times and [`Quirk`]s) behind a transport: [`NvmeSim`] or [`ScsiSim`]. Time is virtual and passes
//! by the command or when it is told to; an operation goes on as time passes, and stops while the power is off. The
//! [`ControllerOracle`] knows what is in every cell and whether the drive told the truth.

pub mod ata;
mod bytes;
mod core;
mod handle;
mod job;
pub mod keys;
mod media;
pub mod nvme;
mod oracle;
pub mod quirk;
pub mod scsi;
pub mod security;
pub mod spec;

pub use self::core::{Asked, Deed, Ending};
pub use ata::{AtaTraits, Erase};
pub use handle::SimBlockPort;
pub use job::Work;
pub use keys::MediaKeys;
pub use nvme::{NvmeSim, NvmeSpec};
pub use oracle::ControllerOracle;
pub use quirk::{Quirk, QuirkName};
pub use scsi::{Personality, ScsiSim, ScsiSpec, ScsiTraits};
pub use spec::Shape;
