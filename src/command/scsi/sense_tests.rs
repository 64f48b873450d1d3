use proptest::prelude::*;

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

#[test]
fn a_field_pointer_is_no_progress() {
    let sense = Sense::decode(&bytes("70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 c0 00 02")).unwrap();
    assert_eq!(sense.progress, None);
}

#[test]
fn progress_of_something_else_is_not_taken() {
    let sense = Sense::decode(&bytes("72 02 04 1b 00 00 00 08 0a 06 02 04 09 00 40 00")).unwrap();
    assert_eq!(sense.progress, None);
}

/// The layout of standards facts 6.4: registers of an ATA drive that passed its SMART check (4Fh/C2h).
#[test]
fn ata_registers_come_as_they_lie() {
    let descriptor = bytes("72 01 00 1d 00 00 00 0e 09 0c 00 00 00 00 00 00 00 4f 00 c2 40 50");
    let sense = Sense::decode(&descriptor).unwrap();
    assert_eq!((sense.key, sense.code), (RECOVERED_ERROR, Some((0x00, 0x1d))));
    let expected: [u8; 14] = bytes("09 0c 00 00 00 00 00 00 00 4f 00 c2 40 50").try_into().unwrap();
    assert_eq!(sense.ata, Some(AtaBytes::Descriptor(expected)));

    let fixed = Sense::decode(&bytes("70 00 01 00 50 40 00 0a 80 00 4f c2 00 1d 00 00 00 00")).unwrap();
    let expected =
        AtaBytes::Fixed { information: [0x00, 0x50, 0x40, 0x00], specific: [0x80, 0x00, 0x4f, 0xc2] };
    assert_eq!(fixed.ata, Some(expected));
}

#[test]
fn what_is_missing_is_not_made_up() {
    assert_eq!(Sense::decode(&[]), Err(NoSense::Absent));
    assert_eq!(Sense::decode(&[0x70, 0]), Err(NoSense::TooShort { bytes: 2 }));
    assert_eq!(Sense::decode(&[0x72]), Err(NoSense::TooShort { bytes: 1 }));
    assert_eq!(Sense::decode(&[0; 18]), Err(NoSense::UnknownFormat { code: 0 }));
    let cut = Sense::decode(&bytes("70 00 03 00 00 00 00 0a 00 00 00 00 31")).unwrap();
    assert_eq!((cut.key, cut.code), (MEDIUM_ERROR, None));
    // The additional length ends before the code, which is then left over from something else.
    let left_over = Sense::decode(&bytes("70 00 00 00 00 00 00 00 00 00 00 00 31 03 00 00 00 00")).unwrap();
    assert_eq!(left_over.code, None);
    let overlong = Sense::decode(&bytes("72 02 04 1b 00 00 00 ff 02 06 00 00 80")).unwrap();
    assert_eq!((overlong.code, overlong.progress), (Some((0x04, 0x1b)), None));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(sense) = Sense::decode(&bytes) {
            prop_assert!(sense.key < 16);
            prop_assert!(matches!(bytes[0] & 0x7f, 0x70..=0x73));
        }
    }
}
