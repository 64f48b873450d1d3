//! Runs before every arming: known answers of everything that the evidence rests on, and a planted mismatch
//! that must be found. A failure refuses the job.
use crate::certificate::key::{PublicKey, SigningKey};
use crate::certificate::provenance::SelfTest;
use crate::engine::{Pass, Unobserved, write_pass};
use crate::io::{BlockRead as _, MemoryDisk};
use crate::plan::Rules;
use crate::unit::digest::{from_hex, to_hex};
use crate::unit::pattern::FixedBytes;
use crate::unit::term::DriveKind;
use crate::unit::{
    BlockCount, BlockSize, Digest, Geometry, Lba, LbaRange, Pattern, PatternKey, RangeSet, StampTag,
};
use crate::verify::read_back;

/// A named check: `None` when it could not even be carried out counts as failed.
type Check = (&'static str, fn() -> bool);

/// Every check of this module, by the name that goes on the record.
const CHECKS: &[Check] = &[
    ("sha-256 of 'abc' (FIPS 180-4)", sha256_known_answer),
    ("aes-256-ctr (SP 800-38A F.5.5, key of the vector, counter from zero)", keyed_known_answer),
    ("fixed pattern, three bytes across a block border", fixed_known_answer),
    ("stamped pattern, number and tag across a block border", stamped_known_answer),
    ("ed25519 (RFC 8032 7.1, test 2)", signature_known_answer),
    ("ed25519 refuses a changed message", signature_refuses_change),
    ("planted mismatch found at the first block", || finds_mismatch(Place::First)),
    ("planted mismatch found at a middle block", || finds_mismatch(Place::Middle)),
    ("planted mismatch found at the last block", || finds_mismatch(Place::Last)),
];

/// Runs every check.
pub fn run() -> SelfTest {
    let mut result = SelfTest::default();
    for (name, check) in CHECKS {
        let list = if check() { &mut result.passed } else { &mut result.failed };
        list.push((*name).to_owned());
    }
    result
}

fn sha256_known_answer() -> bool {
    Digest::of(b"abc").to_string() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
}

fn keyed_known_answer() -> bool {
    // Key of SP 800-38A F.5.5; the first 32 bytes of its stream with a zero counter block, made with OpenSSL.
    let key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    let expected = include_str!("../../fixtures/pattern/sp800-38a-key-zero-counter.hex").trim();
    let Some(key) = from_hex(key).and_then(|key| key.try_into().ok()) else { return false };
    let mut stream = [0; 32];
    Pattern::Keyed { key: PatternKey(key) }.fill(0, &mut stream);
    to_hex(&stream) == expected
}

fn fixed_known_answer() -> bool {
    let Some(bytes) = FixedBytes::new(&[0x92, 0x49, 0x24]) else { return false };
    let mut out = [0; 4];
    Pattern::Fixed { bytes }.fill(511, &mut out);
    out == [0x49, 0x24, 0x92, 0x49]
}

fn stamped_known_answer() -> bool {
    let pattern = Pattern::Stamped {
        bytes: FixedBytes::byte(0x55),
        tag: StampTag(*b"\xA0\xA1\xA2\xA3\xA4\xA5\xA6\xA7"),
    };
    let mut out = [0; 18];
    // The last byte of unit 257 and the first of unit 258 = 0x102.
    pattern.fill(258 * 512 - 1, &mut out);
    out == *b"\x55\0\0\0\0\0\0\x01\x02\xA0\xA1\xA2\xA3\xA4\xA5\xA6\xA7\x55"
}

/// RFC 8032, 7.1, TEST 2: secret key, public key, one-byte message and signature.
const RFC8032_SECRET: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
const RFC8032_SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

fn test_key() -> Option<SigningKey> {
    let seed: [u8; 32] = from_hex(RFC8032_SECRET)?.try_into().ok()?;
    Some(SigningKey::from_seed(&seed))
}

fn signature_known_answer() -> bool {
    test_key().is_some_and(|key| to_hex(&key.sign(&[0x72])) == RFC8032_SIGNATURE)
}

fn signature_refuses_change() -> bool {
    let (Some(key), Some(signature)) = (test_key(), from_hex(RFC8032_SIGNATURE)) else { return false };
    let public: PublicKey = key.public();
    public.verifies(&[0x72], &signature) && !public.verifies(&[0x73], &signature)
}

#[derive(Clone, Copy)]
enum Place {
    First,
    Middle,
    Last,
}

/// Writes a drive in memory with the engine, changes one bit behind its back, and asks the verifier.
fn finds_mismatch(place: Place) -> bool {
    let Ok(block_size) = BlockSize::new(512) else { return false };
    let geometry = Geometry { block_size, physical_block_size: block_size, capacity: BlockCount(301) };
    let Some(whole) = geometry.whole() else { return false };
    let pattern = Pattern::Keyed { key: PatternKey([0x5E; 32]) };
    let mut disk = MemoryDisk::new(geometry, 16 << 10, 2);
    let mut buffers = disk.take_buffers();
    let rules = Rules::of_kind(DriveKind::TestObject);
    let pass = Pass { index: 0, pattern: &pattern, written: &RangeSet::new(), zones: None, rules: &rules };
    let written = write_pass(&mut disk, &mut buffers, &pass, &mut Unobserved);
    if !written.is_ok_and(|end| end.tally.is_complete()) {
        return false;
    }
    let wanted: RangeSet = [whole].into_iter().collect();
    let clean = read_back(&mut disk, &mut buffers, &pattern, &wanted, &rules, &mut Unobserved);
    let lba = match place {
        Place::First => 0,
        Place::Middle => 150,
        Place::Last => 300,
    };
    let byte = match place {
        Place::First => 0,
        Place::Middle => 150 * 512 + 77,
        Place::Last => 301 * 512 - 1,
    };
    disk.bytes_mut()[byte] ^= 0x01;
    let found = read_back(&mut disk, &mut buffers, &pattern, &wanted, &rules, &mut Unobserved);
    let expected: RangeSet = LbaRange::single(Lba(lba)).into_iter().collect();
    clean.is_ok_and(|end| end.tally.is_clean())
        && found.is_ok_and(|end| end.tally.mismatched == expected && !end.tally.is_clean())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_passes_here() {
        let result = run();
        assert_eq!(result.failed, Vec::<String>::new());
        assert_eq!(result.passed.len(), CHECKS.len());
    }
}
