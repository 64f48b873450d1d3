//! Holding a drive to a number of bytes in a second: a token bucket without a clock of its own.
//!
//! ```text
//! rate ──▶ ┌─────────┐ at most 100 ms of the rate
//!          │ bucket  │ ──▶ a transfer takes its bytes out; one that is larger than the bucket waits until it is
//!          └─────────┘     full, and leaves a debt that is paid before the next
//! ```
//!
//! So in any span of time no more is let through than rate × time, and 100 ms of the rate or one transfer,
//! whichever is more; both, where the rate was changed in that time. Whoever comes late finds at most the full
//! bucket: what could have been transferred before that is lost, never made up for.
use std::num::NonZeroU64;
use std::time::Duration;

/// Most that can be saved up, as time at the rate: 100 ms in nanoseconds.
const BURST_NANOS: u128 = 100_000_000;

/// Nanoseconds in a second. Credit is counted in bytes × nanoseconds, in which rate × time is a whole number, so that
/// nothing is ever rounded.
const NANOS: u128 = 1_000_000_000;

/// A limit to the bytes in a second.
#[derive(Clone, Debug)]
pub struct Throttle {
    rate: Option<NonZeroU64>,
    /// What is missing until the bucket is full, in bytes × nanoseconds. More than a full bucket is a debt. Below
    /// 2^96: a full bucket of the highest rate and one transfer of 2^64 bytes.
    missing: u128,
    /// Up to when the credit is counted.
    settled: Duration,
}

/// A full bucket, in bytes × nanoseconds.
fn full(rate: NonZeroU64) -> u128 {
    u128::from(rate.get()) * BURST_NANOS
}

impl Throttle {
    /// With a full bucket. `None` lets everything through.
    pub const fn new(bytes_per_second: Option<NonZeroU64>) -> Self {
        Self { rate: bytes_per_second, missing: 0, settled: Duration::ZERO }
    }

    /// The rate that is set, in bytes in a second.
    pub const fn rate(&self) -> Option<NonZeroU64> {
        self.rate
    }

    /// Another rate from `now` on, the time since the job's start. What was saved up stays, as far as the new bucket
    /// holds it; so does a debt, in bytes: whoever lowers the rate right after a large transfer waits for that
    /// transfer at the new rate. After no rate at all the bucket is empty.
    pub fn set_rate(&mut self, now: Duration, bytes_per_second: Option<NonZeroU64>) {
        self.settle(now);
        if let Some(new) = bytes_per_second {
            let (old, missing) = self.rate.map_or((0, 0), |old| (full(old), self.missing));
            let (credit, debt) = (old.saturating_sub(missing), missing.saturating_sub(old));
            self.missing = full(new) - credit.min(full(new)) + debt;
        }
        self.rate = bytes_per_second;
    }

    /// How long to wait from `now`, the time since the job's start, before a transfer of `bytes` may be submitted. Zero:
    /// it may be submitted now, and is counted. Otherwise nothing is counted; ask again after the wait, or sooner when
    /// the rate changes. Saturates at the longest `Duration`. Time that runs backwards counts as no time.
    pub fn due(&mut self, now: Duration, bytes: u64) -> Duration {
        self.settle(now);
        let Some(rate) = self.rate else { return Duration::ZERO };
        let wanted = u128::from(bytes) * NANOS;
        let may_be_missing = full(rate) - wanted.min(full(rate));
        let lacking = self.missing.saturating_sub(may_be_missing);
        if lacking == 0 {
            self.missing += wanted;
            return Duration::ZERO;
        }
        // Counted from the latest time that was given, from which the next credit comes in.
        nanoseconds(lacking.div_ceil(u128::from(rate.get()))).saturating_add(self.settled.saturating_sub(now))
    }

    /// Adds what has come in since the last time.
    fn settle(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.settled).as_nanos();
        self.settled = self.settled.max(now);
        if let Some(rate) = self.rate {
            let rate = u128::from(rate.get());
            // Compared before it is multiplied: the product of a long time and a high rate has no room.
            self.missing =
                if passed >= self.missing.div_ceil(rate) { 0 } else { self.missing - rate * passed };
        }
    }
}

fn nanoseconds(nanos: u128) -> Duration {
    // The remainder is below 2^30.
    let (seconds, rest) = (u64::try_from(nanos / NANOS), u32::try_from(nanos % NANOS));
    seconds.ok().zip(rest.ok()).map_or(Duration::MAX, |(seconds, rest)| Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn throttle(rate: u64) -> Throttle {
        Throttle::new(NonZeroU64::new(rate))
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Submits as fast as it may from `start` to `end`, each wait longer by `late`; times and bytes of the transfers.
    fn greedy(
        throttle: &mut Throttle,
        (start, end): (Duration, Duration),
        bytes: u64,
        late: Duration,
    ) -> Vec<(Duration, u64)> {
        let mut now = start;
        let mut sent = Vec::new();
        while now < end {
            match throttle.due(now, bytes) {
                Duration::ZERO => sent.push((now, bytes)),
                wait => now = now.saturating_add(wait).saturating_add(late),
            }
        }
        sent
    }

    fn total(sent: &[(Duration, u64)]) -> u128 {
        sent.iter().map(|(_, bytes)| u128::from(*bytes)).sum()
    }

    #[test]
    fn over_an_hour_the_rate_is_kept_to_a_thousandth_and_a_burst() {
        let hour = Duration::from_secs(3600);
        for (rate, bytes) in [
            (50_000_000, MIB),
            (10_000_000, 4096),
            (1_000_000, MIB),
            (3_333_333, 1_000_003),
            (100 * MIB, 64 * MIB),
        ] {
            let sent = total(&greedy(&mut throttle(rate), (Duration::ZERO, hour), bytes, Duration::ZERO));
            let (wanted, burst) = (u128::from(rate) * 3600, u128::from((rate / 10).max(bytes)));
            assert!(sent <= wanted + burst, "{rate} by {bytes}: {sent}");
            assert!(sent + wanted / 1000 + burst >= wanted, "{rate} by {bytes}: {sent}");
        }
    }

    /// A sleep that is a millisecond too long, as those of a kernel are, is made up for by the bucket.
    #[test]
    fn sleeping_a_little_too_long_costs_nothing() {
        let hour = Duration::from_secs(3600);
        let sent = total(&greedy(&mut throttle(50_000_000), (Duration::ZERO, hour), MIB, ms(1)));
        assert!((179_820_000_000..=180_005_000_000).contains(&sent), "{sent}");
    }

    /// By hand: 10 MB/s, a bucket of 1 MB.
    #[test]
    fn waits_are_what_the_rate_says() {
        let mut some = throttle(10_000_000);
        assert_eq!(some.due(ms(0), 600_000), ms(0));
        assert_eq!(some.due(ms(0), 600_000), ms(20), "200 kB are missing");
        assert_eq!(some.due(ms(10), 600_000), ms(10), "the question was not counted");
        assert_eq!(some.due(ms(20), 600_000), ms(0));
        // Empty now. A transfer larger than the bucket waits for it to be full, and its debt holds up the next.
        assert_eq!(some.due(ms(20), 3_000_000), ms(100));
        assert_eq!(some.due(ms(120), 3_000_000), ms(0));
        assert_eq!(some.due(ms(120), 100_000), ms(210), "2 MB of debt, and its own 100 kB");
        assert_eq!(some.due(ms(330), 100_000), ms(0));
        assert_eq!(some.due(ms(60_000), 1_000_000), ms(0));
        assert_eq!(
            some.due(ms(60_000), 1),
            Duration::from_nanos(100),
            "a minute saves up no more than a bucket"
        );
        assert_eq!(some.due(ms(59_000), 1), ms(1000) + Duration::from_nanos(100), "time that runs backwards");
        let mut none = Throttle::new(None);
        assert_eq!(none.due(Duration::MAX, u64::MAX), Duration::ZERO);
        assert_eq!(none.due(Duration::ZERO, u64::MAX), Duration::ZERO);
    }

    #[test]
    fn a_rate_may_change_at_any_time() {
        let mut some = throttle(10_000_000);
        assert_eq!(some.due(ms(0), 3_000_000), ms(0));
        // 2 MB of debt at 10 MB/s until 100 ms, the second of them at 1 MB/s, and 50 kB for the next.
        some.set_rate(ms(100), NonZeroU64::new(1_000_000));
        assert_eq!(some.due(ms(100), 50_000), ms(1050));
        some.set_rate(ms(600), NonZeroU64::new(100_000_000));
        assert_eq!(some.due(ms(600), 500_000), ms(10), "500 kB of debt left, and its own");
        some.set_rate(ms(600), None);
        assert_eq!(some.due(ms(600), u64::MAX), ms(0));
        some.set_rate(ms(700), NonZeroU64::new(1_000_000));
        assert_eq!(some.rate(), NonZeroU64::new(1_000_000));
        assert_eq!(some.due(ms(700), 50_000), ms(50), "after no rate the bucket is empty");
        // A full bucket of a high rate does not overfill the one of a low rate.
        let mut some = throttle(1_000_000_000);
        some.set_rate(ms(0), NonZeroU64::new(1_000));
        assert_eq!(some.due(ms(0), 100), ms(0));
        assert_eq!(some.due(ms(0), 1), ms(1));
        // Setting the same rate again and again changes nothing.
        let mut some = throttle(1_000_000);
        assert_eq!(some.due(ms(0), 100_000), ms(0));
        for now in 0..50 {
            some.set_rate(ms(now), NonZeroU64::new(1_000_000));
        }
        assert_eq!(some.due(ms(50), 100_000), ms(50));
    }

    #[test]
    fn the_largest_numbers_have_room() {
        for rate in [1, u64::MAX] {
            let mut some = throttle(rate);
            assert_eq!(some.due(Duration::ZERO, u64::MAX), Duration::ZERO);
            let wait = some.due(Duration::ZERO, u64::MAX);
            assert_eq!(wait.as_secs(), if rate == 1 { u64::MAX } else { 1 });
            some.set_rate(Duration::ZERO, NonZeroU64::new(u64::MAX));
            some.set_rate(Duration::ZERO, NonZeroU64::new(1));
            assert!(some.due(ms(1), 1) > Duration::ZERO);
            assert_eq!(some.due(Duration::MAX, u64::MAX), Duration::ZERO);
            assert!(some.due(Duration::MAX, u64::MAX) > Duration::ZERO);
        }
    }

    proptest! {
        /// Between any two moments no more than rate × time and one burst, whatever the transfers and the pauses
        /// between them; where the rate changed between them, a full bucket and one transfer. A wait that was kept
        /// is enough.
        #[test]
        fn no_span_of_time_gets_more_than_its_share(
            steps in prop::collection::vec((1..3_000_000_u64, 0..300_u64, 0..8_u8, 1..40_000_000_u64), 1..80),
        ) {
            let mut rate = 5_000_000;
            let mut some = throttle(rate);
            let mut now = Duration::ZERO;
            // What the rates allowed up to each transfer, in bytes × nanoseconds; its bytes, its rate, and the
            // number of changes before it.
            let (mut allowed, mut changes, mut sent) = (0_u128, 0, Vec::new());
            for (bytes, pause, change, new) in steps {
                now += ms(pause);
                allowed += u128::from(rate) * ms(pause).as_nanos();
                if change == 0 {
                    rate = new;
                    changes += 1;
                    some.set_rate(now, NonZeroU64::new(rate));
                }
                let wait = some.due(now, bytes);
                if !wait.is_zero() {
                    now += wait;
                    allowed += u128::from(rate) * wait.as_nanos();
                    prop_assert_eq!(some.due(now, bytes), Duration::ZERO);
                }
                sent.push((allowed, bytes, rate, changes));
            }
            for (at, first) in sent.iter().enumerate() {
                let (mut bytes, mut bucket, mut largest) = (0, 0, 0);
                for last in &sent[at..] {
                    bytes += u128::from(last.1) * NANOS;
                    bucket = bucket.max(u128::from(last.2) * NANOS / 10);
                    largest = largest.max(u128::from(last.1) * NANOS);
                    let burst = if first.3 == last.3 { bucket.max(largest) } else { bucket + largest };
                    prop_assert!(bytes <= last.0 - first.0 + burst);
                }
            }
        }
    }
}
