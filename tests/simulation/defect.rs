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
    /// A port of this test either writes or reads.
    way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

impl Crooked {
    pub(crate) fn writer(drive: SimDrive, defect: Defect, pattern: Option<Pattern>) -> Self {
        Self { drive, defect, pattern, invented: Vec::new(), shortened: Vec::new(), way: Way::Write }
    }

    pub(crate) fn reader(drive: SimDrive, defect: Defect, pattern: Option<Pattern>) -> Self {
        Self { way: Way::Read, ..Self::writer(drive, defect, pattern) }
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

    fn submit(&mut self, mut transfer: Transfer) -> Result<(), Transfer> {
        let geometry = self.drive.geometry();
        let is_last =
            transfer.range.end() == geometry.whole().map_or(transfer.range.first(), |all| all.end());
        let is_short = geometry.byte_length(transfer.range.count()) < self.drive.transfer_bytes();
        match (self.defect, self.way) {
            (Defect::TailNeverWritten, Way::Write) if is_last && is_short => self.invent(transfer),
            (Defect::NothingIsRead, Way::Read) => self.invent(transfer),
            (Defect::CompletionTrusted, Way::Read) => {
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
                        self.pass_on(Transfer { range, ..transfer })
                    }
                }
            }
            _ => self.pass_on(transfer),
        }
    }

    fn pass_on(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        match self.way {
            Way::Read => self.drive.submit_read(transfer),
            Way::Write => self.drive.submit_write(transfer),
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
        let reading = self.way == Way::Read;
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
        self.submit(transfer)
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        let mut real = std::mem::take(&mut self.invented);
        self.drive.reap(&mut real)?;
        for one in real {
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
        self.drive.current_bytes()
    }
}

impl BlockWrite for Crooked {
    fn submit_write(&mut self, transfer: Transfer) -> Result<(), Transfer> {
        self.submit(transfer)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        match self.defect {
            Defect::FlushLeftOut => Ok(()),
            _ => self.drive.flush(),
        }
    }
}
