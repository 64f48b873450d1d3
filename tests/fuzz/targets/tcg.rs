//! What a TCG drive answers is foreign: whatever it holds, it is read without a panic, and what is read as tokens can
//! be written again and is then the same.
#![no_main]
use expunge::command::tcg::discovery::Discovery;
use expunge::command::tcg::packet::{self, Received};
use expunge::command::tcg::{method, psid, token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(discovery) = Discovery::decode(bytes) {
        assert!(discovery.features.len() * 4 < bytes.len());
        let _class = discovery.class();
        let _removal = discovery.data_removal();
    }
    let com_id = bytes.get(4..6).map_or(0, |id| u16::from_be_bytes([id[0], id[1]]));
    if let Ok(Received::Message { tokens, .. }) = packet::read(com_id, bytes) {
        let _reply = method::reply(&tokens);
        let _session = method::sync_session(&tokens);
        let _column = method::column(&tokens, 3);
    }
    if let Ok(tokens) = token::decode(bytes) {
        let again = token::encode(&tokens).expect("no atom was longer than one can be");
        assert!(again.len() <= bytes.len());
        assert_eq!(token::decode(&again), Ok(tokens));
    }
    let _reset = packet::stack_reset_answer(com_id, bytes);
    let _psid = psid::normalized(bytes);
});
