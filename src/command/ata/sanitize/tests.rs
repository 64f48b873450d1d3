use super::*;
use crate::command::DriveOverwrite;
use crate::command::ata::sat::{SenseCodes, Upper};

fn hex(command: &AtaCommand) -> String {
    command.block().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
}

fn overwrite(pattern: [u8; 4], passes: u8, invert: Invert, ending: Ending) -> Sanitize {
    let action = SanitizeAction::Overwrite(AtaOverwrite {
        overwrite: DriveOverwrite { pattern, passes, invert },
        ending,
    });
    Sanitize { action, after_failure: AfterFailure::Restricted }
}

#[test]
fn command_blocks_are_the_ready_made_ones() {
    // standards.md 6.3.
    let restricted = |action| start(&Sanitize { action, after_failure: AfterFailure::Restricted }).unwrap();
    let zeros = start(&overwrite([0; 4], 1, Invert::Never, Ending::ByParity)).unwrap();
    let cases = [
        (status(ClearFailure::No), "85 07 20 00 00 00 00 00 00 00 00 00 00 40 B4 00"),
        (restricted(SanitizeAction::CryptoScramble), "85 07 20 00 11 00 00 43 70 00 79 00 72 40 B4 00"),
        (restricted(SanitizeAction::BlockErase), "85 07 20 00 12 00 00 42 72 00 45 00 6B 40 B4 00"),
        (zeros, "85 07 20 00 14 00 01 00 00 57 00 4F 00 40 B4 00"),
    ];
    for (command, expected) in cases {
        assert_eq!(hex(&command), expected);
    }
}

#[test]
fn count_carries_passes_failure_mode_ending_and_inversion() {
    // firmware-purge.md 3.1: b7 invert, b6 definitive ending, b4 FAILURE MODE, b3:0 passes (0 = 16), STATUS b0 clear.
    let count = |sanitize: &Sanitize| start(sanitize).unwrap().count;
    assert_eq!(status(ClearFailure::Yes).count, 1);
    assert_eq!(count(&overwrite([0; 4], 16, Invert::Never, Ending::ByParity)), 0);
    assert_eq!(count(&overwrite([0; 4], 15, Invert::BetweenPasses, Ending::Definitive)), 0b1100_1111);
    assert_eq!(count(&overwrite([0; 4], 2, Invert::BetweenPasses, Ending::ByParity)), 0b1000_0010);
    let block = Sanitize { action: SanitizeAction::BlockErase, after_failure: AfterFailure::Unrestricted };
    assert_eq!(count(&block), 0b1_0000);
    for passes in [0, 17, 255] {
        let sanitize = overwrite([0; 4], passes, Invert::Never, Ending::ByParity);
        assert_eq!(start(&sanitize), Err(InvalidPasses(passes)));
    }
}

#[test]
fn keys_are_the_letters_of_the_facts() {
    for (command, feature, key) in [(freeze(), 0x20, "FrLk"), (antifreeze(), 0x40, "Anti")] {
        assert_eq!(command.feature, feature);
        assert_eq!(&command.lba.to_be_bytes()[4..], key.as_bytes());
        assert_eq!(command.lba >> 32, 0);
    }
    let pattern = start(&overwrite([0x11, 0x22, 0x33, 0x44], 1, Invert::Never, Ending::ByParity)).unwrap();
    assert_eq!(&pattern.lba.to_be_bytes()[2..4], b"OW");
    assert_eq!(pattern.lba & 0xffff_ffff, 0x4433_2211, "the first byte on the medium is LBA 7:0");
}

#[test]
fn an_even_number_of_alternating_passes_ends_on_the_complement() {
    let last = |passes, invert, ending| {
        let SanitizeAction::Overwrite(overwrite) =
            overwrite([0x0f, 0, 0xaa, 0xff], passes, invert, ending).action
        else {
            unreachable!()
        };
        final_bytes(&overwrite)
    };
    let (pattern, complement) = ([0x0f, 0, 0xaa, 0xff], [0xf0, 0xff, 0x55, 0]);
    for passes in 1..=16 {
        assert_eq!(last(passes, Invert::Never, Ending::ByParity), pattern);
        assert_eq!(last(passes, Invert::BetweenPasses, Ending::Definitive), pattern);
    }
    for (passes, expected) in [(1, pattern), (2, complement), (3, pattern), (16, complement)] {
        assert_eq!(last(passes, Invert::BetweenPasses, Ending::ByParity), expected, "{passes}");
    }
}

fn registers(error: u8, status: u8, count: u16, lba: u32) -> Registers {
    let [count_high, count_low] = count.to_be_bytes();
    Registers {
        error,
        status,
        device: 0x40,
        count_low,
        count_high: Upper::Told(count_high),
        lba_low: lba,
        lba_high: Upper::Told(0),
    }
}

fn of(count: u16, lba: u32) -> Status {
    Status::decode(Reply::Done { registers: Some(registers(0, 0x50, count, lba)) })
}

fn aborted(lba: u32) -> Status {
    Status::decode(Reply::Aborted { registers: Some(registers(4, 0x51, 0x8000, lba)) })
}

#[test]
fn bits_are_decoded_in_their_order() {
    let running = |progress| Status::Running { progress, by: RunningBy::Bit };
    assert_eq!(of(0x0000, 0xffff), Status::Idle);
    assert_eq!(of(0x8000, 0xffff), Status::Completed);
    assert_eq!(of(0x9000, 0xffff), Status::Completed, "beside anti-freeze");
    assert_eq!(of(0x2000, 0xffff), Status::Frozen);
    assert_eq!(of(0x4000, 0x8000), running(0x8000));
    assert_eq!(of(0x4000, 0xffff), running(0xffff));
    assert_eq!(of(0xc000, 0x0010), running(0x0010), "running goes before a success of long ago");
    assert_eq!(of(0xa000, 0xffff), Status::Frozen, "frozen goes before a success of long ago");
    assert_eq!(of(0x0000, 0x1234), Status::Unavailable, "progress of nothing");
}

#[test]
fn an_error_is_decoded_before_every_bit_with_its_reason() {
    let failed = |reason| Status::Failed { reason };
    assert_eq!(aborted(0), failed(AbortReason::NotTold));
    assert_eq!(aborted(1), failed(AbortReason::SectorsRemain));
    assert_eq!(aborted(2), failed(AbortReason::Unsupported));
    assert_eq!(aborted(3), Status::Frozen);
    assert_eq!(aborted(4), failed(AbortReason::AntiFreeze));
    assert_eq!(aborted(0xab07), failed(AbortReason::Other(7)), "the reason is one byte");
    let fault = Reply::Aborted { registers: Some(registers(0x84, 0x51, 0, 1)) };
    assert_eq!(Status::decode(fault), failed(AbortReason::SectorsRemain));
    let without_abort = Reply::Aborted { registers: Some(registers(0x10, 0x51, 0, 1)) };
    assert_eq!(Status::decode(without_abort), Status::Unavailable);
}

#[test]
fn fixed_format_tells_running_but_not_success_from_frozen() {
    let fixed = |count_high, lba| {
        let registers = Registers { count_high, ..registers(0, 0x50, 0, lba) };
        Status::decode(Reply::Done { registers: Some(registers) })
    };
    let running = |progress| Status::Running { progress, by: RunningBy::Progress };
    assert_eq!(fixed(Upper::NonZero, 0xffff), Status::NotRunning);
    assert_eq!(fixed(Upper::NonZero, 0x0100), running(0x0100));
    assert!(running(0x0100).shows_running());
    assert!(!running(0).shows_running(), "zero is also what nobody filled in");
    assert_eq!(fixed(Upper::Told(0), 0xffff), Status::Idle);
    assert_eq!(fixed(Upper::NotTold, 0x0100), Status::Unavailable);
}

#[test]
fn a_read_that_did_not_work_is_no_status_of_the_drive() {
    let codes = SenseCodes { key: 5, asc: 0x20, ascq: 0 };
    for reply in [Reply::Lost, Reply::Status(8), Reply::Sense(codes), Reply::Refused(codes)] {
        assert_eq!(Status::decode(reply), Status::NotRead);
    }
    for reply in [Reply::Unavailable, Reply::Done { registers: None }, Reply::Aborted { registers: None }] {
        assert_eq!(Status::decode(reply), Status::Unavailable);
    }
}
