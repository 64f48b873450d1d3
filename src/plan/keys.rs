//! Where the keys of software encryption lie that was found on a drive. Whoever has lost them has lost the data, whatever
//! becomes of the rest; so they are overwritten before anything else, and nothing is claimed for it.
use super::Plan;
use crate::device::ContentType;
use crate::unit::{BlockCount, Lba, LbaRange, RangeSet};

/// Bytes from the beginning of a LUKS header on in which its keys can be. LUKS 2 has two headers of at most 4 MiB and key slots
/// of at most 128 MiB; LUKS 1 has a header and eight key slots of about 256,000 bytes (from memory: the on-disk formats and the
/// limits of cryptsetup). So much is always taken: to overwrite more than the keys costs a second, and needs no trust
/// in fields that somebody else has written.
const LUKS_BYTES: u64 = (2 * 4 + 128) << 20;

/// The blocks of the planned drive in which keys may lie; empty where no such encryption was found.
pub fn key_slots(plan: &Plan) -> RangeSet {
    let geometry = &plan.geometry;
    let found = plan.content.iter().filter(|content| content.content_type == ContentType::Luks);
    let blocks = found.filter_map(|content| {
        let first = content.offset / geometry.block_size.bytes_u64();
        let left = geometry.capacity.0.checked_sub(first)?;
        LbaRange::new(Lba(first), BlockCount(left.min(geometry.blocks_in(LUKS_BYTES).0)))
    });
    blocks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Content;
    use crate::plan::decide::tests::drive;
    use crate::plan::{Decision, Policy, Request, decide};
    use crate::unit::term::DriveKind;
    use crate::unit::term::Method;

    fn slots(capacity: u64, offsets: &[u64]) -> Vec<(u64, u64)> {
        let mut facts = drive(DriveKind::Rotating);
        let luks = |offset: &u64| Content {
            content_type: ContentType::Luks,
            offset: *offset,
            label: None,
            partition: None,
        };
        facts.content = offsets.iter().map(luks).collect();
        let request = Request { method: Some(Method::Clear), ..Request::default() };
        let Decision::Planned(mut plan) = decide(&request, &facts, &Policy::builtin()) else {
            panic!("planned")
        };
        plan.geometry.capacity = BlockCount(capacity);
        key_slots(&plan).ranges().iter().map(|range| (range.first().0, range.count().0)).collect()
    }

    /// 136 MiB are 278,528 blocks of 512 bytes; 16 MiB, where LUKS 2 puts data by default, are 32,768.
    #[test]
    fn each_header_with_all_that_can_follow_it_up_to_the_end_of_the_drive() {
        assert_eq!(slots(1_000_000, &[]), []);
        assert_eq!(slots(1_000_000, &[0]), [(0, 278_528)]);
        assert_eq!(slots(1_000_000, &[1 << 20, 400 << 20]), [(2048, 278_528), (819_200, 180_800)]);
        assert_eq!(slots(40_000, &[0, 16 << 20]), [(0, 40_000)]);
        // A header beyond the end of the drive is none of it.
        assert_eq!(slots(1000, &[512_000, 1 << 40]), []);
    }
}
