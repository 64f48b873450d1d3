//! Which generator makes the keyed pattern fastest: the measurement behind AES-256-CTR (docs/performance.md).
//! Run with `cargo bench --bench pattern`.
#![allow(clippy::print_stdout)]
use std::time::Instant;

use chacha20::cipher::{KeyIvInit, StreamCipher};
use expunge::unit::pattern::FixedBytes;
use expunge::unit::{Pattern, PatternKey, StampTag};

/// Bytes made at a time: one transfer of the engine.
const TRANSFER: usize = 1 << 20;

/// Transfers in one measurement.
const TRANSFERS: u32 = 512;

fn measure(name: &str, mut fill: impl FnMut(u64, &mut [u8])) {
    let mut buffer = vec![0; TRANSFER];
    let rates = (0..5).map(|_| {
        let begin = Instant::now();
        for transfer in 0..TRANSFERS {
            fill(u64::from(transfer) * TRANSFER as u64, &mut buffer);
        }
        f64::from(TRANSFERS) * TRANSFER as f64 / begin.elapsed().as_secs_f64() / 1e9
    });
    println!("| {name} | {:.2} |", rates.fold(0.0, f64::max));
}

fn main() {
    let key = [7; 32];
    println!("| generator, one core | best of 5, GB/s |\n|---|---|");
    let ours = Pattern::Keyed { key: PatternKey(key) };
    measure("AES-256-CTR, as the engine calls it", |offset, out| ours.fill(offset, out));
    measure("ChaCha8", |_, out| {
        out.fill(0);
        chacha20::ChaCha8::new(&key.into(), &[0; 12].into()).apply_keystream(out);
    });
    measure("ChaCha12", |_, out| {
        out.fill(0);
        chacha20::ChaCha12::new(&key.into(), &[0; 12].into()).apply_keystream(out);
    });
    measure("ChaCha20", |_, out| {
        out.fill(0);
        chacha20::ChaCha20::new(&key.into(), &[0; 12].into()).apply_keystream(out);
    });
    measure("BLAKE3 XOF", |offset, out| {
        let mut output = blake3::Hasher::new_keyed(&key).finalize_xof();
        output.set_position(offset);
        output.fill(out);
    });
    let zeros = Pattern::byte(0);
    measure("zeroes (memset)", |offset, out| zeros.fill(offset, out));
    for (name, period) in [("stamped zeroes", &[0][..]), ("stamped, three bytes", &[0x92, 0x49, 0x24])] {
        let bytes = FixedBytes::new(period).expect("1 to 64 bytes");
        let stamped = Pattern::Stamped { bytes, tag: StampTag([7; 8]) };
        measure(name, |offset, out| stamped.fill(offset, out));
    }
}
