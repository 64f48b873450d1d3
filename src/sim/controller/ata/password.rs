//! The Security feature set (F1h to F6h).
use super::translate::{Abort, Reply, Taskfile};
use super::{After, Erase};
use crate::sim::controller::bytes::{array, byte, le16};
use crate::sim::controller::core::{Core, Ending};
use crate::sim::controller::job::{Job, Mapping, Reach, Work};
use crate::sim::controller::media::Fill;
use crate::sim::controller::quirk::{FailureMode, QuirkName, Return};
use crate::sim::controller::scsi::sanitize::Answered;
use crate::sim::controller::scsi::state::Unit;

const SET_PASSWORD: u8 = 0xF1;
const UNLOCK: u8 = 0xF2;
const ERASE_PREPARE: u8 = 0xF3;
const ERASE_UNIT: u8 = 0xF4;
const FREEZE_LOCK: u8 = 0xF5;
const DISABLE_PASSWORD: u8 = 0xF6;

/// Wrong passwords until the next power-on.
const ATTEMPTS: u8 = 5;

/// Passwords and locks of a drive.
#[derive(Clone, Debug)]
pub(super) struct Passwords {
    pub(super) enabled: bool,
    pub(super) locked: bool,
    pub(super) frozen: bool,
    pub(super) expired: bool,
    /// Master password capability: maximum.
    pub(super) maximum: bool,
    pub(super) master_id: u16,
    attempts: u8,
    user: [u8; 32],
    master: [u8; 32],
}

impl Passwords {
    pub(super) fn new(core: &Core) -> Self {
        let mut passwords = Self {
            enabled: false,
            locked: false,
            frozen: core.has(QuirkName::FrozenByFirmware),
            expired: core.has(QuirkName::CountExpired),
            maximum: false,
            master_id: 0xFFFE,
            attempts: 0,
            user: [0; 32],
            master: *b"MASTER PASSWORD OF THE FACTORY  ",
        };
        if core.has(QuirkName::LockedUnknown) {
            passwords.lock_unknown();
        }
        passwords
    }

    fn lock_unknown(&mut self) {
        self.enabled = true;
        self.locked = true;
        self.maximum = true;
        self.user = *b"A PASSWORD THAT NOBODY KNOWS    ";
    }

    pub(super) fn power_on(&mut self, returns: Return) {
        self.locked = self.enabled;
        self.expired = false;
        self.attempts = 0;
        if returns == Return::Locked && !self.enabled {
            self.lock_unknown();
        }
    }

    pub(super) const fn disable(&mut self) {
        self.enabled = false;
        self.locked = false;
    }

    /// Whether a password of a data block is right; a wrong one counts while the drive is locked.
    fn compare(&mut self, block: &[u8], masters: Masters) -> Result<(), Abort> {
        let given: [u8; 32] = array(block, 2);
        let is_master = byte(block, 0) & 1 != 0;
        let right = if is_master {
            given == self.master && (masters == Masters::Always || !self.maximum)
        } else {
            given == self.user && self.enabled
        };
        if right {
            return Ok(());
        }
        if self.locked {
            self.attempts += 1;
            self.expired = self.expired || self.attempts >= ATTEMPTS;
        }
        Err(Abort::PLAIN)
    }
}

/// When the master password is good for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Masters {
    Always,
    WhenHigh,
}

impl Unit {
    pub(super) fn password_command(
        &mut self,
        task: &Taskfile,
        block: &[u8],
        after: After,
    ) -> Result<Reply, Abort> {
        let security = self.traits().map_or(Erase::None, |traits| traits.security);
        let short = matches!(task.command, SET_PASSWORD | UNLOCK | ERASE_UNIT | DISABLE_PASSWORD)
            && block.len() != 512;
        let passwords = &mut self.ata.passwords;
        if security == Erase::None || short {
            return Err(Abort::PLAIN);
        }
        if passwords.frozen && task.command != FREEZE_LOCK {
            return Err(Abort::PLAIN);
        }
        match task.command {
            SET_PASSWORD if !passwords.locked => passwords.set(block),
            UNLOCK if !passwords.expired => {
                passwords.compare(block, Masters::WhenHigh)?;
                passwords.locked = false;
            }
            ERASE_PREPARE => self.ata.after = After::Prepare,
            ERASE_UNIT if after == After::Prepare && !passwords.expired => {
                let enhanced = byte(block, 0) & 2 != 0;
                if enhanced && security != Erase::Enhanced {
                    return Err(Abort::PLAIN);
                }
                passwords.compare(block, Masters::Always)?;
                self.start_security_erase(if enhanced { Mode::Enhanced } else { Mode::Normal });
            }
            FREEZE_LOCK if !passwords.locked => passwords.frozen = true,
            DISABLE_PASSWORD if !passwords.locked => {
                passwords.compare(block, Masters::WhenHigh)?;
                passwords.disable();
            }
            _ => return Err(Abort::PLAIN),
        }
        Ok(Reply::default())
    }

    /// Normal erase reaches what addresses up to the native end lead to, enhanced erase every cell.
    fn start_security_erase(&mut self, mode: Mode) {
        let reach = match mode {
            Mode::Normal => Reach::Slots(vec![0..self.ata.areas.native]),
            Mode::Enhanced => Reach::Everything,
        };
        let job = Job {
            work: Work::SecurityErase,
            reach,
            passes: vec![Fill::Pattern([0; 4])],
            mapping: Mapping::Keep,
            duration_ms: self.core.shape.erase_ms,
            failure: FailureMode::Unrestricted,
        };
        self.start_and_answer(job, Answered::Ended);
    }

    pub(in crate::sim::controller) fn security_erase_ended(&mut self, ending: Ending) {
        if ending == Ending::Succeeded && !self.core.has(QuirkName::SecurityStays) {
            self.ata.passwords.disable();
        }
    }
}

impl Passwords {
    fn set(&mut self, block: &[u8]) {
        let password = array(block, 2);
        if byte(block, 0) & 1 != 0 {
            self.master = password;
            self.master_id = le16(block, 34);
        } else {
            self.user = password;
            self.enabled = true;
            self.maximum = byte(block, 1) & 1 != 0;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Normal,
    Enhanced,
}
