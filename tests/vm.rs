//! The lab: a Debian kernel under qemu, with disks that qemu emulates and simulated drives behind the kernel's own
//! drivers. Each test boots a machine once or twice and asks much of it. What is tested is the way to the models and
//! what other programs make of them; no hardware is.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

#[path = "vm/bed.rs"]
mod bed;
#[path = "vm/bench.rs"]
mod bench;
#[path = "vm/cut_off.rs"]
mod cut_off;
#[path = "vm/drives.rs"]
mod drives;
#[path = "vm/emulated.rs"]
mod emulated;
#[path = "vm/formats.rs"]
mod formats;
#[path = "vm/gate.rs"]
mod gate;
#[path = "vm/guards.rs"]
mod guards;
#[allow(dead_code, reason = "booting by hand uses more of it")]
#[path = "vm/host/mod.rs"]
mod host;
#[path = "vm/lies.rs"]
mod lies;
#[path = "vm/looks.rs"]
mod looks;
#[path = "vm/multipath.rs"]
mod multipath;
#[path = "vm/namespaces.rs"]
mod namespaces;
#[path = "vm/nvme.rs"]
mod nvme;
#[path = "vm/plain.rs"]
mod plain;
#[path = "vm/power.rs"]
mod power;
#[path = "vm/purge.rs"]
mod purge;
#[path = "vm/scsi.rs"]
mod scsi;
#[path = "vm/support.rs"]
mod support;
#[path = "vm/zoned.rs"]
mod zoned;
