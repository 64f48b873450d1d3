//! What the campaign does not draw: what people do to drives and disks while a job does not run.
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use expunge::certificate::record::WentOn;
use expunge::io::{BlockRead as _, BlockWrite as _, Transfer};
use expunge::job::entry::Entry;
use expunge::job::replay::Story;
use expunge::journal::recover;
use expunge::plan::request::Ratio;
use expunge::plan::{Request, VerificationChoice, VerificationPlan};
use expunge::sim::store::{SimStore, UnsyncedTail};
use expunge::sim::{Dice, DriveSpec, SimNode};
use expunge::unit::term::Outcome;
use expunge::unit::{BlockCount, Lba, LbaRange, RangeSet, ReasonCode};

use crate::campaign::{CRASHES, Check, Look, Violation, node, run};
use crate::shape::{Shape, request};
use crate::worker::End;
use crate::world::{Defect, Found, Over, Sat, World};

/// A job of these passes on an honest drive with a cache.
fn shape(capacity: u64, passes: &[&str]) -> Shape {
    let spec = DriveSpec { cache_blocks: 8, depth: 4, ..DriveSpec::honest(512, capacity) };
    let request = request(passes, &spec);
    Shape::of(spec, &request)
}

/// A world that stops at a sync, and the journal that it leaves; `None` when the job ended before.
fn stopped(shape: &Shape, sync: u64) -> Option<(World, Vec<u8>)> {
    let mut world = World::new(shape, sync, End::Power);
    world.store.stop_at_sync(sync);
    match world.begin() {
        Sat::Over(_) => None,
        Sat::Stopped => {
            let bytes = world.store.crash(UnsyncedTail::Lost, &mut Dice::new(sync));
            Some((world, bytes))
        }
    }
}

/// The world whose journal ends with an entry of this name, the first or a later one.
fn stopped_after(shape: &Shape, name: &str, skip: usize) -> (World, Vec<u8>) {
    let ends_so = |bytes: &[u8]| {
        let entries = recover(bytes).expect("a journal of ours").entries;
        let last = entries.last().map(|line| String::from_utf8_lossy(line).into_owned());
        last.is_some_and(|line| line.contains(&format!("\"entry\":\"{name}\"")))
    };
    let worlds = (0..).map_while(|sync| stopped(shape, sync));
    worlds.filter(|(_, bytes)| ends_so(bytes)).nth(skip).expect("the job comes there")
}

fn story(bytes: &[u8]) -> Story {
    match World::read(bytes) {
        Found::Resumable(story) => *story,
        Found::Nothing | Found::Nonsense(_) | Found::NotResumable(..) => panic!("it can be gone on with"),
    }
}

/// Goes on to the end.
fn finish(world: &mut World, bytes: &[u8]) -> Over {
    let kept = recover(bytes).expect("a journal of ours").length;
    world.store = SimStore::with(bytes[..kept].to_vec());
    match world.go_on(story(bytes), bytes) {
        Ok(Sat::Over(over)) => *over,
        Ok(Sat::Stopped) => panic!("nothing stops it"),
        Err(reason) => panic!("{}", reason.text),
    }
}

fn violations(world: &World, over: &Over) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut look = Look { world, violations: &mut found };
    look.order();
    look.over(over, 2);
    // That is the campaign's, for drives that nobody touches.
    found.retain(|violation| violation.check != Check::HonestDrivesAreDone);
    found
}

/// Somebody writes something else.
fn tamper(world: &World, first: u64, count: u64) {
    overwrite(world, first, count, 0x5A);
}

fn overwrite(world: &World, first: u64, count: u64, byte: u8) {
    let mut port = node(world).open();
    for lba in first..first + count {
        let mut buffer = port.take_buffers().pop().unwrap_or_else(|| expunge::sys::Buffer::new(4096));
        buffer.as_mut_slice().fill(byte);
        let range = LbaRange::single(Lba(lba)).expect("a block");
        port.submit_write(Transfer { range, buffer }).expect("an empty queue");
        port.reap(&mut Vec::new()).expect("a simulated port always goes on");
    }
    port.flush().expect("an honest drive");
}

fn entries(world: &World) -> Vec<Entry> {
    let entries = recover(&world.store.durable()).expect("a journal of ours").entries;
    entries.iter().map(|line| serde_json::from_slice(line).expect("an entry")).collect()
}

#[test]
fn what_somebody_wrote_over_a_begun_pass_is_seen_and_the_pass_begins_anew() {
    let shape = shape(400, &["random"]);
    let (mut world, bytes) = stopped_after(&shape, "checkpoint", 1);
    let written = story(&bytes).course.written;
    let whole = written.ranges()[0];
    tamper(&world, whole.first().0, whole.count().0);
    let over = finish(&mut world, &bytes);
    let probed = entries(&world).into_iter().find_map(|entry| match entry {
        Entry::Probed { probe, went_on, .. } => Some((probe, went_on)),
        _ => None,
    });
    let (probe, went_on) = probed.expect("it was looked at");
    assert_eq!((went_on, probe.wrong.is_empty()), (WentOn::PassAnew, false));
    assert_eq!(over.verdict.outcome(), Outcome::Done);
    assert!(violations(&world, &over).is_empty(), "{:?}", violations(&world, &over));
}

/// A single block of many: the look misses it, the read-back does not.
#[test]
fn what_the_look_misses_the_read_back_finds() {
    let shape = shape(6000, &["random"]);
    let mut missed = 0;
    for seed in 0..6 {
        let (mut world, bytes) = stopped_after(&shape, "checkpoint", 2);
        tamper(&world, 1000 + seed * 37, 1);
        let over = finish(&mut world, &bytes);
        assert!(violations(&world, &over).is_empty(), "{:?}", violations(&world, &over));
        let (_, went_on) = over.run.probe.as_ref().expect("it was looked at");
        if *went_on == WentOn::There {
            missed += 1;
            assert_eq!(over.verdict.outcome(), Outcome::Failed);
            assert!(over.verdict.reasons().iter().any(|reason| reason.code == ReasonCode::StaleRepaired));
        }
    }
    // It finds one block in 4,000 in one case of 50.
    assert!(missed > 0, "the look found it every time");
}

/// The read-back was right, and then the job was interrupted: what it showed is not so any more.
#[test]
fn a_read_back_from_before_an_interruption_counts_for_nothing_after_it() {
    for name in ["verified", "verdict"] {
        let (mut world, bytes) = stopped_after(&shape(100, &["random"]), name, 0);
        tamper(&world, 17, 3);
        let over = finish(&mut world, &bytes);
        assert_eq!(over.verdict.outcome(), Outcome::Failed, "{name}");
        assert!(violations(&world, &over).is_empty(), "{:?}", violations(&world, &over));
    }
}

/// What was found wrong stays found, although it was repaired before the crash.
#[test]
fn a_read_back_that_found_something_wrong_counts_after_an_interruption() {
    use expunge::sim::SimFault::WriteDropped;
    use expunge::sim::fault::Times;
    let mut shape = shape(100, &["random"]);
    shape.spec.faults.push(WriteDropped { lba: 40, times: Times::Once });
    for name in ["verified", "repaired", "verdict"] {
        let (mut world, bytes) = stopped_after(&shape, name, 0);
        let over = finish(&mut world, &bytes);
        assert_eq!(over.verdict.outcome(), Outcome::Failed, "{name}");
        let read = over.run.verification.as_ref().expect("it was read back");
        assert_eq!(read.tally.mismatched.ranges(), [LbaRange::single(Lba(40)).expect("a block")]);
        assert!(read.repair.is_some(), "{name}");
    }
}

/// A rule had ended the first pass: after an interruption no other pass is begun, and it is said why.
#[test]
fn a_job_that_a_rule_has_ended_stays_ended_after_an_interruption() {
    use expunge::sim::SimFault::WriteErrorHard;
    let mut spec = DriveSpec::honest(512, 200);
    spec.faults = [3, 50].map(|lba| WriteErrorHard { lba, errno: 5 }).to_vec();
    let mut request = request(&["zero", "random"], &spec);
    request.rules.push("errors-max=2".parse().expect("a rule"));
    let shape = Shape::of(spec, &request);
    let (mut world, bytes) = stopped_after(&shape, "pass-ended", 0);
    let before = world.oracle().log().writes();
    let over = finish(&mut world, &bytes);
    assert_eq!(over.verdict.outcome(), Outcome::Partial);
    assert_eq!(over.verdict.reasons()[0].code, ReasonCode::TooManyErrors);
    assert_eq!(
        (world.oracle().log().writes(), over.run.passes.len()),
        (before, 1),
        "nothing more is written"
    );
}

/// A cache was lost, and the blocks are again what the pass before wrote, which is what the pass after will write.
#[test]
fn what_an_earlier_and_a_later_pass_write_is_no_sign_of_the_one_between() {
    let shape = shape(200, &["zero", "ones", "zero", "random"]);
    let in_the_second = |(_, bytes): &(World, Vec<u8>)| story(bytes).course.passes.len() == 1;
    let (mut world, bytes) = (0..20)
        .map(|skip| stopped_after(&shape, "checkpoint", skip))
        .find(in_the_second)
        .expect("a checkpoint of the second pass");
    let written = story(&bytes).course.written;
    for range in written.ranges() {
        overwrite(&world, range.first().0, range.count().0, 0);
    }
    let over = finish(&mut world, &bytes);
    assert_eq!(over.run.probe.as_ref().map(|(_, went_on)| *went_on), Some(WentOn::PassAnew));
    assert_eq!(over.verdict.outcome(), Outcome::Done);
    assert!(violations(&world, &over).is_empty(), "{:?}", violations(&world, &over));
}

/// A rule had ended the last pass, and what it wrote is gone: all is done anew, and the rule has no say in that.
#[test]
fn a_rule_that_ended_a_pass_does_not_end_the_job_that_begins_anew() {
    use expunge::sim::SimFault::WriteErrorHard;
    let mut spec = DriveSpec::honest(512, 200);
    // Late, so that something of every sample has been written.
    spec.faults = [3, 190].map(|lba| WriteErrorHard { lba, errno: 5 }).to_vec();
    let ratio = |billionths| Ratio::from_billionths(billionths).expect("between 0 and 1");
    let sampled =
        VerificationChoice::Sampled { confidence: ratio(900_000_000), fraction: ratio(300_000_000) };
    let mut request = Request { verification: sampled, ..request(&["random"], &spec) };
    request.rules.push("errors-max=2".parse().expect("a rule"));
    let shape = Shape::of(spec.clone(), &request);
    let (mut world, bytes) = stopped_after(&shape, "verifying", 0);
    // Another medium, which has none of these bad blocks and nothing of what was written.
    world.bays[0].1 = Arc::new(SimNode::new(DriveSpec { faults: Vec::new(), ..spec }));
    let over = finish(&mut world, &bytes);
    assert_eq!(over.run.probe.as_ref().map(|(_, went_on)| *went_on), Some(WentOn::JobAnew));
    assert_eq!((over.verdict.outcome(), over.verdict.reasons()), (Outcome::Done, &[][..]));
}

#[test]
fn another_drive_at_the_same_node_is_left_alone_and_the_drive_is_found_at_another() {
    let shape = shape(200, &["random"]);
    let (mut world, bytes) = stopped_after(&shape, "checkpoint", 0);
    let ours = Arc::clone(&world.bays[0].1);
    let other = Arc::new(SimNode::new(DriveSpec { drive: 99, ..shape.spec.clone() }));
    world.bays[0].1 = Arc::clone(&other);
    world.bays.push((PathBuf::from("/dev/sim1"), Arc::clone(&ours)));
    // Ours is detached: only the other one is there.
    let detached = world.bays.pop().expect("it was put there");
    world.store = SimStore::with(bytes.clone());
    let reason = {
        // The world's oracle looks at the drive of the job, which is in a drawer now.
        world.bays.push((
            PathBuf::from("/drawer"),
            Arc::new(SimNode::new(DriveSpec { drive: 98, ..shape.spec.clone() })),
        ));
        let refused = refusal(&mut world, &bytes);
        world.bays.pop();
        refused
    };
    assert_eq!(reason, ReasonCode::Missing);
    assert_eq!((world.store.live(), other.oracle().is_untouched()), (bytes.clone(), true));
    world.bays.push(detached);
    let over = finish(&mut world, &bytes);
    assert_eq!(over.verdict.outcome(), Outcome::Done);
    assert!(violations(&world, &over).is_empty(), "{:?}", violations(&world, &over));
    assert!(other.oracle().is_untouched());
    let node = entries(&world).into_iter().find_map(|entry| match entry {
        Entry::Resumed { node, .. } => Some(node),
        _ => None,
    });
    assert_eq!(node, Some(PathBuf::from("/dev/sim1")));
}

fn refusal(world: &mut World, bytes: &[u8]) -> ReasonCode {
    match world.go_on(story(bytes), bytes) {
        Err(reason) => reason.code,
        Ok(_) => panic!("it goes on"),
    }
}

#[test]
fn a_drive_that_has_another_size_now_is_not_gone_on_with() {
    let shape = shape(200, &["random"]);
    let (mut world, bytes) = stopped_after(&shape, "checkpoint", 0);
    let mut spec = shape.spec.clone();
    spec.geometry.capacity = BlockCount(199);
    let smaller = Arc::new(SimNode::new(spec));
    world.bays[0].1 = Arc::clone(&smaller);
    world.store = SimStore::with(bytes.clone());
    assert_eq!(refusal(&mut world, &bytes), ReasonCode::IdentityChanged);
    assert_eq!((world.store.live(), smaller.oracle().is_untouched()), (bytes, true));
}

/// It leaves in the middle of anything, its cache is lost, and it is attached again.
#[test]
fn a_drive_that_leaves_and_returns_is_done_in_the_end() {
    use expunge::sim::SimFault::Returns;
    use expunge::sim::fault::GoneManner;
    let honest = shape(200, &["zero", "random"]);
    let transfers = 3 * honest.spec.geometry.capacity.0.div_ceil(honest.spec.transfer_blocks());
    let mut left = 0;
    for transfer in 0..=transfers {
        for manner in [GoneManner::Eio, GoneManner::Enodev, GoneManner::NoBytes] {
            let mut shape = honest.clone();
            shape.spec.faults.push(Returns { transfer, manner, asks: 3 });
            let mut world = World::new(&shape, transfer, End::Parent);
            let Sat::Over(over) = world.begin() else { panic!("the disk of state works") };
            if over.verdict.outcome() == Outcome::Done {
                continue;
            }
            left += 1;
            assert_eq!(over.verdict.reasons()[0].code, ReasonCode::DriveGone, "{transfer}, {manner:?}");
            let bytes = world.store.durable();
            let over = finish(&mut world, &bytes);
            assert_eq!(over.verdict.outcome(), Outcome::Done, "{transfer}, {manner:?}");
            assert!(violations(&world, &over).is_empty(), "{:?}", violations(&world, &over));
        }
    }
    assert!(left > 200, "it left {left} times");
}

/// The disk of state is full from the kth entry on, for every k.
#[test]
fn a_full_disk_of_state_ends_the_job_as_unknown_and_it_goes_on_when_there_is_room() {
    let mut shape = shape(200, &["zero", "random"]);
    shape.ahead = 5;
    let mut ended = Vec::new();
    for full_from in 0.. {
        let mut world = World::new(&shape, full_from, End::Parent);
        world.store.full_from_append(full_from);
        let sat = world.begin();
        let failed_at = *world.hooks.writes_at_failure.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writes) = failed_at else { break };
        let later = world.oracle().log().writes() - writes;
        assert!(later <= shape.spec.depth, "{later} writes after entry {full_from} was lost");
        match &sat {
            Sat::Stopped => assert!(world.oracle().is_untouched(), "not armed, not written"),
            Sat::Over(over) => {
                ended.push(over.verdict.outcome());
                assert!(over.trouble.is_some());
                let claims = over.verdict.outcome() == Outcome::Done;
                assert_eq!(claims, over.record.is_some(), "a success without its record is unknown");
            }
        }
        let bytes = world.store.live();
        if matches!(World::read(&bytes), Found::Nothing) {
            continue;
        }
        let over = finish(&mut world, &bytes);
        assert_eq!(over.verdict.outcome(), Outcome::Done, "after entry {full_from} was lost");
        assert!(violations(&world, &over).is_empty(), "{:?}", violations(&world, &over));
    }
    let done = ended.pop();
    assert_eq!(done, Some(Outcome::Done), "only the line that closes the journal was lost");
    assert!(ended.len() > 10 && ended.iter().all(|outcome| *outcome == Outcome::Unknown), "{ended:?}");
}

/// Somebody stops the job at the kth entry, for every k, and goes on with it.
#[test]
fn a_job_that_is_stopped_anywhere_is_gone_on_with() {
    let shape = shape(200, &["zero", "random"]);
    let mut aborted = 0;
    for stop_at in 0.. {
        let mut world = World::new(&shape, stop_at, End::Parent);
        let hooks = crate::world::Hooks { stop_at_append: Some(stop_at), ..Default::default() };
        world.hooks = Arc::new(hooks);
        let Sat::Over(over) = world.begin() else { panic!("nothing else stops it") };
        if world.store.appends() <= stop_at {
            break;
        }
        if over.verdict.outcome() == Outcome::Done {
            continue;
        }
        assert_eq!(over.verdict.outcome(), Outcome::Aborted, "stopped at entry {stop_at}");
        aborted += 1;
        world.hooks = Arc::default();
        let bytes = world.store.durable();
        let over = finish(&mut world, &bytes);
        assert_eq!(over.verdict.outcome(), Outcome::Done, "stopped at entry {stop_at}");
        assert!(violations(&world, &over).is_empty(), "{:?}", violations(&world, &over));
    }
    assert!(aborted > 10, "{aborted}");
}

/// The first seed in which a defect is reported by the check that exists for it.
fn killing_seed(defect: Defect, check: Check) -> Option<u64> {
    (0..300).find(|seed| {
        let shape = Shape::draw(*seed);
        let trails = (0..8).map(|stop| run(&shape, stop, CRASHES[3], *seed, defect));
        trails.flat_map(|trail| trail.violations).any(|violation| violation.check == check)
    })
}

#[test]
fn defects_are_killed_by_the_checks_of_the_campaign() {
    for (defect, check) in [
        (Defect::JournalTrusted, Check::P6ResumeLooks),
        (Defect::FlushLeftOut, Check::P6Order),
        (Defect::FlushLeftOut, Check::P6DurableIsDurable),
        (Defect::KeysNotKept, Check::P6Order),
        (Defect::KeysNotKept, Check::P6NoWriteBeforeArming),
        (Defect::KeysNotKept, Check::P6NoJobIsLost),
    ] {
        let seed = killing_seed(defect, check);
        println!("{defect:?}: {check:?} at seed {seed:?}");
        assert!(seed.is_some(), "{defect:?} must be reported by {check:?}");
    }
}

#[test]
fn defect_read_back_kept_over_an_interruption() {
    let (mut world, bytes) = stopped_after(&shape(100, &["random"]), "verified", 0);
    tamper(&world, 17, 3);
    world.defect = Defect::ReadBackKept;
    let over = finish(&mut world, &bytes);
    let found = violations(&world, &over);
    assert!(found.iter().any(|violation| violation.check == Check::P3DoneIsTrue), "{found:?}");
}

/// Sampled: what lies outside of the sample is not claimed, and the look is all the more worth.
#[test]
fn with_a_sample_only_the_look_sees_what_was_written_over() {
    let plain = shape(400, &["random"]);
    let ratio = |billionths| Ratio::from_billionths(billionths).expect("between 0 and 1");
    let sampled =
        VerificationChoice::Sampled { confidence: ratio(900_000_000), fraction: ratio(300_000_000) };
    let request = Request { verification: sampled, ..request(&["random"], &plain.spec) };
    let shape = Shape::of(plain.spec, &request);
    assert!(matches!(shape.plan.verification, VerificationPlan::Sampled { .. }));
    let (mut world, bytes) = stopped_after(&shape, "checkpoint", 0);
    let written: RangeSet = story(&bytes).course.written;
    let whole = written.ranges()[0];
    tamper(&world, whole.first().0, whole.count().0);
    let over = finish(&mut world, &bytes);
    assert_eq!(over.run.probe.as_ref().map(|(_, went_on)| *went_on), Some(WentOn::PassAnew));
    assert!(violations(&world, &over).is_empty(), "{:?}", violations(&world, &over));
}
