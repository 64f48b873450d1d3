//! Envelopes come from anywhere: whatever they hold, checking them ends with a report, and only bytes that our
//! own writer would write again are called canonical.
#![no_main]
use expunge::certificate::check::check;
use expunge::certificate::dsse::Envelope;
use expunge::certificate::keyring::Keyring;
use expunge::certificate::show::show;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let report = check(bytes, &Keyring::empty());
    assert_ne!(report.exit_status, 0, "nobody is trusted");
    if let Some(content) = &report.content {
        let _text = show(content);
    }
    if let Ok(envelope) = Envelope::parse(bytes) {
        let again = Envelope::parse(&envelope.to_bytes()).expect("what we write we can read");
        assert_eq!(again.pae(), envelope.pae());
    }
});
