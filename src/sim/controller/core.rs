//! What all simulated controllers share: cells, virtual time, power, the one operation that may be running, and the
//! record of what was asked and what truly happened.
use super::bytes::index;
use super::job::{Job, Mapping, Reach, Running, Work, at_ms};
use super::keys::{Lock, MediaKeys};
use super::media::{Fill, Media};
use super::quirk::{Quirk, QuirkName, Return};
use super::spec::Shape;
use crate::sim::clock::SimClock;

/// One command that arrived, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Virtual milliseconds.
    pub at_ms: u64,
    /// Command block or submission queue entry.
    pub command: Vec<u8>,
    /// What was sent with it.
    pub sent: Vec<u8>,
}

/// How an operation really ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The drive says that it succeeded.
    Succeeded,
    /// The drive says that it failed.
    Failed,
    /// The power was lost and it does not go on.
    CutOff,
}

/// What truly happened: one operation from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What.
    pub work: Work,
    /// How it ended, as the drive tells it.
    pub ending: Ending,
    /// Cells that it should have erased and that hold old data still.
    pub left: u64,
}

impl Deed {
    /// Whether the drive says that it succeeded although it left old data.
    pub fn is_lie(&self) -> bool {
        self.ending == Ending::Succeeded && self.left > 0
    }
}

/// What happened since the model of the transport looked last, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Ended(Work, Ending),
    PowerLost,
    PowerReturned(Return),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Here,
    /// The node is gone until then, the drive goes on.
    Dropped(u64),
    /// No power until then; `None`: until it is switched on.
    Off(Option<(u64, Return)>),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) shape: Shape,
    pub(super) media: Media,
    pub(super) clock: SimClock,
    pub(super) keys: MediaKeys,
    pub(super) events: Vec<Event>,
    pub(super) asked: Vec<Asked>,
    pub(super) deeds: Vec<Deed>,
    pub(super) running: Option<Running>,
    /// Addresses that the drive presents; the rest is hidden.
    pub(super) presented: u64,
    /// Addresses of each namespace, for a drive that skips one.
    pub(super) windows: Vec<(u32, std::ops::Range<u64>)>,
    pub(super) power_cycles: u64,
    place: Place,
    attachment: u64,
    accounted_ms: u64,
    fired: Vec<QuirkName>,
    keys_seen: u64,
    operations: u64,
    failures: u32,
}

impl Core {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            media: Media::new(shape),
            clock: SimClock::default(),
            keys: MediaKeys::default(),
            events: Vec::new(),
            asked: Vec::new(),
            deeds: Vec::new(),
            running: None,
            presented: shape.blocks,
            windows: Vec::new(),
            power_cycles: 1,
            place: Place::Here,
            attachment: 1,
            accounted_ms: 0,
            fired: Vec::new(),
            keys_seen: 0,
            operations: 0,
            failures: 0,
            shape: shape.clone(),
        }
    }

    /// The quirk of this kind, if the drive has it.
    pub(super) fn quirk(&self, name: QuirkName) -> Option<Quirk> {
        self.shape.quirks.iter().copied().find(|quirk| quirk.name() == name)
    }

    pub(super) fn has(&self, name: QuirkName) -> bool {
        self.quirk(name).is_some()
    }

    /// Number of the present attachment: a port that was opened under another one is dead.
    pub(super) const fn attachment(&self) -> u64 {
        self.attachment
    }

    /// Whether the drive answers a port of this attachment.
    pub(super) fn answers(&self, attachment: u64) -> bool {
        self.place == Place::Here && attachment == self.attachment
    }

    /// Whether it answers anybody.
    pub(super) fn is_here(&self) -> bool {
        self.place == Place::Here
    }

    /// Takes note of a command, and lets the time of a command pass.
    pub(super) fn ask(&mut self, command: &[u8], sent: &[u8]) {
        self.asked.push(Asked {
            at_ms: self.clock.elapsed_ms(),
            command: command.to_vec(),
            sent: sent.to_vec(),
        });
        self.clock.advance_ms(self.shape.command_ms);
    }

    /// Whether a unit attention is due at the command that was noted last.
    pub(super) fn attention_due(&self) -> bool {
        let number = (self.asked.len() as u64).saturating_sub(1);
        match self.quirk(QuirkName::UnitAttention) {
            Some(Quirk::UnitAttention { first, every }) => {
                let since = number.checked_sub(u64::from(first));
                since.is_some_and(|since| since.is_multiple_of(u64::from(every).max(2)))
            }
            Some(_) | None => false,
        }
    }

    /// Starts an operation; the caller has seen to it that none is running.
    pub(super) fn start(&mut self, mut job: Job) {
        self.operations += 1;
        if self.has(QuirkName::NeverShown) {
            job.duration_ms = 0;
        }
        if self.has(QuirkName::UnmapsOnly) {
            job.mapping = Mapping::Forget;
        } else if self.has(QuirkName::ErasesNothing) {
            job.mapping = Mapping::Keep;
        }
        let cells = self.reached(&job);
        self.running = Some(Running::new(job, cells));
        self.settle();
    }

    /// What a cryptographic erase leaves: another noise each time.
    pub(super) const fn noise(&self) -> Fill {
        Fill::Noise(self.shape.seed.wrapping_add(self.operations.wrapping_mul(0x1_0000_0001)))
    }

    /// Cells that an operation is meant to reach.
    fn meant(&self, reach: &Reach) -> Vec<u32> {
        match reach {
            Reach::Everything => (0..self.media.cells()).collect(),
            Reach::Slots(ranges) => {
                ranges.iter().cloned().flatten().filter_map(|slot| self.media.cell_of(slot)).collect()
            }
        }
    }

    /// Cells that an operation will really reach.
    fn reached(&self, job: &Job) -> Vec<u32> {
        if self.has(QuirkName::ErasesNothing) || self.has(QuirkName::UnmapsOnly) {
            return Vec::new();
        }
        let mut spared = vec![false; index(u64::from(self.media.cells()))];
        let mut spare = |cells: Vec<u32>| {
            for cell in cells {
                spared[index(u64::from(cell))] = true;
            }
        };
        let of_slots =
            |slots: std::ops::Range<u64>| slots.filter_map(|slot| self.media.cell_of(slot)).collect();
        for quirk in &self.shape.quirks {
            match *quirk {
                Quirk::SkipsLastBlock => spare(of_slots(self.presented - 1..self.presented)),
                Quirk::SkipsHidden => spare(of_slots(self.presented..self.media.slots())),
                Quirk::SkipsSpare => spare(self.media.unaddressed()),
                Quirk::PhysicalSectorsRemain => spare(self.media.retired()),
                Quirk::SkipsNamespace { nsid } => {
                    let own = self.windows.iter().filter(|(number, _)| *number == nsid);
                    own.for_each(|(_, window)| spare(of_slots(window.clone())));
                }
                _ => {}
            }
        }
        self.meant(&job.reach).into_iter().filter(|cell| !spared[index(u64::from(*cell))]).collect()
    }

    /// Brings everything up to the present time.
    pub(super) fn settle(&mut self) {
        self.lose_keys();
        let now = self.clock.elapsed_ms();
        loop {
            self.fire_due();
            if matches!(self.place, Place::Dropped(back) if back <= self.accounted_ms) {
                self.place = Place::Here;
            }
            if self.accounted_ms >= now {
                return;
            }
            match self.place {
                Place::Off(Some((back, returns))) if back <= now => {
                    self.accounted_ms = self.accounted_ms.max(back);
                    self.power_on(returns);
                }
                Place::Off(_) => self.accounted_ms = now,
                Place::Dropped(back) => self.run(now.min(back)),
                Place::Here => self.run(now),
            }
        }
    }

    /// Lets the drive work until a time, or until something happens.
    fn run(&mut self, until_ms: u64) {
        let time = until_ms - self.accounted_ms;
        let stop = self.next_stop_ms();
        let hangs_at = self.hangs_at();
        let Some(running) = &mut self.running else {
            self.accounted_ms = until_ms;
            return;
        };
        let step = time.min(stop.saturating_sub(running.spent_ms));
        running.spent_ms = running.spent_ms.saturating_add(step);
        running.apply(&mut self.media, hangs_at);
        self.accounted_ms += step;
    }

    fn hangs_at(&self) -> Option<u16> {
        match self.quirk(QuirkName::NeverEnds) {
            Some(Quirk::NeverEnds { at }) => Some(at),
            Some(_) | None => None,
        }
    }

    /// What is due in the course of an operation, and after how much time spent on it.
    fn stops(&self) -> Vec<(u64, Quirk)> {
        let Some(running) = &self.running else { return Vec::new() };
        let pending = self.shape.quirks.iter().filter(|quirk| !self.fired.contains(&quirk.name()));
        let timed = pending.filter_map(|quirk| match *quirk {
            Quirk::Fails { at, times } if self.failures < times => {
                Some((at_ms(at, running.job.duration_ms), *quirk))
            }
            Quirk::NodeDrops { at, .. } | Quirk::PowerFails { at, .. } => {
                Some((at_ms(at, running.job.duration_ms), *quirk))
            }
            _ => None,
        });
        timed.collect()
    }

    fn next_stop_ms(&self) -> u64 {
        let end = match (&self.running, self.hangs_at()) {
            (Some(running), None) => running.job.duration_ms,
            (Some(_), Some(_)) | (None, _) => u64::MAX,
        };
        self.stops().iter().map(|(at, _)| *at).fold(end, u64::min)
    }

    /// Carries out what is due at this moment of the operation.
    fn fire_due(&mut self) {
        let Some(spent) = self.running.as_ref().map(|running| running.spent_ms) else { return };
        for (at, quirk) in self.stops() {
            if at > spent || self.running.is_none() {
                continue;
            }
            match quirk {
                Quirk::Fails { .. } => {
                    self.failures += 1;
                    self.end(Ending::Failed);
                }
                Quirk::NodeDrops { back_ms, .. } => {
                    self.fired.push(quirk.name());
                    self.drop_node(back_ms);
                }
                Quirk::PowerFails { back_ms, returns, .. } => {
                    self.fired.push(quirk.name());
                    let back = self.accounted_ms.saturating_add(back_ms);
                    self.lose_power(Some((back, returns)));
                    return;
                }
                _ => {}
            }
        }
        let ends = self.running.as_ref().is_some_and(|running| running.spent_ms >= running.job.duration_ms);
        if ends && self.hangs_at().is_none() {
            let remains = self.has(QuirkName::PhysicalSectorsRemain);
            self.end(if remains { Ending::Failed } else { Ending::Succeeded });
        }
    }

    fn end(&mut self, ending: Ending) {
        let Some(mut running) = self.running.take() else { return };
        if ending == Ending::Succeeded {
            running.apply(&mut self.media, None);
            if running.job.mapping == Mapping::Forget {
                let all = 0..self.media.slots();
                let ranges =
                    if let Reach::Slots(ranges) = &running.job.reach { ranges.clone() } else { vec![all] };
                ranges.into_iter().flatten().for_each(|slot| self.media.unmap(slot));
            }
        }
        let meant = self.meant(&running.job.reach);
        let left = meant.into_iter().filter(|cell| self.media.is_old(*cell)).count() as u64;
        let work = running.job.work;
        self.deeds.push(Deed { work, ending, left });
        self.events.push(Event::Ended(work, ending));
    }

    fn drop_node(&mut self, back_ms: u64) {
        if self.place == Place::Here {
            self.place = Place::Dropped(self.accounted_ms.saturating_add(back_ms));
            self.attachment += 1;
        }
    }

    /// Takes the power away until it is switched on.
    pub(super) fn power_cut(&mut self) {
        self.settle();
        self.lose_power(None);
    }

    fn lose_power(&mut self, back: Option<(u64, Return)>) {
        if !matches!(self.place, Place::Off(_)) {
            self.attachment += 1;
            self.events.push(Event::PowerLost);
        }
        self.place = Place::Off(back);
        if self.running.as_ref().is_some_and(|running| !running.job.work.survives_power()) {
            self.end(Ending::CutOff);
        }
    }

    /// Switches it on.
    pub(super) fn power_on(&mut self, returns: Return) {
        if !matches!(self.place, Place::Off(_)) {
            return;
        }
        self.place = Place::Here;
        self.power_cycles += 1;
        self.events.push(Event::PowerReturned(returns));
        if self.running.is_some() && self.has(QuirkName::NoResume) {
            self.end(Ending::Failed);
        }
    }

    /// Media keys that the TPer destroyed leave noise.
    fn lose_keys(&mut self) {
        if self.keys.generation() != self.keys_seen {
            self.keys_seen = self.keys.generation();
            // Counted after it, as by an operation: the next one leaves another noise.
            let noise = self.noise();
            self.operations += 1;
            (0..self.media.cells()).for_each(|cell| self.media.fill(cell, noise));
        }
    }

    /// Whether blocks can be reached: no key is held back.
    pub(super) fn is_locked(&self) -> bool {
        self.keys.lock() == Lock::Locked
    }

    /// The progress that the drive tells of what it is doing.
    pub(super) fn told_progress(&self) -> Option<u16> {
        self.running.as_ref().map(|running| running.told_progress(&self.shape.quirks))
    }

    /// The operation that is running.
    pub(super) fn busy_with(&self) -> Option<Work> {
        self.running.as_ref().map(|running| running.job.work)
    }
}
