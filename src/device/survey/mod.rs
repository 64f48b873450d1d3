//! Asks a drive what it can do to itself and how it is, and fills in a [`Capability`](super::Capability). Only
//! commands that change nothing.

pub mod scsi;
