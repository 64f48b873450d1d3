//! Every original block is gone, and the last pass is on the medium byte for byte as the record says.
use std::fs;

use serde_json::{Value, json};

use super::Drive;
use crate::common::{Expunge, Media, Record};

const GIB: u64 = 1 << 30;

/// One job, with the patterns of its passes where they are known beforehand.
struct Job {
    arguments: &'static [&'static str],
    /// `None` for a byte or key that is drawn for the job.
    patterns: &'static [Option<&'static str>],
}

const ZERO: Job = Job { arguments: &["--pass", "zero"], patterns: &[Some("00")] };
const ONES: Job = Job { arguments: &["--pass", "ones"], patterns: &[Some("ff")] };
const RANDOM: Job = Job { arguments: &[], patterns: &[None] };
/// A character, its complement, then a random character: what the supplement of 1995 is quoted with.
const DOD: Job = Job { arguments: &["--scheme", "dod-5220.22-m"], patterns: &[None, None, None] };
/// Three bytes, which fit neither blocks nor transfers.
const THREE_BYTES: Job = Job { arguments: &["--pass", "0x924924"], patterns: &[Some("924924")] };

/// Zeroes with the address and a tag in each 512 bytes.
const STAMPED_ZERO: Job = Job { arguments: &["--pass", "stamped-zero"], patterns: &[None] };
const STAMPED_THREE: Job =
    Job { arguments: &["--pass", "ones", "--pass", "stamped-0x924924"], patterns: &[Some("ff"), None] };

fn restore(media: &Media) {
    fs::copy(media.original(), media.path()).unwrap();
    fs::File::open(media.path()).unwrap().sync_all().unwrap();
}

#[track_caller]
fn sanitize(drive: &Drive, job: &Job, more: &[&str]) -> Record {
    let expunge = Expunge::new();
    let arguments = [job.arguments, more].concat();
    let ran = expunge.overwrite(drive.node(), drive.file(), &arguments).expect_code(0);
    assert!(ran.stdout.contains("DONE"), "{}", ran.stdout);
    let record = Record::only_in(&expunge.out());
    record.expect_certificate();
    let blocks = drive.media.size() / u64::from(drive.block_size);
    assert_eq!(record.number("/drive/geometry/capacity"), blocks);
    assert_eq!(record.number("/drive/geometry/blockSize"), u64::from(drive.block_size));
    assert_eq!(record.number("/verification/tally/matched"), blocks);
    expect_patterns(&record, job);
    drive.expect_holds(&record);
    expunge.check(&record.path).expect_code(0).expect_text("PASSES");
    record
}

#[track_caller]
fn expect_patterns(record: &Record, job: &Job) {
    let passes = record.at("/passes").as_array().unwrap();
    assert_eq!(passes.len(), job.patterns.len());
    for (pass, bytes) in passes.iter().zip(job.patterns) {
        if let Some(bytes) = bytes {
            assert_eq!(pass["pattern"], json!({"type": "fixed", "bytes": bytes}));
        }
        assert_eq!(pass["tally"]["flush"], "confirmed");
    }
}

fn one_byte(pass: &Value) -> u8 {
    u8::from_str_radix(pass["pattern"]["bytes"].as_str().unwrap(), 16).unwrap()
}

/// The whole gibibyte for each kind of pass, one after the other over the same file: the scan must find the
/// data before, so that its finding nothing afterwards means something.
#[test]
fn a_gibibyte_is_gone_and_holds_the_last_pass_for_every_kind_of_pass() {
    let drive = Drive::new(GIB, 512);
    assert_eq!(drive.media.markers(), 16_384 + 1, "one each 64 KiB and one in the last block");
    for job in [&RANDOM, &ZERO, &ONES, &DOD] {
        let before = drive.media.leftovers();
        assert_eq!(
            (before.markers, before.blocks),
            (drive.media.markers(), GIB / 512),
            "{:?}",
            job.arguments
        );
        let record = sanitize(&drive, job, &[]);
        if job.arguments == DOD.arguments {
            let passes = record.at("/passes").as_array().unwrap();
            assert_eq!(one_byte(&passes[1]), !one_byte(&passes[0]), "a character and its complement");
        }
        restore(&drive.media);
    }
}

/// 37 MiB and one block: no multiple of a transfer, of a page or of the stride of markers.
#[test]
fn odd_sizes_and_both_block_sizes_are_covered_to_the_last_byte() {
    for block_size in [512_u32, 4096] {
        let drive = Drive::new((37 << 20) + u64::from(block_size), block_size);
        for job in [&RANDOM, &ZERO, &ONES, &DOD, &THREE_BYTES, &STAMPED_ZERO, &STAMPED_THREE] {
            sanitize(&drive, job, &[]);
            restore(&drive.media);
        }
    }
}

#[test]
fn one_block_and_less_than_a_transfer_are_drives_too() {
    for (size, block_size) in [(512, 512), (4096, 4096), (512 * 3, 512), (1 << 20, 4096)] {
        let drive = Drive::new(size, block_size);
        for job in [&RANDOM, &STAMPED_ZERO] {
            sanitize(&drive, job, &[]);
        }
    }
}

/// Both adapters and odd tunings write what another program computes from the key or tag on the record, so they
/// write the same bytes for the same key.
#[test]
fn every_adapter_and_tuning_writes_the_same_function_of_the_key() {
    let drive = Drive::new((9 << 20) + 1536, 512);
    for more in [
        &["--adapter", "sync"][..],
        &["--adapter", "io-uring"],
        &["--adapter", "io-uring", "--depth", "1", "--transfer-kib", "64"],
        &["--adapter", "sync", "--transfer-kib", "16384"],
        &["--adapter", "io-uring", "--depth", "64", "--transfer-kib", "100"],
    ] {
        for job in [&RANDOM, &THREE_BYTES, &STAMPED_THREE] {
            sanitize(&drive, job, more);
            restore(&drive.media);
        }
    }
}

/// Two jobs never use one key or tag, and none is on a record before the first write: it is in the journal.
#[test]
fn keys_and_tags_are_fresh_for_each_pass_and_durable_in_the_journal() {
    for (pass, drawn) in [("random", "key"), ("stamped-zero", "tag")] {
        expect_fresh(pass, drawn);
    }
}

#[track_caller]
fn expect_fresh(pass: &str, drawn: &str) {
    let drive = Drive::new(1 << 20, 512);
    let expunge = Expunge::new();
    for _ in 0..2 {
        let two = ["--pass", pass, "--pass", pass];
        expunge.overwrite(drive.node(), drive.file(), &two).expect_code(0);
    }
    let records = Record::all_in(&expunge.out());
    let drawn = |pass: &Value| pass["pattern"][drawn].as_str().unwrap().to_owned();
    let mut keys: Vec<String> =
        records.iter().flat_map(|record| record.at("/passes").as_array().unwrap()).map(drawn).collect();
    let journals: String = fs::read_dir(expunge.state().join("jobs"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(keys.iter().all(|key| journals.contains(key.as_str())));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4);
}
