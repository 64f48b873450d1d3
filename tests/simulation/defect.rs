//! Defects planted on purpose, without touching production code: the port between engine and drive is made
//! crooked, so that engine, verifier and drive together behave as a broken program would.
use std::io;

use expunge::io::{BlockRead, BlockWrite, Completion, Fault, Transfer};
use expunge::sim::SimDrive;
use expunge::sys::Buffer;
use expunge::unit::{BlockCount, Geometry, Lba, LbaRange, Pattern};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Nothing: this is the real thing.
    None,
    /// The last transfer is counted as written and never sent when it is shorter than the others.
    TailNeverWritten,
    /// A keyed pass writes and expects zeroes.
    ConstantPattern,
    /// A stamped pass writes and expects its bytes without the stamps.
    StampsLeftOut,
    /// The last block is neither written nor read, and counts as both.
    LastBlockSkippedByBoth,
    /// The read-back believes that the drive holds what it acknowledged.
    CompletionTrusted,
    /// Reads complete at once, and the buffers hold what they held.
    NothingIsRead,
    /// Whatever stands at the node is taken for the drive of the plan.
    IdentityByPath,
    /// Flushes are not passed on.
    FlushLeftOut,
    /// A write that failed counts as written.
    WriteErrorsTakenForSuccess,
    /// An unreadable block is filled in with what should be there.
    UnreadableFilledIn,
    /// A block is written before the drive was compared with the plan.
    WritesBeforeComparing,
    /// Every read-back is reported as failed, whatever the drive says.
    EveryReadFails,
    /// A checkpoint is told first and its flush sent with the next transfer.
    CheckpointBeforeFlush,
    /// A flush that failed is asked for again, and its success believed.
    FailedFlushTakenAsGood,
    /// What is tried again goes beside its neighbours, and all become one request.
    RetriesSideBySide,
    /// What was repaired counts as read back right.
    RepairCountedAsClean,
    /// A drive that has left counts as one with bad blocks, and is divided to the end.
    GoneDividedForEver,
    /// A repair believes that what it writes is there, and reads nothing.
    RepairInvented,
    /// The plan says nothing of hidden areas.
    HiddenAreasLeftOut,
}

impl Defect {
    /// What a pass with this pattern writes and expects.
    pub(crate) fn pattern(self, pattern: &Pattern) -> Pattern {
        match (self, pattern) {
            (Self::ConstantPattern, Pattern::Keyed { .. }) => Pattern::byte(0),
            (Self::StampsLeftOut, Pattern::Stamped { bytes, .. }) => Pattern::Fixed { bytes: bytes.clone() },
            (_, Pattern::Keyed { .. } | Pattern::Fixed { .. } | Pattern::Stamped { .. }) => pattern.clone(),
        }
    }
}

/// The port of a simulated drive, with a defect in between.
pub(crate) struct Crooked {
    drive: SimDrive,
    defect: Defect,
    /// What the last pass writes; a defect that invents data needs it.
    pattern: Option<Pattern>,
    /// Transfers that come back without having reached the drive.
    invented: Vec<Completion>,
    /// Transfers that were shortened by their last block.
    shortened: Vec<LbaRange>,
    /// Transfers that nobody asked for, and whose answers nobody gets.
    neighbours: Vec<LbaRange>,
    /// What came back when room was made for more.
    early: Vec<Completion>,
    /// A flush that was answered and not sent.
    owed: bool,
    /// What is on its way to the drive and back, and in which direction.
    flying: Vec<(LbaRange, Way)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

impl Crooked {
    pub(crate) fn over(drive: SimDrive, defect: Defect, pattern: Option<Pattern>) -> Self {
        Self {
            drive,
            defect,
            pattern,
            invented: Vec::new(),
            shortened: Vec::new(),
            neighbours: Vec::new(),
            early: Vec::new(),
            owed: false,
            flying: Vec::new(),
        }
    }

    /// What the broken program does with a drive that it has opened and not yet looked at.
    pub(crate) fn warm_up(&mut self) {
        if self.defect != Defect::WritesBeforeComparing {
            return;
        }
        let range = LbaRange::single(Lba(0)).expect("block 0 is a block");
        let buffer = Buffer::new(usize::try_from(self.drive.transfer_bytes()).expect("a buffer's length"));
        self.drive.submit_write(Transfer { range, buffer }).expect("an empty queue takes one");
        self.drive.reap(&mut Vec::new()).expect("a simulated port always goes on");
    }

    fn submit(&mut self, way: Way, mut transfer: Transfer) -> Result<(), Transfer> {
        if std::mem::take(&mut self.owed) {
            let _ignored = self.drive.flush();
        }
        let geometry = self.drive.geometry();
        let is_last =
            transfer.range.end() == geometry.whole().map_or(transfer.range.first(), |all| all.end());
        let is_short = geometry.byte_length(transfer.range.count()) < self.drive.transfer_bytes();
        match (self.defect, way) {
            (Defect::TailNeverWritten, Way::Write) if is_last && is_short => self.invent(transfer),
            (Defect::NothingIsRead, Way::Read) => self.invent(transfer),
            (Defect::CompletionTrusted, Way::Read) | (Defect::RepairInvented, _) => {
                self.fill_in(transfer.range, &mut transfer.buffer);
                self.invent(transfer)
            }
            (Defect::LastBlockSkippedByBoth, _) if is_last => {
                let whole = transfer.range;
                match LbaRange::between(whole.first(), whole.last()) {
                    None => {
                        self.fill_in(whole, &mut transfer.buffer);
                        self.invent(transfer)
                    }
                    Some(range) => {
                        self.shortened.push(range);
                        self.pass_on(way, Transfer { range, ..transfer })
                    }
                }
            }
            _ => self.pass_on(way, transfer),
        }
    }

    fn pass_on(&mut self, way: Way, transfer: Transfer) -> Result<(), Transfer> {
        let is_short =
            self.drive.geometry().byte_length(transfer.range.count()) < self.drive.transfer_bytes();
        let alone = self.flying.is_empty() && way == Way::Write && is_short;
        let range = transfer.range;
        if self.defect == Defect::RetriesSideBySide && alone {
            self.write_neighbours(range);
        }
        self.flying.push((range, way));
        let taken = match way {
            Way::Read => self.drive.submit_read(transfer),
            Way::Write => self.drive.submit_write(transfer),
        };
        // Only a neighbour that nobody asked for can fill the queue.
        taken.or_else(|transfer| {
            self.drive.reap(&mut self.early).expect("a simulated port always goes on");
            self.drive.submit_write(transfer)
        })
    }

    /// Writes the blocks before and after, which nobody asked for.
    fn write_neighbours(&mut self, range: LbaRange) {
        let whole = self.drive.geometry().whole();
        let before = range.first().0.checked_sub(1).and_then(|lba| LbaRange::single(Lba(lba)));
        let after =
            LbaRange::single(range.end()).filter(|_| whole.is_some_and(|whole| whole.contains(range.end())));
        for range in before.into_iter().chain(after) {
            let bytes = usize::try_from(self.drive.transfer_bytes()).expect("a buffer's length");
            let mut buffer = Buffer::new(bytes);
            self.fill_in(range, &mut buffer);
            if self.drive.submit_write(Transfer { range, buffer }).is_ok() {
                self.neighbours.push(range);
            }
        }
    }

    fn invent(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.invented.push(Completion { transfer, result: Ok(()) });
        Ok(())
    }

    fn fill_in(&self, range: LbaRange, buffer: &mut Buffer) {
        let geometry = self.drive.geometry();
        let length = usize::try_from(geometry.byte_length(range.count())).expect("a buffer's length");
        if let Some(pattern) = &self.pattern {
            pattern.fill(geometry.byte_offset(range.first()), &mut buffer.as_mut_slice()[..length]);
        }
    }

    /// Fills in the last block of a range alone.
    fn fill_in_last(&self, range: LbaRange, buffer: &mut Buffer) {
        let geometry = self.drive.geometry();
        let at = |count| usize::try_from(geometry.byte_length(count)).expect("a buffer's length");
        let (from, to) = (at(range.count().saturating_sub(LAST)), at(range.count()));
        if let Some(pattern) = &self.pattern {
            pattern.fill(geometry.byte_offset(range.last()), &mut buffer.as_mut_slice()[from..to]);
        }
    }

    /// What a completion looks like on the crooked side.
    fn bend(&mut self, mut done: Completion) -> Completion {
        let flown = self.flying.iter().position(|(range, _)| *range == done.transfer.range);
        let reading = flown.is_some_and(|position| self.flying.swap_remove(position).1 == Way::Read);
        if let Some(position) = self.shortened.iter().position(|range| *range == done.transfer.range) {
            self.shortened.swap_remove(position);
            let range =
                LbaRange::new(done.transfer.range.first(), done.transfer.range.count() + LAST).expect("fits");
            done.transfer.range = range;
            if reading && done.result.is_ok() {
                self.fill_in_last(range, &mut done.transfer.buffer);
            }
        }
        match self.defect {
            Defect::WriteErrorsTakenForSuccess if !reading => done.result = Ok(()),
            Defect::UnreadableFilledIn if reading && done.result.is_err() => {
                let range = done.transfer.range;
                self.fill_in(range, &mut done.transfer.buffer);
                done.result = Ok(());
            }
            Defect::GoneDividedForEver => done.result = done.result.map_err(|_| Fault::from_errno(5)),
            Defect::EveryReadFails if reading => done.result = Err(Fault::from_errno(5)),
            _ => {}
        }
        done
    }
}

/// The last block of a range.
const LAST: BlockCount = BlockCount(1);

impl BlockRead for Crooked {
    fn geometry(&self) -> Geometry {
        self.drive.geometry()
    }

    fn submit_read(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(Way::Read, transfer)
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        done.append(&mut self.invented);
        let mut real = std::mem::take(&mut self.early);
        self.drive.reap(&mut real)?;
        for one in real {
            if let Some(position) = self.neighbours.iter().position(|range| *range == one.transfer.range) {
                self.neighbours.swap_remove(position);
                continue;
            }
            let bent = self.bend(one);
            done.push(bent);
        }
        Ok(())
    }

    fn take_buffers(&mut self) -> Vec<Buffer> {
        self.drive.take_buffers()
    }

    fn transfer_bytes(&self) -> u64 {
        self.drive.transfer_bytes()
    }

    fn current_bytes(&mut self) -> io::Result<u64> {
        if self.defect == Defect::GoneDividedForEver {
            return Ok(self.drive.geometry().bytes());
        }
        self.drive.current_bytes()
    }
}

impl BlockWrite for Crooked {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(Way::Write, transfer)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        match self.defect {
            Defect::FlushLeftOut => Ok(()),
            Defect::CheckpointBeforeFlush => {
                self.owed = true;
                Ok(())
            }
            Defect::FailedFlushTakenAsGood => self.drive.flush().or_else(|_| self.drive.flush()),
            Defect::GoneDividedForEver => self.drive.flush().map_err(|_| Fault::from_errno(5)),
            _ => self.drive.flush(),
        }
    }
}
