//! The moving parts of a drive: one arm, which serves one request after another. Decides how long an answer
//! takes; the waiting is done elsewhere.
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::effects::Effects;

/// Where the arm stands, and when it has done all that was asked of it so far.
#[derive(Debug)]
pub(crate) struct Mechanics {
    size: u64,
    /// End of the last read or write; the next one there needs no seek.
    head: u64,
    busy_until: Option<Instant>,
}

impl Mechanics {
    pub(crate) const fn new(size: u64) -> Self {
        Self { size, head: 0, busy_until: None }
    }

    /// How long after `now` the answer to this read or write comes. The arm moves with every request; only
    /// those that a rule makes slow wait for their turn.
    pub(crate) fn delay(&mut self, now: Instant, request: &Range<u64>, effects: &Effects) -> Duration {
        let distance = self.head.abs_diff(request.start);
        self.head = request.end;
        if effects.stroke.is_none() && effects.transfer.is_none() {
            return effects.delay;
        }
        let seek = share(effects.stroke.unwrap_or_default(), distance, self.size);
        let service = seek.saturating_add(effects.transfer.unwrap_or_default());
        let begin = self.busy_until.map_or(now, |busy| busy.max(now));
        // A time that no clock shows is never reached either way.
        let end = begin.checked_add(service).unwrap_or(begin);
        self.busy_until = Some(end);
        effects.delay.saturating_add(end.duration_since(now))
    }
}

/// `part` of `whole` of a time.
pub(crate) fn share(time: Duration, part: u64, whole: u64) -> Duration {
    let nanoseconds = time.as_nanos().saturating_mul(u128::from(part)) / u128::from(whole.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn slow(stroke: Option<u64>, transfer: Option<u64>) -> Effects {
        let (stroke, transfer) = (stroke.map(milliseconds), transfer.map(milliseconds));
        Effects { delay: milliseconds(3), stroke, transfer, ..Effects::default() }
    }

    #[test]
    fn a_seek_takes_as_long_as_it_is_far_in_both_directions() {
        let mut drive = Mechanics::new(1000);
        let mut now = Instant::now();
        let seek = slow(Some(100), None);
        for (request, expected) in [(0..10, 0), (10..20, 0), (520..540, 50), (540..550, 0), (50..60, 50)] {
            assert_eq!(drive.delay(now, &request, &seek), milliseconds(3 + expected), "{request:?}");
            now += milliseconds(1000);
        }
        // Requests that no rule makes slow move the arm all the same.
        assert_eq!(drive.delay(now, &(980..1000), &slow(None, None)), milliseconds(3));
        assert_eq!(drive.delay(now, &(0..1), &seek), milliseconds(103));
    }

    #[test]
    fn slow_requests_are_served_one_after_another() {
        let mut drive = Mechanics::new(1000);
        let now = Instant::now();
        let slow_one = slow(None, Some(40));
        assert_eq!(drive.delay(now, &(0..1), &slow_one), milliseconds(43));
        assert_eq!(drive.delay(now, &(1..2), &slow_one), milliseconds(83));
        assert_eq!(drive.delay(now, &(9..10), &slow(None, None)), milliseconds(3), "not in the queue");
        assert_eq!(drive.delay(now + milliseconds(30), &(2..3), &slow_one), milliseconds(93));
        // The queue is empty at 120.
        assert_eq!(drive.delay(now + milliseconds(500), &(3..4), &slow_one), milliseconds(43));
        // A request without a seek still waits for those before it.
        let mut drive = Mechanics::new(1000);
        assert_eq!(drive.delay(now, &(500..600), &slow(Some(100), Some(20))), milliseconds(73));
        assert_eq!(drive.delay(now, &(600..700), &slow(Some(100), None)), milliseconds(73));
    }

    #[test]
    fn no_time_is_too_long() {
        let mut drive = Mechanics::new(u64::MAX);
        let now = Instant::now();
        let endless = Effects {
            stroke: Some(Duration::from_micros(u64::MAX)),
            transfer: Some(Duration::MAX),
            ..Effects::default()
        };
        for offset in [u64::MAX - 1, 0, u64::MAX - 1] {
            drive.delay(now, &(offset..offset), &endless);
        }
        assert_eq!(share(Duration::from_secs(1), 3, 4), milliseconds(750));
    }
}
