//! The model against the tables of the reference; all command blocks are written by hand.
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::io::{Data, ScsiAnswer, ScsiPort};
use crate::sim::controller::quirk::FailureMode;
use crate::sim::controller::{ScsiSim, Shape};

const LONG: Duration = Duration::from_secs(24 * 3600);

/// The ready-made blocks of standards 6.3.
const STATUS: [u8; 16] = [0x85, 0x07, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0xB4, 0];
const CRYPTO: [u8; 16] = [0x85, 0x07, 0x20, 0, 0x11, 0, 0, 0x43, 0x70, 0, 0x79, 0, 0x72, 0x40, 0xB4, 0];
const BLOCK: [u8; 16] = [0x85, 0x07, 0x20, 0, 0x12, 0, 0, 0x42, 0x72, 0, 0x45, 0, 0x6B, 0x40, 0xB4, 0];
const OVERWRITE: [u8; 16] = [0x85, 0x07, 0x20, 0, 0x14, 0, 1, 0, 0, 0x57, 0, 0x4F, 0, 0x40, 0xB4, 0];
/// FREEZE LOCK: "FrLk".
const FREEZE: [u8; 16] = [0x85, 0x07, 0x20, 0, 0x20, 0, 0, 0x46, 0x6B, 0, 0x4C, 0, 0x72, 0x40, 0xB4, 0];
const IDENTIFY: [u8; 16] = [0x85, 0x08, 0x0E, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x40, 0xEC, 0];

fn shape(quirks: &[Quirk]) -> Shape {
    Shape { command_ms: 0, quirks: quirks.to_vec(), ..Shape::small(512, 64).used() }
}

fn sim(traits: AtaTraits, quirks: &[Quirk]) -> ScsiSim {
    ScsiSim::new(ScsiSpec::ata(shape(quirks), traits))
}

fn send(sim: &ScsiSim, block: &[u8]) -> ScsiAnswer {
    sim.port().execute(block, Data::None, LONG)
}

/// ERROR, COUNT, LBA 15:0 and STATUS of an answer in descriptor format, with the key before them.
fn registers(answer: &ScsiAnswer) -> (u8, u8, u16, u16, u8) {
    let ScsiAnswer::Answered { status: 2, sense, .. } = answer else { panic!("{answer:?}") };
    assert_eq!((sense[0], sense[7], sense[8], sense[9], sense.len()), (0x72, 14, 0x09, 0x0C, 22));
    let word = |high: usize, low: usize| u16::from_be_bytes([sense[high], sense[low]]);
    (sense[1], sense[11], word(12, 13), word(17, 15), sense[21])
}

/// COUNT and LBA 15:0 of a status that was read well.
fn status(sim: &ScsiSim) -> (u16, u16) {
    let (key, error, count, lba, status) = registers(&send(sim, &STATUS));
    assert_eq!((key, error, status), (1, 0, 0x50));
    (count, lba)
}

fn reason(answer: &ScsiAnswer) -> u16 {
    let (key, error, _, lba, status) = registers(answer);
    assert_eq!((key, error, status), (0x0B, 4, 0x51));
    lba
}

fn words(sim: &ScsiSim) -> Vec<u16> {
    let mut data = [0; 512];
    let answer = sim.port().execute(&IDENTIFY, Data::FromDrive(&mut data), LONG);
    assert_eq!(answer, ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: 512 });
    assert_eq!(data[510], 0xA5);
    assert_eq!(data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)), 0);
    data.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn pass(sim: &ScsiSim, seconds: u64) {
    sim.pass_time(Duration::from_secs(seconds));
}

fn is_clean(sim: &ScsiSim) -> bool {
    let residue = sim.oracle().residue();
    residue.addressable.is_empty() && residue.unaddressable_cells == 0
}

#[test]
fn a_block_erase_shows_its_progress_and_keeps_its_success() {
    let sim = sim(AtaTraits::solid(), &[]);
    assert_eq!(status(&sim), (0, 0xFFFF));
    registers(&send(&sim, &BLOCK));
    pass(&sim, 30);
    assert_eq!(status(&sim), (0x4000, 0x4000));
    assert_eq!(reason(&send(&sim, &BLOCK)), 0, "a second one");
    assert_eq!(words(&sim)[59], 0xB000);
    sim.power_cut();
    sim.power_on();
    assert_eq!(send(&sim, &STATUS), attention(), "power on");
    assert_eq!(status(&sim), (0x4000, 0x4000));
    pass(&sim, 90);
    assert_eq!(status(&sim), (0x8000, 0xFFFF));
    assert!(is_clean(&sim));
    sim.power_cut();
    sim.power_on();
    send(&sim, &STATUS);
    assert_eq!(status(&sim), (0x8000, 0xFFFF), "kept");
}

fn attention() -> ScsiAnswer {
    ScsiAnswer::Answered { status: 2, sense: vec![0x72, 6, 0x29, 0x01, 0, 0, 0, 0], moved: 0 }
}

#[test]
fn keys_functions_and_the_long_block_are_asked_for() {
    let sim = sim(AtaTraits::solid(), &[]);
    let mut wrong_key = BLOCK;
    wrong_key[8] ^= 1;
    assert_eq!(reason(&send(&sim, &wrong_key)), 2);
    assert_eq!(reason(&send(&sim, &OVERWRITE)), 2, "not supported");
    let mut short = BLOCK;
    short[1] = 0x06;
    assert_eq!(reason(&send(&sim, &short)), 2, "without EXTEND the key is lost");
    let mut in_phase = BLOCK;
    in_phase[1] = 0x09;
    let field = ScsiAnswer::Answered { status: 2, sense: vec![0x72, 5, 0x24, 0, 0, 0, 0, 0], moved: 0 };
    assert_eq!(send(&sim, &in_phase), field, "PIO in without a length");
    let twelve = [0xA1, 0x06, 0x20, 0x12, 0, 0x72, 0x45, 0x6B, 0x42, 0xB4, 0, 0];
    assert_eq!(reason(&send(&sim, &twelve)), 2, "48 bits do not fit");
    assert!(sim.oracle().residue().addressable.count().0 == 64);
    assert_eq!(
        reason(&send(&self::sim(AtaTraits { word_59: 0x0110, ..AtaTraits::solid() }, &[]), &STATUS)),
        0
    );
    registers(&send(&sim, &CRYPTO));
    pass(&sim, 2);
    assert_eq!((status(&sim).0, is_clean(&sim)), (0x8000, true));
}

#[test]
fn an_overwrite_has_its_pattern_at_the_end_by_parity_or_when_told() {
    let end = |count: u8| {
        let sim = sim(AtaTraits::magnetic(), &[]);
        let mut block = OVERWRITE;
        // Pattern 01020304h.
        (block[6], block[7], block[12], block[10], block[8]) = (count, 1, 2, 3, 4);
        registers(&send(&sim, &block));
        pass(&sim, 16 * 600);
        assert_eq!((status(&sim).0, is_clean(&sim)), (0x8000, true));
        let mut data = [0; 512];
        sim.port().execute(&[0x28, 0, 0, 0, 0, 63, 0, 0, 1, 0], Data::FromDrive(&mut data), LONG);
        data[..4].to_vec()
    };
    assert_eq!(end(1), [4, 3, 2, 1]);
    assert_eq!(end(0x82), [0xFB, 0xFC, 0xFD, 0xFE]);
    assert_eq!(end(0xC2), [4, 3, 2, 1]);
    let sim = sim(AtaTraits::magnetic(), &[]);
    let mut sixteen = OVERWRITE;
    sixteen[6] = 0;
    registers(&send(&sim, &sixteen));
    pass(&sim, 15 * 600);
    assert_eq!(status(&sim), (0x4000, 0xF000));
}

#[test]
fn result_registers_come_in_both_formats_as_zeros_or_not_at_all() {
    let answer = |quirk: Quirk, seconds: u64| {
        let sim = sim(AtaTraits::solid(), &[quirk]);
        send(&sim, &BLOCK);
        pass(&sim, seconds);
        send(&sim, &STATUS)
    };
    let fixed = |sense: [u8; 18]| ScsiAnswer::Answered { status: 2, sense: sense.to_vec(), moved: 0 };
    // ERROR, STATUS, DEVICE, COUNT 7:0; flags EXTEND and COUNT upper, LBA 7:0, 15:8, 23:16.
    assert_eq!(
        answer(Quirk::FixedSense, 30),
        fixed([0x70, 0, 1, 0, 0x50, 0, 0, 10, 0xC0, 0x00, 0x40, 0, 0, 0x1D, 0, 0, 0, 0])
    );
    assert_eq!(
        answer(Quirk::FixedSense, 120),
        fixed([0x70, 0, 1, 0, 0x50, 0, 0, 10, 0xC0, 0xFF, 0xFF, 0, 0, 0x1D, 0, 0, 0, 0])
    );
    let zeros = [0x72, 1, 0, 0x1D, 0, 0, 0, 14, 9, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let expected = ScsiAnswer::Answered { status: 2, sense: zeros.to_vec(), moved: 0 };
    assert_eq!(answer(Quirk::ZeroRegisters, 30), expected);
    let none = ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: 0 };
    assert_eq!(answer(Quirk::NoRegisters, 30), none);
}

#[test]
fn a_failed_sanitize_is_left_by_the_road_that_its_mode_allows() {
    let mut clear = STATUS;
    clear[6] = 1;
    let restricted = sim(AtaTraits::solid(), &[Quirk::PhysicalSectorsRemain]);
    send(&restricted, &BLOCK);
    pass(&restricted, 120);
    assert_eq!(reason(&send(&restricted, &STATUS)), 1);
    assert_eq!(reason(&send(&restricted, &clear)), 1);
    assert_eq!(restricted.oracle().residue().unaddressable_cells, 2, "the retired cells");
    let unrestricted = sim(AtaTraits::solid(), &[Quirk::Fails { at: 0x8000, times: 1 }]);
    let mut failure_mode = BLOCK;
    failure_mode[6] = 1 << 4;
    send(&unrestricted, &failure_mode);
    pass(&unrestricted, 60);
    assert_eq!(reason(&send(&unrestricted, &STATUS)), 0);
    let (key, _, count, _, _) = registers(&send(&unrestricted, &clear));
    assert_eq!((key, count), (1, 0));
    assert_eq!(status(&unrestricted), (0, 0xFFFF));
    let stale = sim(AtaTraits::solid(), &[Quirk::StaleEnd { end: Stale::Success }]);
    assert_eq!(status(&stale), (0x8000, 0xFFFF));
    let stale = sim(AtaTraits::solid(), &[Quirk::StaleEnd { end: Stale::Failure(FailureMode::Restricted) }]);
    assert_eq!(reason(&send(&stale, &STATUS)), 0);
}

#[test]
fn a_frozen_sanitize_thaws_at_power_on_unless_firmware_freezes_again() {
    let thaws = sim(AtaTraits::solid(), &[]);
    registers(&send(&thaws, &FREEZE));
    assert_eq!(status(&thaws), (0x2000, 0xFFFF));
    assert_eq!(reason(&send(&thaws, &BLOCK)), 3);
    thaws.power_cut();
    thaws.power_on();
    send(&thaws, &STATUS);
    assert_eq!(status(&thaws), (0, 0xFFFF));
    let frozen = sim(AtaTraits::solid(), &[Quirk::FrozenByFirmware]);
    frozen.power_cut();
    frozen.power_on();
    send(&frozen, &STATUS);
    assert_eq!((status(&frozen).0, words(&frozen)[128]), (0x2000, 0x29));
    // ANTIFREEZE LOCK: "Anti".
    let anti = [0x85, 0x07, 0x20, 0, 0x40, 0, 0, 0x41, 0x69, 0, 0x74, 0, 0x6E, 0x40, 0xB4, 0];
    let guarded = sim(AtaTraits { word_59: 0xB400, ..AtaTraits::solid() }, &[]);
    assert_eq!(registers(&send(&guarded, &anti)).2, 0x1000);
    assert_eq!(reason(&send(&guarded, &FREEZE)), 4);
}

/// A Security command with its data: 5 PIO out for those that have any.
fn security(sim: &ScsiSim, command: u8, first: [u8; 2], password: &[u8]) -> ScsiAnswer {
    let mut data = [0; 512];
    data[..2].copy_from_slice(&first);
    data[2..2 + password.len()].copy_from_slice(password);
    let block = [0x85, 0x0A, 0x06, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x40, command, 0];
    sim.port().execute(&block, Data::ToDrive(&data), LONG)
}

fn prepare(sim: &ScsiSim) -> ScsiAnswer {
    send(sim, &[0x85, 0x06, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0xF3, 0])
}

fn is_good(answer: &ScsiAnswer) -> bool {
    matches!(answer, ScsiAnswer::Answered { status: 0, .. })
}

#[test]
fn security_erase_needs_its_password_and_prepare_right_before() {
    let sim = sim(AtaTraits::magnetic(), &[]);
    assert_eq!(words(&sim)[128], 0x21);
    assert!(!is_good(&security(&sim, 0xF4, [0, 0], b"expunge")), "no password was set");
    assert!(is_good(&security(&sim, 0xF1, [0, 0], b"expunge")));
    assert_eq!((words(&sim)[128], words(&sim)[85] & 2), (0x23, 2));
    assert!(is_good(&prepare(&sim)));
    words(&sim);
    assert!(!is_good(&security(&sim, 0xF4, [0, 0], b"expunge")), "something came in between");
    assert!(is_good(&prepare(&sim)) && !is_good(&security(&sim, 0xF4, [0, 0], b"wrong")));
    assert!(is_good(&prepare(&sim)) && is_good(&security(&sim, 0xF4, [0, 0], b"expunge")));
    assert_eq!((sim.clock().elapsed_ms(), words(&sim)[128]), (120_000, 0x21));
    let residue = sim.oracle().residue();
    assert_eq!((residue.addressable.count().0, residue.unaddressable_cells), (0, 10), "normal erase");
    assert!(is_good(&security(&sim, 0xF1, [0, 0], b"expunge")));
    assert!(is_good(&prepare(&sim)) && is_good(&security(&sim, 0xF4, [2, 0], b"expunge")));
    assert!(is_clean(&sim), "enhanced erase");
    let interloper = self::sim(AtaTraits::magnetic(), &[Quirk::Interloper]);
    security(&interloper, 0xF1, [0, 0], b"expunge");
    assert!(is_good(&prepare(&interloper)) && !is_good(&security(&interloper, 0xF4, [0, 0], b"expunge")));
}

#[test]
fn power_cut_in_an_erase_leaves_the_drive_locked_and_five_tries() {
    let fails = Quirk::PowerFails { at: 0x8000, back_ms: 1000, returns: Return::Same };
    let sim = sim(AtaTraits::magnetic(), &[fails]);
    security(&sim, 0xF1, [0, 0], b"expunge");
    prepare(&sim);
    // The host waits for the answer, which never comes; when it looks again, the power is back.
    assert_eq!(security(&sim, 0xF4, [0, 0], b"expunge"), ScsiAnswer::NotCompleted { errno: 19 });
    assert_eq!(send(&sim, &STATUS), attention());
    assert_eq!(words(&sim)[128], 0x27);
    assert_eq!(sim.oracle().residue().addressable.count().0, 32, "half");
    for _ in 0..4 {
        assert!(!is_good(&security(&sim, 0xF2, [0, 0], b"wrong")));
    }
    assert_eq!(words(&sim)[128], 0x27);
    assert!(!is_good(&security(&sim, 0xF2, [0, 0], b"wrong")));
    assert_eq!(words(&sim)[128], 0x37);
    assert!(!is_good(&security(&sim, 0xF2, [0, 0], b"expunge")), "count expired");
    sim.power_cut();
    sim.power_on();
    send(&sim, &STATUS);
    assert!(is_good(&security(&sim, 0xF2, [0, 0], b"expunge")));
    assert!(is_good(&security(&sim, 0xF6, [0, 0], b"expunge")));
    assert_eq!(words(&sim)[128], 0x21);
}

#[test]
fn locked_frozen_and_expired_drives_refuse() {
    let locked = sim(AtaTraits::solid(), &[Quirk::LockedUnknown]);
    assert_eq!(words(&locked)[128], 0x127);
    assert_eq!(reason(&send(&locked, &BLOCK)), 0);
    let mut block = [0; 512];
    let read = locked.port().execute(&[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], Data::FromDrive(&mut block), LONG);
    assert_eq!(read, ScsiAnswer::Answered { status: 2, sense: vec![0x72, 0x0B, 0, 0, 0, 0, 0, 0], moved: 0 });
    let overriding = AtaTraits { overrides_security: true, ..AtaTraits::solid() };
    let overridden = sim(overriding, &[Quirk::LockedUnknown]);
    registers(&send(&overridden, &BLOCK));
    pass(&overridden, 120);
    assert_eq!((words(&overridden)[128], is_clean(&overridden)), (0x21, true));
    let frozen = sim(AtaTraits::solid(), &[Quirk::FrozenByFirmware]);
    assert!(!is_good(&security(&frozen, 0xF1, [0, 0], b"expunge")) && !is_good(&prepare(&frozen)));
    let expired = sim(AtaTraits::solid(), &[Quirk::CountExpired]);
    security(&expired, 0xF1, [0, 0], b"expunge");
    prepare(&expired);
    assert!(!is_good(&security(&expired, 0xF4, [0, 0], b"expunge")));
    assert_eq!(words(&expired)[128], 0x33);
    let stays = sim(AtaTraits::solid(), &[Quirk::SecurityStays]);
    security(&stays, 0xF1, [0, 0], b"expunge");
    prepare(&stays);
    assert!(is_good(&security(&stays, 0xF4, [0, 0], b"expunge")));
    assert_eq!(words(&stays)[128], 0x23);
}

/// READ NATIVE MAX ADDRESS EXT, and SET MAX ADDRESS EXT to 63 for good.
const NATIVE: [u8; 16] = [0x85, 0x07, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x27, 0];
const SET_MAX: [u8; 16] = [0x85, 0x07, 0x20, 0, 0, 0, 1, 0, 63, 0, 0, 0, 0, 0x40, 0x37, 0];

#[test]
fn a_protected_area_is_found_and_given_back_once_per_power_on() {
    let hidden = AtaTraits { presented: Some(48), ..AtaTraits::magnetic() };
    let sim = sim(hidden, &[]);
    assert_eq!((words(&sim)[60], words(&sim)[100]), (48, 48));
    assert_eq!(registers(&send(&sim, &NATIVE)).3, 63, "the last address, not a count");
    words(&sim);
    assert_eq!(reason(&send(&sim, &SET_MAX)), 0, "not right after");
    let mut volatile = SET_MAX;
    volatile[6] = 0;
    registers(&send(&sim, &NATIVE));
    assert_eq!(registers(&send(&sim, &volatile)).0, 1);
    assert_eq!(words(&sim)[100], 64);
    registers(&send(&sim, &NATIVE));
    assert_eq!(reason(&send(&sim, &SET_MAX)), 0, "once per power-on");
    sim.power_cut();
    sim.power_on();
    send(&sim, &STATUS);
    assert_eq!(words(&sim)[100], 48, "volatile");
    registers(&send(&sim, &NATIVE));
    assert_eq!(registers(&send(&sim, &SET_MAX)).0, 1);
    sim.power_cut();
    sim.power_on();
    send(&sim, &STATUS);
    assert_eq!((words(&sim)[100], sim.block_port().is_some()), (64, true));
}

#[test]
fn an_overlay_is_restored_only_without_a_protected_area() {
    let restore = [0x85, 0x06, 0x20, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0xB1, 0];
    let traits = AtaTraits { native: Some(48), presented: Some(40), ..AtaTraits::magnetic() };
    let both = sim(traits.clone(), &[]);
    assert_eq!(registers(&send(&both, &NATIVE)).3, 47);
    assert_eq!(reason(&send(&both, &restore)), 0);
    let sim = sim(AtaTraits { presented: None, ..traits }, &[]);
    let mut data = [0; 512];
    let identify = [0x85, 0x08, 0x0E, 0, 0xC2, 0, 1, 0, 0, 0, 0, 0, 0, 0x40, 0xB1, 0];
    assert!(is_good(&sim.port().execute(&identify, Data::FromDrive(&mut data), LONG)));
    assert_eq!((&data[6..14], data[510]), (&[63, 0, 0, 0, 0, 0, 0, 0][..], 0xA5));
    assert_eq!(registers(&send(&sim, &restore)).0, 1);
    assert_eq!(words(&sim)[100], 64);
}

#[test]
fn an_accessible_maximum_address_is_told_and_set() {
    let sim = sim(AtaTraits { presented: Some(48), ..AtaTraits::solid() }, &[Quirk::SkipsHidden]);
    let get = [0x85, 0x07, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x78, 0];
    let set = [0x85, 0x07, 0x20, 0, 1, 0, 0, 0, 63, 0, 0, 0, 0, 0x40, 0x78, 0];
    assert_eq!(registers(&send(&sim, &get)).3, 63);
    registers(&send(&sim, &BLOCK));
    pass(&sim, 120);
    assert_eq!(sim.oracle().residue().addressable.count().0, 16, "what is hidden was left");
    assert_eq!(registers(&send(&sim, &set)).0, 1);
    assert_eq!((words(&sim)[100], words(&sim)[119] & 0x100), (64, 0x100));
}

#[test]
fn logs_and_the_page_of_the_translation_layer_agree_with_identify() {
    let sim = sim(AtaTraits::magnetic(), &[]);
    let log = |page: u8| {
        let mut data = [0; 512];
        let block = [0x85, 0x09, 0x0E, 0, 0, 0, 1, 0, 0x30, 0, page, 0, 0, 0x40, 0x2F, 0];
        assert!(is_good(&sim.port().execute(&block, Data::FromDrive(&mut data), LONG)));
        data
    };
    assert_eq!(log(0)[8..13], [4, 0, 1, 3, 6]);
    assert_eq!((log(3)[15], log(3)[14]), (0x80, 0x08), "valid, definitive ending pattern");
    assert_eq!((log(6)[48], log(6)[55]), (0, 0x80));
    let mut page = [0; 572];
    let vpd = [0x12, 1, 0x89, 0x02, 0x3C, 0];
    assert!(is_good(&sim.port().execute(&vpd, Data::FromDrive(&mut page), LONG)));
    assert_eq!((page[1], &page[2..4], page[56]), (0x89, &[2, 0x38][..], 0xEC));
    assert_eq!(page[60..], log(1));
    assert_eq!(page[60 + 20..60 + 40], *b"IS0M0000000000 1    ");
    // SMART RETURN STATUS: 4Fh and C2h stay when all is well.
    let health = [0x85, 0x06, 0x20, 0, 0xDA, 0, 0, 0, 0, 0, 0x4F, 0, 0xC2, 0x40, 0xB0, 0];
    let ScsiAnswer::Answered { sense, .. } = send(&sim, &health) else { panic!() };
    assert_eq!((sense[17], sense[19]), (0x4F, 0xC2));
    // What a SCSI drive has, this one has not.
    let sanitize = send(&sim, &[0x48, 0x82, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        sanitize,
        ScsiAnswer::Answered { status: 2, sense: vec![0x72, 5, 0x20, 0, 0, 0, 0, 0], moved: 0 }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(
        seed: u64,
        blocks in prop::collection::vec((prop::array::uniform16(any::<u8>()), 0_u8..28), 1..12),
        list in prop::collection::vec(any::<u8>(), 512..1024),
    ) {
        let quirks = crate::sim::controller::quirk::draw_menu(&mut crate::sim::Dice::new(seed));
        let sim = sim(AtaTraits::magnetic(), &quirks);
        for (mut block, known) in blocks {
            // Mostly pass-through of commands that the drive knows.
            let commands = [0xB4, 0xB4, 0xB4, 0xEC, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF8, 0x27, 0xF9, 0x37, 0xB1, 0x78, 0x2F, 0xB0, 0x5C, 0x5E];
            if let Some(command) = commands.get(usize::from(known)) {
                block[0] = 0x85;
                block[14] = *command;
            }
            let mut data = vec![0; 700];
            sim.port().execute(&block, Data::FromDrive(&mut data), Duration::from_secs(1));
            sim.port().execute(&block, Data::ToDrive(&list), Duration::from_secs(1));
            sim.pass_time(Duration::from_secs(40));
        }
        sim.oracle().residue();
    }
}
