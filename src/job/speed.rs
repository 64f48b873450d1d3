//! How fast a drive is, from the counters that its worker tells.
use std::time::{Duration, Instant};

use crate::engine::Phase;

/// Time between two readings: shorter ones are noise.
const EVERY: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Speedometer {
    at: Instant,
    phase: Option<Phase>,
    bytes: u64,
}

impl Speedometer {
    pub(super) const fn new(now: Instant) -> Self {
        Self { at: now, phase: None, bytes: 0 }
    }

    /// Takes in a counter, and gives the rate in bytes a second once enough time has passed.
    pub(super) fn take(&mut self, now: Instant, phase: Phase, bytes: u64) -> Option<u64> {
        if self.phase != Some(phase) || bytes < self.bytes {
            *self = Self { at: now, phase: Some(phase), bytes };
            return None;
        }
        let time = now.duration_since(self.at);
        if time < EVERY {
            return None;
        }
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let rate = (bytes - self.bytes).saturating_mul(1000).checked_div(millis);
        *self = Self { at: now, phase: Some(phase), bytes };
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_one_phase_over_at_least_a_second() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut speed = Speedometer::new(start);
        let writing = Phase::Writing { pass: 0 };
        assert_eq!(speed.take(after(0), writing, 0), None);
        assert_eq!(speed.take(after(500), writing, 50_000_000), None);
        assert_eq!(speed.take(after(2000), writing, 200_000_000), Some(100_000_000));
        assert_eq!(
            speed.take(after(4000), Phase::Verifying, 10),
            None,
            "another phase begins at its own zero"
        );
        assert_eq!(speed.take(after(5000), Phase::Verifying, 1_000_010), Some(1_000_000));
    }
}
