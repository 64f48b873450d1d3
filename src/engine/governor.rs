//! How fast a drive may be driven at its temperature: a state machine with hysteresis.
//!
//! ```text
//!            >= slow                    >= pause
//!   ┌──────┐ ───────────▶ ┌────────┐ ───────────▶ ┌────────┐
//!   │ Full │              │ Slowed │              │ Paused │
//!   └──────┘ ◀─────────── └────────┘ ◀─────────── └────────┘
//!       │     <= resume       │       <= resume       │
//!       ├─────────────────────│─────── >= pause ─────▶│
//!       └───────── >= give up ┴───────────────────────┴──────▶ GiveUp, for ever
//!
//!   resume < slow < pause < give up; anything else, and a sensor that does not answer: stay
//! ```
//!
//! One observation moves the pace down by one step at most: a drive that was paused goes on slowed, and is driven
//! fully only when the next observation finds it cool as well.
//!
//! **A sensor that does not answer changes nothing.** It proves neither that the drive is hot nor that it is cool. So
//! a drive at full pace goes on (most drives have no sensor at all, and are sanitized), and a drive that was paused
//! stays paused however long it takes: it was too hot when it was last seen. [`Governor::blind_for`] says how long
//! nothing was seen, so that the caller can tell somebody, or give up; the tally counts it.
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::unit::Temperature;

/// Largest number that every reader of JSON takes exactly.
const WIRE_MAX: u64 = (1 << 53) - 1;

/// What a drive may be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// All that it can.
    Full,
    /// Less than it can.
    Slowed,
    /// Nothing, until it is cool.
    Paused,
    /// Nothing any more: the job on this drive ends.
    GiveUp,
}

/// The sensor gave no temperature: it cannot be read, or gives nonsense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// Name of a set point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetPoint {
    /// At or below it a drive is cool.
    Resume,
    /// From it on a drive is slowed.
    Slow,
    /// From it on a drive is paused.
    Pause,
    /// From it on a drive is given up.
    GiveUp,
}

impl fmt::Display for SetPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resume => "resume",
            Self::Slow => "slow",
            Self::Pause => "pause",
            Self::GiveUp => "give up",
        })
    }
}

/// Two set points that stand in the wrong order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetPointsFault {
    /// The one that must be below the other, and where it is.
    pub lower: (SetPoint, Temperature),
    /// The one that must be above, and where it is.
    pub upper: (SetPoint, Temperature),
}

impl fmt::Display for SetPointsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((lower, low), (upper, up)) = (self.lower, self.upper);
        write!(f, "the temperature to {lower} ({low}) must be below the temperature to {upper} ({up})")
    }
}

impl std::error::Error for SetPointsFault {}

/// Temperatures at which the pace changes: resume < slow < pause < give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct SetPoints(Unchecked);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Unchecked {
    resume: Temperature,
    slow: Temperature,
    pause: Temperature,
    give_up: Option<Temperature>,
}

impl SetPoints {
    /// From the lowest to the highest. Without the last, no heat ends a job.
    ///
    /// # Errors
    /// The first two neighbours of which the lower is not below the upper.
    pub fn new(
        resume: Temperature,
        slow: Temperature,
        pause: Temperature,
        give_up: Option<Temperature>,
    ) -> Result<Self, SetPointsFault> {
        Unchecked { resume, slow, pause, give_up }.try_into()
    }

    /// At or below it a drive that was slowed or paused is cool again.
    pub const fn resume(&self) -> Temperature {
        self.0.resume
    }

    /// At or above it the drive is slowed.
    pub const fn slow(&self) -> Temperature {
        self.0.slow
    }

    /// At or above it the drive is paused.
    pub const fn pause(&self) -> Temperature {
        self.0.pause
    }

    /// At or above it the drive is given up.
    pub const fn give_up(&self) -> Option<Temperature> {
        self.0.give_up
    }

    fn heat(&self, temperature: Temperature) -> Heat {
        if self.0.give_up.is_some_and(|give_up| temperature >= give_up) {
            Heat::GiveUp
        } else if temperature >= self.0.pause {
            Heat::Pause
        } else if temperature >= self.0.slow {
            Heat::Slow
        } else if temperature > self.0.resume {
            Heat::Between
        } else {
            Heat::Cool
        }
    }
}

impl TryFrom<Unchecked> for SetPoints {
    type Error = SetPointsFault;
    fn try_from(points: Unchecked) -> Result<Self, Self::Error> {
        let slow = (SetPoint::Slow, points.slow);
        let pause = (SetPoint::Pause, points.pause);
        let last = points.give_up.map(|give_up| (pause, (SetPoint::GiveUp, give_up)));
        let pairs = [((SetPoint::Resume, points.resume), slow), (slow, pause)];
        match pairs.into_iter().chain(last).find(|(lower, upper)| lower.1 >= upper.1) {
            Some((lower, upper)) => Err(SetPointsFault { lower, upper }),
            None => Ok(Self(points)),
        }
    }
}

impl From<SetPoints> for Unchecked {
    fn from(points: SetPoints) -> Self {
        points.0
    }
}

/// What an observation means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heat {
    /// Nothing was seen.
    Unknown,
    /// At most the set point to resume.
    Cool,
    /// Above that, and below the set point to slow.
    Between,
    /// From the set point to slow on.
    Slow,
    /// From the set point to pause on.
    Pause,
    /// From the set point to give up on.
    GiveUp,
}

const fn next(pace: Pace, heat: Heat) -> Pace {
    match pace {
        Pace::Full => match heat {
            Heat::Unknown | Heat::Cool | Heat::Between => Pace::Full,
            Heat::Slow => Pace::Slowed,
            Heat::Pause => Pace::Paused,
            Heat::GiveUp => Pace::GiveUp,
        },
        Pace::Slowed => match heat {
            Heat::Cool => Pace::Full,
            Heat::Unknown | Heat::Between | Heat::Slow => Pace::Slowed,
            Heat::Pause => Pace::Paused,
            Heat::GiveUp => Pace::GiveUp,
        },
        Pace::Paused => match heat {
            Heat::Cool => Pace::Slowed,
            Heat::Unknown | Heat::Between | Heat::Slow | Heat::Pause => Pace::Paused,
            Heat::GiveUp => Pace::GiveUp,
        },
        Pace::GiveUp => Pace::GiveUp,
    }
}

/// What the heat of a drive came to during a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HeatTally {
    /// The first temperature that was read, in millidegrees Celsius; `None` when none ever was.
    pub first_millidegrees: Option<Temperature>,
    /// The highest.
    pub highest_millidegrees: Option<Temperature>,
    /// The last that was read; the sensor may have been silent since.
    pub last_millidegrees: Option<Temperature>,
    /// Times that the drive was slowed from full pace. To go on slowly after a pause does not count.
    pub slowed: u32,
    /// Times that it was paused.
    pub paused: u32,
    /// Time for which it was paused, all pauses together, in whole milliseconds, rounded down; below 2^53.
    pub paused_millis: u64,
    /// Observations that gave a temperature.
    pub readings: u32,
    /// Observations in which the sensor gave none.
    pub unreadable: u32,
}

/// The pace of one drive by its temperature, and what it came to.
#[derive(Clone, Debug)]
pub struct Governor {
    points: SetPoints,
    pace: Pace,
    /// Paused time does not hold pauses that still go on.
    tally: HeatTally,
    paused_before: Duration,
    paused_since: Option<Duration>,
    blind_since: Option<Duration>,
}

impl Governor {
    /// At full pace, with nothing seen yet.
    pub fn new(points: SetPoints) -> Self {
        Self {
            points,
            pace: Pace::Full,
            tally: HeatTally::default(),
            paused_before: Duration::ZERO,
            paused_since: None,
            blind_since: None,
        }
    }

    /// Takes in what the sensor gave at `now`, the time since the job's start, and gives the pace from now on. Times
    /// do not run backwards; one that does counts as no time.
    pub fn observe(&mut self, now: Duration, seen: Result<Temperature, Unreadable>) -> Pace {
        let heat = match seen {
            Ok(temperature) => {
                let tally = &mut self.tally;
                tally.first_millidegrees.get_or_insert(temperature);
                tally.highest_millidegrees = tally.highest_millidegrees.max(Some(temperature));
                tally.last_millidegrees = Some(temperature);
                tally.readings = tally.readings.saturating_add(1);
                self.blind_since = None;
                self.points.heat(temperature)
            }
            Err(Unreadable) => {
                self.tally.unreadable = self.tally.unreadable.saturating_add(1);
                self.blind_since.get_or_insert(now);
                Heat::Unknown
            }
        };
        let pace = next(self.pace, heat);
        if pace != self.pace {
            self.enter(now, pace);
        }
        pace
    }

    fn enter(&mut self, now: Duration, pace: Pace) {
        if let Some(since) = self.paused_since.take() {
            self.paused_before = self.paused_before.saturating_add(now.saturating_sub(since));
        }
        match pace {
            Pace::Slowed if self.pace == Pace::Full => {
                self.tally.slowed = self.tally.slowed.saturating_add(1);
            }
            Pace::Paused => {
                self.tally.paused = self.tally.paused.saturating_add(1);
                self.paused_since = Some(now);
            }
            Pace::Full | Pace::Slowed | Pace::GiveUp => {}
        }
        self.pace = pace;
    }

    /// The pace since the last observation.
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// How long the sensor has given nothing, from the first observation that failed; `None` when the last one gave
    /// a temperature, or there was none.
    pub fn blind_for(&self, now: Duration) -> Option<Duration> {
        self.blind_since.map(|since| now.saturating_sub(since))
    }

    /// What it came to up to `now`, a pause that still goes on included.
    pub fn tally(&self, now: Duration) -> HeatTally {
        let open = self.paused_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        let millis = self.paused_before.saturating_add(open).as_millis();
        let paused_millis = u64::try_from(millis).map_or(WIRE_MAX, |millis| millis.min(WIRE_MAX));
        HeatTally { paused_millis, ..self.tally }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn degrees(degrees: i16) -> Temperature {
        Temperature::from_degrees(degrees)
    }

    /// Resume at 45, slow at 50, pause at 60, give up at 70.
    fn points() -> SetPoints {
        SetPoints::new(degrees(45), degrees(50), degrees(60), Some(degrees(70))).unwrap()
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A governor in each of its states, with the time of the next observation.
    fn in_state(pace: Pace) -> Governor {
        let mut governor = Governor::new(points());
        let seen = match pace {
            Pace::Full => degrees(20),
            Pace::Slowed => degrees(55),
            Pace::Paused => degrees(65),
            Pace::GiveUp => degrees(75),
        };
        assert_eq!(governor.observe(at(0), Ok(seen)), pace);
        governor
    }

    /// Every state with the lowest and the highest temperature of every class, and with a silent sensor. The table
    /// is the drawing in the module's documentation, row by row.
    #[test]
    fn every_state_answers_every_observation_as_drawn() {
        use Pace::{Full, GiveUp, Paused, Slowed};
        let classes = [
            // Seen                                 Full    Slowed  Paused  GiveUp
            (&[Ok(i32::MIN), Ok(45_000)][..], [Full, Full, Slowed, GiveUp]),
            (&[Ok(45_001), Ok(49_999)], [Full, Slowed, Paused, GiveUp]),
            (&[Ok(50_000), Ok(59_999)], [Slowed, Slowed, Paused, GiveUp]),
            (&[Ok(60_000), Ok(69_999)], [Paused, Paused, Paused, GiveUp]),
            (&[Ok(70_000), Ok(i32::MAX)], [GiveUp, GiveUp, GiveUp, GiveUp]),
            (&[Err(Unreadable)], [Full, Slowed, Paused, GiveUp]),
        ];
        for (observations, wanted) in classes {
            for seen in observations {
                for (from, to) in [Full, Slowed, Paused, GiveUp].into_iter().zip(wanted) {
                    let mut governor = in_state(from);
                    let pace = governor.observe(at(10), seen.map(Temperature::from_millidegrees));
                    assert_eq!(pace, to, "{from:?} at {seen:?}");
                    assert_eq!(governor.pace(), to);
                }
            }
        }
    }

    #[test]
    fn without_a_point_to_give_up_no_heat_ends_a_job() {
        let points = SetPoints::new(degrees(45), degrees(50), degrees(60), None).unwrap();
        let mut governor = Governor::new(points);
        assert_eq!(governor.observe(at(0), Ok(Temperature::from_millidegrees(i32::MAX))), Pace::Paused);
    }

    /// An afternoon in a hot rack, counted by hand.
    #[test]
    fn the_tally_has_what_happened() {
        let mut governor = Governor::new(points());
        assert_eq!(governor.tally(at(0)), HeatTally::default());
        for (time, seen, pace) in [
            (0, Ok(degrees(30)), Pace::Full),
            (10, Ok(degrees(52)), Pace::Slowed),
            (20, Ok(degrees(47)), Pace::Slowed),
            (30, Ok(degrees(44)), Pace::Full),
            (40, Ok(degrees(61)), Pace::Paused),
            (50, Ok(degrees(63)), Pace::Paused),
            (60, Err(Unreadable), Pace::Paused),
            (70, Ok(degrees(45)), Pace::Slowed),
            (80, Ok(degrees(50)), Pace::Slowed),
            (90, Ok(degrees(60)), Pace::Paused),
            (95, Err(Unreadable), Pace::Paused),
        ] {
            assert_eq!(governor.observe(at(time), seen), pace, "{time}");
        }
        let wanted = HeatTally {
            first_millidegrees: Some(degrees(30)),
            highest_millidegrees: Some(degrees(63)),
            last_millidegrees: Some(degrees(60)),
            slowed: 1,
            paused: 2,
            // From 40 to 70, and from 90 on.
            paused_millis: 30_000 + 10_000,
            readings: 9,
            unreadable: 2,
        };
        assert_eq!(governor.tally(at(100)), wanted);
        assert_eq!(governor.observe(at(110), Ok(degrees(71))), Pace::GiveUp);
        assert_eq!(governor.tally(at(500)).paused_millis, 50_000, "what is given up is not paused any more");
    }

    #[test]
    fn a_silent_sensor_keeps_a_pause_for_as_long_as_it_is_silent_and_says_so() {
        let mut governor = in_state(Pace::Paused);
        assert_eq!(governor.blind_for(at(5)), None);
        for hour in 1..=100 {
            assert_eq!(governor.observe(at(hour * 3600), Err(Unreadable)), Pace::Paused);
        }
        assert_eq!(governor.blind_for(at(100 * 3600)), Some(at(99 * 3600)));
        assert_eq!(governor.tally(at(100 * 3600)).paused_millis, 360_000_000);
        governor.observe(at(101 * 3600), Ok(degrees(40)));
        assert_eq!(governor.blind_for(at(101 * 3600)), None);
    }

    #[test]
    fn set_points_in_the_wrong_order_are_refused_by_name() {
        let point = |resume, slow, pause, give_up: Option<i16>| {
            let made = SetPoints::new(degrees(resume), degrees(slow), degrees(pause), give_up.map(degrees));
            made.map_err(|fault| fault.to_string())
        };
        assert!(point(45, 50, 60, None).is_ok());
        let must = |lower, low, upper, up| {
            format!(
                "the temperature to {lower} ({low}.0 °C) must be below the temperature to {upper} ({up}.0 °C)"
            )
        };
        assert_eq!(point(50, 50, 60, None), Err(must("resume", 50, "slow", 50)));
        assert_eq!(point(45, 60, 60, None), Err(must("slow", 60, "pause", 60)));
        assert_eq!(point(45, 50, 60, Some(60)), Err(must("pause", 60, "give up", 60)));
        assert_eq!(point(70, 60, 50, Some(45)), Err(must("resume", 70, "slow", 60)), "the first of several");
    }

    #[test]
    fn set_points_and_tally_are_checked_on_the_wire() {
        let json = r#"{"resume":45000,"slow":50000,"pause":60000,"giveUp":70000}"#;
        assert_eq!(serde_json::from_str::<SetPoints>(json).unwrap(), points());
        assert_eq!(serde_json::to_string(&points()).unwrap(), json);
        let error = serde_json::from_str::<SetPoints>(&json.replace("45000", "51000")).unwrap_err();
        assert!(error.to_string().contains("must be below"), "{error}");
        let json = r#"{"firstMillidegrees":30000,"highestMillidegrees":30000,"lastMillidegrees":30000,"slowed":0,"paused":0,"pausedMillis":0,"readings":1,"unreadable":0}"#;
        let mut governor = Governor::new(points());
        governor.observe(at(0), Ok(degrees(30)));
        assert_eq!(serde_json::to_string(&governor.tally(at(1))).unwrap(), json);
        assert!(serde_json::from_str::<HeatTally>(&json.replace("readings", "seen")).is_err());
    }

    proptest! {
        /// Whatever comes, and however time runs: a drive at or above the set point to pause is not driven, one that
        /// was paused is not driven before it was seen cool, and the counts add up.
        #[test]
        fn a_hot_drive_is_never_driven(
            seen in prop::collection::vec((any::<u32>(), prop::option::of(20_000..80_000_i32)), 0..60),
        ) {
            let mut governor = Governor::new(points());
            let (mut hot, mut blind) = (false, 0);
            let mut highest = None;
            for (time, millidegrees) in &seen {
                let temperature = millidegrees.map(Temperature::from_millidegrees).ok_or(Unreadable);
                let pace = governor.observe(Duration::from_millis(u64::from(*time)), temperature);
                match millidegrees {
                    Some(value) => {
                        hot = *value >= 60_000 || (hot && *value > 45_000);
                        highest = highest.max(Some(*value));
                    }
                    None => blind += 1,
                }
                let driven = matches!(pace, Pace::Full | Pace::Slowed);
                prop_assert!(!(hot && driven), "{pace:?} at {millidegrees:?}");
            }
            let tally = governor.tally(Duration::MAX);
            prop_assert_eq!(tally.unreadable, blind);
            prop_assert_eq!(tally.readings as usize + blind as usize, seen.len());
            prop_assert_eq!(tally.highest_millidegrees.map(Temperature::millidegrees), highest);
            prop_assert!(tally.paused_millis < 1 << 53);
        }
    }
}
