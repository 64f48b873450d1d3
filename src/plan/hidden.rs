//! Capacity that a drive has and does not present.
use super::firmware::Restore;
use crate::device::DriveFacts;
use crate::device::capability::ata::AreaFacts;
use crate::device::capability::{Interface, Support};
use crate::unit::BlockCount;

/// What was told of hidden capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// Nobody asked, or the drive does not tell all of it.
    NotExamined,
    /// Nothing is hidden.
    Nothing,
    /// The drive has more blocks than it presents.
    Blocks {
        /// Blocks that it presents.
        presented: u64,
        /// Blocks that it has.
        native: u64,
    },
}

/// What the drive tells.
pub(super) fn hidden(facts: &DriveFacts) -> Hidden {
    of_interface(facts.capability.as_deref().map(|capability| &capability.interface))
}

/// The same of what it told over its interface; `None` when it has none or was not asked.
pub fn of_interface(interface: Option<&Interface>) -> Hidden {
    match interface {
        Some(Interface::Ata(ata)) => of_areas(&ata.areas),
        // A namespace has no hidden blocks; capacity in no namespace is told apart from it.
        Some(Interface::Nvme(_)) => Hidden::Nothing,
        // MODE SELECT can shorten a logical unit, and nothing that was asked would tell.
        Some(Interface::Scsi(_)) | None => Hidden::NotExamined,
    }
}

fn of_areas(areas: &AreaFacts) -> Hidden {
    let native = areas.native.into_iter().chain(areas.factory).max().unwrap_or(0);
    if native > areas.presented {
        return Hidden::Blocks { presented: areas.presented, native };
    }
    if is_all_told(areas) { Hidden::Nothing } else { Hidden::NotExamined }
}

/// What is not told may hide something only where the drive has the means, or may have.
fn is_all_told(areas: &AreaFacts) -> bool {
    let cannot = |support| support == Support::No;
    let by_max = areas.native.is_some() || (cannot(areas.hpa) && cannot(areas.ama));
    let by_overlay = areas.factory.is_some() || cannot(areas.dco);
    by_max && by_overlay
}

/// Whether more may be hidden than the drive tells.
pub(super) fn may_hide_more(facts: &DriveFacts) -> bool {
    match facts.capability.as_deref().map(|capability| &capability.interface) {
        Some(Interface::Ata(ata)) => !is_all_told(&ata.areas),
        Some(Interface::Nvme(_)) => false,
        Some(Interface::Scsi(_)) | None => true,
    }
}

/// What restoring the full capacity comes to. Where the kernel sees another number of blocks than the drive presents,
/// something stands between them that would not follow.
pub(super) fn restore(facts: &DriveFacts) -> Option<Restore> {
    match hidden(facts) {
        Hidden::Blocks { presented, native }
            if facts.geometry().is_some_and(|geometry| geometry.capacity.0 == presented) =>
        {
            Some(Restore { presented: BlockCount(presented), native: BlockCount(native) })
        }
        Hidden::Blocks { .. } | Hidden::NotExamined | Hidden::Nothing => None,
    }
}
