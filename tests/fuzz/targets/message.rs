//! A worker that went wrong may say anything; its counts are checked before they mean something.
#![no_main]
use expunge::unit::{BlockCount, BlockSize, Digest, Geometry, RangeSet};
use expunge::verify::VerificationTally;
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
        Ok(Event::Repaired { tally }) => {
            let whole = geometry.whole().into_iter().collect();
            let nothing = VerificationTally {
                wanted: BlockCount(1000),
                matched: BlockCount(0),
                mismatched: whole,
                unreadable: RangeSet::new(),
                not_read: BlockCount(0),
                wanted_digest: Digest([0; 32]),
            };
            let _whole = tally.accounts_for(&nothing);
        }
        Ok(
            Event::Ready { .. }
            | Event::Progress(_)
            | Event::Waiting
            | Event::Heat { .. }
            | Event::Checkpoint { .. }
            | Event::Fingerprinted { .. }
            | Event::Restored { .. }
            | Event::Looked { .. }
            | Event::NotReady { .. }
            | Event::News(_)
            | Event::Commanded { .. }
            | Event::Surveyed { .. }
            | Event::Unlocked { .. }
            | Event::Broken { .. },
        )
        | Err(_) => {}
    }
});
