//! An ATA drive behind a SCSI/ATA translation layer: ATA PASS-THROUGH (16) and (12), and the drive's own commands.
//!
//! Layouts are those of firmware-purge 2.1, 2.2, 3.1 and standards 6.1 to 6.5; what stands in neither is from memory.
mod areas;
mod identify;
mod logs;
mod password;
mod sanitize;
#[cfg(test)]
mod tests;
mod translate;

use self::areas::Areas;
use self::password::Passwords;
use super::core::{Core, Ending};
use super::quirk::{Quirk, QuirkName, Return, Stale};
use super::scsi::sense::Registers;
use super::scsi::state::Unit;
use super::scsi::{Personality, ScsiSpec};

/// Which kinds of Security Erase there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erase {
    /// No Security feature set.
    None,
    /// Normal only.
    Normal,
    /// Normal and enhanced.
    Enhanced,
}

/// What an ATA drive can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtaTraits {
    /// Word 59: bit 15 block erase, 14 overwrite, 13 crypto scramble, 12 sanitize, 10 anti-freeze.
    pub word_59: u16,
    /// Whether an overwrite can be told to end on its pattern.
    pub definitive_ending: bool,
    /// Whether a restricted sanitize is taken although the drive is locked.
    pub overrides_security: bool,
    /// Whether all user data is encrypted.
    pub encrypts_all: bool,
    /// Security Erase.
    pub security: Erase,
    /// Words 89 and 90: times of normal and enhanced erase.
    pub times: [u16; 2],
    /// Medium rotation rate: 1 for none.
    pub rotation: u16,
    /// Whether there is a host protected area.
    pub hpa: bool,
    /// Whether there is a device configuration overlay.
    pub dco: bool,
    /// Whether there is an accessible maximum address.
    pub ama: bool,
    /// Whether its translation layer keeps the registers of the last command in a log page (16h).
    pub results_log: bool,
    /// Whether SANITIZE DEVICE is told of and aborted as no command.
    pub sanitize_is_told_only: bool,
    /// Blocks that a host protected area leaves; `None`: all.
    pub presented: Option<u64>,
    /// Blocks that a device configuration overlay leaves; `None`: all.
    pub native: Option<u64>,
}

impl AtaTraits {
    /// A solid state drive with block erase, crypto scramble and enhanced security erase.
    pub const fn solid() -> Self {
        Self {
            word_59: 0xB000,
            definitive_ending: false,
            overrides_security: false,
            encrypts_all: true,
            security: Erase::Enhanced,
            times: [1, 1],
            rotation: 1,
            hpa: false,
            dco: false,
            ama: true,
            results_log: false,
            sanitize_is_told_only: false,
            presented: None,
            native: None,
        }
    }

    /// A magnetic drive with overwrite, security erase, host protected area and configuration overlay.
    pub const fn magnetic() -> Self {
        Self {
            word_59: 0x5000,
            definitive_ending: true,
            overrides_security: false,
            encrypts_all: false,
            security: Erase::Enhanced,
            times: [60, 60],
            rotation: 7200,
            hpa: true,
            dco: true,
            ama: false,
            results_log: false,
            sanitize_is_told_only: false,
            presented: None,
            native: None,
        }
    }
}

/// What the drive takes only right after another command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Other,
    Prepare,
    NativeRead,
}

/// The state of an ATA drive; without meaning for a SCSI one.
#[derive(Clone, Debug)]
pub(super) struct AtaState {
    /// The last sanitize completed without error; kept.
    completed: bool,
    /// A sanitize was frozen, until the next power-on.
    frozen: bool,
    antifreeze: bool,
    /// Why the last sanitize failed.
    reason: u8,
    passwords: Passwords,
    areas: Areas,
    after: After,
    /// Registers of the last command, in the log of the translation layer.
    pub(super) results: Option<Registers>,
}

impl AtaState {
    pub(super) fn new(spec: &ScsiSpec, core: &mut Core) -> Self {
        let traits = if let Personality::Ata(traits) = &spec.personality { Some(traits) } else { None };
        let areas = Areas::new(traits, spec.shape.blocks);
        core.presented = areas.presented;
        let stale = core.quirk(QuirkName::StaleEnd);
        let by_firmware = core.has(QuirkName::FrozenByFirmware);
        Self {
            completed: matches!(stale, Some(Quirk::StaleEnd { end: Stale::Success })),
            frozen: by_firmware,
            antifreeze: false,
            reason: 0,
            passwords: Passwords::new(core),
            areas,
            after: After::Other,
            results: None,
        }
    }

    /// Something came in between two commands that belong together.
    pub(super) const fn interrupt(&mut self) {
        self.after = After::Other;
    }

    /// Whether the medium is locked.
    pub(super) const fn is_locked(&self) -> bool {
        self.passwords.locked
    }

    /// A sanitize came to its end.
    pub(super) const fn sanitize_ended(&mut self, ending: Ending) {
        self.completed = matches!(ending, Ending::Succeeded);
    }
}

impl Unit {
    pub(super) fn ata_power_on(&mut self, returns: Return) {
        let frozen = self.core.has(QuirkName::FrozenByFirmware) || returns == Return::Frozen;
        self.ata.after = After::Other;
        self.ata.antifreeze = false;
        self.ata.frozen = frozen;
        self.ata.passwords.power_on(returns);
        self.ata.passwords.frozen = frozen;
        self.ata.areas.power_on();
        self.core.presented = self.ata.areas.presented;
    }

    fn traits(&self) -> Option<&AtaTraits> {
        if let Personality::Ata(traits) = &self.spec.personality { Some(traits) } else { None }
    }
}
