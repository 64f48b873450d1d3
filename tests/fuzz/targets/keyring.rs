//! Keyrings come from other people.
#![no_main]
use expunge::certificate::keyring::Keyring;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _keyring = Keyring::parse(bytes);
});
