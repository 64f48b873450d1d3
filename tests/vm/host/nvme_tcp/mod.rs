//! Simulated NVMe drives as controllers of the machine, over NVMe/TCP: the kernel's own NVMe driver, with the device
//! nodes and ioctls of any NVMe drive. What belongs to the transport is answered here; every other command goes to
//! the drive as it came.
//!
//! Layouts are those of the NVMe/TCP transport and the NVMe over Fabrics parts of the base specification as Linux
//! has them (`linux/nvme-tcp.h`, `linux/nvme.h`).
mod controller;
mod identify;
mod pdu;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use expunge::io::NvmePort;

use super::server::{Pace, Server};

/// A drive that can be served.
pub(crate) trait NvmeDrive: Send + Sync + 'static {
    /// Its admin queue, for as long as it stays attached.
    fn port(&self) -> Box<dyn NvmePort>;

    /// Real time that has passed; virtual time follows.
    fn pass_time(&self, time: Duration);

    /// Reads blocks: the status field, 0 for success.
    fn read(&self, nsid: u32, lba: u64, out: &mut [u8]) -> u16;

    /// Writes blocks: the status field, 0 for success.
    fn write(&self, nsid: u32, lba: u64, data: &[u8]) -> u16;

    /// Deallocates blocks: the status field, 0 for success.
    fn deallocate(&self, nsid: u32, lba: u64, blocks: u64) -> u16;
}

/// What all connections of a controller share.
struct Shared {
    drive: Box<dyn NvmeDrive>,
    pace: Pace,
    name: String,
    /// CC, as the host set it last.
    configuration: AtomicU32,
    /// Bytes of a block by namespace, until the next Format.
    block_bytes: Mutex<HashMap<u32, u64>>,
}

/// A drive being served. Its state lives here and outlives the machine.
#[derive(Debug)]
pub(crate) struct NvmeServer {
    server: Server,
    name: String,
}

impl NvmeServer {
    /// Serves a drive; the name is to be unique in the machine.
    pub(crate) fn start(name: &str, drive: impl NvmeDrive) -> io::Result<Self> {
        let name = format!("nqn.2026-01.test.expunge:{name}");
        let shared = Arc::new(Shared {
            drive: Box::new(drive),
            pace: Pace::new(),
            name: name.clone(),
            configuration: AtomicU32::new(0),
            block_bytes: Mutex::new(HashMap::new()),
        });
        let server = Server::start(move |stream| {
            controller::Connection::accept(stream, Arc::clone(&shared))?.serve()
        })?;
        Ok(Self { server, name })
    }

    /// The command that connects the machine's driver.
    pub(crate) fn attach_command(&self) -> String {
        let (port, name) = (self.server.port(), &self.name);
        // One queue for blocks, and no end of trying where the drive is away for a while.
        format!(
            "nvme connect -t tcp -a 10.0.2.2 -s {port} -n {name} -i 1 --ctrl-loss-tmo=600 --reconnect-delay=1"
        )
    }
}

impl Shared {
    /// Lets the drive's time follow.
    fn keep_time(&self) {
        self.drive.pass_time(self.pace.piece());
    }

    fn configuration(&self) -> u32 {
        self.configuration.load(Ordering::SeqCst)
    }

    fn block_bytes(&self) -> MutexGuard<'_, HashMap<u32, u64>> {
        self.block_bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn configure(&self, value: u32) {
        self.configuration.store(value, Ordering::SeqCst);
    }
}
