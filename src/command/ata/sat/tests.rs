use proptest::prelude::*;

use super::*;

fn check_condition(sense: &[u8]) -> ScsiAnswer {
    ScsiAnswer::Answered { status: 0x02, sense: sense.to_vec(), moved: 0 }
}

/// Descriptor format sense with an ATA Status Return descriptor whose bytes 2 to 13 are these.
fn descriptor_sense(key: u8, asc: u8, ascq: u8, rest: [u8; 12]) -> Vec<u8> {
    let mut sense = vec![0x72, key, asc, ascq, 0, 0, 0, 14, 0x09, 0x0c];
    sense.extend(rest);
    sense
}

/// Fixed format sense of Linux: ERROR, STATUS, DEVICE, COUNT at 3 to 6, flags and LBA at 8 to 11.
fn fixed_sense(codes: [u8; 3], registers: [u8; 4], flags_and_lba: [u8; 4]) -> Vec<u8> {
    let mut sense = vec![0; 18];
    sense[0] = 0xf0;
    sense[2] = codes[0];
    sense[3..7].copy_from_slice(&registers);
    sense[7] = 10;
    sense[8..12].copy_from_slice(&flags_and_lba);
    sense[12] = codes[1];
    sense[13] = codes[2];
    sense
}

#[test]
fn the_descriptor_gives_every_register() {
    // EXTEND, ERROR 00, COUNT 40h 02h, LBA 31:24 7:0 = 33h 66h, 39:32 15:8 = 22h 55h, 47:40 23:16 = 11h 44h.
    let sense = descriptor_sense(1, 0, 0x1d, [1, 0, 0x40, 2, 0x33, 0x66, 0x22, 0x55, 0x11, 0x44, 0xe0, 0x50]);
    let Reply::Done { registers: Some(registers) } = reply(&check_condition(&sense)) else {
        panic!("{:?}", reply(&check_condition(&sense)))
    };
    assert_eq!(registers.count(), Some(0x4002));
    assert_eq!(registers.lba48(), Some(0x1122_3344_5566));
    assert_eq!((registers.error, registers.status, registers.device), (0, 0x50, 0xe0));
}

#[test]
fn the_descriptor_is_found_behind_another_one() {
    let mut sense = vec![0x72, 1, 0, 0x1d, 0, 0, 0, 26, 0x00, 0x0a];
    sense.extend([0; 10]);
    sense.extend([0x09, 0x0c, 1, 0, 0x80, 0, 0, 0xff, 0, 0xff, 0, 0, 0x40, 0x50]);
    let Reply::Done { registers: Some(registers) } = reply(&check_condition(&sense)) else { panic!() };
    assert_eq!(registers.count(), Some(0x8000));
    sense[7] = 12;
    assert_eq!(reply(&check_condition(&sense)), Reply::Unavailable, "it lies beyond the additional length");
}

#[test]
fn fixed_format_loses_the_upper_registers_and_says_so() {
    let sense = fixed_sense([1, 0, 0x1d], [0, 0x50, 0x40, 0x07], [0xe0, 0x11, 0x22, 0x33]);
    let Reply::Done { registers: Some(registers) } = reply(&check_condition(&sense)) else { panic!() };
    assert_eq!((registers.count_low, registers.lba_low), (0x07, 0x33_2211));
    assert_eq!((registers.count_high, registers.lba_high), (Upper::NonZero, Upper::NonZero));
    assert_eq!((registers.count(), registers.lba48()), (None, None));

    let sense = fixed_sense([1, 0, 0x1d], [0, 0x50, 0x40, 0x07], [0x80, 0x11, 0x22, 0x33]);
    let Reply::Done { registers: Some(registers) } = reply(&check_condition(&sense)) else { panic!() };
    assert_eq!((registers.count(), registers.lba48()), (Some(0x0007), Some(0x33_2211)));

    let sense = fixed_sense([1, 0, 0x1d], [0, 0x50, 0x4a, 0x07], [0x00, 0x11, 0x22, 0x33]);
    let Reply::Done { registers: Some(registers) } = reply(&check_condition(&sense)) else { panic!() };
    assert_eq!((registers.count(), registers.lba48(), registers.lba28()), (None, None, 0x0a33_2211));
}

#[test]
fn registers_that_no_drive_has_are_unavailable() {
    // A SAS host adapter answers all zeros (openSeaChest issue 229).
    let zeros = descriptor_sense(1, 0, 0x1d, [0; 12]);
    let ones = descriptor_sense(1, 0, 0x1d, [0xff; 12]);
    let fixed_zeros = fixed_sense([1, 0, 0x1d], [0; 4], [0; 4]);
    let nothing = vec![0x72, 1, 0, 0x1d, 0, 0, 0, 0];
    for sense in [zeros, ones, fixed_zeros, nothing] {
        assert_eq!(reply(&check_condition(&sense)), Reply::Unavailable, "{sense:02x?}");
    }
}

#[test]
fn an_error_of_the_drive_is_not_a_refusal_of_the_translator() {
    let aborted = descriptor_sense(0x0b, 0, 0, [1, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x40, 0x51]);
    let Reply::Aborted { registers: Some(registers) } = reply(&check_condition(&aborted)) else { panic!() };
    assert!(registers.is_aborted() && registers.has_failed());
    assert_eq!(registers.lba48(), Some(1));

    let fixed = fixed_sense([0x0b, 0, 0], [4, 0x51, 0x40, 0], [0x80, 3, 0, 0]);
    let Reply::Aborted { registers: Some(registers) } = reply(&check_condition(&fixed)) else { panic!() };
    assert_eq!(registers.lba_low, 3);

    // INVALID COMMAND OPERATION CODE, both formats.
    let codes = SenseCodes { key: 5, asc: 0x20, ascq: 0 };
    for sense in [vec![0x72, 5, 0x20, 0, 0, 0, 0, 0], fixed_sense([5, 0x20, 0], [0; 4], [0; 4])] {
        assert_eq!(reply(&check_condition(&sense)), Reply::Refused(codes));
    }
}

#[test]
fn sense_of_an_earlier_command_is_not_an_answer() {
    let mut sense = descriptor_sense(0x0b, 0, 0, [1, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0x40, 0x51]);
    sense[0] = 0x73;
    assert_eq!(reply(&check_condition(&sense)), Reply::Lost);
    let attention = [0x71, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0, 0, 0, 0, 0];
    assert_eq!(reply(&check_condition(&attention)), Reply::Lost, "nothing that allows to send again");
}

#[test]
fn a_timeout_behind_registers_of_a_success_is_not_a_success() {
    // Linux makes ABORTED COMMAND of a timeout and returns the registers as they were.
    let sense = descriptor_sense(0x0b, 0, 0, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x50]);
    assert_eq!(reply(&check_condition(&sense)), Reply::Unavailable);
}

#[test]
fn every_kind_of_answer_has_its_own_reply() {
    let good = ScsiAnswer::Answered { status: 0, sense: Vec::new(), moved: 512 };
    assert_eq!(reply(&good), Reply::Done { registers: None });
    let reserved = ScsiAnswer::Answered { status: 0x18, sense: Vec::new(), moved: 0 };
    assert_eq!(reply(&reserved), Reply::Status(0x18));
    assert_eq!(reply(&check_condition(&[])), Reply::Status(0x02), "a condition that nobody explains");
    assert_eq!(reply(&ScsiAnswer::Transport { host: 3, driver: 0 }), Reply::Lost);
    assert_eq!(reply(&ScsiAnswer::NotCompleted { errno: 19 }), Reply::Lost);
    let attention = SenseCodes { key: 6, asc: 0x29, ascq: 0 };
    assert_eq!(reply(&check_condition(&[0x72, 6, 0x29, 0, 0, 0, 0, 0])), Reply::Sense(attention));
}

proptest! {
    #[test]
    fn any_sense_is_read_without_panic(
        status: u8,
        format in prop::sample::select(vec![0x70_u8, 0x71, 0x72, 0x73, 0xf0, 0x00]),
        mut sense in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        if let Some(first) = sense.first_mut() {
            *first = format;
        }
        let _reply = reply(&ScsiAnswer::Answered { status, sense, moved: 0 });
    }

    #[test]
    fn registers_are_where_the_facts_say(feature: u16, count: u16, lba in 0_u64..1 << 48) {
        let command = AtaCommand { feature, count, lba, ..crate::command::ata::sanitize::freeze() };
        let block = command.block();
        let pair = |high: usize, low: usize| u16::from_be_bytes([block[high], block[low]]);
        prop_assert_eq!((pair(3, 4), pair(5, 6)), (feature, count));
        let places = [8, 10, 12, 7, 9, 11];
        let back = places.iter().rev().fold(0, |lba, place| (lba << 8) | u64::from(block[*place]));
        prop_assert_eq!(back, lba);
    }
}
