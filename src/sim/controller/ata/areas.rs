//! Where a drive ends: host protected area, device configuration overlay, accessible maximum address.
use super::translate::{Abort, Reply, Taskfile};
use super::{After, AtaTraits};
use crate::sim::controller::bytes::{low8, put};
use crate::sim::controller::scsi::state::Unit;

/// The ends, in blocks.
#[derive(Clone, Debug)]
pub(super) struct Areas {
    /// What is presented.
    pub(super) presented: u64,
    /// What READ NATIVE MAX tells.
    pub(super) native: u64,
    /// What the drive left the factory with.
    pub(super) factory: u64,
    /// What is presented after the next power-on, when the present end is volatile.
    after_power: Option<u64>,
    /// Whether the end was set since power-on: only once.
    changed: bool,
    frozen: bool,
    overlay_frozen: bool,
}

impl Areas {
    pub(super) fn new(traits: Option<&AtaTraits>, factory: u64) -> Self {
        let within = |wanted: Option<u64>, limit: u64| wanted.unwrap_or(limit).clamp(1, limit);
        let native = within(traits.and_then(|traits| traits.native), factory);
        let presented = within(traits.and_then(|traits| traits.presented), native);
        Self {
            presented,
            native,
            factory,
            after_power: None,
            changed: false,
            frozen: false,
            overlay_frozen: false,
        }
    }

    pub(super) fn power_on(&mut self) {
        self.presented = self.after_power.take().unwrap_or(self.presented);
        self.changed = false;
        self.frozen = false;
        self.overlay_frozen = false;
    }

    /// Sets the last address that is presented.
    fn set(&mut self, last: u64, keep: Keep) -> Result<(), Abort> {
        if self.changed || self.frozen || last >= self.native {
            return Err(Abort::PLAIN);
        }
        self.after_power = match keep {
            Keep::OverPower => None,
            Keep::UntilPower => Some(self.after_power.unwrap_or(self.presented)),
        };
        self.presented = last + 1;
        self.changed = true;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    OverPower,
    UntilPower,
}

impl Unit {
    pub(super) fn area_command(&mut self, task: &Taskfile, after: After) -> Result<Reply, Abort> {
        let traits = self.traits().ok_or(Abort::PLAIN)?;
        let (hpa, dco, ama) = (traits.hpa, traits.dco, traits.ama);
        let locked = self.ata.passwords.locked;
        let areas = &mut self.ata.areas;
        let native = Reply { lba: areas.native - 1, ..Reply::default() };
        let reply = match (task.command, task.feature) {
            (0x27, _) if hpa && task.extend => {
                self.ata.after = After::NativeRead;
                native
            }
            (0xF8, _) if hpa => {
                self.ata.after = After::NativeRead;
                Reply { lba: native.lba.min(0x0FFF_FFFF), ..native }
            }
            (0x37, _) if hpa && task.extend && after == After::NativeRead && !locked => {
                areas.set(task.lba, keep(task.count))?;
                Reply::default()
            }
            (0xF9, 0x00) if hpa && after == After::NativeRead && !locked => {
                areas.set(task.lba, keep(task.count))?;
                Reply::default()
            }
            // SET MAX LOCK, by whoever has set a password (from memory: until power-off only UNLOCK is taken then, which
            // this drive does not know), and SET MAX FREEZE LOCK.
            (0xF9, 0x02 | 0x04) if hpa => {
                areas.frozen = true;
                Reply::default()
            }
            (0xB1, 0xC0) if dco && !locked && !areas.overlay_frozen && areas.presented == areas.native => {
                areas.native = areas.factory;
                areas.presented = areas.factory;
                Reply::default()
            }
            (0xB1, 0xC1) if dco => {
                areas.overlay_frozen = true;
                Reply::default()
            }
            (0xB1, 0xC2) if dco && !areas.overlay_frozen => Reply::with(overlay(areas.factory - 1)),
            (0x78, 0x0000) if ama && task.extend => native,
            (0x78, 0x0001) if ama && task.extend && !locked => {
                areas.set(task.lba, Keep::OverPower)?;
                Reply::default()
            }
            (0x78, 0x0002) if ama && task.extend => {
                areas.frozen = true;
                Reply::default()
            }
            _ => return Err(Abort::PLAIN),
        };
        self.core.presented = self.ata.areas.presented;
        Ok(reply)
    }
}

/// Bit 0 of COUNT, "volatile value", keeps the end over the loss of power.
const fn keep(count: u16) -> Keep {
    if count & 1 == 0 { Keep::UntilPower } else { Keep::OverPower }
}

/// The data of DEVICE CONFIGURATION IDENTIFY: revision 2, the last address in words 3 to 6, a checksum.
fn overlay(last: u64) -> Vec<u8> {
    let mut data = vec![0; 512];
    data[0] = 2;
    put(&mut data, 6, &last.to_le_bytes());
    seal(&mut data);
    data
}

/// Signature A5h and the checksum that makes the sum of all bytes zero.
pub(super) fn seal(data: &mut [u8]) {
    data[510] = 0xA5;
    let sum: u64 = data[..511].iter().map(|byte| u64::from(*byte)).sum();
    data[511] = low8(sum).wrapping_neg();
}
