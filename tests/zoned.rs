//! Whole jobs on simulated drives whose zones must be written in sequence: no old data stays in a zone that can be
//! written, whatever fails, and what cannot be reached is told.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the answer")]

#[path = "zoned/world.rs"]
mod world;

use expunge::certificate::record::WentOn;
use expunge::device::{DriveFacts, Reach, Zoned};
use expunge::engine::PassTally;
use expunge::io::{BlockRead as _, BlockWrite as _, Transfer, ZoneControl as _};
use expunge::job::replay::can_go_on;
use expunge::plan::{
    Decision, LimitCode, PassChoice, PassPattern, Policy, Request, VerificationChoice, decide,
};
use expunge::sim::Dice;
use expunge::sim::zoned::{ZonedDrive, ZonedFault, zones};
use expunge::unit::term::Outcome;
use expunge::unit::{BlockCount, LbaRange, RangeSet, ReasonCode, Zone, ZoneCondition, ZoneKind, ZoneMap};
use expunge::verify::{Ending, VerificationTally, judge};
use world::{TRANSFER, World, facts, geometry, request};

use ZoneCondition::{Closed, Empty, Full, NoPointer, Offline, Open, ReadOnly};
use ZoneKind::{Conventional, SequentialPreferred, SequentialRequired};

/// Addresses of each zone, and blocks with cells in each that must be written in sequence.
const LENGTH: u64 = 64;
const CELLS: u64 = 44;

/// Two conventional zones, one that prefers a sequence, eight that need one, in all conditions, and a short last one.
fn usual() -> Vec<Zone> {
    zones(&[
        (2, LENGTH, LENGTH, Conventional, NoPointer),
        (1, LENGTH, LENGTH, SequentialPreferred, Full),
        (2, LENGTH, CELLS, SequentialRequired, Full),
        (2, LENGTH, CELLS, SequentialRequired, Open),
        (1, LENGTH, CELLS, SequentialRequired, Closed),
        (3, LENGTH, CELLS, SequentialRequired, Empty),
        (1, 20, 20, SequentialRequired, Full),
    ])
}

/// As many zones as the drive holds open from former use: without resets none could be begun.
const OPEN_MAX: usize = 3;

/// First block of the zone of a number.
fn first(zone: u64) -> u64 {
    zone * LENGTH
}

fn blocks(zones: &[Zone]) -> u64 {
    zones.last().unwrap().range.end().0
}

fn drive(zones: Vec<Zone>, faults: Vec<ZonedFault>) -> (ZonedDrive, u64) {
    let blocks = blocks(&zones);
    (ZonedDrive::new(geometry(blocks), zones, OPEN_MAX, faults), blocks)
}

fn world(zones: Vec<Zone>, faults: Vec<ZonedFault>, request: &Request) -> World {
    let (drive, blocks) = drive(zones, faults);
    World::new(&drive, blocks, request)
}

fn count(set: &RangeSet) -> u64 {
    set.count().0
}

#[test]
fn a_drive_without_faults_is_cleared_to_the_last_cell_and_no_rule_of_its_zones_is_broken() {
    let passes = |texts: &[&str]| {
        PassChoice::Listed(texts.iter().map(|text| PassPattern::parse(text).unwrap()).collect())
    };
    for passes in [PassChoice::Default, passes(&["zero"]), passes(&["ones", "random"])] {
        let world = world(usual(), Vec::new(), &Request { passes, ..request() });
        assert_eq!(count(&world.drive.residue()), 3 * LENGTH + 8 * CELLS + 20, "it is full of old data");
        let sat = world.begin().unwrap();
        assert_eq!(sat.verdict.outcome(), Outcome::Done, "{:?}", sat.verdict.reasons());
        assert!(world.drive.residue().is_empty());
        assert_eq!(world.drive.breaches(), [""; 0]);
        for pass in &sat.run.passes {
            assert_eq!(pass.tally.absent, BlockCount(8 * (LENGTH - CELLS)));
            assert_eq!(pass.tally.written.0 + 8 * (LENGTH - CELLS), blocks(&usual()));
        }
        let codes: Vec<LimitCode> = world.plan.limits.iter().map(|limit| limit.code).collect();
        assert!(codes.contains(&LimitCode::AddressesWithoutCells));
        assert!(!codes.contains(&LimitCode::ZonesNotReached));
    }
}

/// What a job wrote, what it could not and what was read back, against the cells: old data is nowhere but where the record
/// says so, and a job that is done has left none.
#[track_caller]
fn told_truly(world: &World, sat: &world::Sat) {
    let mut told = RangeSet::new();
    for pass in &sat.run.passes {
        told.extend(&pass.tally.failed);
        told.extend(&pass.tally.unreached);
    }
    if let Some(read) = &sat.run.verification {
        told.extend(&read.tally.mismatched);
        told.extend(&read.tally.unreadable);
    }
    let mut untold = world.drive.residue();
    if sat.run.passes.is_empty() {
        assert_ne!(sat.verdict.outcome(), Outcome::Done);
    } else {
        untold.subtract(&told);
        assert!(untold.is_empty(), "old data that nobody tells of: {untold:?}");
    }
    if sat.verdict.outcome() == Outcome::Done {
        assert!(world.drive.residue().is_empty(), "done, and old data is left");
    }
    assert_eq!(world.drive.breaches(), [""; 0]);
}

/// Number of blocks that the last pass failed to write, and that it never reached.
fn lost(sat: &world::Sat) -> (u64, u64) {
    let tally = &sat.run.passes.last().unwrap().tally;
    (count(&tally.failed), count(&tally.unreached))
}

#[test]
fn a_zone_in_which_a_write_fails_is_begun_anew_once_and_left_then() {
    // Transfers are of eight blocks: block 20 of a zone is in the one from 16 on.
    let at = first(5) + 20;
    let rest = CELLS - 24;
    for (fault, outcome, failed, unreached) in [
        (ZonedFault::WriteFails(at, 1), Outcome::Done, 0, 0),
        (ZonedFault::WriteFails(at, 2), Outcome::Failed, 8, rest),
        // What was written before it became read-only stays; the transfer that failed was never repeated.
        (ZonedFault::WriteTurns(at, ReadOnly), Outcome::Failed, 0, rest + 8),
        (ZonedFault::WriteTurns(at, Offline), Outcome::Failed, 0, CELLS),
        (ZonedFault::ResetFails(first(5)), Outcome::Failed, 0, CELLS),
        (ZonedFault::ResetIgnored(first(4)), Outcome::Failed, 0, CELLS),
    ] {
        let world = world(usual(), vec![fault], &request());
        let sat = world.begin().unwrap();
        assert_eq!(sat.verdict.outcome(), outcome, "{fault:?}: {:?}", sat.verdict.reasons());
        assert_eq!(lost(&sat), (failed, unreached), "{fault:?}");
        told_truly(&world, &sat);
        let read = &sat.run.verification.as_ref().unwrap().tally;
        assert_eq!(read.matched, sat.run.passes[0].tally.written, "{fault:?}: what was written is read back");
    }
}

/// Only its write pointer shows where a zone ends: one that is not full after its last cell has more than was said, and
/// nothing in it counts as gone. That holds whether the drive says so always or has said so once.
#[test]
fn a_drive_that_hides_cells_of_its_zones_is_not_cleared() {
    let real =
        zones(&[(2, LENGTH, LENGTH, Conventional, NoPointer), (6, LENGTH, LENGTH, SequentialRequired, Full)]);
    let told: Vec<Zone> = real
        .iter()
        .map(|zone| match zone.kind {
            SequentialRequired => Zone { capacity: BlockCount(8), ..*zone },
            Conventional | SequentialPreferred => *zone,
        })
        .collect();
    for faults in [vec![ZonedFault::ToldShort(8)], Vec::new()] {
        let (drive, blocks) = drive(real.clone(), faults.clone());
        let zones = Some(ZoneMap::of(&told).unwrap());
        let world = World::with(&drive, DriveFacts { zones, ..facts(&drive, blocks) }, &request());
        let sat = world.begin().unwrap();
        assert_eq!(sat.verdict.outcome(), Outcome::Failed, "{faults:?}: {:?}", sat.verdict.reasons());
        assert_eq!((lost(&sat), sat.run.passes[0].tally.absent), ((0, 6 * LENGTH), BlockCount::ZERO));
        told_truly(&world, &sat);
    }
}

/// A zone that is left before its end is held open no longer, or a few of them would leave no room for others.
#[test]
fn zones_that_are_left_do_not_keep_others_from_being_written() {
    let faults = [3, 4, 6, 7, 8].map(|zone| ZonedFault::WriteFails(first(zone) + 20, 2));
    assert!(faults.len() > OPEN_MAX);
    let world = world(usual(), faults.to_vec(), &request());
    let sat = world.begin().unwrap();
    assert_eq!((sat.verdict.outcome(), lost(&sat)), (Outcome::Failed, (5 * 8, 5 * (CELLS - 24))));
    told_truly(&world, &sat);
}

/// Whichever flush fails, what it was to make durable is written again.
#[test]
fn after_a_flush_that_failed_nothing_is_missing() {
    for after in 0..24 {
        let world = world(usual(), vec![ZonedFault::FlushFails { after, times: 1 }], &request());
        let sat = world.begin().unwrap();
        assert_eq!(sat.verdict.outcome(), Outcome::Done, "{after}: {:?}", sat.verdict.reasons());
        told_truly(&world, &sat);
    }
}

#[test]
fn a_drive_that_cannot_make_anything_durable_is_given_up() {
    let world = world(usual(), vec![ZonedFault::FlushFails { after: 0, times: 99 }], &request());
    let sat = world.begin().unwrap();
    assert_eq!(sat.verdict.outcome(), Outcome::Failed);
    assert!(sat.verdict.reasons()[0].text.contains("flushes-max"), "{:?}", sat.verdict.reasons());
}

/// A write that was acknowledged and lost shows when it is read back. One block of such a zone cannot be written again.
#[test]
fn a_write_that_was_lost_in_a_zone_is_found_and_not_repaired() {
    let at = first(4) + 9;
    let world = world(usual(), vec![ZonedFault::WriteDropped(at)], &request());
    let sat = world.begin().unwrap();
    assert_eq!(sat.verdict.outcome(), Outcome::Failed);
    let read = sat.run.verification.as_ref().unwrap();
    assert_eq!(
        (count(&read.tally.mismatched), read.tally.mismatched.first().map(|lba| lba.0)),
        (1, Some(at))
    );
    assert_eq!(
        read.repair.as_ref().map(|repair| repair.not_tried.clone()),
        Some(read.tally.mismatched.clone())
    );
    told_truly(&world, &sat);
}

/// Known before: the plan says how many blocks they are, and the job cannot be done.
#[test]
fn offline_and_read_only_zones_are_told_before_and_after() {
    let mut zones = usual();
    zones[4].condition = Offline;
    zones[7].condition = ReadOnly;
    zones[8].condition = ReadOnly;
    let world = world(zones, Vec::new(), &request());
    let limit = world.plan.limits.iter().find(|limit| limit.code == LimitCode::ZonesNotReached).unwrap();
    assert_eq!(
        limit.text,
        "not reached: 44 blocks in 1 offline zones, which can neither be written nor read, and 88 blocks in 2 read-only \
         zones, which cannot be written; they may hold old data for good, and the job cannot end as done"
    );
    let sat = world.begin().unwrap();
    assert_eq!((sat.verdict.outcome(), lost(&sat)), (Outcome::Failed, (0, 3 * CELLS)));
    assert!(
        sat.verdict.reasons()[0].text.contains("132 blocks were never reached"),
        "{:?}",
        sat.verdict.reasons()
    );
    told_truly(&world, &sat);
    let read = &sat.run.verification.as_ref().unwrap().tally;
    assert!(read.mismatched.is_empty() && read.unreadable.is_empty(), "the rest is right");
}

/// Commands that a whole job sends to the usual drive.
fn commands() -> u64 {
    let world = world(usual(), Vec::new(), &request());
    assert_eq!(world.begin().unwrap().verdict.outcome(), Outcome::Done);
    world.drive.commands()
}

/// Goes on until the job has an end that is one for good.
fn to_the_end(world: &mut World) -> Option<world::Sat> {
    for _ in 0..3 {
        let sat = world.go_on()?;
        if !can_go_on(sat.verdict.outcome(), sat.verdict.reasons()) {
            return Some(sat);
        }
    }
    panic!("it never ends");
}

/// The power fails at each command of a job: before and after each write, reset and flush, in the middle of the reading.
#[test]
fn after_the_power_failed_at_any_command_the_job_is_gone_on_with_and_leaves_nothing() {
    let all = commands();
    let mut shorter = 0;
    for stop in 0..all {
        let mut world = world(usual(), Vec::new(), &request());
        world.drive.fail_power_after(stop);
        let sat = world.begin();
        assert_ne!(sat.as_ref().map(|sat| sat.verdict.outcome()), Some(Outcome::Done), "{stop}");
        world.drive.power_on(stop);
        let before = world.drive.commands();
        let sat = to_the_end(&mut world).unwrap();
        assert_eq!(sat.verdict.outcome(), Outcome::Done, "{stop}: {:?}", sat.verdict.reasons());
        told_truly(&world, &sat);
        shorter += u64::from(world.drive.commands() - before < all * 9 / 10);
    }
    // What is durable stays: a job that was nearly over does not begin anew.
    assert!(shorter > all / 3, "{shorter} of {all} jobs were gone on with from what was durable");
}

/// The disk of state stops at each sync of a job, and the power fails with it.
#[test]
fn after_the_journal_stopped_at_any_sync_the_job_is_gone_on_with_and_leaves_nothing() {
    for stop in 0.. {
        let mut world = world(usual(), Vec::new(), &request());
        world.store.stop_at_sync(stop);
        let _cut_short = world.begin();
        if !world.store.is_stopped() {
            assert!(stop > 6, "a job of {stop} entries has no checkpoints");
            break;
        }
        world.drive.power_on(stop);
        match to_the_end(&mut world) {
            Some(sat) if sat.verdict.outcome() == Outcome::Done => told_truly(&world, &sat),
            // The job had not begun.
            other => assert!(stop < 2, "{stop}: {:?}", other.map(|sat| sat.verdict.reasons().to_vec())),
        }
    }
}

fn whole_passes(sat: &world::Sat) -> usize {
    sat.run.passes.iter().filter(|pass| pass.tally.is_complete()).count()
}

/// Two passes with checkpoints that are far apart.
fn two_passes() -> Request {
    let passes = ["ones", "random"].map(|text| PassPattern::parse(text).unwrap());
    let rules = vec!["checkpoint=400ms".parse().unwrap()];
    Request { passes: PassChoice::Listed(passes.into()), rules, ..request() }
}

fn twenty_zones(request: &Request) -> World {
    world(zones(&[(20, LENGTH, LENGTH, SequentialRequired, Full)]), Vec::new(), request)
}

/// A pass whose beginning is not durable has reset zones that held the pass before: that they read as zeros is no sign that
/// the pass before is lost.
#[test]
fn after_the_power_failed_early_in_a_pass_the_passes_before_it_stay() {
    let make = || twenty_zones(&two_passes());
    let whole = make();
    assert_eq!(whole.begin().unwrap().verdict.outcome(), Outcome::Done);
    let mut looked = 0;
    for stop in (0..whole.drive.commands()).step_by(7) {
        let mut world = make();
        world.drive.fail_power_after(stop);
        let passes = world.begin().map_or(0, |sat| whole_passes(&sat));
        world.drive.power_on(stop);
        let sat = to_the_end(&mut world).unwrap();
        assert_eq!(sat.verdict.outcome(), Outcome::Done, "{stop}: {:?}", sat.verdict.reasons());
        told_truly(&world, &sat);
        if let Some((probe, went_on)) = sat.run.probe.filter(|_| passes > 0) {
            assert_eq!(went_on, WentOn::There, "{stop}: {probe:?}");
            looked += 1;
        }
    }
    assert!(looked > 15, "{looked} times a second pass was gone on with");
}

/// Somebody resets a zone while the job does not run, and writes something into it if `data`.
fn meddle(drive: &ZonedDrive, zone: LbaRange, data: bool) {
    let mut port = drive.open(1, TRANSFER);
    port.reset(zone).unwrap();
    if data {
        let mut buffer = port.take_buffers().remove(0);
        buffer.as_mut_slice().fill(b'x');
        let range = LbaRange::new(zone.first(), BlockCount(8)).unwrap();
        port.submit_write(Transfer { range, buffer }).unwrap();
        let mut done = Vec::new();
        port.reap(&mut done).unwrap();
        assert_eq!((done[0].result, port.flush()), (Ok(()), Ok(())));
    }
}

/// Other data is a stranger's, and after the last pass no zone is blank.
#[test]
fn what_was_lost_between_two_passes_or_after_the_last_begins_the_job_anew() {
    let ratio = |text: &str| text.parse().unwrap();
    let sample = VerificationChoice::Sampled { confidence: ratio("0.9"), fraction: ratio("0.3") };
    let one = Request { rules: vec!["checkpoint=400ms".parse().unwrap()], verification: sample, ..request() };
    for (request, data) in [(two_passes(), true), (one, false)] {
        let cut_off = |stop| {
            let world = twenty_zones(&request);
            world.drive.fail_power_after(stop);
            (world.begin().map_or(0, |sat| whole_passes(&sat)) == 1).then_some(world)
        };
        let mut world = (0..).step_by(8).find_map(cut_off).unwrap();
        world.drive.power_on(0);
        meddle(&world.drive, world.drive.zones()[0].range, data);
        let sat = world.go_on().unwrap();
        assert_eq!(sat.run.probe.map(|(_, went_on)| went_on), Some(WentOn::JobAnew), "{data}");
        assert_eq!(sat.verdict.outcome(), Outcome::Done, "{:?}", sat.verdict.reasons());
    }
}

/// Zones and faults of a seed.
fn draw(dice: &mut Dice) -> (Vec<Zone>, Vec<ZonedFault>) {
    let mut runs = Vec::new();
    for _ in 0..dice.between(0, 2) {
        runs.push((1, LENGTH, LENGTH, Conventional, NoPointer));
    }
    let mut held = 0;
    for _ in 0..dice.between(1, 8) {
        let condition = match dice.below(12) {
            0 => ReadOnly,
            1 => Offline,
            2..=4 => Empty,
            5..=6 if held < OPEN_MAX => Open,
            7 if held < OPEN_MAX => Closed,
            _ => Full,
        };
        held += usize::from(matches!(condition, Open | Closed));
        runs.push((1, LENGTH, dice.between(1, LENGTH), SequentialRequired, condition));
    }
    let zones = zones(&runs);
    let end = blocks(&zones);
    let start = |dice: &mut Dice| dice.below(end / LENGTH) * LENGTH;
    let faults = (0..dice.below(3))
        .map(|_| match dice.below(7) {
            0 => ZonedFault::WriteFails(dice.below(end), 1),
            1 => ZonedFault::WriteFails(dice.below(end), 50),
            2 => ZonedFault::WriteTurns(dice.below(end), if dice.chance(1, 2) { ReadOnly } else { Offline }),
            3 => ZonedFault::WriteDropped(dice.below(end)),
            4 => ZonedFault::ResetFails(start(dice)),
            5 => ZonedFault::ResetIgnored(start(dice)),
            _ => ZonedFault::FlushFails { after: u32::try_from(dice.below(16)).unwrap(), times: 1 },
        })
        .collect();
    (zones, faults)
}

#[test]
fn whatever_is_wrong_with_a_zoned_drive_old_data_is_where_the_record_says_so_and_nowhere_else() {
    let (mut done, mut failed) = (0, 0);
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let (zones, faults) = draw(&mut dice);
        let broken = zones.iter().any(|zone| matches!(zone.condition, ReadOnly | Offline));
        let honest = faults.is_empty() && !broken;
        let mut world = world(zones, faults.clone(), &request());
        let cut = dice.chance(1, 2);
        if cut {
            world.drive.fail_power_after(dice.below(120));
        }
        let mut sat = world.begin().unwrap();
        if cut {
            world.drive.power_on(seed);
            if can_go_on(sat.verdict.outcome(), sat.verdict.reasons()) {
                sat = to_the_end(&mut world).unwrap();
            }
        }
        let outcome = sat.verdict.outcome();
        assert!(!honest || outcome == Outcome::Done, "seed {seed}: {:?}", sat.verdict.reasons());
        assert_ne!(outcome, Outcome::Unknown, "seed {seed}, {faults:?}: {:?}", sat.verdict.reasons());
        told_truly(&world, &sat);
        done += u32::from(outcome == Outcome::Done);
        failed += u32::from(outcome == Outcome::Failed);
    }
    assert!(done > 100 && failed > 100, "{done} done, {failed} failed");
}

/// A worker that calls other blocks absent than the zones is not believed, whatever it says to have written and read instead.
#[test]
fn only_the_zones_say_which_addresses_have_no_cells() {
    let world = world(usual(), Vec::new(), &request());
    let sat = world.begin().unwrap();
    let tally = sat.run.passes[0].tally.clone();
    let read = sat.run.verification.unwrap().tally;
    let judged = |more: u64, fewer: u64| {
        let moved = |count: BlockCount| BlockCount(count.0 + more - fewer);
        let pass = PassTally {
            written: moved(tally.written),
            absent: BlockCount(tally.absent.0 + fewer - more),
            ..tally.clone()
        };
        let read = VerificationTally {
            wanted: moved(read.wanted),
            matched: moved(read.matched),
            not_read: BlockCount(read.not_read.0 + fewer - more),
            ..read.clone()
        };
        judge(&world.plan, &[], &[pass], Some(&read), None, &Ending::Completed).outcome()
    };
    assert_eq!(
        [judged(0, 0), judged(0, 5), judged(5, 0)],
        [Outcome::Done, Outcome::Unknown, Outcome::Unknown]
    );
}

#[test]
fn what_cannot_be_planned_on_zones_is_refused_with_its_reason() {
    let (drive, blocks) = drive(usual(), Vec::new());
    let known = facts(&drive, blocks);
    let codes = |facts: &DriveFacts, request: &Request| match decide(request, facts, &Policy::builtin()) {
        Decision::Planned(plan) => Ok(plan.zones.is_some()),
        Decision::Refused(reasons) | Decision::Unsanitizable(reasons) => {
            Err(reasons.iter().map(|reason| reason.code).collect::<Vec<_>>())
        }
    };
    let zoned = Err(vec![ReasonCode::Zoned]);
    assert_eq!(codes(&known, &request()), Ok(true));
    let untold = DriveFacts { zones: None, ..known.clone() };
    assert_eq!(codes(&untold, &request()), zoned);
    let longer = DriveFacts { reach: Reach::Addressable(geometry(blocks + 1)), ..known.clone() };
    assert_eq!(codes(&longer, &request()), zoned);
    // One that takes writes anywhere is overwritten as any drive.
    let aware = DriveFacts { zoned: Zoned::HostAware, zones: None, ..known };
    assert_eq!(codes(&aware, &request()), Ok(false));
}
