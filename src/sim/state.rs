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
    /// Times that the drive is asked until it is back.
    away: Option<u64>,
    /// Number of its attachment; ports of earlier ones are dead.
    attachment: u64,
    /// Virtual time at which the path works again, and what it answers until then.
    outage: Option<(u64, i32)>,
}

impl State {
    pub(super) fn new(spec: &DriveSpec) -> Self {
        let capacity = spec.geometry.capacity;
        let block_bytes = usize::try_from(spec.geometry.block_size.bytes()).unwrap_or(usize::MAX);
        let other = spec.drive + REPLACEMENT_NUMBERS;
        let medium = |drive, slots, spare, wear, cache| {
            let hidden = if drive == spec.drive { spec.hidden_cells() } else { 0 };
            let cells = Cells::new(drive, block_bytes, slots, spare, wear).with_hidden(hidden);
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
            away: None,
            attachment: 0,
            outage: None,
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
        self.faults.iter().flat_map(|armed| match armed.fault {
            SimFault::ReadErrorHard { lba, .. } => lba..lba + 1,
            SimFault::BadRegion { first, blocks, .. } => first..first + blocks,
            _ => 0..0,
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

    /// The node is opened; the number of the attachment.
    pub(super) fn open(&mut self) -> u64 {
        self.fire(FaultName::HiddenArea);
        self.log.entries.push(Logged::Opened);
        if self.faults.iter().any(|armed| armed.fault == SimFault::ReplacedBeforeOpening && armed.fired == 0)
        {
            self.current = REPLACEMENT;
            self.fire(FaultName::ReplacedBeforeOpening);
        }
        self.attachment
    }

    /// The drive is asked something: one that is away comes back after enough of that.
    fn ask(&mut self) {
        match self.away {
            Some(0) => {
                (self.away, self.gone) = (None, None);
                self.attachment += 1;
            }
            Some(left) => self.away = Some(left - 1),
            None => {}
        }
    }

    /// Size in bytes as the drive says now, to a port of this attachment or to a newcomer.
    pub(super) fn current_bytes(&mut self, attachment: Option<u64>) -> std::io::Result<u64> {
        self.ask();
        if attachment.is_some_and(|attachment| attachment != self.attachment) {
            return Err(std::io::Error::from_raw_os_error(libc::ENODEV));
        }
        match self.gone {
            Some(GoneManner::Eio | GoneManner::NoBytes) => Ok(0),
            Some(GoneManner::Enodev) => Err(std::io::Error::from_raw_os_error(libc::ENODEV)),
            None => Ok(self.blocks_left * self.geometry.block_size.bytes_u64()),
        }
    }

    /// Carries out one transfer and writes it down.
    pub(super) fn transfer(
        &mut self,
        attachment: u64,
        direction: Direction,
        range: LbaRange,
        data: &mut [u8],
        merged: Option<Merged>,
    ) -> Result<(), Fault> {
        self.ask();
        self.strike_by_count(direction);
        self.clock.advance_ms(TRANSFER_MS);
        self.strike_by_place(direction, range);
        let answer = match (self.unable(attachment, direction, range), merged, direction) {
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
    pub(super) fn flush(&mut self, attachment: u64) -> Result<(), Fault> {
        self.ask();
        let dead = (attachment != self.attachment).then(|| Fault::from_errno(libc::ENODEV));
        let answer = dead.map_or_else(|| self.answer_flush(), Err);
        self.log.entries.push(Logged::Flush { answer });
        answer
    }

    fn answer_flush(&mut self) -> Result<(), Fault> {
        if let Some(manner) = self.gone {
            let errno = if manner == GoneManner::Enodev { libc::ENODEV } else { libc::EIO };
            return Err(Fault::from_errno(errno));
        }
        if let Some(errno) = self.mute.or_else(|| self.is_out()).or_else(|| self.is_reserved()) {
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

    /// What the path answers in an outage.
    fn is_out(&self) -> Option<i32> {
        self.outage.filter(|(until, _)| self.clock.elapsed_ms() < *until).map(|(_, errno)| errno)
    }

    /// What a drive answers that another host has reserved.
    fn is_reserved(&self) -> Option<i32> {
        self.refusal().filter(|errno| *errno == libc::EBADE)
    }

    fn refusal(&self) -> Option<i32> {
        self.faults.iter().find_map(|armed| match armed.fault {
            SimFault::Refuses { errno, .. } if armed.fired > 0 => Some(errno),
            _ => None,
        })
    }

    /// Faults that strike at a transfer's number.
    fn strike_by_count(&mut self, direction: Direction) {
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
                SimFault::Returns { transfer, manner, asks } if number >= transfer && armed.fired == 0 => {
                    self.media[self.current].lose_cache();
                    (self.gone, self.away) = (Some(manner), Some(asks));
                    armed.fired += 1;
                }
                SimFault::Outage { transfer, millis, errno } if number >= transfer && armed.fired == 0 => {
                    self.outage = Some((self.clock.elapsed_ms() + TRANSFER_MS + millis, errno));
                    armed.fired += 1;
                }
                SimFault::Refuses { transfer, errno } if number >= transfer => {
                    armed.fired += u32::from(errno == libc::EBADE || direction == Direction::Write);
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
    fn unable(&self, attachment: u64, direction: Direction, range: LbaRange) -> Option<Fault> {
        if attachment != self.attachment {
            return Some(Fault::from_errno(libc::ENODEV));
        }
        let refused = self.refusal().filter(|errno| *errno == libc::EBADE || direction == Direction::Write);
        match self.gone {
            Some(GoneManner::Eio) => Some(Fault::from_errno(libc::EIO)),
            Some(GoneManner::Enodev) => Some(Fault::from_errno(libc::ENODEV)),
            Some(GoneManner::NoBytes) => Some(Fault::short(0)),
            None if range.end().0 > self.blocks_left => Some(Fault::from_errno(libc::ENOSPC)),
            None => self.mute.or_else(|| self.is_out()).or(refused).map(Fault::from_errno),
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
                SimFault::BadRegion { first, blocks, errno } if (first..first + blocks).contains(&block) => {
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
                SimFault::BadRegion { first, blocks, errno } if (first..first + blocks).contains(&block) => {
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
