//! The token stream of TCG Storage: atoms (numbers and bytes) and the tokens that structure them.
//!
//! Layout after Linux `sed-opal` (`block/opal_proto.h`) and from memory of the TCG core specification, 3.2.2.3.

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A number that is not negative.
    Unsigned(u64),
    /// A number of the signed kind, even when it is not negative.
    Signed(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// F0h.
    StartList,
    /// F1h.
    EndList,
    /// F2h.
    StartName,
    /// F3h.
    EndName,
    /// F8h: a method call, or the answer to one of the session manager's.
    Call,
    /// F9h: the parameters or results are over; the status list follows.
    EndOfData,
    /// FAh.
    EndOfSession,
    /// FBh.
    StartTransaction,
    /// FCh.
    EndTransaction,
    /// FFh: stands for nothing.
    Empty,
}

/// What is wrong with a token stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// An atom is longer than what is left.
    CutOff {
        /// Where it begins.
        at: usize,
    },
    /// A byte that begins no token, or an atom of a kind that is not read here (continued bytes).
    Unknown {
        /// Where it stands.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// A number of no bytes, or of more than eight.
    Width {
        /// Where it begins.
        at: usize,
    },
}

impl std::fmt::Display for BadToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CutOff { at } => write!(f, "the token at byte {at} is cut off"),
            Self::Unknown { at, byte } => write!(f, "byte {at} ({byte:02X}h) begins no token"),
            Self::Width { at } => write!(f, "the number at byte {at} has no width that a number can have"),
        }
    }
}

/// Longest run of bytes that one atom holds.
pub const LONGEST_ATOM: usize = 0x00FF_FFFF;

/// The tokens as bytes, each in its shortest form; `None` when some bytes are longer than [`LONGEST_ATOM`].
pub fn encode(tokens: &[Token]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for token in tokens {
        match token {
            Token::Unsigned(number) => unsigned(&mut out, *number),
            Token::Signed(number) => signed(&mut out, *number),
            Token::Bytes(bytes) => atom_of_bytes(&mut out, bytes)?,
            Token::StartList => out.push(0xF0),
            Token::EndList => out.push(0xF1),
            Token::StartName => out.push(0xF2),
            Token::EndName => out.push(0xF3),
            Token::Call => out.push(0xF8),
            Token::EndOfData => out.push(0xF9),
            Token::EndOfSession => out.push(0xFA),
            Token::StartTransaction => out.push(0xFB),
            Token::EndTransaction => out.push(0xFC),
            Token::Empty => out.push(0xFF),
        }
    }
    Some(out)
}

fn unsigned(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    if number < 0x40 {
        out.push(bytes[7]);
        return;
    }
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(7);
    out.push(0x80 | u8::try_from(8 - first).unwrap_or(8));
    out.extend_from_slice(&bytes[first..]);
}

fn signed(out: &mut Vec<u8>, number: i64) {
    let bytes = number.to_be_bytes();
    if (-0x20..0x20).contains(&number) {
        out.push(0x40 | (bytes[7] & 0x3F));
        return;
    }
    // A leading byte says nothing when the next one carries the sign already.
    let sign = if number < 0 { 0xFF } else { 0 };
    let spare = |at: usize| bytes[at] == sign && (bytes[at + 1] ^ sign) & 0x80 == 0;
    let first = (0..7).find(|at| !spare(*at)).unwrap_or(7);
    out.push(0x90 | u8::try_from(8 - first).unwrap_or(8));
    out.extend_from_slice(&bytes[first..]);
}

fn atom_of_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= LONGEST_ATOM)?;
    let [_, high, middle, low] = length.to_be_bytes();
    match length {
        0..=0xF => out.push(0xA0 | low),
        0x10..=0x7FF => out.extend_from_slice(&[0xD0 | middle, low]),
        0x800..=u32::MAX => out.extend_from_slice(&[0xE2, high, middle, low]),
    }
    out.extend_from_slice(bytes);
    Some(())
}

/// The tokens of a stream.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn decode(stream: &[u8]) -> Result<Vec<Token>, BadToken> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = stream.get(at).copied() {
        let (token, length) = one(stream, at, first)?;
        tokens.push(token);
        at += length;
    }
    Ok(tokens)
}

/// What an atom holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsigned,
    Signed,
    Bytes,
    Continued,
}

impl Kind {
    /// From the bits B (bytes) and S (signed, or continued).
    const fn of(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Unsigned,
            1 => Self::Signed,
            2 => Self::Bytes,
            3.. => Self::Continued,
        }
    }
}

fn one(stream: &[u8], at: usize, first: u8) -> Result<(Token, usize), BadToken> {
    let extra = |offset: usize| stream.get(at + offset).copied().ok_or(BadToken::CutOff { at });
    match first {
        0..=0x3F => Ok((Token::Unsigned(u64::from(first)), 1)),
        0x40..=0x7F => {
            // Six bits in two's complement.
            let low = i64::from(first & 0x3F);
            Ok((Token::Signed(if low < 0x20 { low } else { low - 0x40 }), 1))
        }
        0x80..=0xBF => atom(stream, at, Kind::of(first >> 4), 1, usize::from(first & 0xF)),
        0xC0..=0xDF => {
            let length = u16::from_be_bytes([first & 7, extra(1)?]);
            atom(stream, at, Kind::of(first >> 3), 2, usize::from(length))
        }
        0xE0..=0xE3 => {
            let length = u32::from_be_bytes([0, extra(1)?, extra(2)?, extra(3)?]);
            let length = usize::try_from(length).map_err(|_| BadToken::CutOff { at })?;
            atom(stream, at, Kind::of(first), 4, length)
        }
        0xF0 => Ok((Token::StartList, 1)),
        0xF1 => Ok((Token::EndList, 1)),
        0xF2 => Ok((Token::StartName, 1)),
        0xF3 => Ok((Token::EndName, 1)),
        0xF8 => Ok((Token::Call, 1)),
        0xF9 => Ok((Token::EndOfData, 1)),
        0xFA => Ok((Token::EndOfSession, 1)),
        0xFB => Ok((Token::StartTransaction, 1)),
        0xFC => Ok((Token::EndTransaction, 1)),
        0xFF => Ok((Token::Empty, 1)),
        0xE4..=0xEF | 0xF4..=0xF7 | 0xFD..=0xFE => Err(BadToken::Unknown { at, byte: first }),
    }
}

fn atom(
    stream: &[u8],
    at: usize,
    kind: Kind,
    header: usize,
    length: usize,
) -> Result<(Token, usize), BadToken> {
    let content =
        stream.get(at + header..).and_then(|rest| rest.get(..length)).ok_or(BadToken::CutOff { at })?;
    let token = match kind {
        Kind::Bytes => Token::Bytes(content.to_vec()),
        Kind::Continued => return Err(BadToken::Unknown { at, byte: stream[at] }),
        Kind::Unsigned => Token::Unsigned(u64::from_be_bytes(widened(content, 0, at)?)),
        Kind::Signed => {
            let negative = content.first().is_some_and(|byte| byte & 0x80 != 0);
            Token::Signed(i64::from_be_bytes(widened(content, if negative { 0xFF } else { 0 }, at)?))
        }
    };
    Ok((token, header + length))
}

/// Eight bytes of a shorter number.
fn widened(content: &[u8], filling: u8, at: usize) -> Result<[u8; 8], BadToken> {
    let missing = 8_usize.checked_sub(content.len()).filter(|missing| *missing < 8);
    let missing = missing.ok_or(BadToken::Width { at })?;
    let mut wide = [filling; 8];
    wide[missing..].copy_from_slice(content);
    Ok(wide)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From memory of the core specification's examples and of what Linux writes: 64 is the first number that
    /// does not fit a tiny atom; 2048 as in host properties; 16 bytes are the first that need a medium atom.
    #[test]
    fn atoms_have_their_shortest_form() {
        let written = |token: Token| encode(&[token]).unwrap();
        assert_eq!(written(Token::Unsigned(0)), [0]);
        assert_eq!(written(Token::Unsigned(63)), [0x3F]);
        assert_eq!(written(Token::Unsigned(64)), [0x81, 0x40]);
        assert_eq!(written(Token::Unsigned(105)), [0x81, 0x69]);
        assert_eq!(written(Token::Unsigned(2048)), [0x82, 0x08, 0x00]);
        assert_eq!(written(Token::Unsigned(u64::MAX))[0], 0x88);
        assert_eq!(written(Token::Signed(-1)), [0x7F]);
        assert_eq!(written(Token::Signed(-33)), [0x91, 0xDF]);
        assert_eq!(written(Token::Signed(128)), [0x92, 0x00, 0x80]);
        assert_eq!(written(Token::Bytes(vec![7; 8]))[0], 0xA8);
        assert_eq!(written(Token::Bytes(vec![7; 32]))[..2], [0xD0, 0x20]);
        assert_eq!(written(Token::Bytes(vec![7; 0x800]))[..4], [0xE2, 0, 0x08, 0]);
    }

    #[test]
    fn what_is_no_token_is_told() {
        assert_eq!(decode(&[0xA8, 1, 2]), Err(BadToken::CutOff { at: 0 }));
        assert_eq!(decode(&[1, 0xD0]), Err(BadToken::CutOff { at: 1 }));
        assert_eq!(decode(&[0xF4]), Err(BadToken::Unknown { at: 0, byte: 0xF4 }));
        assert_eq!(decode(&[0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1]), Err(BadToken::Width { at: 0 }));
        assert_eq!(decode(&[0x80]), Err(BadToken::Width { at: 0 }));
        assert_eq!(decode(&[0xB1, 0]), Err(BadToken::Unknown { at: 0, byte: 0xB1 }), "continued bytes");
    }

    fn any_token() -> impl Strategy<Value = Token> {
        prop_oneof![
            any::<u64>().prop_map(Token::Unsigned),
            (0_u64..0x200).prop_map(Token::Unsigned),
            any::<i64>().prop_map(Token::Signed),
            (-0x200_i64..0x200).prop_map(Token::Signed),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Token::Bytes),
            proptest::collection::vec(any::<u8>(), 0x7F0..0x810).prop_map(Token::Bytes),
            Just(Token::StartList),
            Just(Token::EndList),
            Just(Token::StartName),
            Just(Token::EndName),
            Just(Token::Call),
            Just(Token::EndOfData),
            Just(Token::EndOfSession),
            Just(Token::StartTransaction),
            Just(Token::EndTransaction),
            Just(Token::Empty),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(tokens in proptest::collection::vec(any_token(), 0..12)) {
            prop_assert_eq!(decode(&encode(&tokens).unwrap()), Ok(tokens));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(tokens) = decode(&bytes) {
                let again = encode(&tokens).unwrap();
                prop_assert!(again.len() <= bytes.len(), "the shortest form is not longer");
                prop_assert_eq!(decode(&again), Ok(tokens));
            }
        }
    }
}
