//! A message and an open descriptor from one process to another over a Unix stream socket.
//!
//! JUSTIFICATION: a received descriptor arrives as a number that only this code may own.
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// Longest message, in bytes: facts of one drive take a few thousand.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Sends all of `message`, and `descriptor` with its first byte.
///
/// # Errors
/// As `sendmsg(2)`; an empty message cannot carry a descriptor and is refused.
pub fn send(socket: BorrowedFd<'_>, message: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    if message.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an empty message cannot be sent"));
    }
    let raw: Vec<RawFd> = descriptor.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let mut rights: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let mut rest = message;
    while !rest.is_empty() {
        let slices = [IoSlice::new(rest)];
        let sent = sendmsg::<()>(socket.as_raw_fd(), &slices, rights, MsgFlags::MSG_NOSIGNAL, None)?;
        rest = &rest[sent..];
        rights = &[];
    }
    Ok(())
}

/// What arrived before the sender closed its end.
#[derive(Debug)]
pub struct Received {
    /// All bytes.
    pub message: Vec<u8>,
    /// The descriptors that came with them; they close on execution of a program.
    pub descriptors: Vec<OwnedFd>,
}

/// Receives until the sender closes its end.
///
/// # Errors
/// `TimedOut` when that takes longer than `deadline`; otherwise as `recvmsg(2)`.
pub fn receive(socket: BorrowedFd<'_>, deadline: Instant) -> io::Result<Received> {
    let mut received = Received { message: Vec::new(), descriptors: Vec::new() };
    loop {
        wait_readable(socket, deadline)?;
        let mut chunk = vec![0; 64 << 10];
        let mut control = nix::cmsg_space!([RawFd; 4]);
        let mut slices = [IoSliceMut::new(&mut chunk)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let got = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
        for part in got.cmsgs()? {
            if let ControlMessageOwned::ScmRights(descriptors) = part {
                // SAFETY: the kernel has just made these descriptors for us; nobody else knows their numbers.
                received
                    .descriptors
                    .extend(descriptors.iter().map(|raw| unsafe { OwnedFd::from_raw_fd(*raw) }));
            }
        }
        let bytes = got.bytes;
        if bytes == 0 {
            return Ok(received);
        }
        received.message.extend_from_slice(&chunk[..bytes]);
        if received.message.len() > MESSAGE_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the message has no end"));
        }
    }
}

/// Receives what one read gives, without descriptors.
///
/// # Errors
/// `TimedOut` past the deadline; `UnexpectedEof` when the sender closed its end without a word.
pub fn receive_some(socket: BorrowedFd<'_>, deadline: Instant) -> io::Result<Vec<u8>> {
    wait_readable(socket, deadline)?;
    let mut chunk = vec![0; 4096];
    let bytes = nix::unistd::read(socket, &mut chunk)?;
    chunk.truncate(bytes);
    if bytes == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(chunk) }
}

fn wait_readable(socket: BorrowedFd<'_>, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left == Duration::ZERO {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // One millisecond more, so that the last round does not spin with a timeout rounded down to zero.
        let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(socket, PollFlags::POLLIN)], timeout) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_descriptor_travels_with_a_long_message() {
        let (sender, receiver) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"the same open file").unwrap();
        file.rewind().unwrap();
        let message = vec![7; 300_000];
        let sending = std::thread::spawn({
            let message = message.clone();
            move || send(sender.as_fd(), &message, Some(file.as_fd())).unwrap()
        });
        let got = receive(receiver.as_fd(), Instant::now() + Duration::from_secs(20)).unwrap();
        sending.join().unwrap();
        assert_eq!(got.message, message);
        let [descriptor] = <[OwnedFd; 1]>::try_from(got.descriptors).unwrap();
        let mut text = String::new();
        std::fs::File::from(descriptor).read_to_string(&mut text).unwrap();
        assert_eq!(text, "the same open file");
    }

    #[test]
    fn a_silent_sender_is_given_up_on_at_the_deadline() {
        let (_sender, receiver) = UnixStream::pair().unwrap();
        let begin = Instant::now();
        let error = receive(receiver.as_fd(), begin + Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() >= Duration::from_millis(50));
    }
}
