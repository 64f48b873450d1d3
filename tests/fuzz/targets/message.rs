//! A worker that went wrong may say anything; its counts are checked before they mean something.
#![no_main]
use expunge::unit::{BlockCount, BlockSize, Geometry};
use expunge::worker::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let block_size = BlockSize::new(512).expect("a supported size");
    let geometry = Geometry { block_size, physical_block_size: block_size, capacity: BlockCount(1000) };
    match serde_json::from_slice(bytes) {
        Ok(Event::Pass { tally, .. }) => {
            let _whole = tally.accounts_for(&geometry);
        }
        Ok(Event::Verified { tally, .. }) => {
            let _whole = tally.accounts_for(&geometry);
        }
        Ok(Event::Ready { .. } | Event::Progress(_) | Event::Broken { .. }) | Err(_) => {}
    }
});
