//! Blocks by SCSI commands: READ(16), WRITE(16) and SYNCHRONIZE CACHE(10), one after the other. For units whose blocks
//! the kernel's block layer does not present: its disk driver gives a unit with blocks of 520 or 528 bytes no capacity.
//!
//! Bytes: SBC, from memory; sg3_utils sends the same. No protection information is moved (RDPROTECT and WRPROTECT are
//! zero): a unit that keeps some makes and checks it by itself.
//!
//! The kernel passes on what the unit says of its cache: that it was reset, or that an earlier write came to nothing. It
//! says so once, to the next command that this host sends, whatever that is. The command is sent again, and the next flush
//! fails, as it does on a block device of which a write-back has failed. Known limit: another program that sends the unit
//! commands while a job runs may take that word away; a full read-back finds what was lost.
//!
//! A unit that says that its capacity or its medium is another gets nothing more. Before the first transfer that is
//! expected, of what was done to the unit before (a sanitize, a format): then its capacity is asked for and compared.
mod answer;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use self::answer::{Judged, casts_doubt, judge};
use super::presence::Sentry;
use super::{
    BlockRead, BlockWrite, Completion, Data, Fault, Presence, ScsiDevice, ScsiPort, Transfer, Tuning,
};
use crate::sys::Buffer;
use crate::unit::Geometry;

/// Longest transfer in bytes: what every host adapter takes in one command.
pub const TRANSFER_BYTES_MAX: u32 = 128 << 10;

/// How long a read or write may take: the kernel gives a disk half of it, and tries again.
const MOVE: Duration = Duration::from_secs(60);
/// How long a flush may take.
const FLUSH: Duration = Duration::from_secs(180);
/// How often a command is sent that the unit did not look at, or aborted: as often as the kernel tries.
const ATTEMPTS: u32 = 5;
/// How long a unit that is busy or becomes ready is waited for: a disk spins up within it after a reset.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first rest of such waiting; each is twice as long as the one before, up to [`REST_MAX`].
const REST_FIRST: Duration = Duration::from_millis(100);
const REST_MAX: Duration = Duration::from_secs(5);

/// A SCSI logical unit as a drive with blocks.
#[derive(Debug)]
pub struct CommandDisk<P> {
    port: P,
    geometry: Geometry,
    transfer_bytes: u32,
    /// What was carried out and not yet reaped.
    done: Vec<Completion>,
    /// Whether something was written since the last flush.
    unflushed: bool,
    /// Whether the unit has said since that what was written may be lost.
    doubtful: bool,
    /// Whether the unit has told the shape of the job, with whatever attention waited before.
    begun: bool,
    /// Whether it has said since that it is another.
    changed: bool,
    /// The node below the port, where there is one.
    node: Option<(OwnedFd, Sentry)>,
}

impl CommandDisk<ScsiDevice> {
    /// Over an open block device node.
    ///
    /// # Errors
    /// When the descriptor cannot be duplicated.
    pub(super) fn over(node: OwnedFd, geometry: Geometry, tuning: Tuning) -> io::Result<Self> {
        let sentry = Sentry::new(&node);
        let port = ScsiDevice::new(node.try_clone()?);
        Ok(Self { node: Some((node, sentry)), ..Self::new(port, geometry, tuning.transfer_bytes) })
    }
}

impl<P: ScsiPort> CommandDisk<P> {
    /// Over any port. `transfer_bytes` is cut to whole blocks and to [`TRANSFER_BYTES_MAX`], and is at least a block.
    pub fn new(port: P, geometry: Geometry, transfer_bytes: u32) -> Self {
        let blocks = geometry.blocks_in(u64::from(transfer_bytes.min(TRANSFER_BYTES_MAX)));
        let transfer_bytes = u32::try_from(geometry.byte_length(blocks)).unwrap_or(TRANSFER_BYTES_MAX);
        Self {
            port,
            geometry,
            transfer_bytes,
            done: Vec::new(),
            unflushed: false,
            doubtful: false,
            begun: false,
            changed: false,
            node: None,
        }
    }

    fn length(&self, transfer: &Transfer) -> usize {
        let length = self.geometry.byte_length(transfer.range.count());
        usize::try_from(length).expect("a transfer fits its buffer")
    }

    /// Sends a command until the unit has looked at it; how many bytes it moved. Waits while the unit is busy or becomes
    /// ready, up to [`PATIENCE`].
    fn send(&mut self, block: &[u8], mut data: Data<'_>, timeout: Duration) -> Result<u32, Fault> {
        let (mut attempts, mut waited, mut rest) = (0, Duration::ZERO, REST_FIRST);
        loop {
            let data = match &mut data {
                Data::None => Data::None,
                Data::FromDrive(buffer) => Data::FromDrive(buffer),
                Data::ToDrive(bytes) => Data::ToDrive(bytes),
            };
            let answer = self.port.execute(block, data, timeout);
            self.doubtful |= self.unflushed && casts_doubt(&answer);
            let again = match judge(&answer) {
                Judged::Moved(bytes) => return Ok(bytes),
                Judged::Fault(fault) => return Err(fault),
                Judged::Changed if self.begun => {
                    self.changed = true;
                    return Err(Fault::changed());
                }
                Judged::Later(_) if waited < PATIENCE => {
                    self.port.rest(rest);
                    waited += rest;
                    rest = (rest * 2).min(REST_MAX);
                    continue;
                }
                Judged::Later(fault) => return Err(fault),
                Judged::Again(fault) => fault,
                Judged::Changed => Fault::changed(),
            };
            attempts += 1;
            if attempts == ATTEMPTS {
                return Err(again);
            }
        }
    }

    /// Blocks and bytes of a block as the unit says now, by READ CAPACITY(16).
    fn capacity(&mut self) -> Result<(u64, u32), Fault> {
        let mut told = [0; 32];
        let mut block = [0; 16];
        // SERVICE ACTION IN(16), READ CAPACITY(16), room for 32 bytes.
        (block[0], block[1], block[13]) = (0x9e, 0x10, 32);
        let moved = self.send(&block, Data::FromDrive(&mut told), MOVE)?;
        match (told.first_chunk::<8>(), told[8..].first_chunk::<4>()) {
            (Some(last), Some(bytes)) if moved >= 12 => {
                Ok((u64::from_be_bytes(*last).saturating_add(1), u32::from_be_bytes(*bytes)))
            }
            _ => Err(Fault::short(u64::from(moved))),
        }
    }

    /// Whether the unit tells the shape that it was opened with: as many blocks, of as many bytes.
    ///
    /// # Errors
    /// When it does not tell it.
    pub fn has_its_shape(&mut self) -> Result<bool, Fault> {
        let told = self.capacity()?;
        Ok(told == (self.geometry.capacity.0, self.geometry.block_size.bytes()))
    }

    /// Has the unit write its cache to the medium. One that has no such command is asked whether it has such a cache.
    fn synchronize(&mut self) -> Result<(), Fault> {
        match self.send(&SYNCHRONIZE_CACHE, Data::None, FLUSH) {
            Err(fault) if fault.errno == libc::EOPNOTSUPP && self.has_no_write_cache() => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Whether the unit says that it caches no writes: by its caching page, or because it has none, from which the kernel
    /// concludes the same (`sd_read_cache_type`, from memory). Any other answer says nothing.
    fn has_no_write_cache(&mut self) -> bool {
        let mut told = [0; MODE_ROOM];
        match self.send(&MODE_SENSE_CACHING, Data::FromDrive(&mut told), MOVE) {
            Ok(moved) => told.get(..moved as usize).is_some_and(is_cache_off),
            // Invalid field in the command: no such page.
            Err(fault) => fault.errno == libc::EINVAL,
        }
    }

    /// Sees to it, before a transfer, that the unit is still the one of the job.
    fn begin(&mut self) -> Result<(), Fault> {
        if !self.begun {
            self.changed = !self.has_its_shape()?;
            self.begun = true;
        }
        if self.changed { Err(Fault::changed()) } else { Ok(()) }
    }

    /// Reads or writes, once the unit was seen to be that of the job; whether all bytes moved.
    fn transfer(&mut self, block: &[u8], data: Data<'_>, length: usize) -> Result<(), Fault> {
        self.begin()?;
        whole(self.send(block, data, MOVE), length)
    }
}

/// READ(16) or WRITE(16).
fn move_block(operation: u8, transfer: &Transfer) -> [u8; 16] {
    let count = u32::try_from(transfer.range.count().0).expect("a transfer has fewer than 2^32 blocks");
    let mut block = [0; 16];
    block[0] = operation;
    block[2..10].copy_from_slice(&transfer.range.first().0.to_be_bytes());
    block[10..14].copy_from_slice(&count.to_be_bytes());
    block
}

const READ_16: u8 = 0x88;
const WRITE_16: u8 = 0x8a;
/// SYNCHRONIZE CACHE(10) of the whole unit, answered when it is done.
const SYNCHRONIZE_CACHE: [u8; 10] = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Room for the answer to [`MODE_SENSE_CACHING`].
const MODE_ROOM: usize = 252;
/// MODE SENSE(6) of the current values of the caching page (08h), without block descriptors (SBC, from memory).
const MODE_SENSE_CACHING: [u8; 6] = [0x1a, 0x08, 0x08, 0, 252, 0];

/// Whether a caching page says that the write cache is off (WCE is zero).
fn is_cache_off(told: &[u8]) -> bool {
    let page = told.get(3).and_then(|descriptors| told.get(4 + usize::from(*descriptors)..));
    // Code of the page in bits 5:0, with no subpage; WCE is bit 2 of its third byte.
    page.is_some_and(|page| matches!(page, [code, _, flags, ..] if code & 0x7f == 0x08 && flags & 0x04 == 0))
}

/// Whether all bytes came.
fn whole(moved: Result<u32, Fault>, length: usize) -> Result<(), Fault> {
    let moved = moved?;
    if usize::try_from(moved).is_ok_and(|moved| moved >= length) {
        Ok(())
    } else {
        Err(Fault::short(u64::from(moved)))
    }
}

impl<P: ScsiPort> BlockRead for CommandDisk<P> {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn submit_read(&mut self, mut transfer: Transfer) -> Result<(), Transfer> {
        let length = self.length(&transfer);
        let block = move_block(READ_16, &transfer);
        let data = Data::FromDrive(&mut transfer.buffer.as_mut_slice()[..length]);
        let result = self.transfer(&block, data, length);
        self.done.push(Completion { transfer, result });
        Ok(())
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        done.append(&mut self.done);
        Ok(())
    }

    fn take_buffers(&mut self) -> Vec<Buffer> {
        vec![Buffer::new(self.transfer_bytes as usize)]
    }

    fn transfer_bytes(&self) -> u64 {
        u64::from(self.transfer_bytes)
    }

    fn current_bytes(&mut self) -> io::Result<u64> {
        let told = self.capacity().map_err(|fault| io::Error::other(fault.to_string()));
        let (blocks, bytes) = told?;
        let same_format = bytes == self.geometry.block_size.bytes();
        Ok(if same_format { blocks.saturating_mul(u64::from(bytes)) } else { 0 })
    }

    fn presence(&mut self) -> Presence {
        // The kernel sees no bytes there: the unit is asked for its size.
        if let Some((node, sentry)) = &self.node {
            match sentry.presence(node, 0) {
                Presence::Here => {}
                away @ (Presence::Gone | Presence::Another) => return away,
            }
        }
        match self.has_its_shape() {
            Ok(true) if !self.changed => Presence::Here,
            Ok(_) => Presence::Another,
            Err(_) if self.changed => Presence::Another,
            Err(_) => Presence::Gone,
        }
    }
}

impl<P: ScsiPort> BlockWrite for CommandDisk<P> {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        let length = self.length(&transfer);
        let block = move_block(WRITE_16, &transfer);
        let data = Data::ToDrive(&transfer.buffer.as_slice()[..length]);
        let result = self.transfer(&block, data, length);
        self.unflushed = true;
        self.done.push(Completion { transfer, result });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        if self.changed {
            return Err(Fault::changed());
        }
        let answer = self.synchronize();
        // Whoever is told of a failure writes everything again that was written since the last good flush.
        self.unflushed = false;
        let doubtful = std::mem::take(&mut self.doubtful);
        answer.and_then(|()| if doubtful { Err(Fault::from_errno(libc::EIO)) } else { Ok(()) })
    }
}

#[cfg(test)]
#[path = "by_command_tests.rs"]
mod tests;
