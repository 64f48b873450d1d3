//! Method calls and their answers: Properties, StartSession and SyncSession, Get, Revert.
//!
//! Object and method numbers from the project's facts (sedutil, Linux `sed-opal`); column numbers of tables other
//! than `C_PIN`, life cycle values and the names of status codes beyond those that Linux lists are from memory.

use super::Authority;
use super::packet::SessionNumbers;
use super::token::Token;

/// A row of a table, or a method.
pub type Uid = [u8; 8];

/// The session manager.
pub const SESSION_MANAGER: Uid = [0, 0, 0, 0, 0, 0, 0, 0xFF];
/// The Admin SP, as an object and as the SP of a session.
pub const ADMIN_SP: Uid = [0, 0, 2, 5, 0, 0, 0, 1];
/// The Locking SP of Opal, Opalite, Ruby and Pyrite.
pub const LOCKING_SP: Uid = [0, 0, 2, 5, 0, 0, 0, 2];
/// The authority SID.
pub const SID: Uid = [0, 0, 0, 9, 0, 0, 0, 6];
/// The authority PSID.
pub const PSID: Uid = [0, 0, 0, 9, 0, 1, 0xFF, 1];
/// The row of `C_PIN` that holds the drive's default credential.
pub const C_PIN_MSID: Uid = [0, 0, 0, 0x0B, 0, 0, 0x84, 2];

const PROPERTIES: Uid = [0, 0, 0, 0, 0, 0, 0xFF, 1];
const START_SESSION: Uid = [0, 0, 0, 0, 0, 0, 0xFF, 2];
const SYNC_SESSION: Uid = [0, 0, 0, 0, 0, 0, 0xFF, 3];
const CLOSE_SESSION: Uid = [0, 0, 0, 0, 0, 0, 0xFF, 6];
const GET: Uid = [0, 0, 0, 6, 0, 0, 0, 0x16];
const REVERT: Uid = [0, 0, 0, 6, 0, 0, 2, 2];

/// Column `PIN` of the table `C_PIN`.
pub const COLUMN_PIN: u64 = 3;
/// Column `LifeCycleState` of the table `SP` (from memory).
pub const COLUMN_LIFE_CYCLE: u64 = 6;

/// The number by which the host calls its sessions; the same as sedutil's and Linux's.
pub const HOST_SESSION: u32 = 105;

impl Authority {
    /// Its row in the table of authorities.
    pub const fn uid(self) -> Uid {
        match self {
            Self::Psid => PSID,
            Self::SidByMsid => SID,
        }
    }
}

/// How a method ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodStatus(pub u8);

impl MethodStatus {
    /// The method was carried out.
    pub const SUCCESS: Self = Self(0x00);
    /// The credential is wrong, or the session may not do this.
    pub const NOT_AUTHORIZED: Self = Self(0x01);
    /// Another session holds the SP.
    pub const SP_BUSY: Self = Self(0x03);
    /// Too many sessions.
    pub const NO_SESSIONS_AVAILABLE: Self = Self(0x07);
    /// The credential was wrong too often.
    pub const AUTHORITY_LOCKED_OUT: Self = Self(0x12);
    /// It failed, no more is said.
    pub const FAIL: Self = Self(0x3F);

    /// Its name in the specification.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0x00 => "SUCCESS",
            0x01 => "NOT_AUTHORIZED",
            0x03 => "SP_BUSY",
            0x04 => "SP_FAILED",
            0x05 => "SP_DISABLED",
            0x06 => "SP_FROZEN",
            0x07 => "NO_SESSIONS_AVAILABLE",
            0x08 => "UNIQUENESS_CONFLICT",
            0x09 => "INSUFFICIENT_SPACE",
            0x0A => "INSUFFICIENT_ROWS",
            0x0B => "INVALID_FUNCTION",
            0x0C => "INVALID_PARAMETER",
            0x0D => "INVALID_REFERENCE",
            0x0F => "TPER_MALFUNCTION",
            0x10 => "TRANSACTION_FAILURE",
            0x11 => "RESPONSE_OVERFLOW",
            0x12 => "AUTHORITY_LOCKED_OUT",
            0x3F => "FAIL",
            0x02 | 0x0E | 0x13..=0x3E | 0x40..=0xFF => "a status without a name",
        }
    }
}

impl std::fmt::Display for MethodStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:02X}h)", self.name(), self.0)
    }
}

/// The life cycle of a Locking SP (values from memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeCycle {
    /// 8: never activated, or reverted since.
    ManufacturedInactive,
    /// 9: activated.
    Manufactured,
    /// Some other.
    Other(u64),
}

impl LifeCycle {
    /// From the column.
    pub const fn of(value: u64) -> Self {
        match value {
            8 => Self::ManufacturedInactive,
            9 => Self::Manufactured,
            _ => Self::Other(value),
        }
    }
}

fn call(object: Uid, method: Uid, parameters: impl IntoIterator<Item = Token>) -> Vec<Token> {
    let mut tokens =
        vec![Token::Call, Token::Bytes(object.to_vec()), Token::Bytes(method.to_vec()), Token::StartList];
    tokens.extend(parameters);
    tokens.extend([Token::EndList, Token::EndOfData, Token::StartList]);
    tokens.extend([Token::Unsigned(0), Token::Unsigned(0), Token::Unsigned(0), Token::EndList]);
    tokens
}

fn named(name: Token, value: Token) -> [Token; 4] {
    [Token::StartName, name, value, Token::EndName]
}

/// Properties, with what the host can do: the transfers are of [`super::packet::TRANSFER_BYTES`], one packet each.
/// Names and values as sedutil sends them.
pub fn properties() -> Vec<Token> {
    let ours: [(&str, u64); 6] = [
        ("MaxComPacketSize", 2048),
        ("MaxResponseComPacketSize", 2048),
        ("MaxPacketSize", 2028),
        ("MaxIndTokenSize", 1992),
        ("MaxPackets", 1),
        ("MaxSubpackets", 1),
    ];
    let list = ours
        .iter()
        .flat_map(|(name, value)| named(Token::Bytes(name.as_bytes().to_vec()), Token::Unsigned(*value)));
    let head = [Token::StartName, Token::Unsigned(0), Token::StartList];
    let parameters = head.into_iter().chain(list).chain([Token::EndList, Token::EndName]);
    call(SESSION_MANAGER, PROPERTIES, parameters)
}

/// StartSession on the Admin SP, read and write, as nobody in particular.
pub fn start_session_as_anybody() -> Vec<Token> {
    call(SESSION_MANAGER, START_SESSION, session_parameters())
}

/// StartSession on the Admin SP, read and write, as an authority with its credential, which goes unhashed.
pub fn start_session(authority: Authority, credential: &[u8]) -> Vec<Token> {
    let challenge = named(Token::Unsigned(0), Token::Bytes(credential.to_vec()));
    let signing = named(Token::Unsigned(3), Token::Bytes(authority.uid().to_vec()));
    call(SESSION_MANAGER, START_SESSION, session_parameters().into_iter().chain(challenge).chain(signing))
}

fn session_parameters() -> [Token; 3] {
    [Token::Unsigned(u64::from(HOST_SESSION)), Token::Bytes(ADMIN_SP.to_vec()), Token::Unsigned(1)]
}

/// Get of one column of one row.
pub fn get(row: Uid, column: u64) -> Vec<Token> {
    let from = named(Token::Unsigned(3), Token::Unsigned(column));
    let to = named(Token::Unsigned(4), Token::Unsigned(column));
    let block = [Token::StartList].into_iter().chain(from).chain(to).chain([Token::EndList]);
    call(row, GET, block)
}

/// Revert of the Admin SP: the whole TPer goes back to how it left the factory.
pub fn revert() -> Vec<Token> {
    call(ADMIN_SP, REVERT, [])
}

/// What came back for a method call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The method ended.
    Ended {
        /// Its results, in the outer list; empty when it failed.
        results: Vec<Token>,
        /// How.
        status: MethodStatus,
    },
    /// The TPer closed the session instead.
    SessionClosed,
    /// Neither.
    Senseless,
}

/// Reads an answer.
pub fn reply(tokens: &[Token]) -> Reply {
    if is_closed(tokens) {
        return Reply::SessionClosed;
    }
    // Results, end of data, and a list of the status and two reserved numbers.
    let Some(end) = tokens.iter().position(|token| *token == Token::EndOfData) else {
        return Reply::Senseless;
    };
    let (results, tail) = tokens.split_at(end);
    match tail {
        [
            Token::EndOfData,
            Token::StartList,
            Token::Unsigned(status),
            Token::Unsigned(_),
            Token::Unsigned(_),
            Token::EndList,
            rest @ ..,
        ] if rest.is_empty() || is_closed(rest) => match u8::try_from(*status) {
            Ok(status) => Reply::Ended { results: results.to_vec(), status: MethodStatus(status) },
            Err(_) => Reply::Senseless,
        },
        _ => Reply::Senseless,
    }
}

fn is_closed(tokens: &[Token]) -> bool {
    match tokens {
        [Token::EndOfSession, ..] => true,
        [Token::Call, Token::Bytes(object), Token::Bytes(method), ..] => {
            object[..] == SESSION_MANAGER && method[..] == CLOSE_SESSION
        }
        _ => false,
    }
}

/// The session that a SyncSession opened; `None` when it is no SyncSession with the host's number.
pub fn sync_session(results: &[Token]) -> Option<SessionNumbers> {
    let [
        Token::Call,
        Token::Bytes(object),
        Token::Bytes(method),
        Token::StartList,
        Token::Unsigned(host),
        Token::Unsigned(tper),
        ..,
        Token::EndList,
    ] = results
    else {
        return None;
    };
    let ours =
        object[..] == SESSION_MANAGER && method[..] == SYNC_SESSION && *host == u64::from(HOST_SESSION);
    let tper = u32::try_from(*tper).ok().filter(|number| ours && *number != 0)?;
    Some(SessionNumbers { tper, host: HOST_SESSION })
}

/// The value of the one column that [`get`] asked for: `[[ column = value ]]`.
pub fn column(results: &[Token], column: u64) -> Option<&Token> {
    match results {
        [
            Token::StartList,
            Token::StartList,
            Token::StartName,
            Token::Unsigned(name),
            value,
            Token::EndName,
            Token::EndList,
            Token::EndList,
        ] if *name == column => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::token;
    use super::*;

    /// Put together by hand from the sequence of calls in sedutil's session start and Linux's
    /// `start_generic_opal_session`; numbers of objects and methods from the project's facts.
    #[test]
    fn a_session_as_psid_is_asked_for_with_the_bytes_of_other_programs() {
        let psid = b"0123456789ABCDEF0123456789ABCDEF";
        let mut expected =
            vec![0xF8, 0xA8, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xA8, 0, 0, 0, 0, 0, 0, 0xFF, 0x02, 0xF0];
        expected.extend([0x81, 0x69]);
        expected.extend([0xA8, 0, 0, 2, 5, 0, 0, 0, 1]);
        expected.push(0x01);
        expected.extend([0xF2, 0x00, 0xD0, 0x20]);
        expected.extend(psid);
        expected.push(0xF3);
        expected.extend([0xF2, 0x03, 0xA8, 0, 0, 0, 9, 0, 1, 0xFF, 1, 0xF3]);
        expected.extend([0xF1, 0xF9, 0xF0, 0, 0, 0, 0xF1]);
        assert_eq!(token::encode(&start_session(Authority::Psid, psid)), Some(expected));
    }

    #[test]
    fn a_revert_has_no_parameters() {
        let mut expected = vec![0xF8, 0xA8, 0, 0, 2, 5, 0, 0, 0, 1, 0xA8, 0, 0, 0, 6, 0, 0, 2, 2];
        expected.extend([0xF0, 0xF1, 0xF9, 0xF0, 0, 0, 0, 0xF1]);
        assert_eq!(token::encode(&revert()), Some(expected));
    }

    #[test]
    fn the_default_credential_is_asked_for_as_linux_does() {
        let mut expected =
            vec![0xF8, 0xA8, 0, 0, 0, 0x0B, 0, 0, 0x84, 2, 0xA8, 0, 0, 0, 6, 0, 0, 0, 0x16, 0xF0];
        expected.extend([0xF0, 0xF2, 3, 3, 0xF3, 0xF2, 4, 3, 0xF3, 0xF1]);
        expected.extend([0xF1, 0xF9, 0xF0, 0, 0, 0, 0xF1]);
        assert_eq!(token::encode(&get(C_PIN_MSID, COLUMN_PIN)), Some(expected));
        let answer =
            [0xF0, 0xF0, 0xF2, 3, 0xA4, b'M', b'S', b'I', b'D', 0xF3, 0xF1, 0xF1, 0xF9, 0xF0, 0, 0, 0, 0xF1];
        let Reply::Ended { results, status } = reply(&token::decode(&answer).unwrap()) else {
            panic!("ended")
        };
        assert_eq!(status, MethodStatus::SUCCESS);
        assert_eq!(column(&results, COLUMN_PIN), Some(&Token::Bytes(b"MSID".to_vec())));
        assert_eq!(column(&results, COLUMN_LIFE_CYCLE), None);
    }

    fn sync(tail: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xF8, 0xA8, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xA8, 0, 0, 0, 0, 0, 0, 0xFF, 0x03, 0xF0];
        bytes.extend(tail);
        bytes
    }

    /// sedutil reads host and TPer number as the fifth and sixth token.
    #[test]
    fn a_session_has_the_numbers_of_its_answer() {
        let bytes = sync(&[0x81, 0x69, 0x82, 0x10, 0x01, 0xF1, 0xF9, 0xF0, 0, 0, 0, 0xF1]);
        let Reply::Ended { results, status } = reply(&token::decode(&bytes).unwrap()) else {
            panic!("ended")
        };
        assert_eq!(status, MethodStatus::SUCCESS);
        assert_eq!(sync_session(&results), Some(SessionNumbers { tper: 0x1001, host: 105 }));
        let foreign = sync(&[0x01, 0x82, 0x10, 0x01, 0xF1]);
        assert_eq!(sync_session(&token::decode(&foreign).unwrap()), None, "another host's number");
        let none = sync(&[0x81, 0x69, 0x00, 0xF1]);
        assert_eq!(sync_session(&token::decode(&none).unwrap()), None, "no session");
    }

    #[test]
    fn a_refusal_is_told_with_its_status() {
        let bytes = sync(&[0x81, 0x69, 0x00, 0xF1, 0xF9, 0xF0, 0x12, 0, 0, 0xF1]);
        let Reply::Ended { status, .. } = reply(&token::decode(&bytes).unwrap()) else { panic!("ended") };
        assert_eq!(status.to_string(), "AUTHORITY_LOCKED_OUT (12h)");
        assert_eq!(MethodStatus(0x3F).to_string(), "FAIL (3Fh)");
        assert_eq!(MethodStatus(0x55).to_string(), "a status without a name (55h)");
    }

    #[test]
    fn a_closed_session_and_nonsense_are_no_success() {
        assert_eq!(reply(&[Token::EndOfSession]), Reply::SessionClosed);
        let close =
            [0xF8, 0xA8, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xA8, 0, 0, 0, 0, 0, 0, 0xFF, 0x06, 0xF0, 1, 1, 0xF1];
        assert_eq!(reply(&token::decode(&close).unwrap()), Reply::SessionClosed);
        assert_eq!(reply(&[]), Reply::Senseless);
        assert_eq!(reply(&[Token::EndOfData]), Reply::Senseless, "no status list");
        let long = token::decode(&[0xF9, 0xF0, 0x82, 1, 0, 0, 0, 0xF1]).unwrap();
        assert_eq!(reply(&long), Reply::Senseless, "256 is no success");
    }

    proptest! {
        #[test]
        fn any_tokens_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(tokens) = token::decode(&bytes) {
                let _reply = reply(&tokens);
                let _session = sync_session(&tokens);
                let _column = column(&tokens, 3);
            }
        }
    }
}
