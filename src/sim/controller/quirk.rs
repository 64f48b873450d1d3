//! The menu of ways in which a drive misbehaves when it sanitizes itself. Each was seen on a drive, or is the reason
//! for a rule of the engine (firmware-purge facts, 2 and 4.3). Progress is in parts of 65,536.
use serde::Serialize;

use crate::sim::dice::Dice;

/// How a failed sanitize can be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureMode {
    /// Only by a sanitize that succeeds.
    Restricted,
    /// Also by a command that leaves the failure.
    Unrestricted,
}

/// How a drive is when its power is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// As it was.
    Same,
    /// ATA: frozen by the firmware of the host, security and sanitize.
    Frozen,
    /// ATA: locked, by the password that was set, or by one that nobody knows.
    Locked,
}

/// What an end was told to be before anything was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// An earlier sanitize succeeded.
    Success,
    /// An earlier sanitize failed.
    Failure(FailureMode),
}

macro_rules! quirks {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })?,)*) => {
        /// One thing that is wrong with a drive.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Quirk {
            $($(#[$doc])* $name $({ $($(#[$field_doc])* $field: $type),* })?,)*
        }

        /// The kinds of quirks, for tables.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum QuirkName {
            $($(#[$doc])* $name,)*
        }

        impl QuirkName {
            /// Every kind, in the order of the menu.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }

        impl Quirk {
            /// Its kind.
            pub const fn name(&self) -> QuirkName {
                match self { $(Self::$name { .. } => QuirkName::$name,)* }
            }
        }
    };
}

quirks! {
    /// The progress that it tells stays here, while the operation goes on to its end.
    ProgressFreezes {
        /// The progress.
        at: u16,
    },
    /// The progress that it tells jumps.
    ProgressJumps {
        /// From here.
        at: u16,
        /// To here, at once.
        to: u16,
    },
    /// It tells 65,535 from the beginning, and is still running.
    ProgressFullWhileRunning,
    /// The progress that it tells falls to half when it has come this far.
    ProgressStepsBack {
        /// The progress.
        at: u16,
    },
    /// The operation never ends, and its progress stays here.
    NeverEnds {
        /// The progress.
        at: u16,
    },
    /// What it was told to do is done at once: it is never seen in progress.
    NeverShown,
    /// It says done and erased nothing.
    ErasesNothing,
    /// It says done and only forgot its map: addresses read zeros, the cells keep their data.
    UnmapsOnly,
    /// It says done and left the last block that it presents.
    SkipsLastBlock,
    /// It says done and left one namespace.
    SkipsNamespace {
        /// Its identifier.
        nsid: u32,
    },
    /// It says done and left what lies behind the end that it presents (HPA, DCO).
    SkipsHidden,
    /// It says done and left the cells that no address leads to.
    SkipsSpare,
    /// After a cryptographic erase it forgets its map too, so that addresses read zeros and not noise.
    ZerosAfterCrypto,
    /// Blocks cannot be read after block or cryptographic erase until they are written (SCSI 11h/15h, NVMe 2/87h).
    WriteRequiredAfter,
    /// The operation fails at this progress.
    Fails {
        /// The progress.
        at: u16,
        /// How many operations in a row fail.
        times: u32,
    },
    /// The operation reaches its end and fails: retired cells could not be erased (ATA reason 1).
    PhysicalSectorsRemain,
    /// An earlier sanitize left its end in the status.
    StaleEnd {
        /// Which.
        end: Stale,
    },
    /// A sanitize that somebody else started is running already.
    ForeignRunning,
    /// A loss of power ends the operation as failed, where it should go on.
    NoResume,
    /// The drive leaves when the operation has come this far, goes on, and is back later under a new node.
    NodeDrops {
        /// The progress.
        at: u16,
        /// Virtual milliseconds until it is back.
        back_ms: u64,
    },
    /// The power fails when the operation has come this far.
    PowerFails {
        /// The progress.
        at: u16,
        /// Virtual milliseconds until it is back.
        back_ms: u64,
        /// How the drive is then.
        returns: Return,
    },
    /// The firmware of the host freezes the drive at every power-on (ATA security and sanitize).
    FrozenByFirmware,
    /// Locked with a password that nobody knows (ATA security), or by its TPer: no access (NVMe, SCSI).
    LockedUnknown,
    /// The attempts at its password are used up until it is switched off.
    CountExpired,
    /// Result registers come back as zeros.
    ZeroRegisters,
    /// Sense data is in fixed format.
    FixedSense,
    /// A bridge that answers GOOD without sense where result registers were asked for.
    NoRegisters,
    /// A firmware activation is pending: sanitize and format are refused.
    FirmwarePending,
    /// The medium, or every namespace, is write-protected.
    WriteProtected,
    /// The persistent memory region is enabled: sanitize is prohibited.
    MemoryRegionEnabled,
    /// Another host holds a reservation.
    ReservedByOther,
    /// A unit attention is reported before this command is carried out, and then each so many commands.
    UnitAttention {
        /// Number of the command, from 0.
        first: u32,
        /// Commands between two of them, at least 2.
        every: u32,
    },
    /// The admin command that starts an operation takes so long.
    SlowAdmin {
        /// Virtual milliseconds.
        millis: u64,
    },
    /// Format says GOOD at once and does nothing.
    FormatDoesNothing,
    /// Global Data Erased is never set.
    NeverGlobalErased,
    /// Global Data Erased is set before anything was done.
    GlobalErasedBefore,
    /// Sanitize takes any namespace identifier.
    AnyNamespaceTaken,
    /// Security Erase says GOOD although the password that was set stays (enabled and locked at the next power-on).
    SecurityStays,
    /// A host command (a monitoring program) comes in between any two commands.
    Interloper,
}

/// Virtual milliseconds that a drawn drive is away at most.
const AWAY_MS_MAX: u64 = 90_000;

/// A quirk of this kind with data of the dice's choosing.
pub fn draw(name: QuirkName, dice: &mut Dice) -> Quirk {
    let at = super::bytes::low16(dice.between(1, 65_000));
    let back_ms = dice.between(1, AWAY_MS_MAX);
    match name {
        QuirkName::ProgressFreezes => Quirk::ProgressFreezes { at },
        QuirkName::ProgressJumps => Quirk::ProgressJumps { at, to: at.saturating_add(20_000) },
        QuirkName::ProgressFullWhileRunning => Quirk::ProgressFullWhileRunning,
        QuirkName::ProgressStepsBack => Quirk::ProgressStepsBack { at },
        QuirkName::NeverEnds => Quirk::NeverEnds { at },
        QuirkName::NeverShown => Quirk::NeverShown,
        QuirkName::ErasesNothing => Quirk::ErasesNothing,
        QuirkName::UnmapsOnly => Quirk::UnmapsOnly,
        QuirkName::SkipsLastBlock => Quirk::SkipsLastBlock,
        QuirkName::SkipsNamespace => Quirk::SkipsNamespace { nsid: if dice.chance(1, 2) { 1 } else { 2 } },
        QuirkName::SkipsHidden => Quirk::SkipsHidden,
        QuirkName::SkipsSpare => Quirk::SkipsSpare,
        QuirkName::ZerosAfterCrypto => Quirk::ZerosAfterCrypto,
        QuirkName::WriteRequiredAfter => Quirk::WriteRequiredAfter,
        QuirkName::Fails => Quirk::Fails { at, times: if dice.chance(1, 2) { 1 } else { u32::MAX } },
        QuirkName::PhysicalSectorsRemain => Quirk::PhysicalSectorsRemain,
        QuirkName::StaleEnd => Quirk::StaleEnd { end: stale(dice) },
        QuirkName::ForeignRunning => Quirk::ForeignRunning,
        QuirkName::NoResume => Quirk::NoResume,
        QuirkName::NodeDrops => Quirk::NodeDrops { at, back_ms },
        QuirkName::PowerFails => Quirk::PowerFails { at, back_ms, returns: returns(dice) },
        QuirkName::FrozenByFirmware => Quirk::FrozenByFirmware,
        QuirkName::LockedUnknown => Quirk::LockedUnknown,
        QuirkName::CountExpired => Quirk::CountExpired,
        QuirkName::ZeroRegisters => Quirk::ZeroRegisters,
        QuirkName::FixedSense => Quirk::FixedSense,
        QuirkName::NoRegisters => Quirk::NoRegisters,
        QuirkName::FirmwarePending => Quirk::FirmwarePending,
        QuirkName::WriteProtected => Quirk::WriteProtected,
        QuirkName::MemoryRegionEnabled => Quirk::MemoryRegionEnabled,
        QuirkName::ReservedByOther => Quirk::ReservedByOther,
        QuirkName::UnitAttention => Quirk::UnitAttention {
            first: super::bytes::low32(dice.below(30)),
            every: super::bytes::low32(dice.between(2, 60)),
        },
        QuirkName::SlowAdmin => Quirk::SlowAdmin { millis: dice.between(1, 300_000) },
        QuirkName::FormatDoesNothing => Quirk::FormatDoesNothing,
        QuirkName::NeverGlobalErased => Quirk::NeverGlobalErased,
        QuirkName::GlobalErasedBefore => Quirk::GlobalErasedBefore,
        QuirkName::AnyNamespaceTaken => Quirk::AnyNamespaceTaken,
        QuirkName::SecurityStays => Quirk::SecurityStays,
        QuirkName::Interloper => Quirk::Interloper,
    }
}

fn stale(dice: &mut Dice) -> Stale {
    match dice.below(3) {
        0 => Stale::Success,
        1 => Stale::Failure(FailureMode::Restricted),
        _ => Stale::Failure(FailureMode::Unrestricted),
    }
}

fn returns(dice: &mut Dice) -> Return {
    match dice.below(3) {
        0 => Return::Same,
        1 => Return::Frozen,
        _ => Return::Locked,
    }
}

/// A menu for one drive: the dice decide which kinds exist at all. One drive in five is honest, most have one quirk,
/// few have several.
pub fn draw_menu(dice: &mut Dice) -> Vec<Quirk> {
    let kinds = match dice.below(10) {
        0 | 1 => 0,
        2..=6 => 1,
        7 | 8 => 2,
        _ => dice.between(3, 5),
    };
    let mut menu: Vec<Quirk> = Vec::new();
    for _ in 0..kinds {
        let name = QuirkName::ALL[dice.index(QuirkName::ALL.len())];
        if menu.iter().all(|held| held.name() != name) {
            menu.push(draw(name, dice));
        }
    }
    menu
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_drawn_as_itself_and_comes_up() {
        let mut dice = Dice::new(5);
        for name in QuirkName::ALL {
            assert_eq!(draw(*name, &mut dice).name(), *name);
        }
        let drives: Vec<_> = (0..2000).map(|seed| draw_menu(&mut Dice::new(seed))).collect();
        assert!(drives.iter().filter(|menu| menu.is_empty()).count() > 200);
        for name in QuirkName::ALL {
            let times = drives.iter().flatten().filter(|quirk| quirk.name() == *name).count();
            assert!(times > 5, "{name:?}: {times}");
        }
    }
}
