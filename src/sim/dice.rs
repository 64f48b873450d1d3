//! Seeded choices. Not for keys: only for deciding what a simulated drive does.

/// A stream of choices that follows from its seed alone (`SplitMix64`: a counter with an odd step, mixed).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts the stream of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        // Step and multipliers are those published with SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to but without `limit`; 0 for a limit of 0.
    pub const fn below(&mut self, limit: u64) -> u64 {
        // The bias of the remainder is below 2^-40 for every limit used here.
        if limit == 0 { 0 } else { self.bits() % limit }
    }

    /// A position in a list of `length` items.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// A number from `low` to `high`, both possible.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True `times` in `of` cases.
    pub const fn chance(&mut self, times: u64, of: u64) -> bool {
        self.below(of) < times
    }

    /// One of the items, or `None` of an empty list.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        if items.is_empty() { None } else { items.get(self.index(items.len())).copied() }
    }

    /// Bytes that mean nothing.
    pub fn noise(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bits = self.bits().to_le_bytes();
            chunk.copy_from_slice(&bits[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        // First outputs for seed 1234567, as in the test data of several independent SplitMix64 programs.
        let mut dice = Dice::new(1_234_567);
        assert_eq!([dice.bits(), dice.bits(), dice.bits()], EXPECTED);
    }

    const EXPECTED: [u64; 3] =
        [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];

    #[test]
    fn limits_hold() {
        let mut dice = Dice::new(1);
        for limit in 1..50 {
            assert!(dice.below(limit) < limit);
            assert!((limit..=limit + 3).contains(&dice.between(limit, limit + 3)));
        }
        assert_eq!(dice.below(0), 0);
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
