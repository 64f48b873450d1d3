//! Temperatures as the kernel counts them.
use std::fmt;

use serde::{Deserialize, Serialize};

/// A temperature in whole millidegrees Celsius, the unit of hwmon (Documentation/hwmon/sysfs-interface). Any
/// `i32` is one; whether it can be true is for whoever read it to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Temperature(i32);

impl Temperature {
    /// From millidegrees Celsius.
    pub const fn from_millidegrees(millidegrees: i32) -> Self {
        Self(millidegrees)
    }

    /// From whole degrees Celsius. Takes an `i16`, so that no value overflows.
    pub const fn from_degrees(degrees: i16) -> Self {
        // A cast that widens; From is not const.
        Self(degrees as i32 * 1000)
    }

    /// Millidegrees Celsius.
    pub const fn millidegrees(self) -> i32 {
        self.0
    }
}

/// Degrees with one decimal, rounded half away from zero: no drive measures finer.
impl fmt::Display for Temperature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.unsigned_abs() + 50) / 100;
        let sign = if self.0 < 0 && tenths > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{} °C", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_reads_as_people_write_it() {
        let table = [
            (41_200, "41.2 °C"),
            (41_249, "41.2 °C"),
            (41_250, "41.3 °C"),
            (0, "0.0 °C"),
            (-49, "0.0 °C"),
            (-50, "-0.1 °C"),
            (-5_300, "-5.3 °C"),
            (100_000, "100.0 °C"),
            (99_950, "100.0 °C"),
            (i32::MAX, "2147483.6 °C"),
            (i32::MIN, "-2147483.6 °C"),
        ];
        for (millidegrees, text) in table {
            assert_eq!(Temperature::from_millidegrees(millidegrees).to_string(), text, "{millidegrees}");
        }
    }

    #[test]
    fn degrees_are_a_thousand_millidegrees_and_on_the_wire_a_bare_number() {
        assert_eq!(Temperature::from_degrees(-40).millidegrees(), -40_000);
        assert_eq!(Temperature::from_degrees(i16::MAX).millidegrees(), 32_767_000);
        let json = serde_json::to_string(&Temperature::from_degrees(41)).unwrap();
        assert_eq!(json, "41000");
        assert_eq!(serde_json::from_str::<Temperature>("41000").unwrap(), Temperature::from_degrees(41));
    }
}
