//! One connection of the machine's driver: an admin queue or a queue for blocks.
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use expunge::io::{Data, NvmeAnswer, NvmePort};

use super::pdu::{Capsule, Wire};
use super::{Shared, identify};

/// Longer than any command of a simulated drive takes.
const LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

const INVALID_OPERATION: u16 = 0x4001;
const INVALID_FIELD: u16 = 0x4002;
const INVALID_NAMESPACE: u16 = 0x400B;

const FABRICS: u8 = 0x7F;

/// CAP: 128 entries a queue, contiguous, ready within 5 s, NVM command set.
const CAPABILITIES: u64 = 127 | 1 << 16 | 10 << 24 | 1 << 37;
const VERSION: u64 = 0x0001_0400;

pub(super) struct Connection {
    wire: Wire,
    shared: Arc<Shared>,
    port: Box<dyn NvmePort>,
    queue: u16,
}

/// A completion: its first eight bytes and its status.
type Completion = (u64, u16);

impl Connection {
    pub(super) fn accept(stream: TcpStream, shared: Arc<Shared>) -> io::Result<Self> {
        let wire = Wire::accept(stream)?;
        let port = shared.drive.port();
        Ok(Self { wire, shared, port, queue: 0 })
    }

    /// Answers until the machine is gone, or the drive.
    pub(super) fn serve(mut self) -> io::Result<()> {
        loop {
            let mut command = self.wire.command()?;
            self.shared.keep_time();
            let completion = match (command.byte(0), self.queue) {
                (FABRICS, _) => Some(self.fabrics(&mut command)?),
                (_, 0) => self.admin(&mut command)?,
                (_, _) => Some(self.blocks(&mut command)?),
            };
            if let Some((result, status)) = completion {
                self.wire.complete(&command, self.queue, result, status)?;
            }
        }
    }

    /// Connect and properties.
    fn fabrics(&mut self, command: &mut Capsule) -> io::Result<Completion> {
        Ok(match command.byte(4) {
            // Property Set and Get: offset in dword 11, value in dwords 12 and 13.
            0 => {
                if command.number32(44) == 0x14 {
                    self.shared.configure(command.number32(48));
                }
                (0, 0)
            }
            4 => match command.number32(44) {
                0 => (CAPABILITIES, 0),
                0x08 => (VERSION, 0),
                0x14 => (u64::from(self.shared.configuration()), 0),
                0x1C => (u64::from(state(self.shared.configuration())), 0),
                _ => (0, INVALID_FIELD),
            },
            // Connect: the queue in the upper half of dword 10.
            1 => {
                let _names = self.wire.data_of(command)?;
                self.queue = command.number16(42);
                if self.queue == 0 {
                    self.shared.configure(0);
                }
                (u64::from(identify::CONTROLLER), 0)
            }
            _ => (0, INVALID_FIELD),
        })
    }

    /// Commands of the admin queue; `None` for one that completes when there is something to tell.
    fn admin(&mut self, command: &mut Capsule) -> io::Result<Option<Completion>> {
        let feature = command.number32(40) & 0xFF;
        Ok(match command.byte(0) {
            // Asynchronous Event Request: nothing is ever told.
            0x0C => None,
            // Keep Alive; Abort, which aborts nothing.
            0x18 => Some((0, 0)),
            0x08 => Some((1, 0)),
            // Set and Get Features that belong to the transport: number of queues (one), events, keep alive.
            0x09 | 0x0A if feature == 0x07 => Some((0, 0)),
            0x09 if feature == 0x0B || feature == 0x0F => Some((0, 0)),
            _ => Some(self.pass_on(command)?),
        })
    }

    /// Gives a command to the drive as it came.
    fn pass_on(&mut self, command: &mut Capsule) -> io::Result<Completion> {
        let sent = if command.byte(0) & 3 == 1 { self.wire.data_of(command)? } else { Vec::new() };
        let mut room = vec![0; if command.byte(0) & 3 == 2 { command.data_bytes()? } else { 0 }];
        let data = match command.byte(0) & 3 {
            1 => Data::ToDrive(&sent),
            2 => Data::FromDrive(&mut room),
            _ => Data::None,
        };
        let answer = self.port.admin(&command.entry, data, LIMIT);
        // Format NVM may change it.
        self.shared.block_bytes().clear();
        let selected = command.byte(40);
        let is_identify = command.byte(0) == 0x06;
        match answer {
            NvmeAnswer::Completed { result } => {
                if is_identify && selected == 1 {
                    identify::for_fabrics(&mut room, &self.shared.name);
                }
                self.wire.send_data(command, &room)?;
                Ok((u64::from(result), 0))
            }
            NvmeAnswer::Status { .. } if is_identify && selected == 3 => {
                let list = identify::descriptors(&self.shared.name, command.number32(4));
                self.wire.send_data(command, &list[..room.len().min(list.len())])?;
                Ok((0, 0))
            }
            NvmeAnswer::Status { field } => Ok((0, field)),
            // Nobody answers: as for a controller that left, the connection ends.
            NvmeAnswer::NotCompleted { errno } => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Commands of a queue for blocks.
    fn blocks(&mut self, command: &mut Capsule) -> io::Result<Completion> {
        let (nsid, lba) = (command.number32(4), command.number64(40));
        let Some(block) = self.block_bytes_of(nsid)? else { return Ok((0, INVALID_NAMESPACE)) };
        let blocks = u64::from(command.number16(48)) + 1;
        let drive = &self.shared.drive;
        Ok(match command.byte(0) {
            // Flush: what was written is on the host already.
            0x00 => (0, 0),
            0x01 => {
                let data = self.wire.data_of(command)?;
                (0, self.shared.drive.write(nsid, lba, &data))
            }
            0x02 => {
                let mut room = vec![0; usize::try_from(blocks * block).map_err(io::Error::other)?];
                let status = drive.read(nsid, lba, &mut room);
                if status == 0 {
                    self.wire.send_data(command, &room)?;
                }
                (0, status)
            }
            // Dataset Management, attribute "deallocate": ranges of 16 bytes.
            0x09 => {
                let ranges = self.wire.data_of(command)?;
                let asked = command.number32(44) & 4 != 0;
                let statuses = ranges.chunks_exact(16).filter(|_| asked).map(|range| {
                    let count = u32::from_le_bytes([range[4], range[5], range[6], range[7]]);
                    let mut first = [0; 8];
                    first.copy_from_slice(&range[8..16]);
                    self.shared.drive.deallocate(nsid, u64::from_le_bytes(first), u64::from(count))
                });
                (0, statuses.fold(0, |worst, status| if worst == 0 { status } else { worst }))
            }
            _ => (0, INVALID_OPERATION),
        })
    }

    /// Bytes of a block, as the drive's Identify Namespace has it now (FLBAS at 26, LBADS of the format at 128).
    fn block_bytes_of(&mut self, nsid: u32) -> io::Result<Option<u64>> {
        let known = self.shared.block_bytes().get(&nsid).copied();
        if known.is_some() {
            return Ok(known);
        }
        let (mut entry, mut data) = ([0; 64], vec![0; identify::BYTES]);
        entry[0] = 0x06;
        entry[4..8].copy_from_slice(&nsid.to_le_bytes());
        match self.port.admin(&entry, Data::FromDrive(&mut data), LIMIT) {
            NvmeAnswer::Completed { .. } => {
                let shift = data[128 + usize::from(data[26] & 0xF) * 4 + 2];
                let bytes =
                    1_u64.checked_shl(u32::from(shift)).filter(|bytes| (512..=65_536).contains(bytes));
                Ok(bytes.inspect(|bytes| {
                    self.shared.block_bytes().insert(nsid, *bytes);
                }))
            }
            NvmeAnswer::Status { .. } => Ok(None),
            NvmeAnswer::NotCompleted { errno } => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// CSTS for a CC: ready when enabled, shutdown complete when one was asked for.
const fn state(configuration: u32) -> u32 {
    let ready = configuration & 1;
    if configuration >> 14 & 3 == 0 { ready } else { ready | 8 }
}
