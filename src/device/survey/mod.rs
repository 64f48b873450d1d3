//! Asks a drive what it can do: commands that read only.

pub mod tcg;
