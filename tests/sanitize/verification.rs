//! Every choice of verification: what is read, what is claimed, and what is not.
use std::path::Path;

use super::Drive;
use crate::common::{Expunge, Record};

#[track_caller]
fn only(drive: &Drive, expunge: &Expunge, choice: &str, code: i32) -> Record {
    let ran = expunge.overwrite(drive.node(), drive.file(), &["--verify", choice, "--json"]);
    let result = ran.expect_code(code).result();
    let path = result["drives"][0]["record"]["path"].as_str().unwrap().to_owned();
    assert_eq!(result["drives"][0]["verified"], choice != "none");
    Record::read(Path::new(&path))
}

#[test]
fn without_a_read_back_nothing_is_claimed() {
    let drive = Drive::new((2 << 20) + 512, 512);
    let expunge = Expunge::new();
    let record = only(&drive, &expunge, "none", 0);
    record.expect_other("written", "Record of overwrite, not read back", "NOT-VERIFIED");
    assert!(record.at("/verification").is_null());
    assert!(record.codes("/limits").contains(&"not-verified"), "{:?}", record.codes("/limits"));
    expunge.check(&record.path).expect_code(4).expect_text("AUTHENTIC, but NOT a certificate");
    drive.expect_holds(&record);
}

#[test]
fn the_sample_of_rev_1_is_recorded_with_its_seed_and_can_be_recomputed() {
    let drive = Drive::new(64 << 20, 512);
    let expunge = Expunge::new();
    let record = only(&drive, &expunge, "sampled", 0);
    record.expect_certificate();
    assert_eq!(record.text("/verification/plan/type"), "sampled-r1");
    assert_eq!(record.number("/verification/plan/subsections"), 1000);
    let seed = record.text("/verification/seed");
    assert!(seed.len() == 64 && seed.bytes().all(|digit| digit.is_ascii_hexdigit()), "{seed}");
    // 131,072 blocks in 1,000 subsections of at most 132: two runs of 7 each, and perhaps the first and last.
    let wanted = record.number("/verification/tally/wanted");
    assert!((14_000..=14_002).contains(&wanted), "{wanted}");
    assert_eq!(record.number("/verification/tally/matched"), wanted);
    assert_eq!(record.number("/verification/tally/notRead"), 131_072 - wanted);
    assert!(record.codes("/limits").contains(&"sampled-verification"));
    expunge.check(&record.path).expect_code(0).expect_text("PASSES");
    drive.expect_holds(&record);
}

#[test]
fn a_drive_too_small_for_a_sample_is_read_in_full_and_says_so() {
    let drive = Drive::new(1 << 19, 512);
    let expunge = Expunge::new();
    let record = only(&drive, &expunge, "sampled", 0);
    record.expect_certificate();
    assert_eq!(record.text("/verification/plan/type"), "full");
    assert!(!record.at("/verification/plan/insteadOfSample").is_null());
    assert_eq!(record.number("/verification/tally/matched"), 1024);
}

#[test]
fn a_sample_sized_by_confidence_and_fraction_is_at_least_as_large_as_the_formula_says() {
    let drive = Drive::new(8 << 20, 512);
    let expunge = Expunge::new();
    let record = only(&drive, &expunge, "sampled=0.99,0.01", 0);
    record.expect_certificate();
    assert_eq!(record.text("/verification/plan/type"), "sampled");
    // ln(1 - 0.99) / ln(1 - 0.01) = 458.2: so many independent draws miss one in a hundred with 1 %.
    let wanted = record.number("/verification/tally/wanted");
    assert!((459..16_384).contains(&wanted), "{wanted}");
    expunge.check(&record.path).expect_code(0);
    let text = record.texts("/limits");
    assert!(text.contains("99") && !text.contains("100 %"), "{text}");
}

/// The read-back of each sampled job looks elsewhere: the seed is drawn anew.
#[test]
fn no_two_samples_have_the_same_seed() {
    let drive = Drive::new(8 << 20, 512);
    let expunge = Expunge::new();
    let seeds = [(); 2].map(|()| {
        let record = only(&drive, &expunge, "sampled=0.9,0.1", 0);
        record.text("/verification/seed").to_owned()
    });
    assert_ne!(seeds[0], seeds[1]);
}
