//! The bay of a drive: a slot of an enclosure whose power the kernel can switch (SES). A drive that its firmware froze
//! takes its commands again after its power was cycled, and this does it without a hand.
//!
//! ```text
//! DEVICE/enclosure_device:SLOT -> /sys/class/enclosure/ENCLOSURE/SLOT
//! SLOT/device                  -> DEVICE of the drive in it
//! SLOT/power_status               `on` or `off`, read and written
//! ```
//!
//! Names and words are those of drivers/misc/enclosure.c and drivers/scsi/ses.c, from memory. Which enclosures really
//! switch is not known beforehand: what was asked for is read back.
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::capability::ata::AtaSanitizeState;
use super::capability::{Interface, Support};
use super::claim::StatePaths;
use super::guard::{GuardSet, Scene, Target};
use super::root::{SysRoot, file_name};
use super::{DriveFacts, multipath};
use crate::unit::{Reason, ReasonCode};

/// How long the power stays off: a drive's capacitors are empty in seconds (from memory).
pub const OFF: Duration = Duration::from_secs(10);

/// How long the enclosure may take to do what was asked.
const OBEYS: u32 = 20;
const STEP: Duration = Duration::from_millis(500);

/// What helps where no power can be switched from here.
pub const BY_HAND: &str = "suspend the host to RAM and wake it (systemctl suspend), or pull the drive out and insert it \
    again while the host runs, or attach it to another port or controller, whose firmware does not freeze it";

/// A slot that holds one drive and whose power can be switched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    folder: PathBuf,
    /// How messages call it.
    pub title: String,
}

/// Whether a drive says that it is frozen. Only ATA drives are.
pub fn is_frozen(facts: &DriveFacts) -> Support {
    let Some(capability) = &facts.capability else { return Support::NotTold };
    match &capability.interface {
        Interface::Nvme(_) | Interface::Scsi(_) => Support::No,
        Interface::Ata(ata) => {
            let security = ata.security.map_or(Support::No, |security| security.frozen);
            match ata.sanitize_state {
                Some(AtaSanitizeState::Frozen) => Support::Yes,
                Some(AtaSanitizeState::NotTold) if security == Support::No => Support::NotTold,
                Some(
                    AtaSanitizeState::NotTold
                    | AtaSanitizeState::Idle
                    | AtaSanitizeState::Completed
                    | AtaSanitizeState::Failed
                    | AtaSanitizeState::InProgress,
                )
                | None => security,
            }
        }
    }
}

/// The slot of a drive whose power may be cycled now: it holds this very drive, and nothing uses the drive, another
/// path to it, or another unit of it, which would lose their power too. `own` are processes that may have it open.
///
/// # Errors
/// `frozen` with what else helps where no slot is known or none can be switched, `identity-changed` where the slot holds
/// another drive, and whatever uses the drive.
pub fn slot_to_cycle(
    root: &SysRoot,
    facts: &DriveFacts,
    own: &[u32],
    state: &StatePaths,
) -> Result<Slot, Vec<Reason>> {
    let mut reasons = Vec::new();
    let slot = slot_of(root, facts).map_err(|reason| reasons.push(reason)).ok();
    for name in std::iter::once(&facts.kernel_name).chain(&facts.other_units) {
        let Some(number) = root.number_of(name) else { continue };
        let target = Target::Device { name: name.clone(), number };
        reasons.extend(Scene::new(root, &target, own.to_vec(), state).run(&GuardSet::all()).reasons);
    }
    slot.filter(|_| reasons.is_empty()).ok_or(reasons)
}

fn slot_of(root: &SysRoot, facts: &DriveFacts) -> Result<Slot, Reason> {
    let title = facts.title();
    let by_hand = |text: String| Reason::new(ReasonCode::Frozen, text, BY_HAND);
    let hardware = multipath::hardware(root, &facts.kernel_name);
    let device = root.block_folder(&hardware).and_then(|folder| fs::canonicalize(folder.join("device")).ok());
    let nowhere = || by_hand(format!("{title} is in no bay that the kernel knows an enclosure of"));
    let device = device.ok_or_else(nowhere)?;
    let links = root.names(&device).into_iter().filter(|name| name.starts_with("enclosure_device:"));
    let folders: Vec<PathBuf> = links.filter_map(|link| fs::canonicalize(device.join(link)).ok()).collect();
    let [folder] = &folders[..] else { return Err(nowhere()) };
    let name = |path: Option<&Path>| path.and_then(file_name).unwrap_or_default();
    let slot = Slot {
        folder: folder.clone(),
        title: format!("enclosure {} {}", name(folder.parent()), name(Some(folder))),
    };
    // The slot's own word for what it holds: labels of bays are mixed up, links are not.
    if fs::canonicalize(folder.join("device")).ok().as_ref() != Some(&device) {
        return Err(Reason::new(
            ReasonCode::IdentityChanged,
            format!("{} does not hold {title} but another drive, or none", slot.title),
            "look at the drives and their bays again: expunge list",
        ));
    }
    match power(root, &slot).as_deref() {
        Some("on") => Ok(slot),
        Some(other) => Err(by_hand(format!("{} says that its power is {other:?}", slot.title))),
        None => Err(by_hand(format!("the power of {} cannot be switched from here", slot.title))),
    }
}

fn power(root: &SysRoot, slot: &Slot) -> Option<String> {
    root.text(&slot.folder.join("power_status"))
}

/// Switches the power of a slot off. When the enclosure does not do it, it is told to leave the power on.
///
/// # Errors
/// `frozen`: the power was not switched, and what else helps.
pub fn switch_off(root: &SysRoot, slot: &Slot, pause: &mut dyn FnMut(Duration)) -> Result<(), Reason> {
    let refused = |why: String| Reason::new(ReasonCode::Frozen, format!("{}: {why}", slot.title), BY_HAND);
    let told = switch(root, slot, "off", pause);
    told.map_err(|why| match switch(root, slot, "on", pause) {
        Ok(()) => refused(why),
        Err(more) => refused(format!("{why}; then {more}")),
    })
}

/// Switches the power of a slot on again.
///
/// # Errors
/// `drive-gone`, with the command that does it by hand.
pub fn switch_on(root: &SysRoot, slot: &Slot, pause: &mut dyn FnMut(Duration)) -> Result<(), Reason> {
    switch(root, slot, "on", pause).map_err(|why| {
        let attribute = slot.folder.join("power_status");
        Reason::new(
            ReasonCode::DriveGone,
            format!("{} is without power: {why}", slot.title),
            format!("echo on > '{}', or pull the drive out and insert it again", attribute.display()),
        )
    })
}

fn switch(root: &SysRoot, slot: &Slot, word: &str, pause: &mut dyn FnMut(Duration)) -> Result<(), String> {
    fs::write(slot.folder.join("power_status"), format!("{word}\n"))
        .map_err(|error| format!("its power could not be switched {word}: {error}"))?;
    for _ in 0..OBEYS {
        if power(root, slot).as_deref() == Some(word) {
            return Ok(());
        }
        pause(STEP);
    }
    let now = power(root, slot).unwrap_or_else(|| "not told".to_owned());
    Err(format!("its power was switched {word}, and it says that it is {now:?}"))
}
