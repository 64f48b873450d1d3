//! An overwrite pass over a drive whose zones must be written in sequence: first the zones that take writes anywhere, in
//! the way of any drive, then each other zone from its beginning to the end of its cells.
//!
//! A reset is no sanitization: it takes a write pointer back, and a drive may answer reads beyond it with zeros while the
//! old data is still in its cells. So each zone is written whole, and what could not be is counted as not reached.
mod schedule;

use std::collections::VecDeque;
use std::io;

use super::frontier::Settled;
use super::observe::Observer;
use super::pass::{Pass, PassEnd, Writer, Written, duty, grain, write_anywhere};
use super::work::{Scheduler as _, work};
use crate::io::{BlockWrite, Fault, ZoneControl};
use crate::sys::Buffer;
use crate::unit::{
    BlockCount, Geometry, LbaRange, RangeSet, Zone, ZoneAccess, ZoneCondition, ZoneKind, ZoneMap,
};
use schedule::{Work, ZoneSchedule};

/// Longest write into a zone, in bytes. The kernel divides a longer one where it has more pieces than a command can name
/// (127 pages on many NVMe drives), and then it is the kernel that has to keep their order.
const WRITE_BYTES_MAX: u64 = 256 << 10;

/// Writes the pass to every block with cells that can be written and is not yet, and flushes.
///
/// # Errors
/// When the port itself cannot go on; a drive that fails is in the tally.
pub(super) fn write_pass(
    port: &mut dyn BlockWrite,
    buffers: &mut Vec<Buffer>,
    pass: &Pass<'_>,
    zones: &ZoneMap,
    observer: &mut dyn Observer,
) -> io::Result<PassEnd> {
    let geometry = port.geometry();
    let mut absent = zones.absent();
    let total = zones.writable(true).count() + zones.writable(false).count();
    let Left { todo, whole, missing, before } = left(zones, pass.written);
    release(port, &geometry, &todo);
    let mut writer = Writer::new(port, buffers, pass);
    // A range that worked before may be tried again there, so no sequential zone is among what it is told of.
    let mut first = write_anywhere(&mut writer, &missing, Written::before(before), pass, total, observer)?;
    first.written.extend(&whole);
    let (done, doubted) = match first.settled {
        Settled::Complete => write_zones(&mut writer, todo, first, pass, total, observer)?,
        Settled::Stopped | Settled::Gone(_) | Settled::GivenUp(_) | Settled::Refused(_) => {
            (first, RangeSet::new())
        }
    };
    absent.subtract(&doubted);
    Ok(done.end(pass.index, &geometry, &absent))
}

/// Writes the zones that must be written in sequence. Also the addresses that were said to have no cells, and that the
/// drive has not borne out: they count as not reached.
fn write_zones(
    writer: &mut Writer<'_>,
    todo: VecDeque<Work>,
    before: Written,
    pass: &Pass<'_>,
    total: BlockCount,
    observer: &mut dyn Observer,
) -> io::Result<(Written, RangeSet)> {
    let transfer_bytes = writer.port.transfer_bytes().min(WRITE_BYTES_MAX);
    let transfer = grain(&writer.geometry, transfer_bytes).transfer;
    let mut schedule = ZoneSchedule::new(todo, transfer, pass.rules, before.written);
    let flushes = work(writer, &mut schedule, &duty(pass, total), observer)?;
    let mut failed = before.failed;
    failed.extend(schedule.failed());
    let written = Written {
        written: schedule.succeeded(),
        failed,
        flush: flushes.last,
        flush_failures: before.flush_failures + flushes.failed,
        settled: schedule.end().unwrap_or(Settled::Stopped),
    };
    Ok((written, schedule.doubted().clone()))
}

/// What an earlier sitting has left to do, and what it has done.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    /// Sequential zones to be written: all but those that are whole. Of one that was written in part nothing stays.
    todo: VecDeque<Work>,
    /// Cells of sequential zones that are whole.
    whole: RangeSet,
    /// Of the zones that take writes anywhere: what is missing.
    missing: RangeSet,
    /// And what is there.
    before: RangeSet,
}

fn left(zones: &ZoneMap, written: &RangeSet) -> Left {
    let (mut todo, mut whole) = (VecDeque::new(), RangeSet::new());
    let sequential = zones
        .zones()
        .filter(|zone| zone.kind == ZoneKind::SequentialRequired && zone.access == ZoneAccess::Writable);
    for zone in sequential {
        let Some(cells) = zone.cells else { continue };
        if written.covers(cells) {
            whole.insert(cells);
        } else {
            todo.push_back(Work { zone: zone.range, cells });
        }
    }
    let mut before = zones.writable(false);
    let mut missing = RangeSet::new();
    before.ranges().iter().for_each(|range| missing.extend(&written.complement(*range)));
    before.subtract(&missing);
    Left { todo, whole, missing, before }
}

/// Resets zones that are to be written and that the drive holds open from former use: there is room for few such zones
/// at a time, and without it none could be begun. What fails here is found out when their turn comes.
fn release(port: &mut dyn BlockWrite, geometry: &Geometry, todo: &VecDeque<Work>) {
    let (Some(zones), Some(whole)) = (port.zones(), geometry.whole()) else { return };
    let Ok(told) = zones.report(whole) else { return };
    let held = told.into_iter().filter(|zone| match zone.condition {
        ZoneCondition::Open | ZoneCondition::Closed => {
            todo.binary_search_by_key(&zone.range.first(), |work| work.zone.first()).is_ok()
        }
        ZoneCondition::NoPointer
        | ZoneCondition::Empty
        | ZoneCondition::Full
        | ZoneCondition::ReadOnly
        | ZoneCondition::Offline => false,
    });
    for zone in held {
        let _told_again_when_it_is_written = zones.reset(zone.range);
    }
}

fn managed(port: &mut dyn BlockWrite) -> Result<&mut dyn ZoneControl, Fault> {
    port.zones().ok_or(Fault::from_errno(libc::EOPNOTSUPP))
}

/// Makes a zone ready to be written from its beginning, if it can be written at all; what it is then.
pub(super) fn ready(port: &mut dyn BlockWrite, zone: LbaRange) -> Result<Zone, Fault> {
    let now = look(port, zone)?;
    match now.access() {
        ZoneAccess::Writable => {
            managed(port)?.reset(zone)?;
            look(port, zone)
        }
        ZoneAccess::ReadOnly | ZoneAccess::Offline => Ok(now),
    }
}

/// What a zone is.
pub(super) fn look(port: &mut dyn BlockWrite, zone: LbaRange) -> Result<Zone, Fault> {
    managed(port)?.report(zone)?.first().copied().ok_or(Fault::from_errno(libc::EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Lba;

    fn range(first: u64, count: u64) -> LbaRange {
        LbaRange::new(Lba(first), BlockCount(count)).unwrap()
    }

    /// Of a zone that was written in part nothing stays: it is reset.
    #[test]
    fn an_earlier_sitting_leaves_whole_zones_and_parts_of_those_that_take_writes_anywhere() {
        let zone = |first, kind, condition| Zone {
            range: range(first, 10),
            capacity: BlockCount(if kind == ZoneKind::Conventional { 10 } else { 8 }),
            kind,
            condition,
        };
        let zones = ZoneMap::of(&[
            zone(0, ZoneKind::Conventional, ZoneCondition::NoPointer),
            zone(10, ZoneKind::SequentialRequired, ZoneCondition::Full),
            zone(20, ZoneKind::SequentialRequired, ZoneCondition::Open),
            zone(30, ZoneKind::SequentialRequired, ZoneCondition::ReadOnly),
        ])
        .unwrap();
        let written: RangeSet = [range(2, 3), range(10, 8), range(20, 7)].into_iter().collect();
        let set = |ranges: &[LbaRange]| -> RangeSet { ranges.iter().copied().collect() };
        let expected = Left {
            todo: [Work { zone: range(20, 10), cells: range(20, 8) }].into(),
            whole: set(&[range(10, 8)]),
            missing: set(&[range(0, 2), range(5, 5)]),
            before: set(&[range(2, 3)]),
        };
        assert_eq!(left(&zones, &written), expected);
    }
}
