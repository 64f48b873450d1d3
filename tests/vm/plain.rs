//! A SCSI disk that does nothing but store blocks, for tests of the way to it: it has no part of the code that
//! simulates drives. Layouts: INQUIRY and sense data of SPC, READ CAPACITY of SBC.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use expunge::io::{Data, ScsiAnswer, ScsiPort};

use crate::host::scsi::ScsiDrive;

pub(crate) const BLOCK_BYTES: u32 = 512;
const BLOCK: usize = 512;

/// Key, code and qualifier of a command that it does not know: ILLEGAL REQUEST, INVALID COMMAND OPERATION CODE.
const REFUSED: [u8; 3] = [0x05, 0x20, 0x00];

#[derive(Debug, Default)]
struct Inside {
    cells: Vec<u8>,
    blocks_of_commands: Vec<Vec<u8>>,
}

/// Clones are handles to the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlainDisk(Arc<Mutex<Inside>>);

impl PlainDisk {
    /// A disk full of zeroes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(Inside { cells: vec![0; bytes], blocks_of_commands: Vec::new() })))
    }

    /// What it stores.
    pub(crate) fn cells(&self) -> Vec<u8> {
        self.inside().cells.clone()
    }

    /// Whether a command block came.
    pub(crate) fn got(&self, block: &[u8]) -> bool {
        self.inside().blocks_of_commands.iter().any(|got| got == block)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScsiDrive for PlainDisk {
    fn port(&self) -> Box<dyn ScsiPort> {
        Box::new(self.clone())
    }

    fn pass_time(&self, _time: Duration) {}
}

fn good(moved: usize) -> ScsiAnswer {
    ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: u32::try_from(moved).unwrap() }
}

/// CHECK CONDITION with key, code and qualifier in the descriptor format, or the fixed one.
fn refuse(fixed: bool, [key, code, qualifier]: [u8; 3]) -> ScsiAnswer {
    let sense = if fixed {
        let mut sense = vec![0; 18];
        (sense[0], sense[2], sense[7], sense[12], sense[13]) = (0x70, key, 10, code, qualifier);
        sense
    } else {
        vec![0x72, key, code, qualifier, 0, 0, 0, 0]
    };
    ScsiAnswer::Answered { status: 2, sense, moved: 0 }
}

/// Sends what the drive has to say, cut off where the host has no more room.
fn say(data: Data<'_>, bytes: &[u8]) -> ScsiAnswer {
    match data {
        Data::FromDrive(room) => {
            let moved = bytes.len().min(room.len());
            room[..moved].copy_from_slice(&bytes[..moved]);
            good(moved)
        }
        Data::None | Data::ToDrive(_) => good(0),
    }
}

impl ScsiPort for PlainDisk {
    fn execute(&mut self, block: &[u8], data: Data<'_>, _timeout: Duration) -> ScsiAnswer {
        let mut inside = self.inside();
        inside.blocks_of_commands.push(block.to_vec());
        let last = u32::try_from(inside.cells.len() / BLOCK - 1).unwrap();
        let at = |from: usize| {
            usize::try_from(u32::from_be_bytes(block[from..from + 4].try_into().unwrap())).unwrap()
        };
        match block[0] {
            // TEST UNIT READY, START STOP UNIT, SYNCHRONIZE CACHE.
            0x00 | 0x1B | 0x35 => good(0),
            0x12 if block[1] == 0 => {
                let mut inquiry = *b"\0\0\x06\x02\x1f\0\0\x02EXPUNGE PLAIN DISK      0001";
                inquiry[4] = 31;
                say(data, &inquiry)
            }
            0x25 => say(data, &[last.to_be_bytes(), BLOCK_BYTES.to_be_bytes()].concat()),
            // MODE SENSE(6): no pages, not write-protected.
            0x1A => say(data, &[3, 0, 0, 0]),
            0x28 => {
                let (first, count) =
                    (at(2) * BLOCK, usize::from(block[8]) * BLOCK + usize::from(block[7]) * 256 * BLOCK);
                say(data, &inside.cells[first..first + count])
            }
            0x2A => {
                let Data::ToDrive(bytes) = data else { return refuse(true, REFUSED) };
                let first = at(2) * BLOCK;
                inside.cells[first..first + bytes.len()].copy_from_slice(bytes);
                good(bytes.len())
            }
            // SANITIZE: with its parameters as sense codes, to see that they come through and the answer comes back.
            0x48 => {
                let Data::ToDrive(bytes) = data else { return refuse(true, REFUSED) };
                refuse(false, [bytes[0], bytes[1], bytes[2]])
            }
            _ => refuse(true, REFUSED),
        }
    }
}
