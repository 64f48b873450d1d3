//! How large a sample must be, and what it can and cannot show. Which blocks it reads is decided later, from
//! a seed drawn after the last flush (`verify::sample`).
use super::VerificationPlan;
use super::request::Ratio;
use crate::unit::{BlockCount, Geometry, Lba, LbaRange};

/// Number of equal subsections of the representative sample: NIST SP 800-88 Rev. 1 asks for at least 1,000
/// (public excerpt).
pub const R1_SUBSECTIONS: u64 = 1_000;

/// Share of a subsection that one run covers: Rev. 1 asks for at least 5 %, one twentieth (public excerpt).
pub const R1_RUN_DIVISOR: u64 = 20;

/// Most draws of a stratified sample: each is a read of its own, a million of them take a rotating drive three
/// hours, and their list goes to the worker in one line.
pub const SAMPLE_DRAWS_MAX: u64 = 1_000_000;

/// Part `index` of `parts` equal parts of `blocks` blocks: from `floor(index * blocks / parts)` up to but
/// without `floor((index + 1) * blocks / parts)`. Sizes differ by at most one block. `None` for an empty part,
/// or one that does not exist.
pub fn part(index: u64, parts: u64, blocks: BlockCount) -> Option<LbaRange> {
    if index >= parts {
        return None;
    }
    let border = |number: u64| {
        let border = u128::from(number) * u128::from(blocks.0) / u128::from(parts);
        u64::try_from(border).ok().map(Lba)
    };
    LbaRange::between(border(index)?, border(index + 1)?)
}

/// Size of the largest of `parts` equal parts.
///
/// # Panics
/// When there are no parts.
pub const fn largest_part(parts: u64, blocks: BlockCount) -> u64 {
    blocks.0.div_ceil(parts)
}

/// The representative sample of Rev. 1 on a drive of this many blocks; `None` when the drive is too small for
/// it: two runs would not fit into every subsection, or would read everything.
pub fn r1_sample(blocks: BlockCount) -> Option<VerificationPlan> {
    let run = largest_part(R1_SUBSECTIONS, blocks).div_ceil(R1_RUN_DIVISOR);
    let smallest = blocks.0 / R1_SUBSECTIONS;
    let fits = run.checked_mul(2).is_some_and(|runs| runs <= smallest);
    (fits && blocks.0 > 2 * R1_SUBSECTIONS)
        .then_some(VerificationPlan::SampledR1 { subsections: R1_SUBSECTIONS, run_blocks: BlockCount(run) })
}

/// Number of residual blocks that make up `fraction` of all `blocks`, rounded up.
pub fn residual_blocks(fraction: Ratio, blocks: BlockCount) -> u64 {
    let product = u128::from(fraction.billionths()) * u128::from(blocks.0);
    u64::try_from(product.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
}

/// Whether one draw in each of `strata` nearly equal parts of `blocks` blocks finds a residue of `fraction` of
/// all blocks with a probability of at least `confidence`, wherever the residual blocks lie.
///
/// With `k` residual blocks, of which `k_i` lie in stratum `i` of `m_i` blocks, the draws miss all of them with
/// the product of `1 - k_i / m_i`. Putting the largest size `m` for every `m_i` makes each factor larger, and of
/// all products with the same sum of `k_i` the one with equal factors is largest, so the product is at most
/// `(1 - k / (n m)) ^ n`. The hypergeometric formula is no bound here: it belongs to a simple random sample.
pub fn is_large_enough(strata: u64, confidence: Ratio, fraction: Ratio, blocks: BlockCount) -> bool {
    if strata == 0 || blocks.is_zero() {
        return false;
    }
    if strata >= blocks.0 {
        return true;
    }
    let bound = as_f64(strata) * as_f64(largest_part(strata, blocks));
    let share = as_f64(residual_blocks(fraction, blocks)) / bound;
    let miss = as_f64(strata) * (-share).ln_1p();
    let allowed = (-confidence.as_f64()).ln_1p();
    // The tolerance takes up the rounding of the logarithms: it changes the probability in the twelfth digit.
    miss <= allowed * (1.0 - 1e-12)
}

/// The smallest number of strata that [`is_large_enough`] and is not below `ln(1 - C) / ln(1 - p)`; `blocks`
/// itself when nothing less is enough, so that every block is read.
pub fn sample_size(confidence: Ratio, fraction: Ratio, blocks: BlockCount) -> u64 {
    let mut strata = unbounded_sample_size(confidence, fraction).clamp(1, blocks.0.max(1));
    while !is_large_enough(strata, confidence, fraction, blocks) {
        // More strata help only once the largest of them gets smaller: go on to the first such number.
        match largest_part(strata, blocks) {
            0..=1 => return blocks.0,
            largest => strata = blocks.0.div_ceil(largest - 1),
        }
    }
    strata
}

/// `ln(1 - C) / ln(1 - p)` rounded up: the number of draws for a drive without end.
fn unbounded_sample_size(confidence: Ratio, fraction: Ratio) -> u64 {
    draws_for((-confidence.as_f64()).ln_1p(), (-fraction.as_f64()).ln_1p())
}

/// How many draws bring the logarithm of the miss probability down to `allowed`, each adding `each`; both are
/// negative.
fn draws_for(allowed: f64, each: f64) -> u64 {
    // The largest quotient is that of the two extreme ratios, 2.1e10; the tolerance takes up rounding.
    let draws = (allowed / each - 1e-9).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 2.1e10, whole"
    )]
    let draws = draws.max(1.0) as u64;
    draws
}

fn as_f64(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "block counts are below 2^53; beyond, 1e-16 is lost")]
    let number = number as f64;
    number
}

/// What a verification reads, and what it can and cannot show, in words and exact numbers.
pub fn describe(plan: &VerificationPlan, geometry: &Geometry) -> String {
    let blocks = geometry.capacity;
    match plan {
        VerificationPlan::Full { instead_of_sample: None } => {
            format!("every one of the {blocks} blocks is read back and compared")
        }
        VerificationPlan::Full { instead_of_sample: Some(why) } => {
            format!("every one of the {blocks} blocks is read back and compared, because {why}")
        }
        VerificationPlan::SampledR1 { subsections, run_blocks } => {
            describe_r1(*subsections, *run_blocks, blocks)
        }
        VerificationPlan::Sampled { confidence, fraction, strata } => {
            describe_sampled(*confidence, *fraction, *strata, blocks)
        }
        VerificationPlan::Canaries => {
            "only the canaries are read: what else the drive holds after its command is not known beforehand"
                .to_owned()
        }
        VerificationPlan::None => "nothing is read back, so nothing is shown".to_owned(),
    }
}

fn describe_r1(subsections: u64, run: BlockCount, blocks: BlockCount) -> String {
    let runs = subsections.saturating_mul(2);
    let read = runs.saturating_mul(run.0).min(blocks.0);
    // Both runs at the near end of one subsection, both at the far end of the next.
    let gap =
        largest_part(subsections.max(1), blocks).saturating_sub(run.0.saturating_mul(2)).saturating_mul(2);
    let share = as_f64(read) / as_f64(blocks.0.max(1));
    let scattered = |miss: f64| draws_for(miss.ln(), (-share).ln_1p());
    format!(
        "{runs} runs of {run} blocks, two in each of {subsections} equal subsections, plus the first and the \
         last block are read back: {read} of {blocks} blocks ({}). A residue of more than {gap} consecutive \
         blocks is always found. Of residual blocks scattered at random, {} are found with a probability of \
         about 95 % and {} with about 99 %; a single residual block is most likely missed",
        percent(read, blocks.0),
        scattered(0.05),
        scattered(0.01),
    )
}

fn describe_sampled(confidence: Ratio, fraction: Ratio, strata: u64, blocks: BlockCount) -> String {
    let largest = largest_part(strata.max(1), blocks);
    let gap = largest.saturating_sub(1).saturating_mul(2);
    format!(
        "{strata} blocks, one drawn in each of {strata} equal parts, plus the first and the last block are read \
         back. A residue of at least {} of all blocks ({} of {blocks}) is found with a probability of at least \
         {}, wherever it lies; more than {gap} consecutive residual blocks are always found. A smaller residue \
         may be missed: a single residual block is found with a probability of about 1 in {largest}",
        ratio_percent(fraction),
        residual_blocks(fraction, blocks),
        ratio_percent(confidence),
    )
}

/// `part` of `whole` in per cent with one decimal place, rounded down so that no share is overstated.
fn percent(part: u64, whole: u64) -> String {
    let permille = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", permille / 10, permille % 10)
}

/// A ratio in per cent, exactly: 0.99 is "99 %", 0.999 is "99.9 %".
pub fn ratio_percent(ratio: Ratio) -> String {
    let (whole, rest) = (ratio.billionths() / 10_000_000, ratio.billionths() % 10_000_000);
    if rest == 0 {
        return format!("{whole} %");
    }
    format!("{} %", format!("{whole}.{rest:07}").trim_end_matches('0'))
}
