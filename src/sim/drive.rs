//! The node of a simulated drive and the port that opening it gives.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::FaultName;
use super::log::{Breach, Direction};
use super::oracle::Oracle;
use super::spec::{DriveSpec, SimIdentity};
use super::state::{Merged, State};
use crate::io::{BlockRead, BlockWrite, Completion, Fault, Transfer};
use crate::sys::Buffer;
use crate::unit::{Geometry, LbaRange};

/// The inside of a drive, shared. A test that failed while holding it must not hide the failure.
pub(super) type Shared = Arc<Mutex<State>>;

pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place where a drive is attached, as a name under `/dev`: whatever drive stands there now answers.
#[derive(Debug)]
pub struct SimNode {
    spec: DriveSpec,
    shared: Shared,
}

impl SimNode {
    /// Attaches the drive of a specification.
    pub fn new(spec: DriveSpec) -> Self {
        let shared = Arc::new(Mutex::new(State::new(&spec)));
        Self { spec, shared }
    }

    /// Who stands at this node now.
    pub fn identify(&self) -> SimIdentity {
        lock(&self.shared).medium().identity.clone()
    }

    /// Opens the drive.
    pub fn open(&self) -> SimDrive {
        lock(&self.shared).open();
        SimDrive {
            shared: Arc::clone(&self.shared),
            geometry: self.spec.geometry,
            depth: self.spec.depth,
            transfer_bytes: self.spec.transfer_bytes,
            in_flight: Vec::new(),
            buffers_taken: 0,
        }
    }

    /// The one who sees all. It stays valid when the port has gone to an engine.
    pub fn oracle(&self) -> Oracle {
        Oracle::new(Arc::clone(&self.shared))
    }

    /// Size in bytes of the drive at this node now.
    ///
    /// # Errors
    /// When it does not tell its size any more.
    pub fn current_bytes(&self) -> std::io::Result<u64> {
        lock(&self.shared).current_bytes()
    }

    /// Lets virtual time pass in which nothing is asked of the drive.
    pub fn pass_time(&self, time: std::time::Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        lock(&self.shared).clock.advance_ms(millis);
    }

    /// What was specified.
    pub const fn spec(&self) -> &DriveSpec {
        &self.spec
    }
}

#[derive(Debug)]
struct InFlight {
    direction: Direction,
    transfer: Transfer,
    merged: Option<Merged>,
}

/// An opened simulated drive. Transfers are carried out when they are reaped, in an order of the drive's choosing.
#[derive(Debug)]
pub struct SimDrive {
    shared: Shared,
    geometry: Geometry,
    depth: usize,
    transfer_bytes: u64,
    in_flight: Vec<InFlight>,
    buffers_taken: usize,
}

impl SimDrive {
    fn submit(&mut self, direction: Direction, transfer: Transfer) -> Result<(), Transfer> {
        if self.in_flight.len() >= self.depth {
            return Err(transfer);
        }
        let range = transfer.range;
        let overlaps = self.in_flight.iter().any(|other| {
            other.transfer.range.intersection(&range).is_some()
                && (direction == Direction::Write || other.direction == Direction::Write)
        });
        if overlaps {
            self.breach(Breach::Overlapping);
        }
        self.in_flight.push(InFlight { direction, transfer, merged: None });
        Ok(())
    }

    fn breach(&self, breach: Breach) {
        lock(&self.shared).log.breaches.push(breach);
    }

    /// Writes that stand side by side in the queue become one request; a bad block spoils all of it.
    fn merge(&mut self) {
        let bad_blocks = lock(&self.shared).merging();
        for (name, lba) in bad_blocks {
            let bad = self.in_flight.iter().position(|entry| {
                entry.direction == Direction::Write
                    && entry.merged.is_none()
                    && entry.transfer.range.contains(crate::unit::Lba(lba))
            });
            let Some(bad) = bad else { continue };
            let behind = self.neighbours(bad, |request, other| request.end() == other.first());
            let before = self.neighbours(bad, |request, other| other.end() == request.first());
            let (spoilt, fate) = if name == FaultName::MergedError {
                (before.into_iter().chain(behind).collect::<Vec<_>>(), Merged::Fails)
            } else {
                (behind, Merged::Vanishes)
            };
            if spoilt.is_empty() {
                continue;
            }
            lock(&self.shared).fire(name);
            self.in_flight[bad].merged = Some(fate);
            for position in spoilt {
                self.in_flight[position].merged = Some(fate);
            }
        }
    }

    /// The chain of writes in flight that continues the one at `from` in one direction, without it.
    fn neighbours(&self, from: usize, touches: impl Fn(LbaRange, LbaRange) -> bool) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut at = from;
        while let Some(next) = self.in_flight.iter().position(|entry| {
            entry.direction == Direction::Write
                && entry.merged.is_none()
                && touches(self.in_flight[at].transfer.range, entry.transfer.range)
        }) {
            // Overlapping writes, a breach of contract, could form a circle.
            if next == from || chain.contains(&next) {
                break;
            }
            chain.push(next);
            at = next;
        }
        chain
    }

    fn carry_out(&self, mut entry: InFlight) -> Completion {
        let range = entry.transfer.range;
        let bytes = usize::try_from(self.geometry.byte_length(range.count())).unwrap_or(usize::MAX);
        let result = if range.end().0 > self.geometry.capacity.0 {
            self.breach(Breach::OutsideDrive);
            Err(Fault::from_errno(libc::EINVAL))
        } else if bytes > entry.transfer.buffer.len() {
            self.breach(Breach::LongerThanBuffer);
            Err(Fault::from_errno(libc::EINVAL))
        } else {
            let data = &mut entry.transfer.buffer.as_mut_slice()[..bytes];
            lock(&self.shared).transfer(entry.direction, range, data, entry.merged)
        };
        Completion { transfer: entry.transfer, result }
    }
}

impl BlockRead for SimDrive {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(Direction::Read, transfer)
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> std::io::Result<()> {
        self.merge();
        let come_back = if self.in_flight.is_empty() {
            0
        } else {
            lock(&self.shared).dice.index(self.in_flight.len()) + 1
        };
        for _ in 0..come_back {
            let position = lock(&self.shared).dice.index(self.in_flight.len());
            let entry = self.in_flight.swap_remove(position);
            done.push(self.carry_out(entry));
        }
        Ok(())
    }

    fn take_buffers(&mut self) -> Vec<Buffer> {
        let left = self.depth - self.buffers_taken;
        self.buffers_taken = self.depth;
        let bytes = usize::try_from(self.transfer_bytes).unwrap_or(usize::MAX);
        (0..left).map(|_| Buffer::new(bytes)).collect()
    }

    fn transfer_bytes(&self) -> u64 {
        self.transfer_bytes
    }

    fn current_bytes(&mut self) -> std::io::Result<u64> {
        lock(&self.shared).current_bytes()
    }
}

impl BlockWrite for SimDrive {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(Direction::Write, transfer)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        if !self.in_flight.is_empty() {
            self.breach(Breach::FlushInFlight);
        }
        lock(&self.shared).flush()
    }
}
