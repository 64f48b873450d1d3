//! Asks a drive, by its own commands, what it can do and how it is. What cannot be read is a gap in words, not an
//! error: a policy reads "not told" out of it.

pub mod ata;
pub mod nvme;
pub mod scsi;
