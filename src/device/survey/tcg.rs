//! What Level 0 discovery tells, as facts.

use crate::command::tcg::discovery::{Class, Discovery};
use crate::device::capability::{KernelTcg, Page, Support, TcgClass, TcgFacts};
use crate::device::security::{NoDiscovery, discover};
use crate::io::Channel;
use crate::sys::opal::OpalStatus;
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
        Ok((_, discovery)) => {
            let mut facts = facts(&discovery);
            facts.kernel = channel.kernel_opal().map(kernel);
            let differs = disagreement(&facts);
            (Some(facts), differs.into_iter().collect())
        }
        Err(NoDiscovery::NoTcg) => (None, Vec::new()),
        Err(no) => (None, vec![format!("{no}; {}", no.remedy())]),
    };
    TcgSurvey { facts, pages, gaps }
}

fn kernel(status: OpalStatus) -> KernelTcg {
    KernelTcg {
        supported: status.supported(),
        locking_enabled: status.locking_enabled(),
        locked: status.locked(),
    }
}

/// Where the kernel reads the same drive otherwise, in words: one of the two readers is wrong. A drive that the kernel
/// takes for none of its own tells nothing (Pyrite is none to some).
fn disagreement(facts: &TcgFacts) -> Option<String> {
    let kernel = facts.kernel.filter(|kernel| kernel.supported)?;
    let ours = (facts.locking_enabled.is_yes(), facts.locked.is_yes());
    let differs = ours != (kernel.locking_enabled, kernel.locked);
    differs.then(|| {
        let word = |bit: bool| if bit { "yes" } else { "no" };
        format!(
            "the kernel reads Level 0 discovery otherwise: locking enabled {}, locked {}, here {} and {}",
            word(kernel.locking_enabled),
            word(kernel.locked),
            word(ours.0),
            word(ours.1)
        )
    })
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
        kernel: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read_by_both(kernel: Option<u32>, enabled: Support, locked: Support) -> TcgFacts {
        TcgFacts {
            class: TcgClass::Opal2,
            com_id: Some(0x07FE),
            locking_enabled: enabled,
            locked,
            media_encryption: Support::Yes,
            mbr_enabled: Support::No,
            mbr_done: Support::No,
            sid_blocked: Support::No,
            sid_is_default: Support::NotTold,
            features: Vec::new(),
            kernel: kernel.map(|flags| super::kernel(OpalStatus::from_flags(flags))),
        }
    }

    #[test]
    fn a_kernel_that_reads_the_drive_otherwise_is_heard() {
        use Support::{No, Yes};
        for (flags, enabled, locked, differs) in [
            (Some(0x0F), Yes, Yes, false),
            (Some(0x07), Yes, No, false),
            (Some(0x03), No, No, false),
            (Some(0x0F), Yes, No, true),
            (Some(0x03), Yes, Yes, true),
            (Some(0x00), Yes, Yes, false),
            (None, Yes, Yes, false),
        ] {
            let told = disagreement(&read_by_both(flags, enabled, locked));
            assert_eq!(told.is_some(), differs, "{flags:?} {enabled:?} {locked:?}: {told:?}");
        }
        let told = disagreement(&read_by_both(Some(0x0F), Yes, No)).unwrap();
        assert!(told.contains("locking enabled yes, locked yes, here yes and no"), "{told}");
    }
}
