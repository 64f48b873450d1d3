//! The worker's side.
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::message::{Begin, Ended, Event, LINE_BYTES_MAX, Order, Verify};
use crate::engine::{Observer, Phase, Progress, Settled, write_pass};
use crate::io::{reader, writer};
use crate::sys::process::{close_inherited, ignore};
use crate::unit::Pattern;
use crate::verify::read_back;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Runs the worker on descriptor 0 (the drive) and descriptor 1 (the parent).
pub fn main() -> ExitCode {
    if close_inherited().is_err() {
        return ExitCode::FAILURE;
    }
    // The parent decides when to stop: a Ctrl-C or a lost terminal reaches the whole session.
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE] {
        if ignore(signal).is_err() {
            return ExitCode::FAILURE;
        }
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve() -> io::Result<()> {
    let drive = io::stdin().as_fd().try_clone_to_owned()?;
    let socket = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    let stop = Arc::new(AtomicBool::new(false));
    let orders = listen(socket.try_clone()?, Arc::clone(&stop));
    let mut teller = Teller { socket, stop, told: None };
    for order in orders {
        let result = match order {
            Order::Begin(begin) => write_all_passes(&drive, &begin, &mut teller),
            Order::Verify(verify) => verify_drive(&drive, &verify, &mut teller),
            Order::Stop => Ok(()),
        };
        if let Err(error) = result {
            teller.tell(&Event::Broken { text: error.to_string() })?;
            return Err(error);
        }
    }
    Ok(())
}

/// Reads orders in a thread of its own, so that "stop" and the end of the parent are seen during a pass.
fn listen(socket: UnixStream, stop: Arc<AtomicBool>) -> Receiver<Order> {
    let (sender, orders) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(socket);
        while let Some(order) = next_order(&mut lines) {
            if order == Order::Stop {
                stop.store(true, Ordering::Relaxed);
            }
            if sender.send(order).is_err() {
                break;
            }
        }
        // End of file or nonsense: nobody listens any more.
        stop.store(true, Ordering::Relaxed);
    });
    orders
}

fn next_order(lines: &mut BufReader<UnixStream>) -> Option<Order> {
    let mut line = Vec::new();
    let limit = LINE_BYTES_MAX as u64;
    lines.by_ref().take(limit).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
}

fn write_all_passes(drive: &OwnedFd, begin: &Begin, teller: &mut Teller) -> io::Result<()> {
    let (mut port, adapter) = writer(drive.try_clone()?, begin.geometry, begin.tuning)?;
    teller.tell(&Event::Ready { adapter })?;
    let mut buffers = port.take_buffers();
    for (index, pattern) in (0u32..).zip(&begin.passes) {
        let end = write_pass(port.as_mut(), &mut buffers, index, pattern, teller)?;
        teller.tell(&Event::Pass { tally: end.tally, settled: end.settled.into() })?;
        if end.settled != Settled::Complete {
            break;
        }
    }
    Ok(())
}

fn verify_drive(drive: &OwnedFd, verify: &Verify, teller: &mut Teller) -> io::Result<()> {
    let Verify { geometry, tuning, pattern, wanted } = verify;
    let (mut port, adapter) = reader(drive.try_clone()?, *geometry, *tuning)?;
    teller.tell(&Event::Ready { adapter })?;
    let mut buffers = port.take_buffers();
    let pattern: &Pattern = pattern;
    let end = read_back(port.as_mut(), &mut buffers, pattern, wanted, teller)?;
    teller.tell(&Event::Verified { tally: end.tally, settled: end.settled.into() })
}

struct Teller {
    socket: UnixStream,
    stop: Arc<AtomicBool>,
    told: Option<(Instant, Phase)>,
}

impl Teller {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.socket.write_all(&line)
    }
}

impl Observer for Teller {
    fn progress(&mut self, progress: Progress) {
        let now = Instant::now();
        let recent =
            |(at, phase): (Instant, Phase)| phase == progress.at && now.duration_since(at) < PROGRESS_EVERY;
        if !self.told.is_some_and(recent) {
            self.told = Some((now, progress.at));
            if self.tell(&Event::Progress(progress)).is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    fn should_stop(&mut self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl From<Settled> for Ended {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Complete => Self::Complete,
            Settled::Stopped => Self::Stopped,
            Settled::Gone(fault) => Self::Gone { fault },
            Settled::GivenUp(fault) => Self::GivenUp { fault },
        }
    }
}
