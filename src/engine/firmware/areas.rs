//! Capacity that an ATA drive hides: reads the three numbers and makes everything addressable again.
//!
//! A drive takes one change of its capacity per power cycle, and restores its configuration (DCO) only when no host
//! protected area (HPA) is set. So one call makes one change, and says when the power has to be cycled.

use serde::{Deserialize, Serialize};

use super::talk::{ATTENTIONS, IDENTIFY_NAME, SHORT, Talk, is_attention};
use super::{Exchange, Watch};
use crate::command::ata::areas::{
    self, Capacity, DCO_IDENTIFY, DCO_RESTORE, GET_NATIVE_MAX, Lasting, READ_NATIVE_MAX,
};
use crate::command::ata::identify::Identify;
use crate::command::ata::sat::Reply;
use crate::io::ScsiPort;
use crate::unit::digest::from_hex;
use crate::unit::{Reason, ReasonCode};

/// How many sectors a drive has, three ways; `None` where it does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Areas {
    /// What it presents (IDENTIFY DEVICE).
    pub presented: Capacity,
    /// What it has natively: behind a host protected area or an accessible max address.
    pub native: Option<Capacity>,
    /// What it was made with: behind a configuration overlay.
    pub factory: Option<Capacity>,
}

impl Areas {
    /// The largest of the three.
    pub fn full(&self) -> Capacity {
        [self.native, self.factory].into_iter().flatten().fold(self.presented, Ord::max)
    }

    /// Whether a part of the drive cannot be addressed.
    pub fn hides(&self) -> bool {
        self.full() > self.presented
    }
}

/// What a step of restoring came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Restored {
    /// Nothing is hidden: there was nothing to do.
    NothingHidden,
    /// The drive says that it presents everything now. The kernel sees it after a rescan.
    Full {
        /// The numbers before.
        before: Areas,
        /// The numbers now.
        after: Areas,
    },
    /// A change was made, or has to wait for it: the power of the drive has to be cycled, then this is done again.
    PowerCycleNeeded {
        /// The numbers before.
        before: Areas,
        /// Why.
        reason: Reason,
    },
    /// It cannot be done.
    Refused {
        /// The numbers; `None` when they could not be read.
        before: Option<Areas>,
        /// Why.
        reason: Reason,
    },
}

/// What a step of restoring came to, with the minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RestoreReport {
    /// How it ended.
    pub restored: Restored,
    /// What was sent and what came back, in order.
    pub exchanges: Vec<Exchange>,
}

impl RestoreReport {
    /// Of a drive to which no way leads: nothing was sent.
    pub const fn no_way(reason: Reason) -> Self {
        Self { restored: Restored::Refused { before: None, reason }, exchanges: Vec::new() }
    }

    /// What the drive presented when it was asked last, by the page that is quoted.
    pub fn presents(&self) -> Option<Capacity> {
        let last = self.exchanges.iter().rev().find(|exchange| exchange.name == IDENTIFY_NAME)?;
        let page = from_hex(last.received.as_ref()?)?;
        let identify = Identify::decode(&page).ok()?;
        Capacity::new(identify.sectors())
    }

    /// Whether the drive presents all that it has, and that is so many sectors: by its conclusion, by its numbers, and by
    /// the page that is quoted.
    pub fn is_whole(&self, sectors: u64) -> bool {
        let concluded = match &self.restored {
            Restored::NothingHidden => true,
            Restored::Full { after, .. } => after.presented.get() == sectors && !after.hides(),
            Restored::PowerCycleNeeded { .. } | Restored::Refused { .. } => false,
        };
        concluded && self.presents().map(Capacity::get) == Some(sectors)
    }
}

/// By which commands a drive changes its capacity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Accessible max address configuration.
    Accessible,
    /// Host protected area.
    Protected,
    /// None of both.
    None,
}

fn way(identify: &Identify) -> Way {
    if identify.has_ama() {
        Way::Accessible
    } else if identify.has_hpa() && identify.has_48_bit() {
        Way::Protected
    } else {
        Way::None
    }
}

/// Reads the three numbers. Nothing is changed.
pub fn read(port: &mut dyn ScsiPort, watch: &mut dyn Watch) -> (Option<Areas>, Vec<Exchange>) {
    let mut talk = Talk::new(port);
    let areas = look(&mut talk, watch).map(|(_, areas)| areas);
    (areas, talk.exchanges)
}

fn look(talk: &mut Talk<'_>, watch: &mut dyn Watch) -> Option<(Identify, Areas)> {
    let identify = talk.identify(watch)?;
    let presented = Capacity::new(identify.sectors())?;
    let native = native(talk, way(&identify), watch);
    let factory = if identify.has_dco() {
        let (_, data) = talk.read(watch, "DEVICE CONFIGURATION IDENTIFY", &DCO_IDENTIFY);
        data.and_then(|data| areas::configured(&data)).map(areas::LastAddress::capacity)
    } else {
        None
    };
    Some((identify, Areas { presented, native, factory }))
}

fn native(talk: &mut Talk<'_>, way: Way, watch: &mut dyn Watch) -> Option<Capacity> {
    let (name, command) = match way {
        Way::Accessible => ("GET NATIVE MAX ADDRESS EXT", GET_NATIVE_MAX),
        Way::Protected => ("READ NATIVE MAX ADDRESS EXT", READ_NATIVE_MAX),
        Way::None => return None,
    };
    areas::address(talk.ask(watch, name, &command, SHORT)).map(areas::LastAddress::capacity)
}

/// Makes one change towards the full capacity: first the protected area or accessible max address, then, when
/// nothing of that hides anything, the configuration overlay.
pub fn restore(port: &mut dyn ScsiPort, watch: &mut dyn Watch) -> RestoreReport {
    let mut talk = Talk::new(port);
    let restored = step(&mut talk, watch);
    RestoreReport { restored, exchanges: talk.exchanges }
}

fn step(talk: &mut Talk<'_>, watch: &mut dyn Watch) -> Restored {
    let Some((identify, before)) = look(talk, watch) else {
        let text = "the drive did not answer IDENTIFY DEVICE with a capacity";
        let reason = Reason::new(ReasonCode::NotAnswering, text, "connect it to a SATA port");
        return Restored::Refused { before: None, reason };
    };
    let way = way(&identify);
    match before.native {
        Some(native) if native > before.presented => {
            let reply = match way {
                Way::Accessible => {
                    let name = "SET ACCESSIBLE MAX ADDRESS EXT";
                    talk.ask(watch, name, &areas::set_accessible_max(native), SHORT)
                }
                Way::Protected | Way::None => set_max(talk, native, watch),
            };
            let hpa_locked = "the drive did not let its capacity be set: it was changed once since power-on, or its \
                              protected area is locked with a password or frozen";
            conclude(talk, before, reply, hpa_locked, watch)
        }
        Some(_) | None if before.factory.is_some_and(|factory| factory > before.presented) => {
            let reply = talk.ask(watch, "DEVICE CONFIGURATION RESTORE", &DCO_RESTORE, SHORT);
            let dco_frozen = "the drive did not let its configuration be restored: it is frozen, or a protected area \
                              was changed since power-on";
            conclude(talk, before, reply, dco_frozen, watch)
        }
        Some(_) | None => Restored::NothingHidden,
    }
}

/// READ NATIVE MAX must be the command right before SET MAX: after a unit attention both are given again.
fn set_max(talk: &mut Talk<'_>, native: Capacity, watch: &mut dyn Watch) -> Reply {
    let command = areas::set_max(native, Lasting::Persistent);
    let mut reply = Reply::Lost;
    for _again in 0..=ATTENTIONS {
        let _native = talk.ask(watch, "READ NATIVE MAX ADDRESS EXT", &READ_NATIVE_MAX, SHORT);
        reply = talk.ask_once(watch, "SET MAX ADDRESS EXT", &command, SHORT);
        if !is_attention(reply) {
            break;
        }
    }
    reply
}

/// What is there after a change, by the drive's own account.
fn conclude(
    talk: &mut Talk<'_>,
    before: Areas,
    reply: Reply,
    refusal: &str,
    watch: &mut dyn Watch,
) -> Restored {
    let cycle = |text: &str| Restored::PowerCycleNeeded {
        before,
        reason: Reason::new(
            ReasonCode::HiddenArea,
            text,
            "cycle the power of the drive, then let it restore its capacity again",
        ),
    };
    let after = look(talk, watch).map(|(_, areas)| areas);
    match (reply, after) {
        (_, Some(after)) if after.presented >= before.full() && !after.hides() => {
            Restored::Full { before, after }
        }
        (Reply::Done { .. }, _) => {
            cycle("a part of the hidden capacity was restored, the rest needs a power cycle")
        }
        (Reply::Aborted { .. }, _) => cycle(refusal),
        (Reply::Refused(_), _) => Restored::Refused {
            before: Some(before),
            reason: Reason::new(
                ReasonCode::HiddenArea,
                "the translation layer between host and drive refused to restore the hidden capacity",
                "connect the drive to a SATA port",
            ),
        },
        (Reply::Unavailable | Reply::Sense(_) | Reply::Status(_) | Reply::Lost, _) => {
            cycle("whether the hidden capacity was restored is not known")
        }
    }
}

#[cfg(test)]
mod tests;
