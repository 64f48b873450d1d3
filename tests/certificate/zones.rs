//! Records of drives whose zones must be written in sequence, and what a liar could make of them.
use expunge::certificate::RecordInput;
use expunge::certificate::check::CheckStatus;
use expunge::certificate::check::FindingCode::{
    Claim, Limits, PassSum, PayloadMalformed, Plan as PlanFinding, SampleSize,
};
use expunge::device::Zoned;
use expunge::plan::{Limit, LimitCode, PassPattern};
use expunge::unit::term::{DriveKind, Outcome};
use expunge::unit::{BlockCount, Digest, Lba, LbaRange, RangeSet, Zone, ZoneCondition, ZoneKind, ZoneMap};
use expunge::verify::Ending;
use serde_json::{Value, json};

use crate::contradictions::{finds, resigned};
use crate::support::{CAPACITY, FULL, finished, geometry, plan, statement, texts, verdict};

/// Addresses of each zone but the last. The last ten of each zone have no cells.
const LENGTH: u64 = CAPACITY / 4;

/// The addresses of a zone; the last one has what is left.
fn whole_zone(number: u64) -> LbaRange {
    let end = if number == 3 { CAPACITY } else { (number + 1) * LENGTH };
    LbaRange::between(Lba(number * LENGTH), Lba(end)).unwrap()
}

/// Four zones; the last of them is in this condition.
fn zones(last: ZoneCondition) -> ZoneMap {
    let zone = |number: u64| Zone {
        range: whole_zone(number),
        capacity: BlockCount(whole_zone(number).count().0 - 10),
        kind: ZoneKind::SequentialRequired,
        condition: if number == 3 { last } else { ZoneCondition::Full },
    };
    let map = ZoneMap::of(&[0, 1, 2, 3].map(zone)).unwrap();
    assert!(map.covers(&geometry()));
    map
}

fn absent() -> RangeSet {
    (0..4).filter_map(|zone| LbaRange::new(Lba(whole_zone(zone).end().0 - 10), BlockCount(10))).collect()
}

fn limit(code: LimitCode) -> Limit {
    Limit { code, text: "told".to_owned() }
}

/// A job that wrote every cell and read it back.
fn zoned_job() -> RecordInput {
    let mut plan = plan(DriveKind::Rotating, vec![PassPattern::Keyed], FULL);
    plan.zones = Some(zones(ZoneCondition::Empty));
    plan.limits.push(limit(LimitCode::AddressesWithoutCells));
    plan.claim.as_mut().unwrap().scope += ", without the 40 addresses that have no cells";
    let mut job = finished(plan);
    job.drive.zoned = Some(Zoned::HostManaged);
    let written = BlockCount(CAPACITY - 40);
    let tally = &mut job.passes[0].tally;
    (tally.written, tally.absent) = (written, BlockCount(40));
    let read = &mut job.verification.as_mut().unwrap().tally;
    (read.wanted, read.matched, read.not_read) = (written, written, BlockCount(40));
    let whole = LbaRange::new(Lba(0), BlockCount(CAPACITY)).unwrap();
    read.wanted_digest = Digest::of_json(&absent().complement(whole));
    job
}

fn at<'v>(value: &'v mut Value, pointer: &str) -> &'v mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"))
}

#[test]
fn a_record_of_a_zoned_drive_passes_and_counts_each_address_once() {
    let job = zoned_job();
    assert_eq!(verdict(&job, &Ending::Completed).outcome(), Outcome::Done);
    let report = resigned(&statement(job), |_| {});
    assert_eq!(report.status, CheckStatus::Passes, "{}", texts(&report.findings));
}

#[test]
fn addresses_without_cells_are_those_of_the_zones_and_are_told() {
    let good = statement(zoned_job());
    let tally = "/predicate/passes/0/tally";
    finds(&good, PassSum, |value| {
        *at(value, &format!("{tally}/written")) = json!(CAPACITY - 50);
        *at(value, &format!("{tally}/absent")) = json!(50);
    });
    finds(&good, PassSum, |value| {
        *at(value, &format!("{tally}/written")) = json!(CAPACITY - 30);
        *at(value, &format!("{tally}/absent")) = json!(30);
    });
    finds(&good, SampleSize, |value| {
        *at(value, "/predicate/verification/tally/wanted") = json!(CAPACITY - 50);
        *at(value, "/predicate/verification/tally/matched") = json!(CAPACITY - 50);
        *at(value, "/predicate/verification/tally/notRead") = json!(50);
    });
    finds(&good, Limits, |value| {
        let limits = at(value, "/predicate/limits").as_array_mut().unwrap();
        limits.retain(|limit| limit["code"] != "addresses-without-cells");
    });
    finds(&good, Claim, |value| {
        let scope = format!("the {CAPACITY} blocks of 512 bytes that the drive presents");
        *at(value, "/predicate/plan/claim/scope") = json!(scope);
    });
    finds(&good, PlanFinding, |value| {
        at(value, "/predicate/plan/zones").as_array_mut().unwrap().pop();
    });
    // Without zones every address has cells.
    finds(&good, PassSum, |value| {
        at(value, "/predicate/plan").as_object_mut().unwrap().remove("zones");
    });
}

/// A zone without a write pointer shows nowhere that it lacks cells: whoever signs could hide old data in it. The same in a
/// zone without one cell.
#[test]
fn zones_that_hide_what_nobody_can_see_are_no_zones() {
    let good = statement(zoned_job());
    for (pointer, lie) in [
        ("/predicate/plan/zones/0/kind", json!("conventional")),
        ("/predicate/plan/zones/0/kind", json!("sequential-preferred")),
        ("/predicate/plan/zones/0/capacity", json!(0)),
    ] {
        finds(&good, PayloadMalformed, |value| *at(value, pointer) = lie);
    }
}

/// Addresses without cells are for zones that must be written in sequence: no other drive can be said to have any.
#[test]
fn a_plan_has_zones_only_for_a_drive_that_is_divided_so() {
    let good = statement(zoned_job());
    finds(&good, PlanFinding, |value| *at(value, "/predicate/drive/zoned") = json!("host-aware"));
    finds(&good, PlanFinding, |value| {
        at(value, "/predicate/drive").as_object_mut().unwrap().remove("zoned");
    });
}

/// Of a zone that was not full after its last cell nothing counts as written, and all of it as unreached.
#[test]
fn a_zone_that_has_more_cells_than_was_said_is_unreached_to_its_last_address() {
    let mut job = zoned_job();
    let lost: RangeSet = [whole_zone(1)].into_iter().collect();
    let left = BlockCount(CAPACITY - 30 - lost.count().0);
    let tally = &mut job.passes[0].tally;
    (tally.written, tally.absent, tally.unreached) = (left, BlockCount(30), lost.clone());
    let read = &mut job.verification.as_mut().unwrap().tally;
    (read.wanted, read.matched, read.not_read) = (left, left, BlockCount(CAPACITY - left.0));
    let whole = LbaRange::new(Lba(0), BlockCount(CAPACITY)).unwrap();
    let mut not_read = absent();
    not_read.extend(&lost);
    read.wanted_digest = Digest::of_json(&not_read.complement(whole));
    assert_eq!(verdict(&job, &Ending::Completed).outcome(), Outcome::Failed);
    let failed = statement(job);
    let found = resigned(&failed, |_| {}).findings;
    let broken = found.iter().any(|finding| [PassSum, SampleSize, PlanFinding].contains(&finding.code));
    assert!(!broken, "{}", texts(&found));
    finds(&failed, PassSum, |value| {
        *at(value, "/predicate/passes/0/tally/unreached") = json!([]);
        *at(value, "/predicate/passes/0/tally/written") = json!(CAPACITY - 30);
    });
}

#[test]
fn offline_zones_are_told() {
    let mut job = zoned_job();
    let plan = job.plan.as_mut().unwrap();
    plan.zones = Some(zones(ZoneCondition::Offline));
    plan.limits.push(limit(LimitCode::ZonesNotReached));
    let mut lost: RangeSet = [whole_zone(3)].into_iter().collect();
    lost.subtract(&absent());
    let left = BlockCount(CAPACITY - 40 - lost.count().0);
    let tally = &mut job.passes[0].tally;
    (tally.written, tally.unreached) = (left, lost.clone());
    let read = &mut job.verification.as_mut().unwrap().tally;
    (read.wanted, read.matched, read.not_read) = (left, left, BlockCount(40 + lost.count().0));
    let whole = LbaRange::new(Lba(0), BlockCount(CAPACITY)).unwrap();
    let mut not_read = absent();
    not_read.extend(&lost);
    read.wanted_digest = Digest::of_json(&not_read.complement(whole));
    assert_eq!(verdict(&job, &Ending::Completed).outcome(), Outcome::Failed);
    let failed = statement(job);
    let found = resigned(&failed, |_| {}).findings;
    let broken = found.iter().any(|finding| finding.code == Limits || finding.code == PassSum);
    assert!(!broken, "{}", texts(&found));
    finds(&failed, Limits, |value| {
        let limits = at(value, "/predicate/limits").as_array_mut().unwrap();
        limits.retain(|limit| limit["code"] != "zones-not-reached");
    });
}
