//! What a process inherits and which signals reach it.
use std::io;

use nix::sys::signal::{SigHandler, Signal, signal};

/// Marks every descriptor from 3 on close-on-exec, so that worker processes get only what they are handed:
/// a worker that hangs in the kernel must not hold the caller's pipes open.
///
/// # Errors
/// When the kernel has no `close_range` (before Linux 5.11) or refuses it.
pub fn keep_descriptors_from_children() -> io::Result<()> {
    // SAFETY: close_range takes three integers, touches no memory, and with CLOEXEC closes nothing now.
    let answer = unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Closes every descriptor above standard error: what a caller of our caller left open by mistake. To be the
/// first thing that a helper or worker process does, before anything of its own is open.
///
/// # Errors
/// When the kernel has no `close_range` (before Linux 5.9) or refuses it.
pub fn close_inherited() -> io::Result<()> {
    // SAFETY: the call takes no pointer. Nothing in this process owns a descriptor above 2 yet; the contract
    // above says so, and a process that broke it would get EBADF from its own descriptors, not memory errors.
    let answer = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ignores a signal from now on, in this process and its children.
///
/// # Errors
/// When the kernel does not let the signal be ignored.
pub fn ignore(which: Signal) -> io::Result<()> {
    // SAFETY: SIG_IGN installs no handler function, so no code of ours can run in signal context.
    unsafe { signal(which, SigHandler::SigIgn) }.map(|_| ()).map_err(io::Error::from)
}
