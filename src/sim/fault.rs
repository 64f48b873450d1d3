//! The menu of faults: what a simulated drive can do wrong. Each names the defect it is there to expose in
//! `docs/testing.md`; kinds earn their place by killing a planted defect or by having been seen on a kernel.
use serde::Serialize;

use super::dice::Dice;

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// The first time that it can, and never again.
    Once,
    /// Every time.
    Always,
}

/// How a drive that is gone answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneManner {
    /// `EIO`, as a SATA drive whose link is down; its size reads 0.
    Eio,
    /// `ENODEV`, as a node whose device was removed; its size is an error.
    Enodev,
    /// Transfers of no bytes; its size reads 0, as a loop device over a truncated file.
    NoBytes,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })?,)*) => {
        /// One fault of one simulated drive, with its place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SimFault {
            $($(#[$doc])* $name $({ $($(#[$field_doc])* $field: $type),* })?,)*
        }

        /// The kinds of faults, for tables.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum FaultName {
            $($(#[$doc])* $name,)*
        }

        impl FaultName {
            /// Every kind, in the order of the menu.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }

        impl SimFault {
            /// Its kind.
            pub const fn name(&self) -> FaultName {
                match self { $(Self::$name { .. } => FaultName::$name,)* }
            }
        }
    };
}

faults! {
    /// A block that cannot be written.
    WriteErrorHard {
        /// The block.
        lba: u64,
        /// What the drive answers.
        errno: i32,
    },
    /// A block that cannot be written at the first `tries` attempts.
    WriteErrorClearing {
        /// The block.
        lba: u64,
        /// What the drive answers.
        errno: i32,
        /// Attempts that fail, at least 1.
        tries: u32,
    },
    /// A block that cannot be read. With the error the drive delivers what the block holds, half the time.
    ReadErrorHard {
        /// The block.
        lba: u64,
        /// What the drive answers.
        errno: i32,
    },
    /// A block that cannot be read at the first `tries` attempts.
    ReadErrorClearing {
        /// The block.
        lba: u64,
        /// What the drive answers.
        errno: i32,
        /// Attempts that fail, at least 1.
        tries: u32,
    },
    /// A write that is acknowledged and not stored.
    WriteDropped {
        /// The block.
        lba: u64,
        /// How often.
        times: Times,
    },
    /// A write that is acknowledged and stored at another address.
    WriteMisdirected {
        /// The block that was meant.
        lba: u64,
        /// The block that is written.
        to: u64,
        /// How often.
        times: Times,
    },
    /// A write that is acknowledged and ends inside or after a block: nothing of the transfer after it is stored.
    WriteTorn {
        /// The last block that is stored at least in part.
        lba: u64,
        /// Bytes of it that are stored; a multiple of 512, possibly none.
        kept: u64,
    },
    /// A write that is reported as short: the blocks from this one on are not stored.
    WriteShort {
        /// The first block that is not stored.
        lba: u64,
        /// How often.
        times: Times,
    },
    /// A bad block fails the healthy transfers beside it, because they were merged into one request.
    MergedError {
        /// The bad block.
        lba: u64,
    },
    /// A bad block ends a merged request early; transfers behind it come back as success and are not stored.
    /// Seen on loop devices.
    MergedSuccess {
        /// The bad block.
        lba: u64,
    },
    /// A write that lands in a spare cell; the old cell keeps its data and no address reaches it.
    Remapped {
        /// The block.
        lba: u64,
    },
    /// A read that returns what the block held before anything was written.
    ReadStale {
        /// The block.
        lba: u64,
        /// How often.
        times: Times,
    },
    /// A read that returns one wrong bit.
    ReadFlip {
        /// The block.
        lba: u64,
        /// Position of the bit in the block; wraps.
        bit: u64,
        /// How often.
        times: Times,
    },
    /// A read that returns another block's data.
    ReadMisdirected {
        /// The block that was meant.
        lba: u64,
        /// The block that is read.
        from: u64,
        /// How often.
        times: Times,
    },
    /// Reads of more than so many blocks are rejected with `EINVAL`.
    ReadTooLong {
        /// Longest read that works, in blocks.
        blocks: u64,
    },
    /// The medium changes by one bit between flush and read-back.
    CellRot {
        /// The block.
        lba: u64,
        /// Position of the bit in the block; wraps.
        bit: u64,
    },
    /// The first flush fails and what it should have stored is lost; later ones succeed, as on Linux.
    FlushFails,
    /// A flush says yes, and then the cache is lost.
    FlushLies,
    /// The drive loses its cache at this transfer and goes on as if nothing had been (a reset behind a bridge).
    CacheLost {
        /// Number of the transfer, from 0.
        transfer: u64,
    },
    /// Addresses wrap: the drive has fewer cells than it presents.
    Counterfeit {
        /// Cells that it really has, below its capacity.
        cells: u64,
    },
    /// The drive is gone from this transfer on, and its cache with it.
    Gone {
        /// Number of the transfer, from 0.
        transfer: u64,
        /// How it answers.
        manner: GoneManner,
    },
    /// From this transfer on every transfer and flush fails, and the drive still tells its size.
    Mute {
        /// Number of the transfer, from 0.
        transfer: u64,
        /// What the drive answers.
        errno: i32,
    },
    /// The drive presents fewer blocks from this transfer on; those beyond answer `ENOSPC`.
    Shrinks {
        /// Number of the transfer, from 0.
        transfer: u64,
        /// Blocks that are left, at least 1.
        blocks: u64,
    },
    /// Between planning and opening, another drive takes the node.
    ReplacedBeforeOpening,
    /// From this transfer on another drive answers, as in a dock whose bridge hides the change.
    ReplacedInUse {
        /// Number of the transfer, from 0.
        transfer: u64,
    },
    /// The drive leaves at this transfer, its cache is lost, and it is back after it was asked so many times. What was
    /// opened before stays dead.
    Returns {
        /// Number of the transfer, from 0.
        transfer: u64,
        /// How it answers meanwhile.
        manner: GoneManner,
        /// Transfers, flushes and questions for its size until it is back.
        asks: u64,
    },
    /// From this transfer on, for some time, every transfer and flush fails: a cable, a switch, an expander.
    Outage {
        /// Number of the transfer, from 0.
        transfer: u64,
        /// Virtual milliseconds: less than the rules of a job wait for a path by themselves.
        millis: u64,
        /// `ETIMEDOUT` or `ENOLINK`.
        errno: i32,
    },
    /// From this transfer on another host holds a reservation (`EBADE`, everything), or the drive is write-protected
    /// (`EROFS`, every write).
    Refuses {
        /// Number of the transfer, from 0.
        transfer: u64,
        /// What the drive answers.
        errno: i32,
    },
    /// Many bad blocks side by side, which can be neither written nor read.
    BadRegion {
        /// The first block.
        first: u64,
        /// Number of blocks, at least 1.
        blocks: u64,
        /// What the drive answers.
        errno: i32,
    },
    /// Cells behind the presented capacity that no address reaches, as behind an HPA or DCO. Their data stays.
    HiddenArea {
        /// Number of cells.
        cells: u64,
    },
    /// Transfers of this block take half a minute of virtual time each.
    Slow {
        /// The block.
        lba: u64,
    },
}

/// What a fault may be drawn for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Blocks the drive presents, at least 1.
    pub capacity: u64,
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Blocks of the longest transfer.
    pub transfer_blocks: u64,
}

/// Errnos of the kernel's table of block errors that concern single blocks (`EIO`, `ENODATA`, `ETIMEDOUT`,
/// `ENOLINK`, `EREMOTEIO`, `EILSEQ`); the first two as often as all others.
const BLOCK_ERRNOS: [i32; 8] = [
    libc::EIO,
    libc::EIO,
    libc::ENODATA,
    libc::ENODATA,
    libc::ETIMEDOUT,
    libc::ENOLINK,
    libc::EREMOTEIO,
    libc::EILSEQ,
];

/// Longest outage: five rests of 1, 2, 4, 8 and 16 seconds are longer.
const OUTAGE_MS_MAX: u64 = 25_000;

impl Place {
    /// A block: first, last and the beginning of the tail as often as all others.
    fn lba(&self, dice: &mut Dice) -> u64 {
        match dice.below(6) {
            0 => 0,
            1 => self.capacity - 1,
            2 => (self.capacity - 1) / self.transfer_blocks * self.transfer_blocks,
            _ => dice.below(self.capacity),
        }
    }

    /// Number of a transfer in a job of one to three passes and a read-back.
    fn transfer(&self, dice: &mut Dice) -> u64 {
        dice.below(self.capacity.div_ceil(self.transfer_blocks) * 2)
    }
}

fn times(dice: &mut Dice) -> Times {
    if dice.chance(1, 2) { Times::Once } else { Times::Always }
}

fn errno(dice: &mut Dice) -> i32 {
    BLOCK_ERRNOS[dice.index(BLOCK_ERRNOS.len())]
}

/// A fault of this kind at a place of the dice's choosing, or `None` where the drive is too small for it.
pub(super) fn draw(name: FaultName, place: &Place, dice: &mut Dice) -> Option<SimFault> {
    let lba = place.lba(dice);
    let other = dice.below(place.capacity);
    let tries = u32::try_from(dice.between(1, 3)).unwrap_or(1);
    let several = place.capacity > 1;
    Some(match name {
        FaultName::WriteErrorHard => SimFault::WriteErrorHard { lba, errno: errno(dice) },
        FaultName::WriteErrorClearing => SimFault::WriteErrorClearing { lba, errno: errno(dice), tries },
        FaultName::ReadErrorHard => SimFault::ReadErrorHard { lba, errno: errno(dice) },
        FaultName::ReadErrorClearing => SimFault::ReadErrorClearing { lba, errno: errno(dice), tries },
        FaultName::WriteDropped => SimFault::WriteDropped { lba, times: times(dice) },
        FaultName::WriteMisdirected if other != lba => {
            SimFault::WriteMisdirected { lba, to: other, times: times(dice) }
        }
        FaultName::WriteTorn => SimFault::WriteTorn { lba, kept: dice.below(place.block_bytes / 512) * 512 },
        FaultName::WriteShort => SimFault::WriteShort { lba, times: times(dice) },
        FaultName::MergedError if several => SimFault::MergedError { lba },
        FaultName::MergedSuccess if several => SimFault::MergedSuccess { lba },
        FaultName::Remapped => SimFault::Remapped { lba },
        FaultName::ReadStale => SimFault::ReadStale { lba, times: times(dice) },
        FaultName::ReadFlip => SimFault::ReadFlip { lba, bit: dice.bits(), times: times(dice) },
        FaultName::ReadMisdirected if other != lba => {
            SimFault::ReadMisdirected { lba, from: other, times: times(dice) }
        }
        FaultName::ReadTooLong => SimFault::ReadTooLong { blocks: dice.between(1, place.transfer_blocks) },
        FaultName::CellRot => SimFault::CellRot { lba, bit: dice.bits() },
        FaultName::FlushFails => SimFault::FlushFails,
        FaultName::FlushLies => SimFault::FlushLies,
        FaultName::CacheLost => SimFault::CacheLost { transfer: place.transfer(dice) },
        FaultName::Counterfeit if several => {
            SimFault::Counterfeit { cells: dice.between(1, place.capacity - 1) }
        }
        FaultName::Gone => SimFault::Gone { transfer: place.transfer(dice), manner: manner(dice) },
        FaultName::Mute => SimFault::Mute { transfer: place.transfer(dice), errno: errno(dice) },
        FaultName::Shrinks if several => {
            SimFault::Shrinks { transfer: place.transfer(dice), blocks: dice.between(1, place.capacity - 1) }
        }
        FaultName::ReplacedBeforeOpening => SimFault::ReplacedBeforeOpening,
        FaultName::ReplacedInUse => SimFault::ReplacedInUse { transfer: place.transfer(dice) },
        FaultName::Slow => SimFault::Slow { lba },
        FaultName::Returns => SimFault::Returns {
            transfer: place.transfer(dice),
            manner: manner(dice),
            asks: dice.between(1, 4),
        },
        FaultName::Outage => SimFault::Outage {
            transfer: place.transfer(dice),
            millis: dice.between(1, OUTAGE_MS_MAX),
            errno: if dice.chance(1, 2) { libc::ETIMEDOUT } else { libc::ENOLINK },
        },
        FaultName::Refuses => SimFault::Refuses {
            transfer: place.transfer(dice),
            errno: if dice.chance(1, 2) { libc::EBADE } else { libc::EROFS },
        },
        FaultName::BadRegion => {
            let blocks = dice.between(1, place.capacity.div_ceil(2));
            SimFault::BadRegion { first: dice.below(place.capacity - blocks + 1), blocks, errno: errno(dice) }
        }
        FaultName::HiddenArea => SimFault::HiddenArea { cells: dice.between(1, 16) },
        FaultName::WriteMisdirected
        | FaultName::MergedError
        | FaultName::MergedSuccess
        | FaultName::ReadMisdirected
        | FaultName::Counterfeit
        | FaultName::Shrinks => return None,
    })
}

fn manner(dice: &mut Dice) -> GoneManner {
    match dice.below(3) {
        0 => GoneManner::Eio,
        1 => GoneManner::Enodev,
        _ => GoneManner::NoBytes,
    }
}

/// A menu for one drive, swarm style: the dice decide first which kinds exist at all. One drive in ten has no
/// fault, most have one, few have many.
pub(super) fn draw_menu(place: &Place, dice: &mut Dice) -> Vec<SimFault> {
    let kinds = match dice.below(20) {
        0 | 1 => 0,
        2..=11 => 1,
        12..=15 => 2,
        16..=18 => dice.between(3, 4),
        _ => dice.between(5, 8),
    };
    let mut menu = Vec::new();
    for _ in 0..kinds {
        let name = FaultName::ALL[dice.index(FaultName::ALL.len())];
        let places = dice.between(1, 2);
        if menu.iter().any(|held: &SimFault| held.name() == name) {
            continue;
        }
        for _ in 0..places {
            menu.extend(draw(name, place, dice));
            // A drive leaves, shrinks, is replaced or is counterfeit in one way only.
            if !happens_in_places(name) {
                break;
            }
        }
    }
    menu
}

const fn happens_in_places(name: FaultName) -> bool {
    match name {
        FaultName::WriteErrorHard
        | FaultName::WriteErrorClearing
        | FaultName::ReadErrorHard
        | FaultName::ReadErrorClearing
        | FaultName::WriteDropped
        | FaultName::WriteMisdirected
        | FaultName::WriteTorn
        | FaultName::WriteShort
        | FaultName::MergedError
        | FaultName::MergedSuccess
        | FaultName::Remapped
        | FaultName::ReadStale
        | FaultName::ReadFlip
        | FaultName::ReadMisdirected
        | FaultName::CellRot
        | FaultName::CacheLost
        | FaultName::BadRegion
        | FaultName::Slow => true,
        FaultName::ReadTooLong
        | FaultName::FlushFails
        | FaultName::FlushLies
        | FaultName::Counterfeit
        | FaultName::Gone
        | FaultName::Mute
        | FaultName::Shrinks
        | FaultName::ReplacedBeforeOpening
        | FaultName::ReplacedInUse
        | FaultName::Returns
        | FaultName::Outage
        | FaultName::Refuses
        | FaultName::HiddenArea => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_drawn_and_is_of_its_kind() {
        let place = Place { capacity: 100, block_bytes: 4096, transfer_blocks: 8 };
        for name in FaultName::ALL {
            // A misdirected transfer needs two different blocks, which one draw in a hundred does not give.
            let drawn = (0..8).find_map(|seed| draw(*name, &place, &mut Dice::new(seed)));
            assert_eq!(drawn.map(|fault| fault.name()), Some(*name));
        }
    }

    #[test]
    fn a_drive_of_one_block_gets_no_fault_that_needs_two() {
        let place = Place { capacity: 1, block_bytes: 512, transfer_blocks: 8 };
        for name in [
            FaultName::WriteMisdirected,
            FaultName::ReadMisdirected,
            FaultName::MergedError,
            FaultName::MergedSuccess,
            FaultName::Counterfeit,
            FaultName::Shrinks,
        ] {
            assert_eq!(draw(name, &place, &mut Dice::new(1)), None);
        }
    }

    #[test]
    fn menus_differ_in_which_kinds_exist_and_some_are_empty() {
        let place = Place { capacity: 100, block_bytes: 512, transfer_blocks: 8 };
        let menus: Vec<_> = (0..2000).map(|seed| draw_menu(&place, &mut Dice::new(seed))).collect();
        let empty = menus.iter().filter(|menu| menu.is_empty()).count();
        assert!((100..400).contains(&empty), "{empty} of 2000 menus are empty");
        for name in FaultName::ALL {
            let with = menus.iter().filter(|menu| menu.iter().any(|fault| fault.name() == *name)).count();
            assert!((30..1000).contains(&with), "{name:?} is on {with} of 2000 menus");
        }
        assert_eq!(menus[7], draw_menu(&place, &mut Dice::new(7)), "a seed gives one menu");
    }
}
