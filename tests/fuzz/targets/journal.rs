//! A journal that was damaged by a failing disk: what is recovered is a prefix that hashes to its head.
#![no_main]
use expunge::journal::recover;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(recovered) = recover(bytes) {
        assert!(recovered.length <= bytes.len());
        let again = recover(&bytes[..recovered.length]).expect("a prefix of whole lines");
        assert_eq!(again, recovered);
    }
});
