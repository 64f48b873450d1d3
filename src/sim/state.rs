//! What a simulated drive is like inside, and how each fault acts.
use super::cells::{Cells, flip_bit, old_data};
use super::clock::SimClock;
use super::dice::Dice;
use super::fault::{FaultName, GoneManner, SimFault, Times};
use super::log::{Direction, Log, Logged};
use super::medium::Medium;
use super::spec::{DriveSpec, SimIdentity, Wear};
use crate::io::Fault;
use crate::unit::{Geometry, Lba, LbaRange};

/// Virtual time of a transfer, in milliseconds, and of one of a slow block: past every usual deadline.
const TRANSFER_MS: u64 = 1;
const SLOW_TRANSFER_MS: u64 = 30_000;

/// Position of the drive that the job is about, and of the one that may take its place.
const ORIGINAL: usize = 0;
const REPLACEMENT: usize = 1;

/// Drives that take another's place are numbered from here, above all that are drawn.
const REPLACEMENT_NUMBERS: u64 = 1_000_000_000;

/// A fault and how often it struck.
#[derive(Debug)]
struct Armed {
    fault: SimFault,
    /// Attempts that met it, whether or not it then did harm.
    met: u32,
    fired: u32,
}

/// What merging with other requests makes of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// It fails although its blocks are good.
    Fails,
    /// It comes back as success and is not stored.
    Vanishes,
}

/// What becomes of one block of a write.
enum WriteFate {
    Store,
    Drop,
    StoreAt(u64),
    Remap,
    Tear(u64),
    Fail(i32),
    Short,
}

/// What becomes of one block of a read.
enum ReadFate {
    Deliver,
    Stale,
    Flip(u64),
    From(u64),
    Fail(i32),
}

/// The inside of a drive, shared between its port, its node and the oracle.
#[derive(Debug)]
pub(super) struct State {
    pub geometry: Geometry,
    pub log: Log,
    pub clock: SimClock,
    pub media: Vec<Medium>,
    pub current: usize,
    pub dice: Dice,
    faults: Vec<Armed>,
    transfers: u64,
    gone: Option<GoneManner>,
    /// The errno that every transfer is answered with.
    mute: Option<i32>,
    blocks_left: u64,
}

impl State {
    pub(super) fn new(spec: &DriveSpec) -> Self {
        let capacity = spec.geometry.capacity;
        let block_bytes = usize::try_from(spec.geometry.block_size.bytes()).unwrap_or(usize::MAX);
        let other = spec.drive + REPLACEMENT_NUMBERS;
        let medium = |drive, slots, spare, wear, cache| {
            let cells = Cells::new(drive, block_bytes, slots, spare, wear);
            Medium::new(SimIdentity::numbered(drive, capacity), cells, cache)
        };
        let media = vec![
            medium(spec.drive, spec.slots(), spec.spare_cells, spec.wear, spec.cache_blocks),
            medium(other, capacity.0, 0, Wear::InPlace, 0),
        ];
        Self {
            geometry: spec.geometry,
            log: Log::default(),
            clock: SimClock::default(),
            media,
            current: ORIGINAL,
            dice: Dice::new(spec.seed ^ 0x5EED),
            faults: spec.faults.iter().map(|fault| Armed { fault: *fault, met: 0, fired: 0 }).collect(),
            transfers: 0,
            gone: None,
            mute: None,
            blocks_left: capacity.0,
        }
    }

    pub(super) fn original(&self) -> &Medium {
        &self.media[ORIGINAL]
    }

    pub(super) fn medium(&mut self) -> &mut Medium {
        &mut self.media[self.current]
    }

    pub(super) fn block_bytes(&self) -> usize {
        usize::try_from(self.geometry.block_size.bytes()).unwrap_or(usize::MAX)
    }

    /// Kinds that struck, with how often.
    pub(super) fn fired(&self) -> impl Iterator<Item = (FaultName, u32)> + '_ {
        self.faults.iter().filter(|armed| armed.fired > 0).map(|armed| (armed.fault.name(), armed.fired))
    }

    /// Blocks that no attempt reads.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = u64> + '_ {
        self.faults.iter().filter_map(|armed| match armed.fault {
            SimFault::ReadErrorHard { lba, .. } => Some(lba),
            _ => None,
        })
    }

    /// Bad blocks that spoil the requests that they are merged into.
    pub(super) fn merging(&self) -> Vec<(FaultName, u64)> {
        let bad = |armed: &Armed| match armed.fault {
            SimFault::MergedError { lba } | SimFault::MergedSuccess { lba } => {
                Some((armed.fault.name(), lba))
            }
            _ => None,
        };
        self.faults.iter().filter_map(bad).collect()
    }

    pub(super) fn fire(&mut self, name: FaultName) {
        if let Some(armed) = self.faults.iter_mut().find(|armed| armed.fault.name() == name) {
            armed.fired += 1;
        }
    }

    /// The node is opened.
    pub(super) fn open(&mut self) {
        self.log.entries.push(Logged::Opened);
        if self.faults.iter().any(|armed| armed.fault == SimFault::ReplacedBeforeOpening && armed.fired == 0)
        {
            self.current = REPLACEMENT;
            self.fire(FaultName::ReplacedBeforeOpening);
        }
    }

    /// Size in bytes as the drive says now.
    pub(super) fn current_bytes(&self) -> std::io::Result<u64> {
        match self.gone {
            Some(GoneManner::Eio | GoneManner::NoBytes) => Ok(0),
            Some(GoneManner::Enodev) => Err(std::io::Error::from_raw_os_error(libc::ENODEV)),
            None => Ok(self.blocks_left * self.geometry.block_size.bytes_u64()),
        }
    }

    /// Carries out one transfer and writes it down.
    pub(super) fn transfer(
        &mut self,
        direction: Direction,
        range: LbaRange,
        data: &mut [u8],
        merged: Option<Merged>,
    ) -> Result<(), Fault> {
        self.strike_by_count();
        self.clock.advance_ms(TRANSFER_MS);
        self.strike_by_place(direction, range);
        let answer = match (self.unable(range), merged, direction) {
            (Some(fault), _, _) => Err(fault),
            (None, Some(Merged::Fails), _) => Err(Fault::from_errno(libc::EIO)),
            (None, Some(Merged::Vanishes), _) => Ok(()),
            (None, None, Direction::Write) => self.write(range, data),
            (None, None, Direction::Read) => self.read(range, data),
        };
        self.log.entries.push(Logged::Transfer { direction, range, answer });
        answer
    }

    /// Makes everything stored durable, unless a fault prevents it.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        let answer = self.answer_flush();
        self.log.entries.push(Logged::Flush { answer });
        answer
    }

    fn answer_flush(&mut self) -> Result<(), Fault> {
        if let Some(manner) = self.gone {
            let errno = if manner == GoneManner::Enodev { libc::ENODEV } else { libc::EIO };
            return Err(Fault::from_errno(errno));
        }
        if let Some(errno) = self.mute {
            return Err(Fault::from_errno(errno));
        }
        for position in 0..self.faults.len() {
            let current = self.current;
            let Armed { fault, fired, .. } = &mut self.faults[position];
            if *fault == SimFault::FlushFails && *fired == 0 {
                *fired += 1;
                self.media[current].lose_cache();
                return Err(Fault::from_errno(libc::EIO));
            }
            if *fault == SimFault::FlushLies && self.media[current].lose_cache() > 0 {
                *fired += 1;
                return Ok(());
            }
        }
        let stored = self.medium().has_unflushed();
        self.medium().flush();
        if stored {
            self.rot();
        }
        Ok(())
    }

    fn rot(&mut self) {
        let medium = &mut self.media[self.current];
        for armed in &mut self.faults {
            if let SimFault::CellRot { lba, bit } = armed.fault {
                let slot = medium.cells.slot(lba);
                medium.cells.flip(slot, bit);
                armed.fired += 1;
            }
        }
    }

    /// Faults that strike at a transfer's number.
    fn strike_by_count(&mut self) {
        let number = self.transfers;
        self.transfers += 1;
        for armed in &mut self.faults {
            match armed.fault {
                SimFault::CacheLost { transfer } if number >= transfer && armed.fired == 0 => {
                    armed.fired += u32::from(self.media[self.current].lose_cache() > 0);
                }
                SimFault::Gone { transfer, manner } if number >= transfer => {
                    self.media[self.current].lose_cache();
                    self.gone = Some(manner);
                    armed.fired += 1;
                }
                SimFault::Mute { transfer, errno } if number >= transfer => {
                    self.mute = Some(errno);
                    armed.fired += 1;
                }
                SimFault::Shrinks { transfer, blocks } if number >= transfer => {
                    self.blocks_left = blocks;
                    armed.fired += 1;
                }
                SimFault::ReplacedInUse { transfer } if number >= transfer && armed.fired == 0 => {
                    self.media[self.current].lose_cache();
                    self.current = REPLACEMENT;
                    armed.fired += 1;
                }
                _ => {}
            }
        }
    }

    /// Faults that strike at a transfer's blocks, whatever else happens to it.
    fn strike_by_place(&mut self, direction: Direction, range: LbaRange) {
        for armed in &mut self.faults {
            match armed.fault {
                SimFault::Slow { lba } if range.contains(Lba(lba)) => {
                    armed.fired += 1;
                    self.clock.advance_ms(SLOW_TRANSFER_MS);
                }
                SimFault::Counterfeit { cells } if direction == Direction::Write && range.end().0 > cells => {
                    armed.fired += 1;
                }
                _ => {}
            }
        }
    }

    /// Why the drive cannot even try.
    fn unable(&self, range: LbaRange) -> Option<Fault> {
        match self.gone {
            Some(GoneManner::Eio) => Some(Fault::from_errno(libc::EIO)),
            Some(GoneManner::Enodev) => Some(Fault::from_errno(libc::ENODEV)),
            Some(GoneManner::NoBytes) => Some(Fault::short(0)),
            None if range.end().0 > self.blocks_left => Some(Fault::from_errno(libc::ENOSPC)),
            None => self.mute.map(Fault::from_errno),
        }
    }

    fn write(&mut self, range: LbaRange, data: &[u8]) -> Result<(), Fault> {
        let goes_on_after_errors = self.dice.chance(1, 2);
        let mut answer = Ok(());
        for (position, block) in (0..).zip(data.chunks_exact(self.block_bytes())) {
            let lba = range.first().0 + position;
            match self.write_fate(lba) {
                WriteFate::Store => self.medium().store(lba, block),
                WriteFate::Drop => {}
                WriteFate::StoreAt(to) => self.medium().store(to, block),
                WriteFate::Remap => {
                    if self.medium().store_remapped(lba, block) {
                        self.fire(FaultName::Remapped);
                    }
                }
                WriteFate::Tear(kept) => {
                    self.store_part(lba, block, kept);
                    return answer;
                }
                WriteFate::Short => {
                    let moved = position * self.geometry.block_size.bytes_u64();
                    // Half a block where not even one is stored: moving nothing at all would mean "gone".
                    let half = self.geometry.block_size.bytes_u64() / 2;
                    if moved == 0 {
                        self.store_part(lba, block, half);
                    }
                    return Err(Fault::short(moved.max(half)));
                }
                WriteFate::Fail(errno) => {
                    answer = Err(Fault::from_errno(errno));
                    if !goes_on_after_errors {
                        return answer;
                    }
                }
            }
        }
        answer
    }

    fn store_part(&mut self, lba: u64, block: &[u8], kept: u64) {
        let mut mixed = vec![0; block.len()];
        self.medium().present(lba, &mut mixed);
        let kept = usize::try_from(kept).unwrap_or(block.len()).min(block.len());
        mixed[..kept].copy_from_slice(&block[..kept]);
        self.medium().store(lba, &mixed);
    }

    fn write_fate(&mut self, block: u64) -> WriteFate {
        let strikes = |times: Times, fired: u32| times == Times::Always || fired == 0;
        for armed in &mut self.faults {
            let fate = match armed.fault {
                SimFault::WriteErrorHard { lba, errno } if lba == block => WriteFate::Fail(errno),
                SimFault::WriteErrorClearing { lba, errno, tries } if lba == block && armed.met < tries => {
                    armed.met += 1;
                    WriteFate::Fail(errno)
                }
                // A bad block is bad alone too; it counts as fired only where it spoiled a neighbour.
                SimFault::MergedError { lba } | SimFault::MergedSuccess { lba } if lba == block => {
                    return WriteFate::Fail(libc::EIO);
                }
                SimFault::WriteDropped { lba, times } if lba == block && strikes(times, armed.fired) => {
                    WriteFate::Drop
                }
                SimFault::WriteMisdirected { lba, to, times }
                    if lba == block && strikes(times, armed.fired) =>
                {
                    WriteFate::StoreAt(to)
                }
                SimFault::WriteTorn { lba, kept } if lba == block && armed.fired == 0 => {
                    WriteFate::Tear(kept)
                }
                SimFault::WriteShort { lba, times } if lba == block && strikes(times, armed.fired) => {
                    WriteFate::Short
                }
                SimFault::Remapped { lba } if lba == block && armed.met == 0 => {
                    armed.met += 1;
                    return WriteFate::Remap;
                }
                _ => continue,
            };
            armed.fired += 1;
            return fate;
        }
        WriteFate::Store
    }

    fn read(&mut self, range: LbaRange, data: &mut [u8]) -> Result<(), Fault> {
        let mut answer = Ok(());
        if self.too_long(range) {
            answer = Err(Fault::from_errno(libc::EINVAL));
        }
        let tells_the_truth = self.dice.chance(1, 2);
        for (position, block) in (0..).zip(data.chunks_exact_mut(self.block_bytes())) {
            let lba = range.first().0 + position;
            match self.read_fate(lba) {
                ReadFate::Deliver => self.medium().present(lba, block),
                ReadFate::Stale => {
                    let slot = self.medium().cells.slot(lba);
                    old_data(self.medium().cells.drive(), slot, block);
                }
                ReadFate::Flip(bit) => {
                    self.medium().present(lba, block);
                    flip_bit(block, bit);
                }
                ReadFate::From(other) => self.medium().present(other, block),
                ReadFate::Fail(errno) => {
                    self.medium().present(lba, block);
                    answer = Err(Fault::from_errno(errno));
                }
            }
        }
        // A failed read leaves a buffer that means nothing. The worst for a careless reader is the truth.
        if answer.is_err() && !tells_the_truth {
            self.dice.noise(data);
        }
        answer
    }

    fn too_long(&mut self, range: LbaRange) -> bool {
        for armed in &mut self.faults {
            if let SimFault::ReadTooLong { blocks } = armed.fault
                && range.count().0 > blocks
            {
                armed.fired += 1;
                return true;
            }
        }
        false
    }

    fn read_fate(&mut self, block: u64) -> ReadFate {
        let strikes = |times: Times, fired: u32| times == Times::Always || fired == 0;
        for armed in &mut self.faults {
            let fate = match armed.fault {
                SimFault::ReadErrorHard { lba, errno } if lba == block => ReadFate::Fail(errno),
                SimFault::ReadErrorClearing { lba, errno, tries } if lba == block && armed.fired < tries => {
                    ReadFate::Fail(errno)
                }
                SimFault::ReadStale { lba, times } if lba == block && strikes(times, armed.fired) => {
                    ReadFate::Stale
                }
                SimFault::ReadFlip { lba, bit, times } if lba == block && strikes(times, armed.fired) => {
                    ReadFate::Flip(bit)
                }
                SimFault::ReadMisdirected { lba, from, times }
                    if lba == block && strikes(times, armed.fired) =>
                {
                    ReadFate::From(from)
                }
                _ => continue,
            };
            armed.fired += 1;
            return fate;
        }
        ReadFate::Deliver
    }
}
