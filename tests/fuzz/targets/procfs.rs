//! Mount points and swap files have whatever names their users gave them.
#![no_main]
use expunge::device::procfs::{mounts, swaps};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    assert!(mounts(text).len() <= text.lines().count());
    let _swaps = swaps(text);
});
