//! A site's policy is a file like any other until its signature was looked at: without a key nothing is used, whatever
//! it says. What was signed is parsed as well: it comes back as it was, and every case has one answer at most.
//! Pieces of the input replace pieces of a policy that is good: few mutations of a text would get behind its form.
#![no_main]
use std::sync::LazyLock;

use expunge::certificate::keyring::Keyring;
use expunge::cli::policy_file::{policy_of, read};
use expunge::plan::Policy;
use expunge::unit::digest::canonical_json;
use libfuzzer_sys::fuzz_target;

fn good() -> &'static [u8] {
    static GOOD: LazyLock<Vec<u8>> =
        LazyLock::new(|| canonical_json(&Policy { name: "a site's own".to_owned(), ..Policy::builtin() }));
    &GOOD
}

/// Splices: where (two bytes), how many bytes are taken out, how many come in, and these.
fn spliced(mut text: Vec<u8>, mut splices: &[u8]) -> Vec<u8> {
    while let [high, low, out, length, rest @ ..] = splices {
        let (new, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        let begin = usize::from(u16::from_be_bytes([*high, *low])).min(text.len());
        let end = (begin + usize::from(*out)).min(text.len());
        text.splice(begin..end, new.iter().copied());
        splices = rest;
    }
    text
}

fuzz_target!(|bytes: &[u8]| {
    assert!(read(bytes, &Keyring::empty()).is_err(), "nobody is trusted");
    for text in [bytes.to_vec(), spliced(good().to_vec(), bytes)] {
        if let Ok(policy) = policy_of(&text) {
            let again = policy_of(&canonical_json(&policy)).expect("what we write we can read");
            assert_eq!(again.digest(), policy.digest());
            assert!(!policy.name.trim().is_empty());
        }
    }
});
