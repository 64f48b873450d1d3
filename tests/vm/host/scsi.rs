//! Simulated SCSI and ATA drives as disks of the machine: a program in it hands over each command that the kernel's
//! target gets (`tests/vm/guest/disk.rs`), and the drive answers here.
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use expunge::io::{Data, ScsiAnswer, ScsiPort};

use super::server::{Pace, Server};
use super::wire::{self, Way};

/// Longer than any command of a simulated drive takes.
const LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// CHECK CONDITION, and ABORTED COMMAND, LOGICAL UNIT COMMUNICATION FAILURE (08h/00h): what the machine is told where
/// a drive did not answer. The target in between cannot pass on that the transport failed.
const CHECK_CONDITION: u8 = 2;
const NO_ANSWER: [u8; 18] = [0x70, 0, 0x0B, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x08, 0, 0, 0, 0, 0];

/// A drive that can be served.
pub(crate) trait ScsiDrive: Send + Sync + 'static {
    /// A way to it, for as long as it stays attached.
    fn port(&self) -> Box<dyn ScsiPort>;

    /// Real time that has passed; virtual time follows.
    fn pass_time(&self, time: Duration);
}

/// A drive being served. Its state lives here and outlives the machine.
#[derive(Debug)]
pub(crate) struct ScsiServer {
    server: Server,
    name: String,
    bytes: u64,
    block_bytes: u32,
}

impl ScsiServer {
    /// Serves a drive of a size; the name is to be unique in the machine.
    pub(crate) fn start(name: &str, bytes: u64, block_bytes: u32, drive: impl ScsiDrive) -> io::Result<Self> {
        let (drive, pace) = (Arc::new(drive), Pace::new());
        let server = Server::start(move |stream| converse(stream, &*drive, &pace))?;
        Ok(Self { server, name: name.to_owned(), bytes, block_bytes })
    }

    /// The command that makes the disk in the machine, and leaves its program running there.
    pub(crate) fn attach_command(&self) -> String {
        let (port, Self { name, bytes, block_bytes, .. }) = (self.server.port(), self);
        format!("vm-guest disk {name} 10.0.2.2:{port} {bytes} {block_bytes} >/run/disk-{name} 2>&1 &")
    }
}

fn converse(mut stream: TcpStream, drive: &dyn ScsiDrive, pace: &Pace) -> io::Result<()> {
    let mut port = drive.port();
    loop {
        let [block, way, length, sent] = wire::receive(&mut stream)?;
        let way = way.first().copied().and_then(Way::from_code).ok_or(io::ErrorKind::InvalidData)?;
        let length = length.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
        drive.pass_time(pace.piece());
        let mut room = vec![0; if way == Way::FromDrive { length } else { 0 }];
        let data = match way {
            Way::None => Data::None,
            Way::FromDrive => Data::FromDrive(&mut room),
            Way::ToDrive => Data::ToDrive(&sent),
        };
        match port.execute(&block, data, LIMIT) {
            ScsiAnswer::Answered { status, sense, moved } => {
                if way == Way::FromDrive {
                    room.truncate(usize::try_from(moved).map_err(io::Error::other)?);
                }
                wire::send(&mut stream, &[&[status], &sense, &room])?;
            }
            ScsiAnswer::Transport { .. } | ScsiAnswer::NotCompleted { .. } => {
                wire::send(&mut stream, &[&[CHECK_CONDITION], &NO_ANSWER, &[]])?;
            }
        }
    }
}
