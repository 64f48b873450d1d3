//! What holds a worker back: an order to stop, a limit of bandwidth, the heat of the drive.
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use crate::engine::{Admission, Pace, Throttle};
use crate::plan::RuleName;

/// How long a drive that is too hot is left alone before it is asked again.
const COOLING: Duration = Duration::from_millis(500);

/// Rate that a drive which is to be slowed keeps at least, in bytes a second: below it nothing cools any faster.
const SLOWEST: u64 = 1 << 20;

/// Time over which the rate of a drive at full pace is measured.
const MEASURED: Duration = Duration::from_secs(5);

/// Shared between the threads that read orders and temperatures, and the one that works.
#[derive(Debug, Default)]
pub(super) struct Reins {
    stop: AtomicBool,
    /// Bytes a second; 0 for no limit.
    pace: AtomicU64,
    heat: AtomicU8,
    /// The drive is being given commands: nothing else may ask it anything.
    commanding: AtomicBool,
}

impl Reins {
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn set_pace(&self, bytes_per_second: Option<u64>) {
        self.pace.store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
    }

    pub(super) fn set_heat(&self, heat: Pace) {
        let number = match heat {
            Pace::Full => 0,
            Pace::Slowed => 1,
            Pace::Paused => 2,
            Pace::GiveUp => 3,
        };
        self.heat.store(number, Ordering::Relaxed);
    }

    pub(super) fn set_commanding(&self, commanding: bool) {
        self.commanding.store(commanding, Ordering::Relaxed);
    }

    pub(super) fn is_commanding(&self) -> bool {
        self.commanding.load(Ordering::Relaxed)
    }

    fn heat(&self) -> Pace {
        match self.heat.load(Ordering::Relaxed) {
            0 => Pace::Full,
            1 => Pace::Slowed,
            2 => Pace::Paused,
            _ => Pace::GiveUp,
        }
    }
}

/// Holds the work back as the reins say.
#[derive(Debug)]
pub(super) struct Rider {
    reins: Arc<Reins>,
    throttle: Throttle,
    /// When the measuring of the full rate began, and the bytes since.
    measuring: (Duration, u64),
    /// Bytes a second at full pace, as far as it was measured.
    full: Option<u64>,
    was: Pace,
    /// How long the drive may be paused without a break, and since when it is.
    pause_limit: Duration,
    paused_since: Option<Duration>,
}

impl Rider {
    pub(super) fn new(reins: Arc<Reins>) -> Self {
        let throttle = Throttle::new(None);
        Self {
            reins,
            throttle,
            measuring: (Duration::ZERO, 0),
            full: None,
            was: Pace::Full,
            pause_limit: Duration::MAX,
            paused_since: None,
        }
    }

    /// How long the drive may be too hot without a break.
    pub(super) const fn set_pause_limit(&mut self, limit: Duration) {
        self.pause_limit = limit;
    }

    pub(super) fn reins(&self) -> &Reins {
        &self.reins
    }

    pub(super) fn admit(&mut self, now: Duration, bytes: u64) -> Admission {
        let heat = self.reins.heat();
        if heat != self.was {
            self.was = heat;
            self.measuring = (now, 0);
        }
        match heat {
            Pace::GiveUp => return Admission::GiveUp(RuleName::StopCelsius),
            Pace::Paused => {
                let since = *self.paused_since.get_or_insert(now);
                if now.saturating_sub(since) > self.pause_limit {
                    return Admission::GiveUp(RuleName::PauseTime);
                }
                return Admission::Wait(COOLING);
            }
            Pace::Full | Pace::Slowed => self.paused_since = None,
        }
        let ordered = NonZeroU64::new(self.reins.pace.load(Ordering::Relaxed));
        // A drive that is warm from the beginning, and stays so because the room is, must not creep for ever: its rate is
        // measured first. Does that make it too hot, it is paused.
        let slowed = self.full.filter(|_| heat == Pace::Slowed).map(|full| (full / 2).max(SLOWEST));
        let slowed = slowed.and_then(NonZeroU64::new);
        let rate = ordered.into_iter().chain(slowed).min();
        if rate != self.throttle.rate() {
            self.throttle.set_rate(now, rate);
        }
        let wait = self.throttle.due(now, bytes);
        if !wait.is_zero() {
            return Admission::Wait(wait.min(COOLING));
        }
        if slowed.is_none() {
            self.measure(now, bytes);
        }
        Admission::Go
    }

    fn measure(&mut self, now: Duration, bytes: u64) {
        let (began, before) = match self.measuring {
            (_, 0) => (now, 0),
            begun => begun,
        };
        let moved = before.saturating_add(bytes);
        let time = now.saturating_sub(began);
        if time < MEASURED {
            self.measuring = (began, moved);
            return;
        }
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        self.full = Some(moved.saturating_mul(1000) / millis);
        self.measuring = (now, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSFER: u64 = 1 << 20;

    /// Bytes that are admitted between two seconds, asked for every millisecond.
    fn admitted(rider: &mut Rider, from: u64, to: u64) -> u64 {
        let mut bytes = 0;
        for millis in from * 1000..to * 1000 {
            if rider.admit(Duration::from_millis(millis), TRANSFER) == Admission::Go {
                bytes += TRANSFER;
            }
        }
        bytes
    }

    #[test]
    fn a_drive_that_is_slowed_moves_half_of_what_it_moved_before() {
        let reins = Arc::new(Reins::default());
        let mut rider = Rider::new(Arc::clone(&reins));
        // Asked for every millisecond, it moves 1000 MiB/s at full pace.
        let full = admitted(&mut rider, 0, 20);
        assert_eq!(full, 20_000 * TRANSFER);
        reins.set_heat(Pace::Slowed);
        let slowed = admitted(&mut rider, 20, 40);
        assert!((slowed * 2).abs_diff(full) < full / 50, "{slowed} of {full}");
        reins.set_heat(Pace::Paused);
        assert_eq!(admitted(&mut rider, 40, 50), 0);
        reins.set_heat(Pace::Full);
        assert_eq!(admitted(&mut rider, 50, 60), full / 2);
        reins.set_heat(Pace::GiveUp);
        let never = rider.admit(Duration::from_secs(61), TRANSFER);
        assert_eq!(never, Admission::GiveUp(RuleName::StopCelsius));
    }

    #[test]
    fn a_drive_that_is_warm_from_the_beginning_is_measured_before_it_is_slowed() {
        let reins = Arc::new(Reins::default());
        let mut rider = Rider::new(Arc::clone(&reins));
        reins.set_heat(Pace::Slowed);
        // Nothing to do for a while: that is not the rate of the drive.
        let first = admitted(&mut rider, 100, 106) / TRANSFER;
        assert!((5400..5600).contains(&first), "five seconds of 1000 MiB, one of 500 MiB: {first}");
        let slowed = admitted(&mut rider, 106, 126);
        assert!(slowed.abs_diff(10_000 * TRANSFER) < 200 * TRANSFER, "{slowed}");
        // What is ordered counts where it is less.
        reins.set_pace(Some(10 * TRANSFER));
        let ordered = admitted(&mut rider, 126, 136);
        assert!(ordered.abs_diff(100 * TRANSFER) <= 2 * TRANSFER, "{ordered}");
    }

    /// A sensor that is lost while the drive is paused leaves it paused: not for ever.
    #[test]
    fn a_pause_has_an_end() {
        let reins = Arc::new(Reins::default());
        let mut rider = Rider::new(Arc::clone(&reins));
        rider.set_pause_limit(Duration::from_secs(100));
        let admit = |rider: &mut Rider, second| rider.admit(Duration::from_secs(second), TRANSFER);
        reins.set_heat(Pace::Paused);
        assert_eq!(admit(&mut rider, 10), Admission::Wait(COOLING));
        assert_eq!(admit(&mut rider, 110), Admission::Wait(COOLING));
        reins.set_heat(Pace::Full);
        assert_eq!(admit(&mut rider, 111), Admission::Go);
        reins.set_heat(Pace::Paused);
        assert_eq!(admit(&mut rider, 112), Admission::Wait(COOLING), "it counts from the last break");
        assert_eq!(admit(&mut rider, 213), Admission::GiveUp(RuleName::PauseTime));
    }

    #[test]
    fn an_ordered_pace_is_kept_and_taken_back() {
        let reins = Arc::new(Reins::default());
        let mut rider = Rider::new(Arc::clone(&reins));
        reins.set_pace(Some(10 * TRANSFER));
        let slow = admitted(&mut rider, 0, 10);
        assert!(slow.abs_diff(100 * TRANSFER) <= 2 * TRANSFER, "{slow}");
        reins.set_pace(None);
        assert_eq!(admitted(&mut rider, 10, 11), 1000 * TRANSFER);
    }
}
