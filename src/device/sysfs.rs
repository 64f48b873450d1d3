//! Pure parsers of sysfs attributes.
use super::{DeviceNumber, Zoned};

/// `MAJ:MIN`.
pub fn device_number(text: &str) -> Option<DeviceNumber> {
    let (major, minor) = text.trim().split_once(':')?;
    Some(DeviceNumber { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

/// Unit serial number page (`vpd_pg80`): SPC-5 7.8.x; four bytes of header, then ASCII.
pub fn unit_serial(page: &[u8]) -> Option<String> {
    let &[_, 0x80, high, low, ref rest @ ..] = page else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let text = rest.get(..length.min(rest.len()))?;
    let text = String::from_utf8_lossy(text);
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// What the drive says about its rotation (`vpd_pgb1`, block device characteristics).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It does not say.
    NotReported,
    /// No rotating medium.
    None,
    /// Rotations per minute.
    PerMinute(u16),
}

/// Medium rotation rate: SBC-4 table "MEDIUM ROTATION RATE field"; 1 is none, 0x0401 to 0xFFFE are rpm.
pub fn rotation(page: &[u8]) -> Rotation {
    match page {
        [_, 0xB1, _, _, high, low, ..] => match u16::from_be_bytes([*high, *low]) {
            1 => Rotation::None,
            rate @ 0x0401..=0xFFFE => Rotation::PerMinute(rate),
            _ => Rotation::NotReported,
        },
        _ => Rotation::NotReported,
    }
}

/// `queue/zoned`.
pub fn zoned(text: Option<&str>) -> Zoned {
    match text {
        Some("host-aware") => Zoned::HostAware,
        Some("host-managed") => Zoned::HostManaged,
        _ => Zoned::None,
    }
}

/// Last field of a `t10.ATA     MODEL   SERIAL` name, which is the serial number of an ATA drive.
pub fn serial_of_t10(wwid: &str) -> Option<String> {
    let rest = wwid.strip_prefix("t10.ATA")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // With a model alone there is no telling where it ends.
    (fields.len() >= 2).then(|| fields.last().map(|serial| (*serial).to_owned()))?
}

/// Whether a name is one that a drive may have without meaning it: all one character, or counting up.
pub fn is_placeholder(text: &str) -> bool {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let first = plain.chars().next();
    plain.chars().all(|letter| Some(letter) == first)
        || "0123456789ABCDEF".starts_with(&plain.to_ascii_uppercase())
        || "12345678901234567890".starts_with(&plain.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_page_gives_its_text_without_padding() {
        assert_eq!(unit_serial(b"\0\x80\0\x14            ZA1A2B3C").unwrap(), "ZA1A2B3C");
        assert_eq!(unit_serial(b"\0\x80\0\x08ZC1ABCDE").unwrap(), "ZC1ABCDE");
        assert_eq!(unit_serial(b"\0\x80\0\x04        "), None);
        assert_eq!(unit_serial(b"\0\x83\0\x04AAAA"), None);
        assert_eq!(unit_serial(b""), None);
    }

    #[test]
    fn rotation_rates_follow_the_table_of_sbc() {
        let page = |rate: u16| [&[0, 0xB1, 0, 0x3C][..], &rate.to_be_bytes()].concat();
        assert_eq!(rotation(&page(7200)), Rotation::PerMinute(7200));
        assert_eq!(rotation(&page(1)), Rotation::None);
        assert_eq!(rotation(&page(0)), Rotation::NotReported);
        assert_eq!(rotation(&page(0x0400)), Rotation::NotReported);
        assert_eq!(rotation(&page(0xFFFF)), Rotation::NotReported);
        assert_eq!(rotation(&[]), Rotation::NotReported);
    }

    #[test]
    fn serial_numbers_that_mean_nothing_are_known() {
        for text in ["000000000000", "0123456789ABCDEF", "0123456789", "", "----", "FFFFFFFF", "123456789012"]
        {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["ZA1A2B3C", "S3Z8NB0K123456", "50026B7682D1E5F4"] {
            assert!(!is_placeholder(text), "{text}");
        }
        assert_eq!(
            serial_of_t10("t10.ATA     ST4000NM0035-1V4107                     ZC1ABCDE").unwrap(),
            "ZC1ABCDE"
        );
        assert_eq!(serial_of_t10("naa.5000c500a1b2c3d4"), None);
    }
}
