//! What the kernel knows about its own clock.

/// Whether the kernel considers the wall clock synchronized (by NTP, PTP or another discipline); `None` when it
/// does not say.
pub fn synchronized() -> Option<bool> {
    // SAFETY: an all-zero timex is valid: integers only, and modes 0 asks without changing anything.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: timex is a live, exclusively borrowed structure of the kernel's own layout.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    (state >= 0).then_some(state != libc::TIME_ERROR)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_kernel_answers() {
        assert!(super::synchronized().is_some());
    }
}
