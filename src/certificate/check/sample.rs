//! Whether a verification is large enough for what is stated about it.
use super::finding::{Finding, FindingCode};
use crate::certificate::record::VerificationRecord;
use crate::plan::VerificationPlan;
use crate::unit::digest::from_hex;
use crate::unit::{Digest, Geometry, RangeSet};
use crate::verify::sample::{Sample, Seed};

/// SP 800-88 Rev. 1, 4.7: at least this many equal subsections.
const SUBSECTIONS_MIN: u64 = 1000;

/// SP 800-88 Rev. 1, 4.7: each of two runs is at least a twentieth of its subsection.
const RUN_SHARE: u64 = 20;

/// Most draws that are made again: beyond what any plan of ours has, and seconds of work for a record that a
/// stranger wrote to keep a checker busy.
const DRAWS_MAX: u128 = 1 << 22;

/// Blocks that are read beyond the sample: the first and the last.
const ENDS: u64 = 2;

/// How far the probability of missing the residue may lie above the stated one, as a share of it: room for the
/// rounding of strata to whole blocks, not for a smaller sample.
const ROUNDING: f64 = 1e-3;

/// Sizes of the verification against the capacity and what it is called, and its blocks against its seed: a
/// seed that gives other blocks than those that were read would let the tool choose them. Blocks that could not
/// be written are not read back: `unwritten`.
pub(super) fn sample(
    verification: &VerificationRecord,
    geometry: &Geometry,
    unwritten: &RangeSet,
    out: &mut Vec<Finding>,
) {
    let before = out.len();
    let draws = sizes(verification, geometry.capacity.0, unwritten.count().0, out);
    if out.len() > before {
        return;
    }
    let wrong = |text: &str| Finding::error(FindingCode::SampleSize, text);
    if draws > DRAWS_MAX {
        let text = format!(
            "{draws} draws are too many to be made again here: which blocks were read is not checked"
        );
        out.push(Finding::warning(FindingCode::SampleSize, text));
        return;
    }
    match drawn_again(verification, geometry, unwritten) {
        None => out.push(wrong("a sample without a seed of 256 bits cannot be drawn again")),
        Some(digest) if digest != verification.tally.wanted_digest => {
            out.push(wrong("the blocks that were to be read are not those that plan and seed give"));
        }
        Some(_) => {}
    }
}

/// Digest of the list of blocks that the plan reads with the recorded seed.
fn drawn_again(
    verification: &VerificationRecord,
    geometry: &Geometry,
    unwritten: &RangeSet,
) -> Option<Digest> {
    let seed: Seed = match &verification.plan {
        // Their lists do not depend on a seed.
        VerificationPlan::Full { .. } | VerificationPlan::Canaries | VerificationPlan::None => [0; 32],
        VerificationPlan::SampledR1 { .. } | VerificationPlan::Sampled { .. } => {
            from_hex(verification.seed.as_deref()?)?.try_into().ok()?
        }
    };
    let sample = Sample::new(&verification.plan, geometry, seed).ok()?;
    let mut wanted = sample.to_set();
    wanted.subtract(unwritten);
    Some(Digest::of_json(&wanted))
}

/// The sizes alone, and the number of draws.
fn sizes(verification: &VerificationRecord, capacity: u64, unwritten: u64, out: &mut Vec<Finding>) -> u128 {
    let wanted = verification.tally.wanted.0;
    let mut wrong = |text: String| out.push(Finding::error(FindingCode::SampleSize, text));
    let (drawn, draws) = match &verification.plan {
        VerificationPlan::Full { .. } => {
            if wanted.saturating_add(unwritten) != capacity {
                wrong(format!(
                    "a full read-back of {capacity} blocks, {unwritten} not written, was to read {wanted}"
                ));
            }
            return 0;
        }
        VerificationPlan::Canaries | VerificationPlan::None => return 0,
        VerificationPlan::SampledR1 { subsections, run_blocks } => {
            if let Some(why) = r1_too_small(*subsections, run_blocks.0, capacity) {
                wrong(why);
            }
            let runs = u128::from(*subsections) * 2;
            (runs * u128::from(run_blocks.0), runs)
        }
        VerificationPlan::Sampled { confidence, fraction, strata } => {
            let allowed = 1.0 - confidence.as_f64();
            let missed = worst_miss(capacity, *strata, fraction.as_f64());
            let simple = allowed.ln() / (-fraction.as_f64()).ln_1p();
            // Strata are fewer than 2^53, so the conversion is exact.
            let enough = *strata as f64 >= simple.min(capacity as f64) - ROUNDING;
            if !enough || missed > allowed * (1.0 + ROUNDING) {
                wrong(format!(
                    "{strata} draws find a residue of {fraction} only with {:.6}, not with {confidence}",
                    1.0 - missed
                ));
            }
            (u128::from(*strata), u128::from(*strata))
        }
    };
    let least = drawn.saturating_sub(u128::from(unwritten));
    if !(least..=drawn + u128::from(ENDS)).contains(&u128::from(wanted)) {
        wrong(format!("the sample is of {drawn} blocks and the two ends, but {wanted} were to be read"));
    }
    draws
}

fn r1_too_small(subsections: u64, run: u64, capacity: u64) -> Option<String> {
    if subsections < SUBSECTIONS_MIN || subsections > capacity {
        return Some(format!(
            "{subsections} subsections of {capacity} blocks; at least {SUBSECTIONS_MIN} are due"
        ));
    }
    let (smallest, largest) = (capacity / subsections, capacity.div_ceil(subsections));
    if u128::from(run) * u128::from(RUN_SHARE) < u128::from(largest) {
        return Some(format!("runs of {run} blocks are less than 5 % of a subsection of {largest} blocks"));
    }
    (u128::from(run) * 2 > u128::from(smallest))
        .then(|| format!("two runs of {run} blocks overlap in a subsection of {smallest} blocks"))
}

/// Probability that one draw in each of `strata` equal strata misses a residue of `fraction` of `capacity`
/// blocks that lies as badly as it can.
///
/// In a stratum of `S` blocks with `r` residual ones the draw misses with `1 - r/S`. The logarithm of that is
/// concave in `r`, so the product over all strata is largest when the residue is spread evenly: `q` or `q + 1`
/// blocks in each. Every stratum is taken as large as the largest.
pub(super) fn worst_miss(capacity: u64, strata: u64, fraction: f64) -> f64 {
    if strata == 0 || strata > capacity {
        return 1.0;
    }
    let largest = capacity.div_ceil(strata) as f64;
    let residue = (fraction * capacity as f64).ceil().max(1.0);
    let each = (residue / strata as f64).floor();
    let with_more = residue - each * strata as f64;
    let miss = |residual: f64| (1.0 - residual / largest).max(0.0);
    // Powers of whole numbers beyond i32 go through the logarithm; zero to the power of zero is one.
    let power = |base: f64, exponent: f64| if exponent == 0.0 { 1.0 } else { base.powf(exponent) };
    power(miss(each), strata as f64 - with_more) * power(miss(each + 1.0), with_more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_layouts_are_those_that_were_computed_elsewhere() {
        // Sizes of a simple random sample without replacement, used wrongly for strata: N = 10,000, k = 10,
        // sized for 99 %, misses with 1.73 %; k = 1, sized for 95 %, misses with 50 %.
        assert!((worst_miss(10_000, 3_689, 0.001) - 0.0173).abs() < 5e-5);
        assert!((worst_miss(10_000, 9_501, 0.0001) - 0.5).abs() < 1e-12);
        // 0.9 ^ 29 = 4.71 %: the table for an unlimited drive and p = 10 %.
        assert!((worst_miss(29_000_000, 29, 0.1) - 0.0471).abs() < 5e-5);
        // Every block drawn: nothing is missed.
        assert!(worst_miss(500, 500, 0.01) == 0.0);
        assert!(worst_miss(500, 0, 0.01) == 1.0);
    }

    /// Against enumeration of every layout on small drives, not against the same formula.
    #[test]
    fn no_layout_is_worse_than_the_worst() {
        fn worst(sizes: &[u64], residue: u64) -> f64 {
            let Some((first, rest)) = sizes.split_first() else {
                return if residue == 0 { 1.0 } else { 0.0 };
            };
            (0..=residue.min(*first))
                .map(|here| (1.0 - here as f64 / *first as f64) * worst(rest, residue - here))
                .fold(0.0, f64::max)
        }
        for (capacity, strata) in [(20u64, 5u64), (23, 5), (12, 12), (13, 6), (9, 2)] {
            let sizes: Vec<u64> = (0..strata)
                .map(|index| (index + 1) * capacity / strata - index * capacity / strata)
                .collect();
            for residue in 1..=capacity {
                let exact = worst(&sizes, residue);
                let bound = worst_miss(capacity, strata, residue as f64 / capacity as f64 - 1e-9);
                assert!(bound >= exact - 1e-9, "{capacity} {strata} {residue}: {bound} < {exact}");
                if capacity.is_multiple_of(strata) {
                    assert!((bound - exact).abs() < 1e-9, "{capacity} {strata} {residue}: {bound} {exact}");
                }
            }
        }
    }

    #[test]
    fn samples_smaller_than_rev_1_asks_for_are_named() {
        assert_eq!(r1_too_small(1000, 50, 1_000_000), None);
        assert!(r1_too_small(999, 51, 1_000_000).is_some());
        assert!(r1_too_small(1000, 49, 1_000_000).is_some());
        // 1,000,001 blocks: the largest subsection has 1,001, of which 5 % are 50.05.
        assert!(r1_too_small(1000, 50, 1_000_001).is_some());
        assert_eq!(r1_too_small(1000, 51, 1_000_001), None);
        assert!(r1_too_small(1000, 501, 1_000_000).is_some());
        assert!(r1_too_small(2000, 1, 1999).is_some());
    }
}
