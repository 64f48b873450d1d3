//! What a simulated drive was asked, in order, and where the asking broke the contract of the ports.
use crate::io::Fault;
use crate::unit::LbaRange;

/// Which way data moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the drive.
    Read,
    /// To the drive.
    Write,
}

/// One thing the drive was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// A transfer, when it was carried out.
    Transfer {
        /// Which way.
        direction: Direction,
        /// Which blocks.
        range: LbaRange,
        /// What the drive answered.
        answer: Result<(), Fault>,
    },
    /// A flush.
    Flush {
        /// What the drive answered.
        answer: Result<(), Fault>,
    },
    /// The node was opened.
    Opened,
}

/// A mistake of the program that uses the port, against the contract in [`crate::io`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// A transfer reaches outside the drive.
    OutsideDrive,
    /// A transfer is longer than its buffer.
    LongerThanBuffer,
    /// Two transfers in flight name the same block and one of them writes.
    Overlapping,
    /// A flush while transfers are in flight.
    FlushInFlight,
}

/// Everything a drive was asked.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// In the order of carrying out.
    pub entries: Vec<Logged>,
    /// Breaches of contract, in order.
    pub breaches: Vec<Breach>,
}

impl Log {
    /// Number of write transfers that the drive took, with those that failed (P2: none for a refusal).
    pub fn writes(&self) -> usize {
        self.count(Direction::Write)
    }

    /// Number of read transfers that the drive took, with those that failed.
    pub fn reads(&self) -> usize {
        self.count(Direction::Read)
    }

    /// Number of flushes that were asked for.
    pub fn flushes(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry, Logged::Flush { .. })).count()
    }

    fn count(&self, wanted: Direction) -> usize {
        self.entries
            .iter()
            .filter(|entry| matches!(entry, Logged::Transfer { direction, .. } if *direction == wanted))
            .count()
    }
}
