//! Capacity that a drive has and does not present.
use super::firmware::Restore;
use crate::device::DriveFacts;
use crate::device::capability::ata::AreaFacts;
use crate::device::capability::{Interface, Support};
use crate::unit::BlockCount;

/// What was told of hidden capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// Nobody asked, or the drive does not tell all of it.
    NotExamined,
    /// Nothing is hidden.
    Nothing,
    /// The drive has more blocks than it presents.
    Blocks { presented: u64, native: u64 },
}

/// What the drive tells.
pub(super) fn hidden(facts: &DriveFacts) -> Hidden {
    match facts.capability.as_deref().map(|capability| &capability.interface) {
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
    // What is not told may hide something only where the drive has the means, or may have.
    let cannot = |support| support == Support::No;
    let by_max = areas.native.is_some() || (cannot(areas.hpa) && cannot(areas.ama));
    let by_overlay = areas.factory.is_some() || cannot(areas.dco);
    if by_max && by_overlay { Hidden::Nothing } else { Hidden::NotExamined }
}

/// Presented and native number of blocks, where something is known to be hidden.
pub(super) fn hidden_blocks(facts: &DriveFacts) -> Option<(u64, u64)> {
    match hidden(facts) {
        Hidden::Blocks { presented, native } => Some((presented, native)),
        Hidden::NotExamined | Hidden::Nothing => None,
    }
}

/// What restoring the full capacity comes to.
pub(super) fn restore(facts: &DriveFacts) -> Option<Restore> {
    hidden_blocks(facts)
        .map(|(presented, native)| Restore { presented: BlockCount(presented), native: BlockCount(native) })
}
