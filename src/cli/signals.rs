//! Signals during a job: a lost terminal does not stop it, a termination does, and Ctrl-C on a terminal asks
//! first.
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};

use crate::sys::process::ignore;

/// A second Ctrl-C within this time stops the jobs.
const SECOND_WITHIN: Duration = Duration::from_secs(5);

/// From now on SIGHUP is ignored, and SIGINT and SIGTERM set `stop` instead of ending the process. To be called
/// before other threads are started: they inherit what is blocked.
///
/// # Errors
/// When the kernel does not let signals be blocked.
pub fn watch(stop: &'static AtomicBool) -> io::Result<()> {
    for lost in [Signal::SIGHUP, Signal::SIGPIPE] {
        ignore(lost)?;
    }
    let mut watched = SigSet::empty();
    watched.add(Signal::SIGINT);
    watched.add(Signal::SIGTERM);
    watched.thread_block()?;
    std::thread::spawn(move || {
        let mut asked: Option<Instant> = None;
        while let Ok(signal) = watched.wait() {
            let repeated = asked.is_some_and(|at| at.elapsed() < SECOND_WITHIN);
            if signal == Signal::SIGTERM || !io::stderr().is_terminal() || repeated {
                stop.store(true, Ordering::Relaxed);
                say("stopping: waiting for what is in flight; each drive gets a record of an aborted job");
            } else {
                asked = Some(Instant::now());
                say(
                    "a drive whose job is stopped is NOT sanitized; press Ctrl-C again within five seconds to stop",
                );
            }
        }
    });
    Ok(())
}

fn say(text: &str) {
    let _unseen = writeln!(io::stderr(), "expunge: {text}");
}
