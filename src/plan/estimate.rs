//! What a plan costs: bytes and time, for every choice of verification. Rates are given, never measured here;
//! where nobody measured, an assumption stands in and says that it is one.
use serde::Serialize;

use super::command::verification_words;
use super::decide::verification;
use super::request::VerificationChoice;
use super::{Plan, VerificationPlan};
use crate::unit::Geometry;
use crate::unit::term::DriveKind;

/// How fast a drive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    /// Sequential writing, in bytes per second.
    pub write_bytes_per_second: u64,
    /// Sequential reading, in bytes per second.
    pub read_bytes_per_second: u64,
    /// Time to get to a place elsewhere on the drive before reading there, in microseconds.
    pub seek_microseconds: u64,
    /// Measured on this drive, or assumed.
    pub source: RateSource,
}

/// Where rates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateSource {
    /// Measured on this drive.
    Measured,
    /// Assumed for its kind.
    Assumed,
}

impl Rates {
    /// Assumptions by kind, chosen by us so that a plan names an order of magnitude: common drives are between
    /// half and three times as fast.
    pub const fn assumed(kind: DriveKind) -> Self {
        let (megabytes, seek_microseconds) = match kind {
            DriveKind::Rotating => (150, 12_000),
            DriveKind::Flash => (400, 200),
            DriveKind::LogicalVolume => (150, 5_000),
            DriveKind::TestObject => (500, 200),
            DriveKind::Unknown => (50, 5_000),
        };
        Self {
            write_bytes_per_second: megabytes * 1_000_000,
            read_bytes_per_second: megabytes * 1_000_000,
            seek_microseconds,
            source: RateSource::Assumed,
        }
    }
}

/// What one choice of verification costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationCost {
    /// What `--verify` takes for it.
    pub choice: String,
    /// Bytes to be read. A sample may read up to two blocks more, its first and last.
    pub bytes: u64,
    /// Time, in seconds.
    pub seconds: u64,
    /// Whether it stands for the sample but reads everything, because the drive is too small for a sample.
    pub reads_everything: bool,
}

/// What a plan costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Number of passes.
    pub passes: u64,
    /// Bytes written by one pass.
    pub bytes_per_pass: u64,
    /// Bytes written by all passes.
    pub write_bytes: u64,
    /// Time for writing, in seconds.
    pub write_seconds: u64,
    /// The verification of the plan.
    pub chosen: VerificationCost,
    /// What else could be chosen, the cheapest last.
    pub choices: Vec<VerificationCost>,
    /// Time for writing and the chosen verification, in seconds.
    pub total_seconds: u64,
    /// With which rates.
    pub rates: Rates,
}

impl Estimate {
    /// The cost of `plan` at these rates.
    pub fn new(plan: &Plan, rates: Rates) -> Self {
        let blocks = plan.geometry.capacity.saturating_sub(plan.absent_count());
        let bytes_per_pass = plan.geometry.byte_length(blocks);
        let passes = plan.passes.len() as u64;
        let write_bytes = bytes_per_pass.saturating_mul(passes);
        let write_seconds = seconds(write_bytes, rates.write_bytes_per_second);
        let chosen = cost(chosen_words(&plan.verification), &plan.verification, &plan.geometry, rates);
        let choices = [VerificationChoice::Full, VerificationChoice::SampledR1, VerificationChoice::None]
            .map(|choice| {
                let words = verification_words(choice);
                cost(words, &verification(choice, &plan.geometry), &plan.geometry, rates)
            })
            .to_vec();
        let total_seconds = write_seconds.saturating_add(chosen.seconds);
        Self { passes, bytes_per_pass, write_bytes, write_seconds, chosen, choices, total_seconds, rates }
    }
}

fn chosen_words(plan: &VerificationPlan) -> String {
    match plan {
        VerificationPlan::Full { .. } => verification_words(VerificationChoice::Full),
        VerificationPlan::SampledR1 { .. } => verification_words(VerificationChoice::SampledR1),
        VerificationPlan::Sampled { confidence, fraction, .. } => {
            verification_words(VerificationChoice::Sampled { confidence: *confidence, fraction: *fraction })
        }
        VerificationPlan::Canaries => "the canaries only".to_owned(),
        VerificationPlan::None => verification_words(VerificationChoice::None),
    }
}

fn cost(choice: String, plan: &VerificationPlan, geometry: &Geometry, rates: Rates) -> VerificationCost {
    let (blocks, seeks) = match *plan {
        VerificationPlan::Full { .. } => (geometry.capacity.0, 0),
        VerificationPlan::SampledR1 { subsections, run_blocks } => {
            let runs = subsections.saturating_mul(2);
            (runs.saturating_mul(run_blocks.0), runs)
        }
        VerificationPlan::Sampled { strata, .. } => (strata, strata),
        VerificationPlan::Canaries | VerificationPlan::None => (0, 0),
    };
    let bytes = blocks.saturating_mul(geometry.block_size.bytes_u64());
    let seeking = seeks.saturating_mul(rates.seek_microseconds) / 1_000_000;
    VerificationCost {
        choice,
        bytes,
        seconds: seconds(bytes, rates.read_bytes_per_second).saturating_add(seeking),
        reads_everything: matches!(plan, VerificationPlan::Full { instead_of_sample: Some(_) }),
    }
}

/// Time to move `bytes` at a rate, rounded up; a rate of zero counts as one byte per second.
const fn seconds(bytes: u64, bytes_per_second: u64) -> u64 {
    if bytes_per_second == 0 { bytes } else { bytes.div_ceil(bytes_per_second) }
}

/// A duration for people: "45 s", "12 min", "3 h 10 min", "27 h".
pub fn duration_text(seconds: u64) -> String {
    if seconds < 60 {
        return format!("{seconds} s");
    }
    let minutes = seconds.saturating_add(30) / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours @ 1..=9, 0) => format!("{hours} h"),
        (hours @ 1..=9, minutes) => format!("{hours} h {minutes} min"),
        (_, _) => format!("{} h", seconds.saturating_add(1_800) / 3_600),
    }
}

/// A size for people in decimal units with three significant digits, as drives are sold: "512 B", "1.07 GB",
/// "16.0 TB".
pub fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // Hundredths of the unit; the next unit from 999.5 on, where three digits would round up to 1000.
    let mut scale: u128 = 1000;
    let mut unit = 0;
    while unit + 1 < UNITS.len() && u128::from(bytes) * 10 >= scale * 9995 {
        scale *= 1000;
        unit += 1;
    }
    let rounded = |digits: u128| (u128::from(bytes) * digits * 2 + scale) / (scale * 2);
    let name = UNITS[unit];
    match (rounded(100), rounded(10)) {
        (hundredths @ 0..=999, _) => format!("{}.{:02} {name}", hundredths / 100, hundredths % 100),
        (_, tenths @ 0..=999) => format!("{}.{} {name}", tenths / 10, tenths % 10),
        (_, _) => format!("{} {name}", rounded(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_569, "59 min"),
            (3_571, "1 h"),
            (11_400, "3 h 10 min"),
            (35_999, "10 h"),
            (97_200, "27 h"),
            (98_999, "27 h"),
            (99_001, "28 h"),
        ] {
            assert_eq!(duration_text(seconds), text, "{seconds}");
        }
        assert!(duration_text(u64::MAX).ends_with(" h"));
    }

    #[test]
    fn sizes_are_those_on_the_label() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (1 << 30, "1.07 GB"),
            (9_994_999, "9.99 MB"),
            (9_995_000, "10.0 MB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (16_000_900_661_248, "16.0 TB"),
            (500_107_862_016, "500 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size_text(bytes), text, "{bytes}");
        }
    }
}
