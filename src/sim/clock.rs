//! Time that passes only when a simulated drive says so.

/// A virtual clock: milliseconds since the drive was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SimClock(u64);

impl SimClock {
    /// Milliseconds since the drive was switched on.
    pub const fn elapsed_ms(self) -> u64 {
        self.0
    }

    /// Lets time pass.
    pub const fn advance_ms(&mut self, milliseconds: u64) {
        self.0 = self.0.saturating_add(milliseconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_only_when_told_and_never_wraps() {
        let mut clock = SimClock::default();
        clock.advance_ms(3);
        clock.advance_ms(4);
        assert_eq!(clock.elapsed_ms(), 7);
        clock.advance_ms(u64::MAX);
        assert_eq!(clock.elapsed_ms(), u64::MAX);
    }
}
