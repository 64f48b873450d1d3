//! The worker's side: the process around [`serve`](super::serve).
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::message::{Event, LINE_BYTES_MAX, Opened, Order, Terms};
use super::reins::{Reins, Rider};
use super::serve::{Drive, Teller, Way, serve};
use super::warmth;
use crate::device::{SysRoot, rescan};
use crate::engine::firmware::{News, Watch};
use crate::engine::{Admission, Observer, Phase, Progress};
use crate::io::{Adapter, BlockRead, BlockWrite, channel, reader, writer};
use crate::sys::open::reopen_to_read;
use crate::sys::process::{close_inherited, ignore};
use crate::unit::{BlockCount, RangeSet, Reason, ReasonCode};

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// How often a worker that waits says so, and looks up.
const WAITING_EVERY: Duration = Duration::from_millis(500);

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
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> io::Result<()> {
    let mut drive = Descriptor(io::stdin().as_fd().try_clone_to_owned()?);
    let socket = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    let reins = Arc::new(Reins::default());
    let orders = listen(socket.try_clone()?, Arc::clone(&reins));
    let mut speaker = Speaker::new(socket, reins);
    serve(&mut drive, orders.into_iter(), &mut speaker)
}

/// Reads orders in a thread of its own, so that "stop", a new pace and the end of the parent are seen during a
/// pass.
fn listen(socket: UnixStream, reins: Arc<Reins>) -> Receiver<Order> {
    let (sender, orders) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(socket);
        while let Some(order) = next_order(&mut lines) {
            match order {
                Order::Stop => reins.stop(),
                Order::Pace { bytes_per_second } => reins.set_pace(bytes_per_second),
                Order::Begin(_)
                | Order::Verify(_)
                | Order::Repair(_)
                | Order::Fingerprint(_)
                | Order::Restore(_)
                | Order::Look(_)
                | Order::Command(_)
                | Order::Survey
                | Order::Unlock { .. } => {}
            }
            if sender.send(order).is_err() {
                break;
            }
        }
        // End of file or nonsense: nobody listens any more.
        reins.stop();
    });
    orders
}

fn next_order(lines: &mut BufReader<UnixStream>) -> Option<Order> {
    let mut line = Vec::new();
    let limit = LINE_BYTES_MAX as u64;
    lines.by_ref().take(limit).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
}

/// The drive as it was handed over.
struct Descriptor(OwnedFd);

impl Drive for Descriptor {
    fn writer(&mut self, terms: &Terms) -> io::Result<(Box<dyn BlockWrite>, Adapter)> {
        writer(self.0.try_clone()?, terms.geometry, terms.tuning)
    }

    fn reader(&mut self, terms: &Terms) -> io::Result<(Box<dyn BlockRead>, Adapter, Opened)> {
        let (file, opened) = match reopen_to_read(self.0.as_fd()) {
            Ok(file) => (OwnedFd::from(file), Opened::Anew),
            // Without /proc there is only the descriptor that was handed over; the record says which it was.
            Err(_) => (self.0.try_clone()?, Opened::Before),
        };
        let (port, adapter) = reader(file, terms.geometry, terms.tuning)?;
        Ok((port, adapter, opened))
    }

    fn route(&mut self) -> Way {
        let file = self.0.try_clone().map_err(|error| no_channel(&error))?;
        match channel::open(file) {
            Ok(Some(route)) => Ok(route),
            Ok(None) => Err(Reason::new(
                ReasonCode::FirmwareRefused,
                "the drive takes no commands of its own through this node",
                "attach it directly, not through a bridge, a RAID controller or a virtual disk",
            )),
            Err(error) => Err(no_channel(&error)),
        }
    }

    fn look_again(&mut self, terms: &Terms) -> io::Result<BlockCount> {
        let wanted = terms.geometry.bytes();
        let bytes = rescan::follow(&SysRoot::host(), self.0.as_fd(), wanted)?;
        Ok(terms.geometry.blocks_in(bytes))
    }
}

fn no_channel(error: &io::Error) -> Reason {
    Reason::new(
        ReasonCode::FirmwareRefused,
        format!("the drive cannot be given commands: {error}"),
        "run as root, outside of a container that forbids raw commands",
    )
}

struct Speaker {
    socket: Arc<Mutex<UnixStream>>,
    reins: Arc<Reins>,
    rider: Rider,
    /// Whether the temperature is being read.
    warmth: Warmth,
    told: Option<(Instant, Phase)>,
    waiting_told: Option<Instant>,
    began: Instant,
}

/// Whether a thread reads the temperature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warmth {
    NotRead,
    Read,
}

impl Teller for Speaker {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        warmth::tell(&self.socket, event)
    }

    fn observer(&mut self, terms: &Terms) -> &mut dyn Observer {
        let spent = Duration::from_millis(terms.spent_millis);
        // Asked anew for every pass: the clock of one worker never goes back.
        self.began = Instant::now().checked_sub(spent).unwrap_or_else(Instant::now).min(self.began);
        self.reins.set_commanding(false);
        self.rider.set_pause_limit(Duration::from_secs(terms.rules.pause_seconds));
        if let (Some(thermometer), Warmth::NotRead) = (&terms.thermometer, self.warmth) {
            self.warmth = Warmth::Read;
            let (reins, socket) = (Arc::clone(&self.reins), Arc::clone(&self.socket));
            warmth::watch(thermometer.clone(), &terms.rules, reins, socket);
        }
        self
    }

    fn watch(&mut self, terms: &Terms) -> &mut dyn Watch {
        self.reins.set_commanding(true);
        let spent = Duration::from_millis(terms.spent_millis);
        self.began = Instant::now().checked_sub(spent).unwrap_or_else(Instant::now).min(self.began);
        self
    }
}

impl Watch for Speaker {
    fn now(&mut self) -> Duration {
        self.began.elapsed()
    }

    fn rest(&mut self, time: Duration) {
        Observer::rest(self, time);
    }

    fn should_stop(&mut self) -> bool {
        self.rider.reins().is_stopped()
    }

    fn tell(&mut self, news: &News) {
        self.tell_or_stop(&Event::News(news.clone()));
    }
}

impl Speaker {
    fn new(socket: UnixStream, reins: Arc<Reins>) -> Self {
        Self {
            socket: Arc::new(Mutex::new(socket)),
            rider: Rider::new(Arc::clone(&reins)),
            reins,
            warmth: Warmth::NotRead,
            told: None,
            waiting_told: None,
            began: Instant::now(),
        }
    }

    /// An event that only matters to somebody who listens.
    fn tell_or_stop(&mut self, event: &Event) {
        if Teller::tell(self, event).is_err() {
            self.rider.reins().stop();
        }
    }
}

impl Observer for Speaker {
    fn progress(&mut self, progress: Progress) {
        let now = Instant::now();
        let recent =
            |(at, phase): (Instant, Phase)| phase == progress.at && now.duration_since(at) < PROGRESS_EVERY;
        if !self.told.is_some_and(recent) {
            self.told = Some((now, progress.at));
            self.tell_or_stop(&Event::Progress(progress));
        }
    }

    fn should_stop(&mut self) -> bool {
        self.rider.reins().is_stopped()
    }

    fn now(&mut self) -> Duration {
        self.began.elapsed()
    }

    fn rest(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while !Observer::should_stop(self) {
            let now = Instant::now();
            if self.waiting_told.is_none_or(|told| now.duration_since(told) >= WAITING_EVERY) {
                self.waiting_told = Some(now);
                self.tell_or_stop(&Event::Waiting);
            }
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(WAITING_EVERY));
        }
    }

    fn admit(&mut self, bytes: u64) -> Admission {
        let now = Observer::now(self);
        self.rider.admit(now, bytes)
    }

    fn checkpoint(&mut self, pass: u32, written: RangeSet) {
        self.tell_or_stop(&Event::Checkpoint { pass, written });
    }
}
