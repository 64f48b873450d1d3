//! Canaries without writing: existing blocks whose fingerprints are taken before a command of the drive, and looked for
//! after it. The content of a block stays in the worker; the key and the fingerprints are kept in the journal, because a
//! job that is gone on with has to compare still.
use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::carry_out::{Broken, Talk};
use super::commanding::random;
use super::course::Marks;
use super::ending::lost;
use crate::certificate::time::UtcTime;
use crate::plan::Rules;
use crate::unit::{BlockCount, Digest, Fingerprint, FingerprintKey, Lba, LbaRange, Pattern, Print, RangeSet};
use crate::verify::{Fingerprints, Prints, VerificationTally};
use crate::worker::message::{Ended, TakePrints};
use crate::worker::{Event, Order};

/// So many times as many blocks are looked at as are wanted, before a drive is taken to hold too little that tells.
const LOOKS: u64 = 32;

impl Talk<'_> {
    /// Takes the fingerprints of up to `wanted` blocks that tell something, twice: only what reads the same twice can be seen
    /// to have changed. Looked at are the first block, the last, and random ones, more of them where many are blank.
    pub(super) fn fingerprint(
        &mut self,
        unit: Option<String>,
        wanted: u32,
    ) -> Result<(Marks, Fingerprints), Broken> {
        let capacity = self.geometry().capacity;
        let mut key = [0; 32];
        random(&mut key)?;
        let mut draws = Draws::new(capacity, &key);
        random(&mut key)?;
        let key = FingerprintKey(key);
        let mut survey = Survey::new(capacity, u64::from(wanted).min(capacity.0));
        let mut next = u64::from(wanted);
        while let Some(blocks) = draws.next(next.min(survey.looks_left())) {
            let (prints, settled) = self.take_prints(&key, &set_of(&blocks))?;
            let whole = survey.add(&blocks, &prints);
            if self.is_given_up(settled)? {
                break;
            }
            if !whole {
                return Err(Broken(lost("the worker process read other blocks than it was told to".into())));
            }
            if survey.is_over() {
                break;
            }
            next = next.saturating_mul(2);
        }
        let Survey { telling, mut taken, .. } = survey;
        let (again, settled) = self.take_prints(&key, &set_of(&lbas(&telling)))?;
        self.is_given_up(settled)?;
        let steady: Vec<Print> =
            telling.iter().filter(|print| again.prints.contains(print)).copied().collect();
        taken.left_by_job = self.commands_anew;
        taken.unsteady = BlockCount((telling.len() - steady.len()) as u64);
        let mut prints = steady;
        prints.sort_by_key(|print| print.lba);
        Ok((Marks { unit, key, prints }, taken))
    }

    /// Looks for canaries after a command, by what was written or by the fingerprints: what is found has survived. When it was
    /// over, and how it ended.
    pub(super) fn look_for(
        &mut self,
        pattern: Option<&Pattern>,
        marks: Option<&Marks>,
        planted: &RangeSet,
    ) -> Result<(VerificationTally, UtcTime, Ended), Broken> {
        match (pattern, marks) {
            (Some(pattern), _) => {
                let (read, settled) = self.read(pattern, planted.clone(), None)?;
                Ok((read.tally, read.ended, settled))
            }
            (None, Some(marks)) if marks.blocks() == *planted => self.find(marks),
            (None, _) => Err(Broken(lost("what the canaries are known by is not in the journal".into()))),
        }
    }

    fn find(&mut self, marks: &Marks) -> Result<(VerificationTally, UtcTime, Ended), Broken> {
        let wanted = marks.blocks();
        let (found, settled) = self.take_prints(&marks.key, &wanted)?;
        let known: BTreeMap<Lba, Fingerprint> =
            marks.prints.iter().map(|print| (print.lba, print.mac)).collect();
        let (same, other): (Vec<Print>, Vec<Print>) =
            found.prints.iter().partition(|print| known.get(&print.lba) == Some(&print.mac));
        let mismatched = set_of(&lbas(&other));
        let matched = BlockCount(same.len() as u64);
        let read = matched + mismatched.count() + found.unreadable.count();
        let tally = VerificationTally {
            wanted: wanted.count(),
            matched,
            mismatched,
            unreadable: found.unreadable,
            not_read: self.geometry().capacity.saturating_sub(read),
            wanted_digest: Digest::of_json(&wanted),
        };
        Ok((tally, self.now(), settled))
    }

    /// Whether a rule ended a reading before a command. That ends no job: what was not read tells nothing, and the drive is
    /// not asked any further.
    fn is_given_up(&self, settled: Ended) -> Result<bool, Broken> {
        match settled {
            Ended::GivenUp { .. } => Ok(true),
            Ended::Complete | Ended::Stopped | Ended::Gone { .. } | Ended::Refused { .. } => {
                self.settled(settled).map(|()| false)
            }
        }
    }

    /// The fingerprints of blocks under a key.
    fn take_prints(&mut self, key: &FingerprintKey, wanted: &RangeSet) -> Result<(Prints, Ended), Broken> {
        if wanted.is_empty() {
            return Ok((Prints::default(), Ended::Complete));
        }
        let mut terms = self.terms();
        // One that cannot be read is no canary: it is not worth a second try.
        terms.rules = Rules { retries: 0, ..terms.rules };
        self.order(&Order::Fingerprint(TakePrints { terms, key: key.clone(), wanted: wanted.clone() }))?;
        loop {
            match self.hear()? {
                Event::Fingerprinted { prints, settled } => {
                    let read = set_of(&lbas(&prints.prints));
                    let twice = read.count().0 != prints.prints.len() as u64
                        || read.intersection(&prints.unreadable).count() != BlockCount::ZERO;
                    let mut foreign = read;
                    foreign.extend(&prints.unreadable);
                    foreign.subtract(wanted);
                    if twice || !foreign.is_empty() {
                        let text = "the worker process read other blocks than it was told to";
                        return Err(Broken(lost(text.into())));
                    }
                    return Ok((prints, settled));
                }
                other => self.unexpected(other)?,
            }
        }
    }
}

fn lbas(prints: &[Print]) -> Vec<Lba> {
    prints.iter().map(|print| print.lba).collect()
}

fn set_of(blocks: &[Lba]) -> RangeSet {
    blocks.iter().filter_map(|lba| LbaRange::single(*lba)).collect()
}

/// Blocks in the order in which they are looked at, none twice.
struct Draws {
    capacity: BlockCount,
    seen: BTreeSet<Lba>,
    random: ChaCha20Rng,
}

impl Draws {
    fn new(capacity: BlockCount, seed: &[u8; 32]) -> Self {
        Self { capacity, seen: BTreeSet::new(), random: ChaCha20Rng::from_seed(*seed) }
    }

    /// The next blocks; `None` when there are none left.
    fn next(&mut self, count: u64) -> Option<Vec<Lba>> {
        let last = self.capacity.0.checked_sub(1)?;
        let left = self.capacity.0.saturating_sub(self.seen.len() as u64);
        let count = usize::try_from(count.min(left)).unwrap_or(usize::MAX);
        let mut drawn = Vec::new();
        let mut candidate = if self.seen.is_empty() { vec![Lba(last), Lba(0)] } else { Vec::new() };
        while drawn.len() < count {
            let lba = candidate.pop().unwrap_or_else(|| Lba(self.random.next_u64() % self.capacity.0));
            if self.seen.insert(lba) {
                drawn.push(lba);
            }
        }
        (!drawn.is_empty()).then_some(drawn)
    }
}

/// What was looked at so far, until enough tells something.
struct Survey {
    wanted: u64,
    most: u64,
    last: Option<u64>,
    telling: Vec<Print>,
    taken: Fingerprints,
}

impl Survey {
    fn new(capacity: BlockCount, wanted: u64) -> Self {
        Self {
            wanted,
            most: wanted.saturating_mul(LOOKS).min(capacity.0),
            last: capacity.0.checked_sub(1),
            telling: Vec::new(),
            taken: Fingerprints::default(),
        }
    }

    const fn looks_left(&self) -> u64 {
        self.most.saturating_sub(self.taken.looked.0)
    }

    /// Counts blocks in the order in which they were drawn, so that no place on the drive is preferred. What comes after
    /// enough is left out. Whether every block that counts was read, or could not be.
    fn add(&mut self, drawn: &[Lba], prints: &Prints) -> bool {
        let read: BTreeMap<Lba, Print> = prints.prints.iter().map(|print| (print.lba, *print)).collect();
        let mut whole = true;
        for lba in drawn {
            if self.telling.len() as u64 >= self.wanted {
                break;
            }
            let known = read.get(lba);
            if known.is_none() && !prints.unreadable.contains(*lba) {
                whole = false;
                continue;
            }
            self.taken.looked += BlockCount(1);
            match known {
                None => self.taken.unreadable += BlockCount(1),
                Some(_) if prints.blank.contains(*lba) => {
                    self.taken.blank += BlockCount(1);
                    if lba.0 == 0 || Some(lba.0) == self.last {
                        self.taken.blank_ends.extend(&set_of(&[*lba]));
                    }
                }
                Some(print) => self.telling.push(*print),
            }
        }
        whole
    }

    /// Enough tells something, or so many cannot be read that the drive is not worn out any further.
    fn is_over(&self) -> bool {
        self.telling.len() as u64 >= self.wanted || self.taken.unreadable.0 >= self.wanted
    }
}

#[cfg(test)]
mod tests;
