//! What all tests against real nodes share. Everything here cleans up when it is dropped, after a panic too.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test program uses its own part of this")]

pub mod direct;
pub mod expected;
pub mod expunge;
pub mod fault_bed;
pub mod loopdev;
pub mod media;
pub mod process;
pub mod record;
pub mod require;
pub mod running;

pub use expunge::{Expunge, Ran};
pub use fault_bed::FaultBed;
pub use loopdev::LoopDevice;
pub use media::Media;
pub use record::Record;
pub use running::Running;
