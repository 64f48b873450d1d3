//! Moments, written as RFC 3339 in UTC.
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A moment in UTC, in milliseconds, as the clock of this host gave it: a claim, not a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcTime(Timestamp);

/// Text or a time that is no moment that a record can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotATime;

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a time such as 2026-11-22T06:43:02Z")
    }
}

impl std::error::Error for NotATime {}

impl UtcTime {
    /// From milliseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Outside the years -9999 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, NotATime> {
        Timestamp::from_millisecond(millis).map(Self).map_err(|_| NotATime)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Without separators and fractions, for file names: `20261122T064302Z`.
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%dT%H%M%SZ").to_string()
    }
}

impl TryFrom<SystemTime> for UtcTime {
    type Error = NotATime;
    fn try_from(time: SystemTime) -> Result<Self, NotATime> {
        Timestamp::try_from(time)
            .map_err(|_| NotATime)
            .and_then(|time| Self::from_millis(time.as_millisecond()))
    }
}

impl FromStr for UtcTime {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let time: Timestamp = text.parse().map_err(|_| NotATime)?;
        if text.ends_with('Z') { Ok(Self(time)) } else { Err(NotATime) }
    }
}

impl TryFrom<String> for UtcTime {
    type Error = NotATime;
    fn try_from(text: String) -> Result<Self, NotATime> {
        text.parse()
    }
}

impl From<UtcTime> for String {
    fn from(time: UtcTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_say_so() {
        // date -u -d @1795329782 prints 2026-11-22T06:43:02.
        let time = UtcTime::from_millis(1_795_329_782_250).unwrap();
        assert_eq!(time.to_string(), "2026-11-22T06:43:02.25Z");
        assert_eq!(time.compact(), "20261122T064302Z");
        assert_eq!("2026-11-22T06:43:02.25Z".parse(), Ok(time));
        for bad in ["2026-11-22T06:43:02", "2026-11-22T08:43:02+02:00", "2026-11-22", "now", ""] {
            assert_eq!(bad.parse::<UtcTime>(), Err(NotATime), "{bad}");
        }
    }
}
