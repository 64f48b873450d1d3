//! A simulated drive with zones: write pointers, resets that erase nothing, zones that break, and a cache that the loss of
//! power empties. It keeps the rules of ZBC and ZNS by its own code and knows nothing of how the engine goes about them.
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cells::{holds_old_data, old_data};
use super::dice::Dice;
use crate::io::{BlockRead, BlockWrite, Completion, Fault, Transfer, ZoneControl};
use crate::sys::Buffer;
use crate::unit::{BlockCount, Geometry, Lba, LbaRange, RangeSet, Zone, ZoneCondition, ZoneKind};

/// What goes wrong with a zoned drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZonedFault {
    /// Writes of this block fail so often, and then no more.
    WriteFails(u64, u32),
    /// The write of this block fails, and its zone is in this condition from then on.
    WriteTurns(u64, ZoneCondition),
    /// The write of this block comes back as success and is not stored.
    WriteDropped(u64),
    /// Resets of the zone at this block fail.
    ResetFails(u64),
    /// Resets of the zone at this block come back as success and do nothing.
    ResetIgnored(u64),
    /// Reports call at most so many blocks of a zone its capacity, although there are more.
    ToldShort(u64),
    /// So many flushes fail, after that many good ones; what they were to make durable is lost.
    FlushFails {
        /// Good ones before.
        after: u32,
        /// Bad ones.
        times: u32,
    },
}

/// Cells behind a drive that are still seen when it is gone.
#[derive(Clone, Debug)]
pub struct ZonedDrive(Arc<Mutex<Inside>>);

#[derive(Debug)]
struct Inside {
    geometry: Geometry,
    zones: Vec<Zone>,
    /// Blocks from the beginning of each zone to its write pointer.
    pointers: Vec<u64>,
    cells: BTreeMap<u64, Vec<u8>>,
    /// Written and not flushed, in the order of writing.
    cache: Vec<(u64, Vec<u8>)>,
    faults: Vec<ZonedFault>,
    open_max: usize,
    flushes: u32,
    /// Commands until the power fails; `None` for never.
    power_left: Option<u64>,
    /// Commands that it has taken.
    commands: u64,
    breaches: BTreeSet<&'static str>,
}

/// The errno of a command that a zone does not take, as the kernel has it (`BLK_STS_IOERR`).
const NOT_AT_THE_POINTER: i32 = libc::EIO;
/// The errno where too many zones are held open (`BLK_STS_ZONE_ACTIVE_RESOURCE`).
const TOO_MANY_OPEN: i32 = libc::EOVERFLOW;

impl ZonedDrive {
    /// A drive full of old data; sequential zones that are not empty are full, open ones half full. At most `open_max` zones
    /// can be open or closed at a time.
    pub fn new(geometry: Geometry, zones: Vec<Zone>, open_max: usize, faults: Vec<ZonedFault>) -> Self {
        let pointer = |zone: &Zone| match zone.condition {
            ZoneCondition::Empty | ZoneCondition::NoPointer => 0,
            ZoneCondition::Open | ZoneCondition::Closed => zone.capacity.0 / 2,
            ZoneCondition::Full | ZoneCondition::ReadOnly | ZoneCondition::Offline => zone.capacity.0,
        };
        let inside = Inside {
            geometry,
            pointers: zones.iter().map(pointer).collect(),
            zones,
            cells: BTreeMap::new(),
            cache: Vec::new(),
            faults,
            open_max,
            flushes: 0,
            power_left: None,
            commands: 0,
            breaches: BTreeSet::new(),
        };
        Self(Arc::new(Mutex::new(inside)))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens it.
    pub fn open(&self, depth: usize, transfer_bytes: u32) -> ZonedPort {
        ZonedPort { drive: self.clone(), depth, transfer_bytes, in_flight: Vec::new() }
    }

    /// All zones as they are now.
    pub fn zones(&self) -> Vec<Zone> {
        self.inside().zones.clone()
    }

    /// Lets the power fail after so many further commands: from then on nothing answers.
    pub fn fail_power_after(&self, commands: u64) {
        self.inside().power_left = Some(commands);
    }

    /// Commands (reads, writes, resets, flushes) that it has taken.
    pub fn commands(&self) -> u64 {
        self.inside().commands
    }

    /// What was lost when the power failed is lost, and the drive is there again: of each zone some of what was in the cache
    /// has reached its cells, from the write pointer of before on and without a gap.
    pub fn power_on(&self, seed: u64) {
        let mut inside = self.inside();
        let mut dice = Dice::new(seed);
        inside.power_left = None;
        let cache = std::mem::take(&mut inside.cache);
        let mut torn = BTreeSet::new();
        for (lba, bytes) in cache {
            let Some(number) = inside.zone_at(lba) else { continue };
            let sequential = inside.is_sequential(number);
            if !torn.contains(&number) && dice.chance(3, 4) {
                inside.cells.insert(lba, bytes);
            } else if sequential {
                let offset = lba - inside.zones[number].range.first().0;
                // Another zone may have been reset meanwhile, but this one holds no more than that.
                if torn.insert(number) {
                    inside.set_pointer(number, offset);
                }
            }
        }
    }

    /// Blocks with cells in zones that can be written now whose cells hold old data.
    pub fn residue(&self) -> RangeSet {
        let inside = self.inside();
        let block = inside.block_bytes();
        let mut old = vec![0; block];
        let mut left = RangeSet::new();
        for zone in &inside.zones {
            if matches!(zone.condition, ZoneCondition::ReadOnly | ZoneCondition::Offline) {
                continue;
            }
            for lba in zone.range.first().0..zone.range.first().0 + zone.capacity.0 {
                let dirty = match inside.cells.get(&lba) {
                    Some(bytes) => holds_old_data(bytes),
                    None => {
                        old_data(1, lba, &mut old);
                        holds_old_data(&old)
                    }
                };
                LbaRange::single(Lba(lba)).filter(|_| dirty).into_iter().for_each(|range| left.insert(range));
            }
        }
        left
    }

    /// Rules that a host has broken: two writes at a time in one zone, a flush or reset with something in flight, an
    /// address without cells.
    pub fn breaches(&self) -> Vec<&'static str> {
        self.inside().breaches.iter().copied().collect()
    }
}

impl Inside {
    fn block_bytes(&self) -> usize {
        usize::try_from(self.geometry.block_size.bytes()).unwrap_or(usize::MAX)
    }

    /// Whether it still has power for one command more.
    fn take_command(&mut self) -> Result<(), Fault> {
        match &mut self.power_left {
            Some(0) => return Err(Fault::from_errno(libc::EIO)),
            Some(left) => *left -= 1,
            None => {}
        }
        self.commands += 1;
        Ok(())
    }

    fn zone_at(&self, lba: u64) -> Option<usize> {
        self.zones.iter().position(|zone| zone.range.contains(Lba(lba)))
    }

    fn is_sequential(&self, number: usize) -> bool {
        self.zones[number].kind == ZoneKind::SequentialRequired
    }

    fn set_pointer(&mut self, number: usize, offset: u64) {
        self.pointers[number] = offset;
        let zone = &mut self.zones[number];
        zone.condition = match (zone.condition, offset) {
            (broken @ (ZoneCondition::ReadOnly | ZoneCondition::Offline), _) => broken,
            (_, 0) => ZoneCondition::Empty,
            (_, all) if all >= zone.capacity.0 => ZoneCondition::Full,
            (_, _) => ZoneCondition::Open,
        };
    }

    fn write(&mut self, range: LbaRange, bytes: &[u8]) -> Result<(), Fault> {
        self.take_command()?;
        let refused = Fault::from_errno(NOT_AT_THE_POINTER);
        let number = self.zone_at(range.first().0).ok_or(refused)?;
        let zone = self.zones[number];
        let offset = range.first().0 - zone.range.first().0;
        if range.end() > Lba(zone.range.first().0 + zone.capacity.0) && self.is_sequential(number) {
            self.breaches.insert("a write beyond the cells of a zone");
            return Err(refused);
        }
        self.meet_faults(number, range)?;
        match zone.condition {
            ZoneCondition::ReadOnly | ZoneCondition::Offline => return Err(refused),
            ZoneCondition::Empty if self.held_open() >= self.open_max => {
                return Err(Fault::from_errno(TOO_MANY_OPEN));
            }
            ZoneCondition::NoPointer
            | ZoneCondition::Empty
            | ZoneCondition::Open
            | ZoneCondition::Closed
            | ZoneCondition::Full => {}
        }
        if self.is_sequential(number) {
            let full = zone.condition == ZoneCondition::Full;
            if full || self.pointers[number] != offset {
                return Err(refused);
            }
            self.set_pointer(number, offset + range.count().0);
        }
        let block = self.block_bytes();
        for (lba, block) in (range.first().0..range.end().0).zip(bytes.chunks(block)) {
            if !self.faults.contains(&ZonedFault::WriteDropped(lba)) {
                self.cache.push((lba, block.to_vec()));
            }
        }
        Ok(())
    }

    fn held_open(&self) -> usize {
        let held = |zone: &&Zone| matches!(zone.condition, ZoneCondition::Open | ZoneCondition::Closed);
        self.zones.iter().filter(held).count()
    }

    /// What goes wrong with a write of these blocks.
    fn meet_faults(&mut self, number: usize, range: LbaRange) -> Result<(), Fault> {
        for fault in &mut self.faults {
            match fault {
                ZonedFault::WriteFails(lba, times) if range.contains(Lba(*lba)) && *times > 0 => {
                    *times -= 1;
                    return Err(Fault::from_errno(libc::EIO));
                }
                ZonedFault::WriteTurns(lba, condition) if range.contains(Lba(*lba)) => {
                    self.zones[number].condition = *condition;
                    return Err(Fault::from_errno(libc::EIO));
                }
                ZonedFault::WriteFails(..)
                | ZonedFault::WriteTurns(..)
                | ZonedFault::WriteDropped(_)
                | ZonedFault::ResetFails(_)
                | ZonedFault::ResetIgnored(_)
                | ZonedFault::ToldShort(_)
                | ZonedFault::FlushFails { .. } => {}
            }
        }
        Ok(())
    }

    fn read(&mut self, range: LbaRange, bytes: &mut [u8]) -> Result<(), Fault> {
        self.take_command()?;
        let block = self.block_bytes();
        for (lba, out) in (range.first().0..range.end().0).zip(bytes.chunks_mut(block)) {
            let number = self.zone_at(lba).ok_or(Fault::from_errno(libc::EIO))?;
            let zone = self.zones[number];
            let offset = lba - zone.range.first().0;
            if offset >= zone.capacity.0 {
                self.breaches.insert("a read of an address without cells");
            }
            if zone.condition == ZoneCondition::Offline {
                return Err(Fault::from_errno(libc::EIO));
            }
            let cached = self.cache.iter().rev().find(|(cached, _)| *cached == lba);
            match cached.map(|(_, bytes)| bytes).or_else(|| self.cells.get(&lba)) {
                // What lies beyond the write pointer reads as zeros, whatever is in its cells.
                _ if self.is_sequential(number) && offset >= self.pointers[number] => out.fill(0),
                Some(bytes) => out.copy_from_slice(bytes),
                None => old_data(1, lba, out),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.take_command()?;
        let done = self.flushes;
        self.flushes += 1;
        let fails = self.faults.iter().any(|fault| match fault {
            ZonedFault::FlushFails { after, times } => (*after..after + times).contains(&done),
            ZonedFault::WriteFails(..)
            | ZonedFault::WriteTurns(..)
            | ZonedFault::WriteDropped(_)
            | ZonedFault::ResetFails(_)
            | ZonedFault::ResetIgnored(_)
            | ZonedFault::ToldShort(_) => false,
        });
        let cache = std::mem::take(&mut self.cache);
        if fails {
            return Err(Fault::from_errno(libc::EIO));
        }
        self.cells.extend(cache);
        Ok(())
    }

    /// What was not written of it still reads as zeros, and cannot be written any more.
    fn finish(&mut self, zone: LbaRange) -> Result<(), Fault> {
        self.take_command()?;
        let refused = Fault::from_errno(libc::EIO);
        let number = self.zone_at(zone.first().0).filter(|number| self.is_sequential(*number));
        let found = &mut self.zones[number.ok_or(refused)?];
        match found.condition {
            ZoneCondition::ReadOnly | ZoneCondition::Offline | ZoneCondition::NoPointer => Err(refused),
            ZoneCondition::Empty | ZoneCondition::Open | ZoneCondition::Closed | ZoneCondition::Full => {
                found.condition = ZoneCondition::Full;
                Ok(())
            }
        }
    }

    fn reset(&mut self, zone: LbaRange) -> Result<(), Fault> {
        self.take_command()?;
        let refused = Fault::from_errno(libc::EIO);
        let number = self.zone_at(zone.first().0).ok_or(refused)?;
        let found = self.zones[number];
        let first = zone.first().0;
        if found.range != zone || !self.is_sequential(number) {
            return Err(Fault::from_errno(libc::EINVAL));
        }
        let broken = matches!(found.condition, ZoneCondition::ReadOnly | ZoneCondition::Offline);
        if broken || self.faults.contains(&ZonedFault::ResetFails(first)) {
            return Err(refused);
        }
        if !self.faults.contains(&ZonedFault::ResetIgnored(first)) {
            // The old data stays in its cells; what was only in the cache never reaches any.
            self.cache.retain(|(lba, _)| !zone.contains(Lba(*lba)));
            self.set_pointer(number, 0);
        }
        Ok(())
    }
}

/// An opened zoned drive. Transfers are carried out when they are reaped, the last one first: nobody may rely on an order.
#[derive(Debug)]
pub struct ZonedPort {
    drive: ZonedDrive,
    depth: usize,
    transfer_bytes: u32,
    in_flight: Vec<(Direction, Transfer)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

impl ZonedPort {
    fn submit(&mut self, direction: Direction, transfer: Transfer) -> Result<(), Transfer> {
        if self.in_flight.len() >= self.depth {
            return Err(transfer);
        }
        let mut inside = self.drive.inside();
        let zone = inside.zone_at(transfer.range.first().0);
        let beside = self.in_flight.iter().any(|(other, flying)| {
            *other == Direction::Write && inside.zone_at(flying.range.first().0) == zone
        });
        if direction == Direction::Write && beside && zone.is_some_and(|zone| inside.is_sequential(zone)) {
            inside.breaches.insert("two writes at a time in one zone");
        }
        drop(inside);
        self.in_flight.push((direction, transfer));
        Ok(())
    }

    fn must_be_idle(&self, what: &'static str) {
        if !self.in_flight.is_empty() {
            self.drive.inside().breaches.insert(what);
        }
    }
}

impl BlockRead for ZonedPort {
    fn geometry(&self) -> Geometry {
        self.drive.inside().geometry
    }

    fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(Direction::Read, transfer)
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        let mut inside = self.drive.inside();
        while let Some((direction, mut transfer)) = self.in_flight.pop() {
            let bytes = usize::try_from(inside.geometry.byte_length(transfer.range.count()));
            let data = &mut transfer.buffer.as_mut_slice()[..bytes.unwrap_or(usize::MAX)];
            let result = match direction {
                Direction::Read => inside.read(transfer.range, data),
                Direction::Write => inside.write(transfer.range, data),
            };
            done.push(Completion { transfer, result });
        }
        Ok(())
    }

    fn take_buffers(&mut self) -> Vec<Buffer> {
        (0..self.depth).map(|_| Buffer::new(self.transfer_bytes as usize)).collect()
    }

    fn transfer_bytes(&self) -> u64 {
        u64::from(self.transfer_bytes)
    }

    fn current_bytes(&mut self) -> io::Result<u64> {
        let inside = self.drive.inside();
        Ok(if inside.power_left == Some(0) { 0 } else { inside.geometry.bytes() })
    }
}

impl BlockWrite for ZonedPort {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(Direction::Write, transfer)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        self.must_be_idle("a flush with something in flight");
        self.drive.inside().flush()
    }

    fn zones(&mut self) -> Option<&mut dyn ZoneControl> {
        Some(self)
    }
}

impl ZoneControl for ZonedPort {
    fn report(&mut self, range: LbaRange) -> Result<Vec<Zone>, Fault> {
        let inside = self.drive.inside();
        if inside.power_left == Some(0) {
            return Err(Fault::from_errno(libc::EIO));
        }
        let begins = |zone: &&Zone| range.contains(zone.range.first());
        let most = inside.faults.iter().find_map(|fault| match fault {
            ZonedFault::ToldShort(most) => Some(BlockCount(*most)),
            ZonedFault::WriteFails(..)
            | ZonedFault::WriteTurns(..)
            | ZonedFault::WriteDropped(_)
            | ZonedFault::ResetFails(_)
            | ZonedFault::ResetIgnored(_)
            | ZonedFault::FlushFails { .. } => None,
        });
        let told = |zone: &Zone| Zone {
            capacity: most.map_or(zone.capacity, |most| most.min(zone.capacity)),
            ..*zone
        };
        Ok(inside.zones.iter().filter(begins).map(told).collect())
    }

    fn reset(&mut self, zone: LbaRange) -> Result<(), Fault> {
        self.must_be_idle("a reset with something in flight");
        self.drive.inside().reset(zone)
    }

    fn finish(&mut self, zone: LbaRange) -> Result<(), Fault> {
        self.must_be_idle("a finish with something in flight");
        self.drive.inside().finish(zone)
    }
}

/// Zones one behind the other: `(number, length, capacity, kind, condition)` for each run of them.
pub fn zones(runs: &[(u64, u64, u64, ZoneKind, ZoneCondition)]) -> Vec<Zone> {
    let mut next = 0;
    let mut all = Vec::new();
    for (number, length, capacity, kind, condition) in runs {
        for _ in 0..*number {
            all.extend(LbaRange::new(Lba(next), BlockCount(*length)).map(|range| Zone {
                range,
                capacity: BlockCount(*capacity),
                kind: *kind,
                condition: *condition,
            }));
            next += length;
        }
    }
    all
}
