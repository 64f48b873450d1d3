use super::super::script::{Script, Step, abort, good, identify, page, reading, registers, sense};
use super::*;

/// A quarter of 4,000,000 sectors is hidden: 3D08FFh is the last of all, 2DC6C0h = 3,000,000 are presented.
const ALL: u64 = 4_000_000;
const SHOWN: u64 = 3_000_000;

const NATIVE: (u8, u8) = (0, 0x27);
const SET_MAX: (u8, u8) = (0, 0x37);
const DCO_DATA: (u8, u8) = (0xc2, 0xb1);
const DCO_BACK: (u8, u8) = (0xc0, 0xb1);

fn words(sectors: u64) -> Vec<(usize, u16)> {
    let bytes = sectors.to_le_bytes();
    let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    vec![(100, word(0)), (101, word(2)), (102, word(4)), (103, word(6))]
}

/// A drive with HPA and DCO.
fn old(sectors: u64) -> Step {
    identify(page(b'A', &[words(sectors), vec![(82, 1 << 10), (83, 0x4c00)]].concat()))
}

/// A drive with accessible max address.
fn new(sectors: u64) -> Step {
    let marks = vec![(83, 0x4400), (86, 0x8000), (87, 0x4000), (119, 0x4100)];
    identify(page(b'A', &[words(sectors), marks].concat()))
}

fn native(sectors: u64) -> Step {
    Step::new(NATIVE, registers(0, sectors - 1))
}

fn dco(sectors: u64) -> Step {
    let mut data = [0; 512];
    data[6..14].copy_from_slice(&(sectors - 1).to_le_bytes());
    data[510] = 0xa5;
    data[511] = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg();
    reading(DCO_DATA, data)
}

#[track_caller]
fn restored(steps: Vec<Step>) -> (Restored, Script) {
    let (mut port, mut watch) = Script::new(steps);
    let report = restore(&mut port, &mut watch);
    port.is_over();
    (report.restored, port)
}

#[test]
fn the_three_numbers_are_sectors_and_not_addresses() {
    let (mut port, mut watch) = Script::new(vec![old(SHOWN), native(ALL - 1000), dco(ALL)]);
    let (areas, exchanges) = read(&mut port, &mut watch);
    let areas = areas.unwrap();
    assert_eq!(areas.presented.get(), SHOWN);
    assert_eq!(areas.native.map(Capacity::get), Some(ALL - 1000));
    assert_eq!(areas.factory.map(Capacity::get), Some(ALL));
    assert_eq!(areas.full().get(), ALL);
    assert!(areas.hides());
    assert_eq!(exchanges.len(), 3);
}

#[test]
fn a_drive_that_hides_nothing_is_not_touched() {
    assert_eq!(restored(vec![old(ALL), native(ALL), dco(ALL)]).0, Restored::NothingHidden);
}

#[test]
fn a_protected_area_is_given_back_for_good_right_after_the_native_address_was_read() {
    let begin = vec![old(SHOWN), native(ALL), dco(ALL), native(ALL)];
    let steps = [begin, vec![Step::new(SET_MAX, registers(0, 0)), old(ALL), native(ALL), dco(ALL)]].concat();
    let (restored, port) = restored(steps);
    assert!(matches!(restored, Restored::Full { after, .. } if after.presented.get() == ALL), "{restored:?}");
    // 3,999,999 = 3D08FFh; COUNT bit 0: over power cycles.
    let block = &port.seen[4].0;
    assert_eq!((block[12], block[10], block[8], block[6]), (0x3d, 0x08, 0xff, 1));
}

/// SET MAX counts only right behind READ NATIVE MAX: both are sent again.
#[test]
fn a_set_max_that_met_an_attention_is_prepared_again() {
    let attention = sense(vec![0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0, 0, 0, 0, 0]);
    let begin =
        vec![old(SHOWN), native(ALL), dco(ALL), native(ALL), Step::new(SET_MAX, attention), native(ALL)];
    let steps = [begin, vec![Step::new(SET_MAX, registers(0, 0)), old(ALL), native(ALL), dco(ALL)]].concat();
    assert!(matches!(restored(steps).0, Restored::Full { .. }));
}

#[test]
fn an_accessible_max_address_is_given_back_by_its_own_command() {
    let steps = vec![
        new(SHOWN),
        Step::new((0, 0x78), registers(0, ALL - 1)),
        Step::new((1, 0x78), registers(0, 0)),
        new(ALL),
        Step::new((0, 0x78), registers(0, ALL - 1)),
    ];
    assert!(matches!(restored(steps).0, Restored::Full { .. }));
}

#[test]
fn both_hidden_takes_a_power_cycle_between() {
    let begin = vec![old(SHOWN), native(ALL - 1000), dco(ALL), native(ALL - 1000)];
    let after = vec![Step::new(SET_MAX, registers(0, 0)), old(ALL - 1000), native(ALL - 1000), dco(ALL)];
    let (first, _) = restored([begin, after].concat());
    assert!(matches!(first, Restored::PowerCycleNeeded { .. }), "{first:?}");
    let begin = vec![old(ALL - 1000), native(ALL - 1000), dco(ALL)];
    let after = vec![Step::new(DCO_BACK, good()), old(ALL), native(ALL), dco(ALL)];
    assert!(matches!(restored([begin, after].concat()).0, Restored::Full { .. }));
}

#[test]
fn a_frozen_overlay_and_a_locked_area_are_told() {
    let reason = |restored: Restored| match restored {
        Restored::PowerCycleNeeded { reason, .. } => reason,
        Restored::NothingHidden | Restored::Full { .. } | Restored::Refused { .. } => panic!("{restored:?}"),
    };
    let now = || vec![old(SHOWN), native(SHOWN), dco(ALL)];
    let dco_frozen = [now(), vec![Step::new(DCO_BACK, abort(0))], now()].concat();
    let told = reason(restored(dco_frozen).0);
    assert_eq!(told.code, ReasonCode::HiddenArea);
    assert!(told.text.contains("frozen"), "{}", told.text);
    let now = || vec![old(SHOWN), native(ALL), dco(ALL)];
    let locked = [now(), vec![native(ALL), Step::new(SET_MAX, abort(0))], now()].concat();
    assert!(reason(restored(locked).0).text.contains("password"));
}

#[test]
fn a_drive_that_says_good_and_changes_nothing_is_not_believed() {
    let now = || vec![old(SHOWN), native(ALL), dco(ALL)];
    let steps = [now(), vec![native(ALL), Step::new(SET_MAX, registers(0, 0))], now()].concat();
    assert!(matches!(restored(steps).0, Restored::PowerCycleNeeded { .. }));
}
