//! The Security feature set: commands, password blocks and the times of words 89 and 90.
//!
//! Sources: hdparm and openSeaChest, second-hand in the project's facts (standards.md 6.2, firmware-purge.md 2.2).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::EraseMode;
use super::sat::{AtaCommand, Protocol, SECTOR_BYTES};

/// The user password that Expunge sets before it erases: the seven letters `expunge`, padded with zero bytes to 32.
///
/// It protects nothing: the drive is about to be erased. It is always the same and written here and in the manual,
/// so that a drive that was left locked by a power cut can be unlocked by anybody with any tool, for example with
/// `hdparm --security-unlock expunge`.
pub const PASSWORD: [u8; PASSWORD_BYTES] = padded(b"expunge");

/// Bytes of a password.
pub const PASSWORD_BYTES: usize = 32;

const fn padded(text: &[u8; 7]) -> [u8; PASSWORD_BYTES] {
    let mut password = [0; PASSWORD_BYTES];
    let mut index = 0;
    while index < text.len() {
        password[index] = text[index];
        index += 1;
    }
    password
}

const fn with_block(command: u8) -> AtaCommand {
    let mut command = AtaCommand::non_data(command);
    command.count = 1;
    command.protocol = Protocol::PioOut;
    command
}

/// SECURITY SET PASSWORD: [`set_password_block`] goes with it.
pub const SET_PASSWORD: AtaCommand = with_block(0xf1);
/// SECURITY UNLOCK: [`password_block`] goes with it.
pub const UNLOCK: AtaCommand = with_block(0xf2);
/// SECURITY ERASE PREPARE: must come immediately before ERASE UNIT.
pub const ERASE_PREPARE: AtaCommand = AtaCommand::non_data(0xf3);
/// SECURITY ERASE UNIT: [`erase_block`] goes with it.
pub const ERASE_UNIT: AtaCommand = with_block(0xf4);
/// SECURITY FREEZE LOCK. Expunge does not send it; it is here for tests.
pub const FREEZE_LOCK: AtaCommand = AtaCommand::non_data(0xf5);
/// SECURITY DISABLE PASSWORD: [`password_block`] goes with it.
pub const DISABLE_PASSWORD: AtaCommand = with_block(0xf6);

/// What goes with UNLOCK and DISABLE PASSWORD: the user password.
pub fn password_block() -> [u8; SECTOR_BYTES] {
    let mut block = [0; SECTOR_BYTES];
    // Byte 0 bit 0 clear: user.
    block[2..2 + PASSWORD_BYTES].copy_from_slice(&PASSWORD);
    block
}

/// What goes with SET PASSWORD: the user password with security level high (byte 1 bit 0 clear), so that a master
/// password can unlock the drive too.
pub fn set_password_block() -> [u8; SECTOR_BYTES] {
    password_block()
}

/// What goes with ERASE UNIT: the user password and the mode (byte 0 bit 1).
pub fn erase_block(mode: EraseMode) -> [u8; SECTOR_BYTES] {
    let mut block = password_block();
    block[0] = match mode {
        EraseMode::Normal => 0x00,
        EraseMode::Enhanced => 0x02,
    };
    block
}

/// How long the drive says that an erase takes (words 89 and 90).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EraseTime {
    /// Not told.
    NotTold,
    /// About so many minutes.
    Minutes {
        /// Minutes.
        minutes: u32,
    },
    /// More than that.
    MoreThan {
        /// Minutes.
        minutes: u32,
    },
}

/// Wait for an erase whose time is not told, or told as more than can be said.
const LONG_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

impl EraseTime {
    /// From word 89 (normal) or 90 (enhanced): units of two minutes, in 15 bits when bit 15 is set, else in 8.
    pub fn decode(word: u16) -> Self {
        let (units, most) =
            if word & 0x8000 == 0 { (word & 0x00ff, 0x00ff) } else { (word & 0x7fff, 0x7fff) };
        match units {
            0 => Self::NotTold,
            units if units == most => Self::MoreThan { minutes: 2 * u32::from(units) - 2 },
            units => Self::Minutes { minutes: 2 * u32::from(units) },
        }
    }

    /// How long the drive says that it takes; `None` when it does not.
    pub fn told(self) -> Option<Duration> {
        match self {
            Self::NotTold => None,
            Self::Minutes { minutes } | Self::MoreThan { minutes } => {
                Some(Duration::from_secs(60 * u64::from(minutes)))
            }
        }
    }

    /// How long to wait for ERASE UNIT: twice what was told and an hour; a day at least when it was not told, or told
    /// as "more than". A wait that ends too early makes the kernel reset the link in the middle of an erase.
    pub fn wait(self) -> Duration {
        let twice = |minutes: u32| Duration::from_secs(60 * (2 * u64::from(minutes) + 60));
        match self {
            Self::NotTold => LONG_WAIT,
            Self::Minutes { minutes } => twice(minutes),
            Self::MoreThan { minutes } => twice(minutes).max(LONG_WAIT),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn command_blocks_are_those_of_the_facts() {
        // standards.md 6.2 (codes) and 6.4 (a 512-byte PIO-out: [1] = 0Ah, [2] = 06h, COUNT = 1).
        for (command, code) in
            [(SET_PASSWORD, 0xf1), (UNLOCK, 0xf2), (ERASE_UNIT, 0xf4), (DISABLE_PASSWORD, 0xf6)]
        {
            assert_eq!(command.block(), [0x85, 0x0a, 0x06, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, code, 0]);
        }
        for (command, code) in [(ERASE_PREPARE, 0xf3), (FREEZE_LOCK, 0xf5)] {
            assert_eq!(command.block(), [0x85, 0x06, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, code, 0]);
        }
    }

    #[test]
    fn password_blocks_hold_the_documented_password_and_nothing_else() {
        let mut expected = vec![0; 512];
        expected[2..9].copy_from_slice(b"expunge");
        assert_eq!(password_block().to_vec(), expected);
        assert_eq!(set_password_block().to_vec(), expected);
        assert_eq!(erase_block(EraseMode::Normal).to_vec(), expected);
        expected[0] = 0b10;
        assert_eq!(erase_block(EraseMode::Enhanced).to_vec(), expected);
    }

    #[test]
    fn erase_times_have_two_forms_and_an_end() {
        // standards.md 6.1, words 89 and 90.
        let cases = [
            (0x0000, EraseTime::NotTold),
            (0x8000, EraseTime::NotTold),
            (0x0001, EraseTime::Minutes { minutes: 2 }),
            (0x00fe, EraseTime::Minutes { minutes: 508 }),
            (0x00ff, EraseTime::MoreThan { minutes: 508 }),
            (0x80ff, EraseTime::Minutes { minutes: 510 }),
            (0x8001, EraseTime::Minutes { minutes: 2 }),
            (0xfffe, EraseTime::Minutes { minutes: 65_532 }),
            (0xffff, EraseTime::MoreThan { minutes: 65_532 }),
        ];
        for (word, time) in cases {
            assert_eq!(EraseTime::decode(word), time, "{word:04x}");
        }
    }

    #[test]
    fn the_wait_is_twice_the_time_and_an_hour_and_a_day_when_nobody_knows() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!(EraseTime::Minutes { minutes: 60 }.wait(), hours(3));
        assert_eq!(EraseTime::Minutes { minutes: 2 }.wait(), Duration::from_secs(64 * 60));
        assert_eq!(EraseTime::NotTold.wait(), hours(24));
        assert_eq!(EraseTime::MoreThan { minutes: 508 }.wait(), hours(24));
        assert!(EraseTime::MoreThan { minutes: 65_532 }.wait() > hours(24 * 90));
    }
}
