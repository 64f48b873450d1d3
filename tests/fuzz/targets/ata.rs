//! What an ATA drive and its translation layer send: the first byte is the SCSI status, the rest sense data and pages.
#![no_main]
use expunge::command::ata::areas::{address, configured};
use expunge::command::ata::identify::Identify;
use expunge::command::ata::log::{definitive_ending, security};
use expunge::command::ata::sanitize::Status;
use expunge::command::ata::sat::reply;
use expunge::command::ata::smart::Attributes;
use expunge::io::ScsiAnswer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((status, rest)) = bytes.split_first() else { return };
    let reply = reply(&ScsiAnswer::Answered { status: *status, sense: rest.to_vec(), moved: 0 });
    let _status = Status::decode(reply);
    assert!(address(reply).is_none_or(|last| last.capacity().last() == last));
    let _pages = (configured(rest), definitive_ending(rest), security(rest), Attributes::decode(rest));
    if let Ok(identify) = Identify::decode(rest) {
        assert!(identify.logical_bytes() > 0 && identify.serial().is_ascii());
        let _facts = (identify.sanitize(), identify.security(), identify.sectors(), identify.rotation());
    }
});
