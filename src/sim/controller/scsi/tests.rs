//! The model against the tables of the reference; all command blocks are written by hand.
use proptest::prelude::*;

use super::*;
use crate::sim::controller::quirk::{FailureMode, Quirk, Stale};
use crate::sim::controller::{Ending, Work};

const LONG: Duration = Duration::from_secs(24 * 3600);

pub(in crate::sim::controller) fn shape(quirks: &[Quirk]) -> Shape {
    Shape { command_ms: 0, quirks: quirks.to_vec(), ..Shape::small(512, 64).used() }
}

fn sim(quirks: &[Quirk]) -> ScsiSim {
    ScsiSim::new(ScsiSpec::scsi(shape(quirks)))
}

fn good(moved: u32) -> ScsiAnswer {
    ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved }
}

fn check(sense: &[u8]) -> ScsiAnswer {
    ScsiAnswer::Answered { status: 2, sense: sense.to_vec(), moved: 0 }
}

fn send(sim: &ScsiSim, block: &[u8]) -> ScsiAnswer {
    sim.port().execute(block, Data::None, LONG)
}

fn fetch(sim: &ScsiSim, block: &[u8], bytes: usize) -> Vec<u8> {
    let mut data = vec![0; bytes];
    match sim.port().execute(block, Data::FromDrive(&mut data), LONG) {
        ScsiAnswer::Answered { status: 0, moved, .. } => data.truncate(moved as usize),
        other => panic!("{other:?}"),
    }
    data
}

fn pass(sim: &ScsiSim, seconds: u64) {
    sim.pass_time(Duration::from_secs(seconds));
}

fn is_clean(sim: &ScsiSim) -> bool {
    let residue = sim.oracle().residue();
    residue.addressable.is_empty() && residue.unaddressable_cells == 0
}

const READY: [u8; 6] = [0; 6];
const REQUEST_SENSE: [u8; 6] = [0x03, 0, 0, 0, 252, 0];
const REQUEST_DESCRIPTOR: [u8; 6] = [0x03, 1, 0, 0, 252, 0];
/// IMMED, block erase.
const BLOCK_ERASE: [u8; 10] = [0x48, 0x82, 0, 0, 0, 0, 0, 0, 0, 0];
/// IMMED, AUSE, block erase.
const BLOCK_ERASE_AUSE: [u8; 10] = [0x48, 0xA2, 0, 0, 0, 0, 0, 0, 0, 0];
const CRYPTO_ERASE: [u8; 10] = [0x48, 0x83, 0, 0, 0, 0, 0, 0, 0, 0];
const EXIT_FAILURE: [u8; 10] = [0x48, 0x1F, 0, 0, 0, 0, 0, 0, 0, 0];
const READ_LAST: [u8; 10] = [0x28, 0, 0, 0, 0, 63, 0, 0, 1, 0];

#[test]
fn a_block_erase_is_followed_by_sense_data_and_reaches_every_cell() {
    let sim = sim(&[]);
    assert_eq!(send(&sim, &BLOCK_ERASE), good(0));
    pass(&sim, 30);
    let running = [0x72, 2, 0x04, 0x1B, 0, 0, 0, 8, 2, 6, 0, 0, 0x80, 0x40, 0, 0];
    assert_eq!(fetch(&sim, &REQUEST_DESCRIPTOR, 252), running);
    let fixed = [0x70, 0, 2, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x04, 0x1B, 0, 0x80, 0x40, 0];
    assert_eq!(fetch(&sim, &REQUEST_SENSE, 252), fixed);
    assert_eq!(send(&sim, &READY), check(&running));
    assert_eq!(send(&sim, &BLOCK_ERASE), check(&running), "a second one");
    assert_eq!(fetch(&sim, &[0x12, 0, 0, 0, 36, 0], 36)[8..16], *b"EXPUNGE ");
    pass(&sim, 90);
    assert_eq!(send(&sim, &READY), good(0));
    assert_eq!(fetch(&sim, &REQUEST_DESCRIPTOR, 252), [0x72, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(fetch(&sim, &READ_LAST, 512), [0; 512]);
    assert!(is_clean(&sim));
}

#[test]
fn without_immed_the_answer_is_that_of_the_end() {
    let done = sim(&[]);
    assert_eq!(send(&done, &[0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0]), good(0));
    assert_eq!((done.clock().elapsed_ms(), is_clean(&done)), (120_000, true));
    let failed = sim(&[Quirk::Fails { at: 0x8000, times: 1 }]);
    let sense = [0x72, 3, 0x31, 0x03, 0, 0, 0, 0];
    assert_eq!(send(&failed, &[0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0]), check(&sense));
    let late =
        sim(&[]).port().execute(&[0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0], Data::None, Duration::from_secs(9));
    assert_eq!(late, ScsiAnswer::Transport { host: 3, driver: 0 });
}

#[test]
fn an_overwrite_needs_a_whole_parameter_list() {
    let sim = sim(&[]);
    let overwrite = |list: &[u8]| {
        let length = u8::try_from(list.len()).unwrap();
        sim.port().execute(&[0x48, 0x81, 0, 0, 0, 0, 0, 0, length, 0], Data::ToDrive(list), LONG)
    };
    let list_error = check(&[0x72, 5, 0x26, 0, 0, 0, 0, 0]);
    assert_eq!(overwrite(&[0x00, 0, 0, 4, 1, 2, 3, 4]), list_error, "count 0 is reserved");
    assert_eq!(overwrite(&[0x01, 0, 0, 5, 1, 2, 3, 4]), list_error);
    assert_eq!(overwrite(&[0x01, 0, 0, 4]), check(&[0x72, 5, 0x1A, 0, 0, 0, 0, 0]));
    assert_eq!(overwrite(&[]), check(&[0x72, 5, 0x24, 0, 0, 0, 0, 0]));
    // Two passes, inverted.
    assert_eq!(overwrite(&[0x82, 0, 0, 4, 0xA5, 0, 0xFF, 1]), good(8));
    pass(&sim, 1200);
    let block = fetch(&sim, &READ_LAST, 512);
    assert_eq!(block[..4], [0x5A, 0xFF, 0x00, 0xFE]);
    assert!(is_clean(&sim));
}

#[test]
fn a_failure_is_left_by_the_road_that_its_mode_allows() {
    let failed = check(&[0x72, 3, 0x31, 0x03, 0, 0, 0, 0]);
    let restricted = sim(&[Quirk::Fails { at: 0x8000, times: 1 }]);
    send(&restricted, &BLOCK_ERASE);
    pass(&restricted, 60);
    assert_eq!(send(&restricted, &READY), failed);
    assert_eq!(fetch(&restricted, &REQUEST_DESCRIPTOR, 252), [0x72, 3, 0x31, 0x03, 0, 0, 0, 0]);
    assert_eq!(send(&restricted, &EXIT_FAILURE), failed);
    assert_eq!(send(&restricted, &BLOCK_ERASE_AUSE), failed);
    assert_eq!(send(&restricted, &BLOCK_ERASE), good(0));
    pass(&restricted, 120);
    assert!(is_clean(&restricted));
    let unrestricted = sim(&[Quirk::Fails { at: 0x8000, times: 1 }]);
    send(&unrestricted, &BLOCK_ERASE_AUSE);
    pass(&unrestricted, 60);
    assert_eq!(send(&unrestricted, &READ_LAST), failed);
    assert_eq!(send(&unrestricted, &EXIT_FAILURE), good(0));
    assert_eq!(send(&unrestricted, &READY), good(0));
    let stale = sim(&[Quirk::StaleEnd { end: Stale::Failure(FailureMode::Restricted) }]);
    assert_eq!(send(&stale, &READY), failed);
}

#[test]
fn a_format_is_interrupted_by_the_loss_of_power_and_a_lying_one_does_nothing() {
    let cut = sim(&[]);
    let immediate = cut.port().execute(&[0x04, 0x10, 0, 0, 0, 0], Data::ToDrive(&[0, 2, 0, 0]), LONG);
    assert_eq!(immediate, good(4));
    pass(&cut, 30);
    let running = [0x72, 2, 0x04, 0x04, 0, 0, 0, 8, 2, 6, 0, 0, 0x80, 0x40, 0, 0];
    assert_eq!(send(&cut, &READY), check(&running));
    cut.power_cut();
    cut.power_on();
    assert_eq!(send(&cut, &READY), check(&[0x72, 6, 0x29, 0x01, 0, 0, 0, 0]));
    assert_eq!(send(&cut, &READY), check(&[0x72, 3, 0x31, 0x00, 0, 0, 0, 0]));
    assert_eq!(send(&cut, &[0x04, 0, 0, 0, 0, 0]), good(0));
    let residue = cut.oracle().residue();
    assert_eq!((residue.addressable.count().0, residue.unaddressable_cells), (0, 10), "clear at best");
    assert_eq!(cut.oracle().deeds()[0].ending, Ending::CutOff);
    let lies = sim(&[Quirk::FormatDoesNothing]);
    assert_eq!(send(&lies, &[0x04, 0, 0, 0, 0, 0]), good(0));
    assert_eq!(lies.oracle().residue().addressable.count().0, 64);
    assert!(lies.oracle().deeds().is_empty());
}

#[test]
fn a_sanitize_goes_on_after_the_loss_of_power() {
    let sim = sim(&[Quirk::PowerFails { at: 0x8000, back_ms: 10_000, returns: Return::Same }]);
    let mut port = sim.port();
    send(&sim, &BLOCK_ERASE);
    pass(&sim, 65);
    assert_eq!(port.execute(&READY, Data::None, LONG), ScsiAnswer::NotCompleted { errno: 19 });
    pass(&sim, 5);
    assert_eq!(send(&sim, &READY), check(&[0x72, 6, 0x29, 0x01, 0, 0, 0, 0]));
    let running = [0x72, 2, 0x04, 0x1B, 0, 0, 0, 8, 2, 6, 0, 0, 0x80, 0x80, 0, 0];
    assert_eq!(send(&sim, &READY), check(&running));
    pass(&sim, 60);
    assert!(is_clean(&sim));
}

#[test]
fn what_stands_in_the_way_is_told() {
    for (quirk, sense) in [
        (Quirk::WriteProtected, [0x72, 7, 0x27, 0, 0, 0, 0, 0]),
        (Quirk::LockedUnknown, [0x72, 7, 0x20, 0x02, 0, 0, 0, 0]),
        (Quirk::UnitAttention { first: 0, every: 2 }, [0x72, 6, 0x2A, 0x01, 0, 0, 0, 0]),
    ] {
        assert_eq!(send(&sim(&[quirk]), &BLOCK_ERASE), check(&sense), "{quirk:?}");
    }
    let attention = sim(&[Quirk::UnitAttention { first: 1, every: 3 }]);
    let answers: Vec<bool> = (0..6).map(|_| send(&attention, &READY) == good(0)).collect();
    assert_eq!(answers, [true, false, true, true, false, true]);
    let reserved = sim(&[Quirk::ReservedByOther]);
    let conflict = ScsiAnswer::Answered { status: 0x18, sense: Vec::new(), moved: 0 };
    assert_eq!((send(&reserved, &BLOCK_ERASE), send(&reserved, &READ_LAST)), (conflict.clone(), conflict));
    assert_eq!(fetch(&reserved, &[0x5E, 0x01, 0, 0, 0, 0, 0, 0, 24, 0], 24)[21], 0x06);
    assert_eq!(fetch(&sim(&[Quirk::WriteProtected]), &[0x1A, 0, 0x3F, 0, 192, 0], 192)[2], 0x80);
    let mut fewer = ScsiSpec::scsi(shape(&[]));
    fewer.personality = Personality::Scsi(ScsiTraits { sanitize: vec![3], ..ScsiTraits::default() });
    let fewer = ScsiSim::new(fewer);
    assert_eq!(send(&fewer, &BLOCK_ERASE), check(&[0x72, 5, 0x24, 0, 0, 0, 0, 0]));
    assert_eq!(send(&fewer, &[0x48, 0x83, 0, 0, 0, 0, 0, 0, 8, 0]), check(&[0x72, 5, 0x24, 0, 0, 0, 0, 0]));
    assert_eq!(send(&fewer, &[0x93; 16]), check(&[0x72, 5, 0x20, 0, 0, 0, 0, 0]));
    assert_eq!(send(&fewer, &CRYPTO_ERASE), good(0));
}

#[test]
fn blocks_may_have_to_be_written_before_they_can_be_read() {
    let sim = sim(&[Quirk::WriteRequiredAfter, Quirk::FixedSense]);
    let page = fetch(&sim, &[0x12, 1, 0xB1, 0, 64, 0], 64);
    assert_eq!((page[1], page[3], &page[4..6], page[7]), (0xB1, 60, &[0, 1][..], 0xF0));
    send(&sim, &BLOCK_ERASE);
    pass(&sim, 120);
    let sense = [0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11, 0x15, 0, 0, 0, 0];
    assert_eq!(send(&sim, &READ_LAST), check(&[0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0, 0, 0]));
    let mut block = [0; 512];
    assert_eq!(sim.port().execute(&READ_LAST, Data::FromDrive(&mut block), LONG), check(&sense));
    let write = [0x2A, 0, 0, 0, 0, 63, 0, 0, 1, 0];
    assert_eq!(sim.port().execute(&write, Data::ToDrive(&[7; 512]), LONG), good(512));
    assert_eq!(fetch(&sim, &READ_LAST, 512), [7; 512]);
}

#[test]
fn the_unit_tells_what_it_is() {
    let sim = sim(&[]);
    assert_eq!(fetch(&sim, &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8), [0, 0, 0, 63, 0, 0, 2, 0]);
    let long = fetch(&sim, &[0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0], 32);
    assert_eq!((&long[4..12], long[14]), (&[0, 0, 0, 63, 0, 0, 2, 0][..], 0xC0));
    assert_eq!(fetch(&sim, &[0x12, 1, 0x00, 0, 64, 0], 64), [0, 0, 0, 6, 0, 0x80, 0x83, 0xB0, 0xB1, 0xB2]);
    assert_eq!(fetch(&sim, &[0x12, 1, 0x80, 0, 64, 0], 64)[4..], *b"SIM000000000001");
    assert_eq!(fetch(&sim, &[0x12, 1, 0x83, 0, 64, 0], 64)[4..], [1, 3, 0, 8, 0x50, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(fetch(&sim, &[0x12, 1, 0xB2, 0, 64, 0], 64), [0, 0xB2, 0, 4, 0, 0x84, 2, 0]);
    assert_eq!(
        fetch(&sim, &[0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0], 64),
        [[0, 0, 0, 8, 0, 0, 0, 0], [0; 8]].concat()
    );
    // One command with service action and timeouts: block erase, and one that is not there.
    let codes = |action: u8| fetch(&sim, &[0xA3, 0x0C, 0x82, 0x48, 0, action, 0, 0, 0, 64, 0, 0], 64);
    assert_eq!(codes(2)[..5], [0, 0x83, 0, 10, 0x48]);
    assert_eq!((codes(2).len(), &codes(2)[14..16], codes(2)[25]), (26, &[0, 10][..], 120));
    assert_eq!(codes(4), [0, 1, 0, 0]);
    // Pass-through is not for a SCSI drive.
    let identify = [0x85, 0x08, 0x0E, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x40, 0xEC, 0];
    assert_eq!(send(&sim, &identify), check(&[0x72, 5, 0x20, 0, 0, 0, 0, 0]));
}

#[test]
fn a_drive_that_never_shows_progress_may_have_worked_or_not() {
    for (quirks, left) in [(vec![Quirk::NeverShown], 0), (vec![Quirk::NeverShown, Quirk::ErasesNothing], 64)]
    {
        let sim = sim(&quirks);
        assert_eq!(send(&sim, &BLOCK_ERASE), good(0));
        assert_eq!(fetch(&sim, &REQUEST_DESCRIPTOR, 252), [0x72, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(sim.oracle().residue().addressable.count().0, left);
        assert_eq!(sim.oracle().deeds()[0].work, Work::BlockErase);
    }
}

#[test]
fn unmap_is_taken_or_ignored() {
    let mut list = vec![0, 22, 0, 16, 0, 0, 0, 0];
    list.extend([0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 0]);
    let unmap = [0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0];
    let read = [0x28, 0, 0, 0, 0, 4, 0, 0, 1, 0];
    let mut ignoring = ScsiSpec::scsi(shape(&[]));
    ignoring.personality = Personality::Scsi(ScsiTraits { unmaps: false, ..ScsiTraits::default() });
    for (sim, zero) in [(sim(&[]), true), (ScsiSim::new(ignoring), false)] {
        assert_eq!(sim.port().execute(&unmap, Data::ToDrive(&list), LONG), good(24));
        assert_eq!(fetch(&sim, &read, 512) == [0; 512], zero);
        assert_eq!(sim.oracle().residue().addressable.count().0, 64, "the cells keep their data");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(
        seed: u64,
        blocks in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), 0_u8..24), 1..12),
        list in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let quirks = crate::sim::controller::quirk::draw_menu(&mut crate::sim::Dice::new(seed));
        let sim = sim(&quirks);
        for (mut block, known) in blocks {
            // Mostly operation codes that lead somewhere, in blocks of the right length.
            let codes = [0x03, 0x04, 0x12, 0x1A, 0x25, 0x28, 0x2A, 0x42, 0x48, 0x48, 0x4D, 0x5A, 0x5E, 0x88, 0x8A, 0x9E, 0xA0, 0xA3, 0xA2];
            if let Some(code) = codes.get(usize::from(known)) {
                block.resize([6, 10, 10, 0, 16, 12][usize::from(code >> 5)], 0);
                block[0] = *code;
            }
            let mut data = vec![0; 700];
            sim.port().execute(&block, Data::FromDrive(&mut data), Duration::from_secs(1));
            sim.port().execute(&block, Data::ToDrive(&list), Duration::from_secs(1));
            sim.pass_time(Duration::from_secs(40));
        }
        sim.oracle().residue();
    }
}
