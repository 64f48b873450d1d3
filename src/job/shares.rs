//! How the drives of a job share what the operator allows: for the host, for each bus, for each drive.
//!
//! Shares are max-min fair: all rise together, and each stops where its own limit, its bus or the host is used up.
//! No drive can have more without one that has less (or no more) losing. A drive that cannot use its share leaves
//! the rest to the others.
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a drive that is slower than its share keeps over its measured rate, in percent, so that it can become
/// faster again. A drive that uses nine tenths of it is no longer taken to be slow; the two must leave a gap
/// (100/125 is below 9/10), or a steady drive would be taken for slow and fast by turns.
const HEADROOM_PERCENT: u128 = 125;

/// Part of its allowance from which on a drive wants more, in percent.
const USED_PERCENT: u128 = 90;

/// What a slow drive keeps at least, in bytes in a second: one that stood still for a while must be able to show
/// that it goes on. Less where its share is less.
const LEAST_KEPT: u64 = 4 << 20;

/// What the operator allows, in bytes in a second; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// All drives together.
    pub host: Option<NonZeroU64>,
    /// All drives on one bus together, the same for each bus.
    pub bus: Option<NonZeroU64>,
    /// One drive.
    pub drive: Option<NonZeroU64>,
}

/// One drive that takes part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// What it hangs on, as `device::bus_of` gives it. `None` where that is not known: such a drive counts as
    /// alone on a bus of its own.
    pub bus: Option<String>,
    /// Its measured rate in bytes in a second, when it is known not to use its share; `None` when it wants all that
    /// it can get.
    pub demand: Option<u64>,
}

/// What each member may use, in bytes in a second, in the order of the members; `None` where nothing limits it.
///
/// Never zero, so that every drive comes to its end: limits of fewer bytes than there are drives are exceeded by one
/// byte for each drive. Up to a byte for each drive of a limit stays unused, because shares are whole bytes.
pub fn allot(limits: &Limits, members: &[Member]) -> Vec<Option<NonZeroU64>> {
    if limits.host.is_none() && limits.bus.is_none() {
        // Nothing is shared, so that holding down a slow drive would help nobody.
        return vec![limits.drive; members.len()];
    }
    let filled = Filling::new(limits, members).run();
    filled.into_iter().map(|share| Some(NonZeroU64::new(share).unwrap_or(NonZeroU64::MIN))).collect()
}

/// A limit that several members share: what is left of it, and how many still rise.
#[derive(Clone, Copy)]
struct Pool {
    left: Option<u64>,
    open: u64,
}

impl Pool {
    /// What each of those that still rise may come to, as far as this limit goes.
    fn level(self) -> u64 {
        self.left.map_or(u64::MAX, |left| left / self.open.max(1))
    }

    /// One member stopped at its share, which is not above [`Self::level`].
    fn take(&mut self, share: u64) {
        self.left = self.left.map(|left| left.saturating_sub(share));
        self.open -= 1;
    }
}

/// The shares while they rise.
struct Filling {
    host: Pool,
    buses: Vec<Pool>,
    /// For each member: the bus it is on, and the most that it takes.
    members: Vec<(usize, u64)>,
}

impl Filling {
    fn new(limits: &Limits, members: &[Member]) -> Self {
        let mut filling = Self { host: pool(limits.host), buses: Vec::new(), members: Vec::new() };
        let mut known: HashMap<&str, usize> = HashMap::new();
        for member in members {
            let new = filling.buses.len();
            let bus = member.bus.as_deref().map_or(new, |bus| *known.entry(bus).or_insert(new));
            if bus == new {
                filling.buses.push(pool(limits.bus));
            }
            let drive = limits.drive.map_or(u64::MAX, NonZeroU64::get);
            filling.members.push((bus, member.demand.map_or(u64::MAX, kept).min(drive)));
            filling.host.open += 1;
            filling.buses[bus].open += 1;
        }
        filling
    }

    /// Those that come to their end first stop there, and the others go on with what is left, until all have stopped.
    /// A level never falls when a member stops at or below it, so the first to stop would stop there in any case.
    fn run(mut self) -> Vec<u64> {
        let mut shares: Vec<Option<u64>> = vec![None; self.members.len()];
        loop {
            let rising = || (0..shares.len()).filter(|index| shares[*index].is_none());
            let ends: Vec<(usize, u64)> = rising().map(|index| (index, self.end_of(index))).collect();
            let Some(first) = ends.iter().map(|(_, end)| *end).min() else { break };
            for (index, _) in ends.into_iter().filter(|(_, end)| *end == first) {
                shares[index] = Some(first);
                self.host.take(first);
                self.buses[self.members[index].0].take(first);
            }
        }
        shares.into_iter().flatten().collect()
    }

    /// Where a member would stop if all rose alike from here.
    fn end_of(&self, index: usize) -> u64 {
        let (bus, most) = self.members[index];
        most.min(self.host.level()).min(self.buses[bus].level())
    }
}

fn pool(limit: Option<NonZeroU64>) -> Pool {
    Pool { left: limit.map(NonZeroU64::get), open: 0 }
}

/// What a drive of this measured rate keeps at most.
fn kept(rate: u64) -> u64 {
    let with_headroom = u128::from(rate) * HEADROOM_PERCENT / 100;
    u64::try_from(with_headroom).unwrap_or(u64::MAX).max(LEAST_KEPT)
}

/// The drives that share, and what each may use just now. Threads of all drives hold it.
#[derive(Clone, Debug)]
pub struct Shares(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    limits: Limits,
    seats: BTreeMap<u64, Place>,
    next: u64,
}

#[derive(Debug)]
struct Place {
    member: Member,
    allowance: Option<NonZeroU64>,
    /// The smallest allowance since the last report, by which the next report is judged: a drive that was given
    /// more just before could not use it yet.
    least: Option<NonZeroU64>,
}

impl Table {
    fn allot_again(&mut self) {
        let members: Vec<Member> = self.seats.values().map(|place| place.member.clone()).collect();
        for (place, allowance) in self.seats.values_mut().zip(allot(&self.limits, &members)) {
            place.allowance = allowance;
            place.least = match (place.least, allowance) {
                (Some(least), Some(allowance)) => Some(least.min(allowance)),
                (least, allowance) => least.or(allowance),
            };
        }
    }
}

impl Shares {
    /// With nobody at the table.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Table { limits, seats: BTreeMap::new(), next: 0 })))
    }

    /// One more drive; all shares change at once. It leaves when the seat is dropped.
    pub fn join(&self, bus: Option<String>) -> Seat {
        let mut table = self.lock();
        let number = table.next;
        table.next += 1;
        let member = Member { bus, demand: None };
        table.seats.insert(number, Place { member, allowance: None, least: None });
        table.allot_again();
        drop(table);
        Seat { shares: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Whoever panicked left at worst shares that the next change makes anew.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one drive among those that share.
#[derive(Debug)]
pub struct Seat {
    shares: Shares,
    number: u64,
}

impl Seat {
    /// Tells the rate that was measured since the last report, in bytes in a second. A drive that used nine tenths of
    /// what it was allowed wants all that it can get; any other leaves the rest of its share to the others.
    pub fn report(&self, rate: u64) {
        let mut table = self.shares.lock();
        if let Some(place) = table.seats.get_mut(&self.number) {
            let used =
                |allowance: NonZeroU64| u128::from(rate) * 100 >= u128::from(allowance.get()) * USED_PERCENT;
            place.member.demand = if place.least.is_none_or(used) { None } else { Some(rate) };
            place.least = None;
        }
        table.allot_again();
    }

    /// What the drive may use from now on, in bytes in a second; `None` where nothing limits it.
    pub fn allowance(&self) -> Option<NonZeroU64> {
        self.shares.lock().seats.get(&self.number).and_then(|place| place.allowance)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.shares.lock();
        table.seats.remove(&self.number);
        table.allot_again();
    }
}

#[cfg(test)]
mod tests;
