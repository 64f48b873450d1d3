//! The PSID as people type it: 32 characters from a label, with blanks, dashes and small letters as may be.

/// Characters of a PSID.
pub const PSID_CHARACTERS: usize = 32;

/// Why a text is no PSID. It says nothing of what the text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPsid {
    /// So many characters without blanks and dashes.
    Length(usize),
    /// Something else than letters A to Z and digits.
    Character,
}

impl std::fmt::Display for NotAPsid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Length(length) => {
                write!(f, "a PSID has {PSID_CHARACTERS} letters and digits, and this has {length}")
            }
            Self::Character => f.write_str("a PSID has letters A to Z and digits only, and this has others"),
        }
    }
}

/// The PSID as the drive knows it: capital letters, without dashes and blanks, and not hashed.
///
/// # Errors
/// Why it cannot be one: nothing is sent then, since the drive counts wrong tries.
pub fn normalized(text: &[u8]) -> Result<Vec<u8>, NotAPsid> {
    let kept: Vec<u8> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace() && **byte != b'-')
        .map(u8::to_ascii_uppercase)
        .collect();
    if !kept.iter().all(u8::is_ascii_alphanumeric) {
        return Err(NotAPsid::Character);
    }
    if kept.len() == PSID_CHARACTERS { Ok(kept) } else { Err(NotAPsid::Length(kept.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_what_the_drive_knows() {
        let known = b"ABCD0123EFGH4567IJKL89ABMNOPCDEF".to_vec();
        for typed in [
            "ABCD0123EFGH4567IJKL89ABMNOPCDEF",
            "abcd0123efgh4567ijkl89abmnopcdef\n",
            "ABCD-0123-EFGH-4567-IJKL-89AB-MNOP-CDEF",
            "  ABCD 0123 EFGH 4567\tIJKL 89AB MNOP CDEF\r\n",
        ] {
            assert_eq!(normalized(typed.as_bytes()), Ok(known.clone()), "{typed}");
        }
    }

    #[test]
    fn what_cannot_be_one_is_not_sent() {
        assert_eq!(normalized(b""), Err(NotAPsid::Length(0)));
        assert_eq!(normalized(b"ABCD0123EFGH4567IJKL89ABMNOPCDE"), Err(NotAPsid::Length(31)));
        assert_eq!(
            normalized("ABCD0123EFGH4567IJKL89ABMNOPCDE\u{FF26}".as_bytes()),
            Err(NotAPsid::Character)
        );
    }
}
