//! Units of the NVMe/TCP transport, without digests.
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

const INITIALIZE: u8 = 0;
const INITIALIZED: u8 = 1;
const COMMAND: u8 = 4;
const RESPONSE: u8 = 5;
const DATA_FROM_HOST: u8 = 6;
const DATA_TO_HOST: u8 = 7;
const READY_TO_TRANSFER: u8 = 9;

/// Flag of the last data of a command.
const LAST: u8 = 4;

/// Length of the header of all but the first two kinds.
const HEADER_BYTES: u8 = 24;

/// Most bytes that the host may send in one unit.
const DATA_BYTES_MAX: u32 = 1 << 20;

/// Nothing in the lab is longer.
const UNIT_BYTES_MAX: usize = 16 << 20;

/// SGL descriptor for data that the transport brings (type 5h, subtype Ah): it is to be asked for.
const TRANSPORT_DATA: u8 = 0x5A;

/// A submission queue entry and what came in its capsule.
#[derive(Debug)]
pub(super) struct Capsule {
    pub(super) entry: [u8; 64],
    inside: Vec<u8>,
}

impl Capsule {
    pub(super) const fn byte(&self, at: usize) -> u8 {
        self.entry[at]
    }

    pub(super) fn number16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.entry[at], self.entry[at + 1]])
    }

    pub(super) fn number32(&self, at: usize) -> u32 {
        number32(&self.entry, at)
    }

    pub(super) fn number64(&self, at: usize) -> u64 {
        u64::from(self.number32(at)) | u64::from(self.number32(at + 4)) << 32
    }

    /// Length of the data phase: that of the one SGL descriptor.
    pub(super) fn data_bytes(&self) -> io::Result<usize> {
        let length = usize::try_from(self.number32(32)).map_err(io::Error::other)?;
        if length > UNIT_BYTES_MAX { Err(nonsense()) } else { Ok(length) }
    }

    fn identifier(&self) -> [u8; 2] {
        [self.entry[2], self.entry[3]]
    }
}

fn number32(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn nonsense() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

struct Unit {
    kind: u8,
    header: Vec<u8>,
    data: Vec<u8>,
}

/// A connection: one queue.
pub(super) struct Wire {
    stream: TcpStream,
    /// Commands that came while data of another was awaited.
    waiting: VecDeque<Capsule>,
}

impl Wire {
    /// Answers the first unit of a connection.
    pub(super) fn accept(stream: TcpStream) -> io::Result<Self> {
        let mut wire = Self { stream, waiting: VecDeque::new() };
        if wire.unit()?.kind != INITIALIZE {
            return Err(nonsense());
        }
        let mut answer = [0; 128];
        (answer[0], answer[2], answer[4]) = (INITIALIZED, 128, 128);
        answer[12..16].copy_from_slice(&DATA_BYTES_MAX.to_le_bytes());
        wire.stream.write_all(&answer)?;
        Ok(wire)
    }

    fn unit(&mut self) -> io::Result<Unit> {
        let mut begin = [0; 8];
        self.stream.read_exact(&mut begin)?;
        let length = usize::try_from(number32(&begin, 4)).map_err(io::Error::other)?;
        let header_length = usize::from(begin[2]);
        if !(8..=UNIT_BYTES_MAX).contains(&length) || header_length < 8 || header_length > length {
            return Err(nonsense());
        }
        let mut header = vec![0; length];
        header[..8].copy_from_slice(&begin);
        self.stream.read_exact(&mut header[8..])?;
        let data_at = usize::from(begin[3]).max(header_length).min(length);
        let data = header.split_off(data_at);
        Ok(Unit { kind: begin[0], header, data })
    }

    /// The next command.
    pub(super) fn command(&mut self) -> io::Result<Capsule> {
        match self.waiting.pop_front() {
            Some(capsule) => Ok(capsule),
            None => {
                let unit = self.unit()?;
                capsule(unit)
            }
        }
    }

    /// The data that the host sends for a command, in its capsule or when it is asked for.
    pub(super) fn data_of(&mut self, command: &mut Capsule) -> io::Result<Vec<u8>> {
        let length = command.data_bytes()?;
        if command.byte(39) != TRANSPORT_DATA {
            return Ok(std::mem::take(&mut command.inside));
        }
        let mut ask = header(READY_TO_TRANSFER, 0, 0)?;
        ask[8..10].copy_from_slice(&command.identifier());
        ask[10..12].copy_from_slice(&command.identifier());
        ask[16..20].copy_from_slice(&u32::try_from(length).map_err(io::Error::other)?.to_le_bytes());
        self.stream.write_all(&ask)?;
        let (mut data, mut come) = (vec![0; length], 0);
        while come < length {
            let unit = self.unit()?;
            if unit.kind != DATA_FROM_HOST {
                self.waiting.push_back(capsule(unit)?);
                continue;
            }
            let offset = usize::try_from(number32(&unit.header, 12)).map_err(io::Error::other)?;
            let end = offset.checked_add(unit.data.len()).ok_or_else(nonsense)?;
            data.get_mut(offset..end).ok_or_else(nonsense)?.copy_from_slice(&unit.data);
            come += unit.data.len();
        }
        Ok(data)
    }

    /// Sends data of a command to the host.
    pub(super) fn send_data(&mut self, command: &Capsule, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let mut unit = header(DATA_TO_HOST, LAST, data.len())?.to_vec();
        unit[3] = HEADER_BYTES;
        unit[8..10].copy_from_slice(&command.identifier());
        unit[16..20].copy_from_slice(&u32::try_from(data.len()).map_err(io::Error::other)?.to_le_bytes());
        unit.extend_from_slice(data);
        self.stream.write_all(&unit)
    }

    /// Completes a command: the first eight bytes of the completion, and its status field without the phase tag.
    pub(super) fn complete(
        &mut self,
        command: &Capsule,
        queue: u16,
        result: u64,
        status: u16,
    ) -> io::Result<()> {
        let mut unit = header(RESPONSE, 0, 0)?;
        unit[8..16].copy_from_slice(&result.to_le_bytes());
        unit[18..20].copy_from_slice(&queue.to_le_bytes());
        unit[20..22].copy_from_slice(&command.identifier());
        unit[22..24].copy_from_slice(&(status << 1).to_le_bytes());
        self.stream.write_all(&unit)
    }
}

fn capsule(unit: Unit) -> io::Result<Capsule> {
    if unit.kind != COMMAND {
        return Err(nonsense());
    }
    let entry = unit.header.get(8..72).and_then(|entry| entry.try_into().ok()).ok_or_else(nonsense)?;
    Ok(Capsule { entry, inside: unit.data })
}

fn header(kind: u8, flags: u8, data_bytes: usize) -> io::Result<[u8; 24]> {
    let mut header = [0; 24];
    (header[0], header[1], header[2]) = (kind, flags, HEADER_BYTES);
    let length = u32::try_from(data_bytes).map_err(io::Error::other)? + u32::from(HEADER_BYTES);
    header[4..8].copy_from_slice(&length.to_le_bytes());
    Ok(header)
}
