//! A whole job on a simulated zoned drive, from the decision to the verdict: the real plan, journal, replay, conversation,
//! worker and judge. Only processes and nodes are left out: the worker runs when it is given an order.
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use expunge::certificate::provenance::Given;
use expunge::device::{DriveFacts, Identity, QueueLimits, Reach, Zoned};
use expunge::engine::firmware::{News, Watch};
use expunge::engine::{Admission, Observer, Progress};
use expunge::io::{Adapter, BlockRead, BlockWrite, Tuning};
use expunge::job::arm::draw_patterns;
use expunge::job::carry_out::{Means, carry_out};
use expunge::job::clock::Clock;
use expunge::job::course::{Course, Run};
use expunge::job::entry::{Entry, Keeper as _};
use expunge::job::listen::Deaf;
use expunge::job::replay::{Story, replay};
use expunge::journal::{Journal, Store, recover};
use expunge::plan::{Decision, Plan, Policy, Request, decide};
use expunge::sim::SimStore;
use expunge::sim::zoned::ZonedDrive;
use expunge::unit::term::{DriveKind, Method};
use expunge::unit::{BlockCount, BlockSize, Geometry, Pattern, RangeSet, Reason, ReasonCode, ZoneMap};
use expunge::verify::{Verdict, judge};
use expunge::worker::message::{Event, Opened, Order, Terms};
use expunge::worker::parent::{Link, Report};
use expunge::worker::serve::{Drive, Teller, Way, serve};

/// Bytes of a transfer: eight blocks.
pub(crate) const TRANSFER: u32 = 4096;

pub(crate) fn geometry(blocks: u64) -> Geometry {
    let size = BlockSize::new(512).expect("a block size");
    Geometry { block_size: size, physical_block_size: size, capacity: BlockCount(blocks) }
}

/// What is known about a drive.
pub(crate) fn facts(drive: &ZonedDrive, blocks: u64) -> DriveFacts {
    DriveFacts {
        node: PathBuf::from("/dev/sim0"),
        kernel_name: "sim0".to_owned(),
        device: None,
        diskseq: Some(1),
        identity: Identity { serial: Some("ZONED-1".into()), ..Identity::default() },
        kind: DriveKind::Rotating,
        transport: None,
        bay: None,
        reach: Reach::Addressable(geometry(blocks)),
        queue: QueueLimits::default(),
        zoned: Zoned::HostManaged,
        zones: Some(ZoneMap::of(&drive.zones()).expect("zones of a drive")),
        read_only: false,
        removable: false,
        other_units: Vec::new(),
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: None,
    }
}

/// A request to clear, with a checkpoint after every few transfers.
pub(crate) fn request() -> Request {
    Request {
        method: Some(Method::Clear),
        rules: vec!["checkpoint=5ms".parse().expect("a rule")],
        ..Request::default()
    }
}

pub(crate) fn planned(request: &Request, facts: &DriveFacts) -> Plan {
    match decide(request, facts, &Policy::builtin()) {
        Decision::Planned(plan) => *plan,
        other => panic!("a plan: {other:?}"),
    }
}

/// The simulated disk of state.
struct Disk(SimStore);

impl Store for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

/// A job on a drive, in one sitting or several.
pub(crate) struct World {
    pub(crate) drive: ZonedDrive,
    pub(crate) facts: DriveFacts,
    pub(crate) plan: Plan,
    pub(crate) store: SimStore,
    pub(crate) patterns: Vec<Pattern>,
}

/// What a sitting came to.
pub(crate) struct Sat {
    pub(crate) verdict: Verdict,
    pub(crate) run: Run,
}

impl World {
    pub(crate) fn new(drive: &ZonedDrive, blocks: u64, request: &Request) -> Self {
        Self::with(drive, facts(drive, blocks), request)
    }

    /// On a drive of which this was found.
    pub(crate) fn with(drive: &ZonedDrive, facts: DriveFacts, request: &Request) -> Self {
        let plan = planned(request, &facts);
        let patterns = draw_patterns(&plan).expect("random numbers");
        Self { drive: drive.clone(), facts, plan, store: SimStore::new(), patterns }
    }

    /// The first sitting; `None` when the disk of state stopped before anything was written.
    pub(crate) fn begin(&self) -> Option<Sat> {
        let clock = Clock::start();
        let mut journal = Journal::over(Disk(self.store.clone()));
        let intent = Entry::Intent {
            at: clock.now(),
            job: "0199d4a8-1b7e-7b3a-9c55-1f0c7d2f6a01".to_owned(),
            number: 1,
            facts: Box::new(self.facts.clone()),
            notes: Vec::new(),
            plan_digest: Some(self.plan.digest()),
            plan: Some(Box::new(self.plan.clone())),
            given: Box::new(Given::default()),
            self_test: None,
            boot: None,
            records: None,
            key: None,
        };
        let armed = Entry::Armed { at: clock.now(), passes: self.patterns.clone() };
        [intent, armed]
            .iter()
            .all(|entry| journal.keep(entry).is_ok())
            .then(|| self.sit(Course::default(), &clock, &mut journal))
    }

    /// Goes on over what is left of the journal; `None` when there is nothing to go on with.
    pub(crate) fn go_on(&mut self) -> Option<Sat> {
        let bytes = self.store.durable();
        let recovered = recover(&bytes).expect("a crash is a torn end, never damage");
        let story = replay(&recovered.entries).ok()?;
        story.resumable().ok()?;
        self.store = SimStore::with(bytes[..recovered.length].to_vec());
        let clock = Clock::resume(story.last);
        let mut journal = Journal::after(Disk(self.store.clone()), &recovered);
        let node = self.facts.node.clone();
        let resumed = Entry::Resumed { at: clock.now(), node, diskseq: Some(2), boot: None };
        journal.keep(&resumed).expect("a disk of state that works");
        if story.patterns.is_empty() {
            let armed = Entry::Armed { at: clock.now(), passes: self.patterns.clone() };
            journal.keep(&armed).expect("a disk of state that works");
        }
        let Story { course, .. } = story.after(vec![resumed]).expect("a story that goes on");
        Some(self.sit(course, &clock, &mut journal))
    }

    fn sit(&self, course: Course, clock: &Clock, journal: &mut Journal<Disk>) -> Sat {
        let mut link = InLine { bay: Bay(self.drive.clone()), events: VecDeque::new(), millis: 0 };
        let stop = AtomicBool::new(false);
        let means = Means {
            link: &mut link,
            tuning: Tuning { depth: 4, transfer_bytes: TRANSFER, adapter: None },
            thermometer: None,
            seat: None,
            secret: None,
            stop: &stop,
            clock,
            listener: &mut Deaf,
            keeper: journal,
        };
        let run = carry_out(&self.plan, &self.patterns, course, means);
        let tallies: Vec<_> = run.passes.iter().map(|pass| pass.tally.clone()).collect();
        let read = run.verification.as_ref();
        let repair = read.and_then(|read| read.repair.as_ref());
        let verdict = judge(&self.plan, &[], &tallies, read.map(|read| &read.tally), repair, &run.ending);
        Sat { verdict, run }
    }
}

/// A worker that works while the order is given.
struct InLine {
    bay: Bay,
    events: VecDeque<Event>,
    millis: u64,
}

impl Link for InLine {
    fn order(&mut self, order: &Order) -> io::Result<()> {
        let mut speaker = Speaker { events: &mut self.events, millis: &mut self.millis };
        // What cannot go on was told as an event.
        let _told = serve(&mut self.bay, std::iter::once(order.clone()), &mut speaker);
        Ok(())
    }

    fn next(&mut self, _wait: Duration) -> Report {
        let over = || Report::End("the worker has nothing more to say".into());
        self.events.pop_front().map_or_else(over, Report::Event)
    }

    fn whereabouts(&self) -> String {
        "the worker in line".into()
    }
}

struct Bay(ZonedDrive);

impl Drive for Bay {
    fn writer(&mut self, terms: &Terms) -> io::Result<(Box<dyn BlockWrite>, Adapter)> {
        let port = self.0.open(terms.tuning.depth.into(), terms.tuning.transfer_bytes);
        Ok((Box::new(port), Adapter::IoUring))
    }

    fn reader(&mut self, terms: &Terms) -> io::Result<(Box<dyn BlockRead>, Adapter, Opened)> {
        let port = self.0.open(terms.tuning.depth.into(), terms.tuning.transfer_bytes);
        Ok((Box::new(port), Adapter::IoUring, Opened::Anew))
    }

    fn route(&mut self) -> Way {
        Err(Reason::new(ReasonCode::FirmwareRefused, "this drive takes no commands of its own", "none"))
    }
}

/// Its clock goes on by a millisecond each time it is looked at.
struct Speaker<'a> {
    events: &'a mut VecDeque<Event>,
    millis: &'a mut u64,
}

impl Teller for Speaker<'_> {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        self.events.push_back(event.clone());
        Ok(())
    }

    fn observer(&mut self, _terms: &Terms) -> &mut dyn Observer {
        self
    }

    fn watch(&mut self, _terms: &Terms) -> &mut dyn Watch {
        self
    }
}

impl Observer for Speaker<'_> {
    fn progress(&mut self, _progress: Progress) {}

    fn should_stop(&mut self) -> bool {
        false
    }

    fn now(&mut self) -> Duration {
        *self.millis += 1;
        Duration::from_millis(*self.millis)
    }

    fn rest(&mut self, time: Duration) {
        *self.millis += u64::try_from(time.as_millis()).expect("a short rest");
    }

    fn admit(&mut self, _bytes: u64) -> Admission {
        Admission::Go
    }

    fn checkpoint(&mut self, pass: u32, written: RangeSet) {
        self.events.push_back(Event::Checkpoint { pass, written });
    }
}

impl Watch for Speaker<'_> {
    fn now(&mut self) -> Duration {
        Observer::now(self)
    }

    fn rest(&mut self, time: Duration) {
        Observer::rest(self, time);
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn tell(&mut self, _news: &News) {}
}
