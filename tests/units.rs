//! A purge of a whole drive with two namespaces, of which one was named: survey, plan, journal, conversation, workers and
//! verdict are the real ones, the drive is the simulated controller.
#![allow(clippy::unwrap_used, reason = "a failure of the test bed fails the test")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use expunge::certificate::provenance::Given;
use expunge::device::survey::survey;
use expunge::device::{DriveFacts, Identity, QueueLimits, Reach, Zoned};
use expunge::engine::firmware::{News, Watch};
use expunge::engine::{Admission, Observer, Progress};
use expunge::io::{Adapter, BlockRead, BlockWrite, Channel, Route, Tuning};
use expunge::job::carry_out::{Means, carry_out_with};
use expunge::job::clock::Clock;
use expunge::job::course::{Course, Run};
use expunge::job::entry::{Entry, Keeper};
use expunge::job::listen::Deaf;
use expunge::job::replay::{Story, replay};
use expunge::job::units::UnitMeans;
use expunge::journal::{Journal, Store, recover};
use expunge::plan::firmware::{CanaryKind, Scope};
use expunge::plan::request::CanaryChoice;
use expunge::plan::{Decision, Plan, Policy, Request, decide};
use expunge::sim::SimStore;
use expunge::sim::controller::nvme::Namespace;
use expunge::sim::controller::quirk::Quirk;
use expunge::sim::controller::{NvmeSim, NvmeSpec, Shape};
use expunge::unit::term::{Disposition, DriveKind, Method, Outcome};
use expunge::unit::{RangeSet, ReasonCode};
use expunge::verify::steps::{CanaryWord, demand};
use expunge::verify::{Verdict, judge};
use expunge::worker::message::{Event, Opened, Order, Terms};
use expunge::worker::parent::{Link, Report};
use expunge::worker::serve::{self, Teller, Way, serve};

const JOB: &str = "0199d4a8-1b7e-7b3a-9c55-1f0c7d2f6a04";

struct Disk(SimStore);

impl Store for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

/// Keeps entries until the host dies.
struct Keeping {
    journal: Journal<Disk>,
    dies_before: Option<&'static str>,
}

impl Keeper for Keeping {
    fn keep(&mut self, entry: &Entry) -> io::Result<()> {
        let value = serde_json::to_value(entry).unwrap();
        if self.dies_before.is_some_and(|word| value["entry"] == word) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.journal.keep(entry)
    }
}

/// Who works on the other namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    HasAWorker,
    HasNone,
}

struct World {
    sim: NvmeSim,
    facts: DriveFacts,
    plan: Plan,
    store: SimStore,
}

impl World {
    fn new(quirks: &[Quirk], request: &Request) -> Self {
        let namespace = |nsid, blocks| Namespace { nsid, blocks, attached: true, write_protected: false };
        let shape = Shape { quirks: quirks.to_vec(), ..Shape::small(512, 512).used() };
        let spec = NvmeSpec::new(shape).namespaces(&[namespace(1, 256), namespace(2, 192)]);
        let sim = NvmeSim::new(spec);
        let facts = facts(&sim);
        let plan = match decide(request, &facts, &Policy::builtin()) {
            Decision::Planned(plan) => *plan,
            other => panic!("{other:?}"),
        };
        Self { sim, facts, plan, store: SimStore::new() }
    }

    fn begin(&self, other: Other, dies_before: Option<&'static str>) -> (Run, Verdict) {
        let clock = Clock::start();
        let mut journal = Journal::over(Disk(self.store.clone()));
        let intent = Entry::Intent {
            at: clock.now(),
            job: JOB.to_owned(),
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
        journal.keep(&intent).unwrap();
        journal.keep(&Entry::Armed { at: clock.now(), passes: Vec::new() }).unwrap();
        self.sit(Keeping { journal, dies_before }, &clock, Course::default(), other)
    }

    fn resume(&mut self) -> (Run, Verdict) {
        let recovered = recover(&self.store.durable()).unwrap();
        let story = self.story();
        story.resumable().unwrap();
        self.store = SimStore::with(self.store.durable()[..recovered.length].to_vec());
        let mut journal = Journal::after(Disk(self.store.clone()), &recovered);
        let clock = Clock::resume(story.last);
        let node = self.facts.node.clone();
        let resumed = Entry::Resumed { at: clock.now(), node, diskseq: Some(2), boot: None };
        journal.keep(&resumed).unwrap();
        let course = story.after(vec![resumed]).unwrap().course;
        self.sit(Keeping { journal, dies_before: None }, &clock, course, Other::HasAWorker)
    }

    fn sit(&self, mut keeper: Keeping, clock: &Clock, course: Course, other: Other) -> (Run, Verdict) {
        let (mut first, mut second) = (SimLink::new(&self.sim, 1), SimLink::new(&self.sim, 2));
        let tuning = Tuning { depth: 1, transfer_bytes: 16 * 1024, adapter: None };
        let geometry = self.sim.block_port(2).unwrap().geometry();
        let units = match other {
            Other::HasAWorker => {
                vec![UnitMeans { unit: "namespace 2".into(), geometry, link: &mut second, tuning }]
            }
            Other::HasNone => Vec::new(),
        };
        let means = Means {
            link: &mut first,
            tuning,
            thermometer: None,
            seat: None,
            secret: None,
            stop: &AtomicBool::new(false),
            clock,
            listener: &mut Deaf,
            keeper: &mut keeper,
        };
        let run = carry_out_with(&self.plan, &[], course, means, units);
        let steps: Vec<_> = run.steps.iter().map(|step| step.tally.clone()).collect();
        let read = run.verification.as_ref();
        let verdict = judge(&self.plan, &steps, &[], read.map(|read| &read.tally), None, &run.ending);
        (run, verdict)
    }

    fn story(&self) -> Story {
        let lines = recover(&self.store.durable()).unwrap().entries;
        replay(&lines).unwrap_or_else(|nonsense| panic!("{nonsense}"))
    }

    /// Numbers of the commands that were sent, in order.
    fn sent(&self) -> Vec<u64> {
        let lines = recover(&self.store.durable()).unwrap().entries;
        let number = |line: &Vec<u8>| {
            let value: serde_json::Value = serde_json::from_slice(line).unwrap();
            value["step"].as_u64().filter(|_| value["entry"] == "commanding")
        };
        lines.iter().filter_map(number).collect()
    }

    fn entries(&self) -> Vec<String> {
        let lines = recover(&self.store.durable()).unwrap().entries;
        let word = |line: &Vec<u8>| {
            let value: serde_json::Value = serde_json::from_slice(line).unwrap();
            value["entry"].as_str().unwrap().to_owned()
        };
        lines.iter().map(word).collect()
    }
}

fn request() -> Request {
    Request { method: Some(Method::Purge), scope: Scope::Drive, ..Request::default() }
}

/// What a claim of namespace 1 would find.
fn facts(sim: &NvmeSim) -> DriveFacts {
    let geometry = sim.block_port(1).unwrap().geometry();
    let mut route = Route { channel: Channel::Nvme(Box::new(sim.port())), nsid: Some(1) };
    let capability = survey(&mut route).unwrap();
    DriveFacts {
        node: PathBuf::from("/dev/nvme0n1"),
        kernel_name: "nvme0n1".to_owned(),
        device: None,
        diskseq: Some(1),
        identity: Identity { serial: Some("S1".into()), nsid: Some(1), ..Identity::default() },
        kind: DriveKind::Flash,
        transport: Some("nvme".into()),
        bay: None,
        reach: Reach::Addressable(geometry),
        queue: QueueLimits::default(),
        zoned: Zoned::None,
        zones: None,
        read_only: false,
        removable: false,
        other_units: vec!["nvme0n2".into()],
        other_paths: Vec::new(),
        content: Vec::new(),
        capability: Some(Box::new(capability)),
    }
}

/// A worker in this very thread: each order is carried out before the parent hears of it.
struct SimLink {
    bay: Bay,
    speaker: Speaker,
}

struct Bay {
    sim: NvmeSim,
    nsid: u32,
}

struct Speaker {
    sim: NvmeSim,
    events: Rc<RefCell<VecDeque<Event>>>,
}

impl SimLink {
    fn new(sim: &NvmeSim, nsid: u32) -> Self {
        let bay = Bay { sim: sim.clone(), nsid };
        Self { bay, speaker: Speaker { sim: sim.clone(), events: Rc::default() } }
    }
}

impl Link for SimLink {
    fn order(&mut self, order: &Order) -> io::Result<()> {
        serve(&mut self.bay, std::iter::once(order.clone()), &mut self.speaker)
    }

    fn next(&mut self, _wait: Duration) -> Report {
        let event = self.speaker.events.borrow_mut().pop_front();
        event.map_or_else(|| Report::End("the worker has left".into()), Report::Event)
    }

    fn whereabouts(&self) -> String {
        "this thread".into()
    }
}

impl serve::Drive for Bay {
    fn writer(&mut self, _terms: &Terms) -> io::Result<(Box<dyn BlockWrite>, Adapter)> {
        Ok((Box::new(self.sim.block_port(self.nsid).ok_or(io::ErrorKind::NotFound)?), Adapter::Sync))
    }

    fn reader(&mut self, _terms: &Terms) -> io::Result<(Box<dyn BlockRead>, Adapter, Opened)> {
        let port = self.sim.block_port(self.nsid).ok_or(io::ErrorKind::NotFound)?;
        Ok((Box::new(port), Adapter::Sync, Opened::Anew))
    }

    fn route(&mut self) -> Way {
        assert_eq!(self.nsid, 1, "only the unit that was named is given commands");
        Ok(Route { channel: Channel::Nvme(Box::new(self.sim.port())), nsid: Some(self.nsid) })
    }
}

impl Teller for Speaker {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        self.events.borrow_mut().push_back(event.clone());
        Ok(())
    }

    fn observer(&mut self, _terms: &Terms) -> &mut dyn Observer {
        self
    }

    fn watch(&mut self, _terms: &Terms) -> &mut dyn Watch {
        self
    }
}

impl Watch for Speaker {
    fn now(&mut self) -> Duration {
        Duration::from_millis(self.sim.clock().elapsed_ms())
    }

    fn rest(&mut self, time: Duration) {
        self.sim.pass_time(time);
    }

    fn should_stop(&mut self) -> bool {
        false
    }

    fn tell(&mut self, _news: &News) {}
}

impl Observer for Speaker {
    fn progress(&mut self, _progress: Progress) {}

    fn should_stop(&mut self) -> bool {
        false
    }

    fn now(&mut self) -> Duration {
        Watch::now(self)
    }

    fn rest(&mut self, time: Duration) {
        Watch::rest(self, time);
    }

    fn admit(&mut self, _bytes: u64) -> Admission {
        Admission::Go
    }

    fn checkpoint(&mut self, pass: u32, written: RangeSet) {
        self.events.borrow_mut().push_back(Event::Checkpoint { pass, written });
    }
}

#[test]
fn each_namespace_is_seen_to_change_before_the_drive_is_done() {
    let world = World::new(&[], &request());
    let (run, verdict) = world.begin(Other::HasAWorker, None);
    assert_eq!(verdict.outcome(), Outcome::Done, "{:?}", verdict.reasons());
    let canaries = run.steps[0].tally.canaries.as_ref().unwrap();
    let [unit] = &canaries.others[..] else { panic!("{canaries:?}") };
    assert_eq!(
        (unit.unit.as_str(), unit.word(&demand(&world.plan))),
        ("namespace 2", CanaryWord::AllChanged)
    );
    assert_eq!((unit.geometry.capacity.0, unit.planted.count().0), (192, 64));
    assert_ne!(unit.pattern, canaries.pattern, "a unit shares its key with no other");
    let scope = &verdict.evidence().unwrap().claim().scope;
    assert!(scope.contains("in: namespace 1, namespace 2") && !scope.contains("belongs to no"), "{scope}");
    // The order of what is durable: nothing is sent before all of it is planted.
    let all = [
        "planting",
        "planted",
        "planting-unit",
        "planted-unit",
        "commanding",
        "commanded",
        "unit-canaries-read",
        "canaries-read",
    ];
    let entries = world.entries();
    assert_eq!(entries[2..10], all.map(str::to_owned), "{entries:?}");
    assert_eq!(world.story().course.steps[0].tally, run.steps[0].tally);
}

#[test]
fn a_drive_that_spares_the_namespace_that_was_not_named_lies() {
    let world = World::new(&[Quirk::SkipsNamespace { nsid: 2 }], &request());
    let (run, verdict) = world.begin(Other::HasAWorker, None);
    assert_eq!(verdict.outcome(), Outcome::Failed);
    let [reason] = verdict.reasons() else { panic!("{:?}", verdict.reasons()) };
    assert_eq!(reason.code, ReasonCode::FirmwareLied);
    assert!(reason.text.contains("namespace 2") && reason.text.contains("the drive lies"), "{reason:?}");
    let canaries = run.steps[0].tally.canaries.as_ref().unwrap();
    assert_eq!(
        canaries.word(&demand(&world.plan)),
        CanaryWord::AllChanged,
        "the one that was named shows nothing of it"
    );
    assert_eq!(canaries.others[0].word(&demand(&world.plan)), CanaryWord::Survived);
}

fn by_fingerprints() -> Request {
    Request { canaries: CanaryChoice::Fingerprints, ..request() }
}

#[test]
fn fingerprints_of_each_namespace_vanish_and_are_known_again_after_an_interruption() {
    for (quirks, outcome) in
        [(&[][..], Outcome::Done), (&[Quirk::SkipsNamespace { nsid: 2 }][..], Outcome::Failed)]
    {
        let world = World::new(quirks, &by_fingerprints());
        let (run, verdict) = world.begin(Other::HasAWorker, None);
        assert_eq!(verdict.outcome(), outcome, "{:?}", verdict.reasons());
        let all = ["fingerprinted", "fingerprinted-unit", "commanding", "commanded", "unit-canaries-read"];
        assert_eq!(world.entries()[2..7], all.map(str::to_owned));
        let canaries = run.steps[0].tally.canaries.as_ref().unwrap();
        assert!(canaries.are_of_kind(CanaryKind::Fingerprints) && canaries.pattern.is_none());
        assert_eq!(canaries.others[0].planted.count().0, 64);
        let [own, other] = &run.steps[0].marks[..] else { panic!("marks of two namespaces") };
        assert_ne!(own.key, other.key);
        let is_failed = outcome == Outcome::Failed;
        assert_eq!(canaries.others[0].word(&demand(&world.plan)) == CanaryWord::Survived, is_failed);
        if is_failed {
            assert!(verdict.reasons()[0].text.contains("in namespace 2 the drive lies"));
        }
        // What was kept before the host died is what the drive is compared with afterwards.
        for word in ["fingerprinted", "fingerprinted-unit", "commanding", "commanded"] {
            let mut world = World::new(quirks, &by_fingerprints());
            let (before, verdict) = world.begin(Other::HasAWorker, Some(word));
            assert_eq!(verdict.outcome(), Outcome::Unknown, "{word}");
            let (after, verdict) = world.resume();
            // Nobody kept that the drive took the command: then it shows nothing of who had it erased, or half erased.
            let expected = if word == "commanded" { Outcome::Unknown } else { outcome };
            assert_eq!(verdict.outcome(), expected, "{word}: {:?}", verdict.reasons());
            let kept = before.steps[0].marks == after.steps[0].marks;
            assert_eq!(kept, word == "commanded", "{word}: before the command they are taken anew");
        }
    }
}

/// What was over when the host died is carried out anew, on a drive that holds what it left: a survivor is no lie then.
#[test]
fn fingerprints_that_are_taken_anew_may_be_of_what_the_job_left() {
    let by_job = |run: &Run| {
        let canaries = run.steps[0].tally.canaries.as_ref().unwrap();
        let others = canaries.others.iter().map(|unit| &unit.fingerprints);
        let all = others.chain([&canaries.fingerprints]).map(|taken| taken.as_ref().unwrap().left_by_job);
        all.collect::<Vec<bool>>()
    };
    let mut world = World::new(&[], &by_fingerprints());
    let (before, _) = world.begin(Other::HasAWorker, Some("unit-canaries-read"));
    assert_eq!(by_job(&before), [false, false]);
    let (after, _) = world.resume();
    assert!(world.entries().iter().any(|entry| entry == "commands-anew"));
    let known = by_job(&after);
    assert!(!known.is_empty() && known.iter().all(|anew| *anew), "{known:?}");
    assert!(world.story().course.commands_anew, "and a later sitting knows it");
}

/// A namespace that holds nothing tells nothing: the command is not sent, whatever the other one holds.
#[test]
fn a_blank_namespace_has_no_fingerprints_that_tell() {
    let world = World::new(&[], &by_fingerprints());
    let zeros = vec![0; 192 * 512];
    assert_eq!(world.sim.write_blocks(2, 0, &zeros), 0);
    let (run, verdict) = world.begin(Other::HasAWorker, None);
    assert_eq!((verdict.outcome(), verdict.disposition()), (Outcome::Failed, Disposition::Quarantined));
    let text = &verdict.reasons()[0].text;
    assert!(text.contains("in namespace 2 too few blocks hold something"), "{text}");
    assert!(run.steps.iter().all(|step| step.sent.is_none()) && world.sim.oracle().deeds().is_empty());
}

/// A command whose end nothing could show in one of its units is not sent.
#[test]
fn a_namespace_without_canaries_keeps_the_command_from_being_sent() {
    let world = World::new(&[], &request());
    let (run, verdict) = world.begin(Other::HasNone, None);
    assert_eq!((verdict.outcome(), verdict.disposition()), (Outcome::Failed, Disposition::Quarantined));
    let [reason] = verdict.reasons() else { panic!("{:?}", verdict.reasons()) };
    assert!(reason.text.contains("namespace 2"), "{reason:?}");
    assert!(run.steps.iter().all(|step| step.sent.is_none()) && world.sim.oracle().deeds().is_empty());
}

/// The host dies around every entry about the other namespace; a command is sent anew only where what was written in the
/// other namespace meanwhile would not be seen, and the lie is found whenever it dies.
#[test]
fn an_interruption_hides_no_namespace() {
    let words =
        ["planting-unit", "planted-unit", "commanding", "unit-canaries-read", "canaries-read", "verifying"];
    for (quirks, outcome) in
        [(&[][..], Outcome::Done), (&[Quirk::SkipsNamespace { nsid: 2 }][..], Outcome::Failed)]
    {
        for word in words {
            let mut world = World::new(quirks, &request());
            let (_, verdict) = world.begin(Other::HasAWorker, Some(word));
            if word == "verifying" && outcome == Outcome::Failed {
                assert_eq!(verdict.outcome(), outcome, "it was found before");
                continue;
            }
            assert_eq!(verdict.outcome(), Outcome::Unknown, "{word}");
            let (_, verdict) = world.resume();
            assert_eq!(verdict.outcome(), outcome, "{word}: {:?}", verdict.reasons());
            let anew = world.entries().iter().any(|entry| entry == "commands-anew");
            let over = matches!(word, "unit-canaries-read" | "canaries-read" | "verifying");
            assert_eq!(anew, over, "{word}");
            let mut sent = world.sent();
            let all = sent.len();
            sent.sort_unstable();
            sent.dedup();
            assert!(all > 0 && (sent.len() == all) != anew, "{word}: {sent:?}");
        }
    }
}
