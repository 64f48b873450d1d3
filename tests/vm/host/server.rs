//! What both servers of drives have: a port of their own on the loopback address, and one thread a connection. The
//! machine reaches the host's loopback address as 10.0.2.2.
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A server; it ends when it is dropped, and the connections end with their machine.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves each connection by a call of its own; an error ends that connection only.
    pub(crate) fn start(
        serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let ending = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ending);
        let serve = Arc::new(serve);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let serve = Arc::clone(&serve);
                thread::spawn(move || {
                    let nodelay = stream.set_nodelay(true);
                    // The other side is a machine that may be killed at any time: an end like any other.
                    let _end = nodelay.and_then(|()| serve(stream));
                });
            }
        });
        Ok(Self { address, ending, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Wakes the thread, which is waiting for a connection.
        let _woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(accepting) = self.accepting.take() {
            let _ended = accepting.join();
        }
    }
}

/// Real time, given out in pieces: a drive's virtual time runs ahead during a command that takes long, and goes on
/// from there.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<Instant>);

impl Pace {
    /// From now on.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// Whole milliseconds since the last piece; what is less is left for the next.
    pub(crate) fn piece(&self) -> Duration {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = last.elapsed();
        let whole = since - Duration::from_nanos(u64::from(since.subsec_nanos() % 1_000_000));
        *last += whole;
        whole
    }
}
