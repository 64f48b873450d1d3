//! A simulated TPer: Level 0 discovery, sessions on the Admin SP, credentials with try counters, and a revert that
//! really destroys media keys, or does not. It reads and writes the bytes of TCG by its own code.
//!
//! Layouts after Linux `block/opal_proto.h` and sedutil; ComID management and life cycle values from memory.

mod speech;
mod tper;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keys::MediaKeys;
use super::security::{SecurityProtocol, SecurityRefusal};

/// What kind of TPer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimClass {
    /// Opal 2: encrypts the medium.
    Opal2,
    /// Pyrite 2: does not.
    Pyrite2,
    /// Enterprise: no Revert.
    Enterprise,
}

/// State of the Locking SP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Never activated, or reverted.
    Inactive,
    /// Activated: ranges may be locked.
    Active,
}

/// Whether the host's firmware blocked the authority SID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SidBlock {
    /// Yes, until the power is cycled.
    Blocked,
    /// No.
    Free,
}

/// How a TPer misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TperQuirk {
    /// Discovery comes back with nothing but zeros.
    EmptyDiscovery,
    /// Discovery comes back with a length that does not fit.
    LongDiscovery,
    /// A revert keeps the keys when the Locking SP was never activated.
    KeepsKeysWhenInactive,
    /// A revert is answered with success, and nothing is done.
    RevertDoesNothing,
    /// A revert turns locking off and keeps the keys.
    RevertKeepsKeys,
    /// A session that somebody left open: this status until the stack is reset.
    StaleSession {
        /// `SP_BUSY` or `NO_SESSIONS_AVAILABLE`.
        status: u8,
    },
    /// The same, and a reset of the stack changes nothing.
    BusyForever,
    /// The answer to the start of a session with a credential is lost.
    LosesSessionAnswer,
    /// The answer to a revert is lost; the revert is done.
    LosesRevertAnswer,
    /// The revert is cut short before it changed anything, and no answer comes.
    RevertDies,
    /// A revert is answered by the end of the session.
    RevertClosesSession,
    /// A revert is at work for so many receives.
    RevertTakes {
        /// Answers that say "not yet".
        polls: u32,
    },
    /// After a revert the drive goes on removing data for so many discoveries.
    RemovesData {
        /// Discoveries that tell so.
        discoveries: u32,
    },
    /// A revert is answered with this status, and nothing is done.
    RevertFails {
        /// The status.
        status: u8,
    },
    /// After a revert SID is something that nobody knows, not MSID.
    SidUnknownAfterRevert,
}

/// How a TPer is when it is switched on.
#[derive(Clone, Debug)]
pub struct TperSpec {
    /// Class.
    pub class: SimClass,
    /// Its ComID.
    pub com_id: u16,
    /// What is printed on the label.
    pub psid: Vec<u8>,
    /// Default credential.
    pub msid: Vec<u8>,
    /// Credential of SID; `msid` on a drive that nobody took.
    pub sid: Vec<u8>,
    /// Locking SP.
    pub activation: Activation,
    /// Whether SID is blocked.
    pub sid_block: SidBlock,
    /// Wrong tries before an authority is locked out.
    pub tries: u32,
    /// What is wrong with it.
    pub quirks: Vec<TperQuirk>,
}

impl Default for TperSpec {
    fn default() -> Self {
        Self {
            class: SimClass::Opal2,
            com_id: 0x07FE,
            psid: b"PSID0PSID1PSID2PSID3PSID4PSID5AB".to_vec(),
            msid: b"MSIDMSIDMSIDMSID".to_vec(),
            sid: b"an owner's password".to_vec(),
            activation: Activation::Active,
            sid_block: SidBlock::Free,
            tries: 5,
            quirks: Vec::new(),
        }
    }
}

/// A simulated TPer. Clones are handles to the same one: one for the model of the transport, one for the test.
#[derive(Clone, Debug)]
pub struct SimTper(Arc<Mutex<tper::Tper>>);

impl SimTper {
    /// A TPer in front of these media keys.
    pub fn new(spec: TperSpec, keys: MediaKeys) -> Self {
        Self(Arc::new(Mutex::new(tper::Tper::new(spec, keys))))
    }

    fn tper(&self) -> MutexGuard<'_, tper::Tper> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the media keys were destroyed.
    pub fn keys_destroyed(&self) -> u32 {
        self.tper().keys_destroyed
    }

    /// How often a credential was looked at, right or wrong.
    pub fn credentials_tried(&self) -> u32 {
        self.tper().credentials_tried
    }

    /// How often the stack was reset.
    pub fn stack_resets(&self) -> u32 {
        self.tper().stack_resets
    }

    /// Reverts that it took.
    pub fn reverts(&self) -> u32 {
        self.tper().reverts
    }
}

impl SecurityProtocol for SimTper {
    fn receive(&mut self, protocol: u8, com_id: u16, buffer: &mut [u8]) -> Result<usize, SecurityRefusal> {
        self.tper().receive(protocol, com_id, buffer)
    }

    fn send(&mut self, protocol: u8, com_id: u16, data: &[u8]) -> Result<(), SecurityRefusal> {
        self.tper().send(protocol, com_id, data)
    }

    fn power_cycle(&mut self) {
        self.tper().power_cycle();
    }
}
