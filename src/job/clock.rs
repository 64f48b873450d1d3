//! The job's clock: one reading of the wall clock, carried on by a clock that nobody can set.
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

use crate::certificate::time::UtcTime;

/// See the module. Times of one clock never go back, even when the wall clock is set during the job.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall_at_start: SystemTime,
    boot_at_start: Duration,
}

impl Clock {
    /// Reads both clocks.
    pub fn start() -> Self {
        Self { wall_at_start: SystemTime::now(), boot_at_start: boottime() }
    }

    /// Reads both clocks for a job that goes on: no time is before `last`, whatever became of the wall clock while
    /// the job did not run.
    pub fn resume(last: UtcTime) -> Self {
        let clock = Self::start();
        let ahead = last.millis().saturating_sub(clock.now().millis());
        let ahead = Duration::from_millis(u64::try_from(ahead).unwrap_or(0));
        Self { wall_at_start: clock.wall_at_start + ahead, ..clock }
    }

    /// The moment that was so long ago.
    pub fn before(&self, ago: Duration) -> UtcTime {
        let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        UtcTime::from_millis(self.now().millis().saturating_sub(ago)).unwrap_or_else(|_| self.now())
    }

    /// The moment now.
    pub fn now(&self) -> UtcTime {
        let passed = boottime().saturating_sub(self.boot_at_start);
        UtcTime::try_from(self.wall_at_start + passed)
            .or_else(|_| UtcTime::from_millis(0))
            .expect("the epoch is a time that a record can hold")
    }

    /// `CLOCK_BOOTTIME` at the start, in seconds as decimal text.
    pub fn boottime_at_start(&self) -> String {
        seconds(self.boot_at_start)
    }

    /// `CLOCK_BOOTTIME` now, in seconds as decimal text.
    pub fn boottime_now() -> String {
        seconds(boottime())
    }

    /// How far the wall clock has moved against the clock that nobody can set, since the start: the sum of
    /// all settings, in whole milliseconds.
    pub fn stepped_millis(&self) -> i128 {
        let wall = SystemTime::now().duration_since(self.wall_at_start);
        let wall = match wall {
            Ok(forward) => i128::try_from(forward.as_millis()).unwrap_or(i128::MAX),
            Err(backward) => i128::try_from(backward.duration().as_millis()).map_or(i128::MIN, |ms| -ms),
        };
        let passed = boottime().saturating_sub(self.boot_at_start).as_millis();
        wall - i128::try_from(passed).unwrap_or(0)
    }
}

fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// Time since boot, suspended time included; zero where the kernel has no such clock (before Linux 2.6.39).
fn boottime() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_goes_on_has_no_time_before_its_last_one() {
        let hour = 3_600_000;
        let now = Clock::start().now().millis();
        let future = UtcTime::from_millis(now + hour).unwrap();
        assert!(Clock::resume(future).now() >= future, "the wall clock was set back");
        let past = UtcTime::from_millis(now - hour).unwrap();
        assert!(Clock::resume(past).now().millis() < now + hour / 2, "and is not moved otherwise");
        let clock = Clock::start();
        let ago = clock.now().millis() - clock.before(Duration::from_secs(90)).millis();
        assert!((89_000..=91_000).contains(&ago), "{ago}");
    }

    #[test]
    fn the_clock_agrees_with_the_uptime_and_the_wall() {
        let clock = Clock::start();
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let ours: f64 = clock.boottime_at_start().parse().unwrap();
        assert!((uptime - ours).abs() < 5.0, "{uptime} and {ours}");
        // In this order: the wall clock read later is later by some milliseconds at times.
        let now = clock.now();
        let wall = UtcTime::try_from(SystemTime::now()).unwrap();
        assert!(now <= wall || clock.stepped_millis().abs() > 0);
    }
}
