//! Units that are formatted so that the kernel's disk driver presents none of their blocks (520 or 528 bytes, say).
//! The driver gives their node no capacity (drivers/scsi/sd.c, "Unsupported sector size"), but the node takes SCSI
//! commands like any other, and can be claimed and guarded like any other.
use serde::{Deserialize, Serialize};

use super::capability::Interface;
use super::capability::scsi::ScsiFacts;
use super::{Content, DriveFacts, Fact, Reach};
use crate::unit::{BlockCount, BlockSize, Geometry, Reason, ReasonCode};

/// Takes the shape of such a unit from its own word, in facts and in their list.
pub fn heed(facts: &mut DriveFacts, sources: &mut Vec<Fact>) {
    let Some(reach) = by_command(facts) else { return };
    facts.reach = reach;
    sources.retain(|fact| fact.name != "size");
    sources.extend(super::source::of_command_blocks(facts));
}

/// How the blocks of a unit are reached that has no capacity for the kernel, where its own word is another.
fn by_command(facts: &DriveFacts) -> Option<Reach> {
    let Interface::Scsi(told) = &facts.capability.as_deref()?.interface else { return None };
    let without = matches!(&facts.reach, Reach::Dead(reason) if reason.code == ReasonCode::NoCapacity);
    if !without || told.blocks == 0 || told.has_common_blocks() {
        return None;
    }
    Some(match BlockSize::new(told.block_bytes) {
        Ok(block_size) => Reach::ByCommand(Geometry {
            block_size,
            physical_block_size: block_size,
            capacity: BlockCount(told.blocks),
        }),
        Err(_) => Reach::Dead(Reason::new(
            ReasonCode::UnsupportedFormat,
            format!("the drive has blocks of {} bytes, which cannot be addressed here", told.block_bytes),
            "Reformat it to 512 or 4096 bytes if it is healthy (sg_format --format --size=512), else destroy it",
        )),
    })
}

/// What lies on a drive whose blocks are reached by command, and why it is not told: no file system, volume or array of
/// Linux stands on such blocks, and what storage systems keep there is not known here.
pub fn content(geometry: &Geometry) -> (Vec<Content>, String) {
    let why = format!(
        "its blocks have {} bytes, as those of storage systems, whose content is not recognized here",
        geometry.block_size
    );
    (vec![Content::unreadable(0)], why)
}

/// Who keeps back the size of a drive that is known from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldBack {
    /// The drive: it is at work on itself, or shut since that failed, and answers READ CAPACITY with that.
    ByDrive,
    /// The kernel: it asked when the drive did not tell, and has not asked since.
    ByKernel,
}

/// Gives a drive without capacity the shape that it had before, where it is clear why it has none now: a SCSI drive that
/// sanitizes itself does not tell the kernel how large it is, and the kernel does not ask again by itself.
pub fn held_back(facts: &mut DriveFacts, before: Option<&Reach>) -> Option<HeldBack> {
    let without = matches!(&facts.reach, Reach::Dead(reason) if reason.code == ReasonCode::NoCapacity);
    let (Reach::Addressable(geometry) | Reach::ByCommand(geometry)) = before.filter(|_| without)? else {
        return None;
    };
    let capability = facts.capability.as_deref()?;
    let Interface::Scsi(told) = &capability.interface else { return None };
    let by = match told.blocks {
        0 if capability.out_of_reach().is_some() => HeldBack::ByDrive,
        _ if is_told(told, geometry) => HeldBack::ByKernel,
        _ => return None,
    };
    facts.reach = before?.clone();
    Some(by)
}

/// Bytes of a unit that tells how large it is while the kernel has no size of it: the kernel asked when the unit did not
/// tell, as while it sanitizes itself, and does not ask again by itself. Such a unit is not dead.
pub fn not_asked_since(facts: &DriveFacts) -> Option<u64> {
    let Interface::Scsi(told) = &facts.capability.as_deref()?.interface else { return None };
    let without = matches!(&facts.reach, Reach::Dead(reason) if reason.code == ReasonCode::NoCapacity);
    let bytes = told.blocks.checked_mul(u64::from(told.block_bytes))?;
    (without && told.has_common_blocks() && bytes > 0).then_some(bytes)
}

fn is_told(told: &ScsiFacts, geometry: &Geometry) -> bool {
    (told.blocks, told.block_bytes) == (geometry.capacity.0, geometry.block_size.bytes())
}
