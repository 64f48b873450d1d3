//! Expunge takes the data off storage media and proves it.
//!
//! Facts come up, decisions stay in the middle, effects go down, and the middle does no I/O. A module may
//! name only modules listed before it here; `tests/tidy.rs` reads the source and holds this order:
//!
//! | layer | what it is |
//! |---|---|
//! | [`mod@unit`] | blocks, ranges, patterns and the standards' words; pure |
//! | [`sys`] | ioctl, `io_uring`, aligned buffers, open, processes, signals: the only unsafe code |
//! | [`io`] | the ports to a drive (traits) and their real adapters |
//! | [`command`] | the drives' own commands (NVMe, ATA, SCSI, TCG) as bytes, both ways; pure |
//! | `sim` | simulated drives and the oracle that knows what is left on them (tests, feature `sim`) |
//! | [`device`] | what a drive is, whether it is in use, and what lies on it |
//! | [`plan`] | request + facts + policy to a plan or a refusal; pure and total |
//! | [`journal`] | durable, append-only record of a job: intent before effect |
//! | [`engine`] | overwrite passes as state machines, and the one loop that does |
//! | [`verify`] | what to read back, how it compares, and the verdict |
//! | [`worker`] | one process per drive around engine and verifier, and the parent's view of it |
//! | [`certificate`] | statement, signature, keyring, offline checking |
//! | [`job`] | one sanitization from request to record |
//! | [`cli`] | flags, rendering, progress, exit codes |

#[forbid(unsafe_code)]
pub mod unit;

#[allow(unsafe_code)]
pub mod sys;

#[forbid(unsafe_code)]
pub mod io;

#[cfg(feature = "sim")]
#[forbid(unsafe_code)]
pub mod sim;

#[forbid(unsafe_code)]
pub mod command;

#[forbid(unsafe_code)]
pub mod device;

#[forbid(unsafe_code)]
pub mod plan;

#[forbid(unsafe_code)]
pub mod journal;

#[forbid(unsafe_code)]
pub mod engine;

#[forbid(unsafe_code)]
pub mod verify;

#[forbid(unsafe_code)]
pub mod worker;

#[forbid(unsafe_code)]
pub mod certificate;

#[forbid(unsafe_code)]
pub mod job;

#[forbid(unsafe_code)]
pub mod cli;
