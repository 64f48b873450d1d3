//! Sizes as people write them: `64MiB`, `1G`, `4096`.
use std::fmt;
use std::str::FromStr;

/// A number of bytes. Units are powers of 1024, with or without `iB`; no unit means bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Why a text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// No number stands at its beginning.
    NoNumber,
    /// What follows the number is no known unit.
    UnknownUnit,
    /// More than 2^64 - 1 bytes.
    TooLarge,
}

const UNITS: [(&str, u32); 4] = [("K", 10), ("M", 20), ("G", 30), ("T", 40)];

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(SizeError::NoNumber);
        }
        let number: u64 = number.parse().map_err(|_| SizeError::TooLarge)?;
        let unit = unit.strip_suffix("iB").unwrap_or(unit);
        let shift = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, shift)) => *shift,
            None if text.len() == digits => 0,
            None => return Err(SizeError::UnknownUnit),
        };
        number.checked_mul(1 << shift).map(Self).ok_or(SizeError::TooLarge)
    }
}

impl fmt::Display for Size {
    /// With the largest unit that leaves a whole number, so that the text gives the same size again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().rev().find(|(_, shift)| self.0 > 0 && self.0.trailing_zeros() >= *shift);
        match whole {
            Some((name, shift)) => write!(f, "{}{name}iB", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNumber => "a size begins with a number, such as 64MiB",
            Self::UnknownUnit => "the unit is none of K, M, G, T, KiB, MiB, GiB, TiB",
            Self::TooLarge => "more than 2^64 bytes",
        })
    }
}

impl std::error::Error for SizeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        let table = [
            ("4096", 4096, "4KiB"),
            ("64MiB", 67_108_864, "64MiB"),
            ("1G", 1_073_741_824, "1GiB"),
            ("513", 513, "513"),
        ];
        for (text, bytes, shown) in table {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, shown));
        }
        assert_eq!("".parse::<Size>(), Err(SizeError::NoNumber));
        assert_eq!("-1".parse::<Size>(), Err(SizeError::NoNumber));
        assert_eq!("5iB".parse::<Size>(), Err(SizeError::UnknownUnit));
        assert_eq!("5MB".parse::<Size>(), Err(SizeError::UnknownUnit));
        assert_eq!("99999999T".parse::<Size>(), Err(SizeError::TooLarge));
    }
}
