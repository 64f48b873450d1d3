use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::plan::decide::verification;
use crate::plan::request::{Ratio, VerificationChoice};
use crate::plan::sampling::{largest_part, r1_sample, residual_blocks};
use crate::unit::BlockSize;

fn geometry(blocks: u64) -> Geometry {
    let block = BlockSize::new(512).unwrap();
    Geometry { block_size: block, physical_block_size: block, capacity: BlockCount(blocks) }
}

fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

fn sampled(strata: u64) -> VerificationPlan {
    VerificationPlan::Sampled { confidence: ratio("0.99"), fraction: ratio("0.001"), strata }
}

/// The seed 000102...1f of the vectors.
fn counting_seed() -> Seed {
    std::array::from_fn(|i| u8::try_from(i).unwrap())
}

/// Computed by a Python program from the algorithm in the module's documentation and the stream that
/// `openssl enc -chacha20` (OpenSSL 3) prints: `scripts/sample-list.py`.
#[test]
fn lists_are_those_of_another_program() {
    let r1 = |run| VerificationPlan::SampledR1 { subsections: 1000, run_blocks: BlockCount(run) };
    for (plan, blocks, ranges, wanted, digest) in [
        (sampled(7), 1000, 9, 9, "14a73cfaaf05dd87d8a2ff6ea65d1c4e09e7b0b0dbb05158c85fd82656cb7221"),
        (
            sampled(4603),
            39_062_500_001,
            4605,
            4605,
            "9e76c294562eba6118dd09d22c8297c32399e5c102da61f56963ba6956062aa6",
        ),
        (r1(1), 2001, 2, 2000, "598509d4d54d404ca760383ba75664336cd285bae8987e7f3fb9cfbf8eb9c2ea"),
        (r1(7), 123_457, 1974, 14_002, "8c6a2c6d2516656e84a310e91207f92d895658bcaf0bb1cabdb210bd6fbdd2a3"),
        (
            r1(1_953_126),
            39_062_500_001,
            2002,
            3_906_252_002,
            "dad440763e35ee25d418d469d060b0792a97bfebf04e950b3e96f349084b676d",
        ),
    ] {
        let sample = Sample::new(&plan, &geometry(blocks), counting_seed()).unwrap();
        assert_eq!(sample.ranges().count(), ranges, "{plan:?}");
        assert_eq!(sample.wanted(), BlockCount(wanted), "{plan:?}");
        assert_eq!(sample.digest().to_string(), digest, "{plan:?}");
    }
    let first = Sample::new(&sampled(7), &geometry(1000), counting_seed()).unwrap();
    let blocks: Vec<u64> = first.ranges().map(|range| range.first().0).collect();
    assert_eq!(blocks, [0, 77, 271, 291, 480, 620, 819, 952, 999]);
}

/// Standards' survey, section 7: sample sizes for "fewer than this fraction residual" on a drive without end.
#[test]
fn sample_sizes_are_those_of_the_table() {
    let large = BlockCount(1 << 50);
    for (fraction, sizes) in [
        ("0.1", [29, 44, 66]),
        ("0.01", [299, 459, 688]),
        ("0.001", [2_995, 4_603, 6_905]),
        ("0.0001", [29_956, 46_050, 69_075]),
        ("0.00001", [299_572, 460_515, 690_773]),
        ("0.000001", [2_995_731, 4_605_168, 6_907_752]),
    ] {
        for (confidence, size) in ["0.95", "0.99", "0.999"].into_iter().zip(sizes) {
            assert_eq!(
                sample_size(ratio(confidence), ratio(fraction), large),
                size,
                "{fraction} {confidence}"
            );
        }
    }
    // Exact quotients are not rounded up by the error of a logarithm: 1 - 0.5^2, 1 - 0.1^3.
    assert_eq!(sample_size(ratio("0.75"), ratio("0.5"), large), 2);
    assert_eq!(sample_size(ratio("0.999"), ratio("0.9"), large), 3);
}

/// The largest probability with which one draw in each stratum misses `residual` blocks, over every layout: what
/// matters of a layout is only how many of the blocks lie in which stratum, so all of them are gone through by
/// dynamic programming over the strata.
fn worst_miss(strata: u64, blocks: u64, residual: usize) -> f64 {
    let mut best = vec![f64::NEG_INFINITY; residual + 1];
    best[0] = 1.0;
    for index in 0..strata {
        let size = part(index, strata, BlockCount(blocks)).unwrap().count().0;
        let mut next = vec![f64::NEG_INFINITY; residual + 1];
        for (placed, miss) in best.iter().enumerate().filter(|(_, miss)| **miss >= 0.0) {
            for here in 0..=(residual - placed).min(usize::try_from(size).unwrap()) {
                let here_miss = miss * (1.0 - here as f64 / size as f64);
                next[placed + here] = next[placed + here].max(here_miss);
            }
        }
        best = next;
    }
    best[residual]
}

/// Exact miss probability of a simple random sample without replacement.
fn hypergeometric_miss(drawn: u64, blocks: u64, residual: u64) -> f64 {
    (0..residual).map(|j| (blocks - drawn - j) as f64 / (blocks - j) as f64).product()
}

#[test]
fn the_worst_layouts_of_the_survey_come_out_and_show_the_hypergeometric_size_to_fail() {
    // Survey, correction to rule 1: N = 10,000, k = 10, sized hypergeometrically for 99 %: 1.73 %, not 1 %.
    assert!(hypergeometric_miss(3_689, 10_000, 10) <= 0.01);
    assert!((worst_miss(3_689, 10_000, 10) - 0.0173).abs() < 0.00005);
    assert!(!is_large_enough(3_689, ratio("0.99"), ratio("0.001"), BlockCount(10_000)));
    // And k = 1, sized for 95 %: 50 %, not 5 %.
    assert!(hypergeometric_miss(9_501, 10_000, 1) <= 0.05);
    assert!((worst_miss(9_501, 10_000, 1) - 0.5).abs() < 1e-12);
    assert!(!is_large_enough(9_501, ratio("0.95"), ratio("0.0001"), BlockCount(10_000)));
    // Both need far more; the second everything.
    let size = sample_size(ratio("0.99"), ratio("0.001"), BlockCount(10_000));
    assert!(size > 4_603 && worst_miss(size, 10_000, 10) <= 0.01, "{size}");
    assert_eq!(sample_size(ratio("0.95"), ratio("0.0001"), BlockCount(10_000)), 10_000);
}

#[test]
fn no_layout_on_a_small_drive_is_missed_more_often_than_stated() {
    let mut samples = 0;
    for blocks in 1..=70 {
        for fraction in ["0.02", "0.1", "0.25", "0.4", "0.75"].map(ratio) {
            for confidence in ["0.5", "0.8", "0.95", "0.99"].map(ratio) {
                let strata = sample_size(confidence, fraction, BlockCount(blocks));
                assert!(strata <= blocks);
                if strata == blocks {
                    continue;
                }
                samples += 1;
                // From the smallest residue that reaches the fraction to everything.
                let smallest = (1..=blocks).find(|k| *k as f64 / blocks as f64 >= fraction.as_f64()).unwrap();
                for residual in smallest..=blocks {
                    let miss = worst_miss(strata, blocks, usize::try_from(residual).unwrap());
                    let allowed = 1.0 - confidence.as_f64() + 1e-9;
                    assert!(miss <= allowed, "{blocks} {fraction} {confidence} {strata} {residual}: {miss}");
                }
            }
        }
    }
    assert!(samples > 300, "only {samples} cases were samples at all");
}

#[test]
fn enumerating_every_layout_and_every_draw_gives_the_same_worst_case() {
    // 3 strata of 11 blocks: sizes 3, 4, 4. Every set of 4 residual blocks, every one of the 48 draws.
    let parts: Vec<LbaRange> = (0..3).map(|i| part(i, 3, BlockCount(11)).unwrap()).collect();
    let mut worst = 0;
    for layout in 0u32..1 << 11 {
        if layout.count_ones() != 4 {
            continue;
        }
        let residual = |lba: u64| layout >> lba & 1 == 1;
        let clean =
            parts.iter().map(|part| (part.first().0..part.end().0).filter(|lba| !residual(*lba)).count());
        worst = worst.max(clean.product());
    }
    assert!((worst as f64 / 48.0 - worst_miss(3, 11, 4)).abs() < 1e-12);
}

#[test]
fn every_placement_of_two_runs_is_equally_frequent() {
    // Runs of 2 in 8 blocks: 15 placements. 30,000 draws: 2,000 each, standard deviation 43.
    let mut counts = BTreeMap::new();
    let mut random = ChaCha20Rng::from_seed([9; 32]);
    for _ in 0..30_000 {
        let (first, second) = two_runs(&mut random, 8, 2);
        assert!(first + 2 <= second && second + 2 <= 8);
        *counts.entry((first, second)).or_insert(0u32) += 1;
    }
    assert_eq!(counts.len(), 15);
    assert!(counts.values().all(|count| (1_800..=2_200).contains(count)), "{counts:?}");
}

#[test]
fn draws_are_equally_frequent_and_below_the_bound() {
    let mut random = ChaCha20Rng::from_seed([7; 32]);
    let mut counts = [0u32; 6];
    for _ in 0..12_000 {
        counts[usize::try_from(draw(&mut random, 6)).unwrap()] += 1;
    }
    assert!(counts.iter().all(|count| (1_800..=2_200).contains(count)), "{counts:?}");
    // Of the bound 2^63 + 1 nearly every second number is refused, and none is out of range.
    assert!((0..200).all(|_| draw(&mut random, (1 << 63) + 1) <= 1 << 63));
}

/// Gives chosen numbers, to reach the refusal that random ones never reach.
struct Script(std::vec::IntoIter<u64>);

impl rand_chacha::rand_core::TryRng for Script {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("draws take eight bytes")
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("draws take eight bytes")
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.0.next().unwrap().to_le_bytes());
        Ok(())
    }
}

#[test]
fn numbers_of_the_incomplete_stretch_are_drawn_again() {
    // 2^64 mod 10 = 6: the last six numbers are refused.
    let below = u64::MAX - 6;
    let mut script = Script(vec![u64::MAX, u64::MAX - 5, below].into_iter());
    assert_eq!(draw(&mut script, 10), below % 10);
    // 2^64 mod 8 = 0: none is refused.
    assert_eq!(draw(&mut Script(vec![u64::MAX].into_iter()), 8), 7);
}

#[test]
fn full_reads_everything_and_none_nothing() {
    let full = VerificationPlan::Full { instead_of_sample: None };
    for blocks in [1, 2, 1000, 1 << 40] {
        let sample = Sample::new(&full, &geometry(blocks), [1; 32]).unwrap();
        assert_eq!(sample.ranges().collect::<Vec<_>>(), [geometry(blocks).whole().unwrap()]);
        assert_eq!(sample.wanted().0, blocks);
        let nothing = Sample::new(&VerificationPlan::None, &geometry(blocks), [1; 32]).unwrap();
        assert!(nothing.wanted().is_zero() && nothing.digest() == Digest::of(b"[]"));
    }
}

#[test]
fn plans_that_nobody_could_have_made_do_not_fit() {
    let r1 = |subsections, run| VerificationPlan::SampledR1 { subsections, run_blocks: BlockCount(run) };
    for (plan, blocks, error) in [
        (VerificationPlan::Full { instead_of_sample: None }, 0, DoesNotFit::NoBlocks),
        (sampled(0), 10, DoesNotFit::Strata),
        (sampled(11), 10, DoesNotFit::Strata),
        (r1(999, 100), 1_000_000, DoesNotFit::Subsections),
        (r1(1000, 49), 1_000_000, DoesNotFit::Runs),
        (r1(1000, 501), 1_000_000, DoesNotFit::Runs),
        (r1(1000, 0), 10, DoesNotFit::Runs),
        (r1(1000, u64::MAX), 1_000_000, DoesNotFit::Runs),
        (r1(0, 1), 1_000_000, DoesNotFit::Subsections),
        (r1(u64::MAX, 1), 1_000_000, DoesNotFit::Runs),
    ] {
        assert_eq!(Sample::new(&plan, &geometry(blocks), [0; 32]), Err(error), "{plan:?}");
        // A stranger's record is described all the same, without a panic.
        assert!(!describe(&plan, &geometry(blocks)).is_empty());
    }
}

#[test]
fn twenty_terabytes_need_no_list() {
    // 4,605,168 draws of 39 billion blocks: counted and digested one by one.
    let sample = Sample::new(&sampled(4_605_168), &geometry(39_062_500_000), [3; 32]).unwrap();
    let wanted = sample.wanted().0;
    assert!((4_605_168..=4_605_170).contains(&wanted));
    assert_ne!(sample.digest(), Sample { seed: [4; 32], ..sample }.digest());
    assert!(std::mem::size_of::<Ranges>() < 1024);
}

#[test]
fn what_a_sample_shows_is_said_with_its_numbers() {
    let blocks = geometry(20_000_000);
    // Survey, section 7: of scattered blocks 29 are found with 95 % and 44 with 99 %; a gap is 1.8 subsections.
    let text = describe(&r1_sample(blocks.capacity).unwrap(), &blocks);
    for part in ["2000 runs of 1000 blocks", "2000000 of 20000000 blocks (10.0 %)", "36000", " 29 ", " 44 "] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let text = describe(&sampled(4603), &blocks);
    for part in ["4603 blocks", "0.1 % of all blocks (20000 of 20000000)", "at least 99 %", "1 in 4345"] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// Longest stretch of blocks that the set does not hold.
fn longest_gap(set: &RangeSet, blocks: u64) -> u64 {
    let whole = geometry(blocks).whole().unwrap();
    set.complement(whole).ranges().iter().map(|gap| gap.count().0).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn representative_samples_are_what_rev_1_asks_for(
        blocks in prop_oneof![2_001u64..50_000, 50_000u64..10_000_000, 1u64 << 30..1 << 40],
        seed in any::<[u8; 32]>(),
    ) {
        let plan = r1_sample(BlockCount(blocks)).unwrap();
        let VerificationPlan::SampledR1 { subsections, run_blocks } = plan else { unreachable!() };
        prop_assert!(subsections >= 1000);
        let sample = Sample::new(&plan, &geometry(blocks), seed).unwrap();
        let raw: Vec<LbaRange> = Raw::new(&sample).collect();
        prop_assert_eq!(raw.len(), 2 + 2 * usize::try_from(subsections).unwrap());
        for index in 0..subsections {
            let at = 1 + 2 * usize::try_from(index).unwrap();
            let (one, two) = (raw[at], raw[at + 1]);
            let (from, to) = (index * blocks / subsections, (index + 1) * blocks / subsections);
            prop_assert!(from <= one.first().0 && one.end() <= two.first() && two.end().0 <= to);
            prop_assert!(one.count() == run_blocks && two.count() == run_blocks);
            prop_assert!(run_blocks.0 * 20 >= to - from);
        }
        let set = sample.to_set();
        prop_assert_eq!(sample.wanted(), set.count());
        prop_assert_eq!(sample.digest(), Digest::of_json(&set));
        let merged: Vec<LbaRange> = sample.ranges().collect();
        prop_assert_eq!(&merged[..], set.ranges());
        prop_assert!(set.count().0 * 10 >= blocks);
        prop_assert!(set.contains(Lba(0)) && set.contains(Lba(blocks - 1)));
        // No contiguous extent of more than 1.8 of the largest subsection escapes.
        let largest = largest_part(subsections, BlockCount(blocks));
        prop_assert!(longest_gap(&set, blocks) * 10 <= largest * 18);
        let other = Sample::new(&plan, &geometry(blocks), seed.map(|byte| byte ^ 1)).unwrap();
        prop_assert!(blocks < 4_000 || other.digest() != sample.digest());
    }

    #[test]
    fn stratified_samples_draw_one_block_in_each_stratum(
        blocks in 1u64..100_000,
        share in 1u64..=1000,
        seed in any::<[u8; 32]>(),
    ) {
        let strata = (blocks * share / 1000).max(1);
        let sample = Sample::new(&sampled(strata), &geometry(blocks), seed).unwrap();
        let raw: Vec<LbaRange> = Raw::new(&sample).collect();
        prop_assert_eq!(raw.len() as u64, strata + 2);
        let mut end = 0;
        for (index, drawn) in (0..strata).zip(&raw[1..]) {
            let stratum = part(index, strata, BlockCount(blocks)).unwrap();
            prop_assert_eq!(stratum.first().0, end);
            prop_assert!(stratum.contains(drawn.first()) && drawn.count().0 == 1);
            prop_assert!([blocks / strata, blocks.div_ceil(strata)].contains(&stratum.count().0));
            end = stratum.end().0;
        }
        prop_assert_eq!(end, blocks);
        let set = sample.to_set();
        prop_assert_eq!(sample.digest(), Digest::of_json(&set));
        prop_assert_eq!(sample.wanted(), set.count());
        prop_assert!(set.contains(Lba(0)) && set.contains(Lba(blocks - 1)));
    }

    #[test]
    fn every_planned_verification_can_be_carried_out(
        blocks in prop_oneof![1u64..30_000, 1u64 << 40..1 << 53],
        confidence in 1u32..1_000_000_000,
        fraction in 1_000u32..1_000_000_000,
        seed in any::<[u8; 32]>(),
    ) {
        let ratio = |billionths| Ratio::from_billionths(billionths).unwrap();
        let stratified =
            VerificationChoice::Sampled { confidence: ratio(confidence), fraction: ratio(fraction) };
        let choices =
            [VerificationChoice::Full, VerificationChoice::None, VerificationChoice::SampledR1, stratified];
        for choice in choices {
            let plan = verification(choice, &geometry(blocks));
            let sample = Sample::new(&plan, &geometry(blocks), seed);
            prop_assert!(sample.is_ok(), "{:?} {:?}", plan, sample);
            prop_assert!(sample.unwrap().ranges().take(5_000).all(|range| range.end().0 <= blocks));
            prop_assert!(!describe(&plan, &geometry(blocks)).is_empty());
        }
    }

    #[test]
    fn sizing_ends_and_is_enough(
        blocks in 0u64..1 << 53,
        confidence in 1u32..1_000_000_000,
        fraction in 1u32..1_000_000_000,
    ) {
        let ratio = |billionths| Ratio::from_billionths(billionths).unwrap();
        let (confidence, fraction) = (ratio(confidence), ratio(fraction));
        let size = sample_size(confidence, fraction, BlockCount(blocks));
        prop_assert!(size <= blocks.max(1));
        prop_assert!(blocks == 0 || is_large_enough(size, confidence, fraction, BlockCount(blocks)));
        let residual = residual_blocks(fraction, BlockCount(blocks));
        prop_assert!(u128::from(residual) * 1_000_000_000 >= u128::from(blocks) * u128::from(fraction.billionths()));
    }
}
