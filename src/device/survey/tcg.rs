//! What Level 0 discovery tells, as facts.

use crate::command::tcg::discovery::{Class, Discovery};
use crate::device::capability::{Page, Support, TcgClass, TcgFacts};
use crate::device::security::{NoDiscovery, discover};
use crate::io::Channel;
use crate::unit::Digest;
use crate::unit::digest::to_hex;

/// What asking for TCG came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcgSurvey {
    /// What the drive told; `None` when it has no TCG, or none that can be used.
    pub facts: Option<TcgFacts>,
    /// The answer as it came.
    pub pages: Vec<Page>,
    /// Why there are no facts, in words; empty when the drive knows no security commands at all.
    pub gaps: Vec<String>,
}

/// Asks for Level 0 discovery; it changes nothing on the drive and opens no session.
pub fn survey(channel: &mut Channel) -> TcgSurvey {
    let discovered = discover(channel);
    let came = discovered.deliveries.iter().filter_map(|(_, bytes)| bytes.as_deref());
    let pages = came.map(page).collect();
    let (facts, gaps) = match discovered.result {
        Ok((_, discovery)) => (Some(facts(&discovery)), Vec::new()),
        Err(NoDiscovery::NoTcg) => (None, Vec::new()),
        Err(no) => (None, vec![format!("{no}; {}", no.remedy())]),
    };
    TcgSurvey { facts, pages, gaps }
}

fn page(bytes: &[u8]) -> Page {
    Page { name: "tcg level 0 discovery".to_owned(), sha256: Digest::of(bytes), hex: to_hex(bytes) }
}

/// The facts of a discovery.
pub fn facts(discovery: &Discovery) -> TcgFacts {
    let locking = discovery.locking();
    let told = |flag: Option<bool>| flag.map_or(Support::NotTold, Support::from_bit);
    let sid = discovery.block_sid();
    TcgFacts {
        class: discovery.class().map_or(TcgClass::Other, |(class, _)| class_of(class)),
        com_id: discovery.class().map(|(_, com_id)| com_id),
        locking_enabled: told(locking.map(|locking| locking.enabled())),
        locked: told(locking.map(|locking| locking.locked())),
        media_encryption: told(locking.map(|locking| locking.media_encryption())),
        mbr_enabled: told(locking.map(|locking| locking.mbr_enabled())),
        mbr_done: told(locking.map(|locking| locking.mbr_done())),
        sid_blocked: told(sid.map(|sid| sid.is_blocked())),
        sid_is_default: told(sid.map(|sid| !sid.sid_is_changed())),
        features: discovery.features.iter().map(|feature| feature.code).collect(),
    }
}

const fn class_of(class: Class) -> TcgClass {
    match class {
        Class::Opal2 => TcgClass::Opal2,
        Class::Opal1 => TcgClass::Opal1,
        Class::Ruby => TcgClass::Ruby,
        Class::Opalite => TcgClass::Opalite,
        Class::Pyrite2 => TcgClass::Pyrite2,
        Class::Pyrite1 => TcgClass::Pyrite1,
        Class::Enterprise => TcgClass::Enterprise,
    }
}
