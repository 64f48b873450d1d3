//! The host's side of the lab: the machine, and the servers of the simulated drives that it reaches over the kernel.
pub(crate) mod machine;
mod models;
pub(crate) mod nvme_tcp;
pub(crate) mod scsi;
pub(crate) mod server;
#[allow(dead_code, reason = "the other side uses the rest")]
#[path = "../wire.rs"]
mod wire;
