//! Zones: how a drive that must be written in sequence (ZBC, ZAC, NVMe ZNS) is divided.
//!
//! ```text
//! zone:  [ blocks with cells: written from the first on, at the write pointer | blocks without cells ]
//!          0 ................................................................ capacity ....... length
//! ```
use serde::{Deserialize, Serialize};

use super::{BlockCount, Geometry, Lba, LbaRange, RangeSet};

/// Most zones of a drive: a hundred times those of the largest drive that is made (30 TB in zones of 256 MiB). A list from
/// a stranger must not keep a checker busy.
const ZONES_MAX: u64 = 1 << 23;

/// How a zone takes writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneKind {
    /// Anywhere, like a drive without zones.
    Conventional,
    /// Anywhere, although in sequence is better.
    SequentialPreferred,
    /// Only at its write pointer, which only a reset takes back.
    SequentialRequired,
}

/// What a zone is at the moment (`enum blk_zone_cond` of linux/blkzoned.h, both kinds of open taken together).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneCondition {
    /// It has no write pointer.
    NoPointer,
    /// Nothing was written since it was reset.
    Empty,
    /// It is being written, by command or of itself.
    Open,
    /// Written in part; the drive still holds its write pointer.
    Closed,
    /// Written to its end, or finished before.
    Full,
    /// It can be read and not be written or reset any more.
    ReadOnly,
    /// It can neither be read nor be written any more.
    Offline,
}

/// One zone as the drive reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its addresses.
    pub range: LbaRange,
    /// Blocks that have cells, from the first on; at most as many as there are addresses.
    pub capacity: BlockCount,
    /// How it takes writes.
    pub kind: ZoneKind,
    /// What it is at the moment.
    pub condition: ZoneCondition,
}

/// What can be done with a zone for good. That it is empty or full changes with every write and is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneAccess {
    /// It can be written.
    Writable,
    /// It can only be read.
    ReadOnly,
    /// Nothing.
    Offline,
}

/// Neighbouring zones that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ZoneRun {
    /// First block of the first of them.
    pub first: Lba,
    /// Number of zones, at least 1.
    pub zones: u64,
    /// Addresses of each of them, at least 1.
    pub length: BlockCount,
    /// Blocks of each of them that have cells, at least 1; all of `length` unless they must be written in sequence.
    pub capacity: BlockCount,
    /// How they take writes.
    pub kind: ZoneKind,
    /// What can be done with them.
    pub access: ZoneAccess,
}

/// All zones of a drive: one behind the other, from its first block on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<ZoneRun>", into = "Vec<ZoneRun>")]
pub struct ZoneMap {
    runs: Vec<ZoneRun>,
}

/// What is wrong with a list of zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAZoneMap {
    /// They do not follow one another from block 0, have no addresses, more cells than addresses, or are too many.
    Layout,
    /// A zone has not one block with cells. The kernel takes such a drive for broken (`blk_revalidate_zone_cb`).
    NoCells,
    /// A zone that takes writes anywhere lacks cells. Only of one with a write pointer can be seen where it ends, and the
    /// kernel takes others for broken (`blk_revalidate_conv_zone`).
    Holes,
}

impl std::fmt::Display for NotAZoneMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Layout => {
                "zones follow one another from block 0, are not empty, and have at most as many cells as addresses"
            }
            Self::NoCells => "a zone without one block that has cells cannot be",
            Self::Holes => "a zone that takes writes anywhere has cells behind all of its addresses",
        })
    }
}

impl std::error::Error for NotAZoneMap {}

impl TryFrom<Vec<ZoneRun>> for ZoneMap {
    type Error = NotAZoneMap;

    fn try_from(runs: Vec<ZoneRun>) -> Result<Self, NotAZoneMap> {
        let (mut next, mut zones) = (0u64, 0u64);
        for run in &runs {
            let sound =
                run.first.0 == next && run.zones > 0 && !run.length.is_zero() && run.capacity <= run.length;
            if !sound {
                return Err(NotAZoneMap::Layout);
            }
            if run.capacity.is_zero() {
                return Err(NotAZoneMap::NoCells);
            }
            if run.capacity < run.length && run.kind != ZoneKind::SequentialRequired {
                return Err(NotAZoneMap::Holes);
            }
            let blocks = run.zones.checked_mul(run.length.0).ok_or(NotAZoneMap::Layout)?;
            next = next.checked_add(blocks).ok_or(NotAZoneMap::Layout)?;
            zones = zones.checked_add(run.zones).ok_or(NotAZoneMap::Layout)?;
        }
        if zones == 0 || zones > ZONES_MAX {
            return Err(NotAZoneMap::Layout);
        }
        Ok(Self { runs })
    }
}

impl From<ZoneMap> for Vec<ZoneRun> {
    fn from(map: ZoneMap) -> Self {
        map.runs
    }
}

impl Zone {
    /// What can be done with it.
    pub const fn access(&self) -> ZoneAccess {
        match self.condition {
            ZoneCondition::ReadOnly => ZoneAccess::ReadOnly,
            ZoneCondition::Offline => ZoneAccess::Offline,
            ZoneCondition::NoPointer
            | ZoneCondition::Empty
            | ZoneCondition::Open
            | ZoneCondition::Closed
            | ZoneCondition::Full => ZoneAccess::Writable,
        }
    }
}

/// A zone of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedZone {
    /// Its addresses.
    pub range: LbaRange,
    /// Those with cells; a map has no zone without (`None`).
    pub cells: Option<LbaRange>,
    /// How it takes writes.
    pub kind: ZoneKind,
    /// What can be done with it.
    pub access: ZoneAccess,
}

impl ZoneMap {
    /// The map of zones as they were reported, in ascending order.
    ///
    /// # Errors
    /// When they leave a gap, overlap, or do not begin at block 0; when one has no cells, or lacks some although it takes
    /// writes anywhere.
    pub fn of(zones: &[Zone]) -> Result<Self, NotAZoneMap> {
        let mut runs: Vec<ZoneRun> = Vec::new();
        for zone in zones {
            let run = ZoneRun {
                first: zone.range.first(),
                zones: 1,
                length: zone.range.count(),
                capacity: zone.capacity,
                kind: zone.kind,
                access: zone.access(),
            };
            match runs.last_mut() {
                Some(last) if last.is_continued_by(&run) => last.zones += 1,
                Some(_) | None => runs.push(run),
            }
        }
        Self::try_from(runs)
    }

    /// The runs in ascending order, at least one.
    pub fn runs(&self) -> &[ZoneRun] {
        &self.runs
    }

    /// Whether the zones are all of a drive of this shape, and no more.
    pub fn covers(&self, geometry: &Geometry) -> bool {
        self.runs.last().is_some_and(|last| last.end() == geometry.capacity.0)
    }

    /// Every zone, in ascending order.
    pub fn zones(&self) -> impl Iterator<Item = MappedZone> + '_ {
        self.runs.iter().flat_map(|run| (0..run.zones).filter_map(|number| run.zone(number)))
    }

    /// Addresses that no cells stand behind: they can neither hold data nor be written.
    pub fn absent(&self) -> RangeSet {
        let holey = self.runs.iter().filter(|run| run.capacity < run.length);
        let zones = holey.flat_map(|run| (0..run.zones).filter_map(|number| run.zone(number)));
        let hole = |zone: MappedZone| {
            let from = zone.cells.map_or(zone.range.first(), |cells| cells.end());
            LbaRange::between(from, zone.range.end())
        };
        zones.filter_map(hole).collect()
    }

    /// Number of [`Self::absent`], without a list of them.
    pub fn absent_count(&self) -> BlockCount {
        self.runs.iter().map(|run| BlockCount(run.zones * (run.length.0 - run.capacity.0))).sum()
    }

    /// Number of zones that can be used in this way only, and of their blocks with cells.
    pub fn with_access(&self, access: ZoneAccess) -> (u64, BlockCount) {
        let runs = || self.runs.iter().filter(|run| run.access == access);
        let blocks = runs().map(|run| BlockCount(run.zones * run.capacity.0)).sum();
        (runs().map(|run| run.zones).sum(), blocks)
    }

    /// Number of zones of a kind.
    pub fn of_kind(&self, kind: ZoneKind) -> u64 {
        self.runs.iter().filter(|run| run.kind == kind).map(|run| run.zones).sum()
    }

    /// Blocks with cells in writable zones that must be written in sequence, or in those that may be written anywhere.
    pub fn writable(&self, sequential: bool) -> RangeSet {
        let wanted = |zone: &MappedZone| {
            zone.access == ZoneAccess::Writable && (zone.kind == ZoneKind::SequentialRequired) == sequential
        };
        self.zones().filter(wanted).filter_map(|zone| zone.cells).collect()
    }
}

impl ZoneRun {
    const fn end(&self) -> u64 {
        self.first.0 + self.zones * self.length.0
    }

    fn is_continued_by(&self, next: &Self) -> bool {
        self.end() == next.first.0 && *self == Self { first: self.first, zones: self.zones, ..*next }
    }

    fn zone(&self, number: u64) -> Option<MappedZone> {
        let first = Lba(self.first.0 + number * self.length.0);
        Some(MappedZone {
            range: LbaRange::new(first, self.length)?,
            cells: LbaRange::new(first, self.capacity),
            kind: self.kind,
            access: self.access,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::BlockSize;

    fn zone(first: u64, length: u64, capacity: u64, kind: ZoneKind, condition: ZoneCondition) -> Zone {
        let range = LbaRange::new(Lba(first), BlockCount(length)).unwrap();
        Zone { range, capacity: BlockCount(capacity), kind, condition }
    }

    /// Two conventional zones, three sequential ones with holes of which one is offline, a shorter last one.
    fn map() -> ZoneMap {
        use ZoneCondition::{Closed, Empty, Full, NoPointer, Offline};
        use ZoneKind::{Conventional, SequentialRequired};
        ZoneMap::of(&[
            zone(0, 100, 100, Conventional, NoPointer),
            zone(100, 100, 100, Conventional, NoPointer),
            zone(200, 100, 80, SequentialRequired, Full),
            zone(300, 100, 80, SequentialRequired, Offline),
            zone(400, 100, 80, SequentialRequired, Empty),
            zone(500, 40, 40, SequentialRequired, Closed),
        ])
        .unwrap()
    }

    #[test]
    fn zones_that_are_alike_are_one_run_whatever_was_written_to_them() {
        let map = map();
        let runs: Vec<(u64, u64)> = map.runs().iter().map(|run| (run.first.0, run.zones)).collect();
        assert_eq!(runs, [(0, 2), (200, 1), (300, 1), (400, 1), (500, 1)]);
        assert_eq!(map.zones().count(), 6);
        let again: ZoneMap = serde_json::from_str(&serde_json::to_string(&map).unwrap()).unwrap();
        assert_eq!(again, map);
    }

    #[test]
    fn every_block_is_in_one_place() {
        let map = map();
        let absent: Vec<(u64, u64)> =
            map.absent().ranges().iter().map(|range| (range.first().0, range.end().0)).collect();
        assert_eq!(absent, [(280, 300), (380, 400), (480, 500)]);
        assert_eq!(map.absent_count(), map.absent().count());
        assert_eq!(map.with_access(ZoneAccess::Offline), (1, BlockCount(80)));
        let parts = map.writable(true).count() + map.writable(false).count() + map.absent_count();
        assert_eq!(parts + BlockCount(80), BlockCount(540));
        let size = BlockSize::new(512).unwrap();
        let shape =
            |blocks| Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(blocks) };
        assert!(map.covers(&shape(540)) && !map.covers(&shape(541)) && !map.covers(&shape(500)));
    }

    #[test]
    fn lists_that_are_no_zones_of_a_drive_are_refused() {
        let sound = map().runs().to_vec();
        let broken = |change: fn(&mut Vec<ZoneRun>)| {
            let mut runs = sound.clone();
            change(&mut runs);
            ZoneMap::try_from(runs)
        };
        assert!(broken(|_| {}).is_ok());
        assert_eq!(broken(Vec::clear), Err(NotAZoneMap::Layout));
        assert_eq!(broken(|runs| runs.retain(|run| run.first.0 != 200)), Err(NotAZoneMap::Layout), "a gap");
        assert_eq!(broken(|runs| runs[0].first = Lba(1)), Err(NotAZoneMap::Layout));
        assert_eq!(broken(|runs| runs[1].capacity = BlockCount(101)), Err(NotAZoneMap::Layout));
        assert_eq!(broken(|runs| runs[4].zones = 0), Err(NotAZoneMap::Layout));
        assert_eq!(broken(|runs| runs[4].zones = u64::MAX), Err(NotAZoneMap::Layout), "past 2^64");
        assert_eq!(
            broken(|runs| runs[4].zones = ZONES_MAX),
            Err(NotAZoneMap::Layout),
            "more than any drive has"
        );
    }

    /// A hole hides old data unless a write pointer shows where the cells end (`blk_revalidate_zone_cb` of the kernel refuses
    /// the same lists).
    #[test]
    fn only_zones_with_a_write_pointer_may_lack_cells_and_none_lacks_all() {
        let of = |kind, capacity| {
            let sequential = zone(100, 100, 100, ZoneKind::SequentialRequired, ZoneCondition::Empty);
            ZoneMap::of(&[zone(0, 100, capacity, kind, ZoneCondition::NoPointer), sequential])
        };
        assert!(of(ZoneKind::SequentialRequired, 1).is_ok());
        for kind in [ZoneKind::Conventional, ZoneKind::SequentialPreferred] {
            assert!(of(kind, 100).is_ok());
            assert_eq!(of(kind, 99), Err(NotAZoneMap::Holes), "{kind:?}");
        }
        assert_eq!(of(ZoneKind::SequentialRequired, 0), Err(NotAZoneMap::NoCells));
        assert_eq!(of(ZoneKind::Conventional, 0), Err(NotAZoneMap::NoCells));
        let told =
            serde_json::to_string(map().runs()).unwrap().replacen("\"capacity\":100", "\"capacity\":1", 1);
        assert!(serde_json::from_str::<ZoneMap>(&told).is_err(), "nor may a list that is read");
    }
}
