//! The project's simulated controllers as drives that can be served.
use std::time::Duration;

use expunge::io::{NvmePort, ScsiPort};
use expunge::sim::controller::{NvmeSim, ScsiSim};

use super::nvme_tcp::NvmeDrive;
use super::scsi::ScsiDrive;

impl NvmeDrive for NvmeSim {
    fn port(&self) -> Box<dyn NvmePort> {
        Box::new(Self::port(self))
    }

    fn pass_time(&self, time: Duration) {
        Self::pass_time(self, time);
    }

    fn read(&self, nsid: u32, lba: u64, out: &mut [u8]) -> u16 {
        self.read_blocks(nsid, lba, out)
    }

    fn write(&self, nsid: u32, lba: u64, data: &[u8]) -> u16 {
        self.write_blocks(nsid, lba, data)
    }

    fn deallocate(&self, nsid: u32, lba: u64, blocks: u64) -> u16 {
        Self::deallocate(self, nsid, lba, blocks)
    }
}

impl ScsiDrive for ScsiSim {
    fn port(&self) -> Box<dyn ScsiPort> {
        Box::new(Self::port(self))
    }

    fn pass_time(&self, time: Duration) {
        Self::pass_time(self, time);
    }
}
