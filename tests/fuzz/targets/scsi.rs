//! What a SCSI unit sends: the first byte places the rest as a page, so that decoders get beyond the page code.
#![no_main]
use expunge::command::scsi::answer::read;
use expunge::command::scsi::inquiry::{
    AtaInformation, Characteristics, Inquiry, Limits, Provisioning, designators, serial, supported_pages,
};
use expunge::command::scsi::sense::Sense;
use expunge::command::scsi::told::{
    Capacity, Mode, Operation, Reservation, exceptions, grown_defects, keys, log_counter, units,
};
use expunge::io::ScsiAnswer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    if let Ok(sense) = Sense::decode(rest) {
        assert!(sense.key < 16);
    }
    let _reading = read(&ScsiAnswer::Answered { status: *first, sense: rest.to_vec(), moved: 0 });
    let _inquiry = Inquiry::decode(rest);
    let _pages = (supported_pages(rest), serial(rest), AtaInformation::decode(rest));
    let _more = (Limits::decode(rest), Characteristics::decode(rest), Provisioning::decode(rest));
    let _modes = (Mode::decode_6(rest), Mode::decode_10(rest), Operation::decode(rest));
    let _held = (Reservation::decode(rest), keys(rest), Capacity::decode_10(rest));
    let _logs = (exceptions(rest), grown_defects(rest), log_counter(rest, *first & 0x3f, 0));
    let names = designators(rest).unwrap_or_default();
    assert!(names.iter().map(|name| 4 + name.bytes.len()).sum::<usize>() <= rest.len());
    assert!(units(rest).map_or(0, |units| units.len() * 8) <= rest.len());
    assert!(Capacity::decode_16(rest).map_or(1, |told| told.blocks) > 0);
});
