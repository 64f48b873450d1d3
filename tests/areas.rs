//! Drives that hide a quarter of themselves, with old data in it (HPA, DCO, accessible maximum address): found, told,
//! restored, cleared or purged, and verified to the native end, whatever comes between. What is in the cells is asked of the
//! oracle.

#[path = "areas/world.rs"]
mod world;

use expunge::certificate::record::InterruptionCause;
use expunge::certificate::{CheckStatus, Statement};
use expunge::device::{Content, ContentType};
use expunge::io::{Data, ScsiPort as _};
use expunge::job::replay::State;
use expunge::plan::request::HiddenChoice;
use expunge::plan::{LimitCode, Request};
use expunge::sim::controller::{AtaTraits, ScsiSim, ScsiSpec, Shape};
use expunge::unit::term::{Method, Outcome};
use expunge::unit::{BlockCount, Lba, LbaRange, RangeSet, ReasonCode};
use serde_json::{Value, json};
use std::time::Duration;
use world::{Kernel, Sat, World, checked};

const ALL: u64 = 4000;
const NATIVE: u64 = 3500;
const SHOWN: u64 = 3000;

/// A magnetic drive that presents 3000 of its 4000 blocks: behind a protected area, behind an overlay, or both.
fn magnetic(presented: Option<u64>, native: Option<u64>) -> ScsiSpec {
    let traits = AtaTraits { presented, native, ..AtaTraits::magnetic() };
    ScsiSpec::ata(Shape::small(512, ALL), traits)
}

fn behind_hpa() -> ScsiSpec {
    magnetic(Some(SHOWN), None)
}

fn behind_dco() -> ScsiSpec {
    magnetic(None, Some(SHOWN))
}

fn behind_both() -> ScsiSpec {
    magnetic(Some(SHOWN), Some(NATIVE))
}

fn behind_ama() -> ScsiSpec {
    let traits = AtaTraits { presented: Some(SHOWN), ..AtaTraits::solid() };
    ScsiSpec::ata(Shape::small(512, ALL), traits)
}

fn request(method: Method) -> Request {
    Request { method: Some(method), ..Request::default() }
}

fn clear() -> Request {
    request(Method::Clear)
}

/// Old data is left at so many addresses up to the native end.
fn left(sim: &ScsiSim) -> u64 {
    sim.oracle().residue().addressable.count().0
}

#[track_caller]
fn is_done(world: &World, sat: &Sat) -> Statement {
    assert_eq!(sat.verdict.outcome(), Outcome::Done, "{:?} {:?}", sat.verdict.reasons(), sat.trouble);
    assert_eq!(left(&world.sim), 0, "old data is left");
    let statement = sat.statement.clone().expect("a record");
    let report = checked(&statement, |_| {});
    assert_eq!(report.status, CheckStatus::Passes, "{:?}", report.findings);
    let record = statement.record().expect("a record of a job");
    let blocks = |geometry: Option<expunge::unit::Geometry>| geometry.map(|shape| shape.capacity.0);
    assert_eq!(
        (blocks(record.drive.geometry), blocks(record.drive.geometry_after)),
        (Some(SHOWN), Some(ALL))
    );
    let scope = &record.claim.as_ref().expect("a claim").scope;
    assert!(scope.contains("4000 blocks"), "{scope}");
    statement
}

#[track_caller]
fn waits_for_power(sat: &Sat, words: &str) {
    assert_eq!(sat.verdict.outcome(), Outcome::Aborted, "{:?}", sat.verdict.reasons());
    let reason = &sat.verdict.reasons()[0];
    assert_eq!(reason.code, ReasonCode::HiddenArea);
    assert!(reason.text.contains(words), "{}", reason.text);
    assert!(reason.remedy.contains("resume the job"), "{}", reason.remedy);
    let report = checked(sat.statement.as_ref().expect("a record"), |_| {});
    assert_eq!(report.status, CheckStatus::AuthenticOther, "{:?}", report.findings);
}

fn position(entries: &[String], word: &str) -> usize {
    entries.iter().position(|entry| entry == word).unwrap_or_else(|| panic!("no {word} in {entries:?}"))
}

#[test]
fn a_quarter_behind_each_of_the_three_is_restored_cleared_and_read_to_the_native_end() {
    for spec in [behind_hpa(), behind_dco(), behind_ama()] {
        let mut world = World::new(spec, &clear());
        assert_eq!((left(&world.sim), world.presented()), (ALL, SHOWN));
        let restore = world.plan.firmware.as_ref().and_then(|firmware| firmware.restore).expect("told");
        assert_eq!((restore.presented.0, restore.native.0), (SHOWN, ALL));
        let sat = world.begin();
        let statement = is_done(&world, &sat);
        let record = statement.record().expect("a record");
        assert_eq!(record.passes[0].tally.written.0, ALL);
        assert_eq!(record.verification.as_ref().expect("read").tally.matched.0, ALL);
        let entries = world.entries();
        let order = ["armed", "restoring", "restored", "pass-ended", "verifying"];
        let places = order.map(|word| position(&entries, word));
        assert!(places.is_sorted(), "{entries:?}");
    }
}

#[test]
fn a_purge_is_verified_to_the_native_end_too() {
    for spec in [behind_hpa(), behind_dco(), behind_ama()] {
        let mut world = World::new(spec, &request(Method::Purge));
        let sat = world.begin();
        let statement = is_done(&world, &sat);
        let record = statement.record().expect("a record");
        let canaries = record.firmware.as_ref().expect("commands").steps[0].tally.canaries.as_ref();
        assert_eq!(canaries.expect("planted").planted.last(), Some(Lba(ALL - 1)));
        assert!(position(&world.entries(), "restored") < position(&world.entries(), "planting"));
    }
}

#[test]
fn hpa_and_dco_take_a_power_cycle_between_and_the_job_goes_on_after_it() {
    let mut world = World::new(behind_both(), &clear());
    let first = world.begin();
    waits_for_power(&first, "the rest needs a power cycle");
    assert_eq!((world.presented(), left(&world.sim)), (NATIVE, ALL), "nothing was written");
    assert_eq!(world.story().state, State::Recorded);
    world.power_cycle();
    let second = world.resume().expect("the same drive, with a size that this job gave it");
    let statement = is_done(&world, &second);
    let record = statement.record().expect("a record");
    assert_eq!(record.firmware.as_ref().expect("changes").restores.len(), 2);
    let causes: Vec<_> = record.interruptions.iter().map(|gap| gap.cause).collect();
    assert_eq!(causes, [InterruptionCause::PowerCycle]);
}

#[test]
fn a_host_that_dies_at_any_place_of_it_is_gone_on_with() {
    for (dies_before, presented) in [("restoring", SHOWN), ("restored", ALL), ("pass-ended", ALL)] {
        let mut world = World::new(behind_hpa(), &clear());
        world.dies_before = Some(dies_before);
        let sat = world.begin();
        assert_eq!(sat.verdict.outcome(), Outcome::Unknown, "{dies_before}");
        assert_eq!(world.presented(), presented, "{dies_before}");
        if presented == SHOWN || dies_before == "restored" {
            assert_eq!(left(&world.sim), ALL, "{dies_before}: something was written too early");
        }
        world.dies_before = None;
        world.power_cycle();
        let sat = world.resume().unwrap_or_else(|reason| panic!("{dies_before}: {reason:?}"));
        is_done(&world, &sat);
    }
    // Both: the host dies after the first change, and the drive has a size that no entry tells.
    let mut world = World::new(behind_both(), &clear());
    world.dies_before = Some("restored");
    world.begin();
    assert_eq!(world.presented(), NATIVE);
    world.dies_before = None;
    world.power_cycle();
    let sat = world.resume().expect("the size between");
    is_done(&world, &sat);
}

/// A command without data through ATA PASS-THROUGH (16), by bytes of its own.
fn tell(sim: &ScsiSim, feature: u8, lba: u64, command: u8, extend: u8) {
    let [low, mid, high, low_next, ..] = lba.to_le_bytes();
    let block =
        [0x85, 0x06 | extend, 0x20, 0, feature, 0, 1, low_next, low, 0, mid, 0, high, 0x40, command, 0];
    sim.port().execute(&block, Data::None, Duration::from_secs(1));
}

#[test]
fn a_size_that_this_job_has_not_caused_is_another_drive() {
    // Before the job said that it would change it.
    let mut world = World::new(behind_hpa(), &clear());
    world.dies_before = Some("restoring");
    world.begin();
    world.dies_before = None;
    tell(&world.sim, 0, 0, 0x27, 1);
    tell(&world.sim, 0, ALL - 1, 0x37, 1);
    assert_eq!(world.presented(), ALL);
    let refused = world.resume().err().expect("somebody else has changed it");
    assert_eq!(refused.code, ReasonCode::IdentityChanged);
    // After it had changed it.
    let mut world = World::new(behind_hpa(), &clear());
    world.dies_before = Some("pass-ended");
    world.begin();
    world.dies_before = None;
    world.power_cycle();
    // The first command after a power cycle is answered with a unit attention.
    tell(&world.sim, 0, 0, 0xE5, 0);
    tell(&world.sim, 0, 0, 0x27, 1);
    tell(&world.sim, 0, SHOWN - 1, 0x37, 1);
    assert_eq!(world.presented(), SHOWN);
    assert_eq!(world.resume().err().expect("hidden again").code, ReasonCode::IdentityChanged);
}

#[test]
fn a_locked_or_frozen_area_is_told_and_nothing_is_written_until_it_is_left_by_choice() {
    // SET MAX FREEZE LOCK, SET MAX LOCK.
    for feature in [0x04, 0x02] {
        let mut world = World::new(behind_hpa(), &clear());
        let block = |world: &World| tell(&world.sim, feature, 0, 0xF9, 0);
        block(&world);
        waits_for_power(&world.begin(), "locked with a password or frozen");
        assert_eq!((world.presented(), left(&world.sim)), (SHOWN, ALL));
        // The firmware of the host does it again at every power-on.
        world.power_cycle();
        tell(&world.sim, 0, 0, 0xE5, 0);
        block(&world);
        let again = world.resume().expect("the same drive");
        waits_for_power(&again, "again: ");
        assert!(again.verdict.reasons()[0].remedy.contains("--hidden-areas leave"));
        assert_eq!(left(&world.sim), ALL);
        // On another host it does not.
        world.power_cycle();
        let sat = world.resume().expect("the same drive");
        is_done(&world, &sat);
    }
}

#[test]
fn what_is_left_hidden_by_choice_is_a_limit_and_in_no_claim() {
    let request = Request { hidden: HiddenChoice::Leave, ..clear() };
    let mut world = World::new(behind_hpa(), &request);
    let sat = world.begin();
    assert_eq!(sat.verdict.outcome(), Outcome::Done, "{:?}", sat.verdict.reasons());
    assert_eq!((world.presented(), left(&world.sim)), (SHOWN, ALL - SHOWN));
    let statement = sat.statement.expect("a record");
    assert_eq!(checked(&statement, |_| {}).status, CheckStatus::Passes);
    let record = statement.record().expect("a record");
    assert!(record.claim.as_ref().expect("a claim").scope.starts_with("the 3000 blocks"));
    let limit = record.limits.iter().find(|limit| limit.code == LimitCode::HiddenAreasLeft);
    assert!(limit.expect("told").text.contains("1000 blocks"));
    let silent = checked(&statement, |value| {
        for limits in ["/predicate/limits", "/predicate/plan/limits"] {
            let limits = value.pointer_mut(limits).and_then(Value::as_array_mut).expect("limits");
            limits.retain(|limit| limit["code"] != "hidden-areas-left");
        }
    });
    assert_eq!(silent.status, CheckStatus::DoesNotVerify);
    assert!(
        silent.findings.iter().any(|one| one.text.contains("hidden-areas-left")),
        "{:?}",
        silent.findings
    );
}

#[test]
fn a_kernel_that_does_not_see_the_new_end_ends_the_sitting_before_anything_is_written() {
    let mut world = World::new(behind_hpa(), &clear());
    world.kernel = Kernel::KeepsTheOldSize;
    waits_for_power(&world.begin(), "the kernel still sees 3000 blocks");
    assert_eq!((world.presented(), left(&world.sim)), (ALL, ALL));
    world.kernel = Kernel::Follows;
    world.power_cycle();
    let sat = world.resume().expect("the size that this job gave it");
    is_done(&world, &sat);
}

#[test]
fn a_record_that_lies_about_the_capacity_does_not_check() {
    let mut world = World::new(behind_hpa(), &clear());
    let statement = is_done_of(&mut world);
    let restores = "/predicate/firmware/restores";
    let lie = |change: &dyn Fn(&mut Value)| {
        let report = checked(&statement, |value| change(value));
        assert_eq!(report.status, CheckStatus::DoesNotVerify, "{:?}", report.findings);
    };
    let at = |value: &mut Value, place: &str, new: Value| {
        *value.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = new;
    };
    lie(&|value| at(value, restores, json!([])));
    lie(&|value| at(value, &format!("{restores}/0/seen"), json!(SHOWN)));
    lie(&|value| at(value, &format!("{restores}/0/seen"), Value::Null));
    lie(&|value| at(value, "/predicate/drive/geometryAfter/capacity", json!(SHOWN)));
    let told = "/predicate/firmware/before/interface/facts/areas";
    lie(&|value| {
        at(value, &format!("{told}/native"), json!(SHOWN));
        at(value, &format!("{told}/factory"), json!(SHOWN));
    });
    lie(&|value| at(value, &format!("{told}/native"), json!(ALL + 1)));
    // The quoted page is that of the drive before.
    lie(&|value| {
        let exchanges = value.pointer(&format!("{restores}/0/report/exchanges")).expect("quoted").clone();
        let pages: Vec<&Value> = exchanges
            .as_array()
            .expect("exchanges")
            .iter()
            .filter(|one| one["name"] == "IDENTIFY DEVICE")
            .collect();
        let (first, count) = (pages[0].clone(), pages.len());
        assert!(count > 1);
        at(value, &format!("{restores}/0/report/exchanges"), json!([first]));
    });
}

fn is_done_of(world: &mut World) -> Statement {
    let sat = world.begin();
    is_done(world, &sat)
}

#[test]
fn a_drive_that_hides_nothing_is_not_told_to_restore_anything() {
    let mut world = World::new(magnetic(None, None), &clear());
    assert!(world.plan.firmware.is_none());
    let sat = world.begin();
    assert_eq!(sat.verdict.outcome(), Outcome::Done, "{:?}", sat.verdict.reasons());
    assert!(!world.entries().iter().any(|entry| entry.starts_with("restor")));
    let first = LbaRange::single(Lba(0));
    assert!(first.is_some() && left(&world.sim) == 0);
    // SET MAX ADDRESS EXT, DEVICE CONFIGURATION RESTORE.
    let sent = world.sim.oracle().asked();
    assert!(sent.len() > 5);
    for asked in sent.iter().filter(|asked| asked.command[0] == 0x85) {
        assert!(!matches!((asked.command[14], asked.command[4]), (0x37, _) | (0xB1, 0xC0)), "{asked:?}");
    }
}

/// A LUKS header at block 1000: up to the end of this small drive there may be keys.
fn encrypted(method: Method) -> World {
    let luks = |offset| Content { content_type: ContentType::Luks, offset, label: None, partition: None };
    World::with_content(behind_hpa(), &request(method), vec![luks(1000 * 512)])
}

#[test]
fn keys_of_software_encryption_are_overwritten_before_anything_else() {
    for (method, next) in [(Method::Clear, "pass-ended"), (Method::Purge, "planting")] {
        let mut world = encrypted(method);
        world.dies_before = Some("key-slots-overwritten");
        world.begin();
        // Into what was hidden, too; and nothing else yet.
        assert_eq!(left(&world.sim), 1000, "{method:?}");
        // Nobody knows that it was done: it is done again.
        world.dies_before = Some(next);
        world.resume().expect("the same drive");
        if method == Method::Purge {
            assert_eq!(left(&world.sim), 1000, "canaries were written before their intent was kept");
        }
        world.dies_before = None;
        let sat = world.resume().expect("the same drive");
        let statement = is_done(&world, &sat);
        let entries = world.entries();
        let count = |word: &str| entries.iter().filter(|entry| *entry == word).count();
        assert_eq!((count("overwriting-key-slots"), count("key-slots-overwritten")), (2, 1), "{entries:?}");
        let order = ["restored", "overwriting-key-slots", "key-slots-overwritten", next];
        assert!(order.map(|word| position(&entries, word)).is_sorted(), "{entries:?}");
        let record = statement.record().expect("a record");
        let slots = record.conduct.as_ref().and_then(|conduct| conduct.key_slots.as_ref());
        let blocks = LbaRange::new(Lba(1000), BlockCount(3000)).into_iter().collect::<RangeSet>();
        assert_eq!(slots.map(|slots| (&slots.blocks, &slots.overwritten)), Some((&blocks, &blocks)));
        let slots = "/predicate/conduct/keySlots";
        for (place, lie) in [
            (format!("{slots}/blocks"), json!([{"first": 0, "count": 3000}])),
            (format!("{slots}/overwritten"), json!([{"first": 0, "count": 4000}])),
            (format!("{slots}/ended"), json!("2000-01-01T00:00:00.000Z")),
        ] {
            let report = checked(&statement, |value| {
                *value.pointer_mut(&place).unwrap_or_else(|| panic!("no {place}")) = lie.clone();
            });
            assert_eq!(report.status, CheckStatus::DoesNotVerify, "{place}: {:?}", report.findings);
        }
    }
}

#[test]
fn the_record_of_a_restored_drive_fits_the_published_schema() {
    let schema: Value = serde_json::from_str(include_str!("../docs/schema/record-v1.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let fits = |statement: &Statement| {
        let value: Value = serde_json::from_slice(&statement.payload()).expect("JSON");
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
    };
    let mut world = World::new(behind_both(), &clear());
    fits(world.begin().statement.as_ref().expect("a record"));
    world.power_cycle();
    let sat = world.resume().expect("the same drive");
    fits(&is_done(&world, &sat));
    fits(&is_done_of(&mut World::new(behind_hpa(), &request(Method::Purge))));
    fits(&is_done_of(&mut encrypted(Method::Clear)));
}
