//! Which of the blocks that were written before an interruption are read again before going on, and what follows.
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use crate::certificate::record::{Probe, WentOn};
use crate::unit::{Lba, LbaRange, RangeSet};

/// Blocks drawn at random.
const DRAWS: u64 = 64;

/// Blocks at the end of what was written: what a lost cache would have held.
const LAST: u64 = 64;

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
    use crate::unit::BlockCount;

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
