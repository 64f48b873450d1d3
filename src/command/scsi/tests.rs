use proptest::prelude::*;

use super::inquiry::{
    AtaInformation, Characteristics, Inquiry, Limits, Provisioning, designators, serial, supported_pages,
};
use super::sanitize::{read_16, write_16};
use super::told::{
    Capacity, Mode, Operation, Reservation, exceptions, grown_defects, keys, log_counter, log_parameter,
    units,
};
use super::*;

#[test]
fn blocks_are_addressed_from_the_most_significant_byte() {
    let read = read_16(0x0102_0304_0506_0708, 0x0a0b_0c0d);
    assert_eq!(read, [0x88, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x0a, 0x0b, 0x0c, 0x0d, 0, 0]);
    assert_eq!(write_16(1, 1)[..10], [0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn an_ata_drive_behind_a_translation_layer_is_found() {
    let mut page = vec![0; 572];
    page[1..4].copy_from_slice(&[0x89, 0x02, 0x38]);
    page[8..36].copy_from_slice(b"ATA     libata          3.00");
    page[60] = 0x5a;
    let told = AtaInformation::decode(&page).unwrap();
    assert_eq!(told.translator, ["ATA", "libata", "3.00"]);
    assert_eq!(told.identify.unwrap()[..2], [0x5a, 0]);
    assert_eq!(AtaInformation::decode(&page[..571]).unwrap().identify, None);
    let another = Malformed::AnotherPage { wanted: 0x89, found: 0x80 };
    assert_eq!(AtaInformation::decode(&[0, 0x80, 0, 0]), Err(another));
}

#[test]
fn names_hold_nothing_but_printable_characters() {
    let mut data = [b' '; 36];
    data[8..16].copy_from_slice(b"\x1b[2J\xffab ");
    let told = Inquiry::decode(&data).unwrap();
    assert_eq!((told.vendor.as_str(), told.product.as_str()), ("?[2J?ab", ""));
    assert_eq!(Inquiry::decode(&data[..35]), Err(Malformed::TooShort { bytes: 35, needed: 36 }));
}

#[test]
fn lists_end_where_the_unit_or_the_bytes_say() {
    assert_eq!(supported_pages(&[0, 0, 0, 2, 0x80, 0xb1, 0x89]), Ok(vec![0x80, 0xb1]));
    assert_eq!(supported_pages(&[0, 0, 0xff, 0xff, 0x80]), Ok(vec![0x80]));
    assert_eq!(units(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7]), Ok(vec![1 << 48]));
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let all = [0xff; 32];
    assert_eq!(Capacity::decode_16(&all), Err(Malformed::Impossible));
    assert_eq!(Capacity::decode_10(&all), Ok(None), "the unit is larger than READ CAPACITY(10) can tell");
    assert_eq!(log_counter(&[6, 0, 0, 4, 0, 0, 3, 0], 6, 0), Err(Malformed::Impossible));
}

#[test]
fn a_control_page_behind_others_is_found() {
    let bytes = [0x17, 0, 0, 4, 1, 2, 3, 4, 0x08, 2, 0, 0, 0x59, 1, 0, 1, 9, 0x0a, 0x0a, 4, 0, 0, 0, 0];
    assert_eq!(Mode::decode_6(&bytes).unwrap().descriptor_sense, Some(true));
    assert_eq!(Mode::decode_6(&bytes[..16]).unwrap().descriptor_sense, None);
}

/// Header of READ DEFECT DATA(12): flags in byte 1, length of the list in bytes 4 to 7 (SBC, from memory).
#[test]
fn grown_defects_are_counted_by_the_length_of_their_entries() {
    assert_eq!(grown_defects(&[0, 0x0d, 0, 0, 0, 0, 0, 24]), Ok(Some(3)));
    assert_eq!(grown_defects(&[0, 0x08, 0, 0, 0, 0, 0, 24]), Ok(Some(6)));
    assert_eq!(grown_defects(&[0, 0x05, 0, 0, 0, 0, 0, 24]), Ok(None), "the list is not valid");
}

#[test]
fn what_reads_do_after_an_erase_is_told() {
    let told = Characteristics::decode(&[0, 0xb1, 0, 5, 0x1c, 0x20, 0, 0b1101_0010, 0x20]).unwrap();
    assert_eq!((told.rotation, told.zoned), (7200, 2));
    assert_eq!((told.after_block_erase, told.after_crypto_erase), (3, 1));
}

/// Everything that decodes what a unit sends; none may panic, and none may tell more than came.
fn decode_all(bytes: &[u8]) {
    let _names = (Inquiry::decode(bytes), Limits::decode(bytes), AtaInformation::decode(bytes));
    let _modes = (Mode::decode_6(bytes), Mode::decode_10(bytes), Operation::decode(bytes));
    let _held = (Reservation::decode(bytes), exceptions(bytes), grown_defects(bytes));
    let _counted = log_counter(bytes, 0x06, 0);
    assert!(supported_pages(bytes).map_or(0, |pages| pages.len()) <= bytes.len());
    assert!(serial(bytes).map_or(0, |serial| serial.len()) <= bytes.len());
    let names = designators(bytes).unwrap_or_default();
    assert!(names.iter().map(|name| 4 + name.bytes.len()).sum::<usize>() <= bytes.len());
    assert!(units(bytes).map_or(0, |units| units.len() * 8) <= bytes.len());
    assert!(keys(bytes).map_or(0, |keys| keys.len() * 8) <= bytes.len());
    assert!(log_parameter(bytes, 0x0d, 0).map_or(0, <[u8]>::len) <= bytes.len());
    assert!(Capacity::decode_16(bytes).map_or(1, |told| told.blocks) > 0);
    if let Ok(told) = Characteristics::decode(bytes) {
        assert!(told.after_block_erase < 4 && told.after_crypto_erase < 4 && told.zoned < 4);
    }
    if let Ok(told) = Provisioning::decode(bytes) {
        assert!(told.unmapped_reads < 8 && told.kind < 8);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..700),
        page in proptest::sample::select(vec![0x00, 0x80, 0x83, 0x89, 0xb0, 0xb1, 0xb2]),
    ) {
        decode_all(&bytes);
        if let Some(place) = bytes.get_mut(1) {
            *place = page;
        }
        decode_all(&bytes);
    }
}
