//! Which of the blocks that were written before an interruption are read again before going on, and what follows.
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::carry_out::{Broken, Talk};
use crate::certificate::record::{Probe, WentOn};
use crate::unit::{BlockCount, Lba, LbaRange, Pattern, RangeSet};

/// Blocks drawn at random.
const DRAWS: u64 = 64;

/// Blocks at the end of what was written: what a lost cache would have held.
const LAST: u64 = 64;

/// What a drive answers where a zone was reset and not written since: zeros, or ones in every bit (NVM Command Set, DLFEAT).
const BLANK: [u8; 2] = [0x00, 0xFF];

impl Talk<'_> {
    /// Reads blocks that hold the pattern of this pass, or of a later one: the worker may have been ahead of the journal,
    /// and what a later pass has begun to write is no stranger's. A later pattern that the pass before had too does
    /// not count: blocks that hold it may be those on which this pass was lost. Nor does a blank block count in zones that the
    /// later pass may have `reset`, neither as right nor as wrong: it tells nothing.
    pub(super) fn probe(
        &mut self,
        patterns: &[Pattern],
        pass: usize,
        chosen: RangeSet,
        reset: &RangeSet,
    ) -> Result<Probe, Broken> {
        let (mut found, mut wrong) = (Probe::default(), chosen);
        let before = pass.checked_sub(1).and_then(|before| patterns.get(before));
        for pattern in patterns.iter().skip(pass).filter(|pattern| Some(*pattern) != before) {
            let right = self.compare(pattern, &mut wrong, &mut found)?;
            found.read += right;
        }
        let mut blank = wrong.intersection(reset);
        wrong.subtract(&blank);
        for byte in BLANK {
            let _telling_nothing = self.compare(&Pattern::byte(byte), &mut blank, &mut found)?;
        }
        wrong.extend(&blank);
        found.read += wrong.count();
        found.wrong = wrong;
        Ok(found)
    }

    /// Reads blocks of which only those stay that hold something else than the pattern; how many hold it.
    fn compare(
        &mut self,
        pattern: &Pattern,
        blocks: &mut RangeSet,
        found: &mut Probe,
    ) -> Result<BlockCount, Broken> {
        if blocks.is_empty() {
            return Ok(BlockCount::ZERO);
        }
        let (read, settled) = self.read(pattern, std::mem::take(blocks), None)?;
        self.settled(settled)?;
        found.read += read.tally.unreadable.count();
        found.unreadable.extend(&read.tally.unreadable);
        *blocks = read.tally.mismatched;
        Ok(read.tally.matched)
    }
}

/// Blocks of `written`, drawn with this seed: random ones, the first and the last of them.
pub(super) fn choose(written: &RangeSet, seed: &[u8; 32]) -> RangeSet {
    let mut chosen = RangeSet::new();
    let total = written.count().0;
    if total == 0 {
        return chosen;
    }
    let mut random = ChaCha20Rng::from_seed(*seed);
    // Without rejection of the last, incomplete stretch: one block in 2^40 is drawn a little more often.
    let drawn = (0..DRAWS).map(|_| random.next_u64() % total);
    let ends = [0].into_iter().chain(total.saturating_sub(LAST)..total);
    for number in drawn.chain(ends) {
        chosen.extend(&nth(written, number).and_then(LbaRange::single).into_iter().collect());
    }
    chosen
}

/// The block of this number in a set, from 0.
fn nth(set: &RangeSet, number: u64) -> Option<Lba> {
    let mut left = number;
    for range in set.ranges() {
        if left < range.count().0 {
            return Some(Lba(range.first().0 + left));
        }
        left -= range.count().0;
    }
    None
}

/// Where the job goes on: `anew` when a block is not what was written. One that cannot be read tells nothing about the
/// others; the verification will find it.
pub(super) fn judge(found: &Probe, anew: WentOn) -> WentOn {
    let nothing = found.read == found.unreadable.count() && !found.unreadable.is_empty();
    if found.wrong.is_empty() && !nothing { WentOn::There } else { anew }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u64, u64)]) -> RangeSet {
        ranges.iter().filter_map(|&(first, count)| LbaRange::new(Lba(first), BlockCount(count))).collect()
    }

    #[test]
    fn what_is_chosen_was_written_and_has_both_ends() {
        let written = set(&[(10, 5), (1000, 100_000), (500_000, 3)]);
        let chosen = choose(&written, &[7; 32]);
        let mut outside = chosen.clone();
        outside.subtract(&written);
        assert!(outside.is_empty(), "{outside:?}");
        assert_eq!((chosen.first(), chosen.last()), (Some(Lba(10)), Some(Lba(500_002))));
        assert!((100..=129).contains(&chosen.count().0), "{}", chosen.count());
        assert_ne!(chosen, choose(&written, &[8; 32]), "another seed, other blocks");
        assert_eq!(choose(&set(&[(3, 1)]), &[1; 32]), set(&[(3, 1)]));
        assert!(choose(&set(&[]), &[1; 32]).is_empty());
    }

    #[test]
    fn one_wrong_block_begins_anew_and_an_unreadable_one_does_not() {
        let found = |right, wrong: &[(u64, u64)], lost: &[(u64, u64)]| {
            let (wrong, unreadable) = (set(wrong), set(lost));
            Probe { read: BlockCount(right) + wrong.count() + unreadable.count(), wrong, unreadable }
        };
        assert_eq!(judge(&found(10, &[], &[]), WentOn::PassAnew), WentOn::There);
        assert_eq!(judge(&found(9, &[(4, 1)], &[]), WentOn::PassAnew), WentOn::PassAnew);
        assert_eq!(judge(&found(9, &[(4, 1)], &[]), WentOn::JobAnew), WentOn::JobAnew);
        assert_eq!(judge(&found(9, &[], &[(4, 1)]), WentOn::PassAnew), WentOn::There);
        let nothing = judge(&found(0, &[], &[(4, 1)]), WentOn::PassAnew);
        assert_eq!(nothing, WentOn::PassAnew, "nothing shows that it holds");
    }
}
