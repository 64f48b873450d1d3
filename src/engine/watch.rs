//! Watches a sweep against the rules that end it: too slow, too long, too many failures.
use std::collections::VecDeque;
use std::time::Duration;

use crate::plan::{RuleName, Rules};

/// Answers over which the share of failures is taken.
const ANSWERS: usize = 1000;

/// The window of the rate is counted in so many parts.
const PARTS: u32 = 16;

/// See the module. Pure: time comes in as what has passed since the job began.
#[derive(Debug)]
pub struct Watch {
    floor_bytes: Option<u64>,
    window: Duration,
    errors_percent: Option<u32>,
    deadline: Option<Duration>,
    /// Beginnings of the parts of the window, with the bytes moved until then.
    marks: VecDeque<(Duration, u64)>,
    bytes: u64,
    answers: VecDeque<Answer>,
    failed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Good,
    Bad,
}

impl Watch {
    /// A watch for one pass or reading. `spent` is what the job took before it, in earlier passes and sittings.
    pub fn new(rules: &Rules, spent: Duration) -> Self {
        let deadline = rules.time_seconds.map(|most| Duration::from_secs(most).saturating_sub(spent));
        Self {
            floor_bytes: rules.floor_kb.map(|floor| floor.saturating_mul(1000)),
            window: Duration::from_secs(rules.floor_seconds.max(1)),
            errors_percent: rules.errors_percent,
            deadline,
            marks: VecDeque::new(),
            bytes: 0,
            answers: VecDeque::new(),
            failed: 0,
        }
    }

    /// A transfer of so many bytes came back well.
    pub fn good(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.answer(Answer::Good);
    }

    /// A transfer failed.
    pub fn bad(&mut self) {
        self.answer(Answer::Bad);
    }

    fn answer(&mut self, answer: Answer) {
        self.failed += usize::from(answer == Answer::Bad);
        self.answers.push_back(answer);
        if self.answers.len() > ANSWERS {
            let old = self.answers.pop_front();
            self.failed -= usize::from(old == Some(Answer::Bad));
        }
    }

    /// The rates of what follows mean nothing: single blocks are being tried.
    pub fn forget_rates(&mut self) {
        self.marks.clear();
    }

    /// The rule that is broken at `elapsed` since this watch began, of which `rested` was waiting that was asked
    /// for (heat, a limit of bandwidth): it counts for the whole time and not for the rate.
    pub fn judge(&mut self, elapsed: Duration, rested: Duration) -> Option<RuleName> {
        if self.deadline.is_some_and(|deadline| elapsed >= deadline) {
            return Some(RuleName::Time);
        }
        let full = self.answers.len() == ANSWERS;
        if full && self.errors_percent.is_some_and(|percent| self.failed > ANSWERS * percent as usize / 100) {
            return Some(RuleName::ErrorsPercent);
        }
        self.too_slow(elapsed.saturating_sub(rested)).then_some(RuleName::Floor)
    }

    fn too_slow(&mut self, active: Duration) -> bool {
        let Some(floor) = self.floor_bytes else { return false };
        if self.marks.back().is_none_or(|(at, _)| active >= *at + self.window / PARTS) {
            self.marks.push_back((active, self.bytes));
        }
        // The oldest mark that is a whole window back is where the window begins.
        while self.marks.get(1).is_some_and(|(at, _)| active.saturating_sub(*at) >= self.window) {
            self.marks.pop_front();
        }
        let Some((at, bytes)) = self.marks.front() else { return false };
        let time = active.saturating_sub(*at);
        let moved = u128::from(self.bytes - bytes) * 1000;
        time >= self.window && moved < u128::from(floor) * time.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::term::DriveKind;

    fn rules(texts: &[&str]) -> Rules {
        let mut rules = Rules::of_kind(DriveKind::Rotating);
        rules.set("floor=off").unwrap();
        texts.iter().for_each(|text| rules.set(text).unwrap());
        rules
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// Second in which a drive of so many bytes a second is found too slow, within two hours.
    fn found_slow(watch: &mut Watch, bytes: impl Fn(u64) -> u64) -> Option<u64> {
        (1..7200).find(|second| {
            watch.good(bytes(*second));
            watch.judge(seconds(*second), Duration::ZERO) == Some(RuleName::Floor)
        })
    }

    #[test]
    fn the_floor_holds_over_the_whole_window() {
        let rules = rules(&["floor=1MB/s", "floor-time=10min"]);
        assert_eq!(found_slow(&mut Watch::new(&rules, Duration::ZERO), |_| 1_000_000), None);
        let at = found_slow(&mut Watch::new(&rules, Duration::ZERO), |_| 990_000).unwrap();
        assert!((600..650).contains(&at), "{at}");
        // Fast for an hour, then dead slow: found within a window and a part of it.
        let fades = |second| if second < 3600 { 100_000_000 } else { 10 };
        let at = found_slow(&mut Watch::new(&rules, Duration::ZERO), fades).unwrap();
        assert!((4195..4290).contains(&at), "{at}");
        // A minute without anything is no reason, when the window as a whole is fast enough.
        let halts = |second| if second % 600 < 60 { 0 } else { 1_200_000 };
        assert_eq!(found_slow(&mut Watch::new(&rules, Duration::ZERO), halts), None);
    }

    #[test]
    fn waiting_that_was_asked_for_is_not_slowness() {
        let rules = rules(&["floor=1MB/s", "floor-time=10min"]);
        let mut watch = Watch::new(&rules, Duration::ZERO);
        watch.good(1_000_000_000);
        assert_eq!(watch.judge(seconds(1), Duration::ZERO), None);
        assert_eq!(watch.judge(seconds(5000), seconds(4990)), None, "paused for heat");
        watch.good(1_000_000);
        assert_eq!(watch.judge(seconds(9000), seconds(4990)), Some(RuleName::Floor));
    }

    #[test]
    fn time_counts_what_earlier_sittings_took() {
        let mut watch = Watch::new(&rules(&["time=2h"]), seconds(3600));
        assert_eq!(watch.judge(seconds(3599), Duration::ZERO), None);
        assert_eq!(watch.judge(seconds(3600), Duration::ZERO), Some(RuleName::Time));
    }

    #[test]
    fn the_share_of_failures_is_that_of_the_last_thousand() {
        let mut watch = Watch::new(&rules(&["errors-percent=10%"]), Duration::ZERO);
        (0..900).for_each(|_| watch.bad());
        assert_eq!(watch.judge(seconds(1), Duration::ZERO), None, "too few to tell");
        (0..1000).for_each(|_| watch.good(1));
        assert_eq!(watch.judge(seconds(2), Duration::ZERO), None, "they are long past");
        (0..100).for_each(|_| watch.bad());
        assert_eq!(watch.judge(seconds(3), Duration::ZERO), None);
        watch.bad();
        assert_eq!(watch.judge(seconds(4), Duration::ZERO), Some(RuleName::ErrorsPercent));
    }
}
