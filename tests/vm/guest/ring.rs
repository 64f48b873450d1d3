//! The ring of commands that `target_core_user` shares with the program behind a SCSI disk. Offsets are those of
//! `linux/target_core_user.h`; the request part of an entry is not packed.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use expunge::sys::mapping::Mapping;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const MAILBOX_FLAGS: usize = 0;
const RING_OFFSET: usize = 4;
const RING_BYTES: usize = 8;
const HEAD: usize = 12;
const TAIL: usize = 64;

/// `TCMU_MAILBOX_FLAG_CAP_READ_LEN`, in the upper half of the first word.
const TELLS_READ_LENGTH: u32 = 2 << 16;

const OPERATION_PAD: u32 = 0;
const OPERATION_COMMAND: u32 = 1;
const FLAG_UNKNOWN_OPERATION: u8 = 1;
const FLAG_READ_LENGTH: u8 = 2;
const SENSE_BYTES: usize = 96;

/// A command, with the places of its data.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) block: Vec<u8>,
    pieces: Vec<(usize, usize)>,
}

/// What the drive answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u8,
    pub(crate) sense: Vec<u8>,
    /// Data for the host, as many bytes as the drive sent.
    pub(crate) data: Vec<u8>,
}

impl Command {
    /// Bytes of the data phase.
    pub(crate) fn data_bytes(&self) -> usize {
        self.pieces.iter().map(|(_, length)| length).sum()
    }
}

pub(crate) struct Ring {
    device: File,
    shared: Mapping,
    begin: usize,
    length: usize,
}

impl Ring {
    /// Opens a UIO device by name (`uio0`).
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open(Path::new("/dev").join(name))?;
        let size = fs::read_to_string(format!("/sys/class/uio/{name}/maps/map0/size"))?;
        let size = usize::from_str_radix(size.trim().trim_start_matches("0x"), 16);
        let shared = Mapping::new(device.as_fd(), size.map_err(io::Error::other)?)?;
        let (begin, length) = (index(shared.load(RING_OFFSET)?)?, index(shared.load(RING_BYTES)?)?);
        if shared.load(MAILBOX_FLAGS)? & TELLS_READ_LENGTH == 0 {
            return Err(io::Error::other("this kernel takes no length of short answers"));
        }
        Ok(Self { device, shared, begin, length })
    }

    /// Waits for commands and has them answered, for ever.
    pub(crate) fn serve(
        &mut self,
        mut answer: impl FnMut(&Self, &Command) -> io::Result<Answer>,
    ) -> io::Result<()> {
        loop {
            let mut some = false;
            while self.shared.load(HEAD)? != self.shared.load(TAIL)? {
                self.take(&mut answer)?;
                some = true;
            }
            if some {
                self.device.write_all(&0_u32.to_ne_bytes())?;
            }
            poll(&mut [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
            self.device.read_exact(&mut [0; 4])?;
        }
    }

    fn take(&self, answer: &mut impl FnMut(&Self, &Command) -> io::Result<Answer>) -> io::Result<()> {
        let tail = index(self.shared.load(TAIL)?)?;
        let entry = self.begin + tail;
        let header = self.shared.load(entry)?;
        let entry_bytes = index(header & !7)?;
        if entry_bytes == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match header & 7 {
            OPERATION_PAD => {}
            OPERATION_COMMAND => {
                let command = self.command(entry)?;
                let answer = answer(self, &command)?;
                self.complete(entry, &command, &answer)?;
            }
            _ => self.shared.write(entry + 7, &[FLAG_UNKNOWN_OPERATION])?,
        }
        let next = (tail + entry_bytes) % self.length;
        self.shared.store(TAIL, u32::try_from(next).map_err(io::Error::other)?)
    }

    fn command(&self, entry: usize) -> io::Result<Command> {
        let count = index(self.shared.load(entry + 8)?)?;
        let mut block = vec![0; 16];
        let place = self.number(entry + 24)?;
        self.shared.read(place, &mut block[..1])?;
        // SPC: the upper three bits of the operation code give the length. LIO lets no others through.
        block.resize(
            match block[0] >> 5 {
                0 => 6,
                1 | 2 => 10,
                5 => 12,
                _ => 16,
            },
            0,
        );
        self.shared.read(place, &mut block)?;
        let piece = |number: usize| {
            let at = entry + 48 + number * 16;
            Ok((self.number(at)?, self.number(at + 8)?))
        };
        Ok(Command { block, pieces: (0..count).map(piece).collect::<io::Result<_>>()? })
    }

    /// The data that came with a command.
    pub(crate) fn data(&self, command: &Command) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        for (offset, length) in &command.pieces {
            let begin = data.len();
            data.resize(begin + length, 0);
            self.shared.read(*offset, &mut data[begin..])?;
        }
        Ok(data)
    }

    fn complete(&self, entry: usize, command: &Command, answer: &Answer) -> io::Result<()> {
        let mut rest = &answer.data[..];
        for (offset, length) in &command.pieces {
            let (now, later) = rest.split_at((*length).min(rest.len()));
            self.shared.write(*offset, now)?;
            rest = later;
        }
        let mut response = [0; 8 + SENSE_BYTES];
        response[0] = answer.status;
        if !answer.data.is_empty() {
            let moved = command.data_bytes().min(answer.data.len());
            response[4..8].copy_from_slice(&u32::try_from(moved).map_err(io::Error::other)?.to_le_bytes());
            self.shared.write(entry + 7, &[FLAG_READ_LENGTH])?;
        }
        let sense = answer.sense.len().min(SENSE_BYTES);
        response[8..8 + sense].copy_from_slice(&answer.sense[..sense]);
        self.shared.write(entry + 8, &response)
    }

    fn number(&self, offset: usize) -> io::Result<usize> {
        let mut bytes = [0; 8];
        self.shared.read(offset, &mut bytes)?;
        usize::try_from(u64::from_le_bytes(bytes)).map_err(io::Error::other)
    }
}

fn index(value: u32) -> io::Result<usize> {
    usize::try_from(value).map_err(io::Error::other)
}
