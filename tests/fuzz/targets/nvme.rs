//! Whatever a drive sends as a page or a log, the decoders take it.
#![no_main]
use expunge::command::nvme::identify::decode_controllers;
use expunge::command::nvme::{
    Events, IdentifyController, IdentifyNamespace, NamespaceList, SanitizeStatus, SmartLog, StatusField,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    IdentifyController::decode(bytes);
    if let Some(namespace) = IdentifyNamespace::decode(bytes) {
        assert!(namespace.lba_format < 64 && namespace.protection < 8 && namespace.protection_place < 2);
    }
    NamespaceList::decode(bytes);
    decode_controllers(bytes);
    SanitizeStatus::decode(bytes);
    SmartLog::decode(bytes);
    let events = Events::decode(bytes);
    let read: usize = events.list.iter().map(|event| event.raw.len()).sum();
    assert_eq!(read == bytes.len(), events.whole);
    if let Some(field) = bytes.first_chunk::<2>() {
        assert!(!StatusField(u16::from_le_bytes(*field)).to_string().is_empty());
    }
});
