//! The parent's view of one worker.
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::message::{Event, LINE_BYTES_MAX, Order};
use crate::device::procfs::process_state;

/// How long a worker may leave an order unread.
const ORDER_PATIENCE: Duration = Duration::from_secs(60);

/// How a worker process is started.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable: our own, by the path the kernel knows it under.
    pub path: PathBuf,
    /// Arguments that make it a worker.
    pub arguments: Vec<String>,
}

impl Program {
    /// Our own executable as a worker. The path names the running file even when it was replaced meanwhile.
    pub fn own() -> Self {
        Self { path: "/proc/self/exe".into(), arguments: vec!["__worker".into()] }
    }
}

/// The parent's end of a conversation with whatever works on a drive.
pub trait Link {
    /// Sends an order.
    ///
    /// # Errors
    /// When the other side is gone.
    fn order(&mut self, order: &Order) -> io::Result<()>;

    /// Waits for the next event, at most as long as said.
    fn next(&mut self, wait: Duration) -> Report;

    /// Who works there, and what it is seen to be doing, in words for people.
    fn whereabouts(&self) -> String;
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    socket: UnixStream,
    lines: BufReader<UnixStream>,
    partial: Vec<u8>,
}

/// What came from a worker.
#[derive(Debug)]
pub enum Report {
    /// An event.
    Event(Event),
    /// Nothing within the time.
    Silence,
    /// The worker has ended, or talks nonsense; there will be nothing more.
    End(String),
}

impl Worker {
    /// Starts a worker on a drive. It inherits the drive and its end of the socket, nothing else: descriptors
    /// of ours are close-on-exec (see [`crate::sys::process::keep_descriptors_from_children`]).
    ///
    /// # Errors
    /// When no process or socket can be made.
    pub fn start(program: &Program, drive: BorrowedFd<'_>) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // A worker always reads its orders; one that was frozen from outside must not freeze its parent.
        ours.set_write_timeout(Some(ORDER_PATIENCE))?;
        let child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(drive.try_clone_to_owned()?))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let lines = BufReader::new(ours.try_clone()?);
        Ok(Self { child, socket: ours, lines, partial: Vec::new() })
    }

    fn line(&mut self) -> Report {
        let line = std::mem::take(&mut self.partial);
        let Some(line) = line.strip_suffix(b"\n") else {
            return Report::End(self.epitaph());
        };
        match serde_json::from_slice(line) {
            Ok(event) => Report::Event(event),
            Err(error) => Report::End(format!("the worker process said something unknown: {error}")),
        }
    }

    fn epitaph(&mut self) -> String {
        let id = self.child.id();
        // Its socket closes a moment before the process can be waited for.
        wait_at_most(&mut self.child, Duration::from_secs(1));
        match self.child.try_wait() {
            Ok(Some(status)) => format!("the worker process {id} ended: {status}"),
            Ok(None) => format!("the worker process {id} closed its socket"),
            Err(error) => format!("the worker process {id} cannot be waited for: {error}"),
        }
    }

    /// Leaves the worker to a command of the drive that it must not be torn away from. It ends by itself when that is over:
    /// nobody listens to it any more.
    pub fn leave(self) {}

    /// Ends the conversation and gives the worker a moment to leave; after it the worker is killed. One that hangs in
    /// the kernel survives even that and is left behind: it keeps the drive claimed, and nothing of ours.
    /// `dying` is how long one that was killed is waited for.
    pub fn finish(mut self, patience: Duration, dying: Duration) -> Farewell {
        drop(self.lines);
        drop(self.socket);
        if wait_at_most(&mut self.child, patience) {
            return Farewell::Left;
        }
        // What cannot be killed is not waited for.
        let _sent = self.child.kill();
        if wait_at_most(&mut self.child, dying) {
            return Farewell::Left;
        }
        Farewell::Stuck { whereabouts: whereabouts(self.child.id()) }
    }
}

/// How a worker went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It has ended.
    Left,
    /// It is stuck in the kernel, and was left behind.
    Stuck {
        /// Who it is, and what it is seen to be doing, in words for people.
        whereabouts: String,
    },
}

impl Link for Worker {
    fn order(&mut self, order: &Order) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.socket.write_all(&line)
    }

    fn next(&mut self, wait: Duration) -> Report {
        if let Err(error) = self.socket.set_read_timeout(Some(wait)) {
            return Report::End(error.to_string());
        }
        // At most one byte beyond the limit is ever held, so a broken worker cannot fill the memory.
        let room = (LINE_BYTES_MAX - self.partial.len().min(LINE_BYTES_MAX)) as u64;
        match self.lines.by_ref().take(room).read_until(b'\n', &mut self.partial) {
            Ok(_) => self.line(),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => {
                    Report::Silence
                }
                _ => Report::End(error.to_string()),
            },
        }
    }

    fn whereabouts(&self) -> String {
        whereabouts(self.child.id())
    }
}

fn whereabouts(id: u32) -> String {
    match process_state(id) {
        Some(state) => format!("the worker process {id} ({state})"),
        None => format!("the worker process {id}"),
    }
}

/// Waits for the end of a process, but not for ever; whether it has ended.
fn wait_at_most(child: &mut Child, patience: Duration) -> bool {
    let step = Duration::from_millis(10);
    let mut waited = Duration::ZERO;
    while matches!(child.try_wait(), Ok(None)) {
        if waited >= patience {
            return false;
        }
        std::thread::sleep(step);
        waited += step;
    }
    true
}
