//! ComPacket, Packet and SubPacket: the three headers around a token stream; and the management of a ComID.
//!
//! Layout after Linux `block/opal_proto.h` (`opal_compacket`, `opal_packet`, `opal_data_subpacket`); ComID management
//! from memory of the TCG core specification, 3.3.4.7.

use super::token::{self, BadToken, Token};

/// Bytes of a transfer: what every TPer must take and give (Opal: MaxComPacketSize at least 2048).
pub const TRANSFER_BYTES: usize = 2048;

/// Security protocol of ComPackets and of Level 0 discovery.
pub const PROTOCOL_TCG: u8 = 1;

/// Security protocol of ComID management.
pub const PROTOCOL_COM_ID: u8 = 2;

const COM_PACKET: usize = 20;
const PACKET: usize = 24;
const SUB_PACKET: usize = 12;

/// Transfers go in whole blocks of this size, since ATA counts in them.
const UNIT: usize = 512;

/// The two numbers of a session; both zero for the session manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionNumbers {
    /// The TPer's.
    pub tper: u32,
    /// The host's.
    pub host: u32,
}

/// What a ComPacket held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// No answer, and none is on its way.
    Nothing,
    /// The TPer is at work, or has more than fits: ask again.
    Pending,
    /// Tokens.
    Message {
        /// Of which session.
        session: SessionNumbers,
        /// The tokens.
        tokens: Vec<Token>,
    },
}

/// What is wrong with a ComPacket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPacket {
    /// A header or its content is longer than what came.
    CutOff,
    /// It is of another ComID than the one that was asked.
    OtherComId {
        /// Which.
        com_id: u16,
    },
    /// An answer that needs a larger transfer than was offered.
    TooLarge {
        /// Bytes that it needs.
        bytes: u32,
    },
    /// Its tokens.
    Tokens(BadToken),
}

impl std::fmt::Display for BadPacket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CutOff => f.write_str("a packet is cut off"),
            Self::OtherComId { com_id } => write!(f, "the packet is of another ComID ({com_id:04X}h)"),
            Self::TooLarge { bytes } => write!(f, "the answer needs a transfer of {bytes} bytes"),
            Self::Tokens(bad) => bad.fmt(f),
        }
    }
}

/// A ComPacket with one packet and one subpacket, filled with zeros to whole blocks; `None` when it would be longer
/// than [`TRANSFER_BYTES`].
pub fn wrap(com_id: u16, session: SessionNumbers, tokens: &[Token]) -> Option<Vec<u8>> {
    let stream = token::encode(tokens)?;
    let padded = stream.len().next_multiple_of(4);
    let length = |bytes: usize| u32::try_from(bytes).ok().map(u32::to_be_bytes);
    let mut out = Vec::with_capacity(UNIT);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&com_id.to_be_bytes());
    out.extend_from_slice(&[0; 10]);
    out.extend_from_slice(&length(PACKET + SUB_PACKET + padded)?);
    out.extend_from_slice(&session.tper.to_be_bytes());
    out.extend_from_slice(&session.host.to_be_bytes());
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&length(SUB_PACKET + padded)?);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&length(stream.len())?);
    out.extend_from_slice(&stream);
    out.resize(out.len().next_multiple_of(UNIT), 0);
    (out.len() <= TRANSFER_BYTES).then_some(out)
}

/// What a ComPacket holds.
///
/// # Errors
/// What is wrong with it.
pub fn read(com_id: u16, bytes: &[u8]) -> Result<Received, BadPacket> {
    let header: &[u8; COM_PACKET] = bytes.first_chunk().ok_or(BadPacket::CutOff)?;
    let [_, _, _, _, id0, id1, _, _, o0, o1, o2, o3, m0, m1, m2, m3, l0, l1, l2, l3] = *header;
    let outstanding = u32::from_be_bytes([o0, o1, o2, o3]);
    let least = u32::from_be_bytes([m0, m1, m2, m3]);
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    if length == 0 {
        return match (outstanding, least) {
            (0, _) => Ok(Received::Nothing),
            (_, 0) => Ok(Received::Pending),
            (_, bytes) => Err(BadPacket::TooLarge { bytes }),
        };
    }
    let id = u16::from_be_bytes([id0, id1]);
    if id != com_id {
        return Err(BadPacket::OtherComId { com_id: id });
    }
    let content = part(&bytes[COM_PACKET..], length)?;
    let (session, stream) = packets(content)?;
    let tokens = token::decode(&stream).map_err(BadPacket::Tokens)?;
    Ok(Received::Message { session, tokens })
}

fn part(bytes: &[u8], length: u32) -> Result<&[u8], BadPacket> {
    usize::try_from(length).ok().and_then(|length| bytes.get(..length)).ok_or(BadPacket::CutOff)
}

/// The session of the first packet, and the data of all subpackets of all packets.
fn packets(mut rest: &[u8]) -> Result<(SessionNumbers, Vec<u8>), BadPacket> {
    let mut first = None;
    let mut stream = Vec::new();
    while !rest.is_empty() {
        let header: &[u8; PACKET] = rest.first_chunk().ok_or(BadPacket::CutOff)?;
        let number =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        first.get_or_insert(SessionNumbers { tper: number(0), host: number(4) });
        let content = part(&rest[PACKET..], number(20))?;
        sub_packets(content, &mut stream)?;
        rest = &rest[PACKET + content.len()..];
    }
    Ok((first.unwrap_or_default(), stream))
}

fn sub_packets(mut rest: &[u8], stream: &mut Vec<u8>) -> Result<(), BadPacket> {
    while !rest.is_empty() {
        let header: &[u8; SUB_PACKET] = rest.first_chunk().ok_or(BadPacket::CutOff)?;
        let [_, _, _, _, _, _, kind0, kind1, l0, l1, l2, l3] = *header;
        let content = part(&rest[SUB_PACKET..], u32::from_be_bytes([l0, l1, l2, l3]))?;
        // Kind 8001h is credit control, which nobody asked for.
        if [kind0, kind1] == [0, 0] {
            stream.extend_from_slice(content);
        }
        let padded = SUB_PACKET + content.len().next_multiple_of(4);
        // Some TPers leave out the filling of the last subpacket.
        rest = rest.get(padded..).unwrap_or_default();
    }
    Ok(())
}

/// The request that ends all sessions of a ComID and forgets its answers (STACK_RESET), for [`PROTOCOL_COM_ID`]. From
/// memory: extended ComID, then request code 2.
pub fn stack_reset(com_id: u16) -> Vec<u8> {
    let mut out = vec![0; UNIT];
    out[..2].copy_from_slice(&com_id.to_be_bytes());
    out[7] = 2;
    out
}

/// What became of a STACK_RESET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackReset {
    /// Done.
    Done,
    /// Not yet.
    Pending,
    /// The TPer says that it failed, or what it says makes no sense.
    Failed,
}

/// Reads the answer to [`stack_reset`]. From memory: extended ComID, request code, two reserved bytes, length of what
/// follows (0: not done yet), then 0 for success.
pub fn stack_reset_answer(com_id: u16, bytes: &[u8]) -> StackReset {
    let Some(head) = bytes.first_chunk::<16>() else { return StackReset::Failed };
    let [id0, id1, _, _, r0, r1, r2, r3, _, _, l0, l1, s0, s1, s2, s3] = *head;
    if u16::from_be_bytes([id0, id1]) != com_id || u32::from_be_bytes([r0, r1, r2, r3]) != 2 {
        return StackReset::Failed;
    }
    match (u16::from_be_bytes([l0, l1]), u32::from_be_bytes([s0, s1, s2, s3])) {
        (0, _) => StackReset::Pending,
        (4.., 0) => StackReset::Done,
        (_, _) => StackReset::Failed,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Put together by hand after the structures of Linux `block/opal_proto.h`: an end of session, FAh, on ComID 07FEh
    /// in session 1001h / 69h.
    #[test]
    fn an_end_of_session_has_the_bytes_that_linux_sends() {
        let numbers = SessionNumbers { tper: 0x1001, host: 0x69 };
        let packet = wrap(0x07FE, numbers, &[Token::EndOfSession]).unwrap();
        let expected = [
            0x00, 0x00, 0x00, 0x00, 0x07, 0xFE, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0x00, 0x00, 0x00, 0x28, // ComPacket: 40 bytes follow
            0x00, 0x00, 0x10, 0x01, 0x00, 0x00, 0x00, 0x69, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, // Packet: 16 bytes follow
            0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0x01, // SubPacket: one byte
            0xFA, 0x00, 0x00, 0x00,
        ];
        assert_eq!(packet[..expected.len()], expected);
        assert_eq!(packet.len(), 512);
        assert!(packet[expected.len()..].iter().all(|byte| *byte == 0));
        let message = Received::Message { session: numbers, tokens: vec![Token::EndOfSession] };
        assert_eq!(read(0x07FE, &packet), Ok(message));
    }

    #[test]
    fn an_answer_that_is_not_there_is_not_an_answer() {
        let mut empty = [0_u8; 512];
        assert_eq!(read(0x07FE, &empty), Ok(Received::Nothing));
        empty[11] = 1;
        assert_eq!(read(0x07FE, &empty), Ok(Received::Pending), "outstanding data, no least transfer");
        empty[14] = 0x10;
        assert_eq!(read(0x07FE, &empty), Err(BadPacket::TooLarge { bytes: 0x1000 }));
        assert_eq!(read(0x07FE, &[]), Err(BadPacket::CutOff));
        let packet = wrap(0x07FE, SessionNumbers::default(), &[Token::EndOfSession]).unwrap();
        assert_eq!(read(0x07FE, &packet[..50]), Err(BadPacket::CutOff));
        assert_eq!(read(0x1000, &packet), Err(BadPacket::OtherComId { com_id: 0x07FE }));
    }

    #[test]
    fn what_does_not_fit_a_transfer_is_not_sent() {
        let tokens = [Token::Bytes(vec![1; 2000])];
        assert_eq!(wrap(1, SessionNumbers::default(), &tokens), None);
    }

    /// From memory of the core specification, 3.3.4.7.5.
    #[test]
    fn a_stack_reset_is_done_when_its_answer_says_so() {
        let request = stack_reset(0x07FE);
        assert_eq!(request[..8], [0x07, 0xFE, 0, 0, 0, 0, 0, 2]);
        let done = [0x07, 0xFE, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0];
        assert_eq!(stack_reset_answer(0x07FE, &done), StackReset::Done);
        let pending = [0x07, 0xFE, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(stack_reset_answer(0x07FE, &pending), StackReset::Pending);
        let failed = [0x07, 0xFE, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1];
        assert_eq!(stack_reset_answer(0x07FE, &failed), StackReset::Failed);
        assert_eq!(stack_reset_answer(0x07FE, &[0; 512]), StackReset::Failed, "zeros are no success");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _received = read(0, &bytes);
            let _reset = stack_reset_answer(0, &bytes);
        }

        #[test]
        fn a_packet_with_a_broken_byte_is_read_without_a_panic(at in 0_usize..120, byte: u8) {
            let tokens = [Token::Call, Token::Bytes(vec![9; 30]), Token::EndOfData];
            let mut packet = wrap(1, SessionNumbers::default(), &tokens).unwrap();
            packet[at] = byte;
            let _received = read(1, &packet);
        }
    }
}
