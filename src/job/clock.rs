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
