//! The rules of a job: how hard a bad drive is tried, when it is given up, and within which limits it is driven.
//! They are part of the plan, so its digest holds them from approval to record.
//!
//! All are whole numbers, because records hold no fractions.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::growth::GrowthRule;
use crate::unit::ReasonCode;
use crate::unit::term::DriveKind;

/// See the module. The unit of a field is the end of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rules {
    /// Longest leap over an area that fails, in MiB; it is come back to.
    pub leap_mib: u64,
    /// Pauses after failures of the path (1 s, 2 s, 4 s ...), until one of them has helped.
    pub back_offs: u32,
    /// Time for finding the edges of bad regions, for each pass and reading.
    pub trim_seconds: u64,
    /// Time for going through the middles of bad regions.
    pub scrape_seconds: u64,
    /// Time for trying failed blocks once more.
    pub retry_seconds: u64,
    /// Rounds of trying failed blocks once more, 0 to 100.
    pub retries: u32,
    /// Failed transfers in one pass or reading after which the drive is given up, 1 to 32,768.
    pub errors_max: u32,
    /// Share of failed transfers among the last 1,000, in percent, above which it is given up.
    pub errors_percent: Option<u32>,
    /// Rate below which it is given up, in kB/s (1,000 bytes), while everything healthy is taken.
    pub floor_kb: Option<u64>,
    /// Time over which that rate is measured.
    pub floor_seconds: u64,
    /// Time of the whole job after which it is given up, interruptions not counted.
    pub time_seconds: Option<u64>,
    /// Temperature from which the drive is driven at half its rate, in degrees Celsius.
    pub slow_celsius: i16,
    /// From which it is not driven at all.
    pub pause_celsius: i16,
    /// To which it must cool down before it goes on.
    pub resume_celsius: i16,
    /// From which it is given up.
    pub stop_celsius: Option<i16>,
    /// Time without a break that it may be too hot to be driven, after which it is given up.
    pub pause_seconds: u64,
    /// Time without any answer after which it is given up, and its worker process left behind.
    pub silence_seconds: u64,
    /// How often progress is made durable: a flush of the drive, then a line in the journal.
    pub checkpoint_millis: u64,
    /// Failed flushes in one pass after which it is given up; what they made doubtful is written again.
    pub flushes_max: u32,
    /// Most blocks that are written once more after the read-back found them wrong.
    pub repair_blocks: u64,
    /// What becomes of a job during which the drive remapped sectors that its technique does not reach; left out of plans
    /// where it is the usual one.
    #[serde(default, skip_serializing_if = "GrowthRule::is_state")]
    pub defect_growth: GrowthRule,
}

/// A rule that can end a job. Its word stands in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleName {
    /// Too many failed transfers.
    ErrorsMax,
    /// Too large a share of them.
    ErrorsPercent,
    /// Too slow.
    Floor,
    /// Too long.
    Time,
    /// Too hot.
    StopCelsius,
    /// Too hot to be driven, for too long.
    PauseTime,
    /// Nothing is answered with success any more, not even what worked before.
    Silent,
    /// Data could not be made durable, again and again.
    FlushesMax,
    /// The read-back found more blocks wrong than a record can list.
    Differences,
}

/// Most failed transfers that a pass may list: the record must hold their ranges.
pub const ERRORS_MAX: u32 = 1 << 15;

impl Rules {
    /// The rules of a drive of this kind where nobody asked for others. Temperatures follow what makers allow in
    /// operation, platters to 60 and flash to 70 degrees, from memory; drives that tell their own limits are
    /// warmer or cooler.
    pub const fn of_kind(kind: DriveKind) -> Self {
        let (slow, pause, resume, stop) = match kind {
            DriveKind::Rotating => (55, 60, 50, 70),
            DriveKind::Flash | DriveKind::Unknown | DriveKind::LogicalVolume | DriveKind::TestObject => {
                (68, 75, 60, 85)
            }
        };
        Self {
            leap_mib: 1024,
            back_offs: 5,
            trim_seconds: 4 * 3600,
            scrape_seconds: 12 * 3600,
            retry_seconds: 2 * 3600,
            retries: 1,
            errors_max: ERRORS_MAX,
            errors_percent: None,
            floor_kb: Some(500),
            floor_seconds: 3600,
            time_seconds: None,
            slow_celsius: slow,
            pause_celsius: pause,
            resume_celsius: resume,
            stop_celsius: Some(stop),
            pause_seconds: 2 * 3600,
            silence_seconds: 1800,
            checkpoint_millis: 30_000,
            flushes_max: 3,
            repair_blocks: 65_536,
            defect_growth: GrowthRule::State,
        }
    }

    /// The rules of a drive of this kind, with these set.
    ///
    /// # Errors
    /// When together they contradict each other.
    pub fn with(kind: DriveKind, settings: &[RuleSetting]) -> Result<Self, NotARule> {
        Self::of_kind(kind).and(settings)
    }

    /// These rules, with these set.
    ///
    /// # Errors
    /// When together they contradict each other.
    pub fn and(self, settings: &[RuleSetting]) -> Result<Self, NotARule> {
        let mut rules = self;
        for setting in settings {
            rules.set(&setting.0)?;
        }
        rules.checked()
    }

    /// Sets one rule from `NAME=VALUE`, as the command line has it: names are the fields' without the unit, values
    /// whole numbers with a unit that fits (`ms`, `s`, `min`, `h`; `kB/s`, `MB/s`; `MiB`, `GiB`; `%`; `C`), `off`
    /// where a rule can be absent.
    ///
    /// # Errors
    /// What is wrong with the text, for people.
    pub fn set(&mut self, text: &str) -> Result<(), NotARule> {
        let (name, value) = text.split_once('=').ok_or_else(|| NotARule::unknown(text))?;
        let value = Value { name, text: value };
        match name {
            "leap" => self.leap_mib = value.scaled(MIB, 0, 1 << 20)?,
            "back-offs" => self.back_offs = value.count(0, 30)?,
            "trim" => self.trim_seconds = value.scaled(SECONDS, 0, YEAR)?,
            "scrape" => self.scrape_seconds = value.scaled(SECONDS, 0, YEAR)?,
            "retry" => self.retry_seconds = value.scaled(SECONDS, 0, YEAR)?,
            "retries" => self.retries = value.count(0, 100)?,
            "errors-max" => self.errors_max = value.count(1, ERRORS_MAX)?,
            "errors-percent" => self.errors_percent = value.or_off(|value| value.percent())?,
            "floor" => self.floor_kb = value.or_off(|value| value.scaled(KB, 1, 1 << 40))?,
            "floor-time" => self.floor_seconds = value.scaled(SECONDS, 1, YEAR)?,
            "time" => self.time_seconds = value.or_off(|value| value.scaled(SECONDS, 1, 100 * YEAR))?,
            "slow" => self.slow_celsius = value.celsius()?,
            "pause" => self.pause_celsius = value.celsius()?,
            "resume" => self.resume_celsius = value.celsius()?,
            "pause-time" => self.pause_seconds = value.scaled(SECONDS, 1, YEAR)?,
            "stop" => self.stop_celsius = value.or_off(|value| value.celsius())?,
            "silence" => self.silence_seconds = value.scaled(SECONDS, 1, YEAR)?,
            "checkpoint" => self.checkpoint_millis = value.scaled(MILLIS, 1, 86_400_000)?,
            "flushes-max" => self.flushes_max = value.count(1, 1000)?,
            "repair" => self.repair_blocks = u64::from(value.count(0, 1 << 20)?),
            "defect-growth" => self.defect_growth = value.growth()?,
            _ => return Err(NotARule::unknown(name)),
        }
        Ok(())
    }

    /// Every rule as [`Self::set`] reads it: name and value.
    pub fn settings(&self) -> [(&'static str, String); 21] {
        let or_off = |text: Option<String>| text.unwrap_or_else(|| OFF.to_owned());
        let celsius = |celsius: i16| format!("{celsius}C");
        [
            ("leap", scaled(self.leap_mib, MIB)),
            ("back-offs", self.back_offs.to_string()),
            ("trim", scaled(self.trim_seconds, SECONDS)),
            ("scrape", scaled(self.scrape_seconds, SECONDS)),
            ("retry", scaled(self.retry_seconds, SECONDS)),
            ("retries", self.retries.to_string()),
            ("errors-max", self.errors_max.to_string()),
            ("errors-percent", or_off(self.errors_percent.map(|percent| format!("{percent}%")))),
            ("floor", or_off(self.floor_kb.map(|floor| scaled(floor, KB)))),
            ("floor-time", scaled(self.floor_seconds, SECONDS)),
            ("time", or_off(self.time_seconds.map(|time| scaled(time, SECONDS)))),
            ("slow", celsius(self.slow_celsius)),
            ("pause", celsius(self.pause_celsius)),
            ("resume", celsius(self.resume_celsius)),
            ("stop", or_off(self.stop_celsius.map(celsius))),
            ("pause-time", scaled(self.pause_seconds, SECONDS)),
            ("silence", scaled(self.silence_seconds, SECONDS)),
            ("checkpoint", scaled(self.checkpoint_millis, MILLIS)),
            ("flushes-max", self.flushes_max.to_string()),
            ("repair", self.repair_blocks.to_string()),
            ("defect-growth", self.defect_growth.word().to_owned()),
        ]
    }

    /// The rules that are not those of a drive of this kind, as `NAME=VALUE`.
    pub fn unusual(&self, kind: DriveKind) -> Vec<String> {
        let usual = Self::of_kind(kind).settings();
        let differing = self.settings().into_iter().zip(usual).filter(|(rule, usual)| rule != usual);
        differing.map(|((name, value), _)| format!("{name}={value}")).collect()
    }

    /// The rule whose breach has this code and leaves a job incomplete, as `NAME=VALUE`; `None` for every other code,
    /// and where the rule is off.
    pub fn ender(&self, code: ReasonCode) -> Option<String> {
        let settings = self.settings();
        let names = ENDERS.into_iter().filter(|(ender, _)| *ender == code).map(|(_, name)| name);
        let mut on = names
            .filter_map(|name| settings.iter().find(|(rule, value)| *rule == name && !ends_nothing(value)));
        on.next().map(|(name, value)| format!("{name}={value}"))
    }

    /// Whether the temperatures stand in order: resume below slow, slow below pause, pause below stop.
    ///
    /// # Errors
    /// With the order that they must have.
    pub fn checked(self) -> Result<Self, NotARule> {
        let ordered = self.resume_celsius < self.slow_celsius
            && self.slow_celsius < self.pause_celsius
            && self.stop_celsius.is_none_or(|stop| self.pause_celsius < stop);
        if ordered {
            return Ok(self);
        }
        Err(NotARule(format!(
            "the temperatures must stand in this order: resume ({}) < slow ({}) < pause ({}) < stop ({})",
            self.resume_celsius,
            self.slow_celsius,
            self.pause_celsius,
            self.stop_celsius.map_or_else(|| "off".to_owned(), |stop| stop.to_string())
        )))
    }
}

/// One rule as it was given, `NAME=VALUE`: it can be set, whatever the others are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSetting(String);

impl FromStr for RuleSetting {
    type Err = NotARule;

    fn from_str(text: &str) -> Result<Self, NotARule> {
        Rules::of_kind(DriveKind::Unknown).set(text).map(|()| Self(text.to_owned()))
    }
}

impl fmt::Display for RuleSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value of a rule that is absent.
const OFF: &str = "off";

/// Codes of the rules that leave a job incomplete: a limit ended it, and not what the drive did.
const ENDERS: [(ReasonCode, &str); 8] = [
    (ReasonCode::TooManyErrors, "errors-max"),
    (ReasonCode::ErrorShare, "errors-percent"),
    (ReasonCode::TooSlow, "floor"),
    (ReasonCode::TooLong, "time"),
    (ReasonCode::TooHot, "stop"),
    (ReasonCode::TooHot, "pause-time"),
    (ReasonCode::DefectsGrew, "defect-growth"),
    (ReasonCode::DefectsNotTold, "defect-growth"),
];

/// Whether a rule with this value never leaves a job incomplete.
fn ends_nothing(value: &str) -> bool {
    value == OFF || value == GrowthRule::State.word()
}

const YEAR: u64 = 365 * 86_400;
const MILLIS: Units = &[("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000)];
const SECONDS: Units = &[("s", 1), ("min", 60), ("h", 3600), ("d", 86_400)];
const MIB: Units = &[("MiB", 1), ("GiB", 1024)];
const KB: Units = &[("kB/s", 1), ("MB/s", 1000), ("GB/s", 1_000_000)];

type Units = &'static [(&'static str, u64)];

/// A count in the largest of the units that gives a whole number.
fn scaled(count: u64, units: Units) -> String {
    let fits = |factor: u64| count > 0 && count.is_multiple_of(factor);
    let largest = units.iter().rfind(|(_, factor)| fits(*factor)).or(units.first());
    largest.map_or_else(|| count.to_string(), |(unit, factor)| format!("{}{unit}", count / factor))
}

struct Value<'a> {
    name: &'a str,
    text: &'a str,
}

impl Value<'_> {
    fn wrong(&self, expected: impl fmt::Display) -> NotARule {
        NotARule(format!("--rule {}={}: expected {expected}", self.name, self.text))
    }

    fn or_off<T>(&self, read: impl Fn(&Self) -> Result<T, NotARule>) -> Result<Option<T>, NotARule> {
        if self.text == OFF { Ok(None) } else { read(self).map(Some) }
    }

    fn count(&self, least: u32, most: u32) -> Result<u32, NotARule> {
        let read = self.text.parse().ok().filter(|count| (least..=most).contains(count));
        read.ok_or_else(|| self.wrong(format_args!("a whole number from {least} to {most}")))
    }

    fn percent(&self) -> Result<u32, NotARule> {
        let digits = self.text.strip_suffix('%').unwrap_or(self.text);
        let read = digits.parse().ok().filter(|percent| (1..=99).contains(percent));
        read.ok_or_else(|| self.wrong("1 to 99 percent, such as 20%, or off"))
    }

    fn celsius(&self) -> Result<i16, NotARule> {
        let digits = self.text.strip_suffix('C').unwrap_or(self.text);
        let read = digits.parse().ok().filter(|celsius| (-40..=150).contains(celsius));
        read.ok_or_else(|| self.wrong("degrees Celsius from -40 to 150, such as 60C"))
    }

    fn growth(&self) -> Result<GrowthRule, NotARule> {
        let all = [GrowthRule::Fail, GrowthRule::State];
        all.into_iter().find(|rule| rule.word() == self.text).ok_or_else(|| self.wrong("fail or state"))
    }

    /// A whole number with a unit, in the first of `units`.
    fn scaled(&self, units: Units, least: u64, most: u64) -> Result<u64, NotARule> {
        let end = self.text.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.text.len());
        let (digits, unit) = self.text.split_at(end);
        let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let read =
            factor.zip(digits.parse::<u64>().ok()).and_then(|(factor, count)| count.checked_mul(factor));
        read.filter(|scaled| (least..=most).contains(scaled)).ok_or_else(|| {
            let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
            let first = names.first().copied().unwrap_or_default();
            self.wrong(format_args!(
                "a whole number with a unit ({}), from {least} to {most} {first}",
                names.join(", ")
            ))
        })
    }
}

/// Text that is no rule, or rules that contradict each other; it says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotARule(String);

impl NotARule {
    fn unknown(name: &str) -> Self {
        Self(format!(
            "{name:?} is no rule; rules are NAME=VALUE with a name of: leap, back-offs, trim, scrape, retry, retries, \
             errors-max, errors-percent, floor, floor-time, time, slow, pause, resume, stop, pause-time, silence, checkpoint, \
             flushes-max, repair, defect-growth"
        ))
    }
}

impl fmt::Display for NotARule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotARule {}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Rules, NotARule> {
        let mut rules = Rules::of_kind(DriveKind::Rotating);
        rules.set(text).map(|()| rules)
    }

    #[test]
    fn rules_are_read_with_their_units() {
        assert_eq!(with("trim=2h").unwrap().trim_seconds, 7200);
        assert_eq!(with("silence=90s").unwrap().silence_seconds, 90);
        assert_eq!(with("checkpoint=50ms").unwrap().checkpoint_millis, 50);
        assert_eq!(with("floor=2MB/s").unwrap().floor_kb, Some(2000));
        assert_eq!(with("floor=off").unwrap().floor_kb, None);
        assert_eq!(with("errors-percent=20%").unwrap().errors_percent, Some(20));
        assert_eq!(with("leap=2GiB").unwrap().leap_mib, 2048);
        assert_eq!(with("stop=65C").unwrap().stop_celsius, Some(65));
        assert_eq!(with("retries=0").unwrap().retries, 0);
    }

    /// Every rule that is known, so that the list below cannot lag behind: the message names them all.
    #[test]
    fn rules_are_shown_as_they_are_read() {
        let mut odd = Rules::of_kind(DriveKind::Flash);
        for text in [
            "leap=3MiB",
            "back-offs=0",
            "trim=0s",
            "scrape=61s",
            "retry=90min",
            "retries=7",
            "errors-max=9",
            "errors-percent=20%",
            "floor=2500kB/s",
            "floor-time=2d",
            "time=36h",
            "slow=-5C",
            "pause=0C",
            "resume=-6C",
            "stop=off",
            "pause-time=90s",
            "silence=1s",
            "checkpoint=1500ms",
            "flushes-max=1",
            "repair=0",
            "defect-growth=fail",
        ] {
            odd.set(text).unwrap();
            assert!(odd.unusual(DriveKind::Flash).contains(&text.to_owned()), "{text}: {odd:?}");
        }
        let listed = NotARule::unknown("x").to_string();
        let listed: Vec<&str> = listed.split(": ").last().unwrap().split(", ").collect();
        assert_eq!(odd.settings().map(|(name, _)| name).to_vec(), listed);
        assert_eq!(odd.unusual(DriveKind::Flash).len(), listed.len());
        let mut again = Rules::of_kind(DriveKind::Rotating);
        odd.settings().iter().for_each(|(name, value)| again.set(&format!("{name}={value}")).unwrap());
        assert_eq!(again, odd);
        assert_eq!(Rules::of_kind(DriveKind::Flash).unusual(DriveKind::Flash), [""; 0]);
        let usual = Rules::of_kind(DriveKind::Rotating).unusual(DriveKind::Flash);
        assert_eq!(usual, ["slow=55C", "pause=60C", "resume=50C", "stop=70C"]);
    }

    #[test]
    fn a_rule_that_ends_a_job_is_known_by_its_code() {
        let rules = Rules::of_kind(DriveKind::Rotating);
        assert_eq!(rules.ender(ReasonCode::TooSlow), Some("floor=500kB/s".to_owned()));
        assert_eq!(rules.ender(ReasonCode::TooHot), Some("stop=70C".to_owned()));
        assert_eq!(rules.ender(ReasonCode::TooLong), None, "it is off");
        assert_eq!(rules.ender(ReasonCode::DefectsGrew), None, "it only states");
        let strict = with("defect-growth=fail").unwrap();
        assert_eq!(strict.ender(ReasonCode::DefectsGrew), Some("defect-growth=fail".to_owned()));
        assert_eq!(rules.ender(ReasonCode::FlushFailed), None, "what the drive did is a failure");
    }

    #[test]
    fn what_is_no_rule_is_named_with_what_was_expected() {
        for (text, expected) in [
            ("trim", "is no rule"),
            ("speed=1", "\"speed\" is no rule"),
            ("trim=2", "a whole number with a unit (s, min, h, d)"),
            ("trim=2 h", "with a unit"),
            ("trim=-2h", "with a unit"),
            ("trim=999999999999999999999h", "with a unit"),
            ("silence=0s", "from 1 to"),
            ("retries=101", "0 to 100"),
            ("errors-max=0", "1 to 32768"),
            ("errors-percent=100%", "1 to 99"),
            ("floor=5", "kB/s, MB/s, GB/s"),
            ("pause=hot", "degrees Celsius"),
            ("back-offs=off", "a whole number"),
            ("defect-growth=off", "fail or state"),
        ] {
            let error = with(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn temperatures_must_stand_in_order() {
        for kind in [DriveKind::Rotating, DriveKind::Flash, DriveKind::TestObject] {
            assert!(Rules::of_kind(kind).checked().is_ok());
        }
        for wrong in ["resume=55C", "slow=60C", "pause=70C", "stop=60C"] {
            assert!(with(wrong).unwrap().checked().is_err(), "{wrong}");
        }
        assert!(with("stop=off").unwrap().checked().is_ok());
    }
}
