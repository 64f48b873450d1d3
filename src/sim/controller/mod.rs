//! Simulated controllers: they read the bytes of commands by their own code, so that a misreading in an encoder
//! cannot be shared by the drive that it is tried on.

pub mod keys;
pub mod opal;
pub mod security;
