//! The only unsafe code: everything here offers a safe interface, no policy and no logging.
//!
//! JUSTIFICATION: `io_uring` and direct I/O hand memory to the kernel, ioctls and a few system calls have no
//! safe wrapper in nix; all of it stays in this module, so that the rest can forbid unsafe code.

pub mod buffer;
pub mod clock;
pub mod ioctl;
pub mod loopdev;
pub mod mapping;
pub mod nvme;
pub mod opal;
pub mod open;
pub mod passing;
pub mod process;
pub mod ring;
pub mod sg;
pub mod stat;
pub mod zone;

pub use buffer::Buffer;
